/* SPDX-License-Identifier: MIT */
#include "tests/cli/made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/trail.h"
#include "protocol/codec.h"
#include "protocol/id.h"

#define BEGUN_MS 1770113472000u /* 2026-02-03T10:11:12Z */

static struct text text(const char *at)
{
	return (struct text){at, (uint32_t)strlen(at)};
}

void made_put(struct maker *maker, uint32_t direction, const char *peer, uint32_t attempt, uint32_t end_state,
	      struct message *message)
{
	struct buffer header = {0}, facts = {0}, payload = {0};
	struct trail_entry entry = {
		.seq = ++maker->seq, .wall_ms = maker->wall_ms += 250, .now_ms = maker->wall_ms, .mono_ms = maker->seq};

	message->header.task_id = maker->task_id;
	message->header.message_id = maker->task_id;
	message->header.message_id.bytes[0] = (uint8_t)maker->seq;
	message->header.sender_seq = maker->seq;
	assert_int_equal(message_encode_header(message, &header), 0);
	assert_int_equal(message_encode_facts(message, &facts), 0);
	assert_int_equal(message_encode_payload(message, &payload), 0);
	entry.boot.bytes[0] = 1;
	entry.direction = direction;
	entry.type = message->type;
	entry.message_id = message->header.message_id;
	entry.sender_seq = message->header.sender_seq;
	entry.task_id = maker->task_id;
	entry.task_number = maker->number;
	entry.attempt = attempt;
	entry.end_state = end_state;
	snprintf(entry.peer, sizeof(entry.peer), "%s", peer);
	entry.header = (struct bytes){header.at, (uint32_t)header.bytes};
	entry.facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
	if (payload.bytes > 1) {
		entry.payload = (struct bytes){payload.at, (uint32_t)payload.bytes};
		entry.payload_seq = entry.seq;
	}
	if (message->type == MESSAGE_TASK_REQUEST)
		entry.body_hash.bytes[0] = 7;
	assert_int_equal(trail_append(maker->trail, &entry, 1), 0);
	buffer_release(&header);
	buffer_release(&facts);
	buffer_release(&payload);
}

static void begin(struct maker *maker, const char *id, const char *type)
{
	struct message request = {.type = MESSAGE_TASK_REQUEST}, accepted = {.type = MESSAGE_TASK_ACCEPTED};

	assert_int_equal(id_parse(id, strlen(id), &maker->task_id), 0);
	maker->number = maker->seq + 1;
	request.task_request.task_type = text(type);
	request.task_request.priority = PRIORITY_HIGH;
	request.task_request.parameters = text("{\"repo\":\"/srv/gr\xc3\xb6\xc3\x9f"
					       "e\"}");
	made_put(maker, TRAIL_IN, "client/alice/3f9c2e10", 0, 0, &request);
	accepted.task_accepted.trail_seq = maker->number;
	accepted.task_accepted.state = STATE_ACCEPTED;
	made_put(maker, TRAIL_OUT, "client/alice/3f9c2e10", 0, 0, &accepted);
}

static void assign(struct maker *maker, const char *type, const char *clone, uint32_t attempt)
{
	struct message assignment = {.type = MESSAGE_TASK_ASSIGNMENT}, started = {.type = MESSAGE_TASK_STARTED};
	struct message progress = {.type = MESSAGE_TASK_PROGRESS};

	assignment.task_assignment.task_type = text(type);
	assignment.task_assignment.attempt = attempt;
	assignment.task_assignment.priority = PRIORITY_HIGH;
	made_put(maker, TRAIL_OUT, clone, attempt, 0, &assignment);
	started.task_started.attempt = attempt;
	made_put(maker, TRAIL_IN, clone, attempt, 0, &started);
	progress.task_progress.attempt = attempt;
	progress.task_progress.permille = 500;
	progress.task_progress.stage = text("scan");
	progress.task_progress.line = text("half way \033[2Jthrough");
	made_put(maker, TRAIL_IN, clone, attempt, 0, &progress);
}

static void make_done(struct maker *maker)
{
	struct message completion = {.type = MESSAGE_TASK_COMPLETION};

	begin(maker, DONE_ID, "security-analysis");
	assign(maker, "security-analysis", "beta/1", 1);
	completion.task_completion.attempt = 1;
	completion.task_completion.summary = text("two findings\033]0;owned\007");
	completion.task_completion.result = text("{\"marker\":\"CANARY-4711\",\"evil\":\"\\u001b[31m\\u202e\"}");
	made_put(maker, TRAIL_IN, "beta/1", 1, STATE_COMPLETED, &completion);
	made_put(maker, TRAIL_OUT, "client/alice/3f9c2e10", 1, STATE_COMPLETED, &completion);
}

static void make_failed(struct maker *maker)
{
	struct message failure = {.type = MESSAGE_TASK_FAILURE}, retry = {.type = MESSAGE_RETRY_SCHEDULED};
	struct message escalation = {.type = MESSAGE_ERROR_ESCALATION};

	begin(maker, FAILED_ID, "test-strategy");
	assign(maker, "test-strategy", "delta/1", 1);
	failure.task_failure.attempt = 1;
	failure.task_failure.code = ERROR_TASK_FAILED;
	failure.task_failure.sentence = text("the build does not compile");
	failure.task_failure.evidence = text("{\"log\":\"make: *** [all]\\nError \\u001b[1m2\"}");
	made_put(maker, TRAIL_IN, "delta/1", 1, 0, &failure);
	retry.retry_scheduled.code = ERROR_TASK_FAILED;
	retry.retry_scheduled.wait_ms = 1000;
	made_put(maker, TRAIL_INNER, "", 0, 0, &retry);
	assign(maker, "test-strategy", "delta/2", 2);
	failure.task_failure.state = STATE_FAILED;
	failure.task_failure.attempts = 2;
	made_put(maker, TRAIL_OUT, "client/alice/3f9c2e10", 2, STATE_FAILED, &failure);
	escalation.error_escalation.code = ERROR_TASK_FAILED;
	escalation.error_escalation.asked = text("retry it, or settle it");
	made_put(maker, TRAIL_OUT, "operators", 2, 0, &escalation);
}

void made_trail(const char *path)
{
	struct maker maker = {.wall_ms = BEGUN_MS};
	char why[256] = "";

	assert_int_equal(trail_open(path, TRAIL_WRITE, &maker.trail, why), 0);
	make_done(&maker);
	make_failed(&maker);
	begin(&maker, RUNNING_ID, "documentation");
	assign(&maker, "documentation", "sigma/1", 1);
	trail_close(maker.trail);
}

/* The body is changed where it lies; neither a trigger nor a function of the trail is asked. */
void made_damage(const char *path)
{
	sqlite3_blob *blob = NULL;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_blob_open(db, "main", "payloads", "body", 6, 1, &blob), SQLITE_OK);
	assert_int_equal(sqlite3_blob_write(blob, "X", 1, sqlite3_blob_bytes(blob) - 3), SQLITE_OK);
	assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
