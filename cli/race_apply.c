/* SPDX-License-Identifier: MIT
 *
 * Out of the workspace, into the folder of a person.
 */
#include "cli/race_apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/race_begin.h"
#include "cli/race_sync.h"
#include "cli/race_view.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"
#include "protocol/id.h"
#include "workspace/exchange/apply.h"

struct applying {
	const struct call *call;
	const struct race_step *step;
	json_t *diff; /* its paths are borrowed by `paths` */
	struct apply_path *paths;
	size_t path_count;
	int rc; /* of bringing: an exit code, told already */
};

/* ---- what differs ---- */

static enum file_mode mode_of(const json_t *change, const char *name)
{
	const json_t *mode = json_object_get(change, name);

	return (enum file_mode)(json_is_integer(mode) ? (unsigned long)json_integer_value(mode)
						      : strtoul(text_at(change, name), NULL, 8));
}

static void add_path(struct applying *applying, const char *path, enum file_mode mode)
{
	if (*path)
		applying->paths[applying->path_count++] = (struct apply_path){.path = path, .mode = mode};
}

static int list_paths(struct applying *applying, const char *old)
{
	const struct race_step *step = applying->step;
	json_t *request =
		json_pack("{s:s, s:s, s:s, s:s}", "verb", "diff", "repository", step->repo, "from", old, "to", step->new);
	const json_t *changes, *change;
	int rc = workspace_ask(applying->call, need(request), false, &applying->diff, NULL);
	size_t i;

	if (rc)
		return rc;
	changes = json_object_get(applying->diff, "changes");
	applying->paths = need(calloc(2 * json_array_size(changes) + 1, sizeof(*applying->paths)));
	json_array_foreach (changes, i, change) {
		const char *before = text_at(change, "old_path"), *after = text_at(change, "new_path");
		if (*before && strcmp(before, after) != 0)
			add_path(applying, before, MODE_NONE);
		add_path(applying, after, mode_of(change, "new_mode"));
	}
	return 0;
}

/* ---- bringing it ---- */

static int bring(void *context, char out_sentence[APPLY_SENTENCE_BYTES])
{
	struct applying *applying = context;
	const struct race_step *step = applying->step;
	json_t *result = NULL;
	json_t *request = json_pack("{s:s, s:s, s:s, s:[s], s:b}", "verb", "export", "repository", step->repo, "path", step->repo,
				    "refs", step->ref, "force", 1);

	applying->rc = workspace_ask(applying->call, need(request), true, &result, NULL);
	json_decref(result);
	if (applying->rc)
		snprintf(out_sentence, APPLY_SENTENCE_BYTES, "the workspace did not write it");
	return applying->rc ? ERR_IO : 0;
}

/* ---- what came of it ---- */

static const char *kind_name(enum apply_kind kind)
{
	switch (kind) {
	case APPLY_REF:
		return "branch";
	case APPLY_FILES:
		return "files";
	case APPLY_PATCH:
		return "patch";
	default:
		return "nothing";
	}
}

static const char *short_name(const char *ref)
{
	return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
}

static void say_done(const struct call *call, const struct race_step *step, const struct apply_outcome *outcome)
{
	const char *branch = short_name(step->branch), *plural = outcome->files == 1 ? "" : "s";
	unsigned long long files = outcome->files;

	if (call->json)
		race_json_line(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "event", "applied", "race", step->race, "what",
					 kind_name(outcome->kind), "branch", step->branch, "old", step->old, "new", step->new,
					 "files", (json_int_t)outcome->files));
	else if (outcome->kind == APPLY_FILES)
		call_note(call, "%s is at %.10s now, and %llu file%s in %s with it", branch, step->new, files, plural,
			  step->repo);
	else if (outcome->kind == APPLY_PATCH)
		call_note(call, "%llu file%s in %s changed; nothing is committed", files, plural, step->repo);
	else if (outcome->kind == APPLY_REF)
		call_note(call, "%s is at %.10s now; it is not checked out, so no file has changed", branch, step->new);
	else
		call_note(call, "%s has it already: %s is at %.10s", step->repo, branch, step->new);
}

static int say_edits(const struct call *call, const struct race_step *step, const struct apply_outcome *outcome)
{
	json_t *edits = json_array();
	char next[160];

	for (size_t i = 0; i < outcome->edit_count; i++) {
		const struct apply_edit *edit = &outcome->edits[i];
		char *path = text_of_message(edit->path, strlen(edit->path));
		if (!call->json)
			call_note(call, "  %-12s %s", edit->what, path);
		json_array_append_new(edits, json_pack("{s:s, s:s}", "path", path, "what", edit->what));
		free(path);
	}
	if (call->json)
		race_json_line(json_pack("{s:s, s:s, s:s, s:O}", "event", "not-applied", "race", step->race, "sentence",
					 outcome->sentence, "edits", edits));
	json_decref(edits);
	snprintf(next, sizeof(next), "commit or stash these, then: bunshin race %s %s; nothing of them was touched",
		 step->back ? "undo" : "accept", step->race);
	return call_fail(call, ERR_CONFLICT, next, "%s", outcome->sentence);
}

static int say_refused(const struct applying *applying, int rc, const struct apply_outcome *outcome, bool *out_moved)
{
	const struct call *call = applying->call;
	char next[128];

	if (applying->rc)
		return applying->rc;
	if (rc == ERR_CONFLICT)
		return say_edits(call, applying->step, outcome);
	if (rc == ERR_MOVED && out_moved) {
		*out_moved = true;
		return error_exit_code(rc);
	}
	if (call->json)
		race_json_line(json_pack("{s:s, s:s, s:s, s:[]}", "event", "not-applied", "race", applying->step->race,
					 "sentence", outcome->sentence, "edits"));
	snprintf(next, sizeof(next), "bunshin race accept %s merges it with what is here", applying->step->race);
	if (rc == ERR_MOVED)
		return call_fail(call, rc, next, "%s has commits of its own since then; nothing has changed here",
				 short_name(applying->step->branch));
	return call_fail(call, rc, rc == ERR_LOCKED || rc == ERR_STATE ? next : NULL, "%s", outcome->sentence);
}

/* ---- one step ---- */

static int take_ids(const struct call *call, struct apply_wish *wish, const char *old, const char *new)
{
	if (hex_parse(old, strlen(old), wish->old.bytes, sizeof(wish->old.bytes)) ||
	    hex_parse(new, strlen(new), wish->new.bytes, sizeof(wish->new.bytes)))
		return call_fail(call, ERR_CORRUPT, "`bunshin race show` tells more",
				 "the race does not say which commits are meant");
	return 0;
}

static int step_from(struct applying *applying, const char *old, struct apply_outcome *out_outcome, int *out_error)
{
	const struct race_step *step = applying->step;
	char message[96];
	struct apply_wish wish = {.repository = step->repo,
				  .ref = step->branch,
				  .patch = step->patch,
				  .back = step->back,
				  .message = message,
				  .bring = step->ref ? bring : NULL,
				  .context = applying};
	int rc = take_ids(applying->call, &wish, old, step->new);

	snprintf(message, sizeof(message), "bunshin: race %s%s", step->race, step->back ? " taken back" : "");
	if (!rc)
		rc = list_paths(applying, old);
	if (rc)
		return rc;
	wish.paths = applying->paths;
	wish.path_count = applying->path_count;
	*out_error = apply_run(&wish, out_outcome);
	return 0;
}

static void forget_paths(struct applying *applying)
{
	free(applying->paths);
	json_decref(applying->diff);
	applying->paths = NULL;
	applying->path_count = 0;
	applying->diff = NULL;
}

/* The commit follows what the branch is at. */
static bool follows(const struct call *call, const struct race_step *step, const char *now)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:i}", "verb", "log", "repository", step->repo, "revision", now,
				    "without", step->new, "count", 1);
	json_t *result = NULL;
	bool is = race_import_commit(call, step->repo, now) == 0 &&
		  workspace_ask(call, json_incref(request), false, &result, NULL) == 0 &&
		  json_array_size(json_object_get(result, "commits")) == 0;

	json_decref(request);
	json_decref(result);
	return is;
}

int race_step_apply(const struct call *call, const struct race_step *step, bool *out_moved)
{
	struct applying applying = {.call = call, .step = step};
	struct apply_outcome outcome = {0};
	int error = 0, rc;

	if (out_moved)
		*out_moved = false;
	rc = step_from(&applying, step->old, &outcome, &error);
	if (!rc && error == ERR_MOVED && outcome.has_now && !step->back) {
		char now[2 * sizeof(outcome.now.bytes) + 1];
		hex_print(outcome.now.bytes, sizeof(outcome.now.bytes), now);
		if (follows(call, step, now)) {
			forget_paths(&applying);
			apply_outcome_release(&outcome);
			outcome = (struct apply_outcome){0};
			rc = step_from(&applying, now, &outcome, &error);
		}
	}
	if (!rc && error)
		rc = say_refused(&applying, error, &outcome, out_moved);
	else if (!rc)
		say_done(call, step, &outcome);
	apply_outcome_release(&outcome);
	forget_paths(&applying);
	return rc;
}

int race_apply(const struct call *call, const char *repo, const json_t *race, bool patch, bool *out_moved)
{
	const char *label = text_at(race, "choice.label"), *ref = text_at(race, "merging.ref");
	struct race_step step = {.race = text_at(race, "race"),
				 .repo = repo,
				 .branch = text_at(race, "merging.branch"),
				 .old = text_at(race, "merging.before"),
				 .new = text_at(race, "merging.commit"),
				 .ref = *ref ? ref : text_at(race_attempt(race, label), "change.ref"),
				 .patch = patch};

	if (*repo != '/') {
		call_note(call, "merged in the workspace; %s is no folder here", repo);
		return 0;
	}
	return race_step_apply(call, &step, out_moved);
}
