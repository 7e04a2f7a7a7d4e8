/* SPDX-License-Identifier: MIT
 *
 * What the commands show of a trail, without a running network: tables, plain lines, JSON, escapes, exit codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/cli/made.h"
#include "tests/cli/run.h"

static int setup(void **state)
{
	(void)state;
	world_make();
	made_trail(world_path("state/trail.db"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove();
	return 0;
}

static struct ran must_silently(const char *arguments, int code)
{
	struct ran ran = must(arguments, code);

	assert_null(strchr(ran.out, '\007'));
	return ran;
}

static json_t *must_json(const char *arguments, int code)
{
	struct ran ran = must_silently(arguments, code);
	json_error_t error;
	json_t *json = json_loads(ran.out, 0, &error);

	if (!json)
		print_error("bunshin %s: %s\n%s\n", arguments, error.text, ran.out);
	assert_non_null(json);
	assert_null(strchr(ran.out, '\033'));
	assert_null(strstr(ran.out, "\xe2\x80\xae"));
	ran_release(&ran);
	return json;
}

static const char *member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void test_tasks_are_listed_newest_first_in_plain_lines(void **state)
{
	struct ran ran = must_silently("task list", 0);
	char *first = strstr(ran.out, RUNNING_ID), *second = strstr(ran.out, FAILED_ID), *third = strstr(ran.out, DONE_ID);

	(void)state;
	assert_true(first == ran.out && second > first && third > second);
	assert_non_null(
		strstr(ran.out, DONE_ID "\tsecurity-analysis\tcompleted\thigh\t1\tbeta/1\t2026-02-03T10:11:12.250Z\t1500\t\n"));
	assert_non_null(strstr(ran.out, FAILED_ID "\ttest-strategy\tfailed\thigh\t2\tdelta/2\t"));
	assert_non_null(strstr(ran.out, "\ttask_failed\n"));
	assert_non_null(strstr(ran.out, RUNNING_ID "\tdocumentation\trunning\thigh\t1\tsigma/1\t"));
	ran_release(&ran);
}

static void test_tasks_are_a_table_for_people(void **state)
{
	struct ran ran = must_silently("task list --color always", 0);

	(void)state;
	assert_int_equal(strncmp(ran.out, "TASK ", 5), 0);
	assert_non_null(strstr(ran.out, "2026-02-03 10:11:12"));
	assert_non_null(strstr(ran.out, "1.5 s"));
	assert_non_null(strstr(ran.out, "\033[32mcompleted"));
	assert_non_null(strstr(ran.out, "\033[31mfailed"));
	ran_release(&ran);
}

static void test_tasks_have_one_shape_in_json(void **state)
{
	json_t *json = must_json("task list --json", 0);
	json_t *task = json_array_get(json_object_get(json, "tasks"), 2);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json, "tasks")), 3);
	assert_string_equal(member(task, "task_id"), DONE_ID);
	assert_string_equal(member(task, "state"), "completed");
	assert_string_equal(member(task, "client"), "client/alice/3f9c2e10");
	assert_string_equal(member(task, "accepted_at"), "2026-02-03T10:11:12.250Z");
	assert_int_equal(json_integer_value(json_object_get(task, "took_ms")), 1500);
	json_decref(json);
}

static void assert_count(const char *arguments, size_t count)
{
	json_t *json = must_json(arguments, 0);

	assert_int_equal(json_array_size(json_object_get(json, "tasks")), count);
	json_decref(json);
}

static void test_tasks_can_be_chosen(void **state)
{
	(void)state;
	assert_count("task list --json --only failed", 1);
	assert_count("task list --json --only running", 1);
	assert_count("task list --json --only waiting", 0);
	assert_count("task list --json --type documentation", 1);
	assert_count("task list --json --limit 2", 2);
	assert_count("recover list --json", 1);
}

static void test_a_task_is_found_by_either_end_of_its_id(void **state)
{
	struct ran ran = must_silently("task show 8f6a1b2c3d4e", 0);

	(void)state;
	assert_non_null(strstr(ran.out, DONE_ID));
	ran_release(&ran);
	ran = must_silently("task show …8f6a1b2c3d4e", 0);
	ran_release(&ran);
	ran = must_silently("task show 01990b1e", 6);
	assert_non_null(strstr(ran.err, "more than one task"));
	ran_release(&ran);
	ran = must_silently("task show ffffffff", 5);
	assert_non_null(strstr(ran.err, "there is no task \"ffffffff\""));
	ran_release(&ran);
	ran = must_silently("task show 01990b1e-0000-7000-8000-000000000000", 5);
	assert_non_null(strstr(ran.err, "next: `bunshin task list`"));
	ran_release(&ran);
	ran = must_silently("task show xyz", 2);
	ran_release(&ran);
}

static void test_a_task_is_shown_with_its_result(void **state)
{
	struct ran ran = must_silently("task show " DONE_ID, 0);
	json_t *json;

	(void)state;
	assert_non_null(strstr(ran.out, "state\tcompleted"));
	assert_non_null(strstr(ran.out, "parameters\t{\"repo\":\"/srv/größe\"}"));
	assert_non_null(strstr(ran.out, "two findings\\x1b]0;owned\\x07"));
	assert_non_null(strstr(ran.out, "CANARY-4711"));
	assert_null(strchr(ran.out, '\033'));
	ran_release(&ran);
	json = must_json("task show --json " DONE_ID, 0);
	assert_string_equal(member(json_object_get(json, "outcome"), "completeness"), "complete");
	assert_string_equal(member(json_object_get(json_object_get(json, "outcome"), "result"), "marker"), "CANARY-4711");
	assert_string_equal(member(json_object_get(json_object_get(json, "task"), "parameters"), "repo"), "/srv/größe");
	json_decref(json);
	json = must_json("task show --json " RUNNING_ID, 0);
	assert_true(json_is_null(json_object_get(json, "outcome")));
	json_decref(json);
}

static void test_waiting_for_what_has_ended_needs_no_network(void **state)
{
	struct ran ran = must_silently("task wait " DONE_ID, 0);

	(void)state;
	assert_non_null(strstr(ran.out, "CANARY-4711"));
	ran_release(&ran);
	ran = must_silently("task wait " FAILED_ID, 1);
	assert_non_null(strstr(ran.out, "the build does not compile (task_failed, after 2 attempts)"));
	assert_non_null(strstr(ran.out, "make: *** [all]"));
	ran_release(&ran);
	ran = must_silently("task wait " RUNNING_ID, 9); /* this one does */
	ran_release(&ran);
}

static void test_a_report_is_written_to_a_file(void **state)
{
	struct ran ran = must_silently("task show --report report.md " DONE_ID, 0);
	char text[512] = "";
	FILE *file = fopen(world_path("work/report.md"), "r");

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_non_null(strstr(text, "CANARY-4711"));
	ran_release(&ran);
	ran = must_silently("task wait --report /nowhere/at/all.md " DONE_ID, 10);
	assert_non_null(strstr(ran.err, "/nowhere/at/all.md cannot be written"));
	ran_release(&ran);
}

static void test_logs_are_what_the_attempts_said(void **state)
{
	struct ran ran = must_silently("task logs " FAILED_ID, 0);

	(void)state;
	assert_non_null(strstr(ran.out, "\t1\tdelta/1\tscan\thalf way \\x1b[2Jthrough\n"));
	assert_non_null(strstr(ran.out, "\t1\tdelta/1\tlog\tmake: *** [all]\n"));
	assert_non_null(strstr(ran.out, "\tlog\tError \\x1b[1m2\n"));
	assert_non_null(strstr(ran.out, "\tfailure\ttask_failed: the build does not compile\n"));
	assert_null(strchr(ran.out, '\033'));
	ran_release(&ran);
	ran = must_silently("task logs --follow " FAILED_ID, 0); /* it has ended, so there is nothing to follow */
	ran_release(&ran);
}

static unsigned lines_of(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void assert_lines(const char *arguments, unsigned count)
{
	struct ran ran = must_silently(arguments, 0);

	if (lines_of(ran.out) != count)
		print_error("bunshin %s\n%s", arguments, ran.out);
	assert_int_equal(lines_of(ran.out), count);
	ran_release(&ran);
}

static void test_the_log_can_be_narrowed(void **state)
{
	(void)state;
	assert_lines("audit log", 24);
	assert_lines("audit log --json", 24);
	assert_lines("audit log --task " DONE_ID, 7);
	assert_lines("audit log --peer beta/1", 4);
	assert_lines("audit log --type TaskRequest", 3);
	assert_lines("audit log --type TaskRequest --limit 2", 2);
	assert_lines("audit log --since 2026-02-03T10:11:14.000Z", 17);
	assert_lines("audit log --until 2026-02-03T10:11:13Z", 4);
	assert_lines("audit log --since 2030-01-01", 0);
}

static void test_the_last_records_come_oldest_first(void **state)
{
	struct ran ran = must_silently("audit log --limit 2", 0);

	(void)state;
	assert_int_equal(strncmp(ran.out, "23\t", 3), 0);
	assert_non_null(strstr(ran.out, "\n24\t"));
	ran_release(&ran);
}

static void test_filters_that_cannot_be_are_refused(void **state)
{
	struct ran ran = must_silently("audit log --type Nonsense", 2);

	(void)state;
	assert_non_null(strstr(ran.err, "TaskRequest is one"));
	ran_release(&ran);
	ran = must_silently("audit log --since soon", 2);
	assert_non_null(strstr(ran.err, "2h (ago)"));
	ran_release(&ran);
}

static void test_a_record_is_shown_with_its_message(void **state)
{
	json_t *json = must_json("audit show 1", 0);
	json_t *message = json_object_get(json, "message");
	struct ran ran;

	(void)state;
	assert_string_equal(member(json, "type"), "TaskRequest");
	assert_string_equal(member(json, "direction"), "in");
	assert_string_equal(member(json, "payload"), "stored");
	assert_int_equal(strlen(member(json, "chain")), 64);
	assert_string_equal(member(message, "type"), "TaskRequest");
	assert_string_equal(member(json_object_get(message, "facts"), "task_type"), "security-analysis");
	assert_string_equal(member(json_object_get(json_object_get(message, "payload"), "parameters"), "repo"), "/srv/größe");
	json_decref(json);
	ran = must_silently("audit show 999", 5);
	assert_non_null(strstr(ran.err, "there is no record 999"));
	ran_release(&ran);
}

static void test_the_story_of_a_task_is_told_in_order(void **state)
{
	struct ran ran = must_silently("audit show " FAILED_ID, 0);
	json_t *json;
	char *request = strstr(ran.out, "TaskRequest"), *retry = strstr(ran.out, "RetryScheduled"),
	     *end = strstr(ran.out, "failed: task_failed");

	(void)state;
	assert_true(request && retry > request && end > retry);
	assert_non_null(strstr(ran.out, "after task_failed: destination 0, in 1.0 s"));
	ran_release(&ran);
	json = must_json("audit show --json " FAILED_ID, 0);
	assert_string_equal(member(json_object_get(json, "task"), "state"), "failed");
	assert_int_equal(json_array_size(json_object_get(json, "records")), 12);
	json_decref(json);
}

static void test_a_sound_trail_is_verified(void **state)
{
	struct ran ran = must_silently("audit verify", 0);
	json_t *json;

	(void)state;
	assert_non_null(strstr(ran.out, "24 records"));
	ran_release(&ran);
	json = must_json("audit verify --json", 0);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_int_equal(strlen(member(json, "head")), 64);
	json_decref(json);
}

static void test_a_damaged_trail_is_found_and_the_first_bad_record_named(void **state)
{
	struct ran ran;
	json_t *json;

	(void)state;
	made_damage(world_path("state/trail.db"));
	ran = must_silently("audit verify", 1);
	assert_string_equal(ran.out, "");
	assert_non_null(strstr(ran.err, "record 6 is the first that is wrong"));
	ran_release(&ran);
	json = must_json("audit verify --json", 1);
	assert_false(json_is_true(json_object_get(json, "ok")));
	assert_int_equal(json_integer_value(json_object_get(json, "bad_seq")), 6);
	json_decref(json);
}

static void test_looking_changes_nothing(void **state)
{
	json_t *before = must_json("audit verify --json", 0), *after;
	static const char *const looks[] = {"task list",    "task show " DONE_ID, "task logs " DONE_ID,  "audit log",
					    "audit show 3", "recover list",       "audit show " DONE_ID, "task wait " DONE_ID};

	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct ran ran = must_silently(looks[i], 0);
		ran_release(&ran);
	}
	after = must_json("audit verify --json", 0);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tasks_are_listed_newest_first_in_plain_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tasks_are_a_table_for_people, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tasks_have_one_shape_in_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tasks_can_be_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_task_is_found_by_either_end_of_its_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_task_is_shown_with_its_result, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_for_what_has_ended_needs_no_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_report_is_written_to_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logs_are_what_the_attempts_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_log_can_be_narrowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_last_records_come_oldest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters_that_cannot_be_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_record_is_shown_with_its_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_story_of_a_task_is_told_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_sound_trail_is_verified, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_trail_is_found_and_the_first_bad_record_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_looking_changes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
