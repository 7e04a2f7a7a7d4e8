/* SPDX-License-Identifier: MIT
 *
 * Ten ways to get away from the sandbox, and what must be left of each after its end, a timeout, a cancel and the death of
 * the runner: nothing. Every process carries a word in its environment by which /proc is searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/workspace/probe.h"

#define STYLES  10
#define GONE_MS 2000

struct trial {
	char word[64];
	char tag[80];
	const char *environment[2];
	struct sandbox_job job;
};

static struct trial trial_of(const char *trigger, int style)
{
	struct trial trial = {.job = {.limits = probe_limits(), .cancel_fd = -1}};
	snprintf(trial.word, sizeof(trial.word), "escape-%d-%s-%d", (int)getpid(), trigger, style);
	snprintf(trial.tag, sizeof(trial.tag), "TAG=%s", trial.word);
	return trial;
}

static void trial_arm(struct trial *trial)
{
	trial->environment[0] = trial->tag;
	trial->environment[1] = NULL;
	trial->job.environment = trial->environment;
}

static void style_text(int style, const char *mark, char out[16])
{
	snprintf(out, 16, "%d%s", style, mark);
}

static void test_nothing_stays_after_the_program_has_ended(void **state)
{
	(void)state;
	for (int style = 0; style < STYLES; style++) {
		struct trial trial = trial_of("end", style);
		struct sandbox_result result;
		char text[16];
		style_text(style, "x", text);
		trial_arm(&trial);
		assert_int_equal(probe_run(&trial.job, "escape", text, &result), 0);
		assert_int_equal(result.exit_status, 0);
		assert_int_equal(result.processes_left, 0);
		/* Style 8 forks on and on; it may be between two of its processes when it is counted. */
		assert_true(style == 8 || result.processes_ended >= 1);
		sandbox_release(&result);
		assert_int_equal(processes_with(trial.word), 0);
	}
}

static void test_nothing_stays_after_a_timeout(void **state)
{
	(void)state;
	for (int style = 0; style < STYLES; style++) {
		struct trial trial = trial_of("timeout", style);
		struct sandbox_result result;
		char text[16];
		style_text(style, "", text);
		trial_arm(&trial);
		trial.job.limits.wall_ms = 250;
		assert_int_equal(probe_run(&trial.job, "escape", text, &result), 0);
		assert_true(result.timed_out);
		assert_int_equal(result.processes_left, 0);
		assert_true(result.processes_ended >= 1);
		sandbox_release(&result);
		assert_int_equal(processes_with(trial.word), 0);
	}
}

/* The program says "away" on stdout when its escape is made; the run is cancelled from a process beside. */
static void test_nothing_stays_after_a_cancel(void **state)
{
	(void)state;
	for (int style = 0; style < STYLES; style++) {
		struct trial trial = trial_of("cancel", style);
		struct sandbox_result result;
		int cancel[2];
		char text[16];
		style_text(style, "", text);
		trial_arm(&trial);
		assert_int_equal(pipe(cancel), 0);
		pid_t canceller = fork();
		if (canceller == 0) {
			for (int i = 0; i < 5000 && processes_with(trial.word) < 2; i++)
				poll(NULL, 0, 1);
			_exit(write(cancel[1], "x", 1) == 1 ? 0 : 1);
		}
		trial.job.cancel_fd = cancel[0];
		assert_int_equal(probe_run(&trial.job, "escape", text, &result), 0);
		assert_true(result.cancelled);
		assert_int_equal(result.processes_left, 0);
		sandbox_release(&result);
		waitpid(canceller, NULL, 0);
		close(cancel[0]);
		close(cancel[1]);
		assert_int_equal(processes_with(trial.word), 0);
	}
}

static bool gone_soon(const char *word)
{
	for (int waited = 0; waited < GONE_MS; waited++) {
		if (processes_with(word) == 0)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

/* The word goes along as an argument that the probe does not look at. */
static pid_t runner_start(struct trial *trial, int style)
{
	pid_t runner = fork();
	if (runner == 0) {
		struct sandbox_result result;
		char text[96];
		snprintf(text, sizeof(text), "%d %s", style, trial->word);
		trial_arm(trial);
		_exit(probe_run(&trial->job, "escape", text, &result) == 0 ? 0 : 1);
	}
	return runner;
}

static void runner_kill(pid_t runner)
{
	kill(runner, SIGKILL);
	while (waitpid(runner, NULL, 0) != runner)
		;
}

static void test_nothing_stays_after_the_death_of_the_runner(void **state)
{
	(void)state;
	for (int style = 0; style < STYLES; style++) {
		struct trial trial = trial_of("death", style);
		pid_t runner = runner_start(&trial, style);
		for (int i = 0; i < 5000 && processes_with(trial.word) < 2; i++)
			poll(NULL, 0, 1);
		runner_kill(runner);
		assert_true(gone_soon(trial.word));
	}
}

/* The runner also dies while bubblewrap is still at work, at many moments of the first 40 ms. bwrap has no environment, but the command
 * line of the program, so the word is there too. */
static void test_nothing_stays_if_the_runner_dies_during_the_start(void **state)
{
	(void)state;
	for (int moment = 0; moment < 40; moment++) {
		struct trial trial = trial_of("early", moment);
		pid_t runner = runner_start(&trial, moment % STYLES);
		const struct timespec pause_time = {0, moment * 1000000L + 100000L * (moment % 7)};
		nanosleep(&pause_time, NULL);
		runner_kill(runner);
		if (!gone_soon(trial.word))
			fail_msg("%u processes were left %d ms after the start", processes_with(trial.word), moment);
	}
}

int main(int argc, char **argv)
{
	int status = 0;
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_stays_after_the_program_has_ended),
		cmocka_unit_test(test_nothing_stays_after_a_timeout),
		cmocka_unit_test(test_nothing_stays_after_a_cancel),
		cmocka_unit_test(test_nothing_stays_after_the_death_of_the_runner),
		cmocka_unit_test(test_nothing_stays_if_the_runner_dies_during_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
