/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/target.h"

static const struct {
	const char *method, *target;
	unsigned status;
	const char *asked;
} cases[] = {
#define CASE(method, target, status, asked) {method, target, status, asked},
#include "tests/models/target_cases.def"
};

static void test_an_agent_asks_what_is_on_the_lists_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[PROXY_TARGET_BYTES] = "", why[PROXY_WHY_BYTES] = "";
		char *copy = strdup(cases[i].target); /* so that reading beyond it is seen */
		unsigned status = proxy_target_check(cases[i].method, copy, target, why);
		free(copy);
		if (status != cases[i].status)
			fail_msg("%s %s: %u, not %u (%s)", cases[i].method, cases[i].target, status, cases[i].status, why);
		if (!status)
			assert_string_equal(target, cases[i].asked);
		else
			assert_true(strlen(why) > 10);
	}
}

/* Whatever single byte stands anywhere in a good target, what is asked in the end has no other shape. */
static void test_no_byte_anywhere_makes_a_target_leave_its_shape(void **state)
{
	static const char good[] = "/base/v1/messages?beta=true";
	char target[PROXY_TARGET_BYTES], why[PROXY_WHY_BYTES], bad[sizeof(good)];

	(void)state;
	for (size_t at = 0; at + 1 < sizeof(good); at++) {
		for (int byte = 1; byte < 256; byte++) {
			memcpy(bad, good, sizeof(good));
			bad[at] = (char)byte;
			if (proxy_target_check("POST", bad, target, why))
				continue;
			assert_int_equal(target[0], '/');
			assert_int_equal(
				strspn(target,
				       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@/?"),
				strlen(target));
			assert_null(strstr(target, "//"));
			assert_null(strstr(target, "/../"));
		}
	}
}

static void test_a_target_has_a_longest(void **state)
{
	char target[PROXY_TARGET_BYTES], why[PROXY_WHY_BYTES], *longest = malloc(PROXY_TARGET_BYTES + 1);

	(void)state;
	memset(longest, 'a', PROXY_TARGET_BYTES);
	longest[0] = '/';
	longest[PROXY_TARGET_BYTES] = '\0';
	assert_int_equal(proxy_target_check("POST", longest, target, why), 414);
	memcpy(longest + PROXY_TARGET_BYTES - 10, "/messages", 10);
	assert_int_equal(proxy_target_check("POST", longest, target, why), 0);
	assert_string_equal(target, longest);
	free(longest);
}

/* "name: value" lines with a newline between. */
static unsigned judge(const char *lines, struct proxy_head *head)
{
	char *copy = strdup(lines), *rest = copy, *line;

	memset(head, 0, sizeof(*head));
	while ((line = strsep(&rest, "\n"))) {
		char *value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		proxy_head_read(head, line, value + 2);
	}
	free(copy);
	return proxy_head_judge(head);
}

static void test_a_head_that_could_be_read_in_two_ways_is_refused(void **state)
{
	static const struct {
		const char *lines;
		unsigned status;
	} rows[] = {
		{"Host: 127.0.0.1:8099", 0},
		{"host: localhost\ncontent-length: 5", 0},
		{"Host: [::1]:8099\nTransfer-Encoding: chunked", 0},
		{"Host: 127.0.0.1\nContent-Encoding: identity\nExpect: 100-continue", 0},
		{"", 400},
		{"Host: 127.0.0.1\nHost: 127.0.0.1", 400},
		{"Host: evil.example", 400},
		{"Host: 127.0.0.1.evil.example", 400},
		{"Host: 127.0.0.1@evil.example", 400},
		{"Host: 127.0.0.1:80@evil.example", 400},
		{"Host: localhostevil", 400},
		{"Host: localhost:", 400},
		{"Host: localhost:8099x", 400},
		{"Host: localhost:123456", 400},
		{"Host: 169.254.169.254", 400},
		{"Host: 2130706433", 400},
		{"Host: 127.1", 400},
		{"Host: 127.0.0.1, evil.example", 400},
		{"Host: ", 400},
		{"Host: localhost\nContent-Length: 5\nContent-Length: 5", 400},
		{"Host: localhost\nContent-Length: 5\nContent-Length: 6", 400},
		{"Host: localhost\nContent-Length: 5\nTransfer-Encoding: chunked", 400},
		{"Host: localhost\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", 400},
		{"Host: localhost\nTransfer-Encoding: gzip, chunked", 400},
		{"Host: localhost\nTransfer-Encoding: xchunked", 400},
		{"Host: localhost\nTransfer-Encoding: identity", 400},
		{"Host: localhost\nContent-Length: +5", 400},
		{"Host: localhost\nContent-Length: -5", 400},
		{"Host: localhost\nContent-Length: 5, 5", 400},
		{"Host: localhost\nContent-Length: 0x5", 400},
		{"Host: localhost\nContent-Length: ", 400},
		{"Host: localhost\nContent-Length: 99999999999999999999", 400},
		{"Host: localhost\nUpgrade: websocket", 400},
		{"Host: localhost\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABkAAQAAP__", 400},
		{"Host: localhost\nContent-Encoding: gzip", 415},
		{"Host: localhost\nContent-Encoding: zstd", 415},
		{"Host: localhost\nExpect: 200-ok", 417},
		{"Host: localhost\nx y: z", 400},
		{"Host: localhost\nContent-Length : 5", 400},
		{"Host: localhost\nx-a: a\001b", 400},
		{"Host: localhost\nx-a: a\177", 400},
		{"Host: localhost\nx-a: a\rContent-Length: 7", 400},
		{"Host: localhost\nx\001: z", 400},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct proxy_head head;
		unsigned status = judge(rows[i].lines, &head);
		if (status != rows[i].status)
			fail_msg("%s: %u, not %u (%s)", rows[i].lines, status, rows[i].status, head.why);
		assert_int_equal(head.why[0] != '\0', status != 0);
	}
}

static void test_no_header_of_the_agent_that_carries_a_key_or_a_way_goes_out(void **state)
{
	static const char *const kept[] = {"Authorization",
					   "x-api-key",
					   "X-Goog-Api-Key",
					   "api-key",
					   "Cookie",
					   "Proxy-Authorization",
					   "Proxy-Connection",
					   "Connection",
					   "Keep-Alive",
					   "TE",
					   "Trailer",
					   "Transfer-Encoding",
					   "Content-Length",
					   "Upgrade",
					   "Host",
					   "Forwarded",
					   "X-Forwarded-For",
					   "X-Forwarded-Host",
					   "X-Original-URL",
					   "X-Rewrite-URL",
					   "X-HTTP-Method-Override",
					   "X-Goog-User-Project",
					   "OpenAI-Organization",
					   "OpenAI-Project",
					   "Accept-Encoding",
					   "Expect",
					   "Referer",
					   "Origin",
					   "X-Anything",
					   "accept-",
					   "x-stainless",
					   ""};
	static const char *const sent[] = {"Accept",         "content-type", "User-Agent", "anthropic-version", "Anthropic-Beta",
					   "X-Stainless-OS", "originator",   "session_id", "x-goog-api-client"};

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_false(proxy_header_goes_out(kept[i]));
	for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++)
		assert_true(proxy_header_goes_out(sent[i]));
}

static void test_no_header_of_the_server_that_leads_elsewhere_comes_in(void **state)
{
	static const char *const kept[] = {"Location",
					   "Set-Cookie",
					   "Content-Encoding",
					   "Content-Length",
					   "Transfer-Encoding",
					   "Connection",
					   "Alt-Svc",
					   "Refresh",
					   "Link",
					   "WWW-Authenticate",
					   "Strict-Transport-Security",
					   "Server"};
	static const char *const sent[] = {"Content-Type",
					   "retry-after",
					   "Retry-After-Ms",
					   "request-id",
					   "x-ratelimit-remaining-tokens",
					   "anthropic-ratelimit-requests-reset"};

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_false(proxy_header_comes_in(kept[i]));
	for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++)
		assert_true(proxy_header_comes_in(sent[i]));
}

static void test_the_address_of_a_server_is_taken_apart_or_refused(void **state)
{
	static const struct {
		const char *address, *origin, *prefix; /* origin NULL: refused */
		bool tls;
	} rows[] = {
		{"https://api.anthropic.com", "https://api.anthropic.com", "", true},
		{"https://api.anthropic.com/", "https://api.anthropic.com", "", true},
		{"http://127.0.0.1:8080/base/", "http://127.0.0.1:8080", "/base", false},
		{"https://openrouter.ai/api", "https://openrouter.ai", "/api", true},
		{"http://[::1]:11434", "http://[::1]:11434", "", false},
		{"http://vllm_1.local:65535", "http://vllm_1.local:65535", "", false},
		{"HTTPS://Example.com", "HTTPS://Example.com", "", true},
		{"", NULL, NULL, false},
		{"api.anthropic.com", NULL, NULL, false},
		{"ftp://h", NULL, NULL, false},
		{"file:///etc/passwd", NULL, NULL, false},
		{"unix:/tmp/s", NULL, NULL, false},
		{"https://", NULL, NULL, false},
		{"https:///v1", NULL, NULL, false},
		{"https://name:word@h", NULL, NULL, false},
		{"https://h/@x", NULL, NULL, false},
		{"https://h?x=y", NULL, NULL, false},
		{"https://h/#x", NULL, NULL, false},
		{"https://h:", NULL, NULL, false},
		{"https://h:0", NULL, NULL, false},
		{"https://h:65536", NULL, NULL, false},
		{"https://h:80x", NULL, NULL, false},
		{"https://h:80:80", NULL, NULL, false},
		{"https://h\\x", NULL, NULL, false},
		{"https://h x", NULL, NULL, false},
		{"https://h\nx", NULL, NULL, false},
		{"https://h/../x", NULL, NULL, false},
		{"https://h//x", NULL, NULL, false},
		{"https://h/%2e%2e", NULL, NULL, false},
		{"https://[::1", NULL, NULL, false},
		{"https://[]", NULL, NULL, false},
		{"https://-h", NULL, NULL, false},
		{"https://.h", NULL, NULL, false},
		{NULL, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct proxy_server server;
		char why[PROXY_WHY_BYTES] = "";
		int rc = proxy_server_parse(rows[i].address, &server, why);
		if (rc != (rows[i].origin ? 0 : ERR_USAGE))
			fail_msg("%s: %d (%s)", rows[i].address, rc, why);
		if (rc) {
			assert_non_null(strstr(why, "accepted is"));
			continue;
		}
		assert_string_equal(server.origin, rows[i].origin);
		assert_string_equal(server.prefix, rows[i].prefix);
		assert_int_equal(server.tls, rows[i].tls);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_agent_asks_what_is_on_the_lists_and_nothing_else),
		cmocka_unit_test(test_no_byte_anywhere_makes_a_target_leave_its_shape),
		cmocka_unit_test(test_a_target_has_a_longest),
		cmocka_unit_test(test_a_head_that_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(test_no_header_of_the_agent_that_carries_a_key_or_a_way_goes_out),
		cmocka_unit_test(test_no_header_of_the_server_that_leads_elsewhere_comes_in),
		cmocka_unit_test(test_the_address_of_a_server_is_taken_apart_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
