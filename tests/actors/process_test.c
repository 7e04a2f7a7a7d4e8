/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/process.h"
#include "actors/sweep.h"

#define PATIENCE_MS 20000

static char own[32]; /* a tag that no other run of this test has */

static struct process_job job_of(const char *const *argv)
{
	return (struct process_job){.argv = argv,
				    .tag = own,
				    .in = STREAM_NULL,
				    .out = STREAM_NULL,
				    .err = STREAM_INHERIT,
				    .notify_fd = -1,
				    .lifeline_fd = -1};
}

static bool readable(int fd)
{
	struct pollfd item = {.fd = fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&item, 1, PATIENCE_MS);
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

/* Everything until the end of the pipe. */
static size_t read_to_end(int fd, char *out, size_t capacity)
{
	size_t bytes = 0;

	for (;;) {
		assert_true(readable(fd));
		ssize_t got = read(fd, out + bytes, capacity - 1 - bytes);
		assert_true(got >= 0);
		if (!got)
			break;
		bytes += (size_t)got;
	}
	out[bytes] = '\0';
	return bytes;
}

static void read_lines(int fd, unsigned wanted)
{
	char byte;

	while (wanted) {
		assert_true(readable(fd));
		ssize_t got = read(fd, &byte, 1);
		assert_true(got == 1 || (got < 0 && errno == EAGAIN));
		wanted -= got == 1 && byte == '\n';
	}
}

static struct process_exit run_to_end(const struct process_job *job, char *out, size_t capacity)
{
	struct process process;
	struct process_exit end;

	assert_int_equal(process_spawn(job, &process), 0);
	if (out)
		read_to_end(process.out, out, capacity);
	assert_true(readable(process.pidfd));
	assert_true(process_reap(&process, &end));
	if (process.out >= 0)
		close(process.out);
	return end;
}

/* ---- starting ---- */

static void test_a_child_tells_its_exit(void **context)
{
	const char *const three[] = {"sh", "-c", "exit 3", NULL}, *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
	struct process_job job = job_of(three);

	(void)context;
	struct process_exit end = run_to_end(&job, NULL, 0);
	assert_int_equal(end.status, 3);
	assert_int_equal(end.signal, 0);
	job.argv = killed;
	end = run_to_end(&job, NULL, 0);
	assert_int_equal(end.status, -1);
	assert_int_equal(end.signal, SIGKILL);
}

static void test_a_program_that_is_not_there_is_told_at_once(void **context)
{
	const char *const absent[] = {"no-such-program-anywhere", NULL}, *const path[] = {"/nonexistent/program", NULL},
			  *const folder[] = {"/tmp", NULL}, *const good[] = {"true", NULL};
	struct process process;
	struct process_job job = job_of(absent);

	(void)context;
	assert_int_equal(process_spawn(&job, &process), ERR_TOOL_MISSING);
	job.argv = path;
	assert_int_equal(process_spawn(&job, &process), ERR_TOOL_MISSING);
	job.argv = folder;
	assert_int_equal(process_spawn(&job, &process), ERR_TOOL_MISSING);
	job.argv = good;
	job.folder = "/nonexistent";
	assert_int_equal(process_spawn(&job, &process), ERR_SYSTEM);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left of it */
	assert_int_equal(errno, ECHILD);
}

static void test_a_child_has_no_descriptor_but_its_own(void **context)
{
	const char *const argv[] = {"ls", "/proc/self/fd", NULL};
	struct process_job job = job_of(argv);
	char out[256];
	int leak = fcntl(0, F_DUPFD, 100); /* not close-on-exec, and higher than what the child is given */
	int ends[2];

	(void)context;
	assert_int_equal(pipe(ends), 0);
	job.out = STREAM_PIPE;
	run_to_end(&job, out, sizeof(out));
	assert_string_equal(out, "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
	job.notify_fd = ends[1];
	job.lifeline_fd = ends[0];
	run_to_end(&job, out, sizeof(out));
	assert_string_equal(out, "0\n1\n2\n3\n4\n5\n");
	close(leak);
	close(ends[0]);
	close(ends[1]);
}

static void test_the_streams_are_what_was_asked_for(void **context)
{
	const char *const argv[] = {"sh", "-c", "cat; echo problem >&2", NULL};
	struct process_job job = job_of(argv);
	struct process process;
	struct process_end end;
	char out[64], err[64];

	(void)context;
	job.in = job.out = job.err = STREAM_PIPE;
	assert_int_equal(process_spawn(&job, &process), 0);
	assert_int_equal(write(process.in, "text", 4), 4);
	close(process.in);
	process.in = -1;
	read_to_end(process.out, out, sizeof(out));
	read_to_end(process.err, err, sizeof(err));
	assert_string_equal(out, "text");
	assert_string_equal(err, "problem\n");
	assert_true(readable(process.pidfd));
	process_end(&process, 0, &end);
	assert_int_equal(end.exit.status, 0);
	job.in = STREAM_NULL;
	job.err = STREAM_OUT;
	run_to_end(&job, out, sizeof(out));
	assert_string_equal(out, "problem\n");
}

static void test_low_descriptors_of_the_caller_are_not_mixed_up(void **context)
{
	const char *const argv[] = {"sh", "-c", "echo out; echo err >&2; echo notify >&3", NULL};
	struct process_job job = job_of(argv);
	char out[64], err[64], notify[64];
	int a[2], b[2], c[2];

	(void)context;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(pipe(c), 0);
	job.out = a[1];
	job.err = b[1];
	job.notify_fd = c[1];
	run_to_end(&job, NULL, 0);
	close(a[1]);
	close(b[1]);
	close(c[1]);
	read_to_end(a[0], out, sizeof(out));
	read_to_end(b[0], err, sizeof(err));
	read_to_end(c[0], notify, sizeof(notify));
	assert_string_equal(out, "out\n");
	assert_string_equal(err, "err\n");
	assert_string_equal(notify, "notify\n");
	close(a[0]);
	close(b[0]);
	close(c[0]);
}

static void test_tags_nest_and_variables_are_replaced(void **context)
{
	const char *const argv[] = {"sh", "-c", "echo $BUNSHIN_TAG $MINE $BUNSHIN_NOTIFY_FD-$BUNSHIN_LIFELINE_FD $KEPT", NULL};
	const char *const environment[] = {"MINE=new", NULL};
	struct process_job job = job_of(argv);
	char out[128], expected[128];

	(void)context;
	setenv("MINE", "old", 1);
	setenv("KEPT", "kept", 1);
	setenv(NOTIFY_VARIABLE, "17", 1);
	setenv(LIFELINE_VARIABLE, "18", 1);
	job.environment = environment;
	job.out = STREAM_PIPE;
	run_to_end(&job, out, sizeof(out));
	snprintf(expected, sizeof(expected), "%s new - kept\n", own);
	assert_string_equal(out, expected);
	setenv(TAG_VARIABLE, "outer", 1);
	run_to_end(&job, out, sizeof(out));
	snprintf(expected, sizeof(expected), "outer/%s new - kept\n", own);
	assert_string_equal(out, expected);
	job.clear_environment = true;
	run_to_end(&job, out, sizeof(out));
	snprintf(expected, sizeof(expected), "outer/%s new -\n", own);
	assert_string_equal(out, expected);
	unsetenv(TAG_VARIABLE);
	unsetenv(NOTIFY_VARIABLE);
	unsetenv(LIFELINE_VARIABLE);
}

static void test_a_child_starts_with_clean_signals_and_a_private_umask(void **context)
{
	const char *const argv[] = {"grep", "-E", "^(Umask|Sig(Blk|Ign))", "/proc/self/status", NULL};
	struct process_job job = job_of(argv);
	char out[128];
	sigset_t set, old;

	(void)context;
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, &old);
	signal(SIGUSR1, SIG_IGN);
	job.out = STREAM_PIPE;
	run_to_end(&job, out, sizeof(out));
	signal(SIGUSR1, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_string_equal(out, "Umask:\t0077\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_readiness_and_the_lifeline_reach_the_child(void **context)
{
	int ends[2], child_status;
	char byte = 0, more;

	(void)context;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (!pid) {
		char text[16];
		snprintf(text, sizeof(text), "%d", ends[1]);
		setenv(NOTIFY_VARIABLE, text, 1);
		process_notify_ready();
		process_notify_ready(); /* the second has no effect */
		unsetenv(LIFELINE_VARIABLE);
		if (process_lifeline_fd() != -1)
			_exit(1);
		snprintf(text, sizeof(text), "%d", ends[0]);
		setenv(LIFELINE_VARIABLE, text, 1);
		_exit(process_lifeline_fd() == ends[0] ? 0 : 2);
	}
	close(ends[1]);
	assert_true(readable(ends[0]));
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '\n');
	assert_int_equal(waitpid(pid, &child_status, 0), pid);
	assert_int_equal(child_status, 0);
	assert_int_equal(read(ends[0], &more, 1), 0);
	close(ends[0]);
}

/* ---- ending ---- */

struct style {
	const char *name;
	unsigned processes; /* lines to wait for */
};

static const struct style styles[] = {{"quiet", 1}, {"deaf", 1}, {"group", 2},   {"session", 2}, {"daemon", 2},
				      {"bare", 2},  {"liar", 2}, {"stopped", 2}, {"chain", 13},  {"swarm", 40}};
#define STYLES (sizeof(styles) / sizeof(styles[0]))

static const char restless[] = BUILD_DIR "/tests/actors/restless";

static void restless_start(const struct style *style, struct process *process)
{
	const char *const argv[] = {restless, style->name, NULL};
	struct process_job job = job_of(argv);

	job.out = STREAM_PIPE;
	assert_int_equal(process_spawn(&job, process), 0);
	read_lines(process->out, style->processes);
}

/* All writers are gone exactly when the pipe ends. */
static void assert_pipe_ended(int fd)
{
	char rest[64];

	read_to_end(fd, rest, sizeof(rest));
	close(fd);
}

static void test_ending_a_process_leaves_none_of_its_descendants(void **context)
{
	(void)context;
	for (size_t i = 0; i < STYLES; i++) {
		struct process process;
		struct process_end end;
		restless_start(&styles[i], &process);
		int pipe_end = dup(process.out);
		process_end(&process, 20, &end);
		print_message("%-8s %u ended, %u left\n", styles[i].name, end.ended, end.left);
		assert_int_equal(end.left, 0);
		assert_pipe_ended(pipe_end);
		assert_int_equal(process.pid, 0);
		assert_int_equal(process_count_tag(own), 0);
	}
}

static void test_what_a_dead_leader_left_behind_is_ended(void **context)
{
	(void)context;
	for (size_t i = 0; i < STYLES; i++) {
		struct process process;
		struct process_end end;
		struct process_exit how;
		restless_start(&styles[i], &process);
		int pipe_end = dup(process.out);
		process_signal(&process, SIGKILL);
		assert_true(readable(process.pidfd));
		if (i % 2)
			assert_true(process_reap(&process, &how));
		process_end(&process, 0, &end);
		assert_int_equal(end.left, 0);
		assert_true(end.ended >= styles[i].processes - 1);
		assert_pipe_ended(pipe_end);
	}
}

static void test_a_leader_that_ends_by_itself_keeps_its_exit_and_leaves_nobody(void **context)
{
	const struct style leaver = {"bare-leaver", 1};
	struct process process;
	struct process_end end;

	(void)context;
	restless_start(&leaver, &process);
	int pipe_end = dup(process.out);
	assert_true(readable(process.pidfd));
	process_end(&process, 0, &end);
	assert_int_equal(end.exit.status, 7);
	assert_int_equal(end.ended, 1);
	assert_pipe_ended(pipe_end);
}

static void test_an_orderly_end_is_not_counted_as_a_killing(void **context)
{
	const char *const argv[] = {"sh", "-c", "trap 'exit 5' TERM; echo; while :; do sleep 0.01; done", NULL};
	struct process_job job = job_of(argv);
	struct process process;
	struct process_end end;

	(void)context;
	job.out = STREAM_PIPE;
	assert_int_equal(process_spawn(&job, &process), 0);
	read_lines(process.out, 1);
	process_end(&process, PATIENCE_MS, &end);
	assert_int_equal(end.exit.status, 5);
	assert_int_equal(end.ended, 0);
	assert_int_equal(end.left, 0);
}

static void test_ending_one_process_spares_the_others(void **context)
{
	const char *const argv[] = {restless, "daemon", NULL};
	struct process_job job = job_of(argv);
	struct process one, two;
	struct process_end end;
	char first[48], second[48];

	(void)context;
	job.out = STREAM_PIPE;
	snprintf(first, sizeof(first), "%s-one", own);
	snprintf(second, sizeof(second), "%s-two", own);
	job.tag = first;
	assert_int_equal(process_spawn(&job, &one), 0);
	job.tag = second;
	assert_int_equal(process_spawn(&job, &two), 0);
	read_lines(one.out, 2);
	read_lines(two.out, 2);
	process_end(&one, 0, &end);
	assert_int_equal(end.ended, 2);
	assert_int_equal(process_count_tag(second), 2);
	assert_int_equal(process_count_tag(first), 0);
	process_end(&two, 0, &end);
	assert_int_equal(end.ended, 2);
}

/* A parent that is killed without a word, while its child runs. Returns the child's pipe. */
static int killed_parent(const struct style *style, const char *tag)
{
	int ends[2], status;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (!pid) {
		const char *const argv[] = {restless, style->name, NULL};
		struct process_job job = job_of(argv);
		struct process process;
		job.out = ends[1];
		job.tag = tag;
		if (process_spawn(&job, &process))
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	read_lines(ends[0], style->processes);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return ends[0];
}

static void test_a_child_dies_with_its_parent(void **context)
{
	const struct style deaf = {"deaf", 1};

	(void)context;
	assert_pipe_ended(killed_parent(&deaf, own)); /* nobody sweeps */
}

static void test_leftovers_of_a_killed_parent_are_found_by_tag(void **context)
{
	char tag[48];

	(void)context;
	snprintf(tag, sizeof(tag), "%s/child", own);
	for (size_t i = 0; i < STYLES; i++) {
		int pipe_end = killed_parent(&styles[i], tag);
		uint32_t left;
		process_sweep_tag(tag, &left);
		assert_int_equal(left, 0);
		process_sweep_descendants(&left); /* who has thrown away the tag came to us as the subreaper */
		assert_int_equal(left, 0);
		assert_pipe_ended(pipe_end);
	}
}

static void test_orphans_are_reaped_and_children_are_not(void **context)
{
	const char *const argv[] = {"sh", "-c", "(sh -c 'echo x; exec sleep 0' &) ; exit 4", NULL};
	struct process_job job = job_of(argv);
	struct process process;
	struct process_exit how;
	char out[16];

	(void)context;
	job.out = STREAM_PIPE;
	assert_int_equal(process_spawn(&job, &process), 0);
	read_to_end(process.out, out, sizeof(out));
	assert_true(readable(process.pidfd));
	process_reap_orphans();
	assert_true(process_reap(&process, &how));
	assert_int_equal(how.status, 4);
	close(process.out);
	for (siginfo_t info = {.si_pid = 0}; !waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);) /* until there is no child at all */
		process_reap_orphans();
	assert_int_equal(errno, ECHILD);
}

static void test_a_number_that_passed_on_is_not_opened(void **context)
{
	uint64_t ticks = process_start_ticks(getpid());

	(void)context;
	assert_true(ticks > 0);
	assert_int_equal(process_open(getpid(), ticks + 1), -1);
	int fd = process_open(getpid(), ticks);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(process_start_ticks(0x7fffffff), 0);
}

static void test_a_tag_matches_by_whole_parts(void **context)
{
	(void)context;
	assert_true(tag_contains("a/b/c", "a/b/c"));
	assert_true(tag_contains("a/b/c", "a"));
	assert_true(tag_contains("a/b/c", "b"));
	assert_true(tag_contains("a/b/c", "b/c"));
	assert_true(tag_contains("ab/b", "b"));
	assert_false(tag_contains("ab/bc", "b"));
	assert_false(tag_contains("a/b/c", "a/c"));
	assert_false(tag_contains("a/b/c", "/b"));
	assert_false(tag_contains("a", "a/b"));
	assert_false(tag_contains("a", ""));
	assert_false(tag_contains("", "a"));
}

static int adopt(void **context)
{
	(void)context;
	snprintf(own, sizeof(own), "test-%d", (int)getpid());
	return process_adopt_orphans();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_tells_its_exit),
		cmocka_unit_test(test_a_program_that_is_not_there_is_told_at_once),
		cmocka_unit_test(test_a_child_has_no_descriptor_but_its_own),
		cmocka_unit_test(test_the_streams_are_what_was_asked_for),
		cmocka_unit_test(test_low_descriptors_of_the_caller_are_not_mixed_up),
		cmocka_unit_test(test_tags_nest_and_variables_are_replaced),
		cmocka_unit_test(test_a_child_starts_with_clean_signals_and_a_private_umask),
		cmocka_unit_test(test_readiness_and_the_lifeline_reach_the_child),
		cmocka_unit_test(test_ending_a_process_leaves_none_of_its_descendants),
		cmocka_unit_test(test_what_a_dead_leader_left_behind_is_ended),
		cmocka_unit_test(test_a_leader_that_ends_by_itself_keeps_its_exit_and_leaves_nobody),
		cmocka_unit_test(test_an_orderly_end_is_not_counted_as_a_killing),
		cmocka_unit_test(test_ending_one_process_spares_the_others),
		cmocka_unit_test(test_a_child_dies_with_its_parent),
		cmocka_unit_test(test_leftovers_of_a_killed_parent_are_found_by_tag),
		cmocka_unit_test(test_orphans_are_reaped_and_children_are_not),
		cmocka_unit_test(test_a_number_that_passed_on_is_not_opened),
		cmocka_unit_test(test_a_tag_matches_by_whole_parts),
	};
	return cmocka_run_group_tests(tests, adopt, NULL);
}
