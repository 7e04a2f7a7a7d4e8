/* SPDX-License-Identifier: MIT
 *
 * Signed notes, and the public keys that they are checked with. docs/trail-format.md shows both byte by byte.
 */
#ifndef VERIFIER_SIGNED_H
#define VERIFIER_SIGNED_H

#include "verifier/span.h"
#include "verifier/sums.h"

#define SIGNED_BYTES_MAX 1024u
#define ORIGIN_ROOM      64u
#define PUBLIC_BYTES     32u
#define SIGNATURE_BYTES  64u
#define ROWS_MAX         64u    /* rows of seal keys in one key file */
#define KEYS_BYTES_MAX   65536u /* a larger key file is none */

/* What a note says. Spans point into its text. */
struct signed_note {
	struct span text; /* all of it */
	struct span body; /* what is signed */
	struct span origin;
	uint64_t size;
	uint8_t root[SUM_BYTES];
	uint64_t time_ms;
	uint64_t next_number;
	uint8_t next_seal[PUBLIC_BYTES];
	struct {
		struct span name;
		uint8_t key_id[4];
		uint8_t signature[SIGNATURE_BYTES];
	} line[2]; /* the log's, the seal's */
};

/* False with a sentence that says what is wrong with which line. Looks at no signature. */
bool signed_read(struct span text, struct signed_note *out_note, char out_why[160]);

struct public_keys {
	char origin[ORIGIN_ROOM];
	uint8_t log[PUBLIC_BYTES];
	size_t rows;
	struct {
		uint64_t number; /* of the checkpoint that this key seals */
		uint8_t key[PUBLIC_BYTES];
	} row[ROWS_MAX];
};

/* Reads the text of keys/log.pub. False with a sentence. */
bool public_keys_read(struct span text, struct public_keys *out_keys, char out_why[160]);

/* The key that begins a row of seal keys at checkpoint `number`; NULL: none does. */
const uint8_t *public_keys_row(const struct public_keys *keys, uint64_t number);

/* Is the note of this origin, and is the signature of the log key good? False with a sentence. */
bool signed_by_log(const struct signed_note *note, const struct public_keys *keys, char out_why[160]);

/* Is it sealed as checkpoint `number` by `key`? False with a sentence. */
bool signed_by_seal(const struct signed_note *note, const struct public_keys *keys, uint64_t number,
		    const uint8_t key[PUBLIC_BYTES], char out_why[160]);

#endif
