/* SPDX-License-Identifier: MIT
 *
 * The stores of the workspace: what they are called, when they are open, and what is found in them that nobody has told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/workspace_inner.h"
#include "tests/actors/scratch.h"

struct fixture {
	char *scratch;
	struct state_folder state;
	struct depot *depot;
	char project[PATH_BYTES];
	char other[PATH_BYTES]; /* another one of the same name */
	char sentence[SENTENCE_BYTES];
	unsigned opened;
};

static void opened(void *context, struct store *store)
{
	struct fixture *fixture = context;

	fixture->opened++;
	assert_int_equal(refs_settle(store), 0);
}

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[PATH_BYTES];

	*context = fixture;
	fixture->scratch = scratch_make();
	snprintf(path, sizeof(path), "%s/state", fixture->scratch);
	snprintf(fixture->project, sizeof(fixture->project), "%s/project", fixture->scratch);
	snprintf(fixture->other, sizeof(fixture->other), "%s/state/project", fixture->scratch);
	if (state_open(path, &fixture->state, fixture->sentence) || mkdir(fixture->project, 0700) || mkdir(fixture->other, 0700))
		return -1;
	return depot_new(&fixture->state, 64u << 20, opened, fixture, &fixture->depot);
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;

	depot_free(fixture->depot);
	scratch_remove(fixture->scratch);
	free(fixture);
	return 0;
}

static struct store *take(struct fixture *fixture, const char *named, bool make)
{
	struct store *store = NULL;

	assert_int_equal(depot_take(fixture->depot, named, make, &store, fixture->sentence), 0);
	assert_non_null(store);
	return store;
}

/* Past the diary, as an import does that is killed before it can say what it has done. */
static void commit(struct store *store, const char *ref)
{
	struct workspace_edit edit = {.path = "file", .mode = MODE_FILE, .data = {(const uint8_t *)"1\n", 2}};
	struct workspace_person person = {.name = "A", .email = "a@b.c", .seconds = 1};
	struct workspace_change change = {.edits = &edit, .count = 1, .author = person, .committer = person, .message = "Begin"};
	struct workspace_agent *agent = NULL;
	const struct commit *made;

	assert_int_equal(workspace_join(store->workspace, &agent), 0);
	assert_int_equal(workspace_commit(agent, ref, NULL, &change, &made), 0);
	workspace_leave(agent);
}

static void test_a_repository_is_known_by_its_path_its_name_and_the_beginning_of_it(void **context)
{
	struct fixture *fixture = *context;
	struct store *store, *same = NULL;
	char git[PATH_BYTES + 8];

	assert_int_equal(depot_take(fixture->depot, fixture->project, false, &same, fixture->sentence), ERR_NOT_FOUND);
	store = take(fixture, fixture->project, true);
	assert_true(strncmp(store->name, "project-", 8) == 0 && strlen(store->name) == 16);
	assert_string_equal(store->path, fixture->project);
	snprintf(git, sizeof(git), "%s/.git", fixture->project);
	assert_int_equal(mkdir(git, 0700), 0);
	const char *const names[] = {fixture->project, git, store->name, "project"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		same = take(fixture, names[i], false);
		assert_ptr_equal(same, store);
		depot_give(fixture->depot, same);
	}
	assert_int_equal(fixture->opened, 1);
	depot_give(fixture->depot, take(fixture, fixture->other, true));
	assert_int_equal(depot_take(fixture->depot, "project", false, &same, fixture->sentence), ERR_USAGE);
	assert_non_null(strstr(fixture->sentence, "2 repositories"));
	same = take(fixture, store->name, false);
	assert_ptr_equal(same, store);
	depot_give(fixture->depot, same);
	assert_int_equal(depot_take(fixture->depot, "../project", false, &same, fixture->sentence), ERR_USAGE);
	assert_int_equal(depot_take(fixture->depot, "", false, &same, fixture->sentence), ERR_USAGE);
	depot_give(fixture->depot, store);
}

static void test_what_nobody_uses_is_closed_and_opened_again_with_what_was_in_it(void **context)
{
	struct fixture *fixture = *context;
	struct store *store = take(fixture, fixture->project, true);
	struct ref_place place;
	struct workspace_agent *agent = NULL;
	uint64_t first = 0, last = 0;

	depot_tidy(fixture->depot, 0);
	depot_give(fixture->depot, take(fixture, "project", false));
	assert_int_equal(fixture->opened, 1); /* somebody has it */
	commit(store, "refs/heads/main");
	assert_int_equal(workspace_join(store->workspace, &agent), 0);
	assert_int_equal(refs_find_changes(store, agent, "import", "", NULL, &first, &last), 0);
	workspace_leave(agent);
	assert_true(first > 0 && first == last);
	depot_give(fixture->depot, store);
	depot_tidy(fixture->depot, 0);
	depot_give(fixture->depot, take(fixture, "project", false));
	assert_int_equal(fixture->opened, 1); /* it owes something to the trail */
	diary_told(store->diary, first);
	depot_tidy(fixture->depot, 0);
	store = take(fixture, "project", false);
	assert_int_equal(fixture->opened, 2);
	assert_int_equal(workspace_join(store->workspace, &agent), 0);
	assert_int_equal(ref_look(agent, "refs/heads/main", &place), 0);
	workspace_leave(agent);
	assert_true(place.there && place.version == 1);
	assert_int_equal(diary_pending(store->diary), 0); /* what was told is not found again */
	depot_give(fixture->depot, store);
}

struct told {
	unsigned count;
	char ref[64], cause[DIARY_CAUSE_BYTES];
	uint64_t version;
	bool has_to;
};

static int note(void *context, const struct diary_change *change)
{
	struct told *told = context;

	told->count++;
	snprintf(told->ref, sizeof(told->ref), "%s", change->ref);
	snprintf(told->cause, sizeof(told->cause), "%s", change->cause);
	told->version = change->version;
	told->has_to = change->has_to;
	return 0;
}

static void test_a_change_that_nobody_could_note_is_found_when_the_store_is_opened(void **context)
{
	struct fixture *fixture = *context;
	struct store *store = take(fixture, fixture->project, true);
	struct ref_update gone = {.ref = "refs/heads/main", .anywhere = true};
	struct workspace_agent *agent = NULL;
	struct told told = {.count = 0};

	commit(store, "refs/heads/main");
	commit(store, REFS_HIDDEN "own");
	depot_give(fixture->depot, store);
	depot_tidy(fixture->depot, 0);
	store = take(fixture, fixture->project, false);
	assert_int_equal(diary_each_untold(store->diary, note, &told), 0);
	assert_int_equal(told.count, 1); /* not the hidden one */
	assert_string_equal(told.ref, "refs/heads/main");
	assert_string_equal(told.cause, "found");
	assert_true(told.version == 1 && told.has_to);
	diary_told(store->diary, 1);

	assert_int_equal(workspace_join(store->workspace, &agent), 0);
	assert_int_equal(workspace_refs_update(agent, &gone, 1), 0);
	workspace_leave(agent);
	depot_give(fixture->depot, store);
	depot_tidy(fixture->depot, 0);
	store = take(fixture, fixture->project, false);
	told = (struct told){.count = 0};
	assert_int_equal(diary_each_untold(store->diary, note, &told), 0);
	assert_true(told.count == 1 && told.version == 2 && !told.has_to);
	depot_give(fixture->depot, store);
}

static int count_row(void *context, const struct depot_row *row)
{
	unsigned *counts = context;

	counts[0]++;
	counts[1] += row->open;
	counts[2] += row->owes;
	return 0;
}

static void test_the_list_has_those_that_are_closed_too_and_what_they_owe(void **context)
{
	struct fixture *fixture = *context;
	struct store *store = take(fixture, fixture->project, true);
	unsigned counts[3] = {0};

	depot_give(fixture->depot, take(fixture, fixture->other, true));
	commit(store, "refs/heads/main");
	depot_give(fixture->depot, store);
	depot_tidy(fixture->depot, 0);
	depot_give(fixture->depot, take(fixture, fixture->project, false)); /* owes now what was found */
	assert_int_equal(depot_each(fixture->depot, count_row, counts), 0);
	assert_true(counts[0] == 2 && counts[1] == 1 && counts[2] == 1);
	depot_free(fixture->depot);
	assert_int_equal(depot_new(&fixture->state, 64u << 20, opened, fixture, &fixture->depot), 0);
	memset(counts, 0, sizeof(counts));
	assert_int_equal(depot_each(fixture->depot, count_row, counts), 0);
	assert_true(counts[0] == 2 && counts[1] == 0 && counts[2] == 1);
}

static void test_a_store_into_which_nothing_came_goes_again(void **context)
{
	struct fixture *fixture = *context;
	struct store *store = take(fixture, fixture->project, true), *none = NULL;
	struct stat status;

	assert_true(store->is_new);
	store->unwanted = true;
	char folder[PATH_BYTES];
	memcpy(folder, store->folder, sizeof(folder));
	assert_int_equal(stat(folder, &status), 0);
	depot_give(fixture->depot, store);
	assert_int_not_equal(stat(folder, &status), 0);
	assert_int_equal(depot_take(fixture->depot, fixture->project, false, &none, fixture->sentence), ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_repository_is_known_by_its_path_its_name_and_the_beginning_of_it),
		TEST(what_nobody_uses_is_closed_and_opened_again_with_what_was_in_it),
		TEST(a_change_that_nobody_could_note_is_found_when_the_store_is_opened),
		TEST(the_list_has_those_that_are_closed_too_and_what_they_owe),
		TEST(a_store_into_which_nothing_came_goes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
