/* SPDX-License-Identifier: MIT
 *
 * Repositories made by libgit2, without a work tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/made.h"

int made_setup(void **state)
{
	struct made *made = calloc(1, sizeof(*made));

	if (!made || git_libgit2_init() < 0)
		return -1;
	strcpy(made->folder, "/tmp/made-XXXXXX");
	made->files = json_object();
	if (!made->files || !getcwd(made->home, sizeof(made->home)) || !mkdtemp(made->folder) || chdir(made->folder))
		return -1;
	*state = made;
	return git_repository_init(&made->repository, made->folder, 1);
}

int made_teardown(void **state)
{
	struct made *made = *state;
	char command[128];
	int rc = chdir(made->home);

	git_repository_free(made->repository);
	json_decref(made->files);
	snprintf(command, sizeof(command), "rm -rf '%s'", made->folder);
	free(made);
	return rc ? rc : system(command);
}

void made_file(struct made *made, const char *path, const char *content)
{
	if (content)
		assert_int_equal(json_object_set_new(made->files, path, json_string(content)), 0);
	else
		assert_int_equal(json_object_del(made->files, path), 0);
}

static void write_tree(struct made *made, git_oid *out_tree)
{
	git_index *index = NULL;
	const char *path;
	json_t *content;

	assert_int_equal(git_index_new(&index), 0);
	json_object_foreach (made->files, path, content) {
		git_index_entry entry = {.mode = GIT_FILEMODE_BLOB, .path = path};

		assert_int_equal(git_blob_create_from_buffer(&entry.id, made->repository, json_string_value(content),
							     json_string_length(content)),
				 0);
		assert_int_equal(git_index_add(index, &entry), 0);
	}
	assert_int_equal(git_index_write_tree_to(out_tree, index, made->repository), 0);
	git_index_free(index);
}

static void commit(struct made *made, const char *author, int days, const char *message, const git_oid *other)
{
	char mail[200];
	git_signature *signature = NULL;
	git_commit *parents[2] = {NULL, NULL};
	const git_commit *borrowed[2];
	git_tree *tree = NULL;
	git_oid id;
	size_t count = 0;

	write_tree(made, &id);
	assert_int_equal(git_tree_lookup(&tree, made->repository, &id), 0);
	snprintf(mail, sizeof(mail), "%s@example.org", author);
	assert_int_equal(git_signature_new(&signature, author, mail, MADE_START + days * MADE_DAY, 0), 0);
	if (made->commits)
		assert_int_equal(git_commit_lookup(&parents[count++], made->repository, &made->head), 0);
	if (other)
		assert_int_equal(git_commit_lookup(&parents[count++], made->repository, other), 0);
	borrowed[0] = parents[0];
	borrowed[1] = parents[1];
	assert_int_equal(git_commit_create(&made->head, made->repository, "HEAD", signature, signature, NULL, message, tree,
					   count, borrowed),
			 0);
	made->commits++;
	git_commit_free(parents[0]);
	git_commit_free(parents[1]);
	git_signature_free(signature);
	git_tree_free(tree);
}

void made_commit(struct made *made, const char *author, int days, const char *message)
{
	commit(made, author, days, message, NULL);
}

void made_merge(struct made *made, const git_oid *other, int days, const char *message)
{
	commit(made, "merger", days, message, other);
}

void made_tag(struct made *made, const char *name)
{
	git_object *object = NULL;
	git_oid id;

	assert_int_equal(git_object_lookup(&object, made->repository, &made->head, GIT_OBJECT_COMMIT), 0);
	assert_int_equal(git_tag_create_lightweight(&id, made->repository, name, object, 1), 0);
	git_object_free(object);
}

json_t *made_run(int (*tool)(int, char **), int status, ...)
{
	char words[8][128] = {"tool"};
	char *argv[9] = {words[0]};
	int argc = 1, ended, out;
	FILE *file = tmpfile();
	const char *word;
	va_list args;
	json_t *json;

	va_start(args, status);
	while ((word = va_arg(args, const char *)) && argc < 8) {
		snprintf(words[argc], sizeof(words[argc]), "%s", word);
		argv[argc] = words[argc];
		argc++;
	}
	va_end(args);
	assert_non_null(file);
	fflush(stdout);
	out = dup(1);
	assert_true(out >= 0 && dup2(fileno(file), 1) == 1);
	ended = tool(argc, argv);
	fflush(stdout);
	assert_int_equal(dup2(out, 1), 1);
	close(out);
	assert_int_equal(ended, status);
	rewind(file);
	json = json_loadf(file, 0, NULL);
	fclose(file);
	return json;
}

json_t *made_find(const json_t *array, const char *name, const char *text)
{
	json_t *element;
	size_t i;

	json_array_foreach (array, i, element) {
		const char *value = json_string_value(json_object_get(element, name));

		if (value && strcmp(value, text) == 0)
			return element;
	}
	return NULL;
}
