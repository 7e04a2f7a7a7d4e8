/* SPDX-License-Identifier: MIT
 *
 * What is worth doing after a try that handed nothing in (retries.def).
 */
#ifndef RACES_RETRY_H
#define RACES_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_WAIT_MAX_MS  60000u  /* of waits that grow by themselves */
#define RETRY_ASKED_MAX_MS 600000u /* of what a server asks for; more is more than a race waits */

enum retry_kind { RETRY_END, RETRY_AGAIN, RETRY_LANE };

struct retry_facts {
	const char *error_class;
	unsigned again; /* how often the same agent has tried again already */
	unsigned again_max;
	uint64_t retry_after_ms; /* what the server asked for; 0: nothing */
	bool lane;               /* there is a fallback that has not tried yet */
};

struct retry_plan {
	enum retry_kind kind;
	uint64_t wait_ms;
};

struct retry_plan retry_plan(const struct retry_facts *facts);
bool retry_knows(const char *error_class); /* it has a row */

#endif
