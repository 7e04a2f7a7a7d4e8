/* SPDX-License-Identifier: MIT
 *
 * Gathers what belongs to the story of one task: its records, the tables it was routed by, who asked, its children, what was erased, and the
 * checkpoint that seals it.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/receipt.h"
#include "cli/tables.h"
#include "cli/tale.h"
#include "cli/text.h"
#include "protocol/id.h"

static json_t *moment_json(uint64_t unix_ms)
{
	char at[TIME_TEXT_BYTES];

	time_print_utc(unix_ms, at);
	return json_string(at);
}

/* ---- tables ---- */

static int keep_route(void *context, const struct loaded *loaded)
{
	struct tale *tale = context;
	struct tale_route *kept;
	int index;

	if (loaded->verdict || !loaded->table || loaded->seq > tale->last_seq)
		return 0;
	tale->routes = need(realloc(tale->routes, (tale->route_count + 1) * sizeof(*tale->routes)));
	kept = &tale->routes[tale->route_count++];
	*kept = (struct tale_route){.version = loaded->version, .seq = loaded->seq};
	memcpy(kept->who, loaded->who, sizeof(kept->who));
	index = table_find(loaded->table, tale->story.task_type, strlen(tale->story.task_type));
	if (index >= 0)
		kept->route = loaded->table->route[index];
	return 0;
}

/* Those that an attempt was assigned by. */
static json_t *routes_json(const struct tale *tale)
{
	json_t *routes = json_array();

	for (size_t i = 0; i < tale->route_count; i++) {
		const struct tale_route *kept = &tale->routes[i];
		json_t *attempt;
		size_t j;
		bool used = false;
		json_array_foreach (tale->attempts, j, attempt)
			used |= json_integer_value(json_object_get(attempt, "route_version")) == kept->version;
		if (used)
			json_array_append_new(
				routes, need(json_pack("{s:i, s:I, s:s, s:o}", "version", (int)kept->version, "seq",
						       (json_int_t)kept->seq, "who", kept->who, "route",
						       kept->route.destination_count ? route_json(&kept->route) : json_null())));
	}
	return routes;
}

/* ---- who asked ---- */

struct hello_search {
	struct buffer buffer;
	json_t *json;
};

static int keep_hello(void *context, const struct trail_entry *entry)
{
	struct hello_search *search = context;
	struct message message;
	int rc = record_message(entry, &search->buffer, &message);

	if (!rc && !entry->verdict)
		search->json = json_pack(
			"{s:I, s:o, s:o}", "seq", (json_int_t)entry->seq, "role",
			json_stringn_nocheck(message.hello.role.bytes ? message.hello.role.at : "", message.hello.role.bytes),
			"software",
			json_stringn_nocheck(message.hello.software.bytes ? message.hello.software.at : "",
					     message.hello.software.bytes));
	return rc;
}

static int read_asker(struct trail *trail, const struct tale *tale, json_t **out_json)
{
	struct trail_query query = {.through_seq = tale->story.request_seq,
				    .type = MESSAGE_HELLO,
				    .limit = 1,
				    .newest_first = true,
				    .with_payload = true};
	struct hello_search search = {0};
	int rc;

	memcpy(query.peer, tale->story.client, sizeof(query.peer));
	rc = trail_read(trail, &query, keep_hello, &search);
	buffer_release(&search.buffer);
	*out_json = need(json_pack("{s:s, s:o}", "peer", tale->story.client, "joined", search.json ? search.json : json_null()));
	return rc;
}

/* ---- children ---- */

struct family {
	struct id parent;
	struct buffer buffer;
	struct id *child;
	size_t count;
};

static int keep_child(void *context, const struct trail_entry *entry)
{
	struct family *family = context;
	struct message message;
	int rc = record_message(entry, &family->buffer, &message);

	if (rc || entry->seq != entry->task_number || !id_equal(&message.task_request.parent, &family->parent))
		return rc;
	family->child = need(realloc(family->child, (family->count + 1) * sizeof(*family->child)));
	family->child[family->count++] = entry->task_id;
	return 0;
}

static int read_children(struct trail *trail, const struct tale *tale, json_t **out_children)
{
	struct trail_query query = {
		.after_seq = tale->story.request_seq, .through_seq = tale->last_seq, .any_type = {MESSAGE_TASK_REQUEST}};
	struct family family = {.parent = tale->story.id};
	json_t *children = need(json_array());
	int rc;

	query.with_payload = true;
	rc = trail_read(trail, &query, keep_child, &family);
	for (size_t i = 0; !rc && i < family.count; i++) {
		struct story story;
		rc = story_read(trail, &family.child[i], &story);
		if (!rc)
			json_array_append_new(children, story_json(&story));
	}
	buffer_release(&family.buffer);
	free(family.child);
	*out_children = children;
	return rc;
}

/* ---- what was erased ---- */

struct erasing {
	const struct tale *tale;
	struct buffer buffer;
};

/* Names the first tombstone that covers each text. */
static int name_tombstone(void *context, const struct trail_entry *entry)
{
	struct erasing *erasing = context;
	const struct erased *facts;
	struct message message;
	json_t *text;
	size_t i;
	int rc = record_message(entry, &erasing->buffer, &message);

	if (rc)
		return rc;
	facts = &message.erased;
	json_array_foreach (erasing->tale->texts, i, text) {
		uint64_t seq = (uint64_t)json_integer_value(json_object_get(text, "seq"));
		if (json_object_get(text, "by") != NULL || seq > facts->through_seq || seq >= entry->seq ||
		    (facts->task_number && facts->task_number != erasing->tale->story.request_seq))
			continue;
		json_object_set_new(text, "by", json_integer((json_int_t)entry->seq));
		json_object_set_new(text, "at", moment_json(entry->wall_ms));
		json_object_set_new(text, "who", json_stringn_nocheck(facts->who.bytes ? facts->who.at : "", facts->who.bytes));
	}
	return 0;
}

static int read_tombstones(struct trail *trail, const struct tale *tale)
{
	struct trail_query query = {.after_seq = tale->story.request_seq, .any_type = {MESSAGE_ERASED}, .with_payload = true};
	struct erasing erasing = {.tale = tale};
	int rc = json_array_size(tale->texts) ? trail_read(trail, &query, name_tombstone, &erasing) : 0;

	buffer_release(&erasing.buffer);
	return rc;
}

/* ---- the seal ---- */

static int read_seal(struct trail *trail, uint64_t seq, json_t **out_sealed)
{
	struct trail_checkpoint checkpoint;
	struct note note;
	char why[256];
	int rc = trail_checkpoint_covering(trail, seq, &checkpoint);

	if (rc == ERR_NOT_FOUND) {
		*out_sealed = json_null();
		return 0;
	}
	if (!rc)
		rc = note_read(checkpoint.note, strlen(checkpoint.note), &note, why);
	if (!rc)
		*out_sealed =
			need(json_pack("{s:I, s:I, s:o, s:s}", "checkpoint", (json_int_t)checkpoint.number, "size",
				       (json_int_t)checkpoint.size, "at", moment_json(note.time_ms), "origin", note.origin));
	return rc;
}

/* ---- all of it ---- */

struct telling {
	struct tale *tale;
	struct buffer buffer;
	bool first_pass; /* only the story and where it ends */
};

static int take(void *context, const struct trail_entry *entry)
{
	struct telling *telling = context;
	struct tale *tale = telling->tale;
	struct message message;
	int rc = record_message(entry, &telling->buffer, &message);

	if (rc)
		return rc;
	if (telling->first_pass) {
		story_take(&tale->story, entry, &message);
		tale->last_seq = entry->seq;
		return 0;
	}
	if (entry->payload_seq == entry->seq && !entry->payload.bytes)
		json_array_append_new(tale->texts, need(json_pack("{s:I, s:s}", "seq", (json_int_t)entry->seq, "type",
								  message_name(message.type))));
	tale_tell(tale, entry, &message);
	tale_prove(tale, entry, &message);
	return 0;
}

/* Twice over the same records: the first time says which type the task is of, and so which routes matter. */
static int tell_records(struct trail *trail, struct tale *tale, const struct id *task_id)
{
	struct trail_query query = {.task_id = *task_id, .with_payload = true};
	struct telling telling = {.tale = tale, .first_pass = true};
	int rc = trail_read(trail, &query, take, &telling);

	if (!rc && tale->story.request_seq == 0)
		rc = ERR_NOT_FOUND;
	if (!rc)
		rc = tables_read(trail, keep_route, tale);
	query.through_seq = tale->last_seq;
	telling.first_pass = false;
	if (!rc)
		rc = trail_read(trail, &query, take, &telling);
	buffer_release(&telling.buffer);
	return rc;
}

static json_t *id_or_null(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	if (id_is_nil(id))
		return json_null();
	id_print(id, text);
	return json_string(text);
}

int tale_read(struct trail *trail, const struct id *task_id, json_t **out_tale)
{
	struct tale tale = {.events = need(json_array()), .attempts = need(json_array()), .evidence = need(json_array())};
	json_t *asker = NULL, *children = NULL, *sealed = NULL;
	int rc;

	tale.interventions = need(json_array());
	tale.texts = need(json_array());
	rc = tell_records(trail, &tale, task_id);
	if (!rc)
		rc = read_asker(trail, &tale, &asker);
	if (!rc)
		rc = read_children(trail, &tale, &children);
	if (!rc)
		rc = read_tombstones(trail, &tale);
	if (!rc)
		rc = read_seal(trail, tale.last_seq, &sealed);
	if (!rc)
		*out_tale = need(json_pack(
			"{s:o, s:O, s:o, s:o, s:O, s:O, s:O, s:o, s:O, s:O, s:O, s:O, s:I, s:I}", "task", story_json(&tale.story),
			"asked_by", asker, "parameters", tale.parameters ? json_incref(tale.parameters) : json_null(), "routes",
			routes_json(&tale), "attempts", tale.attempts, "events", tale.events, "evidence", tale.evidence, "parent",
			id_or_null(&tale.parent), "children", children, "interventions", tale.interventions, "texts", tale.texts,
			"sealed", sealed, "last_seq", (json_int_t)tale.last_seq, "repeated", (json_int_t)tale.repeated));
	json_decref(tale.parameters);
	json_decref(asker);
	json_decref(children);
	json_decref(sealed);
	json_decref(tale.events);
	json_decref(tale.attempts);
	json_decref(tale.evidence);
	json_decref(tale.interventions);
	json_decref(tale.texts);
	free(tale.routes);
	return rc;
}
