/* SPDX-License-Identifier: MIT */
#include "actors/changes.h"

#include <stdlib.h>

struct changes {
	struct id id[CHANGES_KEPT];
	uint64_t seq[CHANGES_KEPT];
	uint32_t count; /* ever; the oldest gives way */
};

void changes_note(struct changes *changes, const struct id *message_id, uint64_t seq)
{
	uint32_t at = changes->count++ % CHANGES_KEPT;

	changes->id[at] = *message_id;
	changes->seq[at] = seq;
}

uint64_t changes_find(const struct changes *changes, const struct id *message_id)
{
	uint32_t kept = changes->count < CHANGES_KEPT ? changes->count : CHANGES_KEPT;

	for (uint32_t i = 0; i < kept; i++)
		if (id_equal(&changes->id[i], message_id))
			return changes->seq[i];
	return 0;
}

static int take(void *context, const struct trail_entry *entry)
{
	if (!entry->verdict)
		changes_note(context, &entry->message_id, entry->seq);
	return 0;
}

int changes_new(struct trail *trail, struct changes **out_changes)
{
	uint64_t last = trail_last_seq(trail);
	struct trail_query query = {.after_seq = last > CHANGES_LOOKED ? last - CHANGES_LOOKED : 0, .type = MESSAGE_REF_CHANGED};
	struct changes *changes = calloc(1, sizeof(*changes));
	int rc = changes ? trail_read(trail, &query, take, changes) : ERR_MEMORY;

	if (rc)
		changes_free(changes);
	else
		*out_changes = changes;
	return rc;
}

void changes_free(struct changes *changes)
{
	free(changes);
}
