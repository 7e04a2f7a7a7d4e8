/* SPDX-License-Identifier: MIT
 *
 * What did not merge, as data.
 */
#include <string.h>

#include "actors/workspace_inner.h"

#define CONFLICTS_SHOWN 1000u

static const char *const kind_names[] = {
	[CONFLICT_CONTENT] = "content",
	[CONFLICT_BINARY] = "binary",
	[CONFLICT_ADD_ADD] = "add/add",
	[CONFLICT_MODIFY_DELETE] = "modify/delete",
	[CONFLICT_RENAME_RENAME] = "rename/rename",
	[CONFLICT_RENAME_ADD] = "rename/add",
	[CONFLICT_RENAME_DELETE] = "rename/delete",
	[CONFLICT_FOLDER_FILE] = "folder/file",
	[CONFLICT_FOLDER_RENAME] = "folder rename",
	[CONFLICT_KIND] = "kind of file",
	[CONFLICT_SUBMODULE] = "submodule",
};

static json_t *side_json(const struct conflict_side *side)
{
	if (side->mode == MODE_NONE)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "path", side->path ? bytes_text(side->path, strlen(side->path)) : json_null(), "id",
			 oid_text(&side->id), "mode", json_sprintf("%06o", (unsigned)side->mode));
}

/* Lines count from 1 for people; an empty range stands before the line that is named. */
static json_t *range_json(const struct conflict_range *range)
{
	return json_pack("{s:I, s:I}", "line", (json_int_t)range->line + 1, "lines", (json_int_t)range->lines);
}

static json_t *places_json(const struct merge_conflict *conflict)
{
	json_t *places = json_array();

	for (size_t i = 0; i < conflict->place_count; i++) {
		const struct conflict_place *place = &conflict->places[i];
		json_array_append_new(places, json_pack("{s:o, s:o, s:o}", "base", range_json(&place->base), "ours",
							range_json(&place->ours), "theirs", range_json(&place->theirs)));
	}
	return places;
}

json_t *conflicts_json(const struct merge_result *result)
{
	json_t *list = json_array();
	size_t count = result->conflict_count < CONFLICTS_SHOWN ? result->conflict_count : CONFLICTS_SHOWN;

	for (size_t i = 0; i < count; i++) {
		const struct merge_conflict *conflict = &result->conflicts[i];
		json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "path",
						      bytes_text(conflict->path, strlen(conflict->path)), "kind",
						      kind_names[conflict->kind], "base", side_json(&conflict->base), "ours",
						      side_json(&conflict->ours), "theirs", side_json(&conflict->theirs),
						      "places", places_json(conflict)));
	}
	return json_pack("{s:o, s:I}", "conflicts", list, "conflict_count", (json_int_t)result->conflict_count);
}
