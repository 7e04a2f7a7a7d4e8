/* SPDX-License-Identifier: MIT
 *
 * What is done to a running network from outside: stopping and reloading it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/network_lock.h"
#include "actors/supervisor_inner.h"

#define LOCK_POLL_MS 10

/* A pidfd of whoever holds the lock, or -1. */
static int holder_open(int lock)
{
	struct holder holder = network_lock_holder(lock);
	return holder.pid ? process_open(holder.pid, holder.start_ticks) : -1;
}

static void pidfd_signal(int pidfd, int number)
{
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

/* The lock says when both processes are gone; the pidfd only when to look. */
static bool wait_for_release(int lock, int pidfd, uint64_t until_ms)
{
	while (network_lock_is_held(lock)) {
		struct pollfd item = {.fd = pidfd, .events = POLLIN};
		uint64_t now_ms = boottime_now_ms();
		if (now_ms >= until_ms)
			return false;
		if (pidfd < 0 || poll(&item, 1, (int)(until_ms - now_ms)) > 0) {
			poll(NULL, 0, LOCK_POLL_MS); /* the supervisor ends after the guardian, when that one was killed */
		}
	}
	return true;
}

static int leftovers_end(const struct state_folder *state, bool was_running, char *out_sentence)
{
	char tag[TAG_BYTES];
	uint32_t left;

	network_tag(state, tag);
	uint32_t ended = process_sweep_tag(tag, &left);
	if (left) {
		snprintf(out_sentence, SENTENCE_BYTES, "%u processes of the network cannot be ended", left);
		return ERR_TIMEOUT;
	}
	if (was_running)
		return 0;
	if (ended)
		snprintf(out_sentence, SENTENCE_BYTES, "no network ran, but %u of its processes were left over, and were ended",
			 ended);
	else
		snprintf(out_sentence, SENTENCE_BYTES, "no network runs in %.300s", state->root);
	return ended ? 0 : ERR_NOT_FOUND;
}

/* Not even the guardian is to be waited for any longer. */
static void kill_both(const struct state_folder *state, int pidfd)
{
	struct supervisor_view *view = calloc(1, sizeof(*view));
	char ignored[SENTENCE_BYTES];
	int inner = -1;

	if (view && !supervisor_look(state, view, ignored))
		inner = process_open(view->pid, process_start_ticks(view->pid));
	pidfd_signal(inner, SIGKILL);
	pidfd_signal(pidfd, SIGKILL);
	if (inner >= 0)
		close(inner);
	free(view);
}

static void stop_running(const struct state_folder *state, int lock, uint32_t timeout_ms)
{
	int pidfd = holder_open(lock);

	pidfd_signal(pidfd, SIGTERM);
	if (!wait_for_release(lock, pidfd, boottime_now_ms() + timeout_ms)) {
		kill_both(state, pidfd);
		if (!wait_for_release(lock, pidfd, boottime_now_ms() + 2000))
			status_remove(state);
	}
	if (pidfd >= 0)
		close(pidfd);
}

int supervisor_stop(const struct state_folder *state, uint32_t timeout_ms, char out_sentence[SENTENCE_BYTES])
{
	int lock = network_lock_open(state, O_RDWR);
	bool running = lock >= 0 && network_lock_is_held(lock);

	*out_sentence = '\0';
	if (running)
		stop_running(state, lock, timeout_ms);
	if (lock >= 0)
		close(lock);
	return leftovers_end(state, running, out_sentence);
}

int supervisor_reload(const struct state_folder *state, char out_sentence[SENTENCE_BYTES])
{
	int lock = network_lock_open(state, O_RDWR);
	int pidfd = lock >= 0 && network_lock_is_held(lock) ? holder_open(lock) : -1;

	*out_sentence = '\0';
	pidfd_signal(pidfd, SIGHUP);
	if (pidfd < 0)
		snprintf(out_sentence, SENTENCE_BYTES, "no network runs in %.300s", state->root);
	int rc = pidfd < 0 ? ERR_NOT_FOUND : 0;
	if (pidfd >= 0)
		close(pidfd);
	if (lock >= 0)
		close(lock);
	return rc;
}
