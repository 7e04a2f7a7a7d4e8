/* SPDX-License-Identifier: MIT
 *
 * Programs that take all there is: disk, memory, processes, descriptors, time. Each is ended or refused by its limit, nothing of it stays, and with a
 * limit that is far away it goes on as if there were none, so that the check can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/workspace/probe.h"

#define MB 1000000ull

/* Whoever is to be ended waits for it; whoever is not stays for two weighings. */
#define PAUSE "sleep $PAUSE_S; exit 42"

struct folders {
	char base[48];
	char work[64];
	char home[64];
	char notes[64];
};

static int folders_make(void **state)
{
	struct folders *folders = calloc(1, sizeof(*folders));
	snprintf(folders->base, sizeof(folders->base), "/tmp/ends-XXXXXX");
	if (!mkdtemp(folders->base))
		return -1;
	snprintf(folders->work, sizeof(folders->work), "%s/work", folders->base);
	snprintf(folders->home, sizeof(folders->home), "%s/home", folders->base);
	snprintf(folders->notes, sizeof(folders->notes), "%s/notes", folders->base);
	*state = folders;
	return mkdir(folders->work, 0700) || mkdir(folders->home, 0700) || mkdir(folders->notes, 0700);
}

static int folders_remove(void **state)
{
	struct folders *folders = *state;
	char command[160];
	snprintf(command, sizeof(command), "chmod -R u+rwX '%s'; rm -rf '%s'", folders->base, folders->base);
	free(folders);
	return system(command);
}

static struct sandbox_job agent(void **state, struct sandbox_mount *notes)
{
	const struct folders *folders = *state;
	struct sandbox_job job = {.limits = probe_limits(), .cancel_fd = -1, .in_work = true, .disk_bytes = 20 * MB};
	*notes = (struct sandbox_mount){folders->notes, "/notes", true};
	job.work = folders->work;
	job.home = folders->home;
	job.mounts = notes;
	job.mount_count = 1;
	job.limits.file_bytes = 200 * MB;
	return job;
}

static struct sandbox_result shell(struct sandbox_job *job, const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct sandbox_result result;
	job->argv = argv;
	int rc = sandbox_run(job, &result);
	if (rc)
		fail_msg("%s", result.why);
	assert_int_equal(result.processes_left, 0);
	job->argv = NULL;
	return result;
}

static const char *const to_be_ended[] = {"PAUSE_S=60", NULL};
static const char *const to_go_on[] = {"PAUSE_S=0.5", NULL};

/* Ended by the limit; with a limit that is ten times as far it comes to its end. */
static void assert_disk_limited(void **state, const char *script)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.environment = to_be_ended;
	struct sandbox_result result = shell(&job, script);
	if (!result.limit_reached || !strstr(result.why, "folders it may write") || result.signal != SIGKILL)
		fail_msg("%s: exit %d, %s", script, result.exit_status, result.why);
	sandbox_release(&result);
	result = shell(&job, "rm -rf /work/* /notes/* $HOME/*");
	sandbox_release(&result);
	job.disk_bytes = 400 * MB;
	job.environment = to_go_on;
	result = shell(&job, script);
	if (result.limit_reached || result.exit_status != 42)
		fail_msg("%s: exit %d, %s", script, result.exit_status, result.why);
	sandbox_release(&result);
}

static void test_one_large_file(void **state)
{
	assert_disk_limited(state, "head -c 25000000 /dev/zero > large; " PAUSE);
}

static void test_files_in_all_writable_folders_together(void **state)
{
	assert_disk_limited(state, "for at in /work $HOME /notes; do head -c 8000000 /dev/zero > $at/part; done; " PAUSE);
}

static void test_very_many_empty_files(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.disk_bytes = 2 * MB;
	job.environment = to_be_ended;
	struct sandbox_result result = shell(&job, "seq 5000 | xargs touch; " PAUSE);
	assert_true(result.limit_reached);
	sandbox_release(&result);
	job.disk_bytes = 20 * MB;
	job.environment = to_go_on;
	result = shell(&job, PAUSE);
	assert_int_equal(result.exit_status, 42);
	sandbox_release(&result);
}

static void test_a_file_without_a_name(void **state)
{
	assert_disk_limited(state, "exec 9> gone; rm gone; head -c 25000000 /dev/zero >&9; " PAUSE);
}

static void test_a_file_with_many_names_weighs_once(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.environment = to_go_on;
	struct sandbox_result result =
		shell(&job, "head -c 8000000 /dev/zero > one; for i in 2 3 4 5 6; do ln one $i; done; " PAUSE);
	assert_int_equal(result.exit_status, 42);
	sandbox_release(&result);
}

static void test_a_sparse_file_weighs_what_it_takes(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.environment = to_go_on;
	struct sandbox_result result = shell(&job, "truncate -s 150000000 sparse; " PAUSE);
	assert_int_equal(result.exit_status, 42);
	sandbox_release(&result);
}

static void test_links_to_large_things_weigh_nothing(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.environment = to_go_on;
	struct sandbox_result result = shell(&job, "ln -s /usr usr; ln -s / root; ln -s . self; " PAUSE);
	assert_int_equal(result.exit_status, 42);
	sandbox_release(&result);
}

/* A tree that cannot be read or is very deep keeps nobody from weighing the rest, and the runner from its other duties. */
static void test_a_hostile_tree_is_no_hindrance(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.environment = to_be_ended;
	struct sandbox_result result = shell(
		&job,
		"mkfifo pipe; mkdir locked; chmod 0 locked; i=0; while test $i -lt 300; do mkdir d && cd d; i=$((i+1)); done; "
		"head -c 25000000 /dev/zero > /work/large; " PAUSE);
	assert_true(result.limit_reached);
	sandbox_release(&result);
}

static void test_scratch_folders_have_a_size(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.limits.scratch_bytes = 4 * MB;
	struct sandbox_result result = shell(&job, "head -c 9000000 /dev/zero > /tmp/large || exit 1; exit 0");
	assert_int_equal(result.exit_status, 1);
	assert_non_null(strstr((const char *)result.err, "No space left"));
	sandbox_release(&result);
	result = shell(&job, "head -c 100000000 /dev/zero > /dev/shm/large || exit 1; exit 0");
	assert_int_equal(result.exit_status, 1);
	sandbox_release(&result);
	job.limits.scratch_bytes = 32 * MB;
	result = shell(&job, "head -c 9000000 /dev/zero > /tmp/large || exit 1; exit 0");
	assert_int_equal(result.exit_status, 0);
	sandbox_release(&result);
}

static void test_a_fork_bomb_of_a_shell(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.limits.processes = 40;
	job.limits.wall_ms = 1500;
	struct sandbox_result result = shell(&job, "bomb() { bomb | bomb & }; bomb; sleep 60");
	assert_true(result.timed_out || result.limit_reached || result.exit_status != 0);
	assert_true(result.processes_ended <= 44);
	sandbox_release(&result);
}

static void test_descriptors_are_bounded(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	struct sandbox_result result = shell(&job, "ulimit -n; ulimit -c; ulimit -Hn");
	assert_string_equal((const char *)result.out, "1024\n0\n1024\n");
	sandbox_release(&result);
}

static void test_a_loop_without_end_is_ended(void **state)
{
	struct sandbox_mount notes;
	struct sandbox_job job = agent(state, &notes);
	job.limits.wall_ms = 400;
	struct sandbox_result result = shell(&job, "while :; do :; done");
	assert_true(result.timed_out);
	assert_true(result.wall_ms < 5000);
	sandbox_release(&result);
}

/* What an agent leaves can be read and removed by whoever ran it, whatever modes it gave. */
static void test_what_was_written_belongs_to_the_runner(void **state)
{
	const struct folders *folders = *state;
	struct sandbox_mount notes;
	struct stat status;
	char path[96];
	struct sandbox_job job = agent(state, &notes);
	struct sandbox_result result =
		shell(&job, "id -u; echo text > file; chmod 600 file; chmod 0 . ; echo $HOME; echo x > $HOME/y");
	snprintf(path, sizeof(path), "60000\n%s\n", folders->home);
	assert_string_equal((const char *)result.out, path);
	sandbox_release(&result);
	assert_int_equal(chmod(folders->work, 0700), 0);
	snprintf(path, sizeof(path), "%s/file", folders->work);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, geteuid());
	assert_int_equal(access(path, R_OK | W_OK), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, folders_make, folders_remove)

int main(int argc, char **argv)
{
	int status = 0;
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		TEST(test_one_large_file),
		TEST(test_files_in_all_writable_folders_together),
		TEST(test_very_many_empty_files),
		TEST(test_a_file_without_a_name),
		TEST(test_a_file_with_many_names_weighs_once),
		TEST(test_a_sparse_file_weighs_what_it_takes),
		TEST(test_links_to_large_things_weigh_nothing),
		TEST(test_a_hostile_tree_is_no_hindrance),
		TEST(test_scratch_folders_have_a_size),
		TEST(test_a_fork_bomb_of_a_shell),
		TEST(test_descriptors_are_bounded),
		TEST(test_a_loop_without_end_is_ended),
		TEST(test_what_was_written_belongs_to_the_runner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
