/* SPDX-License-Identifier: MIT
 *
 * Two agents work on one repository in memory: each changes a file on a branch of its own, one merges both, and plain git gets the result.
 *
 *   two_agents FOLDER      FOLDER becomes a bare repository
 *
 * It needs workspace/workspace.h and the library bunshin_workspace, and nothing of a network.
 */
#include <stdio.h>
#include <string.h>

#include "workspace/workspace.h"

static const struct workspace_person ann = {.name = "Ann", .email = "ann@example.org", .seconds = 1700000000, .minutes = 60};

/* Put one file on a branch that is at `parent`. */
static int put(struct workspace_agent *agent, const char *branch, const struct commit *parent, const char *path, const char *text,
	       const struct commit **out_commit)
{
	const struct workspace_edit edit = {
		.path = path, .mode = MODE_FILE, .data = {.at = (const uint8_t *)text, .bytes = (uint32_t)strlen(text)}};
	const struct workspace_change change = {.edits = &edit, .count = 1, .author = ann, .committer = ann, .message = path};

	return workspace_commit(agent, branch, parent, &change, out_commit);
}

/* A branch for the second agent, at a commit. */
static int branch(struct workspace_agent *agent, const char *name, const struct commit *at)
{
	const struct ref_update update = {.ref = name, .to = (const struct object *)at};

	return workspace_refs_update(agent, &update, 1);
}

static int work(struct workspace_agent *agent, const char *folder)
{
	const struct workspace_change change = {.author = ann, .committer = ann, .message = "Both"};
	const struct export_options where = {.path = folder, .bare = true};
	const struct commit *first, *ours, *theirs, *both;
	struct merge_result merge = {0};
	struct export_result exported;
	char hex[OID_HEX_BYTES];

	workspace_begin(agent); /* what is found stays where it is until workspace_end */
	int rc = put(agent, "refs/heads/main", NULL, "README.md", "# Two agents\n", &first);
	if (!rc)
		rc = branch(agent, "refs/heads/side", first);
	if (!rc)
		rc = put(agent, "refs/heads/main", first, "src/one.c", "int one = 1;\n", &ours);
	if (!rc)
		rc = put(agent, "refs/heads/side", first, "src/two.c", "int two = 2;\n", &theirs);
	if (!rc)
		rc = workspace_merge_into(agent, "refs/heads/main", theirs, &change, NULL, &merge, &both);
	if (rc == ERR_CONFLICT)
		for (size_t i = 0; i < merge.conflict_count; i++)
			printf("both changed %s\n", merge.conflicts[i].path);
	merge_result_release(&merge);
	if (!rc)
		oid_print(commit_id(both), hex);
	workspace_end(agent);
	if (!rc)
		rc = workspace_export(agent, &where, &exported);
	if (!rc)
		printf("main is %s; %s has %llu objects\n", hex, folder, (unsigned long long)exported.objects);
	return rc;
}

int main(int argc, char **argv)
{
	const struct workspace_options options = {.durability = DURABLE_MEMORY};
	char sentence[WORKSPACE_SENTENCE_BYTES] = "";
	struct workspace *workspace = NULL;
	struct workspace_agent *agent = NULL;

	if (argc != 2) {
		fputs("usage: two_agents FOLDER\n", stderr);
		return 2;
	}
	int rc = workspace_open(&options, &workspace, sentence);
	if (!rc)
		rc = workspace_join(workspace, &agent);
	if (!rc)
		rc = work(agent, argv[1]);
	if (rc)
		fprintf(stderr, "two_agents: %s\n", agent ? workspace_sentence(agent) : sentence);
	workspace_leave(agent);
	workspace_close(workspace);
	return rc ? 1 : 0;
}
