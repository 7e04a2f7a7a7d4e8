/* SPDX-License-Identifier: MIT
 *
 * The store of artefacts: content-addressed files beside the trail, STATE/artefacts/ab/cdef…, named by their SHA-256.
 *
 * A file appears under its name only when it is complete, its hash was checked, and it and its folder are on the disk; until then
 * it grows as artefacts/partial/HASH and can be continued. Checking and fsync happen on a thread of the store; the rest
 * belongs to the thread that made it.
 *
 * Each piece is looked through for known secrets before it is written, together with the end of what came before it. What holds one is given up and
 * its file removed: content that is named by its hash cannot be masked.
 */
#ifndef ACTORS_ARTEFACTS_H
#define ACTORS_ARTEFACTS_H

#include "actors/state.h"
#include "actors/vault.h"
#include "protocol/message.h"

#define UPLOADS_MAX 64u /* growing at once; the least recently fed makes room and can be continued later */

struct artefacts;

/* 0, ERR_IO, ERR_MEMORY, ERR_SYSTEM. */
MUST_CHECK int artefacts_new(const struct state_folder *state, struct vault *vault, struct artefacts **out_artefacts);
void artefacts_free(struct artefacts *artefacts); /* finishes what the thread has in hand; takes NULL */

/* Opens a finished artefact for reading: a descriptor of the caller's, or -1. */
int artefact_open(const struct artefacts *artefacts, const struct hash *hash, uint64_t *out_bytes);

/* How much of it is there, beginning it if it is new. 0, ERR_IO, ERR_CONFLICT (it grows with another size). `*out_offset` = total: there is
 * nothing more to send; it was handed to the thread. */
MUST_CHECK int artefact_offer(struct artefacts *artefacts, const struct hash *hash, uint64_t total, uint64_t *out_offset);

/* Appends a piece; one that does not fit where the file ends is left alone. Results as above, and ERR_NOT_FOUND (it does not grow here), ERR_MEMORY,
 * ERR_SECRET: the artefact is gone, and `*out_kind` says what stood in it. */
MUST_CHECK int artefact_feed(struct artefacts *artefacts, const struct hash *hash, uint64_t offset, struct bytes data,
			     uint64_t *out_offset, const char **out_kind);

/* Overwrites and removes what is not complete and does not grow at this moment: whoever brings it begins anew. 0 or ERR_IO. */
MUST_CHECK int artefacts_drop_partial(struct artefacts *artefacts);

/* Readable when artefact_finished has something to say. */
int artefacts_fd(const struct artefacts *artefacts);

/* The next artefact that is finished: true, and `*out_result` is 0 (durable under its name), ERR_CORRUPT (not what was announced; it is gone)
 * or ERR_IO. */
bool artefact_finished(struct artefacts *artefacts, struct hash *out_hash, int *out_result);

#endif
