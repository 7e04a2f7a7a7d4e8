/* SPDX-License-Identifier: MIT */
#include "actors/workspace_request.h"

#include <stdio.h>
#include <string.h>

#include "clones/result.h"

#define MEMBERS_MAX 12u

enum member_kind { TEXT, TEXTS, OBJECTS, NUMBER, FLAG };

struct member {
	const char *name; /* NULL ends the list */
	enum member_kind kind;
	bool required;
};

static const struct {
	const char *word;
	enum workspace_class class;
	struct member member[MEMBERS_MAX + 1];
} verbs[] = {
/* clang-format off */
#define VERB(NAME, word, class, sentence, result) [WORKSPACE_##NAME] = {#word, CLASS_##class, {
#define MEMBER(word, name, kind, required, sentence) {#name, kind, required},
#define END(word) {NULL, TEXT, false}}},
#include "actors/workspace_verbs.def"
	/* clang-format on */
};

static const char *const kind_words[] = {[TEXT] = "text",
					 [TEXTS] = "an array of text",
					 [OBJECTS] = "an array of objects",
					 [NUMBER] = "a number from 0",
					 [FLAG] = "true or false"};

const char *verb_word(enum workspace_verb verb)
{
	return verb < WORKSPACE_VERBS ? verbs[verb].word : "?";
}

enum workspace_class verb_class(enum workspace_verb verb)
{
	return verbs[verb].class;
}

static bool is_texts(const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach (value, i, item)
		if (!json_is_string(item))
			return false;
	return json_is_array(value);
}

static bool is_objects(const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach (value, i, item)
		if (!json_is_object(item))
			return false;
	return json_is_array(value);
}

static bool is_kind(const json_t *value, enum member_kind kind)
{
	switch (kind) {
	case TEXT:
		return json_is_string(value);
	case TEXTS:
		return is_texts(value);
	case OBJECTS:
		return is_objects(value);
	case NUMBER:
		return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX;
	default:
		return json_is_boolean(value);
	}
}

static const struct member *member_find(enum workspace_verb verb, const char *name)
{
	static const struct member timeout = {"timeout_ms", NUMBER, false};

	for (const struct member *member = verbs[verb].member; member->name; member++)
		if (strcmp(member->name, name) == 0)
			return member;
	return strcmp(name, timeout.name) == 0 ? &timeout : NULL;
}

static int word_find(const json_t *request, enum workspace_verb *out_verb, char *out_sentence)
{
	const char *word = json_string_value(json_object_get(request, "verb"));
	size_t used;

	for (unsigned i = 0; word && i < WORKSPACE_VERBS; i++)
		if (strcmp(verbs[i].word, word) == 0) {
			*out_verb = (enum workspace_verb)i;
			return 0;
		}
	used = (size_t)snprintf(out_sentence, SENTENCE_BYTES, "there is no verb \"%.40s\"; there are", word ? word : "");
	for (unsigned i = 0; i < WORKSPACE_VERBS && used < SENTENCE_BYTES; i++)
		used += (size_t)snprintf(out_sentence + used, SENTENCE_BYTES - used, "%s %s", i ? "," : "", verbs[i].word);
	return ERR_USAGE;
}

static int members_check(enum workspace_verb verb, json_t *request, char *out_sentence)
{
	const char *name;
	json_t *value;

	json_object_foreach (request, name, value) {
		const struct member *member = member_find(verb, name);
		if (strcmp(name, "verb") == 0)
			continue;
		if (member && is_kind(value, member->kind))
			continue;
		snprintf(out_sentence, SENTENCE_BYTES,
			 member ? "%s: the member %.40s has to be %s" : "%s has no member %.40s%.0s", verbs[verb].word, name,
			 member ? kind_words[member->kind] : "");
		return ERR_USAGE;
	}
	for (const struct member *member = verbs[verb].member; member->name; member++)
		if (member->required && !json_object_get(request, member->name)) {
			snprintf(out_sentence, SENTENCE_BYTES, "%s: the member %s is missing; it has to be %s", verbs[verb].word,
				 member->name, kind_words[member->kind]);
			return ERR_USAGE;
		}
	return 0;
}

int request_read(const char *at, size_t bytes, json_t **out_request, enum workspace_verb *out_verb,
		 char out_sentence[SENTENCE_BYTES])
{
	json_error_t error;
	json_t *request = bytes <= REQUEST_BYTES_MAX ? json_loadb(at, bytes, JSON_REJECT_DUPLICATES, &error) : NULL;
	int rc = ERR_MALFORMED;

	if (bytes > REQUEST_BYTES_MAX)
		snprintf(out_sentence, SENTENCE_BYTES, "a request of %zu bytes; %u are accepted", bytes, REQUEST_BYTES_MAX);
	else if (!request)
		snprintf(out_sentence, SENTENCE_BYTES, "the request is no JSON: %.120s (byte %d)", error.text, error.position);
	else if (!json_is_object(request))
		snprintf(out_sentence, SENTENCE_BYTES, "the request is no JSON object; {\"verb\": \"list\"} is one");
	else
		rc = word_find(request, out_verb, out_sentence);
	if (!rc)
		rc = members_check(*out_verb, request, out_sentence);
	if (rc)
		json_decref(request);
	else
		*out_request = request;
	return rc;
}

const char *request_text(const json_t *request, const char *name)
{
	return json_string_value(json_object_get(request, name));
}

uint64_t request_number(const json_t *request, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(request, name));
}

bool request_flag(const json_t *request, const char *name)
{
	return json_is_true(json_object_get(request, name));
}

json_t *reply_result(json_t *result)
{
	return json_pack("{s:o}", "result", result);
}

json_t *reply_error(int code, const char *sentence, json_t *more)
{
	json_t *error = json_pack("{s:s, s:o}", "code", error_name(code), "sentence",
				  text_json(sentence, strlen(sentence), SENTENCE_BYTES));

	if (more)
		json_object_update_missing(error, more);
	json_decref(more);
	return json_pack("{s:o}", "error", error);
}
