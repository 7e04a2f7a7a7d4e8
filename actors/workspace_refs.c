/* SPDX-License-Identifier: MIT
 *
 * Refs of a store, and what the diary says about them. Whoever changes a ref holds the store's lock for refs from before the diary is
 * written until it says what came of it, so the two agree; an import sets its refs outside of it, and what it has changed is found by looking.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/fresh.h"
#include "actors/workspace_inner.h"
#include "clones/result.h"
#include "protocol/id.h"

bool ref_is_hidden(const char *ref)
{
	return strncmp(ref, REFS_HIDDEN, strlen(REFS_HIDDEN)) == 0;
}

bool ref_is_live(const char *ref)
{
	return strncmp(ref, REFS_LIVE, strlen(REFS_LIVE)) == 0;
}

static bool ref_is_untold(const char *ref)
{
	return ref_is_hidden(ref) || ref_is_live(ref);
}

int ref_check(struct job *job, const char *ref)
{
	return ref_is_hidden(ref) ? job_fail(job, ERR_USAGE, "%.200s: names below %s are the workspace's own", ref, REFS_HIDDEN)
				  : 0;
}

int task_of(struct job *job, struct id *out_task)
{
	const char *text = request_text(job->request, "task");

	*out_task = (struct id){{0}};
	if (!text || id_parse(text, strlen(text), out_task) == 0)
		return 0;
	return job_fail(job, ERR_USAGE, "\"%.60s\" is no id of a task", text);
}

void full_ref(const char *name, char out_ref[REF_TEXT_BYTES])
{
	bool full = strncmp(name, "refs/", 5) == 0;

	snprintf(out_ref, REF_TEXT_BYTES, "%s%s", full ? "" : "refs/heads/", name);
}

/* ---- looking ---- */

struct looking {
	const char *ref;
	struct ref_place place;
};

static int look_at(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct looking *looking = context;

	if (strcmp(ref, looking->ref) != 0)
		return 0;
	looking->place = (struct ref_place){.there = true, .version = version, .id = *object_id(object)};
	return 1;
}

int ref_look(struct workspace_agent *agent, const char *ref, struct ref_place *out_place)
{
	struct looking looking = {.ref = ref};
	int rc = workspace_refs_each(agent, ref, look_at, &looking);

	*out_place = looking.place;
	return rc > 0 || rc == ERR_NOT_FOUND ? 0 : rc;
}

static bool place_same(const struct ref_place *a, const struct ref_place *b)
{
	return a->there == b->there && (!a->there || (a->version == b->version && memcmp(&a->id, &b->id, sizeof(a->id)) == 0));
}

/* Names that are no UTF-8 are told with signs in their place; nothing else can carry them. */
static char *name_clean(const char *ref)
{
	json_t *json = text_json(ref, strlen(ref), REF_TEXT_BYTES);
	char *name = json ? strdup(json_string_value(json)) : NULL;

	json_decref(json);
	return name;
}

/* ---- what the diary does not know ---- */

struct found_changes {
	struct store *store;
	const char *cause;
	const char *sentence;
	const char *only; /* one ref; NULL: all */
	json_t *seen;     /* names */
	struct diary_change *change;
	size_t count, room;
	int rc;
};

static int finding_add(struct found_changes *finding, char *name, const struct ref_place *from, const struct ref_place *to)
{
	struct diary_change *change;

	if (finding->count == finding->room) {
		size_t room = finding->room ? finding->room * 2 : 64;
		change = realloc(finding->change, room * sizeof(*change));
		if (!change)
			return ERR_MEMORY;
		finding->change = change;
		finding->room = room;
	}
	change = &finding->change[finding->count++];
	*change = (struct diary_change){
		.ref = name,
		.version = to->version,
		.has_from = from->there,
		.from = from->id,
		.has_to = to->there,
		.to = to->id,
		.cause = finding->cause,
		.sentence = finding->sentence,
		.message = id_fresh(),
	};
	return 0;
}

/* Takes `name` over. */
static int finding_compare(struct found_changes *finding, char *name, const struct ref_place *is)
{
	struct ref_place was = {.there = false};
	struct ref_place now = *is;
	int rc = ERR_MEMORY;

	if (name) {
		(void)!diary_known(finding->store->diary, name, &was.version, &was.id, &was.there);
		if (place_same(&was, is)) {
			free(name);
			return 0;
		}
		if (!is->there)
			now.version = was.version + 1;
		rc = finding_add(finding, name, &was, &now);
	}
	if (rc)
		free(name);
	return rc;
}

static int find_changed(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct found_changes *finding = context;
	struct ref_place is = {.there = true, .version = version, .id = *object_id(object)};
	char *name;

	if (ref_is_untold(ref) || (finding->only && strcmp(ref, finding->only) != 0))
		return 0;
	name = name_clean(ref);
	if (name)
		json_object_set_new(finding->seen, name, json_true());
	finding->rc = finding_compare(finding, name, &is);
	return finding->rc;
}

/* Inside of the diary's lock: only gathered. */
static int gather_gone(void *context, const char *ref, uint64_t version, const struct oid *id)
{
	struct found_changes *finding = context;

	if (id && !json_object_get(finding->seen, ref) && (!finding->only || strcmp(ref, finding->only) == 0))
		json_object_set_new(finding->seen, ref, json_integer((json_int_t)version));
	return 0;
}

static int find_gone(struct found_changes *finding)
{
	static const struct ref_place gone = {.there = false};
	const char *ref;
	json_t *value;
	int rc = diary_each_known(finding->store->diary, gather_gone, finding);

	json_object_foreach (finding->seen, ref, value)
		if (!rc && json_is_integer(value))
			rc = finding_compare(finding, strdup(ref), &gone);
	return rc;
}

static json_t *change_json(const struct diary_change *change)
{
	return json_pack("{s:s, s:I, s:o, s:o}", "ref", change->ref, "version", (json_int_t)change->version, "old",
			 oid_text(change->has_from ? &change->from : NULL), "new", oid_text(change->has_to ? &change->to : NULL));
}

static int finding_note(struct found_changes *finding, json_t *changes, uint64_t *out_first, uint64_t *out_last)
{
	uint64_t *numbers = calloc(finding->count + 1, sizeof(*numbers));
	struct workspace_figures figures;
	int rc = numbers ? 0 : ERR_MEMORY;

	workspace_measure(finding->store->workspace, &figures);
	for (size_t i = 0; i < finding->count; i++)
		finding->change[i].journal = figures.journal_head;
	if (!rc && finding->count)
		rc = diary_found(finding->store->diary, finding->change, finding->count, numbers);
	if (!rc && finding->count) {
		*out_first = *out_first && *out_first < numbers[0] ? *out_first : numbers[0];
		*out_last = numbers[finding->count - 1];
	}
	for (size_t i = 0; !rc && changes && i < finding->count; i++)
		json_array_append_new(changes, change_json(&finding->change[i]));
	free(numbers);
	return rc;
}

/* With the lock for refs held. */
static int find_locked(struct store *store, struct workspace_agent *agent, const char *only, const char *cause,
		       const char *sentence, json_t *changes, uint64_t *out_first, uint64_t *out_last)
{
	struct found_changes finding = {
		.store = store, .cause = cause, .sentence = sentence, .only = only, .seen = json_object()};
	int rc = workspace_refs_each(agent, only ? only : "refs/", find_changed, &finding);

	rc = finding.rc ? finding.rc : rc == ERR_NOT_FOUND ? 0 : rc;
	if (!rc)
		rc = find_gone(&finding);
	if (!rc)
		rc = finding_note(&finding, changes, out_first, out_last);
	for (size_t i = 0; i < finding.count; i++)
		free((char *)(uintptr_t)finding.change[i].ref);
	free(finding.change);
	json_decref(finding.seen);
	return rc;
}

int refs_find_changes(struct store *store, struct workspace_agent *agent, const char *cause, const char *sentence,
		      json_t *changes, uint64_t *out_first, uint64_t *out_last)
{
	pthread_mutex_lock(&store->refs);
	int rc = find_locked(store, agent, NULL, cause, sentence, changes, out_first, out_last);
	pthread_mutex_unlock(&store->refs);
	return rc;
}

/* ---- after a start ---- */

static bool settle_look(void *context, const char *ref, uint64_t *out_version, struct oid *out_to, bool *out_there)
{
	struct ref_place place;

	if (ref_look(context, ref, &place) || !place.there)
		return false; /* that it is gone, if it was there, is found below */
	*out_version = place.version;
	*out_to = place.id;
	*out_there = true;
	return true;
}

static int live_gather(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)object;
	(void)version;
	return json_array_append_new(context, json_string(ref)) ? ERR_MEMORY : 0;
}

/* What attempts of an earlier life were at. Those that still run send a new one with their next change. */
static void live_drop_all(struct workspace_agent *agent)
{
	json_t *names = json_array(), *name;
	size_t i;

	(void)!workspace_refs_each(agent, REFS_LIVE, live_gather, names);
	json_array_foreach (names, i, name) {
		struct ref_update update = {.ref = json_string_value(name), .anywhere = true};
		(void)!workspace_refs_update(agent, &update, 1);
	}
	json_decref(names);
}

int refs_settle(struct store *store)
{
	static const char sentence[] =
		"seen when the repository was opened again; the workspace had ended before it could say why";
	struct workspace_agent *agent = NULL;
	struct workspace_figures figures;
	uint64_t first = 0, last = 0;
	int rc = workspace_join(store->workspace, &agent);

	if (rc)
		return rc;
	live_drop_all(agent);
	workspace_measure(store->workspace, &figures);
	diary_settle(store->diary, settle_look, agent, figures.journal_head);
	rc = refs_find_changes(store, agent, "found", sentence, NULL, &first, &last);
	workspace_leave(agent);
	return rc;
}

/* ---- one change ---- */

int ref_begin(struct job *job, struct ref_step *step)
{
	static const char sentence[] = "seen while another change was made";
	struct store *store = job->store;
	struct diary_change change;
	struct ref_place was = {.there = false};
	int rc;

	pthread_mutex_lock(&store->refs);
	if (ref_is_untold(step->ref)) {
		rc = ref_look(job->agent, step->ref, &step->before);
		if (rc)
			pthread_mutex_unlock(&store->refs);
		return rc;
	}
	rc = find_locked(store, job->agent, step->ref, "import", sentence, NULL, &job->first_number, &job->last_number);
	if (!rc)
		rc = ref_look(job->agent, step->ref, &step->before);
	if (!rc) {
		(void)!diary_known(store->diary, step->ref, &was.version, &was.id, &was.there);
		change = (struct diary_change){
			.ref = step->ref,
			.version = (step->before.there ? step->before.version : was.version) + 1,
			.has_from = step->before.there,
			.from = step->before.id,
			.cause = step->cause,
			.task = step->task,
			.attempt = step->attempt,
			.message = id_fresh(),
			.sentence = step->sentence,
		};
		rc = diary_begin(store->diary, &change, &step->number);
	}
	if (rc) {
		pthread_mutex_unlock(&store->refs);
		if (rc == ERR_OVERLOADED)
			return job_fail(job, rc, "%zu changes wait for Omega to record them; nothing is changed until it does",
					diary_pending(store->diary));
		return job_fail(job, rc, "what is about to change could not be noted: %s", error_sentence(rc));
	}
	return 0;
}

static void note_end(struct job *job, const struct ref_step *step, const struct ref_place *after)
{
	struct workspace_figures figures;
	uint64_t version = after->there ? after->version : step->before.version + 1;

	workspace_measure(job->store->workspace, &figures);
	diary_done(job->store->diary, step->number, version, after->there ? &after->id : NULL, figures.journal_head);
	if (!job->first_number)
		job->first_number = step->number;
	job->last_number = step->number;
}

int ref_replaceable(struct job *job, const char *ref, const struct ref_place *before)
{
	const char *replaces = request_text(job->request, "replaces");
	const struct commit *commit = NULL;
	int rc = replaces ? workspace_find(job->agent, replaces, &commit) : 0;

	if (rc)
		return rc;
	if (!replaces && !before->there)
		return 0;
	if (!before->there && ref_is_live(ref)) /* dropped when the store was opened again */
		return 0;
	if (before->there)
		job->more = json_pack("{s:o}", "id", oid_text(&before->id));
	if (!replaces)
		return job_fail(job, ERR_STATE, "%.200s is there already, and something else; what was handed in is not replaced",
				ref);
	if (!before->there || memcmp(&before->id, commit_id(commit), OID_BYTES) != 0)
		return job_fail(job, ERR_MOVED, "%.200s is %s; it was to be at %.60s", ref,
				before->there ? "somewhere else" : "not there", replaces);
	json_decref(job->more);
	job->more = NULL;
	return 0;
}

int ref_end(struct job *job, struct ref_step *step, int rc, struct ref_place *out_after)
{
	struct ref_place after = step->before;
	bool known = ref_look(job->agent, step->ref, &after) == 0;

	if (!step->number)
		known = false; /* nothing of it is told */
	else if (known && place_same(&after, &step->before))
		diary_void(job->store->diary, step->number);
	else if (known && !rc)
		note_end(job, step, &after);
	/* Else nobody knows whether it will still be so after a restart, which then finds out. */
	pthread_mutex_unlock(&job->store->refs);
	if (out_after)
		*out_after = after;
	return rc;
}
