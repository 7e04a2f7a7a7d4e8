/* SPDX-License-Identifier: MIT */
#include "actors/workspace_pick_text.h"

#include <stdlib.h>
#include <string.h>

#include "actors/workspace_patch_lines.h"

void picked_changes_release(struct picked_changes *changes)
{
	free(changes->at);
	buffer_release(&changes->texts);
	*changes = (struct picked_changes){0};
}

/* ---- taking ---- */

struct taking {
	struct picked_changes *changes;
	size_t pick;
	const unsigned *hunks;
	size_t hunk_count;
	bool *found;                /* for each number that is asked for */
	bool wanted;                /* this hunk */
	struct picked_change *open; /* that the next line may belong to */
};

static int begin_hunk(void *context, const struct patch_hunk *hunk)
{
	struct taking *taking = context;

	taking->open = NULL;
	taking->wanted = false;
	for (size_t i = 0; i < taking->hunk_count; i++)
		if (taking->hunks[i] == hunk->number)
			taking->wanted = taking->found[i] = true;
	return 0;
}

static int open_change(struct taking *taking, unsigned hunk, size_t old_line)
{
	struct picked_changes *changes = taking->changes;

	if (changes->count == changes->capacity) {
		size_t capacity = changes->capacity ? 2 * changes->capacity : 64;
		struct picked_change *at = realloc(changes->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		changes->at = at;
		changes->capacity = capacity;
	}
	taking->open = &changes->at[changes->count++];
	*taking->open =
		(struct picked_change){.pick = taking->pick, .hunk = hunk, .old_line = old_line, .text_at = changes->texts.bytes};
	return 0;
}

static int take_line(void *context, const struct patch_hunk *hunk, const struct patch_line *line)
{
	struct taking *taking = context;
	int rc = 0;

	if (!taking->wanted)
		return 0;
	if (line->sign == ' ') {
		taking->open = NULL;
		return 0;
	}
	if (!taking->open)
		rc = open_change(taking, hunk->number, line->old - 1);
	if (rc)
		return rc;
	if (line->sign == '-') {
		taking->open->old_lines++;
		return 0;
	}
	taking->open->new_lines++;
	taking->open->text_bytes += line->text.bytes;
	return buffer_append(&taking->changes->texts, line->text.at, line->text.bytes);
}

int picked_changes_add(struct picked_changes *changes, size_t pick, struct bytes patch, const unsigned *hunks, size_t hunk_count,
		       unsigned *out_missing)
{
	struct taking taking = {.changes = changes,
				.pick = pick,
				.hunks = hunks,
				.hunk_count = hunk_count,
				.found = calloc(hunk_count + 1, sizeof(bool))};
	struct patch_reader reader = {.context = &taking, .hunk = begin_hunk, .line = take_line};
	bool binary;
	int rc = taking.found ? patch_read(patch, &reader, &binary) : ERR_MEMORY;

	*out_missing = 0;
	for (size_t i = 0; !rc && i < hunk_count; i++)
		if (!taking.found[i])
			*out_missing = hunks[i];
	free(taking.found);
	return rc;
}

/* ---- together ---- */

static int by_place(const void *a, const void *b)
{
	const struct picked_change *one = a, *two = b;

	if (one->old_line != two->old_line)
		return one->old_line < two->old_line ? -1 : 1;
	if (one->old_lines != two->old_lines)
		return one->old_lines < two->old_lines ? -1 : 1;
	return one->pick < two->pick ? -1 : one->pick > two->pick;
}

static bool is_same(const struct picked_changes *changes, const struct picked_change *a, const struct picked_change *b)
{
	return a->old_line == b->old_line && a->old_lines == b->old_lines && a->text_bytes == b->text_bytes &&
	       (a->text_bytes == 0 || memcmp(changes->texts.at + a->text_at, changes->texts.at + b->text_at, a->text_bytes) == 0);
}

/* An insertion beside another change could stand before or behind it. */
static bool is_clash(const struct picked_change *first, const struct picked_change *next)
{
	size_t end = first->old_line + first->old_lines;

	return next->old_line < end || (next->old_line == end && (!first->old_lines || !next->old_lines));
}

int picked_changes_settle(struct picked_changes *changes, const struct picked_change *out_clash[2])
{
	size_t kept = 0;

	if (changes->count)
		qsort(changes->at, changes->count, sizeof(*changes->at), by_place);
	for (size_t i = 0; i < changes->count; i++) {
		const struct picked_change *before = kept ? &changes->at[kept - 1] : NULL;
		if (before && is_same(changes, before, &changes->at[i]))
			continue;
		if (before && is_clash(before, &changes->at[i])) {
			out_clash[0] = before;
			out_clash[1] = &changes->at[i];
			return ERR_CONFLICT;
		}
		changes->at[kept++] = changes->at[i];
	}
	changes->count = kept;
	return 0;
}

/* Passes so many lines; returns where it has come to. */
static size_t pass_lines(struct bytes text, size_t at, size_t lines)
{
	while (lines-- && at < text.bytes) {
		const uint8_t *end = memchr(text.at + at, '\n', text.bytes - at);
		at = end ? (size_t)(end - text.at) + 1 : text.bytes;
	}
	return at;
}

int picked_changes_apply(struct picked_changes *changes, struct bytes old, struct buffer *out)
{
	size_t at = 0, line = 0, written = 0;
	int rc = 0;

	for (size_t i = 0; i < changes->count && !rc; i++) {
		struct picked_change *change = &changes->at[i];
		size_t end = pass_lines(old, at, change->old_line - line);
		rc = buffer_append(out, old.at + at, end - at);
		if (!rc)
			rc = buffer_append(out, changes->texts.at + change->text_at, change->text_bytes);
		written += change->old_line - line;
		change->new_line = written;
		written += change->new_lines;
		at = pass_lines(old, end, change->old_lines);
		line = change->old_line + change->old_lines;
	}
	return rc ? rc : buffer_append(out, old.at + at, old.bytes - at);
}
