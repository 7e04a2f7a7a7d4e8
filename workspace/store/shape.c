/* SPDX-License-Identifier: MIT
 *
 * Shapes of trees.
 */
#include "workspace/store/shape.h"

#include "workspace/store/agent.h"
#include "workspace/store/names.h"

/* As git does: what is no file, link or folder is a submodule, and of too many digits the last ones count. */
enum file_mode mode_read(const uint8_t *digits, uint32_t bytes, uint32_t *out_count)
{
	uint32_t value = 0, count = 0;
	for (; count < bytes && digits[count] >= '0' && digits[count] <= '7'; count++)
		value = value << 3 | (uint32_t)(digits[count] - '0');
	*out_count = count;
	switch (value & 0170000) {
	case 0100000:
		return value & 0100 ? MODE_EXECUTABLE : MODE_FILE;
	case MODE_SYMLINK:
		return MODE_SYMLINK;
	case MODE_FOLDER:
		return MODE_FOLDER;
	}
	return MODE_SUBMODULE;
}

uint32_t shape_odd_name_at(const struct shape *shape, uint32_t index)
{
	uint32_t at = shape_at(shape, index), count;
	(void)mode_read(shape->raw + at, shape->raw_bytes - at, &count);
	return at + count + 1;
}

enum file_mode shape_mode(const struct shape *shape, uint32_t index)
{
	uint32_t at = shape_at(shape, index), count;
	const uint8_t *digits = shape->raw + at;
	if (shape->is_odd)
		return mode_read(digits, shape->raw_bytes - at, &count);
	if (digits[0] == '4')
		return MODE_FOLDER;
	if (digits[1] == '2')
		return MODE_SYMLINK;
	if (digits[1] == '6')
		return MODE_SUBMODULE;
	return (digits[3] - '0') & 1 ? MODE_EXECUTABLE : MODE_FILE;
}

uint32_t mode_print(enum file_mode mode, char out[TREE_MODE_MAX])
{
	uint32_t bytes = mode == MODE_FOLDER ? 5 : 6;
	for (uint32_t i = bytes, left = mode; i-- > 0; left >>= 3)
		out[i] = (char)('0' + (left & 7));
	out[bytes] = ' ';
	return bytes + 1;
}

enum object_type mode_type(enum file_mode mode)
{
	return mode == MODE_FOLDER ? OBJECT_TREE : mode == MODE_SUBMODULE ? OBJECT_LINK : OBJECT_BLOB;
}

/* ---- finding ---- */

struct key {
	const char *name;
	size_t bytes;
	uint8_t end; /* '/' behind folders, else NUL */
};

/* Below, at or above 0: where `key` stands to entry `index`. */
static int compare(const struct shape *shape, const struct key *key, uint32_t index)
{
	uint32_t at = shape_name_at(shape, index);
	const uint8_t *name = shape->raw + at;
	size_t bytes = shape->id_at[index] - 1 - at;
	size_t common = bytes < key->bytes ? bytes : key->bytes;
	int order = memcmp(key->name, name, common);
	if (order)
		return order;
	uint8_t end = shape_is_folder(shape, index) ? '/' : 0;
	uint8_t ours = key->bytes > common ? (uint8_t)key->name[common] : key->end;
	uint8_t theirs = bytes > common ? name[common] : end;
	if (ours != theirs)
		return ours < theirs ? -1 : 1;
	/* A name in a tree has neither slash nor NUL, but one that is looked for may go on with what ends the other. */
	return bytes == key->bytes ? 0 : key->bytes > bytes ? 1 : -1;
}

/* Among the first `count` entries. */
static uint32_t place(const struct shape *shape, uint32_t count, const struct key *key, bool *out_found)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare(shape, key, middle);
		if (order == 0) {
			*out_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*out_found = false;
	return low;
}

static bool find_first(const struct shape *shape, const struct key *key, uint32_t *out_index)
{
	for (uint32_t i = 0; i < shape->count; i++) {
		if (compare(shape, key, i) == 0) {
			*out_index = i;
			return true;
		}
	}
	return false;
}

bool shape_find_kind(const struct shape *shape, const char *name, size_t name_bytes, bool is_folder, uint32_t *out_index)
{
	struct key key = {name, name_bytes, is_folder ? '/' : 0};
	bool found;
	if (shape->is_disordered)
		return find_first(shape, &key, out_index);
	uint32_t index = place(shape, shape->count, &key, &found);
	if (found)
		*out_index = index;
	return found;
}

bool shape_find(const struct shape *shape, const char *name, size_t name_bytes, uint32_t *out_index)
{
	return shape_find_kind(shape, name, name_bytes, false, out_index) ||
	       shape_find_kind(shape, name, name_bytes, true, out_index);
}

uint32_t shape_place(const struct shape *shape, const char *name, size_t name_bytes, bool is_folder)
{
	struct key key = {name, name_bytes, is_folder ? '/' : 0};
	bool found;
	return place(shape, shape->count, &key, &found);
}

bool shape_is_after(const struct shape *shape, uint32_t index)
{
	uint32_t at = shape_name_at(shape, index), before = shape_name_at(shape, index - 1);
	struct key key = {(const char *)shape->raw + at, shape->id_at[index] - 1 - at, shape_is_folder(shape, index) ? '/' : 0};
	bool found = false;
	if (compare(shape, &key, index - 1) <= 0)
		return false;
	/* A file of the same name stands before a folder, with only such names between them as begin with it. */
	if (key.end == 0 || shape->id_at[index - 1] - 1 - before < key.bytes ||
	    memcmp(shape->raw + before, key.name, key.bytes) != 0)
		return true;
	key.end = 0;
	(void)place(shape, index, &key, &found);
	return !found;
}

/* ---- making ---- */

static size_t taken(uint32_t count, uint32_t raw_bytes)
{
	return sizeof(struct shape) + (size_t)count * sizeof(uint32_t) + raw_bytes;
}

struct shape *shape_take(struct workspace_agent *agent, uint32_t count, uint32_t raw_bytes)
{
	struct shape *shape = memory_take(agent, taken(count, raw_bytes));
	if (!shape)
		return NULL;
	uint32_t *id_at = (uint32_t *)(void *)(shape + 1);
	*shape = (struct shape){.count = count, .raw_bytes = raw_bytes, .id_at = id_at, .raw = (const uint8_t *)(id_at + count)};
	return shape;
}

void shape_give(struct workspace_agent *agent, struct shape *shape)
{
	memory_give(agent, shape, taken(shape->count, shape->raw_bytes));
}

void shape_look(struct shape *shape)
{
	for (uint32_t i = 0; i < shape->count && !shape->is_special; i++) {
		uint32_t at = shape_name_at(shape, i);
		unsigned kinds = name_kinds((const char *)shape->raw + at, shape->id_at[i] - 1 - at);
		shape->is_special = (kinds & (NAME_MODULES | NAME_ATTRIBUTES)) && shape_mode(shape, i) != MODE_SYMLINK;
	}
}
