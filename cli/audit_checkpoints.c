/* SPDX-License-Identifier: MIT
 *
 * bunshin audit checkpoints
 */
#include <stdio.h>
#include <string.h>

#include "audit/receipt.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "protocol/id.h"

static const struct column columns[] = {
	{"NUMBER", "number", COLUMN_NUMBER, false}, {"RECORDS", "records", COLUMN_NUMBER, false},
	{"AT", "at", COLUMN_TIME, false},           {"ROOT", "root", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int keep(void *context, const struct trail_checkpoint *checkpoint)
{
	json_t *rows = context;
	char why[256], at[TIME_TEXT_BYTES], root[65];
	struct note note;

	if (note_read(checkpoint->note, strlen(checkpoint->note), &note, why))
		return ERR_CORRUPT;
	time_print_utc(note.time_ms, at);
	hex_print(note.root.bytes, sizeof(note.root.bytes), root);
	json_array_append_new(rows, json_pack("{s:I, s:I, s:s, s:s, s:s}", "number", (json_int_t)checkpoint->number, "records",
					      (json_int_t)checkpoint->size, "at", at, "root", root, "note", checkpoint->note));
	return 0;
}

static int read_rows(struct trail *trail, uint32_t limit, json_t *rows)
{
	struct trail_checkpoint last;
	int rc = trail_checkpoint_last(trail, &last);

	if (rc)
		return rc == ERR_NOT_FOUND ? 0 : rc;
	return trail_checkpoints(trail, last.number > limit ? last.number - limit : 0, keep, rows);
}

static int run(struct call *call)
{
	struct trail *trail = NULL;
	uint32_t limit = 20;
	json_t *rows;
	int rc = option_number(call, "limit", 1, UINT32_MAX, &limit);

	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rows = json_array();
	rc = read_rows(trail, limit, rows);
	if (rc) {
		json_decref(rows);
		rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "the checkpoints cannot be read: %s",
			       *trail_why(trail) ? trail_why(trail) : error_sentence(rc));
	} else {
		rc = listing_print(call, "checkpoints", rows, columns, "nothing has been sealed yet");
	}
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"limit", "N", "the last N; 20 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_audit_checkpoints = {
	.name = "audit checkpoints",
	.operands = "",
	.sentence = "Lists the checkpoints that seal the trail, oldest first",
	.example = "$ bunshin audit checkpoints --limit 5",
	.notes = "Each covers all records up to a number and is signed twice, by the key of the log and by a seal key that is "
		 "used once. "
		 "With\n"
		 "--json the signed notes are there as well: keep one of them anywhere, and `bunshin audit verify --mirror` "
		 "tells later "
		 "whether\n"
		 "the trail still holds what it held then. Works without a running network.",
	.options = options,
	.run = run,
};
