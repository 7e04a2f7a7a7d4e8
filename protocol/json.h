/* SPDX-License-Identifier: MIT
 *
 * Messages as JSON, with the field names of messages.def: what `--json`, `audit show` and tests use.
 */
#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include <jansson.h>

#include "protocol/message.h"

/* {"type": "TaskRequest", "header": {…}, "facts": {…}, "payload": {…}}. Ids are UUIDs, hashes and bytes hexadecimal,
 * enumerations names, `json` members nested values. The payload must be decoded. NULL when out of memory. Owned by the caller. */
json_t *message_to_json(const struct message *message);

/* The reverse. Text in `out_message` borrows from `json`, bytes and nested JSON from memory that `*out_storage`
 * owns (free it with json_decref). Returns 0, ERR_MALFORMED with a sentence in `out_why`, ERR_MEMORY. */
MUST_CHECK int message_from_json(json_t *json, struct message *out_message, json_t **out_storage, char out_why[160]);

/* protocol.json: every message, field, kind, code and right, for other languages. Owned by the caller. */
json_t *protocol_to_json(void);

#endif
