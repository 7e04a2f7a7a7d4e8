/* SPDX-License-Identifier: MIT
 *
 * The parts of a race by themselves: parameters, paths, claims, retries, the ledger, refusals, and who is chosen when nobody has said so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "races/choice.h"
#include "races/claim.h"
#include "races/ledger.h"
#include "races/paths.h"
#include "races/race.h"
#include "races/retry.h"
#include "races/said.h"
#include "races/spec.h"

/* ---- parameters ---- */

static json_t *good_parameters(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "repo", "/p", "commit", "main", "prompt", "Fix it",
			 "branch", "refs/heads/main", "merge", "auto", "agents", "label", "claude", "agent", "claude");
}

static void refused(const char *changes, const char *sentence)
{
	json_t *parameters = good_parameters(), *change = json_loads(changes, 0, NULL);
	struct race *race = NULL;
	char why[256] = "";

	assert_non_null(change);
	json_object_update(parameters, change);
	int rc = race_new(parameters, "t", &race, why);

	if (rc != ERR_INVALID_PARAMETERS || strcmp(why, sentence) != 0)
		fail_msg("%s: %d, \"%s\"", changes, rc, why);
	json_decref(parameters);
	json_decref(change);
}

static void test_what_is_wrong_with_parameters_is_said_with_what_would_be_right(void **state)
{
	(void)state;
	refused("{\"retrys\": 1}",
		"parameters.retrys is not known; known are repo, commit, branch, prompt, agents, candidates, merge, gates, "
		"checks, "
		"relevant, first, parallel, retries, budget, approved, setup, notes, protected, tie_break, coverage, workspace");
	refused("{\"repo\": 7}", "parameters.repo is 7; it must be a text of 1 to 4096 bytes");
	refused("{\"commit\": \"\"}", "parameters.commit is \"\"; it must be a text of 1 to 500 bytes");
	refused("{\"prompt\": null}", "parameters.prompt is missing; it must be a text of 1 to 262144 bytes");
	refused("{\"merge\": \"ours\"}", "parameters.merge is \"ours\"; it must be \"theirs\", \"auto\" or \"manual\"");
	refused("{\"branch\": \"main\"}",
		"parameters.branch is \"main\"; it must be a branch by its whole name, such as \"refs/heads/main\", or null");
	refused("{\"branch\": null}", "parameters.branch is missing; it must be the branch to merge to, such as "
				      "\"refs/heads/main\"; without one, merge must be \"manual\"");
	refused("{\"agents\": []}", "parameters.agents is an array; it must be an array of 1 to 16 agents, such as [{\"label\": "
				    "\"claude\", \"agent\": "
				    "\"claude\"}], unless there are candidates");
	refused("{\"agents\": [{\"label\": \"A b\", \"agent\": \"x\"}]}",
		"parameters.agents[0].label is \"A b\"; it must be 1 to 32 of a-z, 0-9, '.', '_' and '-'");
	refused("{\"agents\": [{\"label\": \"a\", \"agent\": \"x\"}, {\"label\": \"a\", \"agent\": \"x\"}]}",
		"parameters.agents[1].label is \"a\"; it must be a label that nobody else in the race has");
	refused("{\"agents\": [{\"label\": \"a\", \"agent\": \"x\", \"modle\": \"m\"}]}",
		"parameters.agents[0].modle is not known; known are label, agent, model, temperature, prompt, level, chosen");
	refused("{\"agents\": [{\"label\": \"a\", \"agent\": \"x\", \"temperature\": 3}]}",
		"parameters.agents[0].temperature is 3; it must be a number from 0 to 2, or null");
	refused("{\"candidates\": [{\"label\": \"a\", \"commit\": \"HEAD\"}]}",
		"parameters.candidates[0].commit is \"HEAD\"; it must be the whole id of a commit, 40 or 64 digits");
	refused("{\"gates\": [\"tests\", \"vibes\"]}",
		"parameters.gates[1] is \"vibes\"; it must be an array of some of \"change\", \"tests\", "
		"\"findings\", \"rules\", \"protected\", \"text\"");
	refused("{\"checks\": [{\"name\": \"a\", \"command\": \"b\"}, {\"name\": \"a\", \"command\": \"c\"}]}",
		"parameters.checks[1].name is \"a\"; it must be a name that no other check has");
	refused("{\"parallel\": -1}", "parameters.parallel is -1; it must be a whole number from 0 to 16");
	refused("{\"retries\": 9}", "parameters.retries is 9; it must be a whole number from 0 to 5");
	refused("{\"first\": \"yes\"}", "parameters.first is \"yes\"; it must be true or false");
	refused("{\"budget\": {\"tokens\": 1.5}}",
		"parameters.budget.tokens is 1.5; it must be a whole number from 0 to 1000000000000000");
	refused("{\"budget\": {\"dollars\": 1}}",
		"parameters.budget.dollars is not known; known are tokens, microusd, time_ms, attempt_tokens, "
		"attempt_microusd, attempt_ms, gate_ms");
	refused("{\"approved\": [{\"tree\": \"abc\"}]}",
		"parameters.approved[0].tree is \"abc\"; it must be the whole id of a tree, 40 or 64 digits");
}

static void test_no_more_than_sixteen_take_part(void **state)
{
	json_t *parameters = good_parameters(), *agents = json_array();
	struct race *race = NULL;
	char why[256] = "";

	(void)state;
	for (int i = 0; i < 17; i++) {
		json_array_append_new(agents, json_pack("{s:o, s:s}", "label", json_sprintf("a%d", i), "agent", "a"));
		json_object_set(parameters, "agents", agents);
		assert_int_equal(race_new(parameters, "t", &race, why), i < 16 ? 0 : ERR_INVALID_PARAMETERS);
		race_free(i < 16 ? race : NULL);
	}
	assert_non_null(strstr(why, "at most 16"));
	json_decref(agents);
	json_decref(parameters);
}

/* ---- paths ---- */

static void test_protected_paths_are_known_under_every_spelling(void **state)
{
	static const char *const yes[] = {".github/workflows/ci.yml",
					  "sub/.GITHUB/Workflows/x",
					  ".claude/settings.json",
					  "a/b/CLAUDE.md",
					  "Agents.md",
					  ".gitattributes",
					  "x/.GitModules",
					  ".vscode/tasks.json",
					  ".husky/pre-commit",
					  ".envrc",
					  ".git/config",
					  ".git/hooks/pre-commit",
					  ".git.",
					  ".git /x",
					  "git~1/config",
					  ".g\xe2\x80\x8cit/config",
					  ".github./workflows/a",
					  ".vscode::$INDEX_ALLOCATION/tasks.json",
					  ".mcp.json",
					  "Jenkinsfile.release",
					  ".opencode\\plugin\\a.js",
					  "packages/a/.npmrc",
					  ".yarn/releases/yarn.cjs",
					  "project.code-workspace"};
	static const char *const no[] = {
		"src/main.c",        "github/workflows.c", "docs/claude.txt", "src/git.c", "gitattributes",  "vscode/a", "a.git",
		"hooks/useLogin.js", "src/agents.c",       ".gitignore",      "ci.yml",    "src/mcp.json.c", "README.md"};
	char memory[256];

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!path_protected(yes[i], NULL, memory))
			fail_msg("%s is not protected", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (path_protected(no[i], NULL, memory))
			fail_msg("%s is protected: %s", no[i], path_protected(no[i], NULL, memory));
}

static void test_globs_fit_as_they_say(void **state)
{
	static const struct {
		const char *glob, *path;
		bool fits;
	} cases[] = {
		{"*.c", "src/a.c", true},
		{"*.c", "src/a.h", false},
		{"src/*.c", "src/a.c", true},
		{"src/*.c", "src/b/a.c", false},
		{"src/**", "src/b/a.c", true},
		{"src/**", "other/a.c", false},
		{"**/a.c", "a.c", true},
		{"**/a.c", "x/y/a.c", true},
		{"src/**/a.c", "src/a.c", true},
		{"a?c", "abc", true},
		{"a?c", "a/c", false},
		{"[a-c].c", "b.c", true},
		{"[!a-c].c", "b.c", false},
		{"[a-c].c", "B.c", false},
		{"[", "[", true},
		{"[]a]", "]", true},
		{"", "", true},
		{"*", "", true},
		{"a*b*c", "aXXbYYc", true},
		{"a*b*c", "aXXbYY", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (path_fits(cases[i].glob, cases[i].path, false) != cases[i].fits)
			fail_msg("%s and %s", cases[i].glob, cases[i].path);
	assert_true(path_fits("SRC/*.C", "src/a.c", true));
	assert_true(path_made("a/node_modules/b.js"));
	assert_false(path_made("src/core/a.c"));
}

static void test_a_glob_full_of_stars_ends(void **state)
{
	char glob[400] = "", path[400];

	(void)state;
	for (int i = 0; i < 90; i++)
		strcat(glob, "**a");
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	strcat(glob, "b");
	path_fits(glob, path, true);
}

/* ---- claims ---- */

static void test_a_claim_that_tests_pass_is_heard_and_its_denial_too(void **state)
{
	static const char *const yes[] = {"All tests pass.",   "I fixed it. All 12 tests pass now!", "- the test suite is green",
					  "Tests are passing", "pytest: 5 passed, 0 failed",         "The tests all succeed"};
	static const char *const no[] = {"The tests do not pass",
					 "Tests should pass now",
					 "I couldn't run the tests, it may pass",
					 "I added a test",
					 "Fixed the login",
					 "2 tests still fail",
					 "Run the tests to make sure they pass if you like",
					 "Unable to make the tests pass",
					 "The password is green"};
	char quote[200];

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!claim_says_tests_pass(yes[i], quote))
			fail_msg("not heard: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (claim_says_tests_pass(no[i], quote))
			fail_msg("heard: %s", no[i]);
}

/* ---- retries ---- */

static void test_every_class_of_error_has_its_row(void **state)
{
	static const char *const classes[] = {
#define AGENT_CLASS(upper, lower, retry, sentence) #lower,
#include "clones/agents/classes.def"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!retry_knows(classes[i]))
			fail_msg("races/retries.def has no row for %s", classes[i]);
	assert_false(retry_knows("none"));
}

static void test_waits_grow_and_servers_are_obeyed(void **state)
{
	struct retry_facts facts = {.error_class = "network", .again_max = 9};

	(void)state;
	assert_int_equal(retry_plan(&facts).wait_ms, 2000);
	facts.again = 1;
	assert_int_equal(retry_plan(&facts).wait_ms, 4000);
	facts.again = 8;
	assert_int_equal(retry_plan(&facts).wait_ms, RETRY_WAIT_MAX_MS);
	facts.retry_after_ms = 90000;
	assert_int_equal(retry_plan(&facts).wait_ms, 90000);
	facts.retry_after_ms = RETRY_ASKED_MAX_MS + 1;
	assert_int_equal(retry_plan(&facts).kind, RETRY_END);
	facts = (struct retry_facts){.error_class = "rate_limit", .again_max = 1, .lane = true, .retry_after_ms = 5};
	assert_int_equal(retry_plan(&facts).kind, RETRY_LANE);
	facts.error_class = "server";
	assert_int_equal(retry_plan(&facts).kind, RETRY_AGAIN);
	facts.again = 1;
	assert_int_equal(retry_plan(&facts).kind, RETRY_LANE);
	facts.error_class = "auth";
	assert_int_equal(retry_plan(&facts).kind, RETRY_LANE);
	facts.lane = false;
	facts.again = 0;
	assert_int_equal(retry_plan(&facts).kind, RETRY_END);
}

/* ---- the ledger ---- */

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static void test_no_more_is_spent_and_set_aside_than_there_is(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int run = 0; run < 300; run++) {
		struct ledger ledger = {.budget = next(&seed) % 3 ? 1 + next(&seed) % 1000 : 0};
		uint64_t open[32], count = 0, spent = 0;

		for (int i = 0; i < 200; i++) {
			uint64_t amount = next(&seed) % 300;

			if (count < 32 && next(&seed) % 2) {
				uint64_t left = ledger_left(&ledger);
				bool fits = ledger_reserve(&ledger, amount);

				assert_int_equal(fits, amount <= left);
				if (fits)
					open[count++] = amount;
			} else if (count) {
				uint64_t used =
					next(&seed) % 8 ? open[count - 1] * (next(&seed) % 101) / 100 : open[count - 1] + amount;

				ledger_settle(&ledger, open[--count], used);
				spent += used;
			}
			assert_true(ledger_holds(&ledger));
			assert_int_equal(ledger.spent, spent);
		}
		while (count)
			ledger_settle(&ledger, open[--count], 0);
		assert_int_equal(ledger.reserved, 0);
	}
}

/* ---- text ---- */

static void test_text_is_cut_between_characters(void **state)
{
	char out[8] = "";
	json_t *json;

	(void)state;
	said_copy(out, sizeof(out), "abcdef\xc3\xa9");
	assert_string_equal(out, "abcdef");
	out[0] = '\0';
	said_add(out, sizeof(out), "%.3s|", "a\xe2\x82\xac"); /* the precision cuts the euro in two */
	assert_string_equal(out, "a|");
	json = said_cut("0123456789", 6);
	assert_string_equal(json_string_value(json), "012\xe2\x80\xa6");
	json_decref(json);
	json = said_cut("a\x1b[31mb\n", 100);
	assert_string_equal(json_string_value(json), "a [31mb\n");
	json_decref(json);
	assert_int_equal(said_sum(UINT64_MAX, 5), UINT64_MAX / 2);
}

/* ---- refusals ---- */

static size_t step(struct race *race, uint64_t now_ms, enum race_event_kind kind, const char *key, const char *json,
		   struct race_acts *acts)
{
	json_t *value = json ? json_loads(json, 0, NULL) : NULL;

	race_acts_release(acts);
	assert_int_equal(race_step(race, now_ms, &(struct race_event){kind, key, value}, acts), 0);
	json_decref(value);
	return acts->count;
}

static const struct race_act *act_of(const struct race_acts *acts, enum race_act_kind kind, const char *key)
{
	for (size_t i = 0; i < acts->count; i++)
		if (acts->act[i].kind == kind && (!key || strcmp(acts->act[i].key, key) == 0))
			return &acts->act[i];
	return NULL;
}

#define BASE_ANSWER "{\"result\": {\"commits\": [{\"id\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}}"

static struct race *begun(struct race_acts *acts)
{
	json_t *parameters = good_parameters();
	struct race *race = NULL;
	char why[256];

	assert_int_equal(race_new(parameters, "t", &race, why), 0);
	json_decref(parameters);
	step(race, 1, RACE_BEGUN, NULL, "{}", acts);
	step(race, 2, RACE_ANSWERED, "base/commit", BASE_ANSWER, acts);
	return race;
}

static void test_who_is_refused_for_now_is_sent_again_and_in_the_end_given_up(void **state)
{
	struct race_acts acts = {0};
	struct race *race = begun(&acts);
	uint64_t now_ms = 2;

	(void)state;
	assert_non_null(act_of(&acts, RACE_REQUEST, "try/claude/1"));
	for (int i = 0; i < 8; i++) {
		step(race, now_ms, RACE_REFUSED, "try/claude/1", "{\"code\": \"overloaded\", \"retry_after_ms\": 70000}", &acts);
		assert_null(act_of(&acts, RACE_REQUEST, "try/claude/1"));
		assert_non_null(act_of(&acts, RACE_WAIT, NULL));
		step(race, now_ms + 69999, RACE_TIME, NULL, NULL, &acts);
		assert_null(act_of(&acts, RACE_REQUEST, "try/claude/1"));
		now_ms += 300000;
		step(race, now_ms, RACE_TIME, NULL, NULL, &acts);
		assert_non_null(act_of(&acts, RACE_REQUEST, "try/claude/1"));
	}
	step(race, now_ms, RACE_REFUSED, "try/claude/1", "{\"code\": \"overloaded\"}", &acts);
	step(race, now_ms + 900000, RACE_TIME, NULL, NULL, &acts);
	assert_null(act_of(&acts, RACE_REQUEST, "try/claude/1"));
	race_acts_release(&acts);
	race_free(race);
}

static void test_what_was_answered_or_never_asked_changes_nothing(void **state)
{
	struct race_acts acts = {0};
	struct race *race = begun(&acts);

	(void)state;
	assert_int_equal(step(race, 3, RACE_ANSWERED, "base/commit", "{\"error\": {}}", &acts), 0);
	assert_int_equal(step(race, 3, RACE_OUTCOME, "try/nobody/1", "{\"state\": \"completed\"}", &acts), 0);
	assert_int_equal(step(race, 3, RACE_ANSWERED, "try/claude/1", "{\"result\": {}}", &acts), 0);
	assert_int_equal(step(race, 3, RACE_BEGUN, NULL, "{}", &acts), 0);
	race_acts_release(&acts);
	race_free(race);
}

static void test_a_race_that_is_stopped_ends_at_once_and_cancels_what_runs(void **state)
{
	struct race_acts acts = {0};
	struct race *race = begun(&acts);

	(void)state;
	step(race, 5, RACE_STOP, NULL, "{\"reason\": \"enough\"}", &acts);
	assert_non_null(act_of(&acts, RACE_CANCEL, "try/claude/1"));
	assert_non_null(act_of(&acts, RACE_CANCEL, "base/tests"));
	assert_non_null(act_of(&acts, RACE_END, NULL));
	assert_int_equal(step(race, 6, RACE_TIME, NULL, NULL, &acts), 0);
	race_acts_release(&acts);
	race_free(race);
}

static void test_a_cancel_that_nobody_answers_is_not_waited_for_for_ever(void **state)
{
	json_t *parameters = good_parameters();
	struct race_acts acts = {0};
	struct race *race = NULL;
	char why[256];

	(void)state;
	json_object_set_new(parameters, "budget", json_pack("{s:i}", "time_ms", 100000));
	assert_int_equal(race_new(parameters, "t", &race, why), 0);
	step(race, 0, RACE_BEGUN, NULL, "{}", &acts);
	step(race, 0, RACE_ANSWERED, "base/commit", BASE_ANSWER, &acts);
	step(race, 75000, RACE_TIME, NULL, NULL, &acts);
	assert_non_null(act_of(&acts, RACE_CANCEL, "try/claude/1"));
	assert_null(act_of(&acts, RACE_END, NULL));
	step(race, 97000, RACE_TIME, NULL, NULL, &acts);
	assert_non_null(act_of(&acts, RACE_END, NULL));
	race_acts_release(&acts);
	race_free(race);
	json_decref(parameters);
}

/* ---- who is chosen ---- */

static void test_work_is_estimated_from_its_words(void **state)
{
	static const struct {
		const char *prompt;
		unsigned level;
	} cases[] = {{"Fix a typo in the README", 1},
		     {"Rename the variable and fix the spelling of the comment", 1},
		     {"Add error handling to the login function", 2},
		     {"", 2},
		     {"Refactor the scheduler so that there is no race condition and no deadlock", 3},
		     {"Redesign the protocol:\n- codec\n- state machine\n- tests\n- migration of old files\n", 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct choice_estimate estimate = choice_estimate(&(struct choice_task){.prompt = cases[i].prompt});

		if (estimate.level != cases[i].level)
			fail_msg("%s: %u, %s", cases[i].prompt, estimate.level, estimate.why);
		assert_true(estimate.why[0]);
	}
}

static void test_simple_work_goes_to_who_is_cheap_and_hard_work_to_who_succeeds(void **state)
{
	static const struct choice_agent agents[] = {
		{.name = "claude", .level = 3, .cost_microusd = 300000, .attempts = 20, .verified = 18},
		{.name = "codex", .level = 3, .cost_microusd = 100000, .attempts = 20, .verified = 12},
		{.name = "local", .level = 1, .cost_microusd = 0, .attempts = 10, .verified = 5},
		{.name = "gone", .level = 3, .unusable = true}};
	struct choice_picked picked[5];

	(void)state;
	assert_int_equal(choice_agents(agents, 4, 1, 1, picked), 1);
	assert_string_equal(agents[picked[0].index].name, "local");
	assert_int_equal(choice_agents(agents, 4, 2, 2, picked), 2);
	assert_string_equal(agents[picked[0].index].name, "codex");
	assert_int_equal(choice_agents(agents, 4, 3, 5, picked), 5);
	assert_string_equal(agents[picked[0].index].name, "claude");
	assert_string_equal(agents[picked[1].index].name, "codex");
	assert_string_equal(agents[picked[2].index].name, "local");
	assert_string_equal(agents[picked[3].index].name, "claude");
	assert_string_equal(
		picked[0].why,
		"claude is good for hard work, 18 of 20 attempts at such work succeeded, and a success costs about $0.3474.");
	assert_non_null(strstr(picked[2].why, "nobody else is left"));
	assert_non_null(strstr(picked[3].why, "once more"));
	assert_int_equal(choice_agents(&agents[3], 1, 3, 5, picked), 0);
}

/* What costs nothing and never works costs too much; but it comes back where there is nobody else. */
static void test_who_nearly_always_fails_comes_last_however_cheap(void **state)
{
	struct choice_agent agents[] = {{.name = "free", .level = 3, .attempts = 2},
					{.name = "paid", .level = 2, .cost_microusd = 300000}};
	struct choice_picked picked[2];

	(void)state;
	choice_agents(agents, 2, 2, 1, picked);
	assert_int_equal(picked[0].index, 0);
	agents[0].attempts = 3;
	choice_agents(agents, 2, 2, 2, picked);
	assert_int_equal(picked[0].index, 1);
	assert_int_equal(picked[1].index, 0);
	assert_non_null(strstr(picked[1].why, "0 of 3 attempts at such work succeeded"));
	choice_agents(agents, 2, 3, 1, picked);
	assert_int_equal(picked[0].index, 1);
	agents[1].unusable = true;
	assert_int_equal(choice_agents(agents, 2, 2, 1, picked), 1);
	assert_int_equal(picked[0].index, 0);
}

/* ---- reports ---- */

static void test_a_report_takes_anything_and_lets_nothing_in(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "7", "{\"attempts\": 3, \"choice\": []}",
		"{\"text\": \"<script>alert(1)</script> | `x`\\n# head\", \"attempts\": [{\"label\": \"a|b\"}, null]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);
		char *page = race_report_markdown(json);

		assert_non_null(page);
		assert_null(strstr(page, "<script>"));
		assert_null(strstr(page, "\n# head"));
		free(page);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wrong_with_parameters_is_said_with_what_would_be_right),
		cmocka_unit_test(test_no_more_than_sixteen_take_part),
		cmocka_unit_test(test_protected_paths_are_known_under_every_spelling),
		cmocka_unit_test(test_globs_fit_as_they_say),
		cmocka_unit_test(test_a_glob_full_of_stars_ends),
		cmocka_unit_test(test_a_claim_that_tests_pass_is_heard_and_its_denial_too),
		cmocka_unit_test(test_every_class_of_error_has_its_row),
		cmocka_unit_test(test_waits_grow_and_servers_are_obeyed),
		cmocka_unit_test(test_no_more_is_spent_and_set_aside_than_there_is),
		cmocka_unit_test(test_text_is_cut_between_characters),
		cmocka_unit_test(test_who_is_refused_for_now_is_sent_again_and_in_the_end_given_up),
		cmocka_unit_test(test_what_was_answered_or_never_asked_changes_nothing),
		cmocka_unit_test(test_a_race_that_is_stopped_ends_at_once_and_cancels_what_runs),
		cmocka_unit_test(test_a_cancel_that_nobody_answers_is_not_waited_for_for_ever),
		cmocka_unit_test(test_work_is_estimated_from_its_words),
		cmocka_unit_test(test_simple_work_goes_to_who_is_cheap_and_hard_work_to_who_succeeds),
		cmocka_unit_test(test_who_nearly_always_fails_comes_last_however_cheap),
		cmocka_unit_test(test_a_report_takes_anything_and_lets_nothing_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
