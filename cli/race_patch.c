/* SPDX-License-Identifier: MIT
 *
 * A patch for people: whatever stands in it, the terminal does not obey.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/race_compare.h"
#include "cli/text.h"

static const char *color_of_line(const char *line)
{
	if (strncmp(line, "diff ", 5) == 0 || strncmp(line, "+++", 3) == 0 || strncmp(line, "---", 3) == 0)
		return "1";
	return *line == '+' ? "32" : *line == '-' ? "31" : *line == '@' ? "36" : NULL;
}

void patch_print(const struct paper *paper, const char *text, size_t bytes)
{
	char *safe = text ? text_safe_lines(text, bytes) : need(strdup("")), *rest = safe, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *color = paper->color ? color_of_line(line) : NULL;
		if (!rest && !*line)
			break; /* after the last line feed */
		if (color)
			fprintf(paper->out, "\033[%sm%s\033[0m\n", color, line);
		else
			fprintf(paper->out, "%s\n", line);
	}
	free(safe);
}
