/* SPDX-License-Identifier: MIT
 *
 * Names, rights, ids and errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/id.h"
#include "protocol/message.h"
#include "protocol/schema.h"

static void test_every_message_is_found_by_its_name_and_code(void **state)
{
	const struct schema *schema;
	size_t count = 0;

	(void)state;
	for (; (schema = schema_at(count)); count++) {
		assert_int_equal(message_find(schema->name), schema->code);
		assert_string_equal(message_name((enum message_type)schema->code), schema->name);
		assert_true(message_known(schema->code));
	}
	assert_true(count > 20);
	assert_int_equal(message_find("Nonsense"), MESSAGE_NONE);
	assert_string_equal(message_name((enum message_type)0x7f), "?");
	assert_false(message_known(0));
}

static void test_every_value_is_found_by_its_name(void **state)
{
	const struct value *value;

	(void)state;
	for (size_t i = 0; (value = value_at(i)); i++) {
		assert_int_equal(value_find(value->kind, value->name), value->code);
		assert_string_equal(value_name(value->kind, value->code), value->name);
	}
	assert_string_equal(priority_name(PRIORITY_URGENT), "urgent");
	assert_int_equal(state_find("cancelling"), STATE_CANCELLING);
	assert_string_equal(verb_name(999), "?");
	assert_int_equal(verb_find("low"), 0); /* a name of another enumeration */
}

static void test_only_operators_may_ask_for_recovery(void **state)
{
	(void)state;
	assert_true(message_allowed(MESSAGE_RECOVERY_ACTION, OPERATOR));
	assert_true(message_allowed(MESSAGE_RECOVERY_ACTION, CLIENT | OPERATOR));
	assert_false(message_allowed(MESSAGE_RECOVERY_ACTION, CLIENT | CLONE | AUDITOR));
}

static void test_nobody_may_say_what_omega_alone_says(void **state)
{
	const uint32_t everybody = CLIENT | OPERATOR | AUDITOR | CLONE | OMEGA;
	static const enum message_type omegas[] = {MESSAGE_WELCOME,         MESSAGE_REFUSAL, MESSAGE_TASK_ACCEPTED,
						   MESSAGE_TASK_ASSIGNMENT, MESSAGE_BOOT,    MESSAGE_PRESENCE,
						   MESSAGE_ROUTES_LOADED,   MESSAGE_SNAPSHOT};

	(void)state;
	for (size_t i = 0; i < sizeof(omegas) / sizeof(omegas[0]); i++)
		assert_false(message_allowed(omegas[i], everybody));
	assert_false(message_allowed((enum message_type)0x7f, everybody));
	assert_false(message_allowed(MESSAGE_TASK_CANCEL, OMEGA)); /* nobody who connects is Omega */
}

static void test_only_a_clone_may_end_an_attempt(void **state)
{
	(void)state;
	assert_true(message_allowed(MESSAGE_TASK_COMPLETION, CLONE));
	assert_false(message_allowed(MESSAGE_TASK_COMPLETION, CLIENT | OPERATOR | AUDITOR));
	assert_true(message_allowed(MESSAGE_TASK_REQUEST, CLIENT));
	assert_false(message_allowed(MESSAGE_TASK_REQUEST, AUDITOR));
}

static void test_errors_have_names_sentences_and_exit_codes(void **state)
{
	(void)state;
	assert_string_equal(error_name(ERR_NOT_FOUND), "not_found");
	assert_string_equal(error_name(ERROR_NOT_FOUND), "not_found");
	assert_int_equal(error_find("not_found"), ERROR_NOT_FOUND);
	assert_int_equal(error_find("nothing_of_that_kind"), 0);
	assert_true(error_retryable(ERR_OVERLOADED));
	assert_false(error_retryable(ERR_CONFLICT));
	assert_int_equal(error_exit_code(ERR_OVERLOADED), 75);
	assert_int_equal(error_exit_code(0), 0);
	assert_int_equal(error_exit_code(-9999), 10);
	assert_string_equal(error_name(9999), "unknown_error");
	assert_non_null(error_sentence(9999));
#define ERROR(name, code, retryable, exit_code, sentence)                                                                        \
	assert_int_equal(error_find(error_name(code)), (code));                                                                  \
	assert_true(strlen(error_sentence(code)) > 5);
#include "protocol/errors.def"
}

static void test_an_id_is_the_same_after_text(void **state)
{
	static const uint8_t random[10] = {0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66};
	struct id id = id_make(0x017f22e279b0u, random);
	char text[ID_TEXT_BYTES];
	struct id again;

	(void)state;
	id_print(&id, text);
	assert_string_equal(text, "017f22e2-79b0-7fee-9dcc-bbaa99887766");
	assert_int_equal(id_parse(text, 36, &again), 0);
	assert_true(id_equal(&id, &again));
	assert_int_equal(id_parse("017F22E279B07FEE9DCCBBAA99887766", 32, &again), 0);
	assert_true(id_equal(&id, &again));
}

static void test_what_is_no_id_is_refused(void **state)
{
	static const char *const bad[] = {"",
					  "017f22e2",
					  "017f22e2-79b0-7fee-9dcc-bbaa9988776g",
					  "017f22e2079b0-7fee-9dcc-bbaa99887766",
					  "017f22e-279b0-7fee-9dcc-bbaa99887766",
					  "017f22e2-79b0-7fee-9dcc-bbaa99887766 "};
	struct id id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(id_parse(bad[i], strlen(bad[i]), &id), ERR_MALFORMED);
}

static void test_hexadecimal_goes_both_ways(void **state)
{
	const uint8_t bytes[3] = {0x00, 0xab, 0xff};
	uint8_t again[3];
	char text[7];

	(void)state;
	hex_print(bytes, 3, text);
	assert_string_equal(text, "00abff");
	assert_int_equal(hex_parse("00ABff", 6, again, 3), 0);
	assert_memory_equal(bytes, again, 3);
	assert_int_equal(hex_parse("00abf", 5, again, 3), ERR_MALFORMED);
	assert_int_equal(hex_parse("00abfx", 6, again, 3), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_is_found_by_its_name_and_code),
		cmocka_unit_test(test_every_value_is_found_by_its_name),
		cmocka_unit_test(test_only_operators_may_ask_for_recovery),
		cmocka_unit_test(test_nobody_may_say_what_omega_alone_says),
		cmocka_unit_test(test_only_a_clone_may_end_an_attempt),
		cmocka_unit_test(test_errors_have_names_sentences_and_exit_codes),
		cmocka_unit_test(test_an_id_is_the_same_after_text),
		cmocka_unit_test(test_what_is_no_id_is_refused),
		cmocka_unit_test(test_hexadecimal_goes_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
