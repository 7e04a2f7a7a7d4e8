/* SPDX-License-Identifier: MIT
 *
 * What commands work on: the state folder, the trail, routing.conf, Omega, a task that a person names. Each function that fails has
 * said why and what to do next, and returns the exit code.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <jansson.h>

#include "actors/client.h"
#include "actors/state.h"
#include "audit/trail.h"
#include "cli/command.h"
#include "routing/conf.h"

/* Path of the state folder as set, or the default. */
MUST_CHECK int session_state_path(const struct call *call, char out_path[PATH_BYTES]);

/* The folder, if it is there. */
MUST_CHECK int session_state(const struct call *call, struct state_folder *out_state);

/* The trail, for reading; Omega may be writing it. */
MUST_CHECK int session_trail(const struct call *call, struct trail **out_trail);

/* Says that the trail could not be read, and why. Returns the exit code. */
int session_unreadable(const struct call *call, int error, const struct trail *trail);

/* Path of routing.conf as set; else ~/.config/bunshin/routing.conf, /etc/bunshin/routing.conf, or the one shipped with this program. */
MUST_CHECK int session_routes_path(const struct call *call, char out_path[PATH_BYTES]);

/* routing.conf, read and checked. `path` gets where it is. Free `*out_conf`. */
MUST_CHECK int session_conf(const struct call *call, char out_path[PATH_BYTES], struct conf **out_conf);

/* Omega, joined with the person's key. */
MUST_CHECK int session_client(const struct call *call, struct client **out_client);

/* How long to wait for an answer. */
uint32_t session_timeout_ms(const struct call *call);

/* Says what a client call came to: the refusal if there is one. Returns the exit code. */
int session_refused(const struct call *call, int error, const struct refused *refused);

/* A status of Omega's as JSON; json_decref it. */
MUST_CHECK int session_status(const struct call *call, struct client *client, enum subject subject, const char *name,
			      json_t **out_status);

/* The id of a task that a person names: the whole id, or at least four digits of its beginning or its end if the trail knows
 * exactly one such task. `trail` may be NULL: then only a whole id is one. */
MUST_CHECK int session_task(const struct call *call, struct trail *trail, const char *text, struct id *out_id);

/* The same; where several tasks have these digits, the one of this type is meant (NULL: any). */
MUST_CHECK int session_task_of(const struct call *call, struct trail *trail, const char *text, const char *type,
			       struct id *out_id);

/* The same for whoever has no trail at hand: it is opened only for a part of an id, since it may not be ours to read. */
MUST_CHECK int session_task_id(struct call *call, const char *text, struct id *out_id);

#endif
