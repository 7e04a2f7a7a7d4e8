/* SPDX-License-Identifier: MIT */
#include "tests/cli/run.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define VARIABLES_MAX 16

static char root[256];
static char *variables[VARIABLES_MAX][2];

const char *world(void)
{
	return root;
}

const char *world_path(const char *relative)
{
	static char paths[8][512];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", root, relative);
	return path;
}

void world_make(void)
{
	snprintf(root, sizeof(root), "/tmp/bunshin-cli-XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(mkdir(world_path("home"), 0700), 0);
	assert_int_equal(mkdir(world_path("work"), 0700), 0);
	assert_int_equal(mkdir(world_path("state"), 0700), 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void world_remove(void)
{
	for (int i = 0; i < VARIABLES_MAX; i++) {
		free(variables[i][0]);
		free(variables[i][1]);
		variables[i][0] = variables[i][1] = NULL;
	}
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void world_write(const char *relative, const char *text)
{
	FILE *file = fopen(world_path(relative), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

void world_setenv(const char *name, const char *value)
{
	for (int i = 0; i < VARIABLES_MAX; i++) {
		if (variables[i][0] && strcmp(variables[i][0], name) != 0)
			continue;
		free(variables[i][0]);
		free(variables[i][1]);
		variables[i][0] = value ? strdup(name) : NULL;
		variables[i][1] = value ? strdup(value) : NULL;
		return;
	}
	fail();
}

/* `out` is a descriptor for stdout, or -1 for a file. */
static void child(char **argv, int out)
{
	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("TZ", "UTC", 1);
	setenv("ASAN_OPTIONS", "detect_leaks=1", 1);
	setenv("HOME", world_path("home"), 1);
	setenv("BUNSHIN_STATE", world_path("state"), 1);
	for (int i = 0; i < VARIABLES_MAX; i++) {
		if (variables[i][0])
			setenv(variables[i][0], variables[i][1], 1);
	}
	if (chdir(world_path("work")) || (out >= 0 ? dup2(out, STDOUT_FILENO) < 0 : !freopen(world_path("out"), "w", stdout)) ||
	    !freopen(world_path("err"), "w", stderr) || !freopen("/dev/null", "r", stdin))
		_exit(126);
	execv(PROGRAM, argv);
	_exit(127);
}

static char *contents(const char *relative)
{
	FILE *file = fopen(world_path(relative), "r");
	char *text = NULL;
	size_t capacity = 0;
	ssize_t bytes;

	assert_non_null(file);
	bytes = getdelim(&text, &capacity, 0, file);
	fclose(file);
	if (bytes >= 0)
		return text;
	free(text);
	return strdup("");
}

static pid_t start(const char *arguments, int out)
{
	char *words = strdup(arguments);
	char *argv[64] = {NULL};
	size_t count = 0;
	pid_t pid;

	argv[count++] = strdup("bunshin");
	for (char *rest = words, *word; (word = strsep(&rest, " ")) && count < 63;) {
		if (*word)
			argv[count++] = word;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(argv, out);
	free(argv[0]);
	free(words);
	return pid;
}

static int end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct ran run(const char *arguments)
{
	struct ran ran = {.exit = end(start(arguments, -1))};

	ran.out = contents("out");
	ran.err = contents("err");
	return ran;
}

struct ran run_until_line(const char *arguments, int signal)
{
	struct ran ran = {0};
	size_t capacity = 0;
	int ends[2];
	FILE *out;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = start(arguments, ends[1]);
	close(ends[1]);
	out = fdopen(ends[0], "r");
	assert_non_null(out);
	assert_true(getline(&ran.out, &capacity, out) > 0);
	assert_int_equal(kill(pid, signal), 0);
	ran.exit = end(pid);
	ran.err = contents("err");
	fclose(out);
	return ran;
}

void ran_release(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
}

struct ran must(const char *arguments, int code)
{
	struct ran ran = run(arguments);

	if (ran.exit != code)
		print_error("bunshin %s\nexit %d\nstdout: %s\nstderr: %s\n", arguments, ran.exit, ran.out, ran.err);
	assert_int_equal(ran.exit, code);
	return ran;
}

void assert_run(const char *arguments, int code, const char *out, const char *err)
{
	struct ran ran = must(arguments, code);

	if (!strstr(ran.out, out) || !strstr(ran.err, err))
		print_error("bunshin %s\nstdout: %s\nstderr: %s\n", arguments, ran.out, ran.err);
	assert_non_null(strstr(ran.out, out));
	assert_non_null(strstr(ran.err, err));
	ran_release(&ran);
}
