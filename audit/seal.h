/* SPDX-License-Identifier: MIT
 *
 * The keys that sign checkpoints. The log key stays; the seal key is used once and overwritten, and each checkpoint announces the
 * key of the next: whoever takes the machine later finds no key that could sign other checkpoints in the place of old ones.
 *
 * keys/log.key (seed, 0600), keys/log.pub (for outsiders), keys/seal.key (0600): two slots with a checksum each, in blocks of their own; a slot holds
 * the number of the next checkpoint, its seed and the seed after it, and the size and root of the last checkpoint that was durable. A new
 * state is synced in the free slot before the old one is overwritten, so after any crash at least one is whole; if both are, the trail's last
 * checkpoint tells which key comes next.
 *
 * Secrets are in locked memory and never copied elsewhere. Not for several threads.
 */
#ifndef AUDIT_SEAL_H
#define AUDIT_SEAL_H

#include "audit/note.h"

struct sealer;

/* What the trail knows of its last checkpoint; number 0: there is none yet. */
struct sealed {
	uint64_t number;
	uint64_t size;
	struct hash root;
	uint8_t next_seal[PUBLIC_KEY_BYTES];
};

/* Opens the keys in `folder`, makes them if there are none and the trail has no checkpoint either, and settles which seal key is next.
 *
 * Returns 0; ERR_STATE with a sentence if the trail does not end where the seal does: it is an older copy (a rollback), or keys and trail
 * belong to different networks; ERR_NOT_FOUND if the trail has checkpoints and the keys are gone; ERR_IO, ERR_MEMORY, ERR_CORRUPT. */
MUST_CHECK int sealer_open(const char *folder, const struct sealed *last, struct sealer **out_sealer, char out_why[256]);
void sealer_close(struct sealer *sealer); /* overwrites what is in memory; takes NULL */

const struct log_keys *sealer_keys(const struct sealer *sealer); /* public; borrowed */

/* Signs the next checkpoint over `size` records. Nothing on disk changes: until sealer_committed the same key signs again. */
void sealer_sign(struct sealer *sealer, uint64_t size, const struct hash *root, uint64_t time_ms, char out_text[NOTE_BYTES_MAX]);

/* The checkpoint signed last is durable in the trail: makes the next key durable, then overwrites the used one. Blocks for two
 * syncs. 0 or ERR_IO, after which this sealer must not sign any more (open it again). */
MUST_CHECK int sealer_committed(struct sealer *sealer);

/* How far the seal has come: the last checkpoint that the newest whole key follows. Changes nothing, and may be asked while somebody else
 * seals; where a crash came between commit and seal, the trail has one more. 0; ERR_NOT_FOUND: there is no seal key; ERR_CORRUPT, ERR_NOT_ALLOWED,
 * ERR_IO; with a sentence. */
MUST_CHECK int sealer_look(const char *folder, uint64_t *out_number, uint64_t *out_size, char out_why[256]);

/* Begins a new row of seal keys after a rollback that a person has accepted: new keys, and one more line in log.pub. 0 or an error with a sentence. */
MUST_CHECK int sealer_restart(const char *folder, const struct sealed *last, char out_why[256]);

#endif
