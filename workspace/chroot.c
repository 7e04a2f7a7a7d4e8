/* SPDX-License-Identifier: MIT
 *
 * Turns a chroot into the root of a mount namespace.
 */
#include "workspace/chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIMB_MAX 64

/* The kernel says EPERM to root only for this reason (and where a security module forbids it, which bwrap then reports).
 * The try is made in a child of its own, for it cannot be undone. */
static bool user_namespace_refused(void)
{
	int status = 0;
	pid_t probe = fork();
	if (probe == 0)
		_exit(unshare(CLONE_NEWUSER) != 0 && errno == EPERM);
	while (probe > 0 && waitpid(probe, &status, 0) < 0 && errno == EINTR)
		;
	return probe > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* The working directory is outside a root that lies below it, so ".." leads up to the real one. */
static bool climb(void)
{
	if (chdir("/") != 0 || chroot("usr") != 0)
		return false;
	for (int i = 0; i < CLIMB_MAX; i++)
		if (chdir("..") != 0)
			return false;
	return chroot(".") == 0;
}

/* Binds the old root on itself, so that it is a mount, and moves that mount over the real root. */
static bool enter(int old_root)
{
	char path[PATH_MAX];
	return fchdir(old_root) == 0 && getcwd(path, sizeof(path)) && mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0 &&
	       chdir(path) == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0;
}

int chroot_leave(void)
{
	if (geteuid() != 0 || !user_namespace_refused())
		return 0;
	int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool done = old_root >= 0 && unshare(CLONE_NEWNS) == 0 && climb() &&
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && enter(old_root);
	if (old_root >= 0)
		close(old_root);
	return done ? 0 : ERR_SYSTEM;
}
