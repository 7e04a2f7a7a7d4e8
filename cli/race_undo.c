/* SPDX-License-Identifier: MIT
 *
 * bunshin race undo
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/race_apply.h"
#include "cli/race_begin.h"
#include "cli/race_find.h"
#include "cli/race_grid.h"
#include "cli/race_sync.h"
#include "cli/race_view.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"

/* What is to be taken back, and where both sides stand. */
struct undoing {
	const struct call *call;
	const struct found_race *race;
	const char *repo; /* a path, or a name in the workspace */
	bool on_disk;
	const char *branch, *before, *merged;
	char here[41];  /* where the branch is on the disk; "": not there */
	char there[41]; /* and in the workspace */
};

static int look(struct undoing *undoing)
{
	struct race_sync sync = {.apart = false};
	int rc;

	if (!undoing->on_disk)
		return race_ref_find(undoing->call, undoing->repo, undoing->branch, undoing->there);
	rc = race_sync(undoing->call, undoing->repo, undoing->branch, NULL, &sync);
	memcpy(undoing->here, sync.here, sizeof(undoing->here));
	memcpy(undoing->there, sync.there, sizeof(undoing->there));
	return rc;
}

static int advance(struct undoing *undoing, const char *new, bool back)
{
	return race_ref_move(undoing->call, undoing->repo, undoing->branch, undoing->there, new, back, undoing->race->text);
}

/* Is the merge part of what the branch is at? */
static bool holds(const struct undoing *undoing, const char *tip)
{
	json_t *request, *result = NULL;
	bool is;

	if (!*tip)
		return false;
	request = json_pack("{s:s, s:s, s:s, s:s, s:i}", "verb", "log", "repository", undoing->repo, "revision", undoing->merged,
			    "without", tip, "count", 1);
	is = workspace_ask(undoing->call, need(request), false, &result, NULL) == 0 &&
	     json_array_size(json_object_get(result, "commits")) == 0;
	json_decref(result);
	return is;
}

static int step_disk(struct undoing *undoing, const char *new, const char *ref, bool back)
{
	struct race_step step = {.race = undoing->race->text,
				 .repo = undoing->repo,
				 .branch = undoing->branch,
				 .old = undoing->here,
				 .new = new,
				 .ref = ref,
				 .back = back};

	return race_step_apply(undoing->call, &step, NULL);
}

/* ---- nothing was built on it: back to what it was ---- */

static int step_back(struct undoing *undoing)
{
	int rc = 0;

	if (strcmp(undoing->here, undoing->merged) == 0)
		rc = step_disk(undoing, undoing->before, NULL, true);
	if (!rc && strcmp(undoing->there, undoing->merged) == 0)
		rc = advance(undoing, undoing->before, true);
	if (!rc)
		call_note(undoing->call, "taken back: %.10s -> %.10s; every attempt is still there", undoing->merged,
			  undoing->before);
	return rc;
}

/* ---- something was: a commit that takes it back ---- */

static int say_conflicts(const struct undoing *undoing, json_t *error)
{
	struct paper paper;

	if (undoing->call->json) {
		print_json(json_incref(error));
	} else {
		paper_of(undoing->call, &paper);
		race_print_conflicts(&paper, json_object_get(error, "conflicts"));
		fflush(stdout);
	}
	call_fail(undoing->call, ERR_CONFLICT, "`git revert` with its conflicts put right by you",
		  "what came later changed the same lines, so it cannot be taken back by itself; nothing has changed");
	json_decref(error);
	return error_exit_code(ERR_CONFLICT);
}

static int revert(struct undoing *undoing, const char *ref, char out_new[41])
{
	char message[160], old[41];
	json_t *request, *result = NULL, *conflicts = NULL;
	char *person = person_text();
	int rc = race_ref_find(undoing->call, undoing->repo, ref, old);

	snprintf(message, sizeof(message), "Take back what race %s merged", undoing->race->text);
	if (!rc) {
		request = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "verb", "combine", "repository",
				    undoing->repo, "onto", undoing->there, "from", undoing->before, "base", undoing->merged, "to",
				    ref, "message", message, "author", person, "task", undoing->race->text);
		request_add(request, "replaces", *old ? old : NULL);
		rc = workspace_ask(undoing->call, need(request), false, &result, &conflicts);
	}
	free(person);
	if (conflicts)
		return say_conflicts(undoing, conflicts);
	snprintf(out_new, 41, "%s", text_at(result, "new"));
	json_decref(result);
	return rc;
}

static int take_back(struct undoing *undoing)
{
	char ref[96], new[41] = "";
	bool here = undoing->on_disk && holds(undoing, undoing->here);
	int rc;

	if (!holds(undoing, undoing->there))
		return call_fail(undoing->call, ERR_STATE, "`bunshin race show` tells where it went",
				 "%s does not hold what this race has merged, so there is nothing to take back", undoing->branch);
	snprintf(ref, sizeof(ref), "refs/bunshin/%s/undone", undoing->race->text);
	rc = revert(undoing, ref, new);
	if (!rc && here)
		rc = step_disk(undoing, new, ref, false);
	if (!rc)
		rc = advance(undoing, new, false);
	if (!rc)
		call_note(undoing->call, "taken back by the commit %.10s, since other commits came after the merge", new);
	return rc;
}

static int undo(const struct call *call, const struct found_race *race)
{
	const char *repo = text_at(race->parameters, "repo");
	struct undoing undoing = {.call = call,
				  .race = race,
				  .repo = repo,
				  .on_disk = race_repo(race) != NULL,
				  .branch = text_at(race->race, "merging.branch"),
				  .before = text_at(race->race, "merging.before"),
				  .merged = text_at(race->race, "merging.commit")};
	bool back;
	int rc;

	if (strcmp(text_at(race->race, "merging.state"), "merged") != 0)
		return call_fail(call, ERR_STATE, NULL, "this race has merged nothing, so there is nothing to take back");
	rc = look(&undoing);
	if (rc)
		return rc;
	back = strcmp(undoing.there, undoing.merged) == 0 &&
	       (strcmp(undoing.here, undoing.merged) == 0 || !undoing.on_disk || !holds(&undoing, undoing.here));
	rc = back ? step_back(&undoing) : take_back(&undoing);
	if (!rc && call->json)
		race_json_line(json_pack("{s:s, s:s, s:s, s:s}", "event", "undone", "race", race->text, "branch", undoing.branch,
					 "by", back ? "going back" : "a commit"));
	return rc;
}

static int run(struct call *call)
{
	struct found_race race;
	int rc = race_find_ended(call, call->operand[0], &race);

	if (rc)
		return rc;
	rc = undo(call, &race);
	race_release(&race);
	return rc;
}

const struct command command_race_undo = {
	.name = "race undo",
	.operands = "RACE",
	.sentence = "Takes back what a race has merged, in the workspace and in your folder",
	.example = "$ bunshin race undo 8f6a1b2c3d4e",
	.notes = "If nothing was built on it the branch goes back to where it was, else a commit takes the change back. If edits "
		 "of yours, or\n"
		 "later commits, are in the way, they are listed, nothing is changed, and the exit code is 6.",
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
