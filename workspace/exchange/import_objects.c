/* SPDX-License-Identifier: MIT
 *
 * The objects of an import: each made after those that it names, trees as versions of those that stood in their place in the first parent.
 */
#include <stdio.h>

#include "workspace/exchange/import_inner.h"
#include "workspace/exchange/tree_bytes.h"
#include "workspace/store/agent.h"
#include "workspace/store/shape.h"

#define PUBLISH_OBJECTS 2048u
#define PUBLISH_BYTES   (8u * 1024 * 1024)
#define NESTING_MAX     2048u /* folders in folders: more than fit into a path */

const struct object *import_find(struct import *import, const struct oid *id)
{
	workspace_begin(import->agent);
	const struct object *object = object_find(import->agent, id);
	workspace_end(import->agent);
	return object;
}

/* ---- making ---- */

/* Now and then, so that neither the list of what is to be published grows with the repository nor what brackets keep. */
static int publish(struct import *import)
{
	import->fresh_objects = 0;
	import->fresh_bytes = 0;
	return agent_publish(import->agent, NULL, 0);
}

static int publish_if_much(struct import *import, size_t bytes)
{
	import->result->objects++;
	import->result->bytes += bytes;
	import->fresh_objects++;
	import->fresh_bytes += bytes;
	return import->fresh_objects < PUBLISH_OBJECTS && import->fresh_bytes < PUBLISH_BYTES ? 0 : publish(import);
}

/* What git cannot read is damage of the source, not of the request. */
static int fail_make(struct import *import, const struct oid *id, int rc)
{
	char hex[OID_HEX_BYTES], why[WORKSPACE_SENTENCE_BYTES];
	if (rc != ERR_MALFORMED && rc != ERR_CORRUPT && rc != ERR_NOT_FOUND)
		return rc;
	oid_print(id, hex);
	snprintf(why, sizeof(why), "%s", workspace_sentence(import->agent));
	return agent_fail(import->agent, ERR_CORRUPT, "%.80s: object %s: %s", import->options->path, hex, why);
}

int import_make(struct import *import, enum object_type type, const struct oid *id, struct bytes raw, const struct tree *base,
		bool ends, const struct object **out_object)
{
	workspace_begin(import->agent);
	int rc = object_make(import->agent, JUDGE_AS_READ, type, raw, id, base, ends, out_object);
	if (!rc)
		rc = publish_if_much(import, raw.bytes);
	workspace_end(import->agent);
	return rc ? fail_make(import, id, rc) : 0;
}

static struct bytes bytes_of(git_odb_object *object)
{
	return (struct bytes){git_odb_object_data(object), (uint32_t)git_odb_object_size(object)};
}

int import_blob(struct import *import, const struct oid *id, const struct oid *named_by)
{
	git_odb_object *object = NULL;
	const struct object *made;
	if (import_find(import, id))
		return 0;
	int rc = source_read(&import->source, id, OBJECT_BLOB, named_by, &object);
	if (!rc)
		rc = import_make(import, OBJECT_BLOB, id, bytes_of(object), NULL, false, &made);
	git_odb_object_free(object);
	return rc;
}

/* ---- trees ---- */

/* An entry as git has it: "40000 name\0" and 20 bytes. */
struct raw_entry {
	bool is_folder, is_submodule;
	const char *name;
	size_t name_bytes;
	struct oid id;
};

/* Takes it from the front of `raw`; false if it is none. What else is wrong with it, object_make finds. */
static bool next_entry(struct bytes *raw, struct raw_entry *out)
{
	const uint8_t *space = memchr(raw->at, ' ', raw->bytes);
	const uint8_t *end = space ? memchr(space, 0, (size_t)(raw->at + raw->bytes - space)) : NULL;
	if (!end || (size_t)(raw->at + raw->bytes - end) < 1 + OID_BYTES)
		return false;
	uint32_t digits;
	enum file_mode mode = mode_read(raw->at, raw->bytes, &digits);
	out->is_folder = mode == MODE_FOLDER;
	out->is_submodule = mode == MODE_SUBMODULE;
	out->name = (const char *)space + 1;
	out->name_bytes = (size_t)(end - space) - 1;
	memcpy(out->id.bytes, end + 1, OID_BYTES);
	raw->bytes -= (uint32_t)(end + 1 + OID_BYTES - raw->at);
	raw->at = end + 1 + OID_BYTES;
	return true;
}

/* The folder of that name in `like`; `*at` moves on from one call to the next. */
static const struct tree *folder_like(const struct tree *like, const struct raw_entry *entry, uint32_t *at)
{
	for (; like && *at < like->shape->count; ++*at) {
		int order = shape_name_order(like->shape, *at, entry->name, entry->name_bytes);
		if (order > 0)
			return NULL;
		if (!order)
			return object_as_tree(tree_child_at(like, *at));
	}
	return NULL;
}

static int tree_below(struct import *import, const struct oid *id, const struct oid *named_by, const struct tree *like,
		      unsigned depth, const struct object **out_tree);

static int entry_below(struct import *import, const struct raw_entry *entry, const struct oid *named_by, const struct tree *like,
		       uint32_t *at, unsigned depth)
{
	const struct object *tree;
	if (entry->is_submodule || import_find(import, &entry->id))
		return 0;
	if (!entry->is_folder)
		return import_blob(import, &entry->id, named_by);
	return tree_below(import, &entry->id, named_by, folder_like(like, entry, at), depth + 1, &tree);
}

static int entries_below(struct import *import, const struct oid *id, struct bytes raw, const struct tree *like, unsigned depth)
{
	struct raw_entry entry;
	uint32_t at = 0;
	int rc = 0;
	while (!rc && raw.bytes && next_entry(&raw, &entry))
		rc = entry_below(import, &entry, id, like, &at, depth);
	return rc;
}

static int tree_below(struct import *import, const struct oid *id, const struct oid *named_by, const struct tree *like,
		      unsigned depth, const struct object **out_tree)
{
	git_odb_object *object = NULL;
	char hex[OID_HEX_BYTES];
	if (depth > NESTING_MAX) {
		oid_print(id, hex);
		return agent_fail(import->agent, ERR_CORRUPT, "%s: tree %s stands below %u folders, more than a path can have",
				  import->options->path, hex, NESTING_MAX);
	}
	int rc = source_read(&import->source, id, OBJECT_TREE, named_by, &object);
	if (!rc)
		rc = entries_below(import, id, bytes_of(object), like, depth);
	if (!rc)
		rc = import_make(import, OBJECT_TREE, id, bytes_of(object), like, false, out_tree);
	git_odb_object_free(object);
	return rc;
}

int import_tree(struct import *import, const struct oid *id, const struct oid *named_by, const struct tree *like,
		const struct tree **out_tree)
{
	const struct object *tree = import_find(import, id);
	int rc = tree ? 0 : tree_below(import, id, named_by, like, 0, &tree);
	if (!rc)
		*out_tree = object_as_tree(tree);
	return rc;
}

/* ---- commits and tags ---- */

static const struct tree *tree_before(struct import *import, const char *raw, size_t bytes)
{
	struct oid id;
	const struct object *parent = NULL;
	if (raw_parent_count(raw, bytes) && !raw_parent(raw, 0, &id))
		parent = import_find(import, &id);
	return parent && parent->type == OBJECT_COMMIT ? object_as_commit(parent)->tree : NULL;
}

static int import_commit(struct import *import, struct import_commit *commit)
{
	const char *raw = (const char *)import->raws.at + commit->raw_at;
	const struct object *object;
	const struct tree *tree;
	struct oid id;
	int rc = raw_tree(raw, commit->raw_bytes, &id);
	if (!rc)
		rc = import_tree(import, &id, &commit->id, tree_before(import, raw, commit->raw_bytes), &tree);
	if (!rc)
		rc = import_make(import, OBJECT_COMMIT, &commit->id,
				 (struct bytes){(const uint8_t *)raw, (uint32_t)commit->raw_bytes}, NULL, commit->ends, &object);
	if (!rc)
		commit->node = object_as_commit(object);
	return rc;
}

static int import_tag(struct import *import, const struct oid *id)
{
	git_odb_object *raw = NULL;
	const struct object *object;
	if (import_find(import, id))
		return 0;
	int rc = source_read(&import->source, id, OBJECT_TAG, NULL, &raw);
	if (!rc)
		rc = import_make(import, OBJECT_TAG, id, bytes_of(raw), NULL, false, &object);
	git_odb_object_free(raw);
	return rc;
}

static int import_other(struct import *import, const struct import_other *other)
{
	const struct tree *tree;
	return other->type == OBJECT_TREE ? import_tree(import, &other->id, NULL, NULL, &tree)
					  : import_blob(import, &other->id, NULL);
}

int import_objects(struct import *import)
{
	const uint32_t *order = (const uint32_t *)(const void *)import->order.at;
	const struct import_other *others = (const struct import_other *)(const void *)import->others.at;
	const struct oid *tags = (const struct oid *)(const void *)import->tags.at;
	int rc = 0;
	for (size_t i = 0; i < import->order.bytes / sizeof(*order) && !rc; i++)
		rc = import_commit(import, &import->commits[order[i]]);
	for (size_t i = 0; i < import->others.bytes / sizeof(*others) && !rc; i++)
		rc = import_other(import, &others[i]);
	for (size_t i = import->tags.bytes / sizeof(*tags); i-- && !rc;)
		rc = import_tag(import, &tags[i]);
	return rc ? rc : publish(import);
}
