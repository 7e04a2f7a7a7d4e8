/* SPDX-License-Identifier: MIT
 *
 * The client's side of the Agent Client Protocol, version 1: one task given to an agent that speaks JSON-RPC 2.0 on its standard input and output,
 * one object a line (`gemini --acp`, `opencode acp`, `qwen --acp`). A pure machine: bytes in; normal events (event.h) and bytes to write out.
 *
 *	agent_run_init(&run, agent_cli_find("gemini-acp"), NULL, sink, context);     (any row with `speaks_acp`)
 *	rc = acp_new(&run, &options, &acp);                                          (the first request now waits to be written)
 *	for each piece of its standard output:
 *		rc = agent_run_feed(&run, &lines, at, bytes);                        (as of any other agent)
 *	whenever there is something: at = acp_output(acp, &bytes); write as much as goes; acp_written(acp, how_much)
 *	when acp_over(acp): close its standard input; after a while end it; whatever it then exits with does not count (verdict.c)
 *	agent_run_verdict(&run, &ending, &verdict); acp_free(acp)
 *
 * The prompt goes over the protocol, not to the standard input as it is: what agent_prompt_new makes is not needed, but does no harm.
 *
 * What the agent asks is answered at once: permissions by a policy (what runs, runs in the sandbox, which is what permits and forbids; so everything is
 * allowed but the kinds that are listed), files by the caller's functions, everything else by "method not found".
 *
 * Source: agentclientprotocol.com, protocol version 1, and what Gemini CLI 0.61, opencode 1.18 and Qwen Code 0.15 were seen to send.
 */
#ifndef CLONES_AGENTS_ACP_H
#define CLONES_AGENTS_ACP_H

#include "clones/agents/cli.h"

#define ACP_PROMPT_BYTES_MAX (4u << 20)
#define ACP_OUTPUT_BYTES_MAX (64u << 20) /* that wait to be written; more ends the run: an agent that asks and does not read */
#define ACP_TOOLS_MAX        256u        /* calls of tools that are remembered; of older ones an end is told without a start */

/* A text file, for an agent that reads and writes through its client. `path` is what the agent says, absolute as a rule, of any content: the caller
 * confines it. `read` gives memory that is freed with free(). An error's sentence goes back to the agent. */
typedef int acp_read_function(void *context, const char *path, char **out_text, size_t *out_bytes, char out_why[AGENT_WHY_BYTES]);
typedef int acp_write_function(void *context, const char *path, const char *text, size_t bytes, char out_why[AGENT_WHY_BYTES]);

struct acp_options {
	const char *worktree; /* absolute, as the agent sees it */
	const char *prompt;   /* UTF-8; what is not is replaced */
	size_t prompt_bytes;
	/* Kinds of tools that are refused when the agent asks: "fetch", "delete", "execute", … ; NULL-terminated, or NULL: none. Borrowed. */
	const char *const *refused;
	acp_read_function
		*read; /* NULL: the agent is told that its client has no files, and answered so if it asks all the same */
	acp_write_function *write;
	void *context;
};

struct acp;

/* `run` has to stay where it is until acp_free. 0; ERR_INVALID_PARAMETERS (the run's row speaks no ACP, the worktree is no absolute path, the prompt is empty or too
 * long); ERR_MEMORY. */
MUST_CHECK int acp_new(struct agent_run *run, const struct acp_options *options, struct acp **out_acp);
void acp_free(struct acp *acp); /* takes NULL */

/* What waits to be written, borrowed until the next call of anything here or of agent_run_feed; `*out_bytes` 0: nothing. */
const char *acp_output(const struct acp *acp, size_t *out_bytes);
void acp_written(struct acp *acp, size_t bytes); /* of it, from its beginning */

/* There is nothing more to come: the prompt was answered, or something went wrong for good. */
bool acp_over(const struct acp *acp);

/* Asks the agent to end its turn. The answer, "cancelled", comes as any other; an agent that does not answer has to be ended otherwise. Harmless at any time. */
void acp_cancel(struct acp *acp);

/* A row for a program of which nothing is known but that it speaks the protocol. The caller fills in program, arguments and environment. */
void agent_cli_acp(struct agent_cli *out_cli);

#endif
