/* SPDX-License-Identifier: MIT
 *
 * Receipts for those who cannot read the trail: StatusQuery with the subject `receipt`, whose name is a task's id (the record by which it
 * was accepted) or seq:N (any record). A client gets receipts of its own tasks' records, operators and auditors of all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/shell.h"
#include "audit/receipt.h"
#include "protocol/id.h"

struct asked {
	uint64_t seq;
	uint64_t task_number;
};

static int take_number(void *context, const struct trail_entry *entry)
{
	struct asked *asked = context;

	asked->seq = entry->seq;
	asked->task_number = entry->task_number;
	return 0;
}

static int take_peer(void *context, const struct trail_entry *entry)
{
	memcpy(context, entry->peer, NAME_BYTES);
	return 0;
}

static int read_one(struct shell *shell, uint64_t seq, int (*each)(void *context, const struct trail_entry *entry), void *context)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .limit = 1};

	return trail_read(shell->reader, &query, each, context);
}

/* Digits only, not 0 and not larger than any sequence. */
static bool read_seq(const struct text *name, uint64_t *out_seq)
{
	uint64_t seq = 0;

	if (name->bytes < 5 || name->bytes > 22 || memcmp(name->at, "seq:", 4) != 0)
		return false;
	for (uint32_t i = 4; i < name->bytes; i++) {
		if (name->at[i] < '0' || name->at[i] > '9')
			return false;
		seq = seq * 10 + (uint64_t)(name->at[i] - '0');
	}
	*out_seq = seq;
	return seq > 0;
}

/* Which record is meant, as far as it is durable. 0; ERR_NOT_FOUND; ERR_INVALID_PARAMETERS: it names none. */
static int find(struct shell *shell, const struct text *name, struct asked *out_asked)
{
	struct trail_task task;
	struct id task_id;
	uint64_t seq;
	int rc;

	*out_asked = (struct asked){0};
	if (read_seq(name, &seq)) {
		rc = read_one(shell, seq, take_number, out_asked);
		return rc ? rc : out_asked->seq ? 0 : ERR_NOT_FOUND;
	}
	if (id_parse(name->at, name->bytes, &task_id))
		return ERR_INVALID_PARAMETERS;
	rc = trail_task(shell->reader, &task_id, &task);
	out_asked->seq = out_asked->task_number = rc ? 0 : task.request_seq;
	return rc;
}

/* All connections of one client are one: client/alice/1 and client/alice/2. */
static bool same_client(const char *a, const char *b)
{
	const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');

	return end_a && end_b && end_a - a == end_b - b && memcmp(a, b, (size_t)(end_a - a)) == 0;
}

static bool is_theirs(struct shell *shell, const struct connection *connection, const struct asked *asked)
{
	char client[NAME_BYTES] = "";

	if (connection->role_rights & (OPERATOR | AUDITOR))
		return true;
	return asked->task_number && read_one(shell, asked->task_number, take_peer, client) == 0 &&
	       same_client(client, connection->peer);
}

uint32_t receipt_judge(struct shell *shell, const struct connection *connection, const struct message *query)
{
	struct trail_checkpoint checkpoint;
	struct asked asked;
	int rc = find(shell, &query->status_query.name, &asked);

	/* Whether somebody else's task exists is nobody's business. */
	if (!rc && !is_theirs(shell, connection, &asked))
		rc = ERR_NOT_FOUND;
	if (!rc) {
		rc = trail_checkpoint_covering(shell->reader, asked.seq, &checkpoint);
		rc = rc == ERR_NOT_FOUND ? ERR_STATE : rc;
	}
	return (uint32_t)-rc;
}

int receipt_answer(struct shell *shell, const struct text *name, char *out, size_t room, size_t *out_bytes)
{
	struct buffer buffer = {0};
	struct asked asked;
	int rc = find(shell, name, &asked);

	if (!rc)
		rc = receipt_write(shell->reader, asked.seq, false, &buffer);
	if (!rc && buffer.bytes > room)
		rc = ERR_TOO_LARGE;
	if (!rc) {
		memcpy(out, buffer.at, buffer.bytes);
		*out_bytes = buffer.bytes;
		while (*out_bytes && out[*out_bytes - 1] == '\n')
			--*out_bytes;
	}
	buffer_release(&buffer);
	return rc;
}
