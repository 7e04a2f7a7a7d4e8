/* SPDX-License-Identifier: MIT */
#include "tests/cli/run.h"

#include <ftw.h>
#include <setjmp.h>
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

static void child(char **argv)
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
	if (chdir(world_path("work")) || !freopen(world_path("out"), "w", stdout) || !freopen(world_path("err"), "w", stderr) ||
	    !freopen("/dev/null", "r", stdin))
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

struct ran run(const char *arguments)
{
	char *words = strdup(arguments);
	char *argv[64] = {NULL};
	size_t count = 0;
	struct ran ran;
	int status;
	pid_t pid;

	argv[count++] = strdup("bunshin");
	for (char *rest = words, *word; (word = strsep(&rest, " ")) && count < 63;) {
		if (*word)
			argv[count++] = word;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(argv);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ran.out = contents("out");
	ran.err = contents("err");
	free(argv[0]);
	free(words);
	return ran;
}

void ran_release(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
}
