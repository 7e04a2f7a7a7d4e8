/* SPDX-License-Identifier: MIT
 *
 * The workspace itself, used as any agent uses it: by its public header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/peer.h"
#include "workspace/workspace.h"

#define MAIN "refs/heads/main"

struct peer {
	struct workspace *workspace;
	struct workspace_agent *agent;
	const struct shape_of_repository *shape;
	const struct commit *tip; /* never collected: main leads to it */
	struct oid tree;
};

static const struct workspace_person person = {.name = "Bench", .email = "bench@localhost", .seconds = 1700000000};

static struct bytes bytes_of(const char *data, size_t bytes)
{
	return (struct bytes){.at = (const uint8_t *)data, .bytes = (uint32_t)bytes};
}

static void must(struct peer *peer, int rc, const char *what)
{
	if (rc)
		stop("%s: %s (%s)", what, error_name(rc), workspace_sentence(peer->agent));
}

static const struct commit *commit_edits(struct peer *peer, const char *ref, const struct commit *parent,
					 const struct workspace_edit *edits, size_t count, const char *message)
{
	struct workspace_change change = {
		.edits = edits, .count = count, .author = person, .committer = person, .message = message};
	const struct commit *commit = NULL;

	must(peer, workspace_commit(peer->agent, ref, parent, &change, &commit), "commit");
	return commit;
}

/* All files in one commit. */
static void fill(struct peer *peer)
{
	unsigned files = shape_files(peer->shape);
	struct workspace_edit *edits = calloc(files + 1, sizeof(*edits));
	char(*paths)[PATH_BYTES] = calloc(files, PATH_BYTES);
	char(*data)[FILE_BYTES] = calloc(files, FILE_BYTES);
	char text[TEXT_BYTES];

	if (!edits || !paths || !data)
		stop("out of memory");
	for (unsigned i = 0; i < files; i++) {
		shape_path(peer->shape, i, paths[i]);
		shape_content(i, 0, data[i]);
		edits[i] = (struct workspace_edit){.path = paths[i], .mode = MODE_FILE, .data = bytes_of(data[i], FILE_BYTES)};
	}
	shape_text(0, 0, text);
	edits[files] = (struct workspace_edit){.path = TEXT_PATH, .mode = MODE_FILE, .data = bytes_of(text, sizeof(text))};
	peer->tip = commit_edits(peer, MAIN, NULL, edits, files + 1, "begin\n");
	free(edits);
	free(paths);
	free(data);
}

static struct peer *open_with(const struct shape_of_repository *shape, const struct workspace_options *options)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		stop("out of memory");
	peer->shape = shape;
	if (workspace_open(options, &peer->workspace, sentence))
		stop("the workspace does not open: %s", sentence);
	if (workspace_join(peer->workspace, &peer->agent))
		stop("no agent can join");
	fill(peer);
	return peer;
}

static struct peer *open_memory(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	(void)folder;
	*out_why = '\0';
	return open_with(shape, &(struct workspace_options){.durability = DURABLE_MEMORY});
}

static struct peer *open_journal(const struct shape_of_repository *shape, const char *folder, char out_why[256])
{
	*out_why = '\0';
	return open_with(shape, &(struct workspace_options){.durability = DURABLE_PROCESS, .journal = folder});
}

static void own_close(struct peer *peer)
{
	workspace_leave(peer->agent);
	if (workspace_close(peer->workspace))
		stop("the workspace does not close");
	free(peer);
}

/* One file of the shape in a new version. */
struct file_edit {
	char path[PATH_BYTES];
	char data[TEXT_BYTES];
	struct workspace_edit edit;
};

static void edit_file(const struct peer *peer, unsigned index, unsigned version, struct file_edit *out)
{
	shape_path(peer->shape, index % shape_files(peer->shape), out->path);
	shape_content(index, version, out->data);
	out->edit = (struct workspace_edit){.path = out->path, .mode = MODE_FILE, .data = bytes_of(out->data, FILE_BYTES)};
}

static void edit_text(unsigned early, unsigned late, struct file_edit *out)
{
	snprintf(out->path, sizeof(out->path), "%s", TEXT_PATH);
	shape_text(early, late, out->data);
	out->edit = (struct workspace_edit){.path = out->path, .mode = MODE_FILE, .data = bytes_of(out->data, TEXT_BYTES)};
}

static double run_commit(struct peer *peer, unsigned n)
{
	struct file_edit edit;
	char message[32];

	edit_file(peer, n, n, &edit);
	snprintf(message, sizeof(message), "commit %u\n", n);
	double begin = clock_us();
	peer->tip = commit_edits(peer, MAIN, peer->tip, &edit.edit, 1, message);
	return clock_us() - begin;
}

static double run_branch(struct peer *peer, unsigned n)
{
	char name[64];
	struct ref_update update = {.ref = name, .to = (const struct object *)peer->tip};

	snprintf(name, sizeof(name), "refs/heads/branch-%u", n);
	double begin = clock_us();
	must(peer, workspace_refs_update(peer->agent, &update, 1), "branch");
	return clock_us() - begin;
}

/* Two branches with one commit each, merged into the first. */
static double merge_two(struct peer *peer, unsigned n, const struct file_edit *ours_edit, const struct file_edit *theirs_edit)
{
	char ours_name[64], theirs_name[64];
	struct merge_result result = {0};
	struct workspace_change change = {.author = person, .committer = person, .message = "merge\n"};
	const struct commit *ours, *theirs, *merged = NULL;

	snprintf(ours_name, sizeof(ours_name), "refs/heads/ours-%u", n);
	snprintf(theirs_name, sizeof(theirs_name), "refs/heads/theirs-%u", n);
	struct ref_update updates[] = {{.ref = ours_name, .to = (const struct object *)peer->tip},
				       {.ref = theirs_name, .to = (const struct object *)peer->tip}};
	must(peer, workspace_refs_update(peer->agent, updates, 2), "two branches");
	ours = commit_edits(peer, ours_name, peer->tip, &ours_edit->edit, 1, "ours\n");
	theirs = commit_edits(peer, theirs_name, peer->tip, &theirs_edit->edit, 1, "theirs\n");
	(void)ours;
	double begin = clock_us();
	must(peer, workspace_merge_into(peer->agent, ours_name, theirs, &change, NULL, &result, &merged), "merge");
	double took = clock_us() - begin;
	merge_result_release(&result);
	return took;
}

static double run_merge(struct peer *peer, unsigned n)
{
	struct file_edit ours, theirs;

	edit_file(peer, 2 * n, 1000000 + n, &ours);
	edit_file(peer, 2 * n + 1, 2000000 + n, &theirs);
	return merge_two(peer, 2 * n, &ours, &theirs);
}

static double run_text(struct peer *peer, unsigned n)
{
	struct file_edit ours, theirs;

	edit_text(n, 0, &ours);
	edit_text(0, n, &theirs);
	return merge_two(peer, 2 * n + 1, &ours, &theirs);
}

static double run_read(struct peer *peer, unsigned n)
{
	char path[PATH_BYTES];
	struct workspace_file file;

	shape_path(peer->shape, n % shape_files(peer->shape), path);
	workspace_begin(peer->agent);
	double begin = clock_us();
	must(peer, workspace_read(peer->agent, commit_tree(peer->tip), path, &file), "read");
	double took = clock_us() - begin;
	if (file.data.bytes != FILE_BYTES)
		stop("%s has %u bytes", path, (unsigned)file.data.bytes);
	workspace_end(peer->agent);
	return took;
}

static bool own_head(struct peer *peer, char out_hex[41])
{
	oid_print(tree_id(commit_tree(peer->tip)), out_hex);
	return true;
}

#define RUNS                                                                                                                     \
	{                                                                                                                        \
		run_commit, run_branch, run_merge, run_text, run_read                                                            \
	}

const struct peer_kind peer_own = {
	.name = "bunshin",
	.sentence = "the shared workspace, in memory",
	.open = open_memory,
	.run = RUNS,
	.close = own_close,
	.head = own_head,
};

const struct peer_kind peer_own_journal = {
	.name = "bunshin-journal",
	.sentence = "the shared workspace with its journal in the page cache (survives kill -9)",
	.open = open_journal,
	.run = RUNS,
	.close = own_close,
	.head = own_head,
};
