/* SPDX-License-Identifier: MIT
 *
 * Who may speak: CURVE key pairs, and the registry that gives a public key its name and its rights.
 *
 * keys/NAME.key and peers/NAME are in the format of ZeroMQ certificates (RFC 4, ZPL), so that other bindings read them as they
 * are (pyzmq: zmq.auth.load_certificate; czmq: zcert_load):
 *
 *   metadata
 *       name = "beta/1"
 *       roles = "clone:beta"
 *   curve
 *       public-key = "…40 characters of Z85…"
 *       secret-key = "…"                            only in keys/, whose files are 0600
 *
 * Roles are client, operator, auditor, clone:ROLE and workspace, separated by commas. A name is one to four parts of letters, digits, '.', '_'
 * and '-' with '/' between them, none beginning with '.'; that of a clone is ROLE/N. "omega" is taken.
 *
 * A peer exists while its file in peers/ exists. What is written as secret-key never leaves keys/.
 */
#ifndef ACTORS_KEYS_H
#define ACTORS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/state.h"
#include "routing/conf.h"

#define KEY_TEXT_BYTES   41u   /* Z85 of 32 bytes, with its NUL */
#define ROLES_TEXT_BYTES 96u   /* "client,operator,auditor,clone:ROLE,workspace" with its NUL */
#define PEER_KEYS_MAX    4096u /* peers in one registry */

#define WORKSPACE_ROLE "workspace"
#define WORKSPACE_PEER "workspace/1"

struct keypair {
	char public_key[KEY_TEXT_BYTES];
	char secret_key[KEY_TEXT_BYTES];
};

struct peer {
	char name[NAME_BYTES]; /* "beta/1", "alice" */
	char public_key[KEY_TEXT_BYTES];
	char role[ROLE_BYTES]; /* of a clone: "beta"; else empty */
	uint32_t rights;       /* set of enum speaker */
};

/* ---- key pairs ---- */

/* Makes everything a first start needs, and leaves alone what is there: Omega's key pair, the local user's key (client, operator
 * and auditor) and, with `conf`, one for each clone instance of it and one for the workspace (NULL: none). 0; ERR_IO or ERR_CONFIG with a sentence. */
MUST_CHECK int keys_prepare(const struct state_folder *state, const struct conf *conf, char out_sentence[SENTENCE_BYTES]);

/* Reads keys/NAME.key; "omega" is the coordinator's. ERR_NOT_FOUND, ERR_CONFIG (damaged), ERR_NOT_ALLOWED (others can read it),
 * ERR_IO, each with a sentence. */
MUST_CHECK int keypair_read(const struct state_folder *state, const char *name, struct keypair *out_keys,
			    char out_sentence[SENTENCE_BYTES]);

/* The same from any path, as a clone gets it in BUNSHIN_KEY. */
MUST_CHECK int keypair_read_file(const char *path, struct keypair *out_keys, char out_sentence[SENTENCE_BYTES]);

/* Overwrites the secret half. */
void keypair_forget(struct keypair *keys);

/* Omega's public key, from keys/omega.pub. Errors as above. */
MUST_CHECK int key_of_omega(const struct state_folder *state, char out_public[KEY_TEXT_BYTES], char out_sentence[SENTENCE_BYTES]);

/* The name under which the person at this terminal is registered: the login name, or user-UID where that is not a legal name. */
void key_local_name(char out_name[NAME_BYTES]);

/* ---- the registry on disk ---- */

/* Registers a peer. `roles` as in the file. `public_key` NULL: a key pair is made in keys/NAME.key.
 * 0; ERR_USAGE (name, roles or key not acceptable), ERR_STATE (name or key already registered), ERR_IO; with a sentence. */
MUST_CHECK int peer_add(const struct state_folder *state, const char *name, const char *roles, const char *public_key,
			char out_sentence[SENTENCE_BYTES]);

/* Takes the peer out; from then on none of its messages is let through, on live connections too. The key pair in keys/, if
 * there is one, is deleted. 0; ERR_NOT_FOUND, ERR_USAGE, ERR_IO; with a sentence. */
MUST_CHECK int peer_remove(const struct state_folder *state, const char *name, char out_sentence[SENTENCE_BYTES]);

/* All peers, sorted by name; the caller frees `*out_peers` with free(). A file that cannot be read makes it ERR_CONFIG with a
 * sentence naming it; the peers that could be read are still returned. */
MUST_CHECK int peer_list(const struct state_folder *state, struct peer **out_peers, size_t *out_count,
			 char out_sentence[SENTENCE_BYTES]);

/* "client,operator" of a peer; and back (ERR_USAGE with a sentence). */
void roles_print(const struct peer *peer, char out_roles[ROLES_TEXT_BYTES]);
MUST_CHECK int roles_parse(const char *roles, uint32_t *out_rights, char out_role[ROLE_BYTES], char out_sentence[SENTENCE_BYTES]);

/* 0 or ERR_USAGE with a sentence. */
MUST_CHECK int peer_name_check(const char *name, char out_sentence[SENTENCE_BYTES]);

/* ---- the registry in memory ---- */

struct peers; /* safe to use from several threads */

/* Reads the registry and watches its folder. Unreadable files are left out (nobody gets in by them): see peers_problem.
 * 0, ERR_MEMORY, ERR_IO. */
MUST_CHECK int peers_new(const struct state_folder *state, struct peers **out_peers);
void peers_free(struct peers *peers);

/* Readable when the folder has changed; call peers_refresh then. The ZAP handler's thread does so by itself. */
int peers_fd(const struct peers *peers);

/* Reads again if the folder has changed. Never blocks on anything but the disk. True if the table is a new one. */
bool peers_refresh(struct peers *peers);

/* Grows by one with each new table. A caller that keeps what peers_find said for a connection asks again when this has changed;
 * it is one atomic load, so asking per message is cheap. Never 0. */
uint64_t peers_generation(const struct peers *peers);

/* Who has this public key, which is what `zmq_msg_gets(message, "User-Id")` gives. NULL or anything else unknown: ERR_NOT_FOUND. */
MUST_CHECK int peers_find(const struct peers *peers, const char *public_key, struct peer *out_peer);

/* What was wrong with the files at the last reading; empty if nothing was. */
void peers_problem(const struct peers *peers, char out_sentence[SENTENCE_BYTES]);

/* True if a peer may call itself `wanted` in Hello with `role`: a clone its own name exactly; a client, operator or auditor
 * ROLE/NAME/anything (client/alice/3f9c2e10); the workspace its own name exactly. */
bool peer_may_be(const struct peer *peer, const char *role, const char *wanted);

#endif
