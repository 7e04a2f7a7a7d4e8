/* SPDX-License-Identifier: MIT
 *
 * Regular expressions over bytes that a tool printed.
 */
#include "clones/pattern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STEPS_MAX 2000000u /* of the matcher: hostile text must not cost more than a second */

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

struct pattern *pattern_new(const char *text)
{
	int error = 0;
	PCRE2_SIZE where = 0;
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	if (!pattern)
		return NULL;
	pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE, &error, &where, NULL);
	assert(pattern->code || error == PCRE2_ERROR_NOMEMORY);
	pattern->data = pattern->code ? pcre2_match_data_create_from_pattern(pattern->code, NULL) : NULL;
	pattern->context = pcre2_match_context_create(NULL);
	if (pattern->data && pattern->context) {
		pcre2_set_match_limit(pattern->context, STEPS_MAX);
		return pattern;
	}
	pattern_free(pattern);
	return NULL;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->context);
	pcre2_match_data_free(pattern->data);
	pcre2_code_free(pattern->code);
	free(pattern);
}

static int search(const struct pattern *pattern, const char *text, size_t bytes, size_t from)
{
	if (!pattern || !text || from > bytes)
		return 0;
	return pcre2_match(pattern->code, (PCRE2_SPTR)text, bytes, from, 0, pattern->data, pattern->context);
}

bool pattern_matches(const struct pattern *pattern, const char *text)
{
	return search(pattern, text, strlen(text), 0) > 0;
}

static void take_groups(pcre2_match_data *data, int count, const char *text, struct match *out_match)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data);
	memset(out_match, 0, sizeof(*out_match));
	for (unsigned i = 0; i < PATTERN_GROUPS && (int)i < count; i++) {
		if (offsets[2 * i] == PCRE2_UNSET)
			continue;
		out_match->group[i].at = text + offsets[2 * i];
		out_match->group[i].bytes = offsets[2 * i + 1] - offsets[2 * i];
	}
}

bool pattern_next(const char *text_of_pattern, const char *text, size_t bytes, size_t *from, struct match *out_match)
{
	struct pattern *pattern = pattern_new(text_of_pattern);
	int count = search(pattern, text, bytes, *from);
	if (count > 0) {
		take_groups(pattern->data, count, text, out_match);
		size_t end = (size_t)(out_match->group[0].at - text) + out_match->group[0].bytes;
		*from = out_match->group[0].bytes ? end : end + 1;
	}
	pattern_free(pattern);
	return count > 0;
}

bool pattern_find(const char *pattern, const char *text, size_t bytes, struct match *out_match)
{
	struct match match;
	size_t from = 0;
	return pattern_next(pattern, text, bytes, &from, out_match ? out_match : &match);
}

void match_copy(const struct match *match, unsigned number, char *out, size_t capacity)
{
	size_t bytes = match->group[number].at ? match->group[number].bytes : 0;
	if (bytes >= capacity)
		bytes = capacity - 1;
	if (bytes)
		memcpy(out, match->group[number].at, bytes);
	out[bytes] = '\0';
}
