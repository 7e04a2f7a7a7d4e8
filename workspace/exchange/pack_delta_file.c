/* SPDX-License-Identifier: MIT
 *
 * Deltas between two versions of a file. What both begin and end with is copied; in between, pieces of sixteen bytes of the base are looked up at every
 * place of the new version, and what is found grows in both directions (the idea of rsync and of git's own diff-delta).
 *
 * This has to be faster than deflating the file, or it would not be worth it: whoever looks long without finding anything takes longer steps, and
 * whoever has inserted too much gives up.
 */
#include <stdlib.h>

#include "workspace/exchange/pack_delta.h"

#define PIECE     16u
#define PATIENCE  64u /* places without a find, after which steps get longer */
#define STEP_MAX  8u
#define BYTES_MAX (64u << 20)

struct whole {
	const uint8_t *at;
	size_t bytes;
};

struct finder {
	struct whole base, file;
	size_t begin, base_end, file_end; /* in between */
	uint32_t *places;                 /* of pieces of the base, plus one; by their hash */
	unsigned shift;
};

static uint64_t word_at(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

static size_t slot_of(const struct finder *finder, const uint8_t *piece)
{
	uint64_t mixed = word_at(piece) * UINT64_C(0x9e3779b97f4a7c15) + word_at(piece + 8);
	return (size_t)((mixed * UINT64_C(0xd6e8feb86659fd93)) >> finder->shift);
}

static size_t same_forward(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t count = 0;
	while (count + 8 <= most && word_at(a + count) == word_at(b + count))
		count += 8;
	while (count < most && a[count] == b[count])
		count++;
	return count;
}

/* Of what ends at `a` and `b`. */
static size_t same_backward(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t count = 0;
	while (count + 8 <= most && word_at(a - count - 8) == word_at(b - count - 8))
		count += 8;
	while (count < most && a[-(ptrdiff_t)count - 1] == b[-(ptrdiff_t)count - 1])
		count++;
	return count;
}

/* The first of several that are the same wins. */
static int index_base(struct finder *finder, struct buffer *scratch)
{
	size_t pieces = (finder->base_end - finder->begin) / PIECE, slots = 64;
	finder->shift = 58;
	for (; slots < pieces * 2; slots *= 2)
		finder->shift--;
	if (scratch->capacity < slots * sizeof(uint32_t)) {
		uint8_t *at = realloc(scratch->at, slots * sizeof(uint32_t));
		if (!at)
			return ERR_MEMORY;
		scratch->at = at;
		scratch->capacity = slots * sizeof(uint32_t);
	}
	finder->places = (uint32_t *)(void *)scratch->at;
	memset(finder->places, 0, slots * sizeof(uint32_t));
	for (size_t i = pieces; i--;) {
		size_t at = finder->begin + i * PIECE;
		finder->places[slot_of(finder, finder->base.at + at)] = (uint32_t)at + 1;
	}
	return 0;
}

/* A place of the base where the sixteen bytes at `at` of the file stand; SIZE_MAX: none known. */
static size_t look_up(const struct finder *finder, size_t at)
{
	uint32_t place = finder->places[slot_of(finder, finder->file.at + at)];
	if (!place || memcmp(finder->base.at + place - 1, finder->file.at + at, PIECE) != 0)
		return SIZE_MAX;
	return place - 1;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What lies in between; up to `most` bytes are inserted. */
static void find_pieces(const struct finder *finder, struct pack_delta *delta, size_t most)
{
	const uint8_t *base = finder->base.at, *file = finder->file.at;
	size_t done = finder->begin, at = done, misses = 0;
	while (at + PIECE <= finder->file_end && at - done <= most) {
		size_t place = look_up(finder, at);
		if (place == SIZE_MAX) {
			at += 1 + least(misses++ / PATIENCE, STEP_MAX - 1);
			continue;
		}
		size_t before = same_backward(base + place, file + at, least(place, at - done));
		size_t bytes =
			before + same_forward(base + place, file + at, least(finder->base.bytes - place, finder->file_end - at));
		pack_delta_insert(delta, file + done, at - before - done);
		pack_delta_copy(delta, place - before, bytes);
		done = at = at - before + bytes;
		misses = 0;
	}
	pack_delta_insert(delta, file + done, finder->file_end - done);
}

static void find_ends(struct finder *finder)
{
	size_t most = least(finder->base.bytes, finder->file.bytes);
	finder->begin = same_forward(finder->base.at, finder->file.at, most);
	size_t end =
		same_backward(finder->base.at + finder->base.bytes, finder->file.at + finder->file.bytes, most - finder->begin);
	finder->base_end = finder->base.bytes - end;
	finder->file_end = finder->file.bytes - end;
}

int pack_delta_files(const void *base, size_t base_bytes, const void *file, size_t file_bytes, struct buffer *scratch,
		     struct buffer *out)
{
	struct finder finder = {.base = {base, base_bytes}, .file = {file, file_bytes}};
	struct pack_delta delta;
	int rc = 0;
	if (base_bytes > BYTES_MAX || file_bytes > BYTES_MAX)
		return 0;
	find_ends(&finder);
	if (finder.base_end - finder.begin >= PIECE)
		rc = index_base(&finder, scratch);
	if (rc)
		return rc;
	pack_delta_begin(&delta, out, base_bytes, file_bytes);
	if (finder.begin)
		pack_delta_copy(&delta, 0, finder.begin);
	if (finder.places)
		find_pieces(&finder, &delta, file_bytes / 2);
	else
		pack_delta_insert(&delta, finder.file.at + finder.begin, finder.file_end - finder.begin);
	if (finder.file_end < file_bytes)
		pack_delta_copy(&delta, finder.base_end, file_bytes - finder.file_end);
	return pack_delta_end(&delta);
}
