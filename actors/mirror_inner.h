/* SPDX-License-Identifier: MIT
 *
 * One mirror, and what each kind of it does with a checkpoint. Internal to the mirrors.
 */
#ifndef ACTORS_MIRROR_INNER_H
#define ACTORS_MIRROR_INNER_H

#include <pthread.h>

#include "actors/mirror.h"
#include "audit/note.h"

#define MIRROR_WORDS_MAX   64u
#define MIRROR_ENTRY_BYTES (NOTE_BYTES_MAX + 64u)

struct checkpoint_text {
	uint64_t number; /* 0: none */
	uint64_t size;
	char note[NOTE_BYTES_MAX];
};

struct mirror {
	struct mirrors *all;
	enum mirror_kind kind;
	char where[PATH_BYTES];
	char words[COMMAND_BYTES]; /* of the command */
	const char *argv[MIRROR_WORDS_MAX + 1];
	uint64_t trail_device; /* of the file system that the trail is on */
	uint32_t pause_ms;     /* at least this long between two checkpoints */
	pthread_t thread;
	/* Guarded by mirrors->lock. */
	bool ended;
	bool same_volume;
	uint64_t number, size, at_ms;
	uint64_t failing_since_ms;
	char why[MIRROR_WHY_BYTES];
	/* The thread's own. */
	uint64_t not_before_ms; /* CLOCK_MONOTONIC */
	uint32_t retry_ms;
};

/* How a checkpoint stands in a mirror: "# NUMBER UNIX_MS", the note, an empty line. Returns the number of bytes. */
size_t mirror_entry(const struct checkpoint_text *checkpoint, char out_entry[MIRROR_ENTRY_BYTES]);

/* Each returns when the checkpoint is there, durable as far as the kind can promise that: true; else why not. A checkpoint that is the
 * last one there already is there. `deadline_ms` CLOCK_MONOTONIC. Blocks. */
bool mirror_file_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, char out_why[MIRROR_WHY_BYTES]);
bool mirror_git_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, char out_why[MIRROR_WHY_BYTES]);
bool mirror_command_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, uint64_t deadline_ms,
			char out_why[MIRROR_WHY_BYTES]);

uint64_t mirror_now_ms(void); /* CLOCK_MONOTONIC */

/* When all must have ended; 0 until mirrors_free says so. */
uint64_t mirror_stop_ms(struct mirror *mirror);

/* What a mirror finds out about its file system, said once in the log if it is that of the trail. */
void mirror_note_device(struct mirror *mirror, uint64_t device);

#endif
