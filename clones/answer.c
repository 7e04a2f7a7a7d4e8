/* SPDX-License-Identifier: MIT
 *
 * From the output of one of our own readers to its JSON object.
 */
#include "clones/answer.h"

#include <stdio.h>
#include <string.h>

#define SAID_BYTES_MAX 200u

/* The first line of what it said. */
static void said(const struct output *output, char out[SAID_BYTES_MAX])
{
	size_t bytes = 0;

	while (bytes < output->err.bytes && bytes + 1 < SAID_BYTES_MAX && output->err.at[bytes] != '\n') {
		out[bytes] = output->err.at[bytes] < ' ' ? ' ' : (char)output->err.at[bytes];
		bytes++;
	}
	out[bytes] = 0;
}

static void take_left_out(struct result *result, const struct step *step, const json_t *answer)
{
	const json_t *sentences = json_object_get(answer, "left_out");
	const json_t *not_read = json_object_get(answer, "not_read");
	const json_t *entry;
	size_t i;

	json_array_foreach (sentences, i, entry)
		if (json_is_string(entry))
			result_status(result, PARTIAL, "%s: %s", step->name, json_string_value(entry));
	json_array_foreach (not_read, i, entry)
		if (json_is_string(json_object_get(entry, "path")))
			result_not_analysed(result, json_text(entry, "path"), step->name, json_text(entry, "reason"));
}

static json_t *parse(struct result *result, const struct step *step, const struct output *output)
{
	json_t *answer = output->out.bytes ? json_loadb((const char *)output->out.at, output->out.bytes, 0, NULL) : NULL;
	char reason[SAID_BYTES_MAX];

	if (json_is_object(answer))
		return answer;
	json_decref(answer);
	said(output, reason);
	if (output->exit_status == 0 || !reason[0])
		result_status(result, PARTIAL, "%s: its answer could not be read.", step->name);
	else
		result_status(result, PARTIAL, "%s ended with %d: %s.", step->name, output->exit_status, reason);
	return NULL;
}

json_t *answer_read(struct result *result, const struct step *step, const struct output *output)
{
	json_t *answer = NULL;
	struct run_facts facts = {.version = BUNSHIN_VERSION, .format = "json"};

	result_add_run(result, step, output, &facts);
	if (output->ran)
		answer = parse(result, step, output);
	if (answer)
		take_left_out(result, step, answer);
	return answer;
}

json_t *answer_of(struct result *result, const struct plan *plan, const struct output *outputs, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->step[i].name, name) == 0)
			return answer_read(result, &plan->step[i], &outputs[i]);
	return NULL;
}

bool plan_tool(const struct target *target, struct arena *arena, struct plan *plan, const char *name, uint32_t budget_ms,
	       const char *option, const char *value)
{
	const char *commit = json_text(target->inventory, "commit");
	struct step *step = &plan->step[plan->count++];
	size_t words = 3;

	*step = (struct step){.name = name, .argv = {"bunshin", "tool", name}, .optional = true};
	if (*commit) {
		step->argv[words++] = "--commit";
		step->argv[words++] = arena_print(arena, "%s", commit);
	}
	step->argv[words++] = "--budget-ms";
	step->argv[words++] = arena_print(arena, "%u", budget_ms);
	if (option) {
		step->argv[words++] = option;
		step->argv[words++] = value;
	}
	for (size_t i = 0; i < words; i++)
		if (!step->argv[i])
			return false;
	return true;
}

const char *json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

int64_t json_time(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

uint32_t json_number(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number < 0 || number > UINT32_MAX ? 0 : (uint32_t)number;
}

void age_text(int64_t from, int64_t to, char out[32])
{
	int64_t days = to > from && to - from < INT64_MAX / 2 ? (to - from) / 86400 : 0;

	if (days >= 730)
		snprintf(out, 32, "%lld years", (long long)(days / 365));
	else if (days >= 60)
		snprintf(out, 32, "%lld months", (long long)(days / 30));
	else
		snprintf(out, 32, "%lld days", (long long)days);
}
