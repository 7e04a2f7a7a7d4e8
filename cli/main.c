/* SPDX-License-Identifier: MIT
 *
 * The program.
 */
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") !=
	    0) /* everything said here is UTF-8; tables need the width of its characters */
		setlocale(LC_CTYPE, "C.UTF-8");
	return command_main(argc, argv);
}
