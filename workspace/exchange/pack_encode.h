/* SPDX-License-Identifier: MIT
 *
 * Objects become entries of a pack, on one thread of several: bytes gathered, looked at for SHA-1 attacks, deflated.
 *
 * What leaves is looked at once: an object that has passed carries FLAG_CHECKED from then on. On the way its bytes are hashed anyway, so memory
 * that was damaged does not get out either.
 */
#ifndef WORKSPACE_EXCHANGE_PACK_ENCODE_H
#define WORKSPACE_EXCHANGE_PACK_ENCODE_H

#include "workspace/exchange/pack_entry.h"
#include "workspace/exchange/reach.h"

/* An entry whose body stands in a buffer. */
struct pack_encoded {
	uint8_t head[PACK_VARINT_BYTES];
	uint8_t head_bytes;
	bool delta; /* against the record's base */
	size_t body_bytes;
};

/* Of one thread. */
struct pack_encoder {
	struct pack_deflater *deflater;
	struct buffer tree, base, changes, ids, pieces, delta;
	bool check;
	const struct object *bad; /* after ERR_CORRUPT: which object, */
	bool attacked;            /* and whether it was made to collide (else its bytes are not those of its id) */
};

MUST_CHECK int pack_encoder_init(struct pack_encoder *encoder, bool check); /* 0, ERR_MEMORY */
void pack_encoder_release(struct pack_encoder *encoder);

/* The entry of records[index]: its body is appended to `bodies`. 0, ERR_MEMORY, ERR_CORRUPT. */
MUST_CHECK int pack_encode(struct pack_encoder *encoder, const struct reach_record *records, size_t index, struct buffer *bodies,
			   struct pack_encoded *out_encoded);

/* Only the look at it, for what leaves in another way. 0, ERR_MEMORY, ERR_CORRUPT. */
MUST_CHECK int pack_check(struct pack_encoder *encoder, const struct object *object);

#endif
