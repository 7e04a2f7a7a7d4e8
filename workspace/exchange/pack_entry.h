/* SPDX-License-Identifier: MIT
 *
 * One entry of a pack (gitformat-pack(5), version 2): its kind and size, the way back to its base if it is a delta, and deflated bytes.
 *
 *     head   type and size: three bits and four, then seven a byte
 *     back   of a delta only (OFS_DELTA): how far before this entry its base begins
 *     body   zlib's format (RFC 1950)
 *
 * How far it is to the base is known only when everything between the two has its place; so head and body are made first, by
 * any thread, and what stands between them when the entry is put down.
 */
#ifndef WORKSPACE_EXCHANGE_PACK_ENTRY_H
#define WORKSPACE_EXCHANGE_PACK_ENTRY_H

#include "workspace/store/object.h"

#define PACK_VARINT_BYTES 10u /* at most, of a head or a way back */
#define PACK_TYPE_DELTA   6u  /* OFS_DELTA */
#define PACK_DEPTH_MAX    50u /* deltas upon one another, git's own limit for what it writes */

/* Each writes at `out`, which has room for PACK_VARINT_BYTES, and returns how much. `distance` is not 0. */
size_t pack_head(unsigned type, uint64_t bytes, uint8_t *out);
size_t pack_back(uint64_t distance, uint8_t *out);

/* What deflates, for one thread. */
struct pack_deflater;
MUST_CHECK int pack_deflater_new(struct pack_deflater **out_deflater); /* 0, ERR_MEMORY */
void pack_deflater_free(struct pack_deflater *deflater);               /* NULL is fine */

/* Append the body for `bytes` bytes at `at`: deflated quickly if that makes it smaller, else stored. 0, ERR_MEMORY. */
MUST_CHECK int pack_body(struct pack_deflater *deflater, const void *at, size_t bytes, struct buffer *out);

/* The same for what is not worth the time: a few bytes that are mostly ids. */
MUST_CHECK int pack_body_stored(const void *at, size_t bytes, struct buffer *out);

#endif
