/* SPDX-License-Identifier: MIT
 *
 * Erasing in a backup what was erased in the network it was made from.
 */
#ifndef ACTORS_BACKUP_ERASE_H
#define ACTORS_BACKUP_ERASE_H

#include "actors/backup.h"
#include "audit/erase.h"

struct backup_erased {
	struct erase_plan plan;
	uint32_t artefacts; /* that went */
};

/* `place` is a backup's folder, whose artefacts and facts are then brought in line, or a trail.db alone. `claim` and `receipt` are those of the Erased
 * record of the live trail. 0; as erase_in_backup; with a sentence. After an error: do it again. */
MUST_CHECK int backup_erase(const char *place, const struct erased_claim *claim, struct bytes receipt,
			    const struct log_keys *keys, struct backup_erased *out_erased, char out_sentence[SENTENCE_BYTES]);

#endif
