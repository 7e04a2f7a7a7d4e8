/* SPDX-License-Identifier: MIT
 *
 * The table of tasks follows from the records. What they say of a task is folded while they go by, and let go as soon as its row agrees and
 * its client was told; whatever is left is compared after the last record.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "verifier/trail_file.h"

#define PLACES_FIRST 1024u

struct fold {
	uint64_t end_seq;
	uint64_t end_state;
	uint64_t outcome_seq;
};

struct task_slot {
	uint64_t number; /* 0: a free place */
	struct fold fold;
	struct fold row; /* as read beside the request */
};

enum effect { EFFECT_OF_NOTHING, EFFECT_OF_REQUEST, EFFECT_OF_REVIVAL, EFFECT_OF_END, EFFECT_OF_OUTCOME };

/* The effect of a record that names task_number, by the columns alone. */
static enum effect effect_of(const struct row *row)
{
	if (!row->task_number)
		return EFFECT_OF_NOTHING;
	if (row->task_number == row->seq)
		return row->type == CODE_TASK_REQUEST && row->direction == DIRECTION_RECEIVED && !row->verdict
			       ? EFFECT_OF_REQUEST
			       : EFFECT_OF_NOTHING;
	if (row->revives)
		return EFFECT_OF_REVIVAL;
	if (!row->end_state)
		return EFFECT_OF_NOTHING;
	if (row->direction == DIRECTION_SENT && (row->type == CODE_TASK_COMPLETION || row->type == CODE_TASK_FAILURE))
		return EFFECT_OF_OUTCOME;
	return EFFECT_OF_END;
}

static void fold_end(struct fold *fold, const struct row *row)
{
	fold->end_seq = row->seq;
	fold->end_state = row->end_state;
}

static void fold_apply(struct fold *fold, const struct row *row)
{
	switch (effect_of(row)) {
	case EFFECT_OF_NOTHING:
		break;
	case EFFECT_OF_REQUEST:
	case EFFECT_OF_REVIVAL:
		*fold = (struct fold){0};
		break;
	case EFFECT_OF_OUTCOME:
		fold->outcome_seq = row->seq;
		if (!fold->end_seq)
			fold_end(fold, row);
		break;
	case EFFECT_OF_END:
		fold_end(fold, row);
		break;
	}
}

static bool fold_same(const struct fold *a, const struct fold *b)
{
	return a->end_seq == b->end_seq && a->end_state == b->end_state && a->outcome_seq == b->outcome_seq;
}

/* ---- those whose row has not been found to agree yet ---- */

static size_t place_of(const struct task_table *table, uint64_t number)
{
	size_t place = (size_t)(number * 0x9e3779b97f4a7c15u >> 24) & (table->places - 1);

	while (table->slot[place].number && table->slot[place].number != number)
		place = (place + 1) & (table->places - 1);
	return place;
}

static bool grow(struct task_table *table)
{
	struct task_table larger = {.places = table->places ? table->places * 2 : PLACES_FIRST, .taken = table->taken};

	if (table->places && table->taken < table->places / 2)
		return true;
	larger.slot = calloc(larger.places, sizeof(*larger.slot));
	if (!larger.slot)
		return false;
	for (size_t i = 0; i < table->places; i++)
		if (table->slot[i].number)
			larger.slot[place_of(&larger, table->slot[i].number)] = table->slot[i];
	free(table->slot);
	*table = larger;
	return true;
}

static struct task_slot *find(struct task_table *table, uint64_t number)
{
	struct task_slot *slot = table->places ? &table->slot[place_of(table, number)] : NULL;

	return slot && slot->number ? slot : NULL;
}

static struct task_slot *add(struct task_table *table, uint64_t number)
{
	struct task_slot *slot;

	if (!grow(table))
		return NULL;
	slot = &table->slot[place_of(table, number)];
	*slot = (struct task_slot){.number = number};
	table->taken++;
	return slot;
}

/* Those that follow close up, so that every search still ends at a free place. */
static void let_go(struct task_table *table, struct task_slot *slot)
{
	size_t mask = table->places - 1, hole = (size_t)(slot - table->slot);

	slot->number = 0;
	table->taken--;
	for (size_t next = (hole + 1) & mask; table->slot[next].number; next = (next + 1) & mask) {
		struct task_slot moved = table->slot[next];

		table->slot[next].number = 0;
		table->slot[place_of(table, moved.number)] = moved;
	}
}

void trail_tasks_release(struct trail_file *trail)
{
	free(trail->table.slot);
	trail->table = (struct task_table){0};
}

static int no_memory(struct trail_file *trail)
{
	verdict_unreadable(trail->verdict, "out of memory for the tasks of the trail");
	return INSPECT_UNREADABLE;
}

/* ---- rows ---- */

static bool fold_columns(sqlite3_stmt *statement, struct fold *out_fold)
{
	return column_number(statement, 4, &out_fold->end_seq) && column_number(statement, 5, &out_fold->end_state) &&
	       column_number(statement, 6, &out_fold->outcome_seq);
}

/* The row of a task, anywhere. `*out_found` false: there is none, or it holds what no writer puts there. */
static int row_find(struct trail_file *trail, uint64_t number, struct fold *out_fold, bool *out_found)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db,
				    "SELECT 1, 2, 3, 4, end_seq, end_state, outcome_seq FROM tasks WHERE request_seq = ?1", -1,
				    &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, (int64_t)number);
	*out_found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW && fold_columns(statement, out_fold);
	rc = statement ? sqlite3_finalize(statement) : rc;
	return rc ? trail_broken(trail, rc, trail->inspection->seq) : INSPECT_FINE;
}

static bool id_same(sqlite3_stmt *statement, int column, struct span id)
{
	struct span found;

	return column_bytes(statement, column, ID_BYTES, &found) && span_equal(found, id);
}

static int request_check(struct trail_file *trail, const struct row *row)
{
	sqlite3_stmt *statement = trail->tasks.statement;
	struct task_slot *slot;

	if (!trail->tasks.there || trail->tasks.seq != (int64_t)row->seq)
		return inspection_wrong(trail->inspection, row->seq, row->seq, 0,
					"it made a task, and the table of tasks does not have it");
	if (!row->task_id.bytes || !id_same(statement, 1, row->task_id) || !id_same(statement, 2, row->key_hash) ||
	    !id_same(statement, 3, row->body_hash))
		return inspection_wrong(trail->inspection, row->seq, row->seq, 0,
					"the row of its task has another task_id, key_hash or body_hash");
	slot = add(&trail->table, row->seq);
	if (!slot)
		return no_memory(trail);
	if (!fold_columns(statement, &slot->row))
		return inspection_wrong(trail->inspection, row->seq, row->seq, 0,
					"the row of its task holds what no writer puts there");
	return along_next(trail, &trail->tasks);
}

/* ---- a task that was let go, or began before what is verified ---- */

static bool effect_columns(sqlite3_stmt *statement, uint64_t number, struct row *out_row)
{
	*out_row = (struct row){.task_number = number};
	return column_number(statement, 0, &out_row->seq) && column_number(statement, 1, &out_row->direction) &&
	       column_number(statement, 2, &out_row->type) && column_number(statement, 3, &out_row->verdict) &&
	       column_number(statement, 4, &out_row->end_state) && column_number(statement, 5, &out_row->revives);
}

static int fold_again(struct trail_file *trail, const struct row *row, struct fold *out_fold)
{
	sqlite3_stmt *statement = trail_ask(trail, ASK_EFFECTS);
	struct row before;
	int rc;

	*out_fold = (struct fold){0};
	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, (int64_t)row->task_number);
	sqlite3_bind_int64(statement, 2, (int64_t)row->seq);
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW && effect_columns(statement, row->task_number, &before))
		fold_apply(out_fold, &before);
	rc = sqlite3_reset(statement);
	return rc ? trail_broken(trail, rc, row->seq) : INSPECT_FINE;
}

static int take_up(struct trail_file *trail, const struct row *row, struct task_slot **out_slot)
{
	struct fold fold, task_row;
	bool found;
	int rc = row_find(trail, row->task_number, &task_row, &found);

	if (rc)
		return rc;
	if (!found)
		return inspection_wrong(trail->inspection, row->seq, row->seq, 0,
					"it ends or revives task %" PRIu64 ", which the table of tasks does not have",
					row->task_number);
	rc = fold_again(trail, row, &fold);
	if (rc)
		return rc;
	*out_slot = add(&trail->table, row->task_number);
	if (!*out_slot)
		return no_memory(trail);
	(*out_slot)->fold = fold;
	(*out_slot)->row = task_row;
	return INSPECT_FINE;
}

int trail_task_check(struct trail_file *trail, const struct row *row)
{
	enum effect effect = effect_of(row);
	struct task_slot *slot;
	int rc = INSPECT_FINE;

	if (effect == EFFECT_OF_REQUEST)
		return request_check(trail, row);
	if (trail->tasks.there && trail->tasks.seq <= (int64_t)row->seq)
		return inspection_wrong(trail->inspection, row->seq, row->seq, 0,
					"the table of tasks has a task that it did not make");
	if (effect == EFFECT_OF_NOTHING)
		return INSPECT_FINE;
	slot = find(&trail->table, row->task_number);
	if (!slot)
		rc = take_up(trail, row, &slot);
	if (rc)
		return rc;
	fold_apply(&slot->fold, row);
	if (slot->fold.outcome_seq && fold_same(&slot->fold, &slot->row))
		let_go(&trail->table, slot);
	return INSPECT_FINE;
}

int trail_tasks_end(struct trail_file *trail)
{
	uint64_t worst = UINT64_MAX;

	for (size_t i = 0; i < trail->table.places; i++) {
		const struct task_slot *slot = &trail->table.slot[i];
		struct fold row;
		bool found;
		int rc;

		if (!slot->number || slot->number > worst)
			continue;
		rc = row_find(trail, slot->number, &row, &found);
		if (rc)
			return rc;
		if (!found || !fold_same(&row, &slot->fold))
			worst = slot->number;
	}
	if (worst == UINT64_MAX)
		return INSPECT_FINE;
	return inspection_wrong(trail->inspection, worst, worst, 0,
				"the row of its task does not say what the records say of end and outcome");
}
