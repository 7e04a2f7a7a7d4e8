/* SPDX-License-Identifier: MIT
 *
 * GIT/bunshin-apply/intent, one thing a line:
 *
 *   bunshin-apply 1
 *   ref REF             or "patch"
 *   old ID
 *   new ID
 *   lock NUMBER         the inode of the file that index.lock is a link to
 *   work PATH           the working tree
 *   message TEXT        for the reflog
 *
 * It is there, whole and on the disk, before anything else changes, and gone after everything has.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/exchange/directory.h"

#define INTENT_NAME  "intent"
#define INTENT_NEW   "intent.new"
#define INTENT_BYTES (2 * PATH_MAX)

int intent_write(struct apply *apply)
{
	const struct apply_wish *wish = apply->wish;
	char text[INTENT_BYTES], old[GIT_OID_HEXSZ + 1], new[GIT_OID_HEXSZ + 1], message[256];
	const char *work = git_repository_workdir(apply->repository);
	int bytes;

	snprintf(message, sizeof(message), "%s", wish->message ? wish->message : "bunshin");
	message[strcspn(message, "\n")] = '\0';
	git_oid_tostr(old, sizeof(old), &apply->old_id);
	git_oid_tostr(new, sizeof(new), &apply->new_id);
	bytes = snprintf(text, sizeof(text), "bunshin-apply 1\n%s%s\nold %s\nnew %s\nlock %" PRIu64 "\nwork %s\nmessage %s\n",
			 wish->patch ? "patch" : "ref ", wish->patch ? "" : wish->ref, old, new, (uint64_t)apply->index_lock,
			 work, message);
	if (bytes >= (int)sizeof(text) || strchr(work, '\n'))
		return apply_fail(apply, ERR_STATE, "the path of the working tree is too long, or has a line end in it");
	unlinkat(apply->stage, INTENT_NEW, 0);
	if (directory_put(apply->stage, INTENT_NEW, text, (size_t)bytes, 0600) ||
	    renameat(apply->stage, INTENT_NEW, apply->stage, INTENT_NAME) || fsync(apply->stage) || fsync(apply->own))
		return apply_fail_errno(apply, "what is about to be done cannot be noted");
	return 0;
}

static bool take(char **at, const char *name, char *out, size_t size)
{
	char *line = *at, *end = strchr(line, '\n');
	size_t bytes = strlen(name);

	if (!end || strncmp(line, name, bytes) != 0 || (size_t)(end - line) - bytes >= size)
		return false;
	memcpy(out, line + bytes, (size_t)(end - line) - bytes);
	out[(size_t)(end - line) - bytes] = '\0';
	*at = end + 1;
	return true;
}

static bool parse(char *text, struct intent *intent)
{
	char rest[8], old[GIT_OID_HEXSZ + 1], new[GIT_OID_HEXSZ + 1], number[24];

	if (!take(&text, "bunshin-apply 1", rest, sizeof(rest)))
		return false;
	intent->patch = take(&text, "patch", rest, sizeof(rest));
	if (!intent->patch && !take(&text, "ref ", intent->ref, sizeof(intent->ref)))
		return false;
	if (!take(&text, "old ", old, sizeof(old)) || !take(&text, "new ", new, sizeof(new)) ||
	    !take(&text, "lock ", number, sizeof(number)) || !take(&text, "work ", intent->work, sizeof(intent->work)) ||
	    !take(&text, "message ", intent->message, sizeof(intent->message)))
		return false;
	intent->index_lock = (ino_t)strtoull(number, NULL, 10);
	return git_oid_fromstr(&intent->old_id, old) == 0 && git_oid_fromstr(&intent->new_id, new) == 0;
}

int intent_read(struct apply *apply, struct intent *out_intent, bool *out_there)
{
	char text[INTENT_BYTES];
	int fd = openat(apply->stage, INTENT_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	bool missing = fd < 0 && errno == ENOENT;

	if (fd >= 0)
		close(fd);
	*out_there = !missing;
	if (missing)
		return 0;
	text[got > 0 ? got : 0] = '\0';
	if (got <= 0 || !parse(text, out_intent))
		return apply_fail(apply, ERR_CORRUPT,
				  "%.250s" APPLY_FOLDER "/" INTENT_NAME
				  " cannot be read; compare the files with git, then remove that folder",
				  apply->own_git);
	return 0;
}

void intent_remove(struct apply *apply)
{
	unlinkat(apply->stage, INTENT_NAME, 0);
	unlinkat(apply->stage, INTENT_NEW, 0);
}
