/* SPDX-License-Identifier: MIT
 *
 * A folder becomes a tree.
 *
 * Whoever worked in the folder may have left anything there, and may still be changing it. So nothing in it is asked what to do: no
 * configuration, attributes or hooks are read, and a repository in it is a name that is refused. Every folder is opened anew from the top in
 * a way that no link can lead elsewhere (beneath.h), and files are opened where links are refused and looked at again once they are open.
 * At no time are more than two descriptors open, however deep it goes.
 *
 * First the names of a folder are read, then its files and links, then the folders in it; from what they have become its tree is made.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/beneath.h"
#include "workspace/exchange/harvest_inner.h"
#include "workspace/store/agent.h"
#include "workspace/store/hold.h"

#define FILES_MAX_DEFAULT 1000000u
#define BYTES_MAX_DEFAULT (UINT64_C(4) << 30)
#define PUBLISH_BYTES     (UINT64_C(64) << 20)

/* ---- one folder ---- */

/* Entries of one folder on their way to a tree. Those that are folders still have to be read. */
struct found {
	const char *name;
	enum file_mode mode; /* MODE_NONE: left out */
	bool is_unread;
	struct known known;
	const struct object *object;
};

struct level {
	const struct tree *base; /* or NULL */
	struct ignore own;       /* the .gitignore of this folder in base */
	const struct ignore *ignore;
	bool is_ignored; /* all but what base has */
	struct found *found;
	size_t count, capacity;
	char *names;
	size_t names_bytes, names_capacity;
};

static void level_release(struct level *level)
{
	ignore_release(&level->own);
	free(level->found);
	free(level->names);
}

static int level_grow(struct harvest *harvest, struct level *level, size_t name_bytes)
{
	if (level->count == level->capacity) {
		size_t more = level->capacity ? level->capacity * 2 : 32;
		struct found *found = reallocarray(level->found, more, sizeof(*found));
		if (!found)
			return harvest_fail(harvest, ERR_MEMORY, "there is no memory to read it");
		level->found = found;
		level->capacity = more;
	}
	if (level->names_bytes + name_bytes > level->names_capacity) {
		size_t more = (level->names_capacity + name_bytes) * 2 + 512;
		char *names = realloc(level->names, more);
		if (!names)
			return harvest_fail(harvest, ERR_MEMORY, "there is no memory to read it");
		level->names = names;
		level->names_capacity = more;
	}
	return 0;
}

/* Names may still move: until all are read, `name` is not set. */
static int level_add(struct harvest *harvest, struct level *level, const char *name)
{
	size_t bytes = strlen(name) + 1;
	int rc = level_grow(harvest, level, bytes);

	if (rc)
		return rc;
	if (!harvest->files_left--) {
		harvest->files_left = 0;
		return harvest_fail(harvest, ERR_LIMIT, "has more files, links and folders than are accepted");
	}
	memcpy(level->names + level->names_bytes, name, bytes);
	level->names_bytes += bytes;
	level->found[level->count++] = (struct found){.mode = MODE_NONE};
	return 0;
}

static void names_set(struct level *level)
{
	const char *name = level->names;

	for (size_t i = 0; i < level->count; i++) {
		level->found[i].name = name;
		name += strlen(name) + 1;
	}
}

static int names_read(struct harvest *harvest, struct level *level, DIR *folder)
{
	int rc = 0;

	while (!rc) {
		struct dirent *entry;
		errno = 0;
		entry = readdir(folder);
		if (!entry && errno)
			return harvest_fail_errno(harvest, "cannot be read");
		if (!entry)
			break;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!harvest->path_bytes && !strcmp(entry->d_name, ".git"))
			harvest->result.skipped++;
		else
			rc = level_add(harvest, level, entry->d_name);
	}
	names_set(level);
	return rc;
}

/* ---- one entry ---- */

static int name_refuse(struct harvest *harvest, const char *name, const char *why)
{
	if (!strcmp(name, ".git"))
		why = "is a repository of its own; without a submodule at its folder it is not harvested";
	return harvest_fail(harvest, ERR_MALFORMED, why);
}

static int name_accept(struct harvest *harvest, const struct found *found)
{
	const char *why;
	int rc = tree_name_check(found->name, strlen(found->name), found->mode, &why);

	return rc ? name_refuse(harvest, found->name, why) : 0;
}

/* What base does not have and its .gitignore files name is left out. A folder that base has is entered, whatever they say. */
static bool is_in_base(const struct found *found, bool is_folder)
{
	return found->known.mode != MODE_NONE && (is_folder || found->known.mode != MODE_FOLDER);
}

static int is_left_out(struct harvest *harvest, const struct level *level, const struct found *found, bool is_folder,
		       bool *out_left)
{
	*out_left = false;
	if (!harvest->options->skip_ignored || is_in_base(found, is_folder))
		return 0;
	*out_left = true;
	if (level->is_ignored)
		return 0;
	if (ignore_match(level->ignore, harvest->path, harvest->path_bytes, is_folder, out_left))
		return harvest_fail(harvest, ERR_MEMORY, "there is no memory to compare it with what is ignored");
	return 0;
}

static int folder_note(struct found *found)
{
	found->mode = MODE_FOLDER;
	found->is_unread = true;
	if (found->known.mode == MODE_SUBMODULE) { /* whatever is checked out there */
		found->mode = MODE_SUBMODULE;
		found->object = found->known.object;
		found->is_unread = false;
	}
	return 0;
}

static int content_read(struct harvest *harvest, int folder, struct found *found, const struct stat *info)
{
	int rc = name_accept(harvest, found);

	if (!rc && found->mode == MODE_SYMLINK)
		rc = harvest_link(harvest, folder, found->name, &found->known, &found->object);
	else if (!rc)
		rc = harvest_file(harvest, folder, found->name, info, &found->known, &found->object);
	harvest->result.files += !rc;
	return rc;
}

static int entry_read(struct harvest *harvest, const struct level *level, int folder, struct found *found)
{
	struct stat info;
	bool is_left = false;
	int rc = harvest_known(harvest, level->base, found->name, &found->known);

	if (rc)
		return rc;
	if (fstatat(folder, found->name, &info, AT_SYMLINK_NOFOLLOW))
		return harvest_fail_errno(harvest, "cannot be looked at");
	rc = is_left_out(harvest, level, found, S_ISDIR(info.st_mode), &is_left);
	if (rc || is_left)
		return rc;
	if (S_ISDIR(info.st_mode))
		return folder_note(found);
	if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
		harvest->result.skipped++;
		return 0;
	}
	found->mode = S_ISLNK(info.st_mode) ? MODE_SYMLINK : info.st_mode & S_IXUSR ? MODE_EXECUTABLE : MODE_FILE;
	return content_read(harvest, folder, found, &info);
}

/* ---- trees ---- */

/* As git sorts: folders as if a slash followed. */
static int by_name(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;
	uint32_t least = x->name_bytes < y->name_bytes ? x->name_bytes : y->name_bytes;
	int order = memcmp(x->name, y->name, least);
	unsigned char of_x, of_y;

	if (order)
		return order;
	of_x = x->name_bytes > least ? (unsigned char)x->name[least] : x->mode == MODE_FOLDER ? '/' : 0;
	of_y = y->name_bytes > least ? (unsigned char)y->name[least] : y->mode == MODE_FOLDER ? '/' : 0;
	return of_x - of_y;
}

static int tree_from(struct harvest *harvest, const struct level *level, struct tree_entry *entries, size_t count,
		     const struct tree **out_tree)
{
	int rc;

	qsort(entries, count, sizeof(*entries), by_name);
	workspace_begin(harvest->agent);
	rc = tree_make(harvest->agent, level->base, entries, count, out_tree);
	if (!rc && harvest->unpublished > PUBLISH_BYTES) {
		rc = agent_publish(harvest->agent, NULL, 0);
		harvest->unpublished = 0;
	}
	if (rc == ERR_MALFORMED) {
		char why[WORKSPACE_SENTENCE_BYTES];
		snprintf(why, sizeof(why), "%s", workspace_sentence(harvest->agent));
		rc = harvest_fail(harvest, rc, why);
	}
	workspace_end(harvest->agent);
	return rc;
}

/* `*out_tree` is NULL if nothing is left, and this is not the top. */
static int level_end(struct harvest *harvest, const struct level *level, const struct tree **out_tree)
{
	struct tree_entry *entries = calloc(level->count + 1, sizeof(*entries));
	size_t count = 0;
	int rc = 0;

	if (!entries)
		return harvest_fail(harvest, ERR_MEMORY, "there is no memory to make a tree of it");
	for (size_t i = 0; i < level->count; i++) {
		const struct found *found = &level->found[i];
		if (found->mode != MODE_NONE)
			entries[count++] =
				(struct tree_entry){found->name, (uint32_t)strlen(found->name), found->mode, found->object};
	}
	*out_tree = NULL;
	if (count || !harvest->path_bytes)
		rc = tree_from(harvest, level, entries, count, out_tree);
	free(entries);
	return rc;
}

/* ---- folders in folders ---- */

/* Links and the like are no ignore files, as in git. */
static int ignore_begin(struct harvest *harvest, struct level *level)
{
	struct known file;
	int rc = 0;

	if (!harvest->options->skip_ignored || level->is_ignored)
		return 0;
	rc = harvest_known(harvest, level->base, ".gitignore", &file);
	if (rc || (file.mode != MODE_FILE && file.mode != MODE_EXECUTABLE) || !object_as_blob(file.object))
		return rc;
	rc = ignore_read(blob_bytes(object_as_blob(file.object)), level->ignore,
			 harvest->path_bytes ? harvest->path_bytes + 1 : 0, &level->own);
	if (rc)
		return harvest_fail(harvest, rc, "there is no memory to read what is ignored");
	level->ignore = &level->own;
	return 0;
}

static int level_files(struct harvest *harvest, struct level *level)
{
	int file = beneath_open(harvest->root, harvest->path);
	DIR *folder = file < 0 ? NULL : fdopendir(file);
	int rc = 0;

	if (!folder) {
		rc = harvest_fail_errno(harvest, "cannot be opened");
		if (file >= 0)
			close(file);
		return rc;
	}
	rc = names_read(harvest, level, folder);
	for (size_t i = 0; !rc && i < level->count; i++) {
		size_t before;
		rc = harvest_down(harvest, level->found[i].name, &before);
		if (rc)
			break;
		rc = entry_read(harvest, level, dirfd(folder), &level->found[i]);
		harvest_up(harvest, before);
	}
	closedir(folder);
	return rc;
}

static int level_run(struct harvest *harvest, struct level *level, const struct tree **out_tree);

static int folder_is_ignored(struct harvest *harvest, const struct level *above, bool *out_ignored)
{
	*out_ignored = above->is_ignored;
	if (*out_ignored || !harvest->options->skip_ignored)
		return 0;
	if (ignore_match(above->ignore, harvest->path, harvest->path_bytes, true, out_ignored))
		return harvest_fail(harvest, ERR_MEMORY, "there is no memory to compare it with what is ignored");
	return 0;
}

static int folder_read(struct harvest *harvest, const struct level *above, struct found *found)
{
	struct level level = {.base = found->known.mode == MODE_FOLDER ? object_as_tree(found->known.object) : NULL,
			      .ignore = above->ignore};
	const struct tree *tree = NULL;
	int rc = folder_is_ignored(harvest, above, &level.is_ignored);

	if (!rc)
		rc = level_run(harvest, &level, &tree);
	level_release(&level);
	if (!rc && tree)
		rc = name_accept(harvest, found);
	found->object = (const struct object *)tree;
	found->mode = tree ? MODE_FOLDER : MODE_NONE;
	return rc;
}

static int level_run(struct harvest *harvest, struct level *level, const struct tree **out_tree)
{
	int rc = ignore_begin(harvest, level);

	if (!rc)
		rc = level_files(harvest, level);
	for (size_t i = 0; !rc && i < level->count; i++) {
		size_t before;
		if (!level->found[i].is_unread)
			continue;
		rc = harvest_down(harvest, level->found[i].name, &before);
		if (rc)
			break;
		rc = folder_read(harvest, level, &level->found[i]);
		harvest_up(harvest, before);
	}
	return rc ? rc : level_end(harvest, level, out_tree);
}

/* ---- all of it ---- */

static int harvest_publish(struct harvest *harvest)
{
	int rc;

	workspace_begin(harvest->agent);
	rc = agent_publish(harvest->agent, NULL, 0);
	workspace_end(harvest->agent);
	return rc;
}

int workspace_harvest(struct workspace_agent *agent, int folder, const struct harvest_options *options,
		      const struct tree **out_tree, struct harvest_result *out_result)
{
	static const struct harvest_options plain;
	struct harvest *harvest = calloc(1, sizeof(*harvest));
	struct level top = {.base = options ? options->base : NULL};
	const struct tree *tree = NULL;
	bool held;
	int rc;

	if (!harvest)
		return agent_fail(agent, ERR_MEMORY, "there is no memory to read a folder");
	harvest->agent = agent;
	options = options ? options : &plain;
	harvest->options = options;
	harvest->root = folder;
	harvest->files_left = options->files_max ? options->files_max : FILES_MAX_DEFAULT;
	harvest->bytes_left = options->bytes_max ? options->bytes_max : BYTES_MAX_DEFAULT;
	held = hold_begin(agent);
	rc = level_run(harvest, &top, &tree);
	if (!rc)
		rc = harvest_publish(harvest);
	hold_end(agent, held);
	if (!rc) {
		*out_tree = tree;
		*out_result = harvest->result;
	}
	level_release(&top);
	free(harvest->buffer);
	free(harvest);
	return rc;
}
