/* SPDX-License-Identifier: MIT
 *
 * Conclusions from given texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/clones/concluded.h"

static const struct printed *printed_of(const struct printed *printed, const char *name)
{
	for (; printed->name; printed++)
		if (strcmp(printed->name, name) == 0)
			return printed;
	return NULL;
}

static void output_fill(struct output *output, const struct printed *printed)
{
	*output = (struct output){.why = "it is not installed"};
	if (!printed || !printed->text)
		return;
	*output = (struct output){.ran = true, .exit_status = printed->exit_status};
	output->out.at = (const uint8_t *)printed->text;
	output->out.bytes = (uint32_t)(printed->bytes ? printed->bytes : strlen(printed->text));
	if (printed->err) {
		output->err.at = (const uint8_t *)printed->err;
		output->err.bytes = (uint32_t)strlen(printed->err);
	}
}

json_t *concluded(const struct specialist *specialist, const char *inventory, const struct printed *printed)
{
	struct target target = {.repository = "r", .task_id = "t", .started = "2026-01-01T00:00:00Z"};
	struct arena *arena = arena_new();
	struct plan plan = {.count = 0};
	struct output outputs[PLAN_STEPS_MAX];
	char why[256];
	json_t *result;

	target.inventory = json_loads(inventory, 0, NULL);
	target.parameters = json_object();
	assert_non_null(target.inventory);
	assert_int_equal(specialist->plan(&target, arena, &plan, why), 0);
	for (size_t i = 0; i < plan.count; i++)
		output_fill(&outputs[i], printed_of(printed, plan.step[i].name));
	result = specialist->conclude(&target, &plan, outputs);
	assert_non_null(result);
	assert_true(json_is_array(json_object_get(result, "findings")));
	assert_int_equal(json_array_size(json_object_get(result, "runs")), plan.count);
	json_decref(target.inventory);
	json_decref(target.parameters);
	arena_free(arena);
	return result;
}

void assert_survives_cuts(const struct specialist *specialist, const char *inventory, const struct printed *printed)
{
	struct printed copies[8];
	size_t count = 0;

	for (; printed[count].name; count++)
		copies[count] = printed[count];
	copies[count] = (struct printed){0};
	for (size_t i = 0; i < count; i++) {
		size_t whole = strlen(printed[i].text);

		for (size_t cut = 0; cut < whole; cut++) {
			/* Exactly as long, so that a sanitizer sees every byte too far. */
			char *part = malloc(cut + 1);
			json_t *result;

			assert_non_null(part);
			memcpy(part, printed[i].text, cut);
			part[cut] = 0;
			copies[i].text = part;
			copies[i].bytes = cut;
			result = concluded(specialist, inventory, copies);
			assert_string_not_equal(status_of(result), "complete");
			json_decref(result);
			free(part);
		}
		copies[i] = (struct printed){.name = printed[i].name};
		json_decref(concluded(specialist, inventory, copies));
		copies[i] = printed[i];
	}
}

static const json_t *nth(const json_t *array, bool findings, const char *wanted, size_t n)
{
	const json_t *element;
	size_t i;

	json_array_foreach (array, i, element) {
		const char *name = findings ? text_of(json_object_get(element, "rule"), "id") : text_of(element, "kind");

		if (strcmp(name, wanted) == 0 && n-- == 0)
			return element;
	}
	return NULL;
}

const json_t *finding_of(const json_t *result, const char *rule, size_t n)
{
	return nth(json_object_get(result, "findings"), true, rule, n);
}

const json_t *entity_of(const json_t *result, const char *kind, size_t n)
{
	return nth(json_object_get(result, "entities"), false, kind, n);
}

double metric_of(const json_t *result, const char *name, const char *subject)
{
	const json_t *metric;
	size_t i;

	json_array_foreach (json_object_get(result, "metrics"), i, metric)
		if (strcmp(text_of(metric, "name"), name) == 0 && strcmp(text_of(metric, "subject"), subject) == 0)
			return json_number_value(json_object_get(metric, "value"));
	fail_msg("there is no metric %s of '%s'", name, subject);
	return -1;
}

const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

const char *title_of(const json_t *finding)
{
	return text_of(json_object_get(finding, "rule"), "title");
}

const char *status_of(const json_t *result)
{
	return text_of(result, "status");
}

const char *attachment_of(const json_t *result, const char *name)
{
	const json_t *attachment;
	size_t i;

	json_array_foreach (json_object_get(result, "attachments"), i, attachment)
		if (strcmp(text_of(attachment, "name"), name) == 0)
			return text_of(attachment, "text");
	return NULL;
}
