/* SPDX-License-Identifier: MIT
 *
 * Where a change is shown, when the lines around it leave a choice.
 *
 * "a b" put in before "a b" can as well be put in behind, and one line further each. A group of changed lines moves up to its end and down to its
 * end, and takes up the groups that it meets. Then it stays below, unless on the way some place stood beside a group of the other text: it goes back to the
 * lowest of those. If indentation is to count, it goes to where the two cuts, at its beginning and at its end, look most like boundaries;
 * the weights are those that Michael Haggerty found for git by trying them on many projects.
 */
#include "workspace/merge/text_differ.h"

#define SLIDE_MAX  100u
#define INDENT_MAX 200
#define BLANKS_MAX 20

/* Changed lines [start, end), or none, in front of an unchanged one. Both texts have equally many groups. */
struct group {
	size_t start, end;
};

static void group_first(const struct diff_side *side, struct group *group)
{
	*group = (struct group){0};
	while (side->changed[group->end])
		group->end++;
}

static bool group_next(const struct diff_side *side, struct group *group)
{
	if (group->end == side->count)
		return false;
	group->start = group->end + 1;
	for (group->end = group->start; side->changed[group->end]; group->end++)
		;
	return true;
}

static void group_previous(const struct diff_side *side, struct group *group)
{
	group->end = group->start - 1;
	for (group->start = group->end; group->start > 0 && side->changed[group->start - 1]; group->start--)
		;
}

static bool is_empty(const struct group *group)
{
	return group->start == group->end;
}

/* One line, if it can. */
static bool move_down(struct diff_side *side, struct group *group)
{
	if (group->end == side->count || side->number[group->start] != side->number[group->end])
		return false;
	side->changed[group->start++] = false;
	side->changed[group->end++] = true;
	while (side->changed[group->end])
		group->end++;
	return true;
}

static bool move_up(struct diff_side *side, struct group *group)
{
	if (group->start == 0 || side->number[group->start - 1] != side->number[group->end - 1])
		return false;
	side->changed[--group->start] = true;
	side->changed[--group->end] = false;
	while (group->start > 0 && side->changed[group->start - 1])
		group->start--;
	return true;
}

/* ---- boundaries ---- */

/* How deep a line is indented, in columns; -1 for a blank one. */
static int indent_of(const struct diff_side *side, size_t line)
{
	size_t first = side->first + line;
	struct bytes text = text_lines_of(side->lines, (struct text_span){first, first + 1});
	int indent = 0;

	for (size_t i = 0; i < text.bytes && indent < INDENT_MAX; i++) {
		if (text.at[i] == ' ')
			indent++;
		else if (text.at[i] == '\t')
			indent += 8 - indent % 8;
		else if (text.at[i] != '\r' && text.at[i] != '\n')
			return indent;
	}
	return indent < INDENT_MAX ? -1 : INDENT_MAX;
}

/* The first line that is not blank, up or down from one; how many blank ones come before it. */
struct neighbour {
	int indent; /* -1: there is none */
	int blanks;
};

static struct neighbour look_up(const struct diff_side *side, size_t line)
{
	struct neighbour found = {.indent = -1};

	while (line-- > 0) {
		found.indent = indent_of(side, line);
		if (found.indent != -1)
			break;
		if (++found.blanks == BLANKS_MAX) {
			found.indent = 0;
			break;
		}
	}
	return found;
}

static struct neighbour look_down(const struct diff_side *side, size_t line)
{
	struct neighbour found = {.indent = -1};

	for (line++; line < side->count; line++) {
		found.indent = indent_of(side, line);
		if (found.indent != -1)
			break;
		if (++found.blanks == BLANKS_MAX) {
			found.indent = 0;
			break;
		}
	}
	return found;
}

/* How bad cuts look. */
struct badness {
	int indent;
	int penalty;
};

static int penalty_of_step(int indent, int above, int below, bool any_blank)
{
	if (indent == -1 || above == -1 || indent == above)
		return 0;
	if (indent > above)
		return any_blank ? 10 : -4;
	if (below > indent) /* a block begins */
		return any_blank ? 17 : 24;
	return any_blank ? 17 : 23;
}

/* A cut in front of a line, which may be that after the last. */
static void add_cut(struct badness *badness, const struct diff_side *side, size_t line)
{
	int indent = line < side->count ? indent_of(side, line) : -1;
	struct neighbour above = look_up(side, line), below = look_down(side, line);
	int blanks_below = indent == -1 ? below.blanks + 1 : 0, blanks = above.blanks + blanks_below;

	if (indent == -1)
		indent = below.indent;
	if (above.indent == -1 && above.blanks == 0)
		badness->penalty += 1;
	if (line >= side->count)
		badness->penalty += 21;
	badness->penalty += 6 * blanks_below - 30 * blanks + penalty_of_step(indent, above.indent, below.indent, blanks != 0);
	badness->indent += indent;
}

static bool is_no_worse(const struct badness *a, const struct badness *b)
{
	int indents = (a->indent > b->indent) - (a->indent < b->indent);

	return 60 * indents + a->penalty - b->penalty <= 0;
}

/* Where a group of `lines` lines that can end at `highest` … group->end had best end. */
static size_t best_end(const struct diff_side *side, const struct group *group, size_t lines, size_t highest)
{
	struct badness best = {0};
	size_t end = highest, found = SIZE_MAX;

	if (group->end > lines + 1 && group->end - lines - 1 > end)
		end = group->end - lines - 1;
	if (group->end > SLIDE_MAX && group->end - SLIDE_MAX > end)
		end = group->end - SLIDE_MAX;
	for (; end <= group->end; end++) {
		struct badness here = {0};
		add_cut(&here, side, end);
		add_cut(&here, side, end - lines);
		if (found == SIZE_MAX || is_no_worse(&here, &best)) {
			best = here;
			found = end;
		}
	}
	return found;
}

/* ---- groups ---- */

/* A group and what stands beside it in the other text. */
struct place {
	struct diff_side *side;
	const struct diff_side *other;
	struct group group;
	struct group beside;
};

static bool place_up(struct place *place)
{
	if (!move_up(place->side, &place->group))
		return false;
	group_previous(place->other, &place->beside);
	return true;
}

static bool place_down(struct place *place)
{
	if (!move_down(place->side, &place->group))
		return false;
	group_next(place->other, &place->beside);
	return true;
}

/* To the lowest place; the end at the highest, and whether a place stood beside a change. */
static size_t range(struct place *place, size_t *out_lines, bool *out_is_beside)
{
	size_t highest;

	do {
		*out_lines = place->group.end - place->group.start;
		while (place_up(place))
			;
		highest = place->group.end;
		*out_is_beside = !is_empty(&place->beside);
		while (place_down(place))
			*out_is_beside = *out_is_beside || !is_empty(&place->beside);
	} while (*out_lines != place->group.end - place->group.start);
	return highest;
}

static void settle(struct place *place, bool indent)
{
	bool is_beside;
	size_t lines, highest = range(place, &lines, &is_beside), end;

	if (place->group.end == highest)
		return;
	if (is_beside) {
		while (is_empty(&place->beside) && place_up(place))
			;
	} else if (indent) {
		end = best_end(place->side, &place->group, lines, highest);
		while (place->group.end > end && place_up(place))
			;
	}
}

void diff_settle(struct diff_side *side, const struct diff_side *other, bool indent)
{
	struct place place = {.side = side, .other = other};

	group_first(side, &place.group);
	group_first(other, &place.beside);
	do {
		if (!is_empty(&place.group))
			settle(&place, indent);
		group_next(other, &place.beside);
	} while (group_next(side, &place.group));
}
