/* SPDX-License-Identifier: MIT */
#include "tests/races/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RACE_ID "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

/* Ids are made of names: "c1" is c1c1c1…, so that a transcript can be read. */
static const char *id_of(const char *name)
{
	static char id[4][41];
	static unsigned next;
	char *out = id[next++ % 4];
	uint64_t hash = 1469598103934665603u;

	if (strlen(name) == 40)
		return name;
	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	snprintf(out, 41, "%016llx%016llx%08x", (unsigned long long)hash, (unsigned long long)(hash * 31), (unsigned)(hash >> 7));
	return out;
}

/* The name of a commit by its id. */
static const char *name_of(const struct world *world, const char *id)
{
	const char *name;
	json_t *value;

	json_object_foreach (json_object_get(world->scenario, "commits"), name, value)
		if (strcmp(id_of(name), id) == 0)
			return name;
	if (strcmp(id, id_of("base")) == 0)
		return "base";
	return json_object_get(world->made, id) ? "merged" : strcmp(id, id_of("tip")) == 0 ? "tip" : "?";
}

static const json_t *facts_of(const struct world *world, const char *commit)
{
	const json_t *facts = json_object_get(json_object_get(world->scenario, "commits"), commit);

	return facts ? facts : json_object_get(world->scenario, "base");
}

/* ---- specialists ---- */

static json_t *common(const json_t *facts, const char *kind)
{
	const char *status = text(facts, "status")[0] ? text(facts, "status") : "complete";

	return json_pack("{s:s, s:s, s:s, s:s?, s:[], s:[], s:[]}", "schema", "bunshin-result/1", "kind", kind, "status", status,
			 "status_reason", strcmp(status, "complete") ? "something was in the way" : NULL, "entities", "findings",
			 "runs");
}

static json_t *tests_result(const json_t *facts)
{
	json_t *result = common(facts, "test-strategy"), *verdict, *entities = json_object_get(result, "entities");
	const char *name;

	json_object_foreach (json_object_get(facts, "cases"), name, verdict)
		json_array_append_new(entities, json_pack("{s:s, s:s, s:s, s:s, s:O, s:b}", "kind", "case", "system", "ctest",
							  "suite", "", "name", name, "verdict", verdict, "whole",
							  json_is_true(json_object_get(facts, "whole"))));
	if (json_object_get(facts, "coverage"))
		json_array_extend(entities, json_object_get(facts, "coverage"));
	if (text(facts, "build_error")[0])
		json_array_append_new(
			json_object_get(result, "findings"),
			json_pack("{s:{s:s, s:s}}", "rule", "id", "build-error", "title", text(facts, "build_error")));
	if (json_is_true(json_object_get(facts, "tests_hang")))
		json_array_append_new(json_object_get(result, "runs"), json_pack("{s:b}", "timed_out", 1));
	return result;
}

static json_t *findings_result(const json_t *facts)
{
	json_t *result = common(facts, "security-analysis"), *one;
	size_t i;

	json_array_foreach (json_object_get(facts, "findings"), i, one)
		json_array_append_new(json_object_get(result, "findings"),
				      json_pack("{s:O, s:s, s:O, s:f, s:{s:s, s:s}, s:{s:O, s:i, s:s}}", "fingerprint",
						json_array_get(one, 0), "state", "new", "severity", json_array_get(one, 1),
						"confidence", 0.9, "rule", "id", "c.strcpy", "title", "strcpy is used", "loc",
						"path", json_array_get(one, 2), "line", 3, "snippet", "strcpy(a, b);"));
	return result;
}

static json_t *rules_result(const json_t *facts)
{
	json_t *result = common(facts, "architecture-design"), *cycle;
	size_t i;

	json_array_foreach (json_object_get(facts, "cycles"), i, cycle)
		json_array_append_new(json_object_get(result, "entities"),
				      json_pack("{s:s, s:O}", "kind", "cycle", "modules", cycle));
	return result;
}

static json_t *check_result(const json_t *facts, const json_t *parameters)
{
	json_t *result = common(facts, "check"), *command;
	size_t i;

	json_array_foreach (json_object_get(parameters, "commands"), i, command) {
		const char *state = text(json_object_get(facts, "checks"), text(command, "name"));

		json_array_append_new(json_object_get(result, "entities"),
				      json_pack("{s:s, s:s, s:s, s:s}", "kind", "check", "name", text(command, "name"), "state",
						state[0] ? state : "passed", "last", "the last words"));
	}
	return result;
}

static bool specialist_fails(const json_t *facts, const char *task_type)
{
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(facts, "failed"), i, name)
		if (strcmp(json_string_value(name), task_type) == 0)
			return true;
	return false;
}

static json_t *specialist_outcome(const struct world *world, const char *task_type, const json_t *parameters)
{
	const json_t *facts = facts_of(world, name_of(world, text(parameters, "commit")));
	json_t *result;

	if (specialist_fails(facts, task_type))
		return json_pack("{s:s, s:s, s:s}", "state", "failed", "code", "lost", "sentence", "the clone was lost");
	result = strcmp(task_type, "test-strategy") == 0         ? tests_result(facts)
		 : strcmp(task_type, "security-analysis") == 0   ? findings_result(facts)
		 : strcmp(task_type, "architecture-design") == 0 ? rules_result(facts)
								 : check_result(facts, parameters);
	return json_pack("{s:s, s:i, s:o}", "state", "completed", "completeness",
			 strcmp(text(result, "status"), "blocked") ? 0 : 2, "result", result);
}

/* ---- agents ---- */

static json_t *agent_json(const json_t *said, const json_t *parameters, bool ok)
{
	const char *class = text(said, "class")[0] ? text(said, "class") : ok ? "none" : "no_change";
	bool claims = !json_object_get(said, "ok") || json_is_true(json_object_get(said, "ok"));

	return json_pack("{s:s, s:s, s:s, s:{s:b, s:s}, s:{s:b, s:s, s:s}, s:I, s:I, s:I}", "name", text(parameters, "agent"),
			 "adapter", text(parameters, "agent"), "model", "m", "claim", "ok",
			 ok || strcmp(class, "no_change") == 0 ? claims : 0, "text", text(said, "claim"), "verdict", "ok",
			 (int)(ok || strcmp(class, "no_change") == 0), "class", class, "why", text(said, "why"), "duration_ms",
			 json_integer_value(json_object_get(said, "ms")), "retry_after_ms",
			 json_integer_value(json_object_get(said, "retry_after_ms")), "cost_microusd",
			 json_integer_value(json_object_get(said, "cost")));
}

static json_t *try_outcome(const struct world *world, const char *key, const json_t *parameters)
{
	const json_t *said = json_object_get(json_object_get(world->scenario, "tries"), key + 4);
	const char *commit = text(said, "hand"), *kept = text(said, "kept");
	bool ok = commit[0] != 0;
	json_t *result;

	if (!said)
		fail_msg("the scenario says nothing of the try %s", key);
	if (json_is_string(said))
		return NULL; /* "hang" */
	if (json_object_get(said, "raw"))
		return json_deep_copy(json_object_get(said, "raw"));
	if (text(said, "state")[0])
		return json_pack("{s:s, s:s, s:s}", "state", text(said, "state"), "code", text(said, "code"), "sentence",
				 "so it was");
	result = json_pack("{s:s, s:n, s:n, s:o}", "status", ok || !text(said, "class")[0] ? "complete" : "blocked", "change",
			   "kept", "agent", agent_json(said, parameters, ok));
	if (ok)
		json_object_set_new(result, "change",
				    json_pack("{s:s+, s:s, s:s}", "ref", "refs/bunshin/", commit, "commit", id_of(commit), "tree",
					      id_of(commit)));
	if (kept[0])
		json_object_set_new(
			result, "kept",
			json_pack("{s:s+, s:s, s:i}", "ref", "refs/bunshin/kept/", kept, "commit", id_of(kept), "files", 1));
	return json_pack("{s:s, s:i, s:o, s:I, s:I}", "state", "completed", "completeness", ok || !text(said, "class")[0] ? 0 : 2,
			 "result", result, "tokens", json_integer_value(json_object_get(said, "tokens")), "cost_microusd",
			 json_integer_value(json_object_get(said, "cost")));
}

/* ---- the workspace ---- */

static json_t *error_json(const char *code, const char *sentence)
{
	return json_pack("{s:{s:s, s:s}}", "error", "code", code, "sentence", sentence);
}

static json_t *measure(const struct world *world, const json_t *request)
{
	const char *name = name_of(world, text(request, "to"));
	const json_t *facts = facts_of(world, name), *hidden = json_object_get(facts, "hidden");
	json_t *paths = json_array(), *counts;
	json_int_t added = 0, removed = 0;
	const char *path;

	if (specialist_fails(facts, "measure")) {
		json_decref(paths);
		return error_json("internal", "the workspace has no answer");
	}
	json_object_foreach (json_object_get(facts, "paths"), path, counts) {
		json_int_t more = json_integer_value(json_array_get(counts, 0)),
			   less = json_integer_value(json_array_get(counts, 1));

		added += more;
		removed += less;
		json_array_append_new(paths, json_pack("{s:s, s:s, s:s, s:I, s:I, s:[[i, I]]}", "path", path, "status",
						       strcmp(text(facts, "removed"), path) == 0 ? "D" : "M", "old_path",
						       text(json_object_get(facts, "renamed"), path), "additions", more,
						       "deletions", less, "added", 1, more));
	}
	return json_pack("{s:{s:I, s:I, s:I, s:o, s:o, s:s}}", "result", "files", (json_int_t)json_array_size(paths), "additions",
			 added, "deletions", removed, "paths", paths, "hidden", hidden ? json_deep_copy(hidden) : json_array(),
			 "tree", id_of(text(facts, "tree")[0] ? text(facts, "tree") : name));
}

static const char *ref_at(const struct world *world, const char *name)
{
	return text(world->refs, name);
}

static json_t *refs(const struct world *world, const char *prefix)
{
	json_t *list = json_array(), *id;
	const char *name;

	json_object_foreach (world->refs, name, id)
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			json_array_append_new(list, json_pack("{s:s, s:O, s:i}", "ref", name, "id", id, "version", 1));
	return json_pack("{s:{s:s, s:o}}", "result", "head", "refs/heads/main", "refs", list);
}

static json_t *combine(struct world *world, const json_t *request)
{
	const json_t *merge = json_object_get(world->scenario, "merge");
	const char *onto = text(request, "onto"), *from = text(request, "from"), *to = text(request, "to");
	bool forward = strcmp(onto, id_of("base")) == 0;
	const char *tree = text(merge, "tree")[0] ? text(merge, "tree") : "merged";
	char name[32];

	if (json_is_true(json_object_get(merge, "conflict")) && strcmp(text(request, "favour"), "theirs") != 0)
		return json_pack("{s:{s:s, s:s, s:i, s:[{s:s, s:s}]}}", "error", "code", "conflict", "sentence",
				 "there is a conflict", "conflict_count", 1, "conflicts", "path", "src/a.c", "kind", "content");
	if (strcmp(text(request, "replaces"), ref_at(world, to)) != 0)
		return error_json("moved", "the ref is elsewhere");
	/* Made again, a commit has another date, and so another id. */
	snprintf(name, sizeof(name), "merged %zu", json_object_size(world->made));
	if (!forward)
		json_object_set_new(world->made, id_of(name), json_pack("[s, s]", onto, from));
	json_object_set_new(world->refs, to, json_string(forward ? from : id_of(name)));
	return json_pack("{s:{s:s, s:s, s:s, s:s}}", "result", "ref", to, "new", forward ? from : id_of(name), "tree",
			 forward ? id_of(name_of(world, from)) : id_of(tree), "kind", forward ? "fast-forward" : "merge");
}

static json_t *advance(struct world *world, const json_t *request)
{
	const char *ref = text(request, "ref");
	json_int_t moves = json_integer_value(json_object_get(json_object_get(world->scenario, "merge"), "moves"));

	if (strncmp(ref, "refs/heads/", 11) == 0 && world->moves < moves) {
		world->moves++;
		json_object_set_new(world->refs, ref, json_string(id_of("tip")));
	}
	if (strcmp(ref_at(world, ref), text(request, "old")) != 0)
		return error_json("moved", "the ref is elsewhere");
	if (strncmp(ref, "refs/heads/", 11) == 0) { /* two phases: both refs are there before the branch moves */
		assert_string_equal(ref_at(world, "refs/bunshin/" RACE_ID "/before"), text(request, "old"));
		assert_string_equal(ref_at(world, "refs/bunshin/" RACE_ID "/merged"), text(request, "new"));
	}
	json_object_set(world->refs, ref, json_object_get(request, "new"));
	return json_pack("{s:{s:s, s:s, s:s, s:i}}", "result", "ref", ref, "old", text(request, "old"), "new",
			 text(request, "new"), "version", 2);
}

static json_t *workspace_answer(struct world *world, const json_t *request)
{
	const char *verb = text(request, "verb");

	if (strcmp(verb, "log") == 0)
		return strcmp(text(request, "revision"), "nowhere") == 0
			       ? error_json("not_found", "there is no such commit")
			       : json_pack("{s:{s:[{s:s}]}}", "result", "commits", "id", id_of("base"));
	if (strcmp(verb, "measure") == 0)
		return measure(world, request);
	if (strcmp(verb, "diff") == 0)
		return json_pack("{s:{s:s}}", "result", "patch",
				 text(facts_of(world, name_of(world, text(request, "to"))), "patch"));
	if (strcmp(verb, "refs") == 0)
		return refs(world, text(request, "prefix"));
	if (strcmp(verb, "show") == 0) {
		const json_t *parents = json_object_get(world->made, text(request, "revision"));

		return json_pack("{s:{s:s, s:s, s:o}}", "result", "id", text(request, "revision"), "tree", id_of("merged"),
				 "parents", parents ? json_deep_copy(parents) : json_array());
	}
	if (strcmp(verb, "combine") == 0)
		return combine(world, request);
	if (strcmp(verb, "advance") == 0)
		return advance(world, request);
	fail_msg("the workspace does not know the verb %s", verb);
	return NULL;
}

/* ---- what is under way ---- */

static void later(struct world *world, const char *key, enum race_event_kind kind, json_t *json)
{
	if (!json)
		return;
	assert_true(world->pending_count < WORLD_PENDING_MAX);
	struct pending *one = &world->pending[world->pending_count++];
	*one = (struct pending){.kind = kind, .json = json};
	snprintf(one->key, sizeof(one->key), "%s", key);
}

static size_t pick(struct world *world)
{
	if (!world->seed)
		return 0;
	world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(world->seed >> 33) % world->pending_count;
}

/* A key that was asked before is asked with the same words. */
static void note_asked(struct world *world, const struct race_act *act)
{
	const json_t *before = json_object_get(world->asked, act->key);

	if (before && act->kind == RACE_REQUEST && !json_equal(before, act->json))
		fail_msg("%s: %s is asked anew with other words", text(world->scenario, "title"), act->key);
	json_object_set(world->asked, act->key, act->json);
}

static void do_request(struct world *world, const struct race_act *act)
{
	const json_t *parameters = json_object_get(act->json, "parameters");
	const char *type = text(act->json, "task_type");
	bool is_try = strcmp(type, "code-change") == 0;
	json_t *outcome = is_try ? try_outcome(world, act->key, parameters) : specialist_outcome(world, type, parameters);
	char id[64];

	snprintf(id, sizeof(id), "task-%.50s", act->key);
	later(world, act->key, RACE_ACCEPTED, json_pack("{s:s, s:b}", "task_id", id, "duplicate", 0));
	if (outcome)
		json_object_set_new(outcome, "task_id", json_string(id));
	later(world, act->key, RACE_OUTCOME, outcome);
}

static void do_cancel(struct world *world, const struct race_act *act)
{
	json_object_set(world->cancelled, act->key, json_object_get(act->json, "reason"));
	for (size_t i = 0; i < world->pending_count; i++)
		if (strcmp(world->pending[i].key, act->key) == 0 && world->pending[i].kind == RACE_OUTCOME)
			return; /* it had ended before it heard */
	later(world, act->key, RACE_OUTCOME,
	      json_pack("{s:s, s:s, s:s}", "state", "cancelled", "code", "cancelled", "sentence", "the task was cancelled"));
}

static void write_act(const struct world *world, const struct race_act *act);

static void do_act(struct world *world, const struct race_act *act)
{
	if (world->transcript)
		write_act(world, act);
	switch (act->kind) {
	case RACE_REQUEST:
		note_asked(world, act);
		do_request(world, act);
		break;
	case RACE_CANCEL:
		do_cancel(world, act);
		break;
	case RACE_WORKSPACE:
		note_asked(world, act);
		later(world, act->key, RACE_ANSWERED, workspace_answer(world, act->json));
		break;
	case RACE_ASK:
		later(world, act->key, RACE_ANSWERED, json_pack("{s:{s:s}}", "result", "text", text(world->scenario, "model")));
		break;
	case RACE_WAIT:
		world->wake_ms = world->now_ms + (uint64_t)json_integer_value(json_object_get(act->json, "ms"));
		break;
	case RACE_END:
		assert_null(world->end);
		world->end = json_incref(act->json);
		break;
	default:
		break;
	}
}

static void count_open(struct world *world)
{
	size_t open = 0, tries = 0;

	for (size_t i = 0; i < world->pending_count; i++) {
		open += world->pending[i].kind == RACE_OUTCOME;
		tries += world->pending[i].kind == RACE_OUTCOME && strncmp(world->pending[i].key, "try/", 4) == 0;
	}
	world->open_most = open > world->open_most ? open : world->open_most;
	world->tries_most = tries > world->tries_most ? tries : world->tries_most;
}

/* ---- transcripts ---- */

/* Ids are long, and their first digits tell them apart; the race's own says nothing. */
static void shorten(char *line)
{
	for (char *at = line; *at; at++) {
		if (strncmp(at, RACE_ID, strlen(RACE_ID)) == 0) {
			memmove(at + 4, at + strlen(RACE_ID), strlen(at + strlen(RACE_ID)) + 1);
			memcpy(at, "RACE", 4);
		} else if (strspn(at, "0123456789abcdef") >= 40) {
			memmove(at + 7, at + 40, strlen(at + 40) + 1);
			at += 6;
		}
	}
}

/* What is the same in every scenario is left out. */
static json_t *shown_request(const json_t *request)
{
	static const char *const usual[] = {"repo", "repository", "workspace", "race",     "notes", "label",
					    "try",  "message",    "task",      "coverage", "prompt"};
	json_t *shown = json_deep_copy(request), *parameters = json_object_get(shown, "parameters");

	if (parameters) {
		json_object_update(shown, parameters);
		json_object_del(shown, "parameters");
	}
	if (strcmp(text(shown, "prompt"), "Fix the login") != 0 && parameters && json_object_get(shown, "prompt"))
		json_object_set_new(shown, "own_prompt", json_integer((json_int_t)strlen(text(shown, "prompt"))));
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		json_object_del(shown, usual[i]);
	return shown;
}

/* NULL: it is not shown. */
static json_t *shown_act(const struct race_act *act)
{
	switch (act->kind) {
	case RACE_CONTEXT:
		return NULL;
	case RACE_SAY:
		return json_incref(json_object_get(act->json, "line"));
	case RACE_END:
		return json_pack("{s:O, s:O, s:O}", "completeness", json_object_get(act->json, "completeness"), "merging",
				 json_object_get(json_object_get(json_object_get(act->json, "result"), "merging"), "state"),
				 "summary", json_object_get(act->json, "summary"));
	case RACE_REQUEST:
	case RACE_WORKSPACE:
		return shown_request(act->json);
	case RACE_ASK:
		return json_incref(json_object_get(act->json, "agent"));
	default:
		return json_incref(act->json);
	}
}

static void write_act(const struct world *world, const struct race_act *act)
{
	static const char *const names[] = {"request", "cancel", "workspace", "ask", "say", "context", "wait", "end"};
	json_t *shown = shown_act(act);
	char *dumped = shown ? json_dumps(shown, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;

	if (dumped) {
		shorten(dumped);
		fprintf(world->transcript, "  %s%s%s %s\n", names[act->kind], act->key[0] ? " " : "", act->key, dumped);
	}
	free(dumped);
	json_decref(shown);
}

static void write_event(const struct world *world, const struct race_event *event)
{
	static const char *const names[] = {"begun", "accepted", "refused", "progress", "outcome", "answered", "time", "stop"};

	fprintf(world->transcript, "%s%s%s\n", names[event->kind], event->key ? " " : "", event->key ? event->key : "");
}

/* ---- running ---- */

static void step(struct world *world, const struct race_event *event)
{
	struct race_acts acts = {0};

	if (world->transcript && event->kind != RACE_ACCEPTED)
		write_event(world, event);
	world->events++;
	assert_int_equal(race_step(world->race, world->now_ms, event, &acts), 0);
	for (size_t i = 0; i < acts.count; i++)
		do_act(world, &acts.act[i]);
	count_open(world);
	race_acts_release(&acts);
}

static void start(struct world *world)
{
	json_t *parameters = json_pack("{s:s, s:s, s:s, s:s, s:s}", "repo", "/p", "commit", "main", "prompt", "Fix the login",
				       "branch", "refs/heads/main", "merge", "auto");
	char why[256] = "";

	json_object_update(parameters, json_object_get(world->scenario, "parameters"));
	if (race_new(parameters, RACE_ID, &world->race, why) != 0)
		fail_msg("%s: %s", text(world->scenario, "title"), why);
	json_decref(parameters);
	step(world, &(struct race_event){.kind = RACE_BEGUN, .json = json_object_get(world->scenario, "begun")});
}

void world_init(struct world *world, json_t *scenario, uint64_t seed)
{
	const char *tip = text(json_object_get(scenario, "merge"), "tip");

	*world = (struct world){.scenario = scenario, .seed = seed, .now_ms = 1000, .wake_ms = UINT64_MAX};
	world->asked = json_object();
	world->cancelled = json_object();
	world->made = json_object();
	world->refs = json_pack("{s:s}", "refs/heads/main", id_of(tip[0] ? tip : "base"));
}

static void deliver(struct world *world)
{
	size_t which = pick(world);
	struct pending one = world->pending[which];

	memmove(&world->pending[which], &world->pending[which + 1], (world->pending_count - which - 1) * sizeof(one));
	world->pending_count--;
	step(world, &(struct race_event){.kind = one.kind, .key = one.key, .json = one.json});
	if (world->seed >> 40 & 1 && one.kind != RACE_ACCEPTED) { /* said again, and otherwise: too late */
		json_t *other = json_pack("{s:s, s:s, s:{s:s}}", "state", "failed", "code", "lost", "error", "code", "internal");

		step(world, &(struct race_event){.kind = one.kind, .key = one.key, .json = other});
		json_decref(other);
	}
	json_decref(one.json);
}

void world_run(struct world *world, unsigned events_max)
{
	const json_t *stop = json_object_get(world->scenario, "stop");

	if (!world->race)
		start(world);
	while (!world->end && (!events_max || world->events < events_max)) {
		if (json_is_integer(stop) && world->events >= (unsigned)json_integer_value(stop)) {
			step(world, &(struct race_event){.kind = RACE_STOP, .json = NULL});
		} else if (world->pending_count) {
			deliver(world);
		} else {
			if (world->wake_ms == UINT64_MAX)
				fail_msg("%s: nothing is under way, nothing is waited for, and it has not ended",
					 text(world->scenario, "title"));
			world->now_ms = world->wake_ms > world->now_ms ? world->wake_ms : world->now_ms + 1;
			world->wake_ms = UINT64_MAX;
			step(world, &(struct race_event){.kind = RACE_TIME});
		}
		assert_true(world->events < 5000);
	}
}

static void drop_pending(struct world *world)
{
	while (world->pending_count)
		json_decref(world->pending[--world->pending_count].json);
}

void world_restart(struct world *world)
{
	race_free(world->race);
	world->race = NULL;
	drop_pending(world);
	world->wake_ms = UINT64_MAX;
	start(world);
}

void world_release(struct world *world)
{
	race_free(world->race);
	drop_pending(world);
	json_decref(world->asked);
	json_decref(world->cancelled);
	json_decref(world->end);
	json_decref(world->refs);
	json_decref(world->made);
}

json_t *world_result(const struct world *world)
{
	return json_object_get(world->end, "result");
}
