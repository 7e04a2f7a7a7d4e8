/* SPDX-License-Identifier: MIT
 *
 * bunshin task receipt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "protocol/id.h"

#define WAIT_MS 6000u /* a checkpoint comes every 5 s when there is news */

struct fetched {
	char *text; /* a line of JSON, without its end */
	size_t bytes;
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fetched_take(struct fetched *fetched, const char *text, size_t bytes)
{
	while (bytes && text[bytes - 1] == '\n')
		bytes--;
	fetched->text = need(strndup(text, bytes));
	fetched->bytes = bytes;
}

static bool is_seq(const char *text, uint64_t *out_seq)
{
	const char *digits = text + 4;
	char *end;

	if (strncmp(text, "seq:", 4) != 0 || !*digits || strlen(digits) > 18 || strspn(digits, "0123456789") != strlen(digits))
		return false;
	*out_seq = strtoull(digits, &end, 10);
	return *out_seq > 0;
}

static int not_ended(const struct call *call)
{
	return call_fail(call, ERR_STATE, "`bunshin task wait` waits for it", "the task has not ended, so it has no outcome yet");
}

static int not_covered(const struct call *call, const char *what)
{
	return call_fail(call, ERR_TIMEOUT, "--wait waits longer; `bunshin status` shows whether the network runs",
			 "no checkpoint covers %s yet", what);
}

/* ---- from the trail ---- */

static int seq_of(struct call *call, struct trail *trail, uint64_t *out_seq)
{
	struct trail_task task;
	struct id task_id;
	int rc;

	if (is_seq(call->operand[0], out_seq))
		return 0;
	rc = session_task(call, trail, call->operand[0], &task_id);
	if (rc)
		return rc;
	rc = trail_task(trail, &task_id, &task);
	if (rc)
		return call_fail(call, rc, "`bunshin task list` shows the ids",
				 rc == ERR_NOT_FOUND ? "the trail knows no task %s" : "the trail cannot be read",
				 call->operand[0]);
	if (option_set(call, "outcome") && !task.outcome_seq)
		return not_ended(call);
	*out_seq = option_set(call, "outcome") ? task.outcome_seq : task.request_seq;
	return 0;
}

static int read_receipt(struct call *call, struct trail *trail, uint64_t seq, struct fetched *fetched)
{
	struct buffer buffer = {0};
	int rc = receipt_write(trail, seq, option_set(call, "with-payload"), &buffer);

	if (!rc)
		fetched_take(fetched, (const char *)buffer.at, buffer.bytes);
	buffer_release(&buffer);
	return rc;
}

static int from_trail(struct call *call, struct trail *trail, uint32_t wait_ms, struct fetched *fetched)
{
	uint64_t end_ms = clock_ms() + wait_ms, seq = 0;
	struct state_folder state;
	char what[48];
	int watch, rc = session_state(call, &state);

	if (!rc)
		rc = seq_of(call, trail, &seq);
	if (rc)
		return rc;
	watch = watch_open(state.root);
	while ((rc = read_receipt(call, trail, seq, fetched)) == ERR_STATE && clock_ms() < end_ms && !watch_interrupted())
		watch_wait(watch);
	if (watch >= 0)
		close(watch);
	snprintf(what, sizeof(what), "record %llu", (unsigned long long)seq);
	if (rc == ERR_STATE)
		return watch_interrupted() ? watch_exit_code() : not_covered(call, what);
	if (rc == ERR_NOT_FOUND)
		return call_fail(call, rc, NULL, "there is no record %llu", (unsigned long long)seq);
	return rc ? session_unreadable(call, rc, trail) : 0;
}

/* ---- from Omega ---- */

static int outcome_name(struct call *call, struct client *client, const struct id *task_id, char out_name[64])
{
	struct refused refused = {0};
	char *text = NULL;
	json_t *json;
	json_int_t seq = 0;
	int rc = client_status(client, SUBJECT_TASK, NULL, task_id, session_timeout_ms(call), &text, &refused);

	if (rc)
		return session_refused(call, rc, &refused);
	json = json_loads(text, 0, NULL);
	free(text);
	if (json)
		(void)json_unpack(json, "{s:{s:I}}", "task", "outcome_seq", &seq);
	json_decref(json);
	if (!seq)
		return not_ended(call);
	snprintf(out_name, 64, "seq:%llu", (unsigned long long)seq);
	return 0;
}

static int name_of(struct call *call, struct client *client, char out_name[64])
{
	struct id task_id;
	uint64_t seq;
	int rc;

	if (is_seq(call->operand[0], &seq)) {
		snprintf(out_name, 64, "seq:%llu", (unsigned long long)seq);
		return 0;
	}
	rc = session_task(call, NULL, call->operand[0], &task_id);
	if (rc)
		return rc;
	if (option_set(call, "outcome"))
		return outcome_name(call, client, &task_id, out_name);
	id_print(&task_id, out_name);
	return 0;
}

static void nap(uint32_t ms)
{
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&span, NULL);
}

static int ask(struct call *call, struct client *client, uint32_t wait_ms, struct fetched *fetched)
{
	uint64_t end_ms = clock_ms() + wait_ms;
	struct refused refused = {0};
	char name[64] = "", *text = NULL;
	int rc = name_of(call, client, name);

	if (rc)
		return rc;
	for (;;) {
		rc = client_status(client, SUBJECT_RECEIPT, name, NULL, session_timeout_ms(call), &text, &refused);
		if (rc != ERR_STATE || clock_ms() >= end_ms || watch_interrupted())
			break;
		nap(refused.retry_after_ms && refused.retry_after_ms < 1000 ? refused.retry_after_ms : 500);
	}
	if (rc == ERR_STATE)
		return watch_interrupted() ? watch_exit_code() : not_covered(call, "this record");
	if (rc)
		return session_refused(call, rc, &refused);
	fetched_take(fetched, text, strlen(text));
	free(text);
	return 0;
}

static int from_omega(struct call *call, uint32_t wait_ms, struct fetched *fetched)
{
	struct client *client = NULL;
	int rc;

	if (option_set(call, "with-payload"))
		return call_fail(call, ERR_NOT_ALLOWED, "the operator of the network can make one with its payload",
				 "the trail cannot be read here, and Omega gives receipts without payload only");
	rc = session_client(call, &client);
	if (!rc)
		rc = ask(call, client, wait_ms, fetched);
	client_close(client);
	return rc;
}

/* ---- handing it over ---- */

/* What the checkpoint in it says. */
static bool look_into(const struct fetched *fetched, uint64_t *out_seq, struct note *out_note)
{
	json_t *json = json_loadb(fetched->text, fetched->bytes, 0, NULL);
	const char *checkpoint = json_string_value(json_object_get(json, "checkpoint"));
	char why[256];
	bool good = checkpoint && json_is_integer(json_object_get(json, "index")) &&
		    note_read(checkpoint, strlen(checkpoint), out_note, why) == 0;

	if (good)
		*out_seq = (uint64_t)json_integer_value(json_object_get(json, "index")) + 1;
	json_decref(json);
	return good;
}

static int hand_over(struct call *call, struct fetched *fetched)
{
	const char *path = option(call, "output");
	struct note note;
	uint64_t seq;

	if (!look_into(fetched, &seq, &note))
		return call_fail(call, ERR_INTERNAL, NULL, "what came is no receipt: %.200s", fetched->text);
	fetched->text[fetched->bytes] = '\n'; /* room for it is where NUL was */
	if (path && file_replace(path, fetched->text, fetched->bytes + 1, option_set(call, "with-payload") ? 0600 : 0644))
		return call_fail(call, ERR_IO, NULL, "%s cannot be written", path);
	if (!path && fwrite(fetched->text, fetched->bytes + 1, 1, stdout) != 1)
		return call_fail(call, ERR_IO, NULL, "the receipt cannot be written");
	if (path && call->json)
		return print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "file", path, "seq", (json_int_t)seq, "checkpoint",
					    (json_int_t)note.number, "records", (json_int_t)note.size, "bytes",
					    (json_int_t)fetched->bytes + 1, "origin", note.origin));
	call_note(call,
		  "record %llu, covered by checkpoint %llu over %llu records; check it anywhere: bunshin-verify --key log.pub %s",
		  (unsigned long long)seq, (unsigned long long)note.number, (unsigned long long)note.size,
		  path ? path : "receipt.json");
	return 0;
}

/* The trail itself, where it may be read; it also knows parts of ids. */
static bool trail_is_ours(struct call *call)
{
	struct state_folder state;
	char path[PATH_BYTES], folder[PATH_BYTES], sentence[SENTENCE_BYTES];

	return session_state_path(call, folder) == 0 && state_open_existing(folder, &state, sentence) == 0 &&
	       state_path(&state, STATE_TRAIL, path) == 0 && access(path, R_OK) == 0;
}

static int run(struct call *call)
{
	struct fetched fetched = {0};
	struct trail *trail = NULL;
	uint32_t wait_ms = WAIT_MS;
	int rc = option_duration(call, "wait", &wait_ms);

	if (rc)
		return rc;
	watch_signals();
	if (trail_is_ours(call)) {
		rc = session_trail(call, &trail);
		if (!rc)
			rc = from_trail(call, trail, wait_ms, &fetched);
	} else {
		rc = from_omega(call, wait_ms, &fetched);
	}
	if (!rc)
		rc = hand_over(call, &fetched);
	trail_close(trail);
	free(fetched.text);
	return rc;
}

static const struct option_row options[] = {
	{"outcome", NULL, "of the record that says how the task ended, instead of the one that asked for it"},
	{"with-payload", NULL, "with the text of the record, which whoever has the receipt can then read"},
	{"wait", "TIME", "for a checkpoint to cover it; 6s if not given"},
	{"output", "FILE", "write it there"},
	{NULL, NULL, NULL},
};

const struct command command_task_receipt = {
	.name = "task receipt",
	.operands = "TASK|seq:N",
	.sentence = "Fetches the proof that a record is on the trail, in a few kilobytes",
	.example = "$ bunshin task receipt 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e --output receipt.json\n$ bunshin-verify --key "
		   "log.pub "
		   "receipt.json",
	.notes = "A receipt holds one record, its place in the tree, and the first signed checkpoint that covers it. It is "
		 "checked with the\n"
		 "public keys alone (`bunshin audit keys`) and shows nothing of the other records. seq:N is any record. It is "
		 "read from\n"
		 "the trail, or, where that cannot be read, asked of Omega, which gives clients those of their own tasks. Exit "
		 "code 7: no\n"
		 "checkpoint covered it in time.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
