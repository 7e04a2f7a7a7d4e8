/* SPDX-License-Identifier: MIT
 *
 * Canonical JSON.
 */
#include "protocol/canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX   17 /* as many give back every double */
#define SAFE_INTEGER ((int64_t)9007199254740991)

/* ---- numbers ---- */

/* value = 0.DIGITS * 10^point */
struct decimal {
	char digits[DIGITS_MAX + 1];
	int count;
	int point;
};

/* Takes "d.ddde±x" apart; whatever stands for the point depends on the locale and is passed over. */
static void decimal_read(const char *text, struct decimal *out)
{
	out->count = 0;
	for (; *text != 'e'; text++) {
		if (*text >= '0' && *text <= '9')
			out->digits[out->count++] = *text;
	}
	out->digits[out->count] = 0;
	out->point = atoi(text + 1) + 1;
	while (out->count > 1 && out->digits[out->count - 1] == '0')
		out->digits[--out->count] = 0;
}

/* The next larger number of as many digits, in the text of printf. False: it would have one digit more before the point. */
static bool text_raise(char *text)
{
	for (char *at = strchr(text, 'e'); at-- > text;) {
		if (*at < '0' || *at > '9')
			continue;
		if (*at < '9') {
			*at = (char)(*at + 1);
			return true;
		}
		*at = '0';
	}
	return false;
}

/* The fewest digits that are read back as `value`, which is positive. Below a power of two doubles stand closer than above it: there the
 * nearest short number can miss while the next larger one fits. */
static void decimal_shortest(double value, struct decimal *out)
{
	char text[40];

	for (int count = 1; count <= DIGITS_MAX; count++) {
		snprintf(text, sizeof(text), "%.*e", count - 1, value);
		if (strtod(text, NULL) == value ||
		    (strtod(text, NULL) < value && text_raise(text) && strtod(text, NULL) == value))
			break;
	}
	decimal_read(text, out);
}

static void print_exponent(const struct decimal *decimal, char *out, size_t room)
{
	int exponent = decimal->point - 1;

	snprintf(out, room, "%c%s%se%c%d", decimal->digits[0], decimal->count > 1 ? "." : "", decimal->digits + 1,
		 exponent < 0 ? '-' : '+', abs(exponent));
}

void canonical_number(double value, char out[CANONICAL_NUMBER_BYTES])
{
	static const char zeros[] = "0000000000000000000000";
	struct decimal decimal;
	size_t room = CANONICAL_NUMBER_BYTES;

	if (value == 0) { /* minus zero as well */
		memcpy(out, "0", 2);
		return;
	}
	if (value < 0) {
		*out++ = '-';
		room--;
		value = -value;
	}
	decimal_shortest(value, &decimal);
	if (decimal.point > 21 || decimal.point <= -6)
		print_exponent(&decimal, out, room);
	else if (decimal.point >= decimal.count)
		snprintf(out, room, "%s%.*s", decimal.digits, decimal.point - decimal.count, zeros);
	else if (decimal.point > 0)
		snprintf(out, room, "%.*s.%s", decimal.point, decimal.digits, decimal.digits + decimal.point);
	else
		snprintf(out, room, "0.%.*s%s", -decimal.point, zeros, decimal.digits);
}

/* ---- text ---- */

/* The escape of a character, or 0 bytes where it stands for itself. */
static size_t escape_of(uint8_t character, char out[8])
{
	static const char short_ones[] = "\bb\tt\nn\ff\rr\"\"\\\\";

	if (character >= 0x20 && character != '"' && character != '\\')
		return 0;
	for (const char *at = short_ones; *at; at += 2) {
		if ((uint8_t)*at == character)
			return (size_t)snprintf(out, 8, "\\%c", at[1]);
	}
	return (size_t)snprintf(out, 8, "\\u%04x", character);
}

int canonical_string(const char *text, size_t bytes, struct buffer *buffer)
{
	size_t begun = 0; /* of what is not appended yet */
	char escape[8];
	int rc = buffer_append(buffer, "\"", 1);

	for (size_t i = 0; i < bytes && !rc; i++) {
		size_t used = escape_of((uint8_t)text[i], escape);
		if (used == 0)
			continue;
		rc = buffer_append(buffer, text + begun, i - begun);
		if (!rc)
			rc = buffer_append(buffer, escape, used);
		begun = i + 1;
	}
	if (!rc)
		rc = buffer_append(buffer, text + begun, bytes - begun);
	return rc ? rc : buffer_append(buffer, "\"", 1);
}

int canonical_integer(int64_t value, struct buffer *buffer)
{
	bool safe = value >= -SAFE_INTEGER && value <= SAFE_INTEGER;
	char text[24];
	int used = snprintf(text, sizeof(text), "%s%" PRId64 "%s", safe ? "" : "\"", value, safe ? "" : "\"");

	return buffer_append(buffer, text, (size_t)used);
}

/* ---- values ---- */

static bool is_last_of_plane_zero(uint8_t lead)
{
	return lead == 0xee || lead == 0xef; /* U+E000 to U+FFFF */
}

/* Order of two names as UTF-16. It is that of the bytes, but for characters beyond U+FFFF: their surrogates come before U+E000. */
static int name_order(const void *a, const void *b)
{
	const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;

	while (*x == *y && *x) {
		x++;
		y++;
	}
	if (*x >= 0xf0 && is_last_of_plane_zero(*y))
		return -1;
	if (*y >= 0xf0 && is_last_of_plane_zero(*x))
		return 1;
	return (*x > *y) - (*x < *y);
}

static int put_members(json_t *json, const char **names, struct buffer *buffer)
{
	size_t count = 0;
	int rc = buffer_append(buffer, "{", 1);

	for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
		names[count++] = json_object_iter_key(at);
	qsort(names, count, sizeof(*names), name_order);
	for (size_t i = 0; i < count && !rc; i++) {
		rc = i ? buffer_append(buffer, ",", 1) : 0;
		if (!rc)
			rc = canonical_string(names[i], strlen(names[i]), buffer);
		if (!rc)
			rc = buffer_append(buffer, ":", 1);
		if (!rc)
			rc = canonical_json(json_object_get(json, names[i]), buffer);
	}
	return rc ? rc : buffer_append(buffer, "}", 1);
}

static int put_object(json_t *json, struct buffer *buffer)
{
	const char **names = malloc((json_object_size(json) + 1) * sizeof(*names));
	int rc = names ? put_members(json, names, buffer) : ERR_MEMORY;

	free(names);
	return rc;
}

static int put_array(const json_t *json, struct buffer *buffer)
{
	int rc = buffer_append(buffer, "[", 1);

	for (size_t i = 0; i < json_array_size(json) && !rc; i++) {
		rc = i ? buffer_append(buffer, ",", 1) : 0;
		if (!rc)
			rc = canonical_json(json_array_get(json, i), buffer);
	}
	return rc ? rc : buffer_append(buffer, "]", 1);
}

static int put_real(double value, struct buffer *buffer)
{
	char text[CANONICAL_NUMBER_BYTES];

	canonical_number(value, text);
	return buffer_append(buffer, text, strlen(text));
}

int canonical_json(json_t *json, struct buffer *buffer)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return put_object(json, buffer);
	case JSON_ARRAY:
		return put_array(json, buffer);
	case JSON_STRING:
		return canonical_string(json_string_value(json), json_string_length(json), buffer);
	case JSON_INTEGER:
		return canonical_integer(json_integer_value(json), buffer);
	case JSON_REAL:
		return put_real(json_real_value(json), buffer);
	case JSON_TRUE:
		return buffer_append(buffer, "true", 4);
	case JSON_FALSE:
		return buffer_append(buffer, "false", 5);
	default:
		return buffer_append(buffer, "null", 4);
	}
}
