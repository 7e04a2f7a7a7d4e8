/* SPDX-License-Identifier: MIT
 *
 * The prompt of a race: an operand, a file, standard input, or a template with variables.
 */
#ifndef CLI_RACE_PROMPT_H
#define CLI_RACE_PROMPT_H

#include "cli/command.h"

/* The text of a file, or of standard input for "-"; free it. `name` is the option that named it. 0 or an exit code: it cannot be read, holds a NUL, is larger than a
 * prompt may be. */
MUST_CHECK int prompt_file(const struct call *call, const char *name, const char *path, char **out_text);

/* What the agents are asked, with all variables filled in; free it. 0 or an exit code. */
MUST_CHECK int prompt_take(const struct call *call, char **out_prompt);

#endif
