/* SPDX-License-Identifier: MIT
 *
 * The only way out of the sandbox: a loopback port inside that leads to one Unix socket of the host.
 */
#include "workspace/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FLOW_BYTES 65536u
#define BACKLOG    512
#define RETRY_MS   5 /* the socket's queue is full, or descriptors are short */

/* Bytes on their way in one direction. Read only when all that was read before has been written. */
struct flow {
	size_t begin;
	size_t end;
	bool read_done;
	bool done; /* the end was passed on too */
	uint8_t bytes[FLOW_BYTES];
};

enum side { CLIENT, SERVER };

/* flow[CLIENT] goes from the client to the server. `fd[SERVER]` is -1 while the server's queue is full. */
struct pair {
	int fd[2];
	struct flow flow[2];
};

struct relay {
	int listener;
	int socket_fd;
	bool accept_later;
	size_t count;
	struct pair *pairs[RELAY_MAX];
};

/* ---- the host's side ---- */

/* The name of an open descriptor is short whatever the path, and cannot have been replaced in between. */
static int connect_behind(int socket_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", socket_fd);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int reason = errno;
	if (fd >= 0)
		close(fd);
	errno = reason;
	return -1;
}

int relay_open(const char *path, int *out_fd, char out_why[256])
{
	struct stat status;
	int fd = path[0] == '/' ? open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (path[0] != '/') {
		snprintf(out_why, 256, "the way to the model must be an absolute path, not %.100s; nothing was started", path);
	} else if (fd < 0) {
		snprintf(out_why, 256, "the way to the model is not there: %.120s: %s; nothing was started", path,
			 strerror(errno));
	} else if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) {
		snprintf(out_why, 256, "the way to the model is not a socket: %.120s; nothing was started", path);
	} else {
		int connection = connect_behind(fd);
		if (connection >= 0)
			close(connection);
		if (connection >= 0 || errno == EAGAIN) { /* EAGAIN: alive, only its queue is full */
			*out_fd = fd;
			return 0;
		}
		snprintf(out_why, 256, "nobody answers on the way to the model, %.120s: %s; nothing was started", path,
			 strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return ERR_SANDBOX;
}

/* ---- inside ---- */

int relay_start(uint16_t port, int socket_fd, struct relay **out_relay)
{
	const int yes = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct relay *relay = calloc(1, sizeof(*relay));
	if (!relay)
		return ERR_SYSTEM;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	relay->socket_fd = socket_fd;
	relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (relay->listener < 0 || setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(relay->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(relay->listener, BACKLOG) != 0) {
		int reason = errno;
		relay_free(relay);
		errno = reason;
		return ERR_SYSTEM;
	}
	*out_relay = relay;
	return 0;
}

/* What was cut is reset, so that nobody takes it for whole. */
static void pair_free(struct pair *pair, bool cut)
{
	const struct linger reset = {1, 0};
	if (cut)
		setsockopt(pair->fd[CLIENT], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(pair->fd[CLIENT]);
	if (pair->fd[SERVER] >= 0)
		close(pair->fd[SERVER]);
	free(pair);
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	for (size_t i = 0; i < relay->count; i++)
		pair_free(relay->pairs[i], true);
	if (relay->listener >= 0)
		close(relay->listener);
	free(relay);
}

/* False: the connection is broken. */
static bool flow_write(struct flow *flow, int to)
{
	while (flow->begin < flow->end) {
		ssize_t bytes = send(to, flow->bytes + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			return errno == EAGAIN;
		flow->begin += (size_t)bytes;
	}
	if (flow->read_done && !flow->done) {
		shutdown(to, SHUT_WR);
		flow->done = true;
	}
	return true;
}

static bool flow_read(struct flow *flow, int from)
{
	ssize_t bytes = recv(from, flow->bytes, sizeof(flow->bytes), MSG_DONTWAIT);
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->begin = 0;
	flow->end = (size_t)bytes;
	flow->read_done = bytes == 0;
	return true;
}

static bool flow_empty(const struct flow *flow)
{
	return flow->begin == flow->end;
}

/* An entry without a wish is left out: a peer that has hung up would wake us again and again. */
static struct pollfd wish_of(const struct pair *pair, enum side side)
{
	const struct flow *from = &pair->flow[side];
	const struct flow *to = &pair->flow[1 - side];
	short events = 0;
	if (flow_empty(from) && !from->read_done)
		events |= POLLIN;
	if (!flow_empty(to))
		events |= POLLOUT;
	return (struct pollfd){events ? pair->fd[side] : -1, events, 0};
}

int relay_polls(struct relay *relay, struct pollfd polled[RELAY_POLLS], size_t *out_count)
{
	int timeout = relay->accept_later ? RETRY_MS : -1;
	bool room = relay->count < RELAY_MAX && !relay->accept_later;
	polled[0] = (struct pollfd){room ? relay->listener : -1, POLLIN, 0};
	relay->accept_later = false;
	for (size_t i = 0; i < relay->count; i++) {
		bool waits = relay->pairs[i]->fd[SERVER] < 0;
		for (size_t side = 0; side < 2; side++)
			polled[1 + 2 * i + side] = waits ? (struct pollfd){-1, 0, 0} : wish_of(relay->pairs[i], (enum side)side);
		if (waits)
			timeout = RETRY_MS;
	}
	*out_count = 1 + 2 * relay->count;
	return timeout;
}

/* False: there is no way to the server. */
static bool pair_connect(struct pair *pair, int socket_fd)
{
	if (pair->fd[SERVER] < 0)
		pair->fd[SERVER] = connect_behind(socket_fd);
	return pair->fd[SERVER] >= 0 || errno == EAGAIN;
}

/* False: it is broken. Events beyond the wishes are errors, which the next read or write tells. */
static bool pair_serve(struct pair *pair, const struct pollfd polled[2])
{
	for (size_t side = 0; side < 2; side++) {
		struct flow *flow = &pair->flow[side];
		bool readable = polled[side].revents && flow_empty(flow) && !flow->read_done;
		if (readable && !flow_read(flow, pair->fd[side]))
			return false;
		if ((readable || polled[1 - side].revents) && !flow_write(flow, pair->fd[1 - side]))
			return false;
	}
	return true;
}

static void relay_accept(struct relay *relay)
{
	const int yes = 1;
	int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pair *pair = fd >= 0 ? malloc(sizeof(*pair)) : NULL;
	if (!pair) {
		relay->accept_later = fd >= 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED);
		if (fd >= 0)
			close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* events of a stream are small and wanted at once */
	pair->fd[CLIENT] = fd;
	pair->fd[SERVER] = -1;
	for (size_t side = 0; side < 2; side++) { /* the buffers need no clearing */
		pair->flow[side].begin = pair->flow[side].end = 0;
		pair->flow[side].read_done = pair->flow[side].done = false;
	}
	if (pair_connect(pair, relay->socket_fd))
		relay->pairs[relay->count++] = pair;
	else
		pair_free(pair, true);
}

void relay_serve(struct relay *relay, const struct pollfd *polled, size_t count)
{
	/* From the end: what ends is replaced by the last, which has been served already. */
	for (size_t i = (count - 1) / 2; i-- > 0;) {
		struct pair *pair = relay->pairs[i];
		bool sound = pair->fd[SERVER] < 0 ? pair_connect(pair, relay->socket_fd) : pair_serve(pair, polled + 1 + 2 * i);
		bool done = pair->flow[CLIENT].done && pair->flow[SERVER].done;
		if (sound && !done)
			continue;
		pair_free(pair, !sound);
		relay->pairs[i] = relay->pairs[--relay->count];
	}
	if (polled[0].revents)
		relay_accept(relay);
}
