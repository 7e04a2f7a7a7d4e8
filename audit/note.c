/* SPDX-License-Identifier: MIT
 *
 * Notes are read as strictly as they are written: one text for one meaning, so that two notes can be compared byte by byte.
 */
#include "audit/note.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM      0x01u /* Ed25519, in the signed-note form of a key */
#define KEY_ID_BYTES   4u
#define KEY_BYTES      (1u + PUBLIC_KEY_BYTES)
#define SIGNED_BYTES   (KEY_ID_BYTES + crypto_sign_BYTES)
#define KEY_NAME_BYTES 64u
#define DASH           "\xe2\x80\x94 " /* U+2014 and a blank begin a line with a signature */
#define ORIGIN_PREFIX  "bunshin/"
#define ORIGIN_DIGITS  16u
#define NOTE_LINES     8u

/* ---- keys and names ---- */

static void key_form(const uint8_t public_key[PUBLIC_KEY_BYTES], uint8_t out_form[KEY_BYTES])
{
	out_form[0] = ALGORITHM;
	memcpy(out_form + 1, public_key, PUBLIC_KEY_BYTES);
}

/* First bytes of SHA-256(name || newline || algorithm || key). */
static void key_id(const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES], uint8_t out_id[KEY_ID_BYTES])
{
	crypto_hash_sha256_state state;
	uint8_t hash[crypto_hash_sha256_BYTES], form[KEY_BYTES];
	key_form(public_key, form);
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)name, strlen(name));
	crypto_hash_sha256_update(&state, (const uint8_t *)"\n", 1);
	crypto_hash_sha256_update(&state, form, sizeof(form));
	crypto_hash_sha256_final(&state, hash);
	memcpy(out_id, hash, KEY_ID_BYTES);
}

void note_origin(const uint8_t log_public[PUBLIC_KEY_BYTES], char out_origin[ORIGIN_BYTES])
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[ORIGIN_DIGITS + 1];
	crypto_hash_sha256(hash, log_public, PUBLIC_KEY_BYTES);
	sodium_bin2hex(hex, sizeof(hex), hash, ORIGIN_DIGITS / 2);
	snprintf(out_origin, ORIGIN_BYTES, ORIGIN_PREFIX "%s", hex);
}

static void seal_name(const char *origin, uint64_t number, char out_name[KEY_NAME_BYTES])
{
	snprintf(out_name, KEY_NAME_BYTES, "%.31s/seal/%" PRIu64, origin, number);
}

/* ---- writing ---- */

__attribute__((format(printf, 3, 4))) static void print(char *text, size_t room, const char *format, ...)
{
	va_list arguments;
	size_t bytes = strlen(text);
	va_start(arguments, format);
	int more = vsnprintf(text + bytes, room - bytes, format, arguments);
	va_end(arguments);
	assert(more >= 0 && (size_t)more < room - bytes);
}

static const char *base64(const uint8_t *bytes, size_t count, char room[128])
{
	return sodium_bin2base64(room, 128, bytes, count, sodium_base64_VARIANT_ORIGINAL);
}

static void signature_print(char text[NOTE_BYTES_MAX], size_t signed_bytes, const char *name, const uint8_t key[SECRET_KEY_BYTES])
{
	uint8_t signature[SIGNED_BYTES];
	char room[128];
	key_id(name, key + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES, signature);
	crypto_sign_detached(signature + KEY_ID_BYTES, NULL, (const uint8_t *)text, signed_bytes, key);
	print(text, NOTE_BYTES_MAX, DASH "%s %s\n", name, base64(signature, sizeof(signature), room));
}

void note_write(const struct note *note, const uint8_t log_key[SECRET_KEY_BYTES], const uint8_t seal_key[SECRET_KEY_BYTES],
		char out_text[NOTE_BYTES_MAX])
{
	uint8_t form[KEY_BYTES];
	char room[128], name[KEY_NAME_BYTES];
	out_text[0] = 0;
	print(out_text, NOTE_BYTES_MAX, "%s\n%" PRIu64 "\n", note->origin, note->size);
	print(out_text, NOTE_BYTES_MAX, "%s\n", base64(note->root.bytes, sizeof(note->root.bytes), room));
	print(out_text, NOTE_BYTES_MAX, "time %" PRIu64 "\n", note->time_ms);
	key_form(note->next_seal, form);
	print(out_text, NOTE_BYTES_MAX, "seal %" PRIu64 " %s\n", note->number + 1, base64(form, sizeof(form), room));
	size_t signed_bytes = strlen(out_text);
	print(out_text, NOTE_BYTES_MAX, "\n");
	signature_print(out_text, signed_bytes, note->origin, log_key);
	seal_name(note->origin, note->number, name);
	signature_print(out_text, signed_bytes, name, seal_key);
}

void key_line_write(const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES], char out_line[KEY_LINE_BYTES])
{
	uint8_t id[KEY_ID_BYTES], form[KEY_BYTES];
	char room[128], hex[2 * KEY_ID_BYTES + 1];
	key_id(name, public_key, id);
	key_form(public_key, form);
	out_line[0] = 0;
	print(out_line, KEY_LINE_BYTES, "%s+%s+", name, sodium_bin2hex(hex, sizeof(hex), id, sizeof(id)));
	print(out_line, KEY_LINE_BYTES, "%s", base64(form, sizeof(form), room));
}

/* ---- reading ---- */

struct piece {
	const char *at;
	size_t bytes;
};

__attribute__((format(printf, 2, 3))) static int wrong(char out_why[256], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out_why, 256, format, arguments);
	va_end(arguments);
	return ERR_CORRUPT;
}

/* What stands before the next `end`, which is passed over; false if there is none. */
static bool cut(struct piece *rest, char end, struct piece *out_piece)
{
	const char *found = rest->bytes ? memchr(rest->at, end, rest->bytes) : NULL;
	if (!found)
		return false;
	*out_piece = (struct piece){rest->at, (size_t)(found - rest->at)};
	rest->bytes -= out_piece->bytes + 1;
	rest->at = found + 1;
	return true;
}

static bool skip(struct piece *rest, const char *text)
{
	size_t bytes = strlen(text);
	if (rest->bytes < bytes || memcmp(rest->at, text, bytes) != 0)
		return false;
	rest->at += bytes;
	rest->bytes -= bytes;
	return true;
}

static bool is(struct piece piece, const char *text)
{
	return skip(&piece, text) && piece.bytes == 0;
}

/* Decimal without leading zeros, 1 … 2^63 - 1, which is what a database can hold. */
static bool number(struct piece piece, uint64_t *out_number)
{
	uint64_t value = 0;
	if (piece.bytes == 0 || piece.bytes > 19 || piece.at[0] == '0')
		return false;
	for (size_t i = 0; i < piece.bytes; i++) {
		if (piece.at[i] < '0' || piece.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(piece.at[i] - '0');
	}
	*out_number = value;
	return value <= INT64_MAX;
}

/* Canonical base64 of exactly `count` bytes. It is written anew and compared: the library also takes some bytes above 0x7f for letters. */
static bool binary(struct piece piece, uint8_t *out_bytes, size_t count)
{
	char room[128];
	size_t found = 0;
	return piece.bytes == (count + 2) / 3 * 4 &&
	       sodium_base642bin(out_bytes, count, piece.at, piece.bytes, NULL, &found, NULL, sodium_base64_VARIANT_ORIGINAL) ==
		       0 &&
	       found == count && memcmp(base64(out_bytes, count, room), piece.at, piece.bytes) == 0;
}

static bool key_binary(struct piece piece, uint8_t out_public[PUBLIC_KEY_BYTES])
{
	uint8_t form[KEY_BYTES];
	if (!binary(piece, form, sizeof(form)) || form[0] != ALGORITHM)
		return false;
	memcpy(out_public, form + 1, PUBLIC_KEY_BYTES);
	return true;
}

static bool lower_hex(struct piece piece, size_t digits)
{
	for (size_t i = 0; i < piece.bytes; i++)
		if (!strchr("0123456789abcdef", piece.at[i]) || !piece.at[i])
			return false;
	return piece.bytes == digits;
}

static bool origin(struct piece piece, char out_origin[ORIGIN_BYTES])
{
	struct piece digits = piece;
	if (!skip(&digits, ORIGIN_PREFIX) || !lower_hex(digits, ORIGIN_DIGITS))
		return false;
	snprintf(out_origin, ORIGIN_BYTES, "%.*s", (int)piece.bytes, piece.at);
	return true;
}

/* "— NAME BASE64": the base64 of a key id and a signature. */
static bool signature(struct piece line, const char *name, uint8_t out_signature[SIGNED_BYTES])
{
	return skip(&line, DASH) && skip(&line, name) && skip(&line, " ") && binary(line, out_signature, SIGNED_BYTES);
}

static int body_read(struct piece *rest, struct note *note, char out_why[256])
{
	struct piece line, field;
	if (!cut(rest, '\n', &line) || !origin(line, note->origin))
		return wrong(out_why, "line 1 of the note is not " ORIGIN_PREFIX " and %u hexadecimal digits", ORIGIN_DIGITS);
	if (!cut(rest, '\n', &line) || !number(line, &note->size))
		return wrong(out_why, "line 2 of the note is not a number of records (decimal, from 1, no leading zero)");
	if (!cut(rest, '\n', &line) || !binary(line, note->root.bytes, sizeof(note->root.bytes)))
		return wrong(out_why, "line 3 of the note is not a root: 32 bytes in base64");
	if (!cut(rest, '\n', &line) || !skip(&line, "time ") || !number(line, &note->time_ms))
		return wrong(out_why, "line 4 of the note is not 'time' and milliseconds since 1970");
	if (!cut(rest, '\n', &line) || !skip(&line, "seal ") || !cut(&line, ' ', &field) || !number(field, &note->number) ||
	    note->number < 2 || !key_binary(line, note->next_seal))
		return wrong(
			out_why,
			"line 5 of the note is not 'seal', the number of the next checkpoint (from 2) and its key in base64");
	note->number--;
	if (!cut(rest, '\n', &line) || line.bytes)
		return wrong(out_why, "line 6 of the note is not empty");
	return 0;
}

int note_read(const char *text, size_t bytes, struct note *out_note, char out_why[256])
{
	struct note note;
	struct piece rest = {text, bytes}, line;
	uint8_t signed_bytes[SIGNED_BYTES];
	char name[KEY_NAME_BYTES];
	out_why[0] = 0;
	if (bytes >= NOTE_BYTES_MAX)
		return wrong(out_why, "the note has %zu bytes, and none has more than %u", bytes, NOTE_BYTES_MAX - 1);
	int rc = body_read(&rest, &note, out_why);
	if (rc)
		return rc;
	if (!cut(&rest, '\n', &line) || !signature(line, note.origin, signed_bytes))
		return wrong(out_why, "line 7 of the note is not a signature by %s", note.origin);
	seal_name(note.origin, note.number, name);
	if (!cut(&rest, '\n', &line) || !signature(line, name, signed_bytes))
		return wrong(out_why, "line 8 of the note is not a signature by %s", name);
	if (rest.bytes)
		return wrong(out_why, "the note goes on after its second signature");
	*out_note = note;
	return 0;
}

/* A line, with or without its end. */
static bool line_next(struct piece *rest)
{
	struct piece line;
	if (!rest->bytes)
		return false;
	if (!cut(rest, '\n', &line))
		*rest = (struct piece){rest->at + rest->bytes, 0};
	return true;
}

bool note_next(const char **text, size_t *bytes, const char **out_note, size_t *out_note_bytes)
{
	struct piece rest = {*text, *bytes};
	while (rest.bytes && (rest.at[0] == '\n' || rest.at[0] == '#'))
		(void)line_next(&rest);
	*out_note = rest.at;
	for (unsigned i = 0; i < NOTE_LINES && line_next(&rest); i++)
		;
	*out_note_bytes = (size_t)(rest.at - *out_note);
	*text = rest.at;
	*bytes = rest.bytes;
	return *out_note_bytes > 0;
}

int note_check(const char *text, size_t bytes, const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	struct piece rest = {text, bytes}, line;
	uint8_t signature_bytes[SIGNED_BYTES], id[KEY_ID_BYTES];
	while (cut(&rest, '\n', &line) && line.bytes)
		;
	size_t signed_bytes = (size_t)(rest.at - text) - 1;
	key_id(name, public_key, id);
	while (cut(&rest, '\n', &line)) {
		if (!signature(line, name, signature_bytes) || memcmp(signature_bytes, id, sizeof(id)) != 0)
			continue;
		return crypto_sign_verify_detached(signature_bytes + KEY_ID_BYTES, (const uint8_t *)text, signed_bytes,
						   public_key)
			       ? ERR_CORRUPT
			       : 0;
	}
	return ERR_CORRUPT;
}

int key_line_read(const char *line, size_t bytes, char out_name[64], uint8_t out_public[PUBLIC_KEY_BYTES], char out_why[256])
{
	struct piece rest = {line, bytes}, name, hex;
	uint8_t id[KEY_ID_BYTES], key[PUBLIC_KEY_BYTES];
	char text[KEY_NAME_BYTES], digits[2 * KEY_ID_BYTES + 1];
	out_why[0] = 0;
	if (!cut(&rest, '+', &name) || !cut(&rest, '+', &hex) || name.bytes == 0 || name.bytes >= sizeof(text))
		return wrong(out_why, "not a public key: NAME+HASH+KEY is expected, with a name of 1 to %zu bytes",
			     sizeof(text) - 1);
	for (size_t i = 0; i < name.bytes; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~')
			return wrong(out_why, "the name of the public key has a blank or another character that no name has");
	if (!key_binary(rest, key))
		return wrong(out_why, "the key is not an Ed25519 public key of 32 bytes after one byte 01, in base64");
	snprintf(text, sizeof(text), "%.*s", (int)name.bytes, name.at);
	key_id(text, key, id);
	sodium_bin2hex(digits, sizeof(digits), id, sizeof(id));
	if (!is(hex, digits))
		return wrong(out_why, "the key does not belong to its name: its hash is %s, the line says '%.*s'", digits,
			     (int)(hex.bytes < 16 ? hex.bytes : 16), hex.at);
	memcpy(out_name, text, sizeof(text));
	memcpy(out_public, key, sizeof(key));
	return 0;
}

/* ---- the keys of a verifier ---- */

static int log_key_take(struct log_keys *keys, const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES], char out_why[256])
{
	note_origin(public_key, keys->origin);
	if (strcmp(name, keys->origin) != 0)
		return wrong(out_why, "the first key must be the log key with the name %s that follows from it, not '%s'",
			     keys->origin, name);
	memcpy(keys->log, public_key, PUBLIC_KEY_BYTES);
	return 0;
}

static int seal_key_take(struct log_keys *keys, const char *name, const uint8_t public_key[PUBLIC_KEY_BYTES], char out_why[256])
{
	struct piece rest = {name, strlen(name)};
	uint64_t start, before = keys->start_count ? keys->start[keys->start_count - 1].number : 0;
	if (!skip(&rest, keys->origin) || !skip(&rest, "/seal/") || !number(rest, &start))
		return wrong(out_why, "'%s' is no seal key of this log: %s/seal/NUMBER is expected", name, keys->origin);
	if (keys->start_count ? start <= before : start != 1)
		return wrong(out_why, "seal key %" PRIu64 " comes after seal key %" PRIu64 ": the first is 1, then they grow",
			     start, before);
	if (keys->start_count == SEAL_STARTS_MAX)
		return wrong(out_why, "there are more than %u seal keys", SEAL_STARTS_MAX);
	keys->start[keys->start_count].number = start;
	memcpy(keys->start[keys->start_count++].key, public_key, PUBLIC_KEY_BYTES);
	return 0;
}

static int log_keys_line(struct log_keys *keys, struct piece line, bool *have_log, char out_why[256])
{
	char name[KEY_NAME_BYTES];
	uint8_t key[PUBLIC_KEY_BYTES];
	if (line.bytes && line.at[0] == '#')
		return 0;
	int rc = key_line_read(line.at, line.bytes, name, key, out_why);
	if (rc)
		return rc;
	if (*have_log)
		return seal_key_take(keys, name, key, out_why);
	*have_log = true;
	return log_key_take(keys, name, key, out_why);
}

int log_keys_read(const char *text, size_t bytes, struct log_keys *out_keys, char out_why[256])
{
	struct log_keys keys = {0};
	struct piece rest = {text, bytes}, line;
	bool have_log = false;
	char why[256];
	out_why[0] = 0;
	for (unsigned at = 1; rest.bytes; at++) {
		if (!cut(&rest, '\n', &line)) {
			line = rest;
			rest.bytes = 0;
		}
		if (log_keys_line(&keys, line, &have_log, why))
			return wrong(out_why, "line %u: %.230s", at, why);
	}
	if (!have_log)
		return wrong(out_why, "there is no key: a line NAME+HASH+KEY of the log key is expected");
	if (!keys.start_count)
		return wrong(out_why, "there is no seal key: a line %s/seal/1+HASH+KEY is expected", keys.origin);
	*out_keys = keys;
	return 0;
}
