/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "models/wire.h"
#include "models/wire_scan.h"
#include "tests/models/wire_samples.h"

static void same_facts(const struct wire_sample *sample, const struct wire_facts *facts, size_t cut)
{
	const struct wire_facts *wanted = &sample->facts;

	if (facts->usage.in == wanted->usage.in && facts->usage.in_cached == wanted->usage.in_cached &&
	    facts->usage.in_cache_write == wanted->usage.in_cache_write && facts->usage.out == wanted->usage.out &&
	    facts->usage.reasoning == wanted->usage.reasoning && facts->has_usage == wanted->has_usage &&
	    facts->ending == wanted->ending && facts->status == wanted->status &&
	    facts->retry_after_ms == wanted->retry_after_ms && facts->garbage == wanted->garbage &&
	    facts->text_bytes == wanted->text_bytes && facts->pieces == wanted->pieces &&
	    strcmp(facts->model, wanted->model) == 0 && facts->bytes == strlen(sample->bytes))
		return;
	fail_msg("%s, cut at %zu: in %ju cached %ju write %ju out %ju reasoning %ju, said %d, ending %d, status %u, wait %u, "
		 "garbage %ju, "
		 "text %ju in %ju, model \"%s\"",
		 sample->name, cut, (uintmax_t)facts->usage.in, (uintmax_t)facts->usage.in_cached,
		 (uintmax_t)facts->usage.in_cache_write, (uintmax_t)facts->usage.out, (uintmax_t)facts->usage.reasoning,
		 facts->has_usage, (int)facts->ending, facts->status, facts->retry_after_ms, (uintmax_t)facts->garbage,
		 (uintmax_t)facts->text_bytes, (uintmax_t)facts->pieces, facts->model);
}

/* Each piece from memory of its own size, so that reading beyond it is seen. */
static void feed(struct wire_reply *reply, const char *at, size_t bytes)
{
	char *copy = malloc(bytes ? bytes : 1);

	assert_non_null(copy);
	memcpy(copy, at, bytes);
	wire_reply_feed(reply, copy, bytes);
	free(copy);
}

/* In two pieces, cut at `cut`; 0: byte by byte. */
static void read_sample(const struct wire_sample *sample, size_t cut)
{
	struct wire_reply *reply = wire_reply_new(sample->wire, sample->status, sample->content_type, sample->retry_after);
	size_t bytes = strlen(sample->bytes);
	struct wire_facts facts;

	assert_non_null(reply);
	if (cut) {
		feed(reply, sample->bytes, cut);
		feed(reply, sample->bytes + cut, bytes - cut);
	}
	for (size_t i = 0; !cut && i < bytes; i++)
		feed(reply, sample->bytes + i, 1);
	wire_reply_end(reply);
	wire_reply_facts(reply, &facts);
	same_facts(sample, &facts, cut);
	wire_reply_free(reply);
}

static void test_every_reply_is_read_alike_wherever_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < wire_sample_count; i++) {
		for (size_t cut = 0; cut <= strlen(wire_samples[i].bytes); cut++)
			read_sample(&wire_samples[i], cut);
	}
}

/* What a stream that ends early says is part of what it says in the end. */
static void test_a_reply_that_ends_anywhere_counts_no_more_than_the_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < wire_sample_count; i++) {
		const struct wire_sample *sample = &wire_samples[i];
		for (size_t end = 0; end < strlen(sample->bytes); end++) {
			struct wire_reply *reply = wire_reply_new(sample->wire, sample->status, sample->content_type, NULL);
			struct wire_facts facts;
			feed(reply, sample->bytes, end);
			wire_reply_end(reply);
			wire_reply_facts(reply, &facts);
			assert_true(facts.usage.in <= sample->facts.usage.in && facts.usage.out <= sample->facts.usage.out);
			assert_true(facts.text_bytes <= sample->facts.text_bytes);
			wire_reply_free(reply);
		}
	}
}

static void test_a_path_tells_its_wire_whatever_stands_before_it(void **state)
{
	static const struct {
		const char *path;
		enum wire wire;
	} rows[] = {{"/v1/messages", WIRE_ANTHROPIC},
		    {"/lane/a/v1/messages?beta=true", WIRE_ANTHROPIC},
		    {"/v1/messages/count_tokens", WIRE_NONE},
		    {"/v1/messages/", WIRE_NONE},
		    {"/v1/responses", WIRE_RESPONSES},
		    {"/v1/responses/r_1", WIRE_NONE},
		    {"/v1/chat/completions", WIRE_CHAT},
		    {"/openai/deployments/d/chat/completions?api-version=1", WIRE_CHAT},
		    {"/v1/completions", WIRE_NONE},
		    {"/v1beta/models/gemini-2.5-flash:generateContent", WIRE_GEMINI},
		    {"/v1beta/models/g:streamGenerateContent?alt=sse", WIRE_GEMINI},
		    {"/v1beta/tunedModels/g:generateContent", WIRE_GEMINI},
		    {"/v1beta/models/g:countTokens", WIRE_NONE},
		    {"/v1beta/models/:generateContent", WIRE_NONE},
		    {"/:generateContent", WIRE_NONE},
		    {":generateContent", WIRE_NONE},
		    {"/api/chat", WIRE_OLLAMA},
		    {"/base/api/generate", WIRE_OLLAMA},
		    {"/api/tags", WIRE_NONE},
		    {"/x?y=/v1/messages", WIRE_NONE},
		    {"", WIRE_NONE}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(wire_of_path(rows[i].path), rows[i].wire);
}

static void test_a_wire_has_a_name_and_is_found_by_it(void **state)
{
	(void)state;
	for (int wire = WIRE_NONE + 1; wire < WIRES; wire++)
		assert_int_equal(wire_find(wire_name((enum wire)wire)), wire);
	assert_int_equal(wire_find("none"), WIRE_NONE);
	assert_int_equal(wire_find("telnet"), WIRE_NONE);
	assert_int_equal(wire_find(NULL), WIRE_NONE);
	assert_string_equal(wire_name(WIRES), "?");
}

static void test_a_request_says_its_model_and_its_bound(void **state)
{
	static const struct {
		enum wire wire;
		const char *path, *body, *model;
		uint64_t tokens_max;
		bool background, readable;
	} rows[] = {
		{WIRE_ANTHROPIC, "/v1/messages", "{\"model\":\"sonnet\",\"max_tokens\":32000,\"messages\":[{\"max_tokens\":1}]}",
		 "sonnet", 32000, false, true},
		{WIRE_RESPONSES, "/v1/responses", "{\"model\":\"gpt\",\"max_output_tokens\":5,\"background\":true}", "gpt", 5,
		 true, true},
		{WIRE_RESPONSES, "/v1/responses", "{\"\\u0062ackground\":1}", "", 0, true, true},
		{WIRE_RESPONSES, "/v1/responses", "{\"background\":false}", "", 0, false, true},
		{WIRE_CHAT, "/chat/completions", "{\"model\":\"q\",\"max_completion_tokens\":10,\"n\":4}", "q", 40, false, true},
		{WIRE_CHAT, "/chat/completions", "{\"model\":\"q\",\"max_tokens\":18446744073709551615,\"n\":3}", "q", UINT64_MAX,
		 false, true},
		{WIRE_CHAT, "/chat/completions", "{\"max_completion_tokens\":64000,\"max_tokens\":1}", "", 64000, false, true},
		{WIRE_ANTHROPIC, "/v1/messages", "{\"max_tokens\":9,\"max_tokens\":5,\"max_output_tokens\":700}", "", 9, false,
		 true},
		{WIRE_OLLAMA, "/api/chat", "{\"options\":{\"num_predict\":-1},\"max_tokens\":7}", "", 0, false, true},
		{WIRE_GEMINI, "/v1beta/models/flash:streamGenerateContent?alt=sse",
		 "{\"generationConfig\":{\"maxOutputTokens\":64}}", "flash", 64, false, true},
		{WIRE_OLLAMA, "/api/chat", "{\"model\":\"l\",\"options\":{\"num_predict\":7}}", "l", 7, false, true},
		{WIRE_CHAT, "/chat/completions", "", "", 0, false, true},
		{WIRE_CHAT, "/chat/completions", "{\"model\":\"q\"", "q", 0, false, false},
		{WIRE_CHAT, "/chat/completions", "not JSON", "", 0, false, false},
		{WIRE_CHAT, "/chat/completions", "0", "", 0, false, false},
		{WIRE_CHAT, "/chat/completions", " [{}]", "", 0, false, false},
		{WIRE_CHAT, "/chat/completions", "\r\n\t {}", "", 0, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct wire_request request;
		wire_request_read(rows[i].wire, rows[i].path, rows[i].body, strlen(rows[i].body), &request);
		assert_string_equal(request.model, rows[i].model);
		assert_int_equal(request.tokens_max, rows[i].tokens_max);
		assert_int_equal(request.background, rows[i].background);
		assert_int_equal(request.readable, rows[i].readable);
	}
}

static void test_a_long_name_of_a_model_is_cut(void **state)
{
	char body[512], path[512], name[300];
	struct wire_request request;

	(void)state;
	memset(name, 'm', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(body, sizeof(body), "{\"model\":\"%s\"}", name);
	snprintf(path, sizeof(path), "/models/%s:generateContent", name);
	wire_request_read(WIRE_CHAT, "/chat/completions", body, strlen(body), &request);
	assert_int_equal(strlen(request.model), WIRE_MODEL_BYTES - 1);
	wire_request_read(WIRE_GEMINI, path, "{}", 2, &request);
	assert_int_equal(strlen(request.model), WIRE_MODEL_BYTES - 1);
}

static void test_an_error_is_said_in_the_words_of_its_wire(void **state)
{
	static const unsigned statuses[] = {400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 529};

	(void)state;
	for (int wire = 0; wire < WIRES; wire++) {
		for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
			char text[512];
			size_t bytes =
				wire_error_text((enum wire)wire, statuses[i], "a \"quoted\" \\ word\n", text, sizeof(text));
			struct wire_reply *reply = wire_reply_new((enum wire)wire, statuses[i], "application/json", NULL);
			json_t *json = json_loads(text, 0, NULL);
			struct wire_facts facts;
			assert_int_equal(bytes, strlen(text));
			assert_non_null(json);
			json_decref(json);
			wire_reply_feed(reply, text, bytes);
			wire_reply_end(reply);
			wire_reply_facts(reply, &facts);
			assert_int_equal(facts.ending, WIRE_ERROR);
			assert_int_equal(facts.status, statuses[i]);
			assert_int_equal(facts.garbage, 0);
			wire_reply_free(reply);
		}
	}
}

static void test_an_error_that_does_not_fit_is_measured(void **state)
{
	char small[16];

	(void)state;
	assert_true(wire_error_text(WIRE_CHAT, 400, "a sentence", small, sizeof(small)) > sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

static void test_what_is_not_said_is_guessed_from_its_size(void **state)
{
	struct wire_facts facts = {.text_bytes = 300, .pieces = 20};
	struct wire_usage usage;

	(void)state;
	wire_usage_guess(&facts, 4000, &usage);
	assert_int_equal(usage.in, 1001);
	assert_int_equal(usage.out, 100);
	facts.pieces = 150; /* a piece is a token or more */
	facts.usage.in = 77;
	wire_usage_guess(&facts, 4000, &usage);
	assert_int_equal(usage.in, 77);
	assert_int_equal(usage.out, 150);
	assert_true(wire_tokens_guess(4000) >= 2000);
}

struct told {
	char text[4096];
};

static void tell(void *context, const struct wire_scan_value *value)
{
	struct told *told = context;
	size_t used = strlen(told->text);

	snprintf(told->text + used, sizeof(told->text) - used, "%s=%d:%s;", value->place, (int)value->kind, value->text);
}

static bool scanned(const char *json, struct told *told)
{
	struct wire_scan scan;

	told->text[0] = '\0';
	wire_scan_init(&scan, tell, told);
	return wire_scan_feed(&scan, json, strlen(json)) && wire_scan_restart(&scan);
}

static void test_a_value_is_told_with_its_place(void **state)
{
	struct told told;

	(void)state;
	assert_true(scanned("{\"a\":{\"b\":[1,{\"c\":\"x\"},[true]],\"d\":null},\"e\":-2.5e3}", &told));
	assert_string_equal(told.text, "a.b=1:1;a.b.c=0:x;a.b=2:true;a.d=4:null;e=1:-2.5e3;");
	assert_true(scanned("[\"a\\\"b\\n\\u0041\\u20ac\"] 7 {}", &told));
	assert_string_equal(told.text, "=0:a\"b A?;=1:7;");
}

static void test_a_place_too_deep_or_too_long_has_no_name_and_those_after_it_do(void **state)
{
	char json[2048] = "{\"k\":", key[256];
	struct told told;

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(json, "[{\"a\":");
	strcat(json, "1");
	for (int i = 0; i < 40; i++)
		strcat(json, "}]");
	strcat(json, ",\"after\":2}");
	assert_true(scanned(json, &told));
	assert_string_equal(told.text, "after=1:2;");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	snprintf(json, sizeof(json), "{\"%s\":{\"b\":1,\"c\":[2]},\"after\":3,\"%s\":4,\"end\":5}", key, key);
	assert_true(scanned(json, &told));
	assert_string_equal(told.text, "after=1:3;end=1:5;");
}

static void test_what_is_no_json_is_noticed(void **state)
{
	static const char *const bad[] = {"{",   "{]",  "[}",        "{\"a\"}", "{\"a\":}", "{\"a\":1,}",  "[1,]",   "[,1]",
					  "{,}", "tru", "nul]",      "\"a",     "\"\\x\"",  "\"\\u12g4\"", "\"\n\"", "{1:2}",
					  "}",   "]",   "{\"a\" 1}", "@",       "[1 2]",    "\"\\"};
	static const char *const good[] = {"",     " ",    "{}",      "[]",           "[[],{}]",           "0",
					   "\"\"", "true", "[1 , 2]", "{\"a\" : 1 }", "\"\\/\\b\\u00e9\"", "{}{}"};
	struct told told;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (scanned(bad[i], &told))
			fail_msg("%s was taken for JSON", bad[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (!scanned(good[i], &told))
			fail_msg("%s was not taken for JSON", good[i]);
	}
}

static void test_nesting_has_an_end(void **state)
{
	char json[WIRE_SCAN_DEPTH_MAX + 2];
	struct told told;
	struct wire_scan scan;

	(void)state;
	memset(json, '[', sizeof(json));
	wire_scan_init(&scan, tell, &told);
	assert_true(wire_scan_feed(&scan, json, WIRE_SCAN_DEPTH_MAX));
	assert_false(wire_scan_feed(&scan, json, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reply_is_read_alike_wherever_it_is_cut),
		cmocka_unit_test(test_a_reply_that_ends_anywhere_counts_no_more_than_the_whole),
		cmocka_unit_test(test_a_path_tells_its_wire_whatever_stands_before_it),
		cmocka_unit_test(test_a_wire_has_a_name_and_is_found_by_it),
		cmocka_unit_test(test_a_request_says_its_model_and_its_bound),
		cmocka_unit_test(test_a_long_name_of_a_model_is_cut),
		cmocka_unit_test(test_an_error_is_said_in_the_words_of_its_wire),
		cmocka_unit_test(test_an_error_that_does_not_fit_is_measured),
		cmocka_unit_test(test_what_is_not_said_is_guessed_from_its_size),
		cmocka_unit_test(test_a_value_is_told_with_its_place),
		cmocka_unit_test(test_a_place_too_deep_or_too_long_has_no_name_and_those_after_it_do),
		cmocka_unit_test(test_what_is_no_json_is_noticed),
		cmocka_unit_test(test_nesting_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
