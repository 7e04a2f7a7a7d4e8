/* SPDX-License-Identifier: MIT
 *
 * The table of the programs that read a repository in process, and what they all need.
 */
#include "tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "workspace/sandbox.h"

static const struct tool tool_table[] = {
#define TOOL(name, function, sentence) {name, function, sentence},
#include "tools/tools.def"
};

const struct tool *tool_at(size_t index)
{
	return index < sizeof(tool_table) / sizeof(tool_table[0]) ? &tool_table[index] : NULL;
}

const struct tool *tool_find(const char *name)
{
	for (size_t i = 0; tool_at(i); i++)
		if (strcmp(tool_table[i].name, name) == 0)
			return &tool_table[i];
	return NULL;
}

static int tool_usage(void)
{
	fputs("usage: bunshin tool NAME [ARGUMENT…], in the folder of a git repository\n\n", stderr);
	for (size_t i = 0; tool_at(i); i++)
		fprintf(stderr, "  %-14s %s\n", tool_table[i].name, tool_table[i].sentence);
	return 2;
}

int tool_main(int argc, char **argv)
{
	if (argc < 2)
		return tool_usage();
	const struct tool *tool = tool_find(argv[1]);
	if (!tool) {
		fprintf(stderr, "bunshin tool: there is no tool called '%s'\n", argv[1]);
		return tool_usage();
	}
	return tool->run(argc - 1, argv + 1);
}

int tool_fail(const char *name, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "bunshin tool %s: ", name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return 1;
}

static const char *last_git_error(void)
{
	const git_error *error = git_error_last();
	return error && error->message ? error->message : "no reason given";
}

/* Whatever stands in the machine's or the user's configuration must not change what is read. */
static void forget_outer_configuration(void)
{
	static const git_config_level_t levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
						    GIT_CONFIG_LEVEL_GLOBAL};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}

int tool_open_repository(git_repository **out_repository)
{
	if (git_libgit2_init() < 0)
		return tool_fail("git", "libgit2 could not start: %s", last_git_error());
	forget_outer_configuration();
	if (git_repository_open_ext(out_repository, ".", GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0)
		return 0;
	return tool_fail("git", "a git repository is required, and this folder is none: %s", last_git_error());
}

int tool_find_commit(git_repository *repository, const char *revision, git_commit **out_commit)
{
	git_object *object = NULL;
	git_object *peeled = NULL;
	int rc = git_revparse_single(&object, repository, revision ? revision : "HEAD");
	if (rc == 0)
		rc = git_object_peel(&peeled, object, GIT_OBJECT_COMMIT);
	git_object_free(object);
	if (rc == 0) {
		*out_commit = (git_commit *)peeled;
		return 0;
	}
	if (!revision && git_repository_head_unborn(repository) == 1)
		return tool_fail("git", "the repository has no commit yet");
	return tool_fail("git", "'%s' names no commit here: %s", revision ? revision : "HEAD", last_git_error());
}

int tool_print(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_COMPACT) == 0 && fputc('\n', stdout) != EOF && fflush(stdout) == 0)
		return 0;
	return tool_fail("print", "the answer could not be written");
}
