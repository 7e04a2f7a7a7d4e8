/* SPDX-License-Identifier: MIT
 *
 * Finds many words in one pass over a text, without regard to case: the automaton of Aho and Corasick (Efficient string
 * matching, CACM 1975). Rules are only tried where one of their words stands, which keeps reading fast.
 */
#ifndef TOOLS_KEYWORDS_H
#define TOOLS_KEYWORDS_H

#include <stddef.h>

#include "protocol/error.h"

struct keywords;

/* `words` are lower case, none empty, at most 64; a NULL word is left out. NULL: out of memory. */
struct keywords *keywords_new(const char *const *words, size_t count);
void keywords_free(struct keywords *keywords);

/* Called with the number of the word and the offset of its first byte. Not 0: stop. */
typedef int (*keywords_found)(size_t word, size_t offset, void *context);

/* Every place of every word. Returns what `found` returned, or 0. */
int keywords_search(const struct keywords *keywords, const char *text, size_t bytes, keywords_found found, void *context);

#endif
