/* SPDX-License-Identifier: MIT
 *
 * The git folder of a checkout: one commit, its history and the tags, as a clone of its own that knows nothing of how it came here.
 *
 * Many attempts begin at the same commit, and packing a history takes longer than everything else. So the folder is made once, kept in the store as clones/KEY, and
 * copied: contents, never names or links, since whoever gets it may write into it. KEY is the commit and what the tags were; the newest few are kept. Nothing
 * of it has to survive: what an earlier life has left is removed before it is used.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/workspace_inner.h"
#include "workspace/exchange/directory.h"

#define CLONES     "clones"
#define COPY_BYTES (1u << 20)
#define DEPTH_MAX  4u

/* ---- making it ---- */

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

/* So that git sees the files as those of the commit, and nothing of how it came here. */
static int git_settle(struct job *job, const char *folder, const char *ref)
{
	git_repository *repository = NULL;
	git_object *tree = NULL;
	git_index *index = NULL;
	bool made = git_libgit2_init() > 0 && git_repository_open(&repository, folder) == 0 &&
		    git_revparse_single(&tree, repository, "HEAD^{tree}") == 0 && git_repository_index(&index, repository) == 0 &&
		    git_index_read_tree(index, (git_tree *)tree) == 0 && git_index_write(index) == 0 &&
		    git_reference_remove(repository, ref) == 0;
	const git_error *error = made ? NULL : git_error_last();

	if (!made)
		job_fail(job, ERR_IO, "the checkout could not be made a clone: %.200s", error ? error->message : "");
	git_index_free(index);
	git_object_free(tree);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return made ? 0 : ERR_IO;
}

static int tag_take(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)object;
	(void)version;
	return json_array_append_new(context, json_string(ref)) ? ERR_MEMORY : 0;
}

/* The one ref, and the tags, by which programs know where they are in a history. */
static const char **git_refs(struct job *job, const char *ref, json_t *names, size_t *out_count)
{
	const char **refs;
	int rc = workspace_refs_each(job->agent, "refs/tags/", tag_take, names);

	refs = calloc(json_array_size(names) + 2, sizeof(*refs));
	if (!refs || (rc && rc != ERR_NOT_FOUND)) {
		free(refs);
		return NULL;
	}
	refs[(*out_count)++] = ref;
	for (size_t i = 0; i < json_array_size(names); i++)
		refs[(*out_count)++] = json_string_value(json_array_get(names, i));
	return refs;
}

static int git_export(struct job *job, const char *folder, const char *ref)
{
	char path[PATH_BYTES];
	struct export_options options = {.path = path, .bare = true, .passing = true};
	struct export_result result;
	json_t *names;
	const char **refs;
	int rc;

	if (snprintf(path, sizeof(path), "%s/.git", folder) >= (int)sizeof(path))
		return job_fail(job, ERR_TOO_LARGE, "the path of the folder is too long");
	names = json_array();
	refs = git_refs(job, ref, names, &options.ref_count);
	rc = refs ? 0 : ERR_MEMORY;
	options.refs = refs;
	if (!rc)
		rc = workspace_export(job->agent, &options, &result);
	free(refs);
	json_decref(names);
	return job_failed(job, rc);
}

static int ref_put(struct job *job, const char *ref, const struct oid *id)
{
	struct ref_update update = {.ref = ref, .anywhere = true};
	const struct commit *commit = NULL;
	int rc = 0;

	workspace_begin(job->agent);
	if (id)
		rc = workspace_commit_by_id(job->agent, id, &commit);
	update.to = (const struct object *)commit;
	if (!rc)
		rc = workspace_refs_update(job->agent, &update, 1);
	workspace_end(job->agent);
	return job_failed(job, rc);
}

/* .git in the folder, with the commit and its history: an export of a ref that is there for as long as it takes. HEAD names the commit itself. */
static int git_make(struct job *job, const char *path, int folder, const struct oid *id)
{
	static const char config[] = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n";
	static atomic_uint counter;
	char ref[64], head[OID_HEX_BYTES + 1];
	int rc;

	snprintf(ref, sizeof(ref), REFS_HIDDEN "checkout-%u", atomic_fetch_add(&counter, 1));
	rc = ref_put(job, ref, id);
	if (rc)
		return rc;
	rc = git_export(job, path, ref);
	if (ref_put(job, ref, NULL) && !rc)
		rc = ERR_IO;
	oid_print(id, head);
	head[OID_HEX_BYTES - 1] = '\n';
	head[OID_HEX_BYTES] = '\0';
	if (!rc)
		rc = git_write(job, folder, "HEAD", head);
	if (!rc)
		rc = git_write(job, folder, "config", config);
	return rc ? rc : git_settle(job, path, ref);
}

/* ---- copying it ---- */

static int copy_bytes(int from, int to)
{
	char block[65536];
	ssize_t got = 1;

	while (got > 0)
		got = copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);
	if (got == 0)
		return 0;
	if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	/* Not between these two; nothing has been copied then, or both stand where it went on to. */
	while ((got = read(from, block, sizeof(block))) > 0)
		if (directory_write(to, block, (size_t)got))
			return -1;
	return got < 0 ? -1 : 0;
}

static int copy_file(int from_folder, int to_folder, const char *name, const struct stat *status)
{
	int from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = from >= 0 ? directory_create(to_folder, name, status->st_mode & 0777) : -1;
	int error = to < 0 || copy_bytes(from, to) ? -1 : 0;
	int saved = errno;

	if (from >= 0)
		close(from);
	if (to >= 0 && close(to))
		error = -1;
	errno = saved;
	return error;
}

static int copy_folder(int from, int to, unsigned depth);

static int copy_below(int from, int to, const char *name, unsigned depth)
{
	int inside = directory_open(from, name, false), made = directory_open(to, name, true);
	int error = inside < 0 || made < 0 || depth == 0 ? -1 : copy_folder(inside, made, depth - 1);

	if (inside >= 0)
		close(inside);
	if (made >= 0)
		close(made);
	return error;
}

static int copy_folder(int from, int to, unsigned depth)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	DIR *directory = again >= 0 ? fdopendir(again) : NULL;
	const struct dirent *entry;
	struct stat status;

	while (directory && !error && (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		error = fstatat(from, entry->d_name, &status, AT_SYMLINK_NOFOLLOW);
		if (!error)
			error = S_ISDIR(status.st_mode) ? copy_below(from, to, entry->d_name, depth)
							: copy_file(from, to, entry->d_name, &status);
	}
	if (directory)
		closedir(directory);
	return directory ? error : -1;
}

/* ---- which are kept ---- */

static int tag_hash(void *context, const char *ref, const struct object *object, uint64_t version)
{
	uint64_t *hash = context; /* FNV-1a: it tells states of one repository apart, and nobody gains by two that are the same */
	const struct oid *id = object_id(object);

	(void)version;
	for (; *ref; ref++)
		*hash = (*hash ^ (uint8_t)*ref) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < OID_BYTES; i++)
		*hash = (*hash ^ id->bytes[i]) * UINT64_C(0x100000001b3);
	return 0;
}

static int key_of(struct job *job, const struct oid *id, char out_key[CLONE_KEY_BYTES])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char hex[OID_HEX_BYTES];
	int rc = workspace_refs_each(job->agent, "refs/tags/", tag_hash, &hash);

	oid_print(id, hex);
	snprintf(out_key, CLONE_KEY_BYTES, "%s-%016llx", hex, (unsigned long long)hash);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static bool key_known(const struct store *store, const char *key)
{
	for (size_t i = 0; i < CLONES_KEPT; i++)
		if (strcmp(store->kept_clones[i], key) == 0)
			return true;
	return false;
}

static void key_keep(struct store *store, int clones, const char *key)
{
	if (store->kept_clones[CLONES_KEPT - 1][0])
		directory_remove(clones, store->kept_clones[CLONES_KEPT - 1]);
	memmove(store->kept_clones[1], store->kept_clones[0], sizeof(store->kept_clones[0]) * (CLONES_KEPT - 1));
	snprintf(store->kept_clones[0], CLONE_KEY_BYTES, "%s", key);
}

static int clones_open(struct job *job, int *out_clones)
{
	int folder = open(job->store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out_clones = folder >= 0 ? directory_open(folder, CLONES, true) : -1;
	if (folder >= 0)
		close(folder);
	return *out_clones < 0
		       ? job_fail(job, ERR_IO, "%.300s/" CLONES " cannot be opened: %s", job->store->folder, strerror(errno))
		       : 0;
}

/* Of the first one of its kind; with the lock held against everybody. */
static int kept_make(struct job *job, int clones, const char *key, const struct oid *id)
{
	char path[PATH_BYTES];
	int folder, rc;

	if (key_known(job->store, key))
		return 0;
	directory_remove(clones, key); /* of one that failed */
	if (snprintf(path, sizeof(path), "%s/" CLONES "/%s", job->store->folder, key) >= (int)sizeof(path))
		return job_fail(job, ERR_TOO_LARGE, "the path of the folder is too long");
	folder = directory_open(clones, key, true);
	if (folder < 0)
		return job_fail(job, ERR_IO, "%.300s cannot be made: %s", path, strerror(errno));
	rc = git_make(job, path, folder, id);
	close(folder);
	if (rc)
		directory_remove(clones, key);
	else
		key_keep(job->store, clones, key);
	return rc;
}

/* `*out_there`: it was. With the lock held by those who copy. */
static int kept_copy(struct job *job, int clones, const char *key, int folder, bool *out_there)
{
	int kept, error;

	*out_there = key_known(job->store, key);
	if (!*out_there)
		return 0;
	kept = directory_open(clones, key, false);
	error = kept >= 0 ? copy_below(kept, folder, ".git", DEPTH_MAX) : -1;
	if (kept >= 0)
		close(kept);
	return error ? job_fail(job, ERR_IO, "the checkout could not be made a clone: %s", strerror(errno)) : 0;
}

int clone_write(struct job *job, int folder, const struct oid *id)
{
	struct store *store = job->store;
	char key[CLONE_KEY_BYTES];
	bool there = false;
	int clones = -1;
	int rc = key_of(job, id, key);

	if (!rc)
		rc = clones_open(job, &clones);
	while (!rc && !there) {
		pthread_rwlock_rdlock(&store->clones);
		rc = kept_copy(job, clones, key, folder, &there);
		pthread_rwlock_unlock(&store->clones);
		if (rc || there)
			break;
		pthread_rwlock_wrlock(&store->clones);
		rc = kept_make(job, clones, key, id);
		pthread_rwlock_unlock(&store->clones);
	}
	if (clones >= 0)
		close(clones);
	return rc;
}

void clones_forget(struct store *store)
{
	int folder = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return;
	directory_remove(folder, CLONES);
	close(folder);
}
