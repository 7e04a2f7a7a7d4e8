/* SPDX-License-Identifier: MIT
 *
 * What a race comes to: the report and the result as files, and the completion. And the results of its children, whole.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/attempt.h"
#include "actors/attempt_inner.h"
#include "actors/race_attempt_inner.h"

#define REPORT_NAME     "report.md"
#define RESULT_NAME     "result.json"
#define WHOLE_BYTES_MAX (64u << 20)
#define HASH_DIGITS     64u

/* ---- whole results ---- */

/* STATE/artefacts/ab/cdef…: what Omega has finished is there under its hash, and never changes. */
static json_t *read_artefact(const struct state_folder *state, const char *hash)
{
	char relative[2 * HASH_DIGITS], path[PATH_BYTES];
	char *text;
	size_t bytes = 0;
	json_t *json = NULL;

	if (strlen(hash) != HASH_DIGITS || strspn(hash, "0123456789abcdef") != HASH_DIGITS)
		return NULL;
	snprintf(relative, sizeof(relative), STATE_ARTEFACTS "/%.2s/%s", hash, hash + 2);
	text = malloc(WHOLE_BYTES_MAX);
	if (text && state_path(state, relative, path) == 0 && file_read(path, text, WHOLE_BYTES_MAX, &bytes) == 0)
		json = json_loadb(text, bytes, 0, NULL);
	free(text);
	return json;
}

void race_make_whole(const struct state_folder *state, json_t *outcome)
{
	const json_t *cut = json_object_get(json_object_get(outcome, "result"), "cut");
	const char *whole = json_string_value(json_object_get(cut, "whole"));
	const json_t *artefact;
	size_t i;

	json_array_foreach (json_object_get(outcome, "artefacts"), i, artefact) {
		const char *name = json_string_value(json_object_get(artefact, "name"));
		const char *hash = json_string_value(json_object_get(artefact, "hash"));
		json_t *result = whole && name && hash && strcmp(name, whole) == 0 ? read_artefact(state, hash) : NULL;

		if (json_is_object(result))
			json_object_set(outcome, "result", result);
		json_decref(result);
	}
}

/* ---- a result that fits into a message ---- */

static size_t dump_bytes(const json_t *json)
{
	return json_dumpb(json, NULL, 0, JSON_COMPACT);
}

static void drop_from_each(json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		json_object_del(item, name);
}

/* What people need least in a message goes first. */
static void shorten_once(json_t *result, unsigned round)
{
	json_t *attempts = json_object_get(result, "attempts"), *merging = json_object_get(result, "merging"), *attempt;
	size_t i;

	switch (round) {
	case 0:
		json_array_foreach (attempts, i, attempt)
			drop_from_each(json_object_get(attempt, "gates"), "details");
		drop_from_each(json_object_get(merging, "gates"), "details");
		break;
	case 1:
		drop_from_each(attempts, "tries");
		json_object_del(json_object_get(result, "choice"), "steps");
		break;
	case 2:
		json_object_del(merging, "conflicts");
		json_object_del(merging, "favoured");
		break;
	case 3:
		json_object_del(result, "prompt");
		json_array_foreach (attempts, i, attempt)
			json_object_del(json_object_get(attempt, "change"), "hidden");
		break;
	case 4:
		drop_from_each(attempts, "gates");
		json_object_del(merging, "gates");
		break;
	default:
		json_object_del(result, "attempts");
		json_object_del(result, "merging");
	}
}

static json_t *shortened(const json_t *result)
{
	json_t *brief = json_deep_copy(result);

	json_object_set_new(brief, "cut", json_pack("{s:s}", "whole", RESULT_NAME));
	for (unsigned round = 0; brief && round < 6 && dump_bytes(brief) > ATTEMPT_RESULT_BYTES; round++)
		shorten_once(brief, round);
	return brief;
}

/* ---- handing in ---- */

static int leave_file(const char *work, const char *name, const char *media_type, const char *text, json_t *artefacts)
{
	char path[PATH_BYTES];
	size_t bytes = strlen(text);
	FILE *file;
	bool written;

	if (snprintf(path, sizeof(path), "%s/%s", work, name) >= (int)sizeof(path))
		return ERR_IO;
	file = fopen(path, "we");
	written = file && fwrite(text, 1, bytes, file) == bytes;
	if (file && fclose(file) != 0)
		written = false;
	if (!written)
		return ERR_IO;
	return json_array_append_new(artefacts,
				     json_pack("{s:s, s:s, s:s}", "name", name, "path", path, "media_type", media_type))
		       ? ERR_MEMORY
		       : 0;
}

/* The children's tokens are told by the children; `tokens` are what was asked of models here. */
static int print_completion(const json_t *end, json_t *sent, json_t *artefacts, uint64_t tokens)
{
	json_t *line =
		json_pack("{s:{s:I, s:O*, s:O, s:O, s:I}}", "completion", "completeness",
			  json_integer_value(json_object_get(end, "completeness")), "summary", json_object_get(end, "summary"),
			  "result", sent, "artefacts", artefacts, "tokens", (json_int_t)tokens);

	if (!line)
		return ERR_MEMORY;
	attempt_print(line);
	return 0;
}

static void say_when(json_t *result)
{
	char now[32];

	attempt_time_text(now);
	json_object_set_new(result, "ended", json_string(now));
}

int race_hand_in(const char *work, const json_t *end, uint64_t tokens)
{
	json_t *result = json_object_get(end, "result");
	say_when(result);
	char *report = race_report_markdown(result), *whole = json_dumps(result, JSON_INDENT(1));
	json_t *artefacts = json_array(), *sent = shortened(result);
	int rc = report && whole && artefacts && sent ? 0 : ERR_MEMORY;

	if (!rc && dump_bytes(result) <= ATTEMPT_RESULT_BYTES) {
		json_decref(sent);
		sent = json_deep_copy(result);
	}
	if (!rc)
		rc = leave_file(work, REPORT_NAME, "text/markdown", report, artefacts);
	if (!rc)
		rc = leave_file(work, RESULT_NAME, "application/json", whole, artefacts);
	if (!rc)
		rc = print_completion(end, sent, artefacts, tokens);
	free(report);
	free(whole);
	json_decref(artefacts);
	json_decref(sent);
	return rc;
}
