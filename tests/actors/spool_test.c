/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/spool.h"
#include "protocol/validate.h"

static void add(struct spool *spool, uint8_t mark, enum spool_kind kind)
{
	struct message message = {.type = MESSAGE_TASK_CANCEL, .header.message_id = {{mark}}};

	assert_int_equal(spool_add(spool, &message, kind), 0);
}

/* Takes a frame, "sends" it, and writes mark and number of each message as pairs. */
static size_t send_frame(struct spool *spool, size_t messages_max, uint64_t out[][2])
{
	struct buffer frame = {0};
	struct parts parts[FRAME_MESSAGES_MAX];
	size_t count = 0;
	int framed = spool_frame(spool, messages_max, &frame);

	assert_true(framed >= 0);
	if (framed) {
		assert_int_equal(validate_frame(frame.at, frame.bytes, parts, &count), 0);
		assert_int_equal(count, framed);
	}
	for (size_t i = 0; i < count; i++) {
		struct message message;

		assert_int_equal(message_decode(&parts[i], &message), 0);
		out[i][0] = message.header.message_id.bytes[0];
		out[i][1] = message.header.sender_seq;
	}
	spool_sent(spool, count);
	buffer_release(&frame);
	return count;
}

static void test_what_is_kept_is_said_again_in_order_under_new_numbers(void **state)
{
	struct spool spool = {0};
	uint64_t said[64][2];

	(void)state;
	add(&spool, 1, SPOOL_KEPT);
	add(&spool, 2, SPOOL_PASSING);
	add(&spool, 3, SPOOL_KEPT);
	add(&spool, 4, SPOOL_LOOSE);
	spool.last_seq = 1; /* Hello */
	assert_int_equal(send_frame(&spool, 63, said), 4);
	assert_int_equal(said[0][1], 2);
	assert_int_equal(said[1][1], 3);
	assert_int_equal(said[2][1], 4);
	assert_int_equal(said[3][1], 0);
	assert_int_equal(spool.count, 2);
	add(&spool, 5, SPOOL_KEPT);
	add(&spool, 6, SPOOL_PASSING);
	spool_rewind(&spool);
	assert_int_equal(send_frame(&spool, 63, said), 3);
	assert_int_equal(said[0][0], 1);
	assert_int_equal(said[1][0], 3);
	assert_int_equal(said[2][0], 5);
	assert_int_equal(said[0][1], 1);
	assert_int_equal(said[2][1], 3);
	spool_release(&spool);
}

static void test_what_is_durable_is_forgotten_and_nothing_else(void **state)
{
	struct spool spool = {0};
	uint64_t said[64][2];
	struct id second = {{2}};

	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		add(&spool, i, SPOOL_KEPT);
	assert_int_equal(send_frame(&spool, 2, said), 2); /* the third has not been sent yet */
	assert_int_equal(spool_oldest(&spool), 1);
	spool_cover(&spool, 1);
	assert_int_equal(spool.count, 2);
	assert_true(spool_holds(&spool, &second));
	spool_cover(&spool, 99);
	assert_false(spool_holds(&spool, &second));
	assert_int_equal(spool.count, 1);
	assert_int_equal(spool_oldest(&spool), 0);
	spool_release(&spool);
}

static void test_a_frame_that_was_not_sent_is_made_again(void **state)
{
	struct spool spool = {0};
	struct buffer frame = {0};
	uint64_t said[64][2];

	(void)state;
	add(&spool, 1, SPOOL_KEPT);
	assert_int_equal(spool_frame(&spool, 63, &frame), 1); /* and the socket takes nothing */
	assert_int_equal(send_frame(&spool, 63, said), 1);
	assert_int_equal(said[0][1], 1);
	buffer_release(&frame);
	spool_release(&spool);
}

static void test_a_frame_ends_near_its_target_size(void **state)
{
	static char text[30000];
	struct spool spool = {0};
	struct buffer frame = {0};
	struct message message = {.type = MESSAGE_TASK_CANCEL, .task_cancel.reason = {text, sizeof(text)}};

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 5; i++)
		assert_int_equal(spool_add(&spool, &message, SPOOL_KEPT), 0);
	assert_int_equal(spool_frame(&spool, 63, &frame), 2);
	assert_true(frame.bytes <= FRAME_TARGET_BYTES);
	buffer_release(&frame);
	spool_release(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_kept_is_said_again_in_order_under_new_numbers),
		cmocka_unit_test(test_what_is_durable_is_forgotten_and_nothing_else),
		cmocka_unit_test(test_a_frame_that_was_not_sent_is_made_again),
		cmocka_unit_test(test_a_frame_ends_near_its_target_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
