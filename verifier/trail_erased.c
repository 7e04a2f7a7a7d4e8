/* SPDX-License-Identifier: MIT
 *
 * Payloads that are gone: by an Erased record of this trail that a checkpoint covers, or, in a backup, by one of the trail it was taken
 * from, which a receipt proves. One behind the last checkpoint counts for nothing: whoever can write the file could have added it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "verifier/trail_file.h"

static int no_memory(struct trail_file *trail)
{
	verdict_unreadable(trail->verdict, "out of memory for the erasures of the trail");
	return INSPECT_UNREADABLE;
}

void trail_erasures_forget(struct trail_file *trail)
{
	trail->erasures_known = trail->erasures_looked = false;
}

/* False without memory. */
static bool record_take(struct trail_file *trail, sqlite3_stmt *statement)
{
	struct row row = {0};

	if (!column_number(statement, 0, &row.seq) || !column_number(statement, 1, &row.direction) ||
	    !column_number(statement, 2, &row.verdict) || !column_bytes(statement, 3, ID_BYTES, &row.task_id) ||
	    !column_number(statement, 5, &row.type))
		return true; /* covers nothing, and is found when its turn comes */
	row.facts = (struct span){sqlite3_column_blob(statement, 4), (size_t)sqlite3_column_bytes(statement, 4)};
	return erasures_add(&trail->erasures, &row);
}

/* Erased records behind `after`, as they stand at the moment that is read at. */
static int erasures_read(struct trail_file *trail, enum ask ask, uint64_t after)
{
	sqlite3_stmt *statement = trail_ask(trail, ask);
	bool fine = true;
	int rc;

	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, (int64_t)after);
	while (fine && sqlite3_step(statement) == SQLITE_ROW) {
		fine = record_take(trail, statement);
		trail->erased_seq = (uint64_t)sqlite3_column_int64(statement, 0);
	}
	rc = sqlite3_reset(statement);
	if (!fine)
		return no_memory(trail);
	return rc ? trail_broken(trail, rc, trail->inspection->seq) : INSPECT_FINE;
}

static bool covered(struct trail_file *trail, const struct row *row)
{
	return erasures_cover(&trail->erasures, row) || erasures_cover(&trail->proved, row);
}

/* By what is known; by the index, which is quick; and, since an index may be damaged where the records are not, by all records. */
int trail_erased(void *context, const struct row *row, bool *out_erased)
{
	struct trail_file *trail = context;
	int rc = INSPECT_FINE;

	if (trail->format < 2)
		return INSPECT_FINE;
	*out_erased = covered(trail, row);
	if (!*out_erased && !trail->erasures_known) {
		trail->erasures_known = true;
		rc = erasures_read(trail, ASK_ERASED, trail->erased_seq);
		*out_erased = covered(trail, row);
	}
	if (!rc && !*out_erased && !trail->erasures_looked) {
		trail->erasures_looked = true;
		rc = erasures_read(trail, ASK_ERASED_SLOWLY, 0);
		*out_erased = covered(trail, row);
	}
	return rc;
}

/* ---- receipts in a backup ---- */

static int receipt_take(struct trail_file *trail, sqlite3_stmt *statement)
{
	struct span text = {sqlite3_column_text(statement, 1), (size_t)sqlite3_column_bytes(statement, 1)};
	struct receipt_read receipt;
	uint64_t seq;
	char why[400] = "it is no text";
	bool fine = column_number(statement, 0, &seq) && sqlite3_column_type(statement, 1) == SQLITE_TEXT;
	int rc = fine ? receipt_open(text, trail->options->keys, &receipt, why) : INSPECT_WRONG;

	if (!fine)
		receipt.room = NULL;
	if (!rc && (receipt.row.type != CODE_ERASED || receipt.row.seq != seq)) {
		snprintf(why, sizeof(why), "it is that of record %" PRIu64 ", of type %s", receipt.row.seq,
			 code_name(receipt.row.type));
		rc = INSPECT_WRONG;
	}
	if (!rc && !erasures_add(&trail->proved, &receipt.row))
		rc = no_memory(trail);
	receipt_read_release(&receipt);
	if (rc == INSPECT_WRONG) {
		trail->verdict->found = true;
		snprintf(trail->verdict->finding.sentence, sizeof(trail->verdict->finding.sentence),
			 "the receipt of an erasure that the table erasures holds for record %lld is not good: %.250s",
			 (long long)sqlite3_column_int64(statement, 0), why);
	}
	return rc;
}

int trail_erasures_prove(struct trail_file *trail)
{
	sqlite3_stmt *statement;
	int rc = INSPECT_FINE, end;

	if (trail->format < 2)
		return INSPECT_FINE;
	statement = trail_ask(trail, ASK_ERASURES);
	if (!statement)
		return trail->rc;
	while (!rc && sqlite3_step(statement) == SQLITE_ROW)
		rc = receipt_take(trail, statement);
	end = sqlite3_reset(statement);
	return rc || !end ? rc : trail_broken(trail, end, 0);
}
