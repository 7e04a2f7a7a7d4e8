/* SPDX-License-Identifier: MIT
 *
 * Names in trees are refused where git fsck --strict refuses them, in all spellings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/fsck.h"
#include "tests/workspace/store/store_case.h"
#include "workspace/store/names.h"

#define NAME_MAX_BYTES 64u

struct name_case {
	char name[NAME_MAX_BYTES];
	size_t bytes;
	enum file_mode mode;
	struct oid tree, child;
};

static uint64_t state = 20231101;

static uint32_t chance(uint32_t below)
{
	return random_below(&state, below);
}

/* ---- names ---- */

/* What names that mean something are made of, and what comes near to it. */
static const char *const pieces[] = {
	".",
	"..",
	"git",
	"GiT",
	".git",
	".GIT",
	"git~1",
	"GIT~1",
	"git~2",
	"~1",
	"~",
	"modules",
	"MODULES",
	"attributes",
	".gitmodules",
	".gitattributes",
	".gitModules",
	"gitmod~1",
	"GITMOD~4",
	"gitmod~5",
	"gitatt~1",
	"gi7eba~1",
	"GI7EBA~9",
	"gi7eb~10",
	"gi7d29~1",
	"gi7d~123",
	"g~100000",
	"~1000000",
	"gi7eba~0",
	" ",
	"  ",
	".",
	":",
	":$INDEX_ALLOCATION",
	"\\",
	"/",
	"a",
	"b.txt",
	"\xe2\x80\x8c",
	"\xe2\x80\x8f",
	"\xe2\x80\x90",
	"\xe2\x80\xaa",
	"\xe2\x80\xae",
	"\xe2\x80\xaf",
	"\xe2\x81\xaa",
	"\xe2\x81\xaf",
	"\xe2\x81\xa9",
	"\xef\xbb\xbf",
	"\xef\xbb\xbe",
	"\xff",
	"\xc3\xa9",
	"\xc3",
	"\xe2\x80",
	"\xed\xa0\x80",
	"\xf0\x9f\x98\x80",
	"\xf4\x90\x80\x80",
	"\xc0\xae",
	"\xef\xbf\xbf",
	"\xe0\x80\xae",
	"\xf0\x80\x80\xae",
	"g",
	"i",
	"t",
	"G",
	"I",
	"T",
	"\xc4\xb0",
	"\x01",
	"\x7f",
};
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

static void add(struct name_case *one, const char *piece)
{
	size_t bytes = strlen(piece);
	if (one->bytes + bytes < NAME_MAX_BYTES) {
		memcpy(one->name + one->bytes, piece, bytes);
		one->bytes += bytes;
	}
}

/* A word with marks between its letters that HFS+ does not see. */
static void add_hidden(struct name_case *one, const char *word)
{
	for (; *word; word++) {
		char letter[2] = {chance(4) ? *word : (char)(*word >= 'a' && *word <= 'z' ? *word - 32 : *word), 0};
		if (chance(4) == 0)
			add(one, pieces[38 + chance(10)]);
		add(one, letter);
	}
}

static void make_name(struct name_case *one)
{
	static const char *const words[] = {".git", ".gitmodules", ".gitattributes"};
	static const enum file_mode modes[] = {MODE_FILE, MODE_SYMLINK, MODE_FOLDER, MODE_EXECUTABLE, MODE_SUBMODULE};
	bool is_hidden = chance(2);

	one->bytes = 0;
	one->mode = modes[chance(5)];
	if (is_hidden) {
		add_hidden(one, words[chance(3)]);
		if (chance(2))
			add(one, pieces[chance(PIECES)]);
	}
	for (unsigned i = is_hidden ? 0 : 1 + chance(4); i > 0; i--)
		add(one, pieces[chance(PIECES)]);
	if (one->bytes == 0)
		add(one, pieces[chance(PIECES)]);
}

/* ---- git's answer ---- */

/* A child of its own for each: git blames a child that stands where a file has to stand. */
static void write_child(struct fsck *fsck, struct name_case *one, unsigned number)
{
	char text[48];
	uint32_t bytes = (uint32_t)snprintf(text, sizeof(text), "# %u\n", number);

	if (one->mode == MODE_SUBMODULE) {
		memset(one->child.bytes, 0, OID_BYTES);
		memcpy(one->child.bytes, &number, sizeof(number));
		one->child.bytes[19] = 1;
		return;
	}
	fsck_add(fsck, OBJECT_BLOB, (struct bytes){(uint8_t *)text, bytes}, &one->child);
	if (one->mode != MODE_FOLDER)
		return;
	bytes = (uint32_t)snprintf(text, sizeof(text), "100644 %u", number) + 1;
	memcpy(text + bytes, one->child.bytes, OID_BYTES);
	fsck_add(fsck, OBJECT_TREE, (struct bytes){(uint8_t *)text, bytes + OID_BYTES}, &one->child);
}

static void write_case(struct fsck *fsck, struct name_case *one, unsigned number)
{
	char raw[NAME_MAX_BYTES + 32];
	int at = snprintf(raw, sizeof(raw), "%o ", one->mode);

	write_child(fsck, one, number);
	memcpy(raw + at, one->name, one->bytes);
	at += (int)one->bytes;
	raw[at++] = 0;
	memcpy(raw + at, one->child.bytes, OID_BYTES);
	fsck_add(fsck, OBJECT_TREE, (struct bytes){(uint8_t *)raw, (uint32_t)at + OID_BYTES}, &one->tree);
}

static void compare(const struct fsck *fsck, const struct name_case *one, size_t *refused)
{
	const char *why = "";
	bool git_refuses = fsck_blames(fsck, &one->tree) || fsck_blames(fsck, &one->child);
	int rc = tree_name_check(one->name, one->bytes, one->mode, &why);

	*refused += rc != 0;
	if ((rc != 0) == git_refuses && (rc == 0 || rc == ERR_MALFORMED))
		return;
	print_error("git %s \"%.*s\" (%o), and here: %d %s\n ", git_refuses ? "refuses" : "takes", (int)one->bytes, one->name,
		    one->mode, rc, why);
	for (size_t i = 0; i < one->bytes; i++)
		print_error(" %02x", (uint8_t)one->name[i]);
	print_error("\n");
	fail();
}

static void test_names_are_refused_where_git_refuses_them(void **unused)
{
	const char *given = getenv("NAME_CASES");
	unsigned count = given ? (unsigned)atoi(given) : 6000;
	struct name_case *cases = calloc(count, sizeof(*cases));
	struct fsck *fsck = fsck_new();
	size_t refused = 0;

	(void)unused;
	assert_non_null(cases);
	for (unsigned i = 0; i < count; i++) {
		make_name(&cases[i]);
		write_case(fsck, &cases[i], i);
	}
	fsck_run(fsck);
	for (unsigned i = 0; i < count; i++)
		compare(fsck, &cases[i], &refused);
	assert_in_range(refused, count / 8, count - count / 8);
	fsck_free(fsck);
	free(cases);
}

/* ---- what can be said without asking ---- */

static void test_a_name_without_bytes_or_with_a_nul_is_refused(void **unused)
{
	const char *why;
	char name[WORKSPACE_PATH_MAX + 1];

	(void)unused;
	memset(name, 'n', sizeof(name));
	assert_int_equal(tree_name_check("", 0, MODE_FILE, &why), ERR_MALFORMED);
	assert_int_equal(tree_name_check("a\0b", 3, MODE_FILE, &why), ERR_MALFORMED);
	assert_int_equal(tree_name_check(name, sizeof(name), MODE_FILE, &why), ERR_MALFORMED);
	assert_int_equal(tree_name_check(name, sizeof(name) - 1, MODE_FILE, &why), 0);
}

static void test_ordinary_names_are_of_no_kind(void **unused)
{
	static const char *const names[] = {"main.c", ".gitignore", "git", "gitmodules", ".github", ".git-blame-ignore-revs",
					    "g",      "~",          "\xff"};

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(name_kinds(names[i], strlen(names[i])), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_refused_where_git_refuses_them),
		cmocka_unit_test(test_a_name_without_bytes_or_with_a_nul_is_refused),
		cmocka_unit_test(test_ordinary_names_are_of_no_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
