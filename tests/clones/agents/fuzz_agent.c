/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the output of any agent. The first byte chooses which, the second the size of the pieces they come in. A corpus:
 * tests/clones/agents/captures.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/agents/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static const struct agent_pointers pointers = {
	.session = "/session_id",
	.text = "/result",
	.in = "/usage/input_tokens",
	.out = "/usage/output_tokens",
	.error = "/error",
	.status = "/status",
	.final = {"/type", "result"},
	.final_ok = {"/is_error", NULL},
};

/* Every text of an event can be read to its end. */
static void look(void *context, const struct agent_event *event)
{
	const struct text texts[] = {event->session, event->model, event->version, event->id,
				     event->name,    event->path,  event->text};
	unsigned *sum = context;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		for (uint32_t b = 0; b < texts[i].bytes; b++)
			*sum += (unsigned char)texts[i].at[b];
	}
}

static void judge(const struct agent_run *run)
{
	const struct agent_ending endings[] = {{.exit_status = 0}, {.exit_status = 1}, {.stop = AGENT_STOP_WALL}};
	struct agent_verdict verdict;

	for (size_t i = 0; i < 3; i++) {
		agent_run_verdict(run, &endings[i], &verdict);
		if (verdict.ok != (verdict.class == AGENT_CLASS_NONE) || (verdict.ok && (i > 0 || !run->final || run->damaged)))
			abort();
		if (!memchr(verdict.why, 0, sizeof(verdict.why)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	static struct agent_cli generic;
	const struct agent_limits limits = {.bytes_max = 1 << 20, .events_max = 2000, .turns_max = 200};
	char why[AGENT_WHY_BYTES];
	struct agent_lines lines;
	struct agent_run run;
	unsigned sum = 0;

	if (bytes < 2 || agent_cli_generic(&pointers, &generic, why))
		return 0;
	const struct agent_cli *cli = agent_cli_at(at[0] % 11);
	size_t piece = at[1] + 1u;
	agent_run_init(&run, cli ? cli : &generic, &limits, look, &sum);
	agent_lines_init(&lines, 4096);
	for (size_t from = 2; from < bytes; from += piece) {
		if (agent_run_feed(&run, &lines, at + from, bytes - from < piece ? bytes - from : piece))
			abort();
	}
	agent_lines_end(&lines, agent_run_line, &run);
	agent_lines_release(&lines);
	judge(&run);
	return 0;
}
