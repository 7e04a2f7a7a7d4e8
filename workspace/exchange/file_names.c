/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/file_names.h"

#include "workspace/exchange/tree_bytes.h"
#include "workspace/store/agent.h"
#include "workspace/store/shape.h"

struct place {
	struct workspace_agent *agent;
	char path[WORKSPACE_PATH_MAX + 1];
	size_t bytes;
};

static int fail(struct place *place, int rc, const char *why)
{
	return agent_fail(place->agent, rc, "\"%.150s\" can be no file: %s", place->path, why);
}

/* One name further; where it begins is where the path ended. */
static int down(struct place *place, const char *name, size_t bytes)
{
	size_t slash = place->bytes > 0;
	if (place->bytes + slash + bytes > WORKSPACE_PATH_MAX)
		return fail(place, ERR_LIMIT, "a path in it is longer than 4,095 bytes");
	if (slash)
		place->path[place->bytes++] = '/';
	memcpy(place->path + place->bytes, name, bytes);
	place->bytes += bytes;
	place->path[place->bytes] = 0;
	return 0;
}

static int check_tree(struct place *place, const struct tree *tree);

static int check_entry(struct place *place, const struct tree *tree, uint32_t index)
{
	const struct shape *shape = tree->shape;
	uint32_t at = shape_name_at(shape, index), bytes = shape->id_at[index] - 1 - at;
	const char *name = (const char *)shape->raw + at, *why;
	enum file_mode mode = shape_mode(shape, index);
	size_t before = place->bytes;
	int rc = down(place, name, bytes);
	if (!rc && tree_name_check(name, bytes, mode, &why))
		rc = fail(place, ERR_MALFORMED, why);
	if (!rc && mode == MODE_FOLDER)
		rc = check_tree(place, object_as_tree(tree_child_at(tree, index)));
	place->bytes = before;
	place->path[before] = 0;
	return rc;
}

static int check_tree(struct place *place, const struct tree *tree)
{
	int rc = 0;
	if (tree->shape->is_disordered)
		return fail(place, ERR_MALFORMED, "its names stand twice, in a wrong order or with a slash in them");
	for (uint32_t i = 0; i < tree->shape->count && !rc; i++)
		rc = check_entry(place, tree, i);
	return rc;
}

int file_names_check(struct workspace_agent *agent, const struct tree *tree)
{
	struct place place = {.agent = agent};
	return check_tree(&place, tree);
}
