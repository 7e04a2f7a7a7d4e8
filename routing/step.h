/* SPDX-License-Identifier: MIT
 *
 * What the deciding files share, private to routing/: one step in progress and the records it makes.
 */
#ifndef ROUTING_STEP_H
#define ROUTING_STEP_H

#include "routing/state.h"

#define OWN_PAYLOAD UINT64_MAX  /* becomes the record's own seq */
#define OWN_NUMBER  UINT64_MAX  /* likewise */
#define OPERATORS   "operators" /* whoever is connected as an operator */

#define RECEIPT_RETRY_MS 1000u /* a receipt that cannot be had yet: a checkpoint comes within seconds */

struct step {
	struct omega *omega;
	uint64_t now_ms;
	const struct event *event;
	struct records *out;
};

struct ending {
	uint32_t state; /* STATE_FAILED, STATE_CANCELLED, STATE_EXPIRED */
	uint32_t code;
	uint32_t processes_ended;
	uint32_t processes_left;
	uint64_t payload_seq; /* record whose text is passed on; 0: the shell writes one */
};

/* ---- step.c: the means ---- */
struct id step_draw(const struct step *step, uint64_t lane);
struct record step_in(const struct step *step); /* the event itself */
struct record step_inner(enum message_type type);
struct record step_out(const struct step *step, enum message_type type, const char *recipient);
void step_about(struct record *record, const struct task *task);
struct record *step_commit(struct step *step, struct record *record); /* numbers it, applies it, returns it */
void step_refuse(struct step *step, uint32_t code);
void step_tell(struct step *step, uint32_t task, struct record *record); /* to the client and all followers */
void step_end(struct step *step, uint32_t task, const struct ending *ending);
void step_requeue(struct step *step, uint32_t task, const struct retry_scheduled *facts);
void step_bury(struct step *step, uint32_t task, uint32_t code, uint64_t payload_seq); /* failed, and a person is told */
/* After an attempt that came to nothing: retry, fall back, or bury with an escalation. */
void step_go_on(struct step *step, uint32_t task, uint32_t code, bool lost, uint64_t payload_seq);
void step_stop_attempt(struct step *step, uint32_t attempt, uint32_t code, uint64_t payload_seq);
void step_cancel(struct step *step, uint32_t task, uint64_t payload_seq);

/* ---- timers.c ---- */
bool timer_find(const struct step *step, struct record *out_record); /* which clock is due; false: none */
void timer_decide(struct step *step, struct record *record);

/* ---- requests.c, answers.c, recovery.c: one event each ---- */
void decide_hello(struct step *step);
void decide_request(struct step *step);
void decide_answer(struct step *step);
void decide_cancel(struct step *step);
void decide_follow(struct step *step);
void decide_status(struct step *step);
void decide_change(struct step *step);
void decide_recovery(struct step *step);
bool table_fits(const struct omega *omega, const struct routes_loaded *facts);

#endif
