/* SPDX-License-Identifier: MIT
 *
 * Exports: JSON lines, by themselves or inside the page for people. A whole one is inspected like a trail; in a part, each record is proved
 * by itself against one checkpoint.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verifier/inner.h"

#define FORMAT     "bunshin-export/1"
#define PAGE_BEGIN "<script type=\"application/x-ndjson\" id=\"export\">"
#define PAGE_END   "</script>"

/* A payload that is not in the export. */
struct absent {
	uint64_t seq;
	uint64_t task_number;
	uint8_t task_id[ID_BYTES];
	bool has_id;
};

struct owned {
	uint64_t seq;
	uint8_t commitment[SUM_BYTES];
};

struct list {
	void *at;
	size_t count, capacity;
};

struct exported {
	const struct verify_options *options;
	struct verdict *verdict;
	struct span rest; /* lines behind the one in hand */
	struct span line;
	uint64_t line_number;
	uint64_t first, last, records, checkpoints;
	bool whole, payloads;
	struct list notes; /* struct span: the lines of checkpoints, which stand behind the records */
	uint64_t notes_next;
	uint8_t *room; /* decoded bytes of the line in hand, and of a note */
	size_t room_bytes;
	uint8_t note_room[SIGNED_BYTES_MAX];
	struct list owned, absent;
	struct erasures erasures;
	struct inspection *inspection;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct exported *export, const char *format, ...)
{
	struct finding *finding = &export->verdict->finding;
	uint64_t seq = export->inspection ? export->inspection->seq + 1 : export->verdict->last_seq + 1;
	va_list arguments;
	int bytes;
	int rc = export->inspection ? inspection_flush(export->inspection) : INSPECT_FINE;

	if (rc)
		return rc;
	*finding = (struct finding){.first = export->line_number > 1 ? seq : 0, .last = export->line_number > 1 ? seq : 0};
	export->verdict->found = true;
	va_start(arguments, format);
	bytes = snprintf(finding->sentence, sizeof(finding->sentence), "line %" PRIu64 " of the export: ", export->line_number);
	vsnprintf(finding->sentence + bytes, sizeof(finding->sentence) - (size_t)bytes, format, arguments);
	va_end(arguments);
	return INSPECT_WRONG;
}

static int no_memory(struct exported *export)
{
	verdict_unreadable(export->verdict, "out of memory for an export of this size");
	return INSPECT_UNREADABLE;
}

/* Room for one more of `bytes` each; NULL without memory. */
static void *list_add(struct list *list, size_t bytes)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 256;
		void *at = realloc(list->at, capacity * bytes);

		if (!at)
			return NULL;
		list->at = at;
		list->capacity = capacity;
	}
	return (uint8_t *)list->at + list->count++ * bytes;
}

static bool next_line(struct exported *export)
{
	if (!span_line(&export->rest, &export->line))
		return false;
	export->line_number++;
	return true;
}

static int read_line(struct exported *export, struct object *out_object)
{
	char why[160];

	return object_read(export->line, out_object, why) ? INSPECT_FINE : wrong(export, "%s", why);
}

/* ---- the header, and where the checkpoints stand ---- */

/* A member that nobody knows could mean anything. */
static bool header_known(const struct object *object)
{
	static const char *const names[] = {"checkpoints", "first", "format", "keys", "last", "payloads", "records", "whole"};

	for (size_t i = 0; i < object->count; i++) {
		size_t j = 0;

		while (j < sizeof(names) / sizeof(names[0]) && !span_is(object->member[i].name, names[j]))
			j++;
		if (j == sizeof(names) / sizeof(names[0]))
			return false;
	}
	return true;
}

static int header_read(struct exported *export)
{
	struct object object;
	struct value format, member;
	bool fine;
	int rc;

	if (!next_line(export))
		return wrong(export, "there is none");
	rc = read_line(export, &object);
	if (rc)
		return rc;
	format = object_get(&object, "format");
	if (format.kind != VALUE_TEXT || !span_is(format.raw, FORMAT))
		return wrong(export, "it does not begin an export of the format " FORMAT);
	if (!header_known(&object))
		return wrong(export, "the header has a member that this format does not have");
	member = object_get(&object, "first");
	fine = value_number(&member, &export->first);
	member = object_get(&object, "last");
	fine = fine && value_number(&member, &export->last);
	member = object_get(&object, "records");
	fine = fine && value_number(&member, &export->records);
	member = object_get(&object, "checkpoints");
	fine = fine && value_number(&member, &export->checkpoints);
	member = object_get(&object, "whole");
	export->whole = member.kind == VALUE_TRUE;
	fine = fine && (export->whole || member.kind == VALUE_FALSE);
	member = object_get(&object, "payloads");
	export->payloads = member.kind != VALUE_FALSE;
	if (!fine)
		return wrong(
			export,
			"it lacks one of first, last, records, checkpoints, whole, or says something else there than a number");
	if (export->whole && export->records && (export->first != 1 || export->last != export->records))
		return wrong(export,
			     "it says that the export is whole, and that it has records %" PRIu64 " to %" PRIu64 ", %" PRIu64
			     " in number",
			     export->first, export->last, export->records);
	return INSPECT_FINE;
}

static int end_read(struct exported *export)
{
	struct object object;
	struct value end, lines;
	uint64_t count;
	int rc;

	if (!next_line(export))
		return wrong(export, "the export ends without its last line: it was cut off");
	rc = read_line(export, &object);
	if (rc)
		return rc;
	end = object_get(&object, "end");
	lines = object_get(&object, "lines");
	if (end.kind != VALUE_TRUE || !value_number(&lines, &count) || object.count != 2)
		return wrong(export, "the last line, {\"end\":true,\"lines\":…}, should stand here");
	if (count != export->line_number - 1)
		return wrong(export, "it says that %" PRIu64 " lines stand before it, and there are %" PRIu64, count,
			     export->line_number - 1);
	while (next_line(export))
		if (export->line.bytes)
			return wrong(export, "there is more behind the last line");
	return INSPECT_FINE;
}

/* Goes through all lines once, keeps the checkpoints, and comes back to the first record. */
static int survey(struct exported *export)
{
	struct span records = export->rest;
	int rc = INSPECT_FINE;

	for (uint64_t i = 0; !rc && i < export->records; i++)
		if (!next_line(export))
			rc = wrong(export, "the export ends, and %" PRIu64 " records were announced", export->records);
	for (uint64_t i = 0; !rc && i < export->checkpoints; i++) {
		struct span *note;

		if (!next_line(export))
			return wrong(export, "the export ends, and %" PRIu64 " checkpoints were announced", export->checkpoints);
		note = list_add(&export->notes, sizeof(*note));
		if (!note)
			return no_memory(export);
		*note = export->line;
	}
	if (!rc)
		rc = end_read(export);
	export->rest = records;
	export->line_number = 1;
	return rc;
}

/* The note in a checkpoint line, and the number beside it. */
static bool note_of(struct exported *export, uint64_t which, uint64_t *out_number, struct span *out_note)
{
	const struct span *line = (const struct span *)export->notes.at + which;
	struct object object;
	struct value note, number;
	char why[160];

	if (!object_read(*line, &object, why) || object.count != 2)
		return false;
	note = object_get(&object, "checkpoint");
	number = object_get(&object, "number");
	if (note.kind != VALUE_TEXT || note.raw.bytes > 2 * SIGNED_BYTES_MAX || !value_number(&number, out_number))
		return false;
	if (note.raw.bytes > sizeof(export->note_room) && !note.plain) {
		uint8_t large[2 * SIGNED_BYTES_MAX];
		size_t bytes = value_text(&note, large);

		if (bytes > sizeof(export->note_room))
			return false;
		memcpy(export->note_room, large, bytes);
		*out_note = (struct span){export->note_room, bytes};
		return true;
	}
	if (note.raw.bytes > sizeof(export->note_room))
		return false;
	*out_note = (struct span){export->note_room, value_text(&note, export->note_room)};
	return true;
}

/* ---- records ---- */

static bool take_hex(const struct value *value, size_t bytes, bool may_be_null, uint8_t **room, struct span *out)
{
	*out = (struct span){0};
	if (value->kind == VALUE_NULL)
		return may_be_null;
	if (value->kind != VALUE_TEXT || !value->plain || !span_hex(value->raw, *room, bytes))
		return false;
	*out = (struct span){*room, bytes};
	*room += bytes;
	return true;
}

static bool take_base64(const struct value *value, uint8_t **room, struct span *out)
{
	if (value->kind != VALUE_TEXT || !value->plain || !span_base64(value->raw, *room, value->raw.bytes, &out->bytes))
		return false;
	out->at = *room;
	*room += out->bytes;
	return true;
}

static bool take_text(const struct value *value, uint8_t **room, struct span *out)
{
	if (value->kind != VALUE_TEXT)
		return false;
	*out = (struct span){*room, value_text(value, *room)};
	*room += out->bytes;
	return true;
}

/* sender_seq is a text, since it may be larger than what every reader of JSON numbers holds. */
static bool take_count(const struct value *value, uint64_t *out)
{
	return value->kind == VALUE_TEXT ? value->plain && span_number(value->raw, out) : value_number(value, out);
}

/* NULL, or the name of the member that is missing or is not what it must be. */
static const char *members_read(const struct object *object, uint8_t **room, struct row *out_row)
{
	struct value value = object_get(object, "seq");

	if (!value_number(&value, &out_row->seq) || !out_row->seq)
		return "seq";
#define READ(name, call)                                                                                                         \
	value = object_get(object, #name);                                                                                       \
	if (!(call))                                                                                                             \
		return #name;
#define READ_NUMBER(name) READ(name, take_count(&value, &out_row->name))
#define READ_ID(name)     READ(name, take_hex(&value, ID_BYTES, true, room, &out_row->name))
#define READ_TEXT(name)   READ(name, take_text(&value, room, &out_row->name))
#define READ_BYTES(name)  READ(name, take_base64(&value, room, &out_row->name))
#define READ_HASH(name)   READ(name, take_hex(&value, SUM_BYTES, true, room, &out_row->name))
	ROW_COLUMNS(READ_NUMBER, READ_ID, READ_TEXT, READ_BYTES, READ_HASH)
	READ(chain, take_hex(&value, SUM_BYTES, false, room, &out_row->chain))
	return NULL;
}

static bool payload_read(const struct object *object, uint8_t **room, struct payload *out_payload)
{
	struct value member = object_get(object, "payload"), salt, body;
	struct object payload;
	char why[160];

	*out_payload = (struct payload){.there = true};
	if (member.kind == VALUE_NULL)
		return true;
	if (member.kind != VALUE_OBJECT || !object_read(member.raw, &payload, why) || payload.count != 2)
		return false;
	salt = object_get(&payload, "salt");
	body = object_get(&payload, "body");
	out_payload->salted = out_payload->opened = true;
	return take_base64(&salt, room, &out_payload->salt) && take_base64(&body, room, &out_payload->body);
}

/* What a record line may have, besides the columns. */
static bool members_known(const struct object *object, bool whole)
{
	static const char *const columns[] = {
#define COLUMN_NAME(name) #name,
		ROW_COLUMNS(COLUMN_NAME, COLUMN_NAME, COLUMN_NAME, COLUMN_NAME, COLUMN_NAME) "seq",
		"chain",
		"message",
		"payload",
		"previous",
		"proof"};
	size_t known = sizeof(columns) / sizeof(columns[0]) - (whole ? 2 : 0);

	for (size_t i = 0; i < object->count; i++) {
		size_t j = 0;

		while (j < known && !span_is(object->member[i].name, columns[j]))
			j++;
		if (j == known)
			return false;
	}
	return true;
}

/* The record of the next line. `*out_object` is for what only a part has. */
static int record_read(struct exported *export, struct object *out_object, struct row *out_row, struct payload *out_payload)
{
	uint8_t *room;
	const char *bad;
	int rc;

	next_line(export);
	if (export->line.bytes > export->room_bytes) {
		room = realloc(export->room, export->line.bytes * 2);
		if (!room)
			return no_memory(export);
		export->room = room;
		export->room_bytes = export->line.bytes * 2;
	}
	room = export->room;
	rc = read_line(export, out_object);
	if (rc)
		return rc;
	if (!members_known(out_object, export->whole))
		return wrong(export, "the record has a member that this format does not have");
	bad = members_read(out_object, &room, out_row);
	if (bad)
		return wrong(export, "the member \"%s\" of the record is missing, or not what it must be", bad);
	if (!payload_read(out_object, &room, out_payload))
		return wrong(export, "the payload of the record is neither null nor a body and a salt in base64");
	if (out_row->payload_seq != out_row->seq && out_payload->opened)
		return wrong(export, "the record has a payload that it does not own");
	if (!erasures_add(&export->erasures, out_row))
		return no_memory(export);
	return INSPECT_FINE;
}

/* ---- a whole export: what the inspection asks for ---- */

static int ask_checkpoint(void *context, int64_t after, struct checkpoint_row *out_row, bool *out_found)
{
	struct exported *export = context;
	struct signed_note note;
	char why[160];

	(void)after;
	*out_found = export->notes_next < export->notes.count;
	if (!*out_found)
		return INSPECT_FINE;
	*out_row = (struct checkpoint_row){0};
	if (note_of(export, export->notes_next++, &out_row->number, &out_row->note) && signed_read(out_row->note, &note, why))
		out_row->size = note.size;
	return INSPECT_FINE;
}

static int ask_commitment(void *context, uint64_t seq, uint8_t out_commitment[SUM_BYTES], bool *out_found)
{
	const struct exported *export = context;
	const struct owned *owned = export->owned.at;
	size_t low = 0, high = export->owned.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owned[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	*out_found = low < export->owned.count && owned[low].seq == seq;
	if (*out_found)
		memcpy(out_commitment, owned[low].commitment, SUM_BYTES);
	return INSPECT_FINE;
}

/* The record of the erasure comes later: judged at the end. */
static int ask_erased(void *context, const struct row *row, bool *out_erased)
{
	struct exported *export = context;
	struct absent *absent = list_add(&export->absent, sizeof(*absent));

	if (!absent)
		return no_memory(export);
	*absent = (struct absent){.seq = row->seq, .task_number = row->task_number, .has_id = row->task_id.bytes == ID_BYTES};
	if (absent->has_id)
		memcpy(absent->task_id, row->task_id.at, ID_BYTES);
	*out_erased = true;
	return INSPECT_FINE;
}

static int owned_add(struct exported *export, const struct row *row)
{
	struct owned *owned;

	if (row->payload_seq != row->seq || row->commitment.bytes != SUM_BYTES)
		return INSPECT_FINE;
	owned = list_add(&export->owned, sizeof(*owned));
	if (!owned)
		return no_memory(export);
	owned->seq = row->seq;
	memcpy(owned->commitment, row->commitment.at, SUM_BYTES);
	return INSPECT_FINE;
}

static int whole_record(struct exported *export)
{
	struct object object;
	struct row row;
	struct payload payload;
	int rc = record_read(export, &object, &row, &payload);

	if (rc)
		return rc;
	if (row.seq != export->inspection->seq + 1)
		return wrong(export, "record %" PRIu64 " is missing: what comes instead is %" PRIu64, export->inspection->seq + 1,
			     row.seq);
	rc = owned_add(export, &row);
	return rc ? rc : inspection_record(export->inspection, &row, &payload);
}

/* Of the payloads that are not here, those that were erased on record. */
static void absent_count(struct exported *export)
{
	const struct absent *absent = export->absent.at;
	struct verdict *verdict = export->verdict;

	verdict->erased = verdict->left_out = 0;
	for (size_t i = 0; i < export->absent.count; i++) {
		struct row row = {.seq = absent[i].seq, .task_number = absent[i].task_number};

		if (absent[i].has_id)
			row.task_id = (struct span){absent[i].task_id, ID_BYTES};
		if (erasures_cover(&export->erasures, &row))
			verdict->erased++;
		else
			verdict->left_out++;
	}
	if (verdict->left_out && export->payloads)
		verdict_note(verdict,
			     "%" PRIu64 " payloads are not in this export, and it does not say that it leaves payloads out; no "
			     "erasure in it covers them",
			     verdict->left_out);
}

static int whole_check(struct exported *export)
{
	const struct inspection_source source = {export, ask_checkpoint, NULL, ask_commitment, ask_erased};
	struct outside outside;
	int rc = INSPECT_FINE;

	if (!outside_read(export->options, &outside, export->verdict)) {
		outside_release(&outside);
		return INSPECT_WRONG;
	}
	export->inspection = inspection_new(&source, export->options->keys, true, outside.note, outside.count);
	if (!export->inspection)
		rc = no_memory(export);
	for (uint64_t i = 0; !rc && i < export->records; i++)
		rc = whole_record(export);
	if (!rc)
		rc = inspection_end(export->inspection);
	if (export->inspection)
		verdict_take(export->verdict, export->inspection, rc);
	export->verdict->outside = outside.count;
	if (!rc)
		absent_count(export);
	inspection_free(export->inspection);
	export->inspection = NULL;
	outside_release(&outside);
	return rc;
}

/* ---- a part: each record by itself ---- */

static int part_note(struct exported *export, struct signed_note *out_note)
{
	struct span text;
	uint64_t number;
	bool seal_known;
	char why[160] = "it cannot be read";

	if (export->checkpoints != 1)
		return wrong(export, "a part of a trail has one checkpoint, and this has %" PRIu64, export->checkpoints);
	export->line_number = export->records + 2;
	if (!note_of(export, 0, &number, &text) || !signed_read(text, out_note, why) ||
	    !note_signed(out_note, export->options->keys, &seal_known, why))
		return wrong(export, "the checkpoint: %s", why);
	if (out_note->next_number != number + 1)
		return wrong(export, "the checkpoint: its note is that of another number");
	export->line_number = 1;
	export->verdict->checkpoints = 1;
	export->verdict->sealed_size = out_note->size;
	export->verdict->sealed_ms = out_note->time_ms;
	memcpy(export->verdict->sealed_root, out_note->root, SUM_BYTES);
	return INSPECT_FINE;
}

static int part_leaf(struct exported *export, const struct object *object, const struct row *row)
{
	struct value member = object_get(object, "previous");
	uint8_t previous[SUM_BYTES], leaf[SUM_BYTES], *room = previous, *bytes;
	struct span span;

	if (!take_hex(&member, SUM_BYTES, false, &room, &span))
		return wrong(export, "the member \"previous\" is missing, or no hash");
	bytes = malloc(row_room(row));
	if (!bytes)
		return no_memory(export);
	sum_of(bytes, row_write(row, previous, bytes), leaf);
	free(bytes);
	return memcmp(leaf, row->chain.at, SUM_BYTES) == 0
		       ? INSPECT_FINE
		       : wrong(export, "its bytes do not give its chain value: it was changed");
}

static int part_payload(struct exported *export, const struct row *row, const struct payload *payload)
{
	uint8_t *bytes, commitment[SUM_BYTES];

	if (row->payload_seq != row->seq)
		return INSPECT_FINE;
	if (!payload->opened) {
		export->verdict->left_out++;
		return INSPECT_FINE;
	}
	if (payload->salt.bytes != SUM_BYTES || row->commitment.bytes != SUM_BYTES)
		return wrong(export, "the salt of its payload has not 32 bytes, or it has no commitment");
	bytes = malloc(SUM_BYTES + payload->body.bytes);
	if (!bytes)
		return no_memory(export);
	memcpy(bytes, payload->salt.at, SUM_BYTES);
	memcpy(bytes + SUM_BYTES, payload->body.at, payload->body.bytes);
	sum_of(bytes, SUM_BYTES + payload->body.bytes, commitment);
	free(bytes);
	if (memcmp(commitment, row->commitment.at, SUM_BYTES) != 0)
		return wrong(export, "its payload is not the one that was written");
	export->verdict->payloads++;
	return INSPECT_FINE;
}

static int part_record(struct exported *export, const struct signed_note *note)
{
	struct verdict *verdict = export->verdict;
	struct object object;
	struct row row;
	struct payload payload;
	struct value member;
	uint8_t proof[PROOF_HASHES_MAX][SUM_BYTES];
	size_t count;
	int rc = record_read(export, &object, &row, &payload);

	if (rc)
		return rc;
	if (row.seq <= verdict->last_seq)
		return wrong(export, "record %" PRIu64 " comes after record %" PRIu64, row.seq, verdict->last_seq);
	verdict->last_seq = row.seq - 1; /* what is wrong from here on is wrong with this one */
	rc = part_leaf(export, &object, &row);
	if (rc)
		return rc;
	member = object_get(&object, "proof");
	if (!proof_read(&member, proof, &count))
		return wrong(export, "the member \"proof\" is not an array of hashes in base64");
	if (!merkle_included(row.chain.at, row.seq - 1, note->size, (const uint8_t(*)[SUM_BYTES])proof, count, note->root))
		return wrong(export, "its proof does not lead to the root that was signed");
	rc = part_payload(export, &row, &payload);
	if (rc)
		return rc;
	if (!verdict->records++) {
		verdict->first_seq = row.seq;
		verdict->first_ms = row.wall_ms;
	}
	verdict->last_seq = row.seq;
	verdict->last_ms = row.wall_ms;
	return INSPECT_FINE;
}

static int part_check(struct exported *export)
{
	struct verdict *verdict = export->verdict;
	struct signed_note note;
	int rc = part_note(export, &note);

	for (uint64_t i = 0; !rc && i < export->records; i++)
		rc = part_record(export, &note);
	if (rc)
		return rc;
	if (export->records && (verdict->first_seq != export->first || verdict->last_seq != export->last)) {
		export->line_number = 1;
		return wrong(export, "it announces records %" PRIu64 " to %" PRIu64 ", and there are %" PRIu64 " to %" PRIu64,
			     export->first, export->last, verdict->first_seq, verdict->last_seq);
	}
	if (export->options->mirror_count)
		verdict_note(verdict, "mirrors are compared with whole trails and whole exports only");
	return INSPECT_FINE;
}

/* ---- all of it ---- */

/* The lines in a page; the text itself if it is none. */
static bool lines_of(struct span text, struct span *out_lines)
{
	const uint8_t *begin = memmem(text.at, text.bytes, PAGE_BEGIN, strlen(PAGE_BEGIN)), *end;

	if (!begin)
		return false;
	begin += strlen(PAGE_BEGIN);
	end = memmem(begin, text.bytes - (size_t)(begin - text.at), PAGE_END, strlen(PAGE_END));
	if (!end)
		return false;
	while (begin < end && (*begin == '\n' || *begin == '\r'))
		begin++;
	*out_lines = (struct span){begin, (size_t)(end - begin)};
	return true;
}

enum verdict_code export_verify(struct span text, const struct verify_options *options, struct verdict *verdict)
{
	struct exported export = {.options = options, .verdict = verdict, .rest = text};
	int rc = INSPECT_FINE;

	if (verdict->kind == KIND_PAGE && !lines_of(text, &export.rest))
		rc = wrong(&export, "the page holds no export, or not the end of it");
	if (!rc)
		rc = header_read(&export);
	if (!rc)
		rc = survey(&export);
	verdict->part = !export.whole;
	if (!rc)
		rc = export.whole ? whole_check(&export) : part_check(&export);
	free(export.room);
	free(export.notes.at);
	free(export.owned.at);
	free(export.absent.at);
	erasures_release(&export.erasures);
	if (rc == INSPECT_UNREADABLE)
		return verdict->code = VERDICT_UNREADABLE;
	if (rc == INSPECT_WRONG && verdict->code != VERDICT_UNREADABLE)
		verdict->code = VERDICT_WRONG;
	return verdict->code;
}
