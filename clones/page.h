/* SPDX-License-Identifier: MIT
 *
 * A Markdown page that grows, and text of unknown origin on it.
 *
 * Outside code spans every character that Markdown or HTML could take as an instruction is escaped, and control characters and text
 * direction marks are shown as "?".
 */
#ifndef CLONES_PAGE_H
#define CLONES_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct page {
	char *text; /* NUL-terminated; the caller frees it */
	size_t used, room;
	bool no_memory; /* what was put since is missing */
};

/* As it is: our own text, with markup. */
void page_put(struct page *page, const char *text);
void page_bytes(struct page *page, const char *at, size_t bytes);
void page_print(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Anybody's text, on one line. NULL is empty. */
void page_text(struct page *page, const char *text);

/* Anybody's text as a code span on one line. In a table a bar would end the cell, so it is written as a similar character. */
void page_code(struct page *page, const char *text, bool in_table);

#endif
