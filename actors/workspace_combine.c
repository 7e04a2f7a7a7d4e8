/* SPDX-License-Identifier: MIT
 *
 * combine: a merge that goes to a ref of its own, so that it can be looked at before a branch moves. advance: the branch moves, if it is where
 * it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/workspace_inner.h"
#include "workspace/exchange/ancestry.h"

/* ---- combine ---- */

struct combining {
	char to[REF_TEXT_BYTES];
	char message[2 * REF_TEXT_BYTES];
	char sentence[2 * REF_TEXT_BYTES];
	char person_room[512];
	const struct commit *onto, *from;
	struct workspace_change change;
	struct merge_options options;
	struct merge_result result;
	const struct commit *commit; /* what came of it */
};

static int favour_of(struct job *job, bool *out_theirs)
{
	const char *favour = request_text(job->request, "favour");

	*out_theirs = favour && strcmp(favour, "theirs") == 0;
	if (!favour || *out_theirs || strcmp(favour, "none") == 0)
		return 0;
	return job_fail(job, ERR_USAGE, "combine: nobody is favoured as \"%.40s\"; none and theirs are accepted", favour);
}

static int combine_commits(struct job *job, struct combining *combining)
{
	const char *base = request_text(job->request, "base");
	int rc = workspace_find(job->agent, request_text(job->request, "onto"), &combining->onto);

	if (!rc)
		rc = workspace_find(job->agent, request_text(job->request, "from"), &combining->from);
	if (!rc && base)
		rc = workspace_find(job->agent, base, &combining->options.base);
	return rc;
}

static int ref_of_results(struct job *job, const char *ref)
{
	int rc = ref_check(job, ref);

	return !rc && ref_is_live(ref) ? job_fail(job, ERR_USAGE, "%.200s is for what running attempts are at", ref) : rc;
}

static int combine_prepare(struct job *job, struct combining *combining)
{
	const char *onto = request_text(job->request, "onto"), *from = request_text(job->request, "from");
	const char *message = request_text(job->request, "message");
	int rc;

	full_ref(request_text(job->request, "to"), combining->to);
	snprintf(combining->message, sizeof(combining->message), "Merge %.900s into %.900s", from, onto);
	snprintf(combining->sentence, sizeof(combining->sentence), "combined %.900s and %.900s", onto, from);
	combining->change.message = message ? message : combining->message;
	combining->options.ours_name = onto;
	combining->options.theirs_name = from;
	rc = ref_of_results(job, combining->to);
	if (!rc)
		rc = favour_of(job, &combining->options.favour_theirs);
	if (!rc)
		rc = combine_commits(job, combining);
	if (!rc)
		rc = person_of(job, request_text(job->request, "author"), combining->person_room, &combining->change.author);
	combining->change.committer = combining->change.author;
	return rc;
}

/* With a base of its own the other side is no ancestor in any sense: as git cherry-pick and git revert make it. */
static int combine_commit(struct job *job, struct combining *combining)
{
	const struct commit *parents[] = {combining->onto, combining->from};
	size_t count = combining->options.base ? 1 : 2;

	if (combining->result.conflict_count) {
		job->more = conflicts_json(&combining->result);
		return job_fail(job, ERR_CONFLICT, "%zu conflict%s between %.200s and %.200s; nothing has changed",
				combining->result.conflict_count, combining->result.conflict_count == 1 ? "" : "s",
				request_text(job->request, "onto"), request_text(job->request, "from"));
	}
	if (count == 1 &&
	    memcmp(tree_id(combining->result.tree), tree_id(commit_tree(combining->onto)), sizeof(struct oid)) == 0) {
		combining->commit = combining->onto;
		return 0;
	}
	return workspace_commit_make(job->agent, combining->result.tree, parents, count, &combining->change, &combining->commit);
}

static int combine_merge(struct job *job, struct combining *combining)
{
	bool has = false, leads = false;
	int rc = 0;

	if (!combining->options.base) {
		rc = ancestry_leads(combining->onto, combining->from, &has);
		if (!rc)
			rc = ancestry_leads(combining->from, combining->onto, &leads);
	}
	combining->commit = has ? combining->onto : leads ? combining->from : NULL;
	if (rc || combining->commit)
		return rc;
	rc = workspace_merge(job->agent, combining->onto, combining->from, &combining->options, &combining->result);
	return rc ? rc : combine_commit(job, combining);
}

/* Asked again for what was done, and whoever asked has not heard of it: commits differ by the second in which they were made, trees do not. */
static bool combine_is_there(struct job *job, const struct combining *combining, const struct ref_place *before)
{
	const struct commit *there = NULL;

	if (!before->there || workspace_commit_by_id(job->agent, &before->id, &there))
		return false;
	if (there == combining->commit)
		return true;
	if (memcmp(tree_id(commit_tree(there)), tree_id(commit_tree(combining->commit)), sizeof(struct oid)) != 0 ||
	    commit_parent_count(there) != commit_parent_count(combining->commit))
		return false;
	for (size_t i = 0; i < commit_parent_count(there); i++)
		if (commit_parent(there, i) != commit_parent(combining->commit, i))
			return false;
	return true;
}

static int combine_update(struct job *job, struct combining *combining, const struct ref_place *before, bool *out_again)
{
	const struct commit *old = NULL;
	struct ref_update update = {.ref = combining->to};
	int rc = combine_merge(job, combining);

	if (rc)
		return rc;
	*out_again = combine_is_there(job, combining, before);
	if (*out_again)
		return workspace_commit_by_id(job->agent, &before->id, &combining->commit);
	rc = ref_replaceable(job, combining->to, before);
	if (!rc && before->there)
		rc = workspace_commit_by_id(job->agent, &before->id, &old);
	update.from = (const struct object *)old;
	update.to = (const struct object *)combining->commit;
	return rc ? rc : workspace_refs_update(job->agent, &update, 1);
}

static json_t *favoured_json(const struct merge_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->favoured_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:I}", "path",
						      bytes_text(result->favoured[i].path, strlen(result->favoured[i].path)),
						      "places", (json_int_t)result->favoured[i].places));
	return list;
}

static json_t *combine_json(const struct combining *combining)
{
	const char *kind = combining->commit == combining->onto   ? "nothing"
			   : combining->commit == combining->from ? "fast-forward"
								  : "merge";

	return json_pack("{s:o, s:o, s:o, s:s, s:o}", "ref", bytes_text(combining->to, strlen(combining->to)), "new",
			 oid_text(commit_id(combining->commit)), "tree", oid_text(tree_id(commit_tree(combining->commit))),
			 "kind", kind, "favoured", favoured_json(&combining->result));
}

static int combine_work(struct job *job, struct combining *combining)
{
	struct ref_step step = {.ref = combining->to, .cause = "combine", .sentence = combining->sentence};
	bool again = false;
	int rc = combine_prepare(job, combining);

	if (!rc)
		rc = task_of(job, &step.task);
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	rc = ref_end(job, &step, job_failed(job, combine_update(job, combining, &step.before, &again)), NULL);
	if (!rc && again && !job->last_number)
		job->first_number = job->last_number = diary_untold(job->store->diary, combining->to);
	if (!rc)
		job->result = combine_json(combining);
	return rc;
}

int change_combine(struct job *job)
{
	struct combining *combining = calloc(1, sizeof(*combining));
	int rc = combining ? combine_work(job, combining) : ERR_MEMORY;

	if (combining)
		merge_result_release(&combining->result);
	free(combining);
	return rc;
}

/* ---- advance ---- */

struct advancing {
	char ref[REF_TEXT_BYTES];
	char sentence[REF_TEXT_BYTES];
	const struct commit *old, *new; /* old NULL: the ref is to be made */
};

static int advance_prepare(struct job *job, struct advancing *advancing)
{
	const char *old = request_text(job->request, "old"), *new = request_text(job->request, "new");
	int rc;

	full_ref(request_text(job->request, "ref"), advancing->ref);
	rc = ref_of_results(job, advancing->ref);
	if (!rc && old)
		rc = workspace_find(job->agent, old, &advancing->old);
	if (!rc)
		rc = workspace_find(job->agent, new, &advancing->new);
	snprintf(advancing->sentence, sizeof(advancing->sentence), "%s to %.900s",
		 request_flag(job->request, "back") ? "put back" : "advanced", new);
	return rc;
}

static int advance_check(struct job *job, const struct advancing *advancing, const struct ref_place *before)
{
	bool leads = true;
	int rc = 0;

	if (before->there != (advancing->old != NULL) ||
	    (before->there && memcmp(&before->id, commit_id(advancing->old), sizeof(before->id)) != 0)) {
		job->more = json_pack("{s:o}", "id", oid_text(before->there ? &before->id : NULL));
		return job_fail(job, ERR_MOVED, "%.200s is %s, and was to be %.60s", advancing->ref,
				before->there ? "somewhere else" : "not there",
				advancing->old ? request_text(job->request, "old") : "made anew");
	}
	if (advancing->old && !request_flag(job->request, "back"))
		rc = ancestry_leads(advancing->new, advancing->old, &leads);
	if (!rc && !leads)
		return job_fail(job, ERR_CONFLICT,
				"%.200s would lose what it has: %.60s does not lead to it; \"back\" says that this is meant",
				advancing->ref, request_text(job->request, "new"));
	return rc;
}

static int advance_update(struct job *job, const struct advancing *advancing, const struct ref_place *before, bool *out_again)
{
	struct ref_update update = {.ref = advancing->ref,
				    .from = (const struct object *)advancing->old,
				    .to = (const struct object *)advancing->new};
	int rc;

	*out_again = before->there && memcmp(&before->id, commit_id(advancing->new), sizeof(before->id)) == 0;
	if (*out_again)
		return 0;
	rc = advance_check(job, advancing, before);
	return rc ? rc : workspace_refs_update(job->agent, &update, 1);
}

static int advance_work(struct job *job, struct advancing *advancing)
{
	struct ref_step step = {.ref = advancing->ref, .cause = "advance", .sentence = advancing->sentence};
	struct ref_place after = {.there = false};
	bool again = false;
	int rc = advance_prepare(job, advancing);

	if (!rc)
		rc = task_of(job, &step.task);
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	rc = ref_end(job, &step, job_failed(job, advance_update(job, advancing, &step.before, &again)), &after);
	if (!rc && again && !job->last_number)
		job->first_number = job->last_number = diary_untold(job->store->diary, advancing->ref);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:o, s:I}", "ref", bytes_text(advancing->ref, strlen(advancing->ref)), "old",
					oid_text(advancing->old ? commit_id(advancing->old) : NULL), "new", oid_text(&after.id),
					"version", (json_int_t)after.version);
	return rc;
}

int change_advance(struct job *job)
{
	struct advancing *advancing = calloc(1, sizeof(*advancing));
	int rc = advancing ? advance_work(job, advancing) : ERR_MEMORY;

	free(advancing);
	return rc;
}
