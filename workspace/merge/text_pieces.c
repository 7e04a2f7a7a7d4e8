/* SPDX-License-Identifier: MIT
 *
 * The changes of both sides in one list: each side is compared with the base, which gives its changes, and the two lists are walked together. Changes
 * that overlap or touch become one conflict, unless they are the same change. (A merge that is only a text would not do: in a text nobody can tell
 * a marker from a line that looks like one.)
 */
#include "workspace/merge/text_pieces.h"

#include <stdlib.h>
#include <string.h>

/* What joins two conflicts: so many lines between them, or fewer. It takes no more room than their markers. */
#define JOIN_LINES_MAX 3u

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
static struct text_span across(struct text_span base, const struct text_change *change)
{
	struct text_span side;

	side.first = base.first <= change->old.first ? change->new.first - (change->old.first - base.first)
						     : change->new.end + (base.first - change->old.end);
	side.end = base.end >= change->old.end ? change->new.end + (base.end - change->old.end)
					       : change->new.first - (change->old.first - base.end);
	return side;
}

static int append_ours(struct text_pieces *pieces, const struct text_change *ours, const struct text_change *near)
{
	struct text_piece piece = {PIECE_OURS, ours->old, ours->new, across(ours->old, near)};

	return pieces_append(pieces, &piece);
}

static int append_theirs(struct text_pieces *pieces, const struct text_change *theirs, const struct text_change *near)
{
	struct text_piece piece = {PIECE_THEIRS, theirs->old, across(theirs->old, near), theirs->new};

	return pieces_append(pieces, &piece);
}

static bool same_lines(const struct text_pieces *pieces, size_t our_line, size_t their_line)
{
	return pieces->ours.number[our_line] == pieces->theirs.number[their_line];
}

static bool same_span(const struct text_pieces *pieces, struct text_span ours, struct text_span theirs)
{
	size_t count = ours.end - ours.first;

	if (theirs.end - theirs.first != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!same_lines(pieces, ours.first + i, theirs.first + i))
			return false;
	return true;
}

static bool same_change(const struct text_pieces *pieces, const struct text_change *ours, const struct text_change *theirs)
{
	return ours->old.first == theirs->old.first && ours->old.end == theirs->old.end &&
	       same_span(pieces, ours->new, theirs->new);
}

static int append_both(struct text_pieces *pieces, const struct text_change *ours, const struct text_change *theirs)
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
static struct text_change end_of(const struct text_lines *base, const struct text_lines *side)
{
	return (struct text_change){{base->count, base->count}, {side->count, side->count}};
}

static int pieces_walk(struct text_pieces *pieces, const struct text_script *ours, const struct text_script *theirs)
{
	struct text_change our_end = end_of(&pieces->base, &pieces->ours), their_end = end_of(&pieces->base, &pieces->theirs);
	size_t i = 0, j = 0;
	int rc = 0;

	while ((i < ours->count || j < theirs->count) && !rc) {
		const struct text_change *a = i < ours->count ? &ours->at[i] : &our_end;
		const struct text_change *b = j < theirs->count ? &theirs->at[j] : &their_end;
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

static struct text_part whole(const struct text_lines *lines)
{
	return (struct text_part){lines, {0, lines->count}};
}

static int changes_find(struct text_pieces *pieces, const struct text_lines *side, struct text_script *script)
{
	return text_diff(pieces->differ, whole(&pieces->base), whole(side), pieces->algorithm, false, script);
}

static int read_texts(const struct text_merge *merge, struct text_pieces *pieces)
{
	const struct bytes texts[] = {merge->base, merge->ours, merge->theirs};
	struct text_lines lines[3];
	uint32_t numbers;
	int rc = text_lines_read(texts, 3, lines, &numbers);

	if (rc)
		return rc;
	pieces->base = lines[0];
	pieces->ours = lines[1];
	pieces->theirs = lines[2];
	pieces->algorithm = merge->algorithm;
	return text_differ_new(numbers, &pieces->differ);
}

int text_pieces_find(const struct text_merge *merge, struct text_pieces *pieces)
{
	struct text_script ours = {0}, theirs = {0};
	int rc = read_texts(merge, pieces);

	if (!rc)
		rc = changes_find(pieces, &pieces->ours, &ours);
	if (!rc)
		rc = changes_find(pieces, &pieces->theirs, &theirs);
	if (!rc)
		rc = pieces_walk(pieces, &ours, &theirs);
	text_script_release(&ours);
	text_script_release(&theirs);
	return rc;
}

void text_pieces_release(struct text_pieces *pieces)
{
	text_lines_release(&pieces->base);
	text_lines_release(&pieces->ours);
	text_lines_release(&pieces->theirs);
	text_differ_free(pieces->differ);
	free(pieces->at);
	*pieces = (struct text_pieces){0};
}

/* ---- conflicts made smaller ---- */

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
		if (can_be_same(piece) && same_span(pieces, piece->ours, piece->theirs))
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
static int narrow_one(const struct text_pieces *pieces, const struct text_piece *whole, struct text_script *script,
		      struct text_pieces *narrowed)
{
	struct text_part ours = {&pieces->ours, whole->ours}, theirs = {&pieces->theirs, whole->theirs};
	int rc = text_diff(pieces->differ, ours, theirs, pieces->algorithm, false, script);

	for (size_t i = 0; i < script->count && !rc; i++) {
		struct text_piece piece = *whole;
		piece.ours = script->at[i].old;
		piece.theirs = script->at[i].new;
		rc = pieces_push(narrowed, &piece);
	}
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
	struct text_script script = {0};
	int rc = 0;

	text_pieces_settle(pieces);
	for (size_t i = 0; i < pieces->count && !rc; i++) {
		const struct text_piece *piece = &pieces->at[i];
		rc = can_be_same(piece) ? narrow_one(pieces, piece, &script, &narrowed) : pieces_push(&narrowed, piece);
	}
	text_script_release(&script);
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
