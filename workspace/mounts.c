/* SPDX-License-Identifier: MIT
 *
 * What a run of the sandbox sees of the host besides what every program sees: checked before anything is started.
 */
#include "workspace/mounts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Nothing may be mounted on them, above them or below them. */
static const char *const taken[] = {"/proc",  "/sys",    "/dev", "/usr", "/bin",  "/sbin", "/lib", "/lib32",
				    "/lib64", "/libx32", "/etc", "/tmp", "/repo", "/work", "/git", "/opt/bunshin"};

/* Except below these: they are new and empty in every run. */
static const char *const fresh[] = {"/tmp", "/dev/shm"};

/* Read-only in every run, at the path they have on the host. */
static const char *const seen[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

/* Of the host: not to be given at all, with what is below; alone; and not to be written. */
static const char *const never[] = {"/proc", "/sys", "/dev"};
static const char *const not_whole[] = {"/", "/dev/shm", "/run", "/var/run"};
static const char *const not_writable[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/boot"};

/* True if `path` is `folder` or below it. */
static bool within(const char *path, const char *folder)
{
	size_t bytes = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
	return strncmp(path, folder, bytes) == 0 && (path[bytes] == '/' || path[bytes] == '\0');
}

static bool overlap(const char *a, const char *b)
{
	return within(a, b) || within(b, a);
}

static bool below_one_of(const char *path, const char *const *folders, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (within(path, folders[i]) && strcmp(path, folders[i]) != 0)
			return true;
	return false;
}

static bool one_of(const char *path, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return false;
}

__attribute__((format(printf, 2, 3))) static int refuse(char out_why[256], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out_why, 256, format, arguments);
	va_end(arguments);
	return ERR_SANDBOX;
}

/* Absolute, and without anything that would have to be resolved. */
static bool plain(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *at = path; *at;) {
		size_t bytes = strcspn(++at, "/");
		if (bytes == 0 || (bytes == 1 && at[0] == '.') || (bytes == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += bytes;
	}
	return true;
}

/* ---- one entry ---- */

static int check_inside(struct mounts_entry *entry, char out_why[256])
{
	const char *inside = entry->inside;
	if (strcmp(inside, "/") == 0)
		return refuse(out_why, "nothing can be mounted on / in the sandbox");
	if (!plain(inside))
		return refuse(out_why, "%.150s is no place in the sandbox: an absolute path without //, . and .. is", inside);
	entry->seen = !entry->writable && strcmp(inside, entry->outside) == 0 && below_one_of(inside, seen, COUNT(seen));
	if (entry->seen || below_one_of(inside, fresh, COUNT(fresh)))
		return 0;
	for (size_t i = 0; i < COUNT(taken); i++)
		if (overlap(inside, taken[i]))
			return refuse(out_why, "%.150s cannot be mounted in the sandbox: every program has a %s of its own there",
				      inside, taken[i]);
	return 0;
}

static int check_outside(struct mounts_entry *entry, const char *given, char out_why[256])
{
	if (given[0] != '/')
		return refuse(out_why, "%.150s cannot be given to the sandbox: it is not an absolute path", given);
	if (!realpath(given, entry->outside))
		return refuse(out_why, "%.150s cannot be given to the sandbox: %s", given, strerror(errno));
	const char *outside = entry->outside;
	if (one_of(outside, not_whole, COUNT(not_whole)))
		return refuse(out_why, "%.150s is never given to the sandbox as a whole", given);
	for (size_t i = 0; i < COUNT(never); i++)
		if (within(outside, never[i]) && !within(outside, "/dev/shm"))
			return refuse(out_why, "%.150s is never given to the sandbox: it lies in %s", given, never[i]);
	if (!entry->writable)
		return 0;
	for (size_t i = 0; i < COUNT(not_writable); i++)
		if (within(outside, not_writable[i]))
			return refuse(out_why, "%.150s is never given to the sandbox to write in: it belongs to the system",
				      given);
	if (!strchr(outside + 1, '/'))
		return refuse(out_why, "%.150s is never given to the sandbox to write in as a whole", given);
	return 0;
}

static int check_entry(struct mounts_entry *entry, const struct sandbox_mount *mount, char out_why[256])
{
	if (!mount->outside)
		return refuse(out_why, "a mount of the sandbox does not say what");
	entry->inside = mount->inside ? mount->inside : mount->outside;
	entry->writable = mount->writable;
	int rc = check_outside(entry, mount->outside, out_why);
	return rc ? rc : check_inside(entry, out_why);
}

static int check_home(const char *home, char out_why[256])
{
	struct stat status;
	if (lstat(home, &status) != 0)
		return refuse(out_why, "the home folder %.150s is not there: %s", home, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return refuse(out_why, "the home folder %.150s is not a folder%s", home,
			      S_ISLNK(status.st_mode) ? " but a link" : "");
	return 0;
}

/* ---- all of them together ---- */

/* What the job gives by other members. */
struct given {
	char path[PATH_MAX];
	bool writable;
};

/* Where one is missing, bwrap will say so. */
static size_t given_of(const struct sandbox_job *job, struct given given[3])
{
	const char *const paths[] = {job->work, job->repository, job->git};
	size_t count = 0;
	for (size_t i = 0; i < COUNT(paths); i++)
		if (paths[i] && realpath(paths[i], given[count].path))
			given[count++].writable = paths[i] == job->work;
	return count;
}

static int nested(const char *outer, const char *inner, char out_why[256])
{
	return refuse(out_why, "%.100s cannot be given to the sandbox together with %.90s, which is writable and holds it", inner,
		      outer);
}

static bool holds(const char *outer, bool writable, const char *inner)
{
	return writable && within(inner, outer) && strcmp(inner, outer) != 0;
}

static int check_pair(const struct mounts_entry *a, const struct mounts_entry *b, char out_why[256])
{
	if (overlap(a->inside, b->inside))
		return refuse(out_why, "%.110s and %.110s overlap in the sandbox", a->inside, b->inside);
	if (holds(a->outside, a->writable, b->outside))
		return nested(a->outside, b->outside, out_why);
	if (holds(b->outside, b->writable, a->outside))
		return nested(b->outside, a->outside, out_why);
	return 0;
}

static int check_together(const struct mounts *mounts, const struct given *given, size_t given_count, char out_why[256])
{
	int rc = 0;
	for (size_t i = 0; i < mounts->count && rc == 0; i++) {
		const struct mounts_entry *entry = &mounts->entries[i];
		for (size_t j = 0; j < i && rc == 0; j++)
			rc = check_pair(entry, &mounts->entries[j], out_why);
		for (size_t j = 0; j < given_count && rc == 0; j++) {
			if (holds(given[j].path, given[j].writable, entry->outside))
				rc = nested(given[j].path, entry->outside, out_why);
			else if (holds(entry->outside, entry->writable, given[j].path))
				rc = nested(entry->outside, given[j].path, out_why);
		}
	}
	return rc;
}

/* The relay is the only way to its socket. */
static int check_relay(const struct sandbox_job *job, const struct mounts *mounts, const struct given *given, size_t given_count,
		       char out_why[256])
{
	char socket[PATH_MAX];
	const char *seen_in = NULL;
	if (job->relay.port == 0 || !job->relay.socket || !realpath(job->relay.socket, socket))
		return 0;
	for (size_t i = 0; i < mounts->count; i++)
		if (within(socket, mounts->entries[i].outside))
			seen_in = mounts->entries[i].outside;
	for (size_t i = 0; i < given_count; i++)
		if (within(socket, given[i].path))
			seen_in = given[i].path;
	return seen_in ? refuse(out_why, "the way to the model, %.100s, must not lie in a folder that the sandbox sees: %.90s",
				socket, seen_in)
		       : 0;
}

int mounts_check(const struct sandbox_job *job, struct mounts *out_mounts, char out_why[256])
{
	struct given *given = calloc(3, sizeof(*given));
	struct mounts_entry *entries = calloc(job->mount_count + 1, sizeof(*entries));
	int rc = 0;
	*out_mounts = (struct mounts){.entries = entries};
	if (!given || !entries)
		rc = ERR_MEMORY;
	else if (job->mount_count > MOUNTS_MAX)
		rc = refuse(out_why, "%zu things cannot be given to the sandbox: %u can", job->mount_count, MOUNTS_MAX);
	for (size_t i = 0; i < job->mount_count && rc == 0; i++)
		rc = check_entry(&entries[out_mounts->count++], &job->mounts[i], out_why);
	if (job->home && rc == 0)
		rc = check_home(job->home, out_why);
	if (job->home && rc == 0)
		rc = check_entry(&entries[out_mounts->count++], &(struct sandbox_mount){job->home, NULL, true}, out_why);
	if (rc == 0) {
		size_t given_count = given_of(job, given);
		rc = check_together(out_mounts, given, given_count, out_why);
		if (rc == 0)
			rc = check_relay(job, out_mounts, given, given_count, out_why);
	}
	free(given);
	return rc;
}

void mounts_release(struct mounts *mounts)
{
	free(mounts->entries);
	*mounts = (struct mounts){0};
}
