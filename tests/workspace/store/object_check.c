/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/object_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/sha1.h"

static const char *const names[] = {"", "commit", "tree", "blob", "tag"};

static void id_of(enum object_type type, struct bytes raw, struct oid *out_id)
{
	char header[32];
	int bytes = snprintf(header, sizeof(header), "%s %u", names[type], raw.bytes) + 1;
	struct sha1_span spans[] = {{header, (size_t)bytes}, {raw.at, raw.bytes}};

	sha1_of(spans, 2, out_id->bytes);
}

static const char *check_same(struct workspace_agent *agent, const struct object *object, enum object_type type, struct bytes raw)
{
	struct bytes kept;
	struct oid id;

	id_of(type, raw, &id);
	if (object->type != type || memcmp(object->id.bytes, id.bytes, OID_BYTES) != 0)
		return "it has another id";
	if (object_raw(agent, object, &kept) || kept.bytes != raw.bytes || (raw.bytes && memcmp(kept.at, raw.at, raw.bytes) != 0))
		return "it has other bytes";
	return object_find(agent, &id) == object ? NULL : "it is not found by its id";
}

/* Once more, now knowing its id; and with an id that is not its own. */
static const char *check_again(struct workspace_agent *agent, enum object_judge judge, const struct object *object,
			       struct bytes raw, const struct tree *base, bool shallow)
{
	const struct object *again;
	struct oid other = object->id;

	if (object_make(agent, judge, object->type, raw, &object->id, base, shallow, &again) || again != object)
		return "it does not come out again";
	other.bytes[7] ^= 1;
	return object_make(agent, judge, object->type, raw, &other, base, shallow, &again) == ERR_CORRUPT
		       ? NULL
		       : "it passes for another one";
}

static const char *check_entry(const struct tree *tree, const struct tree_view *view, uint32_t index, struct tree_entry *entry)
{
	const char *why;
	uint32_t found;

	const struct shape *shape = view->shape;
	tree_view_entry(view, index, entry);
	if (!shape->is_refused && tree_name_check(entry->name, entry->name_bytes, entry->mode, &why))
		return "it has a name that is refused";
	if (!tree_view_find(view, entry->name, entry->name_bytes, &found) || (found != index && !shape->is_disordered))
		return "it has an entry that is not found";
	if (tree_child(tree, index) != entry->child)
		return "its children differ";
	return memcmp(view->raw + view->shape->id_at[index], entry->child->id.bytes, OID_BYTES) ? "its image is wrong" : NULL;
}

static const char *check_tree(struct workspace_agent *agent, const struct tree *tree)
{
	struct tree_view view;
	const struct tree *again;
	const char *wrong = NULL;

	if (tree_view_any(agent, tree, &view))
		return "it cannot be looked at";
	bool is_unfit = view.shape->is_refused || view.shape->is_disordered;
	struct tree_entry *entries = calloc(view.shape->count + 1, sizeof(*entries));
	if (!entries)
		abort();
	for (uint32_t i = 0; !wrong && i < view.shape->count; i++)
		wrong = check_entry(tree, &view, i, &entries[i]);
	if (!wrong && !tree_make(agent, NULL, entries, view.shape->count, &again) == is_unfit)
		wrong = is_unfit ? "what is unfit can be made" : "it cannot be made from its entries";
	if (!wrong && !is_unfit && !view.shape->is_odd && again != tree)
		wrong = "its entries make another tree";
	free(entries);
	return wrong;
}

static const char *check_commit(const struct commit *commit, enum object_judge judge)
{
	struct commit_text text;

	if (commit_read(commit, &text))
		return "it cannot be read";
	bool is_same = text.committer.seconds == commit->seconds;
	if ((judge == JUDGE_STRICT && !is_same) || commit->seconds < 0 || text.author.seconds < 0 || text.committer.seconds < 0)
		return "its times differ";
	return commit->generation < 1 || !commit->tree ? "it has no place in a history" : NULL;
}

const char *object_check(struct workspace_agent *agent, enum object_judge judge, enum object_type type, struct bytes raw,
			 const struct tree *base, bool shallow, bool *out_taken)
{
	const struct object *object;
	int rc = object_make(agent, judge, type, raw, NULL, base, shallow, &object);

	*out_taken = rc == 0;
	if (rc)
		return rc == ERR_MALFORMED || rc == ERR_NOT_FOUND ? NULL : "it is refused for another reason";
	const char *wrong = check_same(agent, object, type, raw);
	if (!wrong)
		wrong = check_again(agent, judge, object, raw, base, shallow);
	if (!wrong && type == OBJECT_TREE)
		wrong = check_tree(agent, object_as_tree(object));
	if (!wrong && type == OBJECT_COMMIT)
		wrong = check_commit(object_as_commit(object), judge);
	return wrong;
}
