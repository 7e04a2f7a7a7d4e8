/* SPDX-License-Identifier: MIT
 *
 * merge_replay REPOSITORY [MOST [FIRST [REVISION…]]]: every merge in the history of a repository once more, by us and by git, and where the two do not come to
 * the same; at most so many, from the first on, or only those that the revisions lead to. The repository is only read; what git writes meanwhile goes to a folder that is removed.
 *
 * Ends with 0 if all are the same, 1 if one is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <git2.h>

#include "comparison.h"
#include "repository.h"
#include "workspace/store/object.h"

#define BATCH 500u

struct merges {
	struct merge_case *at;
	size_t count, capacity;
};

static int merge_seen(void *context, const struct commit *commit)
{
	struct merges *merges = context;
	if (commit_parent_count(commit) != 2 || !commit_parent(commit, 0) || !commit_parent(commit, 1))
		return 0;
	if (merges->count == merges->capacity) {
		merges->capacity = merges->capacity ? merges->capacity * 2 : 1024;
		merges->at = realloc(merges->at, merges->capacity * sizeof(merges->at[0]));
		if (!merges->at)
			return ERR_MEMORY;
	}
	merges->at[merges->count++] = (struct merge_case){
		.ours = *commit_id(commit_parent(commit, 0)),
		.theirs = *commit_id(commit_parent(commit, 1)),
	};
	return 0;
}

static int by_ids(const void *a, const void *b)
{
	const struct merge_case *one = a, *two = b;
	int order = memcmp(&one->ours, &two->ours, OID_BYTES);
	return order ? order : memcmp(&one->theirs, &two->theirs, OID_BYTES);
}

static int object_seen_here(void *context, const struct object *object)
{
	const struct commit *commit = object_as_commit(object);
	return commit ? merge_seen(context, commit) : 0;
}

static void merges_find(struct workspace_agent *agent, struct merges *merges)
{
	size_t count = 0;
	if (objects_each(agent, object_seen_here, merges)) {
		fprintf(stderr, "%s\n", workspace_sentence(agent));
		exit(2);
	}
	qsort(merges->at, merges->count, sizeof(merges->at[0]), by_ids);
	for (size_t i = 0; i < merges->count; i++) {
		if (!count || by_ids(&merges->at[count - 1], &merges->at[i]))
			merges->at[count++] = merges->at[i];
	}
	merges->count = count;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void replay(struct workspace_agent *agent, const char *repository, struct merge_case *cases, size_t count)
{
	struct tally tally = {0};
	double ours = 0, git = 0;
	for (size_t done = 0; done < count; done += BATCH) {
		size_t some = count - done < BATCH ? count - done : BATCH;
		char objects[256];
		folder_make(objects);
		double begun = now();
		merges_by_git(repository, objects, cases + done, some);
		git += now() - begun;
		folder_remove(objects);
		for (size_t i = done; i < done + some; i++) {
			begun = now();
			workspace_begin(agent);
			compare(agent, &cases[i], 0, &tally);
			workspace_end(agent);
			ours += now() - begun;
		}
		fprintf(stderr, "\r%zu of %zu", done + some, count);
	}
	fprintf(stderr, "\r");
	tally_print(&tally, stdout);
	printf("git took %.1f s, we %.1f s\n", git, ours);
	exit(tally.different ? 1 : 0);
}

int main(int argc, char **argv)
{
	struct workspace *workspace;
	struct workspace_agent *agent;
	char sentence[WORKSPACE_SENTENCE_BYTES], repository[400];
	const struct workspace_options options = {.durability = DURABLE_MEMORY};
	struct import_options import = {.path = argc > 1 ? argv[1] : NULL};
	struct import_result imported;
	struct merges merges = {0};
	if (argc < 2) {
		fprintf(stderr, "usage: merge_replay REPOSITORY [MOST [FIRST [REVISION...]]]\n");
		return 2;
	}
	snprintf(repository, sizeof(repository), "%s/.git", argv[1]);
	if (access(repository, R_OK))
		snprintf(repository, sizeof(repository), "%s", argv[1]);
	if (argc > 4) {
		import.revisions = (const char *const *)argv + 4;
		import.revision_count = (uint32_t)argc - 4;
	}
	git_libgit2_init();
	if (workspace_open(&options, &workspace, sentence) || workspace_join(workspace, &agent)) {
		fprintf(stderr, "%s\n", sentence);
		return 2;
	}
	double begun = now();
	if (workspace_import(agent, &import, &imported)) {
		fprintf(stderr, "%s\n", workspace_sentence(agent));
		return 2;
	}
	workspace_begin(agent);
	merges_find(agent, &merges);
	workspace_end(agent);
	printf("%s: %llu objects read in %.1f s, %zu merges\n", argv[1], (unsigned long long)imported.objects, now() - begun,
	       merges.count);
	size_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0, most = argc > 2 ? strtoull(argv[2], NULL, 10) : SIZE_MAX;
	if (first > merges.count)
		first = merges.count;
	replay(agent, repository, merges.at + first, merges.count - first < most ? merges.count - first : most);
}
