/* SPDX-License-Identifier: MIT
 *
 * A run that is watched: output as it comes, an input that talks, a clock, a stop in stages.
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
#include <unistd.h>

#include "tests/workspace/probe.h"

#define KEPT_BYTES 4096u

/* What a watcher has seen, and what it does. */
struct watcher {
	char text[KEPT_BYTES];
	size_t bytes;
	uint64_t total[2];
	unsigned ticks;
	uint64_t cpu_ms;
	uint64_t rss_kb;      /* the most of this process while it watched */
	const char *stop_at;  /* stops when the output holds this */
	const char *answer;   /* what is said to each line that ends with '?' */
	uint64_t close_after; /* the input is closed after so many answers */
	uint64_t answers;
	uint64_t stop_after_cpu_ms;
	int write_rc;
	struct sandbox_watch watch;
};

static uint64_t own_rss_kb(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void answer(struct watcher *watcher, struct sandbox_live *live)
{
	watcher->write_rc = sandbox_live_write(live, watcher->answer, strlen(watcher->answer));
	if (++watcher->answers == watcher->close_after)
		sandbox_live_close(live);
}

static void on_output(void *context, struct sandbox_live *live, enum sandbox_stream stream, const void *at, size_t bytes)
{
	struct watcher *watcher = context;
	size_t room = KEPT_BYTES - 1 - watcher->bytes;
	size_t keep = bytes < room ? bytes : room;
	memcpy(watcher->text + watcher->bytes, at, keep);
	watcher->bytes += keep;
	watcher->total[stream] += bytes;
	if (watcher->stop_at && strstr(watcher->text, watcher->stop_at))
		sandbox_live_stop(live);
	for (size_t i = 0; watcher->answer && i < bytes; i++)
		if (((const char *)at)[i] == '?')
			answer(watcher, live);
}

static void on_tick(void *context, struct sandbox_live *live, uint64_t cpu_ms)
{
	struct watcher *watcher = context;
	assert_true(watcher->ticks > 0 || cpu_ms == 0);
	assert_true(cpu_ms >= watcher->cpu_ms);
	watcher->ticks++;
	watcher->cpu_ms = cpu_ms;
	if (own_rss_kb() > watcher->rss_kb)
		watcher->rss_kb = own_rss_kb();
	if (watcher->stop_after_cpu_ms && cpu_ms >= watcher->stop_after_cpu_ms)
		sandbox_live_stop(live);
}

static struct sandbox_job watched(struct watcher *watcher)
{
	watcher->watch.context = watcher;
	watcher->watch.output = on_output;
	watcher->watch.tick = on_tick;
	watcher->watch.tick_ms = 20;
	if (!watcher->watch.stage_ms)
		watcher->watch.stage_ms = 10000;
	return (struct sandbox_job){.limits = probe_limits(), .cancel_fd = -1, .watch = &watcher->watch};
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

/* ---- output ---- */

static void test_output_comes_while_the_program_runs(void **state)
{
	(void)state;
	/* The program goes on only when its line has been seen. */
	struct watcher watcher = {.watch.talks = true, .answer = "seen\n"};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "echo 'there?'; read word; echo \"heard $word\"; echo aside >&2");
	assert_non_null(strstr(watcher.text, "there?\n"));
	assert_non_null(strstr(watcher.text, "heard seen\n"));
	assert_non_null(strstr(watcher.text, "aside\n"));
	assert_int_equal(watcher.total[SANDBOX_ERR], 6);
	assert_int_equal(result.out_total, watcher.total[SANDBOX_OUT]);
	assert_int_equal(result.err_total, 6);
	assert_int_equal(result.out_bytes, 0);
	assert_int_equal(result.exit_status, 0);
	assert_false(result.output_cut);
	assert_false(result.stopped);
	sandbox_release(&result);
}

static void test_without_an_output_callback_output_is_kept(void **state)
{
	(void)state;
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	watcher.watch.output = NULL;
	struct sandbox_result result = shell(&job, "echo kept");
	assert_string_equal((const char *)result.out, "kept\n");
	assert_true(watcher.ticks >= 1);
	sandbox_release(&result);
}

static void test_gigabytes_of_output_take_no_memory(void **state)
{
	(void)state;
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result;
	uint64_t before = own_rss_kb();
	assert_int_equal(probe_run(&job, "flood", "2500000000", &result), 0);
	assert_int_equal(result.exit_status, 0);
	assert_int_equal(result.out_total, 2500000000);
	assert_int_equal(watcher.total[SANDBOX_OUT], 2500000000);
	/* A sanitizer keeps for a while what was freed. */
	assert_true(watcher.rss_kb < before + 200000);
	sandbox_release(&result);
}

static void test_the_clock_tells_the_processor_time_of_all(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_after_cpu_ms = 300};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "(while :; do :; done) & (while :; do :; done) & wait");
	assert_true(result.stopped);
	assert_true(watcher.cpu_ms >= 300);
	assert_true(result.cpu_ms >= 300);
	sandbox_release(&result);
	watcher = (struct watcher){.stop_at = "enough"};
	job = watched(&watcher);
	result = shell(&job, "i=0; while test $i -lt 10; do sleep 0.03; i=$((i+1)); done; echo enough; sleep 60; exit 1");
	assert_true(watcher.ticks >= 5);
	assert_true(watcher.cpu_ms < 250); /* one that sleeps takes none */
	sandbox_release(&result);
}

/* ---- input ---- */

static void test_a_talk_of_many_turns(void **state)
{
	(void)state;
	struct watcher watcher = {.watch.talks = true, .answer = "word\n", .close_after = 200};
	struct sandbox_job job = watched(&watcher);
	job.input = (const uint8_t *)"first\n";
	job.input_bytes = 6;
	struct sandbox_result result =
		shell(&job, "n=0; while read word; do n=$((n+1)); test $n -gt 200 || echo '?'; done; echo \"$n lines\" >&2");
	assert_int_equal(watcher.answers, 200);
	assert_non_null(strstr(watcher.text, "?\n"));
	assert_int_equal(result.exit_status, 0);
	assert_int_equal(watcher.total[SANDBOX_ERR], strlen("201 lines\n"));
	sandbox_release(&result);
}

static void test_input_ends_where_nobody_talks(void **state)
{
	(void)state;
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	job.input = (const uint8_t *)"a\nb\n";
	job.input_bytes = 4;
	struct sandbox_result result = shell(&job, "wc -l");
	assert_string_equal(watcher.text, "2\n");
	sandbox_release(&result);
}

static void test_more_input_than_a_pipe_holds_does_not_block(void **state)
{
	(void)state;
	size_t bytes = 5000000;
	char *much = malloc(bytes + 1);
	memset(much, 'a', bytes);
	much[bytes] = '\0';
	struct watcher watcher = {.watch.talks = true, .answer = much, .close_after = 2};
	struct sandbox_job job = watched(&watcher);
	/* It also writes more than a pipe holds before it reads: who waits for the one with the other would wait for ever. */
	struct sandbox_result result = shell(&job, "echo '?'; sleep 0.1; head -c 1000000 /dev/zero; echo '?'; wc -c");
	assert_false(result.timed_out);
	assert_int_equal(watcher.total[SANDBOX_OUT], 2 + 1000000 + 2 + strlen("10000000\n"));
	sandbox_release(&result);
	free(much);
}

static void test_input_that_nobody_reads_is_no_harm(void **state)
{
	(void)state;
	struct watcher watcher = {.watch.talks = true, .answer = "word\n"};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "exec <&-; echo '?'; sleep 0.1; echo '?'; sleep 0.1; echo '?'; exit 3");
	assert_int_equal(watcher.answers, 3);
	assert_int_equal(watcher.write_rc, 0);
	assert_int_equal(result.exit_status, 3);
	sandbox_release(&result);
}

/* ---- the stop ---- */

static void test_a_stop_is_obeyed_at_the_interrupt(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "ready"};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(
		&job, "trap 'echo interrupted; exit 7' INT; trap 'echo terminated; exit 8' TERM; echo ready; sleep 60 & wait");
	assert_true(result.stopped);
	assert_non_null(strstr(watcher.text, "interrupted\n"));
	assert_null(strstr(watcher.text, "terminated\n"));
	assert_int_equal(result.exit_status, 7);
	assert_int_equal(result.signal, 0);
	assert_string_equal(result.why, "ended because it was asked to stop");
	assert_true(result.wall_ms < 9000);
	sandbox_release(&result);
}

static void test_one_that_ignores_the_interrupt_is_terminated(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "ready", .watch.stage_ms = 200};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result =
		shell(&job, "trap '' INT; trap 'echo terminated; exit 8' TERM; echo ready; while :; do sleep 0.02; done");
	assert_true(result.stopped);
	assert_non_null(strstr(watcher.text, "terminated\n"));
	assert_int_equal(result.exit_status, 8);
	assert_true(result.wall_ms >= 200);
	sandbox_release(&result);
}

static void test_one_that_ignores_both_is_killed(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "ready", .watch.stage_ms = 150};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "trap '' INT TERM; echo ready; while :; do sleep 0.02; done");
	assert_true(result.stopped);
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGKILL);
	assert_true(result.wall_ms >= 300);
	sandbox_release(&result);
}

/* Daemons have left the program's group and session; what ends them is the end of the namespace. */
static void test_a_stop_leaves_no_daemon(void **state)
{
	(void)state;
	for (int style = 0; style < 10; style++) {
		char word[64];
		char tag[80];
		char text[8];
		const char *environment[] = {tag, NULL};
		struct watcher watcher = {.stop_at = "away", .watch.stage_ms = 500};
		struct sandbox_job job = watched(&watcher);
		struct sandbox_result result;
		snprintf(word, sizeof(word), "stop-%d-%d", (int)getpid(), style);
		snprintf(tag, sizeof(tag), "TAG=%s", word);
		snprintf(text, sizeof(text), "%d", style);
		job.environment = environment;
		assert_int_equal(probe_run(&job, "escape", text, &result), 0);
		assert_true(result.stopped);
		assert_int_equal(result.signal, SIGINT);
		assert_int_equal(result.processes_left, 0);
		sandbox_release(&result);
		assert_int_equal(processes_with(word), 0);
	}
}

static void test_a_stop_reaches_the_children_of_the_group(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "ready"};
	struct sandbox_job job = watched(&watcher);
	/* The shell waits for its child, which alone says what it got. */
	struct sandbox_result result = shell(&job, "trap : INT; sh -c 'trap \"echo child; exit\" INT; echo ready; while :; do "
						   "sleep 0.02; done'; echo shell; exit 5");
	assert_non_null(strstr(watcher.text, "child\n"));
	assert_non_null(strstr(watcher.text, "shell\n"));
	assert_int_equal(result.exit_status, 5);
	sandbox_release(&result);
}

static void test_a_stop_amid_heavy_output(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "y\ny\n"};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "yes");
	assert_true(result.stopped);
	assert_int_equal(result.signal, SIGINT);
	assert_int_equal(result.out_total, watcher.total[SANDBOX_OUT]);
	sandbox_release(&result);
	watcher = (struct watcher){.stop_at = "y\ny\n", .watch.stage_ms = 100};
	job = watched(&watcher);
	result = shell(&job, "trap '' INT TERM; yes");
	assert_int_equal(result.signal, SIGKILL);
	sandbox_release(&result);
}

static void test_a_stopped_program_is_woken_to_be_stopped(void **state)
{
	(void)state;
	struct watcher watcher = {.stop_at = "ready"};
	struct sandbox_job job = watched(&watcher);
	struct sandbox_result result = shell(&job, "echo ready; kill -STOP $$; sleep 60; exit 1");
	assert_int_equal(result.signal, SIGINT);
	assert_true(result.wall_ms < 9000);
	sandbox_release(&result);
}

static void stop_at_once(void *context, struct sandbox_live *live, uint64_t cpu_ms)
{
	(void)context;
	(void)cpu_ms;
	sandbox_live_stop(live);
	sandbox_live_stop(live);
}

static void test_a_stop_before_the_start_is_not_lost(void **state)
{
	(void)state;
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	watcher.watch.tick = stop_at_once;
	struct sandbox_result result;
	/* Not a shell: dash forgets an interrupt that comes just before it becomes another program. */
	assert_int_equal(probe_run(&job, "sleep", NULL, &result), 0);
	assert_true(result.stopped);
	assert_int_equal(result.signal, SIGINT);
	assert_true(result.wall_ms < 9000);
	sandbox_release(&result);
}

static void test_the_end_of_the_time_goes_through_the_stages(void **state)
{
	(void)state;
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	job.limits.wall_ms = 400;
	struct sandbox_result result = shell(&job, "trap 'echo saved; exit 0' INT; while :; do sleep 0.02; done");
	assert_true(result.timed_out);
	assert_false(result.stopped);
	assert_string_equal(watcher.text, "saved\n");
	assert_int_equal(result.exit_status, 0);
	assert_string_equal(result.why, "ended because its 400 ms were over");
	sandbox_release(&result);
	watcher = (struct watcher){.watch.sudden = true};
	job = watched(&watcher);
	job.limits.wall_ms = 400;
	result = shell(&job, "trap 'echo saved; exit 0' INT; while :; do sleep 0.02; done");
	assert_true(result.timed_out);
	assert_int_equal(result.signal, SIGKILL);
	assert_string_equal(watcher.text, "");
	sandbox_release(&result);
}

static void test_a_cancel_goes_through_the_stages(void **state)
{
	(void)state;
	int cancel[2];
	struct watcher watcher = {0};
	struct sandbox_job job = watched(&watcher);
	assert_int_equal(pipe(cancel), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	job.cancel_fd = cancel[0];
	struct sandbox_result result = shell(&job, "trap 'exit 9' INT; while :; do sleep 0.02; done");
	assert_true(result.cancelled);
	/* The interrupt may come before the trap is set. */
	assert_true(result.exit_status == 9 || result.signal == SIGINT);
	sandbox_release(&result);
	close(cancel[0]);
	close(cancel[1]);
}

int main(int argc, char **argv)
{
	int status = 0;
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_comes_while_the_program_runs),
		cmocka_unit_test(test_without_an_output_callback_output_is_kept),
		cmocka_unit_test(test_gigabytes_of_output_take_no_memory),
		cmocka_unit_test(test_the_clock_tells_the_processor_time_of_all),
		cmocka_unit_test(test_a_talk_of_many_turns),
		cmocka_unit_test(test_input_ends_where_nobody_talks),
		cmocka_unit_test(test_more_input_than_a_pipe_holds_does_not_block),
		cmocka_unit_test(test_input_that_nobody_reads_is_no_harm),
		cmocka_unit_test(test_a_stop_is_obeyed_at_the_interrupt),
		cmocka_unit_test(test_one_that_ignores_the_interrupt_is_terminated),
		cmocka_unit_test(test_one_that_ignores_both_is_killed),
		cmocka_unit_test(test_a_stop_leaves_no_daemon),
		cmocka_unit_test(test_a_stop_reaches_the_children_of_the_group),
		cmocka_unit_test(test_a_stop_amid_heavy_output),
		cmocka_unit_test(test_a_stopped_program_is_woken_to_be_stopped),
		cmocka_unit_test(test_a_stop_before_the_start_is_not_lost),
		cmocka_unit_test(test_the_end_of_the_time_goes_through_the_stages),
		cmocka_unit_test(test_a_cancel_goes_through_the_stages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
