/* SPDX-License-Identifier: MIT
 *
 * The documents in docs/ are what the code prints. `bunshin protocol --markdown` and `--json` write them anew; so does this
 * program with the argument --write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/document.h"
#include "protocol/json.h"

#define MARKDOWN SOURCE_DIR "/docs/protocol.md"
#define JSON     SOURCE_DIR "/docs/protocol.json"

static void print_markdown(struct buffer *out)
{
	if (protocol_markdown(out) || buffer_append(out, "", 1))
		abort();
}

static void print_json(struct buffer *out)
{
	json_t *json = protocol_to_json();
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;

	if (!text || buffer_append(out, text, strlen(text)) || buffer_append(out, "\n", 2))
		abort();
	free(text);
	json_decref(json);
}

static void read_file(const char *path, struct buffer *out)
{
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t bytes;

	assert_non_null(file);
	while ((bytes = fread(piece, 1, sizeof(piece), file)) > 0)
		assert_int_equal(buffer_append(out, piece, bytes), 0);
	assert_int_equal(buffer_append(out, "", 1), 0);
	fclose(file);
}

static void assert_file_is(const char *path, void (*print)(struct buffer *out))
{
	struct buffer stored = {0}, printed = {0};

	read_file(path, &stored);
	print(&printed);
	assert_string_equal((const char *)stored.at, (const char *)printed.at);
	buffer_release(&stored);
	buffer_release(&printed);
}

static void test_the_markdown_document_is_what_the_code_prints(void **state)
{
	(void)state;
	assert_file_is(MARKDOWN, print_markdown);
}

static void test_the_json_document_is_what_the_code_prints(void **state)
{
	(void)state;
	assert_file_is(JSON, print_json);
}

static int write_file(const char *path, void (*print)(struct buffer *out))
{
	struct buffer printed = {0};
	FILE *file = fopen(path, "w");

	if (!file)
		return 1;
	print(&printed);
	fwrite(printed.at, 1, printed.bytes - 1, file);
	buffer_release(&printed);
	return fclose(file) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_markdown_document_is_what_the_code_prints),
		cmocka_unit_test(test_the_json_document_is_what_the_code_prints),
	};

	if (argc > 1 && strcmp(argv[1], "--write") == 0)
		return write_file(MARKDOWN, print_markdown) | write_file(JSON, print_json);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
