/* SPDX-License-Identifier: MIT
 *
 * Exports and the program that checks them, which share no code: what goes out is verified, and an export of which one bit was turned is not.
 *
 * Three places are not covered by any proof, and flips there are counted apart: the reading aid `message`, the keys in the first line (a verifier uses
 * the key it was given), and, in a part, the line of the seal, whose key the checkpoint before announces (a signature by an unknown key is passed over).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/cli/exported.h"
#include "tests/cli/run.h"
#include "verifier/verify.h"

#define PAGE_BEGIN "<script type=\"application/x-ndjson\" id=\"export\">"

static struct public_keys keys;

/* One export in memory that has a path. */
struct file {
	char path[64];
	int fd;
	char *text;
	size_t bytes;
	size_t begin, end; /* of the lines in it */
};

static int setup(void **state)
{
	char why[512], command[1024];

	(void)state;
	world_make();
	snprintf(command, sizeof(command), "%s %s 20 >/dev/null", EXPORT_WORLD, world_path("state"));
	assert_int_equal(system(command), 0);
	assert_true(keys_of_file(world_path("state/keys/log.pub"), &keys, why));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove();
	return 0;
}

static void file_open(struct file *file, const char *options)
{
	char arguments[256];
	struct ran ran;
	const char *begin;

	snprintf(arguments, sizeof(arguments), "audit export %s", options);
	ran = run(arguments);
	assert_int_equal(ran.exit, 0);
	file->bytes = strlen(ran.out); /* a page and its lines hold no NUL */
	file->text = ran.out;
	free(ran.err);
	file->fd = memfd_create("export", MFD_CLOEXEC);
	assert_int_equal(write(file->fd, file->text, file->bytes), file->bytes);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
	begin = strstr(file->text, PAGE_BEGIN);
	file->begin = begin ? (size_t)(begin - file->text) + strlen(PAGE_BEGIN) : 0;
	file->end = begin ? (size_t)(strstr(file->text + file->begin, "</script>") - file->text) : file->bytes;
}

static void file_close(struct file *file)
{
	close(file->fd);
	free(file->text);
}

static enum verdict_code verify(const struct file *file, struct verdict *out_verdict)
{
	const struct verify_options options = {.keys = &keys};
	enum verdict_code code = verify_path(file->path, &options, out_verdict);

	verdict_release(out_verdict);
	return code;
}

/* ---- what no proof covers ---- */

enum place { PLACE_PROVED, PLACE_AID, PLACE_KEYS, PLACE_SEAL, PLACE_COUNT };

static size_t find_last(const char *text, size_t bytes, const char *word)
{
	size_t found = bytes;

	for (const char *at = text; (at = memmem(at, bytes - (size_t)(at - text), word, strlen(word))); at++)
		found = (size_t)(at - text);
	return found;
}

/* Is `at` behind the first `from` and before the last `to` of this line? */
static bool between(const char *line, size_t bytes, size_t at, const char *from, const char *to)
{
	const char *begin = memmem(line, bytes, from, strlen(from));
	size_t end = find_last(line, bytes, to);

	return begin && end < bytes && at >= (size_t)(begin - line) + strlen(from) && at < end;
}

static enum place place_of(const struct file *file, size_t at)
{
	size_t begin = at, end = at;
	const char *line;

	while (begin > file->begin && file->text[begin - 1] != '\n')
		begin--;
	while (end < file->end && file->text[end] != '\n')
		end++;
	line = file->text + begin;
	if (begin == file->begin)
		return between(line, end - begin, at - begin, "\"keys\":[", "],\"last\":") ? PLACE_KEYS : PLACE_PROVED;
	if (between(line, end - begin, at - begin, "\"message\":", ",\"message_id\":"))
		return PLACE_AID;
	if (strstr(file->text + file->begin, "\"whole\":false") && strncmp(line, "{\"checkpoint\":", 14) == 0 &&
	    at - begin >= find_last(line, end - begin, "\\n\xe2\x80\x94 ") && at - begin < find_last(line, end - begin, "\\n\","))
		return PLACE_SEAL;
	return PLACE_PROVED;
}

/* ---- turning bits ---- */

static uint32_t seed = 20260203;

static size_t chance(size_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static void assert_missed(const struct file *file, size_t at, int bit)
{
	print_error("bit %d of byte %zu was turned and nobody noticed: %.*s[%c]%.*s\n", bit, at, at < 40 ? (int)at : 40,
		    file->text + (at < 40 ? 0 : at - 40), file->text[at], 40, file->text + at + 1);
	fail();
}

static void turn_one(struct file *file, unsigned counts[PLACE_COUNT])
{
	size_t at = file->begin + chance(file->end - file->begin);
	int bit = (int)chance(8);
	char turned = (char)(file->text[at] ^ 1 << bit);
	enum place place = place_of(file, at);
	struct verdict verdict;
	enum verdict_code code;

	assert_int_equal(pwrite(file->fd, &turned, 1, (off_t)at), 1);
	code = verify(file, &verdict);
	assert_int_equal(pwrite(file->fd, file->text + at, 1, (off_t)at), 1);
	if (place == PLACE_PROVED && (code == VERDICT_VERIFIED || code == VERDICT_HOLES))
		assert_missed(file, at, bit);
	counts[place]++;
}

static unsigned turns(void)
{
	const char *set = getenv("EXPORT_FLIPS");

	return set ? (unsigned)atoi(set) : 500;
}

static void test_an_export_is_verified_and_with_one_bit_turned_it_is_not(void **state)
{
	static const char *const exports[] = {"--format jsonl", "--format html", ("--format jsonl --task " ERASED_ID),
					      "--format html --from 20 --to 30"};
	unsigned counts[PLACE_COUNT] = {0};
	enum verdict_code code;
	struct verdict verdict;
	struct file file;

	(void)state;
	for (size_t i = 0; i < sizeof(exports) / sizeof(exports[0]); i++) {
		file_open(&file, exports[i]);
		/* Sequence numbers of senders in this trail are made up, with holes. */
		code = verify(&file, &verdict);
		assert_int_equal(code, verdict.part ? VERDICT_VERIFIED : VERDICT_HOLES);
		for (unsigned turn = 0; turn < turns(); turn++)
			turn_one(&file, counts);
		file_close(&file);
	}
	print_message("%u bits turned and found; besides %u in reading aids, %u in keys, %u in seals of parts\n",
		      counts[PLACE_PROVED], counts[PLACE_AID], counts[PLACE_KEYS], counts[PLACE_SEAL]);
	assert_true(counts[PLACE_PROVED] > turns() * 2);
}

static void test_what_was_erased_or_left_out_is_counted(void **state)
{
	struct verdict verdict;
	struct file file;

	(void)state;
	file_open(&file, "--format jsonl");
	assert_int_equal(verify(&file, &verdict), VERDICT_HOLES);
	assert_int_equal(verdict.erased, 2);
	assert_int_equal(verdict.left_out, 0);
	file_close(&file);
	file_open(&file, "--format html --without-payloads");
	assert_int_equal(verify(&file, &verdict), VERDICT_HOLES);
	assert_int_equal(verdict.payloads, 0);
	assert_int_equal(verdict.erased, 2);
	file_close(&file);
	file_open(&file, "--format jsonl --from 24 --to 24");
	assert_int_equal(verify(&file, &verdict), VERDICT_VERIFIED);
	assert_int_equal(verdict.records, 2);
	file_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_export_is_verified_and_with_one_bit_turned_it_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_erased_or_left_out_is_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
