/* SPDX-License-Identifier: MIT
 *
 * What Omega answers to StatusQuery, as JSON objects:
 *
 *   network  {"version", "boot", "uptime_ms", "now_ms", "endpoint", "trail": {"last_seq", "durable_seq", "snapshot_seq", "commit_us"},
 *             "seal": {"checkpoint", "records", "mirrors": [{"kind", "where", "same_volume", "checkpoint", "records", "at_ms",
 *             "failing_since_ms", "why"}, …]}, "tasks": {"live", "accepted", …}, "states": {…}, "queued": {…}, "connections", "clones": [clone, …],
 *             "routes_version", "unknown_keys", "malformed"}
 *   clone    {"clones": [{"name", "role", "presence", "slots", "used", "load", "failures", "draining", "quarantined", "breaker_open",
 *             "breaker_ms", "completed", "failed", "lost"}, …], "more"}; `name` may be a clone or a role
 *   route    {"version", "routes": [{"task_type", "destinations": […], "priority", "timeout_ms", "retries", …}, …]}, and for one route
 *             "candidates": [{"clone", "destination", "chosen", "why"}, …]
 *   receipt  the receipt itself (receipts.c)
 *   task     {"task": {"id", "state", "task_type", "client", "clone", "attempts", "priority", …}}; of an ended task what the trail knows
 *
 * "more" counts what did not fit into one message.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/shell.h"
#include "protocol/id.h"

#define CANDIDATES_MAX 128u
#define CLONES_SHOWN   128u

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static uint64_t left(const struct shell *shell, uint64_t then_ms)
{
	return then_ms != NEVER && then_ms > shell->now_ms ? then_ms - shell->now_ms : 0;
}

static json_t *id_json(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	id_print(id, text);
	return json_string(text);
}

/* ---- clones ---- */

static json_t *clone_json(const struct shell *shell, const struct clone_view *view)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "name", view->name, "role",
			 view->role, "presence", presence_name(view->presence), "slots", number(view->slots), "used",
			 number(view->used), "load", number(view->load), "failures", number(view->failures), "draining",
			 view->draining, "quarantined", view->quarantined, "breaker_open", view->breaker_open, "breaker_ms",
			 number(view->breaker_open ? left(shell, view->breaker_until_ms) : 0), "completed",
			 number(view->completed), "failed", number(view->failed), "lost", number(view->lost));
}

static json_t *clones_json(const struct shell *shell, const char *name, uint64_t *out_more)
{
	json_t *clones = json_array();
	struct clone_view view;

	*out_more = 0;
	for (size_t i = 0; i < omega_clone_count(shell->omega); i++) {
		if (omega_clone(shell->omega, i, &view))
			continue;
		if (name[0] && strcmp(name, view.name) != 0 && strcmp(name, view.role) != 0)
			continue;
		if (json_array_size(clones) < CLONES_SHOWN)
			json_array_append_new(clones, clone_json(shell, &view));
		else
			++*out_more;
	}
	return clones;
}

static json_t *answer_clone(const struct shell *shell, const char *name)
{
	uint64_t more;
	json_t *clones = clones_json(shell, name, &more);

	return json_pack("{s:o, s:o}", "clones", clones, "more", number(more));
}

/* ---- network ---- */

static json_t *tasks_json(const struct omega_counters *counters)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "live", number(counters->live),
			 "accepted", number(counters->accepted), "duplicates", number(counters->duplicates), "refused",
			 number(counters->refused), "completed", number(counters->completed), "failed", number(counters->failed),
			 "cancelled", number(counters->cancelled), "expired", number(counters->expired), "revived",
			 number(counters->revived), "superseded", number(counters->superseded), "delivered",
			 number(counters->delivered), "escalated", number(counters->escalated));
}

static json_t *states_json(const struct omega_counters *counters)
{
	json_t *states = json_object();

	for (uint32_t state = STATE_ACCEPTED; state <= STATE_CANCELLING; state++)
		json_object_set_new(states, state_name(state), number(counters->by_state[state]));
	return states;
}

static json_t *queued_json(const struct omega_counters *counters)
{
	json_t *queued = json_object();

	for (uint32_t priority = PRIORITY_LOW; priority <= PRIORITY_URGENT; priority++)
		json_object_set_new(queued, priority_name(priority), number(counters->queued[priority]));
	return queued;
}

/* ---- the seal ---- */

static json_t *moment(uint64_t ms)
{
	return ms ? number(ms) : json_null();
}

static json_t *mirrors_json(const struct mirror_view *view, size_t count)
{
	json_t *mirrors = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(mirrors,
				      json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:s}", "kind",
						mirror_kind_name(view[i].kind), "where", view[i].where, "same_volume",
						(int)view[i].same_volume, "checkpoint", number(view[i].number), "records",
						number(view[i].size), "at_ms", moment(view[i].at_ms), "failing_since_ms",
						moment(view[i].failing_since_ms), "why", view[i].why));
	return mirrors;
}

/* {"checkpoint", "records", "mirrors": […]} */
static json_t *seal_json(struct shell *shell)
{
	struct mirror_view *view = calloc(MIRROR_KINDS, sizeof(*view));
	uint64_t checkpoint, records;
	size_t count;
	json_t *json;

	if (!view)
		return json_null();
	count = mirrors_look(shell->mirrors, &checkpoint, &records, view);
	json = json_pack("{s:o, s:o, s:o}", "checkpoint", number(checkpoint), "records", number(records), "mirrors",
			 mirrors_json(view, count));
	free(view);
	return json;
}

static json_t *answer_network(struct shell *shell)
{
	struct omega_counters counters;
	uint64_t more;

	omega_count(shell->omega, &counters);
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "version", BUNSHIN_VERSION, "boot", id_json(&shell->boot), "uptime_ms",
			 number(shell->mono_ms - shell->started_ms), "now_ms", number(shell->now_ms), "endpoint", shell->endpoint,
			 "trail", "last_seq", number(omega_next_seq(shell->omega) - 1), "durable_seq", number(shell->durable_seq),
			 "snapshot_seq", number(shell->snapshot_seq), "commit_us", number(shell->commit_us), "seal",
			 seal_json(shell), "tasks", tasks_json(&counters), "states", states_json(&counters), "queued",
			 queued_json(&counters), "connections", number(shell->connections.joined_count), "clones",
			 clones_json(shell, "", &more), "routes_version", number(omega_table(shell->omega)->version),
			 "unknown_keys", number(shell->unknown_keys), "malformed", number(shell->malformed));
}

/* ---- routes ---- */

static json_t *route_json(const struct route *route)
{
	json_t *destinations = json_array();

	for (uint32_t i = 0; i < route->destination_count; i++)
		json_array_append_new(destinations, json_string(route->destination[i]));
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b}", "task_type", route->task_type,
			 "destinations", destinations, "priority", priority_name(route->priority), "retries",
			 number(route->retries), "start_ms", number(route->start_ms), "timeout_ms", number(route->timeout_ms),
			 "timeout_max_ms", number(route->timeout_max_ms), "heartbeat_ms", number(route->heartbeat_ms),
			 "deadline_ms", number(route->deadline_ms), "queue_max", number(route->queue_max), "worst_ms",
			 number(route_worst_ms(route)), "escalate_to", route->escalate_to, "retired", route->retired);
}

static json_t *candidates_json(const struct shell *shell, const char *task_type)
{
	static struct candidate candidate[CANDIDATES_MAX]; /* one thread asks */
	size_t count = omega_explain(shell->omega, task_type, candidate, CANDIDATES_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:s}", "clone", clone_json(shell, &candidate[i].clone),
						      "destination", number(candidate[i].destination), "chosen",
						      candidate[i].chosen, "why", candidate[i].why));
	return list;
}

static json_t *answer_route(const struct shell *shell, const char *name)
{
	const struct table *table = omega_table(shell->omega);
	json_t *routes = json_array();
	json_t *answer;

	for (uint32_t i = 0; i < table->route_count; i++)
		if (!name[0] || strcmp(name, table->route[i].task_type) == 0)
			json_array_append_new(routes, route_json(&table->route[i]));
	answer = json_pack("{s:o, s:o}", "version", number(table->version), "routes", routes);
	if (name[0])
		json_object_set_new(answer, "candidates", candidates_json(shell, name));
	return answer;
}

/* ---- tasks ---- */

static json_t *live_task(const struct shell *shell, const struct task_view *view)
{
	return json_pack("{s:{s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:b}}", "task", "id",
			 id_json(&view->id), "number", number(view->number), "state", state_name(view->state), "task_type",
			 view->task_type, "client", view->client, "clone", view->clone, "attempts", number(view->attempts),
			 "priority", priority_name(view->priority), "destination", number(view->destination), "depth",
			 number(view->depth), "age_ms", number(shell->now_ms - view->accepted_ms), "remaining_ms",
			 number(left(shell, view->deadline_ms)), "last_error",
			 view->last_error ? error_name((int)view->last_error) : "", "escalated", view->escalated);
}

static json_t *ended_task(struct shell *shell, const struct known_task *known)
{
	return json_pack("{s:{s:o, s:o, s:s, s:s, s:s, s:o, s:o}}", "task", "id", id_json(&known->task.task_id), "number",
			 number(known->task.request_seq), "state",
			 state_name(known->task.end_state ? known->task.end_state : STATE_ACCEPTED), "task_type",
			 shell->known_type, "client", shell->known_client, "attempts", number(known->attempts), "outcome_seq",
			 number(known->task.outcome_seq));
}

static json_t *answer_task(struct shell *shell, const struct id *task_id)
{
	struct task_view view;
	struct known_task known;

	if (omega_task(shell->omega, task_id, &view) == 0)
		return live_task(shell, &view);
	if (lookup_task(shell, task_id, &known) == 0)
		return ended_task(shell, &known);
	if (omega_knows_task(shell->omega, task_id)) /* it has just ended, and that is not on the disk yet */
		return json_pack("{s:{s:o, s:s}}", "task", "id", id_json(task_id), "state", "ended");
	return json_pack("{s:n}", "task");
}

/* ---- writing ---- */

static json_t *answer(struct shell *shell, uint32_t subject, const char *name)
{
	switch (subject) {
	case SUBJECT_NETWORK:
		return answer_network(shell);
	case SUBJECT_CLONE:
		return answer_clone(shell, name);
	case SUBJECT_ROUTE:
		return answer_route(shell, name);
	case SUBJECT_TASK:
		return answer_task(shell, &shell->event->message->header.task_id);
	default:
		return json_pack("{s:s}", "error", "a subject is network, clone, route, task or receipt");
	}
}

void status_write(struct shell *shell, struct record *record)
{
	struct status_response *response = &record->message.status_response;
	char name[NAME_BYTES] = "";
	json_t *json;
	size_t bytes = 0;

	if (response->name.bytes < NAME_BYTES && response->name.bytes)
		memcpy(name, response->name.at, response->name.bytes);
	if (response->subject == SUBJECT_RECEIPT &&
	    !receipt_answer(shell, &response->name, shell->status, STATUS_BYTES_MAX, &bytes)) {
		response->status = (struct text){shell->status, (uint32_t)bytes};
		return;
	}
	json = answer(shell, response->subject, name);
	if (json)
		bytes = json_dumpb(json, shell->status, STATUS_BYTES_MAX, JSON_COMPACT);
	if (!bytes || bytes > STATUS_BYTES_MAX)
		bytes = (size_t)snprintf(shell->status, STATUS_BYTES_MAX,
					 "{\"error\":\"the answer does not fit into one message; ask for less\"}");
	json_decref(json);
	response->status = (struct text){shell->status, (uint32_t)bytes};
}
