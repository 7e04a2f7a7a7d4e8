/* SPDX-License-Identifier: MIT
 *
 * bunshin audit verify
 */
#include <stdio.h>
#include <unistd.h>

#include "actors/backup.h"
#include "cli/listing.h"
#include "cli/mirror_check.h"
#include "cli/session.h"
#include "protocol/id.h"

struct checked {
	struct trail_verdict trail;
	bool signatures; /* looked at */
	const char *mirror;
	struct mirror_checked notes;
	char why[512]; /* what is wrong with the mirror */
};

static json_t *mirror_json(const struct checked *checked)
{
	if (!checked->mirror)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:I, s:s}", "file", checked->mirror, "notes", (json_int_t)checked->notes.notes,
			 "checkpoint", (json_int_t)checked->notes.number, "records", (json_int_t)checked->notes.size, "why",
			 checked->why);
}

static int say_json(int error, const struct checked *checked)
{
	const struct trail_verdict *verdict = &checked->trail;
	char head[65];

	hex_print(verdict->head.bytes, sizeof(verdict->head.bytes), head);
	print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "ok", error == 0, "records",
			     (json_int_t)verdict->records, "payloads", (json_int_t)verdict->payloads, "first_seq",
			     (json_int_t)verdict->first_seq, "last_seq", (json_int_t)verdict->last_seq, "bad_seq",
			     verdict->bad_seq ? json_integer((json_int_t)verdict->bad_seq) : json_null(), "head", head, "why",
			     *verdict->why ? verdict->why : checked->why, "erased", (json_int_t)verdict->erased, "checkpoints",
			     (json_int_t)verdict->checkpoints, "sealed_seq", (json_int_t)verdict->sealed_seq, "signatures",
			     (int)checked->signatures, "mirror", mirror_json(checked)));
	return error ? 1 : 0;
}

static int say_wrong(struct call *call, int error, const struct checked *checked)
{
	static const char next[] =
		"keep a copy of the state folder before anything else touches it; a backup tells what is missing";
	const struct trail_verdict *verdict = &checked->trail;

	if (*checked->why)
		return call_fail(call, error, next, "the trail does not agree with %s: %s", checked->mirror, checked->why);
	if (verdict->bad_seq)
		return call_fail(call, error, next, "record %llu is the first that is wrong: %s",
				 (unsigned long long)verdict->bad_seq, verdict->why);
	return call_fail(call, error, next, "%s", verdict->why);
}

static void say_seal(const struct checked *checked)
{
	const struct trail_verdict *verdict = &checked->trail;

	if (!verdict->checkpoints) {
		puts("no checkpoint seals any of it");
		return;
	}
	printf("%llu checkpoint%s, %s", (unsigned long long)verdict->checkpoints, verdict->checkpoints == 1 ? "" : "s",
	       checked->signatures ? "each signed by the log and by its seal" : "whose signatures were not looked at");
	if (verdict->last_seq > verdict->sealed_seq)
		printf("; the last %llu records are not sealed yet",
		       (unsigned long long)(verdict->last_seq - verdict->sealed_seq));
	putchar('\n');
	if (checked->mirror)
		printf("all %llu notes in %s are of this trail, the newest over %llu records\n",
		       (unsigned long long)checked->notes.notes, checked->mirror, (unsigned long long)checked->notes.size);
}

static int say(struct call *call, int error, const struct checked *checked)
{
	const struct trail_verdict *verdict = &checked->trail;
	char head[65], erased[48] = "";

	if (call->json)
		return say_json(error, checked);
	if (error)
		return say_wrong(call, error, checked);
	if (verdict->erased)
		snprintf(erased, sizeof(erased), " (%llu more erased on record)", (unsigned long long)verdict->erased);
	hex_print(verdict->head.bytes, sizeof(verdict->head.bytes), head);
	printf("%llu records and %llu payloads%s are as they were written; the chain ends in\n%s\n",
	       (unsigned long long)verdict->records, (unsigned long long)verdict->payloads, erased, head);
	say_seal(checked);
	return 0;
}

/* Those that a person names, else those of the state folder; a trail from before there were any has none. */
static int find_keys(struct call *call, struct log_keys *keys, bool *out_found)
{
	const char *given = option(call, "keys");
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state;
	int rc = 0;

	*out_found = false;
	if (!given) {
		rc = session_state(call, &state);
		if (rc)
			return rc;
		rc = state_path(&state, STATE_KEYS "/" BACKUP_KEYS, path);
		if (rc || access(path, F_OK))
			return rc ? call_fail(call, rc, NULL, "the path of the state folder is too long") : 0;
	}
	rc = log_keys_load(given ? given : path, keys, sentence);
	*out_found = !rc;
	return rc ? call_fail(call, rc, "`bunshin audit keys` prints those of a state folder", "%s", sentence) : 0;
}

static int check(struct call *call, struct trail *trail, uint32_t after, const struct log_keys *keys, struct checked *checked)
{
	int rc = checked->signatures ? trail_verify_sealed(trail, after, keys, &checked->trail)
				     : trail_verify(trail, after, &checked->trail);

	if (!rc && checked->mirror)
		rc = mirror_check(trail, keys, checked->mirror, &checked->notes, checked->why);
	if (!rc || rc == ERR_CORRUPT)
		return say(call, rc, checked);
	if (*checked->why)
		return call_fail(call, rc, NULL, "%s cannot be read: %s", checked->mirror, checked->why);
	return call_fail(call, rc, NULL, "the trail cannot be read: %s",
			 *checked->trail.why ? checked->trail.why : trail_why(trail));
}

static int run(struct call *call)
{
	struct checked checked = {.mirror = option(call, "mirror")};
	struct trail *trail = NULL;
	struct log_keys keys;
	uint32_t after = 0;
	int rc = option_number(call, "after", 0, UINT32_MAX, &after);

	if (!rc)
		rc = find_keys(call, &keys, &checked.signatures);
	if (!rc && checked.mirror && !checked.signatures)
		return call_fail(call, ERR_NOT_FOUND, "--keys names a copy of them",
				 "there are no public keys here, and notes cannot be checked without");
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rc = check(call, trail, after, &keys, &checked);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"after", "SEQ", "begin after this record, whose chain value is trusted"},
	{"keys", "FILE", "check signatures with this copy of log.pub instead of the one in the state folder"},
	{"mirror", "FILE", "compare with checkpoints that were kept outside: a mirror, or a single note"},
	{NULL, NULL, NULL},
};

const struct command command_audit_verify = {
	.name = "audit verify",
	.operands = "",
	.sentence = "Checks that the trail is as it was written",
	.example = "$ bunshin audit verify\n$ bunshin audit verify --keys /mnt/other/log.pub --mirror /mnt/other/log.checkpoints",
	.notes = "Recomputes the chain and the tree over all records, the commitment to every payload, and both signatures of "
		 "every\n"
		 "checkpoint. Exit code 0: all is as it was; 1: the first record that is wrong is named. Whoever has all of the "
		 "host can\n"
		 "write a shorter trail that agrees with itself; a mirror that he does not have shows it. Whoever does not trust "
		 "this\n"
		 "program uses `bunshin-verify`, or writes his own: docs/audit.md. Works without a running network.",
	.options = options,
	.run = run,
};
