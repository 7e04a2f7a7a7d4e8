/* SPDX-License-Identifier: MIT
 *
 * The held set of races: scenarios with what must come of them, each run in many orders of events and with judges that are ended in the middle. With SCENARIO_REWRITE=1 in
 * the environment the transcripts are written anew, to be reviewed as a diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/races/world.h"

static char **paths;
static int path_count;
static unsigned orders = 14;

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *scenario = json_load_file(path, 0, &error);

	if (!scenario)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return scenario;
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static const json_t *attempt_of(const json_t *result, const char *label)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(result, "attempts"), i, one)
		if (strcmp(text(one, "label"), label) == 0)
			return one;
	return NULL;
}

/* ---- what is expected ---- */

static void differs(const struct world *world, const char *what, const json_t *found, const json_t *wanted)
{
	char *is = json_dumps(found, JSON_ENCODE_ANY), *must = json_dumps(wanted, JSON_ENCODE_ANY),
	     *all = json_dumps(world->end, JSON_INDENT(1));

	printf("%s\n", all ? all : "no end");
	fail_msg("%s: %s is %s, not %s", text(world->scenario, "title"), what, is ? is : "nothing", must);
}

static void must_equal(const struct world *world, const char *what, const json_t *found, const json_t *wanted)
{
	if (wanted && !(found && json_equal(found, wanted)) && !(json_is_null(wanted) && !found))
		differs(world, what, found, wanted);
}

/* "attempts": {LABEL: {MEMBER: VALUE, "gates": {GATE: STATE}}}; members of the result by name; "said": texts that stand somewhere in the result. */
static void check_attempts(const struct world *world, const json_t *result, const json_t *expected)
{
	const char *label, *member;
	json_t *wanted, *value;

	json_object_foreach ((json_t *)(uintptr_t)expected, label, wanted) {
		const json_t *attempt = attempt_of(result, label), *gate;
		char what[200];
		size_t i;

		json_object_foreach (wanted, member, value) {
			snprintf(what, sizeof(what), "%s's %s", label, member);
			if (strcmp(member, "gates") != 0)
				must_equal(world, what, json_object_get(attempt, member), value);
		}
		json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
			snprintf(what, sizeof(what), "%s's gate %s", label, text(gate, "gate"));
			must_equal(world, what, json_object_get(gate, "state"),
				   json_object_get(json_object_get(wanted, "gates"), text(gate, "gate")));
		}
	}
}

static void check_said(const struct world *world, const json_t *said)
{
	char *all = json_dumps(world->end, JSON_COMPACT);
	const json_t *one;
	size_t i;

	json_array_foreach (said, i, one)
		if (!strstr(all, json_string_value(one)))
			differs(world, "what was said", world->end, one);
	free(all);
}

static void check_keys(const struct world *world, const json_t *asked, const json_t *not_asked)
{
	const json_t *key;
	size_t i;

	json_array_foreach (asked, i, key)
		if (!json_object_get(world->asked, json_string_value(key)))
			differs(world, "what was asked", world->asked, key);
	json_array_foreach (not_asked, i, key)
		if (json_object_get(world->asked, json_string_value(key)))
			differs(world, "what was not to be asked", world->asked, key);
}

/* spent + reserved <= budget + what others spent beyond what was set aside */
static void check_ledger(const struct world *world, const json_t *result)
{
	const json_t *budget = json_object_get(result, "budget");
	json_int_t bound = json_integer_value(json_object_get(budget, "tokens"));
	json_int_t spent = json_integer_value(json_object_get(budget, "spent_tokens")),
		   reserved = json_integer_value(json_object_get(budget, "reserved_tokens"));

	if (bound && !json_object_get(json_object_get(world->scenario, "expect"), "overspent"))
		assert_true(spent + reserved <= bound);
	if (!json_object_get(world->scenario, "stop"))
		assert_int_equal(reserved, 0);
}

/* What is on the branch is what was chosen. */
static void check_merged(const struct world *world, const json_t *result)
{
	const json_t *merging = json_object_get(result, "merging"),
		     *chosen = attempt_of(result, text(json_object_get(result, "choice"), "label"));
	const char *tip = text(world->refs, "refs/heads/main"), *commit = text(json_object_get(chosen, "change"), "commit");
	const json_t *parents = json_object_get(world->made, tip);

	if (strcmp(text(merging, "state"), "merged") != 0)
		return;
	assert_string_equal(tip, text(merging, "commit"));
	assert_true(strcmp(tip, commit) == 0 || strcmp(json_string_value(json_array_get(parents, 1)), commit) == 0);
	assert_string_not_equal(text(chosen, "verdict"), "not verified");
	if (strcmp(text(merging, "strategy"), "auto") == 0)
		assert_string_equal(text(chosen, "verdict"), "verified");
}

static void check_end(const struct world *world)
{
	const json_t *expect = json_object_get(world->scenario, "expect"), *result = world_result(world);
	const json_t *choice = json_object_get(result, "choice"), *merging = json_object_get(result, "merging");

	must_equal(world, "the choice", json_object_get(choice, "label"), json_object_get(expect, "label"));
	must_equal(world, "the order", json_object_get(choice, "order"), json_object_get(expect, "order"));
	must_equal(world, "what decided", json_object_get(json_array_get(json_object_get(choice, "steps"), 0), "by"),
		   json_object_get(expect, "by"));
	must_equal(world, "whom the model named", json_object_get(json_object_get(choice, "tie_break"), "label"),
		   json_object_get(expect, "tie_break"));
	must_equal(world, "the merging", json_object_get(merging, "state"), json_object_get(expect, "merging"));
	must_equal(world, "the completeness", json_object_get(world->end, "completeness"),
		   json_object_get(expect, "completeness"));
	check_attempts(world, result, json_object_get(expect, "attempts"));
	check_said(world, json_object_get(expect, "said"));
	check_keys(world, json_object_get(expect, "asked"), json_object_get(expect, "not_asked"));
	check_ledger(world, result);
	check_merged(world, result);
	if (json_object_get(expect, "tries_most"))
		assert_true(world->tries_most <= (size_t)json_integer_value(json_object_get(expect, "tries_most")));
	char *page = race_report_markdown(result);
	assert_non_null(page);
	free(page);
}

/* ---- transcripts ---- */

static void transcript_path(const char *scenario, char out[4096])
{
	snprintf(out, 4096, "%.*s.txt", (int)(strlen(scenario) - 5), scenario);
}

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	char *all = calloc(1, 1 << 20);

	if (file) {
		all[fread(all, 1, (1 << 20) - 1, file)] = '\0';
		fclose(file);
	}
	return all;
}

static void compare_transcript(const char *path, const char *now)
{
	char where[4096];
	char *before;
	FILE *file;

	transcript_path(path, where);
	if (getenv("SCENARIO_REWRITE")) {
		file = fopen(where, "w");
		assert_non_null(file);
		fputs(now, file);
		fclose(file);
	}
	before = read_all(where);
	if (strcmp(before, now) != 0) {
		size_t at = 0;

		while (before[at] && before[at] == now[at])
			at++;
		fail_msg("%s differs from what was done, at byte %zu: %.200s; SCENARIO_REWRITE=1 writes it anew", where, at,
			 now + at);
	}
	free(before);
}

static void test_each_scenario_goes_as_its_transcript_says(void **state)
{
	(void)state;
	for (int i = 0; i < path_count; i++) {
		json_t *scenario = load(paths[i]);
		struct world world;
		char *text = NULL;
		size_t bytes = 0;

		world_init(&world, scenario, 0);
		world.transcript = open_memstream(&text, &bytes);
		fprintf(world.transcript, "# %s\n", json_string_value(json_object_get(scenario, "title")));
		world_run(&world, 0);
		fclose(world.transcript);
		check_end(&world);
		compare_transcript(paths[i], text);
		free(text);
		world_release(&world);
		json_decref(scenario);
	}
}

/* ---- properties ---- */

static bool any_order(const json_t *scenario)
{
	return !json_is_true(json_object_get(json_object_get(scenario, "parameters"), "first")) &&
	       !json_object_get(scenario, "stop") && !json_object_get(scenario, "timely");
}

static void test_the_order_of_events_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < path_count; i++) {
		json_t *scenario = load(paths[i]);
		struct world first;

		world_init(&first, scenario, 0);
		world_run(&first, 0);
		for (uint64_t seed = 1; any_order(scenario) && seed <= orders; seed++) {
			struct world world;

			world_init(&world, scenario, seed * 7919);
			world_run(&world, 0);
			check_end(&world);
			must_equal(&world, "the end in another order", world.end, first.end);
			must_equal(&world, "what was asked in another order", world.asked, first.asked);
			world_release(&world);
		}
		world_release(&first);
		json_decref(scenario);
	}
}

/* With `first` somebody else may win each time; but it is one that was verified, and what is merged is what was chosen, also after a restart. */
static void test_the_first_that_is_verified_wins_in_any_order(void **state)
{
	(void)state;
	for (int i = 0; i < path_count; i++) {
		json_t *scenario = load(paths[i]);
		bool first = json_is_true(json_object_get(json_object_get(scenario, "parameters"), "first"));

		for (unsigned seed = 1; first && seed <= orders; seed++) {
			struct world world;

			world_init(&world, scenario, seed * 7919);
			world_run(&world, 4 + seed % 40);
			if (!world.end) {
				world_restart(&world);
				world_run(&world, 0);
			}
			must_equal(&world, "the merging",
				   json_object_get(json_object_get(world_result(&world), "merging"), "state"),
				   json_object_get(json_object_get(scenario, "expect"), "merging"));
			check_merged(&world, world_result(&world));
			world_release(&world);
		}
		json_decref(scenario);
	}
}

/* After any number of events the judge may end; the next one, told the same in another order, asks the same and comes to the same. */
static void test_a_judge_that_is_started_anew_comes_to_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < path_count; i++) {
		json_t *scenario = load(paths[i]);
		struct world first;

		world_init(&first, scenario, 0);
		world_run(&first, 0);
		for (unsigned cut = 2; any_order(scenario) && cut < first.events; cut += 1 + cut / 12) {
			struct world world;

			world_init(&world, scenario, cut * 104729u);
			world_run(&world, cut);
			if (!world.end) {
				world_restart(&world);
				world_run(&world, 0);
			}
			check_end(&world);
			must_equal(&world, "the choice after a restart", json_object_get(world_result(&world), "choice"),
				   json_object_get(world_result(&first), "choice"));
			world_release(&world);
		}
		world_release(&first);
		json_decref(scenario);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_scenario_goes_as_its_transcript_says),
		cmocka_unit_test(test_the_order_of_events_changes_nothing),
		cmocka_unit_test(test_the_first_that_is_verified_wins_in_any_order),
		cmocka_unit_test(test_a_judge_that_is_started_anew_comes_to_the_same),
	};

	if (argc > 1 && strncmp(argv[1], "--orders=", 9) == 0) {
		orders = (unsigned)strtoul(argv[1] + 9, NULL, 10);
		argv++;
		argc--;
	}
	paths = argv + 1;
	path_count = argc - 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
