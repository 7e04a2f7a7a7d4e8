/* SPDX-License-Identifier: MIT
 *
 * The exchange of trails takes several renames. A file stands in the state folder from before the first until after the last thing that belongs
 * to it, and Omega does not start while it is there; whoever finds it does the restore again.
 */
#include "actors/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/clone_inner.h"
#include "actors/network_lock.h"
#include "actors/restore_inner.h"
#include "audit/seal.h"

#define STAMP_BYTES 30u /* 20260203T101112Z, perhaps with a number behind it */

struct restoring {
	const struct restore_options *options;
	struct restore_view *view;
	char staging[PATH_BYTES];
	char staged[PATH_BYTES]; /* the new trail in it */
	struct sealed sealed;    /* how it ends */
	char stamp[STAMP_BYTES]; /* in the names of what is put aside */
	int network_fd;
	int trail_fd;
	char *sentence;
};

static int fail_errno(struct restoring *restoring, const char *doing, const char *path)
{
	snprintf(restoring->sentence, SENTENCE_BYTES, "%s %.300s: %s", doing, path, strerror(errno));
	return ERR_IO;
}

static int state_file(const struct restoring *restoring, const char *name, char out_path[PATH_BYTES])
{
	return state_path(restoring->options->state, name, out_path);
}

/* ---- alone in the state folder ---- */

static int lock_network(struct restoring *restoring)
{
	restoring->network_fd = network_lock_open(restoring->options->state, O_RDWR | O_CREAT);
	if (restoring->network_fd < 0)
		return fail_errno(restoring, "cannot open the lock of", restoring->options->state->root);
	if (network_lock_take(restoring->network_fd))
		return 0;
	snprintf(restoring->sentence, SENTENCE_BYTES, "the network in %.300s runs; stop it first: bunshin down",
		 restoring->options->state->root);
	return ERR_LOCKED;
}

/* The lock of audit/store.c: an Omega that somebody started by hand holds only this one. */
static int lock_trail(struct restoring *restoring)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_BYTES];
	int rc = state_file(restoring, STATE_TRAIL "-lock", path);

	if (rc)
		return rc;
	restoring->trail_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (restoring->trail_fd < 0)
		return fail_errno(restoring, "cannot open", path);
	if (fcntl(restoring->trail_fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	snprintf(restoring->sentence, SENTENCE_BYTES, "an Omega writes the trail in %.300s; stop it first",
		 restoring->options->state->root);
	return ERR_LOCKED;
}

static void unlock(struct restoring *restoring)
{
	if (restoring->trail_fd >= 0)
		close(restoring->trail_fd);
	if (restoring->network_fd >= 0)
		close(restoring->network_fd);
}

/* ---- the new trail, beside the old one ---- */

static int stage(struct restoring *restoring, const char *folder)
{
	char from[PATH_BYTES];
	uint64_t bytes;

	if (snprintf(restoring->staging, PATH_BYTES, "%s", folder) >= (int)PATH_BYTES ||
	    snprintf(restoring->staged, PATH_BYTES, "%s/" STATE_TRAIL, folder) >= (int)PATH_BYTES ||
	    snprintf(from, sizeof(from), "%s/" BACKUP_TRAIL, restoring->options->folder) >= (int)sizeof(from))
		return ERR_TOO_LARGE;
	work_folder_remove(restoring->staging);
	if (mkdir(restoring->staging, 0700))
		return fail_errno(restoring, "cannot make", restoring->staging);
	return backup_copy_file(from, restoring->staged, 0600, NULL, &bytes) ? fail_errno(restoring, "cannot copy", from) : 0;
}

/* What was copied is what is used, so that is what is checked. */
static int check_staged(struct restoring *restoring)
{
	struct trail_verdict verdict = {0};
	struct log_keys keys;
	int rc = restore_keys(restoring->options, &keys, restoring->sentence);

	if (!rc)
		rc = trail_check(restoring->staged, &keys, &verdict, &restoring->sealed, restoring->sentence);
	if (rc || (verdict.last_seq == restoring->view->backup.records &&
		   memcmp(&verdict.head, &restoring->view->backup.head, sizeof(verdict.head)) == 0))
		return rc;
	snprintf(restoring->sentence, SENTENCE_BYTES, "the backup has changed while it was being restored");
	return ERR_CORRUPT;
}

/* As Omega opens it: a medium that copies well may still not hold a trail. */
static int open_staged(struct restoring *restoring)
{
	struct trail *trail = NULL;
	char why[256] = "";
	int rc = trail_open(restoring->staged, TRAIL_WRITE, &trail, why);

	trail_close(trail);
	if (rc)
		snprintf(restoring->sentence, SENTENCE_BYTES, "%s", why);
	return rc;
}

/* ---- the seal ---- */

/* Whatever the numbers say: the seal has the last word on whether it can go on from this trail. */
static int try_seal(struct restoring *restoring)
{
	char folder[PATH_BYTES], why[256] = "";
	struct sealer *sealer = NULL;
	int rc = state_file(restoring, STATE_KEYS, folder);

	if (rc || restoring->view->rollback)
		return rc;
	rc = sealer_open(folder, &restoring->sealed, &sealer, why);
	sealer_close(sealer);
	if (rc == ERR_STATE) {
		restoring->view->rollback = true;
		snprintf(restoring->view->why, sizeof(restoring->view->why), "%s", why);
		return 0;
	}
	if (rc)
		snprintf(restoring->sentence, SENTENCE_BYTES, "%s", why);
	return rc;
}

static int accept(struct restoring *restoring)
{
	if (!restoring->view->rollback || restoring->options->accept_rollback)
		return 0;
	snprintf(restoring->sentence, SENTENCE_BYTES, "this would be a rollback: %.400s", restoring->view->why);
	return ERR_STATE;
}

static int begin_row(struct restoring *restoring)
{
	char folder[PATH_BYTES], why[256] = "";
	int rc = state_file(restoring, STATE_KEYS, folder);

	if (rc || !restoring->view->rollback)
		return rc;
	rc = sealer_restart(folder, &restoring->sealed, why);
	if (rc)
		snprintf(restoring->sentence, SENTENCE_BYTES, "a new row of seal keys cannot be begun: %s", why);
	return rc;
}

/* ---- the exchange ---- */

static bool is_kept(const struct restoring *restoring, const char *stamp)
{
	char path[PATH_BYTES];

	return snprintf(path, sizeof(path), "%s/" STATE_TRAIL ".%s", restoring->options->state->root, stamp) >=
		       (int)sizeof(path) ||
	       access(path, F_OK) == 0;
}

/* A restore was ended while the files of the old trail were put aside: those that are left follow under the same name. */
static bool read_stamp(struct restoring *restoring)
{
	char mark_path[PATH_BYTES], trail[PATH_BYTES], text[256];
	size_t bytes;

	if (state_file(restoring, STATE_RESTORING, mark_path) || state_file(restoring, STATE_TRAIL, trail) ||
	    file_read(mark_path, text, sizeof(text), &bytes) || sscanf(text, "%29[0-9TZ-]", restoring->stamp) != 1)
		return false;
	return access(trail, F_OK) != 0 || !is_kept(restoring, restoring->stamp);
}

static void choose_stamp(struct restoring *restoring)
{
	char stamp[STAMP_BYTES];
	time_t now = time(NULL);
	struct tm utc;

	if (read_stamp(restoring))
		return;
	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	memcpy(restoring->stamp, stamp, sizeof(stamp));
	for (unsigned i = 2; is_kept(restoring, restoring->stamp) && i < 1000000; i++)
		snprintf(restoring->stamp, STAMP_BYTES, "%.16s-%u", stamp, i);
}

static int mark(struct restoring *restoring)
{
	char path[PATH_BYTES], text[256];
	int bytes, rc = state_file(restoring, STATE_RESTORING, path);

	choose_stamp(restoring);
	bytes = snprintf(text, sizeof(text), "%s\nA restore was not finished. Do it again: bunshin audit restore FOLDER\n",
			 restoring->stamp);
	if (!rc && file_replace(path, text, (size_t)bytes, 0600))
		rc = fail_errno(restoring, "cannot write", path);
	return rc;
}

static int unmark(struct restoring *restoring)
{
	char path[PATH_BYTES];
	int rc = state_file(restoring, STATE_RESTORING, path);

	if (rc)
		return rc;
	if (unlink(path) || backup_sync_folder(restoring->options->state->root))
		return fail_errno(restoring, "cannot remove", path);
	return 0;
}

bool restore_unfinished(const struct state_folder *state)
{
	char path[PATH_BYTES];

	return state_path(state, STATE_RESTORING, path) || access(path, F_OK) == 0;
}

static int put_aside(struct restoring *restoring, const char *name, char out_kept[PATH_BYTES])
{
	char path[PATH_BYTES];
	const char *end = name + strlen(STATE_TRAIL); /* "", "-wal", "-shm" */
	int rc = state_file(restoring, name, path);

	if (!rc && snprintf(out_kept, PATH_BYTES, "%s/" STATE_TRAIL ".%s%s", restoring->options->state->root, restoring->stamp,
			    end) >= (int)PATH_BYTES)
		rc = ERR_TOO_LARGE;
	if (rc)
		return rc;
	if (renameat2(AT_FDCWD, path, AT_FDCWD, out_kept, RENAME_NOREPLACE) == 0)
		return 0;
	rc = errno == ENOENT ? 0 : fail_errno(restoring, "cannot put aside", path);
	out_kept[0] = 0;
	return rc;
}

/* A mirror in the state folder goes on with the new row; what it held of the lost one is kept. */
static int put_mirror_aside(struct restoring *restoring)
{
	char path[PATH_BYTES], kept[PATH_BYTES];
	int rc = state_file(restoring, STATE_MIRROR_FILE, path);

	if (rc || !restoring->view->rollback)
		return rc;
	if (snprintf(kept, sizeof(kept), "%s.%s", path, restoring->stamp) >= (int)sizeof(kept))
		return ERR_TOO_LARGE;
	if (access(kept, F_OK) == 0) /* the restore was ended after this, and nothing has been mirrored since */
		return 0;
	return rename(path, kept) && errno != ENOENT ? fail_errno(restoring, "cannot put aside", path) : 0;
}

static int exchange(struct restoring *restoring, char out_kept[PATH_BYTES])
{
	char path[PATH_BYTES], side[PATH_BYTES];
	int rc = put_aside(restoring, STATE_TRAIL, out_kept);

	/* Not before: whoever opened the trail without its WAL would make another one. */
	if (!rc)
		rc = put_aside(restoring, STATE_TRAIL "-wal", side);
	if (!rc)
		rc = put_aside(restoring, STATE_TRAIL "-shm", side);
	if (!rc)
		rc = state_file(restoring, STATE_TRAIL, path);
	if (rc)
		return rc;
	/* The writer's files stay with the copy that was tried out; it closed them, so the database holds everything. */
	if (renameat2(AT_FDCWD, restoring->staged, AT_FDCWD, path, RENAME_NOREPLACE) ||
	    backup_sync_folder(restoring->options->state->root))
		return fail_errno(restoring, "cannot put into its place", path);
	return 0;
}

static int leave_note(struct restoring *restoring)
{
	const struct restore_view *view = restoring->view;
	struct restore_note note = {.through_seq = view->backup.records,
				    .lost_seq = view->live_seq > view->same_seq ? view->live_seq : 0,
				    .checkpoint = view->backup.checkpoint,
				    .rollback = view->rollback};

	note.lost_checkpoint = view->sealed_checkpoint > view->live_checkpoint ? view->sealed_checkpoint : view->live_checkpoint;
	snprintf(note.who, sizeof(note.who), "%s", restoring->options->who ? restoring->options->who : "");
	snprintf(note.reason, sizeof(note.reason), "%s", restoring->options->reason ? restoring->options->reason : "");
	return restore_note_write(restoring->options->state, &note) ? fail_errno(restoring, "cannot write", STATE_RESTORED) : 0;
}

/* From the first line on Omega does not start until all of it is done. */
static int change(struct restoring *restoring, char out_kept[PATH_BYTES])
{
	int rc = mark(restoring);

	if (!rc)
		rc = leave_note(restoring);
	if (!rc && restoring->options->folder)
		rc = exchange(restoring, out_kept);
	if (!rc)
		rc = put_mirror_aside(restoring);
	if (!rc)
		rc = begin_row(restoring);
	return rc ? rc : unmark(restoring);
}

/* ---- all of it ---- */

static void begin(struct restoring *restoring)
{
	restoring->network_fd = restoring->trail_fd = -1;
	restoring->sentence[0] = 0;
}

static int prepare(struct restoring *restoring)
{
	char folder[PATH_BYTES];
	int rc = restore_look(restoring->options, restoring->view, restoring->sentence);

	if (!rc)
		rc = accept(restoring); /* before much is copied */
	if (!rc)
		rc = state_file(restoring, STATE_STAGING, folder);
	if (!rc)
		rc = stage(restoring, folder);
	if (!rc)
		rc = check_staged(restoring);
	return rc ? rc : open_staged(restoring);
}

static int prepare_here(struct restoring *restoring)
{
	char path[PATH_BYTES];
	struct trail_verdict verdict;
	struct log_keys keys;
	int rc = restore_look_here(restoring->options, restoring->view, restoring->sentence);

	if (!rc)
		rc = state_file(restoring, STATE_TRAIL, path);
	if (!rc)
		rc = restore_keys(restoring->options, &keys, restoring->sentence);
	return rc ? rc : trail_check(path, &keys, &verdict, &restoring->sealed, restoring->sentence);
}

int restore_do(const struct restore_options *options, struct restore_view *out_view, char out_kept[PATH_BYTES],
	       char out_sentence[SENTENCE_BYTES])
{
	struct restoring restoring = {.options = options, .view = out_view, .sentence = out_sentence};
	int rc;

	out_kept[0] = 0;
	*out_view = (struct restore_view){0};
	begin(&restoring);
	rc = lock_network(&restoring);
	if (!rc)
		rc = lock_trail(&restoring);
	if (!rc)
		rc = options->folder ? prepare(&restoring) : prepare_here(&restoring);
	if (!rc && options->folder)
		rc = restore_files(options, options->state->root, out_sentence);
	if (!rc)
		rc = try_seal(&restoring);
	if (!rc)
		rc = accept(&restoring);
	if (!rc)
		rc = change(&restoring, out_kept);
	if (restoring.staging[0])
		work_folder_remove(restoring.staging);
	unlock(&restoring);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, SENTENCE_BYTES, "%s", error_sentence(rc));
	return rc;
}

int restore_drill(const struct restore_options *options, struct restore_view *out_view, char out_sentence[SENTENCE_BYTES])
{
	struct restoring restoring = {.options = options, .view = out_view, .sentence = out_sentence};
	char folder[PATH_BYTES];
	int rc;

	begin(&restoring);
	rc = restore_look(options, out_view, out_sentence);
	if (!rc && snprintf(folder, sizeof(folder), "%s/.drill-%d", options->state->root, (int)getpid()) >= (int)sizeof(folder))
		rc = ERR_TOO_LARGE;
	if (!rc)
		rc = stage(&restoring, folder);
	if (!rc)
		rc = restore_files(options, restoring.staging, out_sentence);
	if (!rc)
		rc = check_staged(&restoring);
	if (!rc)
		rc = open_staged(&restoring);
	if (restoring.staging[0])
		work_folder_remove(restoring.staging);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, SENTENCE_BYTES, "%s", error_sentence(rc));
	return rc;
}
