/* SPDX-License-Identifier: MIT
 *
 * How a race stands, from what the trail holds of it: the race, its attempts, and the tasks that judge them. Fed with records in their order, from the request
 * of the race on; those of other tasks change nothing.
 */
#ifndef CLI_RACE_BOARD_H
#define CLI_RACE_BOARD_H

#include <jansson.h>

#include "audit/trail.h"
#include "cli/story.h"

#define BOARD_ROWS_MAX  32u
#define BOARD_TASKS_MAX 256u
#define BOARD_LAST      160u

/* One attempt. Text is as it was said, not yet safe. */
struct board_row {
	char label[33];
	char agent[64];
	struct id task; /* of its last try; nil: none yet */
	unsigned tries;
	enum state state;      /* of that task; 0: none yet */
	char word[48];         /* what a person sees: "waiting", "running", "handed in", "failed: rate_limit", … */
	char last[BOARD_LAST]; /* the last event */
	char commit[41];       /* handed in; "": nothing */
	char claim[BOARD_LAST];
	uint64_t events, tokens, cost_microusd,
		files;               /* of its last try; as it says while it runs, as was counted when it has ended */
	uint64_t begun_ms, ended_ms; /* wall clock; 0: not yet */
	unsigned gates_open, gates_done;
	char gates[BOARD_LAST]; /* task types that judge it now */
	unsigned version;       /* grows whenever anything changes */
};

struct board_task {
	struct id id;
	unsigned row; /* of an attempt, or of what is judged; BOARD_ROWS_MAX: none */
	bool attempt; /* else it judges */
	bool ended;
	char type[TASK_TYPE_BYTES];
	char commit[41];
};

struct board {
	struct id race;
	struct story story;
	json_t *parameters; /* of the race; NULL: not seen, or erased */
	char stage[64], line[BOARD_LAST];
	unsigned version; /* of stage and line */
	struct board_row row[BOARD_ROWS_MAX];
	unsigned rows;
	struct board_task task[BOARD_TASKS_MAX];
	unsigned tasks;
	uint64_t last_seq;
	struct buffer buffer;
};

void board_init(struct board *board, const struct id *race);
void board_release(struct board *board);

/* For trail_read: `context` is the board. 0; ERR_CORRUPT. */
int board_take(void *context, const struct trail_entry *entry);

/* All that is new on the trail. 0 or an error as trail_read. */
MUST_CHECK int board_read(struct board *board, struct trail *trail);

/* {"label", "agent", "task", "try", "state", "last", "events", "tokens", "cost_microusd", "files", "commit", "judging", "took_ms"}. Owned by the caller. `now_ms`:
 * wall clock. */
json_t *board_row_json(const struct board_row *row, uint64_t now_ms);

/* Takes "claude: edits src/login.c · 14 events · 31k tokens · $0.12 · 3 files" apart. What is none of it stays in `last`. */
void board_line_read(struct board_row *row, const char *line, size_t bytes);

#endif
