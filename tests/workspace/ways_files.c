/* SPDX-License-Identifier: MIT
 *
 * Ways out of the sandbox by files: what was not given, what was given to read only, links, descriptors, devices.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/ways.h"

struct path {
	char text[512];
};

static struct path below(const char *variable, const char *name)
{
	struct path path;
	snprintf(path.text, sizeof(path.text), "%s/%s", way_text(variable), name);
	return path;
}

static struct path canary(void)
{
	return below(WAY_OUTSIDE, "canary");
}

static int can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int result = way_result(fd);
	if (fd >= 0)
		close(fd);
	return result;
}

static int can_open_by(const char *prefix, int flags)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s%s", prefix, canary().text);
	return can_open(path, flags);
}

static int write_outside(void)
{
	return can_open(canary().text, O_WRONLY | O_APPEND);
}

static int create_outside(void)
{
	return can_open(below(WAY_OUTSIDE, "new").text, O_WRONLY | O_CREAT);
}

static int delete_outside(void)
{
	return way_result(unlink(canary().text));
}

static int rename_over_outside(void)
{
	int made = can_open(below(WAY_WORK, "mine").text, O_WRONLY | O_CREAT);
	return made ? 0 : way_result(rename(below(WAY_WORK, "mine").text, canary().text));
}

static int truncate_outside(void)
{
	return way_result(truncate(canary().text, 0));
}

static int chmod_outside(void)
{
	return way_result(chmod(canary().text, 0777));
}

static int mkdir_outside(void)
{
	return way_result(mkdir(below(WAY_OUTSIDE, "folder").text, 0700));
}

static int through_link(const char *variable, const char *target, const char *name, int flags)
{
	struct path link = below(variable, "link");
	char path[600];
	unlink(link.text);
	if (symlink(target, link.text) != 0)
		return 0; /* that much is allowed, so something is wrong */
	snprintf(path, sizeof(path), "%s%s", link.text, name);
	return can_open(path, flags);
}

static int link_in_the_clone(void)
{
	return through_link(WAY_WORK, canary().text, "", O_WRONLY);
}

static int folder_link_in_the_home(void)
{
	return through_link(WAY_HOME, way_text(WAY_OUTSIDE), "/new", O_WRONLY | O_CREAT);
}

static int hard_link(void)
{
	return way_result(link(canary().text, below(WAY_WORK, "hard").text));
}

static int hard_link_of_what_is_read_only(void)
{
	return way_result(link(below(WAY_CONTEXT, "status.json").text, below(WAY_WORK, "hard").text));
}

static int root_of_itself(void)
{
	return can_open_by("/proc/self/root", O_RDONLY);
}

static int root_of_the_first(void)
{
	return can_open_by("/proc/1/root", O_RDONLY);
}

static int root_of_its_parent(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "/proc/%d/root", (int)getppid());
	return can_open_by(prefix, O_RDONLY);
}

static int folder_of_the_first(void)
{
	return can_open_by("/proc/1/cwd/../../../../../../..", O_RDONLY);
}

static int dots(void)
{
	if (chdir(way_text(WAY_WORK)) != 0)
		return 0;
	return can_open_by("../../../../../../../../../../../../..", O_RDONLY);
}

static int inherited_descriptor(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (openat(fd, "canary", O_RDONLY) >= 0)
			return 0;
	return EBADF;
}

/* Tries each descriptor of each other process until one serves. */
static int descriptors_of_others(int (*serves)(const char *path))
{
	DIR *proc = opendir("/proc");
	for (const struct dirent *process; proc && (process = readdir(proc)) != NULL;) {
		char path[600];
		if (atol(process->d_name) <= 0 || atol(process->d_name) == getpid())
			continue;
		for (int fd = 0; fd < 64; fd++) {
			snprintf(path, sizeof(path), "/proc/%s/fd/%d", process->d_name, fd);
			if (serves(path) == 0)
				return 0;
		}
	}
	if (proc)
		closedir(proc);
	return EACCES;
}

static int serves_as_folder(const char *path)
{
	char inside[700];
	snprintf(inside, sizeof(inside), "%s/canary", path);
	return can_open(inside, O_RDONLY);
}

static int descriptor_of_another(void)
{
	return descriptors_of_others(serves_as_folder);
}

static int serves_as_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int result = way_result(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
	close(fd);
	return result;
}

static int way_of_the_relay(void)
{
	return descriptors_of_others(serves_as_socket);
}

static int move_the_clone(void)
{
	char moved[600];
	snprintf(moved, sizeof(moved), "%s-moved", way_text(WAY_WORK));
	return way_result(rename(way_text(WAY_WORK), moved));
}

static int home_becomes_a_link(void)
{
	char moved[600];
	snprintf(moved, sizeof(moved), "%s-moved", way_text(WAY_HOME));
	int result = way_result(rename(way_text(WAY_HOME), moved));
	return result ? result : way_result(symlink(way_text(WAY_OUTSIDE), way_text(WAY_HOME)));
}

static int hook_of_git(void)
{
	return can_open(below(WAY_GIT, "hooks/post-checkout").text, O_WRONLY | O_CREAT);
}

static int settings_of_git(void)
{
	return can_open(below(WAY_GIT, "config").text, O_WRONLY);
}

static int write_context(void)
{
	return can_open(below(WAY_CONTEXT, "status.json").text, O_WRONLY);
}

static int add_to_context(void)
{
	return way_result(mkdir(below(WAY_CONTEXT, "more").text, 0700));
}

static int change_the_program(void)
{
	return can_open(way_text(WAY_PROGRAM), O_WRONLY);
}

static int leave_something_in_usr(void)
{
	return can_open("/usr", O_TMPFILE | O_WRONLY);
}

static int change_passwd(void)
{
	return can_open("/etc/passwd", O_WRONLY);
}

static int read_shadow(void)
{
	return can_open("/etc/shadow", O_RDONLY);
}

static int read_outside(void)
{
	return can_open(canary().text, O_RDONLY);
}

static int list_outside(void)
{
	return can_open(way_text(WAY_OUTSIDE), O_RDONLY | O_DIRECTORY);
}

static int read_private_key(void)
{
	return can_open(way_text(WAY_SSH), O_RDONLY);
}

static int read_another_task(void)
{
	return can_open(way_text(WAY_OTHER), O_RDONLY | O_DIRECTORY);
}

static int read_shared_memory(void)
{
	return can_open(way_text(WAY_SHARED), O_RDWR);
}

static int make_a_device(void)
{
	struct path device = below(WAY_WORK, "device");
	unlink(device.text);
	int result = way_result(mknod(device.text, S_IFCHR | 0666, makedev(1, 9)));
	return result ? result : can_open(device.text, O_RDONLY);
}

static int use_a_device_found(void)
{
	return can_open(below(WAY_WORK, "found-device").text, O_RDONLY);
}

static int open_a_disk(void)
{
	int result = ENODEV;
	DIR *devices = opendir("/dev");
	for (const struct dirent *entry; devices && result && (entry = readdir(devices)) != NULL;) {
		char path[300];
		struct stat status;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (lstat(path, &status) == 0 && S_ISBLK(status.st_mode))
			result = can_open(path, O_RDONLY | O_NONBLOCK);
	}
	if (devices)
		closedir(devices);
	return result;
}

static int read_the_kernel_log(void)
{
	return can_open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
}

/* "found-setuid" is this program, owned by another user, with the bit set. */
static int become_another_user(void)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		execl(below(WAY_WORK, "found-setuid").text, "found-setuid", "way", "who-am-i", NULL);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return EINTR;
	return WEXITSTATUS(status);
}

int way_who_am_i(void)
{
	return geteuid() != getuid() ? 0 : EPERM;
}

const struct way ways_by_files[] = {
	{"write-outside", write_outside, PROOF_ANYONE},
	{"create-outside", create_outside, PROOF_ANYONE},
	{"delete-outside", delete_outside, PROOF_ANYONE},
	{"rename-over-outside", rename_over_outside, PROOF_ANYONE},
	{"truncate-outside", truncate_outside, PROOF_ANYONE},
	{"chmod-outside", chmod_outside, PROOF_ANYONE},
	{"mkdir-outside", mkdir_outside, PROOF_ANYONE},
	{"link-in-the-clone", link_in_the_clone, PROOF_ANYONE},
	{"folder-link-in-the-home", folder_link_in_the_home, PROOF_ANYONE},
	{"hard-link", hard_link, PROOF_ANYONE},
	{"hard-link-of-what-is-read-only", hard_link_of_what_is_read_only, PROOF_ANYONE},
	{"root-of-itself", root_of_itself, PROOF_ANYONE},
	{"root-of-the-first", root_of_the_first, PROOF_RESOURCE},
	{"root-of-its-parent", root_of_its_parent, PROOF_ANYONE},
	{"folder-of-the-first", folder_of_the_first, PROOF_RESOURCE},
	{"dots", dots, PROOF_ANYONE},
	{"inherited-descriptor", inherited_descriptor, PROOF_ANYONE},
	{"descriptor-of-another", descriptor_of_another, PROOF_ANYONE},
	{"way-of-the-relay", way_of_the_relay, PROOF_ANYONE},
	{"move-the-clone", move_the_clone, PROOF_ANYONE},
	{"home-becomes-a-link", home_becomes_a_link, PROOF_ANYONE},
	{"hook-of-git", hook_of_git, PROOF_ANYONE},
	{"settings-of-git", settings_of_git, PROOF_ANYONE},
	{"write-context", write_context, PROOF_ANYONE},
	{"add-to-context", add_to_context, PROOF_ANYONE},
	{"change-the-program", change_the_program, PROOF_ANYONE},
	{"leave-something-in-usr", leave_something_in_usr, PROOF_ROOT},
	{"change-passwd", change_passwd, PROOF_ROOT},
	{"read-shadow", read_shadow, PROOF_ROOT},
	{"read-outside", read_outside, PROOF_ANYONE},
	{"list-outside", list_outside, PROOF_ANYONE},
	{"read-private-key", read_private_key, PROOF_ANYONE},
	{"read-another-task", read_another_task, PROOF_ANYONE},
	{"read-shared-memory", read_shared_memory, PROOF_ANYONE},
	{"make-a-device", make_a_device, PROOF_ROOT},
	{"use-a-device-found", use_a_device_found, PROOF_ROOT},
	{"open-a-disk", open_a_disk, PROOF_RESOURCE},
	{"read-the-kernel-log", read_the_kernel_log, PROOF_ROOT},
	{"become-another-user", become_another_user, PROOF_ROOT},
	{NULL, NULL, PROOF_ANYONE},
};
