/* SPDX-License-Identifier: MIT
 *
 * Reads comma-separated values (RFC 4180), one record at a time, from bytes nobody vouches for.
 */
#ifndef CLONES_CSV_H
#define CLONES_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "clones/clone.h"

#define CSV_FIELDS_MAX 32u

struct csv {
	const char *at;
	size_t bytes;
	size_t next;
	struct arena *arena;               /* of the fields */
	const char *field[CSV_FIELDS_MAX]; /* of the record read last; never NULL below count */
	size_t count;
	bool cut; /* the last record has no end: a quote is open, or no newline follows */
};

/* False at the end, or if memory is out. Fields past CSV_FIELDS_MAX are dropped; a NUL in a field ends it. */
bool csv_next(struct csv *csv);

#endif
