/* SPDX-License-Identifier: MIT
 *
 * Whether a silent child is busy: the CPU time and the identity of everything that descends from it, taken from /proc.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/clone_inner.h"

#define PROCESSES_MAX 65536u

struct vital {
	pid_t pid;
	pid_t parent;
	uint64_t used; /* CPU ticks and start time in one number */
	bool counted;
};

/* The fields of /proc/PID/stat behind the name, which may itself contain anything (proc(5)). */
static bool read_one(const char *name, struct vital *out)
{
	char path[64];
	char text[1024];
	unsigned long long user, system, start;
	int parent;
	int fd;
	ssize_t got;
	const char *rest;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = 0;
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
			    &parent, &user, &system, &start) != 4)
		return false;
	*out = (struct vital){(pid_t)atoi(name), (pid_t)parent, user + system + start * 0x9e3779b97f4a7c15u, false};
	return true;
}

static size_t read_all(struct vital **out_list)
{
	DIR *folder = opendir("/proc");
	struct vital *list = NULL;
	size_t count = 0;
	size_t capacity = 0;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)) && count < PROCESSES_MAX) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (count == capacity) {
			struct vital *larger = realloc(list, (capacity ? capacity * 2 : 256) * sizeof(*list));

			if (!larger)
				break;
			list = larger;
			capacity = capacity ? capacity * 2 : 256;
		}
		count += read_one(entry->d_name, &list[count]);
	}
	if (folder)
		closedir(folder);
	*out_list = list;
	return count;
}

uint64_t vital_of(pid_t pid)
{
	struct vital *list;
	size_t count = read_all(&list);
	uint64_t sum = 0;
	bool more = true;

	for (size_t i = 0; i < count; i++)
		list[i].counted = list[i].pid == pid;
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			for (size_t k = 0; !list[i].counted && k < count; k++)
				if (list[k].counted && list[k].pid == list[i].parent)
					more = list[i].counted = true;
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].counted)
			sum += list[i].used;
	free(list);
	return sum;
}
