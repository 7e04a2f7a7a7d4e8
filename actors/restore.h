/* SPDX-License-Identifier: MIT
 *
 * A network from its backup. Nothing is overwritten or deleted: the trail that was there is kept under another name, and what a restore
 * loses is found out first, said, and done only when a person accepts it; then it stands on the trail, and in log.pub a new row of
 * seal keys begins that auditors see.
 */
#ifndef ACTORS_RESTORE_H
#define ACTORS_RESTORE_H

#include "actors/backup.h"

#define RESTORE_WHO_BYTES    96u
#define RESTORE_REASON_BYTES 512u
#define STATE_RESTORED       "restored.json"

/* What a restore would come to. */
struct restore_view {
	struct backup_facts backup; /* in place: of the trail that is there */
	bool live;                  /* there is a trail, and its end could be read */
	uint64_t live_seq;          /* its last record */
	uint64_t live_checkpoint;   /* its last checkpoint; 0: none */
	uint64_t same_seq;          /* last record that both have in common */
	bool sealed;                /* there is a seal key to ask, … */
	uint64_t sealed_checkpoint; /* … and how far it has come */
	uint64_t sealed_size;
	bool rollback;                 /* records or checkpoints would be lost, or nobody can tell */
	char why[SENTENCE_BYTES];      /* then: what, for people; else empty */
	char live_why[SENTENCE_BYTES]; /* a trail is there and cannot be read: why */
};

struct restore_options {
	const struct state_folder *state;
	const char *folder; /* of the backup; NULL: the trail that is in the state folder is to be gone on with */
	bool accept_rollback;
	const char *reason;
	const char *who;
	bool (*stop)(void *context); /* as in backup.h */
	void *context;
};

/* Checks the backup and compares it with what is in the state folder, beside a network that may be running. Changes nothing. 0;
 * ERR_CONFLICT: it belongs to another network; ERR_CORRUPT, ERR_NOT_FOUND, …; with a sentence. */
MUST_CHECK int restore_look(const struct restore_options *options, struct restore_view *out_view,
			    char out_sentence[SENTENCE_BYTES]);

/* Does it. The network must be stopped, and cannot be started meanwhile. `out_kept` gets the path of the trail that was there, or nothing. 0;
 * ERR_LOCKED: the network runs; ERR_STATE: it would be a rollback and was not accepted (the view says what would be lost); as
 * restore_look. Whenever it ends, the state folder has the old trail or the new one, whole; if it is ended between the two, do it again. */
MUST_CHECK int restore_do(const struct restore_options *options, struct restore_view *out_view, char out_kept[PATH_BYTES],
			  char out_sentence[SENTENCE_BYTES]);

/* The same into a folder of its own within the state, which is removed again: everything but the change. As restore_look. */
MUST_CHECK int restore_drill(const struct restore_options *options, struct restore_view *out_view,
			     char out_sentence[SENTENCE_BYTES]);

/* True while a restore has begun to exchange the trail and has not finished: the trail that is there must not be used. */
bool restore_unfinished(const struct state_folder *state);

/* What the next start of Omega records. */
struct restore_note {
	uint64_t through_seq;
	uint64_t lost_seq;
	uint64_t checkpoint;
	uint64_t lost_checkpoint;
	bool rollback;
	char who[RESTORE_WHO_BYTES];
	char reason[RESTORE_REASON_BYTES];
};
MUST_CHECK int restore_note_write(const struct state_folder *state, const struct restore_note *note);
/* 0; ERR_NOT_FOUND: there is none; ERR_CORRUPT, ERR_IO with a sentence. */
MUST_CHECK int restore_note_read(const struct state_folder *state, struct restore_note *out_note,
				 char out_sentence[SENTENCE_BYTES]);
void restore_note_remove(const struct state_folder *state);

#endif
