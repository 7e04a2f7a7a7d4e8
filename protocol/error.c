/* SPDX-License-Identifier: MIT
 *
 * Errors as text. The names are those of errors.def in lower case.
 */
#include "protocol/error.h"

#include <stddef.h>
#include <string.h>

#define NAME_MAX_BYTES 24u

struct error_row {
	int code;
	bool retryable;
	int exit_code;
	const char *sentence;
	char name[NAME_MAX_BYTES];
};

static struct error_row rows[] = {
#define ERROR(name, code, retryable, exit_code, sentence) {(code), (retryable), (exit_code), sentence, #name},
#include "protocol/errors.def"
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* Runs once before main, so that the table never changes while anybody reads it. */
__attribute__((constructor)) static void rows_to_lower_case(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		for (char *at = rows[i].name; *at; at++) {
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		}
	}
}

static const struct error_row *row_of(int code)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].code == code || rows[i].code == -code)
			return &rows[i];
	}
	return NULL;
}

const char *error_name(int code)
{
	const struct error_row *row = row_of(code);

	if (code == 0)
		return "none";
	return row ? row->name : "unknown_error";
}

const char *error_sentence(int code)
{
	const struct error_row *row = row_of(code);

	if (code == 0)
		return "no error";
	return row ? row->sentence : "an error that this version does not know";
}

bool error_retryable(int code)
{
	const struct error_row *row = row_of(code);

	return row && row->retryable;
}

int error_exit_code(int code)
{
	const struct error_row *row = row_of(code);

	if (code == 0)
		return 0;
	return row ? row->exit_code : 10;
}

int error_find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].code;
	}
	return 0;
}
