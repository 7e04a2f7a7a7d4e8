/* SPDX-License-Identifier: MIT
 *
 * UUIDs and hexadecimal.
 */
#include "protocol/id.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

void hex_print(const uint8_t *at, size_t bytes, char *out_text)
{
	for (size_t i = 0; i < bytes; i++) {
		*out_text++ = digits[at[i] >> 4];
		*out_text++ = digits[at[i] & 15];
	}
	*out_text = 0;
}

int hex_parse(const char *text, size_t text_bytes, uint8_t *out, size_t bytes)
{
	if (text_bytes != 2 * bytes)
		return ERR_MALFORMED;
	for (size_t i = 0; i < text_bytes; i++) {
		if (digit_value(text[i]) < 0)
			return ERR_MALFORMED;
	}
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return 0;
}

void id_print(const struct id *id, char out_text[ID_TEXT_BYTES])
{
	static const uint8_t group[] = {4, 2, 2, 2, 6};
	const uint8_t *at = id->bytes;

	for (size_t i = 0; i < sizeof(group); i++) {
		hex_print(at, group[i], out_text);
		at += group[i];
		out_text += 2 * group[i];
		*out_text++ = '-';
	}
	out_text[-1] = 0;
}

int id_parse(const char *text, size_t text_bytes, struct id *out_id)
{
	char bare[32];
	size_t used = 0;

	if (text_bytes == 32)
		return hex_parse(text, text_bytes, out_id->bytes, sizeof(out_id->bytes));
	if (text_bytes != 36)
		return ERR_MALFORMED;
	for (size_t i = 0; i < 36; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		if (hyphen != (text[i] == '-'))
			return ERR_MALFORMED;
		if (!hyphen)
			bare[used++] = text[i];
	}
	return hex_parse(bare, used, out_id->bytes, sizeof(out_id->bytes));
}

struct id id_make(uint64_t unix_ms, const uint8_t random[10])
{
	struct id id;

	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	memcpy(id.bytes + 6, random, 10);
	id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f)); /* version 7 */
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f)); /* variant of RFC 9562 */
	return id;
}
