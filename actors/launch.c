/* SPDX-License-Identifier: MIT
 *
 * Starting a child process: process_spawn of process.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/process.h"
#include "actors/sweep.h"

#define FD_NOTIFY   3
#define FD_LIFELINE 4
#define FD_TROUBLE  5  /* of a child before it runs its program */
#define FD_PARKED   16 /* above all of these */

extern char **environ;

/* ---- preparing: everything that allocates happens before the fork ---- */

struct launch {
	const struct process_job *job;
	char program[4096];
	char tag[TAG_BYTES + sizeof(TAG_VARIABLE)]; /* NAME=value */
	char **environment;
	int stream[3];   /* the child's ends */
	int ours[3];     /* the caller's ends, or -1 */
	int to_close[3]; /* opened here and of no use to the caller after the fork, or -1 */
	int trouble[2];  /* tells the caller why the program could not be run */
	pid_t parent;
};

struct trouble {
	int error;
	int in_folder; /* chdir failed, not the program */
};

static bool variable_is(const char *entry, const char *name)
{
	size_t bytes = strlen(name);
	return !strncmp(entry, name, bytes) && entry[bytes] == '=';
}

static bool variable_replaced(const char *entry, const char *const *by)
{
	size_t bytes = strcspn(entry, "=");

	for (; by && *by; by++)
		if (!strncmp(*by, entry, bytes) && (*by)[bytes] == '=')
			return true;
	return variable_is(entry, TAG_VARIABLE) || variable_is(entry, NOTIFY_VARIABLE) || variable_is(entry, LIFELINE_VARIABLE);
}

static size_t count_of(char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

/* The strings are borrowed; only the array is ours. */
static int environment_make(struct launch *launch)
{
	static char notify[] = NOTIFY_VARIABLE "=3", lifeline[] = LIFELINE_VARIABLE "=4";
	const struct process_job *job = launch->job;
	union {
		const char *const *read_only;
		char **writable;
	} given = {.read_only = job->environment};
	size_t kept = 0;

	launch->environment = calloc(count_of(environ) + count_of(given.writable) + 4, sizeof(char *));
	if (!launch->environment)
		return ERR_MEMORY;
	for (char **entry = environ; entry && *entry && !job->clear_environment; entry++)
		if (!variable_replaced(*entry, job->environment))
			launch->environment[kept++] = *entry;
	for (char **entry = given.writable; entry && *entry; entry++)
		launch->environment[kept++] = *entry;
	launch->environment[kept++] = launch->tag;
	if (job->notify_fd >= 0)
		launch->environment[kept++] = notify;
	if (job->lifeline_fd >= 0)
		launch->environment[kept++] = lifeline;
	return 0;
}

static int tag_make(struct launch *launch, char out_tag[TAG_BYTES])
{
	const char *outer = getenv(TAG_VARIABLE);
	int written = snprintf(out_tag, TAG_BYTES, "%s%s%s", outer ? outer : "", outer && *outer ? "/" : "", launch->job->tag);

	if (written < 0 || (size_t)written >= TAG_BYTES)
		return ERR_TOO_LARGE;
	snprintf(launch->tag, sizeof(launch->tag), TAG_VARIABLE "=%s", out_tag);
	return 0;
}

static bool program_at(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

static int program_find(struct launch *launch)
{
	const char *name = launch->job->argv[0];
	const char *path = getenv("PATH");

	if (!name || !*name)
		return ERR_TOOL_MISSING;
	if (strchr(name, '/')) /* may be relative to the child's folder, so execve will say */
		return (size_t)snprintf(launch->program, sizeof(launch->program), "%s", name) < sizeof(launch->program)
			       ? 0
			       : ERR_TOOL_MISSING;
	for (const char *at = path && *path ? path : "/usr/local/bin:/usr/bin:/bin"; at;) {
		size_t bytes = strcspn(at, ":");
		if (bytes &&
		    (size_t)snprintf(launch->program, sizeof(launch->program), "%.*s/%s", (int)bytes, at, name) <
			    sizeof(launch->program) &&
		    program_at(launch->program))
			return 0;
		at = at[bytes] ? at + bytes + 1 : NULL;
	}
	return ERR_TOOL_MISSING;
}

/* ---- streams ---- */

static int stream_pipe(struct launch *launch, int number)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	int theirs = number == 0 ? ends[0] : ends[1];
	int ours = number == 0 ? ends[1] : ends[0];
	launch->stream[number] = launch->to_close[number] = theirs;
	launch->ours[number] = ours;
	return fcntl(ours, F_SETFL, O_NONBLOCK);
}

static int stream_open(struct launch *launch, int number, int wanted)
{
	if (wanted == STREAM_PIPE)
		return stream_pipe(launch, number);
	if (wanted == STREAM_NULL)
		wanted = launch->to_close[number] = open("/dev/null", O_RDWR | O_CLOEXEC);
	else if (wanted == STREAM_INHERIT)
		wanted = number;
	else if (wanted == STREAM_OUT)
		wanted = launch->stream[1];
	launch->stream[number] = wanted;
	return wanted < 0 ? -1 : 0;
}

static int streams_open(struct launch *launch)
{
	const struct process_job *job = launch->job;

	return stream_open(launch, 0, job->in) || stream_open(launch, 1, job->out) || stream_open(launch, 2, job->err) ||
			       pipe2(launch->trouble, O_CLOEXEC)
		       ? ERR_SYSTEM
		       : 0;
}

static void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void launch_release(struct launch *launch)
{
	for (int i = 0; i < 3; i++)
		close_and_forget(&launch->to_close[i]);
	close_and_forget(&launch->trouble[0]);
	close_and_forget(&launch->trouble[1]);
	free(launch->environment);
}

/* ---- the child, between fork and exec: only what is safe after a fork of many threads ---- */

static void __attribute__((noreturn)) child_fail(const struct launch *launch, int in_folder)
{
	struct trouble trouble = {.error = errno, .in_folder = in_folder};
	ssize_t ignored = write(launch->trouble[1], &trouble, sizeof(trouble));

	(void)ignored;
	_exit(127);
}

static void child_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Out of the way of the numbers that are about to be given, whatever it was. */
static int park(const struct launch *launch, int fd)
{
	int parked = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_PARKED);

	if (fd >= 0 && parked < 0)
		child_fail(launch, 0);
	return parked;
}

static void child_descriptors(struct launch *launch)
{
	int from[] = {park(launch, launch->stream[0]), park(launch, launch->stream[1]), park(launch, launch->stream[2]),
		      park(launch, launch->job->notify_fd), park(launch, launch->job->lifeline_fd)};
	int trouble = park(launch, launch->trouble[1]);

	if (dup3(trouble, FD_TROUBLE, O_CLOEXEC) < 0)
		child_fail(launch, 0);
	launch->trouble[1] = FD_TROUBLE;
	for (int number = 0; number <= FD_LIFELINE; number++) {
		if (from[number] >= 0 && dup2(from[number], number) < 0)
			child_fail(launch, 0);
		if (from[number] < 0)
			close(number);
	}
	if (syscall(SYS_close_range, FD_TROUBLE + 1, ~0U, 0))
		child_fail(launch, 0);
}

static void __attribute__((noreturn)) child_run(struct launch *launch)
{
	union {
		const char *const *read_only;
		char *const *writable;
	} argv = {.read_only = launch->job->argv};

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launch->parent) /* it ended before the line above */
		_exit(127);
	child_descriptors(launch);
	child_signals();
	umask(077);
	if (launch->job->folder && chdir(launch->job->folder))
		child_fail(launch, 1);
	execve(launch->program, argv.writable, launch->environment);
	child_fail(launch, 0);
}

/* ---- starting ---- */

/* Returns once the child runs its program, or why it does not. */
static int trouble_wait(struct launch *launch)
{
	struct trouble trouble;
	ssize_t got;

	close_and_forget(&launch->trouble[1]);
	do
		got = read(launch->trouble[0], &trouble, sizeof(trouble));
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(trouble))
		return 0;
	errno = trouble.error;
	bool missing = errno == ENOENT || errno == EACCES || errno == ENOEXEC || errno == ENOTDIR;
	return missing && !trouble.in_folder ? ERR_TOOL_MISSING : ERR_SYSTEM;
}

static int child_fork(struct launch *launch, struct process *process)
{
	launch->parent = getpid();
	process->pid = fork();
	if (process->pid < 0)
		return ERR_SYSTEM;
	if (!process->pid)
		child_run(launch);
	process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	process->start_ticks = process_start_ticks(process->pid);
	int rc = trouble_wait(launch);
	if (!rc && (process->pidfd < 0 || !process_leader_add(process->pid, process->tag)))
		rc = ERR_SYSTEM;
	if (!rc)
		return 0;
	int error = errno;
	kill(process->pid, SIGKILL); /* ours and not reaped, so the number is its own */
	waitpid(process->pid, NULL, 0);
	close_and_forget(&process->pidfd);
	process->pid = 0;
	errno = error;
	return rc;
}

int process_spawn(const struct process_job *job, struct process *out_process)
{
	struct launch launch = {
		.job = job, .stream = {-1, -1, -1}, .ours = {-1, -1, -1}, .to_close = {-1, -1, -1}, .trouble = {-1, -1}};
	struct process process = {.pidfd = -1};

	int rc = program_find(&launch);
	if (!rc)
		rc = tag_make(&launch, process.tag);
	if (!rc)
		rc = environment_make(&launch);
	if (!rc)
		rc = streams_open(&launch);
	if (!rc)
		rc = child_fork(&launch, &process);
	int error = errno;
	launch_release(&launch);
	if (rc) {
		for (int i = 0; i < 3; i++)
			close_and_forget(&launch.ours[i]);
		errno = error;
		return rc;
	}
	process.in = launch.ours[0];
	process.out = launch.ours[1];
	process.err = launch.ours[2];
	*out_process = process;
	return 0;
}
