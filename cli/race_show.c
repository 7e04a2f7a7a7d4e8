/* SPDX-License-Identifier: MIT
 *
 * bunshin race show
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_find.h"
#include "cli/race_live.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"

static uint64_t wall_ms(void)
{
	return (uint64_t)time(NULL) * 1000;
}

static json_t *rows_of(const struct board *board)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < board->rows; i++)
		json_array_append_new(rows, board_row_json(&board->row[i], wall_ms()));
	return rows;
}

static int show_json(const struct found_race *race, const struct board *board)
{
	json_t *facts = story_json(&race->story);

	json_object_set(facts, "parameters", race->parameters);
	return print_json(json_pack("{s:o, s:o, s:O?, s:s?}", "task", facts, "attempts", rows_of(board), "result", race->race,
				    "summary", race->outcome.summary));
}

static void show_prompt(const struct paper *paper, const struct found_race *race)
{
	prose_json(paper, "  asked: ", json_object_get(race->parameters, "prompt"));
	fprintf(paper->out, "  race:  %s\n", race->text);
	prose_json(paper, "  in:    ", json_object_get(race->parameters, "repo"));
	fputc('\n', paper->out);
}

static void show_text(const struct call *call, const struct found_race *race, const struct board *board)
{
	struct paper paper;

	paper_of(call, &paper);
	show_prompt(&paper, race);
	if (race->race) {
		race_print(&paper, race->race);
	} else {
		board_draw(board, &paper, wall_ms(), BOARD_ROWS_MAX + 2);
		if (race->ended)
			prose_print(&paper, "\n  ",
				    race->outcome.summary ? race->outcome.summary : state_name(race->outcome.state));
	}
}

static int run(struct call *call)
{
	struct found_race race;
	struct trail *trail = NULL;
	struct board board;
	int rc = race_find(call, call->operands ? call->operand[0] : "last", &race);

	if (rc)
		return rc;
	board_init(&board, &race.id);
	rc = session_trail(call, &trail);
	if (!rc && board_read(&board, trail))
		rc = session_unreadable(call, ERR_CORRUPT, trail);
	trail_close(trail);
	if (!rc && call->json)
		rc = show_json(&race, &board);
	else if (!rc)
		show_text(call, &race, &board);
	board_release(&board);
	race_release(&race);
	return rc;
}

const struct command command_race_show = {
	.name = "race show",
	.operands = "[RACE]",
	.sentence = "Shows a race: its attempts, what was found out about each, and why which one was chosen",
	.example = "$ bunshin race show 8f6a1b2c3d4e",
	.notes = "RACE is an id, at least four digits of its beginning or end, or \"last\", which is meant without one. Works "
		 "without a "
		 "running\n"
		 "network.",
	.operands_most = 1,
	.run = run,
};
