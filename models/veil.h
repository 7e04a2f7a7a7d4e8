/* SPDX-License-Identifier: MIT
 *
 * A key that a server repeats in its reply is made unreadable on the way. Pure. Inner header of models/.
 */
#ifndef MODELS_VEIL_H
#define MODELS_VEIL_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites every `key` in the `bytes` at `at` with asterisks. Returns how many bytes at the end may be the beginning of one: they are to be kept until
 * it is known what follows them. `key` NULL: nothing. */
size_t proxy_veil(char *at, size_t bytes, const char *key);

#endif
