/* SPDX-License-Identifier: MIT
 *
 * Finding things by name: tasks by id and by idempotency key in hash tables, the few others by looking at each.
 */
#include "routing/state.h"

/* Finaliser of MurmurHash3 (public domain, https://github.com/aappleby/smhasher), over both halves of an id. */
static uint32_t id_mix(const struct id *id)
{
	uint64_t low, high;
	memcpy(&low, id->bytes, 8);
	memcpy(&high, id->bytes + 8, 8);
	uint64_t mixed = low ^ (high * 0x9e3779b97f4a7c15u);
	mixed ^= mixed >> 33;
	mixed *= 0xff51afd7ed558ccdu;
	mixed ^= mixed >> 33;
	mixed *= 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(mixed ^ (mixed >> 33));
}

static const struct id *entry_id(const struct omega *omega, uint32_t entry, bool by_key)
{
	uint32_t tasks_max = omega->limits.tasks_max;
	if (entry <= tasks_max)
		return by_key ? &omega->task[entry].key_hash : &omega->task[entry].id;
	const struct recent *recent = &omega->recent[entry - tasks_max];
	return by_key ? &recent->key_hash : &recent->id;
}

static uint32_t lookup(const struct omega *omega, const uint32_t *index, bool by_key, const struct id *id, bool live)
{
	uint32_t place = id_mix(id) & omega->index_mask;
	for (; index[place]; place = (place + 1) & omega->index_mask)
		if ((index[place] <= omega->limits.tasks_max) == live && id_equal(entry_id(omega, index[place], by_key), id))
			return index[place];
	return 0;
}

static void insert(struct omega *omega, uint32_t *index, bool by_key, uint32_t entry)
{
	uint32_t place = id_mix(entry_id(omega, entry, by_key)) & omega->index_mask;
	while (index[place])
		place = (place + 1) & omega->index_mask;
	index[place] = entry;
}

/* Linear probing without tombstones: later entries of the run move into the gap (Knuth, volume 3, algorithm 6.4 R). */
static void erase(struct omega *omega, uint32_t *index, bool by_key, uint32_t entry)
{
	uint32_t mask = omega->index_mask;
	uint32_t gap = id_mix(entry_id(omega, entry, by_key)) & mask;
	while (index[gap] != entry) {
		assert(index[gap]);
		gap = (gap + 1) & mask;
	}
	index[gap] = 0;
	for (uint32_t place = (gap + 1) & mask; index[place]; place = (place + 1) & mask) {
		uint32_t home = id_mix(entry_id(omega, index[place], by_key)) & mask;
		if (((place - home) & mask) < ((place - gap) & mask))
			continue;
		index[gap] = index[place];
		index[place] = 0;
		gap = place;
	}
}

static void index_entry(struct omega *omega, uint32_t entry)
{
	insert(omega, omega->by_id, false, entry);
	if (!id_is_nil(entry_id(omega, entry, true)))
		insert(omega, omega->by_key, true, entry);
}

static void unindex_entry(struct omega *omega, uint32_t entry)
{
	if (!id_is_nil(entry_id(omega, entry, true)))
		erase(omega, omega->by_key, true, entry);
	erase(omega, omega->by_id, false, entry);
}

void index_task(struct omega *omega, uint32_t task)
{
	index_entry(omega, task);
}

void unindex_task(struct omega *omega, uint32_t task)
{
	unindex_entry(omega, task);
}

uint32_t find_task(const struct omega *omega, const struct id *id)
{
	return lookup(omega, omega->by_id, false, id, true);
}

static uint32_t recent_of(const struct omega *omega, uint32_t entry)
{
	return entry ? entry - omega->limits.tasks_max : 0;
}

uint32_t find_recent(const struct omega *omega, const struct id *id)
{
	return recent_of(omega, lookup(omega, omega->by_id, false, id, false));
}

uint32_t find_task_by_key(const struct omega *omega, const struct id *key_hash)
{
	return id_is_nil(key_hash) ? 0 : lookup(omega, omega->by_key, true, key_hash, true);
}

uint32_t find_recent_by_key(const struct omega *omega, const struct id *key_hash)
{
	return id_is_nil(key_hash) ? 0 : recent_of(omega, lookup(omega, omega->by_key, true, key_hash, false));
}

/* A task that was revived and has ended again is remembered once. */
static void forget_earlier(struct omega *omega, const struct id *id)
{
	uint32_t earlier = find_recent(omega, id);
	if (!earlier)
		return;
	unindex_entry(omega, omega->limits.tasks_max + earlier);
	omega->recent[earlier] = (struct recent){0};
}

struct recent *recent_take(struct omega *omega)
{
	omega->recent_next = omega->recent_next % omega->limits.recent_max + 1;
	struct recent *recent = &omega->recent[omega->recent_next];
	if (recent->number)
		unindex_entry(omega, omega->limits.tasks_max + omega->recent_next);
	if (omega->recent_count < omega->limits.recent_max)
		omega->recent_count++;
	*recent = (struct recent){0};
	return recent;
}

void remember(struct omega *omega, const struct task *task, uint64_t outcome_seq, uint32_t state)
{
	forget_earlier(omega, &task->id);
	struct recent *recent = recent_take(omega);
	*recent = (struct recent){.id = task->id,
				  .key_hash = task->key_hash,
				  .body_hash = task->body_hash,
				  .number = task->number,
				  .outcome_seq = outcome_seq,
				  .state = state};
	memcpy(recent->client, task->client, NAME_BYTES);
	index_entry(omega, omega->limits.tasks_max + omega->recent_next);
}

static bool name_is(const char *name, const char *at, size_t bytes)
{
	size_t i = 0;
	for (; i < bytes; i++)
		if (name[i] == 0 || name[i] != at[i])
			return false;
	return name[i] == 0;
}

static size_t name_length(const char *name)
{
	size_t length = 0;
	while (name[length])
		length++;
	return length;
}

struct text text_of(const char *name)
{
	return (struct text){name, (uint32_t)name_length(name)};
}

void copy_name(char *out, size_t capacity, const char *name, size_t name_bytes)
{
	size_t bytes = name_bytes < capacity ? name_bytes : capacity - 1;
	memset(out, 0, capacity);
	if (bytes)
		memcpy(out, name, bytes);
}

uint32_t find_clone(const struct omega *omega, const char *name)
{
	size_t length = name_length(name);
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		if (omega->clone[i].known && name_is(omega->clone[i].name, name, length))
			return i;
	return 0;
}

uint32_t find_role(const struct omega *omega, const char *name, size_t name_bytes)
{
	for (uint32_t i = 1; i <= omega->role_high; i++)
		if (omega->role[i].name[0] && name_is(omega->role[i].name, name, name_bytes))
			return i;
	return 0;
}

uint32_t role_add(struct omega *omega, const char *name)
{
	size_t length = name_length(name);
	uint32_t role = find_role(omega, name, length);
	if (role)
		return role;
	for (role = 1; role <= ROLES_MAX && omega->role[role].name[0]; role++)
		;
	if (role > ROLES_MAX)
		return 0;
	omega->role[role] = (struct role){0};
	copy_name(omega->role[role].name, ROLE_BYTES, name, length);
	if (role > omega->role_high)
		omega->role_high = role;
	return role;
}

uint32_t find_attempt(const struct omega *omega, uint32_t clone, const struct id *lease)
{
	uint32_t attempt = omega->clone[clone].first_attempt;
	while (attempt && !id_equal(&omega->attempt[attempt].lease, lease))
		attempt = omega->attempt[attempt].after;
	return attempt;
}

bool is_person(const char *peer)
{
	return memcmp(peer, "client/", 7) == 0 || memcmp(peer, "operator/", 9) == 0;
}

bool same_role(const char *a, const char *b)
{
	if (is_person(a) || is_person(b))
		return false;
	for (; *a == *b; a++, b++)
		if (*a == 0 || *a == '/')
			return true;
	return false;
}

bool same_owner(const char *a, const char *b)
{
	for (unsigned slashes = 0;; a++, b++) {
		if (*a != *b)
			return false;
		if (*a == 0 || (*a == '/' && ++slashes == 2))
			return true;
	}
}
