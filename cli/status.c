/* SPDX-License-Identifier: MIT
 *
 * bunshin status
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/supervisor.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"

/* ---- processes ---- */

static json_t *child_json(const struct child_view *child)
{
	char since[TIME_TEXT_BYTES];

	time_print_utc(child->since_ms, since);
	return json_pack("{s:s, s:s, s:o, s:i, s:s, s:o}", "name", child->name, "state", child_state_name(child->state), "pid",
			 child->pid ? json_integer(child->pid) : json_null(), "starts", (int)child->starts, "since", since, "why",
			 *child->why ? json_string(child->why) : json_null());
}

static json_t *processes_json(const struct supervisor_view *view)
{
	json_t *processes = json_array();

	for (size_t i = 0; i < view->count; i++)
		json_array_append_new(processes, child_json(&view->child[i]));
	return processes;
}

static json_t *supervisor_json(const struct supervisor_view *view)
{
	char started[TIME_TEXT_BYTES];

	time_print_utc(view->started_at_ms, started);
	return json_pack("{s:i, s:s, s:s, s:o}", "pid", (int)view->pid, "phase", view->phase, "started_at", started, "processes",
			 processes_json(view));
}

/* ---- what people see ---- */

static const struct column process_columns[] = {
	{"PROCESS", "name", COLUMN_TEXT, false},    {"STATE", "state", COLUMN_STATE, false}, {"PID", "pid", COLUMN_NUMBER, false},
	{"STARTS", "starts", COLUMN_NUMBER, false}, {"SINCE", "since", COLUMN_TIME, false},  {"WHY", "why", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column clone_columns[] = {
	{"CLONE", "name", COLUMN_TEXT, false},       {"PRESENCE", "presence", COLUMN_STATE, false},
	{"BUSY", "used", COLUMN_NUMBER, false},      {"SLOTS", "slots", COLUMN_NUMBER, false},
	{"DONE", "completed", COLUMN_NUMBER, false}, {"FAILED", "failed", COLUMN_NUMBER, false},
	{"LOST", "lost", COLUMN_NUMBER, false},      {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column mirror_columns[] = {
	{"MIRROR", "kind", COLUMN_TEXT, false},
	{"STATE", "state", COLUMN_STATE, false},
	{"CHECKPOINT", "checkpoint", COLUMN_NUMBER, false},
	{"RECORDS", "records", COLUMN_NUMBER, false},
	{"AT", "at", COLUMN_TIME, false},
	{"FAILS SINCE", "failing_since", COLUMN_TIME, false},
	{"WHERE", "where", COLUMN_TEXT, true},
	{"WHY", "why", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column network_columns[] = {
	{"network", "health", COLUMN_STATE, false},
	{"state folder", "state", COLUMN_TEXT, false},
	{"endpoint", "omega.endpoint", COLUMN_TEXT, false},
	{"up for", "omega.uptime_ms", COLUMN_SPAN, false},
	{"live tasks", "omega.tasks.live", COLUMN_NUMBER, false},
	{"completed", "omega.tasks.completed", COLUMN_NUMBER, false},
	{"failed", "omega.tasks.failed", COLUMN_NUMBER, false},
	{"cancelled", "omega.tasks.cancelled", COLUMN_NUMBER, false},
	{"expired", "omega.tasks.expired", COLUMN_NUMBER, false},
	{"wait for a person", "omega.tasks.escalated", COLUMN_NUMBER, false},
	{"records", "omega.trail.last_seq", COLUMN_NUMBER, false},
	{"sealed up to", "omega.seal.records", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static json_t *moment_json(const json_t *mirror, const char *key)
{
	json_int_t ms = json_integer_value(json_object_get(mirror, key));
	char text[TIME_TEXT_BYTES];

	time_print_utc((uint64_t)ms, text);
	return ms ? json_string(text) : json_null();
}

/* The same with times for people, and one word for how each is. */
static json_t *mirror_rows(const json_t *omega)
{
	json_t *rows = json_array(), *mirror;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(omega, "seal"), "mirrors"), i, mirror) {
		bool fails = json_is_integer(json_object_get(mirror, "failing_since_ms"));
		json_t *row = json_copy(mirror);

		json_object_set_new(row, "state", json_string(fails ? "failed" : "ok"));
		json_object_set_new(row, "at", moment_json(mirror, "at_ms"));
		json_object_set_new(row, "failing_since", moment_json(mirror, "failing_since_ms"));
		json_array_append_new(rows, row);
	}
	return rows;
}

static void show(const struct call *call, json_t *all)
{
	json_t *mirrors = mirror_rows(json_object_get(all, "omega"));
	json_t *processes = json_object_get(json_object_get(all, "supervisor"), "processes");
	json_t *clones = json_object_get(json_object_get(all, "omega"), "clones");

	print_facts(call, all, network_columns);
	if (json_array_size(clones)) {
		putchar('\n');
		listing_print(call, "clones", json_incref(clones), clone_columns, NULL);
	}
	if (json_array_size(processes)) {
		putchar('\n');
		listing_print(call, "processes", json_incref(processes), process_columns, NULL);
	}
	if (json_array_size(mirrors)) {
		putchar('\n');
		listing_print(call, "mirrors", json_incref(mirrors), mirror_columns, NULL);
	}
	json_decref(mirrors);
}

/* One word about the whole: ok, problem (something is lost, given up, or a mirror fails), down. */
static const char *health_of(const json_t *supervisor, const json_t *omega)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(supervisor, "processes"), i, item) {
		const char *state = json_string_value(json_object_get(item, "state"));
		if (state && strcmp(state, child_state_name(CHILD_READY)) != 0)
			return "problem";
	}
	json_array_foreach (json_object_get(omega, "clones"), i, item) {
		const char *presence = json_string_value(json_object_get(item, "presence"));
		if (presence && strcmp(presence, "alive") != 0)
			return "problem";
	}
	json_array_foreach (json_object_get(json_object_get(omega, "seal"), "mirrors"), i, item)
		if (json_is_integer(json_object_get(item, "failing_since_ms")))
			return "problem";
	return "ok";
}

static int ask(const struct call *call, json_t **out_omega)
{
	struct client *client = NULL;
	int rc = session_client(call, &client);

	if (!rc)
		rc = session_status(call, client, SUBJECT_NETWORK, NULL, out_omega);
	client_close(client);
	return rc;
}

static int run(struct call *call)
{
	struct supervisor_view *view = need(calloc(1, sizeof(*view)));
	char sentence[SENTENCE_BYTES];
	json_t *supervisor = NULL, *omega = NULL, *all;
	struct state_folder state;
	int rc = session_state(call, &state);

	if (rc) {
		free(view);
		return error_exit_code(ERR_UNREACHABLE);
	}
	if (supervisor_look(&state, view, sentence) == 0)
		supervisor = supervisor_json(view);
	rc = ask(call, &omega);
	if (supervisor || omega) {
		const char *health = rc ? "problem" : health_of(supervisor, omega);
		all = json_pack("{s:s, s:s, s:o, s:o}", "health", health, "state", state.root, "supervisor",
				supervisor ? supervisor : json_null(), "omega", omega ? omega : json_null());
		if (call->json)
			print_json(json_incref(all));
		else
			show(call, all);
		json_decref(all);
	}
	free(view);
	return rc;
}

const struct command command_status = {
	.name = "status",
	.operands = "",
	.sentence = "Shows how the network is: processes, clones, tasks",
	.example = "$ bunshin status",
	.notes = "Exit code 9: no Omega answers.",
	.run = run,
};
