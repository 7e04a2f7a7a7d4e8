/* SPDX-License-Identifier: MIT
 *
 * The order matters: first the trail, then artefacts. An artefact is durable before the record that names it, so all that the copied
 * records name are there when their turn comes; those that came later are in the backup as well, and harm nobody.
 */
#include "actors/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/clone_inner.h"
#include "actors/fresh.h"
#include "actors/transfer.h"
#include "protocol/id.h"

#define SEAL_KEY "seal.key"

struct making {
	const struct backup_options *options;
	struct backup_facts *facts;
	char parent[PATH_BYTES];  /* of the folder that is to be */
	char partial[PATH_BYTES]; /* its name until it is complete */
	int lock_fd;              /* of the partial folder */
	char *sentence;
};

__attribute__((format(printf, 3, 4))) static int fail(struct making *making, int rc, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(making->sentence, SENTENCE_BYTES, format, list);
	va_end(list);
	return rc;
}

static int fail_errno(struct making *making, const char *doing, const char *path)
{
	return fail(making, ERR_IO, "%s %.300s: %s", doing, path, strerror(errno));
}

static bool stopped(const struct making *making)
{
	return making->options->stop && making->options->stop(making->options->context);
}

static int join(char out[PATH_BYTES], const char *folder, const char *name)
{
	return snprintf(out, PATH_BYTES, "%s/%s", folder, name) < (int)PATH_BYTES ? 0 : ERR_TOO_LARGE;
}

/* ---- the place ---- */

/* PARENT/NAME and PARENT/.NAME.partial; without slashes at its end. */
static int name_place(struct making *making, char folder[PATH_BYTES])
{
	const char *given = making->options->folder;
	size_t bytes = strlen(given);
	const char *slash;

	while (bytes > 1 && given[bytes - 1] == '/')
		bytes--;
	if (!bytes || bytes >= PATH_BYTES - 64)
		return fail(making, ERR_USAGE, "the path of the backup is %s", bytes ? "too long" : "empty");
	snprintf(folder, PATH_BYTES, "%.*s", (int)bytes, given);
	slash = strrchr(folder, '/');
	if (!slash)
		snprintf(making->parent, PATH_BYTES, ".");
	else
		snprintf(making->parent, PATH_BYTES, "%.*s", slash == folder ? 1 : (int)(slash - folder), folder);
	if (snprintf(making->partial, PATH_BYTES, "%s/.%s.partial", making->parent, slash ? slash + 1 : folder) < (int)PATH_BYTES)
		return 0;
	return fail(making, ERR_USAGE, "the path of the backup is too long");
}

/* What a backup that was ended in the middle has left is removed; one that is being made is not. */
static int partial_make(struct making *making)
{
	int fd = open(making->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0) {
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			close(fd);
			return fail(making, ERR_LOCKED, "another process makes a backup in this place");
		}
		work_folder_remove(making->partial);
		close(fd);
	}
	if (mkdir(making->partial, 0700))
		return fail_errno(making, "cannot make", making->partial);
	making->lock_fd = open(making->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (making->lock_fd < 0 || flock(making->lock_fd, LOCK_EX | LOCK_NB))
		return fail_errno(making, "cannot lock", making->partial);
	return 0;
}

static int place_open(struct making *making)
{
	char folder[PATH_BYTES];
	int rc = name_place(making, folder);

	if (!rc && access(folder, F_OK) == 0)
		return fail(making, ERR_CONFLICT, "%.300s is there already; a backup is a new folder", folder);
	return rc ? rc : partial_make(making);
}

/* The one step by which the backup comes to be. */
static int place_commit(struct making *making)
{
	char folder[PATH_BYTES];
	int rc = name_place(making, folder);

	if (!rc && backup_sync_folder(making->partial))
		return fail_errno(making, "cannot sync", making->partial);
	if (!rc && renameat2(AT_FDCWD, making->partial, AT_FDCWD, folder, RENAME_NOREPLACE))
		rc = fail_errno(making, "cannot give the backup its name", folder);
	if (!rc && backup_sync_folder(making->parent))
		rc = fail_errno(making, "cannot sync", making->parent);
	return rc;
}

/* ---- what is in it ---- */

static int copy_trail(struct making *making, struct trail_copied *out_copied)
{
	char from[PATH_BYTES], to[PATH_BYTES], why[256] = "";
	int rc = state_path(making->options->state, STATE_TRAIL, from);

	if (!rc)
		rc = join(to, making->partial, BACKUP_TRAIL);
	if (!rc)
		rc = trail_copy(from, to, making->options->stop, making->options->context, out_copied, why);
	return rc ? fail(making, rc, "%s", *why ? why : error_sentence(rc)) : 0;
}

static int check_trail(struct making *making, const struct log_keys *keys)
{
	struct trail_verdict verdict;
	struct sealed sealed;
	char path[PATH_BYTES];
	int rc = join(path, making->partial, BACKUP_TRAIL);

	if (!rc)
		rc = trail_check(path, keys, &verdict, &sealed, making->sentence);
	if (rc)
		return rc;
	making->facts->records = verdict.last_seq;
	making->facts->payloads = verdict.payloads;
	making->facts->head = verdict.head;
	making->facts->checkpoint = sealed.number;
	making->facts->sealed = sealed.size;
	return 0;
}

static int copy_one(struct making *making, const char *from, const char *name, unsigned mode)
{
	char to[PATH_BYTES];
	uint64_t bytes;
	int rc = join(to, making->partial, name);

	if (!rc)
		rc = backup_copy_file(from, to, mode, NULL, &bytes);
	return rc == ERR_NOT_FOUND ? 0 : rc ? fail_errno(making, "cannot copy", from) : 0;
}

static int copy_entry(struct making *making, const char *folder, const char *name, const char *entry);

/* All of one folder of the state; not what begins with a dot, which is in the making, nor the seal key. */
static int copy_folder(struct making *making, const char *folder, const char *name)
{
	char to[PATH_BYTES];
	struct dirent *entry;
	DIR *list;
	int rc = join(to, making->partial, name);

	if (rc)
		return fail(making, rc, "the path of the backup is too long");
	if (mkdir(to, 0700))
		return fail_errno(making, "cannot make", to);
	list = opendir(folder);
	if (!list)
		return fail_errno(making, "cannot read", folder);
	while (!rc && (entry = readdir(list)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, SEAL_KEY) != 0)
			rc = copy_entry(making, folder, name, entry->d_name);
	closedir(list);
	return !rc && backup_sync_folder(to) ? fail_errno(making, "cannot sync", to) : rc;
}

static int copy_entry(struct making *making, const char *folder, const char *name, const char *entry)
{
	char from[PATH_BYTES], relative[PATH_BYTES];
	struct stat status;

	if (join(from, folder, entry) || join(relative, name, entry))
		return fail(making, ERR_TOO_LARGE, "the path of the backup is too long");
	if (lstat(from, &status))
		return errno == ENOENT ? 0 : fail_errno(making, "cannot look at", from);
	if (S_ISDIR(status.st_mode))
		return copy_folder(making, from, relative);
	return S_ISREG(status.st_mode) ? copy_one(making, from, relative, status.st_mode & 0777) : 0;
}

static int copy_state_folder(struct making *making, const char *source, const char *name)
{
	char folder[PATH_BYTES];
	int rc = state_path(making->options->state, source, folder);

	return rc ? fail(making, rc, "the path of the state folder is too long") : copy_folder(making, folder, name);
}

static void note_damage(struct backup_facts *facts, const struct hash *hash)
{
	if (facts->damaged < DAMAGED_NAMED)
		facts->damaged_hash[facts->damaged] = *hash;
	facts->damaged++;
}

static int copy_artefact(void *context, const char *path, const struct hash *hash)
{
	struct making *making = context;
	char from[PATH_BYTES], to[PATH_BYTES], folder[PATH_BYTES];
	struct hash found;
	uint64_t bytes;
	int rc;

	if (stopped(making))
		return ERR_CANCELLED;
	if (snprintf(from, sizeof(from), "%s/" STATE_ARTEFACTS "/%s", making->options->state->root, path) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/" BACKUP_ARTEFACTS "/%s", making->partial, path) >= (int)sizeof(to))
		return fail(making, ERR_TOO_LARGE, "the path of the backup is too long");
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(to, '/') - to), to);
	if (mkdir(folder, 0700) && errno != EEXIST)
		return fail_errno(making, "cannot make", folder);
	rc = backup_copy_file(from, to, 0600, &found, &bytes);
	if (rc == ERR_NOT_FOUND) /* erased meanwhile */
		return 0;
	if (rc)
		return fail_errno(making, "cannot copy", from);
	if (!hash_equal(&found, hash)) {
		note_damage(making->facts, hash);
		return unlink(to) ? fail_errno(making, "cannot remove", to) : 0;
	}
	making->facts->artefacts++;
	making->facts->artefact_bytes += bytes;
	return 0;
}

static int sync_artefact_folder(const char *folder, unsigned number)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%.*s/%02x", (int)PATH_BYTES - 8, folder, number);
	return access(path, F_OK) == 0 ? backup_sync_folder(path) : 0;
}

static int copy_artefacts(struct making *making)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	int rc = state_path(making->options->state, STATE_ARTEFACTS, from);

	if (!rc)
		rc = join(to, making->partial, BACKUP_ARTEFACTS);
	if (!rc && mkdir(to, 0700))
		return fail_errno(making, "cannot make", to);
	if (!rc)
		rc = backup_artefacts(from, copy_artefact, making);
	for (unsigned i = 0; !rc && i < 256; i++)
		rc = sync_artefact_folder(to, i);
	if (!rc)
		rc = backup_sync_folder(to);
	if (rc && !making->sentence[0])
		return fail_errno(making, "cannot copy", from);
	return rc;
}

static int write_facts(struct making *making)
{
	const struct backup_facts *facts = making->facts;
	json_t *damaged = json_array(), *json;
	char path[PATH_BYTES], head[65], *text;
	int rc = join(path, making->partial, BACKUP_FACTS);

	for (uint64_t i = 0; i < facts->damaged && i < DAMAGED_NAMED; i++) {
		char hash[65];

		hex_print(facts->damaged_hash[i].bytes, 32, hash);
		json_array_append_new(damaged, json_string(hash));
	}
	hex_print(facts->head.bytes, 32, head);
	json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:s}", "format", BACKUP_FORMAT,
			 "origin", facts->origin, "made_at_ms", (json_int_t)facts->made_at_ms, "records",
			 (json_int_t)facts->records, "payloads", (json_int_t)facts->payloads, "head", head, "checkpoint",
			 (json_int_t)facts->checkpoint, "sealed", (json_int_t)facts->sealed, "artefacts",
			 (json_int_t)facts->artefacts, "artefact_bytes", (json_int_t)facts->artefact_bytes, "damaged",
			 (json_int_t)facts->damaged, "damaged_named", damaged, "keys", (int)facts->secrets, "software",
			 "bunshin " BUNSHIN_VERSION);
	text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	if (!rc)
		rc = text ? file_replace(path, text, strlen(text), 0600) : ERR_MEMORY;
	free(text);
	return rc ? fail_errno(making, "cannot write", path) : 0;
}

static int copy_settings(struct making *making)
{
	char path[PATH_BYTES];
	int rc = state_path(making->options->state, STATE_KEYS "/" BACKUP_KEYS, path);

	if (!rc)
		rc = copy_one(making, path, BACKUP_KEYS, 0644);
	if (!rc && making->options->routes)
		rc = copy_one(making, making->options->routes, BACKUP_ROUTES, 0644);
	if (!rc)
		rc = copy_state_folder(making, STATE_PEERS, BACKUP_PEERS);
	if (!rc && making->options->secrets)
		rc = copy_state_folder(making, STATE_KEYS, BACKUP_SECRETS);
	return rc;
}

/* ---- all of it ---- */

static int load_keys(struct making *making, struct log_keys *out_keys)
{
	char path[PATH_BYTES];
	int rc = state_path(making->options->state, STATE_KEYS "/" BACKUP_KEYS, path);

	return rc ? rc : log_keys_load(path, out_keys, making->sentence);
}

static int fill(struct making *making, struct trail_copied *out_copied)
{
	struct log_keys keys;
	int rc;

	making->facts->made_at_ms = wall_now_ms();
	rc = copy_trail(making, out_copied);
	/* The keys after the trail: nobody seals with a key that is not in the file yet. */
	if (!rc)
		rc = load_keys(making, &keys);
	if (!rc)
		rc = check_trail(making, &keys);
	if (rc)
		return rc;
	memcpy(making->facts->origin, keys.origin, ORIGIN_BYTES);
	making->facts->secrets = making->options->secrets;
	rc = copy_settings(making);
	if (!rc)
		rc = copy_artefacts(making);
	if (!rc)
		rc = write_facts(making);
	return rc ? rc : place_commit(making);
}

int backup_make(const struct backup_options *options, struct backup_facts *out_facts, struct trail_copied *out_copied,
		char out_sentence[SENTENCE_BYTES])
{
	struct making making = {.options = options, .facts = out_facts, .lock_fd = -1, .sentence = out_sentence};
	int rc;

	*out_facts = (struct backup_facts){0};
	out_sentence[0] = 0;
	rc = place_open(&making);
	if (!rc)
		rc = fill(&making, out_copied);
	if (rc && making.lock_fd >= 0)
		work_folder_remove(making.partial);
	if (making.lock_fd >= 0)
		close(making.lock_fd);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, SENTENCE_BYTES, "%s", error_sentence(rc));
	return rc;
}
