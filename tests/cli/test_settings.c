/* SPDX-License-Identifier: MIT
 *
 * Which setting stands over which, and what files may say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/settings.h"

static char folder[64];
static const char *timeout_variable;

static const char *variable(const char *name)
{
	return strcmp(name, "BUNSHIN_TIMEOUT") == 0 ? timeout_variable : NULL;
}

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static char *write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
	return path;
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bunshin-set-XXXXXX");
	timeout_variable = NULL;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {".bunshin.conf", "user.conf", "sub/.git", "sub/deep", "sub"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_of(names[i]);
		remove(path);
		free(path);
	}
	return rmdir(folder);
}

static void assert_timeout(const struct settings_sources *sources, const char *value, const char *origin)
{
	struct settings settings;
	char why[512] = "";

	assert_int_equal(settings_load(&settings, sources, why), 0);
	assert_string_equal(setting(&settings, SETTING_timeout), value);
	assert_non_null(strstr(settings.item[SETTING_timeout].origin, origin));
	settings_release(&settings);
}

static void test_option_over_environment_over_project_over_user_over_default(void **state)
{
	char *project = write_file(".bunshin.conf", "timeout = 3s\n");
	char *user = write_file("user.conf", "timeout = 4s\n");
	struct settings_sources sources = {.variable = variable, .project_file = project, .user_file = user};

	(void)state;
	timeout_variable = "2s";
	sources.option[SETTING_timeout] = "1s";
	assert_timeout(&sources, "1s", "--timeout");
	sources.option[SETTING_timeout] = NULL;
	assert_timeout(&sources, "2s", "BUNSHIN_TIMEOUT");
	timeout_variable = "";
	assert_timeout(&sources, "3s", ".bunshin.conf");
	sources.project_file = NULL;
	assert_timeout(&sources, "4s", "user.conf");
	sources.user_file = NULL;
	assert_timeout(&sources, "10s", "default");
	free(project);
	free(user);
}

static void assert_refused(const char *text, bool project, const char *first, const char *second)
{
	char *path = write_file(project ? ".bunshin.conf" : "user.conf", text);
	struct settings_sources sources = {
		.variable = variable, .project_file = project ? path : NULL, .user_file = project ? NULL : path};
	struct settings settings;
	char why[512] = "";

	assert_int_equal(settings_load(&settings, &sources, why), ERR_CONFIG);
	assert_non_null(strstr(why, first));
	assert_non_null(strstr(why, second));
	settings_release(&settings);
	free(path);
}

static void test_a_file_with_an_error_is_refused_with_its_line(void **state)
{
	(void)state;
	assert_refused("timeout = 3s\ncolour = never\n", false, "user.conf:2", "colour");
	assert_refused("timeout = 3s\n\n{", false, "user.conf:", "");
}

static void test_a_project_names_no_keys_programs_or_places(void **state)
{
	(void)state;
	assert_refused("routes = evil.conf\n", true, ".bunshin.conf", "\"routes\" is not taken");
	assert_refused("state = /tmp/evil\n", true, ".bunshin.conf", "BUNSHIN_STATE");
	assert_refused("identity = omega\n", true, ".bunshin.conf", "--identity");
}

static void test_a_path_in_a_file_is_relative_to_the_file(void **state)
{
	char *user = write_file("user.conf", "state = network\n");
	char *expected = path_of("network");
	struct settings_sources sources = {.variable = variable, .user_file = user};
	struct settings settings;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&settings, &sources, why), 0);
	assert_string_equal(setting(&settings, SETTING_state), expected);
	settings_release(&settings);
	free(expected);
	free(user);
}

static void test_a_value_that_cannot_be_is_refused_with_where_it_came_from(void **state)
{
	struct settings_sources sources = {.variable = variable};
	struct settings settings;
	char why[512];

	(void)state;
	timeout_variable = "soon";
	assert_int_equal(settings_load(&settings, &sources, why), 0);
	assert_int_equal(settings_check(&settings, why), ERR_CONFIG);
	assert_non_null(strstr(why, "BUNSHIN_TIMEOUT: \"soon\" is not accepted"));
	settings_release(&settings);
	timeout_variable = NULL;
	sources.option[SETTING_priority] = "blue";
	assert_int_equal(settings_load(&settings, &sources, why), 0);
	assert_int_equal(settings_check(&settings, why), ERR_CONFIG);
	assert_non_null(strstr(why, "--priority"));
	settings_release(&settings);
}

static void assert_project_file(const char *from, bool found)
{
	char *start = path_of(from);
	char why[512];
	char *path = settings_project_file(start, why);

	assert_int_equal(path != NULL, found);
	free(path);
	free(start);
}

static void test_the_project_file_is_looked_for_up_to_the_repository(void **state)
{
	char *project = write_file(".bunshin.conf", "timeout = 3s\n");
	char *sub = path_of("sub"), *deep = path_of("sub/deep"), *git = path_of("sub/.git");

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_project_file("sub/deep", true);
	assert_int_equal(mkdir(git, 0700), 0); /* now sub is a repository of its own */
	assert_project_file("sub/deep", false);
	free(project);
	free(sub);
	free(deep);
	free(git);
}

static void test_a_project_file_that_others_can_write_is_passed_over(void **state)
{
	char *project = write_file(".bunshin.conf", "timeout = 3s\n");
	char why[512];
	char *path;

	(void)state;
	assert_int_equal(chmod(project, 0666), 0);
	path = settings_project_file(folder, why);
	assert_null(path);
	assert_non_null(strstr(why, "passed over"));
	free(project);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_option_over_environment_over_project_over_user_over_default, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_file_with_an_error_is_refused_with_its_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_project_names_no_keys_programs_or_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_path_in_a_file_is_relative_to_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_value_that_cannot_be_is_refused_with_where_it_came_from, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_project_file_is_looked_for_up_to_the_repository, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_project_file_that_others_can_write_is_passed_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
