/* SPDX-License-Identifier: MIT
 *
 * Reads captures and what is expected of them.
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

#include "tests/clones/agents/capture.h"

#define FOLDER SOURCE_DIR "/tests/clones/agents/captures"

/* pi is read without any code of its own. Its lines repeat everything two or three times: only what ends a turn counts. */
static const struct agent_pointers pi_pointers = {
	.session_when = {"/type", "session"},
	.session = "/id",
	.text_when = {"/type", "turn_end"},
	.text = "/message/content/0/text",
	.usage_when = {"/type", "turn_end"},
	.in = "/message/usage/input",
	.in_cached = "/message/usage/cacheRead",
	.in_excludes_cached = true,
	.out = "/message/usage/output",
	.scope = AGENT_SCOPE_STEP,
	.cost = "/message/usage/cost/total",
	.error_when = {"/type", "turn_end"},
	.error = "/message/errorMessage",
	.final = {"/type", "agent_end"},
};

static const struct agent_cli *pi(void)
{
	static struct agent_cli cli;
	char why[AGENT_WHY_BYTES];

	assert_int_equal(agent_cli_generic(&pi_pointers, &cli, why), 0);
	return &cli;
}

static char *read_file(const char *path, size_t *out_bytes)
{
	FILE *file = fopen(path, "rb");
	size_t bytes;
	char *at;

	if (!file)
		return NULL;
	fseek(file, 0, SEEK_END);
	bytes = (size_t)ftell(file);
	rewind(file);
	at = malloc(bytes + 1);
	assert_non_null(at);
	assert_int_equal(fread(at, 1, bytes, file), bytes);
	at[bytes] = '\0';
	fclose(file);
	*out_bytes = bytes;
	return at;
}

static void expected_path(const struct capture *capture, char path[512])
{
	size_t stem = strlen(capture->name);

	if (strcmp(capture->name + stem - 6, ".jsonl") == 0)
		stem -= 6; /* what ends in .json keeps it: there may be a .jsonl of that name */
	snprintf(path, 512, FOLDER "/%.*s.txt", (int)stem, capture->name);
}

/* "exit 1", "signal 15", then any of: cancelled, wall, idle, nothing changed, a change was wanted. */
static void read_ending(struct capture *capture)
{
	static const struct {
		const char *word;
		enum agent_stop stop;
	} stops[] = {{"cancelled", AGENT_STOP_CANCELLED}, {"wall", AGENT_STOP_WALL}, {"idle", AGENT_STOP_IDLE}};
	struct agent_ending *ending = &capture->ending;

	if (sscanf(capture->ended, "exit %d", &ending->exit_status) != 1) {
		ending->exit_status = -1;
		assert_int_equal(sscanf(capture->ended, "signal %d", &ending->signal), 1);
	}
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		if (strstr(capture->ended, stops[i].word))
			ending->stop = stops[i].stop;
	}
	ending->changed = strstr(capture->ended, "nothing changed") ? AGENT_CHANGED_NOTHING : AGENT_CHANGED_UNKNOWN;
	ending->change_wanted = ending->changed == AGENT_CHANGED_NOTHING;
}

static void read_capture(struct capture *capture, const char *name)
{
	char path[512], cli[32];
	size_t unused;

	*capture = (struct capture){.ended = "exit 0"};
	snprintf(capture->name, sizeof(capture->name), "%.120s", name);
	snprintf(path, sizeof(path), FOLDER "/%s", name);
	capture->at = read_file(path, &capture->bytes);
	assert_non_null(capture->at);
	assert_int_equal(sscanf(name, "%31[a-z]", cli), 1);
	capture->cli = strcmp(cli, "pi") == 0 ? pi() : agent_cli_find(cli);
	assert_non_null(capture->cli);
	expected_path(capture, path);
	capture->expected = read_file(path, &unused);
	if (!capture->expected)
		capture->expected = calloc(1, 1);
	sscanf(capture->expected, "ended: %255[^\n]", capture->ended);
	read_ending(capture);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct capture *)a)->name, ((const struct capture *)b)->name);
}

static bool is_capture(const char *name)
{
	const char *end = strrchr(name, '.');

	return end && (strcmp(end, ".json") == 0 || strcmp(end, ".jsonl") == 0);
}

struct capture *captures_read(size_t *out_count)
{
	struct capture *captures = calloc(256, sizeof(*captures));
	struct dirent *entry;
	DIR *folder = opendir(FOLDER);
	size_t count = 0;

	assert_non_null(captures);
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (!is_capture(entry->d_name))
			continue;
		assert_true(count < 256);
		read_capture(&captures[count++], entry->d_name);
	}
	closedir(folder);
	qsort(captures, count, sizeof(*captures), by_name);
	*out_count = count;
	return captures;
}

void captures_free(struct capture *captures, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(captures[i].at);
		free(captures[i].expected);
	}
	free(captures);
}

struct page {
	char *at;
	size_t bytes;
};

static void say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct page *page, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	page->bytes += (size_t)vsnprintf(page->at + page->bytes, SUMMARY_BYTES - page->bytes, format, arguments);
	va_end(arguments);
	assert_true(page->bytes < SUMMARY_BYTES);
}

/* In one line, and never more than fits. */
static void say_words(struct page *page, const struct agent_words *words)
{
	if (!words->bytes)
		return;
	say(page, "last words: %s", words->cut ? "…" : "");
	for (uint32_t i = 0; i < words->bytes && i < 300; i++) {
		unsigned char byte = (unsigned char)words->at[i];
		if (byte < 0x20 || byte == 0x7F)
			say(page, "\\x%02x", byte);
		else
			say(page, "%c", byte);
	}
	say(page, "\n");
}

static void say_counts(struct page *page, const struct agent_run *run)
{
	say(page, "lines: %llu, of them %llu unreadable, %llu not understood\nevents:", (unsigned long long)run->lines,
	    (unsigned long long)run->garbage, (unsigned long long)run->unknown);
	for (unsigned i = 0; i < AGENT_EVENT_KINDS; i++) {
		if (run->events[i])
			say(page, " %s %llu", agent_event_name(i), (unsigned long long)run->events[i]);
	}
	say(page, "\nturns: %u, reported %u\n", run->turns, run->reported_turns);
}

static void say_usage(struct page *page, const struct agent_run *run)
{
	const struct agent_usage *usage = &run->usage;

	if (run->has_usage)
		say(page, "tokens: in %llu (cached %llu, written %llu), out %llu (reasoning %llu)\n",
		    (unsigned long long)usage->in, (unsigned long long)usage->in_cached,
		    (unsigned long long)usage->in_cache_write, (unsigned long long)usage->out,
		    (unsigned long long)usage->reasoning);
	else
		say(page, "tokens: not said\n");
	if (run->cost >= 0)
		say(page, "cost: %.7f\n", run->cost);
}

static void say_verdict(struct page *page, const struct capture *capture, const struct agent_run *run)
{
	struct agent_verdict verdict;

	agent_run_verdict(run, &capture->ending, &verdict);
	say(page, "verdict: %s\n", verdict.ok ? "ok" : agent_class_name(verdict.class));
	if (verdict.ok)
		return;
	say(page, "another try: %s\n", verdict.retry ? "yes" : "no");
	if (verdict.status)
		say(page, "status: %u\n", verdict.status);
	say(page, "why: %s\n", verdict.why);
}

void capture_summary(const struct capture *capture, char out[SUMMARY_BYTES])
{
	struct agent_run *run = malloc(sizeof(*run));
	struct page page = {.at = out};
	struct agent_lines lines;

	assert_non_null(run);
	agent_run_init(run, capture->cli, NULL, NULL, NULL);
	agent_lines_init(&lines, 0);
	assert_int_equal(agent_run_feed(run, &lines, capture->at, capture->bytes), 0);
	agent_lines_end(&lines, agent_run_line, run);
	agent_lines_release(&lines);
	say(&page, "ended: %s\nsession: %s\nmodel: %s\nversion: %s\n", capture->ended, run->session.at, run->model.at,
	    run->version.at);
	say_counts(&page, run);
	say_usage(&page, run);
	say_words(&page, &run->words);
	say_verdict(&page, capture, run);
	free(run);
}

void capture_rewrite(const struct capture *capture, const char *summary)
{
	char path[512];
	FILE *file;

	expected_path(capture, path);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(summary, 1, strlen(summary), file), strlen(summary));
	assert_int_equal(fclose(file), 0);
}

size_t capture_whole(const struct capture *capture)
{
	size_t bytes = capture->bytes;

	while (bytes > 0 && (capture->at[bytes - 1] == '\n' || capture->at[bytes - 1] == ' '))
		bytes--;
	return bytes;
}
