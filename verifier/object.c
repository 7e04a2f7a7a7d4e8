/* SPDX-License-Identifier: MIT */
#include "verifier/object.h"

#include <stdio.h>
#include <string.h>

struct scan {
	const uint8_t *begin;
	const uint8_t *at;
	const uint8_t *end;
	const char *wrong; /* what was expected at `at` */
};

static bool refuse(struct scan *scan, const char *wrong)
{
	if (!scan->wrong)
		scan->wrong = wrong;
	return false;
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\r' || *scan->at == '\n'))
		scan->at++;
}

static bool take(struct scan *scan, char letter)
{
	if (scan->at == scan->end || *scan->at != (uint8_t)letter)
		return false;
	scan->at++;
	return true;
}

static bool take_word(struct scan *scan, const char *word)
{
	size_t bytes = strlen(word);

	if ((size_t)(scan->end - scan->at) < bytes || memcmp(scan->at, word, bytes) != 0)
		return false;
	scan->at += bytes;
	return true;
}

/* ---- text ---- */

/* Bytes of the UTF-8 character that begins here, RFC 3629; 0: it is none. */
static size_t character_bytes(const uint8_t *at, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t bytes;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	bytes = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (bytes > left)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return bytes;
}

static int hex_digit(uint8_t letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	letter |= 0x20;
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static int unit_read(const uint8_t *at)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* \uXXXX behind its "\u"; surrogates only as a pair. */
static bool take_unit(struct scan *scan)
{
	int unit = scan->end - scan->at >= 4 ? unit_read(scan->at) : -1;

	if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return refuse(scan, "four hexadecimal digits of a character");
	scan->at += 4;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	unit = scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u' ? unit_read(scan->at + 2) : -1;
	if (unit < 0xdc00 || unit > 0xdfff)
		return refuse(scan, "the second half of a character");
	scan->at += 6;
	return true;
}

static bool take_escape(struct scan *scan)
{
	if (scan->at == scan->end || !memchr("\"\\/bfnrtu", *scan->at, 9))
		return refuse(scan, "an escape that JSON has");
	return *scan->at++ != 'u' || take_unit(scan);
}

/* Behind the opening quote. */
static bool take_text(struct scan *scan, struct value *out_value)
{
	*out_value = (struct value){.kind = VALUE_TEXT, .raw.at = scan->at, .plain = true};
	while (scan->at < scan->end && *scan->at != '"') {
		if (*scan->at == '\\') {
			out_value->plain = false;
			scan->at++;
			if (!take_escape(scan))
				return false;
		} else {
			size_t bytes = *scan->at < 0x20 ? 0 : character_bytes(scan->at, (size_t)(scan->end - scan->at));

			if (!bytes)
				return refuse(scan, "text in UTF-8 without control characters");
			scan->at += bytes;
		}
	}
	out_value->raw.bytes = (size_t)(scan->at - out_value->raw.at);
	return take(scan, '"') || refuse(scan, "the end of a text");
}

static size_t character_write(uint32_t character, uint8_t *out)
{
	if (character < 0x80) {
		out[0] = (uint8_t)character;
		return 1;
	}
	if (character < 0x800) {
		out[0] = (uint8_t)(0xc0 | character >> 6);
		out[1] = (uint8_t)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		out[0] = (uint8_t)(0xe0 | character >> 12);
		out[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (character & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | character >> 18);
	out[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (character & 0x3f));
	return 4;
}

/* An escape that was checked, at its letter; moves `*at` behind it. */
static uint32_t escape_read(const uint8_t **at)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *known = strchr(letters, **at);
	uint32_t character;

	if (**at != 'u') {
		character = known ? (uint8_t)meant[known - letters] : **at;
		(*at)++;
		return character;
	}
	character = (uint32_t)unit_read(*at + 1);
	*at += 5;
	if (character < 0xd800 || character > 0xdbff)
		return character;
	character = 0x10000 + ((character - 0xd800) << 10) + (uint32_t)(unit_read(*at + 2) - 0xdc00);
	*at += 6;
	return character;
}

size_t value_text(const struct value *value, uint8_t *out)
{
	const uint8_t *at = value->raw.at, *end = at + value->raw.bytes;
	size_t bytes = 0;

	while (at < end) {
		if (*at != '\\') {
			out[bytes++] = *at++;
			continue;
		}
		at++;
		bytes += character_write(escape_read(&at), out + bytes);
	}
	return bytes;
}

/* ---- numbers and words ---- */

static size_t take_digits(struct scan *scan)
{
	const uint8_t *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (size_t)(scan->at - from);
}

static bool take_number(struct scan *scan, struct value *out_value)
{
	const uint8_t *from = scan->at, *first;

	take(scan, '-');
	first = scan->at;
	if (!take_digits(scan) || (*first == '0' && scan->at - first > 1))
		return refuse(scan, "a number");
	if (take(scan, '.') && !take_digits(scan))
		return refuse(scan, "digits behind the point");
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			take(scan, '-');
		if (!take_digits(scan))
			return refuse(scan, "digits of an exponent");
	}
	*out_value = (struct value){.kind = VALUE_NUMBER, .raw = {from, (size_t)(scan->at - from)}};
	return true;
}

static bool take_simple(struct scan *scan, struct value *out_value)
{
	static const struct {
		const char *word;
		enum value_kind kind;
	} words[] = {{"null", VALUE_NULL}, {"true", VALUE_TRUE}, {"false", VALUE_FALSE}};

	if (take(scan, '"'))
		return take_text(scan, out_value);
	for (size_t i = 0; i < 3; i++) {
		if (!take_word(scan, words[i].word))
			continue;
		*out_value = (struct value){.kind = words[i].kind};
		return true;
	}
	return take_number(scan, out_value);
}

bool value_number(const struct value *value, uint64_t *out_number)
{
	return value->kind == VALUE_NUMBER && span_number(value->raw, out_number);
}

/* ---- what is nested ---- */

/* "name": in an object, nothing in an array. */
static bool take_name(struct scan *scan, bool in_object)
{
	struct value name;

	if (!in_object)
		return true;
	skip_space(scan);
	if (!take(scan, '"'))
		return refuse(scan, "the name of a member");
	if (!take_text(scan, &name))
		return false;
	skip_space(scan);
	return take(scan, ':') || refuse(scan, "a colon");
}

/* Closes as many levels as end here, and takes the comma behind. False: an error, or `*depth` is 0. */
static bool take_ends(struct scan *scan, uint64_t *objects, unsigned *depth)
{
	while (*depth) {
		bool in_object = *objects >> (*depth - 1) & 1;

		skip_space(scan);
		if (take(scan, ','))
			return take_name(scan, in_object);
		if (!take(scan, in_object ? '}' : ']'))
			return refuse(scan, "a comma or the end of what is nested");
		(*depth)--;
	}
	return false;
}

/* An array or object, whose opening bracket is next. One bit a level says whether it is an object. */
static bool skip_nested(struct scan *scan, struct value *out_value)
{
	const uint8_t *from = scan->at;
	enum value_kind kind = *from == '{' ? VALUE_OBJECT : VALUE_ARRAY;
	uint64_t objects = 0;
	unsigned depth = 0;
	struct value ignored;

	do {
		skip_space(scan);
		if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '[')) {
			bool object = *scan->at++ == '{';

			if (depth == OBJECT_DEPTH_MAX)
				return refuse(scan, "less nesting");
			objects = (objects & ~((uint64_t)1 << depth)) | (uint64_t)object << depth;
			depth++;
			skip_space(scan);
			if (!take(scan, object ? '}' : ']')) {
				if (!take_name(scan, object))
					return false;
				continue;
			}
			depth--;
		} else if (!take_simple(scan, &ignored)) {
			return false;
		}
		if (!take_ends(scan, &objects, &depth))
			break;
	} while (true);
	*out_value = (struct value){.kind = kind, .raw = {from, (size_t)(scan->at - from)}};
	return !scan->wrong;
}

static bool take_value(struct scan *scan, struct value *out_value)
{
	skip_space(scan);
	if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '['))
		return skip_nested(scan, out_value);
	return take_simple(scan, out_value);
}

/* ---- the object ---- */

static bool take_member(struct scan *scan, struct object *object)
{
	struct value name;

	skip_space(scan);
	if (!take(scan, '"'))
		return refuse(scan, "the name of a member");
	if (!take_text(scan, &name))
		return false;
	if (!name.plain || object->count == OBJECT_MEMBERS_MAX)
		return refuse(scan, "a member that is known");
	for (size_t i = 0; i < object->count; i++)
		if (span_equal(object->member[i].name, name.raw))
			return refuse(scan, "no member for the second time");
	skip_space(scan);
	if (!take(scan, ':'))
		return refuse(scan, "a colon");
	if (!take_value(scan, &object->member[object->count].value))
		return false;
	object->member[object->count++].name = name.raw;
	return true;
}

static bool take_members(struct scan *scan, struct object *object)
{
	skip_space(scan);
	if (take(scan, '}'))
		return true;
	do {
		if (!take_member(scan, object))
			return false;
		skip_space(scan);
	} while (take(scan, ','));
	return take(scan, '}') || refuse(scan, "a comma or the end of the object");
}

bool object_read(struct span text, struct object *out_object, char out_why[160])
{
	struct scan scan = {text.at, text.at, text.at + text.bytes, NULL};
	bool fine;

	out_object->count = 0;
	skip_space(&scan);
	fine = (take(&scan, '{') || refuse(&scan, "an object")) && take_members(&scan, out_object);
	skip_space(&scan);
	if (fine && scan.at < scan.end)
		fine = refuse(&scan, "nothing more");
	if (!fine)
		snprintf(out_why, 160, "no JSON that can be read: at byte %zu of it there should be %s",
			 (size_t)(scan.at - scan.begin) + 1, scan.wrong ? scan.wrong : "something else");
	return fine;
}

struct value object_get(const struct object *object, const char *name)
{
	for (size_t i = 0; i < object->count; i++)
		if (span_is(object->member[i].name, name))
			return object->member[i].value;
	return (struct value){0};
}

bool array_next(const struct value *array, size_t *offset, struct value *out_value)
{
	struct scan scan;

	if (array->kind != VALUE_ARRAY)
		return false;
	scan = (struct scan){array->raw.at, array->raw.at + *offset, array->raw.at + array->raw.bytes, NULL};
	if (!*offset)
		scan.at++; /* the bracket */
	skip_space(&scan);
	if (*offset)
		take(&scan, ',');
	skip_space(&scan);
	if (scan.at == scan.end || *scan.at == ']')
		return false;
	if (!take_value(&scan, out_value))
		return false;
	*offset = (size_t)(scan.at - array->raw.at);
	return true;
}
