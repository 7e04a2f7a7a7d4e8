/* SPDX-License-Identifier: MIT
 *
 * The inventory of repositories made for the purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/language.h"
#include "tools/tool.h"

#define GIT "git -c user.name=T -c user.email=t@example.org -c init.defaultBranch=main -c commit.gpgsign=false "

static char home[4096];

/* In a fresh folder, which is removed afterwards. */
static int folder_make(void **state)
{
	char *folder = strdup("/tmp/inventory-XXXXXX");
	if (!folder || !getcwd(home, sizeof(home)) || !mkdtemp(folder) || chdir(folder) != 0)
		return -1;
	*state = folder;
	return 0;
}

static int folder_remove(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	int rc = chdir(home);
	free(*state);
	return rc == 0 ? system(command) : rc;
}

static void shell(const char *script)
{
	char *command = NULL;
	assert_true(asprintf(&command, "set -e; export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1; %s", script) > 0);
	assert_int_equal(system(command), 0);
	free(command);
}

/* Runs the tool as a process would be: its stdout in a file. */
static int tool_run(const char *first, const char *second, json_t **out_json)
{
	char name[] = "inventory";
	char one[64] = "";
	char two[64] = "";
	char *argv[] = {name, first ? one : NULL, second ? two : NULL, NULL};
	snprintf(one, sizeof(one), "%s", first ? first : "");
	snprintf(two, sizeof(two), "%s", second ? second : "");
	FILE *out = tmpfile();
	assert_non_null(out);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		dup2(fileno(out), 1);
		dup2(fileno(out), 2);
		int status = tool_inventory(first ? (second ? 3 : 2) : 1, argv);
		fflush(NULL);
		_exit(status);
	}
	int status = 0;
	waitpid(child, &status, 0);
	rewind(out);
	*out_json = json_loadf(out, 0, NULL);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static json_t *inventory(void)
{
	json_t *json = NULL;
	assert_int_equal(tool_run(NULL, NULL, &json), 0);
	assert_true(json_is_object(json));
	return json;
}

static const json_t *file_of(const json_t *json, const char *path)
{
	size_t index;
	json_t *file;
	json_array_foreach (json_object_get(json, "files"), index, file)
		if (strcmp(json_string_value(json_object_get(file, "path")), path) == 0)
			return file;
	fail_msg("%s is not listed", path);
	return NULL;
}

static void assert_language(const json_t *json, const char *path, const char *language, int lines)
{
	const json_t *file = file_of(json, path);
	assert_string_equal(json_string_value(json_object_get(file, "language")), language);
	assert_int_equal(json_integer_value(json_object_get(file, "lines")), lines);
}

static bool is(const json_t *file, const char *what)
{
	return json_is_true(json_object_get(file, what));
}

static void test_files_have_language_lines_and_kind(void **state)
{
	(void)state;
	shell(GIT "init -q .; mkdir -p src tests vendor; printf 'int a;\\nint b;\\n' > src/a.c; printf '#!/usr/bin/env -S "
		  "python3 -u\\nx=1' > run; "
		  "chmod +x run; printf 'def test_a(): pass\\n' > tests/test_a.py; printf 'int v;\\n' > vendor/v.c; printf "
		  "'a\\0b' > data.bin; "
		  "printf '/* DO NOT EDIT */\\nint g;\\n' > src/made.c; ln -s a.c src/link.c; printf 'all:\\n' > Makefile; " GIT
		  "add .; " GIT "commit -qm one");
	json_t *json = inventory();
	assert_language(json, "src/a.c", "C", 2);
	assert_language(json, "run", "Python", 2);
	assert_language(json, "Makefile", "Makefile", 1);
	assert_true(is(file_of(json, "run"), "executable"));
	assert_true(is(file_of(json, "data.bin"), "binary"));
	assert_true(is(file_of(json, "src/made.c"), "generated"));
	assert_true(is(file_of(json, "vendor/v.c"), "vendored"));
	assert_true(is(file_of(json, "tests/test_a.py"), "test"));
	assert_true(is(file_of(json, "src/link.c"), "symlink"));
	assert_false(is(file_of(json, "src/a.c"), "test"));
	/* Neither vendored nor generated lines count. */
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "languages"), "C")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "files_total")), 8);
	assert_string_equal(json_string_value(json_object_get(json, "branch")), "main");
	assert_string_equal(json_string_value(json_object_get(json_object_get(json, "manifests"), "Makefile")), "all:\n");
	assert_int_equal(json_array_size(json_object_get(json, "left_out")), 0);
	json_decref(json);
}

static void test_changes_in_the_folder_make_it_dirty(void **state)
{
	(void)state;
	shell(GIT "init -q .; echo one > file; " GIT "add .; " GIT "commit -qm one");
	json_t *json = inventory();
	assert_true(json_is_false(json_object_get(json, "dirty")));
	json_decref(json);
	shell("echo two > file");
	json = inventory();
	assert_true(json_is_true(json_object_get(json, "dirty")));
	/* The files are still those of the commit. */
	assert_int_equal(json_integer_value(json_object_get(file_of(json, "file"), "bytes")), 4);
	json_decref(json);
}

static void test_another_commit_can_be_named(void **state)
{
	(void)state;
	json_t *json = NULL;
	shell(GIT "init -q .; echo a > first; " GIT "add .; " GIT "commit -qm one; echo b > second; " GIT "add .; " GIT
		  "commit -qm two");
	assert_int_equal(tool_run("--commit", "HEAD~1", &json), 0);
	assert_int_equal(json_array_size(json_object_get(json, "files")), 1);
	assert_string_not_equal(json_string_value(json_object_get(json, "commit")),
				json_string_value(json_object_get(json, "head")));
	json_decref(json);
	json = NULL;
	assert_int_equal(tool_run("--commit", "nonsense", &json), 1);
	assert_null(json);
	assert_int_equal(tool_run("--nonsense", NULL, &json), 2);
}

static void test_a_folder_that_is_no_repository_is_refused(void **state)
{
	(void)state;
	json_t *json = NULL;
	shell("echo x > file");
	assert_int_equal(tool_run(NULL, NULL, &json), 1);
	assert_null(json);
	shell(GIT "init -q .");
	assert_int_equal(tool_run(NULL, NULL, &json), 1); /* no commit yet */
	assert_null(json);
}

static void test_a_repository_above_the_folder_is_not_taken(void **state)
{
	json_t *json = NULL;
	shell(GIT "init -q .; mkdir inner; echo x > inner/file; " GIT "add .; " GIT "commit -qm one");
	assert_int_equal(chdir("inner"), 0);
	assert_int_equal(tool_run(NULL, NULL, &json), 1);
	assert_int_equal(chdir(*state), 0);
}

static void test_a_large_repository_is_listed_in_bounds(void **state)
{
	(void)state;
	FILE *script = fopen("import", "w");
	fputs("blob\nmark :1\ndata 5\nline\n\ncommit refs/heads/main\ncommitter T <t@example.org> 0 +0000\ndata 1\nm\n", script);
	for (int i = 0; i < 50010; i++)
		fprintf(script, "M 644 :1 d%d/f%d.c\n", i % 97, i);
	fputs("\n", script);
	fclose(script);
	shell(GIT "init -q .; git fast-import --quiet < import; git symbolic-ref HEAD refs/heads/main");
	json_t *json = inventory();
	assert_int_equal(json_array_size(json_object_get(json, "files")), 50000);
	assert_int_equal(json_integer_value(json_object_get(json, "files_total")), 50010);
	const char *said = json_string_value(json_array_get(json_object_get(json, "left_out"), 0));
	assert_non_null(said);
	assert_non_null(strstr(said, "10 files are not listed"));
	json_decref(json);
}

static void test_interpreters_are_known_by_their_whole_name(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		const char *language;
	} lines[] = {
		{"#!/bin/sh\n", "Shell"},
		{"#! /usr/bin/env bash\n", "Shell"},
		{"#!/usr/bin/python3.11\n", "Python"},
		{"#!/usr/bin/env -S node --x\n", "JavaScript"},
		{"#!/usr/bin/env A=1 perl\n", "Perl"},
		{"#!/opt/shiny\n", NULL},
		{"#!", NULL},
		{"#!\n", NULL},
		{"no\n", NULL},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *found = language_of_shebang(lines[i].line, strlen(lines[i].line));
		if (!lines[i].language)
			assert_null(found);
		else
			assert_string_equal(found, lines[i].language);
	}
}

static void test_lines_are_counted_with_and_without_a_last_newline(void **state)
{
	(void)state;
	assert_int_equal(content_lines("", 0), 0);
	assert_int_equal(content_lines("a", 1), 1);
	assert_int_equal(content_lines("a\n", 2), 1);
	assert_int_equal(content_lines("a\nb", 3), 2);
	assert_int_equal(content_lines("\n\n", 2), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files_have_language_lines_and_kind),
		TEST(test_changes_in_the_folder_make_it_dirty),
		TEST(test_another_commit_can_be_named),
		TEST(test_a_folder_that_is_no_repository_is_refused),
		TEST(test_a_repository_above_the_folder_is_not_taken),
		TEST(test_a_large_repository_is_listed_in_bounds),
		cmocka_unit_test(test_interpreters_are_known_by_their_whole_name),
		cmocka_unit_test(test_lines_are_counted_with_and_without_a_last_newline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
