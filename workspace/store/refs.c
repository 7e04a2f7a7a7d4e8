/* SPDX-License-Identifier: MIT
 *
 * Finding refs and reading them.
 */
#include "workspace/store/refs.h"

#include <stdlib.h>
#include <sys/random.h>

#include "workspace/store/agent_inner.h"

#define LIST_TRIES 64

/* ---- names ---- */

static uint64_t mix(uint64_t a)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * 0x9e3779b97f4a7c15u;
	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static uint64_t name_hash(uint64_t seed, const char *name, size_t bytes)
{
	uint64_t hash = seed + bytes, word;

	for (; bytes > 8; bytes -= 8, name += 8) {
		memcpy(&word, name, 8);
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, name, bytes);
	return mix(mix(hash ^ word) + seed);
}

struct ref_key {
	const char *name;
	size_t bytes;
};

static bool is_named(const void *wanted, const void *node)
{
	const struct ref_key *key = wanted;
	const struct ref *ref = node;
	return ref->name_bytes == key->bytes && !memcmp(ref->name, key->name, key->bytes);
}

static struct ref *find_bytes(const struct refs *refs, const char *name, size_t bytes)
{
	struct ref_key key = {name, bytes};
	return hash_table_get(&refs->table, name_hash(refs->seed, name, bytes), is_named, &key);
}

struct ref *ref_find(struct workspace_agent *agent, const char *name)
{
	return find_bytes(&agent->workspace->refs, name, strlen(name));
}

/* ---- making ---- */

static int make_bytes(struct workspace_agent *agent, struct ref *folder, const char *name, size_t bytes, struct ref **out_ref)
{
	struct refs *refs = &agent->workspace->refs;
	struct ref *ref = memory_take(agent, sizeof(*ref) + bytes + 1);
	if (!ref)
		return agent->rc;

	memset(ref, 0, sizeof(*ref));
	ref->hash = name_hash(refs->seed, name, bytes);
	ref->folder = folder;
	ref->name_bytes = (uint16_t)bytes;
	memcpy(ref->name, name, bytes);
	ref->name[bytes] = 0;
	if (folder)
		atomic_store(&folder->is_folder, true);
	struct ref_key key = {name, bytes};
	void *winner = NULL;
	int rc = hash_table_put(agent, &refs->table, ref->hash, is_named, &key, ref, &winner);
	if (winner != ref)
		memory_give(agent, ref, ref_bytes(ref));
	*out_ref = winner;
	return rc;
}

static int refuse_name(struct workspace_agent *agent, const char *name, const char *fault)
{
	return agent_fail(agent, ERR_MALFORMED, "\"%.120s\" is no name for a ref: it %s", name, fault);
}

/* The folder that the first bytes of a name are; mostly it is there already. */
static int make_folder(struct workspace_agent *agent, const char *name, size_t bytes, struct ref **out_folder)
{
	struct refs *refs = &agent->workspace->refs;
	struct ref *folder = find_bytes(refs, name, bytes);
	int rc = 0;

	for (size_t i = 0; i <= bytes && !folder && !rc; i++) {
		if (i < bytes && name[i] != '/')
			continue;
		struct ref *part = find_bytes(refs, name, i);
		if (!part)
			rc = make_bytes(agent, *out_folder, name, i, &part);
		*out_folder = part;
	}
	if (folder)
		*out_folder = folder;
	return rc;
}

int ref_make(struct workspace_agent *agent, const char *name, struct ref **out_ref)
{
	size_t bytes = strlen(name);
	struct ref *folder = NULL;

	*out_ref = find_bytes(&agent->workspace->refs, name, bytes);
	if (*out_ref)
		return 0;
	const char *fault = ref_name_fault(name);
	if (fault)
		return refuse_name(agent, name, fault);
	const char *slash = strrchr(name, '/');
	int rc = make_folder(agent, name, (size_t)(slash - name), &folder);
	return rc ? rc : make_bytes(agent, folder, name, bytes, out_ref);
}

int refs_init(struct workspace_agent *agent, struct refs *refs)
{
	static const char first[] = "refs/heads/main";
	struct head *head = memory_take(agent, sizeof(*head) + sizeof(first));

	if (!head)
		return agent->rc;
	head->version = 0;
	memcpy(head->ref, first, sizeof(first));
	atomic_store(&refs->head, head);
	if (getrandom(&refs->seed, sizeof(refs->seed), 0) != sizeof(refs->seed))
		return agent_fail(agent, ERR_SYSTEM, "the system gives no random numbers");
	return hash_table_init(agent, &refs->table);
}

/* ---- reading ---- */

int workspace_ref_get(struct workspace_agent *agent, const char *name, const struct object **out_object)
{
	workspace_begin(agent);
	struct ref *ref = ref_find(agent, name);
	const struct ref_value *value = ref ? ref_value_of(ref) : NULL;
	bool is_there = ref_value_is_there(value);
	if (is_there)
		*out_object = value->object;
	workspace_end(agent);
	if (is_there)
		return 0;
	const char *fault = ref_name_fault(name);
	return fault ? refuse_name(agent, name, fault) : agent_fail(agent, ERR_NOT_FOUND, "there is no ref %.120s", name);
}

struct listed {
	struct ref *ref;
	const struct ref_value *value;
};

struct list {
	struct workspace_agent *agent;
	const char *prefix;
	size_t prefix_bytes;
	struct listed *refs;
	size_t count, capacity;
	size_t counted; /* the second time */
};

static int list_grow(struct list *list)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 64;
	struct listed *refs = realloc(list->refs, capacity * sizeof(*refs));

	if (!refs)
		return agent_fail(list->agent, ERR_MEMORY, "the system has no memory for a list of %zu refs", capacity);
	list->refs = refs;
	list->capacity = capacity;
	return 0;
}

static bool is_listed(const struct list *list, const struct ref *ref)
{
	return !strncmp(ref->name, list->prefix, list->prefix_bytes) && atomic_load(&ref->word);
}

static int list_add(void *context, void *node)
{
	struct list *list = context;
	int rc = 0;

	if (!is_listed(list, node))
		return 0;
	rc = list->count == list->capacity ? list_grow(list) : 0;
	if (!rc)
		list->refs[list->count++] = (struct listed){node, NULL};
	return rc;
}

static int list_count(void *context, void *node)
{
	struct list *list = context;

	list->counted += is_listed(list, node);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->ref->name, ((const struct listed *)b)->ref->name);
}

/* Whether all values are those that were read before. */
static bool list_read(struct list *list)
{
	bool same = true;

	for (size_t i = 0; i < list->count; i++) {
		const struct ref_value *value = ref_value_of(list->refs[i].ref);
		same &= value == list->refs[i].value;
		list->refs[i].value = value;
	}
	return same;
}

/* Read until nothing is different the second time: then there was a moment at which all of it held. */
static int list_fill(struct list *list)
{
	const struct hash_table *table = &list->agent->workspace->refs.table;

	for (int tries = 0; tries < LIST_TRIES; tries++) {
		if (list->counted != list->count || !tries) {
			list->count = 0;
			int rc = hash_table_each(table, list_add, list);
			if (rc)
				return rc;
			list_read(list);
		}
		list->counted = 0;
		hash_table_each(table, list_count, list);
		if (list_read(list) && list->counted == list->count)
			break;
	}
	if (list->count)
		qsort(list->refs, list->count, sizeof(*list->refs), by_name);
	return 0;
}

static int list_tell(const struct list *list, workspace_ref_seen *seen, void *context)
{
	int rc = 0;

	for (size_t i = 0; i < list->count && !rc; i++) {
		const struct listed *listed = &list->refs[i];
		if (ref_value_is_there(listed->value))
			rc = seen(context, listed->ref->name, listed->value->object, listed->value->version);
	}
	return rc;
}

int workspace_refs_each(struct workspace_agent *agent, const char *prefix, workspace_ref_seen *seen, void *context)
{
	struct list list = {.agent = agent, .prefix = prefix ? prefix : "", .prefix_bytes = prefix ? strlen(prefix) : 0};

	workspace_begin(agent);
	int rc = list_fill(&list);
	if (!rc)
		rc = list_tell(&list, seen, context);
	workspace_end(agent);
	free(list.refs);
	return rc;
}
