/* SPDX-License-Identifier: MIT
 *
 * The clone runtime with real child processes: what they say arrives, what they leave behind does not stay.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "protocol/id.h"
#include "tests/e2e/tally.h"

#define LONG_MS 20000u

static struct network network;
static pid_t clone_pid;

/* ---- the attempt: does what its parameters say ---- */

static void write_number(const char *path, long number)
{
	char partial[256];
	FILE *file;

	snprintf(partial, sizeof(partial), "%s.partial", path);
	file = fopen(partial, "w");
	if (file) {
		fprintf(file, "%ld\n", number);
		fclose(file);
		rename(partial, path);
	}
}

/* A grandchild in a session of its own, deaf to SIGTERM, that writes its number down. */
static void leave_grandchild(const char *mark)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			signal(SIGTERM, SIG_IGN);
			write_number(mark, (long)getpid());
			for (;;)
				pause();
		}
		_exit(0);
	}
	while (access(mark, F_OK) != 0)
		usleep(1000);
}

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static int attempt(void)
{
	json_t *assignment = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *parameters = json_object_get(assignment, "parameters");
	const char *what = json_string_value(json_object_get(parameters, "do"));
	const char *mark = json_string_value(json_object_get(parameters, "mark"));

	if (!what)
		return 3;
	fprintf(stderr, "doing %s\n", what);
	if (strcmp(what, "complete") == 0) {
		FILE *file = fopen("report.txt", "w"); /* in the work folder */

		fputs("a report", file);
		fclose(file);
		say("{\"progress\":{\"permille\":500,\"stage\":\"middle\",\"line\":\"half way\"}}");
		say("{\"completion\":{\"completeness\":0,\"summary\":\"well done\",\"result\":{\"answer\":42},\"tokens\":7,"
		    "\"artefacts\":[{\"name\":\"report\",\"path\":\"report.txt\",\"media_type\":\"text/plain\"},"
		    "{\"name\":\"passwords\",\"path\":\"/etc/passwd\"}]}}");
		return 0;
	}
	if (strcmp(what, "fail") == 0) {
		say("{\"failure\":{\"code\":\"tool_missing\",\"sentence\":\"there is no "
		    "hammer\",\"evidence\":{\"tool\":\"hammer\"}}}");
		return 1;
	}
	if (strcmp(what, "crash") == 0)
		raise(SIGKILL);
	if (strcmp(what, "nothing") == 0)
		_exit(7); /* with this status, whatever a sanitizer thinks of an unfreed assignment */
	if (strcmp(what, "hang") == 0) {
		leave_grandchild(mark);
		say("{\"progress\":{\"line\":\"hanging\"}}");
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	if (strcmp(what, "leave") == 0) {
		leave_grandchild(mark);
		say("{\"completion\":{\"summary\":\"left somebody\"}}");
		return 0;
	}
	if (strcmp(what, "long line") == 0)
		for (;;)
			fputs("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", stdout);
	return 4;
}

/* ---- the network ---- */

static const char conf[] = "network {\n\theartbeat = 500ms\n\tcancel_grace = 10s\n}\n"
			   "clone echo {\n\tinstances = 2\n\tslots = 4\n\texternal = yes\n}\n"
			   "route echo {\n\tdestination = echo\n\ttimeout = 20s\n\tretries = 0\n\theartbeat = 5s\n}\n"
			   "route short {\n\tdestination = echo\n\ttimeout = 1s\n\tretries = 0\n}\n";

static int open_network(void **state)
{
	(void)state;
	network_open(&network, conf);
	network_start(&network);
	clone_pid = clone_spawn_real(&network, "echo/1", 4);
	return 0;
}

static int close_network(void **state)
{
	(void)state;
	if (clone_pid)
		process_stop(clone_pid, SIGKILL);
	network_close(&network);
	return 0;
}

static void mark_path(char out[128])
{
	snprintf(out, 128, "%s/mark", network.folder);
}

static struct request request_for(const char *task_type, const char *what, char parameters[512])
{
	char mark[128];

	mark_path(mark);
	snprintf(parameters, 512, "{\"do\":\"%s\",\"mark\":\"%s\"}", what, mark);
	return (struct request){.task_type = task_type, .parameters = parameters};
}

static struct outcome outcome_of(struct client *client, const char *task_type, const char *what)
{
	char parameters[512];
	struct request request = request_for(task_type, what, parameters);
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	return outcome;
}

static long marked_process(void)
{
	char path[128];
	long pid = 0;
	FILE *file;

	mark_path(path);
	file = fopen(path, "r");
	if (!file)
		return 0;
	assert_int_equal(fscanf(file, "%ld", &pid), 1);
	fclose(file);
	return pid;
}

/* A zombie has ended too; not everything that is process 1 takes its children's exits. */
static void check_gone(long pid)
{
	char path[64];
	char text[512] = "";
	FILE *file;

	assert_true(pid > 0);
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fgets(text, sizeof(text), file) && strrchr(text, ')') && strncmp(strrchr(text, ')'), ") Z", 3) != 0)
		fail_msg("process %ld is still there: %s", pid, text);
	fclose(file);
}

/* ---- tests ---- */

static void note_progress(void *context, const struct id *task_id, const struct task_progress *progress)
{
	(void)task_id;
	snprintf(context, 64, "%.*s", (int)progress->line.bytes, progress->line.at);
}

static void test_a_completion_brings_its_result_and_its_artefacts(void **state)
{
	struct client *client = network_client(&network, "client");
	char line[64] = "";
	struct client_events events = {.context = line, .progress = note_progress};
	struct outcome outcome;
	struct hash hash;
	char text[65];
	char path[128];
	json_t *artefacts;

	(void)state;
	client_listen(client, &events);
	outcome = outcome_of(client, "echo", "complete");
	assert_int_equal(outcome.state, STATE_COMPLETED);
	assert_string_equal(outcome.summary, "well done");
	assert_string_equal(outcome.result, "{\"answer\":42}");
	assert_string_equal(line, "half way");
	assert_int_equal(outcome.tokens, 7);
	artefacts = json_loads(outcome.artefacts, 0, NULL);
	assert_int_equal(json_array_size(artefacts), 2);
	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(json_array_get(artefacts, 0), "hash")));
	assert_int_equal(hex_parse(text, 64, hash.bytes, 32), 0);
	snprintf(path, sizeof(path), "%s/report", network.folder);
	assert_int_equal(client_get_artefact(client, &hash, LONG_MS, path), 0);
	/* A file outside the work folder is not given away, and the result says that something is missing. */
	assert_non_null(json_object_get(json_array_get(artefacts, 1), "missing"));
	assert_int_equal(outcome.completeness, PARTIAL);
	json_decref(artefacts);
	outcome_release(&outcome);
	client_close(client);
}

static void test_a_failure_says_why(void **state)
{
	struct client *client = network_client(&network, "client");
	struct outcome outcome = outcome_of(client, "echo", "fail");

	(void)state;
	assert_int_equal(outcome.state, STATE_FAILED);
	assert_int_equal(outcome.code, ERROR_TOOL_MISSING);
	assert_string_equal(outcome.summary, "there is no hammer");
	assert_non_null(strstr(outcome.evidence, "\"hammer\""));
	assert_non_null(strstr(outcome.evidence, "doing fail")); /* the end of its stderr */
	outcome_release(&outcome);
	outcome = outcome_of(client, "echo", "crash");
	assert_int_equal(outcome.code, ERROR_TASK_FAILED);
	assert_non_null(strstr(outcome.summary, "signal 9"));
	outcome_release(&outcome);
	outcome = outcome_of(client, "echo", "nothing");
	assert_int_equal(outcome.code, ERROR_TASK_FAILED);
	assert_non_null(strstr(outcome.summary, "status 7"));
	outcome_release(&outcome);
	outcome = outcome_of(client, "echo", "long line");
	assert_int_equal(outcome.code, ERROR_LIMIT);
	outcome_release(&outcome);
	client_close(client);
}

static void test_what_a_finished_attempt_left_running_is_ended(void **state)
{
	struct client *client = network_client(&network, "client");
	struct outcome outcome = outcome_of(client, "echo", "leave");

	(void)state;
	assert_int_equal(outcome.state, STATE_COMPLETED);
	check_gone(marked_process());
	outcome_release(&outcome);
	client_close(client);
}

static void test_an_attempt_over_its_time_is_ended_with_all_its_descendants(void **state)
{
	struct client *client = network_client(&network, "client");
	struct outcome outcome = outcome_of(client, "short", "hang");

	(void)state;
	assert_int_equal(outcome.state, STATE_FAILED);
	assert_int_equal(outcome.code, ERROR_TIMED_OUT);
	outcome_release(&outcome);
	client_close(client);
	/* Omega's own clock may have spoken first; the clone says Goodbye only when nothing is left. */
	assert_int_equal(process_stop(clone_pid, SIGTERM), 0);
	clone_pid = 0;
	check_gone(marked_process());
}

static struct id start_hanging(struct client *client)
{
	char parameters[512];
	struct request request = request_for("echo", "hang", parameters);
	struct receipt receipt;
	struct refused refused;
	char line[64] = "";
	struct client_events events = {.context = line, .progress = note_progress};

	client_listen(client, &events);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	while (!line[0])
		assert_true(client_pump(client, LONG_MS) >= 0);
	return receipt.task_id;
}

static void test_a_cancel_is_confirmed_when_no_descendant_is_left(void **state)
{
	struct client *client = network_client(&network, "client");
	struct id task_id = start_hanging(client);
	struct refused refused;
	struct outcome outcome;

	(void)state;
	assert_int_equal(client_cancel(client, &task_id, NULL, LONG_MS, &refused), 0);
	assert_int_equal(client_wait(client, &task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_CANCELLED);
	check_gone(marked_process());
	outcome_release(&outcome);
	client_close(client);
}

static void test_an_attempt_lives_on_when_omega_dies_and_comes_back(void **state)
{
	struct client *client = network_client(&network, "client");
	struct id task_id = start_hanging(client);
	struct refused refused;
	struct outcome outcome;
	long pid = marked_process();

	(void)state;
	network_kill(&network);
	network_start(&network);
	/* The cancel reaches the attempt only if Omega has taken it back under its old lease. */
	assert_int_equal(client_cancel(client, &task_id, NULL, LONG_MS, &refused), 0);
	assert_int_equal(client_wait(client, &task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_CANCELLED);
	assert_int_equal(outcome.attempts, 1);
	check_gone(pid);
	outcome_release(&outcome);
	client_close(client);
}

static void test_a_stopped_clone_leaves_nothing_and_its_task_goes_to_another(void **state)
{
	struct client *client = network_client(&network, "client");
	struct id task_id = start_hanging(client);
	struct instant_clone other = {0};
	struct outcome outcome;

	(void)state;
	assert_int_equal(process_stop(clone_pid, SIGTERM), 0);
	clone_pid = 0;
	check_gone(marked_process());
	clone_start(&other, &network, "echo/2", 4);
	assert_int_equal(client_wait(client, &task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	outcome_release(&outcome);
	client_close(client);
	clone_stop(&other);
}

static void test_a_killed_clone_leaves_its_descendants_to_its_next_life(void **state)
{
	struct client *client = network_client(&network, "client");
	long pid;

	(void)state;
	start_hanging(client);
	pid = marked_process();
	process_stop(clone_pid, SIGKILL);
	clone_pid = clone_spawn_real(&network, "echo/1", 4); /* joins only after it has cleared up */
	check_gone(pid);
	client_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_network, close_network)

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "attempt") == 0)
		return attempt();
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		CASE(test_a_completion_brings_its_result_and_its_artefacts),
		CASE(test_a_failure_says_why),
		CASE(test_what_a_finished_attempt_left_running_is_ended),
		CASE(test_an_attempt_over_its_time_is_ended_with_all_its_descendants),
		CASE(test_a_cancel_is_confirmed_when_no_descendant_is_left),
		CASE(test_an_attempt_lives_on_when_omega_dies_and_comes_back),
		CASE(test_a_stopped_clone_leaves_nothing_and_its_task_goes_to_another),
		CASE(test_a_killed_clone_leaves_its_descendants_to_its_next_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
