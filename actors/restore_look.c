/* SPDX-License-Identifier: MIT
 *
 * What a restore would come to. Two witnesses are asked: the trail that is there, which knows of every record, and the seal, which nobody can set
 * back and which knows of every checkpoint also when the trail is gone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/restore_inner.h"
#include "audit/seal.h"

/* ---- sentences ---- */

__attribute__((format(printf, 2, 3))) static void lose(struct restore_view *view, const char *format, ...)
{
	size_t used = strlen(view->why);
	va_list list;

	view->rollback = true;
	if (used + 3 < sizeof(view->why))
		used += (size_t)snprintf(view->why + used, sizeof(view->why) - used, "%s", used ? "; " : "");
	va_start(list, format);
	if (used < sizeof(view->why))
		vsnprintf(view->why + used, sizeof(view->why) - used, format, list);
	va_end(list);
}

/* ---- two trails side by side ---- */

static int take_chain(void *context, const struct trail_entry *entry)
{
	*(struct hash *)context = entry->chain;
	return 0;
}

static int chain_of(struct trail *trail, uint64_t seq, struct hash *out_chain)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .limit = 1};

	memset(out_chain, 0, sizeof(*out_chain));
	return trail_read(trail, &query, take_chain, out_chain);
}

static int same_at(struct trail *a, struct trail *b, uint64_t seq, bool *out_same)
{
	struct hash left, right;
	int rc = chain_of(a, seq, &left);

	if (!rc)
		rc = chain_of(b, seq, &right);
	*out_same = !rc && memcmp(&left, &right, sizeof(left)) == 0;
	return rc;
}

/* The chain value of a record holds all before it, so what both have in common is a beginning. */
static int common(struct trail *a, struct trail *b, uint64_t most, uint64_t *out_seq)
{
	uint64_t low = 0, high = most + 1; /* the same at low, not at high */
	bool same = false;
	int rc = most ? same_at(a, b, most, &same) : 0;

	if (same)
		low = most;
	while (!rc && !same && high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		bool still = false;

		rc = same_at(a, b, middle, &still);
		if (still)
			low = middle;
		else
			high = middle;
	}
	*out_seq = low;
	return rc;
}

static int compare(const char *folder, struct trail *live, struct restore_view *view)
{
	char path[PATH_BYTES], why[256];
	struct trail *backup = NULL;
	uint64_t most = view->live_seq < view->backup.records ? view->live_seq : view->backup.records;
	int rc = snprintf(path, sizeof(path), "%s/" BACKUP_TRAIL, folder) < (int)sizeof(path) ? 0 : ERR_TOO_LARGE;

	if (!rc)
		rc = trail_open(path, TRAIL_READ, &backup, why);
	if (!rc)
		rc = common(live, backup, most, &view->same_seq);
	trail_close(backup);
	return rc;
}

static int look_at_live(const struct restore_options *options, struct restore_view *view)
{
	char path[PATH_BYTES], why[256] = "";
	struct trail *live = NULL;
	struct sealed sealed = {0};
	int rc = state_path(options->state, STATE_TRAIL, path);

	if (rc || access(path, F_OK))
		return rc;
	rc = trail_open(path, TRAIL_READ, &live, why);
	if (!rc) {
		view->live_seq = trail_last_seq(live);
		rc = trail_sealed(live, &sealed);
		view->live_checkpoint = sealed.number;
	}
	if (!rc)
		rc = compare(options->folder, live, view);
	view->live = !rc;
	if (rc == ERR_NOT_FOUND) /* nothing was written into it yet */
		rc = 0;
	if (rc)
		snprintf(view->live_why, sizeof(view->live_why), "the trail that is here cannot be read: %s",
			 *why                       ? why
			 : live && *trail_why(live) ? trail_why(live)
						    : error_sentence(rc));
	trail_close(live);
	return rc == ERR_MEMORY ? rc : 0; /* it is what the restore is for */
}

static void weigh_live(struct restore_view *view)
{
	if (!view->live || view->live_seq <= view->same_seq)
		return;
	if (view->same_seq == view->backup.records)
		lose(view, "records %llu to %llu of the trail that is here are not in the backup",
		     (unsigned long long)view->same_seq + 1, (unsigned long long)view->live_seq);
	else
		lose(view, "the backup and the trail that is here have gone different ways after record %llu; this one has %llu",
		     (unsigned long long)view->same_seq, (unsigned long long)view->live_seq);
}

/* ---- the seal ---- */

static int weigh_seal(const struct restore_options *options, struct restore_view *view, char *sentence)
{
	char folder[PATH_BYTES], why[256];
	int rc = state_path(options->state, STATE_KEYS, folder);

	if (!rc)
		rc = sealer_look(folder, &view->sealed_checkpoint, &view->sealed_size, why);
	if (rc == ERR_NOT_FOUND) {
		if (view->backup.checkpoint)
			lose(view, "the seal key is not here, so nobody can tell whether the trail went on after this backup");
		return 0;
	}
	if (rc) {
		snprintf(sentence, SENTENCE_BYTES, "%s", why);
		return rc;
	}
	view->sealed = true;
	if (view->sealed_checkpoint > view->backup.checkpoint)
		lose(view,
		     "it ends at checkpoint %llu (%llu records sealed), and checkpoint %llu had been sealed (%llu records): an "
		     "older "
		     "copy",
		     (unsigned long long)view->backup.checkpoint, (unsigned long long)view->backup.sealed,
		     (unsigned long long)view->sealed_checkpoint, (unsigned long long)view->sealed_size);
	else if (view->sealed_checkpoint + 1 < view->backup.checkpoint)
		lose(view, "the seal key that is here is an older copy: it knows checkpoint %llu, the backup has %llu",
		     (unsigned long long)view->sealed_checkpoint, (unsigned long long)view->backup.checkpoint);
	return 0;
}

/* ---- keys ---- */

int restore_keys(const struct restore_options *options, struct log_keys *out_keys, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	int rc = state_path(options->state, STATE_KEYS "/" BACKUP_KEYS, path);

	if (!rc)
		rc = log_keys_load(path, out_keys, out_sentence);
	if (rc != ERR_NOT_FOUND || !options->folder)
		return rc;
	if (snprintf(path, sizeof(path), "%s/" BACKUP_KEYS, options->folder) >= (int)sizeof(path))
		return ERR_TOO_LARGE;
	return log_keys_load(path, out_keys, out_sentence);
}

/* The key that signs must be here or come with the backup. */
static int check_secret(const struct restore_options *options, const struct restore_view *view, char *sentence)
{
	char here[PATH_BYTES], there[PATH_BYTES];
	int rc = state_path(options->state, STATE_KEYS "/log.key", here);

	if (rc || access(here, F_OK) == 0)
		return rc;
	if (snprintf(there, sizeof(there), "%s/" BACKUP_SECRETS "/log.key", options->folder) < (int)sizeof(there) &&
	    access(there, F_OK) == 0)
		return 0;
	snprintf(sentence, SENTENCE_BYTES,
		 "the keys of the network %s are neither in %.200s nor in the backup; a backup made with --with-keys has them",
		 view->backup.origin, options->state->root);
	return ERR_NOT_FOUND;
}

static int check_origin(const struct log_keys *keys, const struct restore_view *view, char *sentence)
{
	if (strcmp(keys->origin, view->backup.origin) == 0)
		return 0;
	snprintf(sentence, SENTENCE_BYTES, "it is a backup of the network %s, and this state folder belongs to %s",
		 view->backup.origin, keys->origin);
	return ERR_CONFLICT;
}

/* ---- all of it ---- */

int restore_look(const struct restore_options *options, struct restore_view *out_view, char out_sentence[SENTENCE_BYTES])
{
	struct log_keys keys;
	int rc;

	*out_view = (struct restore_view){0};
	out_sentence[0] = 0;
	rc = backup_read(options->folder, &out_view->backup, out_sentence);
	if (!rc)
		rc = restore_keys(options, &keys, out_sentence);
	if (!rc)
		rc = check_origin(&keys, out_view, out_sentence);
	if (!rc)
		rc = check_secret(options, out_view, out_sentence);
	if (!rc)
		rc = backup_check(options->folder, &out_view->backup, &keys, out_sentence);
	if (!rc)
		rc = look_at_live(options, out_view);
	if (!rc) {
		weigh_live(out_view);
		rc = weigh_seal(options, out_view, out_sentence);
	}
	if (rc && !out_sentence[0])
		snprintf(out_sentence, SENTENCE_BYTES, "%s", error_sentence(rc));
	return rc;
}

int restore_look_here(const struct restore_options *options, struct restore_view *out_view, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	struct trail_verdict verdict = {0};
	struct sealed sealed = {0};
	struct log_keys keys;
	int rc = state_path(options->state, STATE_TRAIL, path);

	*out_view = (struct restore_view){0};
	out_sentence[0] = 0;
	if (!rc)
		rc = restore_keys(options, &keys, out_sentence);
	if (!rc)
		rc = trail_check(path, &keys, &verdict, &sealed, out_sentence);
	if (rc)
		return rc;
	memcpy(out_view->backup.origin, keys.origin, ORIGIN_BYTES);
	out_view->live = true;
	out_view->live_seq = out_view->same_seq = out_view->backup.records = verdict.last_seq;
	out_view->backup.head = verdict.head;
	out_view->live_checkpoint = out_view->backup.checkpoint = sealed.number;
	out_view->backup.sealed = sealed.size;
	return weigh_seal(options, out_view, out_sentence);
}
