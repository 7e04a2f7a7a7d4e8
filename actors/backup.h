/* SPDX-License-Identifier: MIT
 *
 * A backup: a folder from which a network can be set up again, and which an auditor can check by itself.
 *
 *   trail.db      the trail up to one record, as one file (audit/copy.h)
 *   log.pub       the public keys it is checked with
 *   artefacts/    as in the state folder
 *   peers/        who may speak: names, rights and public keys
 *   routing.conf  the file in force when the backup was made
 *   keys/         only when asked for: every secret key but the seal key, which must never be there twice
 *   backup.json   what is in it
 *
 * It is made beside the place where it is to be and gets its name when all of it is on the disk and has been checked: a folder of that name is
 * complete.
 */
#ifndef ACTORS_BACKUP_H
#define ACTORS_BACKUP_H

#include <stdbool.h>

#include "actors/state.h"
#include "audit/copy.h"
#include "audit/seal.h"
#include "audit/trail.h"

#define BACKUP_TRAIL     "trail.db"
#define BACKUP_KEYS      "log.pub"
#define BACKUP_ARTEFACTS "artefacts"
#define BACKUP_PEERS     "peers"
#define BACKUP_ROUTES    "routing.conf"
#define BACKUP_SECRETS   "keys"
#define BACKUP_FACTS     "backup.json"
#define BACKUP_FORMAT    "bunshin-backup/1"

#define DAMAGED_NAMED 8u /* artefacts that are named; the rest is counted */

/* What is in a backup. */
struct backup_facts {
	char origin[ORIGIN_BYTES];
	uint64_t made_at_ms; /* wall clock, UTC */
	uint64_t records;    /* the trail ends with this one */
	uint64_t payloads;
	struct hash head;    /* its chain value */
	uint64_t checkpoint; /* number of the last one; 0: none */
	uint64_t sealed;     /* records it covers */
	uint64_t artefacts;
	uint64_t artefact_bytes;
	uint64_t damaged; /* artefacts whose content is not what their name says; left out */
	struct hash damaged_hash[DAMAGED_NAMED];
	bool secrets; /* keys/ is there */
};

struct backup_options {
	const struct state_folder *state;
	const char *routes; /* path of routing.conf; NULL: none */
	const char *folder; /* to be made */
	bool secrets;
	bool (*stop)(void *context); /* may be NULL; asked now and then, true ends it */
	void *context;
};

/* Makes a backup beside a network that may be running. Returns 0, also if artefacts are damaged (`out_facts` says so); ERR_CONFLICT (something is at
 * `folder` already), ERR_LOCKED (somebody else makes a backup there), ERR_CANCELLED, ERR_NOT_FOUND (no trail or no keys yet), ERR_CORRUPT (the trail is damaged),
 * ERR_IO, …; with a sentence, and then nothing is left behind. Blocks. */
MUST_CHECK int backup_make(const struct backup_options *options, struct backup_facts *out_facts, struct trail_copied *out_copied,
			   char out_sentence[SENTENCE_BYTES]);

/* What a backup says of itself. 0; ERR_NOT_FOUND (it is none), ERR_CORRUPT, ERR_NEWER, ERR_IO; with a sentence. */
MUST_CHECK int backup_read(const char *folder, struct backup_facts *out_facts, char out_sentence[SENTENCE_BYTES]);

/* Checks all of it: the trail with `keys`, that it ends where the backup says, and the content of every artefact. 0; ERR_CORRUPT with a sentence that names
 * what is wrong first; ERR_IO, … */
MUST_CHECK int backup_check(const char *folder, const struct backup_facts *facts, const struct log_keys *keys,
			    char out_sentence[SENTENCE_BYTES]);

/* A file log.pub, read. 0; ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO; with a sentence. */
MUST_CHECK int log_keys_load(const char *path, struct log_keys *out_keys, char out_sentence[SENTENCE_BYTES]);

/* Checks a trail and its checkpoints. 0; ERR_CORRUPT with a sentence that names the first bad record or checkpoint; ERR_IO, … */
MUST_CHECK int trail_check(const char *path, const struct log_keys *keys, struct trail_verdict *out_verdict,
			   struct sealed *out_sealed, char out_sentence[SENTENCE_BYTES]);

/* ---- for making and restoring alike ---- */

/* Copies a file that nobody changes, fsynced, over nothing that is there. `out_hash` (may be NULL) gets its SHA-256. 0; ERR_NOT_FOUND: it is gone;
 * ERR_CONFLICT: the other is there already; ERR_IO with errno. */
MUST_CHECK int backup_copy_file(const char *from, const char *to, unsigned mode, struct hash *out_hash, uint64_t *out_bytes);

/* Every finished artefact below a folder: its path within it, "ab/cdef…", and the hash that this names. Stops when `each` returns
 * non-zero, and returns that; 0 (also if there is no folder); ERR_IO. */
MUST_CHECK int backup_artefacts(const char *folder, int (*each)(void *context, const char *path, const struct hash *hash),
				void *context);

MUST_CHECK int backup_sync_folder(const char *folder); /* 0 or ERR_IO */

#endif
