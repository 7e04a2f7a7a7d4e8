/* SPDX-License-Identifier: MIT
 *
 * The repositories of the workspace: one store each, in STATE/workspace/NAME, opened when it is needed and closed when nobody has needed it
 * for a while or another one needs the memory.
 *
 *   repository   the path that it was imported from, one line
 *   journal/     of the store (workspace/store/journal.h); everything in it is on the disk before anybody hears of it
 *   changes      what is owed to the trail (diary.h)
 *   clones/      git folders that clones are copied from (workspace_clone.c); emptied when the store is opened
 *
 * NAME is the last part of the path and eight digits of its hash, such as project-1a2b3c4d. Any thread may call.
 */
#ifndef ACTORS_DEPOT_H
#define ACTORS_DEPOT_H

#include <pthread.h>

#include "actors/diary.h"
#include "actors/state.h"
#include "workspace/workspace.h"

#define STORE_NAME_BYTES 48u
#define STORES_OPEN_MAX  64u
#define CLONES_KEPT      4u
#define CLONE_KEY_BYTES  64u

struct depot;

struct store {
	char name[STORE_NAME_BYTES];
	char path[PATH_BYTES];   /* of the repository */
	char folder[PATH_BYTES]; /* of the store */
	struct workspace *workspace;
	struct diary *diary;
	pthread_rwlock_t clones;                        /* of what workspace_clone.c keeps; its own */
	char kept_clones[CLONES_KEPT][CLONE_KEY_BYTES]; /* the newest first */
	pthread_mutex_t refs;                           /* held while refs change, so that the diary and they agree */
	uint64_t said_number; /* of the diary: said to Omega in the life of this process. Of the loop alone */

	bool is_new;   /* made by the depot_take that opened it … */
	bool unwanted; /* … and to be removed, since nothing came into it: when the last one gives it back */

	/* of depot.c */
	struct store *next;
	enum { STORE_OPENING, STORE_OPEN, STORE_CLOSING } phase;
	unsigned users;
	uint64_t used_ms;
};

/* Called once for each store that has been opened, before anybody else has it: what is owed from before can be told. */
typedef void depot_opened(void *context, struct store *store);

MUST_CHECK int depot_new(const struct state_folder *state, uint64_t memory_max_bytes, depot_opened *opened, void *context,
			 struct depot **out_depot); /* ERR_MEMORY, ERR_IO */
void depot_free(struct depot *depot);               /* all stores must have been given back; closes them. NULL is fine */

/* The store of a repository, to be given back. `named`: an absolute path, a name, or a name without its digits if only one has it. With
 * `make`, a path gets a store if it has none. May block while the journal is read. 0; ERR_NOT_FOUND, ERR_USAGE (several have this name),
 * ERR_CORRUPT, ERR_LOCKED, ERR_FULL, ERR_IO, ERR_MEMORY; with a sentence. */
MUST_CHECK int depot_take(struct depot *depot, const char *named, bool make, struct store **out_store,
			  char out_sentence[SENTENCE_BYTES]);
void depot_give(struct depot *depot, struct store *store); /* NULL is fine */

/* Closes stores that nobody has used for `idle_ms`. May block. */
void depot_tidy(struct depot *depot, uint64_t idle_ms);

/* All there are, open or not, by name. The callback returns 0 to go on. `figures` NULL: it is not open. */
struct depot_row {
	char name[STORE_NAME_BYTES];
	char path[PATH_BYTES];
	bool open;
	bool owes; /* has something to tell */
	struct workspace_figures figures;
};
typedef int depot_row_seen(void *context, const struct depot_row *row);
int depot_each(struct depot *depot, depot_row_seen *seen, void *context);

/* The name that a path gets. */
void depot_name(const char *path, char out_name[STORE_NAME_BYTES]);

#endif
