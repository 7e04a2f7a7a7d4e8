/* SPDX-License-Identifier: MIT
 *
 * Texts as lines, and lines as numbers: two lines have the same number if they are the same bytes, in whichever of the texts they stand.
 *
 * A line ends after its '\n'; the last one may lack it, and then differs from the same one with it.
 */
#ifndef WORKSPACE_MERGE_TEXT_LINES_H
#define WORKSPACE_MERGE_TEXT_LINES_H

#include "protocol/codec.h"

/* Lines [first, end). */
struct text_span {
	size_t first;
	size_t end;
};

/* Line i is from start[i] to start[i + 1]; number[i] says which it is. */
struct text_lines {
	struct bytes text; /* borrowed; at most TEXT_MAX_BYTES */
	uint32_t *start;
	uint32_t *number;
	size_t count;
};

/* `count` texts at once; numbers are 0 … *out_numbers - 1 in the order in which lines first appear. 0 or ERR_MEMORY, and then there is nothing to
 * release. */
MUST_CHECK int text_lines_read(const struct bytes *texts, size_t count, struct text_lines *out_lines, uint32_t *out_numbers);
void text_lines_release(struct text_lines *lines); /* of one text; zeroed is fine */

/* The text of a span. */
struct bytes text_lines_of(const struct text_lines *lines, struct text_span span);

/* A hash of a line's bytes; the same on every machine of the same byte order. */
uint64_t text_line_hash(const uint8_t *line, size_t bytes);

#endif
