/* SPDX-License-Identifier: MIT
 *
 * Reading the journal back into an empty workspace.
 */
#ifndef WORKSPACE_STORE_REPLAY_H
#define WORKSPACE_STORE_REPLAY_H

#include "workspace/store/agent.h"

/* Nobody else is there yet. If all of it takes more than the cap, what no ref leads to is forgotten at once; if that is not enough, the workspace is full. Blocks. 0, ERR_CORRUPT, ERR_FULL, ERR_MEMORY, ERR_IO, with a sentence in `out_sentence` or of the agent. */
MUST_CHECK int replay(struct workspace_agent *agent, char out_sentence[WORKSPACE_SENTENCE_BYTES]);

#endif
