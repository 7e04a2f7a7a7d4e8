/* SPDX-License-Identifier: MIT
 *
 * Messages as JSON and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/json.h"
#include "tests/protocol/fill.h"

static void test_every_message_comes_back_from_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < all_types_count; i++) {
		struct message message, again;
		char why[160] = "";
		json_t *json, *parsed, *storage;
		char *text;

		message_fill(&message, all_types[i], 50 + (uint32_t)i);
		json = message_to_json(&message);
		assert_non_null(json);
		text = json_dumps(json, JSON_INDENT(2));
		parsed = json_loads(text, 0, NULL);
		assert_int_equal(message_from_json(parsed, &again, &storage, why), 0);
		assert_same_message(&message, &again);
		json_decref(storage);
		json_decref(parsed);
		json_decref(json);
		free(text);
	}
}

static void test_json_has_names_for_people(void **state)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	json_t *json, *facts;

	(void)state;
	message.task_request.task_type = (struct text){"documentation", 13};
	message.task_request.priority = PRIORITY_LOW;
	message.task_request.parameters = (struct text){"{\"repo\": \"/srv/git\"}", 20};
	json = message_to_json(&message);
	facts = json_object_get(json, "facts");
	assert_string_equal(json_string_value(json_object_get(json, "type")), "TaskRequest");
	assert_string_equal(json_string_value(json_object_get(facts, "task_type")), "documentation");
	assert_string_equal(json_string_value(json_object_get(facts, "priority")), "low");
	assert_true(json_is_null(json_object_get(facts, "parent")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json_object_get(json, "payload"), "parameters"), "repo")),
		"/srv/git");
	json_decref(json);
}

static void test_nested_text_that_is_no_json_is_shown_as_text(void **state)
{
	struct message message = {.type = MESSAGE_TASK_COMPLETION};
	json_t *json;

	(void)state;
	message.task_completion.result = (struct text){"{oops", 5};
	json = message_to_json(&message);
	assert_string_equal(json_string_value(json_object_get(json_object_get(json, "payload"), "result")), "{oops");
	json_decref(json);
}

static void assert_refused(const char *text, const char *named)
{
	json_t *json = json_loads(text, 0, NULL), *storage = NULL;
	struct message message;
	char why[160] = "";

	assert_non_null(json);
	assert_int_equal(message_from_json(json, &message, &storage, why), ERR_MALFORMED);
	assert_non_null(strstr(why, named));
	assert_null(storage);
	json_decref(json);
}

static void test_json_that_is_no_message_is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_refused("[]", "type");
	assert_refused("{\"type\": \"Nonsense\"}", "type");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"colour\": 1}}", "colour");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"priority\": \"blue\"}}", "priority");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"deadline_ms\": -1}}", "deadline_ms");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"deadline_ms\": 4294967296}}", "deadline_ms");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"parent\": \"x\"}}", "parent");
	assert_refused("{\"type\": \"TaskRequest\", \"facts\": {\"parameters\": {}}}", "parameters");
	assert_refused("{\"type\": \"TaskRequest\", \"header\": {\"sender\": 5}}", "sender");
	assert_refused("{\"type\": \"TaskRequest\", \"header\": {\"mood\": 5}}", "mood");
	assert_refused("{\"type\": \"TaskRequest\", \"payload\": []}", "payload");
	assert_refused("{\"type\": \"ArtefactPut\", \"payload\": {\"data\": \"abc\"}}", "data");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_comes_back_from_json),
		cmocka_unit_test(test_json_has_names_for_people),
		cmocka_unit_test(test_nested_text_that_is_no_json_is_shown_as_text),
		cmocka_unit_test(test_json_that_is_no_message_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
