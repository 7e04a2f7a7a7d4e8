/* SPDX-License-Identifier: MIT
 *
 * How long a history takes to get out: this export, libgit2's git_packbuilder on the same workspace, and git fast-import told the same commits.
 *
 *     bench_export [COMMITS [PEER_COMMITS [FOLDER]]]      100000 10000 /tmp
 *
 * Repositories as in bench_commit: 1k = 10 x 10 x 10 files, 10k = 100 x 100, each of 1 KB of words; a commit gives one file new words. Peers are slower and
 * get fewer commits; what counts is the time for a commit, in one run, alternating.
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workspace/exchange/libgit2.h"

#define FILE_BYTES 1024u

struct shape_of {
	const char *name;
	unsigned files;
	void (*path)(unsigned file, char out_path[64]);
};

static void path_1k(unsigned file, char out_path[64])
{
	snprintf(out_path, 64, "d%u/d%u/f%u", file / 100, file / 10 % 10, file % 10);
}

static void path_10k(unsigned file, char out_path[64])
{
	snprintf(out_path, 64, "folder%02u/file%02u", file / 100, file % 100);
}

static const struct shape_of shapes[] = {{"1k", 1000, path_1k}, {"10k-wide", 10000, path_10k}};

static double now_s(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	double seconds = 0;
	for (int who = 0; who < 2; who++) {
		struct rusage usage;
		getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
		seconds += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	}
	return seconds;
}

_Noreturn static void stop(const char *what, const char *why)
{
	fprintf(stderr, "bench_export: %s: %s\n", what, why);
	exit(1);
}

/* ---- the history ---- */

static uint64_t state = 88172645463325252u;

static unsigned chance(unsigned of)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % of;
}

/* Words of a vocabulary of 2,000, which deflate to about half. */
static void words(char out_text[FILE_BYTES])
{
	for (unsigned i = 0; i < FILE_BYTES;) {
		unsigned word = chance(2000), letters = 3 + word % 6;
		for (unsigned j = 0; j < letters && i < FILE_BYTES; j++)
			out_text[i++] = (char)('a' + (word * 7 + j * word * 13 + j) % 26);
		if (i < FILE_BYTES)
			out_text[i++] = chance(10) ? ' ' : '\n';
	}
}

/* Commits of the workspace, and the same for fast-import. */
struct telling {
	struct workspace_agent *agent;
	FILE *stream;
	const struct commit *tip;
	unsigned count;
};

static void tell_stream(FILE *stream, unsigned number, const struct workspace_edit *edits, size_t count)
{
	fprintf(stream, "commit refs/heads/main\ncommitter A <a@example.org> %u +0000\ndata 7\nchange\n\n", 1700000000 + number);
	for (size_t i = 0; i < count; i++) {
		fprintf(stream, "M 100644 inline %s\ndata %u\n", edits[i].path, FILE_BYTES);
		fwrite(edits[i].data.at, 1, FILE_BYTES, stream);
		fputc('\n', stream);
	}
}

static void tell(struct telling *telling, const struct workspace_edit *edits, size_t count)
{
	struct workspace_person person = {"A", "a@example.org", 1700000000 + telling->count, 0};
	struct workspace_change change = {
		.edits = edits, .count = count, .author = person, .committer = person, .message = "change\n"};
	workspace_begin(telling->agent);
	if (workspace_commit(telling->agent, "refs/heads/main", telling->tip, &change, &telling->tip))
		stop("commit", workspace_sentence(telling->agent));
	workspace_end(telling->agent);
	if (telling->stream)
		tell_stream(telling->stream, telling->count, edits, count);
	telling->count++;
}

static void tell_first(struct telling *telling, const struct shape_of *shape)
{
	struct workspace_edit *edits = calloc(shape->files, sizeof(*edits));
	char(*paths)[64] = calloc(shape->files, 64), (*texts)[FILE_BYTES] = calloc(shape->files, FILE_BYTES);
	for (unsigned i = 0; i < shape->files; i++) {
		shape->path(i, paths[i]);
		words(texts[i]);
		edits[i] = (struct workspace_edit){
			.path = paths[i], .mode = MODE_FILE, .data = {(const uint8_t *)texts[i], FILE_BYTES}};
	}
	tell(telling, edits, shape->files);
	free(edits);
	free(paths);
	free(texts);
}

static void tell_commits(struct telling *telling, const struct shape_of *shape, unsigned commits)
{
	for (unsigned i = 0; i < commits; i++) {
		char path[64], text[FILE_BYTES];
		shape->path(chance(shape->files), path);
		words(text);
		struct workspace_edit edit = {.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)text, FILE_BYTES}};
		tell(telling, &edit, 1);
	}
}

/* ---- who writes it ---- */

struct run {
	const char *folder;
	unsigned commits;
	double wall, cpu;
	uint64_t bytes;
};

static void begin(struct run *run)
{
	run->wall = now_s();
	run->cpu = cpu_s();
}

static void end(struct run *run)
{
	run->wall = now_s() - run->wall;
	run->cpu = cpu_s() - run->cpu;
}

static void shell(const char *format, const char *folder)
{
	char command[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), format, folder);
#pragma GCC diagnostic pop
	int status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		stop(command, "did not end well");
}

static void ours(struct workspace_agent *agent, struct run *run)
{
	char path[512];
	struct export_result result;
	snprintf(path, sizeof(path), "%s/ours.git", run->folder);
	struct export_options options = {.path = path, .bare = true};
	begin(run);
	if (workspace_export(agent, &options, &result))
		stop("export", workspace_sentence(agent));
	end(run);
	run->bytes = result.pack_bytes;
	shell("git -C '%s/ours.git' fsck --full --strict --no-progress 2>&1 | awk '{print; bad=1} END {exit bad}'", run->folder);
	shell("rm -rf '%s/ours.git'", run->folder);
}

static void packbuilder(struct workspace_agent *agent, struct run *run)
{
	git_repository *repository;
	git_packbuilder *builder;
	git_revwalk *walk;
	char path[512];
	snprintf(path, sizeof(path), "%s/theirs", run->folder);
	shell("mkdir -p '%s/theirs'", run->folder);
	if (workspace_git_open(agent, &repository))
		stop("libgit2", "cannot be started");
	begin(run);
	int error = git_packbuilder_new(&builder, repository);
	if (!error) {
		git_packbuilder_set_threads(builder, 0);
		error = git_revwalk_new(&walk, repository);
	}
	if (!error)
		error = git_revwalk_push_ref(walk, "refs/heads/main");
	if (!error)
		error = git_packbuilder_insert_walk(builder, walk);
	if (!error)
		error = git_packbuilder_write(builder, path, 0, NULL, NULL);
	end(run);
	if (error)
		stop("git_packbuilder", libgit2_reason());
	git_revwalk_free(walk);
	git_packbuilder_free(builder);
	git_repository_free(repository);
	shell("rm -rf '%s/theirs'", run->folder);
}

static void fast_import(struct run *run)
{
	shell("git init -q --bare '%s/fast.git'", run->folder);
	begin(run);
	shell("git -C '%1$s/fast.git' fast-import --quiet <'%1$s/stream'", run->folder);
	end(run);
	shell("rm -rf '%s/fast.git'", run->folder);
}

static void print(const char *who, const struct run *run, const struct run *first)
{
	double each = run->wall / run->commits;
	printf("  %-28s %7u commits %8.2f s wall %8.2f s CPU %8.2f us a commit", who, run->commits, run->wall, run->cpu,
	       each * 1e6);
	if (run != first)
		printf("  %6.1f x (CPU %.1f x)\n", each / (first->wall / first->commits),
		       run->cpu / run->commits / (first->cpu / first->commits));
	else
		printf("  pack of %.1f MB\n", (double)run->bytes / 1e6);
}

static struct workspace *open_workspace(struct workspace_agent **out_agent)
{
	struct workspace_options options = {.durability = DURABLE_MEMORY};
	struct workspace *workspace;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (workspace_open(&options, &workspace, sentence))
		stop("workspace", sentence);
	if (workspace_join(workspace, out_agent))
		stop("workspace", "nobody can join");
	return workspace;
}

static void measure(const struct shape_of *shape, unsigned commits, unsigned peer_commits, const char *folder)
{
	struct telling big = {0}, small = {0};
	struct run runs[] = {{folder, commits, 0, 0, 0}, {folder, peer_commits, 0, 0, 0}, {folder, peer_commits, 0, 0, 0}};
	char stream[512];
	struct workspace *large = open_workspace(&big.agent), *little = open_workspace(&small.agent);
	snprintf(stream, sizeof(stream), "%s/stream", folder);
	tell_first(&big, shape);
	tell_commits(&big, shape, commits);
	small.stream = fopen(stream, "we");
	if (!small.stream)
		stop(stream, "cannot be written");
	tell_first(&small, shape);
	tell_commits(&small, shape, peer_commits);
	fclose(small.stream);
	printf("%s\n", shape->name);
	fast_import(&runs[2]);
	ours(big.agent, &runs[0]);
	packbuilder(small.agent, &runs[1]);
	print("this export", &runs[0], &runs[0]);
	print("libgit2's git_packbuilder", &runs[1], &runs[0]);
	print("git fast-import", &runs[2], &runs[0]);
	workspace_leave(big.agent);
	workspace_leave(small.agent);
	(void)!workspace_close(large);
	(void)!workspace_close(little);
}

int main(int argc, char **argv)
{
	char folder[256];
	unsigned commits = argc > 1 ? (unsigned)atoi(argv[1]) : 100000, peers = argc > 2 ? (unsigned)atoi(argv[2]) : 10000;
	snprintf(folder, sizeof(folder), "%s/bench-export-XXXXXX", argc > 3 ? argv[3] : "/tmp");
	if (!mkdtemp(folder) || !commits || !peers)
		stop(folder, "cannot be used");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		measure(&shapes[i], commits, peers, folder);
	shell("rm -rf '%s'", folder);
	return 0;
}
