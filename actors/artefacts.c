/* SPDX-License-Identifier: MIT */
#include "actors/artefacts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/eraser.h"
#include "actors/transfer.h"
#include "protocol/id.h"

#define HASH_TEXT_BYTES 65u
#define JOBS_MAX        256u

struct growing {
	bool used;
	bool handed_over; /* the thread has it */
	struct hash hash;
	int fd;
	uint64_t offset;
	uint64_t total;
	uint64_t fed; /* turn of the last piece */
	struct vault_stream stream;
};

struct job {
	struct hash hash;
	uint64_t total;
	int result;
};

struct job_queue {
	struct job job[JOBS_MAX];
	uint32_t first, next;
};

struct artefacts {
	char folder[PATH_BYTES - 256];
	struct growing growing[UPLOADS_MAX];
	struct vault *vault;
	uint64_t turn;
	int done_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct job_queue todo, done;
	bool stop;
};

/* ---- paths ---- */

static void final_folder(const struct artefacts *store, const struct hash *hash, char out[PATH_BYTES])
{
	char text[3];

	hex_print(hash->bytes, 1, text);
	snprintf(out, PATH_BYTES, "%s/%s", store->folder, text);
}

static void final_path(const struct artefacts *store, const struct hash *hash, char out[PATH_BYTES])
{
	char text[HASH_TEXT_BYTES];

	hex_print(hash->bytes, sizeof(hash->bytes), text);
	snprintf(out, PATH_BYTES, "%s/%.2s/%s", store->folder, text, text + 2);
}

static void partial_path(const struct artefacts *store, const struct hash *hash, char out[PATH_BYTES])
{
	char text[HASH_TEXT_BYTES];

	hex_print(hash->bytes, sizeof(hash->bytes), text);
	snprintf(out, PATH_BYTES, "%s/partial/%s", store->folder, text);
}

static int make_folder(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? ERR_IO : 0;
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = fd < 0 || fsync(fd);

	if (fd >= 0)
		close(fd);
	return bad ? ERR_IO : 0;
}

/* ---- the thread: check, make durable, name ---- */

static int give_name(const struct artefacts *store, const struct job *job, const char *partial, int fd)
{
	char folder[PATH_BYTES];
	char path[PATH_BYTES];

	final_folder(store, &job->hash, folder);
	final_path(store, &job->hash, path);
	if (fsync(fd) || make_folder(folder) || rename(partial, path))
		return ERR_IO;
	return sync_folder(folder) || sync_folder(store->folder) ? ERR_IO : 0;
}

static int finish(const struct artefacts *store, const struct job *job)
{
	char partial[PATH_BYTES];
	struct hash hash;
	uint64_t bytes;
	int fd;
	int rc;

	partial_path(store, &job->hash, partial);
	fd = open(partial, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_IO;
	rc = file_hash(fd, &hash, &bytes);
	if (!rc && (bytes != job->total || !hash_equal(&hash, &job->hash)))
		rc = ERR_CORRUPT;
	if (!rc)
		rc = give_name(store, job, partial, fd);
	if (rc == ERR_CORRUPT)
		unlink(partial);
	close(fd);
	return rc;
}

static bool take_job(struct artefacts *store, struct job *out_job)
{
	bool got;

	pthread_mutex_lock(&store->lock);
	while (store->todo.first == store->todo.next && !store->stop)
		pthread_cond_wait(&store->wake, &store->lock);
	got = store->todo.first != store->todo.next;
	if (got)
		*out_job = store->todo.job[store->todo.first++ % JOBS_MAX];
	pthread_mutex_unlock(&store->lock);
	return got;
}

static void *run(void *argument)
{
	static const uint64_t one = 1;
	struct artefacts *store = argument;
	struct job job;

	while (take_job(store, &job)) {
		job.result = finish(store, &job);
		pthread_mutex_lock(&store->lock);
		store->done.job[store->done.next++ % JOBS_MAX] = job;
		pthread_mutex_unlock(&store->lock);
		while (write(store->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	return NULL;
}

static void drop_growing(struct growing *growing)
{
	close(growing->fd);
	vault_stream_release(&growing->stream);
	growing->used = false;
}

/* ---- opening and closing ---- */

int artefacts_new(const struct state_folder *state, struct vault *vault, struct artefacts **out_artefacts)
{
	struct artefacts *store = calloc(1, sizeof(*store));
	char path[PATH_BYTES];
	int rc = ERR_MEMORY;

	if (!store)
		return rc;
	store->vault = vault;
	rc = state_path(state, STATE_ARTEFACTS, path);
	if (!rc && snprintf(store->folder, sizeof(store->folder), "%s", path) >= (int)sizeof(store->folder))
		rc = ERR_TOO_LARGE;
	snprintf(path, sizeof(path), "%s/partial", store->folder);
	if (!rc)
		rc = make_folder(store->folder);
	if (!rc)
		rc = make_folder(path);
	store->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->wake, NULL);
	if (!rc && (store->done_fd < 0 || pthread_create(&store->thread, NULL, run, store)))
		rc = ERR_SYSTEM;
	if (rc) {
		if (store->done_fd >= 0)
			close(store->done_fd);
		free(store);
		return rc;
	}
	*out_artefacts = store;
	return 0;
}

void artefacts_free(struct artefacts *store)
{
	if (!store)
		return;
	pthread_mutex_lock(&store->lock);
	store->stop = true;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->lock);
	pthread_join(store->thread, NULL);
	for (uint32_t i = 0; i < UPLOADS_MAX; i++)
		if (store->growing[i].used)
			drop_growing(&store->growing[i]);
	pthread_mutex_destroy(&store->lock);
	pthread_cond_destroy(&store->wake);
	close(store->done_fd);
	free(store);
}

/* ---- growing ---- */

int artefact_open(const struct artefacts *store, const struct hash *hash, uint64_t *out_bytes)
{
	char path[PATH_BYTES];
	struct stat stat;
	int fd;

	final_path(store, hash, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (fstat(fd, &stat)) {
		close(fd);
		return -1;
	}
	*out_bytes = (uint64_t)stat.st_size;
	return fd;
}

static struct growing *find_growing(struct artefacts *store, const struct hash *hash)
{
	for (uint32_t i = 0; i < UPLOADS_MAX; i++)
		if (store->growing[i].used && hash_equal(&store->growing[i].hash, hash))
			return &store->growing[i];
	return NULL;
}

/* A free place, or that of the least recently fed one that the thread does not have. */
static struct growing *take_place(struct artefacts *store)
{
	struct growing *oldest = NULL;

	for (uint32_t i = 0; i < UPLOADS_MAX; i++) {
		struct growing *growing = &store->growing[i];

		if (!growing->used)
			return growing;
		if (!growing->handed_over && (!oldest || growing->fed < oldest->fed))
			oldest = growing;
	}
	if (oldest)
		drop_growing(oldest);
	return oldest;
}

/* The end of what another life has written: a secret may go on where it stopped. */
static int look_back(struct artefacts *store, struct growing *growing)
{
	size_t seam = vault_seam(store->vault);
	size_t bytes = growing->offset < seam ? (size_t)growing->offset : seam;
	uint8_t *tail = bytes ? malloc(bytes) : NULL;
	const char *kind;
	int rc = bytes && !tail ? ERR_MEMORY : 0;

	if (!rc && bytes && pread(growing->fd, tail, bytes, (off_t)(growing->offset - bytes)) != (ssize_t)bytes)
		rc = ERR_IO;
	if (!rc && bytes && !vault_stream_take(store->vault, &growing->stream, tail, bytes, &kind))
		rc = ERR_MEMORY;
	free(tail);
	if (rc)
		drop_growing(growing);
	return rc;
}

static int begin_growing(struct artefacts *store, const struct hash *hash, uint64_t total, struct growing **out_growing)
{
	struct growing *growing = take_place(store);
	char path[PATH_BYTES];
	struct stat stat;

	if (!growing)
		return ERR_OVERLOADED;
	partial_path(store, hash, path);
	growing->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (growing->fd < 0)
		return ERR_IO;
	if (fstat(growing->fd, &stat) || (stat.st_size > (off_t)total && ftruncate(growing->fd, 0))) {
		close(growing->fd);
		return ERR_IO;
	}
	*growing = (struct growing){.used = true,
				    .fd = growing->fd,
				    .hash = *hash,
				    .total = total,
				    .offset = stat.st_size > (off_t)total ? 0 : (uint64_t)stat.st_size};
	*out_growing = growing;
	return look_back(store, growing);
}

/* At most UPLOADS_MAX are with the thread at once, so that its queues never fill. */
static void hand_over(struct artefacts *store, struct growing *growing)
{
	if (growing->handed_over)
		return;
	growing->handed_over = true;
	pthread_mutex_lock(&store->lock);
	store->todo.job[store->todo.next++ % JOBS_MAX] = (struct job){growing->hash, growing->total, 0};
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->lock);
}

int artefact_offer(struct artefacts *store, const struct hash *hash, uint64_t total, uint64_t *out_offset)
{
	struct growing *growing = find_growing(store, hash);
	int rc = growing ? 0 : begin_growing(store, hash, total, &growing);

	if (rc)
		return rc;
	if (growing->total != total)
		return ERR_CONFLICT;
	growing->fed = ++store->turn;
	*out_offset = growing->offset;
	if (growing->offset == total)
		hand_over(store, growing);
	return 0;
}

/* Looks through a piece; an artefact that holds a secret is gone. */
static int look_through(struct artefacts *store, struct growing *growing, struct bytes data, const char **out_kind)
{
	char path[PATH_BYTES];

	if (!vault_stream_take(store->vault, &growing->stream, data.at, data.bytes, out_kind))
		return ERR_MEMORY;
	if (!*out_kind)
		return 0;
	partial_path(store, &growing->hash, path);
	unlink(path);
	drop_growing(growing);
	return ERR_SECRET;
}

int artefact_feed(struct artefacts *store, const struct hash *hash, uint64_t offset, struct bytes data, uint64_t *out_offset,
		  const char **out_kind)
{
	struct growing *growing = find_growing(store, hash);
	int rc;

	*out_kind = NULL;
	if (!growing)
		return ERR_NOT_FOUND;
	growing->fed = ++store->turn;
	if (!growing->handed_over && offset == growing->offset && data.bytes <= growing->total - offset) {
		rc = look_through(store, growing, data, out_kind);
		if (rc)
			return rc;
		if (pwrite(growing->fd, data.at, data.bytes, (off_t)offset) != (ssize_t)data.bytes)
			return ERR_IO;
		growing->offset += data.bytes;
	}
	*out_offset = growing->offset;
	if (growing->offset == growing->total)
		hand_over(store, growing);
	return 0;
}

static bool name_grows(struct artefacts *store, const char *name)
{
	char text[HASH_TEXT_BYTES];

	for (uint32_t i = 0; i < UPLOADS_MAX; i++) {
		hex_print(store->growing[i].hash.bytes, sizeof(struct hash), text);
		if (store->growing[i].used && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

int artefacts_drop_partial(struct artefacts *store)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	DIR *folder;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/partial", store->folder);
	folder = opendir(path);
	if (!folder)
		return ERR_IO;
	while (!rc && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || name_grows(store, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/partial/%.*s", store->folder, (int)HASH_TEXT_BYTES, entry->d_name);
		rc = file_shred(path);
	}
	closedir(folder);
	return rc;
}

int artefacts_fd(const struct artefacts *store)
{
	return store->done_fd;
}

bool artefact_finished(struct artefacts *store, struct hash *out_hash, int *out_result)
{
	uint64_t count;
	struct growing *growing;
	bool got;

	pthread_mutex_lock(&store->lock);
	got = store->done.first != store->done.next;
	if (got) {
		const struct job *job = &store->done.job[store->done.first++ % JOBS_MAX];

		*out_hash = job->hash;
		*out_result = job->result;
	} else if (read(store->done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
		got = false; /* nothing waits, so there is nothing to clear */
	}
	pthread_mutex_unlock(&store->lock);
	growing = got ? find_growing(store, out_hash) : NULL;
	if (growing)
		drop_growing(growing);
	return got;
}
