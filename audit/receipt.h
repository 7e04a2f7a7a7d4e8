/* SPDX-License-Identifier: MIT
 *
 * What can be shown to outsiders: proofs out of a trail. docs/trail-format.md has the forms.
 */
#ifndef AUDIT_RECEIPT_H
#define AUDIT_RECEIPT_H

#include "audit/note.h"
#include "audit/trail.h"

/* Root and proofs over the first `size` records. 0; ERR_NOT_FOUND if there are fewer; ERR_STATE as in tree.h; ERR_CORRUPT, ERR_IO, ERR_MEMORY
 * with trail_why. Reads at most about 256 rows a level. */
MUST_CHECK int trail_root(struct trail *trail, uint64_t size, struct hash *out_root);
MUST_CHECK int trail_inclusion(struct trail *trail, uint64_t seq, uint64_t size, struct proof *out_proof);
MUST_CHECK int trail_consistency(struct trail *trail, uint64_t old_size, uint64_t size, struct proof *out_proof);

/* Does the trail still hold what the log sealed when it wrote this note, which somebody kept elsewhere? 0; ERR_CORRUPT with a sentence: the trail is
 * shorter (its end was cut off, or it is an older copy), is another one, or the note was not signed by this log; else as above. */
MUST_CHECK int trail_check_note(struct trail *trail, const char *text, size_t bytes, const struct log_keys *keys,
				char out_why[256]);

struct trail_checkpoint {
	uint64_t number;
	uint64_t size;
	char note[NOTE_BYTES_MAX];
};
/* The last one; the first that covers record `seq`; each in order. 0, ERR_NOT_FOUND, ERR_IO, ERR_MEMORY, ERR_CORRUPT. */
MUST_CHECK int trail_checkpoint_last(struct trail *trail, struct trail_checkpoint *out_checkpoint);
MUST_CHECK int trail_checkpoint_covering(struct trail *trail, uint64_t seq, struct trail_checkpoint *out_checkpoint);
MUST_CHECK int trail_checkpoints(struct trail *trail, uint64_t after_number,
				 int (*each)(void *context, const struct trail_checkpoint *checkpoint), void *context);

/* The bytes of record `seq` that are hashed, without the leading 0x00, appended to `buffer`. */
MUST_CHECK int trail_canonical(struct trail *trail, uint64_t seq, struct buffer *buffer);

/* Salt and body of the payload that `seq` owns, appended. ERR_NOT_FOUND if it owns none or it was erased. */
MUST_CHECK int trail_payload_opened(struct trail *trail, uint64_t seq, uint8_t out_salt[32], struct buffer *body);

/* Appends the receipt of record `seq` to `buffer`: one line of canonical JSON (RFC 8785). ERR_NOT_FOUND: there is no such record;
 * ERR_STATE: no checkpoint covers it yet. */
MUST_CHECK int receipt_write(struct trail *trail, uint64_t seq, bool with_payload, struct buffer *buffer);

#endif
