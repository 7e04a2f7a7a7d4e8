/* SPDX-License-Identifier: MIT
 *
 * Reads what flawfinder, bandit and shellcheck printed.
 */
#include "clones/beta_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/csv.h"

#define LINE_BYTES_MAX 400u

/* ---- flawfinder --csv ---- */

enum {
	FLAW_FILE,
	FLAW_LINE,
	FLAW_COLUMN,
	FLAW_DEFAULT,
	FLAW_LEVEL,
	FLAW_CATEGORY,
	FLAW_NAME,
	FLAW_WARNING,
	FLAW_SUGGESTION,
	FLAW_NOTE,
	FLAW_CWES,
	FLAW_CONTEXT,
	FLAW_FINGERPRINT,
	FLAW_VERSION,
	FLAW_FIELDS
};

static uint32_t small_number(const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	return value < UINT32_MAX ? (uint32_t)value : 0;
}

/* "CWE-119!/CWE-120": every number behind a "CWE-". */
static void cwe_read(const char *text, uint32_t cwe[FINDING_CWE_MAX])
{
	size_t count = 0;

	while (count < FINDING_CWE_MAX && (text = strstr(text, "CWE-"))) {
		text += 4;
		cwe[count] = small_number(text);
		count += cwe[count] != 0;
	}
}

/* Our own rules know the name, and have read the file. */
static bool is_judged(const struct beta *beta, const char *path, const char *name)
{
	if (!path || !json_object_get(beta->functions, beta_plain_path(path)))
		return false;
	for (size_t i = 0; i < json_array_size(beta->names); i++) {
		const char *known = json_string_value(json_array_get(beta->names, i));

		if (known && strcmp(known, name) == 0)
			return true;
	}
	return false;
}

/* "gets: Does not check for buffer overflows", without the weaknesses in brackets at the end: they are told apart. */
static const char *flaw_title(struct beta *beta, const struct csv *csv)
{
	const char *warning = csv->field[FLAW_WARNING];
	const char *bracket = strstr(warning, " (CWE-");
	size_t bytes = bracket ? (size_t)(bracket - warning) : strlen(warning);

	return arena_print(beta->arena, "%s: %.*s", csv->field[FLAW_NAME], (int)(bytes > 300 ? 300 : bytes), warning);
}

static void add_flaw(struct beta *beta, const struct csv *csv)
{
	static const char *const severities[] = {"info", "info", "low", "medium", "high", "high"};
	uint32_t level = small_number(csv->field[FLAW_LEVEL]);
	struct evidence evidence = {.tool = "flawfinder",
				    .version = csv->field[FLAW_VERSION],
				    .rule = arena_print(beta->arena, "%s/%s", csv->field[FLAW_CATEGORY], csv->field[FLAW_NAME]),
				    .severity = severities[level < 6 ? level : 5],
				    .title = flaw_title(beta, csv),
				    .message = csv->field[FLAW_WARNING],
				    .fix = csv->field[FLAW_SUGGESTION],
				    .path = csv->field[FLAW_FILE],
				    .line = small_number(csv->field[FLAW_LINE]),
				    .column = small_number(csv->field[FLAW_COLUMN]),
				    .judged = is_judged(beta, csv->field[FLAW_FILE], csv->field[FLAW_NAME])};

	cwe_read(csv->field[FLAW_CWES], evidence.cwe);
	if (evidence.rule && evidence.line)
		beta_foreign(beta, &evidence, csv->field[FLAW_CONTEXT]);
}

/* The wrapper of the plan ends with 127 where flawfinder is not installed. */
static struct output flawfinder_output(const struct output *output)
{
	struct output seen = *output;

	if (seen.ran && seen.exit_status == 127) {
		seen.ran = false;
		seen.why = "flawfinder is not installed";
	}
	return seen;
}

void beta_read_flawfinder(struct beta *beta, const struct step *step, const struct output *output)
{
	struct output seen = flawfinder_output(output);
	struct csv csv = {.at = (const char *)seen.out.at, .bytes = seen.ran ? seen.out.bytes : 0, .arena = beta->arena};
	struct run_facts facts = {.format = "csv"};
	bool header = csv_next(&csv) && csv.count >= FLAW_FIELDS && strcmp(csv.field[FLAW_FILE], "File") == 0 &&
		      strcmp(csv.field[FLAW_CWES], "CWEs") == 0;
	bool cut = csv.cut;

	while (header && csv_next(&csv)) {
		cut = csv.cut;
		if (csv.count < FLAW_FIELDS || cut)
			continue;
		facts.version = csv.field[FLAW_VERSION];
		add_flaw(beta, &csv);
	}
	if (header && seen.exit_status == 0)
		facts.files_ok = (uint32_t)beta_files(beta->target, (const char *const[]){"C", "C++", NULL}, NULL, 0);
	result_add_run(beta->result, step, &seen, &facts);
	if (seen.ran && !header)
		beta_unreadable(beta, step, &seen, seen.out.bytes ? "printed something that is no table" : "printed nothing");
	else if (seen.ran && (seen.exit_status != 0 || cut))
		beta_unreadable(beta, step, &seen, "did not print its whole table");
}

/* ---- bandit -f json ---- */

/* The line itself out of "41 before\n42 the line\n43 after\n". */
static const char *quoted_line(struct beta *beta, const char *code, uint32_t line)
{
	while (code && *code) {
		size_t bytes = strcspn(code, "\n");
		char *end;
		unsigned long number = strtoul(code, &end, 10);

		if (number == line && end < code + bytes && *end == ' ')
			return arena_print(
				beta->arena, "%.*s",
				(int)(code + bytes - end - 1 > LINE_BYTES_MAX ? LINE_BYTES_MAX : code + bytes - end - 1),
				end + 1);
		code += bytes + (code[bytes] == '\n');
	}
	return NULL;
}

static const char *lower_severity(const char *severity)
{
	if (severity && strcmp(severity, "HIGH") == 0)
		return "high";
	if (severity && strcmp(severity, "MEDIUM") == 0)
		return "medium";
	return severity && strcmp(severity, "LOW") == 0 ? "low" : "info";
}

static void add_bandit(struct beta *beta, const json_t *entry)
{
	struct evidence evidence = {.tool = "bandit",
				    .rule = member_text(entry, "test_id"),
				    .severity = lower_severity(member_text(entry, "issue_severity")),
				    .title = member_text(entry, "issue_text"),
				    .message = member_text(entry, "issue_text"),
				    .path = member_text(entry, "filename"),
				    .line = member_number(entry, "line_number"),
				    .column = member_number(entry, "col_offset") + 1};
	const char *line = quoted_line(beta, member_text(entry, "code"), evidence.line);

	if (!json_object_get(entry, "col_offset"))
		evidence.column = 0;
	evidence.cwe[0] = member_number(json_object_get(entry, "issue_cwe"), "id");
	if (evidence.rule && evidence.line)
		beta_foreign(beta, &evidence, line ? line : "");
}

/* Files it looked at have a row in its metrics, beside the totals. */
static uint32_t bandit_files(const json_t *document)
{
	size_t rows = json_object_size(json_object_get(document, "metrics"));

	return rows ? (uint32_t)rows - 1 : 0;
}

void beta_read_bandit(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 1);
	const json_t *results = json_object_get(document, "results"), *errors = json_object_get(document, "errors");
	struct run_facts facts = {.format = "json", .files_ok = bandit_files(document)};

	facts.files_failed = (uint32_t)json_array_size(errors);
	facts.files_ok = facts.files_ok > facts.files_failed ? facts.files_ok - facts.files_failed : facts.files_ok;
	result_add_run(beta->result, step, output, &facts);
	for (size_t i = 0; i < json_array_size(results); i++)
		add_bandit(beta, json_array_get(results, i));
	beta_keep_skipped(beta, "bandit", errors);
}

/* ---- shellcheck -f json1 ---- */

static const char *shellcheck_severity(const char *level)
{
	if (level && strcmp(level, "error") == 0)
		return "medium";
	return level && strcmp(level, "warning") == 0 ? "low" : "info";
}

static void add_shellcheck(struct beta *beta, const json_t *entry)
{
	struct evidence evidence = {.tool = "shellcheck",
				    .rule = arena_print(beta->arena, "SC%u", member_number(entry, "code")),
				    .severity = shellcheck_severity(member_text(entry, "level")),
				    .title = member_text(entry, "message"),
				    .message = member_text(entry, "message"),
				    .path = member_text(entry, "file"),
				    .line = member_number(entry, "line"),
				    .end_line = member_number(entry, "endLine"),
				    .column = member_number(entry, "column")};

	if (evidence.rule && evidence.line)
		beta_foreign(beta, &evidence, NULL);
	if (evidence.rule && strcmp(evidence.rule, "SC1071") == 0 && evidence.path)
		result_not_analysed(beta->result, beta_plain_path(evidence.path), "shellcheck",
				    "written for a shell that it does not know");
}

/* Status 2: some files could not be read; it names them on stderr. */
void beta_read_shellcheck(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 1);
	const json_t *comments = json_object_get(document, "comments");
	struct run_facts facts = {.format = "json"};

	for (size_t i = 0; i < STEP_ARGS_MAX && step->argv[i]; i++)
		facts.files_ok += document && strcmp(step->argv[i], "--") != 0 && i > 3;
	result_add_run(beta->result, step, output, &facts);
	for (size_t i = 0; i < json_array_size(comments); i++)
		add_shellcheck(beta, json_array_get(comments, i));
}
