/* SPDX-License-Identifier: MIT
 *
 * Beginning behind a record that is taken on trust: chain value, tree and seal key come from the tables. The next checkpoint shows whether the
 * tree was right, since its root is signed over all records from the first.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "verifier/trail_file.h"

#define STORED 8u /* levels between two that are stored */

static int missing(struct trail_file *trail, const char *what)
{
	verdict_unreadable(trail->verdict, "verification cannot begin behind record %" PRIu64 ": %s; begin at the beginning",
			   trail->options->from_seq, what);
	return INSPECT_UNREADABLE;
}

/* A hash out of a statement that was asked for one. */
static bool hash_of(sqlite3_stmt *statement, uint8_t out_hash[SUM_BYTES])
{
	struct span hash;
	bool found = sqlite3_step(statement) == SQLITE_ROW && column_bytes(statement, 0, SUM_BYTES, &hash) && hash.bytes;

	if (found)
		memcpy(out_hash, hash.at, SUM_BYTES);
	sqlite3_reset(statement);
	return found;
}

static bool chain_of(struct trail_file *trail, uint64_t seq, uint8_t out_hash[SUM_BYTES])
{
	sqlite3_stmt *statement = trail_ask(trail, ASK_CHAIN);

	if (!statement)
		return false;
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	return hash_of(statement, out_hash);
}

static bool node_of(struct trail_file *trail, unsigned level, uint64_t number, uint8_t out_hash[SUM_BYTES])
{
	sqlite3_stmt *statement = trail_ask(trail, ASK_NODE);

	if (!statement)
		return false;
	sqlite3_bind_int64(statement, 1, level);
	sqlite3_bind_int64(statement, 2, (int64_t)number);
	return hash_of(statement, out_hash);
}

/* The root of 2^level leaves out of those that are stored below it. */
static bool full_of(struct trail_file *trail, unsigned level, uint64_t number, uint8_t out_root[SUM_BYTES])
{
	unsigned stored = level / STORED * STORED;
	size_t count = (size_t)1 << (level - stored);
	uint8_t hash[1 << (STORED - 1)][SUM_BYTES];

	for (size_t i = 0; i < count; i++)
		if (!node_of(trail, stored, number * count + i, hash[i]))
			return false;
	for (; count > 1; count /= 2)
		for (size_t i = 0; i < count / 2; i++)
			merkle_node(hash[2 * i], hash[2 * i + 1], hash[i]);
	memcpy(out_root, hash[0], SUM_BYTES);
	return true;
}

static bool tree_of(struct trail_file *trail, uint64_t size, struct merkle *tree)
{
	tree->size = size;
	for (unsigned level = MERKLE_BLOCK_LEVEL; level < MERKLE_LEVELS && size >> level; level++)
		if ((size >> level & 1) && !full_of(trail, level, (size >> level) - 1, tree->full[level]))
			return false;
	for (uint64_t seq = size / MERKLE_BLOCK * MERKLE_BLOCK + 1; seq <= size; seq++)
		if (!chain_of(trail, seq, tree->leaf[(seq - 1) % MERKLE_BLOCK]))
			return false;
	return true;
}

/* The last checkpoint that covers nothing behind `size`: it announces the next key. */
static int checkpoint_before(struct trail_file *trail, uint64_t size, struct checkpoint_row *out_row,
			     struct signed_note *out_note)
{
	sqlite3_stmt *statement = NULL;
	char why[160];
	int rc = sqlite3_prepare_v2(trail->db,
				    "SELECT number, size, note FROM checkpoints WHERE size <= ?1 ORDER BY number DESC LIMIT 1",
				    -1, &statement, NULL);
	bool fine = true;

	out_row->number = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, (int64_t)size);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		out_row->note = (struct span){sqlite3_column_text(statement, 2), (size_t)sqlite3_column_bytes(statement, 2)};
		fine = column_number(statement, 0, &out_row->number) && column_number(statement, 1, &out_row->size) &&
		       signed_read(out_row->note, out_note, why);
	}
	rc = statement ? sqlite3_finalize(statement) : rc;
	if (rc)
		return trail_broken(trail, rc, size);
	return fine ? INSPECT_FINE : missing(trail, "the checkpoint before it cannot be read");
}

int trail_from(struct trail_file *trail)
{
	struct merkle *tree = calloc(1, sizeof(*tree));
	struct checkpoint_row row;
	struct signed_note note;
	uint8_t head[SUM_BYTES];
	uint64_t from = trail->options->from_seq;
	int rc = INSPECT_FINE;

	if (!tree)
		return missing(trail, "out of memory");
	if (trail->format < 2)
		rc = missing(trail, "a trail of format 1 has no tree");
	else if (!chain_of(trail, from, head) || !tree_of(trail, from, tree))
		rc = missing(trail, "it is not there, or the nodes of the tree before it are not");
	if (!rc)
		rc = checkpoint_before(trail, from, &row, &note);
	if (!rc)
		inspection_begin(trail->inspection, tree, head, row.number ? &row : NULL, &note);
	free(tree);
	return rc;
}
