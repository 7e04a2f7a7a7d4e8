/* SPDX-License-Identifier: MIT
 *
 * People in commits.
 */
#include "workspace/store/person.h"

#include <string.h>

/* ---- writing ---- */

static bool is_crud(char c)
{
	return (c > 0 && c <= 32) || c == '.' || c == ',' || c == ':' || c == ';' || c == '<' || c == '>' || c == '"' ||
	       c == '\\' || c == '\'';
}

/* Without what may not stand in it, and what git leaves away at both ends. */
static size_t clean(const char *text, char *out)
{
	size_t bytes = strlen(text), from = 0, at = 0;
	while (from < bytes && is_crud(text[from]))
		from++;
	while (bytes > from && is_crud(text[bytes - 1]))
		bytes--;
	for (size_t i = from; i < bytes; i++) {
		if (text[i] != '<' && text[i] != '>' && text[i] != '\n')
			out[at++] = text[i];
	}
	return at;
}

static size_t number(uint64_t value, char *out)
{
	char digits[20];
	size_t count = 0, at = 0;
	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (count)
		out[at++] = digits[--count];
	return at;
}

static size_t zone(int minutes, char *out)
{
	int size = minutes < 0 ? -minutes : minutes;
	int clock = size / 60 * 100 + size % 60;
	out[0] = minutes < 0 ? '-' : '+';
	for (int i = 4; i > 0; i--, clock /= 10)
		out[i] = (char)('0' + clock % 10);
	out[5] = '\n';
	return 6;
}

size_t person_print(const struct workspace_person *person, char *out, const char **out_why)
{
	if (!person->name || !person->email) {
		*out_why = "has no name or no email";
		return 0;
	}
	if (person->seconds < 0 || person->minutes < -99 * 60 - 59 || person->minutes > 99 * 60 + 59) {
		*out_why = "has a time before 1970, or a zone of more than 99 hours and 59 minutes";
		return 0;
	}
	size_t at = clean(person->name, out);
	if (at == 0) {
		*out_why = "has a name with no letters in it";
		return 0;
	}
	out[at++] = ' ';
	out[at++] = '<';
	at += clean(person->email, out + at);
	out[at++] = '>';
	out[at++] = ' ';
	at += number((uint64_t)person->seconds, out + at);
	out[at++] = ' ';
	return at + zone(person->minutes, out + at);
}

/* ---- reading ---- */

static const char *span_end(const char *at, const char *end)
{
	while (at < end && *at != '<' && *at != '>' && *at != '\n')
		at++;
	return at;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* As strtoumax reads it: white space and a plus sign may come first. */
static const char *time_parse(const char *at, const char *end, int64_t *out_seconds)
{
	if (*at == '0' && at[1] != ' ')
		return NULL;
	while (*at == ' ' || (*at >= '\t' && *at <= '\r' && *at != '\n'))
		at++;
	at += *at == '+';
	const char *first = at;
	for (*out_seconds = 0; at < end && is_digit(*at); at++) {
		if (__builtin_mul_overflow(*out_seconds, 10, out_seconds) ||
		    __builtin_add_overflow(*out_seconds, *at - '0', out_seconds))
			return NULL;
	}
	return at > first && *at == ' ' ? at + 1 : NULL;
}

static bool zone_parse(const char *at, const char *end, int *out_minutes)
{
	if (end - at < 6 || (*at != '+' && *at != '-') || at[5] != '\n')
		return false;
	for (int i = 1; i < 5; i++) {
		if (!is_digit(at[i]))
			return false;
	}
	int hours = (at[1] - '0') * 10 + (at[2] - '0'), minutes = hours * 60 + (at[3] - '0') * 10 + (at[4] - '0');
	*out_minutes = *at == '-' ? -minutes : minutes;
	return true;
}

const char *person_parse(const char *line, const char *end, struct workspace_person *out_person, struct person_spans *out_spans)
{
	const char *less = span_end(line, end);
	if (less == end || *less != '<' || less == line || less[-1] != ' ')
		return "a person is written NAME <EMAIL> SECONDS +HHMM, and this has no name before <";
	const char *more = span_end(less + 1, end);
	if (more == end || *more != '>' || more[1] != ' ')
		return "a person is written NAME <EMAIL> SECONDS +HHMM, and this has no > after the email";
	const char *rest = time_parse(more + 2, end, &out_person->seconds);
	if (!rest)
		return "a person is written NAME <EMAIL> SECONDS +HHMM, and these seconds are no number that git takes";
	if (!zone_parse(rest, end, &out_person->minutes))
		return "a person is written NAME <EMAIL> SECONDS +HHMM, and this has no zone";
	*out_spans = (struct person_spans){line, less + 1, (size_t)(less - 1 - line), (size_t)(more - less - 1)};
	return NULL;
}

/* ---- reading what nobody checked ---- */

#define ZONE_MAX (99 * 60 + 59)

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* UINT64_MAX for more. */
static const char *digits_read(const char *at, const char *end, uint64_t *out_value)
{
	bool is_more = false;
	for (*out_value = 0; at < end && is_digit(*at); at++)
		is_more |= __builtin_mul_overflow(*out_value, 10, out_value) ||
			   __builtin_add_overflow(*out_value, (uint64_t)(*at - '0'), out_value);
	if (is_more)
		*out_value = UINT64_MAX;
	return at;
}

/* Where the time begins: people have had > in their names. */
static const char *time_find(const char *line, const char *end)
{
	const char *more = memrchr(line, '>', (size_t)(end - line));
	return more ? skip_spaces(more + 1, end) : end;
}

int64_t person_order(const char *line, const char *end)
{
	const char *at = time_find(line, end);
	bool is_negative = at < end && *at == '-';
	uint64_t value;
	at += at < end && (*at == '-' || *at == '+');
	(void)digits_read(at, end, &value);
	if (is_negative && value != UINT64_MAX)
		value = 0 - value;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* "+0130", and whatever else has stood there: digits as hours and two for minutes. */
static int zone_read(const char *at, const char *end)
{
	uint64_t value;
	at = skip_spaces(at, end);
	if (at == end || (*at != '+' && *at != '-'))
		return 0;
	(void)digits_read(at + 1, end, &value);
	if (value > 9999 || value / 100 * 60 + value % 100 > ZONE_MAX)
		return 0;
	int minutes = (int)(value / 100 * 60 + value % 100);
	return *at == '-' ? -minutes : minutes;
}

void person_read(const char *line, const char *end, struct workspace_person *out_person, struct person_spans *out_spans)
{
	const char *less = memchr(line, '<', (size_t)(end - line));
	const char *more = less ? memchr(less, '>', (size_t)(end - less)) : NULL;
	uint64_t seconds;
	*out_person = (struct workspace_person){0};
	*out_spans = (struct person_spans){line, line, 0, 0};
	if (!more)
		return;
	const char *name_end = less;
	while (name_end > line && is_space(name_end[-1]))
		name_end--;
	*out_spans = (struct person_spans){line, less + 1, (size_t)(name_end - line), (size_t)(more - less - 1)};
	const char *at = time_find(line, end);
	at += at < end && *at == '+';
	const char *rest = digits_read(at, end, &seconds);
	if (rest == at || seconds > INT64_MAX)
		return;
	out_person->seconds = (int64_t)seconds;
	out_person->minutes = zone_read(rest, end);
}
