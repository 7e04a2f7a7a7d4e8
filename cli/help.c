/* SPDX-License-Identifier: MIT
 *
 * Help and version.
 */
#include "cli/help.h"

#include <string.h>

#include "cli/text.h"
#include "protocol/message.h"

struct entry {
	const struct command *command; /* NULL: a group begins */
	const char *sentence;          /* of the group */
};

#define COMMAND(noun) extern const struct command command_##noun;
#define GROUP(name, sentence)
#include "cli/commands.def"

static const struct entry entries[] = {
#define COMMAND(noun)         {&command_##noun, NULL},
#define GROUP(name, sentence) {NULL, sentence},
#include "cli/commands.def"
};

enum { ENTRY_COUNT = sizeof(entries) / sizeof(entries[0]) };

const struct command *command_at(size_t index)
{
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (entries[i].command && index-- == 0)
			return entries[i].command;
	}
	return NULL;
}

static void print_row(const struct command *command, FILE *out)
{
	char usage[96];

	snprintf(usage, sizeof(usage), "%s %s", command->name, command->operands);
	fprintf(out, "  %-32s %s\n", usage, command->sentence);
}

void help_overview(FILE *out)
{
	fputs("$ bunshin up\n"
	      "$ bunshin task send security-analysis --repo ~/project --wait\n"
	      "\n"
	      "Hands work to specialists, runs several at once, and can prove afterwards what happened.\n",
	      out);
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (!entries[i].command)
			fprintf(out, "\n%s\n", entries[i].sentence);
		else if (!entries[i].command->hidden)
			print_row(entries[i].command, out);
	}
	fputs("\n`bunshin help COMMAND` explains a command, with an example.\n", out);
}

bool help_group(const char *word, FILE *out)
{
	const struct command *command;
	size_t bytes = strlen(word);
	bool found = false;

	for (size_t i = 0; (command = command_at(i)); i++) {
		if (command->hidden || strncmp(command->name, word, bytes) != 0 || command->name[bytes] != ' ')
			continue;
		print_row(command, out);
		found = true;
	}
	return found;
}

static void print_option(const char *name, const char *value, const char *sentence, FILE *out)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", name, value ? " " : "", value ? value : "");
	fprintf(out, "  %-24s %s\n", left, sentence);
}

static void print_common_options(FILE *out)
{
	fputs("\nOptions of every command:\n", out);
#define SETTING(name, variable, in_project, is_path, fallback, placeholder, sentence)                                            \
	print_option(#name, placeholder, sentence " (" variable ")", out);
#include "cli/settings.def"
	print_option("json", NULL, "print JSON, in the shape that docs/cli.md describes", out);
	print_option("help", NULL, "this text", out);
}

void help_command(const struct command *command, FILE *out)
{
	fprintf(out, "%s\n\nbunshin %s%s%s%s\n\n%s.\n", command->example, command->name, *command->operands ? " " : "",
		command->operands, command->raw ? "" : " [OPTION…]", command->sentence);
	if (command->notes)
		fprintf(out, "\n%s\n", command->notes);
	if (command->options) {
		fputs("\nOptions:\n", out);
		for (const struct option_row *row = command->options; row->name; row++)
			print_option(row->name, row->value, row->sentence, out);
	}
	if (!command->raw)
		print_common_options(out);
	if (command->prose) {
		fprintf(out, "\nThe other commands of the group:\n");
		help_group(command->name, out);
	}
}

const char *help_guess(const char *typed)
{
	const struct command *command;
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; (command = command_at(i)); i++) {
		unsigned distance = text_distance(typed, command->name);
		if (command->hidden || distance >= least)
			continue;
		least = distance;
		best = command->name;
	}
	return best;
}

static int run_help(struct call *call)
{
	const struct command *command;
	char name[128];

	if (call->operands == 0) {
		help_overview(stdout);
		return 0;
	}
	snprintf(name, sizeof(name), "%s%s%s", call->operand[0], call->operands > 1 ? " " : "",
		 call->operands > 1 ? call->operand[1] : "");
	for (size_t i = 0; (command = command_at(i)); i++) {
		if (strcmp(command->name, name) == 0 && (!command->hidden || !help_group(name, stdout))) {
			help_command(command, stdout);
			return 0;
		}
		if (strcmp(command->name, name) == 0)
			return 0;
	}
	if (help_group(name, stdout))
		return 0;
	return call_fail(call, ERR_USAGE, "`bunshin help` lists the commands", "there is no command \"%s\"", name);
}

const struct command command_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.sentence = "Explains the commands",
	.example = "$ bunshin help task send",
	.operands_most = 2,
	.run = run_help,
};

static int run_version(struct call *call)
{
	if (call->json)
		printf("{\"version\": \"%s\", \"protocol\": %u}\n", BUNSHIN_VERSION, PROTOCOL_VERSION);
	else
		printf("bunshin %s, protocol %u\n", BUNSHIN_VERSION, PROTOCOL_VERSION);
	return 0;
}

const struct command command_version = {
	.name = "version",
	.operands = "",
	.sentence = "Prints the version",
	.example = "$ bunshin version",
	.run = run_version,
};
