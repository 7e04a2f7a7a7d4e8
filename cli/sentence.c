/* SPDX-License-Identifier: MIT */
#include "cli/sentence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

void sentence_add(struct sentence *sentence, const char *format, ...)
{
	va_list list;
	char *more = NULL;
	int bytes;

	va_start(list, format);
	bytes = vasprintf(&more, format, list);
	va_end(list);
	if (bytes < 0)
		more = need(NULL);
	sentence->text = need(realloc(sentence->text, sentence->bytes + (size_t)bytes + 1));
	memcpy(sentence->text + sentence->bytes, more, (size_t)bytes + 1);
	sentence->bytes += (size_t)bytes;
	free(more);
}

void sentence_text(struct sentence *sentence, const char *before, const struct text *text)
{
	size_t bytes = text->bytes;
	char *plain;

	if (!bytes)
		return;
	if (bytes > SENTENCE_TEXT_MAX) {
		bytes = SENTENCE_TEXT_MAX;
		while (bytes && ((uint8_t)text->at[bytes] & 0xc0) == 0x80) /* not within a character */
			bytes--;
	}
	plain = text_of_message(text->at, bytes);
	sentence_add(sentence, "%s%s%s", before, plain, bytes < text->bytes ? "…" : "");
	free(plain);
}

void sentence_span(struct sentence *sentence, const char *before, uint64_t ms)
{
	char span[SPAN_TEXT_BYTES];

	span_print(ms, span);
	sentence_add(sentence, "%s%s", before, span);
}
