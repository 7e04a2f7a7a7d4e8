/* SPDX-License-Identifier: MIT
 *
 * routing.conf: libConfuse finds sections, options and lines; options.def says what they mean; then the whole is checked, because a
 * table that cannot work must not come into force.
 */
#include "routing/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routing/conf_source.h"
#include "routing/conf_value.h"
#include "routing/omega.h"

#define DEADLINE_LEAST_MS 600000u /* of a route that sets none */

/* ---- sections into structs ---- */

static int options_read(struct source *source, cfg_t *section, enum section kind, void *base)
{
	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);

		if (option->section != kind)
			continue;
		for (unsigned index = 0; index < cfg_size(section, option->name); index++) {
			int rc = option_read(option, cfg_getnstr(section, option->name, index), index, base,
					     source_option_line(source, section, option->name), &source->complaint);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int network_read(struct source *source, struct conf *conf)
{
	table_init(&conf->table);
	conf->heartbeat_ms = 2000;
	conf->restart_max = 5;
	conf->restart_window_ms = 60000;
	conf->memory_max_mb = 1024;
	if (cfg_size(source->cfg, "network") > 1)
		return source_refuse(source, cfg_getnsec(source->cfg, "network", 1), NULL,
				     "a second section network; accepted is one in a file");
	return source_has(source->cfg, "network")
		       ? options_read(source, cfg_getsec(source->cfg, "network"), SECTION_NETWORK, conf)
		       : 0;
}

static int clone_read(struct source *source, cfg_t *section, struct clone_conf *clone)
{
	const char *role = cfg_title(section);
	int rc;

	if (!role_is_good(role))
		return source_refuse(source, section, NULL,
				     "the clone \"%.60s\" has a name that cannot be a role; accepted are up to %u lower-case "
				     "letters, digits and "
				     "hyphens, a letter first, and not omega, client, operator, auditor or workspace",
				     role, ROLE_BYTES - 1);
	memcpy(clone->role, role, strlen(role) + 1);
	clone->instances = 1;
	clone->slots = 2;
	rc = options_read(source, section, SECTION_CLONE, clone);
	if (rc)
		return rc;
	if (clone->external && clone->command[0])
		return source_refuse(source, section, "external",
				     "clone %s is external and has a command; accepted is one of the two: an external clone is "
				     "started by somebody else",
				     role);
	return 0;
}

static int clones_read(struct source *source, struct conf *conf)
{
	const unsigned count = cfg_size(source->cfg, "clone");
	uint32_t instances = 0;

	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(source->cfg, "clone", i);
		int rc;

		if (i == CLONES_MAX)
			return source_refuse(source, section, NULL, "more than %u sections clone; accepted are up to %u",
					     CLONES_MAX, CLONES_MAX);
		rc = clone_read(source, section, &conf->clone[i]);
		if (rc)
			return rc;
		instances += conf->clone[i].instances;
		if (instances > PEERS_MAX)
			return source_refuse(source, section, "instances",
					     "with these the network has %u clone processes; accepted are up to %u in all",
					     instances, PEERS_MAX);
		conf->clone_count = i + 1;
	}
	return 0;
}

static bool conf_has_clone(const struct conf *conf, const char *role)
{
	for (uint32_t i = 0; i < conf->clone_count; i++)
		if (strcmp(conf->clone[i].role, role) == 0)
			return true;
	return false;
}

static int refuse_role(struct source *source, const struct conf *conf, cfg_t *section, const char *option, const char *role)
{
	const char *roles[CLONES_MAX];
	const char *nearest;
	char list[200] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < conf->clone_count; i++) {
		roles[i] = conf->clone[i].role;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : " or one of ", roles[i]);
	}
	nearest = name_nearest(role, roles, conf->clone_count);
	return source_refuse(source, section, option,
			     "%s names %s, which has no section clone; %s%s%saccepted is a section clone %s { … },%s", option,
			     role, nearest ? "did you mean " : "", nearest ? nearest : "", nearest ? "? " : "", role,
			     list[0] ? list : " or another that has one");
}

static int destinations_check(struct source *source, const struct conf *conf, cfg_t *section, const struct route *route)
{
	if (!route->destination[0][0])
		return source_refuse(source, section, NULL, "route %s has no destination; accepted is destination = ROLE",
				     route->task_type);
	for (uint32_t i = 0; i < route->destination_count; i++) {
		const char *option = i ? "fallbacks" : "destination";

		if (!conf_has_clone(conf, route->destination[i]))
			return refuse_role(source, conf, section, option, route->destination[i]);
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(route->destination[i], route->destination[j]) == 0)
				return source_refuse(source, section, option,
						     "fallbacks of route %s lead back to %s, which was tried before; accepted is "
						     "each role once",
						     route->task_type, route->destination[i]);
	}
	if (route->escalate_to[0] && !conf_has_clone(conf, route->escalate_to))
		return refuse_role(source, conf, section, "escalate_to", route->escalate_to);
	return 0;
}

static int deadline_check(struct source *source, cfg_t *section, const struct route *route)
{
	const uint64_t worst_ms = route_worst_ms(route);
	char found[32], least[32], most[32];

	if (worst_ms <= route->deadline_ms)
		return 0;
	duration_print(route->deadline_ms, found);
	duration_print(worst_ms, least);
	duration_print(DEADLINE_MOST_MS, most);
	if (worst_ms > DEADLINE_MOST_MS)
		return source_refuse(
			source, section, NULL,
			"the attempts and waits of route %s can take %s if everything fails; accepted are up to %s: fewer "
			"retries or fallbacks, or a shorter start, timeout or backoff",
			route->task_type, least, most);
	return source_refuse(
		source, section, "deadline",
		"the deadline of route %s is %s, but its attempts and waits can take %s if everything fails; accepted is a "
		"deadline of %s or more, or fewer retries or fallbacks, or a shorter start, timeout or backoff",
		route->task_type, found, least, least);
}

static int times_check(struct source *source, cfg_t *section, const struct route *route)
{
	char found[32], least[32];

	if (route->timeout_max_ms < route->timeout_ms) {
		duration_print(route->timeout_max_ms, found);
		duration_print(route->timeout_ms, least);
		return source_refuse(source, section, "timeout_max",
				     "timeout_max is %s, less than the timeout of route %s; accepted is %s or more", found,
				     route->task_type, least);
	}
	if (route->backoff.maximum_ms < route->backoff.initial_ms) {
		duration_print(route->backoff.maximum_ms, found);
		duration_print(route->backoff.initial_ms, least);
		return source_refuse(source, section, source_has(section, "backoff_max") ? "backoff_max" : "backoff_initial",
				     "backoff_max is %s, less than backoff_initial; accepted is %s or more", found, least);
	}
	return deadline_check(source, section, route);
}

static void route_init(struct route *route)
{
	route->priority = PRIORITY_MEDIUM;
	route->retries = 1;
	route->start_ms = 60000;
	route->timeout_ms = 30000;
	route->heartbeat_ms = 15000;
	route->backoff =
		(struct backoff){.initial_ms = 500, .maximum_ms = 30000, .factor_permille = 2000, .jitter_permille = 200};
	route->queue_max = 10000;
}

/* Defaults that follow from other options: no more time per attempt than it has anyway, and a deadline that holds the worst case. */
static void route_finish(cfg_t *section, struct route *route)
{
	uint64_t worst_ms;

	route->destination_count = 1 + cfg_size(section, "fallbacks");
	route->non_retryable_count = cfg_size(section, "non_retryable");
	if (!source_has(section, "timeout_max"))
		route->timeout_max_ms = route->timeout_ms;
	if (source_has(section, "deadline"))
		return;
	worst_ms = route_worst_ms(route);
	if (worst_ms < DEADLINE_LEAST_MS)
		worst_ms = DEADLINE_LEAST_MS;
	route->deadline_ms = worst_ms < DEADLINE_MOST_MS ? (uint32_t)worst_ms : DEADLINE_MOST_MS;
}

static int route_read(struct source *source, const struct conf *conf, cfg_t *section, struct route *route)
{
	const char *task_type = cfg_title(section);
	int rc;

	if (!task_type_is_good(task_type))
		return source_refuse(
			source, section, NULL,
			"the route \"%.60s\" has a name that cannot be a task type; accepted are up to %u lower-case "
			"letters, digits, "
			"hyphens, underscores and dots, a letter first",
			task_type, TASK_TYPE_BYTES - 1);
	memcpy(route->task_type, task_type, strlen(task_type) + 1);
	route_init(route);
	rc = options_read(source, section, SECTION_ROUTE, route);
	if (rc)
		return rc;
	route_finish(section, route);
	rc = destinations_check(source, conf, section, route);
	return rc ? rc : times_check(source, section, route);
}

static int routes_read(struct source *source, struct conf *conf)
{
	const unsigned count = cfg_size(source->cfg, "route");

	if (!count)
		return complain(&source->complaint, 1,
				"there is no section route; accepted is at least one route TASK-TYPE { destination = ROLE }");
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(source->cfg, "route", i);
		int rc;

		if (i == ROUTES_MAX)
			return source_refuse(source, section, NULL, "more than %u sections route; accepted are up to %u",
					     ROUTES_MAX, ROUTES_MAX);
		rc = route_read(source, conf, section, &conf->table.route[i]);
		if (rc)
			return rc;
		conf->table.route_count = i + 1;
	}
	return 0;
}

/* ---- agents ---- */

static int agent_refuse_name(struct source *source, cfg_t *section, const char *name)
{
	return source_refuse(
		source, section, NULL,
		"the agent \"%.60s\" has a name that cannot be one; accepted are up to %u lower-case letters, digits, "
		"hyphens, underscores and dots, a letter first, and not auto",
		name, AGENT_LABEL_BYTES - 1);
}

/* What only makes sense together. */
static int agent_check(struct source *source, cfg_t *section, const struct agent_conf *agent)
{
	bool described = strcmp(agent->adapter, "jsonl") == 0, talks = strcmp(agent->adapter, "acp") == 0;

	if (!agent->adapter[0])
		return source_refuse(
			source, section, NULL,
			"agent %s has no adapter; accepted is adapter = jsonl, acp or the name of a known program, such as "
			"claude",
			agent->name);
	if ((described || talks) && !agent->command[0])
		return source_refuse(source, section, "adapter",
				     "agent %s has no command; accepted with adapter = %s is command = \"PROGRAM ARGUMENTS\"",
				     agent->name, agent->adapter);
	if (!described && !talks && agent->command[0])
		return source_refuse(source, section, "command",
				     "agent %s has a command, but how %s is started is known; accepted are program and arguments",
				     agent->name, agent->adapter);
	if (described && !agent->final[0])
		return source_refuse(source, section, "adapter",
				     "agent %s does not say which line ends its run; accepted with adapter = jsonl is final = "
				     "\"/type=result\" or the like",
				     agent->name);
	if (!described && agent->final[0])
		return source_refuse(
			source, section, "final",
			"agent %s says what its lines mean, but those of %s are known; accepted is that with adapter = "
			"jsonl",
			agent->name, agent->adapter);
	if (source_has(section, "price_in") != source_has(section, "price_out"))
		return source_refuse(source, section, source_has(section, "price_in") ? "price_in" : "price_out",
				     "agent %s has one price of two; accepted are price_in and price_out, or neither",
				     agent->name);
	return 0;
}

/* A section of a name that is built in changes what is built in. */
static int agent_read(struct source *source, cfg_t *section, struct agent_conf *agent)
{
	const char *name = cfg_title(section);
	const struct agent_conf *builtin;
	int rc;

	if (!agent_name_is_good(name) || strcmp(name, "auto") == 0)
		return agent_refuse_name(source, section, name);
	builtin = conf_agent(NULL, name);
	*agent = builtin ? *builtin : *agent_builtin_at(0);
	if (!builtin)
		agent->adapter[0] = '\0';
	snprintf(agent->name, sizeof(agent->name), "%s", name);
	rc = options_read(source, section, SECTION_AGENT, agent);
	agent->priced = source_has(section, "price_in");
	if (!source_has(section, "price_cached"))
		agent->price_cached = agent->price_in;
	if (!source_has(section, "price_cache_write"))
		agent->price_cache_write = agent->price_in;
	return rc ? rc : agent_check(source, section, agent);
}

static int fallbacks_check(struct source *source, const struct conf *conf)
{
	for (uint32_t i = 0; i < conf->agent_count; i++) {
		const struct agent_conf *agent = &conf->agent[i];
		cfg_t *section = cfg_getnsec(source->cfg, "agent", i);

		if (agent->fallback[0] && strcmp(agent->fallback, agent->name) == 0)
			return source_refuse(source, section, "fallback",
					     "agent %s is its own fallback; accepted is another agent", agent->name);
		if (agent->fallback[0] && !conf_agent(conf, agent->fallback))
			return source_refuse(
				source, section, "fallback",
				"fallback names %s, which is no agent; accepted is a section agent %s { … }, or one that is "
				"built in, such as claude",
				agent->fallback, agent->fallback);
	}
	return 0;
}

static int agents_read(struct source *source, struct conf *conf)
{
	const unsigned count = cfg_size(source->cfg, "agent");

	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(source->cfg, "agent", i);
		int rc;

		if (i == AGENTS_MAX)
			return source_refuse(source, section, NULL, "more than %u sections agent; accepted are up to %u",
					     AGENTS_MAX, AGENTS_MAX);
		rc = agent_read(source, section, &conf->agent[i]);
		if (rc)
			return rc;
		conf->agent_count = i + 1;
	}
	return fallbacks_check(source, conf);
}

static int conf_read(struct source *source, const char *text, struct conf *conf)
{
	int rc = source_parse(source, text);

	if (!rc)
		rc = network_read(source, conf);
	if (!rc)
		rc = clones_read(source, conf);
	if (!rc)
		rc = agents_read(source, conf);
	return rc ? rc : routes_read(source, conf);
}

int conf_parse(const char *text, const char *file_name, struct conf *out_conf, char out_sentence[CONF_SENTENCE_BYTES])
{
	struct source source = {.complaint = {.file_name = file_name, .out_sentence = out_sentence}};
	struct conf *conf = calloc(1, sizeof(*conf));
	int rc = conf ? conf_read(&source, text, conf) : ERR_MEMORY;

	if (!rc)
		*out_conf = *conf;
	if (rc == ERR_MEMORY)
		(void)!complain(&source.complaint, 1, "out of memory; accepted is the same file when there is some");
	source_release(&source);
	free(conf);
	return rc;
}
