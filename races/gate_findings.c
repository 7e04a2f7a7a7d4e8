/* SPDX-License-Identifier: MIT
 *
 * The gates "findings" and "rules": what Beta and Gamma find in an attempt and did not find in the commit that it began with. Findings are known again by their
 * fingerprints; those of a file that was renamed by rule and line; cycles by the modules in them.
 */
#include <string.h>

#include "races/gates.h"
#include "races/said.h"

struct pair {
	const json_t *base, *now; /* results */
	struct gate *gate;
};

static const json_t *rule_of(const json_t *finding)
{
	return json_object_get(finding, "rule");
}

static const json_t *place_of(const json_t *finding)
{
	return json_object_get(finding, "loc");
}

static bool counts(const json_t *finding)
{
	const char *state = said_text(finding, "state"), *verdict = said_text(json_object_get(finding, "verdict"), "value");

	return said_text(finding, "fingerprint")[0] && strcmp(state, "suppressed") != 0 && strcmp(state, "fixed") != 0 &&
	       strcmp(verdict, "false_positive") != 0;
}

static json_t *fingerprints(const json_t *result)
{
	json_t *set = json_object();
	const json_t *finding;
	size_t i;

	json_array_foreach (json_object_get(result, "findings"), i, finding)
		if (counts(finding))
			json_object_set_new(set, said_text(finding, "fingerprint"), json_true());
	return set;
}

static bool is_bad(const json_t *finding)
{
	const char *severity = said_text(finding, "severity");
	const json_t *context = json_object_get(finding, "context"), *confidence = json_object_get(finding, "confidence");

	if (strcmp(severity, "critical") != 0 && strcmp(severity, "high") != 0)
		return false;
	if (said_true(context, "in_test") || said_true(context, "vendored"))
		return false;
	return !json_is_number(confidence) || json_number_value(confidence) >= GATE_CONFIDENCE_MIN;
}

static void describe(const json_t *finding, char out[400])
{
	const json_t *loc = place_of(finding);

	out[0] = '\0';
	if (said_text(loc, "path")[0])
		said_add(out, 400, "%.150s:%llu: ", said_text(loc, "path"), (unsigned long long)said_number(loc, "line"));
	said_add(out, 400, "%.200s", said_text(rule_of(finding), "title"));
}

static const char *renamed_from(const json_t *measure, const char *path)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(measure, "result"), "paths"), i, one)
		if (strcmp(said_text(one, "path"), path) == 0)
			return said_text(one, "old_path");
	return "";
}

/* The same line under the same rule, in the file as it was called before. */
static bool has_moved(const struct pair *pair, const json_t *measure, const json_t *finding)
{
	const char *old_path = renamed_from(measure, said_text(place_of(finding), "path"));
	const json_t *before;
	size_t i;

	if (!old_path[0])
		return false;
	json_array_foreach (json_object_get(pair->base, "findings"), i, before)
		if (strcmp(said_text(place_of(before), "path"), old_path) == 0 &&
		    strcmp(said_text(rule_of(before), "id"), said_text(rule_of(finding), "id")) == 0 &&
		    strcmp(said_text(place_of(before), "snippet"), said_text(place_of(finding), "snippet")) == 0)
			return true;
	return false;
}

static size_t missing(json_t *from, json_t *in)
{
	const char *key;
	json_t *value;
	size_t count = 0;

	json_object_foreach (from, key, value)
		count += !json_object_get(in, key);
	return count;
}

/* True: both results are there, and neither says more than the other can be compared with. */
static bool comparable(struct pair *pair, const json_t *base_outcome, const json_t *outcome, const char *what, const char *list)
{
	struct gate of_base = {0};
	bool fine = false;

	pair->now = gate_result(pair->gate, outcome, what);
	pair->base = pair->now ? gate_result(&of_base, base_outcome, what) : NULL;
	if (!pair->now)
		return false;
	if (!pair->base)
		gate_say(pair->gate, GATE_UNKNOWN, "There is nothing to compare with; at the base: %.350s", of_base.sentence);
	else if (result_is(pair->now, "blocked") || !said_list(pair->now, list))
		gate_say(pair->gate, GATE_UNKNOWN, "%s could not do its work: %.350s", what, result_reason(pair->now));
	else if (result_is(pair->base, "blocked") || !said_list(pair->base, list))
		gate_say(pair->gate, GATE_UNKNOWN, "There is nothing to compare with; at the base: %.350s",
			 result_reason(pair->base));
	else if (result_is_cut(pair->now, list) || result_is_cut(pair->base, list))
		gate_say(pair->gate, GATE_UNKNOWN, "%s found more than could be compared.", what);
	else
		fine = true;
	gate_release(&of_base);
	return fine;
}

/* What was looked at as a whole before, and is not now, may hide what is new. */
static bool looked_less(const struct pair *pair)
{
	return result_is(pair->base, "complete") && !result_is(pair->now, "complete");
}

void gate_findings(struct gate *gate, const json_t *base_outcome, const json_t *outcome, const json_t *measure, int64_t *out_new,
		   int64_t *out_fixed)
{
	struct pair pair = {.gate = gate};
	json_t *before, *now;
	const json_t *finding;
	uint64_t fresh = 0, bad = 0, moved = 0;
	char first[400] = "", text[400];
	size_t i;

	*out_new = *out_fixed = -1;
	if (!comparable(&pair, base_outcome, outcome, "The search for weaknesses", "findings"))
		return;
	before = fingerprints(pair.base);
	now = fingerprints(pair.now);
	json_array_foreach (json_object_get(pair.now, "findings"), i, finding) {
		if (!counts(finding) || json_object_get(before, said_text(finding, "fingerprint")))
			continue;
		if (has_moved(&pair, measure, finding)) {
			moved++;
			continue;
		}
		fresh++;
		describe(finding, text);
		if (is_bad(finding) && bad++ == 0)
			said_copy(first, sizeof(first), text);
		gate_name(gate, is_bad(finding) ? "bad" : "new", text);
	}
	*out_new = (int64_t)fresh;
	*out_fixed = (int64_t)missing(before, now) - (int64_t)moved;
	*out_fixed = *out_fixed < 0 ? 0 : *out_fixed;
	gate_count(gate, "new_count", fresh);
	gate_count(gate, "bad_count", bad);
	gate_count(gate, "fixed_count", (uint64_t)*out_fixed);
	if (bad)
		gate_say(gate, GATE_FAILED, "%llu new finding%s of severity high or critical: %.350s%s", (unsigned long long)bad,
			 bad == 1 ? "" : "s", first, bad > 1 ? ", …" : ".");
	else if (looked_less(&pair))
		gate_say(gate, GATE_UNKNOWN, "At the base everything was looked at, here it was not: %.300s",
			 result_reason(pair.now));
	else
		gate_say(gate, GATE_PASSED, "%llu new finding%s, %llu fewer than at the base.", (unsigned long long)fresh,
			 fresh == 1 ? "" : "s", (unsigned long long)*out_fixed);
	json_decref(before);
	json_decref(now);
}

/* ---- rules ---- */

static bool holds_all(const json_t *modules, const json_t *of)
{
	const json_t *module, *other;
	size_t i, j;

	json_array_foreach (of, i, module) {
		bool found = false;

		json_array_foreach (modules, j, other)
			found = found || json_equal(module, other);
		if (!found)
			return false;
	}
	return true;
}

static bool cycle_was_there(const struct pair *pair, const json_t *cycle)
{
	const json_t *entity;
	size_t i;

	json_array_foreach (json_object_get(pair->base, "entities"), i, entity)
		if (strcmp(said_text(entity, "kind"), "cycle") == 0 &&
		    holds_all(said_list(entity, "modules"), said_list(cycle, "modules")))
			return true;
	return false;
}

static void describe_cycle(const json_t *cycle, char out[400])
{
	const json_t *modules = said_list(cycle, "modules"), *module;
	size_t i;

	out[0] = '\0';
	json_array_foreach (modules, i, module)
		if (i < 6 && json_is_string(module))
			said_add(out, 300, "%s%.80s", i ? ", " : "", json_string_value(module));
	if (json_array_size(modules) > 6)
		said_add(out, 400, ", …");
}

static uint64_t new_cycles(const struct pair *pair, char first[400])
{
	const json_t *entity;
	uint64_t count = 0;
	char text[400];
	size_t i;

	json_array_foreach (json_object_get(pair->now, "entities"), i, entity) {
		if (strcmp(said_text(entity, "kind"), "cycle") != 0 || cycle_was_there(pair, entity))
			continue;
		describe_cycle(entity, text);
		gate_name(pair->gate, "cycles", text);
		if (count++ == 0)
			said_copy(first, 400, text);
	}
	return count;
}

/* Figures of the whole, and of its history, move with every change: they are no rules. Cycles are judged by their modules. */
static bool is_rule(const json_t *finding)
{
	static const char *const not_rules[] = {"import-cycle", "hub", "hotspot", "hidden-coupling", "unresolved-import"};
	const char *severity = said_text(finding, "severity");

	for (size_t i = 0; i < sizeof(not_rules) / sizeof(not_rules[0]); i++)
		if (strcmp(said_text(rule_of(finding), "id"), not_rules[i]) == 0)
			return false;
	return strcmp(severity, "info") != 0 && strcmp(severity, "low") != 0;
}

static uint64_t new_violations(const struct pair *pair, char first[400])
{
	json_t *before = fingerprints(pair->base);
	const json_t *finding;
	uint64_t count = 0;
	char text[400];
	size_t i;

	json_array_foreach (json_object_get(pair->now, "findings"), i, finding) {
		if (!counts(finding) || !is_rule(finding) || json_object_get(before, said_text(finding, "fingerprint")))
			continue;
		describe(finding, text);
		gate_name(pair->gate, "violations", text);
		if (count++ == 0)
			said_copy(first, 400, text);
	}
	json_decref(before);
	return count;
}

void gate_rules(struct gate *gate, const json_t *base_outcome, const json_t *outcome, int64_t *out_new)
{
	struct pair pair = {.gate = gate};
	char cycle[400] = "", violation[400] = "";
	uint64_t cycles, violations;

	*out_new = -1;
	if (!comparable(&pair, base_outcome, outcome, "The look at the architecture", "entities"))
		return;
	cycles = new_cycles(&pair, cycle);
	violations = new_violations(&pair, violation);
	*out_new = (int64_t)(cycles + violations);
	gate_count(gate, "cycles_count", cycles);
	gate_count(gate, "violations_count", violations);
	if (cycles)
		gate_say(gate, GATE_FAILED, "%llu new cycle%s of modules: %.350s%s", (unsigned long long)cycles,
			 cycles == 1 ? "" : "s", cycle, cycles > 1 ? "; …" : ".");
	else if (violations)
		gate_say(gate, GATE_FAILED, "%llu new violation%s of the rules: %.350s%s", (unsigned long long)violations,
			 violations == 1 ? "" : "s", violation, violations > 1 ? "; …" : ".");
	else if (looked_less(&pair))
		gate_say(gate, GATE_UNKNOWN, "At the base everything was looked at, here it was not: %.300s",
			 result_reason(pair.now));
	else
		gate_say(gate, GATE_PASSED, "No new cycle, and no rule is broken that was kept.");
}
