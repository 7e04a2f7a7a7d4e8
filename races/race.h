/* SPDX-License-Identifier: MIT
 *
 * A race: the same task to many agents, the best result chosen by evidence and merged. Pure: a deterministic machine that is told what has happened and says what is
 * to be done. Whoever runs it (the attempt of the judge) sends tasks to Omega, asks the workspace, and tells it what came back.
 *
 * Everything that is to be done has a key, unique in the race and the same in each run of it ("try/claude/1", "gate/claude/tests", "base/findings", "merged/1f2e…/tests"). A
 * judge that was ended and started anew sends the same keys with the same requests, is told what came of each already, and arrives at the same choice: nothing is run twice. What was
 * decided does not depend on the order in which events arrive, except with `first`, where the earliest wins by design. Workspace requests are made so that they may be asked
 * again. The answer to an ASK should be kept by whoever runs the machine, since a language model may say something else the second time.
 *
 * A REQUEST whose key was sent before and was refused as "busy" is sent again under the same key, later. Results have to be whole: where the message holds a shortened one (member
 * "cut"), the artefact result.json is what "result" of an OUTCOME is to hold, or else what was cut is unknown to the gates.
 *
 * Parameters and result are JSON as docs/races.md says.
 */
#ifndef RACES_RACE_H
#define RACES_RACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

#define RACE_KEY_BYTES 96u

struct race;

/* Reads the parameters. `task_id` is the race's own. 0; ERR_INVALID_PARAMETERS with a sentence that names the member, what was found and what would be accepted;
 * ERR_MEMORY. */
MUST_CHECK int race_new(const json_t *parameters, const char *task_id, struct race **out_race, char out_why[256]);
void race_free(struct race *race); /* takes NULL */

enum race_event_kind {
	RACE_BEGUN, /* the first event; json: {"budget_tokens", "remaining_ms", "agents": {NAME: {"adapter", "model", "level", "slots", "fallback",
			  "reserve_tokens", "reserve_microusd", "least_tokens", "least_microusd", "estimate"}}} of routing.conf and of what such work takes; may have "elapsed_ms", how long the race has been under way before this process, and
			  "started", its beginning as text */
	RACE_ACCEPTED, /* of a REQUEST; json: {"task_id", "duplicate"} */
	RACE_REFUSED,  /* of a REQUEST; json: {"code": NAME, "sentence", "retry_after_ms"} */
	RACE_PROGRESS, /* of a REQUEST that runs; json: {"permille", "stage", "line"} */
	RACE_OUTCOME, /* of a REQUEST; json: {"task_id", "state": "completed|failed|cancelled|expired", "code": NAME or null, "sentence", "completeness", "result",
			  "tokens", "cost_microusd", "attempts", "evidence": of a failure, may have "agent" and "kept" as results have} */
	RACE_ANSWERED, /* of a WORKSPACE or ASK; json: {"result": …} or {"error": {"code": NAME, "sentence", …}} */
	RACE_TIME,     /* nothing but now_ms, which a WAIT asked for */
	RACE_STOP /* somebody wants it to end; json: {"reason"}: everything that is open is cancelled, and END follows in the same step */
};

struct race_event {
	enum race_event_kind kind;
	const char *key;    /* of the act it answers; NULL for BEGUN, TIME and STOP */
	const json_t *json; /* borrowed */
};

enum race_act_kind {
	RACE_REQUEST,   /* a child task; json: {"task_type", "parameters", "budget_tokens", "timeout_ms", "priority"} */
	RACE_CANCEL,    /* `key` names the REQUEST; json: {"reason"} */
	RACE_WORKSPACE, /* json: the request as docs/workspace.md has it */
	RACE_ASK, /* json: {"agent": NAME, "system", "prompt"}: a language model that may break a tie; answered with {"result": {"text"}} */
	RACE_SAY,     /* json: {"stage", "line", "permille", "attempts": […]}: progress for people */
	RACE_CONTEXT, /* json: what the file status.json that attempts may read is to hold now */
	RACE_WAIT,    /* json: {"ms"}: RACE_TIME no later than that from now */
	RACE_END      /* json: {"completeness": 0|1|2, "summary", "result"}: nothing follows */
};

struct race_act {
	enum race_act_kind kind;
	char key[RACE_KEY_BYTES];
	json_t *json;
};

struct race_acts {
	struct race_act *act;
	size_t count, capacity;
};
void race_acts_release(struct race_acts *acts);

/* `now_ms`: any clock that never goes back. Appends to `out_acts`. 0, ERR_MEMORY. Events for keys that are unknown or answered already change nothing. */
MUST_CHECK int race_step(struct race *race, uint64_t now_ms, const struct race_event *event, struct race_acts *out_acts);

/* The result of an END for people, as Markdown. The caller frees it; NULL: out of memory. Takes any JSON: what is not there is left out. */
char *race_report_markdown(const json_t *result);

#endif
