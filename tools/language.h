/* SPDX-License-Identifier: MIT
 *
 * Which language a file is written in, from its name and its first bytes.
 */
#ifndef TOOLS_LANGUAGE_H
#define TOOLS_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

/* The language by the whole file name or its ending, or NULL. Static text. */
const char *language_of_path(const char *path);

/* The language by the interpreter that a first line "#!…" names (also through env), or NULL. */
const char *language_of_shebang(const char *text, size_t text_bytes);

/* True if the bytes hold a NUL within the first 8,000: the rule that git has. */
bool content_binary(const char *content, size_t content_bytes);

/* True if one of the first lines says that a program made the file and that it should not be edited. */
bool content_generated(const char *content, size_t content_bytes);

/* Lines, counting a last one without a newline. */
size_t content_lines(const char *content, size_t content_bytes);

#endif
