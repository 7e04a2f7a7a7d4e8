/* SPDX-License-Identifier: MIT */
#include "verifier/inspect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 64u
#define ARENA_BYTES (256u << 10) /* hashed as soon as so much waits */
#define OWNERS_KEPT 4096u        /* commitments at hand for those that forward a payload; a power of two */

/* A record that waits to be hashed. */
struct waiting {
	uint64_t seq;
	uint64_t wall_ms;
	uint8_t chain[SUM_BYTES];
	uint8_t leaf[SUM_BYTES];
	bool owns;
	uint8_t commitment[SUM_BYTES];
	uint8_t opened[SUM_BYTES];
};

struct owner {
	uint64_t seq;
	uint8_t commitment[SUM_BYTES];
};

struct inspection_inner {
	struct merkle tree;
	struct waiting waiting[WAITING_MAX];
	size_t waiting_count;
	struct {
		size_t offset;
		uint32_t blocks;
		uint8_t *out;
	} job[2 * WAITING_MAX];
	size_t job_count;
	uint8_t *arena;
	size_t arena_bytes, arena_room;
	struct owner owners[OWNERS_KEPT];

	int64_t checkpoint_number; /* of the last one checked; INT64_MIN: none yet */
	bool asked;                /* `next` says what there is */
	bool have_next;
	struct checkpoint_row next;
	char next_note[SIGNED_BYTES_MAX + 1];
	struct signed_note next_signed;
	uint8_t next_seal[PUBLIC_BYTES]; /* the key announced by the last one */
	bool announced;
	size_t outside_next;
	uint64_t outside_size; /* up to here the trail is what outside notes say */
	int failed;
};

/* ---- beginning and end ---- */

struct inspection *inspection_new(const struct inspection_source *source, const struct public_keys *keys, bool sealed,
				  struct outside_note *outside, size_t outside_count)
{
	struct inspection *inspection = calloc(1, sizeof(*inspection));

	if (!inspection)
		return NULL;
	inspection->source = *source;
	inspection->keys = keys;
	inspection->sealed = sealed;
	inspection->outside = outside;
	inspection->outside_count = outside_count;
	numbers_init(&inspection->numbers, true);
	inspection->inner = calloc(1, sizeof(*inspection->inner));
	if (!inspection->inner) {
		free(inspection);
		return NULL;
	}
	inspection->inner->checkpoint_number = INT64_MIN;
	return inspection;
}

void inspection_free(struct inspection *inspection)
{
	if (!inspection)
		return;
	numbers_release(&inspection->numbers);
	free(inspection->inner->arena);
	free(inspection->inner);
	free(inspection);
}

void inspection_begin(struct inspection *inspection, const struct merkle *tree, const uint8_t head[SUM_BYTES],
		      const struct checkpoint_row *last_checkpoint, const struct signed_note *last_note)
{
	struct inspection_inner *inner = inspection->inner;

	inner->tree = *tree;
	inspection->begin = inspection->seq = tree->size;
	memcpy(inspection->head, head, SUM_BYTES);
	inspection->numbers.from_beginning = tree->size == 0;
	while (inner->outside_next < inspection->outside_count && inspection->outside[inner->outside_next].size < tree->size)
		inspection->outside[inner->outside_next++].met = true; /* not looked at from here */
	if (!last_checkpoint)
		return;
	inner->checkpoint_number = (int64_t)last_checkpoint->number;
	inner->announced = true;
	memcpy(inner->next_seal, last_note->next_seal, PUBLIC_BYTES);
	inspection->sealed_size = last_checkpoint->size;
	inspection->sealed_ms = last_note->time_ms;
	memcpy(inspection->sealed_root, last_note->root, SUM_BYTES);
}

/* ---- what is wrong ---- */

__attribute__((format(printf, 5, 0))) static int note_finding(struct inspection *inspection, uint64_t first, uint64_t last,
							      uint64_t checkpoint, const char *format, va_list arguments)
{
	if (!inspection->found) {
		inspection->found = true;
		inspection->finding = (struct finding){.first = first, .last = last, .checkpoint = checkpoint};
		vsnprintf(inspection->finding.sentence, sizeof(inspection->finding.sentence), format, arguments);
	}
	return inspection->inner->failed = INSPECT_WRONG;
}

__attribute__((format(printf, 5, 6))) static int wrong(struct inspection *inspection, uint64_t first, uint64_t last,
						       uint64_t checkpoint, const char *format, ...)
{
	va_list arguments;
	int rc;

	va_start(arguments, format);
	rc = note_finding(inspection, first, last, checkpoint, format, arguments);
	va_end(arguments);
	return rc;
}

int inspection_wrong(struct inspection *inspection, uint64_t first, uint64_t last, uint64_t checkpoint, const char *format, ...)
{
	va_list arguments;
	int rc = inspection_flush(inspection);

	if (rc)
		return rc;
	va_start(arguments, format);
	rc = note_finding(inspection, first, last, checkpoint, format, arguments);
	va_end(arguments);
	return rc;
}

static int unreadable(struct inspection *inspection)
{
	return inspection->inner->failed = INSPECT_UNREADABLE;
}

static int keep(struct inspection *inspection, int rc)
{
	if (rc)
		inspection->inner->failed = rc;
	return rc;
}

/* ---- notes from outside ---- */

static bool same_note(const struct outside_note *outside, const struct checkpoint_row *row)
{
	return outside->number == row->number && span_equal(outside->text, row->note);
}

/* This checkpoint may be the one that somebody kept. */
static void outside_meet(struct inspection *inspection, const struct checkpoint_row *row)
{
	for (size_t i = inspection->inner->outside_next;
	     i < inspection->outside_count && inspection->outside[i].size == row->size; i++)
		if (same_note(&inspection->outside[i], row))
			inspection->outside[i].met = true;
}

/* Notes of this size, after the checkpoint of this size: the root must be the trail's, and the checkpoint itself must be there. */
static int outside_check(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	uint8_t root[SUM_BYTES];

	for (; inner->outside_next < inspection->outside_count; inner->outside_next++) {
		const struct outside_note *note = &inspection->outside[inner->outside_next];

		if (note->size > inner->tree.size)
			break;
		merkle_root(&inner->tree, root);
		if (memcmp(root, note->root, SUM_BYTES) != 0)
			return wrong(inspection, inner->outside_size + 1, note->size, note->number,
				     "%.100s holds checkpoint %" PRIu64 " over %" PRIu64
				     " records with another root: this is not the trail that it was taken from, or it was "
				     "written anew",
				     note->file, note->number, note->size);
		if (inspection->sealed && !note->met)
			return wrong(inspection, note->size, note->size, note->number,
				     "%.100s holds checkpoint %" PRIu64 " over %" PRIu64
				     " records, which the trail does not have, or has otherwise",
				     note->file, note->number, note->size);
		inner->outside_size = note->size;
	}
	return INSPECT_FINE;
}

/* ---- checkpoints ---- */

static uint64_t checkpoint_expected(const struct inspection_inner *inner)
{
	return inner->checkpoint_number == INT64_MIN ? 1 : (uint64_t)inner->checkpoint_number + 1;
}

/* Number and size of the next one. */
static int checkpoint_row_check(struct inspection *inspection)
{
	const struct checkpoint_row *next = &inspection->inner->next;
	uint64_t expected = checkpoint_expected(inspection->inner), from = inspection->sealed_size + 1;

	if (next->number != expected)
		return wrong(inspection, from, next->size, expected,
			     "checkpoint %" PRIu64 " is missing: what comes instead is %" PRId64, expected,
			     (int64_t)next->number);
	if (next->size > INT64_MAX || next->size <= inspection->sealed_size || next->size < inspection->inner->tree.size)
		return wrong(inspection, from, from, expected,
			     "checkpoint %" PRIu64 " covers %" PRId64 " records, not more than the one before it", expected,
			     (int64_t)next->size);
	if (expected > 1 && next->size - inspection->sealed_size > UNSEALED_MAX)
		return wrong(inspection, from, next->size, expected,
			     "checkpoint %" PRIu64 " seals %" PRIu64 " records at once; a trail is sealed every %u at the most",
			     expected, next->size - inspection->sealed_size, UNSEALED_MAX);
	return INSPECT_FINE;
}

/* The key that must have sealed it: that of the key file where a row begins, else the one announced before. */
static const uint8_t *seal_key(const struct inspection *inspection, uint64_t number)
{
	const uint8_t *row = public_keys_row(inspection->keys, number);

	return row ? row : inspection->inner->announced ? inspection->inner->next_seal : NULL;
}

static bool checkpoint_signed(const struct inspection *inspection, const struct signed_note *note, char why[160])
{
	uint64_t number = inspection->inner->next.number;
	const uint8_t *key;

	if (!inspection->keys)
		return true;
	if (!signed_by_log(note, inspection->keys, why))
		return false;
	key = seal_key(inspection, number);
	if (!key)
		snprintf(why, 160, "the key file has no seal key for it");
	return key && signed_by_seal(note, inspection->keys, number, key, why);
}

/* Its note, as far as it can be checked before its records are known. */
static int checkpoint_note_check(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	const struct checkpoint_row *next = &inner->next;
	struct signed_note *note = &inner->next_signed;
	uint64_t from = inspection->sealed_size + 1;
	char why[160];

	if (!signed_read(next->note, note, why))
		return wrong(inspection, from, next->size, next->number, "checkpoint %" PRIu64 ": %s", next->number, why);
	if (note->size != next->size || note->next_number != next->number + 1)
		return wrong(inspection, from, next->size, next->number,
			     "checkpoint %" PRIu64 ": its note is that of another, over %" PRIu64
			     " records and followed by %" PRIu64,
			     next->number, note->size, note->next_number);
	if (!checkpoint_signed(inspection, note, why))
		return wrong(inspection, from, next->size, next->number, "checkpoint %" PRIu64 ": %s", next->number, why);
	return INSPECT_FINE;
}

/* The next one, as soon as the one before is done. */
static int checkpoint_next(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	int rc;

	if (inner->asked || !inspection->sealed)
		return INSPECT_FINE;
	rc = inspection->source.checkpoint(inspection->source.context, inner->checkpoint_number, &inner->next, &inner->have_next);
	if (rc)
		return keep(inspection, rc);
	inner->asked = true;
	if (!inner->have_next)
		return INSPECT_FINE;
	if (inner->next.note.bytes > SIGNED_BYTES_MAX)
		inner->next.note.bytes = 0; /* is none, whatever it is */
	if (inner->next.note.bytes)
		memcpy(inner->next_note, inner->next.note.at, inner->next.note.bytes);
	inner->next.note.at = (const uint8_t *)inner->next_note;
	rc = checkpoint_row_check(inspection);
	return rc ? rc : checkpoint_note_check(inspection);
}

/* All records that the next checkpoint covers are in the tree. */
static int checkpoint_check(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	const struct checkpoint_row *next = &inner->next;
	uint8_t root[SUM_BYTES];

	merkle_root(&inner->tree, root);
	if (memcmp(root, inner->next_signed.root, SUM_BYTES) != 0)
		return wrong(inspection, inspection->sealed_size + 1, next->size, next->number,
			     "checkpoint %" PRIu64 " was signed over another tree: at least one of the records %" PRIu64
			     " to %" PRIu64 " is not what was sealed",
			     next->number, inspection->sealed_size + 1, next->size);
	outside_meet(inspection, next);
	inner->checkpoint_number = (int64_t)next->number;
	inner->announced = true;
	memcpy(inner->next_seal, inner->next_signed.next_seal, PUBLIC_BYTES);
	memcpy(inspection->sealed_root, root, SUM_BYTES);
	inspection->sealed_size = next->size;
	inspection->sealed_ms = inner->next_signed.time_ms;
	inspection->checkpoints++;
	inner->asked = inner->have_next = false;
	return INSPECT_FINE;
}

/* After each record, and once before the first. */
static int seals_check(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	int rc = checkpoint_next(inspection);

	while (!rc && inner->have_next && inner->next.size == inner->tree.size) {
		rc = checkpoint_check(inspection);
		if (!rc)
			rc = checkpoint_next(inspection);
	}
	if (!rc && inner->outside_next < inspection->outside_count &&
	    inspection->outside[inner->outside_next].size <= inner->tree.size)
		rc = outside_check(inspection);
	return rc;
}

/* ---- hashing ---- */

static bool arena_reserve(struct inspection_inner *inner, size_t bytes)
{
	size_t room = inner->arena_room ? inner->arena_room : ARENA_BYTES + 65536;
	uint8_t *arena;

	if (bytes <= inner->arena_room - inner->arena_bytes)
		return true;
	while (room - inner->arena_bytes < bytes)
		room *= 2;
	arena = realloc(inner->arena, room);
	if (!arena)
		return false;
	inner->arena = arena;
	inner->arena_room = room;
	return true;
}

static void job_add(struct inspection_inner *inner, size_t bytes, uint8_t *out)
{
	uint32_t blocks = sum_pad(inner->arena + inner->arena_bytes, bytes);

	inner->job[inner->job_count].offset = inner->arena_bytes;
	inner->job[inner->job_count].blocks = blocks;
	inner->job[inner->job_count++].out = out;
	inner->arena_bytes += (size_t)blocks * 64;
}

static void jobs_run(struct inspection_inner *inner)
{
	struct sum_job jobs[2 * WAITING_MAX];

	for (size_t i = 0; i < inner->job_count; i++)
		jobs[i] = (struct sum_job){inner->arena + inner->job[i].offset, inner->job[i].blocks, inner->job[i].out};
	sum_run(jobs, inner->job_count);
	inner->job_count = 0;
	inner->arena_bytes = 0;
}

struct told {
	struct inspection *inspection;
	int rc;
};

static void tell_node(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES])
{
	struct told *told = context;

	if (!told->rc && level % MERKLE_BLOCK_LEVEL == 0)
		told->rc = told->inspection->source.node(told->inspection->source.context, level, number, root);
}

static int tree_add(struct inspection *inspection, const uint8_t leaf[SUM_BYTES])
{
	struct told told = {inspection, INSPECT_FINE};

	merkle_add(&inspection->inner->tree, leaf, inspection->source.node ? tell_node : NULL, &told);
	return keep(inspection, told.rc);
}

static int waiting_check(struct inspection *inspection, const struct waiting *waiting)
{
	int rc;

	if (memcmp(waiting->leaf, waiting->chain, SUM_BYTES) != 0)
		return wrong(inspection, waiting->seq, waiting->seq, 0,
			     "its bytes do not give its chain value: it was changed, or stands where another stood");
	if (waiting->owns && memcmp(waiting->opened, waiting->commitment, SUM_BYTES) != 0)
		return wrong(inspection, waiting->seq, waiting->seq, 0,
			     "its payload is not the one that was written: salt or body was changed");
	rc = tree_add(inspection, waiting->leaf);
	if (rc)
		return rc;
	if (!inspection->records++)
		inspection->first_ms = waiting->wall_ms;
	inspection->last_ms = waiting->wall_ms;
	inspection->payloads += waiting->owns;
	return seals_check(inspection);
}

int inspection_flush(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	size_t count = inner->waiting_count;

	if (inner->failed)
		return inner->failed;
	jobs_run(inner);
	inner->waiting_count = 0;
	for (size_t i = 0; i < count && !inner->failed; i++)
		waiting_check(inspection, &inner->waiting[i]);
	return inner->failed;
}

/* ---- payloads ---- */

static struct owner *owner_place(struct inspection_inner *inner, uint64_t seq)
{
	return &inner->owners[seq & (OWNERS_KEPT - 1)];
}

static int payload_forwarded(struct inspection *inspection, const struct row *row)
{
	struct owner *owner = owner_place(inspection->inner, row->payload_seq);
	bool found = owner->seq == row->payload_seq;
	int rc;

	if (!found) {
		rc = inspection->source.commitment(inspection->source.context, row->payload_seq, owner->commitment, &found);
		if (rc)
			return keep(inspection, rc);
		owner->seq = found ? row->payload_seq : 0;
	}
	if (!found || row->commitment.bytes != SUM_BYTES || memcmp(owner->commitment, row->commitment.at, SUM_BYTES) != 0)
		return inspection_wrong(inspection, row->seq, row->seq, 0,
					"it forwards the payload of record %" PRIu64 ", but with another commitment",
					row->payload_seq);
	return INSPECT_FINE;
}

static int payload_gone(struct inspection *inspection, const struct row *row, const struct payload *payload)
{
	bool erased = false;
	int rc;

	if (!payload->there)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "its payload is missing");
	if (payload->salted || payload->opened)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "of its payload only the %s is gone",
					payload->salted ? "body" : "salt");
	rc = inspection->source.erased(inspection->source.context, row, &erased);
	if (rc)
		return keep(inspection, rc);
	if (!erased)
		return inspection_wrong(inspection, row->seq, row->seq, 0,
					"its payload is gone, and no erasure on record covers it");
	inspection->erased++;
	return INSPECT_FINE;
}

static int payload_opened(struct inspection *inspection, const struct row *row, const struct payload *payload,
			  struct waiting *waiting)
{
	struct inspection_inner *inner = inspection->inner;
	uint8_t *at;

	if (payload->salt.bytes != SUM_BYTES)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "the salt of its payload has %zu bytes, not 32",
					payload->salt.bytes);
	if (!arena_reserve(inner, SUM_BYTES + payload->body.bytes + SUM_PAD_BYTES))
		return unreadable(inspection);
	at = inner->arena + inner->arena_bytes;
	memcpy(at, payload->salt.at, SUM_BYTES);
	if (payload->body.bytes)
		memcpy(at + SUM_BYTES, payload->body.at, payload->body.bytes);
	job_add(inner, SUM_BYTES + payload->body.bytes, waiting->opened);
	waiting->owns = true;
	return INSPECT_FINE;
}

static int payload_check(struct inspection *inspection, const struct row *row, const struct payload *payload,
			 struct waiting *waiting)
{
	struct owner *owner;

	if (row->payload_seq > row->seq)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "it forwards the payload of a later record");
	if (!row->payload_seq)
		return row->commitment.bytes
			       ? inspection_wrong(inspection, row->seq, row->seq, 0, "it has a commitment, and no payload")
			       : INSPECT_FINE;
	if (row->payload_seq < row->seq)
		return payload_forwarded(inspection, row);
	if (row->commitment.bytes != SUM_BYTES)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "it owns a payload, and has no commitment");
	memcpy(waiting->commitment, row->commitment.at, SUM_BYTES);
	owner = owner_place(inspection->inner, row->seq);
	owner->seq = row->seq;
	memcpy(owner->commitment, row->commitment.at, SUM_BYTES);
	if (payload->there && payload->salted && payload->opened)
		return payload_opened(inspection, row, payload, waiting);
	return payload_gone(inspection, row, payload);
}

/* ---- records ---- */

int inspection_record(struct inspection *inspection, const struct row *row, const struct payload *payload)
{
	struct inspection_inner *inner = inspection->inner;
	struct waiting *waiting = &inner->waiting[inner->waiting_count];
	size_t bytes;
	int rc;

	if (inner->failed)
		return inner->failed;
	if (row->chain.bytes != SUM_BYTES)
		return inspection_wrong(inspection, row->seq, row->seq, 0, "its chain value is none");
	if (!arena_reserve(inner, row_room(row) + SUM_PAD_BYTES))
		return unreadable(inspection);
	waiting->seq = row->seq;
	waiting->wall_ms = row->wall_ms;
	waiting->owns = false;
	memcpy(waiting->chain, row->chain.at, SUM_BYTES);
	bytes = row_write(row, inspection->head, inner->arena + inner->arena_bytes);
	job_add(inner, bytes, waiting->leaf);
	memcpy(inspection->head, waiting->chain, SUM_BYTES);
	inspection->seq = row->seq;
	rc = payload_check(inspection, row, payload, waiting);
	if (rc)
		return rc;
	if (!numbers_take(&inspection->numbers, row))
		return unreadable(inspection);
	if (++inner->waiting_count == WAITING_MAX || inner->arena_bytes >= ARENA_BYTES)
		return inspection_flush(inspection);
	return INSPECT_FINE;
}

void inspection_more(struct inspection *inspection)
{
	if (!inspection->inner->have_next)
		inspection->inner->asked = false;
}

int inspection_end(struct inspection *inspection)
{
	struct inspection_inner *inner = inspection->inner;
	int rc = inspection_flush(inspection);
	uint64_t last = inner->tree.size;

	if (!rc)
		rc = seals_check(inspection);
	if (rc)
		return rc;
	if (inner->have_next)
		return wrong(inspection, last + 1, inner->next.size, inner->next.number,
			     "checkpoint %" PRIu64 " covers %" PRIu64 " records, and there are %" PRIu64
			     ": the end of the trail was cut off",
			     inner->next.number, inner->next.size, last);
	if (inner->outside_next < inspection->outside_count) {
		const struct outside_note *note = &inspection->outside[inner->outside_next];

		return wrong(inspection, last + 1, note->size, note->number,
			     "%.100s holds checkpoint %" PRIu64 " over %" PRIu64 " records, and there are %" PRIu64
			     ": the trail was cut off, or is an older copy",
			     note->file, note->number, note->size, last);
	}
	if (inspection->sealed && last - inspection->sealed_size > UNSEALED_MAX)
		return wrong(inspection, inspection->sealed_size + 1, last, 0,
			     "%" PRIu64 " records at the end are under no checkpoint; a trail is sealed every %u at the most",
			     last - inspection->sealed_size, UNSEALED_MAX);
	numbers_end(&inspection->numbers);
	return INSPECT_FINE;
}
