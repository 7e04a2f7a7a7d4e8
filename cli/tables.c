/* SPDX-License-Identifier: MIT
 *
 * Two tables are compared as lists of lines, "route documentation timeout" and "20s": what one has and the other has not differs.
 */
#include "cli/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/story.h"
#include "cli/text.h"

/* ---- out of the trail ---- */

struct reading {
	int (*each)(void *context, const struct loaded *loaded);
	void *context;
	struct buffer buffer;
	struct table *table;
};

static int take(void *context, const struct trail_entry *entry)
{
	struct reading *reading = context;
	struct loaded loaded = {.seq = entry->seq, .wall_ms = entry->wall_ms, .verdict = entry->verdict};
	const struct routes_loaded *facts;
	struct message message;
	char *who;
	int rc = record_message(entry, &reading->buffer, &message);

	if (rc)
		return rc;
	facts = &message.routes_loaded;
	who = text_of_message(facts->who.bytes ? facts->who.at : "", facts->who.bytes);
	snprintf(loaded.who, sizeof(loaded.who), "%s", who);
	free(who);
	loaded.version = facts->version;
	loaded.file_hash = facts->file_hash;
	if (table_decode(facts->table.at, facts->table.bytes, reading->table) == 0)
		loaded.table = reading->table;
	return reading->each(reading->context, &loaded);
}

int tables_read(struct trail *trail, int (*each)(void *context, const struct loaded *loaded), void *context)
{
	struct trail_query query = {.any_type = {MESSAGE_ROUTES_LOADED}, .with_payload = true};
	struct reading reading = {.each = each, .context = context, .table = need(malloc(sizeof(struct table)))};
	int rc = trail_read(trail, &query, take, &reading);

	buffer_release(&reading.buffer);
	free(reading.table);
	return rc;
}

/* ---- as JSON ---- */

json_t *route_json(const struct route *route)
{
	json_t *destinations = json_array();

	for (uint32_t i = 0; i < route->destination_count; i++)
		json_array_append_new(destinations, json_string(route->destination[i]));
	return need(json_pack("{s:s, s:o, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "task_type", route->task_type,
			      "destinations", destinations, "priority", priority_name(route->priority), "retries",
			      (int)route->retries, "start_ms", (json_int_t)route->start_ms, "timeout_ms",
			      (json_int_t)route->timeout_ms, "timeout_max_ms", (json_int_t)route->timeout_max_ms, "heartbeat_ms",
			      (json_int_t)route->heartbeat_ms, "deadline_ms", (json_int_t)route->deadline_ms, "queue_max",
			      (json_int_t)route->queue_max, "worst_ms", (json_int_t)route_worst_ms(route), "escalate_to",
			      *route->escalate_to ? json_string(route->escalate_to) : json_null()));
}

static json_t *errors_json(const struct route *route)
{
	json_t *errors = json_array();

	for (uint32_t i = 0; i < route->non_retryable_count; i++)
		json_array_append_new(errors, json_string(error_name((int)route->non_retryable[i])));
	return errors;
}

static json_t *whole_route_json(const struct route *route)
{
	const struct backoff *backoff = &route->backoff;
	json_t *json = route_json(route);

	json_object_set_new(json, "backoff",
			    json_pack("{s:I, s:I, s:I, s:I}", "initial_ms", (json_int_t)backoff->initial_ms, "maximum_ms",
				      (json_int_t)backoff->maximum_ms, "factor_permille", (json_int_t)backoff->factor_permille,
				      "jitter_permille", (json_int_t)backoff->jitter_permille));
	json_object_set_new(json, "non_retryable", errors_json(route));
	json_object_set_new(json, "retired", json_boolean(route->retired));
	return json;
}

json_t *table_json(const struct table *table)
{
	json_t *routes = json_array(), *weights = json_object();

	for (uint32_t i = PRIORITY_LOW; i < PRIORITY_COUNT; i++)
		json_object_set_new(weights, priority_name(i), json_integer(table->weight[i]));
	for (uint32_t i = 0; i < table->route_count; i++)
		json_array_append_new(routes, whole_route_json(&table->route[i]));
	return need(json_pack("{s:{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:o}", "network", "weights", weights, "age_ms",
			      (json_int_t)table->age_ms, "lost_max", (json_int_t)table->lost_max, "cancel_grace_ms",
			      (json_int_t)table->cancel_grace_ms, "breaker_failures", (json_int_t)table->breaker_failures,
			      "breaker_open_ms", (json_int_t)table->breaker_open_ms, "tasks_max", (json_int_t)table->tasks_max,
			      "retry_after_ms", (json_int_t)table->retry_after_ms, "routes", routes));
}

/* ---- as lines ---- */

static void put_text(json_t *lines, const char *section, const char *name, const char *text)
{
	char *field = NULL;

	if (asprintf(&field, "%s %s", section, name) < 0)
		field = need(NULL);
	json_object_set_new(lines, field, json_string(text));
	free(field);
}

static void put_number(json_t *lines, const char *section, const char *name, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	put_text(lines, section, name, text);
}

/* As routing.conf would say it, exactly. */
static void put_time(json_t *lines, const char *section, const char *name, uint32_t ms)
{
	static const struct {
		uint32_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	char text[24];
	size_t i = 0;

	while (ms % units[i].ms || (ms == 0 && units[i].ms > 1))
		i++;
	snprintf(text, sizeof(text), "%u%s", ms / units[i].ms, units[i].unit);
	put_text(lines, section, name, text);
}

static void put_permille(json_t *lines, const char *section, const char *name, uint32_t permille, uint32_t one, const char *unit)
{
	char text[32];
	int used = snprintf(text, sizeof(text), "%u", permille / one);

	if (permille % one)
		used += snprintf(text + used, sizeof(text) - (size_t)used, one == 10 ? ".%u" : ".%03u", permille % one);
	snprintf(text + used, sizeof(text) - (size_t)used, "%s", unit);
	put_text(lines, section, name, text);
}

static void put_network(json_t *lines, const struct table *table)
{
	for (uint32_t i = PRIORITY_LOW; i < PRIORITY_COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "weight_%s", priority_name(i));
		put_number(lines, "network", name, table->weight[i]);
	}
	put_time(lines, "network", "age", table->age_ms);
	put_number(lines, "network", "lost_max", table->lost_max);
	put_time(lines, "network", "cancel_grace", table->cancel_grace_ms);
	put_number(lines, "network", "breaker_failures", table->breaker_failures);
	put_time(lines, "network", "breaker_open", table->breaker_open_ms);
	put_number(lines, "network", "tasks_max", table->tasks_max);
	put_time(lines, "network", "retry_after", table->retry_after_ms);
}

static void put_roles(json_t *lines, const char *section, const struct route *route)
{
	char roles[DESTINATIONS_MAX * (ROLE_BYTES + 2)] = "";
	size_t used = 0;

	put_text(lines, section, "destination", route->destination_count ? route->destination[0] : "");
	for (uint32_t i = 1; i < route->destination_count; i++)
		used += (size_t)snprintf(roles + used, sizeof(roles) - used, "%s%s", i > 1 ? ", " : "", route->destination[i]);
	put_text(lines, section, "fallbacks", roles);
}

static void put_errors(json_t *lines, const char *section, const struct route *route)
{
	char names[NON_RETRYABLE_MAX * 32] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < route->non_retryable_count; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 error_name((int)route->non_retryable[i]));
	put_text(lines, section, "non_retryable", names);
}

static void put_route(json_t *lines, const struct route *route)
{
	char section[TASK_TYPE_BYTES + 8];

	snprintf(section, sizeof(section), "route %s", route->task_type);
	put_roles(lines, section, route);
	put_text(lines, section, "priority", priority_name(route->priority));
	put_number(lines, section, "retries", route->retries);
	put_time(lines, section, "start", route->start_ms);
	put_time(lines, section, "timeout", route->timeout_ms);
	put_time(lines, section, "timeout_max", route->timeout_max_ms);
	put_time(lines, section, "heartbeat", route->heartbeat_ms);
	put_time(lines, section, "deadline", route->deadline_ms);
	put_time(lines, section, "backoff_initial", route->backoff.initial_ms);
	put_time(lines, section, "backoff_max", route->backoff.maximum_ms);
	put_permille(lines, section, "backoff_factor", route->backoff.factor_permille, 1000, "");
	put_permille(lines, section, "backoff_jitter", route->backoff.jitter_permille, 10, "%");
	put_number(lines, section, "queue_max", route->queue_max);
	put_errors(lines, section, route);
	put_text(lines, section, "escalate_to", route->escalate_to);
	if (route->retired)
		put_text(lines, section, "retired", "yes"); /* no option: the route left the file while it had live tasks */
}

static json_t *lines_of(const struct table *table)
{
	json_t *lines = need(json_object());

	if (!table)
		return lines;
	put_network(lines, table);
	for (uint32_t i = 0; i < table->route_count; i++)
		put_route(lines, &table->route[i]);
	return lines;
}

static void add_difference(json_t *differences, const char *field, json_t *before, json_t *after)
{
	json_array_append_new(differences,
			      need(json_pack("{s:s, s:O?, s:O?}", "field", field, "before", before, "after", after)));
}

json_t *tables_differ(const struct table *old, const struct table *table)
{
	json_t *before = lines_of(old), *after = lines_of(table), *differences = need(json_array());
	const char *field;
	json_t *value;

	json_object_foreach (before, field, value) {
		json_t *now = json_object_get(after, field);
		if (!now || !json_equal(value, now))
			add_difference(differences, field, value, now);
	}
	json_object_foreach (after, field, value) {
		if (!json_object_get(before, field))
			add_difference(differences, field, NULL, value);
	}
	json_decref(before);
	json_decref(after);
	return differences;
}
