/* SPDX-License-Identifier: MIT
 *
 * The file of a journal: made, opened, and its ranges written.
 */
#include "workspace/store/journal_inner.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "bunshin journal\n";

/* As it stands at the beginning of the file; numbers are little-endian. */
struct head {
	char magic[16];
	uint32_t version;
	uint32_t segment_bytes;
	struct journal_key key;
	uint64_t check; /* of what is above, by the key */
};
static_assert(sizeof(struct head) == 1064 && sizeof(struct head) <= JOURNAL_HEAD_BYTES, "the head has no gaps");

/* Large, so that the page cache takes large pages for them; never written, so it costs nothing. */
static uint8_t zeros[JOURNAL_SEGMENT_BYTES];

int journal_errno_error(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : error == ENOMEM ? ERR_MEMORY : ERR_IO;
}

int journal_say(char sentence[WORKSPACE_SENTENCE_BYTES], int rc, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sentence, WORKSPACE_SENTENCE_BYTES, format, arguments);
	va_end(arguments);
	return rc;
}

/* ---- ranges ---- */

int journal_file_write(const struct journal_file *file, const uint8_t *at, size_t bytes, uint64_t position)
{
	while (bytes) {
		ssize_t now = pwrite(file->fd, at, bytes, (off_t)position);
		if (now < 0 && errno == EINTR)
			continue;
		if (now <= 0)
			return now ? journal_errno_error(errno) : ERR_IO;
		at += now;
		bytes -= (size_t)now;
		position += (uint64_t)now;
	}
	return 0;
}

int journal_file_zero(const struct journal_file *file, uint64_t position, size_t bytes)
{
	int rc = 0;
	while (!rc && bytes) {
		size_t now = bytes < sizeof(zeros) ? bytes : sizeof(zeros);
		rc = journal_file_write(file, zeros, now, position);
		position += now;
		bytes -= now;
	}
	return rc;
}

int journal_file_unwrite(const struct journal_file *file, uint64_t position, uint64_t bytes, bool durable)
{
	uint64_t head = bytes < JOURNAL_SECTOR_BYTES ? bytes : JOURNAL_SECTOR_BYTES, end = position + bytes;
	int rc = 0;
	while (!rc && end > position + head) {
		uint64_t begin = end - position - head > JOURNAL_SEGMENT_BYTES ? end - JOURNAL_SEGMENT_BYTES : position + head;
		rc = journal_file_zero(file, begin, (size_t)(end - begin));
		end = begin;
	}
	if (!rc && durable && bytes > JOURNAL_SEGMENT_BYTES && fdatasync(file->fd))
		rc = journal_errno_error(errno);
	return rc ? rc : journal_file_zero(file, position, (size_t)head);
}

int journal_file_spare(struct journal_file *file, struct journal_spare spare)
{
	if (file->spare_count == file->spare_max) {
		size_t max = file->spare_max ? 2 * file->spare_max : 16;
		struct journal_spare *more = realloc(file->spares, max * sizeof(*more));
		if (!more)
			return ERR_MEMORY;
		file->spares = more;
		file->spare_max = max;
	}
	file->spares[file->spare_count++] = spare;
	return 0;
}

/* ---- the whole ---- */

static uint64_t head_check(const struct head *head, const struct journal_key *key)
{
	return htole64(journal_check_body(key, 0, JOURNAL_VERSION, (const uint8_t *)head, offsetof(struct head, check)));
}

static int head_make(struct journal_file *file)
{
	struct head head = {.version = htole32(JOURNAL_VERSION), .segment_bytes = htole32(JOURNAL_SEGMENT_BYTES)};
	memcpy(head.magic, magic, sizeof(magic));
	for (size_t done = 0; done < sizeof(file->key);) {
		ssize_t now = getrandom((uint8_t *)&file->key + done, sizeof(file->key) - done, 0);
		if (now < 0 && errno != EINTR)
			return ERR_SYSTEM;
		done += now > 0 ? (size_t)now : 0;
	}
	head.key = file->key;
	head.check = head_check(&head, &file->key);
	int rc = journal_file_zero(file, 0, JOURNAL_HEAD_BYTES);
	return rc ? rc : journal_file_write(file, (const uint8_t *)&head, sizeof(head), 0);
}

int journal_file_make(int folder, struct journal_file *out_file)
{
	struct journal_file file = {.end = JOURNAL_SEGMENT_BYTES};
	if (unlinkat(folder, JOURNAL_NEW_NAME, 0) && errno != ENOENT)
		return ERR_IO;
	file.fd = openat(folder, JOURNAL_NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file.fd < 0)
		return journal_errno_error(errno);
	int rc = head_make(&file);
	if (rc) {
		journal_file_close(&file);
		unlinkat(folder, JOURNAL_NEW_NAME, 0);
		return rc;
	}
	*out_file = file;
	return 0;
}

int journal_file_publish(int folder, const struct journal_file *file)
{
	if (fsync(file->fd) || renameat(folder, JOURNAL_NEW_NAME, folder, JOURNAL_NAME) || fsync(folder))
		return journal_errno_error(errno);
	return 0;
}

static int head_check_read(const struct head *head, ssize_t bytes, char *sentence)
{
	if (bytes < (ssize_t)sizeof(*head) || memcmp(head->magic, magic, sizeof(magic)) != 0)
		return journal_say(sentence, ERR_CORRUPT, JOURNAL_NAME ": byte 0: this is no journal of a workspace");
	if (le32toh(head->version) > JOURNAL_VERSION)
		return journal_say(sentence, ERR_NEWER, JOURNAL_NAME ": it has format %u; up to %u can be read here",
				   le32toh(head->version), JOURNAL_VERSION);
	if (head->check != head_check(head, &head->key) || le32toh(head->version) != JOURNAL_VERSION ||
	    le32toh(head->segment_bytes) != JOURNAL_SEGMENT_BYTES)
		return journal_say(sentence, ERR_CORRUPT, JOURNAL_NAME ": byte 0: its head was changed after it was written");
	return 0;
}

int journal_file_open(int folder, struct journal_file *out_file, char sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct journal_file file = {.fd = openat(folder, JOURNAL_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
	struct head head;
	struct stat status;
	if (file.fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : journal_say(sentence, ERR_IO, JOURNAL_NAME ": opening it: %m");
	ssize_t bytes = -1;
	if (!fstat(file.fd, &status) && S_ISREG(status.st_mode))
		bytes = pread(file.fd, &head, sizeof(head), 0);
	int rc = bytes < 0 ? journal_say(sentence, ERR_IO, JOURNAL_NAME ": reading it: %s",
					 S_ISREG(status.st_mode) ? strerrordesc_np(errno) : "it is not a file")
			   : head_check_read(&head, bytes, sentence);
	if (rc) {
		close(file.fd);
		return rc;
	}
	file.key = head.key;
	file.end = ((uint64_t)status.st_size + JOURNAL_SEGMENT_BYTES - 1) / JOURNAL_SEGMENT_BYTES * JOURNAL_SEGMENT_BYTES;
	*out_file = file;
	return 0;
}

void journal_file_close(struct journal_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->spares);
	*file = (struct journal_file){.fd = -1};
}
