/* SPDX-License-Identifier: MIT
 *
 * What a program in the sandbox can and cannot do, and what the runner says about its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/probe.h"

struct fixture {
	char repository[64];
	char work[64];
};

static int fixture_make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	snprintf(fixture->repository, sizeof(fixture->repository), "/tmp/sandbox-repo-XXXXXX");
	snprintf(fixture->work, sizeof(fixture->work), "/tmp/sandbox-work-XXXXXX");
	char path[96];
	if (!mkdtemp(fixture->repository) || !mkdtemp(fixture->work))
		return -1;
	snprintf(path, sizeof(path), "%s/file", fixture->repository);
	FILE *file = fopen(path, "w");
	fputs("content\n", file);
	fclose(file);
	*state = fixture;
	return 0;
}

static int fixture_remove(void **state)
{
	struct fixture *fixture = *state;
	const char *const names[] = {"%s/file", "%s/made", "%s"};
	for (int i = 0; i < 3; i++) {
		char path[96];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), names[i], fixture->repository);
		remove(path);
		snprintf(path, sizeof(path), names[i], fixture->work);
		remove(path);
#pragma GCC diagnostic pop
	}
	free(fixture);
	return 0;
}

static struct sandbox_job job_of(void **state)
{
	const struct fixture *fixture = *state;
	return (struct sandbox_job){.repository = fixture->repository, .limits = probe_limits(), .cancel_fd = -1};
}

/* Exit status of a probe; -1 if a signal ended it. */
static int probe_status(struct sandbox_job *job, const char *name, const char *argument)
{
	struct sandbox_result result;
	assert_int_equal(probe_run(job, name, argument, &result), 0);
	int status = result.exit_status;
	assert_int_equal(result.processes_left, 0);
	sandbox_release(&result);
	return status;
}

static struct sandbox_result shell(struct sandbox_job *job, const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct sandbox_result result;
	job->argv = argv;
	assert_int_equal(sandbox_run(job, &result), 0);
	job->argv = NULL;
	return result;
}

static void assert_prints(struct sandbox_job *job, const char *script, const char *expected)
{
	struct sandbox_result result = shell(job, script);
	assert_non_null(result.out);
	assert_string_equal((const char *)result.out, expected);
	sandbox_release(&result);
}

static void test_the_sandbox_is_available_here(void **state)
{
	(void)state;
	char why[256] = "";
	if (sandbox_check(why) != 0)
		fail_msg("%s", why);
}

static void test_a_program_reads_the_repository_and_cannot_change_it(void **state)
{
	struct sandbox_job job = job_of(state);
	assert_prints(&job, "pwd; cat file", "/repo\ncontent\n");
	assert_int_equal(probe_status(&job, "write", "/repo/file"), EROFS);
	assert_int_equal(probe_status(&job, "write", "/repo/made"), EROFS);
}

static void test_the_work_folder_is_writable_and_its_content_stays(void **state)
{
	const struct fixture *fixture = *state;
	struct sandbox_job job = job_of(state);
	char path[96];
	job.work = fixture->work;
	job.in_work = true;
	assert_prints(&job, "pwd; echo made > made; cat made", "/work\nmade\n");
	snprintf(path, sizeof(path), "%s/made", fixture->work);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_nothing_else_is_writable(void **state)
{
	struct sandbox_job job = job_of(state);
	static const char *const places[] = {"/made",
					     "/usr/made",
					     "/etc/made",
					     "/dev/made",
					     "/opt/made",
					     "/opt/bunshin/bunshin",
					     "/etc/passwd",
					     "/proc/sys/kernel/core_pattern",
					     "/proc/sysrq-trigger"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (probe_status(&job, "write", places[i]) == 0)
			fail_msg("%s is writable", places[i]);
	assert_int_equal(probe_status(&job, "write", "/tmp/made"), 0);
	assert_int_equal(probe_status(&job, "write", "/dev/shm/made"), 0);
	assert_int_equal(probe_status(&job, "write", "/dev/null"), 0);
}

static void test_private_files_of_the_machine_are_not_there(void **state)
{
	struct sandbox_job job = job_of(state);
	static const char *const places[] = {"/etc/shadow", "/root",       "/home",    "/var",  "/run",
					     "/sys",        "/proc/kcore", "/etc/ssh", "/work", "/boot"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (probe_status(&job, "read", places[i]) == 0)
			fail_msg("%s can be read", places[i]);
}

static void test_the_environment_holds_only_what_was_given(void **state)
{
	struct sandbox_job job = job_of(state);
	static const char *const environment[] = {"GIVEN=with = and spaces", NULL};
	setenv("SECRET_OF_THE_RUNNER", "x", 1);
	job.environment = environment;
	assert_prints(&job, "env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= -e ^ASAN_OPTIONS= | sort",
		      "GIVEN=with = and spaces\nHOME=/tmp\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin:/opt/bunshin\n");
	unsetenv("SECRET_OF_THE_RUNNER");
}

static void test_the_network_of_the_machine_is_out_of_reach(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t bytes = sizeof(address);
	char port[16];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, bytes), 0);
	assert_int_equal(listen(listener, 4), 0);
	getsockname(listener, (struct sockaddr *)&address, &bytes);
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	assert_int_equal(probe_status(&job, "connect", port), ECONNREFUSED);
	assert_int_equal(probe_status(&job, "loopback", NULL), 0);
	close(listener);
}

static void test_namespaces_mounts_and_tracing_are_refused(void **state)
{
	struct sandbox_job job = job_of(state);
	static const unsigned long flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
					      CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		char text[32];
		snprintf(text, sizeof(text), "0x%lx", flags[i]);
		assert_int_equal(probe_status(&job, "unshare", text), EPERM);
		assert_int_equal(probe_status(&job, "clone", text), EPERM);
	}
	assert_int_equal(probe_status(&job, "clone", "0"), 0);
	assert_int_equal(probe_status(&job, "mount", NULL), EPERM);
	assert_int_equal(probe_status(&job, "ptrace", NULL), EPERM);
	assert_int_equal(probe_status(&job, "terminal", NULL), EPERM);
}

static void test_kernel_interfaces_are_refused(void **state)
{
	struct sandbox_job job = job_of(state);
	static const struct {
		long number;
		int expected;
	} calls[] = {
		{SYS_bpf, EPERM},
		{SYS_perf_event_open, EPERM},
		{SYS_userfaultfd, EPERM},
		{SYS_keyctl, EPERM},
		{SYS_process_vm_readv, EPERM},
		{SYS_process_vm_writev, EPERM},
		{SYS_kexec_load, EPERM},
		{SYS_open_by_handle_at, EPERM},
		{SYS_name_to_handle_at, EPERM},
		{SYS_setns, EPERM},
		{SYS_pivot_root, EPERM},
		{SYS_move_mount, EPERM},
		{SYS_io_uring_setup, ENOSYS},
		{SYS_clone3, ENOSYS},
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char text[32];
		snprintf(text, sizeof(text), "%ld", calls[i].number);
		assert_int_equal(probe_status(&job, "syscall", text), calls[i].expected);
	}
}

static void test_only_common_socket_families_exist(void **state)
{
	struct sandbox_job job = job_of(state);
	for (int family = 0; family < 46; family++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", family);
		bool common = family == AF_UNIX || family == AF_INET || family == AF_INET6;
		/* Of NETLINK only datagrams to the routing protocol remain. */
		if (family != AF_NETLINK)
			assert_int_equal(probe_status(&job, "socket", text), common ? 0 : EAFNOSUPPORT);
	}
}

static void test_a_program_has_no_capability_and_cannot_gain_any(void **state)
{
	struct sandbox_job job = job_of(state);
	assert_prints(&job, "id -u; grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs)' /proc/self/status",
		      "60000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n");
}

static void test_no_descriptor_of_the_runner_is_inherited(void **state)
{
	struct sandbox_job job = job_of(state);
	int leak = open("/etc/passwd", O_RDONLY); /* on purpose without O_CLOEXEC */
	assert_int_equal(probe_status(&job, "descriptors", NULL), 0);
	close(leak);
}

static void test_other_processes_of_the_machine_are_invisible(void **state)
{
	struct sandbox_job job = job_of(state);
	/* The reaper, the inner step, the shell and what it starts. */
	assert_prints(&job, "ls -d /proc/[0-9]* | wc -l | { read n; test $n -le 8 && echo few; }", "few\n");
}

static void test_exit_codes_and_signals_are_exact(void **state)
{
	struct sandbox_job job = job_of(state);
	static const int codes[] = {0, 1, 2, 77, 126, 127, 128, 137, 143, 255};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char script[32];
		snprintf(script, sizeof(script), "exit %d", codes[i]);
		struct sandbox_result result = shell(&job, script);
		assert_int_equal(result.exit_status, codes[i]);
		assert_int_equal(result.signal, 0);
		sandbox_release(&result);
	}
	static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGPIPE};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		char text[16];
		struct sandbox_result result;
		snprintf(text, sizeof(text), "%d", signals[i]);
		assert_int_equal(probe_run(&job, "signal", text, &result), 0);
		assert_int_equal(result.exit_status, -1);
		assert_int_equal(result.signal, signals[i]);
		sandbox_release(&result);
	}
}

static void test_a_program_cannot_report_its_own_end(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	assert_int_equal(probe_status(&job, "report", NULL), EACCES);
	/* Killing the messenger counts as having been killed, never as success. */
	assert_int_equal(probe_run(&job, "kill-inner", NULL, &result), 0);
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGKILL);
	sandbox_release(&result);
}

static void test_a_missing_program_is_named(void **state)
{
	struct sandbox_job job = job_of(state);
	static const char *const absent[] = {"no-such-program-anywhere", NULL};
	static const char *const no_program[] = {"/repo/file", NULL};
	struct sandbox_result result;
	job.argv = absent;
	assert_int_equal(sandbox_run(&job, &result), ERR_TOOL_MISSING);
	assert_string_equal(result.why, "no-such-program-anywhere is not installed");
	job.argv = no_program;
	assert_int_equal(sandbox_run(&job, &result), ERR_TOOL_MISSING);
	assert_non_null(strstr(result.why, "/repo/file cannot be started"));
	assert_false(sandbox_has("no-such-program-anywhere"));
	assert_true(sandbox_has("sh"));
}

static void test_stdin_is_delivered_whole(void **state)
{
	struct sandbox_job job = job_of(state);
	size_t bytes = 3000000;
	char *input = malloc(bytes);
	memset(input, 'a', bytes);
	job.input = (const uint8_t *)input;
	job.input_bytes = bytes;
	assert_prints(&job, "wc -c", "3000000\n");
	job.input = NULL;
	assert_prints(&job, "wc -c", "0\n");
	free(input);
}

static void test_output_over_the_cap_is_counted_not_kept(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	job.limits.output_bytes = 1000;
	assert_int_equal(probe_run(&job, "flood", "50000000", &result), 0);
	assert_int_equal(result.exit_status, 0);
	assert_int_equal(result.out_bytes, 1000);
	assert_int_equal(result.out_total, 50000000);
	assert_int_equal(strlen((const char *)result.out), 1000);
	assert_true(result.output_cut);
	sandbox_release(&result);
	result = shell(&job, "echo fits; echo also >&2");
	assert_false(result.output_cut);
	assert_string_equal((const char *)result.err, "also\n");
	sandbox_release(&result);
}

static void test_the_time_limit_ends_everything(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	job.limits.wall_ms = 300;
	assert_int_equal(probe_run(&job, "sleep", NULL, &result), 0);
	assert_true(result.timed_out);
	assert_false(result.cancelled);
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGKILL);
	assert_int_equal(result.processes_left, 0);
	assert_string_equal(result.why, "ended because its 300 ms were over");
	sandbox_release(&result);
}

static void test_cancel_ends_everything(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	int cancel[2];
	assert_int_equal(pipe(cancel), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	job.cancel_fd = cancel[0];
	assert_int_equal(probe_run(&job, "sleep", NULL, &result), 0);
	assert_true(result.cancelled);
	assert_false(result.timed_out);
	assert_int_equal(result.processes_left, 0);
	sandbox_release(&result);
	close(cancel[0]);
	close(cancel[1]);
}

static void test_memory_is_bounded(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	job.limits.memory_bytes = 96u << 20;
	assert_int_equal(probe_run(&job, "memory", "1000000", &result), 0);
	assert_int_equal(result.exit_status, 0);
	assert_false(result.limit_reached);
	sandbox_release(&result);
	assert_int_equal(probe_run(&job, "memory", "2000000000", &result), 0);
	assert_int_not_equal(result.exit_status, 0);
	assert_true(result.peak_rss_kb < 400u * 1024);
	sandbox_release(&result);
}

static void test_a_fork_bomb_is_bounded(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	job.limits.processes = 40;
	assert_int_equal(probe_run(&job, "bomb", NULL, &result), 0);
	assert_true(result.limit_reached || atoi((const char *)result.out) <= 44);
	assert_true(result.processes_ended >= 30);
	assert_int_equal(result.processes_left, 0);
	sandbox_release(&result);
}

static void test_files_and_scratch_are_bounded(void **state)
{
	struct sandbox_job job = job_of(state);
	job.limits.file_bytes = 1u << 20;
	assert_int_equal(probe_status(&job, "big-file", "1048576"), 0);
	assert_int_equal(probe_status(&job, "big-file", "1048577"), EFBIG);
	job.limits.file_bytes = 64u << 20;
	job.limits.scratch_bytes = 4u << 20;
	assert_int_equal(probe_status(&job, "scratch", "33554432"), ENOSPC);
}

/* In a mount namespace of its own, with a disk that has little more than the reserve. */
static int fill_small_disk(const char *folder)
{
	struct sandbox_job job = {.work = folder, .in_work = true, .limits = probe_limits(), .cancel_fd = -1};
	const char *const argv[] = {"sh", "-c", "head -c 60000000 /dev/zero > fill; sleep 60", NULL};
	struct sandbox_result result;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", folder, "tmpfs", 0, "size=300m") != 0)
		return 77;
	job.argv = argv;
	if (sandbox_run(&job, &result) != 0)
		return 1;
	bool ended = result.limit_reached && strstr(result.why, "disk") && result.processes_left == 0;
	sandbox_release(&result);
	return ended ? 0 : 2;
}

static void test_the_disk_of_the_machine_is_not_filled(void **state)
{
	const struct fixture *fixture = *state;
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(fill_small_disk(fixture->work));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* only root can make such a disk */
	assert_int_equal(status, 0);
}

static void test_time_and_memory_used_are_measured(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	assert_int_equal(probe_run(&job, "memory", "52428800", &result), 0);
	assert_true(result.peak_rss_kb >= 50u * 1024);
	sandbox_release(&result);
	result = shell(&job, "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
	assert_true(result.cpu_ms >= 10);
	assert_true(result.wall_ms >= result.cpu_ms / 4);
	sandbox_release(&result);
}

static void test_a_missing_repository_is_refused(void **state)
{
	struct sandbox_job job = job_of(state);
	static const char *const argv[] = {"true", NULL};
	struct sandbox_result result;
	job.argv = argv;
	job.repository = "/no/such/folder";
	assert_int_equal(sandbox_run(&job, &result), ERR_SANDBOX);
	assert_non_null(strstr(result.why, "/no/such/folder"));
}

static void test_without_bubblewrap_nothing_runs(void **state)
{
	struct fixture *fixture = *state;
	struct sandbox_job job = job_of(state);
	char *path = strdup(getenv("PATH"));
	char why[256];
	char made[96];
	snprintf(made, sizeof(made), "%s/made", fixture->work);
	setenv("PATH", "/nowhere:/no/where", 1);
	const char *const argv[] = {"sh", "-c", "echo > /work/made", NULL};
	struct sandbox_result result;
	job.argv = argv;
	job.work = fixture->work;
	assert_int_equal(sandbox_run(&job, &result), ERR_SANDBOX);
	assert_non_null(strstr(result.why, "apt-get install bubblewrap"));
	assert_int_equal(sandbox_check(why), ERR_SANDBOX);
	setenv("PATH", path, 1);
	free(path);
	assert_int_not_equal(access(made, F_OK), 0);
}

static void test_a_job_without_limits_is_refused(void **state)
{
	struct sandbox_job job = job_of(state);
	struct sandbox_result result;
	job.limits.memory_bytes = 0;
	assert_int_equal(probe_run(&job, "sleep", NULL, &result), ERR_SANDBOX);
	assert_non_null(strstr(result.why, "limit"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_make, fixture_remove)

int main(int argc, char **argv)
{
	int status = 0;
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sandbox_is_available_here),
		TEST(test_a_program_reads_the_repository_and_cannot_change_it),
		TEST(test_the_work_folder_is_writable_and_its_content_stays),
		TEST(test_nothing_else_is_writable),
		TEST(test_private_files_of_the_machine_are_not_there),
		TEST(test_the_environment_holds_only_what_was_given),
		TEST(test_the_network_of_the_machine_is_out_of_reach),
		TEST(test_namespaces_mounts_and_tracing_are_refused),
		TEST(test_kernel_interfaces_are_refused),
		TEST(test_only_common_socket_families_exist),
		TEST(test_a_program_has_no_capability_and_cannot_gain_any),
		TEST(test_no_descriptor_of_the_runner_is_inherited),
		TEST(test_other_processes_of_the_machine_are_invisible),
		TEST(test_exit_codes_and_signals_are_exact),
		TEST(test_a_program_cannot_report_its_own_end),
		TEST(test_a_missing_program_is_named),
		TEST(test_stdin_is_delivered_whole),
		TEST(test_output_over_the_cap_is_counted_not_kept),
		TEST(test_the_time_limit_ends_everything),
		TEST(test_cancel_ends_everything),
		TEST(test_memory_is_bounded),
		TEST(test_a_fork_bomb_is_bounded),
		TEST(test_files_and_scratch_are_bounded),
		TEST(test_the_disk_of_the_machine_is_not_filled),
		TEST(test_time_and_memory_used_are_measured),
		TEST(test_a_missing_repository_is_refused),
		TEST(test_without_bubblewrap_nothing_runs),
		TEST(test_a_job_without_limits_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
