/* SPDX-License-Identifier: MIT
 *
 * Ranges of tokens as arguments: what they hold, and whether their value stands in the text.
 */
#ifndef TOOLS_CALL_SPAN_H
#define TOOLS_CALL_SPAN_H

#include "tools/call.h"

#define WORD_BYTES 96u

/* The next of the words separated by blanks; NULL at the end. */
const char *word_next(const char **words, char out[WORD_BYTES]);

/* NULL if the site has fewer arguments. */
const struct span *argument_of(const struct call_site *site, uint32_t number);

/* `name=value` in Python: such an argument has no number. */
bool span_is_named(const struct call_site *site, const struct span *span);

/* Strings, numbers, names in capitals, and what is computed from them alone. */
bool span_constant(const struct call_site *site, const struct span *span);

/* One of the words, separated by blanks, is a token of it. */
bool span_has(const struct call_site *site, const struct span *span, const char *words);

/* The same tokens, and not none. */
bool spans_equal(const struct tokens *tokens, struct span a, struct span b);

#endif
