/* SPDX-License-Identifier: MIT
 *
 * Names of files that mean something to git, in every spelling that some file system takes for them.
 *
 * HFS+ ignores certain invisible characters and the case of letters, NTFS ignores spaces and periods at the end, knows short names with a
 * tilde, and ends a name at a colon. What is refused is what git 2.39 refuses (fsck, and verify_path where a tree is made).
 */
#ifndef WORKSPACE_STORE_NAMES_H
#define WORKSPACE_STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum name_kind {
	NAME_REPOSITORY = 1, /* .git */
	NAME_MODULES = 2,    /* .gitmodules */
	NAME_ATTRIBUTES = 4, /* .gitattributes */
	NAME_NESTED = 8,     /* has a slash or a NUL: no name at all */
};

/* All kinds that a name is of; most names are of none. Any bytes. */
unsigned name_kinds(const char *name, size_t bytes);

#endif
