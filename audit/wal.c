/* SPDX-License-Identifier: MIT
 *
 * A failed fsync may leave bytes in the page cache that look written and are not on the disk. So a writer first writes the
 * WAL it finds once more, byte for byte, and syncs it: what it then reads as the tail is durable.
 *
 * To scrub: a checkpoint with RESTART moves every frame into the database, syncs that, and waits until no reader looks into the WAL any
 * more; until the next transaction nobody does. So the file can be overwritten under SQLite's hands. The header goes first and is synced
 * alone: a WAL without it is empty, while one with it and a part of its frames would bring old pages back.
 */
#include "audit/wal.h"

#include <stdlib.h>
#include <string.h>

#define COPY_BYTES       (64 << 10) /* SQLite writes less than 128 KiB at a time */
#define WAL_HEADER_BYTES 32         /* https://www.sqlite.org/fileformat2.html, 4.1 */

static int wal_file(struct trail *trail, sqlite3_file **out_file)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(trail->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
	if (rc == SQLITE_OK && (!file || !file->pMethods))
		rc = SQLITE_CANTOPEN;
	*out_file = file;
	return rc;
}

static int wal_rewrite(sqlite3_file *file, uint8_t *room, sqlite3_int64 wal_bytes)
{
	int rc = SQLITE_OK;
	for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < wal_bytes; at += COPY_BYTES) {
		int bytes = wal_bytes - at < COPY_BYTES ? (int)(wal_bytes - at) : COPY_BYTES;
		rc = file->pMethods->xRead(file, room, bytes, at);
		if (rc == SQLITE_OK)
			rc = file->pMethods->xWrite(file, room, bytes, at);
	}
	return rc;
}

static int wal_zero(sqlite3_file *file, uint8_t *room, sqlite3_int64 from, sqlite3_int64 through)
{
	int rc = SQLITE_OK;
	memset(room, 0, COPY_BYTES);
	for (sqlite3_int64 at = from; rc == SQLITE_OK && at < through; at += COPY_BYTES)
		rc = file->pMethods->xWrite(file, room, through - at < COPY_BYTES ? (int)(through - at) : COPY_BYTES, at);
	return rc;
}

/* Zeros after the last frame are no frames; blocks that exist are overwritten faster than a file grows. */
static int wal_grow(struct trail *trail, sqlite3_file *file, uint8_t *room, sqlite3_int64 wal_bytes)
{
	sqlite3_int64 least_bytes = WAL_BYTES_MIN;
	/* No VFS knows this question but those of the self test, whose disks are small. */
	(void)sqlite3_file_control(trail->db, "main", STORE_FCNTL_WAL_BYTES, &least_bytes);
	int rc = wal_zero(file, room, wal_bytes, least_bytes);
	return rc ? rc : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

int wal_settle(struct trail *trail)
{
	sqlite3_file *file;
	sqlite3_int64 wal_bytes;
	uint8_t *room = malloc(COPY_BYTES);
	if (!room)
		return SQLITE_NOMEM;
	int rc = wal_file(trail, &file);
	if (rc == SQLITE_OK)
		rc = file->pMethods->xFileSize(file, &wal_bytes);
	if (rc == SQLITE_OK)
		rc = wal_rewrite(file, room, wal_bytes);
	if (rc == SQLITE_OK)
		rc = wal_grow(trail, file, room, wal_bytes);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(trail->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	free(room);
	return (rc & 0xff) == SQLITE_BUSY ? SQLITE_OK : rc;
}

static int wal_overwrite(sqlite3_file *file, uint8_t *room)
{
	sqlite3_int64 wal_bytes;
	int rc = file->pMethods->xFileSize(file, &wal_bytes);
	sqlite3_int64 header_bytes = wal_bytes < WAL_HEADER_BYTES ? wal_bytes : WAL_HEADER_BYTES;
	if (rc == SQLITE_OK)
		rc = wal_zero(file, room, 0, header_bytes);
	if (rc == SQLITE_OK)
		rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	if (rc == SQLITE_OK)
		rc = wal_zero(file, room, header_bytes, wal_bytes);
	return rc ? rc : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

int wal_scrub(struct trail *trail)
{
	sqlite3_file *file;
	uint8_t *room = malloc(COPY_BYTES);
	if (!room)
		return SQLITE_NOMEM;
	int rc = sqlite3_wal_checkpoint_v2(trail->db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = wal_file(trail, &file);
	if (rc == SQLITE_OK)
		rc = wal_overwrite(file, room);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(trail->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = wal_grow(trail, file, room, 0);
	free(room);
	return rc;
}
