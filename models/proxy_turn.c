/* SPDX-License-Identifier: MIT
 *
 * When a request may be sent, and what it took in the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "models/proxy_inner.h"

#define LOOK_MS 250u /* while a request waits its turn: how often we look whether the agent still wants it */

static struct spending bound_of(const struct proxy_request *request)
{
	const struct price *price = &request->proxy->options.price;
	struct price dearest = {.in = price->in > price->in_cache_write ? price->in : price->in_cache_write, .out = price->out};
	uint64_t out = request->said.tokens_max ? request->said.tokens_max : PROXY_OUT_GUESS;
	struct wire_usage usage = {.in = wire_tokens_guess(request->body_bytes), .out = out};

	return (struct spending){out > UINT64_MAX - usage.in ? UINT64_MAX : usage.in + out, price_of(&dearest, &usage)};
}

static bool agent_left(struct proxy_request *request)
{
	char byte;
	ssize_t n = recv(proxy_client_fd(request->connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Under the lock. False: the agent has hung up meanwhile. */
static bool wait_a_while(struct proxy_request *request, uint32_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ms = ms < LOOK_MS ? ms : LOOK_MS;
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&request->proxy->changed, &request->proxy->lock, &until);
	return !agent_left(request);
}

static unsigned refuse(struct proxy_request *request, unsigned status, const char *sentence)
{
	snprintf(request->why, sizeof(request->why), "%s", sentence);
	return status;
}

/* How long the server wants to be left alone. Under the lock. */
static uint32_t silence_ms(const struct proxy *proxy)
{
	uint64_t now = outbound_now_ms();

	return proxy->wanted_at_ms > now ? (uint32_t)(proxy->wanted_at_ms - now) : 0;
}

/* Under the lock: until the request may be sent. */
static unsigned take(struct proxy_request *request, uint32_t *out_retry_after_ms)
{
	struct proxy *proxy = request->proxy;
	struct spending wanted = bound_of(request);

	for (;;) {
		uint32_t silence = silence_ms(proxy), wait_ms = silence ? silence : LOOK_MS;
		if (proxy->stopping)
			return refuse(request, 400, "the run is being stopped; nothing more is sent to the model server");
		if (silence > PROXY_HELD_MS_MAX) {
			*out_retry_after_ms = silence;
			return refuse(request, 429, "the model server asked for no requests for a while");
		}
		if (!request->wire)
			return 0; /* costs nothing */
		if (!silence) {
			enum proxy_admission admission = proxy_budget_take(&proxy->budget, wanted, &request->share);
			request->shared = admission == PROXY_GO;
			if (admission == PROXY_GO)
				return 0;
			if (admission == PROXY_SPENT) {
				proxy->count.spent = true;
				return refuse(request, 400, "the budget of this run is spent; the work ends here");
			}
		}
		if (!wait_a_while(request, wait_ms)) {
			request->end = REQUEST_OPEN;
			return refuse(request, 400, "the agent did not wait for its turn");
		}
	}
}

unsigned proxy_turn_take(struct proxy_request *request, uint32_t *out_retry_after_ms)
{
	struct proxy *proxy = request->proxy;
	unsigned status;

	*out_retry_after_ms = 0;
	pthread_mutex_lock(&proxy->lock);
	status = take(request, out_retry_after_ms);
	if (!status)
		proxy->count.requests++;
	pthread_mutex_unlock(&proxy->lock);
	return status;
}

/* Sent as a whole, and nobody waited for the answer: what a server can have written in that time. */
static uint64_t out_of_time(const struct proxy_request *request)
{
	uint64_t out = (outbound_now_ms() - request->begun_ms) * PROXY_TOKENS_A_SECOND / 1000u;
	uint64_t most = request->said.tokens_max ? request->said.tokens_max : PROXY_OUT_GUESS;

	return out < most ? out : most;
}

/* What the request took, where the server did not say it or could not. */
static void complete_facts(const struct proxy_request *request, struct wire_facts *facts)
{
	bool ended = facts->ending != WIRE_OPEN && facts->ending != WIRE_ERROR;

	if (!request->wire || !request->outbound || (facts->has_usage && ended))
		return;
	if (request->status >= 400 || (!request->status && !outbound_sent(request->outbound)))
		return; /* servers ask nothing for errors, nor for what did not reach them */
	wire_usage_guess(facts, request->body_bytes, &facts->usage);
	facts->has_usage = false;
	if (!facts->pieces && request->end == REQUEST_LEFT && facts->usage.out < out_of_time(request))
		facts->usage.out = out_of_time(request);
}

static void add_usage(struct wire_usage *sum, const struct wire_usage *usage)
{
	sum->in += usage->in;
	sum->in_cached += usage->in_cached;
	sum->in_cache_write += usage->in_cache_write;
	sum->out += usage->out;
	sum->reasoning += usage->reasoning;
}

/* A reply that nobody waited for to the end says nothing. */
static bool was_waited_for(const struct proxy_request *request, const struct wire_facts *facts)
{
	bool given_up = request->end == REQUEST_LEFT || request->end == REQUEST_STOPPED;

	return request->wire && (!given_up || facts->ending != WIRE_OPEN);
}

/* Under the lock. */
static void count(struct proxy_request *request, const struct wire_facts *facts, uint64_t microusd)
{
	struct proxy_count *sum = &request->proxy->count;
	bool failed = request->end == REQUEST_FAILED || request->end == REQUEST_DROPPED || facts->ending == WIRE_ERROR ||
		      request->status >= 400;

	add_usage(&sum->usage, &facts->usage);
	sum->microusd += microusd;
	sum->guessed += facts->usage.in + facts->usage.out && !facts->has_usage;
	sum->failures += failed;
	sum->last_status = facts->ending == WIRE_ERROR && facts->status ? facts->status : request->status;
	if (was_waited_for(request, facts))
		sum->last_ending = facts->ending == WIRE_OPEN && request->status >= 400 ? WIRE_ERROR : facts->ending;
	if (facts->model[0])
		memcpy(sum->model, facts->model, sizeof(sum->model));
	if (sum->last_status == 429 || sum->last_status == 529)
		sum->rate_limited++;
	if (facts->retry_after_ms) {
		sum->retry_after_ms = facts->retry_after_ms;
		if (sum->last_status == 429 || sum->last_status >= 500)
			request->proxy->wanted_at_ms = outbound_now_ms() + facts->retry_after_ms;
	}
}

void proxy_settle(struct proxy_request *request, enum request_end end)
{
	struct proxy *proxy = request->proxy;
	struct wire_facts facts = {0};
	uint64_t microusd;

	if (request->end != REQUEST_OPEN)
		return;
	request->end = end;
	if (request->reply) {
		wire_reply_end(request->reply);
		wire_reply_facts(request->reply, &facts);
	}
	complete_facts(request, &facts);
	microusd = price_of(&proxy->options.price, &facts.usage);
	pthread_mutex_lock(&proxy->lock);
	if (request->shared) {
		proxy_budget_give(&proxy->budget, &request->share, (struct spending){facts.usage.in + facts.usage.out, microusd});
		request->shared = false;
		pthread_cond_broadcast(&proxy->changed);
	}
	if (end == REQUEST_REFUSED)
		proxy->count.refused++;
	else
		count(request, &facts, microusd);
	proxy_log_write(request, &facts, microusd);
	pthread_mutex_unlock(&proxy->lock);
}
