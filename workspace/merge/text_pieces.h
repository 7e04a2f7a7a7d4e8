/* SPDX-License-Identifier: MIT
 *
 * The difficult half of a text merge: three files as lines, and the changes of both sides brought into one list.
 */
#ifndef WORKSPACE_MERGE_TEXT_PIECES_H
#define WORKSPACE_MERGE_TEXT_PIECES_H

#include "workspace/merge/text_diff.h"
#include "workspace/merge/text_merge.h"

enum text_piece_kind {
	PIECE_OURS,     /* only ours changed these lines */
	PIECE_THEIRS,   /* only theirs did */
	PIECE_SAME,     /* both did, and arrived at the same lines */
	PIECE_CONFLICT, /* both did, differently */
};

struct text_piece {
	enum text_piece_kind kind;
	struct text_span base;
	struct text_span ours;
	struct text_span theirs;
};

/* Between two pieces, and before the first and after the last, all three files are the same. Zero it to begin. */
struct text_pieces {
	struct text_lines base;
	struct text_lines ours;
	struct text_lines theirs;
	struct text_differ *differ;
	enum text_algorithm algorithm;
	struct text_piece *at;
	size_t count;
	size_t capacity;
};
void text_pieces_release(struct text_pieces *pieces);

/* Each returns 0 or ERR_MEMORY; release `pieces` in any case.
 *
 * find    the changes of both sides; conflicts as large as the changes that make them up.
 * settle  conflicts in which both sides hold the same lines become PIECE_SAME.
 * trim    takes the lines that both sides begin or end with out of each conflict.
 * narrow  compares the two sides of each conflict and keeps what differs, then joins those with at most three lines between them
 *         (and, if `join_punctuation`, any number without letter or digit). The base of what was narrowed means nothing. */
MUST_CHECK int text_pieces_find(const struct text_merge *merge, struct text_pieces *pieces);
void text_pieces_settle(struct text_pieces *pieces);
void text_pieces_trim(struct text_pieces *pieces);
MUST_CHECK int text_pieces_narrow(struct text_pieces *pieces, bool join_punctuation);

#endif
