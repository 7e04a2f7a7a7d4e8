/* SPDX-License-Identifier: MIT
 *
 * Classes of errors out of statuses and words. The words are those of real programs and servers; a status beats them wherever there is one.
 */
#include "clones/agents/class.h"

#include <stddef.h>
#include <string.h>

#define WORDS_SEARCHED 65536u /* an error says what it is near its beginning; what follows may be a page of anything */

static const struct {
	const char *name;
	const char *sentence;
	bool retryable;
} classes[] = {
	[AGENT_CLASS_NONE] = {"none", "", false},
#define AGENT_CLASS(upper, lower, retry, sentence) [AGENT_CLASS_##upper] = {#lower, sentence, retry},
#include "clones/agents/classes.def"
};

const char *agent_class_name(enum agent_class class)
{
	return classes[(unsigned)class < AGENT_CLASS_COUNT ? class : AGENT_CLASS_NONE].name;
}

const char *agent_class_sentence(enum agent_class class)
{
	return classes[(unsigned)class < AGENT_CLASS_COUNT ? class : AGENT_CLASS_NONE].sentence;
}

bool agent_class_retryable(enum agent_class class)
{
	return classes[(unsigned)class < AGENT_CLASS_COUNT ? class : AGENT_CLASS_NONE].retryable;
}

static unsigned char lower(unsigned char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : byte;
}

static bool starts(const char *at, const char *needle, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (lower((unsigned char)at[i]) != lower((unsigned char)needle[i]))
			return false;
	}
	return true;
}

/* Where the needle ends in the words, from `from` on; 0: it is not there. */
static size_t find_after(struct text words, const char *needle, size_t from)
{
	size_t bytes = strlen(needle), searched = words.bytes < WORDS_SEARCHED ? words.bytes : WORDS_SEARCHED;

	for (size_t i = from; i + bytes <= searched; i++) {
		if (starts(words.at + i, needle, bytes))
			return i + bytes;
	}
	return 0;
}

bool agent_words_contain(struct text words, const char *needle)
{
	return find_after(words, needle, 0) > 0;
}

static bool is_digit(struct text words, size_t at)
{
	return at < words.bytes && words.at[at] >= '0' && words.at[at] <= '9';
}

/* Three digits that no fourth follows and that are an error of HTTP, or 0. */
static unsigned status_at(struct text words, size_t at)
{
	unsigned status;

	if (!is_digit(words, at) || !is_digit(words, at + 1) || !is_digit(words, at + 2) || is_digit(words, at + 3))
		return 0;
	status = (unsigned)(words.at[at] - '0') * 100 + (unsigned)(words.at[at + 1] - '0') * 10 +
		 (unsigned)(words.at[at + 2] - '0');
	return status >= 400 && status <= 599 ? status : 0;
}

/* A number counts as a status only where programs write one: any number may stand in a path or in a model's own words. */
static unsigned status_in(struct text words)
{
	static const char *const before[] = {"status ",   "status: ",   "status code ", "[api error: ", "api error: ",
					     "\"code\":", "\"code\": ", "rejected (",   "http ",        "error code: "};

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		for (size_t at = find_after(words, before[i], 0); at; at = find_after(words, before[i], at)) {
			unsigned status = status_at(words, at);
			if (status)
				return status;
		}
	}
	return 0;
}

struct phrase {
	const char *words;
	enum agent_class class;
};

/* The first that is found decides: what is special stands before what is general. */
static const struct phrase phrases[] = {
	{"insufficient_quota", AGENT_CLASS_QUOTA},
	{"credit balance", AGENT_CLASS_QUOTA},
	{"context_length", AGENT_CLASS_CONTEXT},
	{"context window", AGENT_CLASS_CONTEXT},
	{"too long", AGENT_CLASS_CONTEXT},
	{"rate limit", AGENT_CLASS_RATE_LIMIT},
	{"rate_limit", AGENT_CLASS_RATE_LIMIT},
	{"too many requests", AGENT_CLASS_RATE_LIMIT},
	{"resource_exhausted", AGENT_CLASS_RATE_LIMIT},
	{"overloaded", AGENT_CLASS_OVERLOADED},
	{"high demand", AGENT_CLASS_OVERLOADED},
	{"max_output_tokens", AGENT_CLASS_TRUNCATED},
	{"max_tokens", AGENT_CLASS_TRUNCATED},
	{"output token maximum", AGENT_CLASS_TRUNCATED},
	{"without a finish reason", AGENT_CLASS_TRUNCATED},
	{"empty response", AGENT_CLASS_TRUNCATED},
	{"usage policy", AGENT_CLASS_REFUSED},
	{"content filter", AGENT_CLASS_REFUSED},
	{"content_filter", AGENT_CLASS_REFUSED},
	{"model not found", AGENT_CLASS_MODEL_UNKNOWN},
	{"model_not_found", AGENT_CLASS_MODEL_UNKNOWN},
	{"issue with the selected model", AGENT_CLASS_MODEL_UNKNOWN},
	{"not logged in", AGENT_CLASS_AUTH},
	{"api key", AGENT_CLASS_AUTH},
	{"api-key", AGENT_CLASS_AUTH},
	{"auth method", AGENT_CLASS_AUTH},
	{"unauthorized", AGENT_CLASS_AUTH},
	{"authentication", AGENT_CLASS_AUTH},
	{"missing environment variable", AGENT_CLASS_AUTH},
	{"root/sudo", AGENT_CLASS_CONFIG},
	{"not trusted", AGENT_CLASS_TRUST},
	{"trusted director", AGENT_CLASS_TRUST},
	{"connection", AGENT_CLASS_NETWORK},
	{"econn", AGENT_CLASS_NETWORK},
	{"enotfound", AGENT_CLASS_NETWORK},
	{"etimedout", AGENT_CLASS_NETWORK},
	{"fetch failed", AGENT_CLASS_NETWORK},
	{"timed out", AGENT_CLASS_NETWORK},
	{"stream disconnected", AGENT_CLASS_NETWORK},
	{"network", AGENT_CLASS_NETWORK},
	{"socket", AGENT_CLASS_NETWORK},
	{"error: terminated", AGENT_CLASS_NETWORK},
	{"internal server error", AGENT_CLASS_SERVER},
	{"empty or malformed", AGENT_CLASS_PROTOCOL},
	{"json", AGENT_CLASS_PROTOCOL},
};

static enum agent_class class_of_phrase(struct text words)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++) {
		if (agent_words_contain(words, phrases[i].words))
			return phrases[i].class;
	}
	return AGENT_CLASS_NONE;
}

/* 400 and its like: only the words tell what was wrong with the request. */
static enum agent_class class_of_request(struct text words)
{
	enum agent_class class = class_of_phrase(words);

	switch (class) {
	case AGENT_CLASS_CONTEXT:
	case AGENT_CLASS_QUOTA:
	case AGENT_CLASS_AUTH:
	case AGENT_CLASS_REFUSED:
	case AGENT_CLASS_MODEL_UNKNOWN:
		return class;
	default:
		return AGENT_CLASS_CONFIG;
	}
}

enum agent_class agent_class_of_status(unsigned status, struct text words)
{
	switch (status) {
	case 401:
	case 403:
		return AGENT_CLASS_AUTH;
	case 402:
		return AGENT_CLASS_QUOTA;
	case 404:
		return AGENT_CLASS_MODEL_UNKNOWN;
	case 408:
		return AGENT_CLASS_NETWORK;
	case 409:
	case 425:
		return AGENT_CLASS_SERVER;
	case 413:
		return AGENT_CLASS_CONTEXT;
	case 429:
		return class_of_phrase(words) == AGENT_CLASS_QUOTA ? AGENT_CLASS_QUOTA : AGENT_CLASS_RATE_LIMIT;
	case 503:
	case 529:
		return AGENT_CLASS_OVERLOADED;
	default:
		if (status >= 500 && status <= 599)
			return AGENT_CLASS_SERVER;
		return status >= 400 && status <= 499 ? class_of_request(words) : AGENT_CLASS_NONE;
	}
}

enum agent_class agent_class_of_words(struct text words, unsigned *out_status)
{
	unsigned status = status_in(words);

	if (out_status)
		*out_status = status;
	return status ? agent_class_of_status(status, words) : class_of_phrase(words);
}
