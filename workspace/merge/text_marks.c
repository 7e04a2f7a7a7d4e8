/* SPDX-License-Identifier: MIT
 *
 * A merged text with its conflicts marked, as git writes them: "How conflicts are presented" in git-merge(1).
 */
#include <string.h>

#include "workspace/merge/text_merge.h"
#include "workspace/merge/text_pieces.h"

#define MARK_CHARACTERS 7u

struct writer {
	const struct text_pieces *pieces;
	const struct text_marks *marks;
	struct buffer *out;
	int rc; /* the first failure stays */
};

static void put(struct writer *writer, const void *at, size_t bytes)
{
	if (!writer->rc)
		writer->rc = buffer_append(writer->out, at, bytes);
}

/* ---- which ending a marker's line gets ---- */

enum ending { ENDING_UNKNOWN, ENDING_LF, ENDING_CRLF };

static enum ending ending_of_line(const struct text_lines *lines, size_t line)
{
	struct bytes text = text_lines_of(lines, (struct text_span){line, line + 1});

	return text.bytes > 1 && text.at[text.bytes - 2] == '\r' ? ENDING_CRLF : ENDING_LF;
}

/* Of a line; of the one before it, where it is the last and has none. */
static enum ending ending_at(const struct text_lines *lines, size_t line)
{
	if (lines->count == 0)
		return ENDING_UNKNOWN;
	if (line + 1 < lines->count || lines->text.at[lines->text.bytes - 1] == '\n')
		return ending_of_line(lines, line);
	return line == 0 ? ENDING_UNKNOWN : ending_of_line(lines, line - 1);
}

static enum ending ending_before(const struct text_lines *lines, struct text_span span)
{
	return ending_at(lines, span.first > 0 ? span.first - 1 : 0);
}

/* CRLF if the base has it and neither side has anything else. */
static bool needs_cr(const struct text_pieces *pieces, const struct text_piece *piece)
{
	return ending_at(&pieces->base, 0) == ENDING_CRLF && ending_before(&pieces->ours, piece->ours) != ENDING_LF &&
	       ending_before(&pieces->theirs, piece->theirs) != ENDING_LF;
}

/* ---- a conflict ---- */

static void put_ending(struct writer *writer, bool cr)
{
	put(writer, cr ? "\r\n" : "\n", cr ? 2 : 1);
}

static void put_mark(struct writer *writer, char character, const char *label, bool cr)
{
	unsigned size = writer->marks->size > 0 ? writer->marks->size : MARK_CHARACTERS;

	for (unsigned i = 0; i < size; i++)
		put(writer, &character, 1);
	if (label && *label) {
		put(writer, " ", 1);
		put(writer, label, strlen(label));
	}
	put_ending(writer, cr);
}

/* A marker begins a line, also after one that does not end. */
static void put_side(struct writer *writer, const struct text_lines *lines, struct text_span span, bool cr)
{
	struct bytes text = text_lines_of(lines, span);

	put(writer, text.at, text.bytes);
	if (text.bytes > 0 && text.at[text.bytes - 1] != '\n')
		put_ending(writer, cr);
}

static void put_favoured(struct writer *writer, const struct text_piece *piece)
{
	struct bytes text = text_lines_of(&writer->pieces->theirs, piece->theirs);

	put(writer, text.at, text.bytes);
}

static void put_conflict(struct writer *writer, const struct text_piece *piece)
{
	const struct text_pieces *pieces = writer->pieces;
	const struct text_marks *marks = writer->marks;
	bool cr = needs_cr(pieces, piece);

	put_mark(writer, '<', marks->ours_label, cr);
	put_side(writer, &pieces->ours, piece->ours, cr);
	if (marks->style != TEXT_STYLE_MERGE) {
		put_mark(writer, '|', marks->base_label, cr);
		put_side(writer, &pieces->base, piece->base, cr);
	}
	put_mark(writer, '=', NULL, cr);
	put_side(writer, &pieces->theirs, piece->theirs, cr);
	put_mark(writer, '>', marks->theirs_label, cr);
}

/* ---- the text ---- */

static size_t put_pieces(struct writer *writer)
{
	const struct text_pieces *pieces = writer->pieces;
	size_t line = 0, count = 0;

	for (size_t i = 0; i < pieces->count; i++) {
		const struct text_piece *piece = &pieces->at[i];
		struct bytes before = text_lines_of(&pieces->ours, (struct text_span){line, piece->ours.first});
		struct bytes taken = text_lines_of(&pieces->ours, piece->ours);
		if (piece->kind == PIECE_THEIRS)
			taken = text_lines_of(&pieces->theirs, piece->theirs);
		put(writer, before.at, before.bytes);
		if (piece->kind == PIECE_CONFLICT && writer->marks->favour_theirs)
			put_favoured(writer, piece);
		else if (piece->kind == PIECE_CONFLICT)
			put_conflict(writer, piece);
		else
			put(writer, taken.at, taken.bytes);
		count += piece->kind == PIECE_CONFLICT;
		line = piece->ours.end;
	}
	struct bytes rest = text_lines_of(&pieces->ours, (struct text_span){line, pieces->ours.count});
	put(writer, rest.at, rest.bytes);
	return count;
}

static int shape(struct text_pieces *pieces, const struct text_marks *marks)
{
	if (marks->style == TEXT_STYLE_MERGE)
		return text_pieces_narrow(pieces, marks->join_punctuation);
	if (marks->style == TEXT_STYLE_ZDIFF3)
		text_pieces_trim(pieces);
	return 0;
}

static int append_whole(struct bytes text, struct buffer *out, size_t *out_count)
{
	*out_count = 0;
	return buffer_append(out, text.at, text.bytes);
}

int text_merge_marked(const struct text_merge *merge, const struct text_marks *marks, struct buffer *out, size_t *out_count)
{
	struct text_pieces pieces = {0};
	struct writer writer = {&pieces, marks, out, 0};
	struct text_splice splice;
	size_t before = out->bytes, count;
	enum text_outcome outcome = text_splice(merge, &splice);

	if (outcome == TEXT_BINARY)
		return ERR_STATE;
	if (outcome == TEXT_OURS || outcome == TEXT_THEIRS)
		return append_whole(outcome == TEXT_OURS ? merge->ours : merge->theirs, out, out_count);
	if (outcome == TEXT_SPLICED) {
		*out_count = 0;
		return text_splice_append(&splice, out);
	}
	writer.rc = text_pieces_find(merge, &pieces);
	if (!writer.rc)
		writer.rc = shape(&pieces, marks);
	if (!writer.rc) {
		count = put_pieces(&writer);
		if (!writer.rc)
			*out_count = count;
	}
	if (writer.rc)
		out->bytes = before;
	text_pieces_release(&pieces);
	return writer.rc;
}
