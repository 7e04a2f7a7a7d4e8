/* SPDX-License-Identifier: MIT
 *
 * A race that a person names.
 */
#include "cli/race_find.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"

#define RACES_SEARCHED   1000u
#define RESULT_BYTES_MAX (32u << 20)
#define HASH_DIGITS      64u

/* ---- the last one ---- */

struct newest {
	struct id id[RACES_SEARCHED];
	size_t count;
};

static int keep_id(void *context, const struct trail_task *task)
{
	struct newest *newest = context;

	if (newest->count == RACES_SEARCHED)
		return 1;
	newest->id[newest->count++] = task->task_id;
	return 0;
}

static int keep_parameters(void *context, const struct trail_entry *entry)
{
	json_t *record = record_json(entry, true);

	*(json_t **)context =
		json_incref(json_object_get(json_object_get(json_object_get(record, "message"), "payload"), "parameters"));
	json_decref(record);
	return 0;
}

/* What "last" is to mean. */
struct wanted {
	bool attempts;     /* agents took part: it is none that only merges, or puts together, what others have made */
	const char *label; /* one of its attempts has it; NULL: any */
};

static bool has_label(const json_t *parameters, const char *list, const char *label)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(parameters, list), i, one)
		if (strcmp(text_at(one, "label"), label) == 0)
			return true;
	return false;
}

static bool is_wanted(struct trail *trail, const struct story *story, const struct wanted *wanted)
{
	struct trail_query query = {
		.limit = 1, .with_payload = true, .after_seq = story->request_seq - 1, .through_seq = story->request_seq};
	json_t *parameters = NULL;
	bool is;

	if (!wanted->attempts)
		return true;
	if (trail_read(trail, &query, keep_parameters, &parameters) != 0)
		return false;
	if (wanted->label)
		is = has_label(parameters, "agents", wanted->label) || has_label(parameters, "candidates", wanted->label);
	else
		is = json_array_size(json_object_get(parameters, "agents")) > 0;
	json_decref(parameters);
	return is;
}

/* The newest that is wanted; where none is, the newest of all. */
static int find_last(const struct call *call, struct trail *trail, const struct wanted *wanted, struct id *out_id)
{
	struct newest *newest = need(calloc(1, sizeof(*newest)));
	int rc = trail_tasks(trail, 0, RACES_SEARCHED, keep_id, newest);
	bool any = false, found = false;

	for (size_t i = 0; rc >= 0 && i < newest->count && !found; i++) {
		struct story story;

		if (story_read(trail, &newest->id[i], &story) != 0 || strcmp(story.task_type, "race") != 0)
			continue;
		found = is_wanted(trail, &story, wanted);
		if (found || !any)
			*out_id = newest->id[i];
		any = true;
	}
	free(newest);
	return any ? 0 : call_fail(call, ERR_NOT_FOUND, "bunshin race \"…\" --agents LIST begins one", "there is no race yet");
}

/* ---- its result ---- */

static bool artefact_hash(const struct outcome *outcome, const char *name, char out[HASH_DIGITS + 1])
{
	json_t *artefacts = outcome->artefacts ? json_loads(outcome->artefacts, 0, NULL) : NULL, *artefact;
	bool found = false;
	size_t i;

	json_array_foreach (artefacts, i, artefact) {
		const char *hash = text_at(artefact, "hash");
		if (found || strcmp(text_at(artefact, "name"), name) != 0 || strlen(hash) != HASH_DIGITS ||
		    strspn(hash, "0123456789abcdef") != HASH_DIGITS)
			continue;
		snprintf(out, HASH_DIGITS + 1, "%s", hash);
		found = true;
	}
	json_decref(artefacts);
	return found;
}

/* All of a result that was too large for a message. */
static json_t *whole_result(const struct call *call, const struct outcome *outcome)
{
	char folder[PATH_BYTES], path[PATH_BYTES + 128], hash[HASH_DIGITS + 1];
	json_t *result = NULL;
	char *text;
	size_t bytes;

	if (!artefact_hash(outcome, "result.json", hash) || session_state_path(call, folder))
		return NULL;
	snprintf(path, sizeof(path), "%s/" STATE_ARTEFACTS "/%.2s/%s", folder, hash, hash + 2);
	text = need(malloc(RESULT_BYTES_MAX));
	if (file_read(path, text, RESULT_BYTES_MAX, &bytes) == 0)
		result = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL);
	free(text);
	return result;
}

json_t *race_result_read(const struct call *call, const struct outcome *outcome)
{
	json_t *brief = outcome->result ? json_loads(outcome->result, JSON_ALLOW_NUL, NULL) : NULL, *whole;

	if (!json_object_get(brief, "cut"))
		return brief;
	whole = whole_result(call, outcome);
	if (!race_of_result(whole)) {
		json_decref(whole);
		return brief;
	}
	json_decref(brief);
	return whole;
}

/* ---- all of it ---- */

static int read_race(const struct call *call, struct trail *trail, struct found_race *race)
{
	struct trail_query query = {.limit = 1, .with_payload = true};
	int rc = story_read(trail, &race->id, &race->story);

	if (rc == ERR_NOT_FOUND)
		return call_fail(call, rc, "`bunshin race list` shows the races", "the trail knows no task %s", race->text);
	if (rc)
		return session_unreadable(call, rc, trail);
	if (strcmp(race->story.task_type, "race") != 0)
		return call_fail(call, ERR_USAGE, "`bunshin race list` shows the races; `bunshin task show` any task",
				 "%s is no race but a task of type %s", race->text, race->story.task_type);
	query.after_seq = race->story.request_seq - 1;
	query.through_seq = race->story.request_seq;
	rc = trail_read(trail, &query, keep_parameters, &race->parameters);
	if (!rc && !json_is_object(race->parameters)) {
		json_decref(race->parameters);
		race->parameters = need(json_object());
	}
	if (!rc && state_is_end(race->story.state)) {
		rc = outcome_read(trail, &race->story, &race->outcome);
		race->ended = !rc;
		race->result = rc ? NULL : race_result_read(call, &race->outcome);
		race->race = race_of_result(race->result);
	}
	return rc ? session_unreadable(call, rc, trail) : 0;
}

static int find(const struct call *call, const char *text, const struct wanted *wanted, struct found_race *out_race)
{
	struct trail *trail = NULL;
	int rc = session_trail(call, &trail);

	*out_race = (struct found_race){0};
	if (rc)
		return rc;
	rc = strcmp(text, "last") == 0 ? find_last(call, trail, wanted, &out_race->id)
				       : session_task_of(call, trail, text, "race", &out_race->id);
	if (!rc) {
		id_print(&out_race->id, out_race->text);
		rc = read_race(call, trail, out_race);
	}
	trail_close(trail);
	if (rc)
		race_release(out_race);
	return rc;
}

int race_find(const struct call *call, const char *text, struct found_race *out_race)
{
	return find(call, text, &(struct wanted){0}, out_race);
}

int race_find_attempts(const struct call *call, const char *text, struct found_race *out_race)
{
	return find(call, text, &(struct wanted){.attempts = true}, out_race);
}

void race_release(struct found_race *race)
{
	json_decref(race->parameters);
	json_decref(race->result);
	outcome_release(&race->outcome);
	*race = (struct found_race){0};
}

static int find_ended(const struct call *call, const char *text, const struct wanted *wanted, struct found_race *out_race)
{
	int rc = find(call, text, wanted, out_race);

	if (rc)
		return rc;
	if (!out_race->ended)
		rc = call_fail(call, ERR_STATE, "`bunshin race resume` follows it", "the race %s has not ended yet",
			       out_race->text);
	else if (!out_race->race)
		rc = call_fail(call, ERR_STATE, "`bunshin task show` tells more", "the race %s has no result: %s", out_race->text,
			       out_race->outcome.summary ? out_race->outcome.summary : state_name(out_race->outcome.state));
	if (rc)
		race_release(out_race);
	return rc;
}

int race_find_ended(const struct call *call, const char *text, struct found_race *out_race)
{
	return find_ended(call, text, &(struct wanted){0}, out_race);
}

int race_find_judged(const struct call *call, const char *text, const char *label, struct found_race *out_race)
{
	return find_ended(call, text, &(struct wanted){.attempts = true, .label = label}, out_race);
}

int race_pick_attempt(const struct call *call, const struct found_race *race, const char *label, const json_t **out_attempt)
{
	const char *best = text_at(race->race, "choice.label");
	const json_t *attempts = json_object_get(race->race, "attempts"), *attempt;
	char labels[512] = "";
	size_t used = 0, i;

	*out_attempt = race_attempt(race->race, label ? label : best);
	if (*out_attempt)
		return 0;
	json_array_foreach (attempts, i, attempt)
		if (used < sizeof(labels))
			used += (size_t)snprintf(labels + used, sizeof(labels) - used, "%s%s", i ? ", " : "",
						 text_at(attempt, "label"));
	if (label)
		return call_fail(call, ERR_NOT_FOUND, NULL, "the race has no attempt \"%s\"; it has %s", label, labels);
	return call_fail(call, ERR_NOT_FOUND, "`bunshin race show` tells why; an attempt can be named: accept ID LABEL",
			 "the race has chosen no attempt; it has %s", labels);
}

const char *race_repo(const struct found_race *race)
{
	const char *repo = text_at(race->parameters, "repo");

	if (!*repo)
		repo = text_at(race->race, "repo");
	return *repo == '/' && access(repo, F_OK) == 0 ? repo : NULL;
}
