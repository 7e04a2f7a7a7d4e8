/* SPDX-License-Identifier: MIT
 *
 * Arguments, time and answer of the tools that read a whole repository.
 */
#include "tools/reading.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clones/result.h"
#include "tools/tool.h"

#define BUDGET_MS       20000u
#define BUDGET_MS_MAX   3600000u
#define LOG_DEFAULT     1000u
#define LOG_MAX         20000u
#define ANSWER_TEXT_MAX 1000u

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int parse_number(const char *text, uint32_t most, uint32_t *out_number)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || number > most)
		return -1;
	*out_number = (uint32_t)number;
	return 0;
}

static int parse_option(struct reading *reading, const char *name, const char *value)
{
	if (!value)
		return -1;
	if (strcmp(name, "--commit") == 0) {
		reading->revision = value;
		return 0;
	}
	if (strcmp(name, "--budget-ms") == 0)
		return parse_number(value, BUDGET_MS_MAX, &reading->budget_ms);
	if (strcmp(name, "--log") == 0)
		return parse_number(value, LOG_MAX, &reading->log_max);
	return -1;
}

static int parse_arguments(struct reading *reading, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		if (!parse_option(reading, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
			continue;
		fprintf(stderr,
			"bunshin tool %s: '%s%s%s' is not understood\n"
			"usage: bunshin tool %s [--commit REVISION] [--budget-ms 0…%u] [--log 0…%u]\n",
			reading->tool, argv[i], i + 1 < argc ? " " : "", i + 1 < argc ? argv[i + 1] : "", reading->tool,
			BUDGET_MS_MAX, LOG_MAX);
		return 2;
	}
	return 0;
}

static void start_answer(struct reading *reading)
{
	char id[GIT_OID_HEXSZ + 1];

	git_oid_tostr(id, sizeof(id), git_commit_id(reading->commit));
	reading->answer = json_pack("{s:s, s:i, s:s, s:[]}", "tool", reading->tool, "schema", 1, "commit", id, "left_out");
	reading->left_out = json_object_get(reading->answer, "left_out");
	reading->no_memory = !reading->answer;
}

int reading_open(struct reading *reading, int argc, char **argv)
{
	int rc;

	*reading = (struct reading){.tool = argv[0], .budget_ms = BUDGET_MS, .log_max = LOG_DEFAULT};
	rc = parse_arguments(reading, argc, argv);
	if (rc)
		return rc;
	reading->end_ms = reading->budget_ms ? now_ms() + reading->budget_ms : 0;
	rc = tool_open_repository(&reading->repository);
	if (!rc)
		rc = tool_find_commit(reading->repository, reading->revision, &reading->commit);
	if (!rc)
		start_answer(reading);
	return rc;
}

void reading_close(struct reading *reading)
{
	json_decref(reading->answer);
	git_commit_free(reading->commit);
	git_repository_free(reading->repository);
	*reading = (struct reading){0};
}

bool reading_spent(struct reading *reading)
{
	if (reading->end_ms == 0 || reading->calls++ % 16)
		return reading->end_ms == 0;
	if (now_ms() >= reading->end_ms)
		reading->end_ms = 0; /* stays so */
	return reading->end_ms == 0;
}

void reading_set(struct reading *reading, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value))
		reading->no_memory = true;
}

void reading_append(struct reading *reading, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		reading->no_memory = true;
}

json_t *reading_array(struct reading *reading, const char *name)
{
	reading_set(reading, reading->answer, name, json_array());
	return json_object_get(reading->answer, name);
}

json_t *reading_object(struct reading *reading, const char *name)
{
	reading_set(reading, reading->answer, name, json_object());
	return json_object_get(reading->answer, name);
}

json_t *reading_text(const char *text)
{
	return text_json(text, strlen(text), ANSWER_TEXT_MAX);
}

json_t *reading_bytes(const char *text, size_t bytes)
{
	return text_json(text, bytes, ANSWER_TEXT_MAX);
}

void reading_left_out(struct reading *reading, const char *format, ...)
{
	char sentence[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	reading_append(reading, reading->left_out, reading_text(sentence));
}

int reading_print(struct reading *reading)
{
	if (reading->no_memory)
		return tool_fail(reading->tool, "out of memory");
	return tool_print(reading->answer);
}
