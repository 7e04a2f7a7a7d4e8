/* SPDX-License-Identifier: MIT
 *
 * A workspace for a test, and commits that differ by a number.
 */
#ifndef TESTS_WORKSPACE_STORE_WORLD_H
#define TESTS_WORKSPACE_STORE_WORLD_H

#include "workspace/store/agent_inner.h"

#define WORLD_AGENTS_MAX 16

struct world {
	struct workspace *workspace;
	struct workspace_agent *agents[WORLD_AGENTS_MAX];
	int agent_count;
	char folder[64]; /* of the journal; "" without one */
};

/* `max_bytes` 0: as much as anybody wants. With `journal` in a new folder, which world_close removes. */
void world_open(struct world *world, int agent_count, uint64_t max_bytes, bool journal);
void world_close(struct world *world);

/* As if the process had ended and begun again. */
void world_reopen(struct world *world);

/* A commit whose tree has a file "number" and one of `bytes` bytes; `parent` may be NULL. 0 or what went wrong. */
int world_commit(struct workspace_agent *agent, const struct commit *parent, unsigned number, uint32_t bytes,
		 const struct commit **out_commit);

/* The number in it. */
unsigned world_number(struct workspace_agent *agent, const struct commit *commit);

/* Must work. */
const struct commit *world_made(struct workspace_agent *agent, const struct commit *parent, unsigned number);
int world_move(struct workspace_agent *agent, const char *ref, const struct commit *from, const struct commit *to);
void world_set(struct workspace_agent *agent, const char *ref, const struct commit *to); /* NULL: delete */

/* NULL if it is not there. */
const struct commit *world_at(struct workspace_agent *agent, const char *ref);

/* Every agent runs `work` on a thread of its own, with its number. */
typedef void world_work(struct world *world, int number);
void world_run(struct world *world, world_work *work);

#endif
