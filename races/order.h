/* SPDX-License-Identifier: MIT
 *
 * Which attempt is better: gates passed, new findings, coverage of what was added, size, cost, time in whole seconds; then the label. Each comparison explains itself. A figure that
 * is not known of all who are compared decides nothing.
 */
#ifndef RACES_ORDER_H
#define RACES_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "races/spec.h"

#define ORDER_SENTENCE_BYTES 300u

enum verdict_word { NOT_VERIFIED, WITH_GAPS, VERIFIED };

enum order_by { BY_NOTHING, BY_GATES, BY_FINDINGS, BY_COVERAGE, BY_SIZE, BY_COST, BY_TIME, BY_MODEL, BY_LABEL };

const char *verdict_word(enum verdict_word verdict);
const char *verdict_phrase(enum verdict_word verdict); /* "is verified", "has gaps", "is not verified" */
const char *order_by_name(enum order_by by);

struct ranked {
	const char *label;
	enum verdict_word verdict;
	bool lied;
	unsigned failed, passed;          /* gates */
	uint64_t fixed;                   /* cases that failed at the base and pass */
	int64_t findings, coverage, size; /* -1: not known */
	uint64_t microusd, tokens, wall_ms;
	size_t index; /* the caller's */
};

struct order_step {
	size_t better, worse; /* places in the order */
	enum order_by by;
	char sentence[ORDER_SENTENCE_BYTES];
};

struct order {
	struct ranked at[RACE_ENTRIES_MAX]; /* best first */
	size_t count;
	size_t tied; /* how many, from the first, differ in nothing but the label; 1: no tie */
	struct order_step step[RACE_ENTRIES_MAX];
	size_t step_count; /* one between each and the next */
};

/* Sorts at[0 … count - 1] and explains. `favourite`: the label that a model has named, which goes before those it is tied with; NULL: none. */
void order_make(struct order *order, const char *favourite);

#endif
