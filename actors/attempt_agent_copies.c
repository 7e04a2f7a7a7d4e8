/* SPDX-License-Identifier: MIT
 *
 * .worktreeinclude: a file in the repository whose lines name, as .gitignore does, files that git ignores and an agent needs all the same (.env, local
 * settings). They are copied from the repository on the disk into the clone, and taken away again before anything is handed in.
 *
 * Copied is only what the .gitignore files of the commit ignore too: everything else could come back as a change. No link is followed on either side.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/attempt_agent_inner.h"
#include "clones/result.h"

#define INCLUDE_FILE  ".worktreeinclude"
#define INCLUDE_BYTES 65536u
#define PATTERNS_MAX  256u

struct copying {
	struct agent_attempt *agent;
	git_repository *clone; /* whose .gitignore files count */
	int from, to;          /* the top folders */
	size_t count;
	uint64_t bytes;
};

static int open_beneath(int folder, const char *path, int flags, unsigned mode)
{
	struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW,
			       .mode = mode,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static void leave_out(struct copying *copying, const char *path, const char *reason)
{
	if (json_array_size(copying->agent->copies_left) < AGENT_COPIES_MAX)
		json_array_append_new(copying->agent->copies_left,
				      json_pack("{s:o, s:s}", "path", text_json(path, strlen(path), PATH_MAX), "reason", reason));
}

static int make_parents(int folder, const char *path)
{
	char part[PATH_MAX];
	int parent;

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return -1;
	for (char *at = part; (at = strchr(at, '/')); *at++ = '/') {
		char *name;

		*at = '\0';
		parent = open_beneath(folder, part, O_PATH | O_DIRECTORY, 0);
		if (parent < 0) {
			name = strrchr(part, '/');
			if (name)
				*name = '\0';
			parent = name ? open_beneath(folder, part, O_PATH | O_DIRECTORY, 0) : dup(folder);
			if (name)
				*name = '/';
			if (parent < 0 || mkdirat(parent, name ? name + 1 : part, 0700)) {
				if (parent >= 0)
					close(parent);
				return -1;
			}
		}
		close(parent);
	}
	return 0;
}

static bool copy_bytes(int from, int to, uint64_t bytes)
{
	while (bytes) {
		ssize_t sent = sendfile(to, from, NULL, bytes);

		if (sent <= 0)
			return false;
		bytes -= (uint64_t)sent;
	}
	return true;
}

static void copy_file(struct copying *copying, const char *path)
{
	struct stat status = {0};
	int from = open_beneath(copying->from, path, O_RDONLY | O_NONBLOCK, 0), to = -1;
	const char *reason = NULL;

	if (from < 0 || fstat(from, &status) || !S_ISREG(status.st_mode))
		reason = "it is no plain file";
	else if (copying->count >= AGENT_COPIES_MAX || copying->bytes + (uint64_t)status.st_size > AGENT_COPY_BYTES)
		reason = "it would be more than is copied";
	else if (make_parents(copying->to, path) ||
		 (to = open_beneath(copying->to, path, O_WRONLY | O_CREAT | O_EXCL, 0600 | (status.st_mode & 0100))) < 0)
		reason = errno == EEXIST ? "the commit has it" : "it has no place in the clone";
	else if (!copy_bytes(from, to, (uint64_t)status.st_size))
		reason = "it could not be copied whole";
	if (to >= 0) {
		copying->count++;
		copying->bytes += (uint64_t)status.st_size;
		json_array_append_new(copying->agent->copies, text_json(path, strlen(path), PATH_MAX));
		close(to);
	}
	if (reason)
		leave_out(copying, path, reason);
	if (from >= 0)
		close(from);
}

static int take_entry(const char *path, unsigned flags, void *context)
{
	struct copying *copying = context;
	int ignored = 0;

	if (!(flags & GIT_STATUS_IGNORED) || path[strlen(path) - 1] == '/')
		return 0;
	if (git_ignore_path_is_ignored(&ignored, copying->clone, path) || !ignored)
		leave_out(copying, path, "the .gitignore files of the commit do not name it, so it could come back as a change");
	else
		copy_file(copying, path);
	return 0;
}

/* Lines of the file in the clone: that is, of the commit. */
static size_t read_patterns(const struct copying *copying, char *text, char **patterns)
{
	int fd = open_beneath(copying->to, INCLUDE_FILE, O_RDONLY | O_NONBLOCK, 0);
	ssize_t got = fd >= 0 ? read(fd, text, INCLUDE_BYTES - 1) : -1;
	size_t count = 0;

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	for (char *rest, *line = strtok_r(text, "\r\n", &rest); line && count < PATTERNS_MAX;
	     line = strtok_r(NULL, "\r\n", &rest))
		if (*line != '#' && *line)
			patterns[count++] = *line == '/' ? line + 1 : line;
	return count;
}

static void look(struct copying *copying, const char *path, char **patterns, size_t count)
{
	git_status_options options = {0};
	git_repository *repository = NULL;

	git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
	options.show = GIT_STATUS_SHOW_WORKDIR_ONLY;
	options.flags = GIT_STATUS_OPT_INCLUDE_IGNORED | GIT_STATUS_OPT_RECURSE_IGNORED_DIRS | GIT_STATUS_OPT_NO_REFRESH;
	options.pathspec = (git_strarray){patterns, count};
	if (git_repository_open_ext(&repository, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0)
		git_status_foreach_ext(repository, &options, take_entry, copying);
	git_repository_free(repository);
}

void agent_copies_bring(struct agent_attempt *agent)
{
	struct copying copying = {.agent = agent, .from = -1};
	const char *path = attempt_repository_path(agent->attempt);
	char *text = malloc(INCLUDE_BYTES), *patterns[PATTERNS_MAX];
	size_t count = 0;

	copying.to = open(agent->attempt->copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (text && copying.to >= 0)
		count = read_patterns(&copying, text, patterns);
	if (count && path) {
		copying.from = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		git_libgit2_init();
		if (git_repository_open_ext(&copying.clone, agent->attempt->copy, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0)
			look(&copying, path, patterns, count);
		git_repository_free(copying.clone);
		git_libgit2_shutdown();
	}
	if (copying.from >= 0)
		close(copying.from);
	if (copying.to >= 0)
		close(copying.to);
	free(text);
}

void agent_copies_take_away(const struct agent_attempt *agent)
{
	int top = open(agent->attempt->copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const json_t *path;
	size_t i;

	json_array_foreach (agent->copies, i, path) {
		char parent[PATH_MAX];
		char *slash;
		int folder;

		snprintf(parent, sizeof(parent), "%s", json_string_value(path));
		slash = strrchr(parent, '/');
		if (slash)
			*slash = '\0';
		folder = slash ? open_beneath(top, parent, O_PATH | O_DIRECTORY, 0) : top;
		if (folder >= 0)
			unlinkat(folder, slash ? slash + 1 : parent, 0);
		if (slash && folder >= 0)
			close(folder);
	}
	if (top >= 0)
		close(top);
}
