/* SPDX-License-Identifier: MIT
 *
 * The commands against a real, small network: Omega and nobody who works.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/cli/run.h"

static const char routes[] =
	"network {\n}\nclone beta {\n\texternal = yes\n}\nroute security-analysis {\n\tdestination = beta\n}\n";

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
	(void)state;
	assert_run("down", 0, "nothing of it is left running", "");
	assert_run("audit verify", 0, "are as they were written", "");
	world_remove();
	return 0;
}

/* Sends a task that nobody takes; its id. */
static void send(const char *more, char out_id[37])
{
	char arguments[256];
	struct ran ran;

	snprintf(arguments, sizeof(arguments), "task send security-analysis --params {\"repo\":\"/srv\"} %s", more);
	ran = must(arguments, 0);
	assert_int_equal(strlen(ran.out), 37);
	memcpy(out_id, ran.out, 36);
	out_id[36] = 0;
	ran_release(&ran);
}

static void test_the_network_says_how_it_is(void **state)
{
	struct ran ran = must("status --json", 0);
	json_t *json = json_loads(ran.out, 0, NULL);
	const char *phase = NULL, *name = NULL;
	json_int_t last_seq = 0;

	(void)state;
	assert_int_equal(json_unpack(json, "{s:{s:s, s:[{s:s}]}, s:{s:{s:I}}}", "supervisor", "phase", &phase, "processes",
				     "name", &name, "omega", "trail", "last_seq", &last_seq),
			 0);
	assert_string_equal(phase, "running");
	assert_string_equal(name, "omega");
	assert_true(last_seq > 0);
	json_decref(json);
	ran_release(&ran);
	assert_run("up", 6, "", "`bunshin status` shows it");
	assert_run("doctor", 0, "omega\tok\tanswers after", "");
}

static void test_a_task_is_sent_once_however_often_its_key_is(void **state)
{
	char first[37], second[37];

	(void)state;
	send("--key nightly", first);
	send("--key nightly", second);
	assert_string_equal(first, second);
	assert_run("task send security-analysis --params {\"repo\":\"/other\"} --key nightly", 6, "", "use another --key");
	send("", second);
	assert_string_not_equal(first, second);
}

static void test_what_cannot_be_routed_is_refused_with_what_could(void **state)
{
	(void)state;
	assert_run("task send nonsense", 5, "", "`bunshin route list`");
	assert_run("route explain nonsense", 5, "", "no route serves");
	assert_run("route explain security-analysis --json", 0, "\"candidates\": []", "");
}

static void test_waiting_can_be_given_up_and_the_task_goes_on(void **state)
{
	char id[37], arguments[128];

	(void)state;
	send("", id);
	snprintf(arguments, sizeof(arguments), "task wait %s --for 50ms", id);
	assert_run(arguments, 7, "", "the task goes on");
	snprintf(arguments, sizeof(arguments), "task list --only accepted --json");
	assert_run(arguments, 0, id, "");
}

static void test_ctrl_c_detaches_and_says_so(void **state)
{
	struct ran ran = run_until_line("task send security-analysis --params {\"repo\":\"/srv\"} --wait", SIGINT);

	(void)state;
	assert_int_equal(ran.exit, 130);
	assert_non_null(strstr(ran.err, "detached; the task goes on. `bunshin task wait"));
	ran_release(&ran);
	assert_run("task list --only accepted", 0, "security-analysis\taccepted", "");
}

static void test_a_cancelled_task_has_ended_once(void **state)
{
	char id[37], arguments[128];

	(void)state;
	send("", id);
	snprintf(arguments, sizeof(arguments), "task cancel %s --wait --reason mistake", id);
	assert_run(arguments, 0, "\tcancelled\n", "");
	assert_run(arguments, 6, "", "has ended already");
	snprintf(arguments, sizeof(arguments), "task wait %s", id);
	assert_run(arguments, 1, "cancelled", "");
	snprintf(arguments, sizeof(arguments), "audit show %s", id);
	assert_run(arguments, 0, "TaskCancel\t\tmistake", "");
}

static void test_a_removed_peer_is_not_let_in(void **state)
{
	(void)state;
	assert_run("peer add carol --roles auditor", 0, "/keys/carol.key\n", "carol may speak");
	assert_run("--identity carol status", 0, "network\tok", "");
	assert_run("--identity carol clone drain beta", 4, "not_allowed", "");
	assert_run("peer remove carol", 0, "", "may no longer speak");
	assert_run("peer list", 0, "client,operator,auditor", "");
	assert_run("--identity carol status", 5, "", "carol");
	assert_run("peer add carol --roles nonsense", 2, "", "nonsense");
}

static void test_a_table_that_cannot_be_used_changes_nothing(void **state)
{
	(void)state;
	world_write("home/routing.conf", "nonsense {\n}\n");
	assert_run("route reload", 3, "", "routing.conf:1");
	world_write("home/routing.conf",
		    "network {\n}\nclone beta {\n\texternal = yes\n}\nroute other {\n\tdestination = beta\n}\n");
	assert_run("route reload", 0, "", "");
	assert_run("route explain other --json", 0, "\"version\": 2", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_network_says_how_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_task_is_sent_once_however_often_its_key_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_routed_is_refused_with_what_could, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_can_be_given_up_and_the_task_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ctrl_c_detaches_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_cancelled_task_has_ended_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_removed_peer_is_not_let_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_table_that_cannot_be_used_changes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
