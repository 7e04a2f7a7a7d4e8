/* SPDX-License-Identifier: MIT
 *
 * A workspace for a test.
 */
#include "tests/workspace/store/world.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(bool good, const char *what, const char *sentence)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, sentence);
	abort();
}

static void join_all(struct world *world, uint64_t max_bytes)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct workspace_options options = {.memory_max_bytes = max_bytes};

	if (world->folder[0]) {
		options.journal = world->folder;
		options.durability = DURABLE_PROCESS;
	}
	must(!workspace_open(&options, &world->workspace, sentence), "open", sentence);
	for (int i = 0; i < world->agent_count; i++)
		must(!workspace_join(world->workspace, &world->agents[i]), "join", "failed");
}

static void leave_all(struct world *world)
{
	for (int i = 0; i < world->agent_count; i++)
		workspace_leave(world->agents[i]);
	must(!workspace_close(world->workspace), "close", "failed");
}

void world_open(struct world *world, int agent_count, uint64_t max_bytes, bool journal)
{
	memset(world, 0, sizeof(*world));
	world->agent_count = agent_count;
	if (journal) {
		const char *place = getenv("TMPDIR");
		snprintf(world->folder, sizeof(world->folder), "%s/bunshin-store-XXXXXX", place ? place : "/tmp");
		must(mkdtemp(world->folder), "mkdtemp", world->folder);
	}
	join_all(world, max_bytes);
}

void world_reopen(struct world *world)
{
	uint64_t max_bytes = world->workspace->options.memory_max_bytes;

	leave_all(world);
	join_all(world, max_bytes);
}

static void remove_folder(const char *path)
{
	DIR *folder = opendir(path);

	must(folder, "opendir", path);
	for (struct dirent *entry; (entry = readdir(folder));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			must(!unlinkat(dirfd(folder), entry->d_name, 0), "unlink", entry->d_name);
	closedir(folder);
	must(!rmdir(path), "rmdir", path);
}

void world_close(struct world *world)
{
	leave_all(world);
	if (world->folder[0])
		remove_folder(world->folder);
}

int world_commit(struct workspace_agent *agent, const struct commit *parent, unsigned number, uint32_t bytes,
		 const struct commit **out_commit)
{
	struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 60};
	uint8_t *data = calloc(1, bytes + 1);
	char text[16];
	int text_bytes = snprintf(text, sizeof(text), "%u", number);
	struct workspace_edit edits[] = {
		{.path = "number", .mode = MODE_FILE, .data = {(const uint8_t *)text, (uint32_t)text_bytes}},
		{.path = "folder/data", .mode = MODE_FILE, .data = {data, bytes}},
	};
	struct workspace_change change = {.author = person, .committer = person, .message = text};
	const struct tree *tree;

	if (bytes >= sizeof(number))
		memcpy(data, &number, sizeof(number));
	workspace_begin(agent);
	int rc = workspace_tree_edit(agent, parent ? commit_tree(parent) : NULL, edits, 2, &tree);
	if (!rc)
		rc = workspace_commit_make(agent, tree, &parent, parent != NULL, &change, out_commit);
	workspace_end(agent);
	free(data);
	return rc;
}

unsigned world_number(struct workspace_agent *agent, const struct commit *commit)
{
	struct workspace_file file;
	char text[16] = "";

	workspace_begin(agent);
	must(!workspace_read(agent, commit_tree(commit), "number", &file), "read", workspace_sentence(agent));
	memcpy(text, file.data.at, file.data.bytes);
	workspace_end(agent);
	return (unsigned)strtoul(text, NULL, 10);
}

const struct commit *world_made(struct workspace_agent *agent, const struct commit *parent, unsigned number)
{
	const struct commit *commit = NULL;

	must(!world_commit(agent, parent, number, 8, &commit), "commit", workspace_sentence(agent));
	return commit;
}

int world_move(struct workspace_agent *agent, const char *ref, const struct commit *from, const struct commit *to)
{
	struct ref_update update = {ref, (const struct object *)from, (const struct object *)to, false};
	return workspace_refs_update(agent, &update, 1);
}

void world_set(struct workspace_agent *agent, const char *ref, const struct commit *to)
{
	struct ref_update update = {.ref = ref, .to = (const struct object *)to, .anywhere = true};
	must(!workspace_refs_update(agent, &update, 1), ref, workspace_sentence(agent));
}

const struct commit *world_at(struct workspace_agent *agent, const char *ref)
{
	const struct object *object = NULL;
	int rc = workspace_ref_get(agent, ref, &object);

	must(!rc || rc == ERR_NOT_FOUND, ref, workspace_sentence(agent));
	return rc ? NULL : object_as_commit(object);
}

/* ---- threads ---- */

struct runner {
	struct world *world;
	world_work *work;
	int number;
};

static pthread_barrier_t start;

static void *run(void *context)
{
	struct runner *runner = context;
	pthread_barrier_wait(&start);
	runner->work(runner->world, runner->number);
	return NULL;
}

void world_run(struct world *world, world_work *work)
{
	pthread_t threads[WORLD_AGENTS_MAX];
	struct runner runners[WORLD_AGENTS_MAX];

	pthread_barrier_init(&start, NULL, (unsigned)world->agent_count);
	for (int i = 0; i < world->agent_count; i++) {
		runners[i] = (struct runner){world, work, i};
		must(!pthread_create(&threads[i], NULL, run, &runners[i]), "pthread_create", "failed");
	}
	for (int i = 0; i < world->agent_count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}
