/* SPDX-License-Identifier: MIT
 *
 * RFC 6901, sections 3 and 4.
 */
#include "clones/agents/pointer.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reads one token after its "/" and moves past it. False: no pointer. */
static bool token_read(const char **at, char out[POINTER_TOKEN_BYTES])
{
	size_t bytes = 0;

	if (*(*at)++ != '/')
		return false;
	for (; **at && **at != '/'; (*at)++) {
		char byte = **at;
		if (byte == '~') {
			byte = *++*at;
			if (byte != '0' && byte != '1')
				return false;
			byte = byte == '0' ? '~' : '/';
		}
		if (bytes + 1 >= POINTER_TOKEN_BYTES)
			return false;
		out[bytes++] = byte;
	}
	out[bytes] = '\0';
	return true;
}

bool pointer_check(const char *pointer)
{
	char token[POINTER_TOKEN_BYTES];

	while (pointer && *pointer) {
		if (!token_read(&pointer, token))
			return false;
	}
	return pointer;
}

/* An index has no sign and no leading zero. */
static json_t *element(const json_t *array, const char *token)
{
	size_t index = 0;

	if (!*token || (token[0] == '0' && token[1]) || strlen(token) > 9)
		return NULL;
	for (; *token; token++) {
		if (*token < '0' || *token > '9')
			return NULL;
		index = index * 10 + (size_t)(*token - '0');
	}
	return json_array_get(array, index);
}

json_t *pointer_find(const json_t *value, const char *pointer)
{
	char token[POINTER_TOKEN_BYTES];
	/* What is found is only read, but jansson counts references in it: its accessors give it out without const. */
	json_t *found = (json_t *)(uintptr_t)value;

	if (!pointer || !pointer_check(pointer))
		return NULL;
	while (found && *pointer) {
		if (!token_read(&pointer, token))
			return NULL;
		found = json_is_array(found) ? element(found, token) : json_object_get(found, token);
	}
	return found;
}
