/* SPDX-License-Identifier: MIT
 *
 * The order of things: look, bring, lock, look again, note, change, move the branch, forget.
 */
#include "workspace/exchange/apply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/exchange/apply_inner.h"

/* ---- saying ---- */

int apply_fail(struct apply *apply, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(apply->outcome->sentence, sizeof(apply->outcome->sentence), format, arguments);
	va_end(arguments);
	return rc;
}

int apply_fail_errno(struct apply *apply, const char *what)
{
	return apply_fail(apply, ERR_IO, "%s: %s", what, strerror(errno));
}

int apply_fail_git(struct apply *apply, const char *what)
{
	return apply_fail(apply, ERR_IO, "%s: %.300s", what, libgit2_reason());
}

int apply_in_the_way(struct apply *apply, const char *path, const char *what)
{
	struct apply_outcome *outcome = apply->outcome;
	struct apply_edit *edits;

	if (outcome->edit_count >= APPLY_EDITS_MAX)
		return 0;
	edits = realloc(outcome->edits, (outcome->edit_count + 1) * sizeof(*edits));
	if (!edits)
		return ERR_MEMORY;
	outcome->edits = edits;
	edits[outcome->edit_count] = (struct apply_edit){strdup(path), what};
	if (!edits[outcome->edit_count].path)
		return ERR_MEMORY;
	outcome->edit_count++;
	return 0;
}

static void forget_edits(struct apply_outcome *outcome)
{
	for (size_t i = 0; i < outcome->edit_count; i++)
		free(outcome->edits[i].path);
	free(outcome->edits);
	outcome->edits = NULL;
	outcome->edit_count = 0;
}

void apply_outcome_release(struct apply_outcome *outcome)
{
	forget_edits(outcome);
}

/* ---- the two commits ---- */

static int tree_of(struct apply *apply, const git_oid *id, git_tree **out_tree)
{
	git_commit *commit = NULL;
	char hex[GIT_OID_HEXSZ + 1];
	int error = git_commit_lookup(&commit, apply->repository, id);

	if (!error) {
		git_tree_free(*out_tree);
		*out_tree = NULL;
		error = git_commit_tree(out_tree, commit);
	}
	git_commit_free(commit);
	git_oid_tostr(hex, sizeof(hex), id);
	return error ? apply_fail(apply, ERR_NOT_FOUND, "%.200s has no commit %s", apply->wish->repository, hex) : 0;
}

static int check_forward(struct apply *apply)
{
	int leads;

	if (apply->wish->patch || apply->wish->back || git_oid_equal(&apply->old_id, &apply->new_id))
		return 0;
	leads = git_graph_descendant_of(apply->repository, &apply->new_id, &apply->old_id);
	if (leads < 0)
		return apply_fail_git(apply, "the history cannot be walked");
	return leads ? 0
		     : apply_fail(apply, ERR_STATE, "%.200s would lose what it has: that is no fast-forward", apply->wish->ref);
}

/* ---- before anything changes ---- */

static bool has_files(const struct apply *apply)
{
	return apply->wish->patch || apply->checked_out;
}

static int look_early(struct apply *apply)
{
	int rc = tree_of(apply, &apply->old_id, &apply->old_tree);

	if (rc || !has_files(apply) || !apply->wish->paths)
		return rc;
	rc = apply->wish->patch ? 0 : index_look(apply);
	if (!rc)
		rc = entries_of_paths(apply);
	return rc ? rc : check_all(apply);
}

static int bring(struct apply *apply)
{
	int rc = apply->wish->bring ? apply->wish->bring(apply->wish->context, apply->outcome->sentence) : 0;

	if (!rc)
		rc = tree_of(apply, &apply->new_id, &apply->new_tree);
	return rc ? rc : check_forward(apply);
}

/* ---- and then ---- */

/* All changes are in place, and nobody else sees the index or the branch move. The branch first: from then on there is no way back. */
static int finish(struct apply *apply)
{
	int rc = 0;

	if (apply->wish->patch)
		return 0;
	rc = index_write(apply);
	if (!rc)
		rc = branch_move(apply);
	return rc ? rc : index_place(apply);
}

static int change_files(struct apply *apply)
{
	bool moved = false;
	int rc = files_place(apply), back = 0;

	if (!rc)
		rc = finish(apply);
	if (rc && !apply->wish->patch)
		moved = place_branch_is_new(apply);
	apply->unfinished = rc && moved;
	if (rc && moved)
		return apply_fail(apply, ERR_IO,
				  "the branch has moved, and the index could not be replaced; the same command again "
				  "finishes it");
	if (rc)
		back = files_back(apply);
	apply->unfinished = back != 0;
	if (back)
		return apply_fail(apply, ERR_IO, "not everything could be put back; the same command again does that");
	files_forget(apply);
	return rc;
}

static int with_files(struct apply *apply)
{
	int rc = files_open(apply);

	if (!rc)
		rc = index_take(apply);
	if (!rc)
		rc = entries_of_trees(apply);
	if (!rc)
		rc = check_all(apply);
	if (!rc)
		rc = change_files(apply);
	index_give(apply);
	files_close(apply);
	apply->outcome->kind = apply->wish->patch ? APPLY_PATCH : APPLY_FILES;
	return rc;
}

static int change(struct apply *apply)
{
	if (has_files(apply))
		return with_files(apply);
	apply->outcome->kind = APPLY_REF;
	return branch_move(apply);
}

static int run(struct apply *apply)
{
	bool done = false;
	int rc = place_look(apply);

	if (!rc && !apply->wish->patch)
		rc = place_branch(apply, &done);
	if (rc || done)
		return rc;
	rc = look_early(apply);
	if (!rc)
		rc = bring(apply);
	return rc ? rc : change(apply);
}

/* What was left comes first; what it says of paths is not about this one. */
static int recover_first(struct apply *apply)
{
	bool did = false;
	int rc = recover(apply, &did);

	if (!rc && did)
		*apply->outcome =
			(struct apply_outcome){.edits = apply->outcome->edits, .edit_count = apply->outcome->edit_count};
	if (!rc)
		forget_edits(apply->outcome);
	return rc;
}

static int begin(struct apply *apply, const char *path, struct apply_outcome *outcome)
{
	int rc;

	*outcome = (struct apply_outcome){.kind = APPLY_NOTHING};
	*apply = (struct apply){.outcome = outcome, .common = -1, .own = -1, .work = -1, .lock = -1, .stage = -1, .holding = -1};
	rc = place_open(apply, path);
	return rc ? rc : place_lock(apply);
}

static int end(struct apply *apply, int rc)
{
	entries_release(apply);
	place_close(apply);
	if (rc && !apply->outcome->sentence[0])
		snprintf(apply->outcome->sentence, sizeof(apply->outcome->sentence), "%s", error_sentence(rc));
	return rc;
}

int apply_run(const struct apply_wish *wish, struct apply_outcome *out_outcome)
{
	struct apply *apply = calloc(1, sizeof(*apply));
	int rc = apply ? begin(apply, wish->repository, out_outcome) : ERR_MEMORY;

	if (!apply)
		return rc;
	apply->wish = wish;
	if (!rc && apply->work >= 0)
		rc = recover_first(apply);
	memcpy(apply->old_id.id, wish->old.bytes, OID_BYTES);
	memcpy(apply->new_id.id, wish->new.bytes, OID_BYTES);
	if (!rc)
		rc = run(apply);
	rc = end(apply, rc);
	free(apply);
	return rc;
}

int apply_recover(const char *repository, struct apply_outcome *out_outcome)
{
	static const struct apply_wish none;
	struct apply *apply = calloc(1, sizeof(*apply));
	bool did = false;
	int rc = apply ? begin(apply, repository, out_outcome) : ERR_MEMORY;

	if (!apply)
		return rc;
	apply->wish = &none;
	if (!rc && apply->work >= 0)
		rc = recover(apply, &did);
	rc = end(apply, rc);
	free(apply);
	return rc;
}
