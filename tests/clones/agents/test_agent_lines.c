/* SPDX-License-Identifier: MIT
 *
 * Lines with a bound, and pointers into JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/agents/lines.h"
#include "clones/agents/pointer.h"

struct heard {
	char text[4096]; /* each line in brackets, with what was dropped of it */
	size_t bytes;
};

static void hear(void *context, struct text line, uint64_t dropped)
{
	struct heard *heard = context;

	heard->bytes +=
		(size_t)snprintf(heard->text + heard->bytes, sizeof(heard->text) - heard->bytes,
				 dropped ? "[%.*s +%llu]" : "[%.*s]", (int)line.bytes, line.at, (unsigned long long)dropped);
	assert_true(heard->bytes < sizeof(heard->text));
}

static void hear_in_pieces(struct heard *heard, const char *text, size_t piece, size_t most)
{
	struct agent_lines lines;
	size_t bytes = strlen(text);

	*heard = (struct heard){.bytes = 0};
	agent_lines_init(&lines, most);
	for (size_t at = 0; at < bytes; at += piece) {
		size_t left = bytes - at;
		char *exact = malloc(left < piece ? left : piece);
		assert_non_null(exact);
		memcpy(exact, text + at, left < piece ? left : piece);
		assert_int_equal(agent_lines_feed(&lines, exact, left < piece ? left : piece, hear, heard), 0);
		assert_true(lines.bytes <= most);
		assert_true(lines.capacity <= most);
		free(exact);
	}
	agent_lines_end(&lines, hear, heard);
	agent_lines_end(&lines, hear, heard); /* says nothing twice */
	agent_lines_release(&lines);
}

static void test_lines_are_the_same_however_they_come(void **state)
{
	static const char text[] = "one\r\n\ntwo\nthree is long\nfour\n\n12345678\n123456789\nlast";
	struct heard heard;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		hear_in_pieces(&heard, text, piece, 8);
		assert_string_equal(heard.text, "[one][][two][three is +5][four][][12345678][12345678 +1][last]");
	}
}

static void test_a_stream_without_a_newline_costs_no_more_than_the_cap(void **state)
{
	struct heard heard = {.bytes = 0};
	struct agent_lines lines;
	char block[1000];

	(void)state;
	memset(block, 'x', sizeof(block));
	agent_lines_init(&lines, 3000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(agent_lines_feed(&lines, block, sizeof(block), hear, &heard), 0);
	assert_int_equal(lines.bytes, 3000);
	assert_true(lines.capacity <= 3000);
	assert_int_equal(lines.dropped, 10000 * 1000 - 3000);
	assert_int_equal(agent_lines_feed(&lines, "\nnext\n", 6, hear, &heard), 0);
	assert_non_null(strstr(heard.text, " +9997000][next]"));
	agent_lines_release(&lines);
}

static void test_a_line_may_have_16_mebibytes(void **state)
{
	struct heard heard = {.bytes = 0};
	struct agent_lines lines;
	char *block = malloc(AGENT_LINE_BYTES_MAX + 1);

	(void)state;
	assert_non_null(block);
	memset(block, 'x', AGENT_LINE_BYTES_MAX + 1);
	agent_lines_init(&lines, 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(agent_lines_feed(&lines, block, 1 << 20, hear, &heard), 0);
	assert_int_equal(lines.bytes, AGENT_LINE_BYTES_MAX);
	assert_int_equal(lines.dropped, 0);
	assert_int_equal(agent_lines_feed(&lines, block, 1, hear, &heard), 0);
	assert_int_equal(lines.dropped, 1);
	agent_lines_release(&lines);
	free(block);
}

/* The examples of RFC 6901, section 5. */
static void test_pointers_lead_where_the_rfc_says(void **state)
{
	static const struct {
		const char *pointer;
		int value;
	} cases[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3}, {"/g|h", 4},
		     {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}};
	json_t *value =
		json_loads("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,"
			   "\" \":7,\"m~n\":8}",
			   0, NULL);

	(void)state;
	assert_non_null(value);
	assert_ptr_equal(pointer_find(value, ""), value);
	assert_string_equal(json_string_value(pointer_find(value, "/foo/0")), "bar");
	assert_string_equal(json_string_value(pointer_find(value, "/foo/1")), "baz");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_non_null(pointer_find(value, cases[i].pointer));
		assert_int_equal(json_integer_value(pointer_find(value, cases[i].pointer)), cases[i].value);
	}
	json_decref(value);
}

static void test_pointers_to_nothing_find_nothing(void **state)
{
	static const char *const nowhere[] = {"/foo/2",  "/foo/-", "/foo/00",  "/foo/01", "/foo/+1",
					      "/foo/1x", "/foo/",  "/foo/0/x", "/bar",    "/foo/99999999999999999999",
					      "foo",     "/~",     "/~2",      "/foo/~"};
	json_t *value = json_loads("{\"foo\":[\"bar\",\"baz\"]}", 0, NULL);
	char longest[POINTER_TOKEN_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++)
		assert_null(pointer_find(value, nowhere[i]));
	assert_null(pointer_find(value, NULL));
	assert_null(pointer_find(NULL, "/foo"));
	assert_false(pointer_check("foo"));
	assert_false(pointer_check("/a~"));
	assert_false(pointer_check("/a~2"));
	assert_true(pointer_check("/a~0~1/"));
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[POINTER_TOKEN_BYTES] = '\0';
	assert_true(pointer_check(longest));
	longest[POINTER_TOKEN_BYTES] = 'a';
	longest[POINTER_TOKEN_BYTES + 1] = '\0';
	assert_false(pointer_check(longest));
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_the_same_however_they_come),
		cmocka_unit_test(test_a_stream_without_a_newline_costs_no_more_than_the_cap),
		cmocka_unit_test(test_a_line_may_have_16_mebibytes),
		cmocka_unit_test(test_pointers_lead_where_the_rfc_says),
		cmocka_unit_test(test_pointers_to_nothing_find_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
