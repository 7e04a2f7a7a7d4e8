/* SPDX-License-Identifier: MIT
 *
 * What all gates share, and the three that need nobody's help: change, protected, text.
 */
#include "races/gates.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "races/paths.h"
#include "races/said.h"

const char *gate_state_name(enum gate_state state)
{
	static const char *const names[] = {"unknown", "passed", "failed", "unknown", "skipped"};

	return names[state];
}

void gate_release(struct gate *gate)
{
	json_decref(gate->details);
	*gate = (struct gate){0};
}

void gate_say(struct gate *gate, enum gate_state state, const char *format, ...)
{
	char text[2 * GATE_SENTENCE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	gate->state = state;
	gate->sentence[0] = '\0';
	said_add(gate->sentence, sizeof(gate->sentence), "%s", text);
}

static json_t *details_of(struct gate *gate)
{
	if (!gate->details)
		gate->details = json_object();
	return gate->details;
}

void gate_name(struct gate *gate, const char *list, const char *text)
{
	json_t *details = details_of(gate), *names = json_object_get(details, list);

	if (!names) {
		json_object_set_new(details, list, json_array());
		names = json_object_get(details, list);
	}
	if (json_array_size(names) < GATE_NAMED_MAX)
		json_array_append_new(names, said_cut(text, 300));
}

void gate_count(struct gate *gate, const char *name, uint64_t number)
{
	json_object_set_new(details_of(gate), name, json_integer((json_int_t)number));
}

/* ---- what a specialist answered ---- */

const json_t *gate_result(struct gate *gate, const json_t *outcome, const char *what)
{
	const char *state = said_text(outcome, "state"), *sentence = said_text(outcome, "sentence");
	const json_t *result = json_object_get(outcome, "result");

	if (!outcome)
		gate_say(gate, GATE_UNKNOWN, "%s was not run.", what);
	else if (strcmp(state, "completed") != 0)
		gate_say(gate, GATE_UNKNOWN, "%s could not be run: %s%.300s.", what, state[0] ? "" : "no outcome",
			 sentence[0] ? sentence : state);
	else if (!json_is_object(result))
		gate_say(gate, GATE_UNKNOWN, "%s ended without a result that can be read.", what);
	else
		return result;
	return NULL;
}

bool result_is(const json_t *result, const char *status)
{
	return strcmp(said_text(result, "status"), status) == 0;
}

bool result_is_cut(const json_t *result, const char *list)
{
	const json_t *cut = json_object_get(result, "cut");

	if (!cut || json_is_null(cut))
		return false;
	return said_number(json_object_get(cut, "sizes"), list) > json_array_size(json_object_get(result, list));
}

const char *result_reason(const json_t *result)
{
	return said_text(result, "status_reason");
}

/* ---- change ---- */

static const json_t *measured(const json_t *measure)
{
	const json_t *result = json_object_get(measure, "result");

	return json_is_array(json_object_get(result, "paths")) ? result : NULL;
}

static const char *why_not_measured(const json_t *measure)
{
	const char *sentence = said_text(json_object_get(measure, "error"), "sentence");

	return sentence[0] ? sentence : "the workspace gave no answer that can be read";
}

/* A line of a difference without white space, added to a hash: lines that differ in nothing else are one. */
static uint64_t line_hash(const char *at, size_t bytes, uint64_t hash)
{
	for (size_t i = 0; i < bytes; i++)
		if (!strchr(" \t\r\f\v", at[i]))
			hash = (hash ^ (unsigned char)at[i]) * 1099511628211u;
	return hash;
}

/* Does the difference take away and put back the same but for white space? What is compared is the text as a whole, so that lines that were only joined or
 * parted are white space too. */
static bool only_space(const char *patch)
{
	const uint64_t start = 14695981039346656037u;
	uint64_t removed = start, added = start;
	bool any = false, in_hunk = false;

	while (*patch) {
		size_t bytes = strcspn(patch, "\n");

		if (strncmp(patch, "Binary files ", 13) == 0 || strncmp(patch, "GIT binary patch", 16) == 0)
			return false;
		if (strncmp(patch, "old mode ", 9) == 0 || strncmp(patch, "rename from ", 12) == 0 ||
		    strncmp(patch, "new file mode ", 14) == 0 || strncmp(patch, "deleted file mode ", 18) == 0)
			return false;
		if (strncmp(patch, "diff --git ", 11) == 0)
			in_hunk = false;
		else if (strncmp(patch, "@@", 2) == 0)
			in_hunk = true;
		else if (in_hunk && *patch == '-')
			removed = line_hash(patch + 1, bytes - 1, removed);
		else if (in_hunk && *patch == '+')
			added = line_hash(patch + 1, bytes - 1, added);
		any = any || in_hunk;
		patch += bytes + (patch[bytes] == '\n');
	}
	return any && removed == added;
}

static bool is_relevant(const struct race_spec *spec, const json_t *path)
{
	return path_fits_any(spec->relevant, said_text(path, "path"), false) ||
	       path_fits_any(spec->relevant, said_text(path, "old_path"), false);
}

void gate_change(struct gate *gate, const struct race_spec *spec, const json_t *measure, const char *patch)
{
	const json_t *result = measured(measure), *paths = said_list(result, "paths"), *path;
	size_t made = 0, relevant = 0, count = json_array_size(paths), i;

	if (!result) {
		gate_say(gate, GATE_UNKNOWN, "What was changed is not known: %.300s.", why_not_measured(measure));
		return;
	}
	json_array_foreach (paths, i, path) {
		made += path_made(said_text(path, "path"));
		relevant += !spec->relevant || is_relevant(spec, path);
		gate_name(gate, "paths", said_text(path, "path"));
	}
	gate_count(gate, "files", count);
	if (count == 0)
		gate_say(gate, GATE_FAILED, "Nothing was changed.");
	else if (made == count)
		gate_say(gate, GATE_FAILED, "Only files that programs make were changed, such as %.200s.",
			 said_text(json_array_get(paths, 0), "path"));
	else if (relevant == 0)
		gate_say(gate, GATE_FAILED,
			 "No file that matters here was changed: none of %zu fits what is relevant (%.100s%s).", count,
			 json_string_value(json_array_get(spec->relevant, 0)), json_array_size(spec->relevant) > 1 ? ", …" : "");
	else if (patch && only_space(patch))
		gate_say(gate, GATE_FAILED, "Only white space was changed.");
	else
		gate_say(gate, GATE_PASSED, "%zu file%s changed.", count, count == 1 ? " is" : "s are");
}

int64_t change_size(const json_t *measure)
{
	const json_t *result = measured(measure), *path;
	uint64_t lines = 0;
	size_t i;

	if (!result)
		return -1;
	json_array_foreach (said_list(result, "paths"), i, path)
		if (!path_made(said_text(path, "path")))
			lines = said_sum(lines, said_sum(said_number(path, "additions"), said_number(path, "deletions")));
	return (int64_t)lines;
}

/* ---- protected ---- */

bool tree_is_approved(const struct race_spec *spec, const char *tree)
{
	const json_t *one;
	size_t i;

	json_array_foreach (spec->approved, i, one)
		if (tree[0] && strcmp(said_text(one, "tree"), tree) == 0)
			return true;
	return false;
}

static size_t name_protected(struct gate *gate, const struct race_spec *spec, const json_t *path, char first[512])
{
	static const char *const members[] = {"path", "old_path"};
	char memory[256], line[512];

	for (size_t i = 0; i < 2; i++) {
		const char *name = said_text(path, members[i]);
		const char *why = name[0] ? path_protected(name, spec->protected_globs, memory) : NULL;

		if (!why)
			continue;
		line[0] = '\0';
		said_add(line, sizeof(line), "%.300s (%s)", name, why);
		gate_name(gate, "reasons", line);
		gate_name(gate, "paths", name);
		if (!first[0])
			said_copy(first, 512, line);
		return 1;
	}
	return 0;
}

void gate_protected(struct gate *gate, const struct race_spec *spec, const json_t *measure)
{
	const json_t *result = measured(measure), *path;
	const char *tree = said_text(result, "tree");
	char first[512] = "";
	size_t count = 0, i;

	if (!result) {
		gate_say(gate, GATE_UNKNOWN, "What was changed is not known: %.300s.", why_not_measured(measure));
		return;
	}
	json_array_foreach (said_list(result, "paths"), i, path)
		count += name_protected(gate, spec, path, first);
	gate_count(gate, "count", count);
	if (count == 0)
		gate_say(gate, GATE_PASSED, "No protected file was touched.");
	else if (tree_is_approved(spec, tree))
		gate_say(gate, GATE_PASSED, "%zu protected file%s touched, which was approved for exactly this tree: %.300s%s",
			 count, count == 1 ? " was" : "s were", first, count > 1 ? ", …" : ".");
	else
		gate_say(gate, GATE_FAILED, "%zu protected file%s touched: %.330s%s; somebody must approve tree %.12s first.",
			 count, count == 1 ? " was" : "s were", first, count > 1 ? ", …" : "", tree[0] ? tree : "(not known)");
}

/* ---- text ---- */

void gate_text(struct gate *gate, const json_t *measure)
{
	const json_t *result = measured(measure), *hidden = said_list(result, "hidden"), *one;
	size_t count = json_array_size(hidden), i;

	if (!result || !hidden) {
		gate_say(gate, GATE_UNKNOWN, "Nobody has looked for hidden characters: %.300s.", why_not_measured(measure));
		return;
	}
	json_array_foreach (hidden, i, one) {
		char place[400] = "";

		said_add(place, sizeof(place), "%.300s:%llu %.20s", said_text(one, "path"),
			 (unsigned long long)said_number(one, "line"), said_text(one, "character"));
		gate_name(gate, "places", place);
	}
	gate_count(gate, "count", count);
	if (count == 0)
		gate_say(gate, GATE_PASSED, "No added line has hidden characters.");
	else
		gate_say(gate, GATE_FAILED, "%zu added line%s characters that nobody sees, the first in %.200s:%llu (%.20s).",
			 count, count == 1 ? " has" : "s have", said_text(json_array_get(hidden, 0), "path"),
			 (unsigned long long)said_number(json_array_get(hidden, 0), "line"),
			 said_text(json_array_get(hidden, 0), "character"));
}
