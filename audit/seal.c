/* SPDX-License-Identifier: MIT
 *
 * Which key comes next is decided here, from two things that a crash can leave apart: the slots of seal.key and the last checkpoint
 * in the trail.
 *
 *   newest slot seals   last in the trail   what has happened
 *   N                   N - 1               nothing; root and size must be those that the slot names
 *   N                   N                   a crash after the commit: the checkpoint announces the slot's second key; go on with that
 *   N                   less than N - 1     checkpoints that were durable are gone: the trail is an older copy
 *   N                   more than N         seal.key is an older copy
 *
 * A slot for N + 1 is written only when checkpoint N is durable; so the older of two slots never counts, and is overwritten.
 */
#include "audit/seal.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/files.h"
#include "audit/seal_file.h"

#define TEXT_BYTES   16384u
#define SECRET_FORM  "PRIVATE+KEY+"
#define SECRET_BYTES (1u + SEED_BYTES)

/* All that nobody may see, in one piece of locked memory. */
struct secrets {
	uint8_t log[SECRET_KEY_BYTES];
	uint8_t seal[SECRET_KEY_BYTES]; /* of slot.number */
	uint8_t next[SECRET_KEY_BYTES]; /* of the one after it */
	struct seal_slot slot;          /* the state */
	struct seal_slot other;         /* while there are two */
	uint8_t block[SLOTS * SLOT_BYTES];
	uint8_t text[512];
	uint8_t form[SECRET_BYTES];
};

struct sealer {
	struct secrets *secrets;
	struct log_keys keys;
	int fd;         /* of seal.key */
	unsigned index; /* where the state stands in it */
	bool broken;
	uint64_t signed_size; /* 0: nothing was signed since the last commit */
	struct hash signed_root;
};

/* What is needed while keys are opened or made. */
struct opening {
	const char *folder;
	const struct sealed *last;
	struct sealer *sealer;
	char *why;
};

static void keypair_of(const uint8_t seed[SEED_BYTES], uint8_t out_secret[SECRET_KEY_BYTES])
{
	uint8_t public_key[PUBLIC_KEY_BYTES];
	crypto_sign_seed_keypair(public_key, out_secret, seed);
}

static const uint8_t *public_of(const uint8_t secret[SECRET_KEY_BYTES])
{
	return secret + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES;
}

static bool key_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, PUBLIC_KEY_BYTES) == 0;
}

/* ---- the log key: PRIVATE+KEY+NAME+HASH+BASE64(1 || seed), a line as other tools for signed notes keep it ---- */

/* Where the last part of NAME+HASH+BASE64 begins. Base64 may hold a plus itself, a name and a hash do not. NULL: it has no such part. */
static const char *last_part(const char *line)
{
	const char *hash = strchr(line, '+');
	const char *digits = hash ? strchr(hash + 1, '+') : NULL;
	return digits ? digits + 1 : NULL;
}

static size_t log_secret_print(struct secrets *secrets)
{
	char origin[ORIGIN_BYTES], line[KEY_LINE_BYTES];
	note_origin(public_of(secrets->log), origin);
	key_line_write(origin, public_of(secrets->log), line);
	int head = (int)(last_part(line) - line);
	char *text = (char *)secrets->text;
	size_t bytes = (size_t)snprintf(text, sizeof(secrets->text), SECRET_FORM "%.*s", head, line);
	secrets->form[0] = 0x01;
	memcpy(secrets->form + 1, secrets->log, SEED_BYTES);
	sodium_bin2base64(text + bytes, sizeof(secrets->text) - bytes, secrets->form, SECRET_BYTES,
			  sodium_base64_VARIANT_ORIGINAL);
	bytes = strlen(text);
	text[bytes++] = '\n';
	return bytes;
}

/* Reads the seed, writes the line anew and compares: only what we would write is taken. */
static bool log_secret_parse(struct secrets *secrets, size_t bytes)
{
	uint8_t *given = secrets->block;
	size_t count = 0;
	memcpy(given, secrets->text, bytes);
	given[bytes] = 0;
	size_t form = strlen(SECRET_FORM);
	const char *last = bytes > form ? last_part((const char *)given + form) : NULL;
	if (!last || sodium_base642bin(secrets->form, SECRET_BYTES, last, strlen(last), "\n", &count, NULL,
				       sodium_base64_VARIANT_ORIGINAL))
		return false;
	keypair_of(secrets->form + 1, secrets->log);
	return count == SECRET_BYTES && log_secret_print(secrets) == bytes && memcmp(secrets->text, given, bytes) == 0;
}

static int log_secret_read(const struct opening *opening)
{
	struct secrets *secrets = opening->sealer->secrets;
	size_t bytes = 0;
	int fd = -1;
	int rc = key_file_open(opening->folder, LOG_SECRET_FILE, true, &fd, opening->why);
	if (rc)
		return rc;
	rc = key_file_read(opening->folder, LOG_SECRET_FILE, fd, secrets->text, sizeof(secrets->text), &bytes, opening->why);
	file_calls->close(fd);
	if (rc == 0 && (bytes == sizeof(secrets->text) || !log_secret_parse(secrets, bytes)))
		rc = key_fail(opening->why, ERR_CORRUPT, opening->folder, LOG_SECRET_FILE,
			      "is no log key: one line " SECRET_FORM "NAME+HASH+SEED is expected");
	return rc;
}

static int log_secret_make(const struct opening *opening)
{
	struct secrets *secrets = opening->sealer->secrets;
	randombytes_buf(secrets->form, SEED_BYTES);
	keypair_of(secrets->form, secrets->log);
	return key_file_put(opening->folder, LOG_SECRET_FILE, 0600, secrets->text, log_secret_print(secrets), opening->why);
}

/* ---- the public file ---- */

static int public_read(const struct opening *opening, char text[TEXT_BYTES], size_t *out_bytes)
{
	char why[256];
	int fd = -1;
	struct sealer *sealer = opening->sealer;
	int rc = key_file_open(opening->folder, LOG_PUBLIC_FILE, false, &fd, opening->why);
	if (rc)
		return rc;
	rc = key_file_read(opening->folder, LOG_PUBLIC_FILE, fd, (uint8_t *)text, TEXT_BYTES, out_bytes, opening->why);
	file_calls->close(fd);
	if (rc == 0 && *out_bytes == TEXT_BYTES)
		return key_fail(opening->why, ERR_CORRUPT, opening->folder, LOG_PUBLIC_FILE, "is longer than %u bytes",
				TEXT_BYTES);
	if (rc == 0 && log_keys_read(text, *out_bytes, &sealer->keys, why))
		return key_fail(opening->why, ERR_CORRUPT, opening->folder, LOG_PUBLIC_FILE, "%s", why);
	if (rc == 0 && !key_same(sealer->keys.log, public_of(sealer->secrets->log)))
		return key_fail(opening->why, ERR_STATE, opening->folder, LOG_PUBLIC_FILE,
				"belongs to another key than " LOG_SECRET_FILE ": the files are of different networks");
	return rc;
}

static void seal_line(const struct sealer *sealer, const char *origin, char out_line[KEY_LINE_BYTES])
{
	char name[64];
	snprintf(name, sizeof(name), "%.31s/seal/%" PRIu64, origin, sealer->secrets->slot.number);
	key_line_write(name, public_of(sealer->secrets->seal), out_line);
}

static int public_make(const struct opening *opening)
{
	char origin[ORIGIN_BYTES], log_line[KEY_LINE_BYTES], first_line[KEY_LINE_BYTES], text[1024];
	const struct secrets *secrets = opening->sealer->secrets;
	note_origin(public_of(secrets->log), origin);
	key_line_write(origin, public_of(secrets->log), log_line);
	seal_line(opening->sealer, origin, first_line);
	int bytes =
		snprintf(text, sizeof(text),
			 "# The public keys of a trail. Whoever has this file can check the trail, its exports and receipts,\n"
			 "# and needs nothing secret for it: keep a copy where the trail is not.\n%s\n%s\n",
			 log_line, first_line);
	return key_file_put(opening->folder, LOG_PUBLIC_FILE, 0644, text, (size_t)bytes, opening->why);
}

/* ---- seal.key ---- */

static void keys_of_slot(struct secrets *secrets)
{
	keypair_of(secrets->slot.seed, secrets->seal);
	keypair_of(secrets->slot.after, secrets->next);
}

/* A row of keys begins with the checkpoint after `last`. */
static int seal_make(const struct opening *opening)
{
	struct secrets *secrets = opening->sealer->secrets;
	struct seal_slot *slot = &secrets->slot;
	slot->whole = true;
	slot->number = opening->last->number + 1;
	slot->size = opening->last->size;
	slot->root = opening->last->root;
	memcpy(slot->log_public, public_of(secrets->log), PUBLIC_KEY_BYTES);
	randombytes_buf(slot->seed, SEED_BYTES);
	randombytes_buf(slot->after, SEED_BYTES);
	keys_of_slot(secrets);
	seal_slot_write(slot, secrets->block);
	memset(secrets->block + SLOT_BYTES, 0, SLOT_BYTES);
	return key_file_put(opening->folder, SEAL_FILE, 0600, secrets->block, SLOTS * SLOT_BYTES, opening->why);
}

static int seal_fail(const struct opening *opening, int error, const char *what)
{
	return key_fail(opening->why, error, opening->folder, SEAL_FILE, "%s", what);
}

/* The newer of the slots that are whole becomes the state. */
static int slots_choose(const struct opening *opening)
{
	struct sealer *sealer = opening->sealer;
	struct secrets *secrets = sealer->secrets;
	seal_slot_read(secrets->block, &secrets->slot);
	seal_slot_read(secrets->block + SLOT_BYTES, &secrets->other);
	sealer->index = 0;
	if (!secrets->slot.whole && !secrets->other.whole)
		return seal_fail(opening, ERR_CORRUPT, "holds no whole key: it is damaged");
	if (secrets->other.whole && (!secrets->slot.whole || secrets->other.number > secrets->slot.number)) {
		seal_slot_read(secrets->block + SLOT_BYTES, &secrets->slot);
		seal_slot_read(secrets->block, &secrets->other);
		sealer->index = 1;
	}
	if (secrets->other.whole && (secrets->other.number + 1 != secrets->slot.number ||
				     sodium_memcmp(secrets->other.after, secrets->slot.seed, SEED_BYTES) != 0))
		return seal_fail(opening, ERR_CORRUPT, "holds two keys that do not follow each other: it is damaged");
	if (!key_same(secrets->slot.log_public, public_of(secrets->log)))
		return seal_fail(opening, ERR_STATE, "belongs to another log key: the files are of different networks");
	keys_of_slot(secrets);
	return 0;
}

static int seal_read(const struct opening *opening)
{
	struct sealer *sealer = opening->sealer;
	size_t bytes = 0;
	int rc = key_file_open(opening->folder, SEAL_FILE, true, &sealer->fd, opening->why);
	if (rc)
		return rc;
	rc = key_file_read(opening->folder, SEAL_FILE, sealer->fd, sealer->secrets->block, SLOTS * SLOT_BYTES, &bytes,
			   opening->why);
	if (rc)
		return rc;
	memset(sealer->secrets->block + bytes, 0, SLOTS * SLOT_BYTES - bytes);
	return slots_choose(opening);
}

static int state_put(struct sealer *sealer, unsigned index)
{
	seal_slot_write(&sealer->secrets->slot, sealer->secrets->block);
	sealer->index = index;
	return seal_block_put(sealer->fd, index, sealer->secrets->block);
}

static int other_wipe(struct sealer *sealer)
{
	memset(sealer->secrets->block, 0, SLOT_BYTES);
	return seal_block_put(sealer->fd, 1 - sealer->index, sealer->secrets->block);
}

/* On to the key after the one that was used, which is overwritten in memory at once and on the disk once its successor is durable. */
static int state_advance(struct sealer *sealer, uint64_t size, const struct hash *root)
{
	struct secrets *secrets = sealer->secrets;
	struct seal_slot *slot = &secrets->slot;
	slot->number++;
	slot->size = size;
	slot->root = *root;
	memcpy(slot->seed, slot->after, SEED_BYTES);
	randombytes_buf(slot->after, SEED_BYTES);
	keys_of_slot(secrets);
	int rc = state_put(sealer, 1 - sealer->index);
	return rc ? rc : other_wipe(sealer);
}

/* ---- seal and trail side by side ---- */

static const uint8_t *row_start(const struct log_keys *keys, uint64_t number)
{
	for (uint32_t i = 0; i < keys->start_count; i++)
		if (keys->start[i].number == number)
			return keys->start[i].key;
	return NULL;
}

static int rolled_back(const struct opening *opening)
{
	const struct seal_slot *slot = &opening->sealer->secrets->slot;
	const struct sealed *last = opening->last;
	if (last->number > slot->number)
		return key_fail(opening->why, ERR_STATE, opening->folder, SEAL_FILE,
				"an older copy of the seal key: it ends at checkpoint %" PRIu64 " over %" PRIu64
				" records, the trail has checkpoint %" PRIu64 " over %" PRIu64,
				slot->number - 1, slot->size, last->number, last->size);
	snprintf(opening->why, 256,
		 "the trail is an older copy (a rollback): checkpoint %" PRIu64 " over %" PRIu64
		 " records was sealed, and this trail ends with checkpoint %" PRIu64 " over %" PRIu64 " records",
		 slot->number - 1, slot->size, last->number, last->size);
	return ERR_STATE;
}

static int foreign(const struct opening *opening)
{
	const struct seal_slot *slot = &opening->sealer->secrets->slot;
	snprintf(opening->why, 256,
		 "trail and seal key do not belong together: checkpoint %" PRIu64 " over %" PRIu64
		 " records was sealed, and checkpoint %" PRIu64 " over %" PRIu64
		 " records in this trail is not of the same history",
		 slot->number - 1, slot->size, opening->last->number, opening->last->size);
	return ERR_STATE;
}

/* Says in `*out_advance` whether the slot's first key was used already. */
static int state_check(const struct opening *opening, bool *out_advance)
{
	const struct sealer *sealer = opening->sealer;
	const struct secrets *secrets = sealer->secrets;
	const struct seal_slot *slot = &secrets->slot;
	const struct sealed *last = opening->last;
	*out_advance = slot->number == last->number;
	if (*out_advance) /* nobody but this slot could have announced its second key */
		return key_same(last->next_seal, public_of(secrets->next)) && last->size > slot->size ? 0 : foreign(opening);
	if (slot->number != last->number + 1)
		return rolled_back(opening);
	const uint8_t *expected = row_start(&sealer->keys, slot->number);
	if (!expected && last->number)
		expected = last->next_seal;
	if (slot->size != last->size || memcmp(&slot->root, &last->root, sizeof(slot->root)) != 0 || !expected ||
	    !key_same(expected, public_of(secrets->seal)))
		return foreign(opening);
	return 0;
}

/* With two whole slots the sync of the newer may be what failed, and it may stand in the page cache alone: it is written and synced
 * once more, before the older one is overwritten. A slot without another was durable before that one went. */
static int state_settle(const struct opening *opening)
{
	struct sealer *sealer = opening->sealer;
	bool advance = false;
	int rc = state_check(opening, &advance);
	if (rc)
		return rc;
	if (sealer->secrets->other.whole)
		rc = state_put(sealer, sealer->index);
	if (rc == 0)
		rc = advance ? state_advance(sealer, opening->last->size, &opening->last->root) : other_wipe(sealer);
	return rc ? seal_fail(opening, rc, "cannot be written") : 0;
}

/* ---- opening ---- */

/* The files are made in this order, and each in one step: a secret without what follows it was not used yet, if the trail has no
 * checkpoint. */
static int files_make(const struct opening *opening)
{
	bool log = key_file_there(opening->folder, LOG_SECRET_FILE), seal = key_file_there(opening->folder, SEAL_FILE);
	int rc = log ? log_secret_read(opening) : log_secret_make(opening);
	if (rc == 0)
		rc = seal ? seal_read(opening) : seal_make(opening);
	if (rc == 0 && opening->sealer->secrets->slot.number != 1)
		rc = key_fail(opening->why, ERR_NOT_FOUND, opening->folder, LOG_PUBLIC_FILE,
			      "is gone, and checkpoints were sealed: put back a copy of it");
	if (rc == 0)
		rc = public_make(opening);
	if (opening->sealer->fd >= 0)
		file_calls->close(opening->sealer->fd);
	opening->sealer->fd = -1;
	return rc;
}

static int files_check(const struct opening *opening)
{
	static const char *const names[] = {LOG_SECRET_FILE, SEAL_FILE, LOG_PUBLIC_FILE};
	bool there[3];
	for (unsigned i = 0; i < 3; i++)
		there[i] = key_file_there(opening->folder, names[i]);
	if (!opening->last->number && !there[2] && (there[0] || !there[1]))
		return files_make(opening);
	for (unsigned i = 0; i < 3; i++)
		if (!there[i])
			return key_fail(
				opening->why, ERR_NOT_FOUND, opening->folder, names[i], "is gone, and %s; put back a copy of it",
				opening->last->number ? "the trail has checkpoints made with it" : "its sister files are there");
	return 0;
}

static int sealer_make(struct sealer **out_sealer, char out_why[256])
{
	struct sealer *sealer = calloc(1, sizeof(*sealer));
	struct secrets *secrets = sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*secrets));
	out_why[0] = 0;
	if (!sealer || !secrets) {
		free(sealer);
		sodium_free(secrets);
		snprintf(out_why, 256, "%s", error_sentence(ERR_MEMORY));
		return ERR_MEMORY;
	}
	memset(secrets, 0, sizeof(*secrets));
	sealer->secrets = secrets;
	sealer->fd = -1;
	*out_sealer = sealer;
	return 0;
}

static int sealer_load(const struct opening *opening)
{
	char text[TEXT_BYTES];
	size_t bytes;
	int rc = files_check(opening);
	if (rc == 0)
		rc = log_secret_read(opening);
	if (rc == 0)
		rc = public_read(opening, text, &bytes);
	if (rc == 0)
		rc = seal_read(opening);
	return rc ? rc : state_settle(opening);
}

int sealer_open(const char *folder, const struct sealed *last, struct sealer **out_sealer, char out_why[256])
{
	struct opening opening = {.folder = folder, .last = last, .why = out_why};
	int rc = sealer_make(&opening.sealer, out_why);
	if (rc)
		return rc;
	rc = sealer_load(&opening);
	if (rc)
		sealer_close(opening.sealer);
	else
		*out_sealer = opening.sealer;
	return rc;
}

void sealer_close(struct sealer *sealer)
{
	if (!sealer)
		return;
	sodium_free(sealer->secrets); /* overwrites */
	if (sealer->fd >= 0)
		file_calls->close(sealer->fd);
	free(sealer);
}

const struct log_keys *sealer_keys(const struct sealer *sealer)
{
	return &sealer->keys;
}

/* ---- sealing ---- */

void sealer_sign(struct sealer *sealer, uint64_t size, const struct hash *root, uint64_t time_ms, char out_text[NOTE_BYTES_MAX])
{
	struct note note = {.number = sealer->secrets->slot.number, .size = size, .root = *root, .time_ms = time_ms};
	assert(!sealer->broken);
	memcpy(note.origin, sealer->keys.origin, sizeof(note.origin));
	memcpy(note.next_seal, public_of(sealer->secrets->next), sizeof(note.next_seal));
	note_write(&note, sealer->secrets->log, sealer->secrets->seal, out_text);
	sealer->signed_size = size;
	sealer->signed_root = *root;
}

int sealer_committed(struct sealer *sealer)
{
	assert(!sealer->broken && sealer->signed_size);
	int rc = state_advance(sealer, sealer->signed_size, &sealer->signed_root);
	sealer->signed_size = 0;
	sealer->broken = rc != 0;
	return rc;
}

/* ---- a new row ---- */

/* The text of log.pub with the new line at its end; lines of rows that begin at the same checkpoint or later are commented out: no
 * checkpoint was or will be sealed by them. */
static size_t public_extend(const struct opening *opening, const char *text, size_t bytes, char *out_text, size_t room)
{
	char line[KEY_LINE_BYTES], name[64], why[256];
	uint8_t key[PUBLIC_KEY_BYTES];
	size_t done = 0;
	uint64_t number = opening->sealer->secrets->slot.number;
	for (size_t at = 0; at < bytes;) {
		const char *end = memchr(text + at, '\n', bytes - at);
		size_t line_bytes = end ? (size_t)(end - text) - at : bytes - at;
		const char *seal;
		bool later = key_line_read(text + at, line_bytes, name, key, why) == 0 && (seal = strstr(name, "/seal/")) &&
			     strtoull(seal + 6, NULL, 10) >= number;
		done += (size_t)snprintf(out_text + done, room - done, "%s%.*s\n", later ? "# " : "", (int)line_bytes, text + at);
		at += line_bytes + 1;
	}
	seal_line(opening->sealer, opening->sealer->keys.origin, line);
	return done + (size_t)snprintf(out_text + done, room - done, "%s\n", line);
}

/* First the new key, then its line: until both are there the key is refused as foreign, and this can be done again. */
static int row_begin(const struct opening *opening)
{
	char text[TEXT_BYTES], extended[2 * TEXT_BYTES];
	size_t bytes = 0;
	int rc = log_secret_read(opening);
	if (rc == 0)
		rc = public_read(opening, text, &bytes);
	if (rc == 0)
		rc = seal_make(opening);
	if (rc)
		return rc;
	bytes = public_extend(opening, text, bytes, extended, sizeof(extended));
	if (bytes >= TEXT_BYTES)
		return key_fail(opening->why, ERR_FULL, opening->folder, LOG_PUBLIC_FILE, "has no room for one more line");
	return key_file_put(opening->folder, LOG_PUBLIC_FILE, 0644, extended, bytes, opening->why);
}

int sealer_restart(const char *folder, const struct sealed *last, char out_why[256])
{
	struct opening opening = {.folder = folder, .last = last, .why = out_why};
	int rc = sealer_make(&opening.sealer, out_why);
	if (rc)
		return rc;
	rc = row_begin(&opening);
	sealer_close(opening.sealer);
	return rc;
}
