/* SPDX-License-Identifier: MIT
 *
 * Ways out of the sandbox, one small function each, as an agent would try them that has a writable clone, a home, a folder to read and a
 * port to a model. Run as `PROGRAM way NAME` in two places: inside, where it must be refused, and bare, where it must succeed; else it
 * would show nothing.
 */
#ifndef TESTS_WORKSPACE_WAYS_H
#define TESTS_WORKSPACE_WAYS_H

#include <stdbool.h>
#include <stddef.h>

/* What the ways aim at; they find it in the environment, under these names. The paths of folders that the program was given differ inside
 * and outside. */
#define WAY_OUTSIDE  "WAY_OUTSIDE" /* a folder of the host that was not given; in it the file "canary" */
#define WAY_WORK     "WAY_WORK"    /* the clone */
#define WAY_HOME     "WAY_HOME"
#define WAY_CONTEXT  "WAY_CONTEXT"  /* a folder to read, with the file "status.json" */
#define WAY_GIT      "WAY_GIT"      /* a git folder to read */
#define WAY_PROGRAM  "WAY_PROGRAM"  /* a program to run, not to change */
#define WAY_SSH      "WAY_SSH"      /* a private key in the home of whoever runs it all */
#define WAY_OTHER    "WAY_OTHER"    /* the clone of another task */
#define WAY_SHARED   "WAY_SHARED"   /* a file in the host's /dev/shm */
#define WAY_VICTIM   "WAY_VICTIM"   /* a process of the host; in its environment and command line is WAY_WORD */
#define WAY_GROUP    "WAY_GROUP"    /* the process group of the runner */
#define WAY_TCP      "WAY_TCP"      /* a port of the host's 127.0.0.1, and of all its other addresses */
#define WAY_TCP6     "WAY_TCP6"     /* a port of the host's ::1 */
#define WAY_ADDRESS  "WAY_ADDRESS"  /* another address of the host */
#define WAY_UDP      "WAY_UDP"      /* a port of the host that answers datagrams, as a name server would */
#define WAY_ABSTRACT "WAY_ABSTRACT" /* an abstract Unix socket of the host */
#define WAY_SOCKET   "WAY_SOCKET"   /* the path of a Unix socket of the host */
#define WAY_RELAY    "WAY_RELAY"    /* the path of the socket that the relay leads to */
#define WAY_QUEUE    "WAY_QUEUE"    /* a message queue of the host */
#define WAY_SEGMENT  "WAY_SEGMENT"  /* the key of a shared memory segment of the host */

#define WAY_WORD "key-of-the-runner="

#define WAY_REFUSED_MAX 200 /* exit statuses from 1 to this: an errno by which it was refused */

enum proof {
	PROOF_ANYONE,   /* succeeds bare for anyone */
	PROOF_ROOT,     /* succeeds bare for root with CAP_SYS_ADMIN */
	PROOF_RESOURCE, /* and with CAP_SYS_RESOURCE, which of all is the first to be taken from root */
};

struct way {
	const char *name;
	int (*run)(void); /* 0: it got out; else the errno */
	enum proof proof;
};

extern const struct way ways_by_files[];      /* ways_files.c */
extern const struct way ways_by_the_kernel[]; /* ways_kernel.c */
extern const struct way ways_by_reaching[];   /* ways_reach.c */

int way_who_am_i(void); /* 0: a set-user-ID bit took effect */

const char *way_text(const char *name);
long way_number(const char *name);
int way_result(long rc); /* errno if `rc` is negative */

#endif
