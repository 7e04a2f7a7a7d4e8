/* SPDX-License-Identifier: MIT */
#include "actors/depot.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "protocol/id.h"

#define NAME_WORD_MAX   32u
#define NAME_HASH_BYTES 4u
#define PATH_FILE       "repository"

struct depot {
	char folder[PATH_BYTES];
	uint64_t memory_max_bytes; /* of all open stores together, as far as closing idle ones helps; 0: half of the machine */
	depot_opened *opened;
	void *context;
	pthread_mutex_t lock; /* of the list and of the phases and users in it */
	pthread_cond_t changed;
	struct store *first;
};

static int say(char *out_sentence, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int say(char *out_sentence, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out_sentence, SENTENCE_BYTES, format, arguments);
	va_end(arguments);
	return rc;
}

/* ---- names ---- */

void depot_name(const char *path, char out_name[STORE_NAME_BYTES])
{
	const char *slash = strrchr(path, '/');
	const char *word = slash ? slash + 1 : path;
	uint8_t hash[crypto_generichash_BYTES_MIN];
	char digits[2 * NAME_HASH_BYTES + 1];
	size_t bytes = 0;

	for (; *word && bytes < NAME_WORD_MAX; word++) {
		bool plain = isalnum((unsigned char)*word) || *word == '_' || (*word == '.' && bytes) || (*word == '-' && bytes);
		out_name[bytes++] = plain ? *word : '_';
	}
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)path, strlen(path), NULL, 0);
	hex_print(hash, NAME_HASH_BYTES, digits);
	snprintf(out_name + bytes, STORE_NAME_BYTES - bytes, "%s%s", bytes ? "-" : "repository-", digits);
}

/* The folder that people mean: without a .git at its end, and links followed. */
static int path_real(const char *named, char out_path[PATH_BYTES])
{
	char *real = realpath(named, NULL);
	size_t bytes = real ? strlen(real) : 0;
	int rc = real && bytes < PATH_BYTES ? 0 : ERR_NOT_FOUND;

	if (bytes > 5 && strcmp(real + bytes - 5, "/.git") == 0)
		real[bytes - 5] = '\0';
	if (!rc)
		snprintf(out_path, PATH_BYTES, "%s", real);
	free(real);
	return rc;
}

static int folder_path(const struct depot *depot, const char *name, const char *file, char out_path[PATH_BYTES])
{
	return snprintf(out_path, PATH_BYTES, "%s/%s%s%s", depot->folder, name, file ? "/" : "", file ? file : "") <
			       (int)PATH_BYTES
		       ? 0
		       : ERR_TOO_LARGE;
}

static int path_read(const struct depot *depot, const char *name, char out_path[PATH_BYTES])
{
	char file[PATH_BYTES];
	size_t bytes = 0;
	int rc = folder_path(depot, name, PATH_FILE, file);

	if (!rc)
		rc = file_read(file, out_path, PATH_BYTES, &bytes);
	if (!rc && (bytes < 2 || out_path[bytes - 1] != '\n' || strlen(out_path) != bytes))
		rc = ERR_CORRUPT;
	if (!rc)
		out_path[bytes - 1] = '\0';
	return rc;
}

static bool name_means(const char *name, const char *named)
{
	const char *dash = strrchr(name, '-');

	return strcmp(name, named) == 0 ||
	       (dash && strlen(named) == (size_t)(dash - name) && memcmp(name, named, strlen(named)) == 0);
}

/* Of the folders there are. */
static int name_find(const struct depot *depot, const char *named, char out_name[STORE_NAME_BYTES], char *out_sentence)
{
	DIR *folder = opendir(depot->folder);
	unsigned found = 0;

	for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= STORE_NAME_BYTES || !name_means(entry->d_name, named))
			continue;
		if (strcmp(entry->d_name, named) == 0)
			found = 0; /* a whole name means one */
		snprintf(out_name, STORE_NAME_BYTES, "%.47s", entry->d_name);
		if (found++ == 0 && strcmp(entry->d_name, named) == 0)
			break;
	}
	if (folder)
		closedir(folder);
	if (found == 1)
		return 0;
	if (found > 1)
		return say(out_sentence, ERR_USAGE,
			   "%u repositories of the workspace are called %.100s; say the name with its digits, or the path", found,
			   named);
	return say(out_sentence, ERR_NOT_FOUND, "the workspace has no repository %.200s", named);
}

static int store_name(const struct depot *depot, const char *named, bool make, char out_name[STORE_NAME_BYTES],
		      char out_path[PATH_BYTES], char *out_sentence)
{
	char file[PATH_BYTES];
	struct stat status;
	int rc;

	if (named[0] != '/') {
		if (strchr(named, '/') || !*named || strlen(named) >= STORE_NAME_BYTES)
			return say(out_sentence, ERR_USAGE,
				   "\"%.200s\" is neither an absolute path nor the name of a repository in the workspace", named);
		return name_find(depot, named, out_name, out_sentence);
	}
	/* A repository that was moved away or deleted is still known by the path it had. */
	if (path_real(named, out_path))
		snprintf(out_path, PATH_BYTES, "%s", named);
	depot_name(out_path, out_name);
	rc = folder_path(depot, out_name, NULL, file);
	if (rc || make || stat(file, &status) == 0)
		return rc;
	return say(out_sentence, ERR_NOT_FOUND, "the repository %.300s is not in the workspace", out_path);
}

/* ---- opening and closing ---- */

static int folder_make(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? ERR_IO : 0;
}

/* The path is written last: a folder without it was never finished. */
static int store_make(const struct depot *depot, struct store *store, const char *path)
{
	char file[PATH_BYTES], line[PATH_BYTES + 2];
	struct stat status;
	int rc = folder_make(depot->folder);

	if (!rc)
		rc = folder_make(store->folder);
	if (!rc)
		rc = folder_path(depot, store->name, PATH_FILE, file);
	if (rc || stat(file, &status) == 0)
		return rc;
	int bytes = snprintf(line, sizeof(line), "%s\n", path);
	store->is_new = true;
	return file_replace(file, line, (size_t)bytes, 0600);
}

static int store_open(struct depot *depot, struct store *store, const char *make_from, char *out_sentence)
{
	char journal[PATH_BYTES], why[WORKSPACE_SENTENCE_BYTES] = "";
	struct workspace_options options = {
		.journal = journal, .durability = DURABLE_DISK, .memory_max_bytes = depot->memory_max_bytes};
	int rc = folder_path(depot, store->name, NULL, store->folder);

	if (!rc && make_from)
		rc = store_make(depot, store, make_from);
	if (!rc)
		rc = path_read(depot, store->name, store->path);
	if (!rc)
		rc = folder_path(depot, store->name, "journal", journal);
	if (rc)
		return say(out_sentence, rc, "%.300s: %s", store->folder, error_sentence(rc));
	rc = diary_open(store->folder, &store->diary, out_sentence);
	if (!rc) {
		rc = workspace_open(&options, &store->workspace, why);
		if (rc)
			say(out_sentence, rc, "%.300s", why[0] ? why : error_sentence(rc));
	}
	if (rc) {
		diary_close(store->diary);
		store->diary = NULL;
	}
	return rc;
}

static void store_free(struct store *store)
{
	if (store->workspace)
		(void)!workspace_close(store->workspace);
	diary_close(store->diary);
	pthread_mutex_destroy(&store->refs);
	pthread_rwlock_destroy(&store->clones);
	free(store);
}

static void list_remove(struct depot *depot, struct store *store)
{
	struct store **at = &depot->first;

	while (*at != store)
		at = &(*at)->next;
	*at = store->next;
}

static struct store *list_find(const struct depot *depot, const char *name)
{
	struct store *store = depot->first;

	while (store && strcmp(store->name, name) != 0)
		store = store->next;
	return store;
}

/* With the lock held, which is given back while the store is being closed. */
static void close_one(struct depot *depot, struct store *store)
{
	store->phase = STORE_CLOSING;
	pthread_mutex_unlock(&depot->lock);
	(void)!workspace_close(store->workspace);
	store->workspace = NULL;
	pthread_mutex_lock(&depot->lock);
	list_remove(depot, store);
	store_free(store);
	pthread_cond_broadcast(&depot->changed);
}

static struct store *idlest(const struct depot *depot, uint64_t before_ms)
{
	struct store *found = NULL;

	for (struct store *store = depot->first; store; store = store->next)
		if (store->phase == STORE_OPEN && store->users == 0 && store->used_ms <= before_ms &&
		    diary_pending(store->diary) == 0 && (!found || store->used_ms < found->used_ms))
			found = store;
	return found;
}

void depot_tidy(struct depot *depot, uint64_t idle_ms)
{
	uint64_t now_ms = boottime_now_ms();
	struct store *store;

	pthread_mutex_lock(&depot->lock);
	while (now_ms >= idle_ms && (store = idlest(depot, now_ms - idle_ms)) != NULL)
		close_one(depot, store);
	pthread_mutex_unlock(&depot->lock);
}

/* What all open stores have taken, against what they may. */
static bool is_crowded(const struct depot *depot)
{
	uint64_t used = 0, most = 0;
	unsigned count = 0;

	for (struct store *store = depot->first; store; store = store->next) {
		struct workspace_figures figures = {0};
		count++;
		if (store->phase != STORE_OPEN)
			continue;
		workspace_measure(store->workspace, &figures);
		used += figures.memory_bytes;
		most = figures.memory_max_bytes;
	}
	return count >= STORES_OPEN_MAX || (most && used > most / 4 * 3);
}

static struct store *store_new(struct depot *depot, const char *name)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	snprintf(store->name, sizeof(store->name), "%s", name);
	pthread_mutex_init(&store->refs, NULL);
	pthread_rwlock_init(&store->clones, NULL);
	store->phase = STORE_OPENING;
	store->users = 1;
	store->next = depot->first;
	depot->first = store;
	return store;
}

/* With the lock held, which is given back meanwhile. */
static int take_new(struct depot *depot, const char *name, const char *make_from, struct store **out_store, char *out_sentence)
{
	struct store *store;
	int rc;

	while (is_crowded(depot) && (store = idlest(depot, UINT64_MAX)) != NULL)
		close_one(depot, store);
	store = list_find(depot, name) ? NULL : store_new(depot, name);
	if (!store)
		return list_find(depot, name) ? ERR_BUSY : ERR_MEMORY;
	pthread_mutex_unlock(&depot->lock);
	rc = store_open(depot, store, make_from, out_sentence);
	if (!rc)
		depot->opened(depot->context, store);
	pthread_mutex_lock(&depot->lock);
	store->phase = STORE_OPEN;
	store->used_ms = boottime_now_ms();
	if (rc) {
		list_remove(depot, store);
		store_free(store);
	} else {
		*out_store = store;
	}
	pthread_cond_broadcast(&depot->changed);
	return rc;
}

int depot_take(struct depot *depot, const char *named, bool make, struct store **out_store, char out_sentence[SENTENCE_BYTES])
{
	char name[STORE_NAME_BYTES], path[PATH_BYTES] = "";
	struct store *store;
	int rc = store_name(depot, named, make, name, path, out_sentence);

	if (rc)
		return rc;
	pthread_mutex_lock(&depot->lock);
	do {
		while ((store = list_find(depot, name)) != NULL && store->phase != STORE_OPEN)
			pthread_cond_wait(&depot->changed, &depot->lock);
		if (store) {
			store->users++;
			*out_store = store;
		} else {
			rc = take_new(depot, name, make ? path : NULL, out_store, out_sentence);
		}
	} while (rc == ERR_BUSY); /* somebody else began with it while another one was closed */
	pthread_mutex_unlock(&depot->lock);
	return rc;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void depot_give(struct depot *depot, struct store *store)
{
	char folder[PATH_BYTES];

	if (!store)
		return;
	pthread_mutex_lock(&depot->lock);
	store->users--;
	store->used_ms = boottime_now_ms();
	if (store->unwanted && store->users == 0) {
		memcpy(folder, store->folder, sizeof(folder));
		close_one(depot, store);
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	pthread_mutex_unlock(&depot->lock);
}

/* ---- all of them ---- */

static void row_fill(struct depot *depot, struct depot_row *row)
{
	char folder[PATH_BYTES];
	struct store *store;

	pthread_mutex_lock(&depot->lock);
	store = list_find(depot, row->name);
	row->open = store && store->phase == STORE_OPEN;
	if (row->open) {
		workspace_measure(store->workspace, &row->figures);
		row->owes = diary_pending(store->diary) > 0;
	}
	pthread_mutex_unlock(&depot->lock);
	if (!row->open && folder_path(depot, row->name, NULL, folder) == 0)
		row->owes = diary_owes(folder);
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int depot_each(struct depot *depot, depot_row_seen *seen, void *context)
{
	struct dirent **entries = NULL;
	int count = scandir(depot->folder, &entries, is_name, alphasort);
	int rc = 0;

	for (int i = 0; i < count; i++) {
		struct depot_row row = {.open = false};
		snprintf(row.name, sizeof(row.name), "%.47s", entries[i]->d_name);
		if (!rc && path_read(depot, row.name, row.path) == 0) {
			row_fill(depot, &row);
			rc = seen(context, &row);
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int depot_new(const struct state_folder *state, uint64_t memory_max_bytes, depot_opened *opened, void *context,
	      struct depot **out_depot)
{
	struct depot *depot = calloc(1, sizeof(*depot));
	int rc = depot ? state_path(state, STATE_WORKSPACE, depot->folder) : ERR_MEMORY;

	if (rc) {
		free(depot);
		return rc;
	}
	depot->memory_max_bytes = memory_max_bytes;
	depot->opened = opened;
	depot->context = context;
	pthread_mutex_init(&depot->lock, NULL);
	pthread_cond_init(&depot->changed, NULL);
	*out_depot = depot;
	return 0;
}

void depot_free(struct depot *depot)
{
	if (!depot)
		return;
	while (depot->first) {
		struct store *store = depot->first;
		depot->first = store->next;
		store_free(store);
	}
	pthread_cond_destroy(&depot->changed);
	pthread_mutex_destroy(&depot->lock);
	free(depot);
}
