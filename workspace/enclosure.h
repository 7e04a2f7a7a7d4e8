/* SPDX-License-Identifier: MIT
 *
 * What bubblewrap is told: the view of the file system, the user, the environment, and the descriptors it needs.
 */
#ifndef WORKSPACE_ENCLOSURE_H
#define WORKSPACE_ENCLOSURE_H

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

#include "workspace/mounts.h"
#include "workspace/sandbox.h"

#define ENCLOSURE_FILES    4u
#define ENCLOSURE_ARGV_MAX 4096u
#define ENCLOSURE_PATH     "/usr/local/bin:/usr/bin:/bin:/opt/bunshin"

/* With AddressSanitizer a program of ours maps more than any limit of memory as soon as it starts, and looks for leaks by
 * tracing, which is refused inside. */
#if defined(__SANITIZE_ADDRESS__)
#define ENCLOSURE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENCLOSURE_SANITIZED 1
#endif
#endif
#ifndef ENCLOSURE_SANITIZED
#define ENCLOSURE_SANITIZED 0
#endif

struct enclosure_file {
	const char *path;
	const char *content;
};

/* Small files of /etc that every program sees. */
extern const struct enclosure_file enclosure_files[ENCLOSURE_FILES];

struct enclosure {
	char bwrap[PATH_MAX];
	char program[PATH_MAX];
	int filter_fd;
	int arguments_fd;
	int file_fds[ENCLOSURE_FILES]; /* of enclosure_files */
	int status_pipe[2];            /* bwrap's own words */
	int report_pipe[2];            /* the inner step's */
	int control_pipe[2];           /* what it is told */
	int relay_fd;                  /* -1: no relay */
	struct mounts mounts;
	char numbers[9][24]; /* texts that argv points into */
	char **argv;         /* of bwrap; NULL-terminated */
};

/* Looks `name` up in a list of folders separated by colons. False: it is not there, or cannot be run. */
bool program_find(const char *name, const char *folders, char out_path[PATH_MAX]);

/* Writes the options, NUL-separated as --args takes them (enclosure_words.c). The descriptors in `enclosure` must be open. */
void enclosure_say(const struct sandbox_job *job, const struct enclosure *enclosure, FILE *words);

/* How long each of the two stages before the last of a stop lasts; 0 where nobody watches. */
uint32_t enclosure_stage_ms(const struct sandbox_job *job);

/* `data_bytes`: RLIMIT_DATA of each process, 0 for none. Returns 0; ERR_SANDBOX, ERR_MEMORY or ERR_SYSTEM with a sentence
 * in `out_why`. Close after either. */
MUST_CHECK int enclosure_open(const struct sandbox_job *job, uint64_t data_bytes, struct enclosure *enclosure, char out_why[256]);
void enclosure_close(struct enclosure *enclosure);

/* In the child, before it becomes bwrap: lets the needed descriptors through and no other above 2. Async-signal-safe. */
void enclosure_keep_descriptors(const struct enclosure *enclosure);

#endif
