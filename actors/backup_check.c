/* SPDX-License-Identifier: MIT
 *
 * Is a backup what it says? Nothing here trusts backup.json beyond what the trail and the names of the artefacts confirm.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/backup.h"
#include "actors/transfer.h"
#include "audit/seal.h"
#include "protocol/id.h"

#define FACTS_BYTES_MAX 16384u
#define KEYS_BYTES_MAX  16384u

static int join(char out[PATH_BYTES], const char *folder, const char *name)
{
	return snprintf(out, PATH_BYTES, "%s/%s", folder, name) < (int)PATH_BYTES ? 0 : ERR_TOO_LARGE;
}

/* ---- backup.json ---- */

static bool facts_take(json_t *json, struct backup_facts *facts)
{
	const char *origin, *head;
	json_int_t made, records, payloads, checkpoint, sealed, artefacts, bytes, damaged;
	int secrets;

	if (json_unpack(json, "{s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "origin", &origin, "made_at_ms", &made,
			"records", &records, "payloads", &payloads, "head", &head, "checkpoint", &checkpoint, "sealed", &sealed,
			"artefacts", &artefacts, "artefact_bytes", &bytes, "damaged", &damaged, "keys", &secrets))
		return false;
	if (strlen(origin) >= ORIGIN_BYTES || strlen(head) != 64 ||
	    sodium_hex2bin(facts->head.bytes, 32, head, 64, NULL, NULL, NULL))
		return false;
	snprintf(facts->origin, sizeof(facts->origin), "%s", origin);
	facts->made_at_ms = (uint64_t)made;
	facts->records = (uint64_t)records;
	facts->payloads = (uint64_t)payloads;
	facts->checkpoint = (uint64_t)checkpoint;
	facts->sealed = (uint64_t)sealed;
	facts->artefacts = (uint64_t)artefacts;
	facts->artefact_bytes = (uint64_t)bytes;
	facts->damaged = (uint64_t)damaged;
	facts->secrets = secrets;
	return true;
}

static int facts_parse(const char *path, const char *text, struct backup_facts *facts, char *sentence)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);
	const char *format = json_string_value(json_object_get(json, "format"));
	int rc = 0;

	if (!json || !format || strncmp(format, "bunshin-backup/", 15) != 0)
		rc = ERR_CORRUPT;
	else if (strcmp(format, BACKUP_FORMAT) != 0)
		rc = ERR_NEWER;
	else if (!facts_take(json, facts))
		rc = ERR_CORRUPT;
	if (rc == ERR_NEWER)
		snprintf(sentence, SENTENCE_BYTES, "%.300s: the backup has the form %.40s, this program reads " BACKUP_FORMAT,
			 path, format);
	else if (rc)
		snprintf(sentence, SENTENCE_BYTES, "%.300s does not describe a backup: it is damaged", path);
	json_decref(json);
	return rc;
}

int backup_read(const char *folder, struct backup_facts *out_facts, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES], text[FACTS_BYTES_MAX];
	size_t bytes;
	int rc = join(path, folder, BACKUP_FACTS);

	*out_facts = (struct backup_facts){0};
	if (!rc)
		rc = file_read(path, text, sizeof(text), &bytes);
	if (rc == ERR_NOT_FOUND)
		snprintf(out_sentence, SENTENCE_BYTES,
			 "%.300s is no backup, or not a whole one: there is no " BACKUP_FACTS " in it", folder);
	else if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s cannot be read: %s", path, error_sentence(rc));
	return rc ? rc : facts_parse(path, text, out_facts, out_sentence);
}

/* ---- the trail ---- */

int log_keys_load(const char *path, struct log_keys *out_keys, char out_sentence[SENTENCE_BYTES])
{
	char text[KEYS_BYTES_MAX], why[256];
	size_t bytes;
	int rc = file_read(path, text, sizeof(text), &bytes);

	if (rc) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", path,
			 rc == ERR_NOT_FOUND ? "there are no public keys of a trail" : error_sentence(rc));
		return rc;
	}
	rc = log_keys_read(text, bytes, out_keys, why);
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.200s: %s", path, why);
	return rc;
}

int trail_check(const char *path, const struct log_keys *keys, struct trail_verdict *out_verdict, struct sealed *out_sealed,
		char out_sentence[SENTENCE_BYTES])
{
	char why[256] = "";
	struct trail *trail = NULL;
	int rc = trail_open(path, TRAIL_READ, &trail, why);

	if (!rc) {
		rc = trail_verify_sealed(trail, 0, keys, out_verdict);
		if (rc)
			snprintf(why, sizeof(why), "%s", out_verdict->why);
	}
	if (!rc) {
		rc = trail_sealed(trail, out_sealed);
		if (rc)
			snprintf(why, sizeof(why), "%s", trail_why(trail));
	}
	trail_close(trail);
	if (rc == ERR_CORRUPT && out_verdict->bad_seq)
		snprintf(out_sentence, SENTENCE_BYTES, "%.200s: record %llu is the first that is wrong: %s", path,
			 (unsigned long long)out_verdict->bad_seq, why);
	else if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.200s: %s", path, *why ? why : error_sentence(rc));
	return rc;
}

/* ---- artefacts ---- */

struct checking {
	const char *folder;
	uint64_t count;
	uint64_t bytes;
	char *sentence;
};

static int check_artefact(void *context, const char *relative, const struct hash *hash)
{
	struct checking *checking = context;
	char path[PATH_BYTES];
	struct hash found;
	uint64_t bytes = 0;
	int fd = -1, rc = join(path, checking->folder, relative);

	if (!rc)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (!rc && fd < 0)
		rc = ERR_IO;
	if (!rc)
		rc = file_hash(fd, &found, &bytes);
	if (!rc && !hash_equal(&found, hash))
		rc = ERR_CORRUPT;
	if (rc == ERR_CORRUPT)
		snprintf(checking->sentence, SENTENCE_BYTES, "the artefact %s is not what its name says", relative);
	else if (rc)
		snprintf(checking->sentence, SENTENCE_BYTES, "the artefact %s cannot be read: %s", relative, strerror(errno));
	checking->count++;
	checking->bytes += bytes;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int check_artefacts(const char *folder, const struct backup_facts *facts, char *sentence)
{
	struct checking checking = {.sentence = sentence};
	char path[PATH_BYTES];
	int rc = join(path, folder, BACKUP_ARTEFACTS);

	checking.folder = path;
	if (!rc)
		rc = backup_artefacts(path, check_artefact, &checking);
	if (rc || (checking.count == facts->artefacts && checking.bytes == facts->artefact_bytes))
		return rc;
	snprintf(sentence, SENTENCE_BYTES, "there are %llu artefacts in it, and " BACKUP_FACTS " says %llu",
		 (unsigned long long)checking.count, (unsigned long long)facts->artefacts);
	return ERR_CORRUPT;
}

int backup_check(const char *folder, const struct backup_facts *facts, const struct log_keys *keys,
		 char out_sentence[SENTENCE_BYTES])
{
	struct trail_verdict verdict = {0};
	struct sealed sealed = {0};
	char path[PATH_BYTES];
	int rc = join(path, folder, BACKUP_TRAIL);

	out_sentence[0] = 0;
	if (!rc)
		rc = trail_check(path, keys, &verdict, &sealed, out_sentence);
	if (!rc && (verdict.last_seq != facts->records || memcmp(&verdict.head, &facts->head, sizeof(verdict.head)) != 0)) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "its trail ends with record %llu, and not as " BACKUP_FACTS " says with %llu: it was cut or exchanged",
			 (unsigned long long)verdict.last_seq, (unsigned long long)facts->records);
		rc = ERR_CORRUPT;
	}
	if (!rc)
		rc = check_artefacts(folder, facts, out_sentence);
	if (rc && !out_sentence[0])
		snprintf(out_sentence, SENTENCE_BYTES, "%s", error_sentence(rc));
	return rc;
}
