/* SPDX-License-Identifier: MIT
 *
 * bunshin tool coverage gcov|python|v8: reads JSON documents, one after the other, on stdin and prints which lines of the files below /work were executed.
 */
#include "tools/coverage.h"

#include <stdio.h>
#include <string.h>

#include "tools/tool.h"

typedef int read_function(struct coverage *coverage, const json_t *document);

static const struct {
	const char *name;
	read_function *read;
} formats[] = {{"gcov", coverage_read_gcov}, {"python", coverage_read_python}, {"v8", coverage_read_v8}};

static read_function *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (name && strcmp(formats[i].name, name) == 0)
			return formats[i].read;
	return NULL;
}

/* Up to the first thing that is no JSON. */
static int read_all(struct coverage *coverage, read_function *read)
{
	int rc = 0, next;

	while (rc == 0 && (next = getc(stdin)) != EOF) {
		if (next == '\n' || next == ' ')
			continue;
		ungetc(next, stdin);
		json_t *document = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL);
		if (!document)
			break;
		rc = read(coverage, document);
		json_decref(document);
	}
	return rc;
}

int tool_coverage(int argc, char **argv)
{
	read_function *read = argc == 2 ? format_find(argv[1]) : NULL;
	struct coverage *coverage = read ? coverage_new() : NULL;

	if (!read) {
		fputs("usage: bunshin tool coverage gcov|python|v8 < DOCUMENTS\n", stderr);
		return 2;
	}
	json_t *answer = coverage && read_all(coverage, read) == 0 ? coverage_json(coverage) : NULL;
	coverage_free(coverage);
	int rc = answer ? tool_print(answer) : tool_fail("coverage", "out of memory");
	json_decref(answer);
	return rc;
}
