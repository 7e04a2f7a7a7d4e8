/* SPDX-License-Identifier: MIT
 *
 * Opening, counting, stopping, closing.
 */
#include "models/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "models/proxy_inner.h"

#define SOCKET_BYTES_MAX 100u
#define HEAD_MEMORY      65536u /* of one connection: heads are not larger */
#define IDLE_SECONDS     300u   /* a connection without a request */

static int wrong(char out_why[256], int rc, const char *sentence)
{
	snprintf(out_why, 256, "%s", sentence);
	return rc;
}

static int check_options(const struct proxy_options *options, struct proxy_server *server, char out_why[256])
{
	if (!options->socket || options->socket[0] != '/' || strlen(options->socket) > SOCKET_BYTES_MAX)
		return wrong(out_why, ERR_USAGE, "the proxy's socket is an absolute path of at most 100 bytes");
	if (options->log && options->log[0] != '/')
		return wrong(out_why, ERR_USAGE, "the proxy's log is an absolute path");
	if (options->ca_file && options->ca_file[0] != '/')
		return wrong(out_why, ERR_USAGE, "the file of certificates is an absolute path");
	if (options->key && (!options->key[0] || strpbrk(options->key, " \t") || !proxy_header_value_check(options->key)))
		return wrong(out_why, ERR_USAGE, "the key is empty or holds a blank or a control character");
	if (options->key && strlen(options->key) > PROXY_KEY_BYTES_MAX)
		return wrong(out_why, ERR_USAGE, "the key is longer than 1,000 bytes");
	if (options->key_header && !proxy_header_name_check(options->key_header))
		return wrong(out_why, ERR_USAGE, "the key's header has a name that is none");
	return proxy_server_parse(options->server, server, out_why);
}

static uint32_t or_else(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static bool copy_text(const char **text)
{
	if (*text)
		*text = strdup(*text);
	return *text != NULL;
}

/* The texts become ours; what is 0 gets its meaning. */
static bool copy_options(struct proxy *proxy, const struct proxy_options *options)
{
	const char **texts[] = {&proxy->options.socket,     &proxy->options.server, &proxy->options.key,
				&proxy->options.key_header, &proxy->options.log,    &proxy->options.ca_file};
	bool whole = true;

	proxy->options = *options;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		whole = (!*texts[i] || copy_text(texts[i])) && whole;
	proxy->options.connect_ms = or_else(options->connect_ms, 10000);
	proxy->options.first_byte_ms = or_else(options->first_byte_ms, 120000);
	proxy->options.idle_ms = or_else(options->idle_ms, 60000);
	if (!options->body_bytes_max)
		proxy->options.body_bytes_max = 32u << 20;
	proxy->budget.max = (struct spending){options->tokens_max, options->microusd_max};
	proxy->budget.requests_max = options->requests_max;
	return whole;
}

/* Bound, listening, for nobody but us from its first moment on. */
static int listen_at(struct proxy *proxy, int *out_fd, char out_why[256])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return wrong(out_why, ERR_SYSTEM, "no socket can be made");
	memcpy(address.sun_path, proxy->options.socket, strlen(proxy->options.socket) + 1);
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		snprintf(out_why, 256, "%s: cannot be made: %s", proxy->options.socket, strerror(errno));
		close(fd);
		return ERR_IO;
	}
	proxy->made = true;
	if (listen(fd, (int)PROXY_CONNECTIONS_MAX)) {
		close(fd);
		return wrong(out_why, ERR_SYSTEM, "the proxy's socket cannot be listened to");
	}
	*out_fd = fd;
	return 0;
}

static void say_nothing(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

/* What stands behind a percent sign is judged as it came and sent on as it came. */
static size_t leave_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static int start(struct proxy *proxy, int fd, char out_why[256])
{
	sigset_t all, before;

	/* Threads inherit: signals are for the threads of the caller, and a connection that breaks is no signal. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	proxy->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL,
		proxy_request_comes, proxy, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, PROXY_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, proxy_request_begins, proxy, MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, proxy_request_ends, proxy, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (proxy->daemon)
		return 0;
	close(fd);
	return wrong(out_why, ERR_SYSTEM, "the proxy's thread cannot be started");
}

static bool make_locks(struct proxy *proxy)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&proxy->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&proxy->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	proxy->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return proxy->stop_fd >= 0;
}

int proxy_open(const struct proxy_options *options, struct proxy **out_proxy, char out_why[256])
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int fd, rc;

	if (!proxy)
		return wrong(out_why, ERR_MEMORY, error_sentence(ERR_MEMORY));
	proxy->log_fd = -1;
	if (!make_locks(proxy)) {
		rc = wrong(out_why, ERR_SYSTEM, "no event can be made");
		goto out;
	}
	rc = check_options(options, &proxy->server, out_why);
	if (rc)
		goto out;
	proxy->pool = outbound_pool_new();
	if (!copy_options(proxy, options) || !proxy->pool) {
		rc = wrong(out_why, ERR_MEMORY, error_sentence(ERR_MEMORY));
		goto out;
	}
	rc = proxy_log_open(proxy);
	if (rc) {
		snprintf(out_why, 256, "%.200s: cannot be written: %s", options->log, strerror(errno));
		goto out;
	}
	rc = listen_at(proxy, &fd, out_why);
	if (!rc)
		rc = start(proxy, fd, out_why);
out:
	if (rc)
		proxy_close(proxy);
	else
		*out_proxy = proxy;
	return rc;
}

void proxy_count(struct proxy *proxy, struct proxy_count *out_count)
{
	pthread_mutex_lock(&proxy->lock);
	*out_count = proxy->count;
	out_count->reserved_tokens = proxy->budget.reserved.tokens;
	out_count->reserved_microusd = proxy->budget.reserved.microusd;
	pthread_mutex_unlock(&proxy->lock);
}

void proxy_stop(struct proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->stopping = true;
	pthread_cond_broadcast(&proxy->changed);
	pthread_mutex_unlock(&proxy->lock);
	if (eventfd_write(proxy->stop_fd, 1))
		return; /* it is full, so it is readable */
}

static void forget(const char *text)
{
	free((void *)(uintptr_t)text);
}

static void wipe_key(struct proxy *proxy)
{
	if (proxy->options.key)
		explicit_bzero((void *)(uintptr_t)proxy->options.key, strlen(proxy->options.key));
}

void proxy_close(struct proxy *proxy)
{
	if (!proxy)
		return;
	if (proxy->stop_fd >= 0)
		proxy_stop(proxy);
	if (proxy->daemon)
		MHD_stop_daemon(proxy->daemon);
	if (proxy->made)
		unlink(proxy->options.socket);
	outbound_pool_free(proxy->pool);
	if (proxy->log_fd >= 0)
		close(proxy->log_fd);
	if (proxy->stop_fd >= 0)
		close(proxy->stop_fd);
	wipe_key(proxy);
	forget(proxy->options.socket);
	forget(proxy->options.server);
	forget(proxy->options.key);
	forget(proxy->options.key_header);
	forget(proxy->options.log);
	forget(proxy->options.ca_file);
	pthread_cond_destroy(&proxy->changed);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}
