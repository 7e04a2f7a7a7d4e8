/* SPDX-License-Identifier: MIT
 *
 * Any bytes on their way to a terminal: what comes out is UTF-8 without anything that a terminal obeys, ordinary text is unchanged, making
 * it safe once more changes nothing; JSON stays the same value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "protocol/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static uint32_t point_at(const uint8_t *at, size_t step)
{
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t point = at[0] & mask[step];

	for (size_t i = 1; i < step; i++)
		point = point << 6 | (at[i] & 0x3fu);
	return point;
}

static bool is_obeyed(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

/* `allowed`: the control characters that may stay. */
static void check(const char *text, const char *allowed)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t bytes = strlen(text);

	if (!utf8_check(at, bytes))
		abort();
	for (size_t i = 0, step; i < bytes; i += step) {
		step = at[i] < 0x80 ? 1 : at[i] < 0xe0 ? 2 : at[i] < 0xf0 ? 3 : 4;
		uint32_t point = point_at(at + i, step);
		if (is_obeyed(point) && !(point < 0x80 && strchr(allowed, (int)point)))
			abort();
	}
}

static void check_text(const char *at, size_t bytes)
{
	char *safe = text_safe(at, bytes), *lines = text_safe_lines(at, bytes), *again = text_safe(safe, strlen(safe));
	char *plain = text_of_message(at, bytes);

	check(safe, "");
	check(lines, "\n\t");
	if (strcmp(safe, again) != 0 || strlen(safe) < bytes || strlen(plain) < bytes)
		abort();
	free(safe);
	free(lines);
	free(again);
	free(plain);
}

static void check_json(const char *at, size_t bytes)
{
	json_t *json = json_loadb(at, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *again;
	char *safe;

	if (!json)
		return;
	safe = json_safe(json, JSON_COMPACT);
	check(safe, "");
	again = json_loads(safe, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!again || !json_equal(json, again))
		abort();
	json_decref(json);
	json_decref(again);
	free(safe);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	check_text((const char *)at, bytes);
	check_json((const char *)at, bytes);
	return 0;
}
