/* SPDX-License-Identifier: MIT
 *
 * The hostile folders for scripts: what, how it is made, and the error or nothing, each ended by NUL. Without those that need other limits.
 */
#include <stdio.h>

#include "tests/workspace/exchange/hostile_folders.h"

int main(void)
{
	for (size_t i = 0; i < sizeof(hostile_folders) / sizeof(*hostile_folders); i++) {
		const struct folder *folder = &hostile_folders[i];
		if (!folder->options.files_max && !folder->options.bytes_max && !folder_is_strange(folder))
			printf("%s%c%s%c%s%c", folder->what, 0, folder->make, 0, folder->rc ? error_name(folder->rc) : "", 0);
	}
	return 0;
}
