/* SPDX-License-Identifier: MIT
 *
 * Beta on what its programs really printed about a small repository (data/beta), whole, cut and spoilt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/beta_inner.h"
#include "clones/specialists.h"

#define TOOLS 5

static const struct {
	const char *step, *file;
	int exit_status;
} recorded[TOOLS] = {{"calls", "calls.json", 0},
		     {"secrets", "secrets.json", 0},
		     {"flawfinder", "flawfinder.csv", 0},
		     {"bandit", "bandit.json", 1},
		     {"shellcheck", "shellcheck.json", 1}};

struct world {
	struct target target;
	struct arena *arena;
	struct plan plan;
	struct output outputs[PLAN_STEPS_MAX];
	char *data[TOOLS];
	size_t bytes[TOOLS];
};

static char *file_read(const char *name, size_t *out_bytes)
{
	char path[512], *text;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/clones/data/beta/%s", SOURCE_DIR, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	text = malloc(1u << 16);
	assert_non_null(text);
	*out_bytes = fread(text, 1, (1u << 16) - 1, file);
	text[*out_bytes] = 0;
	fclose(file);
	return text;
}

static struct step *step_of(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->plan.count; i++) {
		if (strcmp(world->plan.step[i].name, name) == 0)
			return &world->plan.step[i];
	}
	return NULL;
}

static struct output *output_of(struct world *world, const char *name)
{
	struct step *step = step_of(world, name);

	assert_non_null(step);
	return &world->outputs[step - world->plan.step];
}

static void plan_make(struct world *world)
{
	char why[256] = "";

	assert_int_equal(beta_specialist.plan(&world->target, world->arena, &world->plan, why), 0);
}

static int world_open(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	size_t bytes;
	char *inventory = file_read("inventory.json", &bytes);

	assert_non_null(world);
	world->target = (struct target){.repository = "/srv/sample",
					.inventory = json_loadb(inventory, bytes, 0, NULL),
					.parameters = json_object(),
					.task_id = "018f",
					.started = "2026-01-01T00:00:00Z"};
	assert_non_null(world->target.inventory);
	free(inventory);
	world->arena = arena_new();
	plan_make(world);
	assert_int_equal(world->plan.count, TOOLS);
	for (size_t i = 0; i < TOOLS; i++) {
		struct output *output = output_of(world, recorded[i].step);

		world->data[i] = file_read(recorded[i].file, &world->bytes[i]);
		output->ran = true;
		output->exit_status = recorded[i].exit_status;
		output->out = (struct bytes){(const uint8_t *)world->data[i], (uint32_t)world->bytes[i]};
	}
	*state = world;
	return 0;
}

static int world_close(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < TOOLS; i++)
		free(world->data[i]);
	json_decref(world->target.inventory);
	json_decref(world->target.parameters);
	arena_free(world->arena);
	free(world);
	return 0;
}

static json_t *conclude(struct world *world)
{
	json_t *result = beta_specialist.conclude(&world->target, &world->plan, world->outputs);

	assert_non_null(result);
	return result;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static const char *status_of(const json_t *result)
{
	return text_of(result, "status");
}

static bool reason_has(const json_t *result, const char *part)
{
	return strstr(text_of(result, "status_reason"), part) != NULL;
}

static bool anywhere(const json_t *result, const char *text)
{
	char *whole = json_dumps(result, 0);
	char *report = report_markdown(result);
	bool found;

	assert_non_null(whole);
	assert_non_null(report);
	found = strstr(whole, text) || strstr(report, text);
	free(whole);
	free(report);
	return found;
}

/* "severity family path:line function tool tool" of a finding. */
static void describe(const json_t *finding, char out[256])
{
	const json_t *place = json_object_get(finding, "loc"), *evidence;
	size_t index;
	int used = snprintf(out, 256, "%s %s %s:%d %s", text_of(finding, "severity"),
			    text_of(json_object_get(finding, "rule"), "family"), text_of(place, "path"),
			    (int)json_integer_value(json_object_get(place, "line")), text_of(place, "function"));

	json_array_foreach (json_object_get(finding, "evidence"), index, evidence)
		used += snprintf(out + used, 256 - (size_t)used, " %s", text_of(evidence, "rule"));
}

static void test_five_programs_make_one_list_of_findings(void **state)
{
	static const char *const expected[] = {
		"high command-injection app.py:9 run python.subprocess-shell B602",
		"high unsafe-deserialization app.py:13 load python.yaml-load B506",
		"high command-injection copy.c:13 main c.system shell/system",
		"high format-string copy.c:11 main c.printf format/printf",
		"high hardcoded-secret .env:1  env-file",
		"high buffer-overflow copy.c:10 main c.strcpy buffer/strcpy",
		"high untrusted-download run.sh:2  shell.pipe-to-shell",
		"medium hardcoded-secret app.py:4  assigned-secret",
		"high shell-quoting run.sh:3  SC2086 SC2115",
		"high shell-quoting run.sh:4  SC2115",
	};
	json_t *result = conclude(*state);
	const json_t *findings = json_object_get(result, "findings");
	size_t count = sizeof(expected) / sizeof(expected[0]);
	char found[256];

	assert_string_equal(status_of(result), "complete");
	for (size_t e = 0; e < count; e++) {
		bool seen = false;

		for (size_t i = 0; i < json_array_size(findings) && !seen; i++) {
			describe(json_array_get(findings, i), found);
			seen = strcmp(found, expected[e]) == 0;
		}
		if (!seen)
			fail_msg("not found: %s", expected[e]);
	}
	assert_int_equal(json_array_size(findings), count + 1); /* and the password of the login() call */
	json_decref(result);
}

static void test_no_credential_is_in_the_result_or_the_report(void **state)
{
	json_t *result = conclude(*state);

	assert_false(anywhere(result, "Tr0ub4dor"));
	assert_false(anywhere(result, "9f8e7d6c"));
	assert_true(anywhere(result, "9f8e****"));
	json_decref(result);
}

/* Older or newer versions of bandit quote the password they found, in code and message. */
static void test_a_password_that_only_bandit_found_is_not_quoted(void **state)
{
	static const char text[] = "{\"errors\": [], \"metrics\": {\"_totals\": {}}, \"results\": [{\"code\": \"4 key = "
				   "'correcthorse'\\n\", \"filename\": \"./app.py\","
				   "\"issue_severity\": \"LOW\", \"issue_text\": \"Possible hardcoded password: "
				   "'correcthorse'\", \"line_number\": 4, \"test_id\": \"B105\"}]}";
	struct world *world = *state;
	json_t *result;

	output_of(world, "secrets")->out = (struct bytes){(const uint8_t *)"{\"findings\": []}", 16};
	output_of(world, "bandit")->out = (struct bytes){(const uint8_t *)text, sizeof(text) - 1};
	result = conclude(world);
	assert_false(anywhere(result, "correcthorse"));
	assert_true(anywhere(result, "key = ''"));
	json_decref(result);
}

static void test_without_the_search_for_credentials_no_literal_is_quoted(void **state)
{
	struct world *world = *state;
	json_t *result;

	output_of(world, "secrets")->ran = false;
	output_of(world, "secrets")->why = "no time left";
	output_of(world, "calls")->ran = false;
	output_of(world, "calls")->why = "no time left";
	result = conclude(world);
	assert_true(anywhere(result, "system(argv[3])"));
	assert_false(anywhere(result, "Tr0ub4dor"));
	json_decref(result);
}

static void test_agreement_raises_confidence_and_names_both(void **state)
{
	json_t *result = conclude(*state);
	const json_t *first = json_array_get(json_object_get(result, "findings"), 0);
	double confidence = json_number_value(json_object_get(first, "confidence"));

	assert_string_equal(text_of(first, "confidence_basis"), "2 programs agree");
	assert_true(confidence > 0.8 && confidence < 1);
	json_decref(result);
}

/* flawfinder marks the declaration of gets() in line 4; our rule for gets() has read the file and says nothing. */
static void test_what_our_own_rule_judged_harmless_is_a_note(void **state)
{
	json_t *result = conclude(*state);

	assert_true(anywhere(result, "flawfinder buffer/gets"));
	for (size_t i = 0; i < json_array_size(json_object_get(result, "findings")); i++) {
		const json_t *place = json_object_get(json_array_get(json_object_get(result, "findings"), i), "loc");

		assert_false(strcmp(text_of(place, "path"), "copy.c") == 0 &&
			     json_integer_value(json_object_get(place, "line")) == 4);
	}
	json_decref(result);
}

static void test_a_fingerprint_does_not_depend_on_which_programs_are_installed(void **state)
{
	struct world *world = *state;
	json_t *with = conclude(world), *without;

	output_of(world, "bandit")->ran = false;
	output_of(world, "bandit")->why = "bandit is not installed";
	without = conclude(world);
	for (size_t i = 0; i < json_array_size(json_object_get(without, "findings")); i++)
		assert_true(anywhere(with, text_of(json_array_get(json_object_get(without, "findings"), i), "fingerprint")));
	json_decref(with);
	json_decref(without);
}

static void test_a_missing_program_makes_the_result_partial_and_names_its_package(void **state)
{
	struct world *world = *state;
	json_t *result;

	output_of(world, "bandit")->ran = false;
	output_of(world, "bandit")->why = "bandit is not installed";
	output_of(world, "flawfinder")->exit_status = 127;
	output_of(world, "flawfinder")->out.bytes = 0;
	result = conclude(world);
	assert_string_equal(status_of(result), "partial");
	assert_true(reason_has(result, "Install the Debian package 'bandit'"));
	assert_true(reason_has(result, "Install the Debian package 'flawfinder'"));
	assert_true(reason_has(result, "flawfinder did not run: flawfinder is not installed."));
	json_decref(result);
}

static void check_exit(void **state, const char *tool, int status, const char *expected)
{
	struct output *output = output_of(*state, tool);
	int before = output->exit_status;
	json_t *result;

	output->exit_status = status;
	result = conclude(*state);
	if (strcmp(status_of(result), expected) != 0)
		fail_msg("%s with exit status %d: %s", tool, status, status_of(result));
	output->exit_status = before;
	json_decref(result);
}

static void test_exit_statuses_that_are_no_failures_are_none(void **state)
{
	check_exit(state, "bandit", 0, "complete");
	check_exit(state, "bandit", 1, "complete");
	check_exit(state, "bandit", 2, "partial");
	check_exit(state, "shellcheck", 1, "complete");
	check_exit(state, "shellcheck", 2, "partial");
	check_exit(state, "flawfinder", 15, "partial");
	check_exit(state, "secrets", 1, "partial");
	check_exit(state, "calls", 1, "partial");
}

static void test_without_our_own_readers_the_result_is_blocked(void **state)
{
	output_of(*state, "secrets")->exit_status = 1;
	check_exit(state, "calls", 1, "blocked");
}

static void test_a_file_that_bandit_skipped_is_not_analysed(void **state)
{
	json_t *result = conclude(*state);
	const json_t *missed = json_object_get(json_object_get(result, "coverage"), "not_analysed");

	assert_int_equal(json_array_size(missed), 1);
	assert_string_equal(text_of(json_array_get(missed, 0), "path"), "broken.py");
	assert_string_equal(text_of(json_array_get(missed, 0), "tool"), "bandit");
	json_decref(result);
}

static void test_findings_outside_of_commit_or_scope_are_left_out(void **state)
{
	static const char text[] = "{\"comments\": [{\"file\": \"./stray.sh\", \"line\": 1, \"code\": 2115, \"level\": "
				   "\"warning\", \"message\": \"m\"}]}";
	struct world *world = *state;
	json_t *result;

	output_of(world, "shellcheck")->out = (struct bytes){(const uint8_t *)text, sizeof(text) - 1};
	json_object_set_new(world->target.parameters, "scope", json_pack("[s, s]", "run.sh", "tests/"));
	result = conclude(world);
	for (size_t i = 0; i < json_array_size(json_object_get(result, "findings")); i++)
		assert_string_equal(
			text_of(json_object_get(json_array_get(json_object_get(result, "findings"), i), "loc"), "path"),
			"run.sh");
	assert_int_equal(json_array_size(json_object_get(result, "findings")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(result, "coverage"), "files_total")), 2);
	json_decref(result);
}

/* Only this program answered, with these bytes. */
static json_t *alone(struct world *world, const char *tool, const char *at, size_t bytes)
{
	json_t *result;

	for (size_t i = 0; i < world->plan.count; i++) {
		world->outputs[i].ran = false;
		world->outputs[i].why = "no time left";
	}
	output_of(world, tool)->ran = true;
	output_of(world, tool)->exit_status = 0;
	output_of(world, tool)->out = (struct bytes){(const uint8_t *)at, (uint32_t)bytes};
	result = conclude(world);
	assert_string_not_equal(status_of(result), "complete");
	return result;
}

static bool said_unreadable(const json_t *result, const char *tool)
{
	char part[64];

	snprintf(part, sizeof(part), "%s p", tool); /* printed nothing, printed something that is no … */
	return reason_has(result, part) || reason_has(result, "did not print its whole table");
}

static void test_an_output_cut_at_any_byte_is_noticed(void **state)
{
	struct world *world = *state;

	for (size_t t = 0; t < TOOLS; t++) {
		for (size_t cut = 0; cut < world->bytes[t]; cut++) {
			char *copy = malloc(cut + 1); /* exactly as large, so that reading on is seen */
			bool record_ends =
				strcmp(recorded[t].step, "flawfinder") == 0 && cut > 0 && world->data[t][cut - 1] == '\n';
			json_t *result;

			assert_non_null(copy);
			memcpy(copy, world->data[t], cut);
			result = alone(world, recorded[t].step, copy, cut);
			if (!record_ends && strspn(world->data[t] + cut, " \n") != world->bytes[t] - cut &&
			    !said_unreadable(result, recorded[t].step))
				fail_msg("%s cut at byte %zu: %s", recorded[t].step, cut, text_of(result, "status_reason"));
			json_decref(result);
			free(copy);
		}
	}
}

static void test_a_spoilt_byte_never_harms(void **state)
{
	static const char bytes[] = "\0\xFF{}[]\",0-";
	struct world *world = *state;

	for (size_t t = 0; t < TOOLS; t++) {
		for (size_t at = 0; at < world->bytes[t]; at += 2) {
			char before = world->data[t][at];

			world->data[t][at] = bytes[at / 2 % (sizeof(bytes) - 1)];
			json_decref(alone(world, recorded[t].step, world->data[t], world->bytes[t]));
			world->data[t][at] = before;
		}
	}
}

static void test_members_of_other_types_never_harm(void **state)
{
	static const char *const odd[] = {
		"[]",
		"3",
		"{\"findings\": {}}",
		"{\"findings\": [3, null, [], {}]}",
		"{\"findings\": [{\"path\": 3, \"rule\": {}, \"hash\": []}]}",
		"{\"results\": [{\"test_id\": \"B101\", \"filename\": \"app.py\", \"line_number\": -7}], \"errors\": 4}",
		"{\"comments\": [{\"code\": 1e30, \"file\": \"run.sh\", \"line\": 99999999999}]}",
		"{\"functions\": [], \"lines\": 3, \"names\": 5}",
		"{\"findings\": [], \"functions\": {\"app.py\": [3, [], [\"x\"]]}, \"lines\": {\"run.sh\": {}}}",
		"{\"findings\": [], \"history\": {\"complete\": false}, \"skipped\": [{\"path\": \"app.py\"}, 7]}",
	};

	for (size_t t = 0; t < TOOLS; t++) {
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
			json_decref(alone(*state, recorded[t].step, odd[i], strlen(odd[i])));
	}
}

/* ---- the plan ---- */

static bool has_argument(const struct step *step, const char *argument)
{
	for (size_t i = 0; step && i < STEP_ARGS_MAX && step->argv[i]; i++) {
		if (strcmp(step->argv[i], argument) == 0)
			return true;
	}
	return false;
}

static void test_only_programs_for_the_languages_present_are_planned(void **state)
{
	struct world *world = *state;
	json_t *files = json_object_get(world->target.inventory, "files");

	json_array_clear(files);
	json_array_append_new(files, json_pack("{s:s, s:s}", "path", "a.go", "language", "Go"));
	plan_make(world);
	assert_int_equal(world->plan.count, 1);
	assert_string_equal(world->plan.step[0].name, "secrets");
	json_array_append_new(files, json_pack("{s:s, s:s}", "path", "-a.sh", "language", "Shell"));
	plan_make(world);
	assert_int_equal(world->plan.count, 3);
	assert_true(has_argument(step_of(world, "shellcheck"), "./-a.sh"));
}

static void test_outputs_that_may_quote_credentials_are_confidential(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < world->plan.count; i++)
		assert_true(world->plan.step[i].confidential == (world->plan.step[i].tier > 0));
}

static void test_changes_in_the_folder_are_looked_at(void **state)
{
	struct world *world = *state;

	assert_false(has_argument(step_of(world, "secrets"), "--worktree"));
	json_object_set_new(world->target.inventory, "dirty", json_true());
	plan_make(world);
	assert_true(has_argument(step_of(world, "secrets"), "--worktree"));
	assert_true(has_argument(step_of(world, "calls"), "--worktree"));
}

static void test_many_scripts_make_many_steps_and_the_rest_is_said(void **state)
{
	struct world *world = *state;
	json_t *files = json_object_get(world->target.inventory, "files"), *result;
	char path[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "s%d.sh", i);
		json_array_append_new(files, json_pack("{s:s, s:s, s:i}", "path", path, "language", "Shell", "lines", 3));
	}
	json_array_append_new(files, json_pack("{s:s, s:s, s:i}", "path", "long.sh", "language", "Shell", "lines", 90000));
	plan_make(world);
	assert_true(world->plan.count <= PLAN_STEPS_MAX);
	for (size_t i = 0; i < world->plan.count; i++)
		assert_false(has_argument(&world->plan.step[i], "./long.sh"));
	result = conclude(world);
	assert_true(reason_has(result, "shellcheck looked at the first 448 of 2001 scripts"));
	assert_true(anywhere(result, "longer than 3,000 lines"));
	json_decref(result);
}

static void check_refused(struct world *world, const char *name, json_t *value)
{
	char why[256] = "";

	json_object_set_new(world->target.parameters, name, value);
	assert_int_equal(beta_specialist.plan(&world->target, world->arena, &world->plan, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, name));
	json_object_del(world->target.parameters, name);
}

static void test_parameters_that_make_no_sense_are_refused_with_a_sentence(void **state)
{
	check_refused(*state, "scope", json_string("src"));
	check_refused(*state, "scope", json_pack("[i]", 3));
	check_refused(*state, "history_ms", json_integer(-1));
	check_refused(*state, "history_ms", json_string("10"));
}

static void test_history_can_be_left_out(void **state)
{
	struct world *world = *state;

	assert_true(has_argument(step_of(world, "secrets"), "--history"));
	json_object_set_new(world->target.parameters, "history_ms", json_integer(0));
	plan_make(world);
	assert_false(has_argument(step_of(world, "secrets"), "--history"));
}

static void test_every_family_of_a_rule_of_another_program_is_known(void **state)
{
	static const char *const families[] = {
#define TOOL_RULE(tool, rule, family, severity, confidence) family,
#include "clones/tool_rules.def"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (*families[i])
			assert_string_equal(family_find(families[i])->name, families[i]);
	}
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_five_programs_make_one_list_of_findings),
		WITH_WORLD(test_no_credential_is_in_the_result_or_the_report),
		WITH_WORLD(test_a_password_that_only_bandit_found_is_not_quoted),
		WITH_WORLD(test_without_the_search_for_credentials_no_literal_is_quoted),
		WITH_WORLD(test_agreement_raises_confidence_and_names_both),
		WITH_WORLD(test_what_our_own_rule_judged_harmless_is_a_note),
		WITH_WORLD(test_a_fingerprint_does_not_depend_on_which_programs_are_installed),
		WITH_WORLD(test_a_missing_program_makes_the_result_partial_and_names_its_package),
		WITH_WORLD(test_exit_statuses_that_are_no_failures_are_none),
		WITH_WORLD(test_without_our_own_readers_the_result_is_blocked),
		WITH_WORLD(test_a_file_that_bandit_skipped_is_not_analysed),
		WITH_WORLD(test_findings_outside_of_commit_or_scope_are_left_out),
		WITH_WORLD(test_an_output_cut_at_any_byte_is_noticed),
		WITH_WORLD(test_a_spoilt_byte_never_harms),
		WITH_WORLD(test_members_of_other_types_never_harm),
		WITH_WORLD(test_only_programs_for_the_languages_present_are_planned),
		WITH_WORLD(test_outputs_that_may_quote_credentials_are_confidential),
		WITH_WORLD(test_changes_in_the_folder_are_looked_at),
		WITH_WORLD(test_many_scripts_make_many_steps_and_the_rest_is_said),
		WITH_WORLD(test_parameters_that_make_no_sense_are_refused_with_a_sentence),
		WITH_WORLD(test_history_can_be_left_out),
		cmocka_unit_test(test_every_family_of_a_rule_of_another_program_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
