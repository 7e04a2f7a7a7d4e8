/* SPDX-License-Identifier: MIT
 *
 * bunshin audit backup
 */
#include <stdio.h>
#include <stdlib.h>

#include "actors/backup.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "protocol/id.h"

static bool interrupted(void *context)
{
	(void)context;
	return watch_interrupted();
}

static json_t *damaged_json(const struct backup_facts *facts)
{
	json_t *damaged = json_array();

	for (uint64_t i = 0; i < facts->damaged && i < DAMAGED_NAMED; i++) {
		char hash[65];

		hex_print(facts->damaged_hash[i].bytes, 32, hash);
		json_array_append_new(damaged, json_string(hash));
	}
	return damaged;
}

static int say_json(const struct call *call, const struct backup_facts *facts, const struct trail_copied *copied)
{
	char at[TIME_TEXT_BYTES], head[65];

	time_print_utc(facts->made_at_ms, at);
	hex_print(facts->head.bytes, sizeof(facts->head.bytes), head);
	print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:I, s:I}", "folder",
			     call->operand[0], "origin", facts->origin, "made_at", at, "records", (json_int_t)facts->records,
			     "payloads", (json_int_t)facts->payloads, "head", head, "checkpoint", (json_int_t)facts->checkpoint,
			     "sealed", (json_int_t)facts->sealed, "artefacts", (json_int_t)facts->artefacts, "artefact_bytes",
			     (json_int_t)facts->artefact_bytes, "damaged", (json_int_t)facts->damaged, "damaged_named",
			     damaged_json(facts), "keys", (int)facts->secrets, "slices", (json_int_t)copied->slices,
			     "longest_slice_us", (json_int_t)copied->longest_us));
	return facts->damaged ? 1 : 0;
}

static int say(struct call *call, const struct backup_facts *facts, const struct trail_copied *copied)
{
	if (call->json)
		return say_json(call, facts, copied);
	printf("%s has %llu records, sealed up to %llu by checkpoint %llu, and %llu artefact%s; all of it was checked\n",
	       call->operand[0], (unsigned long long)facts->records, (unsigned long long)facts->sealed,
	       (unsigned long long)facts->checkpoint, (unsigned long long)facts->artefacts, facts->artefacts == 1 ? "" : "s");
	if (facts->secrets)
		call_note(call, "secret keys are in it: whoever reads %s can speak for this network", call->operand[0]);
	for (uint64_t i = 0; i < facts->damaged && i < DAMAGED_NAMED; i++) {
		char hash[65];

		hex_print(facts->damaged_hash[i].bytes, 32, hash);
		fprintf(stderr, "bunshin audit backup: the artefact %s is not what its name says, and was left out\n", hash);
	}
	if (facts->damaged)
		fprintf(stderr,
			"bunshin audit backup: %llu artefact%s in the state folder %s damaged; an older backup may have %s "
			"whole\n",
			(unsigned long long)facts->damaged, facts->damaged == 1 ? "" : "s", facts->damaged == 1 ? "is" : "are",
			facts->damaged == 1 ? "it" : "them");
	return facts->damaged ? 1 : 0;
}

/* Who has copied all of the trail, and when, stands on it: as an action of whoever runs this. */
static void tell_omega(struct call *call, const struct state_folder *state, const struct backup_facts *facts)
{
	char endpoint[ENDPOINT_TEXT_BYTES], sentence[CLIENT_SENTENCE_BYTES] = "", reason[PATH_BYTES + 64];
	struct client *client = NULL;
	int rc;

	if (state_endpoint_read(state, endpoint, sentence)) /* no network runs */
		return;
	snprintf(reason, sizeof(reason), "%llu records%s into %.400s", (unsigned long long)facts->records,
		 facts->secrets ? " and the keys" : "", call->operand[0]);
	rc = session_client(call, &client);
	if (!rc)
		rc = client_recover(client, VERB_BACKUP, NULL, NULL, reason, session_timeout_ms(call), sentence);
	if (rc)
		call_note(call, "Omega could not be told, so the trail does not say that this backup was made");
	client_close(client);
}

static const char *next_step(int error)
{
	switch (error) {
	case ERR_NOT_FOUND:
		return "`bunshin up` starts the network, with which trail and keys begin";
	case ERR_CORRUPT:
		return "keep a copy of the state folder before anything else touches it; `bunshin audit restore` puts back an "
		       "older backup";
	case ERR_CONFLICT:
		return "name a folder that is not there yet, such as one with the date";
	default:
		return NULL;
	}
}

static int run(struct call *call)
{
	struct backup_options options = {
		.folder = call->operand[0], .secrets = option_set(call, "with-keys"), .stop = interrupted};
	char sentence[SENTENCE_BYTES] = "", routes[PATH_BYTES];
	struct trail_copied copied = {0};
	struct backup_facts facts;
	struct state_folder state;
	int rc = session_state(call, &state);

	if (!rc)
		rc = session_routes_path(call, routes);
	if (rc)
		return rc;
	options.state = &state;
	options.routes = routes;
	watch_signals();
	rc = backup_make(&options, &facts, &copied, sentence);
	if (rc == ERR_CANCELLED) {
		call_note(call, "interrupted; nothing of the backup is left");
		return watch_exit_code();
	}
	if (rc)
		return call_fail(call, rc, next_step(rc), "%s", sentence);
	tell_omega(call, &state, &facts);
	return say(call, &facts, &copied);
}

static const struct option_row options[] = {
	{"with-keys", NULL, "also every secret key but the seal key, to set the network up on another machine"},
	{NULL, NULL, NULL},
};

const struct command command_audit_backup = {
	.name = "audit backup",
	.operands = "FOLDER",
	.sentence = "Makes a backup of trail, artefacts and settings while the network runs",
	.example = "$ bunshin audit backup /mnt/backup/bunshin-2026-02-03",
	.notes = "FOLDER must not be there yet; it appears when the backup is complete, checked and on the disk. It ends with "
		 "the record "
		 "that was the\n"
		 "last when copying began. Exit code 1: an artefact in the state folder is damaged and was left out; the rest is "
		 "complete. "
		 "`bunshin\n"
		 "audit restore --drill FOLDER` tries it out. docs/audit.md says what to keep where.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
