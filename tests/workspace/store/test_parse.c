/* SPDX-License-Identifier: MIT
 *
 * Objects from bytes: taken in where git fsck --strict finds nothing, refused where it finds something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/fsck.h"
#include "tests/workspace/store/object_check.h"
#include "tests/workspace/store/parse_cases.h"
#include "tests/workspace/store/store_case.h"

static struct store store;
static struct oid ground[GROUND_COUNT];

static void give(void *context, const struct raw *raw, struct oid *out_id)
{
	const struct object *object;

	(void)context;
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, raw->type, raw_bytes(raw), NULL, NULL, false, &object), 0);
	*out_id = *object_id(object);
}

static int open_all(void **unused)
{
	(void)unused;
	store_open(&store, NULL);
	workspace_begin(store.agent);
	ground_make(ground, give, NULL);
	return 0;
}

static int close_all(void **unused)
{
	(void)unused;
	workspace_end(store.agent);
	store_close(&store);
	return 0;
}

/* ---- beside git ---- */

struct parse_case {
	struct raw raw;
	struct oid id;
};

static void write_ground(void *context, const struct raw *raw, struct oid *out_id)
{
	fsck_add(context, raw->type, raw_bytes(raw), out_id);
}

static void dump(const struct raw *raw)
{
	for (uint32_t i = 0; i < raw->bytes; i++)
		print_error(raw->at[i] >= ' ' && raw->at[i] < 127 && raw->at[i] != '\\' ? "%c" : "\\x%02x", raw->at[i]);
	print_error("\n");
}

/* Where we refuse what git only finds strange: see the words of object_make and tree_name_check. */
static bool is_stricter(const char *sentence)
{
	static const char *const words[] = {"the mode is none of", "these seconds are no number"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(sentence, words[i]))
			return true;
	}
	return false;
}

/* The same bytes come out again, under the same id. */
static void check_taken(const struct parse_case *one, const struct object *object)
{
	struct bytes raw;

	assert_memory_equal(object_id(object)->bytes, one->id.bytes, OID_BYTES);
	assert_int_equal(object_raw(store.agent, object, &raw), 0);
	assert_int_equal(raw.bytes, one->raw.bytes);
	if (raw.bytes)
		assert_memory_equal(raw.at, one->raw.at, raw.bytes);
}

static void check_case(const struct fsck *fsck, const struct parse_case *one, size_t *taken, size_t *refused)
{
	const struct object *object;
	int rc = object_make(store.agent, JUDGE_STRICT, one->raw.type, raw_bytes(&one->raw), &one->id, NULL, false, &object);
	bool git_refuses = fsck_blames(fsck, &one->id);

	if (rc == 0)
		check_taken(one, object);
	*taken += rc == 0;
	*refused += rc == ERR_MALFORMED && git_refuses;
	if (rc == 0 ? !git_refuses : rc == ERR_NOT_FOUND || git_refuses || is_stricter(workspace_sentence(store.agent)))
		return;
	print_error("git %s this, and here: %d %s\n", git_refuses ? "refuses" : "takes", rc,
		    rc ? workspace_sentence(store.agent) : "");
	dump(&one->raw);
	fail();
}

static void test_objects_are_refused_where_git_refuses_them(void **unused)
{
	const char *given = getenv("PARSE_CASES");
	size_t count = given ? (size_t)atoi(given) : 4000, texts = 0, taken = 0, refused = 0;
	struct parse_case *cases = calloc(count, sizeof(*cases));
	struct fsck *fsck = fsck_new();
	struct oid same[GROUND_COUNT];
	uint64_t random = 4711;

	(void)unused;
	assert_non_null(cases);
	ground_make(same, write_ground, fsck);
	assert_memory_equal(same, ground, sizeof(same));
	while (raw_case(ground, texts))
		texts++;
	for (size_t i = 0; i < count; i++) {
		cases[i].raw = *raw_case(ground, i % texts);
		if (i >= texts)
			raw_mutate(&cases[i].raw, &random);
		fsck_add(fsck, cases[i].raw.type, raw_bytes(&cases[i].raw), &cases[i].id);
	}
	fsck_run(fsck);
	for (size_t i = 0; i < count; i++)
		check_case(fsck, &cases[i], &taken, &refused);
	assert_true(taken > count / 20 && refused > count / 4);
	fsck_free(fsck);
	free(cases);
}

/* ---- .gitmodules and .gitattributes ---- */

static const char *const modules[] = {
	"",
	"[submodule \"a\"]\n\tpath = a\n\turl = https://example.org/a.git\n",
	"[submodule \"a\"]\nurl = ../b\n",
	"[submodule \"a\"]\nupdate = rebase\n",
	"[submodule \"../a\"]\nurl = x\n",
	"[submodule \"a/..\"]\nurl = x\n",
	"[submodule \"a\\\\..\\\\b\"]\nurl = x\n",
	"[submodule \"..a\"]\nurl = x\n",
	"[submodule \"\"]\nurl = x\n",
	"[submodule \"..\"]\n",
	"[submodule \"..\"]\nignored\n",
	"[submodule]\nurl = -x\n",
	"[other \"..\"]\nurl = -x\n",
	"[submodule.x]\nurl = -x\n",
	"[Submodule.X]\nURL = -x\n",
	"[submodule. \"./x\"]\nurl = x\n",
	"[submodule.]\nurl = x\n",
	"[.x]\n[submodule \"a\"]\nurl = -x\n",
	"[submodule \"a\"]\nurl = -u./x\n",
	"[submodule \"a\"]\nurl = \"-u\"\n",
	"[submodule \"a\"]\nurl = \\\n-u\n",
	"[submodule \"a\"] url = -x\n",
	"\xef\xbb[submodule \"a\"]\nurl = -x\n",
	"[submodule \"a\"]\nurl = a b ; -x\n",
	"[submodule \"a\"]\nurl = ;-x\n",
	"[submodule \"a\"]\nurl = \";\"-x\n",
	"[submodule \"a\"]\r\nurl = -x\r\n",
	"[submodule \"a\"]\nurl\n",
	"[submodule \"a\"]\nurl =\n",
	"[submodule \"a\"]\npath = -x\n",
	"[submodule \"a\"]\nupdate = !x\n",
	"[submodule \"a\"]\nupdate = \"!x\"\n",
	"[submodule \"a\"]\nname = -x\n",
	"[submodule \"a\"]\nurl x = -x\n[submodule \"b\"]\nurl = -y\n",
	"[submodule \"a\"]\nurl = \"-x\n",
	"[submodule \"a\"]\nurl = -x\\q\n",
	"[submodule \"a\" ]\nurl = -x\n",
	"[submodule\t\"a\"]\nurl = -x\n",
	"[submodule\n\"a\"]\nurl = -x\n",
	"[submodule \"a\n\"]\nurl = -x\n",
	"[submodule \"a\"]\nurl = ../../../:x\n",
	"[submodule \"a\"]\nurl = ..\\\\:x\n",
	"[submodule \"a\"]\nurl = .././/x\n",
	"[submodule \"a\"]\nurl = ./:x\n",
	"[submodule \"a\"]\nurl = ./%0ax\n",
	"[submodule \"a\"]\nurl = ./%0Ax\n",
	"[submodule \"a\"]\nurl = ./a\\nb\n",
	"[submodule \"a\"]\nurl = git://host/%0a\n",
	"[submodule \"a\"]\nurl = ssh://host/%0a\n",
	"[submodule \"a\"]\nurl = http://host/%0a\n",
	"[submodule \"a\"]\nurl = http://%0ahost/\n",
	"[submodule \"a\"]\nurl = http://u%0a@host/\n",
	"[submodule \"a\"]\nurl = http://u:p%0a@host/x\n",
	"[submodule \"a\"]\nurl = http:///x\n",
	"[submodule \"a\"]\nurl = http://\n",
	"[submodule \"a\"]\nurl = http://u@/x\n",
	"[submodule \"a\"]\nurl = https::x\n",
	"[submodule \"a\"]\nurl = https:::///x\n",
	"[submodule \"a\"]\nurl = http::://host/x\n",
	"[submodule \"a\"]\nurl = https::https://host\n",
	"[submodule \"a\"]\nurl = ftp://host?x\n",
	"[submodule \"a\"]\nurl = ftps://?x\n",
	"[submodule \"a\"]\nurl = https://a/b@c\n",
	"[submodule \"a\"]\nurl = file:///x\n",
	"[submodule \"a\"]\nurl = https://u%0@host\n",
	"[submodule \"a\"]\n\xff = -x\nurl = -x\n",
	"# comment [submodule \"a\"]\n; url = -x\n",
	"[submodule \"a\\\"b\"]\nurl = -x\n",
	"[submodule \"a\"]\nurl = x\nurl = -x",
	"[submodule \"a\"]\nurl=-x",
	"[submodule \"a\"]\nurl\t=\t-x\t\n",
	"[submodule \"a\"]url=-x\n",
	"[]\n[submodule \"a\"]\nurl = -x\n",
};
enum { MODULES = sizeof(modules) / sizeof(modules[0]) };

#define SPECIAL_MAX 256u

struct special_case {
	struct raw tree;
	struct oid blob;
};

/* A tree whose only entry is called so; a comment makes each blob another one. */
static void special_add(struct fsck *fsck, struct special_case *one, unsigned number, const char *name, const char *text,
			size_t bytes)
{
	const struct object *blob;
	uint8_t *data = malloc(bytes + 32);
	int at = sprintf((char *)one->tree.at, "100644 %s", name) + 1;

	assert_non_null(data);
	if (bytes)
		memcpy(data, text, bytes);
	bytes += (size_t)sprintf((char *)data + bytes, "\n#%u\n", number);
	struct bytes file = {data, (uint32_t)bytes};
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_BLOB, file, NULL, NULL, false, &blob), 0);
	fsck_add(fsck, OBJECT_BLOB, file, &one->blob);
	memcpy(one->tree.at + at, one->blob.bytes, OID_BYTES);
	one->tree.bytes = (uint32_t)at + OID_BYTES;
	fsck_add(fsck, OBJECT_TREE, raw_bytes(&one->tree), &(struct oid){{0}});
	free(data);
}

static void special_check_all(const struct fsck *fsck, const struct special_case *cases, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct object *object;
		bool git_refuses = fsck_blames(fsck, &cases[i].blob);
		int rc = object_make(store.agent, JUDGE_STRICT, OBJECT_TREE, raw_bytes(&cases[i].tree), NULL, NULL, false,
				     &object);
		if (rc == (git_refuses ? ERR_MALFORMED : 0))
			continue;
		print_error("git %s case %u, and here: %d %s\n%s\n", git_refuses ? "refuses" : "takes", i, rc,
			    rc ? workspace_sentence(store.agent) : "", i < MODULES ? modules[i] : "");
		fail();
	}
}

static void test_files_that_git_reads_are_refused_where_git_refuses_them(void **unused)
{
	static struct special_case cases[SPECIAL_MAX];
	struct fsck *fsck = fsck_new();
	char line[4096];
	unsigned count = 0;

	(void)unused;
	memset(line, 'a', sizeof(line));
	line[1000] = '\n';
	for (; count < MODULES; count++)
		special_add(fsck, &cases[count], count, ".gitmodules", modules[count], strlen(modules[count]));
	for (size_t bytes = 3046; bytes < 3052; bytes++, count++) /* lines of 2,045 to 2,050 bytes */
		special_add(fsck, &cases[count], count, ".gitattributes", line, bytes);
	line[20] = 0; /* what stands behind it is not read */
	special_add(fsck, &cases[count], count, ".gitattributes", line, sizeof(line));
	count++;
	fsck_run(fsck);
	special_check_all(fsck, cases, count);
	fsck_free(fsck);
}

static void test_an_edit_that_git_would_refuse_to_read_is_refused(void **unused)
{
	struct workspace_edit edits[] = {
		{".gitmodules", MODE_FILE, text_of("[submodule \"a\"]\nurl = ../a\n"), NULL},
		{".gitmodules", MODE_FILE, text_of("[submodule \"a\"]\nurl = -u\n"), NULL},
		{"folder/.gitmodules", MODE_FILE, text_of("[submodule \"..\"]\nurl = a\n"), NULL},
		{".gitmodules", MODE_FILE, text_of("\xef\xbb\xbf[submodule \"a\"]\nurl = -u\n"),
		 NULL}, /* fsck stumbles; git clone does not */
		{".gitmodules", MODE_SYMLINK, text_of("x"), NULL},
		{".gitmodules/x", MODE_FILE, text_of("x"), NULL},
	};
	const struct tree *tree, *next;

	(void)unused;
	assert_int_equal(workspace_tree_edit(store.agent, NULL, &edits[0], 1, &tree), 0);
	for (size_t i = 1; i < sizeof(edits) / sizeof(edits[0]); i++)
		assert_int_equal(workspace_tree_edit(store.agent, tree, &edits[i], 1, &next), ERR_MALFORMED);
}

/* ---- all cuts ---- */

static void test_no_cut_of_an_object_is_read_beyond_its_end(void **unused)
{
	(void)unused;
	for (size_t number = 0; raw_case(ground, number); number++) {
		const struct raw *raw = raw_case(ground, number);
		for (uint32_t bytes = 0; bytes <= raw->bytes; bytes++) {
			const struct object *object;
			uint8_t *exact = malloc(bytes ? bytes : 1);
			assert_non_null(exact);
			memcpy(exact, raw->at, bytes);
			for (enum object_judge judge = JUDGE_STRICT; judge <= JUDGE_AS_READ; judge++) {
				int rc = object_make(store.agent, judge, raw->type, (struct bytes){exact, bytes}, NULL, NULL,
						     true, &object);
				assert_true(rc == 0 || rc == ERR_MALFORMED || rc == ERR_NOT_FOUND);
			}
			free(exact);
		}
	}
}

/* ---- beside our own words ---- */

static void check_mutated(enum object_judge judge)
{
	const char *given = getenv("OBJECT_CASES");
	size_t count = given ? (size_t)atoll(given) : 200000, texts = 0, taken = 0;
	uint64_t random = given ? 123457 : 4712;

	while (raw_case(ground, texts))
		texts++;
	for (size_t i = 0; i < count; i++) {
		const struct object *base = object_find(store.agent, &ground[GROUND_FOLDER]);
		struct raw raw = *raw_case(ground, random_below(&random, (uint32_t)texts));
		bool is_taken;
		raw_mutate(&raw, &random);
		const char *wrong = object_check(store.agent, judge, raw.type, raw_bytes(&raw),
						 i % 3 ? NULL : object_as_tree(base), i % 5 == 0, &is_taken);
		if (wrong) {
			dump(&raw);
			fail_msg("%s", wrong);
		}
		taken += is_taken;
		if (i % 100000 == 99999) {
			close_all(NULL);
			open_all(NULL);
		}
	}
	assert_in_range(taken, count / 30, count - count / 3);
	assert_true(judge == JUDGE_STRICT || taken > count / 4);
}

static void test_mutated_objects_are_refused_or_are_what_their_bytes_say(void **unused)
{
	(void)unused;
	check_mutated(JUDGE_STRICT);
}

static void test_what_is_only_read_is_what_its_bytes_say_too(void **unused)
{
	(void)unused;
	close_all(NULL);
	open_all(NULL);
	check_mutated(JUDGE_AS_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_are_refused_where_git_refuses_them),
		cmocka_unit_test(test_files_that_git_reads_are_refused_where_git_refuses_them),
		cmocka_unit_test(test_an_edit_that_git_would_refuse_to_read_is_refused),
		cmocka_unit_test(test_no_cut_of_an_object_is_read_beyond_its_end),
		cmocka_unit_test(test_mutated_objects_are_refused_or_are_what_their_bytes_say),
		cmocka_unit_test(test_what_is_only_read_is_what_its_bytes_say_too),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
