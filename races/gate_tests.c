/* SPDX-License-Identifier: MIT
 *
 * The gate "tests": the project's own tests, case by case, beside those of the commit that the attempt began with. Nothing that passed may fail, no case may be gone
 * or be skipped that was run, and cases that are new must pass. Who deletes the test that fails is caught by the second rule.
 */
#include <stdio.h>
#include <string.h>

#include "races/gates.h"
#include "races/said.h"

#define KEY_BYTES 900u

enum case_verdict { CASE_SKIPPED = 1, CASE_PASSED, CASE_FAILED };

struct suite {
	json_t *cases; /* key to verdict */
	bool whole;    /* no case is missing because of a bound */
};

struct comparison {
	struct suite base, now;
	struct tests_told told;
	struct gate *gate;
};

static enum case_verdict verdict_of(const json_t *entity)
{
	const char *verdict = said_text(entity, "verdict");

	if (strcmp(verdict, "passed") == 0)
		return CASE_PASSED;
	return strcmp(verdict, "skipped") == 0 ? CASE_SKIPPED : CASE_FAILED;
}

/* Several cases of one name are one, as bad as the worst of them. */
static void add_case(json_t *cases, const json_t *entity)
{
	char key[KEY_BYTES] = "";
	json_int_t verdict = verdict_of(entity);

	said_add(key, sizeof(key), "%.40s\x1f%.400s\x1f%.400s", said_text(entity, "system"), said_text(entity, "suite"),
		 said_text(entity, "name"));
	if (json_integer_value(json_object_get(cases, key)) < verdict)
		json_object_set_new(cases, key, json_integer(verdict));
}

static struct suite suite_of(const json_t *result)
{
	struct suite suite = {.cases = json_object(), .whole = !result_is_cut(result, "entities")};
	const json_t *entity;
	size_t i;

	json_array_foreach (json_object_get(result, "entities"), i, entity)
		if (strcmp(said_text(entity, "kind"), "case") == 0)
			add_case(suite.cases, entity);
	return suite;
}

static enum case_verdict case_in(const struct suite *suite, const char *key)
{
	return (enum case_verdict)json_integer_value(json_object_get(suite->cases, key));
}

/* What people call it: the last part, and the suite if there is one. */
static void case_name(const char *key, char out[300])
{
	const char *suite = strchr(key, '\x1f') + 1, *name = strchr(suite, '\x1f') + 1;

	out[0] = '\0';
	if (name - suite > 1)
		said_add(out, 300, "%.*s: ", (int)(name - suite - 1 < 100 ? name - suite - 1 : 100), suite);
	said_add(out, 300, "%s", name);
}

static void tell_failing(struct comparison *comparison, const char *name)
{
	if (!comparison->told.first_failing[0])
		said_copy(comparison->told.first_failing, sizeof(comparison->told.first_failing), name);
}

static void compare_case(struct comparison *comparison, const char *key, enum case_verdict before)
{
	enum case_verdict now = case_in(&comparison->now, key);
	struct tests_told *told = &comparison->told;
	char name[300];

	case_name(key, name);
	if (now == CASE_FAILED)
		tell_failing(comparison, name);
	if (before != CASE_SKIPPED && (!now || now == CASE_SKIPPED)) {
		told->gone++;
		gate_name(comparison->gate, now ? "skipped" : "gone", name);
	} else if (before == CASE_PASSED && now == CASE_FAILED) {
		told->broken++;
		gate_name(comparison->gate, "broken", name);
	} else if (before == CASE_FAILED && now == CASE_PASSED) {
		told->fixed++;
		gate_name(comparison->gate, "fixed", name);
	} else if (before == CASE_FAILED) {
		told->still_failing++;
		gate_name(comparison->gate, "still_failing", name);
	} else if (before == CASE_SKIPPED && now == CASE_FAILED) {
		told->new_failing++;
		gate_name(comparison->gate, "new_failing", name);
	}
}

static void compare(struct comparison *comparison)
{
	const char *key;
	json_t *verdict;
	char name[300];

	json_object_foreach (comparison->base.cases, key, verdict)
		compare_case(comparison, key, (enum case_verdict)json_integer_value(verdict));
	json_object_foreach (comparison->now.cases, key, verdict) {
		enum case_verdict now = (enum case_verdict)json_integer_value(verdict);

		if (case_in(&comparison->base, key) || now == CASE_SKIPPED)
			continue;
		case_name(key, name);
		if (now == CASE_PASSED) {
			comparison->told.new_passing++;
			continue;
		}
		comparison->told.new_failing++;
		gate_name(comparison->gate, "new_failing", name);
		tell_failing(comparison, name);
	}
	comparison->told.cases = json_object_size(comparison->now.cases);
	comparison->told.known = true;
}

static void count_all(struct gate *gate, const struct tests_told *told)
{
	gate_count(gate, "cases", told->cases);
	gate_count(gate, "broken_count", told->broken);
	gate_count(gate, "gone_count", told->gone);
	gate_count(gate, "fixed_count", told->fixed);
	gate_count(gate, "still_failing_count", told->still_failing);
	gate_count(gate, "new_failing_count", told->new_failing);
	gate_count(gate, "new_passing_count", told->new_passing);
}

/* ---- nothing was run ---- */

static bool any_run(const json_t *result, const char *member)
{
	const json_t *run;
	size_t i;

	json_array_foreach (json_object_get(result, "runs"), i, run)
		if (strcmp(member, "timed_out") == 0 ? said_true(run, member) : said_text(run, member)[0] != 0)
			return true;
	return false;
}

static const char *build_error(const json_t *result)
{
	const json_t *finding;
	size_t i;

	json_array_foreach (json_object_get(result, "findings"), i, finding) {
		const json_t *rule = json_object_get(finding, "rule");

		if (strcmp(said_text(rule, "id"), "build-error") == 0)
			return said_text(rule, "title");
	}
	return NULL;
}

/* No case was read. It is the attempt's doing where the base had cases, and something other than our own means stood in the way. */
static void say_nothing_run(struct comparison *comparison, const json_t *base, const json_t *result)
{
	size_t before = json_object_size(comparison->base.cases);
	const char *error = build_error(result), *reason = result_reason(result);

	if (before == 0)
		gate_say(comparison->gate, GATE_UNKNOWN, "No test case was run, here or at the base: %.300s",
			 reason[0] ? reason : "there are none.");
	else if (error)
		gate_say(comparison->gate, GATE_FAILED, "It does not build: %.250s. At the base %zu cases were run.", error,
			 before);
	else if (any_run(result, "timed_out") && !any_run(base, "timed_out"))
		gate_say(comparison->gate, GATE_FAILED,
			 "The tests did not end in the time they had; at the base they did, with %zu cases.", before);
	else if (any_run(result, "skipped_reason"))
		gate_say(comparison->gate, GATE_UNKNOWN, "The tests could not be run: %.300s", reason);
	else
		gate_say(comparison->gate, GATE_FAILED, "None of the %zu cases of the base was run: %.250s", before, reason);
}

/* ---- what it comes to ---- */

static void first_of(const struct gate *gate, const char *list, char out[200])
{
	const json_t *names = json_object_get(gate->details, list);
	const char *name = json_string_value(json_array_get(names, 0));

	out[0] = '\0';
	said_add(out, 200, "%.180s", name ? name : "");
}

static void say_failed(struct gate *gate, const struct tests_told *told)
{
	char name[200], text[GATE_SENTENCE_BYTES] = "";

	if (told->broken) {
		first_of(gate, "broken", name);
		said_add(text, sizeof(text), "%llu case%s that passed at the base: %s%s. ", (unsigned long long)told->broken,
			 told->broken == 1 ? " fails" : "s fail", name, told->broken > 1 ? ", …" : "");
	}
	if (told->gone) {
		first_of(gate, json_object_get(gate->details, "gone") ? "gone" : "skipped", name);
		said_add(text, sizeof(text), "%llu case%s of the base %s not run any more: %s%s. ",
			 (unsigned long long)told->gone, told->gone == 1 ? "" : "s", told->gone == 1 ? "is" : "are", name,
			 told->gone > 1 ? ", …" : "");
	}
	if (told->new_failing) {
		first_of(gate, "new_failing", name);
		said_add(text, sizeof(text), "%llu new case%s: %s%s. ", (unsigned long long)told->new_failing,
			 told->new_failing == 1 ? " fails" : "s fail", name, told->new_failing > 1 ? ", …" : "");
	}
	text[strlen(text) - 1] = '\0';
	gate_say(gate, GATE_FAILED, "%s", text);
}

static void say_passed(struct gate *gate, const struct tests_told *told)
{
	char text[GATE_SENTENCE_BYTES] = "";

	said_add(text, sizeof(text), "%llu case%s run; none that passed at the base fails", (unsigned long long)told->cases,
		 told->cases == 1 ? " was" : "s were");
	if (told->fixed)
		said_add(text, sizeof(text), ", and %llu that failed there pass%s", (unsigned long long)told->fixed,
			 told->fixed == 1 ? "es" : "");
	if (told->still_failing)
		said_add(text, sizeof(text), "; %llu fail%s as at the base", (unsigned long long)told->still_failing,
			 told->still_failing == 1 ? "s" : "");
	gate_say(gate, GATE_PASSED, "%s.", text);
}

static void conclude(struct comparison *comparison, const json_t *base, const json_t *result)
{
	const struct tests_told *told = &comparison->told;
	struct gate *gate = comparison->gate;

	if (told->broken || (told->gone && comparison->now.whole) || (told->new_failing && comparison->base.whole))
		say_failed(gate, told);
	else if (!comparison->now.whole || !comparison->base.whole)
		gate_say(gate, GATE_UNKNOWN,
			 "There are more cases than could be compared; none of those that were compared got worse.");
	else if (result_is(base, "complete") && !result_is(result, "complete"))
		gate_say(gate, GATE_UNKNOWN, "At the base the tests were run as a whole, here they were not: %.300s",
			 result_reason(result));
	else
		say_passed(gate, told);
}

void gate_tests(struct gate *gate, const json_t *base_outcome, const json_t *outcome, const json_t *measure,
		struct tests_told *out_told)
{
	const json_t *result = gate_result(gate, outcome, "The tests"), *base;
	struct comparison comparison = {.gate = gate};
	struct gate of_base = {0};

	*out_told = (struct tests_told){0};
	if (!result)
		return;
	base = gate_result(&of_base, base_outcome, "The tests of the base");
	comparison.now = suite_of(result);
	comparison.base = suite_of(base);
	if (!base) {
		gate_say(gate, GATE_UNKNOWN, "There is nothing to compare with. %.400s", of_base.sentence);
	} else if (json_object_size(comparison.now.cases) == 0) {
		say_nothing_run(&comparison, base, result);
	} else {
		compare(&comparison);
		count_all(gate, &comparison.told);
		conclude(&comparison, base, result);
		gate_whole_suite(gate, base, result, measure);
	}
	*out_told = comparison.told;
	json_decref(comparison.now.cases);
	json_decref(comparison.base.cases);
	gate_release(&of_base);
}
