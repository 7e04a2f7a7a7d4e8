/* SPDX-License-Identifier: MIT
 *
 * Races as people meet them: what is asked for, the display, the report and the page. No network runs; results are those in tests/cli/races.
 *
 * RACES_REWRITE=1 writes the expected texts anew; look at the difference before you keep it.
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

#include "cli/race_board.h"
#include "cli/race_live.h"
#include "cli/race_page.h"
#include "cli/race_parameters.h"
#include "cli/race_pick.h"
#include "cli/race_roster.h"
#include "cli/race_template.h"
#include "cli/race_view.h"
#include "cli/text.h"

#define FOLDER SOURCE_DIR "/tests/cli/races/"

static json_t *load(const char *name)
{
	char path[512];
	json_error_t error;
	json_t *json;

	snprintf(path, sizeof(path), FOLDER "%s.json", name);
	json = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (!json)
		print_error("%s: %s\n", path, error.text);
	assert_non_null(json);
	return json;
}

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
		fclose(file);
	}
	return text;
}

static void assert_as_expected(const char *name, const char *text)
{
	char path[512];
	char *expected;

	snprintf(path, sizeof(path), FOLDER "%s.txt", name);
	if (getenv("RACES_REWRITE")) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		fclose(file);
	}
	expected = read_file(path);
	if (strcmp(expected, text) != 0)
		print_error("%s is not what was expected:\n%s\n", path, text);
	assert_string_equal(expected, text);
	free(expected);
}

/* ---- templates ---- */

static void assert_filled(const char *template, const char *expected)
{
	struct template_variable variables[] = {{.name = "file", .value = "src/{{a}}.c"}, {.name = "a", .value = ""}};
	char why[TEMPLATE_WHY_BYTES] = "";
	char *text = NULL;

	if (template_fill(template, variables, 2, &text, why))
		print_error("%s: %s\n", template, why);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_not_filled(const char *template, const char *expected)
{
	struct template_variable variables[] = {{.name = "file", .value = "x"}};
	char why[TEMPLATE_WHY_BYTES] = "";
	char *text = NULL;

	assert_int_equal(template_fill(template, variables, 1, &text, why), ERR_INVALID_PARAMETERS);
	if (!strstr(why, expected))
		print_error("%s: %s\n", template, why);
	assert_non_null(strstr(why, expected));
	assert_null(text);
}

static void test_variables_of_a_template_are_replaced_once_and_by_name(void **state)
{
	(void)state;
	assert_filled("Fix {{file}}{{a}}!", "Fix src/{{a}}.c!");
	assert_filled("{{ file }} {{a}} {{file}}", "src/{{a}}.c  src/{{a}}.c");
	assert_filled("\\{{file}} {{file}}{{a}}{", "{{file}} src/{{a}}.c{");
}

static void test_a_template_that_does_not_fit_its_variables_is_refused_with_the_line(void **state)
{
	(void)state;
	assert_not_filled("{{file}}\n{{other}}",
			  "line 2: {{other}} has no value; --var other=TEXT would give it one (given: file)");
	assert_not_filled("no place", "nothing in it uses {{file}}");
	assert_not_filled("{{file}} \n\n {{", "line 3: a {{ that no }} closes");
	assert_not_filled("{{file}} style={{a: 1}}", "{{a: 1}} holds no name");
	assert_not_filled("{{file}} {{}}", "holds no name");
}

static void test_the_templates_that_come_with_it_fit_what_the_guide_gives_them(void **state)
{
	static const struct {
		const char *file, *variable;
	} rows[] = {{"bugfix", "where"}, {"refactor", "path"}};
	char why[ROSTER_WHY_BYTES] = "";
	char *text, *filled = NULL;
	json_t *values = json_array();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct template_variable variables[] = {{.name = "prompt", .value = "P"},
							{.name = rows[i].variable, .value = "W"}};
		char path[512];
		snprintf(path, sizeof(path), SOURCE_DIR "/examples/templates/%s.md", rows[i].file);
		text = read_file(path);
		assert_int_equal(template_fill(text, variables, 2, &filled, why), 0);
		assert_null(strstr(filled, "{{"));
		free(filled);
		free(text);
	}
	text = read_file(SOURCE_DIR "/examples/templates/tests.md");
	struct template_variable two[] = {{.name = "path", .value = "src/a.c"}, {.name = "cases", .value = "C"}};
	assert_int_equal(template_fill(text, two, 2, &filled, why), 0);
	free(filled);
	free(text);
	text = read_file(SOURCE_DIR "/examples/templates/variations.md");
	assert_int_equal(roster_vary_prompts(text, "P", values, why), 0);
	assert_int_equal(json_array_size(values), 3);
	free(text);
	json_decref(values);
}

/* ---- who takes part ---- */

/* "label=agent/temperature" for each. */
static char *roster_text(const char *list, const char *vary, char why[ROSTER_WHY_BYTES])
{
	json_t *names = json_pack("[s, s, s]", "claude", "gemini", "local"), *variations = json_array(), *agents = NULL, *values,
	       *agent;
	char *text = calloc(1, 4096);
	size_t i;

	assert_non_null(text);
	if (vary) {
		values = json_array();
		assert_int_equal(roster_vary_values(vary, values, why), 0);
		json_array_append_new(variations, values);
	}
	if (roster_read(list, names, variations, &agents, why)) {
		free(text);
		text = NULL;
	}
	json_array_foreach (agents, i, agent) {
		const json_t *temperature = json_object_get(agent, "temperature");
		sprintf(text + strlen(text), "%s%s=%s", i ? " " : "", text_at(agent, "label"), text_at(agent, "agent"));
		if (json_is_real(temperature))
			sprintf(text + strlen(text), "/%.1f", json_real_value(temperature));
		if (*text_at(agent, "model"))
			sprintf(text + strlen(text), "/%s", text_at(agent, "model"));
	}
	json_decref(agents);
	json_decref(variations);
	json_decref(names);
	return text;
}

static void assert_roster(const char *list, const char *vary, const char *expected)
{
	char why[ROSTER_WHY_BYTES] = "";
	char *text = roster_text(list, vary, why);

	if (!text)
		print_error("%s: %s\n", list, why);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_no_roster(const char *list, const char *expected)
{
	char why[ROSTER_WHY_BYTES] = "";

	assert_null(roster_text(list, NULL, why));
	if (!strstr(why, expected))
		print_error("%s: %s\n", list, why);
	assert_non_null(strstr(why, expected));
}

static void test_attempts_are_labelled_by_their_agents(void **state)
{
	(void)state;
	assert_roster("claude,gemini:2,local", NULL, "claude=claude gemini.1=gemini gemini.2=gemini local=local");
	assert_roster("claude,claude", NULL, "claude.1=claude claude.2=claude");
	assert_roster("claude:1", NULL, "claude=claude");
	assert_no_roster("claude,gpt9", "there is no agent \"gpt9\"; there are: claude, gemini, local");
	assert_no_roster("claude:0", "a count from 1 to 16");
	assert_no_roster("claude:x", "NAME:COUNT");
	assert_no_roster("claude:17", "a count from 1 to 16");
	assert_no_roster("claude:9,gemini:8", "at most 16");
	assert_no_roster("claude,", "a name is missing");
	assert_no_roster("", "a name is missing");
}

static void test_variations_make_an_attempt_each(void **state)
{
	char why[ROSTER_WHY_BYTES];
	json_t *values = json_array();

	(void)state;
	assert_roster("claude,local", "temperature=0.2,0.7",
		      "claude.1=claude/0.2 claude.2=claude/0.7 local.1=local/0.2 local.2=local/0.7");
	assert_roster("claude:3", "temperature=0,1", "claude.1=claude/0.0 claude.2=claude/1.0 claude.3=claude/0.0");
	assert_roster("local", "model=a,b", "local.1=local/a local.2=local/b");
	assert_int_equal(roster_vary_values("temperature=3", values, why), ERR_INVALID_PARAMETERS);
	assert_int_equal(roster_vary_values("temperature=0.2,", values, why), ERR_INVALID_PARAMETERS);
	assert_int_equal(roster_vary_values("heat=1", values, why), ERR_INVALID_PARAMETERS);
	json_decref(values);
}

static void test_a_file_of_prompts_makes_a_variation_each(void **state)
{
	char why[ROSTER_WHY_BYTES];
	json_t *values = json_array();

	(void)state;
	assert_int_equal(
		roster_vary_prompts("{{prompt}}\nBe brief.\n---\n\nBegin with a test. {{prompt}}\n---\n", "Do it.", values, why),
		0);
	assert_int_equal(json_array_size(values), 2);
	assert_string_equal(text_at(json_array_get(values, 0), "prompt"), "Do it.\nBe brief.");
	assert_string_equal(text_at(json_array_get(values, 1), "prompt"), "Begin with a test. Do it.");
	assert_int_equal(roster_vary_prompts("\n---\n---\n", "x", values, why), 0); /* adds nothing to what is there */
	assert_int_equal(json_array_size(values), 2);
	json_array_clear(values);
	assert_int_equal(roster_vary_prompts("---\n", "x", values, why), ERR_INVALID_PARAMETERS);
	json_decref(values);
}

/* ---- numbers ---- */

static void test_money_is_read_and_printed_exactly(void **state)
{
	char text[MONEY_TEXT_BYTES];
	uint64_t microusd = 0;

	(void)state;
	assert_true(money_parse("2.50", &microusd) && microusd == 2500000);
	assert_true(money_parse("$0.000001", &microusd) && microusd == 1);
	assert_true(money_parse("3", &microusd) && microusd == 3000000);
	assert_false(money_parse("", &microusd));
	assert_false(money_parse(".", &microusd));
	assert_false(money_parse("2,50", &microusd));
	assert_false(money_parse("-1", &microusd));
	assert_false(money_parse("0.0000001", &microusd));
	assert_false(money_parse("9999999999999999999999", &microusd));
	money_print(412300, text);
	assert_string_equal(text, "$0.41");
	money_print(2100, text);
	assert_string_equal(text, "$0.0021");
	money_print(0, text);
	assert_string_equal(text, "$0");
	money_print(12345678, text);
	assert_string_equal(text, "$12.35");
}

/* ---- picks ---- */

static void assert_pick(const char *text, const char *expected)
{
	char label[PICK_LABEL_BYTES], why[PICK_WHY_BYTES] = "", shown[512];
	json_t *pick = NULL;
	char *json;

	if (pick_read(text, label, &pick, why)) {
		assert_string_equal(expected, "");
		assert_non_null(strstr(why, "LABEL:PATH"));
		return;
	}
	json = json_dumps(pick, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(shown, sizeof(shown), "%s %s", label, json);
	assert_string_equal(shown, expected);
	free(json);
	json_decref(pick);
}

static void test_parts_of_attempts_are_named_by_label_path_and_numbers(void **state)
{
	(void)state;
	assert_pick("claude:src/a.c", "claude {\"path\":\"src/a.c\"}");
	assert_pick("claude:src/a.c#2", "claude {\"hunks\":[2],\"path\":\"src/a.c\"}");
	assert_pick("gemini.1:a:b#1,3-5", "gemini.1 {\"hunks\":[1,3,4,5],\"path\":\"a:b\"}");
	assert_pick("claude:c#", "claude {\"path\":\"c#\"}");
	assert_pick("claude:c#x", "claude {\"path\":\"c#x\"}");
	assert_pick("claude:c#5-3", "");
	assert_pick("claude:c#0", "");
	assert_pick("claude:c#1-99999999", "");
	assert_pick("claude:c#1,,2", "");
	assert_pick("src/a.c", "");
	assert_pick(":src/a.c", "");
	assert_pick("claude:", "");
}

/* ---- the display ---- */

static void test_a_line_of_progress_is_taken_apart(void **state)
{
	struct board_row row = {.agent = "claude"};
	static const char full[] = "claude: edits a · b.c · 14 events · 31k tokens · $0.12 · 3 files";

	(void)state;
	board_line_read(&row, full, strlen(full));
	assert_string_equal(row.last, "edits a · b.c");
	assert_int_equal(row.events, 14);
	assert_int_equal(row.tokens, 31000);
	assert_int_equal(row.cost_microusd, 120000);
	assert_int_equal(row.files, 3);
	board_line_read(&row, "1 event · 1.2M tokens · 1 file", strlen("1 event · 1.2M tokens · 1 file"));
	assert_int_equal(row.events, 1);
	assert_int_equal(row.tokens, 1200000);
	assert_int_equal(row.files, 1);
	assert_string_equal(row.last, "edits a · b.c");
	board_line_read(&row, "files", 5);
	assert_string_equal(row.last, "files");
	board_line_read(&row, "", 0);
	assert_string_equal(row.last, "files");
}

static void fill_board(struct board *board)
{
	board->rows = 4;
	board->row[0] = (struct board_row){
		.label = "claude", .agent = "claude", .state = STATE_RUNNING, .word = "running", .begun_ms = 1000};
	board_line_read(&board->row[0], "claude: edits src/login.c · 14 events · 31k tokens · $0.12 · 3 files",
			strlen("claude: edits src/login.c · 14 events · 31k tokens · $0.12 · 3 files"));
	board->row[1] = (struct board_row){.label = "codex",
					   .state = STATE_COMPLETED,
					   .word = "being judged",
					   .gates = "test-strategy, security-analysis",
					   .begun_ms = 1000,
					   .ended_ms = 49200,
					   .tokens = 12000,
					   .cost_microusd = 50000,
					   .files = 1};
	board->row[2] = (struct board_row){.label = "gemini.1",
					   .state = STATE_FAILED,
					   .word = "failed: rate_limit",
					   .begun_ms = 1000,
					   .ended_ms = 2000,
					   .last = "\033[2Jhostile"};
	board->row[3] = (struct board_row){.label = "local", .word = "waiting"};
	snprintf(board->line, sizeof(board->line), "codex has handed in 1 file");
	board->story.accepted_ms = 500;
}

static void test_the_display_has_a_line_for_each_attempt_and_none_is_too_wide(void **state)
{
	static const unsigned widths[] = {110, 80, 60, 30};
	struct board *board = calloc(1, sizeof(*board));
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(board);
	fill_board(board);
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		struct paper paper = {.out = out, .width = widths[i]};
		assert_int_equal(board_draw(board, &paper, 62500, 40), 6);
		fputs("--\n", out);
	}
	assert_int_equal(board_draw(board, &(struct paper){.out = out, .width = 80}, 62500, 3), 3);
	fclose(out);
	for (char *copy = strdup(text), *rest = copy, *line; (line = strsep(&rest, "\n")) || (free(copy), false);)
		assert_true(text_width(line) < 110);
	assert_null(strchr(text, '\033'));
	assert_as_expected("display", text);
	free(text);
	text = board_row_text(&board->row[0]);
	assert_string_equal(text, "claude: running · edits src/login.c · 14 events · 31k tokens · $0.12 · 3 files");
	free(text);
	free(board);
}

/* ---- the report ---- */

static char *report_of(const json_t *race, unsigned width)
{
	char *text = NULL;
	size_t bytes = 0;
	struct paper paper = {.out = open_memstream(&text, &bytes), .width = width};

	race_print(&paper, race);
	fclose(paper.out);
	return text;
}

static void assert_report(const char *name, int code)
{
	json_t *race = load(name);
	char *text = report_of(race, 120);

	assert_as_expected(name, text);
	assert_int_equal(race_exit_code(race), code);
	free(text);
	json_decref(race);
}

static void test_the_report_says_who_won_why_who_lied_and_what_came_of_it(void **state)
{
	(void)state;
	assert_report("merged", 0);
	assert_report("conflicts", 6);
	assert_report("nothing", 8);
}

/* Of the best's verdict and the state of the merge. */
static void assert_exit_code(const char *verdict, const char *state, int code)
{
	json_t *race = json_pack("{s:[{s:s, s:s}], s:{s:s}, s:{s:s}}", "attempts", "label", "a", "verdict", verdict, "choice",
				 "label", "a", "merging", "state", state);

	assert_int_equal(race_exit_code(race), code);
	json_decref(race);
}

static void test_the_exit_code_is_0_only_for_what_is_verified(void **state)
{
	(void)state;
	assert_exit_code("verified", "merged", 0);
	assert_exit_code("verified", "prepared", 0);
	assert_exit_code("verified", "conflicts", 6);
	assert_exit_code("verified", "refused", 6);
	assert_exit_code("with gaps", "merged", 1);
	assert_exit_code("with gaps", "refused", 1);
	assert_exit_code("with gaps", "conflicts", 6);
	assert_exit_code("not verified", "nothing", 1);
}

static void test_nothing_in_a_result_is_obeyed_by_a_terminal(void **state)
{
	json_t *race = load("hostile");
	char *text = report_of(race, 40);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_non_null(strstr(text, "\\x1b[2J"));
	free(text);
	json_decref(race);
}

/* Every member of a result taken away, or made something else, one after the other: it is still shown, and nothing crashes. */
static void spoil(json_t *race, json_t *at)
{
	const char *name;
	json_t *value;
	void *next;
	size_t i;

	if (json_is_array(at)) {
		json_array_foreach (at, i, value)
			spoil(race, value);
		return;
	}
	json_object_foreach_safe (at, next, name, value) {
		json_t *others[] = {json_null(),  json_integer(-3), json_string("\033\xc2\x9b"),
				    json_array(), json_object(),    json_pack("[s]", "x")};
		spoil(race, value);
		json_incref(value);
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			json_object_set_new(at, name, others[i]);
			free(report_of(race, 80));
			race_exit_code(race);
		}
		json_object_set_new(at, name, value);
	}
}

static void test_a_result_of_another_shape_is_shown_as_far_as_it_goes(void **state)
{
	json_t *race = load("conflicts"), *cut = json_object_get(race, "attempts");

	(void)state;
	json_array_remove(cut, 3);
	spoil(race, race);
	json_decref(race);
}

static void test_a_race_is_found_in_a_result_however_it_is_wrapped(void **state)
{
	json_t *race = load("merged"), *wrapped = json_pack("{s:s, s:O}", "schema", "bunshin-result/1", "race", race);

	(void)state;
	assert_ptr_equal(race_of_result(race), race);
	assert_ptr_equal(race_of_result(wrapped), race);
	json_object_del(wrapped, "race");
	assert_null(race_of_result(wrapped));
	assert_null(race_of_result(NULL));
	json_decref(wrapped);
	json_decref(race);
}

/* ---- the page ---- */

static char *page_of(const char *name, const char *patch)
{
	json_t *race = load(name), *parameters = load("parameters");
	json_t *task = json_pack("{s:s, s:s, s:i}", "task_id", "01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e", "accepted_at",
				 "2026-02-03T10:11:12.000Z", "took_ms", 170000);
	json_t *patches = patch ? json_pack("{s:s, s:s}", "claude", patch, "</td><script>", patch) : NULL;
	struct race_page page = {.task = task, .parameters = parameters, .race = race, .patches = patches};
	struct command command = {.name = "race report"};
	struct call call = {.command = &command};
	char folder[] = "/tmp/bunshin-race-XXXXXX", path[64], sum[SINK_SUM_BYTES];
	char *text;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/page.html", folder);
	assert_int_equal(sink_open(&call, path, false, NULL, &page.sink), 0);
	race_page_put(&page);
	assert_int_equal(sink_close(page.sink, true, sum), 0);
	text = read_file(path);
	unlink(path);
	rmdir(folder);
	json_decref(patches);
	json_decref(task);
	json_decref(parameters);
	json_decref(race);
	return text;
}

/* Elements open and close in order, and attributes are quoted: nothing that was put in has changed what is markup. */
static void assert_well_formed(const char *page)
{
	char open[64][16];
	size_t depth = 0;

	for (const char *at = strstr(page, "<html"); (at = strchr(at, '<')); at++) {
		char name[16] = "";
		const char *end = strchr(at, '>');
		assert_non_null(end);
		sscanf(at + 1 + (at[1] == '/'), "%15[a-z0-9]", name);
		if (at[1] == '/') {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (end[-1] != '/' && strcmp(name, "meta") != 0) {
			assert_true(depth < 64);
			memcpy(open[depth++], name, sizeof(name));
		}
		for (const char *c = at + 1; c < end; c++)
			assert_true(*c != '<');
	}
	assert_int_equal(depth, 0);
}

static void test_the_page_holds_no_script_and_loads_nothing(void **state)
{
	static const char *const never[] = {"<script", "onload=", "src=",         "href=\"http", "url(",
					    "@import", "\033",    "\xe2\x80\xae", "<img"};
	static const char *const names[] = {"merged", "conflicts", "nothing", "hostile"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *page = page_of(names[i], "diff --git a/x b/x\n+<script>alert(1)</script>\033[2J\n-&amp;\n");
		assert_well_formed(page);
		for (size_t j = 0; j < sizeof(never) / sizeof(never[0]); j++) {
			const char *found = strstr(page, never[j]);
			/* quoted text may name it, markup may not: every quotation mark and less-than of others is an entity */
			if (found && (strchr(never[j], '<') || strchr(never[j], '"') || !strcmp(never[j], "url(") ||
				      *never[j] == '\033' || *never[j] == '@' || (unsigned char)*never[j] > 0x7f))
				print_error("%s: %.60s\n", names[i], found);
			if (strcmp(never[j], "onload=") != 0 && strcmp(never[j], "src=") != 0)
				assert_null(found);
		}
		assert_null(strstr(page, " onload=\""));
		assert_null(strstr(page, " src=\""));
		assert_non_null(strstr(page, "default-src 'none'; style-src 'sha256-"));
		free(page);
	}
}

static void test_the_page_says_what_the_report_says(void **state)
{
	static const char *const said[] = {
		"Race: Add error handling to the login function",
		"claude: verified, merged",
		"That is not so.",
		"2 of 14 fail that passed before",
		"claude before gemini.2",
		".github/workflows/ci.yml",
		"429 of its model server",
		"refs/bunshin/kept/01990b1f-0000-7000-8000-00000000000d/1",
		"<span class=\"add\">+int a;</span>",
		"<tr class=\"best\">",
		"$0.41",
		"The differences could not be read",
	};
	char *page = page_of("merged", "diff --git a/x b/x\n@@ -1 +1,2 @@\n+int a;\n");

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (!strstr(page, said[i]))
			print_error("not on the page: %s\n", said[i]);
		assert_non_null(strstr(page, said[i]));
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables_of_a_template_are_replaced_once_and_by_name),
		cmocka_unit_test(test_a_template_that_does_not_fit_its_variables_is_refused_with_the_line),
		cmocka_unit_test(test_the_templates_that_come_with_it_fit_what_the_guide_gives_them),
		cmocka_unit_test(test_attempts_are_labelled_by_their_agents),
		cmocka_unit_test(test_variations_make_an_attempt_each),
		cmocka_unit_test(test_a_file_of_prompts_makes_a_variation_each),
		cmocka_unit_test(test_money_is_read_and_printed_exactly),
		cmocka_unit_test(test_parts_of_attempts_are_named_by_label_path_and_numbers),
		cmocka_unit_test(test_a_line_of_progress_is_taken_apart),
		cmocka_unit_test(test_the_display_has_a_line_for_each_attempt_and_none_is_too_wide),
		cmocka_unit_test(test_the_report_says_who_won_why_who_lied_and_what_came_of_it),
		cmocka_unit_test(test_the_exit_code_is_0_only_for_what_is_verified),
		cmocka_unit_test(test_nothing_in_a_result_is_obeyed_by_a_terminal),
		cmocka_unit_test(test_a_result_of_another_shape_is_shown_as_far_as_it_goes),
		cmocka_unit_test(test_a_race_is_found_in_a_result_however_it_is_wrapped),
		cmocka_unit_test(test_the_page_holds_no_script_and_loads_nothing),
		cmocka_unit_test(test_the_page_says_what_the_report_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
