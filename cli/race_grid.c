/* SPDX-License-Identifier: MIT
 *
 * Reports of a race as text.
 */
#include "cli/race_grid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"

struct grid {
	size_t columns;
	char **cell;
	bool *right;
	size_t count, capacity;
};

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((uint8_t)*text & 0xc0) != 0x80;
	return width;
}

unsigned paper_width(int fd, unsigned otherwise)
{
	struct winsize size = {0};

	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) || size.ws_col == 0)
		return otherwise;
	return size.ws_col;
}

/* ---- words ---- */

static const char *color_of(const char *word)
{
	static const struct {
		const char *word, *color;
	} colors[] = {
		{"verified", "32"}, {"passed", "32"}, {"merged", "32"},       {"handed in", "32"}, {"not verified", "31"},
		{"failed", "31"},   {"lied", "31"},   {"conflicts", "31"},    {"refused", "31"},   {"with gaps", "33"},
		{"unknown", "33"},  {"skipped", "2"}, {"prepared", "36"},     {"running", "36"},   {"judged", "32"},
		{"waiting", "2"},   {"queued", "2"},  {"done, not so", "31"}, {"completed", "32"}, {"cancelled", "33"},
	};

	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
		if (strcmp(word, colors[i].word) == 0)
			return colors[i].color;
	}
	return strncmp(word, "failed:", 7) == 0 ? "31" : NULL;
}

void word_print(const struct paper *paper, const char *safe)
{
	const char *color = paper->color ? color_of(safe) : NULL;

	if (color)
		fprintf(paper->out, "\033[%sm%s\033[0m", color, safe);
	else
		fputs(safe, paper->out);
}

/* ---- tables ---- */

struct grid *grid_new(size_t columns)
{
	struct grid *grid = need(calloc(1, sizeof(*grid)));

	grid->columns = columns;
	return grid;
}

static void add(struct grid *grid, const char *text, bool right)
{
	if (grid->count == grid->capacity) {
		grid->capacity = grid->capacity ? 2 * grid->capacity : 64;
		grid->cell = need(realloc(grid->cell, grid->capacity * sizeof(*grid->cell)));
		grid->right = need(realloc(grid->right, grid->capacity * sizeof(*grid->right)));
	}
	grid->right[grid->count] = right;
	grid->cell[grid->count++] = text_safe(text, strlen(text));
}

void grid_cell(struct grid *grid, const char *text)
{
	add(grid, text && *text ? text : "-", false);
}

void grid_number(struct grid *grid, const char *text)
{
	add(grid, text && *text ? text : "-", true);
}

static size_t width_of_column(const struct grid *grid, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < grid->count; i += grid->columns)
		widest = text_width(grid->cell[i]) > widest ? text_width(grid->cell[i]) : widest;
	return widest;
}

/* A heading stands where the cells below it stand. */
static bool stands_right(const struct grid *grid, size_t index)
{
	return index < grid->columns && index + grid->columns < grid->count ? grid->right[index + grid->columns]
									    : grid->right[index];
}

static void print_row(const struct grid *grid, size_t first, const size_t *width, const struct paper *paper)
{
	fputs("  ", paper->out);
	for (size_t i = 0; i < grid->columns; i++) {
		const char *text = grid->cell[first + i];
		int room = (int)(width[i] - text_width(text));
		bool right = stands_right(grid, first + i), last = i + 1 == grid->columns;
		fprintf(paper->out, "%*s", right ? room : 0, "");
		word_print(paper, text);
		fprintf(paper->out, "%*s", last ? 0 : right ? 2 : room + 2, "");
	}
	fputc('\n', paper->out);
}

void grid_print(struct grid *grid, const struct paper *paper)
{
	size_t *width = need(calloc(grid->columns, sizeof(*width)));

	for (size_t i = 0; i < grid->columns; i++)
		width[i] = width_of_column(grid, i);
	for (size_t first = 0; first + grid->columns <= grid->count; first += grid->columns)
		print_row(grid, first, width, paper);
	free(width);
}

void grid_free(struct grid *grid)
{
	if (!grid)
		return;
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cell[i]);
	free(grid->cell);
	free(grid->right);
	free(grid);
}

/* ---- sentences ---- */

/* Bytes of a line of at most `room` characters: to its last space, or all of a word that is longer. */
static size_t line_bytes(const char *text, size_t room)
{
	size_t bytes = 0, space = 0, width = 0;

	for (; text[bytes] && text[bytes] != '\n'; bytes++) {
		if (((uint8_t)text[bytes] & 0xc0) != 0x80 && width++ >= room && space)
			return space;
		if (text[bytes] == ' ')
			space = bytes;
	}
	return bytes;
}

void prose_print(const struct paper *paper, const char *first, const char *text)
{
	size_t indent = text_width(first), room = paper->width > indent + 20 ? paper->width - indent : 20;
	char *safe = text_safe_lines(text, strlen(text));
	const char *at = safe;

	fputs(first, paper->out);
	while (*at) {
		size_t bytes = line_bytes(at, room);
		fprintf(paper->out, "%.*s\n", (int)bytes, at);
		at += bytes;
		at += *at == ' ' || *at == '\n';
		if (*at)
			fprintf(paper->out, "%*s", (int)indent, "");
	}
	if (at == safe)
		fputc('\n', paper->out);
	free(safe);
}

void prose_json(const struct paper *paper, const char *first, const json_t *text)
{
	char *plain;

	if (json_string_length(text) == 0)
		return;
	plain = text_of_message(json_string_value(text), json_string_length(text));
	prose_print(paper, first, plain);
	free(plain);
}
