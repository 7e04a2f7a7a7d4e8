/* SPDX-License-Identifier: MIT
 *
 * What an attempt's answer brings as evidence: files with their hashes, programs with how they ended, and the verdicts of its result. All of it is
 * what the clone says; the hash makes it possible to compare.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tale.h"
#include "cli/text.h"

static void add(struct tale *tale, const struct trail_entry *entry, const char *kind, json_t *name, json_t *hash, json_t *bytes,
		json_t *text)
{
	json_array_append_new(tale->evidence,
			      need(json_pack("{s:I, s:i, s:s, s:o, s:o, s:o, s:o}", "seq", (json_int_t)entry->seq, "attempt",
					     (int)entry->attempt, "kind", kind, "name", name ? name : json_null(), "sha256",
					     hash ? hash : json_null(), "bytes", bytes ? bytes : json_null(), "text",
					     text ? text : json_null())));
}

static json_t *read_json(const struct text *text)
{
	return text->bytes ? json_loadb(text->at, text->bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static json_t *member(const json_t *object, const char *name)
{
	return json_incref(json_object_get(object, name));
}

static void add_artefacts(struct tale *tale, const struct trail_entry *entry, const json_t *artefacts)
{
	const json_t *artefact;
	size_t i;

	json_array_foreach (artefacts, i, artefact)
		add(tale, entry, "artefact", member(artefact, "name"), member(artefact, "hash"), member(artefact, "bytes"),
		    member(artefact, "media_type"));
}

/* "exit 1", "killed by 9", "out of time", "not run: …" */
static json_t *run_ended(const json_t *run)
{
	const json_t *why = json_object_get(run, "skipped_reason");

	if (json_is_string(why))
		return json_sprintf("did not run: %s", json_string_value(why));
	if (json_is_true(json_object_get(run, "timed_out")))
		return json_string("ran out of time");
	if (json_is_integer(json_object_get(run, "killed_by")))
		return json_sprintf("was ended by signal %d", (int)json_integer_value(json_object_get(run, "killed_by")));
	return json_sprintf("ended with %d", (int)json_integer_value(json_object_get(run, "exit")));
}

static void add_runs(struct tale *tale, const struct trail_entry *entry, const json_t *runs)
{
	const json_t *run;
	size_t i;

	json_array_foreach (runs, i, run) {
		const json_t *raw = json_object_get(run, "raw");
		add(tale, entry, "run", member(run, "tool"), member(raw, "sha256"), member(raw, "bytes"), run_ended(run));
	}
}

/* "3 critical, 5 high, 7 medium" */
static json_t *severities_of(const json_t *findings)
{
	static const char *const names[] = {"critical", "high", "medium", "low", "info"};
	unsigned counts[5] = {0};
	char text[160] = "";
	const json_t *finding;
	size_t i, used = 0;

	json_array_foreach (findings, i, finding) {
		const char *severity = json_string_value(json_object_get(finding, "severity"));
		for (size_t k = 0; k < 5; k++)
			counts[k] += severity && strcmp(severity, names[k]) == 0;
	}
	for (size_t k = 0; k < 5; k++) {
		if (counts[k])
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u %s", used ? ", " : "", counts[k],
						 names[k]);
	}
	return json_string(used ? text : "none");
}

static void add_verdicts(struct tale *tale, const struct trail_entry *entry, const json_t *result)
{
	const json_t *findings = json_object_get(result, "findings");
	json_t *text = json_object_get(json_object_get(result, "synthesis"), "text");

	if (json_is_string(json_object_get(result, "status")))
		add(tale, entry, "verdict", json_string("status"), NULL, NULL, member(result, "status"));
	if (json_is_string(json_object_get(result, "status_reason")))
		add(tale, entry, "verdict", json_string("because"), NULL, NULL, member(result, "status_reason"));
	if (json_is_array(findings))
		add(tale, entry, "verdict", json_string("findings"), NULL, NULL, severities_of(findings));
	if (json_is_string(text))
		add(tale, entry, "verdict", json_string("summary"), NULL, NULL, json_incref(text));
}

static void prove_completion(struct tale *tale, const struct trail_entry *entry, const struct task_completion *facts)
{
	json_t *result = read_json(&facts->result), *artefacts = read_json(&facts->artefacts);

	add_verdicts(tale, entry, result);
	add_runs(tale, entry, json_object_get(result, "runs"));
	add_artefacts(tale, entry, artefacts);
	json_decref(result);
	json_decref(artefacts);
}

/* What a failure brings along; the end of its log is long, and `task logs` shows it. */
static void prove_failure(struct tale *tale, const struct trail_entry *entry, const struct task_failure *facts)
{
	json_t *evidence = read_json(&facts->evidence);
	const char *name;
	json_t *value;

	json_object_foreach (evidence, name, value) {
		bool log = strcmp(name, "log") == 0 && json_is_string(value);
		add(tale, entry, "failure", json_string(name), NULL,
		    log ? json_integer((json_int_t)json_string_length(value)) : NULL,
		    log ? json_string("`bunshin task logs` shows it") : json_incref(value));
	}
	json_decref(evidence);
}

void tale_prove(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	if (entry->direction != TRAIL_IN || entry->verdict)
		return;
	if (message->type == MESSAGE_TASK_COMPLETION)
		prove_completion(tale, entry, &message->task_completion);
	else if (message->type == MESSAGE_TASK_FAILURE)
		prove_failure(tale, entry, &message->task_failure);
}
