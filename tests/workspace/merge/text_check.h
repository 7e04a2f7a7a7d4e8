/* SPDX-License-Identifier: MIT
 *
 * One merge, held against libgit2's: the text, the conflicts as data, and the text with marks. For tests and the fuzzer.
 */
#ifndef TESTS_WORKSPACE_MERGE_TEXT_CHECK_H
#define TESTS_WORKSPACE_MERGE_TEXT_CHECK_H

#include "workspace/merge/text_merge.h"

/* NULL, or a sentence that says what is wrong. `choice` picks style, size and joining of the marks. The algorithm is Myers', which is what libgit2 has; the fast
 * path is tried for both. git_libgit2_init() came before. */
const char *text_check(const struct text_merge *merge, unsigned choice, enum text_outcome *out_outcome);

/* Only that the fast path, where it is taken, gives what comparing all lines does. */
const char *text_check_splice(const struct text_merge *merge, enum text_outcome *out_outcome);

#endif
