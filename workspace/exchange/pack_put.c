/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/pack_put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail(struct pack_put *put)
{
	put->error = errno;
	return ERR_IO;
}

static int write_piece(void *context, const void *at, size_t bytes)
{
	struct pack_put *put = context;
	return directory_write(put->file, at, bytes) ? fail(put) : 0;
}

static int write_pack(struct pack_put *put, const struct reach_record *records, size_t count,
		      const struct packfile_options *options)
{
	struct packfile_sink sink = {put, write_piece};
	put->file = directory_create(put->folder, put->pack_name, 0444);
	if (put->file < 0)
		return fail(put);
	int rc = packfile_write(records, count, options, &sink, &put->result);
	if (!rc && fsync(put->file))
		rc = fail(put);
	if (close(put->file) && !rc)
		rc = fail(put);
	return rc;
}

static int write_index(struct pack_put *put, size_t count)
{
	struct buffer index = {0};
	int rc = pack_index(put->result.places, count, put->result.sum, &index);
	if (!rc && directory_put(put->folder, put->index_name, index.at, index.bytes, 0444))
		rc = fail(put);
	buffer_release(&index);
	return rc;
}

int pack_put_write(struct pack_put *put, int folder, const struct reach_record *records, size_t count,
		   const struct packfile_options *options)
{
	*put = (struct pack_put){.folder = folder, .file = -1};
	directory_fresh_name("tmp_pack_", put->pack_name);
	directory_fresh_name("tmp_idx_", put->index_name);
	int rc = write_pack(put, records, count, options);
	if (!rc)
		rc = write_index(put, count);
	if (rc)
		pack_put_cancel(put);
	return rc;
}

static void final_name(const struct pack_put *put, const char *ending, char out_name[DIRECTORY_NAME_BYTES])
{
	int at = snprintf(out_name, DIRECTORY_NAME_BYTES, "pack-");
	for (unsigned i = 0; i < OID_BYTES; i++)
		at += snprintf(out_name + at, DIRECTORY_NAME_BYTES - (size_t)at, "%02x", put->result.sum[i]);
	snprintf(out_name + at, DIRECTORY_NAME_BYTES - (size_t)at, ".%s", ending);
}

int pack_put_finish(struct pack_put *put)
{
	char name[DIRECTORY_NAME_BYTES];
	int rc = 0;
	final_name(put, "pack", name);
	if (renameat(put->folder, put->pack_name, put->folder, name))
		rc = fail(put);
	final_name(put, "idx", name);
	if (!rc && renameat(put->folder, put->index_name, put->folder, name))
		rc = fail(put);
	if (!rc && fsync(put->folder))
		rc = fail(put);
	if (rc)
		pack_put_cancel(put);
	free(put->result.places);
	put->result.places = NULL;
	return rc;
}

/* What was renamed has gone from these names. */
void pack_put_cancel(struct pack_put *put)
{
	unlinkat(put->folder, put->pack_name, 0);
	unlinkat(put->folder, put->index_name, 0);
	free(put->result.places);
	put->result.places = NULL;
}
