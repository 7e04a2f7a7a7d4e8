/* SPDX-License-Identifier: MIT
 *
 * The result as a page for people: what came out first, then what was found, what was run, and what was not looked at.
 *
 * Paths, snippets and messages come from a repository nobody vouches for. Outside code spans every character that Markdown or
 * HTML could take as an instruction is escaped, and control characters and text direction marks are shown as "?".
 */
#include "clones/clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/page.h"

#define REPORT_FINDINGS_MAX     50u
#define REPORT_NOTES_MAX        25u
#define REPORT_ENTITIES_MAX     12u
#define REPORT_NOT_ANALYSED_MAX 20u
#define REPORT_METRICS_MAX      30u
#define REPORT_CHANGES_MAX      50u

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

static void put_title(struct page *page, const json_t *result)
{
	const json_t *target = json_object_get(result, "target");
	const char *commit = text_of(target, "commit");

	page_put(page, "# ");
	page_text(page, text_of(result, "kind"));
	page_put(page, " of ");
	page_text(page, text_of(target, "repo"));
	page_put(page, "\n\n**");
	page_text(page, text_of(result, "status"));
	page_put(page, "**");
	if (*text_of(result, "status_reason")) {
		page_put(page, ": ");
		page_text(page, text_of(result, "status_reason"));
	}
	page_put(page, "\n\n");
	if (*commit) {
		page_put(page, "Commit ");
		page_code(page, commit, false);
		page_put(page, json_is_true(json_object_get(target, "dirty"))
				       ? ", with changes in the folder that are not committed.\n\n"
				       : ".\n\n");
	}
}

static void put_counts(struct page *page, const json_t *result)
{
	static const char *const severities[] = {"critical", "high", "medium", "low", "info"};
	const json_t *findings = json_object_get(result, "findings");
	const json_t *coverage = json_object_get(result, "coverage");
	const char *separator = ": ";
	size_t index;
	json_t *finding;

	if (json_object_get(result, "change")) /* a task of changing, not of looking */
		return;
	page_print(page, "%lld of %lld files were analysed. %zu findings", number_of(coverage, "files_analysed"),
		   number_of(coverage, "files_total"), json_array_size(findings));
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		size_t count = 0;

		json_array_foreach (findings, index, finding)
			count += strcmp(text_of(finding, "severity"), severities[i]) == 0;
		if (!count)
			continue;
		page_print(page, "%s%zu %s", separator, count, severities[i]);
		separator = ", ";
	}
	page_put(page, ".\n\n");
}

static void put_place(struct page *page, const json_t *place)
{
	char where[64] = "";
	long long line = number_of(place, "line"), column = number_of(place, "column");
	const char *path = text_of(place, "path");
	size_t bytes = strlen(path) + sizeof(where);
	char *whole;

	if (line && column)
		snprintf(where, sizeof(where), ":%lld:%lld", line, column);
	else if (line)
		snprintf(where, sizeof(where), ":%lld", line);
	whole = malloc(bytes);
	if (!whole) {
		page->no_memory = true;
		return;
	}
	snprintf(whole, bytes, "%s%s", path, where);
	page_code(page, whole, false);
	free(whole);
	if (*text_of(place, "function")) {
		page_put(page, " in ");
		page_code(page, text_of(place, "function"), false);
	}
}

static void put_evidence(struct page *page, const json_t *finding)
{
	const char *separator = "";
	size_t index;
	json_t *evidence;

	page_put(page, json_array_size(json_object_get(finding, "evidence")) ? "   Said by " : "   ");
	json_array_foreach (json_object_get(finding, "evidence"), index, evidence) {
		page_put(page, separator);
		page_text(page, text_of(evidence, "tool"));
		if (*text_of(evidence, "rule")) {
			page_put(page, " (");
			page_text(page, text_of(evidence, "rule"));
			page_put(page, ")");
		}
		separator = ", ";
	}
	page_print(page, "%s %.0f, confidence %.2f.", *separator ? "; score" : "Score",
		   json_number_value(json_object_get(finding, "score")),
		   json_number_value(json_object_get(finding, "confidence")));
}

static void put_context(struct page *page, const json_t *context)
{
	if (json_is_true(json_object_get(context, "in_test")))
		page_put(page, " Test code.");
	if (json_is_true(json_object_get(context, "vendored")))
		page_put(page, " Vendored code.");
	if (json_is_true(json_object_get(context, "generated")))
		page_put(page, " Generated code.");
}

static void put_finding(struct page *page, size_t number, const json_t *finding)
{
	const json_t *rule = json_object_get(finding, "rule");
	const json_t *place = json_object_get(finding, "loc");
	const char *hint = text_of(json_object_get(finding, "fix"), "hint");
	size_t index;
	json_t *cwe;

	page_print(page, "%zu. **", number);
	page_text(page, text_of(finding, "severity"));
	page_put(page, "** ");
	page_text(page, text_of(rule, "title"));
	json_array_foreach (json_object_get(rule, "cwe"), index, cwe) {
		page_put(page, index ? ", " : " (");
		page_text(page, json_string_value(cwe));
	}
	page_put(page, json_array_size(json_object_get(rule, "cwe")) ? ")  \n" : "  \n");
	if (*text_of(place, "path")) {
		page_put(page, "   ");
		put_place(page, place);
		page_put(page, "  \n");
	}
	if (*text_of(place, "snippet")) {
		page_put(page, "   ");
		page_code(page, text_of(place, "snippet"), false);
		page_put(page, "  \n");
	}
	if (*hint) {
		page_put(page, "   Fix: ");
		page_text(page, hint);
		page_put(page, "  \n");
	}
	put_evidence(page, finding);
	put_context(page, json_object_get(finding, "context"));
	page_put(page, "\n\n");
}

static bool is_note(const json_t *finding)
{
	return strcmp(text_of(finding, "severity"), "info") == 0;
}

/* What is only a note gets one line. */
static void put_note(struct page *page, const json_t *finding)
{
	page_put(page, "- ");
	page_text(page, text_of(json_object_get(finding, "rule"), "title"));
	if (*text_of(json_object_get(finding, "loc"), "path")) {
		page_put(page, ": ");
		put_place(page, json_object_get(finding, "loc"));
	}
	page_put(page, "\n");
}

/* Those that are notes, or those that are not. */
static void put_some_findings(struct page *page, const json_t *findings, bool notes)
{
	size_t count = 0, index;
	json_t *finding;

	json_array_foreach (findings, index, finding) {
		if (is_note(finding) != notes)
			continue;
		if (!count)
			page_put(page, notes ? "## Notes\n\n" : "## Findings, the worst first\n\n");
		if (count++ >= (notes ? REPORT_NOTES_MAX : REPORT_FINDINGS_MAX))
			continue;
		if (notes)
			put_note(page, finding);
		else
			put_finding(page, count, finding);
	}
	if (count && notes)
		page_put(page, "\n");
	if (count > (notes ? REPORT_NOTES_MAX : REPORT_FINDINGS_MAX))
		page_print(page, "%zu more are in the JSON result.\n\n",
			   count - (notes ? REPORT_NOTES_MAX : REPORT_FINDINGS_MAX));
}

static void put_findings(struct page *page, const json_t *result)
{
	const json_t *findings = json_object_get(result, "findings");

	put_some_findings(page, findings, false);
	put_some_findings(page, findings, true);
}

static void put_synthesis(struct page *page, const json_t *result)
{
	const char *text = text_of(json_object_get(result, "synthesis"), "text");

	if (!*text)
		return;
	page_text(page, text);
	page_put(page, "\n\n");
}

static void put_changed(struct page *page, const json_t *change)
{
	const char *status = text_of(change, "status"), *before = text_of(change, "old_path"),
		   *after = text_of(change, "new_path");

	page_put(page, *status == 'A'   ? "- added "
		       : *status == 'D' ? "- removed "
		       : *status == 'R' ? "- renamed "
					: "- changed ");
	page_code(page, *status == 'D' || *status == 'R' ? before : after, false);
	if (*status == 'R') {
		page_put(page, " to ");
		page_code(page, after, false);
	}
	page_put(page, "\n");
}

static void put_change(struct page *page, const json_t *result)
{
	const json_t *change = json_object_get(result, "change"), *changes = json_object_get(change, "changes");
	size_t count = json_array_size(changes) < REPORT_CHANGES_MAX ? json_array_size(changes) : REPORT_CHANGES_MAX;

	if (!count)
		return;
	page_put(page, "## What was changed\n\n");
	for (size_t i = 0; i < count; i++)
		put_changed(page, json_array_get(changes, i));
	if (number_of(change, "files") > (long long)count)
		page_print(page, "- and %lld more\n", number_of(change, "files") - (long long)count);
	page_put(page, "\n");
}

static void put_metrics(struct page *page, const json_t *result)
{
	const json_t *metrics = json_object_get(result, "metrics");
	size_t index;
	json_t *metric;

	if (!json_array_size(metrics))
		return;
	page_put(page, "## Figures\n\n| figure | of | value |\n|---|---|---:|\n");
	json_array_foreach (metrics, index, metric) {
		if (index >= REPORT_METRICS_MAX)
			break;
		page_put(page, "| ");
		page_text(page, text_of(metric, "name"));
		page_put(page, " | ");
		if (*text_of(metric, "subject"))
			page_code(page, text_of(metric, "subject"), true);
		page_print(page, " | %g ", json_number_value(json_object_get(metric, "value")));
		page_text(page, text_of(metric, "unit"));
		page_put(page, " |\n");
	}
	if (json_array_size(metrics) > REPORT_METRICS_MAX)
		page_print(page, "\n%zu more are in the JSON result.\n", json_array_size(metrics) - REPORT_METRICS_MAX);
	page_put(page, "\n");
}

/* A scalar member of an entity. */
static void put_value(struct page *page, const json_t *value)
{
	if (json_is_string(value))
		page_code(page, json_string_value(value), false);
	else if (json_is_integer(value))
		page_print(page, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		page_print(page, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		page_put(page, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		page_print(page, "%zu entries", json_array_size(value));
	else if (json_is_object(value))
		page_print(page, "%zu members", json_object_size(value));
	else
		page_put(page, "none");
}

static void put_entity(struct page *page, json_t *entity)
{
	const char *separator = "- ";
	const char *name;
	json_t *value;

	json_object_foreach (entity, name, value) {
		if (strcmp(name, "kind") == 0 || json_is_null(value))
			continue;
		page_put(page, separator);
		page_text(page, name);
		page_put(page, " ");
		put_value(page, value);
		separator = ", ";
	}
	page_put(page, "\n");
}

/* The first entities of one kind, and how many there are. */
static void put_kind(struct page *page, const json_t *entities, const char *kind)
{
	size_t count = 0, index;
	json_t *entity;

	json_array_foreach (entities, index, entity)
		count += strcmp(text_of(entity, "kind"), kind) == 0;
	page_put(page, "### ");
	page_text(page, kind);
	page_print(page, " (%zu)\n\n", count);
	count = 0;
	json_array_foreach (entities, index, entity) {
		if (strcmp(text_of(entity, "kind"), kind) != 0)
			continue;
		if (count++ >= REPORT_ENTITIES_MAX)
			break;
		put_entity(page, entity);
	}
	page_put(page, count > REPORT_ENTITIES_MAX ? "- …\n\n" : "\n");
}

static bool kind_before(const json_t *entities, size_t index)
{
	const char *kind = text_of(json_array_get(entities, index), "kind");

	for (size_t i = 0; i < index; i++) {
		if (strcmp(text_of(json_array_get(entities, i), "kind"), kind) == 0)
			return true;
	}
	return false;
}

static void put_entities(struct page *page, const json_t *result)
{
	const json_t *entities = json_object_get(result, "entities");
	size_t index;
	json_t *entity;

	if (!json_array_size(entities))
		return;
	page_put(page, "## What there is\n\n");
	json_array_foreach (entities, index, entity) {
		if (!kind_before(entities, index))
			put_kind(page, entities, text_of(entity, "kind"));
	}
}

static void put_run(struct page *page, const json_t *run)
{
	const char *skipped = text_of(run, "skipped_reason");
	const char *killed_by = text_of(run, "killed_by");

	page_put(page, "| ");
	page_text(page, text_of(run, "tool"));
	page_put(page, " ");
	page_text(page, text_of(run, "version"));
	page_put(page, " | ");
	if (*skipped) {
		page_put(page, "did not run: ");
		page_text(page, skipped);
	} else if (json_is_true(json_object_get(run, "timed_out"))) {
		page_put(page, "ran out of time");
	} else if (*killed_by) {
		page_put(page, "ended by ");
		page_text(page, killed_by);
	} else {
		page_print(page, "exit %lld", number_of(run, "exit"));
	}
	page_put(page, json_is_true(json_object_get(run, "output_cut")) ? ", output cut" : "");
	page_print(page, " | %lld | %lld | %lld |\n", number_of(run, "files_ok"), number_of(run, "files_failed"),
		   number_of(run, "wall_ms"));
}

static void put_runs(struct page *page, const json_t *result)
{
	size_t index;
	json_t *run;

	if (!json_array_size(json_object_get(result, "runs")))
		return;
	page_put(page, "## What was run\n\n| program | outcome | files | failed | ms |\n|---|---|---:|---:|---:|\n");
	json_array_foreach (json_object_get(result, "runs"), index, run)
		put_run(page, run);
	page_put(page, "\n");
}

static void put_not_analysed(struct page *page, const json_t *result)
{
	const json_t *missed = json_object_get(json_object_get(result, "coverage"), "not_analysed");
	size_t count = json_array_size(missed), index;
	json_t *entry;

	page_put(page, "## What was not analysed\n\n");
	if (!count)
		page_put(page, "Nothing was left out that this specialist looks at.\n\n");
	json_array_foreach (missed, index, entry) {
		if (index >= REPORT_NOT_ANALYSED_MAX)
			break;
		page_put(page, "- ");
		if (*text_of(entry, "path")) {
			page_code(page, text_of(entry, "path"), false);
			page_put(page, " by ");
		}
		page_text(page, text_of(entry, "tool"));
		page_put(page, ": ");
		page_text(page, text_of(entry, "reason"));
		page_put(page, "\n");
	}
	if (count > REPORT_NOT_ANALYSED_MAX)
		page_print(page, "- and %zu more, in the JSON result\n", count - REPORT_NOT_ANALYSED_MAX);
	page_put(page, count ? "\n" : "");
}

char *report_markdown(const json_t *result)
{
	struct page page = {0};

	put_title(&page, result);
	put_counts(&page, result);
	put_synthesis(&page, result);
	put_change(&page, result);
	put_findings(&page, result);
	put_metrics(&page, result);
	put_entities(&page, result);
	put_runs(&page, result);
	put_not_analysed(&page, result);
	if (!page.no_memory)
		return page.text;
	free(page.text);
	return NULL;
}
