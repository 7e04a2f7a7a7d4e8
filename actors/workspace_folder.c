/* SPDX-License-Identifier: MIT
 *
 * Verbs about other places: repositories that are read or written, folders that are filled or taken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/workspace_inner.h"
#include "protocol/id.h"
#include "workspace/store/hold.h"

#define CHANGES_SHOWN 1000u

/* ---- lists of text ---- */

/* Ends with NULL; free it. NULL with `*out_count` 0 where the member is left out. */
static const char **texts_of(const json_t *request, const char *name, size_t *out_count)
{
	const json_t *list = json_object_get(request, name), *item;
	const char **texts = list ? calloc(json_array_size(list) + 1, sizeof(*texts)) : NULL;
	size_t i;

	*out_count = 0;
	if (!texts)
		return NULL;
	json_array_foreach (list, i, item)
		texts[(*out_count)++] = json_string_value(item);
	return texts;
}

/* ---- import ---- */

static void cut_changes(json_t *result, json_t *changes)
{
	size_t count = json_array_size(changes);

	json_object_set_new(result, "change_count", json_integer((json_int_t)count));
	while (json_array_size(changes) > CHANGES_SHOWN)
		json_array_remove(changes, json_array_size(changes) - 1);
	json_object_set_new(result, "changes", changes);
}

int folder_import(struct job *job)
{
	struct store *store = job->store;
	struct import_options options = {.path = store->path, .depth = (uint32_t)request_number(job->request, "depth")};
	struct import_result result = {0};
	char sentence[PATH_BYTES + 32];
	json_t *changes = json_array();
	const char **revisions = texts_of(job->request, "revisions", &options.revision_count);
	int rc, found;

	options.revisions = revisions;
	snprintf(sentence, sizeof(sentence), "imported from %s", store->path);
	rc = job_failed(job, workspace_import(job->agent, &options, &result));
	/* Also after a failure: what has changed all the same is told. */
	found = refs_find_changes(store, job->agent, "import", sentence, changes, &job->first_number, &job->last_number);
	if (!rc)
		rc = found;
	if (!rc) {
		store->is_new = false;
		job->result = json_pack("{s:s, s:o, s:I, s:I, s:I}", "repository", store->name, "path",
					bytes_text(store->path, strlen(store->path)), "objects", (json_int_t)result.objects,
					"bytes", (json_int_t)result.bytes, "refs", (json_int_t)result.refs);
		cut_changes(job->result, changes);
	} else {
		store->unwanted = store->is_new && json_array_size(changes) == 0;
		json_decref(changes);
	}
	free(revisions);
	return rc;
}

/* ---- export ---- */

static int hidden_skip(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)object;
	(void)version;
	if (ref_is_hidden(ref) || ref_is_live(ref))
		return 0;
	return json_array_append_new(context, json_string(ref)) ? ERR_MEMORY : 0;
}

/* All but those that are this process's own. */
static int all_refs(struct job *job, json_t **out_refs)
{
	json_t *refs = json_array();
	int rc = workspace_refs_each(job->agent, "refs/", hidden_skip, refs);

	json_object_set(job->request, "refs", refs);
	*out_refs = refs;
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int folder_export(struct job *job)
{
	struct export_options options = {.path = request_text(job->request, "path"),
					 .bare = request_flag(job->request, "bare"),
					 .ref_prefix = request_text(job->request, "prefix"),
					 .force = request_flag(job->request, "force")};
	struct export_result result = {0};
	json_t *all = NULL;
	const char **refs;
	int rc = 0;

	if (options.path[0] != '/')
		return job_fail(job, ERR_USAGE, "\"%.200s\" is no absolute path", options.path);
	if (!json_object_get(job->request, "refs"))
		rc = all_refs(job, &all);
	json_decref(all);
	refs = texts_of(job->request, "refs", &options.ref_count);
	options.refs = refs;
	if (!rc)
		rc = workspace_export(job->agent, &options, &result);
	if (!rc)
		job->result = json_pack("{s:o, s:I, s:I, s:I}", "path", bytes_text(options.path, strlen(options.path)), "objects",
					(json_int_t)result.objects, "pack_bytes", (json_int_t)result.pack_bytes, "refs",
					(json_int_t)result.refs);
	free(refs);
	return rc;
}

/* ---- folders ---- */

static bool is_empty(int folder)
{
	int again = dup(folder);
	DIR *directory = again >= 0 ? fdopendir(again) : NULL;
	bool empty = directory != NULL;

	for (const struct dirent *entry; empty && (entry = readdir(directory)) != NULL;)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (directory) {
		rewinddir(directory);
		closedir(directory);
	} else if (again >= 0) {
		close(again);
	}
	return empty;
}

int folder_open(struct job *job, bool empty, int *out_fd)
{
	const char *path = request_text(job->request, "folder");
	struct stat status;
	int fd;

	if (path[0] != '/')
		return job_fail(job, ERR_USAGE, "\"%.200s\" is no absolute path", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return job_fail(job, errno == ENOENT ? ERR_NOT_FOUND : ERR_USAGE, "the folder %.300s cannot be opened: %s", path,
				strerror(errno));
	if (fstat(fd, &status) != 0 || status.st_uid != geteuid() || (empty && !is_empty(fd))) {
		close(fd);
		return job_fail(job, ERR_USAGE, "%.300s is not %sa folder of yours", path, empty ? "an empty " : "");
	}
	*out_fd = fd;
	return 0;
}

/* ---- checkout ---- */

struct checking_out {
	struct oid id, tree;
	uint64_t files;
	json_t *conflicts;
};

/* The tree of the commit, or what comes of merging the other one into it. */
static int checkout_tree(struct job *job, const struct commit *commit, struct merge_result *merged, const struct tree **out_tree)
{
	const char *other = request_text(job->request, "merge"), *revision = request_text(job->request, "revision");
	struct merge_options names = {.ours_name = revision ? revision : "HEAD", .theirs_name = other};
	const struct commit *theirs = NULL;
	int rc;

	*out_tree = commit_tree(commit);
	if (!other)
		return 0;
	rc = workspace_find(job->agent, other, &theirs);
	if (!rc)
		rc = workspace_merge(job->agent, commit, theirs, &names, merged);
	if (!rc)
		*out_tree = merged->tree;
	return rc;
}

static int checkout_files(struct job *job, int folder, struct checking_out *out)
{
	const char *revision = request_text(job->request, "revision");
	const struct commit *commit = NULL;
	const struct tree *tree = NULL;
	struct merge_result merged = {.tree = NULL};
	int rc = workspace_find(job->agent, revision ? revision : "HEAD", &commit);

	if (!rc)
		rc = checkout_tree(job, commit, &merged, &tree);
	if (!rc)
		rc = workspace_materialise(job->agent, tree, folder, &out->files);
	if (!rc) {
		out->id = *commit_id(commit);
		out->tree = *tree_id(tree);
	}
	for (size_t i = 0; !rc && i < merged.conflict_count; i++)
		json_array_append_new(out->conflicts, bytes_text(merged.conflicts[i].path, strlen(merged.conflicts[i].path)));
	merge_result_release(&merged);
	return job_failed(job, rc);
}

int folder_checkout(struct job *job)
{
	struct checking_out out = {.conflicts = json_array()};
	int folder = -1;
	int rc = folder_open(job, true, &folder);

	if (!rc) {
		bool held = hold_begin(job->agent);
		rc = checkout_files(job, folder, &out);
		hold_end(job->agent, held);
	}
	if (!rc && request_flag(job->request, "history"))
		rc = clone_write(job, folder, &out.id);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:s, s:I, s:O}", "id", oid_text(&out.id), "tree", oid_text(&out.tree),
					"folder", request_text(job->request, "folder"), "files", (json_int_t)out.files,
					"conflicts", out.conflicts);
	json_decref(out.conflicts);
	if (folder >= 0)
		close(folder);
	return rc;
}
