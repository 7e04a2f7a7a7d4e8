/* SPDX-License-Identifier: MIT
 *
 * A page of a table, https://www.sqlite.org/fileformat2.html, 1.6: type at byte 0, number of cells at 3, beginning of the cells at 5, then a page number in
 * an interior page (12 bytes in all, 8 in a leaf), then 2 bytes for each cell. What lies between these and the cells means nothing to anybody.
 */
#include "audit/root.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_INTERIOR 5
#define HEAD_INTERIOR 12

static int number_read(struct trail *trail, const char *sql, uint32_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);
	*out_number = 0;
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*out_number = (uint32_t)sqlite3_column_int64(statement, 0);
	int end = sqlite3_finalize(statement);
	return rc ? rc : end;
}

static uint32_t two_bytes(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* Only an interior page has been a leaf before. Cells that begin at byte 65536 are written as 0. */
static bool gap_find(const uint8_t *page, uint32_t page_bytes, uint32_t *out_begin, uint32_t *out_end)
{
	*out_begin = HEAD_INTERIOR + 2 * two_bytes(page + 3);
	*out_end = two_bytes(page + 5) ? two_bytes(page + 5) : 65536;
	return page[0] == PAGE_INTERIOR && *out_begin < *out_end && *out_end <= page_bytes;
}

static int page_clear(sqlite3_file *file, uint32_t number, uint32_t page_bytes)
{
	uint32_t begin, end;
	sqlite3_int64 at = (sqlite3_int64)(number - 1) * page_bytes;
	uint8_t *page = malloc(page_bytes);
	int rc = page ? file->pMethods->xRead(file, page, (int)page_bytes, at) : SQLITE_NOMEM;
	if (rc == SQLITE_OK && gap_find(page, page_bytes, &begin, &end)) {
		memset(page + begin, 0, end - begin);
		rc = file->pMethods->xWrite(file, page, (int)page_bytes, at);
		if (rc == SQLITE_OK)
			rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	}
	free(page);
	return rc;
}

int root_clear(struct trail *trail)
{
	sqlite3_file *file = NULL;
	uint32_t number, page_bytes;
	int rc = number_read(trail, "SELECT rootpage FROM sqlite_schema WHERE name = 'payloads'", &number);
	if (rc == SQLITE_OK)
		rc = number_read(trail, "PRAGMA page_size", &page_bytes);
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(trail->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (rc || number < 2 || page_bytes < 512 || !file)
		return rc; /* the first page of the file is the schema's */
	rc = page_clear(file, number, page_bytes);
	sqlite3_db_release_memory(trail->db); /* what SQLite holds of that page is as it was */
	return rc;
}
