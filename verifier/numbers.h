/* SPDX-License-Identifier: MIT
 *
 * Is a message missing? Both ends number what they say, from 1 after each Hello, so what was received and never recorded leaves a hole.
 *
 * What explains a hole, and what does not, stands in docs/trail-format.md, "Sequences".
 */
#ifndef VERIFIER_NUMBERS_H
#define VERIFIER_NUMBERS_H

#include "verifier/row.h"

#define HOLES_KEPT   64u
#define NAME_ROOM    64u
#define HOLE_WAIT_MS 120000u /* Omega records its counts each minute; twice that is late */

struct hole {
	char peer[NAME_ROOM];
	bool sent;      /* a number of Omega's own towards the peer */
	uint64_t first; /* numbers that are missing; first > last: a number that came again */
	uint64_t last;
	uint64_t before; /* record at which it was noticed */
};

struct numbers {
	struct numbers_peer *peers; /* open addressing; places is a power of two */
	size_t places;
	size_t taken;
	uint64_t mono_ms;              /* of the last record */
	bool from_beginning;           /* false: who spoke before is not known until the next Boot */
	struct numbers_peer *stranger; /* who was answered without having joined, in the step under way */
	uint64_t counted;              /* numbers that Counted records explain */
	uint64_t
		uncounted; /* numbers not recorded shortly before Omega ended, or the trail: they would have been counted later */
	uint64_t hole_count; /* numbers that nothing explains, each a message or several */
	struct hole hole[HOLES_KEPT];
	size_t holes_kept;
};

void numbers_init(struct numbers *numbers, bool from_beginning);
void numbers_release(struct numbers *numbers);

/* False without memory. */
bool numbers_take(struct numbers *numbers, const struct row *row);

/* The trail ends here. */
void numbers_end(struct numbers *numbers);

#endif
