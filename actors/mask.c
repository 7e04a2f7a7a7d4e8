/* SPDX-License-Identifier: MIT */
#include "actors/mask.h"

#include <string.h>

#include "protocol/reader.h"
#include "protocol/schema.h"

struct masking {
	struct vault *vault;
	enum message_type type;
	const char *kind; /* of what cannot be masked */
	uint32_t places;
};

static bool token_is(const struct token *token, const char *word)
{
	return token->count == strlen(word) && memcmp(token->at, word, token->count) == 0;
}

static bool is_json_member(enum message_type type, const struct token *key)
{
	const struct schema *schema = schema_find(type);

	for (const struct field *field = schema ? schema->field : NULL; field && field->name; field++)
		if (field->body && token_is(key, field->name))
			return field->kind == KIND_json;
	return false;
}

/* What the validator has seen in a frame of ours is ours to change. */
static uint8_t *writable(const uint8_t *at)
{
	return (uint8_t *)(uintptr_t)at;
}

/* Lists and maps that no message of today has: nothing in them may be known. */
static int pass_nested(struct masking *masking, struct reader *reader, const struct token *head)
{
	struct reader inside = *reader;
	uint64_t left = (uint64_t)head->count * (head->kind == TOKEN_MAP ? 2 : 1);
	struct token token;
	int rc = 0;

	while (!rc && left--) {
		rc = reader_next(&inside, &token);
		if (!rc && (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP))
			left += (uint64_t)token.count * (token.kind == TOKEN_MAP ? 2 : 1);
	}
	if (!rc && !masking->kind)
		masking->kind = vault_holds(masking->vault, reader->at, (size_t)(inside.at - reader->at));
	*reader = inside;
	return rc;
}

static int take_member(struct masking *masking, struct reader *reader)
{
	struct token key, value;
	bool data = false;
	int rc = reader_next(reader, &key);

	if (!rc && key.kind == TOKEN_TEXT && !masking->kind)
		masking->kind = vault_holds(masking->vault, key.at, key.count);
	if (!rc)
		rc = reader_next(reader, &value);
	if (rc || key.kind != TOKEN_TEXT)
		return rc ? rc : ERR_MALFORMED;
	if (value.kind == TOKEN_ARRAY || value.kind == TOKEN_MAP)
		return pass_nested(masking, reader, &value);
	if (value.kind != TOKEN_TEXT && value.kind != TOKEN_BYTES)
		return 0;
	data = masking->type == MESSAGE_ARTEFACT_PUT && token_is(&key, "data");
	if (masking->type == MESSAGE_TASK_REQUEST && token_is(&key, "idempotency_key")) {
		if (!masking->kind) /* two keys must not become the same */
			masking->kind = vault_holds(masking->vault, value.at, value.count);
	} else if (is_json_member(masking->type, &key)) {
		masking->places += vault_mask_json(masking->vault, writable(value.at), value.count);
	} else if (!data) {
		masking->places += vault_mask(masking->vault, writable(value.at), value.count);
	}
	return 0;
}

static int take_payload(struct masking *masking, const uint8_t *at, size_t bytes)
{
	struct reader reader = {at, at + bytes};
	struct token head;
	int rc = reader_next(&reader, &head);

	if (rc || head.kind != TOKEN_MAP) /* nothing, or what will be refused as no payload */
		return rc;
	for (uint32_t i = 0; i < head.count && !rc; i++)
		rc = take_member(masking, &reader);
	return rc;
}

static const char *look_outside(struct vault *vault, const struct parts *parts)
{
	const char *kind = vault_holds(vault, parts->header.at, parts->header.bytes);

	return kind ? kind : vault_holds(vault, parts->facts.at, parts->facts.bytes);
}

int mask_message(struct vault *vault, const struct parts *parts, struct message *message, const char **out_kind)
{
	struct masking masking = {.vault = vault, .type = message->type};

	*out_kind = NULL;
	message->header.masked = 0; /* ours to say */
	if (!vault_count(vault))
		return 0;
	masking.kind = look_outside(vault, parts);
	if (!masking.kind && parts->payload.bytes && take_payload(&masking, parts->payload.at, parts->payload.bytes))
		masking.kind = vault_holds(vault, parts->payload.at, parts->payload.bytes);
	message->header.masked = masking.places;
	*out_kind = masking.kind;
	return masking.kind ? ERR_SECRET : 0;
}

uint32_t mask_payload(struct vault *vault, enum message_type type, uint8_t *at, size_t bytes)
{
	struct masking masking = {.vault = vault, .type = type};

	if (!vault_count(vault) || !bytes)
		return 0;
	return take_payload(&masking, at, bytes) ? 0 : masking.places;
}
