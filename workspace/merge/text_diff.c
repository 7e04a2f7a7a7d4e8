/* SPDX-License-Identifier: MIT
 *
 * A comparison: marks, moved to their places, and read off.
 */
#include "workspace/merge/text_diff.h"

#include <stdlib.h>
#include <string.h>

#include "workspace/merge/text_differ.h"

int text_differ_new(uint32_t numbers, struct text_differ **out_differ)
{
	struct text_differ *differ = calloc(1, sizeof(*differ));

	if (!differ)
		return ERR_MEMORY;
	differ->old_count = calloc(3 * (size_t)numbers + 1, sizeof(*differ->old_count));
	if (!differ->old_count) {
		free(differ);
		return ERR_MEMORY;
	}
	differ->new_count = differ->old_count + numbers;
	differ->first = differ->new_count + numbers;
	*out_differ = differ;
	return 0;
}

void text_differ_free(struct text_differ *differ)
{
	if (!differ)
		return;
	free(differ->old_count);
	free(differ->next);
	free(differ->changed);
	free(differ->boxes.at);
	free(differ);
}

int diff_boxes_push(struct diff_boxes *boxes, struct diff_box box)
{
	if (boxes->count == boxes->capacity) {
		size_t capacity = boxes->capacity > 0 ? 2 * boxes->capacity : 16;
		struct diff_box *at = realloc(boxes->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		boxes->at = at;
		boxes->capacity = capacity;
	}
	boxes->at[boxes->count++] = box;
	return 0;
}

void text_script_release(struct text_script *script)
{
	free(script->at);
	*script = (struct text_script){0};
}

static int script_push(struct text_script *script, const struct text_change *change)
{
	if (script->count == script->capacity) {
		size_t capacity = script->capacity > 0 ? 2 * script->capacity : 16;
		struct text_change *at = realloc(script->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		script->at = at;
		script->capacity = capacity;
	}
	script->at[script->count++] = *change;
	return 0;
}

/* Room for the marks of both sides, each between two that are never set. */
static int make_room(struct text_differ *differ)
{
	size_t marks = differ->old.count + differ->new.count + 4;

	if (differ->next_capacity < differ->old.count) {
		uint32_t *next = realloc(differ->next, differ->old.count * sizeof(*next));
		if (!next)
			return ERR_MEMORY;
		differ->next = next;
		differ->next_capacity = differ->old.count;
	}
	if (differ->changed_capacity < marks) {
		bool *changed = realloc(differ->changed, marks * sizeof(*changed));
		if (!changed)
			return ERR_MEMORY;
		differ->changed = changed;
		differ->changed_capacity = marks;
	}
	memset(differ->changed, 0, marks * sizeof(*differ->changed));
	differ->old.changed = differ->changed + 1;
	differ->new.changed = differ->old.changed + differ->old.count + 2;
	return 0;
}

static struct diff_side side_of(struct text_part part)
{
	return (struct diff_side){.lines = part.lines,
				  .first = part.span.first,
				  .number = part.lines->number + part.span.first,
				  .count = text_span_count(part.span)};
}

static int read_off(const struct text_differ *differ, struct text_script *script)
{
	const struct diff_side *old = &differ->old, *new = &differ->new;
	int rc = 0;

	for (size_t i = 0, j = 0; (i < old->count || j < new->count) && !rc; i++, j++) {
		struct text_change change = {{old->first + i, 0}, {new->first + j, 0}};
		size_t i_first = i, j_first = j;
		while (old->changed[i])
			i++;
		while (new->changed[j])
			j++;
		change.old.end = old->first + i;
		change.new.end = new->first + j;
		if (i > i_first || j > j_first)
			rc = script_push(script, &change);
	}
	return rc;
}

int text_diff(struct text_differ *differ, struct text_part old, struct text_part new, enum text_algorithm algorithm, bool indent,
	      struct text_script *out_script)
{
	struct diff_box whole = {.old = {0, text_span_count(old.span)}, .new = {0, text_span_count(new.span)}};
	int rc;

	out_script->count = 0;
	differ->old = side_of(old);
	differ->new = side_of(new);
	differ->boxes.count = 0;
	rc = make_room(differ);
	if (!rc)
		rc = algorithm == TEXT_HISTOGRAM ? diff_histogram(differ) : diff_myers(differ, &whole);
	if (rc)
		return rc;
	diff_settle(&differ->old, &differ->new, indent);
	diff_settle(&differ->new, &differ->old, indent);
	return read_off(differ, out_script);
}
