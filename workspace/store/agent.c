/* SPDX-License-Identifier: MIT
 *
 * What one thread has for itself.
 */
#include "workspace/store/agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "workspace/store/agent_inner.h"

int agent_fail(struct workspace_agent *agent, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(agent->sentence, sizeof(agent->sentence), format, arguments);
	va_end(arguments);
	agent->rc = rc;
	return rc;
}

const char *workspace_sentence(const struct workspace_agent *agent)
{
	return agent->sentence;
}

int agent_refuse_broken(struct workspace_agent *agent)
{
	return agent_fail(agent, ERR_IO,
			  "the journal could not be written, so nothing can be changed any more; what is in memory can still be "
			  "read and exported");
}

/* ---- scratch ---- */

void *agent_scratch(struct workspace_agent *agent, size_t bytes)
{
	void *at = scratch_take(&agent->scratch, bytes);

	if (!at)
		(void)agent_fail(agent, ERR_MEMORY, "the system has no %zu bytes of memory", bytes);
	return at;
}

struct scratch_mark agent_scratch_mark(struct workspace_agent *agent)
{
	return scratch_mark(&agent->scratch);
}

void agent_scratch_reset(struct workspace_agent *agent, struct scratch_mark mark)
{
	scratch_reset(&agent->scratch, mark);
}

/* ---- publishing ---- */

#define FEW 16u /* fresh objects that are looked through one by one: what small commits have */

/* Without memory for the map some objects come twice, which costs space in the journal and nothing else. */
static void fresh_learn(struct workspace_agent *agent)
{
	bool is_new;

	while (agent->fresh_known_count < agent->fresh_count &&
	       !node_map_add(&agent->fresh_known, agent->fresh[agent->fresh_known_count], 1, &is_new))
		agent->fresh_known_count++;
}

bool agent_is_fresh(struct workspace_agent *agent, const struct object *object)
{
	if (agent->fresh_count > FEW) {
		fresh_learn(agent);
		return node_map_get(&agent->fresh_known, object) != 0;
	}
	for (size_t i = 0; i < agent->fresh_count; i++)
		if (agent->fresh[i] == object)
			return true;
	return false;
}

void agent_fresh_forget(struct workspace_agent *agent)
{
	node_map_clear(&agent->fresh_known);
	agent->fresh_known_count = 0;
}

static int fresh_grow(struct workspace_agent *agent)
{
	size_t capacity = agent->fresh_capacity ? 2 * agent->fresh_capacity : 64;
	const struct object **fresh = realloc(agent->fresh, capacity * sizeof(*fresh));

	if (!fresh)
		return agent_fail(agent, ERR_MEMORY, "the system has no memory for a list of %zu objects", capacity);
	agent->fresh = fresh;
	agent->fresh_capacity = capacity;
	return 0;
}

int agent_fresh(struct workspace_agent *agent, const struct object *object)
{
	if (!agent->workspace->journal || object->type > OBJECT_TAG)
		return 0;
	if (atomic_load_explicit(&object->flags, memory_order_acquire) & FLAG_JOURNALED || agent_is_fresh(agent, object))
		return 0;
	int rc = agent->fresh_count == agent->fresh_capacity ? fresh_grow(agent) : 0;
	if (!rc)
		agent->fresh[agent->fresh_count++] = object;
	return rc;
}

static int fresh_list(struct workspace_agent *agent, struct journal_object **out_objects)
{
	struct journal_object *objects = agent_scratch(agent, (agent->fresh_count + 1) * sizeof(*objects));
	int rc = objects ? 0 : agent->rc;

	for (size_t i = 0; i < agent->fresh_count && !rc; i++) {
		objects[i].type = agent->fresh[i]->type;
		objects[i].id = agent->fresh[i]->id;
		rc = object_raw(agent, agent->fresh[i], &objects[i].raw);
	}
	*out_objects = objects;
	return rc;
}

static void fresh_done(struct workspace_agent *agent)
{
	for (size_t i = 0; i < agent->fresh_count; i++)
		atomic_fetch_or(&((struct object *)(uintptr_t)agent->fresh[i])->flags, FLAG_JOURNALED);
	agent->fresh_count = 0;
	agent_fresh_forget(agent);
}

static int fail_journal(struct workspace_agent *agent, int rc)
{
	const char *trouble = journal_trouble(agent->workspace->journal);
	return agent_fail(agent, rc, "the journal in %.120s could not be written: %s", agent->workspace->options.journal,
			  trouble ? trouble : error_sentence(rc));
}

static int write_journal(struct workspace_agent *agent, const struct journal_ref *refs, size_t count)
{
	struct journal_object *objects;
	int rc = fresh_list(agent, &objects);

	if (rc)
		return rc;
	rc = journal_append(agent->writer, objects, agent->fresh_count, refs, count);
	if (rc)
		return fail_journal(agent, rc);
	fresh_done(agent);
	return 0;
}

int agent_publish(struct workspace_agent *agent, const struct journal_ref *refs, size_t count)
{
	if (!agent->workspace->journal || !(agent->fresh_count + count))
		return 0;
	if (atomic_load_explicit(&agent->workspace->is_broken, memory_order_relaxed))
		return agent_refuse_broken(agent);
	struct scratch_mark mark = scratch_mark(&agent->scratch);
	int rc = write_journal(agent, refs, count);
	scratch_reset(&agent->scratch, mark);
	return rc;
}
