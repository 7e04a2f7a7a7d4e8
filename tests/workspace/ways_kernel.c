/* SPDX-License-Identifier: MIT
 *
 * Ways out of the sandbox by the kernel: namespaces, mounts, modules, keys, programs in the kernel, settings of the machine.
 *
 * Most ask for something that cannot be done even by root, as to mount on a place that is not there. What counts is who says no: the
 * kernel after it has looked at the request (then the way is open), or the filter and the missing capabilities before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/ways.h"

#define NOWHERE "/no/such/place"

static int reached(long rc)
{
	return rc >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS) ? 0 : errno;
}

/* ---- namespaces; in a child, for they cannot be undone ---- */

static int in_child(int (*what)(void))
{
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(what());
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return EINTR;
	return WEXITSTATUS(status);
}

#define UNSHARE(name, flag)                                                                                                      \
	static int name##_here(void)                                                                                             \
	{                                                                                                                        \
		return way_result(unshare(flag));                                                                                \
	}                                                                                                                        \
	static int name(void)                                                                                                    \
	{                                                                                                                        \
		return in_child(name##_here);                                                                                    \
	}

UNSHARE(new_users, CLONE_NEWUSER)
UNSHARE(new_mounts, CLONE_NEWNS)
UNSHARE(new_network, CLONE_NEWNET)
UNSHARE(new_processes, CLONE_NEWPID)
UNSHARE(new_groups, CLONE_NEWCGROUP)

static int users_by_clone(void)
{
	long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	return way_result(child);
}

static int users_by_clone3(void)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child == 0)
		_exit(0);
	return way_result(child);
}

static int join_a_namespace_here(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : way_result(syscall(SYS_setns, fd, 0));
}

static int join_a_namespace(void)
{
	return in_child(join_a_namespace_here);
}

static int map_users(void)
{
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	return way_result(fd);
}

/* ---- mounts ---- */

static int mount_something(void)
{
	return reached(mount("none", NOWHERE, "tmpfs", 0, NULL));
}

static int bind_over(void)
{
	return reached(mount(way_text(WAY_WORK), NOWHERE, NULL, MS_BIND, NULL));
}

static int make_writable_again(void)
{
	return reached(mount(NULL, NOWHERE, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int unmount(void)
{
	return reached(umount2(NOWHERE, MNT_DETACH));
}

#define ASK(name, ...)                                                                                                           \
	static int name(void)                                                                                                    \
	{                                                                                                                        \
		return reached(syscall(__VA_ARGS__));                                                                            \
	}

ASK(change_root_by_pivot, SYS_pivot_root, NOWHERE, NOWHERE)
ASK(change_root, SYS_chroot, NOWHERE)
ASK(open_a_tree, SYS_open_tree, -1, NOWHERE, 1)
ASK(open_a_file_system, SYS_fsopen, "none-such", 0)
ASK(mount_a_descriptor, SYS_fsmount, -1, 0, 0)
ASK(move_a_mount, SYS_move_mount, -1, NOWHERE, -1, NOWHERE, 0)

/* By the numbers of 32-bit programs, which a filter for 64 bits would not know. */
#ifdef __x86_64__
static int mount_by_old_numbers(void)
{
	long rc = 0;
	const long number = 21; /* mount */
	__asm__ volatile("int $0x80"
			 : "=a"(rc)
			 : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = rc < 0 ? (int)-rc : 0;
	return rc >= 0 || (errno != EPERM && errno != ENOSYS) ? 0 : errno;
}
#endif

/* ---- into the kernel ---- */

ASK(key_rings, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)
ASK(add_a_key, SYS_add_key, "user", "way", "x", 1, KEY_SPEC_PROCESS_KEYRING)
ASK(request_a_key, SYS_request_key, "user", "way", NULL, 0)
ASK(programs_in_the_kernel, SYS_bpf, -1, NULL, 0)
ASK(events_of_the_processor, SYS_perf_event_open, NULL, 0, -1, -1, 0)
ASK(faults_of_others, SYS_userfaultfd, 0x7f)
ASK(rings, SYS_io_uring_setup, 0, NULL)
ASK(file_by_handle, SYS_open_by_handle_at, -1, NULL, 0)
ASK(handle_of_a_file, SYS_name_to_handle_at, AT_FDCWD, "/usr", NULL, NULL, 0)
ASK(another_kernel, SYS_kexec_load, 0, 0, NULL, ~0ul)
ASK(a_module, SYS_finit_module, -1, "", 0)
ASK(a_module_in_memory, SYS_init_module, NULL, 0, "")
ASK(remove_a_module, SYS_delete_module, "no_such_module", O_NONBLOCK)
ASK(log_of_the_kernel, SYS_syslog, 10, NULL, 0)
ASK(set_the_clock, SYS_clock_settime, 0, NULL)
ASK(turn_the_clock, SYS_adjtimex, NULL)
ASK(name_of_the_host, SYS_sethostname, "x", -1)
ASK(swap, SYS_swapon, NOWHERE, 0)
ASK(accounts, SYS_acct, NOWHERE)
ASK(restart_the_machine, SYS_reboot, 0, 0, 0, NULL)
ASK(all_file_events, SYS_fanotify_init, ~0u, 0)
ASK(quotas, SYS_quotactl, 0, NULL, 0, NULL)
ASK(compare_processes, SYS_kcmp, way_number(WAY_VICTIM), way_number(WAY_VICTIM), 2, 0, 0)
#ifdef SYS_iopl
ASK(ports_of_devices, SYS_iopl, 3)
#endif

/* ---- settings of the machine ---- */

static int open_setting(const char *path)
{
	return way_result(open(path, O_WRONLY | O_CLOEXEC));
}

static int core_pattern(void)
{
	return open_setting("/proc/sys/kernel/core_pattern");
}

static int program_for_modules(void)
{
	return open_setting("/proc/sys/kernel/modprobe");
}

static int magic_request(void)
{
	return open_setting("/proc/sysrq-trigger");
}

static int protect_itself_from_the_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	return fd < 0 ? errno : way_result(write(fd, "-1000", 5));
}

static int memory_of_the_kernel(void)
{
	return way_result(open("/proc/kcore", O_RDONLY | O_CLOEXEC));
}

static int messages_of_the_kernel(void)
{
	return way_result(open("/proc/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static int program_for_devices(void)
{
	return open_setting("/sys/kernel/uevent_helper");
}

/* Any file of sysfs that this user may write. */
static int device_settings(void)
{
	return open_setting("/sys/power/state") == 0        ? 0
	       : open_setting("/sys/kernel/profiling") == 0 ? 0
							    : open_setting("/sys/kernel/mm/transparent_hugepage/enabled");
}

/* Looks three folders deep for a group to join. */
static int group_below(const char *folder, int depth)
{
	char path[700];
	int result = ENOENT;
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	if (open_setting(path) == 0)
		return 0;
	DIR *groups = depth > 0 ? opendir(folder) : NULL;
	for (const struct dirent *entry; groups && result && (entry = readdir(groups)) != NULL;) {
		if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
			continue;
		snprintf(path, sizeof(path), "%.300s/%s", folder, entry->d_name);
		result = group_below(path, depth - 1);
	}
	if (groups)
		closedir(groups);
	return result;
}

static int leave_the_control_group(void)
{
	return group_below("/sys/fs/cgroup", 3);
}

const struct way ways_by_the_kernel[] = {
	{"new-users", new_users, PROOF_ANYONE},
	{"new-mounts", new_mounts, PROOF_ROOT},
	{"new-network", new_network, PROOF_ROOT},
	{"new-processes", new_processes, PROOF_ROOT},
	{"new-groups", new_groups, PROOF_ROOT},
	{"users-by-clone", users_by_clone, PROOF_ANYONE},
	{"users-by-clone3", users_by_clone3, PROOF_ANYONE},
	{"join-a-namespace", join_a_namespace, PROOF_ROOT},
	{"map-users", map_users, PROOF_ANYONE},
	{"mount-something", mount_something, PROOF_ROOT},
	{"bind-over", bind_over, PROOF_ROOT},
	{"make-writable-again", make_writable_again, PROOF_ROOT},
	{"unmount", unmount, PROOF_ROOT},
	{"change-root-by-pivot", change_root_by_pivot, PROOF_ROOT},
	{"change-root", change_root, PROOF_ROOT},
	{"open-a-tree", open_a_tree, PROOF_ROOT},
	{"open-a-file-system", open_a_file_system, PROOF_ROOT},
	{"mount-a-descriptor", mount_a_descriptor, PROOF_ROOT},
	{"move-a-mount", move_a_mount, PROOF_ROOT},
#ifdef __x86_64__
	{"mount-by-old-numbers", mount_by_old_numbers, PROOF_ROOT},
#endif
	{"key-rings", key_rings, PROOF_ANYONE},
	{"add-a-key", add_a_key, PROOF_ANYONE},
	{"request-a-key", request_a_key, PROOF_ANYONE},
	{"programs-in-the-kernel", programs_in_the_kernel, PROOF_ROOT},
	{"events-of-the-processor", events_of_the_processor, PROOF_ROOT},
	{"faults-of-others", faults_of_others, PROOF_ROOT},
	{"rings", rings, PROOF_ANYONE},
	{"file-by-handle", file_by_handle, PROOF_ROOT},
	{"handle-of-a-file", handle_of_a_file, PROOF_ANYONE},
	{"another-kernel", another_kernel, PROOF_ROOT},
	{"a-module", a_module, PROOF_ROOT},
	{"a-module-in-memory", a_module_in_memory, PROOF_ROOT},
	{"remove-a-module", remove_a_module, PROOF_ROOT},
	{"log-of-the-kernel", log_of_the_kernel, PROOF_ROOT},
	{"set-the-clock", set_the_clock, PROOF_ROOT},
	{"turn-the-clock", turn_the_clock, PROOF_ANYONE},
	{"name-of-the-host", name_of_the_host, PROOF_ROOT},
	{"swap", swap, PROOF_ROOT},
	{"accounts", accounts, PROOF_ROOT},
	{"restart-the-machine", restart_the_machine, PROOF_ROOT},
	{"all-file-events", all_file_events, PROOF_ROOT},
	{"quotas", quotas, PROOF_ROOT},
	{"compare-processes", compare_processes, PROOF_ROOT},
#ifdef SYS_iopl
	{"ports-of-devices", ports_of_devices, PROOF_ROOT},
#endif
	{"core-pattern", core_pattern, PROOF_ROOT},
	{"program-for-modules", program_for_modules, PROOF_ROOT},
	{"magic-request", magic_request, PROOF_ROOT},
	{"protect-itself-from-the-oom-killer", protect_itself_from_the_oom_killer, PROOF_RESOURCE},
	{"memory-of-the-kernel", memory_of_the_kernel, PROOF_ROOT},
	{"messages-of-the-kernel", messages_of_the_kernel, PROOF_ROOT},
	{"program-for-devices", program_for_devices, PROOF_ROOT},
	{"device-settings", device_settings, PROOF_ROOT},
	{"leave-the-control-group", leave_the_control_group, PROOF_ROOT},
	{NULL, NULL, PROOF_ANYONE},
};
