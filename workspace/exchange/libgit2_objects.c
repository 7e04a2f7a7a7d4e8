/* SPDX-License-Identifier: MIT
 *
 * Objects of a workspace for libgit2. It frees what it is given, so everything is copied; trees are put together in its own memory, which leaves
 * no image behind.
 */
#include <stdlib.h>

#include "workspace/exchange/libgit2_inner.h"
#include "workspace/exchange/tree_bytes.h"
#include "workspace/store/agent.h"

struct objects {
	git_odb_backend backend; /* first: libgit2 knows only this */
	struct workspace_agent *agent;
};

static struct workspace_agent *agent_of(git_odb_backend *backend)
{
	return ((struct objects *)(void *)backend)->agent;
}

static struct oid our_id(const git_oid *id)
{
	struct oid ours;
	memcpy(ours.bytes, id->id, OID_BYTES);
	return ours;
}

static const struct object *find(git_odb_backend *backend, const git_oid *id)
{
	struct oid ours = our_id(id);
	return object_find(agent_of(backend), &ours);
}

static int copy(git_odb_backend *backend, const struct object *object, void **out_data, size_t *out_bytes, git_object_t *out_type)
{
	struct bytes raw = {0};
	uint8_t *data = git_odb_backend_data_alloc(backend, object->bytes + 1); /* libgit2's own end their data with a NUL */
	if (!data)
		return GIT_ERROR;
	if (object->type == OBJECT_TREE) {
		tree_bytes_copy(object_as_tree(object), data);
	} else {
		int rc = object_raw(agent_of(backend), object, &raw);
		if (rc) {
			git_odb_backend_data_free(backend, data);
			return libgit2_error(agent_of(backend), rc);
		}
		if (raw.bytes)
			memcpy(data, raw.at, raw.bytes);
	}
	data[object->bytes] = 0;
	*out_data = data;
	*out_bytes = object->bytes;
	*out_type = (git_object_t)object->type; /* both count as packs do */
	return 0;
}

static int read_object(void **out_data, size_t *out_bytes, git_object_t *out_type, git_odb_backend *backend, const git_oid *id)
{
	workspace_begin(agent_of(backend));
	const struct object *object = find(backend, id);
	int error = object ? copy(backend, object, out_data, out_bytes, out_type) : GIT_ENOTFOUND;
	workspace_end(agent_of(backend));
	return error;
}

static int find_prefix(git_odb_backend *backend, const git_oid *prefix, size_t digits, const struct object **out)
{
	struct oid ours = our_id(prefix);
	return libgit2_error(agent_of(backend), object_find_prefix(agent_of(backend), &ours, (unsigned)digits, out));
}

static int read_prefix(git_oid *out_id, void **out_data, size_t *out_bytes, git_object_t *out_type, git_odb_backend *backend,
		       const git_oid *prefix, size_t digits)
{
	const struct object *object = NULL;
	workspace_begin(agent_of(backend));
	int error = find_prefix(backend, prefix, digits, &object);
	if (!error)
		error = copy(backend, object, out_data, out_bytes, out_type);
	if (!error)
		memcpy(out_id->id, object->id.bytes, OID_BYTES);
	workspace_end(agent_of(backend));
	return error;
}

static int read_header(size_t *out_bytes, git_object_t *out_type, git_odb_backend *backend, const git_oid *id)
{
	workspace_begin(agent_of(backend));
	const struct object *object = find(backend, id);
	if (object) {
		*out_bytes = object->bytes;
		*out_type = (git_object_t)object->type;
	}
	workspace_end(agent_of(backend));
	return object ? 0 : GIT_ENOTFOUND;
}

static int exists(git_odb_backend *backend, const git_oid *id)
{
	workspace_begin(agent_of(backend));
	bool is_there = find(backend, id);
	workspace_end(agent_of(backend));
	return is_there;
}

static int exists_prefix(git_oid *out_id, git_odb_backend *backend, const git_oid *prefix, size_t digits)
{
	const struct object *object = NULL;
	workspace_begin(agent_of(backend));
	int error = find_prefix(backend, prefix, digits, &object);
	if (!error)
		memcpy(out_id->id, object->id.bytes, OID_BYTES);
	workspace_end(agent_of(backend));
	return error;
}

struct each {
	git_odb_foreach_cb seen;
	void *payload;
};

static int each_object(void *context, const struct object *object)
{
	struct each *each = context;
	git_oid id;
	memcpy(id.id, object->id.bytes, OID_BYTES);
	return each->seen(&id, each->payload);
}

/* What the callback says is no error of ours: it goes back as it is. */
static int foreach_object(git_odb_backend *backend, git_odb_foreach_cb seen, void *payload)
{
	struct each each = {seen, payload};
	workspace_begin(agent_of(backend));
	int error = objects_each(agent_of(backend), each_object, &each);
	workspace_end(agent_of(backend));
	return error;
}

static int make(struct workspace_agent *agent, const struct oid *id, const void *data, size_t bytes, git_object_t type)
{
	const struct object *object;
	if (type < GIT_OBJECT_COMMIT || type > GIT_OBJECT_TAG)
		return agent_fail(agent, ERR_MALFORMED, "git has no kind of object %d; there are commits, trees, blobs and tags",
				  (int)type);
	if (bytes > UINT32_MAX)
		return agent_fail(agent, ERR_LIMIT, "an object of %zu bytes; one below 4 GiB would be taken", bytes);
	struct bytes raw = {data, (uint32_t)bytes};
	/* What is there may be written again, as it was read from somewhere else. */
	enum object_judge judge = object_find(agent, id) ? JUDGE_AS_READ : JUDGE_STRICT;
	int rc = object_make(agent, judge, (enum object_type)type, raw, id, NULL, false, &object);
	return rc ? rc : agent_publish(agent, NULL, 0);
}

static int write_object(git_odb_backend *backend, const git_oid *id, const void *data, size_t bytes, git_object_t type)
{
	struct oid ours = our_id(id);
	workspace_begin(agent_of(backend));
	int error = libgit2_error(agent_of(backend), make(agent_of(backend), &ours, data, bytes, type));
	workspace_end(agent_of(backend));
	return error;
}

static void free_objects(git_odb_backend *backend)
{
	free(backend);
}

git_odb_backend *libgit2_objects_new(struct workspace_agent *agent)
{
	struct objects *objects = calloc(1, sizeof(*objects));
	if (!objects)
		return NULL;
	objects->agent = agent;
	objects->backend = (git_odb_backend){
		.version = GIT_ODB_BACKEND_VERSION,
		.read = read_object,
		.read_prefix = read_prefix,
		.read_header = read_header,
		.write = write_object,
		.exists = exists,
		.exists_prefix = exists_prefix,
		.foreach = foreach_object,
		.free = free_objects,
	};
	return &objects->backend;
}
