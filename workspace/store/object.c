/* SPDX-License-Identifier: MIT
 *
 * Objects of all kinds: their ids, their way into the index, their bytes.
 */
#include "workspace/store/object_inner.h"

#include <assert.h>
#include <stdio.h>

#define OBJECT_HEADER_MAX 32u /* "commit ", twenty digits and a NUL */

const char *type_name(enum object_type type)
{
	static const char *const names[] = {
		[OBJECT_COMMIT] = "commit",
		[OBJECT_TREE] = "tree",
		[OBJECT_BLOB] = "blob",
		[OBJECT_TAG] = "tag",
		[OBJECT_LINK] = "submodule commit",
		[OBJECT_ABSENT] = "absent commit",
	};
	return names[type];
}

/* ---- ids ---- */

static size_t header_print(enum object_type type, uint64_t bytes, char out[OBJECT_HEADER_MAX])
{
	const char *name = type_name(type);
	size_t at = strlen(name);
	char digits[20];
	unsigned count = 0;
	memcpy(out, name, at);
	out[at++] = ' ';
	do {
		digits[count++] = (char)('0' + bytes % 10);
		bytes /= 10;
	} while (bytes);
	while (count)
		out[at++] = digits[--count];
	out[at++] = 0;
	return at;
}

int object_begin(struct workspace_agent *agent, struct object *object, enum object_type type, const void *raw, uint64_t bytes)
{
	char header[OBJECT_HEADER_MAX];
	struct sha1_span spans[] = {{header, header_print(type, bytes, header)}, {raw, bytes}};
	object->type = (uint8_t)type;
	object->bytes = bytes;
	atomic_init(&object->flags, 0);
	atomic_init(&object->round, 0);
	if (!agent->workspace->options.check_collisions) {
		sha1_of(spans, 2, object->id.bytes);
		return 0;
	}
	atomic_init(&object->flags, FLAG_CHECKED);
	if (!sha1_attacked(spans, 2, object->id.bytes))
		return 0;
	char hex[OID_HEX_BYTES];
	oid_print(&object->id, hex);
	return agent_fail(agent, ERR_CORRUPT, "the %s %s was made to have the id of another one", type_name(type), hex);
}

int object_expect(struct workspace_agent *agent, const struct object *object, const struct oid *id)
{
	char wanted[OID_HEX_BYTES], found[OID_HEX_BYTES];
	if (!memcmp(object->id.bytes, id->bytes, OID_BYTES))
		return 0;
	oid_print(id, wanted);
	oid_print(&object->id, found);
	return agent_fail(agent, ERR_CORRUPT, "what should be the %s %s is %s", type_name(object->type), wanted, found);
}

int object_put(struct workspace_agent *agent, struct object *node, const struct object **out_object)
{
	struct object *winner = NULL;
	if (agent->pending.is_held) {
		assert(agent->pending.count < PENDING_MAX);
		index_prefetch(agent, &node->id);
		agent->pending.nodes[agent->pending.count++] = node;
		*out_object = node;
		return 0;
	}
	int rc = index_put(agent, node, &winner);
	if (rc || winner != node)
		object_free(agent, node);
	*out_object = rc ? NULL : winner;
	return rc ? rc : agent_fresh(agent, winner);
}

/* ---- memory ---- */

size_t object_taken(const struct object *object)
{
	switch ((enum object_type)object->type) {
	case OBJECT_BLOB:
		return sizeof(struct blob) + object->bytes;
	case OBJECT_COMMIT:
		return sizeof(struct commit) + object_as_commit(object)->parent_count * sizeof(struct object *) + object->bytes +
		       1;
	case OBJECT_TAG:
		return sizeof(struct tag) + object->bytes + 1;
	case OBJECT_TREE:
		return sizeof(struct tree) + object_as_tree(object)->patch_count * sizeof(struct tree_patch);
	case OBJECT_LINK:
	case OBJECT_ABSENT:
		break;
	}
	return sizeof(struct object_aside);
}

void object_free(struct workspace_agent *agent, struct object *object)
{
	if (object->type == OBJECT_TREE) {
		struct tree *tree = (struct tree *)object;
		struct tree_image *image = atomic_load_explicit(&tree->image, memory_order_relaxed);
		if (image)
			tree_image_give(agent, tree->shape, image);
	}
	memory_give(agent, object, object_taken(object));
}

void object_edges(const struct object *object, object_edge *edge, void *context)
{
	const struct commit *commit = object_as_commit(object);
	const struct tree *tree = object_as_tree(object);
	if (commit) {
		edge(context, &commit->tree->object);
		for (uint32_t i = 0; i < commit->parent_count; i++)
			edge(context, commit->parents[i]);
	} else if (tree && tree->base) {
		edge(context, &tree->base->object);
		for (uint32_t i = 0; i < tree->patch_count; i++)
			edge(context, tree->patches[i].child);
	} else if (tree) {
		const struct tree_image *image = atomic_load_explicit(&tree->image, memory_order_acquire);
		for (uint32_t i = 0; i < tree->shape->count; i++)
			edge(context, image->children[i]);
	} else if (object->type == OBJECT_TAG) {
		edge(context, ((const struct tag *)object)->target);
	}
}

/* ---- blobs, and objects of which there is only an id ---- */

int blob_make_as(struct workspace_agent *agent, struct bytes data, const struct oid *id, const struct object **out_object)
{
	struct blob *blob = memory_take(agent, sizeof(*blob) + data.bytes);
	if (!blob)
		return agent->rc;
	if (data.bytes)
		memcpy(blob->data, data.at, data.bytes);
	int rc = object_begin(agent, &blob->object, OBJECT_BLOB, blob->data, data.bytes);
	if (!rc && id)
		rc = object_expect(agent, &blob->object, id);
	if (!rc)
		return object_put(agent, &blob->object, out_object);
	memory_give(agent, blob, sizeof(*blob) + data.bytes);
	return rc;
}

int blob_make(struct workspace_agent *agent, struct bytes data, const struct blob **out_blob)
{
	const struct object *object;
	int rc = blob_make_as(agent, data, NULL, &object);
	if (!rc)
		*out_blob = object_as_blob(object);
	return rc;
}

int object_link(struct workspace_agent *agent, enum object_type type, const struct oid *id, const struct object **out_object)
{
	assert(type == OBJECT_LINK || type == OBJECT_ABSENT);
	struct object_asides *asides = &agent->workspace->asides;
	struct object_aside *aside = memory_take(agent, sizeof(*aside));
	if (!aside)
		return agent->rc;
	aside->object = (struct object){.id = *id, .type = (uint8_t)type};
	aside->next = atomic_load_explicit(&asides->ids, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&asides->ids, &aside->next, aside, memory_order_release,
						      memory_order_relaxed))
		;
	*out_object = &aside->object;
	return 0;
}

void shape_keep(struct workspace_agent *agent, struct shape *shape)
{
	struct object_asides *asides = &agent->workspace->asides;
	shape->next = atomic_load_explicit(&asides->shapes, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&asides->shapes, &shape->next, shape, memory_order_release,
						      memory_order_relaxed))
		;
}

static void shapes_sweep(struct workspace_agent *agent, struct object_asides *asides, bool keep_unmarked)
{
	struct shape *kept = NULL, *next;
	for (struct shape *shape = atomic_load(&asides->shapes); shape; shape = next) {
		next = shape->next;
		bool stays = keep_unmarked || atomic_load_explicit(&shape->marked, memory_order_relaxed);
		atomic_store_explicit(&shape->marked, false, memory_order_relaxed);
		if (!stays) {
			shape_give(agent, shape);
			continue;
		}
		shape->next = kept;
		kept = shape;
	}
	atomic_store(&asides->shapes, kept);
}

void object_asides_sweep(struct workspace_agent *agent, struct object_asides *asides, bool keep_unmarked)
{
	struct object_aside *kept = NULL, *next;
	for (struct object_aside *aside = atomic_load(&asides->ids); aside; aside = next) {
		next = aside->next;
		uint8_t flags = atomic_fetch_and(&aside->object.flags, (uint8_t)~FLAG_MARKED);
		if (!keep_unmarked && !(flags & FLAG_MARKED)) {
			object_free(agent, &aside->object);
			continue;
		}
		aside->next = kept;
		kept = aside;
	}
	atomic_store(&asides->ids, kept);
	shapes_sweep(agent, asides, keep_unmarked);
}

/* ---- reading ---- */

int object_raw(struct workspace_agent *agent, const struct object *object, struct bytes *out_raw)
{
	const struct tree *tree = object_as_tree(object);
	struct tree_view view;
	const void *raw = object->type == OBJECT_BLOB     ? (const void *)object_as_blob(object)->data
			  : object->type == OBJECT_COMMIT ? (const void *)object_as_commit(object)->raw
			  : object->type == OBJECT_TAG    ? (const void *)((const struct tag *)object)->raw
							  : NULL;
	int rc = tree ? tree_view_any(agent, tree, &view) : 0;
	if (rc)
		return rc;
	*out_raw = (struct bytes){tree ? view.raw : raw, (uint32_t)object->bytes};
	return 0;
}
