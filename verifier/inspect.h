/* SPDX-License-Identifier: MIT
 *
 * The checks that a trail and a whole export have in common: records in order, payloads, tree, checkpoints, sequences.
 *
 * Whoever reads the records hands them over one after the other; they are hashed some dozens at a time, so what is wrong with one may show a few
 * records later, but always the first bad one is told. docs/trail-format.md, "How to verify", says in which order things are looked at.
 */
#ifndef VERIFIER_INSPECT_H
#define VERIFIER_INSPECT_H

#include "verifier/merkle.h"
#include "verifier/numbers.h"
#include "verifier/row.h"
#include "verifier/signed.h"

#define UNSEALED_MAX 20000u /* records that no checkpoint covers, or between two of them */

/* What is wrong, and from which record on nothing is vouched for. */
struct finding {
	uint64_t first; /* records in doubt; 0: the file as a whole */
	uint64_t last;
	uint64_t checkpoint; /* 0: not about one */
	char sentence[400];
};

enum { INSPECT_FINE = 0, INSPECT_WRONG = 1, INSPECT_UNREADABLE = 2 }; /* the last: memory, or reading; the reader knows more */

struct payload {
	bool there;  /* a row, or a member, is there at all */
	bool salted; /* its salt is not NULL */
	bool opened; /* its body is not NULL */
	struct span salt;
	struct span body;
};

struct checkpoint_row {
	uint64_t number;
	uint64_t size;
	struct span note; /* borrowed until the next call */
};

/* What must be asked for while records go by. Each returns INSPECT_FINE or INSPECT_UNREADABLE, or INSPECT_WRONG after inspection_wrong. */
struct inspection;
struct inspection_source {
	void *context;
	/* The checkpoint after `number`; *out_found false: there is none now. */
	int (*checkpoint)(void *context, int64_t after_number, struct checkpoint_row *out_row, bool *out_found);
	/* The root of 2^level leaves, the number-th from 0, is complete. May be NULL. */
	int (*node)(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES]);
	/* Commitment of the payload that record `seq`, seen before, owns; *out_found false: it owns none. */
	int (*commitment)(void *context, uint64_t seq, uint8_t out_commitment[SUM_BYTES], bool *out_found);
	/* Is the payload that `row` owns erased on record? */
	int (*erased)(void *context, const struct row *row, bool *out_erased);
};

/* A note from outside, whose checkpoint the trail must contain. */
struct outside_note {
	uint64_t size;
	uint64_t number;
	uint8_t root[SUM_BYTES];
	const char *file; /* borrowed */
	struct span text; /* borrowed */
	bool met;         /* the trail has this very checkpoint */
};

struct inspection {
	struct inspection_source source;
	const struct public_keys *keys; /* NULL: signatures are not looked at */
	bool sealed;                    /* false: a trail of format 1, which has no checkpoints */
	struct outside_note *outside;   /* sorted by size; borrowed */
	size_t outside_count;

	uint64_t begin; /* records up to here are not looked at */
	uint64_t seq;   /* of the last record taken */
	uint8_t head[SUM_BYTES];
	uint64_t records;
	uint64_t payloads; /* opened and compared */
	uint64_t erased;
	uint64_t first_ms, last_ms; /* wall clock of the first and the last record */
	uint64_t checkpoints;
	uint64_t sealed_size;
	uint64_t sealed_ms;
	uint8_t sealed_root[SUM_BYTES];
	struct numbers numbers;
	bool found;
	struct finding finding;

	struct inspection_inner *inner;
};

/* Room for 0 or more records; `outside` stays the caller's. NULL without memory. */
struct inspection *inspection_new(const struct inspection_source *source, const struct public_keys *keys, bool sealed,
				  struct outside_note *outside, size_t outside_count);
void inspection_free(struct inspection *inspection);

/* Begins behind `seq`, whose tree and chain value are trusted until the next checkpoint confirms the tree. Before any record. */
void inspection_begin(struct inspection *inspection, const struct merkle *tree, const uint8_t head[SUM_BYTES],
		      const struct checkpoint_row *last_checkpoint, const struct signed_note *last_note);

/* The next record. Its spans must live until the call returns. */
int inspection_record(struct inspection *inspection, const struct row *row, const struct payload *payload);

/* Hashes and checks what is still waiting. Before the reader lets go of the moment it reads at. */
int inspection_flush(struct inspection *inspection);

/* There may be new checkpoints now. */
void inspection_more(struct inspection *inspection);

/* The trail ends here. */
int inspection_end(struct inspection *inspection);

/* Something else is wrong, noticed before record `first` was handed over: what is wrong before it goes first. Returns INSPECT_WRONG or
 * INSPECT_UNREADABLE. */
__attribute__((format(printf, 5, 6))) int inspection_wrong(struct inspection *inspection, uint64_t first, uint64_t last,
							   uint64_t checkpoint, const char *format, ...);

#endif
