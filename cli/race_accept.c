/* SPDX-License-Identifier: MIT
 *
 * bunshin race accept, approve
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/race_apply.h"
#include "cli/race_begin.h"
#include "cli/race_checkout.h"
#include "cli/race_compare.h"
#include "cli/race_find.h"
#include "cli/race_grid.h"
#include "cli/race_parameters.h"
#include "cli/race_sync.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"

/* ---- a race of one that is there already ---- */

static json_t *candidate_of(const json_t *attempt)
{
	const char *ref = text_at(attempt, "change.ref");

	if (!*ref)
		ref = text_at(attempt, "kept.ref");
	return need(json_pack("{s:s, s:s, s:s, s:n}", "label", text_at(attempt, "label"), "commit", attempt_commit(attempt),
			      "ref", ref, "provenance"));
}

static int take_branch(const struct call *call, const struct found_race *race, json_t *parameters)
{
	const char *into = option(call, "into"), *repo = race_repo(race);
	char why[CHECKOUT_WHY_BYTES];
	struct checkout checkout = {0};
	char *ref = NULL;

	if (!into)
		return *text_at(parameters, "branch")
			       ? 0
			       : call_fail(call, ERR_USAGE, NULL,
					   "the race was for no branch; --into says which one to merge into");
	if (!repo || checkout_look(repo, NULL, &checkout, why))
		return call_fail(call, ERR_USAGE, NULL, "--into: %s", repo ? why : "the repository is not on this disk");
	if (checkout_branch(&checkout, into, &ref, why)) {
		checkout_release(&checkout);
		return call_fail(call, ERR_USAGE, NULL, "--into: %s", why);
	}
	json_object_set_new(parameters, "branch", json_string(ref));
	checkout_release(&checkout);
	free(ref);
	return 0;
}

static int race_again(const struct call *call, const json_t *parameters, bool apply)
{
	struct client *client = NULL;
	struct id id;
	int rc = session_client(call, &client);

	if (!rc)
		rc = race_submit(call, client, parameters, NULL, &id);
	if (!rc)
		rc = race_see_through(call, client, &id, parameters, apply);
	client_close(client);
	return rc;
}

/* ---- a branch that has gone apart ---- */

/* The branch in the workspace holds only what this race has merged besides what was here: that stays under the race's own ref, and the branch is set to where it
 * is here, so that it can be merged again. */
static int bring_up_to_date(const struct call *call, const struct found_race *race, const json_t *parameters)
{
	const char *branch = text_at(parameters, "branch"), *repo = race_repo(race);
	struct race_sync sync;
	int rc;

	if (!repo)
		return 0;
	rc = race_sync(call, repo, branch, NULL, &sync);
	if (rc || !sync.apart)
		return rc;
	if (strcmp(sync.there, text_at(race->race, "merging.commit")) != 0)
		return race_apart(call, repo, branch, &sync);
	return race_ref_move(call, repo, branch, sync.there, sync.here, true, race->text);
}

/* ---- accept ---- */

static int merge_again(const struct call *call, const struct found_race *race, const json_t *attempt)
{
	json_t *parameters = race_parameters_of_candidate(race->parameters, candidate_of(attempt),
							  option_set(call, "theirs") ? "theirs" : "auto");
	int rc = take_branch(call, race, parameters);

	if (!rc)
		rc = bring_up_to_date(call, race, parameters);
	if (!rc)
		rc = race_again(call, parameters, !option_set(call, "no-apply"));
	json_decref(parameters);
	return rc;
}

/* Only the files change, and nothing is merged: seen from where the race began, or from what it was merged to. */
static int patch_only(const struct call *call, const struct found_race *race, const json_t *attempt)
{
	const char *ref = text_at(attempt, "change.ref");
	struct race_step step = {.race = race->text,
				 .repo = race_repo(race),
				 .branch = "",
				 .old = text_at(race->parameters, "commit"),
				 .new = attempt_commit(attempt),
				 .ref = *ref ? ref : text_at(attempt, "kept.ref"),
				 .patch = true};

	if (!step.repo)
		return call_fail(call, ERR_NOT_FOUND, NULL, "the repository is not on this disk");
	return race_step_apply(call, &step, NULL);
}

static bool is_merged(const struct found_race *race, const json_t *attempt)
{
	return strcmp(text_at(race->race, "merging.state"), "merged") == 0 &&
	       strcmp(text_at(race->race, "choice.label"), text_at(attempt, "label")) == 0;
}

static int accept_attempt(const struct call *call, const struct found_race *race, const json_t *attempt)
{
	bool moved = false;
	int rc;

	if (!*attempt_commit(attempt))
		return call_fail(call, ERR_NOT_FOUND, "`bunshin race show` tells why",
				 "%s has left nothing that could be accepted", text_at(attempt, "label"));
	if (option_set(call, "patch"))
		return patch_only(call, race, attempt);
	if (!is_merged(race, attempt) || option(call, "into"))
		return merge_again(call, race, attempt);
	rc = race_apply(call, text_at(race->parameters, "repo"), race->race, false, &moved);
	if (!moved)
		return rc;
	call_note(call, "the branch has moved on here since then; %s is merged with it and judged again",
		  text_at(attempt, "label"));
	return merge_again(call, race, attempt);
}

static int run_accept(struct call *call)
{
	const json_t *attempt = NULL;
	struct found_race race;
	const char *label;
	int rc;

	if (option_set(call, "theirs") && option_set(call, "auto"))
		return call_fail(call, ERR_USAGE, NULL, "--theirs and --auto exclude each other");
	label = call->operands > 1 ? call->operand[1] : NULL;
	rc = label ? race_find_judged(call, call->operand[0], label, &race) : race_find_ended(call, call->operand[0], &race);
	if (rc)
		return rc;
	rc = race_pick_attempt(call, &race, label, &attempt);
	if (!rc)
		rc = accept_attempt(call, &race, attempt);
	race_release(&race);
	return rc;
}

static const struct option_row accept_options[] = {
	{"auto", NULL, "merge only without conflict, and if the gates still pass on what was merged; this is the default"},
	{"theirs", NULL, "where the branch and the result changed the same lines, the result stands"},
	{"into", "BRANCH", "another branch than the race was for"},
	{"patch", NULL, "only change the files here; nothing is merged or committed"},
	{"no-apply", NULL, "merge in the workspace only"},
	{NULL, NULL, NULL},
};

const struct command command_race_accept = {
	.name = "race accept",
	.operands = "RACE [LABEL]",
	.sentence = "Takes the result of a race: merges it if it is not merged yet, and brings it into your folder",
	.example = "$ bunshin race accept 8f6a1b2c3d4e\n$ bunshin race accept 8f6a1b2c3d4e gemini.1 --theirs\n"
		   "$ bunshin race accept 8f6a1b2c3d4e --patch",
	.notes = "Without LABEL the best. What is not merged yet is judged and merged by a race of its own. Your branch moves "
		 "only forward. If\n"
		 "files that would change have edits of yours, they are listed, nothing is changed, and the exit code is 6.",
	.options = accept_options,
	.operands_least = 1,
	.operands_most = 2,
	.run = run_accept,
};

/* ---- approve ---- */

static int show_protected(const struct call *call, const struct found_race *race, const json_t *attempt)
{
	const json_t *path;
	struct paper paper;
	int rc = 0;
	size_t i;

	paper_of(call, &paper);
	json_array_foreach (json_at(attempt, "change.protected"), i, path) {
		json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:O, s:b}", "verb", "diff", "repository",
					    text_at(race->parameters, "repo"), "from", text_at(race->parameters, "commit"), "to",
					    attempt_commit(attempt), "path", path, "patch", 1);
		json_t *diff = NULL;
		const json_t *patch;
		rc = rc ? rc : workspace_ask(call, need(json_incref(request)), false, &diff, NULL);
		json_decref(request);
		patch = json_object_get(diff, "patch");
		if (!rc && !call->json)
			patch_print(&paper, json_string_value(patch), json_string_length(patch));
		json_decref(diff);
	}
	fflush(stdout);
	return rc;
}

static int ask_person(const struct call *call, const json_t *attempt)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return call_fail(call, ERR_USAGE, "look at it, then say --tree with that hash",
				 "nobody can be asked here; the tree is %s", text_at(attempt, "change.tree"));
	fprintf(stderr,
		"These files may do things on other machines, or to agents. Approve them as they are in this tree? [y/N] ");
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return 0;
	call_note(call, "not approved; nothing has changed");
	return 1;
}

static int confirm(const struct call *call, const json_t *attempt)
{
	const char *said = option(call, "tree"), *tree = text_at(attempt, "change.tree");

	if (!said)
		return ask_person(call, attempt);
	if (strcmp(said, tree) == 0)
		return 0;
	return call_fail(call, ERR_CONFLICT, "look at it again", "--tree: %s has the tree %s, not %s", text_at(attempt, "label"),
			 tree, said);
}

static int approve(const struct call *call, const struct found_race *race, const json_t *attempt)
{
	const char *merge = text_at(race->parameters, "merge");
	json_t *parameters;
	int rc;

	if (json_array_size(json_at(attempt, "change.protected")) == 0)
		return call_fail(call, ERR_STATE, "`bunshin race accept` takes it", "%s changes nothing that is protected",
				 text_at(attempt, "label"));
	rc = option(call, "tree") ? 0 : show_protected(call, race, attempt);
	if (!rc)
		rc = confirm(call, attempt);
	if (rc)
		return rc;
	parameters = race_parameters_of_candidate(race->parameters, candidate_of(attempt), *merge ? merge : "manual");
	json_object_set_new(parameters, "approved", json_pack("[{s:O}]", "tree", json_at(attempt, "change.tree")));
	rc = bring_up_to_date(call, race, parameters);
	if (!rc)
		rc = race_again(call, parameters, strcmp(merge, "manual") != 0 && !option_set(call, "no-apply"));
	json_decref(parameters);
	return rc;
}

static int run_approve(struct call *call)
{
	const json_t *attempt = NULL;
	struct found_race race;
	int rc = race_find_judged(call, call->operand[0], call->operand[1], &race);

	if (rc)
		return rc;
	rc = race_pick_attempt(call, &race, call->operand[1], &attempt);
	if (!rc)
		rc = approve(call, &race, attempt);
	race_release(&race);
	return rc;
}

static const struct option_row approve_options[] = {
	{"tree", "HASH", "approve without being asked, if this is the tree; for scripts"},
	{"no-apply", NULL, "merge in the workspace only"},
	{NULL, NULL, NULL},
};

const struct command command_race_approve = {
	.name = "race approve",
	.operands = "RACE LABEL",
	.sentence = "Shows the protected paths that an attempt has changed, asks, and has it judged again",
	.example = "$ bunshin race approve 8f6a1b2c3d4e claude\n"
		   "$ bunshin race approve 8f6a1b2c3d4e claude --tree 7d4c5e0b7bd3a6f5b6cf25c1f0a7e2d18e9b3c44",
	.notes = "Protected are files that run elsewhere or steer agents: of continuous integration, hooks, configurations of "
		 "agents, and what\n"
		 "--protect named. The approval is bound to the hash of the tree: with one byte changed it does not count.",
	.options = approve_options,
	.operands_least = 2,
	.operands_most = 2,
	.run = run_approve,
};
