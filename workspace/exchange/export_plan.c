/* SPDX-License-Identifier: MIT
 *
 * What an export changes in a repository that is there, and what it need not bring. What stands behind a ref over there is there; of what else may lie
 * about in it nothing is relied on, since git may clear it away at any moment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/ancestry.h"
#include "workspace/exchange/export_inner.h"
#include "workspace/exchange/oid_map.h"
#include "workspace/store/agent.h"

#define STRANGERS_MAX 20000u /* commits over there, unknown here, that are passed to find what is known; more only cost bytes */

/* ---- branches that somebody works on ---- */

/* The branch that a file names: "ref: refs/heads/main", or the name alone. */
static bool file_names(const char *folder, const char *file, char out_branch[WORKSPACE_REF_MAX + 1])
{
	char path[4200], line[WORKSPACE_REF_MAX + 64];
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, file) >= sizeof(path))
		return false;
	FILE *stream = fopen(path, "re");
	if (!stream)
		return false;
	bool found = fgets(line, sizeof(line), stream) != NULL;
	fclose(stream);
	if (!found)
		return false;
	line[strcspn(line, "\r\n")] = 0;
	const char *name = strncmp(line, "ref:", 4) ? line : line + 4 + strspn(line + 4, " \t");
	snprintf(out_branch, WORKSPACE_REF_MAX + 1, "%s%.*s", strncmp(name, "refs/", 5) ? "refs/heads/" : "",
		 (int)WORKSPACE_REF_MAX - 16, name);
	return true;
}

/* HEAD, and what a rebase or a bisection will come back to. */
static bool is_worked_on(const char *folder, const char *ref)
{
	static const char *const files[] = {"HEAD", "rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"};
	char branch[WORKSPACE_REF_MAX + 1];
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (file_names(folder, files[i], branch) && !strcmp(branch, ref))
			return true;
	return false;
}

static bool is_worked_on_anywhere(struct export *export, const git_strarray *worktrees, const char *ref)
{
	const char *common = git_repository_commondir(export->repository);
	char folder[4200];
	/* A linked worktree is not bare, whatever it belongs to: then the HEAD of that counts too, which errs on the safe side. */
	bool is_bare = git_repository_is_bare(export->repository);
	if (!is_bare && is_worked_on(common, ref))
		return true;
	for (size_t i = 0; i < worktrees->count; i++)
		if ((size_t)snprintf(folder, sizeof(folder), "%s/worktrees/%s", common, worktrees->strings[i]) < sizeof(folder) &&
		    is_worked_on(folder, ref))
			return true;
	return false;
}

static int check_worked_on(struct export *export)
{
	git_strarray worktrees = {0};
	int rc = 0;
	if (git_worktree_list(&worktrees, export->repository))
		worktrees = (git_strarray){0};
	for (size_t i = 0; i < export->write_count && !rc; i++)
		if (is_worked_on_anywhere(export, &worktrees, export->writes[i].name))
			rc = agent_fail(export->agent, ERR_STATE,
					"%s is checked out in %s, and files there are not touched; check another branch out "
					"there, or export under "
					"a prefix",
					export->writes[i].name, export->options->path);
	git_strarray_dispose(&worktrees);
	return rc;
}

/* ---- names ---- */

static bool is_folder_of(const char *folder, const char *ref)
{
	size_t bytes = strlen(folder);
	return !strncmp(folder, ref, bytes) && ref[bytes] == '/';
}

static int check_name(struct export *export, const char *theirs)
{
	for (size_t i = 0; i < export->write_count; i++) {
		const char *ours = export->writes[i].name;
		if (is_folder_of(theirs, ours) || is_folder_of(ours, theirs))
			return agent_fail(export->agent, ERR_STATE, "%s cannot be made in %s, where there is %s", ours,
					  export->options->path, theirs);
	}
	return 0;
}

/* ---- moves ---- */

static int fail_move(struct export *export, const struct export_ref *ref, const struct oid *old, const char *what)
{
	char ours[OID_HEX_BYTES], theirs[OID_HEX_BYTES];
	oid_print(&ref->object->id, ours);
	oid_print(old, theirs);
	return agent_fail(export->agent, ERR_CONFLICT,
			  "%s is at %.12s in %s, %s %.12s; with force it would be moved all the same", ref->name, theirs,
			  export->options->path, what, ours);
}

static int check_move(struct export *export, const struct export_ref *ref, const struct oid *old)
{
	bool leads = false;
	if (export->options->force)
		return 0;
	if (!strncmp(ref->name, "refs/tags/", 10))
		return fail_move(export, ref, old, "and a tag is not moved to");
	const struct commit *ours = object_as_commit(ref->object), *theirs = object_as_commit(object_find(export->agent, old));
	if (ours && theirs && ancestry_leads(ours, theirs, &leads))
		return agent_fail(export->agent, ERR_MEMORY, "no memory to compare %s", ref->name);
	return leads ? 0 : fail_move(export, ref, old, "which does not lead to");
}

static int plan_ref(struct export *export, const struct export_ref *ref)
{
	struct ref_write *write = &export->writes[export->write_count];
	git_oid id;
	int error = git_reference_name_to_id(&id, export->repository, ref->name);
	if (error && error != GIT_ENOTFOUND)
		return agent_fail(export->agent, ERR_IO, "%s in %s cannot be read: %s", ref->name, export->options->path,
				  libgit2_reason());
	*write = (struct ref_write){.name = ref->name, .id = ref->object->id, .has_old = !error, .folder = -1};
	if (!error)
		memcpy(write->old.bytes, id.id, OID_BYTES);
	if (!error && !memcmp(write->old.bytes, write->id.bytes, OID_BYTES))
		return 0; /* there already */
	export->write_count++;
	return error ? 0 : check_move(export, ref, &write->old);
}

static int plan_refs(struct export *export)
{
	int rc = 0;
	export->writes = calloc(export->ref_count + 1, sizeof(*export->writes));
	if (!export->writes)
		return agent_fail(export->agent, ERR_MEMORY, "no memory for %zu refs", export->ref_count);
	workspace_begin(export->agent);
	for (size_t i = 0; i < export->ref_count && !rc; i++)
		rc = plan_ref(export, &export->refs[i]);
	workspace_end(export->agent);
	return rc;
}

/* ---- what is there ---- */

/* A walk over commits that are not known here, down to those that are. */
struct strangers {
	struct oid_map met;
	struct buffer ids; /* struct oid, a queue */
};

static int meet(struct export *export, struct strangers *strangers, const git_oid *theirs)
{
	struct oid id;
	memcpy(id.bytes, theirs->id, OID_BYTES);
	workspace_begin(export->agent);
	const struct object *object = object_find(export->agent, &id);
	workspace_end(export->agent);
	if (object)
		return reach_there(&export->reach, object);
	if (oid_map_get(&strangers->met, &id) != OID_MAP_NONE)
		return 0;
	int rc = oid_map_put(&strangers->met, &id, 0);
	return rc ? rc : buffer_append(&strangers->ids, &id, sizeof(id));
}

/* What cannot be read there is not relied on. */
static int meet_parents(struct export *export, struct strangers *strangers, size_t at)
{
	git_commit *commit = NULL;
	git_oid id;
	int rc = 0;
	memcpy(id.id, strangers->ids.at + at * OID_BYTES, OID_BYTES);
	if (git_commit_lookup(&commit, export->repository, &id))
		return 0;
	for (unsigned i = 0; i < git_commit_parentcount(commit) && !rc; i++)
		rc = meet(export, strangers, git_commit_parent_id(commit, i));
	git_commit_free(commit);
	return rc;
}

static int meet_strangers(struct export *export, struct strangers *strangers)
{
	int rc = 0;
	for (size_t at = 0; at < strangers->ids.bytes / OID_BYTES && at < STRANGERS_MAX && !rc; at++) {
		const struct oid *id = (const struct oid *)(const void *)(strangers->ids.at + at * OID_BYTES);
		if (!export->end_count || !bsearch(id, export->ends, export->end_count, OID_BYTES, oid_order))
			rc = meet_parents(export, strangers, at);
	}
	return rc;
}

static int look_at_ref(struct export *export, struct strangers *strangers, git_reference *ref)
{
	git_object *object = NULL;
	const git_oid *id = git_reference_target(ref);
	int rc = check_name(export, git_reference_name(ref));
	if (rc || !id)
		return rc;
	/* A tag that is not known may lead to a commit that is. */
	rc = meet(export, strangers, id);
	if (!rc && !git_reference_peel(&object, ref, GIT_OBJECT_COMMIT))
		rc = meet(export, strangers, git_object_id(object));
	git_object_free(object);
	return rc;
}

static int look_at_refs(struct export *export, struct strangers *strangers)
{
	git_reference_iterator *iterator = NULL;
	git_reference *ref = NULL;
	int rc = 0, error = git_reference_iterator_new(&iterator, export->repository);
	while (!rc && !error && !(error = git_reference_next(&ref, iterator))) {
		rc = look_at_ref(export, strangers, ref);
		git_reference_free(ref);
	}
	git_reference_iterator_free(iterator);
	if (!rc && error != GIT_ITEROVER)
		rc = agent_fail(export->agent, ERR_IO, "the refs of %s cannot be read: %s", export->options->path,
				libgit2_reason());
	return rc;
}

int export_plan(struct export *export)
{
	struct strangers strangers = {0};
	int rc = shallow_read(export->agent, git_repository_commondir(export->repository), &export->ends, &export->end_count);
	if (!rc)
		rc = plan_refs(export);
	if (!rc)
		rc = check_worked_on(export);
	export->reach.ends = export->ends;
	export->reach.end_count = export->end_count;
	if (!rc)
		rc = look_at_refs(export, &strangers);
	if (!rc)
		rc = meet_strangers(export, &strangers);
	oid_map_release(&strangers.met);
	buffer_release(&strangers.ids);
	return rc;
}
