/* SPDX-License-Identifier: MIT
 *
 * A control group for one run: memory and number of processes of everything inside, whatever it forks.
 */
#ifndef WORKSPACE_CGROUP_H
#define WORKSPACE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_PATH_BYTES 512u

/* Version 2 has one folder for both; version 1 has one each. An empty path: this limit is not kept by a group. */
struct cgroup {
	char memory[CGROUP_PATH_BYTES];
	char processes[CGROUP_PATH_BYTES];
	bool unified;
};

/* Makes what can be made below or beside the caller's own group; never fails, for the limits have another way. Also removes
 * empty groups that runs left whose runner has died. */
void cgroup_open(uint64_t memory_bytes, uint32_t processes, struct cgroup *out_cgroup);

static inline bool cgroup_keeps_memory(const struct cgroup *cgroup)
{
	return cgroup->memory[0] != '\0';
}

static inline bool cgroup_keeps_processes(const struct cgroup *cgroup)
{
	return cgroup->processes[0] != '\0';
}

/* Opens the files to which the child writes "0" to join; -1 where there is none. Close them afterwards. */
void cgroup_join_files(const struct cgroup *cgroup, int out_fds[2]);

/* True if the kernel ended something inside for its memory. */
bool cgroup_memory_exceeded(const struct cgroup *cgroup);

/* Ends everything inside, where the kernel can do it at once (version 2). */
void cgroup_kill(const struct cgroup *cgroup);

/* Removes the groups; everything inside must have ended. */
void cgroup_close(struct cgroup *cgroup);

#endif
