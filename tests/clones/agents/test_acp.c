/* SPDX-License-Identifier: MIT
 *
 * The Agent Client Protocol as transcripts: acp/NAME.txt has what the agent says (lines that begin with "<"), and, written by the machine, what
 * it is answered (">"), the events ("  ") and the verdict. Those named after a program are what that program really said to the scripted model server. With
 * ACP_REWRITE=1 in the environment they are written anew, to be reviewed as a diff.
 *
 *	agent NAME     the row (acp: the one for any program)
 *	refuse KIND    a kind of tool that is not permitted
 *	files          reading and writing is possible below /work
 *	cancel         acp_cancel
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "clones/agents/acp.h"

#define FOLDER SOURCE_DIR "/tests/clones/agents/acp"

struct page {
	char *at;
	size_t bytes, capacity;
};

static void say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct page *page, const char *format, ...)
{
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(page->at + page->bytes, page->capacity - page->bytes, format, arguments);
	va_end(arguments);
	assert_true(bytes >= 0 && page->bytes + (size_t)bytes < page->capacity);
	page->bytes += (size_t)bytes;
}

static void say_text(struct page *page, const char *name, struct text text)
{
	if (!text.bytes)
		return;
	say(page, " %s=", name);
	for (uint32_t i = 0; i < text.bytes && i < 200; i++)
		say(page, (unsigned char)text.at[i] < 0x20 ? "\\x%02x" : "%c", (unsigned char)text.at[i]);
}

static void hear(void *context, const struct agent_event *event)
{
	struct page *page = context;

	say(page, "  %s", agent_event_name(event->kind));
	say_text(page, "session", event->session);
	say_text(page, "model", event->model);
	say_text(page, "version", event->version);
	say_text(page, "id", event->id);
	say_text(page, "name", event->name);
	say_text(page, "path", event->path);
	say_text(page, "text", event->text);
	if (event->kind == AGENT_TOOL_END || event->kind == AGENT_FINAL)
		say(page, " %s", event->ok ? "ok" : "not ok");
	if (event->kind == AGENT_FINAL && !event->ok)
		say(page, " %s", agent_class_name(event->class));
	if (event->kind == AGENT_USAGE)
		say(page, " in=%llu out=%llu", (unsigned long long)event->usage.in, (unsigned long long)event->usage.out);
	if (event->status)
		say(page, " status=%u", event->status);
	say(page, "\n");
}

static int read_here(void *context, const char *path, char **out_text, size_t *out_bytes, char out_why[AGENT_WHY_BYTES])
{
	bool binary = strcmp(path, "/work/binary") == 0;

	(void)context;
	if (strncmp(path, "/work/", 6) != 0) {
		snprintf(out_why, AGENT_WHY_BYTES, "%s is outside of /work", path);
		return ERR_NOT_ALLOWED;
	}
	*out_bytes = strcmp(path, "/work/big") == 0 ? 1 << 20 : binary ? 2 : 14;
	*out_text = malloc(*out_bytes);
	assert_non_null(*out_text);
	memset(*out_text, 'x', *out_bytes);
	if (*out_bytes <= 14)
		memcpy(*out_text, binary ? "\xFF\xFE" : "one\ntwo\nthree\n", *out_bytes);
	return 0;
}

static int write_here(void *context, const char *path, const char *text, size_t bytes, char out_why[AGENT_WHY_BYTES])
{
	(void)context;
	(void)text;
	if (strncmp(path, "/work/", 6) == 0 && bytes)
		return 0;
	snprintf(out_why, AGENT_WHY_BYTES, "%s is outside of /work \xFF", path);
	return ERR_NOT_ALLOWED;
}

struct talk {
	struct agent_cli generic;
	struct agent_run run;
	struct agent_lines lines;
	struct acp *acp;
	const char *refused[2];
	char refused_kind[32];
	struct page page;
	bool files;
};

static void take_output(struct talk *talk)
{
	size_t bytes;
	const char *at = acp_output(talk->acp, &bytes);

	while (bytes) {
		const char *newline = memchr(at, '\n', bytes);
		size_t line = (size_t)(newline - at);
		json_t *message;

		assert_non_null(newline);
		message = json_loadb(at, line, JSON_REJECT_DUPLICATES, NULL);
		assert_true(json_is_object(message));
		json_decref(message);
		say(&talk->page, "> %.*s\n", (int)line, at);
		acp_written(talk->acp, line + 1);
		at = acp_output(talk->acp, &bytes);
	}
}

static void open_talk(struct talk *talk, const char *name)
{
	const struct agent_cli *cli = agent_cli_find(name);
	struct acp_options options = {
		.worktree = "/work", .prompt = "Do \"it\".\n\xFFx\xE2\x82\xAC", .prompt_bytes = 14, .refused = talk->refused};

	agent_cli_acp(&talk->generic);
	agent_run_init(&talk->run, cli ? cli : &talk->generic, NULL, hear, &talk->page);
	agent_lines_init(&talk->lines, 0);
	if (talk->files) {
		options.read = read_here;
		options.write = write_here;
	}
	assert_int_equal(acp_new(&talk->run, &options, &talk->acp), 0);
	take_output(talk);
}

static void close_talk(struct talk *talk)
{
	agent_lines_end(&talk->lines, agent_run_line, &talk->run);
	agent_lines_release(&talk->lines);
	acp_free(talk->acp);
}

static struct agent_verdict verdict_of(const struct talk *talk, int exit_status)
{
	const struct agent_ending ending = {.exit_status = exit_status};
	struct agent_verdict verdict;

	agent_run_verdict(&talk->run, &ending, &verdict);
	return verdict;
}

static void say_verdict(struct talk *talk)
{
	struct agent_verdict verdict = verdict_of(talk, 0);

	say(&talk->page, "over: %s\ntokens: in %llu out %llu\nwords: %s\n", acp_over(talk->acp) ? "yes" : "no",
	    (unsigned long long)talk->run.usage.in, (unsigned long long)talk->run.usage.out, talk->run.words.at);
	if (talk->run.cost >= 0)
		say(&talk->page, "cost: %.6f\n", talk->run.cost);
	say(&talk->page, "not understood: %llu\nverdict: %s%s%s\n", (unsigned long long)talk->run.unknown,
	    verdict.ok ? "ok" : agent_class_name(verdict.class), verdict.ok ? "" : ": ", verdict.why);
}

static void feed(struct talk *talk, const char *line, size_t bytes, size_t piece)
{
	for (size_t at = 0; at < bytes; at += piece)
		assert_int_equal(agent_run_feed(&talk->run, &talk->lines, line + at, bytes - at < piece ? bytes - at : piece), 0);
}

/* One line of a transcript; what the machine had written itself is passed over. */
static void play(struct talk *talk, const char *line, size_t bytes, size_t piece)
{
	char word[32] = "", value[32] = "";

	if (bytes > 2 && line[0] == '<') {
		say(&talk->page, "%.*s\n", (int)bytes, line);
		feed(talk, line + 2, bytes - 2, piece);
		feed(talk, "\n", 1, 1);
		take_output(talk);
		return;
	}
	if (bytes == 0 || line[0] == '>' || line[0] == ' ' || bytes > 60 || sscanf(line, "%31[a-z] %31[a-z-]", word, value) < 1)
		return;
	if (strcmp(word, "agent") != 0 && strcmp(word, "refuse") != 0 && strcmp(word, "files") != 0 &&
	    strcmp(word, "cancel") != 0)
		return;
	say(&talk->page, "%.*s\n", (int)bytes, line);
	if (strcmp(word, "refuse") == 0) {
		strcpy(talk->refused_kind, value);
		talk->refused[0] = talk->refused_kind;
	}
	talk->files |= strcmp(word, "files") == 0;
	if (strcmp(word, "cancel") == 0) {
		acp_cancel(talk->acp);
		take_output(talk);
	}
}

/* The lines that say how it is set up stand before the first that the agent says. */
static void play_all(struct talk *talk, const char *text, size_t bytes, size_t piece)
{
	const char *end = text + bytes, *newline;
	char name[32] = "acp";

	sscanf(text, "agent %31s", name);
	for (const char *at = text; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return;
		if (!talk->acp && (*at == '<' || strncmp(at, "cancel", 6) == 0))
			open_talk(talk, name);
		play(talk, at, (size_t)(newline - at), piece);
	}
}

static char *read_file(const char *path, size_t *out_bytes)
{
	FILE *file = fopen(path, "rb");
	char *at = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_non_null(at);
	*out_bytes = fread(at, 1, (1 << 20) - 1, file);
	fclose(file);
	return at;
}

static struct talk *new_talk(void)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	assert_non_null(talk);
	talk->page = (struct page){.at = calloc(1, 1 << 20), .capacity = 1 << 20};
	assert_non_null(talk->page.at);
	return talk;
}

static void free_talk(struct talk *talk)
{
	close_talk(talk);
	free(talk->page.at);
	free(talk);
}

typedef void each_function(const char *path, const char *name, const char *text, size_t bytes);

static void each(each_function *function)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		char path[1024], *text;
		size_t bytes;

		if (!strstr(entry->d_name, ".txt"))
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		text = read_file(path, &bytes);
		function(path, entry->d_name, text, bytes);
		free(text);
		count++;
	}
	closedir(folder);
	assert_true(count >= 35);
}

static void compare(const char *path, const char *name, const char *text, size_t bytes)
{
	struct talk *talk = new_talk();

	play_all(talk, text, bytes, bytes);
	say_verdict(talk);
	if (getenv("ACP_REWRITE")) {
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(talk->page.at, 1, talk->page.bytes, file), talk->page.bytes);
		fclose(file);
	} else if (strcmp(talk->page.at, text) != 0) {
		print_message("%s: now it is\n%s\n", name, talk->page.at);
		fail_msg("%s is not what was reviewed", name);
	}
	free_talk(talk);
}

static void test_every_conversation_is_the_one_that_was_reviewed(void **state)
{
	(void)state;
	each(compare);
}

static void in_pieces(const char *path, const char *name, const char *text, size_t bytes)
{
	static const size_t sizes[] = {1, 7, 64};

	(void)path;
	for (size_t i = 0; i < 3; i++) {
		struct talk *talk = new_talk();

		play_all(talk, text, bytes, sizes[i]);
		say_verdict(talk);
		if (strcmp(talk->page.at, text) != 0)
			fail_msg("%s differs in pieces of %zu", name, sizes[i]);
		free_talk(talk);
	}
}

static void test_pieces_of_any_size_mean_the_same(void **state)
{
	(void)state;
	if (!getenv("ACP_REWRITE"))
		each(in_pieces);
}

/* Whatever was said before the prompt was answered, it is no success; nor with any exit status of the program. */
static void cut(const char *path, const char *name, const char *text, size_t bytes)
{
	const char *answer = strstr(text, "< {\"jsonrpc\":\"2.0\",\"id\":3,\"result\"");
	size_t most = answer ? (size_t)(answer - text) : bytes;

	(void)path;
	for (size_t at = 0; at < most; at++) {
		struct talk *talk;

		if (text[at] != '\n')
			continue;
		talk = new_talk();
		play_all(talk, text, at + 1, at + 1);
		if (talk->acp) {
			if (verdict_of(talk, 0).ok || verdict_of(talk, 143).ok)
				fail_msg("%s is a success after %zu bytes", name, at);
			free_talk(talk);
		} else {
			free(talk->page.at);
			free(talk);
		}
	}
}

static void test_before_the_prompt_is_answered_nothing_is_a_success(void **state)
{
	(void)state;
	each(cut);
}

static void test_how_the_program_ends_afterwards_says_nothing(void **state)
{
	size_t bytes;
	char *text = read_file(FOLDER "/gemini-hello.txt", &bytes);
	struct talk *talk = new_talk();
	const struct agent_ending stopped = {.exit_status = -1, .signal = 15}, cancelled = {.stop = AGENT_STOP_CANCELLED};
	struct agent_verdict verdict;

	(void)state;
	play_all(talk, text, bytes, bytes);
	agent_run_verdict(&talk->run, &stopped, &verdict);
	assert_true(verdict.ok);
	agent_run_verdict(&talk->run, &cancelled, &verdict);
	assert_int_equal(verdict.class, AGENT_CLASS_CANCELLED);
	free_talk(talk);
	free(text);
}

static void test_an_agent_that_asks_and_does_not_read_is_given_up(void **state)
{
	struct talk *talk = new_talk();
	const char *words =
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"fs/read_text_file\",\"params\":{\"path\":\"/work/big\"}}\n";
	size_t bytes;

	(void)state;
	talk->files = true;
	open_talk(talk, "acp");
	for (unsigned i = 0; i < 100 && !acp_over(talk->acp); i++)
		feed(talk, words, strlen(words), strlen(words));
	assert_true(acp_over(talk->acp));
	acp_output(talk->acp, &bytes);
	assert_true(bytes <= ACP_OUTPUT_BYTES_MAX);
	assert_false(verdict_of(talk, 0).ok);
	free_talk(talk);
}

static void test_what_cannot_be_done_is_refused(void **state)
{
	struct acp_options options = {.worktree = "/work", .prompt = "x", .prompt_bytes = 1};
	struct acp *acp = NULL;
	struct agent_run run;

	(void)state;
	agent_run_init(&run, agent_cli_find("claude"), NULL, NULL, NULL);
	assert_int_equal(acp_new(&run, &options, &acp), ERR_INVALID_PARAMETERS);
	agent_run_init(&run, agent_cli_find("qwen-acp"), NULL, NULL, NULL);
	options.worktree = "work";
	assert_int_equal(acp_new(&run, &options, &acp), ERR_INVALID_PARAMETERS);
	options.worktree = "/work";
	options.prompt_bytes = 0;
	assert_int_equal(acp_new(&run, &options, &acp), ERR_INVALID_PARAMETERS);
	options.prompt_bytes = ACP_PROMPT_BYTES_MAX + 1;
	assert_int_equal(acp_new(&run, &options, &acp), ERR_INVALID_PARAMETERS);
	assert_null(acp);
	acp_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_conversation_is_the_one_that_was_reviewed),
		cmocka_unit_test(test_pieces_of_any_size_mean_the_same),
		cmocka_unit_test(test_before_the_prompt_is_answered_nothing_is_a_success),
		cmocka_unit_test(test_how_the_program_ends_afterwards_says_nothing),
		cmocka_unit_test(test_an_agent_that_asks_and_does_not_read_is_given_up),
		cmocka_unit_test(test_what_cannot_be_done_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
