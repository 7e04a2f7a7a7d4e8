/* SPDX-License-Identifier: MIT
 *
 * A disk that is full, or fails, at any of the calls by which a journal is written: what was acknowledged is there after a restart, what was
 * refused is not; and a rewrite that ends anywhere leaves the old journal or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/workspace/store/journal_faults.h"
#include "tests/workspace/store/journal_story.h"
#include "workspace/store/journal_inner.h"

#define CHANGES 7u
#define LARGE   (2 * (size_t)JOURNAL_SEGMENT_BYTES / 3) /* so that several segments are taken */

struct way {
	const char *name;
	enum workspace_durability level;
	bool unmapped;
};
static const struct way ways[] = {
	{"mapped", DURABLE_PROCESS, false}, {"written", DURABLE_PROCESS, true}, {"synced", DURABLE_DISK, false}};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct journal *open_way(const char *folder, const struct way *way)
{
	struct found found;
	if (way->unmapped)
		fault_arm(FAULT_MAP, 1, ENODEV, true);
	struct journal *journal = journal_ready(folder, way->level, &found);
	fault_disarm();
	assert_int_equal(journal->mapped, way->level == DURABLE_PROCESS && !way->unmapped);
	found_release(&found);
	return journal;
}

static size_t size_of(uint64_t number)
{
	return number % 3 ? 0 : number % 2 ? LARGE : 2 * (size_t)JOURNAL_SEGMENT_BYTES + 7;
}

/* What was acknowledged is there and nothing else. */
static void expect_bits(const char *folder, const bool *acknowledged, const char *name, uint64_t at)
{
	struct found found;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	uint64_t last = 0;
	if (journal_look(folder, &found, sentence))
		fail_msg("%s, call %llu: %s", name, (unsigned long long)at, sentence);
	for (uint64_t i = 1; i <= CHANGES; i++) {
		if (acknowledged[i])
			last = i;
		if (acknowledged[i] != found_has(&found, 0, i))
			fail_msg("%s, call %llu: change %llu was %s and is %s", name, (unsigned long long)at,
				 (unsigned long long)i, acknowledged[i] ? "acknowledged" : "refused",
				 acknowledged[i] ? "gone" : "there");
	}
	assert_int_equal(found.last[0], last);
	found_release(&found);
}

/* Write with the `at`-th call failing. Returns whether any failed; `out_trouble` whether the journal took nothing any more. */
static bool write_through(const char *folder, const struct way *way, unsigned calls, uint64_t at, int error, bool sticky,
			  int expected, bool *acknowledged, bool *out_trouble)
{
	struct journal *journal = open_way(folder, way);
	struct journal_writer *writer = writer_ready(journal);
	bool refused = false;
	fault_arm(calls, at, error, sticky);
	for (uint64_t i = 1; i <= CHANGES; i++) {
		int rc = change_append(writer, &(struct change){0, i, size_of(i)});
		acknowledged[i] = !rc;
		if (rc && rc != expected)
			fail_msg("%s, call %llu: error %d instead of %d", way->name, (unsigned long long)at, rc, expected);
		if (refused && !rc && (sticky || journal_trouble(journal)))
			fail_msg("%s, call %llu: change %llu was taken after the failure", way->name, (unsigned long long)at,
				 (unsigned long long)i);
		refused |= rc && (sticky || journal_trouble(journal));
	}
	bool failed = fault_count() > 0;
	*out_trouble = journal_trouble(journal);
	fault_disarm();
	journal_leave(writer);
	assert_int_equal(journal_close(journal), *out_trouble ? ERR_IO : 0);
	return failed;
}

/* At every call of the kind: returns at how many of them it failed. */
static unsigned every_call(unsigned calls, int error, bool sticky, int expected, bool trouble)
{
	unsigned failures = 0;
	for (size_t i = 0; i < WAYS; i++) {
		bool failed = true;
		for (uint64_t at = 1; failed; at++) {
			char folder[256];
			bool acknowledged[CHANGES + 1], troubled;
			story_folder(folder);
			failed = write_through(folder, &ways[i], calls, at, error, sticky, expected, acknowledged, &troubled);
			failures += failed;
			assert_int_equal(troubled, failed && trouble);
			if (!failed)
				assert_true(acknowledged[1] && acknowledged[CHANGES]);
			expect_bits(folder, acknowledged, ways[i].name, at);
			story_remove(folder);
		}
	}
	return failures;
}

static void test_a_full_disk_refuses_and_keeps_what_it_has(void **state)
{
	(void)state;
	assert_true(every_call(FAULT_WRITE | FAULT_SPACE, ENOSPC, false, ERR_FULL, false) > 15);
	assert_true(every_call(FAULT_WRITE | FAULT_SPACE, EDQUOT, true, ERR_FULL, false) > 15);
}

static void test_a_write_that_fails_refuses_one_change(void **state)
{
	(void)state;
	assert_true(every_call(FAULT_WRITE | FAULT_MAP, EIO, false, ERR_IO, false) > 15);
	assert_true(every_call(FAULT_WRITE, EIO, true, ERR_IO, false) > 15);
}

static void test_an_interrupted_call_is_made_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAYS; i++) {
		char folder[256];
		bool acknowledged[CHANGES + 1], troubled;
		for (uint64_t at = 1; at < 4; at++) {
			story_folder(folder);
			assert_true(write_through(folder, &ways[i], FAULT_WRITE | FAULT_SPACE, at, EINTR, false, 0, acknowledged,
						  &troubled));
			expect_bits(folder, acknowledged, ways[i].name, at);
			story_remove(folder);
		}
	}
}

static void test_a_sync_that_fails_ends_the_journal_and_its_record_does_not_count(void **state)
{
	(void)state;
	/* Of the three ways only one syncs. */
	assert_true(every_call(FAULT_SYNC, EIO, false, ERR_IO, true) >= CHANGES);
	assert_true(every_call(FAULT_SYNC, ENOSPC, true, ERR_IO, true) >= CHANGES);
}

/* The kernel's own limit: writes are cut and then refused, as on a disk that fills up. */
static void test_a_file_that_may_not_grow_refuses_and_keeps_what_it_has(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < WAYS; i++) {
		char folder[256];
		bool acknowledged[CHANGES + 1] = {false};
		story_folder(folder);
		struct journal *journal = open_way(folder, &ways[i]);
		struct journal_writer *writer = writer_ready(journal);
		struct rlimit before, limit;
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
		limit = before;
		limit.rlim_cur = 2 * (rlim_t)JOURNAL_SEGMENT_BYTES + 12345;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		unsigned refused = 0;
		for (uint64_t k = 1; k <= CHANGES; k++) {
			int rc = change_append(writer, &(struct change){0, k, size_of(k)});
			acknowledged[k] = !rc;
			refused += rc == ERR_FULL;
			assert_true(!rc || rc == ERR_FULL);
		}
		assert_true(refused > 0 && refused < CHANGES - 3);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(change_append(writer, &(struct change){0, CHANGES, 0}), 0);
		acknowledged[CHANGES] = true;
		journal_leave(writer);
		assert_int_equal(journal_close(journal), 0);
		expect_bits(folder, acknowledged, ways[i].name, 0);
		story_remove(folder);
	}
}

/* ---- the mapping ---- */

static volatile sig_atomic_t others;
static sigjmp_buf other_place;

static void on_other(int number)
{
	(void)number;
	others++;
	siglongjmp(other_place, 1);
}

static void test_a_mapping_that_cannot_be_written_is_an_error_and_no_signal(void **state)
{
	(void)state;
	char folder[256], path[300];
	struct found found;
	story_folder(folder);
	story_file(folder, path);
	struct journal *journal = open_way(folder, &ways[0]);
	struct journal_writer *writer = writer_ready(journal);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(change_append(writer, &(struct change){0, i, 5000}), 0);
	/* Its pages go away under it, as they do when the disk cannot give them. */
	assert_int_equal(truncate(path, JOURNAL_HEAD_BYTES + 3 * 5500), 0);
	assert_int_equal(change_append(writer, &(struct change){0, 4, 50000}), ERR_IO);
	assert_non_null(journal_trouble(journal));
	assert_int_equal(change_append(writer, &(struct change){0, 5, 0}), ERR_IO);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), ERR_IO);
	char sentence[WORKSPACE_SENTENCE_BYTES];
	assert_int_equal(journal_look(folder, &found, sentence), 0);
	assert_true(found_has(&found, 0, 3) && !found_has(&found, 0, 4));
	found_release(&found);
	story_remove(folder);
}

/* What is not ours reaches who was there before, while a journal is open and after. */
static void test_other_bus_errors_go_where_they_went_before(void **state)
{
	(void)state;
	char folder[256], path[300];
	struct sigaction action = {.sa_handler = on_other, .sa_flags = SA_NODEFER}, before;
	story_folder(folder);
	story_file(folder, path);
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	struct journal *journal = open_way(folder, &ways[0]);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *const map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 16 << 20);
	assert_true(map != MAP_FAILED);
	if (!sigsetjmp(other_place, 1))
		*(volatile char *)(map + 5) = 1;
	assert_int_equal(others, 1);
	assert_int_equal(journal_close(journal), 0);
	if (!sigsetjmp(other_place, 1))
		*(volatile char *)(map + 5) = 1;
	assert_int_equal(others, 2);
	munmap(map, 1 << 20);
	close(fd);
	assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
	story_remove(folder);
}

/* ---- ending anywhere ---- */

/* A child that ends at the N-th call; false if it came to its end. */
static bool killed_at(const char *folder, const struct way *way, uint64_t at,
		      void (*work)(const char *folder, const struct way *way))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		fault_arm(FAULT_ALL, at, 0, false);
		work(folder, way);
		_exit(7);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7);
	return WEXITSTATUS(status) == 0;
}

static _Atomic uint64_t *acknowledged_here; /* shared with the child */

static void write_and_end(const char *folder, const struct way *way)
{
	struct journal *journal;
	struct journal_writer *writer;
	struct found found = {0};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal_reader reader = found_reader(&found);
	if (journal_open(folder, way->level, &journal, sentence) || journal_read(journal, &reader, sentence) ||
	    journal_join(journal, &writer))
		_exit(9);
	for (uint64_t i = 1; i <= CHANGES; i++) {
		if (change_append(writer, &(struct change){0, i, size_of(i)}))
			_exit(10);
		*acknowledged_here = i;
	}
}

/* One change more may be there than was acknowledged: it was written, and nobody had been told. */
static void test_a_writer_that_ends_anywhere_loses_nothing(void **state)
{
	(void)state;
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	acknowledged_here = shared;
	for (size_t i = 0; i < WAYS; i++) {
		bool killed = true;
		uint64_t at = 1;
		for (; killed; at++) {
			char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
			struct found found;
			story_folder(folder);
			*acknowledged_here = 0;
			killed = killed_at(folder, &ways[i], at, write_and_end);
			if (journal_look(folder, &found, sentence))
				fail_msg("%s, call %llu: %s", ways[i].name, (unsigned long long)at, sentence);
			assert_in_range(found.last[0], *acknowledged_here, *acknowledged_here + 1);
			for (uint64_t k = 1; k <= *acknowledged_here; k++)
				assert_true(found_has(&found, 0, k));
			found_release(&found);
			story_remove(folder);
		}
		assert_true(at > 12 && *acknowledged_here == CHANGES);
	}
	munmap(shared, 4096);
}

#define VERY_LARGE (16 * (size_t)JOURNAL_SEGMENT_BYTES)

static void write_very_large(const char *folder, const struct way *way)
{
	struct found found = {0};
	struct journal *journal;
	struct journal_writer *writer;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal_reader reader = found_reader(&found);
	fault_disarm();
	if (journal_open(folder, way->level, &journal, sentence) || journal_read(journal, &reader, sentence) ||
	    journal_join(journal, &writer) || change_append(writer, &(struct change){0, 1, 1000}) ||
	    change_append(writer, &(struct change){0, 2, VERY_LARGE}))
		_exit(9);
	_exit(7);
}

/* Waits until the file has something there. */
static void until_written(const char *path, off_t position)
{
	char byte = 0;
	for (int fd = -1; !byte;) {
		if (fd < 0)
			fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && pread(fd, &byte, 1, position) == 1 && byte)
			close(fd);
		sched_yield();
	}
}

/* While a record of many segments is on its way, its later segments are full of what is no record. */
static void test_a_writer_killed_in_a_very_large_record_leaves_what_was_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAYS; i++) {
		char folder[256], path[300], sentence[WORKSPACE_SENTENCE_BYTES];
		struct found found;
		int status;
		story_folder(folder);
		story_file(folder, path);
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child)
			write_very_large(folder, &ways[i]);
		until_written(path, 3 * JOURNAL_SEGMENT_BYTES + 1000);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (journal_look(folder, &found, sentence))
			fail_msg("%s: %s", ways[i].name, sentence);
		assert_in_range(found.last[0], 1, 2);
		found_release(&found);
		story_remove(folder);
	}
}

/* ---- writing it anew ---- */

#define OLD 7u
#define NEW 1u

static void old_ones(const char *folder, const struct way *way)
{
	struct journal *journal = open_way(folder, way);
	struct journal_writer *writer = writer_ready(journal);
	for (uint64_t i = 1; i <= OLD; i++)
		assert_int_equal(change_append(writer, &(struct change){0, i, size_of(i)}), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
}

/* Keep the last changes only, and write one more if that worked; what the rewrite returned. */
static int rewrite(struct journal *journal)
{
	struct journal_rewrite *anew;
	int rc = journal_rewrite_begin(journal, &anew);
	if (rc)
		return rc;
	for (uint64_t i = OLD - NEW + 1; !rc && i <= OLD; i++)
		rc = change_rewrite(anew, &(struct change){0, i, size_of(i)});
	int ended = journal_rewrite_end(anew, !rc);
	return rc ? rc : ended;
}

/* Is it all the old ones, or the new ones alone? And from `from` on what came later. */
static bool expect_old_or_new(const char *folder, const char *name, uint64_t at, uint64_t *out_last)
{
	struct found found;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (journal_look(folder, &found, sentence))
		fail_msg("%s, call %llu: %s", name, (unsigned long long)at, sentence);
	bool is_old = found_has(&found, 0, 1);
	for (uint64_t i = 1; i <= OLD; i++)
		if (found_has(&found, 0, i) != (is_old || i > OLD - NEW))
			fail_msg("%s, call %llu: neither the old nor the new one", name, (unsigned long long)at);
	*out_last = found.last[0];
	found_release(&found);
	char path[300];
	snprintf(path, sizeof(path), "%s/journal.new", folder);
	assert_int_not_equal(access(path, F_OK), 0);
	return is_old;
}

static void test_a_rewrite_keeps_what_it_was_given_and_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAYS; i++) {
		char folder[256];
		uint64_t last;
		story_folder(folder);
		old_ones(folder, &ways[i]);
		struct journal *journal = open_way(folder, &ways[i]);
		struct journal_writer *first = writer_ready(journal), *second = writer_ready(journal);
		assert_int_equal(change_append(first, &(struct change){1, 1, 0}), 0);
		uint64_t head = journal_head(journal), bytes = journal_bytes(journal);
		fault_arm(0, 0, 0, false);
		assert_int_equal(rewrite(journal), 0);
		/* Everything is written, then synced, then it gets its name, then the folder is synced. */
		const char *sync = strchr(fault_trace(), 's');
		assert_true(sync && strcmp(sync, "srd") == 0);
		assert_true(journal_head(journal) > head && journal_bytes(journal) < bytes);
		assert_int_equal(change_append(first, &(struct change){0, OLD + 1, 0}), 0);
		assert_int_equal(change_append(second, &(struct change){0, OLD + 2, 0}), 0);
		journal_leave(first);
		journal_leave(second);
		assert_int_equal(journal_close(journal), 0);
		assert_false(expect_old_or_new(folder, ways[i].name, 0, &last));
		assert_int_equal(last, OLD + 2);
		story_remove(folder);
	}
}

static void test_a_rewrite_that_is_given_up_changes_nothing(void **state)
{
	(void)state;
	char folder[256];
	uint64_t last;
	struct journal_rewrite *anew;
	story_folder(folder);
	old_ones(folder, &ways[0]);
	struct journal *journal = open_way(folder, &ways[0]);
	assert_int_equal(journal_rewrite_begin(journal, &anew), 0);
	assert_int_equal(change_rewrite(anew, &(struct change){0, 1, 0}), 0);
	assert_int_equal(journal_rewrite_end(anew, false), 0);
	assert_int_equal(journal_close(journal), 0);
	assert_true(expect_old_or_new(folder, "given up", 0, &last));
	story_remove(folder);
}

static void test_a_rewrite_that_fails_anywhere_leaves_the_old_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAYS; i++) {
		bool failed = true;
		for (uint64_t at = 1; failed; at++) {
			char folder[256];
			uint64_t last;
			story_folder(folder);
			old_ones(folder, &ways[i]);
			struct journal *journal = open_way(folder, &ways[i]);
			struct journal_writer *writer = writer_ready(journal);
			fault_arm(FAULT_ALL & ~FAULT_FOLDER, at, ENOSPC, false);
			int rc = rewrite(journal);
			failed = fault_count() > 0;
			fault_disarm();
			assert_int_equal(rc, failed ? ERR_FULL : 0);
			/* Nothing is lost: it goes on. */
			assert_int_equal(change_append(writer, &(struct change){0, OLD + 1, 0}), 0);
			journal_leave(writer);
			assert_int_equal(journal_close(journal), 0);
			assert_int_equal(expect_old_or_new(folder, ways[i].name, at, &last), failed);
			assert_int_equal(last, OLD + 1);
			story_remove(folder);
		}
	}
}

/* It has its name, and the disk may not know: nothing more is taken, and what there is, is whole. */
static void test_a_folder_that_cannot_be_synced_ends_the_journal(void **state)
{
	(void)state;
	char folder[256];
	uint64_t last;
	story_folder(folder);
	old_ones(folder, &ways[2]);
	struct journal *journal = open_way(folder, &ways[2]);
	struct journal_writer *writer = writer_ready(journal);
	fault_arm(FAULT_FOLDER, 1, EIO, false);
	assert_int_equal(rewrite(journal), ERR_IO);
	fault_disarm();
	assert_non_null(journal_trouble(journal));
	assert_int_equal(change_append(writer, &(struct change){0, OLD + 1, 0}), ERR_IO);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), ERR_IO);
	expect_old_or_new(folder, "folder", 0, &last);
	assert_int_equal(last, OLD);
	story_remove(folder);
}

static void rewrite_and_end(const char *folder, const struct way *way)
{
	struct journal *journal;
	struct found found = {0};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal_reader reader = found_reader(&found);
	if (journal_open(folder, way->level, &journal, sentence) || journal_read(journal, &reader, sentence) || rewrite(journal))
		_exit(9);
}

static void test_a_rewrite_that_ends_anywhere_leaves_the_old_or_the_new_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAYS; i += 2) {
		char folder[256];
		uint64_t last, at = 1;
		bool killed = true, was_old = true;
		for (; killed; at++) {
			story_folder(folder);
			old_ones(folder, &ways[i]);
			killed = killed_at(folder, &ways[i], at, rewrite_and_end);
			bool is_old = expect_old_or_new(folder, ways[i].name, at, &last);
			assert_true(was_old || !is_old);
			was_old = is_old;
			assert_int_equal(last, OLD);
			story_remove(folder);
		}
		assert_false(was_old);
		assert_true(at > 8);
	}
}

static void read_and_end(const char *folder, const struct way *way)
{
	struct journal *journal;
	struct found found = {0};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal_reader reader = found_reader(&found);
	if (journal_open(folder, way->level, &journal, sentence) || journal_read(journal, &reader, sentence))
		_exit(9);
}

/* A record over several segments that was not finished is cleared in an order that leaves an end at any moment. */
static void test_a_reading_that_ends_anywhere_is_done_again(void **state)
{
	(void)state;
	char folder[256], path[300], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	size_t bytes;
	uint64_t at = 1;
	story_folder(folder);
	story_file(folder, path);
	struct journal *journal = open_way(folder, &ways[1]);
	struct journal_writer *writer = writer_ready(journal);
	assert_int_equal(change_append(writer, &(struct change){0, 1, 0}), 0);
	assert_int_equal(change_append(writer, &(struct change){0, 2, 2 * (size_t)JOURNAL_SEGMENT_BYTES + 5000}), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	uint8_t *file = file_take(path, &bytes);
	memset(file + 3 * (size_t)JOURNAL_SEGMENT_BYTES + 1000, 0, bytes - 3 * (size_t)JOURNAL_SEGMENT_BYTES - 1000);
	for (bool killed = true; killed; at++) {
		file_put(path, file, bytes);
		killed = killed_at(folder, &ways[0], at, read_and_end);
		if (journal_look(folder, &found, sentence))
			fail_msg("call %llu: %s", (unsigned long long)at, sentence);
		assert_true(found.last[0] == 1 && !found_has(&found, 0, 2));
		found_release(&found);
	}
	assert_true(at > 5);
	free(file);
	story_remove(folder);
}

static void make_and_end(const char *folder, const struct way *way)
{
	struct journal *journal;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (journal_open(folder, way->level, &journal, sentence))
		_exit(9);
}

static void test_a_journal_whose_making_ends_anywhere_is_made_again(void **state)
{
	(void)state;
	bool killed = true;
	uint64_t at = 1;
	for (; killed; at++) {
		char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
		struct found found;
		story_folder(folder);
		killed = killed_at(folder, &ways[0], at, make_and_end);
		if (journal_look(folder, &found, sentence))
			fail_msg("call %llu: %s", (unsigned long long)at, sentence);
		found_release(&found);
		story_remove(folder);
	}
	assert_true(at > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_disk_refuses_and_keeps_what_it_has),
		cmocka_unit_test(test_a_write_that_fails_refuses_one_change),
		cmocka_unit_test(test_an_interrupted_call_is_made_again),
		cmocka_unit_test(test_a_sync_that_fails_ends_the_journal_and_its_record_does_not_count),
		cmocka_unit_test(test_a_file_that_may_not_grow_refuses_and_keeps_what_it_has),
		cmocka_unit_test(test_a_mapping_that_cannot_be_written_is_an_error_and_no_signal),
		cmocka_unit_test(test_other_bus_errors_go_where_they_went_before),
		cmocka_unit_test(test_a_writer_that_ends_anywhere_loses_nothing),
		cmocka_unit_test(test_a_writer_killed_in_a_very_large_record_leaves_what_was_before),
		cmocka_unit_test(test_a_rewrite_keeps_what_it_was_given_and_goes_on),
		cmocka_unit_test(test_a_rewrite_that_is_given_up_changes_nothing),
		cmocka_unit_test(test_a_rewrite_that_fails_anywhere_leaves_the_old_one),
		cmocka_unit_test(test_a_folder_that_cannot_be_synced_ends_the_journal),
		cmocka_unit_test(test_a_rewrite_that_ends_anywhere_leaves_the_old_or_the_new_one),
		cmocka_unit_test(test_a_reading_that_ends_anywhere_is_done_again),
		cmocka_unit_test(test_a_journal_whose_making_ends_anywhere_is_made_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
