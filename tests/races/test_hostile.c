/* SPDX-License-Identifier: MIT
 *
 * The body of fuzz_race with inputs from seeds: bytes, JSON of any shape, and both mixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[] = {
	"{}",
	"[]",
	"null",
	"0",
	"\"\"",
	"{\"state\": 7}",
	"{\"state\": \"completed\", \"result\": []}",
	"{\"state\": \"completed\", \"result\": {\"change\": {\"commit\": \"cccccccccccccccccccccccccccccccccccccccc\"}}}",
	"{\"state\": \"completed\", \"result\": {\"status\": \"complete\", \"entities\": [null, 1, {\"kind\": \"case\"}, "
	"{\"kind\": \"cycle\", \"modules\": [1, {}]}], "
	"\"findings\": [[], {\"fingerprint\": \"f\", \"severity\": 5, \"rule\": \"x\"}]}}",
	"{\"state\": \"completed\", \"result\": {\"status\": \"complete\", \"cut\": {\"sizes\": {\"entities\": 9999999999}}, "
	"\"entities\": {}, \"findings\": {}}}",
	"{\"result\": {\"paths\": [{\"path\": \"\", \"additions\": -1, \"added\": [[5, 1], [1], \"x\", [1, 99999999999999]]}], "
	"\"hidden\": [5], \"tree\": 4}}",
	"{\"error\": {\"code\": \"conflict\", \"conflicts\": {\"path\": 1}}}",
	"{\"error\": {\"code\": \"moved\"}}",
	"{\"error\": \"no\"}",
	"{\"tokens\": 9223372036854775807, \"cost_microusd\": -9223372036854775807}",
	"{\"code\": \"overloaded\", \"retry_after_ms\": 9223372036854775807}\xff",
	"{\"result\": {\"text\": \"a\"}}",
	"",
	"",
};

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static void test_whatever_is_answered_a_race_ends_and_stands(void **state)
{
	(void)state;
	for (uint64_t run = 1; run <= 1500; run++) {
		uint64_t seed = run * 2654435761u;
		char input[4096];
		size_t used = 0;

		input[used++] = (char)next(&seed);
		while (used + 700 < sizeof(input) && next(&seed) % 40) {
			if (next(&seed) % 3 == 0) {
				const char *line = lines[next(&seed) % (sizeof(lines) / sizeof(lines[0]))];

				used += (size_t)snprintf(input + used, sizeof(input) - used, "%s", line);
			} else {
				for (uint32_t bytes = next(&seed) % 6; bytes > 0; bytes--)
					input[used++] = (char)next(&seed);
			}
			input[used++] = '\n';
		}
		LLVMFuzzerTestOneInput((const uint8_t *)input, used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whatever_is_answered_a_race_ends_and_stands)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
