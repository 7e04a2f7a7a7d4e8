/* SPDX-License-Identifier: MIT
 *
 * What the files of the workspace's process share.
 *
 *   workspace_actor.c    the loop: socket, link to Omega, replies
 *   workspace_tell.c     changes on their way to Omega
 *   workspace_threads.c  queues and threads
 *   workspace_refs.c     refs, and the diary about them
 *   workspace_look.c     verbs that look
 *   workspace_patch.c    what differs
 *   workspace_measure.c  how large a change is
 *   workspace_radar.c    what would conflict
 *   workspace_hunks.c    what differs, in pieces
 *   workspace_pick.c     what is made of some of them
 *   workspace_change.c   verbs that change refs
 *   workspace_combine.c  merges that go to a ref of their own
 *   workspace_conflicts.c  what did not merge
 *   workspace_folder.c   verbs about folders and other repositories
 *   workspace_clone.c    the git folder of a checkout
 *   workspace_harvest.c  what a folder holds becomes a commit
 */
#ifndef ACTORS_WORKSPACE_INNER_H
#define ACTORS_WORKSPACE_INNER_H

#include <zmq.h>

#include "actors/depot.h"
#include "actors/link.h"
#include "actors/workspace_actor.h"
#include "actors/workspace_request.h"

#define CLIENT_BYTES_MAX 32u   /* of the identity that the socket gives a connection */
#define JOBS_WAITING_MAX 1024u /* of one class */
#define REF_TEXT_BYTES   1024u

/* One request on its way through a thread. */
struct job {
	struct job *next;
	uint8_t client[CLIENT_BYTES_MAX];
	size_t client_bytes;
	json_t *request; /* NULL: no request, the store has something to tell */
	enum workspace_verb verb;
	uint64_t deadline_ms; /* boottime */
	struct depot *depot;

	struct store *store; /* taken by whoever did the work, given back by the loop */
	struct workspace_agent *agent;
	int rc;
	char sentence[SENTENCE_BYTES];
	json_t *result;
	json_t *more;                       /* members of the error */
	uint64_t first_number, last_number; /* of the diary: what has to be told before the answer; 0: nothing */
	uint32_t told_code;                 /* Omega has refused to record it */
};

/* ---- workspace_threads.c ---- */
struct threads;
/* `done_fd` is written to (an eventfd) when a job is finished. */
MUST_CHECK int threads_new(struct depot *depot, int done_fd, struct threads **out_threads);
MUST_CHECK int threads_put(struct threads *threads, struct job *job); /* 0, or ERR_OVERLOADED: then it is still the caller's */
struct job *threads_done(struct threads *threads);                    /* the next one that is finished, or NULL; the caller's */
void threads_post(struct threads *threads, struct job *job);          /* as if it were finished */
/* Takes no more, and waits up to `wait_ms` for those at work. False: some are still at it, and nothing may be freed. */
bool threads_end(struct threads *threads, uint64_t wait_ms);
void threads_free(struct threads *threads);
void job_free(struct job *job);

/* ---- the verbs ---- */
/* Does the work: fills rc, sentence, result, more and the numbers. */
void job_run(struct job *job);
int job_fail(struct job *job, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
int job_failed(struct job *job, int rc); /* with the agent's sentence */

void look_list(struct job *job);
int look_refs(struct job *job);
int look_log(struct job *job);
int look_show(struct job *job);
int look_diff(struct job *job);
int change_merge(struct job *job);
int look_measure(struct job *job);
int look_radar(struct job *job);
int look_hunks(struct job *job);
int change_combine(struct job *job);
int change_advance(struct job *job);
int change_pick(struct job *job);
int change_delete(struct job *job);
int change_gc(struct job *job);
int folder_import(struct job *job);
int folder_export(struct job *job);
int folder_checkout(struct job *job);
int folder_harvest(struct job *job);

/* ---- workspace_refs.c ---- */
/* Refs below here are this process's own: nobody is shown them or told of them. */
#define REFS_HIDDEN "refs/hidden/"
/* What running attempts are at: shown, but the trail is not told, and gone with the result, or when the store is opened. */
#define REFS_LIVE "refs/live/"
#define REFS_KEPT "refs/bunshin/kept/"

struct ref_place {
	bool there;
	uint64_t version;
	struct oid id;
};
MUST_CHECK int ref_look(struct workspace_agent *agent, const char *ref, struct ref_place *out_place);
bool ref_is_hidden(const char *ref);
bool ref_is_live(const char *ref);
int ref_check(struct job *job, const char *ref);   /* ERR_USAGE for those that are hidden */
int task_of(struct job *job, struct id *out_task); /* the member "task", or nil; ERR_USAGE */
/* refs/heads/NAME of a name that is no whole one. */
void full_ref(const char *name, char out_ref[REF_TEXT_BYTES]);

/* One change of one ref. Between begin and end nobody else changes refs of this store. */
struct ref_step {
	const char *ref;
	const char *cause;
	const char *sentence;
	struct id task;
	uint32_t attempt;
	struct ref_place before;
	uint64_t number; /* 0: the trail is not told of this ref */
};
/* May the ref be made, or moved from what the member "replaces" says? ERR_STATE, ERR_MOVED, with the member "id" in the error. A live one that
 * is gone may be made anew. */
MUST_CHECK int ref_replaceable(struct job *job, const char *ref, const struct ref_place *before);
MUST_CHECK int ref_begin(struct job *job, struct ref_step *step);
/* `rc` of what was tried. Looks where the ref is; if it has not changed, nothing is told. `*out_after` may be NULL. Returns `rc`. */
int ref_end(struct job *job, struct ref_step *step, int rc, struct ref_place *out_after);

/* Everything that has changed and that the diary does not know: after an import, and when a store is opened. `changes` gets
 * [{ref, version, old, new}]; may be NULL. */
MUST_CHECK int refs_find_changes(struct store *store, struct workspace_agent *agent, const char *cause, const char *sentence,
				 json_t *changes, uint64_t *out_first, uint64_t *out_last);
/* When a store has been opened: settles what a crash left open. */
MUST_CHECK int refs_settle(struct store *store);

/* ---- workspace_patch.c ---- */
/* [{status, …}] as diff has it; with `patch` the lines too, up to a bound. */
struct diff_wish {
	const char *prefix;
	bool patch;
	unsigned context;
};
MUST_CHECK int diff_collect(struct job *job, const struct tree *from, const struct tree *to, const struct diff_wish *wish,
			    json_t **out_changes, json_t **out_patch);

/* Lines around the changes of a hunk, by which hunks are told apart: that they are numbered alike depends on it. */
#define HUNK_CONTEXT 3u

/* ---- workspace_conflicts.c ---- */
json_t *conflicts_json(const struct merge_result *result); /* {conflicts, conflict_count} */

/* ---- workspace_folder.c ---- */
/* A folder of this user's, by a path that ends in no link: the member "folder". */
MUST_CHECK int folder_open(struct job *job, bool empty, int *out_fd);

/* ---- workspace_clone.c ---- */
/* .git in the open folder, which has the files: the commit, its history, the tags. */
MUST_CHECK int clone_write(struct job *job, int folder, const struct oid *id);
/* When a store has been opened. */
void clones_forget(struct store *store);

/* ---- small things ---- */
json_t *oid_text(const struct oid *id); /* NULL: null */
json_t *bytes_text(const void *at, size_t bytes);
json_t *time_text(int64_t seconds, int minutes); /* RFC 3339 */
/* "NAME <EMAIL>", else who this process is. `room` keeps the texts. 0 or ERR_USAGE. */
MUST_CHECK int person_of(struct job *job, const char *text, char room[512], struct workspace_person *out_person);

/* ---- workspace_tell.c ---- */
struct teller;
MUST_CHECK int teller_new(struct link *link, struct teller **out_teller);
void teller_free(struct teller *teller);
/* Says what this store owes and was not yet said. */
MUST_CHECK int teller_store(struct teller *teller, struct store *store);
void teller_refused(struct teller *teller, const struct id *message, uint32_t code);
/* Notes what is durable now. `settled` is called for each change. */
typedef void teller_settled(void *context, const struct store *store, uint64_t number, uint32_t code);
void teller_work(struct teller *teller, teller_settled *settled, void *context);
size_t teller_waiting(const struct teller *teller);

#endif
