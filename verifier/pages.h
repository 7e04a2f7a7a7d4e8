/* SPDX-License-Identifier: MIT
 *
 * Rows of a table straight from the pages of a database file that nobody writes: three times as fast as asking SQLite for them.
 *
 * Format: https://sqlite.org/fileformat2.html, sections 1.3, 1.6 and 2.1. Only what a sound file has is understood. Whatever is not exactly so (a key out
 * of order, a cell beyond its page, a record that does not fill its bytes) ends the walk as *unusual*, and says nothing about the
 * trail: then SQLite is asked, and its answer is the one that counts. So a file can be read here in one way only, and it is
 * the way in which SQLite reads it.
 */
#ifndef VERIFIER_PAGES_H
#define VERIFIER_PAGES_H

#include "verifier/span.h"

#define PAGES_DEPTH_MAX 20u

struct pages {
	struct span file;
	struct span wal;
	uint32_t page_bytes;
	uint32_t page_count;
	uint32_t *
		frame; /* [1 … page_count]: frame of the WAL, from 1, that holds the page; 0: the file does. NULL: there is no WAL */
};

/* `wal` is the write-ahead log beside the file, or empty: its frames up to the last commit take the place of pages (section 4 of
 * the same document). False: the file or the log is unusual, or there is no memory, and the file had better be read by SQLite. */
bool pages_open(struct span file, struct span wal, struct pages *out_pages);
void pages_close(struct pages *pages);

enum { PAGES_ROW, PAGES_END, PAGES_UNUSUAL, PAGES_MEMORY };

/* A walk through all rows of a table in order of their key. */
struct pages_walk {
	const struct pages *pages;
	unsigned depth; /* of the page in hand: stack[depth - 1] */
	struct {
		const uint8_t *page;
		uint32_t first; /* byte where its header begins: 100 on page 1 */
		uint32_t cells;
		uint32_t next; /* cell to be taken next; `cells` of an inner page: its last child */
		int64_t high;  /* no key below may be larger */
	} stack[PAGES_DEPTH_MAX];
	const uint8_t *ahead; /* page that comes after the next one, and how much of it was asked for; NULL: none */
	uint32_t ahead_bytes;
	int64_t low; /* every key to come must be larger, if any_before */
	bool any_before;
	uint8_t *room; /* a record that does not fit its page */
	size_t room_bytes;
};

void pages_begin(struct pages_walk *walk, const struct pages *pages, uint32_t root);
void pages_end(struct pages_walk *walk);

/* The next row: its key and its record, borrowed until the next call. */
int pages_next(struct pages_walk *walk, int64_t *out_key, struct span *out_record);

/* The columns of a record, which must have exactly `count`: a type as SQLite numbers them, and bytes. False: unusual. */
struct pages_column {
	enum { COLUMN_NULL, COLUMN_NUMBER, COLUMN_BLOB, COLUMN_TEXT } kind;
	int64_t number;
	struct span span;
};
bool pages_columns(struct span record, size_t count, struct pages_column *out_columns);

#endif
