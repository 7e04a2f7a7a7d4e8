/* SPDX-License-Identifier: MIT
 *
 * What bubblewrap is started with. The options travel in a memory file (--args), the command in argv.
 */
#include "workspace/enclosure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/filter.h"
#include "workspace/inner.h"
#include "workspace/relay.h"

#define CPU_MARGIN_S     5u
#define STAGE_MS_DEFAULT 5000u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool program_find(const char *name, const char *folders, char out_path[PATH_MAX])
{
	for (const char *at = folders; *at;) {
		size_t bytes = strcspn(at, ":");
		struct stat status;
		int length = snprintf(out_path, PATH_MAX, "%.*s/%s", (int)bytes, at, name);
		if (bytes > 0 && length < PATH_MAX && stat(out_path, &status) == 0 && S_ISREG(status.st_mode) &&
		    access(out_path, X_OK) == 0)
			return true;
		at += bytes;
		at += *at == ':';
	}
	return false;
}

bool sandbox_has(const char *name)
{
	char path[PATH_MAX];
	return strchr(name, '/') || strcmp(name, SANDBOX_NAME) == 0 || program_find(name, ENCLOSURE_PATH, path);
}

static int memory_file(const char *name, const char *content, size_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	for (size_t done = 0; done < bytes;) {
		ssize_t written = write(fd, content + done, bytes - done);
		if (written <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)written;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int write_arguments(const struct sandbox_job *job, struct enclosure *enclosure)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *words = open_memstream(&text, &bytes);
	if (!words)
		return ERR_MEMORY;
	enclosure_say(job, enclosure, words);
	int rc = fclose(words) == 0 ? 0 : ERR_MEMORY;
	if (rc == 0)
		enclosure->arguments_fd = memory_file("arguments", text, bytes);
	free(text);
	if (rc == 0 && enclosure->arguments_fd < 0)
		rc = ERR_SYSTEM;
	return rc;
}

uint32_t enclosure_stage_ms(const struct sandbox_job *job)
{
	if (!job->watch)
		return 0;
	return job->watch->stage_ms ? job->watch->stage_ms : STAGE_MS_DEFAULT;
}

static uint64_t cpu_seconds(const struct sandbox_job *job)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t wall_ms = job->limits.wall_ms + 2 * (uint64_t)enclosure_stage_ms(job);
	return (wall_ms / 1000 + 1) * (uint64_t)(processors > 0 ? processors : 1) + CPU_MARGIN_S;
}

static int write_command(const struct sandbox_job *job, uint64_t data_bytes, struct enclosure *enclosure)
{
	const uint64_t values[] = {(uint64_t)enclosure->arguments_fd,
				   (uint64_t)enclosure->report_pipe[1],
				   (uint64_t)enclosure->control_pipe[0],
				   enclosure->relay_fd < 0 ? 0 : (uint64_t)enclosure->relay_fd,
				   job->relay.port,
				   job->limits.processes,
				   data_bytes,
				   job->limits.file_bytes,
				   cpu_seconds(job)};
	for (size_t i = 0; i < COUNT(values); i++)
		snprintf(enclosure->numbers[i], sizeof(enclosure->numbers[i]), "%llu", (unsigned long long)values[i]);
	const char *const head[] = {"bwrap",
				    "--args",
				    enclosure->numbers[0],
				    "--",
				    SANDBOX_PROGRAM,
				    "tool",
				    INNER_TOOL,
				    enclosure->numbers[1],
				    enclosure->numbers[2],
				    enclosure->numbers[3],
				    enclosure->numbers[4],
				    enclosure->numbers[5],
				    enclosure->numbers[6],
				    enclosure->numbers[7],
				    enclosure->numbers[8],
				    "--"};
	size_t count = 0;
	while (count < ENCLOSURE_ARGV_MAX && job->argv[count])
		count++;
	enclosure->argv = calloc(COUNT(head) + count + 1, sizeof(*enclosure->argv));
	if (!enclosure->argv)
		return ERR_MEMORY;
	memcpy(enclosure->argv, head, sizeof(head));
	memcpy(enclosure->argv + COUNT(head), job->argv, count * sizeof(*job->argv));
	return 0;
}

static int find_programs(const struct sandbox_job *job, struct enclosure *enclosure, char out_why[256])
{
	const char *folders = getenv("PATH");
	if (!program_find("bwrap", folders ? folders : ENCLOSURE_PATH, enclosure->bwrap)) {
		snprintf(out_why, 256,
			 "bubblewrap (bwrap) is not installed, and nothing runs without it; apt-get install bubblewrap");
		return ERR_SANDBOX;
	}
	if (job->program) {
		snprintf(enclosure->program, sizeof(enclosure->program), "%s", job->program);
		return 0;
	}
	ssize_t bytes = readlink("/proc/self/exe", enclosure->program, sizeof(enclosure->program) - 1);
	if (bytes > 0)
		enclosure->program[bytes] = '\0';
	if (bytes > 0 && access(enclosure->program, X_OK) == 0)
		return 0;
	snprintf(out_why, 256, "the file of the running program is gone (was it replaced by an update?); restart it");
	return ERR_SANDBOX;
}

static void all_closed(struct enclosure *enclosure)
{
	memset(enclosure, 0, sizeof(*enclosure));
	enclosure->filter_fd = -1;
	enclosure->arguments_fd = -1;
	memset(enclosure->file_fds, -1, sizeof(enclosure->file_fds));
	memset(enclosure->status_pipe, -1, sizeof(enclosure->status_pipe));
	memset(enclosure->report_pipe, -1, sizeof(enclosure->report_pipe));
	memset(enclosure->control_pipe, -1, sizeof(enclosure->control_pipe));
	enclosure->relay_fd = -1;
}

static int open_descriptors(struct enclosure *enclosure)
{
	for (size_t i = 0; i < ENCLOSURE_FILES; i++) {
		enclosure->file_fds[i] = memory_file("etc", enclosure_files[i].content, strlen(enclosure_files[i].content));
		if (enclosure->file_fds[i] < 0)
			return ERR_SYSTEM;
	}
	if (pipe2(enclosure->status_pipe, O_CLOEXEC) != 0 || pipe2(enclosure->report_pipe, O_CLOEXEC) != 0 ||
	    pipe2(enclosure->control_pipe, O_CLOEXEC) != 0)
		return ERR_SYSTEM;
	return filter_open(&enclosure->filter_fd);
}

static int check_job(const struct sandbox_job *job, struct enclosure *enclosure, char out_why[256])
{
	if (job->folder && job->folder[0] != '/') {
		snprintf(out_why, 256, "the working directory in the sandbox must be an absolute path, not %.100s", job->folder);
		return ERR_SANDBOX;
	}
	if (job->relay.port && !job->relay.socket) {
		snprintf(out_why, 256, "port %u of the sandbox is to lead to a socket, but none is named", job->relay.port);
		return ERR_SANDBOX;
	}
	int rc = mounts_check(job, &enclosure->mounts, out_why);
	if (rc == 0 && job->relay.port)
		rc = relay_open(job->relay.socket, &enclosure->relay_fd, out_why);
	if (rc == ERR_MEMORY)
		snprintf(out_why, 256, "the sandbox could not be prepared: %s", strerror(ENOMEM));
	return rc;
}

int enclosure_open(const struct sandbox_job *job, uint64_t data_bytes, struct enclosure *enclosure, char out_why[256])
{
	all_closed(enclosure);
	int rc = find_programs(job, enclosure, out_why);
	if (rc == 0)
		rc = check_job(job, enclosure, out_why);
	if (rc)
		return rc;
	rc = open_descriptors(enclosure);
	if (rc == 0)
		rc = write_arguments(job, enclosure);
	if (rc == 0)
		rc = write_command(job, data_bytes, enclosure);
	if (rc)
		snprintf(out_why, 256, "the sandbox could not be prepared: %s", strerror(errno));
	return rc;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void enclosure_close(struct enclosure *enclosure)
{
	shut(&enclosure->filter_fd);
	shut(&enclosure->arguments_fd);
	for (size_t i = 0; i < ENCLOSURE_FILES; i++)
		shut(&enclosure->file_fds[i]);
	for (size_t i = 0; i < 2; i++) {
		shut(&enclosure->status_pipe[i]);
		shut(&enclosure->report_pipe[i]);
		shut(&enclosure->control_pipe[i]);
	}
	shut(&enclosure->relay_fd);
	mounts_release(&enclosure->mounts);
	free(enclosure->argv);
	enclosure->argv = NULL;
}

void enclosure_keep_descriptors(const struct enclosure *enclosure)
{
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	fcntl(enclosure->filter_fd, F_SETFD, 0);
	fcntl(enclosure->arguments_fd, F_SETFD, 0);
	fcntl(enclosure->status_pipe[1], F_SETFD, 0);
	fcntl(enclosure->report_pipe[1], F_SETFD, 0);
	fcntl(enclosure->control_pipe[0], F_SETFD, 0);
	if (enclosure->relay_fd >= 0)
		fcntl(enclosure->relay_fd, F_SETFD, 0);
	for (size_t i = 0; i < ENCLOSURE_FILES; i++)
		fcntl(enclosure->file_fds[i], F_SETFD, 0);
}
