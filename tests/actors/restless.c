/* SPDX-License-Identifier: MIT
 *
 * A program that does not want to be ended, for the tests: `restless STYLE`. Each process it becomes writes its number on a line of
 * stdout, and keeps stdout open until it is gone: so the end of that pipe proves the end of all of them.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char *self;

static void here(void)
{
	char line[32];
	int bytes = snprintf(line, sizeof(line), "%d\n", (int)getpid());
	if (write(1, line, (size_t)bytes) != bytes)
		_exit(1);
}

static void __attribute__((noreturn)) stay(void)
{
	here();
	for (;;)
		pause();
}

static void deaf(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* Forks twice into a session of its own; true in the grandchild. */
static int daemonise(void)
{
	if (fork())
		return 0;
	setsid();
	if (fork())
		_exit(0);
	return 1;
}

static void run_again(const char *style, char **environment)
{
	char *const argv[] = {self, (char *)(size_t)style, NULL};
	execve("/proc/self/exe", argv, environment);
	_exit(1);
}

static void swarm(unsigned depth)
{
	for (int i = 0; i < 3 && depth; i++)
		if (!fork()) {
			setsid();
			deaf();
			swarm(depth - 1);
			stay();
		}
}

/* Each style returns in whoever is to stay. */
static void become(const char *style)
{
	static char other[] = "BUNSHIN_TAG=somebody-else", *lying[] = {other, NULL}, *empty[] = {NULL};

	if (!strcmp(style, "quiet"))
		return;
	if (!strcmp(style, "deaf"))
		deaf();
	if (!strcmp(style, "group") && !fork())
		setpgid(0, 0);
	if (!strcmp(style, "session") && !fork())
		setsid();
	if (!strcmp(style, "daemon") && daemonise())
		deaf();
	if (!strcmp(style, "bare") && daemonise())
		run_again("deaf", empty);
	if (!strcmp(style, "liar") && daemonise())
		run_again("deaf", lying);
	if (!strcmp(style, "stopped") && !fork()) {
		here();
		raise(SIGSTOP);
	}
	if (!strcmp(style, "chain"))
		for (int i = 0; i < 12 && !fork(); i++)
			setsid();
	if (!strcmp(style, "swarm"))
		swarm(3);
	if (!strcmp(style, "leaver") && daemonise() == 0)
		_exit(0);
	if (!strcmp(style, "bare-leaver")) {
		if (!daemonise())
			_exit(7);
		run_again("deaf", empty);
	}
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc != 2)
		return 2;
	become(argv[1]);
	stay();
}
