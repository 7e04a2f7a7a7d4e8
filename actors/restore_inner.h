/* SPDX-License-Identifier: MIT
 *
 * What the files of restoring share. Internal to them.
 */
#ifndef ACTORS_RESTORE_INNER_H
#define ACTORS_RESTORE_INNER_H

#include "actors/restore.h"

#define STATE_STAGING   ".restore"           /* where the new trail stands until it is checked */
#define STATE_RESTORING "restore.unfinished" /* there while trails are exchanged */

/* The public keys that the backup is checked with: those of the state folder, else those in the backup. */
MUST_CHECK int restore_keys(const struct restore_options *options, struct log_keys *out_keys, char out_sentence[SENTENCE_BYTES]);

/* The same as restore_look without a backup: what going on with the trail that is here would come to. */
MUST_CHECK int restore_look_here(const struct restore_options *options, struct restore_view *out_view,
				 char out_sentence[SENTENCE_BYTES]);

/* Brings what a backup has and the folder at `root`, a state folder, has not: artefacts, peers, keys. 0 or an error with a
 * sentence. */
MUST_CHECK int restore_files(const struct restore_options *options, const char *root, char out_sentence[SENTENCE_BYTES]);

#endif
