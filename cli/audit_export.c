/* SPDX-License-Identifier: MIT
 *
 * bunshin audit export
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/export.h"
#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"

static const struct form {
	const char *name;
	const char *ending;
	uint64_t most; /* records */
	int (*write)(struct export *export, struct sink *sink);
} forms[] = {
	{"jsonl", ".jsonl", UINT64_MAX, export_jsonl},
	{"csv", ".csv", UINT64_MAX, export_csv},
	{"html", ".html", EXPORT_PAGE_MAX, export_html},
};

/* ---- what is asked for ---- */

static const struct form *form_find(const char *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	}
	return NULL;
}

static const struct form *form_of_file(const char *path)
{
	size_t bytes = strlen(path);

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t ending = strlen(forms[i].ending);
		if (bytes > ending && strcmp(path + bytes - ending, forms[i].ending) == 0)
			return &forms[i];
	}
	return &forms[0];
}

static int take_form(const struct call *call, const struct form **out_form)
{
	const char *name = option(call, "format");
	const char *path = option(call, "output");

	*out_form = name ? form_find(name) : form_of_file(path ? path : "");
	if (!*out_form)
		return call_fail(call, ERR_USAGE, NULL, "--format: \"%s\" is no form; jsonl, csv or html would be", name);
	if (path && strcmp(path, "-") != 0)
		return 0;
	if (call->json)
		return call_fail(call, ERR_USAGE, "add --output FILE", "--json says what became of a file, and there is none");
	if (isatty(STDOUT_FILENO))
		return call_fail(call, ERR_USAGE, "add --output FILE, or send it on with | or >",
				 "an export is nothing for a terminal");
	return 0;
}

static int take_seq(const struct call *call, const char *name, uint64_t *out_seq)
{
	const char *text = option(call, name);

	if (!text)
		return 0;
	if (*text && strlen(text) <= 15 && strspn(text, "0123456789") == strlen(text))
		*out_seq = strtoull(text, NULL, 10);
	if (*out_seq)
		return 0;
	return call_fail(call, ERR_USAGE, "`bunshin audit log` shows the numbers",
			 "--%s: \"%s\" is no record; a number from 1 on would be", name, text);
}

static int take_range(const struct call *call, struct trail_query *query)
{
	uint64_t from = 0;
	int rc = take_seq(call, "from", &from);

	if (!rc)
		rc = take_seq(call, "to", &query->through_seq);
	if (!rc && from && query->through_seq && from > query->through_seq)
		return call_fail(call, ERR_USAGE, NULL, "--from %" PRIu64 " lies behind --to %" PRIu64, from, query->through_seq);
	query->after_seq = from ? from - 1 : 0;
	return rc ? rc : period_take(call, query);
}

static int take_tasks(const struct call *call, struct trail *trail, struct export_choice *choice)
{
	const char *text;
	size_t position = 0;

	while ((text = option_next(call, "task", &position))) {
		int rc;
		if (choice->tasks == EXPORT_TASKS_MAX)
			return call_fail(call, ERR_USAGE, "choose by time with --since and --until", "--task: more than %u tasks",
					 EXPORT_TASKS_MAX);
		rc = session_task(call, trail, text, &choice->task[choice->tasks++]);
		if (rc)
			return rc;
	}
	return 0;
}

static int take_choice(const struct call *call, struct trail *trail, struct export_choice *choice)
{
	static const char *const choosing[] = {"task", "since", "until", "from", "to", "peer"};
	const char *peer = option(call, "peer");
	int rc = take_range(call, &choice->query);

	for (size_t i = 0; i < sizeof(choosing) / sizeof(choosing[0]); i++)
		choice->part |= option_set(call, choosing[i]);
	choice->without_payloads = option_set(call, "without-payloads");
	if (!rc && peer && (!*peer || strlen(peer) >= sizeof(choice->query.peer)))
		return call_fail(call, ERR_USAGE, "`bunshin audit log` shows the peers", "--peer: \"%s\" is no name of a peer",
				 peer);
	memcpy(choice->query.peer, peer ? peer : "", peer ? strlen(peer) + 1 : 1);
	return rc ? rc : take_tasks(call, trail, choice);
}

/* ---- writing ---- */

static const char *next_step_of(int error)
{
	switch (error) {
	case ERR_STATE:
		return "Omega seals what is new within seconds, and when it stops: try again then";
	case ERR_NOT_FOUND:
		return "`bunshin audit log` shows what there is";
	case ERR_TOO_LARGE:
		return "choose with --task, --since and --until, or take --format jsonl, which has no limit";
	case ERR_CORRUPT:
		return "`bunshin audit verify` looks for the first record that is wrong";
	default:
		return NULL;
	}
}

static int say_failed(const struct call *call, const struct export *export, int error)
{
	return call_fail(call, error, next_step_of(error), "%s", export->why);
}

/* What the sink has met goes before what the export says of it. */
static int write_out(const struct call *call, struct export *export, const struct form *form, struct sink *sink,
		     char out_sum[SINK_SUM_BYTES])
{
	int error = form->write(export, sink);
	int rc;

	if (!error)
		error = export_still_true(export);
	if (error && sink_good(sink)) {
		rc = sink_close(sink, false, out_sum);
		return rc ? rc : say_failed(call, export, error);
	}
	return sink_close(sink, true, out_sum);
}

static int say_written(const struct call *call, const struct export *export, const struct form *form, const char *sum)
{
	const char *path = option(call, "output");

	if (call->json)
		return print_json(json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "file", path, "format", form->name,
					    "whole", export->whole, "records", (json_int_t) export->records, "first",
					    (json_int_t) export->first, "last", (json_int_t) export->last, "checkpoint",
					    (json_int_t) export->checkpoint.number, "left_out", (json_int_t) export->left_out,
					    "sha256", sum));
	call_note(call, "%s: %s %" PRIu64 " record%s, %" PRIu64 " to %" PRIu64 ", sealed by checkpoint %" PRIu64,
		  path ? path : "standard output", export->whole ? "all" : "a choice of", export->records,
		  export->records == 1 ? "" : "s", export->first, export->last, export->checkpoint.number);
	call_note(call, "SHA-256 %s", sum);
	if (export->left_out)
		call_note(call, "%" PRIu64 " record%s behind the checkpoint: not sealed yet, left out", export->left_out,
			  export->left_out == 1 ? " stands" : "s stand");
	if (!export->keys[0])
		call_note(call, "keys/log.pub is not there, so the export names no key");
	if (form->write == export_csv)
		call_note(call, "a table proves nothing by itself: keep its SHA-256, or export jsonl as well");
	return 0;
}

static int write_export(const struct call *call, struct export *export, const struct form *form, const char *state_root)
{
	char sum[SINK_SUM_BYTES];
	struct sink *sink;
	int rc;

	if (export->records > form->most) {
		snprintf(export->why, sizeof(export->why), "%" PRIu64 " records are too many for a page, which holds %" PRIu64,
			 export->records, form->most);
		return say_failed(call, export, ERR_TOO_LARGE);
	}
	rc = sink_open(call, option(call, "output"), option_set(call, "force"), state_root, &sink);
	if (!rc)
		rc = write_out(call, export, form, sink, sum);
	return rc ? rc : say_written(call, export, form, sum);
}

static int export_trail(const struct call *call, struct trail *trail, const struct form *form)
{
	struct export_choice choice = {0};
	struct export export;
	struct state_folder state;
	char keys[PATH_BYTES];
	int rc = session_state(call, &state);

	if (!rc)
		rc = take_choice(call, trail, &choice);
	if (rc)
		return rc;
	rc = state_path(&state, STATE_KEYS "/log.pub", keys);
	if (!rc)
		rc = export_open(&export, trail, &choice, keys);
	if (rc)
		rc = say_failed(call, &export, rc);
	else
		rc = write_export(call, &export, form, state.root);
	export_release(&export);
	return rc;
}

static int run(struct call *call)
{
	const struct form *form;
	struct trail *trail = NULL;
	int rc = take_form(call, &form);

	if (!rc)
		rc = session_trail(call, &trail);
	if (!rc)
		rc = export_trail(call, trail, form);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"format", "FORM", "jsonl, csv or html; without it as FILE ends, else jsonl"},
	{"output", "FILE", "where to; - or nothing: standard output"},
	{"force", NULL, "replace FILE if it is there"},
	{"task", "ID", "only of this task; may be given several times"},
	PERIOD_OPTIONS,
	{"from", "SEQ", "from this record on"},
	{"to", "SEQ", "up to this record"},
	{"peer", "NAME", "only from or to this peer, such as beta/1"},
	{"without-payloads", NULL, "leave texts, parameters and results out; the proofs hold without them"},
	{NULL, NULL, NULL},
};

const struct command command_audit_export = {
	.name = "audit export",
	.operands = "",
	.sentence = "Writes records with their proofs for somebody else",
	.example = "$ bunshin audit export --output trail.jsonl\n$ bunshin audit export --task 8f6a1b2c3d4e --output task.html",
	.notes = "jsonl holds everything and proves itself; html is a page to read, search and print with the same proof inside; "
		 "csv is a "
		 "table for\n"
		 "spreadsheets. `bunshin-verify` checks jsonl and html with the public key alone. Records behind the last "
		 "checkpoint are left "
		 "out.\n"
		 "Works without a running network, and beside one.",
	.options = options,
	.run = run,
};
