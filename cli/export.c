/* SPDX-License-Identifier: MIT
 *
 * Which records are exported, and reading them.
 */
#include "cli/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/state.h"
#include "audit/erase.h"
#include "cli/story.h"
#include "protocol/json.h"

#define GAP_RECORDS 64u /* records that nobody chose are read over where there are no more of them in a row */

static int fail_trail(struct export *export, int error)
{
	snprintf(export->why, sizeof(export->why), "the trail cannot be read: %s", trail_why(export->trail));
	return error;
}

/* ---- what is chosen ---- */

static bool is_chosen(const struct export *export, uint64_t seq)
{
	if (seq == 0 || seq > export->checkpoint.size)
		return false;
	return !export->chosen || export->chosen[(seq - 1) / 8] & 1u << (seq - 1) % 8;
}

static void choose(struct export *export, uint64_t seq)
{
	if (is_chosen(export, seq))
		return;
	export->chosen[(seq - 1) / 8] |= (uint8_t)(1u << (seq - 1) % 8);
	export->records++;
	export->first = export->first && export->first < seq ? export->first : seq;
	export->last = export->last > seq ? export->last : seq;
}

static int note_seq(void *context, const struct trail_entry *entry)
{
	*(uint64_t *)context = entry->seq;
	return 0;
}

/* Is there a record of type Erased from `seq` on, up to `through`? Its seq, or 0. */
static int erased_between(struct export *export, uint64_t seq, uint64_t through, uint64_t *out_seq)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = through, .type = MESSAGE_ERASED, .limit = 1};
	int rc;

	*out_seq = 0;
	rc = trail_read(export->trail, &query, note_seq, out_seq);
	return rc ? fail_trail(export, rc) : 0;
}

static int not_sealed(struct export *export, uint64_t seq)
{
	snprintf(export->why, sizeof(export->why),
		 "payloads were erased by record %" PRIu64 ", which lies behind the checkpoint that this export ends with", seq);
	return ERR_STATE;
}

/* Why the payload of `entry` is gone: the record of an erasure, 0 if a receipt in a backup says so, whose record is not in this trail. ERR_NOT_FOUND:
 * nothing says why. */
static int find_erasure(struct export *export, const struct trail_entry *entry, uint64_t *out_seq)
{
	struct erased_claim claim;
	int rc = erase_covering(export->trail, entry, &claim);

	if (rc)
		return rc == ERR_NOT_FOUND ? rc : fail_trail(export, rc);
	*out_seq = claim.seq;
	if (claim.seq != export->erased_seq)
		rc = erased_between(export, claim.seq, claim.seq, out_seq);
	if (!rc && *out_seq > export->checkpoint.size)
		return not_sealed(export, *out_seq);
	export->erased_seq = *out_seq;
	return rc;
}

/* A part also holds what its records refer to: the owner of a payload that is forwarded, and the record that says why a payload is gone. */
static int take_entry(void *context, const struct trail_entry *entry)
{
	struct export *export = context;
	uint64_t erased_by = 0;
	int rc = 0;

	choose(export, entry->seq);
	if (!export->payloads || !entry->payload_seq)
		return 0;
	choose(export, entry->payload_seq);
	if (!entry->payload.bytes) {
		struct trail_entry owner = *entry;
		owner.seq = entry->payload_seq;
		rc = find_erasure(export, &owner, &erased_by);
	}
	if (!rc && erased_by)
		choose(export, erased_by);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int choose_part(struct export *export, const struct export_choice *choice)
{
	struct trail_query query = choice->query;
	int rc = 0;

	export->chosen = calloc(1, export->checkpoint.size / 8 + 1);
	if (!export->chosen) {
		snprintf(export->why, sizeof(export->why), "out of memory");
		return ERR_MEMORY;
	}
	if (!query.through_seq || query.through_seq > export->checkpoint.size)
		query.through_seq = export->checkpoint.size;
	query.with_payload = export->payloads;
	for (size_t i = 0; i < (choice->tasks ? choice->tasks : 1) && !rc; i++) {
		query.task_id = choice->task[i];
		rc = trail_read(export->trail, &query, take_entry, export);
	}
	return rc && !export->why[0] ? fail_trail(export, rc) : rc;
}

static void choose_whole(struct export *export)
{
	export->records = export->checkpoint.size;
	export->first = export->records ? 1 : 0;
	export->last = export->records;
}

static int nothing_chosen(struct export *export)
{
	snprintf(export->why, sizeof(export->why),
		 "no record up to %" PRIu64 ", where the last checkpoint ends, is what you asked for", export->checkpoint.size);
	return ERR_NOT_FOUND;
}

/* ---- the keys ---- */

/* Lines that are no comment and not empty. */
static void keep_keys(struct export *export, const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t bytes = strcspn(text, "\n");
		if (bytes && *text != '#' && used + bytes + 2 < sizeof(export->keys)) {
			memcpy(export->keys + used, text, bytes);
			export->keys[used + bytes] = '\n';
			used += bytes + 1;
		}
		text += bytes + (text[bytes] == '\n');
	}
	export->keys[used] = 0;
}

static int read_keys(struct export *export, const char *path)
{
	char *text = calloc(1, EXPORT_KEYS_BYTES);
	size_t bytes = 0;
	int rc = text ? file_read(path, text, EXPORT_KEYS_BYTES, &bytes) : ERR_MEMORY;

	if (!rc)
		keep_keys(export, text);
	else if (rc != ERR_NOT_FOUND)
		snprintf(export->why, sizeof(export->why), "%.400s cannot be read: %s", path, error_sentence(rc));
	free(text);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* ---- opening ---- */

int export_open(struct export *out_export, struct trail *trail, const struct export_choice *choice, const char *keys_path)
{
	struct export *export = out_export;
	uint64_t last = trail_last_seq(trail);
	int rc;

	*export = (struct export){.trail = trail, .whole = !choice->part, .payloads = !choice->without_payloads};
	rc = trail_checkpoint_last(trail, &export->checkpoint);
	if (rc == ERR_NOT_FOUND) {
		snprintf(export->why, sizeof(export->why), "nothing in this trail is sealed by a checkpoint yet");
		return ERR_STATE;
	}
	if (rc)
		return fail_trail(export, rc);
	export->left_out = last > export->checkpoint.size ? last - export->checkpoint.size : 0;
	rc = read_keys(export, keys_path);
	if (!rc && choice->part)
		rc = choose_part(export, choice);
	else if (!rc)
		choose_whole(export);
	return rc || export->records ? rc : nothing_chosen(export);
}

void export_release(struct export *export)
{
	free(export->chosen);
	export->chosen = NULL;
}

int export_still_true(struct export *export)
{
	uint64_t seq = 0;
	int rc = export->payloads ? erased_between(export, export->checkpoint.size + 1, 0, &seq) : 0;

	return !rc && seq ? not_sealed(export, seq) : rc;
}

/* ---- reading ---- */

struct reading {
	struct export *export;
	int (*each)(void *context, const struct export_row *row);
	void *context;
	uint64_t before_seq; /* the record read last, and its chain */
	struct hash before;
	struct buffer body;
	uint8_t salt[32];
	bool stopped; /* by what is not the trail's fault to say */
};

static int open_payload(struct reading *reading, const struct trail_entry *entry, struct export_row *row)
{
	int rc = trail_payload_opened(reading->export->trail, entry->seq, reading->salt, &reading->body);

	if (rc == 0) {
		row->payload = PAYLOAD_HERE;
		row->salt = reading->salt;
		row->body = (struct bytes){reading->body.at, (uint32_t)reading->body.bytes};
		return 0;
	}
	if (rc != ERR_NOT_FOUND)
		return fail_trail(reading->export, rc);
	row->payload = PAYLOAD_MISSING;
	rc = find_erasure(reading->export, entry, &row->erased_by);
	if (rc == 0)
		row->payload = PAYLOAD_ERASED;
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int settle_payload(struct reading *reading, const struct trail_entry *entry, struct export_row *row)
{
	reading->body.bytes = 0;
	if (!entry->payload_seq)
		row->payload = PAYLOAD_NONE;
	else if (!reading->export->payloads)
		row->payload = PAYLOAD_LEFT_OUT;
	else if (entry->payload_seq == entry->seq)
		return open_payload(reading, entry, row);
	else
		row->payload = PAYLOAD_ELSEWHERE;
	return 0;
}

static int tell(struct reading *reading, const struct trail_entry *entry)
{
	struct trail_entry shown = *entry;
	struct export_row row = {.entry = &shown, .previous = reading->before};
	int rc = settle_payload(reading, entry, &row);

	if (row.payload != PAYLOAD_HERE && row.payload != PAYLOAD_ELSEWHERE)
		shown.payload = (struct bytes){0};
	return rc ? rc : reading->each(reading->context, &row);
}

static int not_there(struct export *export, uint64_t seq)
{
	snprintf(export->why, sizeof(export->why), "record %" PRIu64 " is missing in the trail", seq);
	return ERR_CORRUPT;
}

static int read_entry(void *context, const struct trail_entry *entry)
{
	struct reading *reading = context;
	int rc = 0;

	if (entry->seq != reading->before_seq + 1)
		rc = not_there(reading->export, reading->before_seq + 1);
	if (!rc && is_chosen(reading->export, entry->seq))
		rc = tell(reading, entry);
	reading->before_seq = entry->seq;
	reading->before = entry->chain;
	reading->stopped = rc != 0;
	return rc;
}

/* The first record that is chosen, from `seq` on; 0: none. */
static uint64_t next_chosen(const struct export *export, uint64_t seq)
{
	while (seq <= export->last && !is_chosen(export, seq))
		seq++;
	return seq <= export->last ? seq : 0;
}

/* The last one that is worth reading in one go with `first`. */
static uint64_t run_end(const struct export *export, uint64_t first)
{
	uint64_t end = first, next = first;

	if (!export->chosen)
		return export->last;
	while (next && next - end <= GAP_RECORDS) {
		end = next;
		next = next_chosen(export, next + 1);
	}
	return end;
}

/* Reads the chosen records from `first` to `end`, and the one before them for its chain value. */
static int read_run(struct reading *reading, uint64_t first, uint64_t end)
{
	struct trail_query query = {
		.after_seq = first > 1 ? first - 2 : 0, .through_seq = end, .with_payload = reading->export->payloads};
	int rc;

	reading->before_seq = query.after_seq;
	reading->before = (struct hash){0};
	rc = trail_read(reading->export->trail, &query, read_entry, reading);
	if (rc && !reading->stopped)
		return fail_trail(reading->export, rc);
	if (!rc && reading->before_seq != end)
		return not_there(reading->export, reading->before_seq + 1);
	return rc;
}

int export_each(struct export *export, int (*each)(void *context, const struct export_row *row), void *context)
{
	struct reading reading = {.export = export, .each = each, .context = context};
	int rc = 0;

	for (uint64_t first = export->first; first && !rc;) {
		uint64_t end = run_end(export, first);
		rc = read_run(&reading, first, end);
		first = next_chosen(export, end + 1);
	}
	buffer_release(&reading.body);
	return rc;
}

/* ---- the message of a record ---- */

json_t *export_message(const struct export_row *row)
{
	struct trail_entry entry = *row->entry;
	struct buffer buffer = {0};
	struct message message;
	json_t *json = NULL;

	if (entry.type == MESSAGE_SNAPSHOT)
		entry.payload = (struct bytes){0};
	else if (row->payload == PAYLOAD_HERE)
		entry.payload = row->body;
	if (record_message(&entry, &buffer, &message) == 0)
		json = message_to_json(&message);
	buffer_release(&buffer);
	return json ? json : json_null();
}
