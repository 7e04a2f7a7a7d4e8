/* SPDX-License-Identifier: MIT
 *
 * Messages and the protocol itself as JSON, driven by the tables of schema.h.
 */
#include "protocol/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "protocol/id.h"
#include "protocol/schema.h"
#include "protocol/validate.h"

/* ---- to JSON ---- */

static json_t *hex_to_json(const uint8_t *at, size_t bytes)
{
	char *text = malloc(2 * bytes + 1);
	json_t *json;

	if (!text)
		return NULL;
	hex_print(at, bytes, text);
	json = json_stringn_nocheck(text, 2 * bytes);
	free(text);
	return json;
}

static json_t *id_to_json(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	if (id_is_nil(id))
		return json_null();
	id_print(id, text);
	return json_string(text);
}

static json_t *hash_to_json(const struct hash *hash)
{
	static const struct hash none;

	return memcmp(hash, &none, sizeof(none)) ? hex_to_json(hash->bytes, sizeof(hash->bytes)) : json_null();
}

/* JSON integers of jansson end at 2^63 - 1; larger numbers become text. */
static json_t *number_to_json(uint64_t number)
{
	char text[24];

	if (number <= INT64_MAX)
		return json_integer((json_int_t)number);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return json_string(text);
}

static json_t *text_to_json(const struct text *text)
{
	return json_stringn(text->bytes ? text->at : "", text->bytes);
}

/* Nested JSON as such; what cannot be read as JSON is shown as the text it is. */
static json_t *nested_to_json(const struct text *text)
{
	json_t *json = text->bytes ? json_loadb(text->at, text->bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

	return json ? json : text_to_json(text);
}

static json_t *enumeration_to_json(enum kind kind, uint32_t code)
{
	const char *name = value_name(kind, code);

	if (code == 0)
		return json_null();
	return name ? json_string(name) : json_integer(code);
}

static json_t *field_to_json(const struct field *field, const void *member)
{
	const struct bytes *bytes = member;

	switch (field->kind) {
	case KIND_u32:
		return json_integer(*(const uint32_t *)member);
	case KIND_u64:
		return number_to_json(*(const uint64_t *)member);
	case KIND_flag:
		return json_boolean(*(const bool *)member);
	case KIND_id:
		return id_to_json(member);
	case KIND_hash:
		return hash_to_json(member);
	case KIND_text:
		return text_to_json(member);
	case KIND_json:
		return nested_to_json(member);
	case KIND_bytes:
		return hex_to_json(bytes->at, bytes->bytes);
	default:
		return enumeration_to_json(field->kind, *(const uint32_t *)member);
	}
}

static json_t *header_to_json(const struct header *header)
{
	return json_pack("{s:o, s:o, s:o, s:s*, s:s*, s:o, s:o, s:s*, s:o*}", "message_id", id_to_json(&header->message_id),
			 "correlation", id_to_json(&header->correlation), "task_id", id_to_json(&header->task_id), "sender",
			 header->sender[0] ? header->sender : NULL, "recipient", header->recipient[0] ? header->recipient : NULL,
			 "sender_seq", number_to_json(header->sender_seq), "sent_at_ms", number_to_json(header->sent_at_ms),
			 "traceparent", header->traceparent[0] ? header->traceparent : NULL, "masked",
			 header->masked ? json_integer(header->masked) : NULL);
}

static bool body_is_absent(const struct field *field, const void *member)
{
	const struct text *text = member;
	const struct bytes *bytes = member;

	return (field->kind == KIND_bytes ? bytes->bytes : text->bytes) == 0;
}

/* The FACT members, or the BODY members that are there. */
static json_t *fields_to_json(const struct message *message, const struct schema *schema, bool body)
{
	json_t *json = json_object();

	for (const struct field *field = schema ? schema->field : NULL; field && field->name; field++) {
		const void *member = (const uint8_t *)message + field->offset;
		if (field->body != body || (body && body_is_absent(field, member)))
			continue;
		if (json_object_set_new(json, field->name, field_to_json(field, member))) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

json_t *message_to_json(const struct message *message)
{
	const struct schema *schema = schema_find(message->type);
	json_t *type = schema ? json_string(schema->name) : json_integer(message->type);

	return json_pack("{s:o, s:o, s:o, s:o}", "type", type, "header", header_to_json(&message->header), "facts",
			 fields_to_json(message, schema, false), "payload", fields_to_json(message, schema, true));
}

/* ---- from JSON ---- */

struct intake {
	json_t *storage; /* array of strings that hold what the message points to */
	char *why;       /* 160 bytes */
};

static int wrong(struct intake *intake, const char *name, const char *wanted)
{
	snprintf(intake->why, 160, "%s is not acceptable; it must be %s", name, wanted);
	return ERR_MALFORMED;
}

/* Keeps bytes for as long as the storage lives. NULL: out of memory. */
static const char *keep(struct intake *intake, const void *at, size_t bytes)
{
	json_t *kept = json_stringn_nocheck(at, bytes);

	if (!kept || json_array_append_new(intake->storage, kept))
		return NULL;
	return json_string_value(kept);
}

static int number_from_json(struct intake *intake, const char *name, const json_t *json, uint64_t most, uint64_t *out)
{
	if (json_is_integer(json) && json_integer_value(json) >= 0 && (uint64_t)json_integer_value(json) <= most) {
		*out = (uint64_t)json_integer_value(json);
		return 0;
	}
	if (json_is_string(json) && most == UINT64_MAX) {
		const char *text = json_string_value(json);
		char *end;
		unsigned long long number = strtoull(text, &end, 10);
		if (*text >= '0' && *text <= '9' && *end == 0) {
			*out = number;
			return 0;
		}
	}
	return wrong(intake, name, most == UINT32_MAX ? "a whole number from 0 to 4294967295" : "a whole number, 0 or more");
}

static int u32_from_json(struct intake *intake, const char *name, const json_t *json, uint32_t *out)
{
	uint64_t number = 0;
	int rc = number_from_json(intake, name, json, UINT32_MAX, &number);

	if (!rc)
		*out = (uint32_t)number;
	return rc;
}

static int enumeration_from_json(struct intake *intake, const struct field *field, const json_t *json, uint32_t *out)
{
	if (!json_is_string(json))
		return u32_from_json(intake, field->name, json, out);
	*out = value_find(field->kind, json_string_value(json));
	return *out ? 0 : wrong(intake, field->name, "one of the names that docs/protocol.md lists");
}

static int id_from_json(struct intake *intake, const char *name, const json_t *json, struct id *out)
{
	if (!json_is_string(json) || id_parse(json_string_value(json), json_string_length(json), out))
		return wrong(intake, name, "a UUID");
	return 0;
}

static int bytes_from_json(struct intake *intake, const char *name, const json_t *json, struct bytes *out)
{
	size_t bytes = json_string_length(json) / 2;
	uint8_t *at;

	if (!json_is_string(json))
		return wrong(intake, name, "hexadecimal text");
	at = malloc(bytes + 1);
	if (!at)
		return ERR_MEMORY;
	if (hex_parse(json_string_value(json), json_string_length(json), at, bytes)) {
		free(at);
		return wrong(intake, name, "hexadecimal text");
	}
	out->at = (const uint8_t *)keep(intake, at, bytes);
	out->bytes = (uint32_t)bytes;
	free(at);
	return out->at ? 0 : ERR_MEMORY;
}

static int nested_from_json(struct intake *intake, const json_t *json, struct text *out)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);

	if (!text)
		return ERR_MEMORY;
	out->bytes = (uint32_t)strlen(text);
	out->at = keep(intake, text, out->bytes);
	free(text);
	return out->at ? 0 : ERR_MEMORY;
}

static int text_from_json(struct intake *intake, const char *name, const json_t *json, struct text *out)
{
	if (!json_is_string(json))
		return wrong(intake, name, "text");
	*out = (struct text){json_string_value(json), (uint32_t)json_string_length(json)};
	return 0;
}

static int hash_from_json(struct intake *intake, const char *name, const json_t *json, struct hash *out)
{
	if (!json_is_string(json) || hex_parse(json_string_value(json), json_string_length(json), out->bytes, sizeof(out->bytes)))
		return wrong(intake, name, "64 hexadecimal digits");
	return 0;
}

static int field_from_json(struct intake *intake, const struct field *field, const json_t *json, void *member)
{
	switch (field->kind) {
	case KIND_u32:
		return u32_from_json(intake, field->name, json, member);
	case KIND_u64:
		return number_from_json(intake, field->name, json, UINT64_MAX, member);
	case KIND_flag:
		*(bool *)member = json_is_true(json);
		return json_is_boolean(json) ? 0 : wrong(intake, field->name, "true or false");
	case KIND_id:
		return id_from_json(intake, field->name, json, member);
	case KIND_hash:
		return hash_from_json(intake, field->name, json, member);
	case KIND_text:
		return text_from_json(intake, field->name, json, member);
	case KIND_json:
		return nested_from_json(intake, json, member);
	case KIND_bytes:
		return bytes_from_json(intake, field->name, json, member);
	default:
		return enumeration_from_json(intake, field, json, member);
	}
}

static int name_from_json(struct intake *intake, const char *name, const json_t *json, char *out, size_t capacity)
{
	if (!json_is_string(json) || json_string_length(json) >= capacity ||
	    strlen(json_string_value(json)) != json_string_length(json))
		return wrong(intake, name, "a short text");
	memcpy(out, json_string_value(json), json_string_length(json) + 1);
	return 0;
}

static int masked_from_json(struct intake *intake, const json_t *json, struct header *header)
{
	uint64_t masked;
	int rc = number_from_json(intake, "masked", json, UINT32_MAX, &masked);

	if (!rc)
		header->masked = (uint32_t)masked;
	return rc;
}

static int header_member(struct intake *intake, struct header *header, const char *name, const json_t *json)
{
	if (strcmp(name, "message_id") == 0)
		return id_from_json(intake, name, json, &header->message_id);
	if (strcmp(name, "correlation") == 0)
		return id_from_json(intake, name, json, &header->correlation);
	if (strcmp(name, "task_id") == 0)
		return id_from_json(intake, name, json, &header->task_id);
	if (strcmp(name, "sender") == 0)
		return name_from_json(intake, name, json, header->sender, sizeof(header->sender));
	if (strcmp(name, "recipient") == 0)
		return name_from_json(intake, name, json, header->recipient, sizeof(header->recipient));
	if (strcmp(name, "sender_seq") == 0)
		return number_from_json(intake, name, json, UINT64_MAX, &header->sender_seq);
	if (strcmp(name, "sent_at_ms") == 0)
		return number_from_json(intake, name, json, UINT64_MAX, &header->sent_at_ms);
	if (strcmp(name, "traceparent") == 0)
		return name_from_json(intake, name, json, header->traceparent, sizeof(header->traceparent));
	if (strcmp(name, "masked") == 0)
		return masked_from_json(intake, json, header);
	snprintf(intake->why, 160, "\"%.40s\" is no member of a header; docs/protocol.md lists them", name);
	return ERR_MALFORMED;
}

static int header_from_json(struct intake *intake, json_t *json, struct header *header)
{
	const char *name;
	json_t *value;
	int rc = 0;

	if (json && !json_is_object(json))
		return wrong(intake, "header", "an object");
	json_object_foreach (json, name, value) {
		if (!json_is_null(value))
			rc = header_member(intake, header, name, value);
		if (rc)
			break;
	}
	return rc;
}

static const struct field *field_find(const struct schema *schema, const char *name, bool body)
{
	for (const struct field *field = schema->field; field->name; field++) {
		if (field->body == body && strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

static int fields_from_json(struct intake *intake, const struct schema *schema, json_t *json, bool body, struct message *message)
{
	const char *part = body ? "payload" : "facts";
	const char *name;
	json_t *value;
	int rc = 0;

	if (json && !json_is_object(json))
		return wrong(intake, part, "an object");
	json_object_foreach (json, name, value) {
		const struct field *field = field_find(schema, name, body);
		if (!field) {
			snprintf(intake->why, 160, "\"%.40s\" is not in the %s of a %s; docs/protocol.md lists what is", name,
				 part, schema->name);
			return ERR_MALFORMED;
		}
		if (!json_is_null(value) || field->kind == KIND_json)
			rc = field_from_json(intake, field, value, (uint8_t *)message + field->offset);
		if (rc)
			break;
	}
	return rc;
}

static int parts_from_json(struct intake *intake, json_t *json, struct message *message)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	const struct schema *schema = type ? schema_find(message_find(type)) : NULL;
	int rc;

	if (!schema)
		return wrong(intake, "type", "the name of a message, such as TaskRequest");
	message->type = (enum message_type)schema->code;
	rc = header_from_json(intake, json_object_get(json, "header"), &message->header);
	if (!rc)
		rc = fields_from_json(intake, schema, json_object_get(json, "facts"), false, message);
	if (!rc)
		rc = fields_from_json(intake, schema, json_object_get(json, "payload"), true, message);
	return rc;
}

int message_from_json(json_t *json, struct message *out_message, json_t **out_storage, char out_why[160])
{
	struct intake intake = {json_array(), out_why};
	struct message message = {0};
	int rc;

	if (!intake.storage)
		return ERR_MEMORY;
	rc = parts_from_json(&intake, json, &message);
	if (rc) {
		json_decref(intake.storage);
		return rc;
	}
	*out_message = message;
	*out_storage = intake.storage;
	return 0;
}

/* ---- protocol.json ---- */

static json_t *speakers_to_json(uint32_t set)
{
	static const char *const names[] = {"client", "operator", "auditor", "clone", "omega"};
	json_t *json = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (set & 1u << i)
			json_array_append_new(json, json_string(names[i]));
	}
	return json;
}

static json_t *schema_fields_to_json(const struct schema *schema, bool body)
{
	json_t *json = json_array();

	for (const struct field *field = schema->field; field->name; field++) {
		if (field->body == body)
			json_array_append_new(json, json_pack("{s:s, s:s, s:s}", "name", field->name, "kind",
							      kind_name(field->kind), "sentence", field->sentence));
	}
	return json;
}

static json_t *messages_to_json(void)
{
	json_t *json = json_array();
	const struct schema *schema;

	for (size_t i = 0; (schema = schema_at(i)); i++)
		json_array_append_new(json, json_pack("{s:s, s:i, s:o, s:o, s:s, s:o, s:o}", "name", schema->name, "code",
						      (int)schema->code, "from", speakers_to_json(schema->from), "to",
						      speakers_to_json(schema->to), "sentence", schema->sentence, "facts",
						      schema_fields_to_json(schema, false), "payload",
						      schema_fields_to_json(schema, true)));
	return json;
}

static json_t *enumerations_to_json(void)
{
	json_t *json = json_object();
	const struct value *value;

	for (size_t i = 0; (value = value_at(i)); i++) {
		json_t *list = json_object_get(json, kind_name(value->kind));
		if (!list) {
			list = json_object();
			json_object_set_new(json, kind_name(value->kind), list);
		}
		json_object_set_new(list, value->name, json_integer(value->code));
	}
	return json;
}

static json_t *errors_to_json(void)
{
	json_t *json = json_array();

#define ERROR(name, code, retryable, exit_code, sentence)                                                                        \
	json_array_append_new(json, json_pack("{s:s, s:i, s:b, s:i, s:s}", "name", error_name(code), "code", (code),             \
					      "retryable", (retryable), "exit_code", (exit_code), "sentence", sentence));
#include "protocol/errors.def"
	return json;
}

static json_t *header_members_to_json(void)
{
	static const char *const members[][2] = {{"message_id", "id"},  {"correlation", "id"},   {"task_id", "id"},
						 {"sender", "text"},    {"recipient", "text"},   {"sender_seq", "u64"},
						 {"sent_at_ms", "u64"}, {"traceparent", "text"}, {"masked", "u32"}};
	json_t *json = json_array();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_array_append_new(json, json_pack("{s:s, s:s}", "name", members[i][0], "kind", members[i][1]));
	return json;
}

static json_t *limits_to_json(void)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "frame_bytes", (int)FRAME_BYTES_MAX, "frame_messages",
			 (int)FRAME_MESSAGES_MAX, "payload_bytes", (int)PAYLOAD_BYTES_MAX, "depth", (int)VALIDATE_DEPTH_MAX,
			 "nodes", (int)VALIDATE_NODES_MAX, "map_keys", (int)VALIDATE_KEYS_MAX, "name_bytes", (int)NAME_BYTES - 1,
			 "task_type_bytes", (int)TASK_TYPE_BYTES - 1);
}

json_t *protocol_to_json(void)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "version", (int)PROTOCOL_VERSION, "limits", limits_to_json(), "header",
			 header_members_to_json(), "messages", messages_to_json(), "enumerations", enumerations_to_json(),
			 "errors", errors_to_json());
}
