/* SPDX-License-Identifier: MIT
 *
 * One record as columns and as the bytes that are hashed. Internal to audit/.
 *
 * Canonical bytes: the version (one byte), then each field as its length (4 bytes, big-endian) and its bytes: seq, the columns of
 * columns.def in order, the chain value before this record (32 zero bytes for the first). Numbers are 8 bytes, big-endian;
 * what is absent has length 0. chain = SHA-256(0x00 || canonical bytes): a leaf hash of RFC 6962, so that a
 * Merkle tree can stand on the same values.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <sqlite3.h>

#include "audit/hasher.h"
#include "audit/trail.h"

#define RECORD_VERSION 1u
#define SALT_BYTES     32u

/* What it takes to hash records: zero it, then recorder_init. */
struct recorder {
	struct hasher hasher;
	uint8_t *scratch; /* the bytes of one record */
	size_t scratch_bytes;
};

MUST_CHECK int recorder_init(struct recorder *recorder); /* 0 or ERR_MEMORY */
void recorder_release(struct recorder *recorder);

/* What is hashed: 0x00 and the canonical bytes of `entry` after `previous`. Borrowed until the next call. 0 or ERR_MEMORY. */
MUST_CHECK int record_bytes(struct recorder *recorder, const struct trail_entry *entry, const struct hash *previous,
			    struct bytes *out_bytes);

/* The chain value of `entry` after `previous`. 0 or ERR_MEMORY. */
MUST_CHECK int record_chain(struct recorder *recorder, const struct trail_entry *entry, const struct hash *previous,
			    struct hash *out_chain);

/* SHA-256(salt || body). 0 or ERR_MEMORY. */
MUST_CHECK int payload_commitment(struct recorder *recorder, const uint8_t salt[SALT_BYTES], struct bytes body,
				  struct hash *out_commitment);

/* ", boot, now_ms, …, commitment": what stands between seq and chain in every statement. */
#define WIDE(name)   ", " #name
#define NARROW(name) ", " #name
#define FLAG(name)   ", " #name
#define ID(name)     ", " #name
#define HASH(name)   ", " #name
#define NAME(name)   ", " #name
#define SPAN(name)   ", " #name
static const char record_columns[] =
#include "audit/columns.def"
	;

enum record_column {
	RECORD_BODY, /* the payload's body, or NULL where it is not asked for */
	RECORD_SEQ,
#define WIDE(name)   RECORD_##name,
#define NARROW(name) RECORD_##name,
#define FLAG(name)   RECORD_##name,
#define ID(name)     RECORD_##name,
#define HASH(name)   RECORD_##name,
#define NAME(name)   RECORD_##name,
#define SPAN(name)   RECORD_##name,
#include "audit/columns.def"
	RECORD_CHAIN,
};

/* Binds seq, the columns and chain to parameters 1, 2, …. Spans are borrowed until the statement is reset. An SQLite code. */
MUST_CHECK int record_bind(sqlite3_stmt *statement, const struct trail_entry *entry);

/* Reads a row whose columns are as in enum record_column; spans are borrowed until the next step. Returns NULL, or the name of
 * the column that holds what no writer would have put there. */
MUST_CHECK const char *record_read(sqlite3_stmt *statement, struct trail_entry *out_entry);

/* The same for single columns of any table. */
MUST_CHECK bool column_id(sqlite3_stmt *statement, int column, struct id *out_id);
MUST_CHECK bool column_wide(sqlite3_stmt *statement, int column, uint64_t *out_value);
MUST_CHECK bool column_narrow(sqlite3_stmt *statement, int column, uint32_t *out_value);
MUST_CHECK bool column_span(sqlite3_stmt *statement, int column, struct bytes *out_span);
int bind_id(sqlite3_stmt *statement, int parameter, const struct id *id);

bool hash_is_zero(const struct hash *hash);

#endif
