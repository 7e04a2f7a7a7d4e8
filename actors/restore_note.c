/* SPDX-License-Identifier: MIT
 *
 * What a restore leaves for the next start of Omega to record.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/restore.h"

#define NOTE_FILE_BYTES 8192u

int restore_note_write(const struct state_folder *state, const struct restore_note *note)
{
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:b, s:s, s:s}", "through_seq", (json_int_t)note->through_seq, "lost_seq",
				 (json_int_t)note->lost_seq, "checkpoint", (json_int_t)note->checkpoint, "lost_checkpoint",
				 (json_int_t)note->lost_checkpoint, "rollback", (int)note->rollback, "who", note->who, "reason",
				 note->reason);
	char path[PATH_BYTES], *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	int rc = state_path(state, STATE_RESTORED, path);

	json_decref(json);
	if (!rc)
		rc = text ? file_replace(path, text, strlen(text), 0600) : ERR_MEMORY;
	free(text);
	return rc;
}

static bool take(json_t *json, struct restore_note *note)
{
	json_int_t through, lost, checkpoint, lost_checkpoint;
	const char *who, *reason;
	int rollback;

	if (json_unpack(json, "{s:I, s:I, s:I, s:I, s:b, s:s, s:s}", "through_seq", &through, "lost_seq", &lost, "checkpoint",
			&checkpoint, "lost_checkpoint", &lost_checkpoint, "rollback", &rollback, "who", &who, "reason", &reason))
		return false;
	*note = (struct restore_note){.through_seq = (uint64_t)through,
				      .lost_seq = (uint64_t)lost,
				      .checkpoint = (uint64_t)checkpoint,
				      .lost_checkpoint = (uint64_t)lost_checkpoint,
				      .rollback = rollback};
	snprintf(note->who, sizeof(note->who), "%s", who);
	snprintf(note->reason, sizeof(note->reason), "%s", reason);
	return true;
}

int restore_note_read(const struct state_folder *state, struct restore_note *out_note, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES], text[NOTE_FILE_BYTES];
	json_t *json = NULL;
	size_t bytes;
	int rc = state_path(state, STATE_RESTORED, path);

	if (!rc)
		rc = file_read(path, text, sizeof(text), &bytes);
	if (rc == ERR_NOT_FOUND)
		return rc;
	if (!rc) {
		json = json_loadb(text, bytes, 0, NULL);
		rc = json && take(json, out_note) ? 0 : ERR_CORRUPT;
		json_decref(json);
	}
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s cannot be read (%s): it says what the last restore has lost", path,
			 error_sentence(rc));
	return rc;
}

void restore_note_remove(const struct state_folder *state)
{
	char path[PATH_BYTES];

	if (state_path(state, STATE_RESTORED, path) == 0)
		unlink(path); /* left behind it is told no second time */
}
