/* SPDX-License-Identifier: MIT
 *
 * A repository that a test makes, and a tool run in it.
 */
#ifndef TESTS_TOOLS_MADE_H
#define TESTS_TOOLS_MADE_H

#include <git2.h>
#include <jansson.h>
#include <stdint.h>

#define MADE_START 1700000000ll /* the time of the first commit, in seconds since 1970 */
#define MADE_DAY   86400ll

struct made {
	char folder[64];
	char home[4096];
	git_repository *repository;
	json_t *files; /* of the next commit: path → content */
	git_oid head;
	int commits;
};

/* Setup and teardown of cmocka: an empty bare repository in a folder of its own, which is the working directory. */
int made_setup(void **state);
int made_teardown(void **state);

/* Sets the content of a file for the next commit; NULL removes it. */
void made_file(struct made *made, const char *path, const char *content);

/* Commits what was set, `days` after MADE_START. The author's address is NAME@example.org. A second parent may be NULL. */
void made_commit(struct made *made, const char *author, int days, const char *message);
void made_merge(struct made *made, const git_oid *other, int days, const char *message);

/* A lightweight tag at the last commit. */
void made_tag(struct made *made, const char *name);

/* Runs a tool in the repository and returns the JSON that it printed; the test fails unless it ends with `status`. NULL-terminated
 * words follow. The caller's. */
json_t *made_run(int (*tool)(int, char **), int status, ...);

/* The first element of an array whose member `name` is `text`; NULL if there is none. */
json_t *made_find(const json_t *array, const char *name, const char *text);

#endif
