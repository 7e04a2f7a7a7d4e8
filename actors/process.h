/* SPDX-License-Identifier: MIT
 *
 * Child processes that cannot be lost: each is the leader of its own session, carries a tag in its environment, dies with
 * its parent, and is ended together with everything it ever started.
 *
 * Tags nest: a process that itself runs under BUNSHIN_TAG=a starts "b" with BUNSHIN_TAG=a/b. So ending "a" finds "a/b" too, also when
 * its parents are gone. Descendants that have left their group, their session and their environment are found because the caller is
 * a child subreaper: they become its own children.
 *
 * process_spawn must be called from a thread that lives as long as the child (PR_SET_PDEATHSIG is tied to it).
 */
#ifndef ACTORS_PROCESS_H
#define ACTORS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

#define TAG_BYTES         256u
#define TAG_VARIABLE      "BUNSHIN_TAG"
#define NOTIFY_VARIABLE   "BUNSHIN_NOTIFY_FD"   /* write a newline to this descriptor once ready */
#define LIFELINE_VARIABLE "BUNSHIN_LIFELINE_FD" /* end when this descriptor becomes readable: whoever started you is gone */

/* What stdin, stdout and stderr of the child are, besides a descriptor of the caller's (borrowed). */
enum { STREAM_NULL = -1, STREAM_PIPE = -2, STREAM_INHERIT = -3, STREAM_OUT = -4 /* err: the same as out */ };

struct process_job {
	const char *const *argv;        /* NULL-terminated; argv[0] without a slash is looked up in PATH */
	const char *const *environment; /* NULL-terminated "NAME=value" besides, or instead of, the caller's; may be NULL */
	bool clear_environment;         /* the child gets nothing but `environment` and the tag */
	const char *folder;             /* working directory, or NULL for the caller's */
	const char *tag;                /* one part of a tag: no '/' at its ends; required */
	int in, out, err;               /* STREAM_… or a descriptor */
	int notify_fd;                  /* given to the child as NOTIFY_VARIABLE; -1: none */
	int lifeline_fd;                /* given to the child as LIFELINE_VARIABLE; -1: none */
};

struct process {
	pid_t pid;            /* 0: none */
	int pidfd;            /* readable when it has ended; -1: none */
	uint64_t start_ticks; /* tells this process from a later one with its number */
	int in, out, err;     /* the caller's ends of pipes, non-blocking, or -1; the caller may close them and set -1 */
	char tag[TAG_BYTES];  /* in full */
};

struct process_exit {
	int status; /* 0…255, or -1 if a signal ended it */
	int signal; /* or 0 */
};

struct process_end {
	struct process_exit exit;
	uint32_t ended; /* processes that had to be killed, besides the leader's own orderly end */
	uint32_t left;  /* still alive afterwards: 0, unless the kernel refuses */
};

/* Makes this process inherit its descendants' orphans. Call it once, at start, in whoever uses process_end. 0 or ERR_SYSTEM. */
MUST_CHECK int process_adopt_orphans(void);

/* Starts the job. Does not block. 0; ERR_TOOL_MISSING (argv[0] not found or not executable), ERR_SYSTEM, ERR_MEMORY. All signals have
 * their default action in the child, all other descriptors are closed, the umask is 077. */
MUST_CHECK int process_spawn(const struct process_job *job, struct process *out_process);

/* Takes the exit if it has ended: true, and the process is reaped (pidfd closed, pid 0; pipes stay open). Never blocks. */
bool process_reap(struct process *process, struct process_exit *out_exit);

/* Sends a signal to the leader alone, through its pidfd; or to its whole group, as long as it is not reaped. */
void process_signal(const struct process *process, int signal);
void process_signal_group(const struct process *process, int signal);

/* Reaps orphans that came to this process as a subreaper and have ended by themselves. Call it on SIGCHLD or now and then. Never blocks. */
void process_reap_orphans(void);

/* The ladder: SIGTERM to the group, up to grace_ms for the leader to end, SIGKILL to the group, then everything that descends from it
 * or carries its tag, until two passes over /proc find nothing. Also after process_reap, for what the leader left behind. Blocks up to
 * grace_ms, then as long as killing takes: milliseconds, at most 2 s. Who must not wait for the grace sends SIGTERM with
 * process_signal_group, and calls this with 0 when pidfd is readable or its own time is up. Closes the pipes.
 *
 * An orphan that carries no living process's tag and is younger than this one counts as its own, if it came to the caller as the
 * subreaper and process_spawn did not start it. So start children with process_spawn alone while such processes run. */
void process_end(struct process *process, uint32_t grace_ms, struct process_end *out_end);

/* Kills every process that carries `tag` as a whole part, or run of parts, of its tag, but not the caller and its ancestors. Returns how
 * many were ended; `*out_left` (may be NULL) how many are still alive. For leftovers of an earlier life. */
uint32_t process_sweep_tag(const char *tag, uint32_t *out_left);

/* Kills everything that descends from the caller, for a subreaper that is about to end. Returns as above. */
uint32_t process_sweep_descendants(uint32_t *out_left);

/* How many processes carry the tag now, without touching them. */
uint32_t process_count_tag(const char *tag);

/* ---- the child's side ---- */

/* Tells whoever started this process that it is ready, once; does nothing when nobody asked. */
void process_notify_ready(void);

/* From now on SIGTERM, SIGINT and `also` (0: none) are not delivered but wait at the descriptor that this gives, to be read as struct
 * signalfd_siginfo; SIGPIPE means nothing any more. -1: it cannot be had. */
int process_signals(int also);

/* The lifeline to put into the main loop's poll set: POLLIN or POLLHUP means end now. -1 when there is none. */
int process_lifeline_fd(void);

/* ---- identity ---- */

/* Start time of a process in clock ticks since boot, or 0 if it does not exist. */
uint64_t process_start_ticks(pid_t pid);

/* A pidfd for exactly that process, or -1 if it has ended. The caller closes it. */
int process_open(pid_t pid, uint64_t start_ticks);

#endif
