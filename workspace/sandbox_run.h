/* SPDX-License-Identifier: MIT
 *
 * One run of the sandbox, shared by the files that start it (sandbox_start.c), wait for it (sandbox_wait.c), let it be watched
 * (sandbox_live.c), keep its folders within their limits (sandbox_disk.c) and judge it (sandbox.c).
 */
#ifndef WORKSPACE_SANDBOX_RUN_H
#define WORKSPACE_SANDBOX_RUN_H

#include <sys/types.h>

#include "workspace/cgroup.h"
#include "workspace/enclosure.h"
#include "workspace/inner.h"
#include "workspace/sandbox.h"
#include "workspace/weigh.h"

#define STATUS_BYTES 1024u

struct stream {
	int fd;
	uint8_t *at;
	size_t bytes;
	size_t capacity;
	uint64_t total;
	size_t most;
};

/* The signals that have been sent so far. */
enum stage { STAGE_NONE, STAGE_INTERRUPT, STAGE_TERMINATE };

/* What a watched run needs besides. */
struct sandbox_live {
	struct run *run;
	int input_fd;   /* the program's standard input if it talks, never blocking; -1: closed */
	uint8_t *input; /* what it has not taken yet: from `taken` to `bytes` */
	size_t taken;
	size_t bytes;
	size_t capacity;
	bool closing;
	bool stop_asked;
	uint64_t next_tick_ms;
	uint64_t cpu_ms;
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
	struct sandbox_live live;
	enum stage stage;
	uint64_t stage_end_ms;
	struct weigh weigh; /* of the writable folders */
	uint64_t next_weigh_ms;
	bool ended;
	bool ending; /* there is a reason to end it, and what that takes has begun */
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

/* Ends the run, at once or stage by stage, and says why; the first reason stands. `flag` may be NULL. */
__attribute__((format(printf, 4, 5))) void run_end(struct run *run, bool *flag, bool at_once, const char *format, ...);

/* ---- watched runs (sandbox_live.c); without a watch they do nothing ---- */

/* The program's standard input if it talks: *out_fd is the program's end. 0, ERR_MEMORY or ERR_SYSTEM. */
MUST_CHECK int live_open(struct run *run, int *out_fd);
void live_close(struct run *run);

/* True if the bytes were for the watcher. */
bool live_output(struct run *run, const struct stream *stream, const void *at, size_t bytes);

bool live_wants_to_write(const struct run *run);
void live_write(struct run *run);

/* The moment of the next tick; UINT64_MAX: none. */
uint64_t live_next_ms(const struct run *run);
void live_tick(struct run *run);

/* ---- the disk (sandbox_disk.c) ---- */

/* True if there are folders to look after. */
bool disk_watched(const struct run *run);
void disk_watch(struct run *run);

/* Writes to a pipe; that its reader has gone is an error, never a signal. */
ssize_t run_write(int fd, const void *at, size_t bytes);

/* Closes a descriptor unless it is -1, and makes it -1. */
void run_shut(int *fd);

#endif
