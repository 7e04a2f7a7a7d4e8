/* SPDX-License-Identifier: MIT */
#include "races/order.h"

#include <stdio.h>
#include <string.h>

#include "races/said.h"

#define SECOND_MS 1000u /* what took less is no difference: it is the machine's, not the agent's */

const char *verdict_word(enum verdict_word verdict)
{
	static const char *const words[] = {"not verified", "with gaps", "verified"};

	return words[verdict];
}

const char *verdict_phrase(enum verdict_word verdict)
{
	static const char *const phrases[] = {"is not verified", "has gaps", "is verified"};

	return phrases[verdict];
}

const char *order_by_name(enum order_by by)
{
	static const char *const names[] = {"", "gates", "findings", "coverage", "size", "cost", "time", "model", "label"};

	return names[by];
}

/* Less is better: negative if a is. */
static int less(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_gates(const struct ranked *a, const struct ranked *b)
{
	if (a->verdict != b->verdict)
		return less(b->verdict, a->verdict);
	if (a->lied != b->lied)
		return less(a->lied, b->lied);
	if (a->failed != b->failed)
		return less(a->failed, b->failed);
	if (a->passed != b->passed)
		return less(b->passed, a->passed);
	return less(b->fixed, a->fixed);
}

static int by_cost(const struct ranked *a, const struct ranked *b)
{
	return a->microusd != b->microusd ? less(a->microusd, b->microusd) : less(a->tokens, b->tokens);
}

/* What is known of all that the gates do not tell apart. */
struct usable {
	bool findings, coverage, size;
};

static struct usable usable_beside(const struct order *order, const struct ranked *one)
{
	struct usable usable = {true, true, true};

	for (size_t i = 0; i < order->count; i++) {
		if (by_gates(one, &order->at[i]) != 0)
			continue;
		usable.findings = usable.findings && order->at[i].findings >= 0;
		usable.coverage = usable.coverage && order->at[i].coverage >= 0;
		usable.size = usable.size && order->at[i].size >= 0;
	}
	return usable;
}

/* Negative: a is better. `*out_by` says by what; BY_NOTHING: they are tied. */
static int compare(const struct order *order, const struct ranked *a, const struct ranked *b, enum order_by *out_by)
{
	const struct usable usable = usable_beside(order, a);
	const struct {
		enum order_by by;
		int is;
	} all[] = {
		{BY_GATES, by_gates(a, b)},
		{BY_FINDINGS, usable.findings ? less((uint64_t)a->findings, (uint64_t)b->findings) : 0},
		{BY_COVERAGE, usable.coverage ? less((uint64_t)b->coverage, (uint64_t)a->coverage) : 0},
		{BY_SIZE, usable.size ? less((uint64_t)a->size, (uint64_t)b->size) : 0},
		{BY_COST, by_cost(a, b)},
		{BY_TIME, less(a->wall_ms / SECOND_MS, b->wall_ms / SECOND_MS)},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*out_by = all[i].by;
		if (all[i].is)
			return all[i].is;
	}
	*out_by = BY_NOTHING;
	return 0;
}

static bool goes_before(const struct order *order, const struct ranked *a, const struct ranked *b, const char *favourite)
{
	enum order_by by;
	int is = compare(order, a, b, &by);

	if (is)
		return is < 0;
	if (favourite && (strcmp(a->label, favourite) == 0) != (strcmp(b->label, favourite) == 0))
		return strcmp(a->label, favourite) == 0;
	return strcmp(a->label, b->label) < 0;
}

static void sort(struct order *order, const char *favourite)
{
	struct order all = *order; /* what is compared with stays whole while the list is in pieces */

	for (size_t i = 1; i < order->count; i++) {
		struct ranked one = order->at[i];
		size_t to = i;

		for (; to > 0 && goes_before(&all, &one, &order->at[to - 1], favourite); to--)
			order->at[to] = order->at[to - 1];
		order->at[to] = one;
	}
}

/* ---- explaining ---- */

static void say_gates(char *out, const struct ranked *a, const struct ranked *b)
{
	const size_t room = ORDER_SENTENCE_BYTES;

	if (a->verdict != b->verdict)
		said_add(out, room, "%s is %s, %s is %s.", a->label, verdict_word(a->verdict), b->label,
			 verdict_word(b->verdict));
	else if (a->lied != b->lied)
		said_add(out, room, "%s says what is not so, %s does not.", b->label, a->label);
	else if (a->failed != b->failed)
		said_add(out, room, "%s fails %u gate%s, %s %u.", a->label, a->failed, a->failed == 1 ? "" : "s", b->label,
			 b->failed);
	else if (a->passed != b->passed)
		said_add(out, room, "%s passes %u gate%s, %s %u.", a->label, a->passed, a->passed == 1 ? "" : "s", b->label,
			 b->passed);
	else
		said_add(out, room, "Of the cases that failed at the base, %llu pass with %s, %llu with %s.",
			 (unsigned long long)a->fixed, a->label, (unsigned long long)b->fixed, b->label);
}

static void say_cost(char *out, const struct ranked *a, const struct ranked *b)
{
	if (a->microusd != b->microusd)
		said_add(out, ORDER_SENTENCE_BYTES, "%s cost $%.4f, %s $%.4f.", a->label, (double)a->microusd / 1e6, b->label,
			 (double)b->microusd / 1e6);
	else
		said_add(out, ORDER_SENTENCE_BYTES, "%s took %llu tokens, %s %llu.", a->label, (unsigned long long)a->tokens,
			 b->label, (unsigned long long)b->tokens);
}

static void explain(struct order_step *step, const struct ranked *a, const struct ranked *b, const char *favourite)
{
	char *out = step->sentence;
	const size_t room = ORDER_SENTENCE_BYTES;

	if (step->by == BY_NOTHING)
		step->by = favourite && strcmp(a->label, favourite) == 0 ? BY_MODEL : BY_LABEL;
	if (step->by == BY_GATES)
		say_gates(out, a, b);
	else if (step->by == BY_FINDINGS)
		said_add(out, room, "%s has %lld new finding%s, %s %lld.", a->label, (long long)a->findings,
			 a->findings == 1 ? "" : "s", b->label, (long long)b->findings);
	else if (step->by == BY_COVERAGE)
		said_add(out, room, "The tests reach %.1f %% of the lines that %s added, and %.1f %% of those of %s.",
			 (double)a->coverage / 10, a->label, (double)b->coverage / 10, b->label);
	else if (step->by == BY_SIZE)
		said_add(out, room, "%s changes %lld line%s, %s %lld.", a->label, (long long)a->size, a->size == 1 ? "" : "s",
			 b->label, (long long)b->size);
	else if (step->by == BY_COST)
		say_cost(out, a, b);
	else if (step->by == BY_TIME)
		said_add(out, room, "%s took %llu s, %s %llu.", a->label, (unsigned long long)(a->wall_ms / SECOND_MS), b->label,
			 (unsigned long long)(b->wall_ms / SECOND_MS));
	else if (step->by == BY_MODEL)
		said_add(out, room, "Nothing that was measured tells %s and %s apart; the model that was asked has named %s.",
			 a->label, b->label, a->label);
	else
		said_add(out, room, "Nothing that was measured tells %s and %s apart; the labels decide.", a->label, b->label);
}

void order_make(struct order *order, const char *favourite)
{
	enum order_by by = BY_NOTHING;

	sort(order, favourite);
	order->tied = order->count ? 1 : 0;
	while (order->tied && order->tied < order->count && compare(order, &order->at[0], &order->at[order->tied], &by) == 0)
		order->tied++;
	order->step_count = 0;
	for (size_t i = 0; i + 1 < order->count; i++) {
		struct order_step *step = &order->step[order->step_count++];

		*step = (struct order_step){.better = i, .worse = i + 1};
		compare(order, &order->at[i], &order->at[i + 1], &step->by);
		explain(step, &order->at[i], &order->at[i + 1], favourite);
	}
}
