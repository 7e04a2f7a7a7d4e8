/* SPDX-License-Identifier: MIT
 *
 * Programs described in words: every text that can be read, every one that cannot, with its place, and the sections that docs/agents.md shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/agents/described.h"
#include "routing/conf.h"

static char why[AGENT_WHY_BYTES];

static struct agent_described *begun(void)
{
	struct agent_described *described = agent_described_new();

	assert_non_null(described);
	why[0] = '\0';
	return described;
}

static void set(struct agent_described *described, const char *name, const char *text)
{
	if (agent_described_set(described, name, text, why))
		fail_msg("%s = %s: %s", name, text, why);
}

static void refused(const char *name, const char *text, const char *sentence)
{
	struct agent_described *described = begun();

	assert_int_equal(agent_described_set(described, name, text, why), ERR_INVALID_PARAMETERS);
	if (!strstr(why, sentence))
		fail_msg("%s = %s: \"%s\" does not say \"%s\"", name, text, why, sentence);
	agent_described_free(described);
}

static void test_a_text_that_cannot_be_read_is_refused_with_its_place(void **state)
{
	(void)state;
	refused("text", "message/text",
		"text: character 1: found \"message/text\"; accepted is a JSON pointer like /message/text");
	refused("text", "", "text: character 1: found \"\"");
	refused("text", "/a~2", "text: character 1");
	refused("text", "when:/type=x", "text: character 13: found \"\"; accepted is a JSON pointer");
	refused("text", "when:/type=x y", "text: character 14: found \"y\"");
	refused("text", "when:type=x /y", "text: character 6: found \"type\"; accepted is a condition like /type=result");
	refused("text", "when: /y", "text: character 6: found \"\"");
	refused("final", "type", "final: character 1: found \"type\"");
	refused("final", "/type=", "final: character 6: found \"=\"; accepted is a text after the equals sign");
	refused("final", "=x", "final: character 1");
	refused("text_pieces", "maybe", "text_pieces: character 1: found \"maybe\"; accepted is \"yes\" or \"no\"");
	refused("usage_counts", "all", "\"step\", \"run\" or \"thread\"");
	refused("txt", "/x", "txt: there is no such name; accepted are text, session, model, tool, path");
}

static void test_a_name_stands_once_and_shares_its_condition(void **state)
{
	struct agent_described *described = begun();
	struct agent_cli cli;

	(void)state;
	assert_int_equal(agent_described_cli(described, &cli, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "final is missing"));
	set(described, "usage_in", "when:/type=turn /in");
	set(described, "final", "/type=end");
	assert_int_equal(agent_described_set(described, "usage_in", "/in", why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "given twice"));
	assert_int_equal(agent_described_set(described, "usage_out", "/out", why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "another condition than usage_in"));
	set(described, "usage_out", "when:/type=turn /out");
	set(described, "session", "/id"); /* of another line */
	assert_int_equal(agent_described_cli(described, &cli, why), 0);
	agent_described_free(described);
	described = begun();
	set(described, "path", "/path");
	set(described, "final", "/type=end");
	assert_int_equal(agent_described_cli(described, &cli, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "together with tool"));
	agent_described_free(described);
	agent_described_free(NULL);
}

static void test_every_name_is_known_once(void **state)
{
	(void)state;
	for (size_t i = 0; agent_described_name(i); i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(agent_described_name(i), agent_described_name(j));
	}
	assert_null(agent_described_name(1000));
}

static struct agent_run run;

static void hear(const char *line)
{
	agent_run_line(&run, (struct text){line, (uint32_t)strlen(line)}, 0);
}

static struct agent_verdict verdict_of(int exit_status)
{
	const struct agent_ending ending = {.exit_status = exit_status};
	struct agent_verdict verdict;

	agent_run_verdict(&run, &ending, &verdict);
	return verdict;
}

static void test_conditions_hold_of_booleans_and_numbers(void **state)
{
	static const struct {
		const char *condition, *line;
		bool holds;
	} cases[] = {{"/e=false", "{\"t\":1,\"e\":false}", true},
		     {"/e=false", "{\"t\":1,\"e\":\"false\"}", true},
		     {"/e=false", "{\"t\":1,\"e\":true}", false},
		     {"/e=false", "{\"t\":1}", false},
		     {"/e=0", "{\"t\":1,\"e\":0}", true},
		     {"/e=0", "{\"t\":1,\"e\":-1}", false},
		     {"/e=0", "{\"t\":1,\"e\":0.5}", false},
		     {"/e=0", "{\"t\":1,\"e\":null}", false},
		     {"/e", "{\"t\":1,\"e\":false}", true},
		     {"/e", "{\"t\":1,\"e\":null}", false},
		     {"/e/0=a=b", "{\"t\":1,\"e\":[\"a=b\"]}", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct agent_described *described = begun();
		struct agent_cli cli;

		set(described, "final", "/t=1");
		set(described, "final_ok", cases[i].condition);
		assert_int_equal(agent_described_cli(described, &cli, why), 0);
		agent_run_init(&run, &cli, NULL, NULL, NULL);
		hear(cases[i].line);
		if (verdict_of(0).ok != cases[i].holds)
			fail_msg("%s of %s", cases[i].condition, cases[i].line);
		agent_described_free(described);
	}
}

/* All that stands in blocks ```conf of the document, after what a configuration has to have. */
static char *sections(void)
{
	FILE *document = fopen(SOURCE_DIR "/docs/agents.md", "r"), *base = fopen(SOURCE_DIR "/routing.conf", "r");
	char *text = calloc(1, 1 << 18), line[4096];
	bool inside = false;
	size_t used;

	assert_non_null(document);
	assert_non_null(base);
	assert_non_null(text);
	used = fread(text, 1, 1 << 17, base);
	while (fgets(line, sizeof(line), document)) {
		if (strncmp(line, "```", 3) == 0)
			inside = strncmp(line, "```conf", 7) == 0;
		else if (inside)
			used += (size_t)snprintf(text + used, (1 << 18) - used, "%s", line);
	}
	fclose(document);
	fclose(base);
	return text;
}

static struct conf *conf;

static void read_document(void)
{
	char *text = sections(), sentence[CONF_SENTENCE_BYTES] = "";

	conf = calloc(1, sizeof(*conf));
	assert_non_null(conf);
	if (conf_parse(text, "docs/agents.md", conf, sentence))
		fail_msg("%s", sentence);
	free(text);
}

static const struct agent_conf *documented(const char *name)
{
	for (uint32_t i = 0; i < conf->agent_count; i++) {
		if (strcmp(conf->agent[i].name, name) == 0)
			return &conf->agent[i];
	}
	fail_msg("docs/agents.md has no agent %s", name);
	return NULL;
}

static struct agent_described *described_as(const struct agent_conf *agent, struct agent_cli *out_cli)
{
	const char *const texts[][2] = {{"session", agent->session},
					{"model", agent->reported_model},
					{"text", agent->text},
					{"tool", agent->tool},
					{"path", agent->path},
					{"usage_in", agent->usage_in},
					{"usage_out", agent->usage_out},
					{"usage_cached", agent->usage_cached},
					{"usage_counts", agent->usage_counts},
					{"cost", agent->cost},
					{"error", agent->error},
					{"status", agent->status},
					{"final", agent->final},
					{"final_ok", agent->final_ok}};
	struct agent_described *described = begun();

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (*texts[i][1])
			set(described, texts[i][0], texts[i][1]);
	}
	if (agent->usage_excludes_cached)
		set(described, "usage_excludes_cached", "yes");
	if (agent_described_cli(described, out_cli, why))
		fail_msg("%s: %s", agent->name, why);
	return described;
}

static void test_every_section_of_the_document_is_accepted(void **state)
{
	unsigned described = 0;

	(void)state;
	read_document();
	assert_true(conf->agent_count >= 8);
	for (uint32_t i = 0; i < conf->agent_count; i++) {
		const struct agent_conf *agent = &conf->agent[i];
		struct agent_cli cli;

		if (strcmp(agent->adapter, "jsonl") == 0) {
			agent_described_free(described_as(agent, &cli));
			described++;
		} else {
			assert_true(strcmp(agent->adapter, "acp") == 0 || agent_cli_find(agent->adapter));
		}
	}
	assert_int_equal(described, 3);
	free(conf);
}

static void begin(const char *name, struct agent_described **out_described, struct agent_cli *out_cli)
{
	read_document();
	*out_described = described_as(documented(name), out_cli);
	agent_run_init(&run, out_cli, NULL, NULL, NULL);
}

static void test_pi_is_read_as_its_section_says(void **state)
{
	struct agent_described *described;
	struct agent_cli cli;

	(void)state;
	begin("pi", &described, &cli);
	hear("{\"type\":\"session\",\"version\":3,\"id\":\"s-1\",\"cwd\":\"/w\"}");
	hear("{\"type\":\"tool_execution_start\",\"toolCallId\":\"c\",\"toolName\":\"write\",\"args\":{\"path\":\"a.c\"}}");
	hear("{\"type\":\"turn_end\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"Hm.\"}],\"usage\":{\"input\":100,"
	     "\"cacheRead\":50,"
	     "\"output\":7,\"cost\":{\"total\":0.25}}}}");
	assert_false(verdict_of(0).ok);
	hear("{\"type\":\"turn_end\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"Done.\"}],\"usage\":{\"input\":10,"
	     "\"output\":1}}}");
	hear("{\"type\":\"agent_end\",\"messages\":[]}");
	assert_true(verdict_of(0).ok);
	assert_false(verdict_of(1).ok);
	assert_string_equal(run.session.at, "s-1");
	assert_string_equal(run.words.at, "Done.");
	assert_int_equal(run.usage.in, 160);
	assert_int_equal(run.usage.out, 8);
	assert_int_equal(run.events[AGENT_TOOL_START], 1);
	hear("{\"type\":\"turn_end\",\"message\":{\"errorMessage\":\"429 too many requests\"}}");
	assert_int_equal(verdict_of(0).class, AGENT_CLASS_RATE_LIMIT);
	agent_described_free(described);
	free(conf);
}

static void test_cursor_is_read_as_its_section_says(void **state)
{
	struct agent_described *described;
	struct agent_cli cli;

	(void)state;
	begin("cursor", &described, &cli);
	hear("{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s-2\",\"model\":\"m\",\"cwd\":\"/w\"}");
	hear("{\"type\":\"assistant\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Done.\"}]}"
	     "}");
	assert_false(verdict_of(0).ok);
	hear("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"Done.\",\"duration_ms\":5}");
	assert_true(verdict_of(0).ok);
	assert_string_equal(run.session.at, "s-2");
	assert_string_equal(run.words.at, "Done.");
	agent_run_init(&run, &cli, NULL, NULL, NULL);
	hear("{\"type\":\"result\",\"subtype\":\"error\",\"is_error\":true,\"result\":\"status 401 Unauthorized\"}");
	assert_int_equal(verdict_of(0).class, AGENT_CLASS_AUTH);
	agent_described_free(described);
	free(conf);
}

static void test_auto_claude_is_read_as_its_script_speaks(void **state)
{
	struct agent_described *described;
	struct agent_cli cli;

	(void)state;
	begin("auto_claude", &described, &cli);
	hear("{\"type\":\"started\",\"ok\":true,\"text\":\"Auto-Claude\",\"status\":0}");
	assert_false(verdict_of(0).ok);
	hear("{\"type\":\"result\",\"ok\":true,\"text\":\"Auto-Claude came to its end\",\"status\":0}");
	assert_true(verdict_of(0).ok);
	agent_run_init(&run, &cli, NULL, NULL, NULL);
	hear("{\"type\":\"result\",\"ok\":false,\"text\":\"Auto-Claude ended with status 3\",\"status\":0}");
	assert_false(verdict_of(0).ok);
	agent_described_free(described);
	free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_that_cannot_be_read_is_refused_with_its_place),
		cmocka_unit_test(test_a_name_stands_once_and_shares_its_condition),
		cmocka_unit_test(test_every_name_is_known_once),
		cmocka_unit_test(test_conditions_hold_of_booleans_and_numbers),
		cmocka_unit_test(test_every_section_of_the_document_is_accepted),
		cmocka_unit_test(test_pi_is_read_as_its_section_says),
		cmocka_unit_test(test_cursor_is_read_as_its_section_says),
		cmocka_unit_test(test_auto_claude_is_read_as_its_script_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
