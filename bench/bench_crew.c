/* SPDX-License-Identifier: MIT
 *
 * What it costs to hand a message to another actor, beside an actor of czmq that does the same over its pipe. All in one run, taking turns, so that
 * what the machine does besides falls on all of them.
 *
 *   bench_crew [ROUNDS]
 *
 * A hand-off is half of a round trip: one actor sends a message of 56 bytes, the other answers with one. Round trips are timed one by one
 * where they are long enough for the clock, and by the hundred within one worker. `asleep` sends to a worker that does not spin and has
 * fallen asleep: that is what waking a thread costs, here as everywhere. `guest` is a thread that waits in poll(2). `two bare lines` is
 * the floor: two threads that write each other a word and look at it without end, which moves a cache line and nothing else; on a virtual
 * machine it depends on where its processors happen to be.
 */
#include <czmq.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "workspace/crew/crew.h"

#define ROUNDS_DEFAULT 20u
#define TRIPS          2000u /* of one kind in a round */
#define SLOW_TRIPS     200u
#define BUNDLE         100u
#define STORM          200000u
#define SAMPLES_MAX    4000000u

struct samples {
	const char *name;
	double *ns; /* of a hand-off */
	size_t count;
};

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_crew: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void sample_add(struct samples *samples, double ns)
{
	if (!samples->ns)
		samples->ns = malloc(SAMPLES_MAX * sizeof(*samples->ns));
	if (!samples->ns || samples->count == SAMPLES_MAX)
		stop("too many rounds");
	samples->ns[samples->count++] = ns;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double at(const struct samples *samples, double part)
{
	return samples->count ? samples->ns[(size_t)(part * (double)(samples->count - 1))] : 0;
}

static void samples_print(struct samples *samples)
{
	qsort(samples->ns, samples->count, sizeof(*samples->ns), by_value);
	printf("  %-34s %10.3f %10.3f %10.3f %10.3f   %zu\n", samples->name, at(samples, 0.5) / 1e3, at(samples, 0.9) / 1e3,
	       at(samples, 0.99) / 1e3, at(samples, 0.999) / 1e3, samples->count);
}

static void pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* ---- two actors ---- */

struct pair {
	struct crew_address other;
	struct samples *samples;
	unsigned left, bundle, at;
	double began;
	_Atomic uint32_t *done;
};

static void reply(struct crew_context *context, void *state, const struct crew_message *message)
{
	(void)state;
	if (message->role == CREW_TELL && crew_send(context, message->from, message))
		stop("an actor could not reply");
}

static void serve(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct pair *pair = state;
	double now;

	if (message->role != CREW_TELL)
		return;
	if (message->kind && ++pair->at == pair->bundle) { /* it came back */
		now = now_ns();
		sample_add(pair->samples, (now - pair->began) / 2 / pair->bundle);
		pair->at = 0;
		pair->left--;
	}
	if (!pair->left) {
		atomic_store(pair->done, 1);
		return;
	}
	if (!pair->at)
		pair->began = now_ns();
	if (crew_send(context, pair->other, &(struct crew_message){.kind = 1}))
		stop("an actor could not send");
}

static void crew_trips(struct crew *crew, struct samples *samples, uint32_t from, uint32_t to, unsigned trips, unsigned bundle)
{
	_Atomic uint32_t done = 0;
	struct pair pair = {.samples = samples, .left = trips, .bundle = bundle, .done = &done};
	struct crew_address server;

	if (crew_start(crew, &(struct crew_actor){reply, NULL, to}, &pair.other) ||
	    crew_start(crew, &(struct crew_actor){serve, &pair, from}, &server) ||
	    crew_post(crew, server, &(struct crew_message){.kind = 0}))
		stop("two actors could not be started");
	while (!atomic_load(&done))
		usleep(200);
	crew_stop(crew, server);
	crew_stop(crew, pair.other);
	crew_wait(crew, server);
	crew_wait(crew, pair.other);
}

/* Trip after trip with a rest between them that is long enough to fall asleep; from outside, so that the sender is awake. */
static void guest_trips(struct crew *crew, struct samples *samples, unsigned trips, unsigned rest_us, bool watch)
{
	struct crew_guest *guest;
	struct crew_address address;
	struct crew_message message = {.kind = 1};

	if (crew_join(crew, 0, &guest) || crew_start(crew, &(struct crew_actor){reply, NULL, 0}, &address))
		stop("a guest could not join");
	for (unsigned i = 0; i < trips; i++) {
		struct pollfd item = {.fd = crew_guest_fd(guest), .events = POLLIN};
		double began;
		usleep(rest_us);
		began = now_ns();
		if (crew_guest_send(guest, address, &message))
			stop("a guest could not send");
		while (crew_guest_receive(guest, &message))
			if (watch)
				poll(&item, 1, -1);
		sample_add(samples,
			   (now_ns() - began) / (watch ? 2 : 1)); /* who does not wait is reached at once: it all was waking */
	}
	crew_stop(crew, address);
	crew_wait(crew, address);
	crew_leave(guest);
}

/* ---- the floor ---- */

struct lines {
	alignas(64) _Atomic unsigned there;
	alignas(64) _Atomic unsigned back;
};

static void *bounce(void *argument)
{
	struct lines *lines = argument;

	pin(1);
	for (unsigned i = 1; i <= TRIPS; i++) {
		while (atomic_load_explicit(&lines->there, memory_order_acquire) != i)
			;
		atomic_store_explicit(&lines->back, i, memory_order_release);
	}
	return NULL;
}

static void *throw(void *argument)
{
	struct samples *samples = argument;
	struct lines lines = {0};
	pthread_t other;

	pin(0);
	if (pthread_create(&other, NULL, bounce, &lines))
		stop("a thread could not be started");
	for (unsigned i = 1; i <= TRIPS; i++) {
		double began = now_ns();
		atomic_store_explicit(&lines.there, i, memory_order_release);
		while (atomic_load_explicit(&lines.back, memory_order_acquire) != i)
			;
		sample_add(samples, (now_ns() - began) / 2);
	}
	pthread_join(other, NULL);
	return NULL;
}

static void bare_trips(struct samples *samples)
{
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		stop("one processor is not enough to hand anything to another");
	if (pthread_create(&thread, NULL, throw, samples))
		stop("a thread could not be started");
	pthread_join(thread, NULL);
}

/* ---- czmq ---- */

static void czmq_reply(zsock_t *pipe, void *argument)
{
	if (argument)
		pin(*(int *)argument);
	zsock_signal(pipe, 0);
	for (;;) {
		zframe_t *frame = zframe_recv(pipe);
		if (!frame || zframe_size(frame) != sizeof(struct crew_message)) {
			zframe_destroy(&frame);
			return; /* $TERM */
		}
		zframe_send(&frame, pipe, 0);
	}
}

static void czmq_trips(zactor_t *actor, struct samples *samples, unsigned trips)
{
	struct crew_message message = {.kind = 1};

	for (unsigned i = 0; i < trips; i++) {
		double began = now_ns();
		zframe_t *frame = zframe_new(&message, sizeof(message));
		zframe_send(&frame, actor, 0);
		frame = zframe_recv(actor);
		if (!frame)
			stop("an actor of czmq did not reply");
		zframe_destroy(&frame);
		sample_add(samples, (now_ns() - began) / 2);
	}
}

/* Where each has a processor of its own, as the workers have. */
struct czmq_apart {
	zactor_t *actor;
	struct samples *samples;
};

static void *czmq_trips_apart(void *argument)
{
	struct czmq_apart *apart = argument;

	pin(0);
	czmq_trips(apart->actor, apart->samples, TRIPS);
	return NULL;
}

static void czmq_apart(zactor_t *actor, struct samples *samples)
{
	struct czmq_apart apart = {actor, samples};
	pthread_t thread;

	if (pthread_create(&thread, NULL, czmq_trips_apart, &apart))
		stop("a thread could not be started");
	pthread_join(thread, NULL);
}

/* ---- a storm: how many a second in one direction ---- */

struct storm {
	struct crew_address to;
	unsigned left;
};

static void pour(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct storm *storm = state;

	(void)message;
	while (storm->left && !crew_send(context, storm->to, &(struct crew_message){.kind = 1}))
		storm->left--;
}

static void swallow(struct crew_context *context, void *state, const struct crew_message *message)
{
	(void)context;
	*(unsigned *)state += message->role == CREW_TELL;
}

static void crew_storm(struct crew *crew, struct samples *samples, uint32_t from, uint32_t to)
{
	unsigned swallowed = 0;
	struct storm storm = {.left = STORM};
	struct crew_address address;
	double began;

	if (crew_start(crew, &(struct crew_actor){swallow, &swallowed, to}, &storm.to))
		stop("an actor could not be started");
	began = now_ns();
	if (crew_start(crew, &(struct crew_actor){pour, &storm, from}, &address))
		stop("an actor could not be started");
	crew_quiet(crew);
	sample_add(samples, (now_ns() - began) / STORM);
	if (swallowed != STORM)
		stop("a message was lost");
	storm.left = 0;
	crew_stop(crew, address);
	crew_stop(crew, storm.to);
	crew_quiet(crew);
}

/* ---- */

enum kind { BARE, SAME, OTHER, CZMQ, CZMQ_FREE, ASLEEP, GUEST, STORM_SAME, STORM_OTHER, KINDS };

static struct crew *open_crew(uint32_t workers, uint32_t spin_us)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct crew *crew;

	if (crew_open(&(struct crew_options){.workers = workers, .pin = workers > 1, .spin_us = spin_us}, &crew, sentence))
		stop(sentence);
	return crew;
}

static void run(struct samples *samples, unsigned rounds)
{
	struct crew *awake = open_crew(2, 2000), *sleepy = open_crew(1, CREW_NO_SPIN);
	int second = 1;
	zactor_t *actor = zactor_new(czmq_reply, &second), *free_actor = zactor_new(czmq_reply, NULL);

	if (!actor || !free_actor)
		stop("czmq has no actor");
	for (unsigned i = 0; i < rounds; i++) {
		bare_trips(&samples[BARE]);
		crew_trips(awake, &samples[SAME], 0, 0, TRIPS, BUNDLE);
		crew_trips(awake, &samples[OTHER], 0, 1, TRIPS, 1);
		crew_storm(awake, &samples[STORM_SAME], 0, 0);
		crew_storm(awake, &samples[STORM_OTHER], 0, 1);
		usleep(5000); /* its workers sleep now, and leave the processors to the others */
		czmq_apart(actor, &samples[CZMQ]);
		czmq_trips(free_actor, &samples[CZMQ_FREE], TRIPS);
		guest_trips(sleepy, &samples[ASLEEP], SLOW_TRIPS, 200, false);
		guest_trips(sleepy, &samples[GUEST], SLOW_TRIPS, 0, true);
	}
	zactor_destroy(&actor);
	zactor_destroy(&free_actor);
	crew_close(sleepy);
	crew_close(awake);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS_DEFAULT;
	struct samples samples[KINDS] = {
		[BARE] = {.name = "two bare lines"},
		[SAME] = {.name = "same worker"},
		[OTHER] = {.name = "other worker, awake"},
		[CZMQ] = {.name = "czmq actor, other processor"},
		[CZMQ_FREE] = {.name = "czmq actor, wherever it is put"},
		[ASLEEP] = {.name = "other worker, asleep"},
		[GUEST] = {.name = "guest in poll, worker asleep"},
		[STORM_SAME] = {.name = "storm, same worker, per message"},
		[STORM_OTHER] = {.name = "storm, other worker, per message"},
	};

	if (!rounds)
		stop("the number of rounds is at least 1");
	zsys_init();
	run(samples, rounds);
	printf("one hand-off, in us                         p50        p90        p99      p99.9   samples\n");
	for (unsigned i = 0; i < KINDS; i++)
		samples_print(&samples[i]);
	printf("\na worker that is awake takes %.2f times as long as two bare lines\n",
	       at(&samples[OTHER], 0.5) / at(&samples[BARE], 0.5));
	printf("an actor of czmq on the other processor takes %.0f times as long as a worker that is awake there (p50),\n"
	       "and where the kernel puts both together, %.0f times as long as within a worker\n",
	       at(&samples[CZMQ], 0.5) / at(&samples[OTHER], 0.5), at(&samples[CZMQ_FREE], 0.5) / at(&samples[SAME], 0.5));
	printf("a receiver that sleeps costs %.1f us to wake: it is %.0f times cheaper to find it awake\n",
	       at(&samples[ASLEEP], 0.5) / 1e3, at(&samples[ASLEEP], 0.5) / at(&samples[OTHER], 0.5));
	for (unsigned i = 0; i < KINDS; i++)
		free(samples[i].ns);
	return 0;
}
