/* SPDX-License-Identifier: MIT */
#include "tests/workspace/exchange/yard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void open_workspace(struct yard *yard)
{
	struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = UINT64_C(1) << 30};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (workspace_open(&options, &yard->workspace, sentence))
		fail_msg("%s", sentence);
	assert_int_equal(workspace_join(yard->workspace, &yard->agent), 0);
}

static void close_workspace(struct yard *yard)
{
	workspace_leave(yard->agent);
	assert_int_equal(workspace_close(yard->workspace), 0);
}

void yard_open(struct yard *yard)
{
	setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	setenv("GIT_AUTHOR_NAME", "An Author", 1);
	setenv("GIT_AUTHOR_EMAIL", "author@example.org", 1);
	setenv("GIT_AUTHOR_DATE", "1700000000 +0100", 1);
	setenv("GIT_COMMITTER_NAME", "A Committer", 1);
	setenv("GIT_COMMITTER_EMAIL", "committer@example.org", 1);
	setenv("GIT_COMMITTER_DATE", "1700000000 -0330", 1);
	snprintf(yard->folder, sizeof(yard->folder), "%s/bunshin-exchange-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(yard->folder));
	open_workspace(yard);
}

void yard_close(struct yard *yard)
{
	close_workspace(yard);
	free(yard_run(yard, "cd / && chmod -R u+w %s && rm -rf %s", yard->folder, yard->folder));
}

void yard_renew(struct yard *yard)
{
	close_workspace(yard);
	open_workspace(yard);
}

const char *yard_path(const struct yard *yard, const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", yard->folder, name);
	return path;
}

/* ---- shell ---- */

__attribute__((format(printf, 2, 0))) static int run(const struct yard *yard, const char *format, va_list arguments,
						     char **out_text)
{
	char command[8192], *text = NULL;
	size_t bytes = 0;
	int begin = snprintf(command, sizeof(command), "cd %s && { ", yard->folder);
	begin += vsnprintf(command + begin, sizeof(command) - (size_t)begin, format, arguments);
	assert_true((size_t)begin + 3 < sizeof(command));
	strcat(command, "\n}");
	FILE *pipe = popen(command, "re"), *memory = open_memstream(&text, &bytes);
	assert_true(pipe && memory);
	char piece[4096];
	for (size_t got; (got = fread(piece, 1, sizeof(piece), pipe));)
		fwrite(piece, 1, got, memory);
	fclose(memory);
	int status = pclose(pipe);
	*out_text = text;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

char *yard_run(const struct yard *yard, const char *format, ...)
{
	va_list arguments;
	char *text;
	va_start(arguments, format);
	int status = run(yard, format, arguments, &text);
	va_end(arguments);
	if (status)
		fail_msg("\"%s\" ended with %d: %s", format, status, text);
	return text;
}

int yard_try(const struct yard *yard, const char *format, ...)
{
	va_list arguments;
	char *text;
	va_start(arguments, format);
	int status = run(yard, format, arguments, &text);
	va_end(arguments);
	free(text);
	return status;
}

void yard_write(const struct yard *yard, const char *name, const void *at, size_t bytes)
{
	FILE *file = fopen(yard_path(yard, name), "we");
	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* ---- repositories ---- */

void yard_fsck(const struct yard *yard, const char *name)
{
	char *said = yard_run(yard, "git -C %s fsck --full --strict --no-progress 2>&1", name);
	assert_string_equal(said, "");
	free(said);
}

void yard_same(const struct yard *yard, const char *a, const char *b)
{
	static const char *const questions[] = {
		"git -C %s for-each-ref refs/heads refs/tags",
		"git -C %s rev-list --objects --no-object-names --branches --tags | sort",
		/* What tags name beside commits is in no list of revisions. */
		"git -C %s for-each-ref refs/heads refs/tags --format='%%(objecttype) %%(*objectname) %%(contents)'",
	};
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		char question[256];
		snprintf(question, sizeof(question), "%s", questions[i]);
		char *of_a = NULL, *of_b = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		of_a = yard_run(yard, question, a);
		of_b = yard_run(yard, question, b);
#pragma GCC diagnostic pop
		assert_true(strlen(of_a) > 0);
		assert_string_equal(of_a, of_b);
		free(of_a);
		free(of_b);
	}
}

struct import_result yard_import(struct yard *yard, const char *name)
{
	struct import_options options = {.path = yard_path(yard, name)};
	struct import_result result;
	if (workspace_import(yard->agent, &options, &result))
		fail_msg("%s", workspace_sentence(yard->agent));
	return result;
}

struct export_result yard_export(struct yard *yard, const char *name)
{
	struct export_options options = {.path = yard_path(yard, name), .bare = true};
	struct export_result result;
	if (workspace_export(yard->agent, &options, &result))
		fail_msg("%s", workspace_sentence(yard->agent));
	return result;
}

const struct commit *yard_commit(struct yard *yard, const char *ref, const char *path, const char *text)
{
	const struct workspace_person person = {"A Person", "person@example.org", 1700000000, 60};
	struct workspace_edit edit = {.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)text, (uint32_t)strlen(text)}};
	struct workspace_change change = {
		.edits = &edit, .count = 1, .author = person, .committer = person, .message = "Change a file"};
	const struct object *parent = NULL;
	const struct commit *commit = NULL;
	workspace_begin(yard->agent);
	int rc = workspace_ref_get(yard->agent, ref, &parent);
	assert_true(!rc || rc == ERR_NOT_FOUND);
	if (workspace_commit(yard->agent, ref, rc ? NULL : (const struct commit *)(const void *)parent, &change, &commit))
		fail_msg("%s", workspace_sentence(yard->agent));
	workspace_end(yard->agent);
	return commit;
}
