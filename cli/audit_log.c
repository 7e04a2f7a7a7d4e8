/* SPDX-License-Identifier: MIT
 *
 * bunshin audit log
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/watch.h"

static const struct column columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"TIME", "at", COLUMN_TIME, false},      {"", "direction", COLUMN_TEXT, false},
	{"PEER", "peer", COLUMN_TEXT, false}, {"MESSAGE", "type", COLUMN_TEXT, false}, {"TASK", "task_id", COLUMN_ID, false},
	{"NOTE", "note", COLUMN_TEXT, true},  {NULL, NULL, COLUMN_TEXT, false},
};

struct log {
	struct stream *stream;
	uint64_t last_seq;
};

static int show(void *context, const struct trail_entry *entry)
{
	struct log *log = context;

	stream_row(log->stream, record_json(entry, false));
	if (entry->seq > log->last_seq)
		log->last_seq = entry->seq;
	return 0;
}

static int take_filters(struct call *call, struct trail *trail, struct trail_query *query)
{
	const char *type = option(call, "type");
	const char *peer = option(call, "peer");
	int rc = period_take(call, query);

	if (!rc)
		rc = option_number(call, "limit", 1, 1000000000, &query->limit);
	if (!rc && option(call, "task"))
		rc = session_task(call, trail, option(call, "task"), &query->task_id);
	if (rc)
		return rc;
	if (peer && strlen(peer) >= sizeof(query->peer))
		return call_fail(call, ERR_USAGE, "`bunshin clone list` shows names", "--peer: \"%s\" is too long for a name",
				 peer);
	memcpy(query->peer, peer ? peer : "", peer ? strlen(peer) + 1 : 1);
	query->type = type ? message_find(type) : 0;
	if (type && !query->type)
		return call_fail(call, ERR_USAGE, "docs/protocol.md lists the messages",
				 "--type: there is no message \"%s\"; TaskRequest is one", type);
	return 0;
}

/* The last `limit` records in order of time: where they begin. */
static int skip_to(void *context, const struct trail_entry *entry)
{
	*(uint64_t *)context = entry->seq - 1;
	return 0;
}

static int follow(struct trail *trail, struct trail_query *query, struct log *log, const char *folder)
{
	int watch = watch_open(folder);
	int rc = 0;

	watch_signals();
	query->limit = 0;
	while (!rc && !watch_interrupted() && !ferror(stdout)) {
		query->after_seq = log->last_seq;
		rc = trail_read(trail, query, show, log);
		stream_flush(log->stream);
		if (!rc && !watch_interrupted())
			watch_wait(watch);
	}
	if (watch >= 0)
		close(watch);
	return rc;
}

static int print_log(struct call *call, struct trail *trail, struct trail_query *query)
{
	struct log log = {.stream = stream_new(call, columns)};
	struct state_folder state;
	int rc = 0;

	if (query->limit) { /* the newest, but oldest first */
		query->newest_first = true;
		rc = trail_read(trail, query, skip_to, &query->after_seq);
		query->newest_first = false;
	}
	if (!rc && option_set(call, "follow"))
		log.last_seq = query->after_seq;
	if (!rc)
		rc = trail_read(trail, query, show, &log);
	stream_flush(log.stream);
	if (!rc && option_set(call, "follow")) {
		rc = session_state(call, &state);
		if (!rc)
			rc = follow(trail, query, &log, state.root);
	}
	stream_free(log.stream);
	return rc;
}

static int run(struct call *call)
{
	struct trail_query query = {.with_payload = true};
	struct trail *trail = NULL;
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	rc = take_filters(call, trail, &query);
	if (!rc) {
		rc = print_log(call, trail, &query);
		if (rc)
			rc = session_unreadable(call, rc, trail);
	}
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"task", "ID", "only of this task"},
	PERIOD_OPTIONS,
	{"peer", "NAME", "only from or to this peer, such as beta/1"},
	{"type", "MESSAGE", "only this message, such as TaskCompletion"},
	{"limit", "N", "only the last N"},
	{"follow", NULL, "go on with what comes, until Ctrl-C"},
	{NULL, NULL, NULL},
};

const struct command command_audit_log = {
	.name = "audit log",
	.operands = "",
	.sentence = "Lists the records of the trail, oldest first",
	.example = "$ bunshin audit log --since 2h --peer beta/1\n$ bunshin audit log --follow",
	.notes = "Works without a running network. With --json each record is one object on a line of its own.",
	.options = options,
	.run = run,
};
