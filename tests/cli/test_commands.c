/* SPDX-License-Identifier: MIT
 *
 * The grammar of the command line: help, mistakes, settings, exit codes. No network runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "tests/cli/run.h"

static int setup(void **state)
{
	(void)state;
	world_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove();
	return 0;
}

/* Whatever goes wrong says so on stderr alone. */
static void assert_refused(const char *arguments, int code, const char *err)
{
	struct ran ran = run(arguments);

	if (ran.exit != code || *ran.out || !strstr(ran.err, err))
		print_error("bunshin %s\nexit %d\nstdout: %s\nstderr: %s\n", arguments, ran.exit, ran.out, ran.err);
	assert_int_equal(ran.exit, code);
	assert_string_equal(ran.out, "");
	assert_non_null(strstr(ran.err, err));
	ran_release(&ran);
}

static void test_help_of_every_command_begins_with_an_example(void **state)
{
	const struct command *command;

	(void)state;
	for (size_t i = 0; (command = command_at(i)); i++) {
		char arguments[128], example[128];
		struct ran ran;

		if (command->hidden)
			continue;
		snprintf(example, sizeof(example), "$ bunshin %s", command->name);
		snprintf(arguments, sizeof(arguments), "help %s", command->name);
		ran = run(arguments);
		assert_int_equal(ran.exit, 0);
		assert_int_equal(strncmp(ran.out, example, strlen(example)), 0);
		assert_non_null(strstr(ran.out, command->sentence));
		for (const struct option_row *row = command->options; row && row->name; row++)
			assert_non_null(strstr(ran.out, row->name));
		ran_release(&ran);
		snprintf(arguments, sizeof(arguments), "%s --help", command->name);
		assert_run(arguments, 0, example, "");
	}
}

static void test_no_sentence_of_help_is_wider_than_a_wide_terminal(void **state)
{
	struct ran ran = run("help");

	(void)state;
	for (char *rest = ran.out, *line; (line = strsep(&rest, "\n"));)
		assert_true(strlen(line) <= 132);
	ran_release(&ran);
}

static void test_without_a_command_help_goes_to_stderr(void **state)
{
	(void)state;
	assert_refused("", 2, "task send TYPE");
	assert_run("help", 0, "$ bunshin up", "");
	assert_run("--help", 0, "$ bunshin up", "");
	assert_run("--version", 0, "bunshin " BUNSHIN_VERSION, "");
	assert_run("help task", 0, "task logs TASK", "");
	assert_refused("help nonsense", 2, "no command");
}

static void test_a_slip_of_the_finger_gets_a_proposal(void **state)
{
	(void)state;
	assert_refused("task lst", 2, "perhaps \"task list\" was meant");
	assert_refused("statsu", 2, "perhaps \"status\" was meant");
	assert_refused("nonsense", 2, "`bunshin help` lists");
	assert_refused("task", 2, "task send TYPE");
	assert_refused("task nonsense", 2, "task send TYPE");
	assert_refused("clone", 2, "clone drain");
}

static void test_mistakes_are_refused_with_exit_code_2(void **state)
{
	(void)state;
	assert_refused("task send", 2, "TYPE is missing");
	assert_refused("task send a b", 2, "\"b\" is one operand too many");
	assert_refused("task list --nonsense", 2, "--nonsense");
	assert_refused("task list --limit", 2, "needs a value");
	assert_refused("task list --limit 0", 2, "a number from 1 to 100000 would be");
	assert_refused("task list --limit 12x", 2, "--limit");
	assert_refused("task list --only blue", 2, "--only: \"blue\" is no state");
	assert_refused("task send x --attempt-time soon", 2, "--attempt-time: \"soon\" is no time");
	assert_refused("task send x --param novalue", 2, "NAME=TEXT or NAME:=JSON would be");
	assert_refused("task send x --param =5", 2, "NAME=TEXT");
	assert_refused("task send x --param n:={", 2, "is no JSON");
	assert_refused("task send x --params []", 2, "no JSON object");
	assert_refused("task send x --params {", 2, "--params");
	assert_refused("task send x --repo /nowhere/at/all", 2, "/nowhere/at/all");
	assert_refused("recover reassign 01990b1e5c1a7c3e9d528f6a1b2c3d4e", 2, "--to ROLE is missing");
	assert_refused("peer add x", 2, "--roles is missing");
	assert_refused("audit show", 2, "is missing");
}

static void test_a_setting_that_cannot_be_is_exit_code_3(void **state)
{
	(void)state;
	assert_refused("--color blue task list", 3, "--color: \"blue\" is not accepted; auto, always or never would be");
	assert_refused("task list --timeout soon", 3, "--timeout: \"soon\"");
	world_write("work/.bunshin.conf", "routes = evil.conf\n");
	assert_refused("task list", 3, "not taken from a file that comes with a project");
	world_write("work/.bunshin.conf", "\n\nnonsense = 1\n");
	assert_refused("task list", 3, ".bunshin.conf:3:");
}

static void test_where_there_is_no_network_the_next_step_is_said(void **state)
{
	(void)state;
	assert_refused("status", 9, "next: `bunshin up`");
	assert_refused("clone list", 9, "");
	assert_refused("task send x", 9, "");
	assert_refused("task list", 5, "next: `bunshin up` starts the network and begins the trail");
	assert_refused("audit verify", 5, "there is no trail");
	world_setenv("BUNSHIN_STATE", "/nowhere/at/all");
	assert_refused("task list", 5, "there is no network in /nowhere/at/all");
	assert_refused("down", 5, "/nowhere/at/all");
	assert_refused("status", 9, "/nowhere/at/all");
}

static void test_a_routing_file_is_checked_with_its_line(void **state)
{
	(void)state;
	world_write("work/bad.conf", "network {\n\theartbeat = soon\n}\n");
	assert_refused("route check bad.conf", 3, "bad.conf:2: ");
	assert_refused("route list --routes bad.conf", 3, "bad.conf:2: ");
	assert_refused("route check missing.conf", 3, "missing.conf cannot be read");
	assert_run("route check " SOURCE_DIR "/routing.conf", 0, "can be used", "");
	assert_run("route check --json " SOURCE_DIR "/routing.conf", 0, "\"ok\": true", "");
	assert_run("route list --routes " SOURCE_DIR "/routing.conf", 0, "documentation\tsigma\tlow\t20000\t1\t", "");
	assert_run("--json --routes " SOURCE_DIR "/routing.conf route list", 0, "\"task_type\": \"documentation\"", "");
}

static void test_colour_is_for_terminals_and_for_who_asks(void **state)
{
	(void)state;
	assert_refused("task list --color always", 5, "\033[31mbunshin task list:\033[0m");
	world_setenv("NO_COLOR", "1");
	world_write("work/.bunshin.conf", "color = always\n");
	assert_refused("task list", 5, "bunshin task list:");
	assert_refused("task list --color always", 5, "\033[31m");
}

static void test_what_is_typed_is_never_executed_by_the_terminal(void **state)
{
	struct ran ran = run("task show \033[2J");

	(void)state;
	assert_null(strchr(ran.err, '\033'));
	ran_release(&ran);
	ran = run("\033]0;x\007");
	assert_int_equal(ran.exit, 2);
	assert_null(strchr(ran.err, '\033'));
	assert_non_null(strstr(ran.err, "\\x1b]0;x\\x07"));
	ran_release(&ran);
}

static void test_the_protocol_is_printed_as_it_is_documented(void **state)
{
	(void)state;
	assert_run("protocol", 0, "# The protocol", "");
	assert_run("protocol --markdown", 0, "# The protocol", "");
	assert_run("protocol --json", 0, "\"TaskAssignment\"", "");
}

static void test_every_json_shape_is_documented(void **state)
{
	const struct command *command;
	char text[65536] = "";
	FILE *file = fopen(SOURCE_DIR "/docs/cli.md", "r");

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	for (size_t i = 0; (command = command_at(i)); i++) {
		char heading[128];
		if (command->hidden || strcmp(command->name, "help") == 0)
			continue;
		snprintf(heading, sizeof(heading), "`%s`", command->name);
		if (!strstr(text, heading))
			print_error("docs/cli.md does not describe %s\n", command->name);
		assert_non_null(strstr(text, heading));
	}
}

/* A repository in the current folder with one commit. */
static void make_repository(void)
{
	char command[512];

	world_write("work/a.txt", "one\n");
	snprintf(command, sizeof(command),
		 "cd %s && git init -q -b main . && git add -A && git -c user.name=A -c user.email=a@example.org commit -q -m "
		 "first",
		 world_path("work"));
	assert_int_equal(system(command), 0);
}

static void test_a_race_that_cannot_be_is_refused_before_anything_is_sent(void **state)
{
	(void)state;
	world_setenv("BUNSHIN_ROUTES", SOURCE_DIR "/routing.conf");
	world_write("work/task.md", "Do it.\n");
	assert_refused("race --prompt-file task.md --agents claude", 2, "there is no git repository at or above");
	make_repository();
	assert_refused("race --prompt-file task.md", 2, "--agents says who takes part");
	assert_refused("race --prompt-file task.md --agents claude,gpt9", 2,
		       "there is no agent \"gpt9\"; there are: claude, codex");
	assert_refused("race --agents claude", 2, "what is to be done is missing");
	assert_refused("race --prompt-file missing.md --agents claude", 2, "--prompt-file: missing.md: No such file");
	assert_refused("race --prompt-file task.md --agents claude --merge always", 2, "theirs (the best result as it is)");
	assert_refused("race --prompt-file task.md --agents claude --into nowhere", 2,
		       "there is no branch \"nowhere\"; there are: main");
	assert_refused("race --prompt-file task.md --agents claude --base nowhere", 2, "there is no commit \"nowhere\"");
	assert_refused("race --prompt-file task.md --agents claude --budget 2,50", 2, "is no amount of dollars");
	assert_refused("race --prompt-file task.md --agents claude --gates tests,luck", 2, "\"luck\" is no gate");
	assert_refused("race --prompt-file task.md --agents claude --time soon", 2, "--time: \"soon\" is no time");
	assert_refused("race --prompt-file task.md --agents claude --vary heat=1", 2, "--vary: \"heat=1\" is not accepted");
	assert_refused("race --prompt-file task.md --agents claude --var a=b", 2, "nothing in it uses {{a}}");
	assert_refused("race --template task.md --agents claude --var a", 2, "--var: \"a\" is not accepted");
	assert_refused("race --template nothing --agents claude", 2, "--template: there is no file nothing");
	world_write("work/empty.md", " \n");
	assert_refused("race --prompt-file empty.md --agents claude", 2, "the prompt is empty");
	assert_refused("race --prompt-file task.md --agents claude_code", 9, ""); /* all is well but that nobody is there */
}

static void test_a_word_after_race_is_a_command_and_a_sentence_is_a_prompt(void **state)
{
	(void)state;
	world_setenv("BUNSHIN_ROUTES", SOURCE_DIR "/routing.conf");
	assert_refused("race", 2, "race show [RACE]");
	assert_refused("race lst", 2, "perhaps \"race list\" was meant");
	assert_refused("race refactor", 2, "bunshin race -- \"refactor\"");
	assert_refused("race show x", 5, "");
	make_repository();
	assert_refused("race -- refactor", 2, "--agents says who takes part");
	assert_refused("race --agents claude -- refactor", 9, "");
	assert_refused("--json race --agents claude -- refactor", 9, "");
}

static void test_a_race_without_a_branch_says_where_to_merge(void **state)
{
	char command[512];

	(void)state;
	world_setenv("BUNSHIN_ROUTES", SOURCE_DIR "/routing.conf");
	make_repository();
	snprintf(command, sizeof(command), "cd %s && git checkout -q --detach", world_path("work"));
	assert_int_equal(system(command), 0);
	assert_refused("race --agents claude --merge auto -- refactor", 2, "HEAD is on no branch");
	assert_refused("race --agents claude --merge auto --into main -- refactor", 9, "");
	assert_refused("race --agents claude -- refactor", 9, "");
}

static void test_the_doctor_names_what_is_missing_and_the_next_step(void **state)
{
	struct ran ran;

	(void)state;
	world_setenv("BUNSHIN_STATE", world_path("nowhere"));
	world_setenv("BUNSHIN_ROUTES", SOURCE_DIR "/routing.conf");
	ran = run("doctor");
	assert_non_null(strstr(ran.out, "state folder\twarning\t"));
	assert_non_null(strstr(ran.out, "`bunshin up` starts it"));
	assert_non_null(strstr(ran.out, "(BUNSHIN_STATE)"));
	ran_release(&ran);
	world_setenv("BUNSHIN_ROUTES", world_path("work/missing.conf"));
	assert_run("doctor --json", 6, "\"state\": \"problem\"", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_help_of_every_command_begins_with_an_example, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_sentence_of_help_is_wider_than_a_wide_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_command_help_goes_to_stderr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slip_of_the_finger_gets_a_proposal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes_are_refused_with_exit_code_2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_setting_that_cannot_be_is_exit_code_3, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where_there_is_no_network_the_next_step_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_routing_file_is_checked_with_its_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colour_is_for_terminals_and_for_who_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_typed_is_never_executed_by_the_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_protocol_is_printed_as_it_is_documented, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_json_shape_is_documented, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_race_that_cannot_be_is_refused_before_anything_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_word_after_race_is_a_command_and_a_sentence_is_a_prompt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_race_without_a_branch_says_where_to_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_doctor_names_what_is_missing_and_the_next_step, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
