/* SPDX-License-Identifier: MIT
 *
 * What old and hostile repositories hold and git still reads: it comes in and goes out as it is, through a journal too, and nothing dangerous of it
 * becomes a file or a part of something new.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <git2.h>

#include "tests/workspace/exchange/place.h"
#include "tests/workspace/store/parse_cases.h"
#include "workspace/exchange/libgit2_inner.h"
#include "workspace/store/object.h"

#define ZEROS  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ABSENT "abcdefghijklmnopqrst" /* the id of something that is nowhere */
#define WHO    "A U Thor <a@example.org> 1700000000 +0100"

struct odd_text {
	const char *at;
	size_t bytes;
};
#define TEXT(words)                                                                                                              \
	{                                                                                                                        \
		words, sizeof(words) - 1                                                                                         \
	}

/* clang-format off */
/* Modes in other digits, which mean what they mean to git; the names stand behind as always. */
static const struct odd_text modes[] = {
	TEXT("0100644 a\0{0}"), TEXT("040000 a\0{2}"), TEXT("00000000000000040755 a\0{2}100644 b\0{0}"), TEXT("100664 a b\0{0}0120000 c\0{0}"),
	TEXT("37777700100644 a\0{0}"), TEXT("0160000 a\0" ABSENT), TEXT("100644 .b\0{0}0100755 c\0{0}100644 d.\0{0}040755 d\0{2}"),
	/* None of all kinds: git takes them for submodules. */
	TEXT("0 a\0" ABSENT), TEXT("100 a b\0" ABSENT), TEXT("644 a\0" ABSENT "100644 b\0{0}"), TEXT("60000 a\0" ABSENT), TEXT("777777 a\0" ABSENT),
	TEXT("160000 a\0" ZEROS), TEXT("040000 .git-\0{2}100644 x\0{0}"),
};

/* Names that stand for something else, at some place. */
static const struct odd_text names[] = {
	TEXT("100644 .git\0{0}"), TEXT("40000 .git\0{2}100644 b\0{0}"), TEXT("100644 .GIT\0{0}"), TEXT("100644 GIT~1\0{0}"), TEXT("40000 .\0{2}"), TEXT("40000 ..\0{2}"),
	TEXT("120000 ..\0{0}"), TEXT("100644 .g\xe2\x80\x8cit\0{0}"), TEXT("120000 .gitmodules\0{0}"), TEXT("40000 .gitattributes\0{2}"),
	TEXT("0120000 .gitmodules\0{0}"), TEXT("160000 .git\0" ABSENT), TEXT("100644 .git \0{0}100644 a\\.git\0{0}"),
};

/* Not in git's order, twice, or a path where a name should be. */
static const struct odd_text orders[] = {
	TEXT("100644 a\0{0}100644 a\0{0}"), TEXT("100644 b\0{0}100644 a\0{0}"), TEXT("40000 a\0{2}100644 a\0{0}"), TEXT("100644 a\0{0}40000 a\0{2}"),
	TEXT("40000 a\0{2}100644 a.b\0{0}"), TEXT("120000 a\0{0}40000 a\0{2}"), TEXT("100644 a/b\0{0}"), TEXT("100644 ../../a\0{0}"), TEXT("100644 /a\0{0}"),
	TEXT("100644 a\0{0}100644 a.b\0{0}40000 a\0{2}"), TEXT("0100644 z\0{0}040000 y\0{2}"), TEXT("40000 a\0{2}100644 a/file\0{0}"),
};

static const struct odd_text unreadable[] = {
	TEXT("100644a\0{0}"), TEXT("100644 \0{0}"), TEXT("100644 a{0}"), TEXT("10064x a\0{0}"), TEXT(" a\0{0}"), TEXT("100644 a\0{0}1"), TEXT("100644 a\0{0}40000 b\0"),
	TEXT("40000 a\0{0}"), TEXT("100644 a\0" ZEROS), TEXT("-100644 a\0{0}"),
	TEXT("100644 a\0{2}"), /* the last: git finds that out only when it makes the file */
};

static const struct odd_text commits[] = {
	TEXT("tree %2\n\n"), TEXT("tree %2\n\nno people\n"), TEXT("tree %2\n\nauthor A <in@message> 7 +0000\ncommitter A <in@message> 7 +0000\n"),
	TEXT("tree %2\nparent %3\nauthor A<a@b> 17 +0100\ncommitter C<c@d> 18 -0130\n\nno space\n"),
	TEXT("tree %2\nauthor A <a@b>\ncommitter C <c@d>\nx y\n\nno time\n"), TEXT("tree %2\nauthor a 17 +0000\ncommitter c 18 +0000\n\nno address\n"),
	TEXT("tree %2\nauthor A <a@b> 17\ncommitter C <c@d> 18\n\nno zone\n"), TEXT("tree %2\nauthor A <a@b> 17 +051800\ncommitter C <c@d> 18 +051800\n\nzone\n"),
	TEXT("tree %2\nauthor A <a@b> 17 -7\ncommitter C <c@d> 18 0000\n\nzones\n"), TEXT("tree %2\nauthor A <a@b> 0017 +0000\ncommitter C <c@d> 0018 +0000\n\nzeros\n"),
	TEXT("tree %2\nauthor A <a@b> 99999999999999999999 +0000\ncommitter C <c@d> 99999999999999999999 +0000\n\nlate\n"),
	TEXT("tree %2\nauthor A <a@b> 9223372036854775808 +0000\ncommitter C <c@d> 9223372036854775808 +0000\n\nlate\n"),
	TEXT("tree %2\nauthor A <a@b> -5 +0000\ncommitter C <c@d> -5 +0000\n\nearly, which comes out late\n"),
	TEXT("tree %2\nauthor A > <a@b> 17 +0000\ncommitter C <c<@>d> 18 +0000\n\nbrackets\n"), TEXT("tree %2\nauthor <a@b> 17 +0000\ncommitter <> 18 +0000\n\nno names\n"),
	TEXT("tree %2\ncommitter C <c@d> 18 +0000\nauthor A <a@b> 17 +0000\n\nthe other way round\n"), TEXT("tree %2\nauthor A <a@b> 17 +0000\n\nno committer\n"),
	TEXT("tree %2\nauthor A <a@b> 17 +0000\nauthor B <b@b> 17 +0000\ncommitter C <c@d> 18 +0000\n\ntwo authors\n"),
	TEXT("tree %2\nauthor A <a@b> 17 +0000\ncommitter C <c@d> 18 +0000\n\na NUL\0in the message\n"), TEXT("tree %2\nauthor A <a@b> 17 +0000\ncommitter C <c@d> 18 +0000\nx\0y z\n\nm\n"),
	TEXT("tree %2\nauthor A\0B <a@b> 17 +0000\ncommitter C\0D <c@d> 18 +0000\n\nm\n"), TEXT("tree %2\nauthor A <a@b> 17 +0000\ncommitter C <c@d> 18 +0000"),
	TEXT("tree %2\nparent %3\nparent %3\nauthor A <a@b> 17 +0000\ncommitter C <c@d> 18 +0000\n\nthe same twice\n"), TEXT("tree %2\nparent %3"), TEXT("tree %2\nparent 0123"),
	TEXT("tree %2\nauthor A <a@b>17 +0000\ncommitter C <c@d>18 +0000\n\n"), TEXT("tree %2\nauthor\ncommitter\n\n"), TEXT("tree %2\nauthor A <a@b> x\ncommitter C <c@d> 18x +0000\n\nm"),
	TEXT("tree %2\nauthor A <a@b\ncommitter C <c@d\n\nno end\n"), TEXT("tree %2\nx\nauthor A <a@b> 17 +0000\ncommitter C <c@d> 18 +0000\n\nheaders before\n"),
};

static const struct odd_text unreadable_commits[] = {
	TEXT(""),
	TEXT("tree %2\n"), TEXT("tree %2"), TEXT("tree %0\n"), TEXT("parent %3\ntree %2\n"), TEXT("tree %2\nparent %3 \nauthor " WHO "\ncommitter " WHO "\n\n"), TEXT("tree %2\nparent %2\n\n"),
	TEXT("tree 000000000000000000000000000000000000000g\n\n"),
};

static const struct odd_text tags[] = {
	TEXT("object %3\ntype commit\ntag old\n"), TEXT("object %3\ntype commit\ntag a\ntagger nobody\n\nm\n"), TEXT("object %3\ntype commit\ntag a\ntagger A <b> x\n\nm\n"),
	TEXT("object %2\ntype tree\ntag ..\ntagger <>\n\nm\0n"), TEXT("object %3\ntype commit\ntag a\nx\0y\n"), TEXT("object %0\ntype blob\ntag a\nno line end"),
};
/* clang-format on */
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct oid ground[GROUND_COUNT];

/* ---- a repository of them ---- */

/* The object is in the repository "odd" afterwards, whatever git thinks of it. */
static void write_raw(struct yard *yard, enum object_type type, struct bytes raw, struct oid *out_id)
{
	static const char *const types[] = {"", "commit", "tree", "blob", "tag"};
	yard_write(yard, "raw", raw.at, raw.bytes);
	char *hex = yard_run(yard, "git -C odd hash-object -w -t %s --literally ../raw", types[type]);
	hex[40] = 0;
	assert_int_equal(oid_parse(hex, out_id), 0);
	free(hex);
}

static void give(void *context, const struct raw *raw, struct oid *out_id)
{
	write_raw(context, raw->type, raw_bytes(raw), out_id);
}

static struct oid write_text(struct yard *yard, enum object_type type, const struct odd_text *text)
{
	struct raw raw;
	struct oid id;
	assert_true(raw_fill(&raw, type, text->at, text->bytes, ground));
	write_raw(yard, type, raw_bytes(&raw), &id);
	return id;
}

/* A ref of the repository, without asking git. */
static void write_ref(struct yard *yard, const char *kind, unsigned number, const struct oid *id)
{
	char name[64], hex[OID_HEX_BYTES + 1];
	snprintf(name, sizeof(name), "odd/refs/%s%u", kind, number);
	oid_print(id, hex);
	strcat(hex, "\n");
	yard_write(yard, name, hex, strlen(hex));
}

/* A good commit of that tree. */
static struct oid write_commit_of(struct yard *yard, const struct oid *tree)
{
	char hex[OID_HEX_BYTES], text[256];
	struct oid id;
	oid_print(tree, hex);
	int bytes = snprintf(text, sizeof(text), "tree %s\nauthor " WHO "\ncommitter " WHO "\n\nm\n", hex);
	write_raw(yard, OBJECT_COMMIT, (struct bytes){(const uint8_t *)text, (uint32_t)bytes}, &id);
	return id;
}

/* Each in a commit of its own, on the branches KIND0 and on. Below "below" they stand a second time, deeper. */
static void write_trees(struct yard *yard, const char *kind, const struct odd_text *texts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct oid id = write_text(yard, OBJECT_TREE, &texts[i]);
		uint8_t above[] = "40000 below\0xxxxxxxxxxxxxxxxxxxx";
		memcpy(above + 12, id.bytes, OID_BYTES);
		id = write_commit_of(yard, &id);
		write_ref(yard, kind, 2 * i, &id);
		memcpy(&id, above + 12, OID_BYTES);
		write_raw(yard, OBJECT_TREE, (struct bytes){above, sizeof(above) - 1}, &id);
		id = write_commit_of(yard, &id);
		write_ref(yard, kind, 2 * i + 1, &id);
	}
}

static void odd_begin(struct yard *yard)
{
	yard_open(yard);
	free(yard_run(yard, "git init -q --bare -b mode0 odd"));
	ground_make(ground, give, yard);
}

static void odd_all(struct yard *yard)
{
	odd_begin(yard);
	write_trees(yard, "heads/mode", modes, COUNT(modes));
	write_trees(yard, "heads/name", names, COUNT(names));
	write_trees(yard, "heads/order", orders, COUNT(orders));
	for (unsigned i = 0; i < COUNT(commits); i++)
		write_ref(yard, "heads/commit", i, (struct oid[]){write_text(yard, OBJECT_COMMIT, &commits[i])});
	for (unsigned i = 0; i < COUNT(tags); i++)
		write_ref(yard, "tags/tag", i, (struct oid[]){write_text(yard, OBJECT_TAG, &tags[i])});
}

/* The workspace of the yard, with a journal in it. */
static void open_again(struct yard *yard)
{
	struct workspace_options options = {
		.journal = yard_path(yard, "journal"), .durability = DURABLE_PROCESS, .memory_max_bytes = UINT64_C(1) << 30};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	workspace_leave(yard->agent);
	assert_int_equal(workspace_close(yard->workspace), 0);
	if (workspace_open(&options, &yard->workspace, sentence))
		fail_msg("%s", sentence);
	assert_int_equal(workspace_join(yard->workspace, &yard->agent), 0);
}

static const struct commit *commit_at(struct yard *yard, const char *kind, unsigned number)
{
	const struct commit *commit;
	char name[64];
	snprintf(name, sizeof(name), "refs/heads/%s%u", kind, number);
	if (workspace_find(yard->agent, name, &commit))
		fail_msg("%s: %s", name, workspace_sentence(yard->agent));
	return commit;
}

/* ---- all of it ---- */

static int write_again(void *context, const struct object *object)
{
	struct bytes raw;
	git_oid id;
	struct yard *yard = ((void **)context)[0];
	git_odb_backend *backend = ((void **)context)[1];
	assert_int_equal(object_raw(yard->agent, object, &raw), 0);
	memcpy(id.id, object->id.bytes, OID_BYTES);
	assert_int_equal(backend->write(backend, &id, raw.at, raw.bytes, (git_object_t)object->type), 0);
	return 0;
}

static void test_what_git_reads_comes_in_and_goes_out_as_it_is(void **state)
{
	struct workspace_gc_result collected;
	struct yard yard;
	(void)state;
	odd_all(&yard);
	open_again(&yard);
	struct import_result in = yard_import(&yard, "odd");
	assert_true(in.refs == 2 * (COUNT(modes) + COUNT(names) + COUNT(orders)) + COUNT(commits) + COUNT(tags));
	assert_int_equal(yard_export(&yard, "first").objects, in.objects);
	yard_same(&yard, "odd", "first");
	open_again(&yard);
	assert_int_equal(yard_import(&yard, "odd").objects, 0);
	assert_int_equal(yard_export(&yard, "second").objects, in.objects);
	yard_same(&yard, "odd", "second");
	assert_int_equal(workspace_gc(yard.agent, true, &collected), 0);
	assert_int_equal(collected.objects_after, in.objects);
	open_again(&yard);
	assert_int_equal(yard_export(&yard, "third").objects, in.objects);
	yard_same(&yard, "odd", "third");
	git_odb_backend *backend = libgit2_objects_new(yard.agent);
	workspace_begin(yard.agent);
	assert_int_equal(objects_each(yard.agent, write_again, (void *[]){&yard, backend}), 0);
	workspace_end(yard.agent);
	backend->free(backend);
	yard_close(&yard);
}

/* What is one version after the other in a history, as versions of one tree. */
static void test_versions_of_odd_trees_come_in_as_versions(void **state)
{
	static const struct odd_text *const kinds[] = {&modes[6], &names[1], &orders[0], &orders[10], &modes[12]};
	struct yard yard;
	(void)state;
	odd_begin(&yard);
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		struct oid blob = ground[GROUND_BLOB], last = {{0}};
		char hex[OID_HEX_BYTES], text[512];
		for (unsigned version = 0; version < 4; version++) {
			int bytes = snprintf(text, sizeof(text), "version %u of %u\n", version, i);
			write_raw(&yard, OBJECT_BLOB, (struct bytes){(uint8_t *)text, (uint32_t)bytes}, &ground[GROUND_BLOB]);
			struct oid tree = write_text(&yard, OBJECT_TREE, kinds[i]);
			oid_print(&tree, hex);
			bytes = snprintf(text, sizeof(text), "tree %s\n", hex);
			oid_print(&last, hex);
			if (version)
				bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "parent %s\n", hex);
			bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "author " WHO "\ncommitter " WHO "\n\nm\n");
			write_raw(&yard, OBJECT_COMMIT, (struct bytes){(uint8_t *)text, (uint32_t)bytes}, &last);
		}
		write_ref(&yard, "heads/version", i, &last);
		ground[GROUND_BLOB] = blob;
	}
	open_again(&yard);
	yard_import(&yard, "odd");
	for (unsigned i = 0; i < 2; i++) {
		yard_export(&yard, i ? "second" : "first");
		yard_same(&yard, "odd", i ? "second" : "first");
		open_again(&yard);
	}
	yard_close(&yard);
}

static void test_what_git_cannot_read_is_refused(void **state)
{
	struct import_result result;
	struct yard yard;
	(void)state;
	odd_begin(&yard);
	for (unsigned i = 0; i < COUNT(unreadable) + COUNT(unreadable_commits); i++) {
		struct oid id = i < COUNT(unreadable)
					? write_text(&yard, OBJECT_TREE, &unreadable[i])
					: write_text(&yard, OBJECT_COMMIT, &unreadable_commits[i - COUNT(unreadable)]);
		if (i < COUNT(unreadable))
			id = write_commit_of(&yard, &id);
		write_ref(&yard, "heads/bad", 0, &id);
		if (i != COUNT(unreadable) - 1 && !yard_try(&yard, "git -C odd rev-list --objects --branches >/dev/null 2>&1"))
			fail_msg("git reads number %u", i);
		struct import_options options = {.path = yard_path(&yard, "odd")};
		if (workspace_import(yard.agent, &options, &result) != ERR_CORRUPT ||
		    !strstr(workspace_sentence(yard.agent), "odd: "))
			fail_msg("%u: %s", i, workspace_sentence(yard.agent));
		workspace_begin(yard.agent);
		assert_int_equal(workspace_find(yard.agent, "bad0", &(const struct commit *){NULL}), ERR_NOT_FOUND);
		workspace_end(yard.agent);
	}
	yard_close(&yard);
}

/* ---- people and times ---- */

static void check_person(const struct workspace_person *person, char *line)
{
	char *at = strsep(&line, "|"), *name = strsep(&line, "|"), *email = strsep(&line, "|");
	assert_string_equal(person->name, name);
	assert_string_equal(person->email, email);
	/* Git prints times that do not fit as they are, and none without a zone. */
	assert_true(!*at || person->seconds == (strlen(at) > 18 ? 0 : atoll(at)));
	assert_in_range(person->minutes + 6000, 1, 11999);
}

static void test_people_and_times_are_read_as_git_reads_them(void **state)
{
	struct commit_text text;
	struct yard yard;
	(void)state;
	odd_all(&yard);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	for (unsigned i = 0; i < COUNT(commits); i++) {
		const struct commit *commit = commit_at(&yard, "commit", i);
		assert_int_equal(commit_read(commit, &text), 0);
		/* A NUL ends what git prints, and of two authors it takes the last. */
		if (memchr(commits[i].at, 0, commits[i].bytes) || strstr(commits[i].at, "two authors"))
			continue;
		char *author = yard_run(&yard, "git -C odd log -1 --format='%%at|%%an|%%ae|' commit%u", i);
		char *committer = yard_run(&yard, "git -C odd log -1 --format='%%ct|%%cn|%%ce|' commit%u", i);
		check_person(&text.author, author);
		check_person(&text.committer, committer);
		free(author);
		free(committer);
	}
	workspace_end(yard.agent);
	yard_close(&yard);
}

/* The order of a log, and the bases of merges, come from these. */
static void test_times_order_as_they_do_in_git(void **state)
{
	struct yard yard;
	(void)state;
	odd_all(&yard);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	for (unsigned i = 0; i < COUNT(commits); i++) {
		const struct commit *commit = commit_at(&yard, "commit", i);
		char *line = yard_run(&yard, "git -C odd rev-list --timestamp --no-walk commit%u", i);
		unsigned long long wanted = strtoull(line, NULL, 10);
		int64_t seconds = wanted > INT64_MAX ? INT64_MAX : (int64_t)wanted;
		/* Of several > git 2.39 takes the first, and later ones the last. */
		if (commit->seconds != seconds && !strstr(commits[i].at, "<@>"))
			fail_msg("%u: %lld here, %s", i, (long long)commit->seconds, line);
		assert_int_equal(commit->generation, commit->parent_count ? 2 : 1);
		free(line);
	}
	workspace_end(yard.agent);
	yard_close(&yard);
}

/* ---- nothing of it becomes a file, or a part of something new ---- */

static int commit_edit(struct yard *yard, const struct commit *parent, const char *path, const char *text,
		       const struct tree **out_tree)
{
	struct workspace_edit edit = {.path = path, .mode = text ? MODE_FILE : MODE_NONE};
	if (text)
		edit.data = (struct bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
	return workspace_tree_edit(yard->agent, commit_tree(parent), &edit, 1, out_tree);
}

static int difference_seen(void *context, const struct diff_entry *entry)
{
	(void)entry;
	++*(unsigned *)context;
	return 0;
}

/* Both where the tree is the top and where it is below. */
static void check_no_files(struct yard *yard, const char *kind, unsigned number)
{
	const struct commit *commit = commit_at(yard, kind, number);
	uint64_t files;
	int folder = place_open(yard, "files");
	int rc = workspace_materialise(yard->agent, commit_tree(commit), folder, &files);
	if (rc != ERR_MALFORMED)
		fail_msg("%s%u is written: %d", kind, number, rc);
	close(folder);
	assert_int_equal(yard_try(yard, "rmdir files"), 0); /* it was empty again */
	char ref[64];
	snprintf(ref, sizeof(ref), "refs/heads/%s%u", kind, number);
	const char *const refs[] = {ref};
	struct export_options options = {.path = yard_path(yard, "new"), .refs = refs, .ref_count = 1};
	struct export_result result;
	assert_int_equal(workspace_export(yard->agent, &options, &result), ERR_MALFORMED);
	assert_int_not_equal(yard_try(yard, "test -e new || ls -d .bunshin-export-* >/dev/null 2>&1"), 0);
}

static void check_no_change(struct yard *yard, const char *kind, unsigned number)
{
	const struct commit *top = commit_at(yard, kind, 2 * number), *below = commit_at(yard, kind, 2 * number + 1);
	const struct tree *tree;
	assert_int_equal(commit_edit(yard, top, "zz", "new", &tree), ERR_MALFORMED);
	assert_int_equal(commit_edit(yard, below, "below/zz", "new", &tree), ERR_MALFORMED);
	/* Beside it there may be anything, and it may go altogether. */
	assert_int_equal(commit_edit(yard, below, "zz", "new", &tree), 0);
	assert_int_equal(commit_edit(yard, below, "below", NULL, &tree), 0);
}

static void test_names_that_git_checks_out_nowhere_become_no_files(void **state)
{
	struct merge_result merged;
	const struct tree *tree;
	unsigned differences = 0;
	struct yard yard;
	uint64_t files;
	(void)state;
	odd_all(&yard);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	for (unsigned i = 0; i < 2 * COUNT(names); i++)
		check_no_files(&yard, "name", i);
	for (unsigned i = 0; i < COUNT(names); i++)
		check_no_change(&yard, "name", i);
	/* One can look at them, and take them away; then all is well. */
	struct diff_options plain = {0};
	const struct commit *bad = commit_at(&yard, "name", 2), *good = commit_at(&yard, "mode", 2);
	assert_int_equal(workspace_diff(yard.agent, commit_tree(good), commit_tree(bad), &plain, difference_seen, &differences),
			 0);
	assert_true(differences > 0);
	assert_int_equal(commit_edit(&yard, bad, ".git", NULL, &tree), 0);
	int folder = place_open(&yard, "files");
	assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), 0);
	assert_int_equal(files, 1);
	close(folder);
	assert_int_equal(workspace_merge(yard.agent, good, bad, &(struct merge_options){0}, &merged), ERR_MALFORMED);
	workspace_end(yard.agent);
	yard_close(&yard);
}

static void test_folders_in_disorder_can_be_read_and_no_more(void **state)
{
	struct diff_options plain = {0};
	struct merge_result merged;
	struct workspace_file file;
	struct yard yard;
	(void)state;
	odd_all(&yard);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	const struct commit *good = commit_at(&yard, "mode", 2);
	for (unsigned i = 0; i < 2 * COUNT(orders); i++) {
		const struct commit *bad = commit_at(&yard, "order", i);
		check_no_files(&yard, "order", i);
		assert_int_equal(
			workspace_diff(yard.agent, commit_tree(good), commit_tree(bad), &plain, difference_seen, &(unsigned){0}),
			ERR_MALFORMED);
		if (i % 2 == 0)
			assert_int_equal(workspace_merge(yard.agent, good, bad, &(struct merge_options){0}, &merged),
					 ERR_MALFORMED);
	}
	for (unsigned i = 0; i < COUNT(orders); i++)
		check_no_change(&yard, "order", i);
	/* Of two the first, as git reads it; and what a search in order would miss. */
	assert_int_equal(workspace_read(yard.agent, commit_tree(commit_at(&yard, "order", 2)), "b", &file), 0);
	assert_int_equal(workspace_read(yard.agent, commit_tree(commit_at(&yard, "order", 3)), "below/a", &file), 0);
	assert_int_equal(workspace_read(yard.agent, commit_tree(commit_at(&yard, "order", 4)), "a/file", &file), 0);
	workspace_end(yard.agent);
	yard_close(&yard);
}

/* Names that stand in the version before were looked at when that came: as what they are. */
static void test_a_name_is_not_overlooked_because_it_was_there_before(void **state)
{
	static const struct odd_text old = TEXT("100644 .git\0{0}100644 b\0{0}"),
				     longer = TEXT("100644 .git\0{0}100644 b\0{0}100644 c\0{0}");
	const struct object *first, *second, *third;
	struct raw raw;
	struct yard yard;
	(void)state;
	odd_begin(&yard);
	write_trees(&yard, "heads/name", &old, 1);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	const struct commit *commit = commit_at(&yard, "name", 0);
	const struct tree *base = commit_tree(commit), *tree;
	assert_true(raw_fill(&raw, OBJECT_TREE, longer.at, longer.bytes, ground));
	for (enum object_judge judge = JUDGE_STRICT; judge <= JUDGE_AS_READ; judge++)
		assert_int_equal(object_make(yard.agent, judge, OBJECT_TREE, raw_bytes(&raw), NULL, base, false, &first),
				 judge == JUDGE_STRICT ? ERR_MALFORMED : 0);
	struct workspace_edit edit = {.path = "d", .mode = MODE_FILE};
	assert_int_equal(workspace_tree_edit(yard.agent, object_as_tree(first), &edit, 1, &tree), ERR_MALFORMED);
	edit.path = "b"; /* the names stay as they are */
	assert_int_equal(workspace_tree_edit(yard.agent, base, &edit, 1, &tree), ERR_MALFORMED);
	assert_true(raw_fill(&raw, OBJECT_TREE, old.at, old.bytes, ground));
	memset(raw.at + raw.bytes - OID_BYTES, 0, OID_BYTES);
	assert_int_equal(object_make(yard.agent, JUDGE_STRICT, OBJECT_TREE, raw_bytes(&raw), NULL, base, false, &second),
			 ERR_MALFORMED);
	/* What libgit2 writes is judged as new, unless it is there. */
	git_odb_backend *backend = libgit2_objects_new(yard.agent);
	static const struct odd_text new = TEXT("100644 .git\0{0}100644 z\0{0}");
	assert_true(raw_fill(&raw, OBJECT_TREE, new.at, new.bytes, ground));
	git_oid id;
	assert_int_equal(git_odb_hash(&id, raw.at, raw.bytes, GIT_OBJECT_TREE), 0);
	assert_int_not_equal(backend->write(backend, &id, raw.at, raw.bytes, GIT_OBJECT_TREE), 0);
	assert_int_equal(object_make(yard.agent, JUDGE_AS_READ, OBJECT_TREE, raw_bytes(&raw), NULL, NULL, false, &third), 0);
	assert_int_equal(backend->write(backend, &id, raw.at, raw.bytes, GIT_OBJECT_TREE), 0);
	backend->free(backend);
	workspace_end(yard.agent);
	yard_close(&yard);
}

/* A file that git has doubts about may stay where it stands, and come nowhere else. */
static void test_special_files_stay_and_come_nowhere_new(void **state)
{
	static const char bad[] = "[submodule \"a\"]\n\tpath = a\n\turl = -u\n";
	const struct tree *tree;
	struct yard yard;
	(void)state;
	odd_begin(&yard);
	write_raw(&yard, OBJECT_BLOB, (struct bytes){(const uint8_t *)bad, sizeof(bad) - 1}, &ground[GROUND_BLOB]);
	write_trees(&yard, "heads/special", (const struct odd_text[]){TEXT("100644 .gitmodules\0{0}100644 a\0{0}")}, 1);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	const struct commit *top = commit_at(&yard, "special", 0), *below = commit_at(&yard, "special", 1);
	assert_int_equal(commit_edit(&yard, top, "a", "new", &tree), 0);
	assert_int_equal(commit_edit(&yard, top, "b", "new", &tree), 0);
	assert_int_equal(commit_edit(&yard, below, "below/b/c", "new", &tree), 0);
	assert_int_equal(commit_edit(&yard, top, ".gitmodules", bad, &tree), 0);
	assert_int_equal(commit_edit(&yard, top, "b/.gitmodules", bad, &tree), ERR_MALFORMED);
	assert_int_equal(commit_edit(&yard, below, ".gitmodules", bad, &tree), ERR_MALFORMED);
	workspace_end(yard.agent);
	yard_close(&yard);
}

/* What is written anew has the modes that git writes today. */
static void test_a_change_writes_old_modes_anew(void **state)
{
	const struct tree *tree;
	struct bytes raw;
	struct yard yard;
	(void)state;
	odd_all(&yard);
	yard_import(&yard, "odd");
	workspace_begin(yard.agent);
	for (unsigned i = 0; i < COUNT(modes); i++) {
		if (commit_edit(&yard, commit_at(&yard, "mode", 2 * i), "zz", "new", &tree))
			fail_msg("%u: %s", i, workspace_sentence(yard.agent));
		assert_int_equal(object_raw(yard.agent, (const struct object *)(const void *)tree, &raw), 0);
		const struct object *again;
		/* An id of zeros stays one. */
		int wanted = memmem(modes[i].at, modes[i].bytes, ZEROS, OID_BYTES) ? ERR_MALFORMED : 0;
		int rc = object_make(yard.agent, JUDGE_STRICT, OBJECT_TREE, raw, tree_id(tree), NULL, false, &again);
		if (rc != wanted)
			fail_msg("%u: %s", i, workspace_sentence(yard.agent));
	}
	workspace_end(yard.agent);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_git_reads_comes_in_and_goes_out_as_it_is),
		cmocka_unit_test(test_versions_of_odd_trees_come_in_as_versions),
		cmocka_unit_test(test_what_git_cannot_read_is_refused),
		cmocka_unit_test(test_people_and_times_are_read_as_git_reads_them),
		cmocka_unit_test(test_times_order_as_they_do_in_git),
		cmocka_unit_test(test_names_that_git_checks_out_nowhere_become_no_files),
		cmocka_unit_test(test_folders_in_disorder_can_be_read_and_no_more),
		cmocka_unit_test(test_a_name_is_not_overlooked_because_it_was_there_before),
		cmocka_unit_test(test_special_files_stay_and_come_nowhere_new),
		cmocka_unit_test(test_a_change_writes_old_modes_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
