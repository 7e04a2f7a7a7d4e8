/* SPDX-License-Identifier: MIT */
#include "audit/finder_text.h"

#include <stdio.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/validate.h"

#define DEPTH_MAX 32u

static int put(struct finder_text *text, const char *at, size_t bytes)
{
	int rc = buffer_append(&text->out, (const uint8_t *)at, bytes);

	for (size_t i = text->out.bytes - (rc ? 0 : bytes); !rc && i < text->out.bytes; i++) {
		if (text->out.at[i] == 0) /* ends a text for SQLite */
			text->out.at[i] = ' ';
	}
	return rc;
}

static int put_line(struct finder_text *text, const char *name, const char *at, size_t bytes)
{
	int rc = put(text, name, strlen(name));

	if (!rc)
		rc = put(text, ": ", 2);
	if (!rc)
		rc = put(text, at, bytes);
	return rc ? rc : put(text, "\n", 1);
}

static int put_value(struct finder_text *text, const char *name, json_t *value, unsigned depth)
{
	char number[40];
	const char *key;
	json_t *item;
	size_t i;
	int rc = 0;

	if (depth == DEPTH_MAX)
		return 0;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach (value, key, item) {
			if (rc == 0)
				rc = put_value(text, key, item, depth + 1);
		}
		return rc;
	case JSON_ARRAY:
		json_array_foreach (value, i, item) {
			if (rc == 0)
				rc = put_value(text, name, item, depth + 1);
		}
		return rc;
	case JSON_STRING:
		return put_line(text, name, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return put_line(text, name, number, strlen(number));
	case JSON_REAL:
		snprintf(number, sizeof(number), "%g", json_real_value(value));
		return put_line(text, name, number, strlen(number));
	case JSON_TRUE:
		return put_line(text, name, "true", 4);
	default:
		return 0;
	}
}

static int read_message(struct finder_text *text, const struct trail_entry *entry, struct message *out_message)
{
	struct parts parts;

	text->scratch.bytes = 0;
	if (message_join((enum message_type)entry->type, entry->header, entry->facts, entry->payload, &text->scratch) ||
	    validate_message(text->scratch.at, text->scratch.bytes, &parts) || parts.whole.bytes != text->scratch.bytes ||
	    message_decode(&parts, out_message) || message_decode_payload(out_message))
		return ERR_CORRUPT;
	return 0;
}

int finder_text(struct finder_text *text, const struct trail_entry *entry)
{
	struct message message;
	json_t *json;
	int rc;

	text->out.bytes = 0;
	if (!entry->payload.bytes || entry->type == MESSAGE_SNAPSHOT || entry->type == MESSAGE_ARTEFACT_PUT)
		return 0;
	rc = read_message(text, entry, &message);
	if (rc)
		return rc;
	json = message_to_json(&message);
	if (!json)
		return ERR_MEMORY;
	rc = put_value(text, "", json_object_get(json, "payload"), 0);
	json_decref(json);
	return rc;
}

void finder_text_release(struct finder_text *text)
{
	buffer_release(&text->out);
	buffer_release(&text->scratch);
}
