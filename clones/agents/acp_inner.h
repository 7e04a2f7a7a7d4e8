/* SPDX-License-Identifier: MIT
 *
 * What the two halves of the Agent Client Protocol's client share. Inner header of clones/agents.
 */
#ifndef CLONES_AGENTS_ACP_INNER_H
#define CLONES_AGENTS_ACP_INNER_H

#include "clones/agents/acp.h"
#include "clones/agents/parse.h"

/* The number is the id of the request that is open. */
enum acp_state { ACP_OVER, ACP_STARTING, ACP_OPENING, ACP_WORKING };

/* A call of a tool that was told, by a hash of its id. */
struct acp_tool {
	uint64_t id;
	bool ended;
	bool filed;             /* its file was told */
	struct agent_note path; /* of a diff that was seen; it counts when the call has ended well */
	bool adds;
};

struct acp {
	struct agent_run *run;
	struct acp_options options;
	enum acp_state state;
	bool cancelled;
	bool spoken;        /* words came since the last tool ended */
	bool steps_counted; /* tokens were told step by step */
	char *worktree;
	json_t *prompt;  /* until it is sent */
	json_t *session; /* its name */
	char *out;
	size_t bytes, sent, capacity;
	struct acp_tool tools[ACP_TOOLS_MAX]; /* a ring */
	size_t tool_count;
};

/* Takes the message over; NULL: it could not be made. */
void acp_send(struct acp *acp, json_t *message);

/* A request of the agent, and what it tells of its session. */
void acp_asked(struct acp *acp, const json_t *object);
void acp_updated(struct acp *acp, const json_t *update);

struct agent_usage acp_usage(const json_t *usage);

/* Bytes of the UTF-8 character that begins here; 0: none does. */
size_t acp_character(const char *at, size_t bytes);

struct text acp_text(const char *text);

#endif
