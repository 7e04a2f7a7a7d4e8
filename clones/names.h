/* SPDX-License-Identifier: MIT
 *
 * Gives every different text a small number, from 0 in the order they came: paths, authors, modules, identifiers.
 */
#ifndef CLONES_NAMES_H
#define CLONES_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_NONE UINT32_MAX

struct names;

struct names *names_new(void); /* NULL: out of memory */
void names_free(struct names *names);

/* The number of a text, which is copied if it is new. NAMES_NONE: out of memory. */
uint32_t names_add(struct names *names, const char *text, size_t bytes);

/* NAMES_NONE: not there. */
uint32_t names_find(const struct names *names, const char *text, size_t bytes);

/* Valid until names_free. */
const char *names_text(const struct names *names, uint32_t number);
uint32_t names_count(const struct names *names);

#endif
