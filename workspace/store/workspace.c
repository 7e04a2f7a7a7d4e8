/* SPDX-License-Identifier: MIT
 *
 * Opening and closing, joining and leaving.
 */
#include "workspace/workspace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/gc.h"
#include "workspace/store/replay.h"

/* ---- brackets ---- */

void workspace_begin(struct workspace_agent *agent)
{
	if (!agent->depth++)
		epoch_enter(&agent->workspace->epoch, agent->place);
}

void workspace_end(struct workspace_agent *agent)
{
	assert(agent->depth);
	if (agent->depth > 1) {
		agent->depth--;
		return;
	}
	if (atomic_load_explicit(&agent->workspace->memory.is_short, memory_order_relaxed))
		gc_images(agent);
	if (memory_has_much_retired(&agent->memory))
		memory_reclaim(agent, false);
	scratch_clear(&agent->scratch);
	agent->depth = 0;
	epoch_exit(&agent->workspace->epoch, agent->place);
}

/* ---- agents ---- */

static void agents_add(struct workspace *workspace, struct workspace_agent *agent)
{
	pthread_mutex_lock(&workspace->agents_mutex);
	agent->next = workspace->agents;
	agent->link = &workspace->agents;
	if (agent->next)
		agent->next->link = &agent->next;
	workspace->agents = agent;
	pthread_mutex_unlock(&workspace->agents_mutex);
}

int workspace_join(struct workspace *workspace, struct workspace_agent **out_agent)
{
	struct workspace_agent *agent = calloc(1, sizeof(*agent));
	if (!agent)
		return ERR_MEMORY;

	int rc = epoch_join(&workspace->epoch, &agent->place);
	if (rc)
		goto no_place;
	agent->workspace = workspace;
	agent->seed = (uint32_t)(agent->place - workspace->epoch.places) + 1;
	if (workspace->journal)
		rc = journal_join(workspace->journal, &agent->writer);
	if (rc)
		goto no_writer;
	agents_add(workspace, agent);
	*out_agent = agent;
	return 0;
no_writer:
	epoch_leave(&workspace->epoch, agent->place);
no_place:
	free(agent);
	return rc;
}

void workspace_leave(struct workspace_agent *agent)
{
	if (!agent)
		return;
	struct workspace *workspace = agent->workspace;
	pthread_mutex_lock(&workspace->agents_mutex);
	object_lent_forget(agent, &agent->lent);
	memory_leave(agent);
	atomic_fetch_add(&workspace->left_count, (int64_t)atomic_load(&agent->made_count));
	*agent->link = agent->next;
	if (agent->next)
		agent->next->link = agent->link;
	pthread_mutex_unlock(&workspace->agents_mutex);
	if (agent->writer)
		journal_leave(agent->writer);
	epoch_leave(&workspace->epoch, agent->place);
	scratch_release(&agent->scratch);
	free(agent->fresh);
	node_map_release(&agent->fresh_known);
	free(agent);
}

/* ---- opening ---- */

static uint64_t half_of_the_machine(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
	return pages > 0 && bytes > 0 ? (uint64_t)pages / 2 * (uint64_t)bytes : (uint64_t)1 << 30;
}

static void workspace_free(struct workspace *workspace)
{
	memory_release(&workspace->memory);
	epoch_release(&workspace->epoch);
	pthread_rwlock_destroy(&workspace->gc_lock);
	pthread_mutex_destroy(&workspace->agents_mutex);
	free(workspace->left);
	free((char *)(uintptr_t)workspace->options.journal);
	free(workspace);
}

static int workspace_new(const struct workspace_options *options, struct workspace **out_workspace)
{
	struct workspace *workspace = aligned_alloc(EPOCH_LINE, (sizeof(*workspace) + EPOCH_LINE - 1) / EPOCH_LINE * EPOCH_LINE);
	if (!workspace)
		return ERR_MEMORY;

	memset(workspace, 0, sizeof(*workspace));
	workspace->options = *options;
	if (!options->memory_max_bytes)
		workspace->options.memory_max_bytes = half_of_the_machine();
	workspace->options.journal = options->journal ? strdup(options->journal) : NULL;
	int rc = options->journal && !workspace->options.journal ? ERR_MEMORY : 0;
	if (!rc)
		rc = epoch_init(&workspace->epoch);
	if (!rc)
		rc = memory_init(&workspace->memory, workspace->options.memory_max_bytes);
	if (!rc && (pthread_rwlock_init(&workspace->gc_lock, NULL) || pthread_mutex_init(&workspace->agents_mutex, NULL)))
		rc = ERR_SYSTEM;
	if (rc) {
		free((char *)(uintptr_t)workspace->options.journal);
		free(workspace);
		return rc;
	}
	*out_workspace = workspace;
	return 0;
}

/* The tables, which take from the workspace's own memory. */
static int tables_make(struct workspace_agent *agent)
{
	int rc = 0;

	for (unsigned i = 0; i < INDEX_SHARDS && !rc; i++)
		rc = hash_table_init(agent, &agent->workspace->index[i]);
	return rc ? rc : refs_init(agent, &agent->workspace->refs);
}

/* By an agent that leaves again. */
static int workspace_fill(struct workspace *workspace, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct workspace_agent *agent;
	int rc = workspace_join(workspace, &agent);

	if (rc)
		return rc;
	rc = tables_make(agent);
	if (!rc && workspace->journal)
		rc = replay(agent, out_sentence);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, WORKSPACE_SENTENCE_BYTES, "%s", agent->sentence);
	workspace_leave(agent);
	return rc;
}

static int options_check(const struct workspace_options *options, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	const char *fault = NULL;

	if (options->durability != DURABLE_MEMORY && options->durability != DURABLE_PROCESS &&
	    options->durability != DURABLE_DISK)
		fault = "there is no such durability; 0 (memory), 1 (process) and 3 (disk) are";
	else if (options->durability != DURABLE_MEMORY && !options->journal)
		fault = "to outlive the process, a workspace needs a folder for its journal";
	else if (options->durability == DURABLE_MEMORY && options->journal)
		fault = "a workspace that lives in memory only has no journal; ask for durability 1 or 3";
	if (!fault)
		return 0;
	snprintf(out_sentence, WORKSPACE_SENTENCE_BYTES, "%s", fault);
	return ERR_USAGE;
}

int workspace_open(const struct workspace_options *options, struct workspace **out_workspace,
		   char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct workspace *workspace = NULL;

	out_sentence[0] = 0;
	int rc = options_check(options, out_sentence);
	if (rc)
		return rc;
	rc = workspace_new(options, &workspace);
	if (!rc && options->journal)
		rc = journal_open(options->journal, options->durability, &workspace->journal, out_sentence);
	if (!rc)
		rc = workspace_fill(workspace, out_sentence);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, WORKSPACE_SENTENCE_BYTES, "%s", error_sentence(rc));
	if (rc) {
		(void)workspace_close(workspace);
		return rc;
	}
	*out_workspace = workspace;
	return 0;
}

int workspace_close(struct workspace *workspace)
{
	int rc = 0;

	if (!workspace)
		return 0;
	if (workspace->journal)
		rc = journal_close(workspace->journal);
	workspace_free(workspace);
	return rc;
}

/* ---- measuring ---- */

static uint64_t objects_counted(struct workspace *workspace)
{
	int64_t count = atomic_load(&workspace->left_count);

	pthread_mutex_lock(&workspace->agents_mutex);
	for (struct workspace_agent *agent = workspace->agents; agent; agent = agent->next)
		count += (int64_t)atomic_load_explicit(&agent->made_count, memory_order_relaxed);
	pthread_mutex_unlock(&workspace->agents_mutex);
	return count < 0 ? 0 : (uint64_t)count;
}

void workspace_measure(struct workspace *workspace, struct workspace_figures *out_figures)
{
	*out_figures = (struct workspace_figures){
		.memory_bytes = atomic_load(&workspace->memory.chunks.bytes),
		.memory_max_bytes = workspace->options.memory_max_bytes,
		.object_count = objects_counted(workspace),
		.ref_count = (uint64_t)atomic_load(&workspace->refs.count),
		.gc_count = atomic_load(&workspace->gc_count),
	};
	if (workspace->journal) {
		out_figures->journal_bytes = journal_bytes(workspace->journal);
		out_figures->journal_head = journal_head(workspace->journal);
	}
}
