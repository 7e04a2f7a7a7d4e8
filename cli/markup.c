/* SPDX-License-Identifier: MIT
 *
 * Text in HTML pages.
 */
#include "cli/markup.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static void put(struct sink *sink, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		size_t plain = 0;
		while (i + plain < bytes && !strchr("<>&\"'", text[i + plain]))
			plain++;
		sink_write(sink, text + i, plain);
		i += plain;
		if (i == bytes)
			break;
		sink_text(sink, text[i] == '<'   ? "&lt;"
				: text[i] == '>' ? "&gt;"
				: text[i] == '&' ? "&amp;"
				: text[i] == '"' ? "&quot;"
						 : "&#39;");
		i++;
	}
}

void markup_text(struct sink *sink, const char *text)
{
	put(sink, text, strlen(text));
}

void markup_recorded(struct sink *sink, const char *text)
{
	char *safe = text_safe(text, strlen(text));

	put(sink, safe, strlen(safe));
	free(safe);
}

void markup_recorded_lines(struct sink *sink, const char *text, size_t bytes)
{
	char *safe = text_safe_lines(text, bytes);

	put(sink, safe, strlen(safe));
	free(safe);
}

void markup_sum(struct sink *sink, const char *text, ...)
{
	crypto_hash_sha256_state sum;
	uint8_t hash[crypto_hash_sha256_BYTES];
	char digits[64];
	va_list list;

	crypto_hash_sha256_init(&sum);
	va_start(list, text);
	for (const char *part = text; part; part = va_arg(list, const char *))
		crypto_hash_sha256_update(&sum, (const uint8_t *)part, strlen(part));
	va_end(list);
	crypto_hash_sha256_final(&sum, hash);
	sodium_bin2base64(digits, sizeof(digits), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	sink_text(sink, "'sha256-");
	sink_text(sink, digits);
	sink_text(sink, "'");
}
