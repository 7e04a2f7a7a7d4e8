/* SPDX-License-Identifier: MIT */
#include "audit/verify_sealed.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/nodes.h"

__attribute__((format(printf, 2, 3))) static int bad(struct sealed_check *check, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(check->why, sizeof(check->why), format, arguments);
	va_end(arguments);
	return ERR_CORRUPT;
}

/* What nodes_read says is said of a row that is missing or has a wrong shape. */
static int node_fail(struct sealed_check *check, int error)
{
	return error == ERR_CORRUPT ? bad(check, "%s", check->trail->why) : error;
}

/* ---- notes ---- */

static int row_note(struct sealed_check *check, sqlite3_stmt *row, const char **out_text, struct note *out_note)
{
	char why[256];
	uint64_t number;
	const char *text = (const char *)sqlite3_column_text(row, 2);
	size_t bytes = (size_t)sqlite3_column_bytes(row, 2);
	if ((sqlite3_errcode(check->trail->db) & 0xff) == SQLITE_NOMEM)
		return ERR_MEMORY;
	if (!text || sqlite3_column_type(row, 2) != SQLITE_TEXT || !column_wide(row, 1, &number))
		return bad(check, "the checkpoint over these records holds what no writer puts there");
	if (note_read(text, bytes, out_note, why))
		return bad(check, "checkpoint %" PRIu64 ": %.200s", number, why);
	if (out_note->number != number || out_note->size != (uint64_t)sqlite3_column_int64(row, 0))
		return bad(check, "checkpoint %" PRIu64 " over %lld records has a note of checkpoint %" PRIu64 " over %" PRIu64,
			   number, (long long)sqlite3_column_int64(row, 0), out_note->number, out_note->size);
	*out_text = text;
	return 0;
}

static void note_take(struct sealed_check *check, const struct note *note)
{
	check->number = note->number;
	check->size = note->size;
	memcpy(check->next_seal, note->next_seal, sizeof(check->next_seal));
	memcpy(check->origin, note->origin, sizeof(check->origin));
}

/* ---- beginning after some record ---- */

static int last_before(struct sealed_check *check, uint64_t after_seq)
{
	sqlite3_stmt *row = store_statement(check->trail, STATEMENT_CHECKPOINT_BEFORE);
	const char *text;
	struct note note;
	int error = 0;
	int rc = row ? sqlite3_bind_int64(row, 1, (int64_t)after_seq) : sqlite3_extended_errcode(check->trail->db);
	if (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
		error = row_note(check, row, &text, &note);
		if (error == 0)
			note_take(check, &note);
	}
	if (row && rc == SQLITE_OK)
		rc = sqlite3_reset(row);
	return error ? error : rc ? store_fail(check->trail, rc, "reading checkpoints") : 0;
}

int sealed_begin(struct sealed_check *check, struct trail *trail, const struct log_keys *keys, uint64_t after_seq)
{
	*check = (struct sealed_check){.trail = trail, .keys = keys};
	if (!after_seq || trail->format < 2)
		return 0;
	int rc = nodes_tree(trail, after_seq, &check->tree);
	return rc ? node_fail(check, rc) : last_before(check, after_seq);
}

/* ---- one record ---- */

static int node_compare(void *context, uint32_t level, uint64_t number, const struct hash *root)
{
	struct sealed_check *check = context;
	struct hash stored;
	if (level % NODE_LEVELS)
		return 0;
	int rc = nodes_read(check->trail, level, number, &stored);
	if (rc)
		return node_fail(check, rc);
	if (memcmp(&stored, root, sizeof(stored)) == 0)
		return 0;
	return bad(check, "the node over the records %" PRIu64 " to %" PRIu64 " has changed: it is not what they give",
		   (number << level) + 1, (number + 1) << level);
}

int sealed_record(struct sealed_check *check, const struct hash *chain)
{
	if (check->trail->format < 2)
		return 0;
	return tree_add(&check->tree, &check->trail->recorder.hasher, chain, node_compare, check);
}

/* ---- one checkpoint ---- */

static const uint8_t *seal_expected(const struct sealed_check *check, uint64_t number)
{
	for (uint32_t i = 0; i < check->keys->start_count; i++)
		if (check->keys->start[i].number == number)
			return check->keys->start[i].key;
	return check->next_seal;
}

static int signatures_check(struct sealed_check *check, const char *text, const struct note *note)
{
	char seal[64];
	const struct log_keys *keys = check->keys;
	size_t bytes = strlen(text);
	if (strcmp(note->origin, keys->origin) != 0)
		return bad(check, "checkpoint %" PRIu64 " is of %s, the key is that of %s", note->number, note->origin,
			   keys->origin);
	if (note_check(text, bytes, keys->origin, keys->log))
		return bad(check, "checkpoint %" PRIu64 " is not signed by the log key", note->number);
	snprintf(seal, sizeof(seal), "%s/seal/%" PRIu64, keys->origin, note->number);
	if (note_check(text, bytes, seal, seal_expected(check, note->number)))
		return bad(check,
			   "checkpoint %" PRIu64
			   " is not signed by the seal key that %s: it was made later, by somebody who did not "
			   "have that key any more",
			   note->number, note->number > 1 ? "was announced for it" : "the key file names for it");
	return 0;
}

static int stretch_check(struct sealed_check *check, uint64_t size)
{
	/* The first may cover all that was there before trails were sealed. */
	if (!check->keys || !check->number || size - check->size <= UNSEALED_MAX)
		return 0;
	return bad(check,
		   "no checkpoint covers the records from %" PRIu64 " to %" PRIu64 ", and a writer seals at least every %u",
		   check->size + 1, size, UNSEALED_MAX);
}

int sealed_row(struct sealed_check *check, sqlite3_stmt *row)
{
	const char *text;
	struct note note;
	struct hash root;
	int rc = row_note(check, row, &text, &note);
	if (rc)
		return rc;
	if (note.number != check->number + 1)
		return bad(check, "checkpoint %" PRIu64 " is missing: after %" PRIu64 " comes %" PRIu64, check->number + 1,
			   check->number, note.number);
	if (check->origin[0] && strcmp(check->origin, note.origin) != 0)
		return bad(check, "checkpoint %" PRIu64 " is of %s, those before it are of %s", note.number, note.origin,
			   check->origin);
	if (tree_root(&check->tree, &check->trail->recorder.hasher, &root))
		return ERR_MEMORY;
	if (memcmp(&root, &note.root, sizeof(root)) != 0)
		return bad(check, "checkpoint %" PRIu64 " sealed other records than these: its root is another", note.number);
	if (check->keys)
		rc = signatures_check(check, text, &note);
	if (rc == 0)
		rc = stretch_check(check, note.size);
	if (rc == 0)
		note_take(check, &note);
	return rc;
}

int sealed_end(struct sealed_check *check)
{
	if (!check->keys || check->trail->format < 2 || check->tree.size - check->size <= UNSEALED_MAX)
		return 0;
	return bad(check, "%" PRIu64 " records after the last checkpoint are not sealed; a writer seals at least every %u",
		   check->tree.size - check->size, UNSEALED_MAX);
}
