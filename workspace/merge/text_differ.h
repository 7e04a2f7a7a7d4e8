/* SPDX-License-Identifier: MIT
 *
 * Two texts while they are compared. Lines count from 0 within the parts.
 */
#ifndef WORKSPACE_MERGE_TEXT_DIFFER_H
#define WORKSPACE_MERGE_TEXT_DIFFER_H

#include "workspace/merge/text_diff.h"

struct diff_side {
	const struct text_lines *lines;
	size_t first;
	const uint32_t *number;
	size_t count;
	bool *changed; /* also [-1] and [count], which are false */
};

/* Lines of both that are to be compared with each other. */
struct diff_box {
	struct text_span old;
	struct text_span new;
	bool is_thorough; /* of Myers: take the shortest way here, however long that takes */
};

struct diff_boxes {
	struct diff_box *at;
	size_t count;
	size_t capacity;
};

struct text_differ {
	struct diff_side old;
	struct diff_side new;
	struct diff_boxes boxes;
	/* by number; all zero between two searches */
	uint32_t *old_count;
	uint32_t *new_count;
	uint32_t *first; /* line of the old one, plus 1 */
	/* by line */
	uint32_t *next; /* line of the old one with the same number, plus 1 */
	size_t next_capacity;
	bool *changed;
	size_t changed_capacity;
};

/* Each sets `changed`; 0 or ERR_MEMORY. */
MUST_CHECK int diff_histogram(struct text_differ *differ);
MUST_CHECK int diff_myers(struct text_differ *differ, const struct diff_box *box);

/* Move the changes of `side`, of which those of `other` are the counterpart. */
void diff_settle(struct diff_side *side, const struct diff_side *other, bool indent);

MUST_CHECK int diff_boxes_push(struct diff_boxes *boxes, struct diff_box box);

static inline size_t text_span_count(struct text_span span)
{
	return span.end - span.first;
}

#endif
