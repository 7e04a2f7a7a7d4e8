/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/diary.h"
#include "tests/actors/scratch.h"

struct fixture {
	char *folder;
	struct diary *diary;
	char sentence[SENTENCE_BYTES];
};

static struct oid object(uint8_t number)
{
	return (struct oid){{number}};
}

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*context = fixture;
	fixture->folder = scratch_make();
	return diary_open(fixture->folder, &fixture->diary, fixture->sentence);
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;

	diary_close(fixture->diary);
	scratch_remove(fixture->folder);
	free(fixture);
	return 0;
}

static int reopen(struct fixture *fixture)
{
	diary_close(fixture->diary);
	fixture->diary = NULL;
	return diary_open(fixture->folder, &fixture->diary, fixture->sentence);
}

static void append(struct fixture *fixture, const char *text)
{
	char path[PATH_BYTES];
	FILE *file;

	snprintf(path, sizeof(path), "%s/changes", fixture->folder);
	file = fopen(path, "a");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct diary_change change(const char *ref, uint64_t version)
{
	return (struct diary_change){.ref = ref,
				     .version = version,
				     .has_from = version > 1,
				     .from = object((uint8_t)(version - 1)),
				     .cause = "harvest",
				     .task = {{1, 2}},
				     .attempt = 3,
				     .message = {{(uint8_t)version, 9}},
				     .sentence = "two files"};
}

static uint64_t begin(struct fixture *fixture, const char *ref, uint64_t version)
{
	struct diary_change it = change(ref, version);
	uint64_t number = 0;

	assert_int_equal(diary_begin(fixture->diary, &it, &number), 0);
	assert_true(number > 0);
	return number;
}

static void done(struct fixture *fixture, uint64_t number, uint64_t version)
{
	struct oid to = object((uint8_t)version);

	diary_done(fixture->diary, number, version, &to, 100 + version);
}

struct told {
	uint64_t number[16];
	uint64_t version[16];
	struct diary_change last;
	size_t count;
};

static int take(void *context, const struct diary_change *it)
{
	struct told *told = context;

	told->number[told->count] = it->number;
	told->version[told->count++] = it->version;
	told->last = *it;
	told->last.ref = told->last.cause = told->last.sentence = NULL;
	assert_string_equal(it->cause, "harvest");
	assert_string_equal(it->sentence, "two files");
	return 0;
}

static size_t untold(struct fixture *fixture, struct told *told)
{
	*told = (struct told){.count = 0};
	assert_int_equal(diary_each_untold(fixture->diary, take, told), 0);
	return told->count;
}

static void test_what_is_made_and_not_told_is_there_after_a_restart_with_all_it_was(void **context)
{
	struct fixture *fixture = *context;
	uint64_t first = begin(fixture, "refs/heads/a", 1), second;
	struct told told;
	struct oid id;
	uint64_t version;
	bool there;

	done(fixture, first, 1);
	second = begin(fixture, "refs/heads/a", 2);
	done(fixture, second, 2);
	assert_int_equal(untold(fixture, &told), 2);
	diary_told(fixture->diary, first);
	assert_int_equal(reopen(fixture), 0);
	assert_int_equal(untold(fixture, &told), 1);
	assert_int_equal(told.number[0], second);
	assert_int_equal(told.version[0], 2);
	assert_int_equal(told.last.attempt, 3);
	assert_int_equal(told.last.journal, 102);
	assert_true(told.last.has_from && told.last.from.bytes[0] == 1 && told.last.has_to && told.last.to.bytes[0] == 2);
	assert_int_equal(told.last.task.bytes[1], 2);
	assert_int_equal(told.last.message.bytes[1], 9);
	assert_true(diary_known(fixture->diary, "refs/heads/a", &version, &id, &there));
	assert_true(version == 2 && there && id.bytes[0] == 2);
	assert_false(diary_known(fixture->diary, "refs/heads/b", &version, &id, &there));
	assert_true(begin(fixture, "refs/heads/b", 1) > second); /* numbers are never used twice */
}

static void test_what_was_not_made_is_never_told(void **context)
{
	struct fixture *fixture = *context;
	struct told told;

	diary_void(fixture->diary, begin(fixture, "refs/heads/a", 1));
	assert_int_equal(untold(fixture, &told), 0);
	begin(fixture, "refs/heads/b", 1); /* … nor before it is known to be made */
	assert_int_equal(untold(fixture, &told), 0);
	assert_int_equal(diary_pending(fixture->diary), 1);
	assert_int_equal(reopen(fixture), 0);
	assert_int_equal(untold(fixture, &told), 0);
	assert_int_equal(diary_pending(fixture->diary), 1);
}

/* The refs of a store as they are after a crash. */
struct refs {
	uint64_t version; /* of refs/heads/a; 0: not there */
};

static bool look(void *context, const char *ref, uint64_t *out_version, struct oid *out_to, bool *out_there)
{
	const struct refs *refs = context;

	if (strcmp(ref, "refs/heads/a") != 0 || !refs->version)
		return false;
	*out_version = refs->version;
	*out_to = object((uint8_t)refs->version);
	*out_there = true;
	return true;
}

static void test_after_a_crash_the_ref_itself_says_whether_the_change_was_made(void **context)
{
	struct fixture *fixture = *context;
	struct refs refs = {.version = 1};
	struct told told;

	done(fixture, begin(fixture, "refs/heads/a", 1), 1);
	begin(fixture, "refs/heads/a", 2); /* not made: the ref is still at 1 */
	begin(fixture, "refs/heads/b", 1); /* not made: it is not there */
	assert_int_equal(reopen(fixture), 0);
	diary_settle(fixture->diary, look, &refs, 500);
	assert_int_equal(untold(fixture, &told), 1);
	assert_int_equal(told.version[0], 1);
	begin(fixture, "refs/heads/a", 2);
	refs.version = 2;
	assert_int_equal(reopen(fixture), 0);
	diary_settle(fixture->diary, look, &refs, 500);
	assert_int_equal(reopen(fixture), 0);
	assert_int_equal(untold(fixture, &told), 2);
	assert_int_equal(told.version[1], 2);
	assert_int_equal(told.last.to.bytes[0], 2);
	assert_int_equal(told.last.journal, 500);
	assert_int_equal(diary_pending(fixture->diary), 2);
}

static void test_of_two_changes_that_were_open_the_later_one_says_where_the_earlier_one_led(void **context)
{
	struct fixture *fixture = *context;
	struct refs refs = {.version = 2};
	struct told told;

	begin(fixture, "refs/heads/a", 1);
	begin(fixture, "refs/heads/a", 2); /* begins where the first one ended */
	assert_int_equal(reopen(fixture), 0);
	diary_settle(fixture->diary, look, &refs, 500);
	assert_int_equal(untold(fixture, &told), 2);
	assert_true(told.version[0] == 1 && told.version[1] == 2);
}

static void test_a_line_without_an_end_is_what_a_crash_left_and_nothing(void **context)
{
	struct fixture *fixture = *context;
	struct told told;

	done(fixture, begin(fixture, "refs/heads/a", 1), 1);
	append(fixture, "{\"told\": 1");
	assert_int_equal(reopen(fixture), 0);
	assert_int_equal(untold(fixture, &told), 1);
	diary_told(fixture->diary, 1);
	assert_int_equal(reopen(fixture), 0);
	assert_int_equal(untold(fixture, &told), 0);
}

static void test_a_line_that_is_none_of_these_is_named(void **context)
{
	static const char *const bad[] = {"nonsense\n", "[]\n", "{\"told\": \"1\"}\n", "{\"begin\": {\"number\": 1}}\n",
					  "{\"other\": 1}\n"};
	struct fixture *fixture = *context;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture *fresh;
		assert_int_equal(setup((void **)&fresh), 0);
		done(fresh, begin(fresh, "refs/heads/a", 1), 1);
		append(fresh, bad[i]);
		assert_int_equal(reopen(fresh), ERR_CORRUPT);
		assert_non_null(strstr(fresh->sentence, "line 3"));
		teardown((void **)&fresh);
	}
	(void)fixture;
}

static void test_what_has_been_told_takes_no_room_in_the_file(void **context)
{
	struct fixture *fixture = *context;
	char path[PATH_BYTES], text[65536];
	size_t bytes;

	for (unsigned i = 1; i <= 100; i++) {
		uint64_t number = begin(fixture, "refs/heads/a", i);
		done(fixture, number, i);
		diary_told(fixture->diary, number);
	}
	assert_int_equal(reopen(fixture), 0);
	snprintf(path, sizeof(path), "%s/changes", fixture->folder);
	assert_int_equal(file_read(path, text, sizeof(text), &bytes), 0);
	assert_true(bytes < 200); /* one line: where it was last */
	assert_non_null(strstr(text, "\"known\""));
}

static void test_more_than_can_wait_is_refused(void **context)
{
	struct fixture *fixture = *context;
	struct diary_change it = change("refs/heads/a", 1);
	struct diary_change *many = calloc(DIARY_PENDING_MAX, sizeof(*many));
	uint64_t *numbers = calloc(DIARY_PENDING_MAX, sizeof(*numbers)), number = 0;

	for (unsigned i = 0; i < DIARY_PENDING_MAX; i++)
		many[i] = change("refs/heads/a", i + 1);
	assert_int_equal(diary_found(fixture->diary, many, DIARY_PENDING_MAX, numbers), 0);
	assert_int_equal(diary_untold(fixture->diary, "refs/heads/a"), numbers[DIARY_PENDING_MAX - 1]);
	assert_int_equal(diary_untold(fixture->diary, "refs/heads/b"), 0);
	assert_int_equal(diary_begin(fixture->diary, &it, &number), ERR_OVERLOADED);
	diary_told(fixture->diary, numbers[0]);
	assert_int_equal(diary_begin(fixture->diary, &it, &number), 0);
	free(many);
	free(numbers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_made_and_not_told_is_there_after_a_restart_with_all_it_was),
		TEST(what_was_not_made_is_never_told),
		TEST(after_a_crash_the_ref_itself_says_whether_the_change_was_made),
		TEST(of_two_changes_that_were_open_the_later_one_says_where_the_earlier_one_led),
		TEST(a_line_without_an_end_is_what_a_crash_left_and_nothing),
		TEST(a_line_that_is_none_of_these_is_named),
		TEST(what_has_been_told_takes_no_room_in_the_file),
		TEST(more_than_can_wait_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
