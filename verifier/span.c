/* SPDX-License-Identifier: MIT */
#include "verifier/span.h"

#include <string.h>

struct span span_of_text(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

bool span_equal(struct span a, struct span b)
{
	return a.bytes == b.bytes && (!a.bytes || memcmp(a.at, b.at, a.bytes) == 0);
}

bool span_is(struct span span, const char *text)
{
	return span_equal(span, span_of_text(text));
}

bool span_begins(struct span span, const char *text)
{
	size_t bytes = strlen(text);

	return span.bytes >= bytes && memcmp(span.at, text, bytes) == 0;
}

bool span_line(struct span *rest, struct span *out_line)
{
	const uint8_t *end;

	if (!rest->bytes)
		return false;
	end = memchr(rest->at, '\n', rest->bytes);
	*out_line = (struct span){rest->at, end ? (size_t)(end - rest->at) : rest->bytes};
	rest->at += out_line->bytes + (end ? 1 : 0);
	rest->bytes -= out_line->bytes + (end ? 1 : 0);
	return true;
}

bool span_number(struct span text, uint64_t *out_value)
{
	uint64_t value = 0;

	if (!text.bytes || text.bytes > 20 || (text.bytes > 1 && text.at[0] == '0'))
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		unsigned digit = (unsigned)text.at[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out_value = value;
	return true;
}

static int base64_value(uint8_t letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return letter - 'A';
	if (letter >= 'a' && letter <= 'z')
		return letter - 'a' + 26;
	if (letter >= '0' && letter <= '9')
		return letter - '0' + 52;
	return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

bool span_base64(struct span text, uint8_t *out, size_t capacity, size_t *out_bytes)
{
	size_t padding = 0, bytes = 0;
	uint32_t bits = 0;

	if (text.bytes % 4 != 0)
		return false;
	while (padding < 2 && padding < text.bytes && text.at[text.bytes - 1 - padding] == '=')
		padding++;
	if (text.bytes / 4 * 3 - padding > capacity)
		return false;
	for (size_t i = 0; i < text.bytes - padding; i++) {
		int value = base64_value(text.at[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 == 0)
			continue;
		out[bytes++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	/* What the last letter holds beyond the last byte: four bits before "==", two before "=". */
	*out_bytes = bytes;
	return !padding || !(bits & (padding == 2 ? 0x0fu : 0x03u));
}

static int hex_value(uint8_t letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool span_hex(struct span text, uint8_t *out, size_t bytes)
{
	if (text.bytes != 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_value(text.at[2 * i]), low = hex_value(text.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void hex_write(const uint8_t *at, size_t bytes, char *out_text)
{
	for (size_t i = 0; i < bytes; i++) {
		out_text[2 * i] = "0123456789abcdef"[at[i] >> 4];
		out_text[2 * i + 1] = "0123456789abcdef"[at[i] & 15];
	}
	out_text[2 * bytes] = 0;
}
