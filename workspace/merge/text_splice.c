/* SPDX-License-Identifier: MIT
 *
 * The fast path: is it certain, without comparing, that the two sides changed different places?
 *
 * What has to be certain is that git's comparison of each side with the base finds changes within its region only. Let the base be P R Q and the side
 * P S Q, with nothing more in common at the beginning or the end. If no line of R or S stands in P or Q, an equal pair of lines lies either in R
 * and S, or in P and Q of both.
 *
 * Histogram. A run of equal lines cannot leave R and S, since it would have to pass a line that is only there. The first line of P that is looked at has its
 * first counterpart at its own place (an earlier one would have been looked at before, being as frequent), and the run through it is all of P; for
 * Q likewise. Any other run within P or Q of one text consists of lines of P or of Q: it is no longer and no rarer, and comes later, so it is not taken. What
 * is left after a run was taken, P, Q or one in R and S, is such a text again. The one way out is a run over the seam where P and Q meet,
 * which they do in one text if R or S is empty; it takes the last line of P to stand in Q, or the first of Q in P, so these are looked
 * for as well.
 *
 * Myers. P and Q are cut off before anything else.
 *
 * Moving changes. A change goes down over a line that equals its first one, and up over one that equals its last: both lie in R or S,
 * and the line at its border does not.
 *
 * So with a line of the base between the two regions, the result is the beginning of one side and the rest of the other. Lines are looked
 * for by a hash: where that errs, only time is lost.
 */
#include <string.h>

#include "workspace/merge/text_lines.h"
#include "workspace/merge/text_merge.h"

#define STRIDE_BYTES 256u

static bool is_equal(struct bytes a, struct bytes b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

static bool is_binary(struct bytes text)
{
	size_t bytes = text.bytes < TEXT_BINARY_BYTES ? text.bytes : TEXT_BINARY_BYTES;

	return text.bytes > TEXT_MAX_BYTES || (bytes > 0 && memchr(text.at, 0, bytes));
}

static bool any_binary(const struct text_merge *merge)
{
	return is_binary(merge->base) || is_binary(merge->ours) || is_binary(merge->theirs);
}

/* ---- what a side has in common with the base ---- */

/* How many bytes are equal from `a` and `b` on. memcmp finds the stretch at the speed of memory, the loop the byte. */
static size_t common_forward(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t n = 0;

	while (n + STRIDE_BYTES <= most && memcmp(a + n, b + n, STRIDE_BYTES) == 0)
		n += STRIDE_BYTES;
	for (uint64_t x, y; n + sizeof(x) <= most; n += sizeof(x)) {
		memcpy(&x, a + n, sizeof(x));
		memcpy(&y, b + n, sizeof(y));
		if (x != y)
			break;
	}
	while (n < most && a[n] == b[n])
		n++;
	return n;
}

/* The same backwards, from before `a` and `b`. */
static size_t common_backward(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t n = 0;

	while (n + STRIDE_BYTES <= most && memcmp(a - n - STRIDE_BYTES, b - n - STRIDE_BYTES, STRIDE_BYTES) == 0)
		n += STRIDE_BYTES;
	for (uint64_t x, y; n + sizeof(x) <= most; n += sizeof(x)) {
		memcpy(&x, a - n - sizeof(x), sizeof(x));
		memcpy(&y, b - n - sizeof(y), sizeof(y));
		if (x != y)
			break;
	}
	while (n < most && a[-1 - (ptrdiff_t)n] == b[-1 - (ptrdiff_t)n])
		n++;
	return n;
}

/* The part of the base that a side changed, in whole lines: base [begin, base_end) has become side [begin, side_end). */
struct region {
	size_t begin;
	size_t base_end;
	size_t side_end;
};

static bool begins_line(struct bytes text, size_t at, size_t begin)
{
	return at == begin || text.at[at - 1] == '\n';
}

/* As many lines as possible at the beginning, then at the end: what xdiff itself leaves out. `base` and `side` differ. */
static struct region region_of(struct bytes base, struct bytes side)
{
	size_t least = base.bytes < side.bytes ? base.bytes : side.bytes;
	size_t begin = least > 0 ? common_forward(base.at, side.at, least) : 0;
	const uint8_t *newline = begin > 0 ? memrchr(base.at, '\n', begin) : NULL;
	size_t tail;

	begin = newline ? (size_t)(newline - base.at) + 1 : 0;
	tail = least > begin ? common_backward(base.at + base.bytes, side.at + side.bytes, least - begin) : 0;
	if (tail > 0 && !(begins_line(base, base.bytes - tail, begin) && begins_line(side, side.bytes - tail, begin))) {
		newline = memchr(base.at + base.bytes - tail, '\n', tail);
		tail = newline ? (size_t)(base.at + base.bytes - newline) - 1 : 0;
	}
	return (struct region){.begin = begin, .base_end = base.bytes - tail, .side_end = side.bytes - tail};
}

/* ---- may they be spliced ---- */

#define FILTER_BITS 4096u

/* Lines that were seen, or perhaps not. */
struct filter {
	uint64_t bits[FILTER_BITS / 64];
};

/* What must stand neither before nor behind a region, besides its own lines those at its seam. */
struct guard {
	struct region region;
	struct filter before;
	struct filter after;
};

static unsigned key_of(const uint8_t *line, size_t bytes)
{
	return (unsigned)(text_line_hash(line, bytes) % FILTER_BITS);
}

static void filter_add(struct filter *filter, const uint8_t *line, size_t bytes)
{
	unsigned key = key_of(line, bytes);

	filter->bits[key / 64] |= (uint64_t)1 << key % 64;
}

static bool filter_has(const struct filter *filter, unsigned key)
{
	return filter->bits[key / 64] >> key % 64 & 1;
}

/* Behind the line that begins at `at`. */
static size_t line_end(struct bytes text, size_t at)
{
	const uint8_t *newline = memchr(text.at + at, '\n', text.bytes - at);

	return newline ? (size_t)(newline - text.at) + 1 : text.bytes;
}

static void guard_lines(struct guard *guard, struct bytes text, size_t begin, size_t end)
{
	for (size_t at = begin, next; at < end; at = next) {
		next = line_end(text, at);
		filter_add(&guard->before, text.at + at, next - at);
		filter_add(&guard->after, text.at + at, next - at);
	}
}

static void guard_seam(struct guard *guard, struct bytes base)
{
	size_t end = guard->region.begin;

	if (guard->region.base_end < base.bytes) {
		size_t at = guard->region.base_end;
		filter_add(&guard->before, base.at + at, line_end(base, at) - at);
	}
	if (end > 0) {
		const uint8_t *newline = end > 1 ? memrchr(base.at, '\n', end - 1) : NULL;
		size_t at = newline ? (size_t)(newline - base.at) + 1 : 0;
		filter_add(&guard->after, base.at + at, end - at);
	}
}

static void guard_init(struct guard *guard, struct bytes base, struct bytes side)
{
	const struct region *region = &guard->region;

	memset(guard, 0, sizeof(*guard));
	guard->region = region_of(base, side);
	guard_lines(guard, base, region->begin, region->base_end);
	guard_lines(guard, side, region->begin, region->side_end);
	if (region->base_end == region->begin || region->side_end == region->begin)
		guard_seam(guard, base);
}

static bool allows(const struct guard *guard, size_t at, unsigned key)
{
	if (at < guard->region.begin)
		return !filter_has(&guard->before, key);
	return at < guard->region.base_end || !filter_has(&guard->after, key);
}

/* Nothing that one of the two regions holds stands elsewhere in the base. */
static bool are_certain(struct bytes base, const struct guard *a, const struct guard *b)
{
	for (size_t at = 0, next; at < base.bytes; at = next) {
		unsigned key;
		next = line_end(base, at);
		key = key_of(base.at + at, next - at);
		if (!allows(a, at, key) || !allows(b, at, key))
			return false;
	}
	return true;
}

enum text_outcome text_splice(const struct text_merge *merge, struct text_splice *out_splice)
{
	struct guard ours, theirs;
	const struct region *a = &ours.region, *b = &theirs.region;

	if (is_equal(merge->ours, merge->theirs) || is_equal(merge->base, merge->theirs))
		return TEXT_OURS;
	if (is_equal(merge->base, merge->ours))
		return TEXT_THEIRS;
	if (any_binary(merge))
		return TEXT_BINARY;
	guard_init(&ours, merge->base, merge->ours);
	guard_init(&theirs, merge->base, merge->theirs);
	if (a->base_end >= b->begin && b->base_end >= a->begin)
		return TEXT_CONFLICTS;
	if (!are_certain(merge->base, &ours, &theirs))
		return TEXT_CONFLICTS;
	*out_splice = a->base_end < b->begin ? (struct text_splice){merge->ours, merge->theirs, a->side_end, a->base_end}
					     : (struct text_splice){merge->theirs, merge->ours, b->side_end, b->base_end};
	return TEXT_SPLICED;
}

int text_splice_append(const struct text_splice *splice, struct buffer *out)
{
	size_t before = out->bytes;
	int rc = buffer_append(out, splice->first.at, splice->first_bytes);

	if (!rc)
		rc = buffer_append(out, splice->second.at + splice->second_at, splice->second.bytes - splice->second_at);
	if (rc)
		out->bytes = before;
	return rc;
}
