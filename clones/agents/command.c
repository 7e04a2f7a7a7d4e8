/* SPDX-License-Identifier: MIT
 *
 * Filling in templates. A value is written where a string of JSON or TOML is open with the escapes both understand; elsewhere as it is.
 */
#include "clones/agents/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "The following is a task for you in the current folder. Do it completely; nobody can answer questions.\n\n"

/* One private folder holds whatever a program wants to keep. */
static const struct agent_variable common[] = {
	{"HOME", {.text = "{home}"}},
	{"XDG_CONFIG_HOME", {.text = "{home}/.config"}},
	{"XDG_DATA_HOME", {.text = "{home}/.local/share"}},
	{"XDG_STATE_HOME", {.text = "{home}/.local/state"}},
	{"XDG_CACHE_HOME", {.text = "{home}/.cache"}},
	{"TMPDIR", {.text = "{home}/tmp"}},
	{"LANG", {.text = "C.UTF-8"}},
	{"TERM", {.text = "dumb"}},
	{"NO_COLOR", {.text = "1"}},
};

#define VALUES 13u
struct value {
	const char *name;
	const char *text; /* NULL: the setting was not given */
	char number[32];
};

static void set_number(struct value *value, const char *name, double number, bool given)
{
	value->name = name;
	value->text = given ? value->number : NULL;
	snprintf(value->number, sizeof(value->number), number == (double)(int64_t)number ? "%.0f" : "%.6f", number);
}

static void values_of(const struct agent_settings *settings, struct value values[VALUES])
{
	values[0] = (struct value){.name = "endpoint", .text = settings->endpoint};
	values[1] = (struct value){.name = "key", .text = settings->key};
	values[2] = (struct value){.name = "model", .text = settings->model};
	values[3] = (struct value){.name = "home", .text = settings->home};
	values[4] = (struct value){.name = "worktree", .text = settings->worktree};
	set_number(&values[5], "turns", settings->turns, settings->turns);
	set_number(&values[6], "budget", settings->budget, settings->budget > 0);
	set_number(&values[7], "retries", settings->retries, true);
	set_number(&values[8], "attempts", (double)settings->retries + 1, true);
	set_number(&values[9], "idle_ms", settings->idle_ms ? settings->idle_ms : 60000, true);
	set_number(&values[10], "timeout_ms", settings->timeout_ms ? settings->timeout_ms : 120000, true);
	set_number(&values[11], "turns_or_all", settings->turns ? (double)settings->turns : -1, true);
	values[12] = (struct value){.name = "temperature", .text = settings->temperature};
}

static const struct value *value_named(const struct value *values, const char *name, size_t bytes)
{
	for (size_t i = 0; i < VALUES; i++) {
		if (strlen(values[i].name) == bytes && memcmp(values[i].name, name, bytes) == 0)
			return &values[i];
	}
	return NULL;
}

/* The value of the placeholder that begins here and where it ends; NULL: none does. */
static const struct value *placeholder(const struct value *values, const char *at, const char **out_end)
{
	const char *end = *at == '{' ? strchr(at, '}') : NULL;
	const struct value *value = end ? value_named(values, at + 1, (size_t)(end - at - 1)) : NULL;

	if (value)
		*out_end = end + 1;
	return value;
}

struct pen {
	char *at; /* NULL: only counting */
	size_t bytes;
};

static void put(struct pen *pen, const char *text, size_t bytes)
{
	if (pen->at)
		memcpy(pen->at + pen->bytes, text, bytes);
	pen->bytes += bytes;
}

static void put_quoted(struct pen *pen, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			put(pen, "\\", 1);
		put(pen, text, 1);
	}
}

static void fill(struct pen *pen, const struct agent_template *template, const struct value *values)
{
	for (const char *at = template->text; *at;) {
		const char *end = at + 1;
		const struct value *value = placeholder(values, at, &end);

		if (!value)
			put(pen, at, 1);
		else if (value->text && template->quoting == AGENT_QUOTED)
			put_quoted(pen, value->text);
		else if (value->text)
			put(pen, value->text, strlen(value->text));
		at = end;
	}
}

/* "PREFIX=" and the filled template, or the template alone. NULL: out of memory. */
static char *filled(const char *prefix, const struct agent_template *template, const struct value *values)
{
	struct pen pen = {0};

	for (unsigned pass = 0; pass < 2; pass++) {
		if (pass == 1 && !(pen.at = calloc(1, pen.bytes + 1)))
			return NULL;
		pen.bytes = 0;
		if (prefix) {
			put(&pen, prefix, strlen(prefix));
			put(&pen, "=", 1);
		}
		fill(&pen, template, values);
	}
	return pen.at;
}

static bool is_wanted(const struct agent_template *template, const struct value *values)
{
	return !template->needs || value_named(values, template->needs, strlen(template->needs))->text;
}

static const char *wrong_text(const char *text)
{
	if (strlen(text) > AGENT_SETTING_BYTES_MAX)
		return "is too long";
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7F)
			return "has a control character in it";
	}
	return *text == '-' ? "begins with a dash and would be taken for an option" : NULL;
}

static const char *wrong_setting(const char *text, const char *name)
{
	if (!text || !*text)
		return "is missing";
	if (wrong_text(text))
		return wrong_text(text);
	if ((strcmp(name, "home") == 0 || strcmp(name, "worktree") == 0) && *text != '/')
		return "is no absolute path";
	if (strcmp(name, "endpoint") == 0) {
		if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
			return "does not begin with http:// or https://";
		if (strpbrk(text, " \"'<>\\"))
			return "has a character in it that no address has";
		if (text[strlen(text) - 1] == '/')
			return "ends with a slash, which must not be there";
	}
	return NULL;
}

static bool uses(const struct agent_cli *cli, const char *words)
{
	for (size_t i = 0; i < AGENT_ARGUMENTS_MAX && cli->arguments[i].text; i++) {
		if (!cli->arguments[i].needs && strstr(cli->arguments[i].text, words))
			return true;
	}
	return false;
}

static int check(const struct agent_cli *cli, const struct agent_settings *settings, char out_why[AGENT_WHY_BYTES])
{
	const struct {
		const char *name, *text;
		bool optional;
	} all[] = {{"endpoint", settings->endpoint, false},
		   {"key", settings->key, false},
		   {"home", settings->home, false},
		   {"worktree", settings->worktree, false},
		   {"model", settings->model, !uses(cli, "{model}")},
		   {"temperature", settings->temperature, true}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *wrong = all[i].optional && !all[i].text ? NULL : wrong_setting(all[i].text, all[i].name);
		if (!wrong)
			continue;
		/* The key itself is not shown. */
		snprintf(out_why, AGENT_WHY_BYTES, "%s: the setting \"%s\"%s%.100s%s %s.", cli->title, all[i].name,
			 all[i].text && i != 1 ? " (" : "", all[i].text && i != 1 ? all[i].text : "",
			 all[i].text && i != 1 ? ")" : "", wrong);
		return ERR_INVALID_PARAMETERS;
	}
	if (settings->budget >= 0 && settings->budget < 1e9)
		return 0;
	snprintf(out_why, AGENT_WHY_BYTES, "%s: the setting \"budget\" is no amount of dollars from 0 to 999,999,999.",
		 cli->title);
	return ERR_INVALID_PARAMETERS;
}

static int make_argv(const struct agent_cli *cli, const struct value *values, char **argv)
{
	size_t count = 0;

	argv[count] = strdup(cli->program);
	if (!argv[count++])
		return ERR_MEMORY;
	for (size_t i = 0; i < AGENT_ARGUMENTS_MAX && cli->arguments[i].text; i++) {
		if (!is_wanted(&cli->arguments[i], values))
			continue;
		argv[count] = filled(NULL, &cli->arguments[i], values);
		if (!argv[count++])
			return ERR_MEMORY;
	}
	return 0;
}

static int make_environment(const struct agent_variable *variables, size_t most, const struct value *values, char **environment,
			    size_t *count)
{
	for (size_t i = 0; i < most && variables[i].name; i++) {
		if (!is_wanted(&variables[i].value, values))
			continue;
		environment[*count] = filled(variables[i].name, &variables[i].value, values);
		if (!environment[(*count)++])
			return ERR_MEMORY;
	}
	return 0;
}

static int make_folders(const struct agent_cli *cli, const struct value *values, struct agent_command *command)
{
	const struct agent_template temporary = {.text = "{home}/tmp"}, own = {.text = cli->folder};

	command->folders[0] = filled(NULL, &temporary, values);
	if (command->folders[0] && cli->folder)
		command->folders[1] = filled(NULL, &own, values);
	return command->folders[0] && (command->folders[1] || !cli->folder) ? 0 : ERR_MEMORY;
}

static int make_config(const struct agent_cli *cli, const struct value *values, struct agent_command *command)
{
	const struct agent_template path = {.text = cli->config.name};

	if (!cli->config.name)
		return 0;
	command->config_path = filled(NULL, &path, values);
	command->config = filled(NULL, &cli->config.value, values);
	return command->config_path && command->config ? 0 : ERR_MEMORY;
}

int agent_command_make(const struct agent_cli *cli, const struct agent_settings *settings, struct agent_command *out_command,
		       char out_why[AGENT_WHY_BYTES])
{
	struct agent_command command = {0};
	struct value values[VALUES];
	size_t count = 0;
	int rc = check(cli, settings, out_why);

	if (rc)
		return rc;
	values_of(settings, values);
	rc = make_argv(cli, values, command.argv);
	if (!rc)
		rc = make_environment(common, sizeof(common) / sizeof(*common), values, command.environment, &count);
	if (!rc)
		rc = make_environment(cli->environment, AGENT_ENVIRONMENT_MAX, values, command.environment, &count);
	if (!rc)
		rc = make_folders(cli, values, &command);
	if (!rc)
		rc = make_config(cli, values, &command);
	if (rc) {
		snprintf(out_why, AGENT_WHY_BYTES, "out of memory");
		agent_command_release(&command);
		return rc;
	}
	*out_command = command;
	return 0;
}

void agent_command_release(struct agent_command *command)
{
	for (size_t i = 0; command->argv[i]; i++)
		free(command->argv[i]);
	for (size_t i = 0; command->environment[i]; i++)
		free(command->environment[i]);
	for (size_t i = 0; command->folders[i]; i++)
		free(command->folders[i]);
	free(command->config_path);
	free(command->config);
	*command = (struct agent_command){0};
}

char *agent_prompt_new(const char *prompt, size_t bytes, size_t *out_bytes)
{
	const size_t header = sizeof(HEADER) - 1;
	char *text = malloc(header + bytes + 1);

	if (!text)
		return NULL;
	memcpy(text, HEADER, header);
	memcpy(text + header, prompt, bytes);
	text[header + bytes] = '\0';
	*out_bytes = header + bytes;
	return text;
}
