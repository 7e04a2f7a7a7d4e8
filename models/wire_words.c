/* SPDX-License-Identifier: MIT
 *
 * No word means one thing on one wire and another on the next, so all stand in one list.
 */
#include "models/wire_words.h"

#include <string.h>

unsigned wire_status_of_word(const char *word)
{
	static const struct {
		const char *word;
		unsigned status;
	} words[] = {{"overloaded_error", 529},      {"rate_limit_error", 429},   {"rate_limit_exceeded", 429},
		     {"RESOURCE_EXHAUSTED", 429},    {"insufficient_quota", 402}, {"billing_error", 402},
		     {"authentication_error", 401},  {"invalid_api_key", 401},    {"UNAUTHENTICATED", 401},
		     {"permission_error", 403},      {"PERMISSION_DENIED", 403},  {"not_found_error", 404},
		     {"model_not_found", 404},       {"NOT_FOUND", 404},          {"request_too_large", 413},
		     {"invalid_request_error", 400}, {"INVALID_ARGUMENT", 400},   {"context_length_exceeded", 400},
		     {"UNAVAILABLE", 503},           {"timeout_error", 504}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].status;
	}
	return 0;
}

enum wire_ending wire_ending_of_word(const char *word)
{
	static const struct {
		const char *word;
		enum wire_ending ending;
	} words[] = {{"in_progress", WIRE_OPEN},
		     {"queued", WIRE_OPEN},
		     {"load", WIRE_OPEN},
		     {"", WIRE_OPEN},
		     {"tool_use", WIRE_TOOLS},
		     {"tool_calls", WIRE_TOOLS},
		     {"function_call", WIRE_TOOLS},
		     {"max_tokens", WIRE_LENGTH},
		     {"model_context_window_exceeded", WIRE_LENGTH},
		     {"length", WIRE_LENGTH},
		     {"MAX_TOKENS", WIRE_LENGTH},
		     {"incomplete", WIRE_LENGTH},
		     {"max_output_tokens", WIRE_LENGTH},
		     {"refusal", WIRE_REFUSAL},
		     {"content_filter", WIRE_REFUSAL},
		     {"SAFETY", WIRE_REFUSAL},
		     {"RECITATION", WIRE_REFUSAL},
		     {"BLOCKLIST", WIRE_REFUSAL},
		     {"PROHIBITED_CONTENT", WIRE_REFUSAL},
		     {"SPII", WIRE_REFUSAL},
		     {"LANGUAGE", WIRE_REFUSAL},
		     {"IMAGE_SAFETY", WIRE_REFUSAL},
		     {"failed", WIRE_ERROR},
		     {"cancelled", WIRE_ERROR},
		     {"error", WIRE_ERROR},
		     {"MALFORMED_FUNCTION_CALL", WIRE_ERROR}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].ending;
	}
	return WIRE_STOP;
}
