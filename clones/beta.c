/* SPDX-License-Identifier: MIT
 *
 * Beta looks for what makes a program unsafe: credentials in files and history, dangerous calls, and what flawfinder, bandit and
 * shellcheck say. It needs no model.
 *
 * Parameters of the task, all optional:
 *   scope       array of paths; only files at or below them are reported
 *   history_ms  time for searching history for credentials (0: none)
 */
#include <stdio.h>
#include <string.h>

#include "clones/beta_inner.h"
#include "clones/specialists.h"

#define HISTORY_MS_MAX 600000
#define SCOPE_MAX      100u

static const char *const languages_c[] = {"C", "C++", NULL};
static const char *const languages_python[] = {"Python", NULL};
static const char *const languages_shell[] = {"Shell", NULL};
static const char *const languages_calls[] = {"C", "C++", "Python", "JavaScript", "TypeScript", "Shell", NULL};

/* A file in another encoding than UTF-8 would end flawfinder with all its findings lost; here such bytes are replaced while it reads.
 * Status 127 says that it is not installed. */
static const char flawfinder_wrapper[] = "import builtins, os, runpy, sys\n"
					 "program = '/usr/bin/flawfinder'\n"
					 "if not os.path.exists(program): sys.exit(127)\n"
					 "plain = builtins.open\n"
					 "def lenient(name, mode='r', *rest, **named):\n"
					 "    if 'b' not in mode: named.setdefault('errors', 'replace')\n"
					 "    return plain(name, mode, *rest, **named)\n"
					 "builtins.open = lenient\n"
					 "sys.argv[0] = program\n"
					 "runpy.run_path(program, run_name='__main__')\n";

/* ---- which files ---- */

static bool in_list(const char *text, const char *const *list)
{
	for (; text && *list; list++) {
		if (strcmp(*list, text) == 0)
			return true;
	}
	return false;
}

/* At or below one of the paths of the scope; everything is, without a scope. */
static bool scope_holds(const struct target *target, const char *path)
{
	const json_t *scope = json_object_get(target->parameters, "scope");

	if (!json_array_size(scope))
		return true;
	for (size_t i = 0; i < json_array_size(scope); i++) {
		const char *part = json_string_value(json_array_get(scope, i));
		size_t bytes = part ? strlen(part) : 0;

		while (bytes && part[bytes - 1] == '/')
			bytes--;
		if (bytes && strncmp(part, path, bytes) == 0 && (path[bytes] == 0 || path[bytes] == '/'))
			return true;
		if (part && strcmp(part, ".") == 0)
			return true;
	}
	return false;
}

/* The path of a file that counts, or NULL. */
static const char *file_path(const struct target *target, const json_t *file, const char *const *languages)
{
	const char *path = json_string_value(json_object_get(file, "path"));

	if (!path || json_is_true(json_object_get(file, "symlink")) || !scope_holds(target, path) ||
	    !in_list(json_string_value(json_object_get(file, "language")), languages))
		return NULL;
	return path;
}

size_t beta_files(const struct target *target, const char *const *languages, const char **out_paths, size_t most)
{
	const json_t *files = json_object_get(target->inventory, "files");
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *path = file_path(target, json_array_get(files, i), languages);

		if (path && out_paths && count < most)
			out_paths[count] = path;
		count += path != NULL;
	}
	return count;
}

/* Why shellcheck does not get a script; NULL if it does. */
static const char *script_refused(const json_t *file, const char *path)
{
	if (path_generated(path) || json_is_true(json_object_get(file, "generated")))
		return "made by a program";
	if (json_integer_value(json_object_get(file, "lines")) > BETA_SHELLCHECK_LINES)
		return "longer than 3,000 lines";
	return NULL;
}

size_t beta_scripts(const struct target *target, const char **out_paths, size_t most)
{
	const json_t *files = json_object_get(target->inventory, "files");
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		const char *path = file_path(target, file, languages_shell);

		if (!path || script_refused(file, path))
			continue;
		if (count < most)
			out_paths[count] = path;
		count++;
	}
	return count;
}

bool beta_in_scope(const struct beta *beta, const char *path)
{
	return json_object_get(beta->known, path) && scope_holds(beta->target, path);
}

/* ---- the plan ---- */

static struct step *step_new(struct plan *plan, const char *name, uint32_t tier, uint32_t share_permille)
{
	struct step *step = &plan->step[plan->count++];

	*step = (struct step){
		.name = name, .tier = tier, .optional = true, .confidential = tier > 0, .share_permille = share_permille};
	return step;
}

static void arguments(struct step *step, const char *const *list)
{
	size_t count = 0;

	while (step->argv[count])
		count++;
	for (; *list && count + 1 < STEP_ARGS_MAX; list++)
		step->argv[count++] = *list;
}

/* Changes that are not committed are what the other programs see, so our own look at the folder too. */
static void own_step(struct plan *plan, const struct target *target, const char *name, const char *option, const char *value)
{
	struct step *step = step_new(plan, name, 0, 400);

	arguments(step, (const char *const[]){"bunshin", "tool", name, NULL});
	if (json_is_true(json_object_get(target->inventory, "dirty")))
		arguments(step, (const char *const[]){"--worktree", NULL});
	if (value)
		arguments(step, (const char *const[]){option, value, NULL});
}

static void shellcheck_steps(struct plan *plan, const struct target *target, struct arena *arena)
{
	const char *paths[BETA_SHELLCHECK_FILES * BETA_SHELLCHECK_STEPS];
	size_t most = sizeof(paths) / sizeof(paths[0]);
	size_t count = beta_scripts(target, paths, most);

	if (count > most)
		count = most;
	for (size_t i = 0; i < count; i += BETA_SHELLCHECK_FILES) {
		struct step *step = step_new(plan, "shellcheck", 1, 400);

		arguments(step, (const char *const[]){"shellcheck", "-f", "json1", "--", NULL});
		for (size_t f = i; f < count && f < i + BETA_SHELLCHECK_FILES; f++) {
			const char *path = arena_print(arena, "./%s", paths[f]);

			if (path)
				arguments(step, (const char *const[]){path, NULL});
		}
	}
}

static int check_parameters(const struct target *target, char out_why[256])
{
	const json_t *scope = json_object_get(target->parameters, "scope");
	const json_t *history = json_object_get(target->parameters, "history_ms");

	if (scope && (!json_is_array(scope) || json_array_size(scope) > SCOPE_MAX))
		goto bad_scope;
	for (size_t i = 0; i < json_array_size(scope); i++) {
		if (!json_is_string(json_array_get(scope, i)))
			goto bad_scope;
	}
	if (!history ||
	    (json_is_integer(history) && json_integer_value(history) >= 0 && json_integer_value(history) <= HISTORY_MS_MAX))
		return 0;
	snprintf(out_why, 256, "parameters.history_ms must be a whole number of milliseconds from 0 to %d", HISTORY_MS_MAX);
	return ERR_INVALID_PARAMETERS;
bad_scope:
	snprintf(out_why, 256, "parameters.scope must be an array of at most %u paths such as [\"src\", \"lib/net.c\"]",
		 SCOPE_MAX);
	return ERR_INVALID_PARAMETERS;
}

static int beta_plan(const struct target *target, struct arena *arena, struct plan *plan, char out_why[256])
{
	const json_t *history = json_object_get(target->parameters, "history_ms");
	json_int_t history_ms = history ? json_integer_value(history) : BETA_HISTORY_MS;
	int rc = check_parameters(target, out_why);

	plan->count = 0;
	if (rc)
		return rc;
	if (beta_files(target, languages_calls, NULL, 0)) /* first: what it knows about functions serves all others */
		own_step(plan, target, "calls", NULL, NULL);
	own_step(plan, target, "secrets", "--history", history_ms ? arena_print(arena, "%lld", (long long)history_ms) : NULL);
	if (beta_files(target, languages_c, NULL, 0))
		arguments(step_new(plan, "flawfinder", 1, 400),
			  (const char *const[]){"python3", "-c", flawfinder_wrapper, "--csv", "--minlevel=1", "--quiet",
						"--dataonly", ".", NULL});
	if (beta_files(target, languages_python, NULL, 0))
		arguments(step_new(plan, "bandit", 1, 500),
			  (const char *const[]){"bandit", "-r", ".", "-f", "json", "-q", "-x",
						"./.git,./node_modules,./.venv,./venv,./.tox", NULL});
	shellcheck_steps(plan, target, arena);
	return 0;
}

/* ---- the conclusion ---- */

static json_t *known_paths(const struct target *target)
{
	const json_t *files = json_object_get(target->inventory, "files");
	json_t *known = json_object();

	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *path = json_string_value(json_object_get(json_array_get(files, i), "path"));

		if (path)
			json_object_set_new(known, path, json_true());
	}
	return known;
}

/* Who can be asked to install what. */
static void say_missing(struct beta *beta, const struct step *step, const struct output *output)
{
	bool gone = (!output->ran && output->why && strstr(output->why, "not installed")) ||
		    (output->ran && output->exit_status == 127);

	if (gone && step->tier > 0)
		result_status(beta->result, PARTIAL, "Install the Debian package '%s' to have its findings too.", step->name);
	if ((gone || !output->ran) && step->tier > 0)
		result_not_analysed(beta->result, NULL, step->name, output->why ? output->why : "it is not installed");
}

static void read_step(struct beta *beta, const struct step *step, const struct output *output)
{
	static const struct {
		const char *name;
		void (*read)(struct beta *beta, const struct step *step, const struct output *output);
	} readers[] = {{"secrets", beta_read_secrets},
		       {"calls", beta_read_calls},
		       {"flawfinder", beta_read_flawfinder},
		       {"bandit", beta_read_bandit},
		       {"shellcheck", beta_read_shellcheck}};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (strcmp(readers[i].name, step->name) == 0)
			readers[i].read(beta, step, output);
	}
	say_missing(beta, step, output);
}

/* A file counts as analysed if its text was searched; languages without rules are said. */
static void tell_coverage(struct beta *beta, bool searched)
{
	const json_t *files = json_object_get(beta->target->inventory, "files");
	size_t total = 0, binary = 0;

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		const char *path = json_string_value(json_object_get(file, "path"));

		if (!path || !scope_holds(beta->target, path))
			continue;
		total++;
		if (json_is_true(json_object_get(file, "binary")))
			binary++;
		else if (searched && !json_is_true(json_object_get(file, "symlink")))
			result_analysed(beta->result, path);
	}
	result_files_total(beta->result, total);
	if (binary) {
		char reason[64];

		snprintf(reason, sizeof(reason), "%zu binary files", binary);
		result_not_analysed(beta->result, NULL, "secrets", reason);
	}
}

static bool is_code(const char *language)
{
	static const char *const other[] = {"Go",     "Rust",       "Java",        "Kotlin",        "Scala",    "C#",
					    "F#",     "Swift",      "Objective-C", "Objective-C++", "PHP",      "Ruby",
					    "Perl",   "Lua",        "R",           "Julia",         "Haskell",  "OCaml",
					    "Erlang", "Elixir",     "Clojure",     "Dart",          "Zig",      "Nim",
					    "D",      "Fortran",    "Pascal",      "Ada",           "Assembly", "CUDA",
					    "Cython", "PowerShell", "Batchfile",   "Groovy",        "Vue",      "Svelte",
					    "SQL",    "HTML",       "Tcl",         "Visual Basic",  NULL};

	return in_list(language, other);
}

static void tell_languages(struct beta *beta)
{
	json_t *languages = json_object_get(beta->target->inventory, "languages");
	const char *language;
	json_t *lines;

	json_object_foreach (languages, language, lines) {
		char reason[160];

		if (!is_code(language))
			continue;
		snprintf(reason, sizeof(reason),
			 "%.40s (%lld lines): no rules for dangerous calls in this language; only credentials were looked for",
			 language, (long long)json_integer_value(lines));
		result_not_analysed(beta->result, NULL, "calls", reason);
	}
}

static void tell_unchecked_scripts(struct beta *beta)
{
	const json_t *files = json_object_get(beta->target->inventory, "files");
	size_t count = beta_scripts(beta->target, NULL, 0);
	size_t most = (size_t)BETA_SHELLCHECK_FILES * BETA_SHELLCHECK_STEPS;
	char reason[80];

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		const char *path = file_path(beta->target, file, languages_shell);

		if (path && script_refused(file, path))
			result_not_analysed(beta->result, path, "shellcheck", script_refused(file, path));
	}
	if (count <= most)
		return;
	snprintf(reason, sizeof(reason), "%zu shell scripts beyond the first %zu", count - most, most);
	result_not_analysed(beta->result, NULL, "shellcheck", reason);
	result_status(beta->result, PARTIAL,
		      "shellcheck looked at the first %zu of %zu scripts; a smaller scope reaches the others.", most, count);
}

static bool answered(const struct plan *plan, const struct output *outputs, const char *name)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (strcmp(plan->step[i].name, name) == 0 && outputs[i].ran && outputs[i].exit_status == 0)
			return true;
	}
	return false;
}

static bool beta_begin(struct beta *beta, const struct target *target)
{
	*beta = (struct beta){.target = target};
	beta->result = result_begin(target, "beta", "security-analysis");
	beta->arena = arena_new();
	beta->documents = json_array();
	beta->known = known_paths(target);
	beta->masked = json_object();
	return beta->result && beta->arena && beta->documents && beta->known && beta->masked;
}

static void beta_release(struct beta *beta)
{
	json_decref(beta->documents);
	json_decref(beta->known);
	json_decref(beta->masked);
	arena_free(beta->arena);
}

static json_t *beta_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct beta beta;
	json_t *result = NULL;

	if (!beta_begin(&beta, target)) {
		result_free(beta.result);
		goto out;
	}
	for (size_t i = 0; i < plan->count; i++)
		read_step(&beta, &plan->step[i], &outputs[i]);
	tell_coverage(&beta, answered(plan, outputs, "secrets"));
	tell_languages(&beta);
	tell_unchecked_scripts(&beta);
	if (!answered(plan, outputs, "secrets") && !answered(plan, outputs, "calls")) /* there is nothing to build on */
		result_status(beta.result, BLOCKED,
			      "Neither the search for credentials nor the one for dangerous calls gave an answer.");
	evidence_finish(&beta.list, beta.result);
	result = result_end(beta.result);
out:
	beta_release(&beta);
	return result;
}

const struct specialist beta_specialist = {
	.role = "beta",
	.task_type = "security-analysis",
	.sentence = "finds credentials and dangerous calls, and weighs what flawfinder, bandit and shellcheck say",
	.plan = beta_plan,
	.conclude = beta_conclude,
};
