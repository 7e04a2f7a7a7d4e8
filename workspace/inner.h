/* SPDX-License-Identifier: MIT
 *
 * What the first program inside the sandbox tells the runner, over a pipe that the program it starts never gets.
 *
 * It is started as `PROGRAM tool sandbox-inner REPORT_FD PROCESSES DATA_BYTES FILE_BYTES CPU_SECONDS -- ARGV…`; a limit of 0
 * is none. bwrap alone would lose the difference between exit 137 and SIGKILL, and RLIMIT_NPROC can only be set
 * inside, where the user namespace is.
 */
#ifndef WORKSPACE_INNER_H
#define WORKSPACE_INNER_H

#include <stdint.h>

#define INNER_MAGIC 0x62736e31u
#define INNER_TOOL  "sandbox-inner"

enum inner_kind {
	INNER_MISSING = 1, /* the program could not be started; `status` is the errno */
	INNER_ENDED = 2,
};

struct inner_report {
	uint32_t magic;
	uint32_t kind;
	int32_t status; /* as from wait */
	uint32_t left;  /* processes besides, alive when the program had ended */
	uint64_t cpu_ms;
	uint64_t peak_rss_kb;
};

#endif
