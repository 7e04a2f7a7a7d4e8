/* SPDX-License-Identifier: MIT */
#include "actors/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/fresh.h"

#define READ_BYTES 65536u

static ssize_t read_at(int fd, void *out, size_t bytes, uint64_t offset)
{
	size_t got = 0;

	while (got < bytes) {
		ssize_t n = pread(fd, (uint8_t *)out + got, bytes - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int file_hash(int fd, struct hash *out_hash, uint64_t *out_bytes)
{
	crypto_hash_sha256_state state;
	uint8_t *block = malloc(READ_BYTES);
	uint64_t total = 0;
	ssize_t got = block ? 1 : -1;

	crypto_hash_sha256_init(&state);
	while (got > 0) {
		got = read_at(fd, block, READ_BYTES, total);
		if (got > 0) {
			crypto_hash_sha256_update(&state, block, (size_t)got);
			total += (uint64_t)got;
		}
	}
	free(block);
	if (got < 0)
		return ERR_IO;
	crypto_hash_sha256_final(&state, out_hash->bytes);
	*out_bytes = total;
	return 0;
}

/* ---- to Omega ---- */

int upload_open(struct upload *upload, const char *path)
{
	int rc;

	memset(upload, 0, sizeof(*upload));
	upload->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (upload->fd < 0)
		return ERR_IO;
	rc = file_hash(upload->fd, &upload->hash, &upload->total);
	if (!rc && upload->total > ARTEFACT_BYTES_MAX)
		rc = ERR_TOO_LARGE;
	if (rc)
		upload_close(upload);
	return rc;
}

void upload_close(struct upload *upload)
{
	if (upload->fd >= 0)
		close(upload->fd);
	upload->fd = -1;
}

static struct message put_message(const struct upload *upload, uint64_t offset)
{
	struct message message = {.type = MESSAGE_ARTEFACT_PUT};

	message.header.message_id = id_fresh();
	message.header.task_id = upload->task_id;
	message.artefact_put.hash = upload->hash;
	message.artefact_put.offset = offset;
	message.artefact_put.total_bytes = upload->total;
	return message;
}

int upload_offer(struct upload *upload, struct link *link)
{
	struct message message = put_message(upload, 0);

	upload->offer_id = message.header.message_id;
	return link_say_loose(link, &message);
}

static int send_piece(struct upload *upload, struct link *link, uint64_t offset, size_t bytes)
{
	struct message message = put_message(upload, offset);
	uint8_t *piece = malloc(bytes);
	int rc = ERR_MEMORY;

	if (!piece)
		return rc;
	rc = ERR_IO;
	if (read_at(upload->fd, piece, bytes, offset) == (ssize_t)bytes) {
		message.artefact_put.data = (struct bytes){piece, (uint32_t)bytes};
		rc = link_say_loose(link, &message);
	}
	free(piece);
	return rc;
}

int upload_answer(struct upload *upload, struct link *link, const struct artefact_get *get)
{
	uint64_t offset = get->offset;
	uint64_t end = offset + (get->credit_bytes < CREDIT_BYTES ? get->credit_bytes : CREDIT_BYTES);

	if (offset >= upload->total) {
		upload->done = true;
		return 0;
	}
	if (end > upload->total)
		end = upload->total;
	while (offset < end) {
		size_t bytes = end - offset < PIECE_BYTES ? (size_t)(end - offset) : PIECE_BYTES;
		int rc = send_piece(upload, link, offset, bytes);

		if (rc)
			return rc;
		offset += bytes;
	}
	return 0;
}

/* ---- from Omega ---- */

int download_open(struct download *download, const struct hash *hash, const char *path)
{
	memset(download, 0, sizeof(*download));
	download->hash = *hash;
	download->total = UINT64_MAX;
	if (snprintf(download->path, PATH_BYTES, "%s", path) >= (int)PATH_BYTES ||
	    snprintf(download->partial, PATH_BYTES, "%s.XXXXXX", path) >= (int)PATH_BYTES)
		return ERR_IO;
	download->fd = mkostemp(download->partial, O_CLOEXEC);
	return download->fd < 0 ? ERR_IO : 0;
}

void download_close(struct download *download)
{
	if (download->fd < 0)
		return;
	close(download->fd);
	download->fd = -1;
	if (!download->done)
		unlink(download->partial);
}

int download_ask(struct download *download, struct link *link)
{
	struct message message = {.type = MESSAGE_ARTEFACT_GET};

	download->ask_id = message.header.message_id = id_fresh();
	download->granted = download->offset + CREDIT_BYTES;
	message.artefact_get.hash = download->hash;
	message.artefact_get.offset = download->offset;
	message.artefact_get.credit_bytes = CREDIT_BYTES;
	return link_say_loose(link, &message);
}

static int folder_sync(const char *path)
{
	char copy[PATH_BYTES];
	int fd;
	int bad;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	bad = fsync(fd);
	close(fd);
	return bad ? ERR_IO : 0;
}

static int download_finish(struct download *download)
{
	struct hash hash;
	uint64_t bytes;

	if (file_hash(download->fd, &hash, &bytes))
		return ERR_IO;
	if (bytes != download->total || !hash_equal(&hash, &download->hash))
		return ERR_CORRUPT;
	if (fsync(download->fd) || rename(download->partial, download->path))
		return ERR_IO;
	download->done = true;
	return folder_sync(download->path);
}

int download_take(struct download *download, struct link *link, const struct artefact_put *piece)
{
	if (!hash_equal(&piece->hash, &download->hash) || piece->offset != download->offset)
		return 0; /* a piece of an earlier request */
	download->total = piece->total_bytes;
	if (piece->offset + piece->data.bytes > piece->total_bytes)
		return ERR_CORRUPT;
	if (piece->data.bytes &&
	    pwrite(download->fd, piece->data.at, piece->data.bytes, (off_t)piece->offset) != (ssize_t)piece->data.bytes)
		return ERR_IO;
	download->offset += piece->data.bytes;
	if (download->offset == download->total)
		return download_finish(download);
	if (download->offset >= download->granted)
		return download_ask(download, link);
	return 0;
}
