/* SPDX-License-Identifier: MIT
 *
 * Work folders that a clone left behind, work/CLONE/TASK.ATTEMPT: a clone clears its own when it starts, but perhaps it never does.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/eraser.h"
#include "protocol/id.h"

#define WORK_FOLDER "work"

/* What cannot be overwritten is removed all the same: it may be a pipe, or a file whose owner took his rights away. */
static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)place;
	if (kind == FTW_DP)
		return rmdir(path) ? ERR_IO : 0;
	if (S_ISREG(status->st_mode) && status->st_nlink == 1 && file_shred(path) == 0)
		return 0;
	return unlink(path) && errno != ENOENT ? ERR_IO : 0;
}

/* A folder that its owner made unreadable would keep what is in it. */
static int open_up(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)place;
	if ((kind == FTW_D || kind == FTW_DNR) && (status->st_mode & 0700) != 0700)
		(void)chmod(path, 0700);
	return 0;
}

static bool is_of_erased(struct trail *trail, const char *name)
{
	struct trail_task task;
	struct id id;
	bool gone = false;
	const char *dot = strchr(name, '.');

	return dot && id_parse(name, (size_t)(dot - name), &id) == 0 && trail_task(trail, &id, &task) == 0 &&
	       erase_is_gone(trail, task.request_seq, &gone) == 0 && gone;
}

static int clear_clone(const char *folder, struct trail *trail)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	DIR *clone = opendir(folder);
	int rc = 0;

	while (clone && !rc && (entry = readdir(clone))) {
		if (!is_of_erased(trail, entry->d_name) ||
		    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path))
			continue;
		(void)nftw(path, open_up, 16, FTW_PHYS);
		rc = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && access(path, F_OK) == 0 ? ERR_IO : 0;
	}
	if (clone)
		closedir(clone);
	return rc;
}

int eraser_work(const struct state_folder *state, struct trail *trail)
{
	char root[PATH_BYTES], path[PATH_BYTES];
	struct dirent *entry;
	DIR *work;
	int rc = state_path(state, WORK_FOLDER, root);

	work = rc ? NULL : opendir(root);
	while (work && !rc && (entry = readdir(work)))
		if (entry->d_name[0] != '.' && snprintf(path, sizeof(path), "%s/%s", root, entry->d_name) < (int)sizeof(path))
			rc = clear_clone(path, trail);
	if (work)
		closedir(work);
	return rc;
}
