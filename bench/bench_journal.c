/* SPDX-License-Identifier: MIT
 *
 * What the journal adds to a commit: nanoseconds for appending the objects of one (a file of 1 KB, its trees, the commit: 1.6 KB) and its ref,
 * by one writer and by two at once, in the page cache and on the disk; beside a plain pwrite of as many bytes to a file of each writer's own, with
 * fdatasync for the disk. Then how fast a journal is read back. Segments that are taken on the way are part of the mean.
 *
 *   bench_journal [FOLDER [APPENDS]]     where the files are made; the current folder, 100,000
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workspace/store/journal.h"

#define WRITERS_MAX 2u
#define PIECES      4u
#define DISK_SHARE  100u /* one append to the disk for so many to the page cache */

static const uint32_t sizes[PIECES] = {1024, 170, 170, 240};

struct run {
	struct journal *journal; /* NULL: the peer */
	int fd;
	enum workspace_durability level;
	size_t count;
	double *ns;
	unsigned who;
};

static _Noreturn void stop(const char *what)
{
	perror(what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *write_journal(struct run *run)
{
	struct journal_writer *writer;
	struct journal_object objects[PIECES];
	struct journal_ref ref = {.name = "refs/heads/main"};
	static uint8_t noise[1024];
	if (journal_join(run->journal, &writer))
		stop("joining");
	for (unsigned i = 0; i < PIECES; i++)
		objects[i] = (struct journal_object){.type = i ? OBJECT_TREE : OBJECT_BLOB, .raw = {noise, sizes[i]}};
	for (size_t i = 0; i < run->count; i++) {
		double from = now_ns();
		memcpy(objects[0].id.bytes, &i, sizeof(i));
		ref.version = i;
		if (journal_append(writer, objects, PIECES, &ref, 1))
			stop("appending");
		run->ns[i] = now_ns() - from;
	}
	journal_leave(writer);
	return NULL;
}

static void *write_plainly(struct run *run)
{
	uint8_t bytes[1856];
	memset(bytes, (int)run->who + 1, sizeof(bytes));
	for (size_t i = 0; i < run->count; i++) {
		double from = now_ns();
		if (pwrite(run->fd, bytes, sizeof(bytes), (off_t)(i * sizeof(bytes))) != sizeof(bytes))
			stop("pwrite");
		if (run->level == DURABLE_DISK && fdatasync(run->fd))
			stop("fdatasync");
		run->ns[i] = now_ns() - from;
	}
	return NULL;
}

static void *run_start(void *context)
{
	struct run *run = context;
	return run->journal ? write_journal(run) : write_plainly(run);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void print(const char *name, unsigned writers, struct run *runs, double elapsed)
{
	size_t count = runs[0].count * writers;
	double *all = malloc(count * sizeof(*all)), sum = 0;
	if (!all)
		stop("memory");
	for (unsigned i = 0; i < writers; i++)
		memcpy(all + i * runs[i].count, runs[i].ns, runs[i].count * sizeof(*all));
	for (size_t i = 0; i < count; i++)
		sum += all[i];
	qsort(all, count, sizeof(*all), by_value);
	printf("%-34s %u  %9.0f %9.0f %9.0f %9.0f %10.0f\n", name, writers, sum / (double)count, all[count / 2],
	       all[count * 99 / 100], all[count * 999 / 1000], (double)count / elapsed * 1e9);
	free(all);
}

static struct journal *open_journal(const char *folder, enum workspace_durability level, const struct journal_reader *reader)
{
	struct journal *journal;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (journal_open(folder, level, &journal, sentence) || journal_read(journal, reader, sentence)) {
		fprintf(stderr, "bench_journal: %s\n", sentence);
		exit(1);
	}
	return journal;
}

static int on_object(void *context, const struct journal_object *object)
{
	*(uint64_t *)context += object->raw.bytes;
	return 0;
}

static int on_refs(void *context, const struct journal_ref *refs, size_t count)
{
	(void)context;
	(void)refs;
	(void)count;
	return 0;
}

static void remove_folder(const char *folder)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/journal", folder);
	unlink(path);
	rmdir(folder);
}

/* Threads at once, each with its own samples. */
static void measure(const char *name, const char *base, unsigned writers, enum workspace_durability level, bool plain,
		    size_t count)
{
	struct run runs[WRITERS_MAX];
	pthread_t threads[WRITERS_MAX];
	char folder[4100], path[4200];
	uint64_t bytes = 0;
	struct journal_reader reader = {&bytes, on_object, on_refs};
	snprintf(folder, sizeof(folder), "%s/bench-journal", base);
	remove_folder(folder);
	struct journal *journal = plain ? NULL : open_journal(folder, level, &reader);
	sync(); /* what others left to write is none of ours */
	double from = now_ns();
	for (unsigned i = 0; i < writers; i++) {
		snprintf(path, sizeof(path), "%s/bench-plain-%u", base, i);
		runs[i] = (struct run){journal, -1, level, count, calloc(count, sizeof(double)), i};
		runs[i].fd = plain ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
		if (!runs[i].ns || (plain && runs[i].fd < 0) || pthread_create(&threads[i], NULL, run_start, &runs[i]))
			stop(path);
	}
	for (unsigned i = 0; i < writers; i++)
		pthread_join(threads[i], NULL);
	print(name, writers, runs, now_ns() - from);
	for (unsigned i = 0; i < writers; i++) {
		snprintf(path, sizeof(path), "%s/bench-plain-%u", base, i);
		if (plain)
			close(runs[i].fd);
		unlink(path);
		free(runs[i].ns);
	}
	if (journal && journal_close(journal))
		stop("closing");
}

static void measure_replay(const char *base)
{
	char folder[4100];
	uint64_t bytes = 0;
	struct journal_reader reader = {&bytes, on_object, on_refs};
	snprintf(folder, sizeof(folder), "%s/bench-journal", base);
	double from = now_ns();
	struct journal *journal = open_journal(folder, DURABLE_PROCESS, &reader);
	double took = now_ns() - from;
	printf("reading back %.0f MB of it: %.0f ms, %.0f MB/s\n", (double)journal_head(journal) / 1e6, took / 1e6,
	       (double)journal_head(journal) / took * 1e3);
	if (journal_close(journal))
		stop("closing");
	remove_folder(folder);
}

int main(int argc, char **argv)
{
	const char *base = argc > 1 ? argv[1] : ".";
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	printf("%-34s %s %9s %9s %9s %9s %10s\n", "ns for one append", "writers", "mean", "p50", "p99", "p99.9", "a second");
	for (unsigned writers = 1; writers <= WRITERS_MAX; writers++) {
		measure("pwrite, a file each", base, writers, DURABLE_PROCESS, true, count);
		measure("journal, page cache", base, writers, DURABLE_PROCESS, false, count);
	}
	measure_replay(base);
	for (unsigned writers = 1; writers <= WRITERS_MAX; writers++) {
		measure("pwrite and fdatasync, a file each", base, writers, DURABLE_DISK, true, count / DISK_SHARE);
		measure("journal, disk", base, writers, DURABLE_DISK, false, count / DISK_SHARE);
	}
	measure_replay(base);
	return 0;
}
