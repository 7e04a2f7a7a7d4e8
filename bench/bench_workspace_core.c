/* SPDX-License-Identifier: MIT
 *
 * What one thread can do in a workspace: commit one file of 1 KB (in memory; with the journal in the page cache; with that and the search for SHA-1
 * attacks), read a path at the tip, set a branch; beside libgit2 doing the same in memory (mempack, git_tree_create_updated), in the same run.
 * Repositories have 1,000 files (10 x 10 x 10) or 10,000 (100 x 100).
 *
 *   bench_workspace_core [COMMITS]     the journals are in a folder of $TMPDIR, else of /tmp
 *
 * All alternate in blocks; of libgit2's commits there are fewer, since they take longer.
 */
#include <ftw.h>
#include <git2.h>
#include <git2/sys/commit.h>
#include <git2/sys/mempack.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workspace/workspace.h"

#define COMMITS_GIVEN 100000u
#define BLOCK         500u  /* commits of one, then of the next */
#define READS         8000u /* and after ten blocks, so many reads of one and of the other */
#define PEER_SHARE    50u   /* one commit of libgit2 for so many of ours */
#define FILE_BYTES    1024u
#define PATH_BYTES    64u
#define REF           "refs/heads/main"

struct repository {
	const char *name;
	unsigned width, depth; /* entries of each folder, levels */
	unsigned files;
};

struct samples {
	double *ns;
	size_t count;
};

struct own {
	const char *name;
	struct workspace *workspace;
	struct workspace_agent *agent;
	const struct commit *tip;
	struct samples commits;
	char folder[64]; /* of its journal, or empty */
};

struct peer {
	git_repository *repository;
	git_odb *odb;
	git_oid tip, tree;
	git_signature *who;
};

static _Noreturn void stop(const char *what, const char *why)
{
	fprintf(stderr, "bench_workspace_core: %s: %s\n", what, why);
	exit(1);
}

static void must(int rc, const char *what, const struct own *own)
{
	if (rc)
		stop(what, own->agent ? workspace_sentence(own->agent) : error_sentence(rc));
}

static void must_git(int rc, const char *what)
{
	if (rc < 0)
		stop(what, git_error_last() ? git_error_last()->message : "libgit2");
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint32_t chance(uint32_t below)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % below;
}

/* ---- samples ---- */

static struct samples samples_new(size_t count)
{
	struct samples samples = {malloc(count * sizeof(double)), 0};

	if (!samples.ns)
		stop("samples", "out of memory");
	return samples;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(struct samples *samples, double part)
{
	qsort(samples->ns, samples->count, sizeof(double), order);
	return samples->ns[(size_t)((double)(samples->count - 1) * part)] / 1e3;
}

/* ---- the files ---- */

static void path_of(const struct repository *repository, unsigned file, char out[PATH_BYTES])
{
	int at = 0;

	for (unsigned level = 0, left = file; level < repository->depth; level++, left /= repository->width) {
		bool is_file = level + 1 == repository->depth;
		at += snprintf(out + at, PATH_BYTES - (size_t)at, "%s-%03u%s", is_file ? "file" : "folder",
			       left % repository->width, is_file ? ".txt" : "/");
	}
}

static void content_of(unsigned file, unsigned version, char out[FILE_BYTES])
{
	memset(out, 'x', FILE_BYTES);
	for (unsigned at = 63; at < FILE_BYTES; at += 64)
		out[at] = '\n';
	out[snprintf(out, FILE_BYTES, "%u.%u", file, version)] = ' ';
}

/* ---- ours ---- */

static struct workspace_person author(unsigned version)
{
	return (struct workspace_person){
		.name = "Agent", .email = "agent@example.org", .seconds = 1700000000 + version, .minutes = 60};
}

static void own_open(struct own *own, enum workspace_durability durability, bool is_strict, uint64_t memory_bytes)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	const char *where = getenv("TMPDIR");
	struct workspace_options options = {
		.durability = durability, .memory_max_bytes = memory_bytes, .check_collisions = is_strict};

	if (durability != DURABLE_MEMORY) {
		snprintf(own->folder, sizeof(own->folder), "%.40s/bunshin-bench-XXXXXX", where ? where : "/tmp");
		options.journal = mkdtemp(own->folder);
		if (!options.journal)
			stop("the journal", own->folder);
	}
	if (workspace_open(&options, &own->workspace, sentence))
		stop("open", sentence);
	must(workspace_join(own->workspace, &own->agent), "join", own);
}

static void own_begin(struct own *own, const struct repository *repository)
{
	char(*paths)[PATH_BYTES] = calloc(repository->files, sizeof(*paths));
	char(*contents)[FILE_BYTES] = calloc(repository->files, sizeof(*contents));
	struct workspace_edit *edits = calloc(repository->files, sizeof(*edits));
	struct workspace_change change = {edits, repository->files, author(0), author(0), "begin"};

	if (!paths || !contents || !edits)
		stop("files", "out of memory");
	for (unsigned i = 0; i < repository->files; i++) {
		path_of(repository, i, paths[i]);
		content_of(i, 0, contents[i]);
		edits[i] = (struct workspace_edit){paths[i], MODE_FILE, {(uint8_t *)contents[i], FILE_BYTES}, NULL};
	}
	must(workspace_commit(own->agent, REF, NULL, &change, &own->tip), "the first commit", own);
	free(paths);
	free(contents);
	free(edits);
}

static void own_commit(struct own *own, const char *path, const char *content, unsigned version)
{
	struct workspace_edit edit = {path, MODE_FILE, {(const uint8_t *)content, FILE_BYTES}, NULL};
	struct workspace_change change = {&edit, 1, author(version), author(version), "change one file"};
	const struct commit *commit;
	double begin = now_ns();

	workspace_begin(own->agent);
	int rc = workspace_commit(own->agent, REF, own->tip, &change, &commit);
	workspace_end(own->agent);
	own->commits.ns[own->commits.count++] = now_ns() - begin;
	must(rc, "commit", own);
	own->tip = commit;
}

#define BATCH 10u /* what is shorter than reading the clock is measured so many at a time */

static void own_read(struct own *own, char (*paths)[PATH_BYTES], struct samples *samples)
{
	struct workspace_file file;
	const struct tree *tree = commit_tree(own->tip);
	int rc = 0;
	double begin = now_ns();

	for (unsigned i = 0; i < BATCH; i++)
		rc |= workspace_read(own->agent, tree, paths[i], &file);
	samples->ns[samples->count++] = (now_ns() - begin) / BATCH;
	must(rc, "read", own);
}

static void own_branch(struct own *own, unsigned number, struct samples *samples)
{
	char names[BATCH][PATH_BYTES];
	struct ref_update updates[BATCH];
	int rc = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(names[i], PATH_BYTES, "refs/heads/try/%u-%u", number, i);
		updates[i] = (struct ref_update){.ref = names[i], .to = (const struct object *)own->tip};
	}
	double begin = now_ns();
	for (unsigned i = 0; i < BATCH; i++)
		rc |= workspace_refs_update(own->agent, &updates[i], 1);
	samples->ns[samples->count++] = (now_ns() - begin) / BATCH;
	must(rc, "branch", own);
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

static void own_end(struct own *own)
{
	workspace_leave(own->agent);
	own->agent = NULL;
	must(workspace_close(own->workspace), "close", own);
	if (own->folder[0])
		nftw(own->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- libgit2 ---- */

static void peer_begin(struct peer *peer, const struct repository *repository)
{
	git_odb_backend *memory;
	git_index *index;

	must_git(git_libgit2_init(), "begin");
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
	must_git(git_odb_new(&peer->odb), "odb");
	must_git(git_mempack_new(&memory), "mempack");
	must_git(git_odb_add_backend(peer->odb, memory, 1), "odb");
	must_git(git_repository_wrap_odb(&peer->repository, peer->odb), "repository");
	must_git(git_signature_new(&peer->who, "Agent", "agent@example.org", 1700000000, 60), "signature");
	must_git(git_index_new(&index), "index");
	for (unsigned i = 0; i < repository->files; i++) {
		char path[PATH_BYTES], content[FILE_BYTES];
		git_index_entry entry = {.mode = GIT_FILEMODE_BLOB, .path = path};
		path_of(repository, i, path);
		content_of(i, 0, content);
		must_git(git_blob_create_from_buffer(&entry.id, peer->repository, content, FILE_BYTES), "blob");
		must_git(git_index_add(index, &entry), "index");
	}
	must_git(git_index_write_tree_to(&peer->tree, index, peer->repository), "tree");
	must_git(git_commit_create_from_ids(&peer->tip, peer->repository, NULL, peer->who, peer->who, NULL, "begin\n",
					    &peer->tree, 0, NULL),
		 "commit");
	git_index_free(index);
}

static void peer_commit(struct peer *peer, const char *path, const char *content, struct samples *samples)
{
	git_tree_update update = {.action = GIT_TREE_UPDATE_UPSERT, .filemode = GIT_FILEMODE_BLOB, .path = path};
	const git_oid *parents[] = {&peer->tip};
	git_tree *base;
	git_oid tip;
	double begin = now_ns();

	must_git(git_blob_create_from_buffer(&update.id, peer->repository, content, FILE_BYTES), "blob");
	must_git(git_tree_lookup(&base, peer->repository, &peer->tree), "tree");
	must_git(git_tree_create_updated(&peer->tree, peer->repository, base, 1, &update), "tree");
	git_tree_free(base);
	must_git(git_commit_create_from_ids(&tip, peer->repository, NULL, peer->who, peer->who, NULL, "change one file\n",
					    &peer->tree, 1, parents),
		 "commit");
	samples->ns[samples->count++] = now_ns() - begin;
	peer->tip = tip;
}

static void peer_read(struct peer *peer, char (*paths)[PATH_BYTES], struct samples *samples)
{
	git_tree *tree;

	must_git(git_tree_lookup(&tree, peer->repository, &peer->tree), "tree");
	double begin = now_ns();
	for (unsigned i = 0; i < BATCH; i++) {
		git_tree_entry *entry;
		git_blob *blob;
		must_git(git_tree_entry_bypath(&entry, tree, paths[i]), "path");
		must_git(git_blob_lookup(&blob, peer->repository, git_tree_entry_id(entry)), "blob");
		git_blob_free(blob);
		git_tree_entry_free(entry);
	}
	samples->ns[samples->count++] = (now_ns() - begin) / BATCH;
	git_tree_free(tree);
}

static void peer_end(struct peer *peer)
{
	git_signature_free(peer->who);
	git_repository_free(peer->repository);
	git_odb_free(peer->odb);
	git_libgit2_shutdown();
}

/* ---- a run ---- */

static void say(const char *what, struct samples *own, struct samples *peer)
{
	double p50 = percentile(own, 0.5);

	printf("  %-36s p50 %7.3f us   p99 %7.3f us   p99.9 %8.3f us", what, p50, percentile(own, 0.99), percentile(own, 0.999));
	if (peer)
		printf("   libgit2 p50 %8.2f us, %6.1f x", percentile(peer, 0.5), percentile(peer, 0.5) / p50);
	printf("\n");
}

enum { IN_MEMORY, JOURNALED, CHECKED, KINDS };

struct run {
	const struct repository *repository;
	struct own kinds[KINDS];
	struct peer peer;
	struct samples peer_commits, reads, peer_reads, branches;
};

static void commit_block(struct run *run, struct own *own, unsigned first)
{
	for (unsigned i = first; i < first + BLOCK; i++) {
		char path[PATH_BYTES], content[FILE_BYTES];
		unsigned file = chance(run->repository->files);
		path_of(run->repository, file, path);
		content_of(file, i + 1, content);
		if (own)
			own_commit(own, path, content, i + 1);
		else if (i % PEER_SHARE == 0)
			peer_commit(&run->peer, path, content, &run->peer_commits);
	}
}

static void read_block(struct run *run, bool is_peer)
{
	for (unsigned i = 0; i < READS / BATCH; i++) {
		char paths[BATCH][PATH_BYTES];
		for (unsigned j = 0; j < BATCH; j++)
			path_of(run->repository, chance(run->repository->files), paths[j]);
		if (is_peer)
			peer_read(&run->peer, paths, &run->peer_reads);
		else
			own_read(&run->kinds[IN_MEMORY], paths, &run->reads);
	}
}

static void run_begin(struct run *run, const struct repository *repository, unsigned commits)
{
	static const struct own kinds[KINDS] = {
		{.name = "commit"}, {.name = "commit, journal"}, {.name = "commit, journal, collision check"}};

	*run = (struct run){.repository = repository};
	for (unsigned i = 0; i < KINDS; i++) {
		run->kinds[i] = kinds[i];
		run->kinds[i].commits = samples_new(commits);
		own_open(&run->kinds[i], i == IN_MEMORY ? DURABLE_MEMORY : DURABLE_PROCESS, i == CHECKED,
			 (uint64_t)commits * 8192 + (512u << 20));
		own_begin(&run->kinds[i], repository);
	}
	peer_begin(&run->peer, repository);
	run->peer_commits = samples_new(commits);
	run->reads = samples_new(commits);
	run->peer_reads = samples_new(commits);
	run->branches = samples_new(commits);
}

static void run_end(struct run *run)
{
	for (unsigned i = 0; i < KINDS; i++) {
		own_end(&run->kinds[i]);
		free(run->kinds[i].commits.ns);
	}
	peer_end(&run->peer);
	free(run->peer_commits.ns);
	free(run->reads.ns);
	free(run->peer_reads.ns);
	free(run->branches.ns);
}

static void run_all(const struct repository *repository, unsigned commits)
{
	struct workspace_figures before, after;
	struct run run;

	run_begin(&run, repository, commits);
	workspace_measure(run.kinds[IN_MEMORY].workspace, &before);
	for (unsigned i = 0; i < commits; i += BLOCK) {
		for (unsigned kind = 0; kind < KINDS; kind++)
			commit_block(&run, &run.kinds[kind], i);
		commit_block(&run, NULL, i);
		if (i / BLOCK % 10 == 0) {
			read_block(&run, false);
			read_block(&run, true);
		}
	}
	workspace_measure(run.kinds[IN_MEMORY].workspace, &after);
	for (unsigned i = 0; i < 1000; i++)
		own_branch(&run.kinds[IN_MEMORY], i, &run.branches);
	printf("%s: %u files, %u commits, %.1f MB (%.0f bytes a commit)\n", repository->name, repository->files, commits,
	       (double)after.memory_bytes / 1e6, (double)(after.memory_bytes - before.memory_bytes) / commits);
	for (unsigned kind = 0; kind < KINDS; kind++)
		say(run.kinds[kind].name, &run.kinds[kind].commits, kind == IN_MEMORY ? &run.peer_commits : NULL);
	say("read", &run.reads, &run.peer_reads);
	say("branch", &run.branches, NULL);
	run_end(&run);
}

int main(int argc, char **argv)
{
	static const struct repository repositories[] = {{"1k", 10, 3, 1000}, {"10k-wide", 100, 2, 10000}};
	unsigned commits = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : COMMITS_GIVEN;

	if (commits < BLOCK || commits % BLOCK)
		stop("COMMITS", "a multiple of 500");
	for (size_t i = 0; i < sizeof(repositories) / sizeof(repositories[0]); i++)
		run_all(&repositories[i], commits);
	return 0;
}
