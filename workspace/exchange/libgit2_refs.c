/* SPDX-License-Identifier: MIT
 *
 * Refs of a workspace for libgit2. HEAD is the only symbolic one; there are no reflogs.
 */
#include <fnmatch.h>
#include <git2/sys/refs.h>
#include <stdlib.h>

#include "workspace/exchange/libgit2_inner.h"
#include "workspace/store/agent.h"
#include "workspace/store/object.h"

struct refs {
	git_refdb_backend backend; /* first: libgit2 knows only this */
	struct workspace_agent *agent;
};

static struct workspace_agent *agent_of(git_refdb_backend *backend)
{
	return ((struct refs *)(void *)backend)->agent;
}

static bool is_head(const char *name)
{
	return strcmp(name, "HEAD") == 0;
}

/* An id that was checked against nothing yet is no error: the ref is just not there. */
static const struct object *find(struct workspace_agent *agent, const git_oid *id)
{
	struct oid ours;
	memcpy(ours.bytes, id->id, OID_BYTES);
	return object_find(agent, &ours);
}

/* ---- reading ---- */

static int read_head(git_reference **out, git_refdb_backend *backend)
{
	char branch[WORKSPACE_REF_MAX + 1];
	int rc = workspace_head_get(agent_of(backend), branch);
	if (rc)
		return libgit2_error(agent_of(backend), rc);
	*out = git_reference__alloc_symbolic("HEAD", branch);
	return *out ? 0 : GIT_ERROR;
}

/* One that could not be a ref here is just not there: libgit2 asks for all that a short name might mean. */
static int lookup(git_reference **out, git_refdb_backend *backend, const char *name)
{
	const struct object *object;
	git_oid id;
	if (is_head(name))
		return read_head(out, backend);
	workspace_begin(agent_of(backend));
	int rc = strncmp(name, "refs/", 5) != 0 ? ERR_NOT_FOUND : workspace_ref_get(agent_of(backend), name, &object);
	if (!rc)
		memcpy(id.id, object->id.bytes, OID_BYTES);
	workspace_end(agent_of(backend));
	if (rc == ERR_NOT_FOUND || rc == ERR_MALFORMED) {
		git_error_set_str(GIT_ERROR_REFERENCE, "there is no such ref in the workspace");
		return GIT_ENOTFOUND;
	}
	if (rc)
		return libgit2_error(agent_of(backend), rc);
	*out = git_reference__alloc(name, &id, NULL);
	return *out ? 0 : GIT_ERROR;
}

static int exists(int *out_exists, git_refdb_backend *backend, const char *name)
{
	git_reference *reference = NULL;
	int error = lookup(&reference, backend, name);
	*out_exists = !error;
	git_reference_free(reference);
	return error == GIT_ENOTFOUND ? 0 : error;
}

struct iterator {
	git_reference_iterator parent; /* first: libgit2 knows only this */
	git_refdb_backend *backend;
	const char *glob; /* only while it is filled */
	struct buffer names;
	size_t at;
};

static int remember(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct iterator *iterator = context;
	(void)object;
	(void)version;
	if (iterator->glob && fnmatch(iterator->glob, ref, 0) != 0)
		return 0;
	return buffer_append(&iterator->names, ref, strlen(ref) + 1);
}

static int next_name(const char **out_name, git_reference_iterator *parent)
{
	struct iterator *iterator = (struct iterator *)(void *)parent;
	if (iterator->at >= iterator->names.bytes)
		return GIT_ITEROVER;
	*out_name = (const char *)iterator->names.at + iterator->at;
	iterator->at += strlen(*out_name) + 1;
	return 0;
}

/* What was deleted meanwhile is left out. */
static int next_reference(git_reference **out, git_reference_iterator *parent)
{
	struct iterator *iterator = (struct iterator *)(void *)parent;
	const char *name;
	int error = GIT_ENOTFOUND;
	while (error == GIT_ENOTFOUND) {
		error = next_name(&name, parent);
		if (!error)
			error = lookup(out, iterator->backend, name);
	}
	return error;
}

static void free_iterator(git_reference_iterator *parent)
{
	struct iterator *iterator = (struct iterator *)(void *)parent;
	buffer_release(&iterator->names);
	free(iterator);
}

static int iterate(git_reference_iterator **out, git_refdb_backend *backend, const char *glob)
{
	struct iterator *iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return GIT_ERROR;
	iterator->parent = (git_reference_iterator){.next = next_reference, .next_name = next_name, .free = free_iterator};
	iterator->backend = backend;
	iterator->glob = glob;
	int rc = workspace_refs_each(agent_of(backend), "", remember, iterator);
	iterator->glob = NULL;
	if (rc) {
		free_iterator(&iterator->parent);
		return libgit2_error(agent_of(backend), rc);
	}
	*out = &iterator->parent;
	return 0;
}

/* ---- changing ---- */

/* Where the ref has to be; one that is nowhere has moved. */
static int expect(struct workspace_agent *agent, const git_oid *old, bool anywhere, struct ref_update *update)
{
	update->anywhere = !old && anywhere;
	update->from = old && !git_oid_is_zero(old) ? find(agent, old) : NULL;
	if (old && !git_oid_is_zero(old) && !update->from)
		return agent_fail(agent, ERR_MOVED, "%s is not where it was believed to be", update->ref);
	return 0;
}

static int write_direct(struct workspace_agent *agent, const char *name, const git_oid *id, const git_oid *old, bool anywhere)
{
	struct ref_update update = {.ref = name, .to = find(agent, id)};
	if (!update.to)
		return agent_fail(agent, ERR_NOT_FOUND, "%s cannot lead to %s, which is not in the workspace", name,
				  git_oid_tostr_s(id));
	int rc = expect(agent, old, anywhere, &update);
	return rc ? rc : workspace_refs_update(agent, &update, 1);
}

static int write_reference(struct workspace_agent *agent, const git_reference *reference, const git_oid *old, bool anywhere)
{
	const char *name = git_reference_name(reference);
	bool is_symbolic = git_reference_type(reference) == GIT_REFERENCE_SYMBOLIC;
	if (is_head(name) && is_symbolic)
		return workspace_head_set(agent, git_reference_symbolic_target(reference));
	if (is_head(name) || is_symbolic)
		return agent_fail(agent, ERR_MALFORMED,
				  "%s: in a workspace HEAD is the name of a branch, and every other ref an object", name);
	return write_direct(agent, name, git_reference_target(reference), old, anywhere);
}

static int write_ref(git_refdb_backend *backend, const git_reference *reference, int force, const git_signature *who,
		     const char *message, const git_oid *old, const char *old_target)
{
	struct workspace_agent *agent = agent_of(backend);
	(void)who;
	(void)message;
	(void)old_target;
	workspace_begin(agent);
	int rc = write_reference(agent, reference, old, force);
	int error = libgit2_error(agent, rc);
	workspace_end(agent);
	return rc == ERR_MOVED && !old ? GIT_EEXISTS : error;
}

static int delete_ref(git_refdb_backend *backend, const char *name, const git_oid *old, const char *old_target)
{
	struct workspace_agent *agent = agent_of(backend);
	struct ref_update update = {.ref = name};
	const struct object *object;
	(void)old_target;
	workspace_begin(agent);
	int rc = workspace_ref_get(agent, name, &object);
	if (!rc)
		rc = expect(agent, old, true, &update);
	if (!rc)
		rc = workspace_refs_update(agent, &update, 1);
	int error = libgit2_error(agent, rc);
	workspace_end(agent);
	return error;
}

static int rename_in(struct workspace_agent *agent, const char *old_name, const char *new_name, bool force)
{
	const struct object *object;
	int rc = workspace_ref_get(agent, old_name, &object);
	struct ref_update updates[] = {
		{.ref = old_name, .from = rc ? NULL : object},
		{.ref = new_name, .to = rc ? NULL : object, .anywhere = force},
	};
	return rc ? rc : workspace_refs_update(agent, updates, 2);
}

static int rename_ref(git_reference **out, git_refdb_backend *backend, const char *old_name, const char *new_name, int force,
		      const git_signature *who, const char *message)
{
	struct workspace_agent *agent = agent_of(backend);
	(void)who;
	(void)message;
	workspace_begin(agent);
	int rc = rename_in(agent, old_name, new_name, force);
	int error = libgit2_error(agent, rc);
	workspace_end(agent);
	if (rc == ERR_MOVED)
		return GIT_EEXISTS;
	return error ? error : lookup(out, backend, new_name);
}

/* ---- transactions ----
 *
 * Nobody is kept from a ref here. A lock remembers where the ref was, and its end changes it only if it is there still. */

struct lock {
	bool is_there;
	git_oid id;
};

static int lock_ref(void **out_payload, git_refdb_backend *backend, const char *name)
{
	git_reference *reference = NULL;
	struct lock *lock = calloc(1, sizeof(*lock));
	if (!lock)
		return GIT_ERROR;
	int error = is_head(name) ? 0 : lookup(&reference, backend, name);
	lock->is_there = reference;
	if (reference)
		lock->id = *git_reference_target(reference);
	git_reference_free(reference);
	if (error && error != GIT_ENOTFOUND) {
		free(lock);
		return error;
	}
	*out_payload = lock;
	return 0;
}

static int unlock_ref(git_refdb_backend *backend, void *payload, int success, int update_reflog, const git_reference *reference,
		      const git_signature *who, const char *message)
{
	struct lock *lock = payload;
	const git_oid *old = lock->is_there ? &lock->id : NULL;
	int error = 0;
	(void)update_reflog;
	if (success == 2)
		error = delete_ref(backend, git_reference_name(reference), old, NULL);
	else if (success)
		error = write_ref(backend, reference, 0, who, message, old, NULL);
	free(lock);
	return error;
}

/* ---- reflogs: there are none ---- */

static int has_log(git_refdb_backend *backend, const char *name)
{
	(void)backend;
	(void)name;
	return 0;
}

static int no_log(git_reflog **out, git_refdb_backend *backend, const char *name)
{
	(void)out;
	(void)backend;
	(void)name;
	git_error_set_str(GIT_ERROR_REFERENCE, "a workspace keeps no reflogs");
	return GIT_ENOTFOUND;
}

static int write_log(git_refdb_backend *backend, git_reflog *log)
{
	(void)backend;
	(void)log;
	return 0;
}

static int rename_log(git_refdb_backend *backend, const char *old_name, const char *new_name)
{
	(void)backend;
	(void)old_name;
	(void)new_name;
	return 0;
}

static void free_refs(git_refdb_backend *backend)
{
	free(backend);
}

git_refdb_backend *libgit2_refs_new(struct workspace_agent *agent)
{
	struct refs *refs = calloc(1, sizeof(*refs));
	if (!refs)
		return NULL;
	refs->agent = agent;
	refs->backend = (git_refdb_backend){
		.version = GIT_REFDB_BACKEND_VERSION,
		.exists = exists,
		.lookup = lookup,
		.iterator = iterate,
		.write = write_ref,
		.rename = rename_ref,
		.del = delete_ref,
		.has_log = has_log,
		.ensure_log = has_log,
		.free = free_refs,
		.reflog_read = no_log,
		.reflog_write = write_log,
		.reflog_rename = rename_log,
		.reflog_delete = has_log,
		.lock = lock_ref,
		.unlock = unlock_ref,
	};
	return &refs->backend;
}
