/* SPDX-License-Identifier: MIT
 *
 * Commits from lists of strings.
 */
#include "cases.h"

void place_open(struct place *place, uint64_t memory_max_bytes)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	const struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = memory_max_bytes};
	*place = (struct place){.seconds = 1700000000};
	assert_int_equal(workspace_open(&options, &place->workspace, sentence), 0);
	assert_int_equal(workspace_join(place->workspace, &place->agent), 0);
	workspace_begin(place->agent);
}

void place_close(struct place *place)
{
	workspace_end(place->agent);
	workspace_leave(place->agent);
	assert_int_equal(workspace_close(place->workspace), 0);
}

static struct workspace_change change_of(struct place *place)
{
	const struct workspace_person person = {.name = "A", .email = "a@example.com", .seconds = place->seconds++};
	return (struct workspace_change){.author = person, .committer = person, .message = "change"};
}

const struct commit *commit_of(struct place *place, const struct commit *parent, const char *const *files)
{
	struct workspace_edit edits[64];
	struct oid links[64];
	const struct workspace_change change = change_of(place);
	const struct tree *tree;
	const struct commit *commit;
	size_t count = 0;
	for (; files[2 * count]; count++) {
		const char *path = files[2 * count], *content = files[2 * count + 1];
		struct workspace_edit *edit = &edits[count];
		*edit = (struct workspace_edit){.mode = MODE_FILE, .data = {(const uint8_t *)content, (uint32_t)strlen(content)}};
		if (*path == '*')
			edit->mode = MODE_EXECUTABLE;
		if (*path == '@')
			edit->mode = MODE_SYMLINK;
		if (*path == '!') {
			edit->mode = MODE_SUBMODULE;
			memset(links[count].bytes, *content, OID_BYTES);
			edit->id = &links[count];
		}
		edit->path = path + (edit->mode != MODE_FILE);
	}
	assert_int_equal(workspace_tree_edit(place->agent, NULL, edits, count, &tree), 0);
	assert_int_equal(workspace_commit_make(place->agent, tree, &parent, parent ? 1 : 0, &change, &commit), 0);
	return commit;
}

const struct commit *commit_of_two(struct place *place, const struct commit *one, const struct commit *two,
				   const struct tree *tree)
{
	const struct workspace_change change = change_of(place);
	const struct commit *const parents[] = {one, two};
	const struct commit *commit;
	assert_int_equal(workspace_commit_make(place->agent, tree, parents, 2, &change, &commit), 0);
	return commit;
}

void merge(struct place *place, const struct commit *ours, const struct commit *theirs, struct merge_result *out_result)
{
	const struct merge_options options = {.ours_name = "one", .theirs_name = "two"};
	int rc = workspace_merge(place->agent, ours, theirs, &options, out_result);
	if (rc)
		fail_msg("%d: %s", rc, workspace_sentence(place->agent));
}

const struct merge_conflict *conflict_at(const struct merge_result *result, const char *path)
{
	for (size_t i = 0; i < result->conflict_count; i++) {
		if (!strcmp(result->conflicts[i].path, path))
			return &result->conflicts[i];
	}
	return NULL;
}

void assert_file(struct place *place, const struct tree *tree, const char *path, const char *content)
{
	struct workspace_file file;
	if (workspace_read(place->agent, tree, path, &file))
		fail_msg("%s is not there", path);
	if (file.data.bytes != strlen(content) || memcmp(file.data.at, content, file.data.bytes) != 0)
		fail_msg("%s is\n%.*s\nand should be\n%s", path, (int)file.data.bytes, (const char *)file.data.at, content);
}

void assert_nothing(struct place *place, const struct tree *tree, const char *path)
{
	struct workspace_file file;
	assert_int_equal(workspace_read(place->agent, tree, path, &file), ERR_NOT_FOUND);
}

/* `sides` says who has a version there: some of "b", "o", "t". */
void assert_conflict(const struct merge_result *result, const char *path, enum conflict_kind kind, const char *sides)
{
	const struct merge_conflict *conflict = conflict_at(result, path);
	if (!conflict)
		fail_msg("%s is not in conflict", path);
	if (conflict->kind != kind)
		fail_msg("%s is in a conflict of kind %d and not %d", path, conflict->kind, kind);
	assert_int_equal(conflict->base.mode != MODE_NONE, strchr(sides, 'b') != NULL);
	assert_int_equal(conflict->ours.mode != MODE_NONE, strchr(sides, 'o') != NULL);
	assert_int_equal(conflict->theirs.mode != MODE_NONE, strchr(sides, 't') != NULL);
}
