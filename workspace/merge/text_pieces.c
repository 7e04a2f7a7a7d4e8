/* SPDX-License-Identifier: MIT
 *
 * The changes of both sides in one list, as xdiff's merge would list them, from two comparisons through libgit2's public functions.
 *
 * libgit2's own merge returns a text, and in a text nobody can tell a marker from a line that looks like one. Hence this: each side is
 * compared with the base, which gives its changes, and the two lists are walked together. Changes that overlap or touch become one
 * conflict, unless they are the same change.
 */
#include "workspace/merge/text_pieces.h"

#include <git2.h>
#include <stdlib.h>
#include <string.h>

/* What joins two conflicts: so many lines between them, or fewer. It takes no more room than their markers. */
#define JOIN_LINES_MAX 3u

/* ---- lines ---- */

static void lines_release(struct text_lines *lines)
{
	free(lines->start);
	*lines = (struct text_lines){0};
}

static size_t lines_count(struct bytes text)
{
	size_t count = 0;

	for (const uint8_t *at = text.at, *end = at + text.bytes; at < end; count++) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	return count;
}

static int lines_init(struct text_lines *lines, struct bytes text)
{
	size_t count = text.bytes > 0 ? lines_count(text) : 0;

	lines->text = text;
	lines->count = count;
	lines->start = malloc((count + 1) * sizeof(*lines->start));
	if (!lines->start)
		return ERR_MEMORY;
	lines->start[0] = 0;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = text.at + lines->start[i];
		const uint8_t *newline = memchr(at, '\n', text.bytes - lines->start[i]);
		lines->start[i + 1] = newline ? (size_t)(newline - text.at) + 1 : text.bytes;
	}
	return 0;
}

struct bytes text_lines_of(const struct text_lines *lines, struct text_span span)
{
	size_t at = lines->start[span.first];

	if (span.first == span.end)
		return (struct bytes){0};
	return (struct bytes){.at = lines->text.at + at, .bytes = (uint32_t)(lines->start[span.end] - at)};
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* ---- the changes of one side ---- */

struct change {
	struct text_span old;
	struct text_span new;
};

struct changes {
	struct change *at;
	size_t count;
	size_t capacity;
	int rc;
};

/* A hunk counts lines from 1, and an empty one names the line before it. */
static struct text_span span_of(int start, int lines)
{
	size_t first = (size_t)(lines > 0 ? start - 1 : start);

	return (struct text_span){first, first + (size_t)lines};
}

static int changes_add(const git_diff_delta *delta, const git_diff_hunk *hunk, void *data)
{
	struct changes *changes = data;

	(void)delta;
	if (changes->count == changes->capacity) {
		size_t capacity = changes->capacity > 0 ? 2 * changes->capacity : 16;
		struct change *at = realloc(changes->at, capacity * sizeof(*at));
		if (!at) {
			changes->rc = ERR_MEMORY;
			return -1;
		}
		changes->at = at;
		changes->capacity = capacity;
	}
	changes->at[changes->count++] = (struct change){.old = span_of(hunk->old_start, hunk->old_lines),
							.new = span_of(hunk->new_start, hunk->new_lines)};
	return 0;
}

/* Without context every change is a hunk of its own. The comparison is the one that libgit2's merge makes. */
static int changes_find(struct changes *changes, struct bytes old, struct bytes new)
{
	git_diff_options options;

	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.context_lines = 0;
	options.flags = GIT_DIFF_FORCE_TEXT;
	options.max_size = -1;
	if (git_diff_buffers(old.at, old.bytes, NULL, new.at, new.bytes, NULL, &options, NULL, NULL, changes_add, NULL, changes) <
	    0)
		return changes->rc ? changes->rc : ERR_MEMORY;
	return changes->count == 0 && !is_same(old, new) ? ERR_INTERNAL : 0;
}

/* ---- both sides ---- */

static int pieces_push(struct text_pieces *pieces, const struct text_piece *piece)
{
	if (pieces->count == pieces->capacity) {
		size_t capacity = pieces->capacity > 0 ? 2 * pieces->capacity : 16;
		struct text_piece *at = realloc(pieces->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		pieces->at = at;
		pieces->capacity = capacity;
	}
	pieces->at[pieces->count++] = *piece;
	return 0;
}

/* At the end, or grown together with the last one if they touch on either side. */
static int pieces_append(struct text_pieces *pieces, const struct text_piece *piece)
{
	struct text_piece *last = pieces->count > 0 ? &pieces->at[pieces->count - 1] : NULL;

	if (!last || (piece->ours.first > last->ours.end && piece->theirs.first > last->theirs.end))
		return pieces_push(pieces, piece);
	if (last->kind != piece->kind)
		last->kind = PIECE_CONFLICT;
	last->base.end = piece->base.end;
	last->ours.end = piece->ours.end;
	last->theirs.end = piece->theirs.end;
	return 0;
}

/* Where lines of the base are in a side, given a change of that side that they hold, or that only unchanged lines part them from.
 * (If they also hold earlier changes of that side, `first` is off and may wrap; the piece then grows onto one that has it right.) */
static struct text_span across(struct text_span base, const struct change *change)
{
	struct text_span side;

	side.first = base.first <= change->old.first ? change->new.first - (change->old.first - base.first)
						     : change->new.end + (base.first - change->old.end);
	side.end = base.end >= change->old.end ? change->new.end + (base.end - change->old.end)
					       : change->new.first - (change->old.first - base.end);
	return side;
}

static int append_ours(struct text_pieces *pieces, const struct change *ours, const struct change *near)
{
	struct text_piece piece = {PIECE_OURS, ours->old, ours->new, across(ours->old, near)};

	return pieces_append(pieces, &piece);
}

static int append_theirs(struct text_pieces *pieces, const struct change *theirs, const struct change *near)
{
	struct text_piece piece = {PIECE_THEIRS, theirs->old, across(theirs->old, near), theirs->new};

	return pieces_append(pieces, &piece);
}

static bool same_change(const struct text_pieces *pieces, const struct change *ours, const struct change *theirs)
{
	return ours->old.first == theirs->old.first && ours->old.end == theirs->old.end &&
	       is_same(text_lines_of(&pieces->ours, ours->new), text_lines_of(&pieces->theirs, theirs->new));
}

static int append_both(struct text_pieces *pieces, const struct change *ours, const struct change *theirs)
{
	struct text_piece piece = {.kind = PIECE_CONFLICT};

	if (same_change(pieces, ours, theirs))
		return 0;
	piece.base.first = ours->old.first < theirs->old.first ? ours->old.first : theirs->old.first;
	piece.base.end = ours->old.end > theirs->old.end ? ours->old.end : theirs->old.end;
	piece.ours = across(piece.base, ours);
	piece.theirs = across(piece.base, theirs);
	return pieces_append(pieces, &piece);
}

/* Behind the last change of a side, both ends are what counts. */
static struct change end_of(const struct text_lines *base, const struct text_lines *side)
{
	return (struct change){{base->count, base->count}, {side->count, side->count}};
}

static int pieces_walk(struct text_pieces *pieces, const struct changes *ours, const struct changes *theirs)
{
	struct change our_end = end_of(&pieces->base, &pieces->ours), their_end = end_of(&pieces->base, &pieces->theirs);
	size_t i = 0, j = 0;
	int rc = 0;

	while ((i < ours->count || j < theirs->count) && !rc) {
		const struct change *a = i < ours->count ? &ours->at[i] : &our_end;
		const struct change *b = j < theirs->count ? &theirs->at[j] : &their_end;
		if (j == theirs->count || (i < ours->count && a->old.end < b->old.first)) {
			rc = append_ours(pieces, a, b);
			i++;
		} else if (i == ours->count || b->old.end < a->old.first) {
			rc = append_theirs(pieces, b, a);
			j++;
		} else {
			rc = append_both(pieces, a, b);
			i += a->old.end <= b->old.end;
			j += b->old.end <= a->old.end;
		}
	}
	return rc;
}

int text_pieces_find(const struct text_merge *merge, struct text_pieces *pieces)
{
	struct changes ours = {0}, theirs = {0};
	int rc = lines_init(&pieces->base, merge->base);

	if (!rc)
		rc = lines_init(&pieces->ours, merge->ours);
	if (!rc)
		rc = lines_init(&pieces->theirs, merge->theirs);
	if (!rc)
		rc = changes_find(&ours, merge->base, merge->ours);
	if (!rc)
		rc = changes_find(&theirs, merge->base, merge->theirs);
	if (!rc)
		rc = pieces_walk(pieces, &ours, &theirs);
	free(ours.at);
	free(theirs.at);
	return rc;
}

void text_pieces_release(struct text_pieces *pieces)
{
	lines_release(&pieces->base);
	lines_release(&pieces->ours);
	lines_release(&pieces->theirs);
	free(pieces->at);
	*pieces = (struct text_pieces){0};
}

/* ---- conflicts made smaller ---- */

static bool same_lines(const struct text_pieces *pieces, size_t our_line, size_t their_line)
{
	return is_same(text_lines_of(&pieces->ours, (struct text_span){our_line, our_line + 1}),
		       text_lines_of(&pieces->theirs, (struct text_span){their_line, their_line + 1}));
}

static bool is_empty(struct text_span span)
{
	return span.first == span.end;
}

/* Where one side has no lines at all, git does not compare. */
static bool can_be_same(const struct text_piece *piece)
{
	return piece->kind == PIECE_CONFLICT && !is_empty(piece->ours) && !is_empty(piece->theirs);
}

void text_pieces_settle(struct text_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++) {
		struct text_piece *piece = &pieces->at[i];
		if (can_be_same(piece) &&
		    is_same(text_lines_of(&pieces->ours, piece->ours), text_lines_of(&pieces->theirs, piece->theirs)))
			piece->kind = PIECE_SAME;
	}
}

void text_pieces_trim(struct text_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++) {
		struct text_piece *piece = &pieces->at[i];
		while (can_be_same(piece) && same_lines(pieces, piece->ours.first, piece->theirs.first)) {
			piece->ours.first++;
			piece->theirs.first++;
		}
		while (can_be_same(piece) && same_lines(pieces, piece->ours.end - 1, piece->theirs.end - 1)) {
			piece->ours.end--;
			piece->theirs.end--;
		}
	}
}

/* Adds to `narrowed` as many pieces as the two sides of `whole` differ in. */
static int narrow_one(const struct text_pieces *pieces, const struct text_piece *whole, struct text_pieces *narrowed)
{
	struct changes changes = {0};
	int rc = changes_find(&changes, text_lines_of(&pieces->ours, whole->ours), text_lines_of(&pieces->theirs, whole->theirs));

	for (size_t i = 0; i < changes.count && !rc; i++) {
		const struct change *change = &changes.at[i];
		struct text_piece piece = *whole;
		piece.ours = (struct text_span){whole->ours.first + change->old.first, whole->ours.first + change->old.end};
		piece.theirs = (struct text_span){whole->theirs.first + change->new.first, whole->theirs.first + change->new.end};
		rc = pieces_push(narrowed, &piece);
	}
	free(changes.at);
	return rc;
}

/* In ASCII, whatever the locale says. */
static bool has_alnum(struct bytes text)
{
	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t lower = text.at[i] | 0x20;
		if ((lower >= 'a' && lower <= 'z') || (text.at[i] >= '0' && text.at[i] <= '9'))
			return true;
	}
	return false;
}

static bool is_joined(const struct text_pieces *pieces, const struct text_piece *a, const struct text_piece *b,
		      bool join_punctuation)
{
	struct text_span between = {a->ours.end, b->ours.first};

	if (a->kind != PIECE_CONFLICT || b->kind != PIECE_CONFLICT)
		return false;
	return between.end - between.first <= JOIN_LINES_MAX ||
	       (join_punctuation && !has_alnum(text_lines_of(&pieces->ours, between)));
}

static void pieces_join(struct text_pieces *pieces, bool join_punctuation)
{
	size_t kept = 0;

	for (size_t i = 1; i < pieces->count; i++) {
		struct text_piece *last = &pieces->at[kept];
		if (is_joined(pieces, last, &pieces->at[i], join_punctuation)) {
			last->ours.end = pieces->at[i].ours.end;
			last->theirs.end = pieces->at[i].theirs.end;
		} else {
			pieces->at[++kept] = pieces->at[i];
		}
	}
	pieces->count = pieces->count > 0 ? kept + 1 : 0;
}

int text_pieces_narrow(struct text_pieces *pieces, bool join_punctuation)
{
	struct text_pieces narrowed = {0};
	int rc = 0;

	text_pieces_settle(pieces);
	for (size_t i = 0; i < pieces->count && !rc; i++) {
		const struct text_piece *piece = &pieces->at[i];
		rc = can_be_same(piece) ? narrow_one(pieces, piece, &narrowed) : pieces_push(&narrowed, piece);
	}
	if (rc) {
		free(narrowed.at);
		return rc;
	}
	free(pieces->at);
	pieces->at = narrowed.at;
	pieces->count = narrowed.count;
	pieces->capacity = narrowed.capacity;
	pieces_join(pieces, join_punctuation);
	return 0;
}
