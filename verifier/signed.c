/* SPDX-License-Identifier: MIT
 *
 * A note, one line after the other:
 *
 *   ORIGIN | SIZE | BASE64(root) | time MILLISECONDS | seal NUMBER BASE64(0x01, key) | empty | two lines of signatures
 *
 * C2SP tlog-checkpoint and signed-note, with Ed25519 (RFC 8032). Signatures are over everything up to the empty line.
 */
#include "verifier/signed.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define ED25519   0x01 /* as signed-note marks an Ed25519 key */
#define KEY_BYTES (1 + PUBLIC_BYTES)

static bool refuse(char out_why[160], const char *sentence)
{
	snprintf(out_why, 160, "%s", sentence);
	return false;
}

/* ---- the lines of a note ---- */

/* "NAME " at the beginning of a line is taken off it. */
static bool take_word(struct span *line, const char *word)
{
	size_t bytes = strlen(word);

	if (!span_begins(*line, word))
		return false;
	line->at += bytes;
	line->bytes -= bytes;
	return true;
}

/* What stands before the first space, which is taken off too. */
static bool take_field(struct span *line, struct span *out_field)
{
	const uint8_t *space = line->bytes ? memchr(line->at, ' ', line->bytes) : NULL;

	if (!space)
		return false;
	*out_field = (struct span){line->at, (size_t)(space - line->at)};
	line->bytes -= out_field->bytes + 1;
	line->at = space + 1;
	return true;
}

/* Base64 of exactly so many bytes. */
static bool exact(struct span text, uint8_t *out, size_t bytes)
{
	size_t found;

	return span_base64(text, out, bytes, &found) && found == bytes;
}

static bool key_read(struct span text, uint8_t out_key[PUBLIC_BYTES])
{
	uint8_t key[KEY_BYTES];

	if (!exact(text, key, sizeof(key)) || key[0] != ED25519)
		return false;
	memcpy(out_key, key + 1, PUBLIC_BYTES);
	return true;
}

static bool seal_read(struct span line, struct signed_note *note)
{
	struct span number;

	return take_word(&line, "seal ") && take_field(&line, &number) && span_number(number, &note->next_number) &&
	       note->next_number > 1 && key_read(line, note->next_seal);
}

static bool signature_read(struct span line, struct signed_note *note, size_t which)
{
	uint8_t bytes[sizeof(note->line[0].key_id) + SIGNATURE_BYTES];

	if (!take_word(&line, "\xe2\x80\x94 ") || !take_field(&line, &note->line[which].name) ||
	    !exact(line, bytes, sizeof(bytes)))
		return false;
	memcpy(note->line[which].key_id, bytes, sizeof(note->line[0].key_id));
	memcpy(note->line[which].signature, bytes + sizeof(note->line[0].key_id), SIGNATURE_BYTES);
	return true;
}

static bool origin_fine(struct span origin)
{
	for (size_t i = 0; i < origin.bytes; i++)
		if (origin.at[i] <= ' ' || origin.at[i] >= 0x7f || origin.at[i] == '+')
			return false;
	return origin.bytes && origin.bytes < ORIGIN_ROOM;
}

bool signed_read(struct span text, struct signed_note *out_note, char out_why[160])
{
	struct signed_note note = {.text = text};
	struct span rest = text, line;

	if (!text.bytes || text.bytes > SIGNED_BYTES_MAX || text.at[text.bytes - 1] != '\n')
		return refuse(out_why, "a note is text of at most 1,024 bytes and ends with a newline");
	if (!span_line(&rest, &note.origin) || !origin_fine(note.origin))
		return refuse(out_why, "the first line of the note is no origin");
	if (!span_line(&rest, &line) || !span_number(line, &note.size) || !note.size)
		return refuse(out_why, "the second line of the note is no size");
	if (!span_line(&rest, &line) || !exact(line, note.root, SUM_BYTES))
		return refuse(out_why, "the third line of the note is not the base64 of a hash");
	if (!span_line(&rest, &line) || !take_word(&line, "time ") || !span_number(line, &note.time_ms))
		return refuse(out_why, "the fourth line of the note is not \"time\" and milliseconds");
	if (!span_line(&rest, &line) || !seal_read(line, &note))
		return refuse(out_why, "the fifth line of the note is not \"seal\", a number and a key");
	note.body = (struct span){text.at, (size_t)(rest.at - text.at)};
	if (!span_line(&rest, &line) || line.bytes)
		return refuse(out_why, "the sixth line of the note is not empty");
	for (size_t i = 0; i < 2; i++)
		if (!span_line(&rest, &line) || !signature_read(line, &note, i))
			return refuse(out_why, i ? "the second signature line of the note cannot be read"
						 : "the first signature line of the note cannot be read");
	if (rest.bytes)
		return refuse(out_why, "more follows the two signatures of the note");
	*out_note = note;
	return true;
}

/* ---- signatures ---- */

/* First four bytes of SHA-256(name, newline, 0x01, key). */
static void key_id(struct span name, const uint8_t key[PUBLIC_BYTES], uint8_t out_id[4])
{
	static const uint8_t between[] = {'\n', ED25519};
	crypto_hash_sha256_state state;
	uint8_t hash[SUM_BYTES];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, name.at, name.bytes);
	crypto_hash_sha256_update(&state, between, sizeof(between));
	crypto_hash_sha256_update(&state, key, PUBLIC_BYTES);
	crypto_hash_sha256_final(&state, hash);
	memcpy(out_id, hash, 4);
}

static bool line_fine(const struct signed_note *note, size_t which, const char *name, const uint8_t key[PUBLIC_BYTES],
		      const char *whose, char out_why[160])
{
	uint8_t id[4];

	key_id(span_of_text(name), key, id);
	if (!span_is(note->line[which].name, name)) {
		snprintf(out_why, 160, "it has no signature of the %s where it belongs, under the name %.80s", whose, name);
		return false;
	}
	if (memcmp(id, note->line[which].key_id, sizeof(id)) != 0 ||
	    crypto_sign_verify_detached(note->line[which].signature, note->body.at, note->body.bytes, key) != 0) {
		snprintf(out_why, 160, "the signature of the %s is not by the key that it must be by, or the note was changed",
			 whose);
		return false;
	}
	return true;
}

bool signed_by_log(const struct signed_note *note, const struct public_keys *keys, char out_why[160])
{
	if (!span_is(note->origin, keys->origin)) {
		snprintf(out_why, 160, "its origin is %.*s, and the key is that of %s", (int)note->origin.bytes,
			 (const char *)note->origin.at, keys->origin);
		return false;
	}
	return line_fine(note, 0, keys->origin, keys->log, "log", out_why);
}

bool signed_by_seal(const struct signed_note *note, const struct public_keys *keys, uint64_t number,
		    const uint8_t key[PUBLIC_BYTES], char out_why[160])
{
	char name[ORIGIN_ROOM + 32];

	snprintf(name, sizeof(name), "%s/seal/%" PRIu64, keys->origin, number);
	return line_fine(note, 1, name, key, "seal", out_why);
}

/* ---- key files ---- */

/* NAME+HEX8+BASE64. The name has no plus, base64 may. */
static bool key_line_read(struct span line, struct span *out_name, uint8_t out_key[PUBLIC_BYTES])
{
	const uint8_t *plus = memchr(line.at, '+', line.bytes);
	uint8_t id[4], expected[4];
	struct span rest;

	if (!plus)
		return false;
	*out_name = (struct span){line.at, (size_t)(plus - line.at)};
	rest = (struct span){plus + 1, line.bytes - out_name->bytes - 1};
	if (rest.bytes < 9 || rest.at[8] != '+' || !span_hex((struct span){rest.at, 8}, id, sizeof(id)))
		return false;
	if (!origin_fine(*out_name) || !key_read((struct span){rest.at + 9, rest.bytes - 9}, out_key))
		return false;
	key_id(*out_name, out_key, expected);
	return memcmp(id, expected, sizeof(id)) == 0;
}

static bool log_line(struct public_keys *keys, struct span name)
{
	uint8_t hash[SUM_BYTES];
	char hex[17];

	sum_of(keys->log, PUBLIC_BYTES, hash);
	hex_write(hash, 8, hex);
	snprintf(keys->origin, sizeof(keys->origin), "bunshin/%s", hex);
	return span_is(name, keys->origin);
}

/* "ORIGIN/seal/NUMBER", the numbers growing. */
static bool row_line(struct public_keys *keys, struct span name, const uint8_t key[PUBLIC_BYTES])
{
	uint64_t number;

	if (keys->rows == ROWS_MAX || !take_word(&name, keys->origin) || !take_word(&name, "/seal/") ||
	    !span_number(name, &number) || !number)
		return false;
	if (keys->rows && keys->row[keys->rows - 1].number >= number)
		return false;
	keys->row[keys->rows].number = number;
	memcpy(keys->row[keys->rows++].key, key, PUBLIC_BYTES);
	return true;
}

bool public_keys_read(struct span text, struct public_keys *out_keys, char out_why[160])
{
	struct public_keys keys = {.rows = 0};
	unsigned number = 0;
	struct span line, name;
	bool have_log = false;

	if (text.bytes > KEYS_BYTES_MAX)
		return refuse(out_why, "a key file has at most 65,536 bytes");
	while (span_line(&text, &line)) {
		uint8_t key[PUBLIC_BYTES];
		bool fine;

		number++;
		if (!line.bytes || line.at[0] == '#')
			continue;
		fine = key_line_read(line, &name, have_log ? key : keys.log) &&
		       (have_log ? row_line(&keys, name, key) : log_line(&keys, name));
		if (!fine) {
			snprintf(out_why, 160, "line %u is not %s", number,
				 have_log ? "ORIGIN/seal/NUMBER+HEX+BASE64 with a larger number than before"
					  : "the log key, bunshin/…+HEX+BASE64");
			return false;
		}
		have_log = true;
	}
	if (!have_log || !keys.rows)
		return refuse(out_why, "it needs two lines at least: the log key, and the first seal key");
	*out_keys = keys;
	return true;
}

const uint8_t *public_keys_row(const struct public_keys *keys, uint64_t number)
{
	for (size_t i = 0; i < keys->rows; i++)
		if (keys->row[i].number == number)
			return keys->row[i].key;
	return NULL;
}
