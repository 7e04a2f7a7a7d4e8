/* SPDX-License-Identifier: MIT
 *
 * A sealed trail for the tests of exports: three tasks, one of them erased, texts that try to be more than text, and as many plain records
 * besides as are wanted.
 */
#ifndef TESTS_CLI_EXPORTED_H
#define TESTS_CLI_EXPORTED_H

#include <stddef.h>
#include <stdint.h>

#define HOSTILE_ID "01990b1e-5c1a-7c3e-9d52-00000000beef"
#define ERASED_ID  "01990b1e-5c1a-7c3e-9d52-0000000e4a5e"
#define PLAIN_ID   "01990b1e-5c1a-7c3e-9d52-000000000b1d"

#define ERASED_CANARY "CANARY-9999"

/* Texts that stand in records of the hostile task, each as the line of a progress; NULL: no more. */
const char *hostile_text(size_t index, size_t *out_bytes);

/* Makes STATE (a folder), its keys and its trail, with `plain` records of the plain task and `unsealed` more behind the last
 * checkpoint. Returns the number of records. Ends the program with a sentence if it cannot. */
uint64_t exported_make(const char *state, uint64_t plain, uint64_t unsealed);

/* Erases the hostile task in a trail that exported_make made. */
void exported_erase(const char *state);

#endif
