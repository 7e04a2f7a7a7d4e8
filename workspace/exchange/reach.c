/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/reach.h"

#include <stdlib.h>

#include "workspace/exchange/pack_entry.h"
#include "workspace/exchange/tree_bytes.h"

#define THERE UINT32_MAX /* the number of what does not go into the pack; others have their place in a list, plus one */

struct walk_step {
	const struct tree *tree;
	const struct tree *like; /* stood in its place in an older commit; may be NULL */
};

void reach_release(struct reach *reach)
{
	node_map_release(&reach->met);
	free(reach->commits.at);
	free(reach->tags.at);
	free(reach->trees.at);
	free(reach->blobs.at);
	buffer_release(&reach->cuts);
	buffer_release(&reach->commits_to_walk);
	buffer_release(&reach->trees_to_walk);
	buffer_release(&reach->changes);
	buffer_release(&reach->children);
	buffer_release(&reach->hints);
	*reach = (struct reach){0};
}

bool reach_met(const struct reach *reach, const struct object *object)
{
	return node_map_get(&reach->met, object) != 0;
}

static int list_append(struct reach_list *list, struct reach_record record)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 256;
		struct reach_record *at = realloc(list->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		list->at = at;
		list->capacity = capacity;
	}
	list->at[list->count++] = record;
	return list->count < THERE - 1 ? 0 : ERR_LIMIT;
}

/* Give it its place, if it has none yet. */
static int meet(struct reach *reach, struct reach_list *list, const struct object *object, bool *out_new)
{
	int rc = node_map_add(&reach->met, object, reach->there ? THERE : (uint32_t)list->count + 1, out_new);
	if (!rc && *out_new && !reach->there)
		rc = list_append(list, (struct reach_record){object, REACH_NO_BASE, 0});
	return rc;
}

/* ---- trees ---- */

/* Its place in the list of its kind, or REACH_NO_BASE. */
static uint32_t place_in_list(const struct reach *reach, const struct object *object)
{
	uint32_t number = node_map_get(&reach->met, object);
	return number && number != THERE ? number - 1 : REACH_NO_BASE;
}

static void set_base(struct reach_list *list, uint32_t base)
{
	struct reach_record *record = &list->at[list->count - 1];
	if (base == REACH_NO_BASE || list->at[base].depth >= PACK_DEPTH_MAX)
		return;
	record->base = base;
	record->depth = list->at[base].depth + 1;
}

/* The version below it that is in the pack, else the tree it is like. */
static void choose_base(struct reach *reach, const struct tree *tree, const struct tree *like)
{
	uint32_t base = REACH_NO_BASE;
	for (const struct tree *below = tree->base; below && base == REACH_NO_BASE; below = below->base)
		base = place_in_list(reach, &below->object);
	if (base == REACH_NO_BASE && like && like != tree)
		base = place_in_list(reach, &like->object);
	set_base(&reach->trees, base);
}

/* `like` stood in its place in an older commit, or is NULL. */
static int meet_file(struct reach *reach, const struct object *file, const struct object *like)
{
	bool is_new;
	int rc = meet(reach, &reach->blobs, file, &is_new);
	if (!rc && is_new && !reach->there && like && like->type == OBJECT_BLOB)
		set_base(&reach->blobs, place_in_list(reach, like));
	return rc;
}

static int push_child(struct reach *reach, const struct object *child, const struct object *like)
{
	if (child->type == OBJECT_BLOB)
		return meet_file(reach, child, like);
	if (child->type != OBJECT_TREE || reach_met(reach, child))
		return 0;
	struct walk_step step = {object_as_tree(child), object_as_tree(like)};
	return buffer_append(&reach->trees_to_walk, &step, sizeof(step));
}

static int push_changes(struct reach *reach, const struct tree *tree, const struct tree *base)
{
	int rc = tree_changes_since(tree, base, &reach->changes);
	const struct tree_change *changes = (const struct tree_change *)(const void *)reach->changes.at;
	size_t count = reach->changes.bytes / sizeof(*changes);
	for (size_t i = 0; i < count && !rc; i++) {
		const struct tree *child = object_as_tree(changes[i].child);
		bool has_base = child && child->base;
		rc = push_child(reach, changes[i].child, has_base ? NULL : tree_child_at(base, changes[i].index));
	}
	return rc;
}

static int children_into(struct buffer *buffer, const struct tree *tree, const struct object *const **out_children)
{
	static const struct object *const none;
	size_t bytes = tree ? tree->shape->count * sizeof(struct object *) : 0;
	*out_children = &none;
	if (!bytes)
		return 0;
	if (buffer->capacity < bytes) {
		uint8_t *at = realloc(buffer->at, bytes);
		if (!at)
			return ERR_MEMORY;
		buffer->at = at;
		buffer->capacity = bytes;
	}
	tree_children_copy(tree, (const struct object **)(void *)buffer->at);
	*out_children = (const struct object *const *)(const void *)buffer->at;
	return 0;
}

/* The entry of `like` that has the name of entry `index`; `*at` moves on from one call to the next. */
static bool same_name(const struct shape *shape, uint32_t index, const struct shape *like, uint32_t *at)
{
	for (; *at < like->count; ++*at) {
		int order = shape_names_order(shape, index, like, *at);
		if (order <= 0)
			return order == 0;
	}
	return false;
}

static int push_all(struct reach *reach, const struct tree *tree, const struct tree *like)
{
	const struct object *const *children, *const *hints;
	uint32_t at = 0;
	int rc = children_into(&reach->children, tree, &children);
	if (!rc)
		rc = children_into(&reach->hints, like, &hints);
	for (uint32_t i = 0; i < tree->shape->count && !rc; i++) {
		bool found = like && same_name(tree->shape, i, like->shape, &at);
		rc = push_child(reach, children[i], found ? hints[at] : NULL);
	}
	return rc;
}

static int walk_step(struct reach *reach, const struct tree *tree, const struct tree *like)
{
	bool is_new;
	int rc = meet(reach, &reach->trees, &tree->object, &is_new);
	if (rc || !is_new)
		return rc;
	if (!reach->there)
		choose_base(reach, tree, like);
	/* What a tree leads to that was met is met, or waits in the list. */
	const struct tree *base = tree->base;
	while (base && !reach_met(reach, &base->object))
		base = base->base;
	return base ? push_changes(reach, tree, base) : push_all(reach, tree, like);
}

static int walk_tree(struct reach *reach, const struct tree *tree, const struct tree *like)
{
	struct buffer *steps = &reach->trees_to_walk;
	int rc = push_child(reach, &tree->object, like ? &like->object : NULL);
	while (!rc && steps->bytes) {
		struct walk_step step;
		steps->bytes -= sizeof(step);
		memcpy(&step, steps->at + steps->bytes, sizeof(step));
		rc = walk_step(reach, step.tree, step.like);
	}
	return rc;
}

/* ---- commits ---- */

static int by_id(const void *left, const void *right)
{
	return memcmp(left, right, OID_BYTES);
}

static bool goes_on(struct reach *reach, const struct commit *commit)
{
	if (reach->there && reach->end_count)
		return !bsearch(&commit->object.id, reach->ends, reach->end_count, sizeof(*reach->ends), by_id);
	return true;
}

static bool lacks_parent(const struct commit *commit)
{
	for (uint32_t i = 0; i < commit->parent_count; i++)
		if (commit->parents[i]->type == OBJECT_ABSENT)
			return true;
	return false;
}

static int push_parents(struct reach *reach, const struct commit *commit, struct buffer *steps)
{
	int rc = 0;
	if (lacks_parent(commit))
		return reach->there ? 0 : buffer_append(&reach->cuts, &commit, sizeof(struct commit *));
	for (uint32_t i = 0; i < commit->parent_count && !rc; i++)
		if (!reach_met(reach, commit->parents[i]))
			rc = buffer_append(steps, &commit->parents[i], sizeof(struct object *));
	return rc;
}

/* All that were not met, in any order: appended to `found`. */
static int find_commits(struct reach *reach, struct buffer *found)
{
	struct buffer *steps = &reach->commits_to_walk;
	int rc = 0;
	while (!rc && steps->bytes) {
		const struct commit *commit;
		bool is_new;
		steps->bytes -= sizeof(struct commit *);
		memcpy(&commit, steps->at + steps->bytes, sizeof(struct commit *));
		rc = node_map_add(&reach->met, &commit->object, reach->there ? THERE : 1, &is_new);
		if (rc || !is_new)
			continue;
		rc = buffer_append(found, &commit, sizeof(struct commit *));
		if (!rc && goes_on(reach, commit))
			rc = push_parents(reach, commit, steps);
	}
	return rc;
}

static int by_generation(const void *left, const void *right)
{
	const struct commit *const *a = left, *const *b = right;
	if ((*a)->generation != (*b)->generation)
		return (*a)->generation < (*b)->generation ? -1 : 1;
	return ((*a)->seconds > (*b)->seconds) - ((*a)->seconds < (*b)->seconds);
}

static const struct tree *tree_before(const struct commit *commit)
{
	const struct commit *parent = commit->parent_count ? object_as_commit(commit->parents[0]) : NULL;
	return parent ? parent->tree : NULL;
}

/* From the oldest to the newest, so that versions come after what they are versions of. */
static int walk_commits(struct reach *reach, struct buffer *found)
{
	const struct commit **commits = (const struct commit **)(void *)found->at;
	size_t count = found->bytes / sizeof(*commits);
	int rc = 0;
	if (count > 1)
		qsort(commits, count, sizeof(*commits), by_generation);
	for (size_t i = 0; i < count && !rc; i++) {
		if (!reach->there)
			rc = list_append(&reach->commits, (struct reach_record){&commits[i]->object, REACH_NO_BASE, 0});
		if (!rc)
			rc = walk_tree(reach, commits[i]->tree, tree_before(commits[i]));
	}
	return rc;
}

static int walk_all_commits(struct reach *reach)
{
	struct buffer found = {0};
	int rc = find_commits(reach, &found);
	if (!rc)
		rc = walk_commits(reach, &found);
	buffer_release(&found);
	return rc;
}

/* ---- what refs name ---- */

static int begin_at(struct reach *reach, const struct object *object)
{
	bool is_new = true;
	int rc = 0;
	while (object->type == OBJECT_TAG && is_new && !rc) {
		rc = meet(reach, &reach->tags, object, &is_new);
		object = ((const struct tag *)(const void *)object)->target;
	}
	if (rc || !is_new)
		return rc;
	if (object->type == OBJECT_COMMIT)
		return buffer_append(&reach->commits_to_walk, &object, sizeof(struct object *));
	if (object->type == OBJECT_TREE)
		return walk_tree(reach, object_as_tree(object), NULL);
	return object->type == OBJECT_BLOB ? meet(reach, &reach->blobs, object, &is_new) : 0;
}

int reach_there(struct reach *reach, const struct object *object)
{
	reach->there = true;
	int rc = begin_at(reach, object);
	if (!rc)
		rc = walk_all_commits(reach);
	reach->there = false;
	return rc;
}

int reach_want(struct reach *reach, const struct object *const *objects, size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		rc = begin_at(reach, objects[i]);
	return rc ? rc : walk_all_commits(reach);
}

/* ---- the list ---- */

static void put_reversed(struct reach_record **to, const struct reach_list *list)
{
	for (size_t i = list->count; i--;)
		*(*to)++ = list->at[i];
}

static void put(struct reach_record **to, const struct reach_list *list, uint32_t before)
{
	for (size_t i = 0; i < list->count; i++) {
		struct reach_record record = list->at[i];
		if (record.base != REACH_NO_BASE)
			record.base += before;
		*(*to)++ = record;
	}
}

int reach_records(const struct reach *reach, struct reach_record **out_records, size_t *out_count)
{
	size_t before = reach->commits.count + reach->tags.count;
	size_t count = before + reach->trees.count + reach->blobs.count;
	if (count >= UINT32_MAX)
		return ERR_LIMIT;
	struct reach_record *records = malloc((count + 1) * sizeof(*records)), *to = records;
	if (!records)
		return ERR_MEMORY;
	put_reversed(&to, &reach->commits);
	put(&to, &reach->tags, 0);
	put(&to, &reach->trees, (uint32_t)before);
	put(&to, &reach->blobs, (uint32_t)(before + reach->trees.count));
	*out_records = records;
	*out_count = count;
	return 0;
}
