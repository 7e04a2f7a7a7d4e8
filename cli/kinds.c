/* SPDX-License-Identifier: MIT */
#include "cli/kinds.h"

#include <stdio.h>
#include <string.h>

#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"

void failure_types(uint32_t out_types[TRAIL_TYPES_MAX])
{
	static const uint32_t types[] = {MESSAGE_TASK_FAILURE, MESSAGE_RETRY_SCHEDULED, MESSAGE_ERROR_ESCALATION,
					 MESSAGE_PRESENCE, MESSAGE_COUNTED};

	memcpy(out_types, types, sizeof(types));
}

static const char *end_kind(uint32_t state)
{
	return state == STATE_FAILED ? "task failed" : state == STATE_EXPIRED ? "task expired" : "task cancelled";
}

const char *failure_peer(const struct message *message, char out[NAME_BYTES])
{
	const struct text *peer = message->type == MESSAGE_PRESENCE  ? &message->presence_changed.peer
				  : message->type == MESSAGE_COUNTED ? &message->counted.peer
								     : NULL;

	if (!peer || !peer->bytes)
		return NULL;
	snprintf(out, NAME_BYTES, "%.*s", (int)peer->bytes, peer->at);
	return out;
}

const char *failure_kind(const struct trail_entry *entry, const struct message *message, const char **out_reason)
{
	*out_reason = error_name((int)entry->verdict);
	if (entry->verdict)
		return "refused";
	switch (message->type) {
	case MESSAGE_TASK_FAILURE:
		*out_reason = error_name((int)message->task_failure.code);
		if (entry->direction == TRAIL_IN)
			return "attempt failed";
		return entry->end_state ? end_kind(entry->end_state) : NULL; /* else it repeats the end to others */
	case MESSAGE_RETRY_SCHEDULED:
		*out_reason = message->retry_scheduled.code ? error_name((int)message->retry_scheduled.code) : "settled";
		return "goes on";
	case MESSAGE_ERROR_ESCALATION:
		*out_reason = error_name((int)message->error_escalation.code);
		return entry->direction == TRAIL_OUT ? "needs a person" : NULL; /* Omega hands on what a clone says */
	case MESSAGE_PRESENCE:
		*out_reason = "lost";
		return message->presence_changed.presence == PRESENCE_LOST ? "clone lost" : NULL;
	case MESSAGE_COUNTED:
		*out_reason = error_name((int)message->counted.code);
		return message->counted.code ? "counted" : NULL;
	default:
		return NULL;
	}
}

/* ---- who had the task ---- */

struct handling {
	struct buffer buffer;
	json_t *assigned;
	char task_type[TASK_TYPE_BYTES];
};

static int take(void *context, const struct trail_entry *entry)
{
	struct handling *handling = context;
	struct message message;
	int rc;

	if (entry->type == MESSAGE_TASK_ASSIGNMENT && entry->direction == TRAIL_OUT) {
		size_t bytes = strcspn(entry->peer, "/");
		json_array_append_new(handling->assigned,
				      need(json_pack("[I, s#]", (json_int_t)entry->seq, entry->peer, (int)bytes)));
	}
	if (entry->type != MESSAGE_TASK_REQUEST || entry->verdict || entry->seq != entry->task_number)
		return 0;
	rc = record_message(entry, &handling->buffer, &message);
	if (!rc)
		snprintf(handling->task_type, sizeof(handling->task_type), "%.*s", (int)message.task_request.task_type.bytes,
			 message.task_request.task_type.at);
	return rc;
}

int handled_read(struct trail *trail, const char *task_id, json_t **out_task)
{
	struct trail_query query = {0};
	struct handling handling = {.assigned = need(json_array())};
	int rc = id_parse(task_id, strlen(task_id), &query.task_id);

	if (!rc)
		rc = trail_read(trail, &query, take, &handling);
	buffer_release(&handling.buffer);
	if (rc) {
		json_decref(handling.assigned);
		return rc;
	}
	*out_task = need(json_pack("{s:o, s:o}", "task_type", *handling.task_type ? json_string(handling.task_type) : json_null(),
				   "assigned", handling.assigned));
	return 0;
}

/* "beta" of beta/1, into static memory that the next call uses again; NULL for what is no clone's name. */
static const char *role_of_clone(const char *peer)
{
	static char role[ROLE_BYTES];
	size_t bytes = peer ? strcspn(peer, "/") : 0;

	if (!bytes || !peer[bytes] || bytes >= sizeof(role))
		return NULL;
	snprintf(role, sizeof(role), "%.*s", (int)bytes, peer);
	return strcmp(role, "client") && strcmp(role, "operator") && strcmp(role, "auditor") ? role : NULL;
}

const char *handled_role(const json_t *task, const json_t *row)
{
	json_int_t seq = json_integer_value(json_object_get(row, "seq"));
	const char *role = role_of_clone(json_string_value(json_object_get(row, "peer")));
	const json_t *item;
	size_t i;

	if (role)
		return role;
	json_array_foreach (json_object_get(task, "assigned"), i, item) {
		if (json_integer_value(json_array_get(item, 0)) < seq)
			role = json_string_value(json_array_get(item, 1));
	}
	return role;
}
