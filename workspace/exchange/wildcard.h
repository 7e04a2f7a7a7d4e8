/* SPDX-License-Identifier: MIT
 *
 * Patterns of paths as gitignore(5) has them: *, ?, [classes], ** between slashes, and \ before what is meant as it is.
 *
 * A pattern is a row of steps, and all places in it that a path can have led to are looked at together, so there is no going back and no
 * pattern that takes forever.
 */
#ifndef WORKSPACE_EXCHANGE_WILDCARD_H
#define WORKSPACE_EXCHANGE_WILDCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wildcard_kind {
	WILD_BYTE,   /* this one */
	WILD_ANY,    /* any but a slash */
	WILD_CLASS,  /* one of a set */
	WILD_STAR,   /* any number, but no slash */
	WILD_DEEP,   /* any number of anything */
	WILD_FOLDER, /* nothing, or anything that ends with a slash */
	WILD_NEVER,  /* a pattern that is broken here matches nothing */
};

struct wildcard_step {
	uint8_t kind;
	uint8_t byte;
	uint16_t set;
};

struct wildcard_set {
	uint32_t bits[8];
};

struct wildcard {
	struct wildcard_step *steps;
	struct wildcard_set *sets;
	size_t count;
	size_t literal; /* the first so many steps are WILD_BYTE */
};

/* `steps` has room for `bytes`, `sets` for as many as there are '[' in the pattern (fewer than 65,536). `begin`: from where "**" counts as if it stood
 * behind a slash. Fills in everything else. */
void wildcard_read(const char *pattern, size_t bytes, size_t begin, struct wildcard *wildcard);

/* `places` has room for 2 * (count / 64 + 1). */
bool wildcard_match(const struct wildcard *wildcard, const char *path, size_t bytes, uint64_t *places);

#endif
