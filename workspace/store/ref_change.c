/* SPDX-License-Identifier: MIT
 *
 * Changes of several refs in one moment.
 */
#include "workspace/store/ref_change.h"

static uintptr_t word_of_change(const struct ref_change *change)
{
	return (uintptr_t)change | 1;
}

const struct change_part *change_part_of(const struct ref_change *change, const struct ref *ref)
{
	uint32_t from = 0, until = change->count;

	while (until - from > 1) {
		uint32_t middle = (from + until) / 2;
		if ((uintptr_t)change->parts[middle].ref <= (uintptr_t)ref)
			from = middle;
		else
			until = middle;
	}
	return &change->parts[from];
}

const struct ref_value *ref_value_of(const struct ref *ref)
{
	uintptr_t word = atomic_load_explicit(&ref->word, memory_order_acquire);
	struct ref_change *change = word_change(word);

	if (!change)
		return (const struct ref_value *)word;
	const struct change_part *part = change_part_of(change, ref);
	return atomic_load(&change->state) == CHANGE_DONE ? part->new : part->old;
}

static void decide(struct ref_change *change, enum change_state state)
{
	uint32_t open = CHANGE_OPEN;
	atomic_compare_exchange_strong(&change->state, &open, state);
}

/* ---- writing it into the words ---- */

static void change_help(const struct refs *refs, struct ref_change *change);

/* False if it is decided. */
static bool part_install(const struct refs *refs, struct ref_change *change, const struct change_part *part)
{
	uintptr_t own = word_of_change(change), old = (uintptr_t)part->old;

	while (atomic_load(&change->state) == CHANGE_OPEN) {
		uintptr_t word = old;
		if (atomic_compare_exchange_strong(&part->ref->word, &word, own) || word == own)
			return true;
		if (word_change(word))
			change_help(refs, word_change(word));
		else
			decide(change, CHANGE_AGAIN);
	}
	return false;
}

static bool change_install(const struct refs *refs, struct ref_change *change)
{
	for (uint32_t i = 0; i < change->count; i++)
		if (!part_install(refs, change, &change->parts[i]))
			return false;
	return true;
}

static void change_finish(struct ref_change *change)
{
	bool done = atomic_load(&change->state) == CHANGE_DONE;

	for (uint32_t i = 0; i < change->count; i++) {
		const struct change_part *part = &change->parts[i];
		uintptr_t own = word_of_change(change);
		atomic_compare_exchange_strong(&part->ref->word, &own, (uintptr_t)(done ? part->new : part->old));
	}
}

/* ---- folders and names below them ---- */

/* Whether a ref in another's way is there, or may be there before we are done. An open change that would make it has to begin again. */
static bool is_in_the_way(const struct ref_change *change, const struct ref *ref)
{
	for (;;) {
		uintptr_t word = atomic_load(&ref->word);
		struct ref_change *other = word_change(word);
		if (!other)
			return ref_value_is_there((const struct ref_value *)word);

		const struct change_part *part = change_part_of(other, ref);
		uint32_t state = atomic_load(&other->state);
		bool was = ref_value_is_there(part->old), will_be = ref_value_is_there(part->new);
		if (other == change)
			return was || will_be;
		if (state != CHANGE_OPEN)
			return state == CHANGE_DONE ? will_be : was;
		if (was || !will_be)
			return was;
		decide(other, CHANGE_AGAIN);
	}
}

struct below {
	struct ref_change *change;
	const struct ref *made;
};

static int is_clash_below(void *context, void *node)
{
	const struct below *below = context;
	struct ref *ref = node;
	const struct ref *made = below->made;

	if (ref->name_bytes <= made->name_bytes || ref->name[made->name_bytes] != '/' ||
	    memcmp(ref->name, made->name, made->name_bytes) || !is_in_the_way(below->change, ref))
		return 0;
	atomic_store(&below->change->clash, ref);
	return 1;
}

static bool has_clash(const struct refs *refs, struct ref_change *change, struct ref *made)
{
	atomic_store(&change->made, made);
	for (struct ref *folder = made->folder; folder; folder = folder->folder) {
		if (is_in_the_way(change, folder)) {
			atomic_store(&change->clash, folder);
			return true;
		}
	}
	struct below below = {change, made};
	return atomic_load(&made->is_folder) && hash_table_each(&refs->table, is_clash_below, &below);
}

static enum change_state judge(const struct refs *refs, struct ref_change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		const struct change_part *part = &change->parts[i];
		bool is_new = !ref_value_is_there(part->old) && ref_value_is_there(part->new);
		if (is_new && has_clash(refs, change, part->ref))
			return CHANGE_CLASH;
	}
	return CHANGE_DONE;
}

static void change_help(const struct refs *refs, struct ref_change *change)
{
	if (change_install(refs, change))
		decide(change, judge(refs, change));
	change_finish(change);
}

enum change_state change_perform(const struct refs *refs, struct ref_change *change)
{
	change_help(refs, change);
	return atomic_load(&change->state);
}
