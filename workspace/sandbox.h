/* SPDX-License-Identifier: MIT
 *
 * Runs one program in a bubblewrap sandbox: read-only repository, no network, no home, its own PID namespace, limits of
 * time, memory and output. Without bubblewrap, or where it cannot make the namespaces, nothing runs: ERR_SANDBOX.
 */
#ifndef WORKSPACE_SANDBOX_H
#define WORKSPACE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

struct sandbox_limits {
	uint32_t wall_ms;      /* then everything inside is killed */
	uint64_t memory_bytes; /* address space of each process (rlimit), and of all together where cgroups allow */
	uint64_t output_bytes; /* of stdout, and again of stderr; the rest is counted, not kept */
	uint64_t file_bytes;   /* largest file written */
	uint32_t processes;
	uint64_t scratch_bytes; /* size of /tmp inside */
};

struct sandbox_job {
	const char *const *argv;        /* NULL-terminated; argv[0] is looked up in the sandbox's PATH */
	const char *const *environment; /* "NAME=value", NULL-terminated; besides PATH, HOME=/tmp, LANG=C.UTF-8 */
	const char *repository;         /* absolute; mounted read-only at /repo, the working directory */
	const char *work;               /* absolute or NULL; mounted read-write at /work */
	const uint8_t *input;           /* stdin, or NULL */
	size_t input_bytes;
	struct sandbox_limits limits;
	int cancel_fd; /* readable: end everything now; -1: none */
};

struct sandbox_result {
	int exit_status;  /* 0…255, or -1 if a signal ended it */
	int signal;       /* or 0 */
	bool timed_out;
	bool cancelled;
	bool output_cut; /* more was written than kept */
	uint8_t *out;    /* NUL follows */
	size_t out_bytes;
	uint8_t *err;
	size_t err_bytes;
	uint64_t out_total;
	uint64_t err_total;
	uint64_t wall_ms;
	uint64_t cpu_ms;
	uint64_t peak_rss_kb;
	uint32_t processes_ended; /* that had to be killed */
	uint32_t processes_left;  /* still alive afterwards; always 0 unless the kernel refuses */
};

/* 0 if programs can be run here; ERR_SANDBOX with a sentence saying what is missing and how to get it. Runs bwrap once. */
MUST_CHECK int sandbox_check(char out_why[256]);

/* Runs the job and waits for its end. Returns 0 whatever the program's exit; ERR_SANDBOX, ERR_TOOL_MISSING (argv[0] is not there),
 * ERR_MEMORY, ERR_SYSTEM. Blocks up to wall_ms and a second. Release the result after 0. */
MUST_CHECK int sandbox_run(const struct sandbox_job *job, struct sandbox_result *out_result);
void sandbox_release(struct sandbox_result *result);

#endif
