/* SPDX-License-Identifier: MIT
 *
 * Regular expressions (PCRE2) over bytes that a tool printed.
 */
#ifndef CLONES_PATTERN_H
#define CLONES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_GROUPS 6u

/* Pieces of the text searched, not copies; an absent group has at == NULL. group[0] is the whole match. */
struct match {
	struct {
		const char *at;
		size_t bytes;
	} group[PATTERN_GROUPS];
};

/* The first match of `pattern` (^ and $ are those of lines) in the text from `*from` on, which moves past the match. False: there is
 * none, or the search took too long. The pattern is one of ours: a wrong one is our mistake. */
bool pattern_next(const char *pattern, const char *text, size_t bytes, size_t *from, struct match *out_match);

/* The same from the start. `out_match` may be NULL. */
bool pattern_find(const char *pattern, const char *text, size_t bytes, struct match *out_match);

/* A pattern for many texts: true if it is found in `text`. NULL, and then it matches nothing: out of memory. */
struct pattern;
struct pattern *pattern_new(const char *pattern);
bool pattern_matches(const struct pattern *pattern, const char *text);
void pattern_free(struct pattern *pattern);

/* Copies group `number` as text with a NUL, cut to fit; "" if it is absent. */
void match_copy(const struct match *match, unsigned number, char *out, size_t capacity);

#endif
