/* SPDX-License-Identifier: MIT
 *
 * Looks for many byte strings at once, in one pass over the text.
 *
 * Wu and Manber, "A Fast Algorithm for Multi-Pattern Searching" (University of Arizona TR-94-17, 1994): a window of eight bytes moves over
 * the text; its last three bytes tell how far it can move without missing anything, or that a string may begin here. Most of the text is never
 * looked at, and memory does not grow with the square of what is looked for, as that of an automaton over bytes would.
 */
#ifndef ACTORS_SEARCH_H
#define ACTORS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define NEEDLE_BYTES_MIN 8u

struct needle {
	const uint8_t *at; /* borrowed while the search lives */
	uint32_t bytes;    /* NEEDLE_BYTES_MIN or more */
	uint32_t owner;    /* the caller's */
	uint8_t lead;      /* the caller's: characters before and behind a find that belong to it */
	uint8_t tail;
};

struct search;

/* The needles are copied into locked memory that is overwritten at the end, what they point to is not. 0 or ERR_MEMORY. */
MUST_CHECK int search_new(const struct needle *needles, size_t count, struct search **out_search);
void search_free(struct search *search); /* takes NULL */

/* Calls `each` for everything found, in order of its end of window; overlapping ones too. Stops when `each` returns false. */
void search_text(const struct search *search, const uint8_t *text, size_t bytes,
		 bool (*each)(void *context, size_t at, const struct needle *needle), void *context);

#endif
