/* SPDX-License-Identifier: MIT
 *
 * The disks that a loss of power may leave: what is certain is in every one of them, what is not comes in every form, and what
 * cannot be never comes. And the tape misses nothing of what a trail really does.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftest/outage.h"
#include "selftest/script.h"

#define TRIES 400u

/* ---- tapes written by hand ---- */

static void put(struct tape *tape, struct tape_op op, const void *bytes, size_t count)
{
	if (tape->count == tape->capacity) {
		tape->capacity = tape->capacity ? tape->capacity * 2 : 16;
		tape->op = realloc(tape->op, tape->capacity * sizeof(*tape->op));
		assert_non_null(tape->op);
	}
	op.data = tape->bytes.bytes;
	assert_int_equal(buffer_append(&tape->bytes, bytes, count), 0);
	tape->op[tape->count++] = op;
}

static void put_name(struct tape *tape, enum tape_kind kind, uint32_t file, const char *name, const char *to)
{
	char both[2 * TAPE_NAME_BYTES] = {0};
	size_t bytes = (size_t)snprintf(both, sizeof(both), "%s", name) + 1;
	if (to)
		bytes += (size_t)snprintf(both + bytes, sizeof(both) - bytes, "%s", to) + 1;
	put(tape, (struct tape_op){.kind = kind, .file = file}, both, bytes);
}

/* `count` bytes, each `letter`, at `offset`. */
static void put_write(struct tape *tape, uint64_t offset, uint32_t count, char letter)
{
	char *bytes = malloc(count);
	assert_non_null(bytes);
	memset(bytes, letter, count);
	put(tape, (struct tape_op){.kind = TAPE_WRITE, .bytes = count, .offset = offset}, bytes, count);
	free(bytes);
}

static void put_resize(struct tape *tape, uint64_t size)
{
	put(tape, (struct tape_op){.kind = TAPE_RESIZE, .offset = size}, NULL, 0);
}

static void put_sync(struct tape *tape, bool failed)
{
	put(tape, (struct tape_op){.kind = failed ? TAPE_SYNC_FAILED : TAPE_SYNC}, NULL, 0);
}

/* A file whose name is certain. */
static void begin(struct tape *tape)
{
	*tape = (struct tape){0};
	put_name(tape, TAPE_MAKE, 0, "a", NULL);
	put_name(tape, TAPE_FOLDER, 0, "", NULL);
}

static struct outage *outage_after(const struct tape *tape)
{
	struct outage *outage = outage_new(tape);
	assert_non_null(outage);
	for (size_t i = 0; i < tape->count; i++)
		assert_int_equal(outage_step(outage), 0);
	return outage;
}

/* The first byte of each sector as a letter, 0 as '.', in every disk that comes; counts how often `wanted` comes. */
struct seen {
	unsigned wanted;
	unsigned others;
	char other[64];
};

static void disk_print(struct disk *disk, char out[64])
{
	const struct disk_file *file = disk_find(disk, "a");
	size_t sectors = file ? (size_t)((file->size + SECTOR_BYTES - 1) / SECTOR_BYTES) : 0;
	snprintf(out, 64, file ? "" : "-");
	for (size_t i = 0; i < sectors && i < 60; i++) {
		char byte;
		disk_read(file, &byte, 1, i * SECTOR_BYTES);
		out[i] = byte ? byte : '.';
		out[i + 1] = 0;
	}
}

static unsigned count_of(struct outage *outage, enum outage_kind kind, const char *wanted)
{
	struct disk disk = {0};
	uint64_t random = 5;
	unsigned count = 0;
	for (unsigned i = 0; i < TRIES; i++) {
		char is[64];
		assert_int_equal(outage_disk(outage, kind, &random, &disk), 0);
		disk_print(&disk, is);
		count += strcmp(is, wanted) == 0;
	}
	disk_clear(&disk);
	return count;
}

static void assert_always(struct outage *outage, enum outage_kind kind, const char *wanted)
{
	assert_int_equal(count_of(outage, kind, wanted), TRIES);
}

static void assert_sometimes(struct outage *outage, enum outage_kind kind, const char *wanted)
{
	assert_true(count_of(outage, kind, wanted) > 0);
}

static void assert_never(struct outage *outage, const char *wanted)
{
	for (unsigned kind = 0; kind < OUTAGE_KINDS; kind++)
		if (count_of(outage, (enum outage_kind)kind, wanted))
			fail_msg("%s comes, as %s", wanted, outage_names[kind]);
}

static void end(struct outage *outage, struct tape *tape)
{
	outage_free(outage);
	tape_release(tape);
	disk_pages_release();
}

static void test_what_was_synced_is_in_every_disk(void **state)
{
	(void)state;
	struct tape tape;
	begin(&tape);
	put_write(&tape, 0, 4 * SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	struct outage *outage = outage_after(&tape);
	assert_false(outage_open(outage));
	for (unsigned kind = 0; kind < OUTAGE_KINDS; kind++)
		assert_always(outage, (enum outage_kind)kind, "aaaa");
	end(outage, &tape);
}

static void test_what_was_not_synced_comes_in_every_form(void **state)
{
	(void)state;
	struct tape tape;
	begin(&tape);
	put_write(&tape, 0, 4 * SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	put_write(&tape, 0, 2 * SECTOR_BYTES, 'b');
	put_write(&tape, SECTOR_BYTES, 3 * SECTOR_BYTES, 'c');
	struct outage *outage = outage_after(&tape);
	assert_always(outage, OUTAGE_KEPT, "bccc");
	assert_always(outage, OUTAGE_LOST, "aaaa");
	assert_sometimes(outage, OUTAGE_WRITES, "accc"); /* the later one without the earlier */
	assert_sometimes(outage, OUTAGE_LATER, "accc");
	assert_sometimes(outage, OUTAGE_FILES, "bbaa");   /* a prefix in time */
	assert_sometimes(outage, OUTAGE_TORN, "bcca");    /* the beginning of the last one */
	assert_sometimes(outage, OUTAGE_TORN, "bbcc");    /* its end */
	assert_sometimes(outage, OUTAGE_SECTORS, "abca"); /* and anything */
	assert_never(outage, "cccc");
	assert_never(outage, "");
	end(outage, &tape);
}

static void test_a_file_has_the_length_of_any_moment_since_the_sync(void **state)
{
	(void)state;
	struct tape tape;
	begin(&tape);
	put_write(&tape, 0, SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	put_write(&tape, SECTOR_BYTES, SECTOR_BYTES, 'b');
	put_write(&tape, 2 * SECTOR_BYTES, SECTOR_BYTES, 'c');
	struct outage *outage = outage_after(&tape);
	assert_sometimes(outage, OUTAGE_SIZES, "a");
	assert_sometimes(outage, OUTAGE_SIZES, "ab");
	assert_sometimes(outage, OUTAGE_SIZES, "abc");
	assert_always(outage, OUTAGE_EMPTY, "a..");
	assert_sometimes(outage, OUTAGE_SECTORS, "a.c");
	assert_never(outage, "");
	end(outage, &tape);
}

static void test_what_was_written_after_a_truncation_is_not_there_without_it(void **state)
{
	(void)state;
	struct tape tape;
	begin(&tape);
	put_write(&tape, 0, 3 * SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	put_resize(&tape, SECTOR_BYTES);
	put_write(&tape, SECTOR_BYTES, 2 * SECTOR_BYTES, 'b');
	struct outage *outage = outage_after(&tape);
	assert_always(outage, OUTAGE_LOST, "aaa");
	assert_sometimes(outage, OUTAGE_SIZES, "a");
	assert_sometimes(outage, OUTAGE_SECTORS, "a.b");
	assert_never(outage, "aab");
	assert_never(outage, "aba");
	end(outage, &tape);
}

static void test_no_sync_brings_back_what_a_failed_one_lost(void **state)
{
	(void)state;
	struct tape tape;
	begin(&tape);
	put_write(&tape, 0, 2 * SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	put_write(&tape, 0, 2 * SECTOR_BYTES, 'b');
	put_sync(&tape, true);
	put_write(&tape, SECTOR_BYTES, SECTOR_BYTES, 'c');
	put_sync(&tape, false);
	struct outage *outage = outage_after(&tape);
	assert_true(outage_open(outage));
	assert_always(outage, OUTAGE_LOST, "ac");
	assert_always(outage, OUTAGE_KEPT, "bc");
	assert_never(outage, "aa");
	assert_never(outage, "bb");
	outage_free(outage);
	put_write(&tape, 0, SECTOR_BYTES, 'b'); /* but to write it anew does */
	put_sync(&tape, false);
	outage = outage_after(&tape);
	assert_false(outage_open(outage));
	assert_always(outage, OUTAGE_LOST, "bc");
	end(outage, &tape);
}

static void test_a_name_is_there_once_its_folder_was_synced(void **state)
{
	(void)state;
	struct tape tape = {0};
	put_name(&tape, TAPE_MAKE, 0, "a", NULL);
	put_write(&tape, 0, SECTOR_BYTES, 'a');
	put_sync(&tape, false);
	struct outage *outage = outage_after(&tape);
	assert_always(outage, OUTAGE_LOST, "-");
	assert_always(outage, OUTAGE_KEPT, "a");
	outage_free(outage);
	put_name(&tape, TAPE_FOLDER, 0, "elsewhere", NULL);
	outage = outage_after(&tape);
	assert_always(outage, OUTAGE_LOST, "-");
	outage_free(outage);
	put_name(&tape, TAPE_FOLDER, 0, "", NULL);
	put_name(&tape, TAPE_MAKE, 1, "b", NULL);
	put_name(&tape, TAPE_RENAME, 1, "b", "a");
	outage = outage_after(&tape);
	assert_always(outage, OUTAGE_LOST, "a");
	assert_always(outage, OUTAGE_KEPT, "");
	end(outage, &tape);
}

/* ---- tapes of trails ---- */

static char folder[64];

static int setup(void **state)
{
	char keys[80];
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bunshin-outage-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	assert_int_equal(mkdir(keys, 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"trail.db",     "trail.db-wal", "trail.db-shm",  "trail.db-lock",
					    "keys/log.key", "keys/log.pub", "keys/seal.key", "keys"};
	char path[128];
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static void assert_same_file(const struct disk_file *file)
{
	char path[160];
	struct stat status;
	snprintf(path, sizeof(path), "%s/%s", folder, file->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	assert_int_equal(status.st_size, file->size);
	uint8_t *is = malloc(file->size + 1), *should = malloc(file->size + 1);
	assert_non_null(is);
	assert_non_null(should);
	assert_int_equal(pread(fd, is, file->size, 0), file->size);
	disk_read(file, should, file->size, 0);
	assert_memory_equal(is, should, file->size);
	free(is);
	free(should);
	close(fd);
}

static const struct script *script_named(const char *name)
{
	for (size_t i = 0; i < script_count; i++)
		if (strcmp(scripts[i].name, name) == 0)
			return &scripts[i];
	fail_msg("there is no script \"%s\"", name);
	return NULL;
}

/* On a real disk, through the VFS of the system: what the tape says to be there at the end is what is there. */
static void test_the_tape_misses_nothing_that_a_trail_does_to_its_files(void **state)
{
	(void)state;
	struct play play;
	struct disk disk = {0};
	uint64_t random = 1;
	unsigned files = 0;
	if (play_run(&play, script_named("all of it"), folder, sqlite3_vfs_find("unix"), 3, 0, false))
		fail_msg("%s", play.why);
	struct outage *outage = outage_after(&play.tape);
	assert_int_equal(outage_disk(outage, OUTAGE_KEPT, &random, &disk), 0);
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		if (!disk.file[i].name[0])
			continue;
		assert_same_file(&disk.file[i]);
		files++;
	}
	assert_int_equal(files, 5); /* database, WAL, three of keys */
	disk_clear(&disk);
	outage_free(outage);
	play_release(&play);
	disk_pages_release();
}

static unsigned folders_opened;
static int (*open_directory)(const char *path, int *out_fd);

static int open_directory_counted(const char *path, int *out_fd)
{
	folders_opened++;
	return open_directory(path, out_fd);
}

/* The tape takes for granted that SQLite syncs the folder of a new WAL together with the WAL; it cannot see that itself. */
static void test_sqlite_syncs_the_folder_of_a_new_wal(void **state)
{
	(void)state;
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	char path[128];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	open_directory = (int (*)(const char *, int *))vfs->xGetSystemCall(vfs, "openDirectory");
	assert_non_null(open_directory);
	assert_int_equal(vfs->xSetSystemCall(vfs, "openDirectory", (sqlite3_syscall_ptr)open_directory_counted), SQLITE_OK);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL, NULL), SQLITE_OK);
	folders_opened = 0;
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE a(b)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(folders_opened, 1);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO a VALUES(1)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(folders_opened, 1);
	sqlite3_close(db);
	assert_int_equal(vfs->xSetSystemCall(vfs, "openDirectory", NULL), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_synced_is_in_every_disk),
		cmocka_unit_test(test_what_was_not_synced_comes_in_every_form),
		cmocka_unit_test(test_a_file_has_the_length_of_any_moment_since_the_sync),
		cmocka_unit_test(test_what_was_written_after_a_truncation_is_not_there_without_it),
		cmocka_unit_test(test_no_sync_brings_back_what_a_failed_one_lost),
		cmocka_unit_test(test_a_name_is_there_once_its_folder_was_synced),
		cmocka_unit_test_setup_teardown(test_the_tape_misses_nothing_that_a_trail_does_to_its_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sqlite_syncs_the_folder_of_a_new_wal, setup, teardown),
	};
	return cmocka_run_group_tests_name("outage", tests, NULL, NULL);
}
