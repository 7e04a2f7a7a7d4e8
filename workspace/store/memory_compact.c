/* SPDX-License-Identifier: MIT
 *
 * Free pieces come together again: what agents leave behind, and runs in which nothing is used any more.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/poison.h"

static struct free_piece *piece_next(struct free_piece *piece)
{
	poison_clear(piece, sizeof(piece->next));
	struct free_piece *next = piece->next;
	poison_set(piece, sizeof(piece->next));
	return next;
}

static void piece_push(struct free_piece **list, void *memory)
{
	struct free_piece *piece = memory;

	poison_clear(piece, sizeof(piece->next));
	piece->next = *list;
	poison_set(piece, sizeof(piece->next));
	*list = piece;
}

static void move_all(struct free_piece **list, void *from)
{
	for (struct free_piece *piece = from, *next; piece; piece = next) {
		next = piece_next(piece);
		piece_push(list, piece);
	}
}

static void move_fresh(struct free_piece **list, char **fresh, char **fresh_end, uint32_t piece_bytes)
{
	for (; *fresh < *fresh_end; *fresh += piece_bytes)
		piece_push(list, *fresh);
	*fresh = *fresh_end = NULL;
}

static void move_of_agent(struct free_piece **list, struct memory_list *own, uint32_t piece_bytes)
{
	move_all(list, own->free);
	move_all(list, own->full);
	move_fresh(list, &own->fresh, &own->fresh_end, piece_bytes);
	memset(own, 0, sizeof(*own));
}

static void move_of_workspace(struct free_piece **list, struct memory_size *size)
{
	for (struct free_piece *batch = size->batches; batch;) {
		poison_clear(batch, sizeof(*batch));
		struct free_piece *next_batch = batch->next_batch;
		move_all(list, batch);
		batch = next_batch;
	}
	move_all(list, size->loose);
	move_fresh(list, &size->fresh, &size->fresh_end, size->piece_bytes);
	size->batches = size->loose = NULL;
	size->loose_count = 0;
}

/* One more free piece for all; a batch as soon as there are enough. */
static void size_add(struct memory_size *size, struct free_piece *piece)
{
	struct free_piece *loose = size->loose;

	piece_push(&loose, piece);
	size->loose = loose;
	if (++size->loose_count < size->batch_pieces)
		return;
	poison_clear(loose, sizeof(*loose));
	loose->next_batch = size->batches;
	poison_set(loose, sizeof(*loose));
	size->batches = loose;
	size->loose = NULL;
	size->loose_count = 0;
}

/* ---- runs in which nothing is used ----
 *
 * The tallies of a run are touched only by who holds its size. */

static uint32_t *tally_of(const void *piece)
{
	struct chunk *chunk = chunk_of(piece);
	return &chunk->tally[chunk->first[chunk_block(piece)]];
}

static bool is_first_of_run(const void *piece)
{
	return !((uintptr_t)piece & (BLOCK_BYTES - 1)) && chunk_of(piece)->first[chunk_block(piece)] == chunk_block(piece);
}

static void tally_all(struct free_piece *list)
{
	for (struct free_piece *piece = list; piece; piece = piece_next(piece))
		++*tally_of(piece);
}

/* Pieces of used runs go to `size`, whole runs are returned by their first pieces. */
static struct free_piece *sort_out(struct memory_size *size, struct free_piece *list)
{
	uint32_t pieces = size->run_blocks * BLOCK_BYTES / size->piece_bytes;
	struct free_piece *runs = NULL, *kept = NULL;

	for (struct free_piece *piece = list, *next; piece; piece = next) {
		next = piece_next(piece);
		if (*tally_of(piece) < pieces)
			piece_push(&kept, piece);
		else if (is_first_of_run(piece))
			piece_push(&runs, piece);
	}
	for (struct free_piece *piece = kept, *next; piece; piece = next) {
		next = piece_next(piece);
		*tally_of(piece) = 0;
		size_add(size, piece);
	}
	return runs;
}

static void give_runs(struct memory *memory, const struct memory_size *size, struct free_piece *runs)
{
	for (struct free_piece *run = runs, *next; run; run = next) {
		next = piece_next(run);
		*tally_of(run) = 0;
		chunks_give(&memory->chunks, run, size->run_blocks);
	}
}

static void size_compact(struct memory *memory, struct memory_size *size, struct free_piece *list)
{
	move_of_workspace(&list, size);
	tally_all(list);
	give_runs(memory, size, sort_out(size, list));
}

void memory_compact(struct workspace *workspace)
{
	struct memory *memory = &workspace->memory;

	for (uint32_t i = 0; i < MEMORY_SIZES; i++) {
		struct free_piece *list = NULL;
		for (struct workspace_agent *agent = workspace->agents; agent; agent = agent->next)
			move_of_agent(&list, &agent->memory.lists[i], memory->sizes[i].piece_bytes);
		size_compact(memory, &memory->sizes[i], list);
	}
	chunks_trim(&memory->chunks);
	atomic_store(&memory->short_from, 0);
}

void memory_scavenge(struct memory *memory)
{
	for (uint32_t i = 0; i < MEMORY_SIZES; i++) {
		pthread_mutex_lock(&memory->sizes[i].mutex);
		size_compact(memory, &memory->sizes[i], NULL);
		pthread_mutex_unlock(&memory->sizes[i].mutex);
	}
	chunks_trim(&memory->chunks);
}

/* ---- leaving ---- */

static void leave_pieces(struct workspace_agent *agent)
{
	for (uint32_t i = 0; i < MEMORY_SIZES; i++) {
		struct memory_size *size = &agent->workspace->memory.sizes[i];
		struct free_piece *list = NULL;
		move_of_agent(&list, &agent->memory.lists[i], size->piece_bytes);
		pthread_mutex_lock(&size->mutex);
		for (struct free_piece *piece = list, *next; piece; piece = next) {
			next = piece_next(piece);
			size_add(size, piece);
		}
		pthread_mutex_unlock(&size->mutex);
	}
}

/* What others may still be looking at waits with the workspace; without memory to remember it, until that is closed. */
static void leave_retired(struct workspace *workspace, const struct memory_cache *cache)
{
	size_t count = workspace->left_retired + cache->retired_count;
	struct memory_retired *left = realloc(workspace->left, count * sizeof(*left));

	if (!left)
		return;
	for (size_t i = 0; i < cache->retired_count; i++)
		left[workspace->left_retired + i] = cache->retired[(cache->retired_first + i) & (cache->retired_capacity - 1)];
	workspace->left = left;
	workspace->left_retired = count;
}

void memory_leave(struct workspace_agent *agent)
{
	struct workspace *workspace = agent->workspace;

	for (int i = 0; i < 3; i++)
		memory_reclaim(agent, false);
	if (agent->memory.retired_count)
		leave_retired(workspace, &agent->memory);
	leave_pieces(agent);
	free(agent->memory.retired);
	agent->memory.retired = NULL;
}
