/* SPDX-License-Identifier: MIT
 *
 * A command of the command line: a row that says how it is called, and a function. commands.def lists them all.
 *
 * stdout is data, stderr is messages. A command returns an exit code of errors.def.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/settings.h"

#define OPERANDS_MAX 256u
#define GIVEN_MAX    128u

struct call;

/* An option of one command, written --name or --name VALUE. */
struct option_row {
	const char *name;  /* NULL ends the list */
	const char *value; /* placeholder; NULL: a switch */
	const char *sentence;
};

struct command {
	const char *name;                 /* "task send" */
	const char *operands;             /* "TYPE"; "" for none */
	const char *sentence;             /* what it does, one line */
	const char *example;              /* help begins with it: one or more lines */
	const char *notes;                /* further paragraphs, or NULL */
	const struct option_row *options; /* besides the common ones; NULL: none */
	unsigned operands_least;
	unsigned operands_most;
	bool hidden; /* for processes, not for people */
	bool prose;  /* the name of a group as well: its operand has a space in it, or it begins with an option */
	bool raw;    /* takes its arguments as they stand: operands_…, options and the common ones mean nothing */
	int (*run)(struct call *call);
};

struct given {
	const char *name;
	const char *value;
};

/* One call of a command. */
struct call {
	const struct command *command;
	int argc; /* what follows the command's words */
	char **argv;
	const char *operand[OPERANDS_MAX];
	size_t operands;
	struct given given[GIVEN_MAX];
	size_t given_count;
	struct settings settings;
	bool json;
	bool color_out; /* stdout is a terminal that shows colours, or they were asked for */
	bool color_err;
};

const struct command *command_at(size_t index); /* in the order of commands.def; NULL past the end */

/* Takes the arguments of a program apart, loads the settings and runs the command. Returns the exit code. */
int command_main(int argc, char **argv);

/* The last value of an option, or NULL. */
const char *option(const struct call *call, const char *name);
bool option_set(const struct call *call, const char *name);
/* The next value of an option that may be given several times: begin with `*position` 0; NULL: no more. */
const char *option_next(const struct call *call, const char *name, size_t *position);

/* Options with a type. Returns 0, or an exit code after saying what is wrong. Without the option `*out` is untouched. */
MUST_CHECK int option_duration(const struct call *call, const char *name, uint32_t *out_ms);
MUST_CHECK int option_number(const struct call *call, const char *name, uint32_t least, uint32_t most, uint32_t *out);
MUST_CHECK int option_moment(const struct call *call, const char *name, uint64_t *out_unix_ms);

/* Says on stderr "bunshin COMMAND: SENTENCE" and, if there is one, the next step. Returns the exit code that belongs to `error`. */
int call_fail(const struct call *call, int error, const char *next, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A line on stderr, for people who look on. Not with --json. */
void call_note(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
