/* SPDX-License-Identifier: MIT
 *
 * Asking the workspace, for the command line and for attempts: one request, one reply.
 */
#ifndef ACTORS_WORKSPACE_CALL_H
#define ACTORS_WORKSPACE_CALL_H

#include <jansson.h>

#include "actors/state.h"

/* Takes `request` over ({"verb", …} as in workspace_verbs.def) and waits up to `wait_ms` for its reply; a workspace that is being started again
 * is waited for a few seconds. `cancel_fd` readable ends it too; -1: none. 0, and the caller owns `*out_result`; else the code that
 * the workspace gave, or ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CANCELLED, ERR_MEMORY, each with a sentence, and `*out_error` (may be NULL; the caller's)
 * is the error object, or NULL. After ERR_UNREACHABLE and ERR_TIMEOUT nobody here knows whether it was done. */
MUST_CHECK int workspace_call(const struct state_folder *state, json_t *request, uint64_t wait_ms, int cancel_fd,
			      json_t **out_result, json_t **out_error, char out_sentence[SENTENCE_BYTES]);

#endif
