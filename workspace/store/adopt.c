/* SPDX-License-Identifier: MIT
 *
 * What others made may not be in the journal yet: whoever builds on it writes it there too.
 *
 * Most of the time that is nothing, or what one commit is made of, since who made it is just about to publish it. But somebody may be in the middle of an
 * import, so that everything is looked at once only.
 */
#include "workspace/store/object_inner.h"

struct adoption {
	struct workspace_agent *agent;
	const struct object **
		waiting; /* what is to be looked at; with the lowest bit set, what leads nowhere any more but to journaled objects */
	size_t count, capacity;
	const struct object **seen; /* a table, by address */
	size_t seen_count, seen_capacity;
	int rc;
};

static const struct object *marked(const struct object *object)
{
	return (const struct object *)((uintptr_t)object | 1);
}

static const struct object *unmarked(const struct object *object)
{
	return (const struct object *)((uintptr_t)object & ~(uintptr_t)1);
}

static const struct object **list_new(struct adoption *adoption, size_t capacity)
{
	const struct object **list = agent_scratch(adoption->agent, capacity * sizeof(*list));
	if (list)
		memset(list, 0, capacity * sizeof(*list));
	else
		adoption->rc = adoption->agent->rc;
	return list;
}

/* Its place, or the one where it would be. */
static const struct object **seen_place(const struct object **seen, size_t capacity, const struct object *object)
{
	size_t at = (size_t)((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 20;
	while (seen[at & (capacity - 1)] && seen[at & (capacity - 1)] != object)
		at++;
	return &seen[at & (capacity - 1)];
}

static void seen_grow(struct adoption *adoption)
{
	size_t capacity = adoption->seen_capacity ? 4 * adoption->seen_capacity : 256;
	const struct object **seen = list_new(adoption, capacity);
	if (!seen)
		return;
	for (size_t i = 0; i < adoption->seen_capacity; i++) {
		if (adoption->seen[i])
			*seen_place(seen, capacity, adoption->seen[i]) = adoption->seen[i];
	}
	adoption->seen = seen;
	adoption->seen_capacity = capacity;
}

/* For the first time? */
static bool is_new(struct adoption *adoption, const struct object *object)
{
	if (2 * adoption->seen_count >= adoption->seen_capacity)
		seen_grow(adoption);
	if (adoption->rc)
		return false;
	const struct object **place = seen_place(adoption->seen, adoption->seen_capacity, object);
	if (*place)
		return false;
	*place = object;
	adoption->seen_count++;
	return true;
}

static void waiting_grow(struct adoption *adoption)
{
	size_t capacity = adoption->capacity ? 2 * adoption->capacity : 64;
	const struct object **waiting = list_new(adoption, capacity);
	if (!waiting)
		return;
	if (adoption->count)
		memcpy(waiting, adoption->waiting, adoption->count * sizeof(*waiting));
	adoption->waiting = waiting;
	adoption->capacity = capacity;
}

static void wait(void *context, const struct object *object)
{
	struct adoption *adoption = context;
	bool is_journaled = atomic_load_explicit(&object->flags, memory_order_acquire) & FLAG_JOURNALED;
	if (adoption->rc || object->type > OBJECT_TAG || is_journaled || agent_is_fresh(adoption->agent, object) ||
	    !is_new(adoption, object))
		return;
	if (adoption->count == adoption->capacity)
		waiting_grow(adoption);
	if (!adoption->rc)
		adoption->waiting[adoption->count++] = object;
}

int object_adopt(struct workspace_agent *agent, const struct object *object)
{
	struct adoption adoption = {.agent = agent};
	if (!agent->workspace->journal)
		return 0;
	/* What an object leads to comes before it. */
	for (wait(&adoption, object); !adoption.rc && adoption.count;) {
		const struct object **top = &adoption.waiting[adoption.count - 1];
		object = unmarked(*top);
		if (*top == object) {
			*top = marked(object);
			object_edges(object, wait, &adoption);
		} else {
			adoption.count--;
			adoption.rc = agent_fresh(agent, object);
		}
	}
	return adoption.rc;
}
