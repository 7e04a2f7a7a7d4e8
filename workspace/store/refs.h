/* SPDX-License-Identifier: MIT
 *
 * Refs: names for objects, each in one word that is changed in one step.
 *
 * The word of a ref holds a value, which never changes: object, version. Or, for the moment in which several refs change together or a
 * ref is made, a change (ref_change.h): whoever meets one reads in it what holds at present, and may bring it to its end himself.
 */
#ifndef WORKSPACE_STORE_REFS_H
#define WORKSPACE_STORE_REFS_H

#include "workspace/store/object.h"
#include "workspace/store/hash_table.h"

struct ref_change;

struct ref_value {
	const struct object *object; /* NULL: deleted */
	uint64_t version;
	struct ref_change *change; /* that it is part of; or NULL */
};

struct ref {
	uint64_t hash;
	_Atomic uintptr_t word; /* 0: never made; a struct ref_value; a struct ref_change with bit 0 set */
	struct ref *folder;     /* "refs/heads" of "refs/heads/main"; NULL for "refs" */
	_Atomic bool is_folder; /* others have, or once had, names below this one */
	uint16_t name_bytes;
	char name[]; /* NUL after */
};

struct head {
	uint64_t version;
	char ref[]; /* NUL after */
};

struct refs { /* zeroed at first */
	struct hash_table table;
	uint64_t seed; /* of the hash, so that nobody can choose names that collide */
	_Atomic(struct head *) head;
	_Atomic int64_t count; /* that are there */
};

/* HEAD is refs/heads/main, in version 0. */
MUST_CHECK int refs_init(struct workspace_agent *agent, struct refs *refs);

/* What a ref has at present; NULL if it was never made. */
const struct ref_value *ref_value_of(const struct ref *ref);

static inline bool ref_value_is_there(const struct ref_value *value)
{
	return value && value->object;
}

/* It was replaced, and goes when nobody can be looking at it any more. NULL is fine. */
void ref_value_retire(struct workspace_agent *agent, const struct ref_value *value);

/* NULL if nobody ever asked for it. */
struct ref *ref_find(struct workspace_agent *agent, const char *name);

/* The ref of that name, and its folders. ERR_MALFORMED, ERR_FULL, ERR_MEMORY. */
MUST_CHECK int ref_make(struct workspace_agent *agent, const char *name, struct ref **out_ref);

/* What is wrong with a name, or NULL; as git check-ref-format, and it must begin with "refs/". The fault continues "the name …". */
const char *ref_name_fault(const char *name);

/* Its memory, with the NUL. */
static inline size_t ref_bytes(const struct ref *ref)
{
	return sizeof(*ref) + ref->name_bytes + 1;
}

static inline size_t head_bytes(const struct head *head)
{
	return sizeof(*head) + strlen(head->ref) + 1;
}

/* ERR_MALFORMED with a sentence if git would not have a ref of that name lead to that object. */
MUST_CHECK int ref_suits(struct workspace_agent *agent, const char *name, const struct object *object);

#endif
