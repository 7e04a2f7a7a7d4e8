/* SPDX-License-Identifier: MIT
 *
 * Commits as people name them (gitrevisions(7), what of it names one commit by an id, a ref, ~ and ^).
 */
#include "workspace/store/object_inner.h"

#include <assert.h>

#define PREFIX_DIGITS_MIN 4u

/* ---- by the beginning of an id ---- */

struct search {
	const struct oid *prefix;
	unsigned digits;
	bool only_commits; /* and tags */
	const struct object *found;
};

static bool has_prefix(const struct oid *id, const struct oid *prefix, unsigned digits)
{
	if (memcmp(id->bytes, prefix->bytes, digits / 2) != 0)
		return false;
	return digits % 2 == 0 || id->bytes[digits / 2] >> 4 == prefix->bytes[digits / 2] >> 4;
}

static int search_seen(void *context, struct object *object)
{
	struct search *search = context;
	bool wanted = !search->only_commits || object->type == OBJECT_COMMIT || object->type == OBJECT_TAG;
	if (!wanted || !has_prefix(&object->id, search->prefix, search->digits))
		return 0;
	if (search->found)
		return ERR_AMBIGUOUS;
	search->found = object;
	return 0;
}

static int search_run(struct workspace_agent *agent, struct search *search, const struct object **out_object)
{
	const uint8_t *first = search->digits >= 2 ? search->prefix->bytes : NULL;
	char hex[OID_HEX_BYTES];
	int rc = index_each(agent, first, search_seen, search);
	oid_print(search->prefix, hex);
	if (rc == ERR_AMBIGUOUS)
		return agent_fail(agent, rc, "more than one object begins with %.*s", (int)search->digits, hex);
	if (!rc && !search->found)
		return agent_fail(agent, ERR_NOT_FOUND, "no object begins with %.*s", (int)search->digits, hex);
	if (!rc)
		*out_object = search->found;
	return rc ? rc : object_adopt(agent, search->found);
}

int object_find_prefix(struct workspace_agent *agent, const struct oid *prefix, unsigned digits, const struct object **out_object)
{
	struct search search = {.prefix = prefix, .digits = digits};
	assert(digits <= 2 * OID_BYTES);
	return search_run(agent, &search, out_object);
}

struct each {
	object_seen *seen;
	void *context;
};

static int each_seen(void *context, struct object *object)
{
	const struct each *each = context;
	return each->seen(each->context, object);
}

int objects_each(struct workspace_agent *agent, object_seen *seen, void *context)
{
	struct each each = {seen, context};
	return index_each(agent, NULL, each_seen, &each);
}

/* ---- by name ---- */

static int find_ref(struct workspace_agent *agent, const char *name, const struct object **out_object)
{
	static const char *const folders[] = {"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"};
	char ref[WORKSPACE_REF_MAX + 1];
	if (!strcmp(name, "HEAD")) {
		int rc = workspace_head_get(agent, ref);
		return rc ? rc : workspace_ref_get(agent, ref, out_object);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t folder_bytes = strlen(folders[i]), bytes = strlen(name);
		if (folder_bytes + bytes > WORKSPACE_REF_MAX)
			break;
		memcpy(ref, folders[i], folder_bytes);
		memcpy(ref + folder_bytes, name, bytes + 1);
		int rc = strncmp(ref, "refs/", 5) ? ERR_NOT_FOUND : workspace_ref_get(agent, ref, out_object);
		if (rc != ERR_NOT_FOUND && rc != ERR_MALFORMED)
			return rc;
	}
	return ERR_NOT_FOUND;
}

static int find_base(struct workspace_agent *agent, const char *name, const struct object **out_object)
{
	struct oid id;
	unsigned digits = oid_parse_some(name, &id);
	if (digits == 2 * OID_BYTES && !name[digits]) {
		struct search whole = {.prefix = &id, .digits = digits};
		return search_run(agent, &whole, out_object);
	}
	int rc = find_ref(agent, name, out_object);
	if (rc != ERR_NOT_FOUND)
		return rc;
	if (!name[digits] && digits >= PREFIX_DIGITS_MIN) {
		struct search search = {.prefix = &id, .digits = digits, .only_commits = true};
		return search_run(agent, &search, out_object);
	}
	return agent_fail(agent, ERR_NOT_FOUND, "\"%.150s\" is no ref, and no beginning of an id of at least %u digits", name,
			  PREFIX_DIGITS_MIN);
}

static int peel(struct workspace_agent *agent, const struct object *object, const struct commit **out_commit)
{
	char hex[OID_HEX_BYTES];
	while (object->type == OBJECT_TAG)
		object = ((const struct tag *)object)->target;
	*out_commit = object_as_commit(object);
	if (*out_commit)
		return 0;
	oid_print(&object->id, hex);
	return agent_fail(agent, ERR_NOT_FOUND, "%s is a %s, not a commit", hex, type_name(object->type));
}

/* ---- and from there ---- */

static int step_up(struct workspace_agent *agent, const struct commit *from, size_t index, const struct commit **out_commit)
{
	char hex[OID_HEX_BYTES];
	oid_print(&from->object.id, hex);
	if (index >= from->parent_count)
		return agent_fail(agent, ERR_NOT_FOUND, "commit %s has %u parents, and none of number %zu", hex,
				  from->parent_count, index + 1);
	*out_commit = commit_parent(from, index);
	if (!*out_commit)
		return agent_fail(agent, ERR_NOT_FOUND, "parent %zu of commit %s was not imported", index + 1, hex);
	return 0;
}

/* The number behind ~ or ^; 1 if there is none. */
static int read_number(struct workspace_agent *agent, const char **at, size_t *out_number)
{
	size_t number = 0;
	const char *from = *at;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		number = number * 10 + (size_t)(**at - '0');
		if (number > UINT32_MAX)
			return agent_fail(agent, ERR_MALFORMED, "\"%.40s\" is too large a number", from);
	}
	*out_number = *at == from ? 1 : number;
	return 0;
}

static int walk(struct workspace_agent *agent, const char *at, const struct commit **commit)
{
	while (*at) {
		const char sign = *at++;
		size_t number = 0;
		if (sign != '~' && sign != '^')
			return agent_fail(agent, ERR_MALFORMED, "\"%.150s\": a name may be followed by ~N and ^N", at - 1);
		int rc = read_number(agent, &at, &number);
		if (!rc && sign == '^' && number)
			rc = step_up(agent, *commit, number - 1, commit);
		for (; !rc && sign == '~' && number; number--)
			rc = step_up(agent, *commit, 0, commit);
		if (rc)
			return rc;
	}
	return 0;
}

static int find(struct workspace_agent *agent, const char *revision, const struct commit **out_commit)
{
	size_t bytes = strcspn(revision, "~^");
	const struct object *object;
	char name[WORKSPACE_REF_MAX + 1];
	if (bytes == 0 || bytes >= sizeof(name))
		return agent_fail(agent, ERR_NOT_FOUND, "\"%.150s\" begins with no name of at most %u bytes", revision,
				  WORKSPACE_REF_MAX);
	memcpy(name, revision, bytes);
	name[bytes] = 0;
	int rc = find_base(agent, name, &object);
	if (!rc)
		rc = peel(agent, object, out_commit);
	return rc ? rc : walk(agent, revision + bytes, out_commit);
}

int workspace_find(struct workspace_agent *agent, const char *revision, const struct commit **out_commit)
{
	const struct commit *commit;
	workspace_begin(agent);
	int rc = find(agent, revision, &commit);
	if (!rc)
		rc = agent_publish(agent, NULL, 0);
	if (!rc)
		*out_commit = commit;
	workspace_end(agent);
	return rc;
}
