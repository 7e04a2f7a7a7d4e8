/* SPDX-License-Identifier: MIT
 *
 * Where Omega and the workspace listen: the default of a state folder, the check of what a person configured, and the files that tell the
 * others.
 */
#include "actors/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1) /* 107 */

/* ---- the default ---- */

/* Makes PARENT/NAME 0700 or takes it as it is when it is ours and closed to others. */
static int private_folder(const char *path)
{
	struct stat status;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -1;
	if (lstat(path, &status))
		return -1;
	return S_ISDIR(status.st_mode) && status.st_uid == geteuid() && !(status.st_mode & 0077) ? 0 : -1;
}

static int short_folder(char *out, size_t out_bytes)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && *runtime == '/' && strlen(runtime) < 48) {
		snprintf(out, out_bytes, "%s/bunshin", runtime);
		if (!private_folder(out))
			return 0;
	}
	snprintf(out, out_bytes, "/tmp/bunshin-%u", (unsigned)geteuid());
	return private_folder(out);
}

/* Named after the state folder's identity, so that two networks never meet in the shared place. */
static int short_endpoint(const struct state_folder *state, const char *suffix, char *out_endpoint, char *out_sentence)
{
	char folder[64];
	struct stat status;

	if (short_folder(folder, sizeof(folder))) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the path of the state folder is too long for a socket (over %zu characters), and %s is not a private "
			 "folder "
			 "of yours; use a shorter BUNSHIN_STATE",
			 SOCKET_PATH_MAX, folder);
		return ERR_CONFIG;
	}
	if (stat(state->root, &status)) {
		snprintf(out_sentence, SENTENCE_BYTES, "cannot look at %.300s: %s", state->root, strerror(errno));
		return ERR_IO;
	}
	snprintf(out_endpoint, ENDPOINT_TEXT_BYTES, "ipc://%s/%llx-%llx%s.sock", folder, (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino, suffix);
	return 0;
}

static int default_of(const struct state_folder *state, const char *file, const char *suffix, char *out_endpoint,
		      char *out_sentence)
{
	char path[PATH_BYTES];

	*out_sentence = '\0';
	if (state_path(state, file, path) || strlen(path) > SOCKET_PATH_MAX)
		return short_endpoint(state, suffix, out_endpoint, out_sentence);
	snprintf(out_endpoint, ENDPOINT_TEXT_BYTES, "ipc://%.107s", path);
	return 0;
}

int state_endpoint_default(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
			   char out_sentence[SENTENCE_BYTES])
{
	return default_of(state, STATE_RUN "/omega.sock", "", out_endpoint, out_sentence);
}

int state_workspace_default(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
			    char out_sentence[SENTENCE_BYTES])
{
	return default_of(state, STATE_RUN "/workspace.sock", "-workspace", out_endpoint, out_sentence);
}

/* ---- the check ---- */

static int ipc_check(const char *path, char *out_sentence)
{
	char folder[SOCKET_PATH_MAX + 1];
	struct stat status;

	if (*path != '/') {
		snprintf(out_sentence, SENTENCE_BYTES, "found ipc://%.100s; expected ipc:// and an absolute path", path);
		return ERR_CONFIG;
	}
	if (strlen(path) > SOCKET_PATH_MAX) {
		snprintf(out_sentence, SENTENCE_BYTES, "the socket path has %zu characters; %zu is the most a socket can have",
			 strlen(path), SOCKET_PATH_MAX);
		return ERR_CONFIG;
	}
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (stat(*folder ? folder : "/", &status) || !S_ISDIR(status.st_mode)) {
		snprintf(out_sentence, SENTENCE_BYTES, "there is no folder %s for the socket; make it with mode 0700", folder);
		return ERR_CONFIG;
	}
	if (status.st_uid == geteuid() && !(status.st_mode & 0077))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "others can enter %s (mode %03o); a socket needs a folder of yours with mode 0700",
		 *folder ? folder : "/", (unsigned)status.st_mode & 0777);
	return ERR_CONFIG;
}

static bool port_check(const char *port)
{
	char *end;

	if (!strcmp(port, "*"))
		return true;
	unsigned long value = strtoul(port, &end, 10);
	return *port >= '0' && *port <= '9' && !*end && value <= 65535;
}

static int tcp_check(const char *address, char *out_sentence)
{
	const char *colon = strrchr(address, ':');
	struct in_addr parsed;
	char host[16] = "";

	if (colon && (size_t)(colon - address) < sizeof(host))
		snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	if (colon && inet_pton(AF_INET, host, &parsed) == 1 && port_check(colon + 1))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES,
		 "found tcp://%.100s; expected tcp://, an IPv4 address, ':' and a port from 0 to 65535, or * for one that the "
		 "system "
		 "chooses, as in tcp://127.0.0.1:*",
		 address);
	return ERR_CONFIG;
}

int state_endpoint_check(const char *endpoint, char out_sentence[SENTENCE_BYTES])
{
	*out_sentence = '\0';
	if (!strncmp(endpoint, "ipc://", 6))
		return ipc_check(endpoint + 6, out_sentence);
	if (!strncmp(endpoint, "tcp://", 6))
		return tcp_check(endpoint + 6, out_sentence);
	snprintf(out_sentence, SENTENCE_BYTES, "found the endpoint \"%.100s\"; expected ipc:// or tcp://", endpoint);
	return ERR_CONFIG;
}

/* ---- the files ---- */

static int endpoint_write(const struct state_folder *state, const char *file, const char *endpoint)
{
	char path[PATH_BYTES];
	char line[ENDPOINT_TEXT_BYTES + 1];

	int rc = state_path(state, file, path);
	if (rc)
		return rc;
	int bytes = snprintf(line, sizeof(line), "%s\n", endpoint);
	if (bytes < 0 || (size_t)bytes >= sizeof(line))
		return ERR_TOO_LARGE;
	return file_replace(path, line, (size_t)bytes, 0600);
}

static int endpoint_read(const struct state_folder *state, const char *file, const char *missing,
			 char out_endpoint[ENDPOINT_TEXT_BYTES], char *out_sentence)
{
	char path[PATH_BYTES];
	char line[ENDPOINT_TEXT_BYTES + 1];
	size_t bytes;

	*out_sentence = '\0';
	int rc = state_path(state, file, path);
	if (!rc)
		rc = file_read(path, line, sizeof(line), &bytes);
	if (!rc && (!bytes || line[bytes - 1] != '\n' || strlen(line) != bytes))
		rc = ERR_CORRUPT;
	if (rc == ERR_NOT_FOUND)
		snprintf(out_sentence, SENTENCE_BYTES, "no %s runs in %.300s; start it with: bunshin up", missing, state->root);
	else if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s/%s: %s", state->root, file, error_sentence(rc));
	if (rc)
		return rc;
	line[bytes - 1] = '\0';
	memcpy(out_endpoint, line, bytes);
	return 0;
}

static void endpoint_remove(const struct state_folder *state, const char *file)
{
	char path[PATH_BYTES];

	if (!state_path(state, file, path))
		unlink(path);
}

int state_endpoint_write(const struct state_folder *state, const char *endpoint)
{
	return endpoint_write(state, STATE_ENDPOINT, endpoint);
}

int state_endpoint_read(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
			char out_sentence[SENTENCE_BYTES])
{
	return endpoint_read(state, STATE_ENDPOINT, "network", out_endpoint, out_sentence);
}

void state_endpoint_remove(const struct state_folder *state)
{
	endpoint_remove(state, STATE_ENDPOINT);
}

int state_workspace_write(const struct state_folder *state, const char *endpoint)
{
	return endpoint_write(state, STATE_WORKSPACE_ENDPOINT, endpoint);
}

int state_workspace_read(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
			 char out_sentence[SENTENCE_BYTES])
{
	return endpoint_read(state, STATE_WORKSPACE_ENDPOINT, "workspace", out_endpoint, out_sentence);
}

void state_workspace_remove(const struct state_folder *state)
{
	endpoint_remove(state, STATE_WORKSPACE_ENDPOINT);
}
