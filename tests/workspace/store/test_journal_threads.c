/* SPDX-License-Identifier: MIT
 *
 * Eight writers of one journal, who come and go: each finds all it wrote, whatever the others did, and those who wait for the disk share
 * the way there.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/workspace/store/journal_faults.h"
#include "tests/workspace/store/journal_story.h"
#include "workspace/store/journal_inner.h"

#define WRITERS 8u

struct work {
	struct journal *journal;
	unsigned who;
	uint64_t changes;
	int rc;
};

static void *work_run(void *context)
{
	struct work *work = context;
	struct journal_writer *writer = NULL;
	for (uint64_t i = 1; !work->rc && i <= work->changes; i++) {
		if (!writer)
			work->rc = journal_join(work->journal, &writer);
		/* Now and then one that fills most of a segment, or more than one. */
		size_t bytes = i % 97 ? 0 : work->who ? JOURNAL_SEGMENT_BYTES / 2 + 4096 : JOURNAL_SEGMENT_BYTES + 5;
		if (!work->rc)
			work->rc = change_append(writer, &(struct change){work->who, i, bytes});
		if (!work->rc && i % 41 == 0) {
			journal_leave(writer);
			writer = NULL;
		}
	}
	if (writer)
		journal_leave(writer);
	return NULL;
}

static void run_all(struct journal *journal, uint64_t changes)
{
	struct work works[WRITERS];
	pthread_t threads[WRITERS];
	for (unsigned i = 0; i < WRITERS; i++) {
		works[i] = (struct work){.journal = journal, .who = i, .changes = changes};
		assert_int_equal(pthread_create(&threads[i], NULL, work_run, &works[i]), 0);
	}
	uint64_t last = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t head = journal_head(journal);
		assert_true(head >= last && journal_bytes(journal) > 0);
		last = head;
		sched_yield();
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(works[i].rc, 0);
	}
}

static void test_eight_writers_lose_nothing(void **state)
{
	(void)state;
	static const enum workspace_durability levels[] = {DURABLE_PROCESS, DURABLE_DISK};
	static const uint64_t changes[] = {400, 200};
	for (int i = 0; i < 2; i++) {
		char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
		struct found found;
		story_folder(folder);
		struct journal *journal = journal_ready(folder, levels[i], &found);
		run_all(journal, changes[i]);
		uint64_t head = journal_head(journal);
		assert_int_equal(journal_close(journal), 0);
		if (journal_look(folder, &found, sentence))
			fail_msg("%s", sentence);
		for (unsigned k = 0; k < WRITERS; k++) {
			assert_int_equal(found.last[k], changes[i]);
			assert_int_equal(found.objects[k], changes[i]);
		}
		found_release(&found);
		journal = journal_ready(folder, levels[i], &found);
		assert_int_equal(journal_head(journal), head);
		assert_int_equal(journal_close(journal), 0);
		found_release(&found);
		story_remove(folder);
	}
}

/* ---- sharing the way to the disk ---- */

static struct journal *watched;
static _Atomic unsigned syncs;

/* The first sync waits until all have written and wait. */
static void until_all_wait(void)
{
	if (atomic_fetch_add(&syncs, 1))
		return;
	for (uint64_t waiting = 0; waiting < WRITERS; sched_yield()) {
		pthread_mutex_lock(&watched->lock);
		waiting = watched->tickets;
		pthread_mutex_unlock(&watched->lock);
	}
}

static void one_change_each(struct journal *journal, int *out_rcs)
{
	struct work works[WRITERS];
	pthread_t threads[WRITERS];
	watched = journal;
	syncs = 0;
	fault_sync_hook = until_all_wait;
	for (unsigned i = 0; i < WRITERS; i++) {
		works[i] = (struct work){.journal = journal, .who = i, .changes = 1};
		assert_int_equal(pthread_create(&threads[i], NULL, work_run, &works[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		out_rcs[i] = works[i].rc;
	}
	fault_sync_hook = NULL;
}

static void test_those_who_wait_for_the_disk_share_one_sync(void **state)
{
	(void)state;
	char folder[256];
	struct found found;
	int rcs[WRITERS];
	story_folder(folder);
	struct journal *journal = journal_ready(folder, DURABLE_DISK, &found);
	one_change_each(journal, rcs);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(rcs[i], 0);
	/* One for who came first, one for the seven who came while it ran. */
	assert_int_equal(syncs, 2);
	assert_int_equal(journal_close(journal), 0);
	story_remove(folder);
}

/* Of those who share a sync that fails nobody is told that it worked, and nothing of theirs is there after a restart. */
static void test_a_shared_sync_that_fails_fails_for_all(void **state)
{
	(void)state;
	char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	int rcs[WRITERS];
	story_folder(folder);
	struct journal *journal = journal_ready(folder, DURABLE_DISK, &found);
	fault_arm(FAULT_SYNC, 2, 5, false);
	one_change_each(journal, rcs);
	fault_disarm();
	unsigned told = 0;
	for (unsigned i = 0; i < WRITERS; i++)
		told += !rcs[i];
	assert_int_equal(told, 1);
	assert_non_null(journal_trouble(journal));
	assert_int_equal(journal_close(journal), ERR_IO);
	if (journal_look(folder, &found, sentence))
		fail_msg("%s", sentence);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(found.last[i], !rcs[i]);
	found_release(&found);
	story_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eight_writers_lose_nothing),
		cmocka_unit_test(test_those_who_wait_for_the_disk_share_one_sync),
		cmocka_unit_test(test_a_shared_sync_that_fails_fails_for_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
