/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out when told to: ours, SQLite's and OpenSSL's.
 *
 * The program is linked with --wrap for malloc, calloc and realloc, so the allocations of the trail itself come by here.
 */
#ifndef TESTS_AUDIT_SCARCE_H
#define TESTS_AUDIT_SCARCE_H

#include <stdbool.h>
#include <stdint.h>

void scarce_install(void); /* before any library has allocated anything */

/* The `at`-th allocation from now on fails, counted from 1; with `sticky` all later ones too. */
void scarce_arm(uint64_t at, bool sticky);
void scarce_disarm(void);
uint64_t scarce_failures(void); /* since scarce_arm */

#endif
