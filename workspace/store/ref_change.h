/* SPDX-License-Identifier: MIT
 *
 * A change of one or more refs that happens in one moment (after Harris, Fraser and Pratt, "A practical multi-word compare-and-swap
 * operation", 2002).
 *
 * Its owner writes it into the words of all its refs, in the order of their addresses, where each still has its old value; then it is decided; then
 * the words get their new values, or the old ones back. Anybody who meets it may do any of these steps, so nobody waits for anybody.
 *
 * A ref that is made is checked against folders of its name and names below it after it is written and before it is decided: of two changes that
 * exclude each other at least one sees the other, and has it begin again.
 */
#ifndef WORKSPACE_STORE_REF_CHANGE_H
#define WORKSPACE_STORE_REF_CHANGE_H

#include "workspace/store/refs.h"

enum change_state {
	CHANGE_OPEN,
	CHANGE_DONE,  /* the new values hold */
	CHANGE_AGAIN, /* something moved, or another change was in the way */
	CHANGE_CLASH, /* a ref would be a folder of another */
};

struct change_part {
	struct ref *ref;
	const struct ref_value *old; /* NULL: never made */
	const struct ref_value *new; /* old: it must stay what it is */
	struct ref_value value;
};

struct ref_change {
	_Atomic uint32_t state;
	_Atomic uint32_t holds; /* values of this change that some ref still has or will have */
	_Atomic bool is_journaled;
	uint32_t count;
	_Atomic(struct ref *) made, clash; /* with CHANGE_CLASH */
	struct change_part parts[];        /* by the address of `ref` */
};

static inline size_t change_bytes(uint32_t count)
{
	return sizeof(struct ref_change) + count * sizeof(struct change_part);
}

/* What became of it. `refs`: where names below a new one are looked for. The caller is inside a bracket. */
enum change_state change_perform(const struct refs *refs, struct ref_change *change);

/* `ref` is one of its refs. */
const struct change_part *change_part_of(const struct ref_change *change, const struct ref *ref);

/* The change in a word, or NULL. */
static inline struct ref_change *word_change(uintptr_t word)
{
	return word & 1 ? (struct ref_change *)(word & ~(uintptr_t)1) : NULL;
}

#endif
