/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/journal_story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- folders and files ---- */

void story_folder(char out_folder[256])
{
	const char *base = getenv("TMPDIR");
	snprintf(out_folder, 256, "%s/bunshin-journal-XXXXXX", base && *base ? base : "/tmp");
	assert_non_null(mkdtemp(out_folder));
}

void story_file(const char *folder, char out_path[300])
{
	snprintf(out_path, 300, "%s/journal", folder);
}

void story_remove(const char *folder)
{
	char path[300];
	story_file(folder, path);
	unlink(path);
	snprintf(path, sizeof(path), "%s/journal.new", folder);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

uint8_t *file_take(const char *path, size_t *out_bytes)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &status));
	uint8_t *at = malloc((size_t)status.st_size + 1);
	assert_non_null(at);
	assert_int_equal(read(fd, at, (size_t)status.st_size), status.st_size);
	close(fd);
	*out_bytes = (size_t)status.st_size;
	return at;
}

void file_put(const char *path, const uint8_t *at, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, at, bytes), bytes);
	close(fd);
}

/* ---- changes ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t seed_of(unsigned writer, uint64_t number)
{
	return mix(number * 64 + writer + 1);
}

/* The id says who and which; the bytes follow from it and from their count. */
static struct oid id_of(unsigned writer, uint64_t number)
{
	struct oid id = {{0}};
	uint64_t seed = seed_of(writer, number);
	id.bytes[0] = (uint8_t)(writer + 1);
	memcpy(id.bytes + 4, &number, sizeof(number));
	memcpy(id.bytes + 12, &seed, sizeof(seed));
	return id;
}

/* No byte of it is 0, but for every eleventh object, which is half zeros. */
static void fill(uint8_t *at, size_t bytes, unsigned writer, uint64_t number)
{
	uint64_t seed = seed_of(writer, number);
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t word = mix(seed + i) | UINT64_C(0x0101010101010101);
		memcpy(at + i, &word, bytes - i < 8 ? bytes - i : 8);
	}
	if (number % 11 == 0)
		memset(at + bytes / 4, 0, bytes / 2);
}

struct prepared {
	struct journal_object object;
	struct journal_ref refs[2];
	char names[2][64];
	uint8_t *bytes;
};

static void prepare(const struct change *change, struct prepared *out)
{
	size_t bytes = change->bytes ? change->bytes : 200 + (size_t)(seed_of(change->writer, change->number) % 2000);
	out->bytes = malloc(bytes);
	assert_non_null(out->bytes);
	fill(out->bytes, bytes, change->writer, change->number);
	out->object = (struct journal_object){.type = OBJECT_BLOB, .raw = {out->bytes, (uint32_t)bytes}};
	out->object.id = id_of(change->writer, change->number);
	for (int i = 0; i < 2; i++) {
		snprintf(out->names[i], sizeof(out->names[i]), "refs/%s/%u", i ? "tags" : "heads", change->writer);
		out->refs[i] = (struct journal_ref){.name = out->names[i], .version = change->number, .to = out->object.id};
		if (change->number > 1)
			out->refs[i].from = id_of(change->writer, change->number - 1);
	}
}

int change_append(struct journal_writer *writer, const struct change *change)
{
	struct prepared prepared;
	prepare(change, &prepared);
	int rc = journal_append(writer, &prepared.object, 1, prepared.refs, 2);
	free(prepared.bytes);
	return rc;
}

int change_rewrite(struct journal_rewrite *rewrite, const struct change *change)
{
	struct prepared prepared;
	prepare(change, &prepared);
	int rc = journal_rewrite_object(rewrite, &prepared.object);
	if (!rc)
		rc = journal_rewrite_refs(rewrite, prepared.refs, 2);
	free(prepared.bytes);
	return rc;
}

/* ---- looking ---- */

static void seen_add(struct found *found, unsigned writer, uint64_t number)
{
	if (number / 64 >= found->max) {
		size_t max = 2 * (size_t)(number / 64) + 16;
		for (unsigned i = 0; i < STORY_WRITERS; i++) {
			found->seen[i] = realloc(found->seen[i], max * sizeof(uint64_t));
			assert_non_null(found->seen[i]);
			memset(found->seen[i] + found->max, 0, (max - found->max) * sizeof(uint64_t));
		}
		found->max = max;
	}
	found->seen[writer][number / 64] |= UINT64_C(1) << number % 64;
}

bool found_has(const struct found *found, unsigned writer, uint64_t number)
{
	return number / 64 < found->max && found->seen[writer][number / 64] >> number % 64 & 1;
}

static int refused(struct found *found)
{
	return found->refuse_after && --found->refuse_after == 0 ? ERR_LIMIT : 0;
}

static int on_object(void *context, const struct journal_object *object)
{
	struct found *found = context;
	unsigned writer = object->id.bytes[0] - 1u;
	uint64_t number;
	memcpy(&number, object->id.bytes + 4, sizeof(number));
	assert_in_range(writer, 0, STORY_WRITERS - 1);
	struct oid id = id_of(writer, number);
	assert_memory_equal(&id, &object->id, sizeof(id));
	assert_int_equal(object->type, OBJECT_BLOB);
	uint8_t *expected = malloc(object->raw.bytes);
	assert_non_null(expected);
	fill(expected, object->raw.bytes, writer, number);
	assert_memory_equal(expected, object->raw.at, object->raw.bytes);
	free(expected);
	found->objects[writer]++;
	seen_add(found, writer, number);
	return refused(found);
}

static int on_refs(void *context, const struct journal_ref *refs, size_t count)
{
	struct found *found = context;
	unsigned writer;
	assert_int_equal(count, 2);
	assert_int_equal(sscanf(refs[0].name, "refs/heads/%u", &writer), 1);
	assert_in_range(writer, 0, STORY_WRITERS - 1);
	char tag[64];
	snprintf(tag, sizeof(tag), "refs/tags/%u", writer);
	assert_string_equal(refs[1].name, tag);
	for (int i = 0; i < 2; i++) {
		struct oid to = id_of(writer, refs[0].version), from = {{0}};
		if (refs[0].version > 1)
			from = id_of(writer, refs[0].version - 1);
		assert_int_equal(refs[i].version, refs[0].version);
		assert_memory_equal(&refs[i].to, &to, sizeof(to));
		assert_memory_equal(&refs[i].from, &from, sizeof(from));
		assert_null(refs[i].target);
	}
	if (found->last[writer] < refs[0].version)
		found->last[writer] = refs[0].version;
	return refused(found);
}

struct journal_reader found_reader(struct found *found)
{
	return (struct journal_reader){.context = found, .object = on_object, .refs = on_refs};
}

void found_release(struct found *found)
{
	for (unsigned i = 0; i < STORY_WRITERS; i++)
		free(found->seen[i]);
	*found = (struct found){0};
}

int journal_look(const char *folder, struct found *out_found, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct journal *journal;
	struct journal_reader reader = found_reader(out_found);
	*out_found = (struct found){0};
	int rc = journal_open(folder, DURABLE_PROCESS, &journal, out_sentence);
	if (rc)
		return rc;
	rc = journal_read(journal, &reader, out_sentence);
	assert_int_equal(journal_close(journal), 0);
	for (unsigned i = 0; !rc && i < STORY_WRITERS; i++)
		assert_true(!out_found->last[i] || found_has(out_found, i, out_found->last[i]));
	return rc;
}

struct journal *journal_ready(const char *folder, enum workspace_durability durability, struct found *out_found)
{
	struct journal *journal;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal_reader reader = found_reader(out_found);
	*out_found = (struct found){0};
	if (journal_open(folder, durability, &journal, sentence))
		fail_msg("%s", sentence);
	if (journal_read(journal, &reader, sentence))
		fail_msg("%s", sentence);
	return journal;
}

struct journal_writer *writer_ready(struct journal *journal)
{
	struct journal_writer *writer;
	assert_int_equal(journal_join(journal, &writer), 0);
	return writer;
}
