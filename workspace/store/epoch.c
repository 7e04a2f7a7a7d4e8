/* SPDX-License-Identifier: MIT
 *
 * Epochs. Coming in is one store that everybody sees before anything that follows, and one look at whether it is closed: either who
 * closes sees who came in, or who came in sees that it is closed.
 */
#include "workspace/store/epoch.h"

#include <time.h>

#define CLOSE_LOOK_NS 200000 /* who goes out may just miss that somebody waits for it */

int epoch_init(struct epoch *epoch)
{
	pthread_condattr_t attributes;
	int rc = ERR_SYSTEM;

	if (pthread_condattr_init(&attributes))
		return rc;
	if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) || pthread_cond_init(&epoch->changed, &attributes))
		goto out;
	if (pthread_mutex_init(&epoch->mutex, NULL)) {
		pthread_cond_destroy(&epoch->changed);
		goto out;
	}
	atomic_store(&epoch->now, 1);
	rc = 0;
out:
	pthread_condattr_destroy(&attributes);
	return rc;
}

void epoch_release(struct epoch *epoch)
{
	pthread_mutex_destroy(&epoch->mutex);
	pthread_cond_destroy(&epoch->changed);
}

int epoch_join(struct epoch *epoch, struct epoch_place **out_place)
{
	uint32_t number = 0;

	pthread_mutex_lock(&epoch->mutex);
	while (number < EPOCH_PLACES && epoch->taken[number])
		number++;
	if (number < EPOCH_PLACES) {
		epoch->taken[number] = true;
		if (atomic_load(&epoch->high) <= number)
			atomic_store(&epoch->high, number + 1);
		*out_place = &epoch->places[number];
	}
	pthread_mutex_unlock(&epoch->mutex);
	return number < EPOCH_PLACES ? 0 : ERR_FULL;
}

void epoch_leave(struct epoch *epoch, struct epoch_place *place)
{
	pthread_mutex_lock(&epoch->mutex);
	epoch->taken[place - epoch->places] = false;
	pthread_mutex_unlock(&epoch->mutex);
}

/* Who has waited comes in before it is closed again, or one who closes without a pause would keep everybody out. */
static void enter_when_open(struct epoch *epoch, struct epoch_place *place)
{
	pthread_mutex_lock(&epoch->mutex);
	epoch->waiting++;
	pthread_cond_broadcast(&epoch->changed);
	while (atomic_load(&epoch->is_closed))
		pthread_cond_wait(&epoch->changed, &epoch->mutex);
	atomic_store(&place->seen, atomic_load(&epoch->now));
	if (!--epoch->waiting)
		pthread_cond_broadcast(&epoch->changed);
	pthread_mutex_unlock(&epoch->mutex);
}

void epoch_enter(struct epoch *epoch, struct epoch_place *place)
{
	atomic_store(&place->seen, atomic_load(&epoch->now));
	if (!atomic_load(&epoch->is_closed))
		return;
	atomic_store(&place->seen, 0);
	enter_when_open(epoch, place);
}

static void say_outside(struct epoch *epoch)
{
	pthread_mutex_lock(&epoch->mutex);
	pthread_cond_broadcast(&epoch->changed);
	pthread_mutex_unlock(&epoch->mutex);
}

void epoch_exit(struct epoch *epoch, struct epoch_place *place)
{
	atomic_store_explicit(&place->seen, 0, memory_order_release);
	if (atomic_load_explicit(&epoch->is_closed, memory_order_relaxed))
		say_outside(epoch);
}

void epoch_advance(struct epoch *epoch)
{
	uint64_t now = atomic_load(&epoch->now);
	uint32_t high = atomic_load(&epoch->high);

	for (uint32_t i = 0; i < high; i++) {
		uint64_t seen = atomic_load(&epoch->places[i].seen);
		if (seen && seen != now)
			return;
	}
	atomic_compare_exchange_strong(&epoch->now, &now, now + 1);
}

static bool is_anybody_inside(struct epoch *epoch)
{
	uint32_t high = atomic_load(&epoch->high);

	for (uint32_t i = 0; i < high; i++)
		if (atomic_load(&epoch->places[i].seen))
			return true;
	return false;
}

void epoch_close(struct epoch *epoch)
{
	pthread_mutex_lock(&epoch->mutex);
	while (epoch->waiting)
		pthread_cond_wait(&epoch->changed, &epoch->mutex);
	atomic_store(&epoch->is_closed, true);
	while (is_anybody_inside(epoch)) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += CLOSE_LOOK_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&epoch->changed, &epoch->mutex, &until);
	}
	pthread_mutex_unlock(&epoch->mutex);
}

void epoch_open(struct epoch *epoch)
{
	pthread_mutex_lock(&epoch->mutex);
	atomic_store(&epoch->is_closed, false);
	pthread_cond_broadcast(&epoch->changed);
	pthread_mutex_unlock(&epoch->mutex);
}
