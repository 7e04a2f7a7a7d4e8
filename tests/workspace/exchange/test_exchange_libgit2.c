/* SPDX-License-Identifier: MIT
 *
 * libgit2 on a workspace: it finds what is there, what it writes is there for everybody, and it is told when somebody was first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <git2/sys/refdb_backend.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"
#include "workspace/exchange/libgit2.h"

#define must(call)                                                                                                               \
	do {                                                                                                                     \
		int error_ = (call);                                                                                             \
		if (error_)                                                                                                      \
			fail_msg("%s: %d, %s", #call, error_, libgit2_reason());                                                 \
	} while (0)

struct both {
	struct yard yard;
	git_repository *memory, *disk;
};

/* The same history in the workspace and on the disk. */
static void open_both(struct both *both, unsigned seed)
{
	yard_open(&both->yard);
	yard_history(&both->yard, "source", seed, 80);
	yard_import(&both->yard, "source");
	assert_int_equal(workspace_git_open(both->yard.agent, &both->memory), 0);
	must(git_repository_open(&both->disk, yard_path(&both->yard, "source")));
}

static void close_both(struct both *both)
{
	git_repository_free(both->memory);
	git_repository_free(both->disk);
	yard_close(&both->yard);
}

/* ---- reading ---- */

static int count_object(const git_oid *id, void *payload)
{
	(void)id;
	++*(size_t *)payload;
	return 0;
}

struct compare {
	git_odb *memory, *disk;
	size_t count;
};

static int compare_object(const git_oid *id, void *payload)
{
	struct compare *compare = payload;
	git_odb_object *a = NULL, *b = NULL;
	size_t bytes;
	git_object_t type;
	git_oid found, prefix = {{0}};
	must(git_odb_read(&a, compare->disk, id));
	must(git_odb_read(&b, compare->memory, id));
	must(git_odb_read_header(&bytes, &type, compare->memory, id));
	assert_int_equal(git_odb_object_type(a), git_odb_object_type(b));
	assert_int_equal(git_odb_object_type(a), type);
	assert_int_equal(git_odb_object_size(a), git_odb_object_size(b));
	assert_int_equal(git_odb_object_size(a), bytes);
	assert_memory_equal(git_odb_object_data(a), git_odb_object_data(b), bytes);
	memcpy(prefix.id, id->id, 8);
	must(git_odb_exists_prefix(&found, compare->memory, &prefix, 16));
	assert_true(git_oid_equal(&found, id));
	git_odb_object_free(a);
	git_odb_object_free(b);
	compare->count++;
	return 0;
}

static void test_every_object_is_read_as_it_is_on_the_disk(void **state)
{
	struct both both;
	struct compare compare = {0};
	size_t count = 0;
	git_oid absent;
	(void)state;
	open_both(&both, 21);
	must(git_repository_odb(&compare.memory, both.memory));
	must(git_repository_odb(&compare.disk, both.disk));
	must(git_odb_foreach(compare.memory, count_object, &count));
	must(git_odb_foreach(compare.disk, compare_object, &compare));
	assert_true(count > 300);
	assert_int_equal(count, compare.count);
	must(git_oid_fromstr(&absent, "00112233445566778899aabbccddeeff00112233"));
	assert_int_equal(git_odb_exists(compare.memory, &absent), 0);
	git_odb_object *object;
	assert_int_equal(git_odb_read(&object, compare.memory, &absent), GIT_ENOTFOUND);
	git_odb_free(compare.memory);
	git_odb_free(compare.disk);
	close_both(&both);
}

static void assert_same_refs(git_repository *a, git_repository *b, const char *glob)
{
	git_reference_iterator *iterator;
	const char *name;
	size_t count = 0;
	int error;
	must(git_reference_iterator_glob_new(&iterator, a, glob));
	while (!(error = git_reference_next_name(&name, iterator))) {
		git_oid one, other;
		must(git_reference_name_to_id(&one, a, name));
		must(git_reference_name_to_id(&other, b, name));
		assert_true(git_oid_equal(&one, &other));
		count++;
	}
	assert_int_equal(error, GIT_ITEROVER);
	assert_true(count > 0);
	git_reference_iterator_free(iterator);
}

static void test_refs_and_revisions_mean_the_same(void **state)
{
	static const char *const revisions[] = {"HEAD",           "branch0",  "outer^{}",   "light~2",
						"branch1^{tree}", "HEAD:src", "tags/tag10", ":/a"};
	struct both both;
	(void)state;
	open_both(&both, 22);
	assert_same_refs(both.memory, both.disk, "refs/*");
	assert_same_refs(both.disk, both.memory, "refs/*");
	assert_same_refs(both.memory, both.disk, "refs/heads/b*");
	for (size_t i = 0; i < sizeof(revisions) / sizeof(*revisions); i++) {
		git_object *a = NULL, *b = NULL;
		int in_memory = git_revparse_single(&a, both.memory, revisions[i]),
		    on_disk = git_revparse_single(&b, both.disk, revisions[i]);
		assert_int_equal(in_memory, on_disk);
		assert_true(in_memory || git_oid_equal(git_object_id(a), git_object_id(b)));
		git_object_free(a);
		git_object_free(b);
	}
	close_both(&both);
}

/* ---- writing ---- */

static git_signature *somebody(void)
{
	git_signature *who;
	must(git_signature_new(&who, "A", "a@example.org", 1700000000, 0));
	return who;
}

static git_oid commit_file(git_repository *repository, const char *ref, const char *text, const git_oid *parent_id)
{
	git_oid blob, tree, commit;
	git_treebuilder *builder;
	git_tree *whole;
	git_commit *parent = NULL;
	git_signature *who = somebody();
	must(git_blob_create_from_buffer(&blob, repository, text, strlen(text)));
	must(git_treebuilder_new(&builder, repository, NULL));
	must(git_treebuilder_insert(NULL, builder, "file", &blob, GIT_FILEMODE_BLOB));
	must(git_treebuilder_write(&tree, builder));
	must(git_tree_lookup(&whole, repository, &tree));
	if (parent_id)
		must(git_commit_lookup(&parent, repository, parent_id));
	const git_commit *parents[] = {parent};
	must(git_commit_create(&commit, repository, ref, who, who, NULL, "libgit2's", whole, parent ? 1 : 0, parents));
	git_commit_free(parent);
	git_tree_free(whole);
	git_treebuilder_free(builder);
	git_signature_free(who);
	return commit;
}

static void test_what_libgit2_writes_is_there_for_everybody(void **state)
{
	struct yard yard;
	git_repository *repository;
	const struct commit *commit;
	struct workspace_file file;
	char hex[OID_HEX_BYTES], theirs[OID_HEX_BYTES];
	(void)state;
	yard_open(&yard);
	assert_int_equal(workspace_git_open(yard.agent, &repository), 0);
	git_oid id = commit_file(repository, "refs/heads/main", "hello\n", NULL);
	workspace_begin(yard.agent);
	assert_int_equal(workspace_find(yard.agent, "main", &commit), 0);
	oid_print(commit_id(commit), hex);
	assert_string_equal(hex, git_oid_tostr(theirs, sizeof(theirs), &id));
	assert_int_equal(workspace_read(yard.agent, commit_tree(commit), "file", &file), 0);
	assert_memory_equal(file.data.at, "hello\n", 6);
	workspace_end(yard.agent);
	git_repository_free(repository);
	yard_export(&yard, "r.git");
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

static void test_what_git_would_refuse_cannot_be_written(void **state)
{
	struct yard yard;
	git_repository *repository;
	git_odb *odb;
	git_oid id;
	(void)state;
	yard_open(&yard);
	assert_int_equal(workspace_git_open(yard.agent, &repository), 0);
	must(git_repository_odb(&odb, repository));
	assert_int_not_equal(git_odb_write(&id, odb, "no commit\n", 10, GIT_OBJECT_COMMIT), 0);
	assert_int_not_equal(git_odb_write(&id, odb, "100644 .git\0aaaaaaaaaaaaaaaaaaaa", 32, GIT_OBJECT_TREE), 0);
	assert_int_equal(git_odb_exists(odb, &id), 0);
	git_odb_free(odb);
	git_repository_free(repository);
	yard_close(&yard);
}

static void test_refs_are_made_moved_renamed_and_deleted(void **state)
{
	struct yard yard;
	git_repository *repository;
	git_reference *ref, *other;
	git_oid stale;
	(void)state;
	yard_open(&yard);
	assert_int_equal(workspace_git_open(yard.agent, &repository), 0);
	git_oid first = commit_file(repository, "refs/heads/main", "1", NULL),
		second = commit_file(repository, NULL, "2", &first);
	must(git_reference_create(&ref, repository, "refs/heads/side", &first, 0, NULL));
	assert_int_equal(git_reference_create(&other, repository, "refs/heads/side", &second, 0, NULL), GIT_EEXISTS);
	assert_int_equal(git_reference_create(&other, repository, "refs/heads/side/below", &second, 0, NULL) != 0, 1);
	/* Somebody else moves it: a change that begins where it was comes too late. */
	must(git_reference_create_matching(&other, repository, "refs/heads/side", &second, 1, &first, NULL));
	git_reference_free(other);
	assert_int_equal(git_reference_create_matching(&other, repository, "refs/heads/side", &first, 1, &first, NULL),
			 GIT_EMODIFIED);
	assert_int_equal(git_reference_set_target(&other, ref, &first, NULL), GIT_EMODIFIED);
	git_reference_free(ref);
	must(git_reference_lookup(&ref, repository, "refs/heads/side"));
	must(git_reference_rename(&other, ref, "refs/heads/renamed", 0, NULL));
	git_reference_free(ref);
	assert_int_equal(git_reference_lookup(&ref, repository, "refs/heads/side"), GIT_ENOTFOUND);
	assert_true(git_oid_equal(git_reference_target(other), &second));
	must(git_reference_delete(other));
	git_reference_free(other);
	assert_int_equal(git_reference_lookup(&ref, repository, "refs/heads/renamed"), GIT_ENOTFOUND);
	must(git_oid_fromstr(&stale, "00112233445566778899aabbccddeeff00112233"));
	assert_int_not_equal(git_reference_create(&ref, repository, "refs/heads/no", &stale, 0, NULL), 0);
	git_repository_free(repository);
	yard_close(&yard);
}

static void test_head_is_the_name_of_a_branch(void **state)
{
	struct yard yard;
	git_repository *repository;
	git_reference *head;
	char branch[WORKSPACE_REF_MAX + 1];
	(void)state;
	yard_open(&yard);
	assert_int_equal(workspace_git_open(yard.agent, &repository), 0);
	git_oid id = commit_file(repository, "refs/heads/other", "1", NULL);
	assert_int_equal(git_repository_head_unborn(repository), 1);
	must(git_repository_set_head(repository, "refs/heads/other"));
	assert_int_equal(workspace_head_get(yard.agent, branch), 0);
	assert_string_equal(branch, "refs/heads/other");
	must(git_repository_head(&head, repository));
	assert_true(git_oid_equal(git_reference_target(head), &id));
	git_reference_free(head);
	assert_int_not_equal(git_repository_set_head_detached(repository, &id), 0);
	git_repository_free(repository);
	yard_close(&yard);
}

static void test_a_transaction_learns_that_somebody_was_first(void **state)
{
	struct yard yard;
	git_repository *repository;
	git_transaction *transaction;
	(void)state;
	yard_open(&yard);
	assert_int_equal(workspace_git_open(yard.agent, &repository), 0);
	git_oid first = commit_file(repository, "refs/heads/main", "1", NULL),
		second = commit_file(repository, NULL, "2", &first), now;
	must(git_transaction_new(&transaction, repository));
	must(git_transaction_lock_ref(transaction, "refs/heads/main"));
	must(git_transaction_set_target(transaction, "refs/heads/main", &second, NULL, NULL));
	must(git_transaction_commit(transaction));
	git_transaction_free(transaction);
	must(git_reference_name_to_id(&now, repository, "refs/heads/main"));
	assert_true(git_oid_equal(&now, &second));
	must(git_transaction_new(&transaction, repository));
	must(git_transaction_lock_ref(transaction, "refs/heads/main"));
	must(git_transaction_set_target(transaction, "refs/heads/main", &first, NULL, NULL));
	yard_commit(&yard, "refs/heads/main", "file", "3");
	assert_int_not_equal(git_transaction_commit(transaction), 0);
	git_transaction_free(transaction);
	git_repository_free(repository);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_object_is_read_as_it_is_on_the_disk),
		cmocka_unit_test(test_refs_and_revisions_mean_the_same),
		cmocka_unit_test(test_what_libgit2_writes_is_there_for_everybody),
		cmocka_unit_test(test_what_git_would_refuse_cannot_be_written),
		cmocka_unit_test(test_refs_are_made_moved_renamed_and_deleted),
		cmocka_unit_test(test_head_is_the_name_of_a_branch),
		cmocka_unit_test(test_a_transaction_learns_that_somebody_was_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
