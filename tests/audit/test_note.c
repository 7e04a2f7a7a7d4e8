/* SPDX-License-Identifier: MIT
 *
 * Notes and key files: written as the document says, and nothing else is read. The golden note was made with another program's
 * Ed25519 and base64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "audit/note.h"

#define LOG_NAME  "bunshin/56475aa75463474c"
#define LOG_LINE  LOG_NAME "+14283e43+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define SEAL_KEY  "ASmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define SEAL_LINE LOG_NAME "/seal/1+b1668364+" SEAL_KEY

static const char body[] = LOG_NAME "\n"
				    "12345\n"
				    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\n"
				    "time 1800000000123\n"
				    "seal 8 ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd\n";
static const char log_line[] =
	"— " LOG_NAME " FCg+QxzKcg2ITj3G1WVZ2O5tMQJUDo0h/B7DyIqk9L4KtWiygeyGOyRnOMSNUyzSgkcONr7B5OXzd8JC35r6i62VYgM=\n";
static const char seal_line[] =
	"— " LOG_NAME "/seal/7 yPWcsPrhsfBlw4MHcUhJSUsYmrlEbt0eO4PtLYiSoeYujg1qcPEcyppsyEkmlJS3XCKRbrm9IDDWjxqDGr6sMcY2XwQ=\n";

static uint8_t secret[3][SECRET_KEY_BYTES], public_key[3][PUBLIC_KEY_BYTES]; /* log, seal, next seal */
static struct note note;
static char golden[NOTE_BYTES_MAX];

static int setup(void **state)
{
	(void)state;
	uint8_t seed[32];
	if (sodium_init() < 0)
		return -1;
	for (unsigned key = 0; key < 3; key++) {
		for (unsigned i = 0; i < 32; i++)
			seed[i] = (uint8_t)(32 * key + i);
		crypto_sign_seed_keypair(public_key[key], secret[key], seed);
	}
	note = (struct note){.number = 7, .size = 12345, .time_ms = 1800000000123, .origin = LOG_NAME};
	for (unsigned i = 0; i < 32; i++)
		note.root.bytes[i] = (uint8_t)(100 + i);
	memcpy(note.next_seal, public_key[2], PUBLIC_KEY_BYTES);
	snprintf(golden, sizeof(golden), "%s\n%s%s", body, log_line, seal_line);
	return 0;
}

static void test_a_note_is_the_one_that_another_program_writes(void **state)
{
	(void)state;
	char text[NOTE_BYTES_MAX], origin[ORIGIN_BYTES];
	note_write(&note, secret[0], secret[1], text);
	assert_string_equal(text, golden);
	note_origin(public_key[0], origin);
	assert_string_equal(origin, LOG_NAME);
}

static void test_a_note_says_what_was_written(void **state)
{
	(void)state;
	struct note found;
	char why[256];
	assert_int_equal(note_read(golden, strlen(golden), &found, why), 0);
	assert_string_equal(found.origin, note.origin);
	assert_int_equal(found.number, 7);
	assert_int_equal(found.size, 12345);
	assert_int_equal(found.time_ms, 1800000000123);
	assert_memory_equal(&found.root, &note.root, sizeof(note.root));
	assert_memory_equal(found.next_seal, public_key[2], PUBLIC_KEY_BYTES);
	assert_string_equal(why, "");
}

static void test_the_largest_numbers_fit(void **state)
{
	(void)state;
	struct note found, large = note;
	char text[NOTE_BYTES_MAX], why[256];
	large.number = INT64_MAX - 1;
	large.size = large.time_ms = INT64_MAX;
	note_write(&large, secret[0], secret[1], text);
	assert_int_equal(note_read(text, strlen(text), &found, why), 0);
	assert_int_equal(found.number, large.number);
	assert_int_equal(found.size, large.size);
}

static bool signed_by(const char *text, size_t bytes, const char *name, unsigned key)
{
	return note_check(text, bytes, name, public_key[key]) == 0;
}

static bool sound(const char *text, size_t bytes)
{
	struct note found;
	char why[256], seal[64];
	if (note_read(text, bytes, &found, why))
		return false;
	snprintf(seal, sizeof(seal), "%s/seal/%llu", found.origin, (unsigned long long)found.number);
	return signed_by(text, bytes, found.origin, 0) && signed_by(text, bytes, seal, 1);
}

static void test_a_signature_counts_for_its_name_and_its_key_only(void **state)
{
	(void)state;
	size_t bytes = strlen(golden);
	assert_true(signed_by(golden, bytes, LOG_NAME, 0));
	assert_true(signed_by(golden, bytes, LOG_NAME "/seal/7", 1));
	assert_false(signed_by(golden, bytes, LOG_NAME, 1));
	assert_false(signed_by(golden, bytes, LOG_NAME "/seal/7", 0));
	assert_false(signed_by(golden, bytes, LOG_NAME "/seal/7", 2));
	assert_false(signed_by(golden, bytes, LOG_NAME "/seal/8", 1));
	assert_false(signed_by(golden, bytes, LOG_NAME "/seal", 1));
	assert_false(signed_by("", 0, LOG_NAME, 0));
	assert_false(signed_by("\n", 1, LOG_NAME, 0));
	assert_false(signed_by(body, strlen(body), LOG_NAME, 0));
}

static void test_every_changed_bit_and_every_cut_is_refused(void **state)
{
	(void)state;
	char text[NOTE_BYTES_MAX];
	size_t bytes = strlen(golden);
	assert_true(sound(golden, bytes));
	for (size_t bit = 0; bit < bytes * 8; bit++) {
		memcpy(text, golden, bytes);
		text[bit / 8] ^= (char)(1 << bit % 8);
		if (sound(text, bytes))
			fail_msg("bit %zu may be either way", bit);
	}
	for (size_t cut = 0; cut < bytes; cut++)
		assert_false(sound(golden, cut));
}

__attribute__((format(printf, 2, 3))) static void assert_note_refused(const char *says, const char *format, ...)
{
	char text[2 * NOTE_BYTES_MAX], why[256];
	struct note found;
	va_list arguments;
	va_start(arguments, format);
	int bytes = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_int_equal(note_read(text, (size_t)bytes, &found, why), ERR_CORRUPT);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

static void test_what_means_the_same_and_is_not_the_same_is_refused(void **state)
{
	(void)state;
	static const char root[] = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=";
	static const char seal[] = "seal 8 ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd";
	static const char *const sizes[] = {
		"012345", "+12345", " 12345", "12345 ", "0", "", "-1", "9223372036854775808", "18446744073709551616",
		"1e4",    "12345\r"};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_note_refused("line 2", LOG_NAME "\n%s\n%s\ntime 1\n%s\n\n%s%s", sizes[i], root, seal, log_line, seal_line);
	static const char *const origins[] = {"bunshin/56475AA75463474C",
					      "bunshin/56475aa75463474",
					      "bunshin/56475aa75463474c0",
					      "bunshin/56475aa75463474g",
					      "Bunshin/56475aa75463474c",
					      "",
					      "bunshin/"};
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		assert_note_refused("line 1", "%s\n1\n%s\ntime 1\n%s\n\n%s%s", origins[i], root, seal, log_line, seal_line);
	static const char *const roots[] = {
		"ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM",  "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoN=",
		"ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM=", " ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=",
		"ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgg==", ""};
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		assert_note_refused("line 3", LOG_NAME "\n1\n%s\ntime 1\n%s\n\n%s%s", roots[i], seal, log_line, seal_line);
	static const char *const times[] = {"time 01", "time  1", "time", "Time 1", "1", "time 1 "};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_note_refused("line 4", LOG_NAME "\n1\n%s\n%s\n%s\n\n%s%s", root, times[i], seal, log_line, seal_line);
	static const char *const seals[] = {"seal 1 ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd",
					    "seal 08 ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd",
					    "seal 8 AiVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd",
					    "seal 8 JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=",
					    "seal 8",
					    "seal 8 ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd more"};
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++)
		assert_note_refused("line 5", LOG_NAME "\n1\n%s\ntime 1\n%s\n\n%s%s", root, seals[i], log_line, seal_line);
}

static void test_lines_that_are_too_many_too_few_or_out_of_place_are_refused(void **state)
{
	(void)state;
	static char long_line[NOTE_BYTES_MAX + 1];
	memset(long_line, 'x', NOTE_BYTES_MAX);
	assert_note_refused("line 6", "%sextension\n\n%s%s", body, log_line, seal_line);
	assert_note_refused("line 6", "%s%s%s", body, log_line, seal_line);
	assert_note_refused("line 7", "%s\n\n%s%s", body, log_line, seal_line);
	assert_note_refused("line 7", "%s\n%s%s", body, seal_line, log_line);
	assert_note_refused("line 7", "%s\n", body);
	assert_note_refused("line 7", "%s\n- %s%s", body, log_line + 4, seal_line); /* a hyphen for the dash */
	assert_note_refused("line 8", "%s\n%s", body, log_line);
	assert_note_refused("line 8", "%s\n%s%s", body, log_line, log_line);
	assert_note_refused("line 8", "%s\n%s%.*s", body, log_line, (int)strlen(seal_line) - 1, seal_line);
	assert_note_refused("goes on", "%s\n%s%s%s", body, log_line, seal_line, log_line);
	assert_note_refused("goes on", "%s\n%s%s\n", body, log_line, seal_line);
	assert_note_refused("bytes", "%s\n%s%s%s", body, log_line, seal_line, long_line);
	/* The seal must be that of this checkpoint: the one before the one that is announced. */
	char other[512];
	snprintf(other, sizeof(other), "%s", seal_line);
	*(strstr(other, "/seal/7") + 6) = '8';
	assert_note_refused("line 8", "%s\n%s%s", body, log_line, other);
}

static void test_the_notes_of_a_mirror_are_found_between_its_comments(void **state)
{
	(void)state;
	char text[8192];
	const char *at = text, *found;
	size_t bytes = (size_t)snprintf(text, sizeof(text), "# 7 1800000000123\n%s\n# 8 1800000000124\n%s\n\n%s# end", golden,
					golden, golden),
	       found_bytes;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(note_next(&at, &bytes, &found, &found_bytes));
		assert_int_equal(found_bytes, strlen(golden));
		assert_memory_equal(found, golden, found_bytes);
	}
	assert_false(note_next(&at, &bytes, &found, &found_bytes));
	/* One that breaks off is not passed over. */
	for (size_t cut = 1; cut < strlen(golden); cut++) {
		struct note read;
		char why[256];
		at = golden;
		bytes = cut;
		assert_true(note_next(&at, &bytes, &found, &found_bytes));
		assert_int_equal(found_bytes, cut);
		assert_int_equal(note_read(found, found_bytes, &read, why), ERR_CORRUPT);
	}
}

/* ---- keys ---- */

static void test_a_key_is_written_as_another_program_writes_it_and_read_back(void **state)
{
	(void)state;
	char line[KEY_LINE_BYTES], name[64], why[256];
	uint8_t found[PUBLIC_KEY_BYTES];
	key_line_write(LOG_NAME, public_key[0], line);
	assert_string_equal(line, LOG_LINE);
	key_line_write(LOG_NAME "/seal/1", public_key[1], line);
	assert_string_equal(line, SEAL_LINE);
	assert_int_equal(key_line_read(line, strlen(line), name, found, why), 0);
	assert_string_equal(name, LOG_NAME "/seal/1");
	assert_memory_equal(found, public_key[1], PUBLIC_KEY_BYTES);
}

static void test_every_changed_bit_and_every_cut_of_a_key_is_refused(void **state)
{
	(void)state;
	char line[KEY_LINE_BYTES], name[64], why[256];
	uint8_t found[PUBLIC_KEY_BYTES];
	size_t bytes = strlen(SEAL_LINE);
	for (size_t bit = 0; bit < bytes * 8; bit++) {
		memcpy(line, SEAL_LINE, bytes);
		line[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(key_line_read(line, bytes, name, found, why), ERR_CORRUPT);
		assert_true(strlen(why) > 20);
	}
	for (size_t cut = 0; cut < bytes; cut++)
		assert_int_equal(key_line_read(SEAL_LINE, cut, name, found, why), ERR_CORRUPT);
	assert_int_equal(key_line_read(SEAL_LINE " ", bytes + 1, name, found, why), ERR_CORRUPT);
}

static void assert_keys_refused(const char *text, const char *says)
{
	struct log_keys keys;
	char why[256];
	assert_int_equal(log_keys_read(text, strlen(text), &keys, why), ERR_CORRUPT);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

static void key_line(char line[KEY_LINE_BYTES], const char *name, unsigned key)
{
	key_line_write(name, public_key[key], line);
}

static void test_a_key_file_is_one_log_key_and_the_seal_keys_at_which_a_row_begins(void **state)
{
	(void)state;
	struct log_keys keys;
	char later[KEY_LINE_BYTES], text[1024], why[256];
	key_line(later, LOG_NAME "/seal/9", 2);
	snprintf(text, sizeof(text), "# a comment\n%s\n#\n%s\n%s", LOG_LINE, SEAL_LINE, later);
	assert_int_equal(log_keys_read(text, strlen(text), &keys, why), 0);
	assert_string_equal(keys.origin, LOG_NAME);
	assert_memory_equal(keys.log, public_key[0], PUBLIC_KEY_BYTES);
	assert_int_equal(keys.start_count, 2);
	assert_int_equal(keys.start[0].number, 1);
	assert_int_equal(keys.start[1].number, 9);
	assert_memory_equal(keys.start[0].key, public_key[1], PUBLIC_KEY_BYTES);
	assert_memory_equal(keys.start[1].key, public_key[2], PUBLIC_KEY_BYTES);
}

static void test_a_key_file_with_anything_else_in_it_is_refused_with_the_line(void **state)
{
	(void)state;
	char line[KEY_LINE_BYTES], text[1024];
	assert_keys_refused("", "no key");
	assert_keys_refused("# nothing\n", "no key");
	assert_keys_refused(LOG_LINE "\n", "/seal/1");
	assert_keys_refused(SEAL_LINE "\n" LOG_LINE "\n", "line 1: the first key must be the log key");
	assert_keys_refused("# one\n" LOG_LINE "\n" LOG_LINE "\n", "line 3");
	assert_keys_refused(LOG_LINE "\n\n" SEAL_LINE "\n", "line 2");
	assert_keys_refused(LOG_LINE "\n" SEAL_LINE "\n" SEAL_LINE "\n", "line 3: seal key 1 comes after seal key 1");
	key_line(line, LOG_NAME "/seal/2", 1);
	snprintf(text, sizeof(text), LOG_LINE "\n%s\n", line);
	assert_keys_refused(text, "line 2: seal key 2");
	key_line(line, "bunshin/0000000000000000/seal/2", 1);
	snprintf(text, sizeof(text), LOG_LINE "\n" SEAL_LINE "\n%s\n", line);
	assert_keys_refused(text, "no seal key of this log");
	key_line(line, LOG_NAME "/seal/02", 1);
	snprintf(text, sizeof(text), LOG_LINE "\n" SEAL_LINE "\n%s\n", line);
	assert_keys_refused(text, "no seal key of this log");
	key_line(line, "bunshin/0000000000000000", 0);
	snprintf(text, sizeof(text), "%s\n" SEAL_LINE "\n", line);
	assert_keys_refused(text, "the name " LOG_NAME);
}

static void test_no_more_seal_keys_are_taken_than_there_is_room_for(void **state)
{
	(void)state;
	static char text[(SEAL_STARTS_MAX + 2) * KEY_LINE_BYTES];
	char line[KEY_LINE_BYTES], name[64];
	int bytes = snprintf(text, sizeof(text), LOG_LINE "\n");
	for (unsigned i = 1; i <= SEAL_STARTS_MAX + 1; i++) {
		snprintf(name, sizeof(name), LOG_NAME "/seal/%u", i);
		key_line(line, name, 1);
		bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "%s\n", line);
	}
	assert_keys_refused(text, "more than 64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_note_is_the_one_that_another_program_writes),
		cmocka_unit_test(test_a_note_says_what_was_written),
		cmocka_unit_test(test_the_largest_numbers_fit),
		cmocka_unit_test(test_a_signature_counts_for_its_name_and_its_key_only),
		cmocka_unit_test(test_every_changed_bit_and_every_cut_is_refused),
		cmocka_unit_test(test_what_means_the_same_and_is_not_the_same_is_refused),
		cmocka_unit_test(test_lines_that_are_too_many_too_few_or_out_of_place_are_refused),
		cmocka_unit_test(test_the_notes_of_a_mirror_are_found_between_its_comments),
		cmocka_unit_test(test_a_key_is_written_as_another_program_writes_it_and_read_back),
		cmocka_unit_test(test_every_changed_bit_and_every_cut_of_a_key_is_refused),
		cmocka_unit_test(test_a_key_file_is_one_log_key_and_the_seal_keys_at_which_a_row_begins),
		cmocka_unit_test(test_a_key_file_with_anything_else_in_it_is_refused_with_the_line),
		cmocka_unit_test(test_no_more_seal_keys_are_taken_than_there_is_room_for),
	};
	return cmocka_run_group_tests_name("note", tests, setup, NULL);
}
