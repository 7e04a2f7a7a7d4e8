/* SPDX-License-Identifier: MIT
 *
 * One question to the model server, tried again where that may help. Nothing that the model asks for is run before its whole answer is there, so
 * trying again never does anything twice.
 */
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/agent_inner.h"

#define BACKOFF_MAX_MS 30000u

uint64_t loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void take_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (!loop->stopped && read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		loop->stopped = (int)info.ssi_signo;
}

bool loop_wait(struct loop *loop, uint32_t ms)
{
	uint64_t until = loop_now_ms() + ms;

	do {
		struct pollfd wake = {.fd = loop->signal_fd, .events = POLLIN};
		uint64_t now = loop_now_ms();
		if (poll(&wake, 1, now < until ? (int)(until - now) : 0) > 0)
			take_signal(loop);
	} while (!loop->stopped && loop_now_ms() < until);
	return loop->stopped;
}

bool loop_check_stop(struct loop *loop)
{
	return loop_wait(loop, 0);
}

/* One try. */
struct exchange {
	struct loop *loop;
	struct loop_reply *reply;
	CURL *easy;
	struct loop_buffer refusal; /* the body of an answer that is an error */
	long status;
	uint64_t last_ms; /* when the last byte came */
	bool begun, too_long;
	CURLcode code;
	char words[CURL_ERROR_SIZE];
};

static size_t take_body(char *at, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	size_t bytes = size * count;

	exchange->last_ms = loop_now_ms();
	exchange->begun = true;
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
	if (exchange->status == 200) {
		if (!loop_reply_feed(exchange->reply, at, bytes)) {
			exchange->too_long = true;
			return 0;
		}
	} else if (exchange->refusal.bytes < 65536) {
		loop_append(&exchange->refusal, at, bytes);
	}
	return bytes;
}

static size_t take_header(char *at, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;

	(void)at;
	exchange->last_ms = loop_now_ms();
	return size * count;
}

static void address(const struct loop_options *options, char out[4096])
{
	const char *path = options->wire == LOOP_OLLAMA ? "/api/chat" : "/v1/chat/completions";
	size_t bytes = strlen(options->endpoint);

	while (bytes && options->endpoint[bytes - 1] == '/')
		bytes--;
	if (options->wire == LOOP_CHAT && bytes > 3 && memcmp(options->endpoint + bytes - 3, "/v1", 3) == 0)
		path += 3;
	snprintf(out, 4096, "%.*s%s", (int)bytes, options->endpoint, path);
}

static struct curl_slist *headers_of(void)
{
	const char *key = getenv("BUNSHIN_MODEL_KEY");
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	char line[4200];

	list = curl_slist_append(list, "Expect:");
	if (key && *key && snprintf(line, sizeof(line), "Authorization: Bearer %s", key) < (int)sizeof(line))
		list = curl_slist_append(list, line);
	return list;
}

static void set_up(struct exchange *exchange, const char *url, const char *body, struct curl_slist *headers)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->loop->options.connect_ms);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->words);
}

/* True: it said nothing for too long. */
static bool is_silent(struct exchange *exchange)
{
	const struct loop_options *options = &exchange->loop->options;
	uint32_t most = exchange->begun ? options->idle_ms : options->first_ms;

	if (loop_now_ms() - exchange->last_ms < most)
		return false;
	snprintf(exchange->words, sizeof(exchange->words), "the model server sent nothing for %u ms", most);
	return true;
}

static void drive(struct exchange *exchange, CURLM *multi)
{
	struct curl_waitfd wake = {.fd = exchange->loop->signal_fd, .events = CURL_WAIT_POLLIN};
	int running = 1, left;
	CURLMsg *message;

	exchange->code = CURLE_OPERATION_TIMEDOUT;
	while (curl_multi_perform(multi, &running) == CURLM_OK && running) {
		if (is_silent(exchange))
			return;
		curl_multi_poll(multi, &wake, 1, 200, NULL);
		if (wake.revents)
			take_signal(exchange->loop);
		if (exchange->loop->stopped)
			return;
	}
	while ((message = curl_multi_info_read(multi, &left))) {
		if (message->msg == CURLMSG_DONE)
			exchange->code = message->data.result;
	}
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
}

static uint32_t asked_wait(struct exchange *exchange)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds > 0 ? (uint32_t)(seconds < 4000000 ? seconds * 1000 : 4000000000) : 0;
}

/* What one try came to. */
struct verdict {
	enum agent_class class; /* NONE: a whole answer */
	bool again;             /* another try may help */
	unsigned status;
	uint32_t wait_ms;
	char words[400];
};

static void put_words(struct verdict *verdict, const char *at, size_t bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < bytes && used + 1 < sizeof(verdict->words); i++)
		verdict->words[used++] = (unsigned char)at[i] < 0x20 || at[i] == 0x7F ? ' ' : at[i];
	verdict->words[used] = '\0';
}

static struct text words_of(const struct verdict *verdict)
{
	return (struct text){verdict->words, (uint32_t)strlen(verdict->words)};
}

/* {"error":{"message":…}}, {"error":"…"}, {"message":…} or anything else. */
static void refusal_words(struct verdict *verdict, const struct loop_buffer *body)
{
	json_t *object = body->bytes ? json_loadb(body->at, body->bytes, 0, NULL) : NULL;
	const json_t *error = json_object_get(object, "error");
	const json_t *words = json_is_string(error) ? error : json_object_get(error ? error : object, "message");

	if (json_is_string(words))
		put_words(verdict, json_string_value(words), json_string_length(words));
	else
		put_words(verdict, body->at ? body->at : "", body->bytes);
	json_decref(object);
}

static void judge_refusal(struct exchange *exchange, struct verdict *out)
{
	out->status = (unsigned)exchange->status;
	out->wait_ms = asked_wait(exchange);
	refusal_words(out, &exchange->refusal);
	out->class = agent_class_of_status(out->status, words_of(out));
	if (out->class == AGENT_CLASS_NONE) { /* a redirect, or a success without an answer */
		out->class = AGENT_CLASS_PROTOCOL;
		snprintf(out->words, sizeof(out->words), "the model server answered with status %ld", exchange->status);
	}
	out->again = agent_class_retryable(out->class);
}

static void judge_inside(const struct loop_reply *reply, struct verdict *out)
{
	put_words(out, reply->error.at ? reply->error.at : "an error", reply->error.at ? reply->error.bytes : 8);
	out->status = reply->error_status;
	out->class = out->status ? agent_class_of_status(out->status, words_of(out))
				 : agent_class_of_words(words_of(out), &out->status);
	if (out->class == AGENT_CLASS_NONE)
		out->class = AGENT_CLASS_SERVER;
	out->again = agent_class_retryable(out->class);
}

static void judge_broken(const struct exchange *exchange, struct verdict *out)
{
	out->again = true;
	if (exchange->too_long) {
		out->class = AGENT_CLASS_LIMIT_OUTPUT;
		out->again = false;
		snprintf(out->words, sizeof(out->words), "an answer was longer than %u bytes", LOOP_REPLY_BYTES_MAX);
	} else if (exchange->code != CURLE_OK) {
		out->class = AGENT_CLASS_NETWORK;
		snprintf(out->words, sizeof(out->words), "%.300s",
			 exchange->words[0] ? exchange->words : curl_easy_strerror(exchange->code));
	} else if (exchange->reply->understood == 0) {
		out->class = AGENT_CLASS_PROTOCOL;
		snprintf(out->words, sizeof(out->words), "what the model server answered cannot be understood (%llu bytes)",
			 (unsigned long long)exchange->reply->bytes);
	} else {
		out->class = AGENT_CLASS_TRUNCATED;
		snprintf(out->words, sizeof(out->words), "the answer broke off before its end");
	}
}

static void judge(struct exchange *exchange, struct verdict *out)
{
	const struct loop_reply *reply = exchange->reply;

	*out = (struct verdict){0};
	if (exchange->status != 200 && exchange->status != 0 && exchange->code == CURLE_OK)
		judge_refusal(exchange, out);
	else if (reply->failed_inside)
		judge_inside(reply, out);
	else if (exchange->code != CURLE_OK || reply->end == LOOP_OPEN || exchange->status != 200)
		judge_broken(exchange, out);
	else if (reply->calls_lost || reply->garbage) {
		out->class = AGENT_CLASS_PROTOCOL;
		out->again = true;
		snprintf(out->words, sizeof(out->words), "a part of the answer cannot be read");
	}
}

static void try_once(struct loop *loop, const char *body, struct loop_reply *reply, struct verdict *out)
{
	struct exchange exchange = {.loop = loop, .reply = reply, .last_ms = loop_now_ms(), .easy = curl_easy_init()};
	struct curl_slist *headers = headers_of();
	CURLM *multi = curl_multi_init();
	char url[4096];

	address(&loop->options, url);
	if (exchange.easy && multi && headers) {
		set_up(&exchange, url, body, headers);
		if (curl_multi_add_handle(multi, exchange.easy) == CURLM_OK)
			drive(&exchange, multi);
		loop_reply_end(reply);
		judge(&exchange, out);
		curl_multi_remove_handle(multi, exchange.easy);
	} else {
		*out = (struct verdict){.class = AGENT_CLASS_CRASH, .words = "out of memory"};
	}
	curl_easy_cleanup(exchange.easy);
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	loop_release(&exchange.refusal);
}

/* As Ollama, vLLM and llama.cpp say it; the last with a status of 500. */
static bool refuses_tools(struct text words)
{
	if (!agent_words_contain(words, "tool"))
		return false;
	return agent_words_contain(words, "not support") || agent_words_contain(words, "unsupported") ||
	       agent_words_contain(words, "--enable-auto-tool-choice") || agent_words_contain(words, "--jinja");
}

/* A server that does not know something of the request is asked without it. */
static bool adapt(struct loop *loop, const struct verdict *verdict)
{
	struct text words = words_of(verdict);

	if (verdict->status < 400)
		return false;
	if (!loop->plain_usage && agent_words_contain(words, "stream_options")) {
		loop->plain_usage = true;
		return true;
	}
	if (loop->options.tools != LOOP_TOOLS_AUTO || loop->text_tools || !refuses_tools(words))
		return false;
	loop->text_tools = true;
	loop_history_in_words(loop);
	loop_warn(loop, "the model server does not take tools (%s): they are described to the model in words", verdict->words);
	return true;
}

static uint32_t backoff(const struct loop *loop, uint32_t attempt, uint32_t asked_ms)
{
	uint64_t delay = (uint64_t)loop->options.backoff_ms << (attempt < 16 ? attempt : 16);
	uint32_t jitter = (uint32_t)(loop_now_ms() * 2654435761u >> 8) % 256; /* so that several do not come back at once */

	if (delay > BACKOFF_MAX_MS)
		delay = BACKOFF_MAX_MS;
	delay += delay * jitter / 1024;
	return delay > asked_ms ? (uint32_t)delay : asked_ms;
}

static void say_retry(struct loop *loop, uint32_t attempt, uint32_t delay_ms, const struct verdict *verdict)
{
	loop_say(loop, json_pack("{s:s, s:i, s:i, s:i, s:i, s:o}", "type", "retry", "attempt", (int)attempt, "max",
				 (int)loop->options.retries, "delay_ms", (int)delay_ms, "status", (int)verdict->status, "text",
				 loop_string(verdict->words, strlen(verdict->words))));
}

static bool give_up(struct loop_outcome *out, const struct verdict *verdict)
{
	*out = (struct loop_outcome){
		.ended = true, .class = verdict->class, .status = verdict->status, .retry_after_ms = verdict->wait_ms};
	snprintf(out->text, sizeof(out->text), "%s", verdict->words[0] ? verdict->words : agent_class_sentence(verdict->class));
	return false;
}

static void say_piece(void *context, const char *at, size_t bytes)
{
	loop_say(context, json_pack("{s:s, s:o, s:b}", "type", "text", "text", loop_string(at, bytes), "delta", 1));
}

bool loop_ask(struct loop *loop, struct loop_reply *reply, struct loop_outcome *out)
{
	for (uint32_t attempt = 0;;) {
		struct verdict verdict;
		char *body = loop_request(loop);

		loop_reply_init(reply, loop->options.wire);
		reply->piece = say_piece;
		reply->context = loop;
		if (body)
			try_once(loop, body, reply, &verdict);
		else
			verdict = (struct verdict){.class = AGENT_CLASS_CRASH, .words = "out of memory"};
		free(body);
		if (verdict.class == AGENT_CLASS_NONE && !loop->stopped)
			return true;
		loop_reply_release(reply);
		if (loop->stopped || loop->output_lost)
			return give_up(out, &(struct verdict){.class = AGENT_CLASS_CANCELLED});
		if (adapt(loop, &verdict))
			continue;
		if (verdict.class == AGENT_CLASS_CONTEXT && loop_history_fit(loop, true))
			continue;
		if (!verdict.again || attempt >= loop->options.retries || verdict.wait_ms > loop->options.wait_max_ms)
			return give_up(out, &verdict);
		uint32_t delay = backoff(loop, attempt++, verdict.wait_ms);
		say_retry(loop, attempt, delay, &verdict);
		if (loop_wait(loop, delay))
			return give_up(out, &(struct verdict){.class = AGENT_CLASS_CANCELLED});
	}
}
