/* SPDX-License-Identifier: MIT
 *
 * What an agent says of its work, beside what the gates say.
 */
#ifndef RACES_CLAIM_H
#define RACES_CLAIM_H

#include <jansson.h>
#include <stdbool.h>

#include "races/gates.h"

#define CLAIM_LIE_BYTES 512u

/* The sentence of a text that says that the tests pass, cut to `out`. False: none does. "The tests do not pass" does not. */
bool claim_says_tests_pass(const char *text, char out[200]);

/* Does the claim {"ok", "text"} say what the gates disprove? Then why, in a sentence. `handed_in`: there is a change. */
bool claim_is_lie(const json_t *claim, bool handed_in, const struct gate gates[GATE_COUNT], const struct tests_told *told,
		  char out_lie[CLAIM_LIE_BYTES]);

#endif
