/* SPDX-License-Identifier: MIT
 *
 * An attempt by an AI coding agent: everything between a section `agent` of routing.conf and a commit with evidence.
 *
 * The agent works on the attempt's own clone, in the sandbox, with a home, a /tmp, processes and a network of its own; in that network there is nothing
 * but the way to its model server, through a proxy in this process that alone has the key. What it prints is read as it comes. It is
 * asked to end, and then ended, when its time, its budget or another limit is up, when it shows no sign of life, and when the attempt is cancelled.
 * What it says of itself is noted as a claim; what it has changed is taken from its folder.
 *
 *	attempt_agent.c          the order of things, and what becomes of the files
 *	attempt_agent_prepare.c  folders, files, the command, the proxy
 *	attempt_agent_copies.c   files that git ignores and the agent needs
 *	attempt_agent_run.c      the run: output, clocks, the staged stop
 *	attempt_agent_live.c     snapshots of what it is at, while it runs
 *	attempt_agent_say.c      progress, and the member "agent" of the result
 *
 * Inside the sandbox: /work the clone, /home/agent, /context (read-only: status.json and notes/LABEL.md of the other attempts of a race), /notes (its own
 * notes), the model at 127.0.0.1:8099, and its program at its own path.
 */
#ifndef ACTORS_ATTEMPT_AGENT_H
#define ACTORS_ATTEMPT_AGENT_H

#include "actors/attempt_inner.h"
#include "actors/state.h"

/* Runs the agent that the parameters name and takes what it has changed: attempt->agent, and harvest or kept, are set then. An agent that fails is no
 * failure of the attempt. 0, or -1 after attempt_fail (also when it was cancelled; then kept is set all the same). */
MUST_CHECK int attempt_agent(struct attempt *attempt, struct output *output);

/* STATE/races/RACE/context: what attempts of a race can read at /context. The judge writes status.json there with file_publish. Makes what is missing.
 * 0, ERR_IO, ERR_USAGE (no id of a task). */
MUST_CHECK int race_context_folder(const struct state_folder *state, const char *race, char out_path[PATH_BYTES]);

#endif
