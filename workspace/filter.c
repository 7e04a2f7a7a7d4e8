/* SPDX-License-Identifier: MIT
 *
 * The system calls that no program in the sandbox may make: what traces or reads other processes, makes namespaces and
 * mounts, loads code into the kernel, reaches around file permissions by handle, or pushes input into a terminal.
 * Everything else is allowed: compilers, interpreters and test suites of strangers must run unchanged.
 *
 * Refused calls get EPERM, so that programs say what they could not do. clone3 and io_uring get ENOSYS, for which
 * libraries have an older way: the flags of clone3 stand in memory, where a filter cannot look.
 */
#include "workspace/filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define DENY(name) SCMP_SYS(name)

static const int denied[] = {
	DENY(ptrace),
	DENY(process_vm_readv),
	DENY(process_vm_writev),
	DENY(process_madvise),
	DENY(kcmp),
	DENY(pidfd_getfd),
	DENY(bpf),
	DENY(perf_event_open),
	DENY(userfaultfd),
	DENY(keyctl),
	DENY(add_key),
	DENY(request_key),
	DENY(mount),
	DENY(umount2),
	DENY(umount),
	DENY(pivot_root),
	DENY(chroot),
	DENY(mount_setattr),
	DENY(move_mount),
	DENY(open_tree),
	DENY(fsopen),
	DENY(fsconfig),
	DENY(fsmount),
	DENY(fspick),
	DENY(setns),
	DENY(kexec_load),
	DENY(kexec_file_load),
	DENY(init_module),
	DENY(finit_module),
	DENY(delete_module),
	DENY(open_by_handle_at),
	DENY(name_to_handle_at),
	DENY(fanotify_init),
	DENY(lookup_dcookie),
	DENY(quotactl),
	DENY(quotactl_fd),
	DENY(acct),
	DENY(swapon),
	DENY(swapoff),
	DENY(reboot),
	DENY(syslog),
	DENY(vhangup),
	DENY(settimeofday),
	DENY(clock_settime),
	DENY(clock_adjtime),
	DENY(adjtimex),
	DENY(stime),
	DENY(sethostname),
	DENY(setdomainname),
	DENY(iopl),
	DENY(ioperm),
	DENY(modify_ldt),
	DENY(vm86),
	DENY(vm86old),
	DENY(nfsservctl),
};

static const int absent[] = {DENY(clone3), DENY(io_uring_setup), DENY(io_uring_enter), DENY(io_uring_register)};

static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
				      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80 /* CLONE_NEWTIME */};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A call that this machine's kernel does not have cannot be made either. */
static int deny(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = seccomp_rule_add(filter, action, calls[i], 0);
		if (rc == -EDOM || rc == -EINVAL || rc == -EFAULT)
			rc = 0;
	}
	return rc;
}

/* The last row is a bit of unshare alone: in clone it is part of the exit signal. */
static int deny_namespaces(scmp_filter_ctx filter)
{
	int rc = 0;
	for (size_t i = 0; i < COUNT(namespaces) && rc == 0; i++) {
		struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]);
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, &flag);
		if (rc == 0 && i + 1 < COUNT(namespaces))
			rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &flag);
	}
	return rc;
}

/* Families left: UNIX, INET, INET6, and NETLINK for its protocol 0 (ROUTE), by which programs list their interfaces. */
static int deny_families(scmp_filter_ctx filter)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	int rc = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
	for (int family = 0; family < AF_NETLINK && rc == 0; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			rc = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)family, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
				      SCMP_A2(SCMP_CMP_NE, 0, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0));
	return rc;
}

static int deny_terminal_input(scmp_filter_ctx filter)
{
	const uint64_t requests[] = {TIOCSTI, TIOCLINUX};
	int rc = 0;
	for (size_t i = 0; i < COUNT(requests) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, requests[i]));
	return rc;
}

int filter_open(int *out_fd)
{
	int fd = -1;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? 0 : -ENOMEM;
	if (rc == 0)
		rc = deny(filter, SCMP_ACT_ERRNO(EPERM), denied, COUNT(denied));
	if (rc == 0)
		rc = deny(filter, SCMP_ACT_ERRNO(ENOSYS), absent, COUNT(absent));
	if (rc == 0)
		rc = deny_namespaces(filter);
	if (rc == 0)
		rc = deny_families(filter);
	if (rc == 0)
		rc = deny_terminal_input(filter);
	if (rc)
		goto out;
	rc = -EIO;
	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd >= 0 && seccomp_export_bpf(filter, fd) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		rc = 0;
out:
	seccomp_release(filter);
	if (rc) {
		if (fd >= 0)
			close(fd);
		return ERR_SANDBOX;
	}
	*out_fd = fd;
	return 0;
}
