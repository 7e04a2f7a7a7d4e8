/* SPDX-License-Identifier: MIT
 *
 * Full-text search over what the trail's payloads say: an FTS5 index in a database of its own beside the trail, search.db, never in it.
 *
 * The index is made of nothing but the trail and can be thrown away at any time. It holds texts, so its file is for its owner alone (0600), and
 * it is made anew when texts were erased since, or when it belongs to another trail. Where the folder cannot be written it is held in memory.
 *
 * What is indexed: of each record that owns a payload, the texts of its message's body, JSON with its names and values; not bytes
 * (pieces of artefacts, snapshots). Words are compared without case and diacritics.
 *
 * One thread, one handle; it uses the trail's handle while a function runs.
 */
#ifndef AUDIT_FINDER_H
#define AUDIT_FINDER_H

#include "audit/trail.h"

#define FINDER_FILE        "search.db"
#define FINDER_QUERY_BYTES 8192u

struct finder;

/* Opens the index that belongs to `trail`, and makes it where there is none. 0; ERR_IO, ERR_MEMORY, ERR_CORRUPT with a sentence. */
MUST_CHECK int finder_open(struct trail *trail, struct finder **out_finder, char out_why[256]);
void finder_close(struct finder *finder); /* takes NULL */

/* Takes in what the trail has and the index has not. `each`, if not NULL, hears how far it is after every few thousand records.
 * Returns 0; ERR_LOCKED if another process is about it and does not end within ten seconds, or the index can only be read (it can be asked all
 * the same); ERR_IO, ERR_MEMORY, ERR_CORRUPT with finder_why. */
MUST_CHECK int finder_update(struct finder *finder, void (*each)(void *context, uint64_t seq, uint64_t last_seq), void *context);

/* How long to wait for another process that writes the index, instead of ten seconds. 0 or ERR_IO. */
MUST_CHECK int finder_patience(struct finder *finder, uint32_t wait_ms);

struct finder_state {
	uint64_t through_seq; /* records up to this one are in the index */
	uint64_t texts;
	uint64_t updated_ms; /* UTC; when it was last brought up to date */
	bool kept;           /* in a file; false: in memory, for this process */
};
MUST_CHECK int finder_look(struct finder *finder, struct finder_state *out_state); /* 0, ERR_IO, ERR_MEMORY */

/* What people write, as FTS5 takes it: words, "phrases in quotes", beginnings* of words, AND, OR, NOT, parentheses; side by side means AND.
 * A word with other signs in it, as src/till.c, is a phrase of its parts. Returns 0; ERR_USAGE with a sentence that says what is wrong where;
 * ERR_FULL for a query that is too long. */
MUST_CHECK int finder_query(const char *words, char out_query[FINDER_QUERY_BYTES], char out_why[256]);

/* Calls `each` for the newest `limit` texts that match a query of finder_query, newest first, with the words in »« in a piece of the text;
 * `*out_total` is the number of all that match. Stops when `each` returns non-zero, and returns that; else as finder_look. */
MUST_CHECK int finder_find(struct finder *finder, const char *query, uint32_t limit,
			   int (*each)(void *context, uint64_t seq, struct text snippet), void *context, uint64_t *out_total);

const char *finder_why(const struct finder *finder);

/* Overwrites and removes the index beside the trail at `trail_path`, with SQLite's files beside it: texts were erased, or nobody needs it. 0 also if
 * there is none; ERR_IO. */
MUST_CHECK int finder_remove(const char *trail_path);

#endif
