/* SPDX-License-Identifier: MIT
 *
 * One lock for all mirrors, held for moments: whoever hands a checkpoint over never waits for a disk or a program.
 */
#include "actors/mirror.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/fresh.h"
#include "actors/mirror_inner.h"
#include "actors/process.h"
#include "actors/supervisor.h"

struct mirrors {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* CLOCK_MONOTONIC: something is new, or a mirror has ended */
	struct checkpoint_text newest;
	uint64_t stop_ms; /* when the last of them must have ended; 0: go on */
	uint64_t trail_device;
	size_t count;
	struct mirror mirror[MIRROR_KINDS];
};

const char *mirror_kind_name(enum mirror_kind kind)
{
	static const char *const names[MIRROR_KINDS] = {"file", "git", "command"};

	return names[kind];
}

uint64_t mirror_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t mirror_stop_ms(struct mirror *mirror)
{
	uint64_t stop_ms;

	pthread_mutex_lock(&mirror->all->lock);
	stop_ms = mirror->all->stop_ms;
	pthread_mutex_unlock(&mirror->all->lock);
	return stop_ms;
}

void mirror_note_device(struct mirror *mirror, uint64_t device)
{
	bool same = device == mirror->trail_device;

	pthread_mutex_lock(&mirror->all->lock);
	if (same && !mirror->same_volume)
		fprintf(stderr, "omega: the mirror %s is on the file system of the trail: both can be lost together\n",
			mirror->where);
	mirror->same_volume = same;
	pthread_mutex_unlock(&mirror->all->lock);
}

size_t mirror_entry(const struct checkpoint_text *checkpoint, char out_entry[MIRROR_ENTRY_BYTES])
{
	const char *time = strstr(checkpoint->note, "\ntime ");
	int bytes = snprintf(out_entry, MIRROR_ENTRY_BYTES, "# %llu %llu\n%s\n", (unsigned long long)checkpoint->number,
			     time ? strtoull(time + 6, NULL, 10) : 0ull, checkpoint->note);

	return (size_t)bytes;
}

/* ---- one mirror ---- */

static bool put(struct mirror *mirror, const struct checkpoint_text *checkpoint, char why[MIRROR_WHY_BYTES])
{
	switch (mirror->kind) {
	case MIRROR_FILE:
		return mirror_file_put(mirror, checkpoint, why);
	case MIRROR_GIT:
		return mirror_git_put(mirror, checkpoint, why);
	default:
		return mirror_command_put(mirror, checkpoint, mirror_now_ms() + MIRROR_COMMAND_MS, why);
	}
}

static void note_success(struct mirror *mirror, const struct checkpoint_text *checkpoint)
{
	if (mirror->failing_since_ms)
		fprintf(stderr, "omega: the mirror %s has checkpoint %llu; it works again\n", mirror->where,
			(unsigned long long)checkpoint->number);
	mirror->number = checkpoint->number;
	mirror->size = checkpoint->size;
	mirror->at_ms = wall_now_ms();
	mirror->failing_since_ms = 0;
	mirror->why[0] = 0;
	mirror->retry_ms = MIRROR_RETRY_FIRST_MS;
	mirror->not_before_ms = mirror_now_ms() + mirror->pause_ms;
}

static void note_failure(struct mirror *mirror, const char *why)
{
	if (strcmp(mirror->why, why) != 0)
		fprintf(stderr, "omega: the mirror %s does not take checkpoints: %s\n", mirror->where, why);
	if (!mirror->failing_since_ms)
		mirror->failing_since_ms = wall_now_ms();
	snprintf(mirror->why, sizeof(mirror->why), "%s", why);
	mirror->not_before_ms = mirror_now_ms() + mirror->retry_ms;
	mirror->retry_ms = mirror->retry_ms * 2 < MIRROR_RETRY_MOST_MS ? mirror->retry_ms * 2 : MIRROR_RETRY_MOST_MS;
}

static void wait_until(struct mirrors *mirrors, uint64_t until_ms)
{
	struct timespec until = {.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};

	pthread_cond_timedwait(&mirrors->wake, &mirrors->lock, &until);
}

/* Waits for something to do; false: there is nothing any more. At the end a pause and a wait for another try count no longer. */
static bool take(struct mirror *mirror, struct checkpoint_text *out_checkpoint)
{
	struct mirrors *mirrors = mirror->all;

	for (;;) {
		bool behind = mirrors->newest.number > mirror->number;

		if (behind && (mirrors->stop_ms || mirror_now_ms() >= mirror->not_before_ms)) {
			*out_checkpoint = mirrors->newest;
			return true;
		}
		if (mirrors->stop_ms)
			return false;
		if (behind)
			wait_until(mirrors, mirror->not_before_ms);
		else
			pthread_cond_wait(&mirrors->wake, &mirrors->lock);
	}
}

static void *run(void *argument)
{
	struct mirror *mirror = argument;
	struct mirrors *mirrors = mirror->all;
	struct checkpoint_text checkpoint;
	bool last = false;

	pthread_mutex_lock(&mirrors->lock);
	while (!last && take(mirror, &checkpoint)) {
		char why[MIRROR_WHY_BYTES] = "";
		bool there;

		pthread_mutex_unlock(&mirrors->lock);
		there = put(mirror, &checkpoint, why);
		pthread_mutex_lock(&mirrors->lock);
		last = mirrors->stop_ms && !there; /* one try */
		if (there)
			note_success(mirror, &checkpoint);
		else
			note_failure(mirror, why);
	}
	mirror->ended = true;
	pthread_cond_broadcast(&mirrors->wake);
	pthread_mutex_unlock(&mirrors->lock);
	return NULL;
}

/* ---- all of them ---- */

static struct mirror *add(struct mirrors *mirrors, enum mirror_kind kind)
{
	struct mirror *mirror = &mirrors->mirror[mirrors->count++];

	mirror->all = mirrors;
	mirror->trail_device = mirrors->trail_device;
	mirror->kind = kind;
	mirror->retry_ms = MIRROR_RETRY_FIRST_MS;
	return mirror;
}

static int add_file(struct mirrors *mirrors, const struct state_folder *state, const struct conf *conf)
{
	struct mirror *mirror;
	int rc = 0;

	if (strcmp(conf->mirror_file, PLACE_NONE) == 0)
		return 0;
	mirror = add(mirrors, MIRROR_FILE);
	if (conf->mirror_file[0])
		snprintf(mirror->where, sizeof(mirror->where), "%s", conf->mirror_file);
	else
		rc = state_path(state, STATE_MIRROR_FILE, mirror->where);
	return rc;
}

static int add_command(struct mirrors *mirrors, const struct conf *conf, char out_sentence[SENTENCE_BYTES])
{
	struct mirror *mirror;
	int rc;

	if (!conf->mirror_command[0])
		return 0;
	mirror = add(mirrors, MIRROR_COMMAND);
	snprintf(mirror->where, sizeof(mirror->where), "%s", conf->mirror_command);
	rc = command_split(conf->mirror_command, mirror->words, sizeof(mirror->words), mirror->argv, MIRROR_WORDS_MAX + 1,
			   out_sentence);
	return rc ? rc : process_adopt_orphans();
}

static int add_all(struct mirrors *mirrors, const struct state_folder *state, const struct conf *conf,
		   char out_sentence[SENTENCE_BYTES])
{
	struct stat status;
	int rc;

	if (stat(state->root, &status) == 0)
		mirrors->trail_device = status.st_dev;
	rc = add_file(mirrors, state, conf);
	if (!rc && conf->mirror_git[0] && strcmp(conf->mirror_git, PLACE_NONE) != 0) {
		struct mirror *mirror = add(mirrors, MIRROR_GIT);

		snprintf(mirror->where, sizeof(mirror->where), "%s", conf->mirror_git);
		mirror->pause_ms = MIRROR_GIT_PAUSE_MS;
	}
	return rc ? rc : add_command(mirrors, conf, out_sentence);
}

/* Signals are for the owner's thread. */
static int start(struct mirrors *mirrors)
{
	size_t count = mirrors->count;
	sigset_t all, before;
	int rc = 0;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return ERR_SYSTEM;
	for (mirrors->count = 0; !rc && mirrors->count < count; mirrors->count += !rc) {
		struct mirror *mirror = &mirrors->mirror[mirrors->count];

		rc = pthread_create(&mirror->thread, NULL, run, mirror) ? ERR_SYSTEM : 0;
	}
	if (pthread_sigmask(SIG_SETMASK, &before, NULL))
		abort(); /* cannot fail with these arguments */
	return rc;
}

static void lock_init(struct mirrors *mirrors)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&mirrors->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&mirrors->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

int mirrors_new(const struct state_folder *state, const struct conf *conf, struct mirrors **out_mirrors,
		char out_sentence[SENTENCE_BYTES])
{
	struct mirrors *mirrors = calloc(1, sizeof(*mirrors));
	int rc;

	out_sentence[0] = 0;
	if (!mirrors)
		return ERR_MEMORY;
	lock_init(mirrors);
	rc = add_all(mirrors, state, conf, out_sentence);
	if (rc)
		mirrors->count = 0; /* none has a thread yet */
	else
		rc = start(mirrors);
	if (rc)
		mirrors_free(mirrors, 1000);
	else
		*out_mirrors = mirrors;
	return rc;
}

void mirrors_offer(struct mirrors *mirrors, const char *note, uint64_t number, uint64_t size)
{
	pthread_mutex_lock(&mirrors->lock);
	if (number > mirrors->newest.number) {
		mirrors->newest.number = number;
		mirrors->newest.size = size;
		snprintf(mirrors->newest.note, sizeof(mirrors->newest.note), "%s", note);
		pthread_cond_broadcast(&mirrors->wake);
	}
	pthread_mutex_unlock(&mirrors->lock);
}

static bool all_ended(const struct mirrors *mirrors)
{
	for (size_t i = 0; i < mirrors->count; i++)
		if (!mirrors->mirror[i].ended)
			return false;
	return true;
}

void mirrors_free(struct mirrors *mirrors, uint32_t limit_ms)
{
	bool ended;

	if (!mirrors)
		return;
	pthread_mutex_lock(&mirrors->lock);
	mirrors->stop_ms = mirror_now_ms() + limit_ms;
	pthread_cond_broadcast(&mirrors->wake);
	while (!(ended = all_ended(mirrors)) && mirror_now_ms() < mirrors->stop_ms)
		wait_until(mirrors, mirrors->stop_ms);
	for (size_t i = 0; i < mirrors->count; i++)
		if (!mirrors->mirror[i].ended)
			fprintf(stderr, "omega: the mirror %s does not answer and is left behind\n", mirrors->mirror[i].where);
	pthread_mutex_unlock(&mirrors->lock);
	if (!ended)
		return; /* a disk that hangs: its thread still has this memory, and ends with the process */
	for (size_t i = 0; i < mirrors->count; i++)
		pthread_join(mirrors->mirror[i].thread, NULL);
	pthread_cond_destroy(&mirrors->wake);
	pthread_mutex_destroy(&mirrors->lock);
	free(mirrors);
}

size_t mirrors_look(struct mirrors *mirrors, uint64_t *out_number, uint64_t *out_size, struct mirror_view view[MIRROR_KINDS])
{
	pthread_mutex_lock(&mirrors->lock);
	*out_number = mirrors->newest.number;
	*out_size = mirrors->newest.size;
	for (size_t i = 0; i < mirrors->count; i++) {
		const struct mirror *mirror = &mirrors->mirror[i];

		view[i] = (struct mirror_view){.kind = mirror->kind,
					       .same_volume = mirror->same_volume,
					       .number = mirror->number,
					       .size = mirror->size,
					       .at_ms = mirror->at_ms,
					       .failing_since_ms = mirror->failing_since_ms};
		memcpy(view[i].where, mirror->where, sizeof(view[i].where));
		memcpy(view[i].why, mirror->why, sizeof(view[i].why));
	}
	pthread_mutex_unlock(&mirrors->lock);
	return mirrors->count;
}
