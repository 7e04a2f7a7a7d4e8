/* SPDX-License-Identifier: MIT
 *
 * Merges of histories by chance, each asked of git too: the tree, whether it is clean, and every stage of every conflict.
 *
 * MERGE_CASES says how many (else 1,000), MERGE_FROM the seed of the first history; a difference prints the seed of its history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histories.h"
#include "repository.h"

#define HISTORIES 40u /* in one repository */
#define PAIRS     24u /* of one history */

struct tally {
	uint64_t cases, clean, conflicts, different;
	uint64_t given_up; /* one of git's own assertions fails */
	uint64_t damaged;  /* git writes a tree that it would not read */
};

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static size_t pairs_pick(const struct history *history, uint64_t seed, struct merge_case *cases)
{
	size_t count = 0;
	for (unsigned i = 0; i < PAIRS * 3 && count < PAIRS; i++) {
		const struct commit *ours = history->commits[chance_below(&seed, (unsigned)history->count)];
		const struct commit *theirs = history->commits[chance_below(&seed, (unsigned)history->count)];
		if (ours == theirs)
			continue;
		cases[count++] = (struct merge_case){.ours = *commit_id(ours), .theirs = *commit_id(theirs)};
	}
	return count;
}

static void stages_print(const char *who, const struct buffer *stages)
{
	for (size_t at = 0; at < stages->bytes; at += strlen((const char *)stages->at + at) + 1)
		fprintf(stderr, "  %s %s\n", who, (const char *)stages->at + at);
}

static void difference(const struct merge_case *one, int rc, const struct merge_result *result, const struct buffer *stages,
		       uint64_t seed, const char *sentence)
{
	char ours[OID_HEX_BYTES], theirs[OID_HEX_BYTES], tree[OID_HEX_BYTES], git_tree[OID_HEX_BYTES];
	oid_print(&one->ours, ours);
	oid_print(&one->theirs, theirs);
	oid_print(&one->tree, git_tree);
	fprintf(stderr, "seed %llu: %s with %s\n", (unsigned long long)seed, ours, theirs);
	if (rc) {
		fprintf(stderr, "  ours fails with %d: %s\n", rc, sentence);
		return;
	}
	oid_print(tree_id(result->tree), tree);
	fprintf(stderr, "  git %d %s\n  we  %d %s\n", one->clean, git_tree, !result->conflict_count, tree);
	stages_print("git", &one->stages);
	stages_print("we ", stages);
}

/* Take the stages of a path out, and of what was moved aside from it. */
static void stages_remove(struct buffer *stages, const char *path)
{
	size_t path_bytes = strlen(path);
	for (size_t at = 0; at < stages->bytes;) {
		char *stage = (char *)stages->at + at;
		size_t bytes = strlen(stage) + 1;
		const char *other = strchr(stage, '\t') + 1;
		if (strncmp(other, path, path_bytes) != 0 || (other[path_bytes] && other[path_bytes] != '~')) {
			at += bytes;
			continue;
		}
		memmove(stage, stage + bytes, stages->bytes - at - bytes);
		stages->bytes -= bytes;
	}
}

/* If ours adds a file where the base has a folder, and theirs moved that folder, git 2.39 puts an entry without mode and id in the place of the
 * file (it forgets ours where it means to forget the base, in apply_directory_rename_modifications). Such trees are no trees, so there only
 * the stages of other paths are compared. Returns whether that is so. */
static bool damage_remove(struct buffer *git, struct buffer *ours)
{
	static const char nothing[] = "000000 0000000000000000000000000000000000000000 ";
	bool found = false;
	for (size_t at = 0; at < git->bytes;) {
		const char *stage = (const char *)git->at + at;
		if (strncmp(stage, nothing, strlen(nothing)) != 0) {
			at += strlen(stage) + 1;
			continue;
		}
		char *path = strdup(strchr(stage, '\t') + 1);
		assert_non_null(path);
		stages_remove(git, path);
		stages_remove(ours, path);
		free(path);
		found = true;
		at = 0;
	}
	return found;
}

static void compare(struct workspace_agent *agent, struct merge_case *one, uint64_t seed, struct tally *tally)
{
	const struct commit *ours, *theirs;
	struct merge_result result;
	struct buffer stages = {0};
	assert_int_equal(workspace_commit_by_id(agent, &one->ours, &ours), 0);
	assert_int_equal(workspace_commit_by_id(agent, &one->theirs, &theirs), 0);
	int rc = workspace_merge(agent, ours, theirs, NULL, &result);
	tally->cases++;
	if (!one->done) {
		tally->given_up++;
		merge_result_release(&result);
		return;
	}
	if (!rc)
		stages_of(&result, &stages);
	bool damaged = !rc && damage_remove(&one->stages, &stages);
	tally->damaged += damaged;
	bool same = !rc && one->clean == !result.conflict_count &&
		    (damaged || !memcmp(tree_id(result.tree), &one->tree, OID_BYTES)) && stages.bytes == one->stages.bytes &&
		    (!stages.bytes || !memcmp(stages.at, one->stages.at, stages.bytes));
	if (!same) {
		tally->different++;
		difference(one, rc, &result, &stages, seed, rc ? workspace_sentence(agent) : "");
	}
	tally->clean += one->clean;
	tally->conflicts += !one->clean;
	buffer_release(&stages);
	merge_result_release(&result);
}

/* One repository full of histories. */
static void batch(uint64_t seed, uint64_t most, struct tally *tally)
{
	struct workspace *workspace;
	struct workspace_agent *agent;
	char sentence[WORKSPACE_SENTENCE_BYTES], folder[256];
	const struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = 2ull << 30};
	struct merge_case *cases = calloc(HISTORIES * PAIRS, sizeof(*cases));
	uint64_t *seeds = calloc(HISTORIES * PAIRS, sizeof(*seeds));
	size_t count = 0;
	assert_true(cases && seeds);
	assert_int_equal(workspace_open(&options, &workspace, sentence), 0);
	assert_int_equal(workspace_join(workspace, &agent), 0);
	workspace_begin(agent);
	for (unsigned i = 0; i < HISTORIES && count < most; i++) {
		struct history history;
		history_make(agent, seed + i, &history);
		size_t more = pairs_pick(&history, seed + i, cases + count);
		for (size_t k = 0; k < more; k++)
			seeds[count++] = seed + i;
	}
	folder_make(folder);
	repository_write(agent, folder);
	git_merge(folder, NULL, cases, count);
	for (size_t i = 0; i < count; i++)
		compare(agent, &cases[i], seeds[i], tally);
	if (!tally->different || !getenv("MERGE_KEEP"))
		folder_remove(folder);
	else
		fprintf(stderr, "kept: %s\n", folder);
	workspace_end(agent);
	workspace_leave(agent);
	assert_int_equal(workspace_close(workspace), 0);
	for (size_t i = 0; i < count; i++)
		merge_case_release(&cases[i]);
	free(cases);
	free(seeds);
}

static void test_merges_come_to_what_git_comes_to(void **state)
{
	(void)state;
	uint64_t cases = setting("MERGE_CASES", 1000), seed = setting("MERGE_FROM", 1);
	struct tally tally = {0};
	for (; tally.cases < cases && !tally.different; seed += HISTORIES)
		batch(seed, cases - tally.cases, &tally);
	fprintf(stderr,
		"%llu merges: %llu clean, %llu with conflicts, %llu on which git gives up, %llu of which it makes no tree, "
		"%llu different\n",
		(unsigned long long)tally.cases, (unsigned long long)tally.clean, (unsigned long long)tally.conflicts,
		(unsigned long long)tally.given_up, (unsigned long long)tally.damaged, (unsigned long long)tally.different);
	assert_int_equal(tally.different, 0);
	assert_true(tally.clean > tally.cases / 20 && tally.conflicts > tally.cases / 20);
	assert_true(tally.given_up <= tally.cases / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_merges_come_to_what_git_comes_to)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
