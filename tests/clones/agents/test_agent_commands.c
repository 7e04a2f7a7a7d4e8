/* SPDX-License-Identifier: MIT
 *
 * The table of agents, and what is started for a row of it. With COMMANDS_REWRITE=1 in the environment commands.txt is written anew, to be
 * reviewed as a diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "clones/agents/command.h"

#define COMMANDS SOURCE_DIR "/tests/clones/agents/commands.txt"

static const struct agent_settings settings = {.endpoint = "http://127.0.0.1:8099/s",
					       .key = "k-1",
					       .model = "m-1",
					       .home = "/home/a",
					       .worktree = "/work/t",
					       .turns = 40,
					       .retries = 1};

static struct agent_command made(const char *name, const struct agent_settings *wanted)
{
	struct agent_command command;
	char why[AGENT_WHY_BYTES] = "";

	assert_int_equal(agent_command_make(agent_cli_find(name), wanted, &command, why), 0);
	return command;
}

static const char *variable(const struct agent_command *command, const char *name)
{
	size_t bytes = strlen(name);

	for (size_t i = 0; command->environment[i]; i++) {
		if (strncmp(command->environment[i], name, bytes) == 0 && command->environment[i][bytes] == '=')
			return command->environment[i] + bytes + 1;
	}
	return NULL;
}

static bool has_word(const struct agent_command *command, const char *word)
{
	for (size_t i = 0; command->argv[i]; i++) {
		if (strcmp(command->argv[i], word) == 0)
			return true;
	}
	return false;
}

static void test_every_name_of_the_seed_is_known(void **state)
{
	(void)state;
	assert_ptr_equal(agent_cli_find("claude_code"), agent_cli_find("claude"));
	assert_string_equal(agent_cli_find("gemini")->title, "Gemini CLI");
	for (size_t i = 0; agent_cli_at(i); i++)
		assert_ptr_equal(agent_cli_find(agent_cli_at(i)->name), agent_cli_at(i));
	assert_null(agent_cli_find("clau"));
	assert_null(agent_cli_find(""));
	assert_null(agent_cli_at(10));
	assert_string_equal(agent_cli_find("ollama")->wire, "ollama");
	assert_ptr_equal(agent_cli_find("openai"), agent_cli_find("local"));
	assert_ptr_equal(agent_cli_find("vllm"), agent_cli_find("llamacpp"));
}

struct page {
	char at[32768];
	size_t bytes;
};

static void say(struct page *page, const char *before, const char *text)
{
	page->bytes += (size_t)snprintf(page->at + page->bytes, sizeof(page->at) - page->bytes, "%s%s\n", before, text);
	assert_true(page->bytes < sizeof(page->at));
}

static void say_command(struct page *page, const char *name)
{
	struct agent_command command = made(name, &settings);

	say(page, "== ", name);
	for (size_t i = 0; command.argv[i]; i++)
		say(page, "word: ", command.argv[i]);
	for (size_t i = 0; command.environment[i]; i++)
		say(page, "environment: ", command.environment[i]);
	for (size_t i = 0; command.folders[i]; i++)
		say(page, "folder: ", command.folders[i]);
	if (command.config_path) {
		say(page, "file: ", command.config_path);
		say(page, "content: ", command.config);
	}
	agent_command_release(&command);
}

static const char *expected_commands(struct page *page)
{
	FILE *file = fopen(COMMANDS, "rb");

	assert_non_null(file);
	page->bytes = fread(page->at, 1, sizeof(page->at) - 1, file);
	page->at[page->bytes] = '\0';
	fclose(file);
	return page->at;
}

/* Some of these words are all that keeps the code of a hostile repository from being run, or a key from being seen. */
static void test_every_word_of_every_command_is_the_one_that_was_reviewed(void **state)
{
	static struct page page, expected;
	FILE *file;

	(void)state;
	page.bytes = 0;
	for (size_t i = 0; agent_cli_at(i); i++)
		say_command(&page, agent_cli_at(i)->name);
	if (getenv("COMMANDS_REWRITE")) {
		file = fopen(COMMANDS, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(page.at, 1, page.bytes, file), page.bytes);
		assert_int_equal(fclose(file), 0);
	}
	assert_string_equal(page.at, expected_commands(&expected));
}

static void test_nothing_of_one_vendor_reaches_another(void **state)
{
	static const char *const vendors[] = {"ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "BUNSHIN_MODEL_KEY"};

	(void)state;
	for (size_t i = 0; agent_cli_at(i); i++) {
		struct agent_command command = made(agent_cli_at(i)->name, &settings);
		unsigned keys = 0;

		for (size_t v = 0; v < 4; v++)
			keys += variable(&command, vendors[v]) != NULL;
		assert_true(keys == (strncmp(agent_cli_at(i)->name, "opencode", 8) == 0 ? 0 : 1)); /* it has a text of its own */
		assert_string_equal(variable(&command, "HOME"), "/home/a");
		assert_string_equal(variable(&command, "TMPDIR"), "/home/a/tmp");
		for (size_t w = 0; command.argv[w]; w++)
			assert_null(strstr(command.argv[w], "k-1")); /* ps shows what stands there */
		agent_command_release(&command);
	}
}

static void test_no_placeholder_is_left(void **state)
{
	(void)state;
	for (size_t i = 0; agent_cli_at(i); i++) {
		struct agent_command command = made(agent_cli_at(i)->name, &settings);

		for (size_t w = 0; command.argv[w]; w++)
			assert_null(strpbrk(command.argv[w], strncmp(command.argv[w], "model_providers", 15) ? "{}" : "\n"));
		for (size_t e = 0; command.environment[e]; e++)
			assert_true(strstr(command.environment[e], "{home}") == NULL &&
				    strstr(command.environment[e], "{endpoint}") == NULL);
		agent_command_release(&command);
	}
}

static void test_what_was_not_asked_for_is_left_out(void **state)
{
	struct agent_settings few = settings;
	struct agent_command command;

	(void)state;
	command = made("claude", &settings);
	assert_true(has_word(&command, "--max-turns=40"));
	assert_true(has_word(&command, "m-1"));
	assert_false(has_word(&command, "--max-budget-usd=0"));
	agent_command_release(&command);
	few.turns = 0;
	few.model = NULL;
	few.budget = 2.5;
	command = made("claude", &few);
	assert_false(has_word(&command, "--model"));
	assert_true(has_word(&command, "--max-budget-usd=2.500000"));
	for (size_t i = 0; command.argv[i]; i++)
		assert_null(strstr(command.argv[i], "--max-turns"));
	agent_command_release(&command);
	command = made("qwen", &few);
	assert_null(variable(&command, "OPENAI_MODEL"));
	assert_false(has_word(&command, "--max-session-turns"));
	agent_command_release(&command);
	few.model = "m-1";
	command = made("local", &few);
	for (size_t i = 0; command.argv[i]; i++)
		assert_null(strstr(command.argv[i], "--temperature"));
	agent_command_release(&command);
	few.temperature = "0.2";
	command = made("local", &few);
	assert_true(has_word(&command, "--temperature=0.2"));
	agent_command_release(&command);
}

/* Values that would end a string early and add settings of their own. */
static void test_values_stay_inside_their_strings(void **state)
{
	struct agent_settings sly = settings;
	struct agent_command command;
	json_t *value;

	(void)state;
	sly.model = "a\",\"b\\\":{}";
	command = made("opencode", &sly);
	value = json_loads(variable(&command, "OPENCODE_CONFIG_CONTENT"), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(value);
	assert_string_equal(json_string_value(json_object_get(value, "model")), "bunshin/a\",\"b\\\":{}");
	assert_int_equal(json_object_size(value), 7);
	json_decref(value);
	agent_command_release(&command);
}

static void test_the_configuration_of_gemini_is_json(void **state)
{
	struct agent_settings all = settings;
	struct agent_command command;
	json_t *value;

	(void)state;
	all.turns = 0;
	command = made("gemini", &all);
	assert_string_equal(command.config_path, "/home/a/.gemini/settings.json");
	value = json_loads(command.config, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(value);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(value, "general"), "maxAttempts")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(value, "model"), "maxSessionTurns")), -1);
	json_decref(value);
	agent_command_release(&command);
}

static void refused(const char *name, struct agent_settings wrong, const char *word)
{
	struct agent_command command;
	char why[AGENT_WHY_BYTES] = "";

	assert_int_equal(agent_command_make(agent_cli_find(name), &wrong, &command, why), ERR_INVALID_PARAMETERS);
	if (!strstr(why, word))
		fail_msg("\"%s\" does not say %s", why, word);
	assert_null(strstr(why, "k-1"));
}

static void test_settings_that_would_mean_something_else_are_refused(void **state)
{
	struct agent_settings wrong;

	(void)state;
	wrong = settings;
	wrong.model = "--help";
	refused("claude", wrong, "dash");
	wrong = settings;
	wrong.model = "a\nb";
	refused("claude", wrong, "control");
	wrong = settings;
	wrong.model = "";
	refused("claude", wrong, "missing");
	wrong = settings;
	wrong.key = NULL;
	refused("claude", wrong, "missing");
	wrong = settings;
	wrong.key = "k-1\n";
	refused("claude", wrong, "control");
	wrong = settings;
	wrong.home = "a";
	refused("gemini", wrong, "absolute");
	wrong = settings;
	wrong.worktree = "./t";
	refused("gemini", wrong, "absolute");
	wrong = settings;
	wrong.endpoint = "127.0.0.1:1";
	refused("qwen", wrong, "http://");
	wrong = settings;
	wrong.endpoint = "http://h/";
	refused("qwen", wrong, "slash");
	wrong = settings;
	wrong.endpoint = "http://h\"x";
	refused("qwen", wrong, "character");
	wrong = settings;
	wrong.model = NULL;
	refused("opencode", wrong, "missing");
	wrong = settings;
	wrong.budget = -1;
	refused("claude", wrong, "budget");
}

/* One that is not asked cannot be refused. */
static void test_programs_that_speak_acp_are_told_to_ask(void **state)
{
	unsigned speaking = 0;

	(void)state;
	for (size_t i = 0; agent_cli_at(i); i++) {
		struct agent_command command = made(agent_cli_at(i)->name, &settings);
		const char *config = variable(&command, "OPENCODE_CONFIG_CONTENT");

		if (agent_cli_at(i)->speaks_acp) {
			speaking++;
			assert_true(has_word(&command, "--acp") || has_word(&command, "acp"));
			assert_false(has_word(&command, "yolo"));
			assert_true(has_word(&command, "default") || strstr(config, "\"bash\":\"ask\""));
		}
		agent_command_release(&command);
	}
	assert_int_equal(speaking, 3);
}

static void test_a_prompt_never_comes_first(void **state)
{
	static const char *const prompts[] = {"/help", "--help", "- fix it", "@README.md", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(prompts) / sizeof(*prompts); i++) {
		size_t bytes, prompt_bytes = strlen(prompts[i]);
		char *text = agent_prompt_new(prompts[i], prompt_bytes, &bytes);

		assert_non_null(text);
		assert_true(text[0] >= 'A' && text[0] <= 'Z');
		assert_memory_equal(text + bytes - prompt_bytes, prompts[i], prompt_bytes);
		assert_true(text[bytes - prompt_bytes - 1] == '\n');
		assert_true(memchr(text, '/', bytes - prompt_bytes) == NULL && memchr(text, '@', bytes - prompt_bytes) == NULL);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_of_the_seed_is_known),
		cmocka_unit_test(test_every_word_of_every_command_is_the_one_that_was_reviewed),
		cmocka_unit_test(test_nothing_of_one_vendor_reaches_another),
		cmocka_unit_test(test_no_placeholder_is_left),
		cmocka_unit_test(test_what_was_not_asked_for_is_left_out),
		cmocka_unit_test(test_values_stay_inside_their_strings),
		cmocka_unit_test(test_the_configuration_of_gemini_is_json),
		cmocka_unit_test(test_settings_that_would_mean_something_else_are_refused),
		cmocka_unit_test(test_programs_that_speak_acp_are_told_to_ask),
		cmocka_unit_test(test_a_prompt_never_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
