/* SPDX-License-Identifier: MIT
 *
 * Writes one file per message type to a folder: where a fuzzer begins.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/protocol/fill.h"

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";

	for (size_t i = 0; i < all_types_count; i++) {
		struct message message;
		char path[512];
		size_t bytes;
		uint8_t *at;
		FILE *file;

		message_fill(&message, all_types[i], 1);
		at = message_exact(&message, &bytes);
		snprintf(path, sizeof(path), "%s/%s", folder, message_name(all_types[i]));
		file = fopen(path, "wb");
		if (!file || fwrite(at, 1, bytes, file) != bytes || fclose(file)) {
			perror(path);
			return 1;
		}
		free(at);
	}
	return 0;
}
