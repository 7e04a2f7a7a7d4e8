/* SPDX-License-Identifier: MIT */
#include "tests/workspace/merge/git_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define GIT                                                                                                                      \
	"GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME=/nonexistent git -c core.looseCompression=0 -c "                 \
	"core.compression=0"                                                                                                     \
	" -c core.fsync=none --git-dir"

static FILE *open_git(struct git_batch *batch, const char *arguments, const char *mode)
{
	char command[2048];
	FILE *file;

	assert_true(snprintf(command, sizeof(command), "%s %s %s 2>/dev/null", GIT, batch->folder, arguments) <
		    (int)sizeof(command));
	file = popen(command, mode);
	assert_non_null(file);
	return file;
}

FILE *git_batch_run(struct git_batch *batch, const char *arguments)
{
	return open_git(batch, arguments, "r");
}

void git_batch_done(FILE *output)
{
	char rest[4096];

	while (fread(rest, 1, sizeof(rest), output) > 0)
		;
	pclose(output);
}

void git_batch_new(struct git_batch *batch)
{
	const char *parent = getenv("TMPDIR");

	snprintf(batch->folder, sizeof(batch->folder), "%s/bunshin-git-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(batch->folder));
	git_batch_done(git_batch_run(batch, "init -q --bare"));
	batch->import = open_git(batch, "fast-import --quiet --force", "w");
}

void git_batch_free(struct git_batch *batch)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", batch->folder);
	assert_int_equal(system(command), 0);
}

void git_batch_commit(struct git_batch *batch, const char *branch, const char *from)
{
	fprintf(batch->import, "commit refs/heads/%s\ncommitter a <a> 1000000000 +0000\ndata 0\n\n", branch);
	if (from)
		fprintf(batch->import, "from refs/heads/%s\n", from);
}

void git_batch_file(struct git_batch *batch, const char *mode, const char *path, struct bytes bytes)
{
	fprintf(batch->import, "M %s inline %s\ndata %u\n", mode, path, bytes.bytes);
	if (bytes.bytes > 0)
		assert_int_equal(fwrite(bytes.at, 1, bytes.bytes, batch->import), bytes.bytes);
	fputc('\n', batch->import);
}

void git_batch_remove(struct git_batch *batch, const char *path)
{
	fprintf(batch->import, "D %s\n", path);
}

void git_batch_imported(struct git_batch *batch)
{
	assert_int_equal(pclose(batch->import), 0);
	batch->import = NULL;
}
