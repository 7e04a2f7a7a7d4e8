/* SPDX-License-Identifier: MIT
 *
 * One record, from wherever it comes, and the bytes of it that are hashed.
 */
#ifndef VERIFIER_ROW_H
#define VERIFIER_ROW_H

#include "verifier/span.h"
#include "verifier/sums.h"

/* The columns between seq and chain, in the order of the table and of the bytes. A hash or an id that is absent has no bytes. */
#define ROW_COLUMNS(NUMBER, ID, TEXT, BYTES, HASH)                                                                               \
	ID(boot)                                                                                                                 \
	NUMBER(now_ms)                                                                                                           \
	NUMBER(wall_ms)                                                                                                          \
	NUMBER(mono_ms)                                                                                                          \
	NUMBER(direction)                                                                                                        \
	NUMBER(type)                                                                                                             \
	NUMBER(verdict)                                                                                                          \
	TEXT(peer)                                                                                                               \
	ID(message_id)                                                                                                           \
	ID(task_id)                                                                                                              \
	NUMBER(task_number)                                                                                                      \
	NUMBER(attempt)                                                                                                          \
	NUMBER(sender_seq)                                                                                                       \
	NUMBER(end_state)                                                                                                        \
	NUMBER(revives)                                                                                                          \
	ID(key_hash)                                                                                                             \
	ID(body_hash)                                                                                                            \
	BYTES(header)                                                                                                            \
	BYTES(facts)                                                                                                             \
	NUMBER(payload_seq)                                                                                                      \
	HASH(commitment)

#define ROW_NUMBER(name) uint64_t name;
#define ROW_SPAN(name)   struct span name;
struct row {
	uint64_t seq;
	ROW_COLUMNS(ROW_NUMBER, ROW_SPAN, ROW_SPAN, ROW_SPAN, ROW_SPAN)
	struct span chain;
};
#undef ROW_NUMBER
#undef ROW_SPAN

#define ID_BYTES      16u
#define ROW_COUNT     21u /* columns of the list */
#define ROW_BYTES_MAX (1u << 30)

enum direction_of { DIRECTION_RECEIVED = 1, DIRECTION_SENT = 2, DIRECTION_OWN = 3 };

/* Codes of messages and of errors that mean something for a trail (docs/protocol.md has all of them). */
enum code {
	CODE_HELLO = 0x01,
	CODE_TASK_REQUEST = 0x10,
	CODE_TASK_PROGRESS = 0x14,
	CODE_TASK_COMPLETION = 0x15,
	CODE_TASK_FAILURE = 0x16,
	CODE_REFUSAL = 0x03,
	CODE_ARTEFACT_PUT = 0x28,
	CODE_ARTEFACT_GET = 0x29,
	CODE_BOOT = 0x60,
	CODE_SNAPSHOT = 0x64,
	CODE_COUNTED = 0x66,
	CODE_ERASED = 0x68,
};
#define ERROR_OF_STRANGERS 4u /* "this connection has not said Hello" */
#define ERROR_OF_MALFORMED 1u

/* "TaskRequest", or "?" for a code that this program does not know. */
const char *code_name(uint64_t code);

/* At most so many bytes does row_write need. */
size_t row_room(const struct row *row);

/* Writes 0x00, which marks a leaf, and the canonical bytes of the record after the chain value `previous`. Returns the bytes. */
size_t row_write(const struct row *row, const uint8_t previous[SUM_BYTES], uint8_t *out);

/* Takes canonical bytes (without the 0x00) apart; spans point into them, chain stays empty. False if they are none. */
bool row_parse(struct span canonical, struct row *out_row, uint8_t out_previous[SUM_BYTES]);

#endif
