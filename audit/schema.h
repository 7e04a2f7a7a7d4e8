/* SPDX-License-Identifier: MIT
 *
 * The tables of a trail: made, compared, and brought from an older format to this one. Internal to audit/.
 *
 * What a writer finds must be what schema.sql says, apart from comments and white space: a trigger or a column that somebody added
 * would change what a row means. Views are for people; nothing here reads them. A reader takes no notice of them, a writer makes
 * them anew when they are not its own.
 */
#ifndef AUDIT_SCHEMA_H
#define AUDIT_SCHEMA_H

#include "audit/store.h"

MUST_CHECK int schema_create(sqlite3 *db); /* an SQLite code */

/* `out_name` is the first object, in order of names, that is not as in `format`; empty: there is none. An SQLite code. */
MUST_CHECK int schema_check(struct trail *trail, int format, char out_name[64]);

/* From format 1 to this one, in one transaction: what is missing is created, the nodes are computed from the chain.
 * 0 or an error with trail_why, and then the trail is what it was. */
MUST_CHECK int schema_upgrade(struct trail *trail);

/* Makes the views anew if they are not those of schema.sql. An SQLite code. */
MUST_CHECK int schema_views(struct trail *trail);

#endif
