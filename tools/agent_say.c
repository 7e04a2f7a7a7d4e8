/* SPDX-License-Identifier: MIT
 *
 * What the loop prints, and the texts it is made of.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/reader.h"
#include "tools/agent_inner.h"

void loop_append(struct loop_buffer *buffer, const void *at, size_t bytes)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	char *grown;

	if (buffer->failed)
		return;
	while (capacity <= buffer->bytes + bytes)
		capacity *= 2;
	if (capacity != buffer->capacity) {
		grown = realloc(buffer->at, capacity);
		if (!grown) {
			buffer->failed = true;
			return;
		}
		buffer->at = grown;
		buffer->capacity = capacity;
	}
	if (bytes)
		memcpy(buffer->at + buffer->bytes, at, bytes);
	buffer->bytes += bytes;
	buffer->at[buffer->bytes] = '\0';
}

void loop_print(struct loop_buffer *buffer, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (bytes < 0)
		buffer->failed = true;
	else
		loop_append(buffer, text, (size_t)bytes);
	if (bytes >= 0)
		free(text);
}

void loop_release(struct loop_buffer *buffer)
{
	free(buffer->at);
	*buffer = (struct loop_buffer){0};
}

/* Bytes of the UTF-8 character that begins here; 0: none does. */
static size_t character(const char *at, size_t bytes)
{
	for (size_t length = 1; length <= 4 && length <= bytes; length++) {
		if (utf8_check((const uint8_t *)at, length))
			return length;
	}
	return 0;
}

json_t *loop_string(const char *at, size_t bytes)
{
	struct loop_buffer buffer = {0};
	json_t *string = NULL;

	if (utf8_check((const uint8_t *)at, bytes))
		string = json_stringn(at ? at : "", bytes);
	if (string)
		return string;
	for (size_t i = 0; i < bytes;) {
		size_t length = character(at + i, bytes - i);
		loop_append(&buffer, length ? at + i : "\xEF\xBF\xBD", length ? length : 3);
		i += length ? length : 1;
	}
	if (!buffer.failed)
		string = json_stringn(buffer.at ? buffer.at : "", buffer.bytes);
	loop_release(&buffer);
	return string;
}

void loop_say(struct loop *loop, json_t *value)
{
	if (!value || json_dumpf(value, stdout, JSON_COMPACT) != 0 || fputc('\n', stdout) == EOF || fflush(stdout) != 0)
		loop->output_lost = true;
	json_decref(value);
}

void loop_warn(struct loop *loop, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	loop_say(loop, json_pack("{s:s, s:o}", "type", "warn", "text", loop_string(text, strlen(text))));
}
