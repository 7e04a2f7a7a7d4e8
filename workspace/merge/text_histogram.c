/* SPDX-License-Identifier: MIT
 *
 * Comparison by histogram: rare lines are where two texts belong together.
 *
 * The old lines of a box are indexed by their number. Walking over the new lines, each old line equal to one is grown to the longest run of equal
 * lines around it; a run is as rare as its rarest line is in the old part. The first run that is longer or rarer than all before it is kept; what lies
 * before and behind it are two new boxes. Lines that occur more often than OCCURRENCES_MAX begin no run: if there are no others, the box goes to Myers.
 *
 * Three rules are there for speed and decide results all the same: a line more frequent than the best run so far is skipped; so are the new
 * lines up to the furthest run from here, and the old ones within the last run.
 */
#include "workspace/merge/text_differ.h"

#define OCCURRENCES_MAX 64u

struct run {
	struct text_span old;
	struct text_span new;
	uint32_t occurrences;
};

struct search {
	struct text_differ *differ;
	struct diff_box box;
	struct run best;
	bool has_common;
};

/* ---- the old lines by number ---- */

static void index_old(struct text_differ *differ, struct text_span old)
{
	for (size_t i = old.end; i-- > old.first;) {
		uint32_t number = differ->old.number[i];
		differ->next[i] = differ->first[number];
		differ->first[number] = (uint32_t)i + 1;
		differ->old_count[number]++;
	}
}

static void unindex_old(struct text_differ *differ, struct text_span old)
{
	for (size_t i = old.first; i < old.end; i++) {
		differ->first[differ->old.number[i]] = 0;
		differ->old_count[differ->old.number[i]] = 0;
	}
}

/* ---- runs ---- */

static bool is_equal(const struct text_differ *differ, size_t old, size_t new)
{
	return differ->old.number[old] == differ->new.number[new];
}

static uint32_t rarer(const struct text_differ *differ, size_t old, uint32_t occurrences)
{
	uint32_t count = differ->old_count[differ->old.number[old]];

	return count < occurrences ? count : occurrences;
}

static struct run run_around(const struct search *search, size_t old, size_t new)
{
	const struct text_differ *differ = search->differ;
	const struct diff_box *box = &search->box;
	struct run run = {{old, old + 1}, {new, new + 1}, differ->old_count[differ->old.number[old]]};

	while (run.old.first > box->old.first &&
	       run.new.first > box->new.first &&is_equal(differ, run.old.first - 1, run.new.first - 1)) {
		run.old.first--;
		run.new.first--;
		run.occurrences = rarer(differ, run.old.first, run.occurrences);
	}
	while (run.old.end < box->old.end && run.new.end < box->new.end &&is_equal(differ, run.old.end, run.new.end)) {
		run.occurrences = rarer(differ, run.old.end, run.occurrences);
		run.old.end++;
		run.new.end++;
	}
	return run;
}

/* Nothing yet counts as a single line, so that one as frequent as is allowed at most does not win. */
static void keep_better(struct run *best, const struct run *run)
{
	size_t longest = text_span_count(best->old) > 0 ? text_span_count(best->old) : 1;

	if (text_span_count(run->old) > longest || run->occurrences < best->occurrences)
		*best = *run;
}

/* All runs through a new line; the next new line to try. */
static size_t try_line(struct search *search, size_t new)
{
	struct text_differ *differ = search->differ;
	uint32_t number = differ->new.number[new], old = differ->first[number];
	size_t next = new + 1;

	if (old == 0)
		return next;
	search->has_common = true;
	if (differ->old_count[number] > search->best.occurrences)
		return next;
	while (old > 0) {
		struct run run = run_around(search, old - 1, new);
		if (next < run.new.end)
			next = run.new.end;
		keep_better(&search->best, &run);
		while (old > 0 && old - 1 < run.old.end)
			old = differ->next[old - 1];
	}
	return next;
}

/* ---- boxes ---- */

static void mark(bool *changed, struct text_span span)
{
	for (size_t i = span.first; i < span.end; i++)
		changed[i] = true;
}

/* If every common line stands in the old part once, and all of them in the same order in both, each run will be taken at last, in whichever order: so all at once.
 * (Otherwise a text with a change in every other line would take a search for each.) */
static bool is_plain(const struct search *search)
{
	const struct text_differ *differ = search->differ;
	uint32_t last = 0;

	for (size_t new = search->box.new.first; new < search->box.new.end; new ++) {
		uint32_t number = differ->new.number[new], old = differ->first[number];
		if (old == 0)
			continue;
		if (differ->old_count[number] > 1 || old <= last)
			return false;
		last = old;
	}
	return true;
}

static void match_plain(const struct search *search)
{
	const struct text_differ *differ = search->differ;

	mark(differ->old.changed, search->box.old);
	for (size_t new = search->box.new.first; new < search->box.new.end; new ++) {
		uint32_t old = differ->first[differ->new.number[new]];
		differ->new.changed[new] = old == 0;
		if (old > 0)
			differ->old.changed[old - 1] = false;
	}
}

/* False: the box is done. */
static bool find_best(struct search *search)
{
	bool is_open;

	index_old(search->differ, search->box.old);
	is_open = !is_plain(search);
	if (!is_open)
		match_plain(search);
	for (size_t new = search->box.new.first; is_open &&new < search->box.new.end;)
		new = try_line(search, new);
	unindex_old(search->differ, search->box.old);
	return is_open;
}

/* Compares a box, or makes two of it; `box` is what is left of it, perhaps nothing. */
static int divide(struct text_differ *differ, struct diff_box *box)
{
	struct search search = {.differ = differ, .box = *box, .best = {.occurrences = OCCURRENCES_MAX + 1}};
	struct diff_box before = *box;

	box->old.first = box->old.end;
	box->new.first = box->new.end;
	if (!find_best(&search))
		return 0;
	if (search.has_common && search.best.occurrences > OCCURRENCES_MAX)
		return diff_myers(differ, &before);
	box->old.first = search.best.old.end;
	box->new.first = search.best.new.end;
	before.old.end = search.best.old.first;
	before.new.end = search.best.new.first;
	return diff_boxes_push(&differ->boxes, before);
}

static int compare(struct text_differ *differ, struct diff_box box)
{
	int rc = 0;

	while (text_span_count(box.old) > 0 && text_span_count(box.new) > 0 && !rc)
		rc = divide(differ, &box);
	mark(differ->old.changed, box.old);
	mark(differ->new.changed, box.new);
	return rc;
}

int diff_histogram(struct text_differ *differ)
{
	struct diff_box whole = {.old = {0, differ->old.count}, .new = {0, differ->new.count}};
	int rc;

	differ->boxes.count = 0;
	rc = diff_boxes_push(&differ->boxes, whole);
	while (!rc && differ->boxes.count > 0)
		rc = compare(differ, differ->boxes.at[--differ->boxes.count]);
	return rc;
}
