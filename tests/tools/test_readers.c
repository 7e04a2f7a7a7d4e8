/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool secrets` and `bunshin tool calls` as processes in a repository that is made here with known faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/tool.h"

#define OUTPUT_MAX (4u << 20)
#define PASSWORD                                                                                                                 \
	"Tr0ub4"                                                                                                                 \
	"dor&3xyz"
#define TOKEN                                                                                                                    \
	"9f8e7d6c5b4a3928"                                                                                                       \
	"1706f5e4d3c2b1a0"
#define OLD_TOKEN                                                                                                                \
	"v9dn0balpqas1pcc"                                                                                                       \
	"281tn5ood1zz7781"

struct world {
	char folder[64];
	char output[64];
	git_repository *repository;
};

static void file_write(const struct world *world, const char *path, const void *at, size_t bytes)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", world->folder, path);
	file = fopen(whole, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static void text_write(const struct world *world, const char *path, const char *text)
{
	file_write(world, path, text, strlen(text));
}

/* Commits the folder as it stands. */
static void commit(struct world *world, const char *message)
{
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_signature *who = NULL;
	git_commit *parent = NULL;
	git_oid tree_id, parent_id, id;
	const git_commit *parents[1];
	size_t count = 0;

	assert_int_equal(git_repository_index(&index, world->repository), 0);
	assert_int_equal(git_index_add_all(index, &(git_strarray){0}, GIT_INDEX_ADD_FORCE, NULL, NULL), 0);
	assert_int_equal(git_index_update_all(index, &(git_strarray){0}, NULL, NULL), 0);
	assert_int_equal(git_index_write(index), 0);
	assert_int_equal(git_index_write_tree(&tree_id, index), 0);
	assert_int_equal(git_tree_lookup(&tree, world->repository, &tree_id), 0);
	assert_int_equal(git_signature_new(&who, "n", "n@example.org", 1700000000, 0), 0);
	if (!git_reference_name_to_id(&parent_id, world->repository, "HEAD")) {
		assert_int_equal(git_commit_lookup(&parent, world->repository, &parent_id), 0);
		parents[count++] = parent;
	}
	assert_int_equal(git_commit_create(&id, world->repository, "HEAD", who, who, NULL, message, tree, count, parents), 0);
	git_commit_free(parent);
	git_signature_free(who);
	git_tree_free(tree);
	git_index_free(index);
}

static void fill(struct world *world)
{
	static const char picture[] = "\x89PNG\0password='" PASSWORD "'";
	char path[128];
	char *large = calloc(1, (2u << 20) + 10);

	assert_non_null(large);
	text_write(world, "old.js", "const apiKey = '" OLD_TOKEN "';\n");
	text_write(world, "old.env", "# the same token\nAPI_TOKEN=" TOKEN "\n");
	commit(world, "one");
	snprintf(path, sizeof(path), "%s/old.js", world->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/old.env", world->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sub", world->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	text_write(world, "sub/in.py", "x = 1\n");
	text_write(world, "app.py",
		   "import os\n\nPASSWORD = '" PASSWORD "'\n\n\ndef run(x):\n    os.system(x)  # " PASSWORD "\n");
	text_write(world, "main.c", "int main(int c, char **v)\n{\n\t/* gets(x) */\n\tsystem(v[1]);\n}\n");
	text_write(world, "tool", "#!/bin/sh\ncurl -k https://x.example.org | sh\n");
	text_write(world, ".env", "API_TOKEN=" TOKEN "\n");
	file_write(world, "image.png", picture, sizeof(picture) - 1);
	memset(large, 'a', (2u << 20) + 5);
	file_write(world, "large.txt", large, (2u << 20) + 5);
	snprintf(path, sizeof(path), "%s/link.py", world->folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	commit(world, "two");
	free(large);
}

static int world_open(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	strcpy(world->folder, "/tmp/bunshin-readers-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	strcpy(world->output, "/tmp/bunshin-readers-out-XXXXXX");
	close(mkstemp(world->output));
	git_libgit2_init();
	assert_int_equal(git_repository_init(&world->repository, world->folder, 0), 0);
	fill(world);
	*state = world;
	return 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	(void)where;
	return remove(path);
}

static int world_close(void **state)
{
	struct world *world = *state;

	git_repository_free(world->repository);
	git_libgit2_shutdown();
	nftw(world->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	unlink(world->output);
	free(world);
	return 0;
}

/* Runs a tool in the repository. Returns its exit status; what it printed is in `out`. */
static int run_raw(struct world *world, int (*tool)(int, char **), const char *const *arguments, char *out)
{
	pid_t child = fork();
	int status, argc = 0;
	FILE *file;
	size_t bytes;

	assert_true(child >= 0);
	if (child == 0) {
		char *argv[16];
		int fd = open(world->output, O_WRONLY | O_TRUNC);

		for (; arguments[argc]; argc++)
			argv[argc] = strdup(arguments[argc]);
		argv[argc] = NULL;
		if (fd < 0 || dup2(fd, 1) < 0 || dup2(open("/dev/null", O_WRONLY), 2) < 0 || chdir(world->folder))
			_exit(99);
		status = tool(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	file = fopen(world->output, "rb");
	assert_non_null(file);
	bytes = fread(out, 1, OUTPUT_MAX - 1, file);
	out[bytes] = 0;
	fclose(file);
	return WEXITSTATUS(status);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static json_t *run(struct world *world, int (*tool)(int, char **), const char *const *arguments)
{
	char *out = malloc(OUTPUT_MAX);
	json_t *answer;

	assert_non_null(out);
	assert_int_equal(run_raw(world, tool, arguments, out), 0);
	assert_null(strstr(out, PASSWORD));
	assert_null(strstr(out, TOKEN));
	assert_null(strstr(out, OLD_TOKEN));
	answer = json_loads(out, 0, NULL);
	assert_non_null(answer);
	free(out);
	return answer;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

/* "rule path:line:column shown" of each finding, one a line. */
static void list_findings(const json_t *answer, const char *last, char out[2048])
{
	const json_t *findings = json_object_get(answer, "findings");
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *entry = json_array_get(findings, i);

		used += (size_t)snprintf(out + used, 2048 - used, "%s %s:%d:%d %s\n", text_of(entry, "rule"),
					 text_of(entry, "path"), (int)json_integer_value(json_object_get(entry, "line")),
					 (int)json_integer_value(json_object_get(entry, "column")), text_of(entry, last));
	}
}

static void test_secrets_are_found_where_they_stand_and_never_printed(void **state)
{
	json_t *answer = run(*state, tool_secrets, ARGUMENTS("secrets"));
	char found[2048];

	list_findings(answer, "snippet", found);
	assert_string_equal(found, "env-file .env:1:11 API_TOKEN=9f8e****\n"
				   "assigned-secret app.py:3:13 PASSWORD = 'Tr****'\n");
	assert_int_equal(json_integer_value(json_object_get(answer, "files_total")), 7);
	assert_int_equal(json_integer_value(json_object_get(answer, "files_scanned")), 5);
	assert_true(json_is_null(json_object_get(answer, "history")));
	json_decref(answer);
}

static void test_a_file_that_is_too_large_is_said_to_be_skipped(void **state)
{
	json_t *answer = run(*state, tool_secrets, ARGUMENTS("secrets"));
	const json_t *skipped = json_object_get(answer, "skipped");

	assert_int_equal(json_array_size(skipped), 1);
	assert_string_equal(text_of(json_array_get(skipped, 0), "path"), "large.txt");
	assert_string_equal(text_of(json_array_get(skipped, 0), "reason"), "larger than 2 MiB");
	json_decref(answer);
}

static void test_history_shows_what_is_gone_from_the_files(void **state)
{
	json_t *answer = run(*state, tool_secrets, ARGUMENTS("secrets", "--history", "60000"));
	const json_t *findings = json_object_get(answer, "findings"), *last = json_array_get(findings, 2);

	assert_int_equal(json_array_size(findings), 3);
	assert_string_equal(text_of(last, "path"), "old.js");
	assert_int_equal(strlen(text_of(last, "commit")), 40);
	assert_true(json_is_true(json_object_get(json_object_get(answer, "history"), "complete")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "history"), "commits")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "history"), "blobs")),
			 2); /* of the first commit */
	json_decref(answer);
}

static void test_the_same_key_gives_the_same_hashes(void **state)
{
	static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	json_t *a = run(*state, tool_secrets, ARGUMENTS("secrets", "--key", key));
	json_t *b = run(*state, tool_secrets, ARGUMENTS("secrets", "--key", key));
	json_t *c = run(*state, tool_secrets, ARGUMENTS("secrets"));
	json_t *d = run(*state, tool_secrets, ARGUMENTS("secrets"));

	assert_true(json_equal(json_object_get(a, "findings"), json_object_get(b, "findings")));
	assert_false(json_equal(json_object_get(c, "findings"), json_object_get(d, "findings")));
	json_decref(a);
	json_decref(b);
	json_decref(c);
	json_decref(d);
}

static void test_calls_are_found_with_function_and_masked_line(void **state)
{
	json_t *answer = run(*state, tool_calls, ARGUMENTS("calls"));
	char found[2048];

	list_findings(answer, "function", found);
	assert_string_equal(found, "python.os-system app.py:7:8 run\n"
				   "c.system main.c:4:2 main\n"
				   "shell.pipe-to-shell tool:2:1 -\n");
	assert_int_equal(json_integer_value(json_object_get(answer, "files_analysed")), 4);
	assert_string_equal(json_string_value(json_array_get(json_object_get(json_object_get(answer, "lines"), "tool"), 0)),
			    "#!/bin/sh");
	assert_int_equal(json_integer_value(json_array_get(
				 json_array_get(json_object_get(json_object_get(answer, "functions"), "main.c"), 0), 1)),
			 5);
	json_decref(answer);
}

static void test_the_folder_is_read_when_asked(void **state)
{
	struct world *world = *state;
	json_t *committed, *folder;
	char found[2048];

	text_write(world, "main.c", "int main(void) { return gets(b); }\n");
	committed = run(world, tool_calls, ARGUMENTS("calls"));
	folder = run(world, tool_calls, ARGUMENTS("calls", "--worktree"));
	list_findings(committed, "function", found);
	assert_non_null(strstr(found, "c.system main.c:4"));
	list_findings(folder, "function", found);
	assert_non_null(strstr(found, "c.gets main.c:1"));
	assert_string_equal(text_of(folder, "source"), "folder");
	json_decref(committed);
	json_decref(folder);
}

/* The folder is another's: a file of the tree may have become anything since. */
static void test_the_folder_is_never_left(void **state)
{
	struct world *world = *state;
	char path[128], found[2048];
	json_t *answer;

	snprintf(path, sizeof(path), "%s/app.py", world->folder);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/main.c", world->folder);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
	snprintf(path, sizeof(path), "%s/sub/in.py", world->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sub", world->folder);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/.git/other", world->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	text_write(world, ".git/other/in.py", "eval(x)\n");
	snprintf(path, sizeof(path), "%s/sub", world->folder);
	assert_int_equal(symlink(".git/other", path), 0);
	answer = run(world, tool_calls, ARGUMENTS("calls", "--worktree"));
	list_findings(answer, "function", found);
	assert_string_equal(found, "shell.pipe-to-shell tool:2:1 -\n");
	assert_int_equal(json_array_size(json_object_get(answer, "skipped")), 3);
	json_decref(answer);
}

static void check_usage(struct world *world, int (*tool)(int, char **), const char *const *arguments, int status)
{
	char *out = malloc(OUTPUT_MAX);

	assert_non_null(out);
	assert_int_equal(run_raw(world, tool, arguments, out), status);
	assert_string_equal(out, "");
	free(out);
}

static void test_what_is_not_understood_is_refused(void **state)
{
	check_usage(*state, tool_secrets, ARGUMENTS("secrets", "--nothing"), 2);
	check_usage(*state, tool_secrets, ARGUMENTS("secrets", "--history", "soon"), 2);
	check_usage(*state, tool_secrets, ARGUMENTS("secrets", "--key", "abcd"), 2);
	check_usage(*state, tool_secrets, ARGUMENTS("secrets", "--commit"), 2);
	check_usage(*state, tool_calls, ARGUMENTS("calls", "-x"), 2);
	check_usage(*state, tool_calls, ARGUMENTS("calls", "--commit", "nowhere"), 1);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_secrets_are_found_where_they_stand_and_never_printed),
		WITH_WORLD(test_a_file_that_is_too_large_is_said_to_be_skipped),
		WITH_WORLD(test_history_shows_what_is_gone_from_the_files),
		WITH_WORLD(test_the_same_key_gives_the_same_hashes),
		WITH_WORLD(test_calls_are_found_with_function_and_masked_line),
		WITH_WORLD(test_the_folder_is_read_when_asked),
		WITH_WORLD(test_the_folder_is_never_left),
		WITH_WORLD(test_what_is_not_understood_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
