/* SPDX-License-Identifier: MIT
 *
 * One JSON object a line for each request that ended, however it ended. A line goes out in one piece; no body and no header of it stand in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "models/proxy_inner.h"

#define PATH_BYTES_MAX 200u

int proxy_log_open(struct proxy *proxy)
{
	struct stat status;

	if (!proxy->options.log)
		return 0;
	proxy->log_fd = open(proxy->options.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (proxy->log_fd < 0 || fstat(proxy->log_fd, &status))
		return ERR_IO;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return ERR_IO;
	}
	proxy->log_bytes = (uint64_t)status.st_size;
	return 0;
}

/* The agent's own words, cut and in ASCII. */
static json_t *path_of(const struct proxy_request *request)
{
	char text[PATH_BYTES_MAX + 1];
	size_t bytes = request->asked ? strcspn(request->asked, "?#") : 0;

	bytes = bytes < PATH_BYTES_MAX ? bytes : PATH_BYTES_MAX;
	for (size_t i = 0; i < bytes; i++)
		text[i] = request->asked[i] > 0x20 && request->asked[i] < 0x7f ? request->asked[i] : '?';
	text[bytes] = '\0';
	return json_string(text);
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static void put_usage(json_t *line, const struct wire_facts *facts, uint64_t microusd)
{
	const struct wire_usage *usage = &facts->usage;

	json_object_set_new(line, "model", json_string(facts->model));
	json_object_set_new(line, "in", number(usage->in));
	json_object_set_new(line, "in_cached", number(usage->in_cached));
	json_object_set_new(line, "in_cache_write", number(usage->in_cache_write));
	json_object_set_new(line, "out", number(usage->out));
	json_object_set_new(line, "reasoning", number(usage->reasoning));
	json_object_set_new(line, "guessed", json_boolean(!facts->has_usage));
	json_object_set_new(line, "microusd", number(microusd));
}

static json_t *line_of(const struct proxy_request *request, const struct wire_facts *facts, uint64_t microusd)
{
	static const char *const ends[] = {"open", "complete", "refused", "failed", "dropped", "client left", "stopped"};
	struct timespec now;
	uint64_t over_ms = outbound_now_ms();
	json_t *line = json_object();

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(line, "at_ms", number((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u));
	json_object_set_new(line, "method", json_string(request->method));
	json_object_set_new(line, "path", path_of(request));
	json_object_set_new(line, "wire", json_string(wire_name(request->wire)));
	json_object_set_new(line, "status", json_integer(request->status));
	json_object_set_new(line, "end", json_string(ends[request->end]));
	if (request->wire && facts->usage.in + facts->usage.out)
		put_usage(line, facts, microusd);
	if (facts->retry_after_ms)
		json_object_set_new(line, "retry_after_ms", json_integer(facts->retry_after_ms));
	json_object_set_new(line, "bytes_out", number(request->body_bytes));
	json_object_set_new(line, "bytes_in", number(request->reply_bytes));
	json_object_set_new(line, "ms", number(over_ms - request->begun_ms));
	if (request->first_ms)
		json_object_set_new(line, "first_byte_ms", number(request->first_ms - request->begun_ms));
	if (request->why[0])
		json_object_set_new(line, "why", json_string(request->why));
	return line;
}

void proxy_log_write(struct proxy_request *request, const struct wire_facts *facts, uint64_t microusd)
{
	struct proxy *proxy = request->proxy;
	json_t *line;
	char *text;
	size_t bytes;

	if (proxy->log_fd < 0 || proxy->log_bytes >= PROXY_LOG_BYTES_MAX)
		return;
	line = line_of(request, facts, microusd);
	text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	bytes = text ? strlen(text) : 0;
	if (text) {
		text[bytes++] = '\n'; /* over the NUL */
		if (write(proxy->log_fd, text, bytes) > 0)
			proxy->log_bytes += bytes;
	}
	free(text);
}
