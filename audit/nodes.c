/* SPDX-License-Identifier: MIT */
#include "audit/nodes.h"

#include <stdio.h>
#include <string.h>

static const char doing[] = "reading the tree";

/* ---- growing ---- */

static int node_insert(struct trail *trail, uint32_t level, uint64_t number, const struct hash *root)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_NODE);
	int rc = statement ? sqlite3_bind_int64(statement, 1, level) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)number);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(statement, 3, root->bytes, sizeof(root->bytes), SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = store_finish(statement);
	return rc ? store_fail(trail, rc, "keeping the tree") : 0;
}

static int node_completed(void *context, uint32_t level, uint64_t number, const struct hash *root)
{
	return level % NODE_LEVELS ? 0 : node_insert(context, level, number, root);
}

int nodes_add(struct trail *trail, struct tree *tree, const struct hash *leaf)
{
	return tree_add(tree, &trail->recorder.hasher, leaf, node_completed, trail);
}

/* ---- reading ---- */

static int missing(struct trail *trail, uint32_t level, uint64_t number)
{
	snprintf(trail->why, sizeof(trail->why), "the tree of the trail has a gap: %s %llu is missing or damaged",
		 level ? "a node over the records from" : "record",
		 level ? (unsigned long long)(number << level) + 1 : (unsigned long long)number + 1);
	return ERR_CORRUPT;
}

static int rows_begin(struct trail *trail, uint32_t level, uint64_t first, uint64_t count, sqlite3_stmt **out_statement)
{
	sqlite3_stmt *statement = store_statement(trail, level ? STATEMENT_NODES : STATEMENT_CHAINS);
	int rc = statement ? sqlite3_bind_int64(statement, 1, level) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)first);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 3, (int64_t)(first + count));
	*out_statement = statement;
	return rc;
}

/* Adds the rows of a level that is kept, from `first` on, to `tree`, until `count` are in it or they end. */
static int rows_fold(struct trail *trail, uint32_t level, uint64_t first, uint64_t count, struct tree *tree)
{
	sqlite3_stmt *statement;
	int error = 0;
	int rc = rows_begin(trail, level, first, count, &statement);
	if (rc)
		return store_fail(trail, rc, doing);
	while (!error && sqlite3_step(statement) == SQLITE_ROW) {
		struct hash hash;
		if ((uint64_t)sqlite3_column_int64(statement, 0) != first + tree->size ||
		    sqlite3_column_bytes(statement, 1) != sizeof(hash.bytes))
			break;
		memcpy(hash.bytes, sqlite3_column_blob(statement, 1), sizeof(hash.bytes));
		error = tree_add(tree, &trail->recorder.hasher, &hash, NULL, NULL);
	}
	rc = sqlite3_reset(statement);
	if (rc)
		return store_fail(trail, rc, doing);
	return error ? error : tree->size == count ? 0 : missing(trail, level, first + tree->size);
}

/* Without nodes: 256 subtrees of the level that would have been kept below, each found in the same way. */
static int children_fold(struct trail *trail, uint32_t level, uint64_t first, uint64_t count, struct tree *tree)
{
	int rc = 0;
	while (rc == 0 && tree->size < count) {
		struct hash hash;
		rc = nodes_read(trail, level, first + tree->size, &hash);
		if (rc == 0)
			rc = tree_add(tree, &trail->recorder.hasher, &hash, NULL, NULL);
	}
	return rc;
}

int nodes_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	struct trail *trail = context;
	struct tree tree = {0};
	bool kept = trail->format >= 2;
	uint32_t base = level / NODE_LEVELS * NODE_LEVELS;
	if (!kept && level >= NODE_LEVELS)
		base = level - NODE_LEVELS;
	uint32_t height = level - base;
	uint64_t count = (uint64_t)1 << height;
	int rc = kept || base == 0 ? rows_fold(trail, base, number << height, count, &tree)
				   : children_fold(trail, base, number << height, count, &tree);
	if (rc == 0)
		*out_root = tree.full[height];
	return rc;
}

int nodes_tree(struct trail *trail, uint64_t size, struct tree *out_tree)
{
	int rc = 0;
	memset(out_tree, 0, sizeof(*out_tree));
	out_tree->size = size;
	for (uint32_t level = 0; rc == 0 && level < TREE_LEVELS; level++)
		if (size >> level & 1)
			rc = nodes_read(trail, level, (size >> level) - 1, &out_tree->full[level]);
	return rc;
}

int nodes_fill(struct trail *trail, struct tree *out_tree)
{
	sqlite3_stmt *statement = NULL;
	struct tree tree = {0};
	int error = 0;
	int rc = sqlite3_prepare_v2(trail->db, "SELECT seq, chain FROM records ORDER BY seq", -1, &statement, NULL);
	while (rc == SQLITE_OK && !error && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		struct hash chain;
		rc = SQLITE_OK;
		if ((uint64_t)sqlite3_column_int64(statement, 0) != tree.size + 1 ||
		    sqlite3_column_bytes(statement, 1) != sizeof(chain.bytes)) {
			error = missing(trail, 0, tree.size);
			break;
		}
		memcpy(chain.bytes, sqlite3_column_blob(statement, 1), sizeof(chain.bytes));
		error = nodes_add(trail, &tree, &chain);
	}
	int end = sqlite3_finalize(statement);
	if (error)
		return error;
	rc = rc == SQLITE_DONE ? end : rc;
	if (rc)
		return store_fail(trail, rc, doing);
	*out_tree = tree;
	return 0;
}
