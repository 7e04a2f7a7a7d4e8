/* SPDX-License-Identifier: MIT
 *
 * Objects in the order of history, so that whoever reads them finds what each one names, and versions of a tree one after the other.
 */
#include <stdlib.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/gc.h"

struct order {
	struct workspace_agent *agent;
	object_seen *seen;
	void *context;
	const struct commit **commits;
	size_t commit_count, commit_capacity;
	const struct object **stack; /* bit 0: what it leads to was told */
	size_t count, capacity;
	int rc;
};

static int list_full(struct order *order, void *list, size_t *capacity, void *out_list)
{
	size_t more = *capacity ? 2 * *capacity : 1024;
	void *grown = realloc(list, more * sizeof(void *));

	if (!grown)
		return order->rc =
			       agent_fail(order->agent, ERR_MEMORY, "the system has no memory for a list of %zu objects", more);
	*capacity = more;
	memcpy(out_list, &grown, sizeof(grown));
	return 0;
}

static bool take_mark(const struct object *object)
{
	struct object *mutable = (struct object *)(uintptr_t)object;
	uint8_t flags = atomic_load_explicit(&mutable->flags, memory_order_relaxed);

	atomic_store_explicit(&mutable->flags, flags & (uint8_t)~FLAG_MARKED, memory_order_relaxed);
	return flags & FLAG_MARKED;
}

static void push(void *context, const struct object *object)
{
	struct order *order = context;

	if (object->type > OBJECT_TAG || !(atomic_load_explicit(&object->flags, memory_order_relaxed) & FLAG_MARKED))
		return;
	if (order->count == order->capacity && list_full(order, order->stack, &order->capacity, &order->stack))
		return;
	order->stack[order->count++] = object;
}

/* An object after everything that it leads to; the base of a tree comes before it, too. */
static int tell_from(struct order *order, const struct object *object)
{
	push(order, object);
	while (order->count && !order->rc) {
		uintptr_t top = (uintptr_t)order->stack[order->count - 1];
		object = (const struct object *)(top & ~(uintptr_t)1);
		if (!(top & 1)) {
			order->stack[order->count - 1] = (const struct object *)(top | 1);
			object_edges(object, push, order);
			continue;
		}
		order->count--;
		if (take_mark(object))
			order->rc = order->seen(order->context, object);
	}
	return order->rc;
}

static int collect_commit(void *context, struct object *object)
{
	struct order *order = context;

	if (object->type != OBJECT_COMMIT)
		return 0;
	if (order->commit_count == order->commit_capacity &&
	    list_full(order, order->commits, &order->commit_capacity, &order->commits))
		return order->rc;
	order->commits[order->commit_count++] = object_as_commit(object);
	return 0;
}

/* Parents have smaller generations; among equals the older first, and then anything that is the same each time. */
static int by_generation(const void *a, const void *b)
{
	const struct commit *x = *(const struct commit *const *)a, *y = *(const struct commit *const *)b;

	if (x->generation != y->generation)
		return x->generation < y->generation ? -1 : 1;
	if (x->seconds != y->seconds)
		return x->seconds < y->seconds ? -1 : 1;
	return memcmp(x->object.id.bytes, y->object.id.bytes, OID_BYTES);
}

static int tell_rest(void *context, struct object *object)
{
	struct order *order = context;
	return order->rc ? order->rc : tell_from(order, object);
}

int gc_in_order(struct workspace_agent *agent, object_seen *seen, void *context)
{
	struct order order = {.agent = agent, .seen = seen, .context = context};
	int rc = index_each(agent, NULL, collect_commit, &order);

	if (!rc && order.commit_count)
		qsort(order.commits, order.commit_count, sizeof(*order.commits), by_generation);
	for (size_t i = 0; i < order.commit_count && !rc; i++)
		rc = tell_from(&order, &order.commits[i]->object);
	if (!rc)
		rc = index_each(agent, NULL, tell_rest, &order);
	free(order.commits);
	free(order.stack);
	return rc;
}
