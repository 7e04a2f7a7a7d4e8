/* SPDX-License-Identifier: MIT
 *
 * Peers in other languages: a child process that is given one JSON object a line and answers each with one. What it does is timed by itself, so that neither
 * the pipe nor its start counts.
 *
 *   {"op":"open","files":[{"path":…,"data":…},…]}            a repository with these files in one commit on main
 *   {"op":"commit","path":…,"data":…}                        {"op":"branch","name":…}        {"op":"read","path":…}
 *   {"op":"merge","n":…,"ours":{"path":…,"data":…},"theirs":{…}}       {"op":"head"}
 *   {"us":…} or {"tree":…} or {"cannot":"why"}
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/workspace/peer.h"

struct peer {
	const struct shape_of_repository *shape;
	pid_t pid;
	FILE *to;
	FILE *from;
};

/* Takes `request` over. NULL: the script has ended. */
static json_t *ask(struct peer *peer, json_t *request)
{
	char *line = NULL;
	size_t capacity = 0;
	json_t *answer = NULL;

	if (json_dumpf(request, peer->to, JSON_COMPACT) == 0 && fputc('\n', peer->to) != EOF && fflush(peer->to) == 0 &&
	    getline(&line, &capacity, peer->from) > 0)
		answer = json_loads(line, 0, NULL);
	free(line);
	json_decref(request);
	return answer;
}

static double asked_us(struct peer *peer, json_t *request)
{
	json_t *answer = ask(peer, request);
	const json_t *us = json_object_get(answer, "us");

	if (!us && !json_object_get(answer, "cannot"))
		stop("a script of a peer has failed");
	double took = us ? json_number_value(us) : -1;
	json_decref(answer);
	return took;
}

static json_t *file_json(const char *path, const char *data, size_t bytes)
{
	return json_pack("{s:s, s:s%}", "path", path, "data", data, bytes);
}

static json_t *shape_file(const struct peer *peer, unsigned index, unsigned version)
{
	char path[PATH_BYTES], data[FILE_BYTES];

	shape_path(peer->shape, index % shape_files(peer->shape), path);
	shape_content(index, version, data);
	return file_json(path, data, sizeof(data));
}

static json_t *text_file(unsigned early, unsigned late)
{
	char data[TEXT_BYTES];

	shape_text(early, late, data);
	return file_json(TEXT_PATH, data, sizeof(data));
}

static bool spawn(struct peer *peer, const char *const *argv)
{
	int in[2], out[2];
	posix_spawn_file_actions_t actions;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		stop("no pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	int rc = posix_spawnp(&peer->pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	peer->to = fdopen(in[1], "w");
	peer->from = fdopen(out[0], "r");
	return rc == 0 && peer->to && peer->from;
}

static void script_close(struct peer *peer)
{
	fclose(peer->to);
	fclose(peer->from);
	while (peer->pid > 0 && waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(peer);
}

static struct peer *open_script(const struct shape_of_repository *shape, const char *const *argv, const char *needs,
				char out_why[256])
{
	json_t *files = json_array();
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer || !files)
		stop("out of memory");
	*out_why = '\0';
	peer->shape = shape;
	if (!spawn(peer, argv))
		peer->pid = 0;
	for (unsigned i = 0; i < shape_files(shape); i++)
		json_array_append_new(files, shape_file(peer, i, 0));
	json_array_append_new(files, text_file(0, 0));
	json_t *answer = peer->pid ? ask(peer, json_pack("{s:s, s:o}", "op", "open", "files", files)) : NULL;
	if (json_object_get(answer, "us")) {
		json_decref(answer);
		return peer;
	}
	const char *why = json_string_value(json_object_get(answer, "cannot"));
	snprintf(out_why, 256, "%s", why ? why : needs);
	json_decref(answer);
	script_close(peer);
	return NULL;
}

static struct peer *open_isomorphic(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	const char *const argv[] = {"node", SOURCE_DIR "/bench/workspace/peer_isomorphic.mjs", NULL};

	(void)folder;
	return open_script(shape, argv, "node, or isomorphic-git and memfs from npm (bench/workspace/run.sh fetches them)",
			   out_why);
}

static struct peer *open_dulwich(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	const char *const argv[] = {"python3", SOURCE_DIR "/bench/workspace/peer_dulwich.py", NULL};

	(void)folder;
	return open_script(shape, argv, "python3 with dulwich (Debian: python3-dulwich)", out_why);
}

static double run_commit(struct peer *peer, unsigned n)
{
	json_t *request = shape_file(peer, n, n);

	json_object_set_new(request, "op", json_string("commit"));
	return asked_us(peer, request);
}

static double run_branch(struct peer *peer, unsigned n)
{
	char name[32];

	snprintf(name, sizeof(name), "branch-%u", n);
	return asked_us(peer, json_pack("{s:s, s:s}", "op", "branch", "name", name));
}

/* Takes both files over. */
static double merge_two(struct peer *peer, unsigned n, json_t *ours, json_t *theirs)
{
	return asked_us(peer, json_pack("{s:s, s:i, s:o, s:o}", "op", "merge", "n", (int)n, "ours", ours, "theirs", theirs));
}

static double run_merge(struct peer *peer, unsigned n)
{
	return merge_two(peer, 2 * n, shape_file(peer, 2 * n, 1000000 + n), shape_file(peer, 2 * n + 1, 2000000 + n));
}

static double run_text(struct peer *peer, unsigned n)
{
	return merge_two(peer, 2 * n + 1, text_file(n, 0), text_file(0, n));
}

static double run_read(struct peer *peer, unsigned n)
{
	char path[PATH_BYTES];

	shape_path(peer->shape, n % shape_files(peer->shape), path);
	return asked_us(peer, json_pack("{s:s, s:s}", "op", "read", "path", path));
}

static bool script_head(struct peer *peer, char out_hex[41])
{
	json_t *answer = ask(peer, json_pack("{s:s}", "op", "head"));
	const char *tree = json_string_value(json_object_get(answer, "tree"));

	if (tree)
		snprintf(out_hex, 41, "%s", tree);
	json_decref(answer);
	return tree != NULL;
}

#define RUNS                                                                                                                     \
	{                                                                                                                        \
		run_commit, run_branch, run_merge, run_text, run_read                                                            \
	}

const struct peer_kind peer_isomorphic = {
	.name = "isomorphic-git",
	.sentence = "isomorphic-git with memfs, in node",
	.open = open_isomorphic,
	.run = RUNS,
	.close = script_close,
	.head = script_head,
};

const struct peer_kind peer_dulwich = {
	.name = "dulwich",
	.sentence = "dulwich's MemoryRepo, in Python; it cannot merge",
	.open = open_dulwich,
	.run = RUNS,
	.close = script_close,
	.head = script_head,
};
