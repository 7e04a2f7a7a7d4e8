/* SPDX-License-Identifier: MIT
 *
 * The work folder of an attempt, and the files in it that become artefacts.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/clone_inner.h"
#include "actors/salvage.h"
#include "protocol/id.h"

#define UPLOAD_TRIES_MAX 16u

/* ---- the folder ---- */

int folder_make(const struct clone_actor *clone, struct running *running)
{
	char task[ID_TEXT_BYTES];

	id_print(&running->task_id, task);
	if (snprintf(running->folder, PATH_BYTES, "%s/%s.%u", clone->work, task, running->attempt) >= (int)PATH_BYTES)
		return ERR_TOO_LARGE;
	if (!salvage_move(running->folder))
		work_folder_remove(running->folder);
	return mkdir(running->folder, 0700) ? ERR_IO : 0;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	(void)stat;
	(void)place;
	if (kind == FTW_DP)
		rmdir(path);
	else
		unlink(path);
	return 0; /* what cannot be removed stays, and the rest goes */
}

/* A folder that its owner made unreadable would keep what is in it. */
static int open_up(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	(void)place;
	if ((kind == FTW_D || kind == FTW_DNR) && (stat->st_mode & 0700) != 0700)
		chmod(path, 0700);
	return 0;
}

void work_folder_remove(const char *path)
{
	if (!path[0])
		return;
	nftw(path, open_up, 16, FTW_PHYS);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- artefacts ---- */

static const json_t *artefact_at(const struct running *running, size_t index)
{
	return json_array_get(json_object_get(json_object_get(running->last, "completion"), "artefacts"), index);
}

/* The file must lie in the work folder, whatever links the attempt has laid. */
static bool inside(const struct running *running, const char *name, char out_path[PATH_BYTES])
{
	char wanted[PATH_BYTES];
	char *real;
	bool is;
	size_t length = strlen(running->folder);

	if (snprintf(wanted, sizeof(wanted), "%s%s%s", name[0] == '/' ? "" : running->folder, name[0] == '/' ? "" : "/", name) >=
	    (int)sizeof(wanted))
		return false;
	real = realpath(wanted, NULL);
	is = real && strncmp(real, running->folder, length) == 0 && real[length] == '/' && strlen(real) < PATH_BYTES;
	if (is)
		snprintf(out_path, PATH_BYTES, "%s", real);
	free(real);
	return is;
}

static void note_missing(struct running *running, const json_t *wanted, const char *why)
{
	const char *name = json_string_value(json_object_get(wanted, "name"));

	running->artefact_missing = true;
	json_array_append_new(running->artefacts, json_pack("{s:s, s:s}", "name", name ? name : "?", "missing", why));
}

static bool begin_upload(struct clone_actor *clone, struct running *running, const json_t *wanted)
{
	const char *name = json_string_value(json_object_get(wanted, "path"));
	char path[PATH_BYTES];

	if (!name || !inside(running, name, path) || upload_open(&running->upload, path)) {
		note_missing(running, wanted, "it is not a readable file in the work folder");
		return false;
	}
	running->upload.task_id = running->task_id;
	running->uploading = true;
	if (link_joined(clone->link) && upload_offer(&running->upload, clone->link))
		clone->rc = ERR_MEMORY;
	return true;
}

bool files_next(struct clone_actor *clone, struct running *running)
{
	const json_t *wanted;

	while (!running->uploading && (wanted = artefact_at(running, running->artefact_next)))
		if (!begin_upload(clone, running, wanted))
			running->artefact_next++;
	return running->uploading;
}

static void end_upload(struct running *running)
{
	upload_close(&running->upload);
	running->uploading = false;
	running->artefact_next++;
}

void files_take_credit(struct clone_actor *clone, struct running *running, const struct artefact_get *get)
{
	const json_t *wanted = artefact_at(running, running->artefact_next);
	const char *name = json_string_value(json_object_get(wanted, "name"));
	const char *media = json_string_value(json_object_get(wanted, "media_type"));
	char hash[2 * sizeof(struct hash) + 1];

	if (!running->uploading || !hash_equal(&running->upload.hash, &get->hash))
		return;
	if (upload_answer(&running->upload, clone->link, get)) {
		note_missing(running, wanted, "it changed while it was read");
		end_upload(running);
		return;
	}
	if (!running->upload.done)
		return;
	hex_print(get->hash.bytes, sizeof(get->hash.bytes), hash);
	json_array_append_new(running->artefacts, json_pack("{s:s, s:s, s:I, s:s}", "name", name ? name : "artefact", "hash",
							    hash, "bytes", (json_int_t)running->upload.total, "media_type",
							    media ? media : "application/octet-stream"));
	end_upload(running);
}

void files_refused(struct clone_actor *clone, struct running *running, const struct refusal *refusal)
{
	if (!running->uploading)
		return;
	if ((refusal->code == ERROR_STATE || error_retryable((int)refusal->code)) && running->upload_tries++ < UPLOAD_TRIES_MAX) {
		files_offer_again(clone, running);
		return;
	}
	note_missing(running, artefact_at(running, running->artefact_next), error_sentence((int)refusal->code));
	end_upload(running);
}

void files_offer_again(struct clone_actor *clone, struct running *running)
{
	if (running->uploading && upload_offer(&running->upload, clone->link))
		clone->rc = ERR_MEMORY;
}
