/* SPDX-License-Identifier: MIT
 *
 * A receipt: one record, shown to somebody who sees nothing else of the trail. One line of JSON; docs/trail-format.md has its members.
 *
 * Not to be confused with audit/receipt.h, which writes them: this one only reads, and shares nothing with it.
 */
#ifndef VERIFIER_RECEIPT_H
#define VERIFIER_RECEIPT_H

#include "verifier/inspect.h"
#include "verifier/object.h"

#define RECEIPT_BYTES_MAX (64u << 20)
#define PROOF_HASHES_MAX  64u

struct receipt_read {
	uint8_t *room; /* what the spans point into; give back with receipt_read_release */
	struct row row;
	uint8_t previous[SUM_BYTES];
	uint8_t leaf[SUM_BYTES];
	struct signed_note note;
	uint64_t number; /* of the checkpoint */
	bool opened;     /* the receipt shows the payload, and it is the one that was committed to */
	struct span salt;
	struct span body;
	bool seal_known; /* the key file has the key of this seal, and the seal is good */
};

/* Reads and checks everything that a receipt proves. `keys` NULL: signatures are not looked at. INSPECT_FINE; INSPECT_WRONG with a
 * sentence; INSPECT_UNREADABLE without memory. Release what it gave in any case. */
int receipt_open(struct span text, const struct public_keys *keys, struct receipt_read *out_receipt, char out_why[400]);
void receipt_read_release(struct receipt_read *receipt);

/* The signature of the log, and that of the seal where its key is known. */
bool note_signed(const struct signed_note *note, const struct public_keys *keys, bool *out_seal_known, char out_why[160]);

/* Decodes an array of base64 hashes. False if it is none, or has more than PROOF_HASHES_MAX. */
bool proof_read(const struct value *array, uint8_t (*out_proof)[SUM_BYTES], size_t *out_count);

#endif
