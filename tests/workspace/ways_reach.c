/* SPDX-License-Identifier: MIT
 *
 * Ways out of the sandbox by reaching something: other processes, the network, sockets, what the machine's processes share.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/ways.h"

static pid_t victim(void)
{
	return (pid_t)way_number(WAY_VICTIM);
}

/* ---- processes ---- */

static int signal_a_process(void)
{
	return way_result(kill(victim(), SIGCONT));
}

static int signal_the_group_of_the_runner(void)
{
	return way_result(kill((pid_t)-way_number(WAY_GROUP), 0));
}

static int signal_by_descriptor(void)
{
	int fd = (int)syscall(SYS_pidfd_open, victim(), 0);
	return fd < 0 ? errno : way_result(syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));
}

static int trace_by_attaching(void)
{
	if (ptrace(PTRACE_ATTACH, victim(), NULL, NULL) != 0)
		return errno;
	waitpid(victim(), NULL, 0);
	return way_result(ptrace(PTRACE_DETACH, victim(), NULL, NULL));
}

static int trace_by_seizing(void)
{
	if (ptrace(PTRACE_SEIZE, victim(), NULL, NULL) != 0)
		return errno;
	return 0;
}

/* Also nobody inside may be traced: the first two hold what the program must not have. */
static int trace_its_own_child(void)
{
	pid_t child = fork();
	if (child == 0) {
		long rc = ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		_exit(rc == 0 ? 0 : errno);
	}
	int status = 0;
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static int read_memory_of_another(void)
{
	char byte = 0;
	struct iovec here = {&byte, 1};
	struct iovec there = {(void *)(uintptr_t)0x1000, 1};
	long rc = process_vm_readv(victim(), &here, 1, &there, 1, 0);
	return rc >= 0 || errno == EFAULT ? 0 : errno;
}

/* Looks for `word` in the file `name` of all processes but its own. */
static int others_hold(const char *name, const char *word)
{
	static char text[65536];
	int result = ENOENT;
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
		char path[300];
		if (atol(entry->d_name) <= 0 || atol(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name, name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
		if (bytes > 0 && memmem(text, (size_t)bytes, word, strlen(word)))
			result = 0;
		if (fd >= 0)
			close(fd);
	}
	if (proc)
		closedir(proc);
	return result;
}

static int environment_of_others(void)
{
	return others_hold("environ", WAY_WORD);
}

static int command_line_of_others(void)
{
	return others_hold("cmdline", WAY_WORD);
}

/* A process of this user that was started before could be made to do things. */
static int write_memory_of_another(void)
{
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
		char path[300];
		if (atol(entry->d_name) <= 0 || atol(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/mem", entry->d_name);
		if (open(path, O_RDWR | O_CLOEXEC) >= 0)
			return 0;
	}
	if (proc)
		closedir(proc);
	return EROFS;
}

static int take_a_descriptor(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getppid(), 0);
	return fd < 0 ? errno : way_result(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static int become_root(void)
{
	return way_result(setresuid(0, 0, 0));
}

static int drop_groups(void)
{
	return way_result(syscall(SYS_setgroups, 0, NULL));
}

static int go_before_everybody(void)
{
	return way_result(setpriority(PRIO_PROCESS, 0, -20));
}

static int run_in_real_time(void)
{
	const struct sched_param parameters = {.sched_priority = 1};
	return way_result(sched_setscheduler(0, SCHED_FIFO, &parameters));
}

static int raise_a_limit(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = ++limit.rlim_max;
	return way_result(setrlimit(RLIMIT_NOFILE, &limit));
}

/* ---- terminals ---- */

static int on_terminal(unsigned long request, char *argument)
{
	int ends[2];
	if (openpty(&ends[0], &ends[1], NULL, NULL, NULL) != 0)
		return errno;
	int result = way_result(ioctl(ends[1], request, argument));
	return result == EPERM || result == EIO ? result : 0;
}

static int type_into_a_terminal(void)
{
	char key = 'x';
	return on_terminal(TIOCSTI, &key);
}

static int paste_into_a_terminal(void)
{
	char request[8] = {3};
	return on_terminal(TIOCLINUX, request);
}

/* ---- the network ---- */

static int connect_to(int family, const void *address, socklen_t bytes)
{
	struct pollfd ready = {socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), POLLOUT, 0};
	int reason = 0;
	socklen_t reason_bytes = sizeof(reason);
	if (connect(ready.fd, address, bytes) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&ready, 1, 1000) <= 0)
		return ETIMEDOUT;
	getsockopt(ready.fd, SOL_SOCKET, SO_ERROR, &reason, &reason_bytes);
	return reason;
}

static int connect_to_address(const char *text, const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)way_number(port))};
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		return ENODEV;
	return connect_to(AF_INET, &address, sizeof(address));
}

static int loopback_of_the_host(void)
{
	return connect_to_address("127.0.0.1", WAY_TCP);
}

static int another_loopback_address(void)
{
	return connect_to_address("127.1.2.3", WAY_TCP);
}

static int address_of_the_host(void)
{
	return connect_to_address(way_text(WAY_ADDRESS), WAY_TCP);
}

static int loopback_of_the_host_by_ipv6(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)way_number(WAY_TCP6))};
	address.sin6_addr = in6addr_loopback;
	return connect_to(AF_INET6, &address, sizeof(address));
}

static int ask_a_name_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)way_number(WAY_UDP))};
	char answer[16];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct pollfd ready = {socket(AF_INET, SOCK_DGRAM, 0), POLLIN, 0};
	if (connect(ready.fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || send(ready.fd, "where?", 6, 0) != 6)
		return errno;
	if (poll(&ready, 1, 1000) <= 0)
		return ETIMEDOUT;
	return way_result(recv(ready.fd, answer, sizeof(answer), 0));
}

static int unix_socket(const char *path, bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t bytes = strlen(path);
	memcpy(address.sun_path + abstract, path, bytes);
	return connect_to(AF_UNIX, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + 1));
}

static int abstract_socket(void)
{
	return unix_socket(way_text(WAY_ABSTRACT), true);
}

static int socket_by_path(void)
{
	return unix_socket(way_text(WAY_SOCKET), false);
}

static int socket_of_the_relay(void)
{
	return unix_socket(way_text(WAY_RELAY), false);
}

static int family(int domain, int type, int protocol)
{
	return way_result(socket(domain, type, protocol));
}

static int socket_of_packets(void)
{
	return family(AF_PACKET, SOCK_RAW, 0);
}

static int socket_of_raw_messages(void)
{
	return family(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int socket_to_the_hypervisor(void)
{
	return family(AF_VSOCK, SOCK_STREAM, 0);
}

static int socket_of_ciphers(void)
{
	return family(AF_ALG, SOCK_SEQPACKET, 0);
}

static int socket_of_device_events(void)
{
	return family(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
}

static int socket_of_the_firewall(void)
{
	return family(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}

static int socket_of_the_audit(void)
{
	return family(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}

/* To what it is already: harmless, but a change. */
static int change_an_interface(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCGIFMTU, &request) != 0)
		return errno;
	return way_result(ioctl(fd, SIOCSIFMTU, &request));
}

/* ---- what processes share ---- */

static int shared_segment(void)
{
	return way_result(shmget((key_t)way_number(WAY_SEGMENT), 0, 0));
}

static int message_queue(void)
{
	return way_result((long)mq_open(way_text(WAY_QUEUE), O_RDONLY));
}

const struct way ways_by_reaching[] = {
	{"signal-a-process", signal_a_process, PROOF_ANYONE},
	{"signal-the-group-of-the-runner", signal_the_group_of_the_runner, PROOF_ANYONE},
	{"signal-by-descriptor", signal_by_descriptor, PROOF_ANYONE},
	{"trace-by-attaching", trace_by_attaching, PROOF_ROOT},
	{"trace-by-seizing", trace_by_seizing, PROOF_ROOT},
	{"trace-its-own-child", trace_its_own_child, PROOF_ANYONE},
	{"read-memory-of-another", read_memory_of_another, PROOF_ROOT},
	{"write-memory-of-another", write_memory_of_another, PROOF_ANYONE},
	{"environment-of-others", environment_of_others, PROOF_ANYONE},
	{"command-line-of-others", command_line_of_others, PROOF_ANYONE},
	{"take-a-descriptor", take_a_descriptor, PROOF_ROOT},
	{"become-root", become_root, PROOF_ROOT},
	{"drop-groups", drop_groups, PROOF_ROOT},
	{"go-before-everybody", go_before_everybody, PROOF_ROOT},
	{"run-in-real-time", run_in_real_time, PROOF_ROOT},
	{"raise-a-limit", raise_a_limit, PROOF_RESOURCE},
	{"type-into-a-terminal", type_into_a_terminal, PROOF_ROOT},
	{"paste-into-a-terminal", paste_into_a_terminal, PROOF_ROOT},
	{"loopback-of-the-host", loopback_of_the_host, PROOF_ANYONE},
	{"another-loopback-address", another_loopback_address, PROOF_ANYONE},
	{"address-of-the-host", address_of_the_host, PROOF_ANYONE},
	{"loopback-of-the-host-by-ipv6", loopback_of_the_host_by_ipv6, PROOF_ANYONE},
	{"ask-a-name-server", ask_a_name_server, PROOF_ANYONE},
	{"abstract-socket", abstract_socket, PROOF_ANYONE},
	{"socket-by-path", socket_by_path, PROOF_ANYONE},
	{"socket-of-the-relay", socket_of_the_relay, PROOF_ANYONE},
	{"socket-of-packets", socket_of_packets, PROOF_ROOT},
	{"socket-of-raw-messages", socket_of_raw_messages, PROOF_ROOT},
	{"socket-to-the-hypervisor", socket_to_the_hypervisor, PROOF_ANYONE},
	{"socket-of-ciphers", socket_of_ciphers, PROOF_ANYONE},
	{"socket-of-device-events", socket_of_device_events, PROOF_ANYONE},
	{"socket-of-the-firewall", socket_of_the_firewall, PROOF_ANYONE},
	{"socket-of-the-audit", socket_of_the_audit, PROOF_ANYONE},
	{"change-an-interface", change_an_interface, PROOF_ROOT},
	{"shared-segment", shared_segment, PROOF_ANYONE},
	{"message-queue", message_queue, PROOF_ANYONE},
	{NULL, NULL, PROOF_ANYONE},
};
