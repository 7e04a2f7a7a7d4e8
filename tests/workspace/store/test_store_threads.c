/* SPDX-License-Identifier: MIT
 *
 * Eight agents at once. Built with ThreadSanitizer too. All of it STORE_TIMES times, if that is set.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/workspace/store/world.h"

#define AGENTS 8

/* cmocka's checks end the wrong thread, so here a failure ends everything. */
#define HOLDS(condition)                                                                                                         \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                          \
			abort();                                                                                                 \
		}                                                                                                                \
	} while (0)

static uint32_t random_of(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- one ref that everybody wants to move ---- */

#define STORM_COMMITS 500

static void storm(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];

	for (unsigned i = 0; i < STORM_COMMITS;) {
		workspace_begin(agent);
		const struct commit *parent = world_at(agent, "refs/heads/main");
		const struct commit *commit = world_made(agent, parent, (unsigned)number * STORM_COMMITS + i);
		if (i % 8 == 0)
			sched_yield(); /* somebody else is sure to come in between */
		int rc = world_move(agent, "refs/heads/main", parent, commit);
		HOLDS(!rc || rc == ERR_MOVED);
		i += !rc;
		workspace_end(agent);
	}
}

static int last_version(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)ref, (void)object;
	*(uint64_t *)context = version;
	return 0;
}

static void check_storm(struct world *world)
{
	static bool seen[AGENTS * STORM_COMMITS];
	uint64_t version;
	unsigned count = 0;

	memset(seen, 0, sizeof(seen));
	workspace_begin(world->agents[0]);
	const struct commit *commit = world_at(world->agents[0], "refs/heads/main");
	for (; commit; commit = commit_parent_count(commit) ? commit_parent(commit, 0) : NULL) {
		unsigned number = world_number(world->agents[0], commit);
		HOLDS(number < AGENTS * STORM_COMMITS && !seen[number]);
		seen[number] = true;
		count++;
	}
	workspace_end(world->agents[0]);
	assert_int_equal(count, AGENTS * STORM_COMMITS);
	assert_int_equal(workspace_refs_each(world->agents[0], "refs/heads/main", last_version, &version), 0);
	assert_int_equal(version, AGENTS * STORM_COMMITS);
}

static void test_no_move_of_a_ref_is_lost_when_everybody_moves_it(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	world_run(&world, storm);
	check_storm(&world);
	world_close(&world);
}

/* Nothing but moves, so that they meet within a few instructions. */
#define HAMMER 40000

static void hammer(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];
	const struct commit *own[] = {world_made(agent, NULL, (unsigned)number),
				      world_made(agent, NULL, 100u + (unsigned)number)};

	for (unsigned i = 0; i < HAMMER; i++)
		world_set(agent, "refs/heads/main", own[i % 2]);
}

static void test_each_of_many_moves_counts(void **state)
{
	struct world world;
	uint64_t version;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	world_run(&world, hammer);
	assert_int_equal(workspace_refs_each(world.agents[0], "refs/heads/main", last_version, &version), 0);
	assert_int_equal(version, AGENTS * HAMMER);
	world_close(&world);
}

static void test_the_journal_has_what_a_storm_left(void **state)
{
	struct world world;
	char before[OID_HEX_BYTES], after[OID_HEX_BYTES];

	(void)state;
	world_open(&world, AGENTS, 0, true);
	world_run(&world, storm);
	workspace_begin(world.agents[0]);
	oid_print(commit_id(world_at(world.agents[0], "refs/heads/main")), before);
	workspace_end(world.agents[0]);
	world_reopen(&world);
	workspace_begin(world.agents[0]);
	oid_print(commit_id(world_at(world.agents[0], "refs/heads/main")), after);
	workspace_end(world.agents[0]);
	assert_string_equal(before, after);
	check_storm(&world);
	world_close(&world);
}

/* ---- several refs in one moment ---- */

#define PLACES 4
#define SWAPS  6000
#define LOOKS  6000

static const char *const places[PLACES] = {"refs/swap/a", "refs/swap/b", "refs/swap/c", "refs/swap/d"};
static _Atomic unsigned swapped;

struct look {
	unsigned count, sum, mask;
};

static int look_at(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct look *look = context;
	unsigned number = commit_parent_count(object_as_commit(object)) ? 9 : object_as_commit(object)->object.id.bytes[0];

	(void)ref, (void)version;
	look->count++;
	look->sum += number;
	look->mask |= 1u << number % 32;
	return 0;
}

static struct look expected;

/* Three change places two by two, or all in a round; nobody ever sees one object twice. */
static void swap_once(struct workspace_agent *agent, uint32_t *seed)
{
	unsigned count = 2 + random_of(seed) % (PLACES - 1), first = random_of(seed) % PLACES;
	struct ref_update updates[PLACES];
	const struct object *objects[PLACES];

	workspace_begin(agent);
	for (unsigned i = 0; i < count; i++)
		HOLDS(!workspace_ref_get(agent, places[(first + i) % PLACES], &objects[i]));
	for (unsigned i = 0; i < count; i++)
		updates[i] = (struct ref_update){places[(first + i) % PLACES], objects[i], objects[(i + 1) % count], false};
	int rc = workspace_refs_update(agent, updates, count);
	HOLDS(!rc || rc == ERR_MOVED);
	swapped += !rc;
	workspace_end(agent);
}

static void look_once(struct workspace_agent *agent)
{
	struct look look = {0};

	workspace_begin(agent);
	HOLDS(!workspace_refs_each(agent, "refs/swap/", look_at, &look));
	HOLDS(look.count == expected.count && look.sum == expected.sum && look.mask == expected.mask);
	workspace_end(agent);
}

static void swap_and_look(struct world *world, int number)
{
	uint32_t seed = (uint32_t)number * 77 + 5;

	for (int i = 0; i < (number % 2 ? LOOKS : SWAPS); i++)
		if (number % 2)
			look_once(world->agents[number]);
		else
			swap_once(world->agents[number], &seed);
}

static void test_nobody_sees_half_of_a_change(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	swapped = 0;
	for (unsigned i = 0; i < PLACES; i++)
		world_set(world.agents[0], places[i], world_made(world.agents[0], NULL, i));
	memset(&expected, 0, sizeof(expected));
	assert_int_equal(workspace_refs_each(world.agents[0], "refs/swap/", look_at, &expected), 0);
	world_run(&world, swap_and_look);
	look_once(world.agents[0]);
	assert_true(swapped > 100);
	world_close(&world);
}

/* ---- two refs that are always equal ---- */

#define PAIRS 1500

static void pair_write(struct workspace_agent *agent, unsigned number)
{
	for (unsigned i = 0; i < PAIRS;) {
		workspace_begin(agent);
		const struct commit *now = world_at(agent, "refs/pair/left");
		const struct object *to = &world_made(agent, now, number * PAIRS + i)->object, *from = &now->object;
		struct ref_update updates[] = {{"refs/pair/right", from, to, false}, {"refs/pair/left", from, to, false}};
		int rc = workspace_refs_update(agent, updates, 2);
		HOLDS(!rc || rc == ERR_MOVED);
		i += !rc;
		workspace_end(agent);
	}
}

/* Left is read before and after right: if it did not move, right is where it is. If it did, right is no older than it was, and no younger. */
static void pair_read(struct workspace_agent *agent)
{
	workspace_begin(agent);
	const struct commit *before = world_at(agent, "refs/pair/left");
	const struct commit *right = world_at(agent, "refs/pair/right");
	const struct commit *after = world_at(agent, "refs/pair/left");
	HOLDS(before->generation <= right->generation && right->generation <= after->generation);
	HOLDS(before != after || right == before);
	workspace_end(agent);
}

static _Atomic int pair_writers;

static void pair(struct world *world, int number)
{
	if (number < 3) {
		pair_write(world->agents[number], (unsigned)number);
		pair_writers--;
		return;
	}
	while (pair_writers)
		pair_read(world->agents[number]);
}

static void test_two_refs_that_move_together_are_never_apart(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	const struct commit *first = world_made(world.agents[0], NULL, 99999);
	world_set(world.agents[0], "refs/pair/left", first);
	world_set(world.agents[0], "refs/pair/right", first);
	pair_writers = 3;
	world_run(&world, pair);
	assert_int_equal(world_at(world.agents[0], "refs/pair/right")->generation, 3 * PAIRS + 1);
	world_close(&world);
}

/* ---- a ref is no folder of another, whoever makes them ---- */

#define MAKES 2500

static const char *const nested[] = {"refs/n/a", "refs/n/a/b", "refs/n/a/b/c", "refs/n/a/d", "refs/n"};
static _Atomic unsigned refused, made;

static int nested_seen(void *context, const char *ref, const struct object *object, uint64_t version)
{
	char *last = context;

	(void)object, (void)version;
	HOLDS(!last[0] || strncmp(ref, last, strlen(last)) || ref[strlen(last)] != '/');
	snprintf(last, 32, "%s", ref);
	return 0;
}

static void nest(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];
	uint32_t seed = (uint32_t)number + 1;

	for (int i = 0; i < MAKES; i++) {
		const char *ref = nested[random_of(&seed) % 5];
		char last[32] = "";
		workspace_begin(agent);
		struct ref_update update = {.ref = ref, .to = &world_made(agent, NULL, 1)->object};
		int rc = workspace_refs_update(agent, &update, 1);
		HOLDS(!rc || rc == ERR_MOVED || rc == ERR_STATE);
		*(rc == ERR_STATE ? &refused : &made) += rc != ERR_MOVED;
		HOLDS(!workspace_refs_each(agent, "refs/n", nested_seen, last));
		if (random_of(&seed) % 2)
			world_set(agent, ref, NULL);
		workspace_end(agent);
	}
}

static void test_no_ref_becomes_a_folder_of_another(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	refused = made = 0;
	world_run(&world, nest);
	assert_true(refused > 10 && made > 10);
	world_close(&world);
}

/* ---- the index ---- */

#define BLOBS 20000

static const struct blob *blobs[AGENTS][BLOBS];

/* In an order of its own, so that sometimes one is first and sometimes another. */
static void make_blobs(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];

	workspace_begin(agent);
	for (unsigned i = 0; i < BLOBS; i++) {
		uint32_t which = number % 2 ? BLOBS - 1 - i : i;
		struct bytes data = {(const uint8_t *)&which, sizeof(which)};
		HOLDS(!blob_make(agent, data, &blobs[number][which]));
		HOLDS(object_find(agent, &blobs[number][which]->object.id) == &blobs[number][which]->object);
	}
	workspace_end(agent);
}

static void test_objects_of_one_id_are_one_object_while_the_index_grows(void **state)
{
	struct world world;
	struct workspace_figures figures;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	world_run(&world, make_blobs);
	for (int i = 1; i < AGENTS; i++)
		assert_memory_equal(blobs[i], blobs[0], sizeof(blobs[0]));
	workspace_measure(world.workspace, &figures);
	assert_int_equal(figures.object_count, BLOBS);
	world_close(&world);
}

/* ---- collecting while everybody works ---- */

#define ROUNDS 120

static _Atomic int workers;
static _Atomic unsigned collections;

static void check_branch(struct workspace_agent *agent, const char *ref, unsigned number)
{
	struct workspace_file file;
	unsigned in_file;

	workspace_begin(agent);
	const struct commit *commit = world_at(agent, ref);
	HOLDS(commit && world_number(agent, commit) == number);
	HOLDS(!workspace_read(agent, commit_tree(commit), "folder/data", &file) && file.data.bytes == 5000);
	memcpy(&in_file, file.data.at, sizeof(in_file));
	HOLDS(in_file == number);
	workspace_end(agent);
}

static void collect_until_done(struct workspace_agent *agent)
{
	struct workspace_gc_result result;

	while (workers) {
		HOLDS(!workspace_gc(agent, false, &result));
		HOLDS(result.objects_after <= result.objects_before);
		collections++;
	}
}

static void work_while_collected(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];
	char ref[32];

	if (!number) {
		collect_until_done(agent);
		return;
	}
	snprintf(ref, sizeof(ref), "refs/heads/%d", number);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct commit *commit;
		unsigned mine = (unsigned)number * ROUNDS + i;
		workspace_begin(agent);
		const struct commit *parent = i % 10 ? world_at(agent, ref) : NULL; /* now and then all that was is dropped */
		HOLDS(!world_commit(agent, parent, mine, 5000, &commit));
		world_set(agent, ref, commit);
		workspace_end(agent);
		check_branch(agent, ref, mine);
		while (i == ROUNDS / 2 && collections < 3)
			sched_yield();
	}
	workers--;
}

static void collect_while_working(bool journal)
{
	struct world world;
	struct workspace_figures figures;
	char ref[32];

	world_open(&world, AGENTS, 0, journal);
	workers = AGENTS - 1;
	collections = 0;
	world_run(&world, work_while_collected);
	for (unsigned i = 1; i < AGENTS; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		check_branch(world.agents[0], ref, i * ROUNDS + ROUNDS - 1);
	}
	workspace_measure(world.workspace, &figures);
	assert_int_equal(figures.ref_count, AGENTS - 1);
	assert_int_equal(figures.gc_count, collections);
	if (journal)
		world_reopen(&world);
	for (unsigned i = 1; i < AGENTS; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		check_branch(world.agents[0], ref, i * ROUNDS + ROUNDS - 1);
	}
	world_close(&world);
}

static void test_collecting_while_agents_work_takes_nothing_that_is_used(void **state)
{
	(void)state;
	collect_while_working(false);
}

static void test_the_same_with_a_journal(void **state)
{
	(void)state;
	collect_while_working(true);
}

/* ---- the cap ---- */

#define CAP        ((uint64_t)24 << 20)
#define CAP_ROUNDS 60

static _Atomic unsigned found_full;

/* Whoever finds no room deletes his branch and has garbage collected; then there is room, for him or for who was quicker. */
static void fill_and_recover(struct world *world, int number)
{
	struct workspace_agent *agent = world->agents[number];
	struct workspace_gc_result result;
	char ref[32];

	snprintf(ref, sizeof(ref), "refs/heads/%d", number);
	for (unsigned i = 0; i < CAP_ROUNDS;) {
		const struct commit *commit = NULL;
		workspace_begin(agent);
		int rc = world_commit(agent, world_at(agent, ref), (unsigned)number * CAP_ROUNDS + i, 100000, &commit);
		if (!rc) {
			struct ref_update update = {.ref = ref, .to = &commit->object, .anywhere = true};
			rc = workspace_refs_update(agent, &update, 1);
		}
		workspace_end(agent);
		HOLDS(!rc || rc == ERR_FULL);
		i += !rc;
		if (!rc)
			continue;
		HOLDS(strstr(workspace_sentence(agent), "MiB"));
		found_full++;
		world_set(agent, ref, NULL);
		HOLDS(!workspace_gc(agent, true, &result));
	}
}

static void test_a_workspace_that_is_full_can_be_emptied_and_used_again(void **state)
{
	struct world world;
	struct workspace_figures figures;
	struct workspace_gc_result result;

	(void)state;
	world_open(&world, AGENTS, CAP, false);
	found_full = 0;
	world_run(&world, fill_and_recover);
	assert_true(found_full > 0);
	workspace_measure(world.workspace, &figures);
	assert_true(figures.memory_bytes <= CAP + ((uint64_t)4 << 20));
	for (int i = 0; i < AGENTS; i++) {
		char ref[32];
		snprintf(ref, sizeof(ref), "refs/heads/%d", i);
		world_set(world.agents[i], ref, NULL);
	}
	assert_int_equal(workspace_gc(world.agents[0], true, &result), 0);
	assert_int_equal(result.objects_after, 0);
	assert_true(result.bytes_after <= (uint64_t)6 << 20);
	world_close(&world);
}

/* ---- HEAD, and agents that come and go ---- */

static void come_and_go(struct world *world, int number)
{
	static const char *const refs[] = {"refs/heads/one", "refs/heads/two-with-a-longer-name"};

	for (int i = 0; i < 100; i++) {
		struct workspace_agent *agent;
		char head[WORKSPACE_REF_MAX + 1];
		HOLDS(!workspace_join(world->workspace, &agent));
		HOLDS(!workspace_head_set(agent, refs[(number + i) % 2]));
		HOLDS(!workspace_head_get(agent, head));
		HOLDS(!strcmp(head, refs[0]) || !strcmp(head, refs[1]));
		(void)world_made(agent, NULL, (unsigned)i);
		workspace_leave(agent);
	}
}

static void test_agents_come_and_go_and_leave_nothing_behind(void **state)
{
	struct world world;
	struct workspace_gc_result result;

	(void)state;
	world_open(&world, AGENTS, 0, false);
	world_run(&world, come_and_go);
	assert_int_equal(workspace_gc(world.agents[0], true, &result), 0);
	assert_int_equal(result.objects_after, 0);
	assert_true(result.bytes_after <= (uint64_t)4 << 20);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_move_of_a_ref_is_lost_when_everybody_moves_it),
		cmocka_unit_test(test_each_of_many_moves_counts),
		cmocka_unit_test(test_the_journal_has_what_a_storm_left),
		cmocka_unit_test(test_nobody_sees_half_of_a_change),
		cmocka_unit_test(test_two_refs_that_move_together_are_never_apart),
		cmocka_unit_test(test_no_ref_becomes_a_folder_of_another),
		cmocka_unit_test(test_objects_of_one_id_are_one_object_while_the_index_grows),
		cmocka_unit_test(test_collecting_while_agents_work_takes_nothing_that_is_used),
		cmocka_unit_test(test_the_same_with_a_journal),
		cmocka_unit_test(test_a_workspace_that_is_full_can_be_emptied_and_used_again),
		cmocka_unit_test(test_agents_come_and_go_and_leave_nothing_behind),
	};
	const char *text = getenv("STORE_TIMES");
	int failed = 0;

	for (long times = text ? strtol(text, NULL, 10) : 1; times > 0 && !failed; times--)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed;
}
