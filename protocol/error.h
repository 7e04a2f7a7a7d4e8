/* SPDX-License-Identifier: MIT
 *
 * The one list of errors: functions return 0 or a negative ERR_…, messages carry the positive ERROR_… code.
 */
#ifndef PROTOCOL_ERROR_H
#define PROTOCOL_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_code {
	ERROR_NONE = 0,
#define ERROR(name, code, retryable, exit_code, sentence) ERROR_##name = (code),
#include "protocol/errors.def"
};

enum {
#define ERROR(name, code, retryable, exit_code, sentence) ERR_##name = -(code),
#include "protocol/errors.def"
};

/* Each takes a code of either sign; an unknown code gets a name that says so, and is not retryable. Static text. */
const char *error_name(int code);     /* "not_found" */
const char *error_sentence(int code); /* "there is nothing of that name" */
bool error_retryable(int code);
int error_exit_code(int code); /* 0 for 0 */

/* The code (positive) of a name such as "not_found", or 0. */
int error_find(const char *name);

#endif
