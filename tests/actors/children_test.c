/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "actors/supervisor.h"
#include "tests/actors/scratch.h"

/* ---- commands ---- */

static void test_a_command_is_split_as_a_shell_would(void **context)
{
	static const struct {
		const char *command;
		const char *word[6];
	} cases[] = {
		{"python3 clone.py", {"python3", "clone.py"}},
		{"  a \t b\n", {"a", "b"}},
		{"a 'b c' d", {"a", "b c", "d"}},
		{"a \"b c\" d", {"a", "b c", "d"}},
		{"a b'c d'e\"f g\"", {"a", "bc def g"}},
		{"a ''", {"a", ""}},
		{"a '' \"\" b", {"a", "", "", "b"}},
		{"a\\ b c", {"a b", "c"}},
		{"a 'b\\' c", {"a", "b\\", "c"}},
		{"a \"b\\\"c\\\\d\\$e\\f\"", {"a", "b\"c\\d$e\\f"}},
		{"a \"it's\" 'say \"x\"'", {"a", "it's", "say \"x\""}},
		{"a $HOME *", {"a", "$HOME", "*"}}, /* nothing is expanded */
		{"a\\", {"a\\"}},
	};
	const char *argv[8];
	char text[128], sentence[SENTENCE_BYTES];

	(void)context;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(command_split(cases[i].command, text, sizeof(text), argv, 8, sentence), 0);
		for (size_t w = 0; cases[i].word[w] || argv[w]; w++) {
			assert_non_null(cases[i].word[w]);
			assert_non_null(argv[w]);
			assert_string_equal(argv[w], cases[i].word[w]);
		}
	}
}

static void test_a_command_that_cannot_be_split_is_explained(void **context)
{
	static const struct {
		const char *command, *complaint;
	} bad[] = {{"", "names no program"},         {"   ", "names no program"},     {"'' a", "names no program"},
		   {"a 'b", "not closed"},           {"a \"b\\\"", "not closed"},     {"a b c d", "too many words"},
		   {"0123456789abcdef", "too long"}, {"a 0123456789abcd", "too long"}};
	const char *argv[4];
	char text[16], sentence[SENTENCE_BYTES];

	(void)context;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(command_split(bad[i].command, text, sizeof(text), argv, 4, sentence), ERR_CONFIG);
		assert_non_null(strstr(sentence, bad[i].complaint));
	}
	assert_int_equal(command_split("a b c", text, sizeof(text), argv, 4, sentence), 0);
	assert_int_equal(command_split("0123456789abcde", text, sizeof(text), argv, 4, sentence), 0);
}

/* ---- the list ---- */

struct fixture {
	char *scratch;
	struct state_folder state;
	char sentence[SENTENCE_BYTES];
	char routes[PATH_BYTES];
	struct conf conf;
	struct child_list list;
};

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[PATH_BYTES];

	*context = fixture;
	fixture->scratch = scratch_make();
	snprintf(path, sizeof(path), "%s/state", fixture->scratch);
	snprintf(fixture->routes, sizeof(fixture->routes), "%s/routing.conf", fixture->scratch);
	assert_int_equal(file_replace(fixture->routes, "", 0, 0600), 0);
	return state_open(path, &fixture->state, fixture->sentence);
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;

	children_release(&fixture->list);
	scratch_remove(fixture->scratch);
	free(fixture);
	return 0;
}

static struct clone_conf *add(struct fixture *fixture, const char *role, uint32_t instances, const char *command)
{
	struct clone_conf *clone = &fixture->conf.clone[fixture->conf.clone_count++];

	snprintf(clone->role, sizeof(clone->role), "%s", role);
	snprintf(clone->command, sizeof(clone->command), "%s", command);
	clone->instances = instances;
	return clone;
}

static int build(struct fixture *fixture)
{
	return children_build(&fixture->conf, &fixture->state, "/usr/bin/bunshin", fixture->routes, &fixture->list,
			      fixture->sentence);
}

static const char *variable(const struct child_spec *child, const char *name)
{
	size_t bytes = strlen(name);

	for (const char *const *entry = child->environment; *entry; entry++)
		if (!strncmp(*entry, name, bytes) && (*entry)[bytes] == '=')
			return *entry + bytes + 1;
	return NULL;
}

static void test_omega_comes_first_and_is_critical_then_the_workspace_which_is_not(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta", 2, "");
	assert_int_equal(build(fixture), 0);
	assert_int_equal(fixture->list.count, 4);
	const struct child_spec *omega = &fixture->list.child[0];
	assert_string_equal(omega->name, "omega");
	assert_string_equal(omega->argv[0], "/usr/bin/bunshin");
	assert_string_equal(omega->argv[1], "omega");
	assert_null(omega->argv[2]);
	assert_true(omega->critical && omega->notifies);
	assert_int_equal(omega->reload_signal, SIGHUP);
	assert_string_equal(variable(omega, "BUNSHIN_STATE"), fixture->state.root);
	assert_string_equal(variable(omega, "BUNSHIN_ROUTES"), fixture->routes);
	const struct child_spec *workspace = &fixture->list.child[1];
	assert_string_equal(workspace->name, "workspace");
	assert_string_equal(workspace->argv[1], "workspace");
	assert_string_equal(workspace->argv[2], "serve");
	assert_true(workspace->notifies && !workspace->critical);
	assert_true(workspace->order > omega->order && fixture->list.child[2].order > workspace->order);
}

static void test_each_instance_is_a_child_with_its_own_key(void **context)
{
	struct fixture *fixture = *context;
	char key[PATH_BYTES];

	add(fixture, "beta", 2, "");
	assert_int_equal(build(fixture), 0);
	for (unsigned i = 1; i <= 2; i++) {
		const struct child_spec *clone = &fixture->list.child[1 + i];
		char name[NAME_BYTES];
		snprintf(name, sizeof(name), "beta/%u", i);
		assert_string_equal(clone->name, name);
		assert_string_equal(clone->argv[1], "clone");
		assert_string_equal(clone->argv[2], name);
		assert_null(clone->argv[3]);
		assert_true(clone->notifies);
		assert_false(clone->critical);
		assert_string_equal(variable(clone, "BUNSHIN_PEER"), name);
		assert_int_equal(state_path_of(&fixture->state, STATE_KEYS, name, ".key", key), 0);
		assert_string_equal(variable(clone, "BUNSHIN_KEY"), key);
		assert_string_equal(variable(clone, "BUNSHIN_STATE"), fixture->state.root);
	}
}

static void test_a_command_runs_in_the_folder_of_the_routes(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "python", 2, "python3 'my clone.py' --fast");
	add(fixture, "other", 1, "./other");
	assert_int_equal(build(fixture), 0);
	for (unsigned i = 1; i <= 2; i++) {
		const struct child_spec *clone = &fixture->list.child[1 + i];
		assert_string_equal(clone->argv[0], "python3");
		assert_string_equal(clone->argv[1], "my clone.py");
		assert_string_equal(clone->argv[2], "--fast");
		assert_null(clone->argv[3]);
		assert_string_equal(clone->folder, fixture->scratch);
		assert_false(clone->notifies);
	}
	assert_string_equal(fixture->list.child[4].argv[0], "./other");
	assert_string_equal(variable(&fixture->list.child[3], "BUNSHIN_PEER"), "python/2");
}

static void test_external_clones_are_left_alone(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta", 1, "");
	add(fixture, "far", 5, "")->external = true;
	assert_int_equal(build(fixture), 0);
	assert_int_equal(fixture->list.count, 3);
}

static void test_a_wrong_command_or_too_many_children_are_refused(void **context)
{
	struct fixture *fixture = *context;

	add(fixture, "beta", 1, "python3 'clone.py");
	assert_int_equal(build(fixture), ERR_CONFIG);
	assert_non_null(strstr(fixture->sentence, "not closed"));
	fixture->conf.clone_count = 0;
	add(fixture, "beta", CHILDREN_LIMIT, "");
	assert_int_equal(build(fixture), ERR_CONFIG);
	fixture->conf.clone_count = 0;
	fixture->conf.clone[0] = (struct clone_conf){.instances = 0};
	add(fixture, "beta", CHILDREN_LIMIT - 2, "");
	assert_int_equal(build(fixture), 0);
	assert_int_equal(fixture->list.count, CHILDREN_LIMIT);
	children_release(&fixture->list);
	snprintf(fixture->routes, sizeof(fixture->routes), "%s/absent", fixture->scratch);
	assert_int_equal(build(fixture), ERR_CONFIG);
	assert_non_null(strstr(fixture->sentence, "absent"));
}

static void test_the_policy_is_that_of_the_configuration(void **context)
{
	struct fixture *fixture = *context;

	assert_int_equal(supervisor_policy(&fixture->conf).intensity, 5);
	assert_int_equal(supervisor_policy(&fixture->conf).window_ms, 30000);
	fixture->conf.restart_max = 1000;
	fixture->conf.restart_window_ms = 7;
	assert_int_equal(supervisor_policy(&fixture->conf).intensity, RESTART_INTENSITY_MAX);
	assert_int_equal(supervisor_policy(&fixture->conf).window_ms, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_is_split_as_a_shell_would),
		cmocka_unit_test(test_a_command_that_cannot_be_split_is_explained),
		cmocka_unit_test_setup_teardown(test_omega_comes_first_and_is_critical_then_the_workspace_which_is_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_each_instance_is_a_child_with_its_own_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_command_runs_in_the_folder_of_the_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_external_clones_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_command_or_too_many_children_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_policy_is_that_of_the_configuration, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
