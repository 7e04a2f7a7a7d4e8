/* SPDX-License-Identifier: MIT
 *
 * How the product's sockets are set up: keys, limits, and binding.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "actors/zap.h"

/* A draft option: not in the stable header of 4.3, but obeyed by builds that have it. Without it a CURVE server with no handler
 * lets every key in. */
#define OPTION_ZAP_ENFORCE_DOMAIN 93

#define QUEUE_MESSAGES_MAX  256 /* frames, each of up to 64 messages */
#define HANDSHAKE_MS        1000
#define BACKLOG_CONNECTIONS 64
#define HEARTBEATS_MISSED   3

static int set(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int set_text(void *socket, int option, const char *value)
{
	return zmq_setsockopt(socket, option, value, strlen(value));
}

static int set_key(void *socket, int option, const char key[KEY_TEXT_BYTES])
{
	return zmq_setsockopt(socket, option, key, KEY_TEXT_BYTES);
}

/* Set, and read back: an option that is taken without effect is the same as none. */
static int domain_enforce(void *socket)
{
	int value = 0;
	size_t bytes = sizeof(value);

	if (set(socket, OPTION_ZAP_ENFORCE_DOMAIN, 1) || zmq_getsockopt(socket, OPTION_ZAP_ENFORCE_DOMAIN, &value, &bytes))
		return -1;
	return value == 1 ? 0 : -1;
}

int socket_secure_server(void *socket, const struct keypair *keys)
{
	if (set(socket, ZMQ_CURVE_SERVER, 1) || set_key(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) ||
	    set_key(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key) || set_text(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN))
		return ERR_SYSTEM;
	return domain_enforce(socket) ? ERR_SYSTEM : 0;
}

int socket_secure_client(void *socket, const struct keypair *keys, const char omega_public[KEY_TEXT_BYTES])
{
	if (set_key(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) || set_key(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key) ||
	    set_key(socket, ZMQ_CURVE_SERVERKEY, omega_public))
		return ERR_SYSTEM;
	return 0;
}

static int limit_router(void *socket)
{
	return set(socket, ZMQ_ROUTER_MANDATORY, 1) || set(socket, ZMQ_ROUTER_HANDOVER, 0) ||
	       set(socket, ZMQ_BACKLOG, BACKLOG_CONNECTIONS);
}

int socket_limit(void *socket, uint32_t heartbeat_ms)
{
	int64_t frame_max = FRAME_BYTES_MAX;
	int type = -1;
	size_t bytes = sizeof(type);
	int beat = heartbeat_ms > 10000 ? 10000 : (int)heartbeat_ms;

	int failed = zmq_getsockopt(socket, ZMQ_TYPE, &type, &bytes) ||
		     zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max)) ||
		     set(socket, ZMQ_SNDHWM, QUEUE_MESSAGES_MAX) || set(socket, ZMQ_RCVHWM, QUEUE_MESSAGES_MAX) ||
		     set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) || set(socket, ZMQ_HEARTBEAT_IVL, beat) ||
		     set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEATS_MISSED * beat) ||
		     set(socket, ZMQ_HEARTBEAT_TTL, HEARTBEATS_MISSED * beat) || set(socket, ZMQ_LINGER, 0) ||
		     set(socket, ZMQ_IPV6, 0) || (type == ZMQ_DEALER && set(socket, ZMQ_IMMEDIATE, 1)) ||
		     (type == ZMQ_ROUTER && limit_router(socket));
	return failed ? ERR_SYSTEM : 0;
}

/* ---- binding ---- */

/* libzmq unlinks what lies in the way of an ipc bind, living or dead. So ask first whether somebody listens. */
static bool ipc_alive(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool alive = !connect(fd, (const struct sockaddr *)&address, sizeof(address)) || errno == EAGAIN || errno == EINPROGRESS;
	close(fd);
	return alive;
}

static bool ipc_is_other_file(const char *path)
{
	struct stat status;
	return !lstat(path, &status) && !S_ISSOCK(status.st_mode);
}

static int ipc_check(const char *path, char *out_sentence)
{
	if (ipc_is_other_file(path)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.107s is there already and is not a socket", path);
		return ERR_CONFIG;
	}
	if (ipc_alive(path)) {
		snprintf(out_sentence, SENTENCE_BYTES, "another process listens at ipc://%.107s", path);
		return ERR_LOCKED;
	}
	return 0;
}

int socket_listen(void *socket, const char *endpoint, char out_endpoint[ENDPOINT_TEXT_BYTES], char out_sentence[SENTENCE_BYTES])
{
	size_t bytes = ENDPOINT_TEXT_BYTES;

	int rc = state_endpoint_check(endpoint, out_sentence);
	if (!rc && !strncmp(endpoint, "ipc://", 6))
		rc = ipc_check(endpoint + 6, out_sentence);
	if (rc)
		return rc;
	if (zmq_bind(socket, endpoint)) {
		rc = errno == EADDRINUSE ? ERR_LOCKED : ERR_SYSTEM;
		snprintf(out_sentence, SENTENCE_BYTES, "cannot listen at %.200s: %s", endpoint, zmq_strerror(errno));
		return rc;
	}
	return zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, out_endpoint, &bytes) ? ERR_SYSTEM : 0;
}

uint64_t files_limit_raise(uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur >= wanted)
		return limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}
