/* SPDX-License-Identifier: MIT
 *
 * Prompts with variables: {{name}} in a text is replaced by what was given for the name; \{{ stands for {{. What is put in is not looked at again.
 */
#ifndef CLI_RACE_TEMPLATE_H
#define CLI_RACE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

#define TEMPLATE_WHY_BYTES 512u

struct template_variable {
	const char *name; /* a to z, digits, "_" and "-" */
	const char *value;
	bool used;
};

/* 0, and the caller frees `*out_text`. ERR_INVALID_PARAMETERS, with a sentence in `out_why`: a {{ is not closed or holds no name, a name has no
 * value, a variable is not used. Sets `used` of the variables. */
MUST_CHECK int template_fill(const char *text, struct template_variable *variables, size_t count, char **out_text,
			     char out_why[TEMPLATE_WHY_BYTES]);

/* Is it a name that a variable may have? */
bool template_name(const char *text, size_t bytes);

#endif
