/* SPDX-License-Identifier: MIT
 *
 * Trees compared, patches and histories of a workspace, held against what git says of the same objects.
 *
 *   DIFF_CASES   how many pairs of trees (2,000)
 *   DIFF_FROM    the number of the first
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/git_batch.h"
#include "tests/workspace/merge/rename_cases.h"
#include "tests/workspace/merge/histories.h"
#include "tests/workspace/merge/repository.h"
#include "workspace/merge/patch.h"
#include "workspace/store/agent.h"

#define BATCH 500u

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

/* ---- a workspace of its own ---- */

struct place {
	struct workspace *workspace;
	struct workspace_agent *agent;
};

static void place_open(struct place *place)
{
	struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = (uint64_t)1 << 30};
	char sentence[WORKSPACE_SENTENCE_BYTES];

	assert_int_equal(workspace_open(&options, &place->workspace, sentence), 0);
	assert_int_equal(workspace_join(place->workspace, &place->agent), 0);
	workspace_begin(place->agent);
}

static void place_close(struct place *place)
{
	workspace_end(place->agent);
	workspace_leave(place->agent);
	assert_int_equal(workspace_close(place->workspace), 0);
}

static const struct tree *tree_of(struct place *place, const struct case_tree *files)
{
	struct workspace_edit edits[CASE_FILES_MAX];
	const struct tree *tree;

	for (size_t i = 0; i < files->count; i++) {
		const struct case_file *file = &files->files[i];
		edits[i] = (struct workspace_edit){.path = file->path, .mode = file->mode, .data = file->data};
		if (file->mode == MODE_SUBMODULE)
			edits[i].id = (const struct oid *)(const void *)file->data.at;
	}
	assert_int_equal(workspace_tree_edit(place->agent, NULL, edits, files->count, &tree), 0);
	return tree;
}

static const struct commit *commit_of(struct place *place, const struct tree *tree, const struct commit *const *parents,
				      size_t parent_count, int64_t seconds)
{
	struct workspace_person person = {"a", "a@b", seconds, 0};
	struct workspace_change change = {.author = person, .committer = person, .message = "m"};
	const struct commit *commit;

	assert_int_equal(workspace_commit_make(place->agent, tree, parents, parent_count, &change, &commit), 0);
	return commit;
}

/* ---- git, about that workspace ---- */

/* What git prints, told a list of lines; the caller frees it. */
static char *ask(struct place *place, const char *arguments, const char *input)
{
	struct git_batch batch = {0};
	struct buffer text = {0};
	char path[300], command[512], block[65536];
	size_t bytes;
	FILE *file;

	folder_make(batch.folder);
	repository_write(place->agent, batch.folder);
	snprintf(path, sizeof(path), "%s/input", batch.folder);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_true(fputs(input, file) >= 0);
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof(command), "%s < %s", arguments, path);
	file = git_batch_run(&batch, command);
	while ((bytes = fread(block, 1, sizeof(block), file)) > 0)
		assert_int_equal(buffer_append(&text, block, bytes), 0);
	git_batch_done(file);
	folder_remove(batch.folder);
	assert_int_equal(buffer_append(&text, "", 1), 0);
	return (char *)text.at;
}

static void add(struct buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct buffer *text, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	assert_true(bytes >= 0 && bytes < (int)sizeof(line));
	assert_int_equal(buffer_append(text, line, (size_t)bytes), 0);
}

static void add_id(struct buffer *text, const struct oid *id)
{
	char hex[OID_HEX_BYTES];

	oid_print(id, hex);
	add(text, "%s\n", hex);
}

/* ---- differences ---- */

struct telling {
	struct place *place;
	struct buffer *text;
	unsigned context;
	bool as_patch;
	uint64_t counts[256];
};

static int tell(void *context, const struct diff_entry *entry)
{
	struct telling *telling = context;
	char old[OID_HEX_BYTES], new[OID_HEX_BYTES];

	telling->counts[(uint8_t)entry->status]++;
	if (telling->as_patch)
		return workspace_patch(telling->place->agent, entry, telling->context, telling->text);
	oid_print(&entry->old_id, old);
	oid_print(&entry->new_id, new);
	add(telling->text, ":%06o %06o %s %s %c", (unsigned)entry->old_mode, (unsigned)entry->new_mode, old, new, entry->status);
	if (entry->status == 'R')
		add(telling->text, "%03u\t%s\t%s\n", entry->similarity, entry->old_path, entry->new_path);
	else
		add(telling->text, "\t%s\n", entry->new_path);
	return 0;
}

/* Where two texts part, for a person. */
static void assert_same_text(const struct buffer *expected, const char *found, uint64_t from)
{
	const char *here = (const char *)expected->at;
	size_t at = 0, begin;

	while (at < expected->bytes - 1 && here[at] == found[at])
		at++;
	begin = at > 1500 ? at - 1500 : 0;
	if (here[at] != found[at])
		fail_msg("from case %" PRIu64 " on, git:\n%.2000s\n---- and here:\n%.2000s", from, found + begin, here + begin);
}

/* `begins` is an earlier commit of each case. */
static void differences(uint64_t from, uint64_t count, const char *arguments, struct diff_options options,
			struct telling *telling)
{
	static struct case_tree old_files, new_files;
	struct buffer list = {0}, expected = {0};
	struct place place;
	char *found;

	place_open(&place);
	telling->place = &place;
	telling->text = &expected;
	for (uint64_t number = from; number < from + count; number++) {
		rename_case_new(number, &old_files, &new_files);
		const struct tree *old = tree_of(&place, &old_files), *new = tree_of(&place, &new_files);
		const struct commit *parent = commit_of(&place, old, NULL, 0, (int64_t)(number & 0xffffff));
		const struct commit *commit = commit_of(&place, new, &parent, 1, (int64_t)(number & 0xffffff));
		add_id(&list, commit_id(commit));
		add_id(&expected, commit_id(commit));
		assert_int_equal(workspace_diff(place.agent, old, new, &options, tell, telling), 0);
		case_tree_release(&old_files);
		case_tree_release(&new_files);
	}
	add(&list, "%s", "");
	assert_int_equal(buffer_append(&list, "", 1), 0);
	assert_int_equal(buffer_append(&expected, "", 1), 0);
	found = ask(&place, arguments, (const char *)list.at);
	assert_same_text(&expected, found, from);
	free(found);
	buffer_release(&list);
	buffer_release(&expected);
	place_close(&place);
}

static void test_trees_differ_in_what_git_says(void **state)
{
	uint64_t cases = setting("DIFF_CASES", 2000), from = setting("DIFF_FROM", 1);
	struct telling telling = {0};

	(void)state;
	for (uint64_t done = 0; done < cases; done += BATCH) {
		struct diff_options options = {.renames = done / BATCH % 4 != 3};
		const char *arguments =
			options.renames ? "diff-tree --stdin --always -r -M -l1000" : "diff-tree --stdin --always -r";
		differences(from + done, cases - done < BATCH ? cases - done : BATCH, arguments, options, &telling);
	}
	for (const char *status = "ADMTR"; *status; status++)
		assert_true(cases < 2000 || telling.counts[(uint8_t)*status] > 10);
}

static void test_trees_differ_below_a_path_as_git_says(void **state)
{
	static const struct {
		const char *prefix, *arguments;
	} tries[] = {{"a", "diff-tree --stdin --always -r -M -l1000 -- a"},
		     {"a/b/", "diff-tree --stdin --always -r -M -l1000 -- a/b"},
		     {"a/b/c/x", "diff-tree --stdin --always -r -M -l1000 -- a/b/c/x"}};
	struct telling telling = {0};
	static struct case_tree old_files, new_files;

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct buffer list = {0}, expected = {0};
		struct diff_options options = {.renames = true, .prefix = tries[i].prefix};
		struct place place;
		char *found;
		place_open(&place);
		telling.place = &place;
		telling.text = &expected;
		for (uint64_t number = 1; number <= 100; number++) {
			rename_case_new(number, &old_files, &new_files);
			const struct tree *old = tree_of(&place, &old_files), *new = tree_of(&place, &new_files);
			const struct commit *parent = commit_of(&place, old, NULL, 0, (int64_t)number);
			add_id(&list, commit_id(commit_of(&place, new, &parent, 1, (int64_t)number)));
			add_id(&expected, commit_id(commit_of(&place, new, &parent, 1, (int64_t)number)));
			int rc = workspace_diff(place.agent, old, new, &options, tell, &telling);
			assert_true(rc == 0 || (rc == ERR_NOT_FOUND && strstr(workspace_sentence(place.agent), "in either")));
			case_tree_release(&old_files);
			case_tree_release(&new_files);
		}
		assert_int_equal(buffer_append(&list, "", 1), 0);
		assert_int_equal(buffer_append(&expected, "", 1), 0);
		found = ask(&place, tries[i].arguments, (const char *)list.at);
		assert_same_text(&expected, found, 1);
		free(found);
		buffer_release(&list);
		buffer_release(&expected);
		place_close(&place);
	}
}

static void test_patches_are_those_of_git(void **state)
{
	static const unsigned contexts[] = {3, 0, 1, 10};
	uint64_t cases = setting("DIFF_CASES", 2000), from = setting("DIFF_FROM", 1) + CASES_ODD;
	struct telling telling = {.as_patch = true};
	char arguments[128];

	(void)state;
	for (uint64_t done = 0; done < cases; done += BATCH) {
		struct diff_options options = {.renames = true};
		telling.context = contexts[done / BATCH % 4];
		snprintf(arguments, sizeof(arguments), "diff-tree --stdin --always -r -M -l1000 -p --full-index -U%u",
			 telling.context);
		differences(from + done, cases - done < BATCH ? cases - done : BATCH, arguments, options, &telling);
	}
	for (const char *status = "ADMTR"; *status; status++)
		assert_true(cases < 2000 || telling.counts[(uint8_t)*status] > 100);
}

/* ---- at the limits ---- */

static int count_entries(void *context, const struct diff_entry *entry)
{
	(void)entry;
	++*(size_t *)context;
	return 0;
}

static void test_folders_nested_too_deeply_are_refused(void **state)
{
	struct diff_options options = {0};
	struct tree_entry entry = {.name = "f", .name_bytes = 1, .mode = MODE_FILE};
	const struct blob *blob;
	const struct tree *tree;
	struct place place;
	size_t count = 0;

	(void)state;
	place_open(&place);
	assert_int_equal(blob_make(place.agent, (struct bytes){.at = (const uint8_t *)"x", .bytes = 1}, &blob), 0);
	entry.child = &blob->object;
	for (unsigned depth = 0; depth < 1100; depth++) {
		assert_int_equal(tree_make(place.agent, NULL, &entry, 1, &tree), 0);
		entry = (struct tree_entry){.name = "abc", .name_bytes = 3, .mode = MODE_FOLDER, .child = &tree->object};
		if (depth == 1000)
			assert_int_equal(workspace_diff(place.agent, NULL, tree, &options, count_entries, &count), 0);
	}
	assert_int_equal(count, 1);
	assert_int_equal(workspace_diff(place.agent, NULL, tree, &options, count_entries, &count), ERR_TOO_LARGE);
	assert_non_null(strstr(workspace_sentence(place.agent), "longer than 4095 bytes"));
	assert_int_equal(count, 1);
	place_close(&place);
}

static void test_a_path_that_neither_has_and_content_that_is_not_there(void **state)
{
	struct diff_options options = {.prefix = "src/"};
	struct diff_entry entry = {'M', 0, "f", "f", MODE_FILE, MODE_FILE, {{1}}, {{2}}};
	struct buffer out = {0};
	struct place place;
	size_t count = 0;

	(void)state;
	place_open(&place);
	assert_int_equal(workspace_diff(place.agent, NULL, NULL, &options, count_entries, &count), ERR_NOT_FOUND);
	assert_string_equal(workspace_sentence(place.agent), "there is no \"src\" in either");
	assert_int_equal(workspace_patch(place.agent, &entry, 3, &out), ERR_NOT_FOUND);
	assert_string_equal(workspace_sentence(place.agent), "there is no content 0100000000000000000000000000000000000000");
	assert_int_equal(out.bytes, 0);
	options.prefix = NULL;
	assert_int_equal(workspace_diff(place.agent, NULL, NULL, &options, count_entries, &count), 0);
	assert_int_equal(workspace_diff(place.agent, NULL, NULL, NULL, count_entries, &count), 0);
	assert_int_equal(count, 0);
	place_close(&place);
}

static void test_large_files_are_only_named(void **state)
{
	struct patch_file old = {.path = "f", .mode = MODE_FILE, .id = {{1}}},
			  new = {.path = "f", .mode = MODE_FILE, .id = {{2}}};
	uint8_t *text = malloc(PATCH_FILE_MAX + 1);
	struct buffer out = {0};

	(void)state;
	assert_non_null(text);
	memset(text, 'a', PATCH_FILE_MAX + 1);
	new.data = (struct bytes){.at = text, .bytes = PATCH_FILE_MAX + 1};
	assert_int_equal(patch_append(&old, &new, -1, 3, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_non_null(strstr((const char *)out.at, "\nBinary files a/f and b/f differ\n"));
	buffer_release(&out);
	free(text);
}

/* ---- histories ---- */

static int add_commit(void *context, const struct commit *commit)
{
	add_id(context, commit_id(commit));
	return 0;
}

static int stop_at_third(void *context, const struct commit *commit)
{
	(void)commit;
	return ++*(int *)context == 3 ? 77 : 0;
}

/* Any number of roots, up to three parents, and dates that do not always grow. */
static size_t make_history(struct place *place, uint64_t *seed, const struct commit **commits, size_t count)
{
	const struct tree *tree;

	assert_int_equal(workspace_tree_edit(place->agent, NULL, NULL, 0, &tree), 0);
	for (size_t i = 0; i < count; i++) {
		const struct commit *parents[3];
		size_t parent_count = 0,
		       most = i == 0 || (i < 100 && chance_below(seed, 25) == 0) ? 0 : 1 + chance_below(seed, 3);
		int64_t seconds =
			1000 + (int64_t)(i / 2) * 10 + (chance_below(seed, 6) ? 0 : (int64_t)chance_below(seed, 200) - 100);
		for (size_t k = 0; k < most; k++) {
			const struct commit *parent = commits[i - 1 - chance_below(seed, (unsigned)(i < 6 ? i : 6))];
			bool is_new = true;
			for (size_t j = 0; j < parent_count; j++)
				is_new = is_new && parents[j] != parent;
			if (is_new)
				parents[parent_count++] = parent;
		}
		commits[i] = commit_of(place, tree, parents, parent_count, seconds);
	}
	return count;
}

static void test_a_history_is_told_in_the_order_of_git(void **state)
{
	enum { COMMITS = 120, HISTORIES = 12 };

	(void)state;
	for (uint64_t number = 1; number <= HISTORIES; number++) {
		const struct commit *commits[COMMITS];
		struct place place;
		uint64_t seed = number;
		int told = 0;
		place_open(&place);
		make_history(&place, &seed, commits, COMMITS);
		for (unsigned turn = 0; turn < 6; turn++) {
			const struct commit *from = commits[COMMITS - 1 - chance_below(&seed, 20)];
			const struct commit *without = turn % 3 == 0 ? NULL : commits[chance_below(&seed, COMMITS)];
			struct buffer expected = {0};
			char hex[2][OID_HEX_BYTES], input[128], *found;
			oid_print(commit_id(from), hex[0]);
			if (without)
				oid_print(commit_id(without), hex[1]);
			snprintf(input, sizeof(input), without ? "%s\n^%s\n" : "%s\n", hex[0], hex[1]);
			assert_int_equal(workspace_log(place.agent, from, without, add_commit, &expected), 0);
			assert_int_equal(buffer_append(&expected, "", 1), 0);
			found = ask(&place, "rev-list --date-order --stdin", input);
			assert_same_text(&expected, found, number);
			free(found);
			buffer_release(&expected);
		}
		assert_int_equal(workspace_log(place.agent, commits[COMMITS - 1], NULL, stop_at_third, &told), 77);
		assert_int_equal(told, 3);
		place_close(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees_differ_in_what_git_says),
		cmocka_unit_test(test_trees_differ_below_a_path_as_git_says),
		cmocka_unit_test(test_patches_are_those_of_git),
		cmocka_unit_test(test_folders_nested_too_deeply_are_refused),
		cmocka_unit_test(test_a_path_that_neither_has_and_content_that_is_not_there),
		cmocka_unit_test(test_large_files_are_only_named),
		cmocka_unit_test(test_a_history_is_told_in_the_order_of_git),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
