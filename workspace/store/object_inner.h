/* SPDX-License-Identifier: MIT
 *
 * What the files that make objects share.
 */
#ifndef WORKSPACE_STORE_OBJECT_INNER_H
#define WORKSPACE_STORE_OBJECT_INNER_H

#include "workspace/sha1.h"
#include "workspace/store/agent_inner.h"
#include "workspace/store/object.h"
#include "workspace/store/shape.h"

/* "commit", "tree", "blob", "tag". */
const char *type_name(enum object_type type);

/* Fills in the head of a new node, its id from its bytes. ERR_CORRUPT if they were made to collide and the workspace is strict. */
MUST_CHECK int object_begin(struct workspace_agent *agent, struct object *object, enum object_type type, const void *raw,
			    uint64_t bytes);

/* ERR_CORRUPT if an object has another id than it should. */
MUST_CHECK int object_expect(struct workspace_agent *agent, const struct object *object, const struct oid *id);

/* Put a finished node in: `*out_object` is the one of its id; if that is another, the new one is given back. It may be in even after an
 * error: then `*out_object` is not NULL. */
MUST_CHECK int object_put(struct workspace_agent *agent, struct object *node, const struct object **out_object);

/* An object that was found and not made: if it is not in the journal, it and what it leads to are fresh. */
MUST_CHECK int object_adopt(struct workspace_agent *agent, const struct object *object);

/* Found by its id, of that type, and adopted. ERR_NOT_FOUND with a sentence. */
MUST_CHECK int object_named(struct workspace_agent *agent, enum object_type type, const struct oid *id,
			    const struct object **out_object);

/* With `id`, ERR_CORRUPT if it comes out as another. */
MUST_CHECK int blob_make_as(struct workspace_agent *agent, struct bytes data, const struct oid *id,
			    const struct object **out_object);

/* ---- commits ---- */

/* Room for one; tree, seconds, parents and `bytes` of raw (and a NUL) are to be filled in. */
struct commit *commit_take(struct workspace_agent *agent, size_t parent_count, uint64_t bytes);

/* Then this. With `id`, ERR_CORRUPT if it comes out as another. */
MUST_CHECK int commit_put(struct workspace_agent *agent, struct commit *commit, const struct oid *id, uint64_t bytes,
			  const struct object **out_object);

/* ---- trees ---- */

/* A tree that is nearly made: shape and image are complete and belong to it. */
struct tree_plan {
	struct shape *new_shape; /* or NULL: that of base */
	const struct tree *base; /* of the same shape, or NULL */
	const struct tree_patch *patches;
	uint32_t patch_count;
	struct tree_image *image;
	const struct oid *id;    /* what it has to be, or NULL */
	const struct tree *like; /* what it is made from, or NULL: its special files may stay what they are */
	enum object_judge judge;
};
MUST_CHECK int tree_settle(struct workspace_agent *agent, const struct tree_plan *plan, const struct tree **out_tree);

/* Room for an image; with `raw` NULL for the bytes too. */
struct tree_image *tree_image_take(struct workspace_agent *agent, const struct shape *shape, const uint8_t *raw);
void tree_image_give(struct workspace_agent *agent, const struct shape *shape, struct tree_image *image);

/* As tree_patch, and with `id` ERR_CORRUPT if it comes out as another. */
MUST_CHECK int tree_patch_as(struct workspace_agent *agent, enum object_judge judge, const struct tree *base,
			     const struct tree_patch *patches, size_t count, const struct oid *id, const struct tree **out_tree);

/* ERR_MALFORMED with the first name that may be in no new tree. */
MUST_CHECK int tree_names_check(struct workspace_agent *agent, const struct shape *shape);

/* What becomes of entries of `base`, in its order: `entry` instead of the one at `index`, or before it (`inserted`), or none there (mode
 * MODE_NONE). Names were checked. Empty trees come out as that: who has the parent leaves them away. */
struct tree_splice {
	uint32_t index;
	bool is_inserted;
	struct tree_entry entry;
};
MUST_CHECK int tree_splice(struct workspace_agent *agent, const struct tree *base, const struct tree_splice *splices,
			   size_t count, const struct tree **out_tree);

/* Of a tree with special names: ERR_MALFORMED if what stands there is what git fsck refuses, and does not stand in `like` (or NULL) too. */
MUST_CHECK int special_check(struct workspace_agent *agent, const struct shape *shape, const struct object *const *children,
			     const struct tree *like);

/* ---- parsing: each makes the node from raw bytes; see object_make ---- */

struct source {
	enum object_judge judge;
	struct bytes raw;
	const struct oid *id;
	const struct tree *base;
	bool is_shallow;
};
MUST_CHECK int tree_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object);
MUST_CHECK int commit_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object);
MUST_CHECK int tag_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object);

#endif
