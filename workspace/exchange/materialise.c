/* SPDX-License-Identifier: MIT
 *
 * A tree becomes files in a folder. Everything is made new and nothing is opened through a link, so what somebody else puts in the way makes
 * it fail and leads nowhere. After a failure the folder is empty again, as far as that can be done.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/exchange/beneath.h"
#include "workspace/exchange/directory.h"
#include "workspace/store/agent.h"
#include "workspace/store/hold.h"
#include "workspace/store/object.h"

struct materialise {
	struct workspace_agent *agent;
	int root;
	uint64_t files;
	char path[WORKSPACE_PATH_MAX + 1];
	size_t path_bytes;
};

/* ---- paths and sentences ---- */

static int fail(struct materialise *to, int rc, const char *why)
{
	return agent_fail(to->agent, rc, "\"%.160s\": %s", to->path, why);
}

static int fail_errno(struct materialise *to, const char *what)
{
	char why[128];

	if (errno == EEXIST)
		return fail(to, ERR_IO,
			    "is there already: the folder was not left alone, or its file system takes two names for one");
	snprintf(why, sizeof(why), "%s (%s)", what, strerror(errno));
	return fail(to, errno == ENOMEM ? ERR_MEMORY : ERR_IO, why);
}

/* The path with the name behind it. A name that a repository may not have leads nowhere either. */
static int down(struct materialise *to, const struct tree_entry *entry, char name[NAME_MAX + 1])
{
	size_t slash = to->path_bytes > 0;
	const char *why = NULL;

	if (tree_name_check(entry->name, entry->name_bytes, entry->mode, &why))
		return fail(to, ERR_MALFORMED, why);
	if (entry->name_bytes > NAME_MAX || to->path_bytes + slash + entry->name_bytes > WORKSPACE_PATH_MAX)
		return fail(to, ERR_LIMIT,
			    "there is a name in it that no file system takes: 255 bytes, and 4,095 with its folders");
	memcpy(name, entry->name, entry->name_bytes);
	name[entry->name_bytes] = '\0';
	if (slash)
		to->path[to->path_bytes++] = '/';
	memcpy(to->path + to->path_bytes, name, entry->name_bytes + 1);
	to->path_bytes += entry->name_bytes;
	return 0;
}

/* ---- one entry ---- */

static int file_write(struct materialise *to, int folder, const char *name, struct bytes data, mode_t mode)
{
	int file = directory_create(folder, name, 0600);
	int rc = 0;

	if (file < 0)
		return fail_errno(to, "cannot be made");
	if (directory_write(file, data.at, data.bytes) || fchmod(file, mode))
		rc = fail_errno(to, "cannot be written");
	if (close(file) && !rc)
		rc = fail_errno(to, "cannot be written");
	return rc;
}

static int link_write(struct materialise *to, int folder, const char *name, struct bytes target)
{
	char *text;
	int rc = 0;

	if (!target.bytes || memchr(target.at, 0, target.bytes))
		return fail(to, ERR_MALFORMED,
			    "is a link with a target that is empty or has a NUL in it, which no file system takes");
	text = strndup((const char *)target.at, target.bytes);
	if (!text)
		return fail(to, ERR_MEMORY, "there is no memory for its target");
	if (symlinkat(text, folder, name))
		rc = fail_errno(to, "is a link that cannot be made");
	free(text);
	return rc;
}

static int folder_make(struct materialise *to, int folder, const char *name)
{
	int made, rc = 0;

	if (mkdirat(folder, name, 0700))
		return fail_errno(to, "cannot be made");
	made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fchmod(made, 0755))
		rc = fail_errno(to, "cannot be made");
	if (made >= 0)
		close(made);
	return rc;
}

static int entry_write(struct materialise *to, int folder, const struct tree_entry *entry, const char *name)
{
	const struct blob *blob = object_as_blob(entry->child);

	if (entry->mode == MODE_FOLDER || entry->mode == MODE_SUBMODULE)
		return folder_make(to, folder, name);
	if (!blob)
		return fail(to, ERR_CORRUPT, "has no content");
	to->files++;
	if (entry->mode == MODE_SYMLINK)
		return link_write(to, folder, name, blob_bytes(blob));
	return file_write(to, folder, name, blob_bytes(blob), entry->mode == MODE_EXECUTABLE ? 0755 : 0644);
}

/* ---- folders ---- */

/* For a tree that cannot be walked; which that is, is said already. */
static int fail_tree(struct materialise *to, int rc)
{
	char why[WORKSPACE_SENTENCE_BYTES];

	snprintf(why, sizeof(why), "%s", workspace_sentence(to->agent));
	return rc == ERR_MALFORMED ? agent_fail(to->agent, rc, "\"%.60s\": %s", to->path, why) : rc;
}

/* A copy: what a view points to is only there as long as the bracket is open. Names stay as long as the tree. */
static int entries_of(struct materialise *to, const struct tree *tree, struct tree_entry **out_entries, size_t *out_count)
{
	struct tree_entry *entries = NULL;
	struct tree_view view;
	int rc;

	workspace_begin(to->agent);
	rc = tree_view(to->agent, tree, &view);
	if (rc) {
		rc = fail_tree(to, rc);
	} else {
		*out_count = view.shape->count;
		entries = calloc(*out_count + 1, sizeof(*entries));
		rc = entries ? 0 : fail(to, ERR_MEMORY, "there is no memory to write it");
	}
	for (uint32_t i = 0; !rc && i < *out_count; i++)
		tree_view_entry(&view, i, &entries[i]);
	workspace_end(to->agent);
	*out_entries = entries;
	return rc;
}

/* Each entry by itself in `path`; afterwards the path is as before. */
typedef int entry_seen(struct materialise *to, int folder, const struct tree_entry *entry, const char *name);

static int each(struct materialise *to, int folder, const struct tree_entry *entries, size_t count, entry_seen *seen)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		char name[NAME_MAX + 1];
		size_t before = to->path_bytes;
		rc = down(to, &entries[i], name);
		if (!rc)
			rc = seen(to, folder, &entries[i], name);
		to->path_bytes = before;
		to->path[before] = '\0';
	}
	return rc;
}

static int tree_write(struct materialise *to, const struct tree *tree);

static int folder_fill(struct materialise *to, int folder, const struct tree_entry *entry, const char *name)
{
	(void)folder;
	(void)name;
	return entry->mode == MODE_FOLDER && object_as_tree(entry->child) ? tree_write(to, object_as_tree(entry->child)) : 0;
}

/* First what is in a folder, then, when it is closed again, what is in those: descriptors do not run out however deep it goes. */
static int tree_write(struct materialise *to, const struct tree *tree)
{
	struct tree_entry *entries = NULL;
	size_t count = 0;
	int folder = beneath_open(to->root, to->path);
	int rc = folder < 0 ? fail_errno(to, "cannot be opened") : entries_of(to, tree, &entries, &count);

	if (!rc)
		rc = each(to, folder, entries, count, entry_write);
	if (folder >= 0)
		close(folder);
	if (!rc)
		rc = each(to, -1, entries, count, folder_fill);
	free(entries);
	return rc;
}

/* ---- all of it ---- */

/* Calls nobody, or for each name that is in the folder; 0 or -1 with errno. */
static int names_each(int root, void (*seen)(int folder, const char *name), size_t *out_count)
{
	int file = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = file < 0 ? NULL : fdopendir(file);
	size_t count = 0;

	if (!folder) {
		if (file >= 0)
			close(file);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		count++;
		if (seen)
			seen(dirfd(folder), entry->d_name);
	}
	closedir(folder);
	*out_count = count;
	return 0;
}

int workspace_materialise(struct workspace_agent *agent, const struct tree *tree, int folder, uint64_t *out_files)
{
	struct materialise *to = calloc(1, sizeof(*to));
	size_t count = 0;
	bool held;
	int rc;

	if (!to)
		return agent_fail(agent, ERR_MEMORY, "there is no memory to write a tree");
	*to = (struct materialise){.agent = agent, .root = folder};
	if (names_each(folder, NULL, &count))
		rc = agent_fail(agent, ERR_IO, "the folder cannot be read (%s)", strerror(errno));
	else if (count)
		rc = agent_fail(agent, ERR_STATE, "the folder has %zu entries; a tree is written into an empty one", count);
	else {
		held = hold_begin(agent);
		rc = tree_write(to, tree);
		hold_end(agent, held);
		if (rc)
			names_each(folder, directory_remove, &count);
	}
	if (!rc)
		*out_files = to->files;
	free(to);
	return rc;
}
