/* SPDX-License-Identifier: MIT
 *
 * Texts name an artefact by the 64 hexadecimal digits of its hash, wherever they stand in them.
 */
#include "actors/eraser.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/entry.h"
#include "audit/finder.h"
#include "protocol/id.h"

#define HASH_DIGITS 64u
#define ZERO_BYTES  65536u

struct noted {
	struct hash hash;
	uint64_t seq; /* the erasure reaches up to here: who brings the artefact again later needs it */
	bool needed;
};

struct notes {
	const struct state_folder *state;
	struct noted *at;
	size_t count;
	size_t capacity;
	struct trail *trail;
	struct buffer room;
};

/* ---- files ---- */

static int overwrite(int fd, off_t bytes)
{
	static const uint8_t zeros[ZERO_BYTES];
	for (off_t at = 0; at < bytes;) {
		size_t most = bytes - at < (off_t)sizeof(zeros) ? (size_t)(bytes - at) : sizeof(zeros);
		ssize_t written = pwrite(fd, zeros, most, at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return ERR_IO;
		at += written;
	}
	return fsync(fd) ? ERR_IO : 0;
}

int file_shred(const char *path)
{
	struct stat status;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : ERR_IO;
	int rc = fstat(fd, &status) || !S_ISREG(status.st_mode) ? ERR_IO : overwrite(fd, status.st_size);
	if (rc == 0 && unlink(path))
		rc = ERR_IO;
	close(fd);
	return rc;
}

static int artefact_path(const struct state_folder *state, const struct hash *hash, bool partial, char out[PATH_BYTES])
{
	char digits[HASH_DIGITS + 1], relative[sizeof(STATE_ARTEFACTS) + HASH_DIGITS + 16];
	hex_print(hash->bytes, sizeof(hash->bytes), digits);
	if (partial)
		snprintf(relative, sizeof(relative), STATE_ARTEFACTS "/partial/%s", digits);
	else
		snprintf(relative, sizeof(relative), STATE_ARTEFACTS "/%.2s/%s", digits, digits + 2);
	return state_path(state, relative, out);
}

static bool artefact_is_there(const struct state_folder *state, const struct hash *hash)
{
	char path[PATH_BYTES];
	return !artefact_path(state, hash, false, path) && access(path, F_OK) == 0;
}

static int folder_sync(const struct state_folder *state, const char *relative)
{
	char path[PATH_BYTES];
	int rc = state_path(state, relative, path);
	if (rc)
		return rc;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : ERR_IO;
	rc = fsync(fd) ? ERR_IO : 0;
	close(fd);
	return rc;
}

/* ---- the artefacts in hand ---- */

static int compare(const void *a, const void *b)
{
	return memcmp(&((const struct noted *)a)->hash, &((const struct noted *)b)->hash, sizeof(struct hash));
}

/* Only among what was sorted. */
static struct noted *notes_find(const struct notes *notes, const struct hash *hash)
{
	struct noted key = {.hash = *hash};
	return notes->count ? bsearch(&key, notes->at, notes->count, sizeof(key), compare) : NULL;
}

static int notes_add(struct notes *notes, const struct hash *hash, uint64_t seq)
{
	if (notes->count == notes->capacity) {
		size_t capacity = notes->capacity ? notes->capacity * 2 : 32;
		struct noted *at = realloc(notes->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		notes->at = at;
		notes->capacity = capacity;
	}
	notes->at[notes->count++] = (struct noted){.hash = *hash, .seq = seq};
	return 0;
}

/* Each once, with its largest seq. */
static void notes_sort(struct notes *notes)
{
	size_t kept = 0;
	if (notes->count)
		qsort(notes->at, notes->count, sizeof(*notes->at), compare);
	for (size_t i = 0; i < notes->count; i++) {
		struct noted *last = kept ? &notes->at[kept - 1] : NULL;
		if (!last || compare(last, &notes->at[i]) != 0)
			notes->at[kept++] = notes->at[i];
		else if (notes->at[i].seq > last->seq)
			last->seq = notes->at[i].seq;
	}
	notes->count = kept;
}

static void notes_release(struct notes *notes)
{
	free(notes->at);
	buffer_release(&notes->room);
}

static int digit_of(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static struct hash hash_at(const uint8_t *digits)
{
	struct hash hash;
	for (size_t i = 0; i < sizeof(hash.bytes); i++)
		hash.bytes[i] = (uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
	return hash;
}

/* Every run of exactly 64 digits. */
static int hashes_in(struct bytes body, int (*each)(void *context, const struct hash *hash), void *context)
{
	for (uint32_t at = 0; at < body.bytes;) {
		uint32_t begin = at;
		while (at < body.bytes && digit_of(body.at[at]) >= 0)
			at++;
		if (at - begin == HASH_DIGITS) {
			struct hash hash = hash_at(body.at + begin);
			int rc = each(context, &hash);
			if (rc)
				return rc;
		}
		at += at == begin;
	}
	return 0;
}

/* ---- noting ---- */

static int note_hash(void *context, const struct hash *hash)
{
	struct notes *notes = context;
	return artefact_is_there(notes->state, hash) ? notes_add(notes, hash, 0) : 0;
}

static int note_text(void *context, uint64_t seq)
{
	struct notes *notes = context;
	notes->room.bytes = 0;
	int rc = trail_payload(notes->trail, seq, &notes->room);
	if (rc)
		return rc == ERR_NOT_FOUND ? 0 : rc;
	return hashes_in((struct bytes){notes->room.at, (uint32_t)notes->room.bytes}, note_hash, notes);
}

/* What was brought for a task and is perhaps named nowhere, since its attempt came to nothing. */
static int note_brought(void *context, const struct trail_entry *entry)
{
	struct notes *notes = context;
	struct parts parts = {.version = PROTOCOL_VERSION, .type = entry->type, .header = entry->header, .facts = entry->facts};
	struct message message;
	if (entry->direction != TRAIL_IN || entry->verdict || message_decode(&parts, &message))
		return 0;
	return note_hash(notes, &message.artefact_put.hash);
}

static int notes_take(struct notes *notes, const struct erased_claim *claim, uint64_t limit, struct erase_plan *out_plan)
{
	struct trail_query query = {.task_id = claim->task_id, .type = MESSAGE_ARTEFACT_PUT};
	int rc = erase_plan(notes->trail, claim, limit, note_text, notes, out_plan);
	if (rc == 0 && claim->task_number)
		rc = trail_read(notes->trail, &query, note_brought, notes);
	notes_sort(notes);
	for (size_t i = 0; i < notes->count; i++)
		notes->at[i].seq = trail_last_seq(notes->trail);
	return rc;
}

/* The note grows: one that a crash left, or slices of one long erasure, still has to be done. */
static int notes_write(const struct notes *notes)
{
	char path[PATH_BYTES], digits[HASH_DIGITS + 1];
	int rc = state_path(notes->state, STATE_ERASING, path);
	if (rc)
		return rc;
	FILE *file = fopen(path, "ae");
	if (!file)
		return ERR_IO;
	for (size_t i = 0; i < notes->count && rc == 0; i++) {
		hex_print(notes->at[i].hash.bytes, sizeof(struct hash), digits);
		if (fprintf(file, "%s %" PRIu64 "\n", digits, notes->at[i].seq) < 0)
			rc = ERR_IO;
	}
	if (fflush(file) || fsync(fileno(file)))
		rc = ERR_IO;
	if (fclose(file) && rc == 0)
		rc = ERR_IO;
	return rc ? rc : folder_sync(notes->state, STATE_RUN);
}

int eraser_note(const struct state_folder *state, struct trail *trail, const struct erased_claim *claim, uint64_t limit,
		struct erase_plan *out_plan, uint32_t *out_artefacts)
{
	struct notes notes = {.state = state, .trail = trail};
	int rc = notes_take(&notes, claim, limit, out_plan);
	if (rc == 0)
		rc = notes_write(&notes);
	*out_artefacts = (uint32_t)notes.count;
	notes_release(&notes);
	return rc;
}

int eraser_count(const struct state_folder *state, struct trail *trail, const struct erased_claim *claim, uint64_t limit,
		 struct erase_plan *out_plan, uint32_t *out_artefacts)
{
	struct notes notes = {.state = state, .trail = trail};
	int rc = notes_take(&notes, claim, limit, out_plan);
	*out_artefacts = (uint32_t)notes.count;
	notes_release(&notes);
	return rc;
}

/* ---- doing what the note says ---- */

/* A line that a crash cut off belongs to an erasure that did not come about. */
static int notes_read(struct notes *notes, bool *out_there)
{
	char path[PATH_BYTES], line[128];
	int rc = state_path(notes->state, STATE_ERASING, path);
	FILE *file = rc ? NULL : fopen(path, "re");
	*out_there = file != NULL;
	if (!file)
		return rc ? rc : errno == ENOENT ? 0 : ERR_IO;
	while (rc == 0 && fgets(line, sizeof(line), file)) {
		uint64_t seq;
		if (strspn(line, "0123456789abcdef") != HASH_DIGITS || sscanf(line + HASH_DIGITS, " %" SCNu64, &seq) != 1 ||
		    !strchr(line, '\n'))
			continue;
		struct hash hash = hash_at((const uint8_t *)line);
		rc = notes_add(notes, &hash, seq);
	}
	if (ferror(file))
		rc = ERR_IO;
	fclose(file);
	notes_sort(notes);
	return rc;
}

static int need_hash(void *context, const struct hash *hash)
{
	struct noted *noted = notes_find(context, hash);
	if (noted)
		noted->needed = true;
	return 0;
}

static int need_text(void *context, uint64_t seq, struct bytes body)
{
	(void)seq;
	return hashes_in(body, need_hash, context);
}

/* Somebody brought it for a task whose texts are there, or for no task and after the erasure had begun. */
static int need_brought(void *context, const struct trail_entry *entry)
{
	struct notes *notes = context;
	struct parts parts = {.version = PROTOCOL_VERSION, .type = entry->type, .header = entry->header, .facts = entry->facts};
	struct message message;
	struct trail_task task;
	bool gone = false;
	if (entry->direction != TRAIL_IN || entry->verdict || message_decode(&parts, &message))
		return 0;
	struct noted *noted = notes_find(notes, &message.artefact_put.hash);
	if (!noted || noted->needed)
		return 0;
	if (id_is_nil(&entry->task_id) || trail_task(notes->trail, &entry->task_id, &task)) {
		noted->needed = entry->seq > noted->seq;
		return 0;
	}
	int rc = erase_is_gone(notes->trail, task.request_seq, &gone);
	noted->needed = rc == 0 && !gone;
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int needs_find(struct notes *notes)
{
	struct trail_query query = {.type = MESSAGE_ARTEFACT_PUT};
	if (!notes->count)
		return 0;
	int rc = erase_rest(notes->trail, need_text, notes);
	return rc ? rc : trail_read(notes->trail, &query, need_brought, notes);
}

static int artefacts_remove(const struct notes *notes)
{
	char path[PATH_BYTES];
	int rc = 0;
	for (size_t i = 0; i < notes->count && rc == 0; i++) {
		if (notes->at[i].needed)
			continue;
		rc = artefact_path(notes->state, &notes->at[i].hash, false, path);
		if (rc == 0)
			rc = file_shred(path);
		if (rc == 0)
			rc = artefact_path(notes->state, &notes->at[i].hash, true, path);
		if (rc == 0)
			rc = file_shred(path);
	}
	return rc;
}

static int note_remove(const struct state_folder *state)
{
	char path[PATH_BYTES];
	int rc = state_path(state, STATE_ERASING, path);
	if (rc == 0 && unlink(path) && errno != ENOENT)
		rc = ERR_IO;
	return rc ? rc : folder_sync(state, STATE_RUN);
}

int eraser_finish(const struct state_folder *state, struct trail *trail, char out_why[256])
{
	struct notes notes = {.state = state, .trail = trail};
	char path[PATH_BYTES];
	bool there = false;
	int rc = notes_read(&notes, &there);
	if (there && rc == 0)
		rc = needs_find(&notes);
	if (there && rc == 0)
		rc = artefacts_remove(&notes);
	if (there && rc == 0)
		rc = eraser_work(state, trail);
	if (there && rc == 0)
		rc = state_path(state, STATE_TRAIL, path);
	if (there && rc == 0)
		rc = finder_remove(path);
	if (there && rc == 0)
		rc = note_remove(state);
	if (rc)
		snprintf(out_why, 256,
			 "what was erased could not be removed beside the trail as well (see " STATE_ERASING "): %s",
			 error_sentence(rc));
	notes_release(&notes);
	return rc;
}
