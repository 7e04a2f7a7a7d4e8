/* SPDX-License-Identifier: MIT
 *
 * The keys that sign checkpoints: whatever a crash leaves of the two slots, with or without the checkpoint in the trail, the right
 * key comes out or a clear refusal; and an older copy of a trail is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "audit/files.h"
#include "audit/seal.h"
#include "audit/seal_file.h"

#define FILE_BYTES (SLOTS * SLOT_BYTES)

static char folder[64];
static const char *const names[] = {LOG_SECRET_FILE, LOG_PUBLIC_FILE, SEAL_FILE};

/* ---- the folder ---- */

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void keys_remove(void)
{
	static const char *const more[] = {"." LOG_SECRET_FILE ".new", "." LOG_PUBLIC_FILE ".new", "." SEAL_FILE ".new"};
	for (unsigned i = 0; i < 3; i++) {
		unlink(path_of(names[i]));
		unlink(path_of(more[i]));
	}
}

static int setup(void **state)
{
	(void)state;
	const char *temporary = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/bunshin-seal-XXXXXX", temporary && strlen(temporary) < 40 ? temporary : "/tmp");
	file_calls = &file_calls_system;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	file_calls = &file_calls_system;
	keys_remove();
	return rmdir(folder);
}

static size_t file_get(const char *name, uint8_t *room, size_t bytes)
{
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t count = read(fd, room, bytes);
	assert_true(count >= 0);
	close(fd);
	return (size_t)count;
}

static void file_set(const char *name, const uint8_t *bytes, size_t count)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), count);
	close(fd);
}

/* ---- sealing ---- */

static struct sealer *open_sealer(const struct sealed *last)
{
	char why[256];
	struct sealer *sealer = NULL;
	int rc = sealer_open(folder, last, &sealer, why);
	if (rc)
		fail_msg("%s: %s", error_name(rc), why);
	assert_string_equal(why, "");
	return sealer;
}

static void assert_refused(const struct sealed *last, int error, const char *says)
{
	char why[256];
	struct sealer *sealer = NULL;
	int rc = sealer_open(folder, last, &sealer, why);
	if (rc != error)
		fail_msg("expected %s, not %s: %s", error_name(error), rc ? error_name(rc) : "an open sealer", why);
	assert_null(sealer);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

/* The key that the next checkpoint must be sealed by. */
static const uint8_t *expected_key(const struct log_keys *keys, const struct sealed *last)
{
	for (uint32_t i = 0; i < keys->start_count; i++)
		if (keys->start[i].number == last->number + 1)
			return keys->start[i].key;
	return last->next_seal;
}

/* Signs the next checkpoint, and holds it against what everybody knows. */
static struct sealed sign(struct sealer *sealer, const struct sealed *last)
{
	char text[NOTE_BYTES_MAX], why[256], name[64];
	struct note note;
	struct hash root = {{(uint8_t)last->number, 5}};
	const struct log_keys *keys = sealer_keys(sealer);
	sealer_sign(sealer, last->size + 100, &root, 1800000000000, text);
	assert_int_equal(note_read(text, strlen(text), &note, why), 0);
	assert_int_equal(note.number, last->number + 1);
	assert_int_equal(note.size, last->size + 100);
	assert_int_equal(note_check(text, strlen(text), keys->origin, keys->log), 0);
	snprintf(name, sizeof(name), "%s/seal/%llu", keys->origin, (unsigned long long)note.number);
	assert_int_equal(note_check(text, strlen(text), name, expected_key(keys, last)), 0);
	struct sealed next = {.number = note.number, .size = note.size, .root = root};
	memcpy(next.next_seal, note.next_seal, sizeof(next.next_seal));
	return next;
}

static void seal_some(struct sealer *sealer, struct sealed *last, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		*last = sign(sealer, last);
		assert_int_equal(sealer_committed(sealer), 0);
	}
}

/* Opens, seals one more as a proof that it is the right key, and closes; `*last` moves on. */
static void assert_goes_on(struct sealed *last)
{
	struct sealer *sealer = open_sealer(last);
	seal_some(sealer, last, 1);
	sealer_close(sealer);
}

/* ---- what is made ---- */

static void test_keys_are_made_once_with_the_right_modes(void **state)
{
	(void)state;
	static const mode_t modes[] = {0600, 0644, 0600};
	uint8_t before[3][FILE_BYTES], after[FILE_BYTES];
	size_t bytes[3];
	struct sealed last = {0};
	struct stat status;
	mode_t mask = umask(0077);
	sealer_close(open_sealer(&last));
	umask(mask);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(stat(path_of(names[i]), &status), 0);
		assert_int_equal(status.st_mode & 0777, modes[i]);
		bytes[i] = file_get(names[i], before[i], FILE_BYTES);
	}
	assert_int_equal(bytes[2], FILE_BYTES);
	sealer_close(open_sealer(&last));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(file_get(names[i], after, FILE_BYTES), bytes[i]);
		assert_memory_equal(after, before[i], bytes[i]);
	}
	sealer_close(NULL);
}

static void test_the_public_file_is_what_a_verifier_reads(void **state)
{
	(void)state;
	uint8_t text[4096];
	char why[256];
	struct log_keys keys;
	struct sealed last = {0};
	struct sealer *sealer = open_sealer(&last);
	size_t bytes = file_get(LOG_PUBLIC_FILE, text, sizeof(text));
	assert_int_equal(log_keys_read((char *)text, bytes, &keys, why), 0);
	assert_string_equal(keys.origin, sealer_keys(sealer)->origin);
	assert_memory_equal(keys.log, sealer_keys(sealer)->log, sizeof(keys.log));
	assert_int_equal(keys.start_count, 1);
	sealer_close(sealer);
}

static void test_keys_are_made_where_nothing_may_be_locked_in_memory(void **state)
{
	(void)state;
	struct rlimit before, none;
	struct sealed last = {0};
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	assert_goes_on(&last);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

static void test_a_folder_that_is_not_there_is_named(void **state)
{
	(void)state;
	char why[256];
	struct sealed last = {0};
	struct sealer *sealer;
	assert_int_equal(sealer_open("/nowhere/at/all", &last, &sealer, why), ERR_IO);
	assert_non_null(strstr(why, "/nowhere/at/all"));
}

static void test_each_checkpoint_has_a_key_of_its_own_and_the_used_one_is_gone(void **state)
{
	(void)state;
	uint8_t file[FILE_BYTES];
	struct seal_slot before, slot;
	struct sealed last = {0};
	struct sealer *sealer = open_sealer(&last);
	for (unsigned i = 0; i < 9; i++) {
		unsigned whole = 0;
		assert_int_equal(file_get(SEAL_FILE, file, FILE_BYTES), FILE_BYTES);
		seal_slot_read(file + i % 2 * SLOT_BYTES, &before);
		assert_true(before.whole);
		assert_int_equal(before.number, i + 1);
		seal_some(sealer, &last, 1);
		assert_int_equal(file_get(SEAL_FILE, file, FILE_BYTES), FILE_BYTES);
		assert_null(memmem(file, FILE_BYTES, before.seed, SEED_BYTES));
		for (unsigned at = 0; at < SLOTS; at++) {
			seal_slot_read(file + at * SLOT_BYTES, &slot);
			whole += slot.whole;
			assert_true(slot.whole || sodium_is_zero(file + at * SLOT_BYTES, SLOT_BYTES));
		}
		assert_int_equal(whole, 1);
	}
	sealer_close(sealer);
	assert_goes_on(&last);
}

static void test_until_a_checkpoint_is_durable_the_same_key_signs_again(void **state)
{
	(void)state;
	struct sealed last = {0}, once, twice;
	struct sealer *sealer = open_sealer(&last);
	seal_some(sealer, &last, 2);
	once = sign(sealer, &last);
	twice = sign(sealer, &last);
	assert_memory_equal(once.next_seal, twice.next_seal, sizeof(once.next_seal));
	sealer_close(sealer); /* never committed, and so forgotten */
	assert_goes_on(&last);
}

/* ---- every state that a crash can leave ---- */

/* One rotation, from checkpoint N to N + 1: what stands in each slot before and after. */
struct rotation {
	struct sealed without; /* the trail without checkpoint N */
	struct sealed with;    /* and with it */
	unsigned old_index;
	uint8_t old[SLOT_BYTES];
	uint8_t new[SLOT_BYTES];
};

static void rotation_make(struct rotation *rotation, unsigned before)
{
	uint8_t file[FILE_BYTES];
	keys_remove();
	rotation->without = (struct sealed){0};
	struct sealer *sealer = open_sealer(&rotation->without);
	seal_some(sealer, &rotation->without, before);
	rotation->old_index = before % 2;
	assert_int_equal(file_get(SEAL_FILE, file, FILE_BYTES), FILE_BYTES);
	memcpy(rotation->old, file + rotation->old_index * SLOT_BYTES, SLOT_BYTES);
	rotation->with = rotation->without;
	seal_some(sealer, &rotation->with, 1);
	assert_int_equal(file_get(SEAL_FILE, file, FILE_BYTES), FILE_BYTES);
	memcpy(rotation->new, file + (1 - rotation->old_index) * SLOT_BYTES, SLOT_BYTES);
	sealer_close(sealer);
}

enum part { PART_OLD, PART_NEW, PART_TORN, PART_ZERO };

/* A slot torn at a byte: the one that was to be wiped, or the one that was to be written. */
static void part_set(const struct rotation *rotation, unsigned index, enum part part, size_t cut, bool from_end, uint8_t *out)
{
	static const uint8_t zeros[SLOT_BYTES];
	const uint8_t *before = index == rotation->old_index ? rotation->old : zeros;
	const uint8_t *after = index == rotation->old_index ? zeros : rotation->new;
	switch (part) {
	case PART_OLD:
		memcpy(out, rotation->old, SLOT_BYTES);
		break;
	case PART_NEW:
		memcpy(out, rotation->new, SLOT_BYTES);
		break;
	case PART_ZERO:
		memset(out, 0, SLOT_BYTES);
		break;
	case PART_TORN:
		memcpy(out, from_end ? before : after, cut);
		memcpy(out + cut, from_end ? after + cut : before + cut, SLOT_BYTES - cut);
		break;
	}
}

/* A tear at a place where both sides are the same is none: then the slot is what it looks like. */
static enum part part_is(const struct rotation *rotation, const uint8_t *slot)
{
	if (memcmp(slot, rotation->old, SLOT_BYTES) == 0)
		return PART_OLD;
	if (memcmp(slot, rotation->new, SLOT_BYTES) == 0)
		return PART_NEW;
	return PART_TORN;
}

static void assert_state(const struct rotation *rotation, const uint8_t *file, bool with)
{
	struct sealed last = with ? rotation->with : rotation->without;
	enum part parts[2] = {part_is(rotation, file), part_is(rotation, file + SLOT_BYTES)};
	unsigned olds = (parts[0] == PART_OLD) + (parts[1] == PART_OLD), news = (parts[0] == PART_NEW) + (parts[1] == PART_NEW);
	uint8_t after[FILE_BYTES];
	char sizes[64];
	file_set(SEAL_FILE, file, FILE_BYTES);
	snprintf(sizes, sizeof(sizes), "over %llu records", (unsigned long long)rotation->with.size);
	if (olds + news == 0) {
		assert_refused(&last, ERR_CORRUPT, "no whole key");
	} else if (olds > 1 || news > 1) {
		assert_refused(&last, ERR_CORRUPT, "do not follow");
	} else if (news && !with) {
		assert_refused(&last, ERR_STATE, "older copy (a rollback)");
		assert_refused(&last, ERR_STATE, sizes);
		snprintf(sizes, sizeof(sizes), "over %llu records", (unsigned long long)rotation->without.size);
		assert_refused(&last, ERR_STATE, sizes);
	} else {
		struct seal_slot used;
		sealer_close(open_sealer(&last)); /* a second start finds the same */
		assert_int_equal(file_get(SEAL_FILE, after, FILE_BYTES), FILE_BYTES);
		seal_slot_read(rotation->old, &used);
		if (with)
			assert_null(memmem(after, FILE_BYTES, used.seed, SEED_BYTES));
		assert_goes_on(&last);
	}
}

static void test_every_pair_of_slots_gives_the_right_key_or_a_clear_refusal(void **state)
{
	(void)state;
	static struct rotation rotation;
	uint8_t file[FILE_BYTES];
	unsigned states = 0;
	for (unsigned before = 0; before < 4; before++) {
		rotation_make(&rotation, before);
		for (unsigned first = 0; first < 4; first++)
			for (unsigned second = 0; second < 4; second++)
				for (unsigned with = 0; with < 2; with++, states++) {
					part_set(&rotation, 0, first, 90, false, file);
					part_set(&rotation, 1, second, 90, false, file + SLOT_BYTES);
					assert_state(&rotation, file, with);
				}
	}
	assert_int_equal(states, 4 * 32);
}

/* The bytes that matter are the first 192; a tear behind them tears nothing. */
static void test_a_slot_torn_at_any_byte_is_none(void **state)
{
	(void)state;
	static struct rotation rotation;
	uint8_t file[FILE_BYTES];
	unsigned states = 0;
	rotation_make(&rotation, 2);
	for (size_t cut = 0; cut <= 200; cut++)
		for (unsigned from_end = 0; from_end < 2; from_end++)
			for (unsigned torn = 0; torn < 3; torn++)
				for (unsigned with = 0; with < 2; with++, states++) {
					bool old_torn = torn != 1, new_torn = torn != 0;
					unsigned other = 1 - rotation.old_index;
					part_set(&rotation, rotation.old_index, old_torn ? PART_TORN : PART_OLD, cut, from_end,
						 file + rotation.old_index * SLOT_BYTES);
					part_set(&rotation, other, new_torn ? PART_TORN : PART_NEW, cut, from_end,
						 file + other * SLOT_BYTES);
					assert_state(&rotation, file, with);
				}
	print_message("%u torn states\n", states);
}

static void test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(void **state)
{
	(void)state;
	static struct rotation rotation;
	rotation_make(&rotation, 2);
	file_set(SEAL_FILE, rotation.old, 192);
	struct sealed last = rotation.without;
	assert_goes_on(&last);
	file_set(SEAL_FILE, rotation.old, 191);
	assert_refused(&rotation.without, ERR_CORRUPT, "no whole key");
	file_set(SEAL_FILE, rotation.old, 0);
	assert_refused(&rotation.without, ERR_CORRUPT, "no whole key");
}

/* What the calls on seal.key were, in order: 'w' and 'W' a write of the first and of the second slot, 's' a sync. */
static char calls_seen[64];

static ssize_t seen_pwrite(int fd, const void *at, size_t bytes, off_t offset)
{
	strncat(calls_seen, offset ? "W" : "w", sizeof(calls_seen) - strlen(calls_seen) - 1);
	return file_calls_system.pwrite(fd, at, bytes, offset);
}

static int seen_fsync(int fd)
{
	strncat(calls_seen, "s", sizeof(calls_seen) - strlen(calls_seen) - 1);
	return file_calls_system.fsync(fd);
}

/* When the sync of the newer slot failed, what is read of it may be in the page cache alone. */
static void test_a_newer_slot_is_written_and_synced_again_before_the_older_one_is_wiped(void **state)
{
	(void)state;
	static struct rotation rotation;
	struct file_calls calls = file_calls_system;
	uint8_t file[FILE_BYTES];
	calls.pwrite = seen_pwrite;
	calls.fsync = seen_fsync;
	for (unsigned before = 1; before < 3; before++) {
		rotation_make(&rotation, before);
		part_set(&rotation, rotation.old_index, PART_OLD, 0, false, file + rotation.old_index * SLOT_BYTES);
		part_set(&rotation, 1 - rotation.old_index, PART_NEW, 0, false, file + (1 - rotation.old_index) * SLOT_BYTES);
		file_set(SEAL_FILE, file, FILE_BYTES);
		calls_seen[0] = 0;
		file_calls = &calls;
		sealer_close(open_sealer(&rotation.with));
		file_calls = &file_calls_system;
		assert_string_equal(calls_seen, rotation.old_index ? "wsWs" : "Wsws");
	}
}

/* ---- older copies ---- */

#define HISTORY 7u

static void test_a_trail_or_a_seal_key_that_is_older_is_refused_with_both_sizes(void **state)
{
	(void)state;
	struct sealed trail[HISTORY] = {{0}};
	static uint8_t seal[HISTORY][FILE_BYTES];
	char sizes[64];
	struct sealer *sealer = open_sealer(&trail[0]);
	for (unsigned i = 0; i < HISTORY; i++) {
		assert_int_equal(file_get(SEAL_FILE, seal[i], FILE_BYTES), FILE_BYTES);
		if (i + 1 == HISTORY)
			break;
		trail[i + 1] = trail[i];
		seal_some(sealer, &trail[i + 1], 1);
	}
	sealer_close(sealer);
	for (unsigned sealed = 0; sealed < HISTORY; sealed++)
		for (unsigned there = 0; there < HISTORY; there++) {
			file_set(SEAL_FILE, seal[sealed], FILE_BYTES);
			struct sealed last = trail[there];
			if (there == sealed || there == sealed + 1) { /* the second is a crash after a commit */
				assert_goes_on(&last);
				continue;
			}
			assert_refused(&last, ERR_STATE, there < sealed ? "a rollback" : "older copy of the seal key");
			snprintf(sizes, sizeof(sizes), "over %llu", (unsigned long long)trail[sealed].size);
			assert_refused(&last, ERR_STATE, sizes);
			snprintf(sizes, sizeof(sizes), "over %llu", (unsigned long long)trail[there].size);
			assert_refused(&last, ERR_STATE, sizes);
		}
}

static void test_another_history_of_the_same_length_is_refused(void **state)
{
	(void)state;
	struct sealed last = {0}, other;
	struct sealer *sealer = open_sealer(&last);
	seal_some(sealer, &last, 3);
	sealer_close(sealer);
	other = last;
	other.root.bytes[7] ^= 1;
	assert_refused(&other, ERR_STATE, "not of the same history");
	other = last;
	other.size++;
	assert_refused(&other, ERR_STATE, "not of the same history");
	other = last;
	other.next_seal[0] ^= 1;
	assert_refused(&other, ERR_STATE, "not of the same history");
	/* A checkpoint more, but announced by nobody. */
	other = last;
	other.number++;
	other.size++;
	assert_refused(&other, ERR_STATE, "not of the same history");
	assert_goes_on(&last);
}

/* ---- files that are missing, foreign, damaged or open to others ---- */

static void test_what_happens_when_only_some_files_are_there(void **state)
{
	(void)state;
	/* By whether log.key, log.pub and seal.key are there; in a trail without and with checkpoints. */
	static const struct {
		bool there[3];
		int without;
		int with;
		const char *names;
	} cases[] = {
		{{0, 0, 0}, 0, ERR_NOT_FOUND, LOG_SECRET_FILE},
		{{1, 0, 0}, 0, ERR_NOT_FOUND, SEAL_FILE},
		{{1, 0, 1}, 0, ERR_NOT_FOUND, LOG_PUBLIC_FILE},
		{{0, 0, 1}, ERR_NOT_FOUND, ERR_NOT_FOUND, LOG_SECRET_FILE},
		{{0, 1, 0}, ERR_NOT_FOUND, ERR_NOT_FOUND, LOG_SECRET_FILE},
		{{0, 1, 1}, ERR_NOT_FOUND, ERR_NOT_FOUND, LOG_SECRET_FILE},
		{{1, 1, 0}, ERR_NOT_FOUND, ERR_NOT_FOUND, SEAL_FILE},
		{{1, 1, 1}, 0, 0, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned with = 0; with < 2; with++) {
			struct sealed last = {0};
			keys_remove();
			struct sealer *sealer = open_sealer(&last);
			seal_some(sealer, &last, with);
			sealer_close(sealer);
			for (unsigned at = 0; at < 3; at++)
				if (!cases[i].there[at])
					unlink(path_of(names[at]));
			int error = with ? cases[i].with : cases[i].without;
			if (error)
				assert_refused(&last, error, cases[i].names);
			else
				assert_goes_on(&last);
		}
	/* The seal has moved on, the trail is new, and nobody knows any more which keys there were. */
	unlink(path_of(LOG_PUBLIC_FILE));
	assert_refused(&(struct sealed){0}, ERR_NOT_FOUND, LOG_PUBLIC_FILE);
}

static void test_files_of_another_network_are_refused(void **state)
{
	(void)state;
	uint8_t mine[3][FILE_BYTES];
	size_t count[3];
	struct sealed last = {0};
	sealer_close(open_sealer(&last));
	for (unsigned i = 0; i < 3; i++)
		count[i] = file_get(names[i], mine[i], FILE_BYTES);
	keys_remove();
	sealer_close(open_sealer(&last));
	for (unsigned i = 0; i < 3; i++) {
		uint8_t other[FILE_BYTES];
		size_t other_count = file_get(names[i], other, FILE_BYTES);
		file_set(names[i], mine[i], count[i]);
		assert_refused(&last, ERR_STATE, "different networks");
		file_set(names[i], other, other_count);
	}
	assert_goes_on(&last);
}

static void test_every_changed_bit_of_a_key_is_refused(void **state)
{
	(void)state;
	uint8_t file[FILE_BYTES];
	char why[256];
	struct sealed last = {0};
	sealer_close(open_sealer(&last));
	for (unsigned i = 0; i < 3; i++) {
		size_t count = file_get(names[i], file, FILE_BYTES);
		const uint8_t *keys = i == 1 ? memmem(file, count, "\nbunshin/", 9) : file;
		size_t end = i == 2 ? 192 : count - (i == 1); /* the last line may lack its end */
		for (size_t bit = (size_t)(keys - file) * 8; bit < end * 8; bit += i == 2 ? 3 : 1) {
			struct sealer *sealer = NULL;
			file[bit / 8] ^= (uint8_t)(1u << bit % 8);
			file_set(names[i], file, count);
			if (sealer_open(folder, &last, &sealer, why) == 0)
				fail_msg("%s: bit %zu may be either way", names[i], bit);
			assert_true(strlen(why) > 20);
			file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		file_set(names[i], file, count);
	}
	assert_goes_on(&last);
}

static void test_a_secret_that_others_can_read_is_refused(void **state)
{
	(void)state;
	struct sealed last = {0};
	sealer_close(open_sealer(&last));
	for (unsigned i = 0; i < 3; i += 2) {
		assert_int_equal(chmod(path_of(names[i]), 0640), 0);
		assert_refused(&last, ERR_NOT_ALLOWED, "others can read");
		assert_int_equal(chmod(path_of(names[i]), 0600), 0);
	}
	char elsewhere[128];
	snprintf(elsewhere, sizeof(elsewhere), "%s", path_of("." SEAL_FILE ".new"));
	assert_int_equal(rename(path_of(SEAL_FILE), elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path_of(SEAL_FILE)), 0);
	assert_refused(&last, ERR_IO, SEAL_FILE);
}

/* ---- a disk that fails ---- */

static struct {
	uint64_t at;
	uint64_t count;
	bool sticky;
	uint64_t failures;
} fault;

static bool fails(void)
{
	fault.count++;
	if (fault.count != fault.at && !(fault.sticky && fault.count > fault.at))
		return false;
	fault.failures++;
	errno = EIO;
	return true;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : file_calls_system.open(path, flags, mode);
}

static ssize_t faulty_pread(int fd, void *at, size_t bytes, off_t offset)
{
	return fails() ? -1 : file_calls_system.pread(fd, at, bytes, offset);
}

/* Half of it is written. */
static ssize_t faulty_pwrite(int fd, const void *at, size_t bytes, off_t offset)
{
	if (!fails())
		return file_calls_system.pwrite(fd, at, bytes, offset);
	if (file_calls_system.pwrite(fd, at, bytes < 200 ? bytes / 2 : 100, offset) < 0)
		return -1;
	errno = EIO;
	return -1;
}

static int faulty_fsync(int fd)
{
	return fails() ? -1 : file_calls_system.fsync(fd);
}

static int faulty_rename(const char *from, const char *to)
{
	return fails() ? -1 : file_calls_system.rename(from, to);
}

static int faulty_unlink(const char *path)
{
	return fails() ? -1 : file_calls_system.unlink(path);
}

static void fault_arm(uint64_t at, bool sticky)
{
	static struct file_calls calls;
	calls = file_calls_system;
	calls.open = faulty_open;
	calls.pread = faulty_pread;
	calls.pwrite = faulty_pwrite;
	calls.fsync = faulty_fsync;
	calls.rename = faulty_rename;
	calls.unlink = faulty_unlink;
	fault.at = at;
	fault.sticky = sticky;
	fault.count = fault.failures = 0;
	file_calls = &calls;
}

static bool fault_disarm(void)
{
	file_calls = &file_calls_system;
	return fault.failures > 0;
}

/* Makes keys and seals three checkpoints; a failure ends it. */
static struct sealed run_with_fault(void)
{
	char why[256];
	struct sealed last = {0};
	struct sealer *sealer;
	if (sealer_open(folder, &last, &sealer, why)) {
		assert_true(strlen(why) > 10);
		return last;
	}
	for (unsigned i = 0; i < 3; i++) {
		last = sign(sealer, &last); /* durable in the trail, whatever comes now */
		if (sealer_committed(sealer))
			break;
	}
	sealer_close(sealer);
	return last;
}

static void test_whatever_call_fails_the_next_start_goes_on_with_the_right_key(void **state)
{
	(void)state;
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		uint64_t at = 0;
		bool failed;
		do {
			keys_remove();
			fault_arm(++at, sticky);
			struct sealed last = run_with_fault();
			failed = fault_disarm();
			assert_goes_on(&last);
			assert_goes_on(&last);
		} while (failed);
		print_message("%llu calls%s\n", (unsigned long long)at - 1, sticky ? ", and every one after" : "");
		assert_true(at > 20);
	}
}

/* ---- a new row ---- */

static void row_begin(const struct sealed *last)
{
	char why[256];
	int rc = sealer_restart(folder, last, why);
	if (rc)
		fail_msg("%s: %s", error_name(rc), why);
}

static void assert_starts(unsigned count, const uint64_t *numbers)
{
	uint8_t text[16384];
	struct log_keys keys;
	char why[256];
	size_t bytes = file_get(LOG_PUBLIC_FILE, text, sizeof(text));
	assert_int_equal(log_keys_read((char *)text, bytes, &keys, why), 0);
	assert_int_equal(keys.start_count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(keys.start[i].number, numbers[i]);
}

static void test_a_rollback_that_somebody_accepted_begins_a_new_row(void **state)
{
	(void)state;
	struct sealed trail[HISTORY] = {{0}}, last;
	struct sealer *sealer = open_sealer(&trail[0]);
	for (unsigned i = 1; i < HISTORY; i++) {
		trail[i] = trail[i - 1];
		seal_some(sealer, &trail[i], 1);
	}
	sealer_close(sealer);
	assert_refused(&trail[4], ERR_STATE, "a rollback");
	row_begin(&trail[4]);
	assert_starts(2, (uint64_t[]){1, 5});
	last = trail[4];
	assert_goes_on(&last);
	assert_goes_on(&last);
	assert_refused(&trail[6], ERR_STATE, ""); /* the way it was before has no key any more */
	/* Again, and earlier: the row from 5 on was never. Comments stay. */
	row_begin(&trail[2]);
	assert_starts(2, (uint64_t[]){1, 3});
	last = trail[2];
	assert_goes_on(&last);
	row_begin(&last);
	assert_starts(3, (uint64_t[]){1, 3, 4});
	assert_goes_on(&last);
	row_begin(&trail[0]);
	assert_starts(1, (uint64_t[]){1});
	last = trail[0];
	assert_goes_on(&last);
}

static void test_a_new_row_mends_a_damaged_or_lost_seal_key(void **state)
{
	(void)state;
	struct sealed last = {0};
	struct sealer *sealer = open_sealer(&last);
	seal_some(sealer, &last, 3);
	sealer_close(sealer);
	file_set(SEAL_FILE, (const uint8_t *)"", 0);
	assert_refused(&last, ERR_CORRUPT, "no whole key");
	row_begin(&last);
	assert_goes_on(&last);
	unlink(path_of(SEAL_FILE));
	assert_refused(&last, ERR_NOT_FOUND, SEAL_FILE);
	row_begin(&last);
	assert_goes_on(&last);
	char why[256];
	unlink(path_of(LOG_SECRET_FILE));
	assert_int_equal(sealer_restart(folder, &last, why), ERR_NOT_FOUND);
	assert_non_null(strstr(why, LOG_SECRET_FILE));
}

static void test_a_new_row_that_failed_half_way_can_be_begun_again(void **state)
{
	(void)state;
	char why[256];
	uint64_t at = 0;
	bool failed;
	do {
		struct sealed last = {0}, back;
		keys_remove();
		struct sealer *sealer = open_sealer(&last);
		seal_some(sealer, &last, 2);
		back = last;
		seal_some(sealer, &last, 3);
		sealer_close(sealer);
		fault_arm(++at, false);
		int rc = sealer_restart(folder, &back, why);
		failed = fault_disarm();
		assert_int_equal(rc != 0, failed);
		/* Either it is begun, or nothing opens until it is. */
		sealer = NULL;
		if (sealer_open(folder, &back, &sealer, why))
			row_begin(&back);
		sealer_close(sealer);
		assert_goes_on(&back);
		assert_starts(2, (uint64_t[]){1, 3});
	} while (failed);
	assert_true(at > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(keys_are_made_once_with_the_right_modes),
		TEST(the_public_file_is_what_a_verifier_reads),
		TEST(keys_are_made_where_nothing_may_be_locked_in_memory),
		TEST(a_folder_that_is_not_there_is_named),
		TEST(each_checkpoint_has_a_key_of_its_own_and_the_used_one_is_gone),
		TEST(until_a_checkpoint_is_durable_the_same_key_signs_again),
		TEST(every_pair_of_slots_gives_the_right_key_or_a_clear_refusal),
		TEST(a_slot_torn_at_any_byte_is_none),
		TEST(a_newer_slot_is_written_and_synced_again_before_the_older_one_is_wiped),
		TEST(a_file_that_was_cut_short_is_read_as_far_as_it_goes),
		TEST(a_trail_or_a_seal_key_that_is_older_is_refused_with_both_sizes),
		TEST(another_history_of_the_same_length_is_refused),
		TEST(what_happens_when_only_some_files_are_there),
		TEST(files_of_another_network_are_refused),
		TEST(every_changed_bit_of_a_key_is_refused),
		TEST(a_secret_that_others_can_read_is_refused),
		TEST(whatever_call_fails_the_next_start_goes_on_with_the_right_key),
		TEST(a_rollback_that_somebody_accepted_begins_a_new_row),
		TEST(a_new_row_mends_a_damaged_or_lost_seal_key),
		TEST(a_new_row_that_failed_half_way_can_be_begun_again),
	};
	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
