/* SPDX-License-Identifier: MIT
 *
 * Omega's process: opening everything in order, the loop, closing everything in reverse.
 */
#include "actors/omega_actor.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "actors/changes.h"
#include "actors/fresh.h"
#include "actors/process.h"
#include "actors/shell.h"

#define FILES_WANTED     8192u
#define TIMERS_PER_TURN  256
#define BACKLOG_RETRY_MS 5u
#define DELIVERY_WAIT_MS 100u /* how long a Delivered waits for a batch that goes anyway */
#define IDLE_MS          60000u

enum { ITEM_SOCKET, ITEM_WRITER, ITEM_SIGNALS, ITEM_PEERS, ITEM_SECRETS, ITEM_COURIER, ITEM_LIFELINE, ITEM_COUNT };

/* ---- what all files use ---- */

void shell_clock(struct shell *shell)
{
	shell->mono_ms = boottime_now_ms();
	shell->wall_ms = wall_now_ms();
	shell->now_ms = shell->base_now_ms + (shell->mono_ms - shell->base_boottime_ms);
}

void shell_fail(struct shell *shell, int rc, const char *why)
{
	if (shell->failed)
		return;
	shell->failed = rc;
	snprintf(shell->why, sizeof(shell->why), "%s: %s", why, error_sentence(rc));
}

int shell_step(struct shell *shell, const struct event *event)
{
	int rc;

	if (shell->failed)
		return shell->failed;
	rc = omega_step(shell->omega, shell->now_ms, event, shell->records);
	if (rc)
		return rc;
	shell->event = event;
	shell->event_seq = 0;
	shell->ended_number = 0;
	for (size_t i = 0; i < shell->records->count && !shell->failed; i++)
		ledger_take(shell, &shell->records->item[i]);
	shell->event = NULL;
	return 0;
}

int shell_step_own(struct shell *shell, const struct message *message)
{
	struct event event = {.message = message};

	return shell_step(shell, &event);
}

/* ---- time ---- */

/* A clock of the core that is due enters it as an event, one at a time. */
static void run_timers(struct shell *shell)
{
	struct message message = {.type = MESSAGE_TIMER};

	for (int i = 0; i < TIMERS_PER_TURN && ledger_room(shell) && omega_deadline(shell->omega) <= shell->now_ms; i++)
		if (shell_step_own(shell, &message))
			return;
}

static void take_snapshot(struct shell *shell)
{
	uint64_t since = omega_next_seq(shell->omega) - 1 - shell->snapshot_seq;
	struct omega_counters counters;

	if (since < SNAPSHOT_RECORDS)
		return;
	omega_count(shell->omega, &counters);
	/* A large state is not written more often than it is worth. */
	if (since >= SNAPSHOT_RECORDS && since >= counters.live * 4 && shell_snapshot(shell))
		shell_fail(shell, ERR_MEMORY, "a snapshot could not be made");
}

static uint64_t until(uint64_t when_ms, uint64_t now_ms)
{
	return when_ms <= now_ms ? 0 : when_ms - now_ms;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static long wait_ms(const struct shell *shell)
{
	uint64_t wait = IDLE_MS;

	if (ledger_room(shell))
		wait = least(wait, until(omega_deadline(shell->omega), shell->now_ms));
	wait = least(wait, until(presence_wake_ms(shell), shell->mono_ms));
	wait = least(wait, until(shell->next_ack_ms, shell->mono_ms));
	wait = least(wait, until(erasure_wake_ms(shell), shell->mono_ms));
	if (shell->delivery_due && !shell->committing)
		wait = least(wait, until(shell->delivery_since_ms + DELIVERY_WAIT_MS, shell->mono_ms));
	if (shell->connections.backlogged)
		wait = least(wait, BACKLOG_RETRY_MS);
	return (long)wait;
}

/* ---- signals ---- */

static void take_signals(struct shell *shell, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			vault_reload(shell->vault);
		if (info.ssi_signo != SIGHUP) {
			shell->stopping = true;
		} else if (routes_load(shell, "SIGHUP")) {
			fprintf(stderr, "omega: %s\nomega: the routing table stays as it was\n", shell->reload_sentence);
		}
	}
}

/* ---- the loop ---- */

/* What clients have processed is worth a line in a batch, but not a batch of its own that the next request would have to wait for. */
static bool may_deliver(const struct shell *shell)
{
	if (!shell->delivery_due)
		return false;
	return batch_count(shell->batch[shell->filling]) || shell->stopping ||
	       shell->mono_ms >= shell->delivery_since_ms + DELIVERY_WAIT_MS;
}

static void take_turn(struct shell *shell, const zmq_pollitem_t *items)
{
	if (items[ITEM_WRITER].revents)
		ledger_done(shell);
	if (items[ITEM_SIGNALS].revents)
		take_signals(shell, items[ITEM_SIGNALS].fd);
	if (items[ITEM_LIFELINE].revents)
		shell->stopping = true;
	if (items[ITEM_PEERS].revents)
		peers_refresh(shell->peers);
	if (items[ITEM_SECRETS].revents)
		vault_refresh(shell->vault);
	if (items[ITEM_COURIER].revents)
		courier_finished(shell);
	if (!shell->stopping)
		intake_receive(shell);
	run_timers(shell);
	presence_tick(shell);
	if (!shell->committing && may_deliver(shell))
		presence_deliver(shell);
	erasure_tick(shell);
	take_snapshot(shell);
	ledger_submit(shell);
	if (shell->connections.backlogged)
		send_backlog(shell);
	if (shell->mono_ms >= shell->next_ack_ms)
		send_acks(shell);
}

static int run(struct shell *shell, int signals)
{
	zmq_pollitem_t items[ITEM_COUNT] = {
		[ITEM_SOCKET] = {.socket = shell->socket, .events = ZMQ_POLLIN},
		[ITEM_WRITER] = {.fd = writer_fd(shell->writer), .events = ZMQ_POLLIN},
		[ITEM_SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
		[ITEM_PEERS] = {.fd = peers_fd(shell->peers), .events = ZMQ_POLLIN},
		[ITEM_SECRETS] = {.fd = vault_fd(shell->vault), .events = ZMQ_POLLIN},
		[ITEM_COURIER] = {.fd = courier_fd(shell), .events = ZMQ_POLLIN},
		[ITEM_LIFELINE] = {.fd = process_lifeline_fd(), .events = ZMQ_POLLIN},
	};
	int count = items[ITEM_LIFELINE].fd >= 0 ? ITEM_COUNT : ITEM_LIFELINE;

	while (!shell->failed && !shell->stopping) {
		/* While there is no room, what arrives waits in the socket, and the socket must not wake us. */
		items[ITEM_SOCKET].events = ledger_room(shell) ? ZMQ_POLLIN : 0;
		if (zmq_poll(items, count, wait_ms(shell)) < 0 && errno != EINTR)
			shell_fail(shell, ERR_SYSTEM, "waiting for messages failed");
		shell_clock(shell);
		take_turn(shell, items);
	}
	return shell->failed;
}

/* Everything taken so far becomes durable and is answered; the next start begins at the snapshot. */
static int stop(struct shell *shell)
{
	state_endpoint_remove(&shell->state);
	for (uint32_t i = 1; i <= shell->connections.high; i++)
		if (connection_at(shell, i)->used)
			presence_count(shell, i);
	presence_count_unknown(shell);
	if (ledger_drain(shell))
		return shell->failed;
	if (shell_snapshot(shell))
		shell_fail(shell, ERR_MEMORY, "the last snapshot could not be made");
	return ledger_drain(shell);
}

/* ---- opening ---- */

static int open_memory(struct shell *shell)
{
	shell->records = calloc(1, sizeof(*shell->records));
	shell->status = malloc(STATUS_BYTES_MAX);
	shell->batch[0] = batch_new();
	shell->batch[1] = batch_new();
	shell->next_ack_ms = NEVER;
	if (!shell->records || !shell->status || !shell->batch[0] || !shell->batch[1])
		return ERR_MEMORY;
	if (payloads_init(&shell->payloads, PAYLOAD_CACHE_BYTES))
		return ERR_MEMORY;
	return connections_init(&shell->connections);
}

static int choose_endpoint(struct shell *shell, char out_endpoint[ENDPOINT_TEXT_BYTES])
{
	const char *wanted = shell->options->endpoint ? shell->options->endpoint : shell->conf.endpoint;

	if (!wanted[0])
		return state_endpoint_default(&shell->state, out_endpoint, shell->why);
	snprintf(out_endpoint, ENDPOINT_TEXT_BYTES, "%s", wanted);
	return state_endpoint_check(wanted, shell->why);
}

static int open_socket(struct shell *shell)
{
	struct keypair keys;
	char endpoint[ENDPOINT_TEXT_BYTES];
	int rc = choose_endpoint(shell, endpoint);

	if (!rc)
		rc = keypair_read(&shell->state, "omega", &keys, shell->why);
	if (rc)
		return rc;
	shell->socket = zmq_socket(shell->zmq, ZMQ_ROUTER);
	rc = shell->socket ? socket_limit(shell->socket, shell->conf.heartbeat_ms) : ERR_SYSTEM;
	if (!rc)
		rc = socket_secure_server(shell->socket, &keys);
	keypair_forget(&keys);
	if (!rc)
		rc = socket_listen(shell->socket, endpoint, shell->endpoint, shell->why);
	if (!rc)
		rc = state_endpoint_write(&shell->state, shell->endpoint);
	if (rc && !shell->why[0])
		snprintf(shell->why, sizeof(shell->why), "the socket could not be opened: %s", error_sentence(rc));
	return rc;
}

static int open_all(struct shell *shell)
{
	int rc = open_memory(shell);

	if (!rc)
		rc = state_open(shell->options->state_folder, &shell->state, shell->why);
	if (!rc)
		rc = routes_read(shell, &shell->conf, shell->why);
	if (!rc)
		rc = keys_prepare(&shell->state, &shell->conf, shell->why);
	if (!rc)
		rc = vault_new(&shell->state, &shell->vault); /* before anything is recorded */
	if (!rc && *vault_problem(shell->vault))
		fprintf(stderr, "omega: %s\nomega: this value is not looked for\n", vault_problem(shell->vault));
	if (!rc)
		rc = shell_boot(shell);
	if (!rc)
		rc = peers_new(&shell->state, &shell->peers);
	if (!rc)
		rc = courier_new(shell);
	if (rc)
		return rc;
	shell->zmq = zmq_ctx_new();
	rc = shell->zmq ? zap_start(shell->zmq, shell->peers, &shell->zap) : ERR_SYSTEM;
	return rc ? rc : open_socket(shell);
}

static void close_all(struct shell *shell)
{
	if (shell->socket) {
		int linger = 200;

		zmq_setsockopt(shell->socket, ZMQ_LINGER, &linger, sizeof(linger));
		zmq_close(shell->socket);
	}
	zap_stop(shell->zap);
	if (shell->zmq)
		zmq_ctx_term(shell->zmq);
	courier_free(shell);
	changes_free(shell->changes);
	writer_free(shell->writer); /* brings the last checkpoint */
	mirrors_free(shell->mirrors, MIRROR_STOP_MS);
	trail_close(shell->reader);
	peers_free(shell->peers);
	vault_free(shell->vault);
	connections_release(&shell->connections);
	payloads_release(&shell->payloads);
	for (unsigned i = 0; i < 2; i++) {
		batch_free(shell->batch[i]);
		outbox_free(&shell->outbox[i]);
	}
	if (shell->memory)
		munmap(shell->memory, shell->memory_bytes);
	buffer_release(&shell->header);
	buffer_release(&shell->facts);
	buffer_release(&shell->payload);
	buffer_release(&shell->message);
	buffer_release(&shell->frame);
	buffer_release(&shell->fetched);
	free(shell->records);
	free(shell->status);
}

static void tell_ready(const struct omega_options *options)
{
	process_notify_ready();
	if (options->ready_fd >= 0 && write(options->ready_fd, "ready\n", 6) < 0)
		fprintf(stderr, "omega: nobody reads that it is ready\n");
}

int omega_main(const struct omega_options *options)
{
	struct shell *shell = calloc(1, sizeof(*shell));
	int signals = process_signals(SIGHUP);
	int rc = shell && signals >= 0 && sodium_init() >= 0 ? 0 : ERR_SYSTEM;

	files_limit_raise(FILES_WANTED);
	if (!rc) {
		shell->options = options;
		rc = open_all(shell);
	}
	if (!rc) {
		tell_ready(options);
		rc = run(shell, signals);
	}
	if (!rc)
		rc = stop(shell);
	if (rc)
		fprintf(stderr, "omega: %s\n", shell && shell->why[0] ? shell->why : error_sentence(rc));
	if (shell)
		close_all(shell);
	free(shell);
	if (signals >= 0)
		close(signals);
	return error_exit_code(rc);
}
