/* SPDX-License-Identifier: MIT
 *
 * Attempts as processes, through the real sandbox, on repositories made for the purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/sandbox.h"

#define PROGRAM BUILD_DIR "/tests/actors/attempt_program"
#define GIT     "git -c user.name=T -c user.email=t@example.org -c init.defaultBranch=main -c commit.gpgsign=false "

struct scene {
	char folder[64];
	char repository[96];
	char work[96];
	pid_t attempt;
	FILE *lines; /* its stdout */
	json_t *last;
	size_t progress;
	int exit_status;
};

static void shell(const struct scene *scene, const char *script)
{
	char *command = NULL;
	assert_true(asprintf(&command, "set -e; export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1; cd '%s'; %s", scene->repository,
			     script) > 0);
	assert_int_equal(system(command), 0);
	free(command);
}

static int scene_make(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	snprintf(scene->folder, sizeof(scene->folder), "/tmp/attempt-XXXXXX");
	if (!mkdtemp(scene->folder))
		return -1;
	snprintf(scene->repository, sizeof(scene->repository), "%s/repo", scene->folder);
	snprintf(scene->work, sizeof(scene->work), "%s/work", scene->folder);
	*state = scene;
	return mkdir(scene->repository, 0700) || mkdir(scene->work, 0700);
}

static int scene_remove(void **state)
{
	struct scene *scene = *state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", scene->folder);
	json_decref(scene->last);
	if (scene->lines)
		fclose(scene->lines);
	free(scene);
	return system(command);
}

static json_t *assignment(const struct scene *scene, const char *type, const char *repository, int timeout_ms,
			  const char *parameters)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:{s:s}}", "task_id", "0199aa00-0000-7000-8000-000000000001",
				 "task_type", type, "attempt", 1, "timeout_ms", timeout_ms, "remaining_ms", timeout_ms, "work",
				 scene->work, "parameters", "repo", repository);
	json_t *more = json_loads(parameters, 0, NULL);
	json_object_update(json_object_get(json, "parameters"), more);
	json_decref(more);
	return json;
}

/* Starts an attempt with a word in its environment, by which everything that comes of it can be found. */
static void attempt_start(struct scene *scene, json_t *what)
{
	int in[2];
	int out[2];
	char *text = json_dumps(what, 0);
	json_decref(what);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	scene->attempt = fork();
	if (scene->attempt == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		setenv("ATTEMPT_TEST", scene->folder, 1);
		execl(PROGRAM, "attempt_program", "attempt", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], text, strlen(text)), strlen(text));
	close(in[1]);
	free(text);
	if (scene->lines)
		fclose(scene->lines);
	scene->lines = fdopen(out[0], "r");
}

/* The next line; the last one before the end stays in `last`. False at the end. */
static bool attempt_line(struct scene *scene)
{
	json_error_t error;
	json_t *line = json_loadf(scene->lines, JSON_DISABLE_EOF_CHECK, &error);
	if (!line)
		return false;
	assert_true(fgetc(scene->lines) == '\n');
	scene->progress += json_object_get(line, "progress") != NULL;
	json_decref(scene->last);
	scene->last = line;
	return true;
}

static void attempt_finish(struct scene *scene)
{
	int status = 0;
	while (attempt_line(scene))
		;
	assert_int_equal(waitpid(scene->attempt, &status, 0), scene->attempt);
	scene->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const json_t *completion(const struct scene *scene)
{
	const json_t *object = json_object_get(scene->last, "completion");
	if (!object) {
		char *text = scene->last ? json_dumps(scene->last, 0) : NULL;
		fail_msg("no completion but %s", text ? text : "nothing");
	}
	return object;
}

static const json_t *attempt(struct scene *scene, const char *type, int timeout_ms, const char *parameters)
{
	attempt_start(scene, assignment(scene, type, scene->repository, timeout_ms, parameters));
	attempt_finish(scene);
	assert_int_equal(scene->exit_status, 0);
	return json_object_get(completion(scene), "result");
}

static void assert_failure(struct scene *scene, json_t *what, const char *code, const char *word)
{
	attempt_start(scene, what);
	attempt_finish(scene);
	const json_t *failure = json_object_get(scene->last, "failure");
	assert_non_null(failure);
	assert_string_equal(json_string_value(json_object_get(failure, "code")), code);
	const char *sentence = json_string_value(json_object_get(failure, "sentence"));
	if (!strstr(sentence, word))
		fail_msg("'%s' does not say '%s'", sentence, word);
	assert_int_equal(scene->exit_status, 1);
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static double metric(const json_t *result, const char *name)
{
	size_t index;
	json_t *one;
	json_array_foreach (json_object_get(result, "metrics"), index, one)
		if (strcmp(text_of(one, "name"), name) == 0)
			return json_number_value(json_object_get(one, "value"));
	return -1;
}

/* Of the running machine: processes that came of this attempt. */
static unsigned processes_of(const struct scene *scene)
{
	unsigned count = 0;
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
		static char text[65536];
		char path[64];
		snprintf(path, sizeof(path), "/proc/%.20s/environ", entry->d_name);
		int fd = isdigit((unsigned char)entry->d_name[0]) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
		if (fd >= 0)
			close(fd);
		count += bytes > 0 && memmem(text, (size_t)bytes, scene->folder, strlen(scene->folder)) != NULL;
	}
	if (proc)
		closedir(proc);
	return count;
}

static bool in_work(const struct scene *scene, const char *name)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", scene->work, name);
	return access(path, F_OK) == 0;
}

/* ---- real projects ---- */

static void test_a_cmake_project_with_one_failing_test(void **state)
{
	struct scene *scene = *state;
	shell(scene, "printf 'cmake_minimum_required(VERSION 3.10)\\nproject(x C)\\nenable_testing()\\nadd_executable(t t.c)\\n"
		     "add_test(NAME good COMMAND t)\\nadd_test(NAME bad COMMAND t x)\\n' > CMakeLists.txt; "
		     "printf '#include <stdio.h>\\nint main(int n, char **v) { (void)v; if (n > 1) printf(\"t.c:2: expected "
		     "one\\\\n\"); return n - 1; }\\n' > t.c; " GIT "init -q .; " GIT "add .; " GIT "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 120000, "{}");
	assert_string_equal(text_of(result, "status"), "complete");
	assert_true(metric(result, "passed") == 1 && metric(result, "failed") == 1);
	const json_t *finding = json_array_get(json_object_get(result, "findings"), 0);
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "t.c");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "loc"), "line")), 2);
	assert_true(scene->progress >= 5);
	assert_true(in_work(scene, "report.md"));
	assert_false(in_work(scene, "copy"));
	shell(scene, "test -z \"$(git status --porcelain --ignored)\"");
}

static void test_a_project_in_python(void **state)
{
	struct scene *scene = *state;
	shell(scene,
	      "mkdir tests; printf 'import unittest\\nclass T(unittest.TestCase):\\n  def test_good(self): print(\"{}\")\\n"
	      "  def test_bad(self):\\n    self.assertEqual(1, 2)\\n  @unittest.skip(\"later\")\\n  def test_later(self): "
	      "pass\\n' > tests/test_t.py; " GIT "init -q .; " GIT "add .; " GIT "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 60000, "{}");
	assert_string_equal(text_of(result, "status"), "complete");
	assert_true(metric(result, "passed") == 1 && metric(result, "failed") == 1 && metric(result, "skipped") == 1);
	const json_t *finding = json_array_get(json_object_get(result, "findings"), 0);
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "tests/test_t.py");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "loc"), "line")), 5);
}

static void test_a_project_with_make_check(void **state)
{
	struct scene *scene = *state;
	shell(scene, "printf 'check:\\n\\t@echo ok 1 - starts\\n\\t@echo not ok 2 - stops\\n\\t@false\\n' > Makefile; " GIT
		     "init -q .; " GIT "add .; " GIT "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 60000, "{}");
	assert_string_equal(text_of(result, "status"), "complete");
	assert_true(metric(result, "passed") == 1 && metric(result, "failed") == 1);
}

static void test_a_project_in_node(void **state)
{
	struct scene *scene = *state;
	if (!sandbox_has("npm"))
		skip();
	shell(scene, "mkdir test; echo '{\"name\": \"x\", \"version\": \"1.0.0\", \"scripts\": {\"test\": \"node --test\"}}' > "
		     "package.json; "
		     "printf \"const t = require('node:test'); const assert = require('node:assert');\\nt('good', () => {});\\n"
		     "t('bad', () => { assert.strictEqual(1, 2); });\\n\" > test/a.test.js; " GIT "init -q .; " GIT "add .; " GIT
		     "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 60000, "{}");
	assert_string_equal(text_of(result, "status"), "complete");
	assert_true(metric(result, "passed") == 1 && metric(result, "failed") == 1);
	const json_t *finding = json_array_get(json_object_get(result, "findings"), 0);
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "test/a.test.js");
}

static void test_a_project_without_any_test_is_blocked(void **state)
{
	struct scene *scene = *state;
	shell(scene, "echo hello > README; " GIT "init -q .; " GIT "add .; " GIT "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 60000, "{}");
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_int_equal(json_integer_value(json_object_get(completion(scene), "completeness")), 2);
}

static void test_a_project_that_does_not_compile_is_blocked(void **state)
{
	struct scene *scene = *state;
	shell(scene, "printf 'cmake_minimum_required(VERSION 3.10)\\nproject(x C)\\nenable_testing()\\nadd_executable(t "
		     "t.c)\\nadd_test(NAME a COMMAND t)\\n' "
		     "> CMakeLists.txt; printf '#include <no/such/header.h>\\nint main(void) { return 0; }\\n' > t.c; " GIT
		     "init -q .; " GIT "add .; " GIT "commit -qm one");
	const json_t *result = attempt(scene, "test-strategy", 120000, "{}");
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "no/such/header.h"));
}

/* ---- what the steps see ---- */

static void small_repository(struct scene *scene)
{
	shell(scene, GIT "init -q .; echo old > file; echo ignored > .gitignore; " GIT "add .; " GIT
			 "commit -qm first; echo new > file; " GIT "commit -qam "
			 "second; echo kept > ignored; mkfifo pipe; ln -s /etc/shadow link");
}

static void test_the_folder_is_looked_at_as_it_stands(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	shell(scene, "echo changed > file");
	const json_t *result = attempt(scene, "look", 30000, "{}");
	assert_string_equal(text_of(result, "read-only"), "/repo\nchanged\nsecond\nrefused\n");
	assert_string_equal(text_of(result, "writable"), "/work\nchanged\nkept\nwritten\n");
	assert_string_equal(text_of(result, "again"), "x\n");
	assert_string_equal(text_of(result, "dependent"), "the step before it did not succeed");
	assert_true(json_is_true(json_object_get(json_object_get(result, "target"), "dirty")));
	shell(scene, "test ! -e made");
}

static void test_a_commit_is_looked_at_without_the_folder(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	const json_t *result = attempt(scene, "look", 30000, "{\"commit\": \"HEAD~1\"}");
	assert_string_equal(text_of(result, "read-only"), "/repo\nold\nfirst\nrefused\n");
	assert_string_equal(text_of(result, "writable"), "/work\nold\nwritten\n");
	assert_true(json_is_false(json_object_get(json_object_get(result, "target"), "dirty")));
	assert_false(in_work(scene, "snapshot"));
}

static void test_a_bare_repository_is_looked_at(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	shell(scene, "git clone -q --bare . ../bare");
	char bare[96];
	snprintf(bare, sizeof(bare), "%s/bare", scene->folder);
	attempt_start(scene, assignment(scene, "look", bare, 30000, "{}"));
	attempt_finish(scene);
	assert_string_equal(text_of(json_object_get(completion(scene), "result"), "read-only"), "/repo\nnew\nsecond\nrefused\n");
}

/* ---- refusals ---- */

static void test_what_is_wrong_with_the_parameters_is_said(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	assert_failure(scene, assignment(scene, "look", "relative/path", 30000, "{}"), "invalid_parameters", "absolute");
	assert_failure(scene, assignment(scene, "look", "/no/such/folder", 30000, "{}"), "invalid_parameters",
		       "there is no folder");
	assert_failure(scene, assignment(scene, "look", scene->work, 30000, "{}"), "invalid_parameters", "no git repository");
	assert_failure(scene, assignment(scene, "look", scene->repository, 30000, "{\"commit\": \"--upload-pack=x\"}"),
		       "invalid_parameters", "revision");
	assert_failure(scene, assignment(scene, "look", scene->repository, 30000, "{\"commit\": \"no-such-branch\"}"),
		       "invalid_parameters", "no-such-branch");
	assert_failure(scene, assignment(scene, "look", scene->repository, 30000, "{\"repo\": 7}"), "invalid_parameters",
		       "parameters.repo is missing");
	assert_failure(scene, assignment(scene, "unknown", scene->repository, 30000, "{}"), "unknown_type", "unknown");
	assert_failure(scene, assignment(scene, "refused", scene->repository, 30000, "{}"), "invalid_parameters", "colour");
	assert_failure(scene, json_array(), "malformed", "no JSON object");
}

static void test_a_linked_worktree_is_refused_with_the_way_out(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	shell(scene, "git worktree add -q ../linked HEAD~1 2>/dev/null");
	char linked[96];
	snprintf(linked, sizeof(linked), "%s/linked", scene->folder);
	assert_failure(scene, assignment(scene, "look", linked, 30000, "{}"), "invalid_parameters", "main repository");
}

static void test_without_bubblewrap_the_attempt_fails(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	char *path = strdup(getenv("PATH"));
	setenv("PATH", "/nowhere", 1);
	json_t *what = assignment(scene, "look", scene->repository, 30000, "{}");
	attempt_start(scene, what);
	setenv("PATH", path, 1);
	free(path);
	attempt_finish(scene);
	const json_t *failure = json_object_get(scene->last, "failure");
	assert_string_equal(text_of(failure, "code"), "sandbox");
	assert_non_null(strstr(text_of(failure, "sentence"), "apt-get install bubblewrap"));
}

static void test_a_missing_program_is_in_the_result(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	const json_t *result = attempt(scene, "missing", 30000, "{}");
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "no-such-program-anywhere is not installed"));
	/* The other step ran all the same. */
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(result, "runs"), 1), "exit")), 0);
}

/* ---- limits and ends ---- */

static void test_four_fifths_of_the_time_give_a_partial_result(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	const json_t *result = attempt(scene, "endless", 3000, "{}");
	assert_string_equal(text_of(result, "status"), "partial");
	const json_t *runs = json_object_get(result, "runs");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(runs, 0), "exit")), 0);
	assert_true(json_is_true(json_object_get(json_array_get(runs, 1), "timed_out")));
	assert_string_equal(text_of(json_array_get(runs, 2), "skipped_reason"), "no time left");
	assert_int_equal(processes_of(scene), 0);
}

static void until_endless(struct scene *scene)
{
	while (attempt_line(scene) && strcmp(text_of(json_object_get(scene->last, "progress"), "stage"), "endless") != 0)
		;
	/* The attempt, its guardian, bwrap, its reaper, the inner step and at least one sleep. */
	for (int i = 0; i < 5000 && processes_of(scene) < 4; i++)
		poll(NULL, 0, 1);
}

static void test_sigterm_ends_everything_and_says_so(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	attempt_start(scene, assignment(scene, "endless", scene->repository, 60000, "{}"));
	until_endless(scene);
	kill(scene->attempt, SIGTERM);
	attempt_finish(scene);
	const json_t *failure = json_object_get(scene->last, "failure");
	assert_string_equal(text_of(failure, "code"), "cancelled");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(failure, "evidence"), "processes_left")), 0);
	assert_int_equal(processes_of(scene), 0);
}

static void test_when_nobody_listens_any_more_everything_ends(void **state)
{
	struct scene *scene = *state;
	int status = 0;
	small_repository(scene);
	attempt_start(scene, assignment(scene, "endless", scene->repository, 60000, "{}"));
	until_endless(scene);
	fclose(scene->lines);
	scene->lines = NULL;
	assert_int_equal(waitpid(scene->attempt, &status, 0), scene->attempt);
	/* It did not come to its end by itself. */
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_int_equal(processes_of(scene), 0);
}

static void test_after_its_own_sudden_death_nothing_stays(void **state)
{
	struct scene *scene = *state;
	small_repository(scene);
	attempt_start(scene, assignment(scene, "endless", scene->repository, 60000, "{}"));
	until_endless(scene);
	kill(scene->attempt, SIGKILL);
	attempt_finish(scene);
	for (int i = 0; i < 2000 && processes_of(scene) > 0; i++)
		poll(NULL, 0, 1);
	assert_int_equal(processes_of(scene), 0);
}

static void test_a_large_result_is_shortened_and_kept_whole_in_a_file(void **state)
{
	struct scene *scene = *state;
	char path[160];
	small_repository(scene);
	const json_t *result = attempt(scene, "large", 30000, "{}");
	assert_true(json_dumpb(result, NULL, 0, JSON_COMPACT) <= 49152);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json_object_get(result, "cut"), "sizes"), "findings")), 1500);
	assert_true(json_array_size(json_object_get(result, "findings")) > 20);
	snprintf(path, sizeof(path), "%s/result.json", scene->work);
	json_t *whole = json_load_file(path, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(whole, "findings")), 1500);
	json_decref(whole);
	assert_true(in_work(scene, "01-numbers.out"));
	assert_false(in_work(scene, "02-secret.out")); /* what may quote credentials is not kept */
	assert_int_equal(json_array_size(json_object_get(completion(scene), "artefacts")), 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_make, scene_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_cmake_project_with_one_failing_test),
		TEST(test_a_project_in_python),
		TEST(test_a_project_with_make_check),
		TEST(test_a_project_in_node),
		TEST(test_a_project_without_any_test_is_blocked),
		TEST(test_a_project_that_does_not_compile_is_blocked),
		TEST(test_the_folder_is_looked_at_as_it_stands),
		TEST(test_a_commit_is_looked_at_without_the_folder),
		TEST(test_a_bare_repository_is_looked_at),
		TEST(test_what_is_wrong_with_the_parameters_is_said),
		TEST(test_a_linked_worktree_is_refused_with_the_way_out),
		TEST(test_without_bubblewrap_the_attempt_fails),
		TEST(test_a_missing_program_is_in_the_result),
		TEST(test_four_fifths_of_the_time_give_a_partial_result),
		TEST(test_sigterm_ends_everything_and_says_so),
		TEST(test_when_nobody_listens_any_more_everything_ends),
		TEST(test_after_its_own_sudden_death_nothing_stays),
		TEST(test_a_large_result_is_shortened_and_kept_whole_in_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
