/* SPDX-License-Identifier: MIT
 *
 * Shapes of trees: names and modes as bytes of a tree object, and where things stand in them.
 *
 * A tree object is, for each entry, its mode in octal digits, a space, its name, a NUL and 20 bytes of id. Entries are in the order of the
 * bytes of their names, with those of folders compared as if a slash followed.
 */
#ifndef WORKSPACE_STORE_SHAPE_H
#define WORKSPACE_STORE_SHAPE_H

#include "workspace/store/object.h"

#define TREE_MODE_MAX 7u /* digits and the space */

/* Where entry `index` begins, with its mode; the end of all for `index` == count. */
static inline uint32_t shape_at(const struct shape *shape, uint32_t index)
{
	return index ? shape->id_at[index - 1] + OID_BYTES : 0;
}

/* What the digits of a mode mean to git, however they are written; how many there are before `bytes` end or something else comes. */
enum file_mode mode_read(const uint8_t *digits, uint32_t bytes, uint32_t *out_count);

/* What the mode of an entry means. */
enum file_mode shape_mode(const struct shape *shape, uint32_t index);

/* Of a shape that is odd. */
uint32_t shape_odd_name_at(const struct shape *shape, uint32_t index);

/* A mode has five digits (folders) or six, unless the shape is odd. */
static inline uint32_t shape_name_at(const struct shape *shape, uint32_t index)
{
	if (shape->is_odd)
		return shape_odd_name_at(shape, index);
	uint32_t at = shape_at(shape, index);
	return at + (shape->raw[at + 5] == ' ' ? 6 : 7);
}

static inline bool shape_is_folder(const struct shape *shape, uint32_t index)
{
	return shape->is_odd ? shape_mode(shape, index) == MODE_FOLDER : shape->raw[shape_at(shape, index)] == '4';
}

/* The entry of that name, as a folder or as anything else: they stand at different places. In a disordered shape the first of them, found by
 * looking at all. */
bool shape_find_kind(const struct shape *shape, const char *name, size_t name_bytes, bool is_folder, uint32_t *out_index);

/* Or whatever has that name. */
bool shape_find(const struct shape *shape, const char *name, size_t name_bytes, uint32_t *out_index);

/* Where such an entry stands or would stand. */
uint32_t shape_place(const struct shape *shape, const char *name, size_t name_bytes, bool is_folder);

/* Whether entry `index` (from 1) may stand behind those before it, which are in order. */
bool shape_is_after(const struct shape *shape, uint32_t index);

/* The digits that git writes, with a space. Returns how many bytes. */
uint32_t mode_print(enum file_mode mode, char out[TREE_MODE_MAX]);

/* What kind of object an entry of that mode names. */
enum object_type mode_type(enum file_mode mode);

/* A shape with room for that many; not filled, in no list. NULL after agent_fail. */
struct shape *shape_take(struct workspace_agent *agent, uint32_t count, uint32_t raw_bytes);
void shape_give(struct workspace_agent *agent, struct shape *shape);

/* Fills in what follows from raw and id_at: special names. */
void shape_look(struct shape *shape);

/* One of all shapes, from here on: the garbage collector gives it back. */
void shape_keep(struct workspace_agent *agent, struct shape *shape);

#endif
