/* SPDX-License-Identifier: MIT
 *
 * `bunshin selftest`, as a person runs it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/cli/run.h"

static int setup(void **state)
{
	(void)state;
	world_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove();
	return 0;
}

static unsigned count_entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2;
}

static json_t *must_json(const char *arguments)
{
	struct ran ran = run(arguments);
	json_t *json;

	if (ran.exit)
		print_error("bunshin %s\nexit %d\n%s\n%s\n", arguments, ran.exit, ran.out, ran.err);
	assert_int_equal(ran.exit, 0);
	assert_string_equal(ran.err, "");
	json = json_loads(ran.out, 0, NULL);
	assert_non_null(json);
	ran_release(&ran);
	return json;
}

static long long number(const json_t *json, const char *name)
{
	assert_true(json_is_integer(json_object_get(json, name)));
	return (long long)json_integer_value(json_object_get(json, name));
}

static void test_losses_of_power_are_played_on_the_disk_and_nothing_of_them_stays(void **state)
{
	(void)state;
	json_t *json = must_json("selftest --crash --images 40 --seed 3 --json");
	const json_t *disk = json_object_get(json, "disk"), *scripts = json_object_get(json, "scripts");

	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_true(number(json, "images") >= 15);
	assert_int_equal(number(json, "lost") + number(json, "corrupt"), 0);
	assert_int_equal(number(json, "seed"), 3);
	assert_true(json_is_null(json_object_get(json, "kept")));
	assert_true(json_array_size(scripts) >= 20);
	assert_true(number(disk, "free_bytes") > 0);
	assert_string_equal(json_string_value(json_object_get(disk, "folder")), world_path("state"));
	assert_int_equal(count_entries(world_path("state")), 0);
	json_decref(json);
}

static void test_without_crash_they_are_played_in_memory(void **state)
{
	(void)state;
	json_t *json = must_json("selftest --images 60 --json");

	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_true(json_is_null(json_object_get(json, "disk")));
	assert_int_equal(count_entries(world_path("state")), 0);
	json_decref(json);
}

static void test_a_line_for_each_script_is_printed(void **state)
{
	(void)state;
	struct ran ran = run("selftest --images 30");
	unsigned lines = 0;

	assert_int_equal(ran.exit, 0);
	assert_int_equal(strncmp(ran.out, "one record at a time\t", 21), 0);
	for (const char *at = ran.out; *at; at++)
		lines += *at == '\n';
	assert_true(lines >= 20);
	assert_non_null(strstr(ran.err, "nothing that was acknowledged is lost"));
	ran_release(&ran);
}

static void test_a_folder_that_is_not_there_is_named(void **state)
{
	(void)state;
	struct ran ran = run("selftest --crash --folder /nowhere/at/all");

	assert_int_equal(ran.exit, 5);
	assert_non_null(strstr(ran.err, "/nowhere/at/all is no folder"));
	assert_non_null(strstr(ran.err, "--folder"));
	ran_release(&ran);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(losses_of_power_are_played_on_the_disk_and_nothing_of_them_stays),
		TEST(without_crash_they_are_played_in_memory),
		TEST(a_line_for_each_script_is_printed),
		TEST(a_folder_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
