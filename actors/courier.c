/* SPDX-License-Identifier: MIT
 *
 * Artefacts on the wire: pieces and credit are not recorded; that an artefact is complete is, and so is that somebody began to
 * read one. Whoever brings an artefact hears "I have it all" only when that record is durable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/artefacts.h"
#include "actors/shell.h"
#include "actors/transfer.h"

#define UPLOADS_WAITING_MAX 256u /* uploads that somebody waits for */

/* Somebody who brings an artefact. */
struct bringer {
	bool used;
	struct hash hash;
	uint64_t total;
	struct header header; /* of the offer */
	char peer[NAME_BYTES];
	uint64_t granted; /* may send up to here */
	uint64_t seq;     /* record that says it is complete; 0: it is not */
};

struct courier {
	struct artefacts *store;
	struct bringer bringer[UPLOADS_WAITING_MAX];
	uint32_t recorded; /* of them are complete and wait for that record to be durable */
};

int courier_new(struct shell *shell)
{
	struct courier *courier = calloc(1, sizeof(*courier));
	int rc = courier ? artefacts_new(&shell->state, shell->vault, &courier->store) : ERR_MEMORY;

	if (rc) {
		free(courier);
		return rc;
	}
	shell->courier = courier;
	return 0;
}

void courier_free(struct shell *shell)
{
	if (shell->courier)
		artefacts_free(shell->courier->store);
	free(shell->courier);
	shell->courier = NULL;
}

int courier_drop_partial(struct shell *shell)
{
	return artefacts_drop_partial(shell->courier->store);
}

int courier_fd(const struct shell *shell)
{
	return artefacts_fd(shell->courier->store);
}

/* ---- answers ---- */

static void refuse(struct shell *shell, uint32_t index, const struct header *header, enum message_type type, int rc,
		   const char *sentence)
{
	struct message message = {.type = MESSAGE_REFUSAL};

	message.header.correlation = header->message_id;
	message.header.task_id = header->task_id;
	message.refusal.code = (uint32_t)-rc;
	message.refusal.refused_type = type;
	message.refusal.retry_after_ms = error_retryable(rc) ? 1000 : 0;
	message.refusal.sentence = (struct text){sentence, (uint32_t)strlen(sentence)};
	send_loose(shell, index, &message);
}

static void grant(struct shell *shell, uint32_t index, struct bringer *bringer, uint64_t offset)
{
	struct message message = {.type = MESSAGE_ARTEFACT_GET};

	bringer->granted = offset + CREDIT_BYTES;
	message.header.correlation = bringer->header.message_id;
	message.artefact_get.hash = bringer->hash;
	message.artefact_get.offset = offset;
	message.artefact_get.credit_bytes = CREDIT_BYTES;
	send_loose(shell, index, &message);
}

/* ---- bringing ---- */

static struct bringer *find_bringer(struct courier *courier, const char *peer, const struct hash *hash)
{
	for (uint32_t i = 0; i < UPLOADS_WAITING_MAX; i++) {
		struct bringer *bringer = &courier->bringer[i];

		if (bringer->used && hash_equal(&bringer->hash, hash) && strcmp(bringer->peer, peer) == 0)
			return bringer;
	}
	return NULL;
}

/* Whoever is not connected any more will offer again, so its place is free. */
static struct bringer *new_bringer(struct shell *shell)
{
	for (uint32_t i = 0; i < UPLOADS_WAITING_MAX; i++) {
		struct bringer *bringer = &shell->courier->bringer[i];

		if (!bringer->used || !connection_named(&shell->connections, bringer->peer))
			return bringer;
	}
	return NULL;
}

static struct bringer *note_bringer(struct shell *shell, const struct message *message, const char *peer)
{
	const struct artefact_put *put = &message->artefact_put;
	struct bringer *bringer = find_bringer(shell->courier, peer, &put->hash);

	if (!bringer)
		bringer = new_bringer(shell);
	if (!bringer)
		return NULL;
	if (bringer->used && bringer->seq)
		shell->courier->recorded--;
	*bringer = (struct bringer){.used = true, .hash = put->hash, .total = put->total_bytes, .header = message->header};
	memcpy(bringer->peer, peer, NAME_BYTES);
	return bringer;
}

/* Records that the artefact is here, in the name of who brought it. */
static void record_complete(struct shell *shell, struct bringer *bringer)
{
	struct message message = {.type = MESSAGE_ARTEFACT_PUT, .header = bringer->header};
	struct event event = {.message = &message};

	message.artefact_put.hash = bringer->hash;
	message.artefact_put.offset = bringer->total;
	message.artefact_put.total_bytes = bringer->total;
	memcpy(event.peer, bringer->peer, NAME_BYTES);
	shell_step(shell, &event);
	bringer->seq = omega_next_seq(shell->omega) - 1;
	shell->courier->recorded++;
}

static void take_offer(struct shell *shell, uint32_t index, struct message *message)
{
	struct bringer *bringer = note_bringer(shell, message, connection_at(shell, index)->peer);
	uint64_t bytes;
	uint64_t offset = 0;
	int rc = bringer ? 0 : ERR_OVERLOADED;
	int fd;

	if (!rc && !id_is_nil(&message->header.task_id) && erasure_speaks_of_erased(shell, message))
		rc = ERR_SUPERSEDED; /* it would come back */
	if (!rc && bringer->total > ARTEFACT_BYTES_MAX)
		rc = ERR_TOO_LARGE;
	fd = rc ? -1 : artefact_open(shell->courier->store, &bringer->hash, &bytes);
	if (fd >= 0) {
		close(fd);
		if (bytes == bringer->total) {
			record_complete(shell, bringer);
			return;
		}
		rc = ERR_CONFLICT;
	}
	if (!rc)
		rc = artefact_offer(shell->courier->store, &bringer->hash, bringer->total, &offset);
	if (rc) {
		refuse(shell, index, &message->header, MESSAGE_ARTEFACT_PUT, rc, error_sentence(rc));
		if (bringer)
			bringer->used = false;
	} else if (offset < bringer->total) {
		grant(shell, index, bringer, offset);
	}
}

/* That somebody brought what must not be kept is recorded; the content is not. */
static void record_refused(struct shell *shell, uint32_t index, struct bringer *bringer, const char *kind)
{
	struct message message = {.type = MESSAGE_ARTEFACT_PUT, .header = bringer->header};
	struct event event = {.message = &message, .verdict = ERROR_SECRET};

	message.artefact_put.hash = bringer->hash;
	message.artefact_put.total_bytes = bringer->total;
	memcpy(event.peer, bringer->peer, NAME_BYTES);
	shell->current = index;
	shell->secret = kind;
	shell_step(shell, &event);
	shell->secret = NULL;
	shell->current = 0;
	bringer->used = false;
}

static void take_piece(struct shell *shell, uint32_t index, struct message *message)
{
	const struct artefact_put *put = &message->artefact_put;
	struct bringer *bringer = find_bringer(shell->courier, connection_at(shell, index)->peer, &put->hash);
	const char *kind = NULL;
	uint64_t offset = 0;
	int rc = ERR_STATE;

	if (bringer && put->total_bytes == bringer->total)
		rc = artefact_feed(shell->courier->store, &put->hash, put->offset, put->data, &offset, &kind);
	if (rc == ERR_SECRET) {
		record_refused(shell, index, bringer, kind);
		return;
	}
	if (rc == ERR_NOT_FOUND) /* its place was needed: the next offer goes on where it stopped */
		rc = ERR_STATE;
	if (rc)
		refuse(shell, index, bringer ? &bringer->header : &message->header, MESSAGE_ARTEFACT_PUT, rc,
		       "a piece of an artefact that was not offered, or not with this size");
	else if (offset < bringer->total && offset >= bringer->granted)
		grant(shell, index, bringer, offset);
}

void courier_take_put(struct shell *shell, uint32_t index, struct message *message)
{
	if (message->artefact_put.data.bytes)
		take_piece(shell, index, message);
	else
		take_offer(shell, index, message);
}

static void tell_finished(struct shell *shell, struct bringer *bringer, int result)
{
	uint32_t index = connection_named(&shell->connections, bringer->peer);

	if (!result) {
		record_complete(shell, bringer);
		return;
	}
	if (index)
		refuse(shell, index, &bringer->header, MESSAGE_ARTEFACT_PUT, result,
		       result == ERR_CORRUPT ? "what arrived has another hash than was announced" : error_sentence(result));
	bringer->used = false;
}

void courier_finished(struct shell *shell)
{
	struct hash hash;
	int result;

	while (artefact_finished(shell->courier->store, &hash, &result)) {
		for (uint32_t i = 0; i < UPLOADS_WAITING_MAX; i++) {
			struct bringer *bringer = &shell->courier->bringer[i];

			if (bringer->used && !bringer->seq && hash_equal(&bringer->hash, &hash))
				tell_finished(shell, bringer, result);
		}
	}
}

static void say_complete(struct shell *shell, const struct bringer *bringer)
{
	struct message message = {.type = MESSAGE_ARTEFACT_GET};
	uint32_t index = connection_named(&shell->connections, bringer->peer);

	if (!index)
		return;
	message.header.correlation = bringer->header.message_id;
	message.artefact_get.hash = bringer->hash;
	message.artefact_get.offset = bringer->total;
	send_loose(shell, index, &message);
}

void courier_durable(struct shell *shell)
{
	struct courier *courier = shell->courier;

	for (uint32_t i = 0; courier && courier->recorded && i < UPLOADS_WAITING_MAX; i++) {
		struct bringer *bringer = &courier->bringer[i];

		if (!bringer->used || !bringer->seq || bringer->seq > shell->durable_seq)
			continue;
		say_complete(shell, bringer);
		bringer->used = false;
		courier->recorded--;
	}
}

/* ---- fetching ---- */

static int send_piece(struct shell *shell, uint32_t index, const struct message *asked, int fd, uint64_t offset, uint64_t total,
		      size_t bytes)
{
	static uint8_t piece[PIECE_BYTES]; /* one thread sends */
	struct message message = {.type = MESSAGE_ARTEFACT_PUT};

	if (bytes && pread(fd, piece, bytes, (off_t)offset) != (ssize_t)bytes)
		return ERR_IO;
	message.header.correlation = asked->header.message_id;
	message.artefact_put.hash = asked->artefact_get.hash;
	message.artefact_put.offset = offset;
	message.artefact_put.total_bytes = total;
	message.artefact_put.data = (struct bytes){piece, (uint32_t)bytes};
	send_loose(shell, index, &message);
	return 0;
}

static int send_pieces(struct shell *shell, uint32_t index, const struct message *asked, int fd, uint64_t total)
{
	uint64_t offset = asked->artefact_get.offset;
	uint32_t credit = asked->artefact_get.credit_bytes < CREDIT_BYTES ? asked->artefact_get.credit_bytes : CREDIT_BYTES;
	uint64_t end = offset > total || credit > total - offset ? total : offset + credit;
	int rc = 0;

	if (offset >= total)
		return send_piece(shell, index, asked, fd, total, total, 0);
	while (!rc && offset < end) {
		size_t bytes = end - offset < PIECE_BYTES ? (size_t)(end - offset) : PIECE_BYTES;

		rc = send_piece(shell, index, asked, fd, offset, total, bytes);
		offset += bytes;
	}
	return rc;
}

static void record_read(struct shell *shell, uint32_t index, struct message *message)
{
	struct event event = {.message = message};

	memcpy(event.peer, connection_at(shell, index)->peer, NAME_BYTES);
	message->payload = (struct bytes){0};
	shell_step(shell, &event);
}

void courier_take_get(struct shell *shell, uint32_t index, struct message *message)
{
	uint64_t total = 0;
	int fd = artefact_open(shell->courier->store, &message->artefact_get.hash, &total);
	int rc = fd < 0 ? ERR_NOT_FOUND : 0;

	if (!message->artefact_get.offset)
		record_read(shell, index, message);
	if (!rc)
		rc = send_pieces(shell, index, message, fd, total);
	if (rc)
		refuse(shell, index, &message->header, MESSAGE_ARTEFACT_GET, rc, error_sentence(rc));
	if (fd >= 0)
		close(fd);
}
