/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool inventory [--commit REV]`: what a repository holds, as one JSON object:
 *
 *   {"commit", "tree", "branch" (null: detached), "dirty", "bare",
 *    "files": [{"path", "blob", "bytes", "language" (null: not known), "lines" (null: not counted),
 *               "binary", "generated", "vendored", "test", "executable", "symlink": true where it is so}],
 *    "languages": {name: lines}, "manifests": {path: text}, "files_total", "bytes_total", "submodules": [path],
 *    "head": id of HEAD or null, "left_out": [sentence]}
 *
 * The files are those of the commit (HEAD unless another is named), not those of the folder: they have ids, and two runs
 * agree. `dirty` says that tracked files in the folder differ from HEAD. Vendored and generated files do not count in
 * `languages`. `manifests` are the files that say how the project is built (tools/manifest.h). Bounds keep the answer finite; whatever one of them cut is a sentence in `left_out`.
 */
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/result.h"
#include "tools/language.h"
#include "tools/manifest.h"

#define INVENTORY_FILES_MAX 50000u
#define INVENTORY_BLOB_MAX  (4u << 20)      /* a larger file is listed, its lines are not counted */
#define INVENTORY_READ_MAX  (1024ull << 20) /* of all contents together */
#define INVENTORY_PATH_MAX  1024u

struct inventory {
	git_repository *repository;
	json_t *files;
	json_t *languages;
	json_t *submodules;
	json_t *manifests;
	uint64_t manifest_bytes;
	uint64_t files_total;
	uint64_t bytes_total;
	uint64_t bytes_read;
	uint64_t unread_large;  /* files whose lines were not counted because of their size */
	uint64_t unread_budget; /* … because enough had been read */
	uint64_t unreadable;    /* … because the repository does not hold them */
	uint64_t odd_paths;     /* names that are no UTF-8, or too long */
	uint64_t unlisted;
	bool out_of_memory;
};

static void set(struct inventory *inventory, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		inventory->out_of_memory = true;
}

static void set_if(struct inventory *inventory, json_t *object, const char *name, bool value)
{
	if (value)
		set(inventory, object, name, json_true());
}

static void count_language(struct inventory *inventory, const char *language, size_t lines)
{
	json_int_t before = json_integer_value(json_object_get(inventory->languages, language));
	set(inventory, inventory->languages, language, json_integer(before + (json_int_t)lines));
}

/* What only the content tells. */
static void add_content(struct inventory *inventory, json_t *file, const char *path, git_blob *blob)
{
	const char *content = git_blob_rawcontent(blob);
	size_t bytes = (size_t)git_blob_rawsize(blob);
	inventory->bytes_read += bytes;
	if (content_binary(content, bytes)) {
		set(inventory, file, "binary", json_true());
		return;
	}
	const char *language = language_of_path(path);
	if (!language)
		language = language_of_shebang(content, bytes);
	size_t lines = content_lines(content, bytes);
	bool generated = path_generated(path) || content_generated(content, bytes);
	set(inventory, file, "language", language ? json_string(language) : json_null());
	set(inventory, file, "lines", json_integer((json_int_t)lines));
	set_if(inventory, file, "generated", generated);
	if (manifest_named(path) && bytes <= MANIFEST_BYTES_MAX && inventory->manifest_bytes + bytes <= MANIFEST_TOTAL_MAX) {
		inventory->manifest_bytes += bytes;
		set(inventory, inventory->manifests, path, text_json(content, bytes, MANIFEST_BYTES_MAX));
	}
	if (language && !generated && !path_vendored(path))
		count_language(inventory, language, lines);
}

/* Size and type stand in the header of the object, so a large one need not be read. */
static void add_blob(struct inventory *inventory, json_t *file, const char *path, const git_oid *id)
{
	git_odb *odb = NULL;
	git_blob *blob = NULL;
	size_t bytes = 0;
	git_object_t type = GIT_OBJECT_INVALID;
	if (git_repository_odb(&odb, inventory->repository) != 0 || git_odb_read_header(&bytes, &type, odb, id) != 0) {
		inventory->unreadable++;
		goto out;
	}
	inventory->bytes_total += bytes;
	set(inventory, file, "bytes", json_integer((json_int_t)bytes));
	if (bytes > INVENTORY_BLOB_MAX)
		inventory->unread_large++;
	else if (inventory->bytes_read + bytes > INVENTORY_READ_MAX)
		inventory->unread_budget++;
	else if (git_blob_lookup(&blob, inventory->repository, id) != 0)
		inventory->unreadable++;
	else
		add_content(inventory, file, path, blob);
out:
	git_blob_free(blob);
	git_odb_free(odb);
}

static void add_file(struct inventory *inventory, const char *path, const git_tree_entry *entry)
{
	char id[GIT_OID_HEXSZ + 1];
	json_t *file = json_pack("{s:s, s:s, s:i, s:o, s:n}", "path", path, "blob",
				 git_oid_tostr(id, sizeof(id), git_tree_entry_id(entry)), "bytes", 0, "language",
				 language_of_path(path) ? json_string(language_of_path(path)) : json_null(), "lines");
	if (!file) {
		inventory->out_of_memory = true;
		return;
	}
	git_filemode_t mode = git_tree_entry_filemode(entry);
	set_if(inventory, file, "symlink", mode == GIT_FILEMODE_LINK);
	set_if(inventory, file, "executable", mode == GIT_FILEMODE_BLOB_EXECUTABLE);
	set_if(inventory, file, "vendored", path_vendored(path));
	set_if(inventory, file, "test", path_in_test(path));
	if (mode != GIT_FILEMODE_LINK)
		add_blob(inventory, file, path, git_tree_entry_id(entry));
	if (json_array_append_new(inventory->files, file) != 0)
		inventory->out_of_memory = true;
}

static int visit(const char *folder, const git_tree_entry *entry, void *payload)
{
	struct inventory *inventory = payload;
	char path[INVENTORY_PATH_MAX];
	int bytes = snprintf(path, sizeof(path), "%s%s", folder, git_tree_entry_name(entry));
	if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		return 0;
	json_t *text = bytes > 0 && (size_t)bytes < sizeof(path) ? json_string(path) : NULL;
	if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT) {
		if (text)
			json_array_append(inventory->submodules, text);
	} else {
		inventory->files_total++;
		if (!text)
			inventory->odd_paths++;
		else if (json_array_size(inventory->files) >= INVENTORY_FILES_MAX)
			inventory->unlisted++;
		else
			add_file(inventory, path, entry);
	}
	json_decref(text);
	return inventory->out_of_memory ? -1 : 0;
}

static int stop_at_first(const git_diff *diff, const git_diff_delta *delta, const char *pathspec, void *payload)
{
	(void)diff;
	(void)delta;
	(void)pathspec;
	*(bool *)payload = true;
	return -1;
}

/* Do tracked files differ from HEAD? An unreadable index counts as different. */
static bool folder_dirty(git_repository *repository)
{
	git_diff_options options;
	git_diff *diff = NULL;
	git_object *tree = NULL;
	bool dirty = false;
	if (git_repository_is_bare(repository) || git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION) != 0)
		return false;
	options.flags = GIT_DIFF_IGNORE_SUBMODULES | GIT_DIFF_SKIP_BINARY_CHECK;
	options.notify_cb = stop_at_first;
	options.payload = &dirty;
	int rc = git_revparse_single(&tree, repository, "HEAD^{tree}");
	if (rc == 0)
		rc = git_diff_tree_to_workdir_with_index(&diff, repository, (git_tree *)tree, &options);
	git_diff_free(diff);
	git_object_free(tree);
	return dirty || rc != 0;
}

static json_t *branch_name(git_repository *repository)
{
	git_reference *head = NULL;
	json_t *name = NULL;
	if (git_repository_head(&head, repository) == 0 && git_reference_is_branch(head))
		name = json_string(git_reference_shorthand(head));
	git_reference_free(head);
	return name ? name : json_null();
}

static void say_left_out(json_t *list, uint64_t count, const char *what)
{
	if (count > 0)
		json_array_append_new(list, json_sprintf("%llu %s", (unsigned long long)count, what));
}

static json_t *sentences_left_out(const struct inventory *inventory)
{
	json_t *list = json_array();
	say_left_out(list, inventory->unlisted, "files are not listed: the list ends at 50,000");
	say_left_out(list, inventory->odd_paths, "files are not listed: their names are no UTF-8 or longer than 1,023 bytes");
	say_left_out(list, inventory->unread_large, "files are larger than 4 MiB: their lines are not counted");
	say_left_out(list, inventory->unread_budget, "files came after the first GiB of contents: their lines are not counted");
	say_left_out(list, inventory->unreadable, "files could not be read from the repository (a partial or damaged clone?)");
	return list;
}

static json_t *head_id(git_repository *repository)
{
	char text[GIT_OID_HEXSZ + 1];
	git_oid id;
	return git_reference_name_to_id(&id, repository, "HEAD") == 0 ? json_string(git_oid_tostr(text, sizeof(text), &id))
								      : json_null();
}

static json_t *inventory_json(struct inventory *inventory, git_commit *commit)
{
	char id[GIT_OID_HEXSZ + 1];
	char tree[GIT_OID_HEXSZ + 1];
	git_oid_tostr(id, sizeof(id), git_commit_id(commit));
	git_oid_tostr(tree, sizeof(tree), git_commit_tree_id(commit));
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:b, s:O, s:O, s:O, s:O, s:I, s:I, s:o}", "commit", id, "tree", tree,
			 "branch", branch_name(inventory->repository), "head", head_id(inventory->repository), "dirty",
			 folder_dirty(inventory->repository), "bare", git_repository_is_bare(inventory->repository), "files",
			 inventory->files, "languages", inventory->languages, "manifests", inventory->manifests, "submodules",
			 inventory->submodules, "files_total", (json_int_t)inventory->files_total, "bytes_total",
			 (json_int_t)inventory->bytes_total, "left_out", sentences_left_out(inventory));
}

static int take_inventory(const char *revision)
{
	struct inventory inventory = {
		.files = json_array(), .languages = json_object(), .submodules = json_array(), .manifests = json_object()};
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	json_t *answer = NULL;
	int rc = tool_open_repository(&inventory.repository);
	if (rc == 0)
		rc = tool_find_commit(inventory.repository, revision, &commit);
	if (rc)
		goto out;
	if (git_commit_tree(&tree, commit) != 0 || git_tree_walk(tree, GIT_TREEWALK_PRE, visit, &inventory) != 0) {
		const git_error *error = git_error_last();
		rc = tool_fail("inventory", "the tree of the commit could not be read: %s",
			       inventory.out_of_memory ? "out of memory"
			       : error                 ? error->message
						       : "no reason given");
		goto out;
	}
	answer = inventory_json(&inventory, commit);
	rc = answer && !inventory.out_of_memory ? tool_print(answer) : tool_fail("inventory", "out of memory");
out:
	json_decref(answer);
	json_decref(inventory.files);
	json_decref(inventory.languages);
	json_decref(inventory.submodules);
	json_decref(inventory.manifests);
	git_tree_free(tree);
	git_commit_free(commit);
	git_repository_free(inventory.repository);
	return rc;
}

int tool_inventory(int argc, char **argv)
{
	if (argc == 1)
		return take_inventory(NULL);
	if (argc == 3 && strcmp(argv[1], "--commit") == 0)
		return take_inventory(argv[2]);
	fputs("usage: bunshin tool inventory [--commit REVISION]\n", stderr);
	return 2;
}
