/* SPDX-License-Identifier: MIT
 *
 * What the files of the clone runtime share.
 *
 *   clone_actor.c    joining, messages, the loop, draining
 *   running.c        one attempt as a child process: pipes, deadline, ending it with all that came of it
 *   running_words.c  what the child reads and prints, and what is said of it
 *   running_files.c  its work folder and the artefacts it leaves there
 *   running_errands.c  the tasks it asks others to do
 *   vital.c          is a silent child busy?
 */
#ifndef ACTORS_CLONE_INNER_H
#define ACTORS_CLONE_INNER_H

#include <jansson.h>

#include "actors/clone_actor.h"
#include "actors/link.h"
#include "actors/process.h"
#include "actors/transfer.h"
#include "protocol/codec.h"
#include "routing/omega.h"

enum running_phase {
	RUNNING_FREE,
	RUNNING_WORKING,   /* the child is alive and may go on */
	RUNNING_ENDING,    /* it was asked to end */
	RUNNING_UPLOADING, /* it has ended well and its artefacts are on their way */
};

struct running {
	enum running_phase phase;
	struct id task_id;
	struct id assignment_id; /* message id of the assignment */
	char traceparent[TRACEPARENT_BYTES];
	uint32_t attempt;
	struct id lease;
	uint32_t heartbeat_ms;
	uint64_t deadline_ms; /* boottime */
	uint64_t kill_ms;     /* while ending: when asking is over */
	uint32_t grace_ms;    /* how long that may take, as it said itself; 0: the usual */
	uint64_t renew_ms;    /* when the lease has to be renewed, or the child is looked at */
	uint64_t passed_ms;   /* last progress that was passed on */
	uint64_t vital;       /* what the child had used when it was last looked at */
	bool spoke;           /* since then */
	bool waiting;         /* for child tasks */
	bool waiting_told;    /* … by its own words, and not because some are open */
	bool waiting_said;    /* … and as Omega was told */
	uint32_t end_code;    /* why it is ended: cancelled, timed_out, …; 0: by itself */

	struct process process;
	struct process_exit exit;
	uint32_t processes_ended;
	uint32_t processes_left;
	char folder[PATH_BYTES];
	struct buffer input;
	size_t input_sent;
	bool deaf; /* it leaves too much unread */
	struct buffer line;
	bool line_too_long;
	char log[ATTEMPT_LOG_BYTES]; /* the end of its stderr, a ring */
	uint64_t log_bytes;

	struct errand *errands; /* child tasks that have not ended */
	uint32_t errand_count;
	uint64_t calm_ms; /* when there have been none for a while */

	json_t *progress;  /* the last one, while it is too early to pass it on */
	json_t *last;      /* {"completion": …} or {"failure": …} */
	json_t *artefacts; /* as they will be said */
	size_t artefact_next;
	struct upload upload;
	bool uploading;
	uint32_t upload_tries;
	bool artefact_missing;
};

struct clone_actor {
	const struct clone_options *options;
	struct state_folder state;
	struct link *link;
	struct running *running; /* [room] */
	uint32_t room;           /* slots, and places for attempts that wait */
	char work[PATH_BYTES];   /* folder of the work folders */
	char group[TAG_BYTES];   /* tag of everything this clone ever starts */
	uint64_t now_ms;
	uint64_t spoke_ms; /* when any attempt was last heard */
	bool draining;
	bool stopping;
	bool ready_told;
	struct process salvager; /* keeps what attempts that were ended suddenly have left */
	uint64_t salvage_ms;     /* not to be looked for before */
	int rc;
};

/* ---- running.c ---- */
/* Starts the child and says TaskStarted; on an error says TaskFailure, and nothing runs. */
void running_start(struct clone_actor *clone, struct running *running, const struct message *assignment);
/* Adds what this attempt waits for; returns the new count. At most four. */
int running_poll(const struct running *running, zmq_pollitem_t *items, int count);
/* Reads and writes what is there, looks at clocks, ends, answers. */
void running_work(struct clone_actor *clone, struct running *running);
uint64_t running_wake_ms(const struct running *running);
/* Asks it to end because of `code`; what came of that is said when everything is gone. */
void running_end(struct clone_actor *clone, struct running *running, uint32_t code);
/* At once, without grace. */
void running_kill(struct clone_actor *clone, struct running *running, uint32_t code);
void running_release(struct running *running);

/* ---- running_words.c ---- */
MUST_CHECK int words_assignment(const struct message *assignment, const char *folder, struct buffer *out_json);
/* One line of stdout, without its newline. */
void words_take_line(struct clone_actor *clone, struct running *running, const char *line, size_t bytes);
void words_say_started(struct clone_actor *clone, const struct running *running);
/* Passes held progress on, or renews the lease with nothing to say. */
void words_say_progress(struct clone_actor *clone, struct running *running);
void words_say_completion(struct clone_actor *clone, struct running *running);
void words_say_failure(struct clone_actor *clone, struct running *running, uint32_t code, const char *sentence);
/* Of an attempt that never ran here. */
void words_say_refused(struct clone_actor *clone, const struct message *about, uint32_t attempt, const struct id *lease,
		       uint32_t code);

/* ---- running_files.c ---- */
MUST_CHECK int folder_make(const struct clone_actor *clone, struct running *running);
void work_folder_remove(const char *path); /* with all that is in it; never follows a link */
/* Begins the next upload, or says that all are done. */
bool files_next(struct clone_actor *clone, struct running *running);
void files_take_credit(struct clone_actor *clone, struct running *running, const struct artefact_get *get);
void files_refused(struct clone_actor *clone, struct running *running, const struct refusal *refusal);
void files_offer_again(struct clone_actor *clone, struct running *running);

/* ---- running_errands.c ---- */
void errands_take_request(struct clone_actor *clone, struct running *running, const json_t *request);
void errands_take_cancel(struct clone_actor *clone, struct running *running, const json_t *cancel);
/* TaskAccepted, Refusal, TaskProgress, TaskCompletion or TaskFailure, whoever's it is. */
void errands_hear(struct clone_actor *clone, const struct message *message);
/* The connection is new. */
void errands_joined(struct clone_actor *clone, struct running *running);
/* Says that the attempt waits, or no longer does, when that has changed. */
void errands_look(struct clone_actor *clone, struct running *running);
uint64_t errands_wake_ms(const struct running *running);
/* True while children are open and the attempt has read all it was told: it is silent because it waits. */
bool errands_open(const struct running *running);
void errands_release(struct running *running);

/* ---- vital.c ---- */
/* A number that changes while anything that descends from `pid` computes, starts or ends. */
uint64_t vital_of(pid_t pid);

#endif
