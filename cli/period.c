/* SPDX-License-Identifier: MIT */
#include "cli/period.h"

#include <stdio.h>

#include "cli/text.h"

int period_take(const struct call *call, struct trail_query *query)
{
	int rc = option_moment(call, "since", &query->since_ms);

	if (!rc)
		rc = option_moment(call, "until", &query->until_ms);
	if (!rc && query->until_ms && query->until_ms < query->since_ms)
		rc = call_fail(call, ERR_USAGE, NULL, "--until names a moment before that of --since");
	return rc;
}

void period_print(const struct trail_query *query, char out[96])
{
	char since[TIME_TEXT_BYTES] = "the beginning", until[TIME_TEXT_BYTES] = "the end";

	if (query->since_ms)
		time_print_utc(query->since_ms, since);
	if (query->until_ms)
		time_print_utc(query->until_ms, until);
	snprintf(out, 96, "from %s to %s", since, until);
}
