/* SPDX-License-Identifier: MIT
 *
 * A control group for one run.
 *
 * A version 2 group can only hold limits if the group above it hands the controllers down and holds no process itself.
 * So the caller's own group is tried first, then the one above it: under systemd that is a slice, which does.
 */
#include "workspace/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_PREFIX     "bunshin-run-"
#define REMOVE_TRIES    200
#define REMOVE_PAUSE_US 1000

static bool file_write(const char *folder, const char *name, const char *text)
{
	char path[CGROUP_PATH_BYTES + 64];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t written = write(fd, text, strlen(text));
	close(fd);
	return written == (ssize_t)strlen(text);
}

static bool file_write_number(const char *folder, const char *name, uint64_t number)
{
	char text[32];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return file_write(folder, name, text);
}

static uint64_t file_field(const char *folder, const char *name, const char *field)
{
	char path[CGROUP_PATH_BYTES + 64];
	char word[64];
	unsigned long long value = 0;
	unsigned long long found = 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	while (file && fscanf(file, "%63s %llu", word, &value) == 2)
		if (strcmp(word, field) == 0)
			found = value;
	if (file)
		fclose(file);
	return found;
}

/* The mount point of a version 1 controller, or of version 2 if `controller` is NULL. */
static bool mount_find(const char *controller, char out_path[CGROUP_PATH_BYTES])
{
	char line[1024];
	bool found = false;
	FILE *file = fopen("/proc/self/mounts", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		char path[CGROUP_PATH_BYTES];
		char kind[32];
		char options[512];
		if (sscanf(line, "%*s %511s %31s %511s", path, kind, options) != 3)
			continue;
		if (!controller)
			found = strcmp(kind, "cgroup2") == 0;
		for (char *save = NULL, *word = controller && strcmp(kind, "cgroup") == 0 ? strtok_r(options, ",", &save) : NULL;
		     word; word = strtok_r(NULL, ",", &save))
			found = found || strcmp(word, controller) == 0;
		if (found)
			snprintf(out_path, CGROUP_PATH_BYTES, "%s", path);
	}
	if (file)
		fclose(file);
	return found;
}

/* The caller's group, relative to the mount: the line "N:controller,…:/path"; version 2 is the one with no controller. */
static bool own_find(const char *controller, char out_path[CGROUP_PATH_BYTES])
{
	char line[1024];
	bool found = false;
	FILE *file = fopen("/proc/self/cgroup", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = !controller && list[1] == '\0';
		for (char *save = NULL, *word = controller ? strtok_r(list + 1, ",", &save) : NULL; word;
		     word = strtok_r(NULL, ",", &save))
			found = found || strcmp(word, controller) == 0;
		if (found)
			snprintf(out_path, CGROUP_PATH_BYTES, "%s", path);
	}
	if (file)
		fclose(file);
	return found;
}

/* Only empty groups can be removed, so at worst this does nothing. */
static void sweep(const char *folder)
{
	DIR *groups = opendir(folder);
	for (const struct dirent *entry; groups && (entry = readdir(groups)) != NULL;) {
		if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0)
			continue;
		pid_t runner = (pid_t)atol(entry->d_name + strlen(NAME_PREFIX));
		if (runner > 0 && (kill(runner, 0) == 0 || errno == EPERM))
			continue;
		unlinkat(dirfd(groups), entry->d_name, AT_REMOVEDIR);
	}
	if (groups)
		closedir(groups);
}

static bool group_make(const char *folder, char out_path[CGROUP_PATH_BYTES])
{
	static atomic_uint count;
	sweep(folder);
	int bytes = snprintf(out_path, CGROUP_PATH_BYTES, "%s/" NAME_PREFIX "%d-%u", folder, (int)getpid(),
			     atomic_fetch_add(&count, 1));
	if (bytes > 0 && (unsigned)bytes < CGROUP_PATH_BYTES && mkdir(out_path, 0700) == 0)
		return true;
	out_path[0] = '\0';
	return false;
}

static bool limit_memory(const char *group, bool unified, uint64_t bytes)
{
	if (!unified) {
		bool limited = file_write_number(group, "memory.limit_in_bytes", bytes);
		file_write_number(group, "memory.memsw.limit_in_bytes", bytes); /* only there if swap is accounted */
		return limited;
	}
	file_write(group, "memory.swap.max", "0");
	file_write(group, "memory.oom.group", "0");
	return file_write_number(group, "memory.max", bytes);
}

/* One try at one place. What cannot be limited there is removed again. */
static void unified_try(const char *folder, uint64_t memory_bytes, uint32_t processes, struct cgroup *cgroup)
{
	char group[CGROUP_PATH_BYTES];
	if (!group_make(folder, group))
		return;
	if (limit_memory(group, true, memory_bytes))
		memcpy(cgroup->memory, group, sizeof(group));
	if (file_write_number(group, "pids.max", processes))
		memcpy(cgroup->processes, group, sizeof(group));
	if (!cgroup_keeps_memory(cgroup) && !cgroup_keeps_processes(cgroup))
		rmdir(group);
	else
		cgroup->unified = true;
}

static void unified_open(uint64_t memory_bytes, uint32_t processes, struct cgroup *cgroup)
{
	char mount[CGROUP_PATH_BYTES];
	char own[CGROUP_PATH_BYTES];
	char folder[2 * CGROUP_PATH_BYTES];
	if (!mount_find(NULL, mount) || !own_find(NULL, own))
		return;
	snprintf(folder, sizeof(folder), "%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	unified_try(folder, memory_bytes, processes, cgroup);
	char *above = strrchr(folder, '/');
	if (!cgroup->unified && above && (size_t)(above - folder) > strlen(mount)) {
		*above = '\0';
		unified_try(folder, memory_bytes, processes, cgroup);
	}
}

static bool single_open(const char *controller, char out_group[CGROUP_PATH_BYTES])
{
	char mount[CGROUP_PATH_BYTES];
	char own[CGROUP_PATH_BYTES];
	char folder[2 * CGROUP_PATH_BYTES];
	if (!mount_find(controller, mount) || !own_find(controller, own))
		return false;
	snprintf(folder, sizeof(folder), "%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	/* In a container the path may be the host's, which is not visible here; then its own mount is the place. */
	return group_make(folder, out_group) || group_make(mount, out_group);
}

void cgroup_open(uint64_t memory_bytes, uint32_t processes, struct cgroup *out_cgroup)
{
	struct cgroup cgroup = {0};
	unified_open(memory_bytes, processes, &cgroup);
	if (!cgroup.unified) {
		if (single_open("memory", cgroup.memory) && !limit_memory(cgroup.memory, false, memory_bytes)) {
			rmdir(cgroup.memory);
			cgroup.memory[0] = '\0';
		}
		if (single_open("pids", cgroup.processes) && !file_write_number(cgroup.processes, "pids.max", processes)) {
			rmdir(cgroup.processes);
			cgroup.processes[0] = '\0';
		}
	}
	*out_cgroup = cgroup;
}

static int join_file(const char *group)
{
	char path[CGROUP_PATH_BYTES + 64];
	if (group[0] == '\0')
		return -1;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return open(path, O_WRONLY | O_CLOEXEC);
}

void cgroup_join_files(const struct cgroup *cgroup, int out_fds[2])
{
	out_fds[0] = join_file(cgroup->memory);
	out_fds[1] = cgroup->unified && cgroup_keeps_memory(cgroup) ? -1 : join_file(cgroup->processes);
}

bool cgroup_memory_exceeded(const struct cgroup *cgroup)
{
	if (!cgroup_keeps_memory(cgroup))
		return false;
	return file_field(cgroup->memory, cgroup->unified ? "memory.events" : "memory.oom_control", "oom_kill") > 0;
}

void cgroup_kill(const struct cgroup *cgroup)
{
	if (cgroup->unified)
		file_write(cgroup_keeps_memory(cgroup) ? cgroup->memory : cgroup->processes, "cgroup.kill", "1");
}

/* The kernel empties a group shortly after its last process has been reaped, not at once. */
static void group_remove(char group[CGROUP_PATH_BYTES])
{
	for (int i = 0; group[0] && rmdir(group) != 0 && errno == EBUSY && i < REMOVE_TRIES; i++)
		usleep(REMOVE_PAUSE_US);
	group[0] = '\0';
}

void cgroup_close(struct cgroup *cgroup)
{
	if (strcmp(cgroup->memory, cgroup->processes) == 0)
		cgroup->processes[0] = '\0';
	group_remove(cgroup->memory);
	group_remove(cgroup->processes);
}
