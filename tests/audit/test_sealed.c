/* SPDX-License-Identifier: MIT
 *
 * A trail that keeps its tree and seals it: when, over what, and what can be shown to others.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "audit/receipt.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "story.h"

static struct place place;
static struct hasher hasher;

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	return hasher_init(&hasher) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	hasher_release(&hasher);
	place_remove(&place);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Records as small as they can be. */
static void append_plain(struct trail *trail, uint64_t count)
{
	struct trail_entry *entries = calloc(count, sizeof(*entries));
	assert_non_null(entries);
	for (uint64_t i = 0; i < count; i++)
		entries[i] = (struct trail_entry){.seq = trail_last_seq(trail) + 1 + i, .type = MESSAGE_HELLO};
	assert_int_equal(trail_append(trail, entries, count), 0);
	free(entries);
}

/* ---- the tree ---- */

/* All leaves, and from them the root and proof of any size by the tree alone. */
struct leaves {
	struct hash *at;
	uint64_t count;
};

static int leaf_take(void *context, const struct trail_entry *entry)
{
	struct leaves *leaves = context;
	leaves->at[leaves->count++] = entry->chain;
	return 0;
}

static struct leaves leaves_read(struct trail *trail)
{
	struct trail_query query = {0};
	struct leaves leaves = {.at = calloc(trail_last_seq(trail), sizeof(struct hash))};
	assert_non_null(leaves.at);
	assert_int_equal(trail_read(trail, &query, leaf_take, &leaves), 0);
	return leaves;
}

static struct hash root_of(const struct leaves *leaves, uint64_t size)
{
	struct tree tree = {0};
	struct hash root;
	for (uint64_t i = 0; i < size; i++)
		assert_int_equal(tree_add(&tree, &hasher, &leaves->at[i], NULL, NULL), 0);
	assert_int_equal(tree_root(&tree, &hasher, &root), 0);
	return root;
}

static void test_a_trail_that_is_opened_again_has_the_tree_it_had(void **state)
{
	(void)state;
	static const size_t steps[] = {1, 1, 2, 3, 120, 128, 1, 1, 255, 1, 300, 700, 24, 1};
	struct story story;
	story_init(&story, 81);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
		assert_int_equal(story_append(&story, trail, steps[i]), 0);
		struct tree before = trail->tree;
		trail_close(trail);
		trail = open_trail(place.trail, TRAIL_WRITE);
		struct hash root, should;
		assert_int_equal(trail->tree.size, before.size);
		assert_int_equal(tree_root(&trail->tree, &hasher, &root), 0);
		struct leaves leaves = leaves_read(trail);
		should = root_of(&leaves, leaves.count);
		assert_memory_equal(&root, &should, sizeof(root));
		for (uint32_t level = 0; level < TREE_LEVELS; level++)
			if (before.size >> level & 1)
				assert_memory_equal(&trail->tree.full[level], &before.full[level], sizeof(struct hash));
		free(leaves.at);
		trail_close(trail);
	}
	story_release(&story);
}

static void test_a_batch_that_was_refused_leaves_the_tree_as_it_was(void **state)
{
	(void)state;
	struct trail_entry bad[300];
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	append_plain(trail, 100);
	struct tree before = trail->tree;
	for (uint64_t i = 0; i < 300; i++)
		bad[i] = (struct trail_entry){.seq = 101 + i, .type = MESSAGE_HELLO};
	bad[299].revives = true;
	bad[299].task_number = 1;
	assert_int_equal(trail_append(trail, bad, 300), ERR_STATE);
	assert_memory_equal(&trail->tree, &before, sizeof(before));
	append_plain(trail, 300);
	assert_int_equal(verify_clean(trail), 400);
	trail_close(trail);
}

/* Through the third level that is kept, 2^16; rows that are read are counted. */
static void test_proofs_out_of_a_large_trail_hold_and_read_few_rows(void **state)
{
	(void)state;
	enum { SIZE = 66500 };
	struct story random;
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	story_init(&random, 82);
	for (unsigned i = 0; i < 7; i++)
		append_plain(trail, SIZE / 7);
	assert_int_equal(trail_last_seq(trail), SIZE);
	assert_int_equal(verify_clean(trail), SIZE);
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_READ);
	struct leaves leaves = leaves_read(trail);
	uint64_t most = 0;
	for (unsigned i = 0; i < 200; i++) {
		uint64_t size = i % 8 ? 1 + story_random(&random, SIZE) : SIZE, seq = 1 + story_random(&random, size);
		uint64_t old_size = 1 + story_random(&random, size);
		struct proof proof;
		struct hash root, old_root;
		for (int which = STATEMENT_NODES; which <= STATEMENT_CHAINS; which++)
			if (trail->statements[which])
				(void)sqlite3_stmt_status(trail->statements[which], SQLITE_STMTSTATUS_VM_STEP, 1);
		assert_int_equal(trail_inclusion(trail, seq, size, &proof), 0);
		uint64_t steps = 0;
		for (int which = STATEMENT_NODES; which <= STATEMENT_CHAINS; which++)
			if (trail->statements[which])
				steps += (uint64_t)sqlite3_stmt_status(trail->statements[which], SQLITE_STMTSTATUS_VM_STEP, 0);
		most = steps > most ? steps : most;
		assert_int_equal(trail_root(trail, size, &root), 0);
		assert_int_equal(tree_check_inclusion(&hasher, &leaves.at[seq - 1], seq - 1, size, &proof, &root), 0);
		assert_int_equal(trail_root(trail, old_size, &old_root), 0);
		assert_int_equal(trail_consistency(trail, old_size, size, &proof), 0);
		assert_int_equal(tree_check_consistency(&hasher, old_size, &old_root, size, &root, &proof), 0);
		if (i < 4) {
			struct hash should = root_of(&leaves, size);
			assert_memory_equal(&root, &should, sizeof(root));
		}
	}
	print_message("at most %llu steps of SQLite for a proof\n", (unsigned long long)most);
	assert_true(most < 3 * 256 * 12); /* a row is about seven */
	free(leaves.at);
	trail_close(trail);
}

static void test_what_cannot_be_proved_is_said(void **state)
{
	(void)state;
	struct proof proof;
	struct hash root;
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	append_plain(trail, 10);
	assert_int_equal(trail_root(trail, 0, &root), 0);
	assert_memory_equal(&root, &tree_empty, sizeof(root));
	assert_int_equal(trail_root(trail, 11, &root), ERR_NOT_FOUND);
	assert_non_null(strstr(trail_why(trail), "10 records, not 11"));
	assert_int_equal(trail_inclusion(trail, 5, 11, &proof), ERR_NOT_FOUND);
	assert_int_equal(trail_inclusion(trail, 0, 10, &proof), ERR_STATE);
	assert_int_equal(trail_inclusion(trail, 8, 7, &proof), ERR_STATE);
	assert_int_equal(trail_consistency(trail, 0, 10, &proof), ERR_STATE);
	assert_int_equal(trail_consistency(trail, 9, 8, &proof), ERR_STATE);
	assert_int_equal(trail_consistency(trail, 9, 11, &proof), ERR_NOT_FOUND);
	assert_int_equal(trail_inclusion(trail, 10, 10, &proof), 0);
	trail_close(trail);
}

static void execute(const char *sql)
{
	sqlite3 *db;
	char *error = NULL;
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_damaged_nodes_are_rebuilt_from_the_records(void **state)
{
	(void)state;
	static const char *const damage[] = {"DELETE FROM nodes", "UPDATE nodes SET hash = randomblob(32) WHERE number = 1",
					     "UPDATE nodes SET number = number + 1 WHERE number = 3",
					     "UPDATE nodes SET hash = randomblob(31) WHERE number = 0",
					     "INSERT INTO nodes VALUES(16, 0, zeroblob(32))"};
	struct trail_verdict verdict;
	uint64_t count = 1100;
	story_write_sealed(&place, 83, count, 250);
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		execute(damage[i]);
		struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
		assert_int_equal(trail_verify(trail, 0, &verdict), ERR_CORRUPT);
		assert_int_equal(trail_rebuild_index(trail), 0);
		assert_int_equal(verify_clean(trail), count);
		seal_trail(&place, trail);
		append_plain(trail, 10);
		count += 10;
		assert_int_equal(trail_checkpoint(trail), 0);
		assert_int_equal(verify_clean(trail), count);
		trail_close(trail);
	}
}

/* ---- when ---- */

struct told {
	uint64_t number;
	uint64_t size;
	char note[NOTE_BYTES_MAX];
	int fd;
};

static void tell(void *context, const char *note, uint64_t number, uint64_t size)
{
	struct told *told = context;
	assert_true(number == told->number + 1 || told->number == 0);
	told->number = number;
	told->size = size;
	snprintf(told->note, sizeof(told->note), "%s", note);
	static const uint64_t one = 1;
	if (told->fd >= 0)
		assert_int_equal(write(told->fd, &one, sizeof(one)), sizeof(one));
}

static void seal_and_tell(struct trail *trail, struct told *told)
{
	seal_trail(&place, trail);
	trail->sealing.each = tell;
	trail->sealing.context = told;
}

static void test_a_thousand_unsealed_records_or_five_seconds_end_in_a_checkpoint(void **state)
{
	(void)state;
	struct told told = {.fd = -1};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_and_tell(trail, &told);
	assert_int_equal(trail_checkpoint_due(trail), UINT64_MAX);
	assert_int_equal(trail_checkpoint(trail), 0); /* there is nothing to seal */
	assert_int_equal(told.number, 0);
	append_plain(trail, 1); /* the first ever is late by definition */
	assert_int_equal(told.number, 1);
	assert_int_equal(told.size, 1);
	append_plain(trail, 999);
	assert_int_equal(told.number, 1);
	append_plain(trail, 1);
	assert_int_equal(told.number, 2);
	assert_int_equal(told.size, 1001);
	append_plain(trail, 3000); /* all of a batch, however long */
	assert_int_equal(told.number, 3);
	assert_int_equal(told.size, 4001);
	append_plain(trail, 5);
	assert_int_equal(told.number, 3);
	uint64_t due = trail_checkpoint_due(trail), now = now_ms();
	assert_true(due > now && due <= now + CHECKPOINT_MS);
	trail->sealing.last_ms = now - CHECKPOINT_MS; /* as if it were five seconds ago */
	append_plain(trail, 1);
	assert_int_equal(told.number, 4);
	assert_int_equal(told.size, 4007);
	assert_int_equal(trail_checkpoint_due(trail), UINT64_MAX);
	append_plain(trail, 1);
	assert_int_equal(trail_checkpoint(trail), 0); /* whoever asks gets one */
	assert_int_equal(told.number, 5);
	assert_int_equal(trail_checkpoint(trail), 0);
	assert_int_equal(told.number, 5);
	trail_close(trail);
}

static void test_a_checkpoint_is_in_the_trail_as_it_was_told(void **state)
{
	(void)state;
	struct told told = {.fd = -1};
	struct trail_checkpoint last;
	struct trail_verdict verdict;
	struct log_keys keys;
	struct story story;
	story_init(&story, 84);
	for (unsigned i = 0; i < 5; i++) {
		struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
		seal_and_tell(trail, &told);
		assert_int_equal(story_append(&story, trail, 70), 0);
		assert_int_equal(trail_checkpoint_last(trail, &last), 0);
		assert_int_equal(last.number, told.number);
		assert_int_equal(last.size, told.size);
		assert_string_equal(last.note, told.note);
		assert_int_equal(last.size, (i + 1) * 70);
		read_keys(&place, &keys);
		assert_int_equal(trail_verify_sealed(trail, 0, &keys, &verdict), 0);
		assert_int_equal(verdict.checkpoints, i + 1);
		trail_close(trail);
	}
	story_release(&story);
}

static int count_checkpoint(void *context, const struct trail_checkpoint *checkpoint)
{
	uint64_t *number = context;
	assert_int_equal(checkpoint->number, ++*number);
	assert_int_equal(checkpoint->size, *number * 40);
	return checkpoint->number == 9 ? 42 : 0;
}

static void test_checkpoints_are_found_by_what_they_cover(void **state)
{
	(void)state;
	struct trail_checkpoint checkpoint;
	uint64_t number = 3;
	story_write_sealed(&place, 85, 320, 40);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	for (uint64_t seq = 1; seq <= 320; seq++) {
		assert_int_equal(trail_checkpoint_covering(trail, seq, &checkpoint), 0);
		assert_int_equal(checkpoint.number, (seq + 39) / 40);
	}
	assert_int_equal(trail_checkpoint_covering(trail, 321, &checkpoint), ERR_NOT_FOUND);
	assert_int_equal(trail_checkpoints(trail, 3, count_checkpoint, &number), 0);
	assert_int_equal(number, 8);
	trail_close(trail);
}

static void test_a_trail_whose_records_are_not_those_that_were_sealed_is_not_sealed_any_further(void **state)
{
	(void)state;
	struct sealed sealed;
	story_write_sealed(&place, 86, 600, 100);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_sealed(trail, &sealed), 0);
	assert_int_equal(sealed.number, 6);
	assert_int_equal(sealed.size, 600);
	trail_close(trail);
	execute("UPDATE nodes SET hash = zeroblob(32) WHERE number = 1");
	trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_sealed(trail, &sealed), ERR_CORRUPT);
	assert_non_null(strstr(trail_why(trail), "not those that were sealed"));
	trail_close(trail);
	execute("DELETE FROM tasks WHERE request_seq > 590; DELETE FROM payloads WHERE seq > 590; DELETE FROM snapshots WHERE "
		"seq > 590; "
		"DELETE FROM records WHERE seq > 590");
	trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_sealed(trail, &sealed), ERR_CORRUPT);
	assert_non_null(strstr(trail_why(trail), "fewer records"));
	trail_close(trail);
}

static void test_an_older_copy_of_a_trail_is_refused_by_its_seal(void **state)
{
	(void)state;
	char command[512], why[256];
	struct sealed sealed;
	struct sealer *sealer;
	story_write_sealed(&place, 87, 200, 50);
	snprintf(command, sizeof(command), "cd '%s' && mkdir older && cp trail.db trail.db-wal older/", place.folder);
	assert_int_equal(system(command), 0);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	append_plain(trail, 50);
	append_plain(trail, 10);
	assert_int_equal(trail_checkpoint(trail), 0);
	trail_close(trail);
	snprintf(command, sizeof(command), "cd '%s' && rm trail.db* && mv older/* . && rmdir older", place.folder);
	assert_int_equal(system(command), 0);
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(verify_clean(trail), 200); /* nothing is wrong with it but its age */
	assert_int_equal(trail_sealed(trail, &sealed), 0);
	assert_int_equal(sealer_open(place.keys, &sealed, &sealer, why), ERR_STATE);
	assert_non_null(strstr(why, "a rollback"));
	assert_non_null(strstr(why, "over 260 records"));
	assert_non_null(strstr(why, "over 200 records"));
	trail_close(trail);
}

static void assert_verdict(struct trail *trail, int error, uint64_t bad_seq, const char *says)
{
	struct trail_verdict verdict;
	struct log_keys keys;
	read_keys(&place, &keys);
	assert_int_equal(trail_verify(trail, 0, &verdict), 0); /* who has no keys does not ask */
	assert_int_equal(trail_verify_sealed(trail, 0, &keys, &verdict), error);
	assert_int_equal(verdict.bad_seq, bad_seq);
	if (!strstr(verdict.why, says))
		fail_msg("'%s' does not say '%s'", verdict.why, says);
}

/* A writer seals at least every 4,096 records; whoever has taken checkpoints away is asked for them. */
static void test_a_long_stretch_that_nobody_sealed_is_found(void **state)
{
	(void)state;
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_WRITE);
	append_plain(trail, UNSEALED_MAX);
	assert_verdict(trail, 0, 0, "");
	append_plain(trail, 1);
	assert_verdict(trail, ERR_CORRUPT, UNSEALED_MAX + 1, "20001 records after the last checkpoint are not sealed");
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	assert_int_equal(trail_checkpoint(trail), 0); /* the first covers whatever there was */
	assert_verdict(trail, 0, 0, "");
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_WRITE);
	append_plain(trail, UNSEALED_MAX);
	assert_verdict(trail, 0, 0, "");
	append_plain(trail, 1);
	assert_verdict(trail, ERR_CORRUPT, 2 * UNSEALED_MAX + 2, "20001 records after the last checkpoint");
	seal_trail(&place, trail);
	assert_int_equal(trail_checkpoint(trail), 0);
	assert_verdict(trail, ERR_CORRUPT, 2 * UNSEALED_MAX + 2, "no checkpoint covers the records from 20002 to 40002");
	trail_close(trail);
}

/* ---- the writer's thread ---- */

static void wait_told(const struct told *told)
{
	struct pollfd poll_fd = {.fd = told->fd, .events = POLLIN};
	uint64_t count;
	assert_int_equal(poll(&poll_fd, 1, 60000), 1);
	assert_int_equal(read(told->fd, &count, sizeof(count)), sizeof(count));
}

static void submit(struct writer *writer, struct story *story, struct batch *batch, size_t count)
{
	int result;
	story_fill(story, batch, count);
	writer_submit(writer, batch);
	while (!writer_take(writer, &result)) {
		struct pollfd poll_fd = {.fd = writer_fd(writer), .events = POLLIN};
		assert_int_equal(poll(&poll_fd, 1, 60000), 1);
	}
	assert_int_equal(result, 0);
}

static void test_a_writer_without_work_seals_when_it_is_time_and_when_it_ends(void **state)
{
	(void)state;
	struct told told = {.fd = eventfd(0, EFD_CLOEXEC)};
	struct story story;
	struct writer *writer;
	struct batch *batch = batch_new();
	story_init(&story, 88);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_and_tell(trail, &told);
	assert_int_equal(story_append(&story, trail, 3), 0);
	wait_told(&told);
	assert_int_equal(story_append(&story, trail, 4), 0);
	trail->sealing.last_ms = now_ms() - CHECKPOINT_MS + 50; /* in a twentieth of a second */
	assert_int_equal(writer_new(trail, &writer), 0);
	wait_told(&told); /* nobody has submitted anything */
	assert_int_equal(told.number, 2);
	assert_int_equal(told.size, 7);
	submit(writer, &story, batch, 5);
	submit(writer, &story, batch, 6);
	writer_free(writer);
	assert_int_equal(told.number, 3);
	assert_int_equal(told.size, 18);
	batch_free(batch);
	close(told.fd);
	story_release(&story);
}

/* ---- receipts ---- */

static size_t member(const char *text, const char *name, uint8_t *room, size_t bytes)
{
	const char *at = strstr(text, name), *end;
	size_t found;
	assert_non_null(at);
	at += strlen(name);
	assert_int_equal(
		sodium_base642bin(room, bytes, at, strcspn(at, "\""), NULL, &found, &end, sodium_base64_VARIANT_ORIGINAL), 0);
	return found;
}

/* Everything in it, from its text alone and the public keys. */
static void assert_receipt(const char *text, uint64_t seq, const struct trail_entry *entry, bool payload)
{
	static uint8_t record[65536];
	char json_note[2 * NOTE_BYTES_MAX], index[64], why[256];
	struct note note;
	struct proof proof = {0};
	struct hash leaf;
	const char *at = strstr(text, "\"proof\":[") + strlen("\"proof\":[");
	record[0] = 0;
	size_t bytes = member(text, "\"record\":\"", record + 1, sizeof(record) - 1);
	assert_true(hasher_sum(&hasher, record, bytes + 1, NULL, 0, leaf.bytes));
	assert_memory_equal(&leaf, &entry->chain, sizeof(leaf));
	while (*at != ']') {
		size_t found;
		at += *at == ',';
		assert_int_equal(sodium_base642bin(proof.hash[proof.count++].bytes, 32, at + 1, 44, NULL, &found, NULL,
						   sodium_base64_VARIANT_ORIGINAL),
				 0);
		at += 46;
	}
	/* The note: line ends are the only thing JSON writes in another way. */
	size_t note_bytes = 0;
	assert_int_equal(strncmp(text, "{\"checkpoint\":\"", 15), 0);
	for (at = text + 15; *at != '"'; at++)
		json_note[note_bytes++] = *at == '\\' && *++at == 'n' ? '\n' : *at;
	assert_int_equal(note_read(json_note, note_bytes, &note, why), 0);
	assert_int_equal(tree_check_inclusion(&hasher, &leaf, seq - 1, note.size, &proof, &note.root), 0);
	snprintf(index, sizeof(index), "\",\"format\":\"bunshin-receipt/1\",\"index\":%llu,\"p", (unsigned long long)seq - 1);
	assert_int_equal(strncmp(at, index, strlen(index)), 0);
	assert_int_equal(strstr(text, ",\"payload\":{\"body\":\"") != NULL, payload);
	assert_null(strpbrk(text + (at - text), " \t"));
	assert_string_equal(text + strlen(text) - 3, "\"}\n");
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	if (!payload)
		return;
	uint8_t salt[64];
	struct hash commitment;
	bytes = member(text, "\"body\":\"", record, sizeof(record));
	assert_int_equal(member(text, "\"salt\":\"", salt, sizeof(salt)), SALT_BYTES);
	assert_true(hasher_sum(&hasher, salt, SALT_BYTES, record, bytes, commitment.bytes));
	assert_memory_equal(&commitment, &entry->commitment, sizeof(commitment));
}

struct receipts {
	struct trail *trail;
	uint64_t payloads;
	size_t largest;
};

static int receipt_of(void *context, const struct trail_entry *entry)
{
	struct receipts *receipts = context;
	for (unsigned with = 0; with < 2; with++) {
		struct buffer buffer = {0};
		bool payload = with && entry->payload_seq; /* its own, or the one it forwards */
		int rc = receipt_write(receipts->trail, entry->seq, with, &buffer);
		if (entry->seq > 480) {
			assert_int_equal(rc, ERR_STATE);
			assert_non_null(strstr(trail_why(receipts->trail), "no checkpoint covers"));
			assert_int_equal(buffer.bytes, 0);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(buffer_append(&buffer, "", 1), 0);
		assert_receipt((char *)buffer.at, entry->seq, entry, payload);
		receipts->payloads += payload && entry->payload_seq == entry->seq;
		if (!with && buffer.bytes > receipts->largest)
			receipts->largest = buffer.bytes;
		buffer_release(&buffer);
	}
	return 0;
}

static void test_every_receipt_proves_its_record_to_somebody_who_has_nothing_else(void **state)
{
	(void)state;
	struct trail_query query = {0};
	struct buffer buffer = {0};
	struct receipts receipts = {0};
	struct story story;
	story_init(&story, 89);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(story_append(&story, trail, 40), 0);
		assert_int_equal(trail_checkpoint(trail), 0);
	}
	assert_int_equal(story_append(&story, trail, 20), 0);
	receipts.trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_read(receipts.trail, &query, receipt_of, &receipts), 0);
	assert_int_equal(receipt_write(receipts.trail, 501, false, &buffer), ERR_NOT_FOUND);
	assert_int_equal(receipt_write(receipts.trail, 0, false, &buffer), ERR_NOT_FOUND);
	assert_true(receipts.payloads > 100);
	print_message("without its payload none has more than %zu bytes\n", receipts.largest);
	assert_true(receipts.largest < 4096);
	trail_close(receipts.trail);
	trail_close(trail);
	buffer_release(&buffer);
	story_release(&story);
}

static void test_no_receipt_is_given_for_what_was_not_sealed_like_this(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	story_write_sealed(&place, 90, 100, 50);
	execute("UPDATE records SET wall_ms = wall_ms + 1 WHERE seq = 30");
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(receipt_write(trail, 30, false, &buffer), ERR_CORRUPT);
	assert_non_null(strstr(trail_why(trail), "is not what checkpoint 1 sealed"));
	assert_int_equal(receipt_write(trail, 29, false, &buffer), 0);
	trail_close(trail);
	buffer_release(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_trail_that_is_opened_again_has_the_tree_it_had),
		TEST(a_batch_that_was_refused_leaves_the_tree_as_it_was),
		TEST(proofs_out_of_a_large_trail_hold_and_read_few_rows),
		TEST(what_cannot_be_proved_is_said),
		TEST(damaged_nodes_are_rebuilt_from_the_records),
		TEST(a_thousand_unsealed_records_or_five_seconds_end_in_a_checkpoint),
		TEST(a_checkpoint_is_in_the_trail_as_it_was_told),
		TEST(checkpoints_are_found_by_what_they_cover),
		TEST(a_trail_whose_records_are_not_those_that_were_sealed_is_not_sealed_any_further),
		TEST(an_older_copy_of_a_trail_is_refused_by_its_seal),
		TEST(a_long_stretch_that_nobody_sealed_is_found),
		TEST(a_writer_without_work_seals_when_it_is_time_and_when_it_ends),
		TEST(every_receipt_proves_its_record_to_somebody_who_has_nothing_else),
		TEST(no_receipt_is_given_for_what_was_not_sealed_like_this),
	};
	return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
