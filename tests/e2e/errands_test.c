/* SPDX-License-Identifier: MIT
 *
 * Child tasks of attempts that are processes: each is run once, whatever is killed meanwhile, and the parent comes to the same end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "protocol/id.h"
#include "routing/omega.h"
#include "tests/e2e/tally.h"

#define LONG_MS 30000u
#define HELPERS 5  /* child tasks of one parent */
#define EVENTS  11 /* an attempt hears at least so many lines: each child is accepted, and ends */

static struct network network;
static struct instant_clone echo;
static pid_t clone_pid;

/* ---- the attempt ---- */

static void say(json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

/* True the first time. */
static bool is_first(const char *path)
{
	FILE *file = fopen(path, "wx");

	if (file)
		fclose(file);
	return file != NULL;
}

struct story {
	json_t *parameters;
	json_t *ends; /* key: what became of it */
	long children;
	long heard;
};

static void ask(const char *key, const char *type, json_t *parameters)
{
	say(json_pack("{s:{s:s, s:s, s:o}}", "request", "key", key, "task_type", type, "parameters", parameters));
}

/* Somebody is killed once, when so many lines have been heard. */
static void strike(const struct story *story)
{
	const char *mark = json_string_value(json_object_get(story->parameters, "mark"));
	const char *whom = json_string_value(json_object_get(story->parameters, "kill"));
	long when = (long)json_integer_value(json_object_get(story->parameters, "when"));

	if (!whom || story->heard != when || !is_first(mark))
		return;
	if (strcmp(whom, "attempt") == 0)
		raise(SIGKILL);
	kill(strcmp(whom, "clone") == 0 ? getppid() : (pid_t)json_integer_value(json_object_get(story->parameters, "omega")),
	     SIGKILL);
}

static json_t *hear(struct story *story)
{
	static char *line;
	static size_t capacity;
	json_t *heard = getline(&line, &capacity, stdin) > 0 ? json_loads(line, 0, NULL) : NULL;

	if (!heard)
		exit(5);
	story->heard++;
	strike(story);
	return heard;
}

static void take(struct story *story, json_t *heard)
{
	json_t *outcome = json_object_get(heard, "outcome");
	json_t *refused = json_object_get(heard, "refused");

	if (outcome)
		json_object_set_new(story->ends, json_string_value(json_object_get(outcome, "key")),
				    json_pack("[O, O, O]", json_object_get(outcome, "state"),
					      json_object_get(outcome, "sentence"), json_object_get(outcome, "result")));
	if (refused)
		json_object_set_new(
			story->ends,
			json_is_string(json_object_get(refused, "key")) ? json_string_value(json_object_get(refused, "key")) : "",
			json_pack("[O, O]", json_object_get(refused, "code"), json_object_get(refused, "sentence")));
	json_decref(heard);
}

static int tell_the_end(struct story *story)
{
	say(json_pack("{s:{s:i, s:s, s:o}}", "completion", "completeness", 0, "summary", "all told", "result",
		      json_deep_copy(story->ends)));
	return 0;
}

/* Asks for some, and when these have ended for another one. */
static int delegate(struct story *story)
{
	for (long i = 0; i < story->children; i++) {
		char key[32];

		snprintf(key, sizeof(key), "try/%ld", i);
		ask(key, "echo", json_pack("{s:I}", "number", (json_int_t)i));
	}
	while ((long)json_object_size(story->ends) < story->children)
		take(story, hear(story));
	ask("gate/last", "echo", json_object());
	while ((long)json_object_size(story->ends) < story->children + 1)
		take(story, hear(story));
	return tell_the_end(story);
}

static int ask_nonsense(struct story *story)
{
	char key[200];

	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	say(json_pack("{s:{s:s}}", "request", "task_type", "echo"));
	ask("unknown", "dance", json_object());
	ask("array", "echo", json_array());
	ask(key, "echo", json_object());
	say(json_pack("{s:{s:s, s:s, s:s}}", "request", "key", "priority", "task_type", "echo", "priority", "soon"));
	ask("large", "echo", json_pack("{s:o}", "text", json_stringn_nocheck(memset(calloc(1, 80000), 'x', 80000), 80000)));
	say(json_pack("{s:{s:s}}", "cancel", "key", "never asked for"));
	ask("good", "echo", json_object());
	ask("good", "echo", json_object()); /* it is on its way */
	for (int i = 0; i < 8; i++)         /* seven are answered once, one is accepted and ends */
		take(story, hear(story));
	return tell_the_end(story);
}

/* One that nobody would ever end. */
static int ask_and_cancel(struct story *story)
{
	ask("stuck", "never", json_object());
	take(story, hear(story));
	say(json_pack("{s:{s:s, s:s}}", "cancel", "key", "stuck", "reason", "enough"));
	while (json_object_size(story->ends) == 0)
		take(story, hear(story));
	return tell_the_end(story);
}

/* The first attempt asks and dies; the second asks with the same key for something else. */
static int ask_otherwise(struct story *story)
{
	bool first = is_first(json_string_value(json_object_get(story->parameters, "mark")));
	json_t *heard;

	ask("one", "echo", json_pack("{s:b}", "first", first));
	do {
		heard = hear(story);
		if (first)
			_exit(0);
		take(story, heard);
	} while (json_object_size(story->ends) == 0);
	return tell_the_end(story);
}

/* Prints requests and reads nothing. Each is refused in many words. */
static _Noreturn void be_deaf(void)
{
	char key[ERRAND_KEY_BYTES];

	for (long i = 0;; i++) {
		snprintf(key, sizeof(key), "%0120ld", i);
		say(json_pack("{s:{s:s, s:s, s:s}}", "request", "key", key, "task_type", "echo", "priority", "soon"));
	}
}

static int attempt(void)
{
	char *line = NULL;
	size_t capacity = 0;
	json_t *assignment = getline(&line, &capacity, stdin) > 0 ? json_loads(line, 0, NULL) : NULL;
	struct story story = {.parameters = json_object_get(assignment, "parameters"), .ends = json_object()};
	const char *what = json_string_value(json_object_get(story.parameters, "do"));

	story.children = (long)json_integer_value(json_object_get(story.parameters, "children"));
	if (!what)
		_exit(3);
	strike(&story);
	if (strcmp(what, "delegate") == 0)
		_exit(delegate(&story));
	if (strcmp(what, "nonsense") == 0)
		_exit(ask_nonsense(&story));
	if (strcmp(what, "cancel") == 0)
		_exit(ask_and_cancel(&story));
	if (strcmp(what, "otherwise") == 0)
		_exit(ask_otherwise(&story));
	if (strcmp(what, "deaf") == 0)
		be_deaf();
	_exit(4);
}

/* ---- the network ---- */

static const char conf[] = "network {\n\theartbeat = 500ms\n\tlost_max = 10\n\tbreaker_failures = 20\n}\n"
			   "clone judge {\n\tinstances = 2\n\tslots = 1\n\texternal = yes\n}\n"
			   "clone echo {\n\tinstances = 1\n\tslots = 64\n\texternal = yes\n}\n"
			   "clone never {\n\tinstances = 1\n\tslots = 64\n\texternal = yes\n}\n"
			   "route race {\n\tdestination = judge\n\ttimeout = 2m\n\tretries = 3\n\theartbeat = "
			   "1s\n\tnon_retryable = {limit}\n\tbackoff_initial = 10ms\n\tbackoff_max = 10ms\n}\n"
			   "route echo {\n\tdestination = echo\n\ttimeout = 30s\n\tretries = 0\n}\n"
			   "route never {\n\tdestination = never\n\ttimeout = 30s\n\tretries = 0\n}\n";

static int open_network(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof(echo));
	network_open(&network, conf);
	network_start(&network);
	clone_pid = clone_spawn_real(&network, "judge/1", 1);
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

__attribute__((format(printf, 2, 3))) static struct receipt send(struct client *client, const char *format, ...)
{
	char parameters[512];
	struct request request = {.task_type = "race", .parameters = parameters};
	struct refused refused;
	struct receipt receipt;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parameters, sizeof(parameters), format, arguments);
	va_end(arguments);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	return receipt;
}

static json_t *await_result(struct client *client, const struct id *task_id)
{
	struct outcome outcome;
	json_t *result;

	assert_int_equal(client_wait(client, task_id, LONG_MS, &outcome), 0);
	if (outcome.state != STATE_COMPLETED)
		fail_msg("%s: %s", state_name(outcome.state), outcome.summary);
	assert_string_equal(outcome.summary, "all told");
	result = json_loads(outcome.result, 0, NULL);
	assert_non_null(result);
	outcome_release(&outcome);
	return result;
}

/* Tasks that Omega has ever taken in. */
static long accepted(struct client *client)
{
	struct refused refused;
	char *text = NULL;
	json_t *status;
	long count;

	assert_int_equal(client_status(client, SUBJECT_NETWORK, NULL, NULL, LONG_MS, &text, &refused), 0);
	status = json_loads(text, 0, NULL);
	count = (long)json_integer_value(json_object_get(json_object_get(status, "tasks"), "accepted"));
	json_decref(status);
	free(text);
	return count;
}

static void check_story(const json_t *ends, int children)
{
	char key[32];

	assert_int_equal(json_object_size(ends), children + 1);
	for (int i = 0; i <= children; i++) {
		const json_t *end;

		snprintf(key, sizeof(key), i < children ? "try/%d" : "gate/last", i);
		end = json_object_get(ends, key);
		assert_string_equal(json_string_value(json_array_get(end, 0)), "completed");
		assert_string_equal(json_string_value(json_array_get(end, 1)), "done");
		assert_true(json_is_true(json_object_get(json_array_get(end, 2), "ok")));
	}
}

static void mark_path(char out[128], long number)
{
	snprintf(out, 128, "%s/mark-%ld", network.folder, number);
}

static void await_file(const char *path)
{
	for (int i = 0; access(path, F_OK) != 0; i++) {
		assert_true(i < 20000);
		usleep(1000);
	}
}

/* ---- tests ---- */

/* The victim is killed at each event once; whoever is gone is started again. */
static void play(const char *victim, void (*restore)(void))
{
	struct client *client = network_client(&network, "client");
	char mark[128];

	clone_start(&echo, &network, "echo/1", 64);
	for (long when = 0; when <= EVENTS; when++) {
		unsigned long answered = atomic_load(&echo.answered);
		long before = accepted(client);
		struct receipt receipt;
		json_t *ends;

		mark_path(mark, when);
		receipt = send(client,
			       "{\"do\":\"delegate\",\"children\":%d,\"kill\":\"%s\",\"when\":%ld,\"mark\":\"%s\",\"omega\":%d}",
			       HELPERS, victim, when, mark, (int)network.omega);
		if (restore) {
			await_file(mark);
			restore();
		}
		ends = await_result(client, &receipt.task_id);
		assert_int_equal(access(mark, F_OK), 0);
		check_story(ends, HELPERS);
		assert_int_equal(accepted(client) - before, 1 + HELPERS + 1);
		if (strcmp(victim, "omega") != 0) /* whose clones in this test do not say which attempts they still have */
			assert_int_equal(atomic_load(&echo.answered) - answered, HELPERS + 1);
		json_decref(ends);
	}
	client_close(client);
	clone_stop(&echo);
	assert_int_equal(network_stop(&network), 0);
	network_verify(&network);
}

static void test_an_attempt_that_is_killed_at_any_event_finds_its_children_again(void **state)
{
	(void)state;
	play("attempt", NULL);
}

static void start_clone_anew(void)
{
	static unsigned instance;

	process_stop(clone_pid, SIGKILL);
	clone_pid = clone_spawn_real(&network, ++instance % 2 ? "judge/2" : "judge/1", 1);
}

static void test_children_of_a_killed_clone_are_found_again_by_another_instance(void **state)
{
	(void)state;
	play("clone", start_clone_anew);
}

static void start_omega_anew(void)
{
	network_kill(&network);
	network_start(&network);
}

static void test_children_are_told_of_when_omega_is_killed_at_any_event(void **state)
{
	(void)state;
	play("omega", start_omega_anew);
}

static void test_what_cannot_be_asked_for_is_refused_in_words(void **state)
{
	static const char *const expected[][3] = {{"", "invalid_parameters", "key must be"},
						  {"unknown", "unknown_type", ""},
						  {"array", "invalid_parameters", "must be an object"},
						  {"priority", "invalid_parameters", "urgent, high"},
						  {"large", "too_large", ""},
						  {"good", "completed", "done"}};
	struct client *client = network_client(&network, "client");
	struct receipt receipt;
	json_t *ends;

	(void)state;
	clone_start(&echo, &network, "echo/1", 64);
	receipt = send(client, "{\"do\":\"nonsense\"}");
	ends = await_result(client, &receipt.task_id);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const json_t *end = json_object_get(ends, expected[i][0]);

		assert_string_equal(json_string_value(json_array_get(end, 0)), expected[i][1]);
		assert_non_null(strstr(json_string_value(json_array_get(end, 1)), expected[i][2]));
	}
	json_decref(ends);
	client_close(client);
	clone_stop(&echo);
}

static void say_nothing(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	(void)context;
	(void)assignment;
	out_answer->silent = true;
}

static void test_an_attempt_ends_its_own_children(void **state)
{
	static struct instant_clone never = {.handler = say_nothing};
	struct client *client = network_client(&network, "client");
	struct receipt receipt;
	json_t *ends;

	(void)state;
	receipt = send(client, "{\"do\":\"cancel\"}"); /* nobody is there who would do it */
	ends = await_result(client, &receipt.task_id);
	assert_string_equal(json_string_value(json_array_get(json_object_get(ends, "stuck"), 0)), "cancelled");
	json_decref(ends);
	clone_start(&never, &network, "never/1", 64);
	client_close(client);
	clone_stop(&never);
}

static void test_the_first_words_of_a_key_stand(void **state)
{
	struct client *client = network_client(&network, "client");
	char mark[128];
	struct receipt receipt;
	json_t *ends;

	(void)state;
	clone_start(&echo, &network, "echo/1", 64);
	mark_path(mark, 0);
	receipt = send(client, "{\"do\":\"otherwise\",\"mark\":\"%s\"}", mark);
	ends = await_result(client, &receipt.task_id);
	assert_string_equal(json_string_value(json_array_get(json_object_get(ends, "one"), 0)), "completed");
	assert_int_equal(atomic_load(&echo.answered), 1);
	assert_int_equal(accepted(client), 2);
	json_decref(ends);
	client_close(client);
	clone_stop(&echo);
}

/* The clone has one slot; attempts that wait take none, and none of them is sent away. */
static void test_attempts_that_wait_make_room(void **state)
{
	struct client *client = network_client(&network, "client");
	struct receipt receipt[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		receipt[i] = send(client, "{\"do\":\"delegate\",\"children\":2}");
	while (accepted(client) < 6 * 3)
		assert_true(client_pump(client, 20) >= 0);
	for (uint64_t until = tally_now_us() + 1500000; tally_now_us() < until;) /* longer than silence is borne */
		assert_true(client_pump(client, 20) >= 0);
	clone_start(&echo, &network, "echo/1", 64);
	for (int i = 0; i < 6; i++) {
		struct outcome outcome;

		assert_int_equal(client_wait(client, &receipt[i].task_id, LONG_MS, &outcome), 0);
		assert_int_equal(outcome.state, STATE_COMPLETED);
		assert_int_equal(outcome.attempts, 1);
		outcome_release(&outcome);
	}
	client_close(client);
	clone_stop(&echo);
}

static void test_many_children_are_open_at_once(void **state)
{
	struct client *client = network_client(&network, "client");
	struct receipt receipt;
	json_t *ends;

	(void)state;
	receipt = send(client, "{\"do\":\"delegate\",\"children\":%d}", (int)CHILDREN_MAX);
	while (accepted(client) < (long)CHILDREN_MAX + 1)
		assert_true(client_pump(client, 20) >= 0);
	clone_start(&echo, &network, "echo/1", 64);
	ends = await_result(client, &receipt.task_id);
	check_story(ends, CHILDREN_MAX);
	json_decref(ends);
	client_close(client);
	clone_stop(&echo);
}

static void test_an_attempt_that_reads_nothing_is_ended(void **state)
{
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "race", .parameters = "{\"do\":\"deaf\"}"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	(void)state;
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, 4 * LONG_MS, &outcome), 0);
	assert_int_equal(outcome.code, ERROR_LIMIT);
	assert_non_null(strstr(outcome.summary, "does not read"));
	outcome_release(&outcome);
	client_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_network, close_network)

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "attempt") == 0)
		return attempt();
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		CASE(test_an_attempt_that_is_killed_at_any_event_finds_its_children_again),
		CASE(test_children_of_a_killed_clone_are_found_again_by_another_instance),
		CASE(test_children_are_told_of_when_omega_is_killed_at_any_event),
		CASE(test_what_cannot_be_asked_for_is_refused_in_words),
		CASE(test_an_attempt_ends_its_own_children),
		CASE(test_the_first_words_of_a_key_stand),
		CASE(test_attempts_that_wait_make_room),
		CASE(test_many_children_are_open_at_once),
		CASE(test_an_attempt_that_reads_nothing_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
