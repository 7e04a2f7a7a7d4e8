/* SPDX-License-Identifier: MIT
 *
 * The repository on the disk, by libgit2: no program of git is run, and nothing of its hooks or filters.
 */
#include "cli/race_checkout.h"

#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static int refuse(int error, char *why, const char *what)
{
	const git_error *last = git_error_last();

	snprintf(why, CHECKOUT_WHY_BYTES, "%s%s%s", what, last && last->message ? ": " : "",
		 last && last->message ? last->message : "");
	return error;
}

static int look_at_revision(git_repository *repository, const char *revision, struct checkout *checkout, char *why)
{
	char what[256];
	git_object *named = NULL, *commit = NULL;
	int rc = 0;

	if (!revision && git_repository_head_unborn(repository) == 1) {
		snprintf(why, CHECKOUT_WHY_BYTES, "%s has no commit yet; a race begins at one", checkout->top);
		return ERR_NOT_FOUND;
	}
	snprintf(what, sizeof(what), "there is no commit \"%.100s\"", revision ? revision : "HEAD");
	if (git_revparse_single(&named, repository, revision ? revision : "HEAD") ||
	    git_object_peel(&commit, named, GIT_OBJECT_COMMIT))
		rc = refuse(ERR_NOT_FOUND, why, what);
	else
		git_oid_tostr(checkout->commit, sizeof(checkout->commit), git_object_id(commit));
	git_object_free(commit);
	git_object_free(named);
	return rc;
}

static int look_at_branch(git_repository *repository, struct checkout *checkout, char *why)
{
	git_reference *head = NULL;

	if (git_repository_head_detached(repository) == 1)
		return 0;
	if (git_repository_head(&head, repository))
		return refuse(ERR_IO, why, "HEAD cannot be read");
	checkout->branch = need(strdup(git_reference_name(head)));
	git_reference_free(head);
	return 0;
}

static int look_at_edits(git_repository *repository, struct checkout *checkout, char *why)
{
	git_status_options options;
	git_status_list *list = NULL;

	if (git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION))
		return refuse(ERR_IO, why, "what is not committed cannot be read");
	options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
	if (git_status_list_new(&list, repository, &options))
		return refuse(ERR_IO, why, "what is not committed cannot be read");
	checkout->edits = git_status_list_entrycount(list);
	git_status_list_free(list);
	return 0;
}

static int look(git_repository *repository, const char *revision, struct checkout *checkout, char *why)
{
	const char *top = git_repository_workdir(repository);
	size_t bytes;
	int rc;

	if (!top) {
		snprintf(why, CHECKOUT_WHY_BYTES, "%s has no working tree; name a repository that has one",
			 git_repository_path(repository));
		return ERR_STATE;
	}
	bytes = strlen(top);
	checkout->top = need(strndup(top, bytes > 1 && top[bytes - 1] == '/' ? bytes - 1 : bytes));
	rc = look_at_revision(repository, revision, checkout, why);
	if (!rc)
		rc = look_at_branch(repository, checkout, why);
	return rc ? rc : look_at_edits(repository, checkout, why);
}

int checkout_look(const char *path, const char *revision, struct checkout *out_checkout, char out_why[CHECKOUT_WHY_BYTES])
{
	git_repository *repository = NULL;
	char what[256];
	int rc;

	*out_checkout = (struct checkout){0};
	git_libgit2_init();
	snprintf(what, sizeof(what), "there is no git repository at or above %.180s", path);
	if (git_repository_open_ext(&repository, path, 0, NULL))
		rc = refuse(ERR_NOT_FOUND, out_why, what);
	else
		rc = look(repository, revision, out_checkout, out_why);
	if (rc)
		checkout_release(out_checkout);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return rc;
}

void checkout_release(struct checkout *checkout)
{
	free(checkout->top);
	free(checkout->branch);
	*checkout = (struct checkout){0};
}

/* ---- branches ---- */

static void list_branches(git_repository *repository, char *why)
{
	git_branch_iterator *iterator = NULL;
	git_reference *branch;
	git_branch_t kind;
	size_t used = strlen(why), count = 0;

	if (git_branch_iterator_new(&iterator, repository, GIT_BRANCH_LOCAL))
		return;
	for (; used < CHECKOUT_WHY_BYTES && count < 20 && git_branch_next(&branch, &kind, iterator) == 0; count++) {
		used += (size_t)snprintf(why + used, CHECKOUT_WHY_BYTES - used, "%s%s",
					 count ? ", " : "; there are: ", git_reference_shorthand(branch));
		git_reference_free(branch);
	}
	git_branch_iterator_free(iterator);
}

int checkout_branch(const struct checkout *checkout, const char *name, char **out_ref, char out_why[CHECKOUT_WHY_BYTES])
{
	static const char heads[] = "refs/heads/";
	git_repository *repository = NULL;
	git_reference *branch = NULL;
	int rc = 0;

	if (strncmp(name, heads, strlen(heads)) == 0)
		name += strlen(heads);
	git_libgit2_init();
	if (git_repository_open(&repository, checkout->top)) {
		rc = refuse(ERR_IO, out_why, checkout->top);
	} else if (git_branch_lookup(&branch, repository, name, GIT_BRANCH_LOCAL)) {
		snprintf(out_why, CHECKOUT_WHY_BYTES, "there is no branch \"%.100s\"", name);
		list_branches(repository, out_why);
		rc = ERR_NOT_FOUND;
	} else {
		*out_ref = need(strdup(git_reference_name(branch)));
	}
	git_reference_free(branch);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return rc;
}

bool checkout_has(const char *repo, const char *commit)
{
	git_repository *repository = NULL;
	git_odb *odb = NULL;
	git_oid id;
	bool has;

	git_libgit2_init();
	has = git_oid_fromstr(&id, commit) == 0 && git_repository_open(&repository, repo) == 0 &&
	      git_repository_odb(&odb, repository) == 0 && git_odb_exists(odb, &id) == 1;
	git_odb_free(odb);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return has;
}
