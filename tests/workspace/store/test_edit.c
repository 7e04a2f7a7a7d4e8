/* SPDX-License-Identifier: MIT
 *
 * Trees after edits have the ids that libgit2 gives to the same files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/edit_model.h"
#include "tests/workspace/store/store_case.h"

static git_repository *repository;
static struct store store;
static uint64_t state;

static uint32_t chance(uint32_t below)
{
	return random_below(&state, below);
}

static int open_all(void **unused)
{
	(void)unused;
	repository = model_repository();
	store_open(&store, NULL);
	return 0;
}

static int close_all(void **unused)
{
	(void)unused;
	store_close(&store);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return 0;
}

/* ---- at random ---- */

#define EDITS_MAX 6u

struct batch {
	struct workspace_edit edits[EDITS_MAX];
	char paths[EDITS_MAX][MODEL_PATH_MAX];
	char texts[EDITS_MAX][32];
	struct oid ids[EDITS_MAX];
	size_t count;
};

/* Few names, whose order depends on what stands behind them: most paths meet one another. */
static void make_path(char *out)
{
	static const char *const names[] = {"a", "a.b", "a-", "a0", "ab", "b", "\xc3\xa9", "Z"};
	unsigned depth = 1 + chance(4);

	out[0] = 0;
	for (unsigned i = 0; i < depth; i++) {
		strcat(out, i ? "/" : "");
		strcat(out, names[chance(8)]);
	}
}

static void make_edit(struct batch *batch, const struct model *model)
{
	static const enum file_mode modes[] = {MODE_FILE, MODE_FILE, MODE_FILE, MODE_EXECUTABLE, MODE_SYMLINK, MODE_SUBMODULE};
	size_t i = batch->count++;
	struct workspace_edit *edit = &batch->edits[i];

	if (model->count && chance(3))
		strcpy(batch->paths[i], model->files[chance((uint32_t)model->count)].path);
	else
		make_path(batch->paths[i]);
	*edit = (struct workspace_edit){.path = batch->paths[i], .mode = modes[chance(6)]};
	if (chance(100) < (model->count > 40 ? 70u : 30u)) {
		edit->mode = MODE_NONE;
		if (chance(4) == 0 && strrchr(batch->paths[i], '/'))
			*strrchr(batch->paths[i], '/') = 0;
		return;
	}
	snprintf(batch->texts[i], sizeof(batch->texts[i]), "%u\n", chance(20));
	edit->data = text_of(batch->texts[i]);
	if (edit->mode == MODE_SUBMODULE) {
		memset(batch->ids[i].bytes, 1 + (int)chance(3), OID_BYTES);
		edit->id = &batch->ids[i];
	}
}

static void make_batch(struct batch *batch, const struct model *model)
{
	size_t count = 1 + chance(chance(3) ? 1 : EDITS_MAX);

	batch->count = 0;
	while (batch->count < count)
		make_edit(batch, model);
}

static void say(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		print_error("  %06o %s\n", batch->edits[i].mode, batch->edits[i].path);
}

static bool is_as_wanted(int rc, unsigned faults)
{
	return rc == 0 ? faults == 0
		       : faults & (rc == ERR_NOT_FOUND   ? MODEL_NOT_FOUND
				   : rc == ERR_MALFORMED ? MODEL_MALFORMED
							 : 0);
}

static void walk(uint64_t seed, unsigned steps)
{
	static struct model model;
	const struct tree *tree = NULL;
	struct batch batch;

	state = seed;
	model.count = 0;
	workspace_begin(store.agent);
	for (unsigned i = 0; i < steps; i++) {
		struct oid wanted;
		make_batch(&batch, &model);
		unsigned faults = model_edit(&model, batch.edits, batch.count);
		int rc = workspace_tree_edit(store.agent, tree, batch.edits, batch.count, &tree);
		model_tree(&model, repository, &wanted);
		if (!is_as_wanted(rc, faults) || (tree && memcmp(tree_id(tree), &wanted, sizeof(wanted)) != 0)) {
			print_error("seed %llu, step %u: %d (%s), faults %u\n", (unsigned long long)seed, i, rc,
				    rc ? workspace_sentence(store.agent) : "", faults);
			say(&batch);
			fail();
		}
	}
	workspace_end(store.agent);
}

static void test_trees_after_edits_have_the_ids_that_libgit2_gives_them(void **unused)
{
	const char *given = getenv("EDIT_WALKS");
	unsigned walks = given ? (unsigned)atoi(given) : 20;

	(void)unused;
	for (unsigned seed = 1; seed <= walks; seed++)
		walk(seed * 7919u, 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees_after_edits_have_the_ids_that_libgit2_gives_them),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
