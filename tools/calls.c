/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool calls [--commit REV] [--worktree]`: dangerous calls, settings and commands in C, C++, Python, JavaScript,
 * TypeScript and shell.
 *
 *   {"tool", "version", "commit", "source": "commit" or "folder", "files_total", "files_analysed", "languages": {name: files},
 *    "skipped": [{"path", "reason"}],
 *    "findings": [{"rule", "family", "cwe", "severity", "confidence", "title", "fix", "path", "line", "column", "end_line", "function"
 *                  (null: none), "blob", "snippet", "callee"}],
 *    "findings_cut": count, "analysed": [path],
 *    "functions": {path: [[line, end line, name]]}, for what other programs report about the same files,
 *    "lines": {path: [text]}, of shell scripts, for the same reason,
 *    "names": {"C": [name]}: the functions that the rules for C judge}
 *
 * Credentials in snippets and lines are masked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/result.h"
#include "tools/call.h"
#include "tools/language.h"
#include "tools/secret.h"
#include "tools/source.h"
#include "tools/tool.h"

#define FINDINGS_MAX          4000u
#define FINDINGS_FILE_MAX     200u /* of one file, so that one does not push out all others */
#define SKIPPED_MAX           2000u
#define FUNCTIONS_TOTAL_MAX   60000u
#define LINES_TOTAL_BYTES_MAX (1u << 20)
#define LINE_ROOM             200u

struct work {
	struct secret_scanner *scanner;
	json_t *findings, *skipped, *analysed, *functions, *lines, *languages;
	size_t files_total, findings_cut, functions_total, line_bytes;
	bool no_memory;
};

/* One file while it is being read. */
struct file {
	struct work *work;
	const struct source *source;
	const struct secret_hits *hits;
	size_t findings;
};

static void keep(struct work *work, int rc)
{
	if (rc)
		work->no_memory = true;
}

static json_t *text_of(const char *text)
{
	return text_json(text, strlen(text), 2000);
}

static json_t *masked_line(const struct file *file, size_t offset)
{
	char line[LINE_ROOM];

	secret_masked_line(file->source, file->hits, offset, line, sizeof(line));
	return text_of(line);
}

static int found(const struct call_rule *rule, const struct call_site *site, void *context)
{
	struct file *file = context;
	struct work *work = file->work;
	const struct token *token = &site->tokens->at[site->name];
	const struct token *last = &site->tokens->at[site->whole.to - 1];

	if (json_array_size(work->findings) >= FINDINGS_MAX || file->findings >= FINDINGS_FILE_MAX) {
		work->findings_cut++;
		return 0;
	}
	file->findings++;
	keep(work,
	     json_array_append_new(work->findings,
				   json_pack("{s:s, s:s, s:i, s:s, s:f, s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:s, s:o, s:o}",
					     "rule", rule->id, "family", rule->family, "cwe", (int)rule->cwe, "severity",
					     rule->severity, "confidence", rule->confidence, "title", rule->title, "fix",
					     rule->fix, "path", text_of(file->source->path), "line", (json_int_t)token->line,
					     "column", (json_int_t)token->column, "end_line", (json_int_t)last->line, "function",
					     site->function ? text_of(site->function->name) : json_null(), "blob",
					     file->source->blob, "snippet", masked_line(file, token->start), "callee",
					     text_json(site->tokens->text + token->start, token->bytes, 100))));
	return work->no_memory;
}

static void keep_functions(struct work *work, const struct source *source, const struct functions *functions)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < functions->count && work->functions_total < FUNCTIONS_TOTAL_MAX; i++, work->functions_total++)
		keep(work, json_array_append_new(list, json_pack("[I, I, o]", (json_int_t)functions->at[i].line,
								 (json_int_t)functions->at[i].end_line,
								 text_of(functions->at[i].name))));
	keep(work, json_object_set_new_nocheck(work->functions, source->path, list));
}

/* shellcheck names a line and does not quote it. */
static void keep_lines(struct file *file)
{
	const struct source *source = file->source;
	json_t *list = json_array();

	for (size_t at = 0; at < source->bytes && file->work->line_bytes < LINES_TOTAL_BYTES_MAX;) {
		size_t bytes;

		source_line(source, at, &bytes);
		keep(file->work, json_array_append_new(list, masked_line(file, at)));
		file->work->line_bytes += bytes < LINE_ROOM ? bytes : LINE_ROOM;
		at += bytes + 1;
	}
	keep(file->work, json_object_set_new_nocheck(file->work->lines, source->path, list));
}

static void skip(struct work *work, const char *path, const char *reason)
{
	if (json_array_size(work->skipped) < SKIPPED_MAX)
		keep(work,
		     json_array_append_new(work->skipped, json_pack("{s:o, s:s}", "path", text_of(path), "reason", reason)));
}

static int analyse(struct work *work, const struct source *source, enum lexed language)
{
	struct file file = {.work = work, .source = source};
	struct tokens tokens;
	struct functions functions;
	int rc = 0;

	file.hits = secret_scan(work->scanner, source);
	tokens_init(&tokens, source->text, source->bytes);
	lex(language, &tokens);
	functions_find(&functions, language, &tokens);
	if (tokens.no_memory || functions.no_memory)
		work->no_memory = true;
	else
		rc = calls_find(language, &tokens, &functions, found, &file);
	if (tokens.cut)
		skip(work, source->path, "only a part of it was read: it is too long or too deeply nested");
	keep_functions(work, source, &functions);
	if (language == LEXED_SHELL)
		keep_lines(&file);
	functions_release(&functions);
	tokens_release(&tokens);
	return rc || work->no_memory;
}

static int visit(const struct source *source, void *context)
{
	struct work *work = context;
	const char *language = language_of_path(source->path);
	json_int_t files;

	if (!language && source->text)
		language = language_of_shebang(source->text, source->bytes);
	if (lexed_of(language) == LEXED_NONE)
		return 0;
	work->files_total++;
	if (source->skipped || (lexed_of(language) == LEXED_SHELL && path_generated(source->path))) {
		skip(work, source->path, source->skipped ? source->skipped : "a script made by a program");
		return 0;
	}
	files = json_integer_value(json_object_get(work->languages, language));
	keep(work, json_object_set_new(work->languages, language, json_integer(files + 1)));
	keep(work, json_array_append_new(work->analysed, text_of(source->path)));
	return analyse(work, source, lexed_of(language));
}

static bool work_begin(struct work *work)
{
	work->scanner = secret_scanner_new();
	work->findings = json_array();
	work->skipped = json_array();
	work->analysed = json_array();
	work->functions = json_object();
	work->lines = json_object();
	work->languages = json_object();
	return work->scanner && work->findings && work->skipped && work->analysed && work->functions && work->lines &&
	       work->languages;
}

static void work_release(struct work *work)
{
	secret_scanner_free(work->scanner);
	json_decref(work->findings);
	json_decref(work->skipped);
	json_decref(work->analysed);
	json_decref(work->functions);
	json_decref(work->lines);
	json_decref(work->languages);
}

/* A program that knows less may mark a place that these rules have looked at and found harmless. */
static json_t *judged_names(enum lexed language)
{
	const struct call_rule *rule;
	json_t *list = json_array();

	for (size_t i = 0; (rule = call_rule_at(i)); i++) {
		const char *names = rule->names;

		while (rule->language == language && rule->form == FORM_CALL && rule->condition != WHEN_SECURITY_NAME && *names) {
			size_t bytes = strcspn(names, " ");

			json_array_append_new(list, json_stringn(names, bytes));
			names += bytes + (names[bytes] == ' ');
		}
	}
	return list;
}

static int work_print(const struct work *work, const git_commit *commit, const char *source)
{
	char id[GIT_OID_HEXSZ + 1];
	json_t *answer =
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:O, s:O, s:O, s:I, s:O, s:O, s:O, s:{s:o}}", "tool", "calls",
			  "version", BUNSHIN_VERSION, "commit", git_oid_tostr(id, sizeof(id), git_commit_id(commit)), "source",
			  source, "files_total", (json_int_t)work->files_total, "files_analysed",
			  (json_int_t)json_array_size(work->analysed), "languages", work->languages, "skipped", work->skipped,
			  "findings", work->findings, "findings_cut", (json_int_t)work->findings_cut, "analysed", work->analysed,
			  "functions", work->functions, "lines", work->lines, "names", "C", judged_names(LEXED_C));
	int rc = answer && !work->no_memory ? tool_print(answer) : tool_fail("calls", "out of memory");

	json_decref(answer);
	return rc;
}

int tool_calls(int argc, char **argv)
{
	git_repository *repository = NULL;
	git_commit *commit = NULL;
	const char *revision = NULL;
	bool worktree = false;
	struct work work = {0};
	int rc = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--worktree") == 0)
			worktree = true;
		else if (strcmp(argv[i], "--commit") == 0 && i + 1 < argc)
			revision = argv[++i];
		else
			return tool_fail("calls", "'%s' was not understood; accepted are --commit REV and --worktree", argv[i]) +
			       1;
	}
	if (!work_begin(&work)) {
		tool_fail("calls", "out of memory");
		goto out;
	}
	if (tool_open_repository(&repository) || tool_find_commit(repository, revision, &commit))
		goto out;
	if (!source_each(repository, commit, worktree, visit, &work) || work.no_memory)
		rc = work_print(&work, commit, worktree ? "folder" : "commit");
out:
	git_commit_free(commit);
	git_repository_free(repository);
	work_release(&work);
	return rc;
}
