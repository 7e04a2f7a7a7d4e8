/* SPDX-License-Identifier: MIT
 *
 * A tree with edits: one level after the other, each only where an edit leads.
 *
 * Edits are sorted so that those below one folder stand together, that of the folder itself first. A level whose names stay the same is a patch
 * of its base; otherwise names are spliced in and out.
 */
#include "workspace/store/edit.h"

#include <assert.h>
#include <stdlib.h>

#include "workspace/store/object_inner.h"

/* An edit, with what is to stand there. An empty folder is MODE_NONE and has an object: it need not have been there. */
struct item {
	const char *path;
	uint32_t bytes;
	enum file_mode mode;
	const struct object *object;
};

struct items {
	struct item *at;
	size_t count;
	uint32_t from; /* of the name in each path that this level is about */
};

/* What a level does to one name. */
struct step {
	const char *name;
	uint32_t name_bytes;
	bool was_there;
	uint32_t index;
	enum file_mode old_mode, mode;
	const struct object *object;
};

static int complain(struct workspace_agent *agent, int rc, const struct item *item, const char *why)
{
	return agent_fail(agent, rc, "\"%.*s\": %s", item->bytes > 150 ? 150 : (int)item->bytes, item->path, why);
}

/* ---- looking at the base ---- */

static bool step_look(const struct tree *base, struct step *step)
{
	step->was_there = base && shape_find(base->shape, step->name, step->name_bytes, &step->index);
	step->old_mode = step->was_there ? shape_mode(base->shape, step->index) : MODE_NONE;
	return step->was_there;
}

bool path_find(const struct tree *tree, const char *path, size_t bytes, struct found *out_found)
{
	const char *end = path + bytes;
	for (;;) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		const char *stop = slash ? slash : end;
		uint32_t index;
		bool found = slash ? shape_find_kind(tree->shape, path, (size_t)(stop - path), true, &index)
				   : shape_find(tree->shape, path, (size_t)(stop - path), &index);
		if (!found)
			return false;
		const struct object *child = tree_child(tree, index);
		if (!slash) {
			*out_found = (struct found){shape_mode(tree->shape, index), child};
			return true;
		}
		tree = object_as_tree(child);
		path = slash + 1;
	}
}

/* ---- one name ---- */

static int level(struct workspace_agent *agent, const struct tree *base, struct items items, const struct tree **out_tree);

static int name_check(struct workspace_agent *agent, const struct item *item, const struct step *step)
{
	const char *why;
	if (tree_name_check(step->name, step->name_bytes, step->mode == MODE_NONE ? MODE_FILE : step->mode, &why))
		return complain(agent, ERR_MALFORMED, item, why);
	return 0;
}

/* Edits below a file that is put there, or below something that is taken away: what they remove has to have been there. */
static int below_check(struct workspace_agent *agent, const struct tree *base, struct items *below, const struct item *leaf)
{
	size_t kept = 0;
	for (size_t i = 0; i < below->count; i++) {
		struct item *item = &below->at[i];
		struct found found;
		if (item->mode == MODE_NONE) {
			if (item->object)
				continue;
			if (!base || !path_find(base, item->path + below->from, item->bytes - below->from, &found))
				return complain(agent, ERR_NOT_FOUND, item, "there is nothing to remove");
		} else if (leaf->mode != MODE_NONE) {
			return complain(agent, ERR_MALFORMED, item, "it is to be below a file");
		} else {
			below->at[kept++] = *item;
		}
	}
	below->count = kept;
	return 0;
}

/* Edits below a folder, and perhaps of itself. */
static int step_below(struct workspace_agent *agent, const struct tree *base, struct items below, const struct item *leaf,
		      struct step *step)
{
	const struct tree *folder = NULL, *made = NULL;
	int rc = 0;
	if (step->old_mode == MODE_FOLDER)
		folder = object_as_tree(tree_child(base, step->index));
	if (leaf && leaf->mode == MODE_FOLDER) {
		folder = object_as_tree(leaf->object);
	} else if (leaf) {
		rc = below_check(agent, folder, &below, leaf);
		folder = NULL;
	}
	if (rc || below.count == 0) /* then the edit of the folder itself is all there is */
		return rc;
	rc = level(agent, folder, below, &made);
	step->mode = made ? MODE_FOLDER : MODE_NONE;
	step->object = made ? &made->object : NULL;
	return rc;
}

/* The edits of one name: the first of `items` up to `*out_count`. */
static int step_make(struct workspace_agent *agent, const struct tree *base, struct items items, struct step *step,
		     size_t *out_count)
{
	const struct item *first = items.at;
	const char *name = first->path + items.from;
	const char *slash = memchr(name, '/', first->bytes - items.from);
	uint32_t bytes = slash ? (uint32_t)(slash - name) : first->bytes - items.from;
	const struct item *leaf = slash ? NULL : first;
	size_t count = 1;
	while (count < items.count && items.at[count].bytes > items.from + bytes &&
	       items.at[count].path[items.from + bytes] == '/' && memcmp(items.at[count].path + items.from, name, bytes) == 0)
		count++;
	*out_count = count;
	*step = (struct step){.name = name, .name_bytes = bytes, .mode = MODE_FOLDER};
	if (leaf) {
		step->mode = leaf->mode;
		step->object = leaf->object;
	}
	int rc = step_look(base, step) ? 0 : name_check(agent, first, step);
	if (rc)
		return rc;
	if (leaf && leaf->mode == MODE_NONE && !leaf->object && !step->was_there)
		return complain(agent, ERR_NOT_FOUND, leaf, "there is nothing to remove");
	if (!leaf || count > 1) {
		struct items below = {items.at + (leaf ? 1 : 0), count - (leaf ? 1 : 0), items.from + bytes + 1};
		rc = step_below(agent, base, below, leaf, step);
	}
	/* A name that is there already is fine as what it was, and not as everything. */
	return rc || step->mode == step->old_mode || step->mode == MODE_NONE ? rc : name_check(agent, first, step);
}

/* ---- one level ---- */

static struct tree_splice splice_of(const struct step *step, uint32_t index, bool is_inserted, enum file_mode mode)
{
	return (struct tree_splice){
		.index = index, .is_inserted = is_inserted, .entry = {step->name, step->name_bytes, mode, step->object}};
}

/* What a step is as splices: none, one, or a file that goes and a folder that comes, or the reverse. */
static size_t step_splices(const struct tree *base, const struct step *step, struct tree_splice *out)
{
	bool was_folder = step->old_mode == MODE_FOLDER, is_folder = step->mode == MODE_FOLDER;
	if (step->mode == MODE_NONE && !step->was_there)
		return 0;
	if (step->was_there && (step->mode == MODE_NONE || was_folder == is_folder)) {
		out[0] = splice_of(step, step->index, false, step->mode);
		return 1;
	}
	size_t count = 0;
	if (step->was_there)
		out[count++] = splice_of(step, step->index, false, MODE_NONE);
	uint32_t index = base ? shape_place(base->shape, step->name, step->name_bytes, is_folder) : 0;
	out[count++] = splice_of(step, index, true, step->mode);
	return count;
}

static int order_splices(const void *a, const void *b)
{
	const struct tree_splice *x = a, *y = b;
	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	if (x->is_inserted != y->is_inserted)
		return x->is_inserted ? -1 : 1;
	uint32_t common = x->entry.name_bytes < y->entry.name_bytes ? x->entry.name_bytes : y->entry.name_bytes;
	int order = memcmp(x->entry.name, y->entry.name, common);
	if (order)
		return order;
	uint8_t end_x = x->entry.mode == MODE_FOLDER ? '/' : 0, end_y = y->entry.mode == MODE_FOLDER ? '/' : 0;
	uint8_t next_x = x->entry.name_bytes > common ? (uint8_t)x->entry.name[common] : end_x;
	uint8_t next_y = y->entry.name_bytes > common ? (uint8_t)y->entry.name[common] : end_y;
	return next_x < next_y ? -1 : next_x > next_y;
}

static int level_splice(struct workspace_agent *agent, const struct tree *base, const struct step *steps, size_t step_count,
			const struct tree **out_tree)
{
	struct tree_splice *splices = agent_scratch(agent, 2 * step_count * sizeof(*splices));
	size_t count = 0, left = base ? base->shape->count : 0;
	if (!splices)
		return agent->rc;
	for (size_t i = 0; i < step_count; i++)
		count += step_splices(base, &steps[i], splices + count);
	for (size_t i = 0; i < count; i++)
		left = left + (splices[i].entry.mode != MODE_NONE) - !splices[i].is_inserted;
	*out_tree = left ? base : NULL;
	if (left == 0 || count == 0)
		return 0;
	qsort(splices, count, sizeof(*splices), order_splices);
	if (base)
		return tree_splice(agent, base, splices, count, out_tree);
	struct tree_entry *entries = agent_scratch(agent, count * sizeof(*entries));
	if (!entries)
		return agent->rc;
	for (size_t i = 0; i < count; i++)
		entries[i] = splices[i].entry;
	return tree_make(agent, NULL, entries, count, out_tree);
}

/* The tree of `base` (or of nothing) with the edits; NULL if it would be empty. */
static int level(struct workspace_agent *agent, const struct tree *base, struct items items, const struct tree **out_tree)
{
	struct step one, *steps = items.count == 1 ? &one : agent_scratch(agent, items.count * sizeof(*steps));
	struct tree_patch patch, *patches = items.count == 1 ? &patch : agent_scratch(agent, items.count * sizeof(*patches));
	size_t count = 0, taken;
	bool is_patch = true;
	if (!steps || !patches)
		return agent->rc;
	for (struct items rest = items; rest.count; rest.at += taken, rest.count -= taken, count++) {
		struct step *step = &steps[count];
		int rc = step_make(agent, base, rest, step, &taken);
		if (rc)
			return rc;
		is_patch = is_patch && step->was_there && step->mode == step->old_mode;
		patches[count] = (struct tree_patch){step->index, step->object};
	}
	return is_patch ? tree_patch(agent, base, patches, count, out_tree) : level_splice(agent, base, steps, count, out_tree);
}

/* ---- the edits ---- */

/* Paths in an order in which all below one folder stand together: the end of a path first, then a slash, then everything else. */
static int order_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	uint32_t common = x->bytes < y->bytes ? x->bytes : y->bytes;
	for (uint32_t i = 0; i < common; i++) {
		uint8_t c = (uint8_t)x->path[i], d = (uint8_t)y->path[i];
		if (c != d)
			return c == '/' ? -1 : d == '/' ? 1 : c < d ? -1 : 1;
	}
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int item_data(struct workspace_agent *agent, const struct workspace_edit *edit, struct item *item)
{
	const struct blob *blob;
	int rc = blob_make(agent, edit->data, &blob);
	if (!rc)
		item->object = &blob->object;
	return rc;
}

static int item_id(struct workspace_agent *agent, const struct workspace_edit *edit, struct item *item)
{
	if (edit->mode == MODE_SUBMODULE)
		return object_link(agent, OBJECT_LINK, edit->id, &item->object);
	int rc = object_named(agent, mode_type(edit->mode), edit->id, &item->object);
	if (!rc && edit->mode == MODE_FOLDER && object_as_tree(item->object)->shape->count == 0)
		item->mode = MODE_NONE;
	return rc;
}

static int item_make(struct workspace_agent *agent, const struct workspace_edit *edit, struct item *item)
{
	size_t bytes = strlen(edit->path);
	*item = (struct item){edit->path, (uint32_t)bytes, edit->mode, NULL};
	if (bytes > WORKSPACE_PATH_MAX)
		return agent_fail(agent, ERR_MALFORMED, "a path of %zu bytes: at most %u", bytes, WORKSPACE_PATH_MAX);
	switch (edit->mode) {
	case MODE_NONE:
		return 0;
	case MODE_FOLDER:
	case MODE_SUBMODULE:
		if (!edit->id)
			return complain(agent, ERR_MALFORMED, item, "folders and submodules are given by their id");
		return item_id(agent, edit, item);
	case MODE_FILE:
	case MODE_EXECUTABLE:
	case MODE_SYMLINK:
		return edit->id ? item_id(agent, edit, item) : item_data(agent, edit, item);
	}
	return complain(agent, ERR_MALFORMED, item, "not one of the modes 40000, 100644, 100755, 120000 and 160000");
}

static int items_sort(struct workspace_agent *agent, struct items *items)
{
	qsort(items->at, items->count, sizeof(*items->at), order_items);
	for (size_t i = 1; i < items->count; i++) {
		if (order_items(&items->at[i - 1], &items->at[i]) == 0)
			return complain(agent, ERR_MALFORMED, &items->at[i], "two edits of one path");
	}
	return 0;
}

int tree_edit(struct workspace_agent *agent, const struct tree *base, const struct workspace_edit *edits, size_t count,
	      const struct tree **out_tree)
{
	struct item one;
	struct items items = {count == 1 ? &one : agent_scratch(agent, count * sizeof(struct item)), count, 0};
	const struct tree *tree = base;
	int rc = items.at || !count ? 0 : agent->rc;
	for (size_t i = 0; !rc && i < count; i++)
		rc = item_make(agent, &edits[i], &items.at[i]);
	if (!rc && count > 1)
		rc = items_sort(agent, &items);
	if (!rc && count)
		rc = level(agent, base, items, &tree);
	if (!rc && !tree)
		rc = tree_make(agent, NULL, NULL, 0, &tree);
	if (!rc)
		*out_tree = tree;
	return rc;
}

bool edits_are_few(const struct workspace_edit *edits, size_t count)
{
	uint32_t folders = 0;
	if (count > 1)
		return false;
	for (const char *at = count ? edits->path : ""; *at && folders < PENDING_MAX; at++)
		folders += *at == '/';
	return folders + 4 < PENDING_MAX; /* a file, the tree above all, a commit, and one to spare */
}

int workspace_tree_edit(struct workspace_agent *agent, const struct tree *base, const struct workspace_edit *edits, size_t count,
			const struct tree **out_tree)
{
	const struct tree *tree;
	workspace_begin(agent);
	int rc = tree_edit(agent, base, edits, count, &tree);
	if (!rc)
		rc = agent_publish(agent, NULL, 0);
	if (!rc)
		*out_tree = tree;
	workspace_end(agent);
	return rc;
}
