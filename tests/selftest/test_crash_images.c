/* SPDX-License-Identifier: MIT
 *
 * Whenever the power goes, and whatever the disk made of what was not synced: nothing that was acknowledged is lost, and nothing is
 * corrupt. And when the program is made careless on purpose, the same images show it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool.h"
#include "selftest/crash.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/bunshin-crash-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static uint64_t number_of(const char *name, uint64_t usual)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 0) : usual;
}

static uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void count_add(struct crash_count *sum, const struct crash_count *count)
{
	sum->records += count->records;
	sum->operations += count->operations;
	sum->moments += count->moments;
	sum->images += count->images;
	sum->acknowledged += count->acknowledged;
	sum->lost += count->lost;
	sum->corrupt += count->corrupt;
}

/* What was wrong can be looked at afterwards, with any SQLite tool. */
static void finding_print(const struct crash *crash)
{
	char kept[128];
	snprintf(kept, sizeof(kept), "%s-kept", folder);
	print_message("%s\n", crash_finding(crash));
	if (crash_keep(crash, kept) == 0)
		print_message("the image is in %s\n", kept);
}

static struct crash *crash_begin(struct crash_options options)
{
	struct crash *crash;
	options.folder = folder;
	assert_int_equal(crash_new(&options, &crash), 0);
	return crash;
}

/* One round over the scripts; those that take long only now and then. */
static void round_run(struct crash *crash, uint64_t round, struct crash_count *sum)
{
	for (size_t i = 0; i < script_count; i++) {
		struct crash_count count = {0};
		if (scripts[i].more && round % 4 != 1)
			continue;
		if (crash_script(crash, &scripts[i], &count))
			fail_msg("%s", crash_why(crash));
		assert_true(count.images > 10);
		count_add(sum, &count);
	}
}

static void test_no_loss_of_power_loses_what_was_acknowledged(void **state)
{
	(void)state;
	uint64_t floor = number_of("SELFTEST_IMAGES", IMAGES), seed = number_of("SELFTEST_SEED", 1), began_ms = clock_ms();
	struct crash *crash = crash_begin((struct crash_options){.seed = seed, .variants = floor < 20000 ? 1 : 6});
	struct crash_count sum = {0};
	for (uint64_t round = 0; sum.images < floor && !crash_finding(crash)[0]; round++) {
		crash_round(crash, seed + round, 0);
		round_run(crash, round, &sum);
	}
	uint64_t took_ms = clock_ms() - began_ms + 1;
	print_message(
		"%llu images, no two the same, at %llu moments of %llu operations: %llu lost, %llu corrupt; %llu images/s\n",
		(unsigned long long)sum.images, (unsigned long long)sum.moments, (unsigned long long)sum.operations,
		(unsigned long long)sum.lost, (unsigned long long)sum.corrupt, (unsigned long long)(sum.images * 1000 / took_ms));
	if (crash_finding(crash)[0])
		finding_print(crash);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(sum.corrupt, 0);
	assert_true(sum.images >= floor);
	crash_free(crash);
}

/* ---- teeth ---- */

#ifdef CARELESS

/* The scripts that have one of these steps, NULL: all; of each about so many images, 0: all. */
static struct crash_count careless(unsigned lies, bool early, const char *steps, uint32_t images, const char *what)
{
	struct crash *crash = crash_begin((struct crash_options){.seed = 7, .variants = 2, .lies = lies, .early = early});
	struct crash_count sum = {0};
	crash_round(crash, 7, images);
	for (size_t i = 0; i < script_count; i++) {
		if (scripts[i].more || (steps && !strpbrk(scripts[i].steps, steps)))
			continue;
		if (crash_script(crash, &scripts[i], &sum))
			fail_msg("%s", crash_why(crash));
	}
	print_message("%s: of %llu images %llu lost, %llu corrupt\n", what, (unsigned long long)sum.images,
		      (unsigned long long)sum.lost, (unsigned long long)sum.corrupt);
	assert_true(crash_finding(crash)[0]);
	crash_free(crash);
	return sum;
}

static void test_synchronous_normal_is_noticed(void **state)
{
	(void)state;
	assert_true(careless(LIE_NORMAL, false, NULL, 150, "synchronous=NORMAL").lost > 0);
}

static void test_synchronous_off_is_noticed(void **state)
{
	(void)state;
	struct crash_count count = careless(LIE_OFF, false, NULL, 150, "synchronous=OFF");
	assert_true(count.lost > 0);
	assert_true(count.corrupt > 0);
}

static void test_a_wal_that_is_not_written_again_is_noticed(void **state)
{
	(void)state;
	assert_true(careless(LIE_NO_SETTLE, false, "f", 0, "a WAL believed as it is found").lost > 0);
}

static void test_a_folder_that_is_not_synced_is_noticed(void **state)
{
	(void)state;
	assert_true(careless(LIE_NO_FOLDER, false, NULL, 150, "folders not synced").lost > 0);
}

static void test_a_database_that_is_not_synced_is_noticed(void **state)
{
	(void)state;
	struct crash_count count = careless(LIE_NO_DATABASE_SYNC, false, NULL, 150, "the database not synced");
	assert_true(count.lost > 0);
	assert_true(count.corrupt > 0);
}

static void test_keys_that_are_not_synced_are_noticed(void **state)
{
	(void)state;
	assert_true(careless(LIE_NO_KEY_SYNC, false, "c", 150, "keys not synced").corrupt > 0);
}

static void test_a_trail_that_is_believed_too_early_is_noticed(void **state)
{
	(void)state;
	assert_true(careless(0, true, NULL, 150, "believed before the commit").lost > 0);
}

/* What is kept of a finding shows it again. */
static void test_the_first_image_that_was_wrong_is_kept(void **state)
{
	(void)state;
	char kept[128], path[160], why[256];
	struct crash_count count = {0};
	struct crash *crash = crash_begin((struct crash_options){.seed = 9, .variants = 2, .early = true});
	struct trail *trail;
	unsigned long long ends, acked;
	assert_int_equal(crash_script(crash, &scripts[0], &count), 0);
	assert_true(count.lost > 0);
	const char *says = strstr(crash_finding(crash), "the trail ends");
	assert_non_null(says);
	assert_int_equal(sscanf(says, "the trail ends with record %llu; %llu were acknowledged", &ends, &acked), 2);
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	snprintf(path, sizeof(path), "%s/trail.db", kept);
	assert_int_equal(crash_keep(crash, kept), 0);
	if (trail_open(path, TRAIL_WRITE, &trail, why))
		fail_msg("%s", why);
	assert_int_equal(trail_last_seq(trail), ends);
	assert_true(ends < acked);
	trail_close(trail);
	static const char *const names[] = {"trail.db", "trail.db-wal", "trail.db-shm", "trail.db-lock", "keys"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", kept, names[i]);
		(void)remove(path);
	}
	assert_int_equal(rmdir(kept), 0);
	crash_free(crash);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(no_loss_of_power_loses_what_was_acknowledged),
#ifdef CARELESS
		TEST(synchronous_normal_is_noticed),
		TEST(synchronous_off_is_noticed),
		TEST(a_wal_that_is_not_written_again_is_noticed),
		TEST(a_folder_that_is_not_synced_is_noticed),
		TEST(a_database_that_is_not_synced_is_noticed),
		TEST(keys_that_are_not_synced_are_noticed),
		TEST(a_trail_that_is_believed_too_early_is_noticed),
		TEST(the_first_image_that_was_wrong_is_kept),
#endif
	};
	pool_install();
	int rc = cmocka_run_group_tests_name("crash images", tests, NULL, NULL);
	pool_release();
	return rc;
}
