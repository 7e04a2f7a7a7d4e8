/* SPDX-License-Identifier: MIT
 *
 * The tree, whether it is clean, and every stage of every conflict.
 */
#include "comparison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* If ours puts a file where the base has a folder, and theirs moved that folder, git 2.39 forgets ours where it means to forget the base (in
 * apply_directory_rename_modifications): the file is lost, and the tree gets an entry without mode and id, which git itself would not read.
 * What follows from that is not what anybody wants; ours keeps the file, in conflict. */
static bool is_damaged(const struct buffer *stages)
{
	static const char nothing[] = "000000 0000000000000000000000000000000000000000 ";
	for (size_t at = 0; at < stages->bytes; at += strlen((const char *)stages->at + at) + 1) {
		if (!strncmp((const char *)stages->at + at, nothing, strlen(nothing)))
			return true;
	}
	return false;
}

void compare(struct workspace_agent *agent, struct merge_case *one, uint64_t seed, struct tally *tally)
{
	const struct commit *ours, *theirs;
	struct merge_result result;
	struct buffer stages = {0};
	assert_int_equal(workspace_commit_by_id(agent, &one->ours, &ours), 0);
	assert_int_equal(workspace_commit_by_id(agent, &one->theirs, &theirs), 0);
	int rc = workspace_merge(agent, ours, theirs, NULL, &result);
	tally->cases++;
	if (!one->done) {
		/* There is nothing to compare with, but we do come to an end. */
		tally->given_up++;
		tally->different += rc != 0;
		merge_result_release(&result);
		return;
	}
	if (!rc)
		stages_of(&result, &stages);
	bool damaged = is_damaged(&one->stages);
	tally->damaged += damaged;
	bool same = !rc && one->clean == !result.conflict_count;
	if (!damaged)
		same = same && !memcmp(tree_id(result.tree), &one->tree, OID_BYTES) && stages.bytes == one->stages.bytes &&
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

void tally_print(const struct tally *tally, FILE *out)
{
	fprintf(out,
		"%llu merges: %llu clean, %llu with conflicts, %llu on which git gives up, %llu of which it makes no tree, %llu "
		"different\n",
		(unsigned long long)tally->cases, (unsigned long long)tally->clean, (unsigned long long)tally->conflicts,
		(unsigned long long)tally->given_up, (unsigned long long)tally->damaged, (unsigned long long)tally->different);
}
