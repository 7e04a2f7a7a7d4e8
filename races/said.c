/* SPDX-License-Identifier: MIT */
#include "races/said.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *said_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t said_number(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number > 0 ? (uint64_t)number : 0;
}

bool said_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const json_t *said_list(const json_t *object, const char *name)
{
	const json_t *list = json_object_get(object, name);

	return json_is_array(list) ? list : NULL;
}

bool said_is_id(const char *text)
{
	size_t bytes = strlen(text);

	return (bytes == 40 || bytes == 64) && strspn(text, "0123456789abcdef") == bytes;
}

/* The most bytes, up to `most`, that end between characters of UTF-8. */
static size_t whole_characters(const char *text, size_t most)
{
	size_t bytes = strnlen(text, most + 1);

	if (bytes <= most)
		return bytes;
	bytes = most;
	while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
		bytes--;
	return bytes;
}

void said_copy(char *out, size_t capacity, const char *text)
{
	size_t bytes = whole_characters(text, capacity - 1);

	memmove(out, text, bytes);
	out[bytes] = '\0';
}

/* Bytes of the character that begins here; 0: none does (RFC 3629). */
static size_t character_bytes(const unsigned char *at)
{
	size_t bytes = at[0] < 0x80                    ? 1
		       : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
		       : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
		       : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
						       : 0;

	for (size_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] >= 0x90))
		return 0;
	return bytes;
}

/* A precision of printf may have cut a character in two: what is left of it goes. */
static void repair(char *text)
{
	char *to = text;

	while (*text) {
		size_t bytes = character_bytes((const unsigned char *)text);

		memmove(to, text, bytes);
		to += bytes;
		text += bytes ? bytes : 1;
	}
	*to = '\0';
}

void said_add(char *out, size_t capacity, const char *format, ...)
{
	char more[1024];
	size_t used = strlen(out);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(more, sizeof(more), format, arguments);
	va_end(arguments);
	repair(more);
	if (used < capacity)
		said_copy(out + used, capacity - used, more);
}

json_t *said_cut(const char *text, size_t most)
{
	static const char mark[] = "…";
	size_t all = text ? strlen(text) : 0;
	size_t bytes = text ? whole_characters(text, all > most ? most - (sizeof(mark) - 1) : most) : 0;
	char *copy = text ? malloc(bytes + sizeof(mark)) : NULL;
	json_t *json;

	if (!copy)
		return text ? NULL : json_null();
	memcpy(copy, text, bytes);
	for (size_t i = 0; i < bytes; i++)
		if (((unsigned char)copy[i] < ' ' && copy[i] != '\n' && copy[i] != '\t') || copy[i] == 0x7f)
			copy[i] = ' ';
	memcpy(copy + bytes, all > bytes ? mark : "", all > bytes ? sizeof(mark) : 1);
	json = json_string(copy);
	free(copy);
	return json;
}

uint64_t said_sum(uint64_t a, uint64_t b)
{
	const uint64_t most = UINT64_MAX / 2;

	return a > most || b > most || a + b > most ? most : a + b;
}
