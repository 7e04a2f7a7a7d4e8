/* SPDX-License-Identifier: MIT
 *
 * Omega's trail is sealed with the keys of its state folder, and every checkpoint goes to the mirrors. And what a restore leaves for the next
 * start to record: STATE/restored.json names the record that the restored trail ends with, so that it is told once, and of that
 * trail alone.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/restore.h"
#include "actors/shell.h"
#include "audit/receipt.h"
#include "audit/seal.h"

/* ---- keys and mirrors ---- */

/* On the thread of the writer. */
static void offer(void *context, const char *note, uint64_t number, uint64_t size)
{
	mirrors_offer(context, note, number, size);
}

static int open_sealer(struct shell *shell, struct trail *trail, struct sealer **out_sealer)
{
	char folder[PATH_BYTES], why[256] = "";
	struct sealed sealed;
	int rc = state_path(&shell->state, STATE_KEYS, folder);

	if (!rc)
		rc = trail_sealed(trail, &sealed);
	if (rc) {
		snprintf(shell->why, sizeof(shell->why), "the last checkpoint cannot be read: %s", trail_why(trail));
		return rc;
	}
	rc = sealer_open(folder, &sealed, out_sealer, why);
	if (rc)
		snprintf(shell->why, sizeof(shell->why), "%s%s", why,
			 rc == ERR_STATE ? "; put back what belongs together, or accept the loss on record: bunshin help audit "
					   "restore"
					 : "");
	return rc;
}

/* What is there already: the mirrors may have missed it. */
static int offer_last(struct shell *shell, struct trail *trail)
{
	struct trail_checkpoint last;
	int rc = trail_checkpoint_last(trail, &last);

	if (!rc)
		mirrors_offer(shell->mirrors, last.note, last.number, last.size);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int sealing_begin(struct shell *shell, struct trail *trail)
{
	char sentence[SENTENCE_BYTES];
	struct sealer *sealer = NULL;
	int rc = open_sealer(shell, trail, &sealer);

	if (rc)
		return rc;
	rc = mirrors_new(&shell->state, &shell->conf, &shell->mirrors, sentence);
	if (rc) {
		snprintf(shell->why, sizeof(shell->why), "the mirrors of the trail: %.400s",
			 *sentence ? sentence : error_sentence(rc));
		sealer_close(sealer);
		return rc;
	}
	rc = offer_last(shell, trail);
	trail_seal(trail, sealer, offer, shell->mirrors);
	return rc;
}

/* ---- after a restore ---- */

int sealing_tell_restored(struct shell *shell)
{
	struct restore_note note;
	struct message message = {.type = MESSAGE_RESTORED};
	struct event event = {.message = &message, .has_payload = true};
	char sentence[SENTENCE_BYTES];
	int rc = restore_note_read(&shell->state, &note, sentence);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc) {
		snprintf(shell->why, sizeof(shell->why), "%.400s", sentence);
		return rc;
	}
	if (note.through_seq != shell->durable_seq) /* it was told before, or belongs to a trail that did not get here */
		return 0;
	message.restored.through_seq = note.through_seq;
	message.restored.lost_seq = note.lost_seq;
	message.restored.checkpoint = note.checkpoint;
	message.restored.lost_checkpoint = note.lost_checkpoint;
	message.restored.rollback = note.rollback;
	message.restored.who = (struct text){note.who, (uint32_t)strlen(note.who)};
	message.restored.reason = (struct text){note.reason, (uint32_t)strlen(note.reason)};
	return shell_step(shell, &event);
}
