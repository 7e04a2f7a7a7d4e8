/* SPDX-License-Identifier: MIT
 *
 * What .gitignore files mean: random patterns, each in a folder of its own, and git is asked about all of them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/place.h"
#include "workspace/exchange/ignore.h"

/* ---- patterns by chance ---- */

static const char *const tokens[] = {
	"a",
	"b",
	"x",
	"y",
	"c",
	".",
	"*",
	"*",
	"**",
	"?",
	"/",
	"/",
	"[",
	"]",
	"!",
	"^",
	"-",
	"\\",
	" ",
	"#",
	"[ab]",
	"[a-c]",
	"[!a]",
	"[^b-]",
	"**/",
	"/**",
	"[]a]",
	"[a-",
	"\xff",
	"[[:alpha:]]",
	"[[:digit:]x]",
	"[[:nope:]]",
	"[\\]a]",
	"/*/",
	"***",
	"[[:]",
};

static size_t pattern_by_chance(unsigned *seed, char *out)
{
	size_t at = 0;

	if (!place_chance(seed, 8))
		out[at++] = '!';
	for (unsigned i = place_chance(seed, 6) + 1; i > 0; i--) {
		const char *token = tokens[place_chance(seed, sizeof(tokens) / sizeof(*tokens))];
		memcpy(out + at, token, strlen(token));
		at += strlen(token);
	}
	if (!place_chance(seed, 6))
		out[at++] = '/';
	if (!place_chance(seed, 12))
		out[at++] = '\r';
	return at;
}

/* One to three lines; sometimes the last has no end. */
static size_t file_by_chance(unsigned *seed, char *out)
{
	size_t at = 0;

	if (!place_chance(seed, 20))
		at = (size_t)sprintf(out, "\xef\xbb\xbf");
	for (unsigned i = place_chance(seed, 3) + 1; i > 0; i--) {
		at += pattern_by_chance(seed, out + at);
		if (i > 1 || place_chance(seed, 4))
			out[at++] = '\n';
	}
	return at;
}

/* ---- what is asked about ---- */

static const char *const paths[] = {"x/",     "x/y/",  "z/",     "a",     "b",   "ab",    "a.c",   "c",   "x/a",
				    "x/b",    "x/y/a", "x/y/ab", "x/y/c", "z/a", "z/a b", " a",    "a ",  "#a",
				    "!a",     "-a",    "]",      "[",     "\\a", "a\\",   "*",     "a*b", "\xff",
				    "x/\xff", "xab",   "1",      "x/1",   "^",   "aab",   "x/y/-", "a\r", ".a"};
#define PATHS (sizeof(paths) / sizeof(*paths))

static bool is_folder(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

static void make_paths(int folder)
{
	for (size_t i = 0; i < PATHS; i++) {
		char name[16];
		size_t bytes = strlen(paths[i]);
		if (is_folder(paths[i])) {
			snprintf(name, sizeof(name), "%.*s", (int)bytes - 1, paths[i]);
			assert_int_equal(mkdirat(folder, name, 0755), 0);
		} else {
			int file = openat(folder, paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
			assert_true(file >= 0);
			close(file);
		}
	}
}

static void make_folder(int repository, unsigned number, const char *ignore, size_t bytes)
{
	char name[16];

	snprintf(name, sizeof(name), "d%u", number);
	assert_int_equal(mkdirat(repository, name, 0755), 0);
	int folder = openat(repository, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_paths(folder);
	int file = openat(folder, ".gitignore", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(file, ignore, bytes), bytes);
	close(file);
	close(folder);
}

/* As git looks: from the top, and what is in an ignored folder is ignored. */
static bool is_ignored(const struct ignore *ignore, const char *path)
{
	bool ignored = false;
	size_t bytes = strlen(path), from = strcspn(path, "/") + 1;

	for (size_t at = from; at <= bytes && !ignored; at++)
		if (path[at] == '/' || !path[at])
			if (path[at - 1] != '/')
				assert_int_equal(ignore_match(ignore, path, at, path[at] == '/', &ignored), 0);
	return ignored;
}

/* ---- git's answer: source, line, pattern and path of each, with NULs between ---- */

static char *read_answer(const struct yard *yard, size_t *out_bytes)
{
	FILE *file = fopen(yard_path(yard, "answer"), "re");
	char *text = malloc(64u << 20);

	assert_true(file && text);
	*out_bytes = fread(text, 1, 64u << 20, file);
	fclose(file);
	return text;
}

static const char *next_field(const char **at)
{
	const char *field = *at;

	*at += strlen(field) + 1;
	return field;
}

static void ask_git(const struct yard *yard, unsigned count)
{
	FILE *question = fopen(yard_path(yard, "question"), "we");

	assert_non_null(question);
	for (unsigned i = 0; i < count; i++)
		for (size_t j = 0; j < PATHS; j++)
			/* Without the slash: with it, git takes the name of the folder for empty. */
			fprintf(question, "d%u/%.*s%c", i, (int)(strlen(paths[j]) - is_folder(paths[j])), paths[j], 0);
	fclose(question);
	/* It ends with 1 if nothing is ignored. */
	free(yard_run(yard, "git -C r check-ignore --no-index --stdin -z -v -n <question >answer || test $? = 1"));
}

static void compare(const struct yard *yard, unsigned count, char (*files)[256], const size_t *file_bytes, unsigned seed)
{
	size_t bytes, ignored_count = 0;
	char *answer = read_answer(yard, &bytes);
	const char *at = answer;

	for (unsigned i = 0; i < count; i++) {
		struct ignore ignore;
		char prefix[16];
		assert_int_equal(ignore_read((struct bytes){(const uint8_t *)files[i], (uint32_t)file_bytes[i]}, NULL,
					     (size_t)snprintf(prefix, sizeof(prefix), "d%u/", i), &ignore),
				 0);
		for (size_t j = 0; j < PATHS; j++) {
			assert_true(at < answer + bytes);
			next_field(&at);
			next_field(&at);
			const char *pattern = next_field(&at);
			char path[32];
			next_field(&at);
			snprintf(path, sizeof(path), "d%u/%s", i, paths[j]);
			bool theirs = pattern[0] && pattern[0] != '!';
			if (is_ignored(&ignore, path) != theirs)
				fail_msg("seed %u: git %s %s for this file: %.*s", seed, theirs ? "ignores" : "does not ignore",
					 path, (int)file_bytes[i], files[i]);
			ignored_count += theirs;
		}
		ignore_release(&ignore);
	}
	assert_ptr_equal(at, answer + bytes);
	assert_true(ignored_count > count && ignored_count < count * PATHS / 2); /* the question was a good one */
	free(answer);
}

static void ask(unsigned seed, unsigned count)
{
	char(*files)[256] = calloc(count, sizeof(*files));
	size_t *file_bytes = calloc(count, sizeof(*file_bytes));
	struct yard yard;
	unsigned state = seed;

	assert_true(files && file_bytes);
	yard_open(&yard);
	free(yard_run(&yard, "git init -q r"));
	int repository = place_open(&yard, "r");
	for (unsigned i = 0; i < count; i++) {
		file_bytes[i] = file_by_chance(&state, files[i]);
		make_folder(repository, i, files[i], file_bytes[i]);
	}
	close(repository);
	ask_git(&yard, count);
	compare(&yard, count, files, file_bytes, seed);
	yard_close(&yard);
	free(file_bytes);
	free(files);
}

static void test_patterns_mean_what_they_mean_to_git(void **state)
{
	unsigned rounds = getenv("IGNORE_ROUNDS") ? (unsigned)atoi(getenv("IGNORE_ROUNDS")) : 1;

	(void)state;
	for (unsigned seed = 1; seed <= rounds; seed++)
		ask(seed, 1000);
}

/* What takes a matcher that goes back and tries again longer than anybody waits. */
static void test_no_pattern_takes_forever(void **state)
{
	char pattern[4096] = "/", path[4000];
	struct ignore ignore;
	bool ignored;

	(void)state;
	for (unsigned i = 0; i < 400; i++)
		strcat(pattern, i % 2 ? "*a" : "**/a");
	strcat(pattern, "b");
	memset(path, 'a', sizeof(path));
	for (unsigned i = 7; i < sizeof(path); i += 11)
		path[i] = '/';
	assert_int_equal(ignore_read((struct bytes){(const uint8_t *)pattern, (uint32_t)strlen(pattern)}, NULL, 0, &ignore), 0);
	clock_t before = clock();
	assert_int_equal(ignore_match(&ignore, path, sizeof(path) - 1, false, &ignored), 0);
	assert_false(ignored);
	assert_true(clock() - before < 20 * CLOCKS_PER_SEC); /* 0.02 s; others never come to an end */
	ignore_release(&ignore);
}

static void test_an_empty_file_and_lines_of_nothing_ignore_nothing(void **state)
{
	static const char *const files[] = {"",      "\n\n\n",       "#",    "!",    "/", "\\",
					    "   \n", "\xef\xbb\xbf", "\r\n", "!/\n", "[", "//\n"};
	struct ignore ignore;
	bool ignored;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct bytes file = {(const uint8_t *)files[i], (uint32_t)strlen(files[i])};
		assert_int_equal(ignore_read(file, NULL, 0, &ignore), 0);
		assert_int_equal(ignore_match(&ignore, "a/b", 3, false, &ignored), 0);
		assert_false(ignored);
		assert_int_equal(ignore_match(&ignore, "a", 1, true, &ignored), 0);
		assert_false(ignored);
		ignore_release(&ignore);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_mean_what_they_mean_to_git),
		cmocka_unit_test(test_no_pattern_takes_forever),
		cmocka_unit_test(test_an_empty_file_and_lines_of_nothing_ignore_nothing),
	};

	return cmocka_run_group_tests_name("ignore", tests, NULL, NULL);
}
