/* SPDX-License-Identifier: MIT
 *
 * The index of tasks and snapshots: what each record means for it. Internal to audit/.
 */
#ifndef AUDIT_TASKS_H
#define AUDIT_TASKS_H

#include "audit/store.h"

enum task_effect {
	EFFECT_NONE,
	EFFECT_BEGIN,  /* an accepted TaskRequest whose task_number is its own seq makes the task */
	EFFECT_END,    /* end_state is set */
	EFFECT_TELL,   /* end_state is set on an OUT TaskCompletion or TaskFailure: the outcome; also ends a task still live */
	EFFECT_REVIVE, /* the task is live again, and has no outcome */
};

enum task_effect task_effect(const struct trail_entry *entry);

/* The same rule as the statements of the writer carry it out, in memory: for whoever verifies. */
struct task_fold {
	uint64_t number;
	uint64_t end_seq;
	uint64_t outcome_seq;
	uint32_t end_state;
};
void task_fold_apply(struct task_fold *fold, const struct trail_entry *entry);

/* Folds what the records up to `through_seq` say of task `fold->number`. 0 or an error with trail->why. */
MUST_CHECK int task_fold_read(struct trail *trail, uint64_t through_seq, struct task_fold *fold);

/* Carries one record into the derived tables, inside the writer's transaction. 0; ERR_STATE if it speaks of a task that is not
 * there; ERR_CONFLICT if the task is already there; an error of SQLite. */
MUST_CHECK int index_note(struct trail *trail, const struct trail_entry *entry);

#endif
