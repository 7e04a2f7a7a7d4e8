/* SPDX-License-Identifier: MIT
 *
 * Watching a race.
 */
#include "cli/race_live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "protocol/id.h"

#define TURN_MS    200u
#define LINES_MAX  (BOARD_ROWS_MAX + 2)
#define EVERY_MS   1000u /* a display whose clock moves */
#define LINES_PIPE 24u

struct live {
	const struct call *call;
	struct board board;
	struct trail *trail; /* NULL: it is not ours to read; then only what the race itself says is known */
	bool redraw;         /* a terminal */
	unsigned drawn;      /* lines that stand there */
	uint64_t drawn_ms;
	unsigned version[BOARD_ROWS_MAX], said_version;
	char *said[BOARD_ROWS_MAX]; /* last line of each, so that nothing is said twice */
};

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- a terminal ---- */

static void erase_display(struct live *live)
{
	if (live->drawn)
		fprintf(stderr, "\033[%uA\r\033[J", live->drawn);
	live->drawn = 0;
}

static unsigned terminal_lines(void)
{
	struct winsize size = {0};

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_row < 4)
		return LINES_PIPE;
	return size.ws_row;
}

/* In one write, so that nothing flickers. */
static void draw(struct live *live, uint64_t now_ms)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = need(open_memstream(&text, &bytes));
	struct paper paper = {.out = out, .width = paper_width(STDERR_FILENO, 80), .color = live->call->color_err};
	unsigned most = terminal_lines() - 1;

	if (live->drawn)
		fprintf(out, "\033[%uA\r\033[J", live->drawn);
	live->drawn = board_draw(&live->board, &paper, now_ms, most < LINES_MAX ? most : LINES_MAX);
	live->drawn_ms = now_ms;
	fclose(out);
	fwrite(text, 1, bytes, stderr);
	fflush(stderr);
	free(text);
}

/* ---- a pipe, or --json ---- */

static void say_row(struct live *live, unsigned index, uint64_t now_ms)
{
	const struct board_row *row = &live->board.row[index];
	char *text = board_row_text(row);

	if (live->said[index] && strcmp(live->said[index], text) == 0) {
		free(text);
		return;
	}
	free(live->said[index]);
	live->said[index] = text;
	if (live->call->json) {
		json_t *object = json_pack("{s:s}", "event", "attempt"), *members = board_row_json(row, now_ms);
		json_object_update(need(object), members);
		json_decref(members);
		char *line = json_safe(object, JSON_COMPACT);
		puts(line);
		free(line);
		json_decref(object);
		return;
	}
	call_note(live->call, "%s", text);
}

static void say_line(struct live *live)
{
	if (live->call->json) {
		json_t *object =
			json_pack("{s:s, s:s, s:s}", "event", "said", "stage", live->board.stage, "line", live->board.line);
		char *line = json_safe(need(object), JSON_COMPACT);
		puts(line);
		free(line);
		json_decref(object);
	} else if (*live->board.line) {
		call_note(live->call, "%s", live->board.line);
	}
}

static void say_changes(struct live *live, uint64_t now_ms)
{
	for (unsigned i = 0; i < live->board.rows; i++) {
		if (live->board.row[i].version != live->version[i])
			say_row(live, i, now_ms);
		live->version[i] = live->board.row[i].version;
	}
	if (live->board.version != live->said_version)
		say_line(live);
	live->said_version = live->board.version;
	fflush(stdout);
}

/* ---- both ---- */

static void look(struct live *live, bool last)
{
	uint64_t now_ms = wall_ms();
	uint64_t before = live->board.last_seq;

	if (live->trail && board_read(&live->board, live->trail)) {
		trail_close(live->trail); /* what the race itself says is still heard */
		live->trail = NULL;
	}
	if (!live->redraw)
		say_changes(live, now_ms);
	else if (last || live->board.last_seq != before || now_ms - live->drawn_ms >= EVERY_MS)
		draw(live, now_ms);
}

static void hear_progress(void *context, const struct id *task_id, const struct task_progress *progress)
{
	struct live *live = context;

	(void)task_id;
	if (live->trail)
		return;
	snprintf(live->board.stage, sizeof(live->board.stage), "%.*s", (int)progress->stage.bytes,
		 progress->stage.bytes ? progress->stage.at : "");
	snprintf(live->board.line, sizeof(live->board.line), "%.*s", (int)progress->line.bytes,
		 progress->line.bytes ? progress->line.at : "");
	live->board.version++;
}

static void hear_connection(void *context, bool connected)
{
	struct live *live = context;

	if (live->redraw)
		erase_display(live);
	call_note(live->call, connected ? "connected" : "the connection to Omega is lost; trying again (the race goes on)");
}

static int detach(struct live *live)
{
	char id[ID_TEXT_BYTES];

	id_print(&live->board.race, id);
	call_note(live->call, "detached; the race goes on. `bunshin race resume %s` comes back, `bunshin race cancel %s` ends it",
		  id, id);
	return watch_exit_code();
}

static int follow(struct live *live, struct client *client, struct outcome *out_outcome)
{
	for (;;) {
		int rc = client_wait(client, &live->board.race, TURN_MS, out_outcome);
		bool goes_on = rc == ERR_TIMEOUT || rc == ERR_UNREACHABLE;
		look(live, !goes_on);
		if (!goes_on)
			return rc;
		if (watch_interrupted())
			return detach(live);
	}
}

/* The trail, if it is there and ours to read. */
static struct trail *trail_quietly(const struct call *call)
{
	char folder[PATH_BYTES], path[PATH_BYTES], sentence[SENTENCE_BYTES], why[256];
	struct state_folder state;
	struct trail *trail = NULL;

	if (session_state_path(call, folder) || state_open_existing(folder, &state, sentence) ||
	    state_path(&state, STATE_TRAIL, path) || access(path, R_OK) != 0 || trail_open(path, TRAIL_READ, &trail, why))
		return NULL;
	return trail;
}

int race_follow(const struct call *call, struct client *client, const struct id *race, struct outcome *out_outcome)
{
	struct live live = {.call = call, .redraw = isatty(STDERR_FILENO) && !call->json};
	struct client_events events = {.context = &live, .progress = hear_progress, .connected = hear_connection};
	int rc;

	board_init(&live.board, race);
	live.trail = trail_quietly(call);
	watch_signals();
	client_listen(client, &events);
	rc = follow(&live, client, out_outcome);
	client_listen(client, &(struct client_events){0});
	trail_close(live.trail);
	board_release(&live.board);
	for (unsigned i = 0; i < BOARD_ROWS_MAX; i++)
		free(live.said[i]);
	return rc < 0 ? session_refused(call, rc, NULL) : rc;
}
