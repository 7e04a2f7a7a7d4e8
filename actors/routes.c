/* SPDX-License-Identifier: MIT
 *
 * routing.conf as Omega has it: read, parsed, and put in force by a record.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/shell.h"

#define ROUTES_FILE_BYTES 262144u

/* The file's text, NUL-terminated; the caller frees it. */
static int read_text(const char *path, char **out_text, struct hash *out_hash, char out_sentence[CONF_SENTENCE_BYTES])
{
	char *text = malloc(ROUTES_FILE_BYTES);
	size_t bytes = 0;
	int rc = text ? file_read(path, text, ROUTES_FILE_BYTES, &bytes) : ERR_MEMORY;

	if (rc) {
		snprintf(out_sentence, CONF_SENTENCE_BYTES,
			 "%s: it cannot be read (%s); a routing table of at most %u bytes is expected there", path,
			 error_sentence(rc), ROUTES_FILE_BYTES - 1);
		free(text);
		return rc == ERR_MEMORY ? rc : ERR_CONFIG;
	}
	crypto_hash_sha256(out_hash->bytes, (const uint8_t *)text, bytes);
	*out_text = text;
	return 0;
}

static int read_conf(struct shell *shell, struct conf *out_conf, struct hash *out_hash, char out_sentence[CONF_SENTENCE_BYTES])
{
	char *text = NULL;
	int rc = read_text(shell->options->routing_file, &text, out_hash, out_sentence);

	if (!rc)
		rc = conf_parse(text, shell->options->routing_file, out_conf, out_sentence);
	free(text);
	return rc;
}

int routes_read(struct shell *shell, struct conf *out_conf, char out_sentence[CONF_SENTENCE_BYTES])
{
	struct hash hash;

	return read_conf(shell, out_conf, &hash, out_sentence);
}

/* Routes that left the file while tasks of them were live stand at the end of the table in force; they do not count. */
static bool same_table(const struct table *wanted, const struct table *in_force)
{
	static uint8_t a[TABLE_BYTES_MAX];
	static uint8_t b[TABLE_BYTES_MAX];
	static struct table left; /* all three are large, and one thread asks */
	static struct table right;
	size_t a_bytes;
	size_t b_bytes;

	left = *wanted;
	right = *in_force;
	left.version = right.version = 0;
	while (right.route_count && right.route[right.route_count - 1].retired)
		right.route_count--;
	if (table_encode(&left, a, sizeof(a), &a_bytes) || table_encode(&right, b, sizeof(b), &b_bytes))
		return false;
	return a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0;
}

/* A table is recorded as it is, so nothing secret may stand in it. */
static int check_secrets(struct shell *shell, const uint8_t *bytes, size_t used)
{
	const char *kind = vault_holds(shell->vault, bytes, used);

	if (!kind)
		return 0;
	snprintf(shell->reload_sentence, sizeof(shell->reload_sentence),
		 "%s stands in the routes, roles or task types of the file, which are recorded as they are", kind);
	return ERR_CONFIG;
}

static int put_in_force(struct shell *shell, const struct table *table, const struct hash *hash, const char *who)
{
	static uint8_t bytes[TABLE_BYTES_MAX];
	struct message message = {.type = MESSAGE_ROUTES_LOADED};
	struct table numbered = *table;
	size_t used;
	int rc;

	numbered.version = omega_table(shell->omega)->version + 1;
	rc = table_encode(&numbered, bytes, sizeof(bytes), &used);
	if (!rc)
		rc = check_secrets(shell, bytes, used);
	if (rc)
		return rc;
	message.routes_loaded.version = numbered.version;
	message.routes_loaded.file_hash = *hash;
	message.routes_loaded.who = (struct text){who, (uint32_t)strlen(who)};
	message.routes_loaded.table = (struct bytes){bytes, (uint32_t)used};
	rc = shell_step_own(shell, &message);
	if (!rc && shell->records->item[0].verdict) {
		rc = -(int)shell->records->item[0].verdict;
		snprintf(shell->reload_sentence, sizeof(shell->reload_sentence),
			 "the table leaves no room for the routes of live tasks; %u routes are possible in all", ROUTES_MAX);
	}
	return rc;
}

int routes_load(struct shell *shell, const char *who)
{
	struct conf *conf = malloc(sizeof(*conf));
	struct hash hash;
	char name[NAME_BYTES];
	int rc = conf ? read_conf(shell, conf, &hash, shell->reload_sentence) : ERR_MEMORY;

	snprintf(name, sizeof(name), "%s", who);
	if (!rc && same_table(&conf->table, omega_table(shell->omega))) {
		snprintf(shell->reload_sentence, sizeof(shell->reload_sentence), "nothing has changed: version %u stays in force",
			 omega_table(shell->omega)->version);
	} else if (!rc) {
		rc = put_in_force(shell, &conf->table, &hash, name);
		if (!rc)
			snprintf(shell->reload_sentence, sizeof(shell->reload_sentence), "version %u is in force",
				 omega_table(shell->omega)->version);
	}
	if (!rc)
		shell->conf = *conf;
	free(conf);
	return rc;
}
