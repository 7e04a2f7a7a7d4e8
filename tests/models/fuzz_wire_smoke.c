/* SPDX-License-Identifier: MIT
 *
 * The fuzzer's checks without a fuzzer: every sample, and samples in which bytes were changed, removed, doubled and mixed with those of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/models/wire_samples.h"

#define RUNS      20000u
#define BYTES_MAX 8192u

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return z ^ z >> 27;
}

static size_t sample_at(uint64_t number, uint8_t *at)
{
	const char *bytes = wire_samples[number % wire_sample_count].bytes;
	size_t length = strlen(bytes);

	memcpy(at, bytes, length);
	return length;
}

static size_t spoil(uint64_t *seed, uint8_t *at, size_t bytes)
{
	static const char telling[] = "{}[]\",:\\\n\r data0-e";
	size_t where = bytes ? next(seed) % bytes : 0, end = where + (bytes ? next(seed) % (bytes - where) : 0);

	switch (next(seed) % 5) {
	case 0:
		at[where] = (uint8_t)next(seed);
		return bytes;
	case 1:
		at[where] = (uint8_t)telling[next(seed) % (sizeof(telling) - 1)];
		return bytes;
	case 2:
		memmove(at + where, at + end, bytes - end);
		return bytes - (end - where);
	case 3:
		if (bytes + (end - where) > BYTES_MAX / 2)
			return bytes;
		memmove(at + end, at + where, bytes - where);
		return bytes + (end - where);
	default:
		return bytes > BYTES_MAX / 2 ? bytes : where + sample_at(next(seed), at + where);
	}
}

/* Each input in memory of its own size. */
static void try(uint8_t first, uint8_t second, const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length + 2);

	assert_non_null(copy);
	copy[0] = first;
	copy[1] = second;
	memcpy(copy + 2, bytes, length);
	LLVMFuzzerTestOneInput(copy, length + 2);
	free(copy);
}

static void test_whatever_a_server_or_an_agent_says_is_read_within_bounds_and_alike_in_any_pieces(void **state)
{
	static uint8_t bytes[BYTES_MAX * 2];
	uint64_t seed = 7;

	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		size_t length = sample_at(run, bytes);
		for (uint64_t spoils = next(&seed) % 6; spoils; spoils--)
			length = spoil(&seed, bytes, length);
		try((uint8_t)(run % wire_sample_count < wire_sample_count / 2 ? next(&seed)
									      : wire_samples[run % wire_sample_count].wire),
		    (uint8_t)next(&seed), bytes, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_a_server_or_an_agent_says_is_read_within_bounds_and_alike_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
