/* SPDX-License-Identifier: MIT
 *
 * What measured it: gcov's JSON (version 1 and 2 of the format, GCC 9 and later), coverage.py's JSON report, and V8's, as Node.js writes it with NODE_V8_COVERAGE.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/coverage.h"

#define SCRIPT_BYTES_MAX (8u << 20)

/* ---- gcov ---- */

int coverage_read_gcov(struct coverage *coverage, const json_t *document)
{
	const char *folder = json_string_value(json_object_get(document, "current_working_directory"));
	const json_t *file, *line;
	size_t i, j;
	int rc = 0;

	json_array_foreach (json_object_get(document, "files"), i, file) {
		const char *path = json_string_value(json_object_get(file, "file"));
		json_array_foreach (json_object_get(file, "lines"), j, line) {
			json_int_t number = json_integer_value(json_object_get(line, "line_number"));
			const json_t *count = json_object_get(line, "count");
			if (rc == 0 && path && number > 0 && json_is_number(count))
				rc = coverage_line(coverage, folder, path, (uint64_t)number,
						   json_number_value(count) > 0 ? LINE_COVERED : LINE_MISSED);
		}
	}
	return rc;
}

/* ---- coverage.py ---- */

static int read_lines(struct coverage *coverage, const char *path, const json_t *lines, enum line_state state)
{
	const json_t *line;
	size_t i;
	int rc = 0;

	json_array_foreach (lines, i, line)
		if (rc == 0 && json_integer_value(line) > 0)
			rc = coverage_line(coverage, NULL, path, (uint64_t)json_integer_value(line), state);
	return rc;
}

int coverage_read_python(struct coverage *coverage, const json_t *document)
{
	const char *path;
	json_t *file;
	int rc = 0;

	json_object_foreach (json_object_get(document, "files"), path, file) {
		if (rc == 0)
			rc = read_lines(coverage, path, json_object_get(file, "executed_lines"), LINE_COVERED);
		if (rc == 0)
			rc = read_lines(coverage, path, json_object_get(file, "missing_lines"), LINE_MISSED);
	}
	return rc;
}

/* ---- V8: ranges of UTF-16 units, the inner ones after the outer ones ---- */

struct script {
	char *text;
	size_t bytes;
	uint8_t *ran;    /* for each byte: 1 missed, 2 covered */
	size_t *byte_of; /* for each UTF-16 unit, and the end */
	size_t units;
};

static void script_release(struct script *script)
{
	free(script->text);
	free(script->ran);
	free(script->byte_of);
}

/* In the sandbox, where nothing else than the repository can be read; a link leads nowhere else either. */
static char *text_of(const char *path, size_t *out_bytes)
{
	struct stat status;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SCRIPT_BYTES_MAX)
		text = malloc((size_t)status.st_size + 1);
	ssize_t got = text ? read(fd, text, (size_t)status.st_size) : -1;
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	*out_bytes = (size_t)got;
	text[got] = '\0';
	return text;
}

/* A character beyond the first plane, four bytes of UTF-8, is two units; any other one, and any byte that begins none, is one. */
static void map_units(struct script *script)
{
	for (size_t at = 0; at < script->bytes;) {
		unsigned char first = (unsigned char)script->text[at];
		size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
		script->byte_of[script->units++] = at;
		if (bytes == 4)
			script->byte_of[script->units++] = at;
		at = script->bytes - at < bytes ? script->bytes : at + bytes;
	}
	script->byte_of[script->units] = script->bytes;
}

static bool script_open(struct script *script, const char *path)
{
	*script = (struct script){.text = text_of(path, &script->bytes)};
	if (script->text)
		script->bytes = strlen(script->text);
	script->ran = script->text ? calloc(script->bytes + 1, 1) : NULL;
	script->byte_of = script->text ? calloc(script->bytes + 2, sizeof(*script->byte_of)) : NULL;
	if (script->ran && script->byte_of) {
		map_units(script);
		return true;
	}
	script_release(script);
	return false;
}

static void paint(struct script *script, const json_t *range)
{
	json_int_t from = json_integer_value(json_object_get(range, "startOffset")),
		   to = json_integer_value(json_object_get(range, "endOffset"));

	if (from < 0 || to < from || (size_t)from > script->units)
		return;
	size_t end = (size_t)to > script->units ? script->units : (size_t)to;
	memset(script->ran + script->byte_of[from], json_number_value(json_object_get(range, "count")) > 0 ? 2 : 1,
	       script->byte_of[end] - script->byte_of[from]);
}

/* Where on the line something stands that can be executed; NULL: only white space, brackets or a comment does. */
static const char *first_code(const char *line, const char *end)
{
	while (line < end && (isspace((unsigned char)*line) || strchr("{}()[];,", *line)))
		line++;
	if (line == end || (line + 1 < end && line[0] == '/' && (line[1] == '/' || line[1] == '*')) || *line == '*')
		return NULL;
	return line;
}

static int take_lines(struct coverage *coverage, const struct script *script, const char *path)
{
	const char *line = script->text, *end = script->text + script->bytes;
	int rc = 0;

	for (uint64_t number = 1; rc == 0 && line < end; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *code = first_code(line, newline ? newline : end);
		if (code && script->ran[code - script->text])
			rc = coverage_line(coverage, NULL, path, number,
					   script->ran[code - script->text] == 2 ? LINE_COVERED : LINE_MISSED);
		line = newline ? newline + 1 : end;
	}
	return rc;
}

static int read_script(struct coverage *coverage, const json_t *result)
{
	const char *url = json_string_value(json_object_get(result, "url"));
	const json_t *function, *range;
	struct script script;
	size_t i, j;

	if (!url || strncmp(url, "file://" COVERAGE_ROOT, 7 + sizeof(COVERAGE_ROOT) - 1) != 0 || strstr(url, "/node_modules/") ||
	    strchr(url, '%') || !script_open(&script, url + 7))
		return 0;
	json_array_foreach (json_object_get(result, "functions"), i, function)
		json_array_foreach (json_object_get(function, "ranges"), j, range)
			paint(&script, range);
	int rc = take_lines(coverage, &script, url + 7);
	script_release(&script);
	return rc;
}

int coverage_read_v8(struct coverage *coverage, const json_t *document)
{
	const json_t *result;
	size_t i;
	int rc = 0;

	json_array_foreach (json_object_get(document, "result"), i, result)
		if (rc == 0)
			rc = read_script(coverage, result);
	return rc;
}
