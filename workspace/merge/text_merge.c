/* SPDX-License-Identifier: MIT
 *
 * A merge as data: what is decided, and what is not.
 */
#include "workspace/merge/text_merge.h"

#include <stdlib.h>

#include "workspace/merge/text_pieces.h"

void text_conflicts_release(struct text_conflicts *conflicts)
{
	free(conflicts->at);
	*conflicts = (struct text_conflicts){0};
}

static int append(struct buffer *out, struct bytes text)
{
	return buffer_append(out, text.at, text.bytes);
}

static struct text_range range_of(const struct text_lines *lines, struct text_span span)
{
	size_t at = lines->start[span.first];

	return (struct text_range){span.first, span.end - span.first, at, lines->start[span.end] - at};
}

static int conflicts_add(struct text_conflicts *conflicts, const struct text_conflict *conflict)
{
	if (conflicts->count == conflicts->capacity) {
		size_t capacity = conflicts->capacity > 0 ? 2 * conflicts->capacity : 8;
		struct text_conflict *at = realloc(conflicts->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		conflicts->at = at;
		conflicts->capacity = capacity;
	}
	conflicts->at[conflicts->count++] = *conflict;
	return 0;
}

static int append_piece(const struct text_pieces *pieces, const struct text_piece *piece, size_t offset, struct buffer *out,
			struct text_conflicts *conflicts)
{
	struct text_conflict conflict = {.offset = offset};

	if (piece->kind == PIECE_THEIRS)
		return append(out, text_lines_of(&pieces->theirs, piece->theirs));
	if (piece->kind != PIECE_CONFLICT)
		return append(out, text_lines_of(&pieces->ours, piece->ours));
	conflict.base = range_of(&pieces->base, piece->base);
	conflict.ours = range_of(&pieces->ours, piece->ours);
	conflict.theirs = range_of(&pieces->theirs, piece->theirs);
	return conflicts_add(conflicts, &conflict);
}

/* What is decided to `out`, and what is not to `conflicts`. */
static int append_decided(const struct text_merge *merge, struct buffer *out, struct text_conflicts *conflicts)
{
	struct text_pieces pieces = {0};
	size_t before = out->bytes, line = 0;
	int rc = text_pieces_find(merge, &pieces);

	if (rc)
		goto out;
	text_pieces_settle(&pieces);
	for (size_t i = 0; i < pieces.count && !rc; i++) {
		const struct text_piece *piece = &pieces.at[i];
		rc = append(out, text_lines_of(&pieces.ours, (struct text_span){line, piece->ours.first}));
		if (!rc)
			rc = append_piece(&pieces, piece, out->bytes - before, out, conflicts);
		line = piece->ours.end;
	}
	if (!rc)
		rc = append(out, text_lines_of(&pieces.ours, (struct text_span){line, pieces.ours.count}));
out:
	if (rc)
		out->bytes = before;
	text_pieces_release(&pieces);
	return rc;
}

int text_merge(const struct text_merge *merge, enum text_outcome *out_outcome, struct buffer *out,
	       struct text_conflicts *out_conflicts)
{
	struct text_splice splice;
	enum text_outcome outcome = text_splice(merge, &splice);
	int rc = 0;

	out_conflicts->count = 0;
	if (outcome == TEXT_SPLICED)
		rc = text_splice_append(&splice, out);
	else if (outcome == TEXT_CONFLICTS)
		rc = append_decided(merge, out, out_conflicts);
	if (outcome == TEXT_CONFLICTS && out_conflicts->count == 0)
		outcome = TEXT_MERGED;
	if (rc)
		out_conflicts->count = 0;
	else
		*out_outcome = outcome;
	return rc;
}
