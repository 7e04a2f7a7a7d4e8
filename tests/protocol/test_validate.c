/* SPDX-License-Identifier: MIT
 *
 * The validator against every cut, every changed byte and the bombs that are known to work on decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/codec.h"
#include "protocol/reader.h"
#include "protocol/validate.h"
#include "tests/protocol/fill.h"

static unsigned long allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	allocations++;
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	allocations++;
	return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *at, size_t bytes)
{
	allocations++;
	return __real_realloc(at, bytes);
}

/* Validates and decodes; nothing of it may allocate. */
static int take_there(const uint8_t *at, size_t bytes)
{
	unsigned long before = allocations;
	struct message message;
	struct parts parts;
	int rc = validate_message(at, bytes, &parts);

	if (!rc)
		rc = message_decode(&parts, &message);
	if (!rc)
		rc = message_decode_payload(&message);
	assert_int_equal(allocations, before);
	return rc;
}

/* The same with a copy in a block of exactly the size, so that reading past its end is seen. */
static int take(const uint8_t *at, size_t bytes)
{
	uint8_t *exact = malloc(bytes ? bytes : 1);
	int rc;

	assert_non_null(exact);
	if (bytes)
		memcpy(exact, at, bytes);
	rc = take_there(bytes ? exact : exact + 1, bytes);
	free(exact);
	return rc;
}

static void test_the_counter_of_allocations_counts(void **state)
{
	unsigned long before = allocations;
	struct buffer buffer = {0};

	(void)state;
	assert_int_equal(buffer_append(&buffer, "x", 1), 0); /* allocates within the library */
	assert_true(allocations > before);
	buffer_release(&buffer);
}

static void test_every_cut_of_every_message_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message;
		size_t bytes;
		uint8_t *at;

		message_fill(&message, all_types[i], 11);
		at = message_exact(&message, &bytes);
		assert_int_equal(take(at, bytes), 0);
		for (size_t cut = 0; cut < bytes; cut++)
			assert_int_equal(take(at, cut), ERR_MALFORMED);
		free(at);
	}
}

static void test_every_changed_byte_is_refused_or_read_safely(void **state)
{
	unsigned long refused = 0, taken = 0;

	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message;
		size_t bytes;
		uint8_t *at;

		message_fill(&message, all_types[i], 13);
		at = message_exact(&message, &bytes);
		for (size_t where = 0; where < bytes; where++) {
			uint8_t kept = at[where];
			for (unsigned value = 0; value < 256; value++) {
				int rc;
				at[where] = (uint8_t)value;
				rc = take_there(at, bytes); /* a block of exactly its size already */
				assert_true(rc == 0 || rc == ERR_MALFORMED || rc == ERR_VERSION);
				refused += rc != 0;
				taken += rc == 0;
			}
			at[where] = kept;
		}
		free(at);
	}
	assert_true(refused > 100000);
	assert_true(taken > 100000);
}

/* [1, 0x10, [], [], payload] with a payload as given. */
static int with_payload(const uint8_t *payload, size_t bytes)
{
	struct buffer buffer = {0};
	int rc;

	assert_int_equal(buffer_append(&buffer, "\x95\x01\x10\x90\x90", 5), 0);
	assert_int_equal(buffer_append(&buffer, payload, bytes), 0);
	rc = take(buffer.at, buffer.bytes);
	buffer_release(&buffer);
	return rc;
}

#define WITH_PAYLOAD(literal) with_payload((const uint8_t *)(literal), sizeof(literal) - 1)
#define TAKE(literal)         take((const uint8_t *)(literal), sizeof(literal) - 1)

static void test_only_an_array_of_five_is_a_message(void **state)
{
	(void)state;
	assert_int_equal(TAKE("\x95\x01\x10\x90\x90\xc0"), 0);
	assert_int_equal(TAKE("\xdc\x00\x05\x01\x10\x90\x90\xc0"), 0);
	assert_int_equal(TAKE("\x94\x01\x10\x90\x90"), ERR_MALFORMED);
	assert_int_equal(TAKE("\x96\x01\x10\x90\x90\xc0\xc0"), ERR_MALFORMED);
	assert_int_equal(TAKE("\x85\x01\x10\x90\x90\xc0"), ERR_MALFORMED);
	assert_int_equal(TAKE("\x95\x01\x10\xc0\x90\xc0"), ERR_MALFORMED);                                 /* header nil */
	assert_int_equal(TAKE("\x95\x01\x10\x90\x80\xc0"), ERR_MALFORMED);                                 /* facts a map */
	assert_int_equal(TAKE("\x95\x01\x10\x90\x90\x90"), ERR_MALFORMED);                                 /* payload an array */
	assert_int_equal(TAKE("\x95\x01\xff\x90\x90\xc0"), ERR_MALFORMED);                                 /* type negative */
	assert_int_equal(TAKE("\x95\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x10\x90\x90\xc0"), ERR_MALFORMED); /* type over 32 bits */
	assert_int_equal(TAKE(""), ERR_MALFORMED);
}

static void test_another_version_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(TAKE("\x95\x02\x10\x90\x90\xc0"), ERR_VERSION);
	assert_int_equal(TAKE("\x95\x00\x10\x90\x90\xc0"), ERR_VERSION);
	assert_int_equal(TAKE("\x95\xa1v\x10\x90\x90\xc0"), ERR_MALFORMED);
}

static void test_a_key_twice_is_refused(void **state)
{
	(void)state;
	assert_int_equal(WITH_PAYLOAD("\x82\xa1x\x01\xa1y\x02"), 0);
	assert_int_equal(WITH_PAYLOAD("\x82\xa1x\x01\xa1x\x02"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x82\xa1x\x01\xd9\x01x\x02"), ERR_MALFORMED); /* written in another way */
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\x82\xa1y\x01\xa1y\x02"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x82\xa1x\x81\xa1x\x01\xa1y\x81\xa1x\x02"), 0);    /* the same key in different maps */
	assert_int_equal(WITH_PAYLOAD("\x82\xa1x\x81\xa1y\x01\xa1x\x02"), ERR_MALFORMED); /* around an inner map */
	assert_int_equal(TAKE("\x95\x01\x10\x91\x82\xa1x\x01\xa1x\x02\x90\xc0"), ERR_MALFORMED); /* in the header too */
}

static void test_a_key_that_is_no_text_is_refused(void **state)
{
	(void)state;
	assert_int_equal(WITH_PAYLOAD("\x81\x01\x01"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xc4\x01x\x01"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\x90\x01"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\x01"), 0);
}

static void test_a_map_holds_256_keys_and_no_more(void **state)
{
	(void)state;
	for (unsigned count = 256; count <= 257; count++) {
		struct buffer buffer = {0};
		const uint8_t head[3] = {0xde, (uint8_t)(count >> 8), (uint8_t)count};

		assert_int_equal(buffer_append(&buffer, head, 3), 0);
		for (unsigned i = 0; i < count; i++) {
			const uint8_t entry[4] = {0xa2, (uint8_t)('a' + i / 26), (uint8_t)('a' + i % 26), 0xc0};
			assert_int_equal(buffer_append(&buffer, entry, 4), 0);
		}
		assert_int_equal(with_payload(buffer.at, buffer.bytes), count == 256 ? 0 : ERR_MALFORMED);
		buffer_release(&buffer);
	}
}

static void test_sixteen_levels_are_taken_and_seventeen_refused(void **state)
{
	(void)state;
	for (unsigned depth = 14; depth <= 18; depth++) {
		uint8_t payload[64] = "\x81\xa1x"; /* message and payload are two levels */
		size_t bytes = 3;

		for (unsigned i = 2; i < depth; i++)
			payload[bytes++] = 0x91;
		payload[bytes++] = 0xc0;
		assert_int_equal(with_payload(payload, bytes), depth <= VALIDATE_DEPTH_MAX ? 0 : ERR_MALFORMED);
		payload[bytes - 1] = 0x90; /* an empty array is a level as well */
		assert_int_equal(with_payload(payload, bytes), depth + 1 <= VALIDATE_DEPTH_MAX ? 0 : ERR_MALFORMED);
	}
}

static void test_counts_and_lengths_beyond_the_bytes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(TAKE("\xdd\x00\x98\x96\x80"), ERR_MALFORMED); /* ten million elements */
	assert_int_equal(TAKE("\x95\x01\x10\x90\xdd\x00\x98\x96\x80"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xdd\x00\x98\x96\x80"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xdf\xff\xff\xff\xff"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xdb\xff\xff\xff\xff"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xc6\xff\xff\xff\xff"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\xdf\x80\x00\x00\x00"), ERR_MALFORMED); /* twice this is 0 in 32 bits */
}

static void test_a_count_is_held_against_the_bytes_at_once(void **state)
{
	static const uint8_t array[] = "\xdd\x00\x98\x96\x80", map[] = "\x82\xc0\xc0\xc0";
	struct token token;

	(void)state;
	assert_int_equal(reader_next(&(struct reader){array, array + sizeof(array) - 1}, &token), ERR_MALFORMED);
	assert_int_equal(reader_next(&(struct reader){map, map + sizeof(map) - 1}, &token), ERR_MALFORMED);
}

static void test_a_bomb_of_nested_arrays_is_refused(void **state)
{
	uint8_t bomb[3 + 93] = "\x81\xa1x";

	(void)state;
	for (size_t i = 3; i < sizeof(bomb); i += 3)
		memcpy(bomb + i, "\xdc\xff\xff", 3);
	assert_int_equal(take(bomb + 3, 93), ERR_MALFORMED);
	assert_int_equal(with_payload(bomb, sizeof(bomb)), ERR_MALFORMED);
}

/* A message with `count` nils in an array at the given place. */
static int with_nils(const char *before, size_t before_bytes, uint32_t count, const char *after, size_t after_bytes)
{
	const uint8_t head[5] = {0xdd, (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};
	struct buffer buffer = {0};
	int rc;

	assert_int_equal(buffer_append(&buffer, before, before_bytes), 0);
	assert_int_equal(buffer_append(&buffer, head, 5), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(buffer_append(&buffer, "\xc0", 1), 0);
	assert_int_equal(buffer_append(&buffer, after, after_bytes), 0);
	rc = take(buffer.at, buffer.bytes);
	buffer_release(&buffer);
	return rc;
}

static void test_a_mebibyte_of_nils_is_refused(void **state)
{
	(void)state;
	assert_int_equal(with_nils("\x95\x01\x10", 3, 1048576, "\x90\xc0", 2), ERR_MALFORMED);
	assert_int_equal(with_nils("\x95\x01\x10\x90", 4, 1048576, "\xc0", 1), ERR_MALFORMED);
	assert_int_equal(with_nils("\x95\x01\x10\x90\x90\x81\xa1x", 8, 1048576, "", 0), ERR_TOO_LARGE);
}

static void test_nodes_outside_the_payload_are_limited(void **state)
{
	(void)state;
	/* header array, its elements, and the facts array are nodes */
	assert_int_equal(with_nils("\x95\x01\x10", 3, VALIDATE_NODES_MAX - 2, "\x90\xc0", 2), 0);
	assert_int_equal(with_nils("\x95\x01\x10", 3, VALIDATE_NODES_MAX - 1, "\x90\xc0", 2), ERR_MALFORMED);
	assert_int_equal(with_nils("\x95\x01\x10\x90\x90\x81\xa1x", 8, 3 * VALIDATE_NODES_MAX, "", 0), 0);
}

static void test_a_payload_over_the_limit_is_too_large(void **state)
{
	(void)state;
	/* map head, key and array head are 8 bytes of the payload */
	assert_int_equal(with_nils("\x95\x01\x10\x90\x90\x81\xa1x", 8, PAYLOAD_BYTES_MAX - 8, "", 0), 0);
	assert_int_equal(with_nils("\x95\x01\x10\x90\x90\x81\xa1x", 8, PAYLOAD_BYTES_MAX - 7, "", 0), ERR_TOO_LARGE);
}

static void test_extensions_and_the_unused_byte_are_refused(void **state)
{
	static const uint8_t marks[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};

	(void)state;
	for (size_t i = 0; i < sizeof(marks); i++) {
		uint8_t payload[40] = "\x81\xa1x";
		payload[3] = marks[i];
		assert_int_equal(with_payload(payload, sizeof(payload)), ERR_MALFORMED);
	}
}

static void test_floating_point_is_only_for_the_payload(void **state)
{
	/* as the ninth element of the header, and as a surplus fact: where no decoder looks */
	static const uint8_t header[] = "\x95\x01\x10\x99\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xca\x00\x00\x00\x00\x90\xc0";
	static const uint8_t facts[] = "\x95\x01\x05\x90\x92\xc2\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xc0";

	(void)state;
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xca\x00\x00\x00\x00"), 0);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xcb\x00\x00\x00\x00\x00\x00\x00\x00"), 0);
	assert_int_equal(take(header, sizeof(header) - 1), ERR_MALFORMED);
	assert_int_equal(take(facts, sizeof(facts) - 1), ERR_MALFORMED);
}

static void test_text_must_be_utf8(void **state)
{
	static const char *const good[] = {"",
					   "ascii",
					   "\x7f",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xef\xbf\xbf",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf",
					   "eight ch\xc3\xa4racters"};
	static const char *const bad[] = {"\x80",
					  "\xbf",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xc2",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xed\xbf\xbf",
					  "\xe2\x82",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xff",
					  "\xfe",
					  "12345678\xff",
					  "1234567\xc3",
					  "\xc3\x28",
					  "\xe2\x28\xa1",
					  "\xf0\x28\x8c\xbc"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_check((const uint8_t *)good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(utf8_check((const uint8_t *)bad[i], strlen(bad[i])));
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xa1\xff"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1\xff\xc0"), ERR_MALFORMED);
	assert_int_equal(WITH_PAYLOAD("\x81\xa1x\xc4\x01\xff"), 0); /* bytes may be anything */
}

/* A frame of `count` small messages and `surplus` bytes of something else. */
static int frame_of(size_t count, size_t surplus, size_t *out_count)
{
	struct parts parts[FRAME_MESSAGES_MAX];
	struct buffer buffer = {0};
	int rc;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(buffer_append(&buffer, "\x95\x01\x04\x90\x90\xc0", 6), 0);
	for (size_t i = 0; i < surplus; i++)
		assert_int_equal(buffer_append(&buffer, "\xc0", 1), 0);
	rc = validate_frame(buffer.at, buffer.bytes, parts, out_count);
	if (!rc) {
		for (size_t i = 0; i < count; i++)
			assert_ptr_equal(parts[i].whole.at, buffer.at + 6 * i);
	}
	buffer_release(&buffer);
	return rc;
}

static void test_a_frame_holds_1_to_64_messages_and_nothing_else(void **state)
{
	size_t count = 77;

	(void)state;
	assert_int_equal(frame_of(0, 0, &count), ERR_MALFORMED);
	assert_int_equal(count, 77);
	for (size_t wanted = 1; wanted <= FRAME_MESSAGES_MAX; wanted++) {
		assert_int_equal(frame_of(wanted, 0, &count), 0);
		assert_int_equal(count, wanted);
		if (wanted < FRAME_MESSAGES_MAX)
			assert_int_equal(frame_of(wanted, 1, &count), ERR_MALFORMED);
	}
	assert_int_equal(frame_of(FRAME_MESSAGES_MAX + 1, 0, &count), ERR_TOO_LARGE);
	assert_int_equal(frame_of(FRAME_MESSAGES_MAX, 1, &count), ERR_TOO_LARGE);
}

static void test_a_frame_over_its_limit_is_too_large(void **state)
{
	struct parts parts[FRAME_MESSAGES_MAX];
	uint8_t *frame = calloc(1, FRAME_BYTES_MAX + 1);
	size_t count;

	(void)state;
	assert_non_null(frame);
	assert_int_equal(validate_frame(frame, FRAME_BYTES_MAX + 1, parts, &count), ERR_TOO_LARGE);
	free(frame);
}

static void test_on_refusal_the_output_is_untouched(void **state)
{
	struct parts parts, before;

	(void)state;
	memset(&parts, 0x5a, sizeof(parts));
	before = parts;
	assert_int_equal(validate_message((const uint8_t *)"\x95\x01\x10\x90\x90", 5, &parts), ERR_MALFORMED);
	assert_memory_equal(&parts, &before, sizeof(parts));
}

static void test_the_spans_are_where_the_parts_are(void **state)
{
	static const uint8_t bytes[] = "\x95\x01\x10\x91\x01\x92\x02\x03\x81\xa1x\xc0\x95";
	struct parts parts;

	(void)state;
	assert_int_equal(validate_message(bytes, sizeof(bytes) - 1, &parts), 0);
	assert_int_equal(parts.version, 1);
	assert_int_equal(parts.type, 0x10);
	assert_ptr_equal(parts.header.at, bytes + 3);
	assert_int_equal(parts.header.bytes, 2);
	assert_ptr_equal(parts.facts.at, bytes + 5);
	assert_int_equal(parts.facts.bytes, 3);
	assert_ptr_equal(parts.payload.at, bytes + 8);
	assert_int_equal(parts.payload.bytes, 4);
	assert_int_equal(parts.whole.bytes, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_counter_of_allocations_counts),
		cmocka_unit_test(test_every_cut_of_every_message_is_refused),
		cmocka_unit_test(test_every_changed_byte_is_refused_or_read_safely),
		cmocka_unit_test(test_only_an_array_of_five_is_a_message),
		cmocka_unit_test(test_another_version_is_told_apart),
		cmocka_unit_test(test_a_key_twice_is_refused),
		cmocka_unit_test(test_a_key_that_is_no_text_is_refused),
		cmocka_unit_test(test_a_map_holds_256_keys_and_no_more),
		cmocka_unit_test(test_sixteen_levels_are_taken_and_seventeen_refused),
		cmocka_unit_test(test_counts_and_lengths_beyond_the_bytes_are_refused),
		cmocka_unit_test(test_a_count_is_held_against_the_bytes_at_once),
		cmocka_unit_test(test_a_bomb_of_nested_arrays_is_refused),
		cmocka_unit_test(test_a_mebibyte_of_nils_is_refused),
		cmocka_unit_test(test_nodes_outside_the_payload_are_limited),
		cmocka_unit_test(test_a_payload_over_the_limit_is_too_large),
		cmocka_unit_test(test_extensions_and_the_unused_byte_are_refused),
		cmocka_unit_test(test_floating_point_is_only_for_the_payload),
		cmocka_unit_test(test_text_must_be_utf8),
		cmocka_unit_test(test_a_frame_holds_1_to_64_messages_and_nothing_else),
		cmocka_unit_test(test_a_frame_over_its_limit_is_too_large),
		cmocka_unit_test(test_on_refusal_the_output_is_untouched),
		cmocka_unit_test(test_the_spans_are_where_the_parts_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
