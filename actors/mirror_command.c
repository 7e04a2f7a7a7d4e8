/* SPDX-License-Identifier: MIT
 *
 * A program that gets the signed note on its standard input, and its number and size in BUNSHIN_CHECKPOINT and BUNSHIN_RECORDS. Exit code 0
 * means that it has it. It runs without a shell, for a limited time, and nothing that it started outlives it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/mirror_inner.h"
#include "actors/process.h"

#define LOOK_MS   100
#define SAID_KEPT 160u
#define GRACE_MS  500u

struct command {
	struct process process;
	const char *note;
	size_t left;          /* of the note */
	char said[SAID_KEPT]; /* the end of what it printed */
	size_t said_bytes;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A program that does not read its input is no error as long as it exits with 0. */
static void feed(struct command *command)
{
	ssize_t written = write(command->process.in, command->note, command->left);

	if (written > 0) {
		command->note += written;
		command->left -= (size_t)written;
	}
	if (!command->left || (written < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&command->process.in);
}

static void hear(struct command *command)
{
	char text[512];
	ssize_t got = read(command->process.out, text, sizeof(text));

	if (got <= 0) {
		if (!got || (errno != EAGAIN && errno != EINTR))
			close_end(&command->process.out);
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (command->said_bytes == SAID_KEPT - 1) {
			memmove(command->said, command->said + 1, SAID_KEPT - 2);
			command->said_bytes--;
		}
		command->said[command->said_bytes++] = text[i];
	}
}

/* Until it has ended: true; or its time is up. */
static bool attend(struct command *command, struct mirror *mirror, uint64_t deadline_ms, struct process_exit *out_exit)
{
	for (;;) {
		struct pollfd items[] = {{.fd = command->process.pidfd, .events = POLLIN},
					 {.fd = command->process.in, .events = POLLOUT},
					 {.fd = command->process.out, .events = POLLIN}};
		uint64_t stop_ms = mirror_stop_ms(mirror), now_ms = mirror_now_ms();

		/* The whole has to end soon: what is left of that time, less what ending takes. */
		if (now_ms >= deadline_ms || (stop_ms && now_ms + 2 * GRACE_MS >= stop_ms))
			return false;
		if (poll(items, 3, LOOK_MS) < 0 && errno != EINTR)
			return false;
		if (items[1].revents)
			feed(command);
		if (items[2].revents)
			hear(command);
		if (items[0].revents && process_reap(&command->process, out_exit)) {
			while (command->process.out >= 0 && poll(&items[2], 1, 0) > 0)
				hear(command);
			return true;
		}
	}
}

/* One line, the last. */
static const char *last_words(struct command *command)
{
	char *line;

	command->said[command->said_bytes] = 0;
	while (command->said_bytes && command->said[command->said_bytes - 1] == '\n')
		command->said[--command->said_bytes] = 0;
	line = strrchr(command->said, '\n');
	return line ? line + 1 : command->said;
}

static void tell(struct command *command, bool ended, const struct process_exit *exit, char out_why[MIRROR_WHY_BYTES])
{
	const char *words = last_words(command);
	const char *colon = *words ? ": " : "";

	if (!ended)
		snprintf(out_why, MIRROR_WHY_BYTES, "it did not end in time and was ended%s%s", colon, words);
	else if (exit->signal)
		snprintf(out_why, MIRROR_WHY_BYTES, "it was ended by signal %d%s%s", exit->signal, colon, words);
	else
		snprintf(out_why, MIRROR_WHY_BYTES, "it exited with %d%s%s", exit->status, colon, words);
}

bool mirror_command_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, uint64_t deadline_ms,
			char out_why[MIRROR_WHY_BYTES])
{
	char number[48], records[48];
	const char *environment[] = {number, records, NULL};
	struct process_job job = {.argv = mirror->argv,
				  .environment = environment,
				  .tag = "mirror",
				  .in = STREAM_PIPE,
				  .out = STREAM_PIPE,
				  .err = STREAM_OUT,
				  .notify_fd = -1,
				  .lifeline_fd = -1};
	struct command command = {.note = checkpoint->note, .left = strlen(checkpoint->note)};
	struct process_exit exit = {0};
	struct process_end end;
	bool ended;
	int rc;

	snprintf(number, sizeof(number), "BUNSHIN_CHECKPOINT=%llu", (unsigned long long)checkpoint->number);
	snprintf(records, sizeof(records), "BUNSHIN_RECORDS=%llu", (unsigned long long)checkpoint->size);
	rc = process_spawn(&job, &command.process);
	if (rc) {
		snprintf(out_why, MIRROR_WHY_BYTES, "%s cannot be started: %s", mirror->argv[0], strerror(errno));
		return false;
	}
	ended = attend(&command, mirror, deadline_ms, &exit);
	process_end(&command.process, ended ? 0 : GRACE_MS, &end);
	if (ended && !exit.signal && exit.status == 0)
		return true;
	tell(&command, ended, &exit, out_why);
	return false;
}
