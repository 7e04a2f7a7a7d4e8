/* SPDX-License-Identifier: MIT
 *
 * Reads a JSON value from each line of stdin and prints it as canonical JSON: for canonical.js, which knows another way.
 */
#include <stdio.h>
#include <stdlib.h>

#include "protocol/canonical.h"

int main(void)
{
	struct buffer buffer = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	int rc = 0;

	while (!rc && (bytes = getline(&line, &room, stdin)) > 0) {
		json_t *json = json_loadb(line, (size_t)bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		buffer.bytes = 0;
		rc = !json || canonical_json(json, &buffer);
		if (!rc)
			printf("%.*s\n", (int)buffer.bytes, (const char *)buffer.at);
		json_decref(json);
	}
	buffer_release(&buffer);
	free(line);
	return rc;
}
