/* SPDX-License-Identifier: MIT
 *
 * Marking what stays.
 *
 * A version of a tree needs the one that it builds on, but is no reason to keep it with all that only it leads to. So first everything is marked
 * that refs lead to without that; a tree whose base then has no mark is made whole, or, if several would have to be, the base stays.
 */
#include <stdlib.h>

#include "workspace/store/gc_inner.h"

#define SHARERS_MAX 4u /* so many whole trees cost more than the base that they have in common */

static void set_mark(const struct object *object)
{
	struct object *mutable = (struct object *)(uintptr_t)object;
	uint8_t flags = atomic_load_explicit(&mutable->flags, memory_order_relaxed);
	atomic_store_explicit(&mutable->flags, flags | FLAG_MARKED, memory_order_relaxed);
}

int gc_unmark(void *context, struct object *object)
{
	uint8_t flags = atomic_load_explicit(&object->flags, memory_order_relaxed);

	(void)context;
	atomic_store_explicit(&object->flags, flags & (uint8_t)~FLAG_MARKED, memory_order_relaxed);
	return 0;
}

static void list_add(struct gc *gc, struct gc_list *list, const struct object *object)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 1024;
		const struct object **at = realloc(list->at, capacity * sizeof(*at));
		if (!at) {
			gc->rc = agent_fail(gc->agent, ERR_MEMORY, "the system has no memory to collect garbage with");
			return;
		}
		list->at = at;
		list->capacity = capacity;
	}
	list->at[list->count++] = object;
}

static void mark(void *context, const struct object *object)
{
	struct gc *gc = context;

	if (gc_has_mark(object))
		return;
	set_mark(object);
	if (object->type != OBJECT_BLOB && object->type <= OBJECT_TAG)
		list_add(gc, &gc->stack, object);
}

static void mark_tree(struct gc *gc, const struct tree *tree)
{
	atomic_store_explicit(&((struct shape *)(uintptr_t)tree->shape)->marked, true, memory_order_relaxed);
	if (!tree->base) {
		object_edges(&tree->object, mark, gc);
		return;
	}
	for (uint32_t i = 0; i < tree->patch_count; i++)
		mark(gc, tree->patches[i].child);
	if (!gc_has_mark(&tree->base->object))
		list_add(gc, &gc->deltas, &tree->object);
}

static int mark_all_from(struct gc *gc, const struct object *object)
{
	mark(gc, object);
	while (gc->stack.count && !gc->rc) {
		object = gc->stack.at[--gc->stack.count];
		if (object->type == OBJECT_TREE)
			mark_tree(gc, object_as_tree(object));
		else
			object_edges(object, mark, gc);
	}
	return gc->rc;
}

static int mark_ref(void *context, void *node)
{
	const struct ref_value *value = ref_value_of(node);
	return ref_value_is_there(value) ? mark_all_from(context, value->object) : 0;
}

static int mark_young(void *context, struct object *object)
{
	struct gc *gc = context;
	return atomic_load_explicit(&object->round, memory_order_relaxed) == gc->round ? mark_all_from(gc, object) : 0;
}

/* ---- trees whose base would go ---- */

static int by_base(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)object_as_tree(*(const struct object *const *)a)->base;
	uintptr_t y = (uintptr_t)object_as_tree(*(const struct object *const *)b)->base;
	return x < y ? -1 : x > y;
}

/* Without memory for that, its base stays. */
static int make_whole(struct gc *gc, const struct tree *tree)
{
	struct tree *mutable = (struct tree *)(uintptr_t)tree;
	struct tree_view view;

	if (tree_view_any(gc->agent, tree, &view))
		return mark_all_from(gc, &tree->base->object);
	atomic_load_explicit(&tree->image, memory_order_relaxed)->is_lent = false;
	mutable->base = NULL;
	mutable->distance = 0;
	for (uint32_t i = 0; i < view.shape->count && !gc->rc; i++)
		mark_all_from(gc, view.children[i]);
	return gc->rc;
}

/* Trees with one base. */
static int settle_group(struct gc *gc, const struct object **trees, size_t count)
{
	const struct object *base = &object_as_tree(trees[0])->base->object;
	int rc = 0;

	if (count >= SHARERS_MAX)
		return mark_all_from(gc, base);
	for (size_t i = 0; i < count && !rc && !gc_has_mark(base); i++)
		rc = make_whole(gc, object_as_tree(trees[i]));
	return rc;
}

/* What is marked on the way may bring new ones. */
static int settle_deltas(struct gc *gc)
{
	while (gc->deltas.count && !gc->rc) {
		struct gc_list now = gc->deltas;
		gc->deltas = (struct gc_list){0};
		qsort(now.at, now.count, sizeof(*now.at), by_base);
		for (size_t i = 0, end; i < now.count && !gc->rc; i = end) {
			const struct tree *base = object_as_tree(now.at[i])->base;
			for (end = i + 1; end < now.count && object_as_tree(now.at[end])->base == base;)
				end++;
			if (!gc_has_mark(&base->object))
				settle_group(gc, now.at + i, end - i);
		}
		free(now.at);
	}
	return gc->rc;
}

int gc_mark(struct gc *gc)
{
	int rc = hash_table_each(&gc->workspace->refs.table, mark_ref, gc);

	if (!rc && !gc->now)
		rc = index_each(gc->agent, NULL, mark_young, gc);
	if (!rc)
		rc = settle_deltas(gc);
	free(gc->stack.at);
	free(gc->deltas.at);
	return rc;
}
