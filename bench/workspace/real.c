/* SPDX-License-Identifier: MIT
 *
 * Commits of 1 KB in a real repository: in the workspace, and by the git command in a clone of it.
 *
 *   bench_real REPOSITORY [COMMITS]
 *
 * The newest commit of HEAD is imported; then one file after the other gets new content, each in a commit of its own.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/folder.h"
#include "bench/workspace/git.h"
#include "bench/workspace/samples.h"
#include "bench/workspace/shape.h"
#include "workspace/workspace.h"

#define COMMITS_DEFAULT 20000u
#define GIT_COMMITS     20u

static const struct workspace_person person = {.name = "Bench", .email = "bench@localhost", .seconds = 1700000000};

struct paths {
	char **at;
	size_t count;
	size_t capacity;
};

static int path_seen(void *context, const struct diff_entry *entry)
{
	struct paths *paths = context;

	if (entry->new_mode != MODE_FILE)
		return 0;
	if (paths->count == paths->capacity) {
		paths->capacity = paths->capacity ? 2 * paths->capacity : 1024;
		paths->at = realloc(paths->at, paths->capacity * sizeof(*paths->at));
	}
	if (!paths->at || !(paths->at[paths->count++] = strdup(entry->new_path)))
		stop("out of memory");
	return 0;
}

/* Neighbours in the list are far apart in the tree. */
static const char *path_of(const struct paths *paths, unsigned n)
{
	return paths->at[(size_t)n * 7919u % paths->count];
}

static const struct commit *import(struct workspace_agent *agent, const char *repository)
{
	const char *head[] = {"HEAD", NULL};
	const struct import_options options = {.path = repository, .revisions = head, .revision_count = 1, .depth = 1};
	struct import_result result;
	const struct commit *commit = NULL;
	char id[41];

	if (git_line(repository, id, sizeof(id), "rev-parse", "HEAD", NULL))
		stop("%s is no repository with a commit", repository);
	if (workspace_import(agent, &options, &result) || workspace_find(agent, id, &commit))
		stop("%s", workspace_sentence(agent));
	return commit;
}

static void commit_in_memory(struct workspace_agent *agent, const struct commit *tip, const struct paths *paths, unsigned commits,
			     struct samples *out)
{
	char data[FILE_BYTES];
	struct workspace_edit edit = {.mode = MODE_FILE, .data = {.at = (const uint8_t *)data, .bytes = FILE_BYTES}};
	const struct workspace_change change = {
		.edits = &edit, .count = 1, .author = person, .committer = person, .message = "commit\n"};
	const struct ref_update begin_at = {.ref = "refs/heads/bench", .to = (const struct object *)tip};

	if (workspace_refs_update(agent, &begin_at, 1))
		stop("%s", workspace_sentence(agent));
	for (unsigned n = 0; n < commits; n++) {
		edit.path = path_of(paths, n);
		shape_content(n, n + 1, data);
		double begin = clock_us();
		if (workspace_commit(agent, "refs/heads/bench", tip, &change, &tip))
			stop("%s: %s", edit.path, workspace_sentence(agent));
		samples_add(out, clock_us() - begin);
	}
}

static void commit_by_git(const char *repository, const struct paths *paths, struct samples *out)
{
	char folder[PATH_MAX], clone[PATH_MAX + 8], source[PATH_MAX + 8], data[FILE_BYTES];

	folder_make(folder);
	snprintf(clone, sizeof(clone), "%s/clone", folder);
	snprintf(source, sizeof(source), "file://%s", repository);
	git_must(folder, "clone", "-q", "--depth", "1", source, clone, NULL);
	for (unsigned n = 0; n < GIT_COMMITS; n++) {
		shape_content(n, n + 1, data);
		git_write_file(clone, path_of(paths, n), data, sizeof(data));
		git_must(clone, "add", path_of(paths, n), NULL);
		double begin = clock_us();
		git_must(clone, "commit", "-q", "-m", "commit", NULL);
		samples_add(out, clock_us() - begin);
	}
	folder_remove(folder);
}

static void tell(const char *who, struct samples *samples, double ours)
{
	double median = samples_at(samples, 0.5);

	printf("  %-10s commit p50 %10.2f us, p99 %10.2f us   x %.0f\n", who, median, samples_at(samples, 0.99), median / ours);
}

int main(int argc, char **argv)
{
	const struct workspace_options options = {.durability = DURABLE_MEMORY};
	char sentence[WORKSPACE_SENTENCE_BYTES], repository[PATH_MAX];
	struct workspace *workspace = NULL;
	struct workspace_agent *agent = NULL;
	struct paths paths = {0};
	struct samples memory = {0}, disk = {0};

	if (argc < 2 || argc > 3 || !realpath(argv[1], repository))
		stop("usage: bench_real REPOSITORY [COMMITS]");
	unsigned commits = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : COMMITS_DEFAULT;
	if (workspace_open(&options, &workspace, sentence) || workspace_join(workspace, &agent))
		stop("no workspace: %s", sentence);
	workspace_begin(agent);
	const struct commit *tip = import(agent, repository);
	if (workspace_diff(agent, NULL, commit_tree(tip), NULL, path_seen, &paths) || !paths.count)
		stop("it has no files: %s", workspace_sentence(agent));
	workspace_end(agent);
	printf("%s: %zu files\n", repository, paths.count);
	commit_in_memory(agent, tip, &paths, commits, &memory);
	commit_by_git(repository, &paths, &disk);
	double ours = samples_at(&memory, 0.5);
	tell("bunshin", &memory, ours);
	tell("git", &disk, ours);
	workspace_leave(agent);
	return workspace_close(workspace) ? 1 : 0;
}
