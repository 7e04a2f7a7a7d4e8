/* SPDX-License-Identifier: MIT
 *
 * The part that is killed.
 */
#include "tests/workspace/store/kill_story.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES 40u

struct worker {
	struct workspace *workspace;
	struct workspace_agent *agent;
	struct ledger *ledger;
	const struct moment *moment;
	unsigned who;
	uint64_t random;
	uint64_t number;
};

static struct workspace_change change_of(const struct workspace_edit *edits, size_t count, const char *message)
{
	struct workspace_change change = {.edits = edits, .count = count, .message = message};
	change.author = change.committer = (struct workspace_person){"An Agent", "agent@example.org", 1700000000, 0};
	return change;
}

static _Noreturn void give_up(struct workspace_agent *agent, const char *what, int rc)
{
	fprintf(stderr, "%s: %s (%s)\n", what, error_name(rc), agent ? workspace_sentence(agent) : "");
	_exit(9);
}

static void must(struct worker *worker, int rc, const char *what)
{
	if (rc)
		give_up(worker->agent, what, rc);
}

static uint32_t chance(struct worker *worker, uint32_t below)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return (uint32_t)(worker->random >> 20) % below;
}

static void tell(struct worker *worker)
{
	if (write(worker->moment->tell, "!", 1) != 1)
		_exit(9);
}

static void acknowledge(struct worker *worker, enum ack_kind kind, const struct commit *commit)
{
	struct lane *lane = &worker->ledger->lanes[worker->who];
	uint32_t count = atomic_load(&lane->count);
	if (count == STORY_ACKS_MAX) /* the parent is asleep; it will find enough */
		for (;;)
			pause();
	lane->acks[count] = (struct ack){kind, *commit_id(commit)};
	atomic_store(&lane->count, count + 1);
	if (atomic_fetch_add(&worker->ledger->acknowledged, 1) + 1 == worker->moment->acknowledged)
		tell(worker);
}

static const struct commit *commit_at(struct worker *worker, const char *ref)
{
	const struct object *object;
	const struct commit *commit;
	must(worker, workspace_ref_get(worker->agent, ref, &object), ref);
	must(worker, workspace_commit_by_id(worker->agent, object_id(object), &commit), "a ref's commit");
	return commit;
}

/* ---- what an agent does ---- */

static size_t content_of(struct worker *worker, char *out, size_t max)
{
	size_t bytes = 50 + chance(worker, (uint32_t)max - 50);
	int begin = snprintf(out, max, "%u %llu\n", worker->who, (unsigned long long)worker->number);
	memset(out + begin, 'a' + (char)(worker->number % 26), bytes - (size_t)begin);
	return bytes;
}

static void commit_own(struct worker *worker)
{
	char ref[64], path[64], content[1500], message[64];
	const struct commit *commit;
	snprintf(ref, sizeof(ref), "refs/heads/own/%u", worker->who);
	snprintf(path, sizeof(path), "agent%u/%u/file%u", worker->who, chance(worker, 4), chance(worker, FILES));
	snprintf(message, sizeof(message), "own %u %llu", worker->who, (unsigned long long)worker->number);
	struct workspace_edit edit = {.path = path, .mode = MODE_FILE};
	edit.data = (struct bytes){(const uint8_t *)content, (uint32_t)content_of(worker, content, sizeof(content))};
	struct workspace_change change = change_of(&edit, 1, message);
	must(worker, workspace_commit(worker->agent, ref, commit_at(worker, ref), &change, &commit), "committing");
	acknowledge(worker, ACK_OWN, commit);
}

static void merge_main(struct worker *worker)
{
	char ref[64], message[64];
	const struct commit *commit;
	struct merge_result result = {0};
	struct merge_options options = {0};
	snprintf(ref, sizeof(ref), "refs/heads/own/%u", worker->who);
	snprintf(message, sizeof(message), "merge %u %llu", worker->who, (unsigned long long)worker->number);
	struct workspace_change change = change_of(NULL, 0, message);
	must(worker, workspace_merge_into(worker->agent, STORY_MAIN, commit_at(worker, ref), &change, &options, &result, &commit),
	     "merging");
	merge_result_release(&result);
	acknowledge(worker, ACK_MAIN, commit);
}

/* A commit that has nothing but a large file, and before it what it was made from is dropped: this is what there is to collect. */
static const struct commit *loose_commit(struct worker *worker, const struct commit *parent, const char *what, uint64_t number)
{
	char content[20000], message[64];
	const struct commit *commit;
	const struct tree *tree;
	snprintf(message, sizeof(message), "%s %llu", what, (unsigned long long)number);
	struct workspace_edit edit = {.path = "large", .mode = MODE_FILE};
	edit.data =
		(struct bytes){(const uint8_t *)content, (uint32_t)content_of(worker, content, parent ? 100 : sizeof(content))};
	struct workspace_change change = change_of(NULL, 0, message);
	must(worker, workspace_tree_edit(worker->agent, NULL, &edit, 1, &tree), "a tree");
	must(worker, workspace_commit_make(worker->agent, tree, &parent, parent ? 1 : 0, &change, &commit), "a commit");
	return commit;
}

static uint64_t number_of(struct worker *worker, const struct commit *commit)
{
	struct commit_text text;
	must(worker, commit_read(commit, &text), "a commit's text");
	const char *space = strrchr(text.message, ' ');
	return space ? strtoull(space, NULL, 10) : 0;
}

static void move_set(struct worker *worker)
{
	char names[3][64];
	for (int i = 0; i < 3; i++)
		snprintf(names[i], sizeof(names[i]), "refs/sets/%u/%c", worker->who, "abc"[i]);
	const struct commit *from = commit_at(worker, names[0]);
	uint64_t number = number_of(worker, from) + 1;
	const struct commit *to = loose_commit(worker, NULL, "set", number);
	struct ref_update updates[3] = {{names[0], (const struct object *)from, (const struct object *)to, false},
					{names[1], (const struct object *)from, (const struct object *)to, false},
					{.ref = names[2], .anywhere = true}};
	if (number % 2)
		updates[2].to = (const struct object *)to;
	must(worker, workspace_refs_update(worker->agent, updates, 3), "moving three refs");
	acknowledge(worker, ACK_SET, to);
}

static void move_shared(struct worker *worker)
{
	for (;;) {
		const struct commit *from = commit_at(worker, "refs/shared/x");
		const struct commit *to = loose_commit(worker, from, "shared", worker->number);
		struct ref_update updates[2] = {{"refs/shared/y", (const struct object *)from, (const struct object *)to, false},
						{"refs/shared/x", (const struct object *)from, (const struct object *)to, false}};
		int rc = workspace_refs_update(worker->agent, updates, 2);
		if (rc == ERR_MOVED)
			continue;
		must(worker, rc, "moving two refs");
		acknowledge(worker, ACK_SHARED, to);
		return;
	}
}

static void collect(struct worker *worker)
{
	struct workspace_gc_result result;
	atomic_store(&worker->ledger->collecting, 1);
	if (worker->moment->collecting)
		tell(worker);
	must(worker, workspace_gc(worker->agent, chance(worker, 2), &result), "collecting");
	atomic_store(&worker->ledger->collecting, 0);
	atomic_fetch_add(&worker->ledger->collected, 1);
	if (result.journal_after < result.journal_before)
		atomic_fetch_add(&worker->ledger->rewritten, 1);
}

static void do_something(struct worker *worker)
{
	uint32_t what = chance(worker, 100);
	worker->number++;
	if (!worker->who && what == 0) {
		collect(worker);
		return;
	}
	if (what == 1) {
		workspace_leave(worker->agent);
		must(worker, workspace_join(worker->workspace, &worker->agent), "joining again");
	}
	workspace_begin(worker->agent);
	if (what < 40)
		commit_own(worker);
	else if (what < 60)
		merge_main(worker);
	else if (what < 80)
		move_set(worker);
	else
		move_shared(worker);
	workspace_end(worker->agent);
}

static void *worker_run(void *context)
{
	struct worker *worker = context;
	must(worker, workspace_join(worker->workspace, &worker->agent), "joining");
	for (;;)
		do_something(worker);
	return NULL;
}

static struct workspace *open_or_give_up(const char *folder, enum workspace_durability level)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct workspace *workspace;
	struct workspace_options options = {.journal = folder, .durability = level, .memory_max_bytes = (uint64_t)1 << 30};
	int rc = workspace_open(&options, &workspace, sentence);
	if (rc) {
		fprintf(stderr, "opening: %s: %s\n", error_name(rc), sentence);
		_exit(9);
	}
	return workspace;
}

_Noreturn void story_work(const char *folder, enum workspace_durability level, uint64_t seed, const struct moment *moment,
			  struct ledger *ledger)
{
	struct worker workers[STORY_AGENTS];
	struct workspace *workspace = open_or_give_up(folder, level);
	for (unsigned i = 0; i < STORY_AGENTS; i++) {
		pthread_t thread;
		workers[i] = (struct worker){.workspace = workspace, .ledger = ledger, .moment = moment, .who = i};
		workers[i].random = (seed * 8 + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		workers[i].number = seed << 32;
		if (pthread_create(&thread, NULL, worker_run, &workers[i]))
			_exit(9);
	}
	for (;;)
		pause();
}

int story_begin(const char *folder, enum workspace_durability level)
{
	char names[4 + 4 * STORY_AGENTS][64];
	struct ref_update updates[4 + 4 * STORY_AGENTS] = {0};
	size_t count = 0;
	struct worker worker = {.workspace = open_or_give_up(folder, level), .random = 1};
	must(&worker, workspace_join(worker.workspace, &worker.agent), "joining");
	workspace_begin(worker.agent);
	const struct commit *root = loose_commit(&worker, NULL, "root", 0);
	snprintf(names[count++], 64, STORY_MAIN);
	snprintf(names[count++], 64, "refs/shared/x");
	snprintf(names[count++], 64, "refs/shared/y");
	for (unsigned i = 0; i < STORY_AGENTS; i++) {
		snprintf(names[count++], 64, "refs/heads/own/%u", i);
		snprintf(names[count++], 64, "refs/sets/%u/a", i);
		snprintf(names[count++], 64, "refs/sets/%u/b", i);
	}
	for (size_t i = 0; i < count; i++)
		updates[i] = (struct ref_update){.ref = names[i], .to = (const struct object *)root};
	must(&worker, workspace_refs_update(worker.agent, updates, count), "the first refs");
	workspace_end(worker.agent);
	workspace_leave(worker.agent);
	return workspace_close(worker.workspace);
}
