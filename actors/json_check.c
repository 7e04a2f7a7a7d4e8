/* SPDX-License-Identifier: MIT */
#include "actors/json_check.h"

#include <string.h>

struct scan {
	const char *at;
	const char *end;
	uint64_t objects; /* bit n: level n is an object */
	uint32_t depth;
};

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct scan *scan, char wanted)
{
	if (scan->at == scan->end || *scan->at != wanted)
		return false;
	scan->at++;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take_escape(struct scan *scan)
{
	if (scan->at == scan->end)
		return false;
	if (*scan->at != 'u')
		return strchr("\"\\/bfnrt", *scan->at++) != NULL && scan->at[-1];
	scan->at++;
	for (int i = 0; i < 4; i++)
		if (scan->at == scan->end || !is_hex(*scan->at++))
			return false;
	return true;
}

static bool take_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (scan->at < scan->end) {
		char c = *scan->at++;

		if (c == '"')
			return true;
		if ((unsigned char)c < 0x20 || (c == '\\' && !take_escape(scan)))
			return false;
	}
	return false;
}

static bool take_digits(struct scan *scan)
{
	const char *begin = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > begin;
}

static bool take_number(struct scan *scan)
{
	take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan))
		return false;
	if (take(scan, '.') && !take_digits(scan))
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			take(scan, '-');
		return take_digits(scan);
	}
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

static bool take_scalar(struct scan *scan)
{
	switch (scan->at < scan->end ? *scan->at : 0) {
	case '"':
		return take_string(scan);
	case 't':
		return take_word(scan, "true");
	case 'f':
		return take_word(scan, "false");
	case 'n':
		return take_word(scan, "null");
	default:
		return take_number(scan);
	}
}

static bool in_object(const struct scan *scan)
{
	return scan->objects >> (scan->depth - 1) & 1;
}

static bool take_key(struct scan *scan)
{
	skip_space(scan);
	if (!take_string(scan))
		return false;
	skip_space(scan);
	return take(scan, ':');
}

/* Takes a bracket and says whether the level it opens is empty, and so closed again. */
static bool open_level(struct scan *scan, bool *out_closed)
{
	bool object = *scan->at++ == '{';

	if (scan->depth == JSON_DEPTH_MAX)
		return false;
	scan->objects &= ~(1ull << scan->depth);
	scan->objects |= (uint64_t)object << scan->depth;
	scan->depth++;
	skip_space(scan);
	*out_closed = take(scan, object ? '}' : ']');
	if (*out_closed) {
		scan->depth--;
		return true;
	}
	return !object || take_key(scan);
}

/* After a value: as many closing brackets as there are, then a comma (and a key) or the end. */
static bool end_value(struct scan *scan)
{
	for (;;) {
		skip_space(scan);
		if (!scan->depth)
			return scan->at == scan->end;
		if (take(scan, ','))
			return !in_object(scan) || take_key(scan);
		if (!take(scan, in_object(scan) ? '}' : ']'))
			return false;
		scan->depth--;
	}
}

bool json_check(struct text text, char first)
{
	struct scan scan = {.at = text.at, .end = text.at + text.bytes};

	skip_space(&scan);
	if (scan.at == scan.end || *scan.at != first)
		return false;
	do {
		bool closed = true;

		skip_space(&scan);
		if (scan.at < scan.end && (*scan.at == '{' || *scan.at == '[')) {
			if (!open_level(&scan, &closed))
				return false;
		} else if (!take_scalar(&scan)) {
			return false;
		}
		if (closed && !end_value(&scan))
			return false;
	} while (scan.depth);
	return true;
}
