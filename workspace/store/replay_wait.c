/* SPDX-License-Identifier: MIT
 *
 * Objects that wait for others.
 *
 * A tree is made as a version of the last one that had the same names: that is nearly always the version before it.
 */
#include "workspace/store/replay_wait.h"

#include <stdlib.h>

#include "workspace/store/agent_inner.h"

/* From hashes to things, one for each. */
struct map {
	struct map_row {
		uint64_t hash;
		void *thing; /* NULL: free */
	} * rows;
	size_t count, capacity; /* the last a power of two */
};

struct waiting {
	struct journal_object object; /* raw behind it */
	struct waiting *next;         /* with the same hash */
	bool is_open;                 /* is on the stack, below what it names */
	bool is_done;
	uint8_t raw[];
};

struct replay_wait {
	struct workspace_agent *agent;
	struct map waiting;
	struct waiting **list; /* in the order in which they came */
	size_t count, capacity;
	struct map shapes; /* from names to the last tree that has them */
	struct waiting **stack;
	size_t stack_count, stack_capacity;
	int rc;
};

/* ---- the map ---- */

static struct map_row *map_place(const struct map *map, uint64_t hash)
{
	size_t at = hash & (map->capacity - 1);

	while (map->rows[at].thing && map->rows[at].hash != hash)
		at = (at + 1) & (map->capacity - 1);
	return &map->rows[at];
}

static void *map_get(const struct map *map, uint64_t hash)
{
	return map->capacity ? map_place(map, hash)->thing : NULL;
}

static int map_grow(struct map *map)
{
	struct map more = {.count = map->count, .capacity = map->capacity ? 2 * map->capacity : 1024};

	more.rows = calloc(more.capacity, sizeof(*more.rows));
	if (!more.rows)
		return ERR_MEMORY;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->rows[i].thing)
			*map_place(&more, map->rows[i].hash) = map->rows[i];
	free(map->rows);
	*map = more;
	return 0;
}

static int map_put(struct map *map, uint64_t hash, void *thing)
{
	if (map->count >= map->capacity / 2 && map_grow(map))
		return ERR_MEMORY;
	struct map_row *row = map_place(map, hash);
	map->count += !row->thing;
	*row = (struct map_row){hash, thing};
	return 0;
}

static uint64_t id_hash(const struct oid *id)
{
	uint64_t hash;
	memcpy(&hash, id->bytes, sizeof(hash));
	return hash;
}

static int fail_memory(struct replay_wait *wait)
{
	return wait->rc = agent_fail(wait->agent, ERR_MEMORY, "the system has no memory to read the journal with");
}

/* ---- what an object names ---- */

typedef void named_id(struct replay_wait *wait, const struct oid *id);

static size_t tree_entry_name_bytes(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
	return nul && (size_t)(end - nul) > OID_BYTES ? (size_t)(nul - at) + 1 : 0;
}

static void tree_names(struct replay_wait *wait, struct bytes raw, named_id *named)
{
	const uint8_t *at = raw.at, *end = at + raw.bytes;
	size_t bytes;

	for (; (bytes = tree_entry_name_bytes(at, end)); at += bytes + OID_BYTES) {
		struct oid id;
		memcpy(id.bytes, at + bytes, OID_BYTES);
		if (memcmp(at, "160000 ", bytes < 7 ? bytes : 7))
			named(wait, &id);
	}
}

/* The lines of ids at the beginning of a commit or a tag. */
static void text_names(struct replay_wait *wait, struct bytes raw, named_id *named)
{
	static const char *const words[] = {"tree ", "parent ", "object "};
	const char *at = (const char *)raw.at, *end = at + raw.bytes;

	for (;;) {
		size_t bytes = 0;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if ((size_t)(end - at) > strlen(words[i]) && !memcmp(at, words[i], strlen(words[i])))
				bytes = strlen(words[i]);
		char hex[OID_HEX_BYTES] = "";
		struct oid id;
		if (!bytes || (size_t)(end - at) < bytes + OID_HEX_BYTES)
			return;
		memcpy(hex, at + bytes, OID_HEX_BYTES - 1);
		if (oid_parse(hex, &id))
			return;
		named(wait, &id);
		at += bytes + OID_HEX_BYTES;
	}
}

static void each_named(struct replay_wait *wait, const struct journal_object *object, named_id *named)
{
	if (object->type == OBJECT_TREE)
		tree_names(wait, object->raw, named);
	else if (object->type != OBJECT_BLOB)
		text_names(wait, object->raw, named);
}

/* ---- versions of one tree ---- */

static uint64_t shape_hash(struct bytes raw)
{
	const uint8_t *at = raw.at, *end = at + raw.bytes;
	uint64_t hash = 0xcbf29ce484222325u;
	size_t bytes;

	for (; (bytes = tree_entry_name_bytes(at, end)); at += bytes + OID_BYTES)
		for (size_t i = 0; i < bytes; i++)
			hash = (hash ^ at[i]) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

/* ---- making ---- */

static int make_one(struct replay_wait *wait, const struct journal_object *object, bool shallow)
{
	struct workspace_agent *agent = wait->agent;
	bool is_tree = object->type == OBJECT_TREE;
	uint64_t shape = is_tree ? shape_hash(object->raw) : 0;
	const struct object *made;

	workspace_begin(agent);
	int rc = object_make(agent, JUDGE_AS_READ, object->type, object->raw, &object->id,
			     is_tree ? map_get(&wait->shapes, shape) : NULL, shallow, &made);
	if (!rc) {
		atomic_fetch_or(&((struct object *)(uintptr_t)made)->flags, FLAG_JOURNALED);
		if (is_tree && map_put(&wait->shapes, shape, (void *)(uintptr_t)made))
			rc = fail_memory(wait);
	}
	agent->fresh_count = 0; /* it is in the journal */
	workspace_end(agent);
	return rc == ERR_MALFORMED ? ERR_CORRUPT : rc;
}

static struct waiting *waiting_find(const struct replay_wait *wait, const struct oid *id)
{
	struct waiting *waiting = map_get(&wait->waiting, id_hash(id));

	while (waiting && memcmp(waiting->object.id.bytes, id->bytes, OID_BYTES))
		waiting = waiting->next;
	return waiting;
}

static int list_grow(struct replay_wait *wait)
{
	size_t capacity = wait->capacity ? 2 * wait->capacity : 256;
	struct waiting **list = realloc(wait->list, capacity * sizeof(*list));

	if (!list)
		return fail_memory(wait);
	wait->list = list;
	wait->capacity = capacity;
	return 0;
}

static int keep(struct replay_wait *wait, const struct journal_object *object)
{
	if (waiting_find(wait, &object->id))
		return 0;
	if (wait->count == wait->capacity && list_grow(wait))
		return wait->rc;
	struct waiting *waiting = malloc(sizeof(*waiting) + object->raw.bytes);
	if (!waiting)
		return fail_memory(wait);
	waiting->object = *object;
	waiting->object.raw.at = waiting->raw;
	waiting->next = map_get(&wait->waiting, id_hash(&object->id));
	waiting->is_open = waiting->is_done = false;
	memcpy(waiting->raw, object->raw.at, object->raw.bytes);
	wait->list[wait->count++] = waiting;
	return map_put(&wait->waiting, id_hash(&object->id), waiting) ? fail_memory(wait) : 0;
}

int replay_wait_take(struct replay_wait *wait, const struct journal_object *object)
{
	int rc = make_one(wait, object, false);
	return rc == ERR_NOT_FOUND ? keep(wait, object) : rc;
}

/* ---- finishing ---- */

static void stack_push(struct replay_wait *wait, struct waiting *waiting)
{
	if (wait->stack_count == wait->stack_capacity) {
		size_t capacity = wait->stack_capacity ? 2 * wait->stack_capacity : 256;
		struct waiting **stack = realloc(wait->stack, capacity * sizeof(*stack));
		if (!stack) {
			(void)fail_memory(wait);
			return;
		}
		wait->stack = stack;
		wait->stack_capacity = capacity;
	}
	wait->stack[wait->stack_count++] = waiting;
}

static void push_named(struct replay_wait *wait, const struct oid *id)
{
	struct waiting *waiting = waiting_find(wait, id);

	if (waiting && !waiting->is_open && !waiting->is_done)
		stack_push(wait, waiting);
}

static int finish_one(struct replay_wait *wait, struct waiting *waiting)
{
	int rc = make_one(wait, &waiting->object, false);

	waiting->is_done = true;
	if (rc == ERR_NOT_FOUND && waiting->object.type == OBJECT_COMMIT)
		rc = make_one(wait, &waiting->object, true);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* What it names first; what is not there afterwards was never in the journal. A circle would need an id that lies. */
static int finish_from(struct replay_wait *wait, struct waiting *first)
{
	stack_push(wait, first);
	while (wait->stack_count && !wait->rc) {
		size_t before = wait->stack_count;
		struct waiting *top = wait->stack[before - 1];
		bool is_new = !top->is_open && !top->is_done;
		top->is_open = true;
		if (is_new)
			each_named(wait, &top->object, push_named);
		if (wait->stack_count > before)
			continue;
		wait->stack_count--;
		if (!top->is_done)
			wait->rc = finish_one(wait, top);
	}
	return wait->rc;
}

int replay_wait_finish(struct replay_wait *wait)
{
	int rc = 0;

	for (size_t i = 0; i < wait->count && !rc; i++)
		if (!wait->list[i]->is_done)
			rc = finish_from(wait, wait->list[i]);
	return rc;
}

int replay_wait_new(struct workspace_agent *agent, struct replay_wait **out_wait)
{
	struct replay_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return agent_fail(agent, ERR_MEMORY, "the system has no memory to read the journal with");
	wait->agent = agent;
	*out_wait = wait;
	return 0;
}

void replay_wait_free(struct replay_wait *wait)
{
	if (!wait)
		return;
	for (size_t i = 0; i < wait->count; i++)
		free(wait->list[i]);
	free(wait->list);
	free(wait->stack);
	free(wait->waiting.rows);
	free(wait->shapes.rows);
	free(wait);
}
