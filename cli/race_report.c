/* SPDX-License-Identifier: MIT
 *
 * bunshin race report
 */
#include <stdio.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_compare.h"
#include "cli/race_find.h"
#include "cli/race_page.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/sink.h"
#include "cli/text.h"

/* {LABEL: patch} of all that left something; what cannot be read is left out, and told on stderr. */
static json_t *read_patches(const struct call *call, const struct found_race *race)
{
	json_t *patches = json_object();
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race->race, "attempts"), i, attempt) {
		json_t *diff = NULL;
		if (!*attempt_commit(attempt))
			continue;
		if (compare_patch(call, race, text_at(race->parameters, "commit"), attempt_commit(attempt), &diff)) {
			call_note(call, "the page says what was found out, without the differences");
			break;
		}
		json_object_set(patches, text_at(attempt, "label"), json_object_get(diff, "patch"));
		json_decref(diff);
	}
	return patches;
}

static int say_written(const struct call *call, const struct found_race *race, const char *sum)
{
	const char *path = option(call, "output");

	if (!path)
		return 0;
	if (call->json)
		return print_json(json_pack("{s:s, s:s, s:s}", "race", race->text, "file", path, "sha256", sum));
	call_note(call, "the report is in %s", path);
	return 0;
}

static int write_page(const struct call *call, const struct found_race *race)
{
	struct race_page page = {.parameters = race->parameters, .race = race->race};
	json_t *task = story_json(&race->story), *patches = read_patches(call, race);
	char sum[SINK_SUM_BYTES], state[PATH_BYTES];
	int rc = session_state_path(call, state);

	if (!rc)
		rc = sink_open(call, option(call, "output"), option_set(call, "force"), state, &page.sink);
	if (!rc) {
		page.task = task;
		page.patches = patches;
		race_page_put(&page);
		rc = sink_close(page.sink, true, sum);
	}
	json_decref(task);
	json_decref(patches);
	return rc ? rc : say_written(call, race, sum);
}

static int run(struct call *call)
{
	struct found_race race;
	int rc;

	if (call->json && !option(call, "output"))
		return call_fail(call, ERR_USAGE, "name a file with --output",
				 "the page goes to standard output, where --json prints its own");
	rc = race_find_judged(call, call->operands ? call->operand[0] : "last", NULL, &race);
	if (rc)
		return rc;
	rc = write_page(call, &race);
	race_release(&race);
	return rc;
}

static const struct option_row options[] = {
	{"output", "FILE", "where to; - or nothing: standard output"},
	{"force", NULL, "replace FILE if it is there"},
	{NULL, NULL, NULL},
};

const struct command command_race_report = {
	.name = "race report",
	.operands = "[RACE]",
	.sentence = "Writes a page about a race: attempts side by side, findings, changes, costs",
	.example = "$ bunshin race report 8f6a1b2c3d4e --output race.html",
	.notes = "One file of HTML without scripts, to read, keep and print. Without RACE it is about the last one.",
	.options = options,
	.operands_most = 1,
	.run = run,
};
