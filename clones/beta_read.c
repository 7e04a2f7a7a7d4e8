/* SPDX-License-Identifier: MIT
 *
 * Reads what the programs of Beta's plan printed. Nobody vouches for these bytes: a member that is missing or of another type is
 * treated as absent, never as an error of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/beta_inner.h"
#include "clones/csv.h"

#define LINE_BYTES_MAX 400u

/* ---- members that may be missing ---- */

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)); /* NULL if it is no string */
}

static uint32_t number_of(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 && value < UINT32_MAX ? (uint32_t)value : 0;
}

static double share_of(const json_t *object, const char *name)
{
	double value = json_number_value(json_object_get(object, name));

	return value > 0 && value <= 1 ? value : 0.3;
}

/* The tools print paths of the folder they were started in. */
static const char *plain_path(const char *path)
{
	while (path && path[0] == '.' && path[1] == '/')
		path += 2;
	return path;
}

/* ---- an output that could not be read ---- */

static const char *last_error_line(struct beta *beta, const struct output *output)
{
	const char *text = (const char *)output->err.at;
	size_t end = output->err.bytes, start;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r'))
		end--;
	for (start = end; start > 0 && text[start - 1] != '\n';)
		start--;
	return end > start ? arena_print(beta->arena, "%.*s", (int)(end - start > 160 ? 160 : end - start), text + start) : NULL;
}

static void unreadable(struct beta *beta, const struct step *step, const struct output *output, const char *what)
{
	const char *said = last_error_line(beta, output);

	if (output->timed_out || output->signal || output->cut)
		return; /* result_add_run has said why */
	result_status(beta->result, PARTIAL, "%s %s (exit status %d%s%s), so its findings are missing.", step->name, what,
		      output->exit_status, said ? "): " : ")", said ? said : "");
}

const json_t *beta_document(struct beta *beta, const struct step *step, const struct output *output, int ok_exit)
{
	json_t *document;

	if (!output->ran)
		return NULL;
	document = json_loadb((const char *)output->out.at, output->out.bytes, 0, NULL);
	if (!document) {
		unreadable(beta, step, output, output->out.bytes ? "printed something that is no JSON" : "printed nothing");
		return NULL;
	}
	json_array_append_new(beta->documents, document);
	if (output->exit_status > ok_exit && !output->timed_out)
		result_status(beta->result, PARTIAL, "%s ended with status %d; some of its findings may be missing.", step->name,
			      output->exit_status);
	return document;
}

/* ---- what is known about a place ---- */

static const char *place_key(struct beta *beta, const char *path, uint32_t line)
{
	const char *key = arena_print(beta->arena, "%s:%u", path, line);

	return key ? key : "";
}

/* The innermost function around a line; ranges are sorted by their start. */
static const char *function_around(const struct beta *beta, const char *path, uint32_t line)
{
	const json_t *ranges = json_object_get(beta->functions, path);
	const char *name = NULL;

	for (size_t i = 0; i < json_array_size(ranges); i++) {
		const json_t *range = json_array_get(ranges, i);

		if (json_integer_value(json_array_get(range, 0)) > (json_int_t)line)
			break;
		if (json_integer_value(json_array_get(range, 1)) >= (json_int_t)line)
			name = json_string_value(json_array_get(range, 2));
	}
	return name;
}

/* "secret" becomes "…": for lines in which a credential may stand that was not found. */
static const char *without_literals(struct beta *beta, const char *line)
{
	char *out = line ? arena_print(beta->arena, "%s", line) : NULL;
	size_t used = 0;

	for (const char *c = out; c && *c;) {
		char quote = *c;

		out[used++] = *c++;
		if (quote != '"' && quote != '\'')
			continue;
		while (*c && *c != quote)
			c += *c == '\\' && c[1] ? 2 : 1;
		if (*c)
			out[used++] = *c++;
	}
	if (out)
		out[used] = 0;
	return out;
}

static const char *snippet_for(struct beta *beta, const struct evidence *evidence, const char *quoted_line)
{
	const json_t *lines = json_object_get(beta->lines, evidence->path);
	const char *masked = text_of(beta->masked, place_key(beta, evidence->path, evidence->line));

	if (masked)
		return masked;
	if (!quoted_line && evidence->line)
		return json_string_value(json_array_get(lines, evidence->line - 1)); /* our own reader has masked it */
	if (!beta->masks_complete || strcmp(evidence->family->name, "hardcoded-secret") == 0)
		return without_literals(beta, quoted_line);
	return quoted_line;
}

void beta_foreign(struct beta *beta, struct evidence *evidence, const char *quoted_line)
{
	const struct tool_rule *rule = tool_rule_find(evidence->tool, evidence->rule);

	evidence->path = plain_path(evidence->path);
	if (!evidence->path || !rule || !*rule->family || !beta_in_scope(beta, evidence->path))
		return;
	evidence->family = family_find(rule->family);
	evidence->confidence = rule->confidence;
	if (*rule->severity)
		evidence->severity = rule->severity;
	if (severity_rank(evidence->severity) == 0 && path_in_test(evidence->path)) {
		evidence_note(&beta->list, evidence); /* every assert of a test suite */
		return;
	}
	evidence->function = function_around(beta, evidence->path, evidence->line);
	evidence->snippet = snippet_for(beta, evidence, quoted_line);
	if (strcmp(rule->family, "hardcoded-secret") == 0) {
		evidence->message = NULL; /* it quotes what was found */
		evidence->title = "A string in an assignment to a name that speaks of a password";
	}
	evidence_add(&beta->list, evidence);
}

static void keep_skipped(struct beta *beta, const char *tool, const json_t *skipped)
{
	for (size_t i = 0; i < json_array_size(skipped); i++) {
		const json_t *entry = json_array_get(skipped, i);
		const char *path = plain_path(text_of(entry, "path") ? text_of(entry, "path") : text_of(entry, "filename"));
		const char *reason = text_of(entry, "reason");

		if (path && beta_in_scope(beta, path))
			result_not_analysed(beta->result, path, tool, reason ? reason : "no reason was given");
	}
}

/* ---- our own tools ---- */

static void add_secret(struct beta *beta, const json_t *entry, const char *version)
{
	const char *commit = text_of(entry, "commit");
	const char *kind = text_of(entry, "kind"), *path = text_of(entry, "path"), *hash = text_of(entry, "hash");
	struct evidence evidence = {.tool = "secrets",
				    .version = version,
				    .rule = text_of(entry, "rule"),
				    .family = family_find("hardcoded-secret"),
				    .cwe = {number_of(entry, "cwe")},
				    .severity = text_of(entry, "severity"),
				    .confidence = share_of(entry, "confidence"),
				    .path = path,
				    .line = number_of(entry, "line"),
				    .column = number_of(entry, "column"),
				    .blob = text_of(entry, "blob"),
				    .snippet = text_of(entry, "snippet"),
				    .commit = commit,
				    .shown = text_of(entry, "shown"),
				    .hash = hash,
				    .own = true};

	if (!path || !evidence.rule || !kind || !hash || (!commit && !beta_in_scope(beta, path)))
		return;
	evidence.title =
		commit ? arena_print(beta->arena, "%s in an earlier commit; it is gone from the files, not from history", kind)
		       : arena_print(beta->arena, "%s in the repository", kind);
	evidence.fix = "Revoke it where it was issued, put its successor into a secret store or the environment, and only then "
		       "clean up history.";
	if (!commit) {
		evidence.function = function_around(beta, path, evidence.line);
		json_object_set(beta->masked, place_key(beta, path, evidence.line), json_object_get(entry, "snippet"));
	}
	evidence_add(&beta->list, &evidence);
}

static void tell_history(struct beta *beta, const json_t *history)
{
	if (!json_is_object(history))
		return;
	result_add_metric(beta->result, "history_commits_searched", "", number_of(history, "commits"), "commits", "secrets");
	if (!json_is_true(json_object_get(history, "complete")))
		result_not_analysed(beta->result, NULL, "secrets",
				    "older history: the time for it was over; parameters.history_ms gives it more");
}

void beta_read_secrets(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 0);
	const json_t *findings = json_object_get(document, "findings");
	const char *version = text_of(document, "version");
	struct run_facts facts = {.version = version, .format = "json", .files_ok = number_of(document, "files_scanned")};

	facts.files_failed = (uint32_t)json_array_size(json_object_get(document, "skipped"));
	result_add_run(beta->result, step, output, &facts);
	for (size_t i = 0; i < json_array_size(findings); i++)
		add_secret(beta, json_array_get(findings, i), version);
	keep_skipped(beta, "secrets", json_object_get(document, "skipped"));
	tell_history(beta, json_object_get(document, "history"));
	beta->masks_complete = json_is_array(findings) && number_of(document, "findings_cut") == 0;
	if (number_of(document, "findings_cut"))
		result_status(beta->result, PARTIAL,
			      "There are more credentials than are listed; at least %u places are left out.",
			      number_of(document, "findings_cut"));
	if (json_is_array(findings))
		result_add_metric(beta->result, "files_searched_for_secrets", "", number_of(document, "files_scanned"), "files",
				  "secrets");
}

static void add_call(struct beta *beta, const json_t *entry, const char *version)
{
	struct evidence evidence = {.tool = "calls",
				    .version = version,
				    .rule = text_of(entry, "rule"),
				    .family = family_find(text_of(entry, "family")),
				    .cwe = {number_of(entry, "cwe")},
				    .severity = text_of(entry, "severity"),
				    .confidence = share_of(entry, "confidence"),
				    .title = text_of(entry, "title"),
				    .fix = text_of(entry, "fix"),
				    .path = text_of(entry, "path"),
				    .line = number_of(entry, "line"),
				    .end_line = number_of(entry, "end_line"),
				    .column = number_of(entry, "column"),
				    .function = text_of(entry, "function"),
				    .blob = text_of(entry, "blob"),
				    .snippet = text_of(entry, "snippet"),
				    .own = true};

	evidence.message = evidence.title;
	if (evidence.path && evidence.rule && evidence.severity && beta_in_scope(beta, evidence.path))
		evidence_add(&beta->list, &evidence);
}

void beta_read_calls(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 0);
	const json_t *findings = json_object_get(document, "findings");
	const char *version = text_of(document, "version");
	struct run_facts facts = {.version = version, .format = "json", .files_ok = number_of(document, "files_analysed")};

	facts.files_failed = (uint32_t)json_array_size(json_object_get(document, "skipped"));
	result_add_run(beta->result, step, output, &facts);
	beta->functions = json_object_get(document, "functions");
	beta->lines = json_object_get(document, "lines");
	beta->names = json_object_get(json_object_get(document, "names"), "C");
	for (size_t i = 0; i < json_array_size(findings); i++)
		add_call(beta, json_array_get(findings, i), version);
	keep_skipped(beta, "calls", json_object_get(document, "skipped"));
	if (number_of(document, "findings_cut"))
		result_status(beta->result, PARTIAL, "%u dangerous calls beyond the limit per file or in all are left out.",
			      number_of(document, "findings_cut"));
}

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
	if (!path || !json_object_get(beta->functions, plain_path(path)))
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
		unreadable(beta, step, &seen, seen.out.bytes ? "printed something that is no table" : "printed nothing");
	else if (seen.ran && (seen.exit_status != 0 || cut))
		unreadable(beta, step, &seen, "did not print its whole table");
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
				    .rule = text_of(entry, "test_id"),
				    .severity = lower_severity(text_of(entry, "issue_severity")),
				    .title = text_of(entry, "issue_text"),
				    .message = text_of(entry, "issue_text"),
				    .path = text_of(entry, "filename"),
				    .line = number_of(entry, "line_number"),
				    .column = number_of(entry, "col_offset") + 1};
	const char *line = quoted_line(beta, text_of(entry, "code"), evidence.line);

	if (!json_object_get(entry, "col_offset"))
		evidence.column = 0;
	evidence.cwe[0] = number_of(json_object_get(entry, "issue_cwe"), "id");
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
	keep_skipped(beta, "bandit", errors);
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
				    .rule = arena_print(beta->arena, "SC%u", number_of(entry, "code")),
				    .severity = shellcheck_severity(text_of(entry, "level")),
				    .title = text_of(entry, "message"),
				    .message = text_of(entry, "message"),
				    .path = text_of(entry, "file"),
				    .line = number_of(entry, "line"),
				    .end_line = number_of(entry, "endLine"),
				    .column = number_of(entry, "column")};

	if (evidence.rule && evidence.line)
		beta_foreign(beta, &evidence, NULL);
	if (evidence.rule && strcmp(evidence.rule, "SC1071") == 0 && evidence.path)
		result_not_analysed(beta->result, plain_path(evidence.path), "shellcheck",
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
