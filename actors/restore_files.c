/* SPDX-License-Identifier: MIT
 *
 * What belongs to a trail and is not in it: artefacts, peers, keys. Only what is missing is brought; an artefact that is damaged is put aside
 * first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/restore_inner.h"
#include "actors/transfer.h"

struct bringing {
	const struct restore_options *options;
	const char *root;
	char *sentence;
};

static int fail_errno(const struct bringing *bringing, const char *doing, const char *path)
{
	snprintf(bringing->sentence, SENTENCE_BYTES, "%s %.300s: %s", doing, path, strerror(errno));
	return ERR_IO;
}

static int make_folder(const struct bringing *bringing, const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? fail_errno(bringing, "cannot make", path) : 0;
}

/* ---- artefacts ---- */

/* True if the file is there and is what its name says; a damaged one is put aside. */
static bool is_good(const char *path, const struct hash *hash)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char aside[PATH_BYTES];
	struct hash found;
	uint64_t bytes;
	bool good;

	if (fd < 0)
		return false;
	good = file_hash(fd, &found, &bytes) == 0 && hash_equal(&found, hash);
	close(fd);
	if (!good && snprintf(aside, sizeof(aside), "%s.damaged", path) < (int)sizeof(aside) && rename(path, aside))
		return false; /* then the copy finds it in its way and says so */
	return good;
}

/* Under another name until it is whole. */
static int bring_artefact(void *context, const char *relative, const struct hash *hash)
{
	const struct bringing *bringing = context;
	char from[PATH_BYTES], to[PATH_BYTES], partial[PATH_BYTES], folder[PATH_BYTES];
	uint64_t bytes;
	int rc;

	if (bringing->options->stop && bringing->options->stop(bringing->options->context))
		return ERR_CANCELLED;
	if (snprintf(from, sizeof(from), "%s/" BACKUP_ARTEFACTS "/%s", bringing->options->folder, relative) >=
		    (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/" STATE_ARTEFACTS "/%s", bringing->root, relative) >= (int)sizeof(to) ||
	    snprintf(partial, sizeof(partial), "%s.partial", to) >= (int)sizeof(partial))
		return ERR_TOO_LARGE;
	if (is_good(to, hash))
		return 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(to, '/') - to), to);
	rc = make_folder(bringing, folder);
	unlink(partial);
	if (!rc && backup_copy_file(from, partial, 0600, NULL, &bytes))
		rc = fail_errno(bringing, "cannot copy", from);
	if (!rc && (renameat2(AT_FDCWD, partial, AT_FDCWD, to, RENAME_NOREPLACE) || backup_sync_folder(folder)))
		rc = fail_errno(bringing, "cannot write", to);
	return rc;
}

static int bring_artefacts(const struct bringing *bringing)
{
	struct bringing copy = *bringing;
	char from[PATH_BYTES], to[PATH_BYTES];
	int rc = 0;

	if (snprintf(from, sizeof(from), "%s/" BACKUP_ARTEFACTS, bringing->options->folder) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/" STATE_ARTEFACTS, bringing->root) >= (int)sizeof(to))
		return ERR_TOO_LARGE;
	rc = make_folder(bringing, to);
	if (!rc)
		rc = backup_artefacts(from, bring_artefact, &copy);
	if (!rc && backup_sync_folder(to))
		rc = fail_errno(bringing, "cannot sync", to);
	return rc;
}

/* ---- small files ---- */

static int bring_file(const struct bringing *bringing, const char *from, const char *to, unsigned mode)
{
	uint64_t bytes;
	int rc = backup_copy_file(from, to, mode, NULL, &bytes);

	return rc == 0 || rc == ERR_CONFLICT ? 0 : fail_errno(bringing, "cannot copy", from);
}

static int bring_entry(const struct bringing *bringing, const char *from, const char *to, const char *entry);

static int bring_all(const struct bringing *bringing, const char *from, const char *to)
{
	struct dirent *entry;
	DIR *list = opendir(from);
	int rc;

	if (!list)
		return errno == ENOENT ? 0 : fail_errno(bringing, "cannot read", from);
	rc = make_folder(bringing, to);
	while (!rc && (entry = readdir(list)))
		if (entry->d_name[0] != '.')
			rc = bring_entry(bringing, from, to, entry->d_name);
	closedir(list);
	return !rc && backup_sync_folder(to) ? fail_errno(bringing, "cannot sync", to) : rc;
}

static int bring_entry(const struct bringing *bringing, const char *from, const char *to, const char *entry)
{
	char file[PATH_BYTES], place[PATH_BYTES];
	struct stat status;

	if (snprintf(file, sizeof(file), "%s/%s", from, entry) >= (int)sizeof(file) ||
	    snprintf(place, sizeof(place), "%s/%s", to, entry) >= (int)sizeof(place))
		return ERR_TOO_LARGE;
	if (lstat(file, &status))
		return fail_errno(bringing, "cannot look at", file);
	if (S_ISDIR(status.st_mode))
		return bring_all(bringing, file, place);
	return bring_file(bringing, file, place, status.st_mode & 0777);
}

static int bring_folder(const struct bringing *bringing, const char *source, const char *target)
{
	char from[PATH_BYTES], to[PATH_BYTES];

	if (snprintf(from, sizeof(from), "%s/%s", bringing->options->folder, source) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/%s", bringing->root, target) >= (int)sizeof(to))
		return ERR_TOO_LARGE;
	return bring_all(bringing, from, to);
}

/* The newest of the public files: a backup with secrets has it twice, one without only here. */
static int bring_public(const struct bringing *bringing)
{
	char from[PATH_BYTES], folder[PATH_BYTES], to[PATH_BYTES];
	int rc;

	if (snprintf(from, sizeof(from), "%s/" BACKUP_KEYS, bringing->options->folder) >= (int)sizeof(from) ||
	    snprintf(folder, sizeof(folder), "%s/" STATE_KEYS, bringing->root) >= (int)sizeof(folder) ||
	    snprintf(to, sizeof(to), "%s/" BACKUP_KEYS, folder) >= (int)sizeof(to))
		return ERR_TOO_LARGE;
	rc = make_folder(bringing, folder);
	if (!rc)
		rc = bring_file(bringing, from, to, 0644);
	return !rc && backup_sync_folder(folder) ? fail_errno(bringing, "cannot sync", folder) : rc;
}

int restore_files(const struct restore_options *options, const char *root, char out_sentence[SENTENCE_BYTES])
{
	const struct bringing bringing = {.options = options, .root = root, .sentence = out_sentence};
	int rc = bring_artefacts(&bringing);

	if (!rc)
		rc = bring_public(&bringing);
	if (!rc)
		rc = bring_folder(&bringing, BACKUP_PEERS, STATE_PEERS);
	return rc ? rc : bring_folder(&bringing, BACKUP_SECRETS, STATE_KEYS);
}
