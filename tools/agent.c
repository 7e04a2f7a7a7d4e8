/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool agent`: options, the task, the turns, the end. See tools/agent.h.
 */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/agent_inner.h"
#include "tools/tool.h"

struct option_row {
	const char *name;
	size_t at; /* of a uint32_t in the options */
	uint32_t least, most;
};

#define NUMBER(name, member, least, most)                                                                                        \
	{                                                                                                                        \
		name, offsetof(struct loop_options, member), least, most                                                         \
	}

static const struct option_row numbers[] = {
	NUMBER("turns", turns, 1, 100000),           NUMBER("retries", retries, 0, 100),
	NUMBER("backoff-ms", backoff_ms, 1, 600000), NUMBER("wait-max-ms", wait_max_ms, 0, 86400000),
	NUMBER("connect-ms", connect_ms, 1, 600000), NUMBER("first-ms", first_ms, 1, 86400000),
	NUMBER("idle-ms", idle_ms, 1, 86400000),     NUMBER("context", context, 1024, 100000000),
	NUMBER("answer", answer, 1, 10000000),       NUMBER("command-ms", command_ms, 1, 86400000),
};

static int usage(const char *found, const char *accepted)
{
	fprintf(stderr, "bunshin tool agent: found %.300s; accepted is %s", found, accepted);
	fputs("\nusage: bunshin tool agent --wire=chat|ollama --endpoint=URL --model=NAME [--temperature=T] [--turns=N] "
	      "[--retries=N]\n"
	      "       [--context=N] [--answer=N] [--tools=auto|native|text] [--command-ms=N] [--backoff-ms=N] [--wait-max-ms=N]\n"
	      "       [--connect-ms=N] [--first-ms=N] [--idle-ms=N] <task\n",
	      stderr);
	return 2;
}

static bool set_number(struct loop_options *options, const char *name, const char *value, char out_accepted[128])
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char *end;
		unsigned long number = strtoul(value, &end, 10);

		if (strcmp(numbers[i].name, name) != 0)
			continue;
		snprintf(out_accepted, 128, "a whole number from %u to %u", numbers[i].least, numbers[i].most);
		if (*value < '0' || *value > '9' || *end || number < numbers[i].least || number > numbers[i].most)
			return false;
		uint32_t fits = (uint32_t)number;
		memcpy((char *)options + numbers[i].at, &fits, sizeof(fits));
		return true;
	}
	snprintf(out_accepted, 128, "one of the options below");
	return false;
}

static bool set_word(const char *value, const char *const *words, unsigned *out, char out_accepted[128])
{
	size_t used = 0;

	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(value, words[i]) == 0) {
			*out = i;
			return true;
		}
		used += (size_t)snprintf(out_accepted + used, 128 - used, "%s%s", i ? ", " : "", words[i]);
	}
	return false;
}

static bool set_temperature(struct loop_options *options, const char *value, char out_accepted[128])
{
	char *end;
	double number = strtod(value, &end);

	snprintf(out_accepted, 128, "a number from 0 to 2");
	if (!*value || *end || !(number >= 0 && number <= 2))
		return false;
	options->temperature = number;
	return true;
}

static bool set_option(struct loop_options *options, const char *name, const char *value, char out_accepted[128])
{
	static const char *const wires[] = {"chat", "ollama", NULL}, *const tools[] = {"auto", "native", "text", NULL};
	unsigned word;

	if (strcmp(name, "wire") == 0 && set_word(value, wires, &word, out_accepted)) {
		options->wire = (enum loop_wire)word;
		return true;
	}
	if (strcmp(name, "tools") == 0 && set_word(value, tools, &word, out_accepted)) {
		options->tools = (enum loop_tools)word;
		return true;
	}
	if (strcmp(name, "endpoint") == 0) {
		options->endpoint = value;
		snprintf(out_accepted, 128, "an address that begins with http:// or https://");
		return (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0) && strlen(value) < 4000;
	}
	if (strcmp(name, "model") == 0) {
		options->model = value;
		snprintf(out_accepted, 128, "a model's name");
		return *value;
	}
	if (strcmp(name, "temperature") == 0)
		return set_temperature(options, value, out_accepted);
	return strcmp(name, "wire") != 0 && strcmp(name, "tools") != 0 && set_number(options, name, value, out_accepted);
}

static int read_options(int argc, char **argv, struct loop_options *options)
{
	for (int i = 1; i < argc; i++) {
		char name[32], accepted[128] = "one of the options below";
		const char *equals = strchr(argv[i], '='), *value = equals ? equals + 1 : i + 1 < argc ? argv[i + 1] : NULL;
		size_t bytes = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);

		if (strncmp(argv[i], "--", 2) != 0 || bytes < 3 || bytes - 2 >= sizeof(name) || !value)
			return usage(argv[i], "an option with its value, like --turns=20");
		snprintf(name, sizeof(name), "%.*s", (int)bytes - 2, argv[i] + 2);
		if (!set_option(options, name, value, accepted))
			return usage(argv[i], accepted);
		i += !equals;
	}
	if (!options->endpoint || !options->model)
		return usage(options->endpoint ? "no --model" : "no --endpoint", "one of each");
	if (!options->context && options->wire == LOOP_OLLAMA)
		options->context = 32768;
	return 0;
}

static bool read_task(struct loop_buffer *task)
{
	char block[65536];
	size_t bytes;

	while (task->bytes <= LOOP_TASK_BYTES_MAX && (bytes = fread(block, 1, sizeof(block), stdin)) > 0)
		loop_append(task, block, bytes);
	return !ferror(stdin) && !task->failed && task->bytes > 0 && task->bytes <= LOOP_TASK_BYTES_MAX;
}

static void fail(struct loop_outcome *out, enum agent_class class, const char *text)
{
	*out = (struct loop_outcome){.ended = true, .class = class};
	snprintf(out->text, sizeof(out->text), "%s", text);
}

static uint64_t hash_bytes(uint64_t hash, const struct loop_buffer *buffer)
{
	for (size_t i = 0; i < buffer->bytes; i++)
		hash = (hash ^ (unsigned char)buffer->at[i]) * 1099511628211u;
	return (hash ^ 0xFF) * 1099511628211u;
}

/* How often the last calls came with the same results as those before them, in circles of up to three. */
static unsigned repeats(struct loop *loop, const struct loop_call *call, const struct loop_result *result)
{
	const size_t size = sizeof(loop->hashes) / sizeof(*loop->hashes);
	uint64_t hash = hash_bytes(hash_bytes(hash_bytes(14695981039346656037u, &call->name), &call->arguments), &result->text);
	size_t known = loop->hash_count < size ? loop->hash_count : size - 1;
	unsigned most = 0;

	loop->hashes[loop->hash_count++ % size] = hash;
	for (size_t circle = 1; circle <= 3; circle++) {
		size_t same = 0;
		while (same + circle <= known && loop->hashes[(loop->hash_count - 1 - same) % size] ==
							 loop->hashes[(loop->hash_count - 1 - same - circle) % size])
			same++;
		if (same / circle > most)
			most = (unsigned)(same / circle);
	}
	return most;
}

/* One call, what it came to, and whether this leads anywhere. */
static void do_call(struct loop *loop, const struct loop_call *call, bool spoken, struct loop_outcome *out)
{
	struct loop_result result;
	unsigned times;

	loop_tools_run(loop, call, &result);
	loop->malformed = result.malformed ? loop->malformed + 1 : 0;
	times = repeats(loop, call, &result);
	if (times + 1 >= LOOP_REPEATS_MAX)
		fail(out, AGENT_CLASS_LIMIT_TURNS, "the model calls the same tools over and over, with the same results");
	else if (loop->malformed > LOOP_MALFORMED_MAX)
		fail(out, AGENT_CLASS_PROTOCOL, "the model's calls of tools cannot be understood");
	else if (times >= 2)
		loop_print(&result.text,
			   "\n[This was called %u times in a row now, each time with the same result. Do something else.]",
			   times + 1);
	loop_history_result(loop, call, &result.text, spoken);
	loop_release(&result.text);
}

static void do_calls(struct loop *loop, const struct loop_reply *reply, bool spoken, struct loop_outcome *out)
{
	loop_history_answer(loop, reply, spoken);
	for (size_t i = 0; i < reply->call_count && !out->ended; i++) {
		do_call(loop, &reply->calls[i], spoken, out);
		if (!out->ended && (loop_check_stop(loop) || loop->output_lost))
			fail(out, AGENT_CLASS_CANCELLED, "the run was cancelled");
	}
}

/* Ollama gives its calls no ids, and some servers neither; the conversation needs one each. */
static void name_calls(struct loop *loop, struct loop_reply *reply)
{
	for (size_t i = 0; i < reply->call_count; i++) {
		if (!reply->calls[i].id.bytes)
			loop_print(&reply->calls[i].id, "call_%u_%zu", loop->turns, i);
	}
}

static void say_usage(struct loop *loop, const struct loop_reply *reply)
{
	if (reply->has_usage)
		loop_say(loop, json_pack("{s:s, s:I, s:I, s:I, s:I}", "type", "usage", "in", (json_int_t)reply->in, "in_cached",
					 (json_int_t)reply->in_cached, "out", (json_int_t)reply->out, "reasoning",
					 (json_int_t)reply->reasoning));
}

static void finish(const struct loop_reply *reply, struct loop_buffer *last)
{
	struct text said = loop_words_said(reply);

	last->bytes = 0;
	loop_append(last, said.at, said.bytes);
}

struct patience {
	unsigned cuts, empties;
};

/* A whole answer came: what now? */
static void take_answer(struct loop *loop, struct loop_reply *reply, struct patience *patience, struct loop_buffer *last,
			struct loop_outcome *out)
{
	bool spoken = false;

	if (reply->end == LOOP_REFUSAL) {
		fail(out, AGENT_CLASS_REFUSED, "the model or its server refused to answer");
	} else if (reply->end == LOOP_LENGTH) {
		if (patience->cuts++ >= LOOP_CUTS_MAX) {
			fail(out, AGENT_CLASS_TRUNCATED,
			     "the model's answers are cut by a limit of their length, one after the other");
			return;
		}
		loop_warn(loop, "an answer was cut by a limit of its length: nothing of it was done");
		loop_history_user(
			loop, "Your last answer was longer than an answer may be and was thrown away. Go on in smaller steps.");
	} else if (reply->call_count > 0 || (spoken = loop_words_find(reply))) {
		*patience = (struct patience){0};
		name_calls(loop, reply);
		do_calls(loop, reply, spoken, out);
	} else if (loop_words_said(reply).bytes == 0) {
		if (patience->empties++ >= LOOP_CUTS_MAX) {
			fail(out, AGENT_CLASS_TRUNCATED, "the model's answers are empty, one after the other");
			return;
		}
		loop_warn(loop, "an answer was empty");
		loop_history_user(loop, "Your last answer was empty. Go on with the task, or say what you have done.");
	} else {
		finish(reply, last);
		*out = (struct loop_outcome){.ended = true, .ok = true};
	}
}

static void take_turn(struct loop *loop, struct patience *patience, struct loop_buffer *last, struct loop_outcome *out)
{
	struct loop_reply reply;

	if (loop->turns >= loop->options.turns) {
		fail(out, AGENT_CLASS_LIMIT_TURNS, "the model was asked as often as it may be");
		return;
	}
	if (!loop_history_fit(loop, false)) {
		fail(out, AGENT_CLASS_CONTEXT,
		     "the conversation is longer than the model takes, and there is nothing left to drop");
		return;
	}
	loop->turns++;
	if (!loop_ask(loop, &reply, out))
		return;
	say_usage(loop, &reply);
	take_answer(loop, &reply, patience, last, out);
	loop_reply_release(&reply);
	if (loop->output_lost && !(out->ended && !out->ok))
		fail(out, AGENT_CLASS_CANCELLED, "nobody reads what is printed");
}

static void say_final(struct loop *loop, const struct loop_outcome *outcome, const struct loop_buffer *last)
{
	const char *text = outcome->ok ? last->at : outcome->text;
	json_t *line = json_pack("{s:s, s:b, s:o, s:i, s:I}", "type", "final", "ok", outcome->ok, "text",
				 loop_string(text, outcome->ok ? last->bytes : strlen(text)), "turns", (int)loop->turns,
				 "duration_ms", (json_int_t)(loop_now_ms() - loop->started_ms));

	if (!outcome->ok)
		json_object_set_new(line, "class", json_string(agent_class_name(outcome->class)));
	if (outcome->status)
		json_object_set_new(line, "status", json_integer(outcome->status));
	if (outcome->retry_after_ms)
		json_object_set_new(line, "retry_after_ms", json_integer(outcome->retry_after_ms));
	if (loop->dropped)
		json_object_set_new(line, "dropped", json_integer(loop->dropped));
	loop_say(loop, line);
}

static int run(struct loop *loop, const struct loop_buffer *task)
{
	struct loop_outcome outcome = {0};
	struct patience patience = {0};
	struct loop_buffer last = {0};
	unsigned left;

	loop_say(loop, json_pack("{s:s, s:o, s:s, s:s}", "type", "started", "model",
				 loop_string(loop->options.model, strlen(loop->options.model)), "version", BUNSHIN_VERSION,
				 "wire", loop->options.wire == LOOP_OLLAMA ? "ollama" : "chat"));
	loop_history_begin(loop, task->at, task->bytes);
	while (!outcome.ended)
		take_turn(loop, &patience, &last, &outcome);
	left = loop_kill_rest();
	if (left)
		loop_warn(loop, "%u processes that the commands had left running were ended", left);
	if (loop->stopped)
		fail(&outcome, AGENT_CLASS_CANCELLED, "the run was cancelled");
	say_final(loop, &outcome, &last);
	loop_release(&last);
	if (loop->stopped)
		return 128 + loop->stopped;
	return outcome.ok && !loop->output_lost ? 0 : 1;
}

static int signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return sigprocmask(SIG_BLOCK, &ends, NULL) == 0 ? signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static size_t result_bytes(uint32_t context)
{
	size_t share = (size_t)context / 2; /* bytes: a sixth of the window, with three bytes to a token */

	return !context || share > LOOP_RESULT_BYTES ? LOOP_RESULT_BYTES : share < 2000 ? 2000 : share;
}

int tool_agent(int argc, char **argv)
{
	struct loop loop = {.options = {.temperature = -1,
					.turns = 50,
					.retries = 4,
					.backoff_ms = 1000,
					.wait_max_ms = 60000,
					.connect_ms = 10000,
					.first_ms = 300000,
					.idle_ms = 60000,
					.command_ms = 120000}};
	struct loop_buffer task = {0};
	int rc = read_options(argc, argv, &loop.options);

	if (rc)
		return rc;
	if (!read_task(&task)) {
		loop_release(&task);
		return usage("no task, or one over 4 MiB, on the standard input", "its text");
	}
	loop.started_ms = loop_now_ms();
	loop.result_bytes = result_bytes(loop.options.context);
	loop.text_tools = loop.options.tools == LOOP_TOOLS_TEXT;
	loop.signal_fd = signals();
	loop.roots = loop.signal_fd >= 0 ? loop_roots_open() : NULL;
	rc = 1;
	if (loop.roots && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		rc = run(&loop, &task);
		curl_global_cleanup();
	}
	if (loop.roots)
		loop_roots_close(loop.roots);
	json_decref(loop.messages);
	loop_release(&task);
	return rc;
}
