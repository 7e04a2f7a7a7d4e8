/* SPDX-License-Identifier: MIT
 *
 * Key pairs as files. Whoever changes keys/ or peers/ holds a lock on keys/, so that two commands at once cannot register a name or a key
 * twice. The registry on disk is in registry.c, the one in memory in peers.c.
 */
#include "actors/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/certificate.h"

#define OMEGA_NAME  "omega"
#define LOCAL_ROLES "client,operator,auditor"

void key_local_name(char out_name[NAME_BYTES])
{
	const struct passwd *entry = getpwuid(geteuid());
	char ignored[SENTENCE_BYTES];

	if (entry && !strchr(entry->pw_name, '/') && !peer_name_check(entry->pw_name, ignored))
		snprintf(out_name, NAME_BYTES, "%s", entry->pw_name);
	else
		snprintf(out_name, NAME_BYTES, "user-%u", (unsigned)geteuid());
}

/* ---- reading keys ---- */

static int private_check(const char *path, char *out_sentence)
{
	struct stat status;

	if (stat(path, &status)) {
		snprintf(out_sentence, SENTENCE_BYTES, "there is no key %.300s: %s", path, strerror(errno));
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	if (status.st_uid == geteuid() && !(status.st_mode & 0077))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "others can read the key %.200s (mode %03o, user %u); run: chmod 600 '%.200s'",
		 path, (unsigned)status.st_mode & 0777, (unsigned)status.st_uid, path);
	return ERR_NOT_ALLOWED;
}

int keypair_read_file(const char *path, struct keypair *out_keys, char out_sentence[SENTENCE_BYTES])
{
	struct certificate certificate;

	*out_sentence = '\0';
	int rc = private_check(path, out_sentence);
	if (!rc)
		rc = certificate_read(path, &certificate, out_sentence);
	if (rc)
		return rc;
	if (!*certificate.secret_key) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: found no secret-key; expected secret-key = \"…\"", path);
		return ERR_CONFIG;
	}
	memcpy(out_keys->public_key, certificate.public_key, KEY_TEXT_BYTES);
	memcpy(out_keys->secret_key, certificate.secret_key, KEY_TEXT_BYTES);
	sodium_memzero(&certificate, sizeof(certificate));
	return 0;
}

int keypair_read(const struct state_folder *state, const char *name, struct keypair *out_keys, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];

	int rc = strcmp(name, OMEGA_NAME) ? peer_name_check(name, out_sentence) : 0;
	if (!rc)
		rc = state_path_of(state, STATE_KEYS, name, ".key", path);
	return rc ? rc : keypair_read_file(path, out_keys, out_sentence);
}

void keypair_forget(struct keypair *keys)
{
	sodium_memzero(keys, sizeof(*keys));
}

int key_of_omega(const struct state_folder *state, char out_public[KEY_TEXT_BYTES], char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	struct certificate certificate;

	*out_sentence = '\0';
	int rc = state_path_of(state, STATE_KEYS, OMEGA_NAME, ".pub", path);
	if (!rc)
		rc = certificate_read(path, &certificate, out_sentence);
	if (!rc)
		memcpy(out_public, certificate.public_key, KEY_TEXT_BYTES);
	return rc;
}

/* ---- changing the folders ---- */

int keys_lock(const struct state_folder *state, int *out_lock, char *out_sentence)
{
	char path[PATH_BYTES];

	int rc = state_path(state, STATE_KEYS, path);
	if (rc)
		return rc;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		snprintf(out_sentence, SENTENCE_BYTES, "cannot lock %.300s: %s", path, strerror(errno));
		return ERR_IO;
	}
	*out_lock = fd;
	return 0;
}

bool keys_file_there(const char *path)
{
	struct stat status;
	return !lstat(path, &status);
}

/* The secret half first: a registration without one would be a peer that nobody can be. */
int keys_pair_make(const struct state_folder *state, struct certificate *certificate, char *out_sentence)
{
	char path[PATH_BYTES];

	int rc = state_path_of(state, STATE_KEYS, certificate->name, ".key", path);
	if (!rc)
		rc = certificate_make(certificate, out_sentence);
	if (!rc)
		rc = certificate_write(path, certificate, out_sentence);
	sodium_memzero(certificate->secret_key, sizeof(certificate->secret_key));
	return rc;
}

int keys_register(const struct state_folder *state, const struct certificate *certificate, char *out_sentence)
{
	char path[PATH_BYTES];

	int rc = state_path_of(state, STATE_PEERS, certificate->name, "", path);
	return rc ? rc : certificate_write(path, certificate, out_sentence);
}

/* A key pair that is in keys/ without a registration is what a removal or a crash left behind: it is never taken up again. */
static int peer_ensure(const struct state_folder *state, const char *name, const char *roles, bool needs_secret,
		       char *out_sentence)
{
	struct certificate certificate = {.name = ""};
	char registration[PATH_BYTES], secret[PATH_BYTES];

	int rc = state_path_of(state, STATE_PEERS, name, "", registration);
	if (!rc)
		rc = state_path_of(state, STATE_KEYS, name, ".key", secret);
	if (rc)
		return rc;
	if (keys_file_there(registration)) {
		if (!needs_secret || keys_file_there(secret))
			return 0;
		snprintf(out_sentence, SENTENCE_BYTES,
			 "%s is registered, but its secret key is not in keys/; run: bunshin peer remove %s (a new key is made "
			 "at the "
			 "next start)",
			 name, name);
		return ERR_CONFIG;
	}
	snprintf(certificate.name, sizeof(certificate.name), "%s", name);
	snprintf(certificate.roles, sizeof(certificate.roles), "%s", roles);
	rc = keys_pair_make(state, &certificate, out_sentence);
	return rc ? rc : keys_register(state, &certificate, out_sentence);
}

static int omega_ensure(const struct state_folder *state, char *out_sentence)
{
	struct certificate certificate = {.name = OMEGA_NAME};
	char secret[PATH_BYTES], public[PATH_BYTES];

	int rc = state_path_of(state, STATE_KEYS, OMEGA_NAME, ".key", secret);
	if (!rc)
		rc = state_path_of(state, STATE_KEYS, OMEGA_NAME, ".pub", public);
	if (rc || (keys_file_there(secret) && keys_file_there(public)))
		return rc;
	rc = keys_file_there(secret) ? certificate_read(secret, &certificate, out_sentence)
				     : keys_pair_make(state, &certificate, out_sentence);
	sodium_memzero(certificate.secret_key, sizeof(certificate.secret_key));
	return rc ? rc : certificate_write(public, &certificate, out_sentence);
}

static int clones_ensure(const struct state_folder *state, const struct clone_conf *clone, char *out_sentence)
{
	char name[NAME_BYTES], roles[ROLES_TEXT_BYTES];

	snprintf(roles, sizeof(roles), "clone:%s", clone->role);
	for (uint32_t i = 1; i <= clone->instances; i++) {
		snprintf(name, sizeof(name), "%s/%u", clone->role, i);
		int rc = peer_ensure(state, name, roles, !clone->external && !*clone->command, out_sentence);
		if (rc)
			return rc;
	}
	return 0;
}

int keys_prepare(const struct state_folder *state, const struct conf *conf, char out_sentence[SENTENCE_BYTES])
{
	char local[NAME_BYTES];
	int lock;

	*out_sentence = '\0';
	int rc = keys_lock(state, &lock, out_sentence);
	if (rc)
		return rc;
	key_local_name(local);
	rc = omega_ensure(state, out_sentence);
	if (!rc)
		rc = peer_ensure(state, local, LOCAL_ROLES, true, out_sentence);
	for (uint32_t i = 0; !rc && conf && i < conf->clone_count; i++)
		rc = clones_ensure(state, &conf->clone[i], out_sentence);
	if (!rc && conf)
		rc = peer_ensure(state, WORKSPACE_PEER, WORKSPACE_ROLE, true, out_sentence);
	close(lock);
	return rc;
}
