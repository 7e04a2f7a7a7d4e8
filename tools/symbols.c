/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool symbols [--commit REV] [--budget-ms N]`: what the files of a commit offer, and whether it is documented.
 *
 *   {"tool": "symbols", "schema": 1, "commit",
 *    "files": [{"path", "language", "symbols": [[name, kind, line, documented (0 or 1)]], "exported", "documented", "private"}],
 *    "totals": [{"language", "kind", "exported", "documented"}], "not_read": [{"path", "reason"}], "left_out"}
 *
 * Listed are exported symbols of C, Python, JavaScript, TypeScript and shell (see symbols.h for what that means); "private"
 * counts the others. A C function that a header declares is listed there, its definition is not a second one.
 */
#include "tools/symbols.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/comment.h"
#include "tools/function.h"
#include "tools/language.h"
#include "tools/reading.h"
#include "tools/source.h"
#include "tools/tool.h"

#define LISTED_MAX    40000u
#define NOT_READ_MAX  500u
#define LANGUAGES_MAX 8u

const char *symbol_kind_name(enum symbol_kind kind)
{
	static const char *const names[] = {"function", "method", "class", "type", "macro", "module"};

	return names[kind];
}

void symbol_add(struct symbols *symbols, const struct symbol *symbol)
{
	if (symbols->count == symbols->room) {
		size_t room = symbols->room ? symbols->room * 2 : 256;
		struct symbol *at = reallocarray(symbols->at, room, sizeof(*at));

		if (!at) {
			symbols->no_memory = true;
			return;
		}
		symbols->at = at;
		symbols->room = room;
	}
	symbols->at[symbols->count++] = *symbol;
}

void symbol_name(char name[SYMBOL_NAME_BYTES], const struct tokens *tokens, uint32_t first, uint32_t end)
{
	size_t used = strlen(name);

	for (uint32_t i = first; i < end; i++) {
		size_t bytes = tokens->at[i].bytes;

		if (bytes > SYMBOL_NAME_BYTES - 1 - used)
			bytes = SYMBOL_NAME_BYTES - 1 - used;
		memcpy(name + used, tokens->text + tokens->at[i].start, bytes);
		used += bytes;
	}
	name[used] = 0;
}

void symbols_read_shell(struct symbols *symbols, uint32_t file, const struct tokens *tokens)
{
	struct functions functions = {0};
	uint32_t token = 0;

	functions_find(&functions, LEXED_SHELL, tokens);
	symbols->no_memory |= functions.no_memory;
	for (uint32_t i = 0; i < functions.count; i++) {
		struct symbol symbol = {.kind = SYMBOL_FUNCTION, .file = file, .line = functions.at[i].line};

		while (token < tokens->count && (tokens->at[token].nested || tokens->at[token].line < symbol.line))
			token++;
		symbol.exported = functions.at[i].name[0] != '_';
		symbol.documented = token < tokens->count && comment_above(tokens, token, LEXED_SHELL);
		strncat(symbol.name, functions.at[i].name, sizeof(symbol.name) - 1);
		symbol_add(symbols, &symbol);
	}
	functions_release(&functions);
}

static int by_name(const void *left, const void *right)
{
	const struct symbol *const *a = left, *const *b = right;
	int rc = (*a)->kind == (*b)->kind ? strcmp((*a)->name, (*b)->name) : (*a)->kind < (*b)->kind ? -1 : 1;

	if (!rc)
		rc = ((*b)->declared - (*a)->declared);
	return rc ? rc : (*a < *b ? -1 : *a > *b);
}

/* `typedef struct a a;` and `struct a { … };` in one file are one type. */
static void join_types(struct symbol **group, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (group[i]->file != group[0]->file)
			continue;
		group[0]->documented |= group[i]->documented;
		group[i]->exported = false;
	}
}

/* Whether a definition tells about a declaration: it lies in the same folder, or none of that name does. */
static bool speaks_for(struct symbol *const *group, size_t count, const struct symbol *declared, const struct symbol *definition)
{
	if (definition->folder == declared->folder)
		return true;
	for (size_t i = 0; i < count; i++)
		if (!group[i]->declared && group[i]->exported && group[i]->folder == declared->folder)
			return false;
	return true;
}

static bool documented_anywhere(struct symbol *const *group, size_t count, const struct symbol *declared)
{
	bool documented = declared->documented;

	for (size_t i = 0; i < count; i++)
		if (group[i]->documented && group[i]->exported && speaks_for(group, count, declared, group[i]))
			documented = true;
	return documented;
}

/* All of one name; those that headers declare come first. */
static void join_functions(struct symbol **group, size_t count)
{
	size_t headers = 0;

	while (headers < count && group[headers]->declared)
		headers++;
	for (size_t i = 0; i < headers; i++)
		group[i]->documented = documented_anywhere(group, count, group[i]);
	for (size_t i = 1; i < headers; i++)
		for (size_t j = 0; j < i; j++)
			if (group[j]->folder == group[i]->folder)
				group[i]->exported = false;
	for (size_t i = headers; headers > 0 && i < count; i++)
		group[i]->exported = false;
}

static void join_group(struct symbol **group, size_t count)
{
	if (group[0]->kind == SYMBOL_FUNCTION) {
		join_functions(group, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (i == 0 || group[i]->file != group[i - 1]->file)
			join_types(group + i, count - i);
}

void symbols_join_c(struct symbols *symbols)
{
	struct symbol **sorted = calloc(symbols->count + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted) {
		symbols->no_memory = true;
		return;
	}
	for (size_t i = 0; i < symbols->count; i++)
		if (symbols->at[i].kind == SYMBOL_FUNCTION || symbols->at[i].kind == SYMBOL_TYPE)
			sorted[count++] = &symbols->at[i];
	qsort(sorted, count, sizeof(sorted[0]), by_name);
	for (size_t first = 0, end; first < count; first = end) {
		for (end = first + 1; end < count && sorted[end]->kind == sorted[first]->kind &&
				      strcmp(sorted[end]->name, sorted[first]->name) == 0;
		     end++)
			;
		join_group(sorted + first, end - first);
	}
	free(sorted);
}

struct file {
	char *path;
	const char *language;
	size_t last; /* behind its last symbol */
};

struct total {
	const char *language;
	uint32_t exported[SYMBOL_KINDS], documented[SYMBOL_KINDS];
};

struct catalogue {
	struct reading reading;
	struct symbols symbols;
	struct symbols c; /* apart, so that they can be joined */
	struct names *folders;
	struct file *files;
	uint32_t file_count, file_room;
	struct total totals[LANGUAGES_MAX];
	size_t listed, unlisted, unread;
	json_t *not_read;
};

static void note_unread(struct catalogue *catalogue, const char *path, const char *reason)
{
	if (catalogue->unread++ < NOT_READ_MAX)
		reading_append(&catalogue->reading, catalogue->not_read,
			       json_pack("{s:o, s:s}", "path", reading_text(path), "reason", reason));
}

static bool file_add(struct catalogue *catalogue, const char *path, const char *language)
{
	if (catalogue->file_count == catalogue->file_room) {
		uint32_t room = catalogue->file_room ? catalogue->file_room * 2 : 256;
		struct file *files = reallocarray(catalogue->files, room, sizeof(*files));

		if (!files)
			return false;
		catalogue->files = files;
		catalogue->file_room = room;
	}
	catalogue->files[catalogue->file_count] = (struct file){.path = strdup(path), .language = language};
	return catalogue->files[catalogue->file_count++].path != NULL;
}

static bool is_header(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".h") == 0 || strcmp(dot, ".hh") == 0 || strcmp(dot, ".hpp") == 0 || strcmp(dot, ".hxx") == 0);
}

static void module_name(const char *path, char *out, size_t room)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, room, "%s", slash ? slash + 1 : path);
	out[strcspn(out, ".")] = 0;
}

static void read_c(struct catalogue *catalogue, uint32_t file, const char *path, const struct tokens *tokens)
{
	const char *slash = strrchr(path, '/');
	size_t next = catalogue->c.count;
	uint32_t folder = names_add(catalogue->folders, path, slash ? (size_t)(slash - path) : 0);

	catalogue->reading.no_memory |= folder == NAMES_NONE;
	symbols_read_c(&catalogue->c, file, is_header(path), tokens);
	for (; next < catalogue->c.count; next++)
		catalogue->c.at[next].folder = folder;
}

static void read_tokens(struct catalogue *catalogue, uint32_t file, const char *path, enum lexed lexed,
			const struct tokens *tokens)
{
	char module[SYMBOL_NAME_BYTES];

	module_name(path, module, sizeof(module));
	if (lexed == LEXED_C)
		read_c(catalogue, file, path, tokens);
	else if (lexed == LEXED_PYTHON)
		symbols_read_python(&catalogue->symbols, file, module, tokens);
	else if (lexed == LEXED_JAVASCRIPT)
		symbols_read_script(&catalogue->symbols, file, tokens);
	else if (lexed == LEXED_SHELL)
		symbols_read_shell(&catalogue->symbols, file, tokens);
}

static void read_source(struct catalogue *catalogue, const struct source *source, const char *language, enum lexed lexed)
{
	struct tokens tokens;
	uint32_t file = catalogue->file_count;

	if (!file_add(catalogue, source->path, language)) {
		catalogue->reading.no_memory = true;
		return;
	}
	tokens_init(&tokens, source->text, source->bytes);
	lex(lexed, &tokens);
	if (tokens.cut)
		note_unread(catalogue, source->path, "it has more words than are read; what follows is not listed");
	catalogue->reading.no_memory |= tokens.no_memory;
	read_tokens(catalogue, file, source->path, lexed, &tokens);
	tokens_release(&tokens);
}

static int visit(const struct source *source, void *context)
{
	struct catalogue *catalogue = context;
	const char *language = language_of_path(source->path);
	enum lexed lexed;

	if (!language && source->text)
		language = language_of_shebang(source->text, source->bytes);
	lexed = lexed_of(language);
	if (lexed == LEXED_NONE)
		return 0;
	if (source->skipped)
		note_unread(catalogue, source->path, source->skipped);
	else if (reading_spent(&catalogue->reading))
		note_unread(catalogue, source->path, "the time was over");
	else
		read_source(catalogue, source, language, lexed);
	catalogue->reading.no_memory |= catalogue->symbols.no_memory || catalogue->c.no_memory;
	return catalogue->reading.no_memory;
}

static void count_total(struct catalogue *catalogue, const char *language, const struct symbol *symbol)
{
	for (size_t i = 0; i < LANGUAGES_MAX; i++) {
		struct total *total = &catalogue->totals[i];

		if (total->language && strcmp(total->language, language) != 0)
			continue;
		total->language = language;
		total->exported[symbol->kind]++;
		total->documented[symbol->kind] += symbol->documented;
		return;
	}
}

static int by_place(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return strcmp(a->name, b->name);
}

static json_t *symbol_json(struct catalogue *catalogue, const struct symbol *symbol)
{
	json_t *json = json_array();

	reading_append(&catalogue->reading, json, reading_text(symbol->name));
	reading_append(&catalogue->reading, json, json_string(symbol_kind_name(symbol->kind)));
	reading_append(&catalogue->reading, json, json_integer(symbol->line));
	reading_append(&catalogue->reading, json, json_integer(symbol->documented));
	return json;
}

/* The symbols of one file, from *next on. */
static void list_file(struct catalogue *catalogue, json_t *list, uint32_t file, size_t *next)
{
	json_t *symbols = json_array();
	size_t exported = 0, documented = 0, hidden = 0;

	for (; *next < catalogue->symbols.count && catalogue->symbols.at[*next].file == file; (*next)++) {
		const struct symbol *symbol = &catalogue->symbols.at[*next];

		if (!symbol->exported) {
			hidden++;
			continue;
		}
		exported++;
		documented += symbol->documented;
		count_total(catalogue, catalogue->files[file].language, symbol);
		if (catalogue->listed++ < LISTED_MAX)
			reading_append(&catalogue->reading, symbols, symbol_json(catalogue, symbol));
	}
	if (!exported && !hidden) {
		json_decref(symbols);
		return;
	}
	reading_append(&catalogue->reading, list,
		       json_pack("{s:o, s:s, s:o, s:I, s:I, s:I}", "path", reading_text(catalogue->files[file].path), "language",
				 catalogue->files[file].language, "symbols", symbols, "exported", (json_int_t)exported,
				 "documented", (json_int_t)documented, "private", (json_int_t)hidden));
}

static void list_totals(struct catalogue *catalogue)
{
	json_t *list = reading_array(&catalogue->reading, "totals");

	for (size_t i = 0; i < LANGUAGES_MAX && catalogue->totals[i].language; i++)
		for (int kind = 0; kind < SYMBOL_KINDS; kind++)
			if (catalogue->totals[i].exported[kind])
				reading_append(&catalogue->reading, list,
					       json_pack("{s:s, s:s, s:I, s:I}", "language", catalogue->totals[i].language,
							 "kind", symbol_kind_name((enum symbol_kind)kind), "exported",
							 (json_int_t)catalogue->totals[i].exported[kind], "documented",
							 (json_int_t)catalogue->totals[i].documented[kind]));
}

static int answer(struct catalogue *catalogue)
{
	json_t *files = reading_array(&catalogue->reading, "files");
	size_t next = 0;
	int rc;

	catalogue->not_read = reading_array(&catalogue->reading, "not_read");
	rc = source_each(catalogue->reading.repository, catalogue->reading.commit, false, visit, catalogue);
	if (rc)
		return catalogue->reading.no_memory ? tool_fail("symbols", "out of memory") : rc;
	symbols_join_c(&catalogue->c);
	for (size_t i = 0; i < catalogue->c.count; i++)
		symbol_add(&catalogue->symbols, &catalogue->c.at[i]);
	catalogue->reading.no_memory |= catalogue->c.no_memory || catalogue->symbols.no_memory;
	if (catalogue->symbols.count)
		qsort(catalogue->symbols.at, catalogue->symbols.count, sizeof(catalogue->symbols.at[0]), by_place);
	for (uint32_t file = 0; file < catalogue->file_count; file++)
		list_file(catalogue, files, file, &next);
	list_totals(catalogue);
	if (catalogue->listed > LISTED_MAX)
		reading_left_out(&catalogue->reading, "%zu symbols are counted, but not listed: the list ends at %u.",
				 catalogue->listed - LISTED_MAX, LISTED_MAX);
	if (catalogue->unread)
		reading_left_out(&catalogue->reading, "%zu source files were not read whole.", catalogue->unread);
	return reading_print(&catalogue->reading);
}

int tool_symbols(int argc, char **argv)
{
	struct catalogue catalogue = {.folders = names_new()};
	int rc = reading_open(&catalogue.reading, argc, argv);

	if (!rc)
		rc = catalogue.folders ? answer(&catalogue) : tool_fail("symbols", "out of memory");
	names_free(catalogue.folders);
	for (uint32_t i = 0; i < catalogue.file_count; i++)
		free(catalogue.files[i].path);
	free(catalogue.files);
	free(catalogue.symbols.at);
	free(catalogue.c.at);
	reading_close(&catalogue.reading);
	return rc;
}
