/* SPDX-License-Identifier: MIT
 *
 * bunshin audit erase
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/backup_erase.h"
#include "audit/receipt.h"
#include "cli/erasing.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "protocol/id.h"

struct erasing {
	struct call *call;
	struct state_folder state;
	struct trail *trail;
	struct doomed_tree tree;
	json_t *rows;
};

static const struct column columns[] = {
	{"TASK", "task_id", COLUMN_TEXT, false},   {"RECORD", "record", COLUMN_NUMBER, false},
	{"TEXTS", "texts", COLUMN_NUMBER, false},  {"BYTES", "bytes", COLUMN_NUMBER, false},
	{"RESULT", "result", COLUMN_STATE, false}, {NULL, NULL, COLUMN_TEXT, false},
};

static void add_row(struct erasing *erasing, const struct doomed *doomed, uint64_t texts, uint64_t bytes, const char *result)
{
	char id[ID_TEXT_BYTES];

	id_print(&doomed->id, id);
	json_array_append_new(erasing->rows,
			      json_pack("{s:s, s:o, s:I, s:I, s:s}", "task_id", id, "record",
					doomed->erased_seq ? json_integer((json_int_t)doomed->erased_seq) : json_null(), "texts",
					(json_int_t)texts, "bytes", (json_int_t)bytes, "result", result));
}

static int unreadable(struct erasing *erasing, int rc)
{
	return session_unreadable(erasing->call, rc, erasing->trail);
}

/* ---- in the network ---- */

static int check_ended(const struct erasing *erasing)
{
	char id[ID_TEXT_BYTES], top[ID_TEXT_BYTES];

	for (size_t i = 0; i < erasing->tree.count; i++) {
		if (!erasing->tree.task[i].live)
			continue;
		id_print(&erasing->tree.task[i].id, id);
		id_print(&erasing->tree.task[0].id, top);
		if (i == 0)
			return call_fail(erasing->call, ERR_STATE, "`bunshin task cancel TASK --wait` ends it; then erase it",
					 "task %s is live and needs its texts; nothing was erased", id);
		return call_fail(erasing->call, ERR_STATE,
				 "`bunshin task cancel` ends the task below it; then erase both with this command",
				 "task %s, below %s, is live and needs its texts; nothing was erased", id, top);
	}
	return 0;
}

static int say_nothing_left(struct erasing *erasing)
{
	const struct doomed *task = &erasing->tree.task[0];
	char when[ERASED_TEXT_BYTES];

	erased_print(task->erased_ms, task->erased_seq, when);
	for (size_t i = 0; i < erasing->tree.count; i++)
		add_row(erasing, &erasing->tree.task[i], 0, 0, "erased");
	call_note(erasing->call, "nothing of it is left: %s", task->erased_seq ? when : "it has no texts");
	return 0;
}

static int confirm(struct erasing *erasing)
{
	char sum[128], what[256];
	size_t below = erasing->tree.count - 1;

	erasing_print(erasing->tree.payloads, erasing->tree.bytes, erasing->tree.artefacts, sum);
	if (below)
		snprintf(what, sizeof(what), "%s, of this task and %zu below it,", sum, below);
	else
		snprintf(what, sizeof(what), "%s", sum);
	return erasing_confirm(erasing->call, what);
}

static int erase_one(struct erasing *erasing, struct client *client, struct doomed *doomed)
{
	char sentence[CLIENT_SENTENCE_BYTES] = "", id[ID_TEXT_BYTES];
	struct erased_claim claim;
	uint32_t wait_ms =
		session_timeout_ms(erasing->call) > ERASE_TIMEOUT_MS ? session_timeout_ms(erasing->call) : ERASE_TIMEOUT_MS;
	int rc = client_recover(client, VERB_ERASE, &doomed->id, NULL, option(erasing->call, "reason"), wait_ms, sentence);

	id_print(&doomed->id, id);
	if (rc)
		return call_fail(erasing->call, rc,
				 "what is listed as erased is; this command goes on with the rest when it is given again",
				 "task %s was not erased: %s", id, *sentence ? sentence : error_sentence(rc));
	rc = doomed_claim(erasing->trail, doomed, &claim);
	if (rc)
		return unreadable(erasing, rc);
	doomed->erased_seq = claim.seq;
	add_row(erasing, doomed, doomed->plan.payloads, doomed->plan.bytes, "erased");
	return 0;
}

/* Those below first: when the one that was named is gone, all is done. */
static int erase_all(struct erasing *erasing)
{
	struct client *client = NULL;
	int rc = session_client(erasing->call, &client);

	for (size_t i = erasing->tree.count; !rc && i > 0; i--)
		rc = erase_one(erasing, client, &erasing->tree.task[i - 1]);
	client_close(client);
	return rc;
}

/* Trails that a restore put aside are no backups that somebody keeps apart: they lie right beside. */
static void warn_of_copies(const struct erasing *erasing)
{
	DIR *folder = opendir(erasing->state.root);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (strncmp(entry->d_name, STATE_TRAIL ".", sizeof(STATE_TRAIL)) == 0)
			call_note(erasing->call, "%s/%s is an older trail, and may hold the texts: erase them there with --in",
				  erasing->state.root, entry->d_name);
	if (folder)
		closedir(folder);
	call_note(erasing->call, "backups and exports that were made before still hold the texts; --in BACKUP erases them there");
}

static int erase_here(struct erasing *erasing)
{
	int rc = check_ended(erasing);

	if (!rc && erasing->tree.payloads + erasing->tree.artefacts == 0)
		return say_nothing_left(erasing);
	if (!rc)
		rc = confirm(erasing);
	if (!rc)
		rc = erase_all(erasing);
	if (!rc)
		warn_of_copies(erasing);
	return rc;
}

/* ---- in a backup ---- */

static int keys_load(struct erasing *erasing, struct log_keys *keys)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES] = "";
	int rc = state_path(&erasing->state, STATE_KEYS "/" BACKUP_KEYS, path);

	if (!rc)
		rc = log_keys_load(path, keys, sentence);
	return rc ? call_fail(erasing->call, rc, NULL, "%s", *sentence ? sentence : error_sentence(rc)) : 0;
}

static int backup_one(struct erasing *erasing, const struct log_keys *keys, const struct doomed *doomed, uint64_t *out_texts)
{
	struct erased_claim claim;
	struct backup_erased erased;
	struct buffer receipt = {0};
	char sentence[SENTENCE_BYTES] = "", id[ID_TEXT_BYTES];
	int rc = doomed_claim(erasing->trail, doomed, &claim);

	id_print(&doomed->id, id);
	if (rc == ERR_NOT_FOUND)
		return call_fail(
			erasing->call, ERR_STATE, "`bunshin audit erase TASK --reason TEXT` without --in does that first",
			"task %s has not been erased in the network yet, so there is no proof to keep in the backup", id);
	if (!rc)
		rc = receipt_write(erasing->trail, claim.seq, false, &receipt);
	if (rc) {
		buffer_release(&receipt);
		return unreadable(erasing, rc);
	}
	rc = backup_erase(option(erasing->call, "in"), &claim, (struct bytes){receipt.at, (uint32_t)receipt.bytes}, keys, &erased,
			  sentence);
	buffer_release(&receipt);
	if (rc)
		return call_fail(erasing->call, rc, "the same command again goes on where it stopped", "%s", sentence);
	*out_texts += erased.plan.payloads;
	add_row(erasing, doomed, erased.plan.payloads, erased.plan.bytes, "erased");
	return 0;
}

static int erase_in(struct erasing *erasing)
{
	struct log_keys keys;
	uint64_t texts = 0;
	int rc = erasing_confirm(erasing->call, "what is erased in the network and still in this backup");

	if (!rc)
		rc = keys_load(erasing, &keys);
	for (size_t i = erasing->tree.count; !rc && i > 0; i--)
		rc = backup_one(erasing, &keys, &erasing->tree.task[i - 1], &texts);
	if (!rc && !texts)
		call_note(erasing->call, "the backup held nothing of it any more");
	return rc;
}

/* ---- the command ---- */

static int run(struct call *call)
{
	struct erasing erasing = {.call = call};
	struct id id;
	int rc = 0;

	if (!option_set(call, "reason") && !option_set(call, "in"))
		return call_fail(call, ERR_USAGE, NULL, "--reason TEXT is missing; it stays in the trail in place of the texts");
	rc = session_state(call, &erasing.state);
	if (!rc)
		rc = session_trail(call, &erasing.trail);
	if (!rc)
		rc = session_task(call, erasing.trail, call->operand[0], &id);
	if (rc) {
		trail_close(erasing.trail);
		return rc;
	}
	erasing.rows = json_array();
	rc = doomed_read(erasing.trail, &erasing.state, &id, &erasing.tree);
	if (rc)
		rc = unreadable(&erasing, rc);
	else
		rc = option_set(call, "in") ? erase_in(&erasing) : erase_here(&erasing);
	if (json_array_size(erasing.rows))
		listing_print(call, "erased", erasing.rows, columns, NULL);
	else
		json_decref(erasing.rows);
	doomed_release(&erasing.tree);
	trail_close(erasing.trail);
	return rc;
}

static const struct option_row options[] = {
	{"reason", "TEXT", "why; it stays in the trail"},
	{"in", "BACKUP", "in this backup, a folder or a trail.db, what was erased in the network before"},
	{"yes", NULL, "without asking"},
	{NULL, NULL, NULL},
};

const struct command command_audit_erase = {
	.name = "audit erase",
	.operands = "TASK",
	.sentence = "Erases the texts of a task that has ended, and of the tasks below it",
	.example = "$ bunshin audit erase 9d528f6a1b2c --reason \"the customer asked for it\"\n"
		   "$ bunshin audit erase 9d528f6a1b2c --in /mnt/other/backup-2026-11-01",
	.notes = "Parameters, results, reasons, progress and artefacts are overwritten and removed, and the search index with "
		 "them. "
		 "Records stay, with\n"
		 "times, names and types, and every proof holds: `bunshin audit verify` counts what is erased on record. The "
		 "network must "
		 "run; a live\n"
		 "task is refused. What a file system or a drive keeps of overwritten blocks is beyond this program.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
