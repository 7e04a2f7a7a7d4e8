/* SPDX-License-Identifier: MIT
 *
 * Finding objects by id, and files in trees.
 */
#include "workspace/store/edit.h"
#include "workspace/store/object_inner.h"

/* ---- by id ---- */

const struct object *object_find(struct workspace_agent *agent, const struct oid *id)
{
	return index_get(agent, id);
}

int object_named(struct workspace_agent *agent, enum object_type type, const struct oid *id, const struct object **out_object)
{
	char hex[OID_HEX_BYTES];
	const struct object *object = index_get(agent, id);
	if (object && object->type == type) {
		*out_object = object;
		return object_adopt(agent, object);
	}
	oid_print(id, hex);
	if (!object)
		return agent_fail(agent, ERR_NOT_FOUND, "there is no object %s", hex);
	return agent_fail(agent, ERR_NOT_FOUND, "%s is a %s, not a %s", hex, type_name(object->type), type_name(type));
}

static int by_id(struct workspace_agent *agent, enum object_type type, const struct oid *id, const struct object **out_object)
{
	const struct object *object;
	workspace_begin(agent);
	int rc = object_named(agent, type, id, &object);
	if (!rc)
		rc = agent_publish(agent, NULL, 0);
	if (!rc)
		*out_object = object;
	workspace_end(agent);
	return rc;
}

int workspace_commit_by_id(struct workspace_agent *agent, const struct oid *id, const struct commit **out_commit)
{
	const struct object *object;
	int rc = by_id(agent, OBJECT_COMMIT, id, &object);
	if (!rc)
		*out_commit = object_as_commit(object);
	return rc;
}

int workspace_tree_by_id(struct workspace_agent *agent, const struct oid *id, const struct tree **out_tree)
{
	const struct object *object;
	int rc = by_id(agent, OBJECT_TREE, id, &object);
	if (!rc)
		*out_tree = object_as_tree(object);
	return rc;
}

/* ---- files ---- */

int workspace_read(struct workspace_agent *agent, const struct tree *tree, const char *path, struct workspace_file *out_file)
{
	struct found found = {MODE_FOLDER, &tree->object};
	int rc = 0;
	workspace_begin(agent);
	if (*path && !path_find(tree, path, strlen(path), &found)) {
		rc = agent_fail(agent, ERR_NOT_FOUND, "there is no \"%.150s\"", path);
	} else {
		const struct blob *blob = object_as_blob(found.object);
		*out_file = (struct workspace_file){.mode = found.mode, .id = found.object->id};
		if (blob)
			out_file->data = blob_bytes(blob);
	}
	workspace_end(agent);
	return rc;
}
