/* SPDX-License-Identifier: MIT
 *
 * The index of texts beside the trail: what is found, what a question may look like, and when the index is made anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/finder.h"
#include "protocol/codec.h"

static char folder[40];
static char trail_path[56];
static char index_path[56];

/* ---- a trail of failures that say something ---- */

static struct trail *open_trail(const char *path, enum trail_mode mode)
{
	struct trail *trail = NULL;
	char why[256] = "";

	if (trail_open(path, mode, &trail, why))
		fail_msg("%s", why);
	return trail;
}

static void append(struct trail *trail, struct message *message)
{
	struct buffer header = {0}, facts = {0}, payload = {0};
	struct trail_entry entry = {
		.seq = trail_last_seq(trail) + 1, .wall_ms = 1770113472000, .direction = TRAIL_IN, .type = message->type};

	assert_int_equal(message_encode_header(message, &header), 0);
	assert_int_equal(message_encode_facts(message, &facts), 0);
	assert_int_equal(message_encode_payload(message, &payload), 0);
	snprintf(entry.peer, sizeof(entry.peer), "beta/1");
	entry.header = (struct bytes){header.at, (uint32_t)header.bytes};
	entry.facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
	if (payload.bytes > 1) {
		entry.payload = (struct bytes){payload.at, (uint32_t)payload.bytes};
		entry.payload_seq = entry.seq;
	}
	assert_int_equal(trail_append(trail, &entry, 1), 0);
	buffer_release(&header);
	buffer_release(&facts);
	buffer_release(&payload);
}

static void say_bytes(struct trail *trail, const char *sentence, size_t bytes, const char *evidence)
{
	struct message message = {.type = MESSAGE_TASK_FAILURE};

	message.header.message_id.bytes[0] = 1;
	message.task_failure.code = ERROR_TASK_FAILED;
	message.task_failure.sentence = (struct text){sentence, (uint32_t)bytes};
	if (evidence)
		message.task_failure.evidence = (struct text){evidence, (uint32_t)strlen(evidence)};
	append(trail, &message);
}

static void say(const char *sentence, const char *evidence)
{
	struct trail *trail = open_trail(trail_path, TRAIL_WRITE);

	say_bytes(trail, sentence, strlen(sentence), evidence);
	trail_close(trail);
}

/* An Erased record of a task that is not there: it covers nothing, and says that texts may be gone. */
static void erase_something(void)
{
	struct trail *trail = open_trail(trail_path, TRAIL_WRITE);
	struct message message = {.type = MESSAGE_ERASED};
	struct buffer header = {0}, facts = {0};
	struct trail_entry entry = {.seq = trail_last_seq(trail) + 1, .direction = TRAIL_INNER, .type = MESSAGE_ERASED};

	message.erased.who = (struct text){"test", 4};
	assert_int_equal(message_encode_header(&message, &header), 0);
	assert_int_equal(message_encode_facts(&message, &facts), 0);
	entry.header = (struct bytes){header.at, (uint32_t)header.bytes};
	entry.facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
	if (trail_append(trail, &entry, 1))
		fail_msg("%s", trail_why(trail));
	buffer_release(&header);
	buffer_release(&facts);
	trail_close(trail);
}

static int setup(void **state)
{
	struct trail *trail;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bunshin-finder-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(trail_path, sizeof(trail_path), "%s/trail.db", folder);
	snprintf(index_path, sizeof(index_path), "%s/" FINDER_FILE, folder);
	trail = open_trail(trail_path, TRAIL_WRITE);
	say_bytes(trail, "the wombat is lost", 18,
		  "{\"log\":\"Größe of the till\",\"deep\":{\"path\":[\"src/till.c\",{\"line\":4711}]}}");
	say_bytes(trail, "the quokka hid\0the bilby", 24, NULL);
	trail_close(trail);
	return 0;
}

static int teardown(void **state)
{
	char command[160];

	(void)state;
	snprintf(command, sizeof(command), "chmod -R u+w %s && rm -rf %s", folder, folder);
	assert_int_equal(system(command), 0);
	return 0;
}

/* ---- asking ---- */

struct found {
	unsigned count;
	uint64_t newest;
	char snippet[256];
};

static int note(void *context, uint64_t seq, struct text snippet)
{
	struct found *found = context;

	if (!found->count++) {
		found->newest = seq;
		snprintf(found->snippet, sizeof(found->snippet), "%.*s", (int)snippet.bytes, snippet.at);
	}
	return 0;
}

static struct found ask_with(struct finder *finder, const char *words)
{
	char query[FINDER_QUERY_BYTES], why[256] = "";
	struct found found = {0};
	uint64_t total = 0;

	if (finder_query(words, query, why))
		fail_msg("%s: %s", words, why);
	if (finder_find(finder, query, 100, note, &found, &total))
		fail_msg("%s: %s", query, finder_why(finder));
	assert_int_equal(total, found.count);
	return found;
}

/* Opens, brings up to date, asks, closes. */
static struct found ask(const char *words)
{
	struct trail *trail = open_trail(trail_path, TRAIL_READ);
	struct finder *finder = NULL;
	struct found found;
	char why[256] = "";

	assert_int_equal(finder_open(trail, &finder, why), 0);
	if (finder_update(finder, NULL, NULL))
		fail_msg("%s", finder_why(finder));
	found = ask_with(finder, words);
	finder_close(finder);
	trail_close(trail);
	return found;
}

static void assert_finds(const char *words, unsigned count)
{
	struct found found = ask(words);

	if (found.count != count)
		fail_msg("%s: found %u instead of %u", words, found.count, count);
}

static void test_words_phrases_and_beginnings_are_found(void **state)
{
	(void)state;
	assert_finds("wombat", 1);
	assert_finds("WOMBAT lost", 1);
	assert_finds("wombat quokka", 0);
	assert_finds("wombat OR quokka", 2);
	assert_finds("the NOT wombat", 1);
	assert_finds("\"lost wombat\"", 0);
	assert_finds("\"wombat is lost\"", 1);
	assert_finds("womb*", 1);
	assert_finds("\"wombat is l\"*", 1);
	assert_finds("(wombat OR quokka) the", 2);
	assert_finds("grosse", 0); /* ß is a letter of its own */
	assert_finds("große", 1);
	assert_finds("grOße", 1);
}

static void test_names_and_values_of_json_are_found(void **state)
{
	struct found found = ask("src/till.c");

	(void)state;
	assert_int_equal(found.count, 1);
	assert_int_equal(found.newest, 1);
	assert_non_null(strstr(found.snippet, "path: »src/till.c«"));
	assert_finds("4711", 1);
	assert_finds("evidence", 0); /* the name of the field is not what somebody said */
	assert_finds("\"line: 4711\"", 1);
}

static void test_what_stands_behind_a_nul_is_found(void **state)
{
	(void)state;
	assert_finds("bilby", 1);
}

/* ---- questions ---- */

static void assert_query(const char *words, const char *expected)
{
	char query[FINDER_QUERY_BYTES], why[256] = "";

	assert_int_equal(finder_query(words, query, why), 0);
	assert_string_equal(query, expected);
}

static void assert_refused(const char *words, const char *sentence)
{
	char query[FINDER_QUERY_BYTES], why[256] = "";

	assert_int_equal(finder_query(words, query, why), ERR_USAGE);
	assert_string_equal(why, sentence);
}

static void test_questions_become_quoted_words(void **state)
{
	(void)state;
	assert_query("a b", "\"a\" AND \"b\"");
	assert_query(" a  OR(b NOT \"c d\"*) ", "\"a\" OR (\"b\" NOT \"c d\"*)");
	assert_query("NEAR(a)", "\"NEAR\" AND (\"a\")");
	assert_query("body:x -y ^z a+b", "\"body:x\" AND \"-y\" AND \"^z\" AND \"a+b\"");
	assert_query("ANDERS OR NOTE", "\"ANDERS\" OR \"NOTE\"");
	assert_query("x*y*", "\"x*y\"*");
}

static void test_questions_that_cannot_be_are_refused_with_what_is_wrong(void **state)
{
	char query[FINDER_QUERY_BYTES], why[256] = "";
	char *words = malloc(20001);

	(void)state;
	assert_refused("", "there is nothing to look for");
	assert_refused("a AND", "a word is missing after AND");
	assert_refused("AND a", "AND stands between two words, as in: till NOT ledger");
	assert_refused("a OR NOT b", "NOT stands between two words, as in: till NOT ledger");
	assert_refused("a \"b c", "the quote before \"b c\" has no end");
	assert_refused("(a", "a parenthesis is not closed");
	assert_refused("a)", ") closes a parenthesis that was never opened");
	assert_refused("()", "a word is missing before )");
	assert_refused("a *", "there is nothing to look for in \"*\": it has no letter or digit");
	memset(words, 'a', 20000);
	words[20000] = 0;
	assert_int_equal(finder_query(words, query, why), ERR_FULL);
	free(words);
}

/* Whatever is typed is refused with a sentence, or is a question that FTS5 takes. */
static void test_any_text_is_a_question_or_is_refused(void **state)
{
	static const char signs[] = "a b\"()*:^-+{}/\\'ANDORT \t";
	struct trail *trail = open_trail(trail_path, TRAIL_READ);
	struct finder *finder = NULL;
	char why[256] = "";
	uint32_t random = 1;

	(void)state;
	assert_int_equal(finder_open(trail, &finder, why), 0);
	assert_int_equal(finder_update(finder, NULL, NULL), 0);
	for (unsigned round = 0; round < 5000; round++) {
		char words[24], query[FINDER_QUERY_BYTES];
		size_t bytes = 0;
		struct found found = {0};
		uint64_t total;
		while (bytes < sizeof(words) - 1) {
			random = random * 1664525u + 1013904223u;
			words[bytes++] = signs[(random >> 16) % (sizeof(signs) - 1)];
		}
		words[bytes - (random >> 24) % 20] = 0;
		words[sizeof(words) - 1] = 0;
		if (finder_query(words, query, why) == 0 && finder_find(finder, query, 1, note, &found, &total))
			fail_msg("[%s] became [%s]: %s", words, query, finder_why(finder));
	}
	finder_close(finder);
	trail_close(trail);
}

/* ---- the file ---- */

static ino_t inode(void)
{
	struct stat status;

	assert_int_equal(stat(index_path, &status), 0);
	return status.st_ino;
}

static void test_the_index_is_for_its_owner_and_grows_with_the_trail(void **state)
{
	struct stat status;
	ino_t first;

	(void)state;
	assert_finds("wombat", 1);
	assert_int_equal(stat(index_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	first = inode();
	say("another wombat", NULL);
	assert_finds("wombat", 2);
	assert_int_equal(inode(), first);
}

static bool index_holds(const char *word)
{
	static char content[1 << 20];
	FILE *file = fopen(index_path, "r");
	size_t bytes;

	assert_non_null(file);
	bytes = fread(content, 1, sizeof(content), file);
	fclose(file);
	return memmem(content, bytes, word, strlen(word)) != NULL;
}

static void test_an_index_of_another_trail_is_made_anew(void **state)
{
	char other[96];

	(void)state;
	assert_finds("wombat", 1);
	snprintf(other, sizeof(other), "%s-other", trail_path);
	assert_int_equal(rename(trail_path, other), 0);
	say("only a numbat", NULL);
	say("and nobody", NULL);
	say("and nobody else", NULL);
	assert_finds("wombat", 0);
	assert_finds("numbat", 1);
	assert_false(index_holds("wombat"));
}

static void test_an_erasure_makes_the_index_anew(void **state)
{
	sqlite3 *db = NULL;

	(void)state;
	assert_finds("wombat", 1);
	/* A text that the index alone still has: it must be gone when the trail says that texts were erased. */
	assert_int_equal(sqlite3_open(index_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO texts(rowid, body) VALUES(999, 'a dropbear')", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_finds("dropbear", 1);
	erase_something();
	assert_finds("dropbear", 0);
	assert_false(index_holds("dropbear"));
	assert_finds("wombat", 1);
}

static void test_what_is_no_index_is_replaced(void **state)
{
	FILE *file = fopen(index_path, "w");

	(void)state;
	assert_non_null(file);
	fputs("this is no database, but somebody's notes", file);
	fclose(file);
	assert_finds("wombat", 1);
}

static void test_an_index_is_removed_with_everything_in_it(void **state)
{
	char linked[56];
	(void)state;
	assert_finds("wombat", 1);
	snprintf(linked, sizeof(linked), "%s/linked", folder);
	assert_int_equal(link(index_path, linked), 0);
	assert_int_equal(finder_remove(trail_path), 0);
	assert_int_equal(access(index_path, F_OK), -1);
	assert_int_equal(rename(linked, index_path), 0);
	assert_false(index_holds("wombat")); /* its blocks were overwritten, not only let go */
	assert_int_equal(unlink(index_path), 0);
	assert_int_equal(finder_remove(trail_path), 0);
}

static void test_a_locked_index_can_be_asked_as_it_is(void **state)
{
	struct trail *trail;
	struct finder *finder = NULL;
	struct finder_state before;
	char why[256] = "";
	sqlite3 *db = NULL;

	(void)state;
	assert_finds("wombat", 1);
	say("a late wombat", NULL);
	trail = open_trail(trail_path, TRAIL_READ);
	assert_int_equal(finder_open(trail, &finder, why), 0);
	assert_int_equal(finder_patience(finder, 10), 0);
	assert_int_equal(sqlite3_open(index_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(finder_update(finder, NULL, NULL), ERR_LOCKED);
	assert_int_equal(finder_look(finder, &before), 0);
	assert_int_equal(before.through_seq, 2);
	assert_true(before.kept);
	assert_int_equal(ask_with(finder, "wombat").count, 1);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(finder_update(finder, NULL, NULL), 0);
	assert_int_equal(ask_with(finder, "wombat").count, 2);
	finder_close(finder);
	trail_close(trail);
}

/* The tests may run as root, who can write every folder: a link that leads nowhere stands for it. */
static void test_a_folder_that_cannot_be_written_has_its_index_in_memory(void **state)
{
	struct trail *trail;
	struct finder *finder = NULL;
	struct finder_state look;
	char why[256] = "";

	(void)state;
	trail = open_trail(trail_path, TRAIL_READ);
	assert_int_equal(symlink("/nowhere/at/all", index_path), 0); /* never followed */
	assert_int_equal(finder_open(trail, &finder, why), 0);
	assert_int_equal(finder_update(finder, NULL, NULL), 0);
	assert_int_equal(finder_look(finder, &look), 0);
	assert_false(look.kept);
	assert_int_equal(look.through_seq, 2);
	assert_int_equal(ask_with(finder, "wombat").count, 1);
	finder_close(finder);
	trail_close(trail);
	assert_int_equal(unlink(index_path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words_phrases_and_beginnings_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_and_values_of_json_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_stands_behind_a_nul_is_found, setup, teardown),
		cmocka_unit_test(test_questions_become_quoted_words),
		cmocka_unit_test(test_questions_that_cannot_be_are_refused_with_what_is_wrong),
		cmocka_unit_test_setup_teardown(test_any_text_is_a_question_or_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_index_is_for_its_owner_and_grows_with_the_trail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_index_of_another_trail_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_erasure_makes_the_index_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_index_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_index_is_removed_with_everything_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_locked_index_can_be_asked_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_written_has_its_index_in_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
