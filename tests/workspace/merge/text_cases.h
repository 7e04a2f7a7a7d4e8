/* SPDX-License-Identifier: MIT
 *
 * Random merges of texts in which changes lie near each other, lines repeat, and blocks have moved.
 */
#ifndef TESTS_WORKSPACE_MERGE_TEXT_CASES_H
#define TESTS_WORKSPACE_MERGE_TEXT_CASES_H

#include <stdint.h>

#include "workspace/merge/text_merge.h"

/* The case of a number: the same number, the same case. Each of the three is memory of exactly its length, so that whoever reads past
 * it is noticed. Free with text_case_free. */
struct text_merge text_case_new(uint64_t number);
struct text_merge text_case_new_long(uint64_t number); /* of some hundred lines, mostly few different ones */
struct text_merge
text_case_new_code(uint64_t number); /* indented, with blank lines, and with blocks doubled: much that can be moved */
struct text_merge text_case_new_far(uint64_t number);  /* large, and very different (only the base and ours) */
struct text_merge text_case_new_near(uint64_t number); /* short, of very few different lines; what is put in is mostly new */
void text_case_free(struct text_merge *merge);

#endif
