/* SPDX-License-Identifier: MIT
 *
 * Runs the program as a person would, in an environment of the test's own.
 */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <stdbool.h>

struct ran {
	int exit; /* or -1 after a signal */
	char *out;
	char *err;
};

/* A new empty folder with home/, work/ and state/ in it; the program's HOME, current and state folder. */
void world_make(void);
void world_remove(void);
const char *world(void);
/* A path in it; static memory, good for a few calls. */
const char *world_path(const char *relative);
void world_write(const char *relative, const char *text);

/* One more environment variable for the runs that follow; NULL removes it. */
void world_setenv(const char *name, const char *value);

/* Runs `bunshin ARGUMENTS`: words separated by single spaces. Fails the test if it cannot be run. */
struct ran run(const char *arguments);
/* The same; as soon as the program has printed its first line on stdout it gets a signal. */
struct ran run_until_line(const char *arguments, int signal);
void ran_release(struct ran *ran);

/* The same, and the test fails, after showing what was printed, unless the exit code is `code`. */
struct ran must(const char *arguments, int code);
/* The same, and `out` and `err` stand somewhere in what was printed. */
void assert_run(const char *arguments, int code, const char *out, const char *err);

#endif
