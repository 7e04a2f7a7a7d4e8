/* SPDX-License-Identifier: MIT
 *
 * Which commits an import brings, and in which order: a walk from the tips, generation by generation so that depths are right, then each commit
 * after its parents.
 */
#include <stdlib.h>

#include "workspace/exchange/import_inner.h"
#include "workspace/store/agent.h"

/* ---- commits as git has them: "tree ID\n", then "parent ID\n" for each ---- */

#define TREE_LINE   46u
#define PARENT_LINE 48u

static int line_id(const char *line, const char *word, struct oid *out_id)
{
	char hex[OID_HEX_BYTES];
	size_t bytes = strlen(word);
	memcpy(hex, line + bytes, OID_HEX_BYTES - 1);
	hex[OID_HEX_BYTES - 1] = 0;
	return memcmp(line, word, bytes) != 0 || line[bytes + OID_HEX_BYTES - 1] != '\n' ? ERR_MALFORMED : oid_parse(hex, out_id);
}

int raw_tree(const char *raw, size_t bytes, struct oid *out_id)
{
	return bytes < TREE_LINE ? ERR_MALFORMED : line_id(raw, "tree ", out_id);
}

int raw_parent(const char *raw, size_t index, struct oid *out_id)
{
	return line_id(raw + TREE_LINE + index * PARENT_LINE, "parent ", out_id);
}

size_t raw_parent_count(const char *raw, size_t bytes)
{
	struct oid id;
	size_t count = 0;
	if (raw_tree(raw, bytes, &id))
		return SIZE_MAX;
	while (bytes >= TREE_LINE + (count + 1) * PARENT_LINE && !memcmp(raw + TREE_LINE + count * PARENT_LINE, "parent ", 7))
		if (raw_parent(raw, count++, &id))
			return SIZE_MAX;
	return count;
}

static const char *raw_of(const struct import *import, const struct import_commit *commit)
{
	return (const char *)import->raws.at + commit->raw_at;
}

/* ---- the walk ---- */

static int no_memory(struct import *import)
{
	return agent_fail(import->agent, ERR_MEMORY, "no memory for the list of commits of %s", import->options->path);
}

/* To be looked at, unless it was. */
static int meet(struct import *import, const struct oid *id, uint32_t depth)
{
	if (oid_map_get(&import->known, id) != OID_MAP_NONE)
		return 0;
	if (import->commit_count == import->commit_capacity) {
		size_t capacity = import->commit_capacity ? import->commit_capacity * 2 : 1024;
		struct import_commit *commits = realloc(import->commits, capacity * sizeof(*commits));
		if (!commits)
			return no_memory(import);
		import->commits = commits;
		import->commit_capacity = capacity;
	}
	if (import->commit_count >= OID_MAP_NONE || oid_map_put(&import->known, id, (uint32_t)import->commit_count))
		return no_memory(import);
	import->commits[import->commit_count++] = (struct import_commit){.id = *id, .depth = depth};
	return 0;
}

/* A commit of the workspace never changes: if it came without its parents, they cannot be put behind it any more. */
static int fail_cut(struct import *import, const struct commit *commit)
{
	char hex[OID_HEX_BYTES];
	oid_print(&commit->object.id, hex);
	return agent_fail(
		import->agent, ERR_STATE,
		"commit %s is in the workspace without its parents, from an import of fewer commits; a deeper one needs a "
		"workspace of its own",
		hex);
}

static int walk_known(struct import *import, size_t at)
{
	const struct import_commit *commit = &import->commits[at];
	const struct commit *node = commit->node;
	uint32_t depth = commit->depth;
	int rc = 0;
	for (uint32_t i = 0; i < node->parent_count && !commit->ends && !rc; i++) {
		if (node->parents[i]->type == OBJECT_ABSENT)
			return fail_cut(import, node);
		rc = meet(import, &node->parents[i]->id, depth + 1);
		commit = &import->commits[at];
	}
	return rc;
}

static int keep_raw(struct import *import, size_t at, git_odb_object *object)
{
	struct import_commit *commit = &import->commits[at];
	commit->raw_at = import->raws.bytes;
	commit->raw_bytes = git_odb_object_size(object);
	return buffer_append(&import->raws, git_odb_object_data(object), commit->raw_bytes) ? no_memory(import) : 0;
}

static int walk_new(struct import *import, size_t at)
{
	struct oid id = import->commits[at].id;
	uint32_t depth = import->commits[at].depth;
	git_odb_object *object = NULL;
	int rc = source_read(&import->source, &id, OBJECT_COMMIT, NULL, &object);
	if (rc)
		return rc;
	const char *raw = git_odb_object_data(object);
	size_t parents = raw_parent_count(raw, git_odb_object_size(object));
	if (parents == SIZE_MAX) {
		char hex[OID_HEX_BYTES];
		oid_print(&id, hex);
		rc = agent_fail(import->agent, ERR_CORRUPT, "%s: commit %s does not begin with a tree and parents",
				import->options->path, hex);
	}
	if (!rc)
		rc = keep_raw(import, at, object);
	bool ends = import->commits[at].ends;
	for (size_t i = 0; !ends && !rc && i < parents; i++) {
		struct oid parent;
		rc = raw_parent(raw, i, &parent);
		if (!rc)
			rc = meet(import, &parent, depth + 1);
	}
	git_odb_object_free(object);
	return rc;
}

static int walk_one(struct import *import, size_t at)
{
	struct import_commit *commit = &import->commits[at];
	uint32_t deepest = import->options->depth;
	commit->ends = (deepest && commit->depth >= deepest) || source_ends_at(&import->source, &commit->id);
	commit->node = object_as_commit(import_find(import, &commit->id));
	return commit->node ? walk_known(import, at) : walk_new(import, at);
}

/* ---- tips ---- */

/* "object ID\ntype NAME\n" */
static int raw_target(const char *raw, size_t bytes, struct oid *out_id)
{
	return bytes < 7 + OID_HEX_BYTES ? ERR_MALFORMED : line_id(raw, "object ", out_id);
}

static int follow_tag(struct import *import, struct oid *id)
{
	git_odb_object *object = NULL;
	struct oid tag = *id;
	int rc = source_read(&import->source, &tag, OBJECT_TAG, NULL, &object);
	if (rc)
		return rc;
	if (raw_target(git_odb_object_data(object), git_odb_object_size(object), id)) {
		char hex[OID_HEX_BYTES];
		oid_print(&tag, hex);
		rc = agent_fail(import->agent, ERR_CORRUPT, "%s: tag %s does not begin with an object", import->options->path,
				hex);
	}
	git_odb_object_free(object);
	if (!rc && buffer_append(&import->tags, &tag, sizeof(tag)))
		rc = no_memory(import);
	return rc;
}

/* What is in the workspace says itself what it is. */
static int type_of(struct import *import, const struct oid *id, enum object_type *out_type)
{
	const struct object *object = import_find(import, id);
	git_odb_object *raw = NULL;
	git_object_t type;
	git_oid theirs;
	size_t bytes;
	memcpy(theirs.id, id->bytes, OID_BYTES);
	if (object) {
		*out_type = (enum object_type)object->type;
		return 0;
	}
	if (!git_odb_read_header(&bytes, &type, import->source.odb, &theirs)) {
		*out_type = (enum object_type)type;
		return 0;
	}
	int rc = source_read(&import->source, id, 0, NULL, &raw); /* says what is wrong */
	*out_type = rc ? OBJECT_ABSENT : (enum object_type)git_odb_object_type(raw);
	git_odb_object_free(raw);
	return rc;
}

static int walk_tip(struct import *import, struct oid id)
{
	enum object_type type;
	int rc = type_of(import, &id, &type);
	while (!rc && type == OBJECT_TAG) {
		const struct object *known = import_find(import, &id);
		if (known)
			id = ((const struct tag *)(const void *)known)->target->id;
		else
			rc = follow_tag(import, &id);
		if (!rc)
			rc = type_of(import, &id, &type);
	}
	if (rc || type == OBJECT_COMMIT)
		return rc ? rc : meet(import, &id, 1);
	struct import_other other = {id, type};
	return buffer_append(&import->others, &other, sizeof(other)) ? no_memory(import) : 0;
}

/* ---- order ---- */

struct visit {
	uint32_t commit;
	uint32_t next_parent;
};

/* The parent that has to come first and was not visited yet; OID_MAP_NONE if there is none. Visited ones have depth 0. */
static uint32_t next_parent(struct import *import, struct visit *visit)
{
	struct import_commit *commit = &import->commits[visit->commit];
	size_t count = commit->node ? 0 : raw_parent_count(raw_of(import, commit), commit->raw_bytes);
	while (visit->next_parent < count) {
		struct oid id;
		int rc = raw_parent(raw_of(import, commit), visit->next_parent++, &id);
		uint32_t parent = rc ? OID_MAP_NONE : oid_map_get(&import->known, &id);
		if (parent != OID_MAP_NONE && !import->commits[parent].node && import->commits[parent].depth)
			return parent;
	}
	return OID_MAP_NONE;
}

static int visit_all(struct import *import, uint32_t first, struct buffer *steps)
{
	struct visit visit = {first, 0};
	import->commits[first].depth = 0;
	int rc = buffer_append(steps, &visit, sizeof(visit));
	while (!rc && steps->bytes) {
		struct visit *top = (struct visit *)(void *)(steps->at + steps->bytes - sizeof(visit));
		uint32_t parent = next_parent(import, top);
		if (parent == OID_MAP_NONE) {
			rc = buffer_append(&import->order, &top->commit, sizeof(top->commit));
			steps->bytes -= sizeof(visit);
			continue;
		}
		import->commits[parent].depth = 0;
		visit = (struct visit){parent, 0};
		rc = buffer_append(steps, &visit, sizeof(visit));
	}
	return rc ? no_memory(import) : 0;
}

static int put_in_order(struct import *import)
{
	struct buffer steps = {0};
	int rc = 0;
	for (size_t i = 0; i < import->commit_count && !rc; i++)
		if (!import->commits[i].node && import->commits[i].depth)
			rc = visit_all(import, (uint32_t)i, &steps);
	buffer_release(&steps);
	return rc;
}

int import_history(struct import *import)
{
	int rc = 0;
	for (size_t i = 0; i < import->tip_count && !rc; i++)
		rc = walk_tip(import, import->tips[i].id);
	for (size_t i = 0; i < import->commit_count && !rc; i++)
		rc = walk_one(import, i);
	return rc ? rc : put_in_order(import);
}
