/* SPDX-License-Identifier: MIT
 *
 * Finds the comment that documents what stands below it. Lexers give no tokens for comments, so they are what lies between two.
 */
#ifndef TOOLS_COMMENT_H
#define TOOLS_COMMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/token.h"

/* One step over a gap between tokens of C or JavaScript: the comment that begins at `at`, to its last byte + 1. `at` itself if none does.
 * The end of a line comment is its newline. */
size_t comment_end(const char *text, size_t at, size_t end, enum lexed language);

/* True if a comment that says something ends on the line above the token, or on its own line before it. It must begin on a line of
 * its own, hold at least one word, and be no licence at the top of the file. Preprocessor lines between the two do not part them. */
bool comment_above(const struct tokens *tokens, uint32_t token, enum lexed language);

#endif
