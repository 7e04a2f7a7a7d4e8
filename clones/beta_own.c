/* SPDX-License-Identifier: MIT
 *
 * Reads what `bunshin tool secrets` and `bunshin tool calls` printed.
 */
#include "clones/beta_inner.h"

static void add_secret(struct beta *beta, const json_t *entry, const char *version)
{
	const char *commit = member_text(entry, "commit");
	const char *kind = member_text(entry, "kind"), *path = member_text(entry, "path"), *hash = member_text(entry, "hash");
	struct evidence evidence = {.tool = "secrets",
				    .version = version,
				    .rule = member_text(entry, "rule"),
				    .family = family_find("hardcoded-secret"),
				    .cwe = {member_number(entry, "cwe")},
				    .severity = member_text(entry, "severity"),
				    .confidence = member_share(entry, "confidence"),
				    .path = path,
				    .line = member_number(entry, "line"),
				    .column = member_number(entry, "column"),
				    .blob = member_text(entry, "blob"),
				    .snippet = member_text(entry, "snippet"),
				    .commit = commit,
				    .shown = member_text(entry, "shown"),
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
		evidence.function = beta_function_around(beta, path, evidence.line);
		json_object_set(beta->masked, beta_place_key(beta, path, evidence.line), json_object_get(entry, "snippet"));
	}
	evidence_add(&beta->list, &evidence);
}

static void tell_history(struct beta *beta, const json_t *history)
{
	if (!json_is_object(history))
		return;
	result_add_metric(beta->result, "history_commits_searched", "", member_number(history, "commits"), "commits", "secrets");
	if (!json_is_true(json_object_get(history, "complete")))
		result_not_analysed(beta->result, NULL, "secrets",
				    "older history: the time for it was over; parameters.history_ms gives it more");
}

void beta_read_secrets(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 0);
	const json_t *findings = json_object_get(document, "findings");
	const char *version = member_text(document, "version");
	struct run_facts facts = {.version = version, .format = "json", .files_ok = member_number(document, "files_scanned")};

	facts.files_failed = (uint32_t)json_array_size(json_object_get(document, "skipped"));
	result_add_run(beta->result, step, output, &facts);
	for (size_t i = 0; i < json_array_size(findings); i++)
		add_secret(beta, json_array_get(findings, i), version);
	beta_keep_skipped(beta, "secrets", json_object_get(document, "skipped"));
	tell_history(beta, json_object_get(document, "history"));
	beta->masks_complete = json_is_array(findings) && member_number(document, "findings_cut") == 0;
	if (member_number(document, "findings_cut"))
		result_status(beta->result, PARTIAL,
			      "There are more credentials than are listed; at least %u places are left out.",
			      member_number(document, "findings_cut"));
	if (json_is_array(findings))
		result_add_metric(beta->result, "files_searched_for_secrets", "", member_number(document, "files_scanned"),
				  "files", "secrets");
}

static void add_call(struct beta *beta, const json_t *entry, const char *version)
{
	struct evidence evidence = {.tool = "calls",
				    .version = version,
				    .rule = member_text(entry, "rule"),
				    .family = family_find(member_text(entry, "family")),
				    .cwe = {member_number(entry, "cwe")},
				    .severity = member_text(entry, "severity"),
				    .confidence = member_share(entry, "confidence"),
				    .title = member_text(entry, "title"),
				    .fix = member_text(entry, "fix"),
				    .path = member_text(entry, "path"),
				    .line = member_number(entry, "line"),
				    .end_line = member_number(entry, "end_line"),
				    .column = member_number(entry, "column"),
				    .function = member_text(entry, "function"),
				    .blob = member_text(entry, "blob"),
				    .snippet = member_text(entry, "snippet"),
				    .own = true};

	evidence.message = evidence.title;
	if (evidence.path && evidence.rule && evidence.severity && beta_in_scope(beta, evidence.path))
		evidence_add(&beta->list, &evidence);
}

void beta_read_calls(struct beta *beta, const struct step *step, const struct output *output)
{
	const json_t *document = beta_document(beta, step, output, 0);
	const json_t *findings = json_object_get(document, "findings");
	const char *version = member_text(document, "version");
	struct run_facts facts = {.version = version, .format = "json", .files_ok = member_number(document, "files_analysed")};

	facts.files_failed = (uint32_t)json_array_size(json_object_get(document, "skipped"));
	result_add_run(beta->result, step, output, &facts);
	beta->functions = json_object_get(document, "functions");
	beta->lines = json_object_get(document, "lines");
	beta->names = json_object_get(json_object_get(document, "names"), "C");
	for (size_t i = 0; i < json_array_size(findings); i++)
		add_call(beta, json_array_get(findings, i), version);
	beta_keep_skipped(beta, "calls", json_object_get(document, "skipped"));
	if (member_number(document, "findings_cut"))
		result_status(beta->result, PARTIAL, "%u dangerous calls beyond the limit per file or in all are left out.",
			      member_number(document, "findings_cut"));
}
