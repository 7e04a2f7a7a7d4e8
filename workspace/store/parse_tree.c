/* SPDX-License-Identifier: MIT
 *
 * Trees from their bytes.
 *
 * Most trees that come in resemble one that is there: what stands in both with the same name and mode was looked at already, and its child is
 * known without a search by id.
 */
#include "workspace/store/object_inner.h"
#include "workspace/store/parse.h"

/* A tree as it is read. */
struct reading {
	struct workspace_agent *agent;
	const struct source *source;
	struct tree_view base; /* shape NULL if there is none */
	uint32_t base_next;    /* where in it the next entry probably stands */
	uint32_t *id_at;
	uint32_t count;
	bool is_odd, is_refused, is_disordered; /* see struct shape */
};

static bool is_strict(const struct reading *reading)
{
	return reading->source->judge == JUDGE_STRICT;
}

static int fail(const struct reading *reading, uint32_t at, const char *why)
{
	return agent_fail(reading->agent, ERR_MALFORMED, "byte %u of a tree: %s", at, why);
}

/* ---- where entries are ---- */

/* Of a mode that means a submodule, whether it is the mode of one. */
static bool is_submodule(const uint8_t *digits, uint32_t count)
{
	return count == 6 && digits[0] == '1' && digits[1] == '6';
}

/* The digits of a mode, up to the space; NULL or a reason. */
static const char *mode_parse(const struct reading *reading, const uint8_t *at, uint32_t bytes, uint32_t *out_bytes,
			      enum file_mode *out_mode, bool *is_odd)
{
	char usual[TREE_MODE_MAX];
	uint32_t count;
	*out_mode = mode_read(at, bytes, &count);
	*out_bytes = count + 1;
	if (count == 0 || count == bytes || at[count] != ' ' || (at[0] == '0' && is_strict(reading)))
		return "an entry begins with its mode in octal digits, without a zero before them, and a space";
	if (is_strict(reading) && (count > 6 || (*out_mode == MODE_SUBMODULE && !is_submodule(at, count))))
		return "the mode is none of a folder, a file, a link or a submodule";
	*is_odd |= mode_print(*out_mode, usual) != count + 1 || memcmp(at, usual, count) != 0;
	return NULL;
}

/* Git reads every name that is one; those that it would not check out are remembered. */
static const char *name_look(struct reading *reading, const char *name, size_t bytes, enum file_mode mode)
{
	const char *why = NULL;
	if (!tree_name_check(name, bytes, mode, &why))
		return NULL;
	if (is_strict(reading) || bytes == 0)
		return why;
	reading->is_refused = true;
	reading->is_disordered |= memchr(name, '/', bytes) != NULL;
	return NULL;
}

/* The entry at `at`: its name is looked at, unless it stands in the base too. */
static int entry_read(struct reading *reading, uint32_t at, bool is_known, uint32_t *out_id_at)
{
	const uint8_t *raw = reading->source->raw.at;
	uint32_t bytes = reading->source->raw.bytes, mode_bytes;
	enum file_mode mode;
	const char *why = mode_parse(reading, raw + at, bytes - at, &mode_bytes, &mode, &reading->is_odd);
	if (why)
		return fail(reading, at, why);
	const uint8_t *name = raw + at + mode_bytes, *end = memchr(name, 0, bytes - at - mode_bytes);
	if (!end || raw + bytes - end < (ptrdiff_t)(1 + OID_BYTES))
		return fail(reading, at, "an entry has a name, a NUL and an id of twenty bytes");
	if (!is_known || reading->base.shape->is_refused)
		why = name_look(reading, (const char *)name, (size_t)(end - name), mode);
	if (why)
		return fail(reading, at, why);
	*out_id_at = (uint32_t)(end + 1 - raw);
	return 0;
}

/* Whether the entry of the base at `base_next` has the same mode and name as that at `at`; or another that then is `base_next`. */
static bool known(struct reading *reading, uint32_t at)
{
	const struct shape *shape = reading->base.shape;
	if (!shape || reading->base_next >= shape->count)
		return false;
	uint32_t from = shape_at(shape, reading->base_next), bytes = shape->id_at[reading->base_next] - from;
	return reading->source->raw.bytes - at >= bytes && !memcmp(shape->raw + from, reading->source->raw.at + at, bytes);
}

static int entries_read(struct reading *reading)
{
	uint32_t at = 0, bytes = reading->source->raw.bytes;
	reading->id_at = agent_scratch(reading->agent, (bytes / (OID_BYTES + 3) + 1) * sizeof(uint32_t));
	if (!reading->id_at)
		return reading->agent->rc;
	while (at < bytes) {
		bool is_known = known(reading, at);
		int rc = entry_read(reading, at, is_known, &reading->id_at[reading->count]);
		if (rc)
			return rc;
		reading->base_next += is_known;
		at = reading->id_at[reading->count++] + OID_BYTES;
	}
	return 0;
}

/* ---- what they name ---- */

static bool base_child(struct reading *reading, const struct shape *shape, uint32_t index, const struct object **out_child)
{
	const struct shape *base = reading->base.shape;
	uint32_t at = shape_at(shape, index), name_at = shape_name_at(shape, index), there;
	if (!base)
		return false;
	if (known(reading, at))
		there = reading->base_next;
	else if (base->is_disordered ||
		 !shape_find_kind(base, (const char *)shape->raw + name_at, shape->id_at[index] - 1 - name_at,
				  shape_is_folder(shape, index), &there))
		return false;
	reading->base_next = there + 1;
	*out_child = reading->base.children[there];
	return shape_mode(base, there) == shape_mode(shape, index) &&
	       !memcmp((*out_child)->id.bytes, reading->source->raw.at + shape->id_at[index], OID_BYTES);
}

static int child_find(struct reading *reading, const struct shape *shape, uint32_t index, const struct object **out_child)
{
	static const struct oid zeros;
	struct oid id;
	if (base_child(reading, shape, index, out_child))
		return 0;
	memcpy(id.bytes, reading->source->raw.at + shape->id_at[index], OID_BYTES);
	enum object_type type = mode_type(shape_mode(shape, index));
	if (!memcmp(&id, &zeros, sizeof(id)) && (is_strict(reading) || type != OBJECT_LINK))
		return fail(reading, shape_at(shape, index), "an id of zeros");
	if (type == OBJECT_LINK)
		return object_link(reading->agent, OBJECT_LINK, &id, out_child);
	return object_named(reading->agent, type, &id, out_child);
}

static int order_check(struct reading *reading, const struct shape *shape)
{
	for (uint32_t i = 1; i < shape->count && !reading->is_disordered; i++) {
		if (shape_is_after(shape, i))
			continue;
		reading->is_disordered = true;
		if (is_strict(reading))
			return fail(reading, shape_at(shape, i),
				    "names are in the order of their bytes, folders as if a slash followed, and none twice");
	}
	return 0;
}

/* ---- as a tree ---- */

/* A version of the base, if nothing but ids is different. */
static int make_version(struct reading *reading, const struct shape *shape, const struct tree **out_tree)
{
	struct tree_patch *patches = agent_scratch(reading->agent, shape->count * sizeof(*patches));
	uint32_t count = 0;
	if (!patches)
		return reading->agent->rc;
	for (uint32_t i = 0; i < shape->count; i++) {
		if (!memcmp(reading->base.children[i]->id.bytes, reading->source->raw.at + shape->id_at[i], OID_BYTES))
			continue;
		patches[count].index = i;
		int rc = child_find(reading, shape, i, &patches[count++].child);
		if (rc)
			return rc;
	}
	if (count == 0 && reading->source->id) {
		int rc = object_expect(reading->agent, &reading->source->base->object, reading->source->id);
		if (rc)
			return rc;
	}
	return tree_patch_as(reading->agent, reading->source->judge, reading->source->base, patches, count, reading->source->id,
			     out_tree);
}

static int make_whole(struct reading *reading, const struct tree **out_tree)
{
	struct workspace_agent *agent = reading->agent;
	struct bytes raw = reading->source->raw;
	struct shape *shape = shape_take(agent, reading->count, raw.bytes);
	if (!shape)
		return agent->rc;
	if (reading->count) {
		memcpy((uint32_t *)(uintptr_t)shape->id_at, reading->id_at, reading->count * sizeof(uint32_t));
		memcpy((uint8_t *)(uintptr_t)shape->raw, raw.at, raw.bytes);
	}
	shape->is_odd = reading->is_odd;
	shape->is_refused = reading->is_refused;
	shape_look(shape);
	struct tree_plan plan = {
		.new_shape = shape, .id = reading->source->id, .like = reading->source->base, .judge = reading->source->judge};
	int rc = order_check(reading, shape);
	shape->is_disordered = reading->is_disordered;
	if (!rc && !(plan.image = tree_image_take(agent, shape, shape->raw)))
		rc = agent->rc;
	reading->base_next = 0;
	for (uint32_t i = 0; !rc && i < shape->count; i++)
		rc = child_find(reading, shape, i, &plan.image->children[i]);
	if (!rc)
		return tree_settle(agent, &plan, out_tree);
	if (plan.image)
		tree_image_give(agent, shape, plan.image);
	shape_give(agent, shape);
	return rc;
}

/* Every name and mode is that of the base. */
static bool is_version(const struct reading *reading)
{
	const struct shape *base = reading->base.shape;
	return base && base->count && reading->count == base->count && reading->base_next == base->count &&
	       reading->source->raw.bytes == base->raw_bytes;
}

int tree_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object)
{
	struct reading reading = {.agent = agent, .source = source};
	const struct tree *tree;
	bool has_base = source->base && !(is_strict(&reading) && source->base->shape->is_disordered);
	int rc = has_base ? tree_view_any(agent, source->base, &reading.base) : 0;
	if (!rc)
		rc = entries_read(&reading);
	if (!rc)
		rc = is_version(&reading) ? make_version(&reading, reading.base.shape, &tree) : make_whole(&reading, &tree);
	if (!rc)
		*out_object = &tree->object;
	return rc;
}

int object_make(struct workspace_agent *agent, enum object_judge judge, enum object_type type, struct bytes raw,
		const struct oid *id, const struct tree *base, bool shallow, const struct object **out_object)
{
	struct source source = {judge, raw, id, base, shallow};
	switch (type) {
	case OBJECT_COMMIT:
		return commit_parse(agent, &source, out_object);
	case OBJECT_TREE:
		return tree_parse(agent, &source, out_object);
	case OBJECT_TAG:
		return tag_parse(agent, &source, out_object);
	case OBJECT_BLOB:
		return blob_make_as(agent, raw, id, out_object);
	case OBJECT_LINK:
	case OBJECT_ABSENT:
		break;
	}
	return agent_fail(agent, ERR_MALFORMED, "an object of type %d: commits are 1, trees 2, blobs 3 and tags 4", (int)type);
}
