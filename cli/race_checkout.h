/* SPDX-License-Identifier: MIT
 *
 * The repository on the disk that a race is about, as the person who asks for it sees it: which commit, which branch, what is not committed. Only read.
 */
#ifndef CLI_RACE_CHECKOUT_H
#define CLI_RACE_CHECKOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

#define CHECKOUT_WHY_BYTES 512u

struct checkout {
	char *top;       /* absolute, without a slash at its end */
	char *branch;    /* refs/heads/…; NULL: none, HEAD is a commit of its own */
	char commit[41]; /* that the race begins at */
	size_t edits;    /* files that differ from HEAD, or are new and not ignored */
};

/* The repository around `path`. `revision` NULL: HEAD. 0, and checkout_release frees it; ERR_NOT_FOUND (no repository, no such revision, no commit
 * yet), ERR_STATE (it has no working tree), ERR_IO, with a sentence in `out_why`. */
MUST_CHECK int checkout_look(const char *path, const char *revision, struct checkout *out_checkout,
			     char out_why[CHECKOUT_WHY_BYTES]);
void checkout_release(struct checkout *checkout);

/* "main" or "refs/heads/main" as the whole name, if there is such a branch; the caller frees it. ERR_NOT_FOUND with the branches there are. */
MUST_CHECK int checkout_branch(const struct checkout *checkout, const char *name, char **out_ref,
			       char out_why[CHECKOUT_WHY_BYTES]);

/* Has the repository this commit, be it that no branch leads to it any more? */
bool checkout_has(const char *repo, const char *commit);

#endif
