/* SPDX-License-Identifier: MIT
 *
 * `bunshin audit replay` on the trail of a real network: everything comes out again; one changed value, written into a trail that is whole
 * again, is found where it is; another routing table is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "actors/entry.h"
#include "tests/e2e/network.h"

static const char conf[] =
	"network {\n\theartbeat = 500ms\n}\n"
	"clone echo {\n\tinstances = 1\n\texternal = yes\n}\nclone other {\n\tinstances = 1\n\texternal = yes\n}\n"
	"route echo {\n\tdestination = echo\n\tfallbacks = {other}\n\tretries = 1\n\ttimeout = 30s\n\tbackoff_initial = 20ms\n"
	"\tbackoff_max = 40ms\n\tdeadline = 10m\n\tpriority = high\n}\n"
	"route rest {\n\tdestination = other\n\ttimeout = 30s\n\tdeadline = 10m\n}\n";

static struct network network;
static const char *program;
static bool failing; /* the clones fail what they get */

/* ---- a network with something of everything ---- */

static void answer(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	(void)context;
	if (failing && assignment->facts->attempt <= 2)
		*out_answer = (struct answer){.code = ERROR_TASK_FAILED, .summary = "on purpose"};
	else
		*out_answer = (struct answer){.summary = "done", .result = "{}"};
}

static void ask(struct client *client, const char *task_type, const char *parameters)
{
	struct request request = {.task_type = task_type, .parameters = parameters, .idempotency_key = NULL};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;
	int rc = client_submit(client, &request, 20000, &receipt, &refused);

	if (rc)
		return; /* refused, on purpose */
	assert_int_equal(client_wait(client, &receipt.task_id, 20000, &outcome), 0);
	outcome_release(&outcome);
}

static void live(void)
{
	struct instant_clone echo = {.handler = answer}, other = {.handler = answer};
	struct client *client;

	network_start(&network);
	clone_start(&echo, &network, "echo/1", 2);
	clone_start(&other, &network, "other/1", 2);
	client = network_client(&network, "client");
	for (int i = 0; i < 6; i++) {
		failing = i == 2;
		ask(client, i % 2 ? "echo" : "rest", "{\"n\": 1}");
	}
	failing = true;
	ask(client, "echo", NULL);
	failing = false;
	ask(client, "unheard-of", NULL);
	ask(client, "echo", "[not an object]");
	client_close(client);
	network_kill(&network);
	network_start(&network);
	client = network_client(&network, "client");
	ask(client, "echo", NULL);
	client_close(client);
	clone_stop(&echo);
	clone_stop(&other);
	assert_int_equal(network_stop(&network), 0);
}

static int setup(void **state)
{
	(void)state;
	network_open(&network, conf);
	live();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	network_close(&network);
	return 0;
}

/* ---- the command ---- */

/* What it printed; NULL: nothing but a sentence on stderr. */
static json_t *replay(const char *state, const char *arguments, int *out_exit)
{
	char command[512];
	char *text = calloc(1, 1u << 20);
	FILE *pipe;
	json_t *json;
	int status;

	snprintf(command, sizeof(command), "%s audit replay --json --state %s %s", program, state, arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(text);
	text[fread(text, 1, (1u << 20) - 1, pipe)] = 0;
	status = pclose(pipe);
	json = json_loads(text, 0, NULL);
	if (!json && *text)
		fail_msg("%s printed: %s", command, text);
	*out_exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	free(text);
	return json;
}

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

/* ---- a trail with one value changed ---- */

struct forger {
	struct trail *from, *to;
	uint64_t at; /* the record to be changed */
	void (*change)(struct message *message);
	bool changed;
	char folder[112];
};

static int copy(void *context, const struct trail_entry *entry)
{
	struct forger *forger = context;
	struct trail_entry row = *entry;
	struct buffer header = {0}, facts = {0}, scratch = {0};
	struct record record;

	if (entry->seq == forger->at) {
		assert_int_equal(entry_record(entry, &scratch, &record), 0);
		forger->change(&record.message);
		assert_int_equal(message_encode_header(&record.message, &header), 0);
		assert_int_equal(message_encode_facts(&record.message, &facts), 0);
		row.header = (struct bytes){header.at, (uint32_t)header.bytes};
		row.facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
		forger->changed = true;
	}
	if (row.payload_seq != row.seq)
		row.payload = (struct bytes){0};
	assert_int_equal(trail_append(forger->to, &row, 1), 0);
	buffer_release(&header);
	buffer_release(&facts);
	buffer_release(&scratch);
	return 0;
}

/* Writes a trail that is whole, chain and commitments and all, but for what `change` does to record `at`. */
static void forge(struct forger *forger)
{
	struct trail_query query = {.with_payload = true};
	struct trail_verdict verdict;
	char path[160], why[256];

	snprintf(forger->folder, sizeof(forger->folder), "%s/forged-%llu", network.folder, (unsigned long long)forger->at);
	assert_int_equal(mkdir(forger->folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &forger->from, why), 0);
	snprintf(path, sizeof(path), "%s/trail.db", forger->folder);
	assert_int_equal(trail_open(path, TRAIL_WRITE, &forger->to, why), 0);
	assert_int_equal(trail_read(forger->from, &query, copy, forger), 0);
	assert_int_equal(trail_verify(forger->to, 0, &verdict), 0);
	trail_close(forger->to);
	trail_close(forger->from);
	assert_true(forger->changed || !forger->at);
}

struct search {
	uint32_t type, direction;
	uint64_t seq;
};

static int note(void *context, const struct trail_entry *entry)
{
	struct search *search = context;

	if (!search->seq && entry->type == search->type && entry->direction == search->direction)
		search->seq = entry->seq;
	return 0;
}

static uint64_t first_of(enum message_type type, enum trail_direction direction)
{
	struct search search = {.type = type, .direction = direction};
	struct trail_query query = {0};
	struct trail *trail = NULL;
	char path[160], why[256];

	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(trail_read(trail, &query, note, &search), 0);
	trail_close(trail);
	assert_true(search.seq > 0);
	return search.seq;
}

/* ---- tests ---- */

static void test_the_trail_of_a_network_that_was_killed_comes_out_again(void **state)
{
	uint64_t records = network_verify(&network);
	char arguments[64];
	int code;
	json_t *json = replay(network.state, "", &code);

	(void)state;
	assert_int_equal(code, 0);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_int_equal(number(json, "compared"), records);
	assert_int_equal(number(json, "stretches"), 2);
	assert_int_equal(number(json, "stretches_not_compared"), 0);
	assert_int_equal(number(json, "refusals_not_proved"), 0);
	assert_true(number(json, "sentences") >= 3); /* two refusals, the escalation of a dead letter */
	json_decref(json);
	snprintf(arguments, sizeof(arguments), "--from 20 --to %llu", (unsigned long long)records / 2);
	json = replay(network.state, arguments, &code);
	assert_int_equal(code, 0);
	assert_true(number(json, "first_seq") >= 20 && number(json, "first_seq") < 30);
	assert_true(number(json, "last_seq") >= (json_int_t)records / 2 && number(json, "last_seq") < (json_int_t)records);
	assert_int_equal(number(json, "applied"), number(json, "first_seq") - 1);
	json_decref(json);
	snprintf(arguments, sizeof(arguments), "--from %llu", (unsigned long long)records + 1);
	json = replay(network.state, arguments, &code);
	assert_int_equal(code, 5); /* nothing to compare is no success */
	assert_null(json);
}

static void change_timeout(struct message *message)
{
	message->task_assignment.timeout_ms++;
}

static void change_lease(struct message *message)
{
	message->task_assignment.lease.bytes[3] ^= 1;
}

static void change_wait(struct message *message)
{
	message->retry_scheduled.wait_ms += 5;
}

static void change_code(struct message *message)
{
	message->refusal.code = ERROR_OVERLOADED;
}

static void change_clock(struct message *message)
{
	message->timer.clock = message->timer.clock == CLOCK_BACKOFF ? CLOCK_DEADLINE : CLOCK_BACKOFF;
}

static void change_message_id(struct message *message)
{
	message->header.message_id.bytes[15] ^= 1;
}

static void change_version(struct message *message)
{
	message->boot.core_version++;
}

static void expect_found(enum message_type type, enum trail_direction direction, void (*change)(struct message *message),
			 const char *field)
{
	struct forger forger = {.at = first_of(type, direction), .change = change};
	json_t *json, *row;
	int code;

	forge(&forger);
	json = replay(forger.folder, "", &code);
	row = json_array_get(json_object_get(json, "differences"), 0);
	if (code != 1 || number(row, "seq") != (json_int_t)forger.at)
		fail_msg("a changed %s in record %llu: exit %d, found at %lld", field, (unsigned long long)forger.at, code,
			 (long long)number(row, "seq"));
	assert_string_equal(json_string_value(json_object_get(row, "field")), field);
	json_decref(json);
	forger.at = 0;
	char command[160];
	snprintf(command, sizeof(command), "rm -r %s", forger.folder);
	assert_int_equal(system(command), 0);
}

static void test_one_changed_value_in_a_whole_trail_is_found_where_it_is(void **state)
{
	(void)state;
	expect_found(MESSAGE_TASK_ASSIGNMENT, TRAIL_OUT, change_timeout, "facts.timeout_ms");
	expect_found(MESSAGE_TASK_ASSIGNMENT, TRAIL_OUT, change_lease, "facts.lease");
	expect_found(MESSAGE_RETRY_SCHEDULED, TRAIL_INNER, change_wait, "facts.wait_ms");
	expect_found(MESSAGE_REFUSAL, TRAIL_OUT, change_code, "facts.code");
	expect_found(MESSAGE_TIMER, TRAIL_INNER, change_clock, "facts.clock");
	expect_found(MESSAGE_TASK_ACCEPTED, TRAIL_OUT, change_message_id, "header.message_id");
}

static void test_what_another_core_has_decided_is_applied_and_counted(void **state)
{
	struct forger forger = {.at = 1, .change = change_version};
	json_t *json;
	int code;

	(void)state;
	forge(&forger);
	json = replay(forger.folder, "", &code);
	assert_int_equal(code, 0);
	assert_int_equal(number(json, "stretches"), 2);
	assert_int_equal(number(json, "stretches_not_compared"), 1);
	assert_true(number(json, "not_compared") > 0 && number(json, "compared") > 0);
	json_decref(json);
}

/* What is told of field `field`, as "recorded > would be" of its first line; "" if nothing. */
static const char *told(const json_t *json, const char *field)
{
	static char text[400];
	size_t i;
	json_t *row;

	json_array_foreach (json_object_get(json, "differences"), i, row) {
		if (strcmp(json_string_value(json_object_get(row, "field")), field))
			continue;
		snprintf(text, sizeof(text), "%s > %s", json_string_value(json_object_get(row, "recorded")),
			 json_string_value(json_object_get(row, "decided")));
		return text;
	}
	return "";
}

static json_t *ask_other(const char *text)
{
	char path[160], arguments[200];
	FILE *file;
	json_t *json;
	int code;

	snprintf(path, sizeof(path), "%s/other.conf", network.folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(arguments, sizeof(arguments), "--routes %s", path);
	json = replay(network.state, arguments, &code);
	assert_int_equal(code, 0);
	assert_true(number(json, "decisions") > 0);
	return json;
}

static void test_another_table_is_asked_about_each_decision(void **state)
{
	json_t *json = ask_other(conf);

	(void)state;
	if (number(json, "differences_found"))
		json_dumpf(json, stderr, JSON_INDENT(1));
	assert_int_equal(number(json, "differences_found"), 0);
	json_decref(json);
	json = ask_other("clone echo {\n\texternal = yes\n}\nclone other {\n\texternal = yes\n}\n"
			 "route echo {\n\tdestination = other\n\ttimeout = 20s\n\tretries = 3\n\tbackoff_initial = 20ms\n"
			 "\tbackoff_max = 40ms\n\tdeadline = 9m\n\tpriority = low\n}\n"
			 "route unheard-of {\n\tdestination = echo\n\ttimeout = 30s\n\tdeadline = 10m\n}\n");
	assert_string_equal(told(json, "role"), "echo > other");
	assert_string_equal(told(json, "timeout_ms"), "30000 > 20000");
	assert_string_equal(told(json, "priority"), "high > low");
	assert_string_equal(told(json, "deadline_ms"), "600000 > 540000");
	assert_string_equal(told(json, "verdict"), "accepted > unknown_type"); /* there is no route `rest` */
	assert_non_null(strstr(told(json, "goes_on"), " > again after"));
	assert_true(number(json, "tasks") >= 8);
	json_decref(json);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_trail_of_a_network_that_was_killed_comes_out_again),
		cmocka_unit_test(test_one_changed_value_in_a_whole_trail_is_found_where_it_is),
		cmocka_unit_test(test_what_another_core_has_decided_is_applied_and_counted),
		cmocka_unit_test(test_another_table_is_asked_about_each_decision),
	};

	network_be_child(argc, argv);
	program = argc > 1 ? argv[1] : "bunshin";
	return cmocka_run_group_tests(tests, setup, teardown);
}
