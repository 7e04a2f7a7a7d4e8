/* SPDX-License-Identifier: MIT
 *
 * What is appended to a journal is read from it, whole and in any number of writers and segments; what is damaged is named, and what is
 * unfinished is not there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/workspace/store/journal_story.h"
#include "workspace/store/journal_inner.h"

static const enum workspace_durability levels[] = {DURABLE_PROCESS, DURABLE_DISK};

/* Writes one change and closes; 0 bytes: as many as it usually has. */
static void write_change(const char *folder, enum workspace_durability level, uint64_t number, size_t bytes)
{
	struct found found;
	struct journal *journal = journal_ready(folder, level, &found);
	struct journal_writer *writer = writer_ready(journal);
	assert_int_equal(change_append(writer, &(struct change){0, number, bytes}), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	found_release(&found);
}

/* Writes changes from `from` to `to` of one writer and closes. */
static void write_changes(const char *folder, enum workspace_durability level, unsigned who, uint64_t from, uint64_t to)
{
	struct found found;
	struct journal *journal = journal_ready(folder, level, &found);
	struct journal_writer *writer = writer_ready(journal);
	for (uint64_t i = from; i <= to; i++)
		assert_int_equal(change_append(writer, &(struct change){who, i, 0}), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	found_release(&found);
}

static void expect(const char *folder, unsigned who, uint64_t last)
{
	struct found found;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (journal_look(folder, &found, sentence))
		fail_msg("%s", sentence);
	assert_int_equal(found.last[who], last);
	assert_int_equal(found.objects[who], last);
	found_release(&found);
}

static void test_what_was_written_is_read(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char folder[256];
		story_folder(folder);
		expect(folder, 0, 0);
		write_changes(folder, levels[i], 0, 1, 50);
		expect(folder, 0, 50);
		write_changes(folder, levels[!i], 0, 51, 60);
		expect(folder, 0, 60);
		story_remove(folder);
	}
}

static int on_nothing(void *context, const struct journal_object *object)
{
	(void)object;
	++*(int *)context;
	return 0;
}

static int on_head(void *context, const struct journal_ref *refs, size_t count)
{
	assert_int_equal(count, 2);
	assert_string_equal(refs[0].name, "HEAD");
	assert_string_equal(refs[0].target, "refs/heads/main");
	assert_int_equal(refs[0].version, UINT64_MAX);
	assert_string_equal(refs[1].name, "refs/heads/gone");
	assert_null(refs[1].target);
	struct oid none = {{0}};
	assert_memory_equal(&refs[1].to, &none, sizeof(none));
	*(int *)context += 100;
	return 0;
}

static void test_empty_objects_heads_and_deletions_are_read(void **state)
{
	(void)state;
	char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	int count = 0;
	story_folder(folder);
	struct journal *journal = journal_ready(folder, DURABLE_PROCESS, &found);
	struct journal_writer *writer = writer_ready(journal);
	struct journal_object objects[3] = {{.type = OBJECT_COMMIT, .raw = {NULL, 0}},
					    {.type = OBJECT_TREE, .raw = {(const uint8_t *)"x", 1}},
					    {.type = OBJECT_TAG, .raw = {(const uint8_t *)"yy", 2}}};
	struct journal_ref refs[2] = {{.name = "HEAD", .version = UINT64_MAX, .target = "refs/heads/main"},
				      {.name = "refs/heads/gone", .version = 2, .from = {{1}}}};
	assert_int_equal(journal_append(writer, NULL, 0, NULL, 0), 0);
	assert_int_equal(journal_append(writer, objects, 3, refs, 2), 0);
	assert_int_equal(journal_append(writer, objects, 1, NULL, 0), 0);
	assert_int_equal(journal_append(writer, NULL, 0, refs, 2), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	assert_int_equal(journal_open(folder, DURABLE_PROCESS, &journal, sentence), 0);
	struct journal_reader reader = {.context = &count, .object = on_nothing, .refs = on_head};
	assert_int_equal(journal_read(journal, &reader, sentence), 0);
	assert_int_equal(count, 204);
	assert_int_equal(journal_close(journal), 0);
	story_remove(folder);
}

/* Sizes around every border: of a record's padding, of what is left of a segment, of whole segments. */
static void test_objects_of_any_size_are_read(void **state)
{
	(void)state;
	static const size_t sizes[] = {1,
				       31,
				       700,
				       JOURNAL_SEGMENT_BYTES / 2,
				       JOURNAL_SEGMENT_BYTES - 4096 - 52,
				       JOURNAL_SEGMENT_BYTES - 60,
				       JOURNAL_SEGMENT_BYTES - 52,
				       JOURNAL_SEGMENT_BYTES - 51,
				       JOURNAL_SEGMENT_BYTES,
				       3,
				       3 * (size_t)JOURNAL_SEGMENT_BYTES + 5,
				       100,
				       2 * (size_t)JOURNAL_SEGMENT_BYTES - 52,
				       1000,
				       2000};
	for (int i = 0; i < 2; i++) {
		char folder[256];
		struct found found;
		story_folder(folder);
		struct journal *journal = journal_ready(folder, levels[i], &found);
		struct journal_writer *writer = writer_ready(journal);
		uint64_t number = 0;
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			assert_int_equal(change_append(writer, &(struct change){1, ++number, sizes[k]}), 0);
		journal_leave(writer);
		assert_int_equal(journal_close(journal), 0);
		found_release(&found);
		expect(folder, 1, number);
		write_changes(folder, levels[i], 1, number + 1, number + 3);
		expect(folder, 1, number + 3);
		story_remove(folder);
	}
}

static void test_a_batch_larger_than_a_segment_is_several_records(void **state)
{
	(void)state;
	char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	static uint8_t noise[300000];
	struct journal_object objects[40];
	struct journal_ref ref = {.name = "HEAD", .version = UINT64_MAX, .target = "refs/heads/main"};
	struct journal_ref refs[2] = {ref, {.name = "refs/heads/gone", .version = 2, .from = {{1}}}};
	int count = 0;
	story_folder(folder);
	memset(noise, 7, sizeof(noise));
	for (int i = 0; i < 40; i++)
		objects[i] = (struct journal_object){
			.type = OBJECT_BLOB, .id = {{(uint8_t)i}}, .raw = {noise, sizeof(noise) - (uint32_t)i}};
	struct journal *journal = journal_ready(folder, DURABLE_PROCESS, &found);
	struct journal_writer *writer = writer_ready(journal);
	assert_int_equal(journal_append(writer, objects, 40, refs, 2), 0);
	assert_true(journal_head(journal) > 40 * 299000);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	assert_int_equal(journal_open(folder, DURABLE_PROCESS, &journal, sentence), 0);
	struct journal_reader reader = {.context = &count, .object = on_nothing, .refs = on_head};
	assert_int_equal(journal_read(journal, &reader, sentence), 0);
	assert_int_equal(count, 140);
	assert_true(journal_head(journal) > 40 * 299000);
	assert_int_equal(journal_close(journal), 0);
	story_remove(folder);
}

static void test_room_that_was_left_is_used_again(void **state)
{
	(void)state;
	char folder[256], path[300];
	struct stat status;
	story_folder(folder);
	story_file(folder, path);
	for (uint64_t i = 1; i <= 30; i++)
		write_changes(folder, levels[i % 2], 2, i, i);
	expect(folder, 2, 30);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size <= JOURNAL_SEGMENT_BYTES);
	story_remove(folder);
}

static void test_only_one_has_it_open(void **state)
{
	(void)state;
	char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	struct journal *second;
	story_folder(folder);
	struct journal *journal = journal_ready(folder, DURABLE_PROCESS, &found);
	assert_int_equal(journal_open(folder, DURABLE_PROCESS, &second, sentence), ERR_LOCKED);
	assert_non_null(strstr(sentence, folder));
	assert_int_equal(journal_close(journal), 0);
	expect(folder, 0, 0);
	story_remove(folder);
}

static void test_what_is_no_journal_is_refused(void **state)
{
	(void)state;
	char folder[256], path[300], sentence[WORKSPACE_SENTENCE_BYTES];
	struct found found;
	story_folder(folder);
	story_file(folder, path);
	file_put(path, (const uint8_t *)"something else", 14);
	assert_int_equal(journal_look(folder, &found, sentence), ERR_CORRUPT);
	assert_non_null(strstr(sentence, "no journal"));
	file_put(path, (const uint8_t *)"", 0);
	assert_int_equal(journal_look(folder, &found, sentence), ERR_CORRUPT);
	assert_int_equal(unlink(path), 0);
	expect(folder, 0, 0);
	size_t bytes;
	uint8_t *head = file_take(path, &bytes);
	head[16] = 2;
	file_put(path, head, bytes);
	assert_int_equal(journal_look(folder, &found, sentence), ERR_NEWER);
	assert_non_null(strstr(sentence, "format 2"));
	free(head);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(journal_look(folder, &found, sentence), ERR_IO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(journal_look(folder, &found, sentence), ERR_IO);
	assert_int_equal(rmdir(path), 0);
	story_remove(folder);
	assert_int_equal(journal_look("/dev/null/x", &found, sentence), ERR_IO);
}

static void test_what_the_reader_returns_comes_back(void **state)
{
	(void)state;
	char folder[256], sentence[WORKSPACE_SENTENCE_BYTES];
	struct journal *journal;
	story_folder(folder);
	write_changes(folder, DURABLE_PROCESS, 0, 1, 5);
	for (int after = 1; after <= 10; after++) {
		struct found found = {.refuse_after = after};
		struct journal_reader reader = found_reader(&found);
		assert_int_equal(journal_open(folder, DURABLE_PROCESS, &journal, sentence), 0);
		assert_int_equal(journal_read(journal, &reader, sentence), ERR_LIMIT);
		assert_string_not_equal(sentence, "");
		assert_int_equal(journal_close(journal), 0);
		found_release(&found);
	}
	story_remove(folder);
}

/* ---- the end of a file ---- */

/* Where the records of writer 0 begin, and where the last ends. */
static size_t boundaries(const uint8_t *file, size_t bytes, size_t *out_at, size_t max)
{
	struct journal_key key;
	memcpy(&key, file + 24, sizeof(key));
	size_t at = JOURNAL_HEAD_BYTES, count = 0;
	for (;;) {
		uint64_t record;
		enum record_verdict verdict = record_look(&key, file + at, bytes - at, at, &record);
		assert_true(count < max);
		out_at[count++] = at;
		if (verdict != RECORD_FINE)
			return count - 1;
		at += (size_t)record;
	}
}

#define CUT_CHANGES 12u

static uint8_t *written_file(const char *folder, const char *path, size_t *bounds, size_t *out_bytes)
{
	write_changes(folder, DURABLE_PROCESS, 0, 1, CUT_CHANGES - 1);
	write_change(folder, DURABLE_PROCESS, CUT_CHANGES, 1800);
	uint8_t *file = file_take(path, out_bytes);
	assert_int_equal(boundaries(file, *out_bytes, bounds, CUT_CHANGES + 1), CUT_CHANGES);
	return file;
}

/* A file that ends anywhere holds the records before, and can be written on. */
static void test_every_cut_leaves_what_was_before(void **state)
{
	(void)state;
	char folder[256], path[300];
	size_t bounds[CUT_CHANGES + 1], bytes, from = 0;
	story_folder(folder);
	story_file(folder, path);
	uint8_t *file = written_file(folder, path, bounds, &bytes);
	for (size_t cut = bounds[CUT_CHANGES - 2]; cut <= bounds[CUT_CHANGES]; cut++) {
		while (from < CUT_CHANGES && bounds[from + 1] <= cut)
			from++;
		file_put(path, file, cut);
		expect(folder, 0, from);
		if (cut % 97)
			continue;
		write_changes(folder, levels[cut % 2], 0, from + 1, from + 2);
		expect(folder, 0, from + 2);
	}
	free(file);
	story_remove(folder);
}

/* What a crash leaves of the last record: any of its sectors, as long as one is missing. */
static void test_sectors_that_never_came_are_an_end(void **state)
{
	(void)state;
	char folder[256], path[300];
	size_t bounds[CUT_CHANGES + 1], bytes;
	story_folder(folder);
	story_file(folder, path);
	uint8_t *file = written_file(folder, path, bounds, &bytes), *torn = malloc(bytes);
	size_t begin = bounds[CUT_CHANGES - 1], end = bounds[CUT_CHANGES];
	size_t first = begin / JOURNAL_SECTOR_BYTES, last = (end - 1) / JOURNAL_SECTOR_BYTES;
	assert_true(last - first >= 3 && last - first < 6);
	for (unsigned missing = 1; missing < 1u << (last - first + 1); missing++) {
		memcpy(torn, file, bytes);
		for (size_t sector = first; sector <= last; sector++) {
			size_t from = sector * JOURNAL_SECTOR_BYTES, to = from + JOURNAL_SECTOR_BYTES;
			from = from < begin ? begin : from;
			to = to > end ? end : to;
			if (missing >> (sector - first) & 1)
				memset(torn + from, 0, to - from);
		}
		file_put(path, torn, bytes);
		expect(folder, 0, CUT_CHANGES - 1);
		write_changes(folder, DURABLE_PROCESS, 0, CUT_CHANGES, CUT_CHANGES + 1);
		expect(folder, 0, CUT_CHANGES + 1);
	}
	free(torn);
	free(file);
	story_remove(folder);
}

/* A writer that is killed while it writes: the first word is not there yet, whatever else is. */
static void test_a_record_without_its_first_word_is_an_end(void **state)
{
	(void)state;
	char folder[256], path[300];
	size_t bounds[CUT_CHANGES + 1], bytes;
	story_folder(folder);
	story_file(folder, path);
	uint8_t *file = written_file(folder, path, bounds, &bytes);
	memset(file + bounds[CUT_CHANGES - 1], 0, 8);
	for (size_t at = bounds[CUT_CHANGES]; at-- > bounds[CUT_CHANGES - 1] + 8;) {
		if (at % 7 == 0) {
			file_put(path, file, bytes);
			expect(folder, 0, CUT_CHANGES - 1);
		}
		file[at] = 0;
	}
	free(file);
	story_remove(folder);
}

/* What is written over an unfinished record is not mixed with it. */
static void test_an_unfinished_record_leaves_nothing_behind(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char folder[256], path[300];
		size_t bounds[3], bytes;
		story_folder(folder);
		story_file(folder, path);
		write_change(folder, levels[i], 1, 0);
		write_change(folder, levels[i], 2, 50000);
		uint8_t *file = file_take(path, &bytes);
		assert_int_equal(boundaries(file, bytes, bounds, 3), 2);
		memset(file + bounds[1], 0, 8);
		file_put(path, file, bytes);
		free(file);
		expect(folder, 0, 1);
		for (uint64_t number = 2; number < 6; number++) {
			write_change(folder, levels[i], number, 300);
			expect(folder, 0, number);
		}
		story_remove(folder);
	}
}

/* ---- damage ---- */

static void expect_damage(const char *folder, size_t at, const char *what)
{
	struct found found;
	char sentence[WORKSPACE_SENTENCE_BYTES], place[64];
	int rc = journal_look(folder, &found, sentence);
	if (rc != ERR_CORRUPT)
		fail_msg("%s: %d instead of damage: %s", what, rc, sentence);
	snprintf(place, sizeof(place), ": byte %zu:", at);
	if (!strstr(sentence, place))
		fail_msg("%s: '%s' does not name byte %zu", what, sentence, at);
	found_release(&found);
}

static void flip(const char *path, size_t bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
	byte ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
	close(fd);
}

static void test_every_flipped_bit_is_damage_with_its_place(void **state)
{
	(void)state;
	char folder[256], path[300];
	size_t bounds[CUT_CHANGES + 1], bytes;
	const char *stride = getenv("JOURNAL_STRIDE");
	story_folder(folder);
	story_file(folder, path);
	free(written_file(folder, path, bounds, &bytes));
	for (size_t i = 8; i < CUT_CHANGES; i++) {
		/* All of the head, and of the body what the stride meets. The eleventh has sectors of zeros, and is not the last. */
		for (size_t bit = bounds[i] * 8; bit < bounds[i + 1] * 8; bit++) {
			if (bit >= (bounds[i] + RECORD_HEAD_BYTES) * 8)
				bit += stride ? (size_t)atoi(stride) - 1 : 110;
			if (bit >= bounds[i + 1] * 8)
				break;
			flip(path, bit);
			expect_damage(folder, bounds[i], "a flipped bit");
			flip(path, bit);
		}
	}
	for (size_t bit = 0; bit < 1064 * 8; bit += bit < 32 * 8 ? 1 : 31) {
		struct found found;
		char sentence[WORKSPACE_SENTENCE_BYTES];
		flip(path, bit);
		int rc = journal_look(folder, &found, sentence);
		assert_true(rc == ERR_CORRUPT || (rc == ERR_NEWER && bit / 8 >= 16 && bit / 8 < 20));
		flip(path, bit);
		found_release(&found);
	}
	expect(folder, 0, CUT_CHANGES);
	story_remove(folder);
}

static void test_records_that_vanished_or_moved_are_damage(void **state)
{
	(void)state;
	char folder[256], path[300];
	size_t bounds[CUT_CHANGES + 1], bytes;
	story_folder(folder);
	story_file(folder, path);
	uint8_t *file = written_file(folder, path, bounds, &bytes), *other = malloc(bytes);
	for (size_t i = 0; i + 1 < CUT_CHANGES; i++) {
		memcpy(other, file, bytes);
		memset(other + bounds[i], 0, bounds[i + 1] - bounds[i]);
		file_put(path, other, bytes);
		expect_damage(folder, bounds[i], "a record of zeros");
	}
	/* A whole record at another place of the same file is none. */
	memcpy(other, file, bytes);
	memcpy(other + bounds[CUT_CHANGES], file + bounds[1], bounds[2] - bounds[1]);
	file_put(path, other, bytes);
	expect_damage(folder, bounds[CUT_CHANGES], "a record that moved");
	free(other);
	free(file);
	story_remove(folder);
}

/* Whoever commits a file that is a journal, or many of them, does not make records: an unfinished record with such content stays an end. */
static void test_content_that_looks_like_records_is_none(void **state)
{
	(void)state;
	char folder[256], path[300], again[256], again_path[300];
	size_t bounds[CUT_CHANGES + 1], bytes;
	struct found found;
	story_folder(folder);
	story_folder(again);
	story_file(folder, path);
	story_file(again, again_path);
	uint8_t *file = written_file(folder, path, bounds, &bytes);
	struct journal *journal = journal_ready(again, DURABLE_PROCESS, &found);
	struct journal_writer *writer = writer_ready(journal);
	struct journal_object object = {.type = OBJECT_BLOB, .raw = {file, (uint32_t)bounds[CUT_CHANGES]}};
	assert_int_equal(journal_append(writer, &object, 1, NULL, 0), 0);
	journal_leave(writer);
	assert_int_equal(journal_close(journal), 0);
	free(file);
	file = file_take(again_path, &bytes);
	memset(file + JOURNAL_HEAD_BYTES, 0, 8);
	file_put(again_path, file, bytes);
	expect(again, 0, 0);
	free(file);
	story_remove(folder);
	story_remove(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read),
		cmocka_unit_test(test_empty_objects_heads_and_deletions_are_read),
		cmocka_unit_test(test_objects_of_any_size_are_read),
		cmocka_unit_test(test_a_batch_larger_than_a_segment_is_several_records),
		cmocka_unit_test(test_room_that_was_left_is_used_again),
		cmocka_unit_test(test_only_one_has_it_open),
		cmocka_unit_test(test_what_is_no_journal_is_refused),
		cmocka_unit_test(test_what_the_reader_returns_comes_back),
		cmocka_unit_test(test_every_cut_leaves_what_was_before),
		cmocka_unit_test(test_sectors_that_never_came_are_an_end),
		cmocka_unit_test(test_a_record_without_its_first_word_is_an_end),
		cmocka_unit_test(test_an_unfinished_record_leaves_nothing_behind),
		cmocka_unit_test(test_every_flipped_bit_is_damage_with_its_place),
		cmocka_unit_test(test_records_that_vanished_or_moved_are_damage),
		cmocka_unit_test(test_content_that_looks_like_records_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
