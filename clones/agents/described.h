/* SPDX-License-Identifier: MIT
 *
 * A program that prints JSON lines, described in words of a configuration: from names and texts to struct agent_pointers. One text each:
 *
 *	/message/text                               a JSON pointer (RFC 6901)
 *	when:/type=turn_end /message/text           the same, only in lines of which the condition holds
 *	/type=agent_end                             a condition: the pointer leads to this string (or true, false, or this whole number)
 *	/type                                       a condition: it leads to anything but null
 *
 *	text, session, model, tool, path, error, status, usage_in, usage_cached, usage_out, cost   pointers, each with or without "when:"
 *	final, final_ok                                                                             conditions; final is required
 *	text_pieces, usage_excludes_cached                                                          "yes" or "no"
 *	usage_counts                                                                                "step", "run" or "thread" (event.h)
 *
 * session and model are read under one condition, so are usage_* and cost, error and status, tool and path: two different ones are refused.
 */
#ifndef CLONES_AGENTS_DESCRIBED_H
#define CLONES_AGENTS_DESCRIBED_H

#include "clones/agents/cli.h"

#define AGENT_DESCRIBED_TEXT_BYTES_MAX 1024u

/* The names above, in that order; NULL past the end. */
const char *agent_described_name(size_t index);

struct agent_described; /* owns the texts that its pointers lead to */

struct agent_described *agent_described_new(void); /* NULL: out of memory */
void agent_described_free(struct agent_described *described);

/* One name and its text. 0; ERR_INVALID_PARAMETERS (an unknown name, a text that cannot be read, one given twice, two different conditions) with a sentence in
 * `out_why` that names the name, the character where it went wrong, what was found and what would be accepted; ERR_MEMORY. */
MUST_CHECK int agent_described_set(struct agent_described *described, const char *name, const char *text,
				   char out_why[AGENT_WHY_BYTES]);

/* The row, which borrows from `described`. 0 or ERR_INVALID_PARAMETERS (final is missing) as above. The caller fills in program, arguments,
 * environment, name and title. */
MUST_CHECK int agent_described_cli(const struct agent_described *described, struct agent_cli *out_cli,
				   char out_why[AGENT_WHY_BYTES]);

#endif
