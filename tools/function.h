/* SPDX-License-Identifier: MIT
 *
 * Where functions begin and end, from the tokens of a text.
 */
#ifndef TOOLS_FUNCTION_H
#define TOOLS_FUNCTION_H

#include "tools/token.h"

#define FUNCTION_NAME_BYTES 96u
#define FUNCTIONS_MAX       20000u /* per file */

struct function {
	char name[FUNCTION_NAME_BYTES]; /* "parse", "Session.login" */
	uint32_t line, end_line;
	uint32_t outer; /* index of the function around this one, or NO_TOKEN */
};

struct functions {
	struct function *at;
	uint32_t count, room;
	bool no_memory;
};

/* In the order in which they begin. */
void functions_find(struct functions *functions, enum lexed language, const struct tokens *tokens);
void functions_release(struct functions *functions);

/* The innermost function around a line, or NULL. */
const struct function *function_at(const struct functions *functions, uint32_t line);

#endif
