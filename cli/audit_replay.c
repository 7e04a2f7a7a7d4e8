/* SPDX-License-Identifier: MIT
 *
 * bunshin audit replay
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/replay.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "protocol/id.h"

#define LISTED_MAX 10000u /* differences; the rest is counted */

/* ---- what differs ---- */

static void keep(void *context, const struct replay_difference *difference)
{
	char id[ID_TEXT_BYTES];
	json_t *rows = context;

	if (json_array_size(rows) >= LISTED_MAX)
		return;
	id_print(&difference->task_id, id);
	json_array_append_new(rows,
			      json_pack("{s:I, s:s, s:s*, s:o, s:s, s:s, s:s}", "seq", (json_int_t)difference->seq, "type",
					message_name((enum message_type)difference->type), "peer",
					*difference->peer ? difference->peer : NULL, "task_id",
					id_is_nil(&difference->task_id) ? json_null() : json_string(id), "field",
					difference->field, "recorded", difference->recorded, "decided", difference->decided));
}

static const struct column columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},
	{"MESSAGE", "type", COLUMN_TEXT, false},
	{"TASK", "task_id", COLUMN_ID, false},
	{"FIELD", "field", COLUMN_TEXT, false},
	{"RECORDED", "recorded", COLUMN_TEXT, false},
	{"DECIDED NOW", "decided", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column other_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},
	{"MESSAGE", "type", COLUMN_TEXT, false},
	{"TASK", "task_id", COLUMN_ID, false},
	{"FIELD", "field", COLUMN_TEXT, false},
	{"RECORDED", "recorded", COLUMN_TEXT, false},
	{"WOULD BE", "decided", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

/* ---- saying it ---- */

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static int say_json(const struct replay_counts *c, json_t *rows, int error, const char *routes, double seconds)
{
	print_json(
		json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s*, s:I, s:I, s:I, s:f, s:o}",
			  "ok", error == 0, "first_seq", (json_int_t)c->first_seq, "last_seq", (json_int_t)c->last_seq,
			  "compared", (json_int_t)c->compared, "steps", (json_int_t)c->steps, "applied", (json_int_t)c->applied,
			  "not_compared", (json_int_t)c->applied_other, "stretches", (json_int_t)c->stretches,
			  "stretches_not_compared", (json_int_t)c->stretches_other, "snapshots", (json_int_t)c->snapshots,
			  "snapshots_erased", (json_int_t)c->snapshots_gone, "sentences", (json_int_t)c->texts,
			  "sentences_not_compared", (json_int_t)c->texts_left, "refusals_not_proved", (json_int_t)c->unproved,
			  "routes", routes, "decisions", (json_int_t)c->decisions, "tasks", (json_int_t)c->tasks,
			  "differences_found", (json_int_t)c->differences, "seconds", seconds, "differences", rows));
	return error ? 1 : 0;
}

/* What was left out, so that nobody takes it for looked at. */
static void say_left_out(const struct replay_counts *c)
{
	if (c->applied_other)
		printf("%llu records in %llu stretches were decided by another version of the core: applied, not compared\n",
		       (unsigned long long)c->applied_other, (unsigned long long)c->stretches_other);
	if (c->unproved)
		printf("%llu refusals had a reason that no trail holds (rights withdrawn, a payload erased, too many "
		       "connected)\n",
		       (unsigned long long)c->unproved);
	if (c->snapshots_gone)
		printf("%llu snapshots could not be compared: their payload was erased\n", (unsigned long long)c->snapshots_gone);
	if (c->texts_left)
		printf("%llu texts of Omega's were not made again (answers about the status, or erased, masked, of another "
		       "version)\n",
		       (unsigned long long)c->texts_left);
}

static void say_same(const struct replay_counts *c, double seconds)
{
	if (!c->compared) {
		printf("nothing was compared\n");
		return;
	}
	printf("records %llu to %llu: %llu steps decided again, and all %llu records, %llu sentences and %llu saved states are "
	       "as "
	       "recorded\n",
	       (unsigned long long)c->first_seq, (unsigned long long)c->last_seq, (unsigned long long)c->steps,
	       (unsigned long long)c->compared, (unsigned long long)c->texts, (unsigned long long)c->snapshots);
	if (seconds > 0)
		fprintf(stderr, "%.2f s, %.0f records a second\n", seconds, (double)(c->compared + c->applied) / seconds);
}

static void say_other(const struct replay_counts *c, const char *routes)
{
	if (!c->differences)
		printf("with %s nothing would have been routed differently: %llu decisions\n", routes,
		       (unsigned long long)c->decisions);
	else
		printf("with %s, %llu values in %llu decisions would have been others, on %llu tasks\n", routes,
		       (unsigned long long)c->differences, (unsigned long long)c->decisions, (unsigned long long)c->tasks);
}

static int say(struct call *call, const struct replay_counts *c, json_t *rows, int error, const char *routes, double seconds)
{
	if (call->json)
		return say_json(c, rows, error, routes, seconds);
	if (json_array_size(rows))
		listing_print(call, "differences", rows, error ? columns : other_columns, NULL);
	else
		json_decref(rows);
	if (error)
		return call_fail(call, ERR_CORRUPT,
				 "`bunshin audit verify` tells whether the record was changed after it was written; if not, the "
				 "program that decided was another",
				 "record %llu is not what follows from those before it", (unsigned long long)c->last_seq);
	if (routes)
		say_other(c, routes);
	else
		say_same(c, seconds);
	say_left_out(c);
	return 0;
}

/* ---- the command ---- */

static int take_options(struct call *call, struct replay_options *options, char routes[PATH_BYTES], struct conf **conf)
{
	const char *origin = call->settings.item[SETTING_routes].origin;
	uint32_t from = 0, to = 0;
	int rc = option_number(call, "from", 1, UINT32_MAX, &from);

	if (!rc)
		rc = option_number(call, "to", 1, UINT32_MAX, &to);
	if (!rc && to && from > to)
		rc = call_fail(call, ERR_USAGE, NULL, "--from %u comes after --to %u", from, to);
	*routes = 0;
	if (!rc && origin && strcmp(origin, "--routes") == 0)
		rc = session_conf(call, routes, conf);
	options->from_seq = from;
	options->through_seq = to;
	options->other = *conf ? &(*conf)->table : NULL;
	return rc;
}

/* Nothing compared is no proof of anything: a stretch that begins behind the end is a mistake. */
static int check_from(struct call *call, struct trail *trail, uint64_t from)
{
	uint64_t last = trail_last_seq(trail);

	if (from <= last)
		return 0;
	return call_fail(call, ERR_NOT_FOUND, NULL, "--from %llu comes after the end: the last record is %llu",
			 (unsigned long long)from, (unsigned long long)last);
}

static int run(struct call *call)
{
	struct replay_options options = {.each = keep};
	struct replay_counts counts;
	struct timespec begun;
	struct conf *conf = NULL;
	struct trail *trail = NULL;
	char routes[PATH_BYTES];
	char why[256];
	json_t *rows;
	int rc = take_options(call, &options, routes, &conf);

	if (!rc)
		rc = session_trail(call, &trail);
	if (!rc)
		rc = check_from(call, trail, options.from_seq);
	if (rc) {
		trail_close(trail);
		free(conf);
		return rc;
	}
	options.context = rows = json_array();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	rc = replay_trail(trail, &options, &counts, why);
	if (rc && rc != ERR_CONFLICT) {
		json_decref(rows);
		rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "%s", why);
	} else {
		rc = say(call, &counts, rows, rc, *routes ? routes : NULL, seconds_since(&begun));
	}
	trail_close(trail);
	free(conf);
	return rc;
}

static const struct option_row options[] = {
	{"from", "SEQ", "begin with the first event at or after this record"},
	{"to", "SEQ", "end with the step that this record belongs to"},
	{NULL, NULL, NULL},
};

const struct command command_audit_replay = {
	.name = "audit replay",
	.operands = "",
	.sentence = "Decides everything in the trail once more and compares",
	.example = "$ bunshin audit replay\n$ bunshin audit replay --routes ./proposed.conf",
	.notes = "Every recorded event is given to the deciding core again; each record that follows must be the recorded one, "
		 "byte for\n"
		 "byte. Exit code 0: it is; 1: the first record that is not is shown, recorded and decided. Stretches that "
		 "another\n"
		 "version of the core decided are applied, not compared, and counted.\n"
		 "\n"
		 "With --routes FILE each decision is made with that routing.conf too, from the state as it was recorded: what "
		 "would have\n"
		 "been accepted, refused, sent elsewhere, given more time, tried again. Only what differs is listed. The history "
		 "goes on as\n"
		 "recorded: what would have followed from the other decisions is not told, nor a clock that would have run out "
		 "earlier.\n"
		 "Works without a running network.",
	.options = options,
	.run = run,
};
