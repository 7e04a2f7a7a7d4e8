/* SPDX-License-Identifier: MIT
 *
 * routing.conf: what is accepted, and the exact sentence for what is not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routing/conf.h"
#include "routing/conf_text.h"
#include "routing/conf_value.h"

#define ROUTE "clone a { }\nroute t { destination = a "

/* ---- refusals ---- */

static const struct bad_file {
	const char *text;
	const char *sentence; /* after "x.conf:" */
} bad_files[] = {
#include "tests/routing/bad_files.def"
};

static void test_every_bad_file_is_refused_with_its_sentence(void **state)
{
	struct conf *conf = calloc(1, sizeof(*conf)), *before = malloc(sizeof(*before));
	unsigned wrong = 0;

	(void)state;
	assert_true(conf && before);
	memset(conf, 0xa5, sizeof(*conf));
	memcpy(before, conf, sizeof(*conf));
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		char sentence[CONF_SENTENCE_BYTES] = "", expected[CONF_SENTENCE_BYTES * 2];
		int rc = conf_parse(bad_files[i].text, "x.conf", conf, sentence);

		snprintf(expected, sizeof(expected), "x.conf:%s", bad_files[i].sentence);
		if (rc != ERR_CONFIG || strcmp(sentence, expected) != 0 || memcmp(conf, before, sizeof(*conf)) != 0) {
			print_error("%s\n-- returned %d, expected\n%s\n-- found\n%s\n\n", bad_files[i].text, rc, expected,
				    sentence);
			wrong++;
		}
	}
	free(conf);
	free(before);
	assert_int_equal(wrong, 0);
}

/* libConfuse keeps its scanner between files, so a bad one must not spoil the next. */
static void test_a_good_file_is_accepted_after_each_bad_one(void **state)
{
	struct conf *conf = malloc(sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES];

	(void)state;
	assert_non_null(conf);
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		assert_int_equal(conf_parse(bad_files[i].text, "x.conf", conf, sentence), ERR_CONFIG);
		assert_int_equal(conf_parse(ROUTE "}", "x.conf", conf, sentence), 0);
	}
	free(conf);
}

/* ---- files of the project ---- */

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	return text;
}

static struct conf *conf_of(const char *text)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES] = "";

	assert_non_null(conf);
	if (conf_parse(text, "x.conf", conf, sentence))
		fail_msg("%s", sentence);
	return conf;
}

static void test_the_shipped_file_is_the_seed_table(void **state)
{
	static const struct {
		const char *task_type, *destination;
		enum priority priority;
		uint32_t timeout_ms, retries;
	} seed[] = {
		{"security-analysis", "beta", PRIORITY_HIGH, 30000, 2},
		{"architecture-design", "gamma", PRIORITY_HIGH, 45000, 1},
		{"test-strategy", "delta", PRIORITY_MEDIUM, 30000, 2},
		{"documentation", "sigma", PRIORITY_LOW, 20000, 1},
	};
	char *text = file_read(SOURCE_DIR "/routing.conf");
	struct conf *conf = conf_of(text);

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		int found = table_find(&conf->table, seed[i].task_type, (uint32_t)strlen(seed[i].task_type));
		assert_true(found >= 0);
		const struct route *route = &conf->table.route[found];

		assert_string_equal(route->destination[0], seed[i].destination);
		assert_int_equal(route->priority, seed[i].priority);
		assert_int_equal(route->timeout_ms, seed[i].timeout_ms);
		assert_int_equal(route->retries, seed[i].retries);
	}
	free(conf);
	free(text);
}

/* A comment stands above each option and each section of routing.conf. */
static void test_every_line_of_the_shipped_file_is_explained(void **state)
{
	char *text = file_read(SOURCE_DIR "/routing.conf");
	bool explained = false;
	unsigned number = 0;

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		line += strspn(line, "\t");
		number++;
		if ((strchr(line, '=') || strchr(line, '{')) && line[0] != '#' && !explained)
			fail_msg("no comment above \"%s\" (line %u without the empty ones)", line, number);
		explained = line[0] == '#';
	}
	free(text);
}

/* The rows "| `option` |" below the heading "## Section `section`" of docs/routing.md. */
static bool document_has(const char *document, enum section section, const char *option)
{
	char heading[64], row[64];
	const char *begin, *end, *found;

	snprintf(heading, sizeof(heading), "\n## Section `%s`", section_name(section));
	snprintf(row, sizeof(row), "\n| `%s` |", option);
	begin = strstr(document, heading);
	if (!begin)
		return false;
	end = strstr(begin + 1, "\n## ");
	found = strstr(begin, row);
	return found && (!end || found < end);
}

static void test_the_document_explains_every_option(void **state)
{
	char *document = file_read(SOURCE_DIR "/docs/routing.md");

	(void)state;
	for (size_t i = 0; option_at(i); i++)
		if (!document_has(document, option_at(i)->section, option_at(i)->name))
			fail_msg("docs/routing.md has no row for %s of %s", option_at(i)->name,
				 section_name(option_at(i)->section));
	free(document);
}

static void test_the_document_explains_nothing_else(void **state)
{
	char *document = file_read(SOURCE_DIR "/docs/routing.md");
	size_t rows = 0;

	(void)state;
	for (const char *at = document; (at = strstr(at, "\n| `")); at++)
		rows++;
	assert_int_equal(rows, option_count());
	free(document);
}

/* ---- what is read ---- */

static void check_described_agent(const struct agent_conf *agent)
{
	assert_string_equal(agent->adapter, "jsonl");
	assert_string_equal(agent->title, "My one");
	assert_string_equal(agent->program, "p");
	assert_string_equal(agent->arguments, "--a 'b c'");
	assert_string_equal(agent->command, "x {model}");
	assert_string_equal(agent->environment[0], "A=1");
	assert_string_equal(agent->environment[1], "B={home}/b");
	assert_string_equal(agent->environment[2], "");
	assert_string_equal(agent->model, "m-1");
	assert_string_equal(agent->endpoint, "https://h:1/p");
	assert_string_equal(agent->wire, "chat");
	assert_string_equal(agent->key, "secret:k");
	assert_true(agent->priced);
	assert_int_equal(agent->price_in, 3000000);
	assert_int_equal(agent->price_cached, 300000);
	assert_int_equal(agent->price_cache_write, 3750000);
	assert_int_equal(agent->price_out, 15000001);
	assert_int_equal(agent->slots, 9);
	assert_string_equal(agent->fallback, "ollama");
	assert_int_equal(agent->level, 3);
	assert_int_equal(agent->turns, 50);
	assert_int_equal(agent->idle_ms, 51000);
	assert_int_equal(agent->first_ms, 52000);
	assert_int_equal(agent->temperature_permille, 700);
	assert_string_equal(agent->mounts[0], "/opt/a");
	assert_string_equal(agent->mounts[1], "/opt/b");
	assert_string_equal(agent->mounts[2], "");
	assert_string_equal(agent->session, "/s");
	assert_string_equal(agent->reported_model, "/m");
	assert_string_equal(agent->text, "when:/type=say /t");
	assert_true(agent->text_pieces);
	assert_string_equal(agent->tool, "/w");
	assert_string_equal(agent->path, "/f");
	assert_string_equal(agent->usage_in, "/i");
	assert_string_equal(agent->usage_cached, "/c");
	assert_string_equal(agent->usage_out, "/o");
	assert_true(agent->usage_excludes_cached);
	assert_string_equal(agent->usage_counts, "step");
	assert_string_equal(agent->cost, "/u");
	assert_string_equal(agent->error, "/e");
	assert_string_equal(agent->status, "/n");
	assert_string_equal(agent->final, "/type=end");
	assert_string_equal(agent->final_ok, "/ok=true");
}

/* What is built in stands behind what the file says, and goes by its other names too. */
static void check_agents(const struct conf *conf)
{
	const struct agent_conf *codex = conf_agent(conf, "codex");

	assert_int_equal(conf->agent_count, 3);
	check_described_agent(conf_agent(conf, "m.1"));
	assert_string_equal(codex->adapter, "codex");
	assert_string_equal(codex->model, "gpt");
	assert_int_equal(codex->price_cached, codex->price_in);
	assert_int_equal(codex->slots, 4);
	assert_int_equal(codex->level, AGENT_LEVEL_DEFAULT);
	assert_int_equal(codex->temperature_permille, AGENT_TEMPERATURE_OWN);
	assert_ptr_equal(conf_agent(conf, "openai-codex"), codex);
	assert_ptr_equal(conf_agent(conf, "claude_code"), agent_builtin_at(0));
	assert_string_equal(conf_agent(NULL, "vllm")->adapter, "local");
	assert_false(conf_agent(conf, "claude")->priced);
	assert_null(conf_agent(conf, "nobody"));
}

static void test_every_option_reaches_its_place(void **state)
{
	struct conf *conf = conf_of(
		"network { endpoint = \"tcp://*:5555\" heartbeat = 3s restart_max = 6 restart_window = 2m\n"
		"memory_max = 77 weight_urgent = 11 weight_high = 12 weight_medium = 13 weight_low = 14 age = 15\n"
		"lost_max = 16 cancel_grace = 17ms breaker_failures = 18 breaker_open = 19s tasks_max = 20 retry_after = 21\n"
		"retention = 400d mirror_file = /mnt/other/log mirror_git = none mirror_command = 'put --to \"x y\"' }\n"
		"clone a { instances = 3 slots = 4 command = 'x \"y z\" ${A}' external = no }\n"
		"clone b { external = yes } clone c { external = on } clone d { external = false }\n"
		"agent m.1 { adapter = jsonl title = 'My one' program = p arguments = \"--a 'b c'\" command = 'x {model}' model "
		"= m-1\n"
		"environment = { 'A=1', 'B={home}/b' } endpoint = \"https://h:1/p\" wire = chat key = \"secret:k\" price_in = 3\n"
		"price_cached = 0.3 price_cache_write = 3.75 price_out = 15.000001 slots = 9 fallback = ollama level = 3 turns = "
		"50\n"
		"idle = 51s first = 52s temperature = 0.7 mounts = { /opt/a, /opt/b } session = /s reported_model = /m\n"
		"text = \"when:/type=say /t\" text_pieces = yes tool = /w path = /f usage_in = /i usage_cached = /c usage_out = "
		"/o\n"
		"usage_excludes_cached = yes usage_counts = step cost = /u error = /e status = /n final = \"/type=end\"\n"
		"final_ok = \"/ok=true\" }\n"
		"agent codex { model = gpt price_in = 2 price_out = 8 } agent acp-one { adapter = acp command = 'gemini --acp' "
		"}\n"
		"route t.1_x-y { destination = a fallbacks = { b, c } priority = urgent retries = 3 start = 4s timeout = 5s\n"
		"timeout_max = 6m heartbeat = 7s deadline = 1d backoff_initial = 8ms backoff_max = 9s backoff_factor = 1.125\n"
		"backoff_jitter = 12.5% queue_max = 10 non_retryable = { timed_out, limit } escalate_to = d }\n");
	const struct table *table = &conf->table;
	const struct route *route = &table->route[0];

	(void)state;
	assert_string_equal(conf->endpoint, "tcp://*:5555");
	assert_int_equal(conf->heartbeat_ms, 3000);
	assert_int_equal(conf->restart_max, 6);
	assert_int_equal(conf->restart_window_ms, 120000);
	assert_int_equal(conf->memory_max_mb, 77);
	assert_int_equal(table->weight[PRIORITY_URGENT], 11);
	assert_int_equal(table->weight[PRIORITY_HIGH], 12);
	assert_int_equal(table->weight[PRIORITY_MEDIUM], 13);
	assert_int_equal(table->weight[PRIORITY_LOW], 14);
	assert_int_equal(table->age_ms, 15);
	assert_int_equal(table->lost_max, 16);
	assert_int_equal(table->cancel_grace_ms, 17);
	assert_int_equal(table->breaker_failures, 18);
	assert_int_equal(table->breaker_open_ms, 19000);
	assert_int_equal(table->tasks_max, 20);
	assert_int_equal(table->retry_after_ms, 21);
	assert_int_equal(conf->retention_ms, 400 * 86400000ull);
	assert_string_equal(conf->mirror_file, "/mnt/other/log");
	assert_string_equal(conf->mirror_git, "none");
	assert_string_equal(conf->mirror_command, "put --to \"x y\"");
	check_agents(conf);
	assert_int_equal(conf->clone_count, 4);
	assert_string_equal(conf->clone[0].role, "a");
	assert_int_equal(conf->clone[0].instances, 3);
	assert_int_equal(conf->clone[0].slots, 4);
	assert_string_equal(conf->clone[0].command, "x \"y z\" ${A}");
	assert_false(conf->clone[0].external);
	assert_true(conf->clone[1].external);
	assert_true(conf->clone[2].external);
	assert_false(conf->clone[3].external);
	assert_string_equal(route->task_type, "t.1_x-y");
	assert_int_equal(route->destination_count, 3);
	assert_string_equal(route->destination[0], "a");
	assert_string_equal(route->destination[1], "b");
	assert_string_equal(route->destination[2], "c");
	assert_int_equal(route->priority, PRIORITY_URGENT);
	assert_int_equal(route->retries, 3);
	assert_int_equal(route->start_ms, 4000);
	assert_int_equal(route->timeout_ms, 5000);
	assert_int_equal(route->timeout_max_ms, 360000);
	assert_int_equal(route->heartbeat_ms, 7000);
	assert_int_equal(route->deadline_ms, 86400000);
	assert_int_equal(route->backoff.initial_ms, 8);
	assert_int_equal(route->backoff.maximum_ms, 9000);
	assert_int_equal(route->backoff.factor_permille, 1125);
	assert_int_equal(route->backoff.jitter_permille, 125);
	assert_int_equal(route->queue_max, 10);
	assert_int_equal(route->non_retryable_count, 2);
	assert_int_equal(route->non_retryable[0], ERROR_TIMED_OUT);
	assert_int_equal(route->non_retryable[1], ERROR_LIMIT);
	assert_string_equal(route->escalate_to, "d");
	assert_int_equal(table->version, 0);
	free(conf);
}

static void test_a_deadline_that_is_not_given_holds_the_worst_case(void **state)
{
	struct conf *small = conf_of(ROUTE "}"), *large = conf_of(ROUTE "timeout = 20m retries = 3 }");

	(void)state;
	assert_int_equal(small->table.route[0].deadline_ms, 600000);
	assert_int_equal(small->table.route[0].timeout_max_ms, small->table.route[0].timeout_ms);
	assert_true(large->table.route[0].deadline_ms == route_worst_ms(&large->table.route[0]));
	assert_true(large->table.route[0].deadline_ms > 4 * 20 * 60000);
	free(small);
	free(large);
}

static void test_a_parsed_table_comes_back_from_its_bytes(void **state)
{
	char *text = file_read(SOURCE_DIR "/routing.conf");
	struct conf *conf = conf_of(text);
	struct table *back = malloc(sizeof(*back));
	uint8_t at[TABLE_BYTES_MAX];
	size_t bytes;

	(void)state;
	assert_non_null(back);
	assert_int_equal(table_encode(&conf->table, at, sizeof(at), &bytes), 0);
	assert_int_equal(table_decode(at, bytes, back), 0);
	assert_memory_equal(back, &conf->table, sizeof(*back));
	free(back);
	free(conf);
	free(text);
}

static void test_comments_and_line_ends_mean_nothing(void **state)
{
	struct conf *plain = conf_of(ROUTE "retries = 3 }");
	struct conf *other = conf_of("#{\r\nclone a { # }\r\n}\r\nroute\tt#\n{destination=a#'\nretries=3 # \"\n}#");

	(void)state;
	assert_memory_equal(plain, other, sizeof(*plain));
	free(plain);
	free(other);
}

/* Every beginning of the shipped file is accepted or refused with a place and two halves; none of them is half taken. */
static void test_every_cut_of_the_shipped_file_is_answered(void **state)
{
	char *text = file_read(SOURCE_DIR "/routing.conf");
	struct conf *conf = malloc(sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES];

	(void)state;
	assert_non_null(conf);
	for (size_t cut = strlen(text); cut-- > 0;) {
		text[cut] = '\0';
		sentence[0] = '\0';
		if (conf_parse(text, "x.conf", conf, sentence) == 0)
			continue;
		assert_memory_equal(sentence, "x.conf:", 7);
		assert_non_null(strchr(sentence, ';'));
		assert_non_null(strstr(sentence, "accepted"));
	}
	free(conf);
	free(text);
}

static uint64_t seed_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void test_a_spoilt_file_is_accepted_or_refused_and_nothing_else(void **state)
{
	char *text = file_read(SOURCE_DIR "/routing.conf"), *spoilt = malloc(65536);
	struct conf *conf = malloc(sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES];
	const size_t bytes = strlen(text);
	uint64_t seed = 88172645463325252u;

	(void)state;
	assert_true(conf && spoilt);
	for (unsigned round = 0; round < 2000; round++) {
		int rc;

		memcpy(spoilt, text, bytes + 1);
		for (unsigned i = 0; i < 4; i++)
			spoilt[seed_next(&seed) % bytes] = "{}=#\"'\\,+|$*/(\n x\x80"
							   "5"[seed_next(&seed) % 20];
		rc = conf_parse(spoilt, "x.conf", conf, sentence);
		assert_true(rc == 0 || rc == ERR_CONFIG);
	}
	free(conf);
	free(spoilt);
	free(text);
}

static void test_the_limits_of_the_file_are_kept(void **state)
{
	char *text = calloc(1, CONF_TEXT_BYTES_MAX + 2);
	struct conf *conf = malloc(sizeof(*conf));
	char sentence[CONF_SENTENCE_BYTES];
	size_t used = 0;

	(void)state;
	assert_true(conf && text);
	used += (size_t)sprintf(text, "clone a { }\n");
	for (unsigned i = 0; i < ROUTES_MAX; i++)
		used += (size_t)sprintf(text + used, "route t%u { destination = a }\n", i);
	assert_int_equal(conf_parse(text, "x.conf", conf, sentence), 0);
	assert_int_equal(conf->table.route_count, ROUTES_MAX);
	sprintf(text + used, "route one-more { destination = a }\n");
	assert_int_equal(conf_parse(text, "x.conf", conf, sentence), ERR_CONFIG);
	assert_string_equal(sentence, "x.conf:130: more than 128 sections route; accepted are up to 128");
	used = 0;
	for (unsigned i = 0; i <= CLONES_MAX; i++)
		used += (size_t)sprintf(text + used, "clone c%u { }\n", i);
	assert_int_equal(conf_parse(text, "x.conf", conf, sentence), ERR_CONFIG);
	assert_string_equal(sentence, "x.conf:65: more than 64 sections clone; accepted are up to 64");
	memset(text, '\n', CONF_TEXT_BYTES_MAX + 1);
	assert_int_equal(conf_parse(text, "x.conf", conf, sentence), ERR_CONFIG);
	assert_string_equal(sentence, "x.conf:1: the file has 1048577 bytes; accepted are up to 1048576");
	free(conf);
	free(text);
}

/* ---- durations ---- */

static void test_durations_are_read(void **state)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} good[] = {{"0", 0},        {"1500", 1500},   {"1500ms", 1500},     {"30s", 30000}, {"2m", 120000},
		    {"1h", 3600000}, {"1d", 86400000}, {"49d", 4233600000u}, {"007s", 7000}};
	static const char *const bad[] = {"",
					  "s",
					  "30 s",
					  " 30s",
					  "30s ",
					  "30S",
					  "1.5s",
					  "-1",
					  "+1",
					  "1w",
					  "30ss",
					  "0x10",
					  "50d",
					  "4233600001",
					  "99999999999999999999",
					  "18446744073709551617",
					  "1e3",
					  "213503982335d"};
	uint32_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(duration_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ms = 77;
		if (duration_parse(bad[i], &ms) != ERR_MALFORMED || ms != 77)
			fail_msg("\"%s\" was read as %u", bad[i], ms);
	}
}

static void test_an_age_has_a_unit_and_may_be_years(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {{"0", 0},         {"0d", 0}, {"1s", 1000}, {"90d", 90 * 86400000ull}, {"3650d", 3650 * 86400000ull},
		    {"12h", 43200000}};
	static const char *const bad[] = {"", "90", "1", "d", "90 d", "-1d", "1y", "36526d", "9007199254740993d"};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(age_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ms = 77;
		if (age_parse(bad[i], &ms) != ERR_MALFORMED || ms != 77)
			fail_msg("\"%s\" was read as %llu", bad[i], (unsigned long long)ms);
	}
}

static void test_a_printed_duration_is_read_back(void **state)
{
	static const uint32_t values[] = {0, 1, 999, 1000, 1001, 59999, 60000, 61000, 3600000, 86400000, 90000000, 4233600000u};
	char text[32];
	uint32_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		duration_print(values[i], text);
		assert_int_equal(duration_parse(text, &ms), 0);
		assert_int_equal(ms, values[i]);
	}
	duration_print(90000000, text);
	assert_string_equal(text, "25h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bad_file_is_refused_with_its_sentence),
		cmocka_unit_test(test_a_good_file_is_accepted_after_each_bad_one),
		cmocka_unit_test(test_the_shipped_file_is_the_seed_table),
		cmocka_unit_test(test_every_line_of_the_shipped_file_is_explained),
		cmocka_unit_test(test_the_document_explains_every_option),
		cmocka_unit_test(test_the_document_explains_nothing_else),
		cmocka_unit_test(test_every_option_reaches_its_place),
		cmocka_unit_test(test_a_deadline_that_is_not_given_holds_the_worst_case),
		cmocka_unit_test(test_a_parsed_table_comes_back_from_its_bytes),
		cmocka_unit_test(test_comments_and_line_ends_mean_nothing),
		cmocka_unit_test(test_every_cut_of_the_shipped_file_is_answered),
		cmocka_unit_test(test_a_spoilt_file_is_accepted_or_refused_and_nothing_else),
		cmocka_unit_test(test_the_limits_of_the_file_are_kept),
		cmocka_unit_test(test_durations_are_read),
		cmocka_unit_test(test_an_age_has_a_unit_and_may_be_years),
		cmocka_unit_test(test_a_printed_duration_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
