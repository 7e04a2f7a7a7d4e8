/* SPDX-License-Identifier: MIT
 *
 * Everything that somebody who can write the file, and has no key, might do to a trail; and which record must be named for it.
 */
#include "mutant.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 4, 5))) static bool expect(struct expectation *expected, uint64_t low, uint64_t high,
							 const char *format, ...)
{
	va_list arguments;

	*expected = (struct expectation){.low = low, .high = high};
	va_start(arguments, format);
	vsnprintf(expected->what, sizeof(expected->what), format, arguments);
	va_end(arguments);
	return true;
}

/* ---- one bit of one value ---- */

static const struct {
	const char *table;
	const char *key;
	const char *columns; /* separated by blanks */
	unsigned weight;
} tables[] = {
	{"records", "seq",
	 "seq boot now_ms wall_ms mono_ms direction type verdict peer message_id task_id task_number attempt sender_seq "
	 "end_state revives key_hash "
	 "body_hash header facts payload_seq commitment chain",
	 10},
	{"payloads", "seq", "seq salt body", 3},
	{"tasks", "request_seq", "request_seq task_id key_hash body_hash end_seq end_state outcome_seq", 3},
	{"snapshots", "seq", "seq", 1},
	{"nodes", "level * 1000000 + number", "level number hash", 1},
	{"checkpoints", "number", "number size note", 2},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static size_t any_table(struct mutant *mutant)
{
	unsigned sum = 0;
	size_t table = 0;

	for (size_t i = 0; i < TABLES; i++)
		sum += tables[i].weight;
	for (uint64_t at = mutant_random(mutant, sum); at >= tables[table].weight; table++)
		at -= tables[table].weight;
	return table;
}

static void any_column(struct mutant *mutant, const char *columns, char out_column[32])
{
	char all[400], *at = all, *word = NULL;
	size_t count = 1;

	snprintf(all, sizeof(all), "%s", columns);
	for (const char *blank = columns; *blank; blank++)
		count += *blank == ' ';
	for (uint64_t i = mutant_random(mutant, count) + 1; i; i--)
		word = strsep(&at, " ");
	snprintf(out_column, 32, "%s", word);
}

/* A copy of a value with one bit flipped, bound to parameter 1. False: it has no bits. */
static bool bind_flipped(struct mutant *mutant, sqlite3_stmt *update, sqlite3_value *value, int64_t *out_number)
{
	uint8_t copy[4096];
	int bytes = sqlite3_value_bytes(value), type = sqlite3_value_type(value);
	uint64_t bit;

	if (type == SQLITE_INTEGER) {
		*out_number = (int64_t)((uint64_t)sqlite3_value_int64(value) ^ (uint64_t)1 << mutant_random(mutant, 64));
		sqlite3_bind_int64(update, 1, *out_number);
		return true;
	}
	if (type == SQLITE_NULL || !bytes || (size_t)bytes > sizeof(copy))
		return false;
	bit = mutant_random(mutant, (uint64_t)bytes * 8);
	memcpy(copy, sqlite3_value_blob(value), (size_t)bytes);
	copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (type == SQLITE_BLOB)
		sqlite3_bind_blob(update, 1, copy, bytes, SQLITE_TRANSIENT);
	else
		sqlite3_bind_text(update, 1, (const char *)copy, bytes, SQLITE_TRANSIENT);
	return true;
}

/* Flips a bit in the cell; `*out_number` is the new value of a number. */
static bool cell_flip(struct mutant *mutant, size_t table, const char *column, int64_t row, int64_t *out_number)
{
	sqlite3_stmt *select, *update;
	char sql[256];
	bool done;

	snprintf(sql, sizeof(sql), "SELECT %s FROM %s WHERE %s = %" PRId64, column, tables[table].table, tables[table].key, row);
	if (sqlite3_prepare_v2(mutant->db, sql, -1, &select, NULL))
		stop("%s", sql);
	snprintf(sql, sizeof(sql), "UPDATE %s SET %s = ?1 WHERE %s = %" PRId64, tables[table].table, column, tables[table].key,
		 row);
	if (sqlite3_prepare_v2(mutant->db, sql, -1, &update, NULL))
		stop("%s", sql);
	done = sqlite3_step(select) == SQLITE_ROW && bind_flipped(mutant, update, sqlite3_column_value(select, 0), out_number);
	sqlite3_finalize(select);
	if (done) /* a key that is taken already is no change */
		done = sqlite3_step(update) == SQLITE_DONE && sqlite3_changes(mutant->db) == 1;
	sqlite3_finalize(update);
	return done;
}

/* Where a row that got another key is noticed: where it was, or where it is now, whatever comes first. */
static uint64_t moved(int64_t from, int64_t to)
{
	uint64_t now = to < 1 ? 1 : (uint64_t)to;

	return now < (uint64_t)from ? now : (uint64_t)from;
}

/* An Erased record that says something else covers nothing any more: the first payload that it took away is missed. */
static bool is_erasure(const struct mutant *mutant, int64_t row)
{
	return mutant->records[row].row.type == CODE_ERASED;
}

/* From where on a checkpoint is in doubt. Without the last one, the erasures that it seals count for nothing, and what they took away is missed. */
static void expect_of_checkpoint(struct mutant *mutant, struct expectation *expected, uint64_t number)
{
	expected->high = expected->low = mutant_size_of(mutant, number - 1) + 1;
	if (number == mutant->checkpoints)
		expected->low = 1;
}

/* What a bit does to number, size or note of a checkpoint. */
static bool flip_checkpoint(struct mutant *mutant, size_t table, const char *column, int64_t number, struct expectation *expected)
{
	int64_t value = 0;

	expect(expected, 0, 0, "a bit of checkpoints.%s of %" PRId64, column, number);
	expect_of_checkpoint(mutant, expected, (uint64_t)number);
	if (!cell_flip(mutant, table, column, number, &value))
		return false;
	if (strcmp(column, "number") == 0 && value < 1) /* now it is the first row */
		expected->low = expected->high = 1;
	return true;
}

bool flip_column(struct mutant *mutant, struct expectation *expected)
{
	size_t table = any_table(mutant);
	char column[32];
	int64_t value = 0, row, rows = mutant_number(mutant, "SELECT count(*) FROM %s", tables[table].table);
	uint64_t first;

	row = mutant_number(mutant, "SELECT %s FROM %s LIMIT 1 OFFSET %lld", tables[table].key, tables[table].table,
			    (long long)mutant_random(mutant, (uint64_t)rows));
	any_column(mutant, tables[table].columns, column);
	if (strcmp(tables[table].table, "checkpoints") == 0)
		return flip_checkpoint(mutant, table, column, row, expected);
	if (!cell_flip(mutant, table, column, row, &value))
		return false;
	if (strcmp(tables[table].table, "nodes") == 0) {
		uint64_t level = (uint64_t)row / 1000000, number = (uint64_t)row % 1000000;

		return expect(expected, (number << level) + 1, (number << level) + 1,
			      "a bit of nodes.%s, level %" PRIu64 ", number %" PRIu64, column, level, number);
	}
	first = strcmp(column, tables[table].key) == 0 ? moved(row, value) : (uint64_t)row;
	expect(expected, first, first, "a bit of %s.%s of %" PRId64 ", now %" PRId64, tables[table].table, column, row, value);
	if (strcmp(tables[table].table, "records") == 0 && is_erasure(mutant, row))
		expected->low = 1;
	return true;
}

/* ---- one bit of the file ---- */

bool flip_page(struct mutant *mutant, struct expectation *expected)
{
	uint64_t bit = mutant_random(mutant, (uint64_t)mutant->bytes * 8);
	uint8_t byte = mutant->image[bit / 8] ^ (uint8_t)(1u << bit % 8);
	int fd = open(mutant->path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, &byte, 1, (off_t)(bit / 8)) != 1 || close(fd))
		stop("a page cannot be written");
	mutant->flipped = bit / 8 + 1;
	expect(expected, 0, 0, "bit %" PRIu64 " of byte %" PRIu64, bit % 8, bit / 8);
	expected->may_be_nothing = true;
	return true;
}

/* ---- rows ---- */

static void any_pair(struct mutant *mutant, uint64_t count, uint64_t *out_low, uint64_t *out_high)
{
	uint64_t a = 1 + mutant_random(mutant, count), b;

	do
		b = mutant_random(mutant, 3) ? 1 + mutant_random(mutant, count) : a % count + 1;
	while (a == b);
	*out_low = a < b ? a : b;
	*out_high = a < b ? b : a;
}

bool swap_records(struct mutant *mutant, struct expectation *expected)
{
	uint64_t a, b;

	any_pair(mutant, mutant->last, &a, &b);
	mutant_run(mutant,
		   "UPDATE records SET seq = -7 WHERE seq = %lld; UPDATE records SET seq = %lld WHERE seq = %lld; UPDATE records "
		   "SET seq = %lld WHERE "
		   "seq = -7",
		   (long long)a, (long long)a, (long long)b, (long long)b);
	expect(expected, a, a, "records %" PRIu64 " and %" PRIu64 " swapped", a, b);
	if (is_erasure(mutant, (int64_t)a) || is_erasure(mutant, (int64_t)b))
		expected->low = 1;
	return true;
}

bool swap_payloads(struct mutant *mutant, struct expectation *expected)
{
	int64_t count = mutant_number(mutant, "SELECT count(*) FROM payloads WHERE salt NOT NULL");
	uint64_t low, high;
	int64_t a, b;

	any_pair(mutant, (uint64_t)count, &low, &high);
	a = mutant_number(mutant, "SELECT seq FROM payloads WHERE salt NOT NULL ORDER BY seq LIMIT 1 OFFSET %lld",
			  (long long)low - 1);
	b = mutant_number(mutant, "SELECT seq FROM payloads WHERE salt NOT NULL ORDER BY seq LIMIT 1 OFFSET %lld",
			  (long long)high - 1);
	mutant_run(mutant,
		   "UPDATE payloads SET seq = -7 WHERE seq = %lld; UPDATE payloads SET seq = %lld WHERE seq = %lld; UPDATE "
		   "payloads SET seq = %lld "
		   "WHERE seq = -7",
		   (long long)a, (long long)a, (long long)b, (long long)b);
	return expect(expected, (uint64_t)a, (uint64_t)a, "payloads of %" PRId64 " and %" PRId64 " swapped", a, b);
}

static void delete_between(struct mutant *mutant, uint64_t low, uint64_t high)
{
	static const char *const all[] = {"records", "payloads", "snapshots"};

	for (size_t i = 0; i < 3; i++)
		mutant_run(mutant, "DELETE FROM %s WHERE seq BETWEEN %lld AND %lld", all[i], (long long)low, (long long)high);
	mutant_run(mutant, "DELETE FROM tasks WHERE request_seq BETWEEN %lld AND %lld", (long long)low, (long long)high);
}

bool delete_head(struct mutant *mutant, struct expectation *expected)
{
	uint64_t count = 1 + mutant_random(mutant, mutant->last / 2);

	delete_between(mutant, 1, count);
	return expect(expected, 1, 1, "the first %" PRIu64 " records deleted", count);
}

bool delete_middle(struct mutant *mutant, struct expectation *expected)
{
	uint64_t a, b;

	any_pair(mutant, mutant->last - 1, &a, &b);
	if (mutant_random(mutant, 2) && b > a + 20)
		b = a + mutant_random(mutant, 20);
	delete_between(mutant, a, b);
	expect(expected, a, a, "records %" PRIu64 " to %" PRIu64 " deleted", a, b);
	expected->low = 1; /* an erasure may be among them, and then what it took away is missed */
	for (uint64_t seq = a; seq <= b; seq++)
		if (is_erasure(mutant, (int64_t)seq))
			return true;
	expected->low = a;
	return true;
}

/* Sometimes whoever cuts takes the checkpoints away too that cover what is gone: then only a mirror tells. */
bool delete_tail(struct mutant *mutant, struct expectation *expected)
{
	uint64_t from = 2 + mutant_random(mutant, mutant->sealed - 1),
		 still = mutant_size_of(mutant, mutant_checkpoint_over(mutant, from) - 1);
	bool careful = mutant_random(mutant, 2) && from <= mutant->mirrored;

	delete_between(mutant, from, mutant->last);
	if (careful)
		mutant_run(mutant,
			   "DELETE FROM checkpoints WHERE size >= %lld; DELETE FROM nodes WHERE (number + 1) << level >= %lld",
			   (long long)from, (long long)from);
	expect(expected, from, from, "everything from record %" PRIu64 " on deleted%s", from,
	       careful ? " with its checkpoints" : "");
	expected->needs_mirror = careful;
	for (uint64_t seq = careful ? still + 1 : from; seq <= mutant->last;
	     seq++) /* erasures that are gone, or sealed no more */
		if (is_erasure(mutant, (int64_t)seq))
			expected->low = 1;
	return true;
}

bool roll_back(struct mutant *mutant, struct expectation *expected)
{
	sqlite3 *older;
	sqlite3_backup *backup;

	if (sqlite3_open(mutant->older, &older))
		stop("%s cannot be opened", mutant->older);
	backup = sqlite3_backup_init(mutant->db, "main", older, "main");
	if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE || sqlite3_backup_finish(backup))
		stop("the older copy cannot be put in place");
	sqlite3_close(older);
	expect(expected, 0, 0, "an older copy");
	expected->low = expected->high = (uint64_t)mutant_number(mutant, "SELECT max(seq) + 1 FROM records");
	expected->needs_mirror = true;
	return true;
}

/* ---- forgery ---- */

static void node_put(struct mutant *mutant, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES])
{
	char hex[2 * SUM_BYTES + 1];

	hex_write(root, SUM_BYTES, hex);
	mutant_run(mutant, "UPDATE nodes SET hash = x'%s' WHERE level = %u AND number = %lld", hex, level, (long long)number);
}

static void put_if_stored(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES])
{
	if (level % 8 == 0)
		node_put(context, level, number, root);
}

/* Chain values of all records from `seq` on, as if they had always been so; and the nodes above them. */
static void chain_anew(struct mutant *mutant, uint64_t seq, const struct row *changed)
{
	struct merkle *tree = calloc(1, sizeof(*tree));
	uint8_t head[SUM_BYTES] = {0}, chain[SUM_BYTES], bytes[4096];
	sqlite3_stmt *update;

	if (!tree || sqlite3_prepare_v2(mutant->db, "UPDATE records SET chain = ?1 WHERE seq = ?2", -1, &update, NULL))
		stop("chaining anew");
	mutant_run(mutant, "BEGIN");
	for (uint64_t at = 1; at <= mutant->last; at++) {
		const struct row *row = at == seq ? changed : &mutant->records[at].row;

		sum_of(bytes, row_write(row, head, bytes), chain);
		memcpy(head, at < seq ? row->chain.at : chain, SUM_BYTES);
		merkle_add(tree, head, at >= seq ? put_if_stored : NULL, mutant);
		if (at < seq)
			continue;
		sqlite3_bind_blob(update, 1, head, SUM_BYTES, SQLITE_STATIC);
		sqlite3_bind_int64(update, 2, (int64_t)at);
		if (sqlite3_step(update) != SQLITE_DONE || sqlite3_reset(update))
			stop("chaining anew");
	}
	mutant_run(mutant, "COMMIT");
	sqlite3_finalize(update);
	free(tree);
}

bool forge_and_chain(struct mutant *mutant, struct expectation *expected)
{
	uint64_t seq = 1 + mutant_random(mutant, mutant->sealed), number = mutant_checkpoint_over(mutant, seq);
	uint64_t from = mutant_size_of(mutant, number - 1) + 1;
	struct row row = mutant->records[seq].row;

	row.wall_ms += 1 + mutant_random(mutant, 1000);
	mutant_run(mutant, "UPDATE records SET wall_ms = %lld WHERE seq = %lld", (long long)row.wall_ms, (long long)seq);
	chain_anew(mutant, seq, &row);
	return expect(expected, from, from, "record %" PRIu64 " forged, and the chain from there on", seq);
}

bool drop_checkpoint(struct mutant *mutant, struct expectation *expected)
{
	uint64_t number = 1 + mutant_random(mutant, mutant->checkpoints);
	uint64_t from = mutant_size_of(mutant, number - 1) + 1, size = mutant_size_of(mutant, number);

	mutant_run(mutant, "DELETE FROM checkpoints WHERE number = %lld", (long long)number);
	expect(expected, from, from, "checkpoint %" PRIu64 " dropped", number);
	if (number == mutant->checkpoints)
		expected->low = 1;
	if (number < mutant->checkpoints)
		return true;
	if (number % 2) /* not mirrored, and nothing follows: as if it had never been */
		return false;
	expect(expected, 1, size, "the last checkpoint dropped");
	expected->needs_mirror = true;
	return true;
}

bool reorder_checkpoints(struct mutant *mutant, struct expectation *expected)
{
	const char *what = mutant_random(mutant, 2) ? "notes" : "numbers";
	uint64_t a, b, from;

	any_pair(mutant, mutant->checkpoints, &a, &b);
	from = mutant_size_of(mutant, a - 1) + 1;
	if (what[2] == 't')
		mutant_run(mutant,
			   "UPDATE checkpoints SET note = (SELECT note FROM checkpoints c WHERE c.number = %lld + %lld - "
			   "checkpoints.number) WHERE number IN "
			   "(%lld, %lld)",
			   (long long)a, (long long)b, (long long)a, (long long)b);
	else
		mutant_run(mutant,
			   "UPDATE checkpoints SET number = -7 WHERE number = %lld; UPDATE checkpoints SET number = %lld WHERE "
			   "number = %lld; UPDATE "
			   "checkpoints SET number = %lld WHERE number = -7",
			   (long long)a, (long long)a, (long long)b, (long long)b);
	return expect(expected, from, from, "checkpoints %" PRIu64 " and %" PRIu64 " exchange %s", a, b, what);
}

bool change_node(struct mutant *mutant, struct expectation *expected)
{
	uint64_t number = mutant_random(mutant, mutant->last / MERKLE_BLOCK), from = number * MERKLE_BLOCK + 1;

	switch (mutant_random(mutant, 3)) {
	case 0:
		mutant_run(mutant, "UPDATE nodes SET hash = randomblob(32) WHERE level = 8 AND number = %lld", (long long)number);
		return expect(expected, from, from, "node %" PRIu64 " changed", number);
	case 1:
		mutant_run(mutant, "DELETE FROM nodes WHERE level = 8 AND number = %lld", (long long)number);
		return expect(expected, from, from, "node %" PRIu64 " dropped", number);
	default:
		mutant_run(mutant, "INSERT INTO nodes VALUES(8, %lld, randomblob(32))",
			   (long long)(mutant->last / MERKLE_BLOCK + number));
		return expect(expected, mutant->last + 1, mutant->last + 1, "a node that belongs to nothing");
	}
}

/* The record of an erasure that nobody asked for, at the end, where no checkpoint is yet: everything about it is right. */
static void erasure_append(struct mutant *mutant, uint64_t seq)
{
	static const uint8_t facts[] = {0x93, 0xcd, 0, 0, 0xcd, 0xff, 0xff, 0xa1, 'x'};
	uint8_t copy[sizeof(facts)], bytes[512], chain[SUM_BYTES];
	uint64_t number = mutant->records[seq].row.task_number;
	char facts_hex[2 * sizeof(facts) + 1], chain_hex[2 * SUM_BYTES + 1];
	struct row row = {
		.seq = mutant->last + 1, .direction = DIRECTION_OWN, .type = CODE_ERASED, .peer = {(const uint8_t *)"", 0}};

	memcpy(copy, facts, sizeof(facts));
	copy[2] = (uint8_t)(number >> 8);
	copy[3] = (uint8_t)number;
	copy[5] = (uint8_t)(mutant->last >> 8);
	copy[6] = (uint8_t)mutant->last;
	row.header = (struct span){copy, 0};
	row.facts = (struct span){copy, sizeof(copy)};
	sum_of(bytes, row_write(&row, mutant->records[mutant->last].row.chain.at, bytes), chain);
	hex_write(copy, sizeof(copy), facts_hex);
	hex_write(chain, SUM_BYTES, chain_hex);
	if (!mutant_run(
		    mutant,
		    "INSERT INTO records VALUES(%lld,NULL,0,0,0,3,104,0,'',NULL,NULL,0,0,0,0,0,NULL,NULL,x'',x'%s',0,NULL,x'%s')",
		    (long long)row.seq, facts_hex, chain_hex))
		stop("the forged erasure cannot be put in");
}

bool forge_erasure(struct mutant *mutant, struct expectation *expected)
{
	int64_t count = mutant_number(mutant, "SELECT count(*) FROM payloads WHERE salt NOT NULL");
	int64_t seq = mutant_number(mutant, "SELECT seq FROM payloads WHERE salt NOT NULL LIMIT 1 OFFSET %lld",
				    (long long)mutant_random(mutant, (uint64_t)count));
	static const char *const changes[] = {"salt = NULL, body = NULL", "salt = NULL", "body = NULL"};
	uint64_t which = mutant_random(mutant, 4);

	mutant_run(mutant, "UPDATE payloads SET %s WHERE seq = %lld", changes[which % 3], (long long)seq);
	if (which == 3)
		erasure_append(mutant, (uint64_t)seq);
	/* Erasures by age may cover it: then it is gone as if it had been among them, and that is no damage. */
	if (mutant_number(mutant, "SELECT 1 FROM records r WHERE r.type = 104 AND substr(r.facts, 2, 1) = x'00' AND seq > %lld",
			  (long long)seq))
		return false;
	return expect(expected, (uint64_t)seq, (uint64_t)seq, "payload %" PRId64 " taken away%s", seq,
		      which == 3 ? ", with an erasure made up" : "");
}
