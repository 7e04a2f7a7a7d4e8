/* SPDX-License-Identifier: MIT
 *
 * Watching a race: on a terminal one line for each attempt, drawn again in place; else a line whenever something changes; with --json objects.
 */
#ifndef CLI_RACE_LIVE_H
#define CLI_RACE_LIVE_H

#include "actors/client.h"
#include "cli/command.h"
#include "cli/race_board.h"
#include "cli/race_grid.h"

/* Until the race has ended, however. Returns 0; or an exit code after saying why not: 130 or 143 when somebody pressed Ctrl-C or ended this
 * program, and the race goes on. */
MUST_CHECK int race_follow(const struct call *call, struct client *client, const struct id *race, struct outcome *out_outcome);

/* The display: a heading, a line each, and what the judge says. At most `lines_max` lines, none wider than the paper. `now_ms`: wall clock. Returns how many lines
 * were written. */
unsigned board_draw(const struct board *board, const struct paper *paper, uint64_t now_ms, unsigned lines_max);

/* One attempt as one line, for pipes: "claude: running · edits src/login.c · 14 events · 31k tokens · $0.12 · 3 files". Free it. */
char *board_row_text(const struct board_row *row);

#endif
