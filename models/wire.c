/* SPDX-License-Identifier: MIT
 *
 * Names and paths of the wires, what requests say, and errors in their words.
 */
#include "models/wire.h"

#include <stdio.h>
#include <string.h>

#include "models/wire_scan.h"

#define GUESS_EXTRA 512u /* for what servers put around a request */

static const char *const names[WIRES] = {"none", "anthropic", "responses", "chat", "gemini", "ollama"};

const char *wire_name(enum wire wire)
{
	return (unsigned)wire < WIRES ? names[wire] : "?";
}

enum wire wire_find(const char *name)
{
	for (unsigned i = WIRE_NONE + 1; name && i < WIRES; i++) {
		if (strcmp(names[i], name) == 0)
			return (enum wire)i;
	}
	return WIRE_NONE;
}

/* Of so many bytes: do they end in `end`? */
static bool ends_in(const char *at, size_t bytes, const char *end)
{
	size_t length = strlen(end);

	return bytes >= length && memcmp(at + bytes - length, end, length) == 0;
}

/* The model in ".../models/MODEL:generateContent", or nothing. */
static size_t gemini_model(const char *path, size_t bytes, const char **out_model)
{
	static const char *const verbs[] = {":generateContent", ":streamGenerateContent"};

	for (size_t i = 0; i < 2; i++) {
		size_t end = bytes - strlen(verbs[i]), begin = end;
		if (!ends_in(path, bytes, verbs[i]))
			continue;
		while (begin && path[begin - 1] != '/')
			begin--;
		*out_model = path + begin;
		return ends_in(path, begin, "odels/") ? end - begin : 0; /* models/ and tunedModels/ */
	}
	return 0;
}

enum wire wire_of_path(const char *path)
{
	size_t bytes = strcspn(path, "?#");
	const char *model;

	if (ends_in(path, bytes, "/messages"))
		return WIRE_ANTHROPIC;
	if (ends_in(path, bytes, "/responses"))
		return WIRE_RESPONSES;
	if (ends_in(path, bytes, "/chat/completions"))
		return WIRE_CHAT;
	if (ends_in(path, bytes, "/api/chat") || ends_in(path, bytes, "/api/generate"))
		return WIRE_OLLAMA;
	return gemini_model(path, bytes, &model) ? WIRE_GEMINI : WIRE_NONE;
}

/* Where a wire has the bound of an answer, and how many answers it is to give. What another wire calls so means nothing to it. */
static const struct {
	enum wire wire;
	const char *place;
	bool answers;
} bounds[] = {{WIRE_ANTHROPIC, "max_tokens", false},
	      {WIRE_RESPONSES, "max_output_tokens", false},
	      {WIRE_CHAT, "max_tokens", false},
	      {WIRE_CHAT, "max_completion_tokens", false},
	      {WIRE_CHAT, "n", true},
	      {WIRE_GEMINI, "generationConfig.maxOutputTokens", false},
	      {WIRE_GEMINI, "generationConfig.candidateCount", true},
	      {WIRE_OLLAMA, "options.num_predict", false}};

struct request_reading {
	enum wire wire;
	struct wire_request *request;
	uint64_t tokens, answers;
};

/* The largest, where it is said twice: which of them a server takes is not known. */
static void read_bound(struct request_reading *reading, const struct wire_scan_value *value)
{
	uint64_t count = wire_scan_count(value->text);

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		uint64_t *most = bounds[i].answers ? &reading->answers : &reading->tokens;
		if (bounds[i].wire == reading->wire && strcmp(value->place, bounds[i].place) == 0 && *most < count)
			*most = count;
	}
}

static void read_request(void *context, const struct wire_scan_value *value)
{
	struct request_reading *reading = context;

	if (value->kind == WIRE_SCAN_NUMBER)
		read_bound(reading, value);
	if (value->kind == WIRE_SCAN_STRING && strcmp(value->place, "model") == 0)
		snprintf(reading->request->model, sizeof(reading->request->model), "%s", value->text);
	else if (value->kind != WIRE_SCAN_FALSE && value->kind != WIRE_SCAN_NULL && strcmp(value->place, "background") == 0)
		reading->request->background = true;
}

/* Does it begin as an object does? */
static bool is_braced(const char *at, size_t bytes)
{
	static const char blanks[] = " \t\r\n";
	size_t begin = 0;

	while (begin < bytes && at[begin] && strchr(blanks, at[begin]))
		begin++;
	return begin < bytes && at[begin] == '{';
}

void wire_request_read(enum wire wire, const char *path, const void *body, size_t bytes, struct wire_request *out_request)
{
	struct request_reading reading = {.wire = wire, .request = out_request};
	struct wire_scan scan;
	const char *model = NULL;
	size_t model_bytes;

	memset(out_request, 0, sizeof(*out_request));
	wire_scan_init(&scan, read_request, &reading);
	out_request->readable = !bytes || (is_braced(body, bytes) && wire_scan_feed(&scan, body, bytes) && scan.documents == 1 &&
					   wire_scan_restart(&scan));
	out_request->tokens_max = reading.answers > 1 && reading.tokens > UINT64_MAX / reading.answers ? UINT64_MAX
				  : reading.answers > 1 ? reading.tokens * reading.answers
							: reading.tokens;
	model_bytes = wire == WIRE_GEMINI ? gemini_model(path, strcspn(path, "?#"), &model) : 0;
	if (model_bytes)
		snprintf(out_request->model, sizeof(out_request->model), "%.*s", (int)(model_bytes < 127 ? model_bytes : 127),
			 model);
}

uint64_t wire_tokens_guess(size_t bytes)
{
	return bytes / 2 + GUESS_EXTRA;
}

void wire_usage_guess(const struct wire_facts *facts, size_t request_bytes, struct wire_usage *out_usage)
{
	uint64_t in = request_bytes / 4 + 1, out = (facts->text_bytes + 2) / 3;

	out = out < facts->pieces ? facts->pieces : out;
	*out_usage = facts->usage;
	if (out_usage->in == 0)
		out_usage->in = in;
	if (out_usage->out < out)
		out_usage->out = out;
}

static const char *word_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *word;
	} words[] = {{400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
		     {403, "permission_error"},      {404, "not_found_error"},      {413, "request_too_large"},
		     {429, "rate_limit_error"},      {529, "overloaded_error"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (words[i].status == status)
			return words[i].word;
	}
	return status < 500 ? "invalid_request_error" : "api_error";
}

static const char *state_of(unsigned status)
{
	switch (status) {
	case 401:
		return "UNAUTHENTICATED";
	case 403:
		return "PERMISSION_DENIED";
	case 404:
		return "NOT_FOUND";
	case 429:
		return "RESOURCE_EXHAUSTED";
	case 503:
		return "UNAVAILABLE";
	case 504:
		return "DEADLINE_EXCEEDED";
	default:
		return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
	}
}

/* A sentence as it stands in a JSON string. Sentences are ours and short. */
static void quote(const char *sentence, char out_text[1024])
{
	size_t used = 0;

	for (; *sentence && used < 1016; sentence++) {
		unsigned char byte = (unsigned char)*sentence;
		if (byte == '"' || byte == '\\')
			out_text[used++] = '\\';
		out_text[used++] = (char)(byte < 0x20 ? ' ' : byte);
	}
	out_text[used] = '\0';
}

size_t wire_error_text(enum wire wire, unsigned status, const char *sentence, char *out_text, size_t text_bytes)
{
	char quoted[1024];
	int n;

	quote(sentence, quoted);
	switch (wire) {
	case WIRE_ANTHROPIC:
		n = snprintf(out_text, text_bytes, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}",
			     word_of(status), quoted);
		break;
	case WIRE_GEMINI:
		n = snprintf(out_text, text_bytes, "{\"error\":{\"code\":%u,\"message\":\"%s\",\"status\":\"%s\"}}", status,
			     quoted, state_of(status));
		break;
	case WIRE_OLLAMA:
		n = snprintf(out_text, text_bytes, "{\"error\":\"%s\"}", quoted);
		break;
	default:
		n = snprintf(out_text, text_bytes,
			     "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":null}}", quoted,
			     word_of(status));
		break;
	}
	return n < 0 ? 0 : (size_t)n;
}
