/* SPDX-License-Identifier: MIT
 *
 * Every operation on the disk fails once, and from then on, one after the other until a run is clean: over commits, checkpoints, seals and
 * the files of their keys, erasure, and the way from format 1. Whoever is told of it gives up and another process starts, as it is in a
 * network. Nothing that was acknowledged is lost, nothing is doubled, and what was ambiguous is there as a whole or not at all.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool.h"
#include "selftest/check.h"
#include "selftest/memory.h"

#define WAL_BYTES 65536u

static const struct script runs[] = {
	{"plain", "a3 a7 t a2 r a4 i a1", 65536, false, false},  {"sealed", "a2 c a3 c t a1 r a2 c", 65536, true, false},
	{"erased", "a60 e a2 E t a1", 65536, false, false},      {"erased and sealed", "a60 c e a2 c E a1 c", 65536, true, false},
	{"from format 1", "a20 1 a3 t a2", 65536, false, false}, {"large", "a2 A3 t A2 a1", 0, false, false},
};
#define RUNS (sizeof(runs) / sizeof(runs[0]))

static char folder[64];

static void remove_below(const char *path)
{
	DIR *there = opendir(path);
	struct dirent *entry;
	while (there && (entry = readdir(there)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(there), entry->d_name, 0);
	if (there)
		closedir(there);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/bunshin-faulty-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static void begin(void)
{
	char keys[80];
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	remove_below(keys);
	remove_below(folder);
	(void)mkdir(keys, 0700);
}

static int teardown(void **state)
{
	char keys[80];
	(void)state;
	begin();
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	assert_int_equal(rmdir(keys), 0);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* How often a failed commit was there afterwards, and how often not. */
static uint64_t there, gone;

static uint64_t run_once(const struct script *script, enum tape_fault fault, uint64_t at, bool sticky)
{
	struct disk disk = {0};
	struct play play;
	uint64_t faults = 0;
	begin();
	memory_mount(&disk, folder, WAL_BYTES);
	if (play_with_fault(&play, script, folder, memory_vfs(), 21 + at % 5, fault, at, sticky, &faults))
		fail_msg("%s, fault %u at %llu%s: %s", script->name, fault, (unsigned long long)at, sticky ? ", sticky" : "",
			 play.why);
	there += play.ambiguous_there;
	gone += play.ambiguous_gone;
	struct check check = {.play = &play, .acked = play.acked, .told = batch_count(play.records), .closely = true};
	sqlite3_vfs_register(memory_vfs(), 1);
	enum check_result result = check_trail(&check, folder);
	if (result == CHECK_FINE)
		result = check_erased(&check, &disk, check.last);
	sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
	if (result)
		fail_msg("%s, fault %u at %llu%s: %s", script->name, fault, (unsigned long long)at, sticky ? ", sticky" : "",
			 check.why);
	play_release(&play);
	memory_unmount();
	disk_clear(&disk);
	return faults;
}

static uint64_t stride_or(uint64_t usual)
{
	const char *text = getenv("SELFTEST_STRIDE");
	return text ? strtoull(text, NULL, 0) : usual;
}

static void sweep(enum tape_fault fault, const char *what, uint64_t least, uint64_t usual_stride)
{
	uint64_t stride = stride_or(usual_stride), places = 0, runs_done = 0;
	for (size_t i = 0; i < RUNS; i++) {
		for (unsigned sticky = 0; sticky < 2; sticky++) {
			/* Other places for each script and each way; the last one before a clean run is found in any case. */
			uint64_t at = 1 + (i + sticky) % stride;
			while (run_once(&runs[i], fault, at, sticky)) {
				at += stride;
				runs_done++;
			}
			places += at - 1;
		}
	}
	print_message("%s: %llu places, %llu of them tried, nothing lost, nothing doubled\n", what, (unsigned long long)places,
		      (unsigned long long)runs_done);
	assert_true(runs_done >= least / stride);
}

static void test_a_write_that_fails_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULT_WRITE, "EIO", 1000, STRIDE);
}

static void test_a_full_disk_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULT_SPACE, "ENOSPC", 1000, STRIDE);
}

static void test_a_short_write_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULT_SHORT, "short writes", 10, (STRIDE + 2) / 3);
}

static void test_a_sync_that_fails_loses_nothing(void **state)
{
	(void)state;
	there = gone = 0;
	sweep(FAULT_SYNC, "failed syncs", 100, (STRIDE + 2) / 3);
	print_message("failed commits: %llu were there afterwards, %llu were not\n", (unsigned long long)there,
		      (unsigned long long)gone);
	assert_true(there > 0);
}

static void test_a_read_that_fails_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULT_READ, "EIO on reading", 300, STRIDE);
}

static void test_a_file_that_cannot_be_opened_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULT_OPEN, "no file", 50, (STRIDE + 2) / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_write_that_fails_loses_nothing), TEST(a_full_disk_loses_nothing),
		TEST(a_short_write_loses_nothing),      TEST(a_sync_that_fails_loses_nothing),
		TEST(a_read_that_fails_loses_nothing),  TEST(a_file_that_cannot_be_opened_loses_nothing),
	};
	pool_install();
	int rc = cmocka_run_group_tests_name("faulty disk", tests, NULL, NULL);
	disk_pages_release();
	pool_release();
	return rc;
}
