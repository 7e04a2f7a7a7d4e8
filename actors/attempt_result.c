/* SPDX-License-Identifier: MIT
 *
 * What an attempt says and leaves behind.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/attempt.h"
#include "actors/attempt_inner.h"
#include "clones/result.h"

#define SUMMARY_BYTES_MAX 400u

void attempt_print(json_t *line)
{
	if (line && json_dumpf(line, stdout, JSON_COMPACT) == 0)
		fputc('\n', stdout);
	fflush(stdout);
	json_decref(line);
}

/* ---- files ---- */

static int file_write(struct attempt *attempt, const char *name, const void *at, size_t bytes)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", attempt->work, name) >= (int)sizeof(path))
		return attempt_fail(attempt, ERROR_IO, "the path of the work folder is too long");
	FILE *file = fopen(path, "wxe");
	bool written = file && fwrite(at, 1, bytes, file) == bytes;
	if (file && fclose(file) != 0)
		written = false;
	return written ? 0
		       : attempt_fail(attempt, ERROR_IO, "'%s' could not be written to the work folder: %s", name,
				      strerror(errno));
}

int attempt_leave(struct attempt *attempt, const char *name, const char *media_type, const void *at, size_t bytes)
{
	char path[PATH_MAX];
	if (file_write(attempt, name, at, bytes) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", attempt->work, name);
	json_array_append_new(attempt->artefacts,
			      json_pack("{s:s, s:s, s:s}", "name", name, "path", path, "media_type", media_type));
	return 0;
}

/* The result names its artefacts by what they contain. */
static void mention(json_t *result, const char *name, const char *media_type, const void *at, size_t bytes)
{
	char digest[FINGERPRINT_BYTES];
	json_t *artefacts = json_object_get(result, "artefacts");
	if (digest_of(at, bytes, digest))
		json_array_append_new(artefacts, json_pack("{s:s, s:s, s:s, s:I}", "name", name, "media_type", media_type,
							   "sha256", digest, "bytes", (json_int_t)bytes));
}

static const char *media_type_of(struct bytes bytes)
{
	uint32_t i = 0;
	while (i < bytes.bytes && isspace(bytes.at[i]))
		i++;
	if (i < bytes.bytes && (bytes.at[i] == '{' || bytes.at[i] == '['))
		return "application/json";
	return i < bytes.bytes && bytes.at[i] == '<' ? "application/xml" : "text/plain";
}

static void artefact_name(char out[96], size_t index, const char *step, const char *kind)
{
	char word[48];
	size_t bytes = 0;
	for (const char *at = step; *at && bytes < sizeof(word) - 1; at++)
		word[bytes++] = isalnum((unsigned char)*at) || *at == '.' || *at == '-' ? *at : '-';
	word[bytes] = '\0';
	snprintf(out, 96, "%02zu-%s.%s", index + 1, word, kind);
}

/* Long outputs, and of a step that did not succeed all of them. */
static int leave_output(struct attempt *attempt, json_t *result, size_t index, const char *step, const char *kind,
			struct bytes bytes, bool succeeded)
{
	char name[96];
	if (bytes.bytes == 0 || (succeeded && bytes.bytes <= ATTEMPT_RAW_BYTES))
		return 0;
	artefact_name(name, index, step, kind);
	mention(result, name, media_type_of(bytes), bytes.at, bytes.bytes);
	return attempt_leave(attempt, name, media_type_of(bytes), bytes.at, bytes.bytes);
}

static int leave_named(struct attempt *attempt, json_t *result, const char *name, const char *media_type, struct bytes bytes)
{
	if (bytes.bytes == 0)
		return 0;
	mention(result, name, media_type, bytes.at, bytes.bytes);
	return attempt_leave(attempt, name, media_type, bytes.at, bytes.bytes);
}

/* What an agent printed is kept whatever came of it. */
static int leave_agent(struct attempt *attempt, json_t *result, const struct output *output)
{
	int rc = leave_named(attempt, result, "agent.jsonl", "application/x-ndjson", output->out);

	return rc ? rc : leave_named(attempt, result, "agent.err", "text/plain", output->err);
}

static int leave_outputs(struct attempt *attempt, json_t *result, const struct plan *plan, const struct output *outputs)
{
	int rc = 0;
	for (size_t i = 0; i < plan->count && rc == 0; i++) {
		bool succeeded = outputs[i].exit_status == 0;
		if (plan->step[i].confidential || !outputs[i].ran)
			continue;
		if (plan->step[i].agent) {
			rc = leave_agent(attempt, result, &outputs[i]);
			continue;
		}
		rc = leave_output(attempt, result, i, plan->step[i].name, "out", outputs[i].out, succeeded);
		if (rc == 0)
			rc = leave_output(attempt, result, i, plan->step[i].name, "err", outputs[i].err, succeeded);
	}
	return rc;
}

/* Texts that the specialist wrote: each becomes an artefact, and the result keeps its name and digest only. */
static int leave_attachments(struct attempt *attempt, json_t *result)
{
	size_t i;
	const json_t *attachment;
	int rc = 0;
	json_array_foreach (json_object_get(result, "attachments"), i, attachment) {
		const char *name = json_string_value(json_object_get(attachment, "name"));
		const char *media_type = json_string_value(json_object_get(attachment, "media_type"));
		const json_t *text = json_object_get(attachment, "text");
		if (rc || !name || strchr(name, '/') || !media_type || !json_is_string(text))
			continue;
		mention(result, name, media_type, json_string_value(text), json_string_length(text));
		rc = attempt_leave(attempt, name, media_type, json_string_value(text), json_string_length(text));
	}
	json_object_del(result, "attachments");
	return rc;
}

static int leave_report(struct attempt *attempt, json_t *result)
{
	char *report = report_markdown(result);
	if (!report)
		return attempt_fail(attempt, ERROR_MEMORY, "out of memory while the report was written");
	mention(result, "report.md", "text/markdown", report, strlen(report));
	int rc = attempt_leave(attempt, "report.md", "text/markdown", report, strlen(report));
	free(report);
	return rc;
}

/* ---- a result that fits into a message ---- */

static const char *const shortened[] = {"entities", "metrics", "findings", "runs"};

#define SHORTENED (sizeof(shortened) / sizeof(shortened[0]))

static size_t dump_bytes(const json_t *value)
{
	return json_dumpb(value, NULL, 0, JSON_COMPACT);
}

static json_t *not_analysed(const json_t *result)
{
	return json_object_get(json_object_get(result, "coverage"), "not_analysed");
}

/* Of the lists, the one that takes most room. */
static json_t *longest(const json_t *result)
{
	json_t *found = not_analysed(result);
	for (size_t i = 0; i < SHORTENED; i++) {
		json_t *list = json_object_get(result, shortened[i]);
		if (json_array_size(list) > 0 && (json_array_size(found) == 0 || dump_bytes(list) > dump_bytes(found)))
			found = list;
	}
	return found;
}

static void halve(json_t *list)
{
	size_t keep = json_array_size(list) / 2;
	while (json_array_size(list) > keep)
		json_array_remove(list, json_array_size(list) - 1);
}

static json_t *sizes(const json_t *result)
{
	json_t *counts = json_pack("{s:I}", "not_analysed", (json_int_t)json_array_size(not_analysed(result)));
	for (size_t i = 0; i < SHORTENED; i++)
		json_object_set_new(counts, shortened[i],
				    json_integer((json_int_t)json_array_size(json_object_get(result, shortened[i]))));
	return counts;
}

/* Lists keep their first entries, which are the most important ones; "cut" says how many there are in result.json. */
static json_t *shorten(const json_t *result)
{
	json_t *brief = json_deep_copy(result);
	if (!brief)
		return NULL;
	json_object_set_new(brief, "cut", json_pack("{s:s, s:o}", "whole", "result.json", "sizes", sizes(result)));
	while (dump_bytes(brief) > ATTEMPT_RESULT_BYTES && json_array_size(longest(brief)) > 0)
		halve(longest(brief));
	/* Only lists were long so far; if something else is, its names alone must do. */
	static const char *const others[] = {"synthesis", "target", "status_reason", "artefacts"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && dump_bytes(brief) > ATTEMPT_RESULT_BYTES; i++)
		json_object_set_new(brief, others[i], json_null());
	return brief;
}

static json_t *result_to_send(struct attempt *attempt, json_t *result)
{
	if (dump_bytes(result) <= ATTEMPT_RESULT_BYTES)
		return json_incref(result);
	char *text = json_dumps(result, JSON_COMPACT);
	json_t *brief = text ? shorten(result) : NULL;
	if (!brief)
		attempt_fail(attempt, ERROR_MEMORY, "out of memory while the result was shortened");
	else if (attempt_leave(attempt, "result.json", "application/json", text, strlen(text)) != 0) {
		json_decref(brief);
		brief = NULL;
	}
	free(text);
	return brief;
}

/* ---- the last line ---- */

static int completeness_of(const json_t *result)
{
	const char *status = json_string_value(json_object_get(result, "status"));
	if (status && strcmp(status, "complete") == 0)
		return COMPLETE;
	return status && strcmp(status, "blocked") == 0 ? BLOCKED : PARTIAL;
}

/* What the specialist says itself, else why it is not complete, else how much was found. */
static json_t *summary_of(const json_t *result)
{
	const char *text = json_string_value(json_object_get(json_object_get(result, "synthesis"), "text"));
	if (!text)
		text = json_string_value(json_object_get(result, "status_reason"));
	if (text)
		return text_json(text, strlen(text), SUMMARY_BYTES_MAX);
	return json_sprintf("%zu findings", json_array_size(json_object_get(result, "findings")));
}

static void finish(const struct attempt *attempt, json_t *result)
{
	char ended[32];
	attempt_time_text(ended);
	json_object_set_new(result, "ended", json_string(ended));
	json_object_set_new(result, "cpu_ms", json_integer((json_int_t)attempt->cpu_ms));
	if (!json_is_array(json_object_get(result, "artefacts")))
		json_object_set_new(result, "artefacts", json_array());
}

int attempt_complete(struct attempt *attempt, json_t *result, const struct plan *plan, const struct output *outputs)
{
	finish(attempt, result);
	if (leave_outputs(attempt, result, plan, outputs) != 0 || leave_attachments(attempt, result) != 0 ||
	    leave_report(attempt, result) != 0)
		return -1;
	json_t *sent = result_to_send(attempt, result);
	if (!sent)
		return -1;
	attempt_print(json_pack("{s:{s:i, s:o, s:o, s:O, s:I, s:I, s:I}}", "completion", "completeness", completeness_of(result),
				"summary", summary_of(result), "result", sent, "artefacts", attempt->artefacts, "cpu_ms",
				(json_int_t)attempt->cpu_ms, "tokens", (json_int_t)attempt->tokens, "cost_microusd",
				(json_int_t)attempt->cost_microusd));
	return 0;
}

void attempt_print_failure(const struct attempt *attempt)
{
	json_t *evidence = json_pack("{s:I, s:I, s:I}", "processes_ended", (json_int_t)attempt->processes_ended, "processes_left",
				     (json_int_t)attempt->processes_left, "cpu_ms", (json_int_t)attempt->cpu_ms);
	if (attempt->agent)
		json_object_set(evidence, "agent", attempt->agent);
	if (attempt->kept)
		json_object_set(evidence, "kept", json_object_get(attempt->kept, "ref"));
	attempt_print(json_pack("{s:{s:s, s:s, s:o}}", "failure", "code", error_name(attempt->code), "sentence",
				attempt->sentence, "evidence", evidence));
}
