/* SPDX-License-Identifier: MIT
 *
 * Comparison by Myers' algorithm with libxdiff's shortcuts, which are part of what git answers.
 *
 * Before: lines that both parts begin or end with are left out; so are lines without counterpart, and, among those, lines with very many.
 * Then a box is cut where the furthest paths from its two corners meet. Once that has cost enough, a cut that is good, or at last any, has to do.
 */
#include <stdlib.h>

#include "workspace/merge/text_differ.h"

#define MANY_MAX       1024u /* a line with so many counterparts always has very many */
#define WINDOW_LINES   100u
#define COST_MIN       256
#define RUN_LINES      20 /* equal lines in a row that are a good sign */
#define PROGRESS_RATIO 4
#define FAR            (INT64_MAX / 4)

/* About the square root of n, from above: a power of two. */
static size_t about_root(size_t n)
{
	size_t root = 1;

	for (; n > 0; n >>= 2)
		root <<= 1;
	return root;
}

/* ---- what is worth to be compared ---- */

enum fate { FATE_GONE, FATE_KEPT, FATE_MANY };

struct kept {
	uint32_t *number;
	uint32_t *line;
	size_t count;
};

/* A line with many counterparts is left out if it stands among lines without any, on both sides of it. The run around it that counts is of lines that
 * may all be left out. */
struct company {
	size_t gone;
	size_t many; /* itself included */
};

static bool meet(struct company *company, uint8_t fate)
{
	company->gone += fate == FATE_GONE;
	company->many += fate == FATE_MANY;
	return fate != FATE_KEPT;
}

static bool is_left_out(const uint8_t *fates, size_t at, size_t count)
{
	size_t first = at > WINDOW_LINES ? at - WINDOW_LINES : 0,
	       last = count - 1 - at > WINDOW_LINES ? at + WINDOW_LINES : count - 1;
	struct company above = {.many = 1}, below = {.many = 1};

	for (size_t i = at; i-- > first && meet(&above, fates[i]);)
		;
	if (above.gone == 0)
		return false;
	for (size_t i = at + 1; i <= last && meet(&below, fates[i]); i++)
		;
	if (below.gone == 0)
		return false;
	return (above.many + below.many) * 4 < above.many + below.many + above.gone + below.gone;
}

/* Of the lines `span` of a side; `whole` is its part of the box, `counterparts` counts lines of the other side's part. */
static int keep(struct diff_side *side, struct text_span span, struct text_span whole, const uint32_t *counterparts,
		struct kept *kept)
{
	size_t count = text_span_count(span), many = about_root(text_span_count(whole));
	uint8_t *fates = malloc(count + 1);

	kept->number = malloc((2 * count + 1) * sizeof(*kept->number));
	if (!fates || !kept->number) {
		free(fates);
		return ERR_MEMORY;
	}
	kept->line = kept->number + count;
	if (many > MANY_MAX)
		many = MANY_MAX;
	for (size_t i = 0; i < count; i++) {
		uint32_t found = counterparts[side->number[span.first + i]];
		fates[i] = found == 0 ? FATE_GONE : found >= many ? FATE_MANY : FATE_KEPT;
	}
	for (size_t i = 0; i < count; i++) {
		if (fates[i] == FATE_GONE || (fates[i] == FATE_MANY && is_left_out(fates, i, count))) {
			side->changed[span.first + i] = true;
		} else {
			kept->number[kept->count] = side->number[span.first + i];
			kept->line[kept->count++] = (uint32_t)(span.first + i);
		}
	}
	free(fates);
	return 0;
}

/* ---- the search ---- */

/* Diagonal d holds the pairs (a, b) with a - b = d. A front says for each how far along a its paths have come. */
struct front {
	int64_t *at;
	int64_t middle;
	int64_t low, high;
	bool had_run; /* of more than RUN_LINES equal lines, in this round */
};

struct search {
	const uint32_t *a, *b;
	int64_t a_first, a_end, b_first, b_end; /* the box */
	int64_t low, high;                      /* its diagonals */
	struct front forward, backward;
	int64_t cost;
	int64_t cost_max;
};

/* Where to cut, and which of the two boxes is still to be taken the shortest way. */
struct cut {
	int64_t a, b;
	bool is_first_thorough, is_second_thorough;
};

/* A round reaches one diagonal further on either side; at the edge of the box one less, so that every other one is reached in each round. */
static void widen(struct front *front, const struct search *search, int64_t outside)
{
	if (front->low > search->low)
		front->at[--front->low - 1] = outside;
	else
		front->low++;
	if (front->high < search->high)
		front->at[++front->high + 1] = outside;
	else
		front->high--;
}

static bool is_reached(const struct front *front, int64_t d)
{
	return front->low <= d && d <= front->high;
}

static bool step_forward(struct search *search, struct cut *cut)
{
	struct front *front = &search->forward;
	bool meets = ((front->middle - search->backward.middle) & 1) != 0;

	widen(front, search, -1);
	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d - 1] >= front->at[d + 1] ? front->at[d - 1] + 1 : front->at[d + 1], from = a;
		while (a < search->a_end && a - d < search->b_end && search->a[a] == search->b[a - d])
			a++;
		front->had_run = front->had_run || a - from > RUN_LINES;
		front->at[d] = a;
		if (meets && is_reached(&search->backward, d) && search->backward.at[d] <= a) {
			*cut = (struct cut){a, a - d, true, true};
			return true;
		}
	}
	return false;
}

static bool step_backward(struct search *search, struct cut *cut)
{
	struct front *front = &search->backward;
	bool meets = ((front->middle - search->forward.middle) & 1) == 0;

	widen(front, search, FAR);
	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d - 1] < front->at[d + 1] ? front->at[d - 1] : front->at[d + 1] - 1, from = a;
		while (a > search->a_first && a - d > search->b_first && search->a[a - 1] == search->b[a - d - 1])
			a--;
		front->had_run = front->had_run || from - a > RUN_LINES;
		front->at[d] = a;
		if (meets && is_reached(&search->forward, d) && a <= search->forward.at[d]) {
			*cut = (struct cut){a, a - d, true, true};
			return true;
		}
	}
	return false;
}

/* ---- a cut that is good enough ---- */

static bool has_run(const struct search *search, int64_t a, int64_t b)
{
	for (int64_t k = 0; k < RUN_LINES; k++)
		if (search->a[a + k] != search->b[b + k])
			return false;
	return true;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The path that has come furthest, less what it strayed, if it is far for its cost and has just passed a run. */
static bool good_forward(const struct search *search, struct cut *cut)
{
	const struct front *front = &search->forward;
	int64_t best = 0;

	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d], b = a - d;
		int64_t progress = (a - search->a_first) + (b - search->b_first) - distance(d, front->middle);
		if (progress <= PROGRESS_RATIO * search->cost || progress <= best || a < search->a_first + RUN_LINES ||
		    a >= search->a_end || b < search->b_first + RUN_LINES || b >= search->b_end ||
		    !has_run(search, a - RUN_LINES, b - RUN_LINES))
			continue;
		best = progress;
		*cut = (struct cut){a, b, true, false};
	}
	return best > 0;
}

static bool good_backward(const struct search *search, struct cut *cut)
{
	const struct front *front = &search->backward;
	int64_t best = 0;

	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d], b = a - d;
		int64_t progress = (search->a_end - a) + (search->b_end - b) - distance(d, front->middle);
		if (progress <= PROGRESS_RATIO * search->cost || progress <= best || a <= search->a_first ||
		    a > search->a_end - RUN_LINES || b <= search->b_first || b > search->b_end - RUN_LINES ||
		    !has_run(search, a, b))
			continue;
		best = progress;
		*cut = (struct cut){a, b, false, true};
	}
	return best > 0;
}

/* ---- any cut ---- */

static int64_t furthest_forward(const struct search *search, int64_t *out_a)
{
	const struct front *front = &search->forward;
	int64_t best = -1;

	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d] < search->a_end ? front->at[d] : search->a_end, b = a - d;
		if (b > search->b_end) {
			b = search->b_end;
			a = b + d;
		}
		if (a + b > best) {
			best = a + b;
			*out_a = a;
		}
	}
	return best;
}

static int64_t furthest_backward(const struct search *search, int64_t *out_a)
{
	const struct front *front = &search->backward;
	int64_t best = FAR;

	for (int64_t d = front->high; d >= front->low; d -= 2) {
		int64_t a = front->at[d] > search->a_first ? front->at[d] : search->a_first, b = a - d;
		if (b < search->b_first) {
			b = search->b_first;
			a = b + d;
		}
		if (a + b < best) {
			best = a + b;
			*out_a = a;
		}
	}
	return best;
}

static void any_cut(const struct search *search, struct cut *cut)
{
	int64_t forward_a = 0, backward_a = 0;
	int64_t forward = furthest_forward(search, &forward_a), backward = furthest_backward(search, &backward_a);

	if (search->a_end + search->b_end - backward < forward - (search->a_first + search->b_first))
		*cut = (struct cut){forward_a, forward - forward_a, true, false};
	else
		*cut = (struct cut){backward_a, backward - backward_a, false, true};
}

/* ---- boxes ---- */

static void begin(struct search *search, const struct diff_box *box)
{
	search->a_first = (int64_t)box->old.first;
	search->a_end = (int64_t)box->old.end;
	search->b_first = (int64_t)box->new.first;
	search->b_end = (int64_t)box->new.end;
	search->low = search->a_first - search->b_end;
	search->high = search->a_end - search->b_first;
	search->forward.middle = search->forward.low = search->forward.high = search->a_first - search->b_first;
	search->backward.middle = search->backward.low = search->backward.high = search->a_end - search->b_end;
	search->forward.at[search->forward.middle] = search->a_first;
	search->backward.at[search->backward.middle] = search->a_end;
}

static struct cut cut_of(struct search *search, const struct diff_box *box)
{
	struct cut cut;

	begin(search, box);
	for (search->cost = 1;; search->cost++) {
		bool had_run;
		search->forward.had_run = search->backward.had_run = false;
		if (step_forward(search, &cut) || step_backward(search, &cut))
			return cut;
		had_run = search->forward.had_run || search->backward.had_run;
		if (box->is_thorough)
			continue;
		if (had_run && search->cost > COST_MIN && (good_forward(search, &cut) || good_backward(search, &cut)))
			return cut;
		if (search->cost >= search->cost_max) {
			any_cut(search, &cut);
			return cut;
		}
	}
}

static void shrink(const struct search *search, struct diff_box *box)
{
	while (box->old.first < box->old.end && box->new.first < box->new.end &&
	       search->a[box->old.first] == search->b[box->new.first]) {
		box->old.first++;
		box->new.first++;
	}
	while (box->old.first < box->old.end && box->new.first < box->new.end &&
	       search->a[box->old.end - 1] == search->b[box->new.end - 1]) {
		box->old.end--;
		box->new.end--;
	}
}

static void mark(bool *changed, const struct kept *kept, struct text_span span)
{
	for (size_t i = span.first; i < span.end; i++)
		changed[kept->line[i]] = true;
}

/* The box and all that it is cut into; those above `floor` are ours. */
static int compare(struct text_differ *differ, struct search *search, const struct kept *a, const struct kept *b)
{
	size_t floor = differ->boxes.count;
	struct diff_box whole = {.old = {0, a->count}, .new = {0, b->count}};
	int rc = diff_boxes_push(&differ->boxes, whole);

	while (!rc && differ->boxes.count > floor) {
		struct diff_box box = differ->boxes.at[--differ->boxes.count], second;
		struct cut cut;
		shrink(search, &box);
		if (text_span_count(box.old) == 0 || text_span_count(box.new) == 0) {
			mark(differ->old.changed, a, box.old);
			mark(differ->new.changed, b, box.new);
			continue;
		}
		cut = cut_of(search, &box);
		second = (struct diff_box){{(size_t)cut.a, box.old.end}, {(size_t)cut.b, box.new.end}, cut.is_second_thorough};
		rc = diff_boxes_push(&differ->boxes, second);
		box = (struct diff_box){{box.old.first, (size_t)cut.a}, {box.new.first, (size_t)cut.b}, cut.is_first_thorough};
		if (!rc)
			rc = diff_boxes_push(&differ->boxes, box);
	}
	return rc;
}

static int search_in(struct text_differ *differ, const struct kept *a, const struct kept *b)
{
	size_t diagonals = a->count + b->count + 3;
	struct search search = {.a = a->number, .b = b->number, .cost_max = (int64_t)about_root(diagonals)};
	int64_t *fronts = malloc((2 * diagonals + 2) * sizeof(*fronts));
	int rc;

	if (!fronts)
		return ERR_MEMORY;
	if (search.cost_max < COST_MIN)
		search.cost_max = COST_MIN;
	search.forward.at = fronts + b->count + 1;
	search.backward.at = fronts + diagonals + b->count + 1;
	rc = compare(differ, &search, a, b);
	free(fronts);
	return rc;
}

static struct diff_box trim(const struct text_differ *differ, const struct diff_box *box)
{
	struct search search = {.a = differ->old.number, .b = differ->new.number};
	struct diff_box inner = *box;

	shrink(&search, &inner);
	return inner;
}

static void count(const struct diff_side *side, struct text_span span, uint32_t *counts, bool forget)
{
	for (size_t i = span.first; i < span.end; i++)
		counts[side->number[i]] = forget ? 0 : counts[side->number[i]] + 1;
}

int diff_myers(struct text_differ *differ, const struct diff_box *box)
{
	struct diff_box inner = trim(differ, box);
	struct kept a = {0}, b = {0};
	int rc;

	count(&differ->old, box->old, differ->old_count, false);
	count(&differ->new, box->new, differ->new_count, false);
	rc = keep(&differ->old, inner.old, box->old, differ->new_count, &a);
	if (!rc)
		rc = keep(&differ->new, inner.new, box->new, differ->old_count, &b);
	count(&differ->old, box->old, differ->old_count, true);
	count(&differ->new, box->new, differ->new_count, true);
	if (!rc)
		rc = search_in(differ, &a, &b);
	free(a.number);
	free(b.number);
	return rc;
}
