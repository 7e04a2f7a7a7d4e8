/* SPDX-License-Identifier: MIT
 *
 * libgit2 as one would use it for speed: trees are made from trees (git_tree_create_updated), never through an index or a working tree. Once with a
 * bare repository on a disk, once with its objects in memory (mempack). libgit2 has no references in memory: there no reference is
 * written at all, which is in its favour, and branches are not measured.
 */
#include <git2.h>
#include <git2/sys/mempack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/peer.h"

struct peer {
	const struct shape_of_repository *shape;
	git_repository *repository;
	git_odb *objects;
	git_signature *person;
	git_commit *tip;
	bool memory;
};

static void must(int rc, const char *what)
{
	const git_error *error = git_error_last();

	if (rc < 0)
		stop("libgit2: %s: %s", what, error ? error->message : "no reason given");
}

/* `base` with one file replaced or added; NULL begins anew. */
static git_tree *tree_with(struct peer *peer, git_tree *base, const char *path, const char *data, size_t bytes)
{
	git_tree_update update = {.action = GIT_TREE_UPDATE_UPSERT, .filemode = GIT_FILEMODE_BLOB, .path = path};
	git_tree *tree = NULL;
	git_oid id;

	must(git_odb_write(&update.id, peer->objects, data, bytes, GIT_OBJECT_BLOB), "blob");
	must(git_tree_create_updated(&id, peer->repository, base, 1, &update), "tree");
	must(git_tree_lookup(&tree, peer->repository, &id), "tree");
	return tree;
}

static git_commit *commit_tree_of(struct peer *peer, const char *ref, git_tree *tree, size_t parents, const git_commit **parent)
{
	git_commit *commit = NULL;
	git_oid id;

	must(git_commit_create(&id, peer->repository, peer->memory ? NULL : ref, peer->person, peer->person, NULL, "commit\n",
			       tree, parents, parent),
	     "commit");
	must(git_commit_lookup(&commit, peer->repository, &id), "commit");
	return commit;
}

/* Commit one changed file on `parent`; `ref` must be there. */
static git_commit *commit_file(struct peer *peer, const char *ref, git_commit *parent, const char *path, const char *data,
			       size_t bytes)
{
	git_tree *base = NULL;

	must(git_commit_tree(&base, parent), "tree");
	git_tree *tree = tree_with(peer, base, path, data, bytes);
	const git_commit *parents[] = {parent};
	git_commit *commit = commit_tree_of(peer, ref, tree, 1, parents);
	git_tree_free(tree);
	git_tree_free(base);
	return commit;
}

static void fill(struct peer *peer)
{
	char path[PATH_BYTES], data[TEXT_BYTES];
	git_tree *tree = NULL;

	shape_text(0, 0, data);
	tree = tree_with(peer, NULL, TEXT_PATH, data, TEXT_BYTES);
	for (unsigned i = 0; i < shape_files(peer->shape); i++) {
		git_tree *base = tree;
		shape_path(peer->shape, i, path);
		shape_content(i, 0, data);
		tree = tree_with(peer, base, path, data, FILE_BYTES);
		git_tree_free(base);
	}
	peer->tip = commit_tree_of(peer, "refs/heads/main", tree, 0, NULL);
	git_tree_free(tree);
}

static struct peer *open_peer(const struct shape_of_repository *shape, const char *folder, bool memory)
{
	git_odb_backend *mempack = NULL;
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		stop("out of memory");
	peer->shape = shape;
	peer->memory = memory;
	git_libgit2_init();
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0); /* its checks of its own objects cost time */
	git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, (size_t)1 << 20);
	must(git_repository_init(&peer->repository, folder, 1), "init");
	must(git_repository_odb(&peer->objects, peer->repository), "odb");
	if (memory) {
		must(git_mempack_new(&mempack), "mempack");
		must(git_odb_add_backend(peer->objects, mempack, 999), "mempack");
	}
	must(git_signature_new(&peer->person, "Bench", "bench@localhost", 1700000000, 0), "signature");
	fill(peer);
	return peer;
}

static struct peer *open_disk(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	*out_why = '\0';
	return open_peer(shape, folder, false);
}

static struct peer *open_memory(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	*out_why = '\0';
	return open_peer(shape, folder, true);
}

static void libgit2_close(struct peer *peer)
{
	git_commit_free(peer->tip);
	git_signature_free(peer->person);
	git_odb_free(peer->objects);
	git_repository_free(peer->repository);
	git_libgit2_shutdown();
	free(peer);
}

static double run_commit(struct peer *peer, unsigned n)
{
	char path[PATH_BYTES], data[FILE_BYTES];

	shape_path(peer->shape, n % shape_files(peer->shape), path);
	shape_content(n, n, data);
	double begin = clock_us();
	git_commit *commit = commit_file(peer, "refs/heads/main", peer->tip, path, data, sizeof(data));
	double took = clock_us() - begin;
	git_commit_free(peer->tip);
	peer->tip = commit;
	return took;
}

static void branch(struct peer *peer, const char *name)
{
	git_reference *reference = NULL;

	must(git_branch_create(&reference, peer->repository, name, peer->tip, 0), "branch");
	git_reference_free(reference);
}

static double run_branch(struct peer *peer, unsigned n)
{
	char name[64];

	if (peer->memory)
		return -1;
	snprintf(name, sizeof(name), "branch-%u", n);
	double begin = clock_us();
	branch(peer, name);
	return clock_us() - begin;
}

static double merge_commits(struct peer *peer, const char *ref, git_commit *ours, git_commit *theirs)
{
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_oid id;
	const git_commit *parents[] = {ours, theirs};
	double begin = clock_us();

	must(git_merge_commits(&index, peer->repository, ours, theirs, NULL), "merge");
	if (git_index_has_conflicts(index))
		stop("libgit2: a merge without overlaps has conflicts");
	must(git_index_write_tree_to(&id, index, peer->repository), "tree");
	must(git_tree_lookup(&tree, peer->repository, &id), "tree");
	git_commit *merged = commit_tree_of(peer, ref, tree, 2, parents);
	double took = clock_us() - begin;
	git_commit_free(merged);
	git_tree_free(tree);
	git_index_free(index);
	return took;
}

struct side {
	char path[PATH_BYTES];
	char data[TEXT_BYTES];
	size_t bytes;
};

static double merge_two(struct peer *peer, unsigned n, const struct side *ours_side, const struct side *theirs_side)
{
	char ours_name[64], theirs_name[64];

	snprintf(ours_name, sizeof(ours_name), "refs/heads/ours-%u", n);
	snprintf(theirs_name, sizeof(theirs_name), "refs/heads/theirs-%u", n);
	if (!peer->memory) {
		branch(peer, ours_name + strlen("refs/heads/"));
		branch(peer, theirs_name + strlen("refs/heads/"));
	}
	git_commit *ours = commit_file(peer, ours_name, peer->tip, ours_side->path, ours_side->data, ours_side->bytes);
	git_commit *theirs = commit_file(peer, theirs_name, peer->tip, theirs_side->path, theirs_side->data, theirs_side->bytes);
	double took = merge_commits(peer, ours_name, ours, theirs);
	git_commit_free(ours);
	git_commit_free(theirs);
	return took;
}

static void side_file(const struct peer *peer, unsigned index, unsigned version, struct side *out)
{
	shape_path(peer->shape, index % shape_files(peer->shape), out->path);
	shape_content(index, version, out->data);
	out->bytes = FILE_BYTES;
}

static void side_text(unsigned early, unsigned late, struct side *out)
{
	snprintf(out->path, sizeof(out->path), "%s", TEXT_PATH);
	shape_text(early, late, out->data);
	out->bytes = TEXT_BYTES;
}

static double run_merge(struct peer *peer, unsigned n)
{
	struct side ours, theirs;

	side_file(peer, 2 * n, 1000000 + n, &ours);
	side_file(peer, 2 * n + 1, 2000000 + n, &theirs);
	return merge_two(peer, 2 * n, &ours, &theirs);
}

static double run_text(struct peer *peer, unsigned n)
{
	struct side ours, theirs;

	side_text(n, 0, &ours);
	side_text(0, n, &theirs);
	return merge_two(peer, 2 * n + 1, &ours, &theirs);
}

static double run_read(struct peer *peer, unsigned n)
{
	char path[PATH_BYTES];
	git_tree *tree = NULL;
	git_tree_entry *entry = NULL;
	git_blob *blob = NULL;

	shape_path(peer->shape, n % shape_files(peer->shape), path);
	double begin = clock_us();
	must(git_commit_tree(&tree, peer->tip), "tree");
	must(git_tree_entry_bypath(&entry, tree, path), "path");
	must(git_blob_lookup(&blob, peer->repository, git_tree_entry_id(entry)), "blob");
	double took = clock_us() - begin;
	if (git_blob_rawsize(blob) != FILE_BYTES)
		stop("libgit2: %s is of another size", path);
	git_blob_free(blob);
	git_tree_entry_free(entry);
	git_tree_free(tree);
	return took;
}

static bool libgit2_head(struct peer *peer, char out_hex[41])
{
	git_oid_tostr(out_hex, 41, git_commit_tree_id(peer->tip));
	return true;
}

#define RUNS                                                                                                                     \
	{                                                                                                                        \
		run_commit, run_branch, run_merge, run_text, run_read                                                            \
	}

const struct peer_kind peer_libgit2_disk = {
	.name = "libgit2-disk",
	.sentence = "libgit2, a bare repository on the disk",
	.open = open_disk,
	.run = RUNS,
	.close = libgit2_close,
	.head = libgit2_head,
};

const struct peer_kind peer_libgit2_memory = {
	.name = "libgit2-memory",
	.sentence = "libgit2, objects in memory (mempack), no references",
	.open = open_memory,
	.run = RUNS,
	.close = libgit2_close,
	.head = libgit2_head,
};
