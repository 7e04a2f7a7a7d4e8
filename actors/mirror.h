/* SPDX-License-Identifier: MIT
 *
 * Checkpoints of the trail in places where whoever takes the trail does not have them: a file, best on another volume; a git
 * repository; a program of the operator's. Whoever compares one of them with the trail later sees whether its end was cut off or all
 * of it was written anew.
 *
 * Each mirror has a thread of its own and a place for one checkpoint: whoever is behind gets the newest only, since it covers those
 * before it. A mirror that fails is tried again, at longer and longer intervals, and never holds up the network. It is said in the
 * log when a mirror begins to fail and when it works again.
 */
#ifndef ACTORS_MIRROR_H
#define ACTORS_MIRROR_H

#include <stdbool.h>

#include "actors/state.h"
#include "routing/conf.h"

#define MIRROR_RETRY_FIRST_MS 500u
#define MIRROR_RETRY_MOST_MS  60000u
#define MIRROR_COMMAND_MS     30000u /* a command that takes longer is ended, with all it started */
#define MIRROR_STOP_MS        3000u  /* for the last checkpoint, when Omega ends; less than the supervisor gives it */
#define MIRROR_GIT_PAUSE_MS   60000u /* between two commits: three small files each */
#define MIRROR_WHY_BYTES      256u

enum mirror_kind { MIRROR_FILE, MIRROR_GIT, MIRROR_COMMAND, MIRROR_KINDS };

struct mirrors;

/* Starts what routing.conf names; without a word about a file, STATE/mirror/log.checkpoints. What cannot be written now is tried
 * again like anything that fails later. 0; ERR_CONFIG with a sentence (a command that cannot be split), ERR_MEMORY, ERR_SYSTEM. */
MUST_CHECK int mirrors_new(const struct state_folder *state, const struct conf *conf, struct mirrors **out_mirrors,
			   char out_sentence[SENTENCE_BYTES]);

/* Hands over a checkpoint that is durable in the trail. Any thread; never blocks on a mirror. Of an older or the same number: nothing. */
void mirrors_offer(struct mirrors *mirrors, const char *note, uint64_t number, uint64_t size);

/* Gives each mirror that is behind up to `limit_ms` for the last checkpoint, then ends. Takes NULL. */
void mirrors_free(struct mirrors *mirrors, uint32_t limit_ms);

/* How a mirror is. Texts are copies. */
struct mirror_view {
	enum mirror_kind kind;
	char where[PATH_BYTES];
	bool same_volume;          /* a file or repository on the file system of the trail: both are lost together */
	uint64_t number;           /* of the last checkpoint that is there; 0: none yet */
	uint64_t size;             /* records it covers */
	uint64_t at_ms;            /* wall clock, UTC */
	uint64_t failing_since_ms; /* wall clock; 0: it does not fail */
	char why[MIRROR_WHY_BYTES];
};

/* The last checkpoint that was handed over (0, 0: none), and every mirror; returns how many there are. Any thread. */
size_t mirrors_look(struct mirrors *mirrors, uint64_t *out_number, uint64_t *out_size, struct mirror_view view[MIRROR_KINDS]);

const char *mirror_kind_name(enum mirror_kind kind); /* "file" */

#endif
