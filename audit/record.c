/* SPDX-License-Identifier: MIT
 *
 * The bytes of a record, in one place for the writer and for whoever verifies.
 */
#include "audit/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 4u
#define NUMBER_BYTES 8u

int recorder_init(struct recorder *recorder)
{
	return hasher_init(&recorder->hasher) ? 0 : ERR_MEMORY;
}

void recorder_release(struct recorder *recorder)
{
	hasher_release(&recorder->hasher);
	free(recorder->scratch);
	*recorder = (struct recorder){0};
}

int payload_commitment(struct recorder *recorder, const uint8_t salt[SALT_BYTES], struct bytes body, struct hash *out_commitment)
{
	return hasher_sum(&recorder->hasher, salt, SALT_BYTES, body.at, body.bytes, out_commitment->bytes) ? 0 : ERR_MEMORY;
}

bool hash_is_zero(const struct hash *hash)
{
	uint8_t any = 0;
	for (size_t i = 0; i < sizeof(hash->bytes); i++)
		any |= hash->bytes[i];
	return any == 0;
}

static uint8_t *put_number(uint8_t *at, uint64_t value)
{
	uint64_t big_endian = __builtin_bswap64(value);
	static const uint8_t length[LENGTH_BYTES] = {0, 0, 0, NUMBER_BYTES};
	memcpy(at, length, LENGTH_BYTES);
	memcpy(at + LENGTH_BYTES, &big_endian, NUMBER_BYTES);
	return at + LENGTH_BYTES + NUMBER_BYTES;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, uint32_t count)
{
	uint32_t big_endian = __builtin_bswap32(count);
	memcpy(at, &big_endian, LENGTH_BYTES);
	if (count)
		memcpy(at + LENGTH_BYTES, bytes, count);
	return at + LENGTH_BYTES + count;
}

static uint32_t id_length(const struct id *id)
{
	return id_is_nil(id) ? 0 : (uint32_t)sizeof(id->bytes);
}

static uint32_t hash_length(const struct hash *hash)
{
	return hash_is_zero(hash) ? 0 : (uint32_t)sizeof(hash->bytes);
}

/* At most as many bytes as a record takes, for room: absent ids and hashes count as present. */
static size_t record_room(const struct trail_entry *entry)
{
	size_t bytes = 2 + LENGTH_BYTES + NUMBER_BYTES;
#define WIDE(name)   bytes += LENGTH_BYTES + NUMBER_BYTES;
#define NARROW(name) bytes += LENGTH_BYTES + NUMBER_BYTES;
#define FLAG(name)   bytes += LENGTH_BYTES + NUMBER_BYTES;
#define ID(name)     bytes += LENGTH_BYTES + sizeof(entry->name);
#define HASH(name)   bytes += LENGTH_BYTES + sizeof(entry->name);
#define NAME(name)   bytes += LENGTH_BYTES + sizeof(entry->name);
#define SPAN(name)   bytes += LENGTH_BYTES + entry->name.bytes;
#include "audit/columns.def"
	return bytes + LENGTH_BYTES + sizeof(struct hash);
}

static int scratch_reserve(struct recorder *recorder, size_t bytes)
{
	if (bytes <= recorder->scratch_bytes)
		return 0;
	size_t wanted = bytes < 2048 ? 4096 : bytes * 2;
	uint8_t *scratch = realloc(recorder->scratch, wanted);
	if (!scratch)
		return ERR_MEMORY;
	recorder->scratch = scratch;
	recorder->scratch_bytes = wanted;
	return 0;
}

int record_bytes(struct recorder *recorder, const struct trail_entry *entry, const struct hash *previous, struct bytes *out_bytes)
{
	if (scratch_reserve(recorder, record_room(entry)))
		return ERR_MEMORY;
	uint8_t *at = recorder->scratch;
	*at++ = 0x00; /* a leaf, as RFC 6962 marks it */
	*at++ = RECORD_VERSION;
	at = put_number(at, entry->seq);
#define WIDE(name)   at = put_number(at, entry->name);
#define NARROW(name) at = put_number(at, entry->name);
#define FLAG(name)   at = put_number(at, entry->name);
#define ID(name)     at = put_bytes(at, entry->name.bytes, id_length(&entry->name));
#define HASH(name)   at = put_bytes(at, entry->name.bytes, hash_length(&entry->name));
#define NAME(name)   at = put_bytes(at, entry->name, (uint32_t)strnlen(entry->name, sizeof(entry->name)));
#define SPAN(name)   at = put_bytes(at, entry->name.at, entry->name.bytes);
#include "audit/columns.def"
	at = put_bytes(at, previous->bytes, sizeof(previous->bytes));
	*out_bytes = (struct bytes){recorder->scratch, (uint32_t)(at - recorder->scratch)};
	return 0;
}

int record_chain(struct recorder *recorder, const struct trail_entry *entry, const struct hash *previous, struct hash *out_chain)
{
	struct bytes leaf;
	if (record_bytes(recorder, entry, previous, &leaf))
		return ERR_MEMORY;
	return hasher_sum(&recorder->hasher, leaf.at, leaf.bytes, NULL, 0, out_chain->bytes) ? 0 : ERR_MEMORY;
}

int bind_id(sqlite3_stmt *statement, int parameter, const struct id *id)
{
	if (id_is_nil(id))
		return sqlite3_bind_null(statement, parameter);
	return sqlite3_bind_blob(statement, parameter, id->bytes, sizeof(id->bytes), SQLITE_STATIC);
}

static int bind_hash(sqlite3_stmt *statement, int parameter, const struct hash *hash)
{
	if (hash_is_zero(hash))
		return sqlite3_bind_null(statement, parameter);
	return sqlite3_bind_blob(statement, parameter, hash->bytes, sizeof(hash->bytes), SQLITE_STATIC);
}

static int bind_name(sqlite3_stmt *statement, int parameter, const char name[NAME_BYTES])
{
	return sqlite3_bind_text(statement, parameter, name, (int)strnlen(name, NAME_BYTES), SQLITE_STATIC);
}

static int bind_span(sqlite3_stmt *statement, int parameter, struct bytes span)
{
	/* An empty span is an empty blob; a null pointer would make it NULL. */
	return sqlite3_bind_blob64(statement, parameter, span.bytes ? (const void *)span.at : "", span.bytes, SQLITE_STATIC);
}

int record_bind(sqlite3_stmt *statement, const struct trail_entry *entry)
{
	int parameter = 1;
	int rc = sqlite3_bind_int64(statement, parameter++, (int64_t)entry->seq);
#define BIND(call)                                                                                                               \
	if (rc == SQLITE_OK)                                                                                                     \
		rc = call;                                                                                                       \
	parameter++;
#define WIDE(name)   BIND(sqlite3_bind_int64(statement, parameter, (int64_t)entry->name))
#define NARROW(name) BIND(sqlite3_bind_int64(statement, parameter, entry->name))
#define FLAG(name)   BIND(sqlite3_bind_int64(statement, parameter, entry->name))
#define ID(name)     BIND(bind_id(statement, parameter, &entry->name))
#define HASH(name)   BIND(bind_hash(statement, parameter, &entry->name))
#define NAME(name)   BIND(bind_name(statement, parameter, entry->name))
#define SPAN(name)   BIND(bind_span(statement, parameter, entry->name))
#include "audit/columns.def"
	BIND(bind_hash(statement, parameter, &entry->chain))
#undef BIND
	return rc;
}

bool column_wide(sqlite3_stmt *statement, int column, uint64_t *out_value)
{
	*out_value = (uint64_t)sqlite3_column_int64(statement, column);
	return sqlite3_column_type(statement, column) == SQLITE_INTEGER;
}

bool column_narrow(sqlite3_stmt *statement, int column, uint32_t *out_value)
{
	uint64_t value;
	bool fine = column_wide(statement, column, &value) && value <= UINT32_MAX;
	*out_value = (uint32_t)value;
	return fine;
}

static bool column_flag(sqlite3_stmt *statement, int column, bool *out_value)
{
	uint64_t value;
	bool fine = column_wide(statement, column, &value) && value <= 1;
	*out_value = value != 0;
	return fine;
}

/* A BLOB of exactly so many bytes that are not all zero, or NULL. */
static bool column_fixed(sqlite3_stmt *statement, int column, uint8_t *out, size_t bytes)
{
	memset(out, 0, bytes);
	int type = sqlite3_column_type(statement, column);
	if (type == SQLITE_NULL)
		return true;
	const void *blob = type == SQLITE_BLOB ? sqlite3_column_blob(statement, column) : NULL;
	if (!blob || (size_t)sqlite3_column_bytes(statement, column) != bytes)
		return false;
	memcpy(out, blob, bytes);
	for (size_t i = 0; i < bytes; i++)
		if (out[i])
			return true;
	return false;
}

bool column_id(sqlite3_stmt *statement, int column, struct id *out_id)
{
	return column_fixed(statement, column, out_id->bytes, sizeof(out_id->bytes));
}

static bool column_hash(sqlite3_stmt *statement, int column, struct hash *out_hash)
{
	return column_fixed(statement, column, out_hash->bytes, sizeof(out_hash->bytes));
}

static bool column_name(sqlite3_stmt *statement, int column, char out_name[NAME_BYTES])
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	int bytes = sqlite3_column_bytes(statement, column);
	if (sqlite3_column_type(statement, column) != SQLITE_TEXT || !text || bytes < 0 || (size_t)bytes >= NAME_BYTES ||
	    memchr(text, 0, (size_t)bytes))
		return false;
	memcpy(out_name, text, (size_t)bytes);
	memset(out_name + bytes, 0, NAME_BYTES - (size_t)bytes);
	return true;
}

bool column_span(sqlite3_stmt *statement, int column, struct bytes *out_span)
{
	out_span->at = sqlite3_column_blob(statement, column);
	out_span->bytes = (uint32_t)sqlite3_column_bytes(statement, column);
	return sqlite3_column_type(statement, column) == SQLITE_BLOB;
}

const char *record_read(sqlite3_stmt *statement, struct trail_entry *out_entry)
{
	if (!column_wide(statement, RECORD_SEQ, &out_entry->seq))
		return "seq";
#define READ(kind, name)                                                                                                         \
	if (!column_##kind(statement, RECORD_##name, &out_entry->name))                                                          \
		return #name;
#define WIDE(name)   READ(wide, name)
#define NARROW(name) READ(narrow, name)
#define FLAG(name)   READ(flag, name)
#define ID(name)     READ(id, name)
#define HASH(name)   READ(hash, name)
#define SPAN(name)   READ(span, name)
#define NAME(name)                                                                                                               \
	if (!column_name(statement, RECORD_##name, out_entry->name))                                                             \
		return #name;
#include "audit/columns.def"
#undef READ
	if (!column_hash(statement, RECORD_CHAIN, &out_entry->chain))
		return "chain";
	out_entry->payload = (struct bytes){0};
	if (sqlite3_column_type(statement, RECORD_BODY) != SQLITE_NULL &&
	    !column_span(statement, RECORD_BODY, &out_entry->payload))
		return "body";
	return NULL;
}
