/* SPDX-License-Identifier: MIT
 *
 * The prompt of a race.
 */
#include "cli/race_prompt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/race_parameters.h"
#include "cli/race_template.h"
#include "cli/text.h"

#define VARIABLES_MAX 64u

/* ---- files ---- */

static int read_all(const struct call *call, const char *name, const char *path, FILE *file, char **out_text)
{
	char *text = need(malloc(RACE_PROMPT_BYTES_MAX + 1));
	size_t bytes = fread(text, 1, RACE_PROMPT_BYTES_MAX + 1, file);
	int rc = 0;

	if (ferror(file))
		rc = call_fail(call, ERR_USAGE, NULL, "--%s: %s: %s", name, path, strerror(errno));
	else if (bytes > RACE_PROMPT_BYTES_MAX)
		rc = call_fail(call, ERR_USAGE, "put it into a file of the repository, and name that file in the prompt",
			       "--%s: %s is larger than %u KiB", name, path, RACE_PROMPT_BYTES_MAX >> 10);
	else if (memchr(text, 0, bytes))
		rc = call_fail(call, ERR_USAGE, NULL, "--%s: %s is no text: it holds a NUL", name, path);
	if (rc) {
		free(text);
		return rc;
	}
	text[bytes] = 0;
	*out_text = text;
	return 0;
}

int prompt_file(const struct call *call, const char *name, const char *path, char **out_text)
{
	FILE *file;
	int rc;

	if (strcmp(path, "-") == 0)
		return read_all(call, name, "standard input", stdin, out_text);
	file = fopen(path, "re");
	if (!file)
		return call_fail(call, ERR_USAGE, NULL, "--%s: %s: %s", name, path, strerror(errno));
	rc = read_all(call, name, path, file, out_text);
	fclose(file);
	return rc;
}

/* ---- templates ---- */

static char *templates_folder(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *folder = NULL;
	int rc;

	if (config && *config == '/')
		rc = asprintf(&folder, "%s/bunshin/templates", config);
	else
		rc = asprintf(&folder, "%s/.config/bunshin/templates", home ? home : "");
	return need(rc < 0 ? NULL : folder);
}

/* "a, b" of a folder's NAME.md, in the order of names. */
static void list_templates(const char *folder, char *out, size_t bytes)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, NULL, alphasort);
	size_t used = 0;

	out[0] = 0;
	for (int i = 0; i < count; i++) {
		size_t length = strlen(entries[i]->d_name);
		if (length > 3 && strcmp(entries[i]->d_name + length - 3, ".md") == 0 && used < bytes)
			used += (size_t)snprintf(out + used, bytes - used, "%s%.*s", used ? ", " : "", (int)length - 3,
						 entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static int find_template(const struct call *call, const char *name, char **out_path)
{
	char *folder, *path = NULL, known[400];
	int rc = 0;

	if (strchr(name, '/') || access(name, F_OK) == 0) {
		*out_path = need(strdup(name));
		return 0;
	}
	folder = templates_folder();
	if (asprintf(&path, "%s/%s.md", folder, name) < 0)
		need(NULL);
	if (access(path, F_OK) == 0) {
		*out_path = path;
	} else {
		list_templates(folder, known, sizeof(known));
		rc = call_fail(call, ERR_USAGE, "examples/templates of Bunshin has some to begin with",
			       "--template: there is no file %s, and no %s%s%s", name, path, *known ? "; there are: " : "",
			       known);
		free(path);
	}
	free(folder);
	return rc;
}

/* ---- variables ---- */

struct prompt_variables {
	struct template_variable item[VARIABLES_MAX];
	char *owned[2 * VARIABLES_MAX];
	size_t count, owned_count;
};

static char *keep(struct prompt_variables *variables, char *text)
{
	return variables->owned[variables->owned_count++] = need(text);
}

static void release(struct prompt_variables *variables)
{
	for (size_t i = 0; i < variables->owned_count; i++)
		free(variables->owned[i]);
}

static int take_variable(const struct call *call, const char *pair, struct prompt_variables *variables)
{
	const char *sign = strchr(pair, '=');
	struct template_variable *variable = &variables->item[variables->count];
	char *text = NULL;
	int rc;

	if (!sign || !template_name(pair, (size_t)(sign - pair)))
		return call_fail(call, ERR_USAGE, NULL,
				 "--var: \"%s\" is not accepted; NAME=TEXT or NAME=@FILE would be, with a to z, digits, _ and - "
				 "in the name",
				 pair);
	if (variables->count == VARIABLES_MAX)
		return call_fail(call, ERR_USAGE, NULL, "--var: more than %u variables", VARIABLES_MAX);
	variable->name = keep(variables, strndup(pair, (size_t)(sign - pair)));
	for (size_t i = 0; i < variables->count; i++) {
		if (strcmp(variables->item[i].name, variable->name) == 0)
			return call_fail(call, ERR_USAGE, NULL, "--var: %s is given twice", variable->name);
	}
	variable->value = sign + 1;
	if (sign[1] == '@') {
		rc = prompt_file(call, "var", sign + 2, &text);
		if (rc)
			return rc;
		variable->value = keep(variables, text);
	}
	variables->count++;
	return 0;
}

static int fill(const struct call *call, const char *template, const char *where, const char *prompt, char **out_prompt)
{
	struct prompt_variables variables = {0};
	char why[TEMPLATE_WHY_BYTES];
	size_t position = 0;
	const char *pair;
	int rc = 0;

	if (prompt)
		variables.item[variables.count++] = (struct template_variable){.name = "prompt", .value = prompt};
	while (!rc && (pair = option_next(call, "var", &position)))
		rc = take_variable(call, pair, &variables);
	if (!rc && template_fill(template, variables.item, variables.count, out_prompt, why))
		rc = call_fail(call, ERR_USAGE, NULL, "%s: %s", where, why);
	release(&variables);
	return rc;
}

/* ---- the prompt ---- */

/* What the person wrote: the operand, or a file. NULL: neither. */
static int take_words(const struct call *call, char **out_words)
{
	const char *path = option(call, "prompt-file");

	*out_words = NULL;
	if (path && call->operands)
		return call_fail(call, ERR_USAGE, NULL, "the prompt is given twice, in the call and by --prompt-file");
	if (path)
		return prompt_file(call, "prompt-file", path, out_words);
	if (call->operands)
		*out_words = need(strdup(call->operand[0]));
	return 0;
}

static int from_template(const struct call *call, const char *words, char **out_prompt)
{
	char *path = NULL, *template = NULL;
	int rc = find_template(call, option(call, "template"), &path);

	if (!rc)
		rc = prompt_file(call, "template", path, &template);
	if (!rc)
		rc = fill(call, template, path, words, out_prompt);
	free(template);
	free(path);
	return rc;
}

static int check_prompt(const struct call *call, const char *prompt)
{
	size_t bytes = strlen(prompt);

	if (strspn(prompt, " \t\r\n") == bytes)
		return call_fail(call, ERR_USAGE, NULL, "the prompt is empty");
	if (bytes > RACE_PROMPT_BYTES_MAX)
		return call_fail(call, ERR_USAGE, "put it into a file of the repository, and name that file in the prompt",
				 "the prompt is larger than %u KiB", RACE_PROMPT_BYTES_MAX >> 10);
	return 0;
}

int prompt_take(const struct call *call, char **out_prompt)
{
	char *words = NULL;
	int rc = take_words(call, &words);

	if (rc)
		return rc;
	*out_prompt = NULL;
	if (option(call, "template")) {
		rc = from_template(call, words, out_prompt);
	} else if (!words) {
		rc = call_fail(call, ERR_USAGE, "bunshin race \"Add error handling to the login function\" --agents claude,codex",
			       "what is to be done is missing: a prompt, --prompt-file or --template");
	} else if (option(call, "var")) {
		rc = fill(call, words, "the prompt", NULL, out_prompt);
	} else {
		*out_prompt = words;
		words = NULL;
	}
	if (!rc)
		rc = check_prompt(call, *out_prompt);
	if (rc) {
		free(*out_prompt);
		*out_prompt = NULL;
	}
	free(words);
	return rc;
}
