/* SPDX-License-Identifier: MIT
 *
 * A state machine over bytes. Where we are stands in `place`; each container remembers how long `place` was in it, so leaving one is cutting.
 * A container has a name if its level is one of the first WIRE_SCAN_LEVELS and every key on the way fitted; the others are walked through nameless.
 */
#include "models/wire_scan.h"

#include <string.h>

enum state { TOP, VALUE, FIRST_VALUE, FIRST_KEY, KEY, COLON, AFTER, STRING, ESCAPE, DIGITS, NUMBER, WORD };

void wire_scan_init(struct wire_scan *scan, wire_scan_function *function, void *context)
{
	memset(scan, 0, sizeof(*scan));
	scan->function = function;
	scan->context = context;
	scan->named = true;
}

bool wire_scan_idle(const struct wire_scan *scan)
{
	return scan->state == TOP && !scan->broken;
}

static bool in_object(const struct wire_scan *scan)
{
	unsigned level = scan->depth - 1u;

	return scan->depth && scan->objects[level / 8] >> (level % 8) & 1;
}

/* What may come when a value is over. */
static void value_over(struct wire_scan *scan)
{
	scan->state = scan->depth ? AFTER : TOP;
	scan->documents += !scan->depth;
}

static void tell(struct wire_scan *scan, enum wire_scan_kind kind)
{
	struct wire_scan_value value = {.kind = kind, .place = scan->place, .text = scan->text, .bytes = scan->bytes};
	size_t kept = scan->bytes < sizeof(scan->text) ? (size_t)scan->bytes : sizeof(scan->text) - 1;

	scan->text[kept] = '\0';
	if (scan->named && !scan->nameless)
		scan->function(scan->context, &value);
	value_over(scan);
}

static void keep(struct wire_scan *scan, char byte)
{
	if (scan->bytes < sizeof(scan->text) - 1)
		scan->text[scan->bytes] = byte;
	scan->bytes++;
}

static void begin(struct wire_scan *scan, enum state state)
{
	scan->state = (uint8_t)state;
	scan->bytes = 0;
}

/* The place of the container we are in, without the key that came last. */
static size_t place_here(const struct wire_scan *scan)
{
	return scan->depth <= WIRE_SCAN_LEVELS ? scan->place_bytes[scan->depth] : 0;
}

static void key_over(struct wire_scan *scan)
{
	size_t here = place_here(scan), dot = here ? 1 : 0;

	scan->state = COLON;
	if (scan->nameless)
		return;
	scan->named = scan->bytes < sizeof(scan->text) - 1 && here + dot + scan->bytes < sizeof(scan->place);
	if (!scan->named)
		return;
	if (dot)
		scan->place[here] = '.';
	memcpy(scan->place + here + dot, scan->text, scan->bytes);
	scan->place[here + dot + scan->bytes] = '\0';
}

static bool enter(struct wire_scan *scan, bool object)
{
	unsigned level = scan->depth;

	if (level == WIRE_SCAN_DEPTH_MAX)
		return false;
	scan->objects[level / 8] = (uint8_t)((scan->objects[level / 8] & ~(1u << level % 8)) | (unsigned)object << level % 8);
	scan->depth++;
	if (scan->nameless || !scan->named || scan->depth > WIRE_SCAN_LEVELS)
		scan->nameless++;
	else
		scan->place_bytes[scan->depth] = (uint16_t)strlen(scan->place);
	scan->state = object ? FIRST_KEY : FIRST_VALUE;
	return true;
}

static bool leave(struct wire_scan *scan, bool object)
{
	if (!scan->depth || in_object(scan) != object)
		return false;
	scan->depth--;
	if (scan->nameless)
		scan->nameless--;
	if (!scan->nameless) {
		scan->place[place_here(scan)] = '\0';
		scan->named = true;
	}
	value_over(scan);
	return true;
}

static bool value_begins(struct wire_scan *scan, char byte)
{
	if (byte == '{' || byte == '[')
		return enter(scan, byte == '{');
	if (byte == '"') {
		scan->is_key = false;
		begin(scan, STRING);
		return true;
	}
	if (byte == '-' || (byte >= '0' && byte <= '9'))
		begin(scan, NUMBER);
	else if (byte == 't' || byte == 'f' || byte == 'n')
		begin(scan, WORD);
	else
		return false;
	keep(scan, byte);
	return true;
}

static bool key_begins(struct wire_scan *scan, char byte)
{
	if (byte != '"')
		return false;
	scan->is_key = true;
	begin(scan, STRING);
	return true;
}

static bool after_value(struct wire_scan *scan, char byte)
{
	if (byte != ',')
		return (byte == '}' || byte == ']') && leave(scan, byte == '}');
	scan->state = in_object(scan) ? KEY : VALUE;
	return true;
}

static bool word_over(struct wire_scan *scan)
{
	static const struct {
		const char *text;
		enum wire_scan_kind kind;
	} words[] = {{"true", WIRE_SCAN_TRUE}, {"false", WIRE_SCAN_FALSE}, {"null", WIRE_SCAN_NULL}};

	for (size_t i = 0; i < 3; i++) {
		if (scan->bytes == strlen(words[i].text) && memcmp(scan->text, words[i].text, scan->bytes) == 0) {
			tell(scan, words[i].kind);
			return true;
		}
	}
	return false;
}

static bool is_of_number(char byte)
{
	return (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '+' || byte == 'e' || byte == 'E';
}

/* One byte where no string is open. */
static bool outside(struct wire_scan *scan, char byte)
{
	if (scan->state == NUMBER || scan->state == WORD) {
		if (scan->state == NUMBER ? is_of_number(byte) : byte >= 'a' && byte <= 'z') {
			keep(scan, byte);
			return true;
		}
		if (scan->state == WORD && !word_over(scan))
			return false;
		if (scan->state == NUMBER)
			tell(scan, WIRE_SCAN_NUMBER);
	}
	if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
		return true;
	switch ((enum state)scan->state) {
	case FIRST_VALUE:
		return byte == ']' ? leave(scan, false) : value_begins(scan, byte);
	case TOP:
	case VALUE:
		return value_begins(scan, byte);
	case FIRST_KEY:
		return byte == '}' ? leave(scan, true) : key_begins(scan, byte);
	case KEY:
		return key_begins(scan, byte);
	case COLON:
		scan->state = VALUE;
		return byte == ':';
	default:
		return after_value(scan, byte);
	}
}

static bool string_over(struct wire_scan *scan)
{
	if (scan->is_key)
		key_over(scan);
	else
		tell(scan, WIRE_SCAN_STRING);
	return true;
}

/* One of four digits. A key may be written so, and means the same then. */
static bool escape_digit(struct wire_scan *scan, char byte)
{
	unsigned digit = (unsigned)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);

	if (!((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')))
		return false;
	scan->escape = (uint16_t)(scan->escape << 4 | digit);
	if (--scan->escape_digits)
		return true;
	keep(scan, scan->escape >= 0x20 && scan->escape < 0x7f ? (char)scan->escape : '?');
	scan->state = STRING;
	return true;
}

static bool escaped(struct wire_scan *scan, char byte)
{
	if (scan->state == DIGITS)
		return escape_digit(scan, byte);
	scan->state = STRING;
	if (byte == 'u') {
		scan->state = DIGITS;
		scan->escape_digits = 4;
		scan->escape = 0;
		return true;
	}
	if (!byte || !strchr("\"\\/bfnrt", byte))
		return false;
	keep(scan, strchr("\"\\/", byte) ? byte : ' ');
	return true;
}

/* As much of a string as lies here. Returns how many bytes were read; 0: what stands here cannot stand in one. */
static size_t inside(struct wire_scan *scan, const char *at, size_t bytes)
{
	size_t i = 0, room;

	if (scan->state != STRING)
		return escaped(scan, at[0]) ? 1 : 0;
	while (i < bytes && at[i] != '"' && at[i] != '\\' && (unsigned char)at[i] >= 0x20)
		i++;
	room = scan->bytes < sizeof(scan->text) - 1 ? sizeof(scan->text) - 1 - (size_t)scan->bytes : 0;
	if (room)
		memcpy(scan->text + scan->bytes, at, i < room ? i : room);
	scan->bytes += i;
	if (i == bytes)
		return i;
	if (at[i] == '"')
		return string_over(scan) ? i + 1 : 0;
	if (at[i] != '\\')
		return 0;
	scan->state = ESCAPE;
	return i + 1;
}

bool wire_scan_feed(struct wire_scan *scan, const void *bytes_at, size_t bytes)
{
	const char *at = bytes_at, *end = at + bytes;

	while (at < end && !scan->broken) {
		size_t step = 1;
		if (scan->state == STRING || scan->state == ESCAPE || scan->state == DIGITS)
			step = inside(scan, at, (size_t)(end - at));
		else if (!outside(scan, *at))
			step = 0;
		scan->broken = !step;
		at += step;
	}
	return !scan->broken;
}

bool wire_scan_restart(struct wire_scan *scan)
{
	bool whole = !scan->broken;

	if (whole && !scan->depth && (scan->state == NUMBER || scan->state == WORD))
		whole = wire_scan_feed(scan, " ", 1);
	whole = whole && wire_scan_idle(scan);
	wire_scan_init(scan, scan->function, scan->context);
	return whole;
}

uint64_t wire_scan_count(const char *text)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return UINT64_MAX;
		value = value * 10 + digit;
	}
	return value;
}
