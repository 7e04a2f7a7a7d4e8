/* SPDX-License-Identifier: MIT
 *
 * Reading the journal back.
 *
 * Writers have segments of their own, so an object may come before what it names: then it waits until everything was read. What still lacks
 * something after that was never acknowledged and is left away; only commits may lack parents, which a shallow import cut off.
 */
#include "workspace/store/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/replay_wait.h"

struct wanted { /* a ref, as one record says */
	struct ref *ref;
	uint64_t version;
	struct oid to;
};

struct replay {
	struct workspace_agent *agent;
	struct replay_wait *wait;
	struct wanted *wanted;
	size_t count, capacity;
	struct head *head; /* the newest; of malloc */
};

/* ---- objects ---- */

static int read_object(void *context, const struct journal_object *object)
{
	struct replay *replay = context;
	return replay_wait_take(replay->wait, object);
}

/* ---- refs ---- */

static int wanted_grow(struct replay *replay)
{
	size_t capacity = replay->capacity ? 2 * replay->capacity : 256;
	struct wanted *wanted = realloc(replay->wanted, capacity * sizeof(*wanted));

	if (!wanted)
		return agent_fail(replay->agent, ERR_MEMORY, "the system has no memory for %zu refs", capacity);
	replay->wanted = wanted;
	replay->capacity = capacity;
	return 0;
}

static int read_ref(struct replay *replay, const struct journal_ref *record)
{
	struct ref *ref;
	int rc = replay->count == replay->capacity ? wanted_grow(replay) : 0;

	if (rc)
		return rc;
	workspace_begin(replay->agent);
	rc = ref_make(replay->agent, record->name, &ref);
	workspace_end(replay->agent);
	if (!rc)
		replay->wanted[replay->count++] = (struct wanted){ref, record->version, record->to};
	return rc == ERR_MALFORMED ? ERR_CORRUPT : rc;
}

static int read_head(struct replay *replay, const struct journal_ref *record)
{
	if (replay->head && replay->head->version >= record->version)
		return 0;
	const char *fault = ref_name_fault(record->target);
	if (fault)
		return agent_fail(replay->agent, ERR_CORRUPT, "the journal has a HEAD whose name %s", fault);

	size_t bytes = strlen(record->target) + 1;
	struct head *head = malloc(sizeof(*head) + bytes);
	if (!head)
		return agent_fail(replay->agent, ERR_MEMORY, "the system has no memory");
	head->version = record->version;
	memcpy(head->ref, record->target, bytes);
	free(replay->head);
	replay->head = head;
	return 0;
}

static int read_refs(void *context, const struct journal_ref *records, size_t count)
{
	struct replay *replay = context;
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = records[i].target ? read_head(replay, &records[i]) : read_ref(replay, &records[i]);
	return rc;
}

/* ---- afterwards ---- */

static int by_ref_and_version(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->ref != y->ref)
		return (uintptr_t)x->ref < (uintptr_t)y->ref ? -1 : 1;
	return x->version < y->version ? -1 : x->version > y->version;
}

static bool is_zero(const struct oid *id)
{
	static const struct oid zero;
	return !memcmp(id->bytes, zero.bytes, OID_BYTES);
}

static int fail_lacking(struct workspace_agent *agent, const struct wanted *wanted)
{
	char hex[OID_HEX_BYTES];

	oid_print(&wanted->to, hex);
	return agent_fail(agent, ERR_CORRUPT, "the journal has %.120s at %s, which it does not hold, or not with all it leads to",
			  wanted->ref->name, hex);
}

static int apply_ref(struct workspace_agent *agent, const struct wanted *wanted)
{
	const struct object *object = is_zero(&wanted->to) ? NULL : object_find(agent, &wanted->to);
	if (!object && !is_zero(&wanted->to))
		return fail_lacking(agent, wanted);

	struct ref_value *value = memory_take(agent, sizeof(*value));
	if (!value)
		return agent->rc;
	*value = (struct ref_value){object, wanted->version, NULL};
	atomic_store(&wanted->ref->word, (uintptr_t)value);
	if (object)
		atomic_fetch_add(&agent->workspace->refs.count, 1);
	return 0;
}

static int apply_refs(struct replay *replay)
{
	int rc = 0;

	if (replay->count)
		qsort(replay->wanted, replay->count, sizeof(*replay->wanted), by_ref_and_version);
	workspace_begin(replay->agent);
	for (size_t i = 0; i < replay->count && !rc; i++)
		if (i + 1 == replay->count || replay->wanted[i + 1].ref != replay->wanted[i].ref)
			rc = apply_ref(replay->agent, &replay->wanted[i]);
	workspace_end(replay->agent);
	return rc;
}

static int apply_head(struct replay *replay)
{
	struct workspace_agent *agent = replay->agent;
	if (!replay->head)
		return 0;

	struct head *old = atomic_load(&agent->workspace->refs.head);
	struct head *head = memory_take(agent, head_bytes(replay->head));
	if (!head)
		return agent->rc;
	memcpy(head, replay->head, head_bytes(replay->head));
	atomic_store(&agent->workspace->refs.head, head);
	memory_give(agent, old, head_bytes(old));
	return 0;
}

static int replay_all(struct replay *replay, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct journal_reader reader = {replay, read_object, read_refs};
	int rc = replay_wait_new(replay->agent, &replay->wait);

	if (!rc)
		rc = journal_read(replay->agent->workspace->journal, &reader, out_sentence);
	if (!rc)
		rc = replay_wait_finish(replay->wait);
	if (!rc)
		rc = apply_refs(replay);
	if (!rc)
		rc = apply_head(replay);
	replay_wait_free(replay->wait);
	free(replay->wanted);
	free(replay->head);
	return rc;
}

/* A journal may have more than fits below the cap, most of it dead. That is known at its end only, so until then there is no cap. */
int replay(struct workspace_agent *agent, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct replay replay = {.agent = agent};
	struct chunks *chunks = &agent->workspace->memory.chunks;
	uint64_t max_bytes = chunks->max_bytes;
	struct workspace_gc_result result;

	chunks->max_bytes = UINT64_MAX / 2;
	int rc = replay_all(&replay, out_sentence);
	chunks->max_bytes = max_bytes;
	return rc || atomic_load(&chunks->bytes) <= max_bytes ? rc : workspace_gc(agent, true, &result);
}
