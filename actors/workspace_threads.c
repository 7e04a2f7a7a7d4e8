/* SPDX-License-Identifier: MIT
 *
 * Threads of three classes with a queue each, and one queue of what they have finished.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/workspace_inner.h"

static const unsigned threads_of[CLASSES] = {[CLASS_QUICK] = 2, [CLASS_FOLDER] = 2, [CLASS_SLOW] = 1};

#define THREADS_MAX 8u

struct queue {
	struct job *first, *last;
	unsigned count;
};

struct threads {
	pthread_mutex_t lock;
	pthread_cond_t more[CLASSES];
	pthread_cond_t fewer; /* threads */
	struct queue waiting[CLASSES];
	struct queue done;
	int done_fd;
	struct depot *depot;
	pthread_t thread[THREADS_MAX];
	unsigned started, alive;
	bool ending;
};

struct start {
	struct threads *threads;
	enum workspace_class class;
};

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->last)
		queue->last->next = job;
	else
		queue->first = job;
	queue->last = job;
	queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	job->next = NULL;
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	depot_give(job->depot, job->store);
	json_decref(job->request);
	json_decref(job->result);
	json_decref(job->more);
	free(job);
}

void threads_post(struct threads *threads, struct job *job)
{
	uint64_t one = 1;

	pthread_mutex_lock(&threads->lock);
	queue_put(&threads->done, job);
	pthread_mutex_unlock(&threads->lock);
	if (write(threads->done_fd, &one, sizeof(one)) < 0)
		return; /* the counter is at its end: the loop is awake */
}

static struct job *wait_for_job(struct threads *threads, enum workspace_class class)
{
	struct job *job;

	pthread_mutex_lock(&threads->lock);
	while ((job = threads->ending ? NULL : queue_take(&threads->waiting[class])) == NULL && !threads->ending)
		pthread_cond_wait(&threads->more[class], &threads->lock);
	pthread_mutex_unlock(&threads->lock);
	return job;
}

static void *run(void *argument)
{
	struct start *start = argument;
	struct threads *threads = start->threads;
	enum workspace_class class = start->class;
	struct job *job;

	free(start);
	while ((job = wait_for_job(threads, class)) != NULL) {
		job_run(job);
		threads_post(threads, job);
	}
	pthread_mutex_lock(&threads->lock);
	threads->alive--;
	pthread_cond_broadcast(&threads->fewer);
	pthread_mutex_unlock(&threads->lock);
	return NULL;
}

static int start_one(struct threads *threads, enum workspace_class class)
{
	struct start *start = malloc(sizeof(*start));

	if (!start)
		return ERR_MEMORY;
	*start = (struct start){threads, class};
	threads->alive++;
	if (pthread_create(&threads->thread[threads->started], NULL, run, start)) {
		threads->alive--;
		free(start);
		return ERR_SYSTEM;
	}
	threads->started++;
	return 0;
}

int threads_new(struct depot *depot, int done_fd, struct threads **out_threads)
{
	struct threads *threads = calloc(1, sizeof(*threads));
	int rc = threads ? 0 : ERR_MEMORY;

	if (rc)
		return rc;
	pthread_mutex_init(&threads->lock, NULL);
	for (unsigned class = 0; class < CLASSES; class ++)
		pthread_cond_init(&threads->more[class], NULL);
	pthread_cond_init(&threads->fewer, NULL);
	threads->done_fd = done_fd;
	threads->depot = depot;
	pthread_mutex_lock(&threads->lock);
	for (unsigned class = 0; class < CLASSES; class ++)
		for (unsigned i = 0; i < threads_of[class] && !rc; i++)
			rc = start_one(threads, (enum workspace_class) class);
	pthread_mutex_unlock(&threads->lock);
	*out_threads = threads;
	return rc;
}

int threads_put(struct threads *threads, struct job *job)
{
	enum workspace_class class = job->request ? verb_class(job->verb) : CLASS_SLOW;
	int rc = 0;

	pthread_mutex_lock(&threads->lock);
	if (threads->waiting[class].count >= JOBS_WAITING_MAX)
		rc = ERR_OVERLOADED;
	else
		queue_put(&threads->waiting[class], job);
	pthread_cond_signal(&threads->more[class]);
	pthread_mutex_unlock(&threads->lock);
	return rc;
}

struct job *threads_done(struct threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	struct job *job = queue_take(&threads->done);
	pthread_mutex_unlock(&threads->lock);
	return job;
}

bool threads_end(struct threads *threads, uint64_t wait_ms)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	pthread_mutex_lock(&threads->lock);
	threads->ending = true;
	for (unsigned class = 0; class < CLASSES; class ++)
		pthread_cond_broadcast(&threads->more[class]);
	while (threads->alive && pthread_cond_timedwait(&threads->fewer, &threads->lock, &until) == 0)
		;
	ended = threads->alive == 0;
	pthread_mutex_unlock(&threads->lock);
	for (unsigned i = 0; ended && i < threads->started; i++)
		pthread_join(threads->thread[i], NULL);
	return ended;
}

void threads_free(struct threads *threads)
{
	struct job *job;

	if (!threads)
		return;
	for (unsigned class = 0; class < CLASSES; class ++)
		while ((job = queue_take(&threads->waiting[class])) != NULL)
			job_free(job);
	while ((job = queue_take(&threads->done)) != NULL)
		job_free(job);
	pthread_cond_destroy(&threads->fewer);
	for (unsigned class = 0; class < CLASSES; class ++)
		pthread_cond_destroy(&threads->more[class]);
	pthread_mutex_destroy(&threads->lock);
	free(threads);
}
