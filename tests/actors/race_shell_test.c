/* SPDX-License-Identifier: MIT
 *
 * What stands around the machine of a race: what is kept between attempts, results made whole and made short, agents by their names, and threads that
 * give up when they are told to.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/attempt.h"
#include "actors/fresh.h"
#include "actors/race_attempt_inner.h"
#include "routing/conf.h"
#include "tests/actors/scratch.h"

#define RACE "01a1fff6-8142-73af-9793-dbfe7bf60fd4"

static struct state_folder state;

static char *folder;

static const char *inside(const char *name)
{
	static char paths[4][PATH_BYTES];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_BYTES, "%s/%s", folder, name);
	return path;
}

static int open_state(void **unused)
{
	char sentence[SENTENCE_BYTES];

	(void)unused;
	folder = scratch_make();
	return folder ? state_open(inside("state"), &state, sentence) : -1;
}

static int close_state(void **unused)
{
	(void)unused;
	scratch_remove(folder);
	return 0;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static json_t *read_json(const char *path)
{
	json_t *json = json_load_file(path, 0, NULL);

	assert_non_null(json);
	return json;
}

/* ---- what is kept ---- */

static void test_what_a_model_has_said_is_there_for_the_next_attempt(void **unused)
{
	char sentence[SENTENCE_BYTES];
	struct race_keep keep;
	json_t *answer = json_pack("{s:{s:s, s:i, s:i}}", "result", "text", "b is better", "tokens_in", 40, "tokens_out", 2);
	char *started;

	(void)unused;
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	assert_null(race_keep_answer(&keep, "tie/1"));
	started = strdup(json_string_value(json_object_get(keep.json, "started")));
	race_keep_put(&keep, "tie/1", answer);
	race_keep_close(&keep);
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	assert_true(json_equal(race_keep_answer(&keep, "tie/1"), answer));
	assert_int_equal(race_keep_tokens(&keep), 42);
	assert_string_equal(json_string_value(json_object_get(keep.json, "started")), started);
	free(started);
	race_keep_close(&keep);
	json_decref(answer);
}

static void test_time_that_has_passed_is_counted_over_attempts(void **unused)
{
	char sentence[SENTENCE_BYTES];
	struct race_keep keep;

	(void)unused;
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	json_object_set_new(keep.json, "started_ms", json_integer((json_int_t)wall_now_ms() - 5000));
	assert_in_range(race_keep_elapsed_ms(&keep), 5000, 60000);
	json_object_set_new(keep.json, "started_ms", json_integer((json_int_t)wall_now_ms() + 5000)); /* the clock was set back */
	assert_int_equal(race_keep_elapsed_ms(&keep), 0);
	json_object_set_new(keep.json, "started_ms", json_integer(1));
	assert_int_equal(race_keep_elapsed_ms(&keep), 0);
	race_keep_close(&keep);
}

static void test_what_cannot_be_read_is_begun_anew(void **unused)
{
	static const char *const contents[] = {"", "{", "[]", "{\"started\": 3}", "{\"started\": \"now\", \"answers\": []}"};
	char sentence[SENTENCE_BYTES];
	struct race_keep keep;

	(void)unused;
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	race_keep_close(&keep);
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		write_text(keep.path, contents[i]);
		assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
		assert_int_equal(json_object_size(json_object_get(keep.json, "answers")), 0);
		race_keep_close(&keep);
	}
	assert_int_not_equal(race_keep_open(&keep, &state, "../../elsewhere", sentence), 0);
	assert_true(sentence[0] != 0);
}

static void test_attempts_read_the_last_context_whole(void **unused)
{
	char sentence[SENTENCE_BYTES];
	struct race_keep keep;
	json_t *context = json_pack("{s:i}", "number", 1), *read;

	(void)unused;
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	race_keep_context(&keep, context);
	json_object_set_new(context, "number", json_integer(2));
	race_keep_context(&keep, context);
	read = read_json(keep.context);
	assert_true(json_equal(read, context));
	json_decref(read);
	json_decref(context);
	race_keep_close(&keep);
}

static void test_folders_of_races_long_gone_are_removed(void **unused)
{
	static const char *const races[] = {"01a1fff6-0000-73af-9793-dbfe7bf60fd4", "01a1fff6-1111-73af-9793-dbfe7bf60fd4"};
	struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	char sentence[SENTENCE_BYTES], path[2][PATH_BYTES];
	struct race_keep keep;

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(race_keep_open(&keep, &state, races[i], sentence), 0);
		snprintf(path[i], PATH_BYTES, "%s", keep.path);
		race_keep_close(&keep);
	}
	*strrchr(path[0], '/') = '\0';
	assert_int_equal(utimensat(AT_FDCWD, path[0], old, 0), 0);
	assert_int_equal(race_keep_open(&keep, &state, RACE, sentence), 0);
	assert_int_not_equal(access(path[0], F_OK), 0);
	assert_int_equal(access(path[1], F_OK), 0);
	race_keep_close(&keep);
}

/* ---- whole and short ---- */

static json_t *cut_outcome(const char *name, const char *hash)
{
	return json_pack("{s:{s:s, s:{s:s}}, s:[{s:s, s:s}, {s:s, s:s}]}", "result", "status", "short", "cut", "whole",
			 "result.json", "artefacts", "name", "report.md", "hash", hash, "name", name, "hash", hash);
}

static const char *status_of(const json_t *outcome)
{
	return json_string_value(json_object_get(json_object_get(outcome, "result"), "status"));
}

static void test_a_shortened_result_is_made_whole(void **unused)
{
	static const char hash[] = "25cd2f0865dc564822be53ddfc325c27fbc49f3f487e4cbb325711c5fd68e1a3";
	static const struct {
		const char *name, *hash, *status;
	} cases[] = {{"result.json", hash, "whole"},
		     {"other.json", hash, "short"},
		     {"result.json", "25cd", "short"},
		     {"result.json", "../../../../../../../etc/passwd/../../../../../../../../../etc/pas", "short"},
		     {"result.json", "0000000000000000000000000000000000000000000000000000000000000000", "short"}};
	char begin[PATH_BYTES], path[PATH_BYTES + 80];

	(void)unused;
	assert_int_equal(state_path(&state, STATE_ARTEFACTS "/25", begin), 0);
	assert_int_equal(mkdir(begin, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s", begin, hash + 2);
	write_text(path, "{\"status\": \"whole\", \"findings\": [1, 2, 3]}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *outcome = cut_outcome(cases[i].name, cases[i].hash);

		race_make_whole(&state, outcome);
		assert_string_equal(status_of(outcome), cases[i].status);
		json_decref(outcome);
	}
	write_text(path, "no JSON");
	json_t *outcome = cut_outcome("result.json", hash);
	race_make_whole(&state, outcome);
	assert_string_equal(status_of(outcome), "short");
	json_decref(outcome);
	outcome = json_pack("{s:{s:s}, s:[{s:s, s:s}]}", "result", "status", "short", "artefacts", "name", "result.json", "hash",
			    hash);
	race_make_whole(&state, outcome); /* nothing was cut */
	assert_string_equal(status_of(outcome), "short");
	json_decref(outcome);
}

static json_t *long_text(size_t bytes)
{
	char *text = malloc(bytes);
	json_t *json;

	assert_non_null(text);
	memset(text, 'x', bytes);
	json = json_stringn(text, bytes);
	free(text);
	return json;
}

/* The completion that is printed for a result with details of this size. */
static json_t *completion_of(const char *work, size_t details_bytes, size_t other_bytes)
{
	json_t *end =
		json_pack("{s:i, s:s, s:{s:s, s:[{s:s, s:[{s:s, s:o}]}], s:{s:s, s:[]}, s:o}}", "completeness", 1, "summary",
			  "done", "result", "schema", "bunshin-race/1", "attempts", "label", "a", "gates", "gate", "tests",
			  "details", long_text(details_bytes), "choice", "label", "a", "steps", "prompt", long_text(other_bytes));
	int out = dup(STDOUT_FILENO);
	json_t *line;

	fflush(stdout);
	assert_non_null(freopen(inside("out"), "w", stdout));
	assert_int_equal(race_hand_in(work, end, 7), 0);
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	json_decref(end);
	line = read_json(inside("out"));
	return line;
}

static void test_a_result_that_is_too_long_for_a_message_is_shortened_and_left_whole(void **unused)
{
	static const size_t sizes[][2] = {{100, 100}, {100000, 100}, {100, 100000}, {100000, 100000}};
	(void)unused;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		json_t *line = completion_of(folder, sizes[i][0], sizes[i][1]);
		const json_t *completion = json_object_get(line, "completion"), *result = json_object_get(completion, "result");
		json_t *whole = read_json(inside("result.json"));

		assert_true(json_dumpb(result, NULL, 0, JSON_COMPACT) <= ATTEMPT_RESULT_BYTES);
		assert_int_equal(json_object_get(result, "cut") != NULL, i > 0);
		assert_int_equal(json_integer_value(json_object_get(completion, "completeness")), 1);
		assert_int_equal(json_integer_value(json_object_get(completion, "tokens")), 7);
		assert_int_equal(json_array_size(json_object_get(completion, "artefacts")), 2);
		assert_string_equal(json_string_value(json_object_get(json_object_get(result, "choice"), "label")), "a");
		assert_int_equal(json_string_length(json_object_get(whole, "prompt")), sizes[i][1]);
		assert_true(json_is_string(json_object_get(whole, "ended")));
		json_decref(whole);
		json_decref(line);
	}
}

/* ---- agents ---- */

static void test_agents_are_known_by_every_name_that_a_race_uses(void **unused)
{
	static const char text[] = "agent mine { adapter = claude  model = m1  level = 3  slots = 2  fallback = codex }\n"
				   "clone beta { }\nroute security-analysis { destination = beta }\n";
	struct conf *conf = malloc(sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES];
	json_t *parameters =
		json_pack("{s:[{s:s}, {s:s}, {s:i}]}", "agents", "agent", "claude_code", "agent", "nobody", "agent", 3);
	json_t *agents;
	const json_t *mine;

	(void)unused;
	assert_non_null(conf);
	if (conf_parse(text, "conf", conf, sentence))
		fail_msg("%s", sentence);
	agents = race_agents(conf, parameters, NULL);
	mine = json_object_get(agents, "mine");
	assert_string_equal(json_string_value(json_object_get(mine, "adapter")), "claude");
	assert_string_equal(json_string_value(json_object_get(mine, "model")), "m1");
	assert_int_equal(json_integer_value(json_object_get(mine, "level")), 3);
	assert_int_equal(json_integer_value(json_object_get(mine, "slots")), 2);
	assert_string_equal(json_string_value(json_object_get(mine, "fallback")), "codex");
	assert_non_null(json_object_get(agents, "codex"));
	assert_string_equal(json_string_value(json_object_get(json_object_get(agents, "claude_code"), "adapter")), "claude");
	assert_null(json_object_get(agents, "nobody"));
	json_decref(agents);
	json_decref(parameters);
	free(conf);
}

/* ---- threads ---- */

static void test_threads_give_up_when_they_are_told_to(void **unused)
{
	struct race_workers *workers = NULL;
	struct conf *conf = calloc(1, sizeof(*conf));
	char path[PATH_BYTES], endpoint[PATH_BYTES];
	uint64_t begun_ms = boottime_now_ms();

	(void)unused;
	/* An address where nobody is: it would be waited for, as for one that is started again. */
	snprintf(endpoint, sizeof(endpoint), "ipc://%s", inside("nobody"));
	assert_int_equal(state_path(&state, STATE_WORKSPACE_ENDPOINT, path), 0);
	write_text(path, endpoint);
	assert_int_equal(race_workers_begin(&state, conf, begun_ms + 600000, &workers), 0);
	for (int i = 0; i < 20; i++)
		assert_true(race_workers_give(workers, RACE_JOB_WORKSPACE, "key", json_pack("{s:s}", "verb", "list")));
	assert_true(race_workers_give(workers, RACE_JOB_READY, "begin", json_pack("{s:s}", "repo", "project")));
	assert_false(race_workers_give(workers, RACE_JOB_MODEL, "key", NULL));
	assert_null(race_workers_take(workers));
	race_workers_end(workers);
	assert_true(boottime_now_ms() - begun_ms < 8000);
	free(conf);
}

static void test_every_question_is_answered_once(void **unused)
{
	struct race_workers *workers = NULL;
	struct conf *conf = calloc(1, sizeof(*conf));
	unsigned answered = 0, asked = 200;

	(void)unused;
	assert_int_equal(race_workers_begin(&state, conf, boottime_now_ms() + 600000, &workers), 0);
	for (unsigned i = 0; i < asked; i++)
		assert_true(race_workers_give(workers, RACE_JOB_MODEL, "key", json_pack("{s:s}", "agent", "nobody")));
	while (answered < asked) {
		struct race_job *job = race_workers_take(workers);

		if (!job)
			continue;
		assert_string_equal(job->key, "key");
		assert_string_equal(json_string_value(json_object_get(json_object_get(job->answer, "error"), "code")),
				    "not_found");
		race_job_free(job);
		answered++;
	}
	assert_null(race_workers_take(workers));
	race_workers_end(workers);
	free(conf);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_state, close_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_a_model_has_said_is_there_for_the_next_attempt),
		CASE(test_time_that_has_passed_is_counted_over_attempts),
		CASE(test_what_cannot_be_read_is_begun_anew),
		CASE(test_attempts_read_the_last_context_whole),
		CASE(test_folders_of_races_long_gone_are_removed),
		CASE(test_a_shortened_result_is_made_whole),
		CASE(test_a_result_that_is_too_long_for_a_message_is_shortened_and_left_whole),
		CASE(test_agents_are_known_by_every_name_that_a_race_uses),
		CASE(test_threads_give_up_when_they_are_told_to),
		CASE(test_every_question_is_answered_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
