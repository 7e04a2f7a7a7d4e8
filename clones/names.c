/* SPDX-License-Identifier: MIT
 *
 * A table with open addressing, never more than half full, over an array of copies.
 */
#include "clones/names.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

struct name {
	char *text;
	size_t bytes;
	uint64_t hash;
};

struct names {
	struct name *at;
	uint32_t count, room;
	uint32_t *slot; /* number + 1; 0: empty */
	uint32_t slots; /* a power of two */
};

/* FNV-1a, with a last mix so that the low bits depend on all others. */
static uint64_t hash_of(const char *text, size_t bytes)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15u;
}

struct names *names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->slots = FIRST_SLOTS;
	names->slot = calloc(names->slots, sizeof(names->slot[0]));
	if (names->slot)
		return names;
	free(names);
	return NULL;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (uint32_t i = 0; i < names->count; i++)
		free(names->at[i].text);
	free(names->at);
	free(names->slot);
	free(names);
}

/* The slot that holds the text, or the empty one where it belongs. */
static uint32_t *slot_of(const struct names *names, const char *text, size_t bytes, uint64_t hash)
{
	for (uint32_t i = (uint32_t)(hash >> 32);; i++) {
		uint32_t *slot = &names->slot[i & (names->slots - 1)];
		const struct name *name = *slot ? &names->at[*slot - 1] : NULL;

		if (!name || (name->hash == hash && name->bytes == bytes && memcmp(name->text, text, bytes) == 0))
			return slot;
	}
}

static int slots_double(struct names *names)
{
	uint32_t slots = names->slots * 2;
	uint32_t *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -1;
	free(names->slot);
	names->slot = slot;
	names->slots = slots;
	for (uint32_t i = 0; i < names->count; i++) {
		const struct name *name = &names->at[i];

		*slot_of(names, name->text, name->bytes, name->hash) = i + 1;
	}
	return 0;
}

static int room_double(struct names *names)
{
	uint32_t room = names->room ? names->room * 2 : FIRST_SLOTS / 2;
	struct name *at = reallocarray(names->at, room, sizeof(*at));

	if (!at)
		return -1;
	names->at = at;
	names->room = room;
	return 0;
}

uint32_t names_add(struct names *names, const char *text, size_t bytes)
{
	uint64_t hash = hash_of(text, bytes);
	uint32_t *slot = slot_of(names, text, bytes, hash);
	char *copy;

	if (*slot)
		return *slot - 1;
	if (names->count == UINT32_MAX / 4 || (names->count == names->room && room_double(names)))
		return NAMES_NONE;
	if ((names->count + 1) * 2 > names->slots) {
		if (slots_double(names))
			return NAMES_NONE;
		slot = slot_of(names, text, bytes, hash);
	}
	copy = malloc(bytes + 1);
	if (!copy)
		return NAMES_NONE;
	memcpy(copy, text, bytes);
	copy[bytes] = 0;
	names->at[names->count] = (struct name){.text = copy, .bytes = bytes, .hash = hash};
	*slot = ++names->count;
	return names->count - 1;
}

uint32_t names_find(const struct names *names, const char *text, size_t bytes)
{
	uint32_t slot = *slot_of(names, text, bytes, hash_of(text, bytes));

	return slot ? slot - 1 : NAMES_NONE;
}

const char *names_text(const struct names *names, uint32_t number)
{
	return names->at[number].text;
}

uint32_t names_count(const struct names *names)
{
	return names->count;
}
