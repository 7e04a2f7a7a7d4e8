/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/ref_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/directory.h"
#include "workspace/store/agent.h"

/* Below this many, each file is brought to the disk by itself; above, the file system as a whole. */
#define FSYNC_MAX 16u

/* ---- locking ---- */

static int fail_folder(struct workspace_agent *agent, const struct ref_write *write)
{
	if (errno == ELOOP || errno == ENOTDIR)
		return agent_fail(agent, ERR_STATE,
				  "%s cannot be written: on its way there is a symbolic link or a file where a folder should be",
				  write->name);
	return agent_fail(agent, ERR_IO, "the folder of %s cannot be opened: %s", write->name, strerror(errno));
}

/* The folder of the ref, made where it is missing. */
static int open_folder(struct workspace_agent *agent, int git_folder, struct ref_write *write)
{
	const char *at = write->name, *slash;
	write->folder = dup(git_folder);
	while (write->folder >= 0 && (slash = strchr(at, '/'))) {
		char name[256];
		if ((size_t)(slash - at) >= sizeof(name))
			return agent_fail(agent, ERR_STATE, "%s cannot be written: a part of its name is longer than 255 bytes",
					  write->name);
		memcpy(name, at, (size_t)(slash - at));
		name[slash - at] = 0;
		int inside = directory_open(write->folder, name, true);
		int saved = errno;
		close(write->folder);
		errno = saved;
		write->folder = inside;
		at = slash + 1;
	}
	if (write->folder < 0)
		return fail_folder(agent, write);
	if (strlen(at) + 5 >= 256)
		return agent_fail(agent, ERR_STATE, "%s cannot be written: a part of its name is longer than 250 bytes",
				  write->name);
	snprintf(write->lock, sizeof(write->lock), "%s.lock", at);
	return 0;
}

static void leaf_of(const struct ref_write *write, char out_leaf[300])
{
	size_t bytes = strlen(write->lock) - strlen(".lock");
	memcpy(out_leaf, write->lock, bytes);
	out_leaf[bytes] = 0;
}

static int make_lock(struct workspace_agent *agent, struct ref_write *write, bool sync)
{
	char text[OID_HEX_BYTES + 1];
	int file = directory_create(write->folder, write->lock, 0666);
	if (file < 0) {
		int rc = errno == EEXIST ? ERR_LOCKED : ERR_IO;
		const char *why =
			rc == ERR_LOCKED ? "its .lock is there: another git is changing it, or has died" : strerror(errno);
		close(write->folder);
		write->folder = -1;
		return agent_fail(agent, rc, "%s cannot be locked: %s", write->name, why);
	}
	oid_print(&write->id, text);
	text[OID_HEX_BYTES - 1] = '\n';
	bool failed = directory_write(file, text, OID_HEX_BYTES) || (sync && fsync(file));
	int saved = errno;
	if (close(file) && !failed) {
		failed = true;
		saved = errno;
	}
	return failed ? agent_fail(agent, ERR_IO, "%s cannot be written: %s", write->name, strerror(saved)) : 0;
}

/* A folder in its place may be left over from refs that were deleted. */
static int clear_place(struct workspace_agent *agent, const struct ref_write *write)
{
	char leaf[300];
	leaf_of(write, leaf);
	if (directory_remove_empty(write->folder, leaf))
		return agent_fail(agent, ERR_STATE, "%s cannot be written: there is a folder of that name with other refs in it",
				  write->name);
	return 0;
}

static int check_place(struct workspace_agent *agent, git_repository *repository, const struct ref_write *write)
{
	git_oid id;
	int error = git_reference_name_to_id(&id, repository, write->name);
	if (error && error != GIT_ENOTFOUND)
		return agent_fail(agent, ERR_IO, "%s cannot be read: %s", write->name, libgit2_reason());
	bool is_there = !error;
	if (is_there == write->has_old && (!is_there || !memcmp(id.id, write->old.bytes, OID_BYTES)))
		return 0;
	return agent_fail(agent, ERR_MOVED, "%s was changed there meanwhile", write->name);
}

static int lock_one(struct workspace_agent *agent, git_repository *repository, int git_folder, struct ref_write *write, bool sync)
{
	int rc = open_folder(agent, git_folder, write);
	if (!rc)
		rc = make_lock(agent, write, sync);
	if (!rc)
		rc = check_place(agent, repository, write);
	return rc || write->has_old ? rc : clear_place(agent, write);
}

int ref_files_lock(struct workspace_agent *agent, git_repository *repository, int git_folder, struct ref_write *writes,
		   size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count; i++)
		writes[i].folder = -1;
	for (size_t i = 0; i < count && !rc; i++)
		rc = lock_one(agent, repository, git_folder, &writes[i], count <= FSYNC_MAX);
	if (!rc && count > FSYNC_MAX && syncfs(git_folder))
		rc = agent_fail(agent, ERR_IO, "the refs cannot be brought to the disk: %s", strerror(errno));
	if (rc)
		ref_files_cancel(writes, count);
	return rc;
}

/* ---- and then ---- */

static int put_in_place(struct workspace_agent *agent, struct ref_write *write, bool sync)
{
	char leaf[300];
	leaf_of(write, leaf);
	if (renameat(write->folder, write->lock, write->folder, leaf) || (sync && fsync(write->folder)))
		return agent_fail(agent, ERR_IO, "%s cannot be put in its place: %s", write->name, strerror(errno));
	close(write->folder);
	write->folder = -1;
	return 0;
}

int ref_files_commit(struct workspace_agent *agent, int git_folder, struct ref_write *writes, size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		rc = put_in_place(agent, &writes[i], count <= FSYNC_MAX);
	if (rc)
		ref_files_cancel(writes, count);
	else if (count > FSYNC_MAX && syncfs(git_folder))
		rc = agent_fail(agent, ERR_IO, "the refs cannot be brought to the disk: %s", strerror(errno));
	return rc;
}

void ref_files_cancel(struct ref_write *writes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (writes[i].folder >= 0) {
			unlinkat(writes[i].folder, writes[i].lock, 0);
			close(writes[i].folder);
			writes[i].folder = -1;
		}
}
