/* SPDX-License-Identifier: MIT
 *
 * The supervisor with real processes: shell scripts that say what they do through a named pipe, and programs that do not want to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "actors/supervisor.h"
#include "tests/actors/scratch.h"

#define PATIENCE_MS  30000
#define CHILDREN_MAX 16

struct fixture {
	char *scratch;
	struct state_folder state;
	char sentence[SENTENCE_BYTES];
	char trace_variable[PATH_BYTES], trace_path[PATH_BYTES];
	int trace;
	struct child_spec child[CHILDREN_MAX];
	struct child_list list;
	struct supervisor_options options;
	struct supervisor_view view;
};

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[PATH_BYTES];

	*context = fixture;
	fixture->scratch = scratch_make();
	snprintf(path, sizeof(path), "%s/state", fixture->scratch);
	assert_int_equal(state_open(path, &fixture->state, fixture->sentence), 0);
	snprintf(fixture->trace_path, sizeof(fixture->trace_path), "%s/trace", fixture->scratch);
	snprintf(fixture->trace_variable, sizeof(fixture->trace_variable), "TRACE=%s/trace", fixture->scratch);
	assert_int_equal(mkfifo(fixture->trace_path, 0600), 0);
	fixture->trace = open(fixture->trace_path, O_RDWR | O_CLOEXEC); /* writing, too: so it never ends */
	fixture->list.child = fixture->child;
	fixture->options = (struct supervisor_options){
		.state = &fixture->state,
		.children = &fixture->list,
		.policy = {.intensity = 5, .window_ms = 30000, .backoff_first_ms = 1, .backoff_max_ms = 10, .reset_ms = 60000},
		.ready_timeout_ms = PATIENCE_MS,
		.stop_grace_ms = PATIENCE_MS};
	return 0;
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;

	if (supervisor_stop(&fixture->state, PATIENCE_MS, fixture->sentence) == ERR_TIMEOUT)
		print_error("%s\n", fixture->sentence);
	close(fixture->trace);
	scratch_remove(fixture->scratch);
	free(fixture);
	return 0;
}

static struct child_spec *add(struct fixture *fixture, const char *name, uint32_t order, const char *script)
{
	struct child_spec *child = &fixture->child[fixture->list.count++];

	snprintf(child->name, sizeof(child->name), "%s", name);
	child->order = order;
	child->argv[0] = "sh";
	child->argv[1] = "-c";
	child->argv[2] = script;
	child->argv[3] = name;
	child->environment[0] = fixture->trace_variable;
	return child;
}

/* Says its name, is ready, stays until told to stop, and says so. */
#define WORKER                                                                                                                   \
	"trap 'echo $0-stopped >$TRACE; exit 0' TERM; trap 'echo $0-reloaded >$TRACE' HUP; "                                     \
	"echo $0 >$TRACE; [ -z \"$BUNSHIN_NOTIFY_FD\" ] || echo >&3; while :; do sleep 1000 & wait $!; done"

static bool readable(int fd)
{
	struct pollfd item = {.fd = fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&item, 1, PATIENCE_MS);
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

static void next_line(struct fixture *fixture, char out[64])
{
	size_t bytes = 0;

	for (;;) {
		assert_true(readable(fixture->trace));
		assert_int_equal(read(fixture->trace, out + bytes, 1), 1);
		if (out[bytes] == '\n' || bytes == 62)
			break;
		bytes++;
	}
	out[bytes] = '\0';
}

static void expect(struct fixture *fixture, const char *line)
{
	char got[64];

	next_line(fixture, got);
	assert_string_equal(got, line);
}

/* Both, in either order. */
static void expect_two(struct fixture *fixture, const char *one, const char *two)
{
	char got[64];

	next_line(fixture, got);
	bool first = !strcmp(got, one);
	assert_string_equal(got, first ? one : two);
	expect(fixture, first ? two : one);
}

static bool trace_is_empty(const struct fixture *fixture)
{
	struct pollfd item = {.fd = fixture->trace, .events = POLLIN};
	return poll(&item, 1, 0) == 0;
}

static void start(struct fixture *fixture)
{
	int rc = supervisor_start(&fixture->options, fixture->sentence);
	if (rc)
		print_error("%s\n", fixture->sentence);
	assert_int_equal(rc, 0);
}

static void stop(struct fixture *fixture)
{
	assert_int_equal(supervisor_stop(&fixture->state, PATIENCE_MS, fixture->sentence), 0);
	assert_string_equal(fixture->sentence, "");
}

static const struct child_view *look(struct fixture *fixture, const char *name)
{
	assert_int_equal(supervisor_look(&fixture->state, &fixture->view, fixture->sentence), 0);
	for (size_t i = 0; i < fixture->view.count; i++)
		if (!strcmp(fixture->view.child[i].name, name))
			return &fixture->view.child[i];
	fail_msg("no child %s", name);
	return NULL;
}

/* Waits, without a clock of its own, until a process has ended. */
static void await_end(pid_t pid)
{
	int fd = process_open(pid, process_start_ticks(pid));

	if (fd < 0)
		return;
	assert_true(readable(fd));
	close(fd);
}

static void await_state(struct fixture *fixture, const char *name, enum child_state state)
{
	for (int i = 0; i < PATIENCE_MS / 5 && look(fixture, name)->state != state; i++)
		poll(NULL, 0, 5); /* the status is a file; there is nothing to wait on */
	assert_int_equal(look(fixture, name)->state, state);
}

/* ---- starting and stopping ---- */

static void test_children_start_in_order_and_stop_in_reverse(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "omega", 0, WORKER)->notifies = true;
	add(fixture, "beta/1", 1, WORKER)->notifies = true;
	add(fixture, "gamma/1", 1, WORKER);
	add(fixture, "last", 2, WORKER);
	start(fixture);
	expect(fixture, "omega");
	expect_two(fixture, "beta/1", "gamma/1");
	expect(fixture, "last");
	assert_string_equal(fixture->sentence, "");
	assert_int_equal(look(fixture, "beta/1")->state, CHILD_READY);
	assert_string_equal(fixture->view.phase, "running");
	stop(fixture);
	expect(fixture, "last-stopped");
	expect_two(fixture, "beta/1-stopped", "gamma/1-stopped");
	expect(fixture, "omega-stopped");
	assert_int_equal(supervisor_look(&fixture->state, &fixture->view, fixture->sentence), ERR_NOT_FOUND);
	assert_int_equal(supervisor_stop(&fixture->state, 0, fixture->sentence), ERR_NOT_FOUND);
}

static void test_the_next_order_waits_for_readiness(void **context)
{
	struct fixture *fixture = *context;
	char gate[PATH_BYTES];
	int status;

	snprintf(gate, sizeof(gate), "%s/gate", fixture->scratch);
	assert_int_equal(mkfifo(gate, 0600), 0);
	add(fixture, "omega", 0, "echo up >$TRACE; read line <${TRACE%trace}gate; echo opened >$TRACE; echo >&3; exec sleep 1000")
		->notifies = true;
	add(fixture, "beta/1", 1, WORKER);
	pid_t pid = fork();
	if (!pid)
		_exit(supervisor_start(&fixture->options, fixture->sentence) ? 1 : 0);
	expect(fixture, "up");
	await_state(fixture, "omega", CHILD_STARTING);
	assert_int_equal(look(fixture, "beta/1")->state, CHILD_WAITING);
	assert_string_equal(fixture->view.phase, "starting");
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* start has not returned */
	int fd = open(gate, O_WRONLY);
	assert_int_equal(write(fd, "go\n", 3), 3);
	close(fd);
	expect(fixture, "opened");
	expect(fixture, "beta/1");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	stop(fixture);
}

static void test_a_second_start_is_refused(void **context)
{
	struct fixture *fixture = *context;
	char number[32];

	add(fixture, "omega", 0, WORKER)->notifies = true;
	start(fixture);
	expect(fixture, "omega");
	pid_t pid = look(fixture, "omega")->pid;
	assert_int_equal(supervisor_start(&fixture->options, fixture->sentence), ERR_LOCKED);
	snprintf(number, sizeof(number), "%d", (int)fixture->view.guardian_pid);
	assert_non_null(strstr(fixture->sentence, number));
	assert_int_equal(look(fixture, "omega")->pid, pid); /* untouched */
	assert_true(trace_is_empty(fixture));
}

static void test_of_many_starts_at_once_one_wins(void **context)
{
	struct fixture *fixture = *context;
	int status, winners = 0;

	add(fixture, "omega", 0, WORKER)->notifies = true;
	for (int i = 0; i < 8; i++)
		if (!fork())
			_exit(-supervisor_start(&fixture->options, fixture->sentence));
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == ERROR_LOCKED);
		winners += status == 0;
	}
	assert_int_equal(winners, 1);
	expect(fixture, "omega");
	assert_true(trace_is_empty(fixture));
}

static void test_in_the_foreground_it_runs_until_interrupted(void **context)
{
	struct fixture *fixture = *context;
	int status;

	add(fixture, "omega", 0, WORKER)->notifies = true;
	pid_t pid = fork();
	if (!pid)
		_exit(-supervisor_run(&fixture->options, NULL, NULL, fixture->sentence));
	expect(fixture, "omega");
	kill(pid, SIGINT);
	expect(fixture, "omega-stopped");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_who_ignores_the_request_to_stop_is_ended(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "omega", 0, "trap '' TERM; echo up >$TRACE; echo >&3; while :; do sleep 1000; done")->notifies = true;
	fixture->options.stop_grace_ms = 50;
	start(fixture);
	expect(fixture, "up");
	stop(fixture);
}

/* ---- restarting and giving up ---- */

static void test_a_killed_child_is_started_again_and_no_other(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "omega", 0, WORKER)->notifies = true;
	add(fixture, "beta/1", 1, WORKER)->notifies = true;
	start(fixture);
	expect(fixture, "omega");
	expect(fixture, "beta/1");
	pid_t omega = look(fixture, "omega")->pid, beta = look(fixture, "beta/1")->pid;
	kill(omega, SIGKILL);
	expect(fixture, "omega");
	await_state(fixture, "omega", CHILD_READY);
	assert_int_not_equal(look(fixture, "omega")->pid, omega);
	assert_int_equal(look(fixture, "omega")->starts, 2);
	assert_int_equal(look(fixture, "omega")->last_exit.signal, SIGKILL);
	assert_int_equal(look(fixture, "beta/1")->pid, beta);
	assert_true(trace_is_empty(fixture));
}

static void test_a_crash_loop_is_given_up_within_the_intensity(void **context)
{
	struct fixture *fixture = *context;
	unsigned starts = 0;
	char line[64];

	add(fixture, "omega", 0, WORKER)->notifies = true;
	add(fixture, "broken/1", 1, "echo crash >$TRACE; echo 'cannot find my teeth' >&2; exit 3")->notifies = true;
	start(fixture); /* the rest of the network is up */
	expect(fixture, "omega");
	assert_non_null(strstr(fixture->sentence, "broken/1 was given up"));
	while (!trace_is_empty(fixture)) {
		next_line(fixture, line);
		assert_string_equal(line, "crash");
		starts++;
	}
	assert_int_equal(starts, fixture->options.policy.intensity);
	assert_int_equal(look(fixture, "broken/1")->state, CHILD_GIVEN_UP);
	assert_int_equal(look(fixture, "broken/1")->starts, starts);
	assert_int_equal(look(fixture, "broken/1")->last_exit.status, 3);
	assert_true(strlen(look(fixture, "broken/1")->why) > 10);
	assert_int_equal(look(fixture, "omega")->state, CHILD_READY);
	assert_int_equal(supervisor_reload(&fixture->state, fixture->sentence), 0);
	for (unsigned i = 0; i < fixture->options.policy.intensity; i++) /* a new chance is a whole one */
		expect(fixture, "crash");
}

static void test_exit_status_125_is_not_tried_again(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta/1", 0, "echo once >$TRACE; exit 125")->notifies = true;
	start(fixture);
	expect(fixture, "once");
	assert_int_equal(look(fixture, "beta/1")->starts, 1);
	assert_int_equal(look(fixture, "beta/1")->state, CHILD_GIVEN_UP);
	assert_true(trace_is_empty(fixture));
}

static void test_without_a_critical_child_nothing_stays_and_the_reason_is_told(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "first", 0, WORKER)->notifies = true;
	struct child_spec *omega = add(fixture, "omega", 1, "echo 'routing.conf:3: found purple' >&2; exit 125");
	omega->notifies = omega->critical = true;
	add(fixture, "never", 2, WORKER);
	assert_int_equal(supervisor_start(&fixture->options, fixture->sentence), ERR_STATE);
	assert_non_null(strstr(fixture->sentence, "omega was given up"));
	assert_non_null(strstr(fixture->sentence, "routing.conf:3: found purple"));
	assert_non_null(strstr(fixture->sentence, "log/omega.log"));
	expect(fixture, "first");
	expect(fixture, "first-stopped");
	assert_true(trace_is_empty(fixture));
	await_end(fixture->view.guardian_pid);
	assert_int_equal(supervisor_look(&fixture->state, &fixture->view, fixture->sentence), ERR_NOT_FOUND);
}

static void test_a_program_that_is_not_there_is_named(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta/1", 0, "")->argv[0] = "/nonexistent/clone";
	start(fixture);
	assert_non_null(strstr(fixture->sentence, "/nonexistent/clone"));
	assert_int_equal(look(fixture, "beta/1")->starts, 1);
}

static void test_who_is_never_ready_is_ended_and_tried_again(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta/1", 0, "exec sleep 1000")->notifies = true;
	fixture->options.ready_timeout_ms = 20;
	fixture->options.policy.intensity = 3;
	start(fixture);
	assert_int_equal(look(fixture, "beta/1")->state, CHILD_GIVEN_UP);
	assert_int_equal(look(fixture, "beta/1")->starts, 3);
	assert_int_equal(look(fixture, "beta/1")->pid, 0);
	assert_int_equal(look(fixture, "beta/1")->last_exit.signal, SIGKILL);
}

static void test_reload_reaches_omega_and_gives_another_chance(void **context)
{
	struct fixture *fixture = *context;
	char mark[PATH_BYTES];

	struct child_spec *omega = add(fixture, "omega", 0, WORKER);
	omega->notifies = true;
	omega->reload_signal = SIGHUP;
	add(fixture, "beta/1", 1, "test -e ${TRACE%trace}fixed || exit 125; " WORKER)->notifies = true;
	start(fixture);
	expect(fixture, "omega");
	assert_int_equal(look(fixture, "beta/1")->state, CHILD_GIVEN_UP);
	snprintf(mark, sizeof(mark), "%s/fixed", fixture->scratch);
	close(open(mark, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(supervisor_reload(&fixture->state, fixture->sentence), 0);
	expect_two(fixture, "omega-reloaded", "beta/1");
	await_state(fixture, "beta/1", CHILD_READY);
	stop(fixture);
	assert_int_equal(supervisor_reload(&fixture->state, fixture->sentence), ERR_NOT_FOUND);
}

/* ---- nobody is left behind ---- */

static const char *const styles[] = {"quiet", "deaf", "group", "session", "daemon", "bare", "liar", "stopped", "chain", "swarm"};
static const unsigned style_processes[] = {1, 1, 2, 2, 2, 2, 2, 2, 13, 40};
#define STYLES (sizeof(styles) / sizeof(styles[0]))

static bool keeps_its_tag(size_t style)
{
	return strcmp(styles[style], "bare") && strcmp(styles[style], "liar");
}

/* Starts one child of each style. They hold the returned pipe, which ends with the last of them. */
static int restless_start(struct fixture *fixture, bool with_untagged)
{
	unsigned lines = 0;
	char pipe_path[PATH_BYTES], byte;
	static char name[STYLES][NAME_BYTES];

	snprintf(pipe_path, sizeof(pipe_path), "%s/held", fixture->scratch);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	int held = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int writer = open(pipe_path, O_WRONLY | O_CLOEXEC); /* so that it does not end before it has begun */
	for (size_t i = 0; i < STYLES; i++) {
		if (!with_untagged && !keeps_its_tag(i))
			continue;
		snprintf(name[i], sizeof(name[i]), "%s/1", styles[i]);
		struct child_spec *child =
			add(fixture, name[i], 0, "exec " BUILD_DIR "/tests/actors/restless ${0%/1} >${TRACE%trace}held");
		child->notifies = false;
		lines += style_processes[i];
	}
	start(fixture);
	while (lines) {
		assert_true(readable(held));
		ssize_t got = read(held, &byte, 1);
		assert_true(got == 1 || (got < 0 && errno == EAGAIN));
		lines -= got == 1 && byte == '\n';
	}
	close(writer);
	return held;
}

static void assert_ended(int held)
{
	char bytes[256];
	ssize_t got;

	do {
		assert_true(readable(held));
		got = read(held, bytes, sizeof(bytes));
	} while (got > 0 || (got < 0 && errno == EAGAIN));
	assert_int_equal(got, 0);
	close(held);
}

static void test_stopping_leaves_nobody(void **context)
{
	struct fixture *fixture = *context;

	fixture->options.stop_grace_ms = 20;
	int held = restless_start(fixture, true);
	stop(fixture);
	assert_ended(held);
}

static void test_killing_the_supervisor_leaves_nobody(void **context)
{
	struct fixture *fixture = *context;

	int held = restless_start(fixture, true);
	look(fixture, "quiet/1");
	pid_t guardian = fixture->view.guardian_pid;
	kill(fixture->view.pid, SIGKILL);
	await_end(guardian);
	assert_ended(held);
	assert_int_equal(supervisor_look(&fixture->state, &fixture->view, fixture->sentence), ERR_NOT_FOUND);
	fixture->list.count = 0;
	add(fixture, "omega", 0, WORKER);
	start(fixture); /* the lock is free */
}

static void test_killing_the_guardian_leaves_nobody(void **context)
{
	struct fixture *fixture = *context;

	fixture->options.stop_grace_ms = 20;
	int held = restless_start(fixture, true);
	look(fixture, "quiet/1");
	pid_t supervisor = fixture->view.pid;
	kill(fixture->view.guardian_pid, SIGKILL);
	await_end(supervisor);
	assert_ended(held);
	assert_int_equal(supervisor_stop(&fixture->state, PATIENCE_MS, fixture->sentence), ERR_NOT_FOUND);
}

static void test_what_both_left_behind_is_ended_by_the_next_start(void **context)
{
	struct fixture *fixture = *context;

	/* Who has thrown away its tag and lost both subreapers cannot be told from a stranger: these two are left out. */
	int held = restless_start(fixture, false);
	look(fixture, "quiet/1");
	kill(fixture->view.pid, SIGSTOP);
	kill(fixture->view.guardian_pid, SIGKILL);
	kill(fixture->view.pid, SIGKILL);
	await_end(fixture->view.pid);
	await_end(fixture->view.guardian_pid);
	fixture->list.count = 0;
	add(fixture, "omega", 0, WORKER);
	start(fixture);
	assert_ended(held);
	stop(fixture);
}

static void test_a_child_that_ends_takes_its_descendants_along(void **context)
{
	struct fixture *fixture = *context;

	fixture->options.policy.intensity = 1;
	char pipe_path[PATH_BYTES];
	snprintf(pipe_path, sizeof(pipe_path), "%s/held", fixture->scratch);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	int held = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int writer = open(pipe_path, O_WRONLY | O_CLOEXEC);
	add(fixture, "beta/1", 0, "exec " BUILD_DIR "/tests/actors/restless bare-leaver >${TRACE%trace}held")->notifies = true;
	start(fixture);
	close(writer);
	assert_int_equal(look(fixture, "beta/1")->last_exit.status, 7);
	assert_ended(held);
}

/* ---- what is written ---- */

static void test_output_goes_to_a_log_with_a_bound(void **context)
{
	struct fixture *fixture = *context;
	char path[PATH_BYTES], text[64];
	size_t bytes;
	struct stat now, before;

	fixture->options.log_bytes_max = 100000;
	fixture->options.policy.intensity = 1;
	add(fixture, "small/1", 0, "echo to stdout; echo to stderr >&2; exit 1");
	add(fixture, "large/1", 0, "head -c 1000000 /dev/zero; exit 1");
	start(fixture);
	await_state(fixture, "small/1", CHILD_GIVEN_UP);
	await_state(fixture, "large/1", CHILD_GIVEN_UP);
	assert_int_equal(state_path_of(&fixture->state, STATE_LOG, "small/1", ".log", path), 0);
	assert_int_equal(file_read(path, text, sizeof(text), &bytes), 0);
	assert_string_equal(text, "to stdout\nto stderr\n");
	assert_int_equal(stat(path, &now), 0);
	assert_int_equal(now.st_mode & 0777, 0600);
	assert_int_equal(state_path_of(&fixture->state, STATE_LOG, "large/1", ".log", path), 0);
	assert_int_equal(stat(path, &now), 0);
	strcat(path, ".1");
	assert_int_equal(stat(path, &before), 0);
	assert_true(now.st_size <= 100000);
	assert_true(before.st_size <= 100000);
}

static void test_the_environment_and_the_folder_are_given(void **context)
{
	struct fixture *fixture = *context;
	char line[64];

	struct child_spec *child =
		add(fixture, "beta/1", 0, "pwd >$TRACE; echo $MINE $BUNSHIN_LIFELINE_FD >$TRACE; exec sleep 1000");
	child->environment[1] = "MINE=yes";
	child->folder = fixture->scratch;
	start(fixture);
	next_line(fixture, line);
	assert_string_equal(line, fixture->scratch);
	expect(fixture, "yes 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_children_start_in_order_and_stop_in_reverse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_next_order_waits_for_readiness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_second_start_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_many_starts_at_once_one_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_the_foreground_it_runs_until_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_ignores_the_request_to_stop_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_killed_child_is_started_again_and_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_crash_loop_is_given_up_within_the_intensity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exit_status_125_is_not_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_critical_child_nothing_stays_and_the_reason_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_program_that_is_not_there_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_never_ready_is_ended_and_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload_reaches_omega_and_gives_another_chance, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping_leaves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killing_the_supervisor_leaves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killing_the_guardian_leaves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_both_left_behind_is_ended_by_the_next_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_child_that_ends_takes_its_descendants_along, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_goes_to_a_log_with_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_environment_and_the_folder_are_given, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
