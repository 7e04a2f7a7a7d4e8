/* SPDX-License-Identifier: MIT
 *
 * bunshin peer add, list, remove
 */
#include <stdio.h>
#include <stdlib.h>

#include "actors/keys.h"
#include "cli/listing.h"
#include "cli/session.h"

static const struct column columns[] = {
	{"PEER", "name", COLUMN_TEXT, false},
	{"ROLES", "roles", COLUMN_TEXT, false},
	{"PUBLIC KEY", "public_key", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	char sentence[SENTENCE_BYTES] = "";
	struct state_folder state;
	struct peer *peers = NULL;
	size_t count = 0;
	json_t *rows;
	int problem, rc = session_state(call, &state);

	if (rc)
		return rc;
	problem = peer_list(&state, &peers, &count, sentence);
	rows = json_array();
	for (size_t i = 0; i < count; i++) {
		char roles[ROLES_TEXT_BYTES];
		roles_print(&peers[i], roles);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", peers[i].name, "roles", roles, "public_key",
						      peers[i].public_key));
	}
	free(peers);
	listing_print(call, "peers", rows, columns, "nobody is registered");
	return problem ? call_fail(call, problem, "whoever it was for cannot speak until it is put right", "%s", sentence) : 0;
}

const struct command command_peer_list = {
	.name = "peer list",
	.operands = "",
	.sentence = "Lists who may speak, and as what",
	.example = "$ bunshin peer list",
	.run = run_list,
};

static int run_add(struct call *call)
{
	const char *roles = option(call, "roles");
	const char *key = option(call, "public-key");
	char sentence[SENTENCE_BYTES] = "";
	char path[PATH_BYTES];
	struct state_folder state;
	int rc;

	if (!roles)
		return call_fail(
			call, ERR_USAGE, NULL,
			"--roles is missing; client, operator, auditor or clone:ROLE, separated by commas, would be accepted");
	rc = session_state(call, &state);
	if (rc)
		return rc;
	rc = peer_add(&state, call->operand[0], roles, key, sentence);
	if (rc)
		return call_fail(call, rc, "`bunshin peer list` shows who is registered", "%s", sentence);
	if (state_path_of(&state, STATE_KEYS, call->operand[0], ".key", path))
		path[0] = 0;
	if (call->json)
		return print_json(json_pack("{s:s, s:s, s:o}", "name", call->operand[0], "roles", roles, "key_file",
					    key ? json_null() : json_string(path)));
	if (!key)
		puts(path);
	call_note(call,
		  key ? "%s may speak from now on"
		      : "%s may speak from now on; its key pair is in the file above: keep it secret",
		  call->operand[0]);
	return 0;
}

static const struct option_row add_options[] = {
	{"roles", "ROLES", "client, operator, auditor or clone:ROLE, separated by commas"},
	{"public-key", "KEY", "its public key (Z85, 40 characters); without it a key pair is made"},
	{NULL, NULL, NULL},
};

const struct command command_peer_add = {
	.name = "peer add",
	.operands = "NAME",
	.sentence = "Lets somebody speak: a person, a program, a clone of your own",
	.example = "$ bunshin peer add echo/1 --roles clone:echo\n$ bunshin peer add alice --roles client,auditor --public-key "
		   "'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'",
	.notes = "A clone's name is ROLE/N. Takes effect at once.",
	.options = add_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_add,
};

static int run_remove(struct call *call)
{
	char sentence[SENTENCE_BYTES] = "";
	struct state_folder state;
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	rc = peer_remove(&state, call->operand[0], sentence);
	if (rc)
		return call_fail(call, rc, "`bunshin peer list` shows who is registered", "%s", sentence);
	if (call->json)
		return print_json(json_pack("{s:s, s:b}", "name", call->operand[0], "removed", 1));
	call_note(call, "%s may no longer speak, also not on a connection that stands", call->operand[0]);
	return 0;
}

const struct command command_peer_remove = {
	.name = "peer remove",
	.operands = "NAME",
	.sentence = "Takes somebody's right to speak away, and deletes the key pair if it was made here",
	.example = "$ bunshin peer remove alice",
	.operands_least = 1,
	.operands_most = 1,
	.run = run_remove,
};
