/* SPDX-License-Identifier: MIT
 *
 * Replays what simulated worlds have recorded, from the first record and from every snapshot: `replay_test --seeds=COUNT` runs seeds
 * 1 … COUNT (default 60), `--seed=N` one. Then changes single recorded values and holds that each is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/entry.h"
#include "actors/replay.h"
#include "tests/core/twin.h"
#include "tests/core/world.h"

static uint64_t first = 1, last = 60, running;
static const char *program;

/* ---- a world's records as rows of a trail ---- */

struct rows {
	const struct twin *twin;
	struct trail_entry *row;
	size_t count;
};

static struct rows rows_of(const struct twin *twin)
{
	struct rows rows = {.twin = twin, .count = twin->kept_count};
	uint64_t ended = 0;
	struct id boot = {{0}};

	rows.row = calloc(rows.count, sizeof(*rows.row));
	assert_non_null(rows.row);
	for (size_t i = 0; i < rows.count; i++) {
		const struct kept *kept = &twin->kept[i];
		struct record record = twin_read(kept);

		if (record.message.type == MESSAGE_BOOT)
			boot = record.message.boot.boot;
		if (record.direction != DIRECTION_OUT)
			ended = 0; /* a new step */
		entry_fill(&rows.row[i], &record, (struct bytes){kept->header.at, (uint32_t)kept->header.bytes},
			   (struct bytes){kept->facts.at, (uint32_t)kept->facts.bytes}, &ended);
		rows.row[i].boot = boot;
	}
	return rows;
}

/* The payload of a Snapshot as the trail keeps it. */
static int payload_of(void *context, uint64_t seq, struct buffer *buffer)
{
	const struct rows *rows = context;
	const struct kept *kept = &rows->twin->kept[seq - 1];
	struct message message = {.type = MESSAGE_SNAPSHOT};

	if (kept->record.message.type != MESSAGE_SNAPSHOT)
		return ERR_NOT_FOUND;
	message.snapshot.state = (struct bytes){kept->state.at, (uint32_t)kept->state.bytes};
	return message_encode_payload(&message, buffer);
}

static uint64_t told;

static void tell(void *context, const struct replay_difference *difference)
{
	(void)context;
	told = difference->seq;
	if (running)
		fprintf(stderr, "record %llu, %s, %s: recorded \"%s\", decided again \"%s\"\n",
			(unsigned long long)difference->seq, message_name((enum message_type)difference->type), difference->field,
			difference->recorded, difference->decided);
}

static size_t boot_before(const struct rows *rows, size_t at)
{
	while (rows->row[at].type != MESSAGE_BOOT)
		at--;
	return at;
}

/* From row `from`, which is the first or a Snapshot. */
static int replay_rows(struct rows *rows, size_t from, struct replay_counts *out_counts)
{
	struct replay_options options = {.limits = rows->twin->limits,
					 .from_seq = from ? from + 2 : 0,
					 .each = tell,
					 .payload = payload_of,
					 .context = rows};
	struct replay *replay = NULL;
	struct buffer state = {0};
	int rc = replay_new(&options, &replay);

	assert_int_equal(rc, 0);
	told = 0;
	if (from)
		assert_int_equal(replay_life(replay, &rows->row[boot_before(rows, from)]), 0);
	for (size_t i = from; i < rows->count && !rc; i++) {
		struct trail_entry entry = rows->row[i];

		if (i == from && from) {
			assert_int_equal(payload_of(rows, entry.seq, &state), 0);
			entry.payload = (struct bytes){state.at, (uint32_t)state.bytes};
		}
		rc = replay_take(replay, &entry);
	}
	if (!rc)
		rc = replay_finish(replay);
	if (rc && running)
		fprintf(stderr, "%s\n", replay_why(replay));
	*out_counts = *replay_counted(replay);
	replay_free(replay);
	buffer_release(&state);
	return rc;
}

/* ---- every world comes out again ---- */

struct sum {
	uint64_t records, steps, snapshots, refusals, unproved, starts;
};
static struct sum sum;

static void replay_world(const struct twin *twin)
{
	struct rows rows = rows_of(twin);
	struct replay_counts counts;

	if (replay_rows(&rows, 0, &counts))
		fail_msg("not every decision came out again");
	assert_int_equal(counts.compared, rows.count);
	sum.records += counts.compared;
	sum.steps += counts.steps;
	sum.snapshots += counts.snapshots;
	sum.refusals += counts.refusals;
	sum.unproved += counts.unproved;
	for (size_t i = 1; i < rows.count; i++) {
		if (rows.row[i].type != MESSAGE_SNAPSHOT)
			continue;
		if (replay_rows(&rows, i, &counts))
			fail_msg("not every decision came out again from the snapshot in record %zu on", i + 1);
		sum.starts++;
	}
	free(rows.row);
}

static void test_what_a_world_has_recorded_comes_out_again(void **state)
{
	struct tally tally = {0};

	(void)state;
	world_ended = replay_world;
	for (running = first; running <= last; running++)
		world_run(running, &tally);
	running = 0;
	printf("%llu worlds: %llu records of %llu steps came out again, %llu states in snapshots, %llu refusals; %llu times also "
	       "from "
	       "a snapshot on\n",
	       (unsigned long long)tally.seeds, (unsigned long long)sum.records, (unsigned long long)sum.steps,
	       (unsigned long long)sum.snapshots, (unsigned long long)sum.refusals, (unsigned long long)sum.starts);
	assert_int_equal(sum.unproved, 0);
	assert_true(sum.refusals > 0 && sum.steps > 0);
	assert_true(last - first < 20 || (sum.snapshots > 0 && sum.starts > 0));
}

/* ---- a changed value is found ---- */

static uint64_t random_state;

static uint64_t draw(uint64_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % limit;
}

struct found {
	uint64_t changed, here, later, never;
};
static struct found found;

/* Changes one byte of the header or facts of a record that follows from an event, or one of its columns. */
static bool change(struct trail_entry *row, uint8_t *bytes)
{
	struct bytes *part = draw(2) ? &row->header : &row->facts;

	switch (draw(6)) {
	case 0:
		row->task_number ^= 1u << draw(8);
		return true;
	case 1:
		row->attempt ^= 1u << draw(4);
		return true;
	case 2:
		row->end_state = row->end_state ? 0 : STATE_FAILED;
		return true;
	case 3:
		row->peer[draw(3)] ^= 1;
		return true;
	default:
		if (part->bytes < 2)
			return false;
		memcpy(bytes, part->at, part->bytes);
		bytes[draw(part->bytes)] ^= (uint8_t)(1u << draw(8));
		part->at = bytes;
		return true;
	}
}

static void change_world(const struct twin *twin)
{
	struct rows rows = rows_of(twin);
	uint8_t *bytes = malloc(1u << 20);
	struct replay_counts counts;

	assert_non_null(bytes);
	for (int i = 0; i < 40; i++) {
		size_t at = (size_t)draw(rows.count);
		struct trail_entry before = rows.row[at];

		/* Events are given; what is changed in them shows in what follows, or is another history that could have been. */
		if (before.direction == TRAIL_IN || (before.direction == TRAIL_INNER && before.type != MESSAGE_RETRY_SCHEDULED))
			continue;
		if (!change(&rows.row[at], bytes))
			continue;
		found.changed++;
		if (!replay_rows(&rows, 0, &counts))
			found.never++;
		else if (told == at + 1)
			found.here++;
		else
			found.later++;
		rows.row[at] = before;
	}
	free(bytes);
	free(rows.row);
}

static void test_every_change_of_what_was_decided_is_found_where_it_is(void **state)
{
	struct tally tally = {0};

	(void)state;
	world_ended = change_world;
	for (uint64_t seed = 1; seed <= 6; seed++)
		world_run(seed, &tally);
	printf("%llu records changed: %llu found at the record\n", (unsigned long long)found.changed,
	       (unsigned long long)found.here);
	assert_true(found.changed > 50);
	assert_int_equal(found.never, 0);
	assert_int_equal(found.here, found.changed);
}

static int name_the_seed(void **state)
{
	(void)state;
	if (running)
		fprintf(stderr, "to see it again: %s --seed=%llu\n", program, (unsigned long long)running);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_a_world_has_recorded_comes_out_again, name_the_seed),
		cmocka_unit_test(test_every_change_of_what_was_decided_is_found_where_it_is),
	};

	program = argv[0];
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--seed=", 7) == 0)
			first = last = strtoull(argv[i] + 7, NULL, 0);
		else if (strncmp(argv[i], "--seeds=", 8) == 0)
			last = strtoull(argv[i] + 8, NULL, 0);
		else {
			fprintf(stderr, "usage: %s [--seed=N | --seeds=COUNT]; found \"%s\"\n", argv[0], argv[i]);
			return 2;
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
