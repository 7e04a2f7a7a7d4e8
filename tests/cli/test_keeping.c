/* SPDX-License-Identifier: MIT
 *
 * What an operator keeps of a trail, and gets back: receipts, keys, checkpoints, mirrors, backups. Against a real, small network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/cli/run.h"

static const char routes[] =
	"network {\n}\nclone beta {\n\texternal = yes\n}\nroute security-analysis {\n\tdestination = beta\n}\n";

static json_t *must_json(const char *arguments, int code)
{
	struct ran ran = must(arguments, code);
	json_t *json = json_loads(ran.out, 0, NULL);

	if (!json)
		print_error("bunshin %s\n%s\n", arguments, ran.out);
	assert_non_null(json);
	ran_release(&ran);
	return json;
}

/* A command with one path of the test's world in the place of %s. */
static const char *with(const char *format, const char *relative)
{
	static char line[4][512];
	static unsigned turn;
	char *out = line[turn++ % 4];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, sizeof(line[0]), format, world_path(relative));
#pragma GCC diagnostic pop
	return out;
}

static void shell(const char *format, const char *relative)
{
	char line[700];

	snprintf(line, sizeof(line), "cd '%s' && %s", world(), with(format, relative));
	assert_int_equal(system(line), 0);
}

static int setup(void **state)
{
	(void)state;
	world_make();
	world_write("home/routing.conf", routes);
	world_setenv("BUNSHIN_ROUTES", world_path("home/routing.conf"));
	assert_run("up", 0, "Omega, the workspace and 0 clones are up after", "");
	return 0;
}

static int teardown(void **state)
{
	struct ran ran = run("down");

	(void)state;
	ran_release(&ran);
	world_remove();
	return 0;
}

static void send(char out_id[37])
{
	struct ran ran = must("task send security-analysis --params {\"repo\":\"/srv\"}", 0);

	assert_int_equal(strlen(ran.out), 37);
	memcpy(out_id, ran.out, 36);
	out_id[36] = 0;
	ran_release(&ran);
}

/* ---- receipts ---- */

static void receipt_of(const char *before, const char *what, struct ran *out)
{
	char line[256];

	snprintf(line, sizeof(line), "%stask receipt %s", before, what);
	*out = must(line, 0);
}

static void test_a_receipt_comes_once_a_checkpoint_covers_it(void **state)
{
	char id[37], line[128];
	const char *format = NULL, *checkpoint = NULL;
	json_int_t index = 0;
	struct ran first, again;
	json_t *json;

	(void)state;
	send(id);
	receipt_of("", id, &first); /* waits for it */
	json = json_loads(first.out, 0, NULL);
	assert_int_equal(json_unpack(json, "{s:s, s:s, s:I}", "format", &format, "checkpoint", &checkpoint, "index", &index), 0);
	assert_string_equal(format, "bunshin-receipt/1");
	assert_int_equal(strncmp(checkpoint, "bunshin/", 8), 0);
	assert_true(strlen(first.out) < 4096);
	assert_non_null(strstr(first.err, "bunshin-verify --key log.pub"));
	snprintf(line, sizeof(line), "seq:%lld", (long long)index + 1);
	receipt_of("", line, &again);
	assert_string_equal(first.out, again.out);
	snprintf(line, sizeof(line), "task receipt %s --outcome", id);
	assert_run(line, 6, "", "has not ended");
	assert_run("task receipt seq:99999", 5, "", "there is no record 99999");
	assert_run("task receipt nonsense", 2, "", "no task id");
	json_decref(json);
	ran_release(&first);
	ran_release(&again);
}

/* As on another machine: a folder with a key and the way to Omega, and no trail. */
static void make_elsewhere(const char *name)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "cd '%s' && mkdir -p -m 700 far far/keys far/run far/peers && cp state/run/endpoint far/run/ && "
		 "cp state/keys/omega.pub state/keys/%s.key far/keys/ && cp state/peers/%s far/peers/",
		 world(), name, name);
	assert_int_equal(system(line), 0);
}

static void test_omega_gives_receipts_to_those_whose_task_it_is(void **state)
{
	char far[256], id[37], line[512];
	struct ran mine, theirs;

	(void)state;
	assert_run("peer add carol --roles client", 0, "", "");
	assert_run("peer add dave --roles client", 0, "", "");
	assert_run("peer add eve --roles auditor", 0, "", "");
	make_elsewhere("carol");
	make_elsewhere("dave");
	make_elsewhere("eve");
	mine = must("--identity carol task send security-analysis --params {\"repo\":\"/srv\"}", 0);
	memcpy(id, mine.out, 36);
	id[36] = 0;
	ran_release(&mine);
	snprintf(far, sizeof(far), "--state %s/far --identity carol ", world());
	receipt_of(far, id, &mine); /* refused until it is covered, and asked again */
	receipt_of("", id, &theirs);
	assert_string_equal(mine.out, theirs.out);
	ran_release(&theirs);
	snprintf(far, sizeof(far), "--state %s/far --identity eve ", world());
	receipt_of(far, id, &theirs);
	assert_string_equal(mine.out, theirs.out);
	ran_release(&theirs);
	ran_release(&mine);
	snprintf(line, sizeof(line), "--state %s/far --identity dave task receipt %s", world(), id);
	assert_run(line, 5, "", "nothing of that name");
	snprintf(line, sizeof(line), "--state %s/far --identity dave task receipt seq:1", world());
	assert_run(line, 5, "", "nothing of that name"); /* Omega's own */
	snprintf(line, sizeof(line), "--state %s/far --identity carol task receipt %s --with-payload", world(), id);
	assert_run(line, 4, "", "without payload only");
	snprintf(line, sizeof(line), "--state %s/far --identity carol task receipt %s --outcome", world(), id);
	assert_run(line, 6, "", "has not ended");
	snprintf(line, sizeof(line), "task cancel %s --wait", id);
	assert_run(line, 0, "cancelled", "");
	snprintf(line, sizeof(line), "--state %s/far --identity carol task receipt %s --outcome", world(), id);
	assert_run(line, 0, "bunshin-receipt/1", "covered by checkpoint");
}

/* ---- keys, checkpoints, mirrors ---- */

static void test_keys_and_checkpoints_are_shown(void **state)
{
	struct ran ran;
	json_t *json;
	const char *origin = NULL, *print = NULL, *root = NULL;

	(void)state;
	ran = must("audit keys", 0);
	assert_non_null(strstr(ran.out, "/seal/1+"));
	assert_non_null(strstr(ran.err, "fingerprint "));
	ran_release(&ran);
	json = must_json("audit keys --json", 0);
	assert_int_equal(json_unpack(json, "{s:s, s:s}", "origin", &origin, "fingerprint", &print), 0);
	assert_int_equal(strlen(print), 64);
	assert_int_equal(strncmp(origin + 8, print, 16), 0); /* bunshin/ and the beginning of the fingerprint */
	json_decref(json);
	assert_run("down", 0, "", ""); /* seals what is left */
	json = must_json("audit checkpoints --limit 1 --json", 0);
	assert_int_equal(json_unpack(json, "{s:[{s:s}]}", "checkpoints", "root", &root), 0);
	assert_int_equal(strlen(root), 64);
	json_decref(json);
	json = must_json("audit verify --json", 0);
	assert_int_equal(json_integer_value(json_object_get(json, "sealed_seq")),
			 json_integer_value(json_object_get(json, "last_seq")));
	assert_true(json_is_true(json_object_get(json, "signatures")));
	json_decref(json);
	assert_run(with("audit verify --mirror %s", "state/mirror/log.checkpoints"), 0, "notes in", "");
	world_write("home/other.pub", "bunshin/0000000000000000+00000000+AQ==\n");
	assert_run(with("audit verify --keys %s", "home/other.pub"), 1, "", "other.pub");
	world_write("home/note", "no note\n");
	assert_run(with("audit verify --mirror %s", "home/note"), 1, "", "line 1");
}

static void test_status_and_doctor_say_how_mirrors_are(void **state)
{
	char text[512];

	(void)state;
	assert_run("status", 0, "file\tok\t", "");
	assert_run("doctor", 0, "no checkpoint leaves the disk that the trail is on", "");
	assert_run("down", 0, "", "");
	snprintf(text, sizeof(text),
		 "network {\n\tmirror_file = %s/nowhere/log\n}\nclone beta {\n\texternal = yes\n}\nroute t {\n\tdestination = "
		 "beta\n}\n",
		 world());
	world_write("home/routing.conf", text);
	assert_run("up", 0, "", "");
	assert_run("status", 0, "network\tproblem", "");
	assert_run("status", 0, "is the volume mounted?", "");
	assert_run("doctor", 6, "does not take checkpoints", "");
}

/* ---- backups ---- */

static void test_a_backup_is_made_beside_the_network_and_tried_out(void **state)
{
	char id[37];
	json_t *json;

	(void)state;
	send(id);
	assert_run(with("audit backup %s", "work/backup"), 0, "all of it was checked", "");
	assert_run(with("audit backup %s", "work/backup"), 6, "", "a backup is a new folder");
	assert_run("audit log --type RecoveryAction", 0, "backup", ""); /* who has copied the trail stands on it */
	assert_run(with("audit restore --drill %s", "work/backup"), 0, "can be restored", "");
	send(id);
	json = must_json(with("audit restore --drill --json %s", "work/backup"), 0);
	assert_true(json_integer_value(json_object_get(json, "behind")) > 0);
	assert_true(json_is_true(json_object_get(json, "rollback")));
	json_decref(json);
	assert_run(with("audit restore --drill --behind 0 %s", "work/backup"), 6, "", "more than 0 records behind");
	assert_run(with("audit restore %s", "work/backup"), 6, "", "stop it first");
	shell("LC_ALL=C sed -i s/srv/sxv/ %s/trail.db", "work/backup");
	assert_run(with("audit restore --drill %s", "work/backup"), 1, "", "must not be relied upon");
	assert_run(with("audit restore --drill %s", "work/nothing"), 5, "", "is no backup");
	assert_run("audit restore --drill", 2, "", "needs the FOLDER");
	shell("test -z \"$(ls -A %s | grep -e drill -e restore)\"", "state"); /* nothing is left behind */
}

static void test_an_old_backup_needs_a_reason_and_stands_on_the_trail(void **state)
{
	char id[37];

	(void)state;
	assert_run(with("audit backup %s", "work/backup"), 0, "", "");
	send(id);
	assert_run("down", 0, "", "");
	shell("cp %s before", "state/mirror/log.checkpoints");
	assert_run(with("audit restore %s", "work/backup"), 6, "", "--accept-rollback --reason");
	assert_run(with("audit restore %s --accept-rollback", "work/backup"), 2, "", "needs --reason");
	assert_run(with("audit restore %s --accept-rollback --reason mistake", "work/backup"), 0, "a new row of seal keys begins",
		   "");
	assert_run("up", 0, "", "");
	assert_run("audit log --type Restored", 0, "set back: from a backup", "");
	assert_run("audit log --type Restored", 0, ": mistake", "");
	assert_run("audit verify", 0, "each signed by the log and by its seal", "");
	assert_run(with("audit verify --mirror %s", "before"), 1, "", "shorter than what was mirrored");
	assert_run("audit keys", 0, "", "set back 1 time");
}

/* Somebody has put an old copy of the folder back, as with a machine's snapshot. */
static void test_an_older_trail_is_not_gone_on_with_unless_somebody_accepts_it(void **state)
{
	char id[37];

	(void)state;
	assert_run("down", 0, "", "");
	shell("cp -a %s .", "state/trail.db");
	assert_run("up", 0, "", "");
	send(id);
	assert_run("down", 0, "", "");
	shell("rm state/trail.db* && cp -a trail.db %s/", "state");
	assert_run("up", 6, "", "the trail is an older copy (a rollback)");
	assert_run("audit restore", 2, "", "say which backup");
	assert_run("audit restore --accept-rollback --reason snapshot", 0, "goes on from record", "");
	assert_run("up", 0, "", "");
	assert_run("audit log --type Restored", 0, ": snapshot", "");
	assert_run("audit verify", 0, "", "");
}

static void test_a_restore_that_was_not_finished_stops_the_network(void **state)
{
	(void)state;
	assert_run("down", 0, "", "");
	world_write("state/restore.unfinished", "\n");
	assert_run("up", 6, "", "a restore was not finished");
	shell("rm %s", "state/restore.unfinished");
	assert_run("up", 0, "", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_receipt_comes_once_a_checkpoint_covers_it),
		TEST(omega_gives_receipts_to_those_whose_task_it_is),
		TEST(keys_and_checkpoints_are_shown),
		TEST(status_and_doctor_say_how_mirrors_are),
		TEST(a_backup_is_made_beside_the_network_and_tried_out),
		TEST(an_old_backup_needs_a_reason_and_stands_on_the_trail),
		TEST(an_older_trail_is_not_gone_on_with_unless_somebody_accepts_it),
		TEST(a_restore_that_was_not_finished_stops_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
