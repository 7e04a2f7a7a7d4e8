/* SPDX-License-Identifier: MIT
 *
 * --since and --until of the commands that ask the trail about a period.
 */
#ifndef CLI_PERIOD_H
#define CLI_PERIOD_H

#include "audit/trail.h"
#include "cli/command.h"

/* Rows for a command's list of options. */
#define PERIOD_OPTIONS                                                                                                           \
	{"since", "WHEN", "from then on: 2h (ago), 10:30, yesterday, 2026-02-03, 2026-02-03T10:30Z"},                            \
	{                                                                                                                        \
		"until", "WHEN", "up to then"                                                                                    \
	}

/* Fills since_ms and until_ms. 0, or an exit code after saying what is wrong. */
MUST_CHECK int period_take(const struct call *call, struct trail_query *query);

/* "from 2026-02-03T10:11:12.000Z to the end" */
void period_print(const struct trail_query *query, char out[96]);

#endif
