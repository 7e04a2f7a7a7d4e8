/* SPDX-License-Identifier: MIT
 *
 * Reports of a race as text: small tables whose columns are known only at run time, and sentences that are broken between words.
 */
#ifndef CLI_RACE_GRID_H
#define CLI_RACE_GRID_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where text goes and how it looks there. */
struct paper {
	FILE *out;
	unsigned width; /* columns */
	bool color;
};

struct grid;

/* Cells come row by row, the heading first; all are made safe for a terminal. */
struct grid *grid_new(size_t columns);
void grid_cell(struct grid *grid, const char *text);
void grid_number(struct grid *grid, const char *text);         /* to the right of its column */
void grid_print(struct grid *grid, const struct paper *paper); /* colours cells that say how something ended */
void grid_free(struct grid *grid);

/* The text, safe, in lines of at most the paper's width; `first` before the first line, as many spaces before the others. */
void prose_print(const struct paper *paper, const char *first, const char *text);
void prose_json(const struct paper *paper, const char *first, const json_t *text); /* nothing if it is no text, or empty */

/* Characters as they stand on a terminal, nearly: all count as one wide. */
size_t text_width(const char *text);

/* Prints a safe text in the colour of what it says, or plain. */
void word_print(const struct paper *paper, const char *safe);

/* The width of the terminal of a descriptor; `otherwise` if it is none. */
unsigned paper_width(int fd, unsigned otherwise);

#endif
