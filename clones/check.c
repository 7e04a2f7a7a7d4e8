/* SPDX-License-Identifier: MIT
 *
 * Runs the checks that a user names, on a clean copy of one commit: shell commands, each of which passes when it ends with 0.
 *
 * Parameters besides "repo" and "commit": "commands", [{"name", "command"}]; "setup", shell lines that come before them and belong to none. All of them share one
 * writable copy, in order.
 *
 * The result: entities of kind "check" {name, command, state: passed, failed or unknown, exit, last}, and a finding for each check that failed. A check that could not
 * be run to its end is unknown: nothing is known of the code then.
 */
#include <stdio.h>
#include <string.h>

#include "clones/result.h"
#include "clones/specialists.h"

#define CHECKS_MAX     16u
#define SETUP_MAX      32u
#define COMMAND_BYTES  8192u
#define NAME_BYTES_MAX 64u
#define LAST_LINES     20u
#define LAST_BYTES_MAX 2000u

#define SETUP_STEP "setup"

/* ---- the plan ---- */

static bool is_command(const json_t *text)
{
	const char *at = json_string_value(text);
	return at && *at && strlen(at) == json_string_length(text) && json_string_length(text) <= COMMAND_BYTES;
}

static int refuse(char out_why[256], const char *where, size_t index, const char *accepted)
{
	snprintf(out_why, 256, "parameters.%s[%zu] is not acceptable; it must be %s", where, index, accepted);
	return ERR_INVALID_PARAMETERS;
}

/* The lines end at the first one that fails. */
static int plan_setup(const json_t *setup, struct arena *arena, struct plan *plan, char out_why[256])
{
	const char *script = "set -e";
	size_t i;
	const json_t *line;

	if (setup && !json_is_null(setup) && (!json_is_array(setup) || json_array_size(setup) > SETUP_MAX)) {
		snprintf(out_why, 256, "parameters.setup must be an array of up to %u shell lines", SETUP_MAX);
		return ERR_INVALID_PARAMETERS;
	}
	json_array_foreach (setup, i, line) {
		if (!is_command(line))
			return refuse(out_why, "setup", i, "a shell line of text, not empty");
		script = arena_print(arena, "%s\n%s", script, json_string_value(line));
		if (!script)
			return ERR_MEMORY;
	}
	if (json_array_size(setup) > 0)
		plan->step[plan->count++] =
			(struct step){.name = SETUP_STEP, .argv = {"sh", "-c", script}, .tier = 2, .writes = true};
	return 0;
}

static int plan_check(const json_t *check, size_t index, struct arena *arena, struct plan *plan, char out_why[256])
{
	const json_t *name = json_object_get(check, "name"), *command = json_object_get(check, "command");

	if (!is_command(name) || json_string_length(name) > NAME_BYTES_MAX || !is_command(command))
		return refuse(out_why, "commands", index,
			      "{\"name\": up to 64 bytes of text, \"command\": a shell command of up to 8192 bytes}");
	struct step *step = &plan->step[plan->count++];
	*step = (struct step){.tier = 2, .writes = true, .environment = {"CI=1", "NO_COLOR=1", "TERM=dumb"}};
	step->name = arena_print(arena, "check/%s", json_string_value(name));
	step->argv[0] = "sh";
	step->argv[1] = "-c";
	step->argv[2] = arena_print(arena, "%s", json_string_value(command));
	return step->name && step->argv[2] ? 0 : ERR_MEMORY;
}

static int check_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const json_t *commands = json_object_get(target->parameters, "commands"), *check;
	size_t i;
	int rc;

	if (!json_is_array(commands) || json_array_size(commands) == 0 || json_array_size(commands) > CHECKS_MAX) {
		snprintf(out_why, 256,
			 "parameters.commands must be an array of 1 to %u checks, such as {\"name\": \"lint\", \"command\": "
			 "\"make lint\"}",
			 CHECKS_MAX);
		return ERR_INVALID_PARAMETERS;
	}
	rc = plan_setup(json_object_get(target->parameters, "setup"), arena, out_plan, out_why);
	json_array_foreach (commands, i, check) {
		if (rc)
			break;
		rc = plan_check(check, i, arena, out_plan, out_why);
	}
	return rc;
}

/* ---- the result ---- */

/* An exit of 126 and 127 says that the shell could not run what was asked for. */
static const char *state_of(const struct output *output)
{
	if (!output->ran || output->timed_out || output->why || output->exit_status < 0 || output->exit_status == 126 ||
	    output->exit_status == 127)
		return "unknown";
	return output->exit_status == 0 ? "passed" : "failed";
}

/* The last lines of what was said last: on stderr if anything stands there. */
static struct bytes last_lines(const struct output *output)
{
	struct bytes said = output->err.bytes ? output->err : output->out;
	uint32_t from = said.bytes, lines = 0;

	while (from > 0 && said.bytes - from < LAST_BYTES_MAX && lines <= LAST_LINES)
		lines += said.at[--from] == '\n' && from + 1 < said.bytes;
	if (lines > LAST_LINES)
		from++;
	return (struct bytes){said.at ? said.at + from : NULL, said.bytes - from};
}

static json_t *last_json(const struct output *output)
{
	struct bytes last = last_lines(output);
	return last.bytes ? text_json((const char *)last.at, last.bytes, LAST_BYTES_MAX) : json_string("");
}

static void add_failure(struct result *result, const char *name, const struct output *output)
{
	char title[200];

	snprintf(title, sizeof(title), "the check %s fails with %d", name, output->exit_status);
	result_add_finding(result, &(struct finding){
					   .rule = "check-failure",
					   .title = title,
					   .severity = "high",
					   .confidence = 1,
					   .confidence_basis = "the command ran",
					   .function = name,
					   .keep_score = true,
					   .evidence = json_pack("[{s:s, s:n, s:s, s:s, s:o}]", "tool", name, "version", "rule",
								 "failed", "severity", "high", "message", last_json(output)),
				   });
}

static void say_unknown(struct result *result, const char *name, const struct output *output)
{
	if (!output->ran)
		result_status(result, PARTIAL, "The check %s was not run: %.200s.", name,
			      output->why ? output->why : "no reason was given");
	else if (output->timed_out)
		result_status(result, PARTIAL, "The check %s did not end in time; give the task more time.", name);
	else if (output->exit_status < 0)
		result_status(result, PARTIAL, "The check %s was ended by signal %d.", name, output->signal);
	else if (output->why)
		result_status(result, PARTIAL, "The check %s was ended: %.200s.", name, output->why);
	else
		result_status(result, PARTIAL, "The shell could not run the check %s; is the program there?", name);
}

static void add_check(struct result *result, const struct step *step, const struct output *output)
{
	const char *name = step->name + sizeof("check/") - 1, *state = state_of(output);

	result_add_entity(result, "check",
			  json_pack("{s:s, s:s, s:s, s:o, s:o, s:I}", "name", name, "command", step->argv[2], "state", state,
				    "exit",
				    output->ran && output->exit_status >= 0 ? json_integer(output->exit_status) : json_null(),
				    "last", last_json(output), "duration_ms", (json_int_t)output->wall_ms));
	if (strcmp(state, "failed") == 0)
		add_failure(result, name, output);
	else if (strcmp(state, "unknown") == 0)
		say_unknown(result, name, output);
}

static void say_all(struct result *result, const struct plan *plan, const struct output *outputs)
{
	unsigned passed = 0, all = 0;
	char text[120];

	for (size_t i = 0; i < plan->count; i++) {
		if (strcmp(plan->step[i].name, SETUP_STEP) == 0)
			continue;
		all++;
		passed += strcmp(state_of(&outputs[i]), "passed") == 0;
	}
	snprintf(text, sizeof(text), "%u of %u checks passed.", passed, all);
	result_set(result, "synthesis",
		   json_pack("{s:s, s:s, s:[], s:i}", "by", "template", "text", text, "claims", "dropped_claims", 0));
}

static json_t *check_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result = result_begin(target, "delta", "check");

	result_files_total(result, 0); /* nothing is analysed here */
	for (size_t i = 0; i < plan->count; i++) {
		result_add_run(result, &plan->step[i], &outputs[i], NULL);
		if (strcmp(plan->step[i].name, SETUP_STEP) != 0)
			add_check(result, &plan->step[i], &outputs[i]);
		else if (strcmp(state_of(&outputs[i]), "passed") != 0)
			result_status(result, PARTIAL,
				      "What was to be set up before the checks failed, so they may say nothing.");
	}
	say_all(result, plan, outputs);
	return result_end(result);
}

const struct specialist check_specialist = {
	.role = "delta",
	.task_type = "check",
	.sentence = "runs the checks that a user names, on a clean copy of a commit",
	.plan = check_plan,
	.conclude = check_conclude,
};
