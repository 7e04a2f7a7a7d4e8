/* SPDX-License-Identifier: MIT */
#include "tests/core/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static struct omega *core_new(const struct omega_limits *limits, void **out_memory)
{
	size_t bytes = omega_bytes(limits);
	struct omega *omega = NULL;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(omega_init(memory, bytes, limits, &omega), 0);
	*out_memory = memory;
	return omega;
}

void twin_init(struct twin *twin, const struct omega_limits *limits)
{
	memset(twin, 0, sizeof(*twin));
	twin->limits = *limits;
	twin->compare = true;
	twin->live = core_new(limits, &twin->live_memory);
	twin->shadow = core_new(limits, &twin->shadow_memory);
}

static void forget(struct twin *twin, size_t from)
{
	for (size_t i = from; i < twin->kept_count; i++) {
		buffer_release(&twin->kept[i].header);
		buffer_release(&twin->kept[i].facts);
		buffer_release(&twin->kept[i].state);
	}
	twin->kept_count = from;
}

void twin_release(struct twin *twin)
{
	size_t bytes = omega_bytes(&twin->limits);
	forget(twin, 0);
	free(twin->kept);
	munmap(twin->live_memory, bytes);
	munmap(twin->shadow_memory, bytes);
}

static struct kept *keep(struct twin *twin, const struct record *record)
{
	if (twin->kept_count == twin->kept_capacity) {
		twin->kept_capacity = twin->kept_capacity ? twin->kept_capacity * 2 : 1024;
		twin->kept = realloc(twin->kept, twin->kept_capacity * sizeof(*twin->kept));
		assert_non_null(twin->kept);
	}
	struct kept *kept = &twin->kept[twin->kept_count++];
	*kept = (struct kept){.record = *record};
	assert_int_equal(message_encode_header(&record->message, &kept->header), 0);
	assert_int_equal(message_encode_facts(&record->message, &kept->facts), 0);
	if (record->message.type == MESSAGE_SNAPSHOT)
		assert_int_equal(
			buffer_append(&kept->state, record->message.snapshot.state.at, record->message.snapshot.state.bytes), 0);
	kept->record.message = (struct message){.type = record->message.type};
	return kept;
}

struct record twin_read(const struct kept *kept)
{
	struct record record = kept->record;
	struct parts parts = {.version = PROTOCOL_VERSION, .type = kept->record.message.type};
	parts.header = (struct bytes){kept->header.at, (uint32_t)kept->header.bytes};
	parts.facts = (struct bytes){kept->facts.at, (uint32_t)kept->facts.bytes};
	assert_int_equal(message_decode(&parts, &record.message), 0);
	if (record.message.type == MESSAGE_SNAPSHOT)
		record.message.snapshot.state = (struct bytes){kept->state.at, (uint32_t)kept->state.bytes};
	return record;
}

static uint8_t *saved(const struct omega *omega, size_t *out_bytes)
{
	size_t bytes = 0;
	int rc = omega_save(omega, NULL, 0, &bytes);
	assert_int_equal(rc, ERR_FULL);
	uint8_t *at = malloc(bytes);
	assert_non_null(at);
	assert_int_equal(omega_save(omega, at, bytes, out_bytes), 0);
	return at;
}

void twin_compare(struct twin *twin)
{
	size_t live_bytes, shadow_bytes;
	uint8_t *live = saved(twin->live, &live_bytes), *shadow = saved(twin->shadow, &shadow_bytes);
	if (live_bytes != shadow_bytes || memcmp(live, shadow, live_bytes) != 0)
		fail_msg("the state rebuilt from %zu records differs from the live one", twin->kept_count);
	free(live);
	free(shadow);
}

int twin_step(struct twin *twin, const struct event *event, struct records *out_records)
{
	int rc = omega_step(twin->live, twin->now_ms, event, out_records);
	if (rc)
		return rc;
	assert_true(out_records->count > 0);
	for (size_t i = 0; i < out_records->count; i++) {
		struct record again = twin_read(keep(twin, &out_records->item[i]));
		assert_int_equal(omega_apply(twin->shadow, &again), 0);
	}
	const char *wrong = omega_check(twin->live);
	for (size_t i = 0; wrong && i < out_records->count; i++)
		fprintf(stderr, "record %llu: %s, direction %d, peer %s, task number %llu, attempt %u, verdict %s\n",
			(unsigned long long)out_records->item[i].seq, message_name(out_records->item[i].message.type),
			(int)out_records->item[i].direction, out_records->item[i].peer,
			(unsigned long long)out_records->item[i].task_number, out_records->item[i].attempt,
			error_name((int)out_records->item[i].verdict));
	if (wrong)
		fail_msg("after record %zu, which %s began: %s", twin->kept_count, message_name(event->message->type), wrong);
	if (twin->compare)
		twin_compare(twin);
	return 0;
}

void twin_commit(struct twin *twin)
{
	twin->committed = twin->kept_count;
}

/* From the last snapshot, as a start does, or from the very first record. */
static void rebuild(struct twin *twin, bool from_snapshot, struct omega **omega, void **memory)
{
	size_t first = 0;
	munmap(*memory, omega_bytes(&twin->limits));
	*omega = core_new(&twin->limits, memory);
	for (size_t i = 0; from_snapshot && i < twin->kept_count; i++)
		if (twin->kept[i].record.message.type == MESSAGE_SNAPSHOT)
			first = i;
	for (size_t i = first; i < twin->kept_count; i++) {
		struct record record = twin_read(&twin->kept[i]);
		assert_int_equal(omega_apply(*omega, &record), 0);
	}
}

void twin_restart(struct twin *twin)
{
	forget(twin, twin->committed);
	rebuild(twin, true, &twin->live, &twin->live_memory);
	rebuild(twin, false, &twin->shadow, &twin->shadow_memory);
	twin_compare(twin);
	const char *wrong = omega_check(twin->live);
	if (wrong)
		fail_msg("after a restart from %zu records: %s", twin->kept_count, wrong);
}

void twin_snapshot(struct twin *twin, struct records *out_records)
{
	size_t bytes;
	uint8_t *state = saved(twin->live, &bytes);
	struct message message = {.type = MESSAGE_SNAPSHOT};
	message.snapshot =
		(struct snapshot){.core_version = OMEGA_CORE_VERSION, .state_bytes = bytes, .state = {state, (uint32_t)bytes}};
	struct event event = {.message = &message, .has_payload = true};
	assert_int_equal(twin_step(twin, &event, out_records), 0);
	free(state);
}
