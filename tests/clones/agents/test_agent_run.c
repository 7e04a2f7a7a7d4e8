/* SPDX-License-Identifier: MIT
 *
 * What the events mean for a run, and the verdict: each condition alone turns a success into a failure of its own class.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/agents/cli.h"

static struct agent_run run;
static const struct agent_ending well = {.exit_status = 0};

static void begin(const char *name)
{
	agent_run_init(&run, agent_cli_find(name), NULL, NULL, NULL);
}

static void hear(const char *line)
{
	agent_run_line(&run, (struct text){line, (uint32_t)strlen(line)}, 0);
}

static struct agent_verdict judged(struct agent_ending ending)
{
	struct agent_verdict verdict;

	agent_run_verdict(&run, &ending, &verdict);
	return verdict;
}

static void expect(struct agent_ending ending, enum agent_class class)
{
	struct agent_verdict verdict = judged(ending);

	if (verdict.class != class)
		fail_msg("%s (%s) instead of %s", agent_class_name(verdict.class), verdict.why, agent_class_name(class));
	assert_int_equal(verdict.retry, agent_class_retryable(class));
}

#define INIT "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\",\"model\":\"m\",\"claude_code_version\":\"2\"}"
#define SAID "{\"type\":\"assistant\",\"message\":{\"id\":\"1\",\"content\":[{\"type\":\"text\",\"text\":\"ok\"}]}}"
#define RESULT(more)                                                                                                             \
	"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":1,\"result\":\"done\","                   \
	"\"usage\":{\"input_tokens\":5,\"output_tokens\":7},\"permission_denials\":[]" more "}"

static void good_run(void)
{
	begin("claude");
	hear(INIT);
	hear(SAID);
	hear(RESULT(""));
}

static void test_everything_has_to_agree(void **state)
{
	(void)state;
	good_run();
	expect(well, AGENT_CLASS_NONE);
	expect((struct agent_ending){.stop = AGENT_STOP_CANCELLED}, AGENT_CLASS_CANCELLED);
	expect((struct agent_ending){.stop = AGENT_STOP_WALL}, AGENT_CLASS_TIMEOUT_WALL);
	expect((struct agent_ending){.stop = AGENT_STOP_IDLE}, AGENT_CLASS_TIMEOUT_IDLE);
	expect((struct agent_ending){.stop = AGENT_STOP_BUDGET}, AGENT_CLASS_LIMIT_BUDGET);
	expect((struct agent_ending){.exit_status = 1}, AGENT_CLASS_CRASH);
	expect((struct agent_ending){.exit_status = -1, .signal = 9}, AGENT_CLASS_CRASH);
	expect((struct agent_ending){.not_installed = true}, AGENT_CLASS_NOT_INSTALLED);
	expect((struct agent_ending){.changed = AGENT_CHANGED_NOTHING, .change_wanted = true}, AGENT_CLASS_NO_CHANGE);
	expect((struct agent_ending){.changed = AGENT_CHANGED_NOTHING}, AGENT_CLASS_NONE);
	run.no_memory = true;
	expect(well, AGENT_CLASS_CRASH);
}

static void test_a_result_that_does_not_say_success_in_so_many_words_is_none(void **state)
{
	static const char *const results[] = {
		"{\"type\":\"result\",\"subtype\":\"success\",\"result\":\"done\",\"usage\":{\"output_tokens\":7}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":\"false\",\"result\":\"done\",\"usage\":{\"output_"
		"tokens\":7}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":null,\"result\":\"done\",\"usage\":{\"output_tokens\":"
		"7}}",
		"{\"type\":\"result\",\"subtype\":\"Success\",\"is_error\":false,\"result\":\"done\",\"usage\":{\"output_"
		"tokens\":7}}",
		"{\"type\":\"result\",\"is_error\":false,\"result\":\"done\",\"usage\":{\"output_tokens\":7}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"is_error\":true,\"usage\":{\"output_tokens\":"
		"7}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"is_error\":false,\"usage\":{\"output_tokens\":"
		"7}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\",\"usage\":{\"output_"
		"tokens\":0}}",
		"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		begin("claude");
		hear(INIT);
		hear(SAID);
		hear(results[i]);
		assert_false(judged(well).ok);
	}
}

static void test_a_command_of_its_own_in_the_prompt_is_told_from_a_lost_answer(void **state)
{
	(void)state;
	begin("claude");
	hear(INIT);
	hear("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":0,\"result\":\"/help isn't "
	     "available\"}");
	expect(well, AGENT_CLASS_CONFIG);
}

static void test_a_denied_tool_is_no_success_and_blocked_if_nothing_was_changed(void **state)
{
	(void)state;
	begin("claude");
	hear(SAID);
	hear("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":1,\"usage\":{\"output_tokens\":7},"
	     "\"permission_denials\":[{\"tool_name\":\"Write\",\"tool_use_id\":\"x\"}]}");
	expect(well, AGENT_CLASS_DENIED);
	assert_non_null(strstr(judged(well).why, "Write"));
	expect((struct agent_ending){.changed = AGENT_CHANGED_NOTHING, .change_wanted = true}, AGENT_CLASS_BLOCKED);
	begin("codex");
	hear("{\"type\":\"item.completed\",\"item\":{\"id\":\"1\",\"type\":\"command_execution\",\"status\":\"declined\"}}");
	hear("{\"type\":\"turn.completed\",\"usage\":{\"output_tokens\":3}}");
	expect(well, AGENT_CLASS_DENIED);
}

static void test_what_comes_last_and_cannot_be_read_may_have_been_an_error(void **state)
{
	(void)state;
	good_run();
	hear("(node:7) Warning: something");
	expect(well, AGENT_CLASS_NONE);
	hear("  {\"type\":");
	expect(well, AGENT_CLASS_PROTOCOL);
	good_run();
	agent_run_line(&run, (struct text){"{\"type\":\"err", 11}, 1000);
	expect(well, AGENT_CLASS_PROTOCOL);
	assert_int_equal(run.events[AGENT_WARN], 1);
	assert_int_equal(run.long_lines, 1);
	good_run();
	hear("{\"type\":\"result\",\"x\":\"\xff\"}");
	expect(well, AGENT_CLASS_PROTOCOL);
	/* Before the end it does no harm: the last line speaks for the whole run. */
	begin("claude");
	hear("{\"type\":");
	hear(SAID);
	hear(RESULT(""));
	expect(well, AGENT_CLASS_NONE);
	assert_int_equal(run.garbage, 1);
}

static void test_an_error_stays_whatever_comes_after_it(void **state)
{
	(void)state;
	begin("codex");
	hear("{\"type\":\"error\",\"message\":\"unexpected status 401 Unauthorized: x\"}");
	hear("{\"type\":\"turn.completed\",\"usage\":{\"output_tokens\":3}}");
	expect(well, AGENT_CLASS_AUTH);
	assert_int_equal(judged(well).status, 401);
	begin("opencode");
	hear("{\"type\":\"error\",\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"x\",\"statusCode\":529}}}");
	hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	hear("{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"tokens\":{\"output\":3}}}");
	expect(well, AGENT_CLASS_OVERLOADED);
}

static void test_what_it_says_of_our_stop_is_no_reason(void **state)
{
	(void)state;
	begin("claude");
	hear(INIT);
	hear("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"[Request interrupted "
	     "by user]\"}]}}");
	hear("{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true,\"errors\":[\"[ede_diagnostic] "
	     "result_type=user\"]}");
	expect((struct agent_ending){.stop = AGENT_STOP_IDLE, .exit_status = 1}, AGENT_CLASS_TIMEOUT_IDLE);
	expect((struct agent_ending){.stop = AGENT_STOP_WALL, .exit_status = 1}, AGENT_CLASS_TIMEOUT_WALL);
	expect((struct agent_ending){.exit_status = 1}, AGENT_CLASS_CRASH);
}

static void test_a_try_once_more_is_no_error_if_it_helped(void **state)
{
	(void)state;
	begin("codex");
	hear("{\"type\":\"thread.started\",\"thread_id\":\"t\"}");
	hear("{\"type\":\"error\",\"message\":\"Reconnecting... 2/5 (unexpected status 503 Service Unavailable)\"}");
	assert_int_equal(run.events[AGENT_RETRY], 1);
	expect(well, AGENT_CLASS_OVERLOADED); /* if it ends here */
	expect((struct agent_ending){.stop = AGENT_STOP_IDLE}, AGENT_CLASS_OVERLOADED);
	expect((struct agent_ending){.stop = AGENT_STOP_CANCELLED}, AGENT_CLASS_CANCELLED);
	hear("{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"ok\"}}");
	expect(well, AGENT_CLASS_TRUNCATED);
	hear("{\"type\":\"turn.completed\",\"usage\":{\"output_tokens\":3}}");
	expect(well, AGENT_CLASS_NONE);
}

static void test_a_turn_that_was_begun_after_the_end_of_another_has_to_end_too(void **state)
{
	(void)state;
	begin("codex");
	hear("{\"type\":\"turn.started\"}");
	hear("{\"type\":\"turn.completed\",\"usage\":{\"output_tokens\":3}}");
	expect(well, AGENT_CLASS_NONE);
	hear("{\"type\":\"turn.started\"}");
	expect(well, AGENT_CLASS_TRUNCATED);
}

static void test_a_loop_that_gemini_broke_is_no_success(void **state)
{
	(void)state;
	begin("gemini");
	hear("{\"type\":\"error\",\"severity\":\"warning\",\"message\":\"Loop detected, stopping execution\"}");
	hear("{\"type\":\"result\",\"status\":\"success\",\"stats\":{\"output_tokens\":20}}");
	expect(well, AGENT_CLASS_LIMIT_TURNS);
	begin("gemini");
	hear("{\"type\":\"error\",\"severity\":\"warning\",\"message\":\"something else\"}");
	hear("{\"type\":\"result\",\"status\":\"success\",\"stats\":{\"output_tokens\":20}}");
	expect(well, AGENT_CLASS_NONE);
}

static void test_an_error_in_the_words_of_qwen_counts_with_tokens_too(void **state)
{
	(void)state;
	begin("qwen");
	hear(SAID);
	hear("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":2,"
	     "\"result\":\"Now.[API Error: 529 busy]\",\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}");
	expect(well, AGENT_CLASS_OVERLOADED);
	assert_int_equal(judged(well).status, 529);
}

static void test_opencode_is_at_its_end_only_where_the_last_step_stopped(void **state)
{
	(void)state;
	begin("opencode");
	hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	expect(well, AGENT_CLASS_TRUNCATED);
	hear("{\"type\":\"step_finish\",\"part\":{\"reason\":\"tool-calls\",\"tokens\":{\"output\":3}}}");
	expect(well, AGENT_CLASS_TRUNCATED);
	hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	hear("{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"tokens\":{\"output\":3}}}");
	expect(well, AGENT_CLASS_NONE);
	hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	expect(well, AGENT_CLASS_TRUNCATED);
}

static void expect_usage(struct agent_usage expected)
{
	assert_memory_equal(&run.usage, &expected, sizeof(expected));
}

static void test_tokens_mean_the_same_whatever_the_program_counts(void **state)
{
	(void)state;
	begin("claude"); /* leaves the cache out; the sum over models beats the usage beside it */
	hear(RESULT(",\"modelUsage\":{\"a\":{\"inputTokens\":10,\"outputTokens\":20,\"cacheReadInputTokens\":300,"
		    "\"cacheCreationInputTokens\":4000},\"b\":{\"inputTokens\":1,\"outputTokens\":2}}"));
	expect_usage((struct agent_usage){.in = 4311, .in_cached = 300, .in_cache_write = 4000, .out = 22});
	begin("gemini"); /* includes it, and hides what was thought in the total */
	hear("{\"type\":\"result\",\"status\":\"success\",\"stats\":{\"total_tokens\":150,\"input_tokens\":100,\"output_tokens\":"
	     "20,"
	     "\"cached\":60,\"input\":40}}");
	expect_usage((struct agent_usage){.in = 100, .in_cached = 60, .out = 50, .reasoning = 30});
	begin("opencode"); /* leaves cache and thoughts out, a step at a time */
	for (unsigned i = 0; i < 2; i++)
		hear("{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"cost\":0.25,\"tokens\":{\"input\":10,\"output\":"
		     "5,"
		     "\"reasoning\":2,\"cache\":{\"read\":100,\"write\":7}}}}");
	expect_usage((struct agent_usage){.in = 234, .in_cached = 200, .in_cache_write = 14, .out = 14, .reasoning = 4});
	assert_true(run.cost > 0.4999 && run.cost < 0.5001);
	begin("qwen"); /* includes it */
	hear(RESULT(""));
	expect_usage((struct agent_usage){.in = 5, .out = 7});
}

static void test_a_thread_that_is_resumed_is_not_paid_for_twice(void **state)
{
	(void)state;
	begin("codex");
	run.before = (struct agent_usage){.in = 1000, .in_cached = 500, .out = 70};
	hear("{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1600,\"cached_input_tokens\":900,\"output_tokens\":100,"
	     "\"reasoning_output_tokens\":10}}");
	expect_usage((struct agent_usage){.in = 600, .in_cached = 400, .out = 30, .reasoning = 10});
	begin("codex");
	run.before = (struct agent_usage){.in = 1000, .out = 70};
	hear("{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"ok\"}}");
	hear("{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":900,\"output_tokens\":70}}");
	expect(well, AGENT_CLASS_TRUNCATED); /* nothing came back this time */
	assert_int_equal(run.usage.in, 0);
}

static void test_a_tool_call_that_was_cut_is_no_success_until_it_is_made_again(void **state)
{
	static const char call[] =
		"{\"type\":\"assistant\",\"message\":{\"id\":\"1\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c\","
		"\"name\":\"write_file\",\"input\":{\"file_path\":\"a\"}}]}}";

	(void)state;
	begin("qwen");
	hear(call);
	hear("{\"type\":\"user\",\"message\":{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"is_error\":true,"
	     "\"content\":\"Your previous response was truncated due to max_tokens limit\"}]}}");
	hear(RESULT(""));
	expect(well, AGENT_CLASS_TRUNCATED);
	hear(call);
	hear(RESULT(""));
	expect(well, AGENT_CLASS_NONE);
}

static void test_limits_end_the_run_whatever_comes_after(void **state)
{
	const struct agent_limits few = {.bytes_max = 1000, .events_max = 5, .turns_max = 2};
	struct agent_lines lines;

	(void)state;
	agent_run_init(&run, agent_cli_find("opencode"), &few, NULL, NULL);
	for (unsigned i = 0; i < 3; i++)
		hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	assert_true(agent_run_over(&run));
	expect(well, AGENT_CLASS_LIMIT_TURNS);
	expect((struct agent_ending){.stop = AGENT_STOP_CANCELLED}, AGENT_CLASS_LIMIT_TURNS);
	agent_run_init(&run, agent_cli_find("claude"), &few, NULL, NULL);
	for (unsigned i = 0; i < 6; i++)
		hear("{\"type\":\"new\"}");
	expect(well, AGENT_CLASS_LIMIT_OUTPUT);
	hear(RESULT(""));
	assert_false(run.final);
	agent_run_init(&run, agent_cli_find("claude"), &few, NULL, NULL);
	agent_lines_init(&lines, 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(agent_run_feed(&run, &lines, "xxxx", 4), 0);
	expect(well, AGENT_CLASS_LIMIT_OUTPUT);
	assert_int_equal(run.bytes, 1004);
	assert_int_equal(run.ignored, 1200 - 1004);
	agent_lines_release(&lines);
}

static void test_gemini_puts_statuses_of_http_into_its_own(void **state)
{
	static const struct {
		int exit_status;
		enum agent_class class;
	} cases[] = {{41, AGENT_CLASS_AUTH},        {42, AGENT_CLASS_CONFIG},  {53, AGENT_CLASS_LIMIT_TURNS},
		     {55, AGENT_CLASS_TRUST},       {145, AGENT_CLASS_AUTH},   {147, AGENT_CLASS_AUTH},
		     {173, AGENT_CLASS_RATE_LIMIT}, {244, AGENT_CLASS_SERVER}, {247, AGENT_CLASS_OVERLOADED},
		     {143, AGENT_CLASS_CRASH},      {1, AGENT_CLASS_CRASH}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin("gemini");
		expect((struct agent_ending){.exit_status = cases[i].exit_status}, cases[i].class);
		assert_int_equal(judged((struct agent_ending){.exit_status = cases[i].exit_status}).status,
				 cases[i].exit_status >= 144 ? cases[i].exit_status + 256 : 0);
	}
	begin("claude");
	expect((struct agent_ending){.exit_status = 173}, AGENT_CLASS_CRASH);
	begin("gemini");
	expect(well, AGENT_CLASS_PROTOCOL); /* SIGTERM from somebody else: 0 and silence */
}

static struct text text_of(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

static void test_the_standard_error_is_asked_when_nothing_else_speaks(void **state)
{
	(void)state;
	begin("claude");
	expect((struct agent_ending){.exit_status = 1, .err = text_of("Not logged in \xc2\xb7 Please run /login")},
	       AGENT_CLASS_AUTH);
	expect((struct agent_ending){.exit_status = 1, .err = text_of("connect ECONNREFUSED 127.0.0.1:1")}, AGENT_CLASS_NETWORK);
	expect((struct agent_ending){.exit_status = 1,
				     .err = text_of("--dangerously-skip-permissions cannot be used with root/sudo privileges")},
	       AGENT_CLASS_CONFIG);
	expect((struct agent_ending){.exit_status = 1, .err = text_of("Segmentation fault")}, AGENT_CLASS_CRASH);
	assert_null(strchr(judged((struct agent_ending){.exit_status = 1, .err = text_of("a\nb\033[31m\x7f")}).why, '\n'));
}

static void test_words_tell_their_class(void **state)
{
	static const struct {
		const char *words;
		enum agent_class class;
		unsigned status;
	} cases[] = {
		{"unexpected status 403 Forbidden", AGENT_CLASS_AUTH, 403},
		{"Model stream ended with empty response text.", AGENT_CLASS_TRUNCATED, 0},
		{"[API Error: 404 model gone]", AGENT_CLASS_MODEL_UNKNOWN, 404},
		{"[API Error: {\"error\":{\"code\":429,\"message\":\"x\"}}]", AGENT_CLASS_RATE_LIMIT, 429},
		{"status 429: insufficient_quota", AGENT_CLASS_QUOTA, 429},
		{"status 400: the prompt is too long", AGENT_CLASS_CONTEXT, 400},
		{"status 400: tools.0 is no tool", AGENT_CLASS_CONFIG, 400},
		{"API Error: Request rejected (429)", AGENT_CLASS_RATE_LIMIT, 429},
		{"status 5000 of 404 files", AGENT_CLASS_NONE, 0},
		{"status 200", AGENT_CLASS_NONE, 0},
		{"read 401 lines", AGENT_CLASS_NONE, 0},
		{"Your CREDIT BALANCE is too low", AGENT_CLASS_QUOTA, 0},
		{"", AGENT_CLASS_NONE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned status = 1;
		enum agent_class class = agent_class_of_words(text_of(cases[i].words), &status);

		if (class != cases[i].class || status != cases[i].status)
			fail_msg("\"%s\": %s, %u", cases[i].words, agent_class_name(class), status);
	}
}

static void test_a_class_is_worth_another_try_as_was_decided(void **state)
{
	static const unsigned again[] = {408, 409, 425, 429, 500, 502, 503, 504, 529},
			      never[] = {400, 401, 402, 403, 404, 413, 422};

	(void)state;
	for (size_t i = 0; i < sizeof(again) / sizeof(*again); i++)
		assert_true(agent_class_retryable(agent_class_of_status(again[i], text_of(""))));
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		assert_int_not_equal(agent_class_of_status(never[i], text_of("")), AGENT_CLASS_NONE);
		assert_false(agent_class_retryable(agent_class_of_status(never[i], text_of(""))));
	}
	assert_int_equal(agent_class_of_status(402, text_of("")), AGENT_CLASS_QUOTA);
	assert_int_equal(agent_class_of_status(404, text_of("")), AGENT_CLASS_MODEL_UNKNOWN);
	assert_int_equal(agent_class_of_status(413, text_of("")), AGENT_CLASS_CONTEXT);
	assert_int_equal(agent_class_of_status(200, text_of("overloaded")), AGENT_CLASS_NONE);
	assert_true(agent_class_retryable(AGENT_CLASS_TRUNCATED));
	assert_false(agent_class_retryable(AGENT_CLASS_DENIED));
	assert_false(agent_class_retryable(AGENT_CLASS_REFUSED));
	assert_string_equal(agent_class_name(AGENT_CLASS_RATE_LIMIT), "rate_limit");
	assert_string_equal(agent_class_name(AGENT_CLASS_COUNT), "none");
}

static void test_of_long_last_words_the_end_is_kept(void **state)
{
	char line[300];

	(void)state;
	begin("gemini");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"%060u\"}",
			 i);
		hear(line);
	}
	assert_int_equal(run.words.bytes, AGENT_WORDS_BYTES - 1);
	assert_true(run.words.cut);
	assert_string_equal(run.words.at + run.words.bytes - 4, "0999");
	hear("{\"type\":\"tool_result\",\"status\":\"success\"}");
	hear("{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"new \"}");
	hear("{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"words\"}");
	assert_string_equal(run.words.at, "new words");
	assert_false(run.words.cut);
	hear("{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"whole\"}");
	hear("{\"type\":\"message\",\"role\":\"assistant\",\"delta\":true,\"content\":\"piece\"}");
	assert_string_equal(run.words.at, "piece");
}

static const struct agent_pointers own = {.session = "/id",
					  .text = "/said",
					  .in = "/tokens/in",
					  .in_cached = "/tokens/cached",
					  .in_excludes_cached = true,
					  .out = "/tokens/out",
					  .error = "/error",
					  .status = "/status",
					  .final = {"/done", "true"},
					  .final_ok = {"/well", "true"}};

static void begin_own(void)
{
	static struct agent_cli cli;
	char why[AGENT_WHY_BYTES];

	assert_int_equal(agent_cli_generic(&own, &cli, why), 0);
	agent_run_init(&run, &cli, NULL, NULL, NULL);
	hear("{\"id\":\"s-1\",\"said\":\"hello\",\"error\":null}");
	hear("{\"tokens\":{\"in\":1,\"cached\":2,\"out\":3}}");
}

static void test_a_program_is_read_by_pointers_alone(void **state)
{
	(void)state;
	begin_own();
	expect(well, AGENT_CLASS_TRUNCATED);
	hear("{\"done\":true,\"well\":true,\"error\":\"\"}");
	expect(well, AGENT_CLASS_NONE);
	assert_string_equal(run.session.at, "s-1");
	assert_string_equal(run.words.at, "hello");
	expect_usage((struct agent_usage){.in = 3, .in_cached = 2, .out = 3});
	begin_own();
	hear("{\"done\":true,\"well\":false}");
	expect(well, AGENT_CLASS_CRASH);
	begin_own();
	hear("{\"done\":true}");
	expect(well, AGENT_CLASS_CRASH);
	begin_own();
	hear("{\"error\":{\"message\":\"slow down\"},\"status\":429}");
	hear("{\"done\":true,\"well\":true}");
	expect(well, AGENT_CLASS_RATE_LIMIT);
	hear("{\"other\":1}");
	assert_int_equal(run.unknown, 1);
}

static void test_pointers_that_are_none_are_refused_with_their_name(void **state)
{
	struct agent_pointers wrong = own;
	struct agent_cli cli;
	char why[AGENT_WHY_BYTES];

	(void)state;
	wrong.in_cached = "tokens";
	assert_int_equal(agent_cli_generic(&wrong, &cli, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "in_cached: \"tokens\""));
	wrong = own;
	wrong.final.pointer = NULL;
	assert_int_equal(agent_cli_generic(&wrong, &cli, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "final"));
}

static unsigned heard[AGENT_EVENT_KINDS];

static void count_event(void *context, const struct agent_event *event)
{
	(void)context;
	heard[event->kind]++;
	if (event->kind == AGENT_TOOL_START) {
		assert_int_equal(event->path.bytes, 3);
		assert_memory_equal(event->path.at, "a.c", 3);
	}
}

static void test_the_sink_hears_what_is_counted(void **state)
{
	(void)state;
	agent_run_init(&run, agent_cli_find("opencode"), NULL, count_event, NULL);
	hear("{\"type\":\"step_start\",\"sessionID\":\"s\"}");
	hear("{\"type\":\"tool_use\",\"part\":{\"tool\":\"write\",\"callID\":\"c\",\"state\":{\"status\":\"completed\",\"input\":"
	     "{\"filePath\":"
	     "\"a.c\"}}}}");
	for (unsigned i = 0; i < AGENT_EVENT_KINDS; i++)
		assert_int_equal(heard[i], run.events[i]);
	assert_int_equal(heard[AGENT_FILE], 1);
	assert_int_equal(heard[AGENT_TOOL_END], 1);
	assert_int_equal(run.turns, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_has_to_agree),
		cmocka_unit_test(test_a_result_that_does_not_say_success_in_so_many_words_is_none),
		cmocka_unit_test(test_a_command_of_its_own_in_the_prompt_is_told_from_a_lost_answer),
		cmocka_unit_test(test_a_denied_tool_is_no_success_and_blocked_if_nothing_was_changed),
		cmocka_unit_test(test_what_comes_last_and_cannot_be_read_may_have_been_an_error),
		cmocka_unit_test(test_an_error_stays_whatever_comes_after_it),
		cmocka_unit_test(test_what_it_says_of_our_stop_is_no_reason),
		cmocka_unit_test(test_a_try_once_more_is_no_error_if_it_helped),
		cmocka_unit_test(test_a_turn_that_was_begun_after_the_end_of_another_has_to_end_too),
		cmocka_unit_test(test_a_loop_that_gemini_broke_is_no_success),
		cmocka_unit_test(test_an_error_in_the_words_of_qwen_counts_with_tokens_too),
		cmocka_unit_test(test_opencode_is_at_its_end_only_where_the_last_step_stopped),
		cmocka_unit_test(test_tokens_mean_the_same_whatever_the_program_counts),
		cmocka_unit_test(test_a_thread_that_is_resumed_is_not_paid_for_twice),
		cmocka_unit_test(test_a_tool_call_that_was_cut_is_no_success_until_it_is_made_again),
		cmocka_unit_test(test_limits_end_the_run_whatever_comes_after),
		cmocka_unit_test(test_gemini_puts_statuses_of_http_into_its_own),
		cmocka_unit_test(test_the_standard_error_is_asked_when_nothing_else_speaks),
		cmocka_unit_test(test_words_tell_their_class),
		cmocka_unit_test(test_a_class_is_worth_another_try_as_was_decided),
		cmocka_unit_test(test_of_long_last_words_the_end_is_kept),
		cmocka_unit_test(test_a_program_is_read_by_pointers_alone),
		cmocka_unit_test(test_pointers_that_are_none_are_refused_with_their_name),
		cmocka_unit_test(test_the_sink_hears_what_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
