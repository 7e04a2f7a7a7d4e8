/* SPDX-License-Identifier: MIT
 *
 * bunshin secret add, list, remove
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "actors/vault.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"

/* ---- add ---- */

/* All of stdin, or what a person types without being shown it; without the line feed at its end. */
static size_t read_value(char *out, size_t room)
{
	struct termios shown, hidden;
	bool person = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
	size_t bytes;

	if (person) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Value (is not shown): ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
		bytes = fgets(out, (int)room, stdin) ? strlen(out) : 0;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputc('\n', stderr);
	} else {
		bytes = fread(out, 1, room - 1, stdin);
	}
	if (bytes && out[bytes - 1] == '\n')
		bytes--;
	return bytes;
}

static int run_add(struct call *call)
{
	static char value[SECRET_BYTES_MAX + 3];
	const char *name = call->operand[0];
	char sentence[SENTENCE_BYTES] = "";
	struct state_folder state;
	size_t bytes;
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	if (!secret_name_check(name))
		return call_fail(call, ERR_CONFIG, NULL,
				 "\"%s\" cannot name a secret; up to %u letters, digits, '.', '_' and '-' could, beginning with "
				 "a letter or digit",
				 name, SECRET_NAME_BYTES - 1);
	setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it in a buffer */
	bytes = read_value(value, sizeof(value));
	rc = secret_add(&state, name, value, bytes, sentence);
	sodium_memzero(value, sizeof(value));
	if (rc)
		return call_fail(call, rc, "`bunshin secret list` shows the names", "%s", sentence);
	if (call->json)
		return print_json(json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)bytes));
	call_note(call, "%s is looked for from now on, and masked; records that were written before stay as they are", name);
	return 0;
}

const struct command command_secret_add = {
	.name = "secret add",
	.operands = "NAME",
	.sentence = "Makes a value known that must never stand in a record",
	.example = "$ bunshin secret add ci-token < token.txt\n$ bunshin secret add database",
	.notes =
		"The value is read from stdin, or asked for without being shown; never give it as an argument. It has 8 to 4,096 "
		"bytes; a\n"
		"line feed at its end does not count. It is stored in the state folder, readable by its owner alone. Omega then\n"
		"looks for it in whatever arrives, also in base64, hexadecimal and escaped, and writes '*' over it before "
		"anything is\n"
		"recorded or passed on. Takes effect at once; works without a running network.",
	.operands_least = 1,
	.operands_most = 1,
	.run = run_add,
};

/* ---- list ---- */

static const struct column columns[] = {
	{"SECRET", "name", COLUMN_TEXT, false},
	{"BYTES", "bytes", COLUMN_NUMBER, false},
	{"ADDED", "added_at", COLUMN_TIME, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	struct secret_file *files = NULL;
	struct state_folder state;
	size_t count = 0;
	json_t *rows;
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	rc = secret_list(&state, &files, &count);
	if (rc && rc != ERR_IO)
		return call_fail(call, rc, NULL, "the secrets cannot be listed: %s", error_sentence(rc));
	rows = json_array();
	for (size_t i = 0; i < count; i++) {
		char added[TIME_TEXT_BYTES];

		time_print_utc(files[i].added_ms, added);
		json_array_append_new(rows, json_pack("{s:s, s:I, s:s}", "name", files[i].name, "bytes",
						      (json_int_t)files[i].bytes, "added_at", added));
	}
	free(files);
	return listing_print(call, "secrets", rows, columns, "none were added; the keys of this network are known all the same");
}

const struct command command_secret_list = {
	.name = "secret list",
	.operands = "",
	.sentence = "Lists the names of the values that are looked for; no value is ever shown",
	.example = "$ bunshin secret list",
	.notes = "The private keys of the state folder are looked for as well, and not listed.",
	.run = run_list,
};

/* ---- remove ---- */

static int run_remove(struct call *call)
{
	char sentence[SENTENCE_BYTES] = "";
	struct state_folder state;
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	rc = secret_remove(&state, call->operand[0], sentence);
	if (rc)
		return call_fail(call, rc, "`bunshin secret list` shows the names", "%s", sentence);
	if (call->json)
		return print_json(json_pack("{s:s, s:b}", "name", call->operand[0], "removed", 1));
	call_note(call, "%s is no longer looked for: from now on it would be recorded", call->operand[0]);
	return 0;
}

const struct command command_secret_remove = {
	.name = "secret remove",
	.operands = "NAME",
	.sentence = "Forgets a value: it is overwritten, and no longer looked for",
	.example = "$ bunshin secret remove ci-token",
	.operands_least = 1,
	.operands_most = 1,
	.run = run_remove,
};
