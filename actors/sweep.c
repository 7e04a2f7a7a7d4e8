/* SPDX-License-Identifier: MIT */
#include "actors/sweep.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/process.h"

#define SWEEP_MS          2000u
#define ENVIRON_BYTES_MAX (256u * 1024u) /* beyond, a tag is not looked for */
#define PASSES_EMPTY      2

/* ---- one look at /proc ---- */

struct one {
	pid_t pid, parent, group, session;
	uint64_t start_ticks;
	char state;
	bool hit;
	bool spared; /* the caller and its ancestors */
};

struct crowd {
	struct one *one;
	size_t count, capacity;
};

/* The name stands in parentheses and may hold anything, so the fields begin after the last one. */
static bool stat_parse(const char *text, struct one *out)
{
	const char *at = strrchr(text, ')');
	int parent, group, session;
	unsigned long long start;

	if (!at || sscanf(at + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &out->state,
			  &parent, &group, &session, &start) != 5)
		return false;
	out->parent = parent;
	out->group = group;
	out->session = session;
	out->start_ticks = start;
	return true;
}

static bool one_read(pid_t pid, struct one *out)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t bytes = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (bytes <= 0)
		return false;
	text[bytes] = '\0';
	*out = (struct one){.pid = pid};
	return stat_parse(text, out);
}

uint64_t process_start_ticks(pid_t pid)
{
	struct one one;
	return one_read(pid, &one) ? one.start_ticks : 0;
}

static bool crowd_add(struct crowd *crowd, const struct one *one)
{
	if (crowd->count == crowd->capacity) {
		size_t capacity = crowd->capacity ? 2 * crowd->capacity : 256;
		struct one *grown = realloc(crowd->one, capacity * sizeof(*grown));
		if (!grown)
			return false;
		crowd->one = grown;
		crowd->capacity = capacity;
	}
	crowd->one[crowd->count++] = *one;
	return true;
}

static bool crowd_read(struct crowd *crowd)
{
	DIR *directory = opendir("/proc");
	struct one one;
	bool complete = directory;

	crowd->count = 0;
	if (!directory)
		return false;
	for (struct dirent *entry; complete && (entry = readdir(directory));)
		if (isdigit((unsigned char)*entry->d_name) && one_read((pid_t)atoi(entry->d_name), &one))
			complete = crowd_add(crowd, &one);
	closedir(directory);
	return complete;
}

static struct one *crowd_find(const struct crowd *crowd, pid_t pid)
{
	for (size_t i = 0; i < crowd->count; i++)
		if (crowd->one[i].pid == pid)
			return &crowd->one[i];
	return NULL;
}

/* ---- tags ---- */

bool tag_contains(const char *carried, const char *tag)
{
	size_t bytes = strlen(tag);

	for (const char *at = carried; bytes && (at = strstr(at, tag)); at++)
		if ((at == carried || at[-1] == '/') && (!at[bytes] || at[bytes] == '/'))
			return true;
	return false;
}

static char *environ_read(pid_t pid, size_t *out_bytes)
{
	char path[64];
	size_t bytes = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(ENVIRON_BYTES_MAX + 1);
	while (text && bytes < ENVIRON_BYTES_MAX && (got = read(fd, text + bytes, ENVIRON_BYTES_MAX - bytes)) > 0)
		bytes += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (text)
		text[bytes] = '\0';
	*out_bytes = bytes;
	return text;
}

/* The tag a process carries, copied; false if it carries none, or may not be asked. */
static bool tag_read(pid_t pid, char out_tag[TAG_BYTES])
{
	size_t bytes;
	char *text = environ_read(pid, &bytes);
	bool found = false;

	for (char *at = text; at && at < text + bytes && !found; at += strlen(at) + 1) {
		found = !strncmp(at, TAG_VARIABLE "=", sizeof(TAG_VARIABLE));
		if (found)
			snprintf(out_tag, TAG_BYTES, "%s", at + sizeof(TAG_VARIABLE));
	}
	free(text);
	return found;
}

/* ---- who is meant ---- */

static void spare_ancestors(struct crowd *crowd)
{
	for (struct one *one = crowd_find(crowd, getpid()); one && !one->spared; one = crowd_find(crowd, one->parent))
		one->spared = true;
}

static bool is_orphan(const struct one *one)
{
	return one->parent == getpid() && !process_is_leader(one->pid);
}

/* The caller's own group and session are not its descendants: a shell puts a whole pipeline into one. */
static bool is_below(pid_t root, const struct one *one)
{
	if (!root)
		return false;
	return one->parent == root || (root != getpid() && (one->pid == root || one->group == root || one->session == root));
}

static bool is_meant(const struct sweep *sweep, const struct one *one)
{
	char tag[TAG_BYTES];

	if (one->start_ticks < sweep->not_before)
		return false;
	if (is_below(sweep->root, one))
		return true;
	bool orphan = sweep->orphans && is_orphan(one);
	if (!sweep->tag && !orphan)
		return false;
	bool tagged = tag_read(one->pid, tag);
	if (tagged && sweep->tag && tag_contains(tag, sweep->tag))
		return true;
	return orphan && !(tagged && process_owns_tag(tag));
}

static bool parent_is_hit(const struct crowd *crowd, const struct one *one)
{
	const struct one *parent = crowd_find(crowd, one->parent);
	return parent && parent->hit;
}

static void mark(const struct sweep *sweep, struct crowd *crowd)
{
	bool more = true;

	spare_ancestors(crowd);
	for (size_t i = 0; i < crowd->count; i++)
		crowd->one[i].hit = !crowd->one[i].spared && is_meant(sweep, &crowd->one[i]);
	while (more) {
		more = false;
		for (size_t i = 0; i < crowd->count; i++)
			if (!crowd->one[i].hit && !crowd->one[i].spared && parent_is_hit(crowd, &crowd->one[i]))
				more = crowd->one[i].hit = true;
	}
}

/* ---- ending ---- */

struct tally {
	struct one *seen; /* killed so far, so that nobody counts twice */
	size_t count, capacity;
};

static bool tally_add(struct tally *tally, const struct one *one)
{
	for (size_t i = 0; i < tally->count; i++)
		if (tally->seen[i].pid == one->pid && tally->seen[i].start_ticks == one->start_ticks)
			return false;
	struct crowd crowd = {.one = tally->seen, .count = tally->count, .capacity = tally->capacity};
	bool added = crowd_add(&crowd, one);
	*tally = (struct tally){.seen = crowd.one, .count = crowd.count, .capacity = crowd.capacity};
	return added;
}

int process_open(pid_t pid, uint64_t start_ticks)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 && process_start_ticks(pid) == start_ticks)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool is_dead(const struct one *one)
{
	return one->state == 'Z' || one->state == 'X';
}

/* Until the process has ended, or the time is up. */
static void end_await(int pidfd, uint64_t until_ms)
{
	struct pollfd item = {.fd = pidfd, .events = POLLIN};

	for (uint64_t now_ms = boottime_now_ms(); now_ms < until_ms; now_ms = boottime_now_ms())
		if (poll(&item, 1, (int)(until_ms - now_ms)) > 0)
			break;
}

/* Kills first and waits afterwards, so that they end together. Returns how many are meant and alive. */
static size_t kill_marked(const struct sweep *sweep, const struct crowd *crowd, struct tally *tally, uint64_t until_ms)
{
	size_t alive = 0;
	int *pidfd = calloc(crowd->count + 1, sizeof(*pidfd));

	for (size_t i = 0; i < crowd->count; i++) {
		const struct one *one = &crowd->one[i];
		if (!one->hit)
			continue;
		if (is_dead(one)) {
			if (!sweep->look_only && is_orphan(one))
				waitpid(one->pid, NULL, WNOHANG);
			continue;
		}
		alive++;
		int fd = sweep->look_only ? -1 : process_open(one->pid, one->start_ticks);
		if (fd < 0)
			continue;
		if (!syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0))
			tally_add(tally, one);
		if (pidfd)
			pidfd[i] = fd + 1; /* 0: none */
		else
			close(fd);
	}
	for (size_t i = 0; pidfd && i < crowd->count; i++)
		if (pidfd[i]) {
			end_await(pidfd[i] - 1, until_ms);
			close(pidfd[i] - 1);
		}
	free(pidfd);
	return alive;
}

void sweep_run(const struct sweep *sweep, uint32_t *out_ended, uint32_t *out_left)
{
	struct crowd crowd = {.one = NULL};
	struct tally tally = {.seen = NULL};
	uint64_t until_ms = boottime_now_ms() + SWEEP_MS;
	size_t alive = 1;

	for (int empty = 0; empty < PASSES_EMPTY && (empty || !alive || boottime_now_ms() < until_ms);) {
		if (!crowd_read(&crowd))
			break; /* `alive` stays what it was: nobody is declared dead unseen */
		mark(sweep, &crowd);
		alive = kill_marked(sweep, &crowd, &tally, until_ms);
		empty = alive ? 0 : empty + 1;
		if (sweep->look_only)
			break;
	}
	if (out_ended)
		*out_ended = (uint32_t)tally.count;
	if (out_left)
		*out_left = (uint32_t)alive;
	free(tally.seen);
	free(crowd.one);
}

uint32_t process_sweep_tag(const char *tag, uint32_t *out_left)
{
	struct sweep sweep = {.tag = tag};
	uint32_t ended;

	sweep_run(&sweep, &ended, out_left);
	return ended;
}

uint32_t process_count_tag(const char *tag)
{
	struct sweep sweep = {.tag = tag, .look_only = true};
	uint32_t left;

	sweep_run(&sweep, NULL, &left);
	return left;
}

uint32_t process_sweep_descendants(uint32_t *out_left)
{
	struct sweep sweep = {.root = getpid()};
	uint32_t ended;

	sweep_run(&sweep, &ended, out_left);
	return ended;
}
