/* SPDX-License-Identifier: MIT
 *
 * routing.conf as text: who is in the network and who receives what. Parsing only; the caller reads the file.
 * Syntax: libConfuse, with sections `network`, `clone ROLE` and `route TASK-TYPE`; docs/routing.md explains every option.
 */
#ifndef ROUTING_CONF_H
#define ROUTING_CONF_H

#include "routing/table.h"

#define CLONES_MAX          64u
#define COMMAND_BYTES       512u
#define ENDPOINT_BYTES      108u
#define PLACE_BYTES         512u
#define PLACE_NONE          "none"
#define CONF_SENTENCE_BYTES 512u

/* A section `clone`: processes that the supervisor starts and keeps alive. */
struct clone_conf {
	char role[ROLE_BYTES];
	uint32_t instances;          /* beta/1 … beta/instances */
	uint32_t slots;              /* attempts at once, each */
	char command[COMMAND_BYTES]; /* argv as a shell would split it; empty: the specialist built into bunshin */
	bool external;               /* started by somebody else; the supervisor leaves it alone */
};

struct conf {
	char endpoint[ENDPOINT_BYTES]; /* ipc:// or tcp://; empty: ipc in the state folder */
	uint32_t heartbeat_ms;         /* of every connection */
	uint32_t restart_max;          /* restarts of one child within restart_window_ms before it is given up */
	uint32_t restart_window_ms;
	uint32_t memory_max_mb; /* resident memory that Omega plans with */
	uint64_t retention_ms;  /* texts of tasks that have ended are erased when they are this old; 0: never */
	/* Where checkpoints of the trail go besides the trail. */
	char mirror_file[PLACE_BYTES];      /* empty: mirror/log.checkpoints in the state folder; PLACE_NONE: no file */
	char mirror_git[PLACE_BYTES];       /* a repository; empty or PLACE_NONE: none */
	char mirror_command[COMMAND_BYTES]; /* argv as a shell would split it; empty: none */
	struct clone_conf clone[CLONES_MAX];
	uint32_t clone_count;
	struct table table; /* version 0; whoever loads it numbers it */
};

/* Parses and checks `text`. `file_name` is only for messages. Returns 0; or ERR_CONFIG or ERR_MEMORY, and then `*out_conf` is
 * untouched and `out_sentence` says "FILE:LINE: what was found; what would have been accepted". Reads neither files nor the
 * environment. One thread of a process at a time: libConfuse's scanner is shared. */
MUST_CHECK int conf_parse(const char *text, const char *file_name, struct conf *out_conf, char out_sentence[CONF_SENTENCE_BYTES]);

/* Reads "30s", "1500ms", "2m", "1h", "1d" or bare milliseconds. 0 or ERR_MALFORMED (also when it exceeds 49 days). */
MUST_CHECK int duration_parse(const char *text, uint32_t *out_ms);

/* Reads "90d", "12h", "30m", "20s" or "0"; a number without a unit is not taken, since somebody may have meant days. 0 or ERR_MALFORMED (also when
 * it exceeds a hundred years). */
MUST_CHECK int age_parse(const char *text, uint64_t *out_ms);

#endif
