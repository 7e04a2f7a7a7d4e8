/* SPDX-License-Identifier: MIT
 *
 * What would be erased with a task: those below it, at any depth, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/erasing.h"
#include "made.h"

static char folder[64], path[96];
static struct state_folder state_folder;

static struct text text(const char *at)
{
	return (struct text){at, (uint32_t)strlen(at)};
}

static struct id numbered(uint8_t number)
{
	return (struct id){{1, 2, 3, number}};
}

/* Task `number` below `parent`, 0: below none; with a text of its own, and ended unless it lives. */
static void make_task(struct maker *maker, uint8_t number, uint8_t parent, bool lives)
{
	struct message request = {.type = MESSAGE_TASK_REQUEST}, outcome = {.type = MESSAGE_TASK_COMPLETION};
	maker->task_id = numbered(number);
	maker->number = maker->seq + 1;
	request.task_request.task_type = text("t");
	request.task_request.parameters = text("{\"a\":\"text\"}");
	if (parent)
		request.task_request.parent = numbered(parent);
	made_put(maker, TRAIL_IN, parent ? "beta/1" : "client/anna/1", 0, 0, &request);
	outcome.task_completion.summary = text("done");
	if (!lives)
		made_put(maker, TRAIL_OUT, "client/anna/1", 1, STATE_COMPLETED, &outcome);
}

static int setup(void **state)
{
	char why[256];
	struct maker maker = {.wall_ms = 1800000000000u};
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bunshin-erasing-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	snprintf(state_folder.root, sizeof(state_folder.root), "%s", folder);
	assert_int_equal(trail_open(path, TRAIL_WRITE, &maker.trail, why), 0);
	make_task(&maker, 1, 0, false);
	make_task(&maker, 2, 0, false);
	make_task(&maker, 3, 1, false);
	make_task(&maker, 4, 2, false);
	make_task(&maker, 5, 3, true);
	make_task(&maker, 6, 1, false);
	trail_close(maker.trail);
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
	char file[128];
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		(void)unlink(file);
	}
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static void read_tree(uint8_t number, struct doomed_tree *tree)
{
	struct trail *trail;
	char why[256];
	struct id id = numbered(number);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(doomed_read(trail, &state_folder, &id, tree), 0);
	trail_close(trail);
}

static void test_the_tasks_below_are_found_at_any_depth_and_after_their_parents(void **state)
{
	static const uint8_t expected[] = {1, 3, 5, 6};
	struct doomed_tree tree;
	(void)state;
	read_tree(1, &tree);
	assert_int_equal(tree.count, sizeof(expected));
	for (size_t i = 0; i < tree.count; i++) {
		assert_int_equal(tree.task[i].id.bytes[3], expected[i]);
		assert_int_equal(tree.task[i].live, expected[i] == 5);
		assert_int_equal(tree.task[i].erased_seq, 0);
	}
	assert_int_equal(tree.payloads, 7);
	doomed_release(&tree);
	read_tree(4, &tree);
	assert_int_equal(tree.count, 1);
	assert_int_equal(tree.payloads, 2);
	doomed_release(&tree);
}

static void test_a_task_that_is_not_there_is_no_tree(void **state)
{
	struct trail *trail;
	struct doomed_tree tree;
	char why[256];
	struct id id = numbered(77);
	(void)state;
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(doomed_read(trail, &state_folder, &id, &tree), ERR_NOT_FOUND);
	trail_close(trail);
}

static void test_an_erasure_is_told_with_its_day_and_record(void **state)
{
	char said[ERASED_TEXT_BYTES], sum[128];
	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	erased_print(1795276488000u, 4711, said);
	assert_string_equal(said, "erased on 2026-11-21, record 4711");
	erased_print(0, 4711, said);
	assert_string_equal(said, "erased, record 4711");
	erasing_print(1, 1, 0, sum);
	assert_string_equal(sum, "1 text of 1 byte");
	erasing_print(3, 4000, 2, sum);
	assert_string_equal(sum, "3 texts of 4000 bytes, and 2 artefacts unless others name them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tasks_below_are_found_at_any_depth_and_after_their_parents),
		cmocka_unit_test(test_a_task_that_is_not_there_is_no_tree),
		cmocka_unit_test(test_an_erasure_is_told_with_its_day_and_record),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
