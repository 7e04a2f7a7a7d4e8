/* SPDX-License-Identifier: MIT
 *
 * Behaviour as transcripts: a line says what happens, the indented lines below it what Omega records and sends because of it.
 * `test_scenarios FILE…` compares; with SCENARIO_REWRITE=1 in the environment it writes what it sees, to be reviewed as a diff.
 *
 *   conf … end                      the routing table, as in routing.conf
 *   boot | restart | snapshot       Omega starts; dies and starts again; writes a snapshot
 *   reload … end                    another table
 *   wait DURATION                   time passes, with every clock that runs out on the way
 *   PEER WORD [TASK] [name=value …] somebody says something; PEER is beta/1, client/alice/1, operator/olga/1
 *   presence CLONE alive|late|lost  what the shell notices
 *   retention through=SEQ           what is as old as that is to be erased
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "routing/conf.h"
#include "tests/core/twin.h"

#define TASKS    64
#define ATTEMPTS 32

struct scenario {
	const char *path;
	FILE *in;
	FILE *out;
	unsigned line;
	struct twin twin;
	struct id task[TASKS];
	struct id lease[TASKS][ATTEMPTS];
	uint32_t latest[TASKS];
	uint32_t messages;
	uint32_t boots;
	uint32_t table_version;
};

static struct scenario *now; /* for messages of failure */

static void stop(const char *what)
{
	fail_msg("%s:%u: %s", now->path, now->line, what);
}

static struct text say(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

/* ---- tasks are called T1, T2, … ---- */

static struct id numbered(uint8_t kind, uint32_t number)
{
	struct id id = {{0}};
	id.bytes[0] = kind;
	id.bytes[14] = (uint8_t)(number >> 8);
	id.bytes[15] = (uint8_t)number;
	return id;
}

static uint32_t task_number(const char *name)
{
	unsigned number = 0;
	if (!name || sscanf(name, "T%u", &number) != 1 || number >= TASKS)
		stop("a task is T1, T2, …");
	return number;
}

static void print_task(FILE *out, const struct id *id)
{
	if (id->bytes[0] == 't')
		fprintf(out, " T%u", id->bytes[14] * 256u + id->bytes[15]);
}

/* ---- what came of it ---- */

static void print_assignment(FILE *out, const struct task_assignment *facts)
{
	fprintf(out, " attempt=%u timeout=%u remaining=%u %s", facts->attempt, facts->timeout_ms, facts->remaining_ms,
		priority_name(facts->priority));
	if (facts->charged_class != facts->priority)
		fprintf(out, " as=%s", priority_name(facts->charged_class));
	if (facts->destination)
		fprintf(out, " destination=%u", facts->destination);
	if (facts->skipped)
		fprintf(out, " skipped=%x", facts->skipped);
	if (facts->depth)
		fprintf(out, " depth=%u", facts->depth);
	if (facts->budget_tokens)
		fprintf(out, " budget=%llu", (unsigned long long)facts->budget_tokens);
}

static void print_failure(FILE *out, const struct task_failure *facts)
{
	fprintf(out, " attempt=%u %s", facts->attempt, error_name((int)facts->code));
	if (facts->state)
		fprintf(out, " state=%s attempts=%u", state_name(facts->state), facts->attempts);
	if (facts->processes_left == UINT32_MAX)
		fprintf(out, " processes_left=unknown");
}

static void print_retry(FILE *out, const struct retry_scheduled *facts)
{
	fprintf(out, " after=%s destination=%u wait=%u failures=%u lost=%u", error_name((int)facts->code), facts->destination,
		facts->wait_ms, facts->failures, facts->lost);
	if (facts->role.bytes)
		fprintf(out, " role=%.*s", (int)facts->role.bytes, facts->role.at);
}

static void print_timer(FILE *out, const struct timer *facts)
{
	static const char *const names[] = {"none",    "start", "assign", "heartbeat", "timeout", "deadline",
					    "backoff", "lost",  "parent", "grace",     "breaker", "dispatch"};
	fprintf(out, " %s %.*s", names[facts->clock], (int)facts->peer.bytes, facts->peer.at);
}

static void print_facts(FILE *out, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_ASSIGNMENT:
		print_assignment(out, &message->task_assignment);
		break;
	case MESSAGE_TASK_ACCEPTED:
		fprintf(out, "%s state=%s", message->task_accepted.duplicate ? " duplicate" : "",
			state_name(message->task_accepted.state));
		break;
	case MESSAGE_TASK_COMPLETION:
		fprintf(out, " attempt=%u", message->task_completion.attempt);
		break;
	case MESSAGE_TASK_FAILURE:
		print_failure(out, &message->task_failure);
		break;
	case MESSAGE_TASK_CANCEL:
		if (message->task_cancel.code)
			fprintf(out, " attempt=%u %s", message->task_cancel.attempt, error_name((int)message->task_cancel.code));
		break;
	case MESSAGE_REFUSAL:
		fprintf(out, " %s", error_name((int)message->refusal.code));
		if (message->refusal.retry_after_ms)
			fprintf(out, " retry_after=%u", message->refusal.retry_after_ms);
		break;
	case MESSAGE_RETRY_SCHEDULED:
		print_retry(out, &message->retry_scheduled);
		break;
	case MESSAGE_TIMER:
		print_timer(out, &message->timer);
		break;
	case MESSAGE_RECOVERY_ACTION:
		fprintf(out, " %s", verb_name(message->recovery_action.verb));
		break;
	case MESSAGE_RECOVERY_RESULT:
		fprintf(out, " %s %s", verb_name(message->recovery_result.verb),
			message->recovery_result.code ? error_name((int)message->recovery_result.code) : "done");
		break;
	case MESSAGE_ERASED:
		fprintf(out, " number=%llu through=%llu who=%.*s", (unsigned long long)message->erased.task_number,
			(unsigned long long)message->erased.through_seq, (int)message->erased.who.bytes, message->erased.who.at);
		break;
	case MESSAGE_ERROR_ESCALATION:
		fprintf(out, " %s attempts=%u", error_name((int)message->error_escalation.code),
			message->error_escalation.attempts);
		break;
	case MESSAGE_REF_CHANGED:
		fprintf(out, " %.*s version=%llu", (int)message->ref_changed.ref.bytes, message->ref_changed.ref.at,
			(unsigned long long)message->ref_changed.version);
		break;
	case MESSAGE_TASK_FOLLOW:
		if (message->task_follow.known_state)
			fprintf(out, " known=%s outcome=%llu", state_name(message->task_follow.known_state),
				(unsigned long long)message->task_follow.known_outcome);
		break;
	default:
		break;
	}
}

static void print_record(FILE *out, const struct record *record)
{
	static const char *const names[] = {"", "in ", "out", "own"};
	fprintf(out, "  %s %s", names[record->direction], message_name(record->message.type));
	if (record->peer[0])
		fprintf(out, " %s", record->peer);
	print_task(out, &record->message.header.task_id);
	if (record->verdict)
		fprintf(out, " REFUSED %s", error_name((int)record->verdict));
	print_facts(out, &record->message);
	if (record->message.type == MESSAGE_REF_CHANGED && record->task_number)
		fprintf(out, " number=%llu attempt=%u", (unsigned long long)record->task_number, record->attempt);
	fprintf(out, "\n");
}

static void remember_lease(struct scenario *scenario, const struct record *record)
{
	if (record->message.type != MESSAGE_TASK_ASSIGNMENT)
		return;
	const struct id *id = &record->message.header.task_id;
	uint32_t number = id->bytes[14] * 256u + id->bytes[15];
	scenario->latest[number] = record->message.task_assignment.attempt;
	scenario->lease[number][record->message.task_assignment.attempt] = record->message.task_assignment.lease;
}

static void report(struct scenario *scenario, const struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		print_record(scenario->out, &records->item[i]);
		remember_lease(scenario, &records->item[i]);
	}
}

static void step(struct scenario *scenario, const char *peer, struct message *message, uint32_t verdict)
{
	struct event event = {.message = message, .verdict = verdict};
	struct records records;
	snprintf(event.peer, sizeof(event.peer), "%s", peer);
	message->header.message_id = numbered('m', ++scenario->messages);
	if (twin_step(&scenario->twin, &event, &records)) {
		fprintf(scenario->out, "  nothing\n");
		return;
	}
	report(scenario, &records);
	twin_commit(&scenario->twin);
}

/* ---- words ---- */

struct words {
	char *word[24];
	size_t count;
};

static const char *value(const struct words *words, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < words->count; i++)
		if (strncmp(words->word[i], name, length) == 0 && words->word[i][length] == '=')
			return words->word[i] + length + 1;
	return NULL;
}

static uint32_t number(const struct words *words, const char *name, uint32_t otherwise)
{
	const char *text = value(words, name);
	uint32_t ms;
	if (!text)
		return otherwise;
	if (duration_parse(text, &ms) == 0)
		return ms;
	return (uint32_t)strtoul(text, NULL, 10);
}

static bool has(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(words->word[i], word) == 0)
			return true;
	return false;
}

static struct id lease_of(struct scenario *scenario, const struct words *words, uint32_t task, uint32_t *out_attempt)
{
	*out_attempt = number(words, "attempt", scenario->latest[task]);
	return has(words, "lies") ? numbered('x', 1) : scenario->lease[task][*out_attempt];
}

/* ---- what may be said ---- */

static void say_hello(struct scenario *scenario, const struct words *words)
{
	struct message message = {.type = MESSAGE_HELLO};
	static uint8_t live[16 * LIVE_ENTRY_BYTES];
	static char role[NAME_BYTES];
	uint32_t count = 0;
	snprintf(role, sizeof(role), "%s", words->word[0]);
	*strchrnul(role, '/') = 0;
	for (size_t i = 2; i < words->count; i++) {
		unsigned task, attempt;
		if (sscanf(words->word[i], "live=T%u/%u", &task, &attempt) != 2)
			continue;
		uint8_t *entry = live + count++ * LIVE_ENTRY_BYTES;
		memcpy(entry, numbered('t', task).bytes, 16);
		memset(entry + 16, 0, 3);
		entry[19] = (uint8_t)attempt;
		memcpy(entry + 20, scenario->lease[task][attempt].bytes, 16);
	}
	const char *types = value(words, "types");
	message.hello = (struct hello){.role = say(role),
				       .peer = say(words->word[0]),
				       .slots = number(words, "slots", 1),
				       .version_min = number(words, "version", 1),
				       .version_max = number(words, "version", 1),
				       .task_types = say(types ? types : ""),
				       .live = {live, count * LIVE_ENTRY_BYTES}};
	step(scenario, words->word[0], &message, 0);
}

static void say_request(struct scenario *scenario, const struct words *words, uint32_t task)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	struct task_request *facts = &message.task_request;
	const char *parent = value(words, "parent");
	message.header.task_id = numbered('t', task);
	facts->task_type = say(words->word[3]);
	facts->priority = value(words, "priority") ? priority_find(value(words, "priority")) : 0;
	facts->deadline_ms = number(words, "deadline", 0);
	facts->timeout_ms = number(words, "timeout", 0);
	facts->budget_tokens = number(words, "budget", 0);
	if (value(words, "key"))
		facts->key_hash = numbered('k', number(words, "key", 0));
	facts->body_hash = numbered('b', number(words, "body", 0));
	if (parent) {
		uint32_t attempt, of = task_number(parent);
		facts->parent = numbered('t', of);
		facts->parent_lease = lease_of(scenario, words, of, &attempt);
	}
	step(scenario, words->word[0], &message, 0);
}

static void say_about_attempt(struct scenario *scenario, const struct words *words, uint32_t task)
{
	const char *word = words->word[1];
	struct message message = {.type = MESSAGE_TASK_STARTED};
	uint32_t attempt;
	struct id lease = lease_of(scenario, words, task, &attempt);
	const char *code = value(words, "code");
	message.header.task_id = numbered('t', task);
	if (strcmp(word, "started") == 0) {
		message.task_started = (struct task_started){attempt, lease};
	} else if (strcmp(word, "progress") == 0) {
		message.type = MESSAGE_TASK_PROGRESS;
		message.task_progress =
			(struct task_progress){.attempt = attempt, .lease = lease, .waiting = has(words, "waiting")};
	} else if (strcmp(word, "completed") == 0) {
		message.type = MESSAGE_TASK_COMPLETION;
		message.task_completion =
			(struct task_completion){.attempt = attempt, .lease = lease, .tokens = number(words, "tokens", 0)};
	} else if (strcmp(word, "failed") == 0) {
		message.type = MESSAGE_TASK_FAILURE;
		message.task_failure = (struct task_failure){
			.attempt = attempt, .lease = lease, .code = (uint32_t)(code ? error_find(code) : ERROR_TASK_FAILED)};
	} else if (strcmp(word, "asks") == 0) {
		message.type = MESSAGE_ERROR_ESCALATION;
		message.error_escalation = (struct error_escalation){
			.severity = SEVERITY_ERROR, .attempt = attempt, .lease = lease, .code = ERROR_TASK_FAILED};
	} else {
		stop("started, progress, completed, failed, asks, hello, goodbye, request, cancel, follow, status, recover");
	}
	step(scenario, words->word[0], &message, 0);
}

static void say_recover(struct scenario *scenario, const struct words *words)
{
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};
	struct recovery_action *facts = &message.recovery_action;
	facts->verb = verb_find(words->word[2]);
	const char *to = value(words, "to"), *type = value(words, "type"), *state = value(words, "known"),
		   *client = value(words, "client");
	if (words->count > 3 && words->word[3][0] == 'T')
		message.header.task_id = numbered('t', task_number(words->word[3]));
	else if (words->count > 3)
		facts->target = say(words->word[3]);
	if (to)
		facts->target = say(to);
	facts->known_state = state ? state_find(state) : 0;
	facts->known_type = say(type ? type : "");
	facts->known_client = say(client ? client : "");
	facts->known_attempts = number(words, "attempts", 0);
	facts->known_seq = number(words, "seq", 0);
	facts->known_erased = has(words, "erased");
	step(scenario, words->word[0], &message, 0);
}

static void say_change(struct scenario *scenario, const struct words *words)
{
	static const uint8_t object[20] = {1};
	struct message message = {.type = MESSAGE_REF_CHANGED};
	struct ref_changed *facts = &message.ref_changed;
	const char *ref = value(words, "ref");
	if (words->count > 2 && words->word[2][0] == 'T')
		message.header.task_id = numbered('t', task_number(words->word[2]));
	*facts = (struct ref_changed){.repository = say("project-1a2b3c4d"),
				      .ref = say(ref ? ref : "refs/heads/main"),
				      .to = {object, sizeof(object)},
				      .version = number(words, "version", 1),
				      .cause = say("harvest"),
				      .attempt = number(words, "attempt", 0),
				      .known_task = number(words, "task", 0),
				      .known_seq = number(words, "seq", 0)};
	step(scenario, words->word[0], &message, 0);
}

static void somebody_speaks(struct scenario *scenario, const struct words *words)
{
	const char *word = words->word[1];
	struct message message = {.type = MESSAGE_NONE};
	if (words->count < 2)
		stop("PEER WORD …");
	if (strcmp(word, "hello") == 0) {
		say_hello(scenario, words);
		return;
	}
	if (strcmp(word, "recover") == 0) {
		say_recover(scenario, words);
		return;
	}
	if (strcmp(word, "change") == 0) {
		say_change(scenario, words);
		return;
	}
	if (strcmp(word, "goodbye") == 0) {
		message.type = MESSAGE_GOODBYE;
		message.goodbye.draining = has(words, "draining");
	} else if (strcmp(word, "status") == 0) {
		message.type = MESSAGE_STATUS_QUERY;
		message.status_query.subject = SUBJECT_NETWORK;
	} else {
		if (words->count < 3)
			stop("PEER WORD TASK …");
		uint32_t task = task_number(words->word[2]);
		message.header.task_id = numbered('t', task);
		if (strcmp(word, "request") == 0) {
			say_request(scenario, words, task);
			return;
		}
		if (strcmp(word, "cancel") == 0)
			message.type = MESSAGE_TASK_CANCEL;
		else if (strcmp(word, "follow") == 0)
			message.type = MESSAGE_TASK_FOLLOW;
		else {
			say_about_attempt(scenario, words, task);
			return;
		}
	}
	step(scenario, words->word[0], &message, 0);
}

/* ---- Omega's own ---- */

static void read_block(struct scenario *scenario, char *out, size_t capacity)
{
	char line[512];
	out[0] = 0;
	while (fgets(line, sizeof(line), scenario->in)) {
		scenario->line++;
		fputs(line, scenario->out);
		if (strcmp(line, "end\n") == 0)
			return;
		strncat(out, line, capacity - strlen(out) - 1);
	}
	stop("end is missing");
}

static void load_table(struct scenario *scenario)
{
	static char text[8192];
	static uint8_t bytes[TABLE_BYTES_MAX];
	static struct conf conf;
	char sentence[CONF_SENTENCE_BYTES];
	size_t used;
	read_block(scenario, text, sizeof(text));
	if (conf_parse(text, "conf", &conf, sentence))
		stop(sentence);
	assert_int_equal(table_encode(&conf.table, bytes, sizeof(bytes), &used), 0);
	struct message message = {.type = MESSAGE_ROUTES_LOADED};
	message.routes_loaded = (struct routes_loaded){
		.version = ++scenario->table_version, .who = say("omega"), .table = {bytes, (uint32_t)used}};
	step(scenario, "", &message, 0);
}

static void boot(struct scenario *scenario)
{
	struct message message = {.type = MESSAGE_BOOT};
	message.boot.boot = numbered('o', ++scenario->boots);
	message.boot.seed.bytes[0] = (uint8_t)scenario->boots;
	message.boot.wall_ms = 1700000000000u;
	step(scenario, "", &message, 0);
}

static void pass_time(struct scenario *scenario, uint32_t ms)
{
	uint64_t until = scenario->twin.now_ms + ms;
	for (unsigned guard = 0; omega_deadline(scenario->twin.live) <= until; guard++) {
		uint64_t due = omega_deadline(scenario->twin.live);
		struct message message = {.type = MESSAGE_TIMER};
		if (due > scenario->twin.now_ms)
			scenario->twin.now_ms = due;
		if (guard == 1000)
			stop("the clocks never stop");
		fprintf(scenario->out, "  at %llu\n", (unsigned long long)scenario->twin.now_ms);
		step(scenario, "", &message, 0);
	}
	scenario->twin.now_ms = until;
}

static void notice(struct scenario *scenario, const struct words *words)
{
	struct message message = {.type = MESSAGE_PRESENCE};
	message.presence_changed =
		(struct presence_changed){.peer = say(words->word[1]), .presence = presence_find(words->word[2])};
	step(scenario, "", &message, 0);
}

static void retain(struct scenario *scenario, const struct words *words)
{
	struct message message = {.type = MESSAGE_ERASED};
	message.erased = (struct erased){.through_seq = number(words, "through", 0), .who = say("retention")};
	step(scenario, "", &message, 0);
}

static void perform(struct scenario *scenario, char *line)
{
	struct words words = {.count = 0};
	for (char *rest = line, *word; (word = strtok_r(rest, " \n", &rest));)
		words.word[words.count++] = word;
	const char *first = words.word[0];
	uint32_t ms;
	if (strcmp(first, "conf") == 0 || strcmp(first, "reload") == 0) {
		load_table(scenario);
	} else if (strcmp(first, "boot") == 0) {
		boot(scenario);
	} else if (strcmp(first, "restart") == 0) {
		twin_restart(&scenario->twin);
		boot(scenario);
	} else if (strcmp(first, "snapshot") == 0) {
		struct records records;
		twin_snapshot(&scenario->twin, &records);
		report(scenario, &records);
		twin_commit(&scenario->twin);
	} else if (strcmp(first, "wait") == 0) {
		assert_int_equal(duration_parse(words.word[1], &ms), 0);
		pass_time(scenario, ms);
	} else if (strcmp(first, "presence") == 0) {
		notice(scenario, &words);
	} else if (strcmp(first, "retention") == 0) {
		retain(scenario, &words);
	} else {
		somebody_speaks(scenario, &words);
	}
}

static void play(struct scenario *scenario)
{
	char line[512];
	while (fgets(line, sizeof(line), scenario->in)) {
		scenario->line++;
		if (line[0] == ' ')
			continue; /* what was seen before */
		fputs(line, scenario->out);
		if (line[0] != '#' && line[0] != '\n')
			perform(scenario, line);
	}
}

static char *file_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	assert_non_null(file);
	if (getdelim(&text, &size, 0, file) < 0)
		text = calloc(1, 1);
	fclose(file);
	return text;
}

static void show_difference(const char *path, const char *expected, const char *seen)
{
	unsigned line = 1;
	const char *start = seen;
	for (; *expected && *expected == *seen; expected++, seen++)
		if (*seen == '\n') {
			line++;
			start = seen + 1;
		}
	fail_msg("%s:%u: what happens now is\n%.400s", path, line, start);
}

static void test_what_happens_is_what_the_scenario_says(void **state)
{
	struct scenario scenario = {.path = *state};
	char *seen = NULL;
	size_t seen_bytes = 0;
	struct omega_limits limits = {.tasks_max = 64, .recent_max = 16};
	now = &scenario;
	scenario.in = fopen(scenario.path, "r");
	scenario.out = open_memstream(&seen, &seen_bytes);
	assert_non_null(scenario.in);
	twin_init(&scenario.twin, &limits);
	play(&scenario);
	twin_release(&scenario.twin);
	fclose(scenario.in);
	fclose(scenario.out);
	if (getenv("SCENARIO_REWRITE")) {
		FILE *file = fopen(scenario.path, "w");
		assert_non_null(file);
		fputs(seen, file);
		fclose(file);
	}
	char *expected = file_text(scenario.path);
	if (strcmp(expected, seen) != 0)
		show_difference(scenario.path, expected, seen);
	free(expected);
	free(seen);
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests = calloc((size_t)argc, sizeof(*tests));
	if (argc < 2 || !tests) {
		fprintf(stderr, "usage: test_scenarios FILE…\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		tests[i - 1] = (struct CMUnitTest){argv[i], test_what_happens_is_what_the_scenario_says, NULL, NULL, argv[i]};
	int failed = _cmocka_run_group_tests("scenarios", tests, (size_t)(argc - 1), NULL, NULL);
	free(tests);
	return failed;
}
