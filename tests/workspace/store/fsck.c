/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/fsck.h"

#include <ftw.h>
#include <git2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096

struct fsck {
	char folder[PATH_MAX];
	git_repository *repository;
	git_odb *odb;
	struct oid *blamed; /* sorted */
	size_t count;
};

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "fsck: %s: %s\n", what, git_error_last() ? git_error_last()->message : "");
	abort();
}

struct fsck *fsck_new(void)
{
	struct fsck *fsck = calloc(1, sizeof(*fsck));
	const char *where = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	if (!fsck)
		stop("out of memory");
	git_libgit2_init();
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
	snprintf(fsck->folder, sizeof(fsck->folder), "%s/bunshin-fsck-XXXXXX", where);
	if (!mkdtemp(fsck->folder) || git_repository_init(&fsck->repository, fsck->folder, true) ||
	    git_repository_odb(&fsck->odb, fsck->repository))
		stop(fsck->folder);
	return fsck;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

void fsck_free(struct fsck *fsck)
{
	git_odb_free(fsck->odb);
	git_repository_free(fsck->repository);
	nftw(fsck->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	git_libgit2_shutdown();
	free(fsck->blamed);
	free(fsck);
}

void fsck_add(struct fsck *fsck, enum object_type type, struct bytes raw, struct oid *out_id)
{
	git_oid id;

	if (git_odb_write(&id, fsck->odb, raw.at, raw.bytes, (git_object_t)type))
		stop("an object is not written");
	memcpy(out_id->bytes, id.id, OID_BYTES);
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct oid));
}

/* The id of the object that a line finds something wrong with: others may be named behind it. */
static bool blamed_id(const char *line, struct oid *out_id)
{
	if (strncmp(line, "error in ", 9) && !strstr(line, ": object could not be parsed"))
		return false;
	for (const char *at = line; *at; at++) {
		if (oid_parse_some(at, out_id) == 2 * OID_BYTES)
			return true;
	}
	return false;
}

static void blame(struct fsck *fsck, const char *line)
{
	struct oid id, *grown;

	if (!blamed_id(line, &id))
		return;
	grown = realloc(fsck->blamed, (fsck->count + 1) * sizeof(id));
	if (!grown)
		stop("out of memory");
	fsck->blamed = grown;
	fsck->blamed[fsck->count++] = id;
}

void fsck_run(struct fsck *fsck)
{
	char command[PATH_MAX + 128], line[LINE_BYTES];

	snprintf(command, sizeof(command), "LC_ALL=C git --git-dir=%s fsck --strict --no-dangling --no-progress 2>&1",
		 fsck->folder);
	FILE *said = popen(command, "r");
	if (!said)
		stop("git does not run");
	while (fgets(line, sizeof(line), said)) {
		if (getenv("FSCK_SAY"))
			fputs(line, stderr);
		blame(fsck, line);
	}
	pclose(said);
	qsort(fsck->blamed, fsck->count, sizeof(struct oid), order);
}

bool fsck_blames(const struct fsck *fsck, const struct oid *id)
{
	return fsck->count && bsearch(id, fsck->blamed, fsck->count, sizeof(*id), order);
}
