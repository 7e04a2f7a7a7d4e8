/* SPDX-License-Identifier: MIT
 *
 * A journal that says anything. By the first byte: the rest is the body of a record whose checks are right, which only a writer or an enemy with the
 * key can make; or it stands in a file after its head, as a crash or a broken disk may leave it, alone or after a record that is fine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/store/journal_inner.h"

#define BYTES_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static char folder[64];
static uint8_t sum; /* so that every byte is looked at */

static int on_object(void *context, const struct journal_object *object)
{
	(void)context;
	if (object->type < OBJECT_COMMIT || object->type > OBJECT_TAG)
		abort();
	for (uint32_t i = 0; i < object->raw.bytes; i++)
		sum ^= object->raw.at[i];
	return 0;
}

static int on_refs(void *context, const struct journal_ref *refs, size_t count)
{
	(void)context;
	if (!count)
		abort();
	for (size_t i = 0; i < count; i++)
		if (!*refs[i].name || strlen(refs[i].name) > WORKSPACE_REF_MAX ||
		    (refs[i].target && (!*refs[i].target || strlen(refs[i].target) > WORKSPACE_REF_MAX)))
			abort();
	return 0;
}

static const struct journal_reader reader = {NULL, on_object, on_refs};

/* A record around these bytes, in memory of just its size. */
static uint8_t *sealed(const struct journal_key *key, const uint8_t *body, size_t body_bytes, uint64_t position,
		       size_t *out_bytes)
{
	size_t bytes = journal_record_bytes(body_bytes);
	uint8_t *record = malloc(bytes);
	if (!record)
		abort();
	memset(record, 0xff, bytes);
	if (body_bytes)
		memcpy(record + RECORD_HEAD_BYTES, body, body_bytes);
	uint64_t words[3] = {0, 1 | (uint64_t)body_bytes << 8, 0};
	words[2] = journal_check_body(key, position, words[1], record + RECORD_HEAD_BYTES, bytes - RECORD_HEAD_BYTES);
	words[0] = journal_check_head(key, position, words[1], words[2]);
	memcpy(record, words, sizeof(words));
	*out_bytes = bytes;
	return record;
}

static void one_record(const uint8_t *body, size_t body_bytes)
{
	static struct journal_key key;
	size_t bytes;
	uint64_t length;
	uint8_t *record = sealed(&key, body, body_bytes, 4096, &bytes);
	if (record_look(&key, record, bytes, 4096, &length) != RECORD_FINE || length != bytes)
		abort();
	int rc = journal_record_read(record, &reader);
	if (rc && rc != ERR_CORRUPT && rc != ERR_NEWER && rc != ERR_MEMORY)
		abort();
	free(record);
}

static struct journal *open_or_abort(void)
{
	struct journal *journal;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (journal_open(folder, DURABLE_PROCESS, &journal, sentence))
		abort();
	return journal;
}

/* Whatever is there: refused with a sentence, or read, and then read again without any more. */
static void whole_file(const uint8_t *at, size_t bytes, bool after_record)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal *journal = open_or_abort();
	uint64_t position = JOURNAL_HEAD_BYTES;
	if (after_record) {
		static const uint8_t object[8 + OID_BYTES + 5] = {OBJECT_BLOB, 5};
		size_t record_size;
		uint8_t *record = sealed(&journal->file.key, object, sizeof(object), position, &record_size);
		if (pwrite(journal->file.fd, record, record_size, (off_t)position) != (ssize_t)record_size)
			abort();
		position += record_size;
		free(record);
	}
	if (pwrite(journal->file.fd, at, bytes, (off_t)position) != (ssize_t)bytes)
		abort();
	int rc = journal_read(journal, &reader, sentence);
	if (rc != 0 && (rc != ERR_CORRUPT || !sentence[0]))
		abort();
	if (journal_close(journal))
		abort();
	if (!rc) {
		journal = open_or_abort();
		if (journal_read(journal, &reader, sentence) || journal_head(journal) != position - JOURNAL_HEAD_BYTES ||
		    journal_close(journal))
			abort();
	}
	char path[80];
	snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, folder);
	unlink(path);
}

static void remove_folder(void)
{
	rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "%s/fuzz-journal-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
		if (!mkdtemp(folder))
			abort();
		atexit(remove_folder);
	}
	if (!bytes || bytes > BYTES_MAX)
		return 0;
	if (at[0] & 63)
		one_record(at + 1, bytes - 1);
	else
		whole_file(at + 1, bytes - 1, at[0] & 64);
	return 0;
}
