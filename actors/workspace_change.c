/* SPDX-License-Identifier: MIT
 *
 * Verbs that change refs: merge, delete; and gc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/workspace_inner.h"
#include "protocol/id.h"

/* ---- merge ---- */

struct merging {
	char into[REF_TEXT_BYTES];
	char message[REF_TEXT_BYTES + 64];
	char sentence[REF_TEXT_BYTES + 64];
	char person_room[512];
	const struct commit *theirs;
	struct workspace_change change;
	struct merge_options names;
	struct merge_result result;
	const struct commit *commit;
};

static int merge_prepare(struct job *job, struct merging *merging)
{
	const char *from = request_text(job->request, "from"), *message = request_text(job->request, "message");
	int rc;

	full_ref(request_text(job->request, "into"), merging->into);
	rc = ref_check(job, merging->into);
	if (!rc)
		rc = workspace_find(job->agent, from, &merging->theirs);
	if (!rc)
		rc = person_of(job, request_text(job->request, "author"), merging->person_room, &merging->change.author);
	snprintf(merging->message, sizeof(merging->message), "Merge %.900s into %s", from, request_text(job->request, "into"));
	snprintf(merging->sentence, sizeof(merging->sentence), "merged %.900s", from);
	merging->change.committer = merging->change.author;
	merging->change.message = message ? message : merging->message;
	merging->names = (struct merge_options){.ours_name = request_text(job->request, "into"), .theirs_name = from};
	return rc;
}

static const char *merge_kind(const struct ref_place *before, const struct ref_place *after, const struct commit *theirs)
{
	if (memcmp(&before->id, &after->id, sizeof(before->id)) == 0)
		return "nothing";
	return memcmp(&after->id, commit_id(theirs), sizeof(after->id)) == 0 ? "fast-forward" : "merge";
}

static int merge_refuse(struct job *job, const struct merging *merging)
{
	job->more = conflicts_json(&merging->result);
	return job_fail(job, ERR_CONFLICT, "%zu conflict%s between %.200s and %.200s; nothing has changed",
			merging->result.conflict_count, merging->result.conflict_count == 1 ? "" : "s", merging->into,
			request_text(job->request, "from"));
}

static int merge_work(struct job *job, struct merging *merging)
{
	struct ref_step step = {.ref = merging->into, .cause = "merge", .sentence = merging->sentence};
	struct ref_place after;
	int rc = merge_prepare(job, merging);

	if (!rc)
		rc = task_of(job, &step.task);
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	if (!step.before.there)
		rc = job_fail(job, ERR_NOT_FOUND, "there is no branch %.200s to merge into", merging->into);
	else
		rc = workspace_merge_into(job->agent, merging->into, merging->theirs, &merging->change, &merging->names,
					  &merging->result, &merging->commit);
	rc = job_failed(job, ref_end(job, &step, rc, &after));
	if (rc == ERR_CONFLICT)
		return merge_refuse(job, merging);
	if (rc)
		return rc;
	job->result = json_pack("{s:o, s:o, s:o, s:s}", "ref", bytes_text(merging->into, strlen(merging->into)), "old",
				oid_text(&step.before.id), "new", oid_text(&after.id), "kind",
				merge_kind(&step.before, &after, merging->theirs));
	return 0;
}

int change_merge(struct job *job)
{
	struct merging *merging = calloc(1, sizeof(*merging));
	int rc = merging ? merge_work(job, merging) : ERR_MEMORY;

	if (merging)
		merge_result_release(&merging->result);
	free(merging);
	return rc;
}

/* ---- delete ---- */

int change_delete(struct job *job)
{
	const char *ref = request_text(job->request, "ref");
	struct ref_step step = {.ref = ref, .cause = "delete", .sentence = "deleted"};
	struct ref_update update = {.ref = ref, .anywhere = true};
	int rc = ref_check(job, ref);

	if (!rc && strncmp(ref, "refs/", 5) != 0)
		rc = job_fail(job, ERR_USAGE, "\"%.200s\" is no whole name of a ref; refs/heads/%.200s would be one", ref, ref);
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	rc = step.before.there ? workspace_refs_update(job->agent, &update, 1)
			       : job_fail(job, ERR_NOT_FOUND, "there is no ref %.200s", ref);
	rc = job_failed(job, ref_end(job, &step, rc, NULL));
	if (!rc)
		job->result = json_pack("{s:o, s:o}", "ref", bytes_text(ref, strlen(ref)), "old", oid_text(&step.before.id));
	return rc;
}

/* ---- gc ---- */

int change_gc(struct job *job)
{
	struct workspace_gc_result result;
	int rc = workspace_gc(job->agent, request_flag(job->request, "now"), &result);

	if (rc)
		return rc;
	job->result =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "objects_before", (json_int_t)result.objects_before,
			  "objects_after", (json_int_t)result.objects_after, "bytes_before", (json_int_t)result.bytes_before,
			  "bytes_after", (json_int_t)result.bytes_after, "journal_before", (json_int_t)result.journal_before,
			  "journal_after", (json_int_t)result.journal_after, "pause_us", (json_int_t)result.pause_us);
	return 0;
}
