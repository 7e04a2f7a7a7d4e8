/* SPDX-License-Identifier: MIT
 *
 * Mirrors of checkpoints: a file, a repository, a program. The notes have the form of real ones; nobody here looks at signatures.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/mirror.h"
#include "tests/actors/scratch.h"

#define ORIGIN  "bunshin/0123456789abcdef"
#define PATIENT 30000u /* ms until a test gives up; an event comes long before */

struct fixture {
	char *folder;
	struct state_folder state;
	struct conf *conf;
	struct mirrors *mirrors;
};

static char *path_in(const struct fixture *fixture, const char *name)
{
	static char path[4][PATH_BYTES];
	static unsigned turn;
	char *out = path[turn++ % 4];

	snprintf(out, PATH_BYTES, "%s/%s", fixture->folder, name);
	return out;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char sentence[SENTENCE_BYTES];

	assert_non_null(fixture);
	fixture->conf = calloc(1, sizeof(*fixture->conf));
	assert_non_null(fixture->conf);
	fixture->folder = scratch_make();
	assert_non_null(fixture->folder);
	assert_int_equal(state_open(path_in(fixture, "state"), &fixture->state, sentence), 0);
	snprintf(fixture->conf->mirror_file, PLACE_BYTES, "none");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	mirrors_free(fixture->mirrors, PATIENT);
	scratch_remove(fixture->folder);
	free(fixture->conf);
	free(fixture);
	return 0;
}

static void begin(struct fixture *fixture)
{
	char sentence[SENTENCE_BYTES];

	assert_int_equal(mirrors_new(&fixture->state, fixture->conf, &fixture->mirrors, sentence), 0);
}

static void end(struct fixture *fixture)
{
	mirrors_free(fixture->mirrors, PATIENT);
	fixture->mirrors = NULL;
}

static void note_make(const char *origin, unsigned number, char out[1024])
{
	snprintf(out, 1024, "%s\n%u\nroot\ntime %u\nseal %u key\n\n\u2014 %s sig\n\u2014 %s/seal/%u sig\n", origin, number * 10,
		 number * 1000, number + 1, origin, origin, number);
}

static void offer(struct fixture *fixture, unsigned number)
{
	char note[1024];

	note_make(ORIGIN, number, note);
	mirrors_offer(fixture->mirrors, note, number, number * 10);
}

/* The entry of a checkpoint in a mirror file. */
static size_t entry_add(const char *origin, unsigned number, char *out)
{
	char note[1024];

	note_make(origin, number, note);
	return (size_t)sprintf(out, "# %u %u\n%s\n", number, number * 1000, note);
}

static struct mirror_view look(struct fixture *fixture)
{
	struct mirror_view view[MIRROR_KINDS];
	uint64_t number, size;

	assert_int_equal(mirrors_look(fixture->mirrors, &number, &size, view), 1);
	return view[0];
}

static bool has_it(const struct mirror_view *view, uint64_t number)
{
	return view->number == number && !view->failing_since_ms;
}

static bool fails(const struct mirror_view *view, uint64_t number)
{
	return view->failing_since_ms && view->number == number;
}

/* Until the one mirror is as wanted. */
static struct mirror_view wait_for(struct fixture *fixture, bool (*wanted)(const struct mirror_view *, uint64_t), uint64_t number)
{
	static const struct timespec moment = {.tv_nsec = 2000000};

	for (unsigned i = 0; i < PATIENT / 2; i++) {
		struct mirror_view view = look(fixture);

		if (wanted(&view, number))
			return view;
		nanosleep(&moment, NULL);
	}
	fail_msg("the mirror is not as it should be: %s", look(fixture).why);
	abort();
}

static void assert_file(const char *path, const char *text)
{
	char found[16384];
	size_t bytes;

	assert_int_equal(file_read(path, found, sizeof(found), &bytes), 0);
	assert_string_equal(found, text);
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void use_file(struct fixture *fixture, const char *name)
{
	snprintf(fixture->conf->mirror_file, PLACE_BYTES, "%s", path_in(fixture, name));
}

/* ---- files ---- */

static void test_without_a_word_a_file_in_the_state_folder_gets_every_checkpoint(void **state)
{
	struct fixture *fixture = *state;
	char expected[8192];
	struct mirror_view view;
	struct stat status;
	size_t used = 0;

	fixture->conf->mirror_file[0] = 0;
	begin(fixture);
	for (unsigned number = 1; number <= 3; number++) {
		offer(fixture, number);
		view = wait_for(fixture, has_it, number);
		used += entry_add(ORIGIN, number, expected + used);
	}
	assert_int_equal(view.size, 30);
	assert_true(view.same_volume);
	assert_file(path_in(fixture, "state/mirror/log.checkpoints"), expected);
	assert_int_equal(stat(view.where, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
}

static void test_a_checkpoint_that_is_there_is_not_written_again_after_a_start(void **state)
{
	struct fixture *fixture = *state;
	char expected[8192];
	size_t used = entry_add(ORIGIN, 1, expected);

	use_file(fixture, "log");
	for (unsigned i = 0; i < 3; i++) {
		begin(fixture);
		offer(fixture, 1);
		end(fixture);
		assert_file(path_in(fixture, "log"), expected);
	}
	entry_add(ORIGIN, 2, expected + used);
	begin(fixture);
	offer(fixture, 2);
	end(fixture);
	assert_file(path_in(fixture, "log"), expected);
}

static void test_what_a_crash_left_of_an_entry_is_cut_off_wherever_it_was_cut(void **state)
{
	struct fixture *fixture = *state;
	char text[4096], expected[8192];
	size_t whole = entry_add(ORIGIN, 1, text), torn = entry_add(ORIGIN, 2, text + whole);

	use_file(fixture, "log");
	entry_add(ORIGIN, 3, expected + entry_add(ORIGIN, 1, expected));
	for (size_t bytes = 1; bytes < torn; bytes++) {
		char cut[4096];

		snprintf(cut, whole + bytes + 1, "%s", text);
		file_write(path_in(fixture, "log"), cut);
		begin(fixture);
		offer(fixture, 3);
		end(fixture);
		assert_file(path_in(fixture, "log"), expected);
	}
}

static void assert_left_alone(struct fixture *fixture, const char *text, const char *words)
{
	struct mirror_view view;

	use_file(fixture, "log");
	file_write(path_in(fixture, "log"), text);
	begin(fixture);
	offer(fixture, 2);
	view = wait_for(fixture, fails, 0);
	assert_non_null(strstr(view.why, words));
	end(fixture);
	assert_file(path_in(fixture, "log"), text);
}

static void test_a_file_of_somebody_else_is_left_alone(void **state)
{
	char text[4096];

	assert_left_alone(*state, "dear diary\n", "something else than checkpoints");
	entry_add("bunshin/fedcba9876543210", 1, text);
	assert_left_alone(*state, text, "another network");
}

static void test_a_folder_that_is_away_for_a_while_gets_the_newest_checkpoint_later(void **state)
{
	struct fixture *fixture = *state;
	struct mirror_view view;
	char expected[4096];

	use_file(fixture, "volume/log");
	begin(fixture);
	offer(fixture, 1);
	view = wait_for(fixture, fails, 0);
	assert_non_null(strstr(view.why, "is the volume mounted?"));
	for (unsigned number = 2; number <= 9; number++)
		offer(fixture, number);
	assert_int_equal(mkdir(path_in(fixture, "volume"), 0700), 0);
	wait_for(fixture, has_it, 9);
	entry_add(ORIGIN, 9, expected);
	assert_file(path_in(fixture, "volume/log"), expected);
}

static void test_the_last_checkpoint_is_there_before_the_end(void **state)
{
	struct fixture *fixture = *state;
	char expected[4096];

	use_file(fixture, "log");
	begin(fixture);
	offer(fixture, 7);
	end(fixture);
	entry_add(ORIGIN, 7, expected);
	assert_file(path_in(fixture, "log"), expected);
}

/* A limit on the size of files stands for the disk: the write is short, as on one that is full. */
static void test_a_full_disk_is_said_and_nothing_half_stays(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, small;
	struct mirror_view view;
	char expected[8192];
	size_t used = entry_add(ORIGIN, 1, expected);

	use_file(fixture, "log");
	begin(fixture);
	offer(fixture, 1);
	wait_for(fixture, has_it, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = used + 10, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	offer(fixture, 2);
	view = wait_for(fixture, fails, 1);
	assert_file(path_in(fixture, "log"), expected); /* the next try is half a second away */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(view.why, "it cannot be written"));
	wait_for(fixture, has_it, 2);
	entry_add(ORIGIN, 2, expected + used);
	assert_file(path_in(fixture, "log"), expected);
}

/* ---- git ---- */

static void shell(const struct fixture *fixture, const char *command)
{
	char line[PATH_BYTES];

	snprintf(line, sizeof(line), "cd '%s' && export HOME='%s' GIT_CONFIG_NOSYSTEM=1 && { %s; } >out 2>&1", fixture->folder,
		 fixture->folder, command);
	if (system(line)) {
		char found[4096] = "";
		size_t bytes;

		if (file_read(path_in(fixture, "out"), found, sizeof(found), &bytes))
			found[0] = 0;
		fail_msg("%s\n%s", command, found);
	}
}

static void test_plain_git_reads_what_a_repository_has(void **state)
{
	struct fixture *fixture = *state;
	char expected[8192];
	size_t used = 0;

	shell(fixture, "git init -q repo && git -C repo -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && "
		       "git -C repo rev-parse HEAD >head");
	snprintf(fixture->conf->mirror_git, PLACE_BYTES, "%s", path_in(fixture, "repo"));
	for (unsigned number = 1; number <= 3; number++) {
		begin(fixture);
		offer(fixture, number);
		end(fixture); /* does not wait for the pause */
		used += entry_add(ORIGIN, number, expected + used);
	}
	begin(fixture);
	offer(fixture, 3);
	end(fixture);
	shell(fixture, "for c in $(git -C repo rev-list --reverse refs/bunshin/0123456789abcdef); do git -C repo show "
		       "$c:checkpoint; done");
	assert_file(path_in(fixture, "out"), expected);
	shell(fixture, "git -C repo log --format=%s refs/bunshin/0123456789abcdef -1");
	assert_file(path_in(fixture, "out"), "Checkpoint 3 of 30 records\n");
	shell(fixture, "git -C repo rev-parse HEAD | cmp - head && git -C repo fsck --strict && test -z \"$(git -C repo status "
		       "--porcelain)\"");
}

/* In between a repository gets one a minute at most. */
static void test_a_repository_gets_the_last_checkpoint_at_the_end_and_not_each_before(void **state)
{
	struct fixture *fixture = *state;

	shell(fixture, "git init -q --bare repo");
	snprintf(fixture->conf->mirror_git, PLACE_BYTES, "%s", path_in(fixture, "repo"));
	begin(fixture);
	offer(fixture, 1);
	wait_for(fixture, has_it, 1);
	offer(fixture, 2);
	offer(fixture, 3);
	end(fixture);
	shell(fixture, "git -C repo log --format=%s refs/bunshin/0123456789abcdef");
	assert_file(path_in(fixture, "out"), "Checkpoint 3 of 30 records\nCheckpoint 1 of 10 records\n");
}

static void test_what_is_no_repository_is_said(void **state)
{
	struct fixture *fixture = *state;

	snprintf(fixture->conf->mirror_git, PLACE_BYTES, "%s", path_in(fixture, "nowhere"));
	begin(fixture);
	offer(fixture, 1);
	assert_non_null(strstr(wait_for(fixture, fails, 0).why, "nowhere"));
}

/* ---- commands ---- */

static void use_command(struct fixture *fixture, const char *script)
{
	file_write(path_in(fixture, "script"), script);
	assert_int_equal(chmod(path_in(fixture, "script"), 0700), 0);
	snprintf(fixture->conf->mirror_command, COMMAND_BYTES, "'%s' \"two words\"", path_in(fixture, "script"));
}

static void test_a_command_gets_the_note_on_its_input(void **state)
{
	struct fixture *fixture = *state;
	char note[1024], script[512];

	snprintf(script, sizeof(script), "#!/bin/sh\ncat >'%s'\necho \"$1 $BUNSHIN_CHECKPOINT $BUNSHIN_RECORDS\" >'%s'\n",
		 path_in(fixture, "note"), path_in(fixture, "words"));
	use_command(fixture, script);
	begin(fixture);
	offer(fixture, 4);
	wait_for(fixture, has_it, 4);
	note_make(ORIGIN, 4, note);
	assert_file(path_in(fixture, "note"), note);
	assert_file(path_in(fixture, "words"), "two words 4 40\n");
}

static void test_a_command_that_fails_is_tried_again_and_its_last_line_shown(void **state)
{
	struct fixture *fixture = *state;
	struct mirror_view view;
	char script[512];

	snprintf(script, sizeof(script), "#!/bin/sh\necho trying\ntest -e '%s' && exit 0\necho no route to host >&2\nexit 3\n",
		 path_in(fixture, "reachable"));
	use_command(fixture, script);
	begin(fixture);
	offer(fixture, 1);
	view = wait_for(fixture, fails, 0);
	assert_string_equal(view.why, "it exited with 3: no route to host");
	file_write(path_in(fixture, "reachable"), "");
	wait_for(fixture, has_it, 1);
}

static void test_a_command_that_is_not_there_is_said(void **state)
{
	struct fixture *fixture = *state;

	snprintf(fixture->conf->mirror_command, COMMAND_BYTES, "bunshin-no-such-program x");
	begin(fixture);
	offer(fixture, 1);
	assert_non_null(strstr(wait_for(fixture, fails, 0).why, "bunshin-no-such-program cannot be started"));
}

static bool process_lives(const char *pid_file)
{
	char text[32] = "";
	size_t bytes;

	return file_read(pid_file, text, sizeof(text), &bytes) == 0 && kill((pid_t)strtol(text, NULL, 10), 0) == 0;
}

/* What it has put into a session of its own ends as well. */
static void test_a_command_that_hangs_holds_up_nobody_and_leaves_nothing_behind(void **state)
{
	struct fixture *fixture = *state;
	char script[1024], pid_file[128];
	struct mirror_view view[MIRROR_KINDS];
	static const struct timespec moment = {.tv_nsec = 2000000};
	uint64_t number, size;

	snprintf(pid_file, sizeof(pid_file), "%.64s/pid", fixture->folder);
	snprintf(script, sizeof(script),
		 "#!/bin/sh\nsetsid sh -c 'echo $$ >%s.new; mv %s.new %s; trap \"\" TERM; exec sleep 1000' &\nsleep 1000\n",
		 pid_file, pid_file, pid_file);
	use_command(fixture, script);
	use_file(fixture, "log");
	begin(fixture);
	offer(fixture, 1);
	for (unsigned i = 0; access(pid_file, F_OK) && i < PATIENT / 2; i++)
		nanosleep(&moment, NULL);
	assert_true(process_lives(pid_file));
	offer(fixture, 2); /* returns although the command hangs, and the file gets it */
	for (unsigned i = 0; i < PATIENT / 2; i++) {
		assert_int_equal(mirrors_look(fixture->mirrors, &number, &size, view), 2);
		if (view[0].number == 2)
			break;
		nanosleep(&moment, NULL);
	}
	assert_int_equal(view[0].number, 2);
	assert_int_equal(view[1].number, 0);
	mirrors_free(fixture->mirrors, 2500);
	fixture->mirrors = NULL;
	assert_false(process_lives(pid_file));
}

static void test_a_command_that_cannot_be_split_is_refused_at_once(void **state)
{
	struct fixture *fixture = *state;
	char sentence[SENTENCE_BYTES] = "";

	snprintf(fixture->conf->mirror_command, COMMAND_BYTES, "put 'half");
	assert_int_equal(mirrors_new(&fixture->state, fixture->conf, &fixture->mirrors, sentence), ERR_CONFIG);
	assert_non_null(strstr(sentence, "quote"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_word_a_file_in_the_state_folder_gets_every_checkpoint),
		TEST(a_checkpoint_that_is_there_is_not_written_again_after_a_start),
		TEST(what_a_crash_left_of_an_entry_is_cut_off_wherever_it_was_cut),
		TEST(a_file_of_somebody_else_is_left_alone),
		TEST(a_folder_that_is_away_for_a_while_gets_the_newest_checkpoint_later),
		TEST(the_last_checkpoint_is_there_before_the_end),
		TEST(a_full_disk_is_said_and_nothing_half_stays),
		TEST(plain_git_reads_what_a_repository_has),
		TEST(a_repository_gets_the_last_checkpoint_at_the_end_and_not_each_before),
		TEST(what_is_no_repository_is_said),
		TEST(a_command_gets_the_note_on_its_input),
		TEST(a_command_that_fails_is_tried_again_and_its_last_line_shown),
		TEST(a_command_that_is_not_there_is_said),
		TEST(a_command_that_hangs_holds_up_nobody_and_leaves_nothing_behind),
		TEST(a_command_that_cannot_be_split_is_refused_at_once),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
