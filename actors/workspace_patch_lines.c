/* SPDX-License-Identifier: MIT
 *
 * Reading a patch back. Its lines begin with what they are: '@' a hunk, ' ', '-' and '+' a line, '\' that the line before has no end; what
 * stands before the first hunk is about the files.
 */
#include "actors/workspace_patch_lines.h"

#include <stdio.h>
#include <string.h>

struct reading {
	const struct patch_reader *reader;
	struct patch_hunk hunk;
	size_t old, new; /* lines of either side that have passed */
	bool in_hunk;    /* else about the files */
};

static struct bytes take_line(struct bytes *left)
{
	const uint8_t *end = left->bytes ? memchr(left->at, '\n', left->bytes) : NULL;
	struct bytes line = {.at = left->at, .bytes = end ? (uint32_t)(end - left->at) + 1 : left->bytes};

	left->at += line.bytes;
	left->bytes -= line.bytes;
	return line;
}

static bool begins(struct bytes line, const char *with)
{
	size_t bytes = strlen(with);

	return line.bytes >= bytes && memcmp(line.at, with, bytes) == 0;
}

static bool take_number(const char **at, size_t *out)
{
	size_t value = 0;
	const char *first = *at;

	while (**at >= '0' && **at <= '9')
		value = value * 10 + (size_t)(*(*at)++ - '0');
	*out = value;
	return *at > first;
}

/* "12,3" or "12". */
static bool take_range(const char **at, char sign, size_t *out_from, size_t *out_count)
{
	*out_count = 1;
	if (*(*at)++ != sign || !take_number(at, out_from))
		return false;
	if (**at != ',')
		return true;
	(*at)++;
	return take_number(at, out_count);
}

static int take_hunk(struct reading *reading, struct bytes line)
{
	char text[128];
	const char *at = text + 3;
	struct patch_hunk *hunk = &reading->hunk;

	snprintf(text, sizeof(text), "%.*s", (int)(line.bytes < sizeof(text) ? line.bytes : sizeof(text) - 1),
		 (const char *)line.at);
	hunk->number++;
	reading->in_hunk = true;
	hunk->header = (struct bytes){.at = line.at, .bytes = line.bytes - (line.at[line.bytes - 1] == '\n')};
	if (!take_range(&at, '-', &hunk->old_from, &hunk->old_count) || *at++ != ' ' ||
	    !take_range(&at, '+', &hunk->new_from, &hunk->new_count))
		return ERR_INTERNAL;
	reading->old = hunk->old_from - (hunk->old_count > 0);
	reading->new = hunk->new_from - (hunk->new_count > 0);
	return reading->reader->hunk ? reading->reader->hunk(reading->reader->context, hunk) : 0;
}

static int take_text(struct reading *reading, struct bytes line, struct bytes next)
{
	struct patch_line said = {.sign = (char)line.at[0], .old = reading->old + 1, .new = reading->new + 1};
	bool unended = begins(next, "\\");

	said.text = (struct bytes){.at = line.at + 1, .bytes = line.bytes - 1 - unended};
	reading->old += said.sign != '+';
	reading->new += said.sign != '-';
	return reading->reader->line ? reading->reader->line(reading->reader->context, &reading->hunk, &said) : 0;
}

int patch_read(struct bytes patch, const struct patch_reader *reader, bool *out_binary)
{
	struct reading reading = {.reader = reader};
	int rc = 0;

	*out_binary = false;
	while (!rc && patch.bytes) {
		struct bytes line = take_line(&patch);
		if (begins(line, "@@ "))
			rc = take_hunk(&reading, line);
		else if (begins(line, "diff --git ")) /* what became of another kind is two patches */
			reading.in_hunk = false;
		else if (!reading.in_hunk)
			*out_binary = *out_binary || begins(line, "Binary files ");
		else if (line.at[0] == ' ' || line.at[0] == '-' || line.at[0] == '+')
			rc = take_text(&reading, line, patch);
		else if (line.at[0] != '\\')
			rc = ERR_INTERNAL;
	}
	return rc;
}
