/* SPDX-License-Identifier: MIT
 *
 * Versions of trees, and the images that are made of them to look at.
 */
#include "workspace/store/object_inner.h"

#include <assert.h>

#define LENT_BYTES_MAX (8u << 20)

/* ---- images ---- */

static size_t image_taken(const struct shape *shape, bool has_raw)
{
	return sizeof(struct tree_image) + (size_t)shape->count * sizeof(struct object *) + (has_raw ? shape->raw_bytes : 0);
}

static size_t image_bytes(const struct shape *shape, const struct tree_image *image)
{
	return image_taken(shape, image->raw != shape->raw);
}

struct tree_image *tree_image_take(struct workspace_agent *agent, const struct shape *shape, const uint8_t *raw)
{
	struct tree_image *image = memory_take(agent, image_taken(shape, !raw));
	if (!image)
		return NULL;
	image->children = (const struct object **)(image + 1);
	image->raw = raw ? (uint8_t *)(uintptr_t)raw : (uint8_t *)(image->children + shape->count);
	image->is_lent = false;
	return image;
}

void tree_image_give(struct workspace_agent *agent, const struct shape *shape, struct tree_image *image)
{
	memory_give(agent, image, image_bytes(shape, image));
}

size_t tree_image_drop(struct workspace_agent *agent, const struct tree *tree)
{
	struct tree *mutable = (struct tree *)(uintptr_t)tree;
	if (!tree->base)
		return 0;
	struct tree_image *image = atomic_exchange_explicit(&mutable->image, NULL, memory_order_acq_rel);
	if (!image)
		return 0;
	size_t bytes = image_bytes(tree->shape, image);
	memory_retire(agent, image, bytes);
	return bytes;
}

static void image_patch(const struct shape *shape, struct tree_image *image, const struct tree_patch *patches, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t index = patches[i].index;
		image->children[index] = patches[i].child;
		memcpy(image->raw + shape->id_at[index], patches[i].child->id.bytes, OID_BYTES);
	}
}

static void image_copy(const struct shape *shape, struct tree_image *image, const struct tree_image *from)
{
	memcpy(image->children, from->children, shape->count * sizeof(struct object *));
	memcpy(image->raw, from->raw, shape->raw_bytes);
}

/* From the nearest version that has one. */
static struct tree_image *image_again(struct workspace_agent *agent, const struct tree *tree)
{
	const struct tree *versions[TREE_DISTANCE_MAX];
	const struct tree_image *from;
	unsigned count = 0;
	while (!(from = atomic_load_explicit(&tree->image, memory_order_acquire))) {
		assert(tree->base && count < TREE_DISTANCE_MAX);
		versions[count++] = tree;
		tree = tree->base;
	}
	struct tree_image *image = tree_image_take(agent, tree->shape, NULL);
	if (!image)
		return NULL;
	image_copy(tree->shape, image, from);
	while (count--)
		image_patch(tree->shape, image, versions[count]->patches, versions[count]->patch_count);
	return image;
}

/* ---- what was lent ---- */

static void lent_drop_first(struct workspace_agent *agent, struct object_lent *lent)
{
	const struct tree *tree = lent->trees[lent->first];
	lent->first = (lent->first + 1) % LENT_MAX;
	lent->count--;
	lent->bytes -= tree->object.bytes;
	(void)tree_image_drop(agent, tree);
}

static void lent_add(struct workspace_agent *agent, const struct tree *tree)
{
	struct object_lent *lent = &agent->lent;
	while (lent->count == LENT_MAX || (lent->count && lent->bytes + tree->object.bytes > LENT_BYTES_MAX))
		lent_drop_first(agent, lent);
	lent->trees[(lent->first + lent->count++) % LENT_MAX] = tree;
	lent->bytes += tree->object.bytes;
}

void object_lent_forget(struct workspace_agent *agent, struct object_lent *lent)
{
	while (lent->count)
		lent_drop_first(agent, lent);
}

/* ---- reading ---- */

static int image_lend(struct workspace_agent *agent, const struct tree *tree, const struct tree_image **out_image)
{
	struct tree *mutable = (struct tree *)(uintptr_t)tree;
	struct tree_image *there = NULL, *image = image_again(agent, tree);
	if (!image)
		return agent->rc;
	image->is_lent = true;
	if (atomic_compare_exchange_strong_explicit(&mutable->image, &there, image, memory_order_acq_rel, memory_order_acquire)) {
		lent_add(agent, tree);
		*out_image = image;
	} else {
		tree_image_give(agent, tree->shape, image);
		*out_image = there;
	}
	return 0;
}

static int fail_disordered(struct workspace_agent *agent, const struct tree *tree)
{
	char hex[OID_HEX_BYTES];
	oid_print(&tree->object.id, hex);
	return agent_fail(
		agent, ERR_MALFORMED,
		"tree %s came with names twice, in a wrong order or with a slash in them: it can be kept and read, but not "
		"compared, changed or written into a folder",
		hex);
}

int tree_view(struct workspace_agent *agent, const struct tree *tree, struct tree_view *out_view)
{
	return tree->shape->is_disordered ? fail_disordered(agent, tree) : tree_view_any(agent, tree, out_view);
}

int tree_view_any(struct workspace_agent *agent, const struct tree *tree, struct tree_view *out_view)
{
	const struct tree_image *image = atomic_load_explicit(&tree->image, memory_order_acquire);
	int rc = image ? 0 : image_lend(agent, tree, &image);
	if (!rc)
		*out_view = (struct tree_view){tree->shape, image->children, image->raw};
	return rc;
}

const struct object *tree_child(const struct tree *tree, uint32_t index)
{
	const struct tree_image *image;
	while (!(image = atomic_load_explicit(&tree->image, memory_order_acquire))) {
		for (uint32_t i = 0; i < tree->patch_count; i++) {
			if (tree->patches[i].index == index)
				return tree->patches[i].child;
		}
		tree = tree->base;
	}
	return image->children[index];
}

void tree_view_entry(const struct tree_view *view, uint32_t index, struct tree_entry *out_entry)
{
	uint32_t at = shape_name_at(view->shape, index);
	*out_entry = (struct tree_entry){.name = (const char *)view->shape->raw + at,
					 .name_bytes = view->shape->id_at[index] - 1 - at,
					 .mode = shape_mode(view->shape, index),
					 .child = view->children[index]};
}

bool tree_view_find(const struct tree_view *view, const char *name, size_t name_bytes, uint32_t *out_index)
{
	return shape_find(view->shape, name, name_bytes, out_index);
}

/* ---- making ---- */

static void plan_give(struct workspace_agent *agent, const struct tree_plan *plan, const struct shape *shape)
{
	tree_image_give(agent, shape, plan->image);
	if (plan->new_shape)
		shape_give(agent, plan->new_shape);
}

int tree_names_check(struct workspace_agent *agent, const struct shape *shape)
{
	const char *why;
	for (uint32_t i = 0; i < shape->count; i++) {
		uint32_t at = shape_name_at(shape, i), bytes = shape->id_at[i] - 1 - at;
		const char *name = (const char *)shape->raw + at;
		if (tree_name_check(name, bytes, shape_mode(shape, i), &why))
			return agent_fail(agent, ERR_MALFORMED, "\"%.*s\" came with the repository and can only be removed: %s",
					  bytes > 100 ? 100 : (int)bytes, name, why);
	}
	return 0;
}

static int plan_check(struct workspace_agent *agent, const struct tree_plan *plan, const struct shape *shape,
		      const struct object *head)
{
	int rc = plan->id ? object_expect(agent, head, plan->id) : 0;
	if (rc || !shape->is_special || plan->judge == JUDGE_AS_READ)
		return rc;
	return special_check(agent, shape, plan->image->children, plan->base ? plan->base : plan->like);
}

/* A version if that is possible, every so often a whole one. */
static struct tree *tree_take(struct workspace_agent *agent, const struct tree_plan *plan, const struct shape *shape)
{
	const struct tree *base = plan->base;
	bool is_version = base && base->distance + 1 < TREE_DISTANCE_MAX;
	uint32_t count = is_version ? plan->patch_count : 0;
	struct tree *tree = memory_take(agent, sizeof(*tree) + count * sizeof(struct tree_patch));
	if (!tree)
		return NULL;
	tree->shape = shape;
	tree->base = is_version ? base : NULL;
	tree->distance = is_version ? base->distance + 1 : 0;
	tree->patch_count = count;
	if (count)
		memcpy(tree->patches, plan->patches, count * sizeof(struct tree_patch));
	atomic_init(&tree->image, plan->image);
	return tree;
}

/* A new version takes the image's place: who wants to see the old one again can have it made again. */
static void base_drop(struct workspace_agent *agent, const struct tree *base)
{
	const struct tree_image *image = atomic_load_explicit(&base->image, memory_order_acquire);
	if (image && !image->is_lent)
		(void)tree_image_drop(agent, base);
}

int tree_settle(struct workspace_agent *agent, const struct tree_plan *plan, const struct tree **out_tree)
{
	const struct shape *shape = plan->new_shape ? plan->new_shape : plan->base->shape;
	struct object head;
	const struct object *object;
	int rc = object_begin(agent, &head, OBJECT_TREE, plan->image->raw, shape->raw_bytes);
	if (!rc)
		rc = plan_check(agent, plan, shape, &head);
	struct tree *tree = rc ? NULL : tree_take(agent, plan, shape);
	if (!rc && !tree)
		rc = agent->rc;
	if (rc) {
		plan_give(agent, plan, shape);
		return rc;
	}
	tree->object = head;
	rc = object_put(agent, &tree->object, &object);
	bool is_new = object == &tree->object; /* also where it could not be remembered for the journal */
	if (plan->new_shape && is_new)
		shape_keep(agent, plan->new_shape);
	else if (plan->new_shape)
		shape_give(agent, plan->new_shape);
	if (is_new && plan->base)
		base_drop(agent, plan->base);
	if (!rc)
		*out_tree = object_as_tree(object);
	return rc;
}

/* ---- patches ---- */

/* Those that change anything, and of the right kind. */
static int patches_choose(struct workspace_agent *agent, const struct tree_view *view, const struct tree_patch *patches,
			  size_t count, struct tree_patch *chosen, uint32_t *out_count)
{
	*out_count = 0;
	for (size_t i = 0; i < count; i++) {
		assert(patches[i].index < view->shape->count);
		enum file_mode mode = shape_mode(view->shape, patches[i].index);
		if (patches[i].child->type != mode_type(mode))
			return agent_fail(agent, ERR_MALFORMED, "a %s cannot stand where the mode is %o",
					  type_name(patches[i].child->type), mode);
		if (!object_same(view->children[patches[i].index], patches[i].child))
			chosen[(*out_count)++] = patches[i];
	}
	return 0;
}

int tree_patch_as(struct workspace_agent *agent, enum object_judge judge, const struct tree *base,
		  const struct tree_patch *patches, size_t count, const struct oid *id, const struct tree **out_tree)
{
	struct tree_view view;
	struct tree_plan plan = {.base = base, .id = id, .judge = judge};
	int rc = judge == JUDGE_AS_READ ? tree_view_any(agent, base, &view) : tree_view(agent, base, &view);
	if (rc)
		return rc;
	struct tree_patch few[4], *chosen = count <= 4 ? few : agent_scratch(agent, count * sizeof(*chosen));
	if (!chosen)
		return agent->rc;
	rc = patches_choose(agent, &view, patches, count, chosen, &plan.patch_count);
	if (rc)
		return rc;
	if (plan.patch_count == 0) {
		*out_tree = base;
		return 0;
	}
	if (judge == JUDGE_STRICT && base->shape->is_refused)
		return tree_names_check(agent, base->shape);
	plan.patches = chosen;
	plan.image = tree_image_take(agent, base->shape, NULL);
	if (!plan.image)
		return agent->rc;
	memcpy(plan.image->children, view.children, base->shape->count * sizeof(struct object *));
	memcpy(plan.image->raw, view.raw, base->shape->raw_bytes);
	image_patch(base->shape, plan.image, chosen, plan.patch_count);
	return tree_settle(agent, &plan, out_tree);
}
