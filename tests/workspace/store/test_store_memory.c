/* SPDX-License-Identifier: MIT
 *
 * Memory of a workspace: pieces of all sizes, the cap, what is reused when, and what goes back to the system.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/workspace/store/world.h"

#define MIB ((uint64_t)1 << 20)

static uint64_t taken(const struct world *world)
{
	struct workspace_figures figures;
	workspace_measure(world->workspace, &figures);
	return figures.memory_bytes;
}

static void collect(struct world *world)
{
	struct workspace_gc_result result;
	assert_int_equal(workspace_gc(world->agents[0], true, &result), 0);
}

/* ---- pieces ---- */

struct piece {
	uint8_t *at;
	size_t bytes;
	uint8_t fill;
};

static void check_piece(const struct piece *piece)
{
	assert_int_equal((uintptr_t)piece->at % 16, 0);
	for (size_t i = 0; i < piece->bytes; i++)
		assert_int_equal(piece->at[i], piece->fill);
}

static size_t random_size(unsigned number)
{
	static const size_t edges[] = {0,    1,    15,   16,    17,    255,   256,   257,     272,    273,
				       4095, 4096, 4097, 32767, 32768, 32769, 65536, 1048576, 1048577};
	unsigned random = number * 2654435761u >> 7;

	if (random % 8 == 0)
		return edges[random / 8 % (sizeof(edges) / sizeof(edges[0]))];
	return random % (random % 3 ? 2000 : 40000);
}

static void test_pieces_of_all_sizes_keep_what_is_written_to_them(void **state)
{
	enum { PIECES = 700, TURNS = 20000 };
	static struct piece pieces[PIECES];
	struct world world;

	(void)state;
	memset(pieces, 0, sizeof(pieces));
	world_open(&world, 1, 0, false);
	for (unsigned i = 0; i < TURNS; i++) {
		struct piece *piece = &pieces[(i * 7919u + i / PIECES) % PIECES];
		if (piece->at) {
			if (i % 16 == 0 || piece->bytes < 100)
				check_piece(piece);
			memory_give(world.agents[0], piece->at, piece->bytes);
		}
		*piece = (struct piece){.bytes = random_size(i), .fill = (uint8_t)i};
		piece->at = memory_take(world.agents[0], piece->bytes);
		assert_non_null(piece->at);
		memset(piece->at, piece->fill, piece->bytes);
	}
	for (unsigned i = 0; i < PIECES; i++) {
		check_piece(&pieces[i]);
		memory_give(world.agents[0], pieces[i].at, pieces[i].bytes);
	}
	collect(&world);
	assert_in_range(taken(&world), 1, 2 * MIB);
	world_close(&world);
}

static void test_little_is_lost_between_pieces(void **state)
{
	struct world world;

	(void)state;
	for (size_t bytes = 16; bytes <= 30000; bytes = bytes * 5 / 4 + 3) {
		world_open(&world, 1, 0, false);
		uint64_t before = taken(&world), sum = 0;
		for (; sum < 16 * MIB; sum += bytes)
			assert_non_null(memory_take(world.agents[0], bytes));
		assert_in_range((taken(&world) - before) * 100 / sum, 80, bytes < 100 ? 140 : 122);
		world_close(&world);
	}
}

/* ---- retiring ---- */

static bool is_reused(struct workspace_agent *agent, const void *piece, size_t bytes)
{
	void *taken_now[2000];
	bool found = false;

	for (unsigned i = 0; i < 2000; i++) {
		taken_now[i] = memory_take(agent, bytes);
		found |= taken_now[i] == piece;
	}
	for (unsigned i = 0; i < 2000; i++)
		memory_give(agent, taken_now[i], bytes);
	return found;
}

static void open_and_close(struct workspace_agent *agent)
{
	for (int i = 0; i < 400; i++) {
		workspace_begin(agent);
		memory_retire(agent, memory_take(agent, 5000), 5000);
		workspace_end(agent);
	}
}

static void test_what_is_retired_is_used_again_when_no_old_bracket_is_open(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 2, 0, false);
	struct workspace_agent *writer = world.agents[0], *reader = world.agents[1];
	workspace_begin(reader);
	workspace_begin(writer);
	void *piece = memory_take(writer, 1000);
	memory_retire(writer, piece, 1000);
	workspace_end(writer);
	open_and_close(writer);
	assert_false(is_reused(writer, piece, 1000));

	workspace_begin(reader); /* nested: still the old one */
	workspace_end(reader);
	open_and_close(writer);
	assert_false(is_reused(writer, piece, 1000));

	workspace_end(reader);
	open_and_close(writer);
	assert_true(is_reused(writer, piece, 1000));
	world_close(&world);
}

static void test_who_comes_in_later_does_not_keep_it(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 2, 0, false);
	struct workspace_agent *writer = world.agents[0], *reader = world.agents[1];
	workspace_begin(writer);
	void *piece = memory_take(writer, 1000);
	memory_retire(writer, piece, 1000);
	workspace_end(writer);
	for (int i = 0; i < 20; i++) {
		workspace_begin(reader);
		open_and_close(writer);
		workspace_end(reader);
	}
	assert_true(is_reused(writer, piece, 1000));
	world_close(&world);
}

/* ---- the cap ---- */

static unsigned fill(struct workspace_agent *agent, size_t bytes, void **pieces, unsigned max)
{
	unsigned count = 0;

	while (count < max && (pieces[count] = memory_take(agent, bytes)))
		count++;
	return count;
}

static void test_at_the_cap_there_is_an_error_and_afterwards_room_for_other_sizes(void **state)
{
	static const size_t sizes[] = {48, 1000, 20000, 300000, 3000000};
	static void *pieces[1000000];
	struct world world;

	(void)state;
	world_open(&world, 1, 32 * MIB, false);
	struct workspace_agent *agent = world.agents[0];
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned count = fill(agent, sizes[i], pieces, 1000000);
		assert_in_range(count * sizes[i], 20 * MIB, 32 * MIB);
		assert_int_equal(agent->rc, ERR_FULL);
		assert_non_null(strstr(workspace_sentence(agent), "of 32 MiB are taken"));
		assert_true(taken(&world) <= 32 * MIB);
		while (count)
			memory_give(agent, pieces[--count], sizes[i]);
	}
	collect(&world);
	assert_true(taken(&world) <= 2 * MIB);
	world_close(&world);
}

static void test_images_are_dropped_before_the_cap(void **state)
{
	struct world world;
	char path[32];
	const struct commit *commit = NULL;

	(void)state;
	world_open(&world, 1, 16 * MIB, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	for (unsigned i = 0; i < 200; i++) { /* old versions stay without images, every tip has one */
		commit = world_made(agent, i % 2 ? commit : NULL, i);
		snprintf(path, sizeof(path), "refs/heads/%u", i);
		world_set(agent, path, commit);
	}
	const struct tree *tip = commit_tree(commit);
	assert_non_null(tip->base);
	assert_non_null(atomic_load(&tip->image));
	void *pieces[64];
	unsigned count = fill(agent, 1000000, pieces, 64);
	assert_in_range(count, 8, 16);
	assert_non_null(atomic_load(&tip->image)); /* not while somebody may look at it */
	workspace_end(agent);
	assert_null(atomic_load(&tip->image));
	while (count)
		memory_give(agent, pieces[--count], 1000000);
	assert_int_equal(world_number(agent, commit), 199);
	world_close(&world);
}

static void test_deleting_works_when_everything_is_full(void **state)
{
	static void *pieces[4000000];
	struct world world;

	(void)state;
	world_open(&world, 1, 8 * MIB, false);
	struct workspace_agent *agent = world.agents[0];
	world_set(agent, "refs/heads/main", world_made(agent, NULL, 1));
	for (size_t bytes = 32768; bytes >= 16; bytes = bytes > 256 ? bytes * 31 / 32 / 16 * 16 : bytes - 16)
		(void)fill(agent, bytes, pieces, 4000000);
	const struct commit *commit;
	workspace_begin(agent);
	assert_int_equal(world_commit(agent, NULL, 2, 3000, &commit), ERR_FULL);
	workspace_end(agent);
	world_set(agent, "refs/heads/main", NULL);
	assert_null(world_at(agent, "refs/heads/main"));
	world_close(&world);
}

/* ---- agents that leave ---- */

static void test_what_a_leaving_agent_retired_comes_back(void **state)
{
	struct world world;
	struct workspace_agent *guest;

	(void)state;
	world_open(&world, 1, 64 * MIB, false);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(workspace_join(world.workspace, &guest), 0);
		workspace_begin(world.agents[0]);
		workspace_begin(guest);
		void *piece = memory_take(guest, 1000000);
		assert_non_null(piece);
		memory_retire(guest, piece, 1000000);
		workspace_end(guest);
		workspace_leave(guest); /* while another may still be looking */
		workspace_end(world.agents[0]);
		if (i % 20 == 0)
			collect(&world);
	}
	collect(&world);
	assert_true(taken(&world) <= 2 * MIB);
	world_close(&world);
}

static void test_a_thousand_agents_are_enough(void **state)
{
	static struct workspace_agent *guests[EPOCH_PLACES];
	struct world world;

	(void)state;
	world_open(&world, 1, 0, false);
	for (unsigned i = 0; i + 1 < EPOCH_PLACES; i++)
		assert_int_equal(workspace_join(world.workspace, &guests[i]), 0);
	assert_int_equal(workspace_join(world.workspace, &guests[EPOCH_PLACES - 1]), ERR_FULL);
	workspace_leave(guests[5]);
	assert_int_equal(workspace_join(world.workspace, &guests[5]), 0);
	for (unsigned i = 0; i + 1 < EPOCH_PLACES; i++)
		workspace_leave(guests[i]);
	world_close(&world);
}

static void test_an_open_that_makes_no_sense_says_why(void **state)
{
	static const struct workspace_options wrong[] = {{.durability = DURABLE_PROCESS},
							 {.durability = DURABLE_MEMORY, .journal = "/nowhere"},
							 {.durability = (enum workspace_durability)2}};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct workspace *workspace;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(workspace_open(&wrong[i], &workspace, sentence), ERR_USAGE);
		assert_true(strlen(sentence) > 20);
	}
	struct workspace_options tiny = {.memory_max_bytes = 1000};
	assert_int_equal(workspace_open(&tiny, &workspace, sentence), ERR_FULL);
	assert_true(strlen(sentence) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_of_all_sizes_keep_what_is_written_to_them),
		cmocka_unit_test(test_little_is_lost_between_pieces),
		cmocka_unit_test(test_what_is_retired_is_used_again_when_no_old_bracket_is_open),
		cmocka_unit_test(test_who_comes_in_later_does_not_keep_it),
		cmocka_unit_test(test_at_the_cap_there_is_an_error_and_afterwards_room_for_other_sizes),
		cmocka_unit_test(test_images_are_dropped_before_the_cap),
		cmocka_unit_test(test_deleting_works_when_everything_is_full),
		cmocka_unit_test(test_what_a_leaving_agent_retired_comes_back),
		cmocka_unit_test(test_a_thousand_agents_are_enough),
		cmocka_unit_test(test_an_open_that_makes_no_sense_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
