/* SPDX-License-Identifier: MIT
 *
 * Which values are known: read from the state folder, and again when it changes.
 */
#include "actors/vault.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <zmq.h>

#include "actors/certificate.h"
#include "actors/vault_inner.h"

#define WATCHED     (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR)
#define GATHER_ROOM 65536u
#define LOG_KEY     "log.key"
#define SEAL_KEY    "seal.key"

/* Values as they are read. */
struct gathering {
	struct vault *vault; /* for its problem */
	uint8_t *at;         /* locked */
	size_t bytes, room;
	struct known *known;
	size_t count, known_room;
	int rc;
};

/* ---- gathering ---- */

static bool is_known(const struct gathering *gathering, const uint8_t *value, size_t bytes)
{
	for (size_t i = 0; i < gathering->count; i++)
		if (gathering->known[i].bytes == bytes && memcmp(gathering->at + gathering->known[i].at, value, bytes) == 0)
			return true;
	return false;
}

static bool make_room(struct gathering *gathering, size_t bytes)
{
	size_t room = gathering->room ? gathering->room : GATHER_ROOM;
	uint8_t *larger;

	while (room < gathering->bytes + bytes)
		room *= 2;
	if (room == gathering->room)
		return true;
	larger = sodium_malloc(room);
	if (!larger)
		return false;
	if (gathering->bytes)
		memcpy(larger, gathering->at, gathering->bytes);
	sodium_free(gathering->at);
	gathering->at = larger;
	gathering->room = room;
	return true;
}

static bool make_row(struct gathering *gathering)
{
	size_t room = gathering->known_room ? 2 * gathering->known_room : 64;
	struct known *larger;

	if (gathering->count < gathering->known_room)
		return true;
	larger = realloc(gathering->known, room * sizeof(*larger));
	if (!larger)
		return false;
	gathering->known = larger;
	gathering->known_room = room;
	return true;
}

static void add_value(struct gathering *gathering, const char *kind, const void *value, size_t bytes)
{
	struct known *known;

	if (bytes < SECRET_BYTES_MIN || bytes > SECRET_BYTES_MAX || gathering->count >= SECRETS_MAX ||
	    secret_is_monotonous(value, bytes) || is_known(gathering, value, bytes))
		return;
	if (!make_room(gathering, bytes) || !make_row(gathering)) {
		gathering->rc = ERR_MEMORY;
		return;
	}
	known = &gathering->known[gathering->count++];
	snprintf(known->kind, sizeof(known->kind), "%s", kind);
	known->at = (uint32_t)gathering->bytes;
	known->bytes = (uint32_t)bytes;
	memcpy(gathering->at + gathering->bytes, value, bytes);
	gathering->bytes += bytes;
}

/* As a whole, without a line feed at its end, and each of its lines. */
static void add_text(struct gathering *gathering, const char *kind, const char *value, size_t bytes)
{
	const char *end = value + bytes;

	add_value(gathering, kind, value, bytes);
	while (end > value && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	add_value(gathering, kind, value, (size_t)(end - value));
	for (const char *line = value; line < end;) {
		const char *feed = memchr(line, '\n', (size_t)(end - line));
		const char *stop = feed ? feed : end;

		add_value(gathering, kind, line, (size_t)(stop - line) - (stop > line && stop[-1] == '\r'));
		line = stop + 1;
	}
}

/* ---- files ---- */

static void problem(struct gathering *gathering, const char *sentence)
{
	if (!*gathering->vault->problem)
		snprintf(gathering->vault->problem, SENTENCE_BYTES, "%s", sentence);
}

static void add_pair(struct gathering *gathering, const char *path)
{
	struct certificate certificate;
	char sentence[SENTENCE_BYTES], kind[KIND_BYTES];
	uint8_t raw[32];

	if (certificate_read(path, &certificate, sentence)) {
		problem(gathering, sentence);
		return;
	}
	if (*certificate.secret_key) {
		snprintf(kind, sizeof(kind), "the key of %s", *certificate.name ? certificate.name : "a peer");
		add_value(gathering, kind, certificate.secret_key, strlen(certificate.secret_key));
		if (zmq_z85_decode(raw, certificate.secret_key))
			add_value(gathering, kind, raw, sizeof(raw));
	}
	sodium_memzero(&certificate, sizeof(certificate));
	sodium_memzero(raw, sizeof(raw));
}

/* PRIVATE+KEY+NAME+HASH+BASE64(1 || seed) */
static void add_log_key(struct gathering *gathering, char *text)
{
	const char *at = text;
	uint8_t raw[64];
	size_t bytes = 0;

	for (int i = 0; i < 4 && at; i++)
		at = strchr(at, '+') ? strchr(at, '+') + 1 : NULL;
	if (!at) {
		problem(gathering, "keys/" LOG_KEY " is no log key");
		return;
	}
	text[strcspn(text, "\r\n")] = 0;
	add_value(gathering, "the log key", at, strlen(at));
	if (sodium_base642bin(raw, sizeof(raw), at, strlen(at), NULL, &bytes, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    bytes > 1)
		add_value(gathering, "the log key", raw + 1, bytes - 1);
	sodium_memzero(raw, sizeof(raw));
}

static void add_file(struct gathering *gathering, const char *path, const char *kind, bool log_key)
{
	static char text[SECRET_BYTES_MAX + 2]; /* one thread reads, and wipes it at once */
	size_t bytes = 0;
	int rc = file_read(path, text, sizeof(text), &bytes);

	if (rc == 0 && log_key)
		add_log_key(gathering, text);
	else if (rc == 0)
		add_text(gathering, kind, text, bytes);
	else if (rc != ERR_NOT_FOUND) {
		char sentence[SENTENCE_BYTES];

		snprintf(sentence, sizeof(sentence), "%.300s: %s", path, error_sentence(rc));
		problem(gathering, sentence);
	}
	sodium_memzero(text, sizeof(text));
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t bytes = strlen(name), end = strlen(suffix);

	return bytes > end && strcmp(name + bytes - end, suffix) == 0;
}

static void take_key_file(struct gathering *gathering, const char *folder, const char *name)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	if (ends_with(name, ".secret"))
		add_file(gathering, path, name, false);
	else if (strcmp(name, LOG_KEY) == 0)
		add_file(gathering, path, NULL, true);
	else if (ends_with(name, ".key") && strcmp(name, SEAL_KEY) != 0)
		add_pair(gathering, path);
}

static void take_secret_file(struct gathering *gathering, const char *folder, const char *name)
{
	char path[PATH_BYTES], kind[KIND_BYTES];

	if (!secret_name_check(name) || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	snprintf(kind, sizeof(kind), "the secret %.*s", (int)SECRET_NAME_BYTES, name);
	add_file(gathering, path, kind, false);
}

static void take_folder(struct gathering *gathering, const char *relative,
			void (*take)(struct gathering *gathering, const char *folder, const char *name))
{
	char folder[PATH_BYTES];
	const struct dirent *entry;
	DIR *dir = state_path(&gathering->vault->state, relative, folder) ? NULL : opendir(folder);

	if (!dir) {
		if (errno != ENOENT)
			problem(gathering, "the folder of keys cannot be read");
		return;
	}
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			take(gathering, folder, entry->d_name);
	closedir(dir);
}

/* ---- from values to what is searched ---- */

static void drop(struct vault *vault)
{
	search_free(vault->search);
	sodium_free(vault->store);
	sodium_free(vault->needle);
	free(vault->known);
	vault->search = NULL;
	vault->store = NULL;
	vault->needle = NULL;
	vault->known = NULL;
	vault->count = vault->needle_count = vault->store_bytes = vault->longest = 0;
}

static int build(struct vault *vault, struct gathering *gathering)
{
	size_t room = gathering->bytes + 1;

	for (size_t i = 0; i < gathering->count; i++)
		room += forms_room(gathering->known[i].bytes);
	vault->store = sodium_malloc(room);
	vault->needle_room = FORMS_COUNT * gathering->count + 1;
	vault->needle = sodium_allocarray(vault->needle_room, sizeof(*vault->needle));
	if (!vault->store || !vault->needle)
		return ERR_MEMORY;
	vault->store_room = room;
	vault->store_bytes = gathering->bytes;
	if (gathering->bytes)
		memcpy(vault->store, gathering->at, gathering->bytes);
	vault->known = gathering->known;
	vault->count = gathering->count;
	gathering->known = NULL;
	for (uint32_t i = 0; i < vault->count; i++) {
		forms_write(vault, i);
		if (vault->known[i].bytes > vault->longest)
			vault->longest = vault->known[i].bytes;
	}
	return search_new(vault->needle, vault->needle_count, &vault->search);
}

void vault_reload(struct vault *vault)
{
	struct gathering gathering = {.vault = vault};
	struct vault fresh = {0};

	*vault->problem = 0;
	take_folder(&gathering, STATE_KEYS, take_key_file);
	take_folder(&gathering, STATE_SECRETS, take_secret_file);
	if (!gathering.rc)
		gathering.rc = build(&fresh, &gathering);
	sodium_free(gathering.at);
	free(gathering.known);
	if (gathering.rc) { /* what was known before stays so */
		drop(&fresh);
		snprintf(vault->problem, SENTENCE_BYTES, "out of memory for the secrets");
		return;
	}
	drop(vault);
	vault->search = fresh.search;
	vault->store = fresh.store;
	vault->store_bytes = fresh.store_bytes;
	vault->store_room = fresh.store_room;
	vault->needle = fresh.needle;
	vault->needle_count = fresh.needle_count;
	vault->needle_room = fresh.needle_room;
	vault->known = fresh.known;
	vault->count = fresh.count;
	vault->longest = fresh.longest;
}

/* ---- life ---- */

static int watch(struct vault *vault)
{
	static const char *const folders[] = {STATE_KEYS, STATE_SECRETS};
	char path[PATH_BYTES];

	vault->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (unsigned i = 0; i < 2; i++)
		if (vault->watch < 0 || state_path(&vault->state, folders[i], path) ||
		    inotify_add_watch(vault->watch, path, WATCHED) < 0)
			return ERR_IO;
	return 0;
}

int vault_new(const struct state_folder *state, struct vault **out_vault)
{
	struct vault *vault = calloc(1, sizeof(*vault));
	int rc;

	if (!vault || sodium_init() < 0) {
		free(vault);
		return ERR_MEMORY;
	}
	vault->state = *state;
	rc = watch(vault);
	if (rc) {
		vault_free(vault);
		return rc;
	}
	vault_reload(vault); /* after the watch began, so that no change falls between */
	*out_vault = vault;
	return 0;
}

void vault_free(struct vault *vault)
{
	if (!vault)
		return;
	drop(vault);
	if (vault->watch >= 0)
		close(vault->watch);
	for (unsigned i = 0; i < LAYERS_MAX; i++) {
		if (vault->layer[i].at)
			sodium_memzero(vault->layer[i].at, vault->layer[i].capacity);
		free(vault->layer[i].at);
		free(vault->layer[i].from);
		free(vault->layer[i].to);
	}
	free(vault);
}

int vault_fd(const struct vault *vault)
{
	return vault->watch;
}

void vault_refresh(struct vault *vault)
{
	char events[4096] __attribute__((aligned(8)));
	bool changed = false;

	while (read(vault->watch, events, sizeof(events)) > 0)
		changed = true;
	if (changed)
		vault_reload(vault);
}

size_t vault_count(const struct vault *vault)
{
	return vault ? vault->count : 0;
}

const char *vault_problem(const struct vault *vault)
{
	return vault->problem;
}
