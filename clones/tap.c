/* SPDX-License-Identifier: MIT
 *
 * The Test Anything Protocol (https://testanything.org): "ok 1 - name # SKIP why", "not ok 2 - name", and YAML below a point.
 *
 * Subtests are indented by four, and come before the point that sums them up; node writes "# Subtest: name" ahead of them.
 */
#include <string.h>

#include "clones/cases.h"

#define DEPTH_MAX 16u

struct tap {
	struct cases *cases;
	char name[DEPTH_MAX][CASE_NAME_BYTES]; /* of the subtest announced at each depth */
	bool inside[DEPTH_MAX + 1];            /* points were seen at this depth since the last one above it */
	bool failed[DEPTH_MAX + 1];            /* … and one of them failed */
	size_t last;                           /* 1 + index of the case that the lines below belong to; 0: none */
	bool after_point;                      /* the line before was a point: only then "---" begins its YAML */
	bool in_yaml;
};

struct line {
	const char *at;
	size_t bytes;
	size_t depth;
};

static bool next_line(struct bytes text, size_t *from, struct line *out_line)
{
	if (*from >= text.bytes)
		return false;
	const char *start = (const char *)text.at + *from;
	const char *newline = memchr(start, '\n', text.bytes - *from);
	size_t bytes = newline ? (size_t)(newline - start) : text.bytes - *from;
	size_t spaces = 0;
	*from += bytes + 1;
	while (spaces < bytes && start[spaces] == ' ')
		spaces++;
	while (bytes > spaces && (start[bytes - 1] == '\r' || start[bytes - 1] == ' '))
		bytes--;
	*out_line = (struct line){start + spaces, bytes - spaces, spaces / 4};
	return true;
}

static bool starts(const struct line *line, const char *with)
{
	return line->bytes >= strlen(with) && memcmp(line->at, with, strlen(with)) == 0;
}

static bool directive(const struct line *line, const char *word, const char **out_at)
{
	for (size_t i = 0; i + 2 + strlen(word) <= line->bytes; i++) {
		if (line->at[i] != '#' || (i > 0 && line->at[i - 1] == '\\'))
			continue;
		size_t at = i + 1;
		while (at < line->bytes && line->at[at] == ' ')
			at++;
		bool same = at + strlen(word) <= line->bytes;
		for (size_t k = 0; same && word[k]; k++)
			same = (line->at[at + k] | 0x20) == word[k];
		if (same) {
			*out_at = line->at + i;
			return true;
		}
	}
	return false;
}

/* Without number and dash; up to the directive. */
static void point_name(const struct line *line, const char *end, const char **out_at, size_t *out_bytes)
{
	const char *at = line->at + (line->at[0] == 'n' ? 6 : 2);
	while (at < end && *at == ' ')
		at++;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	while (at < end && (*at == ' ' || *at == '-'))
		at++;
	while (end > at && end[-1] == ' ')
		end--;
	*out_at = at;
	*out_bytes = (size_t)(end - at);
}

/* The names of the subtests around, joined by " > ". */
static size_t path_of(const struct tap *tap, size_t depth, char *out, size_t capacity)
{
	size_t used = 0;
	for (size_t i = 0; i < depth && i < DEPTH_MAX; i++) {
		size_t bytes = strlen(tap->name[i]);
		if (bytes == 0 || used + bytes + 3 >= capacity)
			continue;
		if (used) {
			memcpy(out + used, " > ", 3);
			used += 3;
		}
		memcpy(out + used, tap->name[i], bytes);
		used += bytes;
	}
	return used;
}

static void take_point(struct tap *tap, const struct line *line)
{
	char suite[DEPTH_MAX * CASE_NAME_BYTES];
	const char *end = line->at + line->bytes;
	const char *name;
	size_t name_bytes;
	bool passed = line->at[0] == 'o';
	bool todo = directive(line, "todo", &end);
	bool skipped = directive(line, "skip", &end);
	size_t depth = line->depth < DEPTH_MAX ? line->depth : DEPTH_MAX - 1;
	bool parent = tap->inside[depth + 1];
	bool child_failed = tap->failed[depth + 1];
	point_name(line, end, &name, &name_bytes);
	for (size_t i = depth + 1; i <= DEPTH_MAX; i++)
		tap->inside[i] = tap->failed[i] = false;
	tap->inside[depth] = true;
	tap->failed[depth] = tap->failed[depth] || (!passed && !todo);
	tap->name[depth][0] = '\0';
	tap->last = 0;
	tap->in_yaml = false;
	if (parent && (passed || child_failed || skipped || todo))
		return;
	enum verdict verdict = skipped || (todo && !passed) ? VERDICT_SKIPPED : passed ? VERDICT_PASSED : VERDICT_FAILED;
	if (cases_add(tap->cases, suite, path_of(tap, depth, suite, sizeof(suite)), name, name_bytes, verdict))
		tap->last = tap->cases->count;
}

static void take_subtest(struct tap *tap, const struct line *line)
{
	size_t bytes = line->bytes - 11;
	if (line->depth >= DEPTH_MAX)
		return;
	if (bytes >= CASE_NAME_BYTES)
		bytes = CASE_NAME_BYTES - 1;
	memcpy(tap->name[line->depth], line->at + 11, bytes);
	tap->name[line->depth][bytes] = '\0';
}

static double number_of(const char *at, size_t bytes)
{
	double value = 0;
	double unit = 0;
	for (size_t i = 0; i < bytes; i++) {
		if (at[i] == '.' && unit == 0)
			unit = 1;
		else if (at[i] < '0' || at[i] > '9')
			break;
		else if (unit == 0)
			value = 10 * value + (at[i] - '0');
		else
			value += (at[i] - '0') * (unit /= 10);
	}
	return value;
}

static void append(struct tap *tap, char **text, const struct line *line)
{
	char joined[2 * CASE_TEXT_BYTES];
	size_t before = strlen(*text);
	if (before + line->bytes + 1 > CASE_TEXT_BYTES)
		return;
	memcpy(joined, *text, before);
	memcpy(joined + before, line->at, line->bytes);
	joined[before + line->bytes] = '\n';
	case_text(tap->cases, text, joined, before + line->bytes + 1, false);
}

/* The lines between "---" and "..." under a point: what node says there about time and error; of others, all of it. */
static void take_yaml(struct tap *tap, const struct line *line)
{
	struct test_case *one = &tap->cases->at[tap->last - 1];
	if (starts(line, "duration_ms: "))
		one->seconds = number_of(line->at + 13, line->bytes - 13) / 1000;
	else if (one->verdict != VERDICT_PASSED && !starts(line, "type: ") && !starts(line, "...") && !starts(line, "---"))
		append(tap, &one->message, line);
}

static bool is_point(const struct line *line)
{
	if (starts(line, "ok"))
		return line->bytes == 2 || line->at[2] == ' ';
	return starts(line, "not ok") && (line->bytes == 6 || line->at[6] == ' ');
}

static void take_line(struct tap *tap, const struct line *line)
{
	if (tap->in_yaml) {
		tap->in_yaml = !starts(line, "...");
		if (tap->last && tap->in_yaml)
			take_yaml(tap, line);
	} else if (is_point(line)) {
		take_point(tap, line);
		tap->after_point = true;
		return;
	} else if (starts(line, "# Subtest: ")) {
		take_subtest(tap, line);
	} else if (tap->after_point && line->bytes == 3 && starts(line, "---")) {
		tap->in_yaml = true;
	}
	tap->after_point = false;
}

void read_tap(struct cases *cases, struct bytes text)
{
	struct tap tap = {.cases = cases};
	struct line line;
	for (size_t from = 0; next_line(text, &from, &line);)
		take_line(&tap, &line);
}
