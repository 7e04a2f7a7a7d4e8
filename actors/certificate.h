/* SPDX-License-Identifier: MIT
 *
 * One file of keys/ or peers/: a ZeroMQ certificate (RFC 4, ZPL), read strictly and written whole. The format stands in keys.h.
 */
#ifndef ACTORS_CERTIFICATE_H
#define ACTORS_CERTIFICATE_H

#include "actors/keys.h"

struct certificate {
	char name[NAME_BYTES];
	char roles[ROLES_TEXT_BYTES]; /* may be empty */
	char public_key[KEY_TEXT_BYTES];
	char secret_key[KEY_TEXT_BYTES]; /* empty: none */
};

/* Unknown properties are skipped, so that files of other bindings can be taken as they are; one that is there twice, or has no legal
 * value, is refused. 0; ERR_NOT_FOUND, ERR_IO, ERR_CONFIG; with a sentence that names file and line. */
MUST_CHECK int certificate_read(const char *path, struct certificate *out_certificate, char out_sentence[SENTENCE_BYTES]);

/* Atomically, with 0600. 0 or ERR_IO with a sentence. */
MUST_CHECK int certificate_write(const char *path, const struct certificate *certificate, char out_sentence[SENTENCE_BYTES]);

/* A new key pair in it. 0 or ERR_SYSTEM with a sentence. */
MUST_CHECK int certificate_make(struct certificate *certificate, char out_sentence[SENTENCE_BYTES]);

/* ---- what keys.c and registry.c share ---- */

/* Waits until nobody else changes keys/ and peers/; close() what it gives. 0 or ERR_IO with a sentence. */
MUST_CHECK int keys_lock(const struct state_folder *state, int *out_lock, char *out_sentence);

/* A new pair in keys/NAME.key; the certificate keeps the public half alone. And what makes a peer of it: peers/NAME. */
MUST_CHECK int keys_pair_make(const struct state_folder *state, struct certificate *certificate, char *out_sentence);
MUST_CHECK int keys_register(const struct state_folder *state, const struct certificate *certificate, char *out_sentence);

bool keys_file_there(const char *path);

/* True for 40 characters that are Z85. */
bool key_text_check(const char *text);

#endif
