/* SPDX-License-Identifier: MIT
 *
 * bunshin selftest
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "selftest/crash.h"
#include "selftest/ground.h"

#define DISK_MS           20000u
#define MEMORY_MS         5000u
#define FREE_BYTES_WANTED (64ull << 20)
#define VARIANTS          6u
#define FIRST_IMAGES      8u /* of the first script, to learn how long one takes */

struct selftest {
	struct call *call;
	bool on_disk;
	char above[PATH_BYTES]; /* an existing folder of the person's; nothing is touched in it */
	char folder[PATH_BYTES];
	struct ground ground;
	uint32_t images; /* asked for; 0: as many as the time allows */
	uint64_t seed;
	uint64_t began_ms;
	struct crash *crash;
	struct crash_count sum;
	json_t *rows;
	char kept[PATH_BYTES];
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t took_ms(const struct selftest *test)
{
	return clock_ms() - test->began_ms;
}

static uint64_t budget_ms(const struct selftest *test)
{
	return test->on_disk ? DISK_MS : MEMORY_MS;
}

/* A disk that is so slow that scripts alone take all of the time ends it too. */
static bool stop(void *context)
{
	const struct selftest *test = context;

	return watch_interrupted() || (!test->images && took_ms(test) > 2 * budget_ms(test));
}

/* ---- the folder ---- */

/* The state folder, or of the folders above it the nearest one that is there. */
static int above_find(struct selftest *test)
{
	const char *given = option(test->call, "folder");
	struct stat status;
	char *slash;
	int rc = 0;

	if (given)
		snprintf(test->above, sizeof(test->above), "%s", given);
	else
		rc = session_state_path(test->call, test->above);
	if (rc)
		return rc;
	while (!given && stat(test->above, &status) && errno == ENOENT && (slash = strrchr(test->above, '/')) &&
	       slash > test->above)
		*slash = 0;
	if (stat(test->above, &status) || !S_ISDIR(status.st_mode))
		return call_fail(test->call, ERR_NOT_FOUND, "name a folder on the disk to be tested with --folder",
				 "%s is no folder", test->above);
	return 0;
}

static int folder_make(struct selftest *test)
{
	int bytes = snprintf(test->folder, sizeof(test->folder), "%s/bunshin-selftest-XXXXXX", test->above);

	if (bytes >= (int)sizeof(test->folder) || !mkdtemp(test->folder))
		return call_fail(test->call, ERR_IO, "name a folder on the disk to be tested with --folder",
				 "%s: nothing can be made in it: %s", test->above, strerror(errno));
	if (ground_look(test->folder, &test->ground)) {
		int error = errno;
		rmdir(test->folder);
		return call_fail(test->call, ERR_IO, NULL, "%s: a file cannot be written and synced: %s", test->above,
				 strerror(error));
	}
	if (test->ground.free_bytes >= FREE_BYTES_WANTED)
		return 0;
	rmdir(test->folder);
	return call_fail(test->call, ERR_STATE, "make room, or name a folder on another disk with --folder",
			 "%s has %.1f MiB free; %.0f MiB are needed for a moment", test->above,
			 (double)test->ground.free_bytes / (1 << 20), (double)FREE_BYTES_WANTED / (1 << 20));
}

/* ---- the scripts ---- */

/* How many images of the next script there is time for, or that its share is. */
static uint32_t share(const struct selftest *test, size_t done)
{
	uint64_t left = script_count - done, ms = took_ms(test), budget = budget_ms(test);

	if (test->images)
		return (uint32_t)((test->images > test->sum.images ? test->images - test->sum.images : 0) / left + 1);
	if (!test->sum.images)
		return FIRST_IMAGES;
	ms = ms < budget ? budget - ms : 1;
	return (uint32_t)(ms * test->sum.images / (took_ms(test) + 1) / left + 1);
}

static void count_add(struct crash_count *sum, const struct crash_count *count)
{
	sum->images += count->images;
	sum->acknowledged += count->acknowledged;
	sum->lost += count->lost;
	sum->corrupt += count->corrupt;
}

static int scripts_run(struct selftest *test)
{
	int rc = 0;

	for (size_t i = 0; i < script_count && rc == 0; i++) {
		struct crash_count count = {0};
		crash_round(test->crash, test->seed, share(test, i));
		rc = crash_script(test->crash, &scripts[i], &count);
		count_add(&test->sum, &count);
		json_array_append_new(test->rows, need(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "script", scripts[i].name,
								 "records", (json_int_t)count.records, "operations",
								 (json_int_t)count.operations, "images", (json_int_t)count.images,
								 "acknowledged", (json_int_t)count.acknowledged, "lost",
								 (json_int_t)count.lost, "corrupt", (json_int_t)count.corrupt)));
	}
	return rc;
}

/* The first image that was wrong stays, for whoever looks into it. */
static void image_keep(struct selftest *test)
{
	if (!*crash_finding(test->crash))
		return;
	snprintf(test->kept, sizeof(test->kept), "%.*s/bunshin-selftest-found-XXXXXX", (int)(PATH_BYTES - 64), test->above);
	if (!mkdtemp(test->kept) || crash_keep(test->crash, test->kept))
		test->kept[0] = 0;
}

/* ---- what it came to ---- */

static const struct column columns[] = {
	{"SCRIPT", "script", COLUMN_TEXT, true},
	{"RECORDS", "records", COLUMN_NUMBER, false},
	{"OPERATIONS", "operations", COLUMN_NUMBER, false},
	{"IMAGES", "images", COLUMN_NUMBER, false},
	{"ACKNOWLEDGED", "acknowledged", COLUMN_NUMBER, false},
	{"LOST", "lost", COLUMN_NUMBER, false},
	{"CORRUPT", "corrupt", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const char *ground_doubt(const struct ground *ground)
{
	if (ground->in_memory)
		return "it is in memory: nothing in it survives a loss of power";
	if (ground->remote)
		return "it is not a local disk: what a sync means there is not up to this machine";
	if (ground->sync_us < GROUND_SYNC_US_LEAST)
		return "that is faster than a disk can be: something on the way answers before the disk has it";
	return NULL;
}

static void print_object(const struct selftest *test)
{
	const char *finding = crash_finding(test->crash), *doubt = ground_doubt(&test->ground);
	json_t *disk = need(json_pack("{s:s, s:s, s:I, s:I, s:o}", "folder", test->above, "filesystem", test->ground.filesystem,
				      "free_bytes", (json_int_t)test->ground.free_bytes, "sync_us",
				      (json_int_t)test->ground.sync_us, "doubt", doubt ? json_string(doubt) : json_null()));

	print_json(json_pack("{s:b, s:o, s:O, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "ok", !*finding, "disk",
			     test->on_disk ? disk : json_null(), "scripts", test->rows, "images", (json_int_t)test->sum.images,
			     "lost", (json_int_t)test->sum.lost, "corrupt", (json_int_t)test->sum.corrupt, "seed",
			     (json_int_t)test->seed, "found", *finding ? json_string(finding) : json_null(), "kept",
			     *test->kept ? json_string(test->kept) : json_null(), "took_ms", (json_int_t)took_ms(test)));
	if (!test->on_disk)
		json_decref(disk);
}

static void notes_print(const struct selftest *test)
{
	char span[SPAN_TEXT_BYTES];
	const char *doubt = ground_doubt(&test->ground);

	span_print(took_ms(test), span);
	call_note(test->call, "%" PRIu64 " losses of power in %s, %s; seed %" PRIu64, test->sum.images, span,
		  test->on_disk ? "each written to the disk and opened from it" : "in memory", test->seed);
	if (test->on_disk)
		call_note(test->call, "%s: %s, %.1f GiB free, a sync takes %.3f ms%s%s", test->above, test->ground.filesystem,
			  (double)test->ground.free_bytes / (double)(1ull << 30), (double)test->ground.sync_us / 1000,
			  doubt ? "; " : "", doubt ? doubt : "");
}

static int say(struct selftest *test)
{
	const char *finding = crash_finding(test->crash);
	char next[PATH_BYTES + 64] = "";

	if (test->call->json)
		print_object(test);
	else
		listing_print(test->call, "scripts", json_incref(test->rows), columns, NULL);
	if (test->call->json)
		return *finding ? error_exit_code(ERR_CORRUPT) : 0;
	notes_print(test);
	if (!*finding) {
		call_note(test->call, "nothing that was acknowledged is lost, and nothing is corrupt");
		return 0;
	}
	if (*test->kept)
		snprintf(next, sizeof(next), "the image is kept in %s; please report it with that", test->kept);
	return call_fail(test->call, ERR_CORRUPT, *next ? next : NULL, "%" PRIu64 " lost, %" PRIu64 " corrupt; the first: %s",
			 test->sum.lost, test->sum.corrupt, finding);
}

static int finish(struct selftest *test, int rc)
{
	if (watch_interrupted()) {
		if (*test->kept)
			call_note(test->call, "interrupted after %" PRIu64 " images; one that was wrong is kept in %s",
				  test->sum.images, test->kept);
		else
			call_note(test->call, "interrupted after %" PRIu64 " images; nothing of them is left", test->sum.images);
		return watch_exit_code();
	}
	if (rc == ERR_CANCELLED)
		call_note(test->call, "this disk is slow: not every script was played; --images N takes as long as it takes");
	else if (rc)
		return call_fail(test->call, rc, NULL, "the test itself did not work: %s", crash_why(test->crash));
	return say(test);
}

static int crash_test(struct selftest *test)
{
	struct crash_options options = {.folder = test->folder,
					.on_disk = test->on_disk,
					.seed = test->seed,
					.variants = VARIANTS,
					.images = FIRST_IMAGES,
					.stop = stop,
					.context = test};
	int rc = crash_new(&options, &test->crash);

	if (rc)
		return call_fail(test->call, rc, NULL, "the test cannot begin: %s", error_sentence(rc));
	watch_signals();
	rc = scripts_run(test);
	image_keep(test);
	rc = finish(test, rc);
	crash_free(test->crash);
	return rc;
}

static int run(struct call *call)
{
	struct selftest test = {.call = call, .on_disk = option_set(call, "crash"), .seed = 1, .began_ms = clock_ms()};
	uint32_t seed = 1;
	int rc = option_number(call, "images", 1, 100000000, &test.images);

	if (!rc)
		rc = option_number(call, "seed", 0, UINT32_MAX, &seed);
	test.seed = seed;
	if (!rc)
		rc = above_find(&test);
	if (!rc)
		rc = folder_make(&test);
	if (rc)
		return rc;
	test.rows = need(json_array());
	rc = crash_test(&test);
	json_decref(test.rows);
	rmdir(test.folder);
	return rc;
}

static const struct option_row options[] = {
	{"crash", NULL, "write the images to the disk and open them there, for about 20 seconds; else in memory, for 5"},
	{"images", "N", "look at about N images instead, however long that takes"},
	{"folder", "FOLDER", "on the disk of this folder instead of the state folder's"},
	{"seed", "N", "choose other records and other images; 1 unless given"},
	{NULL, NULL, NULL},
};

const struct command command_selftest = {
	.name = "selftest",
	.operands = "",
	.sentence = "Plays losses of power on this machine and looks whether the trail survives them",
	.example = "$ bunshin selftest --crash",
	.notes = "Scripts write trails, and every write and sync of theirs is recorded. For moments all over them, disks are "
		 "made as a\n"
		 "loss of power could leave them: what was not synced is kept, lost, reordered or torn. Each is opened as Omega\n"
		 "would open it; nothing that was acknowledged may be missing. ACKNOWLEDGED counts what the images had to have.\n"
		 "Exit code 1: something was lost or is corrupt; that image is kept. Your own trail is not touched, and what is\n"
		 "written is removed. Whether a disk keeps what it has said to have synced, only a real loss of power shows.",
	.options = options,
	.run = run,
};
