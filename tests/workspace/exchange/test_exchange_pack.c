/* SPDX-License-Identifier: MIT
 *
 * The pieces of a pack, each read back by a reader that knows only the format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"
#include "workspace/exchange/pack_delta.h"
#include "workspace/exchange/pack_entry.h"
#include "workspace/exchange/packfile.h"
#include "workspace/store/hold.h"

static uint64_t state = 1;

static unsigned chance(unsigned of)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % of;
}

/* ---- numbers ---- */

static const uint64_t numbers[] = {1,       2,       15,       16,         127,        128,        129,
				   2047,    2048,    16511,    16512,      16513,      65535,      2097151,
				   2113663, 2113664, 1u << 31, UINT32_MAX, 1ull << 32, 1ull << 40, (1ull << 62) + 12345};

static void test_sizes_are_read_back(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uint8_t text[PACK_VARINT_BYTES];
		size_t bytes = pack_head(OBJECT_BLOB, numbers[i], text), at = 0;
		uint64_t read = text[0] & 15;
		unsigned shift = 4;
		assert_true(bytes <= sizeof(text));
		assert_int_equal(text[0] >> 4 & 7, OBJECT_BLOB);
		while (text[at++] & 0x80) {
			read |= (uint64_t)(text[at] & 0x7f) << shift;
			shift += 7;
		}
		assert_true(read == numbers[i] && at == bytes);
	}
}

static void test_distances_are_read_back(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uint8_t text[PACK_VARINT_BYTES];
		size_t bytes = pack_back(numbers[i], text), at = 0;
		uint64_t read = text[0] & 0x7f;
		assert_true(bytes <= sizeof(text));
		while (text[at++] & 0x80)
			read = ((read + 1) << 7) | (text[at] & 0x7f);
		assert_true(read == numbers[i] && at == bytes);
	}
}

/* ---- bodies ---- */

static void assert_inflates(const struct buffer *body, const uint8_t *text, size_t bytes)
{
	struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
	uint8_t *out = malloc(bytes + 1);
	size_t used, got;
	assert_int_equal(libdeflate_zlib_decompress_ex(inflater, body->at, body->bytes, out, bytes + 1, &used, &got),
			 LIBDEFLATE_SUCCESS);
	assert_int_equal(used, body->bytes);
	assert_int_equal(got, bytes);
	if (bytes)
		assert_memory_equal(out, text, bytes);
	free(out);
	libdeflate_free_decompressor(inflater);
}

static void test_bodies_are_inflated_back(void **unused)
{
	static const size_t sizes[] = {0, 1, 51, 52, 1000, 65534, 65535, 65536, 131070, 131071, 300000};
	struct pack_deflater *deflater;
	(void)unused;
	assert_int_equal(pack_deflater_new(&deflater), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (unsigned kind = 0; kind < 2; kind++) {
			struct buffer body = {0};
			uint8_t *text = malloc(sizes[i] + 1);
			for (size_t j = 0; j < sizes[i]; j++)
				text[j] = (uint8_t)(kind ? chance(256) : 'a' + j / 7 % 5);
			assert_int_equal(pack_body_stored(text, sizes[i], &body), 0);
			assert_inflates(&body, text, sizes[i]);
			size_t stored = body.bytes;
			body.bytes = 0;
			assert_int_equal(pack_body(deflater, text, sizes[i], &body), 0);
			assert_inflates(&body, text, sizes[i]);
			assert_true(body.bytes <= stored);
			buffer_release(&body);
			free(text);
		}
	pack_deflater_free(deflater);
}

/* ---- deltas ---- */

static size_t read_size(const struct buffer *delta, size_t *at)
{
	size_t size = 0;
	unsigned shift = 0;
	uint8_t byte;
	do {
		byte = delta->at[(*at)++];
		size |= (size_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return size;
}

static size_t read_bytes(const struct buffer *delta, size_t *at, uint8_t which, unsigned count)
{
	size_t value = 0;
	for (unsigned i = 0; i < count; i++)
		if (which >> i & 1)
			value |= (size_t)delta->at[(*at)++] << 8 * i;
	return value;
}

static void assert_applies(const struct buffer *delta, const struct buffer *base, const struct buffer *expected)
{
	struct buffer out = {0};
	size_t at = 0;
	assert_int_equal(read_size(delta, &at), base->bytes);
	assert_int_equal(read_size(delta, &at), expected->bytes);
	while (at < delta->bytes) {
		uint8_t order = delta->at[at++];
		assert_int_not_equal(order, 0);
		if (order & 0x80) {
			size_t from = read_bytes(delta, &at, order, 4), bytes = read_bytes(delta, &at, order >> 4, 3);
			bytes = bytes ? bytes : 0x10000;
			assert_true(from + bytes <= base->bytes);
			assert_int_equal(buffer_append(&out, base->at + from, bytes), 0);
		} else {
			assert_true(at + order <= delta->bytes);
			assert_int_equal(buffer_append(&out, delta->at + at, order), 0);
			at += order;
		}
	}
	assert_int_equal(out.bytes, expected->bytes);
	if (out.bytes)
		assert_memory_equal(out.at, expected->at, out.bytes);
	buffer_release(&out);
}

static void append_random(struct buffer *text, size_t bytes, unsigned letters)
{
	while (bytes--) {
		uint8_t byte = (uint8_t)(letters < 64 ? 'a' + chance(letters) : chance(letters));
		assert_int_equal(buffer_append(text, &byte, 1), 0);
	}
}

/* Pieces of the old file in any order, with other bytes between them. */
static void edit(const struct buffer *base, struct buffer *file)
{
	for (unsigned times = chance(6); times; times--) {
		append_random(file, chance(40), 26);
		if (base->bytes) {
			size_t from = chance((unsigned)base->bytes), bytes = chance((unsigned)(base->bytes - from) + 1);
			assert_int_equal(buffer_append(file, base->at + from, bytes), 0);
		}
	}
	append_random(file, chance(3) * chance(200), 26);
}

static void test_deltas_of_files_give_the_file(void **unused)
{
	struct buffer scratch = {0};
	(void)unused;
	for (unsigned i = 0; i < 3000; i++) {
		struct buffer base = {0}, file = {0}, delta = {0};
		append_random(&base, chance(4) * chance(i % 50 ? 500 : 40000), i % 3 ? 26 : i % 2 ? 2 : 256);
		edit(&base, &file);
		assert_int_equal(pack_delta_files(base.at, base.bytes, file.at, file.bytes, &scratch, &delta), 0);
		assert_applies(&delta, &base, &file);
		buffer_release(&base);
		buffer_release(&file);
		buffer_release(&delta);
	}
	buffer_release(&scratch);
}

static void test_a_changed_line_is_a_short_delta(void **unused)
{
	struct buffer scratch = {0}, base = {0}, file = {0}, delta = {0};
	(void)unused;
	append_random(&base, 200000, 26);
	assert_int_equal(buffer_append(&file, base.at, base.bytes), 0);
	for (unsigned i = 1; i < 20; i++)
		file.at[i * 10000] = '!';
	assert_int_equal(pack_delta_files(base.at, base.bytes, file.at, file.bytes, &scratch, &delta), 0);
	assert_applies(&delta, &base, &file);
	assert_true(delta.bytes < 20 * 40);
	/* Two that have nothing in common are given up soon, and what comes is right all the same. */
	file.bytes = delta.bytes = 0;
	append_random(&file, 200000, 256);
	assert_int_equal(pack_delta_files(base.at, base.bytes, file.at, file.bytes, &scratch, &delta), 0);
	assert_applies(&delta, &base, &file);
	buffer_release(&base);
	buffer_release(&file);
	buffer_release(&delta);
	buffer_release(&scratch);
}

static void append_entry(struct buffer *tree, unsigned name, unsigned id)
{
	char text[64];
	uint8_t bytes[OID_BYTES];
	int count = snprintf(text, sizeof(text), "%s %c%u%s", name % 5 ? "100644" : "40000", 'a' + (int)(name / 10), name,
			     name % 3 ? "" : ".d");
	memset(bytes, (int)id, sizeof(bytes));
	assert_int_equal(buffer_append(tree, text, (size_t)count + 1), 0);
	assert_int_equal(buffer_append(tree, bytes, sizeof(bytes)), 0);
}

static void test_deltas_of_trees_give_the_tree(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 2000; i++) {
		struct buffer base = {0}, tree = {0}, delta = {0};
		unsigned entries = chance(60);
		for (unsigned name = 0; name < entries; name++) {
			if (chance(10))
				append_entry(&base, name, name);
			if (chance(10))
				append_entry(&tree, name, name + !chance(8) * 100);
		}
		assert_int_equal(pack_delta_trees(base.at, base.bytes, tree.at, tree.bytes, &delta), 0);
		assert_applies(&delta, &base, &tree);
		/* One folder less is one entry that is not copied. */
		if (entries > 50)
			assert_true(delta.bytes < tree.bytes);
		buffer_release(&base);
		buffer_release(&tree);
		buffer_release(&delta);
	}
}

static void test_deltas_of_ids_give_the_tree(void **unused)
{
	struct buffer base = {0}, tree = {0}, delta = {0};
	struct pack_id_change changes[40];
	(void)unused;
	for (unsigned name = 0; name < 40; name++)
		append_entry(&base, name, name);
	for (unsigned i = 0; i < 500; i++) {
		size_t count = 0, at = 0;
		tree.bytes = delta.bytes = 0;
		for (unsigned name = 0; name < 40; name++) {
			bool changed = !chance(7);
			append_entry(&tree, name, name + changed * 100);
			at = tree.bytes - OID_BYTES;
			if (changed)
				changes[count++] = (struct pack_id_change){(uint32_t)at, NULL};
		}
		for (size_t j = 0; j < count; j++)
			changes[j].id = tree.at + changes[j].at;
		assert_int_equal(pack_delta_ids(base.bytes, changes, count, &delta), 0);
		assert_applies(&delta, &base, &tree);
		assert_true(delta.bytes <= 8 + count * 32 + 4);
	}
	buffer_release(&base);
	buffer_release(&tree);
	buffer_release(&delta);
}

/* ---- the index ---- */

static int by_id(const void *left, const void *right)
{
	return memcmp(((const struct pack_place *)left)->id, ((const struct pack_place *)right)->id, OID_BYTES);
}

/* git show-index prints what stands in it: offset, id and CRC. */
static void assert_shown(struct yard *yard, const struct pack_place *places, size_t count)
{
	char *text = NULL;
	size_t bytes;
	FILE *expected = open_memstream(&text, &bytes);
	for (size_t i = 0; i < count; i++) {
		char hex[OID_HEX_BYTES];
		oid_print(places[i].id, hex);
		fprintf(expected, "%llu %s (%08x)\n", (unsigned long long)places[i].offset, hex, places[i].crc);
	}
	fclose(expected);
	char *shown = yard_run(yard, "git show-index --object-format=sha1 <index");
	assert_string_equal(shown, text);
	free(shown);
	free(text);
}

static void test_the_index_says_where_everything_is_beyond_4_gib_too(void **unused)
{
	static const size_t counts[] = {0, 1, 2, 700, 5000};
	struct oid *ids = calloc(5000, sizeof(*ids));
	struct pack_place *places = calloc(5000, sizeof(*places));
	uint8_t sum[OID_BYTES] = {7};
	struct yard yard;
	(void)unused;
	yard_open(&yard);
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		struct buffer index = {0};
		for (size_t i = 0; i < counts[c]; i++) {
			uint64_t offset = i % 3 ? i * 100 : (UINT64_C(1) << 31) - 2 + i * 1000000007;
			for (unsigned j = 0; j < OID_BYTES; j++)
				ids[i].bytes[j] = (uint8_t)chance(c == 3 && j < 18 ? 2 : 256);
			ids[i].bytes[18] = (uint8_t)(i >> 8);
			ids[i].bytes[19] = (uint8_t)i;
			places[i] = (struct pack_place){&ids[i], offset, chance(UINT32_MAX)};
		}
		assert_int_equal(pack_index(places, counts[c], sum, &index), 0);
		yard_write(&yard, "index", index.at, index.bytes);
		qsort(places, counts[c], sizeof(*places), by_id);
		assert_shown(&yard, places, counts[c]);
		buffer_release(&index);
	}
	free(places);
	free(ids);
	yard_close(&yard);
}

/* ---- the whole ---- */

static int keep(void *context, const void *at, size_t bytes)
{
	return buffer_append(context, at, bytes);
}

/* A disk on which everybody has to wait, so that those who encode get as far ahead as they may. */
static int keep_slowly(void *context, const void *at, size_t bytes)
{
	volatile uint32_t work = 0;
	for (unsigned i = 0; i < 200; i++)
		work = libdeflate_crc32(work, at, bytes);
	return keep(context, at, bytes);
}

static int refuse(void *context, const void *at, size_t bytes)
{
	(void)at;
	unsigned *left = context;
	return bytes > *left ? ERR_IO : (*left -= (unsigned)bytes, 0);
}

static int want_ref(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)ref;
	(void)version;
	return reach_want(context, &object, 1);
}

static void test_any_number_of_threads_writes_the_same_pack(void **unused)
{
	struct buffer packs[3] = {{0}};
	struct reach reach = {0};
	struct reach_record *records;
	size_t count;
	struct yard yard;
	(void)unused;
	yard_open(&yard);
	yard_history(&yard, "source", 41, 300);
	yard_import(&yard, "source");
	for (unsigned i = 0; i < 60; i++) { /* a batch each */
		char path[16], *text = calloc(1, 260001);
		snprintf(path, sizeof(path), "large%u", i);
		memset(text, 'a' + (int)i % 26, 260000);
		text[i] = '\n';
		yard_commit(&yard, "refs/heads/large", path, text);
		free(text);
	}
	bool held = hold_begin(yard.agent);
	assert_int_equal(workspace_refs_each(yard.agent, "", want_ref, &reach), 0);
	assert_int_equal(reach_records(&reach, &records, &count), 0);
	assert_true(count > 1100); /* so many that threads are worth it */
	for (unsigned i = 0; i < 3; i++) {
		struct packfile_options options = {.threads = i == 0 ? 1 : i * 4, .check = i == 1};
		struct packfile_sink sink = {&packs[i], i ? keep_slowly : keep};
		struct packfile_result result;
		assert_int_equal(packfile_write(records, count, &options, &sink, &result), 0);
		assert_int_equal(result.bytes, packs[i].bytes);
		free(result.places);
		assert_int_equal(packs[i].bytes, packs[0].bytes);
		assert_memory_equal(packs[i].at, packs[0].at, packs[0].bytes);
	}
	/* A sink that fails ends it, wherever that is. */
	for (unsigned room = 0; room < packs[0].bytes; room += 20011) {
		unsigned left = room;
		struct packfile_options options = {.threads = 3};
		struct packfile_sink sink = {&left, refuse};
		struct packfile_result result;
		assert_int_equal(packfile_write(records, count, &options, &sink, &result), ERR_IO);
		assert_null(result.places);
	}
	hold_end(yard.agent, held);
	for (unsigned i = 0; i < 3; i++)
		buffer_release(&packs[i]);
	free(records);
	reach_release(&reach);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_read_back),
		cmocka_unit_test(test_distances_are_read_back),
		cmocka_unit_test(test_bodies_are_inflated_back),
		cmocka_unit_test(test_deltas_of_files_give_the_file),
		cmocka_unit_test(test_a_changed_line_is_a_short_delta),
		cmocka_unit_test(test_deltas_of_trees_give_the_tree),
		cmocka_unit_test(test_deltas_of_ids_give_the_tree),
		cmocka_unit_test(test_the_index_says_where_everything_is_beyond_4_gib_too),
		cmocka_unit_test(test_any_number_of_threads_writes_the_same_pack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
