/* SPDX-License-Identifier: MIT
 *
 * What the trail takes, gives back and refuses.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/store.h"
#include "story.h"

static struct place place;

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	place_remove(&place);
	return 0;
}

/* ---- what is written is read ---- */

struct comparison {
	struct story story;
	uint64_t seen;
};

static bool same_bytes(struct bytes a, struct bytes b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

static void assert_same(const struct trail_entry *is, const struct trail_entry *should)
{
	assert_int_equal(is->seq, should->seq);
#define WIDE(name)   assert_int_equal(is->name, should->name);
#define NARROW(name) assert_int_equal(is->name, should->name);
#define FLAG(name)   assert_int_equal(is->name, should->name);
#define ID(name)     assert_true(id_equal(&is->name, &should->name));
#define NAME(name)   assert_string_equal(is->name, should->name);
#define SPAN(name)   assert_true(same_bytes(is->name, should->name));
#define HASH(name)   assert_int_equal(hash_is_zero(&is->name), is->payload_seq == 0);
#include "audit/columns.def"
	assert_false(hash_is_zero(&is->chain));
	if (should->payload_seq == should->seq)
		assert_true(same_bytes(is->payload, should->payload));
}

static int compare(void *context, const struct trail_entry *entry)
{
	struct comparison *comparison = context;
	struct trail_entry should;
	story_next(&comparison->story, &should);
	assert_same(entry, &should);
	comparison->seen++;
	return 0;
}

static void test_every_column_comes_back_as_it_was_given(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	struct trail_query query = {.with_payload = true};
	struct story story;
	story_init(&story, 6);
	story_init(&comparison.story, 6);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(story_append(&story, trail, 50), 0);
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_read(trail, &query, compare, &comparison), 0);
	assert_int_equal(comparison.seen, 1500);
	trail_close(trail);
	story_release(&story);
	story_release(&comparison.story);
}

static void test_a_trail_goes_on_after_it_was_closed(void **state)
{
	(void)state;
	struct story story;
	story_init(&story, 1);
	for (unsigned i = 0; i < 12; i++) {
		struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
		assert_int_equal(trail_last_seq(trail), story.next_seq - 1);
		assert_int_equal(trail_snapshot_seq(trail), story.snapshot_seq);
		assert_int_equal(story_append(&story, trail, 1 + i * 7), 0);
		assert_int_equal(story_append(&story, trail, 1), 0);
		assert_int_equal(verify_clean(trail), story.next_seq - 1);
		trail_close(trail);
	}
	story_release(&story);
}

/* The chain does not depend on how records were grouped: only salts differ, so records without a payload are compared. */
static void test_the_chain_does_not_depend_on_the_batches(void **state)
{
	(void)state;
	struct trail_verdict one, many;
	struct trail_entry entries[40];
	for (uint64_t i = 0; i < 40; i++)
		entries[i] = (struct trail_entry){.seq = i + 1, .direction = TRAIL_IN, .type = MESSAGE_HELLO, .peer = "beta/1"};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, entries, 40), 0);
	assert_int_equal(trail_verify(trail, 0, &one), 0);
	trail_close(trail);
	place_empty(&place);
	trail = open_trail(place.trail, TRAIL_WRITE);
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(trail_append(trail, &entries[i], 1), 0);
	assert_int_equal(trail_verify(trail, 0, &many), 0);
	trail_close(trail);
	assert_memory_equal(&one.head, &many.head, sizeof(one.head));
	assert_int_equal(many.records, 40);
}

static void test_the_same_payload_twice_has_two_commitments(void **state)
{
	(void)state;
	static const uint8_t body[] = "the same words";
	struct trail_entry entries[2] = {{.seq = 1, .payload_seq = 1}, {.seq = 2, .payload_seq = 2}};
	entries[0].payload = entries[1].payload = (struct bytes){body, sizeof(body)};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, entries, 2), 0);
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(trail->db,
					    "SELECT count(DISTINCT commitment), count(DISTINCT salt) FROM records JOIN "
					    "payloads USING (seq)",
					    -1, &statement, NULL),
			 0);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), 2);
	assert_int_equal(sqlite3_column_int(statement, 1), 2);
	sqlite3_finalize(statement);
	trail_close(trail);
}

static int take_entry(void *context, const struct trail_entry *entry)
{
	*(struct trail_entry *)context = *entry;
	return 0;
}

static void test_a_forwarded_payload_is_stored_once_and_commits_to_the_same(void **state)
{
	(void)state;
	static const uint8_t body[] = "parameters of a task";
	struct trail_entry own = {.seq = 1, .payload_seq = 1, .payload = {body, sizeof(body)}};
	struct trail_entry forward = {.seq = 2, .payload_seq = 1};
	struct trail_entry first, second;
	struct trail_query query = {.through_seq = 1};
	struct buffer buffer = {0};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, &own, 1), 0);
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_WRITE); /* so that the commitment must be looked up */
	assert_int_equal(trail_append(trail, &forward, 1), 0);
	assert_int_equal(trail_read(trail, &query, take_entry, &first), 0);
	query = (struct trail_query){.after_seq = 1};
	assert_int_equal(trail_read(trail, &query, take_entry, &second), 0);
	assert_int_equal(second.seq, 2);
	assert_memory_equal(&first.commitment, &second.commitment, sizeof(first.commitment));
	assert_int_equal(trail_payload(trail, 1, &buffer), 0);
	assert_int_equal(buffer.bytes, sizeof(body));
	assert_memory_equal(buffer.at, body, sizeof(body));
	assert_int_equal(trail_payload(trail, 2, &buffer), ERR_NOT_FOUND);
	assert_int_equal(trail_payload(trail, 3, &buffer), ERR_NOT_FOUND);
	assert_int_equal(buffer.bytes, sizeof(body));
	buffer_release(&buffer);
	trail_close(trail);
}

/* ---- what cannot stand in a trail ---- */

static void test_entries_that_cannot_follow_are_refused_and_nothing_changes(void **state)
{
	(void)state;
	struct trail_entry bad[] = {
		{.seq = 1}, /* there already */
		{.seq = 3}, /* a gap */
		{.seq = 0},
		{.seq = 2, .payload_seq = 3},                            /* a later payload */
		{.seq = 2, .payload_seq = 1},                            /* record 1 owns none */
		{.seq = 2, .task_number = 3},                            /* a later task */
		{.seq = 2, .end_state = STATE_FAILED},                   /* of no task */
		{.seq = 2, .end_state = STATE_FAILED, .task_number = 1}, /* record 1 made none */
		{.seq = 2, .revives = true, .task_number = 1},
		{.seq = 2, .payload = {(const uint8_t *)"x", 1}}, /* a payload of nobody */
	};
	struct trail_entry good[] = {{.seq = 1}, {.seq = 2}};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, good, 1), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(trail_append(trail, &bad[i], 1), ERR_STATE);
		assert_true(strlen(trail_why(trail)) > 20);
		assert_int_equal(trail_last_seq(trail), 1);
	}
	struct trail_entry endless = {.seq = 2};
	memset(endless.peer, 'a', sizeof(endless.peer));
	assert_int_equal(trail_append(trail, &endless, 1), ERR_STATE);
	/* A bad one in the middle takes the good one before it along. */
	struct trail_entry mixed[] = {{.seq = 2}, {.seq = 3, .payload_seq = 2}};
	assert_int_equal(trail_append(trail, mixed, 2), ERR_STATE);
	assert_int_equal(verify_clean(trail), 1);
	assert_int_equal(trail_append(trail, &good[1], 1), 0);
	assert_int_equal(trail_append(trail, NULL, 0), 0);
	assert_int_equal(verify_clean(trail), 2);
	trail_close(trail);
}

static void test_a_batch_that_was_refused_leaves_nothing_behind(void **state)
{
	(void)state;
	static const uint8_t body[] = "never written";
	struct trail_entry refused[] = {{.seq = 1, .payload_seq = 1, .payload = {body, sizeof(body)}},
					{.seq = 2, .task_number = 1, .revives = true}};
	struct trail_entry plain = {.seq = 1}, forward = {.seq = 2, .payload_seq = 1};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, refused, 2), ERR_STATE);
	assert_int_equal(trail_append(trail, &plain, 1), 0);
	/* Record 1 owns no payload now, whatever was remembered of the other record 1. */
	assert_int_equal(trail_append(trail, &forward, 1), ERR_STATE);
	assert_int_equal(verify_clean(trail), 1);
	trail_close(trail);
}

static void test_one_task_id_names_one_task(void **state)
{
	(void)state;
	struct trail_entry entries[2];
	for (uint64_t i = 0; i < 2; i++)
		entries[i] = (struct trail_entry){.seq = i + 1,
						  .task_number = i + 1,
						  .direction = TRAIL_IN,
						  .type = MESSAGE_TASK_REQUEST,
						  .task_id = story_id(9)};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, entries, 2), ERR_CONFLICT);
	assert_int_equal(trail_last_seq(trail), 0);
	assert_int_equal(trail_append(trail, entries, 1), 0);
	assert_int_equal(verify_clean(trail), 1);
	trail_close(trail);
}

static void test_records_cannot_be_changed_or_removed_by_us(void **state)
{
	(void)state;
	static const char *const statements[] = {
		"UPDATE records SET peer = ''",
		"DELETE FROM records",
		"DROP TABLE records",
		"DELETE FROM payloads",
		"UPDATE payloads SET body = NULL",
		"DROP TABLE payloads",
		"DROP INDEX records_by_task",
		"CREATE TABLE more(a)",
		"ATTACH ':memory:' AS other",
		"ALTER TABLE records ADD COLUMN more",
		"CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM payloads; END",
	};
	story_write(place.trail, 2, 50);
	for (int mode = TRAIL_READ; mode <= TRAIL_WRITE; mode++) {
		struct trail *trail = open_trail(place.trail, mode);
		for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
			if (sqlite3_exec(trail->db, statements[i], NULL, NULL, NULL) == SQLITE_OK)
				fail_msg("was allowed: %s", statements[i]);
		assert_int_equal(verify_clean(trail), 50);
		trail_close(trail);
	}
}

/* ---- opening ---- */

static void raw(const char *path, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_refused(enum trail_mode mode, int error, const char *says)
{
	char why[256];
	struct trail *trail = NULL;
	assert_int_equal(trail_open(place.trail, mode, &trail, why), error);
	assert_null(trail);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

static void test_a_second_writer_is_refused_and_told_who_writes(void **state)
{
	(void)state;
	char pid[32];
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	assert_refused(TRAIL_WRITE, ERR_LOCKED, pid);
	struct trail *reader = open_trail(place.trail, TRAIL_READ);
	trail_close(reader);
	assert_refused(TRAIL_WRITE, ERR_LOCKED, pid); /* closing the reader has not given the lock away */
	trail_close(trail);
	trail_close(open_trail(place.trail, TRAIL_WRITE));
}

static void test_a_newer_trail_is_refused_unchanged(void **state)
{
	(void)state;
	story_write(place.trail, 3, 20);
	raw(place.trail, "PRAGMA user_version=3");
	assert_refused(TRAIL_WRITE, ERR_NEWER, "written by a newer bunshin (format 3)");
	assert_refused(TRAIL_READ, ERR_NEWER, "written by a newer bunshin (format 3)");
	raw(place.trail, "PRAGMA user_version=2");
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(verify_clean(trail), 20);
	trail_close(trail);
}

static void test_what_is_no_trail_is_refused(void **state)
{
	(void)state;
	assert_refused(TRAIL_READ, ERR_NOT_FOUND, "there is no trail");
	raw(place.trail, "CREATE TABLE other(a)");
	assert_refused(TRAIL_WRITE, ERR_CORRUPT, "no trail");
	assert_refused(TRAIL_READ, ERR_CORRUPT, "no trail");
	place_empty(&place);
	raw(place.trail, "PRAGMA application_id=1; CREATE TABLE other(a);");
	assert_refused(TRAIL_WRITE, ERR_CORRUPT, "0x00000001");
	place_empty(&place);
	int fd = open(place.trail, O_WRONLY | O_CREAT, 0600);
	char text[5000];
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	close(fd);
	assert_refused(TRAIL_WRITE, ERR_CORRUPT, "not a database");
	assert_refused(TRAIL_READ, ERR_CORRUPT, "not a database");
}

static void test_an_empty_file_is_a_trail_that_was_never_begun(void **state)
{
	(void)state;
	int fd = open(place.trail, O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_refused(TRAIL_READ, ERR_NOT_FOUND, "empty");
	raw(place.trail, "PRAGMA page_size=16384; PRAGMA journal_mode=WAL;");
	assert_refused(TRAIL_READ, ERR_NOT_FOUND, "empty");
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_last_seq(trail), 0);
	assert_int_equal(verify_clean(trail), 0);
	trail_close(trail);
}

static void test_a_changed_schema_is_refused(void **state)
{
	(void)state;
	static const char *const changes[] = {
		"CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM payloads; END",
		"CREATE TABLE zzz(a)",
		"DROP INDEX records_by_task",
		"DROP TABLE snapshots",
		"ALTER TABLE records ADD COLUMN more INTEGER",
		"DROP TABLE checkpoints",
		"DROP INDEX records_erased",
		"CREATE INDEX more ON records(peer)",
		"CREATE VIEW aaa AS SELECT 1; CREATE TRIGGER t INSTEAD OF INSERT ON aaa BEGIN DELETE FROM payloads; END",
		"CREATE VIRTUAL TABLE words USING fts5(text)",
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		story_write(place.trail, 3, 5);
		raw(place.trail, changes[i]);
		assert_refused(TRAIL_WRITE, ERR_CORRUPT, "schema");
		assert_refused(TRAIL_READ, ERR_CORRUPT, "schema");
		place_empty(&place);
	}
}

static char *views_of(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT coalesce(group_concat(sql, ';'), 'none') FROM (SELECT sql FROM sqlite_schema "
					    "WHERE type = 'view' ORDER BY name)",
					    -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	char *views = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return views;
}

static void test_views_are_for_people_a_reader_ignores_them_and_a_writer_makes_its_own(void **state)
{
	(void)state;
	story_write(place.trail, 3, 5);
	char *before = views_of(place.trail);
	raw(place.trail, "CREATE VIEW aaa AS SELECT 1; CREATE VIEW \"b \"\"c\" AS SELECT peer FROM records -- and a comment");
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(verify_clean(trail), 5);
	trail_close(trail);
	char *changed = views_of(place.trail);
	assert_string_not_equal(before, changed);
	trail_close(open_trail(place.trail, TRAIL_WRITE));
	char *after = views_of(place.trail);
	assert_string_equal(before, after);
	free(before);
	free(changed);
	free(after);
}

static void test_a_trail_of_the_time_when_there_were_fewer_messages_goes_on(void **state)
{
	(void)state;
	story_write(place.trail, 3, 5);
	char *before = views_of(place.trail);
	raw(place.trail, "DROP VIEW message_names; CREATE VIEW message_names(code, name) AS VALUES (1, 'Hello'), (2, 'Welcome');"
			 "DROP VIEW error_names; CREATE VIEW error_names(code, name) AS VALUES (1, 'malformed')");
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(verify_clean(trail), 5);
	trail_close(trail);
	trail_close(open_trail(place.trail, TRAIL_WRITE));
	char *after = views_of(place.trail);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_the_files_are_for_their_owner_alone_and_the_wal_is_kept(void **state)
{
	(void)state;
	static const char *const ends[] = {"", "-wal", "-lock"};
	struct stat status;
	char path[128];
	story_write(place.trail, 3, 500);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", place.trail, ends[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		if (i == 1)
			assert_true(status.st_size >= WAL_BYTES_MIN);
	}
}

static void test_settings_are_what_the_promises_need(void **state)
{
	(void)state;
	static const struct {
		const char *pragma;
		int value;
	} settings[] = {
		{"PRAGMA synchronous", 2},
		{"PRAGMA foreign_keys", 1},
		{"PRAGMA trusted_schema", 0},
		{"PRAGMA cell_size_check", 1},
		{"PRAGMA wal_autocheckpoint", 0},
		{"PRAGMA application_id", TRAIL_APPLICATION_ID},
		{"PRAGMA user_version", TRAIL_USER_VERSION},
		{"PRAGMA page_size", PAGE_BYTES},
		{"PRAGMA busy_timeout", 5000},
	};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	struct trail *reader = open_trail(place.trail, TRAIL_READ);
	for (size_t i = 0; i < 2 * sizeof(settings) / sizeof(settings[0]); i++) {
		sqlite3_stmt *statement;
		assert_int_equal(sqlite3_prepare_v2((i % 2 ? trail : reader)->db, settings[i / 2].pragma, -1, &statement, NULL),
				 0);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(statement, 0), settings[i / 2].value);
		sqlite3_finalize(statement);
	}
	int on = 0;
	assert_int_equal(sqlite3_db_config(reader->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &on), SQLITE_OK);
	assert_int_equal(on, 1);
	assert_int_equal(sqlite3_db_config(trail->db, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), SQLITE_OK);
	assert_int_equal(on, 1);
	trail_close(reader);
	trail_close(trail);
}

/* ---- tasks ---- */

static void assert_task(const struct trail_task *is, const struct trail_task *should)
{
	assert_true(id_equal(&is->task_id, &should->task_id));
	assert_true(id_equal(&is->key_hash, &should->key_hash));
	assert_true(id_equal(&is->body_hash, &should->body_hash));
	assert_int_equal(is->request_seq, should->request_seq);
	assert_int_equal(is->end_seq, should->end_seq);
	assert_int_equal(is->end_state, should->end_state);
	assert_int_equal(is->outcome_seq, should->outcome_seq);
}

static void assert_tasks(struct trail *trail, const struct story *story)
{
	struct trail_task task;
	for (size_t i = 0; i < story->task_count; i++) {
		const struct trail_task *should = &story->tasks[i];
		assert_int_equal(trail_task(trail, &should->task_id, &task), 0);
		assert_task(&task, should);
		if (id_is_nil(&should->key_hash))
			continue;
		assert_int_equal(trail_key(trail, &should->key_hash, &task), 0);
		assert_task(&task, should);
	}
}

static void test_the_index_knows_what_became_of_every_task(void **state)
{
	(void)state;
	struct story story;
	struct trail_task task;
	struct id unknown = story_id(1u << 30), nil = {0};
	story_init(&story, 11);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	struct trail *reader = open_trail(place.trail, TRAIL_READ);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(story_append(&story, trail, 1 + i), 0);
		if (i % 8 == 0)
			assert_tasks(reader, &story);
	}
	assert_true(story.task_count > 80);
	assert_tasks(reader, &story);
	assert_int_equal(trail_task(reader, &unknown, &task), ERR_NOT_FOUND);
	assert_int_equal(trail_key(reader, &unknown, &task), ERR_NOT_FOUND);
	assert_int_equal(trail_key(reader, &nil, &task), ERR_NOT_FOUND);
	assert_int_equal(verify_clean(reader), story.next_seq - 1);
	assert_int_equal(trail_snapshot_seq(reader), story.snapshot_seq);
	assert_int_equal(trail_snapshot_seq(trail), story.snapshot_seq);
	assert_true(story.snapshot_seq > 0);
	trail_close(reader);
	trail_close(trail);
	story_release(&story);
}

struct task_list {
	const struct story *story;
	uint32_t state;
	size_t at; /* tasks below this index are still to come */
	uint32_t seen;
};

static int compare_task(void *context, const struct trail_task *task)
{
	struct task_list *list = context;
	const struct trail_task *should;
	do {
		assert_true(list->at > 0);
		should = &list->story->tasks[--list->at];
	} while (list->state && (state_is_end(list->state) ? should->end_state != list->state : should->end_state != 0));
	assert_task(task, should);
	list->seen++;
	return 0;
}

static void test_tasks_are_listed_newest_first_and_by_state(void **state)
{
	(void)state;
	static const uint32_t states[] = {0, STATE_ACCEPTED, STATE_COMPLETED, STATE_FAILED, STATE_EXPIRED};
	struct story story;
	story_init(&story, 12);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	while (story.task_count < 2300) /* more than a slice or two */
		assert_int_equal(story_append(&story, trail, 1000), 0);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		uint32_t expected = 0;
		for (size_t j = 0; j < story.task_count; j++)
			expected += !states[i] || (state_is_end(states[i]) ? story.tasks[j].end_state == states[i]
									   : story.tasks[j].end_state == 0);
		struct task_list list = {.story = &story, .state = states[i], .at = story.task_count};
		assert_int_equal(trail_tasks(trail, states[i], 0, compare_task, &list), 0);
		assert_int_equal(list.seen, expected);
		list = (struct task_list){.story = &story, .state = states[i], .at = story.task_count};
		assert_int_equal(trail_tasks(trail, states[i], 5, compare_task, &list), 0);
		assert_int_equal(list.seen, expected < 5 ? expected : 5);
	}
	trail_close(trail);
	story_release(&story);
}

static int next_lower(void *context, const struct trail_task *task)
{
	uint64_t *expected = context;
	assert_int_equal(task->request_seq, *expected);
	--*expected;
	return 0;
}

static void test_a_long_list_of_tasks_leaves_none_out(void **state)
{
	(void)state;
	enum { TASKS = 3500 };
	static struct trail_entry entries[TASKS];
	uint64_t expected = TASKS;
	for (uint64_t i = 0; i < TASKS; i++)
		entries[i] = (struct trail_entry){.seq = i + 1,
						  .task_number = i + 1,
						  .task_id = story_id(i + 1),
						  .direction = TRAIL_IN,
						  .type = MESSAGE_TASK_REQUEST};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, entries, TASKS), 0);
	assert_int_equal(trail_tasks(trail, 0, 0, next_lower, &expected), 0);
	assert_int_equal(expected, 0);
	/* And the largest id is none of the others. */
	struct trail_task last;
	assert_int_equal(trail_task_last(trail, &last), 0);
	for (uint64_t i = 0; i < TASKS; i++)
		assert_true(memcmp(&last.task_id, &entries[i].task_id, sizeof(struct id)) >= 0);
	trail_close(trail);
}

static void test_a_damaged_index_is_rebuilt_from_the_records(void **state)
{
	(void)state;
	struct story story;
	struct trail_verdict verdict;
	story_init(&story, 13);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(story_append(&story, trail, 1200), 0);
	trail_close(trail);
	raw(place.trail,
	    "DELETE FROM snapshots; DELETE FROM tasks WHERE request_seq % 3 = 0; UPDATE tasks SET end_seq = 7, end_state = "
	    "18 WHERE request_seq % 3 = 1");
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_verify(trail, 0, &verdict), ERR_CORRUPT);
	assert_int_equal(trail_rebuild_index(trail), 0);
	assert_int_equal(verify_clean(trail), 1200);
	assert_tasks(trail, &story);
	assert_int_equal(trail_snapshot_seq(trail), story.snapshot_seq);
	assert_int_equal(story_append(&story, trail, 100), 0);
	assert_int_equal(verify_clean(trail), 1300);
	trail_close(trail);
	story_release(&story);
}

/* ---- queries ---- */

struct collected {
	struct trail_entry *entries; /* without their bytes */
	size_t count;
	size_t capacity;
	size_t stop_after; /* 0: never */
};

static int collect(void *context, const struct trail_entry *entry)
{
	struct collected *collected = context;
	if (collected->count == collected->capacity) {
		collected->capacity = collected->capacity ? collected->capacity * 2 : 64;
		collected->entries = realloc(collected->entries, collected->capacity * sizeof(*collected->entries));
		assert_non_null(collected->entries);
	}
	collected->entries[collected->count++] = *entry;
	return collected->stop_after && collected->count >= collected->stop_after ? 42 : 0;
}

static bool matches(const struct trail_query *query, const struct trail_entry *entry)
{
	return entry->seq > query->after_seq && (!query->through_seq || entry->seq <= query->through_seq) &&
	       (id_is_nil(&query->task_id) || id_equal(&query->task_id, &entry->task_id)) &&
	       (!query->since_ms || entry->wall_ms >= query->since_ms) &&
	       (!query->until_ms || entry->wall_ms <= query->until_ms) &&
	       (!query->peer[0] || strcmp(query->peer, entry->peer) == 0) && (!query->type || query->type == entry->type);
}

static void assert_query(struct trail *trail, const struct collected *all, const struct trail_query *query)
{
	struct collected found = {0};
	size_t at = 0;
	assert_int_equal(trail_read(trail, query, collect, &found), 0);
	for (size_t i = 0; i < all->count; i++) {
		const struct trail_entry *entry = &all->entries[query->newest_first ? all->count - 1 - i : i];
		if (!matches(query, entry) || (query->limit && at >= query->limit))
			continue;
		assert_true(at < found.count);
		assert_int_equal(found.entries[at++].seq, entry->seq);
	}
	assert_int_equal(at, found.count);
	free(found.entries);
}

static void test_queries_find_what_a_plain_search_finds(void **state)
{
	(void)state;
	struct collected all = {0};
	struct trail_query query = {0};
	struct story story;
	story_init(&story, 14);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(story_append(&story, trail, 3000), 0);
	assert_int_equal(trail_read(trail, &query, collect, &all), 0);
	assert_int_equal(all.count, 3000);
	for (unsigned i = 0; i < 400; i++) {
		const struct trail_entry *some = &all.entries[story_random(&story, all.count)];
		query = (struct trail_query){.newest_first = story_random(&story, 2), .with_payload = story_random(&story, 2)};
		if (story_random(&story, 2))
			query.after_seq = story_random(&story, 3100);
		if (story_random(&story, 3) == 0)
			query.through_seq = story_random(&story, 4000);
		if (story_random(&story, 3) == 0)
			query.task_id = some->task_id;
		if (story_random(&story, 4) == 0)
			query.since_ms = some->wall_ms;
		if (story_random(&story, 4) == 0)
			query.until_ms = some->wall_ms;
		if (story_random(&story, 4) == 0)
			memcpy(query.peer, some->peer, sizeof(query.peer));
		if (story_random(&story, 4) == 0)
			query.type = some->type;
		if (story_random(&story, 3) == 0)
			query.limit = 1 + (uint32_t)story_random(&story, 20);
		assert_query(trail, &all, &query);
	}
	free(all.entries);
	trail_close(trail);
	story_release(&story);
}

static void test_a_long_read_is_made_of_short_transactions(void **state)
{
	(void)state;
	enum { ROWS = 25000 };
	static struct trail_entry entries[ROWS];
	struct collected all = {0};
	struct trail_query query = {.newest_first = true};
	for (uint64_t i = 0; i < ROWS; i++)
		entries[i] = (struct trail_entry){.seq = i + 1, .type = i % 5000 ? MESSAGE_HELLO : MESSAGE_GOODBYE};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, entries, ROWS), 0);
	assert_int_equal(trail_read(trail, &query, collect, &all), 0);
	assert_int_equal(all.count, ROWS);
	assert_int_equal(all.entries[0].seq, ROWS);
	assert_int_equal(all.entries[ROWS - 1].seq, 1);
	all.count = 0;
	query.newest_first = false;
	query.type = MESSAGE_GOODBYE; /* one in every 5,000: most windows are nearly empty */
	assert_int_equal(trail_read(trail, &query, collect, &all), 0);
	assert_int_equal(all.count, ROWS / 5000);
	free(all.entries);
	trail_close(trail);
}

static void test_large_payloads_are_read_in_small_pieces(void **state)
{
	(void)state;
	enum { ROWS = 30, BYTES = 700000 };
	struct collected all = {0};
	struct trail_query query = {.with_payload = true};
	uint8_t *large = calloc(1, BYTES);
	assert_non_null(large);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	for (uint64_t i = 1; i <= ROWS; i++) {
		struct trail_entry entry = {.seq = i, .payload_seq = i, .payload = {large, BYTES}};
		assert_int_equal(trail_append(trail, &entry, 1), 0);
	}
	for (unsigned newest_first = 0; newest_first < 2; newest_first++) {
		all.count = 0;
		query.newest_first = newest_first;
		assert_int_equal(trail_read(trail, &query, collect, &all), 0);
		assert_int_equal(all.count, ROWS);
		for (uint64_t i = 0; i < ROWS; i++) {
			assert_int_equal(all.entries[i].seq, newest_first ? ROWS - i : i + 1);
			assert_int_equal(all.entries[i].payload.bytes, BYTES);
		}
	}
	trail_close(trail);
	free(all.entries);
	free(large);
}

static void test_the_caller_can_stop_a_read(void **state)
{
	(void)state;
	struct collected some = {.stop_after = 3};
	struct trail_query query = {0};
	story_write(place.trail, 15, 60);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_read(trail, &query, collect, &some), 42);
	assert_int_equal(some.count, 3);
	free(some.entries);
	trail_close(trail);
}

/* A callback may take for ever: no transaction is open meanwhile, so the WAL can start over. */
struct slow {
	struct trail *reader;
	unsigned calls;
};

static int look_at_the_transaction(void *context, const struct trail_entry *entry)
{
	struct slow *slow = context;
	(void)entry;
	assert_true(sqlite3_get_autocommit(slow->reader->db));
	assert_int_equal(sqlite3_txn_state(slow->reader->db, NULL), SQLITE_TXN_NONE);
	slow->calls++;
	return 0;
}

static void test_no_transaction_is_open_while_the_caller_looks(void **state)
{
	(void)state;
	struct trail_query query = {.with_payload = true};
	story_write(place.trail, 16, 200);
	struct slow slow = {.reader = open_trail(place.trail, TRAIL_READ)};
	assert_int_equal(trail_read(slow.reader, &query, look_at_the_transaction, &slow), 0);
	assert_int_equal(slow.calls, 200);
	trail_close(slow.reader);
}

/* ---- the WAL ---- */

static off_t wal_size(void)
{
	char path[128];
	struct stat status;
	snprintf(path, sizeof(path), "%s-wal", place.trail);
	assert_int_equal(stat(path, &status), 0);
	return status.st_size;
}

static void test_the_wal_starts_over_and_does_not_grow_for_ever(void **state)
{
	(void)state;
	struct story story;
	story_init(&story, 17);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	struct trail *reader = open_trail(place.trail, TRAIL_READ);
	off_t largest = 0;
	for (unsigned i = 0; i < 160; i++) {
		assert_int_equal(story_append(&story, trail, 500), 0);
		if (i < 60 && trail_untidy(trail)) /* later nobody has the time */
			assert_int_equal(trail_tidy(trail), 0);
		if (i == 59)
			assert_true(largest <= WAL_BYTES_MIN);
		assert_true(trail_last_seq(reader) == story.next_seq - 1);
		largest = wal_size() > largest ? wal_size() : largest;
	}
	assert_true(largest < 2 * WAL_FRAMES_MAX * PAGE_BYTES);
	assert_int_equal(verify_clean(reader), 80000);
	trail_close(reader);
	trail_close(trail);
	story_release(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(every_column_comes_back_as_it_was_given),
		TEST(a_trail_goes_on_after_it_was_closed),
		TEST(the_chain_does_not_depend_on_the_batches),
		TEST(the_same_payload_twice_has_two_commitments),
		TEST(a_forwarded_payload_is_stored_once_and_commits_to_the_same),
		TEST(entries_that_cannot_follow_are_refused_and_nothing_changes),
		TEST(a_batch_that_was_refused_leaves_nothing_behind),
		TEST(one_task_id_names_one_task),
		TEST(records_cannot_be_changed_or_removed_by_us),
		TEST(a_second_writer_is_refused_and_told_who_writes),
		TEST(a_newer_trail_is_refused_unchanged),
		TEST(what_is_no_trail_is_refused),
		TEST(an_empty_file_is_a_trail_that_was_never_begun),
		TEST(a_changed_schema_is_refused),
		TEST(views_are_for_people_a_reader_ignores_them_and_a_writer_makes_its_own),
		TEST(a_trail_of_the_time_when_there_were_fewer_messages_goes_on),
		TEST(the_files_are_for_their_owner_alone_and_the_wal_is_kept),
		TEST(settings_are_what_the_promises_need),
		TEST(the_index_knows_what_became_of_every_task),
		TEST(tasks_are_listed_newest_first_and_by_state),
		TEST(a_long_list_of_tasks_leaves_none_out),
		TEST(a_damaged_index_is_rebuilt_from_the_records),
		TEST(queries_find_what_a_plain_search_finds),
		TEST(a_long_read_is_made_of_short_transactions),
		TEST(large_payloads_are_read_in_small_pieces),
		TEST(the_caller_can_stop_a_read),
		TEST(no_transaction_is_open_while_the_caller_looks),
		TEST(the_wal_starts_over_and_does_not_grow_for_ever),
	};
	return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}
