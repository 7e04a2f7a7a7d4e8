/* SPDX-License-Identifier: MIT
 *
 * The loop of a race's attempt: one thread that reads, steps the machine, and prints.
 */
#include "actors/race_attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "actors/agent_setup.h"
#include "actors/attempt_inner.h"
#include "actors/fresh.h"
#include "actors/process.h"
#include "actors/race_attempt_inner.h"

#define LINE_BYTES_MAX (8u << 20) /* of what is told about a child */
#define END_MARGIN_MS  2000u      /* of the attempt's time, for handing in */
#define READ_BYTES     65536u
#define READY_KEY      "begin"
#define ECONOMY_KEY    "economy"

struct judge {
	json_t *assignment;
	const json_t *parameters;
	const char *task_id, *work;
	struct state_folder state;
	struct conf *conf;
	struct race_keep keep;
	struct race_workers *workers;
	struct race *race;
	json_t *chosen; /* the parameters with those in them who were chosen; NULL: nobody had to be */
	struct buffer in;
	uint64_t end_ms;  /* of the attempt */
	uint64_t wake_ms; /* when the machine wants to be told of the time */
	json_t *end;      /* what RACE_END said */
	int rc;
	char sentence[SENTENCE_BYTES];
};

static int judge_fail(struct judge *judge, int rc, const char *sentence)
{
	if (!judge->rc) {
		judge->rc = rc;
		snprintf(judge->sentence, sizeof(judge->sentence), "%s",
			 sentence && *sentence ? sentence : error_sentence(rc < 0 ? -rc : rc));
	}
	return rc;
}

/* ---- what is to be done ---- */

static void print_act(const char *word, const struct race_act *act)
{
	json_t *json = json_copy(act->json);

	json_object_set_new(json, "key", json_string(act->key));
	attempt_print(json_pack("{s:o}", word, json));
}

/* Which attempts are where is for people who look at the trail; the line is for everybody. */
static void print_progress(const struct race_act *act)
{
	json_t *json = json_copy(act->json);

	json_object_del(json, "attempts");
	attempt_print(json_pack("{s:o}", "progress", json));
}

static void tell(struct judge *judge, enum race_event_kind kind, const char *key, const json_t *json);

/* What a model has said once, it has said for all attempts of the race. */
static void ask_once(struct judge *judge, const struct race_act *act)
{
	const json_t *kept = race_keep_answer(&judge->keep, act->key);

	if (kept)
		tell(judge, RACE_ANSWERED, act->key, kept);
	else if (!race_workers_give(judge->workers, RACE_JOB_MODEL, act->key, json_incref(act->json)))
		judge_fail(judge, ERR_MEMORY, NULL);
}

static void do_act(struct judge *judge, const struct race_act *act)
{
	switch (act->kind) {
	case RACE_REQUEST:
		print_act("request", act);
		break;
	case RACE_CANCEL:
		print_act("cancel", act);
		break;
	case RACE_WORKSPACE:
		if (!race_workers_give(judge->workers, RACE_JOB_WORKSPACE, act->key, json_incref(act->json)))
			judge_fail(judge, ERR_MEMORY, NULL);
		break;
	case RACE_ASK:
		ask_once(judge, act);
		break;
	case RACE_SAY:
		print_progress(act);
		break;
	case RACE_CONTEXT:
		race_keep_context(&judge->keep, act->json);
		break;
	case RACE_WAIT:
		judge->wake_ms = boottime_now_ms() + (uint64_t)json_integer_value(json_object_get(act->json, "ms"));
		break;
	case RACE_END:
		judge->end = json_incref(act->json);
		break;
	}
}

static void tell(struct judge *judge, enum race_event_kind kind, const char *key, const json_t *json)
{
	struct race_event event = {.kind = kind, .key = key, .json = json};
	struct race_acts acts = {0};
	int rc = judge->end || judge->rc ? 0 : race_step(judge->race, boottime_now_ms(), &event, &acts);

	if (rc)
		judge_fail(judge, rc, NULL);
	for (size_t i = 0; i < acts.count && !judge->rc && !judge->end; i++)
		do_act(judge, &acts.act[i]);
	race_acts_release(&acts);
}

/* ---- what is heard ---- */

static void take_line(struct judge *judge, const char *line, size_t bytes)
{
	static const struct {
		const char *word;
		enum race_event_kind kind;
	} words[] = {
		{"accepted", RACE_ACCEPTED}, {"refused", RACE_REFUSED}, {"progress", RACE_PROGRESS}, {"outcome", RACE_OUTCOME}};
	json_t *json = json_loadb(line, bytes, JSON_ALLOW_NUL, NULL);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		json_t *told = json_object_get(json, words[i].word);
		const char *key = json_string_value(json_object_get(told, "key"));

		if (!key)
			continue;
		if (words[i].kind == RACE_OUTCOME)
			race_make_whole(&judge->state, told);
		tell(judge, words[i].kind, key, told);
	}
	json_decref(json);
}

static void take_lines(struct judge *judge)
{
	size_t begin = 0;
	const uint8_t *end;

	while ((end = memchr(judge->in.at + begin, '\n', judge->in.bytes - begin))) {
		size_t bytes = (size_t)(end - judge->in.at) - begin;

		take_line(judge, (const char *)judge->in.at + begin, bytes);
		begin += bytes + 1;
	}
	memmove(judge->in.at, judge->in.at + begin, judge->in.bytes - begin);
	judge->in.bytes -= begin;
	if (judge->in.bytes > LINE_BYTES_MAX)
		judge_fail(judge, ERR_LIMIT, "the clone has sent a line that does not end");
}

static void read_input(struct judge *judge)
{
	char block[READ_BYTES];
	ssize_t got = read(STDIN_FILENO, block, sizeof(block));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0)
		judge_fail(judge, ERR_LOST, "the clone that holds this race is gone");
	else if (buffer_append(&judge->in, block, (size_t)got))
		judge_fail(judge, ERR_MEMORY, NULL);
	else
		take_lines(judge);
}

static uint64_t time_left(const struct judge *judge)
{
	uint64_t now = boottime_now_ms();

	return judge->end_ms > now ? judge->end_ms - now : 1;
}

/* What was decided by the first attempt at this race holds for those after it, since children that are there were asked by it. */
static const json_t *economy_of(struct judge *judge, const json_t *ready)
{
	json_t *economy;

	if (race_keep_answer(&judge->keep, ECONOMY_KEY))
		return race_keep_answer(&judge->keep, ECONOMY_KEY);
	economy = race_economy(&judge->state, judge->conf, judge->parameters, json_object_get(ready, "repository"));
	if (economy)
		race_keep_put(&judge->keep, ECONOMY_KEY, economy);
	json_decref(economy);
	return race_keep_answer(&judge->keep, ECONOMY_KEY);
}

/* The machine does not know that somebody had to be chosen, only why he was. */
static int put_chosen(struct judge *judge, const json_t *economy)
{
	char why[256] = "";
	int rc;

	if (!json_object_size(json_object_get(economy, "chosen")))
		return economy ? 0 : judge_fail(judge, ERR_MEMORY, NULL);
	judge->chosen = race_chosen(judge->parameters, economy);
	race_free(judge->race);
	judge->race = NULL;
	rc = judge->chosen ? race_new(judge->chosen, judge->task_id, &judge->race, why) : ERR_MEMORY;
	if (rc)
		return judge_fail(judge, rc, why);
	judge->parameters = judge->chosen;
	return 0;
}

/* The machine begins once the repository is there, or it is known why it is not: what it asks for then says so too. */
static void begin(struct judge *judge, const json_t *ready)
{
	json_t *error = json_object_get(ready, "error"), *agents;
	const json_t *economy = economy_of(judge, ready);
	json_t *budget = json_object_get(judge->assignment, "budget_tokens");
	json_t *json;

	if (put_chosen(judge, economy))
		return;
	agents = race_agents(judge->conf, judge->parameters, json_object_get(economy, "reserve"));
	json = json_pack("{s:I, s:I, s:I, s:O, s:o}", "budget_tokens", json_integer_value(budget), "remaining_ms",
			 (json_int_t)time_left(judge), "elapsed_ms", (json_int_t)race_keep_elapsed_ms(&judge->keep), "started",
			 json_object_get(judge->keep.json, "started"), "agents", agents);
	if (error)
		fprintf(stderr, "%s\n", json_string_value(json_object_get(error, "sentence")));
	if (json)
		tell(judge, RACE_BEGUN, NULL, json);
	else
		judge_fail(judge, ERR_MEMORY, NULL);
	json_decref(json);
}

static void take_job(struct judge *judge, struct race_job *job)
{
	if (!job->answer) {
		judge_fail(judge, ERR_MEMORY, NULL);
	} else if (job->kind == RACE_JOB_READY) {
		begin(judge, job->answer);
	} else {
		if (job->kind == RACE_JOB_MODEL && json_object_get(job->answer, "result"))
			race_keep_put(&judge->keep, job->key, job->answer);
		tell(judge, RACE_ANSWERED, job->key, job->answer);
	}
	race_job_free(job);
}

static void take_jobs(struct judge *judge)
{
	struct race_job *job;

	while (!judge->end && !judge->rc && (job = race_workers_take(judge->workers)))
		take_job(judge, job);
}

/* ---- the loop ---- */

static int signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void stop_race(struct judge *judge)
{
	json_t *json = json_pack("{s:s}", "reason", "the race was asked to end");

	tell(judge, RACE_STOP, NULL, json);
	json_decref(json);
	if (!judge->end)
		judge_fail(judge, ERR_CANCELLED, "the race was asked to end before it had begun");
}

static int wait_ms(const struct judge *judge)
{
	uint64_t now = boottime_now_ms();
	uint64_t left = judge->wake_ms > now ? judge->wake_ms - now : 0;

	if (judge->wake_ms == UINT64_MAX)
		return -1;
	return left < 3600000 ? (int)left : 3600000;
}

static void loop(struct judge *judge, int signals)
{
	struct pollfd items[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				 {.fd = race_workers_fd(judge->workers), .events = POLLIN},
				 {.fd = signals, .events = POLLIN}};

	while (!judge->end && !judge->rc) {
		if (poll(items, 3, wait_ms(judge)) < 0 && errno != EINTR)
			judge_fail(judge, ERR_SYSTEM, NULL);
		if (items[2].revents)
			stop_race(judge);
		if (items[0].revents && !judge->end && !judge->rc)
			read_input(judge);
		take_jobs(judge);
		if (!judge->end && !judge->rc && boottime_now_ms() >= judge->wake_ms) {
			judge->wake_ms = UINT64_MAX;
			tell(judge, RACE_TIME, NULL, NULL);
		}
	}
}

/* ---- opening ---- */

static uint64_t number_of(const struct judge *judge, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(judge->assignment, name));

	return value > 0 ? (uint64_t)value : 0;
}

static int read_assignment(struct judge *judge)
{
	uint64_t time_ms = number_of(judge, "timeout_ms"), remaining_ms = number_of(judge, "remaining_ms");

	judge->parameters = json_object_get(judge->assignment, "parameters");
	judge->task_id = json_string_value(json_object_get(judge->assignment, "task_id"));
	judge->work = json_string_value(json_object_get(judge->assignment, "work"));
	if (!judge->task_id || !judge->work || judge->work[0] != '/' || !time_ms)
		return judge_fail(judge, ERR_MALFORMED, "the assignment lacks task_id, work (an absolute path) or timeout_ms");
	if (remaining_ms && remaining_ms < time_ms)
		time_ms = remaining_ms;
	judge->end_ms = boottime_now_ms() + time_ms - (time_ms > 2 * END_MARGIN_MS ? END_MARGIN_MS : time_ms / 2);
	return 0;
}

static int open_state(struct judge *judge)
{
	const char *path = getenv("BUNSHIN_STATE");
	char sentence[SENTENCE_BYTES] = "BUNSHIN_STATE does not name a state folder";
	int rc = path && *path ? state_open_existing(path, &judge->state, sentence) : ERR_CONFIG;

	if (!rc)
		rc = agent_conf_read(&judge->conf, sentence);
	if (!rc)
		rc = race_keep_open(&judge->keep, &judge->state, judge->task_id, sentence);
	return rc ? judge_fail(judge, rc, sentence) : 0;
}

static int open_race(struct judge *judge)
{
	char why[256] = "";
	int rc = race_new(judge->parameters, judge->task_id, &judge->race, why);

	if (!rc)
		rc = race_workers_begin(&judge->state, judge->conf, judge->end_ms, &judge->workers);
	if (!rc && !race_workers_give(judge->workers, RACE_JOB_READY, READY_KEY,
				      json_pack("{s:O*, s:O*}", "repo", json_object_get(judge->parameters, "repo"), "commit",
						json_object_get(judge->parameters, "commit"))))
		rc = ERR_MEMORY;
	return rc ? judge_fail(judge, rc, why) : 0;
}

static void print_failure(const struct judge *judge)
{
	const char *name = error_name(judge->rc < 0 ? -judge->rc : judge->rc);

	attempt_print(json_pack("{s:{s:s, s:s}}", "failure", "code", name ? name : "internal", "sentence", judge->sentence));
}

int race_attempt_run(json_t *assignment)
{
	struct judge judge = {.assignment = assignment, .wake_ms = UINT64_MAX};
	int signals = signals_open();
	int rc = signals < 0 ? judge_fail(&judge, ERR_SYSTEM, NULL) : read_assignment(&judge);

	if (!rc)
		rc = open_state(&judge);
	if (!rc)
		rc = open_race(&judge);
	if (!rc)
		loop(&judge, signals);
	if (judge.end && (rc = race_hand_in(judge.work, judge.end, race_keep_tokens(&judge.keep))))
		judge_fail(&judge, rc, "the result cannot be handed in");
	if (judge.rc)
		print_failure(&judge);
	race_workers_end(judge.workers);
	race_free(judge.race);
	race_keep_close(&judge.keep);
	free(judge.conf);
	buffer_release(&judge.in);
	json_decref(judge.end);
	json_decref(judge.chosen);
	json_decref(assignment);
	if (signals >= 0)
		close(signals);
	return judge.rc ? 1 : 0;
}
