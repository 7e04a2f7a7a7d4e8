/* SPDX-License-Identifier: MIT
 *
 * What the program itself finds out about a trail, a verifier finds too that was written in another language from docs/trail-format.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "protocol/id.h"
#include "story.h"

static struct place place;

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	story_write(place.trail, 71, 900);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	place_remove(&place);
	return 0;
}

/* Runs the other verifier; its exit status, and the line it says. The story keeps no sequence numbers, so holes (4) are not its fault. */
static int second_opinion(char out_line[1024])
{
	char command[512];
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/verifier/verify.py' --without-key '%s'", SOURCE_DIR,
		 place.trail);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	out_line[0] = 0;
	if (!fgets(out_line, 1024, pipe))
		out_line[0] = 0;
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 4 ? 0 : WEXITSTATUS(status);
}

static void test_two_verifiers_agree_on_the_head(void **state)
{
	(void)state;
	char line[1024], expected[256], hex[65];
	struct trail_verdict verdict;
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_verify(trail, 0, &verdict), 0);
	trail_close(trail);
	hex_print(verdict.head.bytes, sizeof(verdict.head.bytes), hex);
	snprintf(expected, sizeof(expected), "\"records\": %llu, \"head\": \"%s\"", (unsigned long long)verdict.last_seq, hex);
	assert_int_equal(second_opinion(line), 0);
	assert_non_null(strstr(line, expected));
}

static void test_two_verifiers_name_the_same_bad_record(void **state)
{
	(void)state;
	static const char *const changes[] = {
		"UPDATE records SET attempt = attempt + 1 WHERE seq = 77",
		"UPDATE records SET peer = 'beta/9' WHERE seq = 60",
		"DELETE FROM payloads WHERE seq = (SELECT max(seq) FROM payloads WHERE seq < 50)",
		"UPDATE records SET facts = x'90' WHERE seq = 30",
		"DELETE FROM records WHERE seq = 20",
	};
	sqlite3 *db;
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) { /* each before the one before it */
		char line[1024], expected[64];
		struct trail_verdict verdict;
		assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL), SQLITE_OK);
		struct trail *trail = open_trail(place.trail, TRAIL_READ);
		assert_int_equal(trail_verify(trail, 0, &verdict), ERR_CORRUPT);
		trail_close(trail);
		snprintf(expected, sizeof(expected), "\"first\": %llu,", (unsigned long long)verdict.bad_seq);
		assert_int_equal(second_opinion(line), 1);
		assert_non_null(strstr(line, expected));
	}
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_verifiers_agree_on_the_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_verifiers_name_the_same_bad_record, setup, teardown),
	};
	return cmocka_run_group_tests_name("independent", tests, NULL, NULL);
}
