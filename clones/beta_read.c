/* SPDX-License-Identifier: MIT
 *
 * What Beta's readers share. Nobody vouches for the bytes that programs printed: a member that is missing or of another type is treated
 * as absent, never as an error of ours.
 */
#include "clones/beta_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- members that may be missing ---- */

const char *member_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)); /* NULL if it is no string */
}

uint32_t member_number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 && value < UINT32_MAX ? (uint32_t)value : 0;
}

double member_share(const json_t *object, const char *name)
{
	double value = json_number_value(json_object_get(object, name));

	return value > 0 && value <= 1 ? value : 0.3;
}

/* The tools print paths of the folder they were started in. */
const char *beta_plain_path(const char *path)
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

void beta_unreadable(struct beta *beta, const struct step *step, const struct output *output, const char *what)
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
		beta_unreadable(beta, step, output, output->out.bytes ? "printed something that is no JSON" : "printed nothing");
		return NULL;
	}
	json_array_append_new(beta->documents, document);
	if (output->exit_status > ok_exit && !output->timed_out)
		result_status(beta->result, PARTIAL, "%s ended with status %d; some of its findings may be missing.", step->name,
			      output->exit_status);
	return document;
}

/* ---- what is known about a place ---- */

const char *beta_place_key(struct beta *beta, const char *path, uint32_t line)
{
	const char *key = arena_print(beta->arena, "%s:%u", path, line);

	return key ? key : "";
}

/* The innermost function around a line; ranges are sorted by their start. */
const char *beta_function_around(const struct beta *beta, const char *path, uint32_t line)
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
	const char *masked = member_text(beta->masked, beta_place_key(beta, evidence->path, evidence->line));

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

	evidence->path = beta_plain_path(evidence->path);
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
	evidence->function = beta_function_around(beta, evidence->path, evidence->line);
	evidence->snippet = snippet_for(beta, evidence, quoted_line);
	if (strcmp(rule->family, "hardcoded-secret") == 0) {
		evidence->message = NULL; /* it quotes what was found */
		evidence->title = "A string in an assignment to a name that speaks of a password";
	}
	evidence_add(&beta->list, evidence);
}

void beta_keep_skipped(struct beta *beta, const char *tool, const json_t *skipped)
{
	for (size_t i = 0; i < json_array_size(skipped); i++) {
		const json_t *entry = json_array_get(skipped, i);
		const char *path =
			beta_plain_path(member_text(entry, "path") ? member_text(entry, "path") : member_text(entry, "filename"));
		const char *reason = member_text(entry, "reason");

		if (path && beta_in_scope(beta, path))
			result_not_analysed(beta->result, path, tool, reason ? reason : "no reason was given");
	}
}
