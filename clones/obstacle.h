/* SPDX-License-Identifier: MIT
 *
 * What exactly is missing, in the words that compilers, build systems and package managers have for it.
 */
#ifndef CLONES_OBSTACLE_H
#define CLONES_OBSTACLE_H

#include <stdbool.h>
#include <stddef.h>

#define OBSTACLE_BYTES 300u

/* A sentence about the first thing that is missing according to the text, with what to do about it. False: nothing is recognised. */
bool obstacle_find(const char *text, size_t bytes, char out_sentence[OBSTACLE_BYTES]);

#endif
