/* SPDX-License-Identifier: MIT
 *
 * Replays what simulated worlds have recorded, from the first record and from every snapshot: `replay_test --seeds=COUNT` runs seeds
 * 1 … COUNT (default 60), `--seed=N` one. Then changes single recorded values and holds that each is found. `--record=FILE` writes
 * what the worlds have recorded to a file, `--replay=FILE` replays that: a core with a bug planted must not come through it.
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
	const struct kept *kept = rows->twin ? &rows->twin->kept[seq - 1] : NULL;
	struct message message = {.type = MESSAGE_SNAPSHOT};

	if (!kept || kept->record.message.type != MESSAGE_SNAPSHOT)
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

static const struct omega_limits limits = {.tasks_max = 64, .recent_max = 8}; /* of every world */

/* From row `from`, which is the first or a Snapshot. */
static int replay_rows(struct rows *rows, size_t from, const struct table *other, struct replay_counts *out_counts)
{
	struct replay_options options = {.other = other,
					 .limits = limits,
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
	uint64_t records, steps, snapshots, refusals, unproved, starts, decisions, others;
};
static struct sum sum;

static void replay_world(const struct twin *twin)
{
	struct rows rows = rows_of(twin);
	struct replay_counts counts;

	if (replay_rows(&rows, 0, NULL, &counts))
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
		if (replay_rows(&rows, i, NULL, &counts))
			fail_msg("not every decision came out again from the snapshot in record %zu on", i + 1);
		sum.starts++;
	}
	/* The table that was in force last, asked about everything before: the history itself stays as it was. */
	uint64_t seed = running;
	running = 0; /* what differs is no fault */
	if (replay_rows(&rows, 0, omega_table(twin->live), &counts))
		fail_msg("asking another table has changed the history");
	running = seed;
	sum.decisions += counts.decisions;
	sum.others += counts.differences;
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
	       "a snapshot on; %llu decisions also with another table: %llu values differ\n",
	       (unsigned long long)tally.seeds, (unsigned long long)sum.records, (unsigned long long)sum.steps,
	       (unsigned long long)sum.snapshots, (unsigned long long)sum.refusals, (unsigned long long)sum.starts,
	       (unsigned long long)sum.decisions, (unsigned long long)sum.others);
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
	uint64_t changed, here, never;
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
		if (!replay_rows(&rows, 0, NULL, &counts))
			found.never++;
		else if (told == at + 1)
			found.here++;
		else
			print_error("record %zu (%s) was changed, and record %llu told\n", at + 1,
				    message_name((enum message_type)before.type), (unsigned long long)told);
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

/* ---- a file for cores with planted bugs ---- */

static FILE *file;

static void record_world(const struct twin *twin)
{
	struct rows rows = rows_of(twin);
	bool good = fwrite(&rows.count, sizeof(rows.count), 1, file) == 1;

	for (size_t i = 0; i < rows.count && good; i++) {
		const struct trail_entry *row = &rows.row[i];

		good = fwrite(row, sizeof(*row), 1, file) == 1 &&
		       fwrite(row->header.at, 1, row->header.bytes, file) == row->header.bytes &&
		       fwrite(row->facts.at, 1, row->facts.bytes, file) == row->facts.bytes;
	}
	assert_true(good);
	free(rows.row);
}

static const uint8_t *read_span(uint32_t bytes)
{
	uint8_t *at = malloc(bytes + 1);

	assert_non_null(at);
	assert_int_equal(fread(at, 1, bytes, file), bytes);
	return at;
}

/* Exit code 1: something did not come out again. */
static int replay_file(const char *path)
{
	struct rows rows = {0};
	struct replay_counts counts;
	int rc = 0;

	file = fopen(path, "rb");
	assert_non_null(file);
	while (!rc && fread(&rows.count, sizeof(rows.count), 1, file) == 1) {
		rows.row = calloc(rows.count, sizeof(*rows.row));
		assert_non_null(rows.row);
		for (size_t i = 0; i < rows.count; i++) {
			struct trail_entry *row = &rows.row[i];

			assert_int_equal(fread(row, sizeof(*row), 1, file), 1);
			row->header.at = read_span(row->header.bytes);
			row->facts.at = read_span(row->facts.bytes);
		}
		rc = replay_rows(&rows, 0, NULL, &counts);
		for (size_t i = 0; i < rows.count; i++) {
			free((void *)(uintptr_t)rows.row[i].header.at);
			free((void *)(uintptr_t)rows.row[i].facts.at);
		}
		free(rows.row);
	}
	fclose(file);
	return rc ? 1 : 0;
}

static int record_file(const char *path)
{
	struct tally tally = {0};

	file = fopen(path, "wb");
	assert_non_null(file);
	world_ended = record_world;
	for (uint64_t seed = first; seed <= last; seed++)
		world_run(seed, &tally);
	return fclose(file) ? 2 : 0;
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
		else if (strncmp(argv[i], "--record=", 9) == 0)
			return record_file(argv[i] + 9);
		else if (strncmp(argv[i], "--replay=", 9) == 0)
			return replay_file(argv[i] + 9);
		else {
			fprintf(stderr, "usage: %s [--seed=N | --seeds=COUNT] [--record=FILE | --replay=FILE]; found \"%s\"\n",
				argv[0], argv[i]);
			return 2;
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
