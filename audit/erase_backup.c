/* SPDX-License-Identifier: MIT
 *
 * A backup is a trail that ends earlier: the record of the erasure is not in it, so its receipt stands in for it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/erase.h"
#include "audit/erased.h"
#include "audit/receipt.h"

static int receipt_store(struct trail *trail, uint64_t seq, const char *receipt, size_t receipt_bytes)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db, "INSERT OR IGNORE INTO erasures(seq, receipt) VALUES(?1, ?2)", -1, &statement,
				    NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, (int64_t)seq);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 2, receipt, (int)receipt_bytes, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		sqlite3_step(statement);
	int end = sqlite3_finalize(statement);
	rc = rc ? rc : end;
	return rc ? store_fail(trail, rc, "keeping the receipt of an erasure") : 0;
}

static int transaction(struct trail *trail, const struct erased_claim *claim, const char *receipt, size_t receipt_bytes)
{
	int rc = store_run(trail, STATEMENT_BEGIN_WRITE);
	if (rc)
		return store_fail(trail, rc, "beginning to write");
	rc = erased_rows(trail, claim);
	if (rc == 0 && claim->seq > trail->last_seq) /* else the record itself is here */
		rc = receipt_store(trail, claim->seq, receipt, receipt_bytes);
	if (rc) {
		store_rollback(trail);
		return rc;
	}
	rc = store_run(trail, STATEMENT_COMMIT);
	return rc ? store_fail(trail, rc, "committing") : 0;
}

/* One file again, as it was. */
static int wal_drop(struct trail *trail)
{
	int off = 0;
	int rc = sqlite3_file_control(trail->db, "main", SQLITE_FCNTL_PERSIST_WAL, &off);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(trail->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	return rc ? store_fail(trail, rc, "making one file of it again") : 0;
}

static int same_log(struct trail *trail, const struct log_keys *keys)
{
	struct trail_checkpoint last;
	int rc = trail_checkpoint_last(trail, &last);
	if (rc == ERR_NOT_FOUND)
		return 0; /* it was made before anything was sealed */
	if (rc == 0 && note_check(last.note, strlen(last.note), keys->origin, keys->log)) {
		snprintf(trail->why, sizeof(trail->why), "this backup is of another network than the erasure");
		rc = ERR_CONFLICT;
	}
	return rc;
}

static int erase_here(struct trail *trail, const struct erased_claim *given, const char *receipt, size_t receipt_bytes,
		      struct erase_plan *out_plan)
{
	struct erased_claim claim = *given;
	claim.in_backup = true;
	if (claim.through_seq > trail->last_seq)
		claim.through_seq = trail->last_seq;
	int rc = erase_plan(trail, &claim, 0, NULL, NULL, out_plan);
	if (rc == 0)
		rc = transaction(trail, &claim, receipt, receipt_bytes);
	if (rc == 0)
		rc = erase_scrub(trail, ERASE_WAIT_MS);
	return rc ? rc : wal_drop(trail);
}

static void lock_remove(const char *path)
{
	char lock[4096];
	if (snprintf(lock, sizeof(lock), "%s-lock", path) < (int)sizeof(lock))
		(void)unlink(lock);
}

int erase_in_backup(const char *path, const char *receipt, size_t receipt_bytes, const struct log_keys *keys,
		    struct erase_plan *out_plan, char out_why[256])
{
	struct trail *trail = NULL;
	struct erased_claim claim;
	int rc = access(path, F_OK) ? ERR_NOT_FOUND : 0;
	if (rc)
		snprintf(out_why, 256, "there is no such file");
	if (rc == 0)
		rc = trail_open(path, TRAIL_WRITE, &trail, out_why);
	if (rc)
		return rc;
	rc = erased_receipt_read(receipt, receipt_bytes, keys, &trail->recorder.hasher, &claim, out_why);
	if (rc == 0) {
		rc = same_log(trail, keys);
		if (rc == 0)
			rc = erase_here(trail, &claim, receipt, receipt_bytes, out_plan);
		if (rc)
			snprintf(out_why, 256, "%s", trail_why(trail));
	}
	trail_close(trail);
	lock_remove(path);
	return rc;
}
