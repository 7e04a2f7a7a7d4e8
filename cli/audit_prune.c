/* SPDX-License-Identifier: MIT
 *
 * bunshin audit prune
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/erasing.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "routing/conf.h"

struct pruning {
	struct call *call;
	struct state_folder state;
	struct trail *trail;
	uint64_t before_ms;
	uint64_t through_seq; /* the last record that was old enough when the person was asked */
	struct erase_plan plan;
	uint32_t artefacts;
	uint64_t actions;
};

static const struct column facts[] = {
	{"before", "before", COLUMN_TIME, false},     {"texts", "texts", COLUMN_NUMBER, false},
	{"bytes", "bytes", COLUMN_NUMBER, false},     {"kept", "kept", COLUMN_NUMBER, false},
	{"actions", "actions", COLUMN_NUMBER, false}, {NULL, NULL, COLUMN_TEXT, false},
};

static int moment_take(struct pruning *pruning)
{
	struct call *call = pruning->call;
	const char *age = option(call, "older-than");
	uint64_t age_ms = 0, now_ms = (uint64_t)time(NULL) * 1000;

	if (!age == !option_set(call, "before"))
		return call_fail(call, ERR_USAGE, NULL, "one of --older-than AGE and --before TIME says what is old");
	if (!age)
		return option_moment(call, "before", &pruning->before_ms);
	if (age_parse(age, &age_ms) || !age_ms)
		return call_fail(call, ERR_USAGE, NULL, "--older-than: \"%s\" is no age; 90d, 12h or 30m would be", age);
	pruning->before_ms = now_ms > age_ms ? now_ms - age_ms : 0;
	return 0;
}

/* What is there now; nothing is changed. */
static int look(struct pruning *pruning, uint32_t *out_artefacts, struct erase_plan *out_plan)
{
	struct erased_claim claim = {.seq = UINT64_MAX, .through_seq = pruning->through_seq};
	int rc = eraser_count(&pruning->state, pruning->trail, &claim, 0, out_plan, out_artefacts);

	return rc ? session_unreadable(pruning->call, rc, pruning->trail) : 0;
}

/* Omega takes a slice at each action; it goes on until nothing is left that was there when the person said yes. */
static int prune(struct pruning *pruning, struct client *client)
{
	struct erase_plan left = pruning->plan;
	char target[24], sentence[CLIENT_SENTENCE_BYTES] = "";
	uint32_t artefacts;
	int rc = 0;

	snprintf(target, sizeof(target), "%" PRIu64, pruning->before_ms);
	while (!rc && left.payloads) {
		uint64_t before = left.payloads;
		rc = client_recover(client, VERB_PRUNE, NULL, target, option(pruning->call, "reason"), ERASE_TIMEOUT_MS,
				    sentence);
		if (rc)
			return call_fail(pruning->call, rc, "what was erased is; the same command goes on with the rest",
					 "%" PRIu64 " texts are left: %s", before, *sentence ? sentence : error_sentence(rc));
		pruning->actions++;
		rc = look(pruning, &artefacts, &left);
		if (!rc && left.payloads >= before)
			return call_fail(pruning->call, ERR_STATE, NULL,
					 "Omega says that it has erased, and %" PRIu64 " texts are as they were", left.payloads);
	}
	return rc;
}

static int say(struct pruning *pruning)
{
	char before[TIME_TEXT_BYTES];
	json_t *json;

	time_print_utc(pruning->before_ms, before);
	json = json_pack("{s:s, s:I, s:I, s:I, s:I}", "before", before, "texts",
			 (json_int_t)(pruning->actions ? pruning->plan.payloads : 0), "bytes",
			 (json_int_t)(pruning->actions ? pruning->plan.bytes : 0), "kept", (json_int_t)pruning->plan.kept,
			 "actions", (json_int_t)pruning->actions);
	if (pruning->call->json)
		return print_json(json);
	print_facts(pruning->call, json, facts);
	json_decref(json);
	if (pruning->plan.kept)
		call_note(pruning->call,
			  "%" PRIu64
			  " texts that are old enough stay: of live tasks, of dead letters that can still be revived (`bunshin "
			  "recover list`),\nof tasks below these, and what a restart begins with",
			  pruning->plan.kept);
	return 0;
}

static int work(struct pruning *pruning)
{
	struct client *client = NULL;
	char sum[128];
	int rc = erase_seq_at(pruning->trail, pruning->before_ms, &pruning->through_seq);

	if (rc)
		return session_unreadable(pruning->call, rc, pruning->trail);
	rc = look(pruning, &pruning->artefacts, &pruning->plan);
	if (rc || !pruning->plan.payloads) {
		if (!rc)
			call_note(pruning->call, "nothing that is so old is left to erase");
		return rc;
	}
	erasing_print(pruning->plan.payloads, pruning->plan.bytes, pruning->artefacts, sum);
	rc = erasing_confirm(pruning->call, sum);
	if (!rc)
		rc = session_client(pruning->call, &client);
	if (!rc)
		rc = prune(pruning, client);
	client_close(client);
	return rc;
}

static int run(struct call *call)
{
	struct pruning pruning = {.call = call};
	int rc = option_set(call, "reason") ? moment_take(&pruning)
					    : call_fail(call, ERR_USAGE, NULL,
							"--reason TEXT is missing; it stays in the trail in place of the texts");

	if (!rc)
		rc = session_state(call, &pruning.state);
	if (!rc)
		rc = session_trail(call, &pruning.trail);
	if (!rc)
		rc = work(&pruning);
	if (!rc)
		rc = say(&pruning);
	trail_close(pruning.trail);
	return rc;
}

static const struct option_row options[] = {
	{"older-than", "AGE", "texts of records older than this, such as 90d"},
	{"before", "TIME", "texts of records before this moment"},
	{"reason", "TEXT", "why; it stays in the trail"},
	{"yes", NULL, "without asking"},
	{NULL, NULL, NULL},
};

const struct command command_audit_prune = {
	.name = "audit prune",
	.operands = "",
	.sentence = "Erases old texts, of tasks that have ended",
	.example = "$ bunshin audit prune --older-than 90d --reason \"retention\"\n"
		   "$ bunshin audit prune --before 2026-01-01 --reason \"end of the contract\"",
	.notes = "As `bunshin audit erase`, by age. Live tasks keep their texts, and so do dead letters that can still be "
		 "revived, until somebody "
		 "has settled\n"
		 "them with `bunshin recover`. With `retention` in routing.conf the network does so by itself, every hour.",
	.options = options,
	.run = run,
};
