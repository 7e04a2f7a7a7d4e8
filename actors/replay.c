/* SPDX-License-Identifier: MIT
 *
 * Takes a trail's records, gathers those of one step, has the step decided again and compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actors/replay_inner.h"
#include "actors/shell.h"

static struct bytes span_of(const struct buffer *buffer)
{
	return (struct bytes){buffer->at, (uint32_t)buffer->bytes};
}

static int fail(struct replay *replay, int rc, uint64_t seq, const char *what)
{
	snprintf(replay->why, sizeof(replay->why), "record %llu: %s", (unsigned long long)seq, what);
	return rc;
}

/* ---- memory ---- */

/* One file in memory, seen twice: as the core, and as a copy of it that costs only the pages it changes. */
static int map_core(struct replay *replay)
{
	replay->memory_bytes = omega_bytes(&replay->options.limits);
	replay->memory_fd = memfd_create("replayed core", MFD_CLOEXEC);
	if (replay->memory_fd < 0 || ftruncate(replay->memory_fd, (off_t)replay->memory_bytes))
		return ERR_SYSTEM;
	replay->memory = mmap(NULL, replay->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, replay->memory_fd, 0);
	replay->copy =
		mmap(NULL, replay->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, replay->memory_fd, 0);
	if (replay->memory == MAP_FAILED || replay->copy == MAP_FAILED)
		return ERR_MEMORY;
	return omega_init(replay->memory, replay->memory_bytes, &replay->options.limits, &replay->omega);
}

struct omega *replay_copy(struct replay *replay)
{
	madvise(replay->copy, replay->memory_bytes, MADV_DONTNEED); /* what an earlier use has changed is thrown away */
	return omega_copied(replay->copy);
}

int replay_new(const struct replay_options *options, struct replay **out_replay)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int rc = ERR_MEMORY;

	if (!replay)
		return ERR_MEMORY;
	replay->options = *options;
	if (!options->limits.tasks_max)
		replay->options.limits = (struct omega_limits){.tasks_max = TASKS_MAX, .recent_max = RECENT_MAX};
	replay->memory_fd = -1;
	replay->memory = replay->copy = MAP_FAILED;
	replay->begun = !options->from_seq;
	replay->decided = calloc(1, sizeof(*replay->decided));
	replay->supposed = calloc(1, sizeof(*replay->supposed));
	replay->shell = calloc(1, sizeof(*replay->shell));
	if (replay->decided && replay->supposed && replay->shell)
		rc = map_core(replay);
	if (rc) {
		replay_free(replay);
		return rc;
	}
	*out_replay = replay;
	return 0;
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	if (replay->memory != MAP_FAILED)
		munmap(replay->memory, replay->memory_bytes);
	if (replay->copy != MAP_FAILED)
		munmap(replay->copy, replay->memory_bytes);
	if (replay->memory_fd >= 0)
		close(replay->memory_fd);
	free(replay->decided);
	free(replay->supposed);
	free(replay->shell);
	buffer_release(&replay->group.bytes);
	buffer_release(&replay->event_bytes);
	buffer_release(&replay->recorded_bytes);
	buffer_release(&replay->header);
	buffer_release(&replay->facts);
	buffer_release(&replay->payload);
	buffer_release(&replay->body);
	buffer_release(&replay->state);
	free(replay->told);
	free(replay->other_bytes);
	free(replay);
}

const struct replay_counts *replay_counted(const struct replay *replay)
{
	return &replay->counts;
}

const char *replay_why(const struct replay *replay)
{
	return replay->why;
}

/* ---- payloads ---- */

static int fetch_payload(struct replay *replay, uint64_t seq)
{
	replay->body.bytes = 0;
	return replay->options.payload ? replay->options.payload(replay->options.context, seq, &replay->body) : ERR_NOT_FOUND;
}

/* The state in a Snapshot is that of the core when it was taken. */
static int compare_state(struct replay *replay, const struct trail_entry *entry, const struct message *message)
{
	struct message recorded = {.type = MESSAGE_SNAPSHOT};
	uint64_t before = replay->counts.differences;
	size_t bytes = 0, at = 0;
	char value[64];
	int rc = fetch_payload(replay, entry->seq);

	if (rc == ERR_NOT_FOUND) {
		replay->counts.snapshots_gone++;
		return 0;
	}
	recorded.payload = span_of(&replay->body);
	if (!rc)
		rc = message_decode_payload(&recorded);
	if (rc)
		return fail(replay, rc, entry->seq, "the state in it cannot be read");
	rc = omega_save(replay->omega, replay->state.at, replay->state.capacity, &bytes);
	if (rc == ERR_FULL) {
		free(replay->state.at);
		replay->state = (struct buffer){.at = malloc(bytes), .capacity = bytes};
		rc = replay->state.at ? omega_save(replay->omega, replay->state.at, bytes, &bytes) : ERR_MEMORY;
	}
	if (rc)
		return fail(replay, rc, entry->seq, "no memory for the state");
	replay->counts.snapshots++;
	if (message->snapshot.state_bytes != bytes)
		replay_tell_number(replay, entry, "state_bytes", message->snapshot.state_bytes, bytes);
	while (at < bytes && at < recorded.snapshot.state.bytes && replay->state.at[at] == recorded.snapshot.state.at[at])
		at++;
	if (at == bytes && at == recorded.snapshot.state.bytes)
		return replay->counts.differences > before ? ERR_CONFLICT : 0;
	snprintf(value, sizeof(value), "another state, from byte %zu of %zu on", at, bytes);
	replay_tell(replay, entry, "state", "a state", value);
	return ERR_CONFLICT;
}

/* ---- sentences ---- */

static bool made_again(const struct replay *replay, const struct message *message, const struct message *event)
{
	bool by_shell = event->type == MESSAGE_STATUS_QUERY ||
			(event->type == MESSAGE_RECOVERY_ACTION && event->recovery_action.verb >= VERB_RELOAD_ROUTES);

	if (message->type == MESSAGE_REFUSAL && message->refusal.code == ERROR_SECRET)
		return false; /* it says which one */
	return replay->own_texts && !message->header.masked && !by_shell &&
	       (message->type == MESSAGE_REFUSAL || message->type == MESSAGE_TASK_FAILURE ||
		message->type == MESSAGE_ERROR_ESCALATION || message->type == MESSAGE_RECOVERY_RESULT);
}

/* Writes the sentence that goes with a decided record as the shell does, and compares. */
static int compare_text(struct replay *replay, const struct trail_entry *entry, struct record *decided, const struct event *event)
{
	int rc;

	if (!made_again(replay, &decided->message, event->message)) {
		replay->counts.texts_left++;
		return 0;
	}
	rc = fetch_payload(replay, entry->seq);
	if (rc == ERR_NOT_FOUND) {
		replay->counts.texts_left++;
		return 0;
	}
	replay->shell->omega = replay->omega;
	replay->shell->event = event;
	replay->payload.bytes = 0;
	text_write(replay->shell, decided);
	if (!rc)
		rc = message_encode_payload(&decided->message, &replay->payload);
	if (rc)
		return fail(replay, rc, entry->seq, "its sentence cannot be read");
	replay->counts.texts++;
	if (replay->payload.bytes == replay->body.bytes && memcmp(replay->payload.at, replay->body.at, replay->body.bytes) == 0)
		return 0;
	replay_tell(replay, entry, "payload", "another sentence", "what this program writes there");
	return ERR_CONFLICT;
}

/* ---- comparing ---- */

/* What the shell wrote into a message that goes out, taken over from where it is recorded. */
static void take_stamps(struct replay *replay, const struct trail_entry *entry, struct record *decided)
{
	bool is_welcome = decided->message.type == MESSAGE_WELCOME && entry->type == MESSAGE_WELCOME;
	bool is_marked = entry->header.bytes && entry->header.at[0] == (0x90 | 9); /* the ninth element says so */
	struct record recorded;

	if (decided->direction != DIRECTION_OUT)
		return;
	decided->message.header.sender_seq = entry->sender_seq;
	decided->message.header.sent_at_ms = entry->wall_ms;
	if (!is_welcome && !is_marked)
		return;
	if (entry_record(entry, &replay->recorded_bytes, &recorded))
		return; /* what cannot be read will differ */
	decided->message.header.masked = recorded.message.header.masked;
	if (is_welcome)
		decided->message.welcome.heartbeat_ms = recorded.message.welcome.heartbeat_ms;
}

static bool same_span(struct bytes a, struct bytes b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

static bool same_row(const struct trail_entry *a, const struct trail_entry *b)
{
	return a->seq == b->seq && id_equal(&a->boot, &b->boot) && a->now_ms == b->now_ms && a->direction == b->direction &&
	       a->type == b->type && a->verdict == b->verdict && strcmp(a->peer, b->peer) == 0 &&
	       id_equal(&a->message_id, &b->message_id) && id_equal(&a->task_id, &b->task_id) &&
	       a->task_number == b->task_number && a->attempt == b->attempt && a->sender_seq == b->sender_seq &&
	       a->payload_seq == b->payload_seq && a->end_state == b->end_state && a->revives == b->revives &&
	       id_equal(&a->key_hash, &b->key_hash) && id_equal(&a->body_hash, &b->body_hash) &&
	       same_span(a->header, b->header) && same_span(a->facts, b->facts);
}

static int compare_record(struct replay *replay, const struct trail_entry *entry, struct record *decided, uint64_t *ended)
{
	struct trail_entry row;
	int rc;

	take_stamps(replay, entry, decided);
	replay->header.bytes = replay->facts.bytes = 0;
	rc = message_encode_header(&decided->message, &replay->header);
	if (!rc)
		rc = message_encode_facts(&decided->message, &replay->facts);
	if (rc)
		return fail(replay, rc, entry->seq, "what was decided cannot be encoded");
	entry_fill(&row, decided, span_of(&replay->header), span_of(&replay->facts), ended);
	row.boot = replay->boot;
	replay->counts.compared++;
	if (same_row(entry, &row))
		return 0;
	rc = replay_tell_row(replay, entry, &row);
	return rc ? rc : ERR_CONFLICT;
}

/* Something was recorded that nobody decides, or decided and not recorded. */
static int tell_count(struct replay *replay, size_t at)
{
	const struct group *group = &replay->group;
	struct trail_entry missing = {.seq = group->entry[group->count - 1].seq + 1};
	const struct trail_entry *entry = at < group->count ? &group->entry[at] : &missing;
	char recorded[REPLAY_VALUE_BYTES] = "nothing", decided[REPLAY_VALUE_BYTES] = "nothing";

	if (at < group->count) {
		record_sketch(entry->direction, entry->type, entry->peer, recorded);
	} else {
		const struct record *record = &replay->decided->item[at];

		missing.type = record->message.type;
		missing.task_id = record->message.header.task_id;
		memcpy(missing.peer, record->peer, NAME_BYTES);
		record_sketch(record->direction, record->message.type, record->peer, decided);
	}
	replay_tell(replay, entry, "record", recorded, decided);
	return ERR_CONFLICT;
}

static int compare_step(struct replay *replay, const struct event *event)
{
	const struct group *group = &replay->group;
	struct records *decided = replay->decided;
	uint64_t ended = 0;
	int rc = 0;

	for (size_t i = 0; i < group->count && !rc; i++) {
		if (i >= decided->count)
			return tell_count(replay, i);
		rc = compare_record(replay, &group->entry[i], &decided->item[i], &ended);
		if (!rc && group->entry[i].direction == TRAIL_OUT && group->entry[i].payload_seq == group->entry[i].seq)
			rc = compare_text(replay, &group->entry[i], &decided->item[i], event);
	}
	return !rc && decided->count > group->count ? tell_count(replay, group->count) : rc;
}

/* ---- one step ---- */

/* A task that the core has ended lately is known to it: what it writes into the record itself must not be fed to it. */
static void forget_own_stamps(const struct replay *replay, struct message *message)
{
	const struct id *task_id = &message->header.task_id;
	struct task_view view;

	if (message->type != MESSAGE_TASK_FOLLOW || !omega_knows_task(replay->omega, task_id) ||
	    omega_task(replay->omega, task_id, &view) == 0)
		return;
	message->task_follow.known_state = STATE_NONE;
	message->task_follow.known_client = (struct text){0};
	message->task_follow.known_outcome = 0;
}

static int decide(struct replay *replay, const struct trail_entry *first, struct record *in)
{
	struct event event = {.message = &in->message, .has_payload = first->payload_seq == first->seq};
	int rc = 0;

	memcpy(event.peer, first->peer, NAME_BYTES);
	forget_own_stamps(replay, &in->message);
	event.verdict = replay_verdict(replay, &event, first);
	if (first->type == MESSAGE_SNAPSHOT)
		rc = compare_state(replay, first, &in->message);
	if (!rc && replay->options.other)
		rc = replay_suppose(replay, &event);
	if (rc)
		return rc;
	replay->counts.steps++;
	if (omega_step(replay->omega, first->now_ms, &event, replay->decided))
		replay->decided->count = 0;
	rc = compare_step(replay, &event);
	if (!rc && replay->options.other)
		replay_compare_fates(replay);
	return rc;
}

static void span_group(struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		struct trail_entry *entry = &group->entry[i];

		entry->header.at = group->bytes.at + group->at[i];
		entry->facts.at = entry->header.at + entry->header.bytes;
	}
}

/* The records of a step are all there. */
static int close_group(struct replay *replay)
{
	struct group *group = &replay->group;
	struct record in;
	int rc;

	if (!group->count)
		return 0;
	span_group(group);
	rc = entry_record(&group->entry[0], &replay->event_bytes, &in);
	if (rc)
		rc = fail(replay, ERR_CORRUPT, group->entry[0].seq, "its bytes are no message");
	else
		rc = decide(replay, &group->entry[0], &in);
	if (!replay->counts.first_seq)
		replay->counts.first_seq = group->entry[0].seq;
	replay->counts.last_seq = group->entry[group->count - 1].seq;
	replay->over = replay->options.through_seq && replay->counts.last_seq >= replay->options.through_seq;
	group->count = 0;
	group->bytes.bytes = 0;
	return rc;
}

static int add_to_group(struct replay *replay, const struct trail_entry *entry)
{
	struct group *group = &replay->group;
	size_t at = group->bytes.bytes;

	if (group->count > STEP_RECORDS_MAX)
		return 0;
	if (buffer_append(&group->bytes, entry->header.at, entry->header.bytes) ||
	    buffer_append(&group->bytes, entry->facts.at, entry->facts.bytes))
		return fail(replay, ERR_MEMORY, entry->seq, "out of memory");
	group->entry[group->count] = *entry;
	group->at[group->count++] = at;
	return 0;
}

/* ---- taking records ---- */

/* Erased follows from an operator's action, or is what the retention in routing.conf asks for. */
static bool is_event(const struct replay *replay, const struct trail_entry *entry)
{
	if (entry->direction != TRAIL_INNER)
		return entry->direction == TRAIL_IN;
	if (entry->type == MESSAGE_ERASED)
		return !replay->after_action;
	return entry->type != MESSAGE_RETRY_SCHEDULED;
}

static int apply(struct replay *replay, const struct trail_entry *entry)
{
	struct record record;
	int rc = entry_record(entry, &replay->event_bytes, &record);

	if (rc)
		return fail(replay, ERR_CORRUPT, entry->seq, "its bytes are no message");
	rc = omega_apply(replay->omega, &record);
	if (rc == ERR_NEWER)
		return fail(replay, rc, entry->seq, "its state was saved by a newer core");
	if (rc)
		return fail(replay, rc, entry->seq, "it does not follow from those before it");
	replay->counts.applied++;
	replay->counts.applied_other += replay->begun;
	return 0;
}

int replay_life(struct replay *replay, const struct trail_entry *boot)
{
	static const char software[] = "bunshin " BUNSHIN_VERSION;
	struct record record;
	const struct text *by = &record.message.boot.software;

	if (boot->type != MESSAGE_BOOT || entry_record(boot, &replay->recorded_bytes, &record))
		return fail(replay, ERR_CORRUPT, boot->seq, "it is no Boot");
	replay->boot = record.message.boot.boot;
	replay->comparing = record.message.boot.core_version == OMEGA_CORE_VERSION;
	replay->own_texts = by->bytes == sizeof(software) - 1 && memcmp(by->at, software, by->bytes) == 0;
	return 0;
}

/* A new stretch begins, or what is compared. */
static int begin(struct replay *replay, const struct trail_entry *entry)
{
	bool boots = entry->type == MESSAGE_BOOT;
	int rc = boots ? replay_life(replay, entry) : 0;
	bool begins = !replay->begun && entry->seq >= replay->options.from_seq;

	replay->begun |= begins;
	if (replay->begun && (boots || begins)) {
		replay->counts.stretches++;
		replay->counts.stretches_other += !replay->comparing;
	}
	return rc;
}

int replay_take(struct replay *replay, const struct trail_entry *entry)
{
	bool event = is_event(replay, entry);
	int rc = event ? close_group(replay) : 0;

	replay->after_action = entry->direction == TRAIL_IN && entry->type == MESSAGE_RECOVERY_ACTION;
	if (rc || replay->over)
		return rc;
	if (entry->type == MESSAGE_SNAPSHOT && omega_next_seq(replay->omega) == 1)
		return apply(replay, entry);
	if (event)
		rc = begin(replay, entry);
	if (rc)
		return rc;
	if (replay->begun && replay->comparing && (event || replay->group.count))
		return add_to_group(replay, entry);
	return apply(replay, entry);
}

int replay_finish(struct replay *replay)
{
	return close_group(replay);
}
