/* SPDX-License-Identifier: MIT
 *
 * bunshin audit restore
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/fresh.h"
#include "actors/keys.h"
#include "actors/restore.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"

static bool interrupted(void *context)
{
	(void)context;
	return watch_interrupted();
}

/* ---- what was found ---- */

/* Records of the trail that is here and that the backup does not have. */
static uint64_t behind(const struct restore_view *view)
{
	return view->live && view->live_seq > view->same_seq ? view->live_seq - view->same_seq : 0;
}

static json_t *view_json(const struct call *call, const struct restore_view *view, const char *kept)
{
	char at[TIME_TEXT_BYTES];

	time_print_utc(view->backup.made_at_ms, at);
	return json_pack("{s:s*, s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:s, s:s, s:s}", "folder",
			 call->operands ? call->operand[0] : NULL, "made_at",
			 view->backup.made_at_ms ? json_string(at) : json_null(), "origin", view->backup.origin, "records",
			 (json_int_t)view->backup.records, "checkpoint", (json_int_t)view->backup.checkpoint, "sealed",
			 (json_int_t)view->backup.sealed, "artefacts", (json_int_t)view->backup.artefacts, "live_records",
			 view->live ? json_integer((json_int_t)view->live_seq) : json_null(), "behind",
			 view->live ? json_integer((json_int_t)behind(view)) : json_null(), "rollback", (int)view->rollback,
			 "why", view->why, "live_why", view->live_why, "kept", kept);
}

static void say_backup(const struct call *call, const struct restore_view *view, const char *verb)
{
	char age[SPAN_TEXT_BYTES];
	uint64_t now_ms = wall_now_ms();

	span_print(now_ms > view->backup.made_at_ms ? now_ms - view->backup.made_at_ms : 0, age);
	printf("%s %s: %llu records, sealed up to %llu by checkpoint %llu, %llu artefacts; made %s ago\n", call->operand[0], verb,
	       (unsigned long long)view->backup.records, (unsigned long long)view->backup.sealed,
	       (unsigned long long)view->backup.checkpoint, (unsigned long long)view->backup.artefacts, age);
}

/* ---- the drill ---- */

static int say_drill(struct call *call, const struct restore_view *view, uint32_t behind_max)
{
	bool late = view->live && behind(view) > behind_max;

	if (call->json) {
		print_json(view_json(call, view, ""));
		return late ? error_exit_code(ERR_STATE) : 0;
	}
	say_backup(call, view, "can be restored");
	if (view->live)
		printf("it is %llu records behind the trail that is here\n", (unsigned long long)behind(view));
	if (*view->live_why)
		printf("%s\n", view->live_why);
	printf(view->rollback ? "restoring it now would be a rollback: %s\n" : "restoring it now would lose nothing\n",
	       view->why);
	if (late)
		return call_fail(call, ERR_STATE, "make backups more often", "it is more than %u records behind", behind_max);
	return 0;
}

static int drill(struct call *call, const struct restore_options *options)
{
	char sentence[SENTENCE_BYTES];
	struct restore_view view;
	uint32_t behind_max = UINT32_MAX;
	int rc = option_number(call, "behind", 0, UINT32_MAX, &behind_max);

	if (rc)
		return rc;
	rc = restore_drill(options, &view, sentence);
	if (rc == ERR_CANCELLED)
		return watch_exit_code();
	return rc ? call_fail(call, rc, rc == ERR_CORRUPT ? "this backup must not be relied upon; make another" : NULL, "%s",
			      sentence)
		  : say_drill(call, &view, behind_max);
}

/* ---- for good ---- */

static int say_done(struct call *call, const struct restore_view *view, const char *kept)
{
	if (call->json)
		return print_json(view_json(call, view, kept));
	if (call->operands)
		say_backup(call, view, "is restored");
	else
		printf("the trail that is here goes on from record %llu\n", (unsigned long long)view->backup.records);
	if (*kept)
		printf("the trail that was here is kept as %s\n", kept);
	if (view->rollback) {
		printf("set back: %s\n", view->why);
		puts("a new row of seal keys begins: give the new `bunshin audit keys` to whoever checks this trail; its next "
		     "start "
		     "records the restore");
	}
	return 0;
}

static int refuse_rollback(struct call *call, const char *sentence)
{
	return call_fail(call, ERR_STATE,
			 "look for a newer backup; to accept the loss, on record: --accept-rollback --reason \"why\"", "%s",
			 sentence);
}

static int restore(struct call *call, const struct restore_options *options)
{
	char sentence[SENTENCE_BYTES], kept[PATH_BYTES];
	struct restore_view view;
	int rc = restore_do(options, &view, kept, sentence);

	switch (rc) {
	case 0:
		return say_done(call, &view, kept);
	case ERR_CANCELLED:
		call_note(call, "interrupted; the trail that is here is as it was");
		return watch_exit_code();
	case ERR_STATE:
		return view.rollback && !options->accept_rollback ? refuse_rollback(call, sentence)
								  : call_fail(call, rc, NULL, "%s", sentence);
	case ERR_CORRUPT:
		return call_fail(call, rc, "another backup may be whole; nothing was changed", "%s", sentence);
	default:
		return call_fail(call, rc, NULL, "%s", sentence);
	}
}

/* ---- options ---- */

static int check_options(struct call *call)
{
	const char *reason = option(call, "reason");
	bool accept = option_set(call, "accept-rollback"), is_drill = option_set(call, "drill");
	json_t *text;

	if (is_drill && (!call->operands || accept))
		return call_fail(call, ERR_USAGE, NULL,
				 call->operands ? "a drill changes nothing, so there is nothing to accept"
						: "a drill needs the FOLDER of a backup");
	if (!call->operands && !accept)
		return call_fail(call, ERR_USAGE, "bunshin help audit restore",
				 "say which backup; or, to go on with the trail that "
				 "is here, --accept-rollback --reason");
	if (accept && (!reason || !*reason))
		return call_fail(call, ERR_USAGE, NULL,
				 "--accept-rollback needs --reason: auditors will read why records were given up");
	if (!reason)
		return 0;
	text = json_string(reason);
	json_decref(text);
	return text && strlen(reason) < RESTORE_REASON_BYTES
		       ? 0
		       : call_fail(call, ERR_USAGE, NULL, "--reason must be UTF-8 of at most %u bytes", RESTORE_REASON_BYTES - 1);
}

/* On a new machine there is no state folder yet. */
static int open_state(struct call *call, struct state_folder *out_state)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	int rc = 0;

	if (option_set(call, "drill") || !call->operands)
		return session_state(call, out_state);
	rc = session_state_path(call, path);
	if (rc)
		return rc;
	rc = state_open(path, out_state, sentence);
	return rc ? call_fail(call, rc, "--state names another folder", "%s", sentence) : 0;
}

static int run(struct call *call)
{
	struct restore_options restore_options = {.folder = call->operands ? call->operand[0] : NULL,
						  .accept_rollback = option_set(call, "accept-rollback"),
						  .reason = option(call, "reason"),
						  .stop = interrupted};
	struct state_folder state;
	char who[NAME_BYTES];
	int rc = check_options(call);

	if (!rc)
		rc = open_state(call, &state);
	if (rc)
		return rc;
	key_local_name(who);
	restore_options.state = &state;
	restore_options.who = who;
	watch_signals();
	return option_set(call, "drill") ? drill(call, &restore_options) : restore(call, &restore_options);
}

static const struct option_row options[] = {
	{"drill", NULL, "try it out: everything but the change; starts and keeps nothing"},
	{"behind", "N", "with --drill: exit code 6 if the backup is more than N records behind"},
	{"accept-rollback", NULL, "go on although records are lost, or nobody can tell"},
	{"reason", "TEXT", "why, for the trail and its auditors"},
	{NULL, NULL, NULL},
};

const struct command command_audit_restore = {
	.name = "audit restore",
	.operands = "[FOLDER]",
	.sentence = "Puts a backup back, and says what that loses before it does",
	.example = "$ bunshin audit restore --drill /mnt/backup/bunshin-2026-02-03\n$ bunshin down\n$ bunshin audit restore "
		   "/mnt/backup/bunshin-2026-02-03",
	.notes = "The network must be stopped; a drill runs beside it. The backup is checked first. If the trail that is here, "
		 "or the "
		 "seal, knows of\n"
		 "more than the backup holds, nothing is done unless the loss is accepted, with a reason; then it stands on the "
		 "trail, and a "
		 "new row\n"
		 "of seal keys begins that every auditor sees. The trail that was here is kept under another name. Without "
		 "FOLDER: goes on "
		 "with the\n"
		 "trail that is here, after somebody has put back an older copy of the whole folder.\n"
		 "\n"
		 "Exit codes: 0 done, or the drill went well; 1 the backup is damaged; 5 it is no backup; 6 it would be a "
		 "rollback, belongs "
		 "to another\n"
		 "network, is too far behind, or the network runs.",
	.options = options,
	.operands_least = 0,
	.operands_most = 1,
	.run = run,
};
