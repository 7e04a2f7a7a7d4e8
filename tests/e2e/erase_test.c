/* SPDX-License-Identifier: MIT
 *
 * What people had erased from a whole network: every text of a task is high entropy, and no eight bytes of it may be found in any file below the
 * state folder, in a backup that was erased too, or in an export made afterwards; the rest is all there, and every proof holds.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "audit/erase.h"
#include "protocol/id.h"
#include "tests/audit/canary.h"
#include "tests/e2e/network.h"

#define LONG_MS    20000u
#define TEXT_BYTES 96u
#define FILE_BYTES 70000u

static const char conf[] = "network {\n\theartbeat = 500ms\n\tcancel_grace = 10s\n}\n"
			   "clone echo {\n\tinstances = 2\n\tslots = 4\n\texternal = yes\n}\n"
			   "route echo {\n\tdestination = echo\n\ttimeout = 20s\n\tretries = 0\n\theartbeat = 5s\n}\n";

static const char *program;  /* bunshin */
static const char *verifier; /* bunshin-verify */
static struct network network;
static pid_t clone_pid;

/* ---- the texts of a task, all from its seed ---- */

enum { PARAMETER, STAGE, LINE, SUMMARY, RESULT, SENTENCE, EVIDENCE, STDERR, REASON, TEXT_KINDS };

static const char *text_of(unsigned seed, unsigned kind)
{
	static char text[TEXT_KINDS][TEXT_BYTES + 1];
	canary_text(seed * 100 + kind, text[kind], TEXT_BYTES);
	return text[kind];
}

static char *content_of(unsigned seed)
{
	char *content = malloc(FILE_BYTES + 1);
	assert_non_null(content);
	canary_text(seed * 100 + 99, content, FILE_BYTES);
	return content;
}

static void add_texts(struct canary *canary, unsigned seed, bool artefact)
{
	for (unsigned kind = 0; kind < TEXT_KINDS; kind++)
		canary_add(canary, text_of(seed, kind), TEXT_BYTES);
	if (!artefact)
		return;
	char *content = content_of(seed);
	canary_add(canary, content, FILE_BYTES);
	free(content);
}

/* ---- the attempt: says all of them ---- */

static void say(json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static void leave_file(unsigned seed)
{
	char *content = content_of(seed);
	FILE *file = fopen("report.txt", "w"); /* in the work folder */
	if (!file || fputs(content, file) < 0 || fclose(file))
		exit(9);
	free(content);
}

static int attempt(void)
{
	json_t *assignment = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *parameters = json_object_get(assignment, "parameters");
	unsigned seed = (unsigned)json_integer_value(json_object_get(parameters, "seed"));
	unsigned file = (unsigned)json_integer_value(json_object_get(parameters, "file"));
	fprintf(stderr, "%s\n", text_of(seed, STDERR));
	say(json_pack("{s:{s:i, s:s, s:s}}", "progress", "permille", 500, "stage", text_of(seed, STAGE), "line",
		      text_of(seed, LINE)));
	if (json_is_true(json_object_get(parameters, "hang")))
		for (;;)
			pause();
	if (json_is_true(json_object_get(parameters, "fail"))) {
		say(json_pack("{s:{s:s, s:s, s:{s:s}}}", "failure", "code", "tool_missing", "sentence", text_of(seed, SENTENCE),
			      "evidence", "tool", text_of(seed, EVIDENCE)));
		_exit(1);
	}
	leave_file(file ? file : seed);
	say(json_pack("{s:{s:i, s:s, s:{s:s}, s:[{s:s, s:s, s:s}]}}", "completion", "completeness", 0, "summary",
		      text_of(seed, SUMMARY), "result", "answer", text_of(seed, RESULT), "artefacts", "name", "report", "path",
		      "report.txt", "media_type", "text/plain"));
	_exit(0);
}

/* ---- asking ---- */

static int finish(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

__attribute__((format(printf, 1, 2))) static int bunshin(const char *format, ...)
{
	char command[1024], line[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "exec %s %s --state %s </dev/null >/dev/null 2>%s/said", program, command, network.state,
		 network.folder);
	return finish(system(line));
}

static void must(int code)
{
	char path[128], said[2000] = "";
	if (code == 0)
		return;
	snprintf(path, sizeof(path), "%s/said", network.folder);
	FILE *file = fopen(path, "r");
	if (file) {
		said[fread(said, 1, sizeof(said) - 1, file)] = 0;
		fclose(file);
	}
	fail_msg("exit code %d: %s", code, said);
}

static struct id send(struct client *client, unsigned seed, const char *more, const char *key)
{
	struct receipt receipt;
	struct refused refused;
	char parameters[512];
	snprintf(parameters, sizeof(parameters), "{\"seed\":%u,\"text\":\"%s\"%s}", seed, text_of(seed, PARAMETER), more);
	struct request request = {.task_type = "echo", .parameters = parameters, .idempotency_key = key};
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	return receipt.task_id;
}

static enum state wait_for(struct client *client, const struct id *task)
{
	struct outcome outcome = {0};
	assert_int_equal(client_wait(client, task, LONG_MS, &outcome), 0);
	enum state state = outcome.state;
	outcome_release(&outcome);
	return state;
}

static int erase(struct client *client, const struct id *task, char sentence[CLIENT_SENTENCE_BYTES])
{
	return client_recover(client, VERB_ERASE, task, NULL, "a reason that stays", LONG_MS, sentence);
}

static void id_of(const struct id *task, char out[ID_TEXT_BYTES])
{
	id_print(task, out);
}

/* ---- looking ---- */

static void assert_hits(struct canary *canary, const char *path, bool some)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	size_t hits = S_ISDIR(status.st_mode) ? canary_hits_below(canary, path) : canary_hits_in_file(canary, path);
	if (!some && hits)
		fail_msg("%zu hits; the first: %s", hits, canary->first);
	if (some && !hits)
		fail_msg("nothing is found in %s, where it must be", path);
}

static void assert_verified(const char *file)
{
	char line[1024];
	snprintf(line, sizeof(line), "exec %s --key %s/keys/log.pub %s >%s/said 2>&1", verifier, network.state, file,
		 network.folder);
	must(finish(system(line)));
}

static void assert_sound(void)
{
	char path[128];
	must(bunshin("audit verify"));
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_verified(path);
}

static struct trail *open_trail(void)
{
	struct trail *trail;
	char path[128], why[256];
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	if (trail_open(path, TRAIL_READ, &trail, why))
		fail_msg("%s", why);
	return trail;
}

/* All that the tasks of this seed said is there, word for word. */
static void assert_kept(unsigned seed)
{
	struct canary canary;
	char path[128];
	canary_init(&canary);
	canary_add(&canary, text_of(seed, PARAMETER), TEXT_BYTES);
	canary_add(&canary, text_of(seed, SUMMARY), TEXT_BYTES);
	canary_add(&canary, text_of(seed, RESULT), TEXT_BYTES);
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	size_t hits = canary_hits_below(&canary, network.state);
	assert_true(hits >= 3 * (TEXT_BYTES - CANARY_WINDOW + 1));
	canary_release(&canary);
}

static bool is_erased(const struct id *task)
{
	struct trail *trail = open_trail();
	struct trail_task known;
	bool gone = false;
	assert_int_equal(trail_task(trail, task, &known), 0);
	assert_int_equal(erase_is_gone(trail, known.request_seq, &gone), 0);
	trail_close(trail);
	return gone;
}

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

/* ---- one task among others ---- */

static void test_nothing_of_an_erased_task_is_found_anywhere(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone;
	char id[ID_TEXT_BYTES], backup[160], export[160], path[200];
	(void)state;
	canary_init(&gone);
	struct id other = send(client, 1, "", NULL);
	struct id done = send(client, 2, "", "a key");
	assert_int_equal(wait_for(client, &other), STATE_COMPLETED);
	assert_int_equal(wait_for(client, &done), STATE_COMPLETED);
	add_texts(&gone, 2, true);
	must(bunshin("audit search seed"));
	assert_hits(&gone, network.state, true);
	snprintf(backup, sizeof(backup), "%s/backup", network.folder);
	snprintf(export, sizeof(export), "%s/export.jsonl", network.folder);
	must(bunshin("audit backup %s", backup));
	assert_hits(&gone, backup, true);
	id_of(&done, id);
	must(bunshin("audit erase %s --reason 'it has to go' --yes", id));
	assert_hits(&gone, network.state, false);
	assert_kept(1);
	assert_sound();
	/* The same request finds the task, and brings no text back. */
	struct id again = send(client, 2, "", "a key");
	assert_true(id_equal(&again, &done));
	assert_int_equal(wait_for(client, &again), STATE_COMPLETED);
	must(bunshin("audit search seed"));
	must(bunshin("audit export --output %s", export));
	assert_hits(&gone, network.state, false);
	assert_hits(&gone, export, false);
	assert_verified(export);
	/* In the backup, with the proof of it. */
	must(bunshin("audit erase %s --in %s --yes", id, backup));
	assert_hits(&gone, backup, false);
	snprintf(path, sizeof(path), "%s/trail.db", backup);
	assert_verified(path);
	must(bunshin("audit restore --drill %s", backup));
	must(bunshin("audit erase %s --in %s --yes", id, path)); /* once more does no harm */
	/* A restart changes nothing. */
	client_close(client);
	assert_int_equal(network_stop(&network), 0);
	network_verify(&network);
	network_start(&network);
	client = network_client(&network, "operator");
	struct id last = send(client, 3, "", NULL);
	assert_int_equal(wait_for(client, &last), STATE_COMPLETED);
	assert_hits(&gone, network.state, false);
	assert_kept(1);
	assert_kept(3);
	client_close(client);
	canary_release(&gone);
}

static void test_a_live_task_keeps_its_texts_until_it_is_cancelled(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone;
	struct refused refused;
	char sentence[CLIENT_SENTENCE_BYTES], id[ID_TEXT_BYTES];
	(void)state;
	canary_init(&gone);
	add_texts(&gone, 4, false);
	struct id task = send(client, 4, ",\"hang\":true", NULL);
	id_of(&task, id);
	assert_int_equal(erase(client, &task, sentence), ERR_STATE);
	assert_non_null(strstr(sentence, "cancel"));
	assert_int_equal(bunshin("audit erase %s --reason x --yes", id), 6);
	assert_false(is_erased(&task));
	assert_int_equal(client_cancel(client, &task, text_of(4, REASON), LONG_MS, &refused), 0);
	assert_int_equal(wait_for(client, &task), STATE_CANCELLED);
	must(bunshin("audit erase %s --reason 'it has to go' --yes", id));
	assert_hits(&gone, network.state, false);
	assert_sound();
	client_close(client);
	canary_release(&gone);
}

static void test_a_dead_letter_is_erased_and_stays_dead(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone;
	char sentence[CLIENT_SENTENCE_BYTES];
	(void)state;
	canary_init(&gone);
	add_texts(&gone, 5, false);
	struct id task = send(client, 5, ",\"fail\":true", NULL);
	assert_int_equal(wait_for(client, &task), STATE_FAILED);
	assert_int_equal(client_recover(client, VERB_RETRY, &task, NULL, text_of(5, REASON), LONG_MS, sentence), 0);
	assert_int_equal(wait_for(client, &task), STATE_FAILED);
	assert_hits(&gone, network.state, true);
	assert_int_equal(erase(client, &task, sentence), 0);
	assert_hits(&gone, network.state, false);
	assert_int_equal(client_recover(client, VERB_RETRY, &task, NULL, "again", LONG_MS, sentence), ERR_STATE);
	assert_non_null(strstr(sentence, "erased"));
	struct id nobody = {{7}};
	assert_int_equal(erase(client, &nobody, sentence), ERR_NOT_FOUND);
	assert_sound();
	client_close(client);
	canary_release(&gone);
}

/* Two tasks leave the same file; it goes with the second of them. */
static void test_an_artefact_that_another_task_names_stays(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary file;
	char sentence[CLIENT_SENTENCE_BYTES];
	char *content = content_of(50);
	(void)state;
	canary_init(&file);
	canary_add(&file, content, FILE_BYTES);
	free(content);
	struct id first = send(client, 6, ",\"file\":50", NULL), second = send(client, 7, ",\"file\":50", NULL);
	assert_int_equal(wait_for(client, &first), STATE_COMPLETED);
	assert_int_equal(wait_for(client, &second), STATE_COMPLETED);
	assert_int_equal(erase(client, &first, sentence), 0);
	assert_hits(&file, network.state, true);
	assert_int_equal(erase(client, &second, sentence), 0);
	assert_hits(&file, network.state, false);
	assert_sound();
	client_close(client);
	canary_release(&file);
}

static bool artefact_is_there(const char *hash)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/artefacts/%.2s/%s", network.state, hash, hash + 2);
	return access(path, F_OK) == 0;
}

/* The second task brings nothing, but speaks of what the first one left. */
static void test_an_artefact_that_is_only_spoken_of_stays_as_long_as_the_words(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct outcome outcome = {0};
	char sentence[CLIENT_SENTENCE_BYTES], more[160], hash[65];
	(void)state;
	struct id first = send(client, 9, "", NULL);
	assert_int_equal(client_wait(client, &first, LONG_MS, &outcome), 0);
	json_t *artefacts = json_loads(outcome.artefacts, 0, NULL);
	snprintf(hash, sizeof(hash), "%s", json_string_value(json_object_get(json_array_get(artefacts, 0), "hash")));
	json_decref(artefacts);
	outcome_release(&outcome);
	assert_true(artefact_is_there(hash));
	snprintf(more, sizeof(more), ",\"fail\":true,\"input\":\"%s\"", hash);
	struct id second = send(client, 13, more, NULL);
	assert_int_equal(wait_for(client, &second), STATE_FAILED);
	assert_int_equal(erase(client, &first, sentence), 0);
	assert_true(artefact_is_there(hash));
	assert_int_equal(erase(client, &second, sentence), 0);
	assert_false(artefact_is_there(hash));
	client_close(client);
}

/* A clone that died left its work folder, and nobody starts it again. */
static void test_work_folders_that_were_left_behind_go_too(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone;
	char sentence[CLIENT_SENTENCE_BYTES], id[ID_TEXT_BYTES], path[256];
	(void)state;
	canary_init(&gone);
	add_texts(&gone, 8, true);
	struct id task = send(client, 8, "", NULL);
	assert_int_equal(wait_for(client, &task), STATE_COMPLETED);
	id_of(&task, id);
	snprintf(path, sizeof(path), "%s/work/echo@9", network.state);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/work/echo@9/%s.1", network.state, id);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/work/echo@9/%s.1/notes", network.state, id);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text_of(8, RESULT), file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(erase(client, &task, sentence), 0);
	assert_hits(&gone, network.state, false);
	client_close(client);
	canary_release(&gone);
}

/* ---- by age ---- */

static void test_what_is_old_goes_and_what_is_needed_stays(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone, kept;
	char sentence[CLIENT_SENTENCE_BYTES];
	struct refused refused;
	(void)state;
	canary_init(&gone);
	canary_init(&kept);
	struct id done = send(client, 10, "", NULL), dead = send(client, 11, ",\"fail\":true", NULL),
		  live = send(client, 12, ",\"hang\":true", NULL);
	assert_int_equal(wait_for(client, &done), STATE_COMPLETED);
	assert_int_equal(wait_for(client, &dead), STATE_FAILED);
	add_texts(&gone, 10, true);
	canary_add(&kept, text_of(11, SENTENCE), TEXT_BYTES);
	assert_int_equal(client_recover(client, VERB_PRUNE, NULL, "yesterday", "x", LONG_MS, sentence), ERR_INVALID_PARAMETERS);
	assert_int_equal(client_recover(client, VERB_PRUNE, NULL, "1000", "x", LONG_MS, sentence), ERR_NOT_FOUND);
	must(bunshin("audit prune --before 2200-01-01 --reason 'all of it' --yes"));
	assert_hits(&gone, network.state, false);
	assert_hits(&kept, network.state, true);
	assert_false(is_erased(&dead));
	assert_false(is_erased(&live));
	assert_sound();
	/* The dead letter is settled, the live one ends, and Omega is killed: it comes back, and then all goes. */
	assert_int_equal(client_recover(client, VERB_RESOLVE, &dead, NULL, text_of(11, REASON), LONG_MS, sentence), 0);
	assert_int_equal(client_cancel(client, &live, text_of(12, REASON), LONG_MS, &refused), 0);
	assert_int_equal(wait_for(client, &live), STATE_CANCELLED);
	client_close(client);
	network_kill(&network);
	network_start(&network);
	add_texts(&gone, 11, false);
	add_texts(&gone, 12, false);
	must(bunshin("audit prune --before 2200-01-01 --reason 'the rest' --yes"));
	assert_hits(&gone, network.state, false);
	assert_sound();
	canary_release(&gone);
	canary_release(&kept);
}

static void write_conf(const char *retention)
{
	FILE *file = fopen(network.routes, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "network {\n\theartbeat = 500ms\n\t%s\n}\n%s", retention, strchr(conf, '}') + 2) > 0);
	assert_int_equal(fclose(file), 0);
}

static void test_retention_erases_by_itself_at_the_start(void **state)
{
	struct client *client = network_client(&network, "operator");
	struct canary gone;
	(void)state;
	canary_init(&gone);
	struct id done = send(client, 20, "", NULL);
	assert_int_equal(wait_for(client, &done), STATE_COMPLETED);
	add_texts(&gone, 20, true);
	client_close(client);
	assert_int_equal(network_stop(&network), 0);
	assert_hits(&gone, network.state, true);
	write_conf("retention = 1s");
	usleep(1100 * 1000); /* what is to be erased must be as old as that, and a clock tells */
	network_start(&network);
	for (unsigned i = 0; i < 200 && !is_erased(&done); i++)
		usleep(50 * 1000);
	client = network_client(&network, "operator"); /* answers when that batch is out, and what lies beside it is gone */
	client_close(client);
	assert_hits(&gone, network.state, false);
	assert_sound();
	write_conf("");
	canary_release(&gone);
}

/* ---- crashes ---- */

/* A child asks for one erasure; Omega is killed somewhere in it. */
static void kill_while_erasing(const struct id *task, unsigned microseconds)
{
	int ends[2];
	char joined;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char sentence[CLIENT_SENTENCE_BYTES];
		struct client *client = network_client(&network, "operator");
		if (write(ends[1], "x", 1) == 1)
			(void)erase(client, task, sentence);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &joined, 1), 1);
	close(ends[0]);
	usleep(microseconds);
	network_kill(&network);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_whenever_omega_is_killed_a_task_is_whole_or_gone_without_a_trace(void **state)
{
	const char *wanted = getenv("ERASE_KILLS");
	unsigned kills = wanted ? (unsigned)atoi(wanted) : 8, erased = 0;
	(void)state;
	for (unsigned i = 0; i < kills; i++) {
		struct client *client = network_client(&network, "operator");
		struct canary texts;
		canary_init(&texts);
		add_texts(&texts, 30 + i, true);
		struct id task = send(client, 30 + i, "", NULL);
		assert_int_equal(wait_for(client, &task), STATE_COMPLETED);
		must(bunshin("audit search seed"));
		client_close(client);
		kill_while_erasing(&task, (i * 40000 + 500) / kills);
		network_start(&network);
		bool gone = is_erased(&task);
		erased += gone;
		assert_hits(&texts, network.state, !gone);
		if (!gone)
			assert_kept(30 + i);
		canary_release(&texts);
	}
	assert_sound();
	assert_int_equal(network_stop(&network), 0);
	network_verify(&network); /* every decision of all these tests can be made again */
	print_message("           Omega was killed %u times; %u tasks were erased then\n", kills, erased);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "attempt") == 0)
		return attempt();
	network_be_child(argc, argv);
	if (argc < 3) {
		fprintf(stderr, "usage: erase_test BUNSHIN BUNSHIN-VERIFY\n");
		return 2;
	}
	program = argv[1];
	verifier = argv[2];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_of_an_erased_task_is_found_anywhere),
		cmocka_unit_test(test_a_live_task_keeps_its_texts_until_it_is_cancelled),
		cmocka_unit_test(test_a_dead_letter_is_erased_and_stays_dead),
		cmocka_unit_test(test_an_artefact_that_another_task_names_stays),
		cmocka_unit_test(test_an_artefact_that_is_only_spoken_of_stays_as_long_as_the_words),
		cmocka_unit_test(test_work_folders_that_were_left_behind_go_too),
		cmocka_unit_test(test_what_is_old_goes_and_what_is_needed_stays),
		cmocka_unit_test(test_retention_erases_by_itself_at_the_start),
		cmocka_unit_test(test_whenever_omega_is_killed_a_task_is_whole_or_gone_without_a_trace),
	};
	return cmocka_run_group_tests(tests, open_network, close_network);
}
