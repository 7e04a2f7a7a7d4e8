/* SPDX-License-Identifier: MIT
 *
 * Two trees compared: both are walked in git's order at once, equal subtrees are passed over, and what is left is searched for renames.
 */
#include <stdlib.h>

#include "workspace/merge/merge_pool.h"
#include "workspace/merge/patch.h"
#include "workspace/merge/renames.h"
#include "workspace/store/agent.h"

/* What one of the trees has at a path; object NULL: nothing. */
struct found {
	enum file_mode mode;
	const struct object *object;
};

struct difference {
	const char *path;
	struct found old, new;
};

struct diff {
	struct workspace_agent *agent;
	struct merge_pool pool;
	struct difference *at;
	size_t count, capacity;
	char path[WORKSPACE_PATH_MAX + 1];
};

static const struct found nothing;

static int no_memory(struct diff *diff)
{
	return agent_fail(diff->agent, ERR_MEMORY, "there is no memory for comparing these trees");
}

/* ---- walking ---- */

static bool is_folder(const struct found *found)
{
	return found->mode == MODE_FOLDER;
}

static int note(struct diff *diff, struct found old, struct found new)
{
	struct difference *difference;

	if (diff->count == diff->capacity) {
		size_t capacity = diff->capacity ? 2 * diff->capacity : 64;
		struct difference *at = realloc(diff->at, capacity * sizeof(*at));
		if (!at)
			return no_memory(diff);
		diff->at = at;
		diff->capacity = capacity;
	}
	difference = &diff->at[diff->count];
	*difference = (struct difference){merge_pool_text(&diff->pool, diff->path, strlen(diff->path)), old, new};
	if (!difference->path)
		return no_memory(diff);
	diff->count++;
	return 0;
}

static int view_of(struct diff *diff, const struct found *folder, struct tree_view *out_view)
{
	static const struct shape empty;

	*out_view = (struct tree_view){.shape = &empty};
	if (!is_folder(folder))
		return 0;
	return tree_view(diff->agent, object_as_tree(folder->object), out_view);
}

/* git's order of entries: as if folders ended in a slash. */
static int compare_names(const struct tree_entry *a, const struct tree_entry *b)
{
	uint32_t least = a->name_bytes < b->name_bytes ? a->name_bytes : b->name_bytes;
	int order = memcmp(a->name, b->name, least);
	int a_next = a->name_bytes > least ? (uint8_t)a->name[least] : a->mode == MODE_FOLDER ? '/' : 0;
	int b_next = b->name_bytes > least ? (uint8_t)b->name[least] : b->mode == MODE_FOLDER ? '/' : 0;

	return order ? order : a_next - b_next;
}

static int compare(struct diff *diff, size_t path_bytes, struct found old, struct found new);

static int compare_entry(struct diff *diff, size_t path_bytes, const struct tree_entry *old, const struct tree_entry *new)
{
	const struct tree_entry *name = old ? old : new;
	size_t at = path_bytes + (path_bytes > 0);
	int rc;

	if (at + name->name_bytes > WORKSPACE_PATH_MAX)
		return agent_fail(diff->agent, ERR_TOO_LARGE, "a path below \"%.100s\" is longer than %u bytes", diff->path,
				  WORKSPACE_PATH_MAX);
	if (path_bytes > 0)
		diff->path[path_bytes] = '/';
	memcpy(diff->path + at, name->name, name->name_bytes);
	diff->path[at + name->name_bytes] = 0;
	rc = compare(diff, at + name->name_bytes, old ? (struct found){old->mode, old->child} : nothing,
		     new ? (struct found){new->mode, new->child} : nothing);
	diff->path[path_bytes] = 0;
	return rc;
}

static int compare_folders(struct diff *diff, size_t path_bytes, const struct found *old, const struct found *new)
{
	struct tree_view olds, news;
	uint32_t i = 0, j = 0;
	int rc = view_of(diff, old, &olds);

	if (!rc)
		rc = view_of(diff, new, &news);
	while (!rc && (i < olds.shape->count || j < news.shape->count)) {
		struct tree_entry a, b;
		int order = i == olds.shape->count;
		if (i < olds.shape->count)
			tree_view_entry(&olds, i, &a);
		if (j < news.shape->count)
			tree_view_entry(&news, j, &b);
		if (i < olds.shape->count)
			order = j < news.shape->count ? compare_names(&a, &b) : -1;
		rc = compare_entry(diff, path_bytes, order <= 0 ? &a : NULL, order >= 0 ? &b : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}

/* What stands at diff->path. A file and a folder of one name are two entries, the file first. */
static int compare(struct diff *diff, size_t path_bytes, struct found old, struct found new)
{
	struct found old_file = is_folder(&old) ? nothing : old, new_file = is_folder(&new) ? nothing : new;
	int rc = 0;

	if (old.mode == new.mode && object_same(old.object, new.object))
		return 0;
	if (old_file.object || new_file.object)
		rc = note(diff, old_file, new_file);
	if (!rc && (is_folder(&old) || is_folder(&new)))
		rc = compare_folders(diff, path_bytes, &old, &new);
	return rc;
}

/* ---- below a path ---- */

static int descend(struct diff *diff, const struct tree *tree, const char *path, struct found *out_found)
{
	*out_found = tree ? (struct found){MODE_FOLDER, &tree->object} : nothing;
	while (*path && out_found->object) {
		size_t bytes = strcspn(path, "/");
		struct tree_view view;
		struct tree_entry entry;
		uint32_t index;
		int rc = view_of(diff, out_found, &view);
		if (rc)
			return rc;
		*out_found = nothing;
		if (view.shape->count > 0 && tree_view_find(&view, path, bytes, &index)) {
			tree_view_entry(&view, index, &entry);
			*out_found = (struct found){entry.mode, entry.child};
		}
		path += bytes + (path[bytes] == '/');
	}
	return 0;
}

static int collect(struct diff *diff, const struct tree *from, const struct tree *to, const char *prefix)
{
	struct found old, new;
	size_t bytes = strlen(prefix);
	int rc;

	while (bytes > 0 && prefix[bytes - 1] == '/')
		bytes--;
	if (bytes > WORKSPACE_PATH_MAX)
		return agent_fail(diff->agent, ERR_MALFORMED, "a path is longer than %u bytes", WORKSPACE_PATH_MAX);
	memcpy(diff->path, prefix, bytes);
	diff->path[bytes] = 0;
	rc = descend(diff, from, diff->path, &old);
	if (!rc)
		rc = descend(diff, to, diff->path, &new);
	if (!rc && bytes > 0 && !old.object && !new.object)
		rc = agent_fail(diff->agent, ERR_NOT_FOUND, "there is no \"%.150s\" in either", diff->path);
	return rc ? rc : compare(diff, bytes, old, new);
}

/* ---- renames ---- */

static bool is_removed(const struct difference *difference)
{
	return !difference->new.object;
}

static bool is_added(const struct difference *difference)
{
	return !difference->old.object;
}

static struct bytes data_of(const struct found *found)
{
	const struct blob *blob = object_as_blob(found->object);

	return blob ? blob_bytes(blob) : (struct bytes){0};
}

/* Names of what was renamed: by entry of `diff`, the entry that it came from. */
struct pairing {
	struct rename_source *sources;
	struct rename_target *targets;
	size_t *source_at, *target_at; /* entries */
	size_t source_count, target_count;
	size_t *came_from; /* by entry; RENAME_NONE */
	uint16_t *score;   /* by entry */
	bool *is_gone;     /* by entry: it is the source of another */
};

static int pairing_init(struct pairing *pairing, struct diff *diff)
{
	size_t count = diff->count;

	pairing->sources = merge_pool_take(&diff->pool, count * sizeof(*pairing->sources));
	pairing->targets = merge_pool_take(&diff->pool, count * sizeof(*pairing->targets));
	pairing->source_at = merge_pool_take(&diff->pool, count * sizeof(*pairing->source_at));
	pairing->target_at = merge_pool_take(&diff->pool, count * sizeof(*pairing->target_at));
	pairing->came_from = merge_pool_take(&diff->pool, count * sizeof(*pairing->came_from));
	pairing->score = merge_pool_take(&diff->pool, count * sizeof(*pairing->score));
	pairing->is_gone = merge_pool_take(&diff->pool, count * sizeof(*pairing->is_gone));
	if (!pairing->sources || !pairing->targets || !pairing->source_at || !pairing->target_at || !pairing->came_from ||
	    !pairing->score || !pairing->is_gone)
		return no_memory(diff);
	for (size_t i = 0; i < count; i++)
		pairing->came_from[i] = RENAME_NONE;
	return 0;
}

static void take_sides(struct pairing *pairing, const struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++) {
		const struct difference *it = &diff->at[i];
		if (is_removed(it)) {
			pairing->source_at[pairing->source_count] = i;
			pairing->sources[pairing->source_count++] = (struct rename_source){
				it->path, it->old.mode, it->old.object->id, data_of(&it->old), RENAME_NEED_NOTHING};
		} else if (is_added(it)) {
			pairing->target_at[pairing->target_count] = i;
			pairing->targets[pairing->target_count++] = (struct rename_target){
				it->path, it->new.mode, it->new.object->id, data_of(&it->new), RENAME_NONE, 0};
		}
	}
}

static int pair_up(struct pairing *pairing, struct diff *diff)
{
	struct rename_options options = {.limit = RENAME_LIMIT_DIFF};
	struct renames renames;
	int rc;

	take_sides(pairing, diff);
	rc = renames_find(&options, pairing->sources, pairing->source_count, pairing->targets, pairing->target_count, &renames);
	renames_release(&renames);
	if (rc)
		return no_memory(diff);
	for (size_t i = 0; i < pairing->target_count; i++) {
		const struct rename_target *target = &pairing->targets[i];
		if (target->source == RENAME_NONE)
			continue;
		pairing->came_from[pairing->target_at[i]] = pairing->source_at[target->source];
		pairing->score[pairing->target_at[i]] = target->score;
		pairing->is_gone[pairing->source_at[target->source]] = true;
	}
	return 0;
}

/* ---- telling ---- */

static bool same_kind(enum file_mode a, enum file_mode b)
{
	return (a & 0170000) == (b & 0170000);
}

static struct diff_entry entry_of(const struct difference *it)
{
	struct diff_entry entry = {
		.old_path = it->path, .new_path = it->path, .old_mode = it->old.mode, .new_mode = it->new.mode};

	if (it->old.object)
		entry.old_id = it->old.object->id;
	if (it->new.object)
		entry.new_id = it->new.object->id;
	entry.status = is_added(it) ? 'A' : is_removed(it) ? 'D' : same_kind(entry.old_mode, entry.new_mode) ? 'M' : 'T';
	return entry;
}

static int tell(const struct diff *diff, const struct pairing *pairing, workspace_diff_seen *seen, void *context)
{
	int answer = 0;

	for (size_t i = 0; i < diff->count && !answer; i++) {
		struct diff_entry entry = entry_of(&diff->at[i]);
		if (pairing->came_from && pairing->is_gone[i])
			continue;
		if (pairing->came_from && pairing->came_from[i] != RENAME_NONE) {
			const struct difference *from = &diff->at[pairing->came_from[i]];
			entry.status = 'R';
			entry.similarity = (uint8_t)(pairing->score[i] * 100.0 / RENAME_SCORE_MAX);
			entry.old_path = from->path;
			entry.old_mode = from->old.mode;
			entry.old_id = from->old.object->id;
		}
		answer = seen(context, &entry);
	}
	return answer;
}

int workspace_diff(struct workspace_agent *agent, const struct tree *from, const struct tree *to,
		   const struct diff_options *options, workspace_diff_seen *seen, void *context)
{
	static const struct diff_options plain;
	struct diff *diff = calloc(1, sizeof(*diff));
	struct pairing pairing = {0};
	int rc;

	if (!options)
		options = &plain;
	if (!diff)
		return agent_fail(agent, ERR_MEMORY, "there is no memory for comparing these trees");
	diff->agent = agent;
	workspace_begin(agent);
	rc = collect(diff, from, to, options->prefix ? options->prefix : "");
	if (!rc && options->renames) {
		rc = pairing_init(&pairing, diff);
		if (!rc)
			rc = pair_up(&pairing, diff);
	}
	if (!rc)
		rc = tell(diff, &pairing, seen, context);
	workspace_end(agent);
	merge_pool_release(&diff->pool);
	free(diff->at);
	free(diff);
	return rc;
}

/* ---- one file ---- */

static int side_of(struct workspace_agent *agent, const char *path, enum file_mode mode, const struct oid *id,
		   struct patch_file *out_side)
{
	const struct object *object;
	char hex[OID_HEX_BYTES];

	*out_side = (struct patch_file){.path = path, .mode = mode, .id = *id};
	if (mode == MODE_NONE || mode == MODE_SUBMODULE)
		return 0;
	object = object_find(agent, id);
	if (!object_as_blob(object)) {
		oid_print(id, hex);
		return agent_fail(agent, ERR_NOT_FOUND, "there is no content %s", hex);
	}
	out_side->data = blob_bytes(object_as_blob(object));
	return 0;
}

static int append(struct workspace_agent *agent, const struct patch_file *old, const struct patch_file *new, int similarity,
		  unsigned context_lines, struct buffer *out)
{
	int rc = patch_append(old, new, similarity, context_lines, out);

	return rc ? agent_fail(agent, rc, "there is no memory for a patch of \"%.150s\"", new->path) : 0;
}

int workspace_patch(struct workspace_agent *agent, const struct diff_entry *entry, unsigned context_lines, struct buffer *out)
{
	struct patch_file old, new, none;
	size_t before = out->bytes;
	int rc;

	workspace_begin(agent);
	rc = side_of(agent, entry->old_path, entry->old_mode, &entry->old_id, &old);
	if (!rc)
		rc = side_of(agent, entry->new_path, entry->new_mode, &entry->new_id, &new);
	if (!rc && old.mode != MODE_NONE && new.mode != MODE_NONE && !same_kind(old.mode, new.mode)) {
		none = (struct patch_file){.path = entry->new_path};
		rc = append(agent, &old, &none, -1, context_lines, out);
		if (!rc)
			rc = append(agent, &none, &new, -1, context_lines, out);
	} else if (!rc) {
		rc = append(agent, &old, &new, entry->status == 'R' ? entry->similarity : -1, context_lines, out);
	}
	if (rc)
		out->bytes = before;
	workspace_end(agent);
	return rc;
}
