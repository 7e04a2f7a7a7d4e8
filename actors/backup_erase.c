/* SPDX-License-Identifier: MIT
 *
 * A backup's folder is laid out like a state folder, so artefacts go the same way there, with a note that outlives a crash.
 */
#include "actors/backup_erase.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/eraser.h"

struct erasing {
	struct state_folder folder; /* the backup's */
	char trail[PATH_BYTES];
	bool whole; /* a folder, not a file alone */
	const struct erased_claim *claim;
	struct backup_erased *erased;
	char *sentence;
};

static int fail(struct erasing *erasing, int rc, const char *why)
{
	snprintf(erasing->sentence, SENTENCE_BYTES, "%.200s: %.250s", erasing->trail, why);
	return rc;
}

static int place_find(struct erasing *erasing, const char *place)
{
	struct stat status;
	char *real = realpath(place, NULL);
	int rc = real && strlen(real) < PATH_BYTES - 64 && !stat(real, &status) ? 0 : ERR_NOT_FOUND;

	snprintf(erasing->trail, PATH_BYTES, "%s", place);
	if (rc) {
		free(real);
		return fail(erasing, rc, "there is no such file or folder");
	}
	erasing->whole = S_ISDIR(status.st_mode);
	snprintf(erasing->folder.root, PATH_BYTES, "%s", real);
	snprintf(erasing->trail, PATH_BYTES, "%.4000s%s", real, erasing->whole ? "/" BACKUP_TRAIL : "");
	free(real);
	return 0;
}

/* With the backup's trail open to read. */
static int with_trail(struct erasing *erasing, int (*act)(struct erasing *erasing, struct trail *trail))
{
	struct trail *trail = NULL;
	char why[256] = "";
	int rc = trail_open(erasing->trail, TRAIL_READ, &trail, why);

	if (rc)
		return fail(erasing, rc, why);
	rc = act(erasing, trail);
	trail_close(trail);
	return rc;
}

/* ---- artefacts ---- */

static int note(struct erasing *erasing, struct trail *trail)
{
	struct erased_claim claim = *erasing->claim;
	struct erase_plan plan;
	char run[PATH_BYTES];
	int rc = state_path(&erasing->folder, STATE_RUN, run);

	if (!rc && mkdir(run, 0700) && errno != EEXIST)
		return fail(erasing, ERR_IO, "its folder cannot be written");
	claim.in_backup = true;
	if (claim.through_seq > trail_last_seq(trail))
		claim.through_seq = trail_last_seq(trail);
	if (!rc)
		rc = eraser_note(&erasing->folder, trail, &claim, 0, &plan, &erasing->erased->artefacts);
	return rc ? fail(erasing, rc, trail_why(trail)) : 0;
}

static int finish(struct erasing *erasing, struct trail *trail)
{
	char run[PATH_BYTES], why[256];
	int rc = eraser_finish(&erasing->folder, trail, why);

	if (rc)
		return fail(erasing, rc, why);
	if (!state_path(&erasing->folder, STATE_RUN, run))
		rmdir(run);
	return 0;
}

/* ---- what the backup says of itself ---- */

struct sum {
	const char *folder;
	json_int_t count;
	json_int_t bytes;
};

static int add_up(void *context, const char *relative, const struct hash *hash)
{
	struct sum *sum = context;
	struct stat status;
	char path[PATH_BYTES];

	(void)hash;
	if (snprintf(path, sizeof(path), "%s/%s", sum->folder, relative) >= (int)sizeof(path) || stat(path, &status))
		return ERR_IO;
	sum->count++;
	sum->bytes += status.st_size;
	return 0;
}

static int facts_write(struct erasing *erasing, json_t *facts, const char *path)
{
	char *text = json_dumps(facts, JSON_INDENT(2));
	int rc = text ? file_replace(path, text, strlen(text), 0600) : ERR_MEMORY;

	free(text);
	return rc ? fail(erasing, rc, BACKUP_FACTS " cannot be written") : 0;
}

static int facts_correct(struct erasing *erasing, uint64_t payloads)
{
	char path[PATH_BYTES], artefacts[PATH_BYTES];
	struct sum sum = {.folder = artefacts};
	json_t *facts, *before;
	int rc = state_path(&erasing->folder, BACKUP_FACTS, path);

	if (!rc)
		rc = state_path(&erasing->folder, BACKUP_ARTEFACTS, artefacts);
	facts = rc ? NULL : json_load_file(path, 0, NULL);
	if (!facts)
		return 0; /* no backup of ours, but a folder with a trail */
	rc = backup_artefacts(artefacts, add_up, &sum);
	before = json_object_get(facts, "artefacts");
	erasing->erased->artefacts =
		(uint32_t)(json_integer_value(before) > sum.count ? json_integer_value(before) - sum.count : 0);
	json_object_set_new(facts, "artefacts", json_integer(sum.count));
	json_object_set_new(facts, "artefact_bytes", json_integer(sum.bytes));
	before = json_object_get(facts, "payloads");
	json_object_set_new(facts, "payloads", json_integer(json_integer_value(before) - (json_int_t)payloads));
	rc = rc ? fail(erasing, rc, "its artefacts cannot be counted") : facts_write(erasing, facts, path);
	json_decref(facts);
	return rc;
}

int backup_erase(const char *place, const struct erased_claim *claim, struct bytes receipt, const struct log_keys *keys,
		 struct backup_erased *out_erased, char out_sentence[SENTENCE_BYTES])
{
	struct erasing erasing = {.claim = claim, .erased = out_erased, .sentence = out_sentence};
	char why[256] = "";
	int rc;

	*out_erased = (struct backup_erased){0};
	rc = place_find(&erasing, place);
	if (!rc && erasing.whole)
		rc = with_trail(&erasing, note);
	if (rc)
		return rc;
	rc = erase_in_backup(erasing.trail, (const char *)receipt.at, receipt.bytes, keys, &out_erased->plan, why);
	if (rc)
		return fail(&erasing, rc, why);
	if (!erasing.whole)
		return 0;
	rc = with_trail(&erasing, finish);
	return rc ? rc : facts_correct(&erasing, out_erased->plan.payloads);
}
