/* SPDX-License-Identifier: MIT
 *
 * The fast path, and who decides what it leaves.
 */
#include "workspace/merge/text_merge.h"

#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/merge/text_pieces.h"

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

static bool has_lines(const uint8_t *at, size_t bytes, unsigned lines)
{
	const uint8_t *end = at + bytes;

	for (; lines > 0; lines--) {
		const uint8_t *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (!newline)
			return false;
		at = newline + 1;
	}
	return true;
}

/* Does the gap that begins at `end` stand at a line in [begin, end) as well? A long gap is compared by its beginning only, so that
 * files of one line repeated stay linear; where that errs, xdiff decides. */
static bool may_slide(struct bytes text, size_t begin, size_t end, size_t gap_bytes)
{
	const uint8_t *gap = text.at + end, *line = text.at + begin;
	size_t bytes = gap_bytes < STRIDE_BYTES ? gap_bytes : STRIDE_BYTES;

	while (line < gap) {
		if (memcmp(line, gap, bytes) == 0)
			return true;
		line = memchr(line, '\n', (size_t)(gap - line));
		if (!line)
			break;
		line++;
	}
	return false;
}

/* The region of `first` lies before that of the other side. */
static bool lies_apart(struct bytes base, struct bytes first, const struct region *a, const struct region *b)
{
	size_t gap;

	if (b->begin < a->base_end)
		return false;
	gap = b->begin - a->base_end;
	return has_lines(base.at + a->base_end, gap, TEXT_SPLICE_GAP_LINES) && !may_slide(base, a->begin, a->base_end, gap) &&
	       !may_slide(first, a->begin, a->side_end, gap);
}

enum text_outcome text_splice(const struct text_merge *merge, struct text_splice *out_splice)
{
	struct region a, b;

	if (is_equal(merge->ours, merge->theirs) || is_equal(merge->base, merge->theirs))
		return TEXT_OURS;
	if (is_equal(merge->base, merge->ours))
		return TEXT_THEIRS;
	if (any_binary(merge))
		return TEXT_BINARY;
	a = region_of(merge->base, merge->ours);
	b = region_of(merge->base, merge->theirs);
	if (lies_apart(merge->base, merge->ours, &a, &b))
		*out_splice = (struct text_splice){merge->ours, merge->theirs, a.side_end, a.base_end};
	else if (lies_apart(merge->base, merge->theirs, &b, &a))
		*out_splice = (struct text_splice){merge->theirs, merge->ours, b.side_end, b.base_end};
	else
		return TEXT_CONFLICTS;
	return TEXT_SPLICED;
}

/* ---- the rest ---- */

void text_conflicts_release(struct text_conflicts *conflicts)
{
	free(conflicts->at);
	*conflicts = (struct text_conflicts){0};
}

static int append(struct buffer *out, struct bytes text)
{
	return buffer_append(out, text.at, text.bytes);
}

static int append_splice(const struct text_splice *splice, struct buffer *out)
{
	size_t before = out->bytes;
	int rc = buffer_append(out, splice->first.at, splice->first_bytes);

	if (!rc)
		rc = buffer_append(out, splice->second.at + splice->second_at, splice->second.bytes - splice->second_at);
	if (rc)
		out->bytes = before;
	return rc;
}

static git_merge_file_input input_of(struct bytes text)
{
	git_merge_file_input input;

	git_merge_file_input_init(&input, GIT_MERGE_FILE_INPUT_VERSION);
	input.ptr = (const char *)text.at;
	input.size = text.bytes;
	return input;
}

/* libgit2's own merge: half the work of two comparisons through its public functions, and all that is needed without a conflict. */
static int append_merged(const struct text_merge *merge, struct buffer *out, bool *out_is_clean)
{
	git_merge_file_input base = input_of(merge->base), ours = input_of(merge->ours), theirs = input_of(merge->theirs);
	git_merge_file_result result = {0};
	int rc = ERR_MEMORY;

	if (git_merge_file(&result, &base, &ours, &theirs, NULL) < 0)
		return rc;
	*out_is_clean = result.automergeable;
	rc = result.automergeable ? buffer_append(out, result.ptr, result.len) : 0;
	git_merge_file_result_free(&result);
	return rc;
}

static struct text_range range_of(const struct text_lines *lines, struct text_span span)
{
	size_t at = lines->start[span.first];

	return (struct text_range){span.first, span.end - span.first, at, lines->start[span.end] - at};
}

static int conflicts_add(struct text_conflicts *conflicts, const struct text_conflict *conflict)
{
	if (conflicts->count == conflicts->capacity) {
		size_t capacity = conflicts->capacity > 0 ? 2 * conflicts->capacity : 8;
		struct text_conflict *at = realloc(conflicts->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		conflicts->at = at;
		conflicts->capacity = capacity;
	}
	conflicts->at[conflicts->count++] = *conflict;
	return 0;
}

static int append_piece(const struct text_pieces *pieces, const struct text_piece *piece, size_t offset, struct buffer *out,
			struct text_conflicts *conflicts)
{
	struct text_conflict conflict = {.offset = offset};

	if (piece->kind == PIECE_THEIRS)
		return append(out, text_lines_of(&pieces->theirs, piece->theirs));
	if (piece->kind != PIECE_CONFLICT)
		return append(out, text_lines_of(&pieces->ours, piece->ours));
	conflict.base = range_of(&pieces->base, piece->base);
	conflict.ours = range_of(&pieces->ours, piece->ours);
	conflict.theirs = range_of(&pieces->theirs, piece->theirs);
	return conflicts_add(conflicts, &conflict);
}

/* What is decided to `out`, and what is not to `conflicts`. */
static int append_decided(const struct text_merge *merge, struct buffer *out, struct text_conflicts *conflicts)
{
	struct text_pieces pieces = {0};
	size_t before = out->bytes, line = 0;
	int rc = text_pieces_find(merge, &pieces);

	if (rc)
		goto out;
	text_pieces_settle(&pieces);
	for (size_t i = 0; i < pieces.count && !rc; i++) {
		const struct text_piece *piece = &pieces.at[i];
		rc = append(out, text_lines_of(&pieces.ours, (struct text_span){line, piece->ours.first}));
		if (!rc)
			rc = append_piece(&pieces, piece, out->bytes - before, out, conflicts);
		line = piece->ours.end;
	}
	if (!rc)
		rc = append(out, text_lines_of(&pieces.ours, (struct text_span){line, pieces.ours.count}));
	if (!rc && conflicts->count == 0)
		rc = ERR_INTERNAL; /* libgit2 merges otherwise than it compares */
out:
	if (rc)
		out->bytes = before;
	text_pieces_release(&pieces);
	return rc;
}

int text_merge(const struct text_merge *merge, enum text_outcome *out_outcome, struct buffer *out,
	       struct text_conflicts *out_conflicts)
{
	struct text_splice splice;
	enum text_outcome outcome = text_splice(merge, &splice);
	bool is_clean = true;
	int rc = 0;

	out_conflicts->count = 0;
	if (outcome == TEXT_SPLICED)
		rc = append_splice(&splice, out);
	else if (outcome == TEXT_CONFLICTS)
		rc = append_merged(merge, out, &is_clean);
	if (!rc && !is_clean)
		rc = append_decided(merge, out, out_conflicts);
	else if (outcome == TEXT_CONFLICTS)
		outcome = TEXT_MERGED;
	if (rc)
		out_conflicts->count = 0;
	else
		*out_outcome = outcome;
	return rc;
}
