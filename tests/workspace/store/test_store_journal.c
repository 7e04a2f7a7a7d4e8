/* SPDX-License-Identifier: MIT
 *
 * A store whose journal fails, or is slower than the next agent. The journal is the real one; what it is asked passes here first.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/workspace/store/world.h"

static struct world world;
static struct workspace_agent *agent;

/* What the next append of each kind comes to. */
static int fail_objects, fail_refs, fail_rewrite;
static void (*before_refs)(void); /* once */
static char written[400];         /* names of refs, a line for each append */

int __real_journal_append(struct journal_writer *writer, const struct journal_object *objects, size_t object_count,
			  const struct journal_ref *refs, size_t ref_count);
int __wrap_journal_append(struct journal_writer *writer, const struct journal_object *objects, size_t object_count,
			  const struct journal_ref *refs, size_t ref_count);
int __real_journal_rewrite_end(struct journal_rewrite *rewrite, bool keep);
int __wrap_journal_rewrite_end(struct journal_rewrite *rewrite, bool keep);

static void note(const struct journal_ref *refs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t bytes = strlen(written);
		snprintf(written + bytes, sizeof(written) - bytes, "%s %llu%s", refs[i].name, (unsigned long long)refs[i].version,
			 i + 1 < count ? ", " : "\n");
	}
}

int __wrap_journal_append(struct journal_writer *writer, const struct journal_object *objects, size_t object_count,
			  const struct journal_ref *refs, size_t ref_count)
{
	void (*before)(void) = before_refs;

	if (ref_count && before) {
		before_refs = NULL;
		before();
	}
	if (ref_count ? fail_refs : fail_objects)
		return ref_count ? fail_refs : fail_objects;
	note(refs, ref_count);
	return __real_journal_append(writer, objects, object_count, refs, ref_count);
}

int __wrap_journal_rewrite_end(struct journal_rewrite *rewrite, bool keep)
{
	int rc = __real_journal_rewrite_end(rewrite, keep && !fail_rewrite);
	return rc ? rc : fail_rewrite;
}

static int open_world(void **state)
{
	(void)state;
	fail_objects = fail_refs = fail_rewrite = 0;
	world_open(&world, 2, 0, true);
	agent = world.agents[0];
	world_set(agent, "refs/heads/a", world_made(agent, NULL, 1));
	world_set(agent, "refs/heads/b", world_at(agent, "refs/heads/a"));
	written[0] = 0;
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static unsigned number_at(const char *ref)
{
	workspace_begin(world.agents[0]);
	const struct commit *commit = world_at(world.agents[0], ref);
	unsigned number = commit ? world_number(world.agents[0], commit) : 0;
	workspace_end(world.agents[0]);
	return number;
}

static void test_objects_that_cannot_be_written_are_an_error_and_nothing_has_changed(void **state)
{
	const struct commit *commit;

	(void)state;
	fail_objects = ERR_FULL;
	assert_int_equal(world_commit(agent, NULL, 2, 8, &commit), ERR_FULL);
	assert_non_null(strstr(workspace_sentence(agent), "the journal in "));
	fail_objects = 0;
	assert_int_equal(number_at("refs/heads/a"), 1);
	world_set(agent, "refs/heads/a", world_made(agent, NULL, 2)); /* once there is room, all of it is written */
	world_reopen(&world);
	assert_int_equal(number_at("refs/heads/a"), 2);
}

static void test_after_a_change_that_could_not_be_written_nothing_can_be_changed(void **state)
{
	const struct commit *commit;
	struct workspace_gc_result result;

	(void)state;
	workspace_begin(agent);
	const struct commit *was = world_at(agent, "refs/heads/a");
	struct ref_update update = {"refs/heads/a", &was->object, &world_made(agent, was, 2)->object, false};
	fail_refs = ERR_IO;
	assert_int_equal(workspace_refs_update(agent, &update, 1), ERR_IO);
	workspace_end(agent);
	fail_refs = 0;
	update.from = NULL;
	update.anywhere = true;
	assert_int_equal(workspace_refs_update(world.agents[1], &update, 1), ERR_IO);
	assert_non_null(strstr(workspace_sentence(world.agents[1]), "nothing can be changed any more"));
	assert_int_equal(world_commit(agent, NULL, 3, 8, &commit), ERR_IO);
	assert_int_equal(workspace_head_set(agent, "refs/heads/b"), ERR_IO);
	assert_int_equal(workspace_gc(agent, true, &result), 0);
	assert_int_equal(number_at("refs/heads/b"), 1); /* what is there can be read */
	world_reopen(&world);
	assert_int_equal(number_at("refs/heads/a"), 1); /* it was never acknowledged */
	agent = world.agents[0];
	world_set(agent, "refs/heads/a", world_made(agent, NULL, 4));
}

static void test_head_that_could_not_be_written_breaks_it_too(void **state)
{
	char head[WORKSPACE_REF_MAX + 1];

	(void)state;
	fail_refs = ERR_IO;
	assert_int_equal(workspace_head_set(agent, "refs/heads/b"), ERR_IO);
	fail_refs = 0;
	assert_int_equal(workspace_head_set(agent, "refs/heads/b"), ERR_IO);
	world_reopen(&world);
	assert_int_equal(workspace_head_get(world.agents[0], head), 0);
	assert_string_equal(head, "refs/heads/main");
}

/* ---- who builds on a change before it is written writes it first ---- */

static void move_on(void)
{
	workspace_begin(world.agents[1]);
	const struct commit *now = world_at(world.agents[1], "refs/heads/a");
	world_set(world.agents[1], "refs/heads/a", world_made(world.agents[1], now, 3));
	workspace_end(world.agents[1]);
}

static void move_on_with_another(void)
{
	struct ref_update updates[] = {{.ref = "refs/heads/b", .anywhere = true}, {.ref = "refs/heads/c", .anywhere = true}};

	workspace_begin(world.agents[1]);
	updates[0].to = updates[1].to = &world_made(world.agents[1], NULL, 3)->object;
	assert_int_equal(workspace_refs_update(world.agents[1], updates, 2), 0);
	workspace_end(world.agents[1]);
}

static void move_both(unsigned number, void (*before)(void))
{
	struct ref_update updates[] = {{.ref = "refs/heads/a", .anywhere = true}, {.ref = "refs/heads/b", .anywhere = true}};

	workspace_begin(agent);
	updates[0].to = updates[1].to = &world_made(agent, NULL, number)->object;
	before_refs = before;
	assert_int_equal(workspace_refs_update(agent, updates, 2), 0);
	workspace_end(agent);
}

static void test_who_builds_on_a_change_writes_all_of_it_first(void **state)
{
	(void)state;
	move_both(2, move_on);
	assert_true(!strncmp(written, "refs/heads/a 2, refs/heads/b 2\nrefs/heads/a 3\n", 46) ||
		    !strncmp(written, "refs/heads/b 2, refs/heads/a 2\nrefs/heads/a 3\n", 46));
	world_reopen(&world);
	assert_int_equal(number_at("refs/heads/a"), 3);
	assert_int_equal(number_at("refs/heads/b"), 2);
	agent = world.agents[0];
	written[0] = 0;
	move_both(5, move_on_with_another);
	const char *first = strchr(written, '\n') + 1;
	assert_memory_equal(written, "refs/heads/", 11);
	assert_non_null(strstr(written, "refs/heads/a 4"));
	assert_true(strstr(written, "refs/heads/a 4") < first && strstr(first, "refs/heads/c 1"));
}

/* ---- writing anew ---- */

static void test_a_journal_that_cannot_be_written_anew_stays_as_it_was(void **state)
{
	struct workspace_gc_result result;
	const struct commit *commit;
	char ref[32];

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/x%u", i);
		assert_int_equal(world_commit(agent, NULL, i, 200000, &commit), 0);
		world_set(agent, ref, commit);
		if (i % 10)
			world_set(agent, ref, NULL);
	}
	fail_rewrite = ERR_IO;
	assert_int_equal(workspace_gc(agent, true, &result), ERR_IO);
	assert_non_null(strstr(workspace_sentence(agent), "could not be written anew"));
	assert_int_equal(result.journal_after, result.journal_before);
	assert_int_equal(number_at("refs/heads/x50"), 50);
	world_set(agent, "refs/heads/later", world_made(agent, NULL, 70));
	world_reopen(&world);
	agent = world.agents[0];
	assert_int_equal(number_at("refs/heads/x50"), 50);
	assert_int_equal(number_at("refs/heads/later"), 70);
	assert_null(world_at(agent, "refs/heads/x51"));
	fail_rewrite = 0;
	assert_int_equal(workspace_gc(agent, true, &result), 0);
	assert_true(result.journal_after < result.journal_before / 2);
	world_reopen(&world);
	assert_int_equal(number_at("refs/heads/x50"), 50);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_WORLD(test_objects_that_cannot_be_written_are_an_error_and_nothing_has_changed),
		IN_A_WORLD(test_after_a_change_that_could_not_be_written_nothing_can_be_changed),
		IN_A_WORLD(test_head_that_could_not_be_written_breaks_it_too),
		IN_A_WORLD(test_who_builds_on_a_change_writes_all_of_it_first),
		IN_A_WORLD(test_a_journal_that_cannot_be_written_anew_stays_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
