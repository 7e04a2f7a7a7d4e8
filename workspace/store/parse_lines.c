/* SPDX-License-Identifier: MIT
 *
 * Commits and tags from their bytes.
 *
 * A commit is "tree ID", any number of "parent ID", "author PERSON", "committer PERSON", then any other headers (encoding, gpgsig,
 * mergetag), an empty line and the message. A tag is "object ID", "type TYPE", "tag NAME", perhaps "tagger PERSON", other headers, an
 * empty line and the message. What must hold is what git fsck --strict wants of them, or in what is there already what git needs to read them:
 * the lines up to the parents, and those up to the name of a tag. Bytes stay as they are.
 */
#include "workspace/store/parse.h"

#include "workspace/store/person.h"

#define TAG_BYTES_MIN 64u /* git reads no shorter ones */

/* ---- lines ---- */

int lines_fail(const struct lines *lines, const char *begin, const char *why)
{
	return agent_fail(lines->agent, ERR_MALFORMED, "byte %zu of a %s: %s", (size_t)(lines->at - begin),
			  type_name(lines->type), why);
}

bool lines_word(struct lines *lines, const char *word)
{
	size_t bytes = strlen(word);
	if ((size_t)(lines->end - lines->at) < bytes || memcmp(lines->at, word, bytes) != 0)
		return false;
	lines->at += bytes;
	return true;
}

bool lines_id(struct lines *lines, struct oid *out_id)
{
	if (lines->end - lines->at < (ptrdiff_t)OID_HEX_BYTES || oid_parse_some(lines->at, out_id) != 2 * OID_BYTES ||
	    lines->at[2 * OID_BYTES] != '\n')
		return false;
	lines->at += OID_HEX_BYTES;
	return true;
}

const char *lines_rest(struct lines *lines, size_t *out_bytes)
{
	const char *from = lines->at, *end = memchr(from, '\n', (size_t)(lines->end - from));
	if (!end)
		return NULL;
	*out_bytes = (size_t)(end - from);
	lines->at = end + 1;
	return from;
}

const char *lines_check(struct bytes raw)
{
	const uint8_t *blank = memmem(raw.at, raw.bytes, "\n\n", 2);
	size_t bytes = blank ? (size_t)(blank - raw.at) : raw.bytes;
	if (bytes && memchr(raw.at, 0, bytes))
		return "a NUL in the headers";
	if (!blank && (raw.bytes == 0 || raw.at[raw.bytes - 1] != '\n'))
		return "the headers do not end with a line end";
	return NULL;
}

/* ---- commits ---- */

struct parents {
	const struct object **at;
	size_t count, capacity;
};

static int parents_add(struct workspace_agent *agent, struct parents *parents, const struct object *parent)
{
	if (parents->count == parents->capacity) {
		size_t capacity = parents->capacity ? 4 * parents->capacity : 16;
		const struct object **grown = agent_scratch(agent, capacity * sizeof(*grown));
		if (!grown)
			return agent->rc;
		if (parents->count)
			memcpy(grown, parents->at, parents->count * sizeof(*grown));
		parents->at = grown;
		parents->capacity = capacity;
	}
	parents->at[parents->count++] = parent;
	return 0;
}

static int parent_find(struct workspace_agent *agent, const struct oid *id, bool is_shallow, const struct object **out_parent)
{
	if (is_shallow && !object_find(agent, id))
		return object_link(agent, OBJECT_ABSENT, id, out_parent);
	return object_named(agent, OBJECT_COMMIT, id, out_parent);
}

static int read_parents(struct lines *lines, const struct source *source, struct parents *parents)
{
	const char *begin = (const char *)source->raw.at;
	while (lines_word(lines, "parent ")) {
		const struct object *parent;
		struct oid id;
		/* Git takes what is too short at the very end for anything else. */
		if (source->judge == JUDGE_AS_READ && lines->end - lines->at < (ptrdiff_t)OID_HEX_BYTES)
			return 0;
		if (!lines_id(lines, &id))
			return lines_fail(lines, begin, "a parent is forty hexadecimal digits and a line end");
		int rc = parent_find(lines->agent, &id, source->is_shallow, &parent);
		if (!rc)
			rc = parents_add(lines->agent, parents, parent);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_person(struct lines *lines, const char *begin, const char *word, const char *missing)
{
	struct workspace_person person;
	struct person_spans spans;
	size_t bytes;
	if (!lines_word(lines, word))
		return lines_fail(lines, begin, missing);
	const char *why = person_parse(lines->at, lines->end, &person, &spans);
	if (why)
		return lines_fail(lines, begin, why);
	(void)lines_rest(lines, &bytes);
	return 0;
}

static int check_people(struct lines lines, const char *begin)
{
	int rc = check_person(&lines, begin, "author ", "here \"parent \" or \"author \" should stand");
	return rc ? rc : check_person(&lines, begin, "committer ", "here \"committer \" should stand");
}

/* Git looks for it in the second line behind the parents, and nowhere else. */
static int64_t commit_seconds(struct lines lines)
{
	size_t bytes;
	if (!lines_word(&lines, "author") || !lines_rest(&lines, &bytes) || !lines_word(&lines, "committer"))
		return 0;
	const char *line = lines_rest(&lines, &bytes);
	return line ? person_order(line, line + bytes) : 0;
}

static const char *commit_fault(struct bytes raw)
{
	const char *why = lines_check(raw);
	return why || !memchr(raw.at, 0, raw.bytes) ? why : "a NUL in the message";
}

static int read_tree(struct lines *lines, const char *begin, const struct tree **out_tree)
{
	const struct object *tree;
	struct oid id;
	if (!lines_word(lines, "tree ") || !lines_id(lines, &id))
		return lines_fail(lines, begin, "a commit begins with \"tree \", forty hexadecimal digits and a line end");
	if (lines->at == lines->end)
		return lines_fail(lines, begin, "a commit does not end with its tree");
	int rc = object_named(lines->agent, OBJECT_TREE, &id, &tree);
	if (!rc)
		*out_tree = object_as_tree(tree);
	return rc;
}

int commit_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object)
{
	bool is_strict = source->judge == JUDGE_STRICT;
	const char *raw = (const char *)source->raw.at, *why = is_strict ? commit_fault(source->raw) : NULL;
	struct lines lines = {raw, raw + source->raw.bytes, OBJECT_COMMIT, agent};
	struct parents parents = {NULL, 0, 0};
	const struct tree *tree = NULL;
	int rc = why ? lines_fail(&lines, raw, why) : read_tree(&lines, raw, &tree);
	if (!rc)
		rc = read_parents(&lines, source, &parents);
	if (!rc && is_strict)
		rc = check_people(lines, raw);
	struct commit *commit = rc ? NULL : commit_take(agent, parents.count, source->raw.bytes);
	if (!commit)
		return rc ? rc : agent->rc;
	memcpy((char *)(uintptr_t)commit->raw, raw, source->raw.bytes);
	((char *)(uintptr_t)commit->raw)[source->raw.bytes] = 0;
	if (parents.count)
		memcpy(commit->parents, parents.at, parents.count * sizeof(*parents.at));
	commit->tree = tree;
	commit->seconds = commit_seconds(lines);
	return commit_put(agent, commit, source->id, source->raw.bytes, out_object);
}

/* ---- tags ---- */

static enum object_type type_of(const char *name, size_t bytes)
{
	for (enum object_type type = OBJECT_COMMIT; type <= OBJECT_TAG; type++) {
		if (strlen(type_name(type)) == bytes && !memcmp(type_name(type), name, bytes))
			return type;
	}
	return 0;
}

static int read_target(struct lines *lines, const char *begin, const struct object **out_target)
{
	struct oid id;
	size_t bytes;
	if (!lines_word(lines, "object ") || !lines_id(lines, &id))
		return lines_fail(lines, begin, "a tag begins with \"object \", forty hexadecimal digits and a line end");
	const char *word = lines_word(lines, "type ") ? lines_rest(lines, &bytes) : NULL;
	enum object_type type = word ? type_of(word, bytes) : 0;
	if (!type)
		return lines_fail(lines, begin, "here \"type \" and commit, tree, blob or tag should stand");
	return object_named(lines->agent, type, &id, out_target);
}

static int tag_put(struct workspace_agent *agent, const struct source *source, const struct object *target,
		   const struct object **out_object)
{
	uint32_t bytes = source->raw.bytes;
	struct tag *tag = memory_take(agent, sizeof(*tag) + bytes + 1);
	if (!tag)
		return agent->rc;
	char *raw = (char *)(tag + 1);
	memcpy(raw, source->raw.at, bytes);
	raw[bytes] = 0;
	tag->raw = raw;
	tag->target = target;
	int rc = object_begin(agent, &tag->object, OBJECT_TAG, raw, bytes);
	if (!rc && source->id)
		rc = object_expect(agent, &tag->object, source->id);
	if (!rc)
		return object_put(agent, &tag->object, out_object);
	memory_give(agent, tag, sizeof(*tag) + bytes + 1);
	return rc;
}

int tag_parse(struct workspace_agent *agent, const struct source *source, const struct object **out_object)
{
	bool is_strict = source->judge == JUDGE_STRICT;
	const char *raw = (const char *)source->raw.at, *why = is_strict ? lines_check(source->raw) : NULL;
	struct lines lines = {raw, raw + source->raw.bytes, OBJECT_TAG, agent};
	const struct object *target;
	size_t bytes;
	if (!why && source->raw.bytes < TAG_BYTES_MIN)
		why = "git reads no tag of less than 64 bytes";
	int rc = why ? lines_fail(&lines, raw, why) : read_target(&lines, raw, &target);
	if (!rc && !(lines_word(&lines, "tag ") && lines_rest(&lines, &bytes)))
		rc = lines_fail(&lines, raw, "here \"tag \" and a name should stand");
	if (!rc && is_strict && lines.end - lines.at >= 7 && !memcmp(lines.at, "tagger ", 7))
		rc = check_person(&lines, raw, "tagger ", "");
	return rc ? rc : tag_put(agent, source, target, out_object);
}
