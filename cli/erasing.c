/* SPDX-License-Identifier: MIT */
#include "cli/erasing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/story.h"
#include "protocol/id.h"

/* ---- one record, by its number ---- */

struct looked {
	struct trail_entry entry; /* without spans */
	bool found;
};

static int look(void *context, const struct trail_entry *entry)
{
	struct looked *looked = context;

	looked->entry = *entry;
	looked->entry.header = looked->entry.facts = looked->entry.payload = (struct bytes){0};
	looked->found = true;
	return 0;
}

static int entry_read(struct trail *trail, uint64_t seq, struct trail_entry *out_entry)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .limit = 1};
	struct looked looked = {.found = false};
	int rc = trail_read(trail, &query, look, &looked);

	*out_entry = looked.entry;
	return rc ? rc : looked.found ? 0 : ERR_NOT_FOUND;
}

int erased_find(struct trail *trail, const struct trail_entry *entry, uint64_t *out_seq, uint64_t *out_ms)
{
	struct erased_claim claim;
	struct trail_entry tombstone;
	int rc = erase_covering(trail, entry, &claim);

	*out_seq = *out_ms = 0;
	if (rc)
		return rc;
	*out_seq = claim.seq;
	if (entry_read(trail, claim.seq, &tombstone) == 0) /* in a backup only its receipt is there */
		*out_ms = tombstone.wall_ms;
	return 0;
}

void erased_print(uint64_t wall_ms, uint64_t seq, char out[ERASED_TEXT_BYTES])
{
	char date[32] = "";
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm local;

	if (wall_ms && localtime_r(&seconds, &local))
		strftime(date, sizeof(date), " on %Y-%m-%d", &local);
	snprintf(out, ERASED_TEXT_BYTES, "erased%s, record %llu", date, (unsigned long long)seq);
}

/* ---- a task and what is below it ---- */

static int doomed_add(struct doomed_tree *tree, const struct id *id, uint64_t number)
{
	if (tree->count == tree->capacity) {
		size_t capacity = tree->capacity ? tree->capacity * 2 : 16;
		struct doomed *task = realloc(tree->task, capacity * sizeof(*task));
		if (!task)
			return ERR_MEMORY;
		tree->task = task;
		tree->capacity = capacity;
	}
	tree->task[tree->count++] = (struct doomed){.id = *id, .number = number};
	return 0;
}

/* A child is asked for after its parent, so one pass finds them all. */
static int child_take(void *context, const struct trail_entry *entry)
{
	struct doomed_tree *tree = context;
	struct buffer buffer = {0};
	struct message message;
	int rc = 0;

	if (entry->verdict || entry->task_number != entry->seq || entry->direction != TRAIL_IN)
		return 0;
	if (record_message(entry, &buffer, &message) == 0)
		for (size_t i = 0; i < tree->count && rc == 0; i++)
			if (id_equal(&tree->task[i].id, &message.task_request.parent)) {
				rc = doomed_add(tree, &entry->task_id, entry->seq);
				break;
			}
	buffer_release(&buffer);
	return rc;
}

static int doomed_look(struct trail *trail, const struct state_folder *state, struct doomed *doomed)
{
	struct erased_claim claim = {
		.seq = UINT64_MAX, .task_number = doomed->number, .task_id = doomed->id, .through_seq = trail_last_seq(trail)};
	struct trail_task task;
	struct trail_entry request;
	int rc = trail_task(trail, &doomed->id, &task);

	if (rc)
		return rc;
	doomed->live = task.end_seq == 0;
	claim.in_backup = doomed->live; /* it is not erased so, but counted */
	rc = eraser_count(state, trail, &claim, 0, &doomed->plan, &doomed->artefacts);
	if (!rc)
		rc = entry_read(trail, doomed->number, &request);
	if (!rc)
		rc = erased_find(trail, &request, &doomed->erased_seq, &doomed->erased_ms);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int doomed_read(struct trail *trail, const struct state_folder *state, const struct id *task_id, struct doomed_tree *out_tree)
{
	struct trail_query query = {.type = MESSAGE_TASK_REQUEST};
	struct trail_task task;
	int rc = trail_task(trail, task_id, &task);

	*out_tree = (struct doomed_tree){0};
	if (!rc)
		rc = doomed_add(out_tree, task_id, task.request_seq);
	query.after_seq = task.request_seq;
	if (!rc)
		rc = trail_read(trail, &query, child_take, out_tree);
	for (size_t i = 0; !rc && i < out_tree->count; i++) {
		rc = doomed_look(trail, state, &out_tree->task[i]);
		out_tree->payloads += out_tree->task[i].plan.payloads;
		out_tree->bytes += out_tree->task[i].plan.bytes;
		out_tree->artefacts += out_tree->task[i].artefacts;
	}
	if (rc)
		doomed_release(out_tree);
	return rc;
}

void doomed_release(struct doomed_tree *tree)
{
	free(tree->task);
	*tree = (struct doomed_tree){0};
}

static int claim_take(void *context, const struct trail_entry *entry)
{
	struct erased_claim *claim = context;
	struct buffer buffer = {0};
	struct message message;
	int rc = record_message(entry, &buffer, &message);

	if (!rc)
		*claim = (struct erased_claim){.seq = entry->seq,
					       .task_number = message.erased.task_number,
					       .task_id = entry->task_id,
					       .through_seq = message.erased.through_seq};
	buffer_release(&buffer);
	return rc;
}

int doomed_claim(struct trail *trail, const struct doomed *doomed, struct erased_claim *out_claim)
{
	struct trail_query query = {.task_id = doomed->id, .type = MESSAGE_ERASED, .newest_first = true, .limit = 1};
	struct erased_claim claim = {0};
	int rc = trail_read(trail, &query, claim_take, &claim);

	if (!rc && !claim.seq && doomed->erased_seq) { /* by age */
		query = (struct trail_query){.after_seq = doomed->erased_seq - 1, .through_seq = doomed->erased_seq, .limit = 1};
		rc = trail_read(trail, &query, claim_take, &claim);
	}
	*out_claim = claim;
	return rc ? rc : claim.seq ? 0 : ERR_NOT_FOUND;
}

/* ---- asking ---- */

void erasing_print(uint64_t payloads, uint64_t bytes, uint64_t artefacts, char out[128])
{
	int used = snprintf(out, 128, "%llu text%s of %llu byte%s", (unsigned long long)payloads, payloads == 1 ? "" : "s",
			    (unsigned long long)bytes, bytes == 1 ? "" : "s");

	if (artefacts && used > 0 && used < 128)
		snprintf(out + used, 128 - (size_t)used, ", and %llu artefact%s unless others name %s",
			 (unsigned long long)artefacts, artefacts == 1 ? "" : "s", artefacts == 1 ? "it" : "them");
}

int erasing_confirm(const struct call *call, const char *what)
{
	char answer[16];

	if (option_set(call, "yes"))
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return call_fail(call, ERR_USAGE, "--yes does it without asking", "nobody can be asked here whether to erase %s",
				 what);
	fprintf(stderr, "%s will be erased for good. Records, times and names stay; so do copies elsewhere. Go on? [y/N] ", what);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return call_fail(call, ERR_CANCELLED, NULL, "nothing was erased");
}
