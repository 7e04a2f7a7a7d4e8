/* SPDX-License-Identifier: MIT
 *
 * Sorting brings statements about one place together; each group becomes a finding.
 */
#include "clones/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVIDENCE_MAX 200000u
#define TOOLS_MAX    8u

static const struct family families[] = {
#define FAMILY(name, cwe, score, title, help) {name, cwe, score, title, help},
#include "clones/families.def"
};

static const struct tool_rule tool_rules[] = {
#define TOOL_RULE(tool, rule, family, severity, confidence) {tool, rule, family, severity, confidence},
#include "clones/tool_rules.def"
};

#define FAMILY_COUNT    (sizeof(families) / sizeof(families[0]))
#define TOOL_RULE_COUNT (sizeof(tool_rules) / sizeof(tool_rules[0]))

const struct family *family_find(const char *name)
{
	for (size_t i = 0; name && i < FAMILY_COUNT; i++) {
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	}
	return &families[FAMILY_COUNT - 1];
}

/* One star at the end stands for any text. */
static bool rule_fits(const char *pattern, const char *rule)
{
	size_t bytes = strlen(pattern);

	if (bytes && pattern[bytes - 1] == '*')
		return strncmp(pattern, rule, bytes - 1) == 0;
	return strcmp(pattern, rule) == 0;
}

const struct tool_rule *tool_rule_find(const char *tool, const char *rule)
{
	for (size_t i = 0; i < TOOL_RULE_COUNT; i++) {
		if (strcmp(tool_rules[i].tool, tool) == 0 && rule_fits(tool_rules[i].rule, rule))
			return &tool_rules[i];
	}
	return NULL;
}

unsigned severity_rank(const char *severity)
{
	static const char *const names[] = {"info", "low", "medium", "high", "critical"};

	for (unsigned i = 0; severity && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], severity) == 0)
			return i;
	}
	return 0;
}

void evidence_add(struct evidence_list *list, const struct evidence *evidence)
{
	if (list->count >= EVIDENCE_MAX) {
		list->dropped++;
		return;
	}
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 256;
		struct evidence *at = reallocarray(list->at, room, sizeof(*at));

		if (!at) {
			list->no_memory = true;
			return;
		}
		list->at = at;
		list->room = room;
	}
	list->at[list->count++] = *evidence;
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* Where it is and what it is about: equal for statements of one finding. Credentials on one line stay apart by their column, as long as
 * the column is that of the same program. */
static int compare_place(const struct evidence *a, const struct evidence *b)
{
	int rc = compare_text(a->path, b->path);

	if (!rc)
		rc = (a->line > b->line) - (a->line < b->line);
	if (!rc)
		rc = compare_text(a->family->name, b->family->name);
	return rc ? rc : compare_text(a->commit, b->commit);
}

static int compare(const void *left, const void *right)
{
	const struct evidence *a = left, *b = right;
	int rc = compare_place(a, b);

	if (!rc)
		rc = (int)b->own - (int)a->own;
	if (!rc)
		rc = (a->column > b->column) - (a->column < b->column);
	if (!rc)
		rc = compare_text(a->tool, b->tool);
	return rc ? rc : compare_text(a->rule, b->rule);
}

/* Severity "high" is worth the family's whole score. */
static double score_of(const struct family *family, const char *severity)
{
	static const double shares[] = {0.12, 0.35, 0.7, 1.0, 1.15};

	return family->score * shares[severity_rank(severity)];
}

/* The surest statement of each program, combined as if they were independent, which they are not quite: never above 0.99. */
static double confidence_of(const struct evidence *group, size_t count, size_t *out_tools)
{
	const char *tools[TOOLS_MAX];
	double best[TOOLS_MAX], doubt = 1;
	size_t known = 0;

	for (size_t i = 0; i < count; i++) {
		size_t t = 0;

		while (t < known && strcmp(tools[t], group[i].tool) != 0)
			t++;
		if (t == TOOLS_MAX)
			continue;
		if (t == known) {
			tools[known] = group[i].tool;
			best[known++] = 0;
		}
		if (group[i].confidence > best[t])
			best[t] = group[i].confidence;
	}
	for (size_t t = 0; t < known; t++)
		doubt *= 1 - best[t];
	*out_tools = known;
	return doubt < 0.01 ? 0.99 : 1 - doubt;
}

/* The statement that names the finding: our own rule if there is one, else the worst. */
static const struct evidence *leader_of(const struct evidence *group, size_t count)
{
	const struct evidence *leader = &group[0];

	for (size_t i = 1; i < count && !leader->own; i++) {
		if (severity_rank(group[i].severity) > severity_rank(leader->severity))
			leader = &group[i];
	}
	return leader;
}

static json_t *text_or_null(const char *text)
{
	return text ? text_json(text, strlen(text), TEXT_BYTES_MAX) : json_null();
}

static json_t *evidence_json(const struct evidence *group, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:s?, s:s, s:s, s:o}", "tool", group[i].tool, "version",
						       group[i].version, "rule", group[i].rule, "severity", group[i].severity,
						       "message", text_or_null(group[i].message)));
	return array;
}

static void cwe_add(uint32_t list[FINDING_CWE_MAX], uint32_t cwe)
{
	for (size_t i = 0; cwe && i < FINDING_CWE_MAX; i++) {
		if (list[i] == cwe)
			return;
		if (!list[i]) {
			list[i] = cwe;
			return;
		}
	}
}

static void cwe_collect(struct finding *finding, const struct evidence *leader, const struct evidence *group, size_t count)
{
	for (size_t c = 0; c < FINDING_CWE_MAX; c++)
		cwe_add(finding->cwe, leader->cwe[c]);
	for (size_t i = 0; i < count; i++) {
		for (size_t c = 0; c < FINDING_CWE_MAX; c++)
			cwe_add(finding->cwe, group[i].cwe[c]);
	}
	if (!finding->cwe[0])
		finding->cwe[0] = leader->family->cwe;
}

/* The first in the group that knows it. */
#define FIRST_KNOWN(member)                                                                                                      \
	for (size_t i = 0; i < count && !finding.member; i++)                                                                    \
	finding.member = group[i].member

static void add_group(struct result *result, const struct evidence *group, size_t count)
{
	const struct evidence *leader = leader_of(group, count);
	struct finding finding = {.rule = leader->family->name,
				  .family = leader->family->name,
				  .title = leader->title ? leader->title : leader->family->title,
				  .help = leader->family->help,
				  .severity = leader->severity,
				  .score = score_of(leader->family, leader->severity),
				  .path = leader->path,
				  .line = leader->line,
				  .end_line = leader->end_line,
				  .column = leader->column,
				  .function = leader->function,
				  .blob = leader->blob,
				  .snippet = leader->snippet,
				  .fix_hint = leader->fix,
				  .in_test = path_in_test(leader->path),
				  .vendored = path_vendored(leader->path),
				  .generated = path_generated(leader->path)};
	char basis[48] = "rule";
	size_t tools;
	json_t *json;

	finding.confidence = confidence_of(group, count, &tools);
	if (tools > 1)
		snprintf(basis, sizeof(basis), "%zu programs agree", tools);
	finding.confidence_basis = basis;
	cwe_collect(&finding, leader, group, count);
	FIRST_KNOWN(function);
	FIRST_KNOWN(blob);
	FIRST_KNOWN(snippet);
	finding.evidence = evidence_json(group, count);
	json = result_add_finding(result, &finding);
	if (json && leader->commit)
		json_object_set_new(json_object_get(json, "loc"), "commit", json_string(leader->commit));
	if (json && leader->hash)
		json_object_set_new(json, "secret",
				    json_pack("{s:o, s:s}", "shown", text_or_null(leader->shown), "hash", leader->hash));
}

void evidence_note(struct evidence_list *list, const struct evidence *evidence)
{
	char name[128];

	if (!list->notes)
		list->notes = json_object();
	snprintf(name, sizeof(name), "%s %s", evidence->tool, evidence->rule);
	json_object_set_new(list->notes, name, json_integer(json_integer_value(json_object_get(list->notes, name)) + 1));
}

/* Nobody says more than a note. Where our own rules know the name and say nothing, it is a declaration, dead code or a constant. */
static bool is_note(const struct evidence *group, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (group[i].confidence > NOTE_CONFIDENCE_MAX && !group[i].judged)
			return false;
	}
	return true;
}

static void tell_notes(const struct evidence_list *list, struct result *result)
{
	const char *name;
	json_t *count;

	json_object_foreach (list->notes, name, count)
		result_add_metric(result, "notes_left_out", name, (double)json_integer_value(count), "notes", "confidence");
}

/* Two credentials found by the same program on one line are two findings. */
static bool same_group(const struct evidence *first, const struct evidence *next)
{
	if (compare_place(first, next) != 0)
		return false;
	return !(first->hash && next->hash && first->column != next->column);
}

void evidence_finish(struct evidence_list *list, struct result *result)
{
	size_t count;

	if (list->count)
		qsort(list->at, list->count, sizeof(list->at[0]), compare);
	for (size_t i = 0; i < list->count; i += count) {
		count = 1;
		while (i + count < list->count && same_group(&list->at[i], &list->at[i + count]))
			count++;
		if (!is_note(&list->at[i], count)) {
			add_group(result, &list->at[i], count);
			continue;
		}
		for (size_t n = i; n < i + count; n++)
			evidence_note(list, &list->at[n]);
	}
	tell_notes(list, result);
	if (list->no_memory)
		result_status(result, PARTIAL, "Memory ran out while findings were collected; some are missing.");
	if (list->dropped)
		result_status(result, PARTIAL, "%zu statements of the programs are left out because the result is bounded.",
			      list->dropped);
	json_decref(list->notes);
	free(list->at);
	*list = (struct evidence_list){0};
}
