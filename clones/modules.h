/* SPDX-License-Identifier: MIT
 *
 * The modules of a repository and what they need of one another, made from what the readers imports and history printed.
 *
 * A C module is a .c file with the header of the same name: beside it, or elsewhere if the .c file includes it. Every other file is
 * a module of its own. Tests, code of others, generated files, examples and documents are modules, but stand outside of the graph:
 * they need everything and nothing needs them.
 */
#ifndef CLONES_MODULES_H
#define CLONES_MODULES_H

#include <jansson.h>

#include "clones/clone.h"
#include "clones/graph.h"
#include "clones/names.h"

#define MODULES_MAX 20000u

/* When an edge takes effect, as the reader has it. */
enum { EDGE_ALWAYS, EDGE_LAZY, EDGE_TYPE };

struct module {
	const char *name;     /* path, for C without its ending; owned by the names */
	const char *path;     /* of the file that stands for it, the .c file of a pair; borrowed from the answer */
	const char *language; /* NULL: not code */
	const char *outside;  /* why it is not in the graph: "test", "vendored", "generated", "example"; NULL: it is */
	uint32_t node;        /* in the graph */
	uint32_t files;
	uint32_t lines, code_lines, decisions;
	uint32_t commits, commits_365d, small_commits;
	uint32_t authors, bus_factor;
	const char *owner; /* of the file with most commits; NULL: not known */
	uint32_t owner_commits;
	uint32_t file_commits; /* of that file */
	int64_t first, last;   /* 0: not known */
	uint32_t in, out;      /* edges of the graph; type-only ones do not count */
	bool hub;
};

/* A place in a file that makes an edge. */
struct place {
	uint32_t from, to;     /* nodes */
	uint32_t file, target; /* in the reader's list of files */
	uint32_t line;
	uint32_t time;
};

struct modules {
	json_t *files;       /* borrowed from the answer of imports */
	uint32_t *module_of; /* by file */
	struct names *names;
	struct module *at;
	uint32_t count;
	uint32_t *module_at; /* by node */
	uint32_t nodes;
	struct place *places; /* within the graph, sorted by from, to, time, line */
	size_t place_count;
	struct graph graph; /* all edges but type-only ones */
	struct graph calm;  /* the same without the edges of hubs */
	uint32_t outside;   /* modules that are not in the graph */
	uint32_t type_edges;
};

/* Builds everything. Either answer may be NULL or odd. 0, ERR_MEMORY, or ERR_LIMIT if there are too many modules. */
MUST_CHECK int modules_init(struct modules *modules, const struct target *target, const json_t *imports, const json_t *history);
void modules_release(struct modules *modules);

/* The module that holds a path, or NULL. */
const struct module *modules_find(const struct modules *modules, const char *path);

/* The places of one edge. */
const struct place *modules_places(const struct modules *modules, uint32_t from, uint32_t to, size_t *out_count);

/* Efferent over all coupling, 0 stable … 1 unstable (Martin, OO Design Quality Metrics, 1994); 0 without any. */
double module_instability(const struct module *module);

/* Why a file is no part of the product itself: "test", "vendored", "generated", "example"; NULL if it is. `about` is its row of the
 * inventory, or NULL. */
const char *path_outside(const char *path, const json_t *about);

/* The rows of the inventory under their paths; the caller's. NULL: out of memory. */
json_t *inventory_by_path(const struct target *target);

/* Bytes of the folder in a path, 0 at the root. */
size_t folder_bytes(const char *path);

#endif
