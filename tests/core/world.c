/* SPDX-License-Identifier: MIT */
#include "tests/core/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "routing/conf.h"
#include "tests/core/twin.h"
#include "tests/core/watch.h"

#define TICK_MS      20u
#define CLIENTS      3u
#define CLONES       4u
#define PEERS        (CLIENTS + CLONES + 1u) /* and an operator */
#define JOBS         4u
#define OUTBOX       16u
#define LETTERS      8192u
#define CLIENT_TASKS 24u
#define HEARTBEAT_MS 500u
#define SILENCE_MS   1600u

/* How likely each kind of trouble is in this seed, per mille and occasion. */
struct trouble {
	uint32_t break_line, doubled, die, hang, lie, kill_omega, fail, cancel, repeat, ask_person, child, drain;
};

/* What travels. Text in it stands in static tables. */
struct letter {
	uint64_t at_ms;
	uint64_t order;
	bool to_host;
	uint32_t peer;
	uint64_t epoch;
	uint64_t seq;       /* of its sender; 0: none */
	uint64_t durable;   /* in heartbeats of Omega */
	uint64_t trail_seq; /* of the record it was */
	struct message message;
	uint8_t live[JOBS * LIVE_ENTRY_BYTES];
};

struct job {
	bool busy, started, ended;
	struct id task_id, lease;
	uint32_t attempt;
	uint64_t done_ms, next_progress_ms;
	bool hung;
	bool asked_child;
	bool waiting;
};

struct kept_answer {
	uint64_t seq; /* under this epoch; 0: free */
	struct message message;
};

struct errand {
	struct id id;
	struct id key, body;
	const char *type;
	uint32_t priority, deadline_ms;
	bool sent, accepted, refused_for_good;
	uint64_t outcome_seq; /* of what the client was told first */
	uint32_t outcome_state;
	uint64_t again_ms;
};

struct peer {
	char name[NAME_BYTES];
	const char *role;
	bool clone, welcomed, dead;
	uint64_t epoch, next_seq, heard_ms, spoke_ms, back_ms;
	uint32_t slots;
	struct job job[JOBS];
	struct kept_answer outbox[OUTBOX];
	struct errand errand[CLIENT_TASKS];
	uint32_t errands;
};

/* Omega's view of a connection; gone when it is killed. */
struct line {
	uint64_t epoch, handled, heard_ms;
	bool up, late;
};

struct world {
	uint64_t random;
	uint64_t now_ms;
	bool healing;
	struct trouble trouble;
	struct twin twin;
	struct watch watch;
	struct peer peer[PEERS];
	struct line line[PEERS];
	bool broken[PEERS]; /* the connection of this epoch carries nothing any more */
	struct letter *letter;
	size_t letters;
	uint64_t order;
	size_t watched; /* records the watch has seen */
	size_t sent;    /* records whose effects have left */
	uint64_t commit_ms;
	uint64_t up_ms; /* Omega is dead until then */
	bool omega_up;
	uint32_t boots, tables, ids;
	uint32_t steps;
	struct tally *tally;
	uint64_t seed;
};

static const char *const types[] = {"security", "design", "tests"};

static const char conf_one[] = "network { lost_max = 3 breaker_failures = 4 breaker_open = 3s retry_after = 1s tasks_max = 40 }\n"
			       "clone beta { instances = 2 }\nclone gamma { instances = 2 }\n"
			       "route security { destination = beta fallbacks = {gamma} retries = 1 timeout = 4s heartbeat = 2s "
			       "start = 8s backoff_initial = 200ms "
			       "backoff_max = 1s deadline = 90s priority = high }\n"
			       "route design { destination = gamma retries = 2 timeout = 3s heartbeat = 2s start = 8s "
			       "backoff_initial = 100ms backoff_max = 2s deadline = 60s "
			       "queue_max = 6 }\n"
			       "route tests { destination = beta retries = 0 timeout = 6s heartbeat = 2s start = 10s deadline = "
			       "60s priority = low non_retryable = {limit} }\n";
static const char conf_two[] = "network { lost_max = 3 breaker_failures = 4 breaker_open = 3s retry_after = 1s tasks_max = 40 }\n"
			       "clone beta { instances = 2 }\nclone gamma { instances = 2 }\n"
			       "route security { destination = beta fallbacks = {gamma} retries = 1 timeout = 5s heartbeat = 2s "
			       "start = 8s backoff_initial = 200ms "
			       "backoff_max = 1s deadline = 90s priority = urgent }\n"
			       "route design { destination = gamma fallbacks = {beta} retries = 2 timeout = 3s heartbeat = 2s "
			       "start = 8s backoff_initial = 100ms backoff_max = 2s "
			       "deadline = 90s }\n"
			       "route tests { destination = beta retries = 0 timeout = 6s heartbeat = 2s start = 10s deadline = "
			       "60s priority = low non_retryable = {limit} }\n";

/* ---- chance ---- */

static uint64_t chance(struct world *world)
{
	uint64_t x = world->random += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint32_t below(struct world *world, uint32_t limit)
{
	return (uint32_t)(chance(world) % limit);
}

static bool happens(struct world *world, uint32_t permille)
{
	return !world->healing && below(world, 1000) < permille;
}

static struct id make_id(struct world *world, uint8_t kind)
{
	struct id id = {{kind}};
	id.bytes[12] = (uint8_t)(++world->ids >> 16);
	id.bytes[13] = (uint8_t)(world->ids >> 8);
	id.bytes[14] = (uint8_t)world->ids;
	return id;
}

static struct text say(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

/* ---- letters ---- */

static void post(struct world *world, struct letter *letter)
{
	if (world->broken[letter->peer] && !world->healing)
		return;
	if (happens(world, world->trouble.break_line)) {
		world->broken[letter->peer] = true;
		world->tally->breaks++;
		return;
	}
	unsigned copies = happens(world, world->trouble.doubled) ? 2 : 1;
	world->tally->doubles += copies - 1;
	for (unsigned i = 0; i < copies; i++) {
		assert_true(world->letters < LETTERS);
		letter->at_ms = world->now_ms + 1; /* in order, as one connection delivers */
		letter->order = ++world->order;
		world->letter[world->letters++] = *letter;
	}
}

/* From a peer; numbered within its epoch. */
static uint64_t tell_omega(struct world *world, uint32_t number, const struct message *message)
{
	struct peer *peer = &world->peer[number];
	struct letter letter = {.to_host = true, .peer = number, .epoch = peer->epoch, .message = *message};
	letter.message.header.message_id = make_id(world, 'm');
	letter.seq = message->type == MESSAGE_HEARTBEAT ? 0 : ++peer->next_seq;
	if (message->type == MESSAGE_HELLO)
		memcpy(letter.live, message->hello.live.at, message->hello.live.bytes);
	peer->spoke_ms = world->now_ms;
	post(world, &letter);
	return letter.seq;
}

static void tell_peer(struct world *world, uint32_t number, const struct message *message, uint64_t trail_seq)
{
	struct letter letter = {
		.peer = number, .epoch = world->line[number].epoch, .message = *message, .trail_seq = trail_seq, .durable = 0};
	if (message->type == MESSAGE_HEARTBEAT)
		letter.durable = message->heartbeat.durable_through;
	post(world, &letter);
}

static uint32_t peer_named(const struct world *world, const char *name)
{
	for (uint32_t i = 0; i < PEERS; i++)
		if (strcmp(world->peer[i].name, name) == 0)
			return i;
	return PEERS;
}

/* ---- Omega's host ---- */

static void host_step(struct world *world, const char *peer, const struct message *message, bool has_payload)
{
	struct event event = {.message = message, .has_payload = has_payload};
	struct records *records = malloc(sizeof(*records));
	assert_non_null(records);
	snprintf(event.peer, sizeof(event.peer), "%s", peer);
	world->twin.compare = ++world->steps % 64 == 0;
	world->twin.now_ms = world->now_ms;
	int rc = twin_step(&world->twin, &event, records);
	free(records);
	if (rc && peer[0])
		fail_msg("a message from a peer left no record");
	if (!world->commit_ms)
		world->commit_ms = world->now_ms + below(world, 3) * TICK_MS;
}

static void host_load(struct world *world, const char *text)
{
	static struct conf conf;
	static uint8_t bytes[TABLE_BYTES_MAX];
	char sentence[CONF_SENTENCE_BYTES];
	size_t used;
	if (conf_parse(text, "conf", &conf, sentence))
		fail_msg("%s", sentence);
	assert_int_equal(table_encode(&conf.table, bytes, sizeof(bytes), &used), 0);
	struct message message = {.type = MESSAGE_ROUTES_LOADED};
	message.routes_loaded =
		(struct routes_loaded){.version = ++world->tables, .who = say("omega"), .table = {bytes, (uint32_t)used}};
	host_step(world, "", &message, false);
}

static void host_boot(struct world *world)
{
	struct message message = {.type = MESSAGE_BOOT};
	message.boot.boot = make_id(world, 'o');
	message.boot.core_version = OMEGA_CORE_VERSION;
	message.boot.wall_ms = 1700000000000u + world->now_ms;
	for (size_t i = 0; i < sizeof(message.boot.seed.bytes); i++)
		message.boot.seed.bytes[i] = (uint8_t)chance(world);
	host_step(world, "", &message, false);
	if (!world->boots++ || !omega_table(world->twin.live)->route_count)
		host_load(world, conf_one);
	world->omega_up = true;
}

static void host_kill(struct world *world)
{
	world->tally->kills++;
	world->omega_up = false;
	world->up_ms = world->now_ms + 100 + below(world, 2000);
	world->commit_ms = 0;
	twin_restart(&world->twin);
	world->sent = world->twin.kept_count; /* what had not left never will */
	memset(world->line, 0, sizeof(world->line));
	size_t kept = 0;
	for (size_t i = 0; i < world->letters; i++)
		if (!world->letter[i].to_host) /* what it had sent is on its way */
			world->letter[kept++] = world->letter[i];
	world->letters = kept;
}

static void host_send(struct world *world, const struct record *record)
{
	if (strcmp(record->peer, "operators") == 0)
		return;
	uint32_t peer = peer_named(world, record->peer);
	if (peer < PEERS && world->line[peer].up)
		tell_peer(world, peer, &record->message, record->seq);
}

/* The outcome of a task that has ended, again: the very message that stands in the trail. */
static void host_tell_again(struct world *world, const struct record *follow)
{
	uint32_t peer = peer_named(world, follow->peer);
	uint64_t outcome_seq = follow->message.task_follow.known_outcome;
	if (follow->verdict || !outcome_seq || peer == PEERS || !world->line[peer].up)
		return;
	struct record record = twin_read(&world->twin.kept[outcome_seq - 1]);
	tell_peer(world, peer, &record.message, record.seq);
}

static void host_acknowledge(struct world *world, uint32_t peer)
{
	struct message message = {.type = MESSAGE_HEARTBEAT};
	message.heartbeat.durable_through = world->line[peer].handled;
	if (world->line[peer].up)
		tell_peer(world, peer, &message, 0);
}

/* What was decided is on disk: the watch looks at it, and the effects leave, unless Omega dies between two of them. */
static void host_commit(struct world *world)
{
	twin_commit(&world->twin);
	world->commit_ms = 0;
	for (; world->watched < world->twin.kept_count; world->watched++) {
		struct record record = twin_read(&world->twin.kept[world->watched]);
		watch_record(&world->watch, &record);
	}
	if (world->watch.wrong[0])
		fail_msg("%s", world->watch.wrong);
	for (; world->sent < world->twin.committed; world->sent++) {
		if (happens(world, world->trouble.kill_omega)) {
			host_kill(world);
			return;
		}
		struct record record = twin_read(&world->twin.kept[world->sent]);
		if (record.direction == DIRECTION_OUT)
			host_send(world, &record);
		else if (record.message.type == MESSAGE_TASK_FOLLOW)
			host_tell_again(world, &record);
	}
	for (uint32_t i = 0; i < PEERS; i++)
		host_acknowledge(world, i);
}

/* What the shell looks up in the trail before the step (decided from committed records only). */
static void host_stamp(struct world *world, struct message *message)
{
	struct watched *task = watch_find(&world->watch, &message->header.task_id);
	bool asks = message->type == MESSAGE_TASK_CANCEL || message->type == MESSAGE_TASK_FOLLOW;
	if (asks && omega_knows_task(world->twin.live, &message->header.task_id))
		return; /* as the shell does: the core itself has it */
	switch (message->type) {
	case MESSAGE_TASK_REQUEST:
		if (!task)
			task = watch_find_key(&world->watch, &message->task_request.key_hash);
		if (!task || omega_knows_task(world->twin.live, &task->id) || !task->end_state)
			break;
		message->task_request.known_task = task->id;
		message->task_request.known_state = task->end_state;
		message->task_request.known_body = task->body_hash;
		message->task_request.known_seq = task->number;
		break;
	case MESSAGE_TASK_CANCEL:
		message->task_cancel.known_state = task ? task->end_state : 0;
		break;
	case MESSAGE_TASK_FOLLOW:
		if (!task || !task->end_state)
			break;
		message->task_follow.known_state = task->end_state;
		message->task_follow.known_client = say(task->client);
		message->task_follow.known_outcome = task->outcome_seq;
		break;
	case MESSAGE_RECOVERY_ACTION:
		if (message->recovery_action.verb == VERB_PRUNE)
			message->recovery_action.known_seq = world->watch.records / 2;
		if (!task || !task->end_state)
			break;
		message->recovery_action.known_erased = task->erased;
		message->recovery_action.known_state = task->end_state;
		message->recovery_action.known_type = say(task->task_type);
		message->recovery_action.known_client = say(task->client);
		message->recovery_action.known_seq = task->number;
		message->recovery_action.known_attempts = task->attempts;
		break;
	default:
		break;
	}
}

static void host_receive(struct world *world, struct letter *letter)
{
	struct line *line = &world->line[letter->peer];
	struct message *message = &letter->message;
	if (message->type == MESSAGE_HELLO) {
		if (line->up && line->epoch >= letter->epoch)
			return; /* an older connection, or the same Hello twice */
		*line = (struct line){.epoch = letter->epoch, .up = true};
		message->hello.live.at = letter->live;
	} else if (!line->up || line->epoch != letter->epoch) {
		struct message refusal = {.type = MESSAGE_REFUSAL};
		refusal.refusal.code = ERROR_UNKNOWN_PEER;
		struct letter answer = {.peer = letter->peer, .epoch = letter->epoch, .message = refusal};
		post(world, &answer);
		return;
	}
	line->heard_ms = world->now_ms;
	if (message->type == MESSAGE_HEARTBEAT)
		return;
	if (letter->seq <= line->handled)
		return; /* came twice */
	line->handled = letter->seq;
	host_stamp(world, message);
	host_step(world, world->peer[letter->peer].name, message, true);
}

static void host_presence(struct world *world, uint32_t peer, enum presence presence)
{
	struct message message = {.type = MESSAGE_PRESENCE};
	message.presence_changed = (struct presence_changed){.peer = say(world->peer[peer].name), .presence = presence};
	host_step(world, "", &message, false);
}

static void host_watch_lines(struct world *world)
{
	for (uint32_t i = 0; i < PEERS; i++) {
		struct line *line = &world->line[i];
		uint64_t silent = line->up ? world->now_ms - line->heard_ms : 0;
		if (!world->peer[i].clone || !line->up)
			continue;
		if (silent > 2 * SILENCE_MS) {
			line->up = false;
			host_presence(world, i, PRESENCE_LOST);
		} else if ((silent > SILENCE_MS) != line->late) {
			line->late = !line->late;
			host_presence(world, i, line->late ? PRESENCE_LATE : PRESENCE_ALIVE);
		}
	}
}

static void host_tick(struct world *world)
{
	struct message timer = {.type = MESSAGE_TIMER};
	if (!world->omega_up) {
		if (world->now_ms >= world->up_ms)
			host_boot(world);
		return;
	}
	if (happens(world, world->trouble.kill_omega)) {
		host_kill(world);
		return;
	}
	for (unsigned guard = 0; omega_deadline(world->twin.live) <= world->now_ms; guard++) {
		if (guard > 2000)
			fail_msg("the clocks never stop");
		host_step(world, "", &timer, false);
	}
	host_watch_lines(world);
	if (happens(world, 1)) {
		struct records *records = malloc(sizeof(*records));
		assert_non_null(records);
		twin_snapshot(&world->twin, records);
		free(records);
	}
	if (happens(world, 1))
		host_load(world, below(world, 2) ? conf_one : conf_two);
	if (world->now_ms % HEARTBEAT_MS < TICK_MS)
		for (uint32_t i = 0; i < PEERS; i++)
			host_acknowledge(world, i);
	if (world->commit_ms && world->now_ms >= world->commit_ms)
		host_commit(world);
}

/* ---- what all peers do ---- */

static void say_hello(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	struct message message = {.type = MESSAGE_HELLO};
	uint8_t live[JOBS * LIVE_ENTRY_BYTES];
	uint32_t count = 0;
	peer->epoch++;
	peer->next_seq = 0;
	peer->welcomed = false;
	peer->heard_ms = world->now_ms;
	world->broken[number] = false;
	for (uint32_t i = 0; i < JOBS; i++) {
		const struct job *job = &peer->job[i];
		if (!job->busy || job->ended)
			continue;
		uint8_t *entry = live + count++ * LIVE_ENTRY_BYTES;
		memcpy(entry, job->task_id.bytes, 16);
		memset(entry + 16, 0, 3);
		entry[19] = (uint8_t)job->attempt;
		memcpy(entry + 20, job->lease.bytes, 16);
	}
	/* answers that are not durable yet belong to attempts that are still live for Omega */
	for (uint32_t i = 0; i < OUTBOX && count < JOBS; i++) {
		const struct message *kept = &peer->outbox[i].message;
		if (!peer->outbox[i].seq || (kept->type != MESSAGE_TASK_COMPLETION && kept->type != MESSAGE_TASK_FAILURE))
			continue;
		uint8_t *entry = live + count++ * LIVE_ENTRY_BYTES;
		memcpy(entry, kept->header.task_id.bytes, 16);
		memset(entry + 16, 0, 4);
		memcpy(entry + 20,
		       kept->type == MESSAGE_TASK_COMPLETION ? kept->task_completion.lease.bytes : kept->task_failure.lease.bytes,
		       16);
	}
	message.hello = (struct hello){.role = say(peer->role),
				       .peer = say(peer->name),
				       .slots = peer->slots,
				       .version_min = 1,
				       .version_max = 1,
				       .live = {live, count * LIVE_ENTRY_BYTES}};
	tell_omega(world, number, &message);
}

/* Kept until durable; said again after every Hello. */
static void answer(struct world *world, uint32_t number, const struct message *message)
{
	struct peer *peer = &world->peer[number];
	for (uint32_t i = 0; i < OUTBOX; i++) {
		if (peer->outbox[i].seq)
			continue;
		peer->outbox[i].message = *message;
		peer->outbox[i].seq = tell_omega(world, number, message);
		return;
	}
}

static void say_again(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	for (uint32_t i = 0; i < OUTBOX; i++)
		if (peer->outbox[i].seq)
			peer->outbox[i].seq = tell_omega(world, number, &peer->outbox[i].message);
}

/* ---- clones ---- */

static struct job *job_of(struct peer *peer, const struct id *lease)
{
	for (uint32_t i = 0; i < JOBS; i++)
		if (peer->job[i].busy && id_equal(&peer->job[i].lease, lease))
			return &peer->job[i];
	return NULL;
}

static void take_job(struct world *world, uint32_t number, const struct message *message)
{
	struct peer *peer = &world->peer[number];
	const struct task_assignment *facts = &message->task_assignment;
	struct message started = {.type = MESSAGE_TASK_STARTED};
	if (job_of(peer, &facts->lease))
		return;
	for (uint32_t i = 0; i < JOBS; i++) {
		struct job *job = &peer->job[i];
		if (job->busy)
			continue;
		*job = (struct job){
			.busy = true, .task_id = message->header.task_id, .lease = facts->lease, .attempt = facts->attempt};
		job->done_ms = world->now_ms + 20 + below(world, 1500);
		job->next_progress_ms = world->now_ms + 500;
		job->hung = happens(world, world->trouble.hang);
		started.header.task_id = job->task_id;
		started.task_started = (struct task_started){job->attempt, job->lease};
		answer(world, number, &started);
		return;
	}
}

static void tell_lie(struct world *world, struct message *message)
{
	struct id *lease =
		message->type == MESSAGE_TASK_COMPLETION ? &message->task_completion.lease : &message->task_failure.lease;
	world->tally->lies++;
	if (below(world, 2))
		lease->bytes[below(world, 16)] ^= 1;
	else if (world->watch.count)
		message->header.task_id = world->watch.task[below(world, (uint32_t)world->watch.count)].id;
}

static void finish_job(struct world *world, uint32_t number, struct job *job)
{
	static const uint32_t kinds[] = {ERROR_TASK_FAILED, ERROR_TASK_FAILED, ERROR_INVALID_PARAMETERS, ERROR_LIMIT,
					 ERROR_TOOL_MISSING};
	struct message message = {.type = MESSAGE_TASK_COMPLETION};
	message.header.task_id = job->task_id;
	if (happens(world, world->trouble.fail)) {
		message.type = MESSAGE_TASK_FAILURE;
		message.task_failure =
			(struct task_failure){.attempt = job->attempt, .lease = job->lease, .code = kinds[below(world, 5)]};
	} else if (happens(world, world->trouble.ask_person)) {
		message.type = MESSAGE_ERROR_ESCALATION;
		message.error_escalation = (struct error_escalation){
			.severity = SEVERITY_ERROR, .attempt = job->attempt, .lease = job->lease, .code = ERROR_TASK_FAILED};
	} else {
		message.task_completion = (struct task_completion){.attempt = job->attempt, .lease = job->lease};
	}
	if (message.type != MESSAGE_ERROR_ESCALATION && happens(world, world->trouble.lie)) {
		struct message lie = message;
		tell_lie(world, &lie);
		tell_omega(world, number, &lie);
	}
	answer(world, number, &message);
	if (happens(world, world->trouble.lie))
		answer(world, number, &message); /* the same result twice */
	job->busy = false;
}

static void stop_job(struct world *world, uint32_t number, const struct message *message)
{
	struct job *job = job_of(&world->peer[number], &message->task_cancel.lease);
	if (!job || happens(world, world->trouble.lie))
		return; /* deaf: goes on, and answers too late */
	struct message failure = {.type = MESSAGE_TASK_FAILURE};
	failure.header.task_id = job->task_id;
	failure.task_failure = (struct task_failure){
		.attempt = job->attempt, .lease = job->lease, .code = ERROR_CANCELLED, .processes_ended = 1};
	job->busy = false;
	answer(world, number, &failure);
}

/* The same in every attempt of the parent, on whichever instance. */
static struct id child_of(const struct id *parent)
{
	struct id child = *parent;
	child.bytes[1]++;
	return child;
}

static void ask_for_help(struct world *world, uint32_t number, struct job *job)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	message.header.task_id = child_of(&job->task_id);
	message.task_request.task_type = say(types[job->task_id.bytes[14] % 3]);
	message.task_request.parent = job->task_id;
	message.task_request.parent_lease = job->lease;
	message.task_request.body_hash = message.header.task_id;
	job->asked_child = true;
	job->waiting = below(world, 2);
	world->tally->children++;
	tell_omega(world, number, &message);
}

/* Asks what became of a child, or ends it; also of children that are not this attempt's. */
static void ask_about_child(struct world *world, uint32_t number, const struct job *job)
{
	struct message message = {.type = below(world, 2) ? MESSAGE_TASK_FOLLOW : MESSAGE_TASK_CANCEL};
	message.header.task_id = child_of(&job->task_id);
	if (happens(world, world->trouble.lie) && world->watch.count)
		message.header.task_id = world->watch.task[below(world, (uint32_t)world->watch.count)].id;
	tell_omega(world, number, &message);
}

static void work(struct world *world, uint32_t number, struct job *job)
{
	if (!job->busy || job->hung)
		return;
	if (job->asked_child && happens(world, world->trouble.child / 2))
		ask_about_child(world, number, job);
	if (!job->asked_child && happens(world, world->trouble.child))
		ask_for_help(world, number, job);
	if (world->now_ms >= job->next_progress_ms) {
		struct message message = {.type = MESSAGE_TASK_PROGRESS};
		message.header.task_id = job->task_id;
		message.task_progress =
			(struct task_progress){.attempt = job->attempt, .lease = job->lease, .waiting = job->waiting};
		job->next_progress_ms += 500;
		job->waiting = false;
		tell_omega(world, number, &message);
	}
	if (world->now_ms >= job->done_ms)
		finish_job(world, number, job);
}

static void die(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	memset(peer->job, 0, sizeof(peer->job));
	memset(peer->outbox, 0, sizeof(peer->outbox));
	peer->dead = true;
	peer->back_ms = world->now_ms + 50 + below(world, 6000);
	world->broken[number] = true;
	world->tally->deaths++;
}

/* ---- clients and the operator ---- */

static void send_errand(struct world *world, uint32_t number, struct errand *errand)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	message.header.task_id = errand->id;
	message.task_request = (struct task_request){.task_type = say(errand->type),
						     .priority = errand->priority,
						     .deadline_ms = errand->deadline_ms,
						     .key_hash = errand->key,
						     .body_hash = errand->body};
	errand->sent = true;
	errand->again_ms = world->now_ms + 800 + below(world, 800);
	tell_omega(world, number, &message);
}

static void new_errand(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	struct errand *errand = &peer->errand[peer->errands++];
	errand->id = make_id(world, 't');
	errand->key = below(world, 3) ? make_id(world, 'k') : (struct id){{0}};
	errand->body = make_id(world, 'b');
	errand->type = types[below(world, 3)];
	errand->priority = below(world, 5);
	errand->deadline_ms = below(world, 4) ? 0 : 5000 + below(world, 20000);
	send_errand(world, number, errand);
}

static void ask_about(struct world *world, uint32_t number, struct errand *errand)
{
	struct message message = {.type = MESSAGE_TASK_FOLLOW};
	message.header.task_id = errand->id;
	if (happens(world, world->trouble.cancel))
		message.type = MESSAGE_TASK_CANCEL;
	errand->again_ms = world->now_ms + 1500;
	tell_omega(world, number, &message);
}

static void client_tick(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	if (!world->healing && peer->errands < CLIENT_TASKS && below(world, 1000) < 25)
		new_errand(world, number);
	for (uint32_t i = 0; i < peer->errands; i++) {
		struct errand *errand = &peer->errand[i];
		if (errand->refused_for_good || (errand->outcome_seq && !happens(world, 1)))
			continue;
		if (happens(world, world->trouble.repeat / 20))
			send_errand(world, number, errand);
		else if (world->now_ms >= errand->again_ms && !errand->accepted)
			send_errand(world, number, errand);
		else if (world->now_ms >= errand->again_ms)
			ask_about(world, number, errand);
	}
}

static struct errand *errand_of(struct peer *peer, const struct id *task_id)
{
	for (uint32_t i = 0; i < peer->errands; i++)
		if (id_equal(&peer->errand[i].id, task_id))
			return &peer->errand[i];
	return NULL;
}

/* A client is told one outcome, however often; only an operator's revival makes another. */
static void hear_outcome(struct world *world, uint32_t number, const struct letter *letter)
{
	struct errand *errand = errand_of(&world->peer[number], &letter->message.header.task_id);
	if (!errand)
		return;
	uint32_t state =
		letter->message.type == MESSAGE_TASK_COMPLETION ? (uint32_t)STATE_COMPLETED : letter->message.task_failure.state;
	bool revivable = errand->outcome_state == STATE_FAILED || errand->outcome_state == STATE_EXPIRED;
	if (errand->outcome_seq && !revivable && errand->outcome_state != state)
		fail_msg("a client was told two outcomes of one task");
	errand->accepted = true;
	errand->outcome_seq = letter->trail_seq;
	errand->outcome_state = state;
}

static void hear_refusal(struct world *world, uint32_t number, const struct letter *letter)
{
	struct peer *peer = &world->peer[number];
	const struct refusal *facts = &letter->message.refusal;
	if (facts->code == ERROR_UNKNOWN_PEER) {
		say_hello(world, number);
		return;
	}
	struct errand *errand = errand_of(peer, &letter->message.header.task_id);
	if (facts->code == ERROR_OVERLOADED) {
		world->tally->refused++;
		if (!facts->retry_after_ms)
			fail_msg("a refusal for overload does not say when to try again");
	} else if (errand && facts->refused_type == MESSAGE_TASK_REQUEST) {
		errand->refused_for_good = true;
	}
}

static void operator_tick(struct world *world, uint32_t number)
{
	static const uint32_t verbs[] = {VERB_RETRY,  VERB_REPLAY,     VERB_REASSIGN,  VERB_RESOLVE,   VERB_FAIL,  VERB_DRAIN,
					 VERB_RESUME, VERB_QUARANTINE, VERB_REINSTATE, VERB_REINSTATE, VERB_ERASE, VERB_PRUNE};
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};
	if (!happens(world, world->trouble.drain) || !world->watch.count)
		return;
	message.recovery_action.verb = verbs[below(world, 12)];
	if (message.recovery_action.verb < VERB_DRAIN || message.recovery_action.verb == VERB_ERASE)
		message.header.task_id = world->watch.task[below(world, (uint32_t)world->watch.count)].id;
	message.recovery_action.target = say(below(world, 2) ? "gamma" : "beta/1");
	tell_omega(world, number, &message);
}

/* ---- everybody ---- */

static void peer_receive(struct world *world, const struct letter *letter)
{
	struct peer *peer = &world->peer[letter->peer];
	if (peer->dead || letter->epoch != peer->epoch)
		return;
	peer->heard_ms = world->now_ms;
	switch (letter->message.type) {
	case MESSAGE_WELCOME:
		peer->welcomed = true;
		say_again(world, letter->peer);
		break;
	case MESSAGE_HEARTBEAT:
		for (uint32_t i = 0; i < OUTBOX; i++)
			if (peer->outbox[i].seq && peer->outbox[i].seq <= letter->durable)
				peer->outbox[i].seq = 0;
		break;
	case MESSAGE_REFUSAL:
		hear_refusal(world, letter->peer, letter);
		break;
	case MESSAGE_TASK_ACCEPTED: {
		struct errand *errand = errand_of(peer, &letter->message.header.task_id);
		if (errand)
			errand->accepted = true;
		break;
	}
	case MESSAGE_TASK_ASSIGNMENT:
		take_job(world, letter->peer, &letter->message);
		break;
	case MESSAGE_TASK_CANCEL:
		stop_job(world, letter->peer, &letter->message);
		break;
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
		hear_outcome(world, letter->peer, letter);
		break;
	default:
		break;
	}
}

static void peer_tick(struct world *world, uint32_t number)
{
	struct peer *peer = &world->peer[number];
	if (peer->dead) {
		if (world->now_ms < peer->back_ms && !world->healing)
			return;
		peer->dead = false;
		say_hello(world, number);
		return;
	}
	if (peer->clone && happens(world, world->trouble.die)) {
		die(world, number);
		return;
	}
	if (world->now_ms - peer->heard_ms > SILENCE_MS)
		say_hello(world, number);
	if (world->now_ms - peer->spoke_ms > HEARTBEAT_MS) {
		struct message message = {.type = MESSAGE_HEARTBEAT};
		tell_omega(world, number, &message);
	}
	if (!peer->welcomed)
		return;
	if (number < CLIENTS)
		client_tick(world, number);
	else if (peer->clone)
		for (uint32_t i = 0; i < JOBS; i++)
			work(world, number, &peer->job[i]);
	else
		operator_tick(world, number);
}

static void deliver(struct world *world)
{
	size_t due = world->letters;
	for (size_t i = 0; i < due; i++) {
		struct letter letter = world->letter[i];
		bool lost = world->broken[letter.peer] && !world->healing && letter.message.type != MESSAGE_REFUSAL &&
			    letter.epoch == world->peer[letter.peer].epoch;
		if (lost || (letter.to_host && !world->omega_up))
			continue;
		if (letter.to_host)
			host_receive(world, &letter);
		else
			peer_receive(world, &letter);
	}
	if (due > world->letters) /* Omega was killed meanwhile */
		due = world->letters;
	memmove(world->letter, world->letter + due, (world->letters - due) * sizeof(*world->letter));
	world->letters -= due;
}

static void name_peers(struct world *world)
{
	static const char *const clones[CLONES] = {"beta/1", "beta/2", "gamma/1", "gamma/2"};
	for (uint32_t i = 0; i < CLIENTS; i++) {
		snprintf(world->peer[i].name, NAME_BYTES, "client/c%u/1", i);
		world->peer[i].role = "client";
	}
	for (uint32_t i = 0; i < CLONES; i++) {
		struct peer *peer = &world->peer[CLIENTS + i];
		snprintf(peer->name, NAME_BYTES, "%s", clones[i]);
		peer->role = i < 2 ? "beta" : "gamma";
		peer->clone = true;
		peer->slots = 1 + below(world, 3);
	}
	snprintf(world->peer[PEERS - 1].name, NAME_BYTES, "operator/olga/1");
	world->peer[PEERS - 1].role = "operator";
}

static void draw_trouble(struct world *world)
{
	uint32_t *knob = (uint32_t *)&world->trouble;
	static const uint32_t most[] = {15, 50, 3, 60, 150, 4, 300, 100, 300, 60, 20, 10};
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
		knob[i] = below(world, 3) ? below(world, most[i] + 1) : 0; /* each kind is absent in a third of the seeds */
}

static void tick(struct world *world)
{
	world->now_ms += TICK_MS;
	deliver(world);
	host_tick(world);
	for (uint32_t i = 0; i < PEERS; i++)
		peer_tick(world, i);
}

/* Operators put right what they had taken out, so that everything can come to its end. */
static void heal(struct world *world)
{
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};
	static const char *const roles[] = {"beta", "gamma"};
	world->healing = true;
	for (uint32_t i = 0; i < PEERS; i++)
		for (uint32_t j = 0; j < JOBS; j++)
			world->peer[i].job[j].hung = false;
	for (uint32_t i = 0; i < PEERS; i++)
		if (world->broken[i]) /* what a broken line has swallowed does not come back */
			say_hello(world, i);
	for (unsigned i = 0; i < 200; i++)
		tick(world);
	for (unsigned i = 0; i < 2; i++) {
		message.recovery_action.verb = VERB_REINSTATE;
		message.recovery_action.target = say(roles[i]);
		tell_omega(world, PEERS - 1, &message);
	}
}

static bool all_told(const struct world *world)
{
	struct omega_counters counters;
	omega_count(world->twin.live, &counters);
	if (counters.live || !world->omega_up)
		return false;
	for (uint32_t c = 0; c < CLIENTS; c++)
		for (uint32_t i = 0; i < world->peer[c].errands; i++)
			if (!world->peer[c].errand[i].refused_for_good && !world->peer[c].errand[i].outcome_seq)
				return false;
	return true;
}

static void show_what_is_left(struct world *world)
{
	struct task_view view;
	for (size_t i = 0; i < world->watch.count; i++)
		if (omega_task(world->twin.live, &world->watch.task[i].id, &view) == 0)
			fprintf(stderr, "task %zu %s is %s%s, attempts %u, clone %s, next clock in %lld ms\n", i, view.task_type,
				state_name(view.state), view.escalated ? " (escalated)" : "", view.attempts, view.clone,
				(long long)(view.wake_ms - world->now_ms));
	for (uint32_t c = 0; c < CLIENTS; c++)
		for (uint32_t i = 0; i < world->peer[c].errands; i++) {
			const struct errand *errand = &world->peer[c].errand[i];
			if (errand->refused_for_good || errand->outcome_seq)
				continue;
			const struct watched *task = watch_find(&world->watch, &errand->id);
			fprintf(stderr, "%s errand %u: accepted %d, in the trail %s\n", world->peer[c].name, i, errand->accepted,
				!task             ? "never"
				: task->end_state ? state_name(task->end_state)
						  : "live");
		}
}

static void count_up(struct world *world)
{
	struct tally *tally = world->tally;
	struct omega_counters counters;
	omega_count(world->twin.live, &counters);
	tally->seeds++;
	tally->records += world->watch.records;
	tally->tasks += world->watch.accepted;
	tally->revived += world->watch.revived;
	tally->superseded += counters.superseded;
	tally->cancelled += counters.cancelled;
	tally->retried += world->watch.by_type[MESSAGE_RETRY_SCHEDULED];
	for (size_t i = 0; i < world->watch.count; i++)
		tally->lost += world->watch.task[i].lost;
	if (world->watch.accepted + world->watch.revived != world->watch.ended)
		fail_msg("%llu tasks were accepted or revived, %llu ended",
			 (unsigned long long)(world->watch.accepted + world->watch.revived),
			 (unsigned long long)world->watch.ended);
}

void (*world_ended)(const struct twin *twin);

void world_run(uint64_t seed, struct tally *tally)
{
	struct world *world = calloc(1, sizeof(*world));
	struct omega_limits limits = {.tasks_max = 64, .recent_max = 8};
	assert_non_null(world);
	world->letter = calloc(LETTERS, sizeof(*world->letter));
	assert_non_null(world->letter);
	world->random = seed;
	world->seed = seed;
	world->tally = tally;
	draw_trouble(world);
	name_peers(world);
	twin_init(&world->twin, &limits);
	host_boot(world);
	for (uint32_t i = 0; i < PEERS; i++)
		say_hello(world, i);
	for (unsigned i = 0; i < 2000; i++)
		tick(world);
	heal(world);
	for (unsigned i = 0; i < 15000 && !all_told(world); i++)
		tick(world);
	if (!all_told(world))
		show_what_is_left(world);
	if (!all_told(world))
		fail_msg("the world is healed, but not every task has come to its end");
	host_commit(world); /* what ended last may not have been */
	count_up(world);
	twin_compare(&world->twin);
	if (world_ended)
		world_ended(&world->twin);
	twin_release(&world->twin);
	free(world->letter);
	free(world);
}
