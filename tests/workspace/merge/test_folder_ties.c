/* SPDX-License-Identifier: MIT
 *
 * What merges learn of folders while they look for renames, where it shows in the result.
 *
 * A folder's files went to several folders, equally many to each: which of them does git expect the rest in? That depends on the order in
 * which its tables are walked. And once it is certain where a folder went, files that are only asked for because of it are not looked for: then
 * another file can be the source of a target.
 *
 *   TIE_CASES   how many of each (150)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/comparison.h"
#include "tests/workspace/merge/histories.h"
#include "workspace/store/agent.h"

#define FOLDERS_MAX 100u
#define LINES       40u

static char paths[2 * FOLDERS_MAX][64], texts[2 * FOLDERS_MAX][LINES * 24];

struct edits {
	struct workspace_edit at[2 * FOLDERS_MAX + 8];
	size_t count;
};

static void put(struct edits *edits, const char *path, const char *text)
{
	struct bytes data = {.at = (const uint8_t *)text, .bytes = (uint32_t)strlen(text)};

	edits->at[edits->count++] = (struct workspace_edit){.path = path, .mode = MODE_FILE, .data = data};
}

/* Lines that are nowhere else, of which the first `changed` are changed. */
static void write_rules(char *text, unsigned changed, unsigned variant)
{
	for (unsigned i = 0; i < LINES; i++)
		text += i < changed ? sprintf(text, "variant %u of %u\n", variant, i) : sprintf(text, "rule %u\n", i);
}

static const struct commit *commit_of(struct workspace_agent *agent, const struct edits *edits, const struct commit *parent,
				      int64_t seconds)
{
	struct workspace_person person = {"a", "a@b", seconds, 0};
	struct workspace_change change = {.author = person, .committer = person, .message = "m"};
	const struct commit *commit;
	const struct tree *tree;

	assert_int_equal(workspace_tree_edit(agent, NULL, edits->at, edits->count, &tree), 0);
	assert_int_equal(workspace_commit_make(agent, tree, &parent, parent ? 1 : 0, &change, &commit), 0);
	return commit;
}

static void add_commits(struct workspace_agent *agent, const struct edits *base, const struct edits *ours,
			const struct edits *theirs, uint64_t number, struct merge_case *one)
{
	const struct commit *parent = commit_of(agent, base, NULL, (int64_t)number);

	one->ours = *commit_id(commit_of(agent, ours, parent, (int64_t)number));
	one->theirs = *commit_id(commit_of(agent, theirs, parent, (int64_t)number));
}

/* old/fN is fN in one of the new folders; old/rules is changed on one side, and on the other each new folder has something like it. */
static void make_case(struct workspace_agent *agent, uint64_t number, struct merge_case *one)
{
	static struct edits base, ours, theirs;
	static char rules[LINES * 24], changed[LINES * 24 + 16], names[FOLDERS_MAX][24], files[FOLDERS_MAX][24];
	uint64_t seed = number;
	unsigned folders = number % 8 == 0 ? 51 + chance_below(&seed, 40) : 2 + chance_below(&seed, 6);

	base.count = ours.count = theirs.count = 0;
	write_rules(rules, 0, 0);
	snprintf(changed, sizeof(changed), "%sone more\n", rules);
	put(&base, "old/rules", rules);
	put(&theirs, "old/rules", changed);
	for (unsigned i = 0; i < folders; i++) {
		snprintf(names[i], sizeof(names[i]), "n%x-%u", (unsigned)(chance(&seed) & 0xffffff), i);
		snprintf(files[i], sizeof(files[i]), "old/f%u", i);
		put(&base, files[i], files[i]);
		put(&theirs, files[i], files[i]);
		snprintf(paths[2 * i], sizeof(paths[0]), "%s/f%u", names[i], i);
		put(&ours, paths[2 * i], files[i]);
		snprintf(paths[2 * i + 1], sizeof(paths[0]), "%s/rules", names[i]);
		write_rules(texts[i], 1 + chance_below(&seed, 6), i);
		put(&ours, paths[2 * i + 1], texts[i]);
	}
	add_commits(agent, &base, &ours, &theirs, number, one);
}

/* `from` lines of one text, then of the other. */
static void write_mix(char *text, unsigned from, const char *rest)
{
	for (unsigned i = 0; i < LINES; i++)
		text += i < from ? sprintf(text, "mine %u\n", i) : sprintf(text, "%s %u\n", rest, i);
}

/* ours: old/ went to new/ and more/, more or less; old/d and z are gone, t is like both. theirs: old/ got a file, z was changed. */
static void make_contest(struct workspace_agent *agent, uint64_t number, struct merge_case *one)
{
	static struct edits base, ours, theirs;
	static char d[LINES * 24], t[LINES * 24], z[LINES * 24], z_changed[LINES * 24 + 16], old_paths[32][40], new_paths[32][40];
	static const char *const news[] = {"new", "more", "new/deep", "old2/sub"};
	uint64_t seed = number;
	unsigned moved = chance_below(&seed, 8), lost = chance_below(&seed, 4);
	bool is_deep = chance_below(&seed, 2);

	base.count = ours.count = theirs.count = 0;
	write_mix(d, LINES, "");
	write_mix(t, LINES - 3, "other");
	write_mix(z, LINES - 8 - chance_below(&seed, 4), "other");
	snprintf(z_changed, sizeof(z_changed), "%sone more\n", z);
	put(&base, is_deep ? "old/sub/d" : "old/d", d);
	put(&theirs, is_deep ? "old/sub/d" : "old/d", d);
	put(&base, "z", z);
	put(&theirs, "z", z_changed);
	put(&ours, "t", t);
	put(&theirs, is_deep && chance_below(&seed, 2) ? "old/sub/added" : "old/added", "added\n");
	for (unsigned i = 0; i < moved + lost; i++) {
		snprintf(old_paths[i], sizeof(old_paths[0]), "%s/f%u", is_deep && chance_below(&seed, 2) ? "old/sub" : "old", i);
		put(&base, old_paths[i], old_paths[i]);
		put(&theirs, old_paths[i], old_paths[i]);
		snprintf(new_paths[i], sizeof(new_paths[0]), "%s/f%u", news[chance_below(&seed, 3) ? 0 : chance_below(&seed, 4)],
			 i);
		if (i < moved)
			put(&ours, new_paths[i], old_paths[i]);
	}
	add_commits(agent, &base, &ours, &theirs, number, one);
}

static void check(void (*make)(struct workspace_agent *, uint64_t, struct merge_case *))
{
	size_t count = getenv("TIE_CASES") ? strtoul(getenv("TIE_CASES"), NULL, 10) : 150;
	struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = (uint64_t)1 << 30};
	struct merge_case *cases = calloc(count, sizeof(*cases));
	char sentence[WORKSPACE_SENTENCE_BYTES], folder[256];
	struct workspace_agent *agent;
	struct workspace *workspace;
	struct tally tally = {0};

	assert_non_null(cases);
	assert_int_equal(workspace_open(&options, &workspace, sentence), 0);
	assert_int_equal(workspace_join(workspace, &agent), 0);
	workspace_begin(agent);
	for (size_t i = 0; i < count; i++)
		make(agent, i + 1, &cases[i]);
	folder_make(folder);
	repository_write(agent, folder);
	merges_by_git(folder, NULL, cases, count);
	for (size_t i = 0; i < count; i++) {
		compare(agent, &cases[i], i + 1, &tally);
		merge_case_release(&cases[i]);
	}
	folder_remove(folder);
	workspace_end(agent);
	workspace_leave(agent);
	assert_int_equal(workspace_close(workspace), 0);
	free(cases);
	assert_int_equal(tally.different, 0);
	assert_int_equal(tally.cases, count);
}

static void test_ties_between_folders_are_decided_as_git_decides(void **state)
{
	(void)state;
	check(make_case);
}

static void test_files_of_folders_that_are_certain_are_not_looked_for(void **state)
{
	(void)state;
	check(make_contest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ties_between_folders_are_decided_as_git_decides),
		cmocka_unit_test(test_files_of_folders_that_are_certain_are_not_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
