/* SPDX-License-Identifier: MIT
 *
 * Two threads for what blocks: one asks the workspace, in the order in which it is given, the other language models. Both can be told to give up.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/race_attempt_inner.h"
#include "actors/workspace_call.h"

#define CALL_MS_MAX   600000u /* one request to the workspace */
#define GONE_MS_MAX   60000u  /* so long a workspace that has ended is waited for */
#define AGAIN_MS      200
#define COMMIT_DIGITS 40u

enum { WORKSPACE_THREAD, MODEL_THREAD, THREADS };

struct race_list {
	struct race_job *first, *last;
};

struct race_workers {
	const struct state_folder *state;
	const struct conf *conf;
	uint64_t end_ms;
	int done_fd; /* counts what is in `done` */
	int stop_fd; /* readable once everything is to be given up */
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	struct race_list todo[THREADS], done;
	bool stopping;
	pthread_t thread[THREADS];
	unsigned threads; /* that run */
};

struct thread_place {
	struct race_workers *workers;
	unsigned number;
};

json_t *race_error(int rc, const char *sentence)
{
	const char *name = error_name(rc < 0 ? -rc : rc);

	return json_pack("{s:{s:s, s:s}}", "error", "code", name ? name : "internal", "sentence", sentence);
}

void race_job_free(struct race_job *job)
{
	if (!job)
		return;
	json_decref(job->request);
	json_decref(job->answer);
	free(job);
}

static void push(struct race_list *list, struct race_job *job)
{
	job->next = NULL;
	if (list->last)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
}

static struct race_job *pop(struct race_list *list)
{
	struct race_job *job = list->first;

	if (!job)
		return NULL;
	list->first = job->next;
	if (!list->first)
		list->last = NULL;
	return job;
}

static bool told_to_stop(const struct race_workers *workers, int wait_ms)
{
	struct pollfd stop = {.fd = workers->stop_fd, .events = POLLIN};

	return poll(&stop, 1, wait_ms) > 0;
}

/* ---- the workspace ---- */

/* What it said of an error goes to the machine whole: where a ref is, what conflicts. */
static json_t *answer_of(int rc, json_t *result, json_t *error, const char *sentence)
{
	json_t *answer;

	if (!rc)
		return json_pack("{s:o}", "result", result);
	answer = race_error(rc, sentence);
	if (error)
		json_object_update_missing(json_object_get(answer, "error"), error);
	json_decref(error);
	return answer;
}

/* One that has ended is started again by the supervisor, and asked again: requests are made so that this does no harm. */
static json_t *ask_workspace(const struct race_workers *workers, json_t *request)
{
	json_t *result = NULL, *error = NULL;
	char sentence[SENTENCE_BYTES] = "";
	uint64_t gone_ms = boottime_now_ms() + GONE_MS_MAX;
	int rc;

	do {
		uint64_t now = boottime_now_ms();
		uint64_t left = workers->end_ms > now ? workers->end_ms - now : 1;

		json_decref(error);
		error = NULL;
		rc = workspace_call(workers->state, json_incref(request), left < CALL_MS_MAX ? left : CALL_MS_MAX,
				    workers->stop_fd, &result, &error, sentence);
	} while (rc == ERR_UNREACHABLE && boottime_now_ms() < gone_ms && !told_to_stop(workers, AGAIN_MS));
	return answer_of(rc, result, error, sentence);
}

static bool is_id(const char *commit)
{
	return strlen(commit) == COMMIT_DIGITS && strspn(commit, "0123456789abcdef") == COMMIT_DIGITS;
}

/* How large the commit is: for what work in it will take. */
static void add_size(const struct race_workers *workers, const char *repository, const char *commit, json_t *answer)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:b}", "verb", "show", "repository", repository ? repository : "",
				    "revision", commit ? commit : "HEAD", "size", 1);
	json_t *shown = request ? ask_workspace(workers, request) : NULL;

	if (json_object_get(shown, "result") && json_object_get(answer, "result"))
		json_object_set(answer, "repository", json_object_get(shown, "result"));
	json_decref(shown);
	json_decref(request);
}

/* A repository that the workspace does not have yet, or not with this commit, is read from the disk. */
static json_t *make_ready(const struct race_workers *workers, const json_t *wanted)
{
	const char *repository = json_string_value(json_object_get(wanted, "repo"));
	const char *commit = json_string_value(json_object_get(wanted, "commit"));
	json_t *request = json_pack("{s:s, s:s?, s:s, s:i}", "verb", "log", "repository", repository ? repository : "",
				    "revision", commit ? commit : "HEAD", "count", 1);
	json_t *answer;

	if (!commit)
		json_object_del(request, "revision");
	answer = request ? ask_workspace(workers, request) : race_error(ERR_MEMORY, error_sentence(ERR_MEMORY));
	json_decref(request);
	if (repository && repository[0] == '/' && !(json_object_get(answer, "result") && commit && is_id(commit))) {
		json_decref(answer);
		request = json_pack("{s:s, s:s}", "verb", "import", "path", repository);
		answer = request ? ask_workspace(workers, request) : race_error(ERR_MEMORY, error_sentence(ERR_MEMORY));
		json_decref(request);
	}
	add_size(workers, repository, commit, answer);
	return answer;
}

/* ---- the threads ---- */

static void work_on(struct race_workers *workers, struct race_job *job)
{
	if (job->kind == RACE_JOB_MODEL)
		job->answer = race_ask_model(workers->state, workers->conf, job->request, workers->stop_fd);
	else if (job->kind == RACE_JOB_READY)
		job->answer = make_ready(workers, job->request);
	else
		job->answer = ask_workspace(workers, job->request);
}

static struct race_job *next_job(struct race_workers *workers, unsigned number)
{
	struct race_job *job = NULL;

	pthread_mutex_lock(&workers->mutex);
	while (!workers->stopping && !(job = pop(&workers->todo[number])))
		pthread_cond_wait(&workers->wanted, &workers->mutex);
	pthread_mutex_unlock(&workers->mutex);
	return job;
}

static void hand_back(struct race_workers *workers, struct race_job *job)
{
	uint64_t one = 1;

	pthread_mutex_lock(&workers->mutex);
	push(&workers->done, job);
	pthread_mutex_unlock(&workers->mutex);
	if (write(workers->done_fd, &one, sizeof(one)) < 0)
		fprintf(stderr, "nobody can be told of an answer: %s\n", strerror(errno));
}

static void *run(void *argument)
{
	struct thread_place place = *(struct thread_place *)argument;
	struct race_job *job;

	free(argument);
	while ((job = next_job(place.workers, place.number))) {
		work_on(place.workers, job);
		hand_back(place.workers, job);
	}
	return NULL;
}

static int start_threads(struct race_workers *workers)
{
	while (workers->threads < THREADS) {
		struct thread_place *place = malloc(sizeof(*place));

		if (!place)
			return ERR_MEMORY;
		*place = (struct thread_place){workers, workers->threads};
		if (pthread_create(&workers->thread[workers->threads], NULL, run, place)) {
			free(place);
			return ERR_SYSTEM;
		}
		workers->threads++;
	}
	return 0;
}

/* ---- for the loop ---- */

int race_workers_begin(const struct state_folder *state, const struct conf *conf, uint64_t end_ms,
		       struct race_workers **out_workers)
{
	struct race_workers *workers = calloc(1, sizeof(*workers));
	int rc;

	if (!workers)
		return ERR_MEMORY;
	workers->state = state;
	workers->conf = conf;
	workers->end_ms = end_ms;
	workers->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	workers->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->wanted, NULL);
	rc = workers->done_fd < 0 || workers->stop_fd < 0 ? ERR_SYSTEM : start_threads(workers);
	if (rc)
		race_workers_end(workers);
	else
		*out_workers = workers;
	return rc;
}

bool race_workers_give(struct race_workers *workers, enum race_job_kind kind, const char *key, json_t *request)
{
	struct race_job *job = request ? calloc(1, sizeof(*job)) : NULL;

	if (!job) {
		json_decref(request);
		return false;
	}
	job->kind = kind;
	job->request = request;
	snprintf(job->key, sizeof(job->key), "%s", key);
	pthread_mutex_lock(&workers->mutex);
	push(&workers->todo[kind == RACE_JOB_MODEL ? MODEL_THREAD : WORKSPACE_THREAD], job);
	pthread_cond_broadcast(&workers->wanted);
	pthread_mutex_unlock(&workers->mutex);
	return true;
}

int race_workers_fd(const struct race_workers *workers)
{
	return workers->done_fd;
}

struct race_job *race_workers_take(struct race_workers *workers)
{
	struct race_job *job;
	uint64_t count;

	pthread_mutex_lock(&workers->mutex);
	job = pop(&workers->done);
	pthread_mutex_unlock(&workers->mutex);
	if (!job && read(workers->done_fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
		pthread_mutex_lock(&workers->mutex); /* one may have come between the two looks */
		job = pop(&workers->done);
		pthread_mutex_unlock(&workers->mutex);
	}
	return job;
}

static void drop(struct race_list *list)
{
	struct race_job *job;

	while ((job = pop(list)))
		race_job_free(job);
}

void race_workers_end(struct race_workers *workers)
{
	uint64_t one = 1;

	if (!workers)
		return;
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->wanted);
	pthread_mutex_unlock(&workers->mutex);
	if (workers->stop_fd >= 0 && write(workers->stop_fd, &one, sizeof(one)) < 0)
		fprintf(stderr, "what is under way cannot be told to give up: %s\n", strerror(errno));
	while (workers->threads)
		pthread_join(workers->thread[--workers->threads], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		drop(&workers->todo[i]);
	drop(&workers->done);
	if (workers->done_fd >= 0)
		close(workers->done_fd);
	if (workers->stop_fd >= 0)
		close(workers->stop_fd);
	pthread_cond_destroy(&workers->wanted);
	pthread_mutex_destroy(&workers->mutex);
	free(workers);
}
