/* SPDX-License-Identifier: MIT
 *
 * What has to change to make one text of another, line by line, exactly as git finds it.
 *
 * There are many ways to say how two texts differ, and a merge's result depends on which is taken. So this is not one of them but git's:
 *
 *   histogram  the longest run of equal lines among the rarest ones is kept, and what lies before and after it is compared in the same
 *              way. Where every common line stands in the old text more than 64 times, Myers decides. (The idea is Shawn Pearce's, in JGit.)
 *   Myers      "An O(ND) Difference Algorithm and its Variations", 1986, from both ends at once, with the shortcuts of libxdiff for
 *              texts that differ much: lines without counterpart are left out before, and a search that takes too long ends.
 *
 * Afterwards each change is moved to where git shows it: as far down as it goes, but next to a change of the other text if there is one on
 * the way, and, if `indent`, to where the indentation suggests a boundary.
 */
#ifndef WORKSPACE_MERGE_TEXT_DIFF_H
#define WORKSPACE_MERGE_TEXT_DIFF_H

#include <stdbool.h>

#include "workspace/merge/text_lines.h"

enum text_algorithm {
	TEXT_HISTOGRAM, /* of git merge */
	TEXT_MYERS,     /* of git diff, git merge-file and libgit2 */
};

/* Lines `old` were replaced by lines `new`; one of them may be empty. */
struct text_change {
	struct text_span old;
	struct text_span new;
};

/* Zero it to begin; may be used again. */
struct text_script {
	struct text_change *at;
	size_t count;
	size_t capacity;
};
void text_script_release(struct text_script *script);

/* Memory for comparisons among texts that were read together. */
struct text_differ;
MUST_CHECK int text_differ_new(uint32_t numbers, struct text_differ **out_differ); /* 0 or ERR_MEMORY */
void text_differ_free(struct text_differ *differ);                                 /* NULL is fine */

/* Some lines of a text. */
struct text_part {
	const struct text_lines *lines;
	struct text_span span;
};

/* Compare two parts as if they were whole texts; lines in the script are those of the whole ones. 0 or ERR_MEMORY. */
MUST_CHECK int text_diff(struct text_differ *differ, struct text_part old, struct text_part new, enum text_algorithm algorithm,
			 bool indent, struct text_script *out_script);

#endif
