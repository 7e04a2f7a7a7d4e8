/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/seal.h"

enum { STAGE_ACCEPT = 1, STAGE_ASSIGN, STAGE_START, STAGE_END, STAGE_TELL, STAGE_AFTER };

void story_init(struct story *story, uint64_t seed)
{
	*story = (struct story){.random = seed, .next_seq = 1};
}

void story_release(struct story *story)
{
	free(story->tasks);
}

/* splitmix64 */
uint64_t story_random(struct story *story, uint64_t below)
{
	uint64_t z = story->random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

struct id story_id(uint64_t number)
{
	struct id id = {.bytes = {0x01, 0x92}};
	for (unsigned i = 0; i < 8; i++)
		id.bytes[15 - i] = (uint8_t)((number * 0x2545f4914f6cdd1du + 7) >> (8 * i));
	return id;
}

static struct bytes noise(struct story *story, uint8_t *room, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		room[i] = (uint8_t)story_random(story, 256);
	return (struct bytes){.at = bytes ? room : NULL, .bytes = (uint32_t)bytes};
}

static struct trail_task *task_add(struct story *story)
{
	if (story->task_count == story->task_capacity) {
		story->task_capacity = story->task_capacity ? story->task_capacity * 2 : 256;
		story->tasks = realloc(story->tasks, story->task_capacity * sizeof(*story->tasks));
		assert_non_null(story->tasks);
	}
	struct trail_task *task = &story->tasks[story->task_count++];
	*task = (struct trail_task){0};
	return task;
}

static void own_payload(struct story *story, struct trail_entry *entry)
{
	entry->payload_seq = entry->seq;
	entry->payload = noise(story, story->payload, story_random(story, 8) ? story_random(story, STORY_PAYLOAD_BYTES) : 0);
}

static void begin_task(struct story *story, struct story_live *live, struct trail_entry *entry)
{
	struct trail_task *task = task_add(story);
	entry->direction = TRAIL_IN;
	entry->type = MESSAGE_TASK_REQUEST;
	entry->task_number = entry->seq;
	entry->task_id = story_id(entry->seq);
	if (story_random(story, 3))
		entry->key_hash = story_id(entry->seq ^ 0xffff0000);
	entry->body_hash = story_id(entry->seq ^ 0xaaaa0000);
	own_payload(story, entry);
	task->request_seq = entry->seq;
	task->task_id = entry->task_id;
	task->key_hash = entry->key_hash;
	task->body_hash = entry->body_hash;
	*live = (struct story_live){.number = entry->seq,
				    .stage = STAGE_ACCEPT,
				    .index = (uint32_t)story->task_count - 1,
				    .request_payload = entry->seq};
}

static void end_task(struct story *story, struct story_live *live, struct trail_entry *entry)
{
	struct trail_task *task = &story->tasks[live->index];
	bool fails = story_random(story, 3) == 0;
	entry->direction = TRAIL_IN;
	entry->type = fails ? MESSAGE_TASK_FAILURE : MESSAGE_TASK_COMPLETION;
	if (fails && story_random(story, 2)) /* a retry is to come */
		return;
	/* Now and then the coordinator ends a task itself: no message from a clone, the outcome alone. */
	if (story_random(story, 6) == 0) {
		entry->direction = TRAIL_OUT;
		task->outcome_seq = entry->seq;
	}
	own_payload(story, entry);
	entry->end_state = fails ? STATE_FAILED : STATE_COMPLETED;
	task->end_seq = entry->seq;
	task->end_state = entry->end_state;
	live->result_payload = entry->seq;
	live->stage = task->outcome_seq ? STAGE_AFTER : STAGE_TELL;
}

static void tell_task(struct story *story, struct story_live *live, struct trail_entry *entry)
{
	struct trail_task *task = &story->tasks[live->index];
	entry->direction = TRAIL_OUT;
	entry->type = task->end_state == STATE_FAILED ? MESSAGE_TASK_FAILURE : MESSAGE_TASK_COMPLETION;
	entry->end_state = task->end_state;
	entry->payload_seq = live->result_payload;
	task->outcome_seq = entry->seq;
	live->stage = STAGE_AFTER;
}

static void revive_task(struct story *story, struct story_live *live, struct trail_entry *entry)
{
	struct trail_task *task = &story->tasks[live->index];
	entry->direction = TRAIL_IN;
	entry->type = MESSAGE_RECOVERY_ACTION;
	entry->revives = true;
	task->end_seq = 0;
	task->end_state = 0;
	task->outcome_seq = 0;
	live->stage = STAGE_ASSIGN;
}

static void live_step(struct story *story, struct story_live *live, struct trail_entry *entry)
{
	entry->task_number = live->number;
	entry->task_id = story_id(live->number);
	entry->attempt = 1 + (uint32_t)story_random(story, 3);
	entry->direction = TRAIL_OUT;
	switch (live->stage) {
	case STAGE_ACCEPT:
		entry->type = MESSAGE_TASK_ACCEPTED;
		live->stage = STAGE_ASSIGN;
		break;
	case STAGE_ASSIGN:
		entry->type = MESSAGE_TASK_ASSIGNMENT;
		entry->payload_seq = live->request_payload;
		live->stage = STAGE_START;
		break;
	case STAGE_START:
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_TASK_STARTED;
		live->stage = STAGE_END;
		break;
	case STAGE_END:
		end_task(story, live, entry);
		break;
	case STAGE_TELL:
		tell_task(story, live, entry);
		break;
	case STAGE_AFTER:
		if (story_random(story, 4) == 0 && story->tasks[live->index].end_state == STATE_FAILED) {
			revive_task(story, live, entry);
		} else {
			entry->type = MESSAGE_DELIVERED;
			entry->direction = TRAIL_INNER;
			live->stage = 0;
		}
		break;
	}
}

/* What belongs to no task. */
static void other(struct story *story, struct trail_entry *entry)
{
	switch (story_random(story, 6)) {
	case 0:
		entry->direction = TRAIL_INNER;
		entry->type = MESSAGE_SNAPSHOT;
		own_payload(story, entry);
		story->snapshot_seq = entry->seq;
		break;
	case 1:
		entry->direction = TRAIL_INNER;
		entry->type = MESSAGE_PRESENCE;
		break;
	case 2: /* names a task that nobody knows */
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_TASK_CANCEL;
		entry->verdict = ERROR_NOT_FOUND;
		entry->task_id = story_id(1u << 30 | story_random(story, 4));
		break;
	case 3: /* a request that was refused makes no task */
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_TASK_REQUEST;
		entry->verdict = ERROR_UNKNOWN_TYPE;
		entry->task_id = story_id(entry->seq);
		own_payload(story, entry);
		break;
	default:
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_HELLO;
	}
}

void story_next(struct story *story, struct trail_entry *out_entry)
{
	struct trail_entry *entry = out_entry;
	uint64_t seq = story->next_seq++;
	*entry = (struct trail_entry){.seq = seq, .boot = {{0xb0, 0x07}}};
	entry->now_ms = seq * 3;
	entry->wall_ms = 1800000000000u + seq * 5;
	entry->mono_ms = 77000 + seq * 5;
	entry->sender_seq = story_random(story, 50) ? seq / 2 : UINT64_MAX - seq;
	entry->message_id = story_id(seq ^ 0x55550000);
	entry->header = noise(story, story->header, 20 + story_random(story, 120));
	entry->facts = noise(story, story->facts, story_random(story, 90));
	struct story_live *live = &story->live[story_random(story, STORY_LIVE)];
	if (story_random(story, 8) == 0)
		other(story, entry);
	else if (!live->stage)
		begin_task(story, live, entry);
	else
		live_step(story, live, entry);
	if (entry->direction != TRAIL_INNER)
		snprintf(entry->peer, sizeof(entry->peer), story_random(story, 2) ? "beta/%d" : "client/anna/%d",
			 (int)story_random(story, 3));
}

void story_fill(struct story *story, struct batch *batch, size_t count)
{
	struct trail_entry entry;
	batch_clear(batch);
	for (size_t i = 0; i < count; i++) {
		story_next(story, &entry);
		assert_int_equal(batch_add(batch, &entry), 0);
	}
}

int story_append(struct story *story, struct trail *trail, size_t count)
{
	struct batch *batch = batch_new();
	assert_non_null(batch);
	story_fill(story, batch, count);
	int rc = trail_append(trail, batch_entry(batch, 0), count);
	batch_free(batch);
	return rc;
}

void story_write(const char *path, uint64_t seed, size_t count)
{
	struct story story;
	struct trail *trail = open_trail(path, TRAIL_WRITE);
	story_init(&story, seed);
	for (size_t written = 0; written < count;) {
		size_t more = 1 + story_random(&story, 60);
		if (more > count - written)
			more = count - written;
		assert_int_equal(story_append(&story, trail, more), 0);
		written += more;
	}
	trail_close(trail);
	story_release(&story);
}

void seal_trail(const struct place *place, struct trail *trail)
{
	char why[256];
	struct sealed last;
	struct sealer *sealer;
	assert_true(mkdir(place->keys, 0700) == 0 || errno == EEXIST);
	if (trail_sealed(trail, &last))
		fail_msg("%s", trail_why(trail));
	int rc = sealer_open(place->keys, &last, &sealer, why);
	if (rc)
		fail_msg("%s: %s", error_name(rc), why);
	trail_seal(trail, sealer, NULL, NULL);
}

void read_keys(const struct place *place, struct log_keys *out_keys)
{
	char path[128], text[16384], why[256];
	snprintf(path, sizeof(path), "%s/log.pub", place->keys);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t bytes = fread(text, 1, sizeof(text), file);
	fclose(file);
	if (log_keys_read(text, bytes, out_keys, why))
		fail_msg("%s", why);
}

void story_write_sealed(const struct place *place, uint64_t seed, size_t count, size_t every)
{
	struct story story;
	struct trail *trail = open_trail(place->trail, TRAIL_WRITE);
	seal_trail(place, trail);
	story_init(&story, seed);
	for (size_t written = 0, more; written < count; written += more) {
		more = count - written < every ? count - written : every;
		assert_int_equal(story_append(&story, trail, more), 0);
		assert_int_equal(trail_checkpoint(trail), 0);
	}
	trail_close(trail);
	story_release(&story);
}

void place_make(struct place *place)
{
	const char *folder = getenv("TMPDIR");
	snprintf(place->folder, sizeof(place->folder), "%s/bunshin-trail-XXXXXX",
		 folder && strlen(folder) < 40 ? folder : "/tmp");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->trail, sizeof(place->trail), "%s/trail.db", place->folder);
	snprintf(place->keys, sizeof(place->keys), "%s/keys", place->folder);
}

void place_empty(struct place *place)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-journal"};
	char path[128];
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", place->trail, ends[i]);
		(void)unlink(path);
	}
	static const char *const keys[] = {"log.key", "log.pub", "seal.key", ".log.key.new", ".log.pub.new", ".seal.key.new"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->keys, keys[i]);
		(void)unlink(path);
	}
	(void)rmdir(place->keys);
}

void place_remove(struct place *place)
{
	place_empty(place);
	assert_int_equal(rmdir(place->folder), 0);
}

struct trail *open_trail(const char *path, enum trail_mode mode)
{
	char why[256];
	struct trail *trail;
	int rc = trail_open(path, mode, &trail, why);
	if (rc)
		fail_msg("%s: %s", error_name(rc), why);
	return trail;
}

uint64_t verify_clean(struct trail *trail)
{
	struct trail_verdict verdict;
	int rc = trail_verify(trail, 0, &verdict);
	if (rc)
		fail_msg("%s: record %llu: %s", error_name(rc), (unsigned long long)verdict.bad_seq, verdict.why);
	return verdict.records;
}
