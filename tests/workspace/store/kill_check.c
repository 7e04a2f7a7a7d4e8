/* SPDX-License-Identifier: MIT
 *
 * The part that looks at what a kill has left.
 */
#include "tests/workspace/store/kill_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "workspace/sha1.h"
#include "workspace/store/object.h"

/* ---- everything that refs lead to ---- */

struct seen {
	const struct object **slots;
	size_t count, max; /* a power of two */
	const struct object **todo;
	size_t todo_count, todo_max;
};

static size_t slot_of(const struct seen *seen, const struct object *object)
{
	size_t at = (size_t)((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	while (seen->slots[at & (seen->max - 1)] && seen->slots[at & (seen->max - 1)] != object)
		at++;
	return at & (seen->max - 1);
}

static void seen_grow(struct seen *seen)
{
	struct seen old = *seen;
	seen->max = old.max ? 2 * old.max : 4096;
	seen->slots = calloc(seen->max, sizeof(*seen->slots));
	assert_non_null(seen->slots);
	for (size_t i = 0; i < old.max; i++)
		if (old.slots[i])
			seen->slots[slot_of(seen, old.slots[i])] = old.slots[i];
	free(old.slots);
}

static void seen_add(struct seen *seen, const struct object *object)
{
	assert_non_null(object);
	if (2 * seen->count >= seen->max)
		seen_grow(seen);
	size_t slot = slot_of(seen, object);
	if (seen->slots[slot])
		return;
	seen->slots[slot] = object;
	seen->count++;
	if (seen->todo_count == seen->todo_max) {
		seen->todo_max = seen->todo_max ? 2 * seen->todo_max : 1024;
		seen->todo = realloc(seen->todo, seen->todo_max * sizeof(*seen->todo));
		assert_non_null(seen->todo);
	}
	seen->todo[seen->todo_count++] = object;
}

static void follow(struct workspace_agent *agent, struct seen *seen, const struct object *object)
{
	const struct commit *commit = object_as_commit(object);
	const struct tree *tree = object_as_tree(object);
	struct tree_view view;
	if (commit) {
		seen_add(seen, &commit->tree->object);
		for (uint32_t i = 0; i < commit->parent_count; i++) {
			assert_int_equal(commit->parents[i]->type, OBJECT_COMMIT);
			seen_add(seen, commit->parents[i]);
		}
	}
	if (!tree)
		return;
	assert_int_equal(tree_view(agent, tree, &view), 0);
	for (uint32_t i = 0; i < view.shape->count; i++)
		seen_add(seen, view.children[i]);
}

/* Its bytes are those that its id says. */
static void check_bytes(struct workspace_agent *agent, const struct object *object)
{
	static const char *const names[] = {"", "commit", "tree", "blob", "tag"};
	struct bytes raw;
	char head[32];
	uint8_t hash[SHA1_BYTES];
	assert_in_range(object->type, OBJECT_COMMIT, OBJECT_TAG);
	assert_int_equal(object_raw(agent, object, &raw), 0);
	int bytes = snprintf(head, sizeof(head), "%s %u", names[object->type], raw.bytes);
	struct sha1_span spans[] = {{head, (size_t)bytes + 1}, {raw.at, raw.bytes}};
	sha1_of(spans, 2, hash);
	assert_memory_equal(hash, object->id.bytes, SHA1_BYTES);
}

/* ---- what must be there ---- */

struct look {
	struct workspace_agent *agent;
	struct known *known;
	struct seen seen;
};

static const struct commit *commit_at(struct look *look, const char *ref)
{
	const struct object *object;
	if (workspace_ref_get(look->agent, ref, &object))
		fail_msg("%s is gone: %s", ref, workspace_sentence(look->agent));
	assert_non_null(object_as_commit(object));
	return object_as_commit(object);
}

static const struct commit *own_of(struct look *look, unsigned who)
{
	char ref[64];
	snprintf(ref, sizeof(ref), "refs/heads/own/%u", who);
	return commit_at(look, ref);
}

static const struct commit *set_of(struct look *look, unsigned who, const char *which)
{
	char ref[64];
	snprintf(ref, sizeof(ref), "refs/sets/%u%s", who, which);
	return commit_at(look, ref);
}

static bool is_at(const struct commit *commit, const struct oid *id)
{
	return !memcmp(commit->object.id.bytes, id->bytes, OID_BYTES);
}

/* One call more may have come through than was acknowledged. */
static void check_next(const char *what, const struct commit *found, const struct oid *known)
{
	const struct commit *before = found->parent_count ? object_as_commit(found->parents[0]) : NULL;
	if (!is_at(found, known) && !(before && is_at(before, known)))
		fail_msg("%s: an acknowledged commit was lost", what);
}

static uint64_t number_of(const struct commit *commit)
{
	struct commit_text text;
	assert_int_equal(commit_read(commit, &text), 0);
	const char *space = strrchr(text.message, ' ');
	return space ? strtoull(space, NULL, 10) : 0;
}

static void check_own(struct look *look, unsigned who)
{
	const struct commit *found = own_of(look, who);
	check_next("own branch", found, &look->known->own[who]);
	look->known->own[who] = found->object.id;
}

static void check_set(struct look *look, unsigned who, uint64_t acknowledged)
{
	char ref[64];
	const struct object *third = NULL;
	const struct commit *a = set_of(look, who, "/a"), *b = set_of(look, who, "/b");
	snprintf(ref, sizeof(ref), "refs/sets/%u/c", who);
	int rc = workspace_ref_get(look->agent, ref, &third);
	uint64_t number = number_of(a);
	assert_ptr_equal(a, b);
	assert_int_equal(rc, number % 2 ? 0 : ERR_NOT_FOUND);
	if (number % 2)
		assert_ptr_equal(third, a);
	if (number != acknowledged && number != acknowledged + 1)
		fail_msg("set %u is at %llu, and %llu was acknowledged", who, (unsigned long long)number,
			 (unsigned long long)acknowledged);
	if (number == acknowledged)
		assert_true(is_at(a, &look->known->set[who]) || !number);
	look->known->set[who] = a->object.id;
}

static bool reaches(struct look *look, const struct oid *id)
{
	const struct object *object = object_find(look->agent, id);
	return object && look->seen.slots[slot_of(&look->seen, object)] == object;
}

/* Everything that a ref leads to, beginning anew. */
static void walk(struct look *look, const struct object *from, bool commits_only)
{
	seen_add(&look->seen, from);
	while (look->seen.todo_count) {
		const struct object *object = look->seen.todo[--look->seen.todo_count];
		const struct commit *commit = object_as_commit(object);
		if (!commits_only)
			follow(look->agent, &look->seen, object);
		for (uint32_t i = 0; commits_only && i < commit->parent_count; i++)
			seen_add(&look->seen, commit->parents[i]);
	}
}

static void seen_clear(struct seen *seen)
{
	free(seen->slots);
	free(seen->todo);
	*seen = (struct seen){0};
}

/* Whatever was acknowledged on a branch that many move is in its history. */
static void check_history(struct look *look, const char *ref, enum ack_kind kind, const struct ledger *ledger, struct oid *known)
{
	const struct commit *found = commit_at(look, ref);
	walk(look, &found->object, true);
	if (!reaches(look, known))
		fail_msg("%s lost what it had before", ref);
	for (unsigned who = 0; ledger && who < STORY_AGENTS; who++)
		for (uint32_t i = 0; i < atomic_load(&ledger->lanes[who].count); i++)
			if (ledger->lanes[who].acks[i].kind == kind && !reaches(look, &ledger->lanes[who].acks[i].id))
				fail_msg("%s: an acknowledged commit was lost", ref);
	*known = found->object.id;
	seen_clear(&look->seen);
}

/* Of what an agent did alone, the last counts. */
static void take_ledger(const struct ledger *ledger, struct known *known, uint64_t *sets)
{
	for (unsigned who = 0; ledger && who < STORY_AGENTS; who++) {
		const struct lane *lane = &ledger->lanes[who];
		for (uint32_t i = 0; i < atomic_load(&lane->count); i++) {
			if (lane->acks[i].kind == ACK_OWN)
				known->own[who] = lane->acks[i].id;
			if (lane->acks[i].kind != ACK_SET)
				continue;
			known->set[who] = lane->acks[i].id;
			sets[who]++;
		}
	}
}

static int walk_ref(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)ref;
	assert_true(version > 0);
	walk(context, object, false);
	return 0;
}

static void check_closed(struct look *look)
{
	assert_int_equal(workspace_refs_each(look->agent, "", walk_ref, look), 0);
	for (size_t i = 0; i < look->seen.max; i++)
		if (look->seen.slots[i])
			check_bytes(look->agent, look->seen.slots[i]);
	seen_clear(&look->seen);
}

/* ---- git ---- */

static void run(const char *command, const char *what)
{
	char line[400];
	FILE *output = popen(command, "r");
	assert_non_null(output);
	bool spoke = fgets(line, sizeof(line), output);
	if (pclose(output) || spoke)
		fail_msg("%s: %s", what, spoke ? line : "it failed");
}

static void check_git(struct look *look, const char *folder)
{
	char path[300], command[700];
	struct export_result result;
	snprintf(path, sizeof(path), "%s-export", folder);
	struct export_options options = {.path = path, .bare = true};
	if (workspace_export(look->agent, &options, &result))
		fail_msg("exporting: %s", workspace_sentence(look->agent));
	snprintf(command, sizeof(command), "git -C '%s' fsck --full --strict --no-dangling --no-progress 2>&1", path);
	run(command, "git fsck");
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	run(command, "rm");
	look->known->git_checks++;
}

/* ---- all of it ---- */

static struct workspace *open_to_look(const char *folder, enum workspace_durability level, struct look *look)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct workspace *workspace;
	struct workspace_options options = {.journal = folder, .durability = level, .memory_max_bytes = (uint64_t)1 << 30};
	if (workspace_open(&options, &workspace, sentence))
		fail_msg("opening: %s", sentence);
	assert_int_equal(workspace_join(workspace, &look->agent), 0);
	workspace_begin(look->agent);
	return workspace;
}

static void close_after(struct workspace *workspace, struct look *look)
{
	workspace_end(look->agent);
	workspace_leave(look->agent);
	assert_int_equal(workspace_close(workspace), 0);
}

void story_check(const char *folder, enum workspace_durability level, const struct ledger *ledger, bool git, struct known *known)
{
	struct look look = {.known = known};
	uint64_t sets[STORY_AGENTS] = {0}, numbers[STORY_AGENTS];
	struct workspace *workspace = open_to_look(folder, level, &look);
	for (unsigned who = 0; who < STORY_AGENTS; who++)
		numbers[who] = known->set_numbers[who];
	take_ledger(ledger, known, sets);
	for (unsigned who = 0; who < STORY_AGENTS; who++) {
		check_own(&look, who);
		check_set(&look, who, numbers[who] + sets[who]);
		known->set_numbers[who] = number_of(set_of(&look, who, "/a"));
	}
	check_history(&look, STORY_MAIN, ACK_MAIN, ledger, &known->main);
	check_history(&look, "refs/shared/x", ACK_SHARED, ledger, &known->shared);
	assert_ptr_equal(commit_at(&look, "refs/shared/x"), commit_at(&look, "refs/shared/y"));
	check_closed(&look);
	if (git)
		check_git(&look, folder);
	close_after(workspace, &look);
}

void story_known(const char *folder, struct known *out_known)
{
	struct look look = {.known = out_known};
	*out_known = (struct known){0};
	struct workspace *workspace = open_to_look(folder, DURABLE_PROCESS, &look);
	for (unsigned who = 0; who < STORY_AGENTS; who++) {
		out_known->own[who] = own_of(&look, who)->object.id;
		out_known->set[who] = set_of(&look, who, "/a")->object.id;
	}
	out_known->main = commit_at(&look, STORY_MAIN)->object.id;
	out_known->shared = commit_at(&look, "refs/shared/x")->object.id;
	close_after(workspace, &look);
}
