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

#include "comparison.h"
#include "histories.h"

#define HISTORIES 40u /* in one repository */
#define PAIRS     24u /* of one history */
#define BASES     8u  /* of these pairs in one repository, about, git is asked for the bases */

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

/* The bases of two commits and their order, as git merge-base --all. */
static void compare_bases(struct workspace_agent *agent, const char *folder, const struct merge_case *one, uint64_t seed)
{
	const struct commit *ours, *theirs, *bases[HISTORY_COMMITS_MAX];
	struct buffer git = {0}, us = {0};
	size_t count;
	assert_int_equal(workspace_commit_by_id(agent, &one->ours, &ours), 0);
	assert_int_equal(workspace_commit_by_id(agent, &one->theirs, &theirs), 0);
	assert_int_equal(workspace_merge_bases(agent, ours, theirs, bases, HISTORY_COMMITS_MAX, &count), 0);
	for (size_t i = 0; i < count; i++) {
		char line[OID_HEX_BYTES + 1];
		oid_print(commit_id(bases[i]), line);
		line[OID_HEX_BYTES - 1] = '\n';
		assert_int_equal(buffer_append(&us, line, OID_HEX_BYTES), 0);
	}
	bases_by_git(folder, &one->ours, &one->theirs, &git);
	if (us.bytes != git.bytes || (us.bytes && memcmp(us.at, git.at, us.bytes) != 0))
		fail_msg("seed %llu: git has %zu bases in another order than our %zu", (unsigned long long)seed,
			 git.bytes / OID_HEX_BYTES, count);
	buffer_release(&git);
	buffer_release(&us);
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
	merges_by_git(folder, NULL, cases, count);
	for (size_t i = 0; i < count; i += count / BASES + 1)
		compare_bases(agent, folder, &cases[i], seeds[i]);
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
	tally_print(&tally, stderr);
	assert_int_equal(tally.different, 0);
	assert_true(tally.clean > tally.cases / 20 && tally.conflicts > tally.cases / 20);
	assert_true(tally.given_up <= tally.cases / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_merges_come_to_what_git_comes_to)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
