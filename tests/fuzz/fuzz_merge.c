/* SPDX-License-Identifier: MIT
 *
 * Three commits, sometimes merged crosswise before, made by changes that the input chooses (and, after its end, a generator that begins with what it
 * was): merged, and merged again in every other way that must come to the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/file_lists.h"
#include "tests/workspace/merge/histories.h"
#include "workspace/merge/merge.h"

#define MEMORY_MAX_BYTES (256ull << 20)

#define MUST(condition)                                                                                                          \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			fprintf(stderr, "line %d: %s does not hold; %s\n", __LINE__, #condition,                                 \
				agent ? workspace_sentence(agent) : "");                                                         \
			abort();                                                                                                 \
		}                                                                                                                \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static struct workspace *workspace;
static struct workspace_agent *agent;
static const uint8_t *input, *input_end;

uint64_t chance(uint64_t *seed)
{
	uint64_t z = *seed += 0x9E3779B97F4A7C15u;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	z ^= z >> 31;
	if (input < input_end)
		z = (uint64_t)*input++ << 56 | (z & 0xFFFFFFFFFFFFFFu);
	return z;
}

unsigned chance_below(uint64_t *seed, unsigned count)
{
	return (unsigned)((chance(seed) >> 32) * count >> 32);
}

/* ---- the commits ---- */

static const struct commit *commit_of(const struct tree *tree, const struct commit *const *parents, size_t count)
{
	static unsigned number; /* no two commits are the same; four are of one second */
	char message[20];
	snprintf(message, sizeof(message), "change %u", number);
	const struct workspace_person person = {.name = "A", .email = "a@example.com", .seconds = 1700000000 + number++ / 4};
	const struct workspace_change change = {.author = person, .committer = person, .message = message};
	const struct commit *commit;
	MUST(!workspace_commit_make(agent, tree, parents, count, &change, &commit));
	return commit;
}

static const struct commit *changed(const struct commit *parent, const struct file_list *before, struct texts *texts,
				    uint64_t *seed, struct file_list *out_list)
{
	*out_list = *before;
	file_list_change(out_list, texts, seed);
	return commit_of(file_list_tree(agent, out_list, before, commit_tree(parent)), &parent, 1);
}

/* ---- what must hold ---- */

static bool range_fits(const struct conflict_range *range, const struct conflict_side *side)
{
	const struct blob *blob = object_as_blob(side->mode == MODE_NONE ? NULL : object_find(agent, &side->id));
	size_t bytes = blob ? blob_bytes(blob).bytes : 0;
	return range->at <= bytes && range->bytes <= bytes - range->at && range->lines <= range->bytes &&
	       range->line <= range->at;
}

static void check_conflicts(const struct merge_result *result)
{
	for (size_t i = 0; i < result->conflict_count; i++) {
		const struct merge_conflict *conflict = &result->conflicts[i];
		MUST(!i || strcmp(result->conflicts[i - 1].path, conflict->path) < 0);
		MUST(conflict->place_count == 0 || conflict->places);
		if (conflict->kind != CONFLICT_CONTENT && conflict->kind != CONFLICT_ADD_ADD)
			continue;
		for (size_t k = 0; k < conflict->place_count; k++) {
			if (conflict->base.mode == MODE_FILE || conflict->base.mode == MODE_EXECUTABLE)
				MUST(range_fits(&conflict->places[k].base, &conflict->base));
			MUST(range_fits(&conflict->places[k].ours, &conflict->ours));
			MUST(range_fits(&conflict->places[k].theirs, &conflict->theirs));
		}
	}
}

static void check_in_full(const struct commit *ours, const struct commit *theirs, const struct merge_result *result)
{
	const struct commit *bases[MERGE_BASES_INLINE];
	struct merge_result full = {0};
	size_t count;
	MUST(!workspace_merge_bases(agent, ours, theirs, bases, MERGE_BASES_INLINE, &count));
	if (count != 1)
		return;
	if (!merge_commits_in_full(agent, ours, theirs, bases, 1, NULL, false, &full))
		MUST(full.tree == result->tree && full.conflict_count == result->conflict_count);
	merge_result_release(&full);
}

static const struct tree *check_merge(const struct commit *ours, const struct commit *theirs)
{
	struct merge_result result, other;
	MUST(!workspace_merge(agent, ours, theirs, NULL, &result));
	MUST(!workspace_merge(agent, ours, theirs, NULL, &other));
	MUST(result.tree == other.tree && result.conflict_count == other.conflict_count);
	merge_result_release(&other);
	check_conflicts(&result);
	check_in_full(ours, theirs, &result);
	/* The other way round it need not come to the same: git is not even-handed where files and folders change places. */
	MUST(!workspace_merge(agent, theirs, ours, NULL, &other));
	check_conflicts(&other);
	merge_result_release(&other);
	MUST(!workspace_merge(agent, ours, ours, NULL, &other));
	MUST(!other.conflict_count && other.tree == commit_tree(ours));
	merge_result_release(&other);
	const struct tree *tree = result.tree;
	merge_result_release(&result);
	return tree;
}

static void run(uint64_t seed)
{
	static struct file_list base, ours, theirs, next;
	struct texts texts = {0};
	file_list_begin(&base, &texts, &seed);
	const struct commit *root = commit_of(file_list_tree(agent, &base, NULL, NULL), NULL, 0);
	const struct commit *one = changed(root, &base, &texts, &seed, &ours);
	const struct commit *two = changed(root, &base, &texts, &seed, &theirs);
	const struct tree *tree = check_merge(one, two);
	if (!chance_below(&seed, 3)) {
		const struct commit *const straight[] = {one, two}, *const across[] = {two, one};
		const struct commit *left = commit_of(tree, straight, 2);
		const struct commit *right = commit_of(commit_tree(two), across, 2);
		file_list_read(agent, tree, &base);
		left = changed(left, &base, &texts, &seed, &next);
		right = changed(right, &theirs, &texts, &seed, &next);
		(void)check_merge(left, right);
	}
	texts_release(&texts);
}

/* ---- the workspace, made anew now and then ---- */

static void place_close(void)
{
	workspace_leave(agent);
	MUST(!workspace_close(workspace));
	workspace = NULL;
	agent = NULL;
}

static void place_open(void)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	const struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = 4 * MEMORY_MAX_BYTES};
	MUST(!workspace_open(&options, &workspace, sentence));
	MUST(!workspace_join(workspace, &agent));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	uint64_t seed = bytes;
	struct workspace_figures figures;
	if (!workspace)
		place_open();
	input = at;
	input_end = at + bytes;
	for (size_t i = 0; i < bytes; i++)
		seed = (seed ^ at[i]) * 0x100000001B3u;
	workspace_begin(agent);
	run(seed);
	workspace_end(agent);
	workspace_measure(workspace, &figures);
	if (figures.memory_bytes > MEMORY_MAX_BYTES)
		place_close();
	return 0;
}
