/* SPDX-License-Identifier: MIT
 *
 * SHA-1 against the examples of FIPS 180, libcrypto's EVP and `git hash-object`, by each of the two ways to compute it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* its context can be told that a message has been long already */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/sha1.h"
#include "workspace/sha1_engine.h"

#define LENGTHS 1001u
#define LARGE   ((1u << 20) + 13)

static uint8_t noise[LARGE];

/* Does it by the processor, by libcrypto, and checked by both; skips the processor if it cannot. */
static void each_way(void (*attempt)(bool checked))
{
	for (unsigned i = 0; i < 4; i++) {
		if (!sha1_choose(i % 2 ? SHA1_PROCESSOR : SHA1_LIBRARY))
			continue;
		attempt(i >= 2);
	}
	assert_true(sha1_choose(SHA1_BEST));
}

static void hash_pieces(bool checked, const struct sha1_span *spans, size_t count, uint8_t *out)
{
	if (checked)
		assert_false(sha1_attacked(spans, count, out));
	else
		sha1_of(spans, count, out);
}

static void assert_hash(const uint8_t *hash, const char *hex)
{
	char text[2 * SHA1_BYTES + 1];
	for (unsigned i = 0; i < SHA1_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(text, hex);
}

static void published(bool checked)
{
	static const struct {
		const char *text, *hex;
	} examples[] = {
		{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
		 "u",
		 "a49b2446a02c645bf419f995b67091253a04a259"},
	};
	uint8_t hash[SHA1_BYTES];
	for (unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		hash_pieces(checked, &(struct sha1_span){examples[i].text, strlen(examples[i].text)}, 1, hash);
		assert_hash(hash, examples[i].hex);
	}
	struct sha1 million;
	checked ? sha1_init_checked(&million) : sha1_init(&million);
	for (unsigned i = 0; i < 100000; i++)
		sha1_update(&million, "aaaaaaaaaa", 10);
	sha1_final(&million, hash);
	assert_hash(hash, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void test_the_published_examples(void **state)
{
	(void)state;
	each_way(published);
}

static void library_says(const uint8_t *data, size_t bytes, uint8_t *out)
{
	assert_true(EVP_Digest(data, bytes, out, NULL, EVP_sha1(), NULL));
}

static void all_lengths(bool checked)
{
	uint8_t ours[SHA1_BYTES], theirs[SHA1_BYTES];
	for (size_t bytes = 0; bytes < LENGTHS; bytes++) {
		/* An own allocation, so that a byte read too many is noticed; at changing alignments. */
		uint8_t *data = malloc(bytes + bytes % 7);
		assert_true(data || !bytes);
		if (bytes)
			memcpy(data + bytes % 7, noise + bytes, bytes);
		library_says(data ? data + bytes % 7 : noise, bytes, theirs);
		hash_pieces(checked, &(struct sha1_span){data ? data + bytes % 7 : NULL, bytes}, 1, ours);
		assert_memory_equal(ours, theirs, SHA1_BYTES);
		free(data);
	}
	library_says(noise, LARGE, theirs);
	hash_pieces(checked, &(struct sha1_span){noise, LARGE}, 1, ours);
	assert_memory_equal(ours, theirs, SHA1_BYTES);
}

static void test_every_length_up_to_a_thousand_and_a_large_one_as_libcrypto(void **state)
{
	(void)state;
	each_way(all_lengths);
}

static void in_pieces(bool checked)
{
	uint8_t ours[SHA1_BYTES], copied[SHA1_BYTES], theirs[SHA1_BYTES];
	for (unsigned round = 0; round < 500; round++) {
		struct sha1_span spans[6];
		size_t total = 0;
		struct sha1 hash, copy;
		checked ? sha1_init_checked(&hash) : sha1_init(&hash);
		for (unsigned i = 0; i < 6; i++) {
			size_t bytes = random() % 4 ? (size_t)random() % 150 : 0;
			spans[i] = (struct sha1_span){bytes || random() % 2 ? noise + total : NULL, bytes};
			sha1_update(&hash, spans[i].data, bytes);
			total += bytes;
			if (i == 3)
				copy = hash;
		}
		library_says(noise, total, theirs);
		sha1_final(&hash, ours);
		assert_memory_equal(ours, theirs, SHA1_BYTES);
		for (unsigned i = 4; i < 6; i++)
			sha1_update(&copy, spans[i].data, spans[i].bytes);
		sha1_final(&copy, copied);
		assert_memory_equal(copied, theirs, SHA1_BYTES);
		hash_pieces(checked, spans, 6, ours);
		assert_memory_equal(ours, theirs, SHA1_BYTES);
		assert_false(hash.attacked);
	}
}

static void test_pieces_give_what_the_whole_gives(void **state)
{
	(void)state;
	each_way(in_pieces);
}

/* The words of a block and the new chaining value do not depend on who computes them. */
static void test_both_ways_expand_a_block_alike(void **state)
{
	(void)state;
	const struct sha1_engine *processor = sha1_processor(), *library = sha1_library();
	if (!processor)
		skip();
	for (unsigned round = 0; round < 1000; round++) {
		uint32_t chains[3][5], words[2][SHA1_STEPS];
		memcpy(chains[0], noise + 3 * round, sizeof(chains[0]));
		memcpy(chains[1], chains[0], sizeof(chains[0]));
		memcpy(chains[2], chains[0], sizeof(chains[0]));
		processor->expand(chains[0], noise + 5 * round, words[0]);
		library->expand(chains[1], noise + 5 * round, words[1]);
		processor->blocks(chains[2], noise + 5 * round, 1);
		assert_memory_equal(words[0], words[1], sizeof(words[0]));
		assert_memory_equal(chains[0], chains[1], sizeof(chains[0]));
		assert_memory_equal(chains[0], chains[2], sizeof(chains[0]));
	}
}

#if defined(__x86_64__)
static void fill_upper_half(void)
{
	__asm__ volatile("vcmptrueps %%ymm15, %%ymm15, %%ymm15" ::: "xmm15");
}

static void read_upper_half(uint8_t out[16])
{
	__asm__ volatile("vextractf128 $1, %%ymm15, %0" : "=m"(*(uint8_t(*)[16])out));
}

static bool forgotten(void)
{
	static const uint8_t zeros[16];
	uint8_t upper[16];
	read_upper_half(upper);
	return !memcmp(upper, zeros, sizeof(upper));
}

static void test_upper_halves_of_wide_registers_are_cleared_before_the_loop(void **state)
{
	(void)state;
	const struct sha1_engine *processor = sha1_processor();
	uint32_t chain[5] = {0}, words[SHA1_STEPS];
	if (!processor || !__builtin_cpu_supports("avx"))
		skip();
	fill_upper_half();
	assert_false(forgotten());
	fill_upper_half();
	processor->blocks(chain, noise, 2);
	assert_true(forgotten());
	fill_upper_half();
	processor->expand(chain, noise, words);
	assert_true(forgotten());
}
#else
static void test_upper_halves_of_wide_registers_are_cleared_before_the_loop(void **state)
{
	(void)state;
	skip();
}
#endif

/* The length at the end has 64 bits. Nobody hashes exabytes in a test: both are told that so much has been hashed. */
static void test_a_length_beyond_32_bits_is_written_whole(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {1ull << 29, (1ull << 32) - 64, 1ull << 32, 0x0123456789abcdc0, 0x1fffffffffffffc0};
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t ours[SHA1_BYTES], theirs[SHA1_BYTES];
		struct sha1 hash;
		SHA_CTX context;
		sha1_init(&hash);
		hash.bytes = lengths[i];
		sha1_update(&hash, noise, 100);
		sha1_final(&hash, ours);
		SHA1_Init(&context);
		context.Nl = (SHA_LONG)(lengths[i] << 3);
		context.Nh = (SHA_LONG)(lengths[i] >> 29);
		SHA1_Update(&context, noise, 100);
		SHA1_Final(theirs, &context);
		assert_memory_equal(ours, theirs, SHA1_BYTES);
	}
}

/* The kernel's opinion: the word sha_ni among the flags. */
static bool kernel_lists_sha(void)
{
	char line[8192];
	bool found = false;
	FILE *info = fopen("/proc/cpuinfo", "r");
	while (info && !found && fgets(line, sizeof(line), info))
		found = !strncmp(line, "flags", 5) && strstr(line, " sha_ni") && strstr(line, " sse4_1");
	if (info)
		fclose(info);
	return found;
}

static void test_the_processor_is_used_exactly_where_it_can(void **state)
{
	(void)state;
	assert_int_equal(sha1_processor() != NULL, kernel_lists_sha());
}

static void test_a_choice_holds_until_the_next(void **state)
{
	(void)state;
	struct sha1 hash;
	assert_true(sha1_choose(SHA1_LIBRARY));
	sha1_init(&hash);
	assert_ptr_equal(hash.engine, sha1_library());
	bool can = sha1_choose(SHA1_PROCESSOR);
	assert_int_equal(can, sha1_processor() != NULL);
	sha1_init(&hash);
	assert_ptr_equal(hash.engine, can ? sha1_processor() : sha1_library());
	assert_true(sha1_choose(SHA1_BEST));
	sha1_init_checked(&hash);
	assert_ptr_equal(hash.engine, can ? sha1_processor() : sha1_library());
}

static void *hash_much(void *out)
{
	return sha1_attacked(&(struct sha1_span){noise, 20000}, 1, out) ? noise : NULL;
}

static void test_threads_that_come_first_at_once(void **state)
{
	(void)state;
	pthread_t threads[8];
	uint8_t hashes[8][SHA1_BYTES], theirs[SHA1_BYTES];
	library_says(noise, 20000, theirs);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_much, hashes[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		void *accused;
		assert_int_equal(pthread_join(threads[i], &accused), 0);
		assert_null(accused);
		assert_memory_equal(hashes[i], theirs, SHA1_BYTES);
	}
}

static char folder[64];

static size_t length_of(unsigned file)
{
	return file < LENGTHS ? file : file == LENGTHS ? LARGE : 3 * 65536 + 1;
}

static void write_file(unsigned file, FILE *list)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/%u", folder, file);
	FILE *out = fopen(path, "wb");
	assert_non_null(out);
	size_t bytes = length_of(file);
	assert_int_equal(fwrite(noise + file % 100, 1, bytes - (bytes == LARGE ? file % 100 : 0), out),
			 bytes - (bytes == LARGE ? file % 100 : 0));
	assert_int_equal(fclose(out), 0);
	fprintf(list, "%s\n", path);
}

static void remove_files(unsigned files)
{
	char path[96];
	for (unsigned i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "%s/%u", folder, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/list", folder);
	unlink(path);
	rmdir(folder);
}

static void assert_git_name(unsigned file, const char *line)
{
	char header[32];
	size_t bytes = length_of(file) - (length_of(file) == LARGE ? file % 100 : 0);
	size_t header_bytes = (size_t)snprintf(header, sizeof(header), "blob %zu", bytes) + 1;
	struct sha1_span spans[] = {{header, header_bytes}, {noise + file % 100, bytes}};
	uint8_t hash[SHA1_BYTES];
	sha1_of(spans, 2, hash);
	assert_hash(hash, line);
	assert_false(sha1_attacked(spans, 2, hash));
	assert_hash(hash, line);
}

static void test_names_are_those_that_git_gives(void **state)
{
	(void)state;
	char path[96], command[256], line[64];
	snprintf(folder, sizeof(folder), "/tmp/bunshin-sha1-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/list", folder);
	FILE *list = fopen(path, "w");
	assert_non_null(list);
	for (unsigned i = 0; i < LENGTHS + 2; i++)
		write_file(i, list);
	assert_int_equal(fclose(list), 0);
	snprintf(command, sizeof(command), "git hash-object --no-filters --stdin-paths < %s", path);
	FILE *git = popen(command, "r");
	assert_non_null(git);
	for (unsigned i = 0; i < LENGTHS + 2; i++) {
		assert_non_null(fgets(line, sizeof(line), git));
		line[strcspn(line, "\n")] = '\0';
		assert_git_name(i, line);
	}
	assert_int_equal(pclose(git), 0);
	remove_files(LENGTHS + 2);
}

int main(void)
{
	srandom(20);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_that_come_first_at_once), /* first */
		cmocka_unit_test(test_the_published_examples),
		cmocka_unit_test(test_every_length_up_to_a_thousand_and_a_large_one_as_libcrypto),
		cmocka_unit_test(test_pieces_give_what_the_whole_gives),
		cmocka_unit_test(test_both_ways_expand_a_block_alike),
		cmocka_unit_test(test_upper_halves_of_wide_registers_are_cleared_before_the_loop),
		cmocka_unit_test(test_a_length_beyond_32_bits_is_written_whole),
		cmocka_unit_test(test_the_processor_is_used_exactly_where_it_can),
		cmocka_unit_test(test_a_choice_holds_until_the_next),
		cmocka_unit_test(test_names_are_those_that_git_gives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
