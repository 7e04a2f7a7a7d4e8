/* SPDX-License-Identifier: MIT
 *
 * The only way out of the sandbox: a loopback port inside that leads to one Unix socket of the host.
 *
 * The runner opens the socket's file before the run (relay_open) and hands the descriptor to the first program inside. That one listens
 * at the port, connects by way of the descriptor (a magic link in /proc, which needs no path that is visible inside), and carries bytes
 * both ways. No other program inside can get at the descriptor.
 *
 * Half-closes are carried over. A connection that breaks on one side is reset on the other, so that a cut answer never looks like a whole
 * one. Memory is bounded: RELAY_MAX connections with two buffers each; whoever comes beyond waits in the port's queue.
 */
#ifndef WORKSPACE_RELAY_H
#define WORKSPACE_RELAY_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define RELAY_MAX   256u
#define RELAY_POLLS (1 + 2 * RELAY_MAX)

/* On the host: opens the socket at `path` without opening a connection that stays, and makes sure that somebody accepts there. Returns 0, or
 * ERR_SANDBOX with a sentence. The descriptor is the caller's; it is good for relay_start and nothing else. */
MUST_CHECK int relay_open(const char *path, int *out_fd, char out_why[256]);

struct relay;

/* Inside: listens on 127.0.0.1:port for connections to the socket behind `socket_fd`, which stays the caller's. Returns 0 or ERR_SYSTEM (errno says why). */
MUST_CHECK int relay_start(uint16_t port, int socket_fd, struct relay **out_relay);
void relay_free(struct relay *relay);

/* One round is: relay_polls, poll with at most the time it returned (-1: any), relay_serve with the same entries. Neither blocks. */
int relay_polls(struct relay *relay, struct pollfd polled[RELAY_POLLS], size_t *out_count);
void relay_serve(struct relay *relay, const struct pollfd *polled, size_t count);

#endif
