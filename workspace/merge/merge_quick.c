/* SPDX-License-Identifier: MIT
 *
 * Folders that both sides changed are walked, side by side. Where only contents differ (the three have one shape), what theirs changed is patched
 * into ours; else the entries are put together anew.
 */
#include "workspace/merge/merge_quick.h"

#include <stdlib.h>

#include "workspace/merge/text_merge.h"

#define FOLDERS_DEEP   64u
#define PATCHES_INLINE 32u

enum { NOT_QUICK = 1 }; /* beside 0 and errors: the merge in all its cases has to look */

struct patches {
	struct tree_patch *at;
	uint32_t count, capacity;
	struct tree_patch inline_at[PATCHES_INLINE];
};

struct entries {
	struct tree_entry *at;
	size_t count, capacity;
};

static int merge_folder(struct workspace_agent *agent, const struct tree *base, const struct tree *ours,
			const struct tree *theirs, unsigned deep, const struct tree **out_tree);
static int same_change(struct workspace_agent *agent, const struct tree *base, const struct tree *both, unsigned deep);

/* ---- one entry that all three have, and both changed ---- */

static int no_memory(struct workspace_agent *agent)
{
	return agent_fail(agent, ERR_MEMORY, "there is no memory for this merge");
}

/* The two pieces as a file. */
static int blob_of_splice(struct workspace_agent *agent, const struct text_splice *splice, const struct object **out_child)
{
	size_t second_bytes = splice->second.bytes - splice->second_at, bytes = splice->first_bytes + second_bytes;
	uint8_t *text = malloc(bytes + 1);
	const struct blob *blob;
	if (!text)
		return no_memory(agent);
	memcpy(text, splice->first.at, splice->first_bytes);
	memcpy(text + splice->first_bytes, splice->second.at + splice->second_at, second_bytes);
	int rc = blob_make(agent, (struct bytes){text, (uint32_t)bytes}, &blob);
	if (!rc)
		*out_child = &blob->object;
	free(text);
	return rc;
}

/* Line by line. */
static int blob_of_lines(struct workspace_agent *agent, const struct text_merge *text, const struct object **out_child)
{
	struct text_conflicts conflicts = {0};
	struct buffer out = {0};
	enum text_outcome outcome;
	const struct blob *blob;
	int rc = text_merge(text, &outcome, &out, &conflicts);
	if (rc) {
		rc = agent_fail(agent, rc, "merging the lines of a file: %s", error_sentence(rc));
	} else if (outcome == TEXT_MERGED) {
		rc = blob_make(agent, (struct bytes){out.at, (uint32_t)out.bytes}, &blob);
		if (!rc)
			*out_child = &blob->object;
	} else {
		rc = NOT_QUICK;
	}
	buffer_release(&out);
	text_conflicts_release(&conflicts);
	return rc;
}

static int merge_text(struct workspace_agent *agent, const struct object *const blobs[3], const struct object **out_child)
{
	struct text_merge text = {
		.base = blob_bytes(object_as_blob(blobs[0])),
		.ours = blob_bytes(object_as_blob(blobs[1])),
		.theirs = blob_bytes(object_as_blob(blobs[2])),
	};
	struct text_splice splice;
	switch (text_splice(&text, &splice)) {
	case TEXT_SPLICED:
		return blob_of_splice(agent, &splice, out_child);
	case TEXT_CONFLICTS:
		return blob_of_lines(agent, &text, out_child);
	default:
		return NOT_QUICK;
	}
}

/* Children of one kind, all there and all different: 0 is the base, 1 ours, 2 theirs. */
static int merge_child(struct workspace_agent *agent, enum file_mode mode, const struct object *const children[3], unsigned deep,
		       const struct object **out_child)
{
	if (mode == MODE_FILE || mode == MODE_EXECUTABLE)
		return merge_text(agent, children, out_child);
	if (mode != MODE_FOLDER)
		return NOT_QUICK;
	const struct tree *tree;
	int rc = merge_folder(agent, object_as_tree(children[0]), object_as_tree(children[1]), object_as_tree(children[2]),
			      deep + 1, &tree);
	if (!rc)
		*out_child = &tree->object;
	return rc;
}

/* What becomes of an entry that all three have in one mode. */
static int settle_child(struct workspace_agent *agent, enum file_mode mode, const struct object *const children[3], unsigned deep,
			const struct object **out_child)
{
	*out_child = children[1];
	if (object_same(children[0], children[2]))
		return 0;
	if (object_same(children[1], children[2])) {
		if (mode != MODE_FOLDER)
			return 0;
		return same_change(agent, object_as_tree(children[0]), object_as_tree(children[1]), deep + 1);
	}
	if (!object_same(children[0], children[1]))
		return merge_child(agent, mode, children, deep, out_child);
	*out_child = children[2];
	return 0;
}

/* ---- three of one shape ---- */

static int patches_add(struct workspace_agent *agent, struct patches *patches, uint32_t index, const struct object *child)
{
	if (patches->count == patches->capacity) {
		bool first = patches->at == patches->inline_at;
		size_t capacity = patches->capacity * 2;
		struct tree_patch *at = realloc(first ? NULL : patches->at, capacity * sizeof(*at));
		if (!at)
			return no_memory(agent);
		if (first)
			memcpy(at, patches->inline_at, sizeof(patches->inline_at));
		patches->at = at;
		patches->capacity = (uint32_t)capacity;
	}
	patches->at[patches->count++] = (struct tree_patch){index, child};
	return 0;
}

static int merge_alike(struct workspace_agent *agent, const struct tree *ours, const struct tree_view views[3], unsigned deep,
		       const struct tree **out_tree)
{
	struct patches patches;
	patches.at = patches.inline_at;
	patches.count = 0;
	patches.capacity = PATCHES_INLINE;
	int rc = 0;
	const struct object *const *base = views[0].children, *const *our = views[1].children, *const *their = views[2].children;
	for (uint32_t i = 0; i < views[0].shape->count && !rc; i++) {
		if (base[i] == their[i])
			continue;
		const struct object *const children[3] = {base[i], our[i], their[i]};
		const struct object *child;
		struct tree_entry entry;
		tree_view_entry(&views[1], i, &entry);
		rc = settle_child(agent, entry.mode, children, deep, &child);
		if (!rc && child != our[i])
			rc = patches_add(agent, &patches, i, child);
	}
	if (!rc && patches.count)
		rc = tree_patch(agent, ours, patches.at, patches.count, out_tree);
	else if (!rc)
		*out_tree = ours;
	if (patches.at != patches.inline_at)
		free(patches.at);
	return rc;
}

/* ---- three of different shapes ---- */

static int entries_add(struct workspace_agent *agent, struct entries *entries, const struct tree_entry *entry)
{
	if (entries->count == entries->capacity) {
		size_t capacity = entries->capacity ? entries->capacity * 2 : 64;
		struct tree_entry *at = realloc(entries->at, capacity * sizeof(*at));
		if (!at)
			return no_memory(agent);
		entries->at = at;
		entries->capacity = capacity;
	}
	entries->at[entries->count++] = *entry;
	return 0;
}

/* In the order of trees: a folder as if '/' followed its name. */
static int git_order(const struct tree_entry *a, const struct tree_entry *b)
{
	size_t bytes = a->name_bytes < b->name_bytes ? a->name_bytes : b->name_bytes;
	int order = memcmp(a->name, b->name, bytes);
	if (order)
		return order;
	int first = a->name_bytes > bytes ? (unsigned char)a->name[bytes] : a->mode == MODE_FOLDER ? '/' : '\0';
	int second = b->name_bytes > bytes ? (unsigned char)b->name[bytes] : b->mode == MODE_FOLDER ? '/' : '\0';
	return first - second;
}

/* Whether an entry that is absent somewhere is there as a folder where it is a file elsewhere, or the reverse. */
static bool other_kind_there(const struct tree_view *view, const struct tree_entry *entry)
{
	uint32_t index;
	return view->shape && tree_view_find(view, entry->name, entry->name_bytes, &index);
}

static bool mode_same_kind(enum file_mode a, enum file_mode b)
{
	bool files = (a == MODE_FILE || a == MODE_EXECUTABLE) && (b == MODE_FILE || b == MODE_EXECUTABLE);
	return files || a == b;
}

/* All three have it, in modes that may differ. */
static int merge_present(struct workspace_agent *agent, const struct tree_entry found[3], unsigned deep,
			 struct tree_entry *out_entry)
{
	const struct tree_entry *base = &found[0], *ours = &found[1], *theirs = &found[2];
	bool ours_kept = ours->mode == base->mode && object_same(ours->child, base->child);
	bool theirs_kept = theirs->mode == base->mode && object_same(theirs->child, base->child);
	*out_entry = ours_kept ? *theirs : *ours;
	if (ours_kept || theirs_kept)
		return 0;
	if (!mode_same_kind(base->mode, ours->mode) || !mode_same_kind(base->mode, theirs->mode))
		return NOT_QUICK;
	const struct object *const children[3] = {base->child, ours->child, theirs->child};
	out_entry->mode = ours->mode == base->mode ? theirs->mode : ours->mode; /* of two, each is the base's or the same */
	return settle_child(agent, ours->mode, children, deep, &out_entry->child);
}

/* Not all three have it; `has` is the mask. *out_there is false if nothing comes of it. */
static int merge_partial(struct workspace_agent *agent, const struct tree_view views[3], const struct tree_entry found[3],
			 unsigned has, unsigned deep, struct tree_entry *out_entry, bool *out_there)
{
	const struct tree_entry *any = &found[has & 1 ? 0 : has & 2 ? 1 : 2];
	for (unsigned side = 0; side < 3; side++) {
		if (!(has & (1u << side)) && other_kind_there(&views[side], any))
			return NOT_QUICK;
	}
	*out_entry = *any;
	*out_there = !(has & 1);
	if (has == 2 || has == 4)
		return 0;
	if (has == 6) {
		if (found[1].mode != found[2].mode)
			return NOT_QUICK;
		if (found[1].mode != MODE_FOLDER)
			return object_same(found[1].child, found[2].child) ? 0 : NOT_QUICK;
		const struct object *const children[3] = {NULL, found[1].child, found[2].child};
		return settle_child(agent, MODE_FOLDER, children, deep, &out_entry->child);
	}
	if (has == 1)
		return NOT_QUICK;
	const struct tree_entry *kept = &found[has == 3 ? 1 : 2];
	return kept->mode == any->mode && object_same(kept->child, any->child) ? 0 : NOT_QUICK;
}

/* Takes the next name out of the lists; returns the mask of those that have it, 0 at the end. */
static unsigned next_name(const struct tree_view views[3], uint32_t at[3], struct tree_entry heads[3],
			  struct tree_entry out_found[3])
{
	const struct tree_entry *first = NULL;
	unsigned has = 0;
	for (unsigned side = 0; side < 3; side++) {
		if (!views[side].shape || at[side] == views[side].shape->count)
			continue;
		tree_view_entry(&views[side], at[side], &heads[side]);
		int order = first ? git_order(&heads[side], first) : -1;
		if (order < 0)
			has = 0;
		if (order <= 0) {
			first = &heads[side];
			has |= 1u << side;
		}
	}
	for (unsigned side = 0; side < 3; side++) {
		if (has & (1u << side)) {
			out_found[side] = heads[side];
			at[side]++;
		}
	}
	return has;
}

static int merge_unlike(struct workspace_agent *agent, const struct tree *ours, const struct tree_view views[3], unsigned deep,
			const struct tree **out_tree)
{
	struct entries entries = {0};
	struct tree_entry heads[3], found[3];
	uint32_t at[3] = {0};
	unsigned has;
	int rc = 0;
	while (!rc && (has = next_name(views, at, heads, found)) != 0) {
		struct tree_entry entry;
		bool there = true;
		if (has == 7)
			rc = merge_present(agent, found, deep, &entry);
		else
			rc = merge_partial(agent, views, found, has, deep, &entry, &there);
		if (!rc && there)
			rc = entries_add(agent, &entries, &entry);
	}
	if (!rc && !entries.count)
		rc = NOT_QUICK;
	if (!rc)
		rc = tree_make(agent, ours, entries.at, entries.count, out_tree);
	free(entries.at);
	return rc;
}

/* ---- folders ---- */

/* `base` may be NULL: both sides added it. */
static int merge_folder(struct workspace_agent *agent, const struct tree *base, const struct tree *ours,
			const struct tree *theirs, unsigned deep, const struct tree **out_tree)
{
	struct tree_view views[3] = {{0}};
	if (deep > FOLDERS_DEEP)
		return NOT_QUICK;
	int rc = base ? tree_view(agent, base, &views[0]) : 0;
	if (!rc)
		rc = tree_view(agent, ours, &views[1]);
	if (!rc)
		rc = tree_view(agent, theirs, &views[2]);
	if (rc)
		return rc;
	if ((base && views[0].shape->is_odd) || views[1].shape->is_odd || views[2].shape->is_odd)
		return NOT_QUICK;
	if (views[0].shape == views[1].shape && views[1].shape == views[2].shape)
		return merge_alike(agent, ours, views, deep, out_tree);
	return merge_unlike(agent, ours, views, deep, out_tree);
}

/* Both sides made the same of a folder: nothing is to be done, unless files went away in it, or something in it is an empty folder, which a walk drops.
 * `base` may be NULL. */
static int same_change(struct workspace_agent *agent, const struct tree *base, const struct tree *both, unsigned deep)
{
	struct tree_view views[3] = {{0}};
	struct tree_entry heads[3], found[3];
	uint32_t at[3] = {0};
	unsigned has;
	if (deep > FOLDERS_DEEP)
		return NOT_QUICK;
	int rc = base ? tree_view(agent, base, &views[0]) : 0;
	if (!rc)
		rc = tree_view(agent, both, &views[1]);
	if (rc)
		return rc;
	if (!views[1].shape->count || views[1].shape->is_odd || (base && views[0].shape->is_odd))
		return NOT_QUICK;
	while (!rc && (has = next_name(views, at, heads, found)) != 0) {
		const struct tree *before = has & 1 ? object_as_tree(found[0].child) : NULL;
		if (has == 1 || (has == 2 && other_kind_there(&views[0], &found[1])))
			return NOT_QUICK;
		if (found[1].mode == MODE_FOLDER && !(before && object_same(found[0].child, found[1].child)))
			rc = same_change(agent, before, object_as_tree(found[1].child), deep + 1);
		else if (has == 3 && !mode_same_kind(found[0].mode, found[1].mode))
			rc = NOT_QUICK;
	}
	return rc;
}

int merge_quick(struct workspace_agent *agent, const struct tree *base, const struct tree *ours, const struct tree *theirs,
		const struct tree **out_tree)
{
	*out_tree = NULL;
	int rc = merge_folder(agent, base, ours, theirs, 0, out_tree);
	return rc == NOT_QUICK ? 0 : rc;
}
