/* SPDX-License-Identifier: MIT
 *
 * The git command as a child process, without the configuration of who runs it, and without background work (gc, maintenance).
 */
#ifndef BENCH_WORKSPACE_GIT_H
#define BENCH_WORKSPACE_GIT_H

#include <stddef.h>

/* Run `git -C folder …`, words up to a NULL, its output thrown away. Its exit status; 127 if it cannot be run. */
int git_run(const char *folder, ...) __attribute__((sentinel));
void git_must(const char *folder, ...) __attribute__((sentinel)); /* ends the program if it fails */

/* The first line that it says, without the line end; the exit status. */
int git_line(const char *folder, char *out_line, size_t line_bytes, ...) __attribute__((sentinel));

/* A file below a folder, with the folders on its way. */
void git_write_file(const char *folder, const char *path, const char *data, size_t bytes);

#endif
