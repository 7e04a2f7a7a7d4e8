/* SPDX-License-Identifier: MIT
 *
 * The validator: one loop over the tokens of a message, with a small stack of the arrays and maps that are open.
 */
#include "protocol/validate.h"

#include <string.h>

#include "protocol/reader.h"

/* An array or map that has values to come. */
struct level {
	uint32_t left; /* values; in a map keys and values alike */
	bool map;
	uint32_t first_key; /* of a map: where its keys begin in walk.key */
};

/* A key seen in a map that is still open. Equal keys have equal prints; the bytes decide. */
struct key {
	uint64_t print;
	const uint8_t *at;
	uint32_t bytes;
};

struct walk {
	uint32_t nodes_left;
	bool floats;
	uint32_t depth;
	uint32_t keys;
	struct level level[VALIDATE_DEPTH_MAX];
	struct key key[VALIDATE_KEYS_OPEN_MAX];
};

/* FNV-1a. Nobody gains by making it collide: that costs a comparison. */
static uint64_t print_of(const uint8_t *at, uint32_t bytes)
{
	uint64_t print = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < bytes; i++)
		print = (print ^ at[i]) * 0x100000001b3u;
	return print;
}

static int walk_key(struct walk *walk, const struct level *map, const struct token *token)
{
	struct key key = {print_of(token->at, token->count), token->at, token->count};

	for (uint32_t i = map->first_key; i < walk->keys; i++) {
		const struct key *other = &walk->key[i];
		if (other->print == key.print && other->bytes == key.bytes && memcmp(other->at, key.at, key.bytes) == 0)
			return ERR_MALFORMED;
	}
	if (walk->keys == VALIDATE_KEYS_OPEN_MAX)
		return ERR_MALFORMED;
	walk->key[walk->keys++] = key;
	return 0;
}

static int walk_open(struct walk *walk, const struct token *token)
{
	bool map = token->kind == TOKEN_MAP;

	if (walk->depth == VALIDATE_DEPTH_MAX - 1) /* the message itself is the first level */
		return ERR_MALFORMED;
	if (map && token->count > VALIDATE_KEYS_MAX)
		return ERR_MALFORMED;
	walk->level[walk->depth++] = (struct level){map ? 2 * token->count : token->count, map, walk->keys};
	return 0;
}

static int walk_token(struct walk *walk, const struct token *token)
{
	struct level *top = walk->depth ? &walk->level[walk->depth - 1] : NULL;

	if (walk->nodes_left-- == 0)
		return ERR_MALFORMED;
	if (top) {
		bool is_key = top->map && top->left % 2 == 0;
		if (is_key && (token->kind != TOKEN_TEXT || walk_key(walk, top, token)))
			return ERR_MALFORMED;
		top->left--;
	}
	switch (token->kind) {
	case TOKEN_TEXT:
		return utf8_check(token->at, token->count) ? 0 : ERR_MALFORMED;
	case TOKEN_FLOAT:
		return walk->floats ? 0 : ERR_MALFORMED;
	case TOKEN_ARRAY:
	case TOKEN_MAP:
		return walk_open(walk, token);
	default:
		return 0;
	}
}

/* Walks one value to its end; every array and map opened in it is closed again. */
static int walk_value(struct walk *walk, struct reader *reader)
{
	walk->depth = 0;
	walk->keys = 0;
	do {
		struct token token;
		int rc = reader_next(reader, &token);
		if (!rc)
			rc = walk_token(walk, &token);
		if (rc)
			return rc;
		while (walk->depth > 0 && walk->level[walk->depth - 1].left == 0)
			walk->keys = walk->level[--walk->depth].first_key;
	} while (walk->depth > 0);
	return 0;
}

/* A part that must be an array. */
static int walk_array(struct walk *walk, struct reader *reader, struct bytes *out_span)
{
	const uint8_t *begin = reader->at;
	struct reader peek = *reader;
	struct token token;
	int rc = reader_next(&peek, &token);

	if (rc || token.kind != TOKEN_ARRAY)
		return ERR_MALFORMED;
	rc = walk_value(walk, reader);
	if (rc)
		return rc;
	*out_span = (struct bytes){begin, (uint32_t)(reader->at - begin)};
	return 0;
}

/* The payload: nil or a map. It has no limit of nodes but its size. */
static int walk_payload(struct walk *walk, struct reader *reader, uint32_t type, struct bytes *out_span)
{
	const uint8_t *begin = reader->at;
	struct reader peek = *reader;
	struct token token;
	int rc = reader_next(&peek, &token);

	if (rc || (token.kind != TOKEN_NIL && token.kind != TOKEN_MAP))
		return ERR_MALFORMED;
	walk->nodes_left = UINT32_MAX;
	walk->floats = true;
	rc = walk_value(walk, reader);
	if (rc)
		return rc;
	if ((size_t)(reader->at - begin) > PAYLOAD_BYTES_MAX && type != MESSAGE_SNAPSHOT)
		return ERR_TOO_LARGE;
	if (token.kind == TOKEN_MAP)
		*out_span = (struct bytes){begin, (uint32_t)(reader->at - begin)};
	return 0;
}

static int take_code(struct reader *reader, uint32_t *out_code)
{
	struct token token;
	int rc = reader_next(reader, &token);

	if (rc || token.kind != TOKEN_UNSIGNED || token.number > UINT32_MAX)
		return ERR_MALFORMED;
	*out_code = (uint32_t)token.number;
	return 0;
}

static int take_parts(struct reader *reader, struct parts *parts)
{
	struct walk walk; /* not cleared: 25 KB of it are only written as keys are met */
	struct token token;
	int rc = reader_next(reader, &token);

	if (rc || token.kind != TOKEN_ARRAY || token.count != 5)
		return ERR_MALFORMED;
	rc = take_code(reader, &parts->version);
	if (rc)
		return rc;
	if (parts->version != PROTOCOL_VERSION) /* what follows may be of any shape */
		return ERR_VERSION;
	rc = take_code(reader, &parts->type);
	if (rc)
		return rc;
	walk.nodes_left = VALIDATE_NODES_MAX;
	walk.floats = false;
	rc = walk_array(&walk, reader, &parts->header);
	if (!rc)
		rc = walk_array(&walk, reader, &parts->facts);
	if (!rc)
		rc = walk_payload(&walk, reader, parts->type, &parts->payload);
	return rc;
}

int validate_message(const uint8_t *frame, size_t frame_bytes, struct parts *out_parts)
{
	struct parts parts = {0};
	struct reader reader;
	int rc;

	if (frame_bytes == 0)
		return ERR_MALFORMED;
	if (frame_bytes > UINT32_MAX)
		return ERR_TOO_LARGE;
	reader = (struct reader){frame, frame + frame_bytes};
	rc = take_parts(&reader, &parts);
	if (rc)
		return rc;
	parts.whole = (struct bytes){frame, (uint32_t)(reader.at - frame)};
	*out_parts = parts;
	return 0;
}

int validate_frame(const uint8_t *frame, size_t frame_bytes, struct parts out_parts[FRAME_MESSAGES_MAX], size_t *out_count)
{
	size_t used = 0;
	size_t count = 0;

	if (frame_bytes == 0)
		return ERR_MALFORMED;
	if (frame_bytes > FRAME_BYTES_MAX)
		return ERR_TOO_LARGE;
	do {
		int rc;
		if (count == FRAME_MESSAGES_MAX)
			return ERR_TOO_LARGE;
		rc = validate_message(frame + used, frame_bytes - used, &out_parts[count]);
		if (rc)
			return rc;
		used += out_parts[count++].whole.bytes;
	} while (used < frame_bytes);
	*out_count = count;
	return 0;
}
