/* SPDX-License-Identifier: MIT
 *
 * Checkpoints as text that people can keep, mail and compare: signed notes.
 *
 * Form: C2SP tlog-checkpoint inside C2SP signed-note, Ed25519 (RFC 8032). Two extension lines, "time MILLISECONDS" and "seal NUMBER KEY",
 * follow the root. docs/trail-format.md shows one, byte by byte.
 */
#ifndef AUDIT_NOTE_H
#define AUDIT_NOTE_H

#include "audit/tree.h"

#define ORIGIN_BYTES     32u /* "bunshin/" and 16 hex digits, with NUL */
#define NOTE_BYTES_MAX   1024u
#define KEY_LINE_BYTES   160u
#define PUBLIC_KEY_BYTES 32u
#define SECRET_KEY_BYTES 64u /* as libsodium holds it: seed and public key */

struct note {
	char origin[ORIGIN_BYTES];
	uint64_t number; /* of the checkpoint */
	uint64_t size;   /* records covered */
	struct hash root;
	uint64_t time_ms;                    /* wall clock, UTC */
	uint8_t next_seal[PUBLIC_KEY_BYTES]; /* key that will seal checkpoint number + 1 */
};

/* The text of a note, signed by the log key and by the seal key of this checkpoint, ended by NUL. Cannot fail. */
void note_write(const struct note *note, const uint8_t log_key[SECRET_KEY_BYTES], const uint8_t seal_key[SECRET_KEY_BYTES],
		char out_text[NOTE_BYTES_MAX]);

/* What a note says; no signature is looked at. 0, or ERR_CORRUPT with a sentence that says which line is wrong and how. */
MUST_CHECK int note_read(const char *text, size_t bytes, struct note *out_note, char out_why[256]);

/* Is there a signature by `public_key` under the name `name` (the origin, or origin/seal/NUMBER), and is it good? 0 or ERR_CORRUPT. */
MUST_CHECK int note_check(const char *text, size_t bytes, const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES]);

/* The next note in the text of a mirror, where lines that are empty or begin with '#' stand between notes: `*text` and `*bytes` move behind
 * it. False: there is no more. A note that breaks off is given as far as it goes; note_read refuses it. */
bool note_next(const char **text, size_t *bytes, const char **out_note, size_t *out_note_bytes);

void note_origin(const uint8_t log_public[PUBLIC_KEY_BYTES], char out_origin[ORIGIN_BYTES]);

/* A key as a line of keys/log.pub, NAME+HASH+BASE64, and back. ERR_CORRUPT with a sentence. */
void key_line_write(const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES], char out_line[KEY_LINE_BYTES]);
MUST_CHECK int key_line_read(const char *line, size_t bytes, char out_name[64], uint8_t out_public[PUBLIC_KEY_BYTES],
			     char out_why[256]);

/* The keys that a verifier holds: the log key, and the seal keys at which a row begins. */
#define SEAL_STARTS_MAX 64u
struct log_keys {
	char origin[ORIGIN_BYTES];
	uint8_t log[PUBLIC_KEY_BYTES];
	uint32_t start_count;
	struct {
		uint64_t number; /* of the checkpoint that this key seals */
		uint8_t key[PUBLIC_KEY_BYTES];
	} start[SEAL_STARTS_MAX];
};
MUST_CHECK int log_keys_read(const char *text, size_t bytes, struct log_keys *out_keys, char out_why[256]);

#endif
