/* SPDX-License-Identifier: MIT
 *
 * Runs one program in a bubblewrap sandbox: read-only repository, no network, no home, its own PID namespace, limits of
 * time, memory and output. Without bubblewrap, or where it cannot make the namespaces, nothing runs: ERR_SANDBOX.
 *
 * What the program sees: /usr (read-only) and the links /bin, /lib, /lib64, /sbin to it; an /etc of a few harmless
 * files; /repo, and /work if there is one; its own /proc, /dev and /tmp; this program itself as SANDBOX_PROGRAM; a network
 * of its own with nothing but a loopback interface. It has an unprivileged user, no capability, and no system call that
 * makes namespaces, mounts, traces or loads code into the kernel.
 *
 * Memory and the number of processes are limited by a control group where one can be made (version 2 or 1). Where none
 * can, each process gets RLIMIT_DATA, and the runner looks every SANDBOX_WATCH_MS at all of them together.
 *
 * The program has the user 60000 inside, never 0, whoever runs it; outside its files belong to whoever runs it. It begins a session of its own.
 *
 * Everything inside ends with the program, with its limits, with cancel_fd, and with the death of the runner, whatever the
 * program did to get away: the kernel ends a PID namespace as a whole. The caller becomes a child subreaper.
 */
#ifndef WORKSPACE_SANDBOX_H
#define WORKSPACE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define SANDBOX_NAME               "bunshin"
#define SANDBOX_PROGRAM            "/opt/bunshin/bunshin" /* this program, inside; also found by its name in PATH */
#define SANDBOX_WATCH_MS           50u
#define SANDBOX_DISK_RESERVE_BYTES (256ull << 20) /* when less is left where a writable folder is, the run is ended */

/* None may be 0. */
struct sandbox_limits {
	uint32_t wall_ms;       /* then everything inside is killed */
	uint64_t memory_bytes;  /* of all processes together */
	uint64_t output_bytes;  /* of stdout, and again of stderr; the rest is counted, not kept */
	uint64_t file_bytes;    /* largest file written */
	uint32_t processes;     /* at the same time; threads count too */
	uint64_t scratch_bytes; /* size of /tmp inside */
};

/* Where the program sees something of the host besides what every program sees. What is refused, with a sentence: see workspace/mounts.h. */
struct sandbox_mount {
	const char *outside; /* absolute; a folder, a file or a socket. Links in it are followed on the host */
	/* Absolute; NULL: the same path. Not /, /proc, /dev, nor anything that every program sees; below /tmp and /dev/shm is fine. What lies in
	 * /usr is seen anyway, and asking for it read-only at its own path is harmless. */
	const char *inside;
	bool writable;
};

enum sandbox_stream { SANDBOX_OUT, SANDBOX_ERR };

/* What a live run may do from within its callbacks, and nowhere else. */
struct sandbox_live;

/* Bytes for the program's standard input, after what was written before; copied, and taken as the program reads them, without blocking. 0, ERR_MEMORY,
 * ERR_STATE (it was closed, or the program does not talk). That the program has closed its end cannot be seen; then they are kept for nothing. */
MUST_CHECK int sandbox_live_write(struct sandbox_live *live, const void *at, size_t bytes);
void sandbox_live_close(struct sandbox_live *live); /* the program reads the end of its input after what was written */

/* Begins the staged stop: SIGINT to the program's process group, after stage_ms SIGTERM, after stage_ms more everything inside is killed; each followed by
 * SIGCONT. Whatever has left the group (agents give their shells sessions of their own) ends with the program, or with the kill. Harmless
 * when it was asked before. */
void sandbox_live_stop(struct sandbox_live *live);

/* A job whose output is wanted while it runs. All callbacks come on the thread that called sandbox_run. */
struct sandbox_watch {
	void *context;
	/* Bytes as they come; nothing of them is kept in the result, and output_bytes does not bound them. NULL: they are kept as always. */
	void (*output)(void *context, struct sandbox_live *live, enum sandbox_stream stream, const void *at, size_t bytes);
	/* Called about every tick_ms, and once at the start, with `cpu_ms` of all processes together so far. May be NULL. */
	void (*tick)(void *context, struct sandbox_live *live, uint64_t cpu_ms);
	uint32_t tick_ms; /* 0: 1,000 */
	/* Between the stages of a stop; 0: 5,000. When wall_ms or cancel_fd end the run, the stages are gone through too, unless `sudden`; a limit
	 * of memory, processes or disk kills at once. */
	uint32_t stage_ms;
	bool sudden;
	bool talks; /* the standard input stays open after `input` until sandbox_live_close; else it ends there */
};

/* A port of the loopback interface inside that leads to a Unix socket of the host: the only way out. The socket is not visible inside: what accepts at the
 * port is the first program inside, which was given a way to it (workspace/relay.h). Where the socket is missing, or nobody accepts there, nothing
 * runs: ERR_SANDBOX. To find that out the runner connects once and closes again, without a byte. When the server dies later, connections
 * are reset. */
struct sandbox_relay {
	uint16_t port; /* on 127.0.0.1 inside, at least 1024; 0: none */
	/* Absolute path of the listening Unix socket on the host; not a link, and in no folder that is seen inside. */
	const char *socket;
};

struct sandbox_job {
	const char *const *argv;        /* NULL-terminated; argv[0] is looked up in the sandbox's PATH */
	const char *const *environment; /* "NAME=value", NULL-terminated; besides PATH, HOME=/tmp, LANG=C.UTF-8 */
	const char *repository;         /* absolute; mounted read-only at /repo, the working directory; NULL: none */
	const char *work;               /* absolute or NULL; mounted read-write at /work */
	const char *git;                /* absolute or NULL; a git folder, mounted read-only at /git */
	bool in_work;                   /* the working directory is /work instead */
	const char *program;            /* absolute: what stands at SANDBOX_PROGRAM; NULL: the running executable. It must serve
					   `tool sandbox-inner` with sandbox_inner_main, for it is also the first program inside */
	const uint8_t *input;           /* stdin, or NULL */
	size_t input_bytes;
	struct sandbox_limits limits;
	int cancel_fd; /* readable: end everything now, or, where it is watched, in stages; -1: none */

	const struct sandbox_mount *mounts; /* mount_count of them, besides everything above */
	size_t mount_count;
	/* Absolute: a private folder, not a link, mounted read-write at its own path, and HOME; NULL: /tmp. To have it at another path inside, give
	 * it as a mount and HOME in `environment`. */
	const char *home;
	const char *folder;    /* the working directory inside, instead of /repo or /work; NULL: as above */
	bool bare_environment; /* only PATH, PWD and `environment`: no HOME, no LANG */
	struct sandbox_relay relay;
	const struct sandbox_watch *watch; /* NULL: output is kept and handed over at the end */
	/* What the writable folders (work, home, writable mounts) may hold together; weighed again and again while it runs (workspace/weigh.h), and
	 * the run is ended beyond it; 0: no such limit. */
	uint64_t disk_bytes;
};

struct sandbox_result {
	int exit_status; /* 0…255, or -1 if a signal ended it */
	int signal;      /* or 0 */
	bool timed_out;
	bool cancelled;
	bool stopped;       /* sandbox_live_stop was called, whatever the program made of it */
	bool limit_reached; /* memory, processes or disk; see why */
	bool output_cut;    /* more was written than kept */
	uint8_t *out;       /* NUL follows */
	size_t out_bytes;
	uint8_t *err;
	size_t err_bytes;
	uint64_t out_total;
	uint64_t err_total;
	uint64_t wall_ms;
	uint64_t cpu_ms;
	uint64_t peak_rss_kb;     /* of the largest process */
	uint32_t processes_ended; /* that had to be killed */
	uint32_t processes_left;  /* still alive afterwards; always 0 unless the kernel refuses */
	char why[256];            /* a sentence if a limit, the cancel or an error ended it; else empty */
};

/* 0 if programs can be run here; ERR_SANDBOX with a sentence saying what is missing and how to get it. Runs bwrap once. */
MUST_CHECK int sandbox_check(char out_why[256]);

/* Runs the job and waits for its end. Returns 0 whatever the program's exit; ERR_SANDBOX, ERR_TOOL_MISSING (argv[0] is not there),
 * ERR_MEMORY, ERR_SYSTEM; then out_result->why says more and there is nothing else in the result. Blocks up to wall_ms and a second, and
 * twice stage_ms where it is watched.
 * Releasing the result is harmless after an error. */
MUST_CHECK int sandbox_run(const struct sandbox_job *job, struct sandbox_result *out_result);
void sandbox_release(struct sandbox_result *result);

/* True if `name`, looked up in the PATH that programs have inside (/usr/local/bin:/usr/bin:/bin:/opt/bunshin), is there. Paths with a
 * slash are not looked up: true. */
bool sandbox_has(const char *name);

/* The first program inside: sets the limits of the one it starts, waits for it, and tells the runner its exact end. */
int sandbox_inner_main(int argc, char **argv);

#endif
