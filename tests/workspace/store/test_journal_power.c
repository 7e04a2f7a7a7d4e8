/* SPDX-License-Identifier: MIT
 *
 * A loss of power with DURABLE_DISK: of what was written since the last sync the disk has any sectors and not the others. Four writers work; at each
 * sync such a disk is made, and all that was acknowledged until then has to be on it. Each session begins on one of the disks of the one before.
 *
 * POWER_SESSIONS: how many. POWER_SEED: other ones.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/workspace/store/journal_faults.h"
#include "tests/workspace/store/journal_story.h"
#include "workspace/store/journal_inner.h"

#define SESSIONS_GIVEN   6u
#define SESSIONS_A_STORY 3u /* on one journal */
#define WRITERS          4u
#define CHANGES          8u /* of each writer in a session */
#define WRITES_MAX       400u

struct write {
	uint64_t position;
	size_t bytes;
	uint8_t *at;
};

struct image {
	uint8_t *at;
	size_t bytes, max;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below but the counts */
static struct image disk;                                /* what it has for sure */
static struct write pending[WRITES_MAX];                 /* what it may have */
static size_t pending_count;
static uint64_t written_count, synced_count; /* writes, and how many of them are no longer pending */
static struct image left;                    /* the disk on which the next session begins */
static uint64_t left_known[WRITERS];
static uint64_t random_state;
static char image_folder[256];
static unsigned disks_made;

static _Atomic uint64_t acknowledged[WRITERS];
static _Thread_local uint64_t written_at_sync;
static _Thread_local bool looking; /* at another journal, whose calls do not count */

static uint32_t chance(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void stop(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort(); /* threads are running: cmocka cannot leave a test from them */
}

/* ---- the disk ---- */

static void reach(struct image *image, size_t end)
{
	if (end <= image->bytes)
		return;
	if (end > image->max) {
		image->max = end + end / 2 + JOURNAL_SEGMENT_BYTES;
		image->at = realloc(image->at, image->max);
		if (!image->at)
			stop("no memory");
	}
	memset(image->at + image->bytes, 0, end - image->bytes);
	image->bytes = end;
}

static void image_copy(struct image *to, const struct image *from)
{
	to->bytes = 0;
	reach(to, from->bytes);
	memcpy(to->at, from->at, from->bytes);
}

static void on_written(const uint8_t *at, size_t bytes, uint64_t position)
{
	if (looking)
		return;
	pthread_mutex_lock(&lock);
	if (pending_count == WRITES_MAX)
		stop("more writes than were thought of");
	struct write *write = &pending[pending_count++];
	*write = (struct write){position, bytes, malloc(bytes)};
	if (!write->at)
		stop("no memory");
	memcpy(write->at, at, bytes);
	written_count++;
	pthread_mutex_unlock(&lock);
}

/* What was written before the sync began is there for sure. */
static void on_synced(void)
{
	if (looking)
		return;
	pthread_mutex_lock(&lock);
	size_t count = 0;
	for (; synced_count < written_at_sync; synced_count++, count++) {
		reach(&disk, (size_t)pending[count].position + pending[count].bytes);
		memcpy(disk.at + pending[count].position, pending[count].at, pending[count].bytes);
		free(pending[count].at);
	}
	pending_count -= count;
	memmove(pending, pending + count, pending_count * sizeof(*pending));
	pthread_mutex_unlock(&lock);
}

/* Some sectors of a write; at times none, or all but one. */
static void write_some(struct image *image, const struct write *write)
{
	uint32_t kind = chance(4);
	uint64_t end = write->position + write->bytes, from = write->position;
	size_t sectors = (size_t)((end - 1) / JOURNAL_SECTOR_BYTES - from / JOURNAL_SECTOR_BYTES + 1);
	size_t missing = chance((uint32_t)sectors), number = 0;
	for (; from < end; number++) {
		uint64_t next = (from / JOURNAL_SECTOR_BYTES + 1) * JOURNAL_SECTOR_BYTES;
		next = next < end ? next : end;
		if (kind == 0 ? false : kind == 1 ? number != missing : chance(2)) {
			reach(image, (size_t)next);
			memcpy(image->at + from, write->at + (from - write->position), (size_t)(next - from));
		}
		from = next;
	}
}

/* As it may be found. It has the length that somebody reserved, or not. */
static void image_make(struct image *image)
{
	image_copy(image, &disk);
	for (size_t i = 0; i < pending_count; i++)
		write_some(image, &pending[i]);
	if (chance(2))
		reach(image, (image->bytes / JOURNAL_SEGMENT_BYTES + 1) * JOURNAL_SEGMENT_BYTES);
}

static void image_check(const struct image *image, const uint64_t *known)
{
	char path[300], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	story_file(image_folder, path);
	file_put(path, image->at, image->bytes);
	if (journal_look(image_folder, &found, sentence))
		stop(sentence);
	for (unsigned who = 0; who < WRITERS; who++) {
		if (found.last[who] < known[who])
			stop("an acknowledged change was lost");
		for (uint64_t i = 1; i <= known[who]; i++)
			if (!found_has(&found, who, i))
				stop("an acknowledged object was lost");
	}
	found_release(&found);
	disks_made++;
}

/* Before each sync: nobody can have been told of what it brings. */
static void on_sync(void)
{
	uint64_t known[WRITERS];
	struct image image = {0};
	if (looking)
		return;
	for (unsigned who = 0; who < WRITERS; who++)
		known[who] = atomic_load(&acknowledged[who]);
	looking = true;
	pthread_mutex_lock(&lock);
	image_make(&image);
	image_check(&image, known);
	if (!left.at || !chance(8)) {
		image_copy(&left, &image);
		memcpy(left_known, known, sizeof(known));
	}
	written_at_sync = written_count;
	pthread_mutex_unlock(&lock);
	looking = false;
	free(image.at);
}

/* ---- a session ---- */

struct work {
	struct journal *journal;
	unsigned who;
	uint64_t from;
};

static void *work_run(void *context)
{
	struct work *work = context;
	struct journal_writer *writer;
	if (journal_join(work->journal, &writer))
		stop("joining");
	for (uint64_t i = work->from; i < work->from + CHANGES; i++) {
		size_t bytes = i % 13 == work->who ? 30000 : 0;
		if (i % 29 == work->who)
			bytes = JOURNAL_SEGMENT_BYTES + 20000;
		if (change_append(writer, &(struct change){work->who, i, bytes}))
			stop("appending");
		atomic_store(&acknowledged[work->who], i);
	}
	journal_leave(writer);
	return NULL;
}

/* Four writers, on the disk that was left. */
static void session(const char *folder)
{
	struct found found;
	char path[300];
	pthread_t threads[WRITERS];
	struct work works[WRITERS];
	story_file(folder, path);
	file_put(path, left.at, left.bytes);
	image_copy(&disk, &left);
	fault_written_hook = on_written;
	fault_sync_hook = on_sync;
	fault_synced_hook = on_synced;
	for (unsigned i = 0; i < WRITERS; i++)
		atomic_store(&acknowledged[i], left_known[i]);
	struct journal *journal = journal_ready(folder, DURABLE_DISK, &found);
	for (unsigned i = 0; i < WRITERS; i++) {
		works[i] = (struct work){journal, i, found.last[i] + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, work_run, &works[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	fault_sync_hook = fault_synced_hook = NULL;
	fault_written_hook = NULL;
	assert_int_equal(journal_close(journal), 0);
	found_release(&found);
	while (pending_count)
		free(pending[--pending_count].at);
	synced_count = written_count;
}

static void new_journal(const char *folder)
{
	struct found found;
	char path[300];
	story_file(folder, path);
	unlink(path);
	assert_int_equal(journal_close(journal_ready(folder, DURABLE_DISK, &found)), 0);
	free(left.at);
	left = (struct image){0};
	left.at = file_take(path, &left.bytes);
	left.max = left.bytes;
	memset(left_known, 0, sizeof(left_known));
}

static void test_what_was_acknowledged_survives_a_loss_of_power(void **state)
{
	(void)state;
	char folder[256];
	uint64_t sessions = setting("POWER_SESSIONS", SESSIONS_GIVEN);
	random_state = setting("POWER_SEED", 3) * UINT64_C(0x9e3779b97f4a7c15);
	story_folder(folder);
	story_folder(image_folder);
	for (uint64_t i = 0; i < sessions; i++) {
		if (i % SESSIONS_A_STORY == 0)
			new_journal(folder);
		session(folder);
	}
	print_message("%llu sessions, %u disks\n", (unsigned long long)sessions, disks_made);
	assert_true(disks_made > 5 * sessions);
	story_remove(folder);
	story_remove(image_folder);
	free(left.at);
	free(disk.at);
	left = disk = (struct image){0};
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_acknowledged_survives_a_loss_of_power),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
