/* SPDX-License-Identifier: MIT
 *
 * How the display of a race looks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/race_live.h"
#include "cli/race_parameters.h"
#include "cli/sentence.h"
#include "cli/text.h"

#define LABEL_WIDTH_MAX 20u
#define WORD_WIDTH      20u
#define NARROW          72u /* below that numbers are left out */

/* The safe text, cut to `width` characters, with … where something is missing. */
static char *cut(const char *text, size_t width)
{
	char *safe = text_safe(text, strlen(text));
	size_t shown = 0, bytes = 0;

	if (text_width(safe) <= width)
		return safe;
	while (safe[bytes] && shown + 1 < width) {
		bytes++;
		while (((uint8_t)safe[bytes] & 0xc0) == 0x80)
			bytes++;
		shown++;
	}
	safe = need(realloc(safe, bytes + 4));
	memcpy(safe + bytes, width ? "…" : "", width ? 4 : 1);
	return safe;
}

static void put_cut(const struct paper *paper, const char *text, size_t width, bool word)
{
	char *shown = cut(text, width);

	if (word)
		word_print(paper, shown);
	else
		fputs(shown, paper->out);
	fprintf(paper->out, "%*s", (int)(width - text_width(shown)), "");
	free(shown);
}

/* "1:02", "1:03:20": it moves every second and is never wider than it has to be. */
static void clock_print(uint64_t ms, char out[24])
{
	uint64_t seconds = ms / 1000;

	if (seconds >= 3600)
		snprintf(out, 24, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60, seconds % 60);
	else
		snprintf(out, 24, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
}

static uint64_t took_ms(const struct board_row *row, uint64_t now_ms)
{
	uint64_t end_ms = row->ended_ms ? row->ended_ms : now_ms;

	return row->begun_ms && end_ms > row->begun_ms ? end_ms - row->begun_ms : 0;
}

static const char *detail_of(const struct board_row *row)
{
	if (*row->gates)
		return row->gates;
	return row->state >= STATE_COMPLETED && *row->claim ? row->claim : row->last;
}

static void draw_numbers(const struct paper *paper, const struct board_row *row, uint64_t now_ms)
{
	char tokens[TOKENS_TEXT_BYTES] = "", money[MONEY_TEXT_BYTES] = "", files[32] = "", time[24] = "";

	if (row->begun_ms)
		clock_print(took_ms(row, now_ms), time);
	if (row->tokens)
		tokens_print(row->tokens, tokens);
	if (row->cost_microusd)
		money_print(row->cost_microusd, money);
	if (row->files)
		snprintf(files, sizeof(files), "%" PRIu64 " file%s", row->files, row->files == 1 ? "" : "s");
	fprintf(paper->out, " %7s %6s %8s %8s", time, tokens, money, files);
}

static void draw_row(const struct paper *paper, const struct board_row *row, size_t label_width, uint64_t now_ms)
{
	size_t used = 2 + label_width + 2 + WORD_WIDTH, numbers = 33;

	fputs("  ", paper->out);
	put_cut(paper, row->label, label_width, false);
	fputs("  ", paper->out);
	put_cut(paper, row->word, WORD_WIDTH, true);
	if (paper->width >= NARROW) {
		draw_numbers(paper, row, now_ms);
		used += numbers;
	}
	if (paper->width > used + 4) {
		char *detail = cut(detail_of(row), paper->width - used - 3);
		fprintf(paper->out, "%s%s", *detail ? "  " : "", detail);
		free(detail);
	}
	fputc('\n', paper->out);
}

static void draw_heading(const struct board *board, const struct paper *paper, uint64_t now_ms)
{
	uint64_t tokens = 0, microusd = 0, begun_ms = board->story.accepted_ms;
	char tokens_text[TOKENS_TEXT_BYTES], money[MONEY_TEXT_BYTES], time[24] = "0:00", text[160];
	unsigned running = 0;
	char *shown;

	for (unsigned i = 0; i < board->rows; i++) {
		tokens += board->row[i].tokens;
		microusd += board->row[i].cost_microusd;
		running += board->row[i].state == STATE_RUNNING;
	}
	if (board->story.ended_ms)
		now_ms = board->story.ended_ms;
	if (begun_ms && now_ms > begun_ms)
		clock_print(now_ms - begun_ms, time);
	tokens_print(tokens, tokens_text);
	money_print(microusd, money);
	snprintf(text, sizeof(text), "%u attempt%s, %u running · %s · %s tokens · %s", board->rows, board->rows == 1 ? "" : "s",
		 running, time, tokens_text, money);
	shown = cut(text, paper->width - 1);
	fprintf(paper->out, "%s\n", shown);
	free(shown);
}

unsigned board_draw(const struct board *board, const struct paper *paper, uint64_t now_ms, unsigned lines_max)
{
	size_t label_width = 5;
	unsigned lines = 1;

	for (unsigned i = 0; i < board->rows; i++)
		label_width = text_width(board->row[i].label) > label_width ? text_width(board->row[i].label) : label_width;
	if (label_width > LABEL_WIDTH_MAX)
		label_width = LABEL_WIDTH_MAX;
	draw_heading(board, paper, now_ms);
	for (unsigned i = 0; i < board->rows && lines + 1 < lines_max; i++, lines++)
		draw_row(paper, &board->row[i], label_width, now_ms);
	if (*board->line && !board->story.ended_ms && lines < lines_max) {
		char *line = cut(board->line, paper->width - 3);
		fprintf(paper->out, "  %s\n", line);
		free(line);
		lines++;
	}
	return lines;
}

char *board_row_text(const struct board_row *row)
{
	char tokens[TOKENS_TEXT_BYTES], money[MONEY_TEXT_BYTES];
	struct sentence sentence = {0};
	const char *detail = detail_of(row);

	sentence_add(&sentence, "%s: %s", row->label, row->word);
	if (*detail)
		sentence_add(&sentence, " · %s", detail);
	if (row->events)
		sentence_add(&sentence, " · %" PRIu64 " event%s", row->events, row->events == 1 ? "" : "s");
	tokens_print(row->tokens, tokens);
	money_print(row->cost_microusd, money);
	if (row->tokens)
		sentence_add(&sentence, " · %s tokens", tokens);
	if (row->cost_microusd)
		sentence_add(&sentence, " · %s", money);
	if (row->files)
		sentence_add(&sentence, " · %" PRIu64 " file%s", row->files, row->files == 1 ? "" : "s");
	return sentence.text;
}
