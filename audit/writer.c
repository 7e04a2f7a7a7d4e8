/* SPDX-License-Identifier: MIT
 *
 * One slot that two threads hand to and fro: the owner fills it, the thread empties it. Nothing else is shared, so one
 * atomic word is enough: who reads a state set by the other sees all that was written before it.
 */
#include "audit/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum slot {
	SLOT_EMPTY,     /* the owner's, to submit */
	SLOT_SUBMITTED, /* the thread's */
	SLOT_DONE,      /* the owner's, to take */
};

struct writer {
	struct trail *trail;
	pthread_t thread;
	sem_t work;
	int done_fd;
	atomic_int slot;
	atomic_bool stop;
	/* Belong to whom the slot belongs. */
	struct batch *batch;
	int result;
	char why[256];
};

static void commit(struct writer *writer)
{
	static const uint64_t one = 1;
	struct batch *batch = writer->batch;
	size_t count = batch_count(batch);
	writer->result = trail_append(writer->trail, count ? batch_entry(batch, 0) : NULL, count);
	if (writer->result)
		memcpy(writer->why, trail_why(writer->trail), sizeof(writer->why));
	atomic_store_explicit(&writer->slot, SLOT_DONE, memory_order_release);
	while (write(writer->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		; /* it cannot block: the count is at most one */
}

/* Until there is something to do; false: until what was written last is to be sealed. */
static bool wait_for_work(struct writer *writer)
{
	uint64_t due_ms = trail_checkpoint_due(writer->trail);
	struct timespec due = {.tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000};
	int rc;
	do
		rc = due_ms == UINT64_MAX ? sem_wait(&writer->work) : sem_clockwait(&writer->work, CLOCK_MONOTONIC, &due);
	while (rc && errno == EINTR);
	return rc == 0;
}

static void *run(void *argument)
{
	struct writer *writer = argument;
	bool stop = false;
	while (!stop) {
		int unasked = 0;
		bool woken = wait_for_work(writer);
		stop = atomic_load_explicit(&writer->stop, memory_order_acquire);
		bool submitted = atomic_load_explicit(&writer->slot, memory_order_acquire) == SLOT_SUBMITTED;
		if (submitted)
			commit(writer);
		if (stop || (!woken && !submitted))
			unasked = trail_checkpoint(writer->trail);
		/* The batch is out; whoever waits for it does not wait for this. A failure shows at the next batch. */
		else if (trail_untidy(writer->trail))
			unasked = trail_tidy(writer->trail);
		(void)unasked;
	}
	return NULL;
}

/* Signals are for the owner's thread. */
static int thread_start(struct writer *writer)
{
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return ERR_SYSTEM;
	int rc = pthread_create(&writer->thread, NULL, run, writer);
	if (pthread_sigmask(SIG_SETMASK, &before, NULL))
		abort(); /* cannot fail with these arguments */
	return rc ? ERR_SYSTEM : 0;
}

int writer_new(struct trail *trail, struct writer **out_writer)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return ERR_MEMORY;
	int rc = ERR_SYSTEM;
	writer->trail = trail;
	atomic_init(&writer->slot, SLOT_EMPTY);
	atomic_init(&writer->stop, false);
	writer->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->done_fd < 0)
		goto free_writer;
	if (sem_init(&writer->work, 0, 0))
		goto close_fd;
	rc = thread_start(writer);
	if (rc)
		goto destroy_semaphore;
	*out_writer = writer;
	return 0;
destroy_semaphore:
	sem_destroy(&writer->work);
close_fd:
	close(writer->done_fd);
free_writer:
	free(writer);
	return rc;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	atomic_store_explicit(&writer->stop, true, memory_order_release);
	sem_post(&writer->work);
	pthread_join(writer->thread, NULL);
	trail_close(writer->trail);
	sem_destroy(&writer->work);
	close(writer->done_fd);
	free(writer);
}

int writer_fd(const struct writer *writer)
{
	return writer->done_fd;
}

bool writer_idle(const struct writer *writer)
{
	return atomic_load_explicit(&writer->slot, memory_order_acquire) == SLOT_EMPTY;
}

void writer_submit(struct writer *writer, struct batch *batch)
{
	assert(writer_idle(writer));
	writer->batch = batch;
	atomic_store_explicit(&writer->slot, SLOT_SUBMITTED, memory_order_release);
	sem_post(&writer->work);
}

struct batch *writer_take(struct writer *writer, int *out_result)
{
	uint64_t count;
	if (atomic_load_explicit(&writer->slot, memory_order_acquire) != SLOT_DONE)
		return NULL;
	/* Set after the slot: if it is not yet, the owner will find the descriptor readable once for nothing. */
	while (read(writer->done_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	struct batch *batch = writer->batch;
	*out_result = writer->result;
	writer->batch = NULL;
	atomic_store_explicit(&writer->slot, SLOT_EMPTY, memory_order_release);
	return batch;
}

const char *writer_why(const struct writer *writer)
{
	return writer->why;
}
