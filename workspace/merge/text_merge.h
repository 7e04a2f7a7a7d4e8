/* SPDX-License-Identifier: MIT
 *
 * Three-way merge of one file's bytes: what git makes of them, byte for byte, in a few microseconds where it is certain that the two sides changed
 * different places, and by comparing all lines elsewhere.
 *
 * A line ends after its '\n'; the last one may lack it, and then differs from the same one with it. Carriage returns belong to the
 * line. Two sides conflict where git says so: where their changes overlap or touch and are not the same.
 *
 * Which lines belong together decides what the changes are: `git merge` (ort) goes by histogram, `git merge-file` and libgit2 by Myers. The two
 * differ where lines are repeated or blocks have moved.
 *
 * No function here keeps anything or waits. Any number of threads may call them.
 */
#ifndef WORKSPACE_MERGE_TEXT_MERGE_H
#define WORKSPACE_MERGE_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/codec.h"
#include "workspace/merge/text_diff.h"

#define TEXT_BINARY_BYTES 8000u                 /* a NUL in the first so many bytes of any of the three: not text, as in git */
#define TEXT_MAX_BYTES    (1023u * 1024 * 1024) /* git merges nothing larger; it counts as binary */

/* The three versions, borrowed. An added file has an empty base. */
struct text_merge {
	struct bytes base;
	struct bytes ours;
	struct bytes theirs;
	enum text_algorithm algorithm; /* zero: as git merge */
};

enum text_outcome {
	TEXT_OURS,      /* the result is `ours` as it stands: theirs changed nothing, or the same */
	TEXT_THEIRS,    /* the result is `theirs` as it stands: ours changed nothing */
	TEXT_SPLICED,   /* merged by the fast path */
	TEXT_MERGED,    /* merged line by line */
	TEXT_CONFLICTS, /* changes that overlap or touch */
	TEXT_BINARY,    /* not text (or too large), and both sides changed it differently: to be chosen whole */
};

/* Whole lines of one version: `lines` from `line` on, counted from 0, which are `bytes` from `at` on. May be empty, and then it says
 * where they would stand. */
struct text_range {
	size_t line;
	size_t lines;
	size_t at;
	size_t bytes;
};

/* A place that somebody has to decide. */
struct text_conflict {
	struct text_range base;
	struct text_range ours;
	struct text_range theirs;
	size_t offset; /* in the text that text_merge wrote: where the decided lines go */
};

/* Zero it to begin; may be used again; text_conflicts_release gives the memory back. */
struct text_conflicts {
	struct text_conflict *at;
	size_t count;
	size_t capacity;
};
void text_conflicts_release(struct text_conflicts *conflicts);

/* The result as the first `first_bytes` of `first`, then all of `second` from `second_at` on. */
struct text_splice {
	struct bytes first;
	struct bytes second;
	size_t first_bytes;
	size_t second_at;
};

/* The fast path alone; reads, and allocates nothing. TEXT_OURS, TEXT_THEIRS, TEXT_BINARY, or TEXT_SPLICED with `out_splice` filled;
 * TEXT_CONFLICTS means here that lines have to be compared. */
MUST_CHECK enum text_outcome text_splice(const struct text_merge *merge, struct text_splice *out_splice);
MUST_CHECK int text_splice_append(const struct text_splice *splice, struct buffer *out); /* 0 or ERR_MEMORY */

/* Merge.
 *
 * `out`            the result is appended to it, except with TEXT_OURS and TEXT_THEIRS (the caller has it) and TEXT_BINARY (there is
 *                  none). With TEXT_CONFLICTS: the merged text without the lines in conflict; put a decision for each conflict at
 *                  its `offset`, from the last to the first, and the file is whole. Offsets count from what was in `out` before.
 * `out_conflicts`  in the order of the file; empty unless TEXT_CONFLICTS.
 * Returns          0 or ERR_MEMORY. After an error `out` is as it was. */
MUST_CHECK int text_merge(const struct text_merge *merge, enum text_outcome *out_outcome, struct buffer *out,
			  struct text_conflicts *out_conflicts);

enum text_style {
	TEXT_STYLE_MERGE,  /* both sides, as close as they can be narrowed down */
	TEXT_STYLE_DIFF3,  /* with the base between them, nothing narrowed down */
	TEXT_STYLE_ZDIFF3, /* with the base, and without the lines that both sides begin or end with */
};

/* How conflicts are marked. Zeroed: as `git merge` does, without labels. */
struct text_marks {
	enum text_style style;
	bool join_punctuation; /* as `git merge-file`: conflicts are also joined over any number of lines without letter or digit */
	bool favour_theirs;    /* only with TEXT_STYLE_MERGE: no marks, but the lines of theirs, as `git merge-file --theirs` */
	unsigned size;         /* of a marker, in characters; 0 for 7 */
	const char *base_label; /* each may be NULL or empty */
	const char *ours_label;
	const char *theirs_label;
};

/* Append the merged text to `out` with the conflicts marked in it, as git writes them. `out_count` says how many were marked: with the
 * styles that show the base it can be more than none where text_merge finds no conflict, since git decides so.
 * Returns 0; ERR_STATE where text_merge says TEXT_BINARY; ERR_MEMORY. After an error `out` is as it was. */
MUST_CHECK int text_merge_marked(const struct text_merge *merge, const struct text_marks *marks, struct buffer *out,
				 size_t *out_count);

#endif
