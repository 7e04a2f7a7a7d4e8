/* SPDX-License-Identifier: MIT
 *
 * Making commits, and what is in them.
 */
#include "workspace/store/edit.h"
#include "workspace/store/object_inner.h"
#include "workspace/store/pending.h"
#include "workspace/store/person.h"

#include <assert.h>

#define HEADER_USUAL 512u                 /* most commits' headers fit */
#define LINE_WITH_ID (7u + OID_HEX_BYTES) /* "parent ", digits, line end */
#define WORDS_MAX    sizeof("author committer \n")

/* ---- making ---- */

static size_t print_id(const char *word, const struct oid *id, char *out)
{
	size_t bytes = strlen(word);
	memcpy(out, word, bytes);
	oid_print(id, out + bytes);
	out[bytes + OID_HEX_BYTES - 1] = '\n';
	return bytes + OID_HEX_BYTES;
}

static size_t header_max(const struct workspace_change *change, size_t parent_count)
{
	const struct workspace_person *people[] = {&change->author, &change->committer};
	size_t bytes = LINE_WITH_ID * (1 + parent_count) + WORDS_MAX;
	for (size_t i = 0; i < 2; i++)
		bytes += strlen(people[i]->name ? people[i]->name : "") + strlen(people[i]->email ? people[i]->email : "") +
			 PERSON_OTHER_MAX;
	return bytes;
}

static int print_person(struct workspace_agent *agent, const char *word, const struct workspace_person *person, char *out,
			size_t *at)
{
	const char *why;
	size_t word_bytes = strlen(word);
	memcpy(out + *at, word, word_bytes);
	size_t bytes = person_print(person, out + *at + word_bytes, &why);
	if (bytes == 0)
		return agent_fail(agent, ERR_MALFORMED, "the %s%s", word, why);
	*at += word_bytes + bytes;
	return 0;
}

static int print_header(struct workspace_agent *agent, const struct tree *tree, const struct commit *const *parents,
			size_t parent_count, const struct workspace_change *change, char *out, size_t *out_bytes)
{
	size_t at = print_id("tree ", &tree->object.id, out);
	for (size_t i = 0; i < parent_count; i++)
		at += print_id("parent ", &parents[i]->object.id, out + at);
	int rc = print_person(agent, "author ", &change->author, out, &at);
	if (!rc)
		rc = print_person(agent, "committer ", &change->committer, out, &at);
	out[at++] = '\n';
	*out_bytes = at;
	return rc;
}

static int parents_check(struct workspace_agent *agent, const struct commit *const *parents, size_t count)
{
	if (count > UINT16_MAX)
		return agent_fail(agent, ERR_MALFORMED, "%zu parents: at most %u", count, UINT16_MAX);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (parents[i] == parents[j])
				return agent_fail(agent, ERR_MALFORMED, "a commit is named twice as a parent");
		}
	}
	return 0;
}

struct commit *commit_take(struct workspace_agent *agent, size_t parent_count, uint64_t bytes)
{
	struct commit *commit = memory_take(agent, sizeof(*commit) + parent_count * sizeof(struct object *) + bytes + 1);
	if (!commit)
		return NULL;
	commit->parent_count = (uint32_t)parent_count;
	commit->raw = (const char *)(commit->parents + parent_count);
	commit->generation = 1;
	return commit;
}

int commit_put(struct workspace_agent *agent, struct commit *commit, const struct oid *id, uint64_t bytes,
	       const struct object **out_object)
{
	for (uint32_t i = 0; i < commit->parent_count; i++) {
		const struct commit *parent = object_as_commit(commit->parents[i]);
		if (parent && parent->generation >= commit->generation)
			commit->generation = parent->generation + 1;
	}
	int rc = object_begin(agent, &commit->object, OBJECT_COMMIT, commit->raw, bytes);
	if (!rc && id)
		rc = object_expect(agent, &commit->object, id);
	if (!rc)
		return object_put(agent, &commit->object, out_object);
	memory_give(agent, commit, object_taken(&commit->object));
	return rc;
}

int commit_build(struct workspace_agent *agent, const struct tree *tree, const struct commit *const *parents, size_t parent_count,
		 const struct workspace_change *change, const struct commit **out_commit)
{
	char usual[HEADER_USUAL], *header = usual;
	const struct object *object;
	size_t header_bytes, message_bytes = change->message ? strlen(change->message) : 0,
			     most = header_max(change, parent_count);
	int rc = parents_check(agent, parents, parent_count);
	if (!rc && most > sizeof(usual) && !(header = agent_scratch(agent, most)))
		rc = agent->rc;
	if (!rc)
		rc = print_header(agent, tree, parents, parent_count, change, header, &header_bytes);
	if (rc)
		return rc;
	bool lacks_end = message_bytes && change->message[message_bytes - 1] != '\n';
	uint64_t bytes = header_bytes + message_bytes + lacks_end;
	if (bytes >= UINT32_MAX)
		return agent_fail(agent, ERR_TOO_LARGE, "a commit of %llu bytes: at most %u", (unsigned long long)bytes,
				  UINT32_MAX - 1);
	struct commit *commit = commit_take(agent, parent_count, bytes);
	if (!commit)
		return agent->rc;
	char *raw = (char *)(uintptr_t)commit->raw;
	memcpy(raw, header, header_bytes);
	if (message_bytes)
		memcpy(raw + header_bytes, change->message, message_bytes);
	if (lacks_end)
		raw[bytes - 1] = '\n';
	raw[bytes] = 0;
	commit->tree = tree;
	commit->seconds = change->committer.seconds;
	for (size_t i = 0; i < parent_count; i++)
		commit->parents[i] = &parents[i]->object;
	rc = commit_put(agent, commit, NULL, bytes, &object);
	if (!rc)
		*out_commit = object_as_commit(object);
	return rc;
}

int workspace_commit_make(struct workspace_agent *agent, const struct tree *tree, const struct commit *const *parents,
			  size_t parent_count, const struct workspace_change *change, const struct commit **out_commit)
{
	const struct commit *commit;
	workspace_begin(agent);
	int rc = commit_build(agent, tree, parents, parent_count, change, &commit);
	if (!rc)
		rc = agent_publish(agent, NULL, 0);
	if (!rc)
		*out_commit = commit;
	workspace_end(agent);
	return rc;
}

int workspace_commit(struct workspace_agent *agent, const char *ref, const struct commit *parent,
		     const struct workspace_change *change, const struct commit **out_commit)
{
	const struct tree *tree;
	const struct commit *commit = NULL;
	workspace_begin(agent);
	if (edits_are_few(change->edits, change->count))
		pending_hold(agent);
	int rc = tree_edit(agent, parent ? parent->tree : NULL, change->edits, change->count, &tree);
	if (!rc)
		rc = commit_build(agent, tree, &parent, parent ? 1 : 0, change, &commit);
	const struct object *to = commit ? &commit->object : NULL;
	rc = pending_settle(agent, rc, &to);
	if (!rc) {
		struct ref_update update = {.ref = ref, .from = parent ? &parent->object : NULL, .to = to};
		rc = workspace_refs_update(agent, &update, 1);
	}
	if (!rc)
		*out_commit = object_as_commit(to);
	workspace_end(agent);
	return rc;
}

/* ---- reading ---- */

/* What of a name fits, and not half a character. */
static const char *keep_name(const char *name, size_t bytes, char *out)
{
	if (bytes > COMMIT_NAME_MAX) {
		bytes = COMMIT_NAME_MAX;
		while (bytes && ((uint8_t)name[bytes] & 0xc0) == 0x80)
			bytes--;
	}
	memcpy(out, name, bytes);
	out[bytes] = 0;
	return out;
}

/* What stands behind a word in the headers; an empty line if it is not there. */
static const char *find_header(const char *raw, const char *end, const char *word, const char **out_end)
{
	size_t bytes = strlen(word);
	for (const char *line = raw; line < end && *line != '\n'; line = *out_end + 1) {
		*out_end = memchr(line, '\n', (size_t)(end - line));
		if (!*out_end)
			*out_end = end;
		if ((size_t)(*out_end - line) >= bytes && !memcmp(line, word, bytes))
			return line + bytes;
	}
	return *out_end = end;
}

static void read_person(const char *raw, const char *end, const char *word, char *names, struct workspace_person *out_person)
{
	struct person_spans spans;
	const char *line_end, *line = find_header(raw, end, word, &line_end);
	person_read(line, line_end, out_person, &spans);
	out_person->name = keep_name(spans.name, spans.name_bytes, names);
	out_person->email = keep_name(spans.email, spans.email_bytes, names + COMMIT_NAME_MAX + 1);
}

int commit_read(const struct commit *commit, struct commit_text *out_text)
{
	const char *raw = commit->raw, *end = raw + commit->object.bytes, *message = strstr(raw, "\n\n");
	read_person(raw, end, "author ", out_text->names, &out_text->author);
	read_person(raw, end, "committer ", out_text->names + 2 * (COMMIT_NAME_MAX + 1), &out_text->committer);
	out_text->message = message ? message + 2 : end;
	return 0;
}
