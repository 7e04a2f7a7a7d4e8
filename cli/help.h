/* SPDX-License-Identifier: MIT
 *
 * Help, printed from the rows of the commands. It begins with an example.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_overview(FILE *out);
void help_command(const struct command *command, FILE *out);

/* The commands whose name begins with a word; false if there are none. */
bool help_group(const char *word, FILE *out);

/* The name of a command that could have been meant, or NULL. */
const char *help_guess(const char *typed);

#endif
