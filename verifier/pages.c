/* SPDX-License-Identifier: MIT */
#include "verifier/pages.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 100u
#define INNER        0x05 /* page types of tables */
#define LEAF         0x0d
#define RECORD_MAX   (512u << 20)
#define VARINT_MAX   9u
#define AHEAD_BYTES  1024u
#define WAL_HEADER   32u
#define FRAME_HEADER 24u
#define WAL_MAGIC    0x377f0682u /* and 1 if checksums are big-endian */
#define WAL_VERSION  3007000u

static uint32_t big16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t big32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap32(value);
}

/* ---- the file and its log ---- */

static const uint8_t *page_at(const struct pages *pages, uint32_t number)
{
	uint32_t frame;

	if (!number || number > pages->page_count)
		return NULL;
	frame = pages->frame ? pages->frame[number] : 0;
	if (frame)
		return pages->wal.at + WAL_HEADER + (size_t)(frame - 1) * (FRAME_HEADER + pages->page_bytes) + FRAME_HEADER;
	if ((size_t)number * pages->page_bytes > pages->file.bytes)
		return NULL;
	return pages->file.at + (size_t)(number - 1) * pages->page_bytes;
}

/* The running checksum of a log: pairs of words, in the order of bytes that its header names. */
struct checksum {
	bool big;
	uint32_t one, two;
};

static void checksum_add(struct checksum *sum, const uint8_t *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint32_t first, second;

		memcpy(&first, at + i, 4);
		memcpy(&second, at + i + 4, 4);
		sum->one += (sum->big ? __builtin_bswap32(first) : first) + sum->two;
		sum->two += (sum->big ? __builtin_bswap32(second) : second) + sum->one;
	}
}

static bool checksum_is(const struct checksum *sum, const uint8_t *at)
{
	return sum->one == big32(at) && sum->two == big32(at + 4);
}

/* Enters the pages of one frame after the other, up to the last that commits. What a broken off transaction left behind it counts for nothing, and so do
 * frames of an earlier life of the log, whose salts or checksums do not fit. */
static bool frames_enter(struct pages *pages, struct checksum sum)
{
	const uint8_t *header = pages->wal.at, *at = header + WAL_HEADER;
	size_t frame_bytes = FRAME_HEADER + pages->page_bytes, count = (pages->wal.bytes - WAL_HEADER) / frame_bytes,
	       committed = 0;
	uint32_t size = 0;

	for (size_t i = 0; i < count; i++, at += frame_bytes) {
		if (memcmp(at + 8, header + 16, 8) != 0)
			break;
		checksum_add(&sum, at, 8);
		checksum_add(&sum, at + FRAME_HEADER, pages->page_bytes);
		if (!checksum_is(&sum, at + 16))
			break;
		if (big32(at + 4)) {
			committed = i + 1;
			size = big32(at + 4);
		}
	}
	if (!committed)
		return true;
	pages->page_count = size;
	pages->frame = calloc((size_t)size + 1, sizeof(*pages->frame));
	at = header + WAL_HEADER;
	for (size_t i = 0; pages->frame && i < committed; i++, at += frame_bytes)
		if (big32(at) <= size)
			pages->frame[big32(at)] = (uint32_t)i + 1;
	return pages->frame;
}

/* A log that is empty, or whose header was never written, adds nothing. */
static bool wal_enter(struct pages *pages)
{
	const uint8_t *at = pages->wal.at;
	struct checksum sum = {0};

	if (pages->wal.bytes < WAL_HEADER || big32(at) == 0)
		return true;
	if ((big32(at) & ~1u) != WAL_MAGIC || big32(at + 4) != WAL_VERSION || big32(at + 8) != pages->page_bytes)
		return false;
	sum.big = big32(at) & 1;
	checksum_add(&sum, at, 24);
	return checksum_is(&sum, at + 24) && frames_enter(pages, sum);
}

bool pages_open(struct span file, struct span wal, struct pages *out_pages)
{
	const uint8_t *at = file.at;
	struct pages pages = {.file = file, .wal = wal};

	if (file.bytes < 512 || memcmp(at, "SQLite format 3", 16) != 0)
		return false;
	pages.page_bytes = big16(at + 16) == 1 ? 65536 : big16(at + 16);
	pages.page_count = big32(at + 28);
	if (pages.page_bytes < 512 || (pages.page_bytes & (pages.page_bytes - 1)))
		return false;
	if (!wal_enter(&pages)) {
		pages_close(&pages);
		return false;
	}
	at = page_at(&pages, 1);
	/* Nothing reserved, the usual fractions, a size that is up to date, UTF-8. */
	if (!at || at[20] != 0 || at[21] != 64 || at[22] != 32 || at[23] != 32 || big32(at + 24) != big32(at + 92) ||
	    big32(at + 56) != 1 || big32(at + 28) != pages.page_count ||
	    (!pages.frame && (uint64_t)pages.page_count * pages.page_bytes != file.bytes)) {
		pages_close(&pages);
		return false;
	}
	*out_pages = pages;
	return true;
}

void pages_close(struct pages *pages)
{
	free(pages->frame);
	pages->frame = NULL;
}

/* 1 to 9 bytes, seven bits each but for the last of nine. NULL: it does not end before `end`. */
static inline const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *out_value)
{
	uint64_t value = 0;

	if (at < end && at[0] < 0x80) {
		*out_value = at[0];
		return at + 1;
	}
	for (unsigned i = 0; i < VARINT_MAX - 1; i++) {
		if (at == end)
			return NULL;
		value = value << 7 | (*at & 0x7f);
		if (*at++ < 0x80) {
			*out_value = value;
			return at;
		}
	}
	if (at == end)
		return NULL;
	*out_value = value << 8 | *at;
	return at + 1;
}

/* ---- the walk ---- */

/* Goes down to page `number`, whose keys are at most `high`. */
static bool descend(struct pages_walk *walk, uint32_t number, int64_t high)
{
	const uint8_t *page = page_at(walk->pages, number), *header;
	uint32_t first = number == 1 ? HEADER_BYTES : 0, cells, end;
	bool leaf;

	if (!page || walk->depth == PAGES_DEPTH_MAX)
		return false;
	header = page + first;
	leaf = header[0] == LEAF;
	if (!leaf && header[0] != INNER)
		return false;
	cells = big16(header + 3);
	end = first + (leaf ? 8 : 12) + 2 * cells;
	if (end > walk->pages->page_bytes || (!cells && (!leaf || walk->depth)))
		return false; /* only a table without rows has a page without cells */
	walk->stack[walk->depth].page = page;
	walk->stack[walk->depth].first = first;
	walk->stack[walk->depth].cells = cells;
	walk->stack[walk->depth].next = 0;
	walk->stack[walk->depth].high = high;
	walk->depth++;
	return true;
}

void pages_begin(struct pages_walk *walk, const struct pages *pages, uint32_t root)
{
	*walk = (struct pages_walk){.pages = pages};
	if (!descend(walk, root, INT64_MAX))
		walk->pages = NULL;
}

void pages_end(struct pages_walk *walk)
{
	free(walk->room);
	walk->room = NULL;
}

/* Where cell `index` of the page in hand begins; NULL: not where a cell can be. */
static const uint8_t *cell_at(const struct pages_walk *walk, uint32_t index, bool leaf)
{
	const uint8_t *page = walk->stack[walk->depth - 1].page;
	uint32_t pointers = walk->stack[walk->depth - 1].first + (leaf ? 8 : 12);
	uint32_t offset = big16(page + pointers + 2 * index);

	return offset >= pointers + 2 * walk->stack[walk->depth - 1].cells && offset < walk->pages->page_bytes ? page + offset
													       : NULL;
}

/* The page behind the next one is to be brought near: the processor does not guess that a file is read page by page, and would wait for each. */
static void ahead_choose(struct pages_walk *walk, uint32_t index)
{
	const uint8_t *page = walk->stack[walk->depth - 1].page;
	const uint8_t *cell = index < walk->stack[walk->depth - 1].cells ? cell_at(walk, index, false) : NULL;

	walk->ahead = cell && cell + 4 <= page + walk->pages->page_bytes ? page_at(walk->pages, big32(cell)) : NULL;
	walk->ahead_bytes = 0;
}

/* A few lines of it with each row, as many as rows take: more at once than the processor can wait for would be dropped. */
static inline void ahead_fetch(struct pages_walk *walk)
{
	uint32_t end = walk->ahead_bytes + AHEAD_BYTES;

	if (!walk->ahead)
		return;
	if (end > walk->pages->page_bytes)
		end = walk->pages->page_bytes;
	for (; walk->ahead_bytes < end; walk->ahead_bytes += 64)
		__builtin_prefetch(walk->ahead + walk->ahead_bytes);
}

/* The next child of the inner page in hand. */
static bool child_next(struct pages_walk *walk)
{
	unsigned top = walk->depth - 1;
	const uint8_t *page = walk->stack[top].page, *end = page + walk->pages->page_bytes, *cell;
	uint32_t index = walk->stack[top].next++;
	uint64_t key;

	ahead_choose(walk, index + 1);
	if (index == walk->stack[top].cells)
		return descend(walk, big32(page + walk->stack[top].first + 8), walk->stack[top].high);
	cell = cell_at(walk, index, false);
	if (!cell || end - cell < 5 || !varint(cell + 4, end, &key))
		return false;
	if ((int64_t)key > walk->stack[top].high || (walk->any_before && (int64_t)key <= walk->low))
		return false;
	return descend(walk, big32(cell), (int64_t)key);
}

/* Behind a child: what comes now is larger than the key that led there. */
static void ascend(struct pages_walk *walk)
{
	int64_t high = walk->stack[--walk->depth].high;

	if (walk->depth && (!walk->any_before || high > walk->low)) {
		walk->any_before = true;
		walk->low = high;
	}
}

static bool room_reserve(struct pages_walk *walk, size_t bytes)
{
	uint8_t *room;

	if (bytes <= walk->room_bytes)
		return true;
	room = realloc(walk->room, bytes);
	if (!room)
		return false;
	walk->room = room;
	walk->room_bytes = bytes;
	return true;
}

/* A record of which `local` bytes stand in the cell, and the rest in a list of pages of its own. */
static int overflow_read(struct pages_walk *walk, const uint8_t *cell, const uint8_t *end, uint64_t bytes, uint32_t local,
			 struct span *out_record)
{
	uint32_t usable = walk->pages->page_bytes - 4, next;
	uint64_t done = local;

	if (bytes > RECORD_MAX || (uint64_t)(end - cell) < (uint64_t)local + 4)
		return PAGES_UNUSUAL;
	if (!room_reserve(walk, bytes))
		return PAGES_MEMORY;
	memcpy(walk->room, cell, local);
	next = big32(cell + local);
	while (done < bytes) {
		const uint8_t *page = page_at(walk->pages, next);
		uint64_t now = bytes - done < usable ? bytes - done : usable;

		if (!page)
			return PAGES_UNUSUAL;
		memcpy(walk->room + done, page + 4, now);
		next = big32(page);
		done += now;
	}
	*out_record = (struct span){walk->room, bytes};
	return next ? PAGES_UNUSUAL : PAGES_ROW;
}

static int row_take(struct pages_walk *walk, int64_t *out_key, struct span *out_record)
{
	unsigned top = walk->depth - 1;
	uint32_t usable = walk->pages->page_bytes, least = (usable - 12) * 32 / 255 - 23, local;
	const uint8_t *cell = cell_at(walk, walk->stack[top].next++, true), *end = walk->stack[top].page + usable;
	uint64_t bytes, key;

	ahead_fetch(walk);
	cell = cell ? varint(cell, end, &bytes) : NULL;
	cell = cell ? varint(cell, end, &key) : NULL;
	if (!cell || (int64_t)key > walk->stack[top].high || (walk->any_before && (int64_t)key <= walk->low))
		return PAGES_UNUSUAL;
	walk->any_before = true;
	walk->low = *out_key = (int64_t)key;
	if (bytes > usable - 35) {
		local = least + (uint32_t)((bytes - least) % (usable - 4));
		return overflow_read(walk, cell, end, bytes, local <= usable - 35 ? local : least, out_record);
	}
	*out_record = (struct span){cell, bytes};
	return bytes <= (uint64_t)(end - cell) ? PAGES_ROW : PAGES_UNUSUAL;
}

int pages_next(struct pages_walk *walk, int64_t *out_key, struct span *out_record)
{
	if (!walk->pages)
		return PAGES_UNUSUAL;
	while (walk->depth) {
		unsigned top = walk->depth - 1;
		bool leaf = walk->stack[top].page[walk->stack[top].first] == LEAF;

		if (walk->stack[top].next == walk->stack[top].cells + (leaf ? 0 : 1))
			ascend(walk);
		else if (leaf)
			return row_take(walk, out_key, out_record);
		else if (!child_next(walk))
			return PAGES_UNUSUAL;
	}
	return PAGES_END;
}

/* ---- records ---- */

static const uint8_t number_bytes[] = {0, 1, 2, 3, 4, 6, 8};

static int64_t number_read(const uint8_t *at, unsigned bytes)
{
	uint64_t value = (uint64_t)(int64_t)(int8_t)at[0];

	for (unsigned i = 1; i < bytes; i++)
		value = value << 8 | at[i];
	return (int64_t)value;
}

/* A value of serial type `type` at `*at`, which moves behind it. */
static inline bool column_read(uint64_t type, const uint8_t **at, const uint8_t *end, struct pages_column *out_column)
{
	if (type >= 12) {
		uint64_t bytes = (type - 12) / 2;

		if (bytes > (uint64_t)(end - *at))
			return false;
		out_column->kind = type & 1 ? COLUMN_TEXT : COLUMN_BLOB;
		out_column->span = (struct span){*at, bytes};
		*at += bytes;
		return true;
	}
	if (type == 8 || type == 9) {
		out_column->kind = COLUMN_NUMBER;
		out_column->number = type == 9;
		return true;
	}
	if (type > 6) /* a number with a point, or what no file has */
		return false;
	out_column->kind = type ? COLUMN_NUMBER : COLUMN_NULL;
	out_column->span = (struct span){0};
	if (number_bytes[type] > end - *at)
		return false;
	if (type)
		out_column->number = number_read(*at, number_bytes[type]);
	*at += number_bytes[type];
	return true;
}

bool pages_columns(struct span record, size_t count, struct pages_column *out_columns)
{
	const uint8_t *type = record.at, *end = record.at + record.bytes, *at;
	uint64_t header_bytes, serial;

	type = varint(type, end, &header_bytes);
	if (!type || header_bytes > record.bytes)
		return false;
	at = record.at + header_bytes;
	for (size_t i = 0; i < count; i++) {
		type = varint(type, record.at + header_bytes, &serial);
		if (!type || !column_read(serial, &at, end, &out_columns[i]))
			return false;
	}
	return type == record.at + header_bytes && at == end;
}
