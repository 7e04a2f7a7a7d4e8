/* SPDX-License-Identifier: MIT
 *
 * What a folder holds becomes a commit: an attempt's result, what is left of one that failed, what a running one is at, or a person's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/workspace_inner.h"
#include "protocol/id.h"
#include "workspace/store/hold.h"

struct harvesting {
	struct id task;
	uint32_t attempt;
	char ref[REF_TEXT_BYTES];
	char live[REF_TEXT_BYTES]; /* what goes when this comes; empty: nothing */
	char message[128];
	char sentence[PATH_BYTES];
	const struct commit *parents[2]; /* the base, and what was merged into it */
	size_t parent_count;
	const struct tree *tree;
	struct harvest_result found;
	json_t *changes;
};

/* ---- where it goes ---- */

static int name_by_task(struct job *job, const char *task, struct harvesting *harvesting)
{
	bool kept = request_flag(job->request, "kept");
	char text[ID_TEXT_BYTES];

	harvesting->attempt = (uint32_t)request_number(job->request, "attempt");
	if (id_parse(task, strlen(task), &harvesting->task))
		return job_fail(job, ERR_USAGE, "\"%.60s\" is no id of a task", task);
	if (!harvesting->attempt)
		return job_fail(job, ERR_USAGE, "attempts count from 1");
	id_print(&harvesting->task, text);
	snprintf(harvesting->ref, sizeof(harvesting->ref), "%s%s/%u", kept ? REFS_KEPT : "refs/bunshin/", text,
		 harvesting->attempt);
	snprintf(harvesting->live, sizeof(harvesting->live), REFS_LIVE "%s/%u", text, harvesting->attempt);
	snprintf(harvesting->message, sizeof(harvesting->message), "%s %u of task %s",
		 kept ? "What is left of attempt" : "Attempt", harvesting->attempt, text);
	return 0;
}

/* A snapshot that comes after the result has nothing to say. */
static int check_live(struct job *job, const char *ref)
{
	static const char *const results[] = {"refs/bunshin/", REFS_KEPT};
	struct ref_place place = {.there = false};
	char result[REF_TEXT_BYTES + 32];
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc && !place.there; i++) {
		snprintf(result, sizeof(result), "%s%s", results[i], ref + strlen(REFS_LIVE));
		rc = ref_look(job->agent, result, &place);
	}
	if (!rc && place.there)
		rc = job_fail(job, ERR_STATE, "%.200s is there: what the attempt is at is known", result);
	return rc;
}

/* The ref: that of an attempt, or a new one that is named. */
static int harvest_name(struct job *job, struct harvesting *harvesting)
{
	const char *task = request_text(job->request, "task"), *to = request_text(job->request, "to");

	if (!task == !to)
		return job_fail(job, ERR_USAGE, "harvest: either task and attempt say where the commit goes, or to does");
	if (task)
		return name_by_task(job, task, harvesting);
	if (request_flag(job->request, "kept"))
		return job_fail(job, ERR_USAGE, "harvest: what is kept is of a task and an attempt");
	full_ref(to, harvesting->ref);
	snprintf(harvesting->message, sizeof(harvesting->message), "Changes");
	if (ref_is_live(harvesting->ref))
		return check_live(job, harvesting->ref);
	return strncmp(harvesting->ref, "refs/bunshin/", 13) == 0 || ref_is_hidden(harvesting->ref)
		       ? job_fail(job, ERR_USAGE, "%.200s is for results of tasks; refs/heads/NAME is not", harvesting->ref)
		       : 0;
}

static int harvest_prepare(struct job *job, struct harvesting *harvesting)
{
	const char *merged = request_text(job->request, "merged");
	int rc = harvest_name(job, harvesting);

	harvesting->parent_count = merged ? 2 : 1;
	if (!rc)
		rc = workspace_find(job->agent, request_text(job->request, "base"), &harvesting->parents[0]);
	if (!rc && merged)
		rc = workspace_find(job->agent, merged, &harvesting->parents[1]);
	if (!rc && harvesting->parents[0] == harvesting->parents[1])
		rc = job_fail(job, ERR_USAGE, "harvest: base and merged are the same commit");
	return rc;
}

/* ---- what it is ---- */

static int harvest_read(struct job *job, struct harvesting *harvesting)
{
	struct harvest_options options = {.base = commit_tree(harvesting->parents[0]),
					  .skip_ignored = request_flag(job->request, "skip_ignored")};
	struct diff_wish wish = {.patch = false};
	json_t *patch = NULL;
	int folder = -1;
	int rc = folder_open(job, false, &folder);

	if (!rc)
		rc = workspace_harvest(job->agent, folder, &options, &harvesting->tree, &harvesting->found);
	if (!rc)
		rc = diff_collect(job, commit_tree(harvesting->parents[0]), harvesting->tree, &wish, &harvesting->changes,
				  &patch);
	json_decref(patch);
	if (folder >= 0)
		close(folder);
	return rc;
}

/* The same was handed in before, and whoever asked has not heard of it: as good as now. What is owed to the trail about it is waited for. */
static bool is_there_already(struct job *job, const struct harvesting *harvesting, const struct ref_place *place)
{
	const struct commit *commit;

	if (workspace_commit_by_id(job->agent, &place->id, &commit) ||
	    memcmp(tree_id(commit_tree(commit)), tree_id(harvesting->tree), OID_BYTES) != 0 ||
	    commit_parent_count(commit) != harvesting->parent_count)
		return false;
	for (size_t i = 0; i < harvesting->parent_count; i++)
		if (commit_parent(commit, i) != harvesting->parents[i])
			return false;
	return true;
}

/* The new commit, and away with what the attempt was at before. */
static int harvest_put(struct job *job, const struct harvesting *harvesting, const struct ref_place *before,
		       const struct commit *commit)
{
	struct ref_place live = {.there = false};
	const struct commit *old = NULL;
	struct ref_update updates[2] = {{.ref = harvesting->ref, .to = (const struct object *)commit},
					{.ref = harvesting->live, .anywhere = true}};
	int rc = before->there ? workspace_commit_by_id(job->agent, &before->id, &old) : 0;

	updates[0].from = (const struct object *)old;
	if (!rc && harvesting->live[0])
		rc = ref_look(job->agent, harvesting->live, &live);
	return rc ? rc : workspace_refs_update(job->agent, updates, live.there ? 2 : 1);
}

static int harvest_update(struct job *job, const struct harvesting *harvesting, const struct ref_place *before, bool *out_again)
{
	const char *message = request_text(job->request, "message");
	struct workspace_change change = {.message = message ? message : harvesting->message};
	const struct commit *commit = NULL;
	char room[512];
	int rc;

	*out_again = before->there && is_there_already(job, harvesting, before);
	if (*out_again)
		return 0;
	rc = ref_replaceable(job, harvesting->ref, before);
	if (!rc)
		rc = person_of(job, request_text(job->request, "author"), room, &change.author);
	change.committer = change.author;
	if (!rc)
		rc = workspace_commit_make(job->agent, harvesting->tree, harvesting->parents, harvesting->parent_count, &change,
					   &commit);
	return rc ? rc : harvest_put(job, harvesting, before, commit);
}

static int harvest_commit(struct job *job, struct harvesting *harvesting, struct ref_place *out_after)
{
	struct ref_step step = {.ref = harvesting->ref,
				.cause = "harvest",
				.sentence = harvesting->sentence,
				.task = harvesting->task,
				.attempt = harvesting->attempt};
	bool again = false;
	int rc;

	snprintf(harvesting->sentence, sizeof(harvesting->sentence), "%zu files changed%s", json_array_size(harvesting->changes),
		 request_flag(job->request, "kept") ? "; kept, not handed in" : "");
	rc = ref_begin(job, &step);
	if (rc)
		return rc;
	rc = ref_end(job, &step, job_failed(job, harvest_update(job, harvesting, &step.before, &again)), out_after);
	if (!rc && again && !job->last_number)
		job->first_number = job->last_number = diary_untold(job->store->diary, harvesting->ref);
	return rc;
}

/* The attempt has ended with nothing: what it was at meanwhile is of no use any more. */
static int live_drop(struct job *job, const struct harvesting *harvesting)
{
	struct ref_step step = {.ref = harvesting->live};
	struct ref_update update = {.ref = harvesting->live, .anywhere = true};
	int rc = harvesting->live[0] ? ref_begin(job, &step) : 0;

	if (rc || !harvesting->live[0])
		return rc;
	return ref_end(job, &step, step.before.there ? workspace_refs_update(job->agent, &update, 1) : 0, NULL);
}

static int harvest_work(struct job *job, struct harvesting *harvesting)
{
	struct ref_place after = {.there = false};
	bool changed;
	int rc = harvest_prepare(job, harvesting);

	if (!rc)
		rc = harvest_read(job, harvesting);
	changed = !rc && (harvesting->parent_count > 1 ||
			  memcmp(tree_id(harvesting->tree), tree_id(commit_tree(harvesting->parents[0])), OID_BYTES) != 0);
	if (!rc)
		rc = changed ? harvest_commit(job, harvesting, &after) : live_drop(job, harvesting);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:o, s:o, s:o, s:O, s:I, s:I, s:I}", "ref",
					changed ? json_string(harvesting->ref) : json_null(), "base",
					oid_text(commit_id(harvesting->parents[0])), "new", oid_text(changed ? &after.id : NULL),
					"tree", oid_text(tree_id(harvesting->tree)), "version",
					changed ? json_integer((json_int_t)after.version) : json_null(), "changes",
					harvesting->changes, "files", (json_int_t)harvesting->found.files, "bytes",
					(json_int_t)harvesting->found.bytes, "skipped", (json_int_t)harvesting->found.skipped);
	return job_failed(job, rc);
}

int folder_harvest(struct job *job)
{
	struct harvesting *harvesting = calloc(1, sizeof(*harvesting));
	int rc;

	if (!harvesting)
		return ERR_MEMORY;
	bool held =
		hold_begin(job->agent); /* a folder takes its time; a bracket would make everybody wait once somebody collects */
	rc = harvest_work(job, harvesting);
	hold_end(job->agent, held);
	json_decref(harvesting->changes);
	free(harvesting);
	return rc;
}
