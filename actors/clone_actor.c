/* SPDX-License-Identifier: MIT
 *
 * The clone's process: it joins, takes assignments into its slots, and goes on whatever becomes of Omega.
 */
#include "actors/clone_actor.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/clone_inner.h"
#include "actors/fresh.h"
#include "actors/salvage.h"
#include "protocol/id.h"

#define DRAIN_MS         3000u /* at a stop: what ends by itself in this time may */
#define CLOSING_MS       1000u /* and this long the last words may wait for Omega */
#define IDLE_MS          60000u
#define SALVAGE_EVERY_MS 2000u

/* ---- slots ---- */

static uint32_t attempts_here(const struct clone_actor *clone)
{
	uint32_t here = 0;

	for (uint32_t i = 0; i < clone->room; i++)
		here += clone->running[i].phase != RUNNING_FREE;
	return here;
}

/* Those that wait for child tasks have given theirs back; more may run than there are slots when they go on. */
static uint32_t used_slots(const struct clone_actor *clone)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < clone->room; i++)
		used += clone->running[i].phase != RUNNING_FREE && !clone->running[i].waiting_said;
	return used < clone->options->slots ? used : clone->options->slots;
}

static struct running *free_slot(struct clone_actor *clone)
{
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].phase == RUNNING_FREE)
			return &clone->running[i];
	return NULL;
}

static struct running *find_lease(struct clone_actor *clone, const struct id *lease)
{
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].phase != RUNNING_FREE && id_equal(&clone->running[i].lease, lease))
			return &clone->running[i];
	return NULL;
}

/* ---- messages ---- */

/* An attempt that waits for a child task has given its slot back, so there may be more assignments than slots. */
static void take_assignment(struct clone_actor *clone, const struct message *message)
{
	const struct task_assignment *facts = &message->task_assignment;
	struct running *running = free_slot(clone);

	if (find_lease(clone, &facts->lease))
		return;
	if (clone->draining || clone->stopping)
		words_say_refused(clone, message, facts->attempt, &facts->lease, ERROR_DRAINING);
	else if (!running)
		words_say_refused(clone, message, facts->attempt, &facts->lease, ERROR_BUSY);
	else
		running_start(clone, running, message);
}

static void take_cancel(struct clone_actor *clone, const struct message *message)
{
	const struct task_cancel *facts = &message->task_cancel;
	struct running *running = find_lease(clone, &facts->lease);

	if (running)
		running_end(clone, running, facts->code ? facts->code : ERROR_CANCELLED);
	else
		words_say_refused(clone, message, facts->attempt, &facts->lease, facts->code ? facts->code : ERROR_CANCELLED);
}

static void take_recovery(struct clone_actor *clone, const struct message *message)
{
	struct message result = {.type = MESSAGE_RECOVERY_RESULT};
	uint32_t verb = message->recovery_action.verb;

	if (verb == VERB_DRAIN)
		clone->draining = true;
	else if (verb == VERB_RESUME)
		clone->draining = false;
	else if (verb == VERB_RESTART)
		clone->stopping = true;
	else
		result.recovery_result.code = ERROR_STATE;
	result.header.correlation = message->header.message_id;
	result.recovery_result.verb = verb;
	if (link_say(clone->link, &result, true))
		clone->rc = ERR_MEMORY;
}

static void take_query(struct clone_actor *clone, const struct message *message)
{
	struct message answer = {.type = MESSAGE_STATUS_RESPONSE};
	char status[160];

	snprintf(status, sizeof(status),
		 "{\"slots\":%u,\"used\":%u,\"draining\":%s,\"software\":\"bunshin " BUNSHIN_VERSION "\"}", clone->options->slots,
		 used_slots(clone), clone->draining ? "true" : "false");
	answer.header.correlation = message->header.message_id;
	answer.status_response.subject = message->status_query.subject;
	answer.status_response.name = message->status_query.name;
	answer.status_response.status = (struct text){status, (uint32_t)strlen(status)};
	if (link_say(clone->link, &answer, true))
		clone->rc = ERR_MEMORY;
}

static void take_credit(struct clone_actor *clone, const struct artefact_get *get)
{
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].phase == RUNNING_UPLOADING)
			files_take_credit(clone, &clone->running[i], get);
}

static void take_refusal(struct clone_actor *clone, const struct message *message)
{
	errands_hear(clone, message);
	for (uint32_t i = 0; i < clone->room; i++) {
		struct running *running = &clone->running[i];

		if (running->phase == RUNNING_UPLOADING && id_equal(&running->upload.offer_id, &message->header.correlation))
			files_refused(clone, running, &message->refusal);
	}
}

static void receive(void *context, struct message *message)
{
	struct clone_actor *clone = context;

	if (message_decode_payload(message))
		return;
	switch (message->type) {
	case MESSAGE_TASK_ASSIGNMENT:
		take_assignment(clone, message);
		break;
	case MESSAGE_TASK_CANCEL:
		take_cancel(clone, message);
		break;
	case MESSAGE_RECOVERY_ACTION:
		take_recovery(clone, message);
		break;
	case MESSAGE_STATUS_QUERY:
		take_query(clone, message);
		break;
	case MESSAGE_ARTEFACT_GET:
		take_credit(clone, &message->artefact_get);
		break;
	case MESSAGE_REFUSAL:
		take_refusal(clone, message);
		break;
	default:
		errands_hear(clone, message);
		break;
	}
}

/* ---- what the link asks for ---- */

static uint32_t load_permille(void)
{
	double load;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(&load, 1) != 1 || cores < 1 || load < 0)
		return 0;
	return (uint32_t)(load * 1000 / (double)cores);
}

static void pulse(void *context, struct heartbeat *heartbeat)
{
	struct clone_actor *clone = context;
	uint32_t used = used_slots(clone);

	heartbeat->slots_free = clone->draining || clone->stopping ? 0 : clone->options->slots - used;
	heartbeat->load = load_permille();
	heartbeat->idle_ms = attempts_here(clone) ? (uint32_t)(clone->now_ms - clone->spoke_ms) : 0;
}

static size_t live(void *context, uint8_t *out, size_t capacity)
{
	const struct clone_actor *clone = context;
	size_t used = 0;

	for (uint32_t i = 0; i < clone->room && used + LIVE_ENTRY_BYTES <= capacity; i++) {
		const struct running *running = &clone->running[i];

		if (running->phase == RUNNING_FREE)
			continue;
		memcpy(out + used, running->task_id.bytes, 16);
		for (unsigned b = 0; b < 4; b++)
			out[used + 16 + b] = (uint8_t)(running->attempt >> (24 - 8 * b));
		memcpy(out + used + 20, running->lease.bytes, 16);
		used += LIVE_ENTRY_BYTES;
	}
	return used;
}

static void joined(void *context, bool is_joined)
{
	struct clone_actor *clone = context;

	if (!is_joined)
		return;
	for (uint32_t i = 0; i < clone->room; i++) {
		errands_joined(clone, &clone->running[i]);
		if (clone->running[i].phase == RUNNING_UPLOADING)
			files_offer_again(clone, &clone->running[i]);
	}
	if (clone->ready_told)
		return;
	clone->ready_told = true;
	process_notify_ready();
	if (clone->options->ready_fd >= 0 && write(clone->options->ready_fd, "ready\n", 6) < 0)
		fprintf(stderr, "%s: nobody reads that it is ready\n", clone->options->name);
}

/* ---- the loop ---- */

static uint64_t wake_ms(const struct clone_actor *clone)
{
	uint64_t wake = clone->now_ms + IDLE_MS;

	for (uint32_t i = 0; i < clone->room; i++) {
		uint64_t other = running_wake_ms(&clone->running[i]);

		wake = other < wake ? other : wake;
	}
	return wake;
}

/* What attempts that were ended suddenly have left: kept by a process of its own, one at a time, and looked for now and then. */
static void look_after_salvage(struct clone_actor *clone)
{
	static const char *const argv[] = {"/proc/self/exe", "attempt", SALVAGE_WORD, NULL};
	char state[PATH_BYTES + 16];
	const char *environment[] = {state, NULL};
	struct process_job job = {.argv = argv,
				  .environment = environment,
				  .tag = clone->group,
				  .in = STREAM_NULL,
				  .out = STREAM_NULL,
				  .err = STREAM_INHERIT,
				  .notify_fd = -1,
				  .lifeline_fd = -1};
	struct process_exit ended;

	if (clone->salvager.pid && !process_reap(&clone->salvager, &ended))
		return;
	if (clone->stopping || clone->now_ms < clone->salvage_ms || !link_joined(clone->link))
		return;
	clone->salvage_ms = clone->now_ms + SALVAGE_EVERY_MS;
	snprintf(state, sizeof(state), "BUNSHIN_STATE=%s", clone->state.root);
	if (salvage_waits(&clone->state) && process_spawn(&job, &clone->salvager))
		fprintf(stderr, "%s: what attempts have left could not be looked after\n", clone->options->name);
}

static void take_turn(struct clone_actor *clone)
{
	int rc;

	clone->now_ms = boottime_now_ms();
	look_after_salvage(clone);
	rc = link_work(clone->link);
	if (rc < 0)
		clone->rc = rc;
	/* After what has arrived, so that an attempt goes on at once when its file has been taken. */
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].phase != RUNNING_FREE)
			running_work(clone, &clone->running[i]);
	link_flush(clone->link);
}

static int wait_for_work(struct clone_actor *clone, zmq_pollitem_t *items, int signals, uint64_t until_ms)
{
	uint64_t wake = wake_ms(clone);
	int lifeline = process_lifeline_fd();
	int count = 0;

	items[count++] = (zmq_pollitem_t){.fd = signals, .events = ZMQ_POLLIN};
	if (lifeline >= 0)
		items[count++] = (zmq_pollitem_t){.fd = lifeline, .events = ZMQ_POLLIN};
	for (uint32_t i = 0; i < clone->room; i++)
		count = running_poll(&clone->running[i], items, count);
	wake = until_ms < wake ? until_ms : wake;
	clone->now_ms = boottime_now_ms();
	return link_wait(clone->link, items, count, wake > clone->now_ms ? wake - clone->now_ms : 0);
}

static bool asked_to_stop(const zmq_pollitem_t *items, int signals)
{
	struct signalfd_siginfo info;
	int lifeline = process_lifeline_fd();

	if (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		return true;
	return lifeline >= 0 && items[1].fd == lifeline && items[1].revents;
}

static void run(struct clone_actor *clone, zmq_pollitem_t *items, int signals)
{
	while (!clone->stopping && !clone->rc) {
		take_turn(clone);
		if (clone->stopping || clone->rc)
			return;
		if (wait_for_work(clone, items, signals, NEVER))
			clone->rc = ERR_SYSTEM;
		if (asked_to_stop(items, signals))
			clone->stopping = true;
	}
}

/* ---- stopping ---- */

static void say_goodbye(struct clone_actor *clone, bool draining)
{
	struct message message = {.type = MESSAGE_GOODBYE};

	message.goodbye.draining = draining;
	if (link_say(clone->link, &message, true))
		clone->rc = ERR_MEMORY;
}

static void work_until(struct clone_actor *clone, zmq_pollitem_t *items, int signals, uint64_t end_ms,
		       bool (*done)(const struct clone_actor *clone))
{
	while (!clone->rc && !done(clone) && clone->now_ms < end_ms) {
		if (wait_for_work(clone, items, signals, end_ms))
			return;
		take_turn(clone);
	}
}

static bool is_idle(const struct clone_actor *clone)
{
	return attempts_here(clone) == 0;
}

static bool is_silent(const struct clone_actor *clone)
{
	return link_queued(clone->link) == 0 || !link_joined(clone->link);
}

static void stop(struct clone_actor *clone, zmq_pollitem_t *items, int signals)
{
	clone->now_ms = boottime_now_ms();
	say_goodbye(clone, true);
	link_flush(clone->link);
	work_until(clone, items, signals, clone->now_ms + DRAIN_MS, is_idle);
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].phase != RUNNING_FREE)
			running_kill(clone, &clone->running[i], ERROR_DRAINING);
	say_goodbye(clone, false);
	link_flush(clone->link);
	work_until(clone, items, signals, clone->now_ms + CLOSING_MS, is_silent);
}

/* ---- opening ---- */

/* The tag is the clone's in this network, so that leftovers of an earlier life can be told from those of other networks. */
static void name_group(struct clone_actor *clone)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	char text[2 * sizeof(hash) + 1];
	char name[NAME_BYTES];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)clone->state.root, strlen(clone->state.root), NULL, 0);
	hex_print(hash, sizeof(hash), text);
	state_name_encode(clone->options->name, name);
	snprintf(clone->group, sizeof(clone->group), "attempts-%s-%.8s", name, text);
}

/* Attempts of an earlier life that had changed something are put aside first. */
static void salvage_folders(const char *work)
{
	char path[PATH_BYTES];
	const struct dirent *entry;
	DIR *folder = opendir(work);

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && snprintf(path, sizeof(path), "%s/%s", work, entry->d_name) < (int)sizeof(path))
			salvage_move(path);
	if (folder)
		closedir(folder);
}

/* What an earlier life left behind is ended and removed before anything begins. */
static int clear_work(struct clone_actor *clone)
{
	char folder[PATH_BYTES];
	int rc = state_path(&clone->state, "work", folder);

	if (!rc)
		rc = state_path_of(&clone->state, "work", clone->options->name, "", clone->work);
	if (rc)
		return rc;
	process_sweep_tag(clone->group, NULL);
	salvage_folders(clone->work);
	work_folder_remove(clone->work);
	if ((mkdir(folder, 0700) && errno != EEXIST) || mkdir(clone->work, 0700))
		return ERR_IO;
	return 0;
}

static int open_link(struct clone_actor *clone, char why[SENTENCE_BYTES])
{
	struct link_options link = {.state = clone->state,
				    .task_types = clone->options->task_types,
				    .slots = clone->options->slots,
				    .context = clone,
				    .receive = receive,
				    .pulse = pulse,
				    .live = live,
				    .joined = joined};
	int rc = keypair_read(&clone->state, clone->options->name, &link.keys, why);

	if (!rc)
		rc = key_of_omega(&clone->state, link.omega_key, why);
	snprintf(link.peer, NAME_BYTES, "%s", clone->options->name);
	snprintf(link.role, ROLE_BYTES, "%.*s", (int)strcspn(clone->options->name, "/"), clone->options->name);
	if (!rc)
		rc = link_new(&link, &clone->link);
	keypair_forget(&link.keys);
	return rc;
}

static uint32_t room_of(const struct clone_options *options)
{
	return options->slots < SLOTS_MAX - WAITING_MAX ? options->slots + WAITING_MAX : SLOTS_MAX;
}

static int open_all(struct clone_actor *clone, char why[SENTENCE_BYTES])
{
	int rc = state_open_existing(clone->options->state_folder, &clone->state, why);

	if (!rc && (clone->options->slots == 0 || clone->options->slots > SLOTS_MAX)) {
		snprintf(why, SENTENCE_BYTES, "%u slots; 1 to %u are possible", clone->options->slots, SLOTS_MAX);
		return ERR_USAGE;
	}
	clone->room = room_of(clone->options);
	clone->running = rc ? NULL : calloc(clone->room, sizeof(*clone->running));
	if (!rc && !clone->running)
		rc = ERR_MEMORY;
	name_group(clone);
	if (!rc)
		rc = process_adopt_orphans();
	if (!rc)
		rc = open_link(clone, why);
	return rc ? rc : clear_work(clone);
}

int clone_main(const struct clone_options *options)
{
	struct clone_actor clone = {.options = options};
	zmq_pollitem_t *items = calloc(4u * room_of(options) + 8u, sizeof(*items));
	int signals = process_signals(0);
	char why[SENTENCE_BYTES] = "";
	int rc = items && signals >= 0 && sodium_init() >= 0 ? 0 : ERR_SYSTEM;

	if (!rc)
		rc = open_all(&clone, why);
	if (!rc) {
		run(&clone, items, signals);
		rc = clone.rc;
		if (!rc)
			stop(&clone, items, signals);
	}
	if (rc)
		fprintf(stderr, "%s: %s\n", options->name, why[0] ? why : error_sentence(rc));
	for (uint32_t i = 0; clone.running && i < options->slots; i++)
		if (clone.running[i].phase != RUNNING_FREE)
			running_kill(&clone, &clone.running[i], ERROR_DRAINING);
	link_free(clone.link, 200);
	free(clone.running);
	free(items);
	if (signals >= 0)
		close(signals);
	return error_exit_code(rc);
}
