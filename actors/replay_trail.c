/* SPDX-License-Identifier: MIT
 *
 * Where in a trail a replay can begin, and reading it from there.
 */
#include <stdio.h>
#include <string.h>

#include "actors/replay_inner.h"

struct run {
	struct trail *trail;
	struct replay *replay;
	struct replay_options options;
	int rc;
	bool done;
};

static int fetch(void *context, uint64_t seq, struct buffer *buffer)
{
	struct run *run = context;

	return trail_payload(run->trail, seq, buffer);
}

static void pass_on(void *context, const struct replay_difference *difference)
{
	struct run *run = context;

	if (run->options.each)
		run->options.each(run->options.context, difference);
}

static int take(void *context, const struct trail_entry *entry)
{
	struct run *run = context;

	run->rc = replay_take(run->replay, entry);
	run->done = run->replay->over;
	return run->rc ? run->rc : run->done ? ERR_NOT_FOUND : 0;
}

static int note_life(void *context, const struct trail_entry *entry)
{
	struct run *run = context;

	run->rc = replay_life(run->replay, entry);
	return run->rc;
}

/* A Snapshot whose state is there and that this core can read. Others are passed over. */
struct start {
	uint64_t seq;
	bool found;
};

static int try_snapshot(void *context, const struct trail_entry *entry)
{
	struct start *start = context;
	struct buffer scratch = {0};
	struct record record;
	int rc = entry_record(entry, &scratch, &record);

	if (!rc && record.message.snapshot.state.bytes && record.message.snapshot.core_version <= OMEGA_CORE_VERSION) {
		start->seq = entry->seq;
		start->found = true;
	}
	buffer_release(&scratch);
	return start->found ? ERR_NOT_FOUND : 0;
}

static int find_start(struct run *run, struct start *start)
{
	struct trail_query query = {.type = MESSAGE_SNAPSHOT,
				    .through_seq = run->options.from_seq ? run->options.from_seq : 1,
				    .newest_first = true,
				    .with_payload = true};
	int rc = run->options.from_seq > 1 ? trail_read(run->trail, &query, try_snapshot, start) : 0;

	return start->found ? 0 : rc;
}

/* The life that the snapshot was taken in. */
static int find_life(struct run *run, uint64_t before_seq)
{
	struct trail_query query = {.type = MESSAGE_BOOT, .through_seq = before_seq, .newest_first = true, .limit = 1};
	int rc = trail_read(run->trail, &query, note_life, run);

	return run->rc ? run->rc : rc;
}

static int take_snapshot(struct run *run, uint64_t seq)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .with_payload = true};
	int rc = trail_read(run->trail, &query, take, run);

	return run->rc ? run->rc : rc;
}

static int read_all(struct run *run)
{
	struct start start = {0};
	struct trail_query query = {0};
	int rc = find_start(run, &start);

	if (!rc && start.found)
		rc = find_life(run, start.seq);
	if (!rc && start.found)
		rc = take_snapshot(run, start.seq);
	if (rc)
		return rc;
	query.after_seq = start.seq;
	if (run->options.through_seq) /* the step of the last record may go on behind it */
		query.through_seq = run->options.through_seq + STEP_RECORDS_MAX + 1;
	rc = trail_read(run->trail, &query, take, run);
	if (run->rc || run->done)
		return run->rc;
	return rc ? rc : replay_finish(run->replay);
}

int replay_trail(struct trail *trail, const struct replay_options *options, struct replay_counts *out_counts, char out_why[256])
{
	struct run run = {.trail = trail, .options = *options};
	struct replay_options own = *options;
	int rc;

	own.each = pass_on;
	own.payload = fetch;
	own.context = &run;
	memset(out_counts, 0, sizeof(*out_counts));
	*out_why = 0;
	rc = replay_new(&own, &run.replay);
	if (rc) {
		snprintf(out_why, 256, "%s", error_sentence(rc));
		return rc;
	}
	rc = read_all(&run);
	*out_counts = *replay_counted(run.replay);
	if (rc && rc != ERR_CONFLICT)
		snprintf(out_why, 256, "%s", *replay_why(run.replay) ? replay_why(run.replay) : trail_why(trail));
	replay_free(run.replay);
	return rc;
}
