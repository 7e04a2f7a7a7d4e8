/* SPDX-License-Identifier: MIT
 *
 * Trees with new names: bytes of the old ones are taken over in stretches, and only what is new is printed and looked at.
 */
#include "workspace/store/object_inner.h"
#include "workspace/store/pending.h"

#include <assert.h>

/* A tree object while it is written. */
struct writer {
	struct shape *shape;
	uint8_t *raw;
	uint32_t *id_at;
	const struct object **children;
	uint32_t count, bytes;
};

static uint32_t entry_bytes(const struct tree_entry *entry)
{
	return (entry->mode == MODE_FOLDER ? 6 : 7) + entry->name_bytes + 1 + OID_BYTES;
}

static void write_entry(struct writer *writer, const struct tree_entry *entry)
{
	uint8_t *at = writer->raw + writer->bytes;
	uint32_t mode_bytes = mode_print(entry->mode, (char *)at);
	memcpy(at + mode_bytes, entry->name, entry->name_bytes);
	at += mode_bytes + entry->name_bytes;
	*at++ = 0;
	memcpy(at, entry->child->id.bytes, OID_BYTES);
	writer->id_at[writer->count] = (uint32_t)(at - writer->raw);
	writer->children[writer->count++] = entry->child;
	writer->bytes = (uint32_t)(at - writer->raw) + OID_BYTES;
}

/* Entries [from, to) of another tree as they are. */
static void write_stretch(struct writer *writer, const struct tree_view *view, uint32_t from, uint32_t to)
{
	uint32_t at = shape_at(view->shape, from), bytes = shape_at(view->shape, to) - at, shift = writer->bytes - at;
	memcpy(writer->raw + writer->bytes, view->raw + at, bytes);
	memcpy(writer->children + writer->count, view->children + from, (to - from) * sizeof(struct object *));
	for (uint32_t i = from; i < to; i++)
		writer->id_at[writer->count++] = view->shape->id_at[i] + shift;
	writer->bytes += bytes;
}

static int writer_take(struct workspace_agent *agent, uint32_t count, uint64_t bytes, struct writer *out_writer,
		       struct tree_plan *out_plan)
{
	if (bytes > UINT32_MAX)
		return agent_fail(agent, ERR_TOO_LARGE, "a tree object of %llu bytes: at most %u", (unsigned long long)bytes,
				  UINT32_MAX);
	struct shape *shape = shape_take(agent, count, (uint32_t)bytes);
	if (!shape)
		return agent->rc;
	struct tree_image *image = tree_image_take(agent, shape, shape->raw);
	if (!image) {
		shape_give(agent, shape);
		return agent->rc;
	}
	*out_writer = (struct writer){
		.shape = shape, .raw = image->raw, .id_at = (uint32_t *)(uintptr_t)shape->id_at, .children = image->children};
	*out_plan = (struct tree_plan){.new_shape = shape, .image = image};
	return 0;
}

static int writer_settle(struct workspace_agent *agent, struct writer *writer, const struct tree_plan *plan,
			 const struct tree **out_tree)
{
	assert(writer->count == writer->shape->count && writer->bytes == writer->shape->raw_bytes);
	shape_look(writer->shape);
	return tree_settle(agent, plan, out_tree);
}

/* ---- from whole lists ---- */

static int order_check(struct workspace_agent *agent, const struct shape *shape)
{
	for (uint32_t i = 1; i < shape->count; i++) {
		uint32_t at = shape_name_at(shape, i);
		if (!shape_is_after(shape, i))
			return agent_fail(agent, ERR_MALFORMED,
					  "\"%.150s\" stands twice in a folder, or not in the order of the bytes",
					  (const char *)shape->raw + at);
	}
	return 0;
}

static bool is_mode(enum file_mode mode)
{
	return mode == MODE_FOLDER || mode == MODE_FILE || mode == MODE_EXECUTABLE || mode == MODE_SYMLINK ||
	       mode == MODE_SUBMODULE;
}

static int entries_check(struct workspace_agent *agent, const struct tree_entry *entries, size_t count, uint64_t *out_bytes)
{
	const char *why = NULL;
	*out_bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const struct tree_entry *entry = &entries[i];
		if (tree_name_check(entry->name, entry->name_bytes, entry->mode, &why))
			return agent_fail(agent, ERR_MALFORMED, "\"%.*s\": %s", (int)entry->name_bytes, entry->name, why);
		if (!is_mode(entry->mode) || entry->child->type != mode_type(entry->mode))
			return agent_fail(agent, ERR_MALFORMED, "\"%.*s\": a %s where the mode is %o", (int)entry->name_bytes,
					  entry->name, type_name(entry->child->type), entry->mode);
		*out_bytes += entry_bytes(entry);
	}
	return 0;
}

/* The patches that make `entries` out of the tree that is looked at, if names and modes are the same. */
static bool entries_fit(const struct tree_view *view, const struct tree_entry *entries, struct tree_patch *out_patches,
			size_t *out_count)
{
	const struct shape *shape = view->shape;
	*out_count = 0;
	for (uint32_t i = 0; i < shape->count; i++) {
		char mode[TREE_MODE_MAX];
		uint32_t mode_bytes = mode_print(entries[i].mode, mode), name_bytes = entries[i].name_bytes;
		const uint8_t *at = shape->raw + shape_at(shape, i);
		if (shape->id_at[i] - shape_at(shape, i) != mode_bytes + name_bytes + 1 || memcmp(at, mode, mode_bytes) != 0 ||
		    memcmp(at + mode_bytes, entries[i].name, name_bytes) != 0)
			return false;
		if (!object_same(view->children[i], entries[i].child))
			out_patches[(*out_count)++] = (struct tree_patch){i, entries[i].child};
	}
	return true;
}

static int make_like(struct workspace_agent *agent, const struct tree *base, const struct tree_entry *entries, size_t count,
		     const struct tree **out_tree)
{
	struct tree_view view;
	*out_tree = NULL;
	if (base->shape->count != count || base->shape->is_disordered)
		return 0;
	int rc = tree_view(agent, base, &view);
	if (rc)
		return rc;
	struct tree_patch *patches = agent_scratch(agent, count * sizeof(*patches));
	size_t patch_count;
	if (!patches && count)
		return agent->rc;
	if (!entries_fit(&view, entries, patches, &patch_count))
		return 0;
	return tree_patch_as(agent, JUDGE_STRICT, base, patches, patch_count, NULL, out_tree);
}

int tree_make(struct workspace_agent *agent, const struct tree *base, const struct tree_entry *entries, size_t count,
	      const struct tree **out_tree)
{
	struct writer writer;
	struct tree_plan plan;
	const struct tree *like = NULL;
	uint64_t bytes;
	int rc = base ? make_like(agent, base, entries, count, &like) : 0;
	if (!rc && like)
		*out_tree = like;
	if (rc || like)
		return rc;
	rc = entries_check(agent, entries, count, &bytes);
	if (!rc)
		rc = writer_take(agent, (uint32_t)count, bytes, &writer, &plan);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++)
		write_entry(&writer, &entries[i]);
	plan.like = base;
	rc = order_check(agent, writer.shape);
	if (!rc)
		return writer_settle(agent, &writer, &plan, out_tree);
	tree_image_give(agent, writer.shape, plan.image);
	shape_give(agent, writer.shape);
	return rc;
}

/* ---- from other trees ---- */

/* A mode that git writes in another way now is written anew with the next version, as git does. */
static int make_even(struct workspace_agent *agent, const struct tree *odd, const struct tree **out_tree)
{
	struct tree_view view;
	uint32_t count = odd->shape->count;
	struct tree_entry *entries = agent_scratch(agent, count * sizeof(*entries));
	int rc = entries ? tree_view(agent, odd, &view) : agent->rc;
	for (uint32_t i = 0; !rc && i < count; i++)
		tree_view_entry(&view, i, &entries[i]);
	bool was_held = pending_pause(agent); /* the next version builds on it */
	if (!rc)
		rc = tree_make(agent, odd, entries, count, out_tree);
	pending_go_on(agent, was_held);
	return rc;
}

int tree_patch(struct workspace_agent *agent, const struct tree *base, const struct tree_patch *patches, size_t count,
	       const struct tree **out_tree)
{
	const struct tree *even = base;
	int rc = 0;
	for (size_t i = 0; base->shape->is_odd && i < count && even == base; i++) {
		if (!object_same(tree_child(base, patches[i].index), patches[i].child))
			rc = make_even(agent, base, &even);
		if (rc)
			return rc;
	}
	return tree_patch_as(agent, JUDGE_STRICT, even, patches, count, NULL, out_tree);
}

static void splices_measure(const struct shape *shape, const struct tree_splice *splices, size_t count, uint32_t *out_count,
			    uint64_t *out_bytes)
{
	*out_count = shape->count;
	*out_bytes = shape->raw_bytes;
	for (size_t i = 0; i < count; i++) {
		if (!splices[i].is_inserted) {
			(*out_count)--;
			*out_bytes -= shape_at(shape, splices[i].index + 1) - shape_at(shape, splices[i].index);
		}
		if (splices[i].entry.mode != MODE_NONE) {
			(*out_count)++;
			*out_bytes += entry_bytes(&splices[i].entry);
		}
	}
}

int tree_splice(struct workspace_agent *agent, const struct tree *base, const struct tree_splice *splices, size_t count,
		const struct tree **out_tree)
{
	struct tree_view view;
	struct writer writer;
	struct tree_plan plan;
	uint32_t entry_count, next = 0;
	uint64_t bytes;
	const struct tree *even = base;
	int rc = base->shape->is_odd ? make_even(agent, base, &even) : 0;
	if (!rc)
		rc = tree_view(agent, even, &view);
	if (rc)
		return rc;
	splices_measure(view.shape, splices, count, &entry_count, &bytes);
	rc = writer_take(agent, entry_count, bytes, &writer, &plan);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		write_stretch(&writer, &view, next, splices[i].index);
		next = splices[i].index + (splices[i].is_inserted ? 0 : 1);
		if (splices[i].entry.mode != MODE_NONE)
			write_entry(&writer, &splices[i].entry);
	}
	write_stretch(&writer, &view, next, view.shape->count);
	plan.like = even;
	rc = even->shape->is_refused ? tree_names_check(agent, writer.shape) : 0;
	if (!rc)
		return writer_settle(agent, &writer, &plan, out_tree);
	tree_image_give(agent, writer.shape, plan.image);
	shape_give(agent, writer.shape);
	return rc;
}
