/* SPDX-License-Identifier: MIT
 *
 * Moving refs: what is asked for becomes one compare-and-swap, or a change of several words; then it goes to the journal.
 */
#include <sched.h>
#include <stdlib.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/object_inner.h"
#include "workspace/store/ref_change.h"

#define PAUSE_TURNS_MAX 1024u

struct update {
	struct workspace_agent *agent;
	const struct ref_update *asked;
	uint32_t count;
	struct ref **refs;                    /* as asked */
	const struct ref_value **old, **made; /* what was replaced by what; the same: nothing happened to it */
};

/* ---- before ---- */

int ref_suits(struct workspace_agent *agent, const char *name, const struct object *object)
{
	char hex[OID_HEX_BYTES];

	if (object->type == OBJECT_COMMIT)
		return 0;
	oid_print(&object->id, hex);
	if (object->type > OBJECT_TAG)
		return agent_fail(agent, ERR_MALFORMED, "%.100s cannot lead to %s: that commit is not here", name, hex);
	if (!strncmp(name, "refs/heads/", 11))
		return agent_fail(agent, ERR_MALFORMED, "%.100s is a branch and must lead to a commit; %s is none", name, hex);
	return 0;
}

static int update_begin(struct update *update)
{
	struct workspace_agent *agent = update->agent;
	size_t count = update->count;

	if (atomic_load_explicit(&agent->workspace->is_broken, memory_order_relaxed))
		return agent_refuse_broken(agent);
	update->refs = agent_scratch(agent, count * 3 * sizeof(void *));
	if (!update->refs)
		return agent->rc;
	update->old = (const struct ref_value **)(void *)(update->refs + count);
	update->made = update->old + count;
	for (uint32_t i = 0; i < count; i++)
		agent->memory.reserve |= !update->asked[i].to;
	return 0;
}

static int by_pointer(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (struct ref *const *)a, y = (uintptr_t) * (struct ref *const *)b;
	return x < y ? -1 : x > y;
}

static int check_once(struct update *update)
{
	struct ref **sorted = agent_scratch(update->agent, update->count * sizeof(*sorted));

	if (!sorted)
		return update->agent->rc;
	memcpy(sorted, update->refs, update->count * sizeof(*sorted));
	qsort(sorted, update->count, sizeof(*sorted), by_pointer);
	for (uint32_t i = 1; i < update->count; i++)
		if (sorted[i] == sorted[i - 1])
			return agent_fail(update->agent, ERR_MALFORMED, "%.120s is named twice", sorted[i]->name);
	return 0;
}

static int update_find(struct update *update)
{
	int rc = 0;

	for (uint32_t i = 0; i < update->count && !rc; i++) {
		const struct ref_update *asked = &update->asked[i];
		rc = ref_make(update->agent, asked->ref, &update->refs[i]);
		if (!rc && asked->to)
			rc = ref_suits(update->agent, asked->ref, asked->to);
		if (!rc && asked->to)
			rc = object_adopt(update->agent, asked->to);
	}
	if (!rc && update->count > 1)
		rc = check_once(update);
	return rc ? rc : agent_publish(update->agent, NULL, 0);
}

/* ---- the words ---- */

static const struct object *object_of(const struct ref_value *value)
{
	return value ? value->object : NULL;
}

static void print_place(const struct object *object, char out[OID_HEX_BYTES])
{
	if (object)
		oid_print(&object->id, out);
	else
		memcpy(out, "not there", 10);
}

static int check_from(struct workspace_agent *agent, const struct ref_update *asked, const struct ref_value *value)
{
	char is[OID_HEX_BYTES], should[OID_HEX_BYTES];
	const struct object *object = object_of(value);

	if (asked->anywhere || object_same(object, asked->from))
		return 0;
	print_place(object, is);
	print_place(asked->from, should);
	return agent_fail(agent, ERR_MOVED, "%.100s is %s%s and not %s", asked->ref, object ? "at " : "", is, should);
}

void ref_value_retire(struct workspace_agent *agent, const struct ref_value *value)
{
	if (!value)
		return;
	struct ref_change *change = value->change;
	if (!change)
		memory_retire(agent, (void *)(uintptr_t)value, sizeof(*value));
	else if (atomic_fetch_sub(&change->holds, 1) == 1)
		memory_retire_late(agent, change, change_bytes(change->count));
}

/* A change of several refs that is visible must not be torn by what is built on it: its journal entry comes first, whoever writes it. */
static int change_publish(struct workspace_agent *agent, struct ref_change *change)
{
	if (change->count == 1 || !agent->workspace->journal || atomic_load(&change->is_journaled))
		return 0;
	struct journal_ref *records = agent_scratch(agent, change->count * sizeof(*records));
	size_t count = 0;
	if (!records)
		return agent->rc;
	for (uint32_t i = 0; i < change->count; i++) {
		const struct change_part *part = &change->parts[i];
		if (part->new == part->old)
			continue;
		records[count] = (struct journal_ref){.name = part->ref->name, .version = part->new->version};
		if (part->new->object)
			records[count].to = part->new->object->id;
		count++;
	}
	int rc = agent_publish(agent, records, count);
	if (!rc)
		atomic_store(&change->is_journaled, true);
	return rc;
}

/* A ref that is there and is moved or deleted: one compare-and-swap does. `*out_done` is false if it is not of that kind. */
static int move_one(struct update *update, bool *out_done)
{
	struct workspace_agent *agent = update->agent;
	const struct ref_update *asked = update->asked;
	struct ref *ref = update->refs[0];
	uintptr_t word = atomic_load_explicit(&ref->word, memory_order_acquire);
	const struct ref_value *old = (const struct ref_value *)word;

	*out_done = false;
	if (word_change(word) || !ref_value_is_there(old))
		return 0;
	int rc = check_from(agent, asked, old);
	if (rc)
		return rc;
	update->old[0] = update->made[0] = old;
	if (object_same(old->object, asked->to)) {
		*out_done = true;
		return 0;
	}
	rc = old->change ? change_publish(agent, old->change) : 0;
	struct ref_value *value = rc ? NULL : memory_take(agent, sizeof(*value));
	if (!value)
		return rc ? rc : agent->rc;
	*value = (struct ref_value){asked->to, old->version + 1, NULL};
	*out_done = atomic_compare_exchange_strong(&ref->word, &word, (uintptr_t)value);
	if (*out_done)
		update->made[0] = value;
	else
		memory_give(agent, value, sizeof(*value));
	return 0;
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct change_part *)a)->ref, y = (uintptr_t)((const struct change_part *)b)->ref;
	return x < y ? -1 : x > y;
}

static int part_fill(struct update *update, uint32_t index, struct change_part *part)
{
	const struct ref_update *asked = &update->asked[index];
	const struct ref_value *old = ref_value_of(update->refs[index]);
	int rc = check_from(update->agent, asked, old);

	if (!rc && old && old->change)
		rc = change_publish(update->agent, old->change);
	part->ref = update->refs[index];
	part->old = part->new = old;
	part->value = (struct ref_value){asked->to, old ? old->version + 1 : 1, NULL};
	return rc;
}

static int change_make(struct update *update, struct ref_change **out_change)
{
	struct workspace_agent *agent = update->agent;
	struct ref_change *change = memory_take(agent, change_bytes(update->count));
	int rc = 0;

	if (!change)
		return agent->rc;
	memset(change, 0, sizeof(*change));
	change->count = update->count;
	for (uint32_t i = 0; i < update->count && !rc; i++)
		rc = part_fill(update, i, &change->parts[i]);
	if (!rc && change->count > 1)
		qsort(change->parts, change->count, sizeof(change->parts[0]), by_address);
	for (uint32_t i = 0; i < update->count && !rc; i++) {
		struct change_part *part = &change->parts[i];
		if (object_same(object_of(part->old), part->value.object))
			continue;
		part->value.change = change;
		part->new = &part->value;
		atomic_fetch_add_explicit(&change->holds, 1, memory_order_relaxed);
	}
	if (rc)
		memory_give(agent, change, change_bytes(update->count));
	else
		*out_change = change;
	return rc;
}

static int fail_clash(struct workspace_agent *agent, const struct ref_change *change)
{
	return agent_fail(agent, ERR_STATE, "%.90s cannot be made as long as there is %.90s: a ref is no folder",
			  atomic_load(&change->made)->name, atomic_load(&change->clash)->name);
}

static void update_take_over(struct update *update, const struct ref_change *change)
{
	for (uint32_t i = 0; i < update->count; i++) {
		const struct change_part *part = change_part_of(change, update->refs[i]);
		update->old[i] = part->old;
		update->made[i] = part->new;
	}
}

/* One go; `*out_done` is false if something moved on the way. */
static int move_together(struct update *update, bool *out_done, struct ref_change **out_change)
{
	struct ref_change *change = NULL;
	int rc = change_make(update, &change);
	if (rc)
		return rc;

	bool holds =
		atomic_load(&change->holds); /* afterwards others may have replaced all of its values already, and retire it */
	enum change_state state = change_perform(&update->agent->workspace->refs, change);
	*out_done = state == CHANGE_DONE;
	if (state == CHANGE_CLASH)
		rc = fail_clash(update->agent, change);
	if (state == CHANGE_DONE) {
		update_take_over(update, change);
		*out_change = change;
	}
	if (state != CHANGE_DONE || !holds) {
		memory_retire_late(update->agent, change, change_bytes(change->count));
		*out_change = NULL;
	}
	return rc;
}

/* Two who are in each other's way wait for different times. */
static void pause_after(struct workspace_agent *agent, uint32_t tries)
{
	uint32_t limit = tries < 10 ? 1u << tries : PAUSE_TURNS_MAX;

	agent->seed = agent->seed * 1664525 + 1013904223;
	for (volatile uint32_t turns = (agent->seed >> 8) % limit; turns; turns--)
		;
	if (tries > 3)
		sched_yield();
}

static int update_move(struct update *update, struct ref_change **out_change)
{
	bool done = false;
	int rc = 0;

	for (uint32_t tries = 0; !done && !rc; tries++) {
		if (tries)
			pause_after(update->agent, tries);
		if (update->count == 1)
			rc = move_one(update, &done);
		if (!done && !rc)
			rc = move_together(update, &done, out_change);
	}
	return rc;
}

/* ---- afterwards ---- */

static void update_count(const struct update *update)
{
	int64_t more = 0;

	for (uint32_t i = 0; i < update->count; i++)
		more += ref_value_is_there(update->made[i]) - ref_value_is_there(update->old[i]);
	if (more)
		atomic_fetch_add_explicit(&update->agent->workspace->refs.count, more, memory_order_relaxed);
}

static size_t list_records(const struct update *update, struct journal_ref *records)
{
	size_t count = 0;

	for (uint32_t i = 0; i < update->count; i++) {
		const struct object *from = object_of(update->old[i]), *to = object_of(update->made[i]);
		if (update->made[i] == update->old[i])
			continue;
		records[count] = (struct journal_ref){.name = update->refs[i]->name, .version = update->made[i]->version};
		if (from)
			records[count].from = from->id;
		if (to)
			records[count].to = to->id;
		count++;
	}
	return count;
}

/* The change is visible. If the journal does not take it, that is never acknowledged, and nothing may be built on it. */
static int update_publish(struct update *update)
{
	struct workspace_agent *agent = update->agent;
	if (!agent->workspace->journal)
		return 0;

	struct journal_ref *records = agent_scratch(agent, update->count * sizeof(*records));
	int rc = records ? 0 : agent->rc;
	if (!rc)
		rc = agent_publish(agent, records, list_records(update, records));
	if (rc)
		atomic_store(&agent->workspace->is_broken, true);
	return rc;
}

static int update_run(struct update *update)
{
	struct ref_change *change = NULL;
	int rc = update_begin(update);

	if (!rc)
		rc = update_find(update);
	if (!rc)
		rc = update_move(update, &change);
	if (rc)
		return rc;
	update_count(update);
	rc = update_publish(update);
	if (change && !rc)
		atomic_store(&change->is_journaled, true);
	for (uint32_t i = 0; i < update->count; i++)
		if (update->made[i] != update->old[i])
			ref_value_retire(update->agent, update->old[i]);
	return rc;
}

int workspace_refs_update(struct workspace_agent *agent, const struct ref_update *updates, size_t count)
{
	struct update update = {.agent = agent, .asked = updates, .count = (uint32_t)count};

	if (!count)
		return 0;
	if (count > UINT32_MAX / sizeof(struct change_part))
		return agent_fail(agent, ERR_LIMIT, "%zu refs are too many for one change", count);
	workspace_begin(agent);
	struct scratch_mark mark = agent_scratch_mark(agent);
	int rc = update_run(&update);
	agent->memory.reserve = false;
	agent_scratch_reset(agent, mark);
	workspace_end(agent);
	return rc;
}
