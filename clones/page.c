/* SPDX-License-Identifier: MIT
 *
 * Escapes as CommonMark 0.30 needs it.
 */
#include "clones/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_bytes(struct page *page, const char *at, size_t bytes)
{
	if (page->no_memory)
		return;
	if (page->used + bytes + 1 > page->room) {
		size_t room = (page->used + bytes + 1) * 2;
		char *text = realloc(page->text, room);

		if (!text) {
			page->no_memory = true;
			return;
		}
		page->text = text;
		page->room = room;
	}
	memcpy(page->text + page->used, at, bytes);
	page->used += bytes;
	page->text[page->used] = 0;
}

void page_put(struct page *page, const char *text)
{
	page_bytes(page, text, strlen(text));
}

void page_print(struct page *page, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	page_put(page, line);
}

/* Bytes of a character that must not reach a terminal or a browser: controls, and marks that turn the direction of text. */
static size_t unprintable(const char *at)
{
	const unsigned char *c = (const unsigned char *)at;

	if (c[0] < 0x20 || c[0] == 0x7F)
		return 1;
	if (c[0] == 0xC2 && c[1] < 0xA0)
		return 2;
	if (c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xA8 && c[2] <= 0xAE)))
		return 3;
	if (c[0] == 0xE2 && c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9)
		return 3;
	return 0;
}

void page_text(struct page *page, const char *text)
{
	for (const char *c = text ? text : ""; *c;) {
		size_t bad = unprintable(c);

		if (bad) {
			page_put(page, *c == '\n' || *c == '\t' ? " " : "?");
			c += bad;
			continue;
		}
		if (*c == '<')
			page_put(page, "&lt;");
		else if (*c == '>')
			page_put(page, "&gt;");
		else if (*c == '&')
			page_put(page, "&amp;");
		else {
			if (strchr("\\`*_[]#|~$", *c) || (c == text && strchr("-+=", *c)))
				page_put(page, "\\");
			page_bytes(page, c, 1);
		}
		c++;
	}
}

/* Text on one line, as a code span; the fence is longer than any run of backticks inside (CommonMark 6.1). */
void page_code(struct page *page, const char *text, bool in_table)
{
	size_t run = 0, longest = 0;

	for (const char *c = text; *c; c++) {
		run = *c == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	for (size_t i = 0; i <= longest; i++)
		page_put(page, "`");
	page_put(page, longest ? " " : "");
	for (const char *c = text; *c;) {
		size_t bad = unprintable(c);

		if (bad)
			page_put(page, *c == '\n' || *c == '\t' ? " " : "?");
		else if (*c == '|' && in_table)
			page_put(page, "\xC2\xA6");
		else
			page_bytes(page, c, 1);
		c += bad ? bad : 1;
	}
	page_put(page, longest ? " " : "");
	for (size_t i = 0; i <= longest; i++)
		page_put(page, "`");
}
