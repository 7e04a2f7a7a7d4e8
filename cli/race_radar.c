/* SPDX-License-Identifier: MIT
 *
 * bunshin race radar
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_board.h"
#include "cli/race_find.h"
#include "cli/race_grid.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "cli/workspace_ask.h"

#define LIVE       "refs/live/"
#define LOOK_TURNS 3 /* of watch_wait, each at most a second: snapshots come about every ten */
#define SEEN_MAX   BOARD_ROWS_MAX

/* One attempt on the radar. */
struct seen {
	char label[33];
	char ref[160]; /* a commit id, or the ref of a running attempt */
	bool running;
	json_t *conflicts; /* with the branch: paths */
	uint64_t files;
};

struct radar {
	struct seen seen[SEEN_MAX];
	size_t count;
	size_t blank; /* attempts that have nothing to show yet */
	const char *onto;
	json_t *answer;
};

static void radar_release(struct radar *radar)
{
	for (size_t i = 0; i < radar->count; i++)
		json_decref(radar->seen[i].conflicts);
	json_decref(radar->answer);
	*radar = (struct radar){0};
}

/* ---- what there is to look at ---- */

/* The newest snapshot of a running attempt. */
static const char *live_ref(const json_t *refs, const struct id *task)
{
	char prefix[sizeof(LIVE) + ID_TEXT_BYTES + 1], id[ID_TEXT_BYTES];
	const char *found = NULL;
	const json_t *row;
	size_t i;

	id_print(task, id);
	snprintf(prefix, sizeof(prefix), LIVE "%s/", id);
	json_array_foreach (refs, i, row) {
		if (strncmp(text_at(row, "ref"), prefix, strlen(prefix)) == 0)
			found = text_at(row, "ref");
	}
	return found;
}

static void see(struct radar *radar, const struct board_row *row, const json_t *refs)
{
	const char *live = *row->commit ? NULL : live_ref(refs, &row->task);
	struct seen *seen;

	if (!*row->commit && !live) {
		radar->blank++;
		return;
	}
	if (radar->count == 16) /* the verb takes no more */
		return;
	seen = &radar->seen[radar->count++];
	*seen = (struct seen){.running = live != NULL, .conflicts = json_array()};
	snprintf(seen->label, sizeof(seen->label), "%s", row->label);
	snprintf(seen->ref, sizeof(seen->ref), "%s", live ? live : row->commit);
}

static int look(const struct call *call, const struct found_race *race, const struct board *board, struct radar *radar)
{
	const char *repo = text_at(race->parameters, "repo"), *branch = text_at(race->parameters, "branch");
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", repo, "prefix", LIVE), *refs = NULL, *list;
	int rc = workspace_ask(call, need(request), false, &refs, NULL);

	if (rc)
		return rc;
	radar->onto = *branch ? branch : text_at(race->parameters, "commit");
	for (unsigned i = 0; i < board->rows; i++)
		see(radar, &board->row[i], json_object_get(refs, "refs"));
	json_decref(refs);
	if (radar->count == 0)
		return 0;
	list = json_array();
	for (size_t i = 0; i < radar->count; i++)
		json_array_append_new(list, json_string(radar->seen[i].ref));
	request = json_pack("{s:s, s:s, s:s, s:o}", "verb", "radar", "repository", repo, "onto", radar->onto, "refs", list);
	return workspace_ask(call, need(request), false, &radar->answer, NULL);
}

/* ---- what came of it ---- */

static struct seen *find_seen(struct radar *radar, const char *ref)
{
	for (size_t i = 0; i < radar->count; i++) {
		if (strcmp(radar->seen[i].ref, ref) == 0)
			return &radar->seen[i];
	}
	return NULL;
}

static void take_answer(struct radar *radar)
{
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(radar->answer, "refs"), i, row) {
		struct seen *seen = find_seen(radar, text_at(row, "ref"));
		if (!seen)
			continue;
		json_decref(seen->conflicts);
		seen->conflicts = need(json_pack("O?", json_object_get(row, "onto_conflicts")));
		seen->files = number_at(row, "files");
	}
}

static const json_t *pair_of(const struct radar *radar, const char *a, const char *b)
{
	const json_t *pair;
	size_t i;

	json_array_foreach (json_object_get(radar->answer, "pairs"), i, pair) {
		const char *x = text_at(pair, "a"), *y = text_at(pair, "b");
		if ((strcmp(x, a) == 0 && strcmp(y, b) == 0) || (strcmp(x, b) == 0 && strcmp(y, a) == 0))
			return pair;
	}
	return NULL;
}

static void conflicts_cell(struct grid *grid, size_t count)
{
	char text[32];

	snprintf(text, sizeof(text), count ? "%zu file%s" : "-", count, count == 1 ? "" : "s");
	grid_cell(grid, text);
}

static void print_matrix(const struct paper *paper, struct radar *radar)
{
	struct grid *grid = grid_new(radar->count + 3);
	char text[32];

	grid_cell(grid, "CONFLICTS OF");
	grid_cell(grid, "CHANGES");
	grid_cell(grid, "WITH BRANCH");
	for (size_t i = 0; i < radar->count; i++)
		grid_cell(grid, radar->seen[i].label);
	for (size_t i = 0; i < radar->count; i++) {
		struct seen *seen = &radar->seen[i];
		snprintf(text, sizeof(text), "%llu file%s%s", (unsigned long long)seen->files, seen->files == 1 ? "" : "s",
			 seen->running ? " so far" : "");
		grid_cell(grid, seen->label);
		grid_cell(grid, text);
		conflicts_cell(grid, json_array_size(seen->conflicts));
		for (size_t j = 0; j < radar->count; j++) {
			if (i == j)
				grid_cell(grid, "·");
			else
				conflicts_cell(grid, json_array_size(json_object_get(
							     pair_of(radar, seen->ref, radar->seen[j].ref), "conflicts")));
		}
	}
	grid_print(grid, paper);
	grid_free(grid);
}

/* "claude and gemini.1: src/login.c (2 places)" */
static void print_paths(const struct paper *paper, struct radar *radar)
{
	const json_t *pair, *conflict;
	size_t i, j;

	json_array_foreach (json_object_get(radar->answer, "pairs"), i, pair) {
		const struct seen *a = find_seen(radar, text_at(pair, "a")), *b = find_seen(radar, text_at(pair, "b"));
		json_array_foreach (json_object_get(pair, "conflicts"), j, conflict) {
			char text[512];
			uint64_t places = number_at(conflict, "places");
			snprintf(text, sizeof(text), "%s and %s: %.360s (%llu place%s)", a ? a->label : "?", b ? b->label : "?",
				 text_at(conflict, "path"), (unsigned long long)places, places == 1 ? "" : "s");
			prose_print(paper, "  ", text);
		}
	}
}

static json_t *rows_json(struct radar *radar)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < radar->count; i++) {
		struct seen *seen = &radar->seen[i];
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:b, s:I, s:O}", "label", seen->label, "ref", seen->ref, "running",
						seen->running, "files", (json_int_t)seen->files, "conflicts", seen->conflicts));
	}
	return rows;
}

static json_t *pairs_json(struct radar *radar)
{
	json_t *pairs = json_array();
	const json_t *pair;
	size_t i;

	json_array_foreach (json_object_get(radar->answer, "pairs"), i, pair) {
		const struct seen *a = find_seen(radar, text_at(pair, "a")), *b = find_seen(radar, text_at(pair, "b"));
		json_array_append_new(pairs, json_pack("{s:s, s:s, s:O}", "a", a ? a->label : "?", "b", b ? b->label : "?",
						       "conflicts", json_object_get(pair, "conflicts")));
	}
	return pairs;
}

static void show(const struct call *call, const struct found_race *race, struct radar *radar)
{
	struct paper paper;

	if (call->json) {
		race_json_line(json_pack("{s:s, s:s, s:o, s:o}", "race", race->text, "onto", radar->onto, "attempts",
					 rows_json(radar), "pairs", pairs_json(radar)));
		return;
	}
	paper_of(call, &paper);
	if (radar->count) {
		print_matrix(&paper, radar);
		print_paths(&paper, radar);
	}
	if (radar->blank)
		call_note(call, "%zu attempt%s nothing to show yet", radar->blank, radar->blank == 1 ? " has" : "s have");
	fflush(stdout);
}

/* ---- the command ---- */

static int once(const struct call *call, const struct found_race *race, struct trail *trail, struct board *board)
{
	struct radar radar = {0};
	int rc = board_read(board, trail);

	if (rc)
		return session_unreadable(call, rc, trail);
	rc = look(call, race, board, &radar);
	if (!rc) {
		take_answer(&radar);
		if (option_set(call, "watch") && isatty(STDOUT_FILENO) && !call->json)
			fputs("\033[H\033[J", stdout);
		show(call, race, &radar);
	}
	radar_release(&radar);
	return rc;
}

static int watch(const struct call *call, const struct found_race *race, struct trail *trail, struct board *board)
{
	struct state_folder state;
	int notify, rc = session_state(call, &state);

	if (rc)
		return rc;
	watch_signals();
	notify = watch_open(state.root);
	while (!rc && !watch_interrupted() && !state_is_end(board->story.state)) {
		for (int i = 0; i < LOOK_TURNS && !watch_interrupted(); i++)
			watch_wait(notify);
		rc = once(call, race, trail, board);
	}
	if (notify >= 0)
		close(notify);
	return rc;
}

static int run(struct call *call)
{
	struct found_race race;
	struct trail *trail = NULL;
	struct board board;
	int rc = race_find_attempts(call, call->operands ? call->operand[0] : "last", &race);

	if (rc)
		return rc;
	board_init(&board, &race.id);
	rc = session_trail(call, &trail);
	if (!rc)
		rc = once(call, &race, trail, &board);
	if (!rc && option_set(call, "watch"))
		rc = watch(call, &race, trail, &board);
	trail_close(trail);
	board_release(&board);
	race_release(&race);
	return rc;
}

static const struct option_row options[] = {
	{"watch", NULL, "look again and again, until the race has ended or Ctrl-C"},
	{NULL, NULL, NULL},
};

const struct command command_race_radar = {
	.name = "race radar",
	.operands = "[RACE]",
	.sentence = "Shows which attempts, running ones too, would conflict with each other and with the branch",
	.example = "$ bunshin race radar 8f6a1b2c3d4e --watch",
	.notes = "Of a running attempt the last snapshot counts, at most some ten seconds old. Nothing is written. With --watch "
		 "and --json\n"
		 "one object a line.",
	.options = options,
	.operands_most = 1,
	.run = run,
};
