/* SPDX-License-Identifier: MIT
 *
 * A network for tests: a state folder of its own under /tmp, Omega as a process of its own (this program with other arguments),
 * clones as threads of the test or as processes.
 */
#ifndef TESTS_E2E_NETWORK_H
#define TESTS_E2E_NETWORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "actors/client.h"
#include "actors/clone_actor.h"
#include "audit/trail.h"

struct network {
	char folder[64];
	char state[96];
	char routes[96];
	pid_t omega;
	bool loses_messages; /* peers break the protocol on purpose: network_verify expects that some of what they said is nowhere */
};

/* To be called first in main: runs the part that the arguments name and exits, if they name one. */
void network_be_child(int argc, char **argv);

/* Makes the folder, the keys and routing.conf. `conf` NULL: one route `echo` to role `echo`, with four instances. */
void network_open(struct network *network, const char *conf);
void network_start(struct network *network); /* Omega; returns when it is ready */
void network_kill(struct network *network);  /* SIGKILL, and waits */
int network_stop(struct network *network);   /* SIGTERM, and waits: its exit code */
void network_close(struct network *network); /* kills what is left and removes the folder */

/* A clone that answers at once, in a thread. */
struct instant_clone {
	struct network *network;
	char name[NAME_BYTES];
	uint32_t slots;
	clone_handler *handler;
	void *context;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool joined;
	int result;
	atomic_ulong answered;
};
void clone_start(struct instant_clone *clone, struct network *network, const char *name, uint32_t slots);
void clone_stop(struct instant_clone *clone);
void clone_echo(void *context, const struct assignment *assignment, struct answer *out_answer); /* the default handler */

/* The same as a process of its own: `instant NAME SLOTS`. */
pid_t clone_spawn(struct network *network, const char *name, uint32_t slots);

/* A clone as the product has it, whose attempts are this program with the argument `attempt`: main must handle that before
 * network_be_child. Returns when it has joined. */
pid_t clone_spawn_real(struct network *network, const char *name, uint32_t slots);

/* Sends the signal and waits: exit code, or the negative of the signal that ended it. */
int process_stop(pid_t pid, int signal);

struct client *network_client(struct network *network, const char *role);

/* Verifies the trail of a stopped network, by the program itself and by the separate verifier, which also finds no message missing;
 * returns the number of records. Fails the test if it is not clean. */
uint64_t network_verify(struct network *network);

#endif
