/* SPDX-License-Identifier: MIT
 *
 * The registry of peers as files: names, roles, adding, removing, listing.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/certificate.h"

#define OMEGA_NAME      "omega"
#define NAME_PARTS_MAX  4
#define NAME_LENGTH_MAX 40u /* operator/NAME/xxxxxxxx must fit into NAME_BYTES */

/* ---- names and roles ---- */

static bool name_byte(char byte)
{
	return isalnum((unsigned char)byte) || byte == '.' || byte == '_' || byte == '-';
}

static bool name_legal(const char *name)
{
	unsigned parts = 1;
	bool begins = true;

	for (const char *at = name; *at; at++) {
		if (begins ? *at == '.' || !name_byte(*at) : *at != '/' && !name_byte(*at))
			return false;
		begins = *at == '/';
		parts += begins;
	}
	return !begins && parts <= NAME_PARTS_MAX && strlen(name) <= NAME_LENGTH_MAX && strcmp(name, OMEGA_NAME);
}

int peer_name_check(const char *name, char out_sentence[SENTENCE_BYTES])
{
	*out_sentence = '\0';
	if (name_legal(name))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES,
		 "found the name \"%.80s\"; expected up to %u letters, digits, '.', '_', '-', in one to four parts with '/' "
		 "between, such as "
		 "alice or beta/1 (and not omega)",
		 name, NAME_LENGTH_MAX);
	return ERR_USAGE;
}

static bool role_legal(const char *role, size_t bytes)
{
	if (!bytes || bytes >= ROLE_BYTES || !islower((unsigned char)*role))
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!islower((unsigned char)role[i]) && !isdigit((unsigned char)role[i]) && role[i] != '-' && role[i] != '_')
			return false;
	return true;
}

static bool role_is(const char *at, size_t bytes, const char *word)
{
	return bytes == strlen(word) && !memcmp(at, word, bytes);
}

static bool clone_role_take(const char *at, size_t bytes, char *role)
{
	if (bytes <= 6 || memcmp(at, "clone:", 6) || *role || !role_legal(at + 6, bytes - 6))
		return false;
	memcpy(role, at + 6, bytes - 6);
	role[bytes - 6] = '\0';
	return true;
}

int roles_parse(const char *roles, uint32_t *out_rights, char out_role[ROLE_BYTES], char out_sentence[SENTENCE_BYTES])
{
	uint32_t rights = 0;
	char role[ROLE_BYTES] = "";
	const char *at = roles;

	*out_sentence = '\0';
	for (;;) {
		size_t bytes = strcspn(at, ",");
		uint32_t right = role_is(at, bytes, "client")       ? CLIENT
				 : role_is(at, bytes, "operator")   ? OPERATOR
				 : role_is(at, bytes, "auditor")    ? AUDITOR
				 : role_is(at, bytes, "workspace")  ? WORKSPACE
				 : clone_role_take(at, bytes, role) ? CLONE
								    : 0;
		if (!right || rights & right) {
			snprintf(out_sentence, SENTENCE_BYTES,
				 "found the roles \"%.100s\"; expected client, operator, auditor, clone:ROLE or workspace, each "
				 "once, with commas between",
				 roles);
			return ERR_USAGE;
		}
		rights |= right;
		if (!at[bytes])
			break;
		at += bytes + 1;
	}
	*out_rights = rights;
	memcpy(out_role, role, sizeof(role));
	return 0;
}

void roles_print(const struct peer *peer, char out_roles[ROLES_TEXT_BYTES])
{
	snprintf(out_roles, ROLES_TEXT_BYTES, "%s%s%s%s%s%s", peer->rights & CLIENT ? ",client" : "",
		 peer->rights & OPERATOR ? ",operator" : "", peer->rights & AUDITOR ? ",auditor" : "",
		 peer->rights & CLONE ? ",clone:" : "", peer->rights & CLONE ? peer->role : "",
		 peer->rights & WORKSPACE ? ",workspace" : "");
	if (*out_roles)
		memmove(out_roles, out_roles + 1, strlen(out_roles));
}

/* A clone is called ROLE/INSTANCE, so that nobody can register a second beta/1 under another role. The workspace has one name, and its key no
 * other right. */
static int name_fits_role(const char *name, uint32_t rights, const char *role, char *out_sentence)
{
	size_t bytes = strlen(role);

	if (rights & WORKSPACE && (rights != WORKSPACE || strcmp(name, WORKSPACE_PEER))) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "found the name \"%s\" with the role workspace; expected " WORKSPACE_PEER " and no other role", name);
		return ERR_USAGE;
	}
	if (!(rights & CLONE) || (!strncmp(name, role, bytes) && name[bytes] == '/' && !strchr(name + bytes + 1, '/')))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "found the name \"%s\" for a clone of role %s; expected %s/1 or another number",
		 name, role, role);
	return ERR_USAGE;
}

static bool name_begins(const char *wanted, const char *role, const char *name)
{
	char prefix[2 * NAME_BYTES];
	size_t bytes = (size_t)snprintf(prefix, sizeof(prefix), "%s/%s", role, name);

	return !strncmp(wanted, prefix, bytes) && (!wanted[bytes] || (wanted[bytes] == '/' && wanted[bytes + 1]));
}

bool peer_may_be(const struct peer *peer, const char *role, const char *wanted)
{
	uint32_t right = !strcmp(role, "client")     ? CLIENT
			 : !strcmp(role, "operator") ? OPERATOR
			 : !strcmp(role, "auditor")  ? AUDITOR
						     : 0;

	if (right)
		return peer->rights & right && name_begins(wanted, role, peer->name);
	if (!strcmp(role, WORKSPACE_ROLE) && peer->rights & WORKSPACE)
		return !strcmp(wanted, peer->name);
	return peer->rights & CLONE && !strcmp(role, peer->role) && !strcmp(wanted, peer->name);
}

/* ---- adding and removing ---- */

static int registered_check(const struct state_folder *state, const char *name, const char *public_key, char *out_sentence)
{
	struct peer *peers;
	size_t count;
	int rc = 0;

	if (peer_list(state, &peers, &count, out_sentence) == ERR_MEMORY)
		return ERR_MEMORY;
	*out_sentence = '\0'; /* what cannot be read does not stand in the way of a new peer */
	for (size_t i = 0; i < count && !rc; i++)
		if (public_key && !strcmp(peers[i].public_key, public_key)) {
			snprintf(out_sentence, SENTENCE_BYTES, "this key is already registered as %s", peers[i].name);
			rc = ERR_STATE;
		}
	free(peers);
	char path[PATH_BYTES];
	if (!rc)
		rc = state_path_of(state, STATE_PEERS, name, "", path);
	if (!rc && keys_file_there(path)) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "%s is already registered; to give it a new key, run: bunshin peer remove %s", name, name);
		rc = ERR_STATE;
	}
	return rc;
}

static int add_check(const char *name, const char *roles, const char *public_key, char *out_sentence)
{
	uint32_t rights;
	char role[ROLE_BYTES];

	int rc = peer_name_check(name, out_sentence);
	if (!rc)
		rc = roles_parse(roles, &rights, role, out_sentence);
	if (!rc)
		rc = name_fits_role(name, rights, role, out_sentence);
	if (rc || !public_key || key_text_check(public_key))
		return rc;
	snprintf(out_sentence, SENTENCE_BYTES, "found a public key of %zu characters; expected 40 characters of Z85",
		 strlen(public_key));
	return ERR_USAGE;
}

int peer_add(const struct state_folder *state, const char *name, const char *roles, const char *public_key,
	     char out_sentence[SENTENCE_BYTES])
{
	struct certificate certificate = {.name = ""};
	int lock;

	int rc = add_check(name, roles, public_key, out_sentence);
	if (!rc)
		rc = keys_lock(state, &lock, out_sentence);
	if (rc)
		return rc;
	rc = registered_check(state, name, public_key, out_sentence);
	if (rc)
		goto out;
	snprintf(certificate.name, sizeof(certificate.name), "%s", name);
	snprintf(certificate.roles, sizeof(certificate.roles), "%s", roles);
	if (public_key)
		memcpy(certificate.public_key, public_key, KEY_TEXT_BYTES);
	else
		rc = keys_pair_make(state, &certificate, out_sentence);
	if (!rc)
		rc = keys_register(state, &certificate, out_sentence);
out:
	close(lock);
	return rc;
}

static int file_remove(const struct state_folder *state, const char *folder, const char *name, const char *suffix,
		       char *out_sentence)
{
	char path[PATH_BYTES];

	int rc = state_path_of(state, folder, name, suffix, path);
	if (rc || !unlink(path))
		return rc;
	snprintf(out_sentence, SENTENCE_BYTES, "cannot remove %.300s: %s", path, strerror(errno));
	return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

int peer_remove(const struct state_folder *state, const char *name, char out_sentence[SENTENCE_BYTES])
{
	int lock;

	int rc = peer_name_check(name, out_sentence);
	if (!rc)
		rc = keys_lock(state, &lock, out_sentence);
	if (rc)
		return rc;
	rc = file_remove(state, STATE_PEERS, name, "", out_sentence);
	if (rc == ERR_NOT_FOUND)
		snprintf(out_sentence, SENTENCE_BYTES, "no peer is called %s; bunshin peer list shows them", name);
	if (!rc) {
		rc = file_remove(state, STATE_KEYS, name, ".key", out_sentence);
		rc = rc == ERR_NOT_FOUND ? 0 : rc;
	}
	if (!rc)
		*out_sentence = '\0';
	close(lock);
	return rc;
}

/* ---- listing ---- */

static int peer_read(const char *path, const char *file_name, struct peer *out_peer, char *out_sentence)
{
	struct certificate certificate;
	struct peer peer = {.rights = 0};

	int rc = certificate_read(path, &certificate, out_sentence);
	if (rc)
		return rc;
	state_name_decode(file_name, peer.name);
	if (!name_legal(peer.name) || strlen(file_name) >= sizeof(peer.name) || strcmp(peer.name, certificate.name)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.250s: found the name \"%s\"; expected the one the file is named after",
			 path, certificate.name);
		return ERR_CONFIG;
	}
	char why[SENTENCE_BYTES];
	if (roles_parse(certificate.roles, &peer.rights, peer.role, why) ||
	    name_fits_role(peer.name, peer.rights, peer.role, why)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.200s: %.300s", path, why);
		return ERR_CONFIG;
	}
	memcpy(peer.public_key, certificate.public_key, KEY_TEXT_BYTES);
	*out_peer = peer;
	return 0;
}

static int peer_order(const void *a, const void *b)
{
	return strcmp(((const struct peer *)a)->name, ((const struct peer *)b)->name);
}

/* One key with two names could be either: neither gets in. */
static size_t twins_drop(struct peer *peers, size_t count, char *out_sentence)
{
	size_t kept = 0;
	bool *twin = calloc(count + 1, sizeof(*twin));

	if (!twin)
		return 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (!strcmp(peers[i].public_key, peers[j].public_key)) {
				twin[i] = twin[j] = true;
				snprintf(out_sentence, SENTENCE_BYTES,
					 "%s and %s have the same key, and neither is let in; remove one of them", peers[i].name,
					 peers[j].name);
			}
	for (size_t i = 0; i < count; i++)
		if (!twin[i])
			peers[kept++] = peers[i];
	free(twin);
	return kept;
}

static int folder_read(const struct state_folder *state, struct peer *peers, size_t *out_count, char *out_sentence)
{
	char folder[PATH_BYTES], path[PATH_BYTES];
	size_t count = 0;
	int result = 0;

	int rc = state_path(state, STATE_PEERS, folder);
	DIR *directory = rc ? NULL : opendir(folder);
	if (!directory) {
		snprintf(out_sentence, SENTENCE_BYTES, "cannot read the folder peers in %.300s: %s", state->root,
			 strerror(errno));
		return ERR_IO;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (*entry->d_name == '.')
			continue;
		if (count == PEER_KEYS_MAX) {
			snprintf(out_sentence, SENTENCE_BYTES, "more than %u peers are registered; the rest is left out",
				 PEER_KEYS_MAX);
			result = ERR_CONFIG;
			break;
		}
		rc = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path)
			     ? peer_read(path, entry->d_name, &peers[count], out_sentence)
			     : ERR_CONFIG;
		if (!rc)
			count++;
		else if (rc != ERR_NOT_FOUND) /* removed while we looked */
			result = ERR_CONFIG;
	}
	closedir(directory);
	*out_count = count;
	return result;
}

int peer_list(const struct state_folder *state, struct peer **out_peers, size_t *out_count, char out_sentence[SENTENCE_BYTES])
{
	struct peer *peers = calloc(PEER_KEYS_MAX, sizeof(*peers));
	size_t count = 0;

	*out_sentence = '\0';
	*out_peers = NULL;
	*out_count = 0;
	if (!peers) {
		snprintf(out_sentence, SENTENCE_BYTES, "out of memory");
		return ERR_MEMORY;
	}
	int rc = folder_read(state, peers, &count, out_sentence);
	size_t kept = twins_drop(peers, count, out_sentence);
	if (!rc && kept != count)
		rc = ERR_CONFIG;
	qsort(peers, kept, sizeof(*peers), peer_order);
	*out_peers = peers;
	*out_count = kept;
	return rc;
}
