/* SPDX-License-Identifier: MIT
 *
 * Encoding and decoding. msgpack-c's own unpacker serves as the oracle: it has to see what we say we wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "protocol/codec.h"
#include "protocol/schema.h"
#include "tests/protocol/fill.h"

static void decode_all(const uint8_t *at, size_t bytes, struct message *out_message)
{
	struct parts parts;

	assert_int_equal(validate_message(at, bytes, &parts), 0);
	assert_int_equal(parts.whole.bytes, bytes);
	assert_int_equal(message_decode(&parts, out_message), 0);
	assert_int_equal(message_decode_payload(out_message), 0);
}

static void test_every_message_comes_back_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message, again;
		size_t bytes;
		uint8_t *at;

		message_fill(&message, all_types[i], (uint32_t)i * 100);
		at = message_exact(&message, &bytes);
		decode_all(at, bytes, &again);
		assert_same_message(&message, &again);
		free(at);
	}
}

static void test_an_empty_message_comes_back_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message = {.type = all_types[i]};
		struct message again;
		size_t bytes;
		uint8_t *at = message_exact(&message, &bytes);

		assert_int_equal(at[bytes - 1], 0xc0); /* no payload is nil */
		decode_all(at, bytes, &again);
		assert_same_message(&message, &again);
		assert_int_equal(again.payload.bytes, 0);
		free(at);
	}
}

static void test_the_same_message_is_always_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message, again;
		size_t bytes, bytes_again;
		uint8_t *at, *at_again;

		message_fill(&message, all_types[i], 7);
		at = message_exact(&message, &bytes);
		decode_all(at, bytes, &again);
		at_again = message_exact(&again, &bytes_again); /* with its payload as it came */
		assert_int_equal(bytes, bytes_again);
		assert_memory_equal(at, at_again, bytes);
		free(at_again);
		again.payload = (struct bytes){0};
		at_again = message_exact(&again, &bytes_again); /* with its payload made again */
		assert_int_equal(bytes, bytes_again);
		assert_memory_equal(at, at_again, bytes);
		free(at_again);
		free(at);
	}
}

/* Holds one unpacked element against the member it must be. */
static void assert_element(const msgpack_object *object, const struct field *field, const void *member)
{
	const struct text *text = member;
	const struct bytes *bytes = member;

	switch (field->kind) {
	case KIND_u64:
		assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
		assert_int_equal(object->via.u64, *(const uint64_t *)member);
		break;
	case KIND_flag:
		assert_int_equal(object->type, MSGPACK_OBJECT_BOOLEAN);
		assert_int_equal(object->via.boolean, *(const bool *)member);
		break;
	case KIND_id:
	case KIND_hash:
		assert_int_equal(object->type, MSGPACK_OBJECT_BIN);
		assert_int_equal(object->via.bin.size, field->kind == KIND_id ? 16 : 32);
		assert_memory_equal(object->via.bin.ptr, member, object->via.bin.size);
		break;
	case KIND_text:
	case KIND_json:
		assert_int_equal(object->type, MSGPACK_OBJECT_STR);
		assert_int_equal(object->via.str.size, text->bytes);
		assert_memory_equal(object->via.str.ptr, text->at, text->bytes);
		break;
	case KIND_bytes:
		assert_int_equal(object->type, MSGPACK_OBJECT_BIN);
		assert_int_equal(object->via.bin.size, bytes->bytes);
		assert_memory_equal(object->via.bin.ptr, bytes->at, bytes->bytes);
		break;
	default:
		assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
		assert_int_equal(object->via.u64, *(const uint32_t *)member);
		break;
	}
}

static const msgpack_object *entry_of(const msgpack_object *map, const char *name)
{
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object *key = &map->via.map.ptr[i].key;
		if (key->via.str.size == strlen(name) && memcmp(key->via.str.ptr, name, strlen(name)) == 0)
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

static void assert_oracle_agrees(const struct message *message, const msgpack_object *root)
{
	const struct schema *schema = schema_find(message->type);
	const msgpack_object *facts, *payload;
	uint32_t index = 0, entries = 0;

	assert_int_equal(root->type, MSGPACK_OBJECT_ARRAY);
	assert_int_equal(root->via.array.size, 5);
	assert_int_equal(root->via.array.ptr[0].via.u64, PROTOCOL_VERSION);
	assert_int_equal(root->via.array.ptr[1].via.u64, message->type);
	assert_int_equal(root->via.array.ptr[2].via.array.size, message->header.masked ? 9 : 8);
	facts = &root->via.array.ptr[3];
	payload = &root->via.array.ptr[4];
	for (const struct field *field = schema->field; field->name; field++) {
		const void *member = (const uint8_t *)message + field->offset;
		if (!field->body) {
			assert_element(&facts->via.array.ptr[index++], field, member);
			continue;
		}
		entries++;
		assert_non_null(entry_of(payload, field->name));
		assert_element(entry_of(payload, field->name), field, member);
	}
	assert_int_equal(facts->via.array.size, index);
	assert_int_equal(payload->type, entries ? MSGPACK_OBJECT_MAP : MSGPACK_OBJECT_NIL);
	if (entries)
		assert_int_equal(payload->via.map.size, entries);
}

static void test_msgpack_c_reads_what_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message;
		msgpack_unpacked unpacked;
		size_t bytes, used = 0;
		uint8_t *at;

		message_fill(&message, all_types[i], 31 + (uint32_t)i);
		at = message_exact(&message, &bytes);
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)at, bytes, &used), MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(used, bytes);
		assert_oracle_agrees(&message, &unpacked.data);
		msgpack_unpacked_destroy(&unpacked);
		free(at);
	}
}

/* ---- messages written by hand, as an older, newer or hostile peer may ---- */

struct hand {
	msgpack_sbuffer bytes;
	msgpack_packer packer;
};

static void hand_begin(struct hand *hand, uint32_t type)
{
	msgpack_sbuffer_init(&hand->bytes);
	msgpack_packer_init(&hand->packer, &hand->bytes, msgpack_sbuffer_write);
	msgpack_pack_array(&hand->packer, 5);
	msgpack_pack_int(&hand->packer, PROTOCOL_VERSION);
	msgpack_pack_uint32(&hand->packer, type);
}

static void hand_text(struct hand *hand, const char *text)
{
	msgpack_pack_str_with_body(&hand->packer, text, strlen(text));
}

static int hand_decode(struct hand *hand, struct message *out_message)
{
	struct parts parts;
	int rc = validate_message((const uint8_t *)hand->bytes.data, hand->bytes.size, &parts);

	if (!rc)
		rc = message_decode(&parts, out_message);
	if (!rc)
		rc = message_decode_payload(out_message);
	return rc;
}

static void test_surplus_elements_and_unknown_keys_are_skipped(void **state)
{
	struct message message;
	struct hand hand;

	(void)state;
	hand_begin(&hand, MESSAGE_TASK_STARTED);
	msgpack_pack_array(&hand.packer, 11);
	for (int i = 0; i < 9; i++)
		msgpack_pack_nil(&hand.packer);
	msgpack_pack_array(&hand.packer, 2); /* two elements of a newer header */
	hand_text(&hand, "new");
	msgpack_pack_int(&hand.packer, -5);
	msgpack_pack_map(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, 4);
	msgpack_pack_int(&hand.packer, 3);
	msgpack_pack_nil(&hand.packer);
	hand_text(&hand, "a newer fact");
	msgpack_pack_map(&hand.packer, 0);
	msgpack_pack_map(&hand.packer, 1);
	hand_text(&hand, "mood");
	msgpack_pack_double(&hand.packer, 0.5);
	assert_int_equal(hand_decode(&hand, &message), 0);
	assert_int_equal(message.task_started.attempt, 3);
	assert_true(id_is_nil(&message.task_started.lease));
	msgpack_sbuffer_destroy(&hand.bytes);
}

static void test_a_header_says_how_much_was_masked_only_where_something_was(void **state)
{
	struct message message = {.type = MESSAGE_TASK_STARTED};
	struct buffer bytes = {0};
	struct parts parts;

	(void)state;
	for (uint32_t masked = 0; masked <= 3; masked += 3) {
		bytes.bytes = 0;
		message.header.masked = masked;
		assert_int_equal(message_encode(&message, &bytes), 0);
		assert_int_equal(validate_message(bytes.at, bytes.bytes, &parts), 0);
		assert_int_equal(parts.header.at[0], 0x90 | (masked ? 9 : 8)); /* as every version before wrote it */
		message.header.masked = 77;
		assert_int_equal(message_decode(&parts, &message), 0);
		assert_int_equal(message.header.masked, masked);
	}
	buffer_release(&bytes);
}

static void test_unknown_keys_before_and_after_known_ones_are_skipped(void **state)
{
	struct message message;
	struct hand hand;

	(void)state;
	hand_begin(&hand, MESSAGE_TASK_REQUEST);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_map(&hand.packer, 4);
	hand_text(&hand, "newer");
	msgpack_pack_array(&hand.packer, 2);
	msgpack_pack_map(&hand.packer, 1);
	hand_text(&hand, "parameters"); /* the same key, but deeper */
	msgpack_pack_int(&hand.packer, 1);
	hand_text(&hand, "x");
	hand_text(&hand, "parameters");
	hand_text(&hand, "{}");
	hand_text(&hand, "idempotency_key");
	msgpack_pack_nil(&hand.packer);
	hand_text(&hand, "newest");
	msgpack_pack_bin_with_body(&hand.packer, "abc", 3);
	assert_int_equal(hand_decode(&hand, &message), 0);
	assert_int_equal(message.task_request.parameters.bytes, 2);
	assert_int_equal(message.task_request.idempotency_key.bytes, 0);
	msgpack_sbuffer_destroy(&hand.bytes);
}

static void test_missing_facts_have_their_defaults(void **state)
{
	struct message message;
	struct hand hand;

	(void)state;
	hand_begin(&hand, MESSAGE_TASK_REQUEST);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, 2);
	hand_text(&hand, "documentation");
	msgpack_pack_int(&hand.packer, PRIORITY_HIGH);
	msgpack_pack_nil(&hand.packer);
	assert_int_equal(hand_decode(&hand, &message), 0);
	assert_int_equal(message.task_request.task_type.bytes, strlen("documentation"));
	assert_int_equal(message.task_request.priority, PRIORITY_HIGH);
	assert_int_equal(message.task_request.deadline_ms, 0);
	assert_true(id_is_nil(&message.task_request.parent));
	assert_string_equal(message.header.sender, "");
	msgpack_sbuffer_destroy(&hand.bytes);
}

static void test_an_unknown_type_keeps_its_code_and_nobody_may_say_it(void **state)
{
	struct message message;
	struct hand hand;

	(void)state;
	hand_begin(&hand, 0x7777);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, 1);
	msgpack_pack_int(&hand.packer, 1);
	msgpack_pack_nil(&hand.packer);
	assert_int_equal(hand_decode(&hand, &message), 0);
	assert_int_equal(message.type, 0x7777);
	assert_false(message_known(message.type));
	assert_false(message_allowed(message.type, CLIENT | OPERATOR | AUDITOR | CLONE));
	msgpack_sbuffer_destroy(&hand.bytes);
}

/* A TaskAssignment whose fact `index` is written by `write`, all before it nil. */
static int with_fact(uint32_t index, void (*write)(msgpack_packer *packer))
{
	struct message message;
	struct hand hand;
	int rc;

	hand_begin(&hand, MESSAGE_TASK_ASSIGNMENT);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, index + 1);
	for (uint32_t i = 0; i < index; i++)
		msgpack_pack_nil(&hand.packer);
	write(&hand.packer);
	msgpack_pack_nil(&hand.packer);
	rc = hand_decode(&hand, &message);
	msgpack_sbuffer_destroy(&hand.bytes);
	return rc;
}

static void write_text(msgpack_packer *packer)
{
	msgpack_pack_str_with_body(packer, "text", 4);
}

static void write_negative(msgpack_packer *packer)
{
	msgpack_pack_int(packer, -1);
}

static void write_large(msgpack_packer *packer)
{
	msgpack_pack_uint64(packer, 1ull << 32);
}

static void write_short_id(msgpack_packer *packer)
{
	msgpack_pack_bin_with_body(packer, "123456789012345", 15);
}

static void write_signed_five(msgpack_packer *packer)
{
	msgpack_pack_fix_int16(packer, 5);
}

static void test_a_fact_of_the_wrong_kind_is_refused(void **state)
{
	(void)state;
	assert_int_equal(with_fact(0, write_text), 0); /* task_type */
	assert_int_equal(with_fact(0, write_large), ERR_MALFORMED);
	assert_int_equal(with_fact(1, write_text), ERR_MALFORMED); /* attempt */
	assert_int_equal(with_fact(1, write_negative), ERR_MALFORMED);
	assert_int_equal(with_fact(1, write_large), ERR_MALFORMED);
	assert_int_equal(with_fact(1, write_signed_five), 0);          /* another way to write a number that fits */
	assert_int_equal(with_fact(2, write_short_id), ERR_MALFORMED); /* lease */
	assert_int_equal(with_fact(7, write_large), 0);                /* budget_tokens is wider */
}

/* A Goodbye whose sender is the given text. */
static int with_sender(const char *sender, size_t bytes)
{
	struct message message;
	struct hand hand;
	int rc;

	hand_begin(&hand, MESSAGE_GOODBYE);
	msgpack_pack_array(&hand.packer, 4);
	for (int i = 0; i < 3; i++)
		msgpack_pack_nil(&hand.packer);
	msgpack_pack_str_with_body(&hand.packer, sender, bytes);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_nil(&hand.packer);
	rc = hand_decode(&hand, &message);
	msgpack_sbuffer_destroy(&hand.bytes);
	return rc;
}

static void test_a_name_too_long_or_with_control_characters_is_refused(void **state)
{
	char name[NAME_BYTES + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_int_equal(with_sender(name, NAME_BYTES - 1), 0);
	assert_int_equal(with_sender(name, NAME_BYTES), ERR_MALFORMED);
	assert_int_equal(with_sender("be\0ta", 5), ERR_MALFORMED);
	assert_int_equal(with_sender("be\x1b[2Jta", 8), ERR_MALFORMED);
}

static void test_a_payload_member_of_the_wrong_kind_is_refused_and_nothing_kept(void **state)
{
	struct message message;
	struct parts parts;
	struct hand hand;

	(void)state;
	hand_begin(&hand, MESSAGE_TASK_FAILURE);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_array(&hand.packer, 0);
	msgpack_pack_map(&hand.packer, 2);
	hand_text(&hand, "sentence");
	hand_text(&hand, "it broke");
	hand_text(&hand, "evidence");
	msgpack_pack_int(&hand.packer, 5);
	assert_int_equal(validate_message((const uint8_t *)hand.bytes.data, hand.bytes.size, &parts), 0);
	assert_int_equal(message_decode(&parts, &message), 0);
	assert_int_equal(message_decode_payload(&message), ERR_MALFORMED);
	assert_int_equal(message.task_failure.sentence.bytes, 0);
	msgpack_sbuffer_destroy(&hand.bytes);
}

static void test_a_payload_over_the_limit_is_refused_and_the_buffer_unchanged(void **state)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	struct buffer buffer = {0};
	char *large = malloc(PAYLOAD_BYTES_MAX);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', PAYLOAD_BYTES_MAX);
	assert_int_equal(buffer_append(&buffer, "before", 6), 0);
	message.task_request.idempotency_key = (struct text){large, PAYLOAD_BYTES_MAX};
	assert_int_equal(message_encode(&message, &buffer), ERR_TOO_LARGE);
	assert_int_equal(buffer.bytes, 6);
	assert_memory_equal(buffer.at, "before", 6);
	message.task_request.idempotency_key.bytes = PAYLOAD_BYTES_MAX - 64;
	assert_int_equal(message_encode(&message, &buffer), 0);
	buffer_release(&buffer);
	free(large);
}

static void test_a_snapshot_has_no_limit_of_its_payload(void **state)
{
	struct message message = {.type = MESSAGE_SNAPSHOT}, again;
	size_t size = 4u * PAYLOAD_BYTES_MAX, bytes;
	uint8_t *large = calloc(1, size);
	uint8_t *at;

	(void)state;
	assert_non_null(large);
	message.snapshot.state = (struct bytes){large, (uint32_t)size};
	at = message_exact(&message, &bytes);
	decode_all(at, bytes, &again);
	assert_int_equal(again.snapshot.state.bytes, size);
	free(at);
	free(large);
}

static void test_text_that_is_no_utf8_is_not_written(void **state)
{
	struct message message = {.type = MESSAGE_GOODBYE};
	struct buffer buffer = {0};

	(void)state;
	message.goodbye.reason = (struct text){"\xff\xfe", 2};
	assert_int_equal(message_encode(&message, &buffer), ERR_MALFORMED);
	assert_int_equal(buffer.bytes, 0);
	buffer_release(&buffer);
}

static void test_a_message_is_rebuilt_from_its_stored_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct buffer joined = {0};
		struct message message;
		struct parts parts;
		size_t bytes;
		uint8_t *at;

		message_fill(&message, all_types[i], 3);
		at = message_exact(&message, &bytes);
		assert_int_equal(validate_message(at, bytes, &parts), 0);
		assert_int_equal(message_join(message.type, parts.header, parts.facts, parts.payload, &joined), 0);
		assert_int_equal(joined.bytes, bytes);
		assert_memory_equal(joined.at, at, bytes);
		buffer_release(&joined);
		free(at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_comes_back_as_it_was),
		cmocka_unit_test(test_an_empty_message_comes_back_empty),
		cmocka_unit_test(test_the_same_message_is_always_the_same_bytes),
		cmocka_unit_test(test_msgpack_c_reads_what_was_written),
		cmocka_unit_test(test_surplus_elements_and_unknown_keys_are_skipped),
		cmocka_unit_test(test_a_header_says_how_much_was_masked_only_where_something_was),
		cmocka_unit_test(test_unknown_keys_before_and_after_known_ones_are_skipped),
		cmocka_unit_test(test_missing_facts_have_their_defaults),
		cmocka_unit_test(test_an_unknown_type_keeps_its_code_and_nobody_may_say_it),
		cmocka_unit_test(test_a_fact_of_the_wrong_kind_is_refused),
		cmocka_unit_test(test_a_name_too_long_or_with_control_characters_is_refused),
		cmocka_unit_test(test_a_payload_member_of_the_wrong_kind_is_refused_and_nothing_kept),
		cmocka_unit_test(test_a_payload_over_the_limit_is_refused_and_the_buffer_unchanged),
		cmocka_unit_test(test_a_snapshot_has_no_limit_of_its_payload),
		cmocka_unit_test(test_text_that_is_no_utf8_is_not_written),
		cmocka_unit_test(test_a_message_is_rebuilt_from_its_stored_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
