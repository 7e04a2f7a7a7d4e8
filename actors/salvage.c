/* SPDX-License-Identifier: MIT
 *
 * Salvage: a note, a move, and a harvest.
 */
#include "actors/salvage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/attempt_inner.h"
#include "actors/clone_inner.h"
#include "actors/workspace_call.h"

#define SALVAGE_FOLDER "salvage"
#define ASK_MS         30000u

int salvage_lay(const char *work, const json_t *request, const char *elsewhere)
{
	json_t *note = json_pack("{s:O, s:s?}", "harvest", request, "elsewhere", elsewhere && *elsewhere ? elsewhere : NULL);
	char *text = note ? json_dumps(note, JSON_COMPACT) : NULL;
	char path[PATH_BYTES];
	int rc = text && snprintf(path, sizeof(path), "%s/" SALVAGE_FILE, work) < (int)sizeof(path)
			 ? file_publish(path, text, strlen(text), 0600)
			 : ERR_IO;

	free(text);
	json_decref(note);
	return rc;
}

void salvage_done(const char *work)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/" SALVAGE_FILE, work) < (int)sizeof(path))
		unlink(path);
}

/* ---- moving ---- */

/* STATE/work/CLONE/FOLDER to STATE/salvage and FOLDER. */
static bool take_apart(const char *work, char out_salvage[PATH_BYTES], const char **out_name)
{
	char *slash;

	if (snprintf(out_salvage, PATH_BYTES, "%s", work) >= (int)PATH_BYTES)
		return false;
	for (int i = 0; i < 3; i++) {
		slash = strrchr(out_salvage, '/');
		if (!slash || slash == out_salvage)
			return false;
		*slash = '\0';
	}
	*out_name = strrchr(work, '/') + 1;
	if (strlen(out_salvage) + sizeof("/" SALVAGE_FOLDER) > PATH_BYTES)
		return false;
	strcat(out_salvage, "/" SALVAGE_FOLDER);
	return true;
}

bool salvage_move(const char *work)
{
	char note[PATH_BYTES], folder[PATH_BYTES], to[PATH_BYTES];
	const char *name;

	if (!work[0] || snprintf(note, sizeof(note), "%s/" SALVAGE_FILE, work) >= (int)sizeof(note) || access(note, F_OK) != 0 ||
	    !take_apart(work, folder, &name))
		return false;
	if (mkdir(folder, 0700) && errno != EEXIST)
		return false;
	for (unsigned i = 0; i < 100; i++) { /* an attempt that was moved before under the same name stays */
		if (snprintf(to, sizeof(to), i ? "%.3800s/%.200s.%u" : "%.3800s/%.200s", folder, name, i) < (int)sizeof(to) &&
		    rename(work, to) == 0)
			return true;
	}
	return false;
}

bool salvage_waits(const struct state_folder *state)
{
	char path[PATH_BYTES];
	const struct dirent *entry;
	bool found = false;
	DIR *folder = state_path(state, SALVAGE_FOLDER, path) ? NULL : opendir(path);

	while (folder && !found && (entry = readdir(folder)))
		found = entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	return found;
}

/* ---- keeping ---- */

static json_t *note_read(const char *folder)
{
	char path[PATH_BYTES];
	json_t *note = NULL;

	if (snprintf(path, sizeof(path), "%s/" SALVAGE_FILE, folder) < (int)sizeof(path))
		note = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	return note;
}

static int keep(const struct state_folder *state, const char *folder, const json_t *note, char sentence[SENTENCE_BYTES])
{
	json_t *request = json_deep_copy(json_object_get(note, "harvest")), *result = NULL;
	char checkout[PATH_BYTES];
	int rc;

	snprintf(checkout, sizeof(checkout), "%.4000s/checkout", folder);
	json_object_set_new(request, "folder", json_string(checkout));
	json_object_set_new(request, "kept", json_true());
	json_object_set_new(request, "skip_ignored", json_true());
	rc = workspace_call(state, request, ASK_MS, -1, &result, NULL, sentence);
	json_decref(result);
	return rc;
}

static void remove_all(const char *folder, const json_t *note)
{
	const char *elsewhere = json_string_value(json_object_get(note, "elsewhere"));
	char checkout[PATH_BYTES];

	snprintf(checkout, sizeof(checkout), "%.4000s/checkout", folder);
	folder_remove(checkout);
	if (elsewhere)
		work_folder_remove(elsewhere);
	work_folder_remove(folder);
}

/* What is not kept stays as it is. */
static bool salvage_one(const struct state_folder *state, const char *folder)
{
	char sentence[SENTENCE_BYTES] = "its " SALVAGE_FILE " cannot be read";
	json_t *note = note_read(folder);
	int rc = note ? keep(state, folder, note, sentence) : ERR_MALFORMED;

	if (rc == 0)
		remove_all(folder, note);
	else
		fprintf(stderr, "%s stays: %s\n", folder, sentence);
	json_decref(note);
	return rc == 0;
}

static int salvage_all(const struct state_folder *state, const char *path)
{
	char folder[PATH_BYTES];
	const struct dirent *entry;
	int left = 0;
	DIR *all = opendir(path);

	if (!all)
		return 0;
	while ((entry = readdir(all)))
		if (entry->d_name[0] != '.' &&
		    snprintf(folder, sizeof(folder), "%s/%s", path, entry->d_name) < (int)sizeof(folder))
			left += !salvage_one(state, folder);
	closedir(all);
	return left;
}

int salvage_main(void)
{
	const char *root = getenv("BUNSHIN_STATE");
	struct state_folder state;
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	int left = 1, lock;

	if (!root || state_open_existing(root, &state, sentence) || state_path(&state, SALVAGE_FOLDER, path))
		return 1;
	lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return 0;
	if (flock(lock, LOCK_EX) == 0) /* one at a time: clones may have started several */
		left = salvage_all(&state, path);
	close(lock);
	return left ? 1 : 0;
}
