/* SPDX-License-Identifier: MIT
 *
 * Anything at all as outcomes and answers: a race never crashes, keeps its ledger, and ends.
 *
 * The input is lines. Each answers the call that has waited longest: as it stands if it is JSON, else made from its bytes. Empty lines let time pass.
 */
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "races/race.h"

#define OPEN_MAX   256u
#define EVENTS_MAX 3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct judge {
	struct race *race;
	uint64_t now_ms;
	struct open {
		char key[RACE_KEY_BYTES];
		enum race_act_kind kind;
	} open[OPEN_MAX];
	size_t open_count;
	bool ended;
};

static void note(struct judge *judge, const struct race_act *act)
{
	if (act->kind == RACE_END) {
		char *page = race_report_markdown(json_object_get(act->json, "result"));
		char *text = json_dumps(act->json, JSON_COMPACT);

		assert(text && page && strlen(text) < 2000000);
		assert(json_is_string(json_object_get(act->json, "summary")));
		free(page);
		free(text);
		judge->ended = true;
	}
	if ((act->kind == RACE_REQUEST || act->kind == RACE_WORKSPACE || act->kind == RACE_ASK) && judge->open_count < OPEN_MAX) {
		struct open *open = &judge->open[judge->open_count++];

		memcpy(open->key, act->key, sizeof(open->key));
		open->kind = act->kind;
	}
}

static void step(struct judge *judge, enum race_event_kind kind, const char *key, const json_t *json)
{
	struct race_acts acts = {0};
	int rc = race_step(judge->race, judge->now_ms, &(struct race_event){kind, key, json}, &acts);

	assert(rc == 0);
	for (size_t i = 0; i < acts.count; i++)
		note(judge, &acts.act[i]);
	race_acts_release(&acts);
}

/* Something of the right shape, with one member as the bytes say, so that more than the door is reached. */
static json_t *made(const char *key, const uint8_t *line, size_t bytes)
{
	static const char *const classes[] = {"none", "rate_limit", "no_change", "crash", "auth", "?"};
	uint8_t a = bytes > 0 ? line[0] : 0, b = bytes > 1 ? line[1] : 0, c = bytes > 2 ? line[2] : 0;
	const char *id = a % 4 ? "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" : "x";

	if (strncmp(key, "try/", 4) == 0)
		return json_pack("{s:s, s:i, s:I, s:{s:{s:s, s:s}, s:{s:{s:b, s:s}, s:{s:b, s:s%}}}}", "state",
				 a % 9 ? "completed" : "failed", "completeness", b % 3, "tokens", (json_int_t)c * 10 - 20,
				 "result", "change", "commit", id, "ref", "r", "agent", "verdict", "ok", b % 2, "class",
				 classes[c % 6], "claim", "ok", a % 2, "text", "all tests pass", (size_t)14);
	if (strncmp(key, "measure/", 8) == 0)
		return json_pack("{s:{s:s, s:i, s:i, s:[{s:s, s:i, s:i, s:[[i,i]]}], s:[]}}", "result", "tree", id, "additions",
				 a, "deletions", b, "paths", "path", c % 5 ? "src/a.c" : ".github/workflows/a.yml", "additions",
				 a, "deletions", b, "added", c, a, "hidden");
	if (strncmp(key, "gate/", 5) == 0 || strncmp(key, "base/", 5) == 0 || strncmp(key, "merged/", 7) == 0)
		return strcmp(key, "base/commit") == 0
			       ? json_pack("{s:{s:[{s:s}]}}", "result", "commits", "id",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
			       : json_pack("{s:s, s:{s:s, s:[{s:s, s:s, s:s}], s:[{s:s, s:s, s:{s:s}}]}}", "state", "completed",
					   "result", "status", a % 5 ? "complete" : "partial", "entities", "kind",
					   b % 7 ? "case" : "cycle", "name", c % 2 ? "x" : "y", "verdict",
					   b % 3 ? "passed" : "failed", "findings", "fingerprint", c % 3 ? "f" : "g", "severity",
					   a % 2 ? "high" : "low", "rule", "id", "r");
	return json_pack("{s:{s:s, s:s, s:s, s:[{s:s, s:s}]}}", "result", "new", id, "tree", id, "kind",
			 a % 3 ? "merge" : "nothing", "refs", "ref", "refs/heads/main", "id",
			 b % 2 ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" : id);
}

static void answer(struct judge *judge, const uint8_t *line, size_t bytes)
{
	struct open open = judge->open[0];
	json_t *json = json_loadb((const char *)line, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	judge->open_count--;
	memmove(&judge->open[0], &judge->open[1], judge->open_count * sizeof(open));
	if (!json)
		json = made(open.key, line, bytes);
	if (open.kind != RACE_REQUEST)
		step(judge, RACE_ANSWERED, open.key, json);
	else if (bytes && line[bytes - 1] == 0xff)
		step(judge, RACE_REFUSED, open.key, json);
	else
		step(judge, RACE_OUTCOME, open.key, json);
	json_decref(json);
}

static struct race *new_race(uint8_t flags)
{
	json_t *parameters =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:b, s:{s:i, s:i}, s:[{s:s, s:s}], s:s?}",
			  "repo", "/p", "commit", "main", "prompt", "p", "branch", "refs/heads/main", "merge",
			  flags % 3 == 0   ? "auto"
			  : flags % 3 == 1 ? "theirs"
					   : "manual",
			  "agents", "label", "a", "agent", "a", "label", "b", "agent", "b", "first", flags >> 2 & 1, "budget",
			  "tokens", flags & 8 ? 1000 : 0, "time_ms", 600000, "checks", "name", "c", "command", "true",
			  "tie_break", flags & 16 ? "m" : NULL);
	struct race *race = NULL;
	char why[256];
	int rc = race_new(parameters, "t", &race, why);

	assert(rc == 0);
	json_decref(parameters);
	return race;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct judge judge = {.race = new_race(size ? data[0] : 0)};
	json_t *facts = json_loads("{\"agents\": {\"a\": {\"fallback\": \"b\", \"slots\": 1}}}", 0, NULL);

	step(&judge, RACE_BEGUN, NULL, facts);
	json_decref(facts);
	for (size_t at = 1, events = 0; at < size && !judge.ended && events < EVENTS_MAX; events++) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t bytes = end ? (size_t)(end - data) - at : size - at;

		judge.now_ms += bytes ? 1 : 30000;
		if (bytes && judge.open_count)
			answer(&judge, data + at, bytes);
		else
			step(&judge, RACE_TIME, NULL, NULL);
		at += bytes + 1;
	}
	/* Whatever was said, it ends: what is asked of the workspace is answered, and then time is over. */
	for (size_t i = 0; !judge.ended && i < 100; i++) {
		judge.now_ms += 600000;
		step(&judge, RACE_TIME, NULL, NULL);
		while (!judge.ended && judge.open_count)
			answer(&judge, (const uint8_t *)"{}", 2);
	}
	assert(judge.ended);
	race_free(judge.race);
	return 0;
}
