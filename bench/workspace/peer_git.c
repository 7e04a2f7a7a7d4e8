/* SPDX-License-Identifier: MIT
 *
 * The git command, with a working tree on the disk, as people and most agents use it. A commit is `git commit` after the file was written and
 * added; a merge is `git merge`; each is one process, and its start is part of what it costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/workspace/git.h"
#include "bench/workspace/peer.h"

struct peer {
	const struct shape_of_repository *shape;
	char folder[4096];
};

static void write_file(const struct peer *peer, const char *path, const char *data, size_t bytes)
{
	git_write_file(peer->folder, path, data, bytes);
}

static struct peer *git_open(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	char path[PATH_BYTES], data[TEXT_BYTES];
	struct peer *peer = calloc(1, sizeof(*peer));

	*out_why = '\0';
	if (!peer)
		stop("out of memory");
	peer->shape = shape;
	snprintf(peer->folder, sizeof(peer->folder), "%s", folder);
	if (git_run(folder, "init", "-q", "-b", "main", NULL) != 0) {
		snprintf(out_why, 256, "git is not installed");
		free(peer);
		return NULL;
	}
	for (unsigned i = 0; i < shape_files(shape); i++) {
		shape_path(shape, i, path);
		shape_content(i, 0, data);
		write_file(peer, path, data, FILE_BYTES);
	}
	shape_text(0, 0, data);
	write_file(peer, TEXT_PATH, data, TEXT_BYTES);
	git_must(folder, "add", "-A", NULL);
	git_must(folder, "commit", "-q", "-m", "begin", NULL);
	return peer;
}

static void git_close(struct peer *peer)
{
	free(peer);
}

static double timed(const struct peer *peer, const char *a, const char *b, const char *c, const char *d, const char *e)
{
	double begin = clock_us();

	git_must(peer->folder, a, b, c, d, e, NULL);
	return clock_us() - begin;
}

static double run_commit(struct peer *peer, unsigned n)
{
	char path[PATH_BYTES], data[FILE_BYTES];

	shape_path(peer->shape, n % shape_files(peer->shape), path);
	shape_content(n, n, data);
	write_file(peer, path, data, sizeof(data));
	git_must(peer->folder, "add", path, NULL);
	return timed(peer, "commit", "-q", "-m", "commit", NULL);
}

static void commit_on(struct peer *peer, const char *branch, const char *path, const char *data, size_t bytes)
{
	git_must(peer->folder, "checkout", "-q", "-b", branch, "main", NULL);
	write_file(peer, path, data, bytes);
	git_must(peer->folder, "add", path, NULL);
	git_must(peer->folder, "commit", "-q", "-m", "side", NULL);
}

/* The working tree stands at the first branch when the clock starts. */
static double merge_two(struct peer *peer, unsigned n, const char *path_ours, const char *ours, const char *path_theirs,
			const char *theirs, size_t bytes)
{
	char ours_name[64], theirs_name[64];

	snprintf(ours_name, sizeof(ours_name), "ours-%u", n);
	snprintf(theirs_name, sizeof(theirs_name), "theirs-%u", n);
	commit_on(peer, theirs_name, path_theirs, theirs, bytes);
	commit_on(peer, ours_name, path_ours, ours, bytes);
	double took = timed(peer, "merge", "-q", "--no-edit", theirs_name, NULL);
	git_must(peer->folder, "checkout", "-q", "main", NULL);
	return took;
}

static double run_merge(struct peer *peer, unsigned n)
{
	char path_ours[PATH_BYTES], path_theirs[PATH_BYTES], ours[FILE_BYTES], theirs[FILE_BYTES];
	unsigned files = shape_files(peer->shape);

	shape_path(peer->shape, 2 * n % files, path_ours);
	shape_content(2 * n, 1000000 + n, ours);
	shape_path(peer->shape, (2 * n + 1) % files, path_theirs);
	shape_content(2 * n + 1, 2000000 + n, theirs);
	return merge_two(peer, 2 * n, path_ours, ours, path_theirs, theirs, FILE_BYTES);
}

static double run_text(struct peer *peer, unsigned n)
{
	char ours[TEXT_BYTES], theirs[TEXT_BYTES];

	shape_text(n, 0, ours);
	shape_text(0, n, theirs);
	return merge_two(peer, 2 * n + 1, TEXT_PATH, ours, TEXT_PATH, theirs, TEXT_BYTES);
}

static double run_branch(struct peer *peer, unsigned n)
{
	char name[32];

	snprintf(name, sizeof(name), "branch-%u", n);
	return timed(peer, "branch", name, NULL, NULL, NULL);
}

static double run_read(struct peer *peer, unsigned n)
{
	char name[PATH_BYTES + 8] = "HEAD:";

	shape_path(peer->shape, n % shape_files(peer->shape), name + strlen(name));
	return timed(peer, "cat-file", "blob", name, NULL, NULL);
}

static bool git_head(struct peer *peer, char out_hex[41])
{
	return git_line(peer->folder, out_hex, 41, "rev-parse", "main^{tree}", NULL) == 0;
}

const struct peer_kind peer_git = {
	.name = "git",
	.sentence = "the git command with a working tree on the disk",
	.open = git_open,
	.run = {run_commit, run_branch, run_merge, run_text, run_read},
	.close = git_close,
	.head = git_head,
};
