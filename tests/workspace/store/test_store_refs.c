/* SPDX-License-Identifier: MIT
 *
 * Refs: names, what they may lead to, moves that are refused, several at once, lists, HEAD. libgit2 is asked about names, and a list of what
 * should be there about long rows of changes by chance.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/workspace/store/world.h"
#include "workspace/store/ref_change.h"

static struct world world;
static struct workspace_agent *agent;

static int open_world(void **state)
{
	(void)state;
	world_open(&world, 2, 0, false);
	agent = world.agents[0];
	workspace_begin(agent);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	workspace_end(agent);
	world_close(&world);
	return 0;
}

static uint32_t random_of(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- names ---- */

static void check_name(const char *name)
{
	bool ours = !ref_name_fault(name), git = false;
	int theirs = 0;

	assert_int_equal(git_reference_name_is_valid(&theirs, name), 0);
	git = theirs && !strncmp(name, "refs/", 5) && strlen(name) <= WORKSPACE_REF_MAX;
	if (ours != git)
		fail_msg("\"%s\": git says %d, and we %s", name, theirs, ours ? "yes" : ref_name_fault(name));
}

static void test_names_are_taken_and_refused_as_by_git(void **state)
{
	static const char *const pieces[] = {"refs",  "heads", "a",  ".",  "..",   "/",      "/", "/",     "lock",
					     ".lock", "@",     "{",  "@{", "~",    "^",      ":", "?",     "*",
					     "[",     "\\",    " ",  "\t", "\x01", "\xff",   "ä", "-",     "HEAD",
					     "refs/", "/b",    "x.", ".y", "//",   ".lock/", "}", "$(id)", "#"};
	char name[128];
	uint32_t seed = 3;

	(void)state;
	git_libgit2_init();
	for (unsigned i = 0; i < 60000; i++) {
		int bytes = snprintf(name, sizeof(name), "%s", random_of(&seed) % 8 ? "refs/" : "");
		for (unsigned k = random_of(&seed) % 6; k; k--)
			bytes += snprintf(name + bytes, sizeof(name) - (size_t)bytes, "%s",
					  pieces[random_of(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
		check_name(name);
	}
	git_libgit2_shutdown();
	assert_non_null(ref_name_fault("refs/heads/a\x7f")); /* git refuses it, libgit2 does not */
}

static void test_long_names_end_at_their_limit(void **state)
{
	char name[WORKSPACE_REF_MAX + 2];

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name, "refs/", 5);
	name[WORKSPACE_REF_MAX + 1] = 0;
	assert_int_equal(world_move(agent, name, NULL, world_made(agent, NULL, 1)), ERR_MALFORMED);
	assert_non_null(strstr(workspace_sentence(agent), "longer than 1023 bytes"));
	name[WORKSPACE_REF_MAX] = 0;
	assert_int_equal(world_move(agent, name, NULL, world_made(agent, NULL, 1)), 0);
}

/* ---- moving one ---- */

static void test_a_ref_moves_only_from_where_it_is(void **state)
{
	const struct commit *one = world_made(agent, NULL, 1), *two = world_made(agent, one, 2),
			    *three = world_made(agent, two, 3);

	(void)state;
	assert_int_equal(world_move(agent, "refs/heads/a", one, two), ERR_MOVED);
	assert_non_null(strstr(workspace_sentence(agent), "refs/heads/a is not there and not "));
	assert_null(world_at(agent, "refs/heads/a"));
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, one), 0);
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, two), ERR_MOVED);
	assert_int_equal(world_move(agent, "refs/heads/a", two, three), ERR_MOVED);
	assert_ptr_equal(world_at(agent, "refs/heads/a"), one);
	assert_int_equal(world_move(agent, "refs/heads/a", one, two), 0);
	assert_ptr_equal(world_at(agent, "refs/heads/a"), two);
	assert_int_equal(world_move(agent, "refs/heads/a", one, NULL), ERR_MOVED);
	assert_int_equal(world_move(agent, "refs/heads/a", two, NULL), 0);
	assert_null(world_at(agent, "refs/heads/a"));
	assert_int_equal(world_move(agent, "refs/heads/a", two, NULL), ERR_MOVED);
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, three), 0);
	assert_ptr_equal(world_at(agent, "refs/heads/a"), three);
}

static void test_a_branch_leads_to_a_commit(void **state)
{
	const struct commit *commit = world_made(agent, NULL, 1);
	struct ref_update update = {"refs/heads/tree", NULL, &commit->tree->object, false};
	const struct object *found;

	(void)state;
	assert_int_equal(workspace_refs_update(agent, &update, 1), ERR_MALFORMED);
	assert_non_null(strstr(workspace_sentence(agent), "must lead to a commit"));
	update.ref = "refs/tags/tree";
	assert_int_equal(workspace_refs_update(agent, &update, 1), 0);
	assert_int_equal(workspace_ref_get(agent, "refs/tags/tree", &found), 0);
	assert_ptr_equal(found, &commit->tree->object);

	struct oid id = {{1}};
	assert_int_equal(object_link(agent, OBJECT_LINK, &id, &update.to), 0);
	update.ref = "refs/tags/elsewhere";
	assert_int_equal(workspace_refs_update(agent, &update, 1), ERR_MALFORMED);
}

static void test_what_is_not_there_and_what_is_no_name_are_told_apart(void **state)
{
	const struct object *object;

	(void)state;
	assert_int_equal(workspace_ref_get(agent, "refs/heads/none", &object), ERR_NOT_FOUND);
	assert_string_equal(workspace_sentence(agent), "there is no ref refs/heads/none");
	assert_int_equal(workspace_ref_get(agent, "refs/heads/no..ne", &object), ERR_MALFORMED);
	assert_string_equal(workspace_sentence(agent),
			    "\"refs/heads/no..ne\" is no name for a ref: it has two periods next to each other");
	assert_int_equal(workspace_ref_get(agent, "main", &object), ERR_MALFORMED);
}

/* ---- folders ---- */

static void test_a_ref_is_no_folder_of_another(void **state)
{
	const struct commit *one = world_made(agent, NULL, 1);

	(void)state;
	world_set(agent, "refs/heads/a/b", one);
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, one), ERR_STATE);
	assert_string_equal(workspace_sentence(agent),
			    "refs/heads/a cannot be made as long as there is refs/heads/a/b: a ref is no folder");
	assert_int_equal(world_move(agent, "refs/heads/a/b/c/d", NULL, one), ERR_STATE);
	assert_int_equal(world_move(agent, "refs/heads", NULL, one), ERR_STATE);
	assert_int_equal(world_move(agent, "refs/heads/a-", NULL, one), 0);
	assert_int_equal(world_move(agent, "refs/heads/a/bc", NULL, one), 0);
	world_set(agent, "refs/heads/a/b", NULL);
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, one), ERR_STATE);
	world_set(agent, "refs/heads/a/bc", NULL);
	assert_int_equal(world_move(agent, "refs/heads/a", NULL, one), 0);
	assert_int_equal(world_move(agent, "refs/heads/a/b", NULL, one), ERR_STATE);
}

/* As in git, which looks at the names of a transaction too. */
static void test_a_change_cannot_put_a_folder_in_the_place_of_a_ref(void **state)
{
	const struct object *one = &world_made(agent, NULL, 1)->object;
	struct ref_update both[] = {{"refs/heads/a", NULL, one, false}, {"refs/heads/a/b", NULL, one, false}};
	struct ref_update swap[] = {{"refs/heads/x/y", NULL, one, false}, {"refs/heads/x", one, NULL, false}};

	(void)state;
	assert_int_equal(workspace_refs_update(agent, both, 2), ERR_STATE);
	assert_null(world_at(agent, "refs/heads/a"));
	world_set(agent, "refs/heads/x", object_as_commit(one));
	assert_int_equal(workspace_refs_update(agent, swap, 2), ERR_STATE);
	assert_non_null(world_at(agent, "refs/heads/x"));
}

/* ---- several at once ---- */

static void test_all_of_a_change_happens_or_nothing(void **state)
{
	const struct object *one = &world_made(agent, NULL, 1)->object, *two = &world_made(agent, NULL, 2)->object;
	struct ref_update updates[] = {{"refs/heads/new", NULL, one, false},
				       {"refs/heads/old", one, NULL, false},
				       {"refs/heads/moves", one, two, false}};

	(void)state;
	world_set(agent, "refs/heads/old", object_as_commit(one));
	assert_int_equal(workspace_refs_update(agent, updates, 3), ERR_MOVED);
	assert_null(world_at(agent, "refs/heads/new"));
	assert_non_null(world_at(agent, "refs/heads/old"));
	world_set(agent, "refs/heads/moves", object_as_commit(one));
	assert_int_equal(workspace_refs_update(agent, updates, 3), 0);
	assert_ptr_equal(world_at(agent, "refs/heads/new"), one);
	assert_null(world_at(agent, "refs/heads/old"));
	assert_ptr_equal(world_at(agent, "refs/heads/moves"), two);
}

static void test_a_change_may_hold_on_to_a_ref_that_stays(void **state)
{
	const struct object *one = &world_made(agent, NULL, 1)->object, *two = &world_made(agent, NULL, 2)->object;
	struct ref_update updates[] = {{"refs/heads/stays", one, one, false},
				       {"refs/heads/absent", NULL, NULL, false},
				       {"refs/heads/new", NULL, two, false}};

	(void)state;
	assert_int_equal(workspace_refs_update(agent, updates, 3), ERR_MOVED);
	world_set(agent, "refs/heads/stays", object_as_commit(one));
	assert_int_equal(workspace_refs_update(agent, updates, 3), 0);
	assert_int_equal(ref_value_of(ref_find(agent, "refs/heads/stays"))->version, 1);
	assert_null(ref_value_of(ref_find(agent, "refs/heads/absent")));
	assert_ptr_equal(world_at(agent, "refs/heads/new"), two);
	assert_int_equal(workspace_refs_update(agent, updates, 2), 0);
}

static void test_a_ref_is_named_once_in_a_change(void **state)
{
	const struct object *one = &world_made(agent, NULL, 1)->object;
	struct ref_update updates[] = {
		{"refs/heads/a", NULL, one, false}, {"refs/heads/b", NULL, one, false}, {"refs/heads/a", NULL, one, false}};

	(void)state;
	assert_int_equal(workspace_refs_update(agent, updates, 3), ERR_MALFORMED);
	assert_string_equal(workspace_sentence(agent), "refs/heads/a is named twice");
	assert_null(world_at(agent, "refs/heads/b"));
	assert_int_equal(workspace_refs_update(agent, updates, 0), 0);
}

static void test_a_change_of_thousands_of_refs(void **state)
{
	enum { MANY = 4000 };
	static struct ref_update updates[MANY];
	static char names[MANY][32];
	struct workspace_figures figures;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/many/%u/%u", i % 7, i);
		updates[i] = (struct ref_update){names[i], NULL, &world_made(agent, NULL, i)->object, false};
	}
	assert_int_equal(workspace_refs_update(agent, updates, MANY), 0);
	workspace_measure(world.workspace, &figures);
	assert_int_equal(figures.ref_count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(world_at(agent, names[i]), updates[i].to);
}

/* ---- a change that was interrupted ---- */

/* An agent that stops after any step of a change holds nobody up: whoever comes next brings it to its end, or has it begin again. What is decided is seen
 * before it stands in the words. */
static void stop_and_go_on(bool installed_all, bool decided)
{
	struct ref *left, *right;
	struct ref_change *change = memory_take(agent, change_bytes(2));
	const struct commit *one = world_made(agent, NULL, 1), *two = world_made(agent, NULL, 2);

	world_set(agent, "refs/stop/left", one);
	world_set(agent, "refs/stop/right", one);
	assert_int_equal(ref_make(agent, "refs/stop/left", &left), 0);
	assert_int_equal(ref_make(agent, "refs/stop/right", &right), 0);
	if ((uintptr_t)left > (uintptr_t)right) {
		struct ref *other = left;
		left = right;
		right = other;
	}
	memset(change, 0, change_bytes(2));
	change->count = 2;
	atomic_store(&change->holds, 2);
	for (int i = 0; i < 2; i++) {
		struct change_part *part = &change->parts[i];
		part->ref = i ? right : left;
		part->old = ref_value_of(part->ref);
		part->value = (struct ref_value){&two->object, part->old->version + 1, change};
		part->new = &part->value;
	}
	atomic_store(&left->word, (uintptr_t)change | 1);
	if (installed_all)
		atomic_store(&right->word, (uintptr_t)change | 1);
	if (decided)
		atomic_store(&change->state, CHANGE_DONE);
	assert_ptr_equal(world_at(agent, left->name), decided ? two : one);
	assert_ptr_equal(world_at(agent, right->name), decided ? two : one);
	world_set(world.agents[1], right->name, NULL);
	if (installed_all || ref_value_of(left)->object == &two->object)
		assert_ptr_equal(world_at(agent, left->name), two);
	else
		assert_ptr_equal(world_at(agent, left->name), one);
	assert_null(world_at(agent, right->name));
	world_set(world.agents[1], left->name, NULL);
	assert_null(world_at(agent, left->name));
	assert_false(word_change(atomic_load(&left->word)) || word_change(atomic_load(&right->word)));
}

static void test_a_change_that_stops_halfway_holds_nobody_up(void **state)
{
	(void)state;
	stop_and_go_on(false, false);
	stop_and_go_on(true, false);
	stop_and_go_on(true, true);
}

/* ---- lists ---- */

struct list {
	char text[4096];
	int stop_after;
};

static int list(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct list *list_of = context;
	size_t bytes = strlen(list_of->text);

	assert_non_null(object);
	snprintf(list_of->text + bytes, sizeof(list_of->text) - bytes, "%s=%llu ", ref + 5, (unsigned long long)version);
	return --list_of->stop_after ? 0 : 77;
}

static void test_refs_are_listed_in_the_order_of_their_names(void **state)
{
	struct list all = {.stop_after = -1}, some = {.stop_after = -1}, two = {.stop_after = 2}, none = {.stop_after = -1};
	const struct commit *one = world_made(agent, NULL, 1);

	(void)state;
	world_set(agent, "refs/tags/v1", one);
	world_set(agent, "refs/heads/b/c", one);
	world_set(agent, "refs/heads/b-c", one);
	world_set(agent, "refs/heads/a", one);
	world_set(agent, "refs/heads/gone", one);
	world_set(agent, "refs/heads/gone", NULL);
	world_set(agent, "refs/heads/a", NULL);
	world_set(agent, "refs/heads/a", world_made(agent, NULL, 2));
	assert_int_equal(workspace_refs_each(agent, NULL, list, &all), 0);
	assert_string_equal(all.text, "heads/a=3 heads/b-c=1 heads/b/c=1 tags/v1=1 ");
	assert_int_equal(workspace_refs_each(agent, "refs/heads/b", list, &some), 0);
	assert_string_equal(some.text, "heads/b-c=1 heads/b/c=1 ");
	assert_int_equal(workspace_refs_each(agent, "", list, &two), 77);
	assert_string_equal(two.text, "heads/a=3 heads/b-c=1 ");
	assert_int_equal(workspace_refs_each(agent, "refs/x", list, &none), 0);
	assert_string_equal(none.text, "");
}

/* ---- HEAD ---- */

static void test_head_names_a_branch_that_needs_not_be_there(void **state)
{
	char head[WORKSPACE_REF_MAX + 1];

	(void)state;
	assert_int_equal(workspace_head_get(agent, head), 0);
	assert_string_equal(head, "refs/heads/main");
	assert_int_equal(workspace_head_set(agent, "refs/heads/trunk"), 0);
	assert_int_equal(workspace_head_get(agent, head), 0);
	assert_string_equal(head, "refs/heads/trunk");
	assert_int_equal(workspace_head_set(agent, "trunk"), ERR_MALFORMED);
	assert_string_equal(workspace_sentence(agent), "HEAD cannot be \"trunk\": the name does not begin with refs/");
	assert_int_equal(workspace_head_get(agent, head), 0);
	assert_string_equal(head, "refs/heads/trunk");
}

/* ---- by chance ---- */

#define NAMES 12

static const char *const names[NAMES] = {"refs/a",   "refs/a/b", "refs/a/b/c",   "refs/a/b/d", "refs/a/bb", "refs/b",
					 "refs/b/b", "refs/c",   "refs/d/e/f/g", "refs/d/e",   "refs/d/ee", "refs/d"};
static const struct object *model[NAMES];

static bool is_below(const char *name, const char *folder)
{
	return !strncmp(name, folder, strlen(folder)) && name[strlen(folder)] == '/';
}

/* What must come out of it, and what is there afterwards. */
static int model_update(const struct ref_update *updates, const unsigned *which, unsigned count)
{
	const struct object *before[NAMES];
	int rc = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < i; k++)
			if (which[i] == which[k])
				return ERR_MALFORMED;
	for (unsigned i = 0; i < count; i++)
		if (!updates[i].anywhere && model[which[i]] != updates[i].from)
			return ERR_MOVED;
	memcpy(before, model, sizeof(before));
	for (unsigned i = 0; i < count; i++)
		model[which[i]] = updates[i].to;
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < NAMES && updates[i].to && !before[which[i]]; k++)
			if ((model[k] || before[k]) && (is_below(names[k], updates[i].ref) || is_below(updates[i].ref, names[k])))
				rc = before[k] || model[k] ? ERR_STATE : rc;
	if (rc)
		memcpy(model, before, sizeof(before));
	return rc;
}

static void test_long_rows_of_changes_come_to_what_a_list_says(void **state)
{
	const struct object *objects[5] = {0};
	unsigned counts[4] = {0};
	uint32_t seed = 11;

	(void)state;
	memset(model, 0, sizeof(model));
	for (unsigned i = 1; i < 5; i++)
		objects[i] = &world_made(agent, NULL, i)->object;
	for (unsigned turn = 0; turn < 30000; turn++) {
		struct ref_update updates[4];
		unsigned which[4], count = 1 + random_of(&seed) % 4;
		for (unsigned i = 0; i < count; i++) {
			which[i] = random_of(&seed) % NAMES;
			bool fits = random_of(&seed) % 8;
			updates[i] = (struct ref_update){names[which[i]], fits ? model[which[i]] : objects[random_of(&seed) % 5],
							 objects[random_of(&seed) % 3 ? 0 : random_of(&seed) % 5],
							 random_of(&seed) % 6 == 0};
		}
		int expected = model_update(updates, which, count), rc = workspace_refs_update(agent, updates, count);
		assert_int_equal(rc, expected);
		counts[rc == 0 ? 0 : rc == ERR_MOVED ? 1 : rc == ERR_STATE ? 2 : 3]++;
		for (unsigned i = 0; i < NAMES; i++)
			assert_ptr_equal(world_at(agent, names[i]), model[i]);
		if (turn % 100 == 0) { /* what was retired comes back */
			workspace_end(agent);
			workspace_begin(agent);
		}
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(counts[i] > 500);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_taken_and_refused_as_by_git),
		IN_A_WORLD(test_long_names_end_at_their_limit),
		IN_A_WORLD(test_a_ref_moves_only_from_where_it_is),
		IN_A_WORLD(test_a_branch_leads_to_a_commit),
		IN_A_WORLD(test_what_is_not_there_and_what_is_no_name_are_told_apart),
		IN_A_WORLD(test_a_ref_is_no_folder_of_another),
		IN_A_WORLD(test_a_change_cannot_put_a_folder_in_the_place_of_a_ref),
		IN_A_WORLD(test_all_of_a_change_happens_or_nothing),
		IN_A_WORLD(test_a_change_may_hold_on_to_a_ref_that_stays),
		IN_A_WORLD(test_a_ref_is_named_once_in_a_change),
		IN_A_WORLD(test_a_change_of_thousands_of_refs),
		IN_A_WORLD(test_a_change_that_stops_halfway_holds_nobody_up),
		IN_A_WORLD(test_refs_are_listed_in_the_order_of_their_names),
		IN_A_WORLD(test_head_names_a_branch_that_needs_not_be_there),
		IN_A_WORLD(test_long_rows_of_changes_come_to_what_a_list_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
