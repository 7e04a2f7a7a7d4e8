/* SPDX-License-Identifier: MIT
 *
 * Comma-separated values as RFC 4180 has them, and as broken programs print them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/csv.h"

static struct csv csv_of(const char *text, struct arena *arena)
{
	return (struct csv){.at = text, .bytes = strlen(text), .arena = arena};
}

static void test_quotes_commas_and_newlines_belong_to_fields(void **state)
{
	struct arena *arena = arena_new();
	struct csv csv = csv_of("a,\"b,c\",\"d\"\"e\",\"f\ng\"\r\n,x,\r\n", arena);

	(void)state;
	assert_true(csv_next(&csv));
	assert_int_equal(csv.count, 4);
	assert_string_equal(csv.field[0], "a");
	assert_string_equal(csv.field[1], "b,c");
	assert_string_equal(csv.field[2], "d\"e");
	assert_string_equal(csv.field[3], "f\ng");
	assert_true(csv_next(&csv));
	assert_int_equal(csv.count, 3);
	assert_string_equal(csv.field[0], "");
	assert_string_equal(csv.field[1], "x");
	assert_string_equal(csv.field[2], "");
	assert_false(csv.cut);
	assert_false(csv_next(&csv));
	arena_free(arena);
}

static void test_a_record_without_an_end_says_so(void **state)
{
	struct arena *arena = arena_new();
	struct csv plain = csv_of("a,b", arena), open = csv_of("a,\"b\n", arena);

	(void)state;
	assert_true(csv_next(&plain));
	assert_true(plain.cut);
	assert_true(csv_next(&open));
	assert_true(open.cut);
	assert_string_equal(open.field[1], "b\n");
	arena_free(arena);
}

static void test_fields_past_the_bound_are_dropped(void **state)
{
	struct arena *arena = arena_new();
	struct csv csv = csv_of(
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34\nx\n", arena);

	(void)state;
	assert_true(csv_next(&csv));
	assert_int_equal(csv.count, CSV_FIELDS_MAX);
	assert_true(csv_next(&csv));
	assert_string_equal(csv.field[0], "x");
	arena_free(arena);
}

/* Every arrangement of a few bytes that matter, up to a length, in memory of exactly that size. */
static void test_no_text_reads_outside_of_it(void **state)
{
	static const char bytes[] = "a\",\n\r";
	size_t number = 1;

	(void)state;
	for (size_t length = 1; length <= 6; length++) {
		number *= 5;
		for (size_t n = 0; n < number; n++) {
			struct arena *arena = arena_new();
			char *text = malloc(length);
			struct csv csv = {.at = text, .bytes = length, .arena = arena};
			size_t rest = n, records = 0;

			for (size_t i = 0; i < length; i++, rest /= 5)
				text[i] = bytes[rest % 5];
			while (csv_next(&csv))
				records++;
			assert_true(records <= length);
			free(text);
			arena_free(arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes_commas_and_newlines_belong_to_fields),
		cmocka_unit_test(test_a_record_without_an_end_says_so),
		cmocka_unit_test(test_fields_past_the_bound_are_dropped),
		cmocka_unit_test(test_no_text_reads_outside_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
