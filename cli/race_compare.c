/* SPDX-License-Identifier: MIT
 *
 * bunshin race compare
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_compare.h"
#include "cli/race_find.h"
#include "cli/race_parameters.h"
#include "cli/race_view.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"

/* ---- asking ---- */

static json_t *ask_of(const struct found_race *race, const char *verb)
{
	return need(json_pack("{s:s, s:s}", "verb", verb, "repository", text_at(race->parameters, "repo")));
}

const char *attempt_commit(const json_t *attempt)
{
	const char *commit = text_at(attempt, "change.commit");

	return *commit ? commit : text_at(attempt, "kept.commit");
}

int compare_measure(const struct call *call, const struct found_race *race, const char *commit, json_t **out_measured)
{
	json_t *request = ask_of(race, "measure");

	request_add(request, "from", text_at(race->parameters, "commit"));
	request_add(request, "to", commit);
	return workspace_ask(call, request, false, out_measured, NULL);
}

int compare_patch(const struct call *call, const struct found_race *race, const char *from, const char *to, json_t **out_diff)
{
	json_t *request = ask_of(race, "diff");

	request_add(request, "from", from);
	request_add(request, "to", to);
	json_object_set_new(request, "patch", json_true());
	return workspace_ask(call, request, false, out_diff, NULL);
}

/* ---- files by attempts ---- */

/* {path: {label: {"additions", "deletions", "status"}}} */
static void add_paths(json_t *files, const char *label, const json_t *measured)
{
	const json_t *path;
	size_t i;

	json_array_foreach (json_object_get(measured, "paths"), i, path) {
		const char *name = text_at(path, "path");
		json_t *by = json_object_get(files, name);
		if (!by) {
			by = json_object();
			json_object_set_new(files, name, by);
		}
		json_object_set_new(by, label,
				    json_pack("{s:I, s:I, s:s, s:b}", "additions", (json_int_t)number_at(path, "additions"),
					      "deletions", (json_int_t)number_at(path, "deletions"), "status",
					      text_at(path, "status"), "binary", json_is_true(json_object_get(path, "binary"))));
	}
}

int compare_files(const struct call *call, const struct found_race *race, json_t **out_files)
{
	const json_t *attempt;
	json_t *files = json_object();
	int rc = 0;
	size_t i;

	json_array_foreach (json_object_get(race->race, "attempts"), i, attempt) {
		json_t *measured = NULL;
		if (rc || !*attempt_commit(attempt))
			continue;
		rc = compare_measure(call, race, attempt_commit(attempt), &measured);
		if (!rc)
			add_paths(files, text_at(attempt, "label"), measured);
		json_decref(measured);
	}
	if (rc)
		json_decref(files);
	else
		*out_files = files;
	return rc;
}

static void cell_file(struct grid *grid, const json_t *change)
{
	char text[64];

	if (!change) {
		grid_number(grid, NULL);
		return;
	}
	if (json_is_true(json_object_get(change, "binary")))
		snprintf(text, sizeof(text), "binary");
	else
		snprintf(text, sizeof(text), "+%" PRIu64 " -%" PRIu64, number_at(change, "additions"),
			 number_at(change, "deletions"));
	grid_number(grid, text);
}

void compare_print_files(const struct paper *paper, const json_t *attempts, json_t *files)
{
	struct grid *grid;
	const json_t *attempt;
	const char *path;
	json_t *by;
	size_t columns = 1, i;

	json_array_foreach (attempts, i, attempt)
		columns += *attempt_commit(attempt) != 0;
	if (columns == 1)
		return;
	grid = grid_new(columns);
	grid_cell(grid, "FILE");
	json_array_foreach (attempts, i, attempt)
		if (*attempt_commit(attempt))
			grid_cell(grid, text_at(attempt, "label"));
	json_object_foreach (files, path, by) {
		grid_cell(grid, path);
		json_array_foreach (attempts, i, attempt)
			if (*attempt_commit(attempt))
				cell_file(grid, json_object_get(by, text_at(attempt, "label")));
	}
	fputc('\n', paper->out);
	grid_print(grid, paper);
	grid_free(grid);
}

/* ---- figures by attempts: a row each, a column for each attempt ---- */

static void number_cell(struct grid *grid, const json_t *attempt, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number_at(attempt, name));
	grid_cell(grid, json_is_integer(json_at(attempt, name)) ? text : NULL);
}

static void coverage_cell(struct grid *grid, const json_t *attempt)
{
	const json_t *permille = json_object_get(attempt, "diff_coverage_permille");
	char text[32];

	snprintf(text, sizeof(text), "%d %%", (int)json_integer_value(permille) / 10);
	grid_cell(grid, json_is_integer(permille) ? text : NULL);
}

static void money_cell(struct grid *grid, const json_t *attempt)
{
	char text[MONEY_TEXT_BYTES];

	money_print(number_at(attempt, "cost_microusd"), text);
	grid_cell(grid, text);
}

static void time_cell(struct grid *grid, const json_t *attempt)
{
	char text[SPAN_TEXT_BYTES];

	span_print(number_at(attempt, "wall_ms"), text);
	grid_cell(grid, text);
}

static void word_cell(struct grid *grid, const json_t *attempt, const char *name)
{
	grid_cell(grid, text_at(attempt, name));
}

static const struct {
	const char *heading, *name;
	void (*named)(struct grid *, const json_t *, const char *);
	void (*fixed)(struct grid *, const json_t *);
} figures[] = {
	{"by", "agent", word_cell, NULL},
	{"model", "model", word_cell, NULL},
	{"ended", "ended", word_cell, NULL},
	{"verdict", "verdict", word_cell, NULL},
	{"rank", "rank", number_cell, NULL},
	{"files", "change.files", number_cell, NULL},
	{"lines added", "change.additions", number_cell, NULL},
	{"lines taken out", "change.deletions", number_cell, NULL},
	{"new findings", "new_findings", number_cell, NULL},
	{"fixed findings", "fixed_findings", number_cell, NULL},
	{"changed lines tested", NULL, NULL, coverage_cell},
	{"tokens", "tokens", number_cell, NULL},
	{"cost", NULL, NULL, money_cell},
	{"time", NULL, NULL, time_cell},
};

void compare_print_figures(const struct paper *paper, const json_t *attempts)
{
	struct grid *grid = grid_new(json_array_size(attempts) + 1);
	const json_t *attempt;
	size_t i, j;

	grid_cell(grid, "");
	json_array_foreach (attempts, i, attempt)
		grid_cell(grid, text_at(attempt, "label"));
	for (j = 0; j < sizeof(figures) / sizeof(figures[0]); j++) {
		grid_cell(grid, figures[j].heading);
		json_array_foreach (attempts, i, attempt) {
			if (figures[j].fixed)
				figures[j].fixed(grid, attempt);
			else
				figures[j].named(grid, attempt, figures[j].name);
		}
	}
	grid_print(grid, paper);
	grid_free(grid);
}

/* ---- the command ---- */

static json_t *chosen_attempts(const struct found_race *race, const json_t *a, const json_t *b)
{
	json_t *all = json_object_get(race->race, "attempts");

	if (!a)
		return json_incref(all);
	return b ? json_pack("[O, O]", a, b) : json_pack("[O]", a);
}

static void print_patch(const struct call *call, const json_t *diff)
{
	const json_t *patch = json_object_get(diff, "patch");
	struct paper paper;

	paper_of(call, &paper);
	if (json_array_size(json_object_get(diff, "changes")) == 0)
		prose_print(&paper, "", "Nothing differs.");
	else
		patch_print(&paper, json_string_value(patch), json_string_length(patch));
}

/* What the second has made, seen from the first; with one alone, seen from where all began. */
static int compare_pair(const struct call *call, const struct found_race *race, const json_t *a, const json_t *b)
{
	const char *from = b ? attempt_commit(a) : text_at(race->parameters, "commit");
	const char *to = attempt_commit(b ? b : a);
	json_t *diff = NULL, *attempts;
	struct paper paper;
	int rc;

	if (!*from || !*to)
		return call_fail(call, ERR_NOT_FOUND, "`bunshin race show` tells why", "%s has left nothing to compare",
				 text_at(*from ? (b ? b : a) : a, "label"));
	rc = compare_patch(call, race, from, to, &diff);
	if (rc)
		return rc;
	attempts = need(chosen_attempts(race, a, b));
	if (call->json) {
		print_json(json_pack("{s:s, s:O, s:O, s:O}", "race", race->text, "attempts", attempts, "changes",
				     json_object_get(diff, "changes"), "patch", json_object_get(diff, "patch")));
	} else {
		paper_of(call, &paper);
		compare_print_figures(&paper, attempts);
		putchar('\n');
		print_patch(call, diff);
	}
	json_decref(attempts);
	json_decref(diff);
	return 0;
}

static int compare_all(const struct call *call, const struct found_race *race)
{
	json_t *files = NULL, *attempts = json_object_get(race->race, "attempts");
	struct paper paper;
	int rc = compare_files(call, race, &files);

	if (rc)
		return rc;
	if (call->json)
		return print_json(json_pack("{s:s, s:O, s:o}", "race", race->text, "attempts", attempts, "files", files));
	paper_of(call, &paper);
	compare_print_figures(&paper, attempts);
	compare_print_files(&paper, attempts, files);
	json_decref(files);
	return 0;
}

static int run(struct call *call)
{
	const json_t *a = NULL, *b = NULL;
	struct found_race race;
	int rc = race_find_judged(call, call->operands ? call->operand[0] : "last", call->operands > 1 ? call->operand[1] : NULL,
				  &race);

	if (rc)
		return rc;
	if (call->operands > 1)
		rc = race_pick_attempt(call, &race, call->operand[1], &a);
	if (!rc && call->operands > 2)
		rc = race_pick_attempt(call, &race, call->operand[2], &b);
	if (!rc)
		rc = a ? compare_pair(call, &race, a, b) : compare_all(call, &race);
	race_release(&race);
	return rc;
}

const struct command command_race_compare = {
	.name = "race compare",
	.operands = "[RACE [A [B]]]",
	.sentence = "Shows attempts side by side: what each has changed, what was found out, what it cost",
	.example = "$ bunshin race compare 8f6a1b2c3d4e\n"
		   "$ bunshin race compare 8f6a1b2c3d4e claude          # what claude has changed\n"
		   "$ bunshin race compare 8f6a1b2c3d4e claude gemini.1 # how the two differ",
	.notes = "A and B are labels of attempts. The differences come from the workspace, so the network has to run.",
	.operands_most = 3,
	.run = run,
};
