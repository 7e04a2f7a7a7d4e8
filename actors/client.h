/* SPDX-License-Identifier: MIT
 *
 * The client library: what the command line and the tests use to talk to Omega.
 *
 * It connects, joins, and connects and joins again by itself for as long as it is open. A request is kept until Omega has
 * answered it, and said again with the same message id after a reconnection; a task that was accepted is followed until its
 * outcome is here. Each task has exactly one outcome, whatever happens to the connection.
 *
 * One thread owns a client. Nothing happens between calls: whoever waits calls client_pump or one of the waiting functions.
 * Those return ERR_UNREACHABLE if nobody answered at all in the time, ERR_TIMEOUT if the connection stands but the answer is not here.
 */
#ifndef ACTORS_CLIENT_H
#define ACTORS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

#define CLIENT_SENTENCE_BYTES 512u

struct client;

struct client_options {
	const char *state_folder;
	const char *name;    /* of the key in the state folder; NULL: the key made on first start for the user of this machine */
	const char *role;    /* "client", "operator" or "auditor"; NULL: operator */
	uint32_t timeout_ms; /* for joining; 0: ten seconds */
};

/* What is asked for. Text is borrowed until the call returns. */
struct request {
	struct id task_id; /* nil: one is made */
	const char *task_type;
	uint32_t priority;    /* enum priority; 0: as the route says */
	uint32_t deadline_ms; /* 0: as the route says */
	uint32_t timeout_ms;  /* 0: as the route says */
	uint64_t budget_tokens;
	const char *idempotency_key; /* NULL: none */
	const char *parameters;      /* a JSON object as text; NULL: {} */
};

struct receipt {
	struct id task_id;
	uint64_t trail_seq;
	bool duplicate;
	enum state state;
};

/* Why Omega said no. */
struct refused {
	struct id task_id;
	uint32_t code; /* ERROR_… */
	uint32_t retry_after_ms;
	char sentence[CLIENT_SENTENCE_BYTES];
};

/* Called from within client_pump and the waiting functions; any may be NULL. What they get is borrowed until they return. They may
 * call client_send and client_follow, nothing else. */
struct client_events {
	void *context;
	void (*accepted)(void *context, const struct receipt *receipt);
	void (*refused)(void *context,
			const struct refused *refused); /* of a request or a follow: nothing more comes for this task */
	void (*progress)(void *context, const struct id *task_id, const struct task_progress *progress);
	/* Once per task: TaskCompletion or TaskFailure, with its payload decoded. */
	void (*ended)(void *context, const struct id *task_id, enum state state, const struct message *outcome);
	void (*connected)(void *context, bool connected); /* for people who wait */
};

/* Finds Omega by the state folder, connects, and waits until it is taken in. Returns 0; ERR_UNREACHABLE (no Omega answers, or it
 * never ran), ERR_NOT_ALLOWED, ERR_NOT_FOUND (no such key), ERR_MEMORY, with a sentence in `out_why`. */
MUST_CHECK int client_open(const struct client_options *options, struct client **out_client, char out_why[CLIENT_SENTENCE_BYTES]);

/* Says Goodbye and gives everything back; takes NULL. Tasks go on without it. */
void client_close(struct client *client);

void client_listen(struct client *client, const struct client_events *events); /* the struct is copied */
const char *client_name(const struct client *client);                          /* client/NAME/random, as granted */

/* ---- many tasks at once ---- */

/* Queues a request and returns at once; what comes of it arrives through the events. 0 or ERR_MEMORY, ERR_TOO_LARGE. */
MUST_CHECK int client_send(struct client *client, const struct request *request, struct id *out_task_id);

/* Queues a TaskFollow: the outcome of a task, and its progress until then, arrives through the events. */
MUST_CHECK int client_follow(struct client *client, const struct id *task_id);

/* Sends what is queued, takes what is there, calls the events; waits up to `wait_ms` for something to happen. Returns how many
 * events were called, or an error that will not go away (ERR_NOT_ALLOWED, ERR_MEMORY). */
int client_pump(struct client *client, uint32_t wait_ms);

size_t client_open_tasks(const struct client *client); /* sent or followed, without an outcome or a refusal */
bool client_connected(const struct client *client);

/* ---- one thing at a time: each waits up to `timeout_ms` ---- */

/* Returns 0 when the task is durable. A refusal: the negative of its code, details in `*out_refused`. */
MUST_CHECK int client_submit(struct client *client, const struct request *request, uint32_t timeout_ms,
			     struct receipt *out_receipt, struct refused *out_refused);

/* The outcome, with text that belongs to the caller until outcome_release. */
struct outcome {
	struct id task_id;
	enum state state;
	uint32_t code;         /* ERROR_… of a failure */
	uint32_t attempts;     /* made; of a completion the number of the one that succeeded */
	uint32_t completeness; /* enum completeness */
	uint64_t tokens;
	uint64_t cost_microusd;
	uint64_t cpu_ms;
	char *summary;   /* or the sentence of a failure; NULL: none */
	char *result;    /* JSON; NULL: none */
	char *artefacts; /* JSON; NULL: none */
	char *evidence;  /* JSON; NULL: none */
};
void outcome_release(struct outcome *outcome);

/* Follows the task if it is not followed yet. 0 when it has ended, however; ERR_NOT_FOUND, ERR_NOT_ALLOWED; ERR_TIMEOUT, and then it
 * can be called again. Progress arrives through the events meanwhile. */
MUST_CHECK int client_wait(struct client *client, const struct id *task_id, uint32_t timeout_ms, struct outcome *out_outcome);

/* Asks for the task to be cancelled and returns when that is durable; its outcome says when it is done. `reason` may be NULL. A refusal: the
 * negative of its code (ERR_STATE: it has ended already), details in `*out_refused`. */
MUST_CHECK int client_cancel(struct client *client, const struct id *task_id, const char *reason, uint32_t timeout_ms,
			     struct refused *out_refused);

/* `*out_json` is the status as JSON text, free() it. `name` may be NULL: all. SUBJECT_TASK takes the id in `task_id`, else NULL. */
MUST_CHECK int client_status(struct client *client, enum subject subject, const char *name, const struct id *task_id,
			     uint32_t timeout_ms, char **out_json, struct refused *out_refused);

/* A RecoveryAction. `task_id` and `target` as the verb needs them, else NULL. Returns 0 when it was done, else the negative of the
 * code; `out_sentence` says what came of it either way. */
MUST_CHECK int client_recover(struct client *client, enum verb verb, const struct id *task_id, const char *target,
			      const char *reason, uint32_t timeout_ms, char out_sentence[CLIENT_SENTENCE_BYTES]);

/* Uploads a file; 0 when Omega has it durably. `timeout_ms` is for each answer of Omega, not for the whole. ERR_IO: the file. */
MUST_CHECK int client_put_artefact(struct client *client, const char *path, uint32_t timeout_ms, struct hash *out_hash,
				   uint64_t *out_bytes);

/* Downloads an artefact to a new file, which appears under its name only when it is complete and its hash is right. ERR_NOT_FOUND. */
MUST_CHECK int client_get_artefact(struct client *client, const struct hash *hash, uint32_t timeout_ms, const char *path);

#endif
