/* SPDX-License-Identifier: MIT
 *
 * A pack and its index in a repository: written under names that git does not look at (and clears away when they are old), brought to the
 * disk, and renamed; the index last, since it is what makes a pack part of the repository.
 */
#ifndef WORKSPACE_EXCHANGE_PACK_PUT_H
#define WORKSPACE_EXCHANGE_PACK_PUT_H

#include "workspace/exchange/directory.h"
#include "workspace/exchange/packfile.h"

struct pack_put {
	int folder; /* objects/pack; not owned */
	int file;
	int error; /* of the system, after ERR_IO */
	char pack_name[DIRECTORY_NAME_BYTES], index_name[DIRECTORY_NAME_BYTES];
	struct packfile_result result;
};

/* Write both, under other names. 0 or what packfile_write says, ERR_IO with `error`; then nothing is left. `put` is the caller's, and released by
 * pack_put_finish or pack_put_cancel. */
MUST_CHECK int pack_put_write(struct pack_put *put, int folder, const struct reach_record *records, size_t count,
			      const struct packfile_options *options);

/* Now they are there. 0, ERR_IO. */
MUST_CHECK int pack_put_finish(struct pack_put *put);
void pack_put_cancel(struct pack_put *put);

#endif
