/* SPDX-License-Identifier: MIT
 *
 * Running a command of the model: in a session of its own, with nothing to read, for a bounded time and with a bounded output. What it leaves running in the
 * background may go on (a server that the next command asks something of); at the latest with the loop all of it ends. This process adopts what
 * loses its parent, so nothing gets away by forking twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"

#define SECONDS_FACTOR 5u   /* of the usual time, if the model asks for it */
#define LINGER_MS      200u /* what was printed by the end is read; a background process may keep the pipe open for ever */
#define KILL_ROUNDS    50u

struct running {
	pid_t pid;
	int output;
	struct loop_buffer head; /* the beginning … */
	char *tail;              /* … and the end, a ring */
	size_t tail_bytes, total;
	bool timed_out;
	int status;
};

static void child(const char *command, int output)
{
	sigset_t none;
	int nothing = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setsid() < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(127);
	unsetenv("BUNSHIN_MODEL_KEY");
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static bool start(struct running *running, const char *command)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	running->pid = fork();
	if (running->pid == 0)
		child(command, ends[1]);
	close(ends[1]);
	running->output = ends[0];
	if (running->pid > 0)
		return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
	close(ends[0]);
	return false;
}

/* Half of what may be said is for the beginning, half for the end. */
static void keep(struct running *running, const char *at, size_t bytes)
{
	size_t half = LOOP_RESULT_BYTES / 2, room = half - running->head.bytes, first = bytes < room ? bytes : room;

	loop_append(&running->head, at, first);
	for (size_t i = first; i < bytes; i++)
		running->tail[running->tail_bytes++ % half] = at[i];
	running->total += bytes;
}

/* False: there is no more to come. */
static bool drain(struct running *running)
{
	char block[16384];
	ssize_t bytes;

	while ((bytes = read(running->output, block, sizeof(block))) > 0)
		keep(running, block, (size_t)bytes);
	return bytes < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Does what has lost its parent and belongs to us; true when the command itself has ended. */
static bool reap(struct running *running)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == running->pid) {
			running->status = status;
			running->pid = 0;
		}
	}
	return running->pid == 0;
}

static void watch(struct loop *loop, struct running *running, uint32_t most_ms)
{
	uint64_t until = loop_now_ms() + most_ms;
	bool open = true;

	while (!reap(running)) {
		struct pollfd wake[2] = {{.fd = open ? running->output : -1, .events = POLLIN},
					 {.fd = loop->signal_fd, .events = POLLIN}};

		poll(wake, 2, 50);
		if (wake[0].revents)
			open = drain(running);
		if (wake[1].revents)
			(void)loop_check_stop(loop);
		if (!loop->stopped && loop_now_ms() < until)
			continue;
		running->timed_out = !loop->stopped;
		kill(-running->pid, SIGKILL);
		(void)loop_kill_rest();
		running->status = SIGKILL;
		running->pid = 0;
	}
	for (until = loop_now_ms() + LINGER_MS; open && drain(running) && loop_now_ms() < until;) {
		struct pollfd wake = {.fd = running->output, .events = POLLIN};
		poll(&wake, 1, 20);
	}
}

/* Children of this process, as the kernel lists them. */
static size_t children(pid_t *out, size_t most)
{
	char path[64];
	size_t count = 0;
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	while (file && count < most && fscanf(file, "%d", &pid) == 1)
		out[count++] = pid;
	if (file)
		fclose(file);
	return count;
}

unsigned loop_kill_rest(void)
{
	unsigned killed = 0;

	/* Whoever is killed leaves its children to us; they come in the next round. */
	for (unsigned round = 0; round < KILL_ROUNDS; round++) {
		pid_t pids[256];
		size_t count = children(pids, 256);

		if (!count)
			break;
		for (size_t i = 0; i < count; i++) {
			kill(pids[i], SIGKILL);
			killed += waitpid(pids[i], NULL, 0) == pids[i];
		}
	}
	return killed;
}

static void tell_output(const struct running *running, struct loop_buffer *out)
{
	size_t half = LOOP_RESULT_BYTES / 2, kept = running->tail_bytes < half ? running->tail_bytes : half;
	size_t from = running->tail_bytes > half ? running->tail_bytes % half : 0;

	loop_append(out, running->head.at ? running->head.at : "", running->head.bytes);
	if (running->tail_bytes > half)
		loop_print(out, "\n[… %zu bytes are left out here …]\n", running->tail_bytes - half);
	loop_append(out, running->tail + from, kept - from);
	loop_append(out, running->tail, from);
	if (out->bytes && out->at[out->bytes - 1] != '\n')
		loop_append(out, "\n", 1);
}

static void tell_end(struct loop *loop, const struct running *running, uint32_t most_ms, struct loop_result *out)
{
	out->has_exit = true;
	if (loop->stopped) {
		out->exit_status = 128 + SIGKILL;
		loop_print(&out->text, "[ended: the run was cancelled]");
	} else if (running->timed_out) {
		out->exit_status = 128 + SIGKILL;
		loop_print(&out->text,
			   "[ended after %u seconds, with everything it had started; say \"seconds\" if it needs more, up to %u]",
			   most_ms / 1000, loop->options.command_ms / 1000 * SECONDS_FACTOR);
	} else if (WIFSIGNALED(running->status)) {
		out->exit_status = 128 + WTERMSIG(running->status);
		loop_print(&out->text, "[ended by signal %d]", WTERMSIG(running->status));
	} else {
		out->exit_status = WEXITSTATUS(running->status);
		loop_print(&out->text, "[exit status %d]", out->exit_status);
	}
	out->ok = out->exit_status == 0;
}

void loop_command(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	const json_t *value = json_object_get(arguments, "command");
	const char *command = json_string_value(value);
	uint64_t seconds = agent_number(arguments, "seconds"), most = (uint64_t)loop->options.command_ms * SECONDS_FACTOR;
	struct running running = {.tail = malloc(LOOP_RESULT_BYTES / 2)};
	uint32_t most_ms = seconds ? (uint32_t)(seconds * 1000 < most ? seconds * 1000 : most) : loop->options.command_ms;

	if (strlen(command) != json_string_length(value)) {
		loop_refuse(out, "The command has a NUL in it.");
	} else if (!running.tail || !start(&running, command)) {
		loop_refuse(out, "The command could not be started: %s.", strerror(errno));
	} else {
		watch(loop, &running, most_ms);
		tell_output(&running, &out->text);
		tell_end(loop, &running, most_ms, out);
		close(running.output);
	}
	loop_release(&running.head);
	free(running.tail);
}
