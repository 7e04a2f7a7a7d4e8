/* SPDX-License-Identifier: MIT
 *
 * bunshin audit verify
 */
#include <stdio.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "protocol/id.h"

static int say(struct call *call, int error, const struct trail_verdict *verdict)
{
	char head[65];

	hex_print(verdict->head.bytes, sizeof(verdict->head.bytes), head);
	if (call->json) {
		print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:s, s:s}", "ok", error == 0, "records",
				     (json_int_t)verdict->records, "payloads", (json_int_t)verdict->payloads, "first_seq",
				     (json_int_t)verdict->first_seq, "last_seq", (json_int_t)verdict->last_seq, "bad_seq",
				     verdict->bad_seq ? json_integer((json_int_t)verdict->bad_seq) : json_null(), "head", head,
				     "why", verdict->why));
		return error ? 1 : 0;
	}
	if (error)
		return call_fail(
			call, error,
			"keep a copy of the state folder before anything else touches it; a backup tells what is missing",
			"record %llu is the first that is wrong: %s", (unsigned long long)verdict->bad_seq, verdict->why);
	printf("%llu records and %llu payloads are as they were written; the chain ends in\n%s\n",
	       (unsigned long long)verdict->records, (unsigned long long)verdict->payloads, head);
	return 0;
}

static int run(struct call *call)
{
	struct trail_verdict verdict = {0};
	struct trail *trail = NULL;
	uint32_t after = 0;
	int rc = option_number(call, "after", 0, UINT32_MAX, &after);

	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rc = trail_verify(trail, after, &verdict);
	if (rc && rc != ERR_CORRUPT)
		rc = call_fail(call, rc, NULL, "the trail cannot be read: %s", trail_why(trail));
	else
		rc = say(call, rc, &verdict);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"after", "SEQ", "begin after this record, whose chain value is trusted"},
	{NULL, NULL, NULL},
};

const struct command command_audit_verify = {
	.name = "audit verify",
	.operands = "",
	.sentence = "Checks that the trail is as it was written",
	.example = "$ bunshin audit verify",
	.notes = "Recomputes the chain over all records and the commitment to every payload. Exit code 0: all is as it was; 1: "
		 "the first record\n"
		 "that is wrong is named. The last line is the head of the chain: whoever keeps it elsewhere can tell later "
		 "whether the end was\n"
		 "cut off. Works without a running network.",
	.options = options,
	.run = run,
};
