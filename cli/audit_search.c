/* SPDX-License-Identifier: MIT
 *
 * bunshin audit search
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/finder.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"

#define WORTH_SAYING 50000u /* records to be taken in before a person is told that it takes a moment */

static const struct column columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},    {"TIME", "at", COLUMN_TIME, false},    {"PEER", "peer", COLUMN_TEXT, false},
	{"MESSAGE", "type", COLUMN_TEXT, false}, {"TASK", "task_id", COLUMN_ID, false}, {"TEXT", "snippet", COLUMN_PROSE, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int keep(void *context, uint64_t seq, struct text snippet)
{
	char *text = text_of_message(snippet.bytes ? snippet.at : "", snippet.bytes);

	for (char *at = text; *at; at++) {
		if (*at == '\n' || *at == '\t' || *at == '\r')
			*at = ' ';
	}
	json_array_append_new(
		context, json_pack("{s:I, s:o}", "seq", (json_int_t)seq, "snippet", json_stringn_nocheck(text, strlen(text))));
	free(text);
	return 0;
}

/* The record that each text belongs to. One that is in the index and not in the trail cannot be: the index was compared with it. */
static int add_records(struct trail *trail, json_t *rows)
{
	json_t *row, *record;
	size_t i;

	json_array_foreach (rows, i, row) {
		int rc = record_fetch(trail, (uint64_t)json_integer_value(json_object_get(row, "seq")), &record);
		if (rc)
			return rc;
		json_object_del(record, "message");
		json_object_del(record, "chain");
		json_object_update_missing(row, record);
		json_decref(record);
	}
	return 0;
}

/* Said only where the index is behind the trail. */
static void say_stale(struct call *call, struct trail *trail, const struct finder_state *state)
{
	uint64_t last = trail_last_seq(trail), now = (uint64_t)time(NULL) * 1000;
	char span[SPAN_TEXT_BYTES];

	if (state->through_seq >= last)
		return;
	span_print(now > state->updated_ms ? now - state->updated_ms : 0, span);
	call_note(call,
		  "the index cannot be written now: it was brought up to date %s ago, and the last %llu records are not in it",
		  span, (unsigned long long)(last - state->through_seq));
}

static void say_progress(void *context, uint64_t seq, uint64_t last_seq)
{
	struct call *call = context;

	if (call->color_err && last_seq > seq)
		fprintf(stderr, "\r%3u %% ", (unsigned)(seq * 100 / last_seq));
}

static int bring_up_to_date(struct call *call, struct trail *trail, struct finder *finder)
{
	struct finder_state state;
	int rc = finder_look(finder, &state);

	if (!rc && trail_last_seq(trail) > state.through_seq + WORTH_SAYING)
		call_note(call, "taking %llu records into the index …",
			  (unsigned long long)(trail_last_seq(trail) - state.through_seq));
	if (!rc)
		rc = finder_update(finder, say_progress, call);
	if (rc && rc != ERR_LOCKED)
		return call_fail(call, rc, "the index holds nothing that the trail does not: it may be deleted", "%s",
				 finder_why(finder));
	rc = finder_look(finder, &state);
	if (rc)
		return call_fail(call, rc, NULL, "%s", finder_why(finder));
	if (!state.kept)
		call_note(call, "the folder of the trail cannot be written, so the index is not kept");
	say_stale(call, trail, &state);
	return 0;
}

static int find(struct call *call, struct trail *trail, struct finder *finder, const char *query, uint32_t limit)
{
	json_t *rows = need(json_array());
	uint64_t total = 0;
	int rc = finder_find(finder, query, limit, keep, rows, &total);

	if (rc) {
		json_decref(rows);
		return call_fail(call, rc, NULL, "%s", finder_why(finder));
	}
	rc = add_records(trail, rows);
	if (rc) {
		json_decref(rows);
		return session_unreadable(call, rc, trail);
	}
	if (call->json)
		return print_json(json_pack("{s:I, s:o}", "total", (json_int_t)total, "found", rows));
	if (total > json_array_size(rows))
		call_note(call, "the newest %zu of %llu; --limit shows more", json_array_size(rows), (unsigned long long)total);
	return listing_print(call, "found", rows, columns, "no text in the trail has that");
}

/* All operands are one question. */
static char *words_of(const struct call *call)
{
	size_t bytes = 1, used = 0;
	char *words;

	for (size_t i = 0; i < call->operands; i++)
		bytes += strlen(call->operand[i]) + 1;
	words = need(malloc(bytes));
	words[0] = 0;
	for (size_t i = 0; i < call->operands; i++)
		used += (size_t)sprintf(words + used, "%s%s", i ? " " : "", call->operand[i]);
	return words;
}

static int take_query(struct call *call, char query[FINDER_QUERY_BYTES])
{
	char *words = words_of(call);
	char why[256] = "";
	int rc = finder_query(words, query, why);

	free(words);
	return rc ? call_fail(call, ERR_USAGE, "bunshin help audit search", "%s", why) : 0;
}

static int run(struct call *call)
{
	char query[FINDER_QUERY_BYTES], why[256] = "";
	struct finder *finder = NULL;
	struct trail *trail = NULL;
	uint32_t limit = 50;
	int rc = option_number(call, "limit", 1, 1000000, &limit);

	if (!rc)
		rc = take_query(call, query);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rc = finder_open(trail, &finder, why);
	if (rc)
		rc = call_fail(call, rc, "the index holds nothing that the trail does not: it may be deleted", "%s", why);
	if (!rc)
		rc = bring_up_to_date(call, trail, finder);
	if (!rc)
		rc = find(call, trail, finder, query, limit);
	finder_close(finder);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"limit", "N", "at most the newest N; 50 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_audit_search = {
	.name = "audit search",
	.operands = "WORD...",
	.sentence = "Finds records by what was said in them: parameters, results, failures, reasons",
	.example = "$ bunshin audit search strcpy till*\n$ bunshin audit search '\"out of memory\" OR timeout'",
	.notes = "A record is found if it has all WORDs; case and accents do not matter. \"…\" is a phrase (in a shell: "
		 "'\"…\"'), word* a\n"
		 "beginning; AND, OR, NOT and parentheses combine. src/till.c is the phrase of its parts. The newest are shown "
		 "first,\n"
		 "what was found between » and «. An index beside the trail, search.db, is brought up to date first; it holds "
		 "nothing\n"
		 "that the trail does not, and may be deleted. Works without a running network.",
	.options = options,
	.operands_least = 1,
	.operands_most = OPERANDS_MAX,
	.run = run,
};
