/* SPDX-License-Identifier: MIT
 *
 * Judging: what an attempt handed in is measured by the workspace and looked at by the specialists, each on a clean copy of the commit; then the gates say what it comes to.
 */
#include <stdio.h>
#include <string.h>

#include "races/race_inner.h"

static const struct {
	enum race_gate gate;
	const char *task_type;
} specialists[] = {
	{GATE_TESTS, "test-strategy"},
	{GATE_FINDINGS, "security-analysis"},
	{GATE_RULES, "architecture-design"},
	{GATE_CHECKS, "check"},
};
#define SPECIALISTS (sizeof(specialists) / sizeof(specialists[0]))

static json_t *request_of(const struct race *race, size_t which, const char *commit)
{
	json_t *parameters = json_pack("{s:s, s:s, s:b}", "repo", race->spec.repo, "commit", commit, "workspace", 1);

	if (specialists[which].gate == GATE_TESTS && race->spec.coverage)
		json_object_set_new(parameters, "coverage", json_true());
	if (specialists[which].gate == GATE_CHECKS) {
		json_object_set_new(parameters, "commands", json_deep_copy(race->spec.checks));
		if (race->spec.setup)
			json_object_set_new(parameters, "setup", json_deep_copy(race->spec.setup));
	}
	return json_pack("{s:s, s:o, s:I}", "task_type", specialists[which].task_type, "parameters", parameters, "timeout_ms",
			 (json_int_t)race->spec.budget.gate_ms);
}

static const json_t *ask(struct race *race, const char *prefix, size_t which, const char *commit)
{
	char key[RACE_KEY_BYTES];

	snprintf(key, sizeof(key), "%s/%s", prefix, race_gate_name(specialists[which].gate));
	if (call_find(race, key))
		return call_find(race, key)->answer;
	return call_task(race, key, request_of(race, which, commit));
}

bool judge_reference(struct race *race, const char *prefix, const char *commit, struct reference *out)
{
	const json_t **const into[SPECIALISTS] = {&out->tests, &out->findings, &out->rules, NULL};
	bool ready = true;

	for (size_t i = 0; i < SPECIALISTS; i++) {
		if (!into[i] || !race->spec.gate[specialists[i].gate])
			continue;
		*into[i] = ask(race, prefix, i, commit);
		ready = ready && *into[i];
	}
	return out->ready = ready;
}

static void set_task(const struct race *race, const char *prefix, enum race_gate which, struct gate *gate)
{
	char key[RACE_KEY_BYTES];
	const struct call *call;

	snprintf(key, sizeof(key), "%s/%s", prefix, race_gate_name(which));
	call = call_find(race, key);
	if (call)
		said_copy(gate->task, sizeof(gate->task), call->task);
}

bool judge_gates(struct race *race, const char *prefix, const char *commit, const struct reference *reference,
		 const json_t *measure, struct gate gate[GATE_COUNT], struct attempt *attempt)
{
	const json_t *answer[SPECIALISTS] = {NULL};
	struct tests_told tests = {0};
	int64_t new_findings = -1, fixed_findings = -1, new_rules = -1;
	bool ready = reference->ready;

	for (size_t i = 0; i < SPECIALISTS; i++) {
		if (!race->spec.gate[specialists[i].gate])
			continue;
		answer[i] = ask(race, prefix, i, commit);
		ready = ready && answer[i];
	}
	if (!ready)
		return false;
	for (size_t i = 0; i < SPECIALISTS; i++)
		set_task(race, prefix, specialists[i].gate, &gate[specialists[i].gate]);
	if (race->spec.gate[GATE_TESTS])
		gate_tests(&gate[GATE_TESTS], reference->tests, answer[0], measure, &tests);
	if (race->spec.gate[GATE_FINDINGS])
		gate_findings(&gate[GATE_FINDINGS], reference->findings, answer[1], measure, &new_findings, &fixed_findings);
	if (race->spec.gate[GATE_RULES])
		gate_rules(&gate[GATE_RULES], reference->rules, answer[2], &new_rules);
	if (race->spec.gate[GATE_CHECKS])
		gate_checks(&gate[GATE_CHECKS], &race->spec, answer[3]);
	if (attempt) {
		attempt->tests = tests;
		attempt->new_findings = new_findings;
		attempt->fixed_findings = fixed_findings;
		attempt->new_rules = new_rules;
		attempt->coverage = race->spec.gate[GATE_TESTS] ? diff_coverage(answer[0], measure) : -1;
	}
	return true;
}

/* ---- one attempt ---- */

static const json_t *measure(struct race *race, const struct attempt *attempt)
{
	char key[RACE_KEY_BYTES];

	snprintf(key, sizeof(key), "measure/%s", attempt->entry->label);
	if (call_find(race, key))
		return call_find(race, key)->answer;
	return call_workspace(race, key,
			      json_pack("{s:s, s:s, s:s, s:s}", "verb", "measure", "repository", race->spec.repo, "from",
					race->base, "to", attempt->commit));
}

static const json_t *difference(struct race *race, const struct attempt *attempt)
{
	char key[RACE_KEY_BYTES];

	snprintf(key, sizeof(key), "diff/%s", attempt->entry->label);
	if (call_find(race, key))
		return call_find(race, key)->answer;
	return call_workspace(race, key,
			      json_pack("{s:s, s:s, s:s, s:s, s:b, s:i}", "verb", "diff", "repository", race->spec.repo, "from",
					race->base, "to", attempt->commit, "patch", 1, "context", 0));
}

static void judge_still(const struct race *race, struct attempt *attempt, const json_t *patch)
{
	const bool *wanted = race->spec.gate;

	attempt->size = change_size(attempt->measure);
	if (wanted[GATE_CHANGE])
		gate_change(&attempt->gate[GATE_CHANGE], &race->spec, attempt->measure,
			    json_string_value(json_object_get(json_object_get(patch, "result"), "patch")));
	if (wanted[GATE_PROTECTED])
		gate_protected(&attempt->gate[GATE_PROTECTED], &race->spec, attempt->measure);
	if (wanted[GATE_TEXT])
		gate_text(&attempt->gate[GATE_TEXT], attempt->measure);
}

static void skip_rest(const struct race *race, struct attempt *attempt, const char *why)
{
	for (size_t g = 0; g < GATE_COUNT; g++)
		if (race->spec.gate[g] && attempt->gate[g].state == GATE_PENDING)
			gate_say(&attempt->gate[g], GATE_SKIPPED, "%s", why);
}

/* Cases that fail as before, and none that was made to pass: nothing speaks against the attempt, and nothing for it. */
static bool repairs_nothing(const struct attempt *attempt)
{
	return attempt->tests.known && attempt->tests.still_failing > 0 && attempt->tests.fixed == 0;
}

static enum verdict_word verdict_of(const struct race *race, const struct attempt *attempt)
{
	size_t failed = 0, open = 0;

	for (size_t g = 0; g < GATE_COUNT; g++) {
		if (!race->spec.gate[g])
			continue;
		failed += attempt->gate[g].state == GATE_FAILED;
		open += attempt->gate[g].state != GATE_PASSED;
	}
	if (failed || attempt->ended != ENDED_HANDED_IN || (attempt->lied && repairs_nothing(attempt)))
		return NOT_VERIFIED;
	if (open || attempt->lied || repairs_nothing(attempt))
		return WITH_GAPS;
	/* What was only looked at is not proved: something must have been run. */
	return attempt->gate[GATE_TESTS].state == GATE_PASSED || attempt->gate[GATE_CHECKS].state == GATE_PASSED ? VERIFIED
														 : WITH_GAPS;
}

static void say_verdict(const struct race *race, struct attempt *attempt)
{
	const char *state = attempt->verdict == NOT_VERIFIED ? "It does not pass" : "It is not known of it whether it passes";
	bool any = false;

	attempt->why[0] = '\0';
	for (size_t g = 0; g < GATE_COUNT; g++) {
		enum gate_state gate = attempt->gate[g].state;

		if (!race->spec.gate[g] || (attempt->verdict == NOT_VERIFIED ? gate != GATE_FAILED : gate == GATE_PASSED))
			continue;
		if (!any)
			said_add(attempt->why, sizeof(attempt->why), "%s", state);
		said_add(attempt->why, sizeof(attempt->why), "%s %s", any ? "," : "", race_gate_name((enum race_gate)g));
		any = true;
	}
	if (any)
		said_add(attempt->why, sizeof(attempt->why), ".");
	else if (repairs_nothing(attempt))
		said_add(attempt->why, sizeof(attempt->why),
			 "Cases fail as they did at the base, and none of them was made to pass.");
	else if (attempt->verdict == WITH_GAPS && !attempt->lied)
		said_add(attempt->why, sizeof(attempt->why), "It passes all gates, but nothing was run.");
	else if (attempt->tests.still_failing)
		said_add(attempt->why, sizeof(attempt->why), "It passes all gates; %llu case%s at the base.",
			 (unsigned long long)attempt->tests.still_failing,
			 attempt->tests.still_failing == 1 ? " fails as it did" : "s fail as they did");
	else
		said_add(attempt->why, sizeof(attempt->why), "It passes all gates.");
	if (attempt->lied)
		said_add(attempt->why, sizeof(attempt->why), " %s", attempt->lie);
}

void attempt_conclude(struct race *race, struct attempt *attempt)
{
	bool handed_in = attempt->ended == ENDED_HANDED_IN;
	/* A run that somebody else ended has had no chance to make its words true. */
	bool own_end = handed_in || attempt->ended == ENDED_NOTHING;

	attempt->lied = own_end && claim_is_lie(attempt->claim, handed_in, attempt->gate, &attempt->tests, attempt->lie);
	attempt->verdict = verdict_of(race, attempt);
	if (handed_in)
		say_verdict(race, attempt);
	else if (attempt->lied)
		said_add(attempt->why, sizeof(attempt->why), "%s %s",
			 attempt->why[0] && attempt->why[strlen(attempt->why) - 1] != '.' ? "." : "", attempt->lie);
	attempt->judged = true;
}

void attempt_judge(struct race *race, struct attempt *attempt)
{
	char prefix[RACE_KEY_BYTES];
	const json_t *patch;

	if (attempt->phase == PHASE_DONE && !attempt->judged)
		attempt_conclude(race, attempt);
	if (attempt->phase != PHASE_JUDGING)
		return;
	attempt->measure = measure(race, attempt);
	patch = difference(race, attempt);
	if (!attempt->measure || !patch)
		return;
	if (attempt->gate[GATE_CHANGE].state == GATE_PENDING && attempt->gate[GATE_TEXT].state == GATE_PENDING &&
	    attempt->gate[GATE_PROTECTED].state == GATE_PENDING)
		judge_still(race, attempt, patch);
	snprintf(prefix, sizeof(prefix), "gate/%s", attempt->entry->label);
	if (attempt->gate[GATE_CHANGE].state == GATE_FAILED)
		skip_rest(race, attempt, "There is no change to judge.");
	else if (!judge_gates(race, prefix, attempt->commit, &race->reference, attempt->measure, attempt->gate, attempt))
		return;
	attempt->phase = PHASE_DONE;
	attempt_conclude(race, attempt);
}
