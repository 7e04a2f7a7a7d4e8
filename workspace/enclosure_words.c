/* SPDX-License-Identifier: MIT
 *
 * What bubblewrap is told: the view of the file system, the user and the environment.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/enclosure.h"

#define INSIDE_UID          "60000"
#define SHARED_MEMORY_BYTES "67108864"

const struct enclosure_file enclosure_files[ENCLOSURE_FILES] = {
	{"/etc/passwd", "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
			"bunshin:x:60000:60000:bunshin:/tmp:/bin/sh\n"
			"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"/etc/group", "root:x:0:\nbunshin:x:60000:\nnogroup:x:65534:\n"},
	{"/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
	{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"},
};

/* Settings of installed programs that hold nothing private. */
static const char *const etc_shared[] = {
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",      "/etc/ld.so.conf.d", "/etc/services",
	"/etc/protocols",    "/etc/mime.types",  "/etc/python3*",        "/etc/perl",         "/etc/java-*",
	"/etc/fonts",        "/etc/ssl/certs",   "/etc/ssl/openssl.cnf",
};

static const char *const system_folders[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* NUL-separated words for --args, written to memory by stdio. */
static void say(FILE *words, const char *word)
{
	fwrite(word, 1, strlen(word) + 1, words);
}

static void say2(FILE *words, const char *option, const char *value)
{
	say(words, option);
	say(words, value);
}

static void say3(FILE *words, const char *option, const char *from, const char *to)
{
	say2(words, option, from);
	say(words, to);
}

static void say_number(FILE *words, const char *option, uint64_t value)
{
	char number[24];
	snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	say2(words, option, number);
}

/* Links into /usr where the system merged them, else the folders themselves. */
static void say_system(FILE *words)
{
	say3(words, "--ro-bind", "/usr", "/usr");
	for (size_t i = 0; i < COUNT(system_folders); i++) {
		char target[PATH_MAX];
		struct stat status;
		ssize_t bytes = readlink(system_folders[i], target, sizeof(target) - 1);
		if (bytes > 0) {
			target[bytes] = '\0';
			say3(words, "--symlink", target, system_folders[i]);
		} else if (lstat(system_folders[i], &status) == 0 && S_ISDIR(status.st_mode)) {
			say3(words, "--ro-bind", system_folders[i], system_folders[i]);
		}
	}
}

static void say_etc(FILE *words, const struct enclosure *enclosure)
{
	for (size_t i = 0; i < ENCLOSURE_FILES; i++) {
		say_number(words, "--ro-bind-data", (uint64_t)enclosure->file_fds[i]);
		say(words, enclosure_files[i].path);
	}
	for (size_t i = 0; i < COUNT(etc_shared); i++) {
		glob_t found = {0};
		if (glob(etc_shared[i], 0, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc; j++)
				say3(words, "--ro-bind-try", found.gl_pathv[j], found.gl_pathv[j]);
		globfree(&found);
	}
	say3(words, "--symlink", "../usr/lib/os-release", "/etc/os-release");
}

static void say_mounts(FILE *words, const struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mounts_entry *entry = &mounts->entries[i];
		if (!entry->seen)
			say3(words, entry->writable ? "--bind" : "--ro-bind", entry->outside, entry->inside);
	}
}

static const char *folder_of(const struct sandbox_job *job)
{
	if (job->folder)
		return job->folder;
	return job->in_work ? "/work" : job->repository ? "/repo" : "/tmp";
}

/* Nothing stays writable but /tmp, /dev/shm, /work and what was given. /proc above all: if the runner is root, then so is, outside, whoever
 * writes to /proc/sys from here. */
static void say_places(FILE *words, const struct sandbox_job *job, const struct enclosure *enclosure)
{
	say2(words, "--proc", "/proc");
	say2(words, "--dev", "/dev");
	say2(words, "--size", SHARED_MEMORY_BYTES);
	say2(words, "--tmpfs", "/dev/shm");
	say_number(words, "--size", job->limits.scratch_bytes);
	say2(words, "--tmpfs", "/tmp");
	say3(words, "--ro-bind", enclosure->program, SANDBOX_PROGRAM);
	if (job->repository)
		say3(words, "--ro-bind", job->repository, "/repo");
	if (job->git)
		say3(words, "--ro-bind", job->git, "/git");
	if (job->work)
		say3(words, "--bind", job->work, "/work");
	say_mounts(words, &enclosure->mounts);
	say2(words, "--remount-ro", "/");
	say2(words, "--remount-ro", "/dev");
	say2(words, "--remount-ro", "/proc");
	say2(words, "--chdir", folder_of(job));
}

static void say_environment(FILE *words, const struct sandbox_job *job)
{
	say(words, "--clearenv");
	say3(words, "--setenv", "PATH", ENCLOSURE_PATH);
	if (!job->bare_environment) {
		say3(words, "--setenv", "HOME", job->home ? job->home : "/tmp");
		say3(words, "--setenv", "LANG", "C.UTF-8");
	}
	if (ENCLOSURE_SANITIZED)
		say3(words, "--setenv", "ASAN_OPTIONS", "detect_leaks=0");
	for (size_t i = 0; job->environment && job->environment[i]; i++) {
		const char *equals = strchr(job->environment[i], '=');
		if (!equals)
			continue;
		char *name = strndup(job->environment[i], (size_t)(equals - job->environment[i]));
		if (name)
			say3(words, "--setenv", name, equals + 1);
		free(name);
	}
}

void enclosure_say(const struct sandbox_job *job, const struct enclosure *enclosure, FILE *words)
{
	static const char *const flags[] = {"--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent"};
	for (size_t i = 0; i < COUNT(flags); i++)
		say(words, flags[i]);
	say2(words, "--uid", INSIDE_UID);
	say2(words, "--gid", INSIDE_UID);
	say2(words, "--hostname", "sandbox");
	say2(words, "--cap-drop", "ALL");
	say_number(words, "--seccomp", (uint64_t)enclosure->filter_fd);
	say_number(words, "--json-status-fd", (uint64_t)enclosure->status_pipe[1]);
	say_system(words);
	say_etc(words, enclosure);
	say_places(words, job, enclosure);
	say_environment(words, job);
}
