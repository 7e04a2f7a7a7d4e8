/* SPDX-License-Identifier: MIT
 *
 * The classes of errors of a run (classes.def), and how one is read from an HTTP status or from what a program says in words.
 */
#ifndef CLONES_AGENTS_CLASS_H
#define CLONES_AGENTS_CLASS_H

#include <stdbool.h>

#include "protocol/message.h"

enum agent_class {
	AGENT_CLASS_NONE = 0,
#define AGENT_CLASS(upper, lower, retry, sentence) AGENT_CLASS_##upper,
#include "clones/agents/classes.def"
	AGENT_CLASS_COUNT
};

/* Static text; "none" and "" for AGENT_CLASS_NONE and for what is no class. */
const char *agent_class_name(enum agent_class class);
const char *agent_class_sentence(enum agent_class class);

/* Is another try by the same agent worth it? */
bool agent_class_retryable(enum agent_class class);

/* Of an HTTP status, with the words that came with it (they tell a long request from a wrong one, and an empty account from a busy one).
 * NONE: the status is no error. */
enum agent_class agent_class_of_status(unsigned status, struct text words);

/* Of words alone: a status that stands in them ("unexpected status 401", "[API Error: 500 …]", "\"code\":403", "(429)"), else what they
 * say. NONE: nothing that is known. `out_status` may be NULL; 0: none was found. */
enum agent_class agent_class_of_words(struct text words, unsigned *out_status);

/* Do the words contain these (ASCII, upper and lower case alike)? */
bool agent_words_contain(struct text words, const char *needle);

#endif
