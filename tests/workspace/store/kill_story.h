/* SPDX-License-Identifier: MIT
 *
 * Agents that work until their process is killed, and what must be there afterwards.
 *
 * Each agent has a branch of its own (refs/heads/own/N), which it commits to; merges it into refs/heads/main, where all do; moves three refs of
 * its own at once (refs/sets/N/a and b to one commit, c there or not there), and two that all move (refs/shared/x and y, always to one
 * commit); now and then the first agent collects garbage. What a call acknowledged goes to a ledger in memory that outlives the process.
 */
#ifndef TESTS_WORKSPACE_STORE_KILL_STORY_H
#define TESTS_WORKSPACE_STORE_KILL_STORY_H

#include <stdatomic.h>

#include "workspace/workspace.h"

#define STORY_AGENTS   4u
#define STORY_ACKS_MAX 20000u
#define STORY_MAIN     "refs/heads/main"
#define STORY_PATH_MAX 200u

enum ack_kind { ACK_OWN, ACK_MAIN, ACK_SET, ACK_SHARED, ACK_KINDS };

struct ack {
	enum ack_kind kind;
	struct oid id;
};

/* Of one agent; an entry counts once `count` includes it. */
struct lane {
	_Atomic uint32_t count;
	struct ack acks[STORY_ACKS_MAX];
};

struct ledger {
	_Atomic uint64_t acknowledged; /* by all */
	_Atomic uint32_t collecting;   /* an agent is in workspace_gc */
	_Atomic uint32_t rewritten;    /* collections after which the journal was smaller */
	_Atomic uint32_t collected;
	struct lane lanes[STORY_AGENTS];
};

/* When to tell the parent that it is time; then it kills. */
struct moment {
	uint64_t acknowledged; /* after so many */
	bool collecting;       /* in the middle of a collection instead */
	int tell;              /* a pipe to write a byte to */
};

/* The story's beginning: a commit that all branches are at. 0 or an error, said on stderr. */
MUST_CHECK int story_begin(const char *folder, enum workspace_durability level);

/* Work until the end of the process. Ends it itself, with a sentence on stderr, if a call fails that should not. */
_Noreturn void story_work(const char *folder, enum workspace_durability level, uint64_t seed, const struct moment *moment,
			  struct ledger *ledger);

/* What is known to be there: the last acknowledged of each kind and agent, from this process or those before. */
struct known {
	struct oid own[STORY_AGENTS], set[STORY_AGENTS], main, shared;
	uint64_t set_numbers[STORY_AGENTS]; /* each change of a set counts one further */
	size_t git_checks;
};

/* After a kill: open the workspace, and fail the test unless all that `known` and `ledger` say is there, and whole. Then `known` is what was found.
 * With `git`, an export is looked at by git fsck too. */
void story_check(const char *folder, enum workspace_durability level, const struct ledger *ledger, bool git, struct known *known);

/* What is known at the beginning. */
void story_known(const char *folder, struct known *out_known);

#endif
