/* SPDX-License-Identifier: MIT
 *
 * The machine from inside. Everything outside is a *call*: a key, what is asked, and the answer once there is one. What follows is written as if answers were at hand:
 * call_task and its like send what has not been sent yet, and return the answer or NULL; race_advance goes over everything again after each event. So what
 * is decided follows from the answers, and not from the order in which they came.
 */
#ifndef RACES_RACE_INNER_H
#define RACES_RACE_INNER_H

#include "races/claim.h"
#include "races/gates.h"
#include "races/ledger.h"
#include "races/order.h"
#include "races/race.h"
#include "races/said.h"
#include "races/spec.h"

#define CALLS_MAX        1024u
#define TASKS_OPEN_MAX   48u /* children at once; Omega takes 64 of one parent */
#define REFUSALS_MAX     8u  /* of one request, before it is given up */
#define CANCEL_GRACE_MS  30000u
#define JUDGING_MS_MAX   900000u /* set aside at the end of the race's time for judging: a quarter of it, at most this */
#define END_MARGIN_MS    3000u
#define MERGE_ROUNDS_MAX 3u
#define WHY_BYTES        400u
#define PATCH_KEPT_BYTES 12000u

enum call_kind { CALL_TASK, CALL_WORKSPACE, CALL_ASK };

struct call {
	char key[RACE_KEY_BYTES];
	enum call_kind kind;
	json_t *request;
	json_t *answer; /* of a task: the outcome; else {"result"} or {"error"}. NULL: none yet */
	char task[GATE_TASK_BYTES];
	bool sent, cancelled;
	uint64_t not_before_ms, cancelled_ms;
	unsigned refusals;
};

enum phase { PHASE_WAITING, PHASE_RUNNING, PHASE_JUDGING, PHASE_DONE };
enum ending { ENDED_NOT_STARTED, ENDED_HANDED_IN, ENDED_NOTHING, ENDED_FAILED, ENDED_CANCELLED, ENDED_BUDGET, ENDED_REFUSED };

struct attempt {
	const struct race_entry *entry;
	enum phase phase;
	enum ending ended;
	char why[WHY_BYTES];
	char line[200]; /* the last progress */

	/* tries */
	char agent[RACE_NAME_BYTES]; /* the lane it is in now */
	char task[GATE_TASK_BYTES];
	unsigned tries, again;
	json_t *lanes; /* agents that have tried: a set */
	json_t *told;  /* of each try, for the result */
	uint64_t not_before_ms;
	bool reserved, settled;
	uint64_t reserved_tokens, reserved_microusd;
	uint64_t tokens, microusd, wall_ms;
	json_t *claim, *change, *kept;
	char adapter[RACE_NAME_BYTES], model[201];

	/* judging */
	char commit[SAID_ID_BYTES];
	const json_t *measure;
	struct gate gate[GATE_COUNT];
	struct tests_told tests;
	int64_t new_findings, fixed_findings, new_rules, coverage, size;
	bool lied;
	char lie[CLAIM_LIE_BYTES];
	enum verdict_word verdict;
	bool judged; /* the gates were asked */
	unsigned rank;
};

/* What a commit is compared with: the outcomes of the specialists about another. */
struct reference {
	const json_t *tests, *findings, *rules;
	bool ready;
};

enum merging_state { MERGING_NOTHING, MERGING_MERGED, MERGING_PREPARED, MERGING_CONFLICTS, MERGING_REFUSED };

struct merging {
	enum merging_state state;
	bool done;
	unsigned round;
	char before[SAID_ID_BYTES], commit[SAID_ID_BYTES], tree[SAID_ID_BYTES], ref[128];
	char sentence[WHY_BYTES];
	struct gate gate[GATE_COUNT];
	bool gated;
	const json_t *conflicts, *favoured;
};

struct race {
	struct race_spec spec;
	char task_id[GATE_TASK_BYTES];
	json_t *begun;
	bool stopped, ended, no_memory, out_of_time;
	char stop_reason[WHY_BYTES];
	uint64_t now_ms, start_ms, tries_end_ms, end_ms, told_wait_ms;
	struct call *call;
	size_t call_count, call_capacity;
	char base[SAID_ID_BYTES], base_tree[SAID_ID_BYTES];
	struct reference reference;
	struct attempt attempt[RACE_ENTRIES_MAX];
	size_t attempt_count;
	struct ledger tokens, microusd;
	const struct attempt *winner; /* with `first` */
	struct order order;
	bool ordered;
	json_t *tie_break;
	struct merging merging;
	json_t *said, *context; /* told last */
	struct race_acts *acts; /* of the step that is under way */
};

/* ---- calls.c ---- */
struct call *call_find(const struct race *race, const char *key);
/* `request` is taken over. The answer is borrowed from the race; NULL: not yet. */
const json_t *call_task(struct race *race, const char *key, json_t *request);
const json_t *call_workspace(struct race *race, const char *key, json_t *request);
const json_t *call_model(struct race *race, const char *key, json_t *request);
void call_cancel(struct race *race, struct call *call, const char *reason);
void calls_pump(struct race *race); /* sends what is due; gives up on cancels that nobody answers */
void call_event(struct race *race, const struct race_event *event);
uint64_t calls_due(const struct race *race); /* the next moment at which something is due; UINT64_MAX: none */
size_t calls_open(const struct race *race, enum call_kind kind);
void calls_free(struct race *race);
void act_add(struct race *race, enum race_act_kind kind, const char *key, json_t *json);

/* ---- tries.c ---- */
void tries_reserve(struct race *race);
void tries_start(struct race *race);
void try_advance(struct race *race, struct attempt *attempt);
void tries_cancel(struct race *race, const struct attempt *but, const char *reason);
void attempt_end(struct race *race, struct attempt *attempt, enum ending ended, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- judging.c ---- */
/* Asks the specialists about a commit under PREFIX/tests and so on; true once all that was asked is answered. */
bool judge_reference(struct race *race, const char *prefix, const char *commit, struct reference *out);
void attempt_judge(struct race *race, struct attempt *attempt);
void attempt_conclude(struct race *race, struct attempt *attempt); /* verdict and lie, from its gates */
/* Tests, findings, rules and checks of a commit; true once all are answered. */
bool judge_gates(struct race *race, const char *prefix, const char *commit, const struct reference *reference,
		 const json_t *measure, struct gate gate[GATE_COUNT], struct attempt *attempt);

/* ---- choosing.c ---- */
bool race_choose(struct race *race);          /* true once the order stands */
struct attempt *race_best(struct race *race); /* NULL: nothing that may be taken */

/* ---- merging.c ---- */
void merging_advance(struct race *race, const struct attempt *best);

/* ---- result.c ---- */
json_t *race_result(const struct race *race);
const char *ending_name(enum ending ended);
const char *merging_name(enum merging_state state);

/* ---- telling.c ---- */
void race_tell(struct race *race);
void race_progress(struct race *race, const struct race_event *event);

#endif
