/* SPDX-License-Identifier: MIT
 *
 * An import: first which commits there are, then their objects from the oldest on, each after what it names, then the refs.
 *
 * Each commit of the source is read once and kept as it is until its turn. What is in the workspace already is not read, and it has all that it leads
 * to; so a second import costs what is new, and a walk over the commits that are known.
 */
#ifndef WORKSPACE_EXCHANGE_IMPORT_INNER_H
#define WORKSPACE_EXCHANGE_IMPORT_INNER_H

#include "workspace/exchange/oid_map.h"
#include "workspace/exchange/source.h"
#include "workspace/store/object.h"

/* What was asked for. */
struct import_tip {
	char *ref; /* where it goes, or NULL: only the objects */
	struct oid id;
};

struct import_commit {
	struct oid id;
	uint32_t depth;            /* from 1 */
	bool ends;                 /* its parents are left out where they are not there already */
	const struct commit *node; /* once it is in the workspace */
	size_t raw_at, raw_bytes;  /* in `raws`, until then */
};

/* A tree or blob that a ref names. */
struct import_other {
	struct oid id;
	enum object_type type;
};

struct import {
	struct workspace_agent *agent;
	const struct import_options *options;
	struct import_result *result;
	struct source source;
	struct import_tip *tips;
	size_t tip_count;
	char *head; /* the branch that the source's HEAD names, where it goes; or NULL */

	struct import_commit *commits;
	size_t commit_count, commit_capacity;
	struct oid_map known; /* commits by their ids */
	struct buffer raws;
	struct buffer tags;   /* struct oid: in reverse order */
	struct buffer others; /* struct import_other */
	struct buffer order;  /* uint32_t: places in `commits`, parents first */

	uint64_t fresh_objects, fresh_bytes; /* since they were last published */
};

/* Each of these: 0 or an error with its sentence. */
MUST_CHECK int import_tips(struct import *import);    /* what to bring */
MUST_CHECK int import_history(struct import *import); /* commits, tags and order */
MUST_CHECK int import_objects(struct import *import);
MUST_CHECK int import_refs(struct import *import);

/* NULL if it is not in the workspace. What it gives stays, since the import holds the collector off. */
const struct object *import_find(struct import *import, const struct oid *id);

/* An object of those bytes, which must have that id. `base`, `ends`: see object_make. */
MUST_CHECK int import_make(struct import *import, enum object_type type, const struct oid *id, struct bytes raw,
			   const struct tree *base, bool ends, const struct object **out_object);

/* A tree and all below it. `like` stood in its place before, or NULL. */
MUST_CHECK int import_tree(struct import *import, const struct oid *id, const struct oid *named_by, const struct tree *like,
			   const struct tree **out_tree);
MUST_CHECK int import_blob(struct import *import, const struct oid *id, const struct oid *named_by);

/* The number of parents of a commit as git has it, and each of them; SIZE_MAX if it is none. */
size_t raw_parent_count(const char *raw, size_t bytes);
MUST_CHECK int raw_parent(const char *raw, size_t index, struct oid *out_id);
MUST_CHECK int raw_tree(const char *raw, size_t bytes, struct oid *out_id);

#endif
