/* SPDX-License-Identifier: MIT */
#include "selftest/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest/check.h"
#include "selftest/memory.h"
#include "selftest/outage.h"

#define PATH_BYTES      4096u
#define IMAGE_WAL_BYTES 65536u /* what an image in memory writes its WAL out to */
#define CLOSELY_ONE_OF  16u
#define KEYS            "keys"

struct crash {
	struct crash_options options;
	char folder[PATH_BYTES];
	sqlite3_vfs *system;
	uint64_t random;
	uint64_t possible; /* images of the script that is played */
	uint64_t *seen;    /* hashes; open addressing, a power of two places, at most half of them taken */
	size_t seen_places;
	size_t seen_count;
	struct disk image;
	struct disk found; /* the first image that was wrong, before it was opened */
	char finding[1024];
	char why[512];
};

/* Where a script is while its tape is gone through. */
struct moment {
	const struct play *play;
	struct outage *outage;
	uint64_t acked;
	size_t told;
	size_t at;
	struct crash_count *count;
};

__attribute__((format(printf, 3, 4))) static int fail(struct crash *crash, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(crash->why, sizeof(crash->why), format, arguments);
	va_end(arguments);
	return error;
}

const char *crash_why(const struct crash *crash)
{
	return crash->why;
}

const char *crash_finding(const struct crash *crash)
{
	return crash->finding;
}

/* ---- images that were seen ---- */

static void seen_put(struct crash *crash, uint64_t hash)
{
	size_t mask = crash->seen_places - 1, place = (size_t)hash & mask;
	while (crash->seen[place])
		place = (place + 1) & mask;
	crash->seen[place] = hash;
}

static int seen_grow(struct crash *crash)
{
	struct crash larger = {.seen_places = crash->seen_places ? crash->seen_places * 2 : 1u << 16};
	if (crash->seen_count < crash->seen_places / 2)
		return 0;
	larger.seen = calloc(larger.seen_places, sizeof(*larger.seen));
	if (!larger.seen)
		return ERR_MEMORY;
	for (size_t i = 0; i < crash->seen_places; i++)
		if (crash->seen[i])
			seen_put(&larger, crash->seen[i]);
	free(crash->seen);
	crash->seen = larger.seen;
	crash->seen_places = larger.seen_places;
	return 0;
}

/* True: this is the first time. */
static bool seen_first(struct crash *crash, uint64_t hash)
{
	size_t mask = crash->seen_places - 1;
	hash |= !hash;
	for (size_t place = (size_t)hash & mask; crash->seen[place]; place = (place + 1) & mask)
		if (crash->seen[place] == hash)
			return false;
	seen_put(crash, hash);
	crash->seen_count++;
	return true;
}

/* ---- the folder ---- */

static int path_in(struct crash *crash, const char *name, char out_path[PATH_BYTES])
{
	int bytes = snprintf(out_path, PATH_BYTES, "%s/%s", crash->folder, name);
	return bytes < (int)PATH_BYTES ? 0 : fail(crash, ERR_IO, "%s: the path is too long", crash->folder);
}

static int folder_empty(struct crash *crash, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int rc = 0;
	if (!folder)
		return errno == ENOENT ? 0 : fail(crash, ERR_IO, "%s: %s", path, strerror(errno));
	while (rc == 0 && (entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, KEYS) == 0)
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0))
			rc = fail(crash, ERR_IO, "%s/%s cannot be removed: %s", path, entry->d_name, strerror(errno));
	}
	closedir(folder);
	return rc;
}

/* An empty folder with an empty folder for keys in it. */
static int folder_begin(struct crash *crash)
{
	char keys[PATH_BYTES];
	int rc = path_in(crash, KEYS, keys);
	if (rc == 0)
		rc = folder_empty(crash, crash->folder);
	if (rc == 0)
		rc = folder_empty(crash, keys);
	if (rc == 0 && mkdir(keys, 0700) && errno != EEXIST)
		rc = fail(crash, ERR_IO, "%s: %s", keys, strerror(errno));
	return rc;
}

static void folder_end(struct crash *crash)
{
	char keys[PATH_BYTES];
	if (path_in(crash, KEYS, keys) == 0 && folder_begin(crash) == 0)
		rmdir(keys);
}

/* ---- one image ---- */

/* Files that SQLite does not handle are real ones in any case. */
static int image_export(struct crash *crash, const struct play *play)
{
	struct disk plain = crash->image; /* borrows its pages */
	if (!crash->options.on_disk && !play->script->sealed)
		return 0;
	if (folder_begin(crash))
		return ERR_IO;
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		if (!crash->options.on_disk && strncmp(plain.file[i].name, KEYS "/", sizeof(KEYS)) != 0)
			plain.file[i].name[0] = 0;
	return disk_export(&plain, crash->folder)
		       ? fail(crash, ERR_IO, "%s: an image cannot be written: %s", crash->folder, strerror(errno))
		       : 0;
}

static enum check_result image_check(struct crash *crash, struct check *check)
{
	enum check_result result = check_erased(check, &crash->image, check->acked);
	if (result)
		return result;
	if (!crash->options.on_disk)
		memory_mount(&crash->image, crash->folder, IMAGE_WAL_BYTES);
	sqlite3_vfs_register(crash->options.on_disk ? crash->system : memory_vfs(), 1);
	result = check_trail(check, crash->folder);
	sqlite3_vfs_register(crash->system, 1);
	if (result == CHECK_FINE && !crash->options.on_disk)
		result = check_erased(check, &crash->image, check->last);
	return result;
}

/* The finding is remembered with what it takes to see it again. */
static int finding_keep(struct crash *crash, const struct moment *moment, enum outage_kind kind, const struct check *check,
			uint64_t random)
{
	uint64_t again = random;
	if (crash->finding[0])
		return 0;
	snprintf(crash->finding, sizeof(crash->finding), "script \"%s\", seed %llu, before operation %zu, %s: %s",
		 moment->play->script->name, (unsigned long long)crash->options.seed, moment->at, outage_names[kind], check->why);
	return outage_disk(moment->outage, kind, &again, &crash->found);
}

static int image_look(struct crash *crash, struct moment *moment, enum outage_kind kind)
{
	struct check check = {.play = moment->play, .acked = moment->acked, .told = moment->told};
	uint64_t random = crash->random;
	int rc = outage_disk(moment->outage, kind, &crash->random, &crash->image);
	if (rc == 0)
		rc = seen_grow(crash);
	if (rc)
		return fail(crash, rc, "an image cannot be made: %s", error_sentence(rc));
	if (!seen_first(crash, disk_hash(&crash->image) ^ (moment->acked + 1) * 0x9e3779b97f4a7c15u))
		return 0;
	rc = image_export(crash, moment->play);
	if (rc)
		return rc;
	moment->count->images++;
	moment->count->acknowledged += moment->acked;
	check.closely = moment->count->images % CLOSELY_ONE_OF == 0;
	check.turn = (unsigned)moment->count->images;
	enum check_result result = image_check(crash, &check);
	moment->count->lost += result == CHECK_LOST;
	moment->count->corrupt += result == CHECK_CORRUPT;
	return result ? finding_keep(crash, moment, kind, &check, random) : 0;
}

/* ---- one moment ---- */

static bool is_wanted(struct crash *crash)
{
	return !crash->options.images || random_below(&crash->random, crash->possible) < crash->options.images;
}

static int kind_look(struct crash *crash, struct moment *moment, enum outage_kind kind)
{
	if (!is_wanted(crash))
		return 0;
	if (crash->options.stop && crash->options.stop(crash->options.context))
		return fail(crash, ERR_CANCELLED, "stopped");
	return image_look(crash, moment, kind);
}

static int moment_look(struct crash *crash, struct moment *moment)
{
	bool open = outage_open(moment->outage);
	int rc = kind_look(crash, moment, OUTAGE_KEPT);
	moment->count->moments++;
	if (rc == 0 && open)
		rc = kind_look(crash, moment, OUTAGE_LOST);
	for (unsigned i = 0; i < crash->options.variants && open && rc == 0; i++)
		rc = kind_look(crash, moment,
			       OUTAGE_TORN + (enum outage_kind)random_below(&crash->random, OUTAGE_KINDS - OUTAGE_TORN));
	return rc;
}

static int mark_do(struct crash *crash, struct moment *moment, uint64_t what)
{
	if (MARK_KIND(what) == MARK_TOLD)
		moment->told = (size_t)MARK_VALUE(what);
	if (MARK_KIND(what) == MARK_ACKED)
		moment->acked = MARK_VALUE(what);
	if (MARK_KIND(what) == MARK_START && outage_settle(moment->outage))
		return fail(crash, ERR_MEMORY, "%s", error_sentence(ERR_MEMORY));
	return 0;
}

/* The power goes before each operation, and after the last; what is marked in between belongs to the operation after it. */
static int tape_look(struct crash *crash, struct moment *moment)
{
	const struct tape *tape = &moment->play->tape;
	size_t start = 0;
	int rc = 0;
	for (size_t i = 0; i < tape->count; i++)
		if (tape->op[i].kind == TAPE_MARK && MARK_KIND(tape->op[i].offset) == MARK_START)
			start = i;
	crash->possible = (tape->count - start) * (2 + crash->options.variants);
	for (moment->at = 0; moment->at < tape->count && rc == 0; moment->at++) {
		const struct tape_op *op = &tape->op[moment->at];
		if (op->kind == TAPE_MARK)
			rc = mark_do(crash, moment, op->offset);
		else if (moment->at > start || !start)
			rc = moment_look(crash, moment);
		if (rc == 0 && outage_step(moment->outage))
			rc = fail(crash, ERR_MEMORY, "%s", error_sentence(ERR_MEMORY));
		moment->count->operations += op->kind != TAPE_MARK;
	}
	return rc ? rc : moment_look(crash, moment);
}

static int play(struct crash *crash, const struct script *script, struct play *play)
{
	struct disk disk = {0};
	sqlite3_vfs *vfs = crash->options.on_disk ? crash->system : memory_vfs();
	if (!crash->options.on_disk)
		memory_mount(&disk, crash->folder, 0);
	int rc = play_run(play, script, crash->folder, vfs, crash->options.seed, crash->options.lies, crash->options.early);
	memory_unmount();
	disk_clear(&disk);
	return rc ? fail(crash, rc, "script \"%s\": %s", script->name, play->why) : 0;
}

int crash_script(struct crash *crash, const struct script *script, struct crash_count *count)
{
	struct play *played = calloc(1, sizeof(*played));
	struct moment moment = {.play = played, .count = count};
	int rc = played ? folder_begin(crash) : fail(crash, ERR_MEMORY, "%s", error_sentence(ERR_MEMORY));
	if (rc == 0)
		rc = play(crash, script, played);
	if (rc == 0)
		moment.outage = outage_new(&played->tape);
	if (rc == 0 && !moment.outage)
		rc = fail(crash, ERR_MEMORY, "%s", error_sentence(ERR_MEMORY));
	if (rc == 0)
		rc = folder_begin(crash);
	if (rc == 0)
		rc = tape_look(crash, &moment);
	if (played && moment.outage)
		count->records += played->acked;
	outage_free(moment.outage);
	if (played)
		play_release(played);
	free(played);
	return rc;
}

/* ---- beginning and end ---- */

int crash_new(const struct crash_options *options, struct crash **out_crash)
{
	struct crash *crash = calloc(1, sizeof(*crash));
	if (!crash)
		return ERR_MEMORY;
	crash->options = *options;
	snprintf(crash->folder, sizeof(crash->folder), "%s", options->folder);
	crash->system = sqlite3_vfs_find("unix");
	crash->random = options->seed;
	if (!crash->system || !memory_vfs()) {
		free(crash);
		return ERR_SYSTEM;
	}
	*out_crash = crash;
	return 0;
}

void crash_round(struct crash *crash, uint64_t seed, uint32_t images)
{
	crash->options.seed = crash->random = seed;
	crash->options.images = images;
}

int crash_keep(const struct crash *crash, const char *folder)
{
	char keys[PATH_BYTES];
	int bytes = snprintf(keys, sizeof(keys), "%s/" KEYS, folder);
	if (bytes >= (int)sizeof(keys) || (mkdir(folder, 0700) && errno != EEXIST) || (mkdir(keys, 0700) && errno != EEXIST))
		return ERR_IO;
	return disk_export(&crash->found, folder);
}

void crash_free(struct crash *crash)
{
	if (!crash)
		return;
	folder_end(crash);
	memory_unmount();
	disk_clear(&crash->image);
	disk_clear(&crash->found);
	disk_pages_release();
	free(crash->seen);
	free(crash);
}
