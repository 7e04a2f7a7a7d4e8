/* SPDX-License-Identifier: MIT
 *
 * Lists, drawn by libsmartcols where a person looks.
 */
#include "cli/listing.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"

#define STREAM_ROWS 500u /* drawn together */

/* ---- one cell ---- */

static const json_t *value_of(const json_t *row, const char *key)
{
	const char *dot = strchr(key, '.');
	char name[64];

	if (!dot)
		return json_object_get(row, key);
	snprintf(name, sizeof(name), "%.*s", (int)(dot - key), key);
	return value_of(json_object_get(row, name), dot + 1);
}

static char *print_number(const json_t *value)
{
	char *text = NULL;
	int rc;

	if (json_is_real(value))
		rc = asprintf(&text, "%.2f", json_real_value(value));
	else
		rc = asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return need(rc < 0 ? NULL : text);
}

static char *print_list(const json_t *value)
{
	char *all = need(strdup(""));
	const json_t *item;
	size_t i;

	json_array_foreach (value, i, item) {
		char *text = json_is_string(item) ? text_of_message(json_string_value(item), json_string_length(item)) : NULL;
		char *longer = NULL;
		if (asprintf(&longer, "%s%s%s", all, i ? ", " : "", text ? text : "…") < 0)
			longer = need(NULL);
		free(text);
		free(all);
		all = longer;
	}
	return all;
}

static char *print_time(const char *text)
{
	char local[TIME_TEXT_BYTES];

	time_print_local(time_read_utc(text), local);
	return need(strdup(local));
}

static char *print_span(const json_t *value)
{
	char text[SPAN_TEXT_BYTES];

	span_print((uint64_t)json_integer_value(value), text);
	return need(strdup(text));
}

static char *print_short_id(const char *text)
{
	size_t bytes = strlen(text);
	char *brief = NULL;

	if (bytes != 36)
		return need(strdup(text));
	return need(asprintf(&brief, "…%s", text + 24) < 0 ? NULL : brief);
}

/* The text of a cell, not yet safe. `people`: for a terminal. */
static char *print_value(const json_t *value, enum column_kind kind, bool people)
{
	const char *text = json_string_value(value);

	if (!value || json_is_null(value))
		return need(strdup(people ? "-" : ""));
	if (json_is_boolean(value))
		return need(strdup(json_is_true(value) ? "yes" : "no"));
	if (json_is_array(value))
		return print_list(value);
	if (json_is_number(value))
		return people && kind == COLUMN_SPAN ? print_span(value) : print_number(value);
	if (json_is_object(value))
		return json_safe(value, JSON_COMPACT);
	if (people && kind == COLUMN_TIME)
		return print_time(text);
	if (people && kind == COLUMN_ID)
		return print_short_id(text);
	return need(strdup(text));
}

static char *print_cell(const json_t *row, const struct column *column, bool people)
{
	const json_t *value = value_of(row, column->key);
	bool plain = json_is_string(value) && column->kind != COLUMN_TIME && column->kind != COLUMN_ID;
	char *text = plain ? NULL : print_value(value, column->kind, people);
	char *safe = plain ? text_safe(json_string_value(value), json_string_length(value)) : text_safe(text, strlen(text));

	free(text);
	return safe;
}

static const char *color_of(const char *word)
{
	static const char *const colors[][2] = {
		{"completed", "green"},  {"complete", "green"},    {"alive", "green"},    {"ready", "green"},
		{"ok", "green"},         {"running", "cyan"},      {"assigned", "cyan"},  {"accepted", "blue"},
		{"waiting", "yellow"},   {"cancelling", "yellow"}, {"late", "yellow"},    {"expired", "red"},
		{"failed", "red"},       {"lost", "red"},          {"given_up", "red"},   {"problem", "red"},
		{"cancelled", "yellow"}, {"draining", "yellow"},   {"warning", "yellow"}, {"backoff", "yellow"},
		{"critical", "red"},     {"error", "red"},
	};

	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
		if (strcmp(word, colors[i][0]) == 0)
			return colors[i][1];
	}
	return NULL;
}

/* ---- a table ---- */

static bool for_people(const struct call *call)
{
	return isatty(STDOUT_FILENO) || strcmp(setting(&call->settings, SETTING_color), "always") == 0;
}

static struct libscols_table *table_new(const struct call *call, const struct column *columns)
{
	struct libscols_table *table = need(scols_new_table());

	scols_table_enable_noencoding(table, 1); /* cells are safe already */
	scols_table_enable_colors(table, call->color_out);
	for (const struct column *column = columns; column->heading; column++) {
		bool right = column->kind == COLUMN_NUMBER || column->kind == COLUMN_SPAN;
		bool prose = column->kind == COLUMN_PROSE;
		int flags = (right ? SCOLS_FL_RIGHT : 0) | (column->cut ? SCOLS_FL_TRUNC : 0) | (prose ? SCOLS_FL_WRAP : 0);
		struct libscols_column *made =
			need(scols_table_new_column(table, column->heading, column->cut || prose ? 0.1 : 1.0, flags));
		if (prose) /* its lines are made below; a line feed is in no other cell */
			scols_column_set_wrapfunc(made, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
	}
	return table;
}

/* ---- prose: one column whose text goes on in the next line, broken between words ---- */

#define PROSE_LEAST 24u /* narrower than this it is left to the table */

/* Characters as they stand on a terminal, nearly: all count as one wide. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((uint8_t)*text & 0xc0) != 0x80;
	return width;
}

/* What the other columns leave for the prose; 0: there is none, or no terminal, or hardly any room. */
static size_t room_for_prose(const json_t *rows, const struct column *columns)
{
	struct winsize size = {0};
	size_t used = 0, prose = 0, i;
	const json_t *row;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	for (const struct column *column = columns; column->heading; column++) {
		size_t widest = width_of(column->heading);
		prose += column->kind == COLUMN_PROSE;
		if (column->kind == COLUMN_PROSE)
			continue;
		json_array_foreach (rows, i, row) {
			char *text = print_cell(row, column, true);
			widest = width_of(text) > widest ? width_of(text) : widest;
			free(text);
		}
		used += widest + 1;
	}
	return prose == 1 && size.ws_col > used + PROSE_LEAST ? size.ws_col - used : 0;
}

/* Where a line of at most `room` characters ends: after its last word, or within a word that is longer than that. */
static size_t line_end(const char *text, size_t room)
{
	size_t bytes = 0, space = 0;

	for (size_t width = 0; text[bytes]; bytes++) {
		bool begins = ((uint8_t)text[bytes] & 0xc0) != 0x80;
		if (begins && width++ == room)
			return space ? space : bytes;
		if (text[bytes] == ' ')
			space = bytes;
	}
	return bytes;
}

/* Takes `text` over. */
static char *wrap(char *text, size_t room)
{
	size_t capacity = 2 * strlen(text) + 1, used = 0;
	char *wrapped = need(malloc(capacity));

	for (const char *at = text; *at;) {
		size_t bytes = line_end(at, room);
		memcpy(wrapped + used, at, bytes);
		used += bytes;
		at += bytes;
		at += *at == ' ';
		if (*at)
			wrapped[used++] = '\n';
	}
	wrapped[used] = 0;
	free(text);
	return wrapped;
}

static void table_row(struct libscols_table *table, const struct column *columns, const json_t *row, bool color, size_t room)
{
	struct libscols_line *line = need(scols_table_new_line(table, NULL));

	for (size_t i = 0; columns[i].heading; i++) {
		char *text = print_cell(row, &columns[i], true);
		if (room && columns[i].kind == COLUMN_PROSE)
			text = wrap(text, room);
		const char *name = color && columns[i].kind == COLUMN_STATE ? color_of(text) : NULL;
		if (name)
			scols_cell_set_color(scols_line_get_cell(line, i), name);
		scols_line_refer_data(line, i, text); /* the table frees it */
	}
}

static void print_plain(const struct column *columns, const json_t *row)
{
	for (size_t i = 0; columns[i].heading; i++) {
		char *text = print_cell(row, &columns[i], false);
		printf("%s%s", i ? "\t" : "", text);
		free(text);
	}
	putchar('\n');
}

static void print_list_of(const struct call *call, json_t *rows, const struct column *columns)
{
	struct libscols_table *table = for_people(call) ? table_new(call, columns) : NULL;
	size_t room = table ? room_for_prose(rows, columns) : 0;
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (table)
			table_row(table, columns, row, call->color_out, room);
		else
			print_plain(columns, row);
	}
	if (table)
		scols_print_table(table);
	scols_unref_table(table);
}

int listing_print(const struct call *call, const char *name, json_t *rows, const struct column *columns, const char *empty)
{
	if (call->json)
		return print_json(json_pack("{s:o}", name, rows));
	if (json_array_size(rows) > 0)
		print_list_of(call, rows, columns);
	else if (empty)
		call_note(call, "%s", empty);
	json_decref(rows);
	return 0;
}

/* ---- rows as they come ---- */

struct stream {
	const struct call *call;
	const struct column *columns;
	struct libscols_table *table; /* NULL: none pending */
	unsigned pending;
	bool begun;
};

struct stream *stream_new(const struct call *call, const struct column *columns)
{
	struct stream *stream = need(calloc(1, sizeof(*stream)));

	stream->call = call;
	stream->columns = columns;
	return stream;
}

void stream_row(struct stream *stream, json_t *row)
{
	if (stream->call->json) {
		char *text = json_safe(row, JSON_COMPACT);
		puts(text);
		free(text);
	} else if (!for_people(stream->call)) {
		print_plain(stream->columns, row);
	} else {
		if (!stream->table)
			stream->table = table_new(stream->call, stream->columns);
		table_row(stream->table, stream->columns, row, stream->call->color_out, 0);
		if (++stream->pending == STREAM_ROWS)
			stream_flush(stream);
	}
	json_decref(row);
}

void stream_flush(struct stream *stream)
{
	if (stream->table) {
		scols_table_enable_noheadings(stream->table, stream->begun);
		scols_print_table(stream->table);
		scols_unref_table(stream->table);
		stream->table = NULL;
		stream->pending = 0;
		stream->begun = true;
	}
	fflush(stdout);
}

void stream_free(struct stream *stream)
{
	stream_flush(stream);
	free(stream);
}

int print_json(json_t *json)
{
	char *text = json_safe(need(json), JSON_INDENT(2));

	puts(text);
	free(text);
	json_decref(json);
	return 0;
}

void print_facts(const struct call *call, json_t *object, const struct column *columns)
{
	bool people = for_people(call);

	for (const struct column *column = columns; column->heading; column++) {
		char *text = print_cell(object, column, people);
		const char *open = "", *close = "";
		if (call->color_out && column->kind == COLUMN_STATE && color_of(text)) {
			open = strcmp(color_of(text), "green") == 0 ? "\033[32m"
			       : strcmp(color_of(text), "red") == 0 ? "\033[31m"
								    : "\033[33m";
			close = "\033[0m";
		}
		if (!people)
			printf("%s\t%s\n", column->heading, text);
		else if (strcmp(text, "-") != 0)
			printf("%-14s %s%s%s\n", column->heading, open, text, close);
		free(text);
	}
}
