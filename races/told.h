/* SPDX-License-Identifier: MIT
 *
 * What came of a try, as its outcome tells: whether something was handed in, else which class of error it was. Success is believed only where a change with a commit, the
 * verdict of who watched the agent, and the completeness of the result agree.
 */
#ifndef RACES_TOLD_H
#define RACES_TOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TOLD_WHY_BYTES 400u

struct told {
	const char *state, *error_class;
	char why[TOLD_WHY_BYTES];
	const json_t *result, *agent, *change, *kept; /* borrowed from the outcome */
	uint64_t retry_after_ms;
	bool handed_in;
};

struct told told_of(const json_t *outcome);

#endif
