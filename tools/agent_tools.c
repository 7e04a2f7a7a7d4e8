/* SPDX-License-Identifier: MIT
 *
 * The tools that a model is given, and the running of a call. What a model gets wrong it is told, in a sentence that says what would be accepted.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"

struct parameter {
	const char *name, *type, *sentence;
	bool required;
};

/* clang-format off */
static const struct tool_row {
	const char *name;
	loop_tool *run;
	const char *sentence;
	struct parameter parameters[6];
} rows[] = {
	{"read", loop_read, "Reads a text file. Each line comes with its number and a tab before it, which are no part of the file.", {
		{"path", "string", "the file", true},
		{"from", "integer", "first line, from 1", false},
		{"to", "integer", "last line", false}}},
	{"list", loop_list, "Lists what is in a folder, and in the folders below it.", {
		{"path", "string", "the folder; without it the current one", false},
		{"depth", "integer", "how far down, from 1; 2 without it", false}}},
	{"search", loop_search, "Finds a pattern in the text files of a folder; says file, line and text.", {
		{"pattern", "string", "a regular expression (PCRE), matched line by line", true},
		{"path", "string", "a folder or file; without it everything is searched", false},
		{"fixed", "boolean", "the pattern is plain text", false},
		{"ignore_case", "boolean", "upper and lower case alike", false}}},
	{"edit", loop_edit, "Replaces a text in a file by another. The old text must be in the file exactly once, character for character.", {
		{"path", "string", "the file", true},
		{"old", "string", "what stands there, with enough around it to be the only such place", true},
		{"new", "string", "what is to stand there", true}}},
	{"write", loop_write, "Writes a whole file, new or instead of the old one. Missing folders are made.", {
		{"path", "string", "the file", true},
		{"content", "string", "all of it", true}}},
	{"run", loop_command, "Runs a command in a shell in the current folder; says what it printed and its exit status. Nobody can type into it.", {
		{"command", "string", "for sh -c", true},
		{"seconds", "integer", "it is ended after so long", false}}},
};
/* clang-format on */

#define ROWS       (sizeof(rows) / sizeof(*rows))
#define PARAMETERS (sizeof(rows->parameters) / sizeof(*rows->parameters))

void loop_refuse(struct loop_result *out, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	out->ok = false;
	loop_append(&out->text, text, strlen(text));
}

static const struct tool_row *row_named(const char *name, size_t bytes)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strlen(rows[i].name) == bytes && memcmp(rows[i].name, name, bytes) == 0)
			return &rows[i];
	}
	return NULL;
}

bool loop_tools_has(const char *name, size_t bytes)
{
	return row_named(name, bytes) != NULL;
}

static json_t *function_of(const struct tool_row *row)
{
	json_t *properties = json_object(), *required = json_array();

	for (size_t p = 0; p < PARAMETERS && row->parameters[p].name; p++) {
		const struct parameter *parameter = &row->parameters[p];
		json_object_set_new(properties, parameter->name,
				    json_pack("{s:s, s:s}", "type", parameter->type, "description", parameter->sentence));
		if (parameter->required)
			json_array_append_new(required, json_string(parameter->name));
	}
	return json_pack("{s:s, s:s, s:{s:s, s:o, s:o}}", "name", row->name, "description", row->sentence, "parameters", "type",
			 "object", "properties", properties, "required", required);
}

json_t *loop_tools_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ROWS; i++)
		json_array_append_new(list, json_pack("{s:s, s:o}", "type", "function", "function", function_of(&rows[i])));
	return list;
}

void loop_tools_describe(struct loop_buffer *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		loop_print(out, "- %s: %s Arguments:", rows[i].name, rows[i].sentence);
		for (size_t p = 0; p < PARAMETERS && rows[i].parameters[p].name; p++) {
			const struct parameter *parameter = &rows[i].parameters[p];
			loop_print(out, "%s %s (%s%s: %s)", p ? "," : "", parameter->name, parameter->type,
				   parameter->required ? "" : ", may be left out", parameter->sentence);
		}
		loop_print(out, ".\n");
	}
}

static bool is_of_type(const json_t *value, const char *type)
{
	if (strcmp(type, "string") == 0)
		return json_is_string(value);
	return strcmp(type, "boolean") == 0 ? json_is_boolean(value) : json_is_integer(value);
}

/* Models write "3" for 3, and "true" for true; nothing else that is of the wrong type is guessed at. */
static void mend(json_t *arguments, const struct parameter *parameter)
{
	const json_t *value = json_object_get(arguments, parameter->name);
	const char *text = json_string_value(value);
	char *end;
	long number;

	if (!text || strcmp(parameter->type, "string") == 0)
		return;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		json_object_set_new(arguments, parameter->name, json_boolean(*text == 't'));
		return;
	}
	number = strtol(text, &end, 10);
	if (*text && !*end)
		json_object_set_new(arguments, parameter->name, json_integer(number));
}

static bool check_arguments(const struct tool_row *row, json_t *arguments, struct loop_result *out)
{
	for (size_t p = 0; p < PARAMETERS && row->parameters[p].name; p++) {
		const struct parameter *parameter = &row->parameters[p];
		const json_t *value;

		mend(arguments, parameter);
		value = json_object_get(arguments, parameter->name);
		if (!value || json_is_null(value)) {
			if (!parameter->required)
				continue;
			loop_refuse(out, "%s needs the argument \"%s\" (%s): %s.", row->name, parameter->name, parameter->type,
				    parameter->sentence);
			return false;
		}
		if (!is_of_type(value, parameter->type)) {
			loop_refuse(out, "The argument \"%s\" of %s has to be of type %s.", parameter->name, row->name,
				    parameter->type);
			return false;
		}
	}
	return true;
}

/* The row and the arguments of a call; NULL after loop_refuse. */
static const struct tool_row *understood(const struct loop_call *call, json_t **out_arguments, struct loop_result *out)
{
	const struct tool_row *row = row_named(call->name.at ? call->name.at : "", call->name.bytes);
	json_error_t error;

	*out_arguments = json_loadb(call->arguments.bytes ? call->arguments.at : "{}",
				    call->arguments.bytes ? call->arguments.bytes : 2, 0, &error);
	if (!json_is_object(*out_arguments))
		loop_refuse(out, "The arguments of this call are no object of JSON: line %d, column %d: %s. Nothing was done.",
			    *out_arguments ? 1 : error.line, *out_arguments ? 1 : error.column,
			    *out_arguments ? "found something else" : error.text);
	else if (!row)
		loop_refuse(out, "There is no tool \"%.100s\". The tools are read, list, search, edit, write and run.",
			    call->name.at ? call->name.at : "");
	else if (check_arguments(row, *out_arguments, out))
		return row;
	out->malformed = true;
	return NULL;
}

static void say_start(struct loop *loop, const struct loop_call *call, const json_t *arguments)
{
	static const char *const words[] = {"command", "pattern"};
	struct text path = agent_member(arguments, "path"), text = {"", 0};
	json_t *line = json_pack("{s:s, s:o, s:o}", "type", "tool_start", "id", loop_string(call->id.at, call->id.bytes), "name",
				 loop_string(call->name.at, call->name.bytes));

	for (size_t i = 0; i < 2 && !text.bytes; i++)
		text = agent_member(arguments, words[i]);
	if (path.bytes)
		json_object_set_new(line, "path", loop_string(path.at, path.bytes));
	if (text.bytes)
		json_object_set_new(line, "text", loop_string(text.at, text.bytes));
	loop_say(loop, line);
}

static void say_end(struct loop *loop, const struct loop_call *call, const struct loop_result *result)
{
	json_t *line = json_pack("{s:s, s:o, s:b}", "type", "tool_end", "id", loop_string(call->id.at, call->id.bytes), "ok",
				 result->ok);

	if (result->has_exit)
		json_object_set_new(line, "exit", json_integer(result->exit_status));
	if (!result->ok)
		json_object_set_new(line, "text",
				    loop_string(result->text.at, result->text.bytes < 400 ? result->text.bytes : 400));
	loop_say(loop, line);
	if (result->change)
		loop_say(loop, json_pack("{s:s, s:o, s:s}", "type", "file", "path",
					 loop_string(result->path, strlen(result->path)), "change", result->change));
}

/* A result has an end: what is longer is cut in the middle, and says so. */
static void bound(const struct loop *loop, struct loop_buffer *text)
{
	struct loop_buffer cut = {0};
	size_t half = loop->result_bytes / 2;

	if (text->bytes <= loop->result_bytes)
		return;
	loop_append(&cut, text->at, half);
	loop_print(&cut, "\n[… %zu bytes are left out here; ask for less …]\n", text->bytes - 2 * half);
	loop_append(&cut, text->at + text->bytes - half, half);
	loop_release(text);
	*text = cut;
}

void loop_tools_run(struct loop *loop, const struct loop_call *call, struct loop_result *out)
{
	json_t *arguments = NULL;
	const struct tool_row *row;

	*out = (struct loop_result){.ok = true};
	row = understood(call, &arguments, out);
	say_start(loop, call, arguments);
	if (row)
		row->run(loop, arguments, out);
	bound(loop, &out->text);
	say_end(loop, call, out);
	json_decref(arguments);
}
