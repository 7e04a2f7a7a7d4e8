/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what an agent says over the Agent Client Protocol. The first byte chooses the size of the pieces and when the run is cancelled. A corpus:
 * the lines of tests/clones/agents/acp that begin with "<".
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clones/agents/acp.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static int give(void *context, const char *path, char **out_text, size_t *out_bytes, char out_why[AGENT_WHY_BYTES])
{
	(void)context;
	memcpy(out_why, "no", 3);
	if (*path != '/')
		return ERR_NOT_FOUND;
	*out_text = strdup("a\nb\n\xC3\xA4");
	*out_bytes = 6;
	return *out_text ? 0 : ERR_MEMORY;
}

static int take(void *context, const char *path, const char *text, size_t bytes, char out_why[AGENT_WHY_BYTES])
{
	unsigned *sum = context;

	for (size_t i = 0; i < bytes; i++)
		*sum += (unsigned char)text[i];
	memcpy(out_why, "\xFF", 2);
	return *path == '/' ? 0 : ERR_NOT_ALLOWED;
}

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

/* Whatever it says, it is answered in whole lines of JSON. */
static void drain(struct acp *acp)
{
	size_t bytes;
	const char *out = acp_output(acp, &bytes), *newline;

	for (; bytes; out = acp_output(acp, &bytes)) {
		json_t *message;
		newline = memchr(out, '\n', bytes);
		message = newline ? json_loadb(out, (size_t)(newline - out), JSON_REJECT_DUPLICATES, NULL) : NULL;
		if (!message)
			abort();
		json_decref(message);
		acp_written(acp, (size_t)(newline - out) + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	static const char *const refused[] = {"fetch", NULL};
	const struct agent_limits limits = {.bytes_max = 1 << 20, .events_max = 2000, .turns_max = 200};
	struct acp_options options = {
		.worktree = "/work", .prompt = "x", .prompt_bytes = 1, .refused = refused, .read = give, .write = take};
	const struct agent_ending well = {.exit_status = 0};
	struct agent_verdict verdict;
	struct agent_lines lines;
	struct agent_cli cli;
	struct agent_run run;
	struct acp *acp;
	unsigned sum = 0;

	if (bytes < 2)
		return 0;
	options.context = &sum;
	agent_cli_acp(&cli);
	agent_run_init(&run, &cli, &limits, look, &sum);
	if (acp_new(&run, &options, &acp))
		abort();
	agent_lines_init(&lines, 8192);
	size_t piece = (at[0] & 127) + 1u, fed = 0;
	for (size_t from = 2; from < bytes; from += piece) {
		if (agent_run_feed(&run, &lines, at + from, bytes - from < piece ? bytes - from : piece))
			abort();
		if (++fed == at[1])
			acp_cancel(acp);
		if (at[0] & 128)
			drain(acp);
	}
	agent_lines_end(&lines, agent_run_line, &run);
	agent_lines_release(&lines);
	drain(acp);
	agent_run_verdict(&run, &well, &verdict);
	if (verdict.ok && (!run.final || !run.final_ok || !acp_over(acp)))
		abort();
	acp_free(acp);
	return 0;
}
