/* SPDX-License-Identifier: MIT
 *
 * Lines out of a stream of bytes, with a bound: a program may print gigabytes without a newline, and that must cost its reader no more than
 * the cap. Of a longer line the head is kept and the rest counted.
 */
#ifndef CLONES_AGENTS_LINES_H
#define CLONES_AGENTS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"
#include "protocol/message.h"

#define AGENT_LINE_BYTES_MAX (16u << 20)

/* One line without its newline (and without a carriage return before it); any bytes, borrowed until the call returns. `dropped`: bytes of
 * it that are not there because it was too long. */
typedef void agent_line_function(void *context, struct text line, uint64_t dropped);

struct agent_lines {
	char *at; /* of the line that has no end yet */
	size_t bytes;
	size_t capacity;
	size_t line_bytes_max;
	uint64_t dropped;
	bool open; /* bytes came since the last newline */
};

/* `line_bytes_max` 0: AGENT_LINE_BYTES_MAX. */
void agent_lines_init(struct agent_lines *lines, size_t line_bytes_max);
void agent_lines_release(struct agent_lines *lines);

/* Takes any piece of the stream and calls `function` for each line that ends in it. 0, or ERR_MEMORY: then what did not fit is counted as
 * dropped from its line and everything else goes on. */
MUST_CHECK int agent_lines_feed(struct agent_lines *lines, const void *at, size_t bytes, agent_line_function *function,
				void *context);

/* The stream has ended: a last line without a newline is a line. */
void agent_lines_end(struct agent_lines *lines, agent_line_function *function, void *context);

#endif
