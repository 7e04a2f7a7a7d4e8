/* SPDX-License-Identifier: MIT
 *
 * What model servers speak: for each wire, how to tell from the bytes of a request and of its reply which model was asked, how many tokens it took, how
 * it ended, and whether the server asked us to wait. Pure: bytes in, facts out. Replies come in pieces of any size, as a stream (server-sent events,
 * JSON lines) or as one JSON document; what cannot be read is counted, never an error of ours.
 *
 * Sources: the public API references of Anthropic (Messages), OpenAI (Responses, Chat Completions), Google (generateContent) and Ollama (chat, generate), and what the
 * real servers and programs were seen to send.
 */
#ifndef MODELS_WIRE_H
#define MODELS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

enum wire { WIRE_NONE, WIRE_ANTHROPIC, WIRE_RESPONSES, WIRE_CHAT, WIRE_GEMINI, WIRE_OLLAMA, WIRES };

const char *wire_name(enum wire wire); /* "anthropic", "responses", "chat", "gemini", "ollama"; "?" */
enum wire wire_find(const char *name);

/* Which wire a request path belongs to ("/v1/messages", "/v1beta/models/M:streamGenerateContent?alt=sse", "/api/chat", …), whatever stands before it. NONE: a path
 * that asks no model (lists of models, token counts). */
enum wire wire_of_path(const char *path);

#define WIRE_MODEL_BYTES 128u

/* Tokens with one meaning everywhere: `in` is all that was sent, with what a cache held; `out` all that came back, with what was only thought. */
struct wire_usage {
	uint64_t in;
	uint64_t in_cached;      /* of `in` */
	uint64_t in_cache_write; /* of `in` */
	uint64_t out;
	uint64_t reasoning; /* of `out` */
};

enum wire_ending { WIRE_OPEN, WIRE_STOP, WIRE_TOOLS, WIRE_LENGTH, WIRE_REFUSAL, WIRE_ERROR };

struct wire_reply; /* being read */

/* `status` and the value of Retry-After (NULL: none) come from the reply's head. NULL: out of memory. */
struct wire_reply *wire_reply_new(enum wire wire, unsigned status, const char *content_type, const char *retry_after);
void wire_reply_free(struct wire_reply *reply);
void wire_reply_feed(struct wire_reply *reply, const void *at, size_t bytes);
void wire_reply_end(struct wire_reply *reply);

struct wire_facts {
	struct wire_usage usage;
	bool has_usage; /* the server said it; else `usage` is nothing and what was sent and came must be guessed from its size */
	enum wire_ending ending;
	unsigned status;         /* of HTTP, or what an error inside the stream amounts to */
	uint32_t retry_after_ms; /* what the server asks for; 0: nothing */
	uint64_t bytes, garbage; /* read; pieces that were not understood */
	uint64_t text_bytes;     /* of what the model said, thought and called tools with, as far as it is text */
	uint64_t pieces;         /* in which that came; a streamed piece is a token or more */
	char model[WIRE_MODEL_BYTES];
};
void wire_reply_facts(const struct wire_reply *reply, struct wire_facts *out_facts);

/* What a request says about itself. */
struct wire_request {
	bool readable; /* the body is one JSON object (or empty) */
	char model[WIRE_MODEL_BYTES];
	uint64_t tokens_max; /* that may come back, of all the answers it asks for together; 0: it does not say */
	bool background;     /* the answer is to be fetched later (Responses), where nobody would count it */
};

/* Reads the body, and the path where that names the model (Gemini). */
void wire_request_read(enum wire wire, const char *path, const void *body, size_t bytes, struct wire_request *out_request);

/* A rough upper bound of the tokens in so many bytes of a request: what is reserved before it is sent. Twice what such a request usually has. */
uint64_t wire_tokens_guess(size_t bytes);

/* What a reply took that did not say it, or did not come to the point where it would have: half of wire_tokens_guess for the request; for the
 * reply a token for three bytes of text and at least one for each piece. Where the server said something, the larger of the two. */
void wire_usage_guess(const struct wire_facts *facts, size_t request_bytes, struct wire_usage *out_usage);

/* An error reply in the form this wire's programs read, for what the proxy refuses itself: "budget", "rate limit", "not allowed". `status` is sent with it. Returns the
 * bytes of the text (as snprintf). */
size_t wire_error_text(enum wire wire, unsigned status, const char *sentence, char *out_text, size_t text_bytes);

#endif
