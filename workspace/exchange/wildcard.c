/* SPDX-License-Identifier: MIT
 *
 * Reading a pattern into steps, and following a path through them.
 */
#include "workspace/exchange/wildcard.h"

#include <string.h>

/* ---- classes ---- */

struct reading {
	const uint8_t *at, *end; /* the byte behind the end counts as 0, as it does to git */
};

static unsigned byte_at(const struct reading *reading, size_t offset)
{
	return offset < (size_t)(reading->end - reading->at) ? reading->at[offset] : 0;
}

static void set_add(struct wildcard_set *set, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 256; c++)
		set->bits[c / 32] |= 1u << c % 32;
}

static bool set_has(const struct wildcard_set *set, unsigned c)
{
	return set->bits[c / 32] >> c % 32 & 1;
}

/* Names of classes and their ranges of ASCII; nothing above belongs to any. */
static const struct {
	const char *name;
	const char *ranges;
} names[] = {
	{"alnum", "09AZaz"},   {"alpha", "AZaz"},       {"blank", "\t\t  "}, {"cntrl", "\1\x1f\x7f\x7f"},
	{"digit", "09"},       {"graph", "!~"},         {"lower", "az"},     {"print", " ~"},
	{"punct", "!/:@[`{~"}, {"space", "\t\n\r\r  "}, {"upper", "AZ"},     {"xdigit", "09AFaf"},
};

static bool set_add_named(struct wildcard_set *set, const uint8_t *name, size_t bytes)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i].name) != bytes || memcmp(names[i].name, name, bytes) != 0)
			continue;
		for (const char *range = names[i].ranges; *range; range += 2)
			set_add(set, (uint8_t)range[0], (uint8_t)range[1]);
		return true;
	}
	return false;
}

/* "[:" stands at reading->at. True: a name was read, or there is none and "[" means itself; false: the pattern is broken. */
static bool read_named(struct reading *reading, struct wildcard_set *set, unsigned *out_last)
{
	const uint8_t *name = reading->at + 2,
		      *close = name < reading->end ? memchr(name, ']', (size_t)(reading->end - name)) : NULL;

	if (!close)
		return false;
	if (close == name || close[-1] != ':') {
		set_add(set, '[', '[');
		*out_last = '[';
		reading->at++;
		return true;
	}
	*out_last = 0;
	if (!set_add_named(set, name, (size_t)(close - 1 - name)))
		return false;
	reading->at = close + 1;
	return true;
}

static bool read_range(struct reading *reading, struct wildcard_set *set, unsigned from)
{
	size_t skip = byte_at(reading, 1) == '\\' ? 2 : 1;
	unsigned to = byte_at(reading, skip);

	if (!to)
		return false;
	set_add(set, from, to);
	reading->at += skip + 1;
	return true;
}

/* One member of a class. `*last` is what a range would begin with. */
static bool read_member(struct reading *reading, struct wildcard_set *set, unsigned *last)
{
	unsigned c = byte_at(reading, 0), next = byte_at(reading, 1), from = *last;

	if (!c)
		return false;
	if (c == '-' && from && next && next != ']') {
		*last = 0;
		return read_range(reading, set, from);
	}
	if (c == '[' && next == ':')
		return read_named(reading, set, last);
	if (c == '\\') {
		reading->at++;
		c = next;
		if (!c)
			return false;
	}
	set_add(set, c, c);
	*last = c;
	reading->at++;
	return true;
}

/* Behind "[". A "]" that comes first is a member. */
static bool read_class(struct reading *reading, struct wildcard_set *set)
{
	bool negated = byte_at(reading, 0) == '!' || byte_at(reading, 0) == '^';
	unsigned last = 0;

	memset(set, 0, sizeof(*set));
	reading->at += negated;
	do
		if (!read_member(reading, set, &last))
			return false;
	while (byte_at(reading, 0) != ']');
	reading->at++;
	for (unsigned i = 0; negated && i < 8; i++)
		set->bits[i] = ~set->bits[i];
	set->bits['/' / 32] &= ~(1u << '/' % 32);
	return true;
}

/* ---- patterns ---- */

/* Stars stand at reading->at. */
static struct wildcard_step read_stars(struct reading *reading, bool is_bounded)
{
	size_t stars = 0;

	while (byte_at(reading, stars) == '*')
		stars++;
	reading->at += stars;
	if (stars == 1 || !is_bounded)
		return (struct wildcard_step){.kind = WILD_STAR};
	if (byte_at(reading, 0) == '/') {
		reading->at++;
		return (struct wildcard_step){.kind = WILD_FOLDER};
	}
	if (reading->at == reading->end || (byte_at(reading, 0) == '\\' && byte_at(reading, 1) == '/'))
		return (struct wildcard_step){.kind = WILD_DEEP};
	return (struct wildcard_step){.kind = WILD_STAR};
}

static struct wildcard_step read_bracket(struct reading *reading, struct wildcard_set *sets, uint16_t number)
{
	reading->at++;
	if (read_class(reading, &sets[number]))
		return (struct wildcard_step){.kind = WILD_CLASS, .set = number};
	reading->at = reading->end;
	return (struct wildcard_step){.kind = WILD_NEVER};
}

static struct wildcard_step read_step(struct reading *reading, bool is_bounded, struct wildcard_set *sets, uint16_t *set_count)
{
	struct wildcard_step step = {.kind = WILD_BYTE, .byte = *reading->at};

	switch (*reading->at) {
	case '*':
		return read_stars(reading, is_bounded);
	case '[':
		return read_bracket(reading, sets, (*set_count)++);
	case '?':
		step.kind = WILD_ANY;
		break;
	case '\\':
		reading->at++;
		step.byte = (uint8_t)byte_at(reading, 0);
		if (reading->at == reading->end)
			return (struct wildcard_step){.kind = WILD_NEVER};
		break;
	}
	reading->at++;
	return step;
}

void wildcard_read(const char *pattern, size_t bytes, size_t begin, struct wildcard *wildcard)
{
	const uint8_t *from = (const uint8_t *)pattern;
	struct reading reading = {from, from + bytes};
	uint16_t sets = 0;

	wildcard->count = 0;
	while (reading.at < reading.end) {
		bool is_bounded = reading.at == from + begin || (reading.at > from && reading.at[-1] == '/');
		wildcard->steps[wildcard->count++] = read_step(&reading, is_bounded, wildcard->sets, &sets);
	}
	wildcard->literal = 0;
	while (wildcard->literal < wildcard->count && wildcard->steps[wildcard->literal].kind == WILD_BYTE)
		wildcard->literal++;
}

/* ---- matching ---- */

static void place_add(uint64_t *places, size_t place)
{
	places[place / 64] |= UINT64_C(1) << place % 64;
}

/* A place, and those behind steps that can be nothing. */
static void arrive(const struct wildcard *wildcard, uint64_t *places, size_t place)
{
	place_add(places, place);
	while (place < wildcard->count && wildcard->steps[place].kind >= WILD_STAR && wildcard->steps[place].kind <= WILD_FOLDER)
		place_add(places, ++place);
}

static void follow(const struct wildcard *wildcard, size_t place, uint8_t c, uint64_t *next)
{
	const struct wildcard_step *step = &wildcard->steps[place];

	switch ((enum wildcard_kind)step->kind) {
	case WILD_BYTE:
		if (c == step->byte)
			arrive(wildcard, next, place + 1);
		break;
	case WILD_ANY:
		if (c != '/')
			arrive(wildcard, next, place + 1);
		break;
	case WILD_CLASS:
		if (set_has(&wildcard->sets[step->set], c))
			arrive(wildcard, next, place + 1);
		break;
	case WILD_STAR:
		if (c != '/')
			arrive(wildcard, next, place);
		break;
	case WILD_DEEP:
		arrive(wildcard, next, place);
		break;
	case WILD_FOLDER:
		place_add(next, place);
		if (c == '/')
			arrive(wildcard, next, place + 1);
		break;
	case WILD_NEVER:
		break;
	}
}

static bool follow_all(const struct wildcard *wildcard, uint8_t c, const uint64_t *places, uint64_t *next, size_t words)
{
	uint64_t any = 0;

	memset(next, 0, words * sizeof(*next));
	for (size_t word = 0; word < words; word++)
		for (uint64_t left = places[word]; left; left &= left - 1) {
			size_t place = word * 64 + (size_t)__builtin_ctzll(left);
			if (place < wildcard->count)
				follow(wildcard, place, c, next);
		}
	for (size_t word = 0; word < words; word++)
		any |= next[word];
	return any != 0;
}

bool wildcard_match(const struct wildcard *wildcard, const char *path, size_t bytes, uint64_t *places)
{
	size_t words = wildcard->count / 64 + 1;
	uint64_t *now = places, *next = places + words, *swap;

	if (bytes < wildcard->literal || (wildcard->literal == wildcard->count && bytes != wildcard->count))
		return false;
	for (size_t i = 0; i < wildcard->literal; i++)
		if ((uint8_t)path[i] != wildcard->steps[i].byte)
			return false;
	memset(now, 0, words * sizeof(*now));
	arrive(wildcard, now, wildcard->literal);
	for (size_t i = wildcard->literal; i < bytes; i++) {
		if (!follow_all(wildcard, (uint8_t)path[i], now, next, words))
			return false;
		swap = now;
		now = next;
		next = swap;
	}
	return now[wildcard->count / 64] >> wildcard->count % 64 & 1;
}
