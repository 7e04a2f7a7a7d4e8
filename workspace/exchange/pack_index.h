/* SPDX-License-Identifier: MIT
 *
 * The index of a pack, version 2 (gitformat-pack(5)): how many ids begin with each byte or less, the ids in order, the CRC-32 of each entry, where it
 * begins (in a table of its own beyond 2 GiB), and the two SHA-1 of pack and index.
 */
#ifndef WORKSPACE_EXCHANGE_PACK_INDEX_H
#define WORKSPACE_EXCHANGE_PACK_INDEX_H

#include "workspace/workspace.h"

struct pack_place {
	const struct oid *id;
	uint64_t offset;
	uint32_t crc;
};

/* Appends. Sorts `places`; no id twice. 0, ERR_MEMORY, ERR_LIMIT (2^32 objects). */
MUST_CHECK int pack_index(struct pack_place *places, size_t count, const uint8_t pack_sum[OID_BYTES], struct buffer *out);

#endif
