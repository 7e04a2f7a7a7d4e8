/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/tree_bytes.h"

#include <stdlib.h>

/* A whole tree, and the versions above it, the newest first. */
struct climb {
	const struct tree *versions[TREE_DISTANCE_MAX];
	size_t count;
	const struct tree *below; /* whole, unless there were more */
};

static void climb_down(struct climb *climb, const struct tree *tree)
{
	climb->count = 0;
	for (; tree->base && climb->count < TREE_DISTANCE_MAX; tree = tree->base)
		climb->versions[climb->count++] = tree;
	climb->below = tree;
}

/* That of a whole tree is never dropped. */
static const struct tree_image *image_of(const struct tree *whole)
{
	return atomic_load_explicit(&whole->image, memory_order_acquire);
}

void tree_bytes_copy(const struct tree *tree, uint8_t *out)
{
	struct climb climb;
	climb_down(&climb, tree);
	if (climb.below->base)
		tree_bytes_copy(climb.below, out);
	else if (tree->shape->raw_bytes)
		memcpy(out, image_of(climb.below)->raw, tree->shape->raw_bytes);
	while (climb.count--) {
		const struct tree *version = climb.versions[climb.count];
		for (uint32_t i = 0; i < version->patch_count; i++)
			memcpy(out + tree->shape->id_at[version->patches[i].index], version->patches[i].child->id.bytes,
			       OID_BYTES);
	}
}

void tree_children_copy(const struct tree *tree, const struct object **out)
{
	struct climb climb;
	climb_down(&climb, tree);
	if (climb.below->base)
		tree_children_copy(climb.below, out);
	else if (tree->shape->count)
		memcpy(out, image_of(climb.below)->children, tree->shape->count * sizeof(*out));
	while (climb.count--) {
		const struct tree *version = climb.versions[climb.count];
		for (uint32_t i = 0; i < version->patch_count; i++)
			out[version->patches[i].index] = version->patches[i].child;
	}
}

const struct object *tree_child_at(const struct tree *tree, uint32_t index)
{
	for (; tree->base; tree = tree->base)
		for (uint32_t i = 0; i < tree->patch_count; i++)
			if (tree->patches[i].index == index)
				return tree->patches[i].child;
	return image_of(tree)->children[index];
}

/* "100644 name\0" stands before the id. */
static const uint8_t *name_of(const struct shape *shape, uint32_t index, size_t *out_bytes)
{
	uint32_t begin = index ? shape->id_at[index - 1] + OID_BYTES : 0;
	const uint8_t *end = shape->raw + shape->id_at[index] - 1;
	const uint8_t *space = memchr(shape->raw + begin, ' ', (size_t)(end - shape->raw - begin));
	*out_bytes = (size_t)(end - space) - 1;
	return space + 1;
}

int shape_name_order(const struct shape *shape, uint32_t index, const char *name, size_t name_bytes)
{
	size_t bytes;
	const uint8_t *ours = name_of(shape, index, &bytes);
	int order = memcmp(ours, name, bytes < name_bytes ? bytes : name_bytes);
	return order ? order : (bytes > name_bytes) - (bytes < name_bytes);
}

int shape_names_order(const struct shape *a, uint32_t a_index, const struct shape *b, uint32_t b_index)
{
	size_t bytes;
	const uint8_t *name = name_of(b, b_index, &bytes);
	return shape_name_order(a, a_index, (const char *)name, bytes);
}

static int by_index_newest_first(const void *left, const void *right)
{
	const struct tree_change *a = left, *b = right;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return (a->age > b->age) - (a->age < b->age);
}

/* Of each entry the newest. */
static size_t keep_first(struct tree_change *changes, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!kept || changes[kept - 1].index != changes[i].index)
			changes[kept++] = changes[i];
	return kept;
}

int tree_changes_since(const struct tree *tree, const struct tree *base, struct buffer *out)
{
	uint32_t age = 0;
	out->bytes = 0;
	for (; tree != base; tree = tree->base, age++)
		for (uint32_t i = 0; i < tree->patch_count; i++) {
			struct tree_change change = {tree->patches[i].child, tree->patches[i].index, age};
			int rc = buffer_append(out, &change, sizeof(change));
			if (rc)
				return rc;
		}
	size_t count = out->bytes / sizeof(struct tree_change);
	struct tree_change *changes = (struct tree_change *)(void *)out->at;
	if (count > 1)
		qsort(changes, count, sizeof(*changes), by_index_newest_first);
	out->bytes = keep_first(changes, count) * sizeof(*changes);
	return 0;
}
