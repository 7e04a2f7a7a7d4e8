/* SPDX-License-Identifier: MIT
 *
 * Encoding and decoding, driven by the tables of schema.h.
 */
#include "protocol/codec.h"

#include <msgpack/pack.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/reader.h"
#include "protocol/schema.h"

void buffer_release(struct buffer *buffer)
{
	free(buffer->at);
	*buffer = (struct buffer){0};
}

static int buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	uint8_t *at;

	if (more > SIZE_MAX / 4 - buffer->bytes)
		return ERR_MEMORY;
	while (capacity < buffer->bytes + more)
		capacity *= 2;
	if (capacity == buffer->capacity)
		return 0;
	at = realloc(buffer->at, capacity);
	if (!at)
		return ERR_MEMORY;
	buffer->at = at;
	buffer->capacity = capacity;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *at, size_t bytes)
{
	int rc = buffer_reserve(buffer, bytes);

	if (rc)
		return rc;
	if (bytes > 0)
		memcpy(buffer->at + buffer->bytes, at, bytes);
	buffer->bytes += bytes;
	return 0;
}

/* ---- packing ---- */

/* msgpack-c's packer over a buffer. The first failure sticks; pack_end takes back what was written. */
struct pack {
	msgpack_packer packer;
	struct buffer *buffer;
	size_t begin;
	int rc;
};

static int pack_write(void *data, const char *at, size_t bytes)
{
	struct pack *pack = data;

	if (!pack->rc)
		pack->rc = buffer_append(pack->buffer, at, bytes);
	return pack->rc ? -1 : 0;
}

static void pack_begin(struct pack *pack, struct buffer *buffer)
{
	pack->buffer = buffer;
	pack->begin = buffer->bytes;
	pack->rc = 0;
	msgpack_packer_init(&pack->packer, pack, pack_write);
}

static int pack_end(struct pack *pack)
{
	if (pack->rc)
		pack->buffer->bytes = pack->begin;
	return pack->rc;
}

static void pack_text(struct pack *pack, const void *at, size_t bytes)
{
	if (!utf8_check(at, bytes)) {
		if (!pack->rc)
			pack->rc = ERR_MALFORMED;
		return;
	}
	msgpack_pack_str(&pack->packer, bytes);
	if (bytes > 0)
		msgpack_pack_str_body(&pack->packer, at, bytes);
}

static void pack_bytes(struct pack *pack, const void *at, size_t bytes)
{
	msgpack_pack_bin(&pack->packer, bytes);
	if (bytes > 0)
		msgpack_pack_bin_body(&pack->packer, at, bytes);
}

static void pack_id(struct pack *pack, const struct id *id)
{
	if (id_is_nil(id))
		msgpack_pack_nil(&pack->packer);
	else
		pack_bytes(pack, id->bytes, sizeof(id->bytes));
}

static void pack_hash(struct pack *pack, const struct hash *hash)
{
	static const struct hash none;

	if (memcmp(hash, &none, sizeof(none)) == 0)
		msgpack_pack_nil(&pack->packer);
	else
		pack_bytes(pack, hash->bytes, sizeof(hash->bytes));
}

static void pack_name(struct pack *pack, const char *name, size_t capacity)
{
	size_t bytes = strnlen(name, capacity);

	if (bytes == 0)
		msgpack_pack_nil(&pack->packer);
	else
		pack_text(pack, name, bytes);
}

static const void *member_of(const struct message *message, const struct field *field)
{
	return (const uint8_t *)message + field->offset;
}

static void pack_field(struct pack *pack, const struct field *field, const void *member)
{
	const struct text *text = member;
	const struct bytes *bytes = member;

	switch (field->kind) {
	case KIND_u64:
		msgpack_pack_uint64(&pack->packer, *(const uint64_t *)member);
		break;
	case KIND_flag:
		if (*(const bool *)member)
			msgpack_pack_true(&pack->packer);
		else
			msgpack_pack_false(&pack->packer);
		break;
	case KIND_id:
		pack_id(pack, member);
		break;
	case KIND_hash:
		pack_hash(pack, member);
		break;
	case KIND_text:
	case KIND_json:
		pack_text(pack, text->at, text->bytes);
		break;
	case KIND_bytes:
		pack_bytes(pack, bytes->at, bytes->bytes);
		break;
	default: /* u32 and the enumerations */
		msgpack_pack_uint32(&pack->packer, *(const uint32_t *)member);
		break;
	}
}

int message_encode_header(const struct message *message, struct buffer *buffer)
{
	const struct header *header = &message->header;
	struct pack pack;

	pack_begin(&pack, buffer);
	msgpack_pack_array(&pack.packer, header->masked ? 9 : 8);
	pack_id(&pack, &header->message_id);
	pack_id(&pack, &header->correlation);
	pack_id(&pack, &header->task_id);
	pack_name(&pack, header->sender, sizeof(header->sender));
	pack_name(&pack, header->recipient, sizeof(header->recipient));
	msgpack_pack_uint64(&pack.packer, header->sender_seq);
	msgpack_pack_uint64(&pack.packer, header->sent_at_ms);
	pack_name(&pack, header->traceparent, sizeof(header->traceparent));
	if (header->masked)
		msgpack_pack_uint32(&pack.packer, header->masked);
	return pack_end(&pack);
}

static uint32_t facts_count(const struct schema *schema)
{
	uint32_t count = 0;

	while (schema && schema->field[count].name && !schema->field[count].body)
		count++;
	return count;
}

int message_encode_facts(const struct message *message, struct buffer *buffer)
{
	const struct schema *schema = schema_find(message->type);
	uint32_t count = facts_count(schema);
	struct pack pack;

	pack_begin(&pack, buffer);
	msgpack_pack_array(&pack.packer, count);
	for (uint32_t i = 0; i < count; i++)
		pack_field(&pack, &schema->field[i], member_of(message, &schema->field[i]));
	return pack_end(&pack);
}

/* BODY members are spans; one without bytes is absent. */
static uint32_t body_bytes(const struct message *message, const struct field *field)
{
	const struct text *text = member_of(message, field);
	const struct bytes *bytes = member_of(message, field);

	return field->kind == KIND_bytes ? bytes->bytes : text->bytes;
}

static void pack_body(struct pack *pack, const struct message *message, const struct field *first)
{
	uint32_t present = 0;

	for (const struct field *field = first; field->name; field++)
		present += body_bytes(message, field) > 0;
	if (present == 0) {
		msgpack_pack_nil(&pack->packer);
		return;
	}
	msgpack_pack_map(&pack->packer, present);
	for (const struct field *field = first; field->name; field++) {
		if (body_bytes(message, field) == 0)
			continue;
		pack_text(pack, field->name, strlen(field->name));
		pack_field(pack, field, member_of(message, field));
	}
}

int message_encode_payload(const struct message *message, struct buffer *buffer)
{
	const struct schema *schema = schema_find(message->type);
	struct pack pack;

	pack_begin(&pack, buffer);
	if (message->payload.bytes > 0)
		pack_write(&pack, (const char *)message->payload.at, message->payload.bytes);
	else if (schema)
		pack_body(&pack, message, &schema->field[facts_count(schema)]);
	else
		msgpack_pack_nil(&pack.packer);
	if (!pack.rc && buffer->bytes - pack.begin > PAYLOAD_BYTES_MAX && message->type != MESSAGE_SNAPSHOT)
		pack.rc = ERR_TOO_LARGE;
	return pack_end(&pack);
}

static int encode_head(enum message_type type, struct buffer *buffer)
{
	struct pack pack;

	pack_begin(&pack, buffer);
	msgpack_pack_array(&pack.packer, 5);
	msgpack_pack_uint32(&pack.packer, PROTOCOL_VERSION);
	msgpack_pack_uint32(&pack.packer, type);
	return pack_end(&pack);
}

int message_encode(const struct message *message, struct buffer *buffer)
{
	size_t begin = buffer->bytes;
	int rc = encode_head(message->type, buffer);

	if (!rc)
		rc = message_encode_header(message, buffer);
	if (!rc)
		rc = message_encode_facts(message, buffer);
	if (!rc)
		rc = message_encode_payload(message, buffer);
	if (rc)
		buffer->bytes = begin;
	return rc;
}

int message_join(enum message_type type, struct bytes header, struct bytes facts, struct bytes payload, struct buffer *buffer)
{
	static const uint8_t nil = 0xc0;
	size_t begin = buffer->bytes;
	int rc = encode_head(type, buffer);

	if (!rc)
		rc = buffer_append(buffer, header.at, header.bytes);
	if (!rc)
		rc = buffer_append(buffer, facts.at, facts.bytes);
	if (!rc)
		rc = payload.bytes ? buffer_append(buffer, payload.at, payload.bytes) : buffer_append(buffer, &nil, 1);
	if (rc)
		buffer->bytes = begin;
	return rc;
}

/* ---- unpacking ---- */

static int take_bytes(const struct token *token, void *out, size_t bytes)
{
	if (token->kind != TOKEN_BYTES || token->count != bytes)
		return ERR_MALFORMED;
	memcpy(out, token->at, bytes);
	return 0;
}

static int take_number(const struct token *token, uint64_t most, uint64_t *out)
{
	if (token->kind != TOKEN_UNSIGNED || token->number > most)
		return ERR_MALFORMED;
	*out = token->number;
	return 0;
}

static int take_u32(const struct token *token, uint32_t *out)
{
	uint64_t number = 0;
	int rc = take_number(token, UINT32_MAX, &number);

	if (!rc)
		*out = (uint32_t)number;
	return rc;
}

static int take_flag(const struct token *token, bool *out)
{
	if (token->kind != TOKEN_FLAG)
		return ERR_MALFORMED;
	*out = token->number != 0;
	return 0;
}

static int take_text(const struct token *token, struct text *out)
{
	if (token->kind != TOKEN_TEXT)
		return ERR_MALFORMED;
	*out = (struct text){(const char *)token->at, token->count};
	return 0;
}

static int take_span(const struct token *token, struct bytes *out)
{
	if (token->kind != TOKEN_BYTES)
		return ERR_MALFORMED;
	*out = (struct bytes){token->at, token->count};
	return 0;
}

/* Names are kept as C strings and shown to people: no NUL, no control characters. */
static int take_name(const struct token *token, char *out, size_t capacity)
{
	if (token->kind != TOKEN_TEXT || token->count >= capacity)
		return ERR_MALFORMED;
	for (uint32_t i = 0; i < token->count; i++) {
		if (token->at[i] < 0x20 || token->at[i] == 0x7f)
			return ERR_MALFORMED;
	}
	memcpy(out, token->at, token->count);
	out[token->count] = 0;
	return 0;
}

static int take_field(const struct field *field, const struct token *token, void *member)
{
	switch (field->kind) {
	case KIND_u64:
		return take_number(token, UINT64_MAX, member);
	case KIND_flag:
		return take_flag(token, member);
	case KIND_id:
		return take_bytes(token, member, sizeof(struct id));
	case KIND_hash:
		return take_bytes(token, member, sizeof(struct hash));
	case KIND_text:
	case KIND_json:
		return take_text(token, member);
	case KIND_bytes:
		return take_span(token, member);
	default: /* u32 and the enumerations; a value unknown here is a newer peer's */
		return take_u32(token, member);
	}
}

static int take_header_element(struct header *header, uint32_t index, const struct token *token)
{
	switch (index) {
	case 0:
		return take_bytes(token, &header->message_id, sizeof(header->message_id));
	case 1:
		return take_bytes(token, &header->correlation, sizeof(header->correlation));
	case 2:
		return take_bytes(token, &header->task_id, sizeof(header->task_id));
	case 3:
		return take_name(token, header->sender, sizeof(header->sender));
	case 4:
		return take_name(token, header->recipient, sizeof(header->recipient));
	case 5:
		return take_number(token, UINT64_MAX, &header->sender_seq);
	case 6:
		return take_number(token, UINT64_MAX, &header->sent_at_ms);
	case 7:
		return take_name(token, header->traceparent, sizeof(header->traceparent));
	default:
		return take_u32(token, &header->masked);
	}
}

/* The head of the array that `span` is. */
static int open_array(struct bytes span, struct reader *reader, uint32_t *out_count)
{
	struct token token;
	int rc;

	*reader = (struct reader){span.at, span.at + span.bytes};
	rc = reader_next(reader, &token);
	if (rc || token.kind != TOKEN_ARRAY)
		return ERR_MALFORMED;
	*out_count = token.count;
	return 0;
}

static int decode_header(struct bytes span, struct header *header)
{
	struct reader reader;
	uint32_t count;
	int rc = open_array(span, &reader, &count);

	for (uint32_t i = 0; !rc && i < count && i < 9; i++) {
		struct token token;
		rc = reader_next(&reader, &token);
		if (!rc && token.kind != TOKEN_NIL)
			rc = take_header_element(header, i, &token);
	}
	return rc;
}

static int decode_facts(struct bytes span, const struct schema *schema, struct message *message)
{
	struct reader reader;
	uint32_t known = facts_count(schema);
	uint32_t count;
	int rc = open_array(span, &reader, &count);

	for (uint32_t i = 0; !rc && i < count && i < known; i++) {
		struct token token;
		rc = reader_next(&reader, &token);
		if (!rc && token.kind != TOKEN_NIL)
			rc = take_field(&schema->field[i], &token, (uint8_t *)message + schema->field[i].offset);
	}
	return rc;
}

int message_decode(const struct parts *parts, struct message *out_message)
{
	struct message message = {.type = (enum message_type)parts->type, .payload = parts->payload};
	const struct schema *schema = schema_find(parts->type);
	int rc = decode_header(parts->header, &message.header);

	if (!rc && schema)
		rc = decode_facts(parts->facts, schema, &message);
	if (!rc)
		*out_message = message;
	return rc;
}

static const struct field *body_field(const struct field *first, const struct token *key)
{
	for (const struct field *field = first; field->name; field++) {
		if (strlen(field->name) == key->count && memcmp(field->name, key->at, key->count) == 0)
			return field;
	}
	return NULL;
}

/* One entry of the payload. */
static int decode_entry(struct reader *reader, const struct field *first, struct message *message)
{
	const struct field *field;
	struct reader value;
	struct token token;
	int rc = reader_next(reader, &token);

	if (rc || token.kind != TOKEN_TEXT)
		return ERR_MALFORMED;
	field = body_field(first, &token);
	value = *reader;
	rc = reader_skip(reader);
	if (rc || !field)
		return rc;
	rc = reader_next(&value, &token);
	if (rc || token.kind == TOKEN_NIL)
		return rc;
	return take_field(field, &token, (uint8_t *)message + field->offset);
}

static int decode_body(const struct field *first, struct message *message)
{
	struct reader reader = {message->payload.at, message->payload.at + message->payload.bytes};
	struct token token;
	int rc = reader_next(&reader, &token);

	if (rc || token.kind == TOKEN_NIL)
		return rc;
	if (token.kind != TOKEN_MAP)
		return ERR_MALFORMED;
	for (uint32_t i = 0; !rc && i < token.count; i++)
		rc = decode_entry(&reader, first, message);
	return rc;
}

static void clear_body(const struct field *first, struct message *message)
{
	for (const struct field *field = first; field->name; field++)
		memset((uint8_t *)message + field->offset, 0,
		       field->kind == KIND_bytes ? sizeof(struct bytes) : sizeof(struct text));
}

int message_decode_payload(struct message *message)
{
	const struct schema *schema = schema_find(message->type);
	const struct field *first = schema ? &schema->field[facts_count(schema)] : NULL;
	int rc = 0;

	if (!first)
		return 0;
	clear_body(first, message);
	if (message->payload.bytes > 0)
		rc = decode_body(first, message);
	if (rc)
		clear_body(first, message);
	return rc;
}
