/* SPDX-License-Identifier: MIT
 *
 * What is measured against what: each peer does the same five things in its own way, and says how long each took without its preparation.
 */
#ifndef BENCH_WORKSPACE_PEER_H
#define BENCH_WORKSPACE_PEER_H

#include <stdbool.h>

#include "bench/workspace/samples.h"
#include "bench/workspace/shape.h"

enum operation {
	OPERATION_COMMIT, /* one file of 1 KB replaced on the branch; its id known */
	OPERATION_BRANCH, /* a branch made where the main one is */
	OPERATION_MERGE,  /* two branches that changed different files become one commit on the first */
	OPERATION_TEXT,   /* the same, where they changed two places of one file of 4 KB */
	OPERATION_READ,   /* a file of the newest commit */
	OPERATION_COUNT,
};

extern const char *const operation_names[OPERATION_COUNT];

struct peer;

struct peer_kind {
	const char *name;
	const char *sentence; /* what it is, and how it is used here */
	/* A repository of this shape, in an empty folder if it wants one. NULL: this peer is not on this machine (`out_why` says what is missing). */
	struct peer *(*open)(const struct shape_of_repository *shape, const char *folder, char out_why[256]);
	/* The n-th of its kind, n from 1 without holes. Microseconds, or negative if the peer cannot do this; so does NULL say. */
	double (*run[OPERATION_COUNT])(struct peer *peer, unsigned n);
	void (*close)(struct peer *peer);
	bool (*head)(struct peer *peer,
		     char out_hex[41]); /* the tree of the newest commit on the main branch, to compare; false: it cannot tell */
};

extern const struct peer_kind peer_own, peer_own_journal, peer_libgit2_disk, peer_libgit2_memory, peer_git, peer_isomorphic,
	peer_dulwich;

#endif
