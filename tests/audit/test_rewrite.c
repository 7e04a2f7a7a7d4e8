/* SPDX-License-Identifier: MIT
 *
 * Somebody takes the machine with everything on it, the log key included, and writes history anew: another record, the chain from there
 * on, nodes, checkpoints with right roots and signatures by every key that is there. Whoever checks has one file of public keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>

#include "audit/receipt.h"
#include "audit/seal_file.h"
#include "audit/store.h"
#include "story.h"

#define RECORDS     600u
#define SEALED      50u
#define CHECKPOINTS (RECORDS / SEALED)
#define EARLY       6u /* checkpoints there were when the first copy of the keys was taken */
#define REWRITES    100u

/* What somebody finds who takes the folder of keys. */
struct loot {
	uint8_t log[SECRET_KEY_BYTES];
	uint8_t seal[SECRET_KEY_BYTES];
	uint8_t next[SECRET_KEY_BYTES];
	uint64_t number; /* of the checkpoint that `seal` is for */
};

static struct place place;
static sqlite3 *db;
static struct log_keys keys; /* the auditor's */
static char mirrored[NOTE_BYTES_MAX];
static struct loot loot, early_loot;
static uint8_t image[2 << 20];
static size_t image_bytes;
static struct story chance;

__attribute__((format(printf, 1, 2))) static void execute(const char *format, ...)
{
	char sql[1024];
	char *error = NULL;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sql, sizeof(sql), format, arguments);
	va_end(arguments);
	if (sqlite3_exec(db, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return statement;
}

/* ---- what is there to be taken ---- */

static size_t file_get(const char *folder, const char *name, uint8_t *room, size_t bytes)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t count = fread(room, 1, bytes, file);
	fclose(file);
	assert_true(count < bytes);
	return count;
}

static void keypair(const uint8_t *seed, uint8_t out_secret[SECRET_KEY_BYTES])
{
	uint8_t public_key[PUBLIC_KEY_BYTES];
	crypto_sign_seed_keypair(public_key, out_secret, seed);
}

static const uint8_t *public_of(const uint8_t *secret)
{
	return secret + 32;
}

static void loot_take(struct loot *out_loot)
{
	uint8_t text[512], form[33], file[SLOTS * SLOT_BYTES + 1];
	size_t count, bytes = file_get(place.keys, LOG_SECRET_FILE, text, sizeof(text));
	struct seal_slot slot = {0};
	text[bytes - 1] = 0;                              /* the end of the line */
	const char *seed = (char *)text + bytes - 1 - 44; /* base64 of 33 bytes; it may hold a '+' like those before it */
	assert_int_equal(
		sodium_base642bin(form, sizeof(form), seed, strlen(seed), NULL, &count, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
	keypair(form + 1, out_loot->log);
	assert_int_equal(file_get(place.keys, SEAL_FILE, file, sizeof(file)), SLOTS * SLOT_BYTES);
	for (unsigned i = 0; i < SLOTS && !slot.whole; i++)
		seal_slot_read(file + i * SLOT_BYTES, &slot);
	assert_true(slot.whole);
	keypair(slot.seed, out_loot->seal);
	keypair(slot.after, out_loot->next);
	out_loot->number = slot.number;
}

static void history_write(void)
{
	struct story story;
	struct trail_checkpoint last;
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	story_init(&story, 91);
	for (unsigned i = 0; i < CHECKPOINTS; i++) {
		if (i == EARLY)
			loot_take(&early_loot);
		assert_int_equal(story_append(&story, trail, SEALED), 0);
		assert_int_equal(trail_checkpoint(trail), 0);
	}
	assert_int_equal(trail_checkpoint_last(trail, &last), 0);
	assert_int_equal(last.number, CHECKPOINTS);
	memcpy(mirrored, last.note, sizeof(mirrored));
	read_keys(&place, &keys);
	loot_take(&loot);
	trail_close(trail);
	story_release(&story);
}

static int setup_all(void **state)
{
	(void)state;
	place_make(&place);
	story_init(&chance, 92);
	history_write();
	image_bytes = file_get(place.folder, "trail.db", image, sizeof(image));
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	place_remove(&place);
	return 0;
}

/* The trail as it was, and the rewriter's hand on it. */
static int setup(void **state)
{
	(void)state;
	char path[128];
	static const char *const ends[] = {"-wal", "-shm"};
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", place.trail, ends[i]);
		unlink(path);
	}
	FILE *file = fopen(place.trail, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(image, 1, image_bytes, file), image_bytes);
	fclose(file);
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	execute("PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sqlite3_close(db);
	db = NULL;
	return 0;
}

/* ---- rewriting ---- */

/* A payload with another text, its salt, and the commitment wherever it is repeated. */
static void payload_rewrite(uint64_t seq)
{
	uint8_t body[] = {0xa5, 'n', 'e', 'v', 'e', 'r'}, salt[SALT_BYTES];
	struct recorder recorder = {0};
	struct hash commitment;
	randombytes_buf(salt, sizeof(salt));
	assert_int_equal(recorder_init(&recorder), 0);
	assert_int_equal(payload_commitment(&recorder, salt, (struct bytes){body, sizeof(body)}, &commitment), 0);
	recorder_release(&recorder);
	sqlite3_stmt *statement = prepare("UPDATE payloads SET salt = ?2, body = ?3 WHERE seq = ?1");
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	sqlite3_bind_blob(statement, 2, salt, sizeof(salt), SQLITE_STATIC);
	sqlite3_bind_blob(statement, 3, body, sizeof(body), SQLITE_STATIC);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
	statement = prepare("UPDATE records SET commitment = ?2 WHERE payload_seq = ?1");
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	sqlite3_bind_blob(statement, 2, commitment.bytes, sizeof(commitment.bytes), SQLITE_STATIC);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
}

/* Changes one record after `after`, through `through`; returns its seq. */
static uint64_t record_rewrite(unsigned kind, uint64_t after, uint64_t through)
{
	static const char *const changes[] = {"wall_ms = wall_ms - 86400000", "peer = 'somebody/else'", "facts = x'93010203'",
					      "attempt = attempt + 1", "message_id = randomblob(16)"};
	enum { CHANGES = sizeof(changes) / sizeof(changes[0]) };
	if (kind % (CHANGES + 1) < CHANGES) {
		uint64_t seq = after + 1 + story_random(&chance, through - after);
		execute("UPDATE records SET %s WHERE seq = %llu", changes[kind % (CHANGES + 1)], (unsigned long long)seq);
		return seq;
	}
	sqlite3_stmt *statement = prepare("SELECT seq FROM payloads WHERE seq > ?1 AND seq <= ?2 ORDER BY random() LIMIT 1");
	sqlite3_bind_int64(statement, 1, (int64_t)after);
	sqlite3_bind_int64(statement, 2, (int64_t)through);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	payload_rewrite(seq);
	return seq;
}

/* The chain of all records, and from it the nodes, as the writer itself makes them. */
static void chain_rewrite(void)
{
	char sql[1024];
	struct recorder recorder = {0};
	struct hash head = {0};
	assert_int_equal(recorder_init(&recorder), 0);
	snprintf(sql, sizeof(sql), "SELECT NULL, seq%s, chain FROM records ORDER BY seq", record_columns);
	execute("BEGIN");
	sqlite3_stmt *select = prepare(sql), *update = prepare("UPDATE records SET chain = ?2 WHERE seq = ?1");
	while (sqlite3_step(select) == SQLITE_ROW) {
		struct trail_entry entry;
		assert_null(record_read(select, &entry));
		assert_int_equal(record_chain(&recorder, &entry, &head, &head), 0);
		sqlite3_bind_int64(update, 1, (int64_t)entry.seq);
		sqlite3_bind_blob(update, 2, head.bytes, sizeof(head.bytes), SQLITE_STATIC);
		assert_int_equal(sqlite3_step(update), SQLITE_DONE);
		sqlite3_reset(update);
	}
	sqlite3_finalize(select);
	sqlite3_finalize(update);
	execute("COMMIT");
	recorder_release(&recorder);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_rebuild_index(trail), 0);
	trail_close(trail);
}

/* ---- sealing anew ---- */

struct forgery {
	uint64_t from; /* the first checkpoint that is written anew */
	const struct loot *loot;
	uint8_t own[CHECKPOINTS + 3][SECRET_KEY_BYTES]; /* seal keys that the rewriter has made */
	const uint8_t *seal[CHECKPOINTS + 3];           /* by which each checkpoint is sealed */
	bool keep_seal;                                 /* the old second signature stays */
};

static void forgery_init(struct forgery *forgery, uint64_t from, const struct loot *with)
{
	*forgery = (struct forgery){.from = from, .loot = with};
	for (unsigned i = 0; i < CHECKPOINTS + 3; i++) {
		uint8_t seed[SEED_BYTES];
		randombytes_buf(seed, sizeof(seed));
		keypair(seed, forgery->own[i]);
		forgery->seal[i] = forgery->own[i];
	}
}

static struct note note_of(struct trail *trail, uint64_t number)
{
	struct trail_checkpoint checkpoint;
	struct note note;
	char why[256];
	assert_int_equal(trail_checkpoint_covering(trail, number * SEALED, &checkpoint), 0);
	assert_int_equal(checkpoint.number, number);
	assert_int_equal(note_read(checkpoint.note, strlen(checkpoint.note), &note, why), 0);
	return note;
}

static void checkpoint_put(uint64_t number, uint64_t size, const char *text)
{
	sqlite3_stmt *statement = prepare("INSERT INTO checkpoints(number, size, note) VALUES(?1, ?2, ?3) ON CONFLICT(number) DO "
					  "UPDATE SET size = excluded.size, note = excluded.note");
	sqlite3_bind_int64(statement, 1, (int64_t)number);
	sqlite3_bind_int64(statement, 2, (int64_t)size);
	sqlite3_bind_text(statement, 3, text, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
}

static void checkpoint_forge(struct trail *trail, const struct forgery *forgery, uint64_t number, uint64_t size)
{
	struct trail_checkpoint old;
	struct note note = note_of(trail, number);
	char text[NOTE_BYTES_MAX];
	assert_int_equal(trail_checkpoint_covering(trail, number * SEALED, &old), 0);
	note.size = size;
	assert_int_equal(trail_root(trail, size, &note.root), 0);
	memcpy(note.next_seal, public_of(forgery->seal[number + 1]), sizeof(note.next_seal));
	note_write(&note, forgery->loot->log, forgery->seal[number], text);
	if (forgery->keep_seal)
		strcpy(strstr(text, "/seal/"), strstr(old.note, "/seal/")); /* what stands before is the same in both */
	checkpoint_put(number, size, text);
}

static void checkpoints_forge(const struct forgery *forgery, uint64_t through)
{
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	for (uint64_t number = forgery->from; number <= through; number++)
		checkpoint_forge(trail, forgery, number, number * SEALED);
	trail_close(trail);
}

/* ---- what is found ---- */

static int verify(const struct log_keys *with, struct trail_verdict *out_verdict)
{
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	int rc = trail_verify_sealed(trail, 0, with, out_verdict);
	trail_close(trail);
	return rc;
}

static int mirror_check(char why[256])
{
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	int rc = trail_check_note(trail, mirrored, strlen(mirrored), &keys, why);
	trail_close(trail);
	return rc;
}

/* Nothing but signatures can tell: chain, tree and roots fit together. */
static void assert_found(const char *what, uint64_t checkpoint)
{
	struct trail_verdict verdict;
	char why[256];
	if (verify(NULL, &verdict))
		fail_msg("%s: not even well made: record %llu: %s", what, (unsigned long long)verdict.bad_seq, verdict.why);
	if (verify(&keys, &verdict) != ERR_CORRUPT)
		fail_msg("%s: not found", what);
	if (verdict.bad_seq != checkpoint * SEALED || !strstr(verdict.why, "not signed by the seal key"))
		fail_msg("%s: expected checkpoint %llu, not record %llu: %s", what, (unsigned long long)checkpoint,
			 (unsigned long long)verdict.bad_seq, verdict.why);
	assert_int_equal(mirror_check(why), ERR_CORRUPT);
}

static void assert_clean(void)
{
	struct trail_verdict verdict;
	char why[256];
	if (verify(&keys, &verdict))
		fail_msg("record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
	assert_int_equal(verdict.checkpoints, CHECKPOINTS);
	assert_int_equal(mirror_check(why), 0);
}

/* ---- a hundred rewrites ---- */

static const char *rewrite_once(unsigned strategy, struct forgery *forgery)
{
	switch (strategy) {
	case 0: /* the old seals stay below new texts */
		forgery->keep_seal = true;
		checkpoints_forge(forgery, CHECKPOINTS);
		return "old seals";
	case 1: /* all by the one seal key that is there */
		for (unsigned i = 0; i < CHECKPOINTS + 3; i++)
			forgery->seal[i] = loot.seal;
		checkpoints_forge(forgery, CHECKPOINTS);
		return "the next seal key for all";
	case 2: /* a row of the rewriter's own keys, back into the right one at its end */
		forgery->seal[CHECKPOINTS + 1] = loot.seal;
		forgery->seal[CHECKPOINTS + 2] = loot.next;
		checkpoints_forge(forgery, CHECKPOINTS);
		return "a row of other keys";
	case 3: { /* one checkpoint in the place of all later ones, over the same records */
		struct trail *trail = open_trail(place.trail, TRAIL_READ);
		forgery->seal[forgery->from] = loot.seal;
		forgery->seal[forgery->from + 1] = loot.next;
		uint64_t size = forgery->from * SEALED;
		checkpoint_forge(trail, forgery, forgery->from, size);
		trail_close(trail);
		execute("DELETE FROM checkpoints WHERE number > %llu", (unsigned long long)forgery->from);
		return "one checkpoint for all";
	}
	case 4: { /* everything sealed anew from the first on, with a public file to match */
		forgery->from = 1;
		checkpoints_forge(forgery, CHECKPOINTS);
		struct log_keys other = keys;
		memcpy(other.start[0].key, public_of(forgery->seal[1]), PUBLIC_KEY_BYTES);
		struct trail_verdict verdict;
		if (verify(&other, &verdict)) /* so good is it */
			fail_msg("record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
		return "all sealed anew";
	}
	}
	return NULL;
}

static void test_a_hundred_rewrites_with_everything_that_is_there_are_found_by_the_public_keys_alone(void **state)
{
	static const unsigned strategies = 5;
	assert_clean();
	for (unsigned i = 0; i < REWRITES; i++) {
		struct forgery forgery;
		uint64_t through = SEALED * (1 + story_random(&chance, CHECKPOINTS)); /* of a sealed record */
		teardown(state);
		setup(state);
		uint64_t seq = record_rewrite(i / strategies, 0, through);
		chain_rewrite();
		forgery_init(&forgery, (seq + SEALED - 1) / SEALED, &loot);
		const char *what = rewrite_once(i % strategies, &forgery);
		assert_found(what, forgery.from);
	}
	print_message("%u rewrites, every one found, with the checkpoint at which it begins\n", REWRITES);
}

/* Whoever does not touch the checkpoints is found by their roots, without any key. */
static void test_a_rewrite_below_checkpoints_that_stay_is_found_by_their_roots(void **state)
{
	struct trail_verdict verdict;
	for (unsigned i = 0; i < 12; i++) {
		teardown(state);
		setup(state);
		uint64_t seq = record_rewrite(i, 0, RECORDS);
		chain_rewrite();
		assert_int_equal(verify(NULL, &verdict), ERR_CORRUPT);
		assert_int_equal(verdict.bad_seq, (seq + SEALED - 1) / SEALED * SEALED);
		assert_non_null(strstr(verdict.why, "its root is another"));
	}
}

/* What the hundred rely on: a seal key that somebody took in time signs all that comes later. Only a note in another place tells. */
static void test_with_a_seal_key_that_was_taken_before_a_rewrite_is_perfect_but_for_the_mirror(void **state)
{
	(void)state;
	struct trail_verdict verdict;
	struct forgery forgery;
	char why[256];
	(void)record_rewrite(1, EARLY * SEALED, RECORDS);
	chain_rewrite();
	forgery_init(&forgery, EARLY + 1, &early_loot);
	assert_int_equal(early_loot.number, EARLY + 1);
	forgery.seal[EARLY + 1] = early_loot.seal;
	forgery.seal[EARLY + 2] = early_loot.next;
	checkpoints_forge(&forgery, CHECKPOINTS);
	assert_int_equal(verify(&keys, &verdict), 0);
	assert_int_equal(verdict.checkpoints, CHECKPOINTS);
	assert_int_equal(mirror_check(why), ERR_CORRUPT);
	assert_non_null(strstr(why, "are not those that checkpoint 12 sealed"));
}

/* ---- cutting off ---- */

static void cut_after(uint64_t size, uint64_t number)
{
	execute("DELETE FROM payloads WHERE seq > %llu; DELETE FROM tasks WHERE request_seq > %llu; DELETE FROM snapshots WHERE "
		"seq > "
		"%llu; DELETE FROM records WHERE seq > %llu; DELETE FROM checkpoints WHERE number > %llu",
		(unsigned long long)size, (unsigned long long)size, (unsigned long long)size, (unsigned long long)size,
		(unsigned long long)number);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_rebuild_index(trail), 0);
	trail_close(trail);
}

static void test_a_trail_cut_back_to_any_checkpoint_is_found_by_the_mirrored_one(void **state)
{
	struct trail_verdict verdict;
	char why[256];
	for (uint64_t number = 0; number < CHECKPOINTS; number++)
		for (unsigned more = 0; more < 2; more++) {
			teardown(state);
			setup(state);
			cut_after(number * SEALED + more * (SEALED - 1), number);
			assert_int_equal(verify(&keys, &verdict), 0); /* a shorter trail is a trail */
			assert_int_equal(mirror_check(why), ERR_CORRUPT);
			assert_non_null(strstr(why, "shorter than what was mirrored: checkpoint 12 covers 600 records"));
		}
}

static void test_a_trail_cut_back_and_grown_again_is_found_by_the_mirrored_checkpoint(void **state)
{
	struct trail_entry entries[2 * SEALED];
	struct trail_verdict verdict;
	char why[256];
	for (uint64_t number = 1; number < CHECKPOINTS; number += 5) {
		teardown(state);
		setup(state);
		cut_after(number * SEALED, number);
		struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
		while (trail_last_seq(trail) < RECORDS) {
			for (uint64_t i = 0; i < 2 * SEALED; i++)
				entries[i] = (struct trail_entry){.seq = trail_last_seq(trail) + 1 + i, .type = MESSAGE_HELLO};
			assert_int_equal(trail_append(trail, entries, 2 * SEALED), 0);
		}
		trail_close(trail);
		assert_int_equal(verify(&keys, &verdict), 0); /* its end is not sealed yet, it seems */
		assert_int_equal(verdict.sealed_seq, number * SEALED);
		assert_int_equal(mirror_check(why), ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_hundred_rewrites_with_everything_that_is_there_are_found_by_the_public_keys_alone),
		TEST(a_rewrite_below_checkpoints_that_stay_is_found_by_their_roots),
		TEST(with_a_seal_key_that_was_taken_before_a_rewrite_is_perfect_but_for_the_mirror),
		TEST(a_trail_cut_back_to_any_checkpoint_is_found_by_the_mirrored_one),
		TEST(a_trail_cut_back_and_grown_again_is_found_by_the_mirrored_checkpoint),
	};
	return cmocka_run_group_tests_name("rewrite", tests, setup_all, teardown_all);
}
