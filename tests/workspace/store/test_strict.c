/* SPDX-License-Identifier: MIT
 *
 * A workspace that looks for SHA-1 attacks refuses what shows one. Nobody has published an attack on an object of git, so the test stands between
 * and calls some bytes one; that every kind of object comes by there is what it shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/store_case.h"
#include "workspace/sha1.h"

#define MARK "this was made to collide"

bool __real_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);
bool __wrap_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);

bool __wrap_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES])
{
	bool attacked = __real_sha1_attacked(spans, count, out_hash);
	for (size_t i = 0; i < count; i++)
		attacked |= spans[i].bytes && memmem(spans[i].data, spans[i].bytes, MARK, strlen(MARK));
	return attacked;
}

static void make_all(bool is_strict)
{
	struct workspace_options options = {
		.durability = DURABLE_MEMORY, .memory_max_bytes = 256u << 20, .check_collisions = is_strict};
	struct workspace_person person = {"a", "b", 1, 0};
	struct workspace_change good = {NULL, 0, person, person, "m"}, bad = {NULL, 0, person, person, MARK};
	struct workspace_edit edits[] = {{"good", MODE_FILE, text_of("x"), NULL},
					 {"bad", MODE_FILE, text_of(MARK), NULL},
					 {MARK, MODE_FILE, text_of("x"), NULL}};
	int wanted = is_strict ? ERR_CORRUPT : 0;
	char hex[OID_HEX_BYTES], raw[256] = "object ";
	const struct tree *tree, *next;
	const struct commit *commit;
	const struct object *tag;
	struct store store;

	store_open(&store, &options);
	workspace_begin(store.agent);
	assert_int_equal(workspace_tree_edit(store.agent, NULL, &edits[0], 1, &tree), 0);
	assert_int_equal((atomic_load(&tree->object.flags) & FLAG_CHECKED) != 0, is_strict);
	assert_int_equal(workspace_tree_edit(store.agent, tree, &edits[1], 1, &next), wanted);
	assert_int_equal(workspace_tree_edit(store.agent, tree, &edits[2], 1, &next), wanted);
	assert_int_equal(workspace_commit_make(store.agent, tree, NULL, 0, &good, &commit), 0);
	assert_int_equal(workspace_commit(store.agent, "refs/heads/main", NULL, &bad, &commit), wanted);
	assert_int_equal(workspace_ref_get(store.agent, "refs/heads/main", &tag), is_strict ? ERR_NOT_FOUND : 0);
	oid_print(tree_id(tree), hex);
	strcat(strcat(raw, hex), "\ntype tree\ntag t\n\n" MARK);
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_TAG, text_of(raw), NULL, NULL, false, &tag), wanted);
	workspace_end(store.agent);
	store_close(&store);
}

static void test_what_was_made_to_collide_is_refused_if_that_is_asked_for(void **unused)
{
	(void)unused;
	make_all(true);
}

static void test_it_is_not_looked_for_if_it_is_not_asked_for(void **unused)
{
	(void)unused;
	make_all(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_made_to_collide_is_refused_if_that_is_asked_for),
		cmocka_unit_test(test_it_is_not_looked_for_if_it_is_not_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
