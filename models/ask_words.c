/* SPDX-License-Identifier: MIT
 *
 * One question, not streamed, in five ways.
 */
#include "models/ask_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 1024u

int ask_path(const struct ask *ask, char out_path[ASK_PATH_BYTES])
{
	static const char *const paths[WIRES] = {[WIRE_ANTHROPIC] = "/v1/messages",
						 [WIRE_RESPONSES] = "/v1/responses",
						 [WIRE_CHAT] = "/v1/chat/completions",
						 [WIRE_OLLAMA] = "/api/chat"};
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (ask->wire != WIRE_GEMINI) {
		snprintf(out_path, ASK_PATH_BYTES, "%s", paths[ask->wire]);
		return 0;
	}
	if (!*ask->model || *ask->model == '.' || ask->model[strspn(ask->model, allowed)] || strlen(ask->model) > 128)
		return ERR_USAGE;
	snprintf(out_path, ASK_PATH_BYTES, "/v1beta/models/%s:generateContent", ask->model);
	return 0;
}

static json_t *message(const char *role, const char *text)
{
	return json_pack("{s:s, s:s}", "role", role, "content", text);
}

/* A system message, if there is one, and the question. */
static json_t *messages(const struct ask *ask, bool with_system)
{
	json_t *list = json_array();

	if (with_system && ask->system)
		json_array_append_new(list, message("system", ask->system));
	json_array_append_new(list, message("user", ask->prompt));
	return list;
}

/* {"parts": [{"text": …}], …} */
static json_t *parts(const char *role, const char *text)
{
	return json_pack("{s:s*, s:[{s:s}]}", "role", role, "parts", "text", text);
}

static void set_bounds(const struct ask *ask, json_t *where, const char *tokens_name)
{
	json_object_set_new(where, tokens_name, json_integer(ask->tokens_max ? ask->tokens_max : TOKENS_MAX));
	if (ask->temperature >= 0)
		json_object_set_new(where, "temperature", json_real(ask->temperature));
}

static void set_model(json_t *body, const struct ask *ask)
{
	json_object_set_new(body, "model", json_string(ask->model));
}

static void put_anthropic(json_t *body, const struct ask *ask)
{
	set_model(body, ask);
	json_object_set_new(body, "messages", messages(ask, false));
	if (ask->system)
		json_object_set_new(body, "system", json_string(ask->system));
	set_bounds(ask, body, "max_tokens");
}

static void put_responses(json_t *body, const struct ask *ask)
{
	set_model(body, ask);
	json_object_set_new(body, "input", json_string(ask->prompt));
	if (ask->system)
		json_object_set_new(body, "instructions", json_string(ask->system));
	json_object_set_new(body, "store", json_false());
	set_bounds(ask, body, "max_output_tokens");
}

static void put_chat(json_t *body, const struct ask *ask)
{
	set_model(body, ask);
	json_object_set_new(body, "messages", messages(ask, true));
	set_bounds(ask, body, "max_tokens");
}

static void put_gemini(json_t *body, const struct ask *ask)
{
	json_t *bounds = json_object();

	json_object_set_new(body, "contents", json_pack("[o]", parts("user", ask->prompt)));
	if (ask->system)
		json_object_set_new(body, "systemInstruction", parts(NULL, ask->system));
	set_bounds(ask, bounds, "maxOutputTokens");
	json_object_set_new(body, "generationConfig", bounds);
}

static void put_ollama(json_t *body, const struct ask *ask)
{
	json_t *bounds = json_object();

	set_model(body, ask);
	json_object_set_new(body, "messages", messages(ask, true));
	json_object_set_new(body, "stream", json_false());
	set_bounds(ask, bounds, "num_predict");
	json_object_set_new(body, "options", bounds);
}

static bool is_utf8(const char *text)
{
	json_t *string = text ? json_string(text) : json_null();

	json_decref(string);
	return string != NULL;
}

char *ask_body(const struct ask *ask)
{
	static void (*const put[WIRES])(json_t *, const struct ask *) = {[WIRE_ANTHROPIC] = put_anthropic,
									 [WIRE_RESPONSES] = put_responses,
									 [WIRE_CHAT] = put_chat,
									 [WIRE_GEMINI] = put_gemini,
									 [WIRE_OLLAMA] = put_ollama};
	json_t *body = json_object();
	char *text;

	if (!is_utf8(ask->prompt) || !is_utf8(ask->system) || !is_utf8(ask->model)) {
		json_decref(body);
		return NULL;
	}
	put[ask->wire](body, ask);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

struct gathered {
	char *at;
	size_t bytes;
	bool lost;
};

static void gather(struct gathered *gathered, const json_t *string)
{
	size_t bytes = json_string_length(string);
	char *at;

	if (!json_is_string(string) || gathered->lost)
		return;
	at = realloc(gathered->at, gathered->bytes + bytes + 1);
	if (!at) {
		gathered->lost = true;
		return;
	}
	memcpy(at + gathered->bytes, json_string_value(string), bytes);
	gathered->at = at;
	gathered->bytes += bytes;
	at[gathered->bytes] = '\0';
}

/* Text, or a list of parts with text; of those only the ones of this type, if one is given, and no thoughts. */
static void gather_parts(struct gathered *gathered, const json_t *content, const char *type)
{
	const json_t *part;
	size_t i;

	gather(gathered, content);
	json_array_foreach (content, i, part) {
		const char *is = json_string_value(json_object_get(part, "type"));
		if ((!type || (is && strcmp(is, type) == 0)) && !json_is_true(json_object_get(part, "thought")))
			gather(gathered, json_object_get(part, "text"));
	}
}

static void gather_responses(struct gathered *gathered, const json_t *reply)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(reply, "output"), i, item)
		gather_parts(gathered, json_object_get(item, "content"), "output_text");
}

static const json_t *first(const json_t *reply, const char *list)
{
	return json_array_get(json_object_get(reply, list), 0);
}

char *ask_text(enum wire wire, const json_t *reply)
{
	struct gathered gathered = {0};

	switch (wire) {
	case WIRE_ANTHROPIC:
		gather_parts(&gathered, json_object_get(reply, "content"), "text");
		break;
	case WIRE_RESPONSES:
		gather_responses(&gathered, reply);
		break;
	case WIRE_CHAT:
		gather_parts(&gathered, json_object_get(json_object_get(first(reply, "choices"), "message"), "content"), NULL);
		break;
	case WIRE_GEMINI:
		gather_parts(&gathered, json_object_get(json_object_get(first(reply, "candidates"), "content"), "parts"), NULL);
		break;
	default:
		gather(&gathered, json_object_get(json_object_get(reply, "message"), "content"));
		break;
	}
	if (gathered.lost) {
		free(gathered.at);
		return NULL;
	}
	return gathered.at ? gathered.at : strdup("");
}

const char *ask_complaint(const json_t *reply)
{
	const json_t *error = json_object_get(json_is_array(reply) ? json_array_get(reply, 0) : reply, "error");
	const char *text = json_string_value(json_is_string(error) ? error : json_object_get(error, "message"));

	return text ? text : "";
}
