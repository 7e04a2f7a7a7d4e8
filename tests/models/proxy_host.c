/* SPDX-License-Identifier: MIT
 *
 * A proxy for tests in other languages: options as one line of JSON on standard input, then a word a line.
 *
 *	{"socket": PATH, "server": URL, "key": …, "tokens_max": …}   opens; answers {"open": true} or {"open": false, "code": "usage", "why": …}
 *	{"ask": PROMPT, "wire": …, "server": …, "model": …}          asks instead, gives up when the input ends; answers {"text": …} or {"code": …}, and ends
 *	count                                                        answers with the counts
 *	stop                                                         proxy_stop; answers {"stopped": true}
 *
 * The end of the input closes the proxy and ends the program, with 0.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/ask.h"
#include "models/proxy.h"

static void say(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	puts(text);
	fflush(stdout);
	free(text);
	json_decref(json);
}

static const char *text_of(const json_t *from, const char *name)
{
	return json_string_value(json_object_get(from, name));
}

static uint64_t number_of(const json_t *from, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(from, name));
}

static struct proxy_options options_of(const json_t *from)
{
	return (struct proxy_options){.socket = text_of(from, "socket"),
				      .server = text_of(from, "server"),
				      .key = text_of(from, "key"),
				      .key_header = text_of(from, "key_header"),
				      .price = {number_of(from, "price_in"), number_of(from, "price_in_cached"),
						number_of(from, "price_in_cache_write"), number_of(from, "price_out")},
				      .tokens_max = number_of(from, "tokens_max"),
				      .microusd_max = number_of(from, "microusd_max"),
				      .requests_max = (uint32_t)number_of(from, "requests_max"),
				      .connect_ms = (uint32_t)number_of(from, "connect_ms"),
				      .first_byte_ms = (uint32_t)number_of(from, "first_byte_ms"),
				      .idle_ms = (uint32_t)number_of(from, "idle_ms"),
				      .body_bytes_max = number_of(from, "body_bytes_max"),
				      .ca_file = text_of(from, "ca_file"),
				      .log = text_of(from, "log")};
}

static void say_counts(struct proxy *proxy)
{
	static const char *const endings[] = {[WIRE_OPEN] = "open",     [WIRE_STOP] = "stop",       [WIRE_TOOLS] = "tools",
					      [WIRE_LENGTH] = "length", [WIRE_REFUSAL] = "refusal", [WIRE_ERROR] = "error"};
	struct proxy_count count;

	proxy_count(proxy, &count);
	say(json_pack("{sI sI sI sI sI sI sI sI sI si si si si si si sb sI ss ss}", "in", (json_int_t)count.usage.in, "in_cached",
		      (json_int_t)count.usage.in_cached, "in_cache_write", (json_int_t)count.usage.in_cache_write, "out",
		      (json_int_t)count.usage.out, "reasoning", (json_int_t)count.usage.reasoning, "guessed",
		      (json_int_t)count.guessed, "microusd", (json_int_t)count.microusd, "reserved_tokens",
		      (json_int_t)count.reserved_tokens, "reserved_microusd", (json_int_t)count.reserved_microusd, "requests",
		      (int)count.requests, "failures", (int)count.failures, "refused", (int)count.refused, "rate_limited",
		      (int)count.rate_limited, "retry_after_ms", (int)count.retry_after_ms, "last_status", (int)count.last_status,
		      "spent", count.spent, "last_byte_ms", (json_int_t)count.last_byte_ms, "last_ending",
		      endings[count.last_ending], "model", count.model));
}

static void serve(struct proxy *proxy)
{
	char word[64];

	while (fgets(word, sizeof(word), stdin)) {
		if (strcmp(word, "count\n") == 0) {
			say_counts(proxy);
		} else if (strcmp(word, "stop\n") == 0) {
			proxy_stop(proxy);
			say(json_pack("{sb}", "stopped", 1));
		}
	}
}

static int ask(const json_t *from)
{
	char why[256] = "";
	struct ask_answer answer;
	struct ask question = {
		.wire = wire_find(text_of(from, "wire")),
		.server = text_of(from, "server"),
		.key = text_of(from, "key"),
		.ca_file = text_of(from, "ca_file"),
		.model = text_of(from, "model"),
		.system = text_of(from, "system"),
		.prompt = text_of(from, "ask"),
		.temperature = json_object_get(from, "temperature") ? json_real_value(json_object_get(from, "temperature")) : -1,
		.tokens_max = (uint32_t)number_of(from, "tokens_max"),
		.timeout_ms = (uint32_t)number_of(from, "timeout_ms"),
		.cancel_fd = STDIN_FILENO};
	int rc = ask_model(&question, &answer, why);

	if (rc) {
		say(json_pack("{ss ss}", "code", error_name(rc), "why", why));
		return 0;
	}
	say(json_pack("{ss sI sI ss si}", "text", answer.text, "in", (json_int_t)answer.facts.usage.in, "out",
		      (json_int_t)answer.facts.usage.out, "model", answer.facts.model, "ending", (int)answer.facts.ending));
	free(answer.text);
	return 0;
}

int main(void)
{
	static char line[65536];
	char why[256] = "";
	struct proxy *proxy = NULL;
	struct proxy_options options;
	json_t *from = fgets(line, sizeof(line), stdin) ? json_loads(line, 0, NULL) : NULL;
	int rc;

	if (!from)
		return 2;
	if (json_object_get(from, "ask")) {
		rc = ask(from);
		json_decref(from);
		return rc;
	}
	options = options_of(from);
	rc = proxy_open(&options, &proxy, why);
	json_decref(from); /* what was given may go */
	memset(line, 0, sizeof(line));
	if (rc) {
		say(json_pack("{sb ss ss}", "open", 0, "code", error_name(rc), "why", why));
		return 0;
	}
	say(json_pack("{sb}", "open", 1));
	serve(proxy);
	proxy_close(proxy);
	return 0;
}
