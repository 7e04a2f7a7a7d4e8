/* SPDX-License-Identifier: MIT
 *
 * How a record of the journal is told from bytes that only look like one.
 *
 * A keyed hash: each file has a random key of its own, so whoever chooses the content of a file, but does not read the journal, cannot make
 * bytes in it that pass as a record; and the position in the file goes in, so a record does not pass at another place either. It is not meant
 * against who can read the journal, and who can write it needs no fake.
 *
 * The body is cut into blocks of 1 KiB. In each, pairs of words with the key added are multiplied and summed up (NH with 64-bit words: Black, Halevi,
 * Krawczyk, Krovetz, Rogaway, "UMAC", CRYPTO 1999; Krovetz, Dai, "VHASH security", 2007), and the sums are the coefficients of a
 * polynomial modulo 2^61 - 1 at a secret point. Two bodies of one length collide with a chance below 2^-50 up to a gibibyte. It is faster
 * than CRC32C, needs no special instructions, and is the same everywhere.
 *
 * A check is never 0: its three highest bits are 101.
 */
#ifndef WORKSPACE_STORE_JOURNAL_CHECK_H
#define WORKSPACE_STORE_JOURNAL_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_KEY_WORDS 128u

/* As it stands in the file. */
struct journal_key {
	uint64_t words[JOURNAL_KEY_WORDS];
	uint64_t point;
};

/* `bytes` is a multiple of 8. */
uint64_t journal_check_body(const struct journal_key *key, uint64_t position, uint64_t word, const uint8_t *body, size_t bytes);

uint64_t journal_check_head(const struct journal_key *key, uint64_t position, uint64_t word, uint64_t body_check);

#endif
