/* SPDX-License-Identifier: MIT
 *
 * Escaping and times.
 */
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/reader.h"
#include "routing/conf.h"

void *need(void *memory)
{
	if (memory)
		return memory;
	fputs("bunshin: out of memory\n", stderr);
	exit(10);
}

/* ---- escaping ---- */

/* Bytes of the UTF-8 sequence at the front and its code point; 0: there is none. */
static size_t sequence_at(const char *text, size_t left, uint32_t *out_point)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (bytes > left || !utf8_check(at, bytes))
		return 0;
	*out_point = bytes == 1 ? at[0] : at[0] & (0xffu >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++)
		*out_point = *out_point << 6 | (at[i] & 0x3fu);
	return bytes;
}

/* Control characters, and marks that change the order of text, join it invisibly or end a line. */
static bool is_harmful(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
	       (point >= 0xe0000 && point <= 0xe007f);
}

static size_t escape(uint32_t point, char *out)
{
	if (point == '\n')
		return (size_t)sprintf(out, "\\n");
	if (point == '\t')
		return (size_t)sprintf(out, "\\t");
	if (point == '\r')
		return (size_t)sprintf(out, "\\r");
	if (point < 0x80)
		return (size_t)sprintf(out, "\\x%02x", point);
	return (size_t)sprintf(out, "\\u%04x", point);
}

static char *make_safe(const char *text, size_t bytes, bool lines)
{
	char *safe = need(malloc(8 * bytes + 1)); /* \ue007f, the longest, stands for four bytes */
	size_t used = 0;

	for (size_t i = 0; i < bytes;) {
		uint32_t point = 0;
		size_t step = sequence_at(text + i, bytes - i, &point);
		if (step == 0) {
			used += (size_t)sprintf(safe + used, "\\x%02x", (uint8_t)text[i++]);
			continue;
		}
		if (is_harmful(point) && !(lines && (point == '\n' || point == '\t'))) {
			used += escape(point, safe + used);
		} else {
			memcpy(safe + used, text + i, step);
			used += step;
		}
		i += step;
	}
	safe[used] = 0;
	return safe;
}

char *text_safe(const char *text, size_t bytes)
{
	return make_safe(text, bytes, false);
}

char *text_safe_lines(const char *text, size_t bytes)
{
	return make_safe(text, bytes, true);
}

char *text_of_message(const char *text, size_t bytes)
{
	char *copy = need(malloc(4 * bytes + 1));
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (text[i])
			copy[used++] = text[i];
		else
			used += (size_t)sprintf(copy + used, "\\x00");
	}
	copy[used] = 0;
	return copy;
}

/* In the text of JSON these characters stand in strings only, where \u may replace them. */
char *json_safe(const json_t *json, size_t flags)
{
	char *text = need(json_dumps(json, flags | JSON_ENCODE_ANY));
	size_t bytes = strlen(text);
	char *safe = need(malloc(12 * bytes + 1));
	size_t used = 0;

	for (size_t i = 0; i < bytes;) {
		uint32_t point = 0;
		size_t step = sequence_at(text + i, bytes - i, &point);
		if (step > 1 && point > 0xffff && is_harmful(point)) {
			used += (size_t)sprintf(safe + used, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10),
						0xdc00 + (point & 0x3ff));
		} else if ((step > 1 || point == 0x7f) && is_harmful(point)) {
			used += (size_t)sprintf(safe + used, "\\u%04x", point);
		} else {
			step = step ? step : 1;
			memcpy(safe + used, text + i, step);
			used += step;
		}
		i += step;
	}
	safe[used] = 0;
	free(text);
	return safe;
}

/* ---- times ---- */

void time_print_utc(uint64_t unix_ms, char out[TIME_TEXT_BYTES])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;
	size_t used;

	if (!gmtime_r(&seconds, &parts) || parts.tm_year > 8099) {
		snprintf(out, TIME_TEXT_BYTES, "?");
		return;
	}
	used = strftime(out, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out + used, TIME_TEXT_BYTES - used, ".%03uZ", (unsigned)(unix_ms % 1000));
}

void time_print_local(uint64_t unix_ms, char out[TIME_TEXT_BYTES])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) || strftime(out, TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		snprintf(out, TIME_TEXT_BYTES, "?");
}

uint64_t time_read_utc(const char *text)
{
	struct tm parts = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	unsigned ms = 0;

	if (!rest || (*rest == '.' && sscanf(rest, ".%3uZ", &ms) != 1))
		return 0;
	return (uint64_t)timegm(&parts) * 1000 + ms;
}

static void print_two(unsigned long long first, const char *unit, unsigned long long second, const char *small,
		      char out[SPAN_TEXT_BYTES])
{
	if (second)
		snprintf(out, SPAN_TEXT_BYTES, "%llu %s %llu %s", first, unit, second, small);
	else
		snprintf(out, SPAN_TEXT_BYTES, "%llu %s", first, unit);
}

void span_print(uint64_t ms, char out[SPAN_TEXT_BYTES])
{
	unsigned long long seconds = ms / 1000;

	if (ms < 1000)
		snprintf(out, SPAN_TEXT_BYTES, "%llu ms", (unsigned long long)ms);
	else if (seconds < 60)
		snprintf(out, SPAN_TEXT_BYTES, "%llu.%llu s", seconds, (unsigned long long)(ms % 1000 / 100));
	else if (seconds < 3600)
		print_two(seconds / 60, "min", seconds % 60, "s", out);
	else if (seconds < 86400)
		print_two(seconds / 3600, "h", seconds / 60 % 60, "min", out);
	else
		print_two(seconds / 86400, "d", seconds / 3600 % 24, "h", out);
}

/* The moment that broken-down local or UTC time names. */
static bool moment_of(struct tm *parts, bool utc, uint64_t *out_ms)
{
	time_t seconds;

	parts->tm_isdst = -1;
	seconds = utc ? timegm(parts) : mktime(parts);
	if (seconds < 0)
		return false;
	*out_ms = (uint64_t)seconds * 1000;
	return true;
}

static bool moment_of_today(const char *text, uint64_t now_ms, uint64_t *out_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm parts;
	const char *rest;

	if (!localtime_r(&now, &parts))
		return false;
	parts.tm_sec = 0;
	rest = strptime(text, "%H:%M", &parts);
	if (rest && *rest == ':')
		rest = strptime(rest, ":%S", &parts);
	return rest && !*rest && moment_of(&parts, false, out_ms);
}

/* Midnight of today or of the day before, in the time zone of the person. */
static bool moment_of_day(const char *text, uint64_t now_ms, uint64_t *out_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm parts;

	if ((strcmp(text, "today") != 0 && strcmp(text, "yesterday") != 0) || !localtime_r(&now, &parts))
		return false;
	parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
	parts.tm_mday -= *text == 'y';
	return moment_of(&parts, false, out_ms);
}

/* What may follow the seconds: ".345", and "Z" or an offset such as "+02:00". False if there is anything else. */
static bool moment_end(const char *rest, unsigned *out_ms, bool *out_utc, int *out_east_minutes)
{
	unsigned hours, minutes;
	int used = 0;

	*out_ms = 0;
	*out_utc = false;
	*out_east_minutes = 0;
	if (*rest == '.') {
		for (unsigned place = 100; *++rest >= '0' && *rest <= '9'; place /= 10)
			*out_ms += (unsigned)(*rest - '0') * place;
	}
	if (*rest == 'Z') {
		*out_utc = true;
		return !rest[1];
	}
	if (*rest != '+' && *rest != '-')
		return !*rest;
	if (sscanf(rest + 1, "%2u:%2u%n", &hours, &minutes, &used) != 2 || used != 5 || rest[6] || hours > 14 || minutes > 59)
		return false;
	*out_utc = true;
	*out_east_minutes = (*rest == '-' ? -1 : 1) * (int)(hours * 60 + minutes);
	return true;
}

bool moment_parse(const char *text, uint64_t now_ms, uint64_t *out_ms)
{
	struct tm parts = {0};
	const char *rest = strptime(text, "%Y-%m-%d", &parts);
	uint32_t ago;
	unsigned ms;
	int east_minutes;
	bool utc;

	if (!rest) {
		if (duration_parse(text, &ago) == 0 && ago <= now_ms) {
			*out_ms = now_ms - ago;
			return true;
		}
		return moment_of_day(text, now_ms, out_ms) || moment_of_today(text, now_ms, out_ms);
	}
	if (*rest == 'T' || *rest == ' ')
		rest = strptime(rest + 1, "%H:%M", &parts);
	if (rest && *rest == ':')
		rest = strptime(rest, ":%S", &parts);
	if (!rest || !moment_end(rest, &ms, &utc, &east_minutes))
		return false;
	parts.tm_min -= east_minutes;
	if (!moment_of(&parts, utc, out_ms))
		return false;
	*out_ms += ms;
	return true;
}

unsigned text_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t width = strlen(b);

	if (width >= 64)
		return 64;
	for (unsigned j = 0; j <= width; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			unsigned above = row[j];
			unsigned best = corner + (*a != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			corner = above;
		}
	}
	return row[width];
}
