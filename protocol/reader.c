/* SPDX-License-Identifier: MIT
 *
 * MessagePack tokens. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#include "protocol/reader.h"

#include <string.h>

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static int take_number(struct reader *reader, size_t bytes, uint64_t *out)
{
	uint64_t number = 0;

	if ((size_t)(reader->end - reader->at) < bytes)
		return ERR_MALFORMED;
	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | reader->at[i];
	reader->at += bytes;
	*out = number;
	return 0;
}

static int take_span(struct reader *reader, enum token_kind kind, uint64_t bytes, struct token *token)
{
	if (bytes > (uint64_t)(reader->end - reader->at))
		return ERR_MALFORMED;
	token->kind = kind;
	token->count = (uint32_t)bytes;
	token->at = reader->at;
	reader->at += bytes;
	return 0;
}

/* Every element takes at least one byte, every entry two: what cannot be there is refused before anybody counts on it. */
static int take_container(struct reader *reader, enum token_kind kind, uint64_t count, struct token *token)
{
	uint64_t least = kind == TOKEN_MAP ? 2 * count : count;

	if (least > (uint64_t)(reader->end - reader->at))
		return ERR_MALFORMED;
	token->kind = kind;
	token->count = (uint32_t)count;
	return 0;
}

static int take_signed(struct reader *reader, size_t bytes, struct token *token)
{
	int rc = take_number(reader, bytes, &token->number);

	if (rc)
		return rc;
	token->kind = token->number >> (8 * bytes - 1) ? TOKEN_NEGATIVE : TOKEN_UNSIGNED;
	return 0;
}

static int take_unsigned(struct reader *reader, size_t bytes, struct token *token)
{
	token->kind = TOKEN_UNSIGNED;
	return take_number(reader, bytes, &token->number);
}

static int take_float(struct reader *reader, size_t bytes, struct token *token)
{
	token->kind = TOKEN_FLOAT;
	return take_number(reader, bytes, &token->number);
}

static int take_long_span(struct reader *reader, enum token_kind kind, size_t length_bytes, struct token *token)
{
	uint64_t length;
	int rc = take_number(reader, length_bytes, &length);

	return rc ? rc : take_span(reader, kind, length, token);
}

static int take_long_container(struct reader *reader, enum token_kind kind, size_t length_bytes, struct token *token)
{
	uint64_t count;
	int rc = take_number(reader, length_bytes, &count);

	return rc ? rc : take_container(reader, kind, count, token);
}

static int take_marked(struct reader *reader, uint8_t mark, struct token *token)
{
	switch (mark) {
	case 0xc0:
		token->kind = TOKEN_NIL;
		return 0;
	case 0xc2:
	case 0xc3:
		token->kind = TOKEN_FLAG;
		token->number = mark & 1;
		return 0;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return take_long_span(reader, TOKEN_BYTES, (size_t)1 << (mark - 0xc4), token);
	case 0xca:
	case 0xcb:
		return take_float(reader, (size_t)4 << (mark - 0xca), token);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		return take_unsigned(reader, (size_t)1 << (mark - 0xcc), token);
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return take_signed(reader, (size_t)1 << (mark - 0xd0), token);
	case 0xd9:
	case 0xda:
	case 0xdb:
		return take_long_span(reader, TOKEN_TEXT, (size_t)1 << (mark - 0xd9), token);
	case 0xdc:
	case 0xdd:
		return take_long_container(reader, TOKEN_ARRAY, (size_t)2 << (mark - 0xdc), token);
	case 0xde:
	case 0xdf:
		return take_long_container(reader, TOKEN_MAP, (size_t)2 << (mark - 0xde), token);
	default: /* extensions, and 0xc1 which means nothing */
		return ERR_MALFORMED;
	}
}

int reader_next(struct reader *reader, struct token *out_token)
{
	uint8_t mark;

	if (reader->at == reader->end)
		return ERR_MALFORMED;
	*out_token = (struct token){0};
	mark = *reader->at++;
	if (mark < 0x80) {
		out_token->kind = TOKEN_UNSIGNED;
		out_token->number = mark;
		return 0;
	}
	if (mark < 0x90)
		return take_container(reader, TOKEN_MAP, mark & 15u, out_token);
	if (mark < 0xa0)
		return take_container(reader, TOKEN_ARRAY, mark & 15u, out_token);
	if (mark < 0xc0)
		return take_span(reader, TOKEN_TEXT, mark & 31u, out_token);
	if (mark >= 0xe0) {
		out_token->kind = TOKEN_NEGATIVE;
		return 0;
	}
	return take_marked(reader, mark, out_token);
}

int reader_skip(struct reader *reader)
{
	uint64_t pending = 1; /* never more than the bytes there are, for every count was held against them */

	while (pending > 0) {
		struct token token;
		int rc = reader_next(reader, &token);
		if (rc)
			return rc;
		pending--;
		if (token.kind == TOKEN_ARRAY)
			pending += token.count;
		else if (token.kind == TOKEN_MAP)
			pending += 2ull * token.count;
	}
	return 0;
}

/* Length of the UTF-8 sequence at `at`, or 0. */
static size_t sequence_bytes(const uint8_t *at, size_t left)
{
	uint8_t lead = at[0];
	uint8_t low = 0x80; /* bounds of the second byte, RFC 3629 section 4 */
	uint8_t high = 0xbf;
	size_t bytes;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (bytes > left)
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return bytes;
}

bool utf8_check(const uint8_t *at, size_t bytes)
{
	size_t used = 0;

	while (used < bytes) {
		uint64_t eight;
		size_t step;

		if (bytes - used >= sizeof(eight)) {
			memcpy(&eight, at + used, sizeof(eight));
			if ((eight & 0x8080808080808080u) == 0) { /* the usual case: eight characters of ASCII */
				used += sizeof(eight);
				continue;
			}
		}
		step = sequence_bytes(at + used, bytes - used);
		if (step == 0)
			return false;
		used += step;
	}
	return true;
}
