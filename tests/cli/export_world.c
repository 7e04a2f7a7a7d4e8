/* SPDX-License-Identifier: MIT
 *
 * export_world STATE [PLAIN [UNSEALED]]: makes a state folder with the trail of exported.h, for tests in other languages.
 * export_world STATE erase: erases a task in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/exported.h"

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (argc > 2 && strcmp(argv[2], "erase") == 0) {
		exported_erase(argv[1]);
		return 0;
	}
	printf("%llu\n", (unsigned long long)exported_make(argv[1], argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
							   argc > 3 ? strtoull(argv[3], NULL, 10) : 0));
	return 0;
}
