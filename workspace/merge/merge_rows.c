/* SPDX-License-Identifier: MIT
 *
 * Three lists side by side; what is taken out of its turn is remembered.
 */
#include "workspace/merge/merge_rows.h"

struct list {
	struct tree_view view;
	uint32_t count;
	uint32_t at;            /* all before it are taken */
	bool *taken;            /* made when the first is taken out of its turn */
	struct tree_entry head; /* entry `at`, if there is one */
};

static int name_compare(const struct tree_entry *a, const struct tree_entry *b)
{
	size_t bytes = a->name_bytes < b->name_bytes ? a->name_bytes : b->name_bytes;
	int order = memcmp(a->name, b->name, bytes);
	return order ? order : (a->name_bytes > b->name_bytes) - (a->name_bytes < b->name_bytes);
}

static void list_settle(struct list *list)
{
	while (list->at < list->count && list->taken && list->taken[list->at])
		list->at++;
	if (list->at < list->count)
		tree_view_entry(&list->view, list->at, &list->head);
}

static int list_init(struct tree_merge *merge, struct list *list, const struct tree *tree)
{
	*list = (struct list){0};
	if (!tree)
		return 0;
	int rc = tree_view(merge->agent, tree, &list->view);
	if (rc)
		return rc;
	list->count = list->view.shape->count;
	list_settle(list);
	return 0;
}

/* Whether an entry called `first` may still come after one that is called `entry`: a folder hides behind names that go on with less than '/'. */
static bool may_follow(const struct tree_entry *first, const struct tree_entry *entry)
{
	if (name_compare(first, entry) > 0)
		return true;
	return first->name_bytes < entry->name_bytes && !memcmp(first->name, entry->name, first->name_bytes) &&
	       (unsigned char)entry->name[first->name_bytes] < '/';
}

/* Take the entry of that name; *out_found is false if there is none. */
static int list_take(struct tree_merge *merge, struct list *list, const struct tree_entry *first, bool *out_found,
		     struct tree_entry *out_entry)
{
	*out_found = false;
	struct tree_entry entry = list->head;
	for (uint32_t i = list->at; i < list->count; i++) {
		if (i != list->at)
			tree_view_entry(&list->view, i, &entry);
		if (name_compare(first, &entry) != 0) {
			if (!may_follow(first, &entry))
				return 0;
			continue;
		}
		*out_found = true;
		*out_entry = entry;
		if (i == list->at) {
			list->at++;
		} else {
			if (!list->taken)
				list->taken = merge_pool_take(merge->pool, list->count * sizeof(bool));
			if (!list->taken)
				return merge_memory(merge);
			list->taken[i] = true;
		}
		list_settle(list);
		return 0;
	}
	return 0;
}

static unsigned same_of(const struct version versions[SIDES])
{
	const struct version *base = &versions[SIDE_BASE];
	const struct version *ours = &versions[SIDE_OURS];
	const struct version *theirs = &versions[SIDE_THEIRS];
	bool ours_kept = base->object && version_same(base, ours);
	bool theirs_kept = base->object && version_same(base, theirs);
	if (ours_kept)
		return theirs_kept ? MASK_ALL : MASK_BASE | MASK_OURS;
	if (theirs_kept)
		return MASK_BASE | MASK_THEIRS;
	return ours->object && version_same(ours, theirs) ? MASK_OURS | MASK_THEIRS : 0;
}

static const struct tree_entry *first_of(const struct list lists[SIDES])
{
	const struct tree_entry *first = NULL;
	for (unsigned side = 0; side < SIDES; side++) {
		const struct list *list = &lists[side];
		if (list->at < list->count && (!first || name_compare(&list->head, first) < 0))
			first = &list->head;
	}
	return first;
}

static int row_take(struct tree_merge *merge, struct list lists[SIDES], struct tree_entry first, struct tree_row *row)
{
	*row = (struct tree_row){.name = first.name, .name_bytes = first.name_bytes};
	for (unsigned side = 0; side < SIDES; side++) {
		struct tree_entry entry;
		bool found;
		int rc = list_take(merge, &lists[side], &first, &found, &entry);
		if (rc)
			return rc;
		if (!found)
			continue;
		row->versions[side] = (struct version){entry.mode, entry.child};
		if (entry.mode == MODE_FOLDER)
			row->folders |= (uint8_t)(1u << side);
		else
			row->files |= (uint8_t)(1u << side);
	}
	row->same = (uint8_t)same_of(row->versions);
	return 0;
}

int merge_rows(struct tree_merge *merge, const struct tree *const trees[SIDES], struct tree_row **out_rows, size_t *out_count)
{
	struct list lists[SIDES];
	size_t capacity = 0;
	for (unsigned side = 0; side < SIDES; side++) {
		int rc = list_init(merge, &lists[side], trees[side]);
		if (rc)
			return rc;
		capacity += lists[side].count;
	}
	struct tree_row *rows = merge_pool_take(merge->pool, capacity * sizeof(*rows));
	if (!rows)
		return merge_memory(merge);
	size_t count = 0;
	for (const struct tree_entry *first; (first = first_of(lists)) != NULL; count++) {
		int rc = row_take(merge, lists, *first, &rows[count]);
		if (rc)
			return rc;
	}
	*out_rows = rows;
	*out_count = count;
	return 0;
}
