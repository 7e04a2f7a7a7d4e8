/* SPDX-License-Identifier: MIT
 *
 * Shadow changes a repository: it runs a command in a checkout of the workspace, and what the command has changed there becomes a commit on
 * refs/bunshin/TASK/ATTEMPT.
 *
 * Parameters besides "repo" and "commit": "command", an array of words, run in the sandbox in the top folder of the files, without a network;
 * "message", the commit's. A command that fails hands nothing in.
 *
 * The result has a member "change": {"ref", "base", "commit", "files", "changes": [{"status", "old_path", "new_path", …}]}, or null.
 */
#include <stdio.h>
#include <string.h>

#include "clones/result.h"
#include "clones/specialists.h"

#define CHANGES_SHOWN 200u

static int shadow_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const json_t *command = json_object_get(target->parameters, "command"), *word;
	size_t count = json_array_size(command), i;
	struct step *step = &out_plan->step[0];

	if (!json_is_array(command) || count == 0 || count >= STEP_ARGS_MAX) {
		snprintf(out_why, 256, "parameters.command must be an array of 1 to %u words, such as [\"sh\", \"-c\", \"…\"]",
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
	return plan->count == 1 && has_succeeded(&outputs[0]);
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
	return json_pack("{s:O, s:O, s:O, s:I, s:O?, s:o}", "ref", json_object_get(harvest, "ref"), "base",
			 json_object_get(harvest, "base"), "commit", json_object_get(harvest, "new"), "files", (json_int_t)count,
			 "skipped", json_object_get(harvest, "skipped"), "changes", shown);
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

static json_t *shadow_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result = result_begin(target, "shadow", "code-change");

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
	.sentence = "runs a command on a checkout, and makes a commit of what it has changed",
	.plan = shadow_plan,
	.hands_in = shadow_hands_in,
	.conclude = shadow_conclude,
};
