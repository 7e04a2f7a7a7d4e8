/* SPDX-License-Identifier: MIT
 *
 * Canonical JSON against the values that RFC 8785 publishes: section 3.2.2 (a whole text), section 3.2.3 (the order of names), appendix B
 * (numbers). canonical.js compares with a second implementation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/canonical.h"

static void assert_canonical(const char *input, const char *expected)
{
	json_error_t error;
	json_t *json = json_loads(input, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	struct buffer buffer = {0};

	assert_non_null(json);
	assert_int_equal(canonical_json(json, &buffer), 0);
	assert_int_equal(buffer_append(&buffer, "", 1), 0);
	assert_string_equal((const char *)buffer.at, expected);
	buffer_release(&buffer);
	json_decref(json);
}

static void test_the_text_of_the_rfc(void **state)
{
	(void)state;
	assert_canonical("{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n"
			 "    2e-3, 0.000000000000000000000000001],\n"
			 "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
			 "  \"literals\": [null, true, false]\n}",
			 "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,"
			 "1e+30,4.5,0.002,1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

static void test_names_are_in_the_order_of_the_rfc(void **state)
{
	(void)state;
	assert_canonical("{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\","
			 "\"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\", \"1\": \"One\","
			 "\"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\","
			 "\"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
			 "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
			 "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
			 "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
			 "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
	assert_canonical("{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}");
}

static void test_numbers_are_those_of_the_rfc(void **state)
{
	static const struct {
		uint64_t bits;
		const char *text;
	} rows[] = {
		{0x0000000000000000, "0"},
		{0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"},
		{0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, "1.7976931348623157e+308"},
		{0xffefffffffffffff, "-1.7976931348623157e+308"},
		{0x4340000000000000, "9007199254740992"},
		{0xc340000000000000, "-9007199254740992"},
		{0x4430000000000000, "295147905179352830000"},
		{0x44b52d02c7e14af5, "9.999999999999997e+22"},
		{0x44b52d02c7e14af6, "1e+23"},
		{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
		{0x444b1ae4d6e2ef4e, "999999999999999700000"},
		{0x444b1ae4d6e2ef4f, "999999999999999900000"},
		{0x444b1ae4d6e2ef50, "1e+21"},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
		{0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"},
		{0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"},
		{0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[CANONICAL_NUMBER_BYTES];
		double value;
		memcpy(&value, &rows[i].bits, sizeof(value));
		canonical_number(value, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_whole_numbers_that_a_double_would_change_are_strings(void **state)
{
	(void)state;
	assert_canonical("[9007199254740991,-9007199254740991]", "[9007199254740991,-9007199254740991]");
	assert_canonical("[9007199254740992,-9223372036854775808]", "[\"9007199254740992\",\"-9223372036854775808\"]");
}

static void test_only_what_must_be_is_escaped(void **state)
{
	(void)state;
	assert_canonical("\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\u007f\\u2028</script>\\/\"",
			 "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\xe2\x80\xa8</script>/\"");
	assert_canonical("[]", "[]");
	assert_canonical("{\"a\":{},\"b\":[[],{}]}", "{\"a\":{},\"b\":[[],{}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_text_of_the_rfc),
		cmocka_unit_test(test_names_are_in_the_order_of_the_rfc),
		cmocka_unit_test(test_numbers_are_those_of_the_rfc),
		cmocka_unit_test(test_whole_numbers_that_a_double_would_change_are_strings),
		cmocka_unit_test(test_only_what_must_be_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
