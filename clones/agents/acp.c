/* SPDX-License-Identifier: MIT
 *
 * The conversation of a client: what is asked of the agent, and what becomes of what it says. What it asks is answered in acp_answer.c.
 *
 *	initialize -> session/new -> session/prompt -> (session/update …, requests of the agent …) -> the prompt's answer
 *
 * Each of the three requests has its number as its id. Programs differ in how they count: Gemini CLI says the whole run's tokens with the last answer
 * (`_meta.quota.token_count`), Qwen Code each step's with a piece of text that has no text, opencode only the last step's (`usage`), but the
 * whole session's cost before it (`usage_update`). So of opencode's tokens too few are known here.
 *
 * "end_turn" is what they say when all went well, and also after an answer without a word or cut by a limit. Without a word after the last tool it is no success.
 */
#include "clones/agents/acp_inner.h"

#include <stdlib.h>
#include <string.h>

#define AUTH_REQUIRED (-32000)

static json_t *prompt_of(const struct acp_options *options)
{
	char *at = malloc(options->prompt_bytes * 3 + 1);
	json_t *text;
	size_t bytes = 0;

	if (!at)
		return NULL;
	for (size_t i = 0; i < options->prompt_bytes;) {
		size_t whole = acp_character(options->prompt + i, options->prompt_bytes - i);
		memcpy(at + bytes, whole ? options->prompt + i : "\xEF\xBF\xBD", whole ? whole : 3);
		bytes += whole ? whole : 3;
		i += whole ? whole : 1;
	}
	text = json_stringn(at, bytes);
	free(at);
	return text;
}

size_t acp_character(const char *at, size_t bytes)
{
	unsigned char first = (unsigned char)at[0];
	size_t length = first < 0x80                    ? 1
			: first >= 0xC2 && first < 0xE0 ? 2
			: (first & 0xF0) == 0xE0        ? 3
			: first >= 0xF0 && first < 0xF5 ? 4
							: 0;

	if (length == 0 || length > bytes)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)at[i] & 0xC0) != 0x80)
			return 0;
	}
	if (length == 3 && ((first == 0xE0 && (unsigned char)at[1] < 0xA0) || (first == 0xED && (unsigned char)at[1] > 0x9F)))
		return 0;
	if (length == 4 && ((first == 0xF0 && (unsigned char)at[1] < 0x90) || (first == 0xF4 && (unsigned char)at[1] > 0x8F)))
		return 0;
	return length;
}

static bool room(struct acp *acp, size_t bytes)
{
	size_t capacity = acp->capacity ? acp->capacity : 4096;
	char *at;

	if (acp->sent && acp->sent == acp->bytes)
		acp->sent = acp->bytes = 0;
	if (acp->bytes + bytes > ACP_OUTPUT_BYTES_MAX)
		return false;
	while (capacity < acp->bytes + bytes)
		capacity *= 2;
	if (capacity == acp->capacity)
		return true;
	at = realloc(acp->out, capacity);
	if (!at)
		return false;
	acp->out = at;
	acp->capacity = capacity;
	return true;
}

static void fail(struct acp *acp, enum agent_class class, unsigned status, struct text words)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);

	acp->state = ACP_OVER;
	event.class = class;
	event.status = status;
	event.text = words;
	agent_emit(acp->run, &event);
}

void acp_send(struct acp *acp, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	size_t bytes = text ? strlen(text) : 0;

	if (text && room(acp, bytes + 1)) {
		memcpy(acp->out + acp->bytes, text, bytes);
		acp->out[acp->bytes + bytes] = '\n';
		acp->bytes += bytes + 1;
	} else {
		acp->run->no_memory = true;
		if (acp->state != ACP_OVER)
			fail(acp, AGENT_CLASS_LIMIT_OUTPUT, 0, acp_text("it does not read the answers to what it asks"));
	}
	free(text);
	json_decref(message);
}

static void request(struct acp *acp, int id, const char *method, json_t *parameters)
{
	acp_send(acp, json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", id, "method", method, "params", parameters));
}

static void begin(struct acp *acp)
{
	request(acp, ACP_STARTING, "initialize",
		json_pack("{s:i, s:{s:s, s:s, s:s}, s:{s:{s:b, s:b}, s:b}}", "protocolVersion", 1, "clientInfo", "name",
			  "bunshin", "title", "Bunshin", "version", "1", "clientCapabilities", "fs", "readTextFile",
			  acp->options.read != NULL, "writeTextFile", acp->options.write != NULL, "terminal", 0));
}

static void initialized(struct acp *acp, const json_t *result)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);
	const json_t *version = json_object_get(result, "protocolVersion");

	if (!json_is_integer(version) || json_integer_value(version) != 1) {
		fail(acp, AGENT_CLASS_PROTOCOL, 0, acp_text("it does not speak version 1 of the Agent Client Protocol"));
		return;
	}
	event.version = agent_member(json_object_get(result, "agentInfo"), "version");
	agent_emit(acp->run, &event);
	acp->state = ACP_OPENING;
	request(acp, ACP_OPENING, "session/new", json_pack("{s:s, s:[]}", "cwd", acp->worktree, "mcpServers"));
}

/* Qwen Code and Gemini CLI name the model in one place, opencode among its options. */
static struct text model_of(const json_t *result)
{
	struct text model = agent_member(json_object_get(result, "models"), "currentModelId");
	const json_t *options = json_object_get(result, "configOptions");

	for (size_t i = 0; i < json_array_size(options) && !model.bytes; i++) {
		if (agent_member_is(json_array_get(options, i), "id", "model"))
			model = agent_member(json_array_get(options, i), "currentValue");
	}
	return model;
}

static void opened(struct acp *acp, const json_t *result)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);
	json_t *session = json_object_get(result, "sessionId");

	if (json_string_length(session) == 0) {
		fail(acp, AGENT_CLASS_PROTOCOL, 0, acp_text("it opened a session without a name"));
		return;
	}
	event.session = agent_text(session);
	event.model = model_of(result);
	agent_emit(acp->run, &event);
	acp->session = json_incref(session);
	acp->state = ACP_WORKING;
	request(acp, ACP_WORKING, "session/prompt",
		json_pack("{s:O, s:[{s:s, s:O}]}", "sessionId", session, "prompt", "type", "text", "text", acp->prompt));
	json_decref(acp->prompt);
	acp->prompt = NULL;
}

static void used(struct acp *acp, const json_t *result)
{
	const json_t *quota = json_object_get(json_object_get(json_object_get(result, "_meta"), "quota"), "token_count");
	const json_t *usage = json_object_get(result, "usage");
	struct agent_event event = agent_event_of(AGENT_USAGE);

	event.scope = AGENT_SCOPE_RUN;
	if (json_is_object(quota))
		event.usage = (struct agent_usage){.in = agent_number(quota, "input_tokens"),
						   .out = agent_number(quota, "output_tokens")};
	else if (json_is_object(usage))
		event.usage = acp_usage(usage);
	else
		return;
	if (acp->steps_counted) /* the steps were told, and are the better sum */
		return;
	agent_emit(acp->run, &event);
}

struct agent_usage acp_usage(const json_t *usage)
{
	uint64_t thought = agent_number(usage, "thoughtTokens");

	return (struct agent_usage){.in = agent_number(usage, "inputTokens"),
				    .in_cached = agent_number(usage, "cachedReadTokens"),
				    .in_cache_write = agent_number(usage, "cachedWriteTokens"),
				    .out = agent_number(usage, "outputTokens"),
				    .reasoning = thought};
}

static enum agent_class class_of_reason(struct text reason)
{
	static const struct {
		const char *reason;
		enum agent_class class;
	} reasons[] = {{"end_turn", AGENT_CLASS_NONE},
		       {"max_tokens", AGENT_CLASS_TRUNCATED},
		       {"max_turn_requests", AGENT_CLASS_LIMIT_TURNS},
		       {"refusal", AGENT_CLASS_REFUSED},
		       {"cancelled", AGENT_CLASS_CANCELLED}};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (agent_is(reason, reasons[i].reason))
			return reasons[i].class;
	}
	return AGENT_CLASS_PROTOCOL;
}

static void prompted(struct acp *acp, const json_t *result)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);

	used(acp, result);
	event.class = class_of_reason(agent_member(result, "stopReason"));
	event.text = agent_member(result, "stopReason");
	if (event.class == AGENT_CLASS_NONE && acp->cancelled)
		event.class = AGENT_CLASS_CANCELLED;
	if (event.class == AGENT_CLASS_NONE && !acp->spoken) {
		event.class = AGENT_CLASS_TRUNCATED;
		event.text = acp_text("its last answer has not a word in it");
	}
	event.ok = event.class == AGENT_CLASS_NONE;
	if (event.ok)
		event.text = (struct text){"", 0}; /* the last words are the pieces that came */
	acp->state = ACP_OVER;
	agent_emit(acp->run, &event);
}

/* Gemini CLI says the status of HTTP as the code, Qwen Code at the beginning of the details, opencode in words only. */
static void refused(struct acp *acp, const json_t *error)
{
	const json_t *code = json_object_get(error, "code"), *data = json_object_get(error, "data");
	json_int_t number = json_integer_value(code);
	struct text words = agent_member(data, "details");
	enum agent_class class;
	unsigned status = number >= 400 && number <= 599 ? (unsigned)number : 0;

	if (!words.bytes)
		words = agent_member(error, "message");
	if (!status && words.bytes > 4 && words.at[3] == ' ' && (words.at[0] == '4' || words.at[0] == '5') &&
	    words.at[1] >= '0' && words.at[1] <= '9' && words.at[2] >= '0' && words.at[2] <= '9')
		status = (unsigned)(words.at[0] - '0') * 100 + (unsigned)(words.at[1] - '0') * 10 + (unsigned)(words.at[2] - '0');
	if (status)
		class = agent_class_of_status(status, words);
	else if (number == AUTH_REQUIRED)
		class = AGENT_CLASS_AUTH;
	else
		class = agent_class_of_words(words, &status);
	fail(acp, acp->cancelled ? AGENT_CLASS_CANCELLED : class, status, words);
}

static void answered(struct acp *acp, const json_t *object)
{
	const json_t *id = json_object_get(object, "id"), *result = json_object_get(object, "result");

	/* The number of the request that is open is the state: an answer to anything else means nothing here. */
	if (!json_is_integer(id) || acp->state == ACP_OVER || json_integer_value(id) != (json_int_t)acp->state)
		agent_unknown(acp->run);
	else if (json_object_get(object, "error"))
		refused(acp, json_object_get(object, "error"));
	else if (acp->state == ACP_STARTING)
		initialized(acp, result);
	else if (acp->state == ACP_OPENING)
		opened(acp, result);
	else
		prompted(acp, result);
}

void agent_parse_acp(struct agent_run *run, const json_t *object)
{
	struct acp *acp = run->acp;
	json_t *method = json_object_get(object, "method");

	if (!acp)
		agent_unknown(run);
	else if (!method)
		answered(acp, object);
	else if (json_object_get(object, "id"))
		acp_asked(acp, object);
	else if (agent_member_is(object, "method", "session/update") && acp->state == ACP_WORKING)
		acp_updated(acp, json_object_get(json_object_get(object, "params"), "update"));
	else
		agent_unknown(run);
}

int acp_new(struct agent_run *run, const struct acp_options *options, struct acp **out_acp)
{
	struct acp *acp;

	if (!run->cli->speaks_acp || !options->worktree || *options->worktree != '/' || !options->prompt ||
	    !options->prompt_bytes || options->prompt_bytes > ACP_PROMPT_BYTES_MAX)
		return ERR_INVALID_PARAMETERS;
	acp = calloc(1, sizeof(*acp));
	if (!acp)
		return ERR_MEMORY;
	acp->run = run;
	acp->options = *options;
	acp->state = ACP_STARTING;
	acp->worktree = strdup(options->worktree);
	acp->prompt = prompt_of(options);
	begin(acp);
	if (!acp->worktree || !acp->prompt || !acp->bytes) {
		acp_free(acp);
		return ERR_MEMORY;
	}
	run->acp = acp;
	*out_acp = acp;
	return 0;
}

void acp_free(struct acp *acp)
{
	if (!acp)
		return;
	if (acp->run->acp == acp)
		acp->run->acp = NULL;
	json_decref(acp->prompt);
	json_decref(acp->session);
	free(acp->worktree);
	free(acp->out);
	free(acp);
}

const char *acp_output(const struct acp *acp, size_t *out_bytes)
{
	*out_bytes = acp->bytes - acp->sent;
	return acp->out ? acp->out + acp->sent : "";
}

void acp_written(struct acp *acp, size_t bytes)
{
	size_t left = acp->bytes - acp->sent;

	acp->sent += bytes < left ? bytes : left;
}

bool acp_over(const struct acp *acp)
{
	return acp->state == ACP_OVER;
}

void acp_cancel(struct acp *acp)
{
	if (acp->state == ACP_OVER || acp->cancelled)
		return;
	acp->cancelled = true;
	if (acp->state == ACP_WORKING)
		acp_send(acp, json_pack("{s:s, s:s, s:{s:O}}", "jsonrpc", "2.0", "method", "session/cancel", "params",
					"sessionId", acp->session));
	else
		fail(acp, AGENT_CLASS_CANCELLED, 0, acp_text("before it began"));
}
