/* SPDX-License-Identifier: MIT
 *
 * What the files of a race's attempt share.
 *
 *   race_attempt.c  the loop, what is to be done, what is heard
 *   race_worker.c   threads for what blocks: the workspace, language models
 *   race_keep.c     what is kept for the next attempt, and what the attempts of the race may read
 *   race_agents.c   agents as the machine wants to know them; asking one's model
 *   race_economy.c  who is chosen, and what is to be set aside
 *   race_hand_in.c  the result
 */
#ifndef ACTORS_RACE_ATTEMPT_INNER_H
#define ACTORS_RACE_ATTEMPT_INNER_H

#include <jansson.h>

#include "actors/state.h"
#include "protocol/codec.h"
#include "races/race.h"

struct conf;

/* ---- race_worker.c ---- */

enum race_job_kind { RACE_JOB_READY, RACE_JOB_WORKSPACE, RACE_JOB_MODEL };

struct race_job {
	struct race_job *next;
	enum race_job_kind kind;
	char key[RACE_KEY_BYTES];
	json_t *request;
	json_t *answer; /* {"result": …} or {"error": {"code", "sentence", …}} */
};

struct race_workers;

/* `conf` and `state` are borrowed until race_workers_end. 0; ERR_MEMORY, ERR_SYSTEM. */
MUST_CHECK int race_workers_begin(const struct state_folder *state, const struct conf *conf, uint64_t end_ms,
				  struct race_workers **out_workers);
/* Takes `request` over; without memory or after the end it is lost, and false. RACE_JOB_READY: {"repo", "commit"} is to be in the workspace. */
bool race_workers_give(struct race_workers *workers, enum race_job_kind kind, const char *key, json_t *request);
int race_workers_fd(const struct race_workers *workers); /* readable when race_workers_take has something */
/* The next one that is done, to be given to race_job_free; NULL: none. Never blocks. */
struct race_job *race_workers_take(struct race_workers *workers);
void race_job_free(struct race_job *job);
/* Tells what is under way to give up, and waits for it. Takes NULL. */
void race_workers_end(struct race_workers *workers);

/* {"error": {"code", "sentence"}}. */
json_t *race_error(int rc, const char *sentence);

/* ---- race_agents.c ---- */

/* {NAME: {"adapter", "model", "level", "slots", "fallback"}}, and what `reserve` has of it (may be NULL), of all agents there are, and under any other name that the parameters use. NULL: out of memory. */
json_t *race_agents(const struct conf *conf, const json_t *parameters, const json_t *reserve);
/* Blocks. {"result": {"text"}} or {"error"}. */
json_t *race_ask_model(const struct state_folder *state, const struct conf *conf, const json_t *request, int cancel_fd);

/* ---- race_economy.c ---- */

/* {"reserve": {AGENT: {"reserve_tokens", "least_tokens", "reserve_microusd", "least_microusd", "estimate"}}, "chosen": {LABEL: {"agent", "why"}}}; the money only where it is
 * known what a server asks. `repository`: {"files", "bytes"} or NULL. Reads the trail, up to a second. NULL: out of memory. */
json_t *race_economy(const struct state_folder *state, const struct conf *conf, const json_t *parameters,
		     const json_t *repository);
/* The parameters with those who were chosen in the places of "auto", and why, as "chosen". The caller's; NULL: out of memory. */
json_t *race_chosen(const json_t *parameters, const json_t *economy);

/* ---- race_keep.c ---- */

struct race_keep {
	char path[PATH_BYTES];    /* of judge.json */
	char context[PATH_BYTES]; /* of status.json */
	json_t *json;             /* {"started", "started_ms", "answers": {KEY: answer}} */
};

/* Makes the race's folder, or finds what an earlier attempt has left in it. 0; ERR_IO, ERR_MEMORY with a sentence. */
MUST_CHECK int race_keep_open(struct race_keep *keep, const struct state_folder *state, const char *race,
			      char out_sentence[SENTENCE_BYTES]);
void race_keep_close(struct race_keep *keep);
const json_t *race_keep_answer(const struct race_keep *keep, const char *key); /* NULL: none */
void race_keep_put(struct race_keep *keep, const char *key, json_t *answer);   /* on the disk when it returns, if there is room */
uint64_t race_keep_tokens(const struct race_keep *keep);                       /* that language models took for what they said */
uint64_t race_keep_elapsed_ms(const struct race_keep *keep);
void race_keep_context(const struct race_keep *keep, const json_t *context);

/* ---- race_hand_in.c ---- */

/* Puts the whole result in the place of one that was shortened for its message, where the artefact with it is on this machine. */
void race_make_whole(const struct state_folder *state, json_t *outcome);
/* Leaves report and result in `work` and prints the completion of an END; `tokens` were used besides those of the children. 0, or ERR_IO, ERR_MEMORY. */
MUST_CHECK int race_hand_in(const char *work, const json_t *end, uint64_t tokens);

#endif
