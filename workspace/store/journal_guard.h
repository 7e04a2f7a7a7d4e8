/* SPDX-License-Identifier: MIT
 *
 * Writing to a mapped file whose disk may fail. The kernel tells that by SIGBUS in the middle of a store; between guard_begin and
 * guard_end it instead gets memory of its own to write to, which goes nowhere, and guard_end tells.
 *
 * While somebody holds the guard, SIGBUS has a handler. What is none of its business goes on to the handler that was there before.
 */
#ifndef WORKSPACE_STORE_JOURNAL_GUARD_H
#define WORKSPACE_STORE_JOURNAL_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Counted; any thread. False if the handler cannot be installed. */
bool guard_hold(void);
void guard_release(void);

/* This thread writes to the mapping at `at` from here … */
void guard_begin(void *at, size_t bytes);

/* … to here. True if the file could not take it: then the whole mapping is plain memory from now on. */
bool guard_end(void);

#endif
