/* SPDX-License-Identifier: MIT
 *
 * One pass over the characters: outside of texts, in a text, in a comment.
 */
#include "routing/conf_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct scan {
	const char *text;
	const char *at;
	char *out;
	unsigned line;
	char quote;          /* of the text we are in, or 0 */
	unsigned quote_line; /* where it began */
	unsigned depth;
	unsigned open_line; /* of the outermost open brace */
	struct outline *outline;
	struct complaint *complaint;
};

int complain(struct complaint *complaint, unsigned line, const char *format, ...)
{
	va_list arguments;
	int bytes;

	if (complaint->made)
		return ERR_CONFIG;
	complaint->made = true;
	bytes = snprintf(complaint->out_sentence, CONF_SENTENCE_BYTES, "%.200s:%u: ", complaint->file_name, line);
	va_start(arguments, format);
	vsnprintf(complaint->out_sentence + bytes, CONF_SENTENCE_BYTES - (size_t)bytes, format, arguments);
	va_end(arguments);
	return ERR_CONFIG;
}

static void keep(struct scan *scan)
{
	*scan->out++ = *scan->at++;
}

static void blank_comment(struct scan *scan)
{
	while (*scan->at && *scan->at != '\n') {
		*scan->out++ = ' ';
		scan->at++;
	}
}

static int step_in_text(struct scan *scan)
{
	const char c = scan->at[0];

	if (c == '\n')
		return complain(
			scan->complaint, scan->quote_line,
			"a text begins with %c and does not end on its line; accepted is a closing %c before the line ends",
			scan->quote, scan->quote);
	if (c == '\\' && scan->quote == '"' && scan->at[1] != '"' && scan->at[1] != '\\')
		return complain(scan->complaint, scan->line,
				"a backslash before something else in a text; accepted are \\\\ and \\\" (and '…' takes "
				"backslashes as they are)");
	if (c == '\\' && (scan->at[1] == scan->quote || scan->at[1] == '\\'))
		keep(scan);
	else if (c == scan->quote)
		scan->quote = 0;
	keep(scan);
	return 0;
}

static int refuse_sign(struct scan *scan)
{
	return complain(scan->complaint, scan->line,
			"an unexpected \"%c\"; accepted is NAME = VALUE, and a value with special signs in quotes", scan->at[0]);
}

static bool begins_word(const struct scan *scan)
{
	return scan->at == scan->text || strchr(" \t\r\n{}=,", scan->at[-1]);
}

static void section_begins(struct scan *scan)
{
	scan->open_line = scan->line;
	if (scan->outline->count < OUTLINE_MAX)
		scan->outline->head_line[scan->outline->count++] = scan->line;
}

unsigned outline_head(const struct outline *outline, unsigned end_line)
{
	unsigned head_line = end_line;

	for (size_t i = 0; i < outline->count && outline->head_line[i] <= end_line; i++)
		head_line = outline->head_line[i];
	return head_line;
}

static int step_outside(struct scan *scan)
{
	const char c = scan->at[0];

	if (c == '#') {
		blank_comment(scan);
		return 0;
	}
	if (c == '/' && (scan->at[1] == '/' || scan->at[1] == '*') && begins_word(scan))
		return complain(scan->complaint, scan->line, "\"/%c\"; accepted is a comment that begins with #", scan->at[1]);
	if (strchr("*|();", c))
		return refuse_sign(scan);
	if (c == '"' || c == '\'') {
		scan->quote = c;
		scan->quote_line = scan->line;
	}
	if (c == '{' && scan->depth++ == 0)
		section_begins(scan);
	if (c == '}' && scan->depth)
		scan->depth--;
	if (c == '\n')
		scan->line++;
	keep(scan);
	return 0;
}

static int step(struct scan *scan)
{
	const unsigned char c = (unsigned char)scan->at[0];

	if ((c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 0x7f)
		return complain(scan->complaint, scan->line, "a control character (byte 0x%02x); accepted is plain text", c);
	if (c == '$' && scan->at[1] == '{' && scan->quote != '\'')
		return complain(scan->complaint, scan->line,
				"\"${\" would be replaced from the environment, which differs from process to process; accepted "
				"is the value "
				"itself, or '…' around it where the sign is meant");
	return scan->quote ? step_in_text(scan) : step_outside(scan);
}

int conf_text_clean(const char *text, char *out_clean, struct outline *out_outline, struct complaint *complaint)
{
	struct scan scan = {
		.text = text, .at = text, .out = out_clean, .line = 1, .outline = out_outline, .complaint = complaint};
	int rc = 0;

	out_outline->count = 0;
	while (!rc && *scan.at)
		rc = step(&scan);
	*scan.out = '\0';
	if (!rc && scan.quote)
		rc = complain(complaint, scan.quote_line,
			      "a text begins with %c and does not end on its line; accepted is a closing %c before the line ends",
			      scan.quote, scan.quote);
	if (!rc && scan.depth)
		rc = complain(complaint, scan.open_line,
			      "the section that begins here has no end; accepted is a } after its last option");
	return rc;
}
