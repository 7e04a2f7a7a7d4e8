/* SPDX-License-Identifier: MIT */
#include "actors/diary.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/state.h"
#include "clones/result.h"
#include "protocol/id.h"

#define FILE_NAME      "changes"
#define FILE_BYTES_MAX (256u << 20)
#define KEY_BYTES      24u /* a number as a key: zeros in front, so that keys sort like numbers */
#define KEPT_BYTES_MAX 4096u

/* The lines themselves are what is kept in memory: `pending` has the object of "begin" under its number, with the members of "done" in it. */
struct diary {
	pthread_mutex_t lock;
	char path[PATH_BYTES];
	int fd;
	uint64_t bytes;
	uint64_t last_number;
	json_t *pending;
	json_t *known; /* ref: {"version", "id"} */
};

/* ---- values ---- */

static void key_print(uint64_t number, char out[KEY_BYTES])
{
	snprintf(out, KEY_BYTES, "%020llu", (unsigned long long)number);
}

static json_t *oid_json(const struct oid *id)
{
	char hex[OID_HEX_BYTES];

	if (!id)
		return json_null();
	oid_print(id, hex);
	return json_string(hex);
}

static bool oid_of(const json_t *json, struct oid *out_id)
{
	const char *hex = json_string_value(json);

	return hex && oid_parse(hex, out_id) == 0;
}

static uint64_t number_of(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

static struct id id_of(const json_t *json)
{
	struct id id = {{0}};
	const char *text = json_string_value(json);

	if (text && id_parse(text, strlen(text), &id))
		id = (struct id){{0}};
	return id;
}

static json_t *id_json(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	if (id_is_nil(id))
		return json_null();
	id_print(id, text);
	return json_string(text);
}

static struct diary_change change_of(const json_t *item)
{
	struct diary_change change = {
		.number = number_of(item, "number"),
		.ref = json_string_value(json_object_get(item, "ref")),
		.version = number_of(item, "version"),
		.cause = json_string_value(json_object_get(item, "cause")),
		.task = id_of(json_object_get(item, "task")),
		.attempt = (uint32_t)number_of(item, "attempt"),
		.message = id_of(json_object_get(item, "message")),
		.sentence = json_string_value(json_object_get(item, "sentence")),
		.journal = number_of(item, "journal"),
	};

	change.has_from = oid_of(json_object_get(item, "from"), &change.from);
	change.has_to = oid_of(json_object_get(item, "to"), &change.to);
	return change;
}

static json_t *begin_json(const struct diary_change *change, uint64_t number)
{
	const char *sentence = change->sentence ? change->sentence : "";

	return json_pack("{s:I, s:o, s:I, s:o, s:s, s:o, s:i, s:o, s:o}", "number", (json_int_t)number, "ref",
			 text_json(change->ref, strlen(change->ref), KEPT_BYTES_MAX), "version", (json_int_t)change->version,
			 "from", oid_json(change->has_from ? &change->from : NULL), "cause", change->cause, "task",
			 id_json(&change->task), "attempt", (int)change->attempt, "message", id_json(&change->message),
			 "sentence", text_json(sentence, strlen(sentence), KEPT_BYTES_MAX));
}

/* ---- memory ---- */

static int known_set(struct diary *diary, const char *ref, uint64_t version, const json_t *id)
{
	json_t *value = json_pack("{s:I, s:O}", "version", (json_int_t)version, "id", id);

	return json_object_set_new(diary->known, ref, value) ? ERR_MEMORY : 0;
}

static int take_begin(struct diary *diary, json_t *item)
{
	char key[KEY_BYTES];
	uint64_t number = number_of(item, "number");

	if (!number || !json_string_value(json_object_get(item, "ref")) || !json_string_value(json_object_get(item, "cause")))
		return ERR_CORRUPT;
	key_print(number, key);
	if (number > diary->last_number)
		diary->last_number = number;
	return json_object_set(diary->pending, key, item) ? ERR_MEMORY : 0;
}

static json_t *pending_of(const struct diary *diary, uint64_t number)
{
	char key[KEY_BYTES];

	key_print(number, key);
	return json_object_get(diary->pending, key);
}

static void pending_drop(struct diary *diary, uint64_t number)
{
	char key[KEY_BYTES];

	key_print(number, key);
	json_object_del(diary->pending, key);
}

static int take_done(struct diary *diary, const json_t *item)
{
	json_t *pending = pending_of(diary, number_of(item, "number"));
	const char *ref = json_string_value(json_object_get(pending, "ref"));

	if (!pending)
		return 0;
	if (json_object_update(pending, (json_t *)(uintptr_t)item))
		return ERR_MEMORY;
	json_object_set_new(pending, "done", json_true());
	return known_set(diary, ref, number_of(item, "version"), json_object_get(item, "to"));
}

static int take_known(struct diary *diary, const json_t *item)
{
	const char *ref = json_string_value(json_object_get(item, "ref"));

	return ref && *ref ? known_set(diary, ref, number_of(item, "version"), json_object_get(item, "id")) : ERR_CORRUPT;
}

static int take_line(struct diary *diary, json_t *line)
{
	json_t *item;

	if ((item = json_object_get(line, "begin")))
		return take_begin(diary, item);
	if ((item = json_object_get(line, "done")))
		return take_done(diary, item);
	if ((item = json_object_get(line, "known")))
		return take_known(diary, item);
	item = json_object_get(line, "void") ? json_object_get(line, "void") : json_object_get(line, "told");
	if (!json_is_integer(item))
		return ERR_CORRUPT;
	pending_drop(diary, (uint64_t)json_integer_value(item));
	return 0;
}

/* ---- the file ---- */

static int text_add(struct buffer *text, const char *name, json_t *value)
{
	json_t *line = json_pack("{s:o}", name, value);
	char *written = line ? json_dumps(line, JSON_COMPACT) : NULL;
	int rc = written ? buffer_append(text, written, strlen(written)) : ERR_MEMORY;

	if (!rc)
		rc = buffer_append(text, "\n", 1);
	free(written);
	json_decref(line);
	return rc;
}

/* A line is there whole or not at all: what a failed write left is cut off, so that the next one begins a line. */
static int append(struct diary *diary, const struct buffer *text)
{
	int rc = file_write_all(diary->fd, text->at, text->bytes);

	if (!rc)
		diary->bytes += text->bytes;
	else if (ftruncate(diary->fd, (off_t)diary->bytes))
		rc = ERR_IO;
	return rc;
}

static int append_one(struct diary *diary, const char *name, json_t *value)
{
	struct buffer text = {0};
	int rc = text_add(&text, name, value);

	if (!rc)
		rc = append(diary, &text);
	buffer_release(&text);
	return rc;
}

static int text_known(const struct diary *diary, struct buffer *text)
{
	const char *ref;
	json_t *value;
	int rc = 0;

	json_object_foreach (diary->known, ref, value) {
		json_t *line = json_pack("{s:s, s:O, s:O}", "ref", ref, "version", json_object_get(value, "version"), "id",
					 json_object_get(value, "id"));
		if (!rc)
			rc = text_add(text, "known", line);
		else
			json_decref(line);
	}
	return rc;
}

static int text_pending(const struct diary *diary, struct buffer *text)
{
	const char *key;
	json_t *item;
	int rc = 0;

	json_object_foreach (diary->pending, key, item) {
		if (!rc)
			rc = text_add(text, "begin", json_incref(item));
		if (!rc && json_object_get(item, "done"))
			rc = text_add(text, "done",
				      json_pack("{s:O, s:O, s:O, s:O}", "number", json_object_get(item, "number"), "version",
						json_object_get(item, "version"), "to", json_object_get(item, "to"), "journal",
						json_object_get(item, "journal")));
	}
	return rc;
}

/* Only what is still of use. */
static int rewrite(struct diary *diary)
{
	struct buffer text = {0};
	int rc = text_known(diary, &text);

	if (!rc)
		rc = text_pending(diary, &text);
	if (!rc)
		rc = file_replace(diary->path, text.at ? (const void *)text.at : "", text.bytes, 0600);
	if (!rc) {
		int fd = open(diary->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0) {
			rc = ERR_IO;
		} else {
			if (diary->fd >= 0)
				close(diary->fd);
			diary->fd = fd;
			diary->bytes = text.bytes;
		}
	}
	buffer_release(&text);
	return rc;
}

static int read_lines(struct diary *diary, char *text, char *out_sentence)
{
	unsigned number = 0;

	for (char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		json_t *line = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
		int rc = json_is_object(line) ? take_line(diary, line) : ERR_CORRUPT;

		json_decref(line);
		number++;
		if (rc) {
			snprintf(out_sentence, SENTENCE_BYTES, "%.300s, line %u: %s", diary->path, number,
				 rc == ERR_CORRUPT ? "this is none of begin, done, void, told and known" : error_sentence(rc));
			return rc;
		}
	}
	return 0;
}

static int file_load(const char *path, char **out_text)
{
	struct stat status;
	size_t bytes;
	int rc;

	*out_text = NULL;
	if (stat(path, &status))
		return errno == ENOENT ? 0 : ERR_IO;
	if (status.st_size > FILE_BYTES_MAX)
		return ERR_TOO_LARGE;
	*out_text = malloc((size_t)status.st_size + 1);
	rc = *out_text ? file_read(path, *out_text, (size_t)status.st_size + 1, &bytes) : ERR_MEMORY;
	if (rc) {
		free(*out_text);
		*out_text = NULL;
	}
	return rc;
}

static int load(struct diary *diary, char *out_sentence)
{
	char *text = NULL;
	int rc = file_load(diary->path, &text);

	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", diary->path, error_sentence(rc));
	else if (text)
		rc = read_lines(diary, text, out_sentence);
	free(text);
	return rc;
}

/* ---- public ---- */

int diary_open(const char *folder, struct diary **out_diary, char out_sentence[SENTENCE_BYTES])
{
	struct diary *diary = calloc(1, sizeof(*diary));
	int rc;

	*out_sentence = '\0';
	if (!diary)
		return ERR_MEMORY;
	diary->fd = -1;
	pthread_mutex_init(&diary->lock, NULL);
	diary->pending = json_object();
	diary->known = json_object();
	rc = snprintf(diary->path, PATH_BYTES, "%s/" FILE_NAME, folder) < (int)PATH_BYTES ? load(diary, out_sentence)
											  : ERR_TOO_LARGE;
	if (!rc)
		rc = rewrite(diary);
	if (rc) {
		if (!*out_sentence)
			snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", diary->path, error_sentence(rc));
		diary_close(diary);
		return rc;
	}
	*out_diary = diary;
	return 0;
}

void diary_close(struct diary *diary)
{
	if (!diary)
		return;
	if (diary->fd >= 0)
		close(diary->fd);
	json_decref(diary->pending);
	json_decref(diary->known);
	pthread_mutex_destroy(&diary->lock);
	free(diary);
}

static int begin_locked(struct diary *diary, const struct diary_change *change, uint64_t *out_number)
{
	struct buffer text = {0};
	json_t *item = begin_json(change, diary->last_number + 1);
	int rc = item ? text_add(&text, "begin", json_incref(item)) : ERR_MEMORY;

	if (!rc)
		rc = append(diary, &text);
	if (!rc && fdatasync(diary->fd))
		rc = ERR_IO;
	if (!rc)
		rc = take_begin(diary, item);
	if (!rc)
		*out_number = diary->last_number;
	buffer_release(&text);
	json_decref(item);
	return rc;
}

int diary_begin(struct diary *diary, const struct diary_change *change, uint64_t *out_number)
{
	int rc = 0;

	pthread_mutex_lock(&diary->lock);
	if (json_object_size(diary->pending) >= DIARY_PENDING_MAX)
		rc = ERR_OVERLOADED;
	if (!rc && diary->bytes > DIARY_REWRITE_BYTES && json_object_size(diary->pending) == 0)
		rc = rewrite(diary);
	if (!rc)
		rc = begin_locked(diary, change, out_number);
	pthread_mutex_unlock(&diary->lock);
	return rc;
}

static json_t *done_json(uint64_t number, uint64_t version, const struct oid *to, uint64_t journal)
{
	return json_pack("{s:I, s:I, s:o, s:I}", "number", (json_int_t)number, "version", (json_int_t)version, "to", oid_json(to),
			 "journal", (json_int_t)journal);
}

static int done_locked(struct diary *diary, uint64_t number, uint64_t version, const struct oid *to, uint64_t journal)
{
	json_t *item = done_json(number, version, to, journal);
	int rc = item ? take_done(diary, item) : ERR_MEMORY;

	if (!rc)
		rc = append_one(diary, "done", json_incref(item));
	json_decref(item);
	return rc;
}

void diary_done(struct diary *diary, uint64_t number, uint64_t version, const struct oid *to, uint64_t journal)
{
	pthread_mutex_lock(&diary->lock);
	(void)!done_locked(diary, number, version, to, journal);
	pthread_mutex_unlock(&diary->lock);
}

static void drop(struct diary *diary, const char *word, uint64_t number)
{
	pthread_mutex_lock(&diary->lock);
	pending_drop(diary, number);
	(void)!append_one(diary, word, json_integer((json_int_t)number));
	pthread_mutex_unlock(&diary->lock);
}

void diary_void(struct diary *diary, uint64_t number)
{
	drop(diary, "void", number);
}

void diary_told(struct diary *diary, uint64_t number)
{
	drop(diary, "told", number);
}

int diary_found(struct diary *diary, const struct diary_change *changes, size_t count, uint64_t *out_numbers)
{
	struct buffer text = {0};
	int rc = 0;

	pthread_mutex_lock(&diary->lock);
	for (size_t i = 0; i < count && !rc; i++) {
		const struct diary_change *change = &changes[i];
		json_t *begin = begin_json(change, diary->last_number + 1);
		json_t *done =
			done_json(diary->last_number + 1, change->version, change->has_to ? &change->to : NULL, change->journal);

		rc = begin && done ? text_add(&text, "begin", json_incref(begin)) : ERR_MEMORY;
		if (!rc)
			rc = text_add(&text, "done", json_incref(done));
		if (!rc)
			rc = take_begin(diary, begin);
		if (!rc)
			rc = take_done(diary, done);
		if (!rc)
			out_numbers[i] = diary->last_number;
		json_decref(begin);
		json_decref(done);
	}
	if (!rc)
		rc = append(diary, &text);
	if (!rc && fdatasync(diary->fd))
		rc = ERR_IO;
	pthread_mutex_unlock(&diary->lock);
	buffer_release(&text);
	return rc;
}

bool diary_known(struct diary *diary, const char *ref, uint64_t *out_version, struct oid *out_id, bool *out_there)
{
	const json_t *value;

	pthread_mutex_lock(&diary->lock);
	value = json_object_get(diary->known, ref);
	if (value) {
		*out_version = number_of(value, "version");
		*out_there = oid_of(json_object_get(value, "id"), out_id);
	}
	pthread_mutex_unlock(&diary->lock);
	return value != NULL;
}

int diary_each_known(struct diary *diary, diary_ref_seen *seen, void *context)
{
	const char *ref;
	json_t *value;
	int rc = 0;

	pthread_mutex_lock(&diary->lock);
	json_object_foreach (diary->known, ref, value) {
		struct oid id;
		bool there = oid_of(json_object_get(value, "id"), &id);
		rc = seen(context, ref, number_of(value, "version"), there ? &id : NULL);
		if (rc)
			break;
	}
	pthread_mutex_unlock(&diary->lock);
	return rc;
}

/* Where the next change of the same ref began is where this one led; only of the last one the ref itself says it. */
static bool next_from(const struct diary *diary, const struct diary_change *change, struct oid *out_to, bool *out_there)
{
	const char *key;
	json_t *item;

	json_object_foreach (diary->pending, key, item) {
		const char *ref = json_string_value(json_object_get(item, "ref"));
		if (number_of(item, "number") <= change->number || strcmp(ref, change->ref) != 0 ||
		    number_of(item, "version") != change->version + 1)
			continue;
		*out_there = oid_of(json_object_get(item, "from"), out_to);
		return true;
	}
	return false;
}

/* The change was made if the ref has come to its version. */
static void settle_one(struct diary *diary, json_t *item, diary_look *look, void *context, uint64_t journal)
{
	struct diary_change change = change_of(item);
	uint64_t version = 0;
	struct oid to;
	bool there = false;
	bool made = look(context, change.ref, &version, &to, &there) && version >= change.version;

	if (made && version > change.version && !next_from(diary, &change, &to, &there))
		made = false; /* what came after it is told from where it was known to be last */
	if (made) {
		(void)!done_locked(diary, change.number, change.version, there ? &to : NULL, journal);
		return;
	}
	(void)!append_one(diary, "void", json_integer((json_int_t)change.number));
	pending_drop(diary, change.number);
}

void diary_settle(struct diary *diary, diary_look *look, void *context, uint64_t journal)
{
	const char *key;
	json_t *item;
	void *next;

	pthread_mutex_lock(&diary->lock);
	json_object_foreach_safe (diary->pending, next, key, item) {
		if (!json_object_get(item, "done"))
			settle_one(diary, item, look, context, journal);
	}
	pthread_mutex_unlock(&diary->lock);
}

static int by_number(const void *a, const void *b)
{
	const struct diary_change *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int diary_each_untold(struct diary *diary, diary_change_seen *seen, void *context)
{
	struct diary_change *changes;
	const char *key;
	size_t count = 0;
	json_t *item;
	int rc;

	pthread_mutex_lock(&diary->lock);
	changes = calloc(json_object_size(diary->pending) + 1, sizeof(*changes));
	rc = changes ? 0 : ERR_MEMORY;
	json_object_foreach (diary->pending, key, item) {
		if (!rc && json_object_get(item, "done"))
			changes[count++] = change_of(item);
	}
	if (!rc)
		qsort(changes, count, sizeof(*changes), by_number);
	for (size_t i = 0; i < count && !rc; i++)
		rc = seen(context, &changes[i]);
	pthread_mutex_unlock(&diary->lock);
	free(changes);
	return rc;
}

size_t diary_pending(struct diary *diary)
{
	pthread_mutex_lock(&diary->lock);
	size_t count = json_object_size(diary->pending);
	pthread_mutex_unlock(&diary->lock);
	return count;
}

bool diary_owes(const char *folder)
{
	struct diary diary = {.fd = -1, .pending = json_object(), .known = json_object()};
	char sentence[SENTENCE_BYTES];
	bool owes = snprintf(diary.path, PATH_BYTES, "%s/" FILE_NAME, folder) < (int)PATH_BYTES &&
		    (load(&diary, sentence) || json_object_size(diary.pending) > 0);

	json_decref(diary.pending);
	json_decref(diary.known);
	return owes;
}

struct untold {
	const char *ref;
	uint64_t number;
};

static int take_untold(void *context, const struct diary_change *change)
{
	struct untold *untold = context;

	if (strcmp(change->ref, untold->ref) == 0)
		untold->number = change->number;
	return 0;
}

uint64_t diary_untold(struct diary *diary, const char *ref)
{
	struct untold untold = {.ref = ref};

	return diary_each_untold(diary, take_untold, &untold) ? 0 : untold.number;
}
