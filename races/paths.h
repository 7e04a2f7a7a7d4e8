/* SPDX-License-Identifier: MIT
 *
 * What names of files say: which ones nobody may change unasked (protected.def), which ones programs make, and globs.
 *
 * A glob has `?` (a character but '/'), `*` (any of them but '/'), `**` (any of them), and [a-z], [!a-z]. A glob without '/' is about the last part of a path.
 */
#ifndef RACES_PATHS_H
#define RACES_PATHS_H

#include <jansson.h>
#include <stdbool.h>

/* `folded`: upper and lower case of ASCII are alike. */
bool path_fits(const char *glob, const char *path, bool folded);
bool path_fits_any(const json_t *globs, const char *path, bool folded); /* an array of text; false for NULL */

/* Why this path is protected, static text or "it fits GLOB" in memory of `out`; NULL: it is not. Wherever in the tree it stands, and whatever spelling a
 * file system would take for the same name: case, trailing dots and spaces, characters without a width, streams of NTFS. */
const char *path_protected(const char *path, const json_t *globs, char out[256]);

bool path_made(const char *path);       /* by a program: locks, builds, caches, leftovers of editors */
bool path_test(const char *path);       /* by its name or its folder's a test, or what tests need */
bool path_runs_tests(const char *path); /* says which tests are run, and how */

#endif
