/* SPDX-License-Identifier: MIT
 *
 * The text of a configuration file before libConfuse sees it, and the sentence that a person gets.
 *
 * libConfuse has habits that a configuration read by several processes, and checked by people, should not have: it puts
 * environment variables in, counts lines wrongly after a C comment, swallows signs that it does not know, takes the end of
 * the file for a closing brace, and stays inside an unfinished text when the next file is parsed. So the text is looked
 * through first; what could wake one of these habits is refused with its line, and comments become blanks.
 */
#ifndef ROUTING_CONF_TEXT_H
#define ROUTING_CONF_TEXT_H

#include "routing/conf.h"

#define CONF_TEXT_BYTES_MAX 1048576u

/* Where complaints go. The first one stands. */
struct complaint {
	const char *file_name;
	char *out_sentence; /* CONF_SENTENCE_BYTES */
	bool made;
};

/* Writes "FILE:LINE: …". Always ERR_CONFIG. */
MUST_CHECK int complain(struct complaint *complaint, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Where the sections begin: the lines of the outermost opening braces, in order. */
#define OUTLINE_MAX 512u

struct outline {
	unsigned head_line[OUTLINE_MAX];
	size_t count;
};

/* Line where the section that ends on `end_line` begins. */
unsigned outline_head(const struct outline *outline, unsigned end_line);

/* Copies `text` to `out_clean`, which has room for as many bytes and the NUL, with blanks for comments; line breaks stay where they
 * are. Returns 0, or ERR_CONFIG after a complaint. */
MUST_CHECK int conf_text_clean(const char *text, char *out_clean, struct outline *out_outline, struct complaint *complaint);

#endif
