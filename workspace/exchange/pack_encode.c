/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/pack_encode.h"

#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/pack_delta.h"
#include "workspace/exchange/tree_bytes.h"
#include "workspace/sha1.h"

#define STORED_DELTA_MAX 200u /* ids mostly, which do not deflate: not worth 4 us */

int pack_encoder_init(struct pack_encoder *encoder, bool check)
{
	*encoder = (struct pack_encoder){.check = check};
	return pack_deflater_new(&encoder->deflater);
}

void pack_encoder_release(struct pack_encoder *encoder)
{
	pack_deflater_free(encoder->deflater);
	buffer_release(&encoder->tree);
	buffer_release(&encoder->base);
	buffer_release(&encoder->changes);
	buffer_release(&encoder->ids);
	buffer_release(&encoder->pieces);
	buffer_release(&encoder->delta);
}

static int tree_into(struct buffer *buffer, const struct tree *tree)
{
	size_t bytes = tree->shape->raw_bytes;
	if (buffer->capacity < bytes) {
		uint8_t *at = realloc(buffer->at, bytes * 2);
		if (!at)
			return ERR_MEMORY;
		buffer->at = at;
		buffer->capacity = bytes * 2;
	}
	buffer->bytes = bytes;
	if (bytes)
		tree_bytes_copy(tree, buffer->at);
	return 0;
}

/* Where the object's bytes lie; those of a tree in encoder->tree. */
static int bytes_of(struct pack_encoder *encoder, const struct object *object, const void **out_at)
{
	int rc = 0;
	switch ((enum object_type)object->type) {
	case OBJECT_COMMIT:
		*out_at = ((const struct commit *)(const void *)object)->raw;
		break;
	case OBJECT_TAG:
		*out_at = ((const struct tag *)(const void *)object)->raw;
		break;
	case OBJECT_BLOB:
		*out_at = ((const struct blob *)(const void *)object)->data;
		break;
	default:
		rc = tree_into(&encoder->tree, (const struct tree *)(const void *)object);
		*out_at = encoder->tree.at;
	}
	return rc;
}

static int check_bytes(struct pack_encoder *encoder, const struct object *object, const void *at)
{
	static const char *const names[] = {"", "commit", "tree", "blob", "tag"};
	uint8_t id[OID_BYTES];
	char head[32];
	int head_bytes = snprintf(head, sizeof(head), "%s %llu", names[object->type], (unsigned long long)object->bytes) + 1;
	struct sha1_span spans[] = {{head, (size_t)head_bytes}, {at, object->bytes}};
	encoder->attacked = sha1_attacked(spans, 2, id);
	if (encoder->attacked || memcmp(id, object->id.bytes, OID_BYTES) != 0) {
		encoder->bad = object;
		return ERR_CORRUPT;
	}
	/* The only member that changes, and only ever gets more: nodes are const to everybody else. */
	struct object *node = (struct object *)(uintptr_t)object;
	atomic_fetch_or_explicit(&node->flags, FLAG_CHECKED, memory_order_relaxed);
	return 0;
}

static bool is_due(const struct pack_encoder *encoder, const struct object *object)
{
	return encoder->check && !(atomic_load_explicit(&object->flags, memory_order_relaxed) & FLAG_CHECKED);
}

int pack_check(struct pack_encoder *encoder, const struct object *object)
{
	const void *at;
	if (!is_due(encoder, object))
		return 0;
	int rc = bytes_of(encoder, object, &at);
	return rc ? rc : check_bytes(encoder, object, at);
}

/* ---- deltas ---- */

static bool is_version_of(const struct tree *tree, const struct tree *base)
{
	while (tree && tree != base)
		tree = tree->base;
	return tree != NULL;
}

static int delta_of_version(struct pack_encoder *encoder, const struct tree *tree, const struct tree *base)
{
	int rc = tree_changes_since(tree, base, &encoder->changes);
	const struct tree_change *changes = (const struct tree_change *)(const void *)encoder->changes.at;
	size_t count = encoder->changes.bytes / sizeof(*changes);
	encoder->ids.bytes = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		struct pack_id_change change = {tree->shape->id_at[changes[i].index], changes[i].child->id.bytes};
		rc = buffer_append(&encoder->ids, &change, sizeof(change));
	}
	return rc ? rc
		  : pack_delta_ids(tree->object.bytes, (const struct pack_id_change *)(const void *)encoder->ids.at, count,
				   &encoder->delta);
}

static int delta_of_tree(struct pack_encoder *encoder, const struct tree *tree, const struct tree *base)
{
	if (is_version_of(tree, base))
		return delta_of_version(encoder, tree, base);
	int rc = tree_into(&encoder->base, base);
	return rc ? rc
		  : pack_delta_trees(encoder->base.at, encoder->base.bytes, encoder->tree.at, encoder->tree.bytes,
				     &encoder->delta);
}

static int delta_of(struct pack_encoder *encoder, const struct object *object, const struct object *base)
{
	const struct blob *file = object_as_blob(object), *old = object_as_blob(base);
	encoder->delta.bytes = 0;
	if (!file)
		return delta_of_tree(encoder, object_as_tree(object), object_as_tree(base));
	return pack_delta_files(old->data, old->object.bytes, file->data, file->object.bytes, &encoder->pieces, &encoder->delta);
}

/* If that is worth it. encoder->tree has the tree, if it is one. */
static int encode_delta(struct pack_encoder *encoder, const struct object *object, const struct object *base,
			struct buffer *bodies, struct pack_encoded *out)
{
	int rc = delta_of(encoder, object, base);
	if (rc)
		return rc;
	out->delta = encoder->delta.bytes && encoder->delta.bytes <= object->bytes / 2;
	if (!out->delta)
		return 0;
	out->head_bytes = (uint8_t)pack_head(PACK_TYPE_DELTA, encoder->delta.bytes, out->head);
	if (encoder->delta.bytes <= STORED_DELTA_MAX && object->type == OBJECT_TREE)
		return pack_body_stored(encoder->delta.at, encoder->delta.bytes, bodies);
	return pack_body(encoder->deflater, encoder->delta.at, encoder->delta.bytes, bodies);
}

static int encode_whole(struct pack_encoder *encoder, const struct object *object, const void *at, struct buffer *bodies,
			struct pack_encoded *out)
{
	out->head_bytes = (uint8_t)pack_head(object->type, object->bytes, out->head);
	return pack_body(encoder->deflater, at, object->bytes, bodies);
}

int pack_encode(struct pack_encoder *encoder, const struct reach_record *records, size_t index, struct buffer *bodies,
		struct pack_encoded *out_encoded)
{
	const struct reach_record *record = &records[index];
	const struct object *object = record->object;
	size_t begin = bodies->bytes;
	const void *at;
	out_encoded->delta = false;
	int rc = bytes_of(encoder, object, &at);
	if (!rc && is_due(encoder, object))
		rc = check_bytes(encoder, object, at);
	if (!rc && record->base != REACH_NO_BASE)
		rc = encode_delta(encoder, object, records[record->base].object, bodies, out_encoded);
	if (!rc && !out_encoded->delta)
		rc = encode_whole(encoder, object, at, bodies, out_encoded);
	out_encoded->body_bytes = bodies->bytes - begin;
	return rc;
}
