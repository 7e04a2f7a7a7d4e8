/* SPDX-License-Identifier: MIT
 *
 * bunshin race combine: files and hunks of several attempts become a commit, and that is judged like what an agent has handed in.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_compare.h"
#include "cli/race_find.h"
#include "cli/race_grid.h"
#include "cli/race_parameters.h"
#include "cli/race_pick.h"
#include "cli/race_sync.h"
#include "cli/race_view.h"
#include "cli/sentence.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"

/* ---- what there is to pick ---- */

static int ask_hunks(const struct call *call, const struct found_race *race, const char *commit, json_t **out_hunks)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "verb", "hunks", "repository", text_at(race->parameters, "repo"),
				    "from", text_at(race->parameters, "commit"), "to", commit);

	return workspace_ask(call, need(request), false, out_hunks, NULL);
}

/* "12-15", "12", "before 12" */
static void print_range(const json_t *hunk, const char *from_name, const char *count_name, char *out)
{
	uint64_t from = number_at(hunk, from_name), count = number_at(hunk, count_name);

	if (count > 1)
		snprintf(out, 96, "%" PRIu64 "-%" PRIu64, from, from + count - 1);
	else
		snprintf(out, 96, count ? "%" PRIu64 : "after %" PRIu64, from);
}

/* "@@ -4,7 +4,7 @@ int main(void)": what it stands in. */
static const char *within(const char *header)
{
	const char *end = strncmp(header, "@@", 2) == 0 ? strstr(header + 2, "@@") : NULL;

	return end ? end + 2 + strspn(end + 2, " ") : header;
}

static void print_hunks(const struct paper *paper, const char *label, const json_t *hunks)
{
	struct grid *grid = grid_new(4);
	const json_t *file, *hunk;
	char text[512];
	size_t i, j;

	grid_cell(grid, "PICK");
	grid_cell(grid, "LINES");
	grid_cell(grid, "CHANGE");
	grid_cell(grid, "IN");
	json_array_foreach (json_object_get(hunks, "files"), i, file) {
		const json_t *list = json_object_get(file, "hunks");
		json_array_foreach (list, j, hunk) {
			snprintf(text, sizeof(text), "%.32s:%.400s#%" PRIu64, label, text_at(file, "path"),
				 number_at(hunk, "number"));
			grid_cell(grid, text);
			print_range(hunk, "old_from", "old_count", text);
			grid_cell(grid, text);
			snprintf(text, sizeof(text), "+%" PRIu64 " -%" PRIu64, number_at(hunk, "additions"),
				 number_at(hunk, "deletions"));
			grid_cell(grid, text);
			grid_cell(grid, within(text_at(hunk, "header")));
		}
		if (json_array_size(list))
			continue;
		snprintf(text, sizeof(text), "%.32s:%.400s", label, text_at(file, "path"));
		grid_cell(grid, text);
		grid_cell(grid, "whole file");
		grid_cell(grid, text_at(file, "status"));
		grid_cell(grid, "");
	}
	grid_print(grid, paper);
	grid_free(grid);
}

static int list_hunks(const struct call *call, const struct found_race *race)
{
	json_t *all = json_object(), *hunks;
	const json_t *attempt;
	struct paper paper;
	int rc = 0;
	size_t i;

	paper_of(call, &paper);
	json_array_foreach (json_object_get(race->race, "attempts"), i, attempt) {
		if (rc || !*attempt_commit(attempt))
			continue;
		rc = ask_hunks(call, race, attempt_commit(attempt), &hunks);
		if (rc)
			break;
		if (!call->json)
			print_hunks(&paper, text_at(attempt, "label"), hunks);
		json_object_set(all, text_at(attempt, "label"), json_object_get(hunks, "files"));
		json_decref(hunks);
	}
	if (!rc && call->json)
		print_json(json_pack("{s:s, s:O}", "race", race->text, "hunks", all));
	else if (!rc)
		call_note(call, "next: bunshin race combine %s --from LABEL:PATH#1,3 --from LABEL:PATH", race->text);
	json_decref(all);
	return rc;
}

/* ---- picking ---- */

static int take_picks(const struct call *call, const struct found_race *race, json_t **out_picks)
{
	json_t *picks = json_array();
	char why[PICK_WHY_BYTES];
	size_t position = 0;
	const char *text;
	int rc = 0;

	while (!rc && (text = option_next(call, "from", &position))) {
		const json_t *attempt = NULL;
		json_t *pick = NULL;
		char label[PICK_LABEL_BYTES];
		if (pick_read(text, label, &pick, why))
			rc = call_fail(call, ERR_USAGE, NULL, "--from: %s", why);
		if (!rc)
			rc = race_pick_attempt(call, race, label, &attempt);
		if (!rc && !*attempt_commit(attempt))
			rc = call_fail(call, ERR_NOT_FOUND, NULL, "--from: %s has left nothing", label);
		if (rc) {
			json_decref(pick);
			break;
		}
		json_object_set_new(pick, "from", json_string(attempt_commit(attempt)));
		json_array_append_new(picks, pick);
	}
	if (rc)
		json_decref(picks);
	else
		*out_picks = picks;
	return rc;
}

/* The first name that is free: what was combined before stays. */
static int free_ref(const struct call *call, const struct found_race *race, char out[128])
{
	char prefix[96];
	json_t *request, *refs = NULL;
	const json_t *row;
	uint64_t highest = 0;
	size_t i;
	int rc;

	snprintf(prefix, sizeof(prefix), "refs/bunshin/%s/pick/", race->text);
	request = json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", text_at(race->parameters, "repo"), "prefix", prefix);
	rc = workspace_ask(call, need(request), false, &refs, NULL);
	if (rc)
		return rc;
	json_array_foreach (json_object_get(refs, "refs"), i, row) {
		uint64_t number = strtoull(text_at(row, "ref") + strlen(prefix), NULL, 10);
		highest = number > highest ? number : highest;
	}
	json_decref(refs);
	snprintf(out, 128, "%s%" PRIu64, prefix, highest + 1);
	return 0;
}

/* Which attempt a commit is from. */
static const char *label_of(const struct found_race *race, const char *commit)
{
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race->race, "attempts"), i, attempt) {
		if (strcmp(attempt_commit(attempt), commit) == 0)
			return text_at(attempt, "label");
	}
	return commit;
}

/* "right (the whole file), long#1" */
static void say_picks(const struct call *call, const struct found_race *race, const json_t *conflict)
{
	struct sentence sentence = {0};
	const json_t *pick;
	size_t i;

	sentence_add(&sentence, "%s: these change the same lines:", text_at(conflict, "path"));
	json_array_foreach (json_object_get(conflict, "picks"), i, pick) {
		uint64_t hunk = number_at(pick, "hunk");
		sentence_add(&sentence, "%s %s", i ? "," : "", label_of(race, text_at(pick, "from")));
		if (hunk)
			sentence_add(&sentence, "#%" PRIu64, hunk);
		else
			sentence_add(&sentence, " (the whole file)");
	}
	call_note(call, "%s", sentence.text);
	free(sentence.text);
}

static int say_overlap(const struct call *call, const struct found_race *race, json_t *error)
{
	const json_t *conflict;
	size_t i;

	if (call->json)
		print_json(json_incref(error));
	json_array_foreach (json_object_get(error, "conflicts"), i, conflict)
		say_picks(call, race, conflict);
	call_fail(call, ERR_CONFLICT, "pick one of them", "picks change the same lines; nothing was made");
	json_decref(error);
	return error_exit_code(ERR_CONFLICT);
}

static int pick(const struct call *call, const struct found_race *race, json_t *picks, json_t **out_picked)
{
	json_t *request, *conflict = NULL;
	char *person = person_text();
	char ref[128];
	int rc = free_ref(call, race, ref);

	if (rc) {
		json_decref(picks);
		free(person);
		return rc;
	}
	request = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "verb", "pick", "repository",
			    text_at(race->parameters, "repo"), "base", text_at(race->parameters, "commit"), "picks", picks, "to",
			    ref, "author", person, "message", "Parts of several attempts", "task", race->text);
	rc = workspace_ask(call, need(request), false, out_picked, &conflict);
	free(person);
	return conflict ? say_overlap(call, race, conflict) : rc;
}

/* ---- judging ---- */

static void print_provenance(const struct call *call, const struct found_race *race, const json_t *provenance)
{
	struct grid *grid = grid_new(4);
	const json_t *part;
	struct paper paper;
	char text[96];
	size_t i;

	grid_cell(grid, "FILE");
	grid_cell(grid, "HUNK");
	grid_cell(grid, "FROM");
	grid_cell(grid, "NOW LINES");
	json_array_foreach (provenance, i, part) {
		bool whole = !json_is_integer(json_object_get(part, "hunk"));
		grid_cell(grid, text_at(part, "path"));
		snprintf(text, sizeof(text), "%" PRIu64, number_at(part, "hunk"));
		grid_cell(grid, whole ? "whole file" : text);
		grid_cell(grid, label_of(race, text_at(part, "from")));
		print_range(part, "new_from", "new_count", text);
		grid_cell(grid, whole ? "" : text);
	}
	paper_of(call, &paper);
	grid_print(grid, &paper);
	fflush(stdout);
	grid_free(grid);
}

/* It is merged with what is here. */
static int follow_branch(const struct call *call, const struct found_race *race)
{
	const char *repo = race_repo(race), *branch = text_at(race->parameters, "branch");
	struct race_sync sync;
	int rc;

	if (!repo)
		return 0;
	rc = race_sync(call, repo, branch, NULL, &sync);
	return rc ? rc : sync.apart ? race_apart(call, repo, branch, &sync) : 0;
}

static int judge(const struct call *call, const struct found_race *race, const json_t *picked)
{
	const char *merge = option(call, "merge") ? option(call, "merge") : text_at(race->parameters, "merge");
	json_t *candidate = json_pack("{s:s, s:O, s:O, s:O?}", "label", "combined", "commit", json_object_get(picked, "new"),
				      "ref", json_object_get(picked, "ref"), "provenance", json_object_get(picked, "provenance"));
	json_t *parameters = race_parameters_of_candidate(race->parameters, need(candidate), *merge ? merge : "manual");
	bool apply = !option_set(call, "no-apply") && strcmp(merge, "manual") != 0;
	struct client *client = NULL;
	struct id id;
	int rc = session_client(call, &client);

	if (!rc)
		rc = follow_branch(call, race);
	if (!rc)
		rc = race_submit(call, client, parameters, NULL, &id);
	if (!rc && call->json)
		race_json_line(json_pack("{s:s, s:O, s:O, s:O?}", "event", "combined", "ref", json_object_get(picked, "ref"),
					 "commit", json_object_get(picked, "new"), "provenance",
					 json_object_get(picked, "provenance")));
	else if (!rc)
		print_provenance(call, race, json_object_get(picked, "provenance"));
	if (!rc && !option_set(call, "detach"))
		rc = race_see_through(call, client, &id, parameters, apply);
	client_close(client);
	json_decref(parameters);
	return rc;
}

static int run(struct call *call)
{
	struct found_race race;
	json_t *picks = NULL, *picked = NULL;
	const char *merge = option(call, "merge");
	int rc = race_merge_check(call, merge);

	if (!rc)
		rc = race_find_judged(call, call->operand[0], NULL, &race);
	if (rc)
		return rc;
	if (!option(call, "from")) {
		rc = list_hunks(call, &race);
	} else {
		rc = take_picks(call, &race, &picks);
		if (!rc)
			rc = pick(call, &race, picks, &picked);
		if (!rc)
			rc = judge(call, &race, picked);
	}
	json_decref(picked);
	race_release(&race);
	return rc;
}

static const struct option_row options[] = {
	{"from", "LABEL:PATH", "this file of this attempt, or only hunks of it: LABEL:PATH#1,3-5; may be given several times"},
	{"merge", "HOW", "theirs, auto or manual; as the race it comes from if not given"},
	{"no-apply", NULL, "merge in the workspace only"},
	{"detach", NULL, "do not wait"},
	{NULL, NULL, NULL},
};

const struct command command_race_combine = {
	.name = "race combine",
	.operands = "RACE",
	.sentence = "Puts files and hunks of several attempts together; the result is judged like an attempt",
	.example = "$ bunshin race combine 8f6a1b2c3d4e                      # lists what there is to pick\n"
		   "$ bunshin race combine 8f6a1b2c3d4e --from claude:src/login.c#1,3 --from codex:tests/login_test.c",
	.notes = "Makes a new race with the combination as its only candidate, on the same commit, and prints where each hunk "
		 "comes from. Where\n"
		 "two picks change the same lines nothing is made, and both are named (exit code 6).",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
