/* SPDX-License-Identifier: MIT
 *
 * Delta runs the project's own tests and says what came of each case.
 *
 * Parameters besides "repo" and "commit": "system", one of test_system_find, instead of what is detected; "make_target"; "coverage" (clones/coverage.h).
 *
 * The result: entities of kind "case" {suite, name, system, verdict, duration_ms, message, path, line}, a finding for every case that
 * failed and every error of the compiler, and per system the metrics passed, failed, errors, skipped and duration. Passing
 * is only said of cases that a runner reported as passed.
 */
#include <stdio.h>
#include <string.h>

#include "clones/clone.h"
#include "clones/coverage.h"
#include "clones/obstacle.h"
#include "clones/pattern.h"
#include "clones/project.h"
#include "clones/result.h"
#include "clones/specialists.h"

#define BUILD_ERRORS_MAX 30u
#define WORD_BYTES       48u
#define SUMMARY_BYTES    1000u
#define LAST_BYTES       4096u /* of an output, in which its last words are looked for */

/* ---- the plan ---- */

static int check_system(const struct target *target, char out_why[256])
{
	const json_t *wanted = json_object_get(target->parameters, "system");
	if (!wanted || (json_is_string(wanted) && test_system_find(json_string_value(wanted))))
		return 0;
	size_t used = (size_t)snprintf(out_why, 256, "parameters.system must be one of");
	for (size_t i = 0; test_system_at(i); i++)
		used += (size_t)snprintf(out_why + used, 256 - used, "%s %s", i ? "," : "", test_system_at(i)->name);
	return ERR_INVALID_PARAMETERS;
}

/* Everything that is made goes to a folder of its own; no test of the project is looked for in it. */
static void plan_folder(struct plan *plan, bool coverage)
{
	plan->step[plan->count++] = (struct step){.name = "prepare",
						  .argv = {"sh", "-c", coverage ? coverage_prepare() : "mkdir -p /work/.bunshin"},
						  .tier = 2,
						  .optional = true,
						  .writes = true};
}

static int delta_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const struct test_system *chosen[8];
	int rc = check_system(target, out_why);
	if (rc == 0)
		rc = coverage_check(target, out_why);
	if (rc)
		return rc;
	bool coverage = coverage_wanted(target);
	struct project project = project_of(target);
	size_t count = project_systems(&project, chosen);
	if (count > 0)
		plan_folder(out_plan, coverage);
	for (size_t i = 0; i < count; i++) {
		chosen[i]->plan(&project, arena, out_plan);
		if (coverage)
			coverage_plan(chosen[i], arena, out_plan);
	}
	project_release(&project);
	return 0;
}

/* ---- one system's steps and outputs ---- */

struct suite {
	const struct test_system *system;
	const struct plan *plan;
	const struct output *outputs;
	struct cases cases;
	char obstacle[OBSTACLE_BYTES]; /* why there is nothing to say; "" otherwise */
	bool whole;                    /* one case stands for all of them */
};

static bool step_is(const struct step *step, const char *system, const char *phase)
{
	size_t bytes = strlen(system);
	return strncmp(step->name, system, bytes) == 0 && step->name[bytes] == '/' &&
	       (!phase || strcmp(step->name + bytes + 1, phase) == 0);
}

static const struct output *phase_output(const struct suite *suite, const char *phase)
{
	for (size_t i = 0; i < suite->plan->count; i++)
		if (step_is(&suite->plan->step[i], suite->system->name, phase))
			return &suite->outputs[i];
	return NULL;
}

static bool phase_ran(const struct suite *suite, const char *phase)
{
	const struct output *output = phase_output(suite, phase);
	return output && output->ran;
}

/* The first step that did not do its work: nothing after it can say more. "test" may fail, that is what it is for. */
static const struct step *first_trouble(const struct suite *suite, const struct output **out_output)
{
	for (size_t i = 0; i < suite->plan->count; i++) {
		const struct step *step = &suite->plan->step[i];
		const struct output *output = &suite->outputs[i];
		if (!step_is(step, suite->system->name, NULL) || step_is(step, suite->system->name, "dependencies"))
			continue;
		if (!output->ran || output->timed_out || output->exit_status != 0) {
			*out_output = output;
			return step;
		}
	}
	return NULL;
}

/* ---- reading the cases ---- */

static void read_one_case(struct suite *suite, const struct output *test)
{
	if (!test->ran || test->timed_out || test->signal)
		return;
	char name[WORD_BYTES];
	int bytes =
		snprintf(name, sizeof(name), "%s", strcmp(suite->system->name, "npm") == 0 ? "npm test" : "make check or test");
	/* An exit that says "no such program" is no verdict about the code. */
	if (obstacle_find((const char *)test->err.at, test->err.bytes, suite->obstacle) && test->exit_status != 0)
		return;
	suite->obstacle[0] = '\0';
	struct test_case *one =
		cases_add(&suite->cases, "", 0, name, (size_t)bytes, test->exit_status == 0 ? VERDICT_PASSED : VERDICT_FAILED);
	if (!one)
		return;
	suite->whole = true;
	one->seconds = (double)test->wall_ms / 1000;
	const struct bytes *said = test->err.bytes ? &test->err : &test->out;
	if (test->exit_status != 0 && said->bytes)
		case_text(&suite->cases, &one->message, (const char *)said->at, said->bytes, true);
}

static void read_cases(struct suite *suite)
{
	const struct output *test = phase_output(suite, "test");
	const struct output *cases = phase_output(suite, "cases");
	if (!test)
		return;
	suite->system->read(&suite->cases, cases ? cases->out : test->out);
	if (suite->cases.count == 0 && suite->system->read_text && test->ran)
		suite->system->read_text(&suite->cases, test->out);
	if (suite->cases.count == 0 && suite->system->one_case && test->ran)
		read_one_case(suite, test);
}

/* ---- why nothing could be read ---- */

/* What was said last is what ended it; compilers and npm speak on stderr, CMake's errors too, go on stdout. */
static bool obstacle_in(struct suite *suite, const struct output *output)
{
	return obstacle_find((const char *)output->err.at, output->err.bytes, suite->obstacle) ||
	       obstacle_find((const char *)output->out.at, output->out.bytes, suite->obstacle);
}

/* The last line that says something: not that make gives up because of it. */
static bool last_line(struct bytes text, char *out, size_t capacity)
{
	size_t bytes = text.bytes < LAST_BYTES ? text.bytes : LAST_BYTES;
	const char *at = (const char *)text.at + (text.bytes - bytes);
	struct match match;
	bool found = false;
	for (size_t from = 0;
	     text.at && pattern_next("^(?!g?make(?:\\[\\d+\\])?: |ninja: build stopped|npm (?:ERR!|error))[^\\n]*\\S[^\\n]*$", at,
				     bytes, &from, &match);
	     found = true)
		match_copy(&match, 0, out, capacity);
	return found;
}

/* Their folders are empty until somebody fetches them, and builds then fail in many ways. */
static void mention_submodules(struct suite *suite, const struct target *target)
{
	const json_t *submodules = json_object_get(target->inventory, "submodules");
	size_t used = strlen(suite->obstacle);
	if (json_array_size(submodules) == 0 || used + 60 > OBSTACLE_BYTES)
		return;
	snprintf(suite->obstacle + used, OBSTACLE_BYTES - used,
		 "; there are submodules (%.60s%s), are they fetched? git submodule update --init",
		 json_string_value(json_array_get(submodules, 0)), json_array_size(submodules) > 1 ? ", …" : "");
}

/* A missing module is one symptom of this; the cause is worth its own words. */
static bool dependencies_missing(struct suite *suite)
{
	const struct output *there = phase_output(suite, "dependencies");
	const struct output *test = phase_output(suite, "test");
	if (!there || !there->ran || there->exit_status == 0 || !test || !test->ran || !obstacle_in(suite, test))
		return false;
	snprintf(suite->obstacle, OBSTACLE_BYTES,
		 "the npm dependencies are not installed (there is no node_modules folder), and the "
		 "sandbox has no network; run npm ci in the repository first");
	return true;
}

static void explain(struct suite *suite)
{
	if (dependencies_missing(suite))
		return;
	const struct output *output = NULL;
	const struct step *step = first_trouble(suite, &output);
	char line[200] = "";
	if (!step) {
		snprintf(suite->obstacle, OBSTACLE_BYTES, "the runner ended well but reported no test case");
	} else if (!output->ran) {
		snprintf(suite->obstacle, OBSTACLE_BYTES, "%.200s", output->why ? output->why : "it was not run");
	} else if (output->timed_out) {
		snprintf(suite->obstacle, OBSTACLE_BYTES, "%s took longer than the %llu ms it had; give the task more time",
			 step->name, (unsigned long long)output->wall_ms);
	} else if (!obstacle_in(suite, output)) {
		if (!last_line(output->err, line, sizeof(line)))
			last_line(output->out, line, sizeof(line));
		snprintf(suite->obstacle, OBSTACLE_BYTES, "%s ended with %s %d%s%.180s", step->name,
			 output->signal ? "signal" : "status", output->signal ? output->signal : output->exit_status,
			 line[0] ? ", saying last: " : "", line);
	}
}

/* ---- where a case failed ---- */

struct place {
	const char *path; /* of the inventory, or NULL */
	uint32_t line;
};

static bool ends_with_path(const char *whole, const char *tail)
{
	size_t bytes = strlen(whole);
	size_t tail_bytes = strlen(tail);
	if (bytes < tail_bytes || strcmp(whole + bytes - tail_bytes, tail) != 0)
		return false;
	return bytes == tail_bytes || whole[bytes - tail_bytes - 1] == '/';
}

/* Paths come absolute (/work/…), relative to a build folder, or as a bare name: then it must be the only file of that name. */
static const char *known_path(const struct project *project, const char *said)
{
	const char *found = NULL;
	if (strncmp(said, "/work/", 6) == 0)
		said += 6;
	while (strncmp(said, "./", 2) == 0 || strncmp(said, "../", 3) == 0)
		said += said[1] == '/' ? 2 : 3;
	if (said[0] == '\0' || said[0] == '/')
		return NULL;
	for (size_t i = 0; i < json_array_size(project->files); i++) {
		const char *path = json_string_value(json_object_get(json_array_get(project->files, i), "path"));
		if (!path || !ends_with_path(path, said))
			continue;
		if (strcmp(path, said) == 0)
			return path;
		if (found)
			return NULL;
		found = path;
	}
	return found;
}

/* Of a traceback the last place in the project counts, of everything else the first. */
static struct place place_in(const struct project *project, const char *text)
{
	static const char pattern[] = "File \"([^\"\\n]+)\", line (\\d+)|((?:[\\w.@+-]*/)*[\\w.@+-]+\\.[A-Za-z]{1,4})[:(](\\d+)";
	struct place place = {NULL, 0};
	struct match match;
	for (size_t from = 0; pattern_next(pattern, text, strlen(text), &from, &match);) {
		bool traceback = match.group[1].at != NULL;
		char path[512];
		char line[16];
		match_copy(&match, traceback ? 1 : 3, path, sizeof(path));
		match_copy(&match, traceback ? 2 : 4, line, sizeof(line));
		const char *known = known_path(project, path);
		if (!known)
			continue;
		place = (struct place){known, 0};
		for (const char *digit = line; *digit && place.line < 100000000; digit++)
			place.line = 10 * place.line + (uint32_t)(*digit - '0');
		if (!traceback)
			break;
	}
	return place;
}

static struct place place_of(const struct project *project, const struct test_case *one)
{
	struct place place = place_in(project, one->message);
	return place.path ? place : place_in(project, one->output);
}

/* ---- into the result ---- */

static void first_line(const char *text, char *out, size_t capacity)
{
	while (*text == '\n' || *text == ' ')
		text++;
	size_t bytes = strcspn(text, "\n");
	snprintf(out, capacity, "%.*s", bytes > 300 ? 300 : (int)bytes, text);
}

static json_t *evidence_of(const struct suite *suite, const struct test_case *one)
{
	const char *text = one->message[0] ? one->message : one->output;
	return json_pack("[{s:s, s:n, s:s, s:s, s:o}]", "tool", suite->system->name, "version", "rule",
			 verdict_name(one->verdict), "severity", "high", "message",
			 text_json(text, strlen(text), CASE_TEXT_BYTES));
}

static void add_failure(struct result *result, const struct suite *suite, const struct test_case *one, struct place place)
{
	char title[CASE_NAME_BYTES + 350];
	char line[320];
	first_line(one->message[0] ? one->message : one->output, line, sizeof(line));
	snprintf(title, sizeof(title), "%s %s%s%s", one->name, one->verdict == VERDICT_ERROR ? "could not be run" : "fails",
		 line[0] ? ": " : "", line);
	result_add_finding(result, &(struct finding){
					   .rule = one->verdict == VERDICT_ERROR ? "test-error" : "test-failure",
					   .title = title,
					   .severity = "high",
					   .confidence = 1,
					   .confidence_basis = "the test ran",
					   .path = place.path,
					   .line = place.line,
					   .function = one->name,
					   .keep_score = true,
					   .evidence = evidence_of(suite, one),
				   });
}

static void add_case(struct result *result, const struct suite *suite, const struct test_case *one, struct place place)
{
	json_t *entity =
		json_pack("{s:s, s:o, s:o, s:s}", "system", suite->system->name, "suite",
			  text_json(one->suite, strlen(one->suite), CASE_NAME_BYTES), "name",
			  text_json(one->name, strlen(one->name), CASE_NAME_BYTES), "verdict", verdict_name(one->verdict));
	if (!entity)
		return;
	if (suite->whole)
		json_object_set_new(entity, "whole", json_true());
	json_object_set_new(entity, "duration_ms", one->seconds < 0 ? json_null() : json_real(one->seconds * 1000));
	if (one->verdict != VERDICT_PASSED && one->message[0])
		json_object_set_new(entity, "message", text_json(one->message, strlen(one->message), CASE_TEXT_BYTES));
	if (place.path)
		json_object_update_new(entity, json_pack("{s:s, s:I}", "path", place.path, "line", (json_int_t)place.line));
	result_add_entity(result, "case", entity);
}

static double total_seconds(const struct cases *cases)
{
	double total = 0;
	for (size_t i = 0; i < cases->count; i++)
		total += cases->at[i].seconds > 0 ? cases->at[i].seconds : 0;
	return total;
}

static void add_metrics(struct result *result, const struct suite *suite)
{
	static const char *const names[] = {"passed", "failed", "errors", "skipped"};
	for (enum verdict verdict = VERDICT_PASSED; verdict <= VERDICT_SKIPPED; verdict++)
		result_add_metric(result, names[verdict], suite->system->name, (double)cases_counted(&suite->cases, verdict),
				  "cases", "runner");
	result_add_metric(result, "duration", suite->system->name, total_seconds(&suite->cases), "s", "runner");
}

/* A case that could not be run for want of something tells nothing about the code. */
static bool lacks_something(const struct test_case *one, char out_sentence[OBSTACLE_BYTES])
{
	return one->verdict == VERDICT_ERROR && (obstacle_find(one->message, strlen(one->message), out_sentence) ||
						 obstacle_find(one->output, strlen(one->output), out_sentence));
}

static void add_cases(struct result *result, const struct suite *suite, const struct project *project)
{
	char lacking[OBSTACLE_BYTES];
	for (size_t i = 0; i < suite->cases.count; i++) {
		const struct test_case *one = &suite->cases.at[i];
		bool bad = one->verdict == VERDICT_FAILED || one->verdict == VERDICT_ERROR;
		struct place place = bad ? place_of(project, one) : (struct place){NULL, 0};
		add_case(result, suite, one, place);
		if (lacks_something(one, lacking))
			result_status(result, PARTIAL, "%s: some cases could not be run, because %s.", suite->system->name,
				      lacking);
		else if (bad)
			add_failure(result, suite, one, place);
	}
	add_metrics(result, suite);
}

/* What the compiler refused, when that is why nothing could be tested. */
static void add_build_errors(struct result *result, const struct project *project, const struct output *build)
{
	const struct bytes texts[] = {build->err, build->out};
	struct match match;
	size_t count = 0;
	for (size_t i = 0; i < 2; i++) {
		for (size_t from = 0; count < BUILD_ERRORS_MAX && texts[i].at &&
				      pattern_next("^([^\\s:][^:\\n]*):(\\d+):(?:\\d+:)? (?:fatal )?error: ([^\\n]+)",
						   (const char *)texts[i].at, texts[i].bytes, &from, &match);
		     count++) {
			char path[512];
			char place[600];
			char title[400];
			char line[16];
			match_copy(&match, 1, path, sizeof(path));
			match_copy(&match, 2, line, sizeof(line));
			match_copy(&match, 3, title, sizeof(title));
			snprintf(place, sizeof(place), "%s:%s", path, line);
			struct place at = place_in(project, place);
			result_add_finding(result, &(struct finding){.rule = "build-error",
								     .title = title,
								     .severity = "high",
								     .confidence = 1,
								     .confidence_basis = "the compiler said so",
								     .path = at.path,
								     .line = at.line,
								     .keep_score = true});
		}
	}
}

/* Steps that were skipped because of the one before are not worth a sentence each. */
static void add_runs(struct result *result, const struct suite *suite)
{
	for (size_t i = 0; i < suite->plan->count; i++) {
		const struct output *output = &suite->outputs[i];
		if (!step_is(&suite->plan->step[i], suite->system->name, NULL))
			continue;
		if (output->ran || !suite->plan->step[i].after_success)
			result_add_run(result, &suite->plan->step[i], output, NULL);
	}
}

static bool any_bad(const struct cases *cases)
{
	return cases_counted(cases, VERDICT_FAILED) + cases_counted(cases, VERDICT_ERROR) > 0;
}

/* Cases were read, but something says that they are not all. */
static void doubt(struct result *result, const struct suite *suite)
{
	const struct output *test = phase_output(suite, "test");
	if (suite->cases.dropped)
		result_status(result, PARTIAL, "%zu cases of %s are left out because the list is bounded.", suite->cases.dropped,
			      suite->system->name);
	if (test && test->ran && test->exit_status != 0 && !test->timed_out && !any_bad(&suite->cases))
		result_status(result, PARTIAL, "%s ended with %s %d although no case that was read failed.", suite->system->name,
			      test->signal ? "signal" : "status", test->signal ? test->signal : test->exit_status);
	if (test && test->ran && test->exit_status == 0 && any_bad(&suite->cases))
		result_status(result, PARTIAL, "%s ended with status 0 although cases failed.", suite->system->name);
}

static size_t sentence(const struct suite *suite, char *out, size_t capacity)
{
	static const char *const tails[] = {NULL, "failed", "could not be run", "skipped"};
	const struct cases *cases = &suite->cases;
	const char *system = suite->system->name;
	if (cases->count == 0)
		return (size_t)snprintf(out, capacity, "%s: not tested, because %s.", system, suite->obstacle);
	/* Of cases that the runner did not come to nothing is known. */
	const struct output *test = phase_output(suite, "test");
	const char *bound = test && test->timed_out ? " that ended before the time was over" : "";
	size_t used = (size_t)snprintf(out, capacity, "%s: %zu of %zu cases%s passed", system,
				       cases_counted(cases, VERDICT_PASSED), cases->count, bound);
	for (enum verdict verdict = VERDICT_FAILED; verdict <= VERDICT_SKIPPED && used < capacity; verdict++)
		if (cases_counted(cases, verdict) > 0)
			used += (size_t)snprintf(out + used, capacity - used, ", %zu %s", cases_counted(cases, verdict),
						 tails[verdict]);
	return used < capacity ? used + (size_t)snprintf(out + used, capacity - used, ".") : used;
}

static void conclude_suite(struct result *result, struct suite *suite, const struct project *project)
{
	add_runs(result, suite);
	read_cases(suite);
	if (suite->cases.count > 0) {
		suite->obstacle[0] = '\0';
		add_cases(result, suite, project);
		doubt(result, suite);
		return;
	}
	explain(suite);
	mention_submodules(suite, project->target);
	if (phase_ran(suite, "build"))
		add_build_errors(result, project, phase_output(suite, "build"));
	else if (phase_ran(suite, "test") && phase_output(suite, "test")->exit_status != 0)
		add_build_errors(result, project, phase_output(suite, "test"));
}

static void say_nothing_found(struct result *result)
{
	char text[SUMMARY_BYTES];
	size_t used = (size_t)snprintf(text, sizeof(text), "No way to test this project was recognised; looked for");
	for (size_t i = 0; test_system_at(i) && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s", i ? ";" : "", test_system_at(i)->sentence);
	result_status(result, BLOCKED,
		      "%s. If it is built by make, name its target in parameters.make_target and \"make\" in "
		      "parameters.system.",
		      text);
}

static void set_synthesis(struct result *result, const char *text)
{
	result_set(result, "synthesis",
		   json_pack("{s:s, s:o, s:[], s:i}", "by", "template", "text", text_json(text, strlen(text), SUMMARY_BYTES),
			     "claims", "dropped_claims", 0));
}

static json_t *delta_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result = result_begin(target, "delta", "test-strategy");
	struct project project = project_of(target);
	char text[SUMMARY_BYTES] = "";
	size_t used = 0;
	size_t tested = 0;
	size_t systems = 0;
	for (size_t i = 0; test_system_at(i); i++) {
		struct suite suite = {.system = test_system_at(i), .plan = plan, .outputs = outputs};
		if (!phase_output(&suite, "test"))
			continue;
		systems++;
		conclude_suite(result, &suite, &project);
		coverage_conclude(result, target, suite.system, plan, outputs);
		tested += cases_counted(&suite.cases, VERDICT_ERROR) < suite.cases.count;
		if (used > 0 && used < sizeof(text) - 1)
			text[used++] = ' ';
		if (used < sizeof(text))
			used += sentence(&suite, text + used, sizeof(text) - used);
		if (suite.cases.count == 0)
			result_status(result, PARTIAL, "%s: %s.", suite.system->name, suite.obstacle);
		if (suite.cases.no_memory)
			result_status(result, PARTIAL, "Memory ran out while the cases of %s were read.", suite.system->name);
		cases_release(&suite.cases);
	}
	if (systems == 0)
		say_nothing_found(result);
	else if (tested == 0)
		result_status(result, BLOCKED, "No test case was run.");
	project_release(&project);
	set_synthesis(result, systems ? text : "Not tested: no way to test this project was recognised.");
	return result_end(result);
}

const struct specialist delta_specialist = {
	.role = "delta",
	.task_type = "test-strategy",
	.sentence = "builds the project and runs its tests, case by case",
	.plan = delta_plan,
	.conclude = delta_conclude,
};
