/* SPDX-License-Identifier: MIT
 *
 * Shadow changes a repository: it runs a command or an agent in a checkout of the workspace, and what that has changed there becomes a commit on
 * refs/bunshin/TASK/ATTEMPT.
 *
 * Parameters besides "repo" and "commit": "message", the commit's, and either
 *   "command", an array of words, run in the sandbox in the top folder of the files, without a network. One that fails hands nothing in. Or
 *   "agent", a name as routing.conf has it, or "auto", and "prompt"; with them "model", "temperature", "setup" (lines for a shell, run in the checkout before),
 *   "budget_microusd", "timers" {"first_ms", "idle_ms"}, and of a race "race", "label", "try", "notes". What an agent that failed has left is kept under
 *   refs/bunshin/kept/TASK/ATTEMPT, where nothing takes it for a result.
 *
 * The result has the members "change" ({"ref", "base", "commit", "tree", "files", "skipped", "changes": [{"status", "old_path", "new_path", …}]}, or null), and of an
 * agent "agent" (docs/results.md) and "kept" ({"ref", "commit", "tree", "files"}, or null).
 */
#include <stdio.h>
#include <string.h>

#include "clones/result.h"
#include "clones/specialists.h"

#define CHANGES_SHOWN   200u
#define PROMPT_BYTES    1048576u
#define SETUP_LINES_MAX 32u

/* ---- the plan ---- */

static bool is_text(const json_t *value)
{
	return json_is_string(value) && *json_string_value(value) &&
	       strlen(json_string_value(value)) == json_string_length(value);
}

static int check_text(const json_t *parameters, const char *name, bool required, char out_why[256])
{
	const json_t *value = json_object_get(parameters, name);

	if (!required && (!value || json_is_null(value) || is_text(value)))
		return 0;
	if (is_text(value))
		return 0;
	snprintf(out_why, 256, "parameters.%s %s; accepted is a text without a NUL%s", name,
		 value ? "is no such text" : "is missing", required ? "" : ", or null");
	return ERR_INVALID_PARAMETERS;
}

static int check_setup(const json_t *setup, char out_why[256])
{
	const json_t *line;
	size_t i;

	if (setup && !json_is_null(setup) && (!json_is_array(setup) || json_array_size(setup) > SETUP_LINES_MAX)) {
		snprintf(out_why, 256, "parameters.setup must be an array of up to %u lines for a shell", SETUP_LINES_MAX);
		return ERR_INVALID_PARAMETERS;
	}
	json_array_foreach (setup, i, line) {
		if (!is_text(line)) {
			snprintf(out_why, 256, "line %zu of parameters.setup is no text, or empty", i + 1);
			return ERR_INVALID_PARAMETERS;
		}
	}
	return 0;
}

static int check_temperature(const json_t *temperature, char out_why[256])
{
	if (!temperature || json_is_null(temperature) ||
	    (json_is_number(temperature) && json_number_value(temperature) >= 0 && json_number_value(temperature) <= 2))
		return 0;
	snprintf(out_why, 256, "parameters.temperature must be a number from 0 to 2");
	return ERR_INVALID_PARAMETERS;
}

static int plan_agent(const json_t *parameters, struct plan *out_plan, char out_why[256])
{
	static const struct {
		const char *name;
		bool required;
	} texts[] = {{"agent", true}, {"prompt", true}, {"model", false}, {"label", false}, {"race", false}};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = check_text(parameters, texts[i].name, texts[i].required, out_why);
	if (!rc && json_object_get(parameters, "command")) {
		snprintf(out_why, 256, "parameters.agent and parameters.command exclude each other");
		rc = ERR_INVALID_PARAMETERS;
	}
	if (!rc && json_string_length(json_object_get(parameters, "prompt")) > PROMPT_BYTES) {
		snprintf(out_why, 256, "parameters.prompt has %zu bytes; up to %u are accepted",
			 json_string_length(json_object_get(parameters, "prompt")), PROMPT_BYTES);
		rc = ERR_INVALID_PARAMETERS;
	}
	if (!rc)
		rc = check_setup(json_object_get(parameters, "setup"), out_why);
	if (!rc)
		rc = check_temperature(json_object_get(parameters, "temperature"), out_why);
	out_plan->step[0] = (struct step){.name = "agent", .argv = {"agent"}, .writes = true, .agent = true};
	out_plan->count = 1;
	return rc;
}

static int shadow_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const json_t *command = json_object_get(target->parameters, "command"), *word;
	size_t count = json_array_size(command), i;
	struct step *step = &out_plan->step[0];

	if (json_object_get(target->parameters, "agent"))
		return plan_agent(target->parameters, out_plan, out_why);
	if (!json_is_array(command) || count == 0 || count >= STEP_ARGS_MAX) {
		snprintf(out_why, 256,
			 "parameters.command must be an array of 1 to %u words, such as [\"sh\", \"-c\", \"…\"], or "
			 "parameters.agent the name of an agent",
			 STEP_ARGS_MAX - 1);
		return ERR_INVALID_PARAMETERS;
	}
	*step = (struct step){.name = "command", .writes = true};
	json_array_foreach (command, i, word) {
		if (!json_is_string(word) || strlen(json_string_value(word)) != json_string_length(word)) {
			snprintf(out_why, 256, "word %zu of parameters.command is no text, or has a NUL in it", i + 1);
			return ERR_INVALID_PARAMETERS;
		}
		step->argv[i] = arena_print(arena, "%s", json_string_value(word));
		if (!step->argv[i])
			return ERR_MEMORY;
	}
	if (!*step->argv[0]) {
		snprintf(out_why, 256, "the first word of parameters.command is empty; it must name a program");
		return ERR_INVALID_PARAMETERS;
	}
	out_plan->count = 1;
	return 0;
}

static bool has_succeeded(const struct output *output)
{
	return output->ran && output->exit_status == 0 && !output->timed_out;
}

static bool shadow_hands_in(const struct plan *plan, const struct output *outputs)
{
	/* The files of an agent are taken where its verdict is known. */
	return plan->count == 1 && !plan->step[0].agent && has_succeeded(&outputs[0]);
}

/* Why nothing was handed in. */
static void say_failure(struct result *result, const struct step *step, const struct output *output)
{
	if (!output->ran)
		result_status(result, BLOCKED, "%.100s was not run: %.300s. Nothing was handed in.", step->argv[0],
			      output->why ? output->why : "no reason was given");
	else if (output->timed_out)
		result_status(result, BLOCKED,
			      "The command did not end in time; nothing was handed in. --attempt-time gives it more.");
	else if (output->exit_status < 0)
		result_status(result, BLOCKED, "The command was ended by signal %d; nothing was handed in.", output->signal);
	else
		result_status(
			result, BLOCKED,
			"The command ended with %d, so what it left was not handed in; what it said is among the artefacts.",
			output->exit_status);
}

static json_t *change_json(const json_t *harvest)
{
	json_t *changes = json_object_get(harvest, "changes"), *shown = json_array();
	size_t count = json_array_size(changes);

	for (size_t i = 0; i < count && i < CHANGES_SHOWN; i++)
		json_array_append(shown, json_array_get(changes, i));
	return json_pack("{s:O, s:O, s:O, s:O?, s:I, s:O?, s:o}", "ref", json_object_get(harvest, "ref"), "base",
			 json_object_get(harvest, "base"), "commit", json_object_get(harvest, "new"), "tree",
			 json_object_get(harvest, "tree"), "files", (json_int_t)count, "skipped",
			 json_object_get(harvest, "skipped"), "changes", shown);
}

static void say_change(struct result *result, const json_t *harvest)
{
	const char *ref = json_string_value(json_object_get(harvest, "ref")),
		   *id = json_string_value(json_object_get(harvest, "new"));
	size_t count = json_array_size(json_object_get(harvest, "changes"));
	char text[400];

	if (ref && id)
		snprintf(text, sizeof(text), "%zu file%s changed; commit %.12s on %s.", count, count == 1 ? "" : "s", id, ref);
	else
		snprintf(text, sizeof(text), "The command succeeded and changed nothing; there is no commit.");
	result_set(result, "change", ref && id ? change_json(harvest) : json_null());
	result_set(result, "synthesis",
		   json_pack("{s:s, s:s, s:[], s:i}", "by", "template", "text", text, "claims", "dropped_claims", 0));
}

/* ---- an agent ---- */

static json_t *kept_json(const json_t *harvest)
{
	return json_pack("{s:O, s:O, s:O?, s:I}", "ref", json_object_get(harvest, "ref"), "commit",
			 json_object_get(harvest, "new"), "tree", json_object_get(harvest, "tree"), "files",
			 (json_int_t)json_array_size(json_object_get(harvest, "changes")));
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void say_agent(struct result *result, const struct target *target, const char *name)
{
	const json_t *verdict = json_object_get(target->agent, "verdict");
	const char *ref = member(target->harvest, "ref"), *kept = member(target->kept, "ref");
	size_t count = json_array_size(json_object_get(*ref ? target->harvest : target->kept, "changes"));
	char text[700];

	if (*ref)
		snprintf(text, sizeof(text), "%.60s changed %zu file%s: commit %.12s on %s.", name, count, count == 1 ? "" : "s",
			 member(target->harvest, "new"), ref);
	else
		snprintf(text, sizeof(text), "%.60s did not succeed (%.30s): %.300s. %s%s%s", name, member(verdict, "class"),
			 member(verdict, "why"), *kept ? "What it left is kept on " : "It changed nothing", kept, ".");
	if (!*ref)
		result_status(result, BLOCKED, "%s", text);
	result_set(result, "synthesis",
		   json_pack("{s:s, s:s, s:[], s:i}", "by", "template", "text", text, "claims", "dropped_claims", 0));
}

static json_t *conclude_agent(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	const char *name = json_string_value(json_object_get(target->agent, "name"));
	char program[64];
	struct step step = plan->step[0];
	const struct run_facts facts = {.version = json_string_value(json_object_get(target->agent, "version")),
					.format = "jsonl"};
	struct result *result = result_begin(target, "shadow", "code-change");

	snprintf(program, sizeof(program), "%s", name ? name : "agent");
	step.argv[0] = program;
	step.optional = true; /* what became of it is said below, once */
	result_add_run(result, &step, &outputs[0], &facts);
	result_files_total(result, 0); /* nothing is analysed here */
	result_set(result, "change", *member(target->harvest, "ref") ? change_json(target->harvest) : json_null());
	result_set(result, "kept", *member(target->kept, "ref") ? kept_json(target->kept) : json_null());
	result_set(result, "agent", json_deep_copy(target->agent));
	say_agent(result, target, program);
	return result_end(result);
}

static json_t *shadow_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result;

	if (plan->step[0].agent)
		return conclude_agent(target, plan, outputs);
	result = result_begin(target, "shadow", "code-change");
	result_add_run(result, &plan->step[0], &outputs[0], NULL);
	result_files_total(result, 0); /* nothing is analysed here */
	if (has_succeeded(&outputs[0]) && target->harvest) {
		say_change(result, target->harvest);
	} else {
		say_failure(result, &plan->step[0], &outputs[0]);
		result_set(result, "change", json_null());
	}
	return result_end(result);
}

const struct specialist shadow_specialist = {
	.role = "shadow",
	.task_type = "code-change",
	.sentence = "runs a command or an agent on a checkout, and makes a commit of what it has changed",
	.plan = shadow_plan,
	.hands_in = shadow_hands_in,
	.conclude = shadow_conclude,
};
