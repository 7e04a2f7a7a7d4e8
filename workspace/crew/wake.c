/* SPDX-License-Identifier: MIT
 *
 * Sleeping and waking.
 *
 * A sender publishes and then looks whether the receiver sleeps; the receiver says that it sleeps and then looks whether there is something.
 * Each needs its store to be seen before its load. Since sending is frequent and falling asleep is not, the sleeper pays for both:
 * membarrier(2) makes a barrier in all running threads of the process, and senders only keep the compiler from reordering.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workspace/crew/inner.h"

void crew_futex_wait(_Atomic uint32_t *word, uint32_t while_it_is)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_it_is, NULL, NULL, 0);
}

void crew_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

bool crew_membarrier_register(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

/* ThreadSanitizer has no notion of fences, and gcc says so; no data depends on these for being seen. */
static void fence(void)
{
	__sync_synchronize();
}

void worker_nudge(struct worker *worker, struct worker *waker)
{
	if (worker == waker)
		return;
	if (worker->crew->fenced)
		fence();
	else
		atomic_signal_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&worker->asleep, memory_order_relaxed) || !atomic_exchange(&worker->asleep, 0))
		return;
	if (waker)
		count_one(&waker->wakes);
	crew_futex_wake(&worker->asleep);
}

void crew_say_idle(struct crew *crew)
{
	if (!atomic_load(&crew->quiet_waiting))
		return;
	atomic_fetch_add(&crew->idle, 1);
	crew_futex_wake(&crew->idle);
}

void crew_give_room(struct crew *crew, uint64_t who)
{
	for (uint32_t i = 0; i < crew->worker_count; i++) {
		if (!(who >> i & 1))
			continue;
		atomic_store(&crew->workers[i].room_given, 1);
		worker_nudge(&crew->workers[i], NULL);
	}
	if (who & GUESTS_BIT)
		guests_give_room(crew);
}

static bool worker_has_something(struct worker *worker)
{
	uint32_t count = worker->crew->worker_count;

	for (uint32_t from = 0; from < count; from++)
		if (!row_is_empty(&worker->rows_in[from * count]))
			return true;
	return queue_next(&worker->outside) || atomic_load(&worker->room_given) || atomic_load(&worker->room_wanted) ||
	       atomic_load(&worker->starting) || atomic_load(&worker->stopping) || atomic_load(&worker->ending) ||
	       worker_round_ready(worker);
}

void worker_sleep(struct worker *worker)
{
	atomic_store(&worker->asleep, 1);
	if (worker->crew->fenced)
		fence();
	else
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	if (!worker_has_something(worker)) {
		count_one(&worker->sleeps);
		crew_say_idle(worker->crew);
		while (atomic_load(&worker->asleep)) /* else a signal has interrupted it */
			crew_futex_wait(&worker->asleep, 1);
	}
	atomic_store(&worker->asleep, 0);
}
