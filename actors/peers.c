/* SPDX-License-Identifier: MIT
 *
 * The registry of peers in memory: a table sorted by key that is replaced as a whole when the folder changes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "actors/keys.h"

#define WATCHED (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct peers {
	struct state_folder state;
	int watch;
	_Atomic uint64_t generation;
	pthread_mutex_t reading; /* one reader of the folder at a time; taken before `lock` */
	pthread_mutex_t lock;    /* of what follows */
	struct peer *peer;
	size_t count;
	char problem[SENTENCE_BYTES];
};

static int key_order(const void *a, const void *b)
{
	return strcmp(((const struct peer *)a)->public_key, ((const struct peer *)b)->public_key);
}

/* A folder that cannot be read leaves an empty table: nobody gets in. Out of memory likewise. */
static void table_read(struct peers *peers)
{
	struct peer *fresh;
	size_t count;
	char problem[SENTENCE_BYTES];

	int rc = peer_list(&peers->state, &fresh, &count, problem);
	if (count)
		qsort(fresh, count, sizeof(*fresh), key_order);
	pthread_mutex_lock(&peers->lock);
	struct peer *old = peers->peer;
	peers->peer = fresh;
	peers->count = count;
	memcpy(peers->problem, rc ? problem : "", rc ? sizeof(problem) : 1);
	pthread_mutex_unlock(&peers->lock);
	atomic_fetch_add(&peers->generation, 1);
	free(old);
}

int peers_new(const struct state_folder *state, struct peers **out_peers)
{
	char folder[PATH_BYTES];
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return ERR_MEMORY;
	peers->state = *state;
	pthread_mutex_init(&peers->reading, NULL);
	pthread_mutex_init(&peers->lock, NULL);
	peers->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (peers->watch < 0 || state_path(state, STATE_PEERS, folder) || inotify_add_watch(peers->watch, folder, WATCHED) < 0) {
		peers_free(peers);
		return ERR_IO;
	}
	table_read(peers); /* after the watch began, so that no change falls between */
	*out_peers = peers;
	return 0;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	if (peers->watch >= 0)
		close(peers->watch);
	pthread_mutex_destroy(&peers->reading);
	pthread_mutex_destroy(&peers->lock);
	free(peers->peer);
	free(peers);
}

int peers_fd(const struct peers *peers)
{
	return peers->watch;
}

static bool watch_drain(int watch)
{
	char events[4096] __attribute__((aligned(8)));
	bool changed = false;

	while (read(watch, events, sizeof(events)) > 0)
		changed = true;
	return changed;
}

bool peers_refresh(struct peers *peers)
{
	pthread_mutex_lock(&peers->reading);
	bool changed = watch_drain(peers->watch);
	if (changed)
		table_read(peers);
	pthread_mutex_unlock(&peers->reading);
	return changed;
}

uint64_t peers_generation(const struct peers *peers)
{
	return atomic_load(&peers->generation);
}

/* The lock is no part of what a caller can see change. */
static pthread_mutex_t *lock_of(const struct peers *peers)
{
	union {
		const struct peers *read_only;
		struct peers *writable;
	} cast = {.read_only = peers};
	return &cast.writable->lock;
}

int peers_find(const struct peers *peers, const char *public_key, struct peer *out_peer)
{
	struct peer wanted;

	if (!public_key || strlen(public_key) != KEY_TEXT_BYTES - 1)
		return ERR_NOT_FOUND;
	memcpy(wanted.public_key, public_key, KEY_TEXT_BYTES);
	pthread_mutex_lock(lock_of(peers));
	const struct peer *found = peers->count ? bsearch(&wanted, peers->peer, peers->count, sizeof(wanted), key_order) : NULL;
	if (found)
		*out_peer = *found;
	pthread_mutex_unlock(lock_of(peers));
	return found ? 0 : ERR_NOT_FOUND;
}

void peers_problem(const struct peers *peers, char out_sentence[SENTENCE_BYTES])
{
	pthread_mutex_lock(lock_of(peers));
	memcpy(out_sentence, peers->problem, SENTENCE_BYTES);
	pthread_mutex_unlock(lock_of(peers));
}
