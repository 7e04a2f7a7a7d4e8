/* SPDX-License-Identifier: MIT
 *
 * Three versions of one thing become one: its mode, and then its content by what it is.
 *
 * Of what cannot be merged ours stands in the tree, or, in the merge of bases, what was there before. Attributes (`.gitattributes`) are not looked
 * at, as git does not in a bare repository. Submodules are merged only where one side left theirs alone: their history is not here.
 */
#include "workspace/merge/merge_inner.h"

#include "workspace/merge/text_merge.h"

/* "name", or "name:path" if the sides have it in different places. NULL if there is no memory. */
static const char *label_of(struct tree_merge *merge, enum side side, const char *const paths[SIDES])
{
	const char *name = merge->names[side];
	if (paths[SIDE_BASE] == paths[SIDE_OURS] && paths[SIDE_OURS] == paths[SIDE_THEIRS])
		return name;
	size_t name_bytes = strlen(name), path_bytes = strlen(paths[side]);
	char *label = merge_pool_take(merge->pool, name_bytes + 1 + path_bytes + 1);
	if (label) {
		memcpy(label, name, name_bytes);
		label[name_bytes] = ':';
		memcpy(label + name_bytes + 1, paths[side], path_bytes);
	}
	return label;
}

static int places_keep(struct tree_merge *merge, const struct text_conflicts *conflicts, struct path_places *out_places)
{
	struct conflict_place *places = merge_pool_take(merge->pool, conflicts->count * sizeof(*places));
	if (!places)
		return merge_memory(merge);
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct text_conflict *conflict = &conflicts->at[i];
		const struct text_range *from[SIDES] = {&conflict->base, &conflict->ours, &conflict->theirs};
		struct conflict_range *to[SIDES] = {&places[i].base, &places[i].ours, &places[i].theirs};
		for (unsigned side = 0; side < SIDES; side++)
			*to[side] =
				(struct conflict_range){from[side]->line, from[side]->lines, from[side]->at, from[side]->bytes};
	}
	*out_places = (struct path_places){places, conflicts->count};
	return 0;
}

static int text_failed(struct tree_merge *merge, const char *path, int rc)
{
	return agent_fail(merge->agent, rc, "merging the lines of %s: %s", path, error_sentence(rc));
}

static int blob_of(struct tree_merge *merge, struct bytes data, const struct object **out_object)
{
	const struct blob *blob;
	int rc = blob_make(merge->agent, data, &blob);
	if (!rc)
		*out_object = &blob->object;
	return rc;
}

/* Bases are merged as if nobody were favoured, as git does. */
static bool is_favoured(const struct tree_merge *merge)
{
	return merge->favour_theirs && !merge->depth;
}

static int favoured_add(struct tree_merge *merge, const char *const paths[SIDES], size_t places)
{
	struct path_map_entry *entry = path_map_put(&merge->favoured, merge->pool, paths[SIDE_OURS]);
	if (!entry)
		return merge_memory(merge);
	entry->number = (int)places;
	return 0;
}

static int favoured_whole(struct tree_merge *merge, const struct version stages[SIDES], const char *const paths[SIDES],
			  const struct object **out_object)
{
	*out_object = stages[SIDE_THEIRS].object;
	return favoured_add(merge, paths, 1);
}

/* The text with its conflicts marked, or decided. */
static int marked(struct tree_merge *merge, const struct text_merge *text, const char *const paths[SIDES], unsigned markers,
		  const struct object **out_object)
{
	struct buffer out = {0};
	size_t count;
	struct text_marks marks = {
		.size = 7 + markers,
		.favour_theirs = is_favoured(merge),
		.ours_label = label_of(merge, SIDE_OURS, paths),
		.theirs_label = label_of(merge, SIDE_THEIRS, paths),
	};
	if (!marks.ours_label || !marks.theirs_label)
		return merge_memory(merge);
	int rc = text_merge_marked(text, &marks, &out, &count);
	if (rc)
		rc = text_failed(merge, paths[SIDE_OURS], rc);
	else
		rc = blob_of(merge, (struct bytes){out.at, (uint32_t)out.bytes}, out_object);
	if (!rc && marks.favour_theirs)
		rc = favoured_add(merge, paths, count);
	buffer_release(&out);
	return rc;
}

static struct bytes text_of(const struct version *version)
{
	const struct blob *blob = object_as_blob(version->object);
	return blob && mode_is_file(version->mode) ? blob_bytes(blob) : (struct bytes){.at = (const uint8_t *)""};
}

/* An empty file that was added looks unchanged beside the nothing that was there before. git asks first whether the other is text. */
static enum text_outcome outcome_of(const struct text_merge *text, enum text_outcome outcome)
{
	if (outcome != TEXT_OURS && outcome != TEXT_THEIRS)
		return outcome;
	const struct bytes *taken = outcome == TEXT_OURS ? &text->ours : &text->theirs;
	size_t looked_at = taken->bytes < TEXT_BINARY_BYTES ? taken->bytes : TEXT_BINARY_BYTES;
	bool is_text = taken->bytes <= TEXT_MAX_BYTES && !(looked_at && memchr(taken->at, 0, looked_at));
	return is_text ? outcome : TEXT_BINARY;
}

/* Files whose contents are three different ones. A base of another kind counts as empty. */
static int merge_files(struct tree_merge *merge, const struct version stages[SIDES], const char *const paths[SIDES],
		       unsigned markers, const struct object **out_object, bool *out_clean, enum conflict_kind *out_kind,
		       struct path_places *out_places)
{
	struct text_merge text = {
		.base = text_of(&stages[SIDE_BASE]),
		.ours = text_of(&stages[SIDE_OURS]),
		.theirs = text_of(&stages[SIDE_THEIRS]),
	};
	struct text_conflicts conflicts = {0};
	struct buffer out = {0};
	enum text_outcome outcome;
	*out_clean = true;
	int rc = text_merge(&text, &outcome, &out, &conflicts);
	if (rc) {
		rc = text_failed(merge, paths[SIDE_OURS], rc);
		goto out;
	}
	switch (outcome_of(&text, outcome)) {
	case TEXT_OURS:
	case TEXT_THEIRS:
		*out_object = stages[outcome == TEXT_OURS ? SIDE_OURS : SIDE_THEIRS].object;
		break;
	case TEXT_SPLICED:
	case TEXT_MERGED:
		rc = blob_of(merge, (struct bytes){out.at, (uint32_t)out.bytes}, out_object);
		break;
	case TEXT_CONFLICTS:
		*out_clean = is_favoured(merge);
		*out_kind = CONFLICT_CONTENT;
		if (!*out_clean)
			rc = places_keep(merge, &conflicts, out_places);
		if (!rc)
			rc = marked(merge, &text, paths, markers, out_object);
		break;
	case TEXT_BINARY:
		*out_clean = merge->depth > 0 || is_favoured(merge);
		*out_kind = CONFLICT_BINARY;
		if (is_favoured(merge))
			rc = favoured_whole(merge, stages, paths, out_object);
		else if (!merge->depth)
			*out_object = stages[SIDE_OURS].object;
		else
			rc = blob_of(merge, text.base, out_object);
		break;
	}
out:
	buffer_release(&out);
	text_conflicts_release(&conflicts);
	return rc;
}

/* Links and submodules: one of them is taken. */
static void choose(const struct tree_merge *merge, const struct version stages[SIDES], struct version *result)
{
	bool submodule = stages[SIDE_OURS].mode == MODE_SUBMODULE;
	bool same_kind = mode_same_kind(stages[SIDE_BASE].mode, stages[SIDE_OURS].mode);
	if (!merge->depth)
		result->object = stages[SIDE_OURS].object;
	else if (submodule && same_kind)
		result->object = stages[SIDE_BASE].object;
	else
		*result = stages[SIDE_BASE];
}

int merge_content(struct tree_merge *merge, const struct version stages[SIDES], const char *const paths[SIDES], unsigned markers,
		  struct version *out_result, bool *out_clean, enum conflict_kind *out_kind, struct path_places *out_places)
{
	const struct version *base = &stages[SIDE_BASE], *ours = &stages[SIDE_OURS], *theirs = &stages[SIDE_THEIRS];
	struct version result;
	struct path_places places = {0};
	enum conflict_kind kind = CONFLICT_CONTENT;
	bool clean = true, content_clean = true;
	int rc = 0;
	if (!mode_same_kind(ours->mode, theirs->mode))
		return MERGE_LOST;
	if (ours->mode == theirs->mode || ours->mode == base->mode) {
		result.mode = theirs->mode;
	} else {
		result.mode = ours->mode;
		clean = theirs->mode == base->mode;
	}
	if (object_same(ours->object, theirs->object) || object_same(ours->object, base->object)) {
		result.object = theirs->object;
	} else if (object_same(theirs->object, base->object)) {
		result.object = ours->object;
	} else if (mode_is_file(ours->mode)) {
		rc = merge_files(merge, stages, paths, markers, &result.object, &content_clean, &kind, &places);
	} else if (is_favoured(merge) && ours->mode == MODE_SYMLINK) {
		rc = favoured_whole(merge, stages, paths, &result.object);
	} else {
		content_clean = false;
		kind = ours->mode == MODE_SUBMODULE ? CONFLICT_SUBMODULE : CONFLICT_BINARY;
		choose(merge, stages, &result);
	}
	if (rc)
		return rc;
	*out_result = result;
	*out_clean = clean && content_clean;
	if (out_kind)
		*out_kind = kind;
	if (out_places)
		*out_places = places;
	return 0;
}
