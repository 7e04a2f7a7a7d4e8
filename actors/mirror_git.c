/* SPDX-License-Identifier: MIT
 *
 * Checkpoints as commits under a ref of their own, refs/bunshin/ and the 16 digits of the log's origin: each commit has the one before
 * as its parent and one file, `checkpoint`, as an entry of a mirror file. No branch, no index and no work tree is touched, and
 * whoever fetches or pushes that ref sees whether it was ever moved back.
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/mirror_inner.h"

#define REF_BYTES  64u
#define FILE_NAME  "checkpoint"
#define ORIGIN_HEX 16

struct write {
	git_repository *repository;
	git_commit *parent; /* NULL: the first one */
	git_treebuilder *builder;
	git_tree *tree;
	git_signature *author;
	char ref[REF_BYTES];
	char entry[MIRROR_ENTRY_BYTES];
};

/* refs/bunshin/0123456789abcdef from the first line of a note. */
static bool ref_name(const char *note, char out_ref[REF_BYTES])
{
	const char *slash = strchr(note, '/');
	size_t digits = slash ? strspn(slash + 1, "0123456789abcdef") : 0;

	if (digits != ORIGIN_HEX)
		return false;
	snprintf(out_ref, REF_BYTES, "refs/bunshin/%.*s", ORIGIN_HEX, slash + 1);
	return true;
}

static int find_parent(struct write *write)
{
	git_oid id;
	int rc = git_reference_name_to_id(&id, write->repository, write->ref);

	if (rc == GIT_ENOTFOUND)
		return 0;
	return rc ? rc : git_commit_lookup(&write->parent, write->repository, &id);
}

/* The last commit has this very entry: a start after a stop brings the same checkpoint again. */
static bool is_there(const struct write *write, const git_oid *blob)
{
	const git_tree_entry *entry;
	git_tree *tree = NULL;
	bool there = false;

	if (write->parent && git_commit_tree(&tree, write->parent) == 0) {
		entry = git_tree_entry_byname(tree, FILE_NAME);
		there = entry && git_oid_equal(git_tree_entry_id(entry), blob);
	}
	git_tree_free(tree);
	return there;
}

static int make_tree(struct write *write, const git_oid *blob)
{
	git_oid id;
	int rc = git_treebuilder_new(&write->builder, write->repository, NULL);

	if (!rc)
		rc = git_treebuilder_insert(NULL, write->builder, FILE_NAME, blob, GIT_FILEMODE_BLOB);
	if (!rc)
		rc = git_treebuilder_write(&id, write->builder);
	return rc ? rc : git_tree_lookup(&write->tree, write->repository, &id);
}

/* libgit2 moves the ref only from the parent to the new commit. */
static int make_commit(struct write *write, const struct checkpoint_text *checkpoint)
{
	const char *time = strstr(checkpoint->note, "\ntime ");
	unsigned long long ms = time ? strtoull(time + 6, NULL, 10) : 0;
	char words[128];
	git_oid id;
	int rc = git_signature_new(&write->author, "bunshin", "bunshin@localhost", (git_time_t)(ms / 1000), 0);

	snprintf(words, sizeof(words), "Checkpoint %llu of %llu records\n", (unsigned long long)checkpoint->number,
		 (unsigned long long)checkpoint->size);
	return rc ? rc
		  : git_commit_create_v(&id, write->repository, write->ref, write->author, write->author, "UTF-8", words,
					write->tree, write->parent ? 1 : 0, write->parent);
}

static int put(struct write *write, const char *where, const struct checkpoint_text *checkpoint)
{
	git_oid blob;
	int rc = git_repository_open_ext(&write->repository, where, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);

	if (!rc)
		rc = find_parent(write);
	if (!rc)
		rc = git_blob_create_from_buffer(&blob, write->repository, write->entry, mirror_entry(checkpoint, write->entry));
	if (rc || is_there(write, &blob))
		return rc;
	rc = make_tree(write, &blob);
	return rc ? rc : make_commit(write, checkpoint);
}

bool mirror_git_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, char out_why[MIRROR_WHY_BYTES])
{
	struct write write = {0};
	const git_error *error;
	struct stat status;
	int rc;

	if (!ref_name(checkpoint->note, write.ref)) {
		snprintf(out_why, MIRROR_WHY_BYTES, "the checkpoint does not begin with an origin");
		return false;
	}
	if (stat(mirror->where, &status) == 0)
		mirror_note_device(mirror, status.st_dev);
	if (git_libgit2_init() < 0)
		return false;
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	rc = put(&write, mirror->where, checkpoint);
	error = git_error_last();
	if (rc)
		snprintf(out_why, MIRROR_WHY_BYTES, "%s", error && error->message ? error->message : "git refuses it");
	git_signature_free(write.author);
	git_tree_free(write.tree);
	git_treebuilder_free(write.builder);
	git_commit_free(write.parent);
	git_repository_free(write.repository);
	git_libgit2_shutdown();
	return rc == 0;
}
