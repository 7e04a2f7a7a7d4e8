/* SPDX-License-Identifier: MIT
 *
 * A run of the sandbox that is watched: its output goes to the watcher as it comes, the watcher may talk to it, and stop it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/census.h"
#include "workspace/sandbox_run.h"

#define TICK_MS_DEFAULT 1000u

/* ---- what goes in ---- */

static int keep(struct sandbox_live *live, const void *at, size_t bytes)
{
	if (live->taken == live->bytes)
		live->taken = live->bytes = 0;
	if (live->bytes + bytes > live->capacity && live->taken > 0) {
		memmove(live->input, live->input + live->taken, live->bytes - live->taken);
		live->bytes -= live->taken;
		live->taken = 0;
	}
	if (live->bytes + bytes > live->capacity) {
		size_t capacity = 2 * (live->bytes + bytes);
		uint8_t *bigger = realloc(live->input, capacity);
		if (!bigger)
			return ERR_MEMORY;
		live->input = bigger;
		live->capacity = capacity;
	}
	if (bytes > 0)
		memcpy(live->input + live->bytes, at, bytes);
	live->bytes += bytes;
	return 0;
}

int live_open(struct run *run, int *out_fd)
{
	int ends[2];
	struct sandbox_live *live = &run->live;
	if (!run->job->watch || !run->job->watch->talks)
		return 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return ERR_SYSTEM;
	*out_fd = ends[0];
	live->input_fd = ends[1];
	/* Each end has flags of its own: the program's goes on blocking. */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0)
		return ERR_SYSTEM;
	return run->job->input ? keep(live, run->job->input, run->job->input_bytes) : 0;
}

static void input_shut(struct sandbox_live *live)
{
	run_shut(&live->input_fd);
	live->taken = live->bytes = 0;
}

void live_close(struct run *run)
{
	input_shut(&run->live);
	free(run->live.input);
	run->live.input = NULL;
	run->live.capacity = 0;
}

bool live_wants_to_write(const struct run *run)
{
	const struct sandbox_live *live = &run->live;
	return live->input_fd >= 0 && (live->taken < live->bytes || live->closing);
}

void live_write(struct run *run)
{
	struct sandbox_live *live = &run->live;
	if (live->input_fd < 0)
		return;
	if (live->taken < live->bytes) {
		ssize_t written = run_write(live->input_fd, live->input + live->taken, live->bytes - live->taken);
		if (written < 0 && errno != EAGAIN && errno != EINTR)
			input_shut(live); /* the program reads no more */
		else if (written > 0)
			live->taken += (size_t)written;
	}
	if (live->taken == live->bytes && live->closing)
		input_shut(live);
}

int sandbox_live_write(struct sandbox_live *live, const void *at, size_t bytes)
{
	return live->input_fd < 0 || live->closing ? ERR_STATE : keep(live, at, bytes);
}

void sandbox_live_close(struct sandbox_live *live)
{
	live->closing = true;
}

void sandbox_live_stop(struct sandbox_live *live)
{
	live->stop_asked = true;
	live->run->result->stopped = true;
}

/* ---- what comes out ---- */

bool live_output(struct run *run, const struct stream *stream, const void *at, size_t bytes)
{
	const struct sandbox_watch *watch = run->job->watch;
	if (!watch || !watch->output)
		return false;
	watch->output(watch->context, &run->live, stream == &run->out ? SANDBOX_OUT : SANDBOX_ERR, at, bytes);
	return true;
}

/* ---- the clock ---- */

uint64_t live_next_ms(const struct run *run)
{
	return run->job->watch && run->job->watch->tick ? run->live.next_tick_ms : UINT64_MAX;
}

/* What processes that nobody waited for have used is not seen any more when they have ended; the sum never goes back all the same. */
static uint64_t cpu_used_ms(struct run *run)
{
	uint64_t used = run->pid_namespace ? census_take(run->pid_namespace).cpu_ms : 0;
	if (used > run->live.cpu_ms)
		run->live.cpu_ms = used;
	return run->live.cpu_ms;
}

void live_tick(struct run *run)
{
	const struct sandbox_watch *watch = run->job->watch;
	if (!watch || !watch->tick || run_now_ms() < run->live.next_tick_ms)
		return;
	watch->tick(watch->context, &run->live, cpu_used_ms(run));
	run->live.next_tick_ms = run_now_ms() + (watch->tick_ms ? watch->tick_ms : TICK_MS_DEFAULT);
}
