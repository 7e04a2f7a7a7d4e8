/* SPDX-License-Identifier: MIT
 *
 * A capture of a real agent's output, how the process ended that printed it, and what is to be read out of both, as text beside it:
 * captures/claude-ok.jsonl has captures/claude-ok.txt. The first line of the text, "ended: …", is the author's; the rest is what the reader says.
 */
#ifndef TESTS_CLONES_AGENTS_CAPTURE_H
#define TESTS_CLONES_AGENTS_CAPTURE_H

#include "clones/agents/cli.h"

#define SUMMARY_BYTES 8192u

struct capture {
	char name[128]; /* "claude-ok.jsonl" */
	const struct agent_cli *cli;
	char *at;
	size_t bytes;
	char ended[256];
	struct agent_ending ending;
	char *expected; /* the text beside it, or "" */
};

/* All captures, by name. Fails the test if one cannot be read. */
struct capture *captures_read(size_t *out_count);
void captures_free(struct capture *captures, size_t count);

/* Reads the whole capture and says what is in it. */
void capture_summary(const struct capture *capture, char out[SUMMARY_BYTES]);
void capture_rewrite(const struct capture *capture, const char *summary);

/* Bytes until the end of its last line that is JSON, without the newline: with fewer than these no success may be seen. */
size_t capture_whole(const struct capture *capture);

#endif
