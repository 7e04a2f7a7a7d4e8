/* SPDX-License-Identifier: MIT
 *
 * Refs: names for objects, each in one word that is changed in one step.
 *
 * The word of a ref holds a value, which never changes: object, version. Or, for the moment in which several refs change together or a
 * ref is made, a change (refs_change.c): whoever meets one reads in it what holds at present, and may bring it to its end himself.
 */
#ifndef WORKSPACE_STORE_REFS_H
#define WORKSPACE_STORE_REFS_H

#include "workspace/store/object.h"
#include "workspace/store/table.h"

struct ref_change;

struct ref_value {
	const struct object *object; /* NULL: deleted */
	uint64_t version;
	struct ref_change *change; /* that it is part of, with others; or NULL */
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

struct refs {
	struct table table;
	uint64_t seed; /* of the hash, so that nobody can choose names that collide */
	_Atomic(struct head *) head;
	_Atomic uint64_t count; /* that are there */
};

MUST_CHECK int refs_init(struct workspace_agent *agent, struct refs *refs); /* on zeroed memory */

/* What a ref has at present; NULL if it was never made. */
const struct ref_value *ref_value_of(struct ref *ref);

/* NULL if nobody ever made it. */
struct ref *ref_find(struct workspace_agent *agent, const char *name);

/* The ref of that name and its folders. ERR_MALFORMED, ERR_FULL, ERR_MEMORY. */
MUST_CHECK int ref_make(struct workspace_agent *agent, const char *name, struct ref **out_ref);

/* Something that leads to this object may be written to HEAD or a ref of that name? ERR_MALFORMED with a sentence. */
MUST_CHECK int ref_suits(struct workspace_agent *agent, const char *name, const struct object *object);

/* What a value or a change occupied, when nothing leads to it any more. */
void ref_value_retire(struct workspace_agent *agent, const struct ref_value *value);

/* NULL if git would accept the name of a ref below "refs/", else what is wrong with it. As git check-ref-format. */
const char *ref_name_fault(const char *name);

#endif
