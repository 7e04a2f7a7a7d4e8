/* SPDX-License-Identifier: MIT
 *
 * Asks once and waits: no second try, which is for those to decide who know what it is worth.
 */
#include "models/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/ask_words.h"
#include "models/outbound.h"
#include "models/target.h"

#define REPLY_BYTES_MAX (4u << 20)
#define WHY_BYTES       256u

struct answer {
	char *at;
	size_t bytes, room;
	struct wire_facts facts;
};

static int wrong(char why[WHY_BYTES], int rc, const char *sentence)
{
	snprintf(why, WHY_BYTES, "%s", sentence);
	return rc;
}

static const char *key_line(const struct ask *ask)
{
	return ask->wire == WIRE_ANTHROPIC ? "x-api-key: "
	       : ask->wire == WIRE_GEMINI  ? "x-goog-api-key: "
					   : "authorization: Bearer ";
}

static int check(const struct ask *ask, struct proxy_server *server, char path[ASK_PATH_BYTES], char why[WHY_BYTES])
{
	if (ask->wire <= WIRE_NONE || ask->wire >= WIRES)
		return wrong(why, ERR_USAGE, "the question has no wire: anthropic, responses, chat, gemini or ollama");
	if (!ask->model || !*ask->model || !ask->prompt)
		return wrong(why, ERR_USAGE, "the question has no model or no text");
	if (ask->key && (!*ask->key || strpbrk(ask->key, " \t") || !proxy_header_value_check(ask->key)))
		return wrong(why, ERR_USAGE, "the key is empty or holds a blank or a control character");
	if (ask_path(ask, path))
		return wrong(why, ERR_USAGE, "the model has a name that cannot stand in an address");
	return proxy_server_parse(ask->server, server, why);
}

/* All of the body, as far as it is kept. */
static int read_all(struct outbound *outbound, struct wire_reply *reply, struct answer *answer)
{
	char piece[16384];
	long n;

	while ((n = outbound_read(outbound, piece, sizeof(piece))) > 0) {
		size_t bytes = (size_t)n;
		wire_reply_feed(reply, piece, bytes);
		if (answer->bytes + bytes > REPLY_BYTES_MAX)
			return ERR_TOO_LARGE;
		if (answer->bytes + bytes > answer->room) {
			size_t room = 2 * (answer->bytes + bytes);
			char *at = realloc(answer->at, room);
			if (!at)
				return ERR_MEMORY;
			answer->at = at;
			answer->room = room;
		}
		memcpy(answer->at + answer->bytes, piece, bytes);
		answer->bytes += bytes;
	}
	return (int)n;
}

static int read_reply(struct outbound *outbound, const struct ask *ask, struct answer *answer)
{
	char seconds[16];
	struct wire_reply *reply;
	unsigned status;
	int rc = outbound_head(outbound, &status);

	if (rc)
		return rc;
	snprintf(seconds, sizeof(seconds), "%u", outbound_retry_after(outbound));
	reply = wire_reply_new(ask->wire, status, outbound_header(outbound, "content-type"), seconds);
	if (!reply)
		return ERR_MEMORY;
	rc = read_all(outbound, reply, answer);
	wire_reply_end(reply);
	wire_reply_facts(reply, &answer->facts);
	wire_reply_free(reply);
	return rc;
}

static int exchange(const struct ask *ask, const struct proxy_server *server, const char *path, struct answer *answer,
		    char why[WHY_BYTES])
{
	uint32_t total_ms = ask->timeout_ms ? ask->timeout_ms : 60000;
	char *body = ask_body(ask), *key = NULL, *url = NULL;
	struct outbound_pool *pool = outbound_pool_new();
	struct outbound *outbound = NULL;
	const char *headers[4] = {"content-type: application/json"};
	struct outbound_request request = {.method = "POST",
					   .headers = headers,
					   .body = body,
					   .ca_file = ask->ca_file,
					   .connect_ms = total_ms,
					   .first_byte_ms = total_ms,
					   .idle_ms = total_ms,
					   .total_ms = total_ms,
					   .stop_fd = ask->cancel_fd,
					   .client_fd = -1};
	int rc = ERR_MEMORY;

	if (!body) {
		rc = wrong(why, ERR_USAGE, "the question cannot be written as JSON: it is no UTF-8");
		goto out;
	}
	if (!pool || asprintf(&url, "%s%s%s", server->origin, server->prefix, path) < 0 ||
	    asprintf(&key, "%s%s", key_line(ask), ask->key ? ask->key : "") < 0) {
		wrong(why, rc, error_sentence(rc));
		goto out;
	}
	request.url = url;
	request.body_bytes = strlen(body);
	if (ask->wire == WIRE_ANTHROPIC)
		headers[1] = "anthropic-version: 2023-06-01";
	if (ask->key)
		headers[headers[1] ? 2 : 1] = key;
	rc = outbound_open(pool, &request, &outbound);
	if (!rc)
		rc = read_reply(outbound, ask, answer);
	if (rc)
		wrong(why, rc,
		      rc == ERR_TOO_LARGE ? "the model server's reply is too large"
		      : outbound          ? outbound_why(outbound)
					  : error_sentence(rc));
out:
	outbound_close(outbound);
	outbound_pool_free(pool);
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
	free(url);
	free(body);
	return rc;
}

static int rc_of_status(unsigned status)
{
	if (status == 401 || status == 403)
		return ERR_NOT_ALLOWED;
	return status == 429 || status == 529 ? ERR_OVERLOADED : ERR_TASK_FAILED;
}

/* The server's own words, unless they hold the key: some quote it. */
static void complain(const struct ask *ask, unsigned status, const json_t *reply, char why[WHY_BYTES])
{
	const char *words = ask_complaint(reply);
	bool tells = ask->key && strstr(words, ask->key);

	snprintf(why, WHY_BYTES, "the model server answers %u%s%.180s", status, *words && !tells ? ": " : "", tells ? "" : words);
	for (char *at = why; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	}
}

static int conclude(const struct ask *ask, const struct answer *answer, struct ask_answer *out_answer, char why[WHY_BYTES])
{
	json_t *reply = answer->bytes ? json_loadb(answer->at, answer->bytes, JSON_ALLOW_NUL, NULL) : NULL;
	char *text = NULL;
	int rc = 0;

	if (answer->facts.status >= 300 || answer->facts.ending == WIRE_ERROR) {
		rc = rc_of_status(answer->facts.status);
		complain(ask, answer->facts.status, reply, why);
	} else if (!reply) {
		rc = wrong(why, ERR_TASK_FAILED, "the model server's reply is no JSON");
	} else if (answer->facts.ending == WIRE_REFUSAL) {
		rc = wrong(why, ERR_TASK_FAILED, "the model refused to answer");
	} else {
		text = ask_text(ask->wire, reply);
		if (!text)
			rc = wrong(why, ERR_MEMORY, error_sentence(ERR_MEMORY));
		else if (!*text)
			rc = wrong(why, ERR_TASK_FAILED, "the model answered nothing");
	}
	json_decref(reply);
	if (!rc)
		*out_answer = (struct ask_answer){.text = text, .facts = answer->facts};
	else
		free(text);
	return rc;
}

int ask_model(const struct ask *ask, struct ask_answer *out_answer, char out_why[256])
{
	struct proxy_server server;
	struct answer answer = {0};
	char path[ASK_PATH_BYTES];
	int rc = check(ask, &server, path, out_why);

	if (!rc)
		rc = exchange(ask, &server, path, &answer, out_why);
	if (!rc)
		rc = conclude(ask, &answer, out_answer, out_why);
	free(answer.at);
	return rc == ERR_TOO_LARGE ? ERR_TASK_FAILED : rc;
}
