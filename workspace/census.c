/* SPDX-License-Identifier: MIT
 *
 * Looks from outside at the processes of one PID namespace.
 */
#include "workspace/census.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSIDE_REAPER  1
#define INSIDE_INNER   2
#define BLOCK_BYTES    512u   /* the unit of st_blocks */
#define UNLINKED_BYTES 65536u /* smaller ones are not looked at */
#define UNLINKED_FILES 512u

static bool belongs(int proc, const char *pid, uint64_t pid_namespace)
{
	char path[48];
	char link[48] = "";
	snprintf(path, sizeof(path), "%.20s/ns/pid", pid);
	ssize_t bytes = readlinkat(proc, path, link, sizeof(link) - 1);
	return bytes > 5 && strtoull(link + strcspn(link, "[") + 1, NULL, 10) == pid_namespace;
}

static size_t file_read(int proc, const char *pid, const char *name, char *out, size_t capacity)
{
	char path[48];
	snprintf(path, sizeof(path), "%.20s/%s", pid, name);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, out, capacity - 1) : -1;
	if (fd >= 0)
		close(fd);
	out[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0 ? (size_t)bytes : 0;
}

/* Its number inside is the last on the line "NSpid:"; 0 if it has ended. */
static long number_inside(int proc, const char *pid)
{
	char status[4096];
	file_read(proc, pid, "status", status, sizeof(status));
	const char *state = strstr(status, "\nState:\t");
	const char *line = strstr(status, "\nNSpid:");
	if (!state || !line || state[8] == 'Z' || state[8] == 'X')
		return 0;
	const char *end = strchr(line + 1, '\n');
	while (end && isdigit((unsigned char)end[-1]))
		end--;
	return end ? atol(end) : 0;
}

static uint64_t memory_of(int proc, const char *pid)
{
	char text[128];
	unsigned long long resident = 0;
	unsigned long long shared = 0;
	file_read(proc, pid, "statm", text, sizeof(text));
	if (sscanf(text, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Fields 14 to 17 of "stat", in clock ticks: user, system, and the same of children that were waited for. The name in field 2 may hold anything. */
static uint64_t cpu_of(int proc, const char *pid)
{
	char text[512];
	unsigned long long ticks[4] = {0};
	file_read(proc, pid, "stat", text, sizeof(text));
	const char *after_name = strrchr(text, ')');
	if (!after_name || sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &ticks[0],
				  &ticks[1], &ticks[2], &ticks[3]) != 4)
		return 0;
	return (ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Calls for every living process of the namespace. */
static void each(uint64_t pid_namespace, void (*visit)(int proc, const char *pid, long inside, void *context), void *context)
{
	DIR *folder = opendir("/proc");
	if (!folder)
		return;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !belongs(dirfd(folder), entry->d_name, pid_namespace))
			continue;
		long inside = number_inside(dirfd(folder), entry->d_name);
		if (inside > 0)
			visit(dirfd(folder), entry->d_name, inside, context);
	}
	closedir(folder);
}

static void add_to_census(int proc, const char *pid, long inside, void *context)
{
	struct census *census = context;
	census->memory_bytes += memory_of(proc, pid);
	census->cpu_ms += cpu_of(proc, pid);
	census->processes += inside != INSIDE_REAPER && inside != INSIDE_INNER;
}

struct census census_take(uint64_t pid_namespace)
{
	struct census census = {0};
	each(pid_namespace, add_to_census, &census);
	return census;
}

static void add_one(int proc, const char *pid, long inside, void *context)
{
	(void)proc;
	(void)pid;
	(void)inside;
	++*(uint32_t *)context;
}

uint32_t census_left(uint64_t pid_namespace)
{
	uint32_t left = 0;
	each(pid_namespace, add_one, &left);
	return left;
}

/* Each file once, whoever has it open. */
struct unlinked {
	const dev_t *devices;
	size_t device_count;
	struct {
		dev_t device;
		ino_t number;
	} seen[UNLINKED_FILES];
	size_t count;
	uint64_t bytes;
};

static bool is_new(struct unlinked *unlinked, const struct stat *status)
{
	bool ours = false;
	for (size_t i = 0; i < unlinked->device_count; i++)
		ours = ours || unlinked->devices[i] == status->st_dev;
	for (size_t i = 0; i < unlinked->count; i++)
		if (unlinked->seen[i].number == status->st_ino && unlinked->seen[i].device == status->st_dev)
			return false;
	if (!ours || unlinked->count == UNLINKED_FILES)
		return false;
	unlinked->seen[unlinked->count].device = status->st_dev;
	unlinked->seen[unlinked->count++].number = status->st_ino;
	return true;
}

static void add_unlinked(int proc, const char *pid, long inside, void *context)
{
	struct unlinked *unlinked = context;
	char path[48];
	(void)inside;
	snprintf(path, sizeof(path), "%.20s/fd", pid);
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (!folder && fd >= 0)
		close(fd);
	for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
		struct stat status;
		if (isdigit((unsigned char)entry->d_name[0]) && fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 &&
		    S_ISREG(status.st_mode) && status.st_nlink == 0 &&
		    (uint64_t)status.st_blocks * BLOCK_BYTES >= UNLINKED_BYTES && is_new(unlinked, &status))
			unlinked->bytes += (uint64_t)status.st_blocks * BLOCK_BYTES;
	}
	if (folder)
		closedir(folder);
}

uint64_t census_unlinked_bytes(uint64_t pid_namespace, const dev_t *devices, size_t device_count)
{
	struct unlinked unlinked = {.devices = devices, .device_count = device_count};
	each(pid_namespace, add_unlinked, &unlinked);
	return unlinked.bytes;
}
