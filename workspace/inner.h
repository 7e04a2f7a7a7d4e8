/* SPDX-License-Identifier: MIT
 *
 * What the first program inside the sandbox tells the runner, over a pipe that the program it starts never gets.
 *
 * It is started as `PROGRAM tool sandbox-inner REPORT_FD CONTROL_FD RELAY_FD RELAY_PORT PROCESSES DATA_BYTES FILE_BYTES CPU_SECONDS --
 * ARGV…`; a limit of 0 is none, and so is a port of 0. bwrap alone would lose the difference between exit 137 and SIGKILL, and RLIMIT_NPROC
 * can only be set inside, where the user namespace is.
 *
 * On CONTROL_FD it is told numbers of signals, a byte each, for the program's process group. For RELAY_FD see workspace/relay.h.
 */
#ifndef WORKSPACE_INNER_H
#define WORKSPACE_INNER_H

#include <stdint.h>

#define INNER_MAGIC 0x62736e31u
#define INNER_TOOL  "sandbox-inner"

enum inner_kind {
	INNER_MISSING = 1, /* the program could not be started; `status` is the errno */
	INNER_ENDED = 2,
	INNER_NO_RELAY = 3, /* the relay's port could not be opened; `status` is the errno, and nothing was started */
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
