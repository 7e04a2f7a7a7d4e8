/* SPDX-License-Identifier: MIT
 *
 * One run of the sandbox, shared by the files that start it (sandbox_start.c), wait for it (sandbox_wait.c) and judge it
 * (sandbox.c).
 */
#ifndef WORKSPACE_SANDBOX_RUN_H
#define WORKSPACE_SANDBOX_RUN_H

#include <sys/types.h>

#include "workspace/cgroup.h"
#include "workspace/enclosure.h"
#include "workspace/inner.h"
#include "workspace/sandbox.h"

#define STATUS_BYTES 1024u

struct stream {
	int fd;
	uint8_t *at;
	size_t bytes;
	size_t capacity;
	uint64_t total;
	size_t most;
};

struct run {
	const struct sandbox_job *job;
	struct sandbox_result *result;
	struct enclosure enclosure;
	struct cgroup cgroup;
	pid_t bwrap;
	int bwrap_pidfd;
	pid_t guardian;
	int alive_fd;
	int reaper_pidfd; /* -1 until bwrap has told it */
	pid_t reaper;
	uint64_t pid_namespace;
	struct stream out;
	struct stream err;
	char status[STATUS_BYTES];
	size_t status_bytes;
	struct inner_report report;
	size_t report_bytes;
	uint64_t started_ms;
	bool ended;
	bool killed;
	bool out_of_memory;
	int wait_status;
};

/* Starts bwrap and its guardian. Returns 0, or ERR_SYSTEM with a sentence in result->why. */
MUST_CHECK int run_start(struct run *run);

/* Waits for the end, or brings it about; reads all output; reaps everything. */
void run_wait(struct run *run);

/* Ends the guardian; before bwrap is reaped. */
void run_dismiss_guardian(struct run *run);

/* True if the inner step told how the program ended. */
bool run_reported(const struct run *run);

/* Milliseconds on a clock that never goes back. */
uint64_t run_now_ms(void);

/* Closes a descriptor unless it is -1, and makes it -1. */
void run_shut(int *fd);

#endif
