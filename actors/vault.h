/* SPDX-License-Identifier: MIT
 *
 * The secrets that this network knows, and where they stand in what it is about to write down.
 *
 * Known are the values that `bunshin secret add` has put into keys/secrets, the secret part of every key pair in keys, the log key and
 * intake.secret. Not the seal key: it is used once, overwritten within seconds, and by design copied nowhere.
 *
 * Each value is looked for as it is, in base64 and base64url in all three phases, in hexadecimal of either case, and each of these also where it is
 * percent-encoded or escaped as in JSON (\uXXXX, \/ and the like), up to three such layers over one another. A value of several lines is
 * known as a whole and line by line. What is not found: compressed or encrypted text, base64 broken by line feeds, a value cut in pieces by
 * something that stands between them.
 *
 * One thread owns a vault. Values stand in locked memory and are overwritten when it is freed.
 */
#ifndef ACTORS_VAULT_H
#define ACTORS_VAULT_H

#include "actors/state.h"

#define SECRET_BYTES_MIN  8u
#define SECRET_BYTES_MAX  4096u
#define SECRETS_MAX       4096u
#define SECRET_NAME_BYTES 48u /* with its NUL */

struct vault;

/* Reads what is known and begins to watch it. A file that cannot be read is told in vault_problem and left out. 0, ERR_MEMORY, ERR_IO. */
MUST_CHECK int vault_new(const struct state_folder *state, struct vault **out_vault);
void vault_free(struct vault *vault); /* takes NULL */

/* Readable when something has changed; then vault_refresh reads it anew. Either way it is read anew after vault_reload. */
int vault_fd(const struct vault *vault);
void vault_refresh(struct vault *vault);
void vault_reload(struct vault *vault);
size_t vault_count(const struct vault *vault);        /* values known; 0 for NULL */
const char *vault_problem(const struct vault *vault); /* "": none */

/* What a value is, for people, if one stands in the bytes: "the secret NAME", "the key of beta/1"; else NULL. Takes a NULL vault. */
const char *vault_holds(struct vault *vault, const void *at, size_t bytes);

/* Writes '*' over every value in a text, as many as it had bytes; characters of UTF-8 and escapes of JSON are covered whole. Returns in how many
 * places. Takes a NULL vault. */
uint32_t vault_mask(struct vault *vault, void *at, size_t bytes);

/* The same for a text that is JSON and must stay so: where a mask alone would break it, all of it becomes {} or [] with spaces. */
uint32_t vault_mask_json(struct vault *vault, void *at, size_t bytes);

/* A text that comes in pieces. Zero it to begin; release it at the end. */
struct vault_stream {
	uint8_t *at; /* the end of what came so far, and room for the next piece */
	size_t bytes;
	size_t capacity;
};
/* The next piece. As vault_holds, also over the seams; true on success, false without memory. */
MUST_CHECK bool vault_stream_take(struct vault *vault, struct vault_stream *stream, const void *at, size_t bytes,
				  const char **out_kind);
void vault_stream_release(struct vault_stream *stream);
/* How much of what came before a piece has to be known to find what lies over the seam. */
size_t vault_seam(const struct vault *vault);

/* ---- for `bunshin secret` ---- */

struct secret_file {
	char name[SECRET_NAME_BYTES];
	uint64_t bytes;
	uint64_t added_ms; /* UTC */
};

/* True if all bytes are the same: that stands in too many texts by chance, and is what a file that is being removed holds. */
bool secret_is_monotonous(const void *value, size_t bytes);

/* True for letters, digits, '.', '_' and '-', beginning with a letter or digit. */
bool secret_name_check(const char *name);

/* Stores a value, 0600. Returns 0; ERR_CONFLICT (the name is taken), ERR_CONFIG (name or value cannot be accepted), ERR_IO, with a sentence. */
MUST_CHECK int secret_add(const struct state_folder *state, const char *name, const void *value, size_t bytes,
			  char out_sentence[SENTENCE_BYTES]);
/* Overwrites and removes it. 0, ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK int secret_remove(const struct state_folder *state, const char *name, char out_sentence[SENTENCE_BYTES]);
/* The value, with a NUL after it, into SECRET_BYTES_MAX + 1 bytes; whoever asks overwrites them afterwards. 0, ERR_NOT_FOUND, ERR_CONFIG, ERR_IO, with
 * a sentence that does not hold it. */
MUST_CHECK int secret_read(const struct state_folder *state, const char *name, char out_value[SECRET_BYTES_MAX + 1],
			   char out_sentence[SENTENCE_BYTES]);
/* All of them, by name; free `*out_files`. 0, ERR_IO, ERR_MEMORY. */
MUST_CHECK int secret_list(const struct state_folder *state, struct secret_file **out_files, size_t *out_count);

#endif
