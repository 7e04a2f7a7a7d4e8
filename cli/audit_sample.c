/* SPDX-License-Identifier: MIT
 *
 * bunshin audit sample
 *
 * Every task (or record) has a ticket: SHA-256 of the text "SEED:SEQ", where SEQ is the sequence of the request (or record) in decimal. The N
 * least tickets are drawn. So whoever has the trail and a tool for SHA-256 can repeat the draw, and nobody who does not know the seed can tell which
 * tasks will be looked at.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"

#define SAMPLE_MAX 100000u
#define SEED_BYTES 128u

static const struct column task_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},        {"TASK", "task_id", COLUMN_TEXT, false},
	{"TYPE", "task_type", COLUMN_TEXT, false},   {"STATE", "state", COLUMN_STATE, false},
	{"FROM", "client", COLUMN_TEXT, false},      {"CLONE", "clone", COLUMN_TEXT, false},
	{"TRIES", "attempts", COLUMN_NUMBER, false}, {"ACCEPTED", "accepted_at", COLUMN_TIME, false},
	{"ERROR", "error", COLUMN_TEXT, true},       {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column record_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"TIME", "at", COLUMN_TIME, false},      {"", "direction", COLUMN_TEXT, false},
	{"PEER", "peer", COLUMN_TEXT, false}, {"MESSAGE", "type", COLUMN_TEXT, false}, {"TASK", "task_id", COLUMN_ID, false},
	{"NOTE", "note", COLUMN_TEXT, true},  {NULL, NULL, COLUMN_TEXT, false},
};

struct ticket {
	uint8_t hash[crypto_hash_sha256_BYTES];
	uint64_t seq;
	struct id task_id;
};

/* The least tickets so far: a heap whose root is the largest of them. */
struct draw {
	struct trail_query query;
	const char *seed;
	const char *type; /* of tasks; NULL: any */
	bool records;
	struct buffer buffer;
	struct ticket *heap;
	size_t size;
	size_t capacity;
	uint64_t population;
};

/* ---- tickets ---- */

static bool greater(const struct ticket *a, const struct ticket *b)
{
	int order = memcmp(a->hash, b->hash, sizeof(a->hash));

	return order ? order > 0 : a->seq > b->seq;
}

static void sink(struct draw *draw)
{
	size_t at = 0;

	for (;;) {
		size_t largest = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < draw->size; child++) {
			if (greater(&draw->heap[child], &draw->heap[largest]))
				largest = child;
		}
		if (largest == at)
			return;
		struct ticket swapped = draw->heap[at];
		draw->heap[at] = draw->heap[largest];
		draw->heap[largest] = swapped;
		at = largest;
	}
}

static void rise(struct draw *draw, size_t at)
{
	while (at && greater(&draw->heap[at], &draw->heap[(at - 1) / 2])) {
		struct ticket swapped = draw->heap[at];
		draw->heap[at] = draw->heap[(at - 1) / 2];
		draw->heap[(at - 1) / 2] = swapped;
		at = (at - 1) / 2;
	}
}

static void offer(struct draw *draw, uint64_t seq, const struct id *task_id)
{
	struct ticket ticket = {.seq = seq, .task_id = *task_id};
	char text[SEED_BYTES + 24];
	int bytes = snprintf(text, sizeof(text), "%s:%llu", draw->seed, (unsigned long long)seq);

	crypto_hash_sha256(ticket.hash, (const uint8_t *)text, (size_t)bytes);
	draw->population++;
	if (draw->size < draw->capacity) {
		draw->heap[draw->size] = ticket;
		rise(draw, draw->size++);
	} else if (greater(&draw->heap[0], &ticket)) {
		draw->heap[0] = ticket;
		sink(draw);
	}
}

/* ---- reading ---- */

static bool type_fits(const struct draw *draw, const struct message *message)
{
	const struct text *type = &message->task_request.task_type;

	return !draw->type || (type->bytes == strlen(draw->type) && memcmp(type->at, draw->type, type->bytes) == 0);
}

static int take(void *context, const struct trail_entry *entry)
{
	struct draw *draw = context;
	struct message message;
	int rc = 0;

	if (draw->records) {
		offer(draw, entry->seq, &entry->task_id);
		return 0;
	}
	if (entry->verdict || entry->seq != entry->task_number) /* refused, or the same request once more */
		return 0;
	if (draw->type)
		rc = record_message(entry, &draw->buffer, &message);
	if (!rc && (!draw->type || type_fits(draw, &message)))
		offer(draw, entry->seq, &entry->task_id);
	return rc;
}

static int by_seq(const void *a, const void *b)
{
	const struct ticket *x = a, *y = b;

	return x->seq > y->seq ? 1 : x->seq < y->seq ? -1 : 0;
}

static json_t *ticket_text(const struct ticket *ticket)
{
	char hex[2 * crypto_hash_sha256_BYTES + 1];

	hex_print(ticket->hash, sizeof(ticket->hash), hex);
	return json_string(hex);
}

static int row_of(struct trail *trail, const struct draw *draw, const struct ticket *ticket, json_t **out_row)
{
	struct story story;
	int rc;

	if (draw->records) {
		rc = record_fetch(trail, ticket->seq, out_row);
		if (!rc)
			json_object_del(*out_row, "message");
	} else {
		rc = story_read(trail, &ticket->task_id, &story);
		if (!rc)
			*out_row = story_json(&story);
	}
	if (!rc) {
		json_object_set_new(*out_row, "seq", json_integer((json_int_t)ticket->seq));
		json_object_set_new(*out_row, "ticket", ticket_text(ticket));
	}
	return rc;
}

static int collect(struct trail *trail, struct draw *draw, json_t *rows)
{
	int rc = trail_read(trail, &draw->query, take, draw);

	qsort(draw->heap, draw->size, sizeof(*draw->heap), by_seq);
	for (size_t i = 0; !rc && i < draw->size; i++) {
		json_t *row = NULL;
		rc = row_of(trail, draw, &draw->heap[i], &row);
		if (!rc)
			json_array_append_new(rows, row);
	}
	return rc;
}

/* ---- printing ---- */

/* The command that draws the same again, whatever is appended to the trail by then. */
static json_t *again(const struct call *call, const struct draw *draw)
{
	char since[TIME_TEXT_BYTES + 16] = "", until[TIME_TEXT_BYTES + 16] = "", at[TIME_TEXT_BYTES];
	const char *type = option(call, "type");

	if (draw->query.since_ms) {
		time_print_utc(draw->query.since_ms, at);
		snprintf(since, sizeof(since), " --since %s", at);
	}
	if (draw->query.until_ms) {
		time_print_utc(draw->query.until_ms, at);
		snprintf(until, sizeof(until), " --until %s", at);
	}
	return need(json_sprintf("bunshin audit sample %s --seed %s%s%s%s%s%s --through %llu", call->operand[0], draw->seed,
				 draw->records ? " --records" : "", type ? " --type " : "", type ? type : "", since, until,
				 (unsigned long long)draw->query.through_seq));
}

static int print(struct call *call, const struct draw *draw, json_t *rows)
{
	const char *what = draw->records ? "records" : "tasks";
	json_t *repeat = again(call, draw);

	if (call->json)
		return print_json(json_pack("{s:I, s:I, s:s, s:s, s:I, s:o, s:o}", "drawn", (json_int_t)draw->size, "population",
					    (json_int_t)draw->population, "seed", draw->seed, "method",
					    "the least SHA-256 of \"SEED:SEQ\", SEQ in decimal", "through_seq",
					    (json_int_t)draw->query.through_seq, "again", repeat, what, rows));
	call_note(call, "%zu of %llu %s; to draw the same again: %s", draw->size, (unsigned long long)draw->population, what,
		  json_string_value(repeat));
	json_decref(repeat);
	return listing_print(call, what, rows, draw->records ? record_columns : task_columns, "there is nothing to draw from");
}

/* ---- what was asked for ---- */

/* Letters and the like only, so that the seed means the same in every shell and in the text that is hashed. */
static int take_seed(struct call *call, struct draw *draw)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	draw->seed = option(call, "seed");
	if (!draw->seed)
		return call_fail(call, ERR_USAGE, "bunshin help audit sample",
				 "--seed is missing: any word, best one that others chose");
	if (!*draw->seed || strlen(draw->seed) > SEED_BYTES || strspn(draw->seed, allowed) != strlen(draw->seed))
		return call_fail(
			call, ERR_USAGE, NULL,
			"--seed: \"%s\" is not accepted; up to %u letters, digits, dots, hyphens and underscores would be",
			draw->seed, SEED_BYTES);
	return 0;
}

static int take_count(struct call *call, struct draw *draw)
{
	const char *text = call->operand[0];
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || count < 1 || count > SAMPLE_MAX)
		return call_fail(call, ERR_USAGE, NULL, "\"%s\" is not accepted; a number from 1 to %u would be", text,
				 SAMPLE_MAX);
	draw->capacity = count;
	return 0;
}

static int take_question(struct call *call, struct trail *trail, struct draw *draw)
{
	const char *type = option(call, "type");
	uint32_t through = 0;
	int rc = option_number(call, "through", 1, UINT32_MAX, &through);

	if (rc)
		return rc;
	draw->records = option_set(call, "records");
	draw->query.through_seq = through ? through : trail_last_seq(trail);
	if (through > trail_last_seq(trail))
		return call_fail(call, ERR_USAGE, NULL, "--through: the trail ends at record %llu",
				 (unsigned long long)trail_last_seq(trail));
	draw->query.any_type[0] = draw->records ? 0 : MESSAGE_TASK_REQUEST;
	draw->type = draw->records ? NULL : type;
	if (draw->records && type)
		draw->query.any_type[0] = message_find(type);
	if (draw->records && type && !draw->query.any_type[0])
		return call_fail(call, ERR_USAGE, "docs/protocol.md lists the messages",
				 "--type: there is no message \"%s\"; TaskRequest is one", type);
	return 0;
}

static int run(struct call *call)
{
	struct draw draw = {0};
	struct trail *trail = NULL;
	json_t *rows;
	int rc = take_count(call, &draw);

	if (!rc)
		rc = take_seed(call, &draw);
	if (!rc)
		rc = period_take(call, &draw.query);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rc = take_question(call, trail, &draw);
	if (!rc) {
		rows = need(json_array());
		draw.heap = need(calloc(draw.capacity, sizeof(*draw.heap)));
		rc = collect(trail, &draw, rows);
		if (rc)
			json_decref(rows);
		rc = rc ? session_unreadable(call, rc, trail) : print(call, &draw, rows);
	}
	free(draw.heap);
	buffer_release(&draw.buffer);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"seed", "WORD", "what the draw depends on; the same word draws the same"},
	{"records", NULL, "draw records instead of tasks"},
	{"type", "TYPE", "only tasks of this type, or with --records this message"},
	PERIOD_OPTIONS,
	{"through", "SEQ", "only what was recorded up to this record; the end of the trail if not given"},
	{NULL, NULL, NULL},
};

const struct command command_audit_sample = {
	.name = "audit sample",
	.operands = "N",
	.sentence = "Draws N tasks or records at random, in a way that everybody can repeat",
	.example = "$ bunshin audit sample 20 --seed lottery-2026-02-03 --since 2026-01-01 --until 2026-02-01",
	.notes = "Each task has a ticket, the SHA-256 of the text SEED:SEQ, in which SEQ is the record of its request (with "
		 "--records:\n"
		 "the record itself); the N least tickets are drawn. `printf '%s' SEED:17 | sha256sum` makes the same ticket on "
		 "any\n"
		 "machine. Take a seed that nobody could know while the tasks were done. What is said on stderr repeats the draw "
		 "when\n"
		 "the trail has grown. Works without a running network.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
