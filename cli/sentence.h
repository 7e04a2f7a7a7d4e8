/* SPDX-License-Identifier: MIT
 *
 * A sentence that is put together piece by piece, with texts of others in it. Zero it; free `text` at the end.
 */
#ifndef CLI_SENTENCE_H
#define CLI_SENTENCE_H

#include <stddef.h>

#include "protocol/message.h"

#define SENTENCE_TEXT_MAX 400u /* bytes of somebody's text; the rest is left out, with … in its place */

struct sentence {
	char *text; /* NULL: empty */
	size_t bytes;
};

void sentence_add(struct sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What somebody wrote, after `before`; nothing if it is empty. A NUL becomes \x00. */
void sentence_text(struct sentence *sentence, const char *before, const struct text *text);

/* "850 ms", after `before`. */
void sentence_span(struct sentence *sentence, const char *before, uint64_t ms);

#endif
