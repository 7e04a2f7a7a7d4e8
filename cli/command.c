/* SPDX-License-Identifier: MIT
 *
 * From the arguments of the program to the run of a command.
 */
#include "cli/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/text.h"
#include "protocol/error.h"
#include "routing/conf.h"

/* ---- what a command asks ---- */

const char *option(const struct call *call, const char *name)
{
	const char *value = NULL;
	const char *next;
	size_t position = 0;

	while ((next = option_next(call, name, &position)))
		value = next;
	return value;
}

bool option_set(const struct call *call, const char *name)
{
	return option(call, name) != NULL;
}

const char *option_next(const struct call *call, const char *name, size_t *position)
{
	while (*position < call->given_count) {
		const struct given *given = &call->given[(*position)++];
		if (strcmp(given->name, name) == 0)
			return given->value;
	}
	return NULL;
}

int option_duration(const struct call *call, const char *name, uint32_t *out_ms)
{
	const char *text = option(call, name);

	if (!text || duration_parse(text, out_ms) == 0)
		return 0;
	return call_fail(call, ERR_USAGE, NULL, "--%s: \"%s\" is no time; 500ms, 30s, 5m or 2h would be", name, text);
}

int option_number(const struct call *call, const char *name, uint32_t least, uint32_t most, uint32_t *out)
{
	const char *text = option(call, name);
	unsigned long number;
	char *end;

	if (!text)
		return 0;
	number = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && number >= least && number <= most) {
		*out = (uint32_t)number;
		return 0;
	}
	return call_fail(call, ERR_USAGE, NULL, "--%s: \"%s\" is not accepted; a number from %u to %u would be", name, text,
			 least, most);
}

int option_moment(const struct call *call, const char *name, uint64_t *out_unix_ms)
{
	const char *text = option(call, name);

	if (!text || moment_parse(text, (uint64_t)time(NULL) * 1000, out_unix_ms))
		return 0;
	return call_fail(call, ERR_USAGE, NULL,
			 "--%s: \"%s\" is no moment; 2h (ago), 10:30, yesterday, 2026-02-03 or 2026-02-03T10:30Z would be", name,
			 text);
}

int call_fail(const struct call *call, int error, const char *next, const char *format, ...)
{
	const char *mark = call && call->color_err ? "\033[31m" : "";
	const char *unmark = call && call->color_err ? "\033[0m" : "";
	char *sentence = NULL;
	char *safe;
	va_list list;

	va_start(list, format);
	if (vasprintf(&sentence, format, list) < 0)
		sentence = need(NULL);
	va_end(list);
	safe = text_safe_lines(sentence, strlen(sentence));
	fprintf(stderr, "%sbunshin%s%s:%s %s\n", mark, call && call->command ? " " : "",
		call && call->command ? call->command->name : "", unmark, safe);
	if (next)
		fprintf(stderr, "  next: %s\n", next);
	free(safe);
	free(sentence);
	return error_exit_code(error);
}

void call_note(const struct call *call, const char *format, ...)
{
	char *sentence = NULL;
	char *safe;
	va_list list;

	if (call->json)
		return;
	va_start(list, format);
	if (vasprintf(&sentence, format, list) < 0)
		sentence = need(NULL);
	va_end(list);
	safe = text_safe(sentence, strlen(sentence));
	fprintf(stderr, "%s\n", safe);
	free(safe);
	free(sentence);
}

/* ---- taking arguments apart ---- */

enum { CODE_SETTING = 256, CODE_JSON = 512, CODE_HELP, CODE_OPTION = 1024, LONG_MAX_OPTIONS = 64 };

static const char *const setting_names[] = {
#define SETTING(name, variable, in_project, is_path, fallback, placeholder, sentence) #name,
#include "cli/settings.def"
};

/* The common options and those of the command, as getopt_long takes them. */
static void list_options(const struct command *command, struct option *out)
{
	size_t used = 0;

	for (int i = 0; i < SETTING_COUNT; i++)
		out[used++] = (struct option){setting_names[i], required_argument, NULL, CODE_SETTING + i};
	out[used++] = (struct option){"json", no_argument, NULL, CODE_JSON};
	out[used++] = (struct option){"help", no_argument, NULL, CODE_HELP};
	for (int i = 0; command && command->options && command->options[i].name && used < LONG_MAX_OPTIONS - 1; i++) {
		const struct option_row *row = &command->options[i];
		out[used++] = (struct option){row->name, row->value ? required_argument : no_argument, NULL, CODE_OPTION + i};
	}
	out[used] = (struct option){0};
}

static int refuse_option(const struct call *call, int code, const char *text)
{
	char next[160];

	snprintf(next, sizeof(next), "`bunshin help %s` lists the options", call->command ? call->command->name : "");
	if (code == ':')
		return call_fail(call, ERR_USAGE, next, "the option %s needs a value", text);
	return call_fail(call, ERR_USAGE, next, "there is no option %s, or it takes no value, or it could mean several", text);
}

/* Takes one option that getopt_long has found. */
static void take_option(struct call *call, int code, const char *option_value[SETTING_COUNT], bool *help)
{
	if (code == CODE_JSON)
		call->json = true;
	else if (code == CODE_HELP)
		*help = true;
	else if (code < CODE_JSON)
		option_value[code - CODE_SETTING] = optarg;
	else if (call->given_count < GIVEN_MAX)
		call->given[call->given_count++] =
			(struct given){call->command->options[code - CODE_OPTION].name, optarg ? optarg : ""};
}

/* Fills options and operands. Returns 0, -1 for --help, or an exit code. */
static int take_arguments(struct call *call, int argc, char **argv, const char *option_value[SETTING_COUNT])
{
	struct option options[LONG_MAX_OPTIONS];
	bool help = false;
	int code;

	list_options(call->command, options);
	optind = 0; /* begins anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (code == '?' || code == ':')
			return refuse_option(call, code, argv[optind - 1]);
		take_option(call, code == 'h' ? CODE_HELP : code, option_value, &help);
	}
	if (help)
		return -1;
	for (int i = optind; i < argc; i++) {
		if (call->operands == OPERANDS_MAX)
			return call_fail(call, ERR_USAGE, NULL, "more than %u operands", OPERANDS_MAX);
		call->operand[call->operands++] = argv[i];
	}
	return 0;
}

static int check_operands(const struct call *call)
{
	const struct command *command = call->command;
	char next[160];

	snprintf(next, sizeof(next), "bunshin help %s", command->name);
	if (call->operands > command->operands_most)
		return call_fail(call, ERR_USAGE, next, "\"%s\" is one operand too many", call->operand[command->operands_most]);
	if (call->operands < command->operands_least)
		return call_fail(call, ERR_USAGE, next, "%s is missing", command->operands);
	return 0;
}

static const char *variable_of_process(const char *name)
{
	return getenv(name);
}

/* NO_COLOR (https://no-color.org) stands over what was found in files and below what was asked for in the call. */
static bool wants_color(const struct call *call, int fd)
{
	const char *when = setting(&call->settings, SETTING_color);
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	bool asked = strcmp(call->settings.item[SETTING_color].origin, "--color") == 0;

	if (!asked && no_color && *no_color)
		return false;
	if (strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	return isatty(fd) && terminal && strcmp(terminal, "dumb") != 0;
}

static int load_settings(struct call *call, const char *const option_value[SETTING_COUNT])
{
	struct settings_sources sources = {.variable = variable_of_process};
	char passed_over[512];
	char why[512];
	char *project = settings_project_file(".", passed_over);
	char *user = settings_user_file();
	int rc;

	memcpy(sources.option, option_value, sizeof(sources.option));
	sources.project_file = project;
	sources.user_file = user;
	if (*passed_over)
		call_note(call, "%s", passed_over);
	rc = settings_load(&call->settings, &sources, why);
	if (!rc)
		rc = settings_check(&call->settings, why);
	free(project);
	free(user);
	if (rc)
		return call_fail(call, rc, "`bunshin help` and docs/cli.md list the settings", "%s", why);
	call->color_out = wants_color(call, STDOUT_FILENO);
	call->color_err = wants_color(call, STDERR_FILENO);
	return 0;
}

/* ---- finding the command ---- */

static const struct command *find_command(const char *first, const char *second)
{
	const struct command *command;
	char name[128];

	snprintf(name, sizeof(name), "%s%s%s", first, second ? " " : "", second ? second : "");
	for (size_t i = 0; (command = command_at(i)); i++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

static bool is_group(const char *word)
{
	const struct command *command;
	size_t bytes = strlen(word);

	for (size_t i = 0; (command = command_at(i)); i++) {
		if (strncmp(command->name, word, bytes) == 0 && command->name[bytes] == ' ')
			return true;
	}
	return false;
}

/* Says what there would have been. */
static int refuse_command(const char *first, const char *second)
{
	char typed[128];
	const char *guess;

	snprintf(typed, sizeof(typed), "%s%s%s", first, second ? " " : "", second ? second : "");
	guess = help_guess(typed);
	if (guess && strcmp(guess, first) == 0)
		guess = NULL; /* the group itself says nothing of the word behind it */
	if (is_group(first) && !second) {
		fprintf(stderr, "bunshin %s: say what to do; `bunshin help %s` has more\n", first, first);
		help_group(first, stderr);
		return error_exit_code(ERR_USAGE);
	}
	if (find_command(first, NULL) && find_command(first, NULL)->prose && !guess) {
		char next[192];
		snprintf(next, sizeof(next), "if that is the text itself: bunshin %s -- \"%.100s\"", first, second ? second : "");
		call_fail(NULL, ERR_USAGE, next, "there is no command \"%s\"", typed);
		help_group(first, stderr);
		return error_exit_code(ERR_USAGE);
	}
	if (guess) {
		char next[160];
		snprintf(next, sizeof(next), "bunshin %s", guess);
		return call_fail(NULL, ERR_USAGE, next, "there is no command \"%s\"; perhaps \"%s\" was meant", typed, guess);
	}
	call_fail(NULL, ERR_USAGE, is_group(first) ? NULL : "`bunshin help` lists the commands", "there is no command \"%s\"",
		  typed);
	help_group(first, stderr);
	return error_exit_code(ERR_USAGE);
}

/* What follows the name of a group that is a command, too: `clone beta/1` is a process, `clone list` a command. */
static bool is_operand(const struct command *command, const char *word)
{
	return command->prose ? *word == '-' || strpbrk(word, " \t\n") != NULL : strchr(word, '/') != NULL;
}

/* Options that every command takes may also stand before it. Returns the index of the first word that is none. */
static int skip_options(int argc, char **argv)
{
	int at = 1;

	while (at < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2]) {
		bool takes_value = !strchr(argv[at], '=') && strcmp(argv[at], "--json") && strcmp(argv[at], "--help");
		at += takes_value ? 2 : 1;
	}
	return at < argc ? at : argc;
}

static int run_call(struct call *call, int argc, char **argv)
{
	const char *option_value[SETTING_COUNT] = {0};
	int rc = take_arguments(call, argc, argv, option_value);

	if (rc == -1) {
		help_command(call->command, stdout);
		return 0;
	}
	if (!rc)
		rc = check_operands(call);
	if (!rc)
		rc = load_settings(call, option_value);
	if (!rc)
		rc = call->command->run(call);
	settings_release(&call->settings);
	return rc;
}

/* The words of the command cut out, options before it moved behind. */
static int run_command(const struct command *command, int argc, char **argv, int at, int words)
{
	struct call call = {.command = command, .argc = argc - at - words + 1, .argv = argv + at + words - 1};
	char **rest;
	int count = 0;
	int rc;

	if (command->raw)
		return command->run(&call);
	rest = need(calloc((size_t)argc + 1, sizeof(char *)));
	for (int i = 0; i < argc; i++) {
		if (i < at || i >= at + words)
			rest[count++] = argv[i];
	}
	rc = run_call(&call, count, rest);
	free(rest);
	return rc;
}

int command_main(int argc, char **argv)
{
	int at = skip_options(argc, argv);
	const char *first = at < argc ? argv[at] : NULL;
	const char *second = at + 1 < argc ? argv[at + 1] : NULL;
	const struct command *command = first && second ? find_command(first, second) : NULL;

	if (!first) {
		bool asked = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;
		if (argc > 1 && strcmp(argv[1], "--version") == 0)
			return run_command(find_command("version", NULL), 1, argv, 1, 0);
		help_overview(asked ? stdout : stderr);
		return asked ? 0 : error_exit_code(ERR_USAGE);
	}
	if (command)
		return run_command(command, argc, argv, at, 2);
	command = find_command(first, NULL);
	if (is_group(first)) {
		bool prose = command && command->prose;
		if (second && strcmp(second, "--help") == 0 && !prose)
			return help_group(first, stdout) ? 0 : 2;
		if (!command || !second || !is_operand(command, second))
			return refuse_command(first, second);
	}
	return command ? run_command(command, argc, argv, at, 1) : refuse_command(first, is_group(first) ? second : NULL);
}
