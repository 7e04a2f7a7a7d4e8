/* SPDX-License-Identifier: MIT
 *
 * bunshin audit keys
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "actors/backup.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "protocol/id.h"

#define FILE_BYTES_MAX 16384u

/* SHA-256 of the log key; its first sixteen digits are the name of the log. */
static void fingerprint(const struct log_keys *keys, char out[65])
{
	struct hash hash;

	crypto_hash_sha256(hash.bytes, keys->log, sizeof(keys->log));
	hex_print(hash.bytes, sizeof(hash.bytes), out);
}

static json_t *lines_of(const char *text)
{
	json_t *lines = json_array();

	while (*text) {
		size_t bytes = strcspn(text, "\n");

		if (bytes && *text != '#')
			json_array_append_new(lines, json_stringn(text, bytes));
		text += bytes + (text[bytes] != 0);
	}
	return lines;
}

static int say(struct call *call, const char *path, const char *text, const struct log_keys *keys)
{
	char print[65];

	fingerprint(keys, print);
	if (call->json)
		return print_json(json_pack("{s:s, s:s, s:s, s:i, s:o}", "file", path, "origin", keys->origin, "fingerprint",
					    print, "rows", (int)keys->start_count, "lines", lines_of(text)));
	fputs(text, stdout);
	call_note(call, "fingerprint %s", print);
	call_note(call, "keep a copy of these lines where the trail is not: whoever has them can check it, and nothing in them "
			"is secret");
	if (keys->start_count > 1)
		call_note(call, "the trail was set back %u time%s: each line of a seal after the first begins a new row of keys",
			  keys->start_count - 1, keys->start_count == 2 ? "" : "s");
	return 0;
}

static int run(struct call *call)
{
	char path[PATH_BYTES], text[FILE_BYTES_MAX], sentence[SENTENCE_BYTES];
	struct state_folder state;
	struct log_keys keys;
	size_t bytes;
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	rc = state_path(&state, STATE_KEYS "/" BACKUP_KEYS, path);
	if (!rc)
		rc = log_keys_load(path, &keys, sentence);
	if (!rc)
		rc = file_read(path, text, sizeof(text), &bytes);
	if (rc)
		return call_fail(call, rc, "`bunshin up` makes them with its first start", "%s", sentence);
	return say(call, path, text, &keys);
}

const struct command command_audit_keys = {
	.name = "audit keys",
	.operands = "",
	.sentence = "Prints the public keys by which the trail can be checked, and their fingerprint",
	.example = "$ bunshin audit keys > log.pub",
	.notes = "Give the output to whoever shall be able to check the trail, its exports and receipts, and keep a copy in "
		 "another "
		 "place: a\n"
		 "trail is only as good as the key that it is compared with. The fingerprint goes to stderr. Works without a "
		 "running "
		 "network.",
	.run = run,
};
