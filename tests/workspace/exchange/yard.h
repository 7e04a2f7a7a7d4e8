/* SPDX-License-Identifier: MIT
 *
 * A folder of its own with repositories in it, real git, and a workspace.
 */
#ifndef TESTS_WORKSPACE_EXCHANGE_YARD_H
#define TESTS_WORKSPACE_EXCHANGE_YARD_H

#include "workspace/workspace.h"

struct yard {
	char folder[64];
	struct workspace *workspace;
	struct workspace_agent *agent;
};

/* Anything that goes wrong in these fails the test. */
void yard_open(struct yard *yard); /* the workspace is in memory only */
void yard_close(struct yard *yard);
void yard_renew(struct yard *yard); /* an empty workspace instead */

/* NAME in the folder; valid until the eighth call from now. */
const char *yard_path(const struct yard *yard, const char *name);

/* What a shell prints in the folder; free() it. Git knows nothing of whoever runs the test, and has fixed names and times. */
char *yard_run(const struct yard *yard, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Only how it ends. */
int yard_try(const struct yard *yard, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The file has these bytes from now on. */
void yard_write(const struct yard *yard, const char *name, const void *at, size_t bytes);

/* A bare repository NAME with a history by chance: branches, merges, tags of all kinds, modes, links, submodules, odd names; one seed, one repository. */
void yard_history(const struct yard *yard, const char *name, unsigned seed, unsigned commits);

/* Both have the same refs (branches and tags) and the same objects behind them. */
void yard_same(const struct yard *yard, const char *a, const char *b);

/* git fsck --full --strict is content and has nothing to say. */
void yard_fsck(const struct yard *yard, const char *name);

struct import_result yard_import(struct yard *yard, const char *name);
struct export_result yard_export(struct yard *yard, const char *name);

/* A commit on a branch of the workspace that changes one file. The branch is made if it is not there. */
const struct commit *yard_commit(struct yard *yard, const char *ref, const char *path, const char *text);

#endif
