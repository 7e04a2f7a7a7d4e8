/* SPDX-License-Identifier: MIT
 *
 * What the files of the client library share.
 */
#ifndef ACTORS_CLIENT_INNER_H
#define ACTORS_CLIENT_INNER_H

#include "actors/client.h"
#include "actors/link.h"
#include "actors/transfer.h"

/* A task whose outcome is not here yet. */
struct followed {
	struct followed *next; /* in its bucket */
	struct id task_id;
	struct id question; /* message id of the TaskRequest or TaskFollow that is open; nil: answered */
	bool accepted;      /* told through the events, or only followed */
};

struct followed_set {
	struct followed **bucket;
	size_t bucket_count; /* power of two, or 0 */
	size_t count;
};

void followed_release(struct followed_set *set);
struct followed *followed_find(const struct followed_set *set, const struct id *task_id);
/* The entry of a task, made if it is new; NULL: out of memory. */
struct followed *followed_add(struct followed_set *set, const struct id *task_id);
void followed_remove(struct followed_set *set, const struct id *task_id);

/* The one question that somebody waits for. */
struct call {
	struct id question; /* nil: none */
	struct id task_id;  /* outcome wanted of this task; nil: none */
	bool until_durable; /* done when Omega has the question durably */
	bool done;
	int rc;
	struct refused refused;
	struct receipt receipt;
	struct outcome *outcome;
	char *json;
};

struct client {
	struct link *link;
	struct client_events events;
	struct followed_set tasks;
	struct call *call;
	struct upload *upload;
	struct download *download;
	int transfer_rc;
	int fatal;
	int event_count;
	bool down_told;
};

/* Pumps until `*done` or the time is over: 0, ERR_TIMEOUT, ERR_UNREACHABLE or what is fatal. */
int client_pump_until(struct client *client, const bool *done, uint32_t timeout_ms);

/* Copies an outcome for whoever waits. 0 or ERR_MEMORY. */
int outcome_copy(struct outcome *outcome, const struct id *task_id, enum state state, const struct message *message);

#endif
