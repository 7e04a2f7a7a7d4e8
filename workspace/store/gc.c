/* SPDX-License-Identifier: MIT
 *
 * Collecting garbage while nobody is inside: mark what refs lead to and what is young, give back the rest, write the journal anew.
 */
#include "workspace/store/gc.h"

#include <stdlib.h>
#include <time.h>

#include "workspace/store/gc_inner.h"

#define JOURNAL_WORTH_BYTES ((uint64_t)4 << 20) /* a smaller journal is not worth writing anew */
#define JOURNAL_WORTH_TIMES 3u                  /* … nor one that is not so many times what stays */

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- images ---- */

static int drop_image(void *context, struct object *object)
{
	const struct tree *tree = object_as_tree(object);

	if (tree)
		(void)tree_image_drop(context, tree);
	return 0;
}

void gc_images(struct workspace_agent *agent)
{
	if (atomic_exchange(&agent->workspace->memory.is_short, false))
		index_each(agent, NULL, drop_image, agent);
}

/* ---- giving back ---- */

static bool stays(void *context, void *node)
{
	struct gc *gc = context;
	struct object *object = node;
	bool is_kept = gc_has_mark(object);
	bool is_journaled = atomic_load_explicit(&object->flags, memory_order_relaxed) & FLAG_JOURNALED;

	*(is_kept ? &gc->kept : &gc->dropped) += 1;
	if (is_journaled)
		*(is_kept ? &gc->kept_bytes : &gc->dropped_bytes) += object->bytes;
	if (!is_kept)
		object_free(gc->agent, object);
	return is_kept;
}

/* An object that nobody published and that goes away needs not be published any more. */
static void fresh_filter(struct workspace_agent *agent)
{
	size_t kept = 0;

	for (size_t i = 0; i < agent->fresh_count; i++)
		if (gc_has_mark(agent->fresh[i]))
			agent->fresh[kept++] = agent->fresh[i];
	agent->fresh_count = kept;
	agent_fresh_forget(agent);
}

static void reclaim_all(struct workspace_agent *agent)
{
	struct workspace *workspace = agent->workspace;

	for (struct workspace_agent *each = workspace->agents; each; each = each->next)
		memory_reclaim(each, true);
	for (size_t i = 0; i < workspace->left_retired; i++)
		memory_give(agent, workspace->left[i].piece, workspace->left[i].bytes);
	workspace->left_retired = 0;
}

static void gc_sweep(struct gc *gc)
{
	struct workspace *workspace = gc->workspace;

	for (struct workspace_agent *agent = workspace->agents; agent; agent = agent->next)
		fresh_filter(agent);
	for (unsigned i = 0; i < INDEX_SHARDS; i++)
		hash_table_sweep(gc->agent, &workspace->index[i], stays, gc);
	object_asides_sweep(gc->agent, &workspace->asides, false);
	atomic_fetch_sub(&workspace->left_count, (int64_t)gc->dropped);
}

/* ---- the journal ---- */

static int rewrite_object(void *context, const struct object *object)
{
	struct gc *gc = context;
	struct journal_object record = {.type = object->type, .id = object->id};

	if (!(atomic_load(&object->flags) & FLAG_JOURNALED))
		return 0; /* who made it will publish it */
	int rc = object_raw(gc->agent, object, &record.raw);
	return rc ? rc : journal_rewrite_object(gc->rewrite, &record);
}

static int rewrite_ref(void *context, void *node)
{
	struct gc *gc = context;
	const struct ref *ref = node;
	const struct ref_value *value = ref_value_of(ref);

	if (!ref_value_is_there(value))
		return 0;
	struct journal_ref record = {.name = ref->name, .version = value->version, .to = value->object->id};
	return journal_rewrite_refs(gc->rewrite, &record, 1);
}

static int rewrite_head(struct gc *gc)
{
	const struct head *head = atomic_load(&gc->workspace->refs.head);
	struct journal_ref record = {.name = "HEAD", .version = head->version, .target = head->ref};
	return head->version ? journal_rewrite_refs(gc->rewrite, &record, 1) : 0;
}

static bool is_worth_writing(const struct gc *gc)
{
	const struct workspace *workspace = gc->workspace;
	if (!workspace->journal || atomic_load(&workspace->is_broken))
		return false;

	uint64_t bytes = journal_bytes(workspace->journal);
	uint64_t dropped = gc->dropped_bytes + workspace->dropped_bytes;
	return bytes >= JOURNAL_WORTH_BYTES && (dropped >= gc->kept_bytes / 2 || bytes / JOURNAL_WORTH_TIMES >= gc->kept_bytes);
}

/* If it fails the old one counts, and nothing was lost. */
static int gc_rewrite(struct gc *gc)
{
	struct journal *journal = gc->workspace->journal;
	int rc = journal_rewrite_begin(journal, &gc->rewrite);
	if (rc)
		return agent_fail(gc->agent, rc, "the journal could not be written anew: %s", error_sentence(rc));

	rc = gc_in_order(gc->agent, rewrite_object, gc);
	if (!rc)
		rc = hash_table_each(&gc->workspace->refs.table, rewrite_ref, gc);
	if (!rc)
		rc = rewrite_head(gc);
	int ended = journal_rewrite_end(gc->rewrite, !rc);
	rc = rc ? rc : ended;
	return rc ? agent_fail(gc->agent, rc, "the journal could not be written anew: %s", error_sentence(rc)) : 0;
}

/* ---- refs that are gone ---- */

static bool ref_stays(void *context, void *node)
{
	struct gc *gc = context;
	struct ref *ref = node;
	const struct ref_value *value = ref_value_of(ref);

	if (ref_value_is_there(value) || atomic_load(&ref->is_folder))
		return true;
	ref_value_retire(gc->agent, value);
	memory_give(gc->agent, ref, ref_bytes(ref));
	return false;
}

static int folder_no_more(void *context, void *node)
{
	(void)context;
	atomic_store(&((struct ref *)node)->is_folder, false);
	return 0;
}

static int folder_of_some(void *context, void *node)
{
	const struct ref *ref = node;

	(void)context;
	if (ref_value_is_there(ref_value_of(ref)))
		for (struct ref *folder = ref->folder; folder; folder = folder->folder)
			atomic_store(&folder->is_folder, true);
	return 0;
}

/* Their versions go too, so nothing in the journal may know of them any more. */
static void refs_sweep(struct gc *gc)
{
	struct hash_table *table = &gc->workspace->refs.table;

	hash_table_each(table, folder_no_more, NULL);
	hash_table_each(table, folder_of_some, NULL);
	hash_table_sweep(gc->agent, table, ref_stays, gc);
}

/* ---- the collection ---- */

static int gc_settle(struct gc *gc)
{
	int rc = hash_table_settle(gc->agent, &gc->workspace->refs.table);

	for (unsigned i = 0; i < INDEX_SHARDS && !rc; i++)
		rc = hash_table_settle(gc->agent, &gc->workspace->index[i]);
	return rc;
}

static int gc_finish(struct gc *gc)
{
	struct workspace *workspace = gc->workspace;
	bool writes = is_worth_writing(gc);
	int rc = writes ? gc_rewrite(gc) : 0;

	workspace->dropped_bytes = writes && !rc ? 0 : workspace->dropped_bytes + gc->dropped_bytes;
	index_each(gc->agent, NULL, gc_unmark, NULL);
	if (!workspace->journal || (writes && !rc))
		refs_sweep(gc);
	return rc;
}

/* Nobody else is inside. */
static int gc_run(struct gc *gc)
{
	struct workspace *workspace = gc->workspace;

	for (struct workspace_agent *agent = workspace->agents; agent; agent = agent->next)
		object_lent_forget(agent, &agent->lent);
	reclaim_all(gc->agent);
	int rc = gc_settle(gc);
	if (!rc)
		rc = gc_mark(gc);
	if (rc) {
		index_each(gc->agent, NULL, gc_unmark, NULL);
		object_asides_sweep(gc->agent, &workspace->asides, true);
		return rc;
	}
	gc_sweep(gc);
	rc = gc_finish(gc);
	reclaim_all(gc->agent);
	memory_compact(workspace);
	atomic_store(&workspace->round, (uint16_t)(gc->round + 1));
	atomic_fetch_add(&workspace->gc_count, 1);
	return rc;
}

static void fill_result(struct gc *gc, const struct workspace_figures *before, struct workspace_gc_result *result)
{
	struct workspace_figures after;

	workspace_measure(gc->workspace, &after);
	*result = (struct workspace_gc_result){
		.objects_before = gc->kept + gc->dropped,
		.objects_after = gc->kept,
		.bytes_before = before->memory_bytes,
		.bytes_after = after.memory_bytes,
		.journal_before = before->journal_bytes,
		.journal_after = after.journal_bytes,
	};
}

int workspace_gc(struct workspace_agent *agent, bool now, struct workspace_gc_result *out_result)
{
	struct workspace *workspace = agent->workspace;
	struct gc gc = {.agent = agent, .workspace = workspace, .now = now};
	struct workspace_figures before;

	if (agent->depth || agent->holds)
		return agent_fail(agent, ERR_STATE,
				  "garbage cannot be collected within a bracket, or by one who holds that off: what it works "
				  "with would go away");
	pthread_rwlock_wrlock(&workspace->gc_lock);
	gc.round = atomic_load(&workspace->round);
	workspace_measure(workspace, &before);
	uint64_t from = now_us();
	epoch_close(&workspace->epoch);
	pthread_mutex_lock(&workspace->agents_mutex);
	agent->depth = 1; /* brackets of what is called here are nested in this one */
	agent->memory.reserve = true;
	int rc = gc_run(&gc);
	agent->memory.reserve = false;
	agent->depth = 0;
	pthread_mutex_unlock(&workspace->agents_mutex);
	epoch_open(&workspace->epoch);
	uint64_t until = now_us();
	fill_result(&gc, &before, out_result);
	out_result->pause_us = until - from;
	pthread_rwlock_unlock(&workspace->gc_lock);
	return rc;
}
