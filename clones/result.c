/* SPDX-License-Identifier: MIT
 *
 * The common result while it is being built: the JSON object, the findings, and which files were looked at.
 */
#include "clones/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/finding.h"

#define REASON_BYTES_MAX 400u
#define REASONS_MAX      20u

struct result {
	json_t *root;
	json_t *reasons;  /* array of sentences */
	json_t *analysed; /* object used as a set of paths */
	struct findings findings;
	enum completeness completeness;
	uint64_t cpu_ms, peak_rss_kb;
	uint32_t tier_reached;
	size_t metrics_dropped, entities_dropped, not_analysed_dropped;
	bool no_memory;
};

/* Remembers a failure of memory; jansson answers -1 to a NULL value as well. */
static void keep(struct result *result, int rc)
{
	if (rc)
		result->no_memory = true;
}

static json_t *text_or_null(const char *text, size_t most)
{
	return text ? text_json(text, strlen(text), most) : json_null();
}

static json_t *copy_or(const json_t *object, const char *name, json_t *otherwise)
{
	json_t *value = json_object_get(object, name);

	if (!value)
		return otherwise;
	json_decref(otherwise);
	return json_deep_copy(value);
}

static json_t *target_json(const struct target *target)
{
	const json_t *inventory = target->inventory;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "repo", text_or_null(target->repository, TEXT_BYTES_MAX),
			 "commit", copy_or(inventory, "commit", json_null()), "tree", copy_or(inventory, "tree", json_null()),
			 "base_commit", copy_or(target->parameters, "base", json_null()), "dirty",
			 copy_or(inventory, "dirty", json_null()), "scope", copy_or(target->parameters, "scope", json_array()),
			 "languages", copy_or(inventory, "languages", json_object()));
}

static json_t *coverage_json(const struct target *target)
{
	const json_t *count = json_object_get(target->inventory, "file_count");
	json_int_t files = json_is_integer(count) ? json_integer_value(count)
						  : (json_int_t)json_array_size(json_object_get(target->inventory, "files"));

	return json_pack("{s:I, s:i, s:[]}", "files_total", files, "files_analysed", 0, "not_analysed");
}

static json_t *root_json(const struct target *target, const char *clone, const char *kind)
{
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:n, s:i, s:i, s:[], s:o, s:[], s:[], s:[], s:[], s:n, s:n}",
		"schema", RESULT_SCHEMA, "task_id", text_or_null(target->task_id, TEXT_BYTES_MAX), "clone", clone, "kind", kind,
		"status", "complete", "status_reason", json_null(), "target", target_json(target), "tier_reached", 0, "started",
		text_or_null(target->started, TEXT_BYTES_MAX), "ended", "cpu_ms", 0, "peak_rss_kb", 0, "runs", "coverage",
		coverage_json(target), "findings", "metrics", "entities", "artefacts", "baseline", "synthesis");
}

struct result *result_begin(const struct target *target, const char *clone, const char *kind)
{
	struct result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->root = root_json(target, clone, kind);
	result->reasons = json_array();
	result->analysed = json_object();
	if (result->root && result->reasons && result->analysed)
		return result;
	result_free(result);
	return NULL;
}

void result_free(struct result *result)
{
	if (!result)
		return;
	findings_release(&result->findings);
	json_decref(result->root);
	json_decref(result->reasons);
	json_decref(result->analysed);
	free(result);
}

void result_status(struct result *result, enum completeness completeness, const char *format, ...)
{
	char reason[REASON_BYTES_MAX];
	va_list args;

	if (!result)
		return;
	if (completeness > result->completeness)
		result->completeness = completeness;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	for (size_t i = 0; i < json_array_size(result->reasons); i++) {
		const char *said = json_string_value(json_array_get(result->reasons, i));

		if (said && strcmp(said, reason) == 0)
			return;
	}
	if (json_array_size(result->reasons) < REASONS_MAX)
		keep(result, json_array_append_new(result->reasons, text_json(reason, strlen(reason), REASON_BYTES_MAX)));
}

static json_t *argv_json(const struct step *step)
{
	json_t *argv = json_array();

	for (size_t i = 0; i < STEP_ARGS_MAX && step->argv[i]; i++)
		json_array_append_new(argv, text_json(step->argv[i], strlen(step->argv[i]), 300));
	return argv;
}

/* A plain digest of what may hold a credential would let words be tried, so a confidential output has none. */
static json_t *raw_json(const struct step *step, const struct output *output, const char *format)
{
	char digest[FINGERPRINT_BYTES];

	if (!output->ran || !digest_of(output->out.at, output->out.bytes, digest))
		return json_null();
	return json_pack("{s:s?, s:I, s:s?}", "sha256", step->confidential ? NULL : digest, "bytes",
			 (json_int_t)output->out.bytes, "format", format);
}

static json_t *run_json(const struct step *step, const struct output *output, const struct run_facts *facts)
{
	const char *killed_by = output->ran && output->signal ? strsignal(output->signal) : NULL;

	return json_pack("{s:s, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:b, s:s?, s:b, s:I, s:I, s:o, s:o}", "tool", step->name,
			 "version", text_or_null(facts->version, 100), "argv", argv_json(step), "tier", (json_int_t)step->tier,
			 "exit", output->ran ? json_integer(output->exit_status) : json_null(), "wall_ms",
			 (json_int_t)output->wall_ms, "cpu_ms", (json_int_t)output->cpu_ms, "peak_rss_kb",
			 (json_int_t)output->peak_rss_kb, "timed_out", output->timed_out, "killed_by", killed_by, "output_cut",
			 output->cut, "files_ok", (json_int_t)facts->files_ok, "files_failed", (json_int_t)facts->files_failed,
			 "raw", raw_json(step, output, facts->format), "skipped_reason",
			 output->ran ? json_null() : text_or_null(output->why ? output->why : "not run", REASON_BYTES_MAX));
}

static void status_of_run(struct result *result, const struct step *step, const struct output *output)
{
	if (!output->ran)
		result_status(result, step->optional || output->timed_out ? PARTIAL : BLOCKED, "%s did not run: %s.", step->name,
			      output->why ? output->why : "no reason was given");
	else if (output->timed_out)
		result_status(result, PARTIAL, "%s ran out of time; give the task more time or a smaller scope.", step->name);
	else if (output->signal)
		result_status(result, PARTIAL, "%s was ended by signal %d.", step->name, output->signal);
	if (output->ran && output->cut)
		result_status(result, PARTIAL, "%s printed more than is kept; its last findings are missing.", step->name);
}

void result_add_run(struct result *result, const struct step *step, const struct output *output, const struct run_facts *facts)
{
	static const struct run_facts nothing;

	if (!result)
		return;
	keep(result,
	     json_array_append_new(json_object_get(result->root, "runs"), run_json(step, output, facts ? facts : &nothing)));
	result->cpu_ms += output->cpu_ms;
	if (output->peak_rss_kb > result->peak_rss_kb)
		result->peak_rss_kb = output->peak_rss_kb;
	if (output->ran && step->tier > result->tier_reached)
		result->tier_reached = step->tier;
	status_of_run(result, step, output);
}

json_t *result_add_finding(struct result *result, const struct finding *finding)
{
	bool no_memory;
	json_t *json;

	if (!result) {
		json_decref(finding->evidence);
		json_decref(finding->flow);
		return NULL;
	}
	json = findings_add(&result->findings, finding, &no_memory);
	result->no_memory |= no_memory;
	return json;
}

/* Appends to a member of the result while it is under its bound. Takes `value` over. */
static void append(struct result *result, const char *name, size_t most, size_t *dropped, json_t *value)
{
	json_t *array = json_object_get(result->root, name);

	if (json_array_size(array) < most) {
		keep(result, json_array_append_new(array, value));
		return;
	}
	json_decref(value);
	(*dropped)++;
}

void result_add_metric(struct result *result, const char *name, const char *subject, double value, const char *unit,
		       const char *method)
{
	if (!result)
		return;
	append(result, "metrics", RESULT_METRICS_MAX, &result->metrics_dropped,
	       json_pack("{s:s, s:o, s:f, s:s?, s:s?}", "name", name, "subject", text_or_null(subject, TEXT_BYTES_MAX), "value",
			 value, "unit", unit, "method", method));
}

void result_add_entity(struct result *result, const char *kind, json_t *object)
{
	if (!result) {
		json_decref(object);
		return;
	}
	keep(result, json_object_set_new(object, "kind", json_string(kind)));
	append(result, "entities", RESULT_ENTITIES_MAX, &result->entities_dropped, object);
}

void result_analysed(struct result *result, const char *path)
{
	if (result && path)
		keep(result, json_object_set_new_nocheck(result->analysed, path, json_true()));
}

void result_not_analysed(struct result *result, const char *path, const char *tool, const char *reason)
{
	json_t *array;

	if (!result)
		return;
	array = json_object_get(json_object_get(result->root, "coverage"), "not_analysed");
	if (json_array_size(array) >= RESULT_NOT_ANALYSED_MAX) {
		result->not_analysed_dropped++;
		return;
	}
	keep(result, json_array_append_new(array, json_pack("{s:o, s:s?, s:o}", "path", text_or_null(path, TEXT_BYTES_MAX),
							    "tool", tool, "reason", text_or_null(reason, REASON_BYTES_MAX))));
}

void result_files_total(struct result *result, size_t files)
{
	if (result)
		keep(result, json_object_set_new(json_object_get(result->root, "coverage"), "files_total",
						 json_integer((json_int_t)files)));
}

void result_set(struct result *result, const char *name, json_t *value)
{
	if (result)
		keep(result, json_object_set_new(result->root, name, value));
	else
		json_decref(value);
}

/* What the bounds left out is part of the result: nothing is dropped in silence. */
static void say_dropped(struct result *result)
{
	const struct {
		const char *what;
		size_t count;
	} dropped[] = {{"findings", result->findings.dropped},
		       {"metrics", result->metrics_dropped},
		       {"entities", result->entities_dropped},
		       {"files not analysed", result->not_analysed_dropped}};

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		if (dropped[i].count)
			result_status(result, PARTIAL, "%zu %s are left out because the result is bounded.", dropped[i].count,
				      dropped[i].what);
	}
}

static json_t *reasons_joined(const struct result *result)
{
	char text[REASON_BYTES_MAX * REASONS_MAX + REASONS_MAX];
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(result->reasons); i++) {
		const char *reason = json_string_value(json_array_get(result->reasons, i));

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "", reason ? reason : "");
		if (used >= sizeof(text))
			break;
	}
	return used ? text_json(text, strlen(text), sizeof(text)) : json_null();
}

static void finish_totals(struct result *result)
{
	static const char *const names[] = {"complete", "partial", "blocked"};
	json_t *coverage = json_object_get(result->root, "coverage");

	keep(result,
	     json_object_set_new(coverage, "files_analysed", json_integer((json_int_t)json_object_size(result->analysed))));
	result_set(result, "status", json_string(names[result->completeness]));
	result_set(result, "status_reason", reasons_joined(result));
	result_set(result, "tier_reached", json_integer(result->tier_reached));
	result_set(result, "cpu_ms", json_integer((json_int_t)result->cpu_ms));
	result_set(result, "peak_rss_kb", json_integer((json_int_t)result->peak_rss_kb));
}

json_t *result_end(struct result *result)
{
	json_t *root = NULL;

	if (!result)
		return NULL;
	if (!findings_finish(&result->findings, json_object_get(result->root, "findings")))
		result->no_memory = true;
	say_dropped(result);
	finish_totals(result);
	if (!result->no_memory)
		root = json_incref(result->root);
	result_free(result);
	return root;
}
