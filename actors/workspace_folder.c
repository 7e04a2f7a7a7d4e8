/* SPDX-License-Identifier: MIT
 *
 * Verbs about other places: repositories that are read or written, folders that are filled or taken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/workspace_inner.h"
#include "protocol/id.h"

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
		job->result = json_pack("{s:s, s:o, s:I, s:I, s:I}", "repository", store->name, "path",
					bytes_text(store->path, strlen(store->path)), "objects", (json_int_t)result.objects,
					"bytes", (json_int_t)result.bytes, "refs", (json_int_t)result.refs);
		cut_changes(job->result, changes);
	} else {
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
	if (ref_is_hidden(ref))
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

/* A folder of this user's, by a path that ends in no link. */
static int folder_open(struct job *job, bool empty, int *out_fd)
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

static int git_write(struct job *job, int folder, const char *name, const char *text)
{
	char path[32];
	int fd;
	bool written;

	snprintf(path, sizeof(path), ".git/%s", name);
	fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return written ? 0 : job_fail(job, ERR_IO, "%s could not be written: %s", path, strerror(errno));
}

/* A git folder with the commit and its history: an export of one ref, that is there for as long as it takes. HEAD names the commit itself. */
static int git_make(struct job *job, int folder, const struct oid *id)
{
	static atomic_uint counter;
	char ref[64], path[PATH_BYTES], hex[OID_HEX_BYTES], head[OID_HEX_BYTES + 1];
	const char *refs[] = {ref, NULL};
	struct export_options options = {.path = path, .bare = true, .refs = refs, .ref_count = 1};
	struct export_result result;
	const struct commit *commit = NULL;
	struct ref_update update = {.ref = ref, .anywhere = true};
	int rc;

	snprintf(ref, sizeof(ref), REFS_HIDDEN "checkout-%u", atomic_fetch_add(&counter, 1));
	if (snprintf(path, sizeof(path), "%s/.git", request_text(job->request, "folder")) >= (int)sizeof(path))
		return job_fail(job, ERR_TOO_LARGE, "the path of the folder is too long");
	workspace_begin(job->agent);
	rc = workspace_commit_by_id(job->agent, id, &commit);
	update.to = (const struct object *)commit;
	if (!rc)
		rc = workspace_refs_update(job->agent, &update, 1);
	workspace_end(job->agent);
	if (rc)
		return job_failed(job, rc);
	rc = job_failed(job, workspace_export(job->agent, &options, &result));
	update.to = NULL;
	if (workspace_refs_update(job->agent, &update, 1) && !rc)
		rc = job_failed(job, ERR_IO);
	oid_print(id, hex);
	snprintf(head, sizeof(head), "%s\n", hex);
	if (!rc)
		rc = git_write(job, folder, "HEAD", head);
	return rc;
}

int folder_checkout(struct job *job)
{
	const char *revision = request_text(job->request, "revision");
	const struct commit *commit = NULL;
	struct oid id, tree;
	uint64_t files = 0;
	int folder = -1;
	int rc = folder_open(job, true, &folder);

	workspace_begin(job->agent);
	if (!rc)
		rc = workspace_find(job->agent, revision ? revision : "HEAD", &commit);
	if (!rc) {
		id = *commit_id(commit);
		tree = *tree_id(commit_tree(commit));
		rc = workspace_materialise(job->agent, commit_tree(commit), folder, &files);
	}
	rc = job_failed(job, rc);
	workspace_end(job->agent);
	if (!rc && request_flag(job->request, "history"))
		rc = git_make(job, folder, &id);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:s, s:I}", "id", oid_text(&id), "tree", oid_text(&tree), "folder",
					request_text(job->request, "folder"), "files", (json_int_t)files);
	if (folder >= 0)
		close(folder);
	return rc;
}

/* ---- harvest ---- */

struct harvesting {
	struct id task;
	uint32_t attempt;
	char ref[REF_TEXT_BYTES];
	char message[128];
	char sentence[PATH_BYTES];
	char person_room[512];
	const struct commit *base;
	const struct tree *tree;
	struct harvest_result found;
	json_t *changes;
};

static int harvest_prepare(struct job *job, struct harvesting *harvesting)
{
	const char *task = request_text(job->request, "task");
	char text[ID_TEXT_BYTES];

	harvesting->attempt = (uint32_t)request_number(job->request, "attempt");
	if (id_parse(task, strlen(task), &harvesting->task))
		return job_fail(job, ERR_USAGE, "\"%.60s\" is no id of a task", task);
	if (!harvesting->attempt)
		return job_fail(job, ERR_USAGE, "attempts count from 1");
	id_print(&harvesting->task, text);
	snprintf(harvesting->ref, sizeof(harvesting->ref), "refs/bunshin/%s/%u", text, harvesting->attempt);
	snprintf(harvesting->message, sizeof(harvesting->message), "Attempt %u of task %s", harvesting->attempt, text);
	return workspace_find(job->agent, request_text(job->request, "base"), &harvesting->base);
}

static int harvest_read(struct job *job, struct harvesting *harvesting)
{
	struct harvest_options options = {.base = commit_tree(harvesting->base)};
	struct diff_wish wish = {.patch = false};
	json_t *patch = NULL;
	int folder = -1;
	int rc = folder_open(job, false, &folder);

	if (!rc)
		rc = workspace_harvest(job->agent, folder, &options, &harvesting->tree, &harvesting->found);
	if (!rc)
		rc = diff_collect(job, commit_tree(harvesting->base), harvesting->tree, &wish, &harvesting->changes, &patch);
	json_decref(patch);
	if (folder >= 0)
		close(folder);
	return rc;
}

/* A ref is made once: what an attempt has handed in is not replaced. */
static int harvest_commit(struct job *job, struct harvesting *harvesting, struct ref_place *out_after)
{
	const struct commit *parents[] = {harvesting->base}, *commit = NULL;
	const char *message = request_text(job->request, "message");
	struct workspace_change change = {.message = message ? message : harvesting->message};
	struct ref_step step = {.ref = harvesting->ref,
				.cause = "harvest",
				.sentence = harvesting->sentence,
				.task = harvesting->task,
				.attempt = harvesting->attempt};
	struct ref_update update = {.ref = harvesting->ref};
	int rc = person_of(job, request_text(job->request, "author"), harvesting->person_room, &change.author);

	change.committer = change.author;
	if (!rc)
		rc = workspace_commit_make(job->agent, harvesting->tree, parents, 1, &change, &commit);
	snprintf(harvesting->sentence, sizeof(harvesting->sentence), "%zu files changed", json_array_size(harvesting->changes));
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	update.to = (const struct object *)commit;
	rc = step.before.there ? job_fail(job, ERR_STATE, "%.200s is there already; an attempt hands in once", harvesting->ref)
			       : workspace_refs_update(job->agent, &update, 1);
	return ref_end(job, &step, rc, out_after);
}

static int harvest_work(struct job *job, struct harvesting *harvesting)
{
	struct ref_place after = {.there = false};
	bool changed;
	int rc = harvest_prepare(job, harvesting);

	if (!rc)
		rc = harvest_read(job, harvesting);
	changed = !rc && harvesting->tree != commit_tree(harvesting->base) &&
		  memcmp(tree_id(harvesting->tree), tree_id(commit_tree(harvesting->base)), OID_BYTES) != 0;
	if (changed)
		rc = harvest_commit(job, harvesting, &after);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:o, s:o, s:O, s:I, s:I, s:I}", "ref",
					changed ? json_string(harvesting->ref) : json_null(), "base",
					oid_text(commit_id(harvesting->base)), "new", oid_text(changed ? &after.id : NULL),
					"version", changed ? json_integer((json_int_t)after.version) : json_null(), "changes",
					harvesting->changes, "files", (json_int_t)harvesting->found.files, "bytes",
					(json_int_t)harvesting->found.bytes, "skipped", (json_int_t)harvesting->found.skipped);
	return job_failed(job, rc);
}

int folder_harvest(struct job *job)
{
	struct harvesting *harvesting = calloc(1, sizeof(*harvesting));
	int rc;

	if (!harvesting)
		return ERR_MEMORY;
	workspace_begin(job->agent);
	rc = harvest_work(job, harvesting);
	workspace_end(job->agent);
	json_decref(harvesting->changes);
	free(harvesting);
	return rc;
}
