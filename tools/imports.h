/* SPDX-License-Identifier: MIT
 *
 * From the text of a file to the files it needs: what it names (import_read) and which file of the tree that is (import_resolve).
 */
#ifndef TOOLS_IMPORTS_H
#define TOOLS_IMPORTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/names.h"
#include "protocol/error.h"
#include "tools/token.h"

#define IMPORT_SPEC_MAX 400u /* bytes of a name that is taken for one */

/* How a file is written into another. */
enum import_form {
	IMPORT_QUOTED, /* #include "…" */
	IMPORT_ANGLED, /* #include <…> */
	IMPORT_PYTHON, /* dots, module, and a member that may be a module itself */
	IMPORT_SCRIPT, /* import, export … from, require */
};

/* When it takes effect. */
enum import_time {
	IMPORT_ALWAYS,
	IMPORT_LAZY, /* inside a function: not when the file is loaded */
	IMPORT_TYPE, /* for the type checker only */
};

struct import {
	enum import_form form;
	enum import_time time;
	uint32_t file; /* that holds it */
	uint32_t line;
	uint32_t spec;   /* in specs */
	uint32_t member; /* in specs, or NAMES_NONE */
};

struct imports {
	struct import *at;
	size_t count, room;
	struct names *specs;
	bool no_memory;
};

/* Adds what the file names. Files of other languages name nothing. */
void import_read(struct imports *imports, uint32_t file, enum lexed language, const struct tokens *tokens);

/* How many words and operators decide which way control goes: if, for, case, && … (McCabe, A Complexity Measure, 1976). Preprocessor
 * lines do not count. */
uint32_t tokens_decisions(enum lexed language, const struct tokens *tokens);

/* Lines on which a token begins. */
uint32_t tokens_code_lines(const struct tokens *tokens);

/* The files of a tree, ready for look-ups. */
struct tree_index;

/* `paths` holds every path of the tree and outlives the index. NULL: out of memory. */
struct tree_index *tree_index_new(const struct names *paths);
void tree_index_free(struct tree_index *index);

/* Tells that the package.json at this path has this content: names of workspace packages and their main files resolve then. */
void tree_index_add_package(struct tree_index *index, const char *path, const char *content, size_t bytes);

enum resolution {
	RESOLVED,
	EXTERNAL,  /* the standard library, a dependency, a header of the system */
	MISSING,   /* meant for this tree, and not there (generated, perhaps) */
	AMBIGUOUS, /* several files answer equally well */
};

/* Which file an import means. `out_file` is a number in paths, written if RESOLVED. `out_external` (room for IMPORT_SPEC_MAX) gets
 * the name of the dependency if EXTERNAL. */
enum resolution import_resolve(const struct tree_index *index, const struct imports *imports, const struct import *import,
			       uint32_t *out_file, char *out_external);

/* Joins a folder and a relative path and takes out "." and ".."; false: it leaves the tree, or is too long. */
bool path_join(const char *folder, size_t folder_bytes, const char *relative, size_t relative_bytes, char *out, size_t room);

/* Bytes of the folder of a path, without its last slash: 0 at the root. */
size_t path_folder(const char *path);

#endif
