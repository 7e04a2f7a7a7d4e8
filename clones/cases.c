/* SPDX-License-Identifier: MIT
 *
 * The list of test cases, and the readers of plain lines.
 */
#include "clones/cases.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clones/pattern.h"

static char *copy(struct cases *cases, const char *at, size_t bytes)
{
	char *text = malloc(bytes + 1);
	if (!text) {
		cases->no_memory = true;
		return NULL;
	}
	if (bytes)
		memcpy(text, at, bytes);
	text[bytes] = '\0';
	return text;
}

static void case_release(struct test_case *one)
{
	free(one->suite);
	free(one->name);
	free(one->message);
	free(one->output);
}

void cases_release(struct cases *cases)
{
	for (size_t i = 0; i < cases->count; i++)
		case_release(&cases->at[i]);
	free(cases->at);
	memset(cases, 0, sizeof(*cases));
}

static bool make_room(struct cases *cases)
{
	if (cases->count < cases->capacity)
		return true;
	size_t capacity = cases->capacity ? 2 * cases->capacity : 64;
	struct test_case *bigger = realloc(cases->at, capacity * sizeof(*bigger));
	if (!bigger) {
		cases->no_memory = true;
		return false;
	}
	cases->at = bigger;
	cases->capacity = capacity;
	return true;
}

static size_t at_most(size_t bytes, size_t most)
{
	return bytes < most ? bytes : most;
}

struct test_case *cases_add(struct cases *cases, const char *suite, size_t suite_bytes, const char *name, size_t name_bytes,
			    enum verdict verdict)
{
	if (cases->count >= CASES_MAX) {
		cases->dropped++;
		return NULL;
	}
	if (!make_room(cases))
		return NULL;
	struct test_case one = {.verdict = verdict, .seconds = -1};
	one.suite = copy(cases, suite, at_most(suite_bytes, CASE_NAME_BYTES));
	one.name = copy(cases, name, at_most(name_bytes, CASE_NAME_BYTES));
	one.message = copy(cases, "", 0);
	one.output = copy(cases, "", 0);
	if (!one.suite || !one.name || !one.message || !one.output) {
		case_release(&one);
		return NULL;
	}
	cases->at[cases->count] = one;
	return &cases->at[cases->count++];
}

void case_text(struct cases *cases, char **text, const char *at, size_t bytes, bool keep_end)
{
	size_t keep = at_most(bytes, CASE_TEXT_BYTES);
	char *fresh = copy(cases, keep_end ? at + (bytes - keep) : at, keep);
	if (!fresh)
		return;
	free(*text);
	*text = fresh;
}

size_t cases_counted(const struct cases *cases, enum verdict verdict)
{
	size_t count = 0;
	for (size_t i = 0; i < cases->count; i++)
		count += cases->at[i].verdict == verdict;
	return count;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {"passed", "failed", "error", "skipped"};
	return names[verdict];
}

/* ---- readers of lines ---- */

struct word {
	const char *word;
	enum verdict verdict;
};

static bool verdict_of(const struct word *words, size_t count, const char *at, size_t bytes, enum verdict *out_verdict)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(words[i].word) == bytes && memcmp(words[i].word, at, bytes) == 0) {
			*out_verdict = words[i].verdict;
			return true;
		}
	}
	return false;
}

#define VERDICT_OF(words, match, number, out)                                                                                    \
	verdict_of(words, sizeof(words) / sizeof((words)[0]), (match)->group[number].at, (match)->group[number].bytes, out)

void read_trs(struct cases *cases, struct bytes text)
{
	/* An expected failure is what was expected; an unexpected pass is not. */
	static const struct word words[] = {{"PASS", VERDICT_PASSED},  {"XFAIL", VERDICT_PASSED}, {"FAIL", VERDICT_FAILED},
					    {"XPASS", VERDICT_FAILED}, {"SKIP", VERDICT_SKIPPED}, {"ERROR", VERDICT_ERROR}};
	struct match match;
	enum verdict verdict;
	for (size_t from = 0; pattern_next("^(?:\\./)?(.+?)\\.trs:+(?:\\d+:)?:?test-result: ([A-Z]+)[ \\t]*(.*)$",
					   (const char *)text.at, text.bytes, &from, &match);) {
		if (!VERDICT_OF(words, &match, 2, &verdict))
			continue;
		/* One result a file: the file is the case. Several: each has a name of its own. */
		bool named = match.group[3].bytes > 0;
		cases_add(cases, named ? match.group[1].at : "", named ? match.group[1].bytes : 0, match.group[named ? 3 : 1].at,
			  match.group[named ? 3 : 1].bytes, verdict);
	}
}

void read_cargo(struct cases *cases, struct bytes text)
{
	static const struct word words[] = {{"ok", VERDICT_PASSED}, {"FAILED", VERDICT_FAILED}, {"ignored", VERDICT_SKIPPED}};
	static const char pattern[] = "^ +(?:Running (?:unittests )?(\\S+)|Doc-tests (\\S+))|^test (.+?)(?: - should panic)? "
				      "\\.\\.\\. (ok|FAILED|ignored)";
	struct match match;
	enum verdict verdict;
	const char *suite = "";
	size_t suite_bytes = 0;
	for (size_t from = 0; pattern_next(pattern, (const char *)text.at, text.bytes, &from, &match);) {
		if (!match.group[3].at) {
			unsigned group = match.group[1].at ? 1 : 2;
			suite = match.group[group].at;
			suite_bytes = match.group[group].bytes;
		} else if (VERDICT_OF(words, &match, 4, &verdict)) {
			cases_add(cases, suite, suite_bytes, match.group[3].at, match.group[3].bytes, verdict);
		}
	}
}

void read_ctest_text(struct cases *cases, struct bytes text)
{
	static const struct word words[] = {{"Passed", VERDICT_PASSED},      {"***Failed", VERDICT_FAILED},
					    {"***Skipped", VERDICT_SKIPPED}, {"***Timeout", VERDICT_FAILED},
					    {"***Not Run", VERDICT_ERROR},   {"***Exception", VERDICT_FAILED}};
	struct match match;
	enum verdict verdict;
	for (size_t from = 0;
	     pattern_next("^ *\\d+/\\d+ +Test +#\\d+: (\\S+) \\.+ *(Passed|\\*\\*\\*(?:Failed|Skipped|Timeout|Not Run|Exception))"
			  "[^\\n]*?([\\d.]+) sec$",
			  (const char *)text.at, text.bytes, &from, &match);) {
		if (!VERDICT_OF(words, &match, 2, &verdict))
			continue;
		struct test_case *one = cases_add(cases, "", 0, match.group[1].at, match.group[1].bytes, verdict);
		if (one)
			one->seconds = strtod(match.group[3].at, NULL);
	}
}

void read_ticks(struct cases *cases, struct bytes text)
{
	static const struct word words[] = {{"\xe2\x9c\x93", VERDICT_PASSED}, {"\xe2\x9c\x94", VERDICT_PASSED},
					    {"\xe2\x88\x9a", VERDICT_PASSED}, {"\xe2\x9c\x95", VERDICT_FAILED},
					    {"\xe2\x9c\x96", VERDICT_FAILED}, {"\xe2\x9c\x97", VERDICT_FAILED},
					    {"\xc3\x97", VERDICT_FAILED},     {"\xe2\x97\x8b", VERDICT_SKIPPED}};
	struct match match;
	enum verdict verdict;
	/* Mocha marks what failed with "1)", and what is pending with "-"; both are indented by two or more. */
	for (size_t from = 0; pattern_next("^[ "
					   "\\t]+(?:(\xe2\x9c\x93|\xe2\x9c\x94|\xe2\x88\x9a|\xe2\x9c\x95|\xe2\x9c\x96|"
					   "\xe2\x9c\x97|\xc3\x97|\xe2\x97\x8b)|(\\d+\\))|(-)) "
					   "(.+?)(?: \\((\\d+)\\s?ms\\))?$",
					   (const char *)text.at, text.bytes, &from, &match);) {
		if (match.group[2].at)
			verdict = VERDICT_FAILED;
		else if (match.group[3].at)
			verdict = VERDICT_SKIPPED;
		else if (!VERDICT_OF(words, &match, 1, &verdict))
			continue;
		struct test_case *one = cases_add(cases, "", 0, match.group[4].at, match.group[4].bytes, verdict);
		if (one && match.group[5].at)
			one->seconds = strtod(match.group[5].at, NULL) / 1000;
	}
}

/* ---- readers of JSON lines ---- */

static json_t *next_line(struct bytes text, size_t *from)
{
	while (*from < text.bytes) {
		const uint8_t *start = text.at + *from;
		const uint8_t *newline = memchr(start, '\n', text.bytes - *from);
		size_t bytes = newline ? (size_t)(newline - start) : text.bytes - *from;
		*from += bytes + 1;
		json_t *value = bytes && start[0] == '{' ? json_loadb((const char *)start, bytes, 0, NULL) : NULL;
		if (json_is_object(value))
			return value;
		json_decref(value);
	}
	return NULL;
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

void read_lines(struct cases *cases, struct bytes text)
{
	json_t *line;
	for (size_t from = 0; (line = next_line(text, &from)) != NULL; json_decref(line)) {
		const char *suite = member(line, "suite");
		const char *name = member(line, "name");
		const char *message = member(line, "message");
		for (enum verdict verdict = VERDICT_PASSED; verdict <= VERDICT_SKIPPED; verdict++) {
			if (strcmp(member(line, "verdict"), verdict_name(verdict)) != 0)
				continue;
			struct test_case *one = cases_add(cases, suite, strlen(suite), name, strlen(name), verdict);
			if (!one)
				continue;
			one->seconds = json_is_number(json_object_get(line, "seconds"))
					       ? json_number_value(json_object_get(line, "seconds"))
					       : -1;
			/* The end of a traceback tells more than its beginning. */
			case_text(cases, &one->message, message, strlen(message), true);
		}
	}
}

/* Output events of a test come before its verdict. The texts of unfinished tests are kept by "package test". */
static void remember(json_t *outputs, const char *key, const char *text)
{
	const char *before = json_string_value(json_object_get(outputs, key));
	if (!before)
		json_object_set_new(outputs, key, json_string(text));
	else if (strlen(before) < 2 * (size_t)CASE_TEXT_BYTES)
		json_object_set_new(outputs, key, json_sprintf("%s%s", before, text));
}

static bool go_verdict(const char *action, enum verdict *out_verdict)
{
	static const struct word words[] = {{"pass", VERDICT_PASSED}, {"fail", VERDICT_FAILED}, {"skip", VERDICT_SKIPPED}};
	return verdict_of(words, 3, action, strlen(action), out_verdict);
}

static void go_event(struct cases *cases, json_t *outputs, const json_t *event)
{
	const char *package = member(event, "Package");
	const char *test = member(event, "Test");
	const char *action = member(event, "Action");
	char key[2 * CASE_NAME_BYTES];
	enum verdict verdict;
	size_t bytes = strlen(package);
	if (bytes + strlen(test) + 2 > sizeof(key))
		return;
	memcpy(key, package, bytes);
	key[bytes] = ' ';
	memcpy(key + bytes + 1, test, strlen(test) + 1);
	if (strcmp(action, "output") == 0)
		remember(outputs, key, member(event, "Output"));
	/* A package is no case, unless it failed without any test: then it did not compile, or crashed at once. */
	if (!go_verdict(action, &verdict))
		return;
	if (test[0] == '\0') {
		if (verdict != VERDICT_FAILED || json_object_get(outputs, package))
			return;
		verdict = VERDICT_ERROR;
		test = "(package)";
	} else {
		json_object_set_new(outputs, package, json_true());
	}
	struct test_case *one = cases_add(cases, package, bytes, test, strlen(test), verdict);
	if (one) {
		const char *output = member(outputs, key);
		one->seconds = json_number_value(json_object_get(event, "Elapsed"));
		if (verdict != VERDICT_PASSED)
			case_text(cases, &one->message, output, strlen(output), false);
	}
	json_object_del(outputs, key);
}

void read_go(struct cases *cases, struct bytes text)
{
	json_t *outputs = json_object();
	json_t *line;
	for (size_t from = 0; outputs && (line = next_line(text, &from)) != NULL; json_decref(line))
		go_event(cases, outputs, line);
	json_decref(outputs);
}
