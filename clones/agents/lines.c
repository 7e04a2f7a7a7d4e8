/* SPDX-License-Identifier: MIT
 *
 * The bounded reader of lines. A line that lies in one piece of the stream is handed on where it lies, without a copy.
 */
#include "clones/agents/lines.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 4096u
#define CAPACITY_KEPT  65536u /* what a long line took beyond this is given back after it */

void agent_lines_init(struct agent_lines *lines, size_t line_bytes_max)
{
	*lines = (struct agent_lines){.line_bytes_max = line_bytes_max ? line_bytes_max : AGENT_LINE_BYTES_MAX};
}

void agent_lines_release(struct agent_lines *lines)
{
	free(lines->at);
	*lines = (struct agent_lines){.line_bytes_max = lines->line_bytes_max};
}

static bool grow(struct agent_lines *lines, size_t wanted)
{
	size_t capacity = lines->capacity ? lines->capacity : CAPACITY_FIRST;
	char *at;

	if (wanted <= lines->capacity)
		return true;
	while (capacity < wanted)
		capacity *= 2;
	if (capacity > lines->line_bytes_max)
		capacity = lines->line_bytes_max; /* `wanted` is never more */
	at = realloc(lines->at, capacity);
	if (!at)
		return false;
	lines->at = at;
	lines->capacity = capacity;
	return true;
}

static int keep(struct agent_lines *lines, const char *at, size_t bytes)
{
	size_t room = lines->dropped ? 0 : lines->line_bytes_max - lines->bytes, kept = bytes < room ? bytes : room;
	int rc = 0;

	lines->open = true;
	if (kept && !grow(lines, lines->bytes + kept)) {
		kept = 0;
		rc = ERR_MEMORY;
	}
	if (kept)
		memcpy(lines->at + lines->bytes, at, kept);
	lines->bytes += kept;
	lines->dropped += bytes - kept;
	return rc;
}

static void hand_on(const char *at, size_t bytes, uint64_t dropped, agent_line_function *function, void *context)
{
	if (!dropped && bytes && at[bytes - 1] == '\r')
		bytes--;
	function(context, (struct text){at ? at : "", (uint32_t)bytes}, dropped);
}

static void finish(struct agent_lines *lines, agent_line_function *function, void *context)
{
	hand_on(lines->at, lines->bytes, lines->dropped, function, context);
	lines->bytes = 0;
	lines->dropped = 0;
	lines->open = false;
	if (lines->capacity > CAPACITY_KEPT) {
		free(lines->at);
		lines->at = NULL;
		lines->capacity = 0;
	}
}

int agent_lines_feed(struct agent_lines *lines, const void *bytes_at, size_t bytes, agent_line_function *function, void *context)
{
	const char *at = bytes_at, *end = at + bytes, *newline;
	int rc = 0;

	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		size_t piece = (size_t)(newline - at);
		if (!lines->open && piece <= lines->line_bytes_max) {
			hand_on(at, piece, 0, function, context);
		} else {
			rc = keep(lines, at, piece) ? ERR_MEMORY : rc;
			finish(lines, function, context);
		}
		at = newline + 1;
	}
	if (at < end && keep(lines, at, (size_t)(end - at)))
		rc = ERR_MEMORY;
	return rc;
}

void agent_lines_end(struct agent_lines *lines, agent_line_function *function, void *context)
{
	if (lines->open)
		finish(lines, function, context);
}
