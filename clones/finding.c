/* SPDX-License-Identifier: MIT
 *
 * One finding as JSON, and the order of all of them.
 */
#include "clones/finding.h"

#include <stdlib.h>
#include <string.h>

#define FINDINGS_COLLECTED_MAX 100000u

static const struct {
	const char *name;
	double score;
} severities[] = {{"critical", 90}, {"high", 70}, {"medium", 45}, {"low", 20}, {"info", 5}};

#define SEVERITY_NAMES (sizeof(severities) / sizeof(severities[0]))

static size_t severity_index(const char *name)
{
	for (size_t i = 0; name && i < SEVERITY_NAMES; i++) {
		if (strcmp(severities[i].name, name) == 0)
			return i;
	}
	return SEVERITY_NAMES - 1;
}

static double score_of(const struct finding *finding)
{
	double score = finding->score > 0 ? finding->score : severities[severity_index(finding->severity)].score;

	if (!finding->keep_score && finding->in_test)
		score *= 0.4;
	if (!finding->keep_score && (finding->vendored || finding->generated))
		score *= 0.5;
	return score > 100 ? 100 : score;
}

static double confidence_of(const struct finding *finding)
{
	if (!(finding->confidence > 0))
		return 0.5;
	return finding->confidence > 1 ? 1 : finding->confidence;
}

/* Figures a person reads need no more than two digits behind the point. */
static json_t *rounded(double value)
{
	return json_real((double)(long long)(value * 100 + 0.5) / 100);
}

static json_t *text_or_null(const char *text, size_t most)
{
	return text ? text_json(text, strlen(text), most) : json_null();
}

static json_t *number_or_null(uint32_t number)
{
	return number ? json_integer(number) : json_null();
}

static json_t *rule_json(const struct finding *finding)
{
	json_t *cwe = json_array();

	for (size_t i = 0; i < FINDING_CWE_MAX && finding->cwe[i]; i++)
		json_array_append_new(cwe, json_sprintf("CWE-%u", finding->cwe[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", text_or_null(finding->rule, TEXT_BYTES_MAX), "family",
			 text_or_null(finding->family, TEXT_BYTES_MAX), "cwe", cwe, "title",
			 text_or_null(finding->title, TEXT_BYTES_MAX), "help", text_or_null(finding->help, TEXT_BYTES_MAX));
}

static json_t *place_json(const struct finding *finding)
{
	const char *snippet = finding->snippet;

	while (snippet && (*snippet == ' ' || *snippet == '\t'))
		snippet++;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "path", text_or_null(finding->path, TEXT_BYTES_MAX), "line",
			 number_or_null(finding->line), "end_line", number_or_null(finding->end_line), "column",
			 number_or_null(finding->column), "function", text_or_null(finding->function, TEXT_BYTES_MAX), "blob",
			 text_or_null(finding->blob, TEXT_BYTES_MAX), "snippet", text_or_null(snippet, SNIPPET_BYTES_MAX));
}

static json_t *fix_json(const struct finding *finding)
{
	if (!finding->fix_hint && !finding->fix_patch)
		return json_null();
	return json_pack("{s:o, s:o}", "hint", text_or_null(finding->fix_hint, TEXT_BYTES_MAX), "patch",
			 text_or_null(finding->fix_patch, 65536));
}

static json_t *finding_json(const struct finding *finding)
{
	size_t severity = severity_index(finding->severity);
	const char *basis = finding->confidence_basis;

	return json_pack("{s:n, s:n, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:b, s:b, s:b}, s:o, s:n}", "id",
			 "fingerprint", "state", "new", "rule", rule_json(finding), "severity", severities[severity].name,
			 "score", rounded(score_of(finding)), "confidence", rounded(confidence_of(finding)), "confidence_basis",
			 text_or_null(basis ? basis : "rule", TEXT_BYTES_MAX), "loc", place_json(finding), "flow",
			 finding->flow ? finding->flow : json_array(), "evidence",
			 finding->evidence ? finding->evidence : json_array(), "context", "in_test", finding->in_test,
			 "generated", finding->generated, "vendored", finding->vendored, "fix", fix_json(finding), "verdict");
}

static bool findings_grow(struct findings *findings)
{
	size_t room = findings->room ? findings->room * 2 : 64;
	struct kept_finding *at = reallocarray(findings->at, room, sizeof(*at));

	if (!at)
		return false;
	findings->at = at;
	findings->room = room;
	return true;
}

static bool kept_fill(struct kept_finding *kept, const struct finding *finding)
{
	kept->line_text = strdup(finding->snippet ? finding->snippet : "");
	kept->weight = score_of(finding) * confidence_of(finding);
	kept->line = finding->line;
	kept->column = finding->column;
	return kept->line_text && fingerprint_of(finding->family ? finding->family : finding->rule, finding->path,
						 finding->function, kept->line_text, 0, kept->key);
}

json_t *findings_add(struct findings *findings, const struct finding *finding, bool *out_memory)
{
	struct kept_finding kept = {.order = findings->count};

	*out_memory = false;
	if (findings->count >= FINDINGS_COLLECTED_MAX) {
		findings->dropped++;
		json_decref(finding->evidence);
		json_decref(finding->flow);
		return NULL;
	}
	kept.json = finding_json(finding);
	if (!kept.json || !kept_fill(&kept, finding) || (findings->count == findings->room && !findings_grow(findings))) {
		json_decref(kept.json);
		free(kept.line_text);
		*out_memory = true;
		return NULL;
	}
	findings->at[findings->count++] = kept;
	return kept.json;
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int by_place(const struct kept_finding *a, const struct kept_finding *b)
{
	int rc = compare_numbers(a->line, b->line);

	if (!rc)
		rc = compare_numbers(a->column, b->column);
	return rc ? rc : compare_numbers(a->order, b->order);
}

static int by_key(const void *left, const void *right)
{
	const struct kept_finding *a = left, *b = right;
	int rc = strcmp(a->key, b->key);

	return rc ? rc : by_place(a, b);
}

static const char *path_of(const struct kept_finding *kept)
{
	const char *path = json_string_value(json_object_get(json_object_get(kept->json, "loc"), "path"));

	return path ? path : "";
}

static int by_weight(const void *left, const void *right)
{
	const struct kept_finding *a = left, *b = right;
	int rc = (a->weight < b->weight) - (a->weight > b->weight);

	if (!rc)
		rc = strcmp(path_of(a), path_of(b));
	return rc ? rc : by_place(a, b);
}

static const char *fingerprint_rule(const json_t *json)
{
	const json_t *rule = json_object_get(json, "rule");
	const char *family = json_string_value(json_object_get(rule, "family"));

	return family ? family : json_string_value(json_object_get(rule, "id"));
}

/* The first of its kind has its key as fingerprint already; the id is the start of the fingerprint. */
static bool fingerprint_set(struct kept_finding *kept, uint32_t occurrence)
{
	const json_t *place = json_object_get(kept->json, "loc");
	char fingerprint[FINGERPRINT_BYTES];

	memcpy(fingerprint, kept->key, sizeof(fingerprint));
	if (occurrence &&
	    !fingerprint_of(fingerprint_rule(kept->json), path_of(kept), json_string_value(json_object_get(place, "function")),
			    kept->line_text, occurrence, fingerprint))
		return false;
	return !json_object_set_new(kept->json, "fingerprint", json_string(fingerprint)) &&
	       !json_object_set_new(kept->json, "id", json_stringn(fingerprint, 12));
}

static bool findings_number(struct findings *findings)
{
	uint32_t occurrence = 0;

	for (size_t i = 0; i < findings->count; i++) {
		bool again = i && strcmp(findings->at[i].key, findings->at[i - 1].key) == 0;

		occurrence = again ? occurrence + 1 : 0;
		if (!fingerprint_set(&findings->at[i], occurrence))
			return false;
	}
	return true;
}

bool findings_finish(struct findings *findings, json_t *array)
{
	if (!findings->count)
		return true;
	qsort(findings->at, findings->count, sizeof(findings->at[0]), by_key);
	if (!findings_number(findings))
		return false;
	qsort(findings->at, findings->count, sizeof(findings->at[0]), by_weight);
	for (size_t i = 0; i < findings->count; i++) {
		if (i >= RESULT_FINDINGS_MAX)
			findings->dropped++;
		else if (json_array_append(array, findings->at[i].json))
			return false;
	}
	return true;
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		json_decref(findings->at[i].json);
		free(findings->at[i].line_text);
	}
	free(findings->at);
	*findings = (struct findings){0};
}
