/* SPDX-License-Identifier: MIT
 *
 * Prompts with variables.
 */
#include "cli/race_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

#define SHOWN_MAX 40 /* bytes of what is quoted */

bool template_name(const char *text, size_t bytes)
{
	return bytes > 0 && bytes <= 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= bytes;
}

/* One pass over a template. */
struct filling {
	const char *text; /* all of it, to count lines */
	struct template_variable *variables;
	size_t count;
	FILE *out;
	char *why;
};

static unsigned line_of(const struct filling *filling, const char *at)
{
	unsigned line = 1;

	for (const char *c = filling->text; c < at; c++)
		line += *c == '\n';
	return line;
}

static void list_names(const struct filling *filling, char *out, size_t bytes)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < filling->count && used < bytes; i++)
		used += (size_t)snprintf(out + used, bytes - used, "%s%s", i ? ", " : "", filling->variables[i].name);
}

static int put_variable(struct filling *filling, const char *name, size_t bytes)
{
	char known[200];

	for (size_t i = 0; i < filling->count; i++) {
		struct template_variable *variable = &filling->variables[i];
		if (strlen(variable->name) != bytes || memcmp(variable->name, name, bytes) != 0)
			continue;
		fputs(variable->value, filling->out);
		variable->used = true;
		return 0;
	}
	list_names(filling, known, sizeof(known));
	snprintf(filling->why, TEMPLATE_WHY_BYTES, "line %u: {{%.*s}} has no value; --var %.*s=TEXT would give it one%s%s%s",
		 line_of(filling, name), (int)bytes, name, (int)bytes, name, *known ? " (given: " : "", known, *known ? ")" : "");
	return ERR_INVALID_PARAMETERS;
}

/* `open` stands at "{{". Moves it behind "}}". */
static int put_place(struct filling *filling, const char **open)
{
	const char *name = *open + 2, *end = strstr(name, "}}");
	size_t bytes;

	if (!end) {
		snprintf(filling->why, TEMPLATE_WHY_BYTES, "line %u: a {{ that no }} closes; \\{{ would stand for itself",
			 line_of(filling, *open));
		return ERR_INVALID_PARAMETERS;
	}
	*open = end + 2;
	name += strspn(name, " ");
	bytes = name < end ? (size_t)(end - name) : 0;
	while (bytes && name[bytes - 1] == ' ')
		bytes--;
	if (template_name(name, bytes))
		return put_variable(filling, name, bytes);
	snprintf(filling->why, TEMPLATE_WHY_BYTES,
		 "line %u: {{%.*s}} holds no name; a to z, digits, _ and - would be one, and \\{{ would stand for itself",
		 line_of(filling, name), (int)(bytes < SHOWN_MAX ? bytes : SHOWN_MAX), name);
	return ERR_INVALID_PARAMETERS;
}

static int put_all(struct filling *filling)
{
	const char *at = filling->text;
	const char *open;

	while ((open = strstr(at, "{{"))) {
		bool literal = open > at && open[-1] == '\\';
		int rc;
		fwrite(at, 1, (size_t)(open - at) - literal, filling->out);
		if (literal) {
			fputs("{{", filling->out);
			at = open + 2;
			continue;
		}
		rc = put_place(filling, &open);
		if (rc)
			return rc;
		at = open;
	}
	fputs(at, filling->out);
	return 0;
}

static int check_used(const struct filling *filling)
{
	for (size_t i = 0; i < filling->count; i++) {
		if (filling->variables[i].used)
			continue;
		snprintf(filling->why, TEMPLATE_WHY_BYTES, "nothing in it uses {{%s}}, so what was given for it would be lost",
			 filling->variables[i].name);
		return ERR_INVALID_PARAMETERS;
	}
	return 0;
}

int template_fill(const char *text, struct template_variable *variables, size_t count, char **out_text,
		  char out_why[TEMPLATE_WHY_BYTES])
{
	struct filling filling = {.text = text, .variables = variables, .count = count, .why = out_why};
	char *filled = NULL;
	size_t bytes = 0;
	int rc;

	filling.out = need(open_memstream(&filled, &bytes));
	rc = put_all(&filling);
	if (fclose(filling.out))
		need(NULL);
	if (!rc)
		rc = check_used(&filling);
	if (rc)
		free(filled);
	else
		*out_text = need(filled);
	return rc;
}
