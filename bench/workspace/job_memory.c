/* SPDX-License-Identifier: MIT
 *
 * The same work in shared memory: one repository, everybody an actor of the crew, and messages between them. Nothing is cloned, fetched or pushed; to see the
 * newest state is to look where the main branch is.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/job.h"
#include "workspace/crew/crew.h"

#define MAIN "refs/heads/main"

static const struct workspace_person person = {.name = "Bench", .email = "bench@localhost", .seconds = 1700000000};

static struct bytes bytes_of(const char *data, size_t bytes)
{
	return (struct bytes){.at = (const uint8_t *)data, .bytes = (uint32_t)bytes};
}

static void must(struct workspace_agent *agent, int rc, const char *what)
{
	if (rc)
		stop("%s: %s (%s)", what, error_name(rc), workspace_sentence(agent));
}

/* One who works: an actor with a branch of its own. */
struct worker {
	char branch[64];
	const struct commit *seen; /* of the main branch; good within a message */
	const struct commit *tip;  /* of its own */
	struct job_figures figures;
};

/* ---- what everybody does ---- */

/* The own branch goes to where the main one is. */
static void see(struct worker *worker, struct workspace_agent *agent)
{
	const struct object *main = NULL;
	double begin = clock_us();

	must(agent, workspace_ref_get(agent, MAIN, &main), "main");
	struct ref_update update = {.ref = worker->branch, .to = main, .anywhere = true};
	must(agent, workspace_refs_update(agent, &update, 1), worker->branch);
	must(agent, workspace_commit_by_id(agent, object_id(main), &worker->seen), "the commit of main");
	worker->tip = worker->seen;
	samples_add(&worker->figures.see, clock_us() - begin);
}

static void commit(struct worker *worker, struct workspace_agent *agent, const struct job_file *files, size_t count)
{
	struct workspace_edit edits[JOB_FILES_MAX];
	struct workspace_change change = {
		.edits = edits, .count = count, .author = person, .committer = person, .message = "work\n"};

	for (size_t i = 0; i < count; i++)
		edits[i] = (struct workspace_edit){
			.path = files[i].path, .mode = MODE_FILE, .data = bytes_of(files[i].data, files[i].bytes)};
	double begin = clock_us();
	must(agent, workspace_commit(agent, worker->branch, worker->tip, &change, &worker->tip), "commit");
	samples_add(&worker->figures.commit, clock_us() - begin);
}

static void publish(struct worker *worker, struct workspace_agent *agent)
{
	struct workspace_change change = {.author = person, .committer = person, .message = "publish\n"};
	struct merge_result result = {0};
	const struct object *main = NULL;
	const struct commit *merged = NULL;
	double begin = clock_us();

	int rc = workspace_merge_into(agent, MAIN, worker->tip, &change, NULL, &result, &merged);
	double took = clock_us() - begin;
	merge_result_release(&result);
	if (rc == ERR_CONFLICT)
		worker->figures.conflicts++;
	else
		must(agent, rc, "publish");
	samples_add(&worker->figures.publish, took);
	must(agent, workspace_ref_get(agent, MAIN, &main), "main");
	if (merged != worker->tip)
		worker->figures.retries++; /* no fast-forward: somebody else was first */
}

/* ---- a repository, and a crew on it ---- */

struct place {
	struct workspace *workspace;
	struct crew *crew;
	struct crew_guest *guest; /* who waits for the end */
};

static void fill(struct workspace_agent *agent, const struct shape_of_repository *shape)
{
	unsigned files = shape_files(shape);
	struct workspace_edit *edits = calloc(files + 1, sizeof(*edits));
	struct job_file *file = calloc(files, sizeof(*file));
	char plan[PLAN_BYTES];
	struct workspace_change change = {.author = person, .committer = person, .message = "begin\n"};
	const struct commit *first = NULL;

	if (!edits || !file)
		stop("out of memory");
	for (unsigned i = 0; i < files; i++) {
		shape_path(shape, i, file[i].path);
		shape_content(i, 0, file[i].data);
		edits[i] = (struct workspace_edit){
			.path = file[i].path, .mode = MODE_FILE, .data = bytes_of(file[i].data, FILE_BYTES)};
	}
	size_t bytes = job_plan(plan);
	edits[files] = (struct workspace_edit){.path = PLAN_PATH, .mode = MODE_FILE, .data = bytes_of(plan, bytes)};
	change.edits = edits;
	change.count = files + 1;
	must(agent, workspace_commit(agent, MAIN, NULL, &change, &first), "the first commit");
	free(edits);
	free(file);
}

static struct place place_open(const struct shape_of_repository *shape)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct place place = {0};
	struct workspace_agent *agent = NULL;

	if (workspace_open(&(struct workspace_options){.durability = DURABLE_MEMORY}, &place.workspace, sentence))
		stop("the workspace does not open: %s", sentence);
	if (workspace_join(place.workspace, &agent))
		stop("no agent can join");
	fill(agent, shape);
	workspace_leave(agent);
	if (crew_open(&(struct crew_options){.workspace = place.workspace}, &place.crew, sentence))
		stop("no crew: %s", sentence);
	if (crew_join(place.crew, 0, &place.guest))
		stop("nobody can join the crew");
	return place;
}

static void place_close(struct place *place, char out_tree[41])
{
	struct workspace_agent *agent = NULL;
	const struct commit *main = NULL;

	crew_leave(place->guest);
	crew_close(place->crew);
	if (workspace_join(place->workspace, &agent))
		stop("no agent can join");
	workspace_begin(agent);
	must(agent, workspace_find(agent, MAIN, &main), "main");
	oid_print(tree_id(commit_tree(main)), out_tree);
	workspace_end(agent);
	workspace_leave(agent);
	if (workspace_close(place->workspace))
		stop("the workspace does not close");
}

static struct crew_address place_start(struct place *place, crew_handle *handle, void *state)
{
	struct crew_address address;

	if (crew_start(place->crew, &(struct crew_actor){.handle = handle, .state = state, .worker = CREW_ANYWHERE}, &address))
		stop("no actor can be started");
	return address;
}

static void place_wait(struct place *place, unsigned messages)
{
	struct crew_message message;

	while (messages) {
		struct pollfd ready = {.fd = crew_guest_fd(place->guest), .events = POLLIN};
		if (crew_guest_receive(place->guest, &message) == 0)
			messages--;
		else if (poll(&ready, 1, -1) < 0)
			stop("nothing can be waited for");
	}
}

/* ---- the crew of four ---- */

struct members;

struct member {
	struct worker worker;
	struct members *members;
	enum role role;
	unsigned sprint; /* the next */
	unsigned told;
};

struct members {
	struct member member[ROLE_COUNT];
	struct crew_address address[ROLE_COUNT];
	struct crew_address guest;
	unsigned sprints;
};

static struct bytes read_file(struct worker *worker, struct workspace_agent *agent, const char *path)
{
	struct workspace_file file = {0};

	must(agent, workspace_read(agent, commit_tree(worker->tip), path, &file), path);
	return file.data;
}

static void send(struct crew_context *context, struct crew_address to, double now_us)
{
	struct crew_message message = {0};

	memcpy(message.body.bytes, &now_us, sizeof(now_us));
	if (crew_send(context, to, &message))
		stop("a message is not taken");
}

static void sprint(struct member *member, struct crew_context *context, double told_us)
{
	struct workspace_agent *agent = crew_agent(context);
	struct worker *worker = &member->worker;
	struct job_step step;

	see(worker, agent);
	struct bytes plan = read_file(worker, agent, PLAN_PATH);
	job_step(member->role, member->sprint, (const char *)plan.at, plan.bytes, &step);
	if (*step.needs) {
		if (read_file(worker, agent, step.needs).bytes != FILE_BYTES)
			stop("%s is not whole", step.needs);
		samples_add(&worker->figures.hand_off, clock_us() - told_us);
	}
	commit(worker, agent, step.files, step.file_count);
	publish(worker, agent);
	member->sprint++;
	for (size_t i = 0; i < step.tell_count; i++)
		send(context, member->members->address[step.tells[i]], clock_us());
	if (member->sprint == member->members->sprints)
		send(context, member->members->guest, 0);
}

/* The navigator plans when all he waits for has been told; the others work whenever they are told. */
static void member_handle(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct member *member = state;
	double told_us;

	if (message->role != CREW_TELL)
		return;
	memcpy(&told_us, message->body.bytes, sizeof(told_us));
	member->told++;
	unsigned needed = member->role == ROLE_NAVIGATOR ? member->sprint * JOB_TOLD_PER_SPRINT + 1 : member->sprint + 1;
	if (member->told >= needed && member->sprint < member->members->sprints)
		sprint(member, context, told_us);
}

void job_in_memory(const struct shape_of_repository *shape, const char *folder, unsigned sprints, struct job_figures *out_figures)
{
	struct place place = place_open(shape);
	struct members members = {.sprints = sprints, .guest = crew_guest_address(place.guest)};

	(void)folder;
	*out_figures = (struct job_figures){0};
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		members.member[i] = (struct member){.members = &members, .role = i};
		snprintf(members.member[i].worker.branch, sizeof(members.member[i].worker.branch), "refs/heads/%s",
			 role_names[i]);
		members.address[i] = place_start(&place, member_handle, &members.member[i]);
	}
	crew_quiet(place.crew);
	double begin = clock_us(), cpu = clock_cpu_us();
	if (crew_post(place.crew, members.address[ROLE_NAVIGATOR], &(struct crew_message){0}))
		stop("the navigator cannot be told to begin");
	place_wait(&place, ROLE_COUNT);
	out_figures->wall_us = clock_us() - begin;
	out_figures->cpu_us = clock_cpu_us() - cpu;
	place_close(&place, out_figures->tree);
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		job_figures_add(out_figures, &members.member[i].worker.figures);
		job_figures_release(&members.member[i].worker.figures);
	}
}

/* ---- the crowd ---- */

struct one_of_many {
	struct worker worker;
	const struct shape_of_repository *shape;
	struct crew_address guest;
	unsigned agents, agent, rounds;
	unsigned round; /* the next */
	struct job_file file;
};

/* One round a message, so that the agents of a worker take turns. */
static void crowd_handle(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct one_of_many *one = state;

	if (message->role != CREW_TELL)
		return;
	struct workspace_agent *agent = crew_agent(context);
	see(&one->worker, agent);
	for (unsigned i = 0; i < CROWD_COMMITS; i++) {
		crowd_file_next(one->shape, one->agents, one->agent, one->round * CROWD_COMMITS + i, &one->file);
		commit(&one->worker, agent, &one->file, 1);
	}
	publish(&one->worker, agent);
	one->round++;
	send(context, one->round == one->rounds ? one->guest : crew_self(context), 0);
}

/* What everybody did last stands in the main branch. */
static void crowd_check(struct place *place, const struct one_of_many *many, unsigned agents)
{
	struct workspace_agent *agent = NULL;
	const struct commit *main = NULL;
	struct workspace_file found;
	struct job_file file;

	if (workspace_join(place->workspace, &agent))
		stop("no agent can join");
	workspace_begin(agent);
	must(agent, workspace_find(agent, MAIN, &main), "main");
	for (unsigned i = 0; i < agents; i++) {
		crowd_file(many[i].shape, agents, i, many[i].rounds * CROWD_COMMITS - 1, &file);
		must(agent, workspace_read(agent, commit_tree(main), file.path, &found), file.path);
		if (found.data.bytes != file.bytes || memcmp(found.data.at, file.data, file.bytes) != 0)
			stop("the last work of agent %u is not in main", i);
	}
	workspace_end(agent);
	workspace_leave(agent);
}

void crowd_in_memory(const struct shape_of_repository *shape, const char *folder, unsigned agents, unsigned rounds,
		     struct job_figures *out_figures)
{
	struct place place = place_open(shape);
	struct one_of_many *many = calloc(agents, sizeof(*many));

	(void)folder;
	if (!many)
		stop("out of memory");
	*out_figures = (struct job_figures){0};
	double begin = clock_us(), cpu = clock_cpu_us();
	for (unsigned i = 0; i < agents; i++) {
		many[i] = (struct one_of_many){
			.shape = shape, .guest = crew_guest_address(place.guest), .agents = agents, .agent = i, .rounds = rounds};
		crowd_file(shape, agents, i, 0, &many[i].file);
		snprintf(many[i].worker.branch, sizeof(many[i].worker.branch), "refs/heads/agent-%u", i);
		struct crew_address address = place_start(&place, crowd_handle, &many[i]);
		if (crew_post(place.crew, address, &(struct crew_message){0}))
			stop("an agent cannot be told to begin");
	}
	place_wait(&place, agents);
	out_figures->wall_us = clock_us() - begin;
	out_figures->cpu_us = clock_cpu_us() - cpu;
	crowd_check(&place, many, agents);
	place_close(&place, out_figures->tree);
	for (unsigned i = 0; i < agents; i++) {
		job_figures_add(out_figures, &many[i].worker.figures);
		job_figures_release(&many[i].worker.figures);
	}
	free(many);
}
