/* SPDX-License-Identifier: MIT */
#include "bench/workspace/git.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/workspace/samples.h"

#define WORDS_MAX 32

static const char *const environment[] = {
	"PATH=/usr/local/bin:/usr/bin:/bin",
	"HOME=/nonexistent",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_AUTHOR_NAME=Bench",
	"GIT_AUTHOR_EMAIL=bench@localhost",
	"GIT_COMMITTER_NAME=Bench",
	"GIT_COMMITTER_EMAIL=bench@localhost",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_MERGE_AUTOEDIT=no",
	NULL,
};

/* `out`: where its output goes, or -1 for nowhere. */
static int run(const char *folder, int out, va_list words)
{
	const char *argv[WORDS_MAX] = {"git", "-C", folder, "-c", "gc.auto=0", "-c", "maintenance.auto=false"};
	size_t count = 7;
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 0;

	while (count < WORDS_MAX - 1 && (argv[count] = va_arg(words, const char *)))
		count++;
	argv[count] = NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(&pid, "git", &actions, NULL, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return 127;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			stop("a child of ours cannot be waited for");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int git_run(const char *folder, ...)
{
	va_list words;

	va_start(words, folder);
	int status = run(folder, -1, words);
	va_end(words);
	return status;
}

void git_must(const char *folder, ...)
{
	va_list words;

	va_start(words, folder);
	int status = run(folder, -1, words);
	va_end(words);
	if (!status)
		return;
	va_start(words, folder);
	const char *verb = va_arg(words, const char *);
	va_end(words);
	stop("git %s in %s ended with status %d", verb, folder, status);
}

int git_line(const char *folder, char *out_line, size_t line_bytes, ...)
{
	va_list words;
	int ends[2];
	size_t got = 0;

	if (pipe2(ends, O_CLOEXEC))
		stop("no pipe: %s", strerror(errno));
	va_start(words, line_bytes);
	int status = run(folder, ends[1], words); /* what it says must fit into the pipe */
	va_end(words);
	close(ends[1]);
	for (ssize_t n; got < line_bytes - 1 && (n = read(ends[0], out_line + got, line_bytes - 1 - got)) > 0;)
		got += (size_t)n;
	close(ends[0]);
	out_line[got] = '\0';
	out_line[strcspn(out_line, "\n")] = '\0';
	return status;
}

void git_write_file(const char *folder, const char *path, const char *data, size_t bytes)
{
	char whole[PATH_MAX];
	int at = snprintf(whole, sizeof(whole), "%s/", folder);

	snprintf(whole + at, sizeof(whole) - (size_t)at, "%s", path);
	for (char *slash = strchr(whole + at, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0777);
		*slash = '/';
	}
	int file = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0 || write(file, data, bytes) != (ssize_t)bytes || close(file))
		stop("%s cannot be written: %s", whole, strerror(errno));
}
