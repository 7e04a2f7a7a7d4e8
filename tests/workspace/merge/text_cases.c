/* SPDX-License-Identifier: MIT
 *
 * A document is a list of line numbers out of a vocabulary that fits the purpose: few different lines, or a pattern repeated, where
 * a diff has choices; different ones, where it has none. Both sides begin as the base, or as the base with a change that they share.
 */
#include "tests/workspace/merge/text_cases.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX   1200u
#define LONG_BYTES  5000u
#define FIRST_PLAIN 12u /* line numbers below are the special ones */

struct document {
	uint16_t lines[LINES_MAX];
	size_t count;
	bool is_open; /* the last line has no newline */
	bool is_code;
};

struct chance {
	uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(struct chance *chance, size_t limit)
{
	return limit > 0 ? next(chance) % limit : 0;
}

static bool one_in(struct chance *chance, size_t n)
{
	return below(chance, n) == 0;
}

/* ---- what lines there are ---- */

struct style {
	size_t words;  /* how many different lines; 0: all different */
	size_t period; /* the base repeats after so many lines; 0: it does not */
	int ending;    /* 0 LF, 1 CRLF, 2 by line */
	bool specials;
	uint16_t fresh; /* the next line that was nowhere before */
};

static uint16_t line_of(struct chance *chance, struct style *style)
{
	if (style->specials && one_in(chance, 6))
		return (uint16_t)below(chance, FIRST_PLAIN);
	if (style->words == 0 || one_in(chance, 12))
		return style->fresh++;
	return (uint16_t)(FIRST_PLAIN + below(chance, style->words));
}

static size_t print_line(uint16_t line, char *text, size_t size)
{
	static const char *const specials[FIRST_PLAIN] = {
		"", "}", "\t", "<<<<<<< ours", "=======", ">>>>>>> theirs", "|||||||", "<<<<<<<<<<<", " ", "\r", "--", NULL};

	if (line >= FIRST_PLAIN)
		return (size_t)snprintf(text, size, line % 3 == 0 ? "%u" : "\tline %u of some length;", line);
	if (specials[line])
		return (size_t)snprintf(text, size, "%s", specials[line]);
	memset(text, 'x', LONG_BYTES);
	return LONG_BYTES;
}

/* Blank lines, and some indented by nothing up to more than git counts. */
static size_t print_code(uint16_t line, char *text, size_t size)
{
	static const char *const blanks[] = {"", " ", "\t\t", "\r", "    "};
	static const char *const indents[] = {"", "", "\t", "    ", "\t\t", "  \t", "        ", " "};

	if (line < 5)
		return (size_t)snprintf(text, size, "%s", blanks[line]);
	if (line % 11 == 0)
		return (size_t)snprintf(text, size, "%*sdeep%u", 185 + line / 11 % 6 * 5, "", line);
	return (size_t)snprintf(text, size, "%s%c%u", indents[line % 8], line % 3 == 0 ? '}' : 'w', line);
}

static struct bytes render(const struct document *document, int ending)
{
	static char text[LINES_MAX * (LONG_BYTES + 2) + LONG_BYTES];
	size_t bytes = 0;
	uint8_t *at;

	for (size_t i = 0; i < document->count; i++) {
		assert(bytes + LONG_BYTES + 2 <= sizeof(text));
		if (document->is_code)
			bytes += print_code(document->lines[i], text + bytes, sizeof(text) - bytes);
		else
			bytes += print_line(document->lines[i], text + bytes, sizeof(text) - bytes);
		if (i + 1 == document->count && document->is_open)
			break;
		if (ending == 1 || (ending == 2 && document->lines[i] % 2))
			text[bytes++] = '\r';
		text[bytes++] = '\n';
	}
	at = malloc(bytes > 0 ? bytes : 1);
	assert(at);
	memcpy(at, text, bytes);
	return (struct bytes){.at = at, .bytes = (uint32_t)bytes};
}

/* ---- changes ---- */

static void insert(struct document *document, size_t at, const uint16_t *lines, size_t count)
{
	if (document->count + count > LINES_MAX)
		return;
	memmove(&document->lines[at + count], &document->lines[at], (document->count - at) * sizeof(*lines));
	memcpy(&document->lines[at], lines, count * sizeof(*lines));
	document->count += count;
}

static void cut(struct document *document, size_t at, size_t count)
{
	memmove(&document->lines[at], &document->lines[at + count], (document->count - at - count) * sizeof(document->lines[0]));
	document->count -= count;
}

static void insert_new(struct document *document, struct chance *chance, struct style *style, size_t at, size_t count)
{
	uint16_t lines[16];

	for (size_t i = 0; i < count; i++)
		lines[i] = line_of(chance, style);
	insert(document, at, lines, count);
}

/* A block from anywhere, put to `at`; taken away where it was, or not. */
static void move_block(struct document *document, struct chance *chance, size_t at, bool keeps)
{
	size_t from = below(chance, document->count), count = 1 + below(chance, 8);
	uint16_t lines[8];

	if (count > document->count - from)
		count = document->count - from;
	memcpy(lines, &document->lines[from], count * sizeof(lines[0]));
	if (!keeps) {
		cut(document, from, count);
		at = at > document->count ? document->count : at;
	}
	insert(document, at, lines, count);
}

static void change_at(struct document *document, struct chance *chance, struct style *style, size_t at)
{
	size_t count = one_in(chance, 3) ? 1 + below(chance, 6) : 1;

	if (at > document->count)
		at = document->count;
	if (count > document->count - at)
		count = document->count - at;
	switch (below(chance, 8)) {
	case 0:
	case 1:
		insert_new(document, chance, style, at, 1 + below(chance, 4));
		break;
	case 2:
	case 3:
		cut(document, at, count);
		break;
	case 4:
		move_block(document, chance, at, one_in(chance, 2));
		break;
	default:
		cut(document, at, count);
		insert_new(document, chance, style, at, 1 + below(chance, 3));
	}
}

/* Near a line that both sides know, so that the gap between them is mostly 0 to 6 lines; at an end; or anywhere. */
static size_t place(struct chance *chance, const struct document *document, size_t focus)
{
	switch (below(chance, 8)) {
	case 0:
		return 0;
	case 1:
		return document->count;
	case 2:
	case 3:
		return below(chance, document->count + 1);
	default:
		return focus + below(chance, 9) > document->count ? document->count : focus + below(chance, 9);
	}
}

static void change(struct document *document, struct chance *chance, struct style *style, size_t focus)
{
	for (size_t edits = one_in(chance, 2) ? 1 : 1 + below(chance, 4); edits > 0; edits--)
		change_at(document, chance, style, place(chance, document, focus));
	if (one_in(chance, 20))
		document->is_open = !document->is_open;
}

/* ---- a case ---- */

static struct style style_of(struct chance *chance)
{
	static const size_t words[] = {0, 0, 0, 1, 2, 3, 5, 20};
	struct style style = {.words = words[below(chance, 8)], .fresh = 1000};

	style.period = one_in(chance, 5) ? 1 + below(chance, 4) : 0;
	style.ending = one_in(chance, 6) ? 1 + (int)below(chance, 2) : 0;
	style.specials = one_in(chance, 4);
	return style;
}

static void begin(struct document *document, struct chance *chance, struct style *style, size_t count)
{

	document->count = 0;
	for (size_t i = 0; i < count; i++)
		document->lines[document->count++] =
			style->period > 0 && i >= style->period ? document->lines[i - style->period] : line_of(chance, style);
	document->is_open = one_in(chance, 12);
}

static size_t length_of(struct chance *chance)
{
	static const size_t most[] = {3, 12, 12, 30, 30, 30, 60, 60};

	return one_in(chance, 200) ? 300 + below(chance, 600) : below(chance, most[below(chance, 8)] + 1);
}

/* A NUL somewhere about the place where git stops to look for one, or early. */
static void plant_nul(struct bytes *text, struct chance *chance)
{
	size_t at = one_in(chance, 2) ? TEXT_BINARY_BYTES - 2 + below(chance, 4) : below(chance, text->bytes);

	if (at < text->bytes) {
		uint8_t *copy = malloc(text->bytes);
		assert(copy);
		memcpy(copy, text->at, text->bytes);
		copy[at] = 0;
		free((void *)(uintptr_t)text->at);
		text->at = copy;
	}
}

static struct text_merge case_of(struct chance *chance, struct style *style, size_t lines, size_t rounds)
{
	static struct document base, ours, theirs;
	struct text_merge merge = {.algorithm = TEXT_MYERS};
	size_t focus;

	begin(&base, chance, style, lines);
	focus = below(chance, base.count + 1);
	ours = base;
	if (one_in(chance, 5))
		change(&ours, chance, style, focus);
	theirs = ours;
	for (size_t i = 0; i < rounds && !one_in(chance, 40); i++)
		change(&ours, chance, style, focus);
	for (size_t i = 0; i < rounds && !one_in(chance, 40); i++)
		change(&theirs, chance, style, focus);
	merge.base = render(&base, style->ending);
	merge.ours = render(&ours, style->ending == 1 && one_in(chance, 30) ? 0 : style->ending);
	merge.theirs = render(&theirs, style->ending);
	return merge;
}

struct text_merge text_case_new(uint64_t number)
{
	struct chance chance = {number * 0xd1342543de82ef95u};
	struct style style = style_of(&chance);
	struct text_merge merge = case_of(&chance, &style, length_of(&chance), 1);

	if (one_in(&chance, 150))
		plant_nul(one_in(&chance, 2) ? &merge.theirs : one_in(&chance, 2) ? &merge.ours : &merge.base, &chance);
	return merge;
}

struct text_merge text_case_new_long(uint64_t number)
{
	static const size_t words[] = {0, 1, 2, 5, 20, 20, 60, 200};
	struct chance chance = {number * 0xd1342543de82ef95u + 1};
	struct style style = {.words = words[below(&chance, 8)], .fresh = 1000};

	if (one_in(&chance, 6))
		style.period = 1 + below(&chance, 40);
	return case_of(&chance, &style, 100 + below(&chance, 800), 1 + below(&chance, one_in(&chance, 2) ? 4 : 40));
}

/* ---- code ---- */

static void fill_code(struct document *document, struct chance *chance)
{
	size_t words = 10 + below(chance, 200), count = 5 + below(chance, one_in(chance, 4) ? 400 : 60);

	document->count = 0;
	document->is_code = true;
	document->is_open = false;
	while (document->count < count) {
		size_t repeats = one_in(chance, 40) ? 10 + below(chance, 20) : one_in(chance, 60) ? 150 : 1;
		uint16_t line = (uint16_t)(one_in(chance, 4) ? below(chance, 5) : 5 + below(chance, words));
		for (size_t i = 0; i < repeats; i++)
			document->lines[document->count++] = line;
	}
}

/* A block put in before or behind itself, which leaves it open where it was put in; or taken away beside one like it. */
static void double_block(struct document *document, struct chance *chance)
{
	size_t from = below(chance, document->count), most = one_in(chance, 3) ? 130 : 12, count = 1 + below(chance, most);
	uint16_t lines[130];

	if (count > document->count - from)
		count = document->count - from;
	memcpy(lines, &document->lines[from], count * sizeof(lines[0]));
	for (size_t i = one_in(chance, 6) ? 3 : 1; i > 0; i--)
		insert(document, from, lines, count);
}

struct text_merge text_case_new_code(uint64_t number)
{
	static struct document base, ours, theirs;
	struct chance chance = {number * 0xd1342543de82ef95u + 4};
	struct style style = {.words = 20, .fresh = 1000};
	struct text_merge merge = {.algorithm = TEXT_HISTOGRAM};

	fill_code(&base, &chance);
	ours = theirs = base;
	for (size_t i = 1 + below(&chance, 3); i > 0; i--)
		double_block(&ours, &chance);
	if (one_in(&chance, 3))
		change(&ours, &chance, &style, below(&chance, ours.count));
	double_block(&theirs, &chance);
	if (one_in(&chance, 2)) {
		struct document other = base;
		base = ours;
		ours = other;
	}
	merge.base = render(&base, 0);
	merge.ours = render(&ours, 0);
	merge.theirs = render(&theirs, 0);
	return merge;
}

/* ---- large ones ---- */

/* Some stretches are common, most lines are not, or stand elsewhere. */
static struct bytes print_far(struct chance *chance, size_t lines, size_t words, uint64_t shared_seed)
{
	struct chance shared = {shared_seed};
	char *text = malloc(lines * 16);
	size_t bytes = 0, run = 0;
	bool is_shared = false;

	assert(text);
	for (size_t i = 0; i < lines; i++) {
		uint64_t common = next(&shared) % words, own = next(chance) % words;
		if (run-- == 0) {
			is_shared = one_in(chance, 2);
			run = below(chance, is_shared ? 120 : 40);
		}
		bytes += (size_t)sprintf(text + bytes, "%x\n", (unsigned)(is_shared ? common : own));
	}
	return (struct bytes){.at = (uint8_t *)text, .bytes = (uint32_t)bytes};
}

struct text_merge text_case_new_far(uint64_t number)
{
	struct chance chance = {number * 0xd1342543de82ef95u + 5};
	size_t lines = number % 2 ? 1500 + below(&chance, 3000) : 45000 + below(&chance, 4000);
	size_t words = lines * (number % 2 ? 1 + below(&chance, 20) : 2 + below(&chance, 5)) / 10;
	struct text_merge merge = {.algorithm = TEXT_MYERS};

	merge.base = print_far(&chance, lines, words, number);
	merge.ours = print_far(&chance, lines, words, number);
	merge.theirs = (struct bytes){.at = malloc(1), .bytes = 0};
	return merge;
}

/* A document out of single letters, and a side that replaces, removes or inserts up to three lines at one place. */
static void side_near(struct document *side, struct chance *chance, size_t words)
{
	size_t at = below(chance, side->count + 1), removed = below(chance, 4), added = below(chance, 4);
	uint16_t lines[4];

	removed = removed > side->count - at ? side->count - at : removed;
	for (size_t i = 0; i < added; i++)
		lines[i] = (uint16_t)(one_in(chance, 4) ? FIRST_PLAIN + below(chance, words) : 1000 + below(chance, 3));
	cut(side, at, removed);
	insert(side, at, lines, added);
}

struct text_merge text_case_new_near(uint64_t number)
{
	static struct document base, ours, theirs;
	struct chance chance = {number * 0xd1342543de82ef95u + 2};
	size_t words = 1 + below(&chance, 5), count = 1 + below(&chance, 14);
	struct text_merge merge = {.algorithm = number % 2 ? TEXT_HISTOGRAM : TEXT_MYERS};

	base.count = 0;
	base.is_open = one_in(&chance, 12);
	for (size_t i = 0; i < count; i++)
		base.lines[base.count++] = (uint16_t)(one_in(&chance, 4) ? 2000 + i : FIRST_PLAIN + below(&chance, words));
	ours = theirs = base;
	side_near(&ours, &chance, words);
	side_near(&theirs, &chance, words);
	merge.base = render(&base, 0);
	merge.ours = render(&ours, 0);
	merge.theirs = render(&theirs, 0);
	return merge;
}

void text_case_free(struct text_merge *merge)
{
	free((void *)(uintptr_t)merge->base.at);
	free((void *)(uintptr_t)merge->ours.at);
	free((void *)(uintptr_t)merge->theirs.at);
}
