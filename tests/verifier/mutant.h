/* SPDX-License-Identifier: MIT
 *
 * A trail that is damaged on purpose and made whole again, in memory-backed files, without any code of what writes trails.
 */
#ifndef TESTS_VERIFIER_MUTANT_H
#define TESTS_VERIFIER_MUTANT_H

#include <sqlite3.h>

#include "verifier/inner.h"

struct record_copy {
	struct row row; /* spans into room */
	uint8_t *room;
};

struct mutant {
	char path[256];   /* of the copy that is damaged */
	char mirror[256]; /* checkpoints kept elsewhere */
	char older[256];
	struct public_keys keys;
	uint8_t *image; /* the sound file */
	size_t bytes;
	size_t flipped; /* 1 + the byte that alone is damaged; 0: anything may be */
	sqlite3 *db;    /* of the copy, between mutant_open and mutant_close */
	uint64_t random;

	uint64_t last; /* records, checkpoints, and what the last checkpoint and the last mirrored one cover */
	uint64_t checkpoints;
	uint64_t sealed;
	uint64_t mirrored;
	struct record_copy *records; /* [1 … last] */
};

/* What a verifier must say. */
struct expectation {
	uint64_t low, high;  /* the first record in doubt is one of these; high 0: any */
	bool needs_mirror;   /* without one nobody could tell */
	bool may_be_nothing; /* a flipped bit that no value depends on */
	char what[160];
};

_Noreturn __attribute__((format(printf, 1, 2))) void stop(const char *format, ...);

/* Prepares a copy of FOLDER/trail.db in `scratch` under the name `name`. */
void mutant_init(struct mutant *mutant, const char *folder, const char *scratch, const char *name);
void mutant_release(struct mutant *mutant);
void mutant_restore(struct mutant *mutant); /* makes the copy whole again */
uint64_t mutant_random(struct mutant *mutant, uint64_t below);

void mutant_open(struct mutant *mutant);
void mutant_close(struct mutant *mutant);
/* Runs SQL that may fail (a key that is taken); returns the rows changed. */
__attribute__((format(printf, 2, 3))) int mutant_run(struct mutant *mutant, const char *format, ...);
/* A number out of the copy. */
__attribute__((format(printf, 2, 3))) int64_t mutant_number(struct mutant *mutant, const char *format, ...);
uint64_t mutant_size_of(struct mutant *mutant, uint64_t checkpoint); /* what it covers; 0 for 0 */
uint64_t mutant_checkpoint_over(struct mutant *mutant, uint64_t seq);

/* A print of every value of every row with its type, and of the schema; false if it cannot all be read. */
bool mutant_print(const char *path, uint8_t out_print[SUM_BYTES]);

/* Each damages the copy somewhere and says what must be found. False: nothing came of it this time. */
typedef bool mutation(struct mutant *mutant, struct expectation *out_expected);
mutation flip_column, flip_page, swap_records, swap_payloads, delete_head, delete_middle, delete_tail, roll_back, forge_and_chain,
	drop_checkpoint, reorder_checkpoints, change_node, forge_erasure;

#endif
