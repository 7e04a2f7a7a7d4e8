/* SPDX-License-Identifier: MIT
 *
 * bunshin protocol
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/text.h"
#include "protocol/document.h"
#include "protocol/json.h"

static int run(struct call *call)
{
	struct buffer buffer = {0};
	int rc;

	if (call->json) {
		json_t *json = need(protocol_to_json());
		char *text = need(json_dumps(json, JSON_INDENT(1)));
		puts(text);
		free(text);
		json_decref(json);
		return 0;
	}
	rc = protocol_markdown(&buffer);
	if (rc)
		return call_fail(call, rc, NULL, "%s", error_sentence(rc));
	fwrite(buffer.at, 1, buffer.bytes, stdout);
	buffer_release(&buffer);
	return 0;
}

static const struct option_row options[] = {
	{"markdown", NULL, "docs/protocol.md; what is printed without --json"},
	{NULL, NULL, NULL},
};

const struct command command_protocol = {
	.name = "protocol",
	.operands = "",
	.sentence = "Prints what peers say to each other",
	.example = "$ bunshin protocol --json | jq '.messages[].name'\n$ bunshin protocol --markdown > docs/protocol.md",
	.options = options,
	.run = run,
};
