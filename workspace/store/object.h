/* SPDX-License-Identifier: MIT
 *
 * The nodes of the object graph. A node is made once, never changes and never moves; it points at those it names, so walking a path or a
 * history looks nothing up. Two nodes with one id do not exist, except of the kinds ABSENT and LINK: comparing two pointers compares two
 * objects, and object_same covers those kinds too.
 */
#ifndef WORKSPACE_STORE_OBJECT_H
#define WORKSPACE_STORE_OBJECT_H

#include <stdatomic.h>
#include <string.h>

#include "workspace/workspace.h"

enum object_type { /* the first four as in packs */
		   OBJECT_COMMIT = 1,
		   OBJECT_TREE = 2,
		   OBJECT_BLOB = 3,
		   OBJECT_TAG = 4,
		   OBJECT_LINK = 5,   /* the commit of a submodule: an id only, in no index */
		   OBJECT_ABSENT = 6, /* cut off by a shallow import: an id only, in no index */
};

enum object_flag {
	FLAG_JOURNALED = 1,   /* it stands in the journal, with all it leads to */
	FLAG_CHECKED = 2,     /* its bytes were looked at for SHA-1 attacks */
	FLAG_MARKED = 4,      /* of the garbage collector */
	FLAG_MODULES = 8,     /* this blob may be called .gitmodules: it was looked at */
	FLAG_ATTRIBUTES = 16, /* … .gitattributes */
};

struct object {
	struct oid id;
	uint8_t type;
	_Atomic uint8_t flags;
	_Atomic uint16_t round; /* of the garbage collector, in which it was made or found again */
	uint64_t bytes;         /* of the object as git has it, without its header; 0 for LINK and ABSENT */
};

struct blob {
	struct object object;
	uint8_t data[]; /* object.bytes */
};

struct commit {
	struct object object;
	const struct tree *tree;
	int64_t seconds; /* of the committer, as git orders by them: 0 where there are none, INT64_MAX for all that is later */
	uint32_t generation; /* 1 + the largest of its parents'; 1 without parents or where all are ABSENT */
	uint32_t parent_count;
	const char *raw;                /* object.bytes as git has them, NUL after */
	const struct object *parents[]; /* COMMIT or ABSENT */
};

struct tag {
	struct object object;
	const struct object *target;
	const char *raw;
};

/* Names and modes of a tree's entries, in git's order; shared by all versions of a folder in which only contents change. */
struct shape {
	uint32_t count;
	uint32_t raw_bytes;    /* of a whole tree object of this shape */
	const uint32_t *id_at; /* where in it the id of entry i stands; its mode and name stand before */
	const uint8_t *raw;    /* such an object, with ids of any value */
	bool is_odd;           /* a mode is written as git once did, or others; it stays, but no new version has it */
	bool is_special;       /* a name means .gitmodules or .gitattributes */
	bool is_refused;       /* a name is one that tree_name_check refuses: no new version has it, and no folder */
	bool is_disordered;    /* names in another order than git's, twice, or with a slash in them: see tree_view_any */
	_Atomic bool marked;   /* of the garbage collector */
	struct shape *next;    /* of all shapes */
};

/* A whole tree object and its children: a cache that can be dropped and made again, at any time outside of brackets. */
struct tree_image {
	const struct object **children; /* shape->count; never NULL */
	uint8_t *raw;                   /* shape->raw_bytes; may be that of the shape */
	bool is_lent;                   /* made only to look at: it goes when enough others were looked at */
};

struct tree_patch {
	uint32_t index;
	const struct object *child;
};

/* Either a whole one (base NULL; its image is never dropped), or `base` with a few children replaced, of the same shape. */
struct tree {
	struct object object;
	const struct shape *shape;
	const struct tree *base;
	_Atomic(struct tree_image *) image;
	uint32_t distance; /* versions down to the whole one */
	uint32_t patch_count;
	struct tree_patch patches[];
};

/* As many digits as there are, at most forty; how many. The rest of the id is 0. */
unsigned oid_parse_some(const char *hex, struct oid *out_id);

static inline bool object_same(const struct object *a, const struct object *b)
{
	return a == b || (a && b && !memcmp(a->id.bytes, b->id.bytes, OID_BYTES));
}

/* ---- reading a tree ---- */

/* A tree's entries; valid until the end of the bracket. */
struct tree_view {
	const struct shape *shape;
	const struct object *const *children;
	const uint8_t *raw; /* the whole tree object */
};

struct tree_entry {
	const char *name; /* not ended by NUL */
	uint32_t name_bytes;
	enum file_mode mode;
	const struct object *child;
};

/* Makes the image if it was dropped; 0, ERR_MEMORY, ERR_FULL, and ERR_MALFORMED for a tree that is disordered. An empty tree has no entries. */
MUST_CHECK int tree_view(struct workspace_agent *agent, const struct tree *tree, struct tree_view *out_view);

/* That too. Such a tree came with a repository; it is kept as it is and goes out again, and a name in it can be found (of two, the first), but
 * what walks two trees at once, or makes files of one, would be led astray. */
MUST_CHECK int tree_view_any(struct workspace_agent *agent, const struct tree *tree, struct tree_view *out_view);

/* One entry without an image of all; never fails. */
const struct object *tree_child(const struct tree *tree, uint32_t index);

void tree_view_entry(const struct tree_view *view, uint32_t index, struct tree_entry *out_entry);
bool tree_view_find(const struct tree_view *view, const char *name, size_t name_bytes, uint32_t *out_index);

/* ---- making objects ----
 *
 * Each gives the one node of that id: a new one, or that which is there. Pointers are valid until the end of the bracket, so a caller has one
 * open. What was made is in the index at once and in the journal by agent_publish, which every function that hands an object out calls. */

MUST_CHECK int blob_make(struct workspace_agent *agent, struct bytes data, const struct blob **out_blob);

/* Entries in git's order, none twice, names checked by tree_name_check; `base` is a tree that it resembles, or NULL. */
MUST_CHECK int tree_make(struct workspace_agent *agent, const struct tree *base, const struct tree_entry *entries, size_t count,
			 const struct tree **out_tree);

/* The tree of `base` with a few children replaced; same modes. */
MUST_CHECK int tree_patch(struct workspace_agent *agent, const struct tree *base, const struct tree_patch *patches, size_t count,
			  const struct tree **out_tree);

/* How bytes are judged. Old repositories hold what today's git would not write, and still reads: it comes in as it is, since it cannot be
 * changed without changing the ids of all that follows. What is dangerous in it is never made a file or a part of something new. */
enum object_judge {
	JUDGE_STRICT,  /* for what is made here or handed in: nothing that git fsck --strict refuses */
	JUDGE_AS_READ, /* for what is in a repository or a journal already: whatever git can read */
};

/* From bytes as git has them. What it names must be there already (ERR_NOT_FOUND), except parents of commits if `shallow`: then they become
 * ABSENT. ERR_MALFORMED for what `judge` refuses. `id`: what it must hash to, or NULL; else ERR_CORRUPT. */
MUST_CHECK int object_make(struct workspace_agent *agent, enum object_judge judge, enum object_type type, struct bytes raw,
			   const struct oid *id, const struct tree *base, bool shallow, const struct object **out_object);

/* 0, or ERR_MALFORMED with the reason in a static sentence. */
MUST_CHECK int tree_name_check(const char *name, size_t bytes, enum file_mode mode, const char **out_why);

/* An id-only node. */
MUST_CHECK int object_link(struct workspace_agent *agent, enum object_type type, const struct oid *id,
			   const struct object **out_object);

/* ---- for the garbage collector, while nobody else works ---- */

#define TREE_DISTANCE_MAX 48u /* versions of a tree, after which one is whole */

/* Everything that must stay for `object` to be of use: what it names, and the version that it builds on. */
typedef void object_edge(void *context, const struct object *object);
void object_edges(const struct object *object, object_edge *edge, void *context);

/* The memory that it has. */
size_t object_taken(const struct object *object);

/* Give it back; it is in no index any more. */
void object_free(struct workspace_agent *agent, struct object *object);

/* Whether its image can be made again; drop it if so, and say how many bytes that gave. Retired, so that it may be called at any time. */
size_t tree_image_drop(struct workspace_agent *agent, const struct tree *tree);

/* What is in no index, one for each workspace and zeroed at first: shapes, and the kinds LINK and ABSENT. After everything that stays was
 * marked (a tree's shape by setting `marked`, objects by FLAG_MARKED), the sweep gives the rest back and takes all marks away. */
struct object_aside {
	struct object object;
	struct object_aside *next;
};

struct object_asides {
	_Atomic(struct shape *) shapes;
	_Atomic(struct object_aside *) ids;
};
void object_asides_sweep(struct workspace_agent *agent, struct object_asides *asides, bool keep_unmarked);

/* What an agent looked at: old versions whose images were made again for it. One for each agent, zeroed at first; to be forgotten before
 * trees are given back, and when the agent leaves. */
#define LENT_MAX 256u
struct object_lent {
	const struct tree *trees[LENT_MAX];
	uint64_t bytes;
	uint32_t first, count;
};
void object_lent_forget(struct workspace_agent *agent, struct object_lent *lent);

/* What an agent has made and not put into the index yet (pending.h): one for each agent, zeroed at first. */
#define PENDING_MAX 32u
struct object_pending {
	bool is_held;
	uint32_t count;
	struct object *nodes[PENDING_MAX];
};

/* ---- finding ---- */

/* NULL if it is not there. */
const struct object *object_find(struct workspace_agent *agent, const struct oid *id);

/* The only object whose id begins with `digits` hexadecimal digits of `prefix`; ERR_NOT_FOUND, ERR_AMBIGUOUS. Reads the whole index. */
MUST_CHECK int object_find_prefix(struct workspace_agent *agent, const struct oid *prefix, unsigned digits,
				  const struct object **out_object);

typedef int object_seen(void *context, const struct object *object);
MUST_CHECK int objects_each(struct workspace_agent *agent, object_seen *seen, void *context);

/* The bytes as git has them: of a blob, commit or tag where they lie, of a tree from its image. */
MUST_CHECK int object_raw(struct workspace_agent *agent, const struct object *object, struct bytes *out_raw);

static inline const struct commit *object_as_commit(const struct object *object)
{
	return object && object->type == OBJECT_COMMIT ? (const struct commit *)object : NULL;
}

static inline const struct tree *object_as_tree(const struct object *object)
{
	return object && object->type == OBJECT_TREE ? (const struct tree *)object : NULL;
}

static inline const struct blob *object_as_blob(const struct object *object)
{
	return object && object->type == OBJECT_BLOB ? (const struct blob *)object : NULL;
}

static inline struct bytes blob_bytes(const struct blob *blob)
{
	return (struct bytes){blob->data, (uint32_t)blob->object.bytes};
}

#endif
