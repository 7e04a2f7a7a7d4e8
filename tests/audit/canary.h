/* SPDX-License-Identifier: MIT
 *
 * Texts that must not be found any more: every window of eight bytes of them is looked for at every place of every file. For texts of high
 * entropy: a window that is found by chance would be one in 2^64.
 */
#ifndef TESTS_AUDIT_CANARY_H
#define TESTS_AUDIT_CANARY_H

#include <stddef.h>
#include <stdint.h>

#define CANARY_WINDOW 8u

struct canary {
	uint64_t *window; /* open addressing, 0: free */
	size_t places;    /* a power of two */
	size_t count;
	char first[512]; /* file and place of the first hit of the last search; empty: none */
};

void canary_init(struct canary *canary);
void canary_release(struct canary *canary);
void canary_add(struct canary *canary, const void *at, size_t bytes);

/* How many windows of a file, or of all files below a folder, are among them. */
size_t canary_hits_in_file(struct canary *canary, const char *path);
size_t canary_hits_below(struct canary *canary, const char *folder);

/* So many letters and digits of high entropy, ended by NUL: room for `bytes` + 1. The same seed gives the same text. */
void canary_text(uint64_t seed, char *out, size_t bytes);

#endif
