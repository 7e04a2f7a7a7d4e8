/* SPDX-License-Identifier: MIT
 *
 * The loop of the workspace's process: requests come in at the socket and go to the threads; what they have done is told to Omega and then
 * answered.
 */
#include "actors/workspace_actor.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/process.h"
#include "actors/workspace_inner.h"
#include "actors/zap.h"

#define REQUESTS_PER_TURN 64
#define TELL_MS           5000u   /* at least this long Omega is waited for, when the work itself took its time */
#define IDLE_MS           600000u /* a store that nobody needed for this long is closed */
#define TIDY_MS           30000u
#define STOP_MS           3000u
#define CLOSING_MS        1000u
#define SOCKET_PING_MS    1000u
#define REPLIES_MAX       256

struct service {
	const struct workspace_actor_options *options;
	struct state_folder state;
	struct depot *depot;
	struct threads *threads;
	struct link *link;
	struct teller *teller;
	void *zmq;
	void *socket;
	int signals;
	int done_fd;
	struct job *waiting; /* done, and not yet told */
	uint64_t now_ms;
	uint64_t tidy_ms;
	bool ready_told;
	bool stopping;
	int rc;
};

/* ---- replies ---- */

static void send_reply(struct service *service, const struct job *job, json_t *reply)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	size_t bytes = text ? strlen(text) : 0;

	if (text && bytes > REPLY_BYTES_MAX) {
		free(text);
		json_decref(reply);
		reply = reply_error(ERROR_LIMIT, "the answer is larger than what can be sent; ask for less at a time", NULL);
		text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
		bytes = text ? strlen(text) : 0;
	}
	/* Whoever asked may be gone, or reads too slowly to be waited for. */
	if (text && zmq_send(service->socket, job->client, job->client_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
		(void)!zmq_send(service->socket, text, bytes, ZMQ_DONTWAIT);
	free(text);
	json_decref(reply);
}

/* Takes the job over. */
static void answer(struct service *service, struct job *job)
{
	if (job->rc) {
		send_reply(service, job, reply_error(-job->rc, job->sentence, json_incref(job->more)));
	} else if (job->told_code) {
		char sentence[SENTENCE_BYTES];
		snprintf(sentence, sizeof(sentence), "the change is made, but Omega has not recorded it: %s",
			 error_sentence((int)job->told_code));
		send_reply(service, job, reply_error((int)job->told_code, sentence, NULL));
	} else {
		send_reply(service, job, reply_result(json_incref(job->result)));
	}
	job_free(job);
}

static void answer_late(struct service *service, struct job *job)
{
	static const char sentence[] =
		"the change is made and stands, but Omega has not confirmed that it is recorded; it is told as soon as "
		"Omega is there";

	send_reply(service, job, reply_error(link_joined(service->link) ? ERROR_TIMEOUT : ERROR_UNREACHABLE, sentence, NULL));
	job_free(job);
}

/* ---- what waits for Omega ---- */

static void settled(void *context, const struct store *store, uint64_t number, uint32_t code)
{
	struct service *service = context;

	for (struct job **at = &service->waiting; *at;) {
		struct job *job = *at;
		if (job->store != store || number < job->first_number || number > job->last_number) {
			at = &job->next;
			continue;
		}
		if (code)
			job->told_code = code;
		if (number == job->last_number) {
			*at = job->next;
			answer(service, job);
		} else {
			at = &job->next;
		}
	}
}

static void expire(struct service *service)
{
	for (struct job **at = &service->waiting; *at;) {
		struct job *job = *at;
		if (service->now_ms < job->deadline_ms) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		answer_late(service, job);
	}
}

static void take_done(struct service *service, struct job *job)
{
	bool tells = job->store && diary_pending(job->store->diary) > 0;

	if (tells && teller_store(service->teller, job->store))
		fprintf(stderr, "%s: out of memory for what Omega is to be told\n", job->store->name);
	if (!job->request) {
		if (job->rc)
			fprintf(stderr, "a repository that owes something to the trail cannot be opened: %s\n", job->sentence);
		job_free(job);
	} else if (job->rc || !job->first_number) {
		answer(service, job);
	} else {
		if (job->deadline_ms < service->now_ms + TELL_MS)
			job->deadline_ms = service->now_ms + TELL_MS;
		job->next = service->waiting;
		service->waiting = job;
	}
}

static void take_all_done(struct service *service)
{
	uint64_t count;
	struct job *job;

	if (read(service->done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		service->rc = ERR_SYSTEM;
	while ((job = threads_done(service->threads)) != NULL)
		take_done(service, job);
}

/* ---- requests ---- */

/* One that is answered at once: it is wrong, or there are too many. */
static void refuse(struct service *service, struct job *job, int rc)
{
	job->rc = rc;
	answer(service, job);
}

static void take_request(struct service *service, zmq_msg_t *client, zmq_msg_t *body)
{
	struct job *job = calloc(1, sizeof(*job));
	uint64_t timeout_ms;
	int rc;

	if (!job || zmq_msg_size(client) > CLIENT_BYTES_MAX) {
		free(job);
		return;
	}
	memcpy(job->client, zmq_msg_data(client), zmq_msg_size(client));
	job->client_bytes = zmq_msg_size(client);
	job->depot = service->depot;
	rc = request_read(zmq_msg_data(body), zmq_msg_size(body), &job->request, &job->verb, job->sentence);
	if (rc) {
		refuse(service, job, rc);
		return;
	}
	timeout_ms = request_number(job->request, "timeout_ms");
	job->deadline_ms = service->now_ms + (timeout_ms ? timeout_ms : REQUEST_TIMEOUT_MS);
	rc = threads_put(service->threads, job);
	if (rc) {
		job_fail(job, rc, "%u requests wait already; ask again later", JOBS_WAITING_MAX);
		refuse(service, job, rc);
	}
}

/* An identity and one body; a frame between them, as REQ sockets have it, is let pass. */
static bool receive_one(struct service *service)
{
	zmq_msg_t client, body;
	bool got;

	zmq_msg_init(&client);
	zmq_msg_init(&body);
	got = zmq_msg_recv(&client, service->socket, ZMQ_DONTWAIT) >= 0;
	if (got && zmq_msg_more(&client) && zmq_msg_recv(&body, service->socket, ZMQ_DONTWAIT) >= 0) {
		bool more = zmq_msg_more(&body);
		if (!more)
			take_request(service, &client, &body);
		while (zmq_msg_more(&body) && zmq_msg_recv(&body, service->socket, ZMQ_DONTWAIT) >= 0)
			;
	}
	zmq_msg_close(&body);
	zmq_msg_close(&client);
	return got;
}

static void receive_all(struct service *service)
{
	for (int i = 0; i < REQUESTS_PER_TURN && !service->stopping; i++)
		if (!receive_one(service))
			return;
}

/* ---- the link ---- */

static void receive(void *context, struct message *message)
{
	struct service *service = context;

	if (message->type == MESSAGE_REFUSAL)
		teller_refused(service->teller, &message->header.correlation, message->refusal.code);
}

static void joined(void *context, bool is_joined)
{
	struct service *service = context;

	if (!is_joined || service->ready_told)
		return;
	service->ready_told = true;
	process_notify_ready();
	if (service->options->ready_fd >= 0 && write(service->options->ready_fd, "ready\n", 6) < 0)
		fprintf(stderr, "nobody reads that the workspace is ready\n");
}

/* ---- stores ---- */

/* In the thread that opened it. What is owed is told by the loop. */
static void opened(void *context, struct store *store)
{
	struct service *service = context;
	int rc = refs_settle(store);

	clones_forget(store);

	if (rc)
		fprintf(stderr, "%s: its refs could not be looked through: %s\n", store->name, error_sentence(rc));
	(void)service;
}

static int owe(void *context, const struct depot_row *row)
{
	struct service *service = context;
	struct job *job;

	if (!row->owes)
		return 0;
	job = calloc(1, sizeof(*job));
	if (!job)
		return ERR_MEMORY;
	job->depot = service->depot;
	snprintf(job->sentence, sizeof(job->sentence), "%s", row->name);
	return threads_put(service->threads, job);
}

static void tidy(struct service *service)
{
	if (service->now_ms < service->tidy_ms)
		return;
	service->tidy_ms = service->now_ms + TIDY_MS;
	depot_tidy(service->depot, service->options->idle_ms ? service->options->idle_ms : IDLE_MS);
}

/* ---- the loop ---- */

static void take_turn(struct service *service)
{
	int rc;

	service->now_ms = boottime_now_ms();
	rc = link_work(service->link);
	if (rc < 0)
		service->rc = rc;
	take_all_done(service);
	receive_all(service);
	link_flush(service->link);
	teller_work(service->teller, settled, service);
	expire(service);
	tidy(service);
}

static uint64_t wake_ms(const struct service *service)
{
	uint64_t wake = service->tidy_ms;

	for (const struct job *job = service->waiting; job; job = job->next)
		wake = job->deadline_ms < wake ? job->deadline_ms : wake;
	return wake > service->now_ms ? wake - service->now_ms : 0;
}

static int wait_for_work(struct service *service, uint64_t most_ms)
{
	zmq_pollitem_t items[6];
	struct signalfd_siginfo info;
	int lifeline = process_lifeline_fd(), count = 0;
	uint64_t wake = wake_ms(service);

	items[count++] = (zmq_pollitem_t){.fd = service->signals, .events = ZMQ_POLLIN};
	items[count++] = (zmq_pollitem_t){.fd = service->done_fd, .events = ZMQ_POLLIN};
	items[count++] = (zmq_pollitem_t){.socket = service->socket, .events = ZMQ_POLLIN};
	if (lifeline >= 0)
		items[count++] = (zmq_pollitem_t){.fd = lifeline, .events = ZMQ_POLLIN};
	int rc = link_wait(service->link, items, count, wake < most_ms ? wake : most_ms);
	if (read(service->signals, &info, sizeof(info)) == (ssize_t)sizeof(info) || (lifeline >= 0 && items[3].revents))
		service->stopping = true;
	return rc;
}

static void run(struct service *service)
{
	while (!service->stopping && !service->rc) {
		take_turn(service);
		if (!service->rc && wait_for_work(service, TIDY_MS))
			service->rc = ERR_SYSTEM;
	}
}

/* What is done already is still told and answered, for as long as that may take. */
static void finish(struct service *service)
{
	uint64_t until = boottime_now_ms() + CLOSING_MS;
	struct message goodbye = {.type = MESSAGE_GOODBYE};

	for (take_turn(service);
	     (service->waiting || teller_waiting(service->teller)) && link_joined(service->link) && service->now_ms < until;
	     take_turn(service))
		if (wait_for_work(service, until - service->now_ms))
			break;
	(void)!link_say(service->link, &goodbye, false);
	link_flush(service->link);
}

/* ---- opening ---- */

static int open_socket(struct service *service, char *why)
{
	char endpoint[ENDPOINT_TEXT_BYTES], bound[ENDPOINT_TEXT_BYTES];
	int64_t request_max = REQUEST_BYTES_MAX;
	int replies_max = REPLIES_MAX, off = 0;
	int rc = state_workspace_default(&service->state, endpoint, why);

	service->zmq = zmq_ctx_new();
	service->socket = service->zmq ? zmq_socket(service->zmq, ZMQ_ROUTER) : NULL;
	if (!rc)
		rc = service->socket ? socket_limit(service->socket, SOCKET_PING_MS) : ERR_SYSTEM;
	if (!rc && (zmq_setsockopt(service->socket, ZMQ_MAXMSGSIZE, &request_max, sizeof(request_max)) ||
		    zmq_setsockopt(service->socket, ZMQ_SNDHWM, &replies_max, sizeof(replies_max)) ||
		    zmq_setsockopt(service->socket, ZMQ_ROUTER_MANDATORY, &off, sizeof(off))))
		rc = ERR_SYSTEM;
	if (!rc)
		rc = socket_listen(service->socket, endpoint, bound, why);
	return rc ? rc : state_workspace_write(&service->state, bound);
}

static int open_link(struct service *service, char *why)
{
	struct link_options link = {.state = service->state, .context = service, .receive = receive, .joined = joined};
	int rc = keypair_read(&service->state, WORKSPACE_PEER, &link.keys, why);

	if (!rc)
		rc = key_of_omega(&service->state, link.omega_key, why);
	snprintf(link.peer, NAME_BYTES, "%s", WORKSPACE_PEER);
	snprintf(link.role, ROLE_BYTES, "%s", WORKSPACE_ROLE);
	if (!rc)
		rc = link_new(&link, &service->link);
	keypair_forget(&link.keys);
	return rc ? rc : teller_new(service->link, &service->teller);
}

static int open_all(struct service *service, char *why)
{
	int rc = state_open_existing(service->options->state_folder, &service->state, why);

	service->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!rc && (service->signals < 0 || service->done_fd < 0 || sodium_init() < 0))
		rc = ERR_SYSTEM;
	if (!rc)
		rc = depot_new(&service->state, service->options->memory_max_bytes, opened, service, &service->depot);
	if (!rc)
		rc = open_link(service, why);
	if (!rc)
		rc = open_socket(service, why); /* also says that no other one runs */
	if (!rc)
		rc = threads_new(service->depot, service->done_fd, &service->threads);
	if (!rc)
		rc = depot_each(service->depot, owe, service);
	return rc;
}

static void close_all(struct service *service)
{
	while (service->waiting) {
		struct job *job = service->waiting;
		service->waiting = job->next;
		job_free(job);
	}
	threads_free(service->threads);
	teller_free(service->teller);
	link_free(service->link, 200);
	depot_free(service->depot);
	if (service->socket)
		zmq_close(service->socket);
	if (service->zmq)
		zmq_ctx_term(service->zmq);
	if (service->done_fd >= 0)
		close(service->done_fd);
	if (service->signals >= 0)
		close(service->signals);
}

int workspace_main(const struct workspace_actor_options *options)
{
	struct service service = {.options = options, .done_fd = -1, .signals = process_signals(0)};
	char why[SENTENCE_BYTES] = "";
	int rc = open_all(&service, why);

	if (!rc) {
		run(&service);
		rc = service.rc;
		service.rc = 0;
		state_workspace_remove(&service.state);
		/* An import or export takes as long as it takes; nothing of it is lost by ending here, but what it would have brought. */
		if (!threads_end(service.threads, STOP_MS)) {
			fprintf(stderr, "workspace: ends while a request is at work\n");
			_exit(error_exit_code(rc));
		}
		finish(&service);
	}
	if (rc)
		fprintf(stderr, "workspace: %s\n", why[0] ? why : error_sentence(rc));
	close_all(&service);
	return error_exit_code(rc);
}
