/* SPDX-License-Identifier: MIT
 *
 * Lists: a table on a terminal, tab-separated lines without a heading when piped, and with --json the rows themselves.
 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <jansson.h>

#include "cli/command.h"

enum column_kind {
	COLUMN_TEXT,
	COLUMN_NUMBER,
	COLUMN_TIME,  /* RFC 3339 in the row and when piped; local time on a terminal */
	COLUMN_SPAN,  /* milliseconds; in words on a terminal */
	COLUMN_STATE, /* coloured by what it says */
	COLUMN_ID,    /* only its last 12 digits on a terminal, which commands take as well */
	COLUMN_PROSE, /* goes on in the next line where the terminal is narrow */
};

struct column {
	const char *heading; /* NULL ends the list */
	const char *key;     /* of the row; "a.b" looks into an object */
	enum column_kind kind;
	bool cut; /* may be shortened where the terminal is narrow */
};

/* Prints {"NAME": [row, …]} or the list. Takes `rows` over. `empty` is what stderr says where there is nothing, or NULL. Returns 0. */
int listing_print(const struct call *call, const char *name, json_t *rows, const struct column *columns, const char *empty);

/* Lists without an end: rows are printed as they come; --json prints one object a line. */
struct stream;
struct stream *stream_new(const struct call *call, const struct column *columns);
void stream_row(struct stream *stream, json_t *row); /* takes it over */
void stream_flush(struct stream *stream);            /* before waiting for more */
void stream_free(struct stream *stream);

/* Prints one JSON value, safely for terminals, and a newline. Takes it over. Returns 0. */
int print_json(json_t *json);

/* "NAME: value" lines of an object on a terminal, "NAME<tab>value" when piped. Borrows `object`. */
void print_facts(const struct call *call, json_t *object, const struct column *columns);

#endif
