/* SPDX-License-Identifier: MIT
 *
 * What others wrote is shown, never executed; and times in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/text.h"

static void assert_safe(const char *text, const char *expected)
{
	char *safe = text_safe(text, strlen(text));

	assert_string_equal(safe, expected);
	free(safe);
}

static void test_escapes_of_a_terminal_are_shown(void **state)
{
	(void)state;
	assert_safe("\033[2Jgone", "\\x1b[2Jgone");
	assert_safe("title \033]0;x\007", "title \\x1b]0;x\\x07");
	assert_safe("\xc2\x9b"
		    "31m",
		    "\\u009b31m"); /* the one-byte form of ESC [ */
	assert_safe("a\nb\tc\rd", "a\\nb\\tc\\rd");
	assert_safe("\x7f", "\\x7f");
}

static void test_marks_that_hide_or_reorder_are_shown(void **state)
{
	(void)state;
	assert_safe("user\xe2\x80\xaetxt.exe", "user\\u202etxt.exe");
	assert_safe("zero\xe2\x80\x8bwidth", "zero\\u200bwidth");
	assert_safe("\xe2\x81\xa6isolate", "\\u2066isolate");
	assert_safe("\xf3\xa0\x81\x81tag", "\\ue0041tag");
}

static void test_bytes_that_are_no_text_are_shown(void **state)
{
	(void)state;
	assert_safe("a\xff"
		    "b",
		    "a\\xffb");
	assert_safe("cut\xe2\x82", "cut\\xe2\\x82");
	assert_safe("\xc0\x9b", "\\xc0\\x9b");
}

static void test_ordinary_text_stays_as_it_is(void **state)
{
	(void)state;
	assert_safe("Größe 分身 🌊 ok", "Größe 分身 🌊 ok");
	assert_safe("", "");
}

static void test_reports_keep_their_lines_and_nothing_else(void **state)
{
	char *safe = text_safe_lines("# a\n\tb\033c\r", 9);

	(void)state;
	assert_string_equal(safe, "# a\n\tb\\x1bc\\r");
	free(safe);
}

static void test_json_is_safe_and_still_the_same_json(void **state)
{
	json_t *json = json_pack("{s:s, s:s}", "a", "\033[2J\xc2\x9b\x7f", "b", "\xe2\x80\xae\xf3\xa0\x81\x81 Größe");
	char *text = json_safe(json, JSON_COMPACT);
	json_t *again = json_loads(text, 0, NULL);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\x7f'));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_non_null(strstr(text, "Größe"));
	assert_true(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	free(text);
}

static void test_times_go_both_ways(void **state)
{
	char text[TIME_TEXT_BYTES];

	(void)state;
	time_print_utc(1770113472345, text);
	assert_string_equal(text, "2026-02-03T10:11:12.345Z");
	assert_int_equal(time_read_utc(text), 1770113472345);
	assert_int_equal(time_read_utc("yesterday"), 0);
	time_print_utc(UINT64_MAX, text); /* a damaged trail may hold anything */
}

static void assert_span(uint64_t ms, const char *expected)
{
	char text[SPAN_TEXT_BYTES];

	span_print(ms, text);
	assert_string_equal(text, expected);
}

static void test_spans_are_said_in_two_units_at_most(void **state)
{
	(void)state;
	assert_span(0, "0 ms");
	assert_span(999, "999 ms");
	assert_span(12345, "12.3 s");
	assert_span(250000, "4 min 10 s");
	assert_span(3 * 3600000 + 5 * 60000, "3 h 5 min");
	assert_span(52ull * 3600000, "2 d 4 h");
	assert_span(1800000, "30 min");
}

static void assert_moment(const char *text, uint64_t expected)
{
	uint64_t ms = 0;

	assert_true(moment_parse(text, 1770113472000, &ms));
	assert_int_equal(ms, expected);
}

static void test_moments_are_read_as_people_write_them(void **state)
{
	uint64_t ms;

	(void)state;
	setenv("TZ", "UTC", 1);
	assert_moment("2h", 1770113472000 - 7200000);
	assert_moment("2026-02-03", 1770076800000);
	assert_moment("2026-02-03T10:11:12Z", 1770113472000);
	assert_moment("2026-02-03T10:11:12.345Z", 1770113472345);
	assert_moment("2026-02-03T12:11:12+02:00", 1770113472000);
	assert_moment("2026-02-03T04:41:12-05:30", 1770113472000);
	assert_moment("2026-02-03 10:11", 1770113460000);
	assert_moment("09:30", 1770111000000);
	assert_moment("today", 1770076800000);
	assert_moment("yesterday", 1770076800000 - 86400000);
	setenv("TZ", "Asia/Tokyo", 1);
	assert_moment("2026-02-03T10:11", 1770081060000); /* local */
	assert_moment("2026-02-03T10:11Z", 1770113460000);
	setenv("TZ", "UTC", 1);
	assert_false(moment_parse("soon", 1770113472000, &ms));
	assert_false(moment_parse("2026-13-03", 1770113472000, &ms));
	assert_false(moment_parse("2026-02-03T10:11:12+1:00", 1770113472000, &ms));
	assert_false(moment_parse("2026-02-03T10:11:12+01:00Z", 1770113472000, &ms));
	assert_false(moment_parse("2026-02-03T10:11:12.5 Z", 1770113472000, &ms));
	assert_false(moment_parse("", 1770113472000, &ms));
}

static void test_a_slip_of_the_finger_is_near(void **state)
{
	(void)state;
	assert_int_equal(text_distance("task lst", "task list"), 1);
	assert_int_equal(text_distance("same", "same"), 0);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes_of_a_terminal_are_shown),
		cmocka_unit_test(test_marks_that_hide_or_reorder_are_shown),
		cmocka_unit_test(test_bytes_that_are_no_text_are_shown),
		cmocka_unit_test(test_ordinary_text_stays_as_it_is),
		cmocka_unit_test(test_reports_keep_their_lines_and_nothing_else),
		cmocka_unit_test(test_json_is_safe_and_still_the_same_json),
		cmocka_unit_test(test_times_go_both_ways),
		cmocka_unit_test(test_spans_are_said_in_two_units_at_most),
		cmocka_unit_test(test_moments_are_read_as_people_write_them),
		cmocka_unit_test(test_a_slip_of_the_finger_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
