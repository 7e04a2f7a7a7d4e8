/* SPDX-License-Identifier: MIT
 *
 * A pack (gitformat-pack(5), version 2): "PACK", 2, the number of entries, the entries, the SHA-1 of all of it.
 *
 * Threads encode batches of objects; whoever called puts them down in order, and encodes one itself while it would have to wait.
 */
#ifndef WORKSPACE_EXCHANGE_PACKFILE_H
#define WORKSPACE_EXCHANGE_PACKFILE_H

#include "workspace/exchange/pack_index.h"
#include "workspace/exchange/reach.h"

/* Takes the bytes in order; anything but 0 ends it and is returned. */
struct packfile_sink {
	void *context;
	int (*write)(void *context, const void *at, size_t bytes);
};

struct packfile_options {
	bool check;       /* for SHA-1 attacks, what was not looked at yet */
	unsigned threads; /* 0: one for each processor, at most 8 */
};

struct packfile_result {
	struct pack_place *places; /* of each record, in their order; free() it */
	uint64_t bytes;
	uint8_t sum[OID_BYTES];
	const struct object *bad; /* after ERR_CORRUPT */
	bool attacked;
};

/* A base stands before what is made from it. The caller holds the collector off. 0, ERR_MEMORY, ERR_LIMIT, ERR_CORRUPT, ERR_SYSTEM (no thread), or what the
 * sink said. */
MUST_CHECK int packfile_write(const struct reach_record *records, size_t count, const struct packfile_options *options,
			      const struct packfile_sink *sink, struct packfile_result *out_result);

/* Only the look for SHA-1 attacks. */
MUST_CHECK int packfile_check(const struct reach_record *records, size_t count, struct packfile_result *out_result);

#endif
