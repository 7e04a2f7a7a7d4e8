/* SPDX-License-Identifier: MIT
 *
 * The program.
 */
#include <locale.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
	setlocale(LC_ALL, ""); /* the width of characters in tables */
	return command_main(argc, argv);
}
