/* SPDX-License-Identifier: MIT
 *
 * Commits one after the other, each upon one or two that are there.
 */
#include "histories.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "file_lists.h"

uint64_t chance(uint64_t *seed)
{
	uint64_t z = *seed += 0x9E3779B97F4A7C15u;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

unsigned chance_below(uint64_t *seed, unsigned count)
{
	return (unsigned)((chance(seed) >> 32) * count >> 32);
}

struct making {
	struct workspace_agent *agent;
	struct history *history;
	struct texts texts;
	struct file_list *lists; /* of each commit */
	int64_t seconds;
	uint64_t seed;
};

static void commit_add(struct making *making, const struct tree *tree, const struct commit *const *parents, size_t parent_count)
{
	/* Often in the same second; sometimes of a clock that is wrong. */
	making->seconds += chance_below(&making->seed, 3) == 0;
	int64_t seconds = making->seconds;
	if (!chance_below(&making->seed, 12))
		seconds -= chance_below(&making->seed, 20);
	const struct workspace_person person = {.name = "A", .email = "a@example.com", .seconds = seconds};
	char message[] = "change 00";
	message[7] = (char)('0' + making->history->count / 10);
	message[8] = (char)('0' + making->history->count % 10);
	const struct workspace_change change = {.author = person, .committer = person, .message = message};
	const struct commit *commit;
	assert_int_equal(workspace_commit_make(making->agent, tree, parents, parent_count, &change, &commit), 0);
	making->history->commits[making->history->count++] = commit;
}

static void add_root(struct making *making)
{
	struct file_list *list = &making->lists[making->history->count];
	file_list_begin(list, &making->texts, &making->seed);
	commit_add(making, file_list_tree(making->agent, list, NULL, NULL), NULL, 0);
}

/* Mostly of the last ones. */
static size_t pick(struct making *making)
{
	unsigned count = (unsigned)making->history->count;
	unsigned back = chance_below(&making->seed, chance_below(&making->seed, 3) ? 4 : count);
	return back < count ? count - 1 - back : 0;
}

static void add_child(struct making *making)
{
	size_t parent = pick(making), child = making->history->count;
	making->lists[child] = making->lists[parent];
	unsigned rounds = 1 + !chance_below(&making->seed, 4);
	for (unsigned i = 0; i < rounds; i++)
		file_list_change(&making->lists[child], &making->texts, &making->seed);
	bool anew = !chance_below(&making->seed, 4);
	const struct commit *const parents[] = {making->history->commits[parent]};
	commit_add(making,
		   file_list_tree(making->agent, &making->lists[child], anew ? NULL : &making->lists[parent],
				  commit_tree(parents[0])),
		   parents, 1);
}

/* A merge as somebody made it: what comes of it by itself, or one of the sides, or something of both. */
static void add_merge(struct making *making)
{
	size_t one = pick(making), two = pick(making), child = making->history->count;
	if (one == two)
		return;
	const struct commit *const parents[] = {making->history->commits[one], making->history->commits[two]};
	const struct tree *tree = commit_tree(parents[0]);
	unsigned how = chance_below(&making->seed, 8);
	making->lists[child] = making->lists[one];
	if (how < 4) {
		struct merge_result result;
		if (!workspace_merge(making->agent, parents[0], parents[1], NULL, &result)) {
			tree = result.tree;
			file_list_read(making->agent, tree, &making->lists[child]);
		}
		merge_result_release(&result);
	} else if (how < 7) {
		file_list_mix(&making->lists[child], &making->lists[two], &making->seed);
		tree = file_list_tree(making->agent, &making->lists[child], NULL, NULL);
	}
	commit_add(making, tree, parents, 2);
}

void history_make(struct workspace_agent *agent, uint64_t seed, struct history *out_history)
{
	struct making making = {.agent = agent, .history = out_history, .seconds = 1700000000, .seed = seed};
	making.lists = malloc(HISTORY_COMMITS_MAX * sizeof(making.lists[0]));
	assert_non_null(making.lists);
	out_history->count = 0;
	add_root(&making);
	unsigned count = 5 + chance_below(&making.seed, HISTORY_COMMITS_MAX - 5);
	bool crosswise = chance_below(&making.seed, 2);
	while (out_history->count < count) {
		unsigned what = chance_below(&making.seed, 40);
		if (what == 0)
			add_root(&making);
		else if (what < (crosswise ? 16u : 6u))
			add_merge(&making);
		else
			add_child(&making);
	}
	texts_release(&making.texts);
	free(making.lists);
}
