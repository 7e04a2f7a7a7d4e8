/* SPDX-License-Identifier: MIT
 *
 * What stands behind struct finder. Internal to audit/finder*.c.
 */
#ifndef AUDIT_FINDER_INNER_H
#define AUDIT_FINDER_INNER_H

#include "audit/finder.h"
#include "audit/store.h"

#define FINDER_PATH_BYTES 4200u

struct finder {
	struct trail *trail;
	sqlite3 *db;
	bool kept;
	bool read_only; /* somebody else's, or on a disk that is */
	char path[FINDER_PATH_BYTES];
	char why[256];
};

/* Writes what SQLite says into finder->why and returns the ERR_… for `code`. */
int finder_fail(struct finder *finder, int code, const char *doing);

/* An SQLite code. */
int finder_run(struct finder *finder, const char *sql);

/* Opens the index in its file if that can be written; else from it if it is an index; else in memory. An SQLite code. */
MUST_CHECK int finder_open_somewhere(struct finder *finder);

#endif
